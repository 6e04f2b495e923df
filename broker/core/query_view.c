/* Statements about materialized views. See query_run.h.
 *
 * CREATE reads its SELECT as a query does: what it names is found, with streams looked at that
 * nobody has looked at yet, and bound; what comes of it is frozen (view_declare.h) and is the
 * controller's to keep. REBIND does the same with the SELECT that a view has; places of its faults
 * are in a text that nobody has before him, so the view's name stands for them. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/query_run.h"
#include "broker/core/stream_declare.h"
#include "broker/core/stream_int.h"
#include "broker/core/upkeep_ask.h"
#include "broker/core/view_declare.h"
#include "views/maint/view.h"
#include "views/sql/explain.h"
#include "views/sql/parse.h"

/* A view that EXPLAIN shows. */
struct core_query_explained {
    const struct core_view *view;
    const struct plan *plan;
    const struct maint_view *maint;
    const char *topic_name;            /* of its source */
    const struct core_upkeep_row *row; /* how it stands; NULL: it is not made */
};

/* How it stands is asked; in the statement's arena. */
struct core_query_asked {
    struct core_upkeep_ask ask;
    struct core_upkeep_row row;
};

static bool core_query_view_read(struct core_query_run *run, const struct sql_select *select,
                                 const char *text, size_t length);
static bool core_query_view_find(struct core_query_run *run);
static bool core_query_view_missing(struct core_query_run *run, const struct sql_name *name);
static bool core_query_view_other(struct core_query_run *run,
                                  const struct core_catalog_match *match);
static bool core_query_view_drop(struct core_query_run *run);
static bool core_query_view_rename(struct core_query_run *run);
static bool core_query_view_rebind(struct core_query_run *run);
static bool core_query_view_rebound(struct core_query_run *run);
static bool core_query_view_unbound(struct core_query_run *run);
static bool core_query_view_ask(struct core_query_run *run);
static void core_query_view_asked(struct core_upkeep_ask *ask);
static bool core_query_view_explain(struct core_query_run *run, const struct core_view *view);
static void core_query_write_explained(struct bytes_writer *w, const void *what);
static void core_query_write_keys(struct bytes_writer *w, const struct core_view *view);
static void core_query_write_standing(struct bytes_writer *w, const struct core_upkeep_row *row);
static void core_query_write_rebind(struct bytes_writer *w,
                                    const struct core_upkeep_rebind *rebind);
static void core_query_put(struct bytes_writer *w, const char *text);
static void core_query_put_number(struct bytes_writer *w, uint64_t number, const char *name);

bool core_query_view(struct core_query_run *run)
{
    const struct sql_stmt *stmt = run->stmt;
    if (stmt->kind == SQL_STMT_CREATE_VIEW || stmt->kind == SQL_STMT_EXPLAIN_MAKE) {
        return core_query_view_read(run, stmt->select, run->text, run->length);
    }
    if (!core_query_view_find(run)) {
        return true;
    }
    ASSERT(run->was != NULL);
    return stmt->kind == SQL_STMT_DROP_VIEW     ? core_query_view_drop(run)
           : stmt->kind == SQL_STMT_RENAME_VIEW ? core_query_view_rename(run)
           : stmt->kind == SQL_STMT_REBIND_VIEW ? core_query_view_rebind(run)
                                                : core_query_view_ask(run);
}

/* Find what `select`, of that text, reads; BIND follows. */
static bool core_query_view_read(struct core_query_run *run, const struct sql_select *select,
                                 const char *text, size_t length)
{
    struct sql_reference *references;
    uint32_t count;
    run->select = select;
    run->select_text = text;
    run->select_length = length;
    if (sql_references(select, &run->arena, &references, &count) != ERR_OK) {
        return core_query_fail_memory(run);
    }
    return core_query_resolve(run, references, count, &run->arena);
}

bool core_query_view_bind(struct core_query_run *run)
{
    if (run->stmt->kind == SQL_STMT_EXPLAIN_VIEW) {
        return core_query_view_explain(run, run->was);
    }
    const struct core_resolve *resolve = &run->resolve;
    const struct sql_stmt *stmt = run->stmt;
    struct sql_error *error = &run->query->error;
    struct sql_binding binding = {.relations = resolve->relations,
                                  .references = resolve->references,
                                  .references_count = resolve->references_count,
                                  .name_at = core_resolve_name_at,
                                  .ctx = run->queries->cs,
                                  .text = run->select_text,
                                  .length = run->select_length,
                                  .is_view = true};
    struct plan plan;
    const struct core_view_bound bound = {run->select, &binding, &plan};
    enum err err = sql_bind(run->select, &binding, &run->arena, &plan, error);
    if (stmt->kind == SQL_STMT_REBIND_VIEW) {
        if (err == ERR_OK) {
            err = core_view_declare_again(run->was, &bound, &run->arena, &run->view, error);
        }
        return core_query_view_rebound(run);
    }
    if (err == ERR_OK) {
        err = core_view_declare(stmt->create_view, &bound, &run->arena, &run->view, error);
    }
    if (err != ERR_OK) {
        return core_query_end(run);
    }
    if (stmt->kind == SQL_STMT_EXPLAIN_MAKE) {
        return core_query_view_explain(run, &run->view);
    }
    run->change_at = stmt->create_view->name.at;
    run->item = (struct core_change_item){.kind = CORE_CHANGE_VIEW_CREATE, .view = &run->view};
    return core_query_change_start(run);
}

