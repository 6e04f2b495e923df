/* Reads while a log lives: appended to, settled, rolled, cut, trimmed; from a store on a simulated
 * machine whose memory keeps little, against the list of what was appended. Then again after a
 * restart, and with a batch that has rotted meanwhile. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/rt/clock.h"
#include "storage/log/range.h"
#include "storage/log/read.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define LIFE_ENTRIES 2000u
#define LIFE_READS   4u
#define LIFE_BATCH   (48u << 10)

struct life;

/* A read under way, and the log's entries when it began. */
struct life_read {
    struct life *life;
    struct log_read read;
    bool is_busy;
    uint32_t serials[LIFE_ENTRIES + 1]; /* as life.serials */
    uint64_t end_index;                 /* as life.end_index */
    bool was_cut;                       /* the log was, since it began */
};

/* A store of one shard with one group. */
struct life {
    uint64_t seed;
    struct prng prng;
    struct sim *sim;
    struct sim_node *node;
    struct log_store store;
    struct log_shard ls;
    struct buf_pool bufs;
    struct log *log;
    uint32_t answers_count;             /* of what was asked last */
    uint32_t pending_count;             /* operations not done */
    uint32_t serials[LIFE_ENTRIES + 1]; /* by index: what makes the entry's bytes */
    uint32_t lengths[LIFE_ENTRIES + 1]; /* by index: its bytes */
    uint64_t end_index;                 /* of the log */
    uint64_t end_offset;                /* likewise */
    uint32_t serial;                    /* the last one given */
    uint32_t term;                      /* raised by every cut */
    bool is_cutting;                    /* a cut is not done */
    bool is_ended;                      /* no more operations */
    uint64_t read_count;                /* entries compared */
    uint64_t warm_count;                /* runs that were in memory */
    struct life_read reads[LIFE_READS];
    struct log_reader reader;
    bool has_reader;
    struct life_read reader_read; /* what the reader's step is held against */
    uint64_t reader_next;         /* the index it comes to */
};

static const struct log_config life_config = {
    .dir = "/data",
    .unsettled_bytes_max = 512 << 10,
    .hot_bytes_max = 64 << 10,
    .warm_bytes_max = 512 << 10,
    .journal_first_bytes = 128 << 10,
    .journal_file_bytes = 128 << 10,
    .segment_bytes = 300 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .settle_ns = 3000000,
    .groups_max = 4,
    .files_max = 4,
};

/* --- Entries --- */

static uint32_t life_batch(const struct life *life, uint8_t *out, uint32_t serial, uint64_t offset,
                           uint32_t term)
{
    struct prng prng;
    prng_init(&prng, serial * 7919ull);
    uint32_t payload = (uint32_t)prng_below(&prng, prng_chance(&prng, 1, 30) ? 40000 : 2000);
    struct bytes_writer w = bytes_writer(out, LIFE_BATCH);
    bytes_put_u64be(&w, offset);
    bytes_put_u32be(&w, LOG_BATCH_HEADER_BYTES - LOG_BATCH_PREFIX_BYTES + payload);
    bytes_put_u32be(&w, term);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, 0);
    bytes_put_u16be(&w, 0);
    bytes_put_u32be(&w, 0);
    bytes_put_u64be(&w, 1000 + serial);
    bytes_put_u64be(&w, 1000 + serial);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, 1);
    prng_fill(&prng, out + w.pos, payload);
    w.pos += payload;
    bytes_patch_u32be(&w, 17, crc32c(life->store.kernels, 0, out + 21, w.pos - 21));
    assert_true(w.err == ERR_OK);
    return (uint32_t)w.pos;
}

/* Whether the bytes are those of the batch that `serial` makes, base offset and term apart. */
static bool life_is_batch(const struct life *life, const uint8_t *data, uint32_t length,
                          uint32_t serial)
{
    static uint8_t expected[LIFE_BATCH];
    return life_batch(life, expected, serial, 0, 0) == length &&
           memcmp(expected + 16, data + 16, length - 16) == 0;
}

/* --- The store --- */

static void life_answered(struct log_shard *ls)
{
    struct life *life = CONTAINER_OF(ls, struct life, ls);
    assert_int_equal(ls->err, ERR_OK);
    life->answers_count++;
}

