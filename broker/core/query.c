/* Statements of a shard: turns, rows, ends. See query.h, query_run.h.
 *
 * **Turns.** What can go on stands in one list; a turn of the loop takes from it for half a
 * millisecond and leaves the rest to the next one, so that producers and consumers wait no longer
 * for sixty-four heavy statements than for one. A statement that is done within its first turn
 * costs neither timer nor memory but what its run had before: runs are used again.
 *
 * **Views** that are replaced (upkeep_heir.c) between a statement's plan and its first row have it
 * planned again: so nobody is told columns before there are rows of them.
 *
 * **Places.** A kept plan was made of another text, which differs in white space and comments; so a
 * place in it is found again by counting tokens. */
#include "broker/core/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/query_run.h"
#include "broker/core/view.h"
#include "views/plan/bound.h"
#include "views/sql/lex.h"
#include "views/vec/calendar.h"
#include "views/vec/fault.h"

/* How long statements work in one turn of the loop. */
#define CORE_QUERY_TURN_NS (500 * RT_NS_PER_US)

/* Defaults of core_queries_config; plans take one in so many bytes of what statements may. */
#define CORE_QUERY_BYTES_MAX   (64u << 20)
#define CORE_QUERY_TOTAL_PART  2u
#define CORE_QUERY_RUNNING_MAX 64u
#define CORE_QUERY_PLANS_PART  8u

/* Statements that wait to read for each that may. */
#define CORE_QUERY_WAITING_PER_RUNNING 4u

/* A statement is planned again so often, when what it reads has changed before it gave a row. */
#define CORE_QUERY_AGAIN_MAX 16u

/* Runs kept to be used again, and the chunk that the arena of each has. */
#define CORE_QUERY_IDLE_MAX    256u
#define CORE_QUERY_ARENA_BYTES (4u << 10)

static const char core_query_stop_user[] = "canceling statement due to user request";
static const char core_query_stop_late[] = "canceling statement due to statement timeout";

static const struct metric_family core_query_ended_family = {
    .name = "tdb_queries_total", .help = "Statements in SQL that ended.", .type = METRIC_COUNTER};
static const struct metric_family core_query_time_family = {
    .name = "tdb_query_seconds",
    .help = "Time from a statement's start to its end.",
    .type = METRIC_HISTOGRAM,
    .unit = METRIC_UNIT_NS,
    .bounds = &metric_bounds_ns};
static const struct metric_family core_query_running_family = {
    .name = "tdb_queries_running", .help = "Statements under way.", .type = METRIC_GAUGE};
static const struct metric_family core_query_rows_family = {
    .name = "tdb_query_rows_total", .help = "Rows that answers had.", .type = METRIC_COUNTER};
static const struct metric_family core_query_records_family = {
    .name = "tdb_query_records_total",
    .help = "Records that statements looked at.",
    .type = METRIC_COUNTER};
static const struct metric_family core_query_duplicates_family = {
    .name = "tdb_query_duplicate_names_total",
    .help = "Names that JSON objects had again where columns were read; the last one counts.",
    .type = METRIC_COUNTER};
static const struct metric_family core_query_plans_family = {
    .name = "tdb_query_plans_kept_total",
    .help = "Statements whose plan had been kept.",
    .type = METRIC_COUNTER};

static const struct metric_label core_query_outcomes[CORE_QUERIES_OUTCOMES_COUNT] = {
    [CORE_QUERIES_OK] = {"outcome", "ok"},
    [CORE_QUERIES_FAILED] = {"outcome", "failed"},
    [CORE_QUERIES_CANCELED] = {"outcome", "canceled"}};

