/* Catching up: what one log refers to is installed in another, which was reset to where it begins;
 * on a simulated machine whose memory keeps little, so that entries come from memory, the journal
 * and segments. What each of the three refuses stands in tables. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/rt/clock.h"
#include "storage/log/install.h"
#include "storage/log/range.h"
#include "storage/log/ref.h"
#include "storage/log/reset.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define PAIR_ENTRIES 600u
#define PAIR_BATCH   (40u << 10)
#define PAIR_RANGE   (512u << 10)

/* A store of one shard with two groups. */
struct pair {
    struct sim *sim;
    struct sim_node *node;
    struct prng prng;
    struct log_store store;
    struct log_shard ls;
    struct buf_pool bufs;
    struct log *leader;
    struct log *follower;
    uint32_t answers_count;
    uint32_t pending_count;
    enum err err;                       /* of the operation that ended last */
    uint32_t serials[PAIR_ENTRIES + 1]; /* the leader's entries, by index: what makes the bytes */
    uint32_t serial;                    /* the last one given */
    uint32_t term;                      /* of appends */
    struct log_ref ref;                 /* of the leader's log */
    struct log_install install;         /* into the follower's */
    struct log_read read;
    struct rt_op op_read; /* of a piece */
    uint8_t *blocks;      /* aligned */
    struct buf *buf;      /* the range that was read, back to back */
    struct log_point start;
    uint64_t index;     /* of what is asked next */
    uint32_t bytes_max; /* likewise */
    uint64_t hot_count, file_count;
};

static const struct log_config pair_config = {
    .dir = "/data",
    .unsettled_bytes_max = 512 << 10,
    .hot_bytes_max = 64 << 10,
    .journal_first_bytes = 256 << 10,
    .journal_file_bytes = 256 << 10,
    .segment_bytes = 200 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .settle_ns = 3000000,
    .groups_max = 4,
    .files_max = 6,
};

/* --- The machine --- */

static void pair_answered(struct log_shard *ls)
{
    struct pair *pair = CONTAINER_OF(ls, struct pair, ls);
    assert_int_equal(ls->err, ERR_OK);
    pair->answers_count++;
}

static void pair_start(struct rt_shard *shard)
{
    struct pair *pair = shard->app;
    buf_pool_init(&pair->bufs, rt_shard_budget(shard), (uint16_t)shard->id, 1 << 20);
    log_shard_open(&pair->ls, shard, &pair->store, NULL, pair_answered);
}

static void pair_stop(struct rt_shard *shard)
{
    struct pair *pair = shard->app;
    buf_pool_deinit(&pair->bufs);
    assert_int_equal(rt_shard_budget(shard)->children_count, 0);
    rt_shard_finish(shard);
}

static bool pair_is_quiet(void *ctx)
{
    const struct pair *pair = ctx;
    return pair->answers_count == 1 && pair->pending_count == 0;
}

static void pair_wait(struct pair *pair)
{
    assert_true(sim_run_until_true(pair->sim, pair_is_quiet, pair,
                                   sim_now_ns(pair->sim) + 1000 * RT_NS_PER_S));
}

/* Do `call` in a turn, and wait for all that it begins. */
static void pair_call(struct pair *pair, void (*call)(struct rt_shard *shard, void *ctx))
{
    pair->answers_count = 1;
    pair->pending_count++;
    sim_post(sim_node_shard(pair->node, 0), call, pair);
    pair_wait(pair);
}

static void pair_open(struct pair *pair)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    struct sim_app app = {.start = pair_start, .stop = pair_stop, .ctx = pair};
    log_store_init(&pair->store, &pair_config, crc32c_for(&cpu));
    pair->ls = (struct log_shard){0};
    pair->answers_count = 0;
    pair->pending_count = 0;
    sim_node_start(pair->node, 1, &app);
    pair_wait(pair);
    pair->leader = log_find(&pair->ls, 1);
    pair->follower = log_find(&pair->ls, 2);
}

static void pair_shard_close(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    pair->answers_count = 0;
    pair->pending_count--;
    log_shard_close(&pair->ls, pair_answered);
}

