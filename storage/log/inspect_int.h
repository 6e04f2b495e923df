/* What the files inspect*.c share. Private to them. */
#ifndef STORAGE_LOG_INSPECT_INT_H
#define STORAGE_LOG_INSPECT_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crc32c.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "base/sm.h"
#include "storage/log/inspect.h"
#include "storage/log/inspect_file_int.h"
#include "storage/log/tables.h"

/* What is read at once of a sidecar (whole blocks, whole records) and of a .log. */
#define LOG_INSPECT_IDX_BYTES (8u * 12288u)
#define LOG_INSPECT_LOG_BYTES (1u << 20)

/* Looks at one thing before a fault of it is believed: what a working server moves away between
 * two of them does not come back. */
#define LOG_INSPECT_LOOKS 3u

/* Times the journal is read before files that were used again meanwhile are taken as they are. */
#define LOG_INSPECT_MIXED_MAX 16u

/* Between two looks. */
#define LOG_INSPECT_PAUSE_NS 20000000ull

/* A journal file. */
struct log_inspect_journal {
    struct log_journal_header header; /* of it, if has_header */
    bool has_header;                  /* it was used, and its header verifies */
    uint64_t bytes;                   /* its size; 0: gone */
    uint32_t slot;                    /* its name */
    uint8_t *copy;                    /* all of it, where a server was seen to work; else NULL */
    size_t length;                    /* of the copy */
};

/* A segment's files, as they were listed. */
struct log_inspect_files {
    uint64_t first_index; /* of the segment */
    uint32_t generation;  /* likewise */
    bool has_idx;         /* there is an .idx */
    bool has_log;         /* there is a .log */
    bool has_snap;        /* there is a .snap */
    bool is_headless;     /* the header was looked for, and is not readable */
    bool is_void;         /* others of its first index count */
    uint32_t origin;      /* generation that the segment began with, as far as known */
};

/* A walk through one group. */
struct log_inspect_walk {
    struct sm sm;                    /* where it stands */
    struct log_found *found;         /* the group */
    bool tells;                      /* its entries and segments are told */
    bool is_begun;                   /* the place to begin was passed */
    bool is_enough;                  /* the visitor wants no more of this group */
    struct log_inspect_files *files; /* its segments up to the settled end, by first index */
    uint32_t files_count;            /* of them */
    uint32_t files_capacity;         /* room */
    uint32_t low;                    /* search: the first that may hold the place */
    uint32_t high;                   /* and one behind the last */

    /* The segment in hand. */
    uint32_t file;                  /* which */
    uint32_t seed;                  /* of its record checksums */
    uint32_t slot;                  /* record in hand, from 0 */
    uint64_t end_index;             /* its last entry that counts */
    struct log_inspect_segment seg; /* as it is told */

    /* Behind the last entry. */
    struct log_point end;  /* index, next offset, term, chain of the last entry */
    int64_t max_timestamp; /* running maximum there */
    bool has_end;          /* these are known, not only the index */
    bool is_chain_lost;    /* the last record is a gap of unknown chain: what follows is believed */
    bool is_behind_gap;    /* the last record is a gap: there may be a hole in the .log */
    bool has_pos;          /* seg.end_pos is where the next batch begins */

    /* The entry in hand. */
    struct log_sidecar rec;            /* what is known of it */
    struct log_found_entry *unsettled; /* in the journal; NULL: none left */
    char name[LOG_INSPECT_NAME_BYTES]; /* its file, or the one being read */
    uint64_t name_pos;                 /* and its place there */
    uint8_t *joined;                   /* a batch that lies in two files, put together */
    size_t joined_capacity;            /* room */

    struct log_inspect_fault lost; /* wrong before the place to begin, and perhaps that place */
    bool has_lost;                 /* there is such a thing */
};

/* Blocks of a direct write being checked for log_recover. */
struct log_inspect_direct {
    struct log_recover_direct check; /* what log_recover wants to know */
    uint32_t pos;                    /* the next byte */
    uint32_t crc;                    /* of those before */
    bool is_asked;                   /* there is a check in hand */
};

/* A part of a frame that does not verify. Of frames that are whole otherwise recovery says nothing
 * of it, since it has a second copy; but that is then the only one. */
struct log_inspect_part {
    uint32_t slot; /* journal file */
    uint64_t pos;  /* of the frame in it */
};

/* Frames of which that is remembered. */
#define LOG_INSPECT_PARTS_MAX 256u

/* Where the frame visited last ends. */
struct log_inspect_frame_end {
    uint64_t boot_epoch; /* of the frame */
    uint32_t lane;       /* likewise */
    uint32_t slot;       /* its file; UINT32_MAX: none yet of this lane */
    uint64_t pos;        /* behind it */
};

/* A fault and how often it was seen. */
struct log_inspect_seen {
    struct log_inspect_fault fault; /* as it is told */
    uint32_t look;                  /* the last look that saw it */
    uint32_t looks_count;           /* looks that did */
};

