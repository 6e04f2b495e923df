/* See follow_world.h. */
#include "tests/unit/core/follow_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "tests/support/cmocka.h"
#include "views/plan/value.h"

#define FAN_WAIT_NS   (600 * RT_NS_PER_S)
#define FAN_ROW_BYTES 4096u
#define FAN_SEEN      (1u << 16)

const struct fan_question fan_questions[FAN_QUESTIONS] = {
    {0, "SELECT * FROM v_group", true},
    {0, "SELECT k, count FROM v_group WHERE k = 'a'", false},
    {0, "SELECT k, count FROM v_group WHERE k = 'b'", false},
    {0, "SELECT count % 2 AS odd FROM v_group", false},
    {0, "SELECT k, count % 4 = 0 AS c FROM v_group WHERE count % 3 = 0", false},
    {1, "SELECT * FROM v_global", true},
    {2, "SELECT p, o, n1 FROM v_rows WHERE p = 1", false},
    {2, "SELECT k, n1 FROM v_rows WHERE k = 'c' AND n1 > 40", false},
    {3, "SELECT * FROM v_having", false},
    {4, "SELECT * FROM v_tumble", false},
    {5, "SELECT k FROM v_distinct", false},
    {7, "SELECT * FROM v_numeric", true},
    {7, "SELECT * FROM v_numeric WHERE m = 3.5", false},
    {9, "SELECT k, last FROM v_last WHERE last > 50", false},
};

/* What a question's table was at a tick. */
static struct fan_seen {
    uint64_t question; /* its hash; 0: none */
    uint64_t tick;
    uint64_t table;
} seen[FAN_SEEN];

void fan_forget_all(void)
{
    memset(seen, 0, sizeof(seen));
}

static uint64_t told_count;

uint64_t fan_told_count(void)
{
    return told_count;
}

uint64_t fan_log_bytes(struct land *l)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < l->shards_count; i++) {
        bytes += metric_gauge_value(&l->y->shards[i].upkeep.changes_bytes);
    }
    return (uint64_t)bytes;
}

/* --- Tables --- */

static void fan_write(const struct vec_batch *batch, uint32_t row, const uint32_t *columns,
                      uint32_t count, char out[FAN_ROW_BYTES])
{
    struct bytes_writer w = bytes_writer(out, FAN_ROW_BYTES - 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = columns != NULL ? columns[i] : i;
        struct vec_value value;
        vec_get(&batch->columns[column], row, &value);
        if (i > 0) {
            bytes_put_u8(&w, '|');
        }
        if (value.is_null) {
            bytes_put_copy(&w, "NULL", 4);
        } else {
            plan_value_write(&w, (enum vec_kind)batch->columns[column].type.kind, &value);
        }
    }
    assert_int_equal(w.err, ERR_OK);
    out[w.pos] = '\0';
}

