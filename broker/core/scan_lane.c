/* See scan_lane.h. */
#include "broker/core/scan_lane.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"

/* Of a step: what two or three batches of rows come from. */
#define CORE_LANE_STEP_BYTES (512u << 10)

/* How long a step may wait before the log start is looked at. */
#define CORE_LANE_PATIENCE_NS (20 * RT_NS_PER_MS)

static void core_lane_found(struct core_offsets *offsets);
static void core_lane_feed(struct core_lane *lane);
static void core_lane_step(struct core_lane *lane);
static void core_lane_fed(struct core_view_feed *feed);
static void core_lane_look(struct rt_timer *timer);
static void core_lane_looked(struct core_bounds *bounds);
static void core_lane_move(struct core_lane *lane, enum core_lane_stage stage);
static void core_lane_close_feed(struct core_lane *lane);
static void core_lane_closed(struct core_view_feed *feed);

void core_lane_init(struct core_lane *lane)
{
    lane->stage = CORE_LANE_IDLE;
    rt_timer_init(&lane->timer, lane->cs->shard, core_lane_look);
}

void core_lane_open(struct core_lane *lane, const struct log_uuid *topic, uint32_t partition,
                    uint64_t group, uint64_t first, uint64_t end, int64_t timestamp)
{
    ASSERT(lane->stage == CORE_LANE_IDLE);
    ASSERT(first < end);
    lane->partition = partition;
    lane->group = group;
    lane->first = first;
    lane->end = end;
    lane->code = CORE_OK;
    lane->is_fed = false;
    lane->is_over = false;
    lane->is_closing = false;
    lane->feed = (struct core_view_feed){.done = core_lane_fed,
                                         .ctx = lane,
                                         .owner = "query",
                                         .topic = *topic,
                                         .partition = partition,
                                         .group = group,
                                         .bytes_max = CORE_LANE_STEP_BYTES};
    if (timestamp < 0) {
        core_lane_feed(lane);
        return;
    }
    lane->stage = CORE_LANE_FINDING;
    lane->offsets = (struct core_offsets){.done = core_lane_found,
                                          .ctx = lane,
                                          .topic = *topic,
                                          .partition = partition,
                                          .group = group,
                                          .epoch = -1,
                                          .timestamp = timestamp};
    core_offsets_start(lane->cs, &lane->offsets);
}

struct buf_loan *core_lane_take(struct core_lane *lane)
{
    ASSERT(lane->stage == CORE_LANE_HELD);
    struct buf_loan *loans = lane->feed.loans;
    lane->feed.loans = NULL;
    if (lane->feed.offset < lane->end) {
        lane->feed.keep_index = lane->feed.next_index;
        core_lane_step(lane);
    } else {
        lane->stage = CORE_LANE_END;
    }
    return loans;
}

void core_lane_close(struct core_lane *lane)
{
    ASSERT(!lane->is_closing);
    uint8_t stage = lane->stage;
    if (stage == CORE_LANE_IDLE) {
        return;
    }
    lane->is_closing = true;
    if (stage == CORE_LANE_HELD) {
        core_loans_return_all(&lane->cs->loans, lane->feed.loans);
        lane->feed.loans = NULL;
    }
    if (stage == CORE_LANE_STEP) {
        core_view_feed_cancel(&lane->feed);
    } else if (stage != CORE_LANE_FINDING && (lane->is_fed || lane->is_looking)) {
        core_lane_close_feed(lane);
    } else if (stage != CORE_LANE_FINDING) {
        lane->is_closing = false;
        lane->stage = CORE_LANE_IDLE;
    }
}

/* --- Where it begins --- */

