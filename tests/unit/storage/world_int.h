/* What the files of the world share: a store opened on an image, and how its entries are held
 * against what was appended. For world*.c only. */
#ifndef TESTS_UNIT_STORAGE_WORLD_INT_H
#define TESTS_UNIT_STORAGE_WORLD_INT_H

#include "tests/unit/storage/world.h"

/* A store opened on an image. */
struct world_probe {
    struct world *world;  /* whose states count */
    struct world *opened; /* the image, opened without a workload */
    struct world_tally *tally;
    struct log_read read;
    struct world_group *group; /* being read */
    uint32_t k;                /* its state */
    uint64_t next_index;       /* next entry wanted */
    bool is_reading;
    uint64_t rows[LOG_RECOVER_ROWS_COUNT]; /* decisions of the last start */
};

/* Keep the first failure. */
void world_fail(struct world *world, const char *what, uint64_t a, uint64_t b);

/* The group's last operation, or a state of nothing. */
const struct world_op *world_last(const struct world_group *group);

/* A machine with `disk` (which is taken) and nothing submitted there. */
struct world *world_of(const struct world *world, struct sim_disk *disk, uint32_t shards_count,
                       uint64_t seed);

/* Whether the process has opened the store on all shards, or failed; and wait until it has. */
bool world_is_open(void *ctx);
bool world_await(struct world *world);

/* Start the process of probe->opened and wait; its decisions are added to the tally. */
void world_open(struct world_probe *probe);

/* Where the group is on the machine that was opened; NULL: it is not there. */
struct log *world_find(const struct world *opened, const struct world_group *group);

/* Whether `status` is the group's state after `op`. Of a damaged one a trim may be lost. */
bool world_state_is(const struct world_op *op, const struct log_status *status, bool is_damaged);

/* The first k for which the state after k operations is what is found (NULL: no such group);
 * UINT32_MAX: none of `from` .. `to`. */
uint32_t world_state_of(const struct world_group *group, struct log *log, uint32_t from,
                        uint32_t to, bool is_damaged);

/* Write the bytes of the entry that `op` appended, or those it is rewritten to. Returns how many.
 */
uint32_t world_entry(const struct world_group *group, const struct world_op *op, bool is_rewritten,
                     uint8_t *out);

/* Whether the batch at `data`, of at most `length` bytes, is the entry that `op` appended, as it is
 * by now; of a damaged one the record of its rewriting may be lost. Returns its bytes; 0: it is
 * not. */
uint32_t world_match(const struct world_group *group, const struct world_op *op, bool is_damaged,
                     const uint8_t *data, uint32_t length, struct world_tally *tally);

/* Give a segment of the group a new generation, if that is possible now. On the group's shard. */
void world_replace(struct world_group *group);

/* The process has ended: what was under way may have come to its end or not. */
void world_replace_forget(struct world_group *group);

/* The ordinal of the append that made entry `index` of the state after the first k operations. */
uint32_t world_entry_of(const struct world_group *group, uint32_t k, uint64_t index);

/* Room for the bytes of any entry. */
#define WORLD_ENTRY_BYTES (LOG_BATCH_HEADER_BYTES + 65536u)

#endif
