/* What goes on on all shards: subscriptions, and statements that run. Asked for shard after shard,
 * a page at a time, in the order in which they began. See system_tables.h. */
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/core/query_run.h"
#include "broker/core/system_int.h"

/* Bytes of a statement that are shown. */
#define CORE_SYSTEM_SQL_BYTES 1024u

/* Of a row. */
#define CORE_SYSTEM_TEXTS_MAX   7u
#define CORE_SYSTEM_NUMBERS_MAX 4u

/* A row as it comes from its shard. */
struct core_system_activity {
    uint64_t number;                          /* of the shard */
    int64_t since_ms;                         /* since 1970 */
    const char *texts[CORE_SYSTEM_TEXTS_MAX]; /* in order of the columns; NULL: null */
    int64_t numbers[CORE_SYSTEM_NUMBERS_MAX]; /* likewise; -1: null */
};

/* Columns that both tables begin with: shard, number, since. */
#define CORE_SYSTEM_ACTIVITY_HEAD 3u

static void core_system_activity_fill(struct core_system_scan *scan,
                                      const struct core_system_activity *activity);
static void core_system_activity_page(struct core_shard *at, struct core_call *call);
static struct list_node *core_system_activity_first(const struct list *all, bool is_query,
                                                    uint64_t number);
static void core_system_subscription(const struct core_shard *at,
                                     const struct core_subscription *found,
                                     struct core_system_activity *out, char **pos, const char *end);
static void core_system_query(const struct core_shard *at, const struct core_query_run *run,
                              struct core_system_activity *out, char **pos, const char *end);
static const char *core_system_query_state(enum core_query_stage stage);

enum err core_system_activity_open(struct core_system_scan *scan)
{
    void *rows = NULL;
    void *page = NULL;
    enum err err = budget_alloc(scan->source.budget,
                                CORE_SYSTEM_ROWS_MAX * sizeof(*scan->activities), 8, &rows);
    if (err == ERR_OK) {
        err = budget_alloc(scan->source.budget, CORE_SYSTEM_PAGE_BYTES, 1, &page);
    }
    scan->activities = rows;
    scan->page = page;
    return err;
}

void core_system_fill_activity(struct core_system_scan *scan)
{
    struct core_shard *cs = scan->source.scans->cs;
    if (!scan->has_page) {
        scan->is_away = true;
        core_call_start(cs, scan->shard, &scan->call, core_system_activity_page, core_system_paged);
        return;
    }
    scan->has_page = false;
    for (uint32_t i = 0; i < scan->activities_count && scan->arena.err == ERR_OK; i++) {
        core_system_activity_fill(scan, &scan->activities[i]);
        scan->row++;
    }
    if (scan->activities_count == 0) {
        scan->shard++;
        scan->number = 0;
        scan->is_end = scan->shard == cs->core->shards_count;
    }
}

static void core_system_activity_fill(struct core_system_scan *scan,
                                      const struct core_system_activity *activity)
{
    const struct plan_relation *relation = core_system_table_at(scan->table);
    uint32_t texts_count = 0;
    uint32_t numbers_count = 0;
    core_system_int4(scan, 0, scan->shard);
    core_system_int8(scan, 1, (int64_t)activity->number);
    core_system_time(scan, 2, activity->since_ms);
    for (uint32_t i = CORE_SYSTEM_ACTIVITY_HEAD; i < relation->columns_count; i++) {
        if (relation->columns[i].type.kind == VEC_TEXT) {
            const char *text = activity->texts[texts_count++];
            core_system_string(scan, i, text != NULL ? text : "");
            if (text == NULL) {
                core_system_null(scan, i);
            }
        } else {
            int64_t number = activity->numbers[numbers_count++];
            core_system_int8(scan, i, number);
            if (number < 0) {
                core_system_null(scan, i);
            }
        }
    }
    ASSERT(texts_count <= CORE_SYSTEM_TEXTS_MAX);
    ASSERT(numbers_count <= CORE_SYSTEM_NUMBERS_MAX);
}

