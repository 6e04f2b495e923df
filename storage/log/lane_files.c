/* The files a lane writes frames into: one at a time, the next one ready before it is needed. See
 * lane.h.
 *
 *     FREE -> OPENING -> NEXT -> CURRENT -> OLD -> CLOSING -> FREE
 *
 * An old file is closed when no frame in flight goes to it. Its bytes stay the keeper's, who gives
 * the file out again when nothing in it is needed any more. */
#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/file.h"
#include "storage/log/lane_int.h"
#include "storage/log/shard.h"

static void log_lane_files_ask(struct log_lane *lane);
static void log_lane_files_given(struct log_file_request *request);
static void log_lane_files_done(struct rt_op *op);
static void log_lane_files_failed(struct log_lane *lane, enum err err, int saved_errno);
static struct log_journal_file *log_lane_files_in(struct log_lane *lane,
                                                  enum log_journal_state state);

void log_lane_files_init(struct log_lane *lane)
{
    lane->room.ls = lane->ls;
    for (uint32_t i = 0; i < LOG_LANE_FILES; i++) {
        lane->files[i].ls = lane->ls;
        rt_op_init(&lane->files[i].op, lane->ls->shard, log_lane_files_done);
    }
    log_lane_files_ask(lane);
}

/* The first file in `state`, or NULL. */
static struct log_journal_file *log_lane_files_in(struct log_lane *lane,
                                                  enum log_journal_state state)
{
    for (uint32_t i = 0; i < LOG_LANE_FILES; i++) {
        if (lane->files[i].state == state) {
            return &lane->files[i];
        }
    }
    return NULL;
}

/* Ask the keeper, unless one is there, on its way, or has no place. */
static void log_lane_files_ask(struct log_lane *lane)
{
    if (lane->is_waiting_file || (lane->is_closing && list_is_empty(&lane->pending)) ||
        log_lane_files_in(lane, LOG_JOURNAL_NEXT) != NULL ||
        log_lane_files_in(lane, LOG_JOURNAL_OPENING) != NULL ||
        log_lane_files_in(lane, LOG_JOURNAL_FREE) == NULL) {
        return;
    }
    lane->is_waiting_file = true;
    lane->request.ls = lane->ls;
    lane->request.done = log_lane_files_given;
    log_keeper_file_request(&lane->request);
}

static void log_lane_files_given(struct log_file_request *request)
{
    struct log_lane *lane = CONTAINER_OF(request, struct log_lane, request);
    lane->is_waiting_file = false;
    if (request->err == ERR_OK) {
        struct log_journal_file *file = log_lane_files_in(lane, LOG_JOURNAL_FREE);
        ASSERT(file != NULL);
        file->state = LOG_JOURNAL_OPENING;
        file->slot = request->slot;
        file->number = request->number;
        file->file_bytes = request->file_bytes;
        file->pos = 0;
        log_path_journal(file->path, lane->ls->store, request->slot);
        rt_file_open(&file->file, &file->op, lane->ls->shard, file->path,
                     RT_FILE_READ | RT_FILE_WRITE | RT_FILE_DIRECT, 0600);
    } else if (request->err != ERR_CLOSING && request->err != ERR_DISK_FULL) {
        log_lane_files_failed(lane, request->err, request->saved_errno);
    }
    log_lane_kick(lane);
}

static void log_lane_files_done(struct rt_op *op)
{
    struct log_journal_file *file = CONTAINER_OF(op, struct log_journal_file, op);
    struct log_lane *lane = &file->ls->lane;
    if (file->state == LOG_JOURNAL_CLOSING) {
        file->state = LOG_JOURNAL_FREE;
        log_lane_files_ask(lane);
    } else if (op->err != ERR_OK) {
        file->state = LOG_JOURNAL_FREE;
        log_lane_files_failed(lane, op->err, op->saved_errno);
    } else {
        file->state = LOG_JOURNAL_NEXT;
        if (lane->current == NULL) {
            (void)log_lane_files_switch(lane);
        }
    }
    log_lane_kick(lane);
}

/* No next file. Nothing was written to it, so what passes (no descriptor is free) costs time only:
 * it is asked for again soon. */
static void log_lane_files_failed(struct log_lane *lane, enum err err, int saved_errno)
{
    if (!err_is_retriable(err)) {
        log_lane_fence(lane, err, saved_errno);
    } else if (!rt_timer_is_running(&lane->seal_timer)) {
        rt_timer_start(&lane->seal_timer,
                       rt_now_ns(lane->ls->shard) + lane->ls->store->config.seal_ns);
    }
}

bool log_lane_files_switch(struct log_lane *lane)
{
    struct log_journal_file *next = log_lane_files_in(lane, LOG_JOURNAL_NEXT);
    if (next == NULL) {
        log_lane_files_ask(lane); /* again, where the disk was full */
        return false;
    }
    if (lane->current != NULL) {
        lane->previous_number = lane->current->number;
        lane->current->state = LOG_JOURNAL_OLD;
    }
    next->state = LOG_JOURNAL_CURRENT;
    lane->current = next;
    log_lane_files_retire(lane);
    log_lane_files_ask(lane);
    return true;
}

void log_lane_files_retire(struct log_lane *lane)
{
    for (uint32_t i = 0; i < LOG_LANE_FILES; i++) {
        struct log_journal_file *file = &lane->files[i];
        bool is_written = false;
        for (uint32_t n = 0; n < LOG_LANE_FRAMES; n++) {
            is_written |= lane->frames[n].number != 0 && lane->frames[n].journal == file;
        }
        if (file->state == LOG_JOURNAL_OLD && !is_written) {
            file->state = LOG_JOURNAL_CLOSING;
            rt_file_close(&file->file, &file->op);
        }
    }
}

void log_lane_files_close(struct log_lane *lane)
{
    lane->current = NULL;
    for (uint32_t i = 0; i < LOG_LANE_FILES; i++) {
        struct log_journal_file *file = &lane->files[i];
        if (file->state == LOG_JOURNAL_NEXT || file->state == LOG_JOURNAL_CURRENT) {
            file->state = LOG_JOURNAL_OLD;
        }
    }
    log_lane_files_retire(lane);
}

bool log_lane_files_are_closed(const struct log_lane *lane)
{
    for (uint32_t i = 0; i < LOG_LANE_FILES; i++) {
        if (lane->files[i].state != LOG_JOURNAL_FREE) {
            return false;
        }
    }
    return !lane->is_waiting_file && !lane->room.is_away;
}

uint64_t log_lane_file_number(const struct log_lane *lane)
{
    if (lane->current == NULL) {
        return 0; /* one may be on its way */
    }
    uint64_t number = lane->current->number;
    for (uint32_t i = 0; i < LOG_LANE_FILES; i++) {
        const struct log_journal_file *file = &lane->files[i];
        if (file->state != LOG_JOURNAL_FREE && file->number < number) {
            number = file->number;
        }
    }
    return number;
}