static void life_start(struct rt_shard *shard)
{
    struct life *life = shard->app;
    buf_pool_init(&life->bufs, rt_shard_budget(shard), (uint16_t)shard->id, 1 << 20);
    log_shard_open(&life->ls, shard, &life->store, NULL, life_answered);
}

static void life_stop(struct rt_shard *shard)
{
    struct life *life = shard->app;
    buf_pool_deinit(&life->bufs);
    assert_int_equal(rt_shard_budget(shard)->children_count, 0);
    rt_shard_finish(shard);
}

static bool life_is_quiet(void *ctx)
{
    const struct life *life = ctx;
    bool is_quiet = life->answers_count == 1 && life->pending_count == 0;
    for (uint32_t i = 0; i < LIFE_READS; i++) {
        is_quiet = is_quiet && !life->reads[i].is_busy;
    }
    return is_quiet && !life->reader_read.is_busy;
}

static void life_wait(struct life *life)
{
    uint64_t limit_ns = sim_now_ns(life->sim) + 1000 * RT_NS_PER_S;
    if (!sim_run_until_true(life->sim, life_is_quiet, life, limit_ns)) {
        fail_msg("seed %" PRIu64 ": does not end", life->seed);
    }
}

static void life_open(struct life *life)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    struct sim_app app = {.start = life_start, .stop = life_stop, .ctx = life};
    log_store_init(&life->store, &life_config, crc32c_for(&cpu));
    life->ls = (struct log_shard){0};
    life->answers_count = 0;
    sim_node_start(life->node, 1, &app);
    life_wait(life);
    life->log = log_find(&life->ls, 1);
}

/* Do `call` in a turn, and wait for all that it begins. */
static void life_call(struct life *life, void (*call)(struct rt_shard *shard, void *ctx))
{
    life->answers_count = 0;
    sim_post(sim_node_shard(life->node, 0), call, life);
    life_wait(life);
}

static void life_shard_close(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct life *life = ctx;
    if (life->has_reader) {
        log_reader_close(&life->reader);
        life->has_reader = false;
    }
    life->warm_count += life->ls.files.warm.found_count;
    log_shard_close(&life->ls, life_answered);
}

static void life_close(struct life *life)
{
    life_call(life, life_shard_close);
    sim_node_stop(life->node);
    while (sim_node_is_running(life->node)) {
        assert_true(sim_run_steps(life->sim, 1));
    }
}

static void life_shard_settle(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct life *life = ctx;
    log_shard_settle(&life->ls, life_answered);
}

static void life_op_done(struct log_op *op)
{
    struct life *life = op->ctx;
    bool is_entry = op->record.kind == LOG_RECORD_ENTRY;
    bool was_cut = op->err == (is_entry ? ERR_CANCELED : ERR_NOT_FOUND); /* the place of a trim */
    assert_true(op->err == ERR_OK || was_cut);
    life->is_cutting = life->is_cutting && op->record.kind != LOG_RECORD_CUT;
    life->pending_count--;
    free(op);
}

static struct log_op *life_op(struct life *life)
{
    struct log_op *op = calloc(1, sizeof(*op));
    assert_non_null(op);
    op->done = life_op_done;
    op->ctx = life;
    life->pending_count++;
    return op;
}

static void life_shard_create(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct life *life = ctx;
    struct log_uuid topic = {.bytes = {1, 2, 3}};
    struct log_op *op = life_op(life);
    log_create(&life->ls, op, 1, &topic, 0);
    life->log = op->log;
    life->answers_count++;
}

static struct life *life_new(uint64_t seed)
{
    struct life *life = calloc(1, sizeof(*life));
    assert_non_null(life);
    life->seed = seed;
    life->term = 1;
    prng_init(&life->prng, seed);
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 64 << 20;
    life->sim = sim_new(seed, &options);
    life->node = sim_node_add(life->sim);
    life_open(life);
    life_call(life, life_shard_create);
    return life;
}

static void life_free(struct life *life)
{
    sim_free(life->sim);
    free(life);
}

/* --- What happens to the log --- */

