/* Groups on a simulated machine. See rafts.h. */
#include "tests/unit/raft/rafts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "tests/support/cmocka.h"

static const struct log_config rafts_config = {
    .dir = "/data",
    .unsettled_bytes_max = 96 << 10,
    .hot_bytes_max = 16 << 10,
    .journal_first_bytes = 64 << 10,
    .journal_file_bytes = 64 << 10,
    .segment_bytes = 24 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .settle_ns = 3000000,
    .groups_max = 16,
    .files_max = 16,
};

static const struct crc32c *rafts_kernels(void)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    return crc32c_for(&cpu);
}

struct rafts_shard *rafts_shard(struct rafts_group *g)
{
    return &g->rafts->shards[g->shard];
}

struct log_status rafts_status(const struct rafts_group *g)
{
    struct log_status status;
    log_status(g->group.log, &status);
    return status;
}

/* --- Batches --- */

uint32_t rafts_records(uint32_t serial)
{
    return 1 + serial % 3;
}

uint32_t rafts_batch_bytes(uint32_t serial)
{
    return LOG_BATCH_HEADER_BYTES + serial * 131 % 900;
}

struct buf_slice rafts_batch(struct rafts_shard *rs, uint32_t serial, uint64_t offset,
                             uint32_t term)
{
    uint32_t length = rafts_batch_bytes(serial);
    struct buf *buf = NULL;
    assert_int_equal(buf_new(&rs->bufs, rs->bufs.budget, length, &buf), ERR_OK);
    uint8_t *out = buf_append(buf, length);
    struct bytes_writer w = bytes_writer(out, length);
    bytes_put_u64be(&w, 0);
    bytes_put_u32be(&w, length - LOG_BATCH_PREFIX_BYTES);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, 0); /* the CRC, below */
    bytes_put_u16be(&w, 0);
    bytes_put_u32be(&w, rafts_records(serial) - 1);
    bytes_put_u64be(&w, serial);
    bytes_put_u64be(&w, serial);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, rafts_records(serial));
    struct prng prng;
    prng_init(&prng, serial);
    prng_fill(&prng, out + w.pos, length - w.pos);
    w.pos = length;
    bytes_patch_u32be(&w, 17, crc32c(rafts_kernels(), 0, out + 21, length - 21));
    assert_int_equal(w.err, ERR_OK);
    log_batch_patch(out, offset, term);
    buf_seal(buf, length);
    return buf_slice(buf, 0, length);
}

/* Whether `entry` is what the model has at its index. */
static void rafts_compare(struct rafts_group *g, const struct raft_entry *entry)
{
    assert_in_range(entry->index, 1, g->end_index);
    uint32_t serial = g->serials[entry->index];
    if (serial == RAFTS_NOOP || serial == RAFTS_TRIM) {
        assert_int_equal(entry->batch.kind, serial == RAFTS_NOOP ? LOG_KIND_NOOP : LOG_KIND_TRIM);
    } else {
        assert_int_equal(entry->batch.kind, LOG_KIND_DATA);
        assert_int_equal(entry->batch.max_timestamp, serial);
        assert_int_equal(entry->bytes.length, rafts_batch_bytes(serial));
        uint8_t body[1024];
        struct prng prng;
        uint32_t body_bytes = entry->bytes.length - LOG_BATCH_HEADER_BYTES;
        prng_init(&prng, serial);
        prng_fill(&prng, body, body_bytes);
        assert_memory_equal(buf_slice_data(entry->bytes) + LOG_BATCH_HEADER_BYTES, body,
                            body_bytes);
    }
    g->rafts->compared_count++;
}

/* --- What groups tell --- */

static void rafts_failed(struct raft_proposal *proposal)
{
    struct rafts_proposal *rp = CONTAINER_OF(proposal, struct rafts_proposal, proposal);
    struct rafts_group *g = rp->g;
    assert_true(rp->is_out);
    assert_false(rp->is_failed); /* once */
    assert_false(rp->is_committed);
    assert_true(raft_group_indexes(&g->group)->committed < proposal->index);
    assert_int_not_equal(proposal->err, ERR_OK);
    rp->is_failed = true;
    rp->is_out = false;
    g->failed_count++;
    g->failed_err = proposal->err;
}

