/* mailbox.h: order, bounds, wakes, and mail from threads that are no shards. Shard 0 is the
 * scenario's; 1 and 2 only answer. */
#include "base/rt/mailbox.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "base/limits.h"
#include "base/rt/clock.h"
#include "tests/unit/rt/contract.h"

#define MAILS_COUNT   50000
#define THREADS_COUNT 4

/* A mail, and what its delivery tells. */
struct letter {
    struct rt_mail mail;         /* to send */
    struct mail_log *log;        /* who keeps count */
    struct rt_harness_op *ended; /* signaled when it is back on shard 0 */
    uint32_t number;             /* its place in the order of sending */
    uint32_t hops_count;         /* shards it has been on */
    uint64_t sleeps_count;       /* of the shard that answered */
};

/* Kept by the receiving shard alone, read by the scenario when all are in. */
struct mail_log {
    uint32_t count;          /* delivered */
    uint32_t last;           /* number of the last */
    bool is_out_of_order;    /* one came before its turn */
    uint32_t expected_count; /* after so many ... */
    struct letter *answer;   /* ... this goes back to shard 0 */
};

static struct letter *letter_of(struct rt_mail *mail)
{
    return CONTAINER_OF(mail, struct letter, mail);
}

static void letter_back(struct rt_shard *at, struct rt_mail *mail)
{
    struct letter *letter = letter_of(mail);
    RT_CHECK_INT(at->id, 0);
    letter->hops_count++;
    rt_harness_signal(letter->ended);
}

/* On another shard: answer at once. */
static void letter_answer(struct rt_shard *at, struct rt_mail *mail)
{
    struct letter *letter = letter_of(mail);
    RT_CHECK_INT(mail->from, 0);
    letter->hops_count++;
    letter->sleeps_count = at->stats.sleeps_count;
    mail->deliver = letter_back;
    RT_CHECK_ERR(rt_mail_send(at, 0, mail), ERR_OK);
}

/* On the receiving shard: note the order; the last one sends the answer. */
static void letter_count(struct rt_shard *at, struct rt_mail *mail)
{
    struct letter *letter = letter_of(mail);
    struct mail_log *log = letter->log;
    log->is_out_of_order |= log->count > 0 && letter->number != log->last + 1;
    log->last = letter->number;
    log->count++;
    if (log->count == log->expected_count) {
        log->answer->mail.deliver = letter_back;
        RT_CHECK_ERR(rt_mail_send(at, 0, &log->answer->mail), ERR_OK);
    }
}

static struct letter *letters_new(struct rt_harness *h, uint32_t count)
{
    void *memory;
    RT_CHECK_ERR(
        budget_alloc(rt_shard_budget(h->shard), count * sizeof(struct letter), 64, &memory),
        ERR_OK);
    return memory;
}

static void mail_to_oneself_comes_later_and_in_order(struct rt_harness *h)
{
    enum { COUNT = 200 };
    struct letter letters[COUNT], answer = {0};
    struct mail_log log = {.expected_count = COUNT, .answer = &answer};
    struct rt_harness_op ended;
    rt_harness_op_init(h, &ended);
    answer.ended = &ended;
    for (uint32_t i = 0; i < COUNT; i++) {
        letters[i] = (struct letter){.mail.deliver = letter_count, .log = &log, .number = i};
        RT_CHECK_ERR(rt_mail_send(h->shard, 0, &letters[i].mail), ERR_OK);
        RT_CHECK_INT(log.count, 0);
    }
    (void)rt_harness_wait(&ended);
    RT_CHECK_INT(log.count, COUNT);
    RT_CHECK(!log.is_out_of_order);
    RT_CHECK_INT(letters[0].mail.from, 0);
}

static void mail_goes_to_another_shard_and_back(struct rt_harness *h)
{
    struct rt_harness_op ended;
    RT_CHECK_INT(rt_shard_count(h->shard), 3);
    rt_harness_op_init(h, &ended);
    for (uint32_t to = 0; to < 3; to++) {
        struct letter letter = {.mail.deliver = letter_answer, .ended = &ended};
        RT_CHECK_ERR(rt_mail_send(h->shard, to, &letter.mail), ERR_OK);
        (void)rt_harness_wait(&ended);
        RT_CHECK_INT(letter.hops_count, 2);
        RT_CHECK_INT(letter.mail.from, to);
    }
}

