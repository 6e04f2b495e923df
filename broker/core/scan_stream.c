/* Rows of a stream: partition after partition, batch after batch. See scan.h.
 *
 *     open:  bounds of all partitions are asked for, unless they are known
 *     next:  batches come from a lane (scan_lane.h), records from batches (scan_records.h), columns
 *            from records (scan_columns.h)
 *
 * Two lanes take turns: when one has given its partition's last batches, the other begins with the
 * next partition while those are parsed. What a row points into (batches lent, batches
 * decompressed) is kept until the next call.
 *
 * Where no column needs a record, batches are not opened: their headers say how many rows there
 * are, and they are checked as a whole where they are read. */
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/core/scan_columns.h"
#include "broker/core/scan_int.h"
#include "broker/core/scan_lane.h"
#include "broker/core/scan_records.h"
#include "views/vec/calendar.h"

/* Bytes of records that one call looks at, but for one that is larger: so many that it takes some
 * hundred microseconds, whatever is made of them. */
#define CORE_SCAN_PIECE_BYTES_MIN   (8u << 10)
#define CORE_SCAN_PIECE_BYTES_FIRST (64u << 10)
#define CORE_SCAN_PIECE_BYTES_MAX   (256u << 10)
#define CORE_SCAN_PIECE_NS_SHORT    (150 * RT_NS_PER_US)
#define CORE_SCAN_PIECE_NS_LONG     (400 * RT_NS_PER_US)

#define CORE_SCAN_LANES 2u

/* Chunks of the arena. */
#define CORE_SCAN_ARENA_BYTES 4096u

/* What a look for the next batch comes to. */
enum core_scan_got {
    CORE_SCAN_GOT_BATCH,  /* one is open */
    CORE_SCAN_GOT_NONE,   /* not one that goes with the rows there are */
    CORE_SCAN_GOT_WAIT,   /* it is under way */
    CORE_SCAN_GOT_END,    /* that was all */
    CORE_SCAN_GOT_FAILED, /* `failure` is filled */
};

/* A scan. */
struct core_scan {
    struct exec_source source;

    /* What is wanted. */
    const struct core_stream_relation *relation;
    uint64_t offset_min; /* the first that may be given */
    uint64_t offset_end; /* behind the last */
    int64_t time_min;    /* ms, as a record's */
    int64_t time_max;    /* likewise */
    uint64_t rows_left;  /* so many more suffice */
    struct core_scan_columns columns;

    /* Partitions. */
    struct arena arena;             /* of what follows */
    uint32_t partition_first;       /* partitions that are read, */
    uint32_t partitions_count;      /* so many */
    uint32_t partition_next;        /* to be opened, counted from the first one read */
    struct core_bounds bounds;      /* of all of them, */
    struct core_bounds_item *items; /* and what is said */
    bool is_bounded;                /* it was */
    struct core_lane lanes[CORE_SCAN_LANES];
    uint32_t lane;   /* whose batches are read */
    bool is_closing; /* nobody asks any more */

    /* Records. */
    struct buf_loan *loans; /* batches to be read: the first one is, when one is open */
    struct buf_loan *spent; /* batches that rows point into */
    struct core_scan_records records;
    uint64_t counted;      /* without records: rows that are left of the batch that is open, */
    uint64_t counted_at;   /* from this offset on */
    struct log_batch head; /* of the batch that is open */
    size_t piece_bytes;    /* of records that a call looks at */

    /* The call under way. */
    uint32_t rows;          /* taken */
    uint32_t looked;        /* records, those that are not wanted too */
    size_t bytes;           /* of them */
    struct vec_batch batch; /* what is given */
};

static enum err core_scan_make(struct core_scan *scan, const struct plan_scan *plan,
                               uint32_t outputs_count);
static void core_scan_limit(struct core_scan *scan, const struct plan_scan *plan);
static void core_scan_bounded(struct core_bounds *bounds);
static void core_scan_open_lane(struct core_scan *scan, uint32_t number);
static void core_scan_moved(struct core_lane *lane);
static enum exec_result core_scan_stream_next(struct exec_source *source,
                                              struct exec_failure *failure,
                                              const struct vec_batch **out);
