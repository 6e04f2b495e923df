/* Files, runs and their planning for reads that are not served from memory. See cursor.h; the
 * sidecar window and the search in it stand in window.c. */
#include "storage/log/cursor.h"

#include <string.h>

#include "base/assert.h"
#include "storage/log/shard.h"

/* The smallest run: a block of slack on each side is worth it. */
#define LOG_RUN_BYTES_MIN (16u << 10)

static uint32_t log_cursor_run_bytes(uint32_t bytes_max);
static void log_cursor_end(struct log_cursor *c);
static void log_cursor_loaded(struct log_load *load);
static void log_cursor_log_got(struct log_file_get *get);
static void log_cursor_idx_got(struct log_file_get *get);
static void log_cursor_journal_got(struct log_file_get *get);
static void log_cursor_get_done(struct log_cursor *c, const struct log_file_get *get);
static void log_cursor_put(struct log_cursor *c, struct log_file_get *get);
static void log_cursor_read_done(struct rt_op *op);
static bool log_cursor_find_warm(struct log_cursor *c, struct log_run *run);
static bool log_cursor_may_keep(const struct log_run *run);
static struct log_warm_items log_run_items(const struct log_run *run);
static void log_run_begin(struct log_run *run);
static bool log_run_has_room(const struct log_run *run, uint64_t pos, uint32_t length);
static uint64_t log_run_end(const struct log_run *run);
static bool log_run_is_full(struct log_run *run, const struct log_want *want, uint32_t length);
static void log_run_add(struct log_run *run, const struct log_sidecar *rec, uint64_t pos);
static enum log_got log_cursor_plan_next(struct log_cursor *c, struct log_run *run,
                                         const struct log_want *want);
static enum log_got log_cursor_plan_record(struct log_run *run, const struct log_want *want,
                                           const struct log_sidecar *rec);
static bool log_cursor_plan_slot(struct log_cursor *c, const struct log_slot *first,
                                 const struct log_slot *slot, const struct log_want *want);

