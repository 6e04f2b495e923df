/* What a start believes: the decision table of storage/README.md ("Recovery") as code. Pure: bytes
 * of journal files and rows of the table go in, the log of each group comes out.
 *
 *     log_recover_init(r, ..., floor)          floor: the table's, files below it are not looked at
 *     log_recover_tables(r, &tables, &lost)    rows of the table that counts, and those lost
 *     log_recover_file(r, slot, data, length)  each journal file, in any order
 *     log_recover_lanes(r)                     where each lane ends (F1..F8)
 *     while (log_recover_next_direct(r, &check))
 *         log_recover_direct(r, &check, is_sound)  blocks in segments: the caller reads them
 *     log_recover_groups(r)                    what each group is (R1..R9, G1..G7)
 *     list_for_each (node, &r->groups) ...     log_found.in_recover
 *
 * The outcome depends on the set of files and rows only, never on their order. Memory is a few
 * hundred bytes per record; after ERR_BUDGET only log_recover_deinit may follow. */
#ifndef STORAGE_LOG_RECOVER_H
#define STORAGE_LOG_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/list.h"
#include "storage/log/format.h"
#include "storage/log/frame.h"
#include "storage/log/record.h"
#include "storage/log/sidecar.h"
#include "storage/log/tables.h"

/* The rows of the decision table: name, what. */
#define LOG_RECOVER_ROWS(X)                                                                        \
    X(F1, "frame counts")                                                                          \
    X(F2, "frame dropped by a former start")                                                       \
    X(F3, "frame is rot, its directory is readable")                                               \
    X(F4, "frame is rot, the copy of its directory is readable")                                   \
    X(F5, "frame is rot, no directory is readable")                                                \
    X(F6, "frame is torn")                                                                         \
    X(F7, "frame behind a torn one")                                                               \
    X(F8, "frame of a former life")                                                                \
    X(R1, "record is settled")                                                                     \
    X(R2, "record applies")                                                                        \
    X(R3, "gap that rot explains")                                                                 \
    X(R4, "gap that nothing explains")                                                             \
    X(R5, "two records of one number")                                                             \
    X(R6, "record of an unknown group")                                                            \
    X(R7, "record of a deleted group")                                                             \
    X(R8, "index taken with another term")                                                         \
    X(R9, "entry behind the next index")                                                           \
    X(G1, "group is whole")                                                                        \
    X(G2, "commit hint behind the end")                                                            \
    X(G3, "hard state lost")                                                                       \
    X(G4, "entries lost to rot")                                                                   \
    X(G5, "entry whose body does not verify")                                                      \
    X(G6, "row unreadable")                                                                        \
    X(G7, "tail possibly lost")                                                                    \
    X(G8, "settled end not in its segment")

enum log_recover_row {
#define LOG_RECOVER_ENUM(name, what) LOG_RECOVER_##name,
    LOG_RECOVER_ROWS(LOG_RECOVER_ENUM)
#undef LOG_RECOVER_ENUM
        LOG_RECOVER_ROWS_COUNT
};

/* Where an entry's bytes are. */
enum log_found_where {
    LOG_FOUND_JOURNAL, /* whole, in a journal file */
    LOG_FOUND_SEGMENT, /* in the segment, but for what lies in the rest */
};

/* An entry that is not settled. */
struct log_found_entry {
    struct list_node in_group;  /* log_found.entries, by index */
    struct log_sidecar rec;     /* pos, chain and running timestamp included; quarantined and gap
                                   entries are flagged */
    uint64_t segment_index;     /* first index of the segment it belongs to */
    enum log_found_where where; /* where its bytes are */
    uint32_t slot;              /* journal file, as given to log_recover_file */
    uint64_t slot_pos;          /* in it: of the batch's first byte; of the tail's first record */
    uint64_t file_number; /* the file's life: the lowest of a group tells which files it needs;
                             UINT64_MAX: a gap, in no file */
    uint64_t seq;         /* group_seq of its record; of a gap the first that is missing */
};

/* A segment that begins behind the settled end: a roll or a cut made it. */
struct log_found_segment {
    struct list_node in_group; /* log_found.segments, by first index */
    struct log_point start;    /* first index, base offset, previous term and chain */
    uint32_t generation;       /* of its files */
};