/* Where the row of that key (NULL: of that text) is, or NULL stands. */
static struct fan_row **fan_find(struct fan *fan, const char *text, const char *key)
{
    const char *by = key != NULL ? key : text;
    struct fan_row **link = &fan->rows[hash64(by, strlen(by), 0) % FAN_BUCKETS];
    while (*link != NULL && strcmp(key != NULL ? (*link)->key : (*link)->text, by) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static void fan_remove(struct fan *fan, struct fan_row **link)
{
    struct fan_row *row = *link;
    *link = row->next;
    free(row->text);
    free(row->key);
    free(row);
    fan->rows_count--;
}

static void fan_add(struct fan *fan, struct fan_row **link, const char *text, const char *key)
{
    struct fan_row *row = calloc(1, sizeof(*row));
    assert_non_null(row);
    row->text = strdup(text);
    row->key = strdup(key != NULL ? key : "");
    row->count = 1;
    *link = row;
    fan->rows_count++;
}

static void fan_clear(struct fan *fan)
{
    for (uint32_t i = 0; i < FAN_BUCKETS; i++) {
        while (fan->rows[i] != NULL) {
            fan_remove(fan, &fan->rows[i]);
        }
    }
}

static void fan_apply(struct fan *fan, enum core_follow_kind kind, const struct vec_batch *batch,
                      uint32_t row)
{
    const struct core_subscribe_plan *plan = &fan->plan;
    char text[FAN_ROW_BYTES];
    char key[FAN_ROW_BYTES];
    bool has_key = plan->keys_count > 0;
    fan_write(batch, row, NULL, batch->columns_count, text);
    fan_write(batch, row, plan->keys, plan->keys_count, key);
    struct fan_row **link = fan_find(fan, text, has_key ? key : NULL);
    assert_int_equal(has_key, kind == CORE_FOLLOW_UPSERT || kind == CORE_FOLLOW_REMOVE);
    switch (kind) {
    case CORE_FOLLOW_INSERT:
        if (*link != NULL) {
            (*link)->count++;
        } else {
            fan_add(fan, link, text, NULL);
        }
        break;
    case CORE_FOLLOW_UPSERT:
        if (*link != NULL) {
            fan_remove(fan, link);
            link = fan_find(fan, text, key);
        }
        fan_add(fan, link, text, key);
        break;
    case CORE_FOLLOW_DELETE:
    case CORE_FOLLOW_REMOVE:
        if (*link == NULL) {
            fail_msg("%s: %s goes, but is not there", fan->sql, text);
        } else if (kind == CORE_FOLLOW_REMOVE || --(*link)->count == 0) {
            fan_remove(fan, link);
        }
        break;
    }
}

static uint64_t fan_hash(const struct fan *fan)
{
    uint64_t hash = fan->rows_count;
    for (uint32_t i = 0; i < FAN_BUCKETS; i++) {
        for (const struct fan_row *row = fan->rows[i]; row != NULL; row = row->next) {
            hash += row->count * hash64(row->text, strlen(row->text), 7);
        }
    }
    return hash;
}

/* All who ask the same have the same at a tick. */
static void fan_compare(const struct fan *fan, uint64_t tick)
{
    uint64_t question = hash64(fan->sql, strlen(fan->sql), 1) | 1;
    uint64_t table = fan_hash(fan);
    uint64_t at = question + tick * 0x9e3779b97f4a7c15u;
    struct fan_seen *entry = &seen[at % FAN_SEEN];
    for (uint32_t i = 0; entry->question != 0 && i < FAN_SEEN; i++) {
        if (entry->question == question && entry->tick == tick) {
            if (entry->table != table) {
                fail_msg("%s: another table at tick %llu", fan->sql, (unsigned long long)tick);
            }
            return;
        }
        entry = &seen[++at % FAN_SEEN];
    }
    *entry = (struct fan_seen){question, tick, table};
}

static uint64_t fan_sum(const struct fan *fan)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < FAN_BUCKETS; i++) {
        for (const struct fan_row *row = fan->rows[i]; row != NULL; row = row->next) {
            sum += strtoull(strchr(row->text, '|') + 1, NULL, 10);
        }
    }
    return sum;
}

/* --- What it is given --- */

static void fan_rest(struct fan *fan)
{
    struct rt_shard *shard = fan->l->y->shards[fan->shard].shard;
    if (!rt_timer_is_running(&fan->timer)) {
        rt_timer_start(&fan->timer,
                       rt_now_ns(shard) + rt_random(shard) % (fan->pause_ms * RT_NS_PER_MS + 1));
    }
}

static bool fan_is_ready(struct fan *fan)
{
    if (fan->is_stuck) {
        return false;
    }
    if (rt_random(fan->l->y->shards[fan->shard].shard) % 100 < fan->lazy) {
        fan_rest(fan);
        return false;
    }
    return true;
}

static void fan_resume(struct rt_timer *timer)
{
    struct fan *fan = CONTAINER_OF(timer, struct fan, timer);
    if (fan->is_there && !fan->is_stuck) {
        core_follow_resume(&fan->follow);
    }
}

static void fan_begun(struct core_follow *follow)
{
    struct fan *fan = follow->ctx;
    if (fan->is_begun) {
        assert_false(follow->is_diff);
        assert_non_null(follow->reason);
        fan->anew_count++;
        fan->is_dirty = false;
        fan->progress_count = 0; /* it may be told its tick again */
    }
    fan->is_begun = true;
    fan->is_snapshot = !follow->is_diff;
    if (follow->is_diff) {
        assert_true(fan->token[0] != '\0');
        assert_null(follow->reason);
        fan->diffs_count++;
    } else {
        assert_int_equal(follow->reason != NULL, fan->token[0] != '\0');
        fan_clear(fan);
        fan->snapshots_count++;
        fan->snapshot_rows = 0;
    }
}

