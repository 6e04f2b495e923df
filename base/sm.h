/* Declared state machines: an operation that waits says in a table which stages it has and which
 * may follow which; every move is checked against the table and then against the owner's invariant,
 * and can be traced. After lib/sm.h of canonical/dqlite.
 *
 *     enum { LOG_FLUSH_IDLE, LOG_FLUSH_WRITE, LOG_FLUSH_SYNC };
 *
 *     static const struct sm_conf log_flush_stages[] = {
 *         [LOG_FLUSH_IDLE] = {"IDLE", SM_BIT(LOG_FLUSH_WRITE), SM_INITIAL | SM_FINAL},
 *         [LOG_FLUSH_WRITE] = {"WRITE", SM_BIT(LOG_FLUSH_SYNC) | SM_BIT(LOG_FLUSH_IDLE), 0},
 *         [LOG_FLUSH_SYNC] = {"SYNC", SM_BIT(LOG_FLUSH_IDLE), 0},
 *     };
 *     static const struct sm_decl log_flush_decl = {
 *         "log_flush", log_flush_stages, ARRAY_COUNT(log_flush_stages), log_flush_invariant};
 *
 * The owner's `_run` function is the only caller of sm_move (STYLE §2). Pure; no function blocks.
 */
#ifndef BASE_SM_H
#define BASE_SM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* Most stages of one machine: bits of `allowed`. */
#define SM_STAGES_MAX 64

/* The set of one stage. */
#define SM_BIT(stage) ((uint64_t)1 << (stage))

/* `from` where there was no stage before: the move made by sm_init. */
#define SM_NO_STAGE UINT32_MAX

/* What a stage may be besides a step on the way. */
enum sm_flags {
    SM_INITIAL = 1 << 0, /* a machine may start here */
    SM_FINAL = 1 << 1,   /* a machine may be given up here */
};

/* One stage, a row of a static table indexed by the stage's number. */
struct sm_conf {
    const char *name; /* for traces and pictures, e.g. "WRITE" */
    uint64_t allowed; /* the stages that may follow, SM_BIT of each */
    unsigned flags;   /* enum sm_flags, or 0 */
};

struct sm;

/* A kind of machine: static, shared by all machines of the kind. */
struct sm_decl {
    const char *name;           /* of the operation, e.g. "log_flush" */
    const struct sm_conf *conf; /* the stages */
    uint32_t stages_count;      /* 1 to SM_STAGES_MAX */
    /* Whether the object around `m` is as it must be in the stage just entered, `from` the one left
     * or SM_NO_STAGE. Runs after every move, so it is cheap and changes nothing. NULL: always. */
    bool (*invariant)(const struct sm *m, uint32_t from);
};

/* Where moves are told. Embedded by whoever listens: a test, the simulator, a debugging log. */
struct sm_trace {
    /* One move as "log_flush#7: IDLE -> WRITE" ("log_flush#7: IDLE" from sm_init, "log_flush: ..."
     * for id 0): `length` bytes, no newline, gone when the call returns. Moves no machine. */
    void (*line)(struct sm_trace *trace, const char *text, size_t length);
};

/* A machine, embedded in the operation it belongs to. */
struct sm {
    const struct sm_decl *decl; /* its kind; NULL outside sm_init .. sm_deinit */
    struct sm_trace *trace;     /* told of every move; NULL: nobody */
    uint64_t id;                /* tells machines of a kind apart in traces; 0: no number */
    uint32_t stage;             /* read through sm_stage */
};

/* Start `m` in `stage`, which must be declared SM_INITIAL (asserted). `decl` and `trace` (or NULL)
 * must outlive `m`. */
void sm_init(struct sm *m, const struct sm_decl *decl, uint32_t stage, struct sm_trace *trace,
             uint64_t id);

/* Give `m` up: it must be in an SM_FINAL stage (asserted). It may be started again. */
void sm_deinit(struct sm *m);

/* The stage `m` is in. */
static inline uint32_t sm_stage(const struct sm *m)
{
    return m->stage;
}

/* Go to `stage`: asserts that the declaration allows it from here, tells the trace, asserts the
 * invariant. A few nanoseconds without a trace. */
void sm_move(struct sm *m, uint32_t stage);

/* Whether `m` is in a stage declared SM_FINAL. */
bool sm_is_final(const struct sm *m);

/* Whether `decl` makes sense: names given and distinct, successors exist, some stage is initial,
 * every stage can be reached from an initial one and can reach a final one. For the unit test of
 * each machine. ERR_INVALID: it does not, and `why` (room for `why_bytes` >= 1) says which stage,
 * as a NUL-terminated text that is cut to fit; otherwise `why` is empty. */
MUST_USE enum err sm_check_conf(const struct sm_decl *decl, char *why, size_t why_bytes);

/* Write `decl` as text, one stage a line, '>' before initial and '.' before final ones; for golden
 * tests and people:
 *
 *     log_flush
 *     >. IDLE  -> WRITE
 *        WRITE -> IDLE SYNC
 *        SYNC  -> IDLE
 *
 * ERR_TOO_LARGE in `out` when it does not fit. */
void sm_describe(const struct sm_decl *decl, struct bytes_writer *out);

#endif