static void core_scan_fit_piece(struct core_scan *scan, uint64_t took_ns);
static enum core_scan_got core_scan_collect(struct core_scan *scan, struct exec_failure *failure);
static enum core_scan_got core_scan_batch(struct core_scan *scan, struct exec_failure *failure);
static enum core_scan_got core_scan_loans(struct core_scan *scan, struct exec_failure *failure);
static enum core_scan_got core_scan_enter(struct core_scan *scan, struct exec_failure *failure);
static enum core_scan_got core_scan_take(struct core_scan *scan, struct exec_failure *failure);
static void core_scan_take_counted(struct core_scan *scan);
static void core_scan_pass(struct core_scan *scan);
static void core_scan_finish_lane(struct core_scan *scan);
static enum exec_result core_scan_give(struct core_scan *scan, struct exec_failure *failure,
                                       const struct vec_batch **out);
static enum core_scan_got core_scan_fail_code(struct core_scan *scan, struct exec_failure *failure,
                                              enum core_code code);
static enum core_scan_got core_scan_fail_batch(struct core_scan *scan, struct exec_failure *failure,
                                               enum err err);
static void core_scan_stream_close(struct exec_source *source);
static void core_scan_end(struct core_scan *scan, bool is_turn);

static const struct core_source_ops core_scan_stream_ops = {core_scan_stream_next,
                                                            core_scan_stream_close};

/* --- Opening --- */

enum err core_scan_stream_open(struct core_scans *scans, const struct plan_scan *plan,
                               uint32_t outputs_count, struct budget *budget,
                               struct exec_failure *failure, struct exec_source **out)
{
    void *block;
    enum err err = core_source_new(scans, sizeof(struct core_scan), &core_scan_stream_ops, budget,
                                   failure, &block);
    if (err != ERR_OK) {
        return err;
    }
    struct core_scan *scan = block;
    arena_init(&scan->arena, budget, CORE_SCAN_ARENA_BYTES, SIZE_MAX);
    core_scan_records_init(&scan->records, budget);
    scan->relation = plan->relation->owner;
    scan->piece_bytes = CORE_SCAN_PIECE_BYTES_FIRST;
    core_scan_limit(scan, plan);
    err = core_scan_make(scan, plan, outputs_count);
    if (err != ERR_OK) {
        if (err == ERR_BUDGET || err == ERR_TOO_LARGE) {
            (void)core_source_fail_memory(failure);
        } else {
            (void)core_source_fail(failure, "XX000", "a path of stream %s cannot be read by",
                                   scan->relation->stream.name);
        }
        core_scan_end(scan, false);
        return err;
    }
    if (scan->partitions_count == 0) {
        scan->is_bounded = true;
    } else if (scans->bounds != NULL) {
        memcpy(scan->items, scans->bounds + scan->partition_first,
               scan->partitions_count * sizeof(*scan->items));
        scan->is_bounded = true;
    } else {
        core_bounds_start(scans->cs, &scan->bounds);
    }
    *out = &scan->source;
    return ERR_OK;
}

static enum err core_scan_make(struct core_scan *scan, const struct plan_scan *plan,
                               uint32_t outputs_count)
{
    struct core_shard *cs = scan->source.scans->cs;
    uint32_t shards_count = cs->core->shards_count;
    struct core_bounds_part *parts[1 + CORE_SCAN_LANES];
    scan->items = arena_alloc(&scan->arena, scan->partitions_count * sizeof(*scan->items),
                              _Alignof(struct core_bounds_item));
    for (uint32_t i = 0; i < ARRAY_COUNT(parts); i++) {
        parts[i] = arena_alloc_zeroed(&scan->arena, shards_count * sizeof(*parts[i]),
                                      _Alignof(struct core_bounds_part));
    }
    if (scan->arena.err != ERR_OK) {
        return scan->arena.err;
    }
    for (uint32_t i = 0; i < CORE_SCAN_LANES; i++) {
        struct core_lane *lane = &scan->lanes[i];
        lane->cs = cs;
        lane->moved = core_scan_moved;
        lane->ctx = scan;
        lane->parts = parts[i];
        core_lane_init(lane);
    }
    scan->bounds = (struct core_bounds){.done = core_scan_bounded,
                                        .ctx = scan,
                                        .topic = scan->relation->stream.topic,
                                        .first = scan->partition_first,
                                        .count = scan->partitions_count,
                                        .groups = scan->relation->groups + scan->partition_first,
                                        .items = scan->items,
                                        .parts = parts[CORE_SCAN_LANES]};
    return core_scan_columns_init(&scan->columns, cs, scan->relation, plan->columns,
                                  outputs_count - plan->paths_count, plan->paths, plan->paths_count,
                                  scan->source.budget);
}

