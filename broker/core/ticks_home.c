/* The sequencer: the tick log is read, ticks close, are committed, and become news. See ticks.h.
 *
 *     reading:  entries -> timeline -> the newest tick again, whole, as news
 *     open:     something is due, and it is time -> timeline -> proposed ... committed -> news
 *
 * At most CORE_TICKS_FLIGHTS_MAX ticks are proposed and not committed: what is told meanwhile goes
 * into the next one. The time between two ticks doubles with each that closes while one before it
 * is under way, while folds are behind, or while shards have not taken in the news; and halves with
 * each that does not, to a quarter of a millisecond, or to one where ticks have many records: then
 * more of them would cost much and bring little. An interval in which none closed can be made up
 * for by one: with events that come once in an interval, about, each would else wait for what the
 * one before it came too late.
 *
 * The log begins with a whole tick. Another one is written after so many ticks or bytes, and when
 * it is committed everything before the whole tick that came before it goes: so the log always has
 * a whole tick that is not the newest, whatever a crash makes of that.
 *
 * A proposal that fails ends it: what the log says then is known after the next start alone. A
 * proposal that is refused (no memory, no disk) is made again later, with what is due then. */
#include "broker/core/ticks_home.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"

/* Ticks under way: the journal has two frames. */
#define CORE_TICKS_FLIGHTS_MAX 2u

/* Between two ticks; behind one of so many records at least MANY. */
#define CORE_TICKS_INTERVAL_MIN_NS  (RT_NS_PER_MS / 4)
#define CORE_TICKS_INTERVAL_MANY_NS RT_NS_PER_MS
#define CORE_TICKS_INTERVAL_MAX_NS  (10 * RT_NS_PER_MS)
#define CORE_TICKS_RECORDS_MANY     4u

/* News that shards have not taken in: more of them, beside those that the lead of views keeps,
 * mean that they do not keep up. */
#define CORE_TICKS_OUT_MANY (CORE_UPKEEP_NEWS + 8u)

/* After so many ticks, or so many bytes and so many times the last one, another whole tick. */
#define CORE_TICKS_WHOLE_COUNT 4096u
#define CORE_TICKS_WHOLE_BYTES (1u << 20)
#define CORE_TICKS_WHOLE_TIMES 4u

/* Committed ticks that are kept to be looked at. */
#define CORE_TICKS_RECENT_MAX       256u
#define CORE_TICKS_RECENT_BYTES_MAX (1u << 20)

/* One step of the feed. */
#define CORE_TICKS_STEP_BYTES (256u << 10)

/* Room for a tick's bytes, at first. */
#define CORE_TICKS_SCRATCH_BYTES 4096u

static enum err core_ticks_home_init(struct core_ticks_home *home);
static void core_ticks_home_begin(struct core_ticks_home *home);
static void core_ticks_home_read(struct core_ticks_home *home, uint64_t first_index);
static void core_ticks_home_fed(struct raft_feed *feed);
static enum err core_ticks_home_fold(struct core_ticks_home *home);
static enum err core_ticks_home_fold_entry(struct core_ticks_home *home,
                                           const struct raft_entry *entry);
static void core_ticks_home_folded(struct core_ticks_home *home);
static enum err core_ticks_home_tell_state(struct core_ticks_home *home);
static void core_ticks_home_unreadable(struct core_ticks_home *home, enum err err);
static void core_ticks_home_fail(struct core_ticks_home *home, enum core_code code,
                                 const char *why);
static void core_ticks_home_end_arrived(struct rt_shard *shard, struct rt_mail *mail);
static void core_ticks_home_end_back(struct rt_shard *shard, struct rt_mail *mail);
static void core_ticks_home_fire(struct rt_timer *timer);
static void core_ticks_home_turn(struct rt_op *op);
static void core_ticks_home_later(struct core_ticks_home *home, uint64_t at_ns);
static uint64_t core_ticks_home_open_ns(const struct core_ticks_home *home);
static void core_ticks_home_pace(struct core_ticks_home *home, uint64_t records);
static void core_ticks_home_tick(struct core_ticks_home *home);
static enum err core_ticks_home_measure(struct core_ticks_home *home,
                                        struct core_timeline_next *next);
static enum err core_ticks_home_write(struct core_ticks_home *home,
                                      const struct core_timeline_next *next,
                                      struct core_tick_news *news);
