/* Operations on the producers of two replicas of one partition against a naive twin
 * (producers_twin.h): one interpreter for the fuzzer and the unit test.
 *
 * The leader has an overlay; the follower applies what is committed, takes over at times, and now
 * and then is thrown away and read from a snapshot of the leader. */
#ifndef TESTS_FUZZ_PRODUCERS_MODEL_H
#define TESTS_FUZZ_PRODUCERS_MODEL_H

#include "broker/core/producers.h"

#include <string.h>

#include "base/assert.h"
#include "tests/fuzz/producers_twin.h"
#include "tests/support/ops.h"

#define PRODUCERS_MODEL_BYTES 4096 /* of a snapshot: 16 + 4 * 144 */

/* Both replicas and the twin. */
struct producers_model {
    struct budget budget;
    struct core_producers_shared shared;
    struct core_producers replicas[2];
    struct core_producers *leader;   /* has an overlay */
    struct core_producers *follower; /* the other one */
    struct producers_twin twin;
};

/* A batch near what its producer wrote last: next, again, ahead, another epoch. */
static inline struct core_producers_batch producers_model_choose(const struct producers_model *m,
                                                                 struct ops *ops)
{
    struct core_producers_batch batch = {
        .producer_id = (int64_t)ops_below(ops, PRODUCERS_TWIN_IDS),
        .base_offset = m->twin.next_offset,
        .timestamp = (int64_t)m->twin.last_index,
    };
    uint8_t how = ops_u8(ops);
    static const int32_t deltas[] = {0, 0, 1, 4, 1000, INT32_MAX};
    batch.last_offset_delta = deltas[(how >> 4) % ARRAY_COUNT(deltas)];
    size_t last[CORE_PRODUCERS_BATCHES];
    size_t count = producers_twin_last(&m->twin, batch.producer_id, last);
    const struct core_producers_batch *of =
        count > 0 ? &m->twin.batches[last[how % count]].batch : &batch;
    int64_t next = (int64_t)of->base_sequence + of->last_offset_delta + 1;
    batch.epoch = of->epoch;
    switch (how % 8) {
    case 0: batch.base_sequence = of->base_sequence; break;
    case 1:
        batch.base_sequence = of->base_sequence;
        batch.last_offset_delta = of->last_offset_delta;
        break;
    case 2: batch.epoch = (int16_t)(batch.epoch + (batch.epoch < INT16_MAX)); break;
    case 3: batch.epoch = (int16_t)(batch.epoch - (batch.epoch > 0)); FALLTHROUGH;
    case 4: batch.base_sequence = INT32_MAX - how / 64; break;
    default: batch.base_sequence = (int32_t)(next & INT32_MAX); break;
    }
    return batch;
}

static inline void producers_model_produce(struct producers_model *m, struct ops *ops)
{
    struct core_producers_batch batch = producers_model_choose(m, ops);
    const struct producers_twin_batch *original = NULL;
    struct core_producers_found found;
    enum core_producers_verdict want = producers_twin_verdict(&m->twin, &batch, &original);
    enum core_producers_verdict got =
        core_producers_check(m->leader, &batch, m->twin.next_offset, &found);
    ASSERT(got == want);
    if (want == CORE_PRODUCERS_DUPLICATE || want == CORE_PRODUCERS_IN_FLIGHT) {
        ASSERT(found.base_offset == original->batch.base_offset);
        ASSERT(found.timestamp == original->batch.timestamp);
        ASSERT(found.index == (want == CORE_PRODUCERS_IN_FLIGHT ? original->index : 0));
    }
    if (want != CORE_PRODUCERS_APPEND || m->twin.count == PRODUCERS_TWIN_BATCHES) {
        return;
    }
    struct core_producers_slot *slot = NULL;
    enum err err = core_producers_reserve(m->leader, batch.producer_id, &slot);
    ASSERT(err == ERR_OK);
    if (ops_u8(ops) % 16 == 0) {
        core_producers_cancel(m->leader, slot);
        return;
    }
    m->twin.last_index += 1 + ops_u8(ops) % 3; /* entries without a producer stand between */
    core_producers_propose(m->leader, slot, &batch, m->twin.last_index);
    m->twin.batches[m->twin.count++] = (struct producers_twin_batch){batch, m->twin.last_index};
    m->twin.next_offset += (uint64_t)batch.last_offset_delta + 1;
}

