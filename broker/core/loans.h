/* Other shards' bytes on their way back (base/buf.h, "loans"): what a turn gives back to one shard
 * goes there in one mail. */
#ifndef BROKER_CORE_LOANS_H
#define BROKER_CORE_LOANS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rt/op.h"
#include "base/rt/outbox.h"

struct budget;
struct core_loans;
struct core_shard;

/* Loans of one owner. */
struct core_loans_way {
    struct rt_outbox_mail mail;  /* carries `chain` to the owner, and comes back empty */
    struct core_loans *loans;    /* whose */
    struct buf_return_list list; /* wait */
    struct buf_loan *chain;      /* are on their way */
    bool is_away;                /* mail has not come back */
};

/* A shard's. */
struct core_loans {
    struct core_shard *cs;       /* whose */
    struct core_loans_way *ways; /* one for each shard */
    uint32_t waiting_count;      /* given back here and not sent */
    uint32_t away_count;         /* ways whose mail is away */
    struct rt_op op;             /* sends at the end of the turn */
};

/* Make it empty for `shards_count` shards, charged to `budget`. ERR_BUDGET. */
MUST_USE enum err core_loans_init(struct core_loans *loans, struct core_shard *cs,
                                  struct budget *budget, uint32_t shards_count);

/* Whether nothing is on its way. */
bool core_loans_is_idle(const struct core_loans *loans);

/* Asserted: nothing is on its way. */
void core_loans_deinit(struct core_loans *loans, struct budget *budget);

/* `loan` is not needed here any more. It must not be touched afterwards. */
void core_loans_return(struct core_loans *loans, struct buf_loan *loan);

/* The same for a chain by buf_loan.next; NULL is allowed. */
void core_loans_return_all(struct core_loans *loans, struct buf_loan *chain);

#endif