static void core_queries_register(struct core_queries *queries);
static void core_queries_turn(struct rt_op *op);
static struct core_query_run *core_query_run_new(struct core_queries *queries);
static void core_query_run_free(struct core_query_run *run);
static bool core_queries_have_work(const struct core_queries *queries);
static void core_queries_wake(struct core_queries *queries);
static void core_query_start_limits(struct core_query_run *run);
static bool core_query_go(struct core_query_run *run, uint64_t end_ns);
static bool core_query_rows(struct core_query_run *run, uint64_t end_ns);
static bool core_query_admit(struct core_query_run *run);
static void core_queries_admit_next(struct core_queries *queries);
static bool core_query_open(struct core_query_run *run);
static void core_query_tell_columns(struct core_query_run *run);
static bool core_query_reads_views(const struct core_query_run *run);
static bool core_query_is_stale(const struct core_query_run *run);
static void core_query_again(struct core_query_run *run);
static void core_query_forget_scans(struct core_query_run *run);
static bool core_query_give(struct core_query_run *run, uint64_t end_ns);
static const struct vec_batch *core_query_piece(struct core_query_run *run);
static bool core_query_failed(struct core_query_run *run);
static bool core_query_give_table(struct core_query_run *run, uint64_t end_ns);
static struct sql_at core_query_place(const struct core_query_run *run, uint32_t pos,
                                      uint32_t length);
static void core_query_ready(void *ctx);
static void core_query_closed(void *ctx);
static void core_query_late(struct rt_timer *timer);
static void core_query_stop(struct core_query_run *run, const char *why);
static void core_query_stopped(struct core_query_run *run);
static enum core_query_stage core_query_left(const struct core_query_run *run);
static bool core_query_free(struct core_query_run *run, uint64_t end_ns);
static void core_query_tell(struct core_query_run *run);

/* --- A shard's statements --- */

enum err core_queries_open(struct core_queries *queries, struct core_shard *cs,
                           const struct core_queries_config *config)
{
    size_t memory_bytes = rt_shard_budget(cs->shard)->limit_bytes;
    size_t total_bytes_max = config->total_bytes_max > 0 ? (size_t)config->total_bytes_max
                                                         : memory_bytes / CORE_QUERY_TOTAL_PART;
    *queries = (struct core_queries){
        .cs = cs,
        .bytes_max = config->bytes_max > 0 ? config->bytes_max : CORE_QUERY_BYTES_MAX,
        .running_max = config->running_max > 0 ? config->running_max : CORE_QUERY_RUNNING_MAX};
    list_init(&queries->idle);
    list_init(&queries->ready);
    list_init(&queries->parts);
    list_init(&queries->waiting);
    list_init(&queries->refused);
    list_init(&queries->running);
    budget_init(&queries->budget, "queries", total_bytes_max, &cs->budget);
    pool_init(&queries->pool, &queries->budget, sizeof(struct core_query_run), 64, UINT32_MAX);
    rt_op_init(&queries->op, cs->shard, core_queries_turn);
    core_queries_register(queries);
    return core_plans_init(&queries->plans, &queries->budget,
                           total_bytes_max / CORE_QUERY_PLANS_PART, rt_random(cs->shard));
}

static void core_queries_register(struct core_queries *queries)
{
    struct core_queries_metrics *metrics = &queries->metrics;
    struct metric_registry *registry = &queries->cs->metrics;
    for (uint32_t i = 0; i < CORE_QUERIES_OUTCOMES_COUNT; i++) {
        metric_counter_init(&metrics->ended[i], registry, &core_query_ended_family,
                            &core_query_outcomes[i], 1);
    }
    metric_histogram_init(&metrics->time, registry, &core_query_time_family, NULL, 0);
    metric_gauge_init(&metrics->running, registry, &core_query_running_family, NULL, 0);
    metric_counter_init(&metrics->rows, registry, &core_query_rows_family, NULL, 0);
    metric_counter_init(&metrics->records, registry, &core_query_records_family, NULL, 0);
    metric_counter_init(&metrics->duplicates, registry, &core_query_duplicates_family, NULL, 0);
    metric_counter_init(&metrics->plans_kept, registry, &core_query_plans_family, NULL, 0);
}

void core_queries_close(struct core_queries *queries)
{
    ASSERT(queries->count == 0);
    ASSERT(queries->slots_count == 0);
    ASSERT(list_is_empty(&queries->parts));
    struct list_node *node;
    while ((node = list_pop_front(&queries->idle)) != NULL) {
        struct core_query_run *run = CONTAINER_OF(node, struct core_query_run, in_list);
        arena_deinit(&run->arena);
        budget_deinit(&run->budget);
        pool_release(&queries->pool, run);
    }
    core_plans_deinit(&queries->plans);
    pool_deinit(&queries->pool);
    budget_deinit(&queries->budget);
}