static void pair_close(struct pair *pair)
{
    pair_call(pair, pair_shard_close);
    sim_node_stop(pair->node);
    while (sim_node_is_running(pair->node)) {
        assert_true(sim_run_steps(pair->sim, 1));
    }
}

static void pair_shard_settle(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    pair->answers_count = 0;
    pair->pending_count--;
    log_shard_settle(&pair->ls, pair_answered);
}

static void pair_op_done(struct log_op *op)
{
    struct pair *pair = op->ctx;
    pair->err = op->err;
    pair->pending_count--;
    free(op);
}

static struct log_op *pair_op(struct pair *pair)
{
    struct log_op *op = calloc(1, sizeof(*op));
    assert_non_null(op);
    op->done = pair_op_done;
    op->ctx = pair;
    pair->pending_count++;
    return op;
}

static void pair_shard_create(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    struct log_uuid topic = {.bytes = {1, 2, 3}};
    struct log_op *op = pair_op(pair);
    log_create(&pair->ls, op, 1, &topic, 0);
    pair->leader = op->log;
    op = pair_op(pair);
    log_create(&pair->ls, op, 2, &topic, 1);
    pair->follower = op->log;
    pair->pending_count--;
}

static struct pair *pair_new(uint64_t seed)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    assert_non_null(pair);
    prng_init(&pair->prng, seed);
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 64 << 20;
    pair->sim = sim_new(seed, &options);
    pair->node = sim_node_add(pair->sim);
    pair->term = 1;
    pair->blocks = aligned_alloc(4096, PAIR_RANGE + 8192);
    assert_non_null(pair->blocks);
    pair_open(pair);
    pair_call(pair, pair_shard_create);
    return pair;
}

static void pair_free(struct pair *pair)
{
    pair_close(pair);
    sim_free(pair->sim);
    free(pair->blocks);
    free(pair);
}

/* --- Entries --- */

/* The batch that `serial` makes. */
static uint32_t pair_batch(const struct pair *pair, uint8_t *out, uint32_t serial, uint64_t offset,
                           uint32_t term)
{
    struct prng prng;
    prng_init(&prng, serial * 7919ull);
    uint32_t payload = (uint32_t)prng_below(&prng, prng_chance(&prng, 1, 20) ? 30000 : 3000);
    struct bytes_writer w = bytes_writer(out, PAIR_BATCH);
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
    bytes_patch_u32be(&w, 17, crc32c(pair->store.kernels, 0, out + 21, w.pos - 21));
    assert_true(w.err == ERR_OK);
    return (uint32_t)w.pos;
}

static void pair_append(struct pair *pair)
{
    struct log_status status;
    log_status(pair->leader, &status);
    struct buf *buf = NULL;
    assert_int_equal(buf_new(&pair->bufs, pair->bufs.budget, PAIR_BATCH, &buf), ERR_OK);
    uint32_t serial = ++pair->serial;
    uint32_t length =
        pair_batch(pair, buf_append(buf, PAIR_BATCH), serial, status.end.offset, pair->term);
    buf_seal(buf, length);
    struct log_op *op = pair_op(pair);
    enum err err = log_append(pair->leader, op, buf_slice(buf, 0, length));
    buf_unref(buf);
    if (err != ERR_OK) {
        assert_int_equal(err, ERR_AGAIN);
        pair->pending_count--;
        free(op);
        return;
    }
    pair->serials[status.end.index + 1] = serial;
}

/* A few things that happen to the leader's log. */
static void pair_shard_work(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    struct log_status status;
    log_status(pair->leader, &status);
    uint64_t dice = prng_below(&pair->prng, 20);
    if (dice == 0 && status.end.index > status.start.index + 4) {
        pair->term++;
        log_cut(pair->leader, pair_op(pair), status.end.index - prng_below(&pair->prng, 3));
    } else if (dice == 1) {
        log_roll(pair->leader, pair_op(pair));
    } else if (dice == 2) {
        uint64_t count = status.end.index + 1 - status.start.index;
        log_trim(pair->leader, pair_op(pair),
                 status.start.index + prng_below(&pair->prng, count / 4 + 1));
    } else {
        for (uint64_t i = prng_below(&pair->prng, 12); i > 0; i--) {
            if (log_find(&pair->ls, 1) != NULL && pair->leader->end.index < PAIR_ENTRIES) {
                pair_append(pair);
            }
        }
    }
    pair->pending_count--;
}

