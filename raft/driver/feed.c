/* The committed feed: a reader of the log that never passes commit, and waits there. See feed.h. */
#include "raft/driver/feed.h"

#include "base/assert.h"
#include "raft/driver/voter.h"

/* What the step in hand waits for. */
enum raft_feed_stage {
    RAFT_FEED_IDLE,    /* there is none */
    RAFT_FEED_PARKED,  /* an entry that may be given out */
    RAFT_FEED_READING, /* the log */
    RAFT_FEED_ENDING,  /* the ready queue: no more than to be told how it ended */
};

static void raft_feed_go(struct raft_feed *feed);
static void raft_feed_reopen(struct raft_feed *feed);
static void raft_feed_park(struct raft_feed *feed);
static void raft_feed_end(struct raft_feed *feed, enum err err);
static void raft_feed_ended(struct rt_op *op);
static void raft_feed_read(struct log_read *read);
static void raft_feed_answer(struct raft_feed *feed, const struct log_read *read);
static bool raft_feed_has_gap(const struct log_read *read);
static uint64_t raft_feed_bound(const struct raft_feed *feed);

void raft_feed_open(struct raft_feed *feed, struct raft_group *group, uint64_t first_index,
                    uint32_t bytes_max, raft_feed_fn *done, void *ctx)
{
    ASSERT(first_index >= 1);
    ASSERT(done != NULL);
    ASSERT(group->closed == NULL);
    *feed = (struct raft_feed){
        .group = group,
        .done = done,
        .ctx = ctx,
        .next_index = first_index,
        .index_max = UINT64_MAX,
        .bytes_max = bytes_max,
    };
    rt_op_init(&feed->op_defer, group->raft->shard, raft_feed_ended);
    log_reader_open(&feed->reader, group->log, LOG_READ_INDEX, first_index, bytes_max,
                    raft_feed_read, feed);
    list_push_back(&group->feeds, &feed->in_group);
}

void raft_feed_close(struct raft_feed *feed)
{
    ASSERT(feed->stage == RAFT_FEED_IDLE);
    list_remove(&feed->in_group);
    log_reader_close(&feed->reader);
    if (feed->group->closed != NULL) {
        raft_group_moved(feed->group);
    }
}

void raft_feed_limit(struct raft_feed *feed, uint64_t index_max)
{
    feed->index_max = index_max;
    raft_feed_wake(feed);
}

void raft_feed_next(struct raft_feed *feed)
{
    ASSERT(feed->stage == RAFT_FEED_IDLE);
    log_read_release(&feed->reader.read);
    feed->is_canceled = false;
    feed->is_given = false;
    raft_feed_go(feed);
}

void raft_feed_cancel(struct raft_feed *feed)
{
    feed->is_canceled = feed->stage != RAFT_FEED_IDLE;
    raft_feed_wake(feed);
}

void raft_feed_wake(struct raft_feed *feed)
{
    if (feed->stage == RAFT_FEED_PARKED) {
        raft_feed_go(feed);
    }
}

bool raft_feed_is_idle(const struct raft_feed *feed)
{
    return feed->stage == RAFT_FEED_IDLE;
}

uint64_t raft_feed_position(const struct raft_feed *feed)
{
    return feed->next_index;
}

void *raft_feed_ctx(const struct raft_feed *feed)
{
    return feed->ctx;
}

/* --- A step --- */

/* The last index that may be given out now. */
static uint64_t raft_feed_bound(const struct raft_feed *feed)
{
    uint64_t committed = feed->group->at.committed;
    return committed < feed->index_max ? committed : feed->index_max;
}

static void raft_feed_go(struct raft_feed *feed)
{
    if (feed->group->closed != NULL) {
        raft_feed_end(feed, ERR_CLOSING);
    } else if (feed->is_canceled) {
        raft_feed_end(feed, ERR_CANCELED);
    } else if (raft_feed_bound(feed) < feed->next_index) {
        raft_feed_park(feed);
    } else {
        if (feed->is_single != (feed->next_index <= feed->single_index)) {
            raft_feed_reopen(feed);
        }
        feed->stage = RAFT_FEED_READING;
        feed->read_max = raft_feed_bound(feed);
        log_reader_next(&feed->reader, feed->read_max);
    }
}

