/* New generations of segments. See generation.h.
 *
 *     IDLE -> LOAD -> OLD -> NEW -> COPY -> SIZE -> SYNC -> SNAP -> DIR -> SWITCH -> IDLE
 *
 * The log goes over to the new files when the record is submitted: they are whole, and say of every
 * entry what the old ones do, so nobody can tell whether the record is durable yet. What is read
 * behind that, a place to cut at for one, is of the files that the next records are written for.
 * Rejected: going over when it is durable. A cut between the two would seal the segment where the
 * old files end. */
#include "storage/log/generation.h"

#include "base/assert.h"
#include "base/diag.h"
#include "storage/log/place.h"
#include "storage/log/round.h"

enum {
    LOG_GENERATION_IDLE,   /* the caller's */
    LOG_GENERATION_LOAD,   /* the group's older segments */
    LOG_GENERATION_OLD,    /* the old files are opened: .log, .idx */
    LOG_GENERATION_NEW,    /* the new ones are made */
    LOG_GENERATION_COPY,   /* and written */
    LOG_GENERATION_SIZE,   /* they get their sizes */
    LOG_GENERATION_SYNC,   /* they are synced */
    LOG_GENERATION_SNAP,   /* the .snap follows */
    LOG_GENERATION_DIR,    /* their names are synced */
    LOG_GENERATION_SWITCH, /* the record */
};

static const struct sm_conf log_generation_stages[] = {
    [LOG_GENERATION_IDLE] = {"IDLE", SM_BIT(LOG_GENERATION_LOAD), SM_INITIAL | SM_FINAL},
    [LOG_GENERATION_LOAD] = {"LOAD", SM_BIT(LOG_GENERATION_OLD) | SM_BIT(LOG_GENERATION_IDLE), 0},
    [LOG_GENERATION_OLD] = {"OLD", SM_BIT(LOG_GENERATION_NEW) | SM_BIT(LOG_GENERATION_IDLE), 0},
    [LOG_GENERATION_NEW] = {"NEW", SM_BIT(LOG_GENERATION_COPY) | SM_BIT(LOG_GENERATION_IDLE), 0},
    [LOG_GENERATION_COPY] = {"COPY", SM_BIT(LOG_GENERATION_SIZE) | SM_BIT(LOG_GENERATION_IDLE), 0},
    [LOG_GENERATION_SIZE] = {"SIZE", SM_BIT(LOG_GENERATION_SYNC) | SM_BIT(LOG_GENERATION_IDLE), 0},
    [LOG_GENERATION_SYNC] = {"SYNC", SM_BIT(LOG_GENERATION_SNAP) | SM_BIT(LOG_GENERATION_IDLE), 0},
    [LOG_GENERATION_SNAP] = {"SNAP", SM_BIT(LOG_GENERATION_DIR) | SM_BIT(LOG_GENERATION_IDLE), 0},
    [LOG_GENERATION_DIR] = {"DIR", SM_BIT(LOG_GENERATION_SWITCH) | SM_BIT(LOG_GENERATION_IDLE), 0},
    [LOG_GENERATION_SWITCH] = {"SWITCH", SM_BIT(LOG_GENERATION_IDLE), 0},
};
const struct sm_decl log_generation_decl = {"log_generation", log_generation_stages,
                                            ARRAY_COUNT(log_generation_stages), NULL};

static void log_generation_loaded(struct log_load *load);
static void log_generation_got(struct log_file_get *get);
static void log_generation_done(struct rt_op *op);
static void log_generation_snapped(struct log_snap_copy *copy);
static void log_generation_switched(struct log_op *op);
static void log_generation_run(struct log_generation *g, enum err err, int saved_errno);
static enum err log_generation_is_over(const struct log_generation *g);
static enum err log_generation_begin(struct log_generation *g);
static void log_generation_open(struct log_generation *g);
static enum err log_generation_opened(struct log_generation *g, enum err err);
static void log_generation_copy(struct log_generation *g);
static enum err log_generation_may_switch(const struct log_generation *g);
static void log_generation_switch(struct log_generation *g);
static void log_generation_apply(struct log_generation *g);
static void log_generation_end(struct log_generation *g, enum err err, int saved_errno);

/* The segment as it is now, NULL: cut off, trimmed, or replaced. */
static struct log_segment *log_generation_segment(const struct log_generation *g)
{
    return log_segment_of(g->log, g->segment_index, g->generation_old);
}

/* Whether files that begin with the segment are still to go which it has not replaced: cut off,
 * they may wait for longer than those it replaces, and the table then no longer says which count.
 */
