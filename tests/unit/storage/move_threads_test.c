/* Groups that change shard on real threads: each goes round, is written on every shard, read there,
 * and leaves with operations under way. Under ThreadSanitizer, too. */
#include <ftw.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rt/mailbox.h"
#include "base/rt/rt.h"
#include "storage/log/move.h"
#include "storage/log/read.h"
#include "storage/log/shard.h"
#include "tests/support/cmocka.h"

#define RIDE_SHARDS      3u
#define RIDE_GROUPS      6u
#define RIDE_MOVES       12u
#define RIDE_APPENDS     8u /* before each move */
#define RIDE_SHARD_BYTES (32u << 20)

struct ride_app;

/* A group that goes round. Touched by the shard it is on. */
struct ride {
    struct ride_app *app;
    uint64_t id;
    struct log *log;
    struct rt_shard *shard; /* which */
    struct log_move move;
    struct rt_mail mail;
    struct log_read read;
    struct log_op ops[RIDE_APPENDS];
    uint32_t answers_count; /* of ops */
    uint32_t moves_count;
    uint64_t next_index; /* to be read */
};

struct ride_shard {
    struct ride_app *app;
    struct log_shard ls;
    struct buf_pool bufs;
};

struct ride_app {
    struct log_store store;
    char dir[128];
    bool is_riding; /* else only looks at what is there */
    struct ride_shard shards[RIDE_SHARDS];
    struct ride rides[RIDE_GROUPS];
    atomic_uint left_count;     /* rides, or looks, that have not ended */
    atomic_uint failures_count; /* what was not as it should be */
    sem_t ended;                /* all have */
};

static void ride_run(struct ride *ride);

/* Not cmocka's assertions: this is another thread. */
static void ride_check(struct ride_app *app, bool is_so, const char *what)
{
    if (!is_so) {
        fprintf(stderr, "%s\n", what);
        atomic_fetch_add(&app->failures_count, 1);
    }
}

static void ride_ended(struct ride_app *app)
{
    if (atomic_fetch_sub(&app->left_count, 1) == 1) {
        sem_post(&app->ended);
    }
}

/* --- Riding --- */

static void ride_attached(struct rt_shard *at, struct rt_mail *mail)
{
    struct ride *ride = CONTAINER_OF(mail, struct ride, mail);
    struct log_shard *ls = &ride->app->shards[at->id].ls;
    enum err err = log_attach(ls, &ride->move, &ride->log);
    ride_check(ride->app, err == ERR_OK, "not attached");
    ride_check(ride->app, log_find(ls, ride->id) == ride->log, "not found where it is");
    ride->shard = at;
    ride->moves_count++;
    ride_run(ride);
}

static void ride_detached(struct log_move *move)
{
    struct ride *ride = move->ctx;
    struct rt_shard *shard = ride->shard;
    ride_check(ride->app, move->err == ERR_OK, "not detached");
    ride_check(ride->app, ride->answers_count == RIDE_APPENDS, "left before it was answered");
    ride->mail.deliver = ride_attached;
    uint32_t to = (shard->id + 1 + (uint32_t)ride->id % 2) % RIDE_SHARDS;
    enum err err = rt_mail_send(shard, to, &ride->mail);
    ride_check(ride->app, err == ERR_OK, "mail refused");
}

static void ride_answered(struct log_op *op)
{
    struct ride *ride = op->ctx;
    ride_check(ride->app, op->err == ERR_OK, "an append failed");
    ride->answers_count++;
}