static enum err core_ticks_home_room(struct core_ticks_home *home, size_t bytes);
static enum err core_ticks_home_propose(struct core_ticks_home *home, struct core_tick_news *news);
static void core_ticks_home_proposed(struct core_ticks_home *home,
                                     const struct core_timeline_next *next,
                                     struct core_tick_news *news);
static void core_ticks_home_refused(struct core_ticks_home *home, enum err err);
static void core_ticks_home_failed(struct raft_proposal *proposal);
static void core_ticks_home_moved(struct raft_watch *watch, struct raft_group *group);
static void core_ticks_home_committed(struct core_ticks_home *home, struct core_tick_news *news);
static void core_ticks_home_count(struct core_ticks_home *home, const struct core_tick *tick,
                                  uint64_t index, size_t bytes);
static void core_ticks_home_keep(struct core_ticks_home *home, struct core_tick_news *news);
static void core_ticks_home_forget(struct core_ticks_home *home, uint32_t count_max,
                                   size_t bytes_max);

/* --- Life --- */

enum err core_ticks_home_open(struct core_shard *cs, struct core_partition *part)
{
    size_t bytes =
        sizeof(struct core_ticks_home) + cs->core->shards_count * sizeof(struct core_ticks_end);
    void *block;
    ASSERT(cs->ticks.at_home == NULL);
    enum err err = budget_alloc(&cs->budget, bytes, 64, &block);
    if (err != ERR_OK) {
        return err;
    }
    struct core_ticks_home *home = block;
    home->cs = cs;
    home->part = part;
    err = core_ticks_home_init(home);
    if (err != ERR_OK) {
        budget_free(&cs->budget, home);
        return err;
    }
    cs->ticks.at_home = home;
    core_ticks_home_begin(home);
    return ERR_OK;
}

static enum err core_ticks_home_init(struct core_ticks_home *home)
{
    struct core_shard *cs = home->cs;
    enum err err = core_timeline_init(&home->timeline, &cs->budget);
    if (err != ERR_OK) {
        return err;
    }
    list_for_each (node, &cs->ticks.followed) {
        const struct core_ticks_followed *followed =
            CONTAINER_OF(node, struct core_ticks_followed, in_ticks);
        err = err == ERR_OK ? core_timeline_follow(&home->timeline, &followed->topic) : err;
    }
    if (err != ERR_OK) {
        core_timeline_deinit(&home->timeline);
        return err;
    }
    list_init(&home->flights);
    list_init(&home->recent);
    list_init(&home->covers);
    home->watch = (struct raft_watch){.moved = core_ticks_home_moved, .ctx = home};
    home->interval_ns = CORE_TICKS_INTERVAL_MIN_NS;
    pool_init(&home->news_pool, &cs->budget,
              sizeof(struct core_tick_news) +
                  cs->core->shards_count * sizeof(struct core_tick_share),
              64, CORE_TICKS_NEWS_MAX + CORE_TICKS_RECENT_MAX + CORE_TICKS_FLIGHTS_MAX);
    rt_op_init(&home->op_close, cs->shard, core_ticks_home_turn);
    rt_timer_init(&home->timer, cs->shard, core_ticks_home_fire);
    core_ticks_views_init(home);
    return ERR_OK;
}

static void core_ticks_home_begin(struct core_ticks_home *home)
{
    struct core_partition *part = home->part;
    home->stage = CORE_TICKS_READING;
    if (part->is_closed) {
        core_ticks_home_fail(home, CORE_STORAGE, "the tick log cannot be made");
        return;
    }
    struct log_status status = core_partition_status(part);
    if (status.is_amnesiac || !status.is_available || status.quarantine_count > 0) {
        core_ticks_home_fail(home, CORE_CORRUPT_MESSAGE,
                             "the tick log has lost entries: how partitions interleave is not "
                             "known; see tdb log repair");
        return;
    }
    raft_group_watch(&part->group, &home->watch);
    home->read_index = raft_group_indexes(&part->group)->committed;
    if (status.start.index > home->read_index) {
        core_ticks_home_folded(home);
    } else {
        core_ticks_home_read(home, status.start.index);
    }
}

void core_ticks_home_gone(struct core_ticks_home *home)
{
    struct core_partition *part = home->part;
    if (part->is_closed) { /* it never had a log */
        home->part = NULL;
    } else {
        raft_group_unwatch(&home->watch);
    }
    if (home->stage != CORE_TICKS_FAILED) {
        home->code = CORE_CLOSING;
    }
    home->stage = CORE_TICKS_CLOSED;
    rt_timer_stop(&home->timer);
    core_ticks_views_end(home);
    core_ticks_covers_end(home, home->code);
    core_ticks_home_forget(home, 0, 0);
}