/* A segment, of any age, that got new files: a switch. */
struct log_found_switch {
    struct list_node in_group;    /* log_found.switches, by first index, then in order */
    uint64_t segment_index;       /* its first index */
    uint32_t generation;          /* of the files that count */
    uint32_t generation_replaced; /* of those that go */
};

/* Indexes that cannot be read. */
struct log_found_range {
    struct list_node in_group; /* log_found.ranges, by first index */
    uint64_t first_index;      /* of the range */
    uint64_t last_index;       /* likewise */
    uint64_t next_offset;      /* behind it; 0: unknown */
    uint32_t term;             /* of its last entry, as far as known */
    bool is_marked;            /* a mark record or the table says so; else this start found it */
};

/* The bytes of a segment behind its written blocks, from the newest tail that names the segment and
 * of which an entry is left. Entries that follow are whole in the journal. */
struct log_found_rest {
    struct list_node in_group;    /* log_found.rests, by segment */
    struct log_found_rest *older; /* the one it took the place of; NULL: none */
    uint64_t segment_index;       /* first index of the segment */
    uint64_t first_index;         /* of the tail's entries, if it is a direct one; else 0 */
    uint32_t written_bytes;       /* of that segment's .log: what precedes is in the segment */
    uint32_t bytes;               /* from there on, none behind the segment's last entry */
    uint32_t slot;                /* journal file */
    uint64_t slot_pos;            /* of the first byte in it */
    uint64_t file_number;         /* of the file */
};

/* A group, as it is found. */
struct log_found {
    struct log_row row; /* hard state, start, flags (amnesiac), state, membership as of now;
                           settled end, segment, seq as the table had them, or as the newest
                           cut, reset or whole tail moved them; a zero segment: none yet. Where
                           the chain of an end behind entries is zero, term and chain are not
                           known: to be looked up in the segment */
    struct log_row
        table_row; /* as the table has it, if has_row: it goes with the records behind its seq */
    uint64_t last_seq;     /* the highest group_seq that counts: the next record's is one more */
    struct log_point end;  /* of the log: recorded end, entries that cannot be read included */
    int64_t max_timestamp; /* running maximum at the end */
    struct list entries;   /* log_found_entry: everything behind row.end, in order, no holes */
    struct list segments;  /* log_found_segment, without the one in `row` */
    struct list switches;  /* log_found_switch */
    struct list ranges;    /* log_found_range: what is quarantined; of the row's own marks the
                              lowest index, the others stand in the sidecars */
    struct list rests;     /* log_found_rest, at most one per segment */
    uint64_t file_lowest;  /* lowest file number that holds something of the group that the table
                              has not: a tail that speaks for earlier records frees their files
                              only with a row; UINT64_MAX: none */
    uint64_t mixed_seq;    /* records up to here may stand in files of higher numbers than some
                              behind: the group changed lane; 0: none does */
    bool is_available;     /* not R6, not G6 */
    bool is_tail_torn;     /* G7: may have lost what was never answered */
    bool is_cut;           /* a cut or reset was applied: segments of older generations may be
                              there still, in whole or with entries that are void */
    bool is_reset;         /* a reset was: of files before the log none is its */
    bool has_row;          /* it stands in the table */
    bool is_doubtful;      /* G6, since its row may be one of those that are unreadable */
    struct list_node in_recover; /* log_recover.groups, by group */
};

/* Blocks to be checked in a segment: those of a direct write along with a frame that is not known
 * to be flushed. */
struct log_recover_direct {
    struct log_uuid topic;  /* of the partition, for the path; zero: unknown, say unsound */
    uint32_t partition;     /* likewise */
    uint64_t segment_index; /* of the segment */
    uint32_t generation;    /* of the segment */
    uint32_t pos;           /* where they begin in the .log */
    uint32_t end;           /* behind the last */
    uint32_t crc;           /* theirs, from 0 */
    void *record;           /* log_recover's */
};