/* What is committed is its owner's again. */
static void rafts_take_back(struct rafts_group *g)
{
    uint64_t committed = raft_group_indexes(&g->group)->committed;
    for (uint32_t i = 0; i < g->proposals_count; i++) {
        struct rafts_proposal *rp = &g->proposals[i];
        if (rp->is_out && rp->proposal.index <= committed) {
            assert_int_equal(rp->proposal.err, ERR_OK);
            assert_false(list_is_linked(&rp->proposal.in_group));
            rp->is_out = false;
            rp->is_committed = true;
        }
    }
    g->acked_index = committed > g->acked_index ? committed : g->acked_index;
}

static void rafts_moved(struct raft_watch *watch, struct raft_group *group)
{
    struct rafts_group *g = CONTAINER_OF(watch, struct rafts_group, watch);
    const struct raft_group_indexes *at = raft_group_indexes(group);
    struct rt_shard *shard = group->raft->shard;
    assert_true(g->told_count == 0 || shard->stats.turns_count != g->told_turn);
    g->told_turn = shard->stats.turns_count;
    g->told_count++;
    assert_true(at->committed >= g->last.committed);
    assert_true(at->trimmed >= g->last.trimmed);
    assert_true(at->received_here >= at->durable_here);
    assert_true(raft_group_durable_on(group, 1) >= at->durable_here);
    g->last = *at;
    rafts_take_back(g);
}

/* --- Life --- */

static void rafts_answered(struct log_shard *ls)
{
    struct rafts *r = CONTAINER_OF(ls, struct rafts_shard, ls)->rafts;
    assert_int_equal(ls->err, ERR_OK);
    r->pending_count--;
}

/* The log is the model's up to what was acknowledged; what stands behind it was proposed there. */
static void rafts_adopt(struct rafts_group *g)
{
    struct log_status status = rafts_status(g);
    assert_in_range(status.end.index, g->acked_index, g->end_index);
    for (uint64_t i = status.end.index + 1; i <= g->end_index; i++) {
        g->serials[i] = 0;
    }
    g->end_index = status.end.index;
    g->next_offset = status.end.offset;
    assert_true(status.hard.term <= g->term);
    g->term = status.hard.term;
    g->proposals_count = 0;
    g->failed_count = 0;
    g->told_count = 0;
    g->has_feed = false;
    g->is_asking = false;
}

void rafts_open_group(struct rafts_group *g)
{
    struct rafts_shard *rs = rafts_shard(g);
    raft_group_open(&g->group, &rs->raft, log_find(&rs->ls, g->id));
    rafts_adopt(g);
    g->is_open = true;
    g->watch = (struct raft_watch){.moved = rafts_moved};
    g->last = *raft_group_indexes(&g->group);
    assert_true(g->last.committed >= g->acked_index);
    g->acked_index = g->last.committed;
    raft_group_watch(&g->group, &g->watch);
}

static void rafts_created(struct log_op *op)
{
    struct rafts_group *g = op->ctx;
    assert_int_equal(op->err, ERR_OK);
    rafts_open_group(g);
    g->rafts->pending_count--;
}

static void rafts_opened(struct log_shard *ls)
{
    struct rafts_shard *rs = CONTAINER_OF(ls, struct rafts_shard, ls);
    struct rafts *r = rs->rafts;
    raft_shard_open(&rs->raft, ls->shard, rafts_kernels(), 3);
    for (uint32_t i = 0; i < RAFTS_GROUPS; i++) {
        struct rafts_group *g = &r->groups[i];
        if (g->id % r->shards_count != ls->shard->id) {
            continue;
        }
        g->shard = ls->shard->id;
        if (log_find(ls, g->id) != NULL) {
            rafts_open_group(g);
            continue;
        }
        assert_int_equal(g->acked_index, 0);
        struct log_uuid topic = {.bytes = {(uint8_t)g->id, 7}};
        rs->ops[i] = (struct log_op){.done = rafts_created, .ctx = g};
        r->pending_count++;
        log_create(ls, &rs->ops[i], g->id, &topic, 0);
    }
    rafts_answered(ls);
}

