/* See upkeep_world.h. */
#include "tests/unit/core/upkeep_world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/catalog_view.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "views/plan/value.h"

#define LAND_WAIT_NS (600 * RT_NS_PER_S)

const struct land_kind land_kinds[LAND_VIEWS] = {
    {"v_group", "SELECT k, count(*), sum(n), min(n), max(m), sum(x) AS sx FROM ev GROUP BY k", 1,
     true},
    {"v_global", "SELECT max(m), count(*), sum(n), min(k), sum(x) AS sx, avg(x) FROM ev", 2, true},
    {"v_rows", "SELECT _partition AS p, _offset AS o, k, n + 1 AS n1, x FROM ev WHERE n > 10", 0,
     false},
    {"v_having", "SELECT k, count(*), sum(n) FROM ev GROUP BY k HAVING count(*) > 3", 0, false},
    {"v_tumble",
     "SELECT window_start, count(*), k, max(n) FROM TUMBLE(ev, at, INTERVAL '1 minute') GROUP BY "
     "window_start, k",
     0, false},
    {"v_distinct", "SELECT DISTINCT k, n % 3 AS r FROM ev", 0, false},
    {"v_filter",
     "SELECT k, count(*) FILTER (WHERE n > 50), avg(n), bool_and(n > 5), count(x) AS cx FROM ev "
     "WHERE k "
     "<> 'a' GROUP BY k",
     0, false},
    {"v_numeric", "SELECT m, count(*), sum(m) FROM ev GROUP BY m", 0, true},
    {"v_none", "SELECT k, count(*) FROM ev WHERE n < -1000 GROUP BY k", 0, false},
    {"v_last", "SELECT k, count(*), last(n, at), first(m, at) FROM ev GROUP BY k", 0, true},
    {"v_expr", "SELECT upper(k) AS u, count(*) + 1 AS c, sum(n) * 2 AS s FROM ev GROUP BY upper(k)",
     0, false},
    {"v_all", "SELECT k, n, m, at FROM ev", 0, false},
};

/* --- Ticks --- */

static void land_heard(struct core_ticks_listener *listener, const struct core_tick_news *news)
{
    struct land *l = CONTAINER_OF(listener, struct land, listener);
    const struct core_tick *tick = core_tick_news_tick(news);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < tick->moved_count; i++) {
        struct core_tick_moved moved = core_tick_moved(tick, i);
        assert_in_range(moved.partition, 0, LAND_PARTITIONS - 1);
        l->ends[moved.partition] = moved.end;
    }
    for (uint32_t i = 0; i < LAND_PARTITIONS; i++) {
        sum += l->ends[i];
    }
    assert_in_range(tick->number, 1, LAND_TICKS - 1);
    l->covered[tick->number] = sum;
    l->newest = tick->number;
}

static void land_failed(struct core_ticks_listener *listener, enum core_code code, const char *why)
{
    (void)listener, (void)code, (void)why;
}

void land_opened(struct yard *y, struct core_shard *cs)
{
    struct land *l = y->build_ctx;
    if (cs->shard->id == 0) {
        l->listener = (struct core_ticks_listener){.tick = land_heard, .failed = land_failed};
        core_ticks_listen(cs, &l->listener);
    }
}

static void land_closing(struct yard *y, struct core_shard *cs)
{
    struct land *l = y->build_ctx;
    if (cs->shard->id == 0) {
        core_ticks_unlisten(cs, &l->listener);
    }
}

/* --- Records --- */

static int land_write(struct land *l, char *out, size_t out_bytes)
{
    struct prng *prng = &l->prng;
    char key[64];
    uint64_t number = l->number++;
    if (l->keys != NULL) {
        snprintf(key, sizeof(key), l->keys, (unsigned)number); // NOLINT
    } else {
        snprintf(key, sizeof(key), "%c", 'a' + (char)prng_below(prng, 6));
    }
    if (l->is_odd && prng_below(prng, 5) == 0) {
        return snprintf(out, out_bytes, "{\"k\":\"%s\",\"n\":\"a text\",\"x\":[1],\"m\":1e99}",
                        key);
    }
    if (!l->is_whole && prng_below(prng, 12) == 0) {
        return snprintf(out, out_bytes, "{\"n\":%u}", (unsigned)prng_below(prng, 100));
    }
    return snprintf(out, out_bytes,
                    "{\"k\":\"%s\",\"n\":%u,\"x\":%d.%u,\"m\":%u.%02u,\"at\":\"2026-01-31T00:%02u:"
                    "%02u.%06uZ\"}",
                    key, (unsigned)prng_below(prng, 100), (int)prng_below(prng, 2000) - 1000,
                    (unsigned)prng_below(prng, 1000), (unsigned)prng_below(prng, 20),
                    (unsigned)prng_below(prng, 100), (unsigned)prng_below(prng, 4),
                    (unsigned)prng_below(prng, 60), (unsigned)(number % 1000000));
}