static void life_append(struct life *life)
{
    struct buf *buf = NULL;
    if (life->is_cutting || life->end_index == LIFE_ENTRIES) {
        return;
    }
    assert_int_equal(buf_new(&life->bufs, rt_shard_budget(life->ls.shard), LIFE_BATCH, &buf),
                     ERR_OK);
    uint8_t *data = buf_append(buf, LIFE_BATCH);
    uint32_t serial = ++life->serial;
    uint32_t length = life_batch(life, data, serial, life->end_offset, life->term);
    buf_seal(buf, length);
    struct log_op *op = life_op(life);
    enum err err = log_append(life->log, op, buf_slice(buf, 0, length));
    buf_unref(buf);
    if (err == ERR_AGAIN || err == ERR_BUDGET) {
        life->pending_count--;
        free(op);
        return;
    }
    assert_int_equal(err, ERR_OK);
    life->end_index++;
    life->end_offset++;
    life->serials[life->end_index] = serial;
    life->lengths[life->end_index] = length;
    assert_true(op->index == life->end_index);
}

static void life_cut(struct life *life)
{
    struct log_status status;
    log_status(life->log, &status);
    if (life->is_cutting || life->end_index <= status.start.index) {
        return;
    }
    uint64_t most = life->end_index - status.start.index;
    uint64_t back =
        1 + prng_below(&life->prng, prng_chance(&life->prng, 1, 4) || most < 20 ? most : 20);
    life->is_cutting = true;
    log_cut(life->log, life_op(life), life->end_index + 1 - back);
    life->end_index -= back;
    life->end_offset -= back;
    life->term++;
    for (uint32_t i = 0; i < LIFE_READS; i++) {
        life->reads[i].was_cut = true;
    }
    life->reader_read.was_cut = true;
}

static void life_trim(struct life *life)
{
    struct log_status status;
    log_status(life->log, &status);
    if (!life->is_cutting && life->end_index > status.start.index) {
        uint64_t most = (life->end_index - status.start.index) / 4 + 1;
        log_trim(life->log, life_op(life), status.start.index + prng_below(&life->prng, most));
    }
}

/* --- Reads --- */

static void life_fail(const struct life *life, const struct life_read *lr, const char *why)
{
    const struct log_read *read = lr->read.log != NULL ? &lr->read : &life->reader.read;
    fail_msg("seed %" PRIu64 ": %s: from %d at %" PRIu64 " up to %" PRIu64 ": %s, %" PRIu64
             "..%" PRIu64 "; the log ends at %" PRIu64 ", ended at %" PRIu64,
             life->seed, why, (int)read->from, read->at, read->index_max, err_name(read->err),
             read->first_index, read->last_index, life->end_index, lr->end_index);
}

/* Whether all of `read` are the entries that `serials` (up to `end_index`) has there. */
static bool life_matches(struct life *life, const struct log_read *read, const uint32_t *serials,
                         uint64_t end_index)
{
    uint64_t index = read->first_index;
    for (uint32_t i = 0; i < read->parts_count; i++) {
        const uint8_t *data = buf_slice_data(read->parts[i]);
        uint32_t left = read->parts[i].length;
        while (left > 0) {
            struct log_batch batch;
            if (index > end_index || log_batch_decode(data, left, &batch) != ERR_OK ||
                !life_is_batch(life, data, batch.length_bytes, serials[index])) {
                return false;
            }
            data += batch.length_bytes;
            left -= batch.length_bytes;
            index++;
            life->read_count++;
        }
    }
    return index == read->last_index + 1 && index == read->first_index + read->entries_count;
}

/* Hold an ended read against the log as it was when it began, or as it is. */
static void life_check(struct life *life, struct life_read *lr, const struct log_read *read)
{
    if (read->err == ERR_END || read->err == ERR_RANGE) {
        struct log_status status;
        log_status(life->log, &status);
        bool is_below = read->at < status.start.index;
        if (!lr->was_cut && !(read->err == ERR_RANGE ? is_below : read->at > lr->end_index)) {
            life_fail(life, lr, "nothing found");
        }
        return;
    }
    if (read->err != ERR_OK) {
        life_fail(life, lr, "failed");
    }
    if (!lr->was_cut && read->from == LOG_READ_INDEX && read->first_index != read->at) {
        life_fail(life, lr, "begins elsewhere");
    }
    if (!life_matches(life, read, lr->serials, lr->end_index) &&
        !life_matches(life, read, life->serials, life->end_index)) {
        life_fail(life, lr, "other entries");
    }
}

