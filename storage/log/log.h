/* A group's log: what Raft's driver and everything above it use of storage. Own shard only; nothing
 * blocks.
 *
 * Catching up stands in headers of its own: ref.h, install.h, reset.h.
 *
 * Operations are structs of the caller's, theirs from submit until `done`; done fires exactly once,
 * from the ready queue. A group's operations take effect, become durable and are done in the order
 * they were submitted. Errors common to all: ERR_FENCED (a journal write failed, here or on another
 * shard: nothing is written until a restart), ERR_CLOSING (store or group), ERR_ACCESS (the group
 * is amnesiac or unavailable: read-only). After one of these nothing submitted later took effect
 * either. ERR_AGAIN: the group is on its way to another shard (move.h). */
#ifndef STORAGE_LOG_LOG_H
#define STORAGE_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "storage/log/batch.h"
#include "storage/log/format.h"
#include "storage/log/record.h"

struct log;
struct log_op;
struct log_shard;

typedef void log_op_fn(struct log_op *op);

/* A relaxed append is on its way to the disk after so long, and earlier as soon as so many bytes of
 * its group wait (LOG §6, `quorum-memory`), or so many on the shard, or something that is not
 * relaxed does. */
#define LOG_RELAX_NS          (100 * 1000000ull)
#define LOG_RELAX_BYTES       (256u << 10)
#define LOG_RELAX_SHARD_BYTES (2u << 20)

/* Something that is written to the journal. Zero it, set done (and received), submit. */
struct log_op {
    log_op_fn *done;     /* durable, or failed: op->err */
    log_op_fn *received; /* the entry is in a frame that is being written; NULL: not wanted */
    void *ctx;           /* the caller's */
    bool is_relaxed;     /* append: nobody waits for done; its flush may wait for others */
    enum err err;        /* in done: how it ended */
    uint64_t index;      /* append: the entry's, from submit on; a whole tail's last */
    struct log *log;     /* whose; create: the new group's, in done */

    /* Private to storage/log. */
    struct list_node in_queue; /* lane.pending, or frame.ops */
    struct log_slot *slot;     /* append: where the entry is kept */
    struct log_record
        record; /* kind and group_seq (given when its frame is built); all of it but for appends */
    struct buf_slice
        data;             /* of the record: sidecar records and rest, lane ends; a reference held */
    uint64_t file_number; /* in done: the journal file it went to */
    bool is_pooled;       /* the log's own: goes back to log_shard.ops after done */
    bool is_direct;       /* append: goes directly, or waits until it can */
};

/* What is known of a group. */
struct log_status {
    struct log_point start;     /* log start */
    struct log_point end;       /* of what has been submitted */
    uint64_t durable_index;     /* entries up to here are durable */
    uint64_t settled_index;     /* and up to here in segment and sidecar */
    struct log_hard_state hard; /* newest submitted */
    uint64_t membership_index;  /* newest membership entry, 0: none */
    int64_t max_timestamp;      /* running maximum at the end, ms; -1: none */
    uint64_t segments_bytes;    /* of all batches from the start on, as far as known */
    uint64_t segment_index;     /* first entry of the active segment; 0: it is empty or sealed */
    uint64_t quarantine_index;  /* lowest quarantined index, 0: none */
    uint32_t quarantine_count;  /* ranges */
    bool is_amnesiac;           /* does not know what it has answered */
    bool is_available;          /* can be read at all */
    bool is_tail_torn; /* the last start cut a tail that may have held unanswered entries */
};

/* The group with that id on this shard, or NULL. */
struct log *log_find(struct log_shard *ls, uint64_t group);

/* The first group of this shard, and the next; NULL: no more. In order of creation or, after a
 * start, of id. */
struct log *log_first(struct log_shard *ls);
struct log *log_next(struct log_shard *ls, struct log *log);

/* Its id, the partition it belongs to, and its state. */
uint64_t log_group(const struct log *log);
void log_partition(const struct log *log, struct log_uuid *topic, uint32_t *partition);
void log_status(const struct log *log, struct log_status *out);

/* Make group `group` (never used before on this node) of a partition on this shard. op->log is
 * set at once and may be appended to. ERR_EXISTS, ERR_FULL (config.groups_max), ERR_BUDGET: in
 * done, with op->log NULL. */
void log_create(struct log_shard *ls, struct log_op *op, uint64_t group,
                const struct log_uuid *topic, uint32_t partition);

/* Delete the group: its log cannot be found any more at once, its files go after done, in the
 * background. */
