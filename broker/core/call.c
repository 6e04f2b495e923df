/* See call.h. */
#include "broker/core/call.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"

static void core_call_arrived(struct rt_shard *shard, struct rt_mail *mail);
static void core_call_came_home(struct rt_shard *shard, struct rt_mail *mail);

static struct core_call *core_call_of(struct rt_mail *mail)
{
    struct rt_outbox_mail *letter = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    return CONTAINER_OF(letter, struct core_call, mail);
}

void core_call_start(struct core_shard *home, uint32_t to, struct core_call *call,
                     core_call_fn *run, core_call_fn *done)
{
    ASSERT(to < home->core->shards_count);
    call->home = home;
    call->run = run;
    call->done = done;
    home->calls_count++;
    rt_outbox_send(&home->outbox, to, &call->mail, core_call_arrived);
}

void core_call_pass(struct core_shard *at, uint32_t to, struct core_call *call, core_call_fn *run)
{
    ASSERT(to < at->core->shards_count);
    call->run = run;
    rt_outbox_send(&at->outbox, to, &call->mail, core_call_arrived);
}

void core_call_end(struct core_shard *at, struct core_call *call)
{
    rt_outbox_send(&at->outbox, call->home->shard->id, &call->mail, core_call_came_home);
}

static void core_call_arrived(struct rt_shard *shard, struct rt_mail *mail)
{
    struct core_call *call = core_call_of(mail);
    call->run(call->home->core->shards[shard->id], call);
}

static void core_call_came_home(struct rt_shard *shard, struct rt_mail *mail)
{
    struct core_call *call = core_call_of(mail);
    ASSERT(call->home->shard == shard);
    ASSERT(call->home->calls_count > 0);
    call->home->calls_count--;
    call->done(call->home, call);
}
