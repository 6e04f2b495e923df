/* Operations on the producers of two replicas of one partition against a naive twin: one
 * interpreter for the fuzzer and the unit test.
 *
 * The twin is an array of every batch ever appended, which is walked for each question: what a
 * producer's last batches are, which producers a fold of so many keeps. The leader has an overlay;
 * the follower applies what is committed, and now and then is thrown away and read from a snapshot
 * of the leader. Source of the rules: KIP-98, KIP-360, KAFKA-15591. */
#ifndef TESTS_FUZZ_PRODUCERS_MODEL_H
#define TESTS_FUZZ_PRODUCERS_MODEL_H

#include "broker/core/producers.h"

#include <string.h>

#include "base/assert.h"
#include "tests/support/ops.h"

#define PRODUCERS_MODEL_IDS     12
#define PRODUCERS_MODEL_MAX     4 /* kept by the fold: fewer than there are */
#define PRODUCERS_MODEL_BATCHES 4096
#define PRODUCERS_MODEL_BYTES   4096 /* of a snapshot: 16 + 4 * 144 */

/* A batch that was appended. */
struct producers_model_batch {
    struct core_producers_batch batch; /* as proposed */
    uint64_t index;                    /* where */
};

/* Both replicas and the twin. */
struct producers_model {
    struct budget budget;
    struct core_producers_shared shared;
    struct core_producers replicas[2];
    struct core_producers *leader;                                 /* has an overlay */
    struct core_producers *follower;                               /* the other one */
    struct producers_model_batch batches[PRODUCERS_MODEL_BATCHES]; /* appended and not cut */
    size_t count;                                                  /* of `batches` */
    size_t committed_count;                                        /* of those, the first ones */
    uint64_t last_index;                                           /* of any entry */
    uint64_t next_offset;                                          /* the partition's end */
};

/* Whether a fold of the first `count` batches still knows `id`: fewer than PRODUCERS_MODEL_MAX
 * others appended after its last one. `first` = the first batch since it was last forgotten. */
static inline bool producers_model_is_known(const struct producers_model *m, size_t count,
                                            int64_t id, size_t *first)
{
    bool is_known = false;
    for (size_t i = 0; i < count; i++) {
        if (m->batches[i].batch.producer_id == id) {
            *first = is_known ? *first : i;
            is_known = true;
            continue;
        }
        /* The others that wrote between its last batch before i, and i. */
        uint32_t others = 0;
        bool is_counted[PRODUCERS_MODEL_IDS] = {false};
        for (size_t j = i + 1; is_known && j > 0; j--) {
            int64_t other = m->batches[j - 1].batch.producer_id;
            if (other == id) {
                break;
            }
            others += !is_counted[other];
            is_counted[other] = true;
        }
        is_known = is_known && others < PRODUCERS_MODEL_MAX;
    }
    return is_known;
}

/* The batches of `id` that count: those of the fold, and those proposed after it, newest first. */
static inline size_t producers_model_last(const struct producers_model *m, int64_t id,
                                          size_t last[CORE_PRODUCERS_BATCHES])
{
    size_t first = 0, count = 0;
    if (!producers_model_is_known(m, m->committed_count, id, &first)) {
        first = m->committed_count;
    }
    for (size_t i = m->count; i > first && count < CORE_PRODUCERS_BATCHES; i--) {
        if (m->batches[i - 1].batch.producer_id == id) {
            last[count++] = i - 1;
        }
    }
    return count;
}

/* What the rules say of `batch`, in the words of the KIPs. */
static inline enum core_producers_verdict producers_model_verdict(
    const struct producers_model *m, const struct core_producers_batch *batch,
    const struct producers_model_batch **original)
{
    size_t last[CORE_PRODUCERS_BATCHES];
    size_t count = producers_model_last(m, batch->producer_id, last);
    if (count == 0) {
        bool may_begin = batch->base_sequence == 0 || m->next_offset > 0;
        return may_begin ? CORE_PRODUCERS_APPEND : CORE_PRODUCERS_OUT_OF_ORDER;
    }
    const struct core_producers_batch *newest = &m->batches[last[0]].batch;
    if (batch->epoch < newest->epoch) {
        return CORE_PRODUCERS_OLD_EPOCH;
    }
    if (batch->epoch > newest->epoch) {
        return batch->base_sequence == 0 ? CORE_PRODUCERS_APPEND : CORE_PRODUCERS_OUT_OF_ORDER;
    }
    for (size_t i = 0; i < count; i++) {
        *original = &m->batches[last[i]];
        if ((*original)->batch.epoch == batch->epoch &&
            (*original)->batch.base_sequence == batch->base_sequence &&
            (*original)->batch.last_offset_delta == batch->last_offset_delta) {
            return last[i] < m->committed_count ? CORE_PRODUCERS_DUPLICATE
                                                : CORE_PRODUCERS_IN_FLIGHT;
        }
    }
    int64_t next = (int64_t)newest->base_sequence + newest->last_offset_delta + 1;
    next = next > INT32_MAX ? next - INT32_MAX - 1 : next;
    return batch->base_sequence == next ? CORE_PRODUCERS_APPEND : CORE_PRODUCERS_OUT_OF_ORDER;
}

