/* Views as text, as plans and as relations. See view.h; at rest they are view_code.c's. */
#include "broker/core/view.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "broker/core/stream_int.h"
#include "views/vec/calendar.h"

/* What a plan's names are looked up in. */
struct core_view_finding {
    const struct plan_relation *relation; /* the one that there is */
};

static bool core_view_is_source_alike(const struct core_stream *a, const struct core_stream *b);
static void core_view_write_name(struct bytes_writer *w, const char *name);
static void core_view_text(struct bytes_writer *w, const char *text);
static const struct plan_relation *core_view_find(void *ctx, const char *schema, const char *name);
static bool core_view_is_plan(const struct core_view *view, const struct plan *plan,
                              struct plan_fault *fault);

bool core_view_has_key(const uint16_t *keys, uint32_t keys_count)
{
    for (uint32_t i = 0; i < keys_count; i++) {
        if (keys[i] == CORE_VIEW_NO_COLUMN) {
            return false;
        }
    }
    return keys_count > 0;
}

bool core_view_is_alike(const struct core_view *a, const struct core_view *b)
{
    bool is_alike = a->columns_count == b->columns_count && a->named_count == b->named_count &&
                    a->keys_count == b->keys_count && a->plan_bytes == b->plan_bytes &&
                    memcmp(a->plan, b->plan, a->plan_bytes) == 0 &&
                    core_view_is_source_alike(a->source, b->source);
    for (uint32_t i = 0; is_alike && i < a->columns_count; i++) {
        is_alike = strcmp(a->columns[i].name, b->columns[i].name) == 0 &&
                   vec_type_equal(a->columns[i].type, b->columns[i].type);
    }
    for (uint32_t i = 0; is_alike && i < a->keys_count; i++) {
        is_alike = a->keys[i] == b->keys[i];
    }
    return is_alike;
}

/* Whether records become the same rows by either. */
static bool core_view_is_source_alike(const struct core_stream *a, const struct core_stream *b)
{
    bool is_alike = log_uuid_is_equal(&a->topic, &b->topic) && a->is_declared == b->is_declared &&
                    a->key == b->key && strcmp(a->name, b->name) == 0 &&
                    a->columns_count == b->columns_count;
    for (uint32_t i = 0; is_alike && i < a->columns_count; i++) {
        const struct core_stream_column *x = &a->columns[i];
        const struct core_stream_column *y = &b->columns[i];
        is_alike = strcmp(x->name, y->name) == 0 && vec_type_equal(x->type, y->type) &&
                   x->from == y->from && x->unit == y->unit && strcmp(x->source, y->source) == 0;
    }
    return is_alike;
}

const char *core_view_origin_name(uint8_t origin)
{
    static const char *const names[] = {[CORE_VIEW_EARLIEST] = "earliest",
                                        [CORE_VIEW_LATEST] = "latest",
                                        [CORE_VIEW_TIMESTAMP] = "timestamp"};
    ASSERT(origin >= CORE_VIEW_EARLIEST);
    ASSERT(origin <= CORE_VIEW_TIMESTAMP);
    return names[origin];
}

void core_view_write(struct bytes_writer *w, const struct core_view *view)
{
    core_view_text(w, "CREATE MATERIALIZED VIEW ");
    core_view_write_name(w, view->name);
    for (uint32_t i = 0; i < view->named_count; i++) {
        core_view_text(w, i == 0 ? " (" : ", ");
        core_view_write_name(w, view->columns[i].name);
    }
    core_view_text(w, view->named_count > 0 ? ")" : "");
    core_view_text(w, " WITH (origin = '");
    core_view_write_origin(w, view);
    core_view_text(w, "') AS ");
    bytes_put_copy(w, view->sql, view->sql_bytes);
}

enum err core_view_copy(struct arena *a, const struct core_view *view, const struct core_view **out)
{
    size_t bytes = core_view_bytes(view);
    size_t block_bytes;
    *out = NULL;
    uint8_t *data = arena_alloc(a, bytes, 1);
    if (data == NULL) {
        return a->err;
    }
    struct bytes_writer w = bytes_writer(data, bytes);
    core_view_put(&w, view);
    ASSERT(w.err == ERR_OK);
    enum err err = core_view_measure(data, bytes, &block_bytes);
    ASSERT(err == ERR_OK); /* it is one */
    void *block = arena_alloc(a, block_bytes, _Alignof(struct core_view));
    if (block == NULL) {
        return a->err;
    }
    *out = core_view_get(data, bytes, &view->uuid, block, block_bytes);
    return ERR_OK;
}

