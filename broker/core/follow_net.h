/* Net differences of followers: what steps changed together (follow.h). Between the files of
 * broker/core about followers. */
#ifndef BROKER_CORE_FOLLOW_NET_H
#define BROKER_CORE_FOLLOW_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/map.h"
#include "broker/core/follow.h"
#include "views/exec/rows.h"

/* A row of a net difference. */
struct core_follow_entry {
    struct map_node in_diff;
    struct hash128 key; /* of the key's columns, where there are any */
    int64_t count;      /* how many more of them there are */
    const uint8_t *row; /* as the layout has it */
    uint32_t bytes;     /* of what tells it apart, behind this */
};

/* A net difference, and who is given it. */
struct core_follow_diff {
    struct list_node in_tail;        /* core_follow_tail.diffs */
    struct core_follow_tail *tail;   /* whose */
    struct core_follow_crowd *crowd; /* of whom */
    struct list members;             /* core_follow.in_wait */
    uint64_t from;                   /* they have all up to this tick */
    struct core_position position;   /* and then up to that one */
    struct arena arena;              /* of what follows */
    struct vec_type *types;          /* of its columns */
    struct exec_layout layout;       /* of rows */
    struct map map;                  /* core_follow_entry.in_diff */
    bool is_counted;                 /* these are known: */
    uint64_t adds_count;             /* rows that come */
    uint64_t removes_max;            /* rows that go, those whose key has a new row among them */
    struct map_node *next;           /* being looked at */
    struct map keys;                 /* core_follow_key.in_diff: of those that come */
    const uint8_t **rows;            /* those that go, and from removes_max on those that come */
    uint32_t removes_count;
    uint32_t rows_count;
};

/* The net difference of (from, ...] for those of the crowd that are behind at `from`. NULL: no
 * memory. */
struct core_follow_diff *core_follow_diff_new(struct core_follow_crowd *crowd, uint64_t from);
void core_follow_diff_free(struct core_follow_diff *diff);
/* Its members leave it, and begin with snapshots. */
void core_follow_diff_leave(struct core_follow_diff *diff, const char *reason);
/* Some of the round's chunks. True: it is whole; or it could not be made, and has no members. */
bool core_follow_diff_make(struct core_follow_diff *diff);
/* A piece of it to some of its members, in a turn between rounds. False: nobody takes any now. When
 * it has no members any more it is to be freed. */
bool core_follow_diff_give(struct core_follow_diff *diff);

#endif