/* A receiver that sleeps in its backend answers at once, not at its next timer. */
static void mail_wakes_a_sleeping_shard(struct rt_harness *h)
{
    struct rt_harness_op ended;
    uint64_t sleeps_count = 0;
    rt_harness_op_init(h, &ended);
    for (uint32_t i = 0; i < 20; i++) {
        struct letter letter = {.mail.deliver = letter_answer, .ended = &ended};
        rt_harness_sleep(h, 2 * RT_NS_PER_MS);
        uint64_t began_ns = rt_now_precise_ns(h->shard);
        RT_CHECK_ERR(rt_mail_send(h->shard, 1 + i % 2, &letter.mail), ERR_OK);
        (void)rt_harness_wait(&ended);
        RT_CHECK(rt_now_precise_ns(h->shard) - began_ns < 10 * RT_NS_PER_S);
        sleeps_count += letter.sleeps_count;
    }
    RT_CHECK(sleeps_count > 0);
}

/* More mails than a lane holds: what is refused is sent again on a later turn, and nothing
 * overtakes. */
static void mail_of_one_pair_arrives_in_order(struct rt_harness *h)
{
    struct letter *letters = letters_new(h, MAILS_COUNT);
    struct letter answer = {0};
    struct mail_log log = {.expected_count = MAILS_COUNT, .answer = &answer};
    struct rt_harness_op ended;
    rt_harness_op_init(h, &ended);
    answer.ended = &ended;
    for (uint32_t i = 0; i < MAILS_COUNT; i++) {
        letters[i] = (struct letter){.mail.deliver = letter_count, .log = &log, .number = i};
        enum err err;
        while ((err = rt_mail_send(h->shard, 2, &letters[i].mail)) == ERR_FULL) {
            rt_harness_turns(h, 1);
        }
        RT_CHECK_ERR(err, ERR_OK);
    }
    (void)rt_harness_wait(&ended);
    RT_CHECK_INT(log.count, MAILS_COUNT);
    RT_CHECK(!log.is_out_of_order);
    budget_free(rt_shard_budget(h->shard), letters);
}

/* What keeps shard 1 in one delivery. */
struct mail_stopper {
    struct rt_mail mail;
    sem_t begun, go;
};

static void stopper_deliver(struct rt_shard *at, struct rt_mail *mail)
{
    struct mail_stopper *stopper = CONTAINER_OF(mail, struct mail_stopper, mail);
    (void)at;
    sem_post(&stopper->begun);
    sem_wait(&stopper->go);
}

static void mail_to_a_stuck_shard_is_bounded(struct rt_harness *h)
{
    struct mail_stopper stopper = {.mail.deliver = stopper_deliver};
    struct letter *letters = letters_new(h, 2 * LIMIT_MAILBOX_COUNT + 2);
    struct letter answer = {0};
    struct mail_log log = {.answer = &answer};
    struct rt_harness_op ended;
    rt_harness_op_init(h, &ended);
    answer.ended = &ended;
    sem_init(&stopper.begun, 0, 0);
    sem_init(&stopper.go, 0, 0);
    RT_CHECK_ERR(rt_mail_send(h->shard, 1, &stopper.mail), ERR_OK);
    rt_harness_turns(h, 2); /* doorbells ring at the end of a turn */
    sem_wait(&stopper.begun);
    uint32_t count = 0;
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        RT_CHECK(count <= 2 * LIMIT_MAILBOX_COUNT + 1);
        letters[count] =
            (struct letter){.mail.deliver = letter_count, .log = &log, .number = count};
        err = rt_mail_send(h->shard, 1, &letters[count].mail);
        count += err == ERR_OK;
    }
    RT_CHECK_ERR(err, ERR_FULL);
    RT_CHECK(count >= LIMIT_MAILBOX_COUNT);
    log.expected_count = count;
    sem_post(&stopper.go);
    (void)rt_harness_wait(&ended);
    RT_CHECK_INT(log.count, count);
    RT_CHECK(!log.is_out_of_order);
    letters[0] = (struct letter){.mail.deliver = letter_answer, .ended = &ended};
    RT_CHECK_ERR(rt_mail_send(h->shard, 1, &letters[0].mail), ERR_OK); /* there is room again */
    (void)rt_harness_wait(&ended);
    budget_free(rt_shard_budget(h->shard), letters);
}

/* A thread that is no shard. */
struct mail_poster {
    pthread_t thread;
    struct rt_shard *to;
    struct letter *letters; /* MAILS_COUNT / THREADS_COUNT */
};

static void *poster_main(void *context)
{
    struct mail_poster *poster = context;
    for (uint32_t i = 0; i < MAILS_COUNT / THREADS_COUNT; i++) {
        rt_mail_post(poster->to, &poster->letters[i].mail);
    }
    return NULL;
}

static void letter_posted(struct rt_shard *at, struct rt_mail *mail)
{
    struct letter *letter = letter_of(mail);
    RT_CHECK_INT(at->id, 0);
    RT_CHECK(mail->from == RT_MAIL_OUTSIDE);
    RT_CHECK_INT(letter->number, letter->log->count); /* of its own thread */
    if (++letter->log->count == letter->log->expected_count) {
        rt_harness_signal(letter->ended);
    }
}

