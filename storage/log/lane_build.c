/* Building a frame of what is pending. See lane.h, and storage/README.md for the bytes.
 *
 * Two passes: the first chooses records in order, gives each its group_seq, keeps the directory and
 * starts direct writes; the second writes them down. A group from which nothing more can be taken
 * (its next batch must go directly and cannot now, or it has reached another segment) is skipped to
 * the end of the frame, so its order holds; the others are not held up. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/lane_int.h"
#include "storage/log/shard.h"

/* What a frame's buffer has at least. */
#define LOG_BUILD_BYTES_MIN (64u << 10)

/* Batches smaller than this on average do not pay for a sidecar record each in the frame. */
#define LOG_BUILD_DIRECT_BATCH_MIN 1024u

/* A frame in the making. */
struct log_build {
    struct log_lane *lane;        /* whose */
    struct log_lane_frame *frame; /* the frame */
    uint64_t number;              /* its number */
    uint64_t id;                  /* of this attempt: one that came to nothing leaves no mark */
    uint64_t bytes;               /* header, directories and records so far */
    uint64_t limit;               /* the most it may be */
    bool is_full;                 /* the next record does not fit */
};

/* What becomes of a pending record. */
enum log_choice {
    LOG_CHOICE_RECORD, /* it is in */
    LOG_CHOICE_RIDER,  /* a tail record stands for it */
    LOG_CHOICE_SKIP,   /* nothing more of its group */
    LOG_CHOICE_STOP,   /* nothing more at all */
};

static enum err log_build_begin(struct log_build *build);
static void log_build_choose(struct log_build *build);
static bool log_build_is_rider(const struct log_build *build, const struct log_op *op);
static enum log_choice log_build_entry(struct log_build *build, struct log_op *op);
static uint64_t log_build_last(const struct log_lane *lane, const struct log_op *op,
                               uint64_t count_max);
static bool log_build_wants_direct(struct log *log, const struct log_slot *slot);
static enum log_choice log_build_direct(struct log_build *build, struct log_op *op);
static enum log_choice log_build_record(struct log_build *build, struct log_op *op);
static bool log_build_row(struct log_build *build, struct log *log);
static void log_build_take(struct log_build *build, struct log_op *op, enum log_choice choice);
static void log_build_row_entry(struct log_frame_row *row, uint64_t first_index,
                                const struct log_slot *last);
static uint32_t log_build_what(enum log_record_kind kind);
static void log_build_write(struct log_build *build, uint16_t flags);
static void log_build_put(struct log_build *build, struct bytes_writer *w, uint32_t seed,
                          struct log_op *op, uint64_t frame_pos);

uint64_t log_op_bytes(const struct log_op *op)
{
    return op->record.kind == LOG_RECORD_ENTRY ? log_slot_cost(op->slot)
                                               : log_record_bytes(&op->record);
}

/* The frame before the one that is built. */
static struct log_lane_frame *log_build_previous(const struct log_lane *lane)
{
    return lane->next_number == 1
               ? NULL
               : (struct log_lane_frame *)&lane->frames[(lane->next_number - 1) % LOG_LANE_FRAMES];
}

enum log_built log_lane_build(struct log_lane *lane, struct log_lane_frame *frame, uint16_t flags)
{
    struct log_build build = {
        .lane = lane, .frame = frame, .number = lane->next_number, .id = ++lane->builds_count};
    ASSERT(frame->number == 0);
    ASSERT(list_is_empty(&frame->ops));
    frame->rows_count = 0;
    frame->records_bytes = 0;
    frame->directs_count = 0;
    frame->waits_count = 0;
    enum err err = log_build_begin(&build);
    if (err != ERR_OK) {
        return err == ERR_TOO_LARGE ? LOG_BUILT_NO_ROOM : LOG_BUILT_NOTHING;
    }
    if ((flags & LOG_FRAME_SEAL) == 0) {
        log_build_choose(&build);
        if (list_is_empty(&frame->ops)) {
            return build.is_full ? LOG_BUILT_NO_ROOM : LOG_BUILT_NOTHING;
        }
    }
    log_build_write(&build, flags);
    return LOG_BUILT_FRAME;
}