void core_ticks_home_closed(struct core_ticks_home *home)
{
    ASSERT(home->stage == CORE_TICKS_CLOSED);
    list_for_each_safe (node, next, &home->flights) { /* committed, of which no watch told */
        struct core_tick_news *news = CONTAINER_OF(node, struct core_tick_news, in_home);
        list_remove(&news->in_home);
        home->flights_count--;
        news->is_flight = false;
        core_tick_news_release(news);
    }
    home->part = NULL;
}

bool core_ticks_home_is_idle(const struct core_ticks_home *home)
{
    return home->part == NULL && !home->is_feed_open && home->out_count == 0 &&
           home->ends_out_count == 0 && !home->is_finding && rt_op_is_idle(&home->op_close);
}

void core_ticks_home_free(struct core_ticks_home *home)
{
    struct budget *budget = &home->cs->budget;
    ASSERT(core_ticks_home_is_idle(home));
    ASSERT(home->flights_count == 0);
    ASSERT(home->recent_count == 0);
    core_timeline_deinit(&home->timeline);
    pool_deinit(&home->news_pool);
    budget_free(budget, home->scratch);
    budget_free(budget, home->origins);
    budget_free(budget, home);
}

/* There are no more ticks before the next start: every shard is told. */
static void core_ticks_home_fail(struct core_ticks_home *home, enum core_code code, const char *why)
{
    struct core_shard *cs = home->cs;
    ASSERT(home->stage == CORE_TICKS_READING || home->stage == CORE_TICKS_OPEN);
    home->stage = CORE_TICKS_FAILED;
    home->code = code;
    snprintf(home->why, sizeof(home->why), "%s", why);
    DIAG_ERROR(cs->diag, "core", "the timeline cannot go on: views stay where they are",
               DIAG_STRING("reason", home->why), DIAG_U64("tick", home->timeline.number));
    rt_timer_stop(&home->timer);
    core_ticks_views_end(home);
    for (uint32_t i = 0; i < cs->core->shards_count; i++) {
        home->ends[i].home = home;
        home->ends_out_count++;
        rt_outbox_send(&cs->outbox, i, &home->ends[i].mail, core_ticks_home_end_arrived);
    }
    core_ticks_covers_end(home, code);
}

static struct core_ticks_home *core_ticks_home_of_end(struct rt_mail *mail)
{
    struct rt_outbox_mail *letter = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    return CONTAINER_OF(letter, struct core_ticks_end, mail)->home;
}

static void core_ticks_home_end_arrived(struct rt_shard *shard, struct rt_mail *mail)
{
    const struct core_ticks_home *home = core_ticks_home_of_end(mail);
    struct core_shard *cs = home->cs->core->shards[shard->id];
    core_ticks_failed(cs, home->code, home->why);
    rt_outbox_send(&cs->outbox, home->cs->shard->id,
                   CONTAINER_OF(mail, struct rt_outbox_mail, mail), core_ticks_home_end_back);
}

static void core_ticks_home_end_back(struct rt_shard *shard, struct rt_mail *mail)
{
    (void)shard;
    core_ticks_home_of_end(mail)->ends_out_count--;
}

/* --- Reading the log --- */

static void core_ticks_home_read(struct core_ticks_home *home, uint64_t first_index)
{
    core_timeline_reset(&home->timeline);
    home->whole_index = 0;
    home->whole_before = 0;
    raft_feed_open(&home->feed, &home->part->group, first_index, CORE_TICKS_STEP_BYTES,
                   core_ticks_home_fed, home);
    raft_feed_limit(&home->feed, home->read_index);
    home->is_feed_open = true;
    raft_feed_next(&home->feed);
}

