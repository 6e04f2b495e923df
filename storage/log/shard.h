/* A shard's part of the store, and a group: visible because their owners embed them, and shared by
 * the files of storage/log. Their fields, and what is declared below them, are private to this
 * folder but for what a comment says. */
#ifndef STORAGE_LOG_SHARD_H
#define STORAGE_LOG_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/rt/outbox.h"
#include "base/rt/timer.h"
#include "base/sm.h"
#include "storage/log/lane.h"
#include "storage/log/log.h"
#include "storage/log/lookup.h"
#include "storage/log/segment.h"
#include "storage/log/settle.h"
#include "storage/log/snaps.h"
#include "storage/log/store.h"
#include "storage/log/table.h"
#include "storage/log/tail.h"

struct log_move;

/* A group's log. */
struct log {
    /* Config: constant. */
    struct log_shard *ls;       /* whose */
    uint64_t group;             /* its id: key of in_map */
    struct log_uuid topic;      /* its partition */
    uint32_t partition;         /* likewise */
    struct map_node in_map;     /* log_shard.groups */
    uint64_t segment_bytes_max; /* a segment rolls when its .log would pass it */

    /* What has been submitted. */
    struct log_point start;       /* log start */
    struct log_point end;         /* newest entry */
    int64_t max_timestamp;        /* running maximum at the end */
    struct log_hard_state hard;   /* newest */
    uint64_t membership_before;   /* the membership entry before that one, for a cut; 0: unknown */
    uint64_t membership_index;    /* newest membership entry */
    uint64_t next_seq;            /* of the next record */
    uint32_t generation;          /* of segments that begin now: raised by every cut and reset */
    uint64_t cut_epoch;           /* raised by every cut and reset: stale settles are dropped */
    struct log_tail tail;         /* newest entries: hot, not settled, or both */
    struct log_segments segments; /* its segments */
    struct list terms;            /* log_term.in_log: term runs from log start - 1 on, in order */
    struct list pins;             /* log_pin.in_log */
    struct list reads;            /* log_read.in_log */
    log_sections_fn *sections_give; /* of its owner, for .snap files; NULL: none */
    void *sections_ctx;             /* its owner's */
    uint32_t snap_reads_count;      /* log_snap_read under way */

    /* What is durable. */
    uint64_t durable_index;             /* entries up to here */
    uint64_t durable_seq;               /* records up to here */
    struct log_hard_state durable_hard; /* what a table row may say */
    struct log_point durable_start;     /* likewise */

    /* Settling: settle.c's. */
    struct log_row row; /* as the next table will say; settled end, segment, seq: see log_settle */
    struct list_node in_dirty; /* log_settle.dirty: has something in the journal that is needed */
    struct list garbage;       /* log_garbage.in_log: files of segments that are no more */
    uint32_t cuts_pending;     /* cuts and resets that are not durable: no row is made meanwhile */
    uint32_t resets_pending;   /* of these, resets: nothing is settled meanwhile */
    uint32_t switches_pending; /* segments whose former files may come back: no row meanwhile */
    uint32_t switches_removed; /* of them, files that are removed, which is not synced yet */
    bool is_delete_durable;    /* its files may go */
    bool wants_clean;          /* cut, trimmed, unpinned or deleted: files may be to go */
    struct list_node in_clean; /* log_clean.queue: they are next */
    bool is_skipped;           /* a round has left it out for that: no cleaning before the next */
    uint64_t file_lowest;   /* lowest journal file number that is needed for it; UINT64_MAX: none */
    uint64_t mixed_seq;     /* records up to here may be in later files than what follows */
    uint64_t row_round;     /* the round that has sent its row */
    uint64_t table_index;   /* entries up to here are settled, and the table says so */
    uint64_t clean_frame;   /* frames up to here may refer to files that are to go */
    uint64_t table_segment; /* first index of the segment the table names; 0: not told yet */
    struct log_segment *apart; /* being written in the place of one that failed; NULL: none */
    bool is_row_old;           /* the table does not say what `row` would */
    bool is_direct_wanted;     /* a direct write waits for a settle: names, bytes not in memory */
    bool is_settling;          /* a settle writes its segment now, or journals its remnant */
    uint32_t direct_count;     /* direct writes of it under way */
    bool lacks_snaps;          /* of a segment the .snap is missing: a job makes it */
    bool is_direct;            /* writes much: goes straight to its segment */
    uint64_t pending_bytes;    /* of its appends in lane.pending */
    uint64_t pending_count;    /* its records in lane.pending and in frames in flight */

