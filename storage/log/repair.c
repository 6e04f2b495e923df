/* Repair. See repair.h.
 *
 *     IDLE -> [ACCEPT ->] LOAD -> LOOK -> [[ROLL ->] SETTLE -> LOOK ->] REPLACE -> HEAL -> LOOK ...
 *
 * One segment at a time, from the front: it gets a new generation, and what of the quarantine lies
 * in it is lifted by a mark that follows the `switch` in the journal. A crash in between leaves
 * some of it quarantined, and the repair is done again. What is not settled is settled as it is,
 * lost entries as gaps that are quarantined, so that one way of repair is enough. */
#include "storage/log/repair.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "storage/log/range.h"
#include "storage/log/shard.h"

/* How often it is looked whether a segment is settled, and how many times. */
#define LOG_REPAIR_TICK_NS   (5 * RT_NS_PER_MS)
#define LOG_REPAIR_TICKS_MAX 6000u

enum {
    LOG_REPAIR_IDLE,    /* the caller's */
    LOG_REPAIR_ACCEPT,  /* the mark that ends amnesia */
    LOG_REPAIR_LOAD,    /* the group's older segments */
    LOG_REPAIR_LOOK,    /* CPU only: what is next */
    LOG_REPAIR_ROLL,    /* the active segment is sealed */
    LOG_REPAIR_SETTLE,  /* and settled */
    LOG_REPAIR_REPLACE, /* a segment gets new files */
    LOG_REPAIR_HEAL,    /* the mark that lifts the quarantine */
};

static const struct sm_conf log_repair_stages[] = {
    [LOG_REPAIR_IDLE] = {"IDLE", SM_BIT(LOG_REPAIR_ACCEPT) | SM_BIT(LOG_REPAIR_LOAD),
                         SM_INITIAL | SM_FINAL},
    [LOG_REPAIR_ACCEPT] = {"ACCEPT", SM_BIT(LOG_REPAIR_LOAD) | SM_BIT(LOG_REPAIR_IDLE), 0},
    [LOG_REPAIR_LOAD] = {"LOAD", SM_BIT(LOG_REPAIR_LOOK) | SM_BIT(LOG_REPAIR_IDLE), 0},
    [LOG_REPAIR_LOOK] = {"LOOK",
                         SM_BIT(LOG_REPAIR_ROLL) | SM_BIT(LOG_REPAIR_SETTLE) |
                             SM_BIT(LOG_REPAIR_REPLACE) | SM_BIT(LOG_REPAIR_IDLE),
                         0},
    [LOG_REPAIR_ROLL] = {"ROLL", SM_BIT(LOG_REPAIR_SETTLE) | SM_BIT(LOG_REPAIR_IDLE), 0},
    [LOG_REPAIR_SETTLE] = {"SETTLE", SM_BIT(LOG_REPAIR_LOOK) | SM_BIT(LOG_REPAIR_IDLE), 0},
    [LOG_REPAIR_REPLACE] = {"REPLACE",
                            SM_BIT(LOG_REPAIR_HEAL) | SM_BIT(LOG_REPAIR_SETTLE) |
                                SM_BIT(LOG_REPAIR_IDLE),
                            0},
    [LOG_REPAIR_HEAL] = {"HEAL", SM_BIT(LOG_REPAIR_LOOK) | SM_BIT(LOG_REPAIR_IDLE), 0},
};
const struct sm_decl log_repair_decl = {"log_repair", log_repair_stages,
                                        ARRAY_COUNT(log_repair_stages), NULL};

static void log_repair_start(struct log_repair *repair, struct log *log,
                             void (*done)(struct log_repair *repair));
static void log_repair_mark(struct log_repair *repair, enum log_mark what, uint64_t first_index,
                            uint64_t last_index);
static void log_repair_op_done(struct log_op *op);
static void log_repair_loaded(struct log_load *load);
static void log_repair_tick(struct rt_timer *timer);
static void log_repair_wait(struct log_repair *repair);
static void log_repair_look(struct log_repair *repair);
static struct log_segment *log_repair_hole(struct log *log, uint64_t index);
static void log_repair_replace(struct log_repair *repair, struct log_segment *seg);
static enum err log_repair_choose(void *ctx, struct log_copy_item *item);
static void log_repair_replaced(struct log_generation *g);
static void log_repair_end(struct log_repair *repair, enum err err, int saved_errno);

