/* Recovery: where each lane ends, and what each of its frames is (storage/README.md, F1..F8). See
 * recover.h.
 *
 * Boots are decided from the newest to the oldest, since the first frame of a boot says where the
 * lanes of earlier ones end; of several that say so the oldest counts, which was the first to act
 * on it. */
#include "base/assert.h"
#include "storage/log/recover_int.h"

/* Frames that stand for those of which nobody knows how many there were: one whose directory the
 * next frame may repeat, and one whose directory is lost. */
#define RECOVER_UNCOUNTED 2u

static bool recover_frame_is_before(const struct recover_link *a, const struct recover_link *b);
static bool recover_file_is_before(const struct recover_link *a, const struct recover_link *b);
static enum err recover_lanes_make(struct log_recover *r);
static void recover_lane_take_frames(struct log_recover *r, struct recover_lane *lane,
                                     struct recover_link **frames);
static void recover_lane_take_files(const struct log_recover *r, struct recover_lane *lane,
                                    struct recover_link **files);
static void recover_lanes_first_flushed(struct recover_state *state);
static void recover_lane_decide(struct log_recover *r, struct recover_lane *lane);
static void recover_lanes_named(const struct log_recover *r, const struct recover_lane *lane);
static enum err recover_lanes_created(struct log_recover *r);
static struct recover_record *recover_direct_after(const struct log_recover *r,
                                                   const struct recover_frame *frame,
                                                   const struct recover_record *asked);
static bool recover_direct_has_entries(const struct log_recover *r,
                                       const struct recover_record *tail);

enum err log_recover_lanes(struct log_recover *r)
{
    struct recover_state *state = r->state;
    recover_sort(&state->frames, recover_frame_is_before);
    recover_sort(&state->files, recover_file_is_before);
    enum err err = recover_lanes_make(r);
    if (err != ERR_OK) {
        return err;
    }
    recover_lanes_first_flushed(state);
    uint32_t end = state->lanes_count;
    while (end > 0) {
        uint32_t first = end - 1;
        while (first > 0 && state->lanes[first - 1].boot_epoch == state->lanes[first].boot_epoch) {
            first--;
        }
        for (uint32_t i = first; i < end; i++) {
            recover_lane_decide(r, &state->lanes[i]);
        }
        recover_lanes_named(r, &state->lanes[first]);
        end = first;
    }
    return recover_lanes_created(r);
}

/* --- Making lanes --- */

/* By boot, lane, number; of one number the best first, then any order that is always the same. */
static bool recover_frame_is_before(const struct recover_link *a, const struct recover_link *b)
{
    const struct recover_frame *x = CONTAINER_OF(a, struct recover_frame, link);
    const struct recover_frame *y = CONTAINER_OF(b, struct recover_frame, link);
    if (x->head.boot_epoch != y->head.boot_epoch) {
        return x->head.boot_epoch < y->head.boot_epoch;
    }
    if (x->head.lane != y->head.lane) {
        return x->head.lane < y->head.lane;
    }
    if (x->head.number != y->head.number) {
        return x->head.number < y->head.number;
    }
    int x_good = x->has_rows + x->is_whole + x->is_sound;
    int y_good = y->has_rows + y->is_whole + y->is_sound;
    if (x_good != y_good) {
        return x_good > y_good;
    }
    if (x->head.file_number != y->head.file_number) {
        return x->head.file_number > y->head.file_number;
    }
    return x->slot != y->slot ? x->slot < y->slot : x->pos < y->pos;
}

static bool recover_file_is_before(const struct recover_link *a, const struct recover_link *b)
{
    const struct recover_file *x = CONTAINER_OF(a, struct recover_file, link);
    const struct recover_file *y = CONTAINER_OF(b, struct recover_file, link);
    if (x->boot_epoch != y->boot_epoch) {
        return x->boot_epoch < y->boot_epoch;
    }
    if (x->lane != y->lane) {
        return x->lane < y->lane;
    }
    return x->number != y->number ? x->number < y->number : x->slot < y->slot;
}