static bool fan_rows(struct core_follow *follow, const struct vec_batch *rows)
{
    struct fan *fan = follow->ctx;
    assert_true(fan->is_snapshot);
    assert_true(rows->selection.count > 0);
    for (VEC_ROWS_EACH(rows->selection, i, row)) {
        fan_apply(fan, fan->plan.keys_count > 0 ? CORE_FOLLOW_UPSERT : CORE_FOLLOW_INSERT, rows,
                  row);
    }
    fan->snapshot_rows += rows->selection.count;
    return fan_is_ready(fan);
}

static void fan_snapshot_end(struct core_follow *follow)
{
    struct fan *fan = follow->ctx;
    assert_true(fan->is_snapshot);
    fan->is_snapshot = false;
}

/* What is written was written for all who are there. */
static void fan_is_for_now(const struct core_follow_crowd *crowd)
{
    list_for_each (node, &crowd->now) {
        const struct fan *fan = CONTAINER_OF(node, struct core_follow, in_now)->ctx;
        assert_true(crowd->ctx == NULL || fan->is_dirty);
    }
}

static void fan_changes(struct core_follow_crowd *crowd, enum core_follow_kind kind,
                        const struct vec_batch *rows)
{
    assert_true(rows->selection.count > 0);
    assert_false(list_is_empty(&crowd->now));
    fan_is_for_now(crowd);
    told_count++;
    list_for_each (node, &crowd->now) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_now);
        struct fan *fan = follow->ctx;
        assert_true(fan->is_begun);
        assert_false(fan->is_snapshot);
        fan->is_dirty = true;
        fan->changes_count += rows->selection.count;
        for (VEC_ROWS_EACH(rows->selection, i, row)) {
            fan_apply(fan, kind, rows, row);
        }
        if (fan->ends_amid) {
            core_follow_end(follow);
        }
    }
    crowd->ctx = crowd; /* a message is being written */
}

static void fan_flush(struct core_follow_crowd *crowd)
{
    fan_is_for_now(crowd);
    crowd->ctx = NULL;
}

static void fan_progress(struct core_follow_crowd *crowd, const struct core_position *position)
{
    fan_is_for_now(crowd);
    crowd->ctx = NULL;
    list_for_each (node, &crowd->now) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_now);
        struct fan *fan = follow->ctx;
        struct bytes_writer w = bytes_writer(fan->token, sizeof(fan->token) - 1);
        assert_true(fan->is_begun);
        assert_false(fan->is_snapshot);
        if (fan->progress_count++ == 0 ? position->tick < fan->tick : position->tick <= fan->tick) {
            fail_msg("%s: tick %llu follows tick %llu", fan->sql,
                     (unsigned long long)position->tick, (unsigned long long)fan->tick);
        }
        fan->tick = position->tick;
        fan->is_dirty = false;
        core_follow_token(crowd, position, &w);
        assert_int_equal(w.err, ERR_OK);
        fan->token[w.pos] = '\0';
        fan_compare(fan, position->tick);
        uint64_t covered = fan->l->covered[position->tick];
        if (fan->is_counting && covered != UINT64_MAX) {
            assert_int_equal(fan_sum(fan), covered);
        }
    }
}

static bool fan_has_room(struct core_follow *follow)
{
    return fan_is_ready(follow->ctx);
}

static void fan_crowd_gone(struct core_follow_crowd *crowd)
{
    assert_true(list_is_empty(&crowd->now));
}

static void fan_done(struct core_follow *follow)
{
    struct fan *fan = follow->ctx;
    assert_false(fan->is_done);
    fan->is_done = true;
    fan->is_there = false;
    rt_timer_stop(&fan->timer);
}

static const struct core_follow_ops fan_ops = {
    .begun = fan_begun,
    .rows = fan_rows,
    .snapshot_end = fan_snapshot_end,
    .changes = fan_changes,
    .flush = fan_flush,
    .progress = fan_progress,
    .has_room = fan_has_room,
    .crowd_gone = fan_crowd_gone,
    .done = fan_done,
};

/* --- Its life --- */

