/* From a statement's text to what is run. See query_run.h.
 *
 * A kept plan is used without parsing. It is out of date when the catalog has changed; and where it
 * reads streams their relations are looked for again, because records may have come that inference
 * has not seen: what is found is then compared with what it was made of. */
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/query_run.h"
#include "views/plan/value.h"
#include "views/sql/lex.h"
#include "views/sql/normal.h"
#include "views/sql/parse.h"
#include "views/vec/fault.h"

/* Bytes of a parameter's type in a key. */
#define CORE_QUERY_TYPE_BYTES 3u

/* A statement of more bytes is not looked for within core_query_start. */
#define CORE_QUERY_KEPT_BYTES_MAX 4096u

static bool core_query_find(struct core_query_run *run);
static bool core_query_key(struct core_query_run *run);
static bool core_query_parse(struct core_query_run *run);
static bool core_query_select(struct core_query_run *run);
static bool core_query_name(struct core_query_run *run);
static void core_query_resolved(struct core_resolve *resolve);
static bool core_query_is_same(const struct core_query_run *run);
static bool core_query_keep(struct core_query_run *run);
static const struct sql_reference *core_query_copy_references(struct core_plan *plan,
                                                              const struct sql_reference *from,
                                                              uint32_t count);
static bool core_query_planned(struct core_query_run *run);
static bool core_query_param(struct core_query_run *run, uint32_t i);
static struct sql_at core_query_param_place(const struct core_query_run *run, uint32_t number);

bool core_query_plan_kept(struct core_query_run *run)
{
    struct core_queries *queries = run->queries;
    if (run->length > CORE_QUERY_KEPT_BYTES_MAX || !list_is_empty(&queries->ready)) {
        return false;
    }
    if (!core_query_key(run)) {
        return true;
    }
    run->plan =
        run->key != NULL ? core_plans_find(&queries->plans, run->key, run->key_bytes) : NULL;
    if (run->plan == NULL) {
        return false;
    }
    if (run->plan->references_count > 0 ||
        run->plan->version != core_resolve_version(queries->cs)) {
        core_plans_unref(&queries->plans, run->plan);
        run->plan = NULL;
        return false;
    }
    metric_add(&queries->metrics.plans_kept, 1);
    (void)core_query_planned(run);
    return true;
}

bool core_query_plan(struct core_query_run *run)
{
    if (run->key == NULL && !core_query_key(run)) {
        return true;
    }
    run->plan =
        run->key != NULL ? core_plans_find(&run->queries->plans, run->key, run->key_bytes) : NULL;
    return run->plan != NULL ? core_query_find(run) : core_query_parse(run);
}

/* There is a plan: whether it may be used. */
static bool core_query_find(struct core_query_run *run)
{
    struct core_queries *queries = run->queries;
    struct core_plan *plan = run->plan;
    if (plan->version != core_resolve_version(queries->cs)) {
        core_plans_drop(&queries->plans, plan);
        core_plans_unref(&queries->plans, plan);
        run->plan = NULL;
        return core_query_parse(run);
    }
    if (plan->has_streams) {
        return core_query_resolve(run, plan->references, plan->references_count, &run->arena);
    }
    metric_add(&queries->metrics.plans_kept, 1);
    return core_query_planned(run);
}

/* What its plan would be kept under: its tokens, the types of its parameters. False: its text
 * cannot be read, or there is no memory, and the statement has failed. */
static bool core_query_key(struct core_query_run *run)
{
    struct core_query *query = run->query;
    size_t types_bytes = query->params_count * CORE_QUERY_TYPE_BYTES;
    if (run->length > SQL_TEXT_BYTES_MAX) {
        enum err err = sql_lex_check(run->text, run->length, &query->error);
        ASSERT(err == ERR_TOO_LARGE);
        return !core_query_end(run);
    }
    size_t room_bytes = SQL_NORMAL_BYTES_MAX(run->length) + 1 + types_bytes;
    uint8_t *key = arena_alloc(&run->arena, room_bytes, 1);
    if (key == NULL) {
        return !core_query_fail_memory(run);
    }
    struct bytes_writer w = bytes_writer(key, room_bytes - 1 - types_bytes);
    if (sql_normal(run->text, run->length, &w, &query->error) != ERR_OK) {
        return !core_query_end(run);
    }
    w = (struct bytes_writer){.data = key, .pos = w.pos, .capacity = room_bytes};
    bytes_put_u8(&w, 0);
    for (uint32_t i = 0; i < query->params_count; i++) {
        bytes_put_u8(&w, query->types[i].kind);
        bytes_put_u8(&w, query->types[i].precision);
        bytes_put_u8(&w, query->types[i].scale);
    }
    ASSERT(w.err == ERR_OK);
    run->key = key;
    run->key_bytes = w.pos;
    return true;
}