static void land_build(struct yard *y, struct batch_build *b)
{
    for (uint32_t i = 0; i < y->records_count; i++) {
        char value[512];
        (void)land_write(y->build_ctx, value, sizeof(value));
        batch_build_add(
            b, &(struct batch_build_record){.timestamp = y->timestamp + i, .value = value});
    }
}

void land_append(struct land *l, uint32_t partition, uint32_t records)
{
    yard_append(l->y, partition, records, 1000 + (int64_t)l->number);
}

/* --- Life --- */

struct land *land_new(uint64_t seed, const struct sim_options *options)
{
    struct land *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    l->y = yard_new(seed, options);
    l->y->config.log.hot_bytes_max = 1 << 20;
    l->y->build = land_build;
    l->y->build_ctx = l;
    l->y->opened = land_opened;
    l->y->closing = land_closing;
    prng_init(&l->prng, seed);
    return l;
}

void land_start(struct land *l, uint32_t shards_count)
{
    memset(l->ends, 0, sizeof(l->ends));
    memset(l->covered, 0xff, sizeof(l->covered));
    l->newest = 0;
    l->shards_count = shards_count;
    yard_start(l->y, shards_count);
    if (core_catalog_find_stream(l->y->shards[0].catalog, "ev", 2) == NULL) {
        land_do(l, "CREATE STREAM ev (k TEXT PATH '$.k', n BIGINT PATH '$.n', x DOUBLE PRECISION "
                   "PATH '$.x', m NUMERIC(10, 2) PATH '$.m', at TIMESTAMPTZ PATH '$.at') FROM "
                   "TOPIC yard FORMAT JSON");
    }
}

void land_close(struct land *l)
{
    yard_close(l->y);
}

void land_crash(struct land *l, enum sim_crash how)
{
    yard_crash(l->y, how);
}

void land_free(struct land *l)
{
    if (sim_node_is_running(l->y->node)) {
        land_close(l);
    }
    yard_free(l->y);
    free(l);
}

void land_post(struct land *l, uint32_t shard, void (*call)(struct rt_shard *shard, void *ctx),
               void *ctx)
{
    sim_post(sim_node_shard(l->y->node, shard), call, ctx);
}

/* --- Partitions --- */

/* A change of the catalog. */
struct land_ask {
    struct land *l;
    struct core_change change;
    bool is_done;
};

static void land_asked(struct core_change *change)
{
    ((struct land_ask *)change->ctx)->is_done = true;
}

static void land_ask_run(struct rt_shard *shard, void *ctx)
{
    struct land_ask *ask = ctx;
    core_change_start(&ask->l->y->shards[shard->id], &ask->change);
}

static bool land_is_asked(void *ctx)
{
    return ((const struct land_ask *)ctx)->is_done;
}

void land_widen(struct land *l, int32_t partitions_count)
{
    struct core_change_item item = {.kind = CORE_CHANGE_PARTITIONS,
                                    .name = "yard",
                                    .name_bytes = 4,
                                    .partitions_count = partitions_count};
    struct land_ask ask = {.l = l};
    ask.change =
        (struct core_change){.done = land_asked, .ctx = &ask, .items = &item, .items_count = 1};
    land_post(l, 0, land_ask_run, &ask);
    assert_true(sim_run_until_true(l->y->sim, land_is_asked, &ask,
                                   sim_now_ns(l->y->sim) + 60 * RT_NS_PER_S));
    assert_int_equal(item.code, CORE_OK);
}

/* --- Statements --- */

static int land_line_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The rows of an answer, sorted. */
static char *land_sorted(const struct statement *s)
{
    char *copy = strdup(s->answer);
    char *lines[65536];
    uint32_t count = 0;
    for (char *at = copy; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        assert_true(count < ARRAY_COUNT(lines));
        lines[count++] = at;
        at[length] = '\0';
        at += length + 1;
    }
    assert_true(count >= 2); /* names, and how much was read */
    qsort(lines + 1, count - 2, sizeof(*lines), land_line_compare);
    char *out = calloc(1, s->answer_bytes + 1);
    size_t at = 0;
    for (uint32_t i = 1; i + 1 < count; i++) {
        size_t length = strlen(lines[i]);
        memcpy(out + at, lines[i], length);
        out[at + length] = '\n';
        at += length + 1;
    }
    free(copy);
    return out;
}