/* --- From one to the other --- */

static void pair_ref_done(struct log_ref *ref)
{
    struct pair *pair = ref->ctx;
    pair->err = ref->err;
    pair->pending_count--;
}

static void pair_shard_refer(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    pair->ref = (struct log_ref){.done = pair_ref_done,
                                 .ctx = pair,
                                 .log = pair->leader,
                                 .first_index = pair->index,
                                 .index_max = pair->leader->durable_index,
                                 .bytes_max = pair->bytes_max};
    log_ref_read(&pair->ref);
}

static void pair_shard_release(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    log_ref_release(&pair->ref);
    if (pair->buf != NULL) {
        buf_unref(pair->buf);
        pair->buf = NULL;
    }
    pair->pending_count--;
}

static void pair_piece_read(struct rt_op *op)
{
    struct pair *pair = CONTAINER_OF(op, struct pair, op_read);
    pair->err = op->err;
    pair->pending_count--;
}

/* Read piece pair->index of the reference to its blocks. */
static void pair_shard_piece(struct rt_shard *shard, void *ctx)
{
    struct pair *pair = ctx;
    const struct log_ref_piece *piece = &pair->ref.pieces[pair->index];
    uint32_t pos = piece->pos / 4096 * 4096;
    uint32_t end = (piece->pos + piece->bytes + 4095) / 4096 * 4096;
    rt_op_init(&pair->op_read, shard, pair_piece_read);
    rt_file_read(&piece->file->file, &pair->op_read, pair->blocks, end - pos, pos);
}

static void pair_shard_buf(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    assert_int_equal(buf_new(&pair->bufs, pair->bufs.budget, pair->ref.bytes, &pair->buf), ERR_OK);
    pair->pending_count--;
}

/* All pieces back to back in pair->buf. */
static void pair_gather(struct pair *pair)
{
    uint32_t at = 0;
    pair_call(pair, pair_shard_buf);
    uint8_t *out = buf_append(pair->buf, pair->ref.bytes);
    for (uint32_t i = 0; i < pair->ref.pieces_count; i++) {
        const struct log_ref_piece *piece = &pair->ref.pieces[i];
        assert_true(at + piece->bytes <= pair->ref.bytes);
        if (piece->file == NULL) {
            pair->hot_count++;
            memcpy(out + at, buf_slice_data(piece->slice), piece->bytes);
        } else {
            pair->file_count++;
            pair->index = i;
            pair_call(pair, pair_shard_piece);
            assert_int_equal(pair->err, ERR_OK);
            memcpy(out + at, pair->blocks + piece->pos % 4096, piece->bytes);
        }
        at += piece->bytes;
    }
    assert_int_equal(at, pair->ref.bytes);
    buf_seal(pair->buf, at);
}

static void pair_read_done(struct log_read *read)
{
    struct pair *pair = read->ctx;
    pair->pending_count--;
}

static void pair_shard_read(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    pair->read = (struct log_read){.done = pair_read_done,
                                   .ctx = pair,
                                   .log = pair->follower,
                                   .from = LOG_READ_INDEX,
                                   .at = pair->index,
                                   .index_max = UINT64_MAX,
                                   .bytes_max = 1};
    log_read(&pair->read);
}

static void pair_shard_read_release(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    log_read_release(&pair->read);
    pair->pending_count--;
}

