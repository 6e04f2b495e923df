/* A group's newest entries in memory. See tail.h.
 *
 * Chunks are found through a directory of pointers, by binary search on the first index of each; it
 * doubles like a vector and its unused front is taken back when it would grow. */
#include "storage/log/tail.h"

#include <string.h>

#include "base/assert.h"
#include "storage/log/shard.h"

#define LOG_TAIL_DIR_MIN 4u

static void log_cool(struct log_shard *ls, uint64_t bytes_max, const struct log_slot *newest);
static uint64_t log_slot_hot_bytes(struct buf_slice slice);
static void log_tail_drop(struct log_slot *slot);
static struct log_chunk *log_tail_chunk(const struct log_slot *slot);

/* Whether the slot lies before what is searched for. */
typedef bool log_tail_before(const struct log_slot *slot, uint64_t wanted);

static struct log_slot *log_tail_search(const struct log *log, log_tail_before *is_before,
                                        uint64_t wanted);

void log_tail_init(struct log *log)
{
    memset(&log->tail, 0, sizeof(log->tail));
    list_init(&log->tail.chunks);
}

void log_tail_deinit(struct log *log)
{
    while (log->tail.slots_count > 0) {
        log_tail_pop_last(log);
    }
    budget_free(&log->ls->budget, log->tail.dir);
    log->tail.dir = NULL;
    log->tail.dir_capacity = 0;
}

enum err log_tail_push(struct log *log, struct log_slot **out)
{
    struct log_tail *tail = &log->tail;
    *out = NULL;
    struct list_node *last = list_last(&tail->chunks);
    struct log_chunk *chunk = last != NULL ? CONTAINER_OF(last, struct log_chunk, in_tail) : NULL;
    if (chunk == NULL || chunk->end == LOG_CHUNK_SLOTS) {
        enum err err = log_tail_reserve(log, 1);
        if (err != ERR_OK) {
            return err;
        }
        void *made = NULL;
        err = pool_acquire(&log->ls->chunks, &made);
        if (err != ERR_OK) {
            return err;
        }
        chunk = made;
        list_push_back(&tail->chunks, &chunk->in_tail);
        tail->dir[tail->dir_end++] = chunk;
    }
    struct log_slot *slot = &chunk->slots[chunk->end];
    *slot = (struct log_slot){.log = log, .place = (uint8_t)chunk->end++};
    tail->slots_count++;
    *out = slot;
    return ERR_OK;
}

enum err log_tail_reserve(struct log *log, uint64_t chunks_count)
{
    struct log_tail *tail = &log->tail;
    if (chunks_count <= tail->dir_capacity - tail->dir_end) {
        return ERR_OK;
    }
    uint32_t used = tail->dir_end - tail->dir_first;
    if (chunks_count > UINT32_MAX / 2 - used) {
        return ERR_BUDGET;
    }
    uint32_t needed = used + (uint32_t)chunks_count;
    if (tail->dir_first > used && needed <= tail->dir_capacity) { /* most is unused front */
        memmove(tail->dir, tail->dir + tail->dir_first, used * sizeof(*tail->dir));
    } else {
        uint32_t capacity = used < LOG_TAIL_DIR_MIN ? LOG_TAIL_DIR_MIN : used * 2;
        capacity = capacity < needed ? needed : capacity;
        void *made = NULL;
        enum err err = budget_alloc(&log->ls->budget, capacity * sizeof(*tail->dir),
                                    sizeof(*tail->dir), &made);
        if (err != ERR_OK) {
            return err;
        }
        if (used > 0) {
            memcpy(made, tail->dir + tail->dir_first, used * sizeof(*tail->dir));
        }
        budget_free(&log->ls->budget, tail->dir);
        tail->dir = made;
        tail->dir_capacity = capacity;
    }
    tail->dir_first = 0;
    tail->dir_end = used;
    return ERR_OK;
}

void log_tail_pop_last(struct log *log)
{
    struct log_tail *tail = &log->tail;
    ASSERT(tail->slots_count > 0);
    struct log_chunk *chunk = CONTAINER_OF(list_last(&tail->chunks), struct log_chunk, in_tail);
    log_tail_drop(&chunk->slots[--chunk->end]);
    tail->slots_count--;
    if (chunk->first == chunk->end) {
        list_remove(&chunk->in_tail);
        pool_release(&log->ls->chunks, chunk);
        tail->dir_end--;
    }
}

void log_tail_pop_first(struct log *log)
{
    struct log_tail *tail = &log->tail;
    ASSERT(tail->slots_count > 0);
    struct log_chunk *chunk = CONTAINER_OF(list_first(&tail->chunks), struct log_chunk, in_tail);
    log_tail_drop(&chunk->slots[chunk->first++]);
    tail->slots_count--;
    if (chunk->first == chunk->end) {
        list_remove(&chunk->in_tail);
        pool_release(&log->ls->chunks, chunk);
        tail->dir_first++;
    }
}

/* Let go of what a slot holds. */
static void log_tail_drop(struct log_slot *slot)
{
    struct log_shard *ls = slot->log->ls;
    if (slot->slice.buf != NULL) {
        list_remove(&slot->in_hot);
        ls->hot_bytes -= log_slot_hot_bytes(slot->slice);
        buf_unref(slot->slice.buf);
    }
    if (slot->op != NULL) {
        slot->op->slot = NULL;
    }
    *slot = (struct log_slot){0};
}

struct log_slot *log_tail_first(const struct log *log)
{
    struct list_node *node = list_first(&log->tail.chunks);
    if (node == NULL) {
        return NULL;
    }
    struct log_chunk *chunk = CONTAINER_OF(node, struct log_chunk, in_tail);
    return &chunk->slots[chunk->first];
}