/* Every lane has a file, so the files say which lanes there are. */
static enum err recover_lanes_make(struct log_recover *r)
{
    struct recover_state *state = r->state;
    uint32_t count = 0;
    const struct recover_file *last = NULL;
    for (struct recover_link *link = state->files.first; link != NULL; link = link->next) {
        const struct recover_file *file = CONTAINER_OF(link, struct recover_file, link);
        count += last == NULL || last->boot_epoch != file->boot_epoch || last->lane != file->lane;
        last = file;
    }
    if (count == 0) {
        return ERR_OK;
    }
    void *made = NULL;
    enum err err = recover_alloc(r, count * sizeof(struct recover_lane), &made);
    if (err != ERR_OK) {
        return err;
    }
    state->lanes = made;
    struct recover_link *files = state->files.first;
    struct recover_link *frames = state->frames.first;
    while (files != NULL) {
        const struct recover_file *file = CONTAINER_OF(files, struct recover_file, link);
        struct recover_lane *lane = &state->lanes[state->lanes_count++];
        lane->boot_epoch = file->boot_epoch;
        lane->lane = file->lane;
        recover_lane_take_frames(r, lane, &frames);
        recover_lane_take_files(r, lane, &files);
    }
    ASSERT(state->lanes_count == count);
    ASSERT(frames == NULL);
    return ERR_OK;
}

/* The frames that are its, off the sorted list. */
static void recover_lane_take_frames(struct log_recover *r, struct recover_lane *lane,
                                     struct recover_link **frames)
{
    struct recover_chain own = {0};
    const struct recover_frame *last = NULL;
    while (*frames != NULL) {
        struct recover_frame *frame = CONTAINER_OF(*frames, struct recover_frame, link);
        if (frame->head.boot_epoch != lane->boot_epoch || frame->head.lane != lane->lane) {
            break;
        }
        *frames = frame->link.next;
        if (last != NULL && last->head.number == frame->head.number) {
            r->counts[LOG_RECOVER_F8]++; /* twice: that of the later life counts */
            continue;
        }
        frame->lane = lane;
        recover_push(&own, &frame->link);
        last = frame;
        lane->low = lane->low == 0 ? frame->head.number : lane->low;
        lane->high = frame->head.number;
        if (frame->head.durable_through > lane->durable) {
            lane->durable = frame->head.durable_through;
        }
    }
    lane->frames = own.first != NULL ? CONTAINER_OF(own.first, struct recover_frame, link) : NULL;
}

/* What its files say of frames that are not found: a file's first frame was begun; where its header
 * is unreadable, something was in front of the first frame found if that is not the first block;
 * what looks like a damaged header behind the last frame was one; and the lane's earlier file must
 * be there unless it is below the floor. */
static void recover_lane_take_files(const struct log_recover *r, struct recover_lane *lane,
                                    struct recover_link **files)
{
    const struct recover_file *first = CONTAINER_OF(*files, struct recover_file, link);
    uint64_t damaged_file = 0; /* highest number of a file that ends in something damaged */
    uint64_t low = lane->low;
    while (*files != NULL) {
        const struct recover_file *file = CONTAINER_OF(*files, struct recover_file, link);
        if (file->boot_epoch != lane->boot_epoch || file->lane != lane->lane) {
            break;
        }
        *files = file->link.next;
        if (file->first_frame != 0) {
            low = low == 0 || file->first_frame < low ? file->first_frame : low;
            uint64_t begun = file->is_only_seal ? file->first_frame - 1 : file->first_frame;
            lane->high = begun > lane->high ? begun : lane->high;
        }
        damaged_file = file->damaged_pos != 0 ? file->number : damaged_file;
    }
    const struct recover_frame *last = lane->frames;
    while (last != NULL && last->link.next != NULL) {
        last = CONTAINER_OF(last->link.next, struct recover_frame, link);
    }
    if (damaged_file != 0 && last != NULL && last->head.file_number <= damaged_file &&
        last->head.number == lane->high && lane->high < LOG_NUMBER_MAX) {
        lane->high++;
    }
    uint64_t before = 0; /* frames in front of the lowest that must have been there */
    if (first->previous_number != 0 && first->previous_number >= r->journal_floor) {
        before = RECOVER_UNCOUNTED;
    } else if (first->first_frame == 0 && first->first_found == low) {
        before = first->front_blocks < RECOVER_UNCOUNTED ? first->front_blocks : RECOVER_UNCOUNTED;
        lane->is_front_unread = before > 0;
    }
    lane->low = low > before ? low - before : 1;
}

/* The first frame of a boot, on lane 0, is flushed before anything else of the boot is written: so
 * it was, if anything else is seen. */