static void core_ticks_home_fed(struct raft_feed *feed)
{
    struct core_ticks_home *home = raft_feed_ctx(feed);
    enum err err = feed->err == ERR_OK ? core_ticks_home_fold(home) : feed->err;
    uint64_t first_index = feed->first_index;
    bool is_read = raft_feed_position(feed) > home->read_index;
    if (err == ERR_OK && !is_read && home->stage == CORE_TICKS_READING) {
        raft_feed_next(feed);
        return;
    }
    raft_feed_close(feed);
    home->is_feed_open = false;
    if (home->stage != CORE_TICKS_READING) {
        return;
    }
    if (err == ERR_OK) {
        core_ticks_home_folded(home);
    } else if (err == ERR_RANGE) {
        core_ticks_home_read(home, first_index);
    } else if (err == ERR_BUDGET || err == ERR_FULL || err == ERR_IO) {
        core_ticks_home_later(home, rt_now_ns(home->cs->shard) + CORE_TICKS_RETRY_NS);
    } else {
        core_ticks_home_unreadable(home, err);
    }
}

static enum err core_ticks_home_fold(struct core_ticks_home *home)
{
    struct raft_entry entry;
    enum err err = ERR_OK;
    while (err == ERR_OK && raft_feed_entry(&home->feed, &entry)) {
        err = core_ticks_home_fold_entry(home, &entry);
    }
    return err;
}

static enum err core_ticks_home_fold_entry(struct core_ticks_home *home,
                                           const struct raft_entry *entry)
{
    struct core_tick tick;
    if (entry->batch.kind != LOG_KIND_DATA) {
        return ERR_OK;
    }
    enum err err = core_tick_get_batch(buf_slice_data(entry->bytes), entry->bytes.length, &tick);
    if (err == ERR_OK) {
        err = core_timeline_apply(&home->timeline, &tick);
    } else if (err != ERR_UNSUPPORTED) {
        home->timeline.why = "an entry is no tick";
        err = ERR_CORRUPT;
    }
    if (err == ERR_OK) {
        core_ticks_home_count(home, &tick, entry->index, entry->bytes.length);
    } else if (err == ERR_CORRUPT || err == ERR_UNSUPPORTED) {
        DIAG_ERROR(home->cs->diag, "core", "the tick log cannot be read",
                   DIAG_U64("index", entry->index), DIAG_U64("offset", entry->batch.base_offset),
                   DIAG_ERR("error", err));
    }
    return err;
}

/* `err` is why the log, or what it says, cannot be taken. */
static void core_ticks_home_unreadable(struct core_ticks_home *home, enum err err)
{
    char why[sizeof(home->why)];
    if (err == ERR_UNSUPPORTED) {
        core_ticks_home_fail(home, CORE_STORAGE, "the tick log was written by a newer version");
    } else if (home->timeline.why != NULL) {
        snprintf(why, sizeof(why), "the tick log contradicts itself behind tick %llu: %s",
                 (unsigned long long)home->timeline.number, home->timeline.why);
        core_ticks_home_fail(home, CORE_CORRUPT_MESSAGE, why);
    } else {
        snprintf(why, sizeof(why), "the tick log cannot be read behind tick %llu: %s",
                 (unsigned long long)home->timeline.number, err_text(err));
        core_ticks_home_fail(home, CORE_CORRUPT_MESSAGE, why);
    }
}

static void core_ticks_home_folded(struct core_ticks_home *home)
{
    struct log_status status = core_partition_status(home->part);
    enum err err = ERR_OK;
    if (home->timeline.number == 0 && status.end.offset > 0) {
        core_ticks_home_fail(home, CORE_CORRUPT_MESSAGE, "the tick log has lost its ticks");
        return;
    }
    core_timeline_applied(&home->timeline);
    core_ticks_views_sweep(home);
    if (home->timeline.number > 0) {
        err = core_ticks_home_tell_state(home);
    }
    if (err != ERR_OK) { /* from the log again */
        core_ticks_home_later(home, rt_now_ns(home->cs->shard) + CORE_TICKS_RETRY_NS);
        return;
    }
    home->stage = CORE_TICKS_OPEN;
    core_ticks_views_look(home);
    core_ticks_covers_moved(home);
    core_ticks_home_soon(home);
}

/* The newest tick again, whole, as news. */
static enum err core_ticks_home_tell_state(struct core_ticks_home *home)
{
    struct budget *budget = &home->cs->budget;
    struct core_timeline_next next;
    void *object;
    void *block;
    core_timeline_measure_state(&home->timeline, &next);
    enum err err = pool_acquire(&home->news_pool, &object);
    if (err != ERR_OK) {
        return err;
    }
    struct core_tick_news *news = object;
    err = budget_alloc(budget, next.bytes, 8, &block);
    if (err != ERR_OK) {
        pool_release(&home->news_pool, news);
        return err;
    }
    struct bytes_writer w = bytes_writer(block, next.bytes);
    core_timeline_put_state(&home->timeline, &next, &w);
    ASSERT(w.pos == next.bytes);
    news->home = home;
    news->block = block;
    news->catalog_version = home->cs->catalog->version;
    news->bytes = next.bytes;
    err = core_tick_get(block, next.bytes, &news->tick);
    ASSERT(err == ERR_OK);
    core_tick_news_send(news);
    return ERR_OK;
}