/* How large the frame may be: its file's room, the format's limit, the memory there is. */
static enum err log_build_begin(struct log_build *build)
{
    struct log_lane *lane = build->lane;
    struct log_lane_frame *frame = build->frame;
    const struct log_journal_file *file = lane->current;
    const struct log_lane_frame *previous = log_build_previous(lane);
    uint64_t header = file->pos == 0 ? LOG_JOURNAL_HEADER_BYTES : 0;
    uint64_t room = file->file_bytes - file->pos;
    build->bytes = LOG_FRAME_HEADER_BYTES;
    build->bytes += (previous != NULL ? (uint64_t)previous->rows_count : 0) * LOG_FRAME_ROW_BYTES;
    if (room < header || build->bytes > room - header) {
        return ERR_TOO_LARGE;
    }
    room -= header;
    build->limit = room < LIMIT_JOURNAL_FRAME_BYTES ? room : LIMIT_JOURNAL_FRAME_BYTES;
    uint64_t want = build->bytes + lane->pending_bytes * 2; /* a row is smaller than its record */
    want = (want < build->limit ? want : build->limit) + header;
    size_t bytes =
        frame->data_bytes < LOG_BUILD_BYTES_MIN ? LOG_BUILD_BYTES_MIN : frame->data_bytes;
    while (bytes < want) {
        bytes *= 2;
    }
    if (bytes > frame->data_bytes) {
        void *made = NULL;
        if (budget_alloc(&lane->ls->budget, bytes, LIMIT_BLOCK_BYTES, &made) == ERR_OK) {
            budget_free(&lane->ls->budget, frame->data);
            frame->data = made;
            frame->data_bytes = bytes;
        } else if (frame->data == NULL) {
            return ERR_BUDGET;
        }
    }
    if (frame->data_bytes - header < build->limit) {
        build->limit = frame->data_bytes - header;
    }
    return build->bytes <= build->limit ? ERR_OK : ERR_TOO_LARGE;
}

static void log_build_choose(struct log_build *build)
{
    struct log_lane *lane = build->lane;
    bool is_stopped = false;
    list_for_each_safe (node, following, &lane->pending) {
        struct log_op *op = CONTAINER_OF(node, struct log_op, in_queue);
        struct log *log = op->log;
        enum log_choice choice;
        if (log_build_is_rider(build, op)) { /* it takes no room, and its tail is in */
            choice = LOG_CHOICE_RIDER;
        } else if (is_stopped) {
            continue;
        } else if (log != NULL && log->frame_skip == build->id) {
            choice = LOG_CHOICE_SKIP;
        } else if (op->record.kind == LOG_RECORD_ENTRY) {
            choice = log_build_entry(build, op);
        } else {
            choice = log_build_record(build, op);
        }
        if (choice == LOG_CHOICE_STOP) {
            is_stopped = true;
        } else if (choice == LOG_CHOICE_SKIP) {
            log->frame_skip = build->id;
        } else {
            log_build_take(build, op, choice);
        }
    }
}

/* Whether a direct write of this frame takes the entry. */
static bool log_build_is_rider(const struct log_build *build, const struct log_op *op)
{
    const struct log *log = op->log;
    return op->record.kind == LOG_RECORD_ENTRY && log->frame_direct == build->id &&
           op->slot->rec.index <= log->frame_last;
}

/* An entry: through the journal, or directly. */
static enum log_choice log_build_entry(struct log_build *build, struct log_op *op)
{
    struct log_lane *lane = build->lane;
    struct log *log = op->log;
    if (log->frame_direct == build->id) {
        return LOG_CHOICE_SKIP; /* behind what the direct write takes */
    }
    if (lane->unsettled_bytes >= lane->ls->store->config.unsettled_bytes_max &&
        log->cuts_pending == 0 && !log->is_deleted) { /* such settle when that is durable */
        return LOG_CHOICE_SKIP; /* the settle that is under way brings a turn */
    }
    bool must = op->slot->rec.length > lane->direct_batch_bytes ||
                (op->is_direct && !atomic_load(&lane->ls->store->is_full));
    bool is_first =
        log->frame_build != build->id || build->frame->rows[log->frame_row].first_index == 0;
    if (must && !is_first) {
        return LOG_CHOICE_SKIP;
    }
    if (is_first && (must || log_build_wants_direct(log, op->slot))) {
        enum log_choice choice = log_build_direct(build, op);
        if (choice == LOG_CHOICE_RIDER || choice == LOG_CHOICE_STOP || must) {
            return choice;
        }
    }
    return log_build_record(build, op);
}