/* Nothing to give out: what reading the past has kept in memory goes. */
static void raft_feed_park(struct raft_feed *feed)
{
    feed->stage = RAFT_FEED_PARKED;
    if (feed->is_cold) {
        feed->is_cold = false;
        raft_feed_reopen(feed);
    }
}

/* Begin anew at next_index; one entry a step as far as single_index. */
static void raft_feed_reopen(struct raft_feed *feed)
{
    feed->is_single = feed->next_index <= feed->single_index;
    log_reader_close(&feed->reader);
    log_reader_open(&feed->reader, feed->group->log, LOG_READ_INDEX, feed->next_index,
                    feed->is_single ? 1 : feed->bytes_max, raft_feed_read, feed);
}

/* Told from the ready queue. */
static void raft_feed_end(struct raft_feed *feed, enum err err)
{
    feed->err = err;
    feed->stage = RAFT_FEED_ENDING;
    rt_op_defer(&feed->op_defer);
}

static void raft_feed_ended(struct rt_op *op)
{
    struct raft_feed *feed = CONTAINER_OF(op, struct raft_feed, op_defer);
    feed->stage = RAFT_FEED_IDLE;
    feed->done(feed);
}

/* Whether indexes are missing among those given out, where an operator gave entries up: which entry
 * has which is not told then. */
static bool raft_feed_has_gap(const struct log_read *read)
{
    return read->last_index - read->first_index + 1 != read->entries_count;
}

/* The log has answered; this is the ready queue. */
static void raft_feed_read(struct log_read *read)
{
    struct raft_feed *feed = read->ctx;
    ASSERT(feed->stage == RAFT_FEED_READING);
    feed->is_cold |= !read->is_hot;
    if (read->err == ERR_END) { /* what there was up to read_max is no more: who waits is told */
        feed->err = ERR_OK;
        feed->first_index = feed->next_index;
        feed->last_index = feed->read_max;
        feed->next_index = feed->read_max + 1;
        feed->stage = RAFT_FEED_IDLE;
        feed->done(feed);
        return;
    }
    if (read->err == ERR_OK && raft_feed_has_gap(read)) {
        feed->single_index = read->last_index;
        raft_feed_go(feed);
        return;
    }
    raft_feed_answer(feed, read);
    feed->stage = RAFT_FEED_IDLE;
    feed->done(feed);
}

static void raft_feed_answer(struct raft_feed *feed, const struct log_read *read)
{
    feed->err = read->err;
    feed->first_index = read->first_index;
    feed->last_index = read->last_index;
    feed->next_offset = read->next_offset;
    feed->is_given = read->err == ERR_OK;
    feed->part = 0;
    feed->pos = 0;
    feed->entry_index = read->first_index;
    if (read->err == ERR_CORRUPT && read->last_index < feed->next_index) {
        feed->err = ERR_IO; /* a file is missing that should hold it: which entries is not told */
        raft_feed_reopen(feed);
    } else if (read->err == ERR_OK || read->err == ERR_CORRUPT) {
        ASSERT(read->first_index >= feed->next_index);
        ASSERT(read->last_index >= read->first_index);
        feed->next_index = read->last_index + 1;
    } else if (read->err == ERR_RANGE) {
        struct log_status status;
        log_status(feed->group->log, &status);
        feed->first_index = status.start.index;
    }
}

bool raft_feed_entry(struct raft_feed *feed, struct raft_entry *out)
{
    const struct log_read *read = &feed->reader.read;
    if (!feed->is_given || feed->part == read->parts_count) {
        return false;
    }
    struct buf_slice part = read->parts[feed->part];
    enum err err =
        log_batch_decode(buf_slice_data(part) + feed->pos, part.length - feed->pos, &out->batch);
    ASSERT(err == ERR_OK); /* verified by the log */
    ASSERT(out->batch.length_bytes <= part.length - feed->pos);
    ASSERT(feed->entry_index <= feed->last_index);
    out->index = feed->entry_index++;
    out->bytes = buf_slice_sub(part, feed->pos, out->batch.length_bytes);
    feed->pos += out->batch.length_bytes;
    if (feed->pos == part.length) {
        feed->part++;
        feed->pos = 0;
    }
    return true;
}