/* --- When a tick closes --- */

static bool core_ticks_home_is_due(const struct core_ticks_home *home)
{
    return home->is_wanted || core_timeline_is_due(&home->timeline);
}

void core_ticks_home_soon(struct core_ticks_home *home)
{
    if (home->stage != CORE_TICKS_OPEN || !rt_op_is_idle(&home->op_close)) {
        return;
    }
    if (home->dirty_ns == 0 && core_ticks_home_is_due(home)) {
        home->dirty_ns = rt_now_ns(home->cs->shard);
    }
    if (home->dirty_ns != 0 && !rt_timer_is_running(&home->timer)) {
        rt_op_defer(&home->op_close);
    }
}

static void core_ticks_home_later(struct core_ticks_home *home, uint64_t at_ns)
{
    rt_timer_start(&home->timer, at_ns);
}

static void core_ticks_home_fire(struct rt_timer *timer)
{
    struct core_ticks_home *home = CONTAINER_OF(timer, struct core_ticks_home, timer);
    if (home->stage == CORE_TICKS_READING) {
        struct log_status status = core_partition_status(home->part);
        core_ticks_home_read(home, status.start.index);
    } else {
        core_ticks_home_soon(home);
    }
}

static void core_ticks_home_turn(struct rt_op *op)
{
    struct core_ticks_home *home = CONTAINER_OF(op, struct core_ticks_home, op_close);
    uint64_t now_ns = rt_now_ns(home->cs->shard);
    if (home->stage != CORE_TICKS_OPEN || rt_timer_is_running(&home->timer)) {
        return;
    }
    if (!core_ticks_home_is_due(home)) {
        home->dirty_ns = 0;
        return;
    }
    if (home->flights_count == CORE_TICKS_FLIGHTS_MAX || home->out_count >= CORE_TICKS_NEWS_MAX ||
        home->out_bytes >= CORE_TICKS_NEWS_BYTES_MAX) {
        return; /* until one is committed, or comes back */
    }
    uint64_t open_ns = core_ticks_home_open_ns(home);
    if (now_ns < open_ns) {
        core_ticks_home_later(home, open_ns);
        return;
    }
    core_ticks_home_tick(home);
}

/* When the next tick may close: what is to be made up for waits for those under way. */
static uint64_t core_ticks_home_open_ns(const struct core_ticks_home *home)
{
    return home->flights_count > 0 ? home->closed_ns + home->interval_ns : home->next_ns;
}

/* One closes that has so many records. */
static void core_ticks_home_pace(struct core_ticks_home *home, uint64_t records)
{
    uint64_t now_ns = rt_now_ns(home->cs->shard);
    uint64_t least_ns = records < CORE_TICKS_RECORDS_MANY ? CORE_TICKS_INTERVAL_MIN_NS
                                                          : CORE_TICKS_INTERVAL_MANY_NS;
    bool is_pressed =
        home->is_busy || home->flights_count > 0 || home->out_count > CORE_TICKS_OUT_MANY;
    uint64_t interval_ns = is_pressed ? home->interval_ns * 2 : home->interval_ns / 2;
    if (interval_ns < least_ns) {
        interval_ns = least_ns;
    }
    if (interval_ns > CORE_TICKS_INTERVAL_MAX_NS) {
        interval_ns = CORE_TICKS_INTERVAL_MAX_NS;
    }
    uint64_t spare_ns = is_pressed ? 0 : now_ns - home->next_ns;
    home->next_ns = now_ns + interval_ns - (spare_ns < interval_ns ? spare_ns : interval_ns);
    home->interval_ns = interval_ns;
    home->closed_ns = now_ns;
    metric_set(&home->cs->ticks.interval, (int64_t)interval_ns);
}

/* --- Closing one --- */