    /* Building a frame: lane.c's. */
    uint64_t frame_build;  /* the attempt in which it has a row */
    uint32_t frame_row;    /* which */
    uint64_t frame_skip;   /* the attempt that takes nothing more of it */
    uint64_t frame_direct; /* the attempt along with which it writes directly */
    uint64_t frame_last;   /* the last entry written so */
    uint64_t frame_newest; /* the newest frame of this lane that holds something of it */

    /* State. */
    bool may_use_reserve;        /* its data batches are taken on a full disk, too */
    bool is_replacing;           /* a segment gets new files: generation.c's */
    bool is_repairing;           /* repair.c's */
    struct log_move *move;       /* it is being detached: nothing new; NULL: no */
    uint32_t lookups_count;      /* cuts and trims that look up where they begin */
    bool is_cutting;             /* a cut looks up where it begins: no appends meanwhile */
    bool is_deleted;             /* log_delete was submitted */
    bool wants_mark;             /* this start found is_amnesiac: nothing on the disk says so */
    bool is_amnesiac;            /* read-only */
    bool is_available;           /* can be read */
    bool is_tail_torn;           /* for log_status */
    bool is_reset;               /* the last start saw it begun anew: files before it are void */
    bool is_loaded;              /* older segments and term runs are known */
    struct log_loading *loading; /* they are being read: load.c's; NULL: no */
    struct list ranges;          /* log_range.in_log: quarantined indexes, in order */
};

/* A term run, as log_term_of and snapshots know it. */
struct log_term {
    struct list_node in_log; /* log.terms */
    uint64_t first_index;    /* of the run; the first run begins at log start - 1 */
    uint64_t first_offset;   /* next offset at that entry */
    uint32_t term;           /* of the run */
};

/* Files that are to be removed. */
struct log_garbage {
    struct list_node in_log; /* log.garbage */
    uint64_t first_index;    /* of the segment */
    uint32_t generation;     /* of its files */
    uint32_t generation_new; /* of the files that replace them; 0: none do. A table waits for the
                                removal then */
    bool is_early; /* left by a copy: no frame that a start would doubt needs them; come first */
};

/* Quarantined indexes. */
struct log_range {
    struct list_node in_log; /* log.ranges */
    uint64_t first_index;    /* of the range */
    uint64_t last_index;     /* likewise */
    uint64_t next_offset;    /* behind it, as far as known */
};

/* A shard's part of the store. `err`, `info`, `why`, `store` are its user's to read. */
struct log_shard {
    struct rt_shard *shard;  /* where it runs */
    struct log_store *store; /* the node's */
    struct diag *diag;       /* log lines; NULL: none */
    log_shard_done_fn *done; /* of the open, close or settle under way */
    enum err err;            /* how that ended */
    struct err_info info;    /* where */
    char why[LOG_WHY_BYTES]; /* and in words, "" if there is nothing to say */
    struct sm sm;            /* where opening and closing stand: store.c's */
    bool is_made;            /* what follows from `groups` on is in use */
    bool is_open;            /* between open and close */
    bool is_closing;         /* close was called: new operations end with ERR_CLOSING */
    bool keeps_trimmed;      /* log_shard_keep_trimmed */

    struct budget budget;      /* all of it, below the shard's */
    struct budget hot_budget;  /* what hot entries hold */
    struct buf_pool bufs;      /* staging, cold reads */
    struct map groups;         /* log.in_map */
    struct map_node **buckets; /* of groups */
    struct pool logs;          /* of struct log */
    struct pool lookups;       /* of struct log_lookup, for cuts and trims */
    struct pool ops;           /* of struct log_op: rolls, tails, marks of the log itself */
    struct pool chunks;        /* of struct log_chunk */
    struct pool segments;      /* of struct log_segment */
    struct pool small;         /* of struct log_term, log_range, ...: union */
    struct list hot;           /* log_slot.in_hot: entries in memory, oldest first */
    uint64_t hot_bytes;        /* what they cost: bytes, and the accounts of them */
    uint64_t sections_bytes;   /* log_segment.sections of all groups */
    uint64_t hot_bytes_max;    /* above it the oldest settled or journaled ones leave memory */