static struct statement *land_ask(struct land *l, const char *text)
{
    struct statement *s =
        statement_new(l->y, (uint32_t)prng_below(&l->prng, l->shards_count), text);
    statement_start(s);
    statement_wait(s);
    return s;
}

void land_do(struct land *l, const char *text)
{
    struct statement *s = land_ask(l, text);
    if (s->query.error.state != SQL_STATE_NONE) {
        fail_msg("%s: %s", text, s->answer);
    }
    statement_free(s);
}

char *land_rows(struct land *l, const char *text)
{
    struct statement *s = land_ask(l, text);
    if (s->query.error.state != SQL_STATE_NONE) {
        fail_msg("%s: %s", text, s->answer);
    }
    char *rows = land_sorted(s);
    statement_free(s);
    return rows;
}

void land_explains(struct land *l, const char *name, const char *words)
{
    char text[128];
    snprintf(text, sizeof(text), "EXPLAIN MATERIALIZED VIEW %s", name);
    char *rows = land_rows(l, text);
    if (strstr(rows, words) == NULL) {
        fail_msg("%s: %s\nhas no %s", text, rows, words);
    }
    free(rows);
}

void land_fails(struct land *l, const char *text, const char *want)
{
    char got[1024];
    struct statement *s = land_ask(l, text);
    snprintf(got, sizeof(got), "%s %s", s->query.error.code, s->query.error.message);
    if (strncmp(got, want, strlen(want)) != 0) {
        fail_msg("%s:\n%s\nnot\n%s", text, got, want);
    }
    statement_free(s);
}

void land_is(struct land *l, const char *text, const char *want)
{
    char *rows = land_rows(l, text);
    if (strcmp(rows, want) != 0) {
        fail_msg("%s:\n%s\nnot\n%s", text, rows, want);
    }
    free(rows);
}

void land_create(struct land *l, uint32_t view)
{
    char text[1024];
    snprintf(text, sizeof(text), "CREATE MATERIALIZED VIEW %s AS %s", land_kinds[view].name,
             land_kinds[view].select);
    land_do(l, text);
    l->has[view] = true;
}

void land_drop(struct land *l, uint32_t view)
{
    char text[256];
    snprintf(text, sizeof(text), "DROP MATERIALIZED VIEW %s", land_kinds[view].name);
    land_do(l, text);
    l->has[view] = false;
}

/* --- Heirs --- */

struct land_heir {
    struct land *l;
    struct core_change change;
    struct core_change_item item;
    bool is_done;
};

static void land_heir_made(struct core_change *change)
{
    ((struct land_heir *)change->ctx)->is_done = true;
}

static void land_heir_ask(struct rt_shard *shard, void *ctx)
{
    struct land_heir *heir = ctx;
    core_change_start(&heir->l->y->shards[shard->id], &heir->change);
}

static bool land_heir_is_made(void *ctx)
{
    return ((const struct land_heir *)ctx)->is_done;
}

void land_rebind(struct land *l, uint32_t view)
{
    const char *name = land_kinds[view].name;
    struct budget budget;
    struct arena arena;
    const struct core_view *was;
    budget_init(&budget, "heir", SIZE_MAX, NULL);
    arena_init(&arena, &budget, 64u << 10, SIZE_MAX);
    was = core_catalog_find_view(l->y->shards[0].catalog, name, strlen(name));
    assert_int_equal(core_view_copy(&arena, was, &was), ERR_OK);
    struct land_heir heir = {.l = l, .item = {.kind = CORE_CHANGE_VIEW_REBIND, .view = was}};
    heir.change = (struct core_change){
        .done = land_heir_made, .ctx = &heir, .items = &heir.item, .items_count = 1};
    land_post(l, 0, land_heir_ask, &heir);
    assert_true(sim_run_until_true(l->y->sim, land_heir_is_made, &heir,
                                   sim_now_ns(l->y->sim) + LAND_WAIT_NS));
    assert_true(heir.item.code == CORE_OK || heir.item.code == CORE_VIEW_BUSY ||
                heir.item.code == CORE_VIEW_CHANGED);
    arena_deinit(&arena);
    budget_deinit(&budget);
}