/* --- One that is there --- */

/* run->was = a copy of the view that the statement names. False: the statement is at its end. */
static bool core_query_view_find(struct core_query_run *run)
{
    const struct sql_names *names = &run->stmt->name;
    struct core_catalog_match match;
    struct sql_name name;
    if (core_stream_name(names, run->text, run->length, &name, &run->query->error) != ERR_OK) {
        return !core_query_end(run);
    }
    enum err err = core_catalog_match(run->queries->cs->catalog, name.text, name.length,
                                      name.is_quoted, &match);
    if (err == ERR_INVALID) {
        return !core_query_fail(run, "42P09", names->at,
                                "materialized view \"%s\" is ambiguous: \"%s\" or \"%s\"",
                                name.text, match.names[0], match.names[1]);
    }
    if (err != ERR_OK) {
        return !core_query_view_missing(run, &name);
    }
    if (match.view == NULL) {
        return !core_query_view_other(run, &match);
    }
    if (core_view_copy(&run->arena, match.view, &run->was) != ERR_OK) {
        return !core_query_fail_memory(run);
    }
    run->change_at = names->at;
    return true;
}

/* Returns true. */
static bool core_query_view_missing(struct core_query_run *run, const struct sql_name *name)
{
    bool is_alter =
        run->stmt->kind == SQL_STMT_RENAME_VIEW || run->stmt->kind == SQL_STMT_REBIND_VIEW;
    if (run->stmt->if_exists) {
        return core_query_end(run);
    }
    core_query_fail(run, "42P01", run->stmt->name.at, "%s \"%s\" does not exist",
                    is_alter ? "relation" : "materialized view", name->text);
    core_query_suggest(run, name->text);
    return true;
}

/* Returns true. */
static bool core_query_view_other(struct core_query_run *run,
                                  const struct core_catalog_match *match)
{
    bool is_declared = match->stream != NULL && match->stream->is_declared;
    core_query_fail(run, "42809", run->stmt->name.at, "\"%s\" is not a materialized view",
                    match->stream != NULL ? match->stream->name : match->topic->name);
    if (is_declared && run->stmt->kind == SQL_STMT_DROP_VIEW) {
        sql_error_hint(&run->query->error, "Use DROP STREAM to remove a stream.");
    }
    return true;
}

static bool core_query_view_drop(struct core_query_run *run)
{
    run->item = (struct core_change_item){.kind = CORE_CHANGE_VIEW_DROP,
                                          .name = run->was->name,
                                          .name_bytes = (uint32_t)strlen(run->was->name)};
    return core_query_change_start(run);
}

static bool core_query_view_rename(struct core_query_run *run)
{
    const struct sql_name *name = &run->stmt->rename;
    if (name->length > CORE_VIEW_NAME_BYTES_MAX) {
        return core_query_fail(run, "42622", name->at, "a view's name has at most %u bytes",
                               CORE_VIEW_NAME_BYTES_MAX);
    }
    if (core_topic_is_reserved(name->text, name->length)) {
        return core_query_fail(run, "42939", name->at,
                               "names that begin with __tdb_ are the server's own");
    }
    run->change_at = name->at;
    run->item = (struct core_change_item){.kind = CORE_CHANGE_VIEW_RENAME,
                                          .name = run->was->name,
                                          .name_bytes = (uint32_t)strlen(run->was->name),
                                          .rename = name->text,
                                          .rename_bytes = name->length};
    return core_query_change_start(run);
}

/* --- REBIND --- */

/* Find what its SELECT reads by now; BIND follows. */
static bool core_query_view_rebind(struct core_query_run *run)
{
    struct sql_stmt *stmt;
    enum err err =
        sql_parse(run->was->sql, run->was->sql_bytes, &run->arena, &stmt, &run->query->error);
    if (err != ERR_OK || stmt->kind != SQL_STMT_SELECT) { /* another build wrote it */
        return core_query_view_unbound(run);
    }
    return core_query_view_read(run, stmt->select, run->was->sql, run->was->sql_bytes);
}

