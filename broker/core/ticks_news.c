/* News: ticks on their way to the shards and back. See ticks.h.
 *
 * A shard has news from their arrival until the last of its own references is given up; then its
 * share goes home as mail. News that come before the shard has the catalog they were made with wait
 * for it. The home counts shards, so no counter is shared between threads. */
#include "base/assert.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/core/ticks_home.h"

static void core_tick_news_arrived(struct rt_shard *shard, struct rt_mail *mail);
static void core_tick_news_back(struct rt_shard *shard, struct rt_mail *mail);

static struct core_tick_share *core_tick_share_of(struct rt_mail *mail)
{
    struct rt_outbox_mail *letter = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    return CONTAINER_OF(letter, struct core_tick_share, mail);
}

/* Constant for those who read it, ours for those who count: the shard's own share. */
static struct core_tick_share *core_tick_share_at(const struct core_shard *cs,
                                                  const struct core_tick_news *news)
{
    return &((struct core_tick_news *)(uintptr_t)news)->shares[cs->shard->id];
}

const struct core_tick *core_tick_news_tick(const struct core_tick_news *news)
{
    return &news->tick;
}

void core_tick_news_ref(struct core_shard *cs, const struct core_tick_news *news)
{
    struct core_tick_share *share = core_tick_share_at(cs, news);
    ASSERT(share->refs > 0);
    share->refs++;
}

void core_tick_news_unref(struct core_shard *cs, const struct core_tick_news *news)
{
    struct core_tick_share *share = core_tick_share_at(cs, news);
    ASSERT(share->refs > 0);
    if (--share->refs == 0) {
        rt_outbox_send(&cs->outbox, news->home->cs->shard->id, &share->mail, core_tick_news_back);
    }
}

void core_tick_news_send(struct core_tick_news *news)
{
    struct core_ticks_home *home = news->home;
    struct core_shard *cs = home->cs;
    ASSERT(news->out_count == 0);
    home->out_count++;
    home->out_bytes += news->bytes;
    home->committed = news->tick.number;
    for (uint32_t i = 0; i < cs->core->shards_count; i++) {
        news->shares[i].news = news;
        news->out_count++;
        rt_outbox_send(&cs->outbox, i, &news->shares[i].mail, core_tick_news_arrived);
    }
}

static void core_tick_news_arrived(struct rt_shard *shard, struct rt_mail *mail)
{
    struct core_tick_share *share = core_tick_share_of(mail);
    const struct core_tick_news *news = share->news;
    struct core_shard *cs = news->home->cs->core->shards[shard->id];
    share->refs = 1;
    list_push_back(&cs->ticks.early, &share->in_early);
    core_tick_news_early(cs);
}

void core_tick_news_early(struct core_shard *cs)
{
    struct core_ticks *ticks = &cs->ticks;
    while (!list_is_empty(&ticks->early)) {
        struct list_node *node = list_first(&ticks->early);
        const struct core_tick_news *news =
            CONTAINER_OF(node, struct core_tick_share, in_early)->news;
        if (!ticks->is_closing &&
            (cs->catalog == NULL || cs->catalog->version < news->catalog_version)) {
            return;
        }
        list_remove(node);
        if (!ticks->is_closing) {
            core_ticks_news(cs, news);
        }
        core_tick_news_unref(cs, news);
    }
}

static void core_tick_news_back(struct rt_shard *shard, struct rt_mail *mail)
{
    struct core_tick_news *news = core_tick_share_of(mail)->news;
    struct core_ticks_home *home = news->home;
    (void)shard;
    ASSERT(news->out_count > 0);
    if (--news->out_count > 0) {
        return;
    }
    home->out_count--;
    home->out_bytes -= news->bytes;
    core_tick_news_release(news);
    core_ticks_home_soon(home);
}

void core_tick_news_release(struct core_tick_news *news)
{
    struct core_ticks_home *home = news->home;
    if (news->out_count > 0 || news->is_recent || news->is_flight) {
        return;
    }
    if (news->buf != NULL) {
        buf_unref(news->buf);
    }
    budget_free(&home->cs->budget, news->block);
    pool_release(&home->news_pool, news);
}

/* --- What they have said --- */

uint32_t core_ticks_rows(const struct core_shard *cs, struct core_ticks_place *place,
                         struct core_ticks_row *out, uint32_t max)
{
    const struct core_ticks_home *home = cs->ticks.at_home;
    uint32_t count = 0;
    if (home == NULL) {
        return 0;
    }
    list_for_each (node, &home->recent) {
        const struct core_tick *tick =
            &CONTAINER_OF(node, const struct core_tick_news, in_home)->tick;
        if (tick->number < place->tick) {
            continue;
        }
        if (tick->number > place->tick) {
            place->moved = 0;
        }
        place->tick = tick->number;
        for (; place->moved < tick->moved_count; place->moved++) {
            if (count == max) {
                return count;
            }
            struct core_tick_moved moved = core_tick_moved(tick, place->moved);
            out[count++] = (struct core_ticks_row){.tick = tick->number,
                                                   .wall_ms = tick->wall_ms,
                                                   .topic = moved.topic,
                                                   .partition = moved.partition,
                                                   .end = moved.end,
                                                   .starts_count = tick->starts_count,
                                                   .is_whole = tick->is_whole};
        }
    }
    return count;
}