static void life_snapshot(struct life *life, struct life_read *lr)
{
    lr->life = life;
    lr->is_busy = true;
    lr->was_cut = life->is_cutting;
    lr->end_index = life->end_index;
    memcpy(lr->serials, life->serials, sizeof(lr->serials));
}

static void life_read_done(struct log_read *read)
{
    struct life_read *lr = read->ctx;
    life_check(lr->life, lr, read);
    log_read_release(read);
    lr->is_busy = false;
}

static void life_read(struct life *life)
{
    struct life_read *lr = &life->reads[prng_below(&life->prng, LIFE_READS)];
    struct log_status status;
    log_status(life->log, &status);
    if (lr->is_busy || life->end_index == 0) {
        return;
    }
    life_snapshot(life, lr);
    uint64_t count = life->end_index + 2 - status.start.index;
    bool is_offset = prng_chance(&life->prng, 1, 3);
    uint64_t index = status.start.index + prng_below(&life->prng, count);
    lr->read = (struct log_read){
        .done = life_read_done,
        .ctx = lr,
        .log = life->log,
        .from = is_offset ? LOG_READ_OFFSET : LOG_READ_INDEX,
        .at = is_offset ? index - 1 : index,
        .index_max = life->end_index,
        .bytes_max = (uint32_t)prng_below(&life->prng, 200000),
    };
    if (is_offset && index > life->end_index) {
        lr->read.from = LOG_READ_INDEX;
        lr->read.at = index;
    }
    log_read(&lr->read);
}

static void life_reader_done(struct log_read *read)
{
    struct life *life = read->ctx;
    struct life_read *lr = &life->reader_read;
    lr->is_busy = false;
    life_check(life, lr, read);
    life->reader_next = read->err == ERR_OK ? read->last_index + 1 : 0;
}

/* The reader's next step; a new reader where it has come to the end, or was cut. */
static void life_reader_step(struct life *life)
{
    struct life_read *lr = &life->reader_read;
    if (lr->is_busy || life->end_index == 0) {
        return;
    }
    struct log_status status;
    log_status(life->log, &status);
    if (life->has_reader && (life->reader_next == 0 || life->reader_next > life->end_index)) {
        log_reader_close(&life->reader);
        life->has_reader = false;
    }
    if (!life->has_reader) {
        life->has_reader = true;
        life->reader_next = status.start.index;
        uint32_t bytes_max = prng_chance(&life->prng, 1, 4) ? 64 << 10 : 1 << 20;
        log_reader_open(&life->reader, life->log, LOG_READ_INDEX, life->reader_next, bytes_max,
                        life_reader_done, life);
    }
    life_snapshot(life, lr);
    log_reader_next(&life->reader, life->end_index);
}

/* Something happens. */
static void life_turn(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct life *life = ctx;
    uint64_t count = 1 + prng_below(&life->prng, 6);
    switch (prng_below(&life->prng, 40)) {
    case 0: life_cut(life); break;
    case 1: life_trim(life); break;
    case 2:
        if (!life->is_cutting) {
            log_roll(life->log, life_op(life));
        }
        break;
    default: break;
    }
    for (uint64_t i = 0; i < count && prng_chance(&life->prng, 1, 2); i++) {
        life_append(life);
    }
    if (prng_chance(&life->prng, 1, 2)) {
        life_read(life);
    }
    if (prng_chance(&life->prng, 3, 4)) {
        life_reader_step(life);
    }
}

static void life_run(struct life *life, uint32_t turns_count)
{
    for (uint32_t i = 0; i < turns_count; i++) {
        sim_post(sim_node_shard(life->node, 0), life_turn, life);
        sim_run_for(life->sim, prng_below(&life->prng, 2000000));
    }
    sim_run_for(life->sim, RT_NS_PER_S); /* the last turn has come */
    life_wait(life);
}

