/* What `tdb` can be told, and by whom: the table of keys, and their values as the program uses
 * them. Flags are --KEY VALUE or --KEY=VALUE, and --config FILE names a YAML file (base/config.h).
 */
#ifndef BROKER_APP_SETTINGS_H
#define BROKER_APP_SETTINGS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/config.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rt/rt.h"

/* The values; in place, with the memory they live in. */
struct settings {
    const char *data_dir;        /* data_dir: the directory of all that is kept */
    uint32_t shards_count;       /* shards; 0: what the machine grants */
    uint64_t memory_bytes;       /* memory of all shards; 0: what the machine grants */
    enum rt_kind runtime;        /* runtime: which backend */
    const char *simd;            /* simd: a name for cpu_force; NULL: auto */
    enum diag_level log_level;   /* log.level */
    enum diag_format log_format; /* log.format */

    struct config config; /* every key with its source, and the problems */
    struct arena arena;   /* the texts */
    struct budget budget; /* of the arena */
};

/* Start `s` with the defaults. ERR_BUDGET: the system grants no memory; nothing is to be ended
 * then.
 */
MUST_USE enum err settings_init(struct settings *s);

/* Give all memory back. Texts of the settings are dead. */
void settings_deinit(struct settings *s);

/* Take values from the file that --config names in the `argc` arguments at `argv` (a command's, its
 * name not among them), from `environment` ("NAME=value", NULL at the end), and from the arguments,
 * each outdoing the one before. Once. Blocks while the file is read. ERR_INVALID:
 * s->config.problems says what is wrong, all of it; the values of good keys are set. Keeps pointers
 * into `argv`. */
MUST_USE enum err settings_read(struct settings *s, int argc, char *const *argv,
                                const char *const *environment);

#endif
