/* Mail between two shards that are both busy: how long from the send to the delivery.
 *
 * Each shard keeps itself busy with an op that defers itself, so neither sleeps and no doorbell
 * wakes anyone; the mail goes back and forth and carries the time of its sending. The peer is the
 * bare hop: two threads that bounce one word in a shared cache line, which is what the two cores
 * can do at best. A second row says what a shard pays for a mail when it sends many in one turn. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/op.h"
#include "bench/macro/rt_side.h"
#include "bench/micro/bench.h"

#define MAILBOX_HOPS_COUNT   20001u /* samples of one run */
#define MAILBOX_BATCH_COUNT  1000u  /* mails of one turn */
#define MAILBOX_ROUNDS_COUNT 100u   /* such turns */

/* What the shards work on. */
struct mailbox_work {
    struct rt_side side;
    struct rt_mail ball;                   /* bounces between shards 0 and 1 */
    uint64_t sent_ns;                      /* when it was last sent */
    uint32_t hops_count;                   /* of this run */
    double samples_ns[MAILBOX_HOPS_COUNT]; /* one per hop */
    struct rt_op busy[2];                  /* what keeps each shard turning */
    atomic_bool is_over;                   /* the busy ops end */
    atomic_uint ended_count;               /* of them, those that have */
    struct rt_mail batch[MAILBOX_BATCH_COUNT];
    uint32_t rounds_count;        /* batches sent */
    uint64_t batch_began_ns;      /* start of the batches */
    uint64_t batch_cost_ns;       /* of all batches */
    ALIGNED(64) atomic_uint word; /* of the bare hop */
};

static struct mailbox_work *mailbox_work_of(struct rt_shard *shard);
static double mailbox_hop(void *context);
static double mailbox_hop_bare(void *context);
static void *mailbox_bounce_bare(void *context);
static void mailbox_hop_begin(struct rt_shard *shard);
static void mailbox_start_busy(struct rt_shard *at, struct rt_mail *mail);
static void mailbox_busy(struct rt_op *op);
static void mailbox_bounce(struct rt_shard *at, struct rt_mail *mail);
static void mailbox_send(struct rt_shard *from, struct rt_mail *mail);
static double mailbox_batch(void *context);
static void mailbox_batch_begin(struct rt_shard *shard);
static void mailbox_batch_taken(struct rt_shard *at, struct rt_mail *mail);
static void mailbox_batch_back(struct rt_shard *at, struct rt_mail *mail);

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct mailbox_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return 1;
    }
    rt_side_start(&work->side, RT_KIND_AUTO, 2);
    work->side.context = work;
    struct bench_side hop = {.cost = mailbox_hop, .context = work};
    struct bench_side bare = {.cost = mailbox_hop_bare, .context = work};
    struct bench_pair pair = bench_pair(&b, "hop between busy shards, p50", &hop, &bare, 15);
    bench_row(&b, &(struct bench_row){.name = "hop between busy shards, p50",
                                      .value = pair.ours,
                                      .unit = "ns",
                                      .peer = "a bare word between two threads",
                                      .ratio = pair.ratio,
                                      .bar = "< 300 ns"});
    struct bench_side batch = {.cost = mailbox_batch, .context = work};
    bench_row(&b, &(struct bench_row){.name = "1,000 mails there and back, per mail",
                                      .value = bench_median(&b, "batches", &batch, 15),
                                      .unit = "ns"});
    rt_side_stop(&work->side);
    free(work);
    return bench_finish(&b);
}

static struct mailbox_work *mailbox_work_of(struct rt_shard *shard)
{
    struct rt_side *side = shard->app;
    return side->context;
}

static double mailbox_hop(void *context)
{
    struct mailbox_work *work = context;
    rt_side_run(&work->side, mailbox_hop_begin);
    return bench_quantile(work->samples_ns, MAILBOX_HOPS_COUNT, 0.5);
}

static void mailbox_hop_begin(struct rt_shard *shard)
{
    struct mailbox_work *work = mailbox_work_of(shard);
    work->hops_count = 0;
    atomic_store(&work->is_over, false);
    atomic_store(&work->ended_count, 0);
    rt_op_init(&work->busy[0], shard, mailbox_busy);
    rt_op_defer(&work->busy[0]);
    work->ball.deliver = mailbox_start_busy;
    mailbox_send(shard, &work->ball);
}