/* Appends, and away without waiting for them. */
static void ride_append_all(struct ride *ride)
{
    struct log_shard *ls = ride->log->ls;
    struct ride_shard *rs = CONTAINER_OF(ls, struct ride_shard, ls);
    static const uint8_t payload[3000] = {1};
    ride->answers_count = 0;
    for (uint32_t i = 0; i < RIDE_APPENDS; i++) {
        uint32_t bytes = LOG_BATCH_HEADER_BYTES + (uint32_t)sizeof(payload);
        struct buf *buf = NULL;
        ride_check(ride->app, buf_new(&rs->bufs, rs->bufs.budget, bytes, &buf) == ERR_OK,
                   "no memory");
        struct log_status status;
        log_status(ride->log, &status);
        uint8_t *data = buf_append(buf, bytes);
        struct bytes_writer w = bytes_writer(data, bytes);
        log_batch_put_internal(&w, ride->app->store.kernels, LOG_KIND_NOOP, payload,
                               sizeof(payload), status.end.offset, 1, (int64_t)status.end.index);
        buf_seal(buf, bytes);
        ride->ops[i] = (struct log_op){.done = ride_answered, .ctx = ride};
        enum err err = log_append(ride->log, &ride->ops[i], buf_slice(buf, 0, bytes));
        ride_check(ride->app, err == ERR_OK, "an append was refused");
        buf_unref(buf);
    }
    ride->move = (struct log_move){.done = ride_detached, .ctx = ride};
    log_detach(ride->log, &ride->move);
}

static void ride_was_read(struct log_read *read)
{
    struct ride *ride = read->ctx;
    bool is_right = read->err == ERR_OK && read->first_index == ride->next_index;
    ride_check(ride->app, is_right, "an entry was not read");
    ride->next_index = read->last_index + 1;
    log_read_release(read);
    if (is_right) {
        ride_run(ride);
    } else {
        ride_ended(ride->app);
    }
}

/* Read what there is, then append and leave, RIDE_MOVES times. */
static void ride_run(struct ride *ride)
{
    struct ride_app *app = ride->app;
    struct log_status status;
    log_status(ride->log, &status);
    uint64_t wanted = (uint64_t)ride->moves_count * RIDE_APPENDS;
    ride_check(app, status.end.index == wanted && status.durable_index == wanted,
               "entries are missing");
    if (ride->next_index <= status.end.index) {
        ride->read = (struct log_read){.done = ride_was_read,
                                       .ctx = ride,
                                       .log = ride->log,
                                       .from = LOG_READ_INDEX,
                                       .at = ride->next_index,
                                       .index_max = UINT64_MAX,
                                       .bytes_max = 10000};
        log_read(&ride->read);
    } else if (ride->moves_count == RIDE_MOVES) {
        ride_ended(app);
    } else {
        ride->next_index = ride->moves_count % 4 == 3 ? 1 : ride->next_index; /* all of it again */
        ride_append_all(ride);
    }
}

static void ride_created(struct log_op *op)
{
    struct ride *ride = op->ctx;
    ride_check(ride->app, op->err == ERR_OK, "not created");
    ride->log = op->log;
    ride->shard = op->log->ls->shard;
    ride_run(ride);
}

/* --- The store --- */

static void ride_opened(struct log_shard *ls)
{
    struct ride_app *app = CONTAINER_OF(ls, struct ride_shard, ls)->app;
    ride_check(app, ls->err == ERR_OK, ls->why);
    for (uint32_t i = 0; i < RIDE_GROUPS; i++) {
        struct ride *ride = &app->rides[i];
        if (ride->id % RIDE_SHARDS != ls->shard->id) {
            continue;
        }
        if (app->is_riding) {
            struct log_uuid topic = {.bytes = {(uint8_t)ride->id}};
            ride->ops[0] = (struct log_op){.done = ride_created, .ctx = ride};
            log_create(ls, &ride->ops[0], ride->id, &topic, 0);
            continue;
        }
        ride->log = log_find(ls, ride->id);
        ride->moves_count = RIDE_MOVES;
        if (ride->log == NULL) {
            ride_check(app, false, "a group is gone");
            ride_ended(app);
        } else {
            ride_run(ride);
        }
    }
}

static void ride_closed(struct log_shard *ls)
{
    struct ride_shard *rs = CONTAINER_OF(ls, struct ride_shard, ls);
    ride_check(rs->app, ls->err == ERR_OK, "the store does not close");
    buf_pool_deinit(&rs->bufs);
    rt_shard_finish(ls->shard);
}

