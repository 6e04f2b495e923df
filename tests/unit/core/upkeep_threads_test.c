/* Views on real threads: producers on all shards, statements over a view that is kept and over one
 * that comes, is bound anew and goes, who follows the first and who looks its rows up, all at once;
 * when all records are there the view says what its SELECT says; then the core is closed. Under
 * ThreadSanitizer, too. */
#include <ftw.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rt/clock.h"
#include "base/rt/mailbox.h"
#include "base/rt/rt.h"
#include "base/rt/shard.h"
#include "broker/core/append.h"
#include "broker/core/catalog_view.h"
#include "broker/core/change.h"
#include "broker/core/core.h"
#include "broker/core/follow.h"
#include "broker/core/lookup.h"
#include "broker/core/query.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "views/plan/value.h"

#define CROWD_SHARDS      3u
#define CROWD_SHARD_BYTES (64u << 20)
#define CROWD_PARTITIONS  6u
#define CROWD_BATCHES     40u /* of each shard's producer */
#define CROWD_RECORDS     50u
#define CROWD_KEYS        12u
#define CROWD_TEXTS       8u
#define CROWD_STATEMENTS  33u /* of each asker, but the last one, which asks until all is there */
#define CROWD_BATCH_BYTES (64u << 10)
#define CROWD_TOTAL       (CROWD_SHARDS * CROWD_BATCHES * CROWD_RECORDS)

/* What askers ask, in turn. */
static const char *const crowd_texts[CROWD_SHARDS][CROWD_TEXTS] = {
    {"SELECT sum(count) FROM v", "CREATE MATERIALIZED VIEW w AS SELECT DISTINCT k FROM crowd",
     "SELECT count(*) FROM w",
     "CREATE STREAM crowd (k BIGINT PATH '$.k') FROM TOPIC crowd FORMAT JSON",
     "ALTER MATERIALIZED VIEW w REBIND", "SELECT sum(count) FROM v", "DROP MATERIALIZED VIEW w",
     "DROP STREAM crowd"},
    {"SELECT sum(count) FROM v", "SELECT count(*) FROM w", "SELECT * FROM v", "SELECT * FROM w",
     "SELECT count(*) FROM w", "SELECT name, rebind FROM system.views", "SELECT count(*) FROM w",
     "SELECT sum(count) FROM v"},
    {"SELECT k, max FROM v WHERE count > 10", "SELECT sum(count) FROM v", "SELECT * FROM w",
     "SELECT count(*) FROM ev", "SELECT * FROM w", "SELECT count(*) FROM w", "SELECT * FROM w",
     "SELECT * FROM w"},
};
static const char crowd_final[] = "SELECT k, count, sum, max FROM v ORDER BY k";
static const char crowd_batch[] =
    "SELECT k, count(*), sum(x), max(t) FROM ev GROUP BY k ORDER BY k";

struct crowd;

/* What followers of `v` ask, in turn: each comes back with its token some times. */
static const char crowd_followed[] = "SELECT k, count FROM v";
#define CROWD_FOLLOWS 10u

/* So often all rows of `v` are looked up, each by its key. */
#define CROWD_LOOKS      60u
#define CROWD_ROOM_BYTES 1024u

/* Who asks one statement after the other, and who appends. Touched by its shard. */
struct crowd_shard {
    struct crowd *crowd;
    struct core_shard cs;
    struct diag diag;
    struct rt_mail mail; /* begins and ends it */

    struct core_query query;
    uint32_t asked_count;
    uint64_t hash; /* of the answer */
    uint64_t sum;  /* its first value, where that is a number */
    struct rt_timer timer;

    struct core_subscribe_plan plan;
    struct core_follow follow;
    struct arena arena;
    struct rt_timer follow_timer;
    uint32_t follows_count;        /* begun */
    uint32_t progress_count;       /* of this one */
    uint64_t followed[CROWD_KEYS]; /* counts, by key */
    struct core_view_token token;
    bool has_token;

    struct core_lookup lookups[CROWD_KEYS];
    _Alignas(16) uint8_t rooms[CROWD_KEYS][CROWD_ROOM_BYTES];
    struct arena look_arena; /* of keys */
    struct rt_timer look_timer;
    uint32_t looks_count;
    uint32_t looks_away;
    uint64_t looked_tick; /* of the newest row */