/* A TIMESTAMPTZ as milliseconds since 1970: the first at or behind it, or the last before. */
static int64_t core_scan_ms(int64_t at, bool is_up)
{
    __int128 us = (__int128)at - VEC_EPOCH_US;
    __int128 ms = us / 1000;
    ms += is_up ? us % 1000 > 0 : -(us % 1000 < 0);
    return (int64_t)ms;
}

/* What the plan bounds. */
static void core_scan_limit(struct core_scan *scan, const struct plan_scan *plan)
{
    uint32_t partitions_count = scan->relation->partitions_count;
    scan->offset_min = plan->offset_min > 0 ? (uint64_t)plan->offset_min : 0;
    scan->offset_end = plan->offset_max < 0 ? 0 : (uint64_t)plan->offset_max + 1;
    scan->time_min =
        plan->timestamp_min == INT64_MIN ? INT64_MIN : core_scan_ms(plan->timestamp_min, true);
    scan->time_max =
        plan->timestamp_max == INT64_MAX ? INT64_MAX : core_scan_ms(plan->timestamp_max, false);
    scan->rows_left = plan->rows_max > 0 ? (uint64_t)plan->rows_max : 0;
    if (plan->partition < 0) {
        scan->partitions_count = partitions_count;
    } else if (plan->partition < partitions_count) {
        scan->partition_first = (uint32_t)plan->partition;
        scan->partitions_count = 1;
    }
}

/* --- Partitions --- */

static void core_scan_bounded(struct core_bounds *bounds)
{
    struct core_scan *scan = bounds->ctx;
    struct core_scans *scans = scan->source.scans;
    scan->is_bounded = true;
    if (scan->is_closing) {
        core_scan_end(scan, true);
        return;
    }
    core_scan_open_lane(scan, scan->lane);
    scans->ready(scans->ctx);
}

/* Let a lane that is idle begin with the next partition that has something. One that cannot be
 * asked is opened all the same: it fails as what it is. */
static void core_scan_open_lane(struct core_scan *scan, uint32_t number)
{
    struct core_lane *lane = &scan->lanes[number];
    while (lane->stage == CORE_LANE_IDLE && scan->partition_next < scan->partitions_count) {
        uint32_t at = scan->partition_next++;
        uint32_t partition = scan->partition_first + at;
        const struct core_bounds_item *item = &scan->items[at];
        if (item->code != CORE_OK) {
            lane->partition = partition;
            lane->code = item->code;
            lane->stage = CORE_LANE_FAILED;
            return;
        }
        uint64_t first = item->start > scan->offset_min ? item->start : scan->offset_min;
        uint64_t end = item->end < scan->offset_end ? item->end : scan->offset_end;
        if (first < end && scan->time_min <= scan->time_max) {
            core_lane_open(lane, &scan->relation->stream.topic, partition,
                           scan->relation->groups[partition], first, end,
                           scan->time_min > 0 ? scan->time_min : -1);
        }
    }
}

static void core_scan_moved(struct core_lane *lane)
{
    struct core_scan *scan = lane->ctx;
    struct core_scans *scans = scan->source.scans;
    if (scan->is_closing) {
        core_scan_end(scan, true);
        return;
    }
    struct core_lane *present = &scan->lanes[scan->lane];
    if (lane->stage == CORE_LANE_IDLE &&
        (lane == present || present->stage == CORE_LANE_END || present->stage == CORE_LANE_IDLE)) {
        core_scan_open_lane(scan, (uint32_t)(lane - scan->lanes));
    }
    if (lane == present) {
        scans->ready(scans->ctx);
    }
}

/* --- Rows --- */

