/* Materialized views over a yard: records of the kinds that views fold, statements, and what the
 * views must say.
 *
 *     struct land *l = land_new(seed, NULL);
 *     land_start(l, 2);                            the stream `ev` is declared over the topic
 *     land_create(l, 0);                           view number 0 of the table
 *     land_append(l, 1, 20);                       random records to partition 1
 *     land_settle(l);                              until the views have them all
 *     land_compare(l);                             each view is what its SELECT says
 *     land_free(l);
 *
 * A listener keeps how many records each tick covers. */
#ifndef TESTS_UNIT_CORE_UPKEEP_WORLD_H
#define TESTS_UNIT_CORE_UPKEEP_WORLD_H

#include "base/prng.h"
#include "broker/core/upkeep.h"
#include "tests/unit/core/statements.h"

#define LAND_VIEWS      12u
#define LAND_TICKS      65536u
#define LAND_PARTITIONS 8u

/* What a view of the table is. */
struct land_kind {
    const char *name;
    const char *select;     /* keys first, sums of doubles last */
    uint32_t doubles_count; /* of its columns, at the end */
    bool is_counting;       /* its second column counts all records */
};

extern const struct land_kind land_kinds[LAND_VIEWS];

struct land {
    struct yard *y;
    struct prng prng; /* of records */
    bool has[LAND_VIEWS];
    uint64_t number;  /* of the next record */
    bool is_odd;      /* records also have values that do not fit */
    bool is_whole;    /* none is without a key */
    size_t bytes_max; /* whoever sets it */
    const char *keys; /* NULL: few; to be set: a printf format of the record's number */
    uint32_t shards_count;

    /* What ticks cover. */
    struct core_ticks_listener listener;
    uint64_t ends[LAND_PARTITIONS];
    uint64_t covered[LAND_TICKS]; /* records below the ends of each tick; UINT64_MAX: not heard */
    uint64_t newest;
};

struct land *land_new(uint64_t seed, const struct sim_options *options);

/* What a land does when a shard's part has begun to open: for a test that does more. */
void land_opened(struct yard *y, struct core_shard *cs);

/* Start; the first time the stream is declared, too. End; forget, which closes what runs. */
void land_start(struct land *l, uint32_t shards_count);
void land_close(struct land *l);
void land_crash(struct land *l, enum sim_crash how);
void land_free(struct land *l);

/* Make or drop view number `view`. */
void land_create(struct land *l, uint32_t view);
void land_drop(struct land *l, uint32_t view);

/* Have view number `view` an heir of the same types, unless it has one; until no view has any. */
void land_rebind(struct land *l, uint32_t view);
void land_rebound(struct land *l);

/* Random records, acknowledged. */
void land_append(struct land *l, uint32_t partition, uint32_t records);

/* A statement on some shard, which is done under no error; its rows, sorted, to be freed. */
void land_do(struct land *l, const char *text);
char *land_rows(struct land *l, const char *text);
/* It fails so: "SQLSTATE message" begins with `want`. */
void land_fails(struct land *l, const char *text, const char *want);
/* Its rows are these: columns by '|', each with a '\n', sorted. */
void land_is(struct land *l, const char *text, const char *want);
/* EXPLAIN of the view has these words in one of its lines. */
void land_explains(struct land *l, const char *name, const char *words);

/* Until all views that there are have all that is committed; they live. */
void land_settle(struct land *l);

/* What the home tells of it. False: nothing. */
bool land_row(struct land *l, const char *name, struct core_upkeep_row *out);
/* Until it stands so. */
void land_wait_status(struct land *l, const char *name, enum core_upkeep_status status);

/* Each view says what its SELECT says; of one. */
void land_compare(struct land *l);
void land_compare_one(struct land *l, const char *name, const char *select, uint32_t doubles_count);

/* Run `call` on a shard in a turn of its own. */
void land_post(struct land *l, uint32_t shard, void (*call)(struct rt_shard *shard, void *ctx),
               void *ctx);

/* The topic has so many partitions now. */
void land_widen(struct land *l, int32_t partitions_count);

/* Nothing of any view is left on any shard. */
void land_is_empty(struct land *l);

/* --- Readers --- */

/* Reads a view at a held tick, slowly. */
struct land_reader {
    /* To be set. */
    struct land *l;
    uint32_t shard;
    const char *name;
    uint32_t pause_ms; /* between batches: a random time up to that */

    /* To be read. */
    bool is_done;
    enum core_code code; /* of the hold, or the first reading that failed */
    char why[256];
    uint64_t tick; /* the position's */
    uint64_t rows_count;
    uint64_t sum;  /* of the second column, which is a BIGINT */
    uint64_t hash; /* of all rows, whatever their order */

    /* Private. */
    struct core_upkeep_hold hold;
    struct core_upkeep_read reads[YARD_SHARDS];
    struct rt_timer timer;
    uint32_t at;
    uint32_t away_count;
    uint32_t unopened_count;
    bool is_held;
    bool is_ending;
};

void land_read(struct land_reader *reader);
void land_read_wait(struct land_reader *reader);

#endif