/* Whether `log` has so much to write that its segment is the better place. */
static bool log_build_wants_direct(struct log *log, const struct log_slot *slot)
{
    uint64_t enter = log->is_direct ? LOG_DIRECT_LEAVE_BYTES : LOG_DIRECT_ENTER_BYTES;
    uint64_t entries_count = log->end.index - slot->rec.index + 1;
    log->is_direct = log->pending_bytes >= enter &&
                     log->pending_bytes / entries_count >= LOG_BUILD_DIRECT_BATCH_MIN;
    return log->is_direct;
}

/* The last entry that a direct write from `op` on takes: those of its segment that follow each
 * other among the group's records, since one record in the place of the first stands for them all.
 */
static uint64_t log_build_last(const struct log_lane *lane, const struct log_op *op,
                               uint64_t count_max)
{
    uint64_t last_index = op->slot->rec.index;
    uint64_t bytes = op->slot->rec.length;
    uint64_t count = 1;
    for (const struct list_node *node = list_next(&lane->pending, &op->in_queue);
         node != NULL && count < count_max && bytes < LOG_DIRECT_FRAME_BYTES;
         node = list_next(&lane->pending, node)) {
        const struct log_op *other = CONTAINER_OF(node, const struct log_op, in_queue);
        if (other->log != op->log) {
            continue;
        }
        if (other->record.kind != LOG_RECORD_ENTRY || other->slot->seg != op->slot->seg) {
            break;
        }
        last_index = other->slot->rec.index;
        bytes += other->slot->rec.length;
        count++;
    }
    return last_index;
}

/* Write what `log` has from the entry of `op` on directly; a tail record stands for it in the
 * frame. */
static enum log_choice log_build_direct(struct log_build *build, struct log_op *op)
{
    struct log *log = op->log;
    struct log_slot *slot = op->slot;
    struct log_shard *ls = log->ls;
    uint64_t bound = LOG_RECORD_HEAD_BYTES + LOG_RECORD_FIXED_MAX + LOG_SIDECAR_BYTES +
                     LIMIT_BLOCK_BYTES + LOG_FRAME_ROW_BYTES;
    if (build->bytes + bound > build->limit) {
        build->is_full = true;
        return LOG_CHOICE_STOP;
    }
    uint64_t last_index = log_build_last(
        build->lane, op, (build->limit - build->bytes - bound) / LOG_SIDECAR_BYTES + 1);
    void *made = NULL;
    if (build->frame->directs_count == LOG_LANE_DIRECTS ||
        pool_acquire(&ls->ops, &made) != ERR_OK) {
        return LOG_CHOICE_SKIP;
    }
    struct log_op *tail = made;
    bool has_row = log->frame_build == build->id;
    if (!log_build_row(build, log)) {
        pool_release(&ls->ops, tail);
        return LOG_CHOICE_SKIP;
    }
    if (log_direct_start(log, build->number, slot->rec.index, last_index, tail) != ERR_OK) {
        pool_release(&ls->ops, tail);
        if (!has_row) { /* it is the last one */
            build->frame->rows_count--;
            build->bytes -= LOG_FRAME_ROW_BYTES;
            log->frame_build = 0;
        }
        return LOG_CHOICE_SKIP;
    }
    tail->is_pooled = true;
    tail->log = log;
    tail->record.group = log->group;
    log->pending_count++;
    build->frame->directs_count++;
    build->frame->waits_count++;
    log->frame_direct = build->id;
    log->frame_last = last_index;
    tail->record.seq = log->next_seq++;
    list_push_back(&build->frame->ops, &tail->in_queue);
    build->bytes += log_record_bytes(&tail->record);
    build->frame->records_bytes += log_record_bytes(&tail->record);
    struct log_frame_row *row = &build->frame->rows[log->frame_row];
    row->what |= LOG_ROW_TAIL;
    row->last_seq = tail->record.seq;
    return LOG_CHOICE_RIDER;
}

/* A record in the frame, if it fits. */
static enum log_choice log_build_record(struct log_build *build, struct log_op *op)
{
    struct log *log = op->log;
    uint64_t need = log_op_bytes(op);
    if (log != NULL && log->frame_build != build->id) {
        need += LOG_FRAME_ROW_BYTES;
    }
    if (build->bytes + need > build->limit) {
        build->is_full = true;
        return LOG_CHOICE_STOP;
    }
    return log == NULL || log_build_row(build, log) ? LOG_CHOICE_RECORD : LOG_CHOICE_STOP;
}

