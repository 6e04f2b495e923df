/* What the parts of log_recover share. Private to recover*.c.
 *
 * Reading files makes frames and records, in an arena; of a batch only its header stays. Everything
 * found is kept in singly linked lists whose link comes first, so that one merge sort puts any of
 * them in order, and each order is total over what was given. */
#ifndef STORAGE_LOG_RECOVER_INT_H
#define STORAGE_LOG_RECOVER_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "storage/log/recover.h"

struct recover_link {          /* the first member of whatever is sorted */
    struct recover_link *next; /* NULL: the last */
};

/* A list that is appended to. Zeroed: empty. */
struct recover_chain {
    struct recover_link *first; /* NULL: empty */
    struct recover_link *last;  /* of a list that is not empty */
};

/* A journal file that belongs to a lane: its life is at or above the floor. */
struct recover_file {
    struct recover_link link;   /* recover_state.files */
    uint32_t slot;              /* its name */
    uint64_t boot_epoch;        /* of its life */
    uint32_t lane;              /* likewise */
    uint64_t number;            /* likewise */
    uint64_t first_frame;       /* from its header; 0: unreadable */
    uint64_t previous_number;   /* from its header; 0: none, or unreadable */
    uint64_t first_found;       /* number of the first frame found in it; 0: none */
    uint64_t front_blocks;      /* blocks in front of that one */
    uint64_t end_pos;           /* behind the last frame: where the next one would begin */
    bool is_only_seal;          /* its first frame was a seal, the header of which is damaged */
    uint64_t damaged_pos;       /* a damaged frame header stands there; 0: none */
    const uint8_t *data;        /* while it is read: its bytes, */
    size_t length;              /* how many, */
    struct recover_frame *last; /* and the frame read last */
};

/* A frame whose header verifies. */
struct recover_frame {
    struct recover_link link;         /* recover_state.frames, in order the lane's */
    struct log_frame head;            /* its header */
    uint32_t slot;                    /* journal file */
    uint64_t pos;                     /* of its first byte in it */
    const struct log_frame_row *rows; /* its directory; NULL: not kept, nobody will ask */
    const struct log_frame_row *copy; /* that of the previous one; likewise */
    struct recover_chain records;     /* recover_record: those that verify, in order */
    struct recover_lane *lane;        /* whose */
    bool has_rows;                    /* the directory verifies */
    bool has_copy;                    /* the copy does */
    bool is_whole;                    /* every record verifies */
    bool is_sound;                    /* every entry's body does; of direct tails: as answered */
    bool has_direct;                  /* holds a direct tail */
    enum log_recover_row decision;    /* F1..F7 */
};

/* A record that verifies. */
struct recover_record {
    struct recover_link link;      /* recover_frame.records, then recover_group.records */
    struct recover_frame *frame;   /* where it stands */
    struct recover_claim *claim;   /* what the directory of its rot frame says; NULL: not rot */
    struct log_record record;      /* tail: data points to kept sidecar records; lanes: lane ends */
    uint64_t data_pos;             /* of record.data in the file */
    struct log_found_entry *entry; /* entry: what will be found; place and timestamp come later */
    bool is_header_sound;          /* entry: the batch's header is what the record says */
};

/* What the directory of a rot frame says of a group. */
struct recover_claim {
    struct recover_link link;    /* recover_group.claims */
    struct log_frame_row row;    /* the row */
    struct recover_frame *frame; /* the frame; NULL: it is missing */
    uint64_t boot_epoch;         /* of the frame */
    uint32_t lane;               /* likewise */
    uint64_t number;             /* likewise */
    uint64_t file_number;        /* of the frame; of one that is missing the lowest it may be in */
    uint64_t seen_seq;           /* of the frame: the last record that is left; 0: none */
    bool is_first_seen;          /* the first entry is among these */
    bool is_cut_seen;            /* the last cut that is left, and all behind it up to seen_seq */
};

/* A lane of one boot. */
struct recover_lane {
    uint64_t boot_epoch;          /* which boot's */
    uint32_t lane;                /* which stream of it */
    struct recover_frame *frames; /* by number, none twice; NULL: none */
    uint64_t low;                 /* the lowest number that should be there */
    uint64_t high;                /* the highest that was begun, as far as seen */
    uint64_t durable;             /* D */
    uint64_t end;                 /* the last frame that counts */
    uint64_t rot_number;          /* the highest F5, 0: none */
    bool is_front_unread; /* `low` is a guess: nothing in front of the first frame is readable */
    bool is_named;        /* a later `lanes` record says where it ends: durable */
    uint64_t counts[7];   /* F1..F7 */
    const void *proves;   /* the group that has a counted record behind rot_number */
};

/* One step through a lane: a frame, or missing numbers that are decided alike. */
struct recover_step {
    struct recover_frame *frame;     /* NULL: missing */
    struct recover_frame *previous;  /* the one before it, or before those missing; NULL: none */
    struct recover_frame *following; /* the next one there is; NULL: none */
    uint64_t first;                  /* numbers */
    uint64_t last;                   /* likewise; = first for a frame */
    enum log_recover_row decision;   /* F1..F7 */
    bool is_torn;                    /* a torn one has passed */
    bool is_begun;                   /* first is valid */
};

