/* A group's log made by hand on a simulated disk: sealed segments, an active one, its sidecar up to
 * the last whole block, journal files, and slots of which some are in memory. Beside it the list of
 * its entries, and a naive reader of that list: what a read must answer. */
#ifndef TESTS_UNIT_STORAGE_READ_LOG_H
#define TESTS_UNIT_STORAGE_READ_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "storage/log/read.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"

#define READ_LOG_ENTRIES  6000u
#define READ_LOG_JOURNALS 3u

/* Where an entry lies. */
enum read_log_where {
    READ_LOG_SEGMENT, /* no slot: segment and sidecar */
    READ_LOG_SETTLED, /* the same, and a slot without bytes */
    READ_LOG_DIRECT,  /* a slot without bytes: segment, and the rest */
    READ_LOG_JOURNAL, /* a slot without bytes: journal file */
    READ_LOG_HOT,     /* a slot with bytes */
};

struct read_log_entry {
    struct log_sidecar rec;    /* what is known of it */
    int64_t timestamp;         /* its own largest; -1: none */
    uint8_t *bytes;            /* of the batch; NULL: a gap */
    uint32_t segment;          /* number of its segment, from 0 */
    enum read_log_where where; /* see there */
    uint32_t journal;          /* number of its journal file */
    uint64_t journal_pos;      /* in it */
    bool is_bad;               /* it cannot be read */
};

/* How it is made. */
struct read_log_options {
    uint64_t seed;            /* of all that is drawn */
    uint32_t entries_count;   /* <= READ_LOG_ENTRIES */
    uint32_t segment_bytes;   /* a new segment when one would be larger */
    uint32_t batch_bytes;     /* most batches are smaller */
    uint32_t large_ppm;       /* of those up to 16 times as large */
    uint32_t internal_ppm;    /* internal entries */
    uint32_t gap_ppm;         /* gaps, in sealed segments */
    uint32_t settled_percent; /* of the active segment */
    bool is_sealed;           /* the last segment is finished, too: no slots */
    bool is_plain;           /* starts at index 1 and offset 0, one record a batch, all slots hot */
    bool is_grown;           /* the active sidecar has room behind its records, zeros */
    uint64_t warm_bytes_max; /* kept of what readers have read */
};

struct read_log {
    struct read_log_options options;
    struct prng prng;
    const struct crc32c *kernels;
    struct sim *sim;
    struct sim_node *node;
    struct rt_shard *shard;
    struct log_store store;
    struct log_shard ls;
    struct log log;
    struct read_log_entry entries[READ_LOG_ENTRIES];
    uint32_t entries_count;
    bool is_closed;
    bool is_read; /* the read of read_log_read is done */
};

/* What a read must answer: the entries' numbers in read_log.entries. */
struct read_log_want {
    enum err err;
    uint64_t bad_index; /* ERR_CORRUPT: within first_index..last_index */
    uint32_t count;
    uint32_t numbers[READ_LOG_ENTRIES];
};

/* Options that draw everything from `seed`. */
struct read_log_options read_log_options(uint64_t seed);

/* Make it. Freed by read_log_free, which asserts that nothing is left over. */
struct read_log *read_log_new(const struct read_log_options *options);
void read_log_free(struct read_log *rl);

/* Start `read` in a turn of the shard, and let the world run until it is done. */
void read_log_start(struct read_log *rl, struct log_read *read);
void read_log_wait(struct read_log *rl);

/* Call `call` in a turn of the shard, and let the world run until `rl->is_read` is set. */
void read_log_call(struct read_log *rl, void (*call)(struct rt_shard *shard, void *ctx), void *ctx);

/* log_read.done of all reads here. */
void read_log_done(struct log_read *read);

/* The naive reader. */
void read_log_expect(const struct read_log *rl, const struct log_read *read,
                     struct read_log_want *want);

/* NULL: `read` answered what `want` says, byte for byte; else what is wrong. */
const char *read_log_check(const struct read_log *rl, const struct log_read *read,
                           const struct read_log_want *want);

/* Everything is settled: both files of the last segment are whole, and no slot is left. */
void read_log_finish(struct read_log *rl);

/* Path of the files of entry `number`'s segment. */
void read_log_path(const struct read_log *rl, uint32_t number, const char *kind, char *out);

#endif