void log_delete(struct log *log, struct log_op *op);

/* Append one batch as the group's next index: `batch` (sealed bytes of this shard's buffers; <=
 * LIMIT_BATCH_BYTES; base offset and leader epoch patched: log_batch_patch with
 * log_status.end.offset and the term; its CRC verified by the caller). A reference on the buffer is
 * taken, and kept as long as the entry is hot. op->received fires at most once, then op->done.
 * Refused at once, nothing submitted and done not called: ERR_INVALID (not a v2 batch of that
 * length, wrong base offset, term below the last one's), ERR_DISK_FULL (retriable), ERR_BUDGET
 * (retriable), and the common ones. */
MUST_USE enum err log_append(struct log *log, struct log_op *op, struct buf_slice batch);

/* Whether the disk is behind: so much waits on the shard that who appends should wait, too, until
 * its entry is `received`. */
bool log_is_behind(const struct log *log);

/* On a full disk, data batches of `log` are taken like internal entries: for the log by which
 * people make room (LOG §5: reads, deletes and elections go on). Not persistent. */
void log_set_reserve(struct log *log, bool may_use_reserve);

/* Drop all entries from `first_index` (> log start and <= end + 1, asserted) on. What is not yet
 * durable of them is never answered as durable: their ops end with ERR_CANCELED. Where the entry
 * before lies in a segment it is looked up first: until op->done appends are refused with ERR_AGAIN
 * then. */
void log_cut(struct log *log, struct log_op *op, uint64_t first_index);

/* Persist term and vote; the commit hint along. ERR_INVALID: an earlier term, or another vote in
 * the same one. */
void log_set_hard_state(struct log *log, struct log_op *op, const struct log_hard_state *hard);

/* Move the log start to `first_index` (<= end + 1, asserted; an earlier one changes nothing).
 * Entries below it may still be read through log_read while they are there; segments wholly below
 * it go when no pin holds them. What stands before it (term, chain, offset) is looked up, in the
 * segment if need be. ERR_NOT_FOUND: not an index of the log. */
void log_trim(struct log *log, struct log_op *op, uint64_t first_index);

/* The same, and the first `skip_count` offsets of that entry, which must be there then (asserted),
 * are deleted along. It stays whole, and is not cut any more: who shows the log to clients leaves
 * them out, log_status.start.skip_count says how many. */
void log_trim_records(struct log *log, struct log_op *op, uint64_t first_index,
                      uint32_t skip_count);

/* Seal the active segment: the next entry begins a new one. Nothing to do when it is empty: done
 * with ERR_OK. */
void log_roll(struct log *log, struct log_op *op);

/* The term of entry `index`, log start - 1 included; 0 for index 0. From memory. ERR_NOT_FOUND:
 * below that or behind the end; ERR_AGAIN: older segments are not loaded yet, which any read of
 * them does. */
MUST_USE enum err log_term_of(const struct log *log, uint64_t index, uint32_t *term);

/* Where the records of terms up to `term` end. *end_offset = the first record of a higher term, or
 * the end's; *found = the highest term <= `term` that has records from the log start on, -1: none.
 * A term of internal entries only has no records. From memory. ERR_AGAIN: as log_term_of. */
MUST_USE enum err log_term_end(const struct log *log, uint32_t term, int32_t *found,
                               uint64_t *end_offset);

/* From now on a segment of `log` rolls when its .log would pass `bytes` (0: what the store's config
 * says). Kept in memory: to be told again after a start or a move. */
void log_set_segment_bytes(struct log *log, uint64_t bytes);

/* A reason to keep segments that lie below the log start. */
struct log_pin {
    struct list_node in_log; /* log.pins */
    const char *owner;       /* for people; static storage: it moves with the group */
    uint64_t index;          /* entries from here on stay */
    uint64_t since_ns;       /* rt_now_ns when it was set */
    bool is_carried;         /* the log's own: came with it from another shard (move.h); private */
};

/* Bytes of the segments that a pin at entry `index` keeps: those that hold entries from there on,
 * and none from the log start on. As far as known. */
uint64_t log_bytes_below(const struct log *log, uint64_t index);

/* Hold entries from `index` on; move it forward; let go. */
void log_pin_set(struct log *log, struct log_pin *pin, const char *owner, uint64_t index);
void log_pin_move(struct log_pin *pin, uint64_t index);
void log_pin_clear(struct log *log, struct log_pin *pin);

#endif
