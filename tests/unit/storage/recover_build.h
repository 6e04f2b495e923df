/* Journal files written in memory, for the tests of what a start believes: groups that append, cut
 * and roll as the log does, lanes of boots, frames, and ways to damage them.
 *
 *     struct build *b = build_new();
 *     struct build_group *g = build_group(b, 7);
 *     build_begin(b, 1, 0, 0);            frame 1 of lane 0 of boot 1, nothing flushed before
 *     build_create(b, g); build_entry(b, g, 1, 100);
 *     build_end(b);
 *     build_recover(b);                   b->r
 *     struct log_found *found = build_found(b, 7);
 *     build_free(b);
 */
#ifndef TESTS_UNIT_STORAGE_RECOVER_BUILD_H
#define TESTS_UNIT_STORAGE_RECOVER_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "storage/log/recover.h"

#define BUILD_FILES_MAX   64u
#define BUILD_LANES_MAX   24u
#define BUILD_GROUPS_MAX  8u
#define BUILD_FRAMES_MAX  512u
#define BUILD_RECORDS_MAX 24u
#define BUILD_INDEX_MAX   200u
#define BUILD_SEQ_MAX     400u
#define BUILD_ROWS_MAX    BUILD_GROUPS_MAX

/* A group as it is after some record. */
struct build_state {
    uint64_t seq;                             /* of that record */
    bool is_created;                          /* it exists */
    bool is_deleted;                          /* and is gone again */
    struct log_point start;                   /* log start */
    struct log_point end;                     /* newest entry */
    struct log_hard_state hard;               /* newest */
    uint64_t membership_index;                /* newest */
    uint64_t segment_index;                   /* the active segment's first index */
    uint32_t generation;                      /* its generation */
    uint32_t end_pos;                         /* its bytes */
    uint32_t written_bytes;                   /* of them, by its newest tail */
    int64_t max_timestamp;                    /* running maximum */
    uint64_t segments[BUILD_INDEX_MAX];       /* by index: the segment it stands in */
    struct log_sidecar recs[BUILD_INDEX_MAX]; /* by index: the sidecar's record */
};

/* Direct writes that never reached the segment. There is no segment here: what stands for the CRC
 * of such a write is the low half of the chain of its first entry. */
#define BUILD_UNSOUND_MAX 16u

/* A group. */
struct build_group {
    uint64_t group;                            /* its id */
    struct build_state now;                    /* after its newest record */
    struct build_state *states[BUILD_SEQ_MAX]; /* by group_seq: after that record; NULL: none */
};

struct build_file {
    uint8_t *data;       /* zero-filled first */
    size_t length;       /* of it */
    size_t pos;          /* where the next frame goes */
    uint64_t number;     /* of its life */
    uint64_t boot_epoch; /* whose */
    uint32_t lane;       /* likewise */
};

struct build_lane {
    uint64_t boot_epoch;                       /* which boot's */
    uint32_t lane;                             /* which stream */
    uint64_t next_number;                      /* of its next frame */
    uint32_t file;                             /* index of its current file; UINT32_MAX: none */
    struct log_frame_row rows[BUILD_ROWS_MAX]; /* the previous frame's directory */
    uint32_t rows_count;                       /* of it */
};

/* A frame that was written. */
struct build_frame {
    uint32_t file;                            /* index */
    size_t pos;                               /* in it */
    struct log_frame head;                    /* its header */
    uint32_t records_count;                   /* records */
    size_t record_pos[BUILD_RECORDS_MAX];     /* from the frame's start */
    uint64_t record_group[BUILD_RECORDS_MAX]; /* whose */
    uint64_t record_seq[BUILD_RECORDS_MAX];   /* its group_seq */
};

struct build {
    const struct crc32c *kernels;                    /* for checksums */
    struct log_uuid disk;                            /* of the directory */
    struct budget budget;                            /* of the recovery */
    struct log_recover r;                            /* the last one */
    bool is_recovered;                               /* r is to be ended */
    uint64_t floor;                                  /* journal floor given to it */
    uint64_t next_file_number;                       /* of files */
    size_t file_bytes;                               /* of files that begin now */
    struct build_file files[BUILD_FILES_MAX];        /* the journal, slot = index */
    uint32_t files_count;                            /* of them */
    struct build_lane lanes[BUILD_LANES_MAX];        /* of all boots */
    uint32_t lanes_count;                            /* of them */
    struct build_group *groups[BUILD_GROUPS_MAX];    /* all */
    uint32_t groups_count;                           /* of them */
    struct log_row rows[BUILD_GROUPS_MAX];           /* the table */
    uint32_t rows_count;                             /* of it */
    struct build_frame frames[BUILD_FRAMES_MAX];     /* in the order they were written */
    uint32_t frames_count;                           /* of them */
    uint32_t unsound[BUILD_UNSOUND_MAX];             /* CRCs of direct writes that are not there */
    uint32_t unsound_count;                          /* of them */
    struct build_lane *lane;                         /* of the frame in the making */
    uint8_t *records;                                /* its records */
    struct bytes_writer w;                           /* into these */
    uint32_t seed;                                   /* its seed */
    uint64_t durable_through;                        /* its */
    struct log_frame_row frame_rows[BUILD_ROWS_MAX]; /* its directory */
    uint32_t frame_rows_count;                       /* of it */
};

