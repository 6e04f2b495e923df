/* A store on a simulated machine, for tests that start, use and end it: each call lets the machine
 * run until all shards have answered. */
#ifndef TESTS_UNIT_STORAGE_HOME_H
#define TESTS_UNIT_STORAGE_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "storage/log/meta.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"

#define HOME_SHARDS 4u
#define HOME_GROUPS 6u

struct home;

/* A shard of the process under test. */
struct home_shard {
    struct home *home;
    struct log_shard ls;
    struct buf_pool bufs;
    struct diag diag;
    struct log_op ops[HOME_GROUPS];
};

/* A machine with a store. */
struct home {
    struct sim *sim;
    struct sim_node *node;
    struct log_config config;
    struct log_store store;
    struct home_shard shards[HOME_SHARDS];
    uint32_t shards_count;
    uint32_t answers_count; /* shards that have answered what was asked last */
    uint32_t pending_count; /* operations that have not */
    enum err err;           /* of the answers */
    char why[LOG_WHY_BYTES];
    uint64_t first_id;      /* of the HOME_GROUPS groups: 1 */
    uint32_t batch_bytes;   /* of a batch appended */
    uint32_t refused_count; /* appends that were refused */
    enum err refusal;       /* the last of them */
    struct diag_levels levels;
    struct diag_sink sink;
    char said[16384]; /* log lines since the start */
};

/* The fastest checksums here. */

const struct crc32c *home_kernels(void);

/* A machine with a small store that was never started; with options of its own. */
struct home *home_new(uint64_t seed);
struct home *home_new_on(uint64_t seed, const struct sim_options *options);
void home_free(struct home *home);

/* Its disk. */
struct sim_disk *home_disk(struct home *home);

/* Run until every shard has answered and no operation is under way. */
void home_wait(struct home *home);

/* Begin to open the store on so many shards; open it, how that ended. */
void home_begin(struct home *home, uint32_t shards_count);
enum err home_start(struct home *home, uint32_t shards_count);

/* Call `call` on every shard; it answers by home_answered or home->answers_count++. */
void home_ask(struct home *home, void (*call)(struct rt_shard *shard, void *ctx));
void home_answered(struct log_shard *ls);
void home_shard_close(struct rt_shard *shard, void *ctx);
void home_shard_settle(struct rt_shard *shard, void *ctx);

/* Close the store and end the process; end the process only. Nothing of the store may be left. */
void home_close(struct home *home);
void home_end(struct home *home);

/* The file's bytes, at most `max`; make or overwrite it, durably; whether it is there. */
size_t home_read(struct home *home, const char *path, uint8_t *out, size_t max);
void home_write(struct home *home, const char *path, const uint8_t *data, size_t length);
bool home_has(struct home *home, const char *path);

/* node.meta, as it is on the disk. */
struct log_meta home_meta(struct home *home);

/* Groups 1 .. HOME_GROUPS, each on its shard: make them; give each a hard state. */
void home_shard_create(struct rt_shard *shard, void *ctx);
void home_shard_hard(struct rt_shard *shard, void *ctx);

/* Append a batch of home->batch_bytes to `log`, which is on that shard: what log_append says. */
enum err home_append(struct home_shard *hs, struct log *log, struct log_op *op);

/* The same to each group; what is refused is counted. */
void home_shard_append(struct rt_shard *shard, void *ctx);

/* A store with these groups in a table, closed. */
struct home *home_new_with_groups(uint64_t seed);

/* Group `id` as it is open; false: there is none. */
bool home_status(struct home *home, uint64_t id, struct log_status *out);

/* All groups are as home_shard_hard left them, but for `lost` (0: none), which is unavailable. */
void home_check_groups(struct home *home, uint64_t lost);

#endif
