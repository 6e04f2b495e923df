/* Streams of records that are known, and scans over them as an executor has them, over a yard.
 *
 *     struct world *w = world_new(seed, 2);      records are a function of seed, partition, offset
 *     world_append(w, 0, 7);
 *     struct scan *s = scan_new(w, 1);           all columns and rows, on shard 1
 *     scan_run(s);                               each row is held against its record
 *     scan_expect_whole(s);
 *     scan_end(s);                               memory is back
 *     world_free(w);
 */
#ifndef TESTS_UNIT_CORE_SCANS_H
#define TESTS_UNIT_CORE_SCANS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "broker/core/scan.h"
#include "broker/core/stream.h"
#include "broker/core/system_tables.h"
#include "tests/support/batch_build.h"
#include "tests/unit/core/yard.h"

#define SCAN_TEXT_BYTES 1024u
#define SCAN_TIME       1000000 /* ms, about that of the first record */

/* Columns of the stream; behind them the system's. */
enum { C_ID, C_NAME, C_X, C_AT, C_DOC, C_KEY, C_HEADER, C_REST, C_COUNT };

/* A record, and what columns have of it. */
struct record {
    char key[32]; /* "": none */
    char value[256];
    bool is_null;
    int64_t timestamp;
    struct batch_build_header headers[3];
    size_t headers_count;
    char header[32];
    /* And what columns have of it; NULL: null. */
    char texts[8][SCAN_TEXT_BYTES];
    const char *cells[8];
    uint32_t misfits_count; /* values that do not fit, of all columns, and a value that is none */
};

/* A yard with a stream. */
struct world {
    struct yard *y;
    uint64_t seed;
    struct prng prng;
    uint64_t ends[YARD_PARTITIONS];
    bool may_crash; /* then no codec is used whose library keeps memory, which nobody would free */
    uint32_t partition; /* appended to, */
    uint32_t records;   /* so many, */
    enum codec_kind codec;
    struct budget budget; /* of the relation */
    struct arena arena;
    struct core_stream_relation *relation;
};

/* A scan. */
struct scan {
    struct core_scans scans;
    struct world *w;
    uint32_t home;
    struct plan_scan plan;
    uint32_t numbers[PLAN_COLUMNS_MAX];
    uint32_t count;
    struct budget budget;
    struct exec_failure failure;
    struct exec_source *source;
    enum exec_result result;      /* the last one */
    const struct vec_batch *held; /* the last batch: what it says stays until the next call */
    bool is_open;
    bool is_closed;                  /* `closed` was called */
    uint64_t pause_ns;               /* between calls of next; 0: none */
    uint64_t first[YARD_PARTITIONS]; /* what must be given of each partition, */
    uint64_t end[YARD_PARTITIONS];
    uint64_t at[YARD_PARTITIONS]; /* and behind what was */
    uint64_t rows_count;
    uint64_t gaps_count;    /* rows left out */
    uint32_t partition;     /* of the last row */
    uint64_t misfits_count; /* in the columns wanted, of the rows given */
    char texts[64][8][96];  /* of a system table: its first rows */
};

/* The record that stands there. Lives until the next call. */
struct record *record_of(uint64_t seed, uint32_t partition, uint64_t offset);

/* A world without records on so many shards; with some in partitions 0 and 2; its end. */
struct world *world_new(uint64_t seed, uint32_t shards_count);
struct world *world_small(uint32_t shards_count);
void world_free(struct world *w);

/* Append that many records as one batch of some codec. */
void world_append(struct world *w, uint32_t partition, uint32_t records);

/* Make the relation anew, after a start. */
void world_relate(struct world *w);

/* A scan of all columns and rows of the stream, on shard `home`. */
struct scan *scan_new(struct world *w, uint32_t home);

/* Let it be one of that system table; only those columns of the relation. */
void scan_system(struct scan *s, const char *name);
void scan_columns(struct scan *s, const uint32_t *numbers, uint32_t count);

/* Open it and ask until it ends. */
void scan_run(struct scan *s);

/* Close it; its memory is back. */
void scan_end(struct scan *s);

/* Call on the scan's shard: open, ask again, close. */
void scan_post(struct scan *s, void (*call)(struct rt_shard *shard, void *ctx));
void scan_open_call(struct rt_shard *shard, void *ctx);
void scan_turn_call(struct rt_shard *shard, void *ctx);
void scan_close_call(struct rt_shard *shard, void *ctx);

/* Whether it has ended, however. */
bool scan_is_done(void *ctx);

/* All rows that are wanted were given. */
void scan_expect_whole(const struct scan *s);

#endif