struct log_recover {
    struct budget *budget;                   /* pays for all of it */
    const struct crc32c *kernels;            /* for checksums */
    struct log_uuid disk;                    /* whose directory */
    uint64_t counts[LOG_RECOVER_ROWS_COUNT]; /* decisions made, by row */
    uint64_t journal_floor;                  /* files of lower numbers are not looked at */
    uint64_t file_number_max;                /* highest file number seen, at least the floor - 1 */
    uint64_t boot_epoch_max;                 /* highest boot epoch seen */
    struct list groups;                      /* log_found.in_recover */
    uint32_t groups_count;                   /* of them */
    bool is_newer; /* a file or frame of a newer version was seen: refuse */
    void *state;   /* log_recover.c's */
};

/* Begin. `journal_floor` is that of the table whose rows follow, 0 if there is none: files below it
 * may have been reused or not, so they say nothing, and all others must be there. */
MUST_USE enum err log_recover_init(struct log_recover *r, struct budget *budget,
                                   const struct crc32c *kernels, const struct log_uuid *disk,
                                   uint64_t journal_floor);

/* Give everything back, also after an error. */
void log_recover_deinit(struct log_recover *r);

/* A row; of several of one group the first of the highest group_seq counts. Before any file. */
MUST_USE enum err log_recover_row(struct log_recover *r, const struct log_row *row);

/* A row that is unreadable in every table: its group is unavailable (G6), unless `seq` > 0: a table
 * that does not count yet says that the group has got there, and the journal tells of it from its
 * `create` to there at least. */
MUST_USE enum err log_recover_row_lost(struct log_recover *r, uint64_t group, uint64_t seq);

/* So many that nothing names. `has_doubt`: nobody knows for certain whose rows are unreadable. A
 * group without a row is unavailable then: files that had more of it may have been let go. */
void log_recover_rows_unnamed(struct log_recover *r, uint32_t count, bool has_doubt);

/* All of these: rows of the table that counts, and what the others tell of those that are lost. */
MUST_USE enum err log_recover_tables(struct log_recover *r, const struct log_tables *tables,
                                     const struct log_tables_lost *lost);

/* Read journal file `slot`, all `length` bytes of it. `data` is the caller's and may go when this
 * returns: what is needed is kept, of batches only their headers. ERR_BUDGET. */
MUST_USE enum err log_recover_file(struct log_recover *r, uint32_t slot, const uint8_t *data,
                                   size_t length);

/* Decide where the lanes end. */
MUST_USE enum err log_recover_lanes(struct log_recover *r);

/* The next blocks to check, in order of lane and frame; false: none. A frame that was torn by an
 * earlier answer is not asked about any more. */
bool log_recover_next_direct(struct log_recover *r, struct log_recover_direct *check);

/* Whether all are there with that CRC; else the frame is torn (F6), those behind it dropped (F7).
 */
void log_recover_direct(struct log_recover *r, const struct log_recover_direct *check,
                        bool is_sound);

/* Decide what each group is. */
MUST_USE enum err log_recover_groups(struct log_recover *r);

/* A group that was found; NULL: it was not. */
const struct log_found *log_recover_find(const struct log_recover *r, uint64_t group);

/* Lane ends for the `lanes` record: all lanes of earlier boots that are seen in the files, those
 * that an earlier start named included. Writes up to `max`, returns how many there are. */
uint32_t log_recover_ends(const struct log_recover *r, struct log_lane_end *out, uint32_t max);

/* Of missing frames in a row, log_recover_visit tells the first so many. */
#define LOG_RECOVER_VISIT_MISSING_MAX 1000u

/* Tell `visit` every frame's decision, in order of boot, lane and number. `frame` is NULL for one
 * that is missing, `slot` then UINT32_MAX. Frames of a former life (F8) are only counted. */
void log_recover_visit(const struct log_recover *r,
                       void (*visit)(void *ctx, enum log_recover_row row, uint64_t boot_epoch,
                                     uint32_t lane, uint64_t number, const struct log_frame *frame,
                                     uint32_t slot, uint64_t pos),
                       void *ctx);

/* The row's name ("F1") and what it says. Static storage. */
const char *log_recover_row_name(enum log_recover_row row);
const char *log_recover_row_text(enum log_recover_row row);

#endif