static bool land_has_no_heir(void *ctx)
{
    struct land *l = ctx;
    for (uint32_t shard = 0; shard < l->shards_count; shard++) {
        struct core_tree_walk walk;
        const struct core_view *view;
        core_catalog_walk_heirs(&walk, l->y->shards[shard].catalog);
        while ((view = core_catalog_next_view(&walk)) != NULL) {
            if (view->is_heir) {
                return false;
            }
        }
    }
    return true;
}

void land_rebound(struct land *l)
{
    if (!sim_run_until_true(l->y->sim, land_has_no_heir, l, sim_now_ns(l->y->sim) + LAND_WAIT_NS)) {
        fail_msg("an heir is not built: %s", l->y->said);
    }
}

/* --- Views --- */

static struct core_upkeep *land_home(struct land *l)
{
    uint32_t home = core_ticks_home(&l->y->shards[0]);
    return home != UINT32_MAX ? &l->y->shards[home].upkeep : NULL;
}

static const struct core_view *land_defined(struct land *l, const char *name)
{
    return core_catalog_find_view(l->y->shards[0].catalog, name, strlen(name));
}

bool land_row(struct land *l, const char *name, struct core_upkeep_row *out)
{
    struct core_upkeep_row rows[64];
    const struct core_view *defined = land_defined(l, name);
    const struct core_upkeep *home = land_home(l);
    uint32_t count = home != NULL ? core_upkeep_rows(home, rows, ARRAY_COUNT(rows)) : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (log_uuid_is_equal(&rows[i].view, &defined->uuid)) {
            *out = rows[i];
            return true;
        }
    }
    return false;
}

struct land_want {
    struct land *l;
    const char *name;
    enum core_upkeep_status status;
};

static bool land_stands(void *ctx)
{
    const struct land_want *want = ctx;
    struct core_upkeep_row row;
    return land_row(want->l, want->name, &row) && row.status == want->status;
}

void land_wait_status(struct land *l, const char *name, enum core_upkeep_status status)
{
    struct land_want want = {l, name, status};
    if (!sim_run_until_true(l->y->sim, land_stands, &want, sim_now_ns(l->y->sim) + LAND_WAIT_NS)) {
        struct core_upkeep_row row = {.status = CORE_UPKEEP_BUILDING};
        (void)land_row(l, name, &row);
        fail_msg("%s is %s (%s), not %s", name, core_upkeep_status_name(row.status), row.why,
                 core_upkeep_status_name(status));
    }
}

static bool land_is_settled(void *ctx)
{
    struct land *l = ctx;
    const struct core_topic *topic = yard_topic(l->y);
    for (uint32_t i = 0; i < LAND_VIEWS; i++) {
        if (!l->has[i]) {
            continue;
        }
        struct core_upkeep_row row;
        if (!land_row(l, land_kinds[i].name, &row) || row.status != CORE_UPKEEP_LIVE ||
            row.lag_ns > 0 || row.tick < l->newest) {
            return false;
        }
        for (uint32_t p = 0; p < topic->partitions_count; p++) {
            const struct core_partition *part = yard_partition(l->y, p);
            if (part == NULL || l->ends[p] < part->hw_offset) {
                return false;
            }
        }
    }
    return true;
}

void land_settle(struct land *l)
{
    if (!sim_run_until_true(l->y->sim, land_is_settled, l, sim_now_ns(l->y->sim) + LAND_WAIT_NS)) {
        for (uint32_t i = 0; i < LAND_VIEWS; i++) {
            struct core_upkeep_row row;
            if (l->has[i] && land_row(l, land_kinds[i].name, &row)) {
                print_error("%s: %s %s\n", land_kinds[i].name, core_upkeep_status_name(row.status),
                            row.why);
            }
        }
        fail_msg("views do not settle: %s", l->y->said);
    }
}

/* --- Comparing --- */

static double land_magnitude(struct land *l)
{
    char *rows = land_rows(l, "SELECT sum(abs(x)) FROM ev");
    double sum = strcmp(rows, "NULL\n") == 0 ? 0 : strtod(rows, NULL);
    free(rows);
    return sum;
}

/* Where the last `count` columns of the line begin. */
static const char *land_tail(const char *line, const char *end, uint32_t count)
{
    const char *at = end;
    while (count > 0 && at > line) {
        at--;
        count -= *at == '|';
    }
    return at;
}