/* The bytes are those that were appended to the leader's log. */
static void pair_check_bytes(struct pair *pair)
{
    static uint8_t expected[PAIR_BATCH];
    const uint8_t *data = pair->buf->data;
    struct log_point at = pair->ref.previous;
    for (uint32_t i = 0; i < pair->ref.entries_count; i++) {
        struct log_batch batch;
        assert_int_equal(log_batch_decode(data, PAIR_BATCH, &batch), ERR_OK);
        at.index++;
        uint32_t length =
            pair_batch(pair, expected, pair->serials[at.index], at.offset, batch.term);
        assert_int_equal(batch.length_bytes, length);
        assert_memory_equal(data, expected, length);
        at.chain = log_chain(at.chain, at.index, batch.term, &batch,
                             log_batch_header_crc(pair->store.kernels, data));
        at.offset = log_batch_next_offset(&batch);
        at.term = batch.term;
        data += length;
    }
    assert_int_equal(data - pair->buf->data, pair->ref.bytes);
    assert_int_equal(at.index, pair->ref.end.index);
    assert_int_equal(at.offset, pair->ref.end.offset);
    assert_int_equal(at.term, pair->ref.end.term);
    assert_true(hash128_is_equal(at.chain, pair->ref.end.chain));
}

static void pair_install_done(struct log_install *in)
{
    struct pair *pair = in->ctx;
    assert_int_equal(in->err, ERR_OK);
    pair->pending_count--;
}

/* In one slice or two. */
static void pair_shard_install(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    struct log_batch batch;
    struct buf_slice all = buf_slice(pair->buf, 0, pair->buf->length);
    assert_int_equal(log_batch_decode(buf_slice_data(all), all.length, &batch), ERR_OK);
    struct buf_slice slices[2] = {buf_slice_sub(all, 0, batch.length_bytes)};
    slices[1] = buf_slice_sub(all, batch.length_bytes, all.length - batch.length_bytes);
    bool is_one = prng_chance(&pair->prng, 1, 2);
    pair->install = (struct log_install){.done = pair_install_done,
                                         .ctx = pair,
                                         .log = pair->follower,
                                         .previous = pair->ref.previous,
                                         .chain = pair->ref.end.chain,
                                         .slices = is_one ? &all : slices,
                                         .slices_count = is_one ? 1 : 2};
    assert_int_equal(log_install_range(&pair->install), ERR_OK);
    assert_int_equal(pair->install.entries_count, pair->ref.entries_count);
}

static void pair_shard_reset(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    log_reset_to(pair->follower, pair_op(pair), &pair->start);
    pair->pending_count--;
}

static void pair_check_end(const struct log_point *end, const struct log_point *want)
{
    assert_int_equal(end->index, want->index);
    assert_int_equal(end->offset, want->offset);
    assert_int_equal(end->term, want->term);
    assert_true(hash128_is_equal(end->chain, want->chain));
}

/* Bring one range over, from where the follower ends if the leader has that. */
static void pair_catch_up(struct pair *pair)
{
    struct log_status leader;
    struct log_status status;
    log_status(pair->leader, &leader);
    log_status(pair->follower, &status);
    bool does_follow = status.end.index + 1 >= leader.start.index &&
                       status.end.index < leader.durable_index && prng_chance(&pair->prng, 4, 5);
    uint64_t count = leader.durable_index + 1 - leader.start.index;
    if (count == 0) {
        return;
    }
    pair->index =
        does_follow ? status.end.index + 1 : leader.start.index + prng_below(&pair->prng, count);
    pair->bytes_max = 1 + (uint32_t)prng_below(&pair->prng, PAIR_RANGE);
    pair_call(pair, pair_shard_refer);
    assert_int_equal(pair->err, ERR_OK);
    assert_int_equal(pair->ref.previous.index + 1, pair->ref.first_index);
    assert_true(pair->ref.entries_count == 1 || pair->ref.bytes <= pair->bytes_max);
    pair_gather(pair);
    pair_check_bytes(pair);
    if (status.end.index != pair->ref.previous.index ||
        !hash128_is_equal(status.end.chain, pair->ref.previous.chain)) {
        pair->start = pair->ref.previous;
        pair->start.index++;
        pair_call(pair, pair_shard_reset);
        assert_int_equal(pair->err, ERR_OK);
    }
    pair_call(pair, pair_shard_install);
    log_status(pair->follower, &status);
    pair_check_end(&status.end, &pair->ref.end);
    assert_int_equal(status.durable_index, pair->ref.end.index);
    pair_call(pair, pair_shard_release);
}