/* --- Quarantine --- */

bool log_quarantine_next(const struct log *log, uint64_t index, struct log_quarantine *out)
{
    const struct log_range *range = log_range_find(log, index);
    *out = (struct log_quarantine){0};
    if (range == NULL) {
        return false;
    }
    const struct log_slot *slot = log_tail_find(log, range->first_index);
    *out = (struct log_quarantine){
        .first_index = range->first_index,
        .last_index = range->last_index,
        .next_offset = range->next_offset,
        .why = slot == NULL                               ? LOG_QUARANTINE_UNREADABLE
               : (slot->rec.flags & LOG_SIDECAR_GAP) != 0 ? LOG_QUARANTINE_LOST
                                                          : LOG_QUARANTINE_ROTTEN,
    };
    return true;
}

enum err log_quarantine_add(struct log *log, uint64_t index)
{
    ASSERT(index >= log->start.index);
    ASSERT(index <= log->end.index);
    log_range_quarantine(log, index, index, 0, 0);
    const struct log_range *range = log_range_find(log, index);
    return range != NULL && range->first_index <= index ? ERR_OK : ERR_BUDGET;
}

/* --- Beginning --- */

void log_repair_accept(struct log_repair *repair, struct log *log,
                       void (*done)(struct log_repair *repair))
{
    repair->first_index = log->start.index;
    repair->last_index = log->end.index;
    repair->batches = NULL;
    log_repair_start(repair, log, done);
}

void log_repair_range(struct log_repair *repair, struct log *log, uint64_t first_index,
                      const struct buf_slice *batches, uint32_t count,
                      void (*done)(struct log_repair *repair))
{
    ASSERT(count > 0);
    repair->first_index = first_index;
    repair->last_index = first_index + count - 1;
    repair->batches = batches;
    repair->batches_index = first_index;
    log_repair_start(repair, log, done);
}

static void log_repair_start(struct log_repair *repair, struct log *log,
                             void (*done)(struct log_repair *repair))
{
    repair->log = log;
    repair->done = done;
    repair->err = ERR_OK;
    repair->saved_errno = 0;
    repair->was_amnesiac = false;
    repair->segments_count = 0;
    repair->healed_count = 0;
    repair->lost_count = 0;
    repair->lost_bytes = 0;
    repair->is_rolling = false;
    repair->ticks_count = 0;
    repair->op = (struct log_op){.done = log_repair_op_done, .ctx = repair};
    sm_init(&repair->sm, &log_repair_decl, LOG_REPAIR_IDLE, NULL, log->group);
    rt_timer_init(&repair->timer, log->ls->shard, log_repair_tick);
    bool is_accepting = repair->batches == NULL && log->is_amnesiac && log->is_available;
    enum err err = log_writable(log);
    err = is_accepting && err == ERR_ACCESS ? ERR_OK : err;
    err = log->is_repairing || log->is_replacing ? ERR_BUSY : err;
    if (err == ERR_OK && repair->batches != NULL &&
        (repair->first_index < log->start.index || repair->last_index > log->end.index)) {
        err = ERR_NOT_FOUND;
    }
    if (err != ERR_OK) { /* told from the ready queue */
        sm_move(&repair->sm, LOG_REPAIR_ACCEPT);
        log_end(log->ls, &repair->op, err);
        return;
    }
    log->is_repairing = true;
    if (is_accepting) {
        sm_move(&repair->sm, LOG_REPAIR_ACCEPT);
        log_repair_mark(repair, LOG_MARK_ACCEPTED, 0, 0);
        return;
    }
    sm_move(&repair->sm, LOG_REPAIR_LOAD);
    log_load_start(&repair->load, log, log_repair_loaded);
}

static void log_repair_mark(struct log_repair *repair, enum log_mark what, uint64_t first_index,
                            uint64_t last_index)
{
    struct log_record record = {.kind = LOG_RECORD_MARK};
    record.mark.what = what;
    record.mark.first_index = first_index;
    record.mark.last_index = last_index;
    log_submit(repair->log, &repair->op, &record, (struct buf_slice){0});
}