static bool land_is_line_equal(const char *a, const char *a_end, const char *b, const char *b_end,
                               uint32_t doubles_count, double within)
{
    const char *a_tail = land_tail(a, a_end, doubles_count);
    const char *b_tail = land_tail(b, b_end, doubles_count);
    if (a_tail - a != b_tail - b || memcmp(a, b, (size_t)(a_tail - a)) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < doubles_count; i++) {
        bool is_null = strncmp(a_tail, "|NULL", 5) == 0;
        if (is_null != (strncmp(b_tail, "|NULL", 5) == 0)) {
            return false;
        }
        if (!is_null && fabs(strtod(a_tail + 1, NULL) - strtod(b_tail + 1, NULL)) > within) {
            return false;
        }
        a_tail = strchr(a_tail + 1, '|');
        b_tail = strchr(b_tail + 1, '|');
    }
    return true;
}

void land_compare_one(struct land *l, const char *name, const char *select, uint32_t doubles_count)
{
    char text[256];
    snprintf(text, sizeof(text), "SELECT * FROM %s", name);
    double within = doubles_count > 0 ? 1e-9 * land_magnitude(l) : 0;
    char *got = land_rows(l, text);
    char *want = land_rows(l, select);
    const char *a = got;
    const char *b = want;
    while (*a != '\0' && *b != '\0') {
        const char *a_end = strchr(a, '\n');
        const char *b_end = strchr(b, '\n');
        if (!land_is_line_equal(a, a_end, b, b_end, doubles_count, within)) {
            break;
        }
        a = a_end + 1;
        b = b_end + 1;
    }
    if (*a != '\0' || *b != '\0') {
        fail_msg("%s:\n%.2000s\nnot\n%.2000s", name, a, b);
    }
    free(got);
    free(want);
}

void land_compare(struct land *l)
{
    for (uint32_t i = 0; i < LAND_VIEWS; i++) {
        if (l->has[i]) {
            land_compare_one(l, land_kinds[i].name, land_kinds[i].select,
                             land_kinds[i].doubles_count);
        }
    }
}

static bool land_has_nothing(void *ctx)
{
    struct land *l = ctx;
    for (uint32_t i = 0; i < l->shards_count; i++) {
        const struct core_upkeep *upkeep = &l->y->shards[i].upkeep;
        if (!list_is_empty(&upkeep->parts) || !list_is_empty(&upkeep->views) ||
            upkeep->parcels_away > 0 || upkeep->budget.used_bytes > 0 ||
            !list_is_empty(&l->y->shards[i].views.sources)) {
            return false;
        }
    }
    return true;
}

void land_is_empty(struct land *l)
{
    if (!sim_run_until_true(l->y->sim, land_has_nothing, l,
                            sim_now_ns(l->y->sim) + 10 * RT_NS_PER_S)) {
        fail_msg("something of the views is left");
    }
}

/* --- Readers --- */

static void land_reader_step(struct land_reader *r);
static void land_reader_end(struct land_reader *r);

static void land_reader_released(struct core_upkeep_hold *hold)
{
    struct land_reader *r = hold->ctx;
    r->away_count--;
    land_reader_end(r);
}

static void land_reader_fail(struct land_reader *r, enum core_code code, const char *why)
{
    if (r->code == CORE_OK) {
        r->code = code;
        snprintf(r->why, sizeof(r->why), "%s", why != NULL ? why : "");
    }
    r->is_ending = true;
}

/* Give all up, when nothing is under way. */
static void land_reader_end(struct land_reader *r)
{
    if (!r->is_ending || r->away_count > 0 || rt_timer_is_running(&r->timer)) {
        return;
    }
    for (uint32_t i = 0; i < r->l->shards_count; i++) {
        if (r->reads[i].is_open) {
            r->away_count++;
            core_upkeep_read_start(&r->l->y->shards[r->shard], &r->reads[i],
                                   CORE_UPKEEP_READ_CLOSE);
        }
    }
    if (r->is_held) {
        r->is_held = false;
        r->away_count++;
        core_upkeep_hold_release(&r->l->y->shards[r->shard], &r->hold, land_reader_released);
    }
    r->is_done = r->away_count == 0;
}