static void reads_of_a_living_log_are_what_was_appended(void **state)
{
    (void)state;
    struct share share = share_open("lives of a log that is read", 80);
    uint64_t read_count = 0;
    uint64_t warm_count = 0;
    while (share_more(&share)) {
        struct life *life = life_new(share_case_seed(&share));
        for (uint32_t i = 0; i < 3; i++) {
            life_run(life, 50 + (uint32_t)prng_below(&life->prng, 200));
            if (prng_chance(&life->prng, 1, 2)) {
                life_call(life, life_shard_settle);
            }
            life_close(life);
            life_open(life); /* everything is cold */
        }
        life_close(life);
        read_count += life->read_count;
        warm_count += life->warm_count;
        life_free(life);
    }
    printf("covered: %" PRIu64 " entries compared, %" PRIu64 " runs found in memory\n", read_count,
           warm_count);
    share_close(&share);
}

/* --- Rot --- */

static void life_shard_append(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct life *life = ctx;
    for (uint32_t i = 0; i < 100; i++) {
        life_append(life);
    }
    life->answers_count++;
}

static void life_rot_done(struct log_read *read)
{
    struct life_read *lr = read->ctx;
    lr->is_busy = false;
}

static void life_shard_read_rot(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct life *life = ctx;
    struct life_read *lr = &life->reads[0];
    *lr = (struct life_read){.is_busy = true};
    lr->read = (struct log_read){.done = life_rot_done,
                                 .ctx = lr,
                                 .log = life->log,
                                 .from = LOG_READ_INDEX,
                                 .at = 10,
                                 .index_max = 10};
    log_read(&lr->read);
    life->answers_count++;
}

/* What a read has found is known after a restart, before anybody reads there again. */
static void rot_that_was_read_stays_known(void **state)
{
    (void)state;
    struct life *life = life_new(1);
    life_call(life, life_shard_append);
    life_call(life, life_shard_settle);
    life_close(life);
    life_open(life);
    char path[LIMIT_PATH_BYTES];
    uint64_t pos = 100;
    for (uint32_t i = 1; i < 10; i++) {
        pos += life->lengths[i];
    }
    log_path_segment(path, life->log, 1, 0, "log");
    assert_int_equal(sim_disk_rot(sim_node_disk(life->node), path, pos, 3), ERR_OK);
    struct log_status status;
    for (uint32_t i = 0; i < 2; i++) {
        log_status(life->log, &status);
        assert_int_equal(status.quarantine_count, i);
        life_call(life, life_shard_read_rot);
        assert_int_equal(life->reads[0].read.err, ERR_CORRUPT);
        assert_true(life->reads[0].read.first_index == 10);
        assert_true(life->reads[0].read.last_index == 10);
        life_close(life);
        life_open(life);
    }
    log_status(life->log, &status);
    assert_int_equal(status.quarantine_count, 1);
    assert_true(status.quarantine_index == 10);
    life_close(life);
    life_free(life);
}

/* So does a segment whose file is gone, from where it was asked for. */
static void a_lost_file_stays_known(void **state)
{
    (void)state;
    struct life *life = life_new(1);
    life_call(life, life_shard_append);
    life_call(life, life_shard_settle);
    life_close(life);
    char path[LIMIT_PATH_BYTES];
    life_open(life);
    log_path_segment(path, life->log, 1, 0, "log");
    life_close(life);
    assert_int_equal(sim_disk_unlink(sim_node_disk(life->node), path), ERR_OK);
    life_open(life);
    life_call(life, life_shard_read_rot);
    assert_int_equal(life->reads[0].read.err, ERR_CORRUPT);
    assert_true(life->reads[0].read.first_index == 10);
    assert_true(life->reads[0].read.last_index >= 10);
    life_close(life);
    life_open(life);
    struct log_status status;
    log_status(life->log, &status);
    assert_int_equal(status.quarantine_count, 1);
    assert_true(status.quarantine_index == 10);
    life_close(life);
    life_free(life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rot_that_was_read_stays_known),
        cmocka_unit_test(a_lost_file_stays_known),
        cmocka_unit_test(reads_of_a_living_log_are_what_was_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