static void mailbox_start_busy(struct rt_shard *at, struct rt_mail *mail)
{
    struct mailbox_work *work = mailbox_work_of(at);
    rt_op_init(&work->busy[1], at, mailbox_busy);
    rt_op_defer(&work->busy[1]);
    mail->deliver = mailbox_bounce;
    mailbox_send(at, mail);
}

static void mailbox_busy(struct rt_op *op)
{
    struct mailbox_work *work = mailbox_work_of(op->shard);
    if (!atomic_load_explicit(&work->is_over, memory_order_relaxed)) {
        rt_op_defer(op);
    } else if (atomic_fetch_add(&work->ended_count, 1) == 1) {
        rt_side_done(op->shard); /* both have ended: nothing of the run waits any more */
    }
}

static void mailbox_bounce(struct rt_shard *at, struct rt_mail *mail)
{
    struct mailbox_work *work = mailbox_work_of(at);
    work->samples_ns[work->hops_count++] = (double)(rt_now_precise_ns(at) - work->sent_ns);
    if (work->hops_count == MAILBOX_HOPS_COUNT) {
        atomic_store(&work->is_over, true);
    } else {
        mailbox_send(at, mail);
    }
}

static void mailbox_send(struct rt_shard *from, struct rt_mail *mail)
{
    mailbox_work_of(from)->sent_ns = rt_now_precise_ns(from);
    enum err err = rt_mail_send(from, 1 - from->id, mail);
    ASSERT(err == ERR_OK);
}

/* One hop of a word: half a round trip. */
static double mailbox_hop_bare(void *context)
{
    struct mailbox_work *work = context;
    pthread_t other;
    atomic_store(&work->word, 0);
    if (pthread_create(&other, NULL, mailbox_bounce_bare, work) != 0) {
        abort();
    }
    uint64_t began_ns = 0;
    for (unsigned i = 0; i < MAILBOX_HOPS_COUNT; i++) {
        atomic_store_explicit(&work->word, 2 * i + 1, memory_order_release);
        while (atomic_load_explicit(&work->word, memory_order_acquire) != 2 * i + 2) {
        }
        if (i == 0) {
            began_ns = bench_now_ns(); /* the other thread runs now */
        }
    }
    uint64_t cost_ns = bench_now_ns() - began_ns;
    pthread_join(other, NULL);
    return (double)cost_ns / (2.0 * (MAILBOX_HOPS_COUNT - 1));
}

static void *mailbox_bounce_bare(void *context)
{
    struct mailbox_work *work = context;
    for (unsigned i = 0; i < MAILBOX_HOPS_COUNT; i++) {
        while (atomic_load_explicit(&work->word, memory_order_acquire) != 2 * i + 1) {
        }
        atomic_store_explicit(&work->word, 2 * i + 2, memory_order_release);
    }
    return NULL;
}

static double mailbox_batch(void *context)
{
    struct mailbox_work *work = context;
    rt_side_run(&work->side, mailbox_batch_begin);
    return (double)work->batch_cost_ns / (MAILBOX_BATCH_COUNT * MAILBOX_ROUNDS_COUNT);
}

static void mailbox_batch_begin(struct rt_shard *shard)
{
    struct mailbox_work *work = mailbox_work_of(shard);
    work->rounds_count = 0;
    work->batch_began_ns = rt_now_precise_ns(shard);
    for (size_t i = 0; i < MAILBOX_BATCH_COUNT; i++) {
        work->batch[i].deliver = mailbox_batch_taken;
        enum err err = rt_mail_send(shard, 1, &work->batch[i]);
        ASSERT(err == ERR_OK);
    }
}

static void mailbox_batch_taken(struct rt_shard *at, struct rt_mail *mail)
{
    mail->deliver = mailbox_batch_back;
    enum err err = rt_mail_send(at, 0, mail);
    ASSERT(err == ERR_OK);
}

static void mailbox_batch_back(struct rt_shard *at, struct rt_mail *mail)
{
    struct mailbox_work *work = mailbox_work_of(at);
    bool is_last = mail == &work->batch[MAILBOX_BATCH_COUNT - 1];
    if (is_last && ++work->rounds_count == MAILBOX_ROUNDS_COUNT) {
        work->batch_cost_ns = rt_now_precise_ns(at) - work->batch_began_ns;
        rt_side_done(at);
    }
    if (work->rounds_count < MAILBOX_ROUNDS_COUNT) {
        mail->deliver = mailbox_batch_taken;
        enum err err = rt_mail_send(at, 1, mail);
        ASSERT(err == ERR_OK);
    }
}