/* A mark or the roll has ended, or the repair was refused. */
static void log_repair_op_done(struct log_op *op)
{
    struct log_repair *repair = op->ctx;
    struct log *log = repair->log;
    uint32_t stage = sm_stage(&repair->sm);
    if (op->err != ERR_OK) {
        log_repair_end(repair, op->err, 0);
        return;
    }
    switch (stage) {
    case LOG_REPAIR_ACCEPT:
        repair->was_amnesiac = true;
        if (log->ls->diag != NULL) {
            DIAG_WARN(log->ls->diag, "log", "an operator accepted what the group has lost",
                      DIAG_U64("group", log->group), DIAG_U64("end_index", log->end.index));
        }
        sm_move(&repair->sm, LOG_REPAIR_LOAD);
        log_load_start(&repair->load, log, log_repair_loaded);
        return;
    case LOG_REPAIR_ROLL: log_repair_wait(repair); return;
    case LOG_REPAIR_HEAL:
        repair->first_index = repair->segment_last + 1;
        sm_move(&repair->sm, LOG_REPAIR_LOOK);
        log_repair_look(repair);
        return;
    default: UNREACHABLE();
    }
}

static void log_repair_loaded(struct log_load *load)
{
    struct log_repair *repair = CONTAINER_OF(load, struct log_repair, load);
    if (load->err != ERR_OK && load->err != ERR_CORRUPT) {
        log_repair_end(repair, load->err, load->saved_errno);
        return;
    }
    sm_move(&repair->sm, LOG_REPAIR_LOOK);
    log_repair_look(repair);
}

/* --- A segment after the other --- */

/* What is next. */
static void log_repair_look(struct log_repair *repair)
{
    struct log *log = repair->log;
    enum err err = log_writable(log);
    if (repair->first_index < log->start.index) {
        repair->first_index = log->start.index;
    }
    const struct log_range *range = log_range_find(log, repair->first_index);
    if (err == ERR_OK && repair->batches == NULL && range != NULL &&
        range->first_index > repair->first_index) {
        repair->first_index = range->first_index;
    }
    if (err != ERR_OK || range == NULL || repair->first_index > repair->last_index ||
        range->first_index > repair->last_index) {
        log_repair_end(repair, err, 0);
        return;
    }
    struct log_segment *seg = log_segment_find(log, repair->first_index);
    if (seg == NULL && repair->batches == NULL) {
        seg = log_repair_hole(log, repair->first_index);
    }
    if (seg == NULL) {
        log_repair_end(repair, repair->batches == NULL ? ERR_BUDGET : ERR_NOT_FOUND, 0);
        return;
    }
    if (log_generation_is_possible(log, repair->first_index)) {
        log_repair_replace(repair, seg);
        return;
    }
    if (seg == log_segment_active(log) && !seg->is_sealed) {
        sm_move(&repair->sm, LOG_REPAIR_ROLL);
        repair->op = (struct log_op){.done = log_repair_op_done, .ctx = repair};
        log_roll(log, &repair->op);
        return;
    }
    log_repair_wait(repair);
}

/* Have rounds of settling run until the segment is wholly in its files, and the table says so. */
static void log_repair_wait(struct log_repair *repair)
{
    struct log *log = repair->log;
    sm_move(&repair->sm, LOG_REPAIR_SETTLE);
    log_settle_note(log, log->file_lowest, 0);
    log_settle_want(&log->ls->settle, 0);
    rt_timer_start(&repair->timer, rt_now_ns(log->ls->shard) + LOG_REPAIR_TICK_NS);
}

static void log_repair_tick(struct rt_timer *timer)
{
    struct log_repair *repair = CONTAINER_OF(timer, struct log_repair, timer);
    if (++repair->ticks_count == LOG_REPAIR_TICKS_MAX) {
        log_repair_end(repair, ERR_TIMEOUT, 0);
        return;
    }
    sm_move(&repair->sm, LOG_REPAIR_LOOK);
    log_repair_look(repair);
}

/* No file holds `index`: a segment for it, and for all up to the next one, to be filled by a gap.
 * NULL: no memory. */