/* The next batch becomes committed on both; the leader learns it either way. */
static inline void producers_model_commit(struct producers_model *m, bool is_applied)
{
    if (m->twin.committed_count == m->twin.count) {
        return;
    }
    const struct producers_twin_batch *next = &m->twin.batches[m->twin.committed_count++];
    enum err err = core_producers_apply(m->follower, &next->batch, next->index);
    ASSERT(err == ERR_OK);
    if (is_applied) {
        err = core_producers_apply(m->leader, &next->batch, next->index);
        ASSERT(err == ERR_OK);
    } else {
        core_producers_commit(m->leader, next->index);
    }
    err = core_producers_apply(m->follower, &next->batch, next->index); /* again: nothing */
    ASSERT(err == ERR_OK);
}

/* What is not committed is cut, from somewhere. */
static inline void producers_model_cut(struct producers_model *m, struct ops *ops)
{
    size_t left = m->twin.committed_count +
                  ops_below(ops, (uint32_t)(m->twin.count - m->twin.committed_count) + 1);
    uint64_t from = left < m->twin.count ? m->twin.batches[left].index : m->twin.last_index + 1;
    core_producers_drop(m->leader, left == m->twin.committed_count ? 0 : from);
    m->twin.next_offset =
        left < m->twin.count ? m->twin.batches[left].batch.base_offset : m->twin.next_offset;
    m->twin.last_index = left < m->twin.count ? from - 1 : m->twin.last_index;
    m->twin.count = left;
}

/* Both folds are the same bytes, and a fold read from them is too. */
static inline void producers_model_snapshot(struct producers_model *m)
{
    uint8_t a[PRODUCERS_MODEL_BYTES], b[PRODUCERS_MODEL_BYTES];
    struct bytes_writer leader = bytes_writer(a, sizeof(a));
    struct bytes_writer follower = bytes_writer(b, sizeof(b));
    core_producers_put(m->leader, &leader);
    core_producers_put(m->follower, &follower);
    ASSERT(leader.err == ERR_OK);
    ASSERT(leader.pos == core_producers_bytes(m->leader));
    ASSERT(leader.pos == follower.pos);
    ASSERT(memcmp(a, b, leader.pos) == 0);
    core_producers_reset(m->follower);
    enum err err = core_producers_get(m->follower, a, leader.pos);
    ASSERT(err == ERR_OK);
    follower = bytes_writer(b, sizeof(b));
    core_producers_put(m->follower, &follower);
    ASSERT(leader.pos == follower.pos);
    ASSERT(memcmp(a, b, leader.pos) == 0);
}

/* The follower takes over: what was not committed is gone, and its overlay is empty. */
static inline void producers_model_elect(struct producers_model *m)
{
    struct core_producers *deposed = m->leader;
    core_producers_drop(deposed, 0);
    m->leader = m->follower;
    m->follower = deposed;
    if (m->twin.count > m->twin.committed_count) {
        m->twin.next_offset = m->twin.batches[m->twin.committed_count].batch.base_offset;
        m->twin.count = m->twin.committed_count;
    }
    producers_model_snapshot(m);
}

static inline void producers_model_run(const uint8_t *data, size_t size)
{
    static struct producers_model model;
    struct producers_model *m = &model;
    struct ops ops = {.data = data, .length = size};
    m->twin.count = 0;
    m->twin.committed_count = 0;
    m->twin.last_index = 0;
    m->twin.next_offset = 0;
    m->leader = &m->replicas[0];
    m->follower = &m->replicas[1];
    budget_init(&m->budget, "producers", 16u << 20, NULL);
    core_producers_shared_init(&m->shared, &m->budget, 3 * PRODUCERS_TWIN_IDS,
                               PRODUCERS_TWIN_BATCHES + 1, 42);
    core_producers_init(m->leader, &m->shared, PRODUCERS_TWIN_MAX);
    core_producers_init(m->follower, &m->shared, PRODUCERS_TWIN_MAX);
    ASSERT(m->budget.used_bytes == 0);
    while (ops_more(&ops)) {
        uint8_t op = ops_u8(&ops);
        if (op < 140) {
            producers_model_produce(m, &ops);
        } else if (op < 220) {
            producers_model_commit(m, op % 2 == 0);
        } else if (op < 235) {
            producers_model_cut(m, &ops);
        } else if (op < 250) {
            producers_model_snapshot(m);
        } else {
            producers_model_elect(m);
        }
        ASSERT(m->leader->overlay_count == m->twin.count - m->twin.committed_count);
        ASSERT(m->leader->folded_count <= PRODUCERS_TWIN_MAX);
        ASSERT(m->leader->folded_count == m->follower->folded_count);
        ASSERT(m->leader->reserved_count == 0);
    }
    core_producers_reset(m->leader);
    core_producers_reset(m->follower);
    core_producers_shared_deinit(&m->shared);
    ASSERT(m->budget.used_bytes == 0);
    budget_deinit(&m->budget);
}

#endif