struct build *build_new(void);
void build_free(struct build *b);

/* A group, made at its first use; nothing of it is written by that. */
struct build_group *build_group(struct build *b, uint64_t group);

/* The lane's next frames go to a new file. Without it the first frame of a lane begins one. */
struct build_lane *build_lane(struct build *b, uint64_t boot_epoch, uint32_t lane);
void build_file(struct build *b, uint64_t boot_epoch, uint32_t lane);

/* Begin the lane's next frame; end it. Returns it. */
void build_begin(struct build *b, uint64_t boot_epoch, uint32_t lane, uint64_t durable_through);
struct build_frame *build_end(struct build *b);

/* A frame of a lane's `lanes` record, and an empty seal frame. */
struct build_frame *build_lanes(struct build *b, uint64_t boot_epoch,
                                const struct log_lane_end *ends, uint32_t count);
struct build_frame *build_seal(struct build *b, uint64_t boot_epoch, uint32_t lane,
                               uint64_t durable_through);

/* Records of the frame in the making; each changes its group as the log would. */
void build_create(struct build *b, struct build_group *g);
void build_entry(struct build *b, struct build_group *g, uint32_t term, uint32_t body_bytes);
void build_membership(struct build *b, struct build_group *g, uint32_t term);
void build_hard(struct build *b, struct build_group *g, uint32_t term, uint32_t vote,
                uint64_t commit);
void build_cut(struct build *b, struct build_group *g, uint64_t first_index);
void build_trim(struct build *b, struct build_group *g, uint64_t first_index);
void build_roll(struct build *b, struct build_group *g);
void build_reset(struct build *b, struct build_group *g, const struct log_point *start);
void build_delete(struct build *b, struct build_group *g);
void build_mark(struct build *b, struct build_group *g, enum log_mark what, uint64_t first_index,
                uint64_t last_index);

/* A direct tail of `count` new entries; a whole tail from `first_index` on. */
void build_direct(struct build *b, struct build_group *g, uint32_t term, uint32_t body_bytes,
                  uint32_t count);
void build_whole(struct build *b, struct build_group *g, uint64_t first_index);

/* Any record, as given but for group_seq, whose effect on the group is the caller's. */
void build_record(struct build *b, struct build_group *g, struct log_record *record);

/* The group goes back to what it was after record `seq` (0: nothing). */
void build_rewind(struct build_group *g, uint64_t seq);

/* Settle everything of the group up to record `seq`: its row in the table. */
struct log_row *build_settle(struct build *b, struct build_group *g, uint64_t seq);

/* Boot 1, frame 2: group 7 is made and has entries 1 to 3, 161 + 261 + 361 bytes (5 records). */
struct build *build_scene(void);

/* Damage: flip a bit at `pos` of the frame (of its header: 20 is of the disk uuid); put zeros over
 * its blocks first .. first + count - 1. */
void build_flip(struct build *b, const struct build_frame *frame, size_t pos);
void build_zero(struct build *b, const struct build_frame *frame, uint32_t first, uint32_t count);

/* What stands for the CRC of the direct write whose first entry is `first_index`; its blocks are
 * not in their segment. */
uint32_t build_direct_crc(const struct build_group *g, uint64_t first_index);
void build_tear_direct(struct build *b, const struct build_group *g, uint64_t first_index);

/* Let nothing of the frame be readable but its directory. */
void build_lose_records(struct build *b, const struct build_frame *frame);

/* Read it all; `order` gives the files' order (NULL: as they are). Direct tails are sound but for
 * b->unsound. */
void build_recover(struct build *b);
void build_recover_in(struct build *b, const uint32_t *order);

/* What came of it: the group, or NULL. */
struct log_found *build_found(const struct build *b, uint64_t group);

/* The entry that has `index`, or NULL. */
const struct log_found_entry *build_found_entry(const struct log_found *found, uint64_t index);

/* Whether `index` is in a quarantined range. */
bool build_is_quarantined(const struct log_found *found, uint64_t index);

/* All frames that were decided, F8 aside. */
uint64_t build_frames_decided(const struct build *b);

/* A hash of the whole outcome. */
uint64_t build_digest(const struct build *b);

#endif
