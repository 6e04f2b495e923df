/* Names become relations. See resolve.h. References are taken one after the other; a topic whose
 * implicit stream may have other columns by now is looked at first (look.h), and then the catalog
 * is asked again. */
#include "broker/core/resolve.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/look.h"
#include "broker/core/stream.h"
#include "broker/core/system_tables.h"
#include "broker/core/view.h"

/* Looks at one topic that others were faster than, before what they found is taken. */
#define CORE_RESOLVE_LOOKS_MAX 3u

static void core_resolve_go_on(struct rt_op *op);
static void core_resolve_turn(struct core_resolve *resolve);
static bool core_resolve_one(struct core_resolve *resolve);
static bool core_resolve_public(struct core_resolve *resolve);
static bool core_resolve_look(struct core_resolve *resolve, const struct core_catalog_match *match);
static void core_resolve_looked(struct core_look *look);
static bool core_resolve_make(struct core_resolve *resolve, const struct core_catalog_match *match);
static bool core_resolve_make_view(struct core_resolve *resolve,
                                   const struct core_catalog_match *match);
static bool core_resolve_fail(struct core_resolve *resolve, enum core_code code, const char *state,
                              const char *message);
static bool core_resolve_is_schema(const struct sql_name *schema, const char *name);

void core_resolve_start(struct core_shard *cs, struct core_resolve *resolve)
{
    resolve->cs = cs;
    resolve->code = CORE_OK;
    resolve->state = NULL;
    resolve->message[0] = '\0';
    resolve->failed = 0;
    resolve->look = NULL;
    resolve->next = 0;
    resolve->looks_count = 0;
    resolve->is_looked = false;
    resolve->is_canceled = false;
    resolve->relations = NULL;
    rt_op_init(&resolve->op, cs->shard, core_resolve_go_on);
    rt_op_defer(&resolve->op);
}

void core_resolve_cancel(struct core_resolve *resolve)
{
    resolve->is_canceled = true;
    if (resolve->look != NULL) {
        core_look_cancel(resolve->look);
    }
}

uint64_t core_resolve_version(const struct core_shard *cs)
{
    return cs->catalog->names_version;
}

const char *core_resolve_name_at(void *ctx, uint32_t i)
{
    const struct core_shard *cs = ctx;
    struct core_tree_walk walk;
    core_catalog_walk_views(&walk, cs->catalog);
    for (const struct core_view *view = core_catalog_next_view(&walk); view != NULL;
         view = core_catalog_next_view(&walk)) {
        if (i-- == 0) {
            return view->name;
        }
    }
    core_catalog_walk_streams(&walk, cs->catalog);
    for (const struct core_stream *stream = core_catalog_next_stream(&walk); stream != NULL;
         stream = core_catalog_next_stream(&walk)) {
        if (stream->is_declared && i-- == 0) {
            return stream->name;
        }
    }
    core_catalog_walk(&walk, cs->catalog, NULL, 0);
    for (const struct core_topic *topic = core_catalog_next(&walk); topic != NULL;
         topic = core_catalog_next(&walk)) {
        if (!core_topic_is_reserved(topic->name, topic->name_bytes) && i-- == 0) {
            return topic->name;
        }
    }
    return NULL;
}

static void core_resolve_go_on(struct rt_op *op)
{
    core_resolve_turn(CONTAINER_OF(op, struct core_resolve, op));
}

/* As far as it goes without waiting; from a turn of its own. */
static void core_resolve_turn(struct core_resolve *resolve)
{
    struct arena *arena = resolve->arena;
    if (resolve->relations == NULL) {
        resolve->relations = arena_alloc_zeroed(
            arena, resolve->references_count * sizeof(*resolve->relations), _Alignof(void *));
        if (resolve->relations == NULL) {
            core_resolve_fail(resolve, CORE_OVERLOADED, "53200", "out of memory");
        }
    }
    while (resolve->code == CORE_OK && resolve->next < resolve->references_count) {
        if (resolve->is_canceled || rt_now_ns(resolve->cs->shard) >= resolve->deadline_ns) {
            core_resolve_fail(resolve, CORE_TIMEOUT, "57014",
                              "canceling statement due to statement timeout");
        } else if (!core_resolve_one(resolve)) {
            return; /* looks */
        }
    }
    resolve->done(resolve);
}

/* The reference in hand. False: it waits for a look. */
static bool core_resolve_one(struct core_resolve *resolve)
{
    const struct sql_reference *reference = &resolve->references[resolve->next];
    bool is_public =
        reference->schema.text == NULL || core_resolve_is_schema(&reference->schema, "public");
    if (is_public) {
        return core_resolve_public(resolve);
    }
    if (core_resolve_is_schema(&reference->schema, "system")) {
        resolve->relations[resolve->next] =
            core_system_table_find(reference->name.text, reference->name.length);
    }
    resolve->next++;
    return true;
}