static void land_reader_take(struct land_reader *r, const struct vec_batch *batch)
{
    for (uint32_t i = 0; i < batch->selection.count; i++) {
        uint8_t text[4096];
        struct bytes_writer w = bytes_writer(text, sizeof(text));
        for (uint32_t column = 0; column < batch->columns_count; column++) {
            struct vec_value value;
            vec_get(&batch->columns[column], vec_row(batch->selection, i), &value);
            if (!value.is_null) {
                plan_value_write(&w, (enum vec_kind)batch->columns[column].type.kind, &value);
            }
            bytes_put_copy(&w, "|", 1);
            if (column == 1 && batch->columns[1].type.kind == VEC_BIGINT && !value.is_null) {
                r->sum += (uint64_t)value.u.int8;
            }
        }
        assert_int_equal(w.err, ERR_OK);
        r->hash += hash64(text, w.pos, 1);
        r->rows_count++;
    }
}

static void land_reader_came(struct core_upkeep_read *read)
{
    struct land_reader *r = read->ctx;
    r->away_count--;
    if (read->op == CORE_UPKEEP_READ_CLOSE) {
        assert_false(read->is_open);
        land_reader_end(r);
        return;
    }
    if (read->code != CORE_OK) {
        land_reader_fail(r, read->code, read->why);
    }
    if (read->op == CORE_UPKEEP_READ_OPEN && --r->unopened_count == 0) {
        r->is_held = false;
        r->away_count++;
        core_upkeep_hold_release(&r->l->y->shards[r->shard], &r->hold, land_reader_released);
    }
    if (r->is_ending) {
        land_reader_end(r);
    } else if (r->unopened_count == 0 && !r->reads[r->at].is_away) {
        land_reader_step(r);
    }
}

/* The batch of the shard being read is here. */
static void land_reader_step(struct land_reader *r)
{
    struct rt_shard *shard = r->l->y->shards[r->shard].shard;
    if (!rt_timer_is_running(&r->timer)) {
        rt_timer_start(&r->timer,
                       rt_now_ns(shard) + rt_random(shard) % (r->pause_ms * RT_NS_PER_MS + 1));
    }
}

static void land_reader_go(struct rt_timer *timer)
{
    struct land_reader *r = CONTAINER_OF(timer, struct land_reader, timer);
    struct core_shard *cs = &r->l->y->shards[r->shard];
    while (!r->is_ending && r->at < r->l->shards_count) {
        struct core_upkeep_read *read = &r->reads[r->at];
        land_reader_take(r, &read->batch);
        read->batch = (struct vec_batch){.columns_count = 0};
        if (!read->is_end) {
            r->away_count++;
            core_upkeep_read_start(cs, read, CORE_UPKEEP_READ_NEXT);
            return;
        }
        r->at++;
    }
    r->is_ending = true;
    land_reader_end(r);
}

static void land_reader_held(struct core_upkeep_hold *hold)
{
    struct land_reader *r = hold->ctx;
    struct core_shard *cs = &r->l->y->shards[r->shard];
    r->away_count--;
    if (hold->code != CORE_OK) {
        land_reader_fail(r, hold->code, hold->why);
        land_reader_end(r);
        return;
    }
    r->is_held = true;
    r->tick = hold->position.tick;
    r->unopened_count = r->l->shards_count;
    for (uint32_t i = 0; i < r->l->shards_count; i++) {
        r->reads[i] = (struct core_upkeep_read){
            .done = land_reader_came, .ctx = r, .shard = i, .view = hold->view, .tick = hold->tick};
        r->away_count++;
        core_upkeep_read_start(cs, &r->reads[i], CORE_UPKEEP_READ_OPEN);
    }
}

static void land_reader_begin(struct rt_shard *shard, void *ctx)
{
    struct land_reader *r = ctx;
    rt_timer_init(&r->timer, shard, land_reader_go);
    r->away_count++;
    core_upkeep_hold_start(&r->l->y->shards[shard->id], &r->hold);
}

void land_read(struct land_reader *r)
{
    r->hold = (struct core_upkeep_hold){.done = land_reader_held,
                                        .ctx = r,
                                        .view = land_defined(r->l, r->name)->uuid,
                                        .deadline_ns = UINT64_MAX};
    land_post(r->l, r->shard, land_reader_begin, r);
}

static bool land_reader_is_done(void *ctx)
{
    return ((struct land_reader *)ctx)->is_done;
}

void land_read_wait(struct land_reader *r)
{
    if (!sim_run_until_true(r->l->y->sim, land_reader_is_done, r,
                            sim_now_ns(r->l->y->sim) + LAND_WAIT_NS)) {
        fail_msg("a reader does not end");
    }
}
