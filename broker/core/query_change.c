/* CREATE STREAM and DROP STREAM, and changes that the controller makes. See query_run.h. */
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/query_run.h"
#include "broker/core/stream_declare.h"

static bool core_query_create(struct core_query_run *run);
static bool core_query_drop(struct core_query_run *run);
static void core_query_changed(struct core_change *change);
static const char *core_query_changed_state(const struct core_query_run *run);
static bool core_query_is_done(const struct core_query_run *run);
static void core_query_note(struct core_query_run *run);

bool core_query_change(struct core_query_run *run)
{
    return run->stmt->kind == SQL_STMT_CREATE_STREAM ? core_query_create(run)
                                                     : core_query_drop(run);
}

static bool core_query_create(struct core_query_run *run)
{
    const struct sql_create_stream *create = run->stmt->create;
    enum err err = core_stream_declare(run->queries->cs->catalog, create, run->text, run->length,
                                       &run->arena, &run->stream, &run->query->error);
    if (err != ERR_OK) {
        return core_query_end(run);
    }
    run->change_at = create->name.at;
    run->item =
        (struct core_change_item){.kind = CORE_CHANGE_STREAM_CREATE, .stream = &run->stream};
    return core_query_change_start(run);
}

static bool core_query_drop(struct core_query_run *run)
{
    const struct sql_names *names = &run->stmt->name;
    struct core_catalog_match match;
    struct sql_name name;
    enum err err = core_stream_name(names, run->text, run->length, &name, &run->query->error);
    if (err != ERR_OK) {
        return core_query_end(run);
    }
    err = core_catalog_match(run->queries->cs->catalog, name.text, name.length, name.is_quoted,
                             &match);
    if (err == ERR_INVALID) {
        return core_query_fail(run, "42P09", names->at,
                               "stream \"%s\" is ambiguous: \"%s\" or \"%s\"", name.text,
                               match.names[0], match.names[1]);
    }
    if (err != ERR_OK) {
        return run->stmt->if_exists ? core_query_end(run)
                                    : core_query_fail(run, "42P01", names->at,
                                                      "stream \"%s\" does not exist", name.text);
    }
    if (match.view != NULL) {
        core_query_fail(run, "42809", names->at, "\"%s\" is not a stream", match.view->name);
        sql_error_hint(&run->query->error,
                       "Use DROP MATERIALIZED VIEW to remove a materialized view.");
        return true;
    }
    if (match.stream == NULL || !match.stream->is_declared) {
        return core_query_fail(run, "42809", names->at,
                               "\"%s\" is not declared: it goes with its topic", name.text);
    }
    run->change_at = names->at;
    run->item = (struct core_change_item){.kind = CORE_CHANGE_STREAM_DROP,
                                          .name_bytes = (uint32_t)strlen(match.stream->name)};
    run->item.name = arena_copy(&run->arena, match.stream->name, run->item.name_bytes);
    return run->item.name != NULL ? core_query_change_start(run) : core_query_fail_memory(run);
}

bool core_query_change_start(struct core_query_run *run)
{
    run->stage = CORE_QUERY_CHANGE;
    run->change =
        (struct core_change){.done = core_query_changed,
                             .ctx = run,
                             .items = &run->item,
                             .items_count = 1,
                             .deadline_ns = run->deadline_ns != UINT64_MAX ? run->deadline_ns : 0};
    core_change_start(run->queries->cs, &run->change);
    return false;
}

static void core_query_changed(struct core_change *change)
{
    struct core_query_run *run = change->ctx;
    enum core_code code = run->item.code;
    if (core_query_is_done(run)) {
        core_query_note(run);
        core_query_end(run);
    } else {
        const char *text = run->item.text.text;
        core_query_fail(run, core_query_changed_state(run), run->change_at, "%s",
                        text[0] != '\0' ? text : core_code_text(code));
    }
    core_query_wake(run, CORE_QUERY_DONE);
}

static const char *core_query_changed_state(const struct core_query_run *run)
{
    enum core_code code = run->item.code;
    switch (run->item.kind) {
    case CORE_CHANGE_STREAM_CREATE:
        return code == CORE_UNKNOWN_TOPIC ? "42704" : core_code_state(code); /* no relation, yet */
    case CORE_CHANGE_STREAM_DROP:
        return code == CORE_INVALID_STREAM ? "42809"
                                           : core_code_state(code); /* it went meanwhile */
    case CORE_CHANGE_CREATE:
    case CORE_CHANGE_DELETE:
    case CORE_CHANGE_PARTITIONS:
    case CORE_CHANGE_CONFIG:
    case CORE_CHANGE_CONFIG_ALL:
    case CORE_CHANGE_PRODUCER_IDS:
    case CORE_CHANGE_STREAM_INFER:
    case CORE_CHANGE_VIEW_CREATE:
    case CORE_CHANGE_VIEW_REBIND:
    case CORE_CHANGE_VIEW_DROP:
    case CORE_CHANGE_VIEW_RENAME:
    case CORE_CHANGE_VIEW_SWAP:
    case CORE_CHANGE_VIEW_ABANDON: break;
    }
    return core_code_state(code);
}

/* Whether it is as the statement wants it. */
static bool core_query_is_done(const struct core_query_run *run)
{
    const struct sql_stmt *stmt = run->stmt;
    bool may_exist = (stmt->kind == SQL_STMT_CREATE_STREAM && stmt->create->if_not_exists) ||
                     (stmt->kind == SQL_STMT_CREATE_VIEW && stmt->create_view->if_not_exists);
    enum core_code code = run->item.code;
    return code == CORE_OK ||
           ((code == CORE_STREAM_EXISTS || code == CORE_VIEW_EXISTS) && may_exist) ||
           ((code == CORE_UNKNOWN_STREAM || code == CORE_UNKNOWN_VIEW) && stmt->if_exists);
}

/* What a view that was made, or is bound anew, brings with it. */
static void core_query_note(struct core_query_run *run)
{
    const struct core_topic *topic = NULL;
    bool is_rebind = run->item.kind == CORE_CHANGE_VIEW_REBIND;
    if ((run->item.kind == CORE_CHANGE_VIEW_CREATE || is_rebind) && run->item.code == CORE_OK) {
        topic = core_catalog_find_uuid(run->queries->cs->catalog, &run->view.source->topic);
    }
    if (topic != NULL && is_rebind) {
        core_query_view_note_rebind(run, topic->name);
    } else if (topic != NULL) {
        core_query_view_note(run, topic->name);
    }
}
