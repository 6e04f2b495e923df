/* What a subscription asks, found and bound. See subscribe_plan.h; subscribe_shape.c takes the plan
 * apart. */
#include "broker/core/subscribe_plan.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/hash.h"
#include "broker/core/core.h"
#include "broker/core/subscribe_plan_int.h"
#include "views/sql/bind.h"
#include "views/sql/parse.h"

/* What to do instead. */
#define CORE_SUBSCRIBE_MAKE "CREATE MATERIALIZED VIEW ... AS it, and subscribe to the view."

static void core_subscribe_plan_tell(struct rt_op *op);
static bool core_subscribe_plan_read(struct core_subscribe_plan *plan);
static bool core_subscribe_plan_name(struct core_subscribe_plan *plan);
static bool core_subscribe_plan_statement(struct core_subscribe_plan *plan);
static bool core_subscribe_plan_refuse_select(struct core_subscribe_plan *plan,
                                              const struct sql_select *select);
static bool core_subscribe_plan_refuse_order(struct core_subscribe_plan *plan,
                                             const struct sql_select *select);
static bool core_subscribe_plan_refuse(struct core_subscribe_plan *plan, struct sql_at at,
                                       const char *what, const char *instead);
static bool core_subscribe_plan_sql_error(struct core_subscribe_plan *plan);
static void core_subscribe_plan_resolved(struct core_resolve *resolve);
static bool core_subscribe_plan_bind(struct core_subscribe_plan *plan);
static bool core_subscribe_plan_bind_name(struct core_subscribe_plan *plan);

void core_subscribe_plan_start(struct core_shard *cs, struct core_subscribe_plan *plan)
{
    plan->cs = cs;
    plan->code = CORE_OK;
    sql_error_clear(&plan->error);
    rt_op_init(&plan->op, cs->shard, core_subscribe_plan_tell);
    if (!core_subscribe_plan_read(plan)) {
        rt_op_defer(&plan->op);
    }
}

void core_subscribe_plan_cancel(struct core_subscribe_plan *plan)
{
    if (plan->code == CORE_OK) { /* else it is about to be told */
        core_resolve_cancel(&plan->resolve);
    }
}

uint64_t core_subscribe_plan_hash(const struct core_subscribe_plan *plan)
{
    return hash64(plan->identity.data, plan->identity.length, 0);
}

static void core_subscribe_plan_tell(struct rt_op *op)
{
    struct core_subscribe_plan *plan = CONTAINER_OF(op, struct core_subscribe_plan, op);
    plan->done(plan);
}

/* --- What is asked --- */

/* Begin to look for what it reads. False: it has failed. */
static bool core_subscribe_plan_read(struct core_subscribe_plan *plan)
{
    struct sql_reference *references = &plan->reference;
    uint32_t count = 1;
    bool is_sql = plan->what == CORE_SUBSCRIBE_SQL;
    if (is_sql ? !core_subscribe_plan_statement(plan) : !core_subscribe_plan_name(plan)) {
        return false;
    }
    if (is_sql && sql_references(plan->stmt->select, plan->arena, &references, &count) != ERR_OK) {
        return core_subscribe_plan_fail_memory(plan);
    }
    ASSERT(count == 1); /* FROM is a name */
    plan->resolve = (struct core_resolve){.done = core_subscribe_plan_resolved,
                                          .ctx = plan,
                                          .references = references,
                                          .references_count = count,
                                          .arena = plan->arena,
                                          .deadline_ns = plan->deadline_ns};
    core_resolve_start(plan->cs, &plan->resolve);
    return true;
}

static bool core_subscribe_plan_name(struct core_subscribe_plan *plan)
{
    plan->reference = (struct sql_reference){
        .name = {.text = plan->text, .length = (uint32_t)plan->length, .is_quoted = true}};
    return true;
}

/* The statement's tree; what is not served is refused by name. */
static bool core_subscribe_plan_statement(struct core_subscribe_plan *plan)
{
    if (sql_parse(plan->text, plan->length, plan->arena, &plan->stmt, &plan->error) != ERR_OK) {
        return core_subscribe_plan_sql_error(plan);
    }
    if (plan->stmt->kind != SQL_STMT_SELECT) {
        return core_subscribe_plan_refuse(plan, plan->stmt->at, "a statement other than SELECT",
                                          "Ask it by \"query\".");
    }
    if (plan->params_count > plan->stmt->params_count) {
        return core_subscribe_plan_fail(plan, CORE_INVALID_REQUEST, "08P01", SQL_AT_NONE,
                                        "%u parameters are given, but the statement has %u",
                                        plan->params_count, plan->stmt->params_count);
    }
    return core_subscribe_plan_refuse_select(plan, plan->stmt->select);
}

/* True: all of it is served, as far as its tree tells. */
static bool core_subscribe_plan_refuse_select(struct core_subscribe_plan *plan,
                                              const struct sql_select *select)
{
    if (select->ctes_count > 0) {
        return core_subscribe_plan_refuse(plan, select->ctes[0].name.at, "WITH",
                                          "Name the stream or the view in FROM.");
    }
    if (select->items_count == 0 || select->from == NULL) {
        return core_subscribe_plan_refuse(
            plan, select->at, select->items_count == 0 ? "VALUES" : "a SELECT without FROM",
            "A subscription is to one stream or one view: name it in FROM.");
    }
    switch (select->from->kind) {
    case SQL_FROM_TABLE: break;
    case SQL_FROM_SELECT:
        return core_subscribe_plan_refuse(plan, select->from->at, "a subquery",
                                          "Name the stream or the view in FROM.");
    case SQL_FROM_TUMBLE:
        return core_subscribe_plan_refuse(plan, select->from->at, "TUMBLE", CORE_SUBSCRIBE_MAKE);
    }
    if (select->is_distinct) {
        return core_subscribe_plan_refuse(plan, select->at, "DISTINCT", CORE_SUBSCRIBE_MAKE);
    }
    if (select->group.count > 0) {
        return core_subscribe_plan_refuse(plan, select->group.items[0]->at, "GROUP BY",
                                          CORE_SUBSCRIBE_MAKE);
    }
    if (select->having != NULL) {
        return core_subscribe_plan_refuse(plan, select->having->at, "HAVING", CORE_SUBSCRIBE_MAKE);
    }
    return core_subscribe_plan_refuse_order(plan, select);
}