/* The directory's row for `log`. False: no memory for one more. */
static bool log_build_row(struct log_build *build, struct log *log)
{
    struct log_lane_frame *frame = build->frame;
    if (log->frame_build == build->id) {
        return true;
    }
    if (frame->rows_count == frame->rows_max) {
        uint32_t rows_max = frame->rows_max == 0 ? 64 : frame->rows_max * 2;
        void *made = NULL;
        if (budget_alloc(&log->ls->budget, rows_max * sizeof(*frame->rows), sizeof(uint64_t),
                         &made) != ERR_OK) {
            return false;
        }
        if (frame->rows_count > 0) {
            memcpy(made, frame->rows, frame->rows_count * sizeof(*frame->rows));
        }
        budget_free(&log->ls->budget, frame->rows);
        frame->rows = made;
        frame->rows_max = rows_max;
    }
    log->frame_build = build->id;
    log->frame_row = frame->rows_count;
    frame->rows[frame->rows_count++] = (struct log_frame_row){.group = log->group};
    build->bytes += LOG_FRAME_ROW_BYTES;
    return true;
}

/* The directory says that the group's entries begin at `first_index`, if not before, and end with
 * `last` (NULL: it was cut). */
static void log_build_row_entry(struct log_frame_row *row, uint64_t first_index,
                                const struct log_slot *last)
{
    if (last != NULL) {
        row->first_index = row->first_index == 0 ? first_index : row->first_index;
        row->last_index = last->rec.last_index;
        row->next_offset = log_sidecar_next_offset(&last->rec);
        row->last_term = last->rec.term;
    }
}

/* `op` is in the frame. */
static void log_build_take(struct log_build *build, struct log_op *op, enum log_choice choice)
{
    struct log_lane *lane = build->lane;
    struct log *log = op->log;
    uint64_t bytes = log_op_bytes(op);
    log_lane_withdraw(lane, op, bytes);
    list_push_back(&build->frame->ops, &op->in_queue);
    if (choice == LOG_CHOICE_RECORD) {
        build->bytes += bytes;
        build->frame->records_bytes += bytes;
    }
    if (log == NULL) {
        return;
    }
    struct log_frame_row *row = &build->frame->rows[log->frame_row];
    log->frame_newest = build->number;
    op->record.seq = choice == LOG_CHOICE_RIDER ? row->last_seq : log->next_seq++;
    row->last_seq = op->record.seq;
    row->what |= log_build_what(op->record.kind);
    struct log_slot *slot = op->slot;
    if (op->record.kind == LOG_RECORD_RESET) { /* what precedes it in the frame does not stand */
        *row = (struct log_frame_row){
            .group = row->group, .last_seq = row->last_seq, .what = row->what};
    }
    if (op->record.kind == LOG_RECORD_TAIL) { /* whole: where its entries end, should it rot */
        log_build_row_entry(row, op->record.tail.first_index, log_tail_find(log, op->index));
    }
    if (slot != NULL) {
        log_build_row_entry(row, slot->rec.index, slot);
        slot->seq = op->record.seq;
        slot->file_number = lane->current->number;
        slot->where = choice == LOG_CHOICE_RIDER ? LOG_SLOT_SEGMENT : LOG_SLOT_JOURNAL;
        slot->unsettled_bytes =
            choice == LOG_CHOICE_RIDER ? LOG_SIDECAR_BYTES : (uint32_t)log_slot_cost(slot);
        lane->unsettled_bytes += slot->unsettled_bytes;
        log->pending_bytes -= bytes;
    }
}

/* How the directory names a record other than an entry. */
static uint32_t log_build_what(enum log_record_kind kind)
{
    switch (kind) {
    case LOG_RECORD_HARD: return LOG_ROW_HARD;
    case LOG_RECORD_CUT: return LOG_ROW_CUT;
    case LOG_RECORD_TAIL: return LOG_ROW_TAIL;
    case LOG_RECORD_ENTRY: return 0;
    case LOG_RECORD_TRIM:
    case LOG_RECORD_ROLL: return LOG_ROW_MOVE;
    case LOG_RECORD_CREATE:
    case LOG_RECORD_DELETE:
    case LOG_RECORD_RESET:
    case LOG_RECORD_SWITCH:
    case LOG_RECORD_MARK:
    case LOG_RECORD_LANES: return LOG_ROW_CONTROL;
    }
    UNREACHABLE();
}

