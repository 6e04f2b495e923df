/* A partition's directory written by hand on a simulated disk, and a group that a start would have
 * made of it, without the rest of a store: for tests of what is loaded from files. */
#ifndef TESTS_UNIT_STORAGE_PLACE_H
#define TESTS_UNIT_STORAGE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crc32c.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"

#define PLACE_ENTRIES_MAX 4000u

/* Entries of a log as they were appended; entry i is recs[i - 1]. A cut makes another history: a
 * copy with fewer entries that goes on differently. */
struct place_history {
    const struct crc32c *kernels;               /* for checksums */
    uint64_t count;                             /* entries */
    struct log_sidecar recs[PLACE_ENTRIES_MAX]; /* position apart, which is a segment's */
};

/* A machine, its directory, and the group. */
struct place {
    struct sim *sim;
    struct sim_node *node;
    struct sim_disk *disk; /* the node's */
    struct rt_shard *shard;
    struct log_store store;
    struct log_shard ls; /* what loading and files use of one */
    struct log log;
    struct diag diag;
    struct diag_levels levels;
    struct diag_sink sink;
    uint32_t files_max;           /* of ls.files */
    size_t budget_bytes;          /* of ls */
    void (*call)(struct place *); /* place_run's */
    bool is_called;               /* it was */
    uint32_t loads_count;         /* place_load's that are done */
    struct log_load loads[4];     /* them */
    enum err err;                 /* of the last that ended */
    char path[LIMIT_PATH_BYTES];  /* place_path's */
    uint8_t room[PLACE_ENTRIES_MAX * LOG_SIDECAR_BYTES + 2 * LIMIT_BLOCK_BYTES]; /* a sidecar */
};

/* An empty machine; nothing runs. */
struct place *place_new(void);

/* End it. The group and files given back (place_end) leave no byte charged. */
void place_free(struct place *place);

/* One entry more: of `term`, with `records_count` records (0: a no-op); `salt` tells it from
 * others with its index. */
void place_add(struct place_history *history, uint32_t term, uint32_t records_count, uint32_t salt);

/* Entries up to `count`, of two records each, all of `term`. */
void place_grow(struct place_history *history, uint64_t count, uint32_t term, uint32_t salt);

/* What stands behind entry `index` (0: before the first); with `index` itself. */
struct log_point place_point(const struct place_history *history, uint64_t index);

/* Write .idx and .log of a segment of entries first..last (last < first: only the header). */
void place_segment(struct place *place, const struct place_history *history, uint64_t first,
                   uint64_t last, uint32_t generation);

/* The path of a segment's file; valid until the next call. */
const char *place_path(struct place *place, uint64_t first, uint32_t generation, const char *kind);

/* Whether the file is there; remove it; write `length` bytes of it. */
bool place_has(struct place *place, uint64_t first, uint32_t generation, const char *kind);
void place_remove(struct place *place, uint64_t first, uint32_t generation, const char *kind);
void place_write(struct place *place, const char *path, uint64_t pos, const void *data,
                 size_t length);

/* Start the machine, and on it a shard's part and the group as a start makes it: log start, settled
 * end in the segment that begins at `segment_index` (0: none) with `generation`; then entries up to
 * history->count that are not settled. */
void place_start(struct place *place, const struct place_history *history, uint64_t start_index,
                 uint64_t settled_index, uint64_t segment_index, uint32_t generation);

/* Call `call` on the shard, then let everything happen. */
void place_run(struct place *place, void (*call)(struct place *));

/* Load the group; returns its error. */
enum err place_load(struct place *place);

/* Assert that every segment says of where it begins, and all but the last of where they end, what
 * `history` does. */
void place_segments_are_true(const struct place *place, const struct place_history *history);

/* Give back all that the shard's part holds, files included; asserted: nothing stays charged. The
 * machine may be started again. */
void place_end(struct place *place);

#endif