static enum exec_result core_scan_stream_next(struct exec_source *source,
                                              struct exec_failure *failure,
                                              const struct vec_batch **out)
{
    struct core_scan *scan = CONTAINER_OF(source, struct core_scan, source);
    core_loans_return_all(&source->scans->cs->loans, scan->spent);
    scan->spent = NULL;
    core_scan_records_release(&scan->records);
    scan->rows = 0;
    scan->looked = 0;
    scan->bytes = 0;
    if (!scan->is_bounded) {
        return EXEC_BLOCKED;
    }
    if (scan->rows_left == 0) {
        return EXEC_END;
    }
    struct rt_shard *shard = source->scans->cs->shard;
    uint64_t began_ns = rt_now_precise_ns(shard);
    enum core_scan_got got = core_scan_collect(scan, failure);
    source->scans->records_count += scan->looked;
    if (got == CORE_SCAN_GOT_FAILED) {
        return EXEC_FAILED;
    }
    if (scan->rows > 0) {
        enum exec_result result = core_scan_give(scan, failure, out);
        core_scan_fit_piece(scan, rt_now_precise_ns(shard) - began_ns);
        return result;
    }
    return got == CORE_SCAN_GOT_WAIT  ? EXEC_BLOCKED
           : got == CORE_SCAN_GOT_END ? EXEC_END
                                      : EXEC_AGAIN;
}

/* The call took so long: the next piece is to be neither much too long nor needlessly short. */
static void core_scan_fit_piece(struct core_scan *scan, uint64_t took_ns)
{
    if (took_ns > CORE_SCAN_PIECE_NS_LONG) {
        size_t less = scan->piece_bytes / 2;
        scan->piece_bytes = less > CORE_SCAN_PIECE_BYTES_MIN ? less : CORE_SCAN_PIECE_BYTES_MIN;
    } else if (took_ns < CORE_SCAN_PIECE_NS_SHORT && scan->bytes >= scan->piece_bytes &&
               scan->piece_bytes < CORE_SCAN_PIECE_BYTES_MAX) {
        scan->piece_bytes *= 2;
    }
}

/* Take rows until there are enough, or a reason to stop. */
static enum core_scan_got core_scan_collect(struct core_scan *scan, struct exec_failure *failure)
{
    uint32_t rows_max = scan->columns.rows_max;
    rows_max = scan->rows_left < rows_max ? (uint32_t)scan->rows_left : rows_max;
    enum core_scan_got got = CORE_SCAN_GOT_BATCH;
    while (got == CORE_SCAN_GOT_BATCH && scan->rows < rows_max && scan->looked < VEC_ROWS_MAX &&
           scan->bytes < scan->piece_bytes) {
        if (scan->counted > 0) {
            core_scan_take_counted(scan);
        } else if (scan->records.is_open) {
            got = core_scan_take(scan, failure);
        } else {
            got = core_scan_batch(scan, failure);
        }
    }
    return got;
}

/* One record. */
static enum core_scan_got core_scan_take(struct core_scan *scan, struct exec_failure *failure)
{
    struct log_records_item item;
    enum err err = core_scan_records_next(&scan->records, &item);
    if (err == ERR_END) {
        core_scan_pass(scan);
        return CORE_SCAN_GOT_BATCH;
    }
    if (err != ERR_OK) {
        return core_scan_fail_batch(scan, failure, err);
    }
    const struct core_lane *lane = &scan->lanes[scan->lane];
    scan->looked++;
    if (item.offset >= lane->first && item.offset < lane->end && item.timestamp >= scan->time_min &&
        item.timestamp <= scan->time_max) {
        scan->bytes += (size_t)item.key_bytes + item.value_bytes + item.headers_bytes;
        core_scan_columns_row(&scan->columns, scan->rows, &item);
        scan->rows++;
    }
    return CORE_SCAN_GOT_BATCH;
}

/* Rows that nobody looks into, as many as there is room for. */
static void core_scan_take_counted(struct core_scan *scan)
{
    uint64_t most = scan->columns.rows_max - scan->rows;
    most = scan->rows_left - scan->rows < most ? scan->rows_left - scan->rows : most;
    uint32_t count = (uint32_t)(scan->counted < most ? scan->counted : most);
    for (uint32_t i = 0; i < count; i++) {
        scan->columns.offsets[scan->rows + i] = scan->counted_at + i;
    }
    scan->rows += count;
    scan->looked += count;
    scan->counted -= count;
    scan->counted_at += count;
    if (scan->counted == 0) {
        core_scan_pass(scan);
    }
}

/* The batch that is first has been read: rows may point into it. */
static void core_scan_pass(struct core_scan *scan)
{
    struct buf_loan *loan = scan->loans;
    scan->loans = loan->next;
    loan->next = scan->spent;
    scan->spent = loan;
}

