/* The relations that a statement names: found, or made. Views and streams are looked up in the
 * catalog; a topic that no declared stream bears the name of has an implicit one, whose columns are
 * inferred from its records when a query first names it, kept as a command of the controller, and
 * looked at again when there are records that inference has not seen (VIEWS §4). System tables are
 * always there.
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_CORE_RESOLVE_H
#define BROKER_CORE_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rt/op.h"
#include "broker/core/code.h"
#include "views/plan/relation.h"
#include "views/sql/bind.h"

struct core_look;
struct core_resolve;
struct core_shard;
typedef void core_resolve_fn(struct core_resolve *resolve);

/* Relations being found. In place, the caller's until start and from `done` on. */
struct core_resolve {
    /* Asked. */
    core_resolve_fn *done; /* once, from a turn of the loop of the shard that started it */
    void *ctx;             /* the caller's */
    const struct sql_reference *references;
    uint32_t references_count;
    struct arena *arena;  /* what is answered lives there: relations are copies, which no change of
                             the catalog touches */
    uint64_t deadline_ns; /* of rt_now_ns; inference that takes longer is CORE_TIMEOUT */

    /* Answered. */
    const struct plan_relation **relations; /* of each reference; NULL: there is none. `owner` is
                                               what scan.h reads by */
    enum core_code code; /* CORE_OK, or why it failed: `message` says it for people */
    const char *state;   /* and this is its SQLSTATE; static storage */
    char message[256];
    uint32_t failed; /* of which reference */

    /* Private to resolve.c. */
    struct core_shard *cs;       /* where */
    struct rt_op op;             /* goes on in another turn */
    struct core_look *look;      /* under way; NULL: none */
    struct arena_mark look_mark; /* what it took is given back to here */
    uint32_t next;               /* the reference in hand, */
    uint32_t looks_count;        /* looks at it, */
    bool is_looked;              /* and what the catalog says is the last word */
    bool is_canceled;            /* nobody wants it any more */
};

/* Begin: answered from another turn. The other private fields need not be set. Failures have these
 * SQLSTATEs: 0A000, the values are not JSON; 42P09, names that differ in case; 53100, 53200, 57014,
 * 57P01, 57P03, 58030, XX001 as PostgreSQL has them. */
void core_resolve_start(struct core_shard *cs, struct core_resolve *resolve);

/* End it early: done fires soon, with CORE_TIMEOUT unless it had ended. */
void core_resolve_cancel(struct core_resolve *resolve);

/* Names of what can be read, for suggestions: as sql_binding.name_at, with a core_shard as ctx. */
const char *core_resolve_name_at(void *cs, uint32_t i);

/* A number that changes whenever what some name stands for may have: of the catalog. Plans are kept
 * as long as it is the same and their streams have no records that inference has not seen. */
uint64_t core_resolve_version(const struct core_shard *cs);

#endif