static struct log_segment *log_repair_hole(struct log *log, uint64_t index)
{
    struct log_segment *before = NULL, *behind = NULL;
    list_for_each (node, &log->segments.list) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->start.index > index) {
            behind = seg;
            break;
        }
        before = seg;
    }
    void *made = NULL;
    if (behind == NULL || pool_acquire(&log->ls->segments, &made) != ERR_OK) {
        return NULL;
    }
    struct log_segment *seg = made;
    seg->log = log;
    if (before != NULL) {
        seg->start.index = before->last_index + 1;
        seg->start.offset = before->next_offset;
        seg->max_timestamp = before->max_timestamp;
    } else {
        seg->start = log->start;
        seg->max_timestamp = -1;
    }
    seg->generation = ++log->generation;
    seg->origin = before == NULL        ? 1
                  : before->origin != 0 ? before->origin
                                        : before->generation + 1;
    seg->last_index = behind->start.index - 1;
    seg->next_offset = behind->start.offset;
    seg->is_begun = true;
    seg->is_sealed = true;
    seg->is_finished = true;
    seg->has_files = true;
    seg->is_made = true;
    seg->is_known = true;
    list_insert_before(&behind->in_log, &seg->in_log);
    log->segments.count++;
    return seg;
}

static void log_repair_replace(struct log_repair *repair, struct log_segment *seg)
{
    sm_move(&repair->sm, LOG_REPAIR_REPLACE);
    repair->segment_last =
        seg->last_index < repair->last_index ? seg->last_index : repair->last_index;
    repair->generation = (struct log_generation){
        .log = repair->log,
        .segment_index = seg->start.index,
        .choose = log_repair_choose,
        .ctx = repair,
        .done = log_repair_replaced,
    };
    log_generation_start(&repair->generation);
}

/* What can be read stays. What cannot is put back, or given up. */
static enum err log_repair_choose(void *ctx, struct log_copy_item *item)
{
    const struct log_repair *repair = ctx;
    item->verdict = item->is_sound ? LOG_COPY_KEEP : LOG_COPY_GAP;
    if (item->is_sound || repair->batches == NULL) {
        return ERR_OK;
    }
    if (item->rec.index < repair->batches_index || item->rec.index > repair->last_index) {
        return ERR_CORRUPT;
    }
    struct buf_slice batch = repair->batches[item->rec.index - repair->batches_index];
    item->verdict = LOG_COPY_RESTORE;
    item->bytes = buf_slice_data(batch);
    item->bytes_length = batch.length;
    return ERR_OK;
}

static void log_repair_replaced(struct log_generation *g)
{
    struct log_repair *repair = CONTAINER_OF(g, struct log_repair, generation);
    struct log *log = repair->log;
    enum err err = g->err;
    if (err == ERR_AGAIN) { /* a round of settling came between: once more, behind it */
        log_repair_wait(repair);
        return;
    }
    if (err == ERR_OK) {
        err = log_writable(log);
    }
    if (err == ERR_OK) {
        repair->segments_count++;
        repair->healed_count += g->copy.counts.lost_count;
        repair->lost_count += repair->batches == NULL ? g->copy.counts.lost_count : 0;
        repair->lost_bytes += g->copy.counts.gone_bytes;
        err = log_range_heal(log, repair->first_index, repair->segment_last);
    }
    if (err != ERR_OK) {
        log_repair_end(repair, err, g->saved_errno);
        return;
    }
    sm_move(&repair->sm, LOG_REPAIR_HEAL);
    repair->op = (struct log_op){.done = log_repair_op_done, .ctx = repair};
    log_repair_mark(repair, LOG_MARK_HEAL, repair->first_index, repair->segment_last);
}

static void log_repair_end(struct log_repair *repair, enum err err, int saved_errno)
{
    if (err != ERR_BUSY) {
        repair->log->is_repairing = false;
    }
    rt_timer_stop(&repair->timer);
    repair->err = err;
    repair->saved_errno = saved_errno;
    sm_move(&repair->sm, LOG_REPAIR_IDLE);
    sm_deinit(&repair->sm);
    repair->done(repair);
}