/* --- Batches --- */

/* Open the next batch that has something. */
static enum core_scan_got core_scan_batch(struct core_scan *scan, struct exec_failure *failure)
{
    if (scan->loans == NULL) {
        enum core_scan_got got = core_scan_loans(scan, failure);
        if (got != CORE_SCAN_GOT_BATCH) {
            return got;
        }
    }
    const struct core_lane *lane = &scan->lanes[scan->lane];
    const struct buf_loan *loan = scan->loans;
    enum err err = log_batch_decode(loan->data, loan->length, &scan->head);
    if (err != ERR_OK) {
        return core_scan_fail_batch(scan, failure, err);
    }
    const struct log_batch *head = &scan->head;
    uint64_t next_offset = log_batch_next_offset(head);
    bool is_wanted = head->kind == LOG_KIND_DATA && (head->attributes & LOG_BATCH_CONTROL) == 0 &&
                     next_offset > lane->first && head->base_offset < lane->end &&
                     head->max_timestamp >= scan->time_min;
    if (!is_wanted) {
        core_scan_pass(scan);
        return CORE_SCAN_GOT_BATCH;
    }
    enum core_scan_got got = core_scan_enter(scan, failure);
    if (got == CORE_SCAN_GOT_BATCH) {
        scan->source.scans->bytes += loan->length;
    }
    return got;
}

/* The first batch's records, or their number. */
static enum core_scan_got core_scan_enter(struct core_scan *scan, struct exec_failure *failure)
{
    const struct core_lane *lane = &scan->lanes[scan->lane];
    const struct log_batch *head = &scan->head;
    bool is_timeless = scan->time_min == INT64_MIN && scan->time_max == INT64_MAX;
    if (!scan->columns.wants_records && is_timeless &&
        head->records_count == (uint32_t)head->last_offset_delta + 1) {
        uint64_t next_offset = log_batch_next_offset(head);
        uint64_t begin = head->base_offset > lane->first ? head->base_offset : lane->first;
        scan->counted_at = begin;
        scan->counted = (next_offset < lane->end ? next_offset : lane->end) - begin;
        return CORE_SCAN_GOT_BATCH;
    }
    const struct buf_loan *loan = scan->loans;
    enum err err = core_scan_records_open(&scan->records, loan->data, loan->length);
    if (err == ERR_AGAIN && scan->rows > 0) {
        return CORE_SCAN_GOT_NONE;
    }
    if (err == ERR_AGAIN) { /* what stands in the block was not wanted */
        core_scan_records_release(&scan->records);
        err = core_scan_records_open(&scan->records, loan->data, loan->length);
        ASSERT(err != ERR_AGAIN);
    }
    return err == ERR_OK ? CORE_SCAN_GOT_BATCH : core_scan_fail_batch(scan, failure, err);
}

/* Batches of the present lane, or of the next partition's if there are no rows yet. */
static enum core_scan_got core_scan_loans(struct core_scan *scan, struct exec_failure *failure)
{
    for (;;) {
        struct core_lane *lane = &scan->lanes[scan->lane];
        switch ((enum core_lane_stage)lane->stage) {
        case CORE_LANE_HELD:
            scan->loans = core_lane_take(lane);
            if (lane->stage == CORE_LANE_END) {
                core_scan_open_lane(scan, (scan->lane + 1) % CORE_SCAN_LANES);
            }
            return CORE_SCAN_GOT_BATCH;
        case CORE_LANE_IDLE:
            core_scan_open_lane(scan, scan->lane);
            if (lane->stage == CORE_LANE_IDLE) {
                return CORE_SCAN_GOT_END;
            }
            break;
        case CORE_LANE_END:
            if (scan->rows > 0) {
                return CORE_SCAN_GOT_NONE;
            }
            core_scan_finish_lane(scan);
            break;
        case CORE_LANE_FAILED: return core_scan_fail_code(scan, failure, lane->code);
        case CORE_LANE_FINDING:
        case CORE_LANE_STEP:
        case CORE_LANE_CLOSING: return CORE_SCAN_GOT_WAIT;
        }
    }
}