static bool log_generation_has_others(const struct log *log, const struct log_segment *seg)
{
    list_for_each (node, &log->garbage) {
        const struct log_garbage *garbage = CONTAINER_OF(node, const struct log_garbage, in_log);
        if (garbage->first_index == seg->start.index && !garbage->is_early) {
            return true;
        }
    }
    return false;
}

bool log_generation_is_possible(const struct log *log, uint64_t index)
{
    const struct log_segment *seg = log_segment_find(log, index);
    const struct log_round *round = log_round_of(log->ls);
    if (log->ls->settle.is_running && log->row_round == round->number) {
        return false; /* what the table says last may not be durable yet */
    }
    if (seg == NULL || !seg->is_finished || !seg->is_known ||
        log->row.segment_index <= seg->start.index || log->table_segment <= seg->start.index ||
        log_generation_has_others(log, seg)) {
        return false;
    }
    for (const struct log_slot *slot = log_tail_first(log);
         slot != NULL && slot->rec.index <= seg->last_index; slot = log_tail_next(log, slot)) {
        if (!slot->is_settled) {
            return false;
        }
    }
    return true;
}

void log_generation_start(struct log_generation *g)
{
    struct log *log = g->log;
    ASSERT(!log->is_replacing);
    ASSERT(g->choose != NULL);
    log->is_replacing = true;
    g->err = ERR_OK;
    g->saved_errno = 0;
    g->is_submitted = false;
    g->garbage = NULL;
    g->copy = (struct log_copy){.log = log};
    g->cut_epoch = log->cut_epoch;
    sm_init(&g->sm, &log_generation_decl, LOG_GENERATION_IDLE, NULL, log->group);
    rt_op_init(&g->op, log->ls->shard, log_generation_done);
    sm_move(&g->sm, LOG_GENERATION_LOAD);
    log_load_start(&g->load, log, log_generation_loaded);
}

static void log_generation_loaded(struct log_load *load)
{
    struct log_generation *g = CONTAINER_OF(load, struct log_generation, load);
    bool is_loaded = load->err == ERR_OK || load->err == ERR_CORRUPT;
    log_generation_run(g, is_loaded ? ERR_OK : load->err, load->saved_errno);
}

static void log_generation_got(struct log_file_get *get)
{
    struct log_generation *g = CONTAINER_OF(get, struct log_generation, get);
    log_generation_run(g, get->err, get->saved_errno);
}

static void log_generation_done(struct rt_op *op)
{
    struct log_generation *g = CONTAINER_OF(op, struct log_generation, op);
    bool is_copying = sm_stage(&g->sm) == LOG_GENERATION_COPY;
    enum err err = is_copying ? log_copy_answer(&g->copy, op) : op->err;
    log_generation_run(g, err, op->saved_errno);
}

static void log_generation_snapped(struct log_snap_copy *copy)
{
    struct log_generation *g = CONTAINER_OF(copy, struct log_generation, snap);
    log_generation_run(g, copy->err, copy->saved_errno);
}

/* Why to stop, or ERR_OK. */
static enum err log_generation_is_over(const struct log_generation *g)
{
    enum err err = log_writable(g->log);
    if (err != ERR_OK) {
        return err;
    }
    return g->log->cut_epoch != g->cut_epoch ||
                   (g->garbage != NULL && log_generation_segment(g) == NULL)
               ? ERR_CANCELED
               : ERR_OK;
}