struct land *fan_land(uint32_t shards_count, uint64_t seed)
{
    struct land *l = land_new(seed, NULL);
    fan_forget_all();
    land_start(l, shards_count);
    land_append(l, 0, 40);
    land_create(l, 0);
    land_settle(l);
    return l;
}

struct fan *fan_new(struct land *l, uint32_t shard, const char *sql)
{
    struct fan *fan = calloc(1, sizeof(*fan));
    assert_non_null(fan);
    fan->l = l;
    fan->shard = shard;
    fan->sql = sql;
    fan->is_done = true;
    budget_init(&fan->budget, "fan", SIZE_MAX, NULL);
    arena_init(&fan->arena, &fan->budget, 4096, SIZE_MAX);
    return fan;
}

void fan_free(struct fan *fan)
{
    assert_true(fan->is_done);
    fan_clear(fan);
    arena_deinit(&fan->arena);
    assert_int_equal(fan->budget.used_bytes, 0);
    budget_deinit(&fan->budget);
    free(fan);
}

static void fan_planned(struct core_subscribe_plan *plan)
{
    struct fan *fan = plan->ctx;
    if (plan->code != CORE_OK) {
        fan->follow.code = plan->code;
        fan->is_done = true;
        return;
    }
    fan->follow = (struct core_follow){.ops = &fan_ops,
                                       .ctx = fan,
                                       .plan = plan,
                                       .budget = &fan->budget,
                                       .rows_left = fan->credit > 0 ? fan->credit : UINT64_MAX,
                                       .stall_ns_max = fan->stall_ns_max};
    if (fan->token[0] != '\0') {
        fan->follow.has_token = true;
        assert_int_equal(core_view_token_get(fan->token, strlen(fan->token), &fan->follow.token),
                         ERR_OK);
    }
    fan->is_there = true;
    core_follow_start(&fan->l->y->shards[fan->shard], &fan->follow);
}

static void fan_start_call(struct rt_shard *shard, void *ctx)
{
    struct fan *fan = ctx;
    rt_timer_init(&fan->timer, shard, fan_resume);
    arena_reset(&fan->arena);
    fan->plan = (struct core_subscribe_plan){.done = fan_planned,
                                             .ctx = fan,
                                             .what = CORE_SUBSCRIBE_SQL,
                                             .text = fan->sql,
                                             .length = strlen(fan->sql),
                                             .arena = &fan->arena,
                                             .deadline_ns = UINT64_MAX};
    core_subscribe_plan_start(&fan->l->y->shards[fan->shard], &fan->plan);
}

void fan_start(struct fan *fan)
{
    assert_true(fan->is_done);
    fan->is_done = false;
    fan->is_begun = false;
    fan->is_snapshot = false;
    fan->progress_count = 0;
    if (fan->is_dirty) { /* its table is of no tick */
        fan_clear(fan);
        fan->token[0] = '\0';
        fan->is_dirty = false;
    }
    land_post(fan->l, fan->shard, fan_start_call, fan);
}

static void fan_end_call(struct rt_shard *shard, void *ctx)
{
    struct fan *fan = ctx;
    (void)shard;
    if (fan->is_there) {
        core_follow_end(&fan->follow);
    }
}

static bool fan_is_planned(void *ctx)
{
    const struct fan *fan = ctx;
    return fan->is_there || fan->is_done;
}

static bool fan_is_done(void *ctx)
{
    return ((const struct fan *)ctx)->is_done;
}

void fan_wait(struct fan *fan)
{
    if (!sim_run_until_true(fan->l->y->sim, fan_is_done, fan,
                            sim_now_ns(fan->l->y->sim) + FAN_WAIT_NS)) {
        fail_msg("%s does not end", fan->sql);
    }
}

void fan_end(struct fan *fan)
{
    if (!fan->is_done) {
        assert_true(sim_run_until_true(fan->l->y->sim, fan_is_planned, fan,
                                       sim_now_ns(fan->l->y->sim) + FAN_WAIT_NS));
        land_post(fan->l, fan->shard, fan_end_call, fan);
        fan_wait(fan);
    }
    if (fan->is_snapshot) { /* half of one */
        fan_clear(fan);
        fan->token[0] = '\0';
    }
}

void fan_again(struct fan *fan, uint32_t shard)
{
    fan_end(fan);
    fan->shard = shard;
    fan_start(fan);
}