static void core_ticks_home_tick(struct core_ticks_home *home)
{
    struct core_timeline_next next;
    void *object;
    enum err err = pool_acquire(&home->news_pool, &object);
    if (err != ERR_OK) {
        core_ticks_home_refused(home, err);
        return;
    }
    struct core_tick_news *news = object;
    news->home = home;
    err = core_ticks_home_measure(home, &next);
    if (err == ERR_OK) {
        err = core_ticks_home_write(home, &next, news);
    }
    if (err == ERR_OK) {
        err = core_ticks_home_propose(home, news);
    }
    if (err != ERR_OK) {
        core_tick_news_release(news);
        core_ticks_home_refused(home, err);
        return;
    }
    core_ticks_home_proposed(home, &next, news);
}

static enum err core_ticks_home_measure(struct core_ticks_home *home,
                                        struct core_timeline_next *next)
{
    struct core_shard *cs = home->cs;
    uint64_t epoch = (uint32_t)rt_random(cs->shard);
    uint32_t count_max = cs->core->config.ticks_whole_count;
    uint64_t bytes_max = CORE_TICKS_WHOLE_TIMES * home->whole_bytes;
    bool is_whole = home->since_count >= (count_max != 0 ? count_max : CORE_TICKS_WHOLE_COUNT) ||
                    home->since_bytes >=
                        (bytes_max > CORE_TICKS_WHOLE_BYTES ? bytes_max : CORE_TICKS_WHOLE_BYTES);
    epoch = epoch == 0 ? 1 : epoch;
    enum err err = core_timeline_measure(&home->timeline, is_whole, core_now_ms(cs), epoch, next);
    if (err == ERR_TOO_LARGE && is_whole) { /* the log stays as long as it is */
        err = core_timeline_measure(&home->timeline, false, core_now_ms(cs), epoch, next);
    }
    return err;
}

/* The batch, in a buffer of its own, which the news are decoded from. */
static enum err core_ticks_home_write(struct core_ticks_home *home,
                                      const struct core_timeline_next *next,
                                      struct core_tick_news *news)
{
    struct core_shard *cs = home->cs;
    size_t bound = core_tick_batch_bound(next->bytes);
    enum err err = core_ticks_home_room(home, next->bytes);
    if (err == ERR_OK) {
        err = buf_new(&cs->bufs, &cs->budget, bound, &news->buf);
    }
    if (err != ERR_OK) {
        return err;
    }
    struct raft_group *group = &home->part->group;
    struct bytes_writer w = bytes_writer(home->scratch, next->bytes);
    core_timeline_put(&home->timeline, next, &w);
    ASSERT(w.pos == next->bytes);
    uint8_t *data = buf_append(news->buf, (uint32_t)bound);
    w = bytes_writer(data, bound);
    core_tick_put_batch(&w, cs->core->kernels, home->scratch, next->bytes, next->tick.wall_ms);
    ASSERT(w.err == ERR_OK);
    log_batch_patch(data, raft_group_next_offset(group), raft_group_next_term(group));
    buf_seal(news->buf, (uint32_t)bound);
    news->bytes = w.pos;
    err = core_tick_get_batch(data, w.pos, &news->tick);
    ASSERT(err == ERR_OK);
    return ERR_OK;
}

static enum err core_ticks_home_room(struct core_ticks_home *home, size_t bytes)
{
    struct budget *budget = &home->cs->budget;
    size_t capacity = home->scratch_bytes == 0 ? CORE_TICKS_SCRATCH_BYTES : home->scratch_bytes;
    void *block;
    if (bytes <= home->scratch_bytes) {
        return ERR_OK;
    }
    while (capacity < bytes) {
        capacity *= 2;
    }
    enum err err = budget_alloc(budget, capacity, 64, &block);
    if (err == ERR_OK) {
        budget_free(budget, home->scratch);
        home->scratch = block;
        home->scratch_bytes = capacity;
    }
    return err;
}

static enum err core_ticks_home_propose(struct core_ticks_home *home, struct core_tick_news *news)
{
    news->proposal = (struct raft_proposal){.failed = core_ticks_home_failed, .ctx = news};
    return raft_group_propose(&home->part->group, &news->proposal,
                              buf_slice(news->buf, 0, (uint32_t)news->bytes));
}

