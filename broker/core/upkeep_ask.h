/* How views stand, for system.views and those who ask by HTTP. See upkeep.h. */
#ifndef BROKER_CORE_UPKEEP_ASK_H
#define BROKER_CORE_UPKEEP_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/call.h"
#include "broker/core/faults.h"
#include "storage/log/format.h"

struct core_catalog;
struct core_shard;
struct core_upkeep;
struct core_view;
struct core_upkeep_ask;

/* Where a view stands. */
enum core_upkeep_status {
    CORE_UPKEEP_BUILDING, /* not to be read yet */
    CORE_UPKEEP_LIVE,
    CORE_UPKEEP_LAGGING, /* more than 50 ms behind */
    CORE_UPKEEP_BROKEN,  /* not kept up any more: `why` */
    CORE_UPKEEP_STATUS_COUNT
};

/* A view that is bound anew, or was to be. */
struct core_upkeep_rebind {
    bool is_under_way;      /* it has an heir, of which: */
    uint64_t rows_count;    /* of its state */
    uint64_t bytes;         /* of memory */
    uint64_t records_count; /* folded since the server started */
    uint64_t left_count;    /* records of the step under way that are left to fold */
    uint64_t eta_ns;        /* until that step is done; 0: not known */
    char why[160];          /* else: why the newest one was given up; "": none was */
};

/* A view, at its home. */
struct core_upkeep_row {
    struct log_uuid view;
    struct log_uuid lineage;
    enum core_upkeep_status status;
    bool is_degraded;    /* values did not fit its frozen types, or rows failed */
    char why[160];       /* of BROKEN and LAGGING; "" */
    uint64_t tick;       /* complete on all shards */
    uint64_t lag_ns;     /* how long ago the first tick came that it has not; 0: it has all */
    uint64_t fresh_ns;   /* how long the tick that it took last had been there when all shards had
                            taken it; 0: it has taken none */
    uint64_t rows_count; /* of its state */
    uint64_t bytes;      /* of memory */
    uint64_t records_count;    /* folded since the server started */
    uint64_t left_count;       /* records of the step under way that are left to fold */
    struct core_faults faults; /* values and rows that failed since the server started */
    uint64_t eta_ns;           /* until that step is done, by its pace so far; 0: not known */
    struct core_upkeep_rebind rebind;
};

/* The views whose home this shard is: up to `max` rows, in order of their names' catalog. Returns
 * how many. On other shards: none. */
uint32_t core_upkeep_rows(const struct core_upkeep *upkeep, struct core_upkeep_row *out,
                          uint32_t max);

typedef void core_upkeep_ask_fn(struct core_upkeep_ask *ask);

/* A question to the home: how do these views stand? In place, the caller's until start and from
 * `done` on; the rows, too. */
struct core_upkeep_ask {
    /* Asked. */
    core_upkeep_ask_fn *done;     /* once, from a turn of the loop of the shard that asked */
    void *ctx;                    /* the caller's */
    struct core_upkeep_row *rows; /* rows_count; `view` of each is asked, the rest but its lineage
                                     answered: of one that the home does not know, that it is being
                                     built */
    uint32_t rows_count;

    /* Private to upkeep_ask.c. */
    struct core_call call;
};

/* Ask. False: there is no home yet; the rows are answered, and `done` is not called. */
bool core_upkeep_ask_start(struct core_shard *cs, struct core_upkeep_ask *ask);

/* The view that the row is about, or that has the place of that one by now; NULL: it was dropped.
 */
const struct core_view *core_upkeep_row_view(const struct core_catalog *catalog,
                                             const struct core_upkeep_row *row);

/* "building", ... Static storage. */
const char *core_upkeep_status_name(enum core_upkeep_status status);

#endif