static void recover_lanes_first_flushed(struct recover_state *state)
{
    for (uint32_t i = 0; i < state->lanes_count; i++) {
        struct recover_lane *lane = &state->lanes[i];
        bool is_followed = i + 1 < state->lanes_count &&
                           state->lanes[i + 1].boot_epoch == lane->boot_epoch &&
                           state->lanes[i + 1].frames != NULL;
        bool has_more = lane->frames != NULL && lane->high > 1;
        if (lane->lane == 0 && lane->durable == 0 && (is_followed || has_more)) {
            lane->durable = 1;
        }
    }
}

/* --- Deciding --- */

/* The frame behind `frame`, or NULL. */
static struct recover_frame *recover_frame_next(const struct recover_frame *frame)
{
    return frame->link.next != NULL ? CONTAINER_OF(frame->link.next, struct recover_frame, link)
                                    : NULL;
}

/* What an existing frame is. */
static enum log_recover_row recover_lane_frame(const struct recover_lane *lane,
                                               struct recover_step *step)
{
    const struct recover_frame *frame = step->frame;
    const struct recover_frame *next = step->following;
    uint64_t number = frame->head.number;
    bool is_flushed = number <= lane->durable;
    if (lane->is_named && !is_flushed) {
        return LOG_RECOVER_F2;
    }
    if (frame->has_rows && frame->is_whole && (is_flushed || frame->is_sound)) {
        return step->is_torn ? LOG_RECOVER_F7 : LOG_RECOVER_F1;
    }
    if (!is_flushed) {
        step->is_torn = true;
        return LOG_RECOVER_F6;
    }
    if (frame->has_rows || frame->is_whole) {
        return LOG_RECOVER_F3;
    }
    bool has_copy = next != NULL && next->head.number == number + 1 && next->has_copy;
    return has_copy ? LOG_RECOVER_F4 : LOG_RECOVER_F5;
}

/* Missing numbers step->first .. `last`: those at the front that are decided alike. */
static enum log_recover_row recover_lane_missing(const struct recover_lane *lane,
                                                 struct recover_step *step, uint64_t last)
{
    const struct recover_frame *next = step->following;
    if (step->first > lane->durable) {
        step->last = last;
        step->is_torn = true;
        return LOG_RECOVER_F6;
    }
    last = last < lane->durable ? last : lane->durable;
    bool has_copy = next != NULL && next->head.number == last + 1 && next->has_copy;
    if (has_copy && step->first == last) {
        step->last = last;
        return LOG_RECOVER_F4;
    }
    step->last = has_copy ? last - 1 : last;
    return LOG_RECOVER_F5;
}

bool recover_lane_step(const struct recover_lane *lane, struct recover_step *step)
{
    uint64_t number = step->is_begun ? step->last + 1 : lane->low;
    struct recover_frame *next = step->is_begun ? step->following : lane->frames;
    step->previous = step->frame != NULL ? step->frame : step->previous;
    uint64_t last = lane->high > lane->durable ? lane->high : lane->durable;
    last = next != NULL ? next->head.number - 1 : last;
    if (lane->is_named && last > lane->durable) {
        last = lane->durable; /* nobody asks what is missing among the void */
    }
    step->is_begun = true;
    if (number <= last) {
        step->frame = NULL;
        step->following = next;
        step->first = number;
        step->decision = recover_lane_missing(lane, step, last);
        return true;
    }
    if (next == NULL) {
        return false;
    }
    step->frame = next;
    step->following = recover_frame_next(next);
    step->first = next->head.number;
    step->last = next->head.number;
    step->decision = recover_lane_frame(lane, step);
    return true;
}

static void recover_lane_decide(struct log_recover *r, struct recover_lane *lane)
{
    struct recover_step step = {0};
    if (lane->is_front_unread && lane->frames->head.number > lane->durable + 1 &&
        lane->low <= lane->durable) {
        /* The file's first write, header and frame, was not flushed: being torn explains it all,
         * and no flushed frame stood there. */
        lane->low = lane->durable + 1;
    }
    lane->end = lane->low - 1;
    lane->rot_number = 0;
    for (uint32_t i = 0; i < ARRAY_COUNT(lane->counts); i++) {
        r->counts[LOG_RECOVER_F1 + i] -= lane->counts[i];
        lane->counts[i] = 0;
    }
    while (recover_lane_step(lane, &step)) {
        lane->counts[step.decision - LOG_RECOVER_F1] += step.last - step.first + 1;
        if (step.frame != NULL) {
            step.frame->decision = step.decision;
        }
        if (step.decision == LOG_RECOVER_F5) {
            lane->rot_number = step.last;
        }
        if (step.decision == LOG_RECOVER_F1) {
            lane->end = step.last;
        }
    }
    lane->end = lane->durable > lane->end || lane->is_named ? lane->durable : lane->end;
    for (uint32_t i = 0; i < ARRAY_COUNT(lane->counts); i++) {
        r->counts[LOG_RECOVER_F1 + i] += lane->counts[i];
    }
}