/* A view, a stream or a topic. */
static bool core_resolve_public(struct core_resolve *resolve)
{
    const struct sql_name *name = &resolve->references[resolve->next].name;
    struct core_catalog_match match;
    enum err err =
        core_catalog_match(resolve->cs->catalog, name->text, name->length, name->is_quoted, &match);
    if (err == ERR_INVALID) {
        char message[sizeof(resolve->message)];
        snprintf(
            message, sizeof(message),
            "relation \"%.60s\" is ambiguous: \"%.60s\" and \"%.60s\" differ in case; quote it",
            name->text, match.names[0], match.names[1]);
        return core_resolve_fail(resolve, CORE_INVALID_REQUEST, "42P09", message);
    }
    if (err == ERR_OK && !resolve->is_looked && match.view == NULL &&
        (match.stream == NULL || !match.stream->is_declared)) {
        return core_resolve_look(resolve, &match);
    }
    bool is_made = err != ERR_OK || (match.view != NULL ? core_resolve_make_view(resolve, &match)
                                                        : core_resolve_make(resolve, &match));
    if (!is_made) {
        return true; /* failed */
    }
    resolve->next++;
    resolve->is_looked = false;
    resolve->looks_count = 0;
    return true;
}

/* Look at the topic first. False: it waits. */
static bool core_resolve_look(struct core_resolve *resolve, const struct core_catalog_match *match)
{
    resolve->look_mark = arena_mark(resolve->arena);
    resolve->look = arena_alloc(resolve->arena, sizeof(*resolve->look), _Alignof(struct core_look));
    if (resolve->look == NULL) {
        return core_resolve_fail(resolve, CORE_OVERLOADED, "53200", "out of memory");
    }
    resolve->look->done = core_resolve_looked;
    resolve->look->ctx = resolve;
    resolve->look->arena = resolve->arena;
    resolve->look->deadline_ns = resolve->deadline_ns;
    core_look_start(resolve->cs, resolve->look, match->topic, match->stream);
    return false;
}

static void core_resolve_looked(struct core_look *look)
{
    struct core_resolve *resolve = look->ctx;
    bool is_moved = look->code == CORE_STREAM_CHANGED;
    resolve->look = NULL;
    resolve->looks_count++;
    resolve->is_looked = !is_moved || resolve->looks_count == CORE_RESOLVE_LOOKS_MAX;
    if (look->code != CORE_OK && !is_moved) {
        core_resolve_fail(resolve, look->code, look->state, look->message);
    }
    arena_rewind(resolve->arena, resolve->look_mark);
    core_resolve_turn(resolve);
}

/* The relation of what was found. False: it failed. */
static bool core_resolve_make(struct core_resolve *resolve, const struct core_catalog_match *match)
{
    const struct core_topic *topic = match->topic;
    const struct core_stream empty = {
        .uuid = topic->uuid,
        .topic = topic->uuid,
        .name = topic->name,
        .key = CORE_STREAM_KEY_TEXT,
    };
    struct core_stream_relation *made;
    enum err err =
        core_stream_relation_make(resolve->arena, match->stream != NULL ? match->stream : &empty,
                                  topic->name, topic->groups, topic->partitions_count, &made);
    if (err != ERR_OK) {
        core_resolve_fail(resolve, CORE_OVERLOADED, "53200", "out of memory");
        return false;
    }
    resolve->relations[resolve->next] = &made->relation;
    return true;
}

static bool core_resolve_make_view(struct core_resolve *resolve,
                                   const struct core_catalog_match *match)
{
    struct core_view_relation *made;
    enum err err = core_view_relation_make(resolve->arena, match->view, &made);
    if (err != ERR_OK) {
        core_resolve_fail(resolve, CORE_OVERLOADED, "53200", "out of memory");
        return false;
    }
    resolve->relations[resolve->next] = &made->relation;
    return true;
}

/* True: the caller goes on, to the end. */
static bool core_resolve_fail(struct core_resolve *resolve, enum core_code code, const char *state,
                              const char *message)
{
    ASSERT(code != CORE_OK);
    resolve->code = code;
    resolve->state = state;
    resolve->failed = resolve->next;
    snprintf(resolve->message, sizeof(resolve->message), "%s", message);
    return true;
}

static bool core_resolve_is_schema(const struct sql_name *schema, const char *name)
{
    size_t length = strlen(name);
    return schema->length == length &&
           (schema->is_quoted ? memcmp(schema->text, name, length) == 0
                              : strncasecmp(schema->text, name, length) == 0);
}
