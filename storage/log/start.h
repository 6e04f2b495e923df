/* Between store.c, which every shard runs, and start.c, which shard 0 runs. Mails between them
 * carry log_shard.mail. Private to storage/log.
 *
 *     shard k                         shard 0
 *     log_shard_open    -- joined -->
 *                                     lock, node.meta, tables, journal, decisions, boot epoch
 *                       <-- deal ---  when all have joined
 *     makes its groups  -- dealt -->
 *                                     `lanes` record durable
 *                       <-- go -----
 *     open
 *     log_shard_close: settle, lane, files
 *                       -- left --->
 *                                     when all have left: keeper, lock
 *                       <-- gone ---
 *
 * A start that fails sends `undo` instead of `go` to shards that were dealt, which leave then, and
 * `gone` to those that were not. store->err says what `gone` means. */
#ifndef STORAGE_LOG_START_H
#define STORAGE_LOG_START_H

#include "base/rt/mailbox.h"
#include "base/sm.h"

struct log_shard;

/* The stages of a shard, and of the start. */
extern const struct sm_decl log_shard_decl;
extern const struct sm_decl log_start_decl;

/* Whose mail it is. */
struct log_shard *log_shard_of_mail(struct rt_mail *mail);

/* On shard 0: begin. `ls` has joined itself. */
void log_start_begin(struct log_shard *ls);

/* On shard 0: mails of shards. */
void log_start_joined(struct rt_shard *at, struct rt_mail *mail);
void log_start_dealt(struct rt_shard *at, struct rt_mail *mail);
void log_start_left(struct rt_shard *at, struct rt_mail *mail);

/* On each shard: mails of shard 0. */
void log_shard_deal(struct rt_shard *at, struct rt_mail *mail);
void log_shard_go(struct rt_shard *at, struct rt_mail *mail);
void log_shard_undo(struct rt_shard *at, struct rt_mail *mail);
void log_shard_gone(struct rt_shard *at, struct rt_mail *mail);

#endif