static void pair_check_follower(struct pair *pair)
{
    static uint8_t expected[PAIR_BATCH];
    struct log_status status;
    log_status(pair->follower, &status);
    for (pair->index = status.start.index; pair->index <= status.end.index; pair->index++) {
        struct log_batch batch;
        pair_call(pair, pair_shard_read);
        assert_int_equal(pair->read.err, ERR_OK);
        const uint8_t *data = buf_slice_data(pair->read.parts[0]);
        assert_int_equal(log_batch_decode(data, pair->read.parts[0].length, &batch), ERR_OK);
        if (hash128_is_equal(status.end.chain, pair->leader->end.chain)) {
            uint32_t length = pair_batch(pair, expected, pair->serials[pair->index],
                                         batch.base_offset, batch.term);
            assert_int_equal(batch.length_bytes, length);
            assert_memory_equal(data, expected, length);
        }
        pair_call(pair, pair_shard_read_release);
    }
}

static void what_one_log_refers_to_becomes_the_others(void **state)
{
    (void)state;
    struct share share = share_open("lives of a pair", 6);
    uint64_t hot_count = 0;
    uint64_t file_count = 0;
    while (share_more(&share)) {
        struct pair *pair = pair_new(share_case_seed(&share));
        for (uint32_t turn = 0; turn < 120; turn++) {
            pair_call(pair, pair_shard_work);
            if (prng_chance(&pair->prng, 1, 10)) {
                pair_call(pair, pair_shard_settle);
            }
            if (prng_chance(&pair->prng, 1, 4)) {
                pair_catch_up(pair);
            }
            if (prng_chance(&pair->prng, 1, 40)) {
                pair_close(pair);
                pair_open(pair);
            }
        }
        pair_check_follower(pair);
        hot_count += pair->hot_count;
        file_count += pair->file_count;
        pair_free(pair);
    }
    assert_true(hot_count > 0);
    assert_true(file_count > 0);
    share_close(&share);
}

/* --- What is refused, what is kept --- */

/* A pair whose leader has `count` entries. */
static struct pair *pair_with(uint64_t count)
{
    struct pair *pair = pair_new(1);
    while (pair->leader->end.index < count) {
        pair->pending_count++;
        pair->answers_count = 1;
        pair_append(pair);
        pair->pending_count--;
        pair_wait(pair);
    }
    return pair;
}

static void pair_refer(struct pair *pair, uint64_t index, uint32_t bytes_max, enum err want)
{
    pair->index = index;
    pair->bytes_max = bytes_max;
    pair_call(pair, pair_shard_refer);
    assert_int_equal(pair->err, want);
}

enum wrong {
    WRONG_NOTHING,
    WRONG_INDEX,
    WRONG_TERM,
    WRONG_CHAIN,
    WRONG_END,
    WRONG_BODY,
    WRONG_OFFSET,
    WRONG_LENGTH,
    WRONG_EMPTY
};

static const struct {
    const char *name;
    enum wrong wrong;
    enum err want;
} install_rows[] = {
    {"install_takes_what_follows", WRONG_NOTHING, ERR_OK},
    {"install_refuses_another_previous_index", WRONG_INDEX, ERR_NOT_FOUND},
    {"install_refuses_another_previous_term", WRONG_TERM, ERR_NOT_FOUND},
    {"install_refuses_another_previous_chain", WRONG_CHAIN, ERR_NOT_FOUND},
    {"install_refuses_another_chain_at_the_end", WRONG_END, ERR_CORRUPT},
    {"install_refuses_a_body_whose_crc_does_not_hold", WRONG_BODY, ERR_CORRUPT},
    {"install_refuses_an_offset_that_does_not_follow", WRONG_OFFSET, ERR_INVALID},
    {"install_refuses_a_part_of_a_batch", WRONG_LENGTH, ERR_INVALID},
    {"install_refuses_no_entries_at_all", WRONG_EMPTY, ERR_INVALID},
};

