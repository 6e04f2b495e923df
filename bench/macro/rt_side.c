/* See rt_side.h. */
#include "bench/macro/rt_side.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

static void rt_side_shard_start(struct rt_shard *shard);
static void rt_side_deliver(struct rt_shard *at, struct rt_mail *mail);

void rt_side_start(struct rt_side *side, enum rt_kind kind, uint32_t shards_count)
{
    char note[256] = "";
    void *context = side->context;
    *side = (struct rt_side){.context = context};
    budget_init(&side->budget, "process", SIZE_MAX, NULL);
    cpu_detect(&side->cpu);
    sem_init(&side->started, 0, 0);
    sem_init(&side->ended, 0, 0);
    struct rt_config config = {.shards_count = shards_count,
                               .kind = kind,
                               .seed = 1,
                               .budget = &side->budget,
                               .cpu = &side->cpu,
                               .app = side,
                               .start = rt_side_shard_start,
                               .stop = rt_shard_finish};
    enum err err = rt_machine_read(&side->machine, note, sizeof(note));
    if (err == ERR_OK) {
        err = rt_new(&config, &side->machine, &side->rt, note, sizeof(note));
    }
    if (err == ERR_OK) {
        err = rt_start(side->rt);
    }
    if (err != ERR_OK) {
        fprintf(stderr, "the runtime does not start: %s %s\n", err_text(err), note);
        exit(1);
    }
    for (uint32_t i = 0; i < shards_count; i++) {
        while (sem_wait(&side->started) != 0) {
        }
    }
}

void rt_side_run(struct rt_side *side, void (*begin)(struct rt_shard *shard))
{
    side->begin = begin;
    side->mail.deliver = rt_side_deliver;
    rt_mail_post(rt_shard_at(side->rt, 0), &side->mail);
    while (sem_wait(&side->ended) != 0) {
    }
}

void rt_side_done(struct rt_shard *shard)
{
    struct rt_side *side = shard->app;
    sem_post(&side->ended);
}

void rt_side_stop(struct rt_side *side)
{
    rt_stop(side->rt);
    rt_join(side->rt);
    rt_free(side->rt);
    ASSERT(side->budget.used_bytes == 0);
    sem_destroy(&side->started);
    sem_destroy(&side->ended);
}

static void rt_side_shard_start(struct rt_shard *shard)
{
    struct rt_side *side = shard->app;
    sem_post(&side->started);
}

static void rt_side_deliver(struct rt_shard *at, struct rt_mail *mail)
{
    CONTAINER_OF(mail, struct rt_side, mail)->begin(at);
}
