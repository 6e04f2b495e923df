/* A partition's producers as the KIPs tell it, without a fold or an overlay: an array of every
 * batch ever appended, which is walked for each question. Source of the rules: KIP-98, KIP-360,
 * KAFKA-15591. */
#ifndef TESTS_FUZZ_PRODUCERS_TWIN_H
#define TESTS_FUZZ_PRODUCERS_TWIN_H

#include "broker/core/producers.h"

#define PRODUCERS_TWIN_IDS     12
#define PRODUCERS_TWIN_MAX     4 /* kept by the fold: fewer than there are */
#define PRODUCERS_TWIN_BATCHES 4096

/* A batch that was appended. */
struct producers_twin_batch {
    struct core_producers_batch batch; /* as proposed */
    uint64_t index;                    /* where */
};

/* A partition. */
struct producers_twin {
    struct producers_twin_batch batches[PRODUCERS_TWIN_BATCHES]; /* appended and not cut */
    size_t count;                                                /* of `batches` */
    size_t committed_count;                                      /* of those, the first ones */
    uint64_t last_index;                                         /* of any entry */
    uint64_t next_offset;                                        /* the partition's end */
};

/* Whether a fold of the first `count` batches still knows `id`: fewer than PRODUCERS_TWIN_MAX
 * others appended after its last one. `first` = the first batch since it was last forgotten. */
static inline bool producers_twin_is_known(const struct producers_twin *t, size_t count, int64_t id,
                                           size_t *first)
{
    bool is_known = false;
    for (size_t i = 0; i < count; i++) {
        if (t->batches[i].batch.producer_id == id) {
            *first = is_known ? *first : i;
            is_known = true;
            continue;
        }
        /* The others that wrote between its last batch before i, and i. */
        uint32_t others = 0;
        bool is_counted[PRODUCERS_TWIN_IDS] = {false};
        for (size_t j = i + 1; is_known && j > 0; j--) {
            int64_t other = t->batches[j - 1].batch.producer_id;
            if (other == id) {
                break;
            }
            others += !is_counted[other];
            is_counted[other] = true;
        }
        is_known = is_known && others < PRODUCERS_TWIN_MAX;
    }
    return is_known;
}

/* The batches of `id` that count: those of the fold, and those proposed after it, newest first. */
static inline size_t producers_twin_last(const struct producers_twin *t, int64_t id,
                                         size_t last[CORE_PRODUCERS_BATCHES])
{
    size_t first = 0, count = 0;
    if (!producers_twin_is_known(t, t->committed_count, id, &first)) {
        first = t->committed_count;
    }
    for (size_t i = t->count; i > first && count < CORE_PRODUCERS_BATCHES; i--) {
        if (t->batches[i - 1].batch.producer_id == id) {
            last[count++] = i - 1;
        }
    }
    return count;
}

/* What the rules say of `batch`, in the words of the KIPs. */
static inline enum core_producers_verdict producers_twin_verdict(
    const struct producers_twin *t, const struct core_producers_batch *batch,
    const struct producers_twin_batch **original)
{
    size_t last[CORE_PRODUCERS_BATCHES];
    size_t count = producers_twin_last(t, batch->producer_id, last);
    if (count == 0) {
        bool may_begin = batch->base_sequence == 0 || t->next_offset > 0;
        return may_begin ? CORE_PRODUCERS_APPEND : CORE_PRODUCERS_OUT_OF_ORDER;
    }
    const struct core_producers_batch *newest = &t->batches[last[0]].batch;
    if (batch->epoch < newest->epoch) {
        return CORE_PRODUCERS_OLD_EPOCH;
    }
    if (batch->epoch > newest->epoch) {
        return batch->base_sequence == 0 ? CORE_PRODUCERS_APPEND : CORE_PRODUCERS_OUT_OF_ORDER;
    }
    for (size_t i = 0; i < count; i++) {
        *original = &t->batches[last[i]];
        if ((*original)->batch.epoch == batch->epoch &&
            (*original)->batch.base_sequence == batch->base_sequence &&
            (*original)->batch.last_offset_delta == batch->last_offset_delta) {
            return last[i] < t->committed_count ? CORE_PRODUCERS_DUPLICATE
                                                : CORE_PRODUCERS_IN_FLIGHT;
        }
    }
    int64_t next = (int64_t)newest->base_sequence + newest->last_offset_delta + 1;
    next = next > INT32_MAX ? next - INT32_MAX - 1 : next;
    return batch->base_sequence == next ? CORE_PRODUCERS_APPEND : CORE_PRODUCERS_OUT_OF_ORDER;
}

#endif