static uint32_t log_run_block_up(uint64_t bytes)
{
    return (uint32_t)((bytes + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES);
}

static uint64_t log_run_block_down(uint64_t pos)
{
    return pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
}

enum err log_cursor_new(struct log_read *read, struct log_cursor **out)
{
    struct log_shard *ls = read->log->ls;
    uint32_t runs_count = read->is_reader ? LOG_CURSOR_RUNS : 1;
    uint32_t window_max = read->is_reader ? LOG_WINDOW_AHEAD_BYTES : LOG_WINDOW_BYTES;
    uint32_t items_max = window_max / LOG_SIDECAR_BYTES;
    size_t items_bytes = (size_t)items_max * sizeof(struct log_run_item);
    void *made = NULL;
    *out = NULL;
    enum err err = budget_alloc(&ls->budget, sizeof(struct log_cursor) + runs_count * items_bytes,
                                _Alignof(struct log_cursor), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_cursor *c = made;
    err = budget_alloc(&ls->budget, window_max, LIMIT_BLOCK_BYTES, &made);
    if (err != ERR_OK) {
        budget_free(&ls->budget, c);
        return err;
    }
    c->window = made;
    c->window_max = window_max;
    c->ls = ls;
    c->log = read->log;
    c->read = read;
    c->is_ahead = read->is_reader;
    c->items_max = items_max;
    c->run_bytes = log_cursor_run_bytes(read->bytes_max);
    c->does_keep = read->is_reader && c->run_bytes == LOG_RUN_BYTES && ls->files.warm.bytes_max > 0;
    c->run = &c->runs[0];
    for (uint32_t i = 0; i < runs_count; i++) {
        c->runs[i].cursor = c;
        c->runs[i].items = (struct log_run_item *)(void *)((uint8_t *)(c + 1) + i * items_bytes);
        rt_op_init(&c->runs[i].op, ls->shard, log_cursor_read_done);
    }
    log_window_init(c);
    *out = c;
    return ERR_OK;
}

/* A power of two, as buffers are, with room for what alignment adds. */
static uint32_t log_cursor_run_bytes(uint32_t bytes_max)
{
    uint32_t run_bytes = LOG_RUN_BYTES_MIN;
    while (run_bytes < LOG_RUN_BYTES && run_bytes < bytes_max + 2ull * LIMIT_BLOCK_BYTES) {
        run_bytes *= 2;
    }
    return run_bytes;
}

void log_cursor_free(struct log_cursor *c)
{
    ASSERT(!c->is_loading); /* a load uses the log */
    c->read = NULL;
    if (c->waits_count == 0) {
        log_cursor_end(c);
    }
}

static void log_cursor_end(struct log_cursor *c)
{
    bool is_dropped = log_cursor_drop_ahead(c);
    ASSERT(is_dropped);
    log_cursor_drop_run(c, c->run);
    log_cursor_put(c, &c->get_log);
    log_cursor_put(c, &c->get_idx);
    log_cursor_put(c, &c->get_journal);
    budget_free(&c->ls->budget, c->window);
    budget_free(&c->ls->budget, c);
}

void log_cursor_wake(struct log_cursor *c)
{
    ASSERT(c->waits_count > 0);
    c->waits_count--;
    if (c->read == NULL) {
        if (c->waits_count == 0) {
            log_cursor_end(c);
        }
        return;
    }
    switch ((enum log_read_stage)sm_stage(&c->read->sm)) {
    case LOG_READ_LOAD:
        if (c->is_loading) {
            return;
        }
        FALLTHROUGH;
    case LOG_READ_FILES:
    case LOG_READ_WINDOW:
    case LOG_READ_BYTES: log_read_run(c->read); break;
    case LOG_READ_IDLE: /* between two steps, or about to be done */
    case LOG_READ_PLACE:
    case LOG_READ_DONE: break;
    }
}

void log_cursor_load(struct log_cursor *c)
{
    ASSERT(!c->is_loading);
    c->err = ERR_OK;
    c->is_loading = true;
    c->waits_count++;
    log_load_start(&c->load, c->log, log_cursor_loaded);
}

static void log_cursor_loaded(struct log_load *load)
{
    struct log_cursor *c = CONTAINER_OF(load, struct log_cursor, load);
    c->is_loading = false;
    c->has_loaded = true;
    c->err = load->err == ERR_CORRUPT ? ERR_OK : load->err; /* the rest is there */
    log_cursor_wake(c);
}

/* --- Files --- */

bool log_cursor_has_files(struct log_cursor *c, struct log_segment *seg, bool needs_idx)
{
    bool is_same =
        c->has_segment && c->segment_index == seg->start.index && c->generation == seg->generation;
    if (!is_same) {
        if (c->waits_count > 0) {
            return false; /* they are requests on the other one; each wakes the read */
        }
        bool is_dropped = log_cursor_drop_ahead(c);
        ASSERT(is_dropped);
        log_cursor_drop_run(c, c->run);
        log_cursor_put(c, &c->get_log);
        log_cursor_put(c, &c->get_idx);
        c->has_segment = true;
        c->segment_index = seg->start.index;
        c->generation = seg->generation;
        log_window_reset(c, seg);
    }
    if (c->gets_count > 0) {
        return false;
    }
    c->err = ERR_OK;
    c->lacks_file = false;
    bool has_bytes = seg->written_bytes > 0 || seg->is_finished; /* else all of it is in the rest */
    if (c->get_log.file == NULL && (has_bytes || needs_idx)) {
        c->get_log = (struct log_file_get){.done = log_cursor_log_got};
        c->gets_count++;
        log_file_get_segment(&c->get_log, seg, LOG_FILE_LOG, false);
    }
    if (needs_idx && c->get_idx.file == NULL) {
        c->get_idx = (struct log_file_get){.done = log_cursor_idx_got};
        c->gets_count++;
        log_file_get_segment(&c->get_idx, seg, LOG_FILE_IDX, false);
    }
    c->waits_count += c->gets_count;
    return c->gets_count == 0;
}

bool log_cursor_has_journal(struct log_cursor *c, uint32_t slot)
{
    if (c->gets_count > 0) {
        return false;
    }
    if (c->get_journal.file != NULL && c->get_journal.file->first_index == slot) {
        return true;
    }
    log_cursor_put(c, &c->get_journal);
    c->err = ERR_OK;
    c->lacks_file = false;
    c->get_journal = (struct log_file_get){.done = log_cursor_journal_got};
    c->gets_count++;
    c->waits_count++;
    log_file_get_journal(&c->get_journal, c->ls, slot);
    return false;
}

static void log_cursor_log_got(struct log_file_get *get)
{
    struct log_cursor *c = CONTAINER_OF(get, struct log_cursor, get_log);
    c->lacks_file |= get->err == ERR_NOT_FOUND;
    log_cursor_get_done(c, get);
}

static void log_cursor_idx_got(struct log_file_get *get)
{
    struct log_cursor *c = CONTAINER_OF(get, struct log_cursor, get_idx);
    c->lacks_file |= get->err == ERR_NOT_FOUND;
    log_cursor_get_done(c, get);
}

static void log_cursor_journal_got(struct log_file_get *get)
{
    log_cursor_get_done(CONTAINER_OF(get, struct log_cursor, get_journal), get);
}

static void log_cursor_get_done(struct log_cursor *c, const struct log_file_get *get)
{
    ASSERT(c->gets_count > 0);
    c->gets_count--;
    if (get->err != ERR_OK) {
        c->err = get->err;
    }
    log_cursor_wake(c);
}

static void log_cursor_put(struct log_cursor *c, struct log_file_get *get)
{
    if (get->file != NULL) {
        log_file_put(c->ls, get->file);
        get->file = NULL;
    }
}

/* --- Runs --- */

static void log_run_begin(struct log_run *run)
{
    ASSERT(!run->is_reading);
    ASSERT(run->buf == NULL);
    run->items_count = 0;
    run->next_index = run->first_index;
    run->next_slot = UINT64_MAX;
    run->cut_epoch = run->cursor->log->cut_epoch;
    run->read_bytes = 0;
    run->rest = NULL;
    run->rest_bytes = 0;
    run->batches_bytes = 0;
    run->valid_bytes = 0;
    run->file_number = 0;
    run->err = ERR_OK;
    run->is_ready = false;
    run->is_sound = false;
    run->is_full = false;
}

void log_cursor_drop_run(struct log_cursor *c, struct log_run *run)
{
    ASSERT(!run->is_reading);
    if (run->buf != NULL) {
        buf_unref(run->buf);
        run->buf = NULL;
    }
    run->is_ready = false;
    run->items_count = 0;
    if (run->file_number != 0) {
        log_cursor_put(c, &c->get_journal);
        run->file_number = 0;
    }
}

enum log_got log_cursor_plan(struct log_cursor *c, struct log_run *run, const struct log_want *want,
                             uint64_t slot)
{
    log_run_begin(run);
    run->next_slot = slot;
    enum log_got got = LOG_GOT_IT;
    while (got == LOG_GOT_IT && run->items_count < c->items_max &&
           run->next_index <= want->index_max) {
        got = log_cursor_plan_next(c, run, want);
    }
    if (got != LOG_GOT_IT && run->next_index == run->first_index) {
        return got;
    }
    return run->items_count > 0 ? LOG_GOT_IT : LOG_GOT_NOTHING;
}

/* Take or pass over the record that follows. Nothing: it stays for another run. */
static enum log_got log_cursor_plan_next(struct log_cursor *c, struct log_run *run,
                                         const struct log_want *want)
{
    bool has_moved = run->next_index > run->first_index;
    struct log_sidecar rec;
    enum err err = log_cursor_record(c, run->next_slot, run->next_index, &rec);
    if (err == ERR_AGAIN) {
        return has_moved ? LOG_GOT_NOTHING : log_window_fetch(c, want, run->next_slot, false);
    }
    if (err != ERR_OK) {
        return has_moved ? LOG_GOT_NOTHING
                         : log_window_bad(c, want, run->next_slot, run->next_index);
    }
    if (rec.last_index < run->next_index) {
        run->next_slot++;
        return LOG_GOT_IT;
    }
    if (rec.index > run->next_index) { /* what stands between is missing */
        c->bad_first = run->next_index;
        c->bad_last = rec.index - 1 < want->last_index ? rec.index - 1 : want->last_index;
        c->bad_offset = rec.base_offset;
        return LOG_GOT_CORRUPT;
    }
    enum log_got got = log_cursor_plan_record(run, want, &rec);
    if (got != LOG_GOT_IT) {
        c->bad_first = run->next_index;
        c->bad_last = rec.last_index;
        c->bad_offset = log_sidecar_next_offset(&rec);
        return got;
    }
    run->next_index = rec.last_index + 1;
    run->next_slot++;
    return LOG_GOT_IT;
}

/* Take a batch, or pass over it. Nothing: it stays for another run. */
static enum log_got log_cursor_plan_record(struct log_run *run, const struct log_want *want,
                                           const struct log_sidecar *rec)
{
    if ((rec->flags & LOG_SIDECAR_QUARANTINED) != 0) {
        return LOG_GOT_CORRUPT;
    }
    if ((rec->flags & LOG_SIDECAR_GAP) != 0) {
        return LOG_GOT_IT;
    }
    if (rec->kind != LOG_KIND_DATA && want->does_skip_internal) {
        return LOG_GOT_IT;
    }
    uint64_t end = (uint64_t)rec->pos + rec->length;
    bool is_behind = run->items_count == 0 || rec->pos >= log_run_end(run);
    if (rec->length < LOG_BATCH_HEADER_BYTES || rec->length > LIMIT_BATCH_BYTES ||
        end > want->seg->end_pos || !is_behind) {
        return LOG_GOT_CORRUPT; /* the sidecar lies about where it is */
    }
    if (log_run_is_full(run, want, rec->length) || !log_run_has_room(run, rec->pos, rec->length)) {
        return LOG_GOT_NOTHING;
    }
    if (run->items_count == 0) {
        run->pos = log_run_block_down(rec->pos);
    }
    log_run_add(run, rec, rec->pos);
    run->read_bytes = log_run_block_up(end - run->pos);
    return LOG_GOT_IT;
}

void log_cursor_plan_slots(struct log_cursor *c, struct log_slot *slot, const struct log_want *want)
{
    struct log_run *run = c->run;
    log_run_begin(run);
    const struct log_slot *first = slot;
    if (log_slot_is_in_journal(first)) {
        run->file_number = first->file_number;
    }
    while (slot != NULL && slot->rec.index <= want->index_max &&
           log_cursor_plan_slot(c, first, slot, want)) {
        run->next_index = slot->rec.last_index + 1;
        slot = log_tail_next(c->log, slot);
    }
    if (run->items_count == 0) {
        return;
    }
    uint64_t end = log_run_end(run);
    const struct log_segment *seg = first->seg;
    uint64_t written = run->file_number != 0 || seg->is_finished ? UINT64_MAX : seg->written_bytes;
    if (end <= written) {
        run->read_bytes = log_run_block_up(end - run->pos);
        return;
    }
    run->read_bytes = (uint32_t)(written - run->pos);
    run->rest = seg->rest;
    run->rest_bytes = (uint32_t)(end - written);
}

/* Take or pass over a slot that lies where `first` does, behind what was taken. */
static bool log_cursor_plan_slot(struct log_cursor *c, const struct log_slot *first,
                                 const struct log_slot *slot, const struct log_want *want)
{
    struct log_run *run = c->run;
    const struct log_sidecar *rec = &slot->rec;
    if (slot->slice.buf != NULL || rec->length < LOG_BATCH_HEADER_BYTES ||
        (rec->flags & (LOG_SIDECAR_GAP | LOG_SIDECAR_QUARANTINED)) != 0) {
        return false;
    }
    if (rec->kind != LOG_KIND_DATA && want->does_skip_internal) {
        return true;
    }
    const struct log_segment *seg = slot->seg;
    bool is_journal = log_slot_is_in_journal(slot);
    uint64_t pos = is_journal ? slot->journal_pos : rec->pos;
    uint64_t end = pos + rec->length;
    bool is_same = is_journal == log_slot_is_in_journal(first) &&
                   (is_journal ? slot->journal_slot == first->journal_slot &&
                                     slot->file_number == first->file_number
                               : seg == first->seg);
    bool is_there =
        is_journal || seg->is_finished || end <= (uint64_t)seg->written_bytes + seg->rest_bytes;
    bool is_behind = run->items_count == 0 || pos >= log_run_end(run);
    if (!is_same || !is_there || !is_behind || run->items_count == c->items_max ||
        log_run_is_full(run, want, rec->length) || !log_run_has_room(run, pos, rec->length)) {
        return false;
    }
    if (run->items_count == 0) {
        run->pos = log_run_block_down(pos);
        if (!is_journal && !seg->is_finished && run->pos > seg->written_bytes) {
            run->pos = seg->written_bytes; /* all of it is in the rest */
        }
    }
    log_run_add(run, rec, pos);
    return true;
}

/* Whether the slot's bytes are to be read from the journal: a segment that has them is the better
 * place, its file is not reused. */
bool log_slot_is_in_journal(const struct log_slot *slot)
{
    return slot->where == LOG_SLOT_JOURNAL && !slot->is_settled;
}

/* Where its last batch ends in the file. */
static uint64_t log_run_end(const struct log_run *run)
{
    ASSERT(run->items_count > 0);
    const struct log_run_item *last = &run->items[run->items_count - 1];
    return run->pos + last->at + last->length;
}

/* Whether `length` more bytes pass what was asked for. */
static bool log_run_is_full(struct log_run *run, const struct log_want *want, uint32_t length)
{
    bool is_first = want->is_first && run->items_count == 0;
    run->is_full = !is_first && (uint64_t)run->batches_bytes + length > want->bytes_left;
    return run->is_full;
}

/* Whether the bytes at `pos` fit into one request with what was taken, and belong there. */
static bool log_run_has_room(const struct log_run *run, uint64_t pos, uint32_t length)
{
    if (run->items_count == 0) {
        return true;
    }
    uint64_t first = run->pos + run->items[0].at;
    bool is_here =
        !run->cursor->does_keep || pos / LOG_WARM_PIECE_BYTES == first / LOG_WARM_PIECE_BYTES;
    return is_here && pos + length - run->pos <= run->cursor->run_bytes;
}

static void log_run_add(struct log_run *run, const struct log_sidecar *rec, uint64_t pos)
{
    bool is_rewritten = (rec->flags & LOG_SIDECAR_REWRITTEN) != 0;
    ASSERT(run->items_count < run->cursor->items_max);
    run->items[run->items_count++] = (struct log_run_item){
        .index = rec->index,
        .base_offset = rec->base_offset,
        .next_offset = log_sidecar_next_offset(rec),
        .at = (uint32_t)(pos - run->pos),
        .length = rec->length,
        .term = rec->term,
        .chain = rec->chain,
        .header_crc = is_rewritten ? rec->rewritten_crc : rec->header_crc,
        .is_rewritten = is_rewritten,
    };
    run->batches_bytes += rec->length;
}

enum err log_cursor_read(struct log_cursor *c, struct log_run *run)
{
    ASSERT(run->items_count > 0);
    ASSERT(!run->is_reading);
    if (c->does_keep && log_cursor_find_warm(c, run)) {
        return ERR_OK;
    }
    uint32_t bytes = run->read_bytes + run->rest_bytes;
    enum err err = buf_new(&c->ls->bufs, &c->ls->budget, bytes, &run->buf);
    while (err == ERR_BUDGET && log_warm_yield(&c->ls->files.warm)) {
        err = buf_new(&c->ls->bufs, &c->ls->budget, bytes, &run->buf);
    }
    if (err != ERR_OK) {
        return err;
    }
    uint8_t *data = buf_append(run->buf, bytes);
    ASSERT(data != NULL);
    if (run->rest_bytes > 0) {
        memcpy(data + run->read_bytes, run->rest, run->rest_bytes);
    }
    run->is_reading = true;
    c->waits_count++;
    if (run->read_bytes == 0) {
        rt_op_defer(&run->op);
        return ERR_OK;
    }
    struct log_file *file = run->file_number != 0 ? c->get_journal.file : c->get_log.file;
    rt_file_read(&file->file, &run->op, data, run->read_bytes, run->pos);
    return ERR_OK;
}

/* Whether the run is one that is kept; it is as if it had been read, then. */
static bool log_cursor_find_warm(struct log_cursor *c, struct log_run *run)
{
    if (!log_cursor_may_keep(run)) {
        return false;
    }
    const struct log_warm_run *warm =
        log_warm_find(&c->ls->files.warm, c->get_log.file, run->pos, run->read_bytes);
    if (warm == NULL) {
        return false;
    }
    run->buf = buf_ref(warm->buf);
    run->valid_bytes = run->read_bytes;
    struct log_warm_items items = log_run_items(run);
    run->is_sound = items.count == warm->items.count && items.begin == warm->items.begin &&
                    items.end == warm->items.end;
    run->is_reading = true;
    c->waits_count++;
    rt_op_defer(&run->op);
    return true;
}

void log_cursor_keep(struct log_cursor *c, const struct log_run *run)
{
    if (log_cursor_may_keep(run)) {
        log_warm_keep(&c->ls->files.warm, c->get_log.file, run->pos, run->read_bytes,
                      log_run_items(run), run->buf);
    }
}

/* Whether the run is of a kind that is kept. */
static bool log_cursor_may_keep(const struct log_run *run)
{
    return run->cursor->does_keep && run->file_number == 0 && run->rest_bytes == 0;
}

/* The batches of a run that has some. */
static struct log_warm_items log_run_items(const struct log_run *run)
{
    return (struct log_warm_items){.count = run->items_count,
                                   .begin = run->items[0].at,
                                   .end = (uint32_t)(log_run_end(run) - run->pos)};
}

static void log_cursor_read_done(struct rt_op *op)
{
    struct log_run *run = CONTAINER_OF(op, struct log_run, op);
    run->is_reading = false;
    run->is_ready = true;
    run->err = op->err;
    run->valid_bytes += op->err == ERR_OK ? (uint32_t)op->result : 0; /* kept: they are there */
    if (run->valid_bytes == run->read_bytes) {
        run->valid_bytes += run->rest_bytes;
    }
    log_cursor_wake(run->cursor);
}

/* --- Ahead --- */

/* The run `steps` behind the one in hand. */
static struct log_run *log_cursor_run_behind(struct log_cursor *c, uint32_t steps)
{
    return &c->runs[((uint32_t)(c->run - c->runs) + steps) % LOG_CURSOR_RUNS];
}

struct log_run *log_cursor_last_run(struct log_cursor *c)
{
    return log_cursor_run_behind(c, c->ahead_count);
}

struct log_run *log_cursor_next_run(struct log_cursor *c)
{
    return c->ahead_count > 0 ? log_cursor_run_behind(c, 1) : NULL;
}

void log_cursor_take_next(struct log_cursor *c)
{
    ASSERT(c->ahead_count > 0);
    log_cursor_drop_run(c, c->run);
    c->run = log_cursor_run_behind(c, 1);
    c->ahead_count--;
}

bool log_cursor_ahead(struct log_cursor *c, const struct log_want *want)
{
    ASSERT(c->is_ahead);
    if (c->ahead_count + 1 == LOG_CURSOR_RUNS) {
        return false;
    }
    const struct log_run *last = log_cursor_last_run(c);
    struct log_run *run = log_cursor_run_behind(c, c->ahead_count + 1);
    run->first_index = last->next_index;
    if (log_cursor_plan(c, run, want, last->next_slot) != LOG_GOT_IT ||
        log_cursor_read(c, run) != ERR_OK) {
        return false;
    }
    c->ahead_count++;
    return true;
}

bool log_cursor_drop_ahead(struct log_cursor *c)
{
    for (uint32_t i = 1; i <= c->ahead_count; i++) {
        if (log_cursor_run_behind(c, i)->is_reading) {
            return false;
        }
    }
    for (uint32_t i = 1; i <= c->ahead_count; i++) {
        log_cursor_drop_run(c, log_cursor_run_behind(c, i));
    }
    c->ahead_count = 0;
    return true;
}
