/* An aggregation's parts: each partition is folded on the shard that has it, by a query of its own
 * (exec.h), and joined where the statement runs, in order of partitions.
 *
 * Where partitions begin and end is asked first, of all at once: a part that begins late reads no
 * more than one that begins early.
 *
 * Some partitions are under way at a time, the first ones that are not joined yet: what is folded
 * and waits for its turn takes memory. A part travels as a call (call.h): to its shard, where it
 * takes its turns among the statements there (core_query_part_go), home when it is at its end, and
 * there once more when it was joined, to be closed by whom its memory is.
 *
 * Who touches what: the statement's shard all of struct core_query_parts, and of a part what is
 * said to be at home, always; the rest of a part is of the shard to which its call was sent until
 * it is back. While a part is READY, the statement's shard reads its states, and on its own shard
 * nothing goes on but that sources which wait for nothing may say that they are ready. What parts
 * read of struct core_query_parts does not change once the first one is sent, but for is_stopped.
 * Private to broker/core. */
#ifndef BROKER_CORE_QUERY_PARTS_H
#define BROKER_CORE_QUERY_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/list.h"
#include "broker/core/bounds.h"
#include "broker/core/call.h"
#include "broker/core/scan.h"
#include "views/exec/exec.h"

struct core_plan;
struct core_query_parts;
struct core_query_run;

/* Parts under way for each shard there is. */
#define CORE_QUERY_PARTS_PER_SHARD 2u

/* Where a part stands. */
enum core_query_part_stage {
    CORE_QUERY_PART_IDLE,  /* unused */
    CORE_QUERY_PART_AWAY,  /* being folded on its shard */
    CORE_QUERY_PART_READY, /* at home: it ended, and is to be joined */
    CORE_QUERY_PART_CLOSE, /* on its shard, to be closed */
};

/* A part under way. */
struct core_query_part {
    struct core_query_parts *parts;   /* whose */
    enum core_query_part_stage stage; /* at home */
    struct core_call call;            /* there and back */

    /* Of the shard it is on. */
    uint32_t partition;       /* which */
    struct exec_query exec;   /* folds */
    struct core_scans scans;  /* reads */
    struct budget budget;     /* its memory, of that shard's statements */
    struct list_node in_list; /* core_queries.parts: it can go on */
    bool is_open;             /* `exec` is */
    bool is_held;             /* it is no more, but has memory to give back */
    bool is_blocked;          /* waits for records */
    bool is_closing;          /* it is to go home once its sources are gone */
};

/* The parts of a statement. */
struct core_query_parts {
    struct exec_parts ops;          /* what the executor asks */
    struct core_query_run *run;     /* whose; NULL: there are no parts */
    const struct plan *plan;        /* what is run, everywhere */
    struct exec_setting setting;    /* of each part, but for its budget and partition */
    size_t bytes_max;               /* of each part */
    const uint64_t *groups;         /* of each partition */
    uint32_t partitions_count;      /* of the stream */
    struct core_bounds bounds;      /* of all partitions, */
    struct core_bounds_item *items; /* and what is said */
    uint32_t next_start;            /* the first partition that is not under way yet */
    uint32_t next_join;             /* the next to be joined */
    struct core_query_part *slots;  /* slots_count; a partition has number % slots_count */
    uint32_t slots_count;           /* partitions under way at most */
    uint32_t busy_count;    /* slots that are not IDLE, and one while bounds are asked for */
    atomic_bool is_stopped; /* no part need be folded on: read on every shard */
};

/* Whether the plan of `run` is worth it, and if so, begin: run->parts is what exec_open takes.
 * False: it is run where it is: there is no memory for parts either, or other statements of this
 * shard have so many parts that one more would gain nothing. */
bool core_query_parts_begin(struct core_query_run *run, const struct exec_setting *setting);

/* No more parts are wanted. What is under way comes home and is closed; core_query_parts_gone
 * (query_run.h) is told when the last one is, unless none is under way now. */
void core_query_parts_end(struct core_query_parts *parts);

/* Forget them: none is under way. Nothing to do when there are none. */
void core_query_parts_forget(struct core_query_parts *parts);

/* A turn of a part on the shard it is on, until `end_ns`. */
void core_query_part_go(struct core_query_part *part, uint64_t end_ns);

#endif