static void install_row(void **state)
{
    enum wrong wrong = install_rows[*(const size_t *)*state].wrong;
    struct pair *pair = pair_with(6);
    pair_refer(pair, 1, PAIR_RANGE, ERR_OK);
    pair_gather(pair);
    struct buf_slice slice = buf_slice(pair->buf, 0, pair->buf->length);
    pair->buf->data[slice.length - 1] ^= wrong == WRONG_BODY;
    pair->buf->data[7] ^= wrong == WRONG_OFFSET;
    slice.length -= wrong == WRONG_LENGTH;
    struct log_install *in = &pair->install;
    *in = (struct log_install){.done = pair_install_done,
                               .ctx = pair,
                               .log = pair->follower,
                               .previous = pair->ref.previous,
                               .chain = pair->ref.end.chain,
                               .slices = &slice,
                               .slices_count = wrong != WRONG_EMPTY};
    in->previous.index += wrong == WRONG_INDEX;
    in->previous.term += wrong == WRONG_TERM;
    in->previous.chain.low ^= wrong == WRONG_CHAIN;
    in->chain.high ^= wrong == WRONG_END;
    pair->answers_count = 1;
    enum err err = log_install_range(in);
    assert_int_equal(err, install_rows[*(const size_t *)*state].want);
    struct log_status status;
    log_status(pair->follower, &status);
    assert_int_equal(status.end.index, err == ERR_OK ? 6 : 0);
    assert_int_equal(in->end.index, status.end.index);
    pair->pending_count += err == ERR_OK;
    pair_wait(pair);
    pair_call(pair, pair_shard_release);
    pair_free(pair);
}

static void a_large_range_leaves_little_in_the_journal(void **state)
{
    (void)state;
    struct pair *pair = pair_with(100);
    pair_refer(pair, 1, 190 << 10, ERR_OK);
    assert_true(pair->ref.bytes >= LOG_INSTALL_DIRECT_BYTES);
    pair_gather(pair);
    uint64_t before = pair->ls.lane.written_bytes;
    pair_call(pair, pair_shard_install);
    assert_true(pair->ls.lane.written_bytes - before < pair->ref.bytes / 4);
    pair_call(pair, pair_shard_release);
    pair_check_follower(pair);
    pair_free(pair);
}

static void a_reset_log_is_empty_and_goes_on_where_it_was_told(void **state)
{
    (void)state;
    struct pair *pair = pair_with(20);
    struct log *leader = pair->leader;
    pair->start =
        (struct log_point){.index = 100, .offset = 5000, .term = 7, .chain = {.low = 1, .high = 2}};
    pair->follower = leader;
    bool is_new = false;
    assert_int_equal(log_range_add(leader, 3, 4, 9, &is_new), ERR_OK);
    pair_call(pair, pair_shard_reset);
    struct log_status status;
    log_status(leader, &status);
    struct log_point end = {.index = 99, .offset = 5000, .term = 7, .chain = {.low = 1, .high = 2}};
    pair_check_end(&status.end, &end);
    pair_check_end(&status.start, &pair->start);
    assert_int_equal(status.durable_index, 99);
    assert_int_equal(status.quarantine_count, 0);
    uint32_t term = 0;
    assert_int_equal(log_term_of(leader, 99, &term), ERR_OK);
    assert_int_equal(term, 7);
    pair->index = 5;
    pair_call(pair, pair_shard_read);
    assert_int_equal(pair->read.err, ERR_RANGE);
    pair->term = 8;
    pair->answers_count = 1;
    pair_append(pair);
    pair_wait(pair);
    assert_int_equal(leader->end.index, 100);
    pair_free(pair);
}

static void an_amnesiac_log_is_reset_and_installed_to_and_stays_amnesiac(void **state)
{
    (void)state;
    struct pair *pair = pair_with(8);
    pair_refer(pair, 5, PAIR_RANGE, ERR_OK);
    pair_gather(pair);
    pair->follower->is_amnesiac = true;
    pair->start = pair->ref.previous;
    pair->start.index++;
    pair_call(pair, pair_shard_reset);
    assert_int_equal(pair->err, ERR_OK);
    pair_call(pair, pair_shard_install);
    assert_int_equal(pair->follower->end.index, 8);
    assert_true(pair->follower->is_amnesiac);
    pair_call(pair, pair_shard_release);
    pair_free(pair);
}

