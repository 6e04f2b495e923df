/* Where the lanes end: the rows F1 to F7. See recover.h and storage/README.md. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/recover_int.h"

/* A number further ahead than this, and than frames were read, is a lie that verifies. */
#define REC_MISSING_MAX 65536u

static int rec_frame_compare(const void *a, const void *b);
static enum err rec_lanes_split(struct log_recover *r);
static enum err rec_lane_fill(struct log_recover *r, struct rec_lane *lane,
                              struct rec_frame **frames, uint32_t count);
static struct rec_frame *rec_lane_missing(struct log_recover *r, const struct rec_lane *lane,
                                          uint64_t number);
static enum err rec_lane_extend(struct log_recover *r, struct rec_lane *lane);
static void rec_lanes_close(struct log_recover *r);
static void rec_lane_decide(struct log_recover *r, struct rec_lane *lane);
static void rec_lane_rot(struct rec_frame *frame, const struct rec_frame *next);

enum err log_recover_lanes(struct log_recover *r)
{
    struct rec_state *s = rec_state(r);
    enum err err = rec_vector_sort(&s->arena, &s->frames, rec_frame_compare);
    if (err == ERR_OK) {
        err = rec_lanes_split(r);
    }
    if (err != ERR_OK) {
        return err;
    }
    rec_lanes_close(r);
    for (uint32_t i = 0; i < s->lanes_count; i++) {
        err = rec_lane_extend(r, &s->lanes[i]);
        if (err != ERR_OK) {
            return err;
        }
        rec_lane_decide(r, &s->lanes[i]);
    }
    return ERR_OK;
}

/* Frames that are known to have been flushed behind the last one that was found. */
static enum err rec_lane_extend(struct log_recover *r, struct rec_lane *lane)
{
    struct rec_state *s = rec_state(r);
    uint64_t last = lane->frames[lane->frames_count - 1]->head.number;
    if (lane->durable_through <= last || lane->durable_through - last > REC_MISSING_MAX) {
        return ERR_OK;
    }
    struct rec_vector all = {.items = (void **)lane->frames,
                             .count = lane->frames_count,
                             .capacity = lane->frames_count};
    for (uint64_t number = last + 1; number <= lane->durable_through; number++) {
        struct rec_frame *missing = rec_lane_missing(r, lane, number);
        if (missing == NULL || rec_vector_push(&s->arena, &all, missing) != ERR_OK) {
            return ERR_BUDGET;
        }
    }
    lane->frames = (struct rec_frame **)all.items;
    lane->frames_count = all.count;
    return ERR_OK;
}