/* The request of the stage in hand has ended. */
/* tidy: dispatcher */
static void log_generation_run(struct log_generation *g, enum err err, int saved_errno)
{
    uint32_t stage = sm_stage(&g->sm);
    if (stage == LOG_GENERATION_OLD || stage == LOG_GENERATION_NEW) {
        err = log_generation_opened(g, err);
    }
    err = err == ERR_OK ? log_generation_is_over(g) : err;
    if (err == ERR_OK && stage == LOG_GENERATION_LOAD) {
        err = log_generation_begin(g);
    }
    if (err != ERR_OK) {
        log_generation_end(g, err, saved_errno);
        return;
    }
    switch (stage) {
    case LOG_GENERATION_LOAD:
        sm_move(&g->sm, LOG_GENERATION_OLD);
        g->step = 0;
        log_generation_open(g);
        return;
    case LOG_GENERATION_OLD:
    case LOG_GENERATION_NEW:
        if (g->step == 2) {
            sm_move(&g->sm, stage == LOG_GENERATION_OLD ? LOG_GENERATION_NEW : LOG_GENERATION_COPY);
            g->step = 0;
        }
        if (sm_stage(&g->sm) != LOG_GENERATION_COPY) {
            log_generation_open(g);
            return;
        }
        FALLTHROUGH;
    case LOG_GENERATION_COPY: log_generation_copy(g); return;
    case LOG_GENERATION_SIZE:
        if (++g->step < 2) {
            rt_file_truncate(&g->copy.new_idx->file, &g->op, g->copy.idx.pos);
            return;
        }
        sm_move(&g->sm, LOG_GENERATION_SYNC);
        g->step = 0;
        rt_file_flush(&g->copy.new_log->file, &g->op);
        return;
    case LOG_GENERATION_SYNC:
        if (++g->step < 2) {
            rt_file_flush(&g->copy.new_idx->file, &g->op);
            return;
        }
        sm_move(&g->sm, LOG_GENERATION_SNAP);
        log_snap_copy_start(&g->snap, &g->seg, g->generation_old, log_generation_snapped);
        return;
    case LOG_GENERATION_SNAP:
        sm_move(&g->sm, LOG_GENERATION_DIR);
        log_path_partition(g->path, g->log->ls->store, &g->log->topic, g->log->partition);
        rt_path_sync_dir(&g->op, g->path);
        return;
    case LOG_GENERATION_DIR: log_generation_switch(g); return;
    default: UNREACHABLE();
    }
}

/* --- The files --- */

/* Older segments are known: what is to be replaced, and by what. */
static enum err log_generation_begin(struct log_generation *g)
{
    struct log *log = g->log;
    struct log_segment *old = log_segment_find(log, g->segment_index);
    if (old == NULL || old->start.index != g->segment_index) {
        return ERR_NOT_FOUND;
    }
    if (!log_generation_is_possible(log, g->segment_index)) {
        return ERR_AGAIN;
    }
    if (atomic_load(&log->ls->store->is_full)) {
        return ERR_DISK_FULL;
    }
    if (log->generation >= UINT32_MAX - 1 || old->generation >= UINT32_MAX - 1) {
        return ERR_FULL;
    }
    const struct list_node *before = old->in_log.prev;
    const struct list_node *node = list_next(&log->segments.list, &old->in_log);
    ASSERT(node != NULL); /* a finished one has a follower */
    const struct log_segment *next = CONTAINER_OF(node, struct log_segment, in_log);
    g->generation_old = old->generation;
    log->generation = (log->generation > old->generation ? log->generation : old->generation) + 1;
    g->seg = (struct log_segment){
        .log = log,
        .start = old->start,
        .generation = log->generation,
        .origin = old->origin != 0 ? old->origin : old->generation + 1,
        .last_index = old->last_index,
        .next_offset = old->next_offset,
    };
    struct log_copy *c = &g->copy;
    c->seg = &g->seg;
    c->generation_old = old->generation;
    c->max_timestamp = before != &log->segments.list.head
                           ? CONTAINER_OF(before, const struct log_segment, in_log)->max_timestamp
                           : -1;
    if (next->start.index == old->last_index + 1) {
        c->end = next->start;
        c->end.index--;
    }
    c->choose = g->choose;
    c->ctx = g->ctx;
    void *made = NULL;
    enum err err = pool_acquire(&log->ls->small, &made);
    if (err != ERR_OK) {
        return err;
    }
    g->garbage = made;
    g->garbage->first_index = g->segment_index;
    g->garbage->generation = g->seg.generation;
    g->garbage->is_early = true;
    return log_copy_init(c);
}

/* The next file: old ones first, .log before .idx. */
static void log_generation_open(struct log_generation *g)
{
    bool is_new = sm_stage(&g->sm) == LOG_GENERATION_NEW;
    struct log_segment *seg = is_new ? &g->seg : log_generation_segment(g);
    g->get = (struct log_file_get){.done = log_generation_got};
    log_file_get_segment(&g->get, seg, g->step == 0 ? LOG_FILE_LOG : LOG_FILE_IDX, is_new);
}

/* Keep it. Of the old files either may be missing: then what it held is lost. */
static enum err log_generation_opened(struct log_generation *g, enum err err)
{
    struct log_copy *c = &g->copy;
    bool is_new = sm_stage(&g->sm) == LOG_GENERATION_NEW;
    struct log_file **out = is_new         ? g->step == 0 ? &c->new_log : &c->new_idx
                            : g->step == 0 ? &c->old_log
                                           : &c->old_idx;
    *out = g->get.file;
    g->get.file = NULL;
    g->step++;
    return err == ERR_NOT_FOUND && !is_new ? ERR_OK : err;
}