static void core_queries_turn(struct rt_op *op)
{
    struct core_queries *queries = CONTAINER_OF(op, struct core_queries, op);
    struct rt_shard *shard = queries->cs->shard;
    uint64_t end_ns = rt_now_precise_ns(shard) + CORE_QUERY_TURN_NS;
    struct list_node *node;
    while ((node = list_pop_front(&queries->refused)) != NULL) {
        struct core_query *query = CONTAINER_OF(node, struct core_query, in_refused);
        queries->count--;
        query->ops->done(query);
    }
    do {
        if ((node = list_pop_front(&queries->ready)) != NULL) {
            (void)core_query_go(CONTAINER_OF(node, struct core_query_run, in_list), end_ns);
        }
        if ((node = list_pop_front(&queries->parts)) != NULL) {
            core_query_part_go(CONTAINER_OF(node, struct core_query_part, in_list), end_ns);
        }
    } while (core_queries_have_work(queries) && rt_now_precise_ns(shard) < end_ns);
    core_queries_wake(queries);
}

static bool core_queries_have_work(const struct core_queries *queries)
{
    return !list_is_empty(&queries->ready) || !list_is_empty(&queries->parts);
}

void core_queries_wake_part(struct core_queries *queries, struct core_query_part *part)
{
    list_push_back(&queries->parts, &part->in_list);
    core_queries_wake(queries);
}

/* There is to be a turn if there is something to do in it. */
static void core_queries_wake(struct core_queries *queries)
{
    bool has_work = core_queries_have_work(queries) || !list_is_empty(&queries->refused);
    if (has_work && rt_op_is_idle(&queries->op)) {
        rt_op_defer(&queries->op);
    }
}

/* --- A statement --- */

bool core_query_start(struct core_shard *cs, struct core_query *query)
{
    struct core_queries *queries = &cs->queries;
    struct core_query_run *run = core_query_run_new(queries);
    ASSERT(query->ops != NULL);
    query->run = run;
    query->tag = NULL;
    query->notice[0] = '\0';
    query->rows_count = 0;
    query->errors_count = 0;
    query->records_count = 0;
    query->scanned_bytes = 0;
    query->position = (struct core_position){0};
    query->has_columns = false;
    query->is_paused = false;
    sql_error_clear(&query->error);
    queries->count++;
    if (run == NULL) {
        sql_error_set_code(&query->error, "53200", SQL_AT_NONE, "", 0, "out of memory");
        list_push_back(&queries->refused, &query->in_refused);
        core_queries_wake(queries);
        return false;
    }
    list_push_back(&queries->running, &run->in_running);
    run->number = ++queries->begun_count;
    run->query = query;
    run->text = query->text;
    run->length = query->length;
    run->began_ns = rt_now_ns(cs->shard);
    core_query_start_limits(run);
    metric_move(&queries->metrics.running, 1);
    run->stage = CORE_QUERY_PLAN;
    if (!core_query_plan_kept(run)) {
        core_query_wake(run, CORE_QUERY_PLAN);
        return false;
    }
    return core_query_go(run, rt_now_precise_ns(cs->shard) + CORE_QUERY_TURN_NS);
}

/* How long it may take, and what memory. */
static void core_query_start_limits(struct core_query_run *run)
{
    const struct core_query *query = run->query;
    uint64_t timeout_ms = run->queries->cs->core->config.queries.timeout_ms;
    size_t bytes_max = query->bytes_max > 0 ? query->bytes_max : (size_t)run->queries->bytes_max;
    run->deadline_ns = query->deadline_ns > 0 ? query->deadline_ns
                       : timeout_ms > 0       ? run->began_ns + timeout_ms * RT_NS_PER_MS
                                              : UINT64_MAX;
    budget_set_limit(&run->budget, bytes_max);
}

void core_query_resume(struct core_query *query)
{
    if (query->is_paused) {
        ASSERT(query->run->stage == CORE_QUERY_PAUSED);
        query->is_paused = false;
        core_query_wake(query->run, CORE_QUERY_RUN);
    }
}

void core_query_cancel(struct core_query *query)
{
    if (query->run != NULL) {
        core_query_stop(query->run, core_query_stop_user);
    }
}

static void core_query_late(struct rt_timer *timer)
{
    struct core_query_run *run = CONTAINER_OF(timer, struct core_query_run, timer);
    core_query_stop(run, core_query_stop_late);
}

