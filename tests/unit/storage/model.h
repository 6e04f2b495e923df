/* A store under random operations and the naive logs beside it: what the files of log_model
 * share. */
#ifndef TESTS_UNIT_STORAGE_MODEL_H
#define TESTS_UNIT_STORAGE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "storage/log/read.h"
#include "storage/log/retention.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"
#include "tests/unit/storage/ledger.h"

#define MODEL_GROUPS 6u
#define MODEL_SHARDS 4u
#define MODEL_READS  12u
#define MODEL_PINS   2u

/* What was done, for the report. */
#define MODEL_KINDS(X)                                                                             \
    X(APPEND, "appends")                                                                           \
    X(READ, "reads")                                                                               \
    X(CUT, "cuts")                                                                                 \
    X(HARD, "hard states")                                                                         \
    X(TRIM, "trims")                                                                               \
    X(ROLL, "rolls")                                                                               \
    X(PIN, "pins")                                                                                 \
    X(TERM, "terms")                                                                               \
    X(RETENTION, "retention decisions")                                                            \
    X(FIND, "offsets found")                                                                       \
    X(STATUS, "states")                                                                            \
    X(WALK, "walks")                                                                               \
    X(SETTLE, "settles")                                                                           \
    X(CREATE, "creates")                                                                           \
    X(DELETE, "deletes")                                                                           \
    X(REFUSED, "refusals")                                                                         \
    X(REOPEN, "restarts")

enum model_kind {
#define MODEL_ENUM(name, text) MODEL_##name,
    MODEL_KINDS(MODEL_ENUM)
#undef MODEL_ENUM
        MODEL_KIND_COUNT
};

struct model;
struct model_group;

/* An operation that is not done. */
struct model_op {
    struct log_op op;
    struct model_group *group;
    enum model_kind kind;
    uint64_t ordinal; /* among the group's */
    enum err want;    /* how it must end */
    bool is_cut;      /* append: the entry was cut off meanwhile */
    bool is_lookup;   /* cut, trim: its place was looked up first */
    bool was_received;
};

/* A group, and the naive one. */
struct model_group {
    struct model *model;
    uint64_t id; /* 0: there is none */
    struct log *log;
    bool is_deleted;
    bool was_reopened;        /* its older segments may not be known */
    bool is_membership_known; /* the store knows the two newest since it was opened, at most */
    bool is_membership_before_known;
    uint64_t membership_before; /* the one before the newest */
    bool was_membership_cut;    /* since the newest: a table may have named what was cut */
    uint64_t ordinal;           /* of the last operation submitted */
    uint64_t done_ordinal;
    uint32_t pending_count;
    uint32_t reads_count;
    struct model_op *waits; /* a cut or trim looks up its place */
    uint64_t cuts_count;
    uint64_t trims_count;
    struct log_pin pins[MODEL_PINS];
    bool is_pinned[MODEL_PINS];
    uint64_t settle_ordinal; /* of the last operation when a settle began, and all were done */
    struct ledger ledger;
};

struct model_read {
    struct log_read read;
    struct log_retention_find find;
    struct model_group *group;
    struct ledger_want want;
    uint64_t cuts_count; /* of the group when it began */
    uint64_t trims_count;
    bool is_open_end; /* entries that are appended meanwhile may be among what is read */
    bool was_pinned;  /* where it begins */
    bool is_busy;
};

struct model_shard {
    struct log_shard ls;
    struct buf_pool bufs;
    bool is_settling;
};

struct model {
    uint64_t seed;
    struct prng prng;
    const struct crc32c *kernels;
    struct sim *sim;
    struct sim_node *node;
    struct log_config config;
    struct log_store store;
    struct model_shard shards[MODEL_SHARDS];
    uint32_t shards_count;
    uint32_t answers_count; /* shards that have answered */
    uint32_t turns_count;   /* posted, not yet taken */
    uint64_t last_id;       /* of the groups made */
    uint64_t ops_count;
    uint64_t counts[MODEL_KIND_COUNT];
    struct model_group groups[MODEL_GROUPS];
    struct model_read reads[MODEL_READS];
    uint8_t noise[LEDGER_NOISE_BYTES];
    uint8_t room[LEDGER_ENTRY_BYTES];
};

/* The test fails: seed, operation and group are named. */
void model_fail(const struct model_group *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One more operation of that kind; a number below `below`. */
void model_count(struct model *model, enum model_kind kind);
uint64_t model_below(struct model *model, uint64_t below);

/* Answers at once, each compared: pins, terms, retention, states, and which groups there are. */
void model_pin(struct model_group *g);
void model_term(struct model_group *g);
void model_retention(struct model_group *g);
void model_status(struct model_group *g);
void model_walk(struct model *model, struct model_shard *ms);

/* A read, compared when it is done; `is_all`: of everything. */
void model_read(struct model_group *g, bool is_all);

#endif