static void log_build_journal_header(const struct log_lane *lane, uint8_t *out)
{
    const struct log_store *store = lane->ls->store;
    struct log_journal_header header = {
        .lane = lane->ls->shard->id,
        .disk = store->disk,
        .boot_epoch = store->boot_epoch,
        .file_number = lane->current->number,
        .previous_number = lane->previous_number,
        .first_frame = lane->next_number,
        .file_bytes = lane->current->file_bytes,
    };
    log_journal_header_encode(&header, store->kernels, out);
}

/* Second pass: the bytes. */
static void log_build_write(struct log_build *build, uint16_t flags)
{
    struct log_lane *lane = build->lane;
    struct log_lane_frame *frame = build->frame;
    const struct log_lane_frame *previous = log_build_previous(lane);
    const struct log_store *store = lane->ls->store;
    uint64_t header = lane->current->pos == 0 ? LOG_JOURNAL_HEADER_BYTES : 0;
    if (header > 0) {
        log_build_journal_header(lane, frame->data);
    }
    uint64_t frame_bytes =
        (build->bytes + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    struct log_frame head = {
        .flags = flags,
        .disk = store->disk,
        .boot_epoch = store->boot_epoch,
        .lane = lane->ls->shard->id,
        .file_number = lane->current->number,
        .number = build->number,
        .durable_through = lane->durable_through,
        .frame_bytes = (uint32_t)frame_bytes,
        .rows_count = frame->rows_count,
        .copy_count = previous != NULL ? previous->rows_count : 0,
        .records_bytes = (uint32_t)frame->records_bytes,
    };
    uint32_t seed = log_frame_seed(store->kernels, &store->disk, store->boot_epoch,
                                   head.file_number, build->number);
    uint8_t *data = frame->data + header;
    struct bytes_writer w = bytes_writer(data, frame_bytes);
    bytes_put_zeros(&w, LOG_FRAME_HEADER_BYTES);
    for (uint32_t i = 0; i < frame->rows_count; i++) {
        log_frame_row_put(&w, &frame->rows[i]);
    }
    head.rows_crc =
        crc32c(store->kernels, seed, data + log_frame_rows_pos(), w.pos - log_frame_rows_pos());
    for (uint32_t i = 0; i < head.copy_count; i++) {
        log_frame_row_put(&w, &previous->rows[i]);
    }
    head.copy_crc = crc32c(store->kernels, seed, data + log_frame_copy_pos(&head),
                           w.pos - log_frame_copy_pos(&head));
    ASSERT(w.pos == log_frame_records_pos(&head));
    list_for_each (node, &frame->ops) {
        struct log_op *op = CONTAINER_OF(node, struct log_op, in_queue);
        if (op->slot == NULL || op->slot->where == LOG_SLOT_JOURNAL) {
            log_build_put(build, &w, seed, op, lane->current->pos + header);
            head.records_count++;
        }
    }
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == build->bytes);
    bytes_put_zeros(&w, frame_bytes - w.pos);
    log_frame_encode(&head, store->kernels, data);
    frame->durable_through = head.durable_through;
    frame->iov = (struct iovec){frame->data, header + frame_bytes};
}

/* One record at the writer; where its batch lies is kept in the slot. */
static void log_build_put(struct log_build *build, struct bytes_writer *w, uint32_t seed,
                          struct log_op *op, uint64_t frame_pos)
{
    const struct crc32c *kernels = build->lane->ls->store->kernels;
    struct log_slot *slot = op->slot;
    if (slot == NULL) {
        log_record_put(w, kernels, seed, &op->record);
        return;
    }
    struct log_record record = {
        .kind = LOG_RECORD_ENTRY,
        .key_id = slot->rec.key_id,
        .group = slot->log->group,
        .seq = slot->seq,
        .header_crc = slot->rec.header_crc,
        .data = buf_slice_data(slot->slice),
        .data_bytes = slot->slice.length,
    };
    record.entry.index = slot->rec.index;
    record.entry.base_offset = slot->rec.base_offset;
    record.entry.term = slot->rec.term;
    record.entry.last_offset_delta = slot->rec.last_offset_delta;
    record.entry.chain = slot->rec.chain;
    slot->journal_slot = build->lane->current->slot;
    slot->journal_pos = frame_pos + w->pos + LOG_RECORD_ENTRY_BYTES;
    log_record_put(w, kernels, seed, &record);
}