/* It is to end: at once where nothing of it is under way, else when that has come back. */
static void core_query_stop(struct core_query_run *run, const char *why)
{
    run->stop = run->stop == NULL ? why : run->stop;
    run->query->is_paused = false;
    switch (run->stage) {
    case CORE_QUERY_RESOLVE: core_resolve_cancel(&run->resolve); return;
    case CORE_QUERY_ADMIT:
        list_remove(&run->in_list);
        run->queries->waiting_count--;
        core_query_wake(run, CORE_QUERY_RUN);
        return;
    case CORE_QUERY_BLOCKED:
        if (why != core_query_stop_late || !core_scans_hurry(&run->scans)) {
            core_query_wake(run, CORE_QUERY_RUN);
        }
        return;
    case CORE_QUERY_PAUSED: core_query_wake(run, CORE_QUERY_RUN); return;
    case CORE_QUERY_PLAN:
    case CORE_QUERY_BIND:
    case CORE_QUERY_RUN:
    case CORE_QUERY_CHANGE:
    case CORE_QUERY_ASK:
    case CORE_QUERY_CLOSE:
    case CORE_QUERY_FREE:
    case CORE_QUERY_DONE: return;
    }
    UNREACHABLE();
}

/* It ends before its time, and says why: where it was late for a view, that. */
static void core_query_stopped(struct core_query_run *run)
{
    struct exec_failure failure;
    if (run->stop == core_query_stop_late && run->is_open &&
        core_scans_is_late(&run->scans, &failure)) {
        core_query_fail(run, failure.state, SQL_AT_NONE, "%s", failure.message);
    } else {
        core_query_fail(run, "57014", SQL_AT_NONE, "%s", run->stop);
    }
}

void core_query_wake(struct core_query_run *run, enum core_query_stage stage)
{
    ASSERT(!list_is_linked(&run->in_list));
    run->stage = stage;
    list_push_back(&run->queries->ready, &run->in_list);
    core_queries_wake(run->queries);
}

/* Go on with it until it waits or ends, or the turn is over. True: it was told, and is gone. */
static bool core_query_go(struct core_query_run *run, uint64_t end_ns)
{
    for (bool is_more = true; is_more;) {
        if (run->deadline_ns <= rt_now_ns(run->queries->cs->shard)) {
            run->stop = run->stop == NULL ? core_query_stop_late : run->stop;
        }
        if (run->stop != NULL && run->stage < CORE_QUERY_CLOSE) {
            core_query_stopped(run);
        }
        switch (run->stage) {
        case CORE_QUERY_PLAN: is_more = core_query_plan(run); break;
        case CORE_QUERY_BIND: is_more = core_query_bind(run); break;
        case CORE_QUERY_RUN: is_more = core_query_rows(run, end_ns); break;
        case CORE_QUERY_FREE: is_more = core_query_free(run, end_ns); break;
        case CORE_QUERY_DONE:
            if (!run->is_again) {
                core_query_tell(run);
                return true;
            }
            core_query_again(run);
            break;
        case CORE_QUERY_CLOSE: is_more = false; break;
        case CORE_QUERY_RESOLVE:
        case CORE_QUERY_CHANGE:
        case CORE_QUERY_ASK:
        case CORE_QUERY_ADMIT:
        case CORE_QUERY_BLOCKED:
        case CORE_QUERY_PAUSED: UNREACHABLE();
        }
    }
    if (run->deadline_ns != UINT64_MAX && !rt_timer_is_running(&run->timer)) {
        rt_timer_start(&run->timer, run->deadline_ns);
    }
    return false;
}

/* --- Rows --- */