static void rafts_shard_start(struct rt_shard *shard)
{
    struct rafts *r = shard->app;
    struct rafts_shard *rs = &r->shards[shard->id];
    *rs = (struct rafts_shard){.rafts = r};
    buf_pool_init(&rs->bufs, rt_shard_budget(shard), (uint16_t)shard->id, 1 << 20);
    log_shard_open(&rs->ls, shard, &r->store, NULL, rafts_opened);
}

static void rafts_shard_stop(struct rt_shard *shard)
{
    struct rafts *r = shard->app;
    buf_pool_deinit(&r->shards[shard->id].bufs);
    assert_int_equal(rt_shard_budget(shard)->children_count, 0);
    rt_shard_finish(shard);
}

struct rafts *rafts_new(uint64_t seed, const struct sim_options *options)
{
    struct rafts *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    struct sim_options calm = sim_options_calm();
    calm.host.memory_bytes = 16 << 20;
    r->sim = sim_new(seed, options != NULL ? options : &calm);
    r->node = sim_node_add(r->sim);
    r->config = rafts_config;
    for (uint32_t i = 0; i < RAFTS_GROUPS; i++) {
        r->groups[i].rafts = r;
        r->groups[i].id = i;
        r->groups[i].start_index = 1;
    }
    return r;
}

void rafts_free(struct rafts *r)
{
    sim_free(r->sim);
    free(r);
}

static bool rafts_is_answered(void *ctx)
{
    return ((struct rafts *)ctx)->pending_count == 0;
}

static void rafts_wait(struct rafts *r)
{
    uint64_t limit_ns = sim_now_ns(r->sim) + 100 * RT_NS_PER_S;
    assert_true(sim_run_until_true(r->sim, rafts_is_answered, r, limit_ns));
}

void rafts_start(struct rafts *r, uint32_t shards_count)
{
    struct sim_app app = {.start = rafts_shard_start, .stop = rafts_shard_stop, .ctx = r};
    log_store_init(&r->store, &r->config, rafts_kernels());
    r->shards_count = shards_count;
    r->pending_count = shards_count;
    sim_node_start(r->node, shards_count, &app);
    rafts_wait(r);
}

static void rafts_call(struct rt_shard *shard, void *ctx)
{
    struct rafts_group *g = ctx;
    (void)shard;
    g->rafts->call(g);
    g->rafts->pending_count--;
}

struct rafts_group *rafts_on(struct rafts *r, uint32_t i, void (*call)(struct rafts_group *g),
                             uint64_t arg)
{
    struct rafts_group *g = &r->groups[i];
    r->arg = arg;
    r->call = call;
    r->pending_count = 1;
    sim_post(sim_node_shard(r->node, g->shard), rafts_call, g);
    rafts_wait(r);
    return g;
}

void rafts_settle(struct rafts *r)
{
    sim_run_for(r->sim, 50 * RT_NS_PER_MS);
}

static void rafts_closed(struct raft_group *group)
{
    struct rafts_group *g = CONTAINER_OF(group, struct rafts_group, group);
    rafts_take_back(g); /* no watch was told */
    for (uint32_t i = 0; i < g->proposals_count; i++) {
        assert_false(g->proposals[i].is_out); /* it was told of each */
    }
    assert_true(g->is_open);
    assert_false(g->has_feed);
    assert_false(list_is_linked(&g->watch.in_group));
    g->is_open = false;
}

void rafts_close_group(struct rafts_group *g)
{
    raft_group_close(&g->group, rafts_closed);
}

static void rafts_shard_close(struct rt_shard *shard, void *ctx)
{
    struct rafts *r = ctx;
    log_shard_close(&r->shards[shard->id].ls, rafts_answered);
}

static void rafts_shard_end(struct rt_shard *shard, void *ctx)
{
    struct rafts *r = ctx;
    raft_shard_close(&r->shards[shard->id].raft);
    r->pending_count--;
}

static void rafts_each_shard(struct rafts *r, void (*call)(struct rt_shard *shard, void *ctx))
{
    r->pending_count = r->shards_count;
    for (uint32_t i = 0; i < r->shards_count; i++) {
        sim_post(sim_node_shard(r->node, i), call, r);
    }
    rafts_wait(r);
}