static void ride_start(struct rt_shard *shard)
{
    struct ride_app *app = shard->app;
    struct ride_shard *rs = &app->shards[shard->id];
    rs->app = app;
    buf_pool_init(&rs->bufs, rt_shard_budget(shard), (uint16_t)shard->id, 1 << 20);
    log_shard_open(&rs->ls, shard, &app->store, NULL, ride_opened);
}

static void ride_stop(struct rt_shard *shard)
{
    struct ride_app *app = shard->app;
    log_shard_close(&app->shards[shard->id].ls, ride_closed);
}

/* One life of the store. */
static void ride_live(struct ride_app *app, enum rt_kind kind, bool is_riding)
{
    struct budget budget;
    struct cpu cpu;
    struct rt_machine machine;
    struct rt *rt = NULL;
    char note[256];
    cpu_detect(&cpu);
    budget_init(&budget, "runtime", 256u << 20, NULL);
    assert_int_equal(rt_machine_read(&machine, note, sizeof(note)), ERR_OK);
    const struct log_config store_config = {
        .dir = app->dir,
        .unsettled_bytes_max = 192 << 10,
        .hot_bytes_max = 64 << 10,
        .journal_first_bytes = 128 << 10,
        .journal_file_bytes = 128 << 10,
        .segment_bytes = 100 << 10,
        .reserve_bytes = UINT64_MAX,
        .free_bytes_min = 1 << 20,
        .settle_ns = 10000000,
    };
    log_store_init(&app->store, &store_config, crc32c_for(&cpu));
    app->is_riding = is_riding;
    atomic_store(&app->left_count, RIDE_GROUPS);
    assert_int_equal(sem_init(&app->ended, 0, 0), 0);
    for (uint32_t i = 0; i < RIDE_GROUPS; i++) {
        app->rides[i] = (struct ride){.app = app, .id = i + 1, .next_index = 1};
    }
    const struct rt_config config = {
        .shards_count = RIDE_SHARDS,
        .memory_bytes = (uint64_t)RIDE_SHARDS * RIDE_SHARD_BYTES,
        .kind = kind,
        .workers_count = 2,
        .budget = &budget,
        .cpu = &cpu,
        .app = app,
        .start = ride_start,
        .stop = ride_stop,
    };
    assert_int_equal(rt_new(&config, &machine, &rt, note, sizeof(note)), ERR_OK);
    assert_int_equal(rt_start(rt), ERR_OK);
    assert_int_equal(sem_wait(&app->ended), 0);
    rt_stop(rt);
    rt_join(rt);
    rt_free(rt);
    sem_destroy(&app->ended);
    assert_int_equal(budget.used_bytes, 0);
    budget_deinit(&budget);
    assert_int_equal(atomic_load(&app->failures_count), 0);
}

static int ride_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void ride_through(enum rt_kind kind)
{
    static struct ride_app app;
    const char *tmp = getenv("TMPDIR");
    app = (struct ride_app){0};
    snprintf(app.dir, sizeof(app.dir), "%s/tdb-move-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(app.dir));
    ride_live(&app, kind, true);
    ride_live(&app, kind, false);
    assert_int_equal(nftw(app.dir, ride_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void moves_between_threads_lose_nothing_on_epoll(void **state)
{
    (void)state;
    ride_through(RT_KIND_EPOLL);
}

#ifndef __SANITIZE_THREAD__
static void moves_between_threads_lose_nothing_on_the_best_backend(void **state)
{
    (void)state;
    ride_through(RT_KIND_AUTO);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_between_threads_lose_nothing_on_epoll),
#ifndef __SANITIZE_THREAD__ /* which does not see what the kernel writes into a ring */
        cmocka_unit_test(moves_between_threads_lose_nothing_on_the_best_backend),
#endif
    };
    return cmocka_run_group_tests_name("log_move_threads", tests, NULL, NULL);
}
