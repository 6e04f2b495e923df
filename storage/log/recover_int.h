/* What the files of the recovery core share. See recover.h. */
#ifndef STORAGE_LOG_RECOVER_INT_H
#define STORAGE_LOG_RECOVER_INT_H

#include "base/arena.h"
#include "storage/log/batch.h"
#include "storage/log/recover.h"

struct rec_frame;

/* A record of a frame that was read. */
struct rec_record {
    struct log_record record; /* decoded; data: of a tail and of `lanes` a copy, else NULL */
    struct log_sidecar rec;  /* entry: what its header says; pos and running timestamp come later */
    bool is_sound;           /* entry: header and body verify */
    uint64_t slot_pos;       /* of its data in the file */
    struct rec_frame *frame; /* where it stands */
    struct rec_record *next; /* the next one of the frame */
};

/* A frame that was read, or one that is missing (slot UINT32_MAX). */
struct rec_frame {
    struct log_frame head;             /* its header; missing: boot epoch, lane and number only */
    struct log_frame_row *rows;        /* its directory; NULL: unreadable */
    struct log_frame_row *copy;        /* the copy of the one before; NULL: unreadable */
    struct rec_record *records;        /* in order, as far as they verify */
    uint32_t records_count;            /* of these */
    uint32_t slot;                     /* which file */
    uint64_t pos;                      /* where in it */
    bool are_records_whole;            /* all of them verify */
    bool are_bodies_sound;             /* all entries', those of direct tails aside */
    enum log_recover_row row;          /* the decision */
    const struct log_frame_row *marks; /* rot: the rows that name its groups */
    uint32_t marks_count;              /* of them */
};

/* A lane of one boot. */
struct rec_lane {
    uint64_t boot_epoch;       /* which start */
    uint32_t lane;             /* which stream */
    struct rec_frame **frames; /* by number, missing ones included */
    uint32_t frames_count;     /* of them */
    uint64_t durable_through;  /* D */
    uint64_t closed;           /* last frame that counts by a later `lanes`; UINT64_MAX: open */
    uint64_t last_counted;     /* highest frame that counts; 0: none */
};

/* A vector of pointers in the arena. */
struct rec_vector {
    void **items;      /* the pointers */
    uint32_t count;    /* used */
    uint32_t capacity; /* room */
};

/* A directory row of a frame that is rot. */
struct rec_mark {
    const struct log_frame_row *row; /* which group, and what of it */
    const struct rec_frame *frame;   /* the frame */
};

struct rec_state {
    struct arena arena;             /* all of it */
    struct rec_vector frames;       /* struct rec_frame, as read */
    struct rec_vector rows;         /* struct log_row */
    struct rec_vector lost;         /* uint64_t *: groups of unreadable rows */
    struct rec_lane *lanes;         /* by boot and lane */
    uint32_t lanes_count;           /* of them */
    uint32_t next_lane;             /* of log_recover_next_direct */
    uint32_t next_frame;            /* likewise */
    struct rec_record *next_record; /* likewise; NULL: the next frame's first */
    struct rec_vector marks;        /* struct rec_mark */
    bool is_row_lost;               /* an unreadable row whose group is unknown */
};

/* The state of `r`. */
struct rec_state *rec_state(const struct log_recover *r);

/* Append `item`. ERR_BUDGET. */
MUST_USE enum err rec_vector_push(struct arena *arena, struct rec_vector *vector, void *item);

/* Sort stably by `compare` (< 0: a first). ERR_BUDGET. */
typedef int rec_compare(const void *a, const void *b);
MUST_USE enum err rec_vector_sort(struct arena *arena, struct rec_vector *vector,
                                  rec_compare *compare);

/* The partition of check->group, where only its `create` says. */
void rec_direct_topic(const struct log_recover *r, struct log_recover_direct *check);

/* Apply records, in order, to groups: recover_apply.c. */
struct rec_group {
    struct log_recover *r;       /* whose */
    struct log_found *found;     /* the group as far as it is known */
    uint64_t expected_seq;       /* of the next record */
    uint64_t segment_index;      /* of the segment entries go to now; 0: none */
    uint32_t segment_generation; /* its generation */
    uint32_t pos;                /* end of the newest entry in it */
    uint64_t hard_seq;           /* of the newest hard state */
    bool is_created;             /* there is a row, or a create was seen */
    bool is_gap;                 /* records are missing just before this one */
    bool is_explained;           /* rot explains it */
    bool is_noted;               /* some row other than G1 was counted */
    enum err err;                /* ERR_BUDGET */
};

/* Apply the next record, whose number is as expected or behind a gap. */
void rec_apply(struct rec_group *g, const struct rec_record *record);

/* Note that indexes first..last cannot be read. */
void rec_quarantine(struct rec_group *g, uint64_t first_index, uint64_t last_index,
                    uint64_t next_offset, uint32_t term);

/* Entries end.index + 1 .. last are missing: a gap in their place, the end moves. */
void rec_gap(struct rec_group *g, uint64_t last_index, uint64_t next_offset, uint32_t term);

/* The group does not know what it has answered. */
void rec_amnesia(struct rec_group *g);

#endif
