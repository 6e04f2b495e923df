/* Mail between the parts of a store: where the way to a shard is full, it is kept and goes out
 * later, so whoever sends need not know. Private to storage/log. */
#ifndef STORAGE_LOG_MAIL_H
#define STORAGE_LOG_MAIL_H

#include <stdint.h>

#include "base/list.h"
#include "base/rt/mailbox.h"
#include "base/rt/timer.h"

struct rt_shard;

/* Embedded in what it carries; the sender's between two sends. */
struct log_mail {
    struct rt_mail mail;       /* what travels */
    struct list_node in_queue; /* log_mails.queue, while the way is full */
    uint32_t to;               /* shard it goes to */
};

/* A shard's mails that could not be sent. */
struct log_mails {
    struct rt_shard *shard; /* whose */
    struct list queue;      /* log_mail.in_queue, oldest first */
    struct rt_timer timer;  /* sends them again */
};

/* Begin empty. */
void log_mails_init(struct log_mails *mails, struct rt_shard *shard);

/* `deliver` runs on shard `to` with mail->mail, in the order of the sends; not if that shard has
 * finished. */
void log_mail_send(struct log_mails *mails, uint32_t to, struct log_mail *mail,
                   rt_mail_fn *deliver);

#endif