struct log_slot *log_tail_last(const struct log *log)
{
    struct list_node *node = list_last(&log->tail.chunks);
    if (node == NULL) {
        return NULL;
    }
    struct log_chunk *chunk = CONTAINER_OF(node, struct log_chunk, in_tail);
    return &chunk->slots[chunk->end - 1];
}

struct log_slot *log_tail_next(const struct log *log, const struct log_slot *slot)
{
    struct log_chunk *chunk = log_tail_chunk(slot);
    ASSERT(slot >= &chunk->slots[chunk->first]);
    if (slot + 1 < &chunk->slots[chunk->end]) {
        return &chunk->slots[slot + 1 - chunk->slots];
    }
    struct list_node *node = list_next(&log->tail.chunks, &chunk->in_tail);
    if (node == NULL) {
        return NULL;
    }
    chunk = CONTAINER_OF(node, struct log_chunk, in_tail);
    return &chunk->slots[chunk->first];
}

static struct log_chunk *log_tail_chunk(const struct log_slot *slot)
{
    ASSERT(slot->place < LOG_CHUNK_SLOTS);
    return CONTAINER_OF((struct log_slot(*)[LOG_CHUNK_SLOTS])(slot - slot->place), struct log_chunk,
                        slots);
}

static bool log_tail_before_index(const struct log_slot *slot, uint64_t index)
{
    return slot->rec.last_index < index;
}

static bool log_tail_before_offset(const struct log_slot *slot, uint64_t offset)
{
    return log_sidecar_next_offset(&slot->rec) <= offset;
}

static bool log_tail_before_timestamp(const struct log_slot *slot, uint64_t timestamp)
{
    return slot->rec.max_timestamp < (int64_t)timestamp;
}

struct log_slot *log_tail_find(const struct log *log, uint64_t index)
{
    struct log_slot *slot = log_tail_search(log, log_tail_before_index, index);
    return slot != NULL && slot->rec.index <= index ? slot : NULL;
}

uint64_t log_tail_gap(const struct log *log, uint64_t index)
{
    const uint32_t lost = LOG_SIDECAR_GAP | LOG_SIDECAR_QUARANTINED;
    const struct log_slot *slot = log_tail_find(log, index);
    return slot != NULL && (slot->rec.flags & lost) == lost ? slot->rec.index : 0;
}

struct log_slot *log_tail_find_offset(const struct log *log, uint64_t offset)
{
    return log_tail_search(log, log_tail_before_offset, offset);
}

struct log_slot *log_tail_find_timestamp(const struct log *log, int64_t timestamp)
{
    return log_tail_search(log, log_tail_before_timestamp, (uint64_t)timestamp);
}

/* The first slot that does not lie before `wanted`: all three keys grow along the log. */
static struct log_slot *log_tail_search(const struct log *log, log_tail_before *is_before,
                                        uint64_t wanted)
{
    const struct log_tail *tail = &log->tail;
    uint32_t low = tail->dir_first;
    uint32_t high = tail->dir_end;
    while (low < high) { /* the first chunk whose last slot does not lie before */
        uint32_t middle = low + (high - low) / 2;
        const struct log_chunk *chunk = tail->dir[middle];
        if (is_before(&chunk->slots[chunk->end - 1], wanted)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == tail->dir_end) {
        return NULL;
    }
    struct log_chunk *chunk = tail->dir[low];
    uint32_t first = chunk->first;
    uint32_t end = chunk->end;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (is_before(&chunk->slots[middle], wanted)) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    ASSERT(first < chunk->end);
    return &chunk->slots[first];
}

void log_slot_heat(struct log_slot *slot, struct buf_slice slice)
{
    struct log_shard *ls = slot->log->ls;
    ASSERT(slot->slice.buf == NULL);
    ASSERT(slice.length == slot->rec.length);
    slot->slice = slice;
    buf_ref(slice.buf);
    list_push_back(&ls->hot, &slot->in_hot);
    ls->hot_bytes += log_slot_hot_bytes(slice);
    log_cool(ls, ls->hot_bytes_max, slot);
}

/* Cool the oldest until `bytes_max` are hot, `newest` or none comes, or one has no other home yet,
 * nor has what came later. */
static void log_cool(struct log_shard *ls, uint64_t bytes_max, const struct log_slot *newest)
{
    while (ls->hot_bytes > bytes_max) {
        struct log_slot *oldest = CONTAINER_OF(list_first(&ls->hot), struct log_slot, in_hot);
        if (!oldest->is_durable || oldest == newest) {
            return;
        }
        log_slot_cool(oldest);
        log_tail_trim(oldest->log);
    }
}

void log_shard_cool(struct log_shard *ls, uint64_t bytes)
{
    log_cool(ls, ls->hot_bytes > bytes ? ls->hot_bytes - bytes : 0, NULL);
}

/* What a hot entry costs: its bytes, and what keeps account of them. */
static uint64_t log_slot_hot_bytes(struct buf_slice slice)
{
    return slice.length + sizeof(struct log_slot) + sizeof(struct buf) + sizeof(struct buf_loan);
}

void log_slot_cool(struct log_slot *slot)
{
    struct log_shard *ls = slot->log->ls;
    ASSERT(slot->is_durable);
    ASSERT(slot->where != LOG_SLOT_NOWHERE);
    list_remove(&slot->in_hot);
    ls->hot_bytes -= log_slot_hot_bytes(slot->slice);
    buf_unref(slot->slice.buf);
    slot->slice = (struct buf_slice){0};
}

void log_tail_trim(struct log *log)
{
    struct log_slot *slot = log_tail_first(log);
    while (slot != NULL && slot->is_settled && slot->slice.buf == NULL) {
        log_tail_pop_first(log);
        slot = log_tail_first(log);
    }
}