static bool core_subscribe_plan_refuse_order(struct core_subscribe_plan *plan,
                                             const struct sql_select *select)
{
    static const char instead[] = "All rows that WHERE takes are given: of a stream as they come, "
                                  "of a view as they change.";
    if (select->order_count > 0) {
        return core_subscribe_plan_refuse(plan, select->order[0].expr->at, "ORDER BY", instead);
    }
    if (select->limit != NULL) {
        return core_subscribe_plan_refuse(plan, select->limit->at, "LIMIT", instead);
    }
    return select->offset == NULL ||
           core_subscribe_plan_refuse(plan, select->offset->at, "OFFSET", instead);
}

/* --- What it reads --- */

static void core_subscribe_plan_resolved(struct core_resolve *resolve)
{
    struct core_subscribe_plan *plan = resolve->ctx;
    if (resolve->code != CORE_OK) {
        core_subscribe_plan_fail(plan, resolve->code, resolve->state,
                                 plan->stmt != NULL ? resolve->references[0].name.at : SQL_AT_NONE,
                                 "%s", resolve->message);
    } else if (plan->stmt != NULL) {
        (void)core_subscribe_plan_bind(plan);
    } else {
        (void)core_subscribe_plan_bind_name(plan);
    }
    plan->done(plan);
}

static bool core_subscribe_plan_bind(struct core_subscribe_plan *plan)
{
    const struct core_resolve *resolve = &plan->resolve;
    const struct plan_relation *relation = resolve->relations[0];
    struct plan bound;
    if (relation != NULL && relation->kind == PLAN_RELATION_SYSTEM) {
        return core_subscribe_plan_refuse(plan, resolve->references[0].name.at, "a system table",
                                          "Ask it again by \"query\".");
    }
    struct sql_binding binding = {.relations = resolve->relations,
                                  .references = resolve->references,
                                  .references_count = 1,
                                  .name_at = core_resolve_name_at,
                                  .ctx = plan->cs,
                                  .params = plan->types,
                                  .params_count = plan->params_count,
                                  .text = plan->text,
                                  .length = plan->length,
                                  .is_view =
                                      relation != NULL && relation->kind == PLAN_RELATION_VIEW};
    if (sql_bind(plan->stmt->select, &binding, plan->arena, &bound, &plan->error) != ERR_OK) {
        return core_subscribe_plan_sql_error(plan);
    }
    plan->relation = relation;
    return core_subscribe_plan_take(plan, &bound);
}

/* A name stands for all there is. */
static bool core_subscribe_plan_bind_name(struct core_subscribe_plan *plan)
{
    const struct plan_relation *relation = plan->resolve.relations[0];
    bool is_view = plan->what == CORE_SUBSCRIBE_VIEW;
    if (relation == NULL) {
        enum core_code code = is_view ? CORE_UNKNOWN_VIEW : CORE_UNKNOWN_STREAM;
        return core_subscribe_plan_fail(
            plan, code, core_code_state(code), SQL_AT_NONE, "%s \"%.*s\" does not exist",
            is_view ? "materialized view" : "stream", (int)plan->length, plan->text);
    }
    if ((relation->kind == PLAN_RELATION_VIEW) != is_view) {
        core_subscribe_plan_fail(plan, is_view ? CORE_INVALID_VIEW : CORE_INVALID_STREAM, "42809",
                                 SQL_AT_NONE, "\"%s\" is a %s", relation->name,
                                 is_view ? "stream" : "materialized view");
        sql_error_hint(&plan->error, "Subscribe with \"%s\".", is_view ? "stream" : "view");
        return false;
    }
    plan->relation = relation;
    return core_subscribe_plan_take(plan, NULL);
}

/* --- Its failure --- */

bool core_subscribe_plan_fail(struct core_subscribe_plan *plan, enum core_code code,
                              const char *state, struct sql_at at, const char *format, ...)
{
    char message[SQL_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    plan->code = code;
    sql_error_set_code(&plan->error, state, at, plan->text, plan->length, "%s", message);
    return false;
}

bool core_subscribe_plan_fail_memory(struct core_subscribe_plan *plan)
{
    return core_subscribe_plan_fail(plan, CORE_OVERLOADED, "53200", SQL_AT_NONE, "out of memory");
}

/* plan->error is filled. Returns false. */
static bool core_subscribe_plan_sql_error(struct core_subscribe_plan *plan)
{
    plan->code =
        plan->error.state == SQL_STATE_OUT_OF_MEMORY ? CORE_OVERLOADED : CORE_INVALID_REQUEST;
    return false;
}

/* `what` is not served. Returns false. */
static bool core_subscribe_plan_refuse(struct core_subscribe_plan *plan, struct sql_at at,
                                       const char *what, const char *instead)
{
    core_subscribe_plan_fail(plan, CORE_INVALID_REQUEST, "0A000", at,
                             "%s in a subscription is not supported", what);
    sql_error_hint(&plan->error, "%s", instead);
    return false;
}