/* True: it has ended. */
static bool core_query_rows(struct core_query_run *run, uint64_t end_ns)
{
    struct rt_shard *shard = run->queries->cs->shard;
    if (run->batch != NULL && !core_query_give(run, end_ns)) {
        return false;
    }
    if (run->table.outputs != NULL) {
        return core_query_give_table(run, end_ns);
    }
    if (!run->is_open) {
        if (!core_query_admit(run)) {
            return run->stage != CORE_QUERY_ADMIT;
        }
        if (run->again_count < CORE_QUERY_AGAIN_MAX && core_query_is_stale(run)) {
            core_query_again(run);
            return true;
        }
        if (!core_query_open(run) || run->stop != NULL) {
            return true;
        }
    }
    do {
        switch (exec_next(&run->exec, &run->batch)) {
        case EXEC_ROWS:
            run->batch_row = 0;
            run->query->position = run->scans.position;
            core_query_tell_columns(run);
            if (!core_query_give(run, end_ns)) {
                return false;
            }
            break;
        case EXEC_AGAIN: run->batch = NULL; break;
        case EXEC_BLOCKED:
            run->batch = NULL;
            run->stage = CORE_QUERY_BLOCKED;
            return false;
        case EXEC_END: core_query_tell_columns(run); return core_query_end(run);
        case EXEC_FAILED: return core_query_failed(run);
        }
    } while (run->stop == NULL && rt_now_precise_ns(shard) < end_ns);
    if (run->stop == NULL) {
        core_query_wake(run, CORE_QUERY_RUN); /* behind the others */
    }
    return run->stop != NULL;
}

/* Whether it looks rows up by their keys, and reads nothing else. */
static bool core_query_is_lookup(const struct plan *plan)
{
    const struct plan_node *filter = NULL;
    const struct plan_node *node = plan->root;
    for (; node->input != NULL; node = node->input) {
        filter = node->kind == PLAN_FILTER ? node : NULL;
    }
    return node->kind == PLAN_SCAN && filter != NULL && plan_bound_lookups(filter) > 0;
}

/* Whether it may read now. False: it waits, or is refused. Who reads nothing, or some rows by their
 * keys, is soon done. */
static bool core_query_admit(struct core_query_run *run)
{
    struct core_queries *queries = run->queries;
    if (run->plan->references_count == 0 || core_query_is_lookup(&run->plan->plan) ||
        run->is_admitted) {
        return true;
    }
    if (queries->admitted_count < queries->running_max) {
        queries->admitted_count++;
        run->is_admitted = true;
        return true;
    }
    if (queries->waiting_count >= CORE_QUERY_WAITING_PER_RUNNING * queries->running_max) {
        core_query_fail(run, "53300", SQL_AT_NONE,
                        "too many statements: %u run on this shard and %u wait",
                        queries->admitted_count, queries->waiting_count);
        return false;
    }
    run->stage = CORE_QUERY_ADMIT;
    queries->waiting_count++;
    list_push_back(&queries->waiting, &run->in_list);
    return false;
}

/* One that was admitted has ended: its place goes to the one that waits longest, which has it from
 * now on, even if it ends before its turn. */
static void core_queries_admit_next(struct core_queries *queries)
{
    struct list_node *node = list_pop_front(&queries->waiting);
    if (node == NULL) {
        queries->admitted_count--;
        return;
    }
    struct core_query_run *next = CONTAINER_OF(node, struct core_query_run, in_list);
    queries->waiting_count--;
    next->is_admitted = true;
    core_query_wake(next, CORE_QUERY_RUN);
}

/* False: it has failed. */
static bool core_query_open(struct core_query_run *run)
{
    struct core_shard *cs = run->queries->cs;
    struct core_query *query = run->query;
    struct exec_setting setting = {.budget = &run->budget,
                                   .params = run->params,
                                   .now_us =
                                       (int64_t)(rt_wall_ns(cs->shard) / 1000) + VEC_EPOCH_US};
    run->scans = (struct core_scans){.cs = cs,
                                     .ready = core_query_ready,
                                     .closed = core_query_closed,
                                     .ctx = run,
                                     .position_min = query->position_min,
                                     .is_any = query->is_any,
                                     .deadline_ns = run->deadline_ns};
    if (core_query_parts_begin(run, &setting)) {
        setting.parts = &run->parts.ops;
    }
    enum err err = exec_open(&run->exec, &run->plan->plan, &setting, &core_scan_ops, &run->scans);
    if (err != ERR_OK) {
        core_query_failed(run);
        return false;
    }
    run->is_open = true;
    if (!core_query_reads_views(run)) {
        core_query_tell_columns(run);
    }
    return true;
}

static void core_query_tell_columns(struct core_query_run *run)
{
    struct core_query *query = run->query;
    const struct plan_node *root = run->plan->plan.root;
    if (!query->has_columns) {
        query->has_columns = true;
        query->ops->columns(query, root->outputs, root->outputs_count);
    }
}