enum err core_view_plan(struct arena *a, const struct core_view *view, const char *topic_name,
                        const uint64_t *groups, uint32_t partitions_count, struct plan *out,
                        struct core_stream_relation **source, struct plan_fault *fault)
{
    fault->text[0] = '\0';
    enum err err =
        core_stream_relation_make(a, view->source, topic_name, groups, partitions_count, source);
    if (err != ERR_OK) {
        return err;
    }
    struct core_view_finding finding = {&(*source)->relation};
    err = plan_json_read(view->plan, view->plan_bytes, core_view_find, &finding, a, out, fault);
    if (err == ERR_INVALID || (err == ERR_OK && !core_view_is_plan(view, out, fault))) {
        return ERR_CORRUPT;
    }
    return err;
}

enum err core_view_relation_make(struct arena *a, const struct core_view *view,
                                 struct core_view_relation **out)
{
    *out = NULL;
    struct core_view_relation *made =
        arena_alloc_zeroed(a, sizeof(*made), _Alignof(struct core_view_relation));
    struct plan_column *columns =
        arena_alloc(a, view->columns_count * sizeof(*columns), _Alignof(struct plan_column));
    uint16_t *keys = arena_alloc(a, view->keys_count * sizeof(*keys), _Alignof(uint16_t));
    const char *name = arena_copy(a, view->name, strlen(view->name));
    if (made == NULL || columns == NULL || keys == NULL || name == NULL) {
        ASSERT(a->err != ERR_OK);
        return a->err;
    }
    for (uint32_t i = 0; i < view->columns_count; i++) {
        columns[i] = view->columns[i];
        columns[i].name = arena_copy(a, view->columns[i].name, strlen(view->columns[i].name));
        if (columns[i].name == NULL) {
            return a->err;
        }
    }
    for (uint32_t i = 0; i < view->keys_count; i++) {
        keys[i] = view->keys[i];
    }
    bool has_key = core_view_has_key(keys, view->keys_count);
    *made = (struct core_view_relation){
        .relation = {.kind = PLAN_RELATION_VIEW,
                     .schema = "public",
                     .name = name,
                     .columns = columns,
                     .columns_count = view->columns_count,
                     .version = view->incarnation,
                     .keys = has_key ? keys : NULL,
                     .keys_count = has_key ? view->keys_count : 0,
                     .owner = made},
        .uuid = view->uuid,
        .lineage = view->lineage,
        .incarnation = view->incarnation,
        .keys = keys,
        .keys_count = view->keys_count,
    };
    *out = made;
    return ERR_OK;
}

static void core_view_write_name(struct bytes_writer *w, const char *name)
{
    struct sql_name written = core_stream_sql_name(name);
    sql_print_name(w, &written);
}

void core_view_write_origin(struct bytes_writer *w, const struct core_view *view)
{
    int64_t us;
    int64_t at;
    if (view->origin != CORE_VIEW_TIMESTAMP) {
        core_view_text(w, core_view_origin_name(view->origin));
    } else if (__builtin_mul_overflow(view->origin_ms, (int64_t)1000, &us) ||
               vec_timestamp_from_unix(us, &at) != VEC_FAULT_NONE) {
        core_view_text(w, "infinity"); /* later than any */
    } else {
        vec_timestamp_write_iso(w, at, true);
    }
}

static void core_view_text(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}

static const struct plan_relation *core_view_find(void *ctx, const char *schema, const char *name)
{
    const struct core_view_finding *finding = ctx;
    bool is_it = strcmp(schema, finding->relation->schema) == 0 &&
                 strcmp(name, finding->relation->name) == 0;
    return is_it ? finding->relation : NULL;
}

/* Whether the plan, which is one, is the view's. */
static bool core_view_is_plan(const struct core_view *view, const struct plan *plan,
                              struct plan_fault *fault)
{
    const struct plan_node *leaf = plan->root;
    while (leaf->input != NULL) {
        leaf = leaf->input;
    }
    bool is_it = leaf->kind == PLAN_SCAN && plan->params_count == 0 &&
                 plan->root->outputs_count == view->columns_count;
    for (uint32_t i = 0; i < view->columns_count && is_it; i++) {
        const struct plan_output *output = &plan->root->outputs[i];
        is_it = vec_type_equal(output->type, view->columns[i].type) &&
                strcmp(output->name, view->columns[i].name) == 0;
    }
    if (!is_it) {
        snprintf(fault->text, sizeof(fault->text), "the plan is not the view's");
    }
    return is_it;
}