/* Its SELECT was bound: run->view, unless the query's error says why not. */
static bool core_query_view_rebound(struct core_query_run *run)
{
    const struct core_view *was = run->was;
    if (run->query->error.state != SQL_STATE_NONE) {
        return core_query_view_unbound(run);
    }
    if (!log_uuid_is_equal(&run->view.source->topic, &was->source->topic)) {
        return core_query_fail(run, "55000", run->change_at,
                               "materialized view \"%s\" cannot be bound anew: its SELECT reads "
                               "another topic by now",
                               was->name);
    }
    if (core_view_is_alike(&run->view, was)) {
        snprintf(run->query->notice, sizeof(run->query->notice),
                 "the types of materialized view \"%s\" are those of its stream already: nothing "
                 "is built",
                 was->name);
        return core_query_end(run);
    }
    run->item = (struct core_change_item){.kind = CORE_CHANGE_VIEW_REBIND, .view = &run->view};
    return core_query_change_start(run);
}

/* Its SELECT means nothing any more: the view stays. Returns true. */
static bool core_query_view_unbound(struct core_query_run *run)
{
    const struct sql_error error = run->query->error;
    core_query_fail(run, error.state != SQL_STATE_NONE ? error.code : "XX001", run->change_at,
                    "materialized view \"%s\" cannot be bound anew: %s", run->was->name,
                    error.state != SQL_STATE_NONE ? error.message : "its SELECT cannot be read");
    sql_error_hint(&run->query->error, "It stays as it is. Its SELECT: %s", run->was->sql);
    return true;
}

/* --- What is said of it --- */

/* Behind `length` bytes of the notice: `lead`, and what declares the source. False: there is no
 * room, and nothing was added. */
static bool core_query_view_note_source(struct core_query_run *run, int length, const char *lead,
                                        const char *topic_name)
{
    struct core_query *query = run->query;
    ASSERT(length > 0 && (size_t)length < sizeof(query->notice));
    char *room = query->notice + length;
    struct bytes_writer w = bytes_writer(room, sizeof(query->notice) - (size_t)length - 1);
    core_query_put(&w, lead);
    core_stream_write(&w, run->view.source, topic_name);
    room[w.err == ERR_OK ? w.pos : 0] = '\0';
    return w.err == ERR_OK;
}

void core_query_view_note(struct core_query_run *run, const char *topic_name)
{
    const struct core_stream *source = run->view.source;
    char *notice = run->query->notice;
    int length = snprintf(notice, sizeof(run->query->notice),
                          "topic \"%s\" keeps on disk all records from the view's origin on, also "
                          "those that its retention lets go",
                          topic_name);
    if (!source->is_declared && source->columns_count > 0 &&
        !core_query_view_note_source(run, length,
                                     "\nthe view keeps to these types: ", topic_name)) {
        snprintf(notice + length, sizeof(run->query->notice) - (size_t)length,
                 "\nthe view keeps to types that SHOW CREATE MATERIALIZED VIEW tells");
    }
}

void core_query_view_note_rebind(struct core_query_run *run, const char *topic_name)
{
    int length = snprintf(run->query->notice, sizeof(run->query->notice),
                          "materialized view \"%s\" is read as it was until it is built anew",
                          run->view.name);
    (void)core_query_view_note_source(run, length, ", from: ", topic_name);
}

/* --- EXPLAIN --- */

/* Ask its home how it stands, if that is shown; BIND follows. */
static bool core_query_view_ask(struct core_query_run *run)
{
    run->resolve = (struct core_resolve){.code = CORE_OK}; /* there is nothing to find */
    run->standing = NULL;
    if (run->stmt->format == SQL_EXPLAIN_JSON) {
        return core_query_view_explain(run, run->was);
    }
    struct core_query_asked *asked = arena_alloc_zeroed(&run->arena, sizeof(*asked), 16);
    if (asked == NULL) {
        return core_query_fail_memory(run);
    }
    asked->row.view = run->was->uuid;
    asked->row.lineage = run->was->lineage;
    asked->ask = (struct core_upkeep_ask){
        .done = core_query_view_asked, .ctx = run, .rows = &asked->row, .rows_count = 1};
    run->standing = &asked->row;
    run->stage = CORE_QUERY_ASK;
    if (core_upkeep_ask_start(run->queries->cs, &asked->ask)) {
        return false;
    }
    run->stage = CORE_QUERY_BIND; /* there is no home yet */
    return true;
}

static void core_query_view_asked(struct core_upkeep_ask *ask)
{
    core_query_wake(ask->ctx, CORE_QUERY_BIND);
}