/* --- Planned again --- */

static bool core_query_reads_views(const struct core_query_run *run)
{
    for (uint32_t i = 0; i < run->plan->references_count; i++) {
        if (run->plan->relations[i]->kind == PLAN_RELATION_VIEW) {
            return true;
        }
    }
    return false;
}

/* Whether its plan reads a view that is no more: it has waited since. */
static bool core_query_is_stale(const struct core_query_run *run)
{
    const struct core_catalog *catalog = run->queries->cs->catalog;
    for (uint32_t i = 0; i < run->plan->references_count; i++) {
        const struct plan_relation *relation = run->plan->relations[i];
        const struct core_view_relation *view = relation->owner;
        if (relation->kind == PLAN_RELATION_VIEW &&
            core_catalog_find_view_uuid(catalog, &view->uuid) == NULL) {
            return true;
        }
    }
    return false;
}

/* From its text on. */
static void core_query_again(struct core_query_run *run)
{
    run->is_again = false;
    run->again_count++;
    core_query_parts_forget(&run->parts);
    core_plans_unref(&run->queries->plans, run->plan);
    run->plan = NULL;
    run->stmt = NULL;
    run->batch = NULL;
    core_query_forget_scans(run);
    run->stage = CORE_QUERY_PLAN;
}

/* What its scans have come to is not the statement's. */
static void core_query_forget_scans(struct core_query_run *run)
{
    run->scans.open_count = 0;
    run->scans.records_count = 0;
    run->scans.errors_count = 0;
    run->scans.duplicates_count = 0;
    run->scans.bytes = 0;
    run->scans.position = (struct core_position){0};
    run->scans.is_changed = false;
}

/* Hand over what is left of the batch at hand, some rows at a time: who takes them makes text of
 * them, which takes longer than finding them. False: no more in this turn, or until
 * core_query_resume. */
static bool core_query_give(struct core_query_run *run, uint64_t end_ns)
{
    struct rt_shard *shard = run->queries->cs->shard;
    struct core_query *query = run->query;
    uint32_t count = run->batch->selection.count;
    while (run->batch_row < count && run->stop == NULL) {
        const struct vec_batch *piece = core_query_piece(run);
        query->rows_count += piece->selection.count;
        if (!query->ops->rows(query, piece) && run->stop == NULL) { /* else canceled within it */
            run->stage = CORE_QUERY_PAUSED;
            query->is_paused = true;
            return false;
        }
        if (run->batch_row < count && run->stop == NULL && rt_now_precise_ns(shard) >= end_ns) {
            core_query_wake(run, CORE_QUERY_RUN);
            return false;
        }
    }
    run->batch = NULL;
    return true;
}

/* The next rows of the batch at hand, some CORE_QUERY_PIECE_VALUES values. */
static const struct vec_batch *core_query_piece(struct core_query_run *run)
{
    const struct vec_batch *batch = run->batch;
    struct vec_selection selection = batch->selection;
    uint32_t columns_count = batch->columns_count > 0 ? batch->columns_count : 1;
    uint32_t count_max = CORE_QUERY_PIECE_VALUES / columns_count;
    uint32_t left = selection.count - run->batch_row;
    uint32_t count = count_max > 0 ? count_max : 1;
    count = count < left ? count : left;
    uint32_t first = run->batch_row;
    run->batch_row += count;
    if (count == selection.count) {
        return batch;
    }
    run->piece = *batch;
    run->piece.selection = (struct vec_selection){.rows = run->piece_rows, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        run->piece_rows[i] = (uint16_t)vec_row(selection, first + i);
    }
    return &run->piece;
}

