/* Mail between the parts of one thing that live on several shards: where the way to a shard is
 * full, it is kept and goes out later, so whoever sends need not know. Own shard only; nothing
 * blocks. */
#ifndef BASE_RT_OUTBOX_H
#define BASE_RT_OUTBOX_H

#include <stdint.h>

#include "base/list.h"
#include "base/rt/mailbox.h"
#include "base/rt/timer.h"

struct rt_shard;

/* Embedded in what it carries; the sender's between two sends. */
struct rt_outbox_mail {
    struct rt_mail mail;       /* what travels */
    struct list_node in_queue; /* rt_outbox.queue, while the way is full */
    uint32_t to;               /* shard it goes to */
};

/* A shard's mails that could not be sent. */
struct rt_outbox {
    struct rt_shard *shard; /* whose */
    struct list queue;      /* rt_outbox_mail.in_queue, oldest first */
    struct rt_timer timer;  /* sends them again */
};

/* Begin empty. */
void rt_outbox_init(struct rt_outbox *outbox, struct rt_shard *shard);

/* `deliver` runs on shard `to` with mail->mail, in the order of the sends; not if that shard has
 * finished. */
void rt_outbox_send(struct rt_outbox *outbox, uint32_t to, struct rt_outbox_mail *mail,
                    rt_mail_fn *deliver);

#endif