void fan_forget(struct fan *fan)
{
    bool is_half = fan->is_snapshot;
    fan->is_done = true;
    fan->is_there = false;
    arena_init(&fan->arena, &fan->budget, 4096, SIZE_MAX);
    budget_free_all(&fan->budget);
    budget_init(&fan->budget, "fan", SIZE_MAX, NULL);
    arena_init(&fan->arena, &fan->budget, 4096, SIZE_MAX);
    if (is_half) {
        fan_clear(fan);
        fan->token[0] = '\0';
        fan->is_snapshot = false;
    }
}

static void fan_unstick_call(struct rt_shard *shard, void *ctx)
{
    struct fan *fan = ctx;
    (void)shard;
    fan->is_stuck = false;
    if (fan->is_there) {
        core_follow_resume(&fan->follow);
    }
}

void fan_unstick(struct fan *fan)
{
    land_post(fan->l, fan->shard, fan_unstick_call, fan);
}

struct fan_more {
    struct fan *fan;
    uint64_t rows;
};

static void fan_credit_call(struct rt_shard *shard, void *ctx)
{
    struct fan_more *more = ctx;
    (void)shard;
    if (more->fan->is_there) {
        core_follow_credit(&more->fan->follow, more->rows);
    }
    free(more);
}

void fan_credit(struct fan *fan, uint64_t rows)
{
    struct fan_more *more = calloc(1, sizeof(*more));
    assert_non_null(more);
    *more = (struct fan_more){fan, rows};
    land_post(fan->l, fan->shard, fan_credit_call, more);
}

/* --- All of them --- */

struct fan_all {
    struct fan **fans;
    uint32_t count;
};

static bool fan_are_current(void *ctx)
{
    const struct fan_all *all = ctx;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct fan *fan = all->fans[i];
        if (!fan->is_done &&
            (!fan->is_there || fan->follow.tail == NULL || fan->progress_count == 0 ||
             fan->is_dirty || core_follow_lag(&fan->follow) > 0)) {
            return false;
        }
    }
    return true;
}

void fan_settle(struct land *l, struct fan **fans, uint32_t count)
{
    struct fan_all all = {fans, count};
    land_settle(l);
    yard_run(l->y, 5);
    if (!sim_run_until_true(l->y->sim, fan_are_current, &all,
                            sim_now_ns(l->y->sim) + FAN_WAIT_NS)) {
        for (uint32_t i = 0; i < count; i++) {
            print_error("%s: %d %d %u %d stage %u\n", fans[i]->sql, fans[i]->is_done,
                        fans[i]->is_there, fans[i]->progress_count, fans[i]->is_dirty,
                        fans[i]->follow.stage);
        }
        fail_msg("followers do not settle: %s", l->y->said);
    }
}

static int fan_line_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void fan_is(struct fan *fan)
{
    char *lines[65536];
    uint32_t count = 0;
    char *want = land_rows(fan->l, fan->sql);
    for (uint32_t i = 0; i < FAN_BUCKETS; i++) {
        for (const struct fan_row *row = fan->rows[i]; row != NULL; row = row->next) {
            for (uint32_t k = 0; k < row->count; k++) {
                assert_true(count < ARRAY_COUNT(lines));
                lines[count++] = row->text;
            }
        }
    }
    qsort(lines, count, sizeof(*lines), fan_line_compare);
    const char *at = want;
    for (uint32_t i = 0; i < count; i++) {
        size_t length = strlen(lines[i]);
        if (strncmp(at, lines[i], length) != 0 || at[length] != '\n') {
            fail_msg("%s, tick %llu: %s, not\n%.400s", fan->sql, (unsigned long long)fan->tick,
                     lines[i], at);
        }
        at += length + 1;
    }
    if (*at != '\0') {
        fail_msg("%s, tick %llu: has not %.400s", fan->sql, (unsigned long long)fan->tick, at);
    }
    free(want);
}

struct fan *fan_follow(struct land *l, uint32_t shard, const char *sql)
{
    struct fan *fan = fan_new(l, shard % l->shards_count, sql);
    fan_start(fan);
    fan_settle(l, &fan, 1);
    return fan;
}

void fan_gone(struct fan *fan)
{
    fan_end(fan);
    fan_free(fan);
}