/* The lane `boot`, `lane`, or NULL. */
static struct recover_lane *recover_lane_find(struct recover_state *state, uint64_t boot_epoch,
                                              uint32_t number)
{
    uint32_t first = 0;
    uint32_t end = state->lanes_count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        struct recover_lane *lane = &state->lanes[middle];
        if (lane->boot_epoch == boot_epoch && lane->lane == number) {
            return lane;
        }
        bool is_below =
            lane->boot_epoch != boot_epoch ? lane->boot_epoch < boot_epoch : lane->lane < number;
        first = is_below ? middle + 1 : first;
        end = is_below ? end : middle;
    }
    return NULL;
}

/* Whether a file of that boot cannot have been written anew: all of them have higher numbers than
 * those of earlier boots, and what is below the journal floor only is free. */
static bool recover_lane_is_kept(const struct log_recover *r, uint64_t boot_epoch)
{
    const struct recover_state *state = r->state;
    uint64_t number = 0;
    const struct recover_link *link = state->files.first;
    for (; link != NULL; link = link->next) {
        const struct recover_file *file = CONTAINER_OF(link, const struct recover_file, link);
        number = file->boot_epoch < boot_epoch && file->number > number ? file->number : number;
    }
    return r->journal_floor <= number + 1;
}

/* A lane that had frames, of which nothing can be read, though no file of it was let go. */
static void recover_lane_gone(const struct log_recover *r, const struct log_lane_end *end)
{
    struct recover_state *state = r->state;
    if (end->last_frame > 0 && end->boot_epoch > state->gone_boot &&
        recover_lane_is_kept(r, end->boot_epoch)) {
        state->gone_boot = end->boot_epoch;
    }
}

/* If `lane` is the first of its boot and its first frame counts: the lanes of earlier boots end
 * where that frame says. */
static void recover_lanes_named(const struct log_recover *r, const struct recover_lane *lane)
{
    struct recover_state *state = r->state;
    const struct recover_frame *frame = lane->frames;
    if (lane->lane != 0 || frame == NULL || frame->head.number != 1 ||
        frame->decision == LOG_RECOVER_F2 || frame->decision >= LOG_RECOVER_F6) {
        return;
    }
    for (struct recover_link *link = frame->records.first; link != NULL; link = link->next) {
        const struct recover_record *rec = CONTAINER_OF(link, struct recover_record, link);
        if (rec->record.kind != LOG_RECORD_LANES) {
            continue;
        }
        struct bytes_reader reader = bytes_reader(rec->record.data, rec->record.data_bytes);
        while (bytes_reader_left(&reader) > 0) {
            struct log_lane_end end = log_lane_end_get(&reader);
            struct recover_lane *earlier = recover_lane_find(state, end.boot_epoch, end.lane);
            if (end.boot_epoch >= lane->boot_epoch || end.last_frame > LOG_NUMBER_MAX) {
                continue;
            }
            if (earlier == NULL) {
                recover_lane_gone(r, &end);
            } else {
                earlier->is_named = true;
                earlier->durable = end.last_frame;
            }
        }
    }
}

/* Partitions of groups that are younger than the table: whoever checks direct tails needs them. */
static enum err recover_lanes_created(struct log_recover *r)
{
    const struct recover_state *state = r->state;
    for (uint32_t i = 0; i < state->lanes_count; i++) {
        struct recover_frame *frame = state->lanes[i].frames;
        for (; frame != NULL; frame = recover_frame_next(frame)) {
            bool counts = frame->decision != LOG_RECOVER_F2 && frame->decision <= LOG_RECOVER_F5;
            struct recover_link *link = counts ? frame->records.first : NULL;
            for (; link != NULL; link = link->next) {
                const struct recover_record *rec = CONTAINER_OF(link, struct recover_record, link);
                struct recover_group *g = NULL;
                if (rec->record.kind != LOG_RECORD_CREATE) {
                    continue;
                }
                enum err err = recover_group_make(r, rec->record.group, &g);
                if (err != ERR_OK) {
                    return err;
                }
                if (!g->found.has_row) {
                    g->found.row.topic = rec->record.create.topic;
                    g->found.row.partition = rec->record.create.partition;
                }
            }
        }
    }
    return ERR_OK;
}