static int rec_frame_compare(const void *a, const void *b)
{
    const struct log_frame *x = &((const struct rec_frame *)a)->head;
    const struct log_frame *y = &((const struct rec_frame *)b)->head;
    if (x->boot_epoch != y->boot_epoch) {
        return x->boot_epoch < y->boot_epoch ? -1 : 1;
    }
    if (x->lane != y->lane) {
        return x->lane < y->lane ? -1 : 1;
    }
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool rec_frame_same_lane(const struct rec_frame *a, const struct rec_frame *b)
{
    return a->head.boot_epoch == b->head.boot_epoch && a->head.lane == b->head.lane;
}

/* One rec_lane per boot and lane. */
static enum err rec_lanes_split(struct log_recover *r)
{
    struct rec_state *s = rec_state(r);
    struct rec_frame **frames = (struct rec_frame **)s->frames.items;
    uint32_t lanes_count = 0;
    for (uint32_t i = 0; i < s->frames.count; i++) {
        lanes_count += i == 0 || !rec_frame_same_lane(frames[i - 1], frames[i]);
    }
    s->lanes = arena_alloc_zeroed(&s->arena, (lanes_count + 1) * sizeof(*s->lanes), 8);
    if (s->lanes == NULL) {
        return ERR_BUDGET;
    }
    for (uint32_t i = 0; i < s->frames.count;) {
        uint32_t end = i + 1;
        while (end < s->frames.count && rec_frame_same_lane(frames[i], frames[end])) {
            end++;
        }
        struct rec_lane *lane = &s->lanes[s->lanes_count++];
        enum err err = rec_lane_fill(r, lane, frames + i, end - i);
        if (err != ERR_OK) {
            return err;
        }
        i = end;
    }
    return ERR_OK;
}

/* The lane's frames by number, those that are missing between them, and up to D, included. */
static enum err rec_lane_fill(struct log_recover *r, struct rec_lane *lane,
                              struct rec_frame **frames, uint32_t count)
{
    struct rec_state *s = rec_state(r);
    struct rec_vector all = {.items = NULL};
    lane->boot_epoch = frames[0]->head.boot_epoch;
    lane->lane = frames[0]->head.lane;
    lane->closed = UINT64_MAX;
    uint64_t expected = frames[0]->head.number;
    for (uint32_t i = 0; i < count; i++) {
        if (frames[i]->head.durable_through > lane->durable_through) {
            lane->durable_through = frames[i]->head.durable_through;
        }
        if (frames[i]->head.number < expected) {
            continue; /* a second frame of that number: no writer makes one */
        }
        /* A number far away can only be a lie that verifies: a lane has no more frames than blocks
         * of journal were seen. */
        uint64_t number = frames[i]->head.number;
        if (number - expected > s->frames.count + 1024ull) {
            expected = number;
        }
        for (; expected < number; expected++) {
            struct rec_frame *missing = rec_lane_missing(r, lane, expected);
            if (missing == NULL || rec_vector_push(&s->arena, &all, missing) != ERR_OK) {
                return ERR_BUDGET;
            }
        }
        if (rec_vector_push(&s->arena, &all, frames[i]) != ERR_OK) {
            return ERR_BUDGET;
        }
        expected++;
    }
    lane->frames = (struct rec_frame **)all.items;
    lane->frames_count = all.count;
    return ERR_OK;
}

static struct rec_frame *rec_lane_missing(struct log_recover *r, const struct rec_lane *lane,
                                          uint64_t number)
{
    struct rec_frame *frame = arena_alloc_zeroed(&rec_state(r)->arena, sizeof(*frame), 8);
    if (frame != NULL) {
        frame->head.boot_epoch = lane->boot_epoch;
        frame->head.lane = lane->lane;
        frame->head.number = number;
        frame->slot = UINT32_MAX;
    }
    return frame;
}

static bool rec_frame_verifies(const struct rec_frame *frame)
{
    return frame->slot != UINT32_MAX && frame->rows != NULL && frame->are_records_whole;
}

/* What `lanes` records say: where lanes of earlier boots end, and that what counts there was
 * flushed. */
static void rec_lanes_close(struct log_recover *r)
{
    struct rec_state *s = rec_state(r);
    for (uint32_t i = 0; i < s->lanes_count; i++) {
        const struct rec_lane *from = &s->lanes[i];
        const struct rec_frame *first = from->frames[0];
        const struct rec_record *record = first->records;
        if (from->lane != 0 || first->head.number != 1 || !rec_frame_verifies(first) ||
            record == NULL || record->record.kind != LOG_RECORD_LANES) {
            continue;
        }
        struct bytes_reader reader = bytes_reader(record->record.data, record->record.data_bytes);
        while (bytes_reader_left(&reader) >= LOG_LANE_END_BYTES) {
            struct log_lane_end end = log_lane_end_get(&reader);
            for (uint32_t n = 0; n < i; n++) {
                struct rec_lane *lane = &s->lanes[n];
                if (lane->boot_epoch == end.boot_epoch && lane->lane == end.lane &&
                    lane->closed == UINT64_MAX) {
                    lane->closed = end.last_frame;
                    if (end.last_frame > lane->durable_through) {
                        lane->durable_through = end.last_frame;
                    }
                }
            }
        }
    }
}

static void rec_lane_decide(struct log_recover *r, struct rec_lane *lane)
{
    bool is_torn = false;
    for (uint32_t i = 0; i < lane->frames_count; i++) {
        struct rec_frame *frame = lane->frames[i];
        const struct rec_frame *next = i + 1 < lane->frames_count ? lane->frames[i + 1] : NULL;
        uint64_t number = frame->head.number;
        bool is_flushed = number <= lane->durable_through;
        if (number > lane->closed) {
            frame->row = LOG_RECOVER_F2;
        } else if (is_torn) {
            frame->row = LOG_RECOVER_F7;
        } else if (rec_frame_verifies(frame) &&
                   (is_flushed || (frame->are_bodies_sound && frame->copy != NULL))) {
            frame->row = LOG_RECOVER_F1;
            lane->last_counted = number;
        } else if (is_flushed) {
            rec_lane_rot(frame, next);
            lane->last_counted = number;
        } else {
            frame->row = LOG_RECOVER_F6;
            is_torn = true;
        }
        r->counts[frame->row]++;
    }
}

/* Who names the groups of a frame that was flushed and does not verify. */
static void rec_lane_rot(struct rec_frame *frame, const struct rec_frame *next)
{
    if (frame->slot != UINT32_MAX && frame->rows != NULL) {
        frame->row = LOG_RECOVER_F3;
        frame->marks = frame->rows;
        frame->marks_count = frame->head.rows_count;
    } else if (next != NULL && next->slot != UINT32_MAX && next->copy != NULL) {
        frame->row = LOG_RECOVER_F4;
        frame->marks = next->copy;
        frame->marks_count = next->head.copy_count;
    } else {
        frame->row = LOG_RECOVER_F5;
    }
}

/* --- Direct tails of frames that may not have been flushed --- */

bool log_recover_next_direct(struct log_recover *r, struct log_recover_direct *check)
{
    struct rec_state *s = rec_state(r);
    for (; s->next_lane < s->lanes_count; s->next_lane++, s->next_frame = 0) {
        const struct rec_lane *lane = &s->lanes[s->next_lane];
        for (; s->next_frame < lane->frames_count; s->next_frame++, s->next_record = NULL) {
            struct rec_frame *frame = lane->frames[s->next_frame];
            if (frame->row != LOG_RECOVER_F1 || frame->head.number <= lane->durable_through) {
                continue;
            }
            struct rec_record *record =
                s->next_record != NULL ? s->next_record->next : frame->records;
            while (record != NULL && (record->record.kind != LOG_RECORD_TAIL ||
                                      (record->record.flags & LOG_TAIL_DIRECT) == 0)) {
                record = record->next;
            }
            if (record == NULL) {
                continue;
            }
            s->next_record = record;
            const struct log_record *in = &record->record;
            size_t recs_bytes = (size_t)in->tail.recs_count * LOG_SIDECAR_BYTES;
            *check = (struct log_recover_direct){
                .group = in->group,
                .segment_index = in->tail.segment_index,
                .generation = in->tail.generation,
                .written_bytes = in->tail.written_bytes,
                .recs = in->data,
                .recs_count = in->tail.recs_count,
                .rest = in->data + recs_bytes,
                .rest_bytes = in->tail.rest_bytes,
                .frame = frame,
            };
            for (uint32_t i = 0; i < s->rows.count; i++) {
                const struct log_row *row = s->rows.items[i];
                if (row->group == in->group) {
                    check->topic = row->topic;
                    check->partition = row->partition;
                }
            }
            rec_direct_topic(r, check);
            return true;
        }
    }
    return false;
}

/* The partition of a group that has no row yet: its `create` says. */
void rec_direct_topic(const struct log_recover *r, struct log_recover_direct *check)
{
    const struct rec_state *s = rec_state(r);
    for (uint32_t i = 0; i < s->frames.count && log_uuid_is_zero(&check->topic); i++) {
        const struct rec_frame *frame = s->frames.items[i];
        for (const struct rec_record *record = frame->records; record != NULL;
             record = record->next) {
            if (record->record.kind == LOG_RECORD_CREATE && record->record.group == check->group) {
                check->topic = record->record.create.topic;
                check->partition = record->record.create.partition;
            }
        }
    }
}

void log_recover_direct(struct log_recover *r, const struct log_recover_direct *check,
                        bool is_sound)
{
    struct rec_state *s = rec_state(r);
    struct rec_frame *torn = check->frame;
    if (is_sound || torn->row != LOG_RECOVER_F1) {
        return;
    }
    struct rec_lane *lane = &s->lanes[s->next_lane];
    for (uint32_t i = s->next_frame; i < lane->frames_count; i++) {
        struct rec_frame *frame = lane->frames[i];
        if (frame->row == LOG_RECOVER_F2) {
            continue;
        }
        r->counts[frame->row]--;
        frame->row = frame == torn ? LOG_RECOVER_F6 : LOG_RECOVER_F7;
        r->counts[frame->row]++;
    }
    lane->last_counted = torn->head.number - 1;
}