static bool core_query_parse(struct core_query_run *run)
{
    struct core_query *query = run->query;
    if (sql_parse(run->text, run->length, &run->arena, &run->stmt, &query->error) != ERR_OK) {
        return core_query_end(run);
    }
    if (query->params_count > run->stmt->params_count) {
        return core_query_fail(run, "08P01", SQL_AT_NONE,
                               "%u parameters are given, but the statement has %u",
                               query->params_count, run->stmt->params_count);
    }
    switch (run->stmt->kind) {
    case SQL_STMT_SELECT: return core_query_select(run);
    case SQL_STMT_EXPLAIN: query->tag = "EXPLAIN"; return core_query_select(run);
    case SQL_STMT_CREATE_STREAM: query->tag = "CREATE STREAM"; return core_query_change(run);
    case SQL_STMT_DROP_STREAM: query->tag = "DROP STREAM"; return core_query_change(run);
    case SQL_STMT_SHOW:
        query->tag = "SHOW";
        run->text = core_query_show(run->stmt->show);
        run->length = strlen(run->text);
        run->key = NULL;
        return core_query_plan(run);
    case SQL_STMT_SHOW_CREATE: query->tag = "SHOW"; return core_query_name(run);
    case SQL_STMT_DESCRIBE: query->tag = "DESCRIBE"; return core_query_name(run);
    case SQL_STMT_CREATE_VIEW: query->tag = "CREATE MATERIALIZED VIEW"; return core_query_view(run);
    case SQL_STMT_DROP_VIEW: query->tag = "DROP MATERIALIZED VIEW"; return core_query_view(run);
    case SQL_STMT_RENAME_VIEW:
    case SQL_STMT_REBIND_VIEW: query->tag = "ALTER MATERIALIZED VIEW"; return core_query_view(run);
    case SQL_STMT_EXPLAIN_VIEW:
    case SQL_STMT_EXPLAIN_MAKE: query->tag = "EXPLAIN"; return core_query_view(run);
    }
    UNREACHABLE();
}

/* Begin a plan: what does it read? */
static bool core_query_select(struct core_query_run *run)
{
    struct core_queries *queries = run->queries;
    struct sql_reference *references;
    uint32_t count;
    run->plan = core_plans_new(&queries->plans);
    if (run->plan == NULL) {
        return core_query_fail_memory(run);
    }
    struct core_plan *plan = run->plan;
    plan->version = core_resolve_version(queries->cs);
    plan->text = arena_copy(&plan->arena, run->text, run->length);
    plan->length = run->length;
    if (sql_references(run->stmt->select, &run->arena, &references, &count) != ERR_OK) {
        return core_query_fail_memory(run);
    }
    plan->references = core_query_copy_references(plan, references, count);
    plan->references_count = count;
    if (plan->arena.err != ERR_OK) {
        return core_query_fail_memory(run);
    }
    if (count == 0) {
        return core_query_keep(run);
    }
    return core_query_resolve(run, plan->references, count, &plan->arena);
}

/* With their names: they outlive the tree. */
static const struct sql_reference *core_query_copy_references(struct core_plan *plan,
                                                              const struct sql_reference *from,
                                                              uint32_t count)
{
    struct arena *a = &plan->arena;
    struct sql_reference *copies = arena_alloc_zeroed(a, count * sizeof(*copies), 16);
    for (uint32_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = from[i];
        copies[i].name.text = arena_copy(a, from[i].name.text, from[i].name.length);
        if (from[i].schema.text != NULL) {
            copies[i].schema.text = arena_copy(a, from[i].schema.text, from[i].schema.length);
        }
    }
    return copies;
}

/* DESCRIBE, SHOW CREATE: the one name they have. */
static bool core_query_name(struct core_query_run *run)
{
    const struct sql_names *names = &run->stmt->name;
    if (names->count > 2) {
        return core_query_fail(run, "0A000", names->items[0].at,
                               "relations of other databases are not served");
    }
    run->references[0] = (struct sql_reference){.name = names->items[names->count - 1]};
    if (names->count == 2) {
        run->references[0].schema = names->items[0];
    }
    return core_query_resolve(run, run->references, 1, &run->arena);
}

bool core_query_resolve(struct core_query_run *run, const struct sql_reference *references,
                        uint32_t count, struct arena *a)
{
    run->stage = CORE_QUERY_RESOLVE;
    run->resolve = (struct core_resolve){.done = core_query_resolved,
                                         .ctx = run,
                                         .references = references,
                                         .references_count = count,
                                         .arena = a,
                                         .deadline_ns = run->deadline_ns};
    core_resolve_start(run->queries->cs, &run->resolve);
    return false;
}

static void core_query_resolved(struct core_resolve *resolve)
{
    core_query_wake(resolve->ctx, CORE_QUERY_BIND);
}