/* Rows that stand already. True: it has ended. */
static bool core_query_give_table(struct core_query_run *run, uint64_t end_ns)
{
    struct core_query_table *table = &run->table;
    struct core_query *query = run->query;
    if (!query->has_columns) {
        query->has_columns = true;
        query->ops->columns(query, table->outputs, table->columns_count);
    }
    while (table->next_row < table->rows_count && run->stop == NULL) {
        uint32_t count = table->rows_count - table->next_row;
        count = count < VEC_ROWS_MAX ? count : VEC_ROWS_MAX;
        for (uint32_t i = 0; i < table->columns_count; i++) {
            table->vectors[i] = (struct vec_vector){.type = table->outputs[i].type,
                                                    .form = VEC_FLAT,
                                                    .data = table->columns[i] + table->next_row};
        }
        table->batch = (struct vec_batch){.columns = table->vectors,
                                          .columns_count = table->columns_count,
                                          .rows_count = count,
                                          .selection = {.count = count}};
        table->next_row += count;
        run->batch = &table->batch;
        run->batch_row = 0;
        if (!core_query_give(run, end_ns)) {
            return false;
        }
    }
    return run->stop != NULL || core_query_end(run);
}

/* A source has something for it; in a turn of the loop, perhaps unasked. */
static void core_query_ready(void *ctx)
{
    struct core_query_run *run = ctx;
    if (run->stage == CORE_QUERY_BLOCKED) {
        core_query_wake(run, CORE_QUERY_RUN);
    }
}

void core_query_parts_ready(struct core_query_run *run)
{
    core_query_ready(run);
}

/* --- The end --- */

/* What the executor says becomes the statement's error. */
static bool core_query_failed(struct core_query_run *run)
{
    const struct exec_failure *failure = &run->exec.failure;
    const struct vec_failure *vec = &failure->vec;
    if (run->scans.is_changed && !run->query->has_columns && run->stop == NULL &&
        run->again_count < CORE_QUERY_AGAIN_MAX) {
        run->is_again = true;
        return core_query_end(run);
    }
    if (vec->fault == VEC_FAULT_NONE) {
        return core_query_fail(run, failure->state, SQL_AT_NONE, "%s", failure->message);
    }
    char message[SQL_ERROR_TEXT_BYTES];
    struct bytes_writer w = bytes_writer(message, sizeof(message) - 1);
    vec_fault_message(&w, vec->fault, vec->type, vec->text, vec->text_length);
    message[w.pos] = '\0';
    return core_query_fail(run, vec_fault_state(vec->fault),
                           core_query_place(run, vec->pos, vec->length), "%s", message);
}

/* Where a place of the plan's text is in this statement's. */
static struct sql_at core_query_place(const struct core_query_run *run, uint32_t pos,
                                      uint32_t length)
{
    const struct core_plan *plan = run->plan;
    const struct core_query *query = run->query;
    if (run->text != query->text) { /* SHOW: of a text that nobody wrote */
        return SQL_AT_NONE;
    }
    if (plan->length == query->length && memcmp(plan->text, query->text, plan->length) == 0) {
        return (struct sql_at){pos, length};
    }
    struct sql_error error;
    struct sql_lex old = sql_lex(plan->text, plan->length);
    struct sql_lex new = sql_lex(query->text, query->length);
    struct sql_token old_token, new_token;
    do {
        if (sql_lex_next(&old, false, &old_token, &error) != ERR_OK ||
            sql_lex_next(&new, false, &new_token, &error) != ERR_OK) {
            return SQL_AT_NONE;
        }
        uint32_t into = pos - old_token.at.pos;
        if (into < old_token.at.length) {
            return (struct sql_at){new_token.at.pos + into, length};
        }
    } while (old_token.kind != SQL_TOKEN_END);
    return SQL_AT_NONE;
}