static void log_generation_copy(struct log_generation *g)
{
    enum err err = log_copy_run(&g->copy, &g->op);
    if (err == ERR_AGAIN) {
        return;
    }
    if (err != ERR_OK) {
        log_generation_end(g, err, 0);
        return;
    }
    sm_move(&g->sm, LOG_GENERATION_SIZE);
    g->step = 0;
    rt_file_truncate(&g->copy.new_log->file, &g->op, g->copy.chunk_pos);
}

/* --- The record --- */

/* Whether everything is still as it was when the copy began. */
static enum err log_generation_may_switch(const struct log_generation *g)
{
    const struct log *log = g->log;
    const struct log_segment *seg = log_generation_segment(g);
    if (log->is_cutting || !log_generation_is_possible(log, g->segment_index)) {
        return ERR_AGAIN;
    }
    return seg->last_index == g->seg.last_index ? ERR_OK : ERR_CANCELED;
}

static void log_generation_switch(struct log_generation *g)
{
    enum err err = log_generation_may_switch(g);
    if (err != ERR_OK) {
        log_generation_end(g, err, 0);
        return;
    }
    log_generation_apply(g);
    struct log_record record = {.kind = LOG_RECORD_SWITCH};
    record.segment.segment_index = g->segment_index;
    record.segment.generation = g->generation_old;
    record.segment.generation_new = g->seg.generation;
    g->is_submitted = true;
    g->op_switch = (struct log_op){.done = log_generation_switched, .ctx = g};
    sm_move(&g->sm, LOG_GENERATION_SWITCH);
    log_submit(g->log, &g->op_switch, &record, (struct buf_slice){0});
}

/* The new files are the segment. */
static void log_generation_apply(struct log_generation *g)
{
    struct log *log = g->log;
    struct log_segment *seg = log_generation_segment(g);
    for (struct log_slot *slot = log_tail_first(log);
         slot != NULL && slot->rec.index <= seg->last_index; slot = log_tail_first(log)) {
        ASSERT(slot->is_settled);
        log_tail_pop_first(log); /* they say where a batch was in the old files */
    }
    log_files_forget_segment(seg);
    seg->generation = g->seg.generation;
    seg->origin = g->seg.origin;
    seg->end_pos = g->copy.end_pos;
    seg->written_bytes = log_block_up(seg->end_pos);
    seg->allocated_bytes = seg->written_bytes;
    seg->recs_count = g->copy.idx.recs_count;
    seg->recs_total = seg->recs_count;
    if (g->copy.max_timestamp > seg->max_timestamp) {
        seg->max_timestamp = g->copy.max_timestamp;
    }
    g->garbage->generation = g->generation_old; /* these go now, when the record is durable */
    g->garbage->generation_new = g->seg.generation;
    log->table_segment = 0; /* no other is replaced before a table has got its turn */
}

static void log_generation_switched(struct log_op *op)
{
    struct log_generation *g = op->ctx;
    struct log *log = g->log;
    if (op->err == ERR_OK && log->ls->diag != NULL) {
        DIAG_INFO(log->ls->diag, "log", "a segment has new files", DIAG_U64("group", log->group),
                  DIAG_U64("first_index", g->segment_index),
                  DIAG_U64("generation", g->seg.generation),
                  DIAG_U64("entries_gone", g->copy.counts.gone_count));
    }
    if (op->err != ERR_OK) { /* fenced: a start finds out which are valid */
        pool_release(&log->ls->small, g->garbage);
        g->garbage = NULL;
    }
    log_generation_end(g, op->err, 0);
}

/* --- The end --- */

static void log_generation_end(struct log_generation *g, enum err err, int saved_errno)
{
    struct log *log = g->log;
    struct log_shard *ls = log->ls;
    struct log_copy *c = &g->copy;
    struct log_file *files[] = {c->old_log, c->old_idx, c->new_log, c->new_idx};
    if (!g->is_submitted && g->garbage != NULL) {
        log_files_forget_segment(&g->seg);
    }
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        if (files[i] != NULL) {
            log_file_put(ls, files[i]);
        }
    }
    log_copy_deinit(c);
    g->err = err;
    g->saved_errno = saved_errno;
    log->is_replacing = false;
    if (g->garbage != NULL) {
        list_push_front(&log->garbage, &g->garbage->in_log);
        g->garbage = NULL;
        log_settle_changed(log);
    }
    sm_move(&g->sm, LOG_GENERATION_IDLE);
    sm_deinit(&g->sm);
    g->done(g);
}