    struct log_lane lane;       /* its stream of frames */
    struct log_uuid topic_made; /* the name of its directory is durable, as of topic_made_at - 1 */
    uint64_t topic_made_at;     /* 1 + store->topics_removed; 0: none */
    struct log_files files;     /* open segment and journal files */
    struct log_settle settle;   /* from journal to segments */

    struct rt_op op_done;        /* fires `done` from the ready queue */
    struct rt_outbox mails;      /* what it sends to other shards' parts */
    struct rt_outbox_mail mail;  /* to and from shard 0 while opening and closing */
    struct rt_timer close_timer; /* looks again whether closing can go on */
    void *loading;               /* found.c's, while groups are made */
    struct list moves;           /* log_move.in_shard: groups that are being detached */
    struct list bundles;         /* log_bundle.in_bundles: of groups that have left */
    uint64_t dropped_file; /* lowest journal file of groups that nobody has; UINT64_MAX: none */
};

/* Into `out` of LIMIT_PATH_BYTES: a partition's directory; a file of it ("log", "idx", "snap"). */
void log_path_partition(char *out, const struct log_store *store, const struct log_uuid *topic,
                        uint32_t partition);
void log_path_topic(char *out, const struct log_store *store, const struct log_uuid *topic);
void log_path_segment(char *out, const struct log *log, uint64_t first_index, uint32_t generation,
                      const char *kind);
void log_path_journal(char *out, const struct log_store *store, uint32_t slot);

/* A group's object in the map: an empty one, or one as a start found it. ERR_BUDGET; log_new also
 * ERR_EXISTS, and ERR_FULL (config.groups_max, or the table's rows). */
MUST_USE enum err log_new(struct log_shard *ls, uint64_t group, const struct log_uuid *topic,
                          uint32_t partition, struct log **out);
MUST_USE enum err log_new_found(struct log_shard *ls, const struct log_found *found,
                                struct log **out);

/* Take it out of the map and give its memory back; nothing of it is under way. */
void log_free(struct log *log);

/* What log_append does when `slice` is known to be the next entry, decoded as `batch`. ERR_BUDGET,
 * ERR_FULL: nothing submitted. */
MUST_USE enum err log_append_checked(struct log *log, struct log_op *op, struct buf_slice slice,
                                     const struct log_batch *batch);

/* Submit a record, not an entry: fills kind, seq, fixed part. `data`: a reference is taken. */
void log_submit(struct log *log, struct log_op *op, const struct log_record *record,
                struct buf_slice data);

/* A record is durable (lane.c calls it in order): what the table may say moves on. */
void log_record_durable(struct log *log, struct log_op *op);

/* End `op` with `err` from the ready queue, without having done anything. */
void log_end(struct log_shard *ls, struct log_op *op, enum err err);

/* Why nothing may be written to `log` now, or ERR_OK; the same for what was begun earlier, and goes
 * on while the group is being detached. */
enum err log_writable(const struct log *log);
enum err log_goes_on(const struct log *log);

/* Look up what stands just before `first_index` (start.index .. end.index + 1): *out.index =
 * first_index - 1, and the running maximum timestamp and end position (0 at a segment's border)
 * there. ERR_AGAIN: it stands in a sidecar, log_lookup_start reads it. */
MUST_USE enum err log_point_before(const struct log *log, uint64_t first_index,
                                   struct log_lookup *out);

/* Take the slots from `first_index` on out; appends that wait for a frame end now with
 * ERR_CANCELED, those in one when it does. Likewise: records of `kind`, not entries, that wait. */
void log_slots_cut(struct log *log, uint64_t first_index);
void log_withdraw(struct log *log, enum log_record_kind kind);

/* The segment's files go later; its object is given back, and what the tail holds of it. */
void log_segment_discard(struct log_segment *seg);

/* The term run list: entry `index` has `term`. */
MUST_USE enum err log_terms_add(struct log *log, uint64_t index, uint64_t offset, uint32_t term);
void log_terms_cut(struct log *log, uint64_t first_index);
void log_terms_trim(struct log *log);

#endif