void rafts_close(struct rafts *r)
{
    for (uint32_t i = 0; i < RAFTS_GROUPS; i++) {
        struct rafts_group *g = &r->groups[i];
        if (g->has_feed && g->is_asking) {
            rafts_on(r, i, rafts_feed_cancel, 0);
            rafts_settle(r);
        }
        if (g->has_feed) {
            rafts_on(r, i, rafts_feed_close, 0);
        }
        if (g->is_open) {
            rafts_on(r, i, rafts_close_group, 0);
        }
    }
    rafts_settle(r);
    for (uint32_t i = 0; i < RAFTS_GROUPS; i++) {
        assert_false(r->groups[i].is_open);
    }
    rafts_each_shard(r, rafts_shard_close);
    rafts_each_shard(r, rafts_shard_end);
    sim_node_stop(r->node);
    while (sim_node_is_running(r->node)) {
        assert_true(sim_run_steps(r->sim, 1));
    }
}

void rafts_crash(struct rafts *r, enum sim_crash how)
{
    sim_node_crash(r->node, how);
    for (uint32_t i = 0; i < RAFTS_GROUPS; i++) {
        r->groups[i].is_open = false;
    }
}

/* --- Calls --- */

/* A use of the group, which began: its no-op stands where it should. */
static void rafts_used(struct rafts_group *g, bool was_leader)
{
    if (!was_leader) {
        g->term++;
        g->serials[++g->end_index] = RAFTS_NOOP;
        assert_int_equal(raft_group_role(&g->group), RAFT_LEADER);
    }
    assert_int_equal(raft_group_term(&g->group), g->term);
}

static void rafts_propose_one(struct rafts_group *g)
{
    bool was_leader = raft_group_role(&g->group) == RAFT_LEADER;
    struct rafts_proposal *rp = &g->proposals[g->proposals_count];
    assert_true(g->proposals_count < RAFTS_PROPOSALS);
    assert_true(g->end_index + 2 <= RAFTS_ENTRIES);
    *rp = (struct rafts_proposal){.g = g, .serial = ++g->serial};
    rp->proposal.failed = rafts_failed;
    rp->proposal.is_relaxed = g->is_relaxed;
    uint32_t term = raft_group_next_term(&g->group);
    uint64_t offset = raft_group_next_offset(&g->group);
    struct buf_slice batch = rafts_batch(rafts_shard(g), rp->serial, offset, term);
    g->refusal = raft_group_propose(&g->group, &rp->proposal, batch);
    buf_unref(batch.buf);
    if (g->refusal != ERR_OK) {
        return;
    }
    rafts_used(g, was_leader);
    assert_int_equal(offset, g->next_offset);
    g->serials[++g->end_index] = rp->serial;
    g->next_offset += rafts_records(rp->serial);
    assert_int_equal(rp->proposal.index, g->end_index);
    assert_int_equal(rp->proposal.term, g->term);
    assert_int_equal(term, g->term);
    rp->is_out = true;
    g->proposals_count++;
}

void rafts_propose(struct rafts_group *g)
{
    g->refusal = ERR_OK;
    for (uint64_t i = 0; i < g->rafts->arg && g->refusal == ERR_OK; i++) {
        rafts_propose_one(g);
    }
}

void rafts_propose_trim(struct rafts_group *g)
{
    bool was_leader = raft_group_role(&g->group) == RAFT_LEADER;
    struct rafts_proposal *rp = &g->proposals[g->proposals_count];
    *rp = (struct rafts_proposal){.g = g, .serial = RAFTS_TRIM};
    rp->proposal.failed = rafts_failed;
    g->refusal = raft_group_propose_trim(&g->group, &rp->proposal, g->rafts->arg, 0);
    if (g->refusal != ERR_OK) {
        return;
    }
    rafts_used(g, was_leader);
    g->serials[++g->end_index] = RAFTS_TRIM;
    assert_int_equal(rp->proposal.index, g->end_index);
    rp->is_out = true;
    g->proposals_count++;
    g->start_index = g->rafts->arg > g->start_index ? g->rafts->arg : g->start_index;
}

void rafts_activate(struct rafts_group *g)
{
    bool was_leader = raft_group_role(&g->group) == RAFT_LEADER;
    g->refusal = raft_group_activate(&g->group);
    if (g->refusal == ERR_OK) {
        rafts_used(g, was_leader);
    }
}