struct recover_group {            /* in the making */
    struct recover_link link;     /* recover_state.groups */
    struct map_node in_map;       /* recover_state.map, by group */
    struct log_found found;       /* the outcome */
    struct recover_chain records; /* recover_record of frames that count */
    struct recover_chain claims;  /* recover_claim */
    struct recover_claim *claim;  /* of the frame being dealt out, then of that with the last gap */
    uint64_t table_seq;           /* group_seq of the row */
    uint64_t next_seq;            /* expected */
    uint64_t gap_seq;             /* of the first record missing, while that may hide entries */
    uint64_t file_before;         /* the file of the record or claim dealt with last */
    uint64_t boot_last;           /* highest boot of a record that counts */
    uint32_t proofs_count;        /* lanes of that boot in which it is proven behind the rot */
    uint32_t generation;          /* of the current segment */
    uint64_t segment_index;       /* first index of it, 0: none */
    uint32_t end_pos;             /* bytes of it */
    uint64_t membership_table;    /* newest that is settled, 0: unknown */
    bool is_row_lost;             /* its row is unreadable */
    uint64_t lost_seq;            /* what a table that does not count yet says of it; 0: nothing */
    bool is_created;              /* a `create` was applied */
    bool is_chain_known;          /* found.end.chain is a real one */
    bool is_gap_open;             /* a gap was seen since the last entry: the next may jump */
    bool is_cut_lost;             /* a cut of unknown place is in the gap */
    bool is_row_cut;              /* a cut went below the settled end: a segment begins at it */
    bool is_hard_lost;            /* a hard state was lost, none came since */
    bool is_gapped;               /* some group_seq is missing */
    bool is_amnesiac;             /* by what this start saw */
    bool has_lost;                /* entries are quarantined for being lost */
    bool has_unsound;             /* or for their bodies */
};

/* log_recover.state. */
struct recover_state {
    struct arena arena;           /* all memory but the buckets */
    struct recover_chain files;   /* recover_file */
    struct recover_chain frames;  /* recover_frame, until lanes have them */
    struct recover_chain groups;  /* recover_group */
    struct map map;               /* recover_group.in_map */
    struct map_node **buckets;    /* of map */
    struct recover_lane *lanes;   /* by boot and lane */
    uint32_t lanes_count;         /* of them */
    uint64_t rot_boot_max;        /* highest boot with an F5, 0: none */
    uint32_t rot_lanes_count;     /* lanes of it that have one */
    uint64_t gone_boot;           /* highest boot with a lane of which nothing is left; 0: none */
    bool has_row_doubt;           /* a group without a row may have lost it */
    bool is_blind;                /* some frame is torn and nobody knows whose it was */
    struct recover_record *asked; /* the direct tail given out last, in lane asked_lane */
    uint32_t asked_lane;          /* likewise */
};

typedef bool recover_is_before(const struct recover_link *a, const struct recover_link *b);

/* Append; put the list in order, equal ones keep theirs. */
void recover_push(struct recover_chain *chain, struct recover_link *link);
void recover_sort(struct recover_chain *chain, recover_is_before *is_before);

/* Zeroed memory of the arena. ERR_BUDGET: *out is NULL. */
MUST_USE enum err recover_alloc(struct log_recover *r, size_t bytes, void **out);

/* The group, or NULL; made. */
struct recover_group *recover_group_find(const struct log_recover *r, uint64_t group);
MUST_USE enum err recover_group_make(struct log_recover *r, uint64_t group,
                                     struct recover_group **out);

/* recover_lanes.c: walk a lane from a zeroed step; false: at its end. */
bool recover_lane_step(const struct recover_lane *lane, struct recover_step *step);

/* recover_frame.c: keep the frame at `pos` of `file` with header `head`, and what verifies. */
MUST_USE enum err recover_frame_read(struct log_recover *r, struct recover_file *file, uint64_t pos,
                                     const struct log_frame *head);

struct recover_fit { /* what stands in the way of R2 */
    bool is_taken;   /* R8 */
    bool is_behind;  /* R9 */
};

/* recover_apply.c: let `rec` act on its group, which expects its group_seq. *out = R2, or R8, R9
 * where it does not fit. */
MUST_USE enum err recover_apply(struct log_recover *r, struct recover_group *g,
                                struct recover_record *rec, enum log_recover_row *out);

/* Let the log end just before `index`, where the next entry has `offset` and, after a gap, those
 * lost have terms up to `term`. */
MUST_USE enum err recover_place(struct log_recover *r, struct recover_group *g, uint64_t index,
                                uint64_t offset, uint32_t term, struct recover_fit *fit);

/* `entry` follows; whether it does is checked, by its chain too where `has_chain`. */
MUST_USE enum err recover_append(struct log_recover *r, struct recover_group *g,
                                 struct log_found_entry *entry, bool has_chain,
                                 struct recover_fit *fit);

/* recover_tail.c: as recover_apply, for a tail. */
MUST_USE enum err recover_apply_tail(struct log_recover *r, struct recover_group *g,
                                     struct recover_record *rec, struct recover_fit *fit);

/* Whether there is none. */
static inline bool recover_chain_is_zero(struct hash128 chain)
{
    return (chain.low | chain.high) == 0;
}

#endif