bool core_query_fail(struct core_query_run *run, const char *state, struct sql_at at,
                     const char *format, ...)
{
    struct core_query *query = run->query;
    char message[SQL_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    ASSERT(length >= 0);
    sql_error_set_code(&query->error, state, at, query->text, query->length, "%s", message);
    return core_query_end(run);
}

bool core_query_fail_memory(struct core_query_run *run)
{
    return core_query_fail(run, "53200", SQL_AT_NONE,
                           "out of memory: the statement is too large for what it may hold");
}

bool core_query_end(struct core_query_run *run)
{
    ASSERT(run->stage < CORE_QUERY_CLOSE);
    bool is_held = run->is_open;
    if (run->is_open) {
        exec_stop(&run->exec);
        run->is_open = false;
    }
    if (run->parts.run != NULL) {
        core_query_parts_end(&run->parts);
    }
    run->stage = is_held ? CORE_QUERY_FREE : core_query_left(run);
    return true;
}

/* Where it stands when it holds no memory any more. */
static enum core_query_stage core_query_left(const struct core_query_run *run)
{
    return run->scans.open_count > 0 || run->parts.busy_count > 0 ? CORE_QUERY_CLOSE
                                                                  : CORE_QUERY_DONE;
}

/* Give memory back until the turn is over. True: it has all gone. */
static bool core_query_free(struct core_query_run *run, uint64_t end_ns)
{
    struct rt_shard *shard = run->queries->cs->shard;
    do {
        if (exec_free(&run->exec, CORE_QUERY_FREE_BYTES)) {
            run->stage = core_query_left(run);
            return true;
        }
    } while (rt_now_precise_ns(shard) < end_ns);
    core_query_wake(run, CORE_QUERY_FREE);
    return false;
}

/* All its sources are gone. */
static void core_query_closed(void *ctx)
{
    struct core_query_run *run = ctx;
    if (run->stage == CORE_QUERY_CLOSE && run->parts.busy_count == 0) {
        core_query_wake(run, CORE_QUERY_DONE);
    }
}

void core_query_parts_gone(struct core_query_run *run)
{
    if (run->stage == CORE_QUERY_CLOSE && run->scans.open_count == 0) {
        core_query_wake(run, CORE_QUERY_DONE);
    }
}

/* Tell its owner, who may forget it then. */
static void core_query_tell(struct core_query_run *run)
{
    struct core_queries *queries = run->queries;
    struct core_queries_metrics *metrics = &queries->metrics;
    struct core_query *query = run->query;
    query->errors_count = run->scans.errors_count;
    query->records_count = run->scans.records_count;
    query->scanned_bytes = run->scans.bytes;
    query->position = run->scans.position;
    enum core_queries_outcome outcome = query->error.state == SQL_STATE_NONE ? CORE_QUERIES_OK
                                        : run->stop != NULL                  ? CORE_QUERIES_CANCELED
                                                                             : CORE_QUERIES_FAILED;
    metric_add(&metrics->ended[outcome], 1);
    metric_observe(&metrics->time, rt_now_ns(queries->cs->shard) - run->began_ns);
    metric_move(&metrics->running, -1);
    metric_add(&metrics->rows, query->rows_count);
    metric_add(&metrics->records, query->records_count);
    metric_add(&metrics->duplicates, run->scans.duplicates_count);
    if (run->is_admitted) {
        core_queries_admit_next(queries);
    }
    list_remove(&run->in_running);
    core_query_run_free(run);
    query->run = NULL;
    queries->count--;
    query->ops->done(query);
}

/* --- Runs --- */

/* NULL: there is no memory for one. */
static struct core_query_run *core_query_run_new(struct core_queries *queries)
{
    struct list_node *node = list_pop_front(&queries->idle);
    void *object;
    if (node != NULL) {
        queries->idle_count--;
        return CONTAINER_OF(node, struct core_query_run, in_list);
    }
    if (pool_acquire(&queries->pool, &object) != ERR_OK) {
        return NULL;
    }
    struct core_query_run *run = object;
    run->queries = queries;
    budget_init(&run->budget, "query", SIZE_MAX, &queries->budget);
    arena_init(&run->arena, &run->budget, CORE_QUERY_ARENA_BYTES, SIZE_MAX);
    rt_timer_init(&run->timer, queries->cs->shard, core_query_late);
    return run;
}

static void core_query_run_free(struct core_query_run *run)
{
    struct core_queries *queries = run->queries;
    rt_timer_stop(&run->timer);
    core_query_parts_forget(&run->parts);
    if (run->plan != NULL) {
        core_plans_unref(&queries->plans, run->plan);
    }
    if (queries->idle_count == CORE_QUERY_IDLE_MAX) {
        arena_deinit(&run->arena);
        budget_deinit(&run->budget);
        pool_release(&queries->pool, run);
        return;
    }
    arena_reset(&run->arena);
    run->query = NULL;
    run->stop = NULL;
    run->key = NULL;
    run->stmt = NULL;
    run->plan = NULL;
    run->params = NULL;
    run->table.outputs = NULL;
    run->batch = NULL;
    core_query_forget_scans(run);
    run->is_again = false;
    run->again_count = 0;
    run->is_admitted = false;
    list_push_front(&queries->idle, &run->in_list);
    queries->idle_count++;
}