static void rafts_barrier_done(struct raft_barrier *barrier)
{
    struct rafts_group *g = CONTAINER_OF(barrier, struct rafts_group, barrier);
    g->barriers_count++;
}

void rafts_barrier(struct rafts_group *g)
{
    bool was_leader = raft_group_role(&g->group) == RAFT_LEADER;
    g->barrier = (struct raft_barrier){.done = rafts_barrier_done};
    raft_group_barrier(&g->group, &g->barrier);
    if (!was_leader && raft_group_role(&g->group) == RAFT_LEADER) {
        rafts_used(g, false);
    }
}

/* --- Feeds --- */

static void rafts_fed(struct raft_feed *feed)
{
    struct rafts_group *g = raft_feed_ctx(feed);
    struct raft_entry entry;
    uint64_t count_before = g->fed_count;
    assert_true(g->is_asking);
    g->is_asking = false;
    g->steps_count++;
    g->fed_err = feed->err;
    g->fed_first = feed->first_index;
    g->fed_last = feed->last_index;
    while (raft_feed_entry(feed, &entry)) {
        assert_int_equal(feed->err, ERR_OK);
        assert_true(entry.index > g->fed_index);
        assert_true(entry.index <= raft_group_indexes(&g->group)->committed);
        rafts_compare(g, &entry);
        g->fed_index = entry.index;
        g->fed_count++;
    }
    if (feed->err == ERR_OK && g->fed_count > count_before) {
        assert_int_equal(g->fed_index, feed->last_index);
    }
    if (g->does_go_on && (feed->err == ERR_OK || feed->err == ERR_CORRUPT)) {
        g->is_asking = true;
        raft_feed_next(feed);
    }
}

void rafts_feed_open(struct rafts_group *g)
{
    assert_false(g->has_feed);
    g->has_feed = true;
    g->fed_index = g->rafts->arg - 1;
    g->fed_count = 0;
    g->steps_count = 0;
    raft_feed_open(&g->feed, &g->group, g->rafts->arg, 1 + (uint32_t)(g->serial % 7) * 1000,
                   rafts_fed, g);
}

void rafts_feed_next(struct rafts_group *g)
{
    g->does_go_on = false;
    g->is_asking = true;
    raft_feed_next(&g->feed);
}

void rafts_feed_run(struct rafts_group *g)
{
    g->does_go_on = true;
    g->is_asking = true;
    raft_feed_next(&g->feed);
}

void rafts_feed_cancel(struct rafts_group *g)
{
    g->does_go_on = false;
    raft_feed_cancel(&g->feed);
}

void rafts_feed_close(struct rafts_group *g)
{
    assert_false(g->is_asking);
    raft_feed_close(&g->feed);
    g->has_feed = false;
}

void rafts_check_all(struct rafts *r)
{
    for (uint32_t i = 0; i < RAFTS_GROUPS; i++) {
        struct rafts_group *g = &r->groups[i];
        uint64_t start_index = rafts_status(g).start.index;
        rafts_on(r, i, rafts_feed_open, start_index);
        rafts_on(r, i, rafts_feed_run, 0);
        rafts_settle(r);
        if (!g->is_asking || g->fed_index != g->end_index) {
            fail_msg("group %" PRIu64 " from %" PRIu64 ": %s at %" PRIu64 " of %" PRIu64, g->id,
                     start_index, g->is_asking ? "waits" : err_name(g->fed_err), g->fed_index,
                     g->end_index);
        }
        assert_int_equal(g->fed_count, g->end_index + 1 - start_index);
        rafts_on(r, i, rafts_feed_cancel, 0);
        rafts_settle(r);
        assert_int_equal(g->fed_err, ERR_CANCELED);
        rafts_on(r, i, rafts_feed_close, 0);
    }
}

void rafts_end(struct rafts *r)
{
    rafts_close(r);
    rafts_free(r);
}

void rafts_check_at(const struct rafts_group *g, uint64_t index)
{
    const struct raft_group_indexes *at = raft_group_indexes(&g->group);
    assert_int_equal(at->received_here, index);
    assert_int_equal(at->durable_here, index);
    assert_int_equal(at->received_majority, index);
    assert_int_equal(at->committed, index);
    assert_int_equal(raft_group_durable_on(&g->group, 1), index);
}