/* A batch near what its producer wrote last: next, again, ahead, another epoch. */
static inline struct core_producers_batch producers_model_choose(const struct producers_model *m,
                                                                 struct ops *ops)
{
    struct core_producers_batch batch = {
        .producer_id = (int64_t)ops_below(ops, PRODUCERS_MODEL_IDS),
        .base_offset = m->next_offset,
        .timestamp = (int64_t)m->last_index,
    };
    uint8_t how = ops_u8(ops);
    static const int32_t deltas[] = {0, 0, 1, 4, 1000, INT32_MAX};
    batch.last_offset_delta = deltas[(how >> 4) % ARRAY_COUNT(deltas)];
    size_t last[CORE_PRODUCERS_BATCHES];
    size_t count = producers_model_last(m, batch.producer_id, last);
    const struct core_producers_batch *of =
        count > 0 ? &m->batches[last[how % count]].batch : &batch;
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
    const struct producers_model_batch *original = NULL;
    struct core_producers_found found;
    enum core_producers_verdict want = producers_model_verdict(m, &batch, &original);
    enum core_producers_verdict got =
        core_producers_check(m->leader, &batch, m->next_offset, &found);
    ASSERT(got == want);
    if (want == CORE_PRODUCERS_DUPLICATE || want == CORE_PRODUCERS_IN_FLIGHT) {
        ASSERT(found.base_offset == original->batch.base_offset);
        ASSERT(found.timestamp == original->batch.timestamp);
        ASSERT(found.index == (want == CORE_PRODUCERS_IN_FLIGHT ? original->index : 0));
    }
    if (want != CORE_PRODUCERS_APPEND || m->count == PRODUCERS_MODEL_BATCHES) {
        return;
    }
    struct core_producers_slot *slot = NULL;
    enum err err = core_producers_reserve(m->leader, batch.producer_id, &slot);
    ASSERT(err == ERR_OK);
    if (ops_u8(ops) % 16 == 0) {
        core_producers_cancel(m->leader, slot);
        return;
    }
    m->last_index += 1 + ops_u8(ops) % 3; /* entries without a producer stand between */
    core_producers_propose(m->leader, slot, &batch, m->last_index);
    m->batches[m->count++] = (struct producers_model_batch){batch, m->last_index};
    m->next_offset += (uint64_t)batch.last_offset_delta + 1;
}

/* The next batch becomes committed on both; the leader learns it either way. */
static inline void producers_model_commit(struct producers_model *m, bool is_applied)
{
    if (m->committed_count == m->count) {
        return;
    }
    const struct producers_model_batch *next = &m->batches[m->committed_count++];
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
    size_t left =
        m->committed_count + ops_below(ops, (uint32_t)(m->count - m->committed_count) + 1);
    uint64_t from = left < m->count ? m->batches[left].index : m->last_index + 1;
    core_producers_drop(m->leader, left == m->committed_count ? 0 : from);
    m->next_offset = left < m->count ? m->batches[left].batch.base_offset : m->next_offset;
    m->last_index = left < m->count ? from - 1 : m->last_index;
    m->count = left;
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
    if (m->count > m->committed_count) {
        m->next_offset = m->batches[m->committed_count].batch.base_offset;
        m->count = m->committed_count;
    }
    producers_model_snapshot(m);
}

static inline void producers_model_run(const uint8_t *data, size_t size)
{
    static struct producers_model model;
    struct producers_model *m = &model;
    struct ops ops = {.data = data, .length = size};
    m->count = 0;
    m->committed_count = 0;
    m->last_index = 0;
    m->next_offset = 0;
    m->leader = &m->replicas[0];
    m->follower = &m->replicas[1];
    budget_init(&m->budget, "producers", 16u << 20, NULL);
    core_producers_shared_init(&m->shared, &m->budget, 3 * PRODUCERS_MODEL_IDS,
                               PRODUCERS_MODEL_BATCHES + 1, 42);
    core_producers_init(m->leader, &m->shared, PRODUCERS_MODEL_MAX);
    core_producers_init(m->follower, &m->shared, PRODUCERS_MODEL_MAX);
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
        ASSERT(m->leader->overlay_count == m->count - m->committed_count);
        ASSERT(m->leader->folded_count <= PRODUCERS_MODEL_MAX);
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