    struct core_append append;
    struct core_records_info info;
    uint32_t batches_count; /* appended */
    uint8_t raw[CROWD_BATCH_BYTES];
    uint8_t batch[CROWD_BATCH_BYTES];
};

struct crowd {
    struct core core;
    struct core_config config;
    const struct crc32c *kernels;
    struct diag_levels levels;
    struct diag_sink sink;
    char dir[128];
    struct crowd_shard shards[CROWD_SHARDS];
    atomic_uint away_count;     /* shards that have not opened, or closed */
    atomic_uint left_count;     /* askers, producers and followers that have not ended */
    atomic_uint failures_count; /* what was not as it should be */
    atomic_uint answers_count;
    sem_t ended; /* all have */

    /* Of the shard that opened last. */
    struct crowd_shard *maker;
    struct core_change change;
    struct core_change_item item;
    uint32_t made_count; /* statements before the crowd, and after it */
    uint64_t final_hash;
};

/* Not cmocka's assertions: these are other threads. */
static void crowd_check(struct crowd *crowd, bool is_so, const char *what)
{
    if (!is_so) {
        fprintf(stderr, "%s\n", what);
        atomic_fetch_add(&crowd->failures_count, 1);
    }
}

static void crowd_say(struct diag_sink *sink, enum diag_level level, const char *line,
                      size_t length)
{
    (void)sink, (void)level, (void)line, (void)length;
}

/* --- Statements --- */

static void crowd_go_on(struct crowd_shard *here);
static void crowd_begin(struct crowd *crowd);
static void crowd_check_all(struct crowd_shard *here);
static void crowd_check_ask(struct crowd_shard *here, const char *text);

static void crowd_columns(struct core_query *query, const struct plan_output *outputs,
                          uint32_t count)
{
    (void)query, (void)outputs, (void)count;
}

static bool crowd_rows(struct core_query *query, const struct vec_batch *batch)
{
    struct crowd_shard *here = query->ctx;
    for (uint32_t i = 0; i < batch->selection.count; i++) {
        for (uint32_t column = 0; column < batch->columns_count; column++) {
            uint8_t text[256];
            struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
            struct vec_value value;
            vec_get(&batch->columns[column], vec_row(batch->selection, i), &value);
            if (!value.is_null) {
                plan_value_write(&w, (enum vec_kind)batch->columns[column].type.kind, &value);
            }
            text[w.pos] = '\0';
            here->sum = column == 0 ? strtoull((char *)text, NULL, 10) : here->sum;
            for (size_t at = 0; at <= w.pos; at++) {
                here->hash = (here->hash ^ text[at]) * UINT64_C(1099511628211);
            }
        }
    }
    return true;
}

static void crowd_ask_text(struct crowd_shard *here, const char *text,
                           const struct core_query_ops *ops)
{
    here->hash = UINT64_C(14695981039346656037);
    here->sum = 0;
    here->query =
        (struct core_query){.ops = ops, .ctx = here, .text = text, .length = strlen(text)};
    core_query_start(&here->cs, &here->query);
}

/* Who leaves last looks whether all is there. */
static void crowd_leave(struct crowd_shard *here)
{
    if (atomic_fetch_sub(&here->crowd->left_count, 1) == 1) {
        crowd_check_all(here);
    }
}

/* Statements of the crowd: views may be gone, or be made already. */
static void crowd_answered(struct core_query *query)
{
    struct crowd_shard *here = query->ctx;
    const char *code = query->error.code;
    bool is_well = query->error.state == SQL_STATE_NONE;
    if (!is_well && strcmp(code, "42P01") != 0 && strcmp(code, "42P07") != 0) {
        crowd_check(here->crowd, false, query->error.message);
    }
    if (is_well) {
        atomic_fetch_add(&here->crowd->answers_count, 1);
    }
    if (is_well && strcmp(query->text, "SELECT sum(count) FROM v") == 0) {
        crowd_check(here->crowd, here->sum <= CROWD_TOTAL && here->sum % CROWD_RECORDS == 0,
                    "a view shows half a batch");
    }
    crowd_go_on(here);
}

