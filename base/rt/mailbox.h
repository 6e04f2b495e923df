/* Mail: how shards, and threads outside, tell a shard something. Nothing else is shared between
 * them.
 *
 * A mail is a struct embedded in the sender's object. Between two shards it travels in a
 * single-producer single-consumer ring, made when the first mail is sent and doubled up to
 * LIMIT_MAILBOX_COUNT; mails of one pair arrive in order. A receiver that sleeps is woken once per
 * turn of the sender, not once per mail. From a thread that is no shard (a worker, a signal
 * handler's thread) rt_mail_post pushes onto one list per shard.
 *
 * From a successful send until it is delivered the mail belongs to the runtime; from then on to the
 * receiver, who usually sends it back as the answer. What is under way when its receiver finishes
 * is never delivered: nobody may wait for an answer at the end. */
#ifndef BASE_RT_MAILBOX_H
#define BASE_RT_MAILBOX_H

#include <stdint.h>

#include "base/err.h"

struct rt_mail;
struct rt_shard;

/* Called on the receiving shard `at`, from its turn; may send and submit whatever it likes. */
typedef void rt_mail_fn(struct rt_shard *at, struct rt_mail *mail);

struct rt_mail {
    rt_mail_fn *deliver;  /* what the receiver runs; the sender sets it before each send */
    uint32_t from;        /* the sending shard, RT_MAIL_OUTSIDE for rt_mail_post; set by the send */
    struct rt_mail *next; /* link of the list that rt_mail_post pushes onto; runtime's */
};

#define RT_MAIL_OUTSIDE UINT32_MAX

/* Send `mail` to shard number `to` of the same runtime (which may be the own one). Own thread of
 * `from` only; never blocks. Errors, the mail stays the caller's: ERR_FULL (bound reached: retry on
 * a later turn), ERR_BUDGET (no memory for the ring), ERR_CLOSING (the receiver has finished). */
MUST_USE enum err rt_mail_send(struct rt_shard *from, uint32_t to, struct rt_mail *mail);

/* Send `mail` to `to` from any thread. Never fails and never blocks; how many are under way is
 * bounded by who owns the mails. The receiver must not have been joined yet. */
void rt_mail_post(struct rt_shard *to, struct rt_mail *mail);

#endif
