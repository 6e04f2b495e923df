/* What a settle and a direct write write: a segment's bytes in order, from wherever they are, and
 * its sidecar records as whole blocks. Nothing is waited for here. Private to storage/log. */
#ifndef STORAGE_LOG_GATHER_H
#define STORAGE_LOG_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "storage/log/sidecar.h"

struct log;
struct log_segment;
struct log_slot;

/* Bytes of a segment that are kept because no slot can give them. */
struct log_rest {
    const uint8_t *data; /* the first of them; NULL: none */
    uint32_t pos;        /* of that one in the segment */
    uint32_t bytes;      /* how many */
};

/* Going through the bytes pos .. end - 1 of a segment. Valid while no slot of the group goes. */
struct log_gather {
    const struct log *log;         /* whose */
    const struct log_segment *seg; /* which segment */
    struct log_rest rest;          /* believed before the slots */
    uint32_t pos;                  /* the next byte */
    uint32_t end;                  /* behind the last */
    struct log_slot *slot;         /* the first that ends behind pos; NULL: not looked up */
    uint32_t holes_bytes;          /* bytes that nobody had, given as zeros: entries lost to rot */
};

/* In the place of a journal file's slot: the segment's own .log, of which written blocks are wanted
 * when another file is to take its place. */
#define LOG_GATHER_SEGMENT UINT32_MAX

/* Whole blocks of a file that hold bytes wanted next. */
struct log_gather_run {
    uint32_t slot;  /* the journal file, or LOG_GATHER_SEGMENT */
    uint64_t pos;   /* of the blocks in it */
    uint32_t bytes; /* of the blocks */
};

/* `pos` down to a multiple of the block. */
static inline uint32_t log_block_down(uint64_t pos)
{
    return (uint32_t)(pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES);
}

/* `pos` up to a multiple of the block. */
static inline uint32_t log_block_up(uint64_t pos)
{
    return log_block_down(pos + LIMIT_BLOCK_BYTES - 1);
}

/* Begin at `pos`. `rest` (or NULL) is copied, its bytes are not. */
void log_gather_begin(struct log_gather *g, const struct log *log, const struct log_segment *seg,
                      const struct log_rest *rest, uint32_t pos, uint32_t end);

/* Copy to `out` what is in memory, or in the blocks `data` of `run` (NULL: none), up to the end or
 * to the first byte that is neither. Returns the bytes copied; `g` steps over them. */
uint32_t log_gather_copy(struct log_gather *g, uint8_t *out, const struct log_gather_run *run,
                         const uint8_t *data);

/* Where the byte that log_gather_copy stopped at lies: *out = its block and those that follow, as
 * far as bytes wanted next stand in them, `bytes_max` (whole blocks, > 1) at most. */
void log_gather_run(const struct log_gather *g, uint32_t bytes_max, struct log_gather_run *out);

/* How many sidecar records lie wholly in the first `blocks_count` blocks of a .idx. */
uint32_t log_gather_recs(uint64_t blocks_count);

/* The blocks of which log_gather_recs is `recs_count`: where the next one to write begins. */
uint64_t log_gather_blocks(uint32_t recs_count);

/* Sidecar records on their way into blocks. */
struct log_gather_idx {
    uint8_t *data;         /* the blocks: the caller's */
    uint32_t data_bytes;   /* room, whole blocks */
    uint64_t pos;          /* of the first byte of data in the file, whole blocks */
    uint32_t fill_bytes;   /* of data, used */
    uint32_t recs_count;   /* records of the segment up to the last one put */
    uint32_t seed;         /* of their checksums */
    const struct log *log; /* whose */
};

/* Begin behind the `recs_count` records of `seg` that stand in whole blocks already; with its
 * header if these are none. */
void log_gather_idx_begin(struct log_gather_idx *idx, const struct log *log,
                          const struct log_segment *seg, uint8_t *data, uint32_t data_bytes);

/* Whether another record fits; put the next one. */
bool log_gather_idx_has_room(const struct log_gather_idx *idx);
void log_gather_idx_put(struct log_gather_idx *idx, const struct log_sidecar *rec);

/* The whole blocks there are, in bytes, or only those whose whole records are among the first
 * `recs_max` of the segment; fill up the last block with zeros; the first `bytes` of data are
 * written: what is behind them moves to the front. */
uint32_t log_gather_idx_whole(const struct log_gather_idx *idx, uint32_t recs_max);
void log_gather_idx_pad(struct log_gather_idx *idx);
void log_gather_idx_written(struct log_gather_idx *idx, uint32_t bytes);

#endif