static void crowd_go_on_late(struct rt_timer *timer)
{
    static const struct core_query_ops ops = {crowd_columns, crowd_rows, crowd_answered};
    struct crowd_shard *here = CONTAINER_OF(timer, struct crowd_shard, timer);
    crowd_ask_text(here, crowd_texts[here->cs.shard->id][here->asked_count++ % CROWD_TEXTS], &ops);
}

static void crowd_go_on(struct crowd_shard *here)
{
    struct rt_shard *shard = here->cs.shard;
    if (here->asked_count == CROWD_STATEMENTS) {
        crowd_leave(here);
        return;
    }
    rt_timer_start(&here->timer, rt_now_ns(shard) + rt_random(shard) % (2 * RT_NS_PER_MS));
}

/* Ask the view until it has all records; then compare. */
static void crowd_checked(struct core_query *query)
{
    struct crowd_shard *here = query->ctx;
    struct crowd *crowd = here->crowd;
    crowd_check(crowd, query->error.state == SQL_STATE_NONE, query->error.message);
    bool is_failed = query->error.state != SQL_STATE_NONE;
    if (query->text == crowd_batch) {
        crowd_check(crowd, here->hash == crowd->final_hash, "the view is not its SELECT");
        sem_post(&crowd->ended);
    } else if (query->text == crowd_final) {
        crowd->final_hash = here->hash;
        crowd_check_ask(here, crowd_batch);
    } else if (here->sum == CROWD_TOTAL || is_failed) {
        crowd_check_ask(here, crowd_final);
    } else {
        rt_timer_start(&here->timer, rt_now_ns(here->cs.shard) + RT_NS_PER_MS);
    }
}

static void crowd_check_ask(struct crowd_shard *here, const char *text)
{
    static const struct core_query_ops ops = {crowd_columns, crowd_rows, crowd_checked};
    crowd_ask_text(here, text, &ops);
}

static void crowd_check_late(struct rt_timer *timer)
{
    crowd_check_ask(CONTAINER_OF(timer, struct crowd_shard, timer), "SELECT sum(count) FROM v");
}

static void crowd_check_all(struct crowd_shard *here)
{
    rt_timer_init(&here->timer, here->cs.shard, crowd_check_late);
    rt_timer_start(&here->timer, rt_now_ns(here->cs.shard));
}

/* --- Who follows --- */

static void crowd_follow(struct rt_timer *timer);

static void crowd_take(struct core_follow *follow, const struct vec_batch *rows)
{
    struct crowd_shard *here = follow->ctx;
    for (VEC_ROWS_EACH(rows->selection, i, row)) {
        struct vec_value k;
        struct vec_value count;
        vec_get(&rows->columns[0], row, &k);
        vec_get(&rows->columns[1], row, &count);
        here->followed[k.u.int8 % CROWD_KEYS] = (uint64_t)count.u.int8;
    }
}

static void crowd_begun(struct core_follow *follow)
{
    struct crowd_shard *here = follow->ctx;
    crowd_check(here->crowd, !here->has_token || follow->is_diff, "a token is of no use");
    if (!follow->is_diff) {
        memset(here->followed, 0, sizeof(here->followed));
    }
}

static bool crowd_snapshot(struct core_follow *follow, const struct vec_batch *rows)
{
    crowd_take(follow, rows);
    return true;
}

static void crowd_snapshot_end(struct core_follow *follow)
{
    (void)follow;
}

static void crowd_changes(struct core_follow_crowd *crowd, enum core_follow_kind kind,
                          const struct vec_batch *rows)
{
    list_for_each (node, &crowd->now) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_now);
        struct crowd_shard *here = follow->ctx;
        crowd_check(here->crowd, kind == CORE_FOLLOW_UPSERT, "a group has gone");
        crowd_take(follow, rows);
    }
}

static void crowd_flush(struct core_follow_crowd *crowd)
{
    (void)crowd;
}