static void pair_shard_refer_and_cut(struct rt_shard *shard, void *ctx)
{
    struct pair *pair = ctx;
    pair_shard_refer(shard, ctx);
    log_cut(pair->leader, pair_op(pair), pair->leader->end.index);
}

static void pair_shard_refer_and_delete(struct rt_shard *shard, void *ctx)
{
    struct pair *pair = ctx;
    pair_shard_refer(shard, ctx);
    log_delete(pair->leader, pair_op(pair));
}

static void a_reference_says_why_there_is_none(void **state)
{
    (void)state;
    struct pair *pair = pair_with(60);
    pair_call(pair, pair_shard_settle);
    pair_close(pair);
    pair_open(pair); /* nothing is in memory */
    pair_refer(pair, 0, 1000, ERR_RANGE);
    pair_call(pair, pair_shard_release);
    pair_refer(pair, 61, 1000, ERR_END);
    pair_call(pair, pair_shard_release);
    bool is_new = false;
    assert_int_equal(log_range_add(pair->leader, 7, 9, 0, &is_new), ERR_OK);
    pair_refer(pair, 7, 1000, ERR_CORRUPT);
    assert_int_equal(pair->ref.bad_first, 7);
    assert_int_equal(pair->ref.bad_last, 9);
    pair_call(pair, pair_shard_release);
    pair_refer(pair, 5, PAIR_RANGE, ERR_OK); /* ends before it */
    assert_int_equal(pair->ref.end.index, 6);
    pair_call(pair, pair_shard_release);
    pair->index = 3;
    pair_call(pair, pair_shard_refer_and_cut);
    assert_int_equal(pair->ref.err, ERR_CANCELED);
    assert_int_equal(pair->ref.pieces_count, 0);
    pair_call(pair, pair_shard_release);
    pair_call(pair, pair_shard_refer_and_delete);
    assert_int_equal(pair->ref.err, ERR_CLOSING);
    pair_call(pair, pair_shard_release);
    pair_free(pair);
}

static void pair_shard_trim(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    log_trim(pair->leader, pair_op(pair), 580);
    pair->pending_count--;
}

static void pair_shard_roll(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct pair *pair = ctx;
    log_roll(pair->leader, pair_op(pair));
    pair->pending_count--;
}

static void what_is_referred_to_outlives_a_trim(void **state)
{
    (void)state;
    struct pair *pair = pair_with(590);
    pair_call(pair, pair_shard_settle);
    pair_refer(pair, 1, 100000, ERR_OK);
    assert_non_null(pair->ref.pieces[0].file);
    pair_call(pair, pair_shard_trim);
    pair_call(pair, pair_shard_settle);
    pair_call(pair, pair_shard_settle);
    assert_int_equal(log_segment_find(pair->leader, 1)->start.index, 1);
    pair_gather(pair);
    pair_check_bytes(pair);
    pair_call(pair, pair_shard_release);
    pair_call(pair, pair_shard_roll); /* files go when a frame says that all before is durable */
    pair_call(pair, pair_shard_settle);
    sim_run_for(pair->sim, RT_NS_PER_S);
    assert_null(log_segment_find(pair->leader, 1));
    pair_free(pair);
}

int main(void)
{
    static size_t rows[ARRAY_COUNT(install_rows)];
    struct CMUnitTest tests[ARRAY_COUNT(install_rows) + 6] = {
        cmocka_unit_test(what_one_log_refers_to_becomes_the_others),
        cmocka_unit_test(a_large_range_leaves_little_in_the_journal),
        cmocka_unit_test(a_reset_log_is_empty_and_goes_on_where_it_was_told),
        cmocka_unit_test(an_amnesiac_log_is_reset_and_installed_to_and_stays_amnesiac),
        cmocka_unit_test(a_reference_says_why_there_is_none),
        cmocka_unit_test(what_is_referred_to_outlives_a_trim),
    };
    for (size_t i = 0; i < ARRAY_COUNT(install_rows); i++) {
        rows[i] = i;
        tests[6 + i] = (struct CMUnitTest){
            .name = install_rows[i].name, .test_func = install_row, .initial_state = &rows[i]};
    }
    return cmocka_run_group_tests_name("log_catchup", tests, NULL, NULL);
}
