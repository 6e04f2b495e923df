/* Mail that waits for its way. See outbox.h. */
#include "base/rt/outbox.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"

/* How long a mail waits before it is sent again. */
#define RT_OUTBOX_RETRY_NS RT_NS_PER_MS

static void rt_outbox_flush(struct rt_outbox *outbox);

static void rt_outbox_retry(struct rt_timer *timer)
{
    rt_outbox_flush(CONTAINER_OF(timer, struct rt_outbox, timer));
}

void rt_outbox_init(struct rt_outbox *outbox, struct rt_shard *shard)
{
    outbox->shard = shard;
    list_init(&outbox->queue);
    rt_timer_init(&outbox->timer, shard, rt_outbox_retry);
}

void rt_outbox_send(struct rt_outbox *outbox, uint32_t to, struct rt_outbox_mail *mail,
                    rt_mail_fn *deliver)
{
    mail->mail.deliver = deliver;
    mail->to = to;
    list_push_back(&outbox->queue, &mail->in_queue);
    if (!rt_timer_is_running(&outbox->timer)) {
        rt_outbox_flush(outbox);
    }
}

/* Send what waits, oldest first, until one is refused. */
static void rt_outbox_flush(struct rt_outbox *outbox)
{
    while (!list_is_empty(&outbox->queue)) {
        struct list_node *node = list_pop_front(&outbox->queue);
        struct rt_outbox_mail *mail = CONTAINER_OF(node, struct rt_outbox_mail, in_queue);
        enum err err = rt_mail_send(outbox->shard, mail->to, &mail->mail);
        if (err == ERR_FULL || err == ERR_BUDGET) {
            list_push_front(&outbox->queue, node);
            rt_timer_start(&outbox->timer, rt_now_ns(outbox->shard) + RT_OUTBOX_RETRY_NS);
            return;
        }
    }
}