/* By way of its plan at rest, which is what will be run. Returns true. */
static bool core_query_view_explain(struct core_query_run *run, const struct core_view *view)
{
    const struct core_catalog *catalog = run->queries->cs->catalog;
    const struct core_topic *topic = core_catalog_find_uuid(catalog, &view->source->topic);
    struct core_stream_relation *source;
    struct core_query_explained explained = {.view = view};
    struct maint_view *maint;
    struct maint_refusal refusal;
    struct plan_fault fault;
    struct plan plan;
    struct bytes_writer w;
    if (topic == NULL) {
        return core_query_fail(run, "42P01", run->stmt->name.at, "relation \"%s\" does not exist",
                               view->source->name);
    }
    enum err err = core_view_plan(&run->arena, view, topic->name, topic->groups,
                                  topic->partitions_count, &plan, &source, &fault);
    if (err == ERR_OK) {
        err = maint_view_make(&run->arena, &plan, &maint, &refusal);
    }
    if (err == ERR_CORRUPT || err == ERR_INVALID) {
        return core_query_fail(run, "XX001", SQL_AT_NONE,
                               "the plan of view \"%.100s\" cannot be read: %s", view->name,
                               err == ERR_CORRUPT ? fault.text : refusal.message);
    }
    if (err != ERR_OK) {
        return core_query_fail_memory(run);
    }
    explained.plan = &plan;
    explained.maint = maint;
    explained.topic_name = source->topic_name;
    explained.row = run->stmt->kind == SQL_STMT_EXPLAIN_VIEW ? run->standing : NULL;
    bool is_json = run->stmt->format == SQL_EXPLAIN_JSON;
    if (is_json ? core_query_write(run, core_query_write_plan, &plan, &w)
                : core_query_write(run, core_query_write_explained, &explained, &w)) {
        return core_query_explain_rows(run, &w);
    }
    return true;
}

static void core_query_write_explained(struct bytes_writer *w, const void *what)
{
    const struct core_query_explained *explained = what;
    const struct core_view *view = explained->view;
    char state[64];
    snprintf(state, sizeof(state), "%u", explained->maint->state_bytes);
    core_query_put(w, "Materialized View ");
    core_query_put(w, view->name);
    core_query_put(w, "\n  Origin: ");
    core_view_write_origin(w, view);
    core_query_put(w, "\n  Key: ");
    core_query_write_keys(w, view);
    core_query_put(w, "\n  State: ");
    core_query_put(w, state);
    core_query_put(w, " bytes a row, beside its key");
    if (explained->row != NULL) {
        core_query_write_standing(w, explained->row);
    }
    core_query_put(w, "\n  Retention: topic ");
    core_query_put(w, explained->topic_name);
    core_query_put(w, " keeps its records from the view's origin on\n  Source: ");
    core_stream_write(w, view->source, explained->topic_name);
    core_query_put(w, "\n");
    sql_explain(w, explained->plan);
}

/* What it takes, and how far it is behind. */
static void core_query_write_standing(struct bytes_writer *w, const struct core_upkeep_row *row)
{
    core_query_put_number(w, row->rows_count, "; rows: ");
    core_query_put_number(w, row->bytes, "; bytes in all: ");
    core_query_put(w, "\n  Upkeep: ");
    core_query_put(w, core_upkeep_status_name(row->status));
    if (row->why[0] != '\0') {
        core_query_put(w, ": ");
        core_query_put(w, row->why);
    }
    if (row->is_degraded) {
        char faults[CORE_FAULTS_BYTES];
        core_faults_put(&row->faults, faults);
        core_query_put(w, "; degraded: ");
        core_query_put(w, faults);
        core_query_put(w, "; see system.errors");
    }
    core_query_put_number(w, row->lag_ns / RT_NS_PER_MS, "; lag in ms: ");
    core_query_put_number(w, row->tick, "; tick: ");
    if (row->left_count > 0) {
        core_query_put_number(w, row->left_count, "; records left: ");
    }
    core_query_write_rebind(w, &row->rebind);
}

static void core_query_write_rebind(struct bytes_writer *w, const struct core_upkeep_rebind *rebind)
{
    if (rebind->is_under_way) {
        core_query_put_number(w, rebind->records_count, "\n  Rebind: under way; records: ");
        core_query_put_number(w, rebind->left_count, "; records left: ");
    } else if (rebind->why[0] != '\0') {
        core_query_put(w, "\n  Rebind: given up: ");
        core_query_put(w, rebind->why);
    }
}

static void core_query_write_keys(struct bytes_writer *w, const struct core_view *view)
{
    core_query_put(w, view->keys_count == 0 ? "none: one row in all" : "");
    for (uint32_t i = 0; i < view->keys_count; i++) {
        core_query_put(w, i > 0 ? ", " : "");
        if (view->keys[i] == CORE_VIEW_NO_COLUMN) {
            core_query_put(w, "(not shown)");
        } else {
            struct sql_name name = core_stream_sql_name(view->columns[view->keys[i]].name);
            sql_print_name(w, &name);
        }
    }
}

static void core_query_put(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}

static void core_query_put_number(struct bytes_writer *w, uint64_t number, const char *name)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    core_query_put(w, name);
    core_query_put(w, digits);
}