/* --- Direct tails that may not have reached their segments --- */

bool log_recover_next_direct(struct log_recover *r, struct log_recover_direct *check)
{
    struct recover_state *state = r->state;
    struct recover_record *rec = state->asked;
    for (; state->asked_lane < state->lanes_count; state->asked_lane++, rec = NULL) {
        struct recover_lane *lane = &state->lanes[state->asked_lane];
        struct recover_frame *frame = rec != NULL ? rec->frame : lane->frames;
        for (; frame != NULL; frame = recover_frame_next(frame), rec = NULL) {
            bool is_asked_about = frame->has_direct && frame->decision == LOG_RECOVER_F1 &&
                                  frame->head.number > lane->durable;
            rec = is_asked_about ? recover_direct_after(r, frame, rec) : NULL;
            if (rec != NULL) {
                break;
            }
        }
        if (rec != NULL) {
            break;
        }
    }
    state->asked = rec;
    if (rec == NULL) {
        return false;
    }
    const struct log_record *record = &rec->record;
    const struct recover_group *g = recover_group_find(r, record->group);
    *check = (struct log_recover_direct){
        .segment_index = record->tail.segment_index,
        .generation = record->tail.generation,
        .pos = record->tail.direct_pos,
        .end = record->tail.written_bytes,
        .crc = record->tail.direct_crc,
        .record = rec,
    };
    if (g != NULL) {
        check->topic = g->found.row.topic;
        check->partition = g->found.row.partition;
    }
    return true;
}

/* The frame's next direct tail behind `asked` (NULL: the first) along with which blocks were
 * written that have to be there. */
static struct recover_record *recover_direct_after(const struct log_recover *r,
                                                   const struct recover_frame *frame,
                                                   const struct recover_record *asked)
{
    struct recover_link *link = asked != NULL ? asked->link.next : frame->records.first;
    for (; link != NULL; link = link->next) {
        struct recover_record *rec = CONTAINER_OF(link, struct recover_record, link);
        if (rec->record.kind == LOG_RECORD_TAIL && (rec->record.flags & LOG_TAIL_DIRECT) != 0 &&
            rec->record.tail.direct_pos < rec->record.tail.written_bytes &&
            recover_direct_has_entries(r, rec)) {
            return rec;
        }
    }
    return NULL;
}

/* Whether some of the tail's entries, the first ones, have to be in its segment: they are neither
 * settled, nor did a later record take all of them. Files go as soon as that record is durable,
 * whether or not another frame has said so; but blocks of a segment that keeps one of the entries
 * are neither written over nor cut off. */
static bool recover_direct_has_entries(const struct log_recover *r,
                                       const struct recover_record *tail)
{
    const struct recover_group *g = recover_group_find(r, tail->record.group);
    uint64_t last = UINT64_MAX;
    if (g != NULL && g->found.has_row && tail->record.seq <= g->found.row.seq) {
        return false;
    }
    for (const struct recover_frame *frame = tail->frame; frame != NULL;
         frame = recover_frame_next(frame)) {
        struct recover_link *link = frame->decision == LOG_RECOVER_F1 ? frame->records.first : NULL;
        for (; link != NULL; link = link->next) {
            const struct log_record *record =
                &CONTAINER_OF(link, struct recover_record, link)->record;
            if (record->group != tail->record.group || record->seq <= tail->record.seq) {
                continue;
            }
            if (record->kind == LOG_RECORD_DELETE || record->kind == LOG_RECORD_RESET) {
                return false;
            }
            if (record->kind == LOG_RECORD_CUT && record->cut.end.index < last) {
                last = record->cut.end.index;
            }
        }
    }
    const struct log_record *record = &tail->record;
    struct log_sidecar first;
    uint32_t seed = log_sidecar_seed(r->kernels, record->group, record->tail.generation);
    return record->tail.recs_count > 0 &&
           log_sidecar_decode(record->data, LOG_SIDECAR_BYTES, r->kernels, seed, &first) ==
               ERR_OK &&
           first.last_index <= last;
}

void log_recover_direct(struct log_recover *r, const struct log_recover_direct *check,
                        bool is_sound)
{
    struct recover_record *rec = check->record;
    if (is_sound) {
        return;
    }
    struct recover_state *state = r->state;
    rec->frame->is_sound = false;
    recover_lane_decide(r, rec->frame->lane);
    state->asked = NULL; /* what a dropped frame took away is wanted again */
    state->asked_lane = 0;
}