static void crowd_progress(struct core_follow_crowd *crowd, const struct core_position *position)
{
    list_for_each (node, &crowd->now) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_now);
        struct crowd_shard *here = follow->ctx;
        uint64_t sum = 0;
        char text[CORE_VIEW_TOKEN_BYTES];
        struct bytes_writer w = bytes_writer(text, sizeof(text));
        for (uint32_t i = 0; i < CROWD_KEYS; i++) {
            sum += here->followed[i];
        }
        crowd_check(here->crowd, sum <= CROWD_TOTAL && sum % CROWD_RECORDS == 0,
                    "a follower has half a batch");
        crowd_check(here->crowd, here->token.tick <= position->tick, "a tick comes again");
        core_follow_token(crowd, position, &w);
        crowd_check(here->crowd, core_view_token_get(text, w.pos, &here->token) == ERR_OK,
                    "a token is none");
        here->has_token = true;
        here->progress_count++;
        if (sum == CROWD_TOTAL ||
            (here->progress_count == 3 && here->follows_count < CROWD_FOLLOWS)) {
            here->follows_count = sum == CROWD_TOTAL ? UINT32_MAX : here->follows_count;
            core_follow_end(follow);
        }
    }
}

static bool crowd_has_room(struct core_follow *follow)
{
    (void)follow;
    return true;
}

static void crowd_unfollowed(struct core_follow *follow)
{
    struct crowd_shard *here = follow->ctx;
    crowd_check(here->crowd, follow->code == CORE_OK, follow->message);
    arena_deinit(&here->arena);
    if (here->follows_count == UINT32_MAX || follow->code != CORE_OK) {
        crowd_leave(here);
        return;
    }
    rt_timer_start(&here->follow_timer,
                   rt_now_ns(here->cs.shard) + rt_random(here->cs.shard) % (3 * RT_NS_PER_MS));
}

static void crowd_planned(struct core_subscribe_plan *plan)
{
    static const struct core_follow_ops ops = {crowd_begun,    crowd_snapshot, crowd_snapshot_end,
                                               crowd_changes,  crowd_flush,    crowd_progress,
                                               crowd_has_room, crowd_flush,    crowd_unfollowed};
    struct crowd_shard *here = plan->ctx;
    crowd_check(here->crowd, plan->code == CORE_OK, plan->error.message);
    here->follow = (struct core_follow){.ops = &ops,
                                        .ctx = here,
                                        .plan = plan,
                                        .budget = &here->cs.budget,
                                        .has_token = here->has_token,
                                        .token = here->token,
                                        .rows_left = UINT64_MAX};
    core_follow_start(&here->cs, &here->follow);
}

static void crowd_follow(struct rt_timer *timer)
{
    struct crowd_shard *here = CONTAINER_OF(timer, struct crowd_shard, follow_timer);
    here->follows_count++;
    here->progress_count = 0;
    arena_init(&here->arena, &here->cs.budget, 4096, SIZE_MAX);
    here->plan = (struct core_subscribe_plan){.done = crowd_planned,
                                              .ctx = here,
                                              .what = CORE_SUBSCRIBE_SQL,
                                              .text = crowd_followed,
                                              .length = strlen(crowd_followed),
                                              .arena = &here->arena,
                                              .deadline_ns = UINT64_MAX};
    core_subscribe_plan_start(&here->cs, &here->plan);
}

/* --- Who looks rows up --- */

/* Rows that are of one tick hold whole batches; ticks do not go back. */
static void crowd_looked(struct crowd_shard *here)
{
    uint64_t tick = here->lookups[0].position.tick;
    uint64_t sum = 0;
    bool is_one_tick = true;
    for (uint32_t i = 0; i < CROWD_KEYS; i++) {
        const struct core_lookup *lookup = &here->lookups[i];
        is_one_tick =
            is_one_tick && lookup->result != CORE_LOOKUP_ELSE && lookup->position.tick == tick;
    }
    for (uint32_t i = 0; i < CROWD_KEYS; i++) {
        sum += (uint64_t)(uintptr_t)here->lookups[i].ctx;
    }
    if (is_one_tick) {
        crowd_check(here->crowd, sum <= CROWD_TOTAL && sum % CROWD_RECORDS == 0,
                    "rows of a tick have half a batch");
        crowd_check(here->crowd, here->looked_tick <= tick, "a tick of rows goes back");
        here->looked_tick = tick;
    }
    if (++here->looks_count == CROWD_LOOKS) {
        arena_deinit(&here->look_arena);
        crowd_leave(here);
        return;
    }
    rt_timer_start(&here->look_timer,
                   rt_now_ns(here->cs.shard) + rt_random(here->cs.shard) % RT_NS_PER_MS);
}