static void mail_posted_by_threads_arrives_once_and_in_order(struct rt_harness *h)
{
    struct mail_poster posters[THREADS_COUNT];
    struct mail_log logs[THREADS_COUNT] = {0};
    struct rt_harness_op ended;
    const uint32_t each = MAILS_COUNT / THREADS_COUNT;
    rt_harness_op_init(h, &ended);
    for (uint32_t t = 0; t < THREADS_COUNT; t++) {
        logs[t].expected_count = each;
        posters[t] = (struct mail_poster){.to = h->shard, .letters = letters_new(h, each)};
        for (uint32_t i = 0; i < each; i++) {
            posters[t].letters[i] = (struct letter){
                .mail.deliver = letter_posted, .log = &logs[t], .ended = &ended, .number = i};
        }
        RT_CHECK_INT(pthread_create(&posters[t].thread, NULL, poster_main, &posters[t]), 0);
    }
    for (uint32_t t = 0; t < THREADS_COUNT; t++) {
        (void)rt_harness_wait(&ended);
    }
    for (uint32_t t = 0; t < THREADS_COUNT; t++) {
        RT_CHECK_INT(pthread_join(posters[t].thread, NULL), 0);
        RT_CHECK_INT(logs[t].count, each);
        budget_free(rt_shard_budget(h->shard), posters[t].letters);
    }
}

/* Where a letter goes that travels for ever so long. */
static void letter_travel(struct rt_shard *at, struct rt_mail *mail)
{
    struct letter *letter = letter_of(mail);
    letter->hops_count++;
    if (letter->hops_count >= letter->number) {
        mail->deliver = letter_back;
        RT_CHECK_ERR(rt_mail_send(at, 0, mail), ERR_OK);
    } else {
        RT_CHECK_ERR(rt_mail_send(at, (at->id + letter->hops_count) % 3, mail), ERR_OK);
    }
}

static void mail_of_every_pair_is_under_way_at_once(struct rt_harness *h)
{
    enum { COUNT = 64, HOPS = 300 };
    struct letter letters[COUNT];
    struct rt_harness_op ended;
    rt_harness_op_init(h, &ended);
    for (uint32_t i = 0; i < COUNT; i++) {
        letters[i] =
            (struct letter){.mail.deliver = letter_travel, .ended = &ended, .number = HOPS + i};
        RT_CHECK_ERR(rt_mail_send(h->shard, i % 3, &letters[i].mail), ERR_OK);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        (void)rt_harness_wait(&ended);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        RT_CHECK_INT(letters[i].hops_count, HOPS + i + 1);
    }
}

static void letter_finish(struct rt_shard *at, struct rt_mail *mail)
{
    (void)mail;
    rt_shard_finish(at);
}

static void mail_to_a_shard_that_has_finished_is_refused(struct rt_harness *h)
{
    struct rt_harness_op ended;
    struct letter last = {.mail.deliver = letter_finish};
    struct letter letter = {.mail.deliver = letter_answer, .ended = &ended};
    rt_harness_op_init(h, &ended);
    RT_CHECK_ERR(rt_mail_send(h->shard, 2, &last.mail), ERR_OK);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < 1000 && err == ERR_OK; i++) {
        static struct letter ignored[10000]; /* those sent before it had finished are its to keep */
        ignored[i].mail.deliver = letter_finish;
        rt_harness_sleep(h, RT_NS_PER_MS);
        err = rt_mail_send(h->shard, 2, &ignored[i].mail);
    }
    RT_CHECK_ERR(err, ERR_CLOSING);
    RT_CHECK_ERR(rt_mail_send(h->shard, 1, &letter.mail), ERR_OK); /* the others go on */
    (void)rt_harness_wait(&ended);
}

const struct rt_harness_test contract_mail_tests[] = {
    RT_HARNESS_TEST(mail_to_oneself_comes_later_and_in_order),
    RT_HARNESS_TEST_ON(3, mail_goes_to_another_shard_and_back),
    RT_HARNESS_TEST_ON(3, mail_wakes_a_sleeping_shard),
    RT_HARNESS_TEST_ON(3, mail_of_one_pair_arrives_in_order),
    RT_HARNESS_TEST_ON(2, mail_to_a_stuck_shard_is_bounded),
    RT_HARNESS_TEST_ON(2, mail_posted_by_threads_arrives_once_and_in_order),
    RT_HARNESS_TEST_ON(3, mail_of_every_pair_is_under_way_at_once),
    RT_HARNESS_TEST_ON(3, mail_to_a_shard_that_has_finished_is_refused),
    {0},
};