static void core_lane_found(struct core_offsets *offsets)
{
    struct core_lane *lane = offsets->ctx;
    if (lane->is_closing) {
        core_lane_close_feed(lane);
    } else if (offsets->code != CORE_OK) {
        lane->code = offsets->code;
        core_lane_move(lane, CORE_LANE_FAILED);
    } else if (offsets->offset < 0 || (uint64_t)offsets->offset >= lane->end) {
        core_lane_move(lane, CORE_LANE_END);
    } else {
        uint64_t found = (uint64_t)offsets->offset;
        lane->first = found > lane->first ? found : lane->first;
        core_lane_feed(lane);
    }
}

static void core_lane_feed(struct core_lane *lane)
{
    lane->feed.offset = lane->first;
    core_view_feed_open(&lane->feed, lane->cs);
    lane->is_fed = true;
    core_lane_step(lane);
}

/* --- Steps --- */

static void core_lane_step(struct core_lane *lane)
{
    lane->stage = CORE_LANE_STEP;
    rt_timer_start(&lane->timer, rt_now_ns(lane->cs->shard) + CORE_LANE_PATIENCE_NS);
    core_view_feed_next(&lane->feed);
}

static void core_lane_fed(struct core_view_feed *feed)
{
    struct core_lane *lane = feed->ctx;
    rt_timer_stop(&lane->timer);
    if (lane->is_closing) {
        core_loans_return_all(&lane->cs->loans, feed->loans);
        feed->loans = NULL;
        core_lane_close_feed(lane);
    } else if (feed->code != CORE_OK) {
        lane->code = feed->code;
        core_lane_move(lane, CORE_LANE_FAILED);
    } else if (feed->loans != NULL) {
        core_lane_move(lane, CORE_LANE_HELD);
    } else if (lane->is_over) {
        core_lane_move(lane, CORE_LANE_END);
    } else {
        core_lane_step(lane);
    }
}

/* It waits: is there still something? */
static void core_lane_look(struct rt_timer *timer)
{
    struct core_lane *lane = CONTAINER_OF(timer, struct core_lane, timer);
    ASSERT(lane->stage == CORE_LANE_STEP);
    if (!lane->is_looking && !lane->is_closing) {
        lane->is_looking = true;
        lane->bounds = (struct core_bounds){.done = core_lane_looked,
                                            .ctx = lane,
                                            .topic = lane->feed.topic,
                                            .first = lane->partition,
                                            .count = 1,
                                            .groups = &lane->group,
                                            .items = &lane->bound,
                                            .parts = lane->parts};
        core_bounds_start(lane->cs, &lane->bounds);
    }
}

static void core_lane_looked(struct core_bounds *bounds)
{
    struct core_lane *lane = bounds->ctx;
    lane->is_looking = false;
    if (lane->stage == CORE_LANE_CLOSING) {
        core_lane_close_feed(lane);
    } else if (lane->stage == CORE_LANE_STEP && !lane->is_closing &&
               !rt_timer_is_running(&lane->timer)) {
        if (lane->bound.code == CORE_OK && lane->bound.start >= lane->end) {
            lane->is_over = true;
            core_view_feed_cancel(&lane->feed);
        } else {
            rt_timer_start(&lane->timer, rt_now_ns(lane->cs->shard) + CORE_LANE_PATIENCE_NS);
        }
    }
}

static void core_lane_move(struct core_lane *lane, enum core_lane_stage stage)
{
    lane->stage = (uint8_t)stage;
    lane->moved(lane);
}

/* --- Closing --- */

/* The feed's step, or the search, has ended, or was none. */
static void core_lane_close_feed(struct core_lane *lane)
{
    lane->stage = CORE_LANE_CLOSING;
    if (lane->is_fed) {
        lane->is_fed = false;
        core_view_feed_close(&lane->feed, core_lane_closed);
    } else if (!lane->is_looking && lane->feed.closed == NULL) {
        lane->is_closing = false;
        core_lane_move(lane, CORE_LANE_IDLE);
    }
}

static void core_lane_closed(struct core_view_feed *feed)
{
    struct core_lane *lane = feed->ctx;
    feed->closed = NULL;
    core_lane_close_feed(lane);
}