static void core_ticks_home_proposed(struct core_ticks_home *home,
                                     const struct core_timeline_next *next,
                                     struct core_tick_news *news)
{
    core_ticks_home_pace(home, next->records);
    core_timeline_take(&home->timeline, next);
    news->is_flight = true;
    news->catalog_version = home->cs->catalog->version;
    news->dirty_ns = home->dirty_ns;
    home->dirty_ns = 0;
    home->is_wanted = false;
    home->flights_count++;
    list_push_back(&home->flights, &news->in_home);
    core_ticks_home_count(home, &news->tick, news->proposal.index, news->bytes);
    metric_add(&home->cs->ticks.ticks_count, 1);
    metric_observe(&home->cs->ticks.tick_bytes, news->bytes);
    core_ticks_covers_moved(home);
}

/* What one tick makes of what decides on the next whole one. */
static void core_ticks_home_count(struct core_ticks_home *home, const struct core_tick *tick,
                                  uint64_t index, size_t bytes)
{
    home->since_count++;
    home->since_bytes += bytes;
    if (tick->is_whole) {
        home->whole_before = home->whole_index;
        home->whole_index = index;
        home->whole_bytes = bytes;
        home->since_count = 0;
        home->since_bytes = 0;
    }
}

static void core_ticks_home_refused(struct core_ticks_home *home, enum err err)
{
    bool is_for_good = err == ERR_FENCED || err == ERR_ACCESS || err == ERR_RANGE ||
                       err == ERR_INVALID || err == ERR_TOO_LARGE;
    if (is_for_good) {
        core_ticks_home_fail(home, CORE_STORAGE, "the tick log cannot be written");
    } else if (err != ERR_CLOSING) {
        core_ticks_home_later(home, rt_now_ns(home->cs->shard) + CORE_TICKS_RETRY_NS);
    }
}

/* --- What becomes of it --- */

static void core_ticks_home_failed(struct raft_proposal *proposal)
{
    struct core_tick_news *news = proposal->ctx;
    struct core_ticks_home *home = news->home;
    list_remove(&news->in_home);
    home->flights_count--;
    news->is_flight = false;
    core_tick_news_release(news);
    if (home->stage == CORE_TICKS_OPEN) {
        core_ticks_home_fail(home, CORE_STORAGE, "a tick could not be written");
    }
}

static void core_ticks_home_moved(struct raft_watch *watch, struct raft_group *group)
{
    struct core_ticks_home *home = watch->ctx;
    uint64_t committed = raft_group_indexes(group)->committed;
    bool is_any = false;
    list_for_each_safe (node, next, &home->flights) {
        struct core_tick_news *news = CONTAINER_OF(node, struct core_tick_news, in_home);
        if (news->proposal.index > committed) {
            break;
        }
        core_ticks_home_committed(home, news);
        is_any = true;
    }
    if (is_any) {
        core_ticks_covers_moved(home);
        if (home->flights_count == 0) {
            rt_timer_stop(&home->timer); /* the next one may come earlier */
        }
        core_ticks_home_soon(home);
    }
}

static void core_ticks_home_committed(struct core_ticks_home *home, struct core_tick_news *news)
{
    uint64_t now_ns = rt_now_precise_ns(home->cs->shard);
    ASSERT(news->tick.number == home->committed + 1 || home->committed == 0);
    list_remove(&news->in_home);
    home->flights_count--;
    news->is_flight = false;
    metric_observe(&home->cs->ticks.tick_lag, now_ns - news->dirty_ns);
    if (news->tick.is_whole && news->proposal.index == home->whole_index &&
        home->whole_before != 0) {
        core_trimmer_want(home->part, home->whole_before);
    }
    core_tick_news_send(news);
    core_ticks_home_keep(home, news);
}

/* The newest ones are kept; the oldest of these go. */
static void core_ticks_home_keep(struct core_ticks_home *home, struct core_tick_news *news)
{
    news->is_recent = true;
    list_push_back(&home->recent, &news->in_home);
    home->recent_count++;
    home->recent_bytes += news->bytes;
    core_ticks_home_forget(home, CORE_TICKS_RECENT_MAX, CORE_TICKS_RECENT_BYTES_MAX);
}

static void core_ticks_home_forget(struct core_ticks_home *home, uint32_t count_max,
                                   size_t bytes_max)
{
    while (home->recent_count > count_max || home->recent_bytes > bytes_max) {
        struct list_node *node = list_pop_front(&home->recent);
        struct core_tick_news *news = CONTAINER_OF(node, struct core_tick_news, in_home);
        home->recent_count--;
        home->recent_bytes -= news->bytes;
        news->is_recent = false;
        core_tick_news_release(news);
    }
}