/* `ctx` becomes its count; whose it is follows from where it stands. */
static void crowd_look_answered(struct crowd_shard *here, struct core_lookup *lookup)
{
    uint64_t count = 0;
    if (lookup->result == CORE_LOOKUP_ROW) {
        struct vec_value value;
        vec_get(&lookup->row.columns[0], vec_row(lookup->row.selection, 0), &value);
        crowd_check(here->crowd, value.u.int8 == lookup - here->lookups, "the row of another key");
        vec_get(&lookup->row.columns[1], vec_row(lookup->row.selection, 0), &value);
        count = (uint64_t)value.u.int8;
    }
    lookup->ctx = (void *)(uintptr_t)count;
    here->looks_away--;
}

static void crowd_look_done(struct core_lookup *lookup)
{
    struct crowd_shard *here = lookup->ctx;
    crowd_look_answered(here, lookup);
    if (here->looks_away == 0) {
        crowd_looked(here);
    }
}

static void crowd_look(struct rt_timer *timer)
{
    struct crowd_shard *here = CONTAINER_OF(timer, struct crowd_shard, look_timer);
    const struct core_view *view = core_catalog_find_view(here->cs.catalog, "v", 1);
    struct vec_type type = vec_type(VEC_BIGINT);
    arena_reset(&here->look_arena);
    here->looks_away = CROWD_KEYS + 1;
    for (uint32_t i = 0; i < CROWD_KEYS; i++) {
        struct core_lookup *lookup = &here->lookups[i];
        struct vec_value value = {.u.int8 = i};
        *lookup = (struct core_lookup){.done = crowd_look_done,
                                       .ctx = here,
                                       .view = view->uuid,
                                       .room = here->rooms[i],
                                       .room_bytes = CROWD_ROOM_BYTES};
        crowd_check(here->crowd,
                    maint_key_make(&here->look_arena, &type, &value, 1, &lookup->key) == ERR_OK,
                    "no key");
        if (core_lookup_start(&here->cs, lookup)) {
            crowd_look_answered(here, lookup);
        }
    }
    if (--here->looks_away == 0) {
        crowd_looked(here);
    }
}

/* --- Records --- */

static void crowd_append(struct crowd_shard *here);

static void crowd_appended(struct core_append *append)
{
    struct crowd_shard *here = append->ctx;
    crowd_check(here->crowd, append->code == CORE_OK, "an append failed");
    here->batches_count++;
    if (here->batches_count == 1) { /* columns are known */
        crowd_go_on(here);
    }
    crowd_append(here);
}

static size_t crowd_build(struct crowd_shard *here)
{
    struct batch_build b;
    batch_build_init(&b, here->raw, sizeof(here->raw));
    for (uint32_t i = 0; i < CROWD_RECORDS; i++) {
        char value[128];
        uint32_t n = here->batches_count * 7919 + i * 31 + here->cs.shard->id;
        snprintf(value, sizeof(value), "{\"k\":%u,\"x\":%u,\"t\":\"text %u\"}", n % CROWD_KEYS,
                 n % 100003, n % 1009);
        batch_build_add(&b, &(struct batch_build_record){.timestamp = 1 + i, .value = value});
    }
    return batch_build_end(&b, NULL, here->crowd->kernels, here->batch, CROWD_BATCH_BYTES);
}

static void crowd_append(struct crowd_shard *here)
{
    struct crowd *crowd = here->crowd;
    struct core_shard *cs = &here->cs;
    const struct core_topic *topic = core_catalog_find(cs->catalog, "crowd", 5);
    if (here->batches_count == CROWD_BATCHES) {
        crowd_leave(here);
        return;
    }
    uint32_t partition = (here->batches_count + cs->shard->id) % CROWD_PARTITIONS;
    size_t length = crowd_build(here);
    struct core_records_config wanted = {.batch_bytes_max = LIMIT_BATCH_BYTES,
                                         .now_ms = 1,
                                         .before_max_ms = INT64_MAX,
                                         .after_max_ms = INT64_MAX};
    crowd_check(crowd,
                core_records_validate(&wanted, &cs->room, crowd->kernels, here->batch, length,
                                      &here->info) == CORE_RECORDS_FAULT_NONE,
                "a batch is refused");
    struct buf *buf = NULL;
    here->append = (struct core_append){.done = crowd_appended,
                                        .ctx = here,
                                        .topic = topic->uuid,
                                        .partition = partition,
                                        .group = topic->groups[partition],
                                        .info = &here->info,
                                        .acks = -1,
                                        .timeout_ms = 60000};
    enum err err = buf_new(&cs->bufs, &cs->budget, length, &buf);
    crowd_check(crowd, err == ERR_OK, "no memory");
    memcpy(buf_append(buf, (uint32_t)length), here->batch, length);
    err = buf_lend_written(buf, 0, (uint32_t)length, &here->append.loan);
    crowd_check(crowd, err == ERR_OK, "no loan");
    buf_unref(buf);
    core_append_start(cs, &here->append);
}

