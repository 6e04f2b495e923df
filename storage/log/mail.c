/* Mail that waits for its way. See mail.h. */
#include "storage/log/mail.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"

/* How long a mail waits before it is sent again. */
#define LOG_MAIL_RETRY_NS RT_NS_PER_MS

static void log_mails_send(struct log_mails *mails);

static void log_mails_retry(struct rt_timer *timer)
{
    log_mails_send(CONTAINER_OF(timer, struct log_mails, timer));
}

void log_mails_init(struct log_mails *mails, struct rt_shard *shard)
{
    mails->shard = shard;
    list_init(&mails->queue);
    rt_timer_init(&mails->timer, shard, log_mails_retry);
}

void log_mail_send(struct log_mails *mails, uint32_t to, struct log_mail *mail, rt_mail_fn *deliver)
{
    mail->mail.deliver = deliver;
    mail->to = to;
    list_push_back(&mails->queue, &mail->in_queue);
    if (!rt_timer_is_running(&mails->timer)) {
        log_mails_send(mails);
    }
}

/* Send what waits, oldest first, until one is refused. */
static void log_mails_send(struct log_mails *mails)
{
    while (!list_is_empty(&mails->queue)) {
        struct list_node *node = list_pop_front(&mails->queue);
        struct log_mail *mail = CONTAINER_OF(node, struct log_mail, in_queue);
        enum err err = rt_mail_send(mails->shard, mail->to, &mail->mail);
        if (err == ERR_FULL || err == ERR_BUDGET) {
            list_push_front(&mails->queue, node);
            rt_timer_start(&mails->timer, rt_now_ns(mails->shard) + LOG_MAIL_RETRY_NS);
            return;
        }
    }
}
