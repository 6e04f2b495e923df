/* Aggregations in parts on real threads: statements from all shards at once over one topic, all of
 * the same answer, some of them canceled; then the core is closed. Under ThreadSanitizer, too. */
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
#include "broker/core/change.h"
#include "broker/core/core.h"
#include "broker/core/query.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "views/plan/value.h"

#define CROWD_SHARDS      3u
#define CROWD_SHARD_BYTES (64u << 20)
#define CROWD_PARTITIONS  9u
#define CROWD_BATCHES     3u /* of each partition but one */
#define CROWD_RECORDS     100u
#define CROWD_ASKERS      6u /* of each shard: statements at a time */
#define CROWD_STATEMENTS  6u /* of each of them */
#define CROWD_ROWS        12u
#define CROWD_BATCH_BYTES (64u << 10)

static const char crowd_sql[] =
    "SELECT k, count(*), sum(x), min(t), last(t, n) FROM crowd GROUP BY k";

struct crowd;

/* Who asks one statement after the other. Touched by its shard. */
struct crowd_asker {
    struct crowd *crowd;
    struct core_shard *cs;
    uint32_t number;
    uint32_t left_count; /* statements */
    struct core_query query;
    struct rt_timer timer; /* cancels it */
    uint64_t rows_count;
    uint64_t hash; /* of the answer */
};

struct crowd_shard {
    struct crowd *crowd;
    struct core_shard cs;
    struct diag diag;
    struct rt_mail mail; /* begins and ends it */
    struct crowd_asker askers[CROWD_ASKERS];
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
    atomic_uint left_count;     /* askers that have not ended */
    atomic_uint failures_count; /* what was not as it should be */
    atomic_uint canceled_count; /* statements */
    _Atomic uint64_t hash;      /* of the first answer; 0: none yet */
    sem_t ended;                /* all have */