/* --- Life --- */

/* A shard's producer begins, its asker with what that has appended first. */
static void crowd_enter(struct rt_shard *at, struct rt_mail *mail)
{
    struct crowd_shard *here = CONTAINER_OF(mail, struct crowd_shard, mail);
    rt_timer_init(&here->timer, at, crowd_go_on_late);
    crowd_append(here);
    rt_timer_init(&here->follow_timer, at, crowd_follow);
    crowd_follow(&here->follow_timer);
    arena_init(&here->look_arena, &here->cs.budget, 4096, SIZE_MAX);
    rt_timer_init(&here->look_timer, at, crowd_look);
    crowd_look(&here->look_timer);
}

/* What stands before the crowd: the stream, and the view. */
static void crowd_made(struct core_query *query)
{
    struct crowd_shard *here = query->ctx;
    crowd_check(here->crowd, query->error.state == SQL_STATE_NONE, query->error.message);
    crowd_begin(here->crowd);
}

static void crowd_begin(struct crowd *crowd)
{
    static const struct core_query_ops ops = {crowd_columns, crowd_rows, crowd_made};
    static const char *const texts[] = {
        "CREATE STREAM ev (k BIGINT PATH '$.k', x BIGINT PATH '$.x', t TEXT PATH '$.t') FROM TOPIC "
        "crowd FORMAT JSON",
        "CREATE MATERIALIZED VIEW v AS SELECT k, count(*), sum(x), max(t) FROM ev GROUP BY k"};
    if (crowd->made_count < ARRAY_COUNT(texts)) {
        crowd_ask_text(crowd->maker, texts[crowd->made_count++], &ops);
        return;
    }
    for (uint32_t i = 0; i < CROWD_SHARDS; i++) {
        crowd->shards[i].mail.deliver = crowd_enter;
        enum err err = rt_mail_send(crowd->maker->cs.shard, i, &crowd->shards[i].mail);
        crowd_check(crowd, err == ERR_OK, "a mail is refused");
    }
}

static void crowd_changed(struct core_change *change)
{
    struct crowd *crowd = change->ctx;
    crowd_check(crowd, crowd->item.code == CORE_OK, "the topic is not made");
    crowd_begin(crowd);
}

static void crowd_opened(struct core_shard *cs)
{
    struct crowd_shard *here = CONTAINER_OF(cs, struct crowd_shard, cs);
    struct crowd *crowd = here->crowd;
    crowd_check(crowd, cs->err == ERR_OK, cs->why);
    if (atomic_fetch_sub(&crowd->away_count, 1) > 1) {
        return;
    }
    crowd->maker = here;
    crowd->item = (struct core_change_item){.kind = CORE_CHANGE_CREATE,
                                            .name = "crowd",
                                            .name_bytes = 5,
                                            .partitions_count = CROWD_PARTITIONS,
                                            .replicas_count = -1};
    crowd->change = (struct core_change){
        .done = crowd_changed, .ctx = crowd, .items = &crowd->item, .items_count = 1};
    core_change_start(cs, &crowd->change);
}

static void crowd_finish(struct rt_shard *at, struct rt_mail *mail)
{
    (void)mail;
    rt_shard_finish(at);
}