/* All of it. */
struct log_inspect_state {
    struct log_inspect *inspect;        /* the caller's */
    struct rt_shard *shard;             /* where it runs */
    struct budget budget;               /* pays for all, below the shard's */
    const struct crc32c *kernels;       /* for checksums */
    char journal_dir[LIMIT_PATH_BYTES]; /* where journal files are */
    struct sm sm;                       /* where it stands */
    struct rt_op op;                    /* listing, deferring */
    struct rt_timer timer;              /* between looks */
    struct rt_dir_list list;            /* of the directory listed last */
    char list_path[LIMIT_PATH_BYTES];   /* its name */
    enum err list_err;                  /* how that ended */
    bool is_listed;                     /* `list` and `list_err` answer `list_path` */
    struct log_inspect_view view;       /* node.meta, tables, journal files, .snap */
    struct log_inspect_view idx;        /* sidecars */
    struct log_inspect_view log;        /* segments */

    struct log_meta meta;                   /* node.meta */
    struct log_tables tables;               /* groups.tab and its neighbours */
    uint8_t *tables_data[LOG_TABLES_COUNT]; /* their bytes */
    uint32_t tables_tries;                  /* times they did not go together */
    struct log_inspect_journal *journals;   /* the journal's files */
    uint32_t journals_count;                /* of them */
    uint32_t step;                          /* table or journal file in hand */
    struct log_recover recover;             /* what a start would believe */
    bool has_recover;                       /* it was begun */
    bool is_mixed;                          /* a journal file was used again while they were read */
    uint32_t mixed_count;                   /* times in a row that it was */
    bool is_moving; /* a server works: the journal is copied before tables are read */
    struct log_inspect_direct direct;                     /* blocks being checked */
    struct log_inspect_part parts[LOG_INSPECT_PARTS_MAX]; /* frames with a bad directory or copy */
    uint32_t parts_count;                                 /* of them */
    struct log_inspect_frame_end frame_end;               /* of the frame visited last */
    struct list_node *group;      /* in recover.groups: the group in hand, or the last */
    bool has_groups;              /* `group` is set */
    bool is_walking;              /* it is being walked */
    struct log_inspect_walk walk; /* the walk */

    struct log_inspect_seen *seen; /* faults */
    uint32_t seen_count;           /* of them */
    uint32_t seen_capacity;        /* room */
    uint64_t untold_count;         /* faults there was no room for */
    bool has_told_group;           /* one group: it was told */
    bool has_told;                 /* what is the node's was told */
    bool tells_node;               /* it is being told */
    uint32_t look;                 /* 1, 2, ...: contents are told in the first */
    uint64_t resume_index;         /* one group: the entry to go on with; 0: where was asked */
    uint32_t resume_count;         /* looks at that entry that were for nothing */
    bool does_restart;             /* this look ends here: go on at that entry */
    bool is_failed;                /* it cannot go on: inspect->err */
};

/* inspect.c */

/* The stages, for tests. */
extern const struct sm_decl log_inspect_decl;

/* Go on: from every completion. */
void log_inspect_run(struct log_inspect_state *state);

/* It cannot go on: `err` at `file`. */
void log_inspect_fail(struct log_inspect_state *state, enum err err, int saved_errno,
                      const char *file);

/* inspect_fault.c */

/* Something is wrong. `what` is static. */
void log_inspect_fault(struct log_inspect_state *state, const char *file, uint64_t pos,
                       uint64_t group, uint64_t index, const char *what, enum err err);
void log_inspect_fault_tell(struct log_inspect_state *state, const struct log_inspect_fault *fault);

/* Whether some fault of `group` was seen in `looks_count` looks or more; whether some fault was
 * seen in every look so far. */
bool log_inspect_is_suspect(const struct log_inspect_state *state, uint64_t group,
                            uint32_t looks_count);
bool log_inspect_has_seen(const struct log_inspect_state *state);

/* Tell those seen in every look, and count them. */
void log_inspect_tell(struct log_inspect_state *state);

/* inspect_node.c: steps of a look, in this order; each is true when it has come to its end. */
bool log_inspect_meta(struct log_inspect_state *state);
bool log_inspect_tables(struct log_inspect_state *state);
bool log_inspect_journals(struct log_inspect_state *state);
bool log_inspect_heads(struct log_inspect_state *state);
bool log_inspect_files(struct log_inspect_state *state);
bool log_inspect_again(struct log_inspect_state *state);

/* A table's name; give their memory back. */
const char *log_inspect_name_table(uint32_t which);
void log_inspect_release_tables(struct log_inspect_state *state);

/* inspect_recover.c; directs is true when it has come to its end */

/* Rows, and the journal's copies. */
void log_inspect_feed(struct log_inspect_state *state);
bool log_inspect_directs(struct log_inspect_state *state);

/* Remember which frames in journal file `slot` have a directory or a copy that does not verify. */
void log_inspect_parts(struct log_inspect_state *state, uint32_t slot, const uint8_t *data,
                       size_t length);
void log_inspect_decided(struct log_inspect_state *state);

/* inspect_walk.c, inspect_tail.c: look at all that one group has, from its segments to its tail;
 * the steps are true when they have come to their end. */
void log_inspect_walk_begin(struct log_inspect_state *state, struct log_found *found);
bool log_inspect_walk(struct log_inspect_state *state);
bool log_inspect_tail(struct log_inspect_state *state);

/* Give the walk's memory back. */
void log_inspect_walk_deinit(struct log_inspect_state *state);

/* Whether `data` is the batch that `rec` speaks of; *what says what is wrong. */
bool log_inspect_is_batch(const struct log_inspect_state *state, const struct log_sidecar *rec,
                          const uint8_t *data, const char **what);

#endif