    /* Of the shard that opened last. */
    struct core_shard *maker;
    struct core_change change;
    struct core_change_item item;
    struct core_append append;
    struct core_records_info info;
    uint32_t batches_count; /* appended */
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

static void asker_go_on(struct crowd_asker *asker);

static void asker_columns(struct core_query *query, const struct plan_output *outputs,
                          uint32_t count)
{
    (void)query, (void)outputs, (void)count;
}

static bool asker_rows(struct core_query *query, const struct vec_batch *batch)
{
    struct crowd_asker *asker = query->ctx;
    for (uint32_t i = 0; i < batch->selection.count; i++) {
        for (uint32_t column = 0; column < batch->columns_count; column++) {
            uint8_t text[256];
            struct bytes_writer w = bytes_writer(text, sizeof(text));
            struct vec_value value;
            vec_get(&batch->columns[column], vec_row(batch->selection, i), &value);
            if (!value.is_null) {
                plan_value_write(&w, (enum vec_kind)batch->columns[column].type.kind, &value);
            }
            for (size_t at = 0; at < w.pos; at++) {
                asker->hash = (asker->hash ^ text[at]) * UINT64_C(1099511628211);
            }
        }
    }
    asker->rows_count += batch->selection.count;
    return true;
}

static void asker_done(struct core_query *query)
{
    struct crowd_asker *asker = query->ctx;
    struct crowd *crowd = asker->crowd;
    rt_timer_stop(&asker->timer);
    if (query->error.state == SQL_STATE_NONE) {
        uint64_t none = 0;
        crowd_check(crowd, asker->rows_count == CROWD_ROWS, "there are not all groups");
        if (!atomic_compare_exchange_strong(&crowd->hash, &none, asker->hash)) {
            crowd_check(crowd, none == asker->hash, "two answers differ");
        }
    } else {
        crowd_check(crowd, strcmp(query->error.code, "57014") == 0, query->error.message);
        atomic_fetch_add(&crowd->canceled_count, 1);
    }
    asker_go_on(asker);
}

static void asker_cancel(struct rt_timer *timer)
{
    core_query_cancel(&CONTAINER_OF(timer, struct crowd_asker, timer)->query);
}

static void asker_go_on(struct crowd_asker *asker)
{
    static const struct core_query_ops ops = {asker_columns, asker_rows, asker_done};
    if (asker->left_count == 0) {
        if (atomic_fetch_sub(&asker->crowd->left_count, 1) == 1) {
            sem_post(&asker->crowd->ended);
        }
        return;
    }
    struct rt_shard *shard = asker->cs->shard;
    asker->left_count--;
    asker->rows_count = 0;
    asker->hash = UINT64_C(14695981039346656037);
    asker->query = (struct core_query){
        .ops = &ops, .ctx = asker, .text = crowd_sql, .length = sizeof(crowd_sql) - 1};
    core_query_start(asker->cs, &asker->query);
    if ((asker->left_count + asker->number) % 4 == 0) {
        uint64_t most_ns = RT_NS_PER_MS << rt_random(shard) % 9;
        rt_timer_start(&asker->timer, rt_now_ns(shard) + rt_random(shard) % most_ns);
    }
}

static void crowd_ask(struct rt_shard *at, struct rt_mail *mail)
{
    struct crowd_shard *here = CONTAINER_OF(mail, struct crowd_shard, mail);
    for (uint32_t i = 0; i < CROWD_ASKERS; i++) {
        struct crowd_asker *asker = &here->askers[i];
        *asker = (struct crowd_asker){
            .crowd = here->crowd, .cs = &here->cs, .number = i, .left_count = CROWD_STATEMENTS};
        rt_timer_init(&asker->timer, at, asker_cancel);
        asker_go_on(asker);
    }
}

/* --- Records, from one shard --- */

static void crowd_append(struct crowd *crowd);

static void crowd_appended(struct core_append *append)
{
    struct crowd *crowd = append->ctx;
    crowd_check(crowd, append->code == CORE_OK, "an append failed");
    crowd->batches_count++;
    crowd_append(crowd);
}

static size_t crowd_build(struct crowd *crowd, uint8_t *out)
{
    static uint8_t raw[CROWD_BATCH_BYTES];
    struct batch_build b;
    batch_build_init(&b, raw, sizeof(raw));
    for (uint32_t i = 0; i < CROWD_RECORDS; i++) {
        char value[128];
        uint32_t n = crowd->batches_count * 7919 + i * 31;
        snprintf(value, sizeof(value), "{\"k\":%u,\"x\":%u.37,\"t\":\"text %u\",\"n\":%u}",
                 n % CROWD_ROWS, n % 100003, n % 1009, n);
        batch_build_add(&b, &(struct batch_build_record){.timestamp = 1 + i, .value = value});
    }
    return batch_build_end(&b, NULL, crowd->kernels, out, CROWD_BATCH_BYTES);
}

/* The next batch, or the statements. */
static void crowd_append(struct crowd *crowd)
{
    static uint8_t batch[CROWD_BATCH_BYTES];
    struct core_shard *cs = crowd->maker;
    const struct core_topic *topic = core_catalog_find(cs->catalog, "crowd", 5);
    if (crowd->batches_count == (CROWD_PARTITIONS - 1) * CROWD_BATCHES) {
        for (uint32_t i = 0; i < CROWD_SHARDS; i++) {
            crowd->shards[i].mail.deliver = crowd_ask;
            enum err err = rt_mail_send(cs->shard, i, &crowd->shards[i].mail);
            crowd_check(crowd, err == ERR_OK, "a mail is refused");
        }
        return;
    }
    uint32_t partition = crowd->batches_count % (CROWD_PARTITIONS - 1);
    size_t length = crowd_build(crowd, batch);
    struct core_records_config wanted = {.batch_bytes_max = LIMIT_BATCH_BYTES,
                                         .now_ms = 1,
                                         .before_max_ms = INT64_MAX,
                                         .after_max_ms = INT64_MAX};
    crowd_check(crowd,
                core_records_validate(&wanted, &cs->room, crowd->kernels, batch, length,
                                      &crowd->info) == CORE_RECORDS_FAULT_NONE,
                "a batch is refused");
    struct buf *buf = NULL;
    crowd->append = (struct core_append){.done = crowd_appended,
                                         .ctx = crowd,
                                         .topic = topic->uuid,
                                         .partition = partition,
                                         .group = topic->groups[partition],
                                         .info = &crowd->info,
                                         .acks = -1,
                                         .timeout_ms = 60000};
    enum err err = buf_new(&cs->bufs, &cs->budget, length, &buf);
    crowd_check(crowd, err == ERR_OK, "no memory");
    memcpy(buf_append(buf, (uint32_t)length), batch, length);
    err = buf_lend_written(buf, 0, (uint32_t)length, &crowd->append.loan);
    crowd_check(crowd, err == ERR_OK, "no loan");
    buf_unref(buf);
    core_append_start(cs, &crowd->append);
}

static void crowd_changed(struct core_change *change)
{
    struct crowd *crowd = change->ctx;
    crowd_check(crowd, crowd->item.code == CORE_OK, "the topic is not made");
    crowd_append(crowd);
}

/* --- Life --- */

static void crowd_opened(struct core_shard *cs)
{
    struct crowd *crowd = CONTAINER_OF(cs, struct crowd_shard, cs)->crowd;
    crowd_check(crowd, cs->err == ERR_OK, cs->why);
    if (atomic_fetch_sub(&crowd->away_count, 1) > 1) {
        return;
    }
    crowd->maker = cs;
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

static void statements_of_all_threads_have_the_same_answer(void **state)
{
    (void)state;
    static struct crowd crowd;
    const char *tmp = getenv("TMPDIR");
    struct cpu cpu;
    cpu_detect(&cpu);
    crowd = (struct crowd){.kernels = crc32c_for(&cpu), .sink = {crowd_say}};
    snprintf(crowd.dir, sizeof(crowd.dir), "%s/tdb-crowd-XXXXXX", tmp != NULL ? tmp : "/tmp");
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
    atomic_store(&crowd.left_count, CROWD_SHARDS * CROWD_ASKERS);
    assert_int_equal(sem_init(&crowd.ended, 0, 0), 0);
    core_init(&crowd.core, &crowd.config, crowd.kernels, CROWD_SHARDS);
    crowd_run(&crowd, &cpu);
    sem_destroy(&crowd.ended);
    assert_int_equal(nftw(crowd.dir, crowd_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(atomic_load(&crowd.failures_count), 0);
    assert_true(atomic_load(&crowd.hash) != 0);
    print_message("covered: %u statements, %u canceled\n",
                  CROWD_SHARDS * CROWD_ASKERS * CROWD_STATEMENTS,
                  atomic_load(&crowd.canceled_count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_of_all_threads_have_the_same_answer),
    };
    return cmocka_run_group_tests_name("core_query_threads", tests, NULL, NULL);
}
