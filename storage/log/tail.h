/* A group's newest entries in memory: those that are not settled, and those that are hot. Slots
 * stand in chunks in the order of their index; they leave at the front when they are settled and no
 * longer hot, and at the end when they are cut. Private to storage/log. */
#ifndef STORAGE_LOG_TAIL_H
#define STORAGE_LOG_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "storage/log/record.h"
#include "storage/log/sidecar.h"

struct log;
struct log_op;
struct log_segment;

#define LOG_CHUNK_SLOTS 20u

/* Where an entry's bytes lie besides memory. */
enum log_slot_where {
    LOG_SLOT_NOWHERE, /* not written yet: in memory only */
    LOG_SLOT_JOURNAL, /* whole, in a journal file */
    LOG_SLOT_SEGMENT, /* in the segment, what is behind its written bytes in log_segment.rest */
};

/* An entry. */
struct log_slot {
    struct log_sidecar rec;    /* what the sidecar says of it */
    struct log_segment *seg;   /* its segment */
    struct log *log;           /* whose */
    struct buf_slice slice;    /* its bytes, a reference held; buf NULL: not in memory */
    struct list_node in_hot;   /* log_shard.hot while slice.buf is not NULL */
    struct log_op *op;         /* the append that is not done yet; NULL: none, or it was cut */
    uint32_t rec_number;       /* of its record in the segment's sidecar: 0, 1, ... */
    uint64_t seq;              /* group_seq of its record */
    uint64_t file_number;      /* journal file that holds its record; 0: none yet */
    uint64_t journal_pos;      /* of its batch in it */
    uint32_t journal_slot;     /* the file's slot */
    uint32_t unsettled_bytes;  /* its share of lane.unsettled_bytes: whoever settles or drops it
                                  takes it off */
    enum log_slot_where where; /* see there */
    bool is_durable;           /* its frame is flushed */
    bool is_settled;           /* in segment and sidecar, synced, and the table says so */
    uint8_t place;             /* which of its chunk's slots it is */
};

/* Slots in a row. */
struct log_chunk {
    struct list_node in_tail;               /* log_tail.chunks */
    uint32_t first;                         /* the first used slot */
    uint32_t end;                           /* behind the last used slot */
    struct log_slot slots[LOG_CHUNK_SLOTS]; /* used ones: first .. end - 1 */
};

/* A group's slots. */
struct log_tail {
    struct list chunks; /* log_chunk.in_tail, by index; none is empty */
    struct log_chunk *
        *dir; /* the chunks again, dir_first .. dir_end - 1, for binary search; tail.c's */
    uint32_t dir_first;    /* the first in use */
    uint32_t dir_end;      /* behind the last */
    uint32_t dir_capacity; /* room */
    uint64_t slots_count;  /* in all */
};

/* What the slot's entry takes in the journal. */
static inline uint64_t log_slot_cost(const struct log_slot *slot)
{
    return ((uint64_t)slot->rec.length + LOG_RECORD_ENTRY_BYTES + LOG_RECORD_ALIGN - 1) &
           ~(uint64_t)(LOG_RECORD_ALIGN - 1);
}

/* Make `log`'s tail empty; give all slots back. */
void log_tail_init(struct log *log);
void log_tail_deinit(struct log *log);

/* *out = a zeroed slot behind the last. ERR_BUDGET. It stays where it is. */
MUST_USE enum err log_tail_push(struct log *log, struct log_slot **out);

/* Room for `chunks_count` more chunks among those the tail knows. ERR_BUDGET. */
MUST_USE enum err log_tail_reserve(struct log *log, uint64_t chunks_count);

/* Take the last slot, or the first, out; its bytes are let go. */
void log_tail_pop_last(struct log *log);
void log_tail_pop_first(struct log *log);

/* The first and the last slot, NULL: none; the next one, NULL: none. */
struct log_slot *log_tail_first(const struct log *log);
struct log_slot *log_tail_last(const struct log *log);
struct log_slot *log_tail_next(const struct log *log, const struct log_slot *slot);

/* The slot that holds `index`, or NULL. O(log). */
struct log_slot *log_tail_find(const struct log *log, uint64_t index);

/* The first index of the lost gap that holds `index`; 0: none does, or it left the tail. O(log). */
uint64_t log_tail_gap(const struct log *log, uint64_t index);

/* The first slot whose next offset is above `offset`, or NULL; the first whose running max
 * timestamp is >= `timestamp`. O(log). */
struct log_slot *log_tail_find_offset(const struct log *log, uint64_t offset);
struct log_slot *log_tail_find_timestamp(const struct log *log, int64_t timestamp);

/* Keep `slice` (a reference is taken) as the slot's bytes: it is the hottest of the shard; the
 * oldest leave memory. */
void log_slot_heat(struct log_slot *slot, struct buf_slice slice);

/* Let its bytes go. They are in the journal or in the segment (asserted). */
void log_slot_cool(struct log_slot *slot);

/* Drop slots from the front that are settled and not in memory. */
void log_tail_trim(struct log *log);

#endif
