/* Plans of SELECTs, kept to be run again: found by what was asked and by the types of its
 * parameters, the least recently used one forgotten first.
 *
 * A plan's arena has all that belongs to it: the plan, the relations it reads, its statement's
 * text. Whoever runs one holds a reference; what is forgotten meanwhile lives until that is gone.
 * Own shard only. */
#ifndef BROKER_CORE_PLANS_H
#define BROKER_CORE_PLANS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/map.h"
#include "base/pool.h"
#include "views/plan/plan.h"
#include "views/sql/bind.h"

/* Plans kept at most, and bytes of one that is. */
#define CORE_PLANS_MAX      1024u
#define CORE_PLAN_BYTES_MAX (256u << 10)

/* A plan, kept or not. */
struct core_plan {
    struct arena arena;                     /* all that it points to */
    struct plan plan;                       /* what is run */
    const char *text;                       /* of the statement it was made from: places in the plan
                                               are places there */
    size_t length;                          /* bytes of it */
    const struct plan_relation **relations; /* that it reads; references_count */
    const struct sql_reference *references; /* the names they have there */
    uint32_t references_count;
    uint64_t version; /* core_resolve_version, when they were found */
    bool has_streams; /* some are streams */

    /* Private to plans.c. */
    struct map_node in_map;     /* core_plans.map */
    struct list_node in_recent; /* core_plans.recent */
    const void *key;            /* what it is found by */
    size_t key_bytes;           /* of it */
    size_t bytes;               /* counted in core_plans.bytes */
    uint32_t refs;              /* who holds it */
};

/* Those of a shard. */
struct core_plans {
    struct budget *budget;     /* of all plans, kept or not */
    struct pool pool;          /* of struct core_plan */
    struct map map;            /* core_plan.in_map: those that are kept */
    struct map_node **buckets; /* of `map` */
    struct list recent;        /* the same, the last used one first */
    uint32_t count;            /* of them */
    size_t bytes;              /* of their arenas */
    size_t bytes_max;          /* of them at most */
    uint64_t seed;             /* of hashes */
    uint64_t hits_count;       /* found */
    uint64_t misses_count;     /* not found */
};

/* Make `plans` empty. ERR_BUDGET. */
MUST_USE enum err core_plans_init(struct core_plans *plans, struct budget *budget, size_t bytes_max,
                                  uint64_t seed);

/* Forget all; nobody holds one (asserted). */
void core_plans_deinit(struct core_plans *plans);

/* The kept plan of that key, with a reference for the caller; NULL: there is none. */
struct core_plan *core_plans_find(struct core_plans *plans, const void *key, size_t key_bytes);

/* An empty plan, with a reference for the caller, that is not kept. NULL: no memory. */
struct core_plan *core_plans_new(struct core_plans *plans);

/* Keep `plan`, whole now, under that key, which is copied, in the place of one that is kept there;
 * where it is too large or there is no memory, not. */
void core_plans_keep(struct core_plans *plans, struct core_plan *plan, const void *key,
                     size_t key_bytes);

/* Keep it no longer, if it is: it is out of date. */
void core_plans_drop(struct core_plans *plans, struct core_plan *plan);

/* The caller's reference ends. */
void core_plans_unref(struct core_plans *plans, struct core_plan *plan);

/* Keep none any longer: memory is needed. */
void core_plans_forget(struct core_plans *plans);

#endif