/* On the shard asked: the next ones, copied. */
static void core_system_activity_page(struct core_shard *at, struct core_call *call)
{
    struct core_system_scan *scan = CONTAINER_OF(call, struct core_system_scan, call);
    const char *end = scan->page + CORE_SYSTEM_PAGE_BYTES;
    char *pos = scan->page;
    bool is_query = scan->table == CORE_SYSTEM_QUERIES;
    const struct list *all = is_query ? &at->queries.running : &at->subscriptions.all;
    struct list_node *node = core_system_activity_first(all, is_query, scan->number);
    scan->activities_count = 0;
    for (; node != NULL && scan->activities_count < CORE_SYSTEM_ROWS_MAX;
         node = list_next(all, node)) {
        struct core_system_activity *row = &scan->activities[scan->activities_count];
        *row = (struct core_system_activity){.number = 0};
        if (is_query) {
            core_system_query(at, CONTAINER_OF(node, struct core_query_run, in_running), row, &pos,
                              end);
        } else {
            core_system_subscription(at, CONTAINER_OF(node, struct core_subscription, in_shard),
                                     row, &pos, end);
        }
        if (pos == NULL) {
            ASSERT(scan->activities_count > 0);
            break;
        }
        scan->activities_count++;
        scan->number = row->number;
    }
    core_call_end(at, call);
}

/* The first one behind that number; NULL: there is none. */
static struct list_node *core_system_activity_first(const struct list *all, bool is_query,
                                                    uint64_t number)
{
    list_for_each (node, all) {
        uint64_t its = is_query ? CONTAINER_OF(node, struct core_query_run, in_running)->number
                                : CONTAINER_OF(node, struct core_subscription, in_shard)->number;
        if (its > number) {
            return node;
        }
    }
    return NULL;
}

/* *text copied; NULL stays. */
static const char *core_system_activity_text(char **pos, const char *end, const char *text)
{
    return text != NULL && *pos != NULL ? core_system_page_text(pos, end, text) : NULL;
}

/* When it was `since_ns` of rt_now_ns, in ms since 1970. */
static int64_t core_system_since(const struct core_shard *at, uint64_t since_ns)
{
    uint64_t ago_ns = rt_now_ns(at->shard) - since_ns;
    return (int64_t)((rt_wall_ns(at->shard) - ago_ns) / RT_NS_PER_MS);
}

/* *out = that one; *pos NULL: there is no room for it. */
static void core_system_subscription(const struct core_shard *at,
                                     const struct core_subscription *found,
                                     struct core_system_activity *out, char **pos, const char *end)
{
    struct core_subscription_row row = {.peer = NULL};
    found->row(found, &row);
    const char *texts[CORE_SYSTEM_TEXTS_MAX] = {row.peer, row.id,    row.kind,    row.name,
                                                row.sql,  row.state, row.position};
    for (uint32_t i = 0; i < CORE_SYSTEM_TEXTS_MAX; i++) {
        out->texts[i] = core_system_activity_text(pos, end, texts[i]);
    }
    out->number = found->number;
    out->since_ms = core_system_since(at, found->since_ns);
    out->numbers[0] = row.kind != NULL && strcmp(row.kind, "view") == 0 ? (int64_t)row.behind : -1;
    out->numbers[1] = (int64_t)row.rows;
    out->numbers[2] = (int64_t)row.queued_bytes;
}

/* Likewise. */
static void core_system_query(const struct core_shard *at, const struct core_query_run *run,
                              struct core_system_activity *out, char **pos, const char *end)
{
    char sql[CORE_SYSTEM_SQL_BYTES + 1];
    size_t length =
        core_subscription_cut(run->query->text, run->query->length, CORE_SYSTEM_SQL_BYTES);
    memcpy(sql, run->query->text, length);
    sql[length] = '\0';
    uint64_t elapsed_ns = rt_now_ns(at->shard) - run->began_ns;
    out->number = run->number;
    out->since_ms = core_system_since(at, run->began_ns);
    out->texts[0] = core_system_activity_text(pos, end, core_system_query_state(run->stage));
    out->texts[1] = core_system_activity_text(pos, end, sql);
    out->numbers[0] = (int64_t)(elapsed_ns / RT_NS_PER_MS);
    out->numbers[1] = (int64_t)run->query->rows_count;
    out->numbers[2] = (int64_t)run->scans.records_count;
    out->numbers[3] = (int64_t)run->budget.used_bytes;
}

static const char *core_system_query_state(enum core_query_stage stage)
{
    switch (stage) {
    case CORE_QUERY_PLAN:
    case CORE_QUERY_RESOLVE:
    case CORE_QUERY_ASK:
    case CORE_QUERY_BIND: return "planning";
    case CORE_QUERY_CHANGE: return "changing";
    case CORE_QUERY_ADMIT: return "waiting";
    case CORE_QUERY_RUN:
    case CORE_QUERY_BLOCKED: return "running";
    case CORE_QUERY_PAUSED: return "paused";
    case CORE_QUERY_CLOSE:
    case CORE_QUERY_FREE:
    case CORE_QUERY_DONE: return "ending";
    }
    UNREACHABLE();
}