static void crowd_closed(struct core_shard *cs)
{
    struct crowd *crowd = CONTAINER_OF(cs, struct crowd_shard, cs)->crowd;
    crowd_check(crowd, rt_shard_budget(cs->shard)->children_count == 0, "memory is held");
    if (atomic_fetch_sub(&crowd->away_count, 1) > 1) {
        return;
    }
    for (uint32_t i = 0; i < CROWD_SHARDS; i++) {
        crowd->shards[i].mail.deliver = crowd_finish;
        enum err err = rt_mail_send(cs->shard, i, &crowd->shards[i].mail);
        crowd_check(crowd, err == ERR_OK, "a mail is refused");
    }
}

static void crowd_start(struct rt_shard *shard)
{
    struct crowd *crowd = shard->app;
    struct crowd_shard *here = &crowd->shards[shard->id];
    here->crowd = crowd;
    diag_init(&here->diag, &crowd->levels, &crowd->sink, DIAG_FORMAT_HUMAN, shard->id, 0);
    core_shard_open(&here->cs, shard, &crowd->core, &here->diag, crowd_opened);
}

static void crowd_stop(struct rt_shard *shard)
{
    struct crowd *crowd = shard->app;
    core_shard_close(&crowd->shards[shard->id].cs, crowd_closed);
}

static void crowd_run(struct crowd *crowd, const struct cpu *cpu)
{
    struct budget budget;
    struct rt_machine machine;
    struct rt *rt = NULL;
    char note[256];
    budget_init(&budget, "runtime", 512u << 20, NULL);
    assert_int_equal(rt_machine_read(&machine, note, sizeof(note)), ERR_OK);
    const struct rt_config config = {
        .shards_count = CROWD_SHARDS,
        .memory_bytes = (uint64_t)CROWD_SHARDS * CROWD_SHARD_BYTES,
        .kind = RT_KIND_EPOLL,
        .workers_count = 2,
        .budget = &budget,
        .cpu = cpu,
        .app = crowd,
        .start = crowd_start,
        .stop = crowd_stop,
    };
    assert_int_equal(rt_new(&config, &machine, &rt, note, sizeof(note)), ERR_OK);
    assert_int_equal(rt_start(rt), ERR_OK);
    assert_int_equal(sem_wait(&crowd->ended), 0);
    atomic_store(&crowd->away_count, CROWD_SHARDS);
    rt_stop(rt);
    rt_join(rt);
    rt_free(rt);
    assert_int_equal(budget.used_bytes, 0);
    budget_deinit(&budget);
}

static int crowd_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void views_of_all_threads_say_what_their_selects_say(void **state)
{
    (void)state;
    static struct crowd crowd;
    const char *tmp = getenv("TMPDIR");
    struct cpu cpu;
    cpu_detect(&cpu);
    crowd = (struct crowd){.kernels = crc32c_for(&cpu), .sink = {crowd_say}};
    snprintf(crowd.dir, sizeof(crowd.dir), "%s/tdb-views-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(crowd.dir));
    crowd.config = (struct core_config){.log = {.dir = crowd.dir,
                                                .unsettled_bytes_max = 1 << 20,
                                                .hot_bytes_max = 64 << 10,
                                                .warm_bytes_max = 8 << 20,
                                                .journal_first_bytes = 256 << 10,
                                                .journal_file_bytes = 256 << 10,
                                                .reserve_bytes = UINT64_MAX,
                                                .free_bytes_min = 1 << 20},
                                        .topics = core_topic_config_default(),
                                        .node_id = 1,
                                        .partitions_count = 1,
                                        .connections_max = 10};
    diag_levels_init(&crowd.levels, NULL, 0, DIAG_LEVEL_INFO);
    atomic_store(&crowd.away_count, CROWD_SHARDS);
    atomic_store(&crowd.left_count, CROWD_SHARDS * 4);
    assert_int_equal(sem_init(&crowd.ended, 0, 0), 0);
    core_init(&crowd.core, &crowd.config, crowd.kernels, CROWD_SHARDS);
    crowd_run(&crowd, &cpu);
    sem_destroy(&crowd.ended);
    assert_int_equal(nftw(crowd.dir, crowd_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(atomic_load(&crowd.failures_count), 0);
    print_message("covered: %u statements that were answered\n", atomic_load(&crowd.answers_count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_of_all_threads_say_what_their_selects_say),
    };
    return cmocka_run_group_tests_name("core_upkeep_threads", tests, NULL, NULL);
}