/* The present lane has given all: the other one's turn. */
static void core_scan_finish_lane(struct core_scan *scan)
{
    core_lane_close(&scan->lanes[scan->lane]);
    scan->lane = (scan->lane + 1) % CORE_SCAN_LANES;
}

static enum exec_result core_scan_give(struct core_scan *scan, struct exec_failure *failure,
                                       const struct vec_batch **out)
{
    const struct core_lane *lane = &scan->lanes[scan->lane];
    struct core_scan_columns *columns = &scan->columns;
    uint64_t errors_count = columns->faults.count;
    uint64_t duplicates_count = columns->rc.duplicates_count;
    enum err err =
        core_scan_columns_fill(columns, lane->partition, scan->rows, &scan->batch.columns);
    scan->source.scans->errors_count += columns->faults.count - errors_count;
    scan->source.scans->duplicates_count += columns->rc.duplicates_count - duplicates_count;
    if (err != ERR_OK) {
        return core_source_fail_memory(failure);
    }
    scan->batch.columns_count = columns->columns_count;
    scan->batch.rows_count = scan->rows;
    scan->batch.selection = (struct vec_selection){.rows = NULL, .count = scan->rows};
    scan->batch.stretch = lane->partition - scan->partition_first;
    scan->rows_left -= scan->rows;
    *out = &scan->batch;
    return EXEC_ROWS;
}

/* --- Failures --- */

/* What the partition answers. */
static enum core_scan_got core_scan_fail_code(struct core_scan *scan, struct exec_failure *failure,
                                              enum core_code code)
{
    const struct core_lane *lane = &scan->lanes[scan->lane];
    const char *state = core_code_state(code);
    if (code == CORE_CORRUPT_MESSAGE) {
        (void)core_source_fail(
            failure, state, "topic %s, partition %u: what stands at offset %llu is damaged",
            scan->relation->topic_name, lane->partition, (unsigned long long)lane->feed.offset);
    } else {
        (void)core_source_fail(failure, state, "topic %s, partition %u cannot be read: %s",
                               scan->relation->topic_name, lane->partition, core_code_text(code));
    }
    return CORE_SCAN_GOT_FAILED;
}

/* The batch that is first cannot be read. */
static enum core_scan_got core_scan_fail_batch(struct core_scan *scan, struct exec_failure *failure,
                                               enum err err)
{
    const struct core_lane *lane = &scan->lanes[scan->lane];
    if (err == ERR_BUDGET || err == ERR_TOO_LARGE) {
        (void)core_source_fail(failure, "53200",
                               "out of memory: the batch at offset %llu of topic %s, partition %u "
                               "cannot be decompressed within the query's limit",
                               (unsigned long long)scan->head.base_offset,
                               scan->relation->topic_name, lane->partition);
    } else {
        (void)core_source_fail(failure, "XX001",
                               "topic %s, partition %u: the batch at offset %llu is damaged (%s)",
                               scan->relation->topic_name, lane->partition,
                               (unsigned long long)scan->head.base_offset, err_name(err));
    }
    return CORE_SCAN_GOT_FAILED;
}

/* --- Closing --- */

static void core_scan_stream_close(struct exec_source *source)
{
    struct core_scan *scan = CONTAINER_OF(source, struct core_scan, source);
    struct core_shard *cs = source->scans->cs;
    core_loans_return_all(&cs->loans, scan->spent);
    core_loans_return_all(&cs->loans, scan->loans);
    scan->spent = NULL;
    scan->loans = NULL;
    scan->is_closing = true;
    for (uint32_t i = 0; i < CORE_SCAN_LANES; i++) {
        if (scan->lanes[i].stage != CORE_LANE_CLOSING) {
            core_lane_close(&scan->lanes[i]);
        }
    }
    core_scan_end(scan, false);
}

/* Gone as soon as nothing is under way. */
static void core_scan_end(struct core_scan *scan, bool is_turn)
{
    bool is_idle = scan->is_bounded || scan->bounds.away_count == 0;
    for (uint32_t i = 0; i < CORE_SCAN_LANES; i++) {
        is_idle = is_idle && scan->lanes[i].stage == CORE_LANE_IDLE;
    }
    if (!is_idle) {
        return;
    }
    core_scan_columns_deinit(&scan->columns);
    core_scan_records_deinit(&scan->records);
    arena_deinit(&scan->arena);
    core_source_free(&scan->source, is_turn);
}