bool core_query_bind(struct core_query_run *run)
{
    struct core_queries *queries = run->queries;
    const struct core_resolve *resolve = &run->resolve;
    if (resolve->code != CORE_OK) {
        const struct sql_reference *failed = &resolve->references[resolve->failed];
        bool is_here = run->stmt != NULL && run->text == run->query->text &&
                       run->stmt->kind != SQL_STMT_REBIND_VIEW; /* else of another text */
        return core_query_fail(run, resolve->state, is_here ? failed->name.at : SQL_AT_NONE, "%s",
                               resolve->message);
    }
    if (run->stmt == NULL) { /* its plan was kept */
        if (core_query_is_same(run)) {
            metric_add(&queries->metrics.plans_kept, 1);
            return core_query_planned(run);
        }
        core_plans_drop(&queries->plans, run->plan);
        core_plans_unref(&queries->plans, run->plan);
        run->plan = NULL;
        return core_query_parse(run);
    }
    switch (run->stmt->kind) {
    case SQL_STMT_SELECT:
    case SQL_STMT_EXPLAIN: run->plan->relations = resolve->relations; return core_query_keep(run);
    case SQL_STMT_SHOW_CREATE: return core_query_show_create(run);
    case SQL_STMT_DESCRIBE: return core_query_describe(run);
    case SQL_STMT_CREATE_VIEW:
    case SQL_STMT_EXPLAIN_MAKE:
    case SQL_STMT_EXPLAIN_VIEW:
    case SQL_STMT_REBIND_VIEW: return core_query_view_bind(run);
    case SQL_STMT_SHOW: /* it became a SELECT */
    case SQL_STMT_CREATE_STREAM:
    case SQL_STMT_DROP_STREAM:
    case SQL_STMT_DROP_VIEW:
    case SQL_STMT_RENAME_VIEW: break;
    }
    UNREACHABLE();
}

/* Whether the names stand for what the plan was made of. */
static bool core_query_is_same(const struct core_query_run *run)
{
    const struct core_plan *plan = run->plan;
    if (plan->version != core_resolve_version(run->queries->cs)) {
        return false;
    }
    for (uint32_t i = 0; i < plan->references_count; i++) {
        const struct plan_relation *was = plan->relations[i];
        const struct plan_relation *is = run->resolve.relations[i];
        if (is == NULL || is->kind != was->kind || is->version != was->version ||
            is->columns_count != was->columns_count || strcmp(is->name, was->name) != 0) {
            return false;
        }
    }
    return true;
}

/* The relations are there: bind, and keep the plan of a SELECT. */
static bool core_query_keep(struct core_query_run *run)
{
    struct core_queries *queries = run->queries;
    struct core_query *query = run->query;
    struct core_plan *plan = run->plan;
    struct sql_binding binding = {.relations = plan->relations,
                                  .references = plan->references,
                                  .references_count = plan->references_count,
                                  .name_at = core_resolve_name_at,
                                  .ctx = queries->cs,
                                  .params = query->types,
                                  .params_count = query->params_count,
                                  .text = run->text,
                                  .length = run->length};
    if (sql_bind(run->stmt->select, &binding, &plan->arena, &plan->plan, &query->error) != ERR_OK) {
        return core_query_end(run);
    }
    if (run->stmt->kind == SQL_STMT_EXPLAIN) {
        return core_query_explain(run);
    }
    for (uint32_t i = 0; i < plan->references_count; i++) {
        plan->has_streams |= plan->relations[i]->kind == PLAN_RELATION_STREAM;
    }
    core_plans_keep(&queries->plans, plan, run->key, run->key_bytes);
    return core_query_planned(run);
}

/* --- What it runs with --- */

/* The plan stands: its parameters become what it wants of them. */
static bool core_query_planned(struct core_query_run *run)
{
    const struct core_query *query = run->query;
    const struct plan *plan = &run->plan->plan;
    ASSERT(plan->params_count <= query->params_count);
    if (run->query->tag == NULL) {
        run->query->tag = "SELECT";
    }
    if (plan->params_count > 0) {
        run->params = arena_alloc(&run->arena, plan->params_count * sizeof(*run->params), 16);
        if (run->params == NULL) {
            return core_query_fail_memory(run);
        }
    }
    for (uint32_t i = 0; i < plan->params_count; i++) {
        if (!core_query_param(run, i)) {
            return true;
        }
    }
    run->stage = CORE_QUERY_RUN;
    return true;
}

/* Parameter number i, from 0. False: it cannot become that, and the statement has failed. */
static bool core_query_param(struct core_query_run *run, uint32_t i)
{
    const struct core_query *query = run->query;
    char message[SQL_ERROR_TEXT_BYTES];
    enum vec_fault fault =
        plan_value_of_param((enum vec_kind)run->plan->plan.params[i].kind, &query->params[i],
                            (enum vec_kind)query->types[i].kind, &run->arena, &run->params[i],
                            message, sizeof(message));
    if (fault != VEC_FAULT_NONE) {
        core_query_fail(run, vec_fault_state(fault), core_query_param_place(run, i + 1), "%s",
                        message);
    }
    return fault == VEC_FAULT_NONE;
}

/* Where $number stands first. */
static struct sql_at core_query_param_place(const struct core_query_run *run, uint32_t number)
{
    struct sql_error error;
    struct sql_token token = {.kind = SQL_TOKEN_OTHER};
    struct sql_lex lex = sql_lex(run->text, run->length);
    while (token.kind != SQL_TOKEN_END && sql_lex_next(&lex, false, &token, &error) == ERR_OK) {
        if (token.kind == SQL_TOKEN_PARAM && token.param == number) {
            return token.at;
        }
    }
    return SQL_AT_NONE;
}
