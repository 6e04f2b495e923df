/* A group changes shard while it is in use (LOG §4: a group may change lane at any time; group_seq
 * orders its records whatever lane wrote them).
 *
 *     on its shard          log_detach(log, &move)       ... done: err, and a bundle in `move`
 *     the caller's mail     carries `move` to the other shard
 *     on the other shard    log_attach(ls, &move, &log)
 *
 * Nothing of a move is written: a start deals groups by their ids, whoever had them. Of a group's
 * bytes none travels but the few that fill no block; entries are read from journal and segments
 * again.
 *
 * While a group is being detached it answers as before to what was asked earlier, and refuses what
 * is asked now:
 *
 *     asked                                  while it is detached        after done with ERR_OK
 *     append, cut, trim, roll, hard state,   ERR_AGAIN, by return or     `log` is gone, log_find
 *       delete, another detach                 in done as always           does not find it
 *     log_read                               ERR_AGAIN, in done          likewise
 *     a step of an open log_reader           ERR_AGAIN, in done          the same; close it
 *     log_status, log_term_of, pins          as always                   `log` is gone
 *     log_create of its id                   ERR_EXISTS                  not to be asked
 *
 * What was submitted becomes durable and is answered, reads end, settles and direct writes too; no
 * reader holds anything of the group any more. Between the two shards nobody answers for it: in the
 * journal and in groups.tab it stays as it is, the shard it left sees to that. */
#ifndef STORAGE_LOG_MOVE_H
#define STORAGE_LOG_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "storage/log/log.h"

struct log_bundle;
struct log_move;

typedef void log_move_fn(struct log_move *move);

/* A group on its way. In place; the caller's but from log_detach until `done`. Zero it, set done.
 */
struct log_move {
    log_move_fn *done; /* of the detach, on its shard */
    void *ctx;         /* the caller's */
    enum err err;      /* in done: how the detach ended */
    uint64_t group;    /* which; set by log_detach */

    /* Private to storage/log. */
    struct log_bundle *bundle; /* the group, memory of the shard it left; NULL: none in here */
    struct log_shard *ls;      /* that shard, while it detaches */
    struct log *log;           /* the group there; NULL: refused at once */
    struct list_node in_shard; /* log_shard.moves, while it detaches */
    struct rt_op op;           /* to be done from the ready queue */
    struct rt_timer timer;     /* looks again whether everything has ended */
    bool is_ended;             /* done is due */
};

/* Take the group off its shard. `done` fires once, from the ready queue. ERR_OK: it is in `move`,
 * which has to be given to log_attach or log_move_drop. Otherwise it stays where it was, as it was:
 * ERR_AGAIN (it is being detached already), ERR_CLOSING (the store, or it is deleted), ERR_FENCED,
 * ERR_ACCESS (unavailable; an amnesiac group does move), ERR_BUDGET. Takes until its newest frame
 * is known to be flushed, config.seal_ns on an idle lane; as long as reads take, at most. */
void log_detach(struct log *log, struct log_move *move);

/* Have the group in `move` on `ls`, whose groups are open; *out = it, to be used at once. After
 * ERR_OK `move` is the caller's, and empty. Otherwise it still holds the group: ERR_BUDGET,
 * ERR_FULL (another shard, or the same later), ERR_CLOSING (drop it). The shard it left may be
 * given it back. Never blocks; own shard of `ls` only. */
MUST_USE enum err log_attach(struct log_shard *ls, struct log_move *move, struct log **out);

/* Let go of the bundle in `move`: no shard has the group any more until the next start, which finds
 * all of it. For a store that closes; the close of the shard it left waits for this, or for the
 * attach. From any shard of the store, its own `ls`. */
void log_move_drop(struct log_shard *ls, struct log_move *move);

/* Pins come along: they hold what they held, and the structs of the owners on the former shard are
 * free once the detach is done. On the new shard an owner takes over the one that was set in its
 * name (text compared), into `pin`; false: there is none. Those that nobody takes hold on until
 * log_pins_drop. */
bool log_pin_take(struct log *log, struct log_pin *pin, const char *owner);
void log_pins_drop(struct log *log);

#endif
