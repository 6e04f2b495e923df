/* Loading a group's older segments when they are first asked for. See segment.h.
 *
 * A start knows from row and journal where the settled end lies, in which segment, and all segments
 * behind that one. Those count, whatever else the directory holds. What precedes them is found from
 * there back to the front: a segment's header says which entry stands before it, with its term and
 * chain, and the file that holds just that entry as its last is the one that precedes. So a file
 * that a cut has made void is never taken for the log's, although its every record verifies: it
 * leads to another chain. Of two generations that both lead there the lower counts, as the higher
 * would have been named by a `switch` if it were whole. Rejected: believing file names, or the
 * highest generation; either takes a half-made copy, or what a cut left, for the log.
 *
 * Where none leads there, or nobody knows what the chain was, something is damaged. The likeliest
 * is taken (a cut raises the generation, so what began with the highest is newest), and what it
 * does not hold, or holds under another chain, is quarantined (G8). Files are removed only where
 * segments that do lead there cover their range.
 *
 * All this is gathered apart from the log, which goes on meanwhile, and becomes the log's in one
 * step. A cut, or a first segment that went, makes it begin again. */
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/sm.h"
#include "storage/log/dir.h"
#include "storage/log/probe.h"
#include "storage/log/range.h"
#include "storage/log/shard.h"

/* Files that are tried for one place. More void ones than this are no accident. */
#define LOG_LOAD_TRIES 64u

enum log_load_stage {
    LOG_LOAD_IDLE,  /* no more */
    LOG_LOAD_LIST,  /* the directory */
    LOG_LOAD_KNOWN, /* segments that the log knows: the settled end's, and headers */
    LOG_LOAD_OLDER, /* those before, from the newest back */
    LOG_LOAD_CLEAN, /* void files go */
};

static const struct sm_conf log_load_stages[] = {
    [LOG_LOAD_IDLE] = {"IDLE", SM_BIT(LOG_LOAD_LIST), SM_INITIAL | SM_FINAL},
    [LOG_LOAD_LIST] = {"LIST",
                       SM_BIT(LOG_LOAD_KNOWN) | SM_BIT(LOG_LOAD_LIST) | SM_BIT(LOG_LOAD_IDLE), 0},
    [LOG_LOAD_KNOWN] = {"KNOWN",
                        SM_BIT(LOG_LOAD_OLDER) | SM_BIT(LOG_LOAD_LIST) | SM_BIT(LOG_LOAD_IDLE), 0},
    [LOG_LOAD_OLDER] = {"OLDER",
                        SM_BIT(LOG_LOAD_CLEAN) | SM_BIT(LOG_LOAD_LIST) | SM_BIT(LOG_LOAD_IDLE), 0},
    [LOG_LOAD_CLEAN] = {"CLEAN", SM_BIT(LOG_LOAD_IDLE), 0},
};

const struct sm_decl log_load_decl = {"log_load", log_load_stages, ARRAY_COUNT(log_load_stages),
                                      NULL};

/* Which question the probe is at. */
enum log_load_asked { LOG_LOAD_NOTHING, LOG_LOAD_END, LOG_LOAD_TERMS };

/* What a segment is held against: the entry that should be its last. */
struct log_load_want {
    struct log_point point; /* index, and offset, term and chain behind it */
    bool is_known;          /* they are known, not the index alone */
};

/* Entries that are missing. */
struct log_load_range {
    struct list_node in_loading; /* log_loading.ranges */
    uint64_t first_index;        /* of the range */
    uint64_t last_index;         /* likewise */
    uint64_t next_offset;        /* behind it; 0: unknown */
    uint32_t term;               /* of its last entry; 0: unknown */
};

struct log_loading {
    struct log *log;           /* whose */
    struct sm sm;              /* see log_load_stages */
    struct list loads;         /* log_load.in_loading: who waits */
    struct log_dir dir;        /* the files */
    struct log_probe probe;    /* the sidecar in hand */
    enum log_load_asked asked; /* of it */
    enum err err;              /* of memory */
    uint64_t cut_epoch;        /* of the log when it began */
    struct log_point end;      /* settled end when it began */
    uint64_t first_index;      /* of the log's first segment then; 0: it had none */
    uint32_t first_generation; /* likewise */
    uint64_t known_before;     /* segments from this index on were looked at */
    struct log_load_want want; /* of the segment in hand */
    uint32_t at;               /* the file in hand; files_count: none yet */
    uint32_t best;             /* the likeliest of those tried for this place; UINT32_MAX: none */
    uint32_t best_origin;      /* generation that it began with */
    bool best_leads;           /* it ends with the entry that is wanted */
    uint32_t tries_count;      /* of them */
    bool is_forced;            /* the file in hand is taken as it is */
    bool is_damaged;           /* something was not as it should be */
    struct list segments;      /* log_segment.in_log, by first index */
    uint32_t segments_count;   /* of them */
    struct list terms;         /* log_term.in_log: runs before those that the log knows */
    struct list ranges;        /* log_load_range.in_loading */
};

static void log_load_done(struct rt_op *op);
static enum err log_load_new(struct log *log);
static void log_load_listed(struct log_dir *dir);
static void log_load_probed(struct log_probe *probe);
static void log_load_run(struct log_loading *l, enum err err, int saved_errno);
static void log_load_begin(struct log_loading *l);
static void log_load_forget(struct log_loading *l);
static void log_load_skip(struct log_loading *l);
static void log_load_reset(struct log_loading *l);
static bool log_load_is_stale(const struct log_loading *l);
static void log_load_want(struct log_loading *l, const struct log_point *point, uint64_t index);
static bool log_load_known(struct log_loading *l);
static struct log_segment *log_load_known_next(const struct log_loading *l,
                                               struct log_segment **behind);
static void log_load_known_judge(struct log_loading *l);
static bool log_load_older(struct log_loading *l);
static bool log_load_older_next(struct log_loading *l);
static uint32_t log_load_candidate(const struct log_loading *l);
static bool log_load_older_ended(struct log_loading *l);
static void log_load_take(struct log_loading *l);
static void log_load_take_start(const struct log_loading *l);
static struct log_segment *log_load_behind(const struct log_loading *l);
static void log_load_rank(struct log_loading *l, bool leads);
static bool log_load_leads(const struct log_loading *l);
static bool log_load_judge(struct log_loading *l, bool has_log);
static void log_load_missing(struct log_loading *l, uint64_t first_index, uint64_t last_index,
                             uint64_t next_offset, uint32_t term);
static bool log_load_terms(struct log_loading *l, uint64_t last_index);
static void log_load_terms_take(struct log_loading *l);
static void log_load_commit(struct log_loading *l);
static void log_load_commit_snaps(struct log_loading *l);
static void log_load_commit_segments(struct log_loading *l);
static void log_load_commit_terms(struct log_loading *l);
static void log_load_commit_ranges(struct log_loading *l);
static void log_load_void(struct log_loading *l);
static void log_load_void_one(struct log_loading *l, struct log_dir_file *file);
static void log_load_end(struct log_loading *l, enum err err, int saved_errno);

void log_load_start(struct log_load *load, struct log *log, void (*done)(struct log_load *load))
{
    load->log = log;
    load->done = done;
    load->err = ERR_OK;
    load->saved_errno = 0;
    list_node_init(&load->in_loading);
    rt_op_init(&load->op, log->ls->shard, log_load_done);
    if (log->is_deleted) {
        load->err = ERR_CLOSING;
    } else if (!log->is_loaded && log->loading == NULL) {
        load->err = log_load_new(log);
    }
    if (log->is_loaded || load->err != ERR_OK) {
        rt_op_defer(&load->op);
        return;
    }
    list_push_back(&log->loading->loads, &load->in_loading);
}

static void log_load_done(struct rt_op *op)
{
    struct log_load *load = CONTAINER_OF(op, struct log_load, op);
    load->done(load);
}

static enum err log_load_new(struct log *log)
{
    void *made = NULL;
    enum err err = budget_alloc(&log->ls->budget, sizeof(struct log_loading),
                                _Alignof(struct log_loading), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_loading *l = made;
    l->log = log;
    err = log_probe_init(&l->probe, log, log_load_probed);
    if (err != ERR_OK) {
        budget_free(&log->ls->budget, l);
        return err;
    }
    list_init(&l->loads);
    list_init(&l->segments);
    list_init(&l->terms);
    list_init(&l->ranges);
    log_dir_init(&l->dir, log, log_load_listed);
    sm_init(&l->sm, &log_load_decl, LOG_LOAD_IDLE, NULL, log->group);
    log->loading = l;
    log_load_begin(l);
    return ERR_OK;
}

static void log_load_listed(struct log_dir *dir)
{
    log_load_run(CONTAINER_OF(dir, struct log_loading, dir), dir->err, dir->saved_errno);
}

static void log_load_probed(struct log_probe *probe)
{
    log_load_run(CONTAINER_OF(probe, struct log_loading, probe), probe->err, probe->saved_errno);
}

/* Reads top to bottom; return: a request is under way, or it has ended. */
static void log_load_run(struct log_loading *l, enum err err, int saved_errno)
{
    struct log *log = l->log;
    bool is_over = sm_stage(&l->sm) == LOG_LOAD_CLEAN; /* all but the files that are void */
    if (!is_over && log->is_deleted) {
        err = ERR_CLOSING;
    }
    if (!is_over && err == ERR_OK && log_load_is_stale(l)) {
        log_load_reset(l);
        log_load_begin(l);
        return;
    }
    if (err != ERR_OK && !is_over) {
        log_load_end(l, err, saved_errno);
        return;
    }
    switch ((enum log_load_stage)sm_stage(&l->sm)) {
    case LOG_LOAD_LIST:
        log_load_skip(l);
        if (l->err != ERR_OK) {
            break;
        }
        sm_move(&l->sm, LOG_LOAD_KNOWN);
        FALLTHROUGH;
    case LOG_LOAD_KNOWN:
        if (log_load_known(l)) {
            return;
        }
        if (l->err != ERR_OK) {
            break;
        }
        sm_move(&l->sm, LOG_LOAD_OLDER);
        FALLTHROUGH;
    case LOG_LOAD_OLDER:
        if (log_load_older(l)) {
            return;
        }
        if (l->err != ERR_OK) {
            break;
        }
        log_load_commit(l);
        sm_move(&l->sm, LOG_LOAD_CLEAN);
        log_dir_clean(&l->dir);
        return;
    case LOG_LOAD_CLEAN: break;
    case LOG_LOAD_IDLE: UNREACHABLE();
    }
    log_load_end(l, is_over && l->is_damaged ? ERR_CORRUPT : l->err, 0);
}

static void log_load_begin(struct log_loading *l)
{
    struct log *log = l->log;
    struct list_node *node = list_first(&log->segments.list);
    const struct log_segment *first =
        node != NULL ? CONTAINER_OF(node, struct log_segment, in_log) : NULL;
    l->cut_epoch = log->cut_epoch;
    l->end = log->row.end;
    l->first_index = first != NULL ? first->start.index : 0;
    l->first_generation = first != NULL ? first->generation : 0;
    l->known_before = UINT64_MAX;
    l->asked = LOG_LOAD_NOTHING;
    l->is_damaged = false;
    l->is_forced = false;
    l->best = UINT32_MAX;
    l->tries_count = 0;
    sm_move(&l->sm, LOG_LOAD_LIST);
    log_dir_list(&l->dir);
}

/* A `switch` whose new files are gone, while the old ones are there, came to nothing: a start that
 * could not read it has removed them, and the old ones count. */
static void log_load_forget(struct log_loading *l)
{
    struct log *log = l->log;
    list_for_each_safe (node, following, &log->garbage) {
        struct log_garbage *garbage = CONTAINER_OF(node, struct log_garbage, in_log);
        if (garbage->generation_new != 0 &&
            !log_dir_has(&l->dir, garbage->first_index, garbage->generation_new) &&
            log_dir_has(&l->dir, garbage->first_index, garbage->generation)) {
            ASSERT(log->switches_pending > 0);
            log->switches_pending--;
            list_remove(node);
            pool_release(&log->ls->small, garbage);
        }
    }
}

/* Files that are to be removed are not looked at. Where a `switch` has named the segment's files
 * those of lower generations go, too: copies that were made before and came to nothing. They go
 * with what was replaced, before the table forgets it. */
static void log_load_skip(struct log_loading *l)
{
    struct log *log = l->log;
    uint32_t kept = 0;
    log_load_forget(l);
    for (uint32_t i = 0; i < l->dir.files_count && l->err == ERR_OK; i++) {
        const struct log_dir_file file = l->dir.files[i];
        bool is_garbage = false;
        bool is_void = false;
        list_for_each (node, &log->garbage) {
            const struct log_garbage *garbage = CONTAINER_OF(node, struct log_garbage, in_log);
            bool is_here = garbage->first_index == file.first_index;
            is_garbage |= is_here && garbage->generation == file.generation;
            is_void |= is_here && garbage->generation_new > file.generation;
        }
        if (is_void && !is_garbage) {
            void *made = NULL;
            l->err = pool_acquire(&log->ls->small, &made);
            if (l->err == ERR_OK) {
                struct log_garbage *garbage = made;
                garbage->first_index = file.first_index;
                garbage->generation = file.generation;
                garbage->is_early = true;
                list_push_front(&log->garbage, &garbage->in_log);
            }
        }
        if (!is_void && !is_garbage) {
            l->dir.files[kept++] = file;
        }
    }
    l->dir.files_count = kept;
}

/* Give back what was gathered. */
static void log_load_reset(struct log_loading *l)
{
    struct log_shard *ls = l->log->ls;
    if (l->asked != LOG_LOAD_NOTHING) {
        log_probe_stop(&l->probe);
        l->asked = LOG_LOAD_NOTHING;
    }
    for (struct list_node *node; (node = list_pop_front(&l->segments)) != NULL;) {
        pool_release(&ls->segments, CONTAINER_OF(node, struct log_segment, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&l->terms)) != NULL;) {
        pool_release(&ls->small, CONTAINER_OF(node, struct log_term, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&l->ranges)) != NULL;) {
        budget_free(&ls->budget, CONTAINER_OF(node, struct log_load_range, in_loading));
    }
    l->segments_count = 0;
}

static bool log_load_is_stale(const struct log_loading *l)
{
    struct list_node *node = list_first(&l->log->segments.list);
    const struct log_segment *first =
        node != NULL ? CONTAINER_OF(node, struct log_segment, in_log) : NULL;
    bool is_same = l->first_index == 0 || (first != NULL && first->start.index == l->first_index &&
                                           first->generation == l->first_generation);
    return l->cut_epoch != l->log->cut_epoch || !is_same;
}

/* Entry `index` is wanted, with what `point` says behind it. Only the chain of no entry is zero. */
static void log_load_want(struct log_loading *l, const struct log_point *point, uint64_t index)
{
    l->want.point = *point;
    l->want.point.index = index;
    l->want.is_known = !hash128_is_equal(point->chain, (struct hash128){0});
}

/* --- Segments that the log knows --- */

/* True: a request is under way. Afterwards `want` is what stands before the first. */
static bool log_load_known(struct log_loading *l)
{
    if (l->asked == LOG_LOAD_END) {
        log_load_known_judge(l);
        bool is_first = l->probe.seg.start.index == l->first_index;
        if (l->err == ERR_OK && is_first && log_load_terms(l, l->probe.end_index)) {
            return true;
        }
    }
    if (l->asked != LOG_LOAD_NOTHING) {
        log_load_terms_take(l);
    }
    if (l->err != ERR_OK) {
        return false;
    }
    struct log_segment *behind = NULL;
    struct log_segment *seg = log_load_known_next(l, &behind);
    if (seg != NULL) {
        bool is_end = l->end.index <= seg->last_index;
        log_load_want(l, is_end ? &l->end : &behind->start,
                      is_end ? l->end.index : seg->last_index);
        l->known_before = seg->start.index;
        l->asked = LOG_LOAD_END;
        log_probe_start(&l->probe, seg->start.index, seg->generation, l->want.point.index);
        return true;
    }
    struct list_node *node = list_first(&l->log->segments.list);
    if (node != NULL && l->first_index != 0) {
        const struct log_segment *first = CONTAINER_OF(node, struct log_segment, in_log);
        log_load_want(l, &first->start, first->start.index - 1);
    } else {
        log_load_want(l, &l->end, l->end.index);
    }
    l->at = l->dir.files_count;
    return false;
}

/* The newest segment not looked at that has to be: it holds the settled end, its header is not
 * known, or the terms of what was settled in it before the start. *behind = the one that follows.
 */
static struct log_segment *log_load_known_next(const struct log_loading *l,
                                               struct log_segment **behind)
{
    const struct list_node *first_run = list_first(&l->log->terms);
    uint64_t terms_index = first_run != NULL
                               ? CONTAINER_OF(first_run, const struct log_term, in_log)->first_index
                               : l->log->end.index + 1;
    const struct list *list = &l->log->segments.list;
    *behind = NULL;
    for (struct list_node *node = list->head.prev; node != &list->head; node = node->prev) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        bool is_settled = seg->start.index <= l->end.index && seg->start.index <= seg->last_index;
        bool lacks_terms = node == list_first(list) && seg->start.index < terms_index;
        bool is_wanted = l->end.index <= seg->last_index || !seg->is_known || lacks_terms;
        if (seg->start.index < l->known_before && is_settled && is_wanted) {
            return seg;
        }
        *behind = seg;
    }
    return NULL;
}

/* G8, and the header's word for where the segment begins. (Where the settled end is the last entry
 * of its segment, that is an older one: log_load_take.) */
static void log_load_known_judge(struct log_loading *l)
{
    const struct log_probe *p = &l->probe;
    if (!log_load_judge(l, true)) {
        atomic_fetch_add(&l->log->ls->store->ends_lost_count, 1);
    }
    struct list_node *node = list_first(&l->log->segments.list);
    ASSERT(node != NULL);
    struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
    if (seg->start.index != p->seg.start.index || seg->is_known) {
        return;
    }
    seg->is_known = p->has_header;
    if (p->has_header) {
        seg->start = p->header.start;
    } else {
        seg->start.offset = p->has_first ? p->first.base_offset : seg->next_offset;
    }
}

/* --- Segments before those --- */

/* True: a request is under way. */
static bool log_load_older(struct log_loading *l)
{
    if (l->asked == LOG_LOAD_END && log_load_older_ended(l)) {
        return true;
    }
    if (l->asked != LOG_LOAD_NOTHING) {
        log_load_terms_take(l);
    }
    return l->err == ERR_OK && log_load_older_next(l);
}

/* The next file for the place in hand. What is missing below the log start was let go. */
static bool log_load_older_next(struct log_loading *l)
{
    ASSERT(l->asked == LOG_LOAD_NOTHING);
    uint64_t index = l->want.point.index;
    uint32_t file = l->tries_count < LOG_LOAD_TRIES ? log_load_candidate(l) : UINT32_MAX;
    if (index == 0 || (file == UINT32_MAX && index < l->log->start.index)) {
        return false;
    }
    l->is_forced = file == UINT32_MAX;
    l->at = l->is_forced ? l->best : file;
    if (l->at == UINT32_MAX) {
        log_load_missing(l, 1, index, l->want.point.offset, l->want.point.term);
        return false;
    }
    l->asked = LOG_LOAD_END;
    log_probe_start(&l->probe, l->dir.files[l->at].first_index, l->dir.files[l->at].generation,
                    index);
    return true;
}

/* The file to try after the one in hand: another generation, then one that begins earlier. */
static uint32_t log_load_candidate(const struct log_loading *l)
{
    const struct log_dir_file *files = l->dir.files;
    uint64_t index = l->want.point.index;
    uint32_t i = l->at;
    if (i < l->dir.files_count && files[i].first_index <= index) {
        if (i + 1 < l->dir.files_count && files[i + 1].first_index == files[i].first_index) {
            return i + 1;
        }
        index = files[i].first_index - 1;
    }
    while (i > 0 && files[i - 1].first_index > index) {
        i--;
    }
    ASSERT(i <= l->dir.files_count);
    if (i == 0) {
        return UINT32_MAX;
    }
    for (i--; i > 0 && files[i - 1].first_index == files[i].first_index;) {
        i--;
    }
    return i;
}

static bool log_load_older_ended(struct log_loading *l)
{
    const struct log_dir_file *file = &l->dir.files[l->at];
    bool leads = log_load_leads(l);
    if (!l->is_forced && !(leads && l->want.is_known)) {
        log_load_rank(l, leads);
        l->tries_count++;
        log_probe_stop(&l->probe);
        l->asked = LOG_LOAD_NOTHING;
        return false;
    }
    log_load_take(l);
    return l->err == ERR_OK && log_load_terms(l, file->last_index);
}

/* The segment behind the one that is looked for; NULL: none. */
static struct log_segment *log_load_behind(const struct log_loading *l)
{
    struct list_node *node = list_first(&l->segments);
    node = node != NULL ? node : list_first(&l->log->segments.list);
    return node != NULL ? CONTAINER_OF(node, struct log_segment, in_log) : NULL;
}

/* Nothing proves the file in hand. It is the likeliest so far if it ends where it should, began
 * latest (but not later than what is behind it), and is the first of those that replace others. */
static void log_load_rank(struct log_loading *l, bool leads)
{
    const struct log_dir_file *file = &l->dir.files[l->at];
    const struct log_segment *next = log_load_behind(l);
    uint32_t origin = log_segment_began(l->probe.header.origin, file->generation);
    if (next != NULL && l->probe.has_header &&
        origin > log_segment_began(next->origin, next->generation)) {
        return;
    }
    bool is_likelier = l->best == UINT32_MAX || (leads && !l->best_leads);
    if (!is_likelier && leads == l->best_leads) {
        bool is_lower = file->generation < l->dir.files[l->best].generation;
        is_likelier = origin > l->best_origin || (origin == l->best_origin && is_lower);
    }
    if (is_likelier) {
        l->best = l->at;
        l->best_leads = leads;
        l->best_origin = origin;
    }
}

/* Whether the segment ends with the entry that is wanted. */
static bool log_load_leads(const struct log_loading *l)
{
    const struct log_probe *p = &l->probe;
    const struct log_point *point = &l->want.point;
    bool has_log = (l->dir.files[l->at].kinds & LOG_DIR_LOG) != 0;
    return p->has_end && p->end.last_index == point->index &&
           (has_log || p->end.pos + p->end.length == 0) &&
           (!l->want.is_known ||
            (p->end.term == point->term && hash128_is_equal(p->end.chain, point->chain)));
}

/* The file in hand is the log's. */
static void log_load_take(struct log_loading *l)
{
    const struct log_probe *p = &l->probe;
    struct log_dir_file *file = &l->dir.files[l->at];
    const struct log_point *point = &l->want.point;
    void *made = NULL;
    ASSERT(!file->is_used);
    ASSERT(file->first_index <= point->index);
    l->err = pool_acquire(&l->log->ls->segments, &made);
    if (l->err != ERR_OK) {
        return;
    }
    bool is_whole = p->has_end && p->end.last_index == point->index;
    if (!log_load_judge(l, (file->kinds & LOG_DIR_LOG) != 0) && point->index == l->end.index) {
        atomic_fetch_add(&l->log->ls->store->ends_lost_count, 1);
    }
    log_load_take_start(l);
    struct log_segment *seg = made;
    seg->log = l->log;
    seg->start = p->header.start;
    if (!p->has_header) {
        seg->start.index = file->first_index;
        seg->start.offset = p->has_first ? p->first.base_offset : point->offset;
    }
    seg->generation = file->generation;
    seg->origin = p->header.origin;
    seg->last_index = point->index;
    seg->next_offset = is_whole ? log_sidecar_next_offset(&p->end) : point->offset;
    seg->max_timestamp = p->has_end ? p->end.max_timestamp : -1;
    seg->end_pos = p->has_end ? p->end.pos + p->end.length : 0;
    seg->written_bytes =
        seg->end_pos + (LIMIT_BLOCK_BYTES - seg->end_pos % LIMIT_BLOCK_BYTES) % LIMIT_BLOCK_BYTES;
    seg->allocated_bytes = seg->written_bytes;
    seg->recs_count = p->has_end ? (uint32_t)p->end_slot + 1 : 0;
    seg->recs_total = seg->recs_count;
    seg->has_files = true;
    seg->has_snap = (file->kinds & LOG_DIR_SNAP) != 0;
    seg->is_sealed = true;
    seg->is_finished = true;
    seg->is_made = true;
    seg->is_known = true;
    file->is_used = true;
    file->is_proven = l->want.is_known && log_load_leads(l);
    file->last_index = point->index;
    list_push_front(&l->segments, &seg->in_log);
    l->segments_count++;
    l->best = UINT32_MAX;
    l->tries_count = 0;
    log_load_want(l, &seg->start, seg->start.index - 1);
}

/* The end of the segment in hand says where the next one begins, whose header could not. */
static void log_load_take_start(const struct log_loading *l)
{
    const struct log_sidecar *end = &l->probe.end;
    struct log_segment *next = log_load_behind(l);
    if (l->want.is_known || next == NULL || !log_load_leads(l)) {
        return;
    }
    if (next->start.index == end->last_index + 1) {
        next->start.offset = log_sidecar_next_offset(end);
        next->start.term = end->term;
        next->start.chain = end->chain;
    }
}

/* --- What is there, and what is not --- */

/* Hold the segment in hand against what is wanted. */
static bool log_load_judge(struct log_loading *l, bool has_log)
{
    const struct log_probe *p = &l->probe;
    const struct log_point *point = &l->want.point;
    bool is_whole = p->has_end && p->end.last_index == point->index;
    bool is_other = is_whole && l->want.is_known &&
                    (p->end.term != point->term || !hash128_is_equal(p->end.chain, point->chain));
    bool is_bodyless = p->has_end && !has_log && p->end.pos + p->end.length > 0;
    if (!p->has_header) {
        l->is_damaged = true;
        if (l->log->ls->diag != NULL) {
            DIAG_WARN(l->log->ls->diag, "log", "header of a sidecar cannot be read",
                      DIAG_U64("group", l->log->group), DIAG_U64("first_index", p->seg.start.index),
                      DIAG_U64("generation", p->seg.generation));
        }
    }
    if (!p->has_end || is_other || is_bodyless) {
        log_load_missing(l, p->seg.start.index, point->index, point->offset, point->term);
    } else if (!is_whole) {
        log_load_missing(l, p->end.last_index + 1, point->index, point->offset, point->term);
    } else {
        return true;
    }
    return false;
}

static void log_load_missing(struct log_loading *l, uint64_t first_index, uint64_t last_index,
                             uint64_t next_offset, uint32_t term)
{
    struct log *log = l->log;
    void *made = NULL;
    if (first_index < log->start.index) {
        first_index = log->start.index;
    }
    if (first_index > last_index || l->err != ERR_OK) {
        return;
    }
    l->is_damaged = true;
    l->err = budget_alloc(&log->ls->budget, sizeof(struct log_load_range),
                          _Alignof(struct log_load_range), &made);
    if (l->err != ERR_OK) {
        return;
    }
    struct log_load_range *range = made;
    range->first_index = first_index;
    range->last_index = last_index;
    range->next_offset = next_offset;
    range->term = term;
    list_push_front(&l->ranges, &range->in_loading);
}

/* Ask for the term runs of the segment in hand, if any of it is above the log start. */
static bool log_load_terms(struct log_loading *l, uint64_t last_index)
{
    ASSERT(l->asked == LOG_LOAD_END);
    if (!l->probe.has_end || last_index < l->log->start.index) {
        return false;
    }
    l->asked = LOG_LOAD_TERMS;
    log_probe_terms(&l->probe);
    return true;
}

/* They precede those gathered so far. The probe is free again. */
static void log_load_terms_take(struct log_loading *l)
{
    struct list *runs = &l->probe.terms;
    struct list_node *last = list_last(runs);
    struct list_node *next = list_first(&l->terms);
    if (last != NULL && next != NULL &&
        CONTAINER_OF(last, struct log_term, in_log)->term ==
            CONTAINER_OF(next, struct log_term, in_log)->term) {
        list_remove(next);
        pool_release(&l->log->ls->small, CONTAINER_OF(next, struct log_term, in_log));
    }
    list_for_each (node, &l->probe.holes) {
        const struct log_range *hole = CONTAINER_OF(node, struct log_range, in_log);
        log_load_missing(l, hole->first_index, hole->last_index, hole->next_offset, 0);
    }
    list_append_all(runs, &l->terms);
    list_append_all(&l->terms, runs);
    log_probe_stop(&l->probe);
    l->asked = LOG_LOAD_NOTHING;
}

/* --- Becoming the log's --- */

static void log_load_commit(struct log_loading *l)
{
    log_load_void(l);
    log_load_commit_snaps(l);
    log_load_commit_segments(l);
    log_load_commit_terms(l);
    log_load_commit_ranges(l);
    ASSERT(list_is_empty(&l->segments));
    ASSERT(list_is_empty(&l->terms));
    l->log->is_loaded = true;
    if (l->log->lacks_snaps) {
        log_settle_snaps(l->log);
    }
}

/* Segments whose .snap is missing. Those that were made before the directory was listed have it in
 * there. */
static void log_load_commit_snaps(struct log_loading *l)
{
    struct log *log = l->log;
    list_for_each (node, &log->segments.list) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        for (uint32_t i = 0; i < l->dir.files_count; i++) {
            const struct log_dir_file *file = &l->dir.files[i];
            bool is_it =
                file->first_index == seg->start.index && file->generation == seg->generation;
            if (is_it && l->first_index == seg->start.index && seg->is_made) {
                seg->has_snap = (file->kinds & LOG_DIR_SNAP) != 0;
            }
        }
        log->lacks_snaps |= seg->is_made && !seg->has_snap;
    }
    list_for_each (node, &l->segments) {
        const struct log_segment *seg = CONTAINER_OF(node, const struct log_segment, in_log);
        log->lacks_snaps |= !seg->has_snap;
    }
}

/* A running maximum that could not be read is at least the one before. */
static void log_load_commit_segments(struct log_loading *l)
{
    struct log *log = l->log;
    int64_t max_timestamp = -1;
    list_append_all(&l->segments, &log->segments.list);
    list_append_all(&log->segments.list, &l->segments);
    log->segments.count += l->segments_count;
    l->segments_count = 0;
    uint64_t last_index = 0;
    list_for_each (node, &log->segments.list) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        ASSERT(seg->start.index > last_index);
        last_index = seg->last_index;
        seg->is_known = true;
        if (log->generation < seg->generation) { /* of a replaced one: it is not used again */
            log->generation = seg->generation;
        }
        if (seg->max_timestamp < max_timestamp) {
            seg->max_timestamp = max_timestamp;
        }
        max_timestamp = seg->max_timestamp;
    }
}

/* Runs of entries that the log had runs of are those. */
static void log_load_commit_terms(struct log_loading *l)
{
    struct log *log = l->log;
    struct list_node *node = list_first(&log->terms);
    struct log_term *known = node != NULL ? CONTAINER_OF(node, struct log_term, in_log) : NULL;
    uint64_t end_index = known != NULL ? known->first_index : log->end.index + 1;
    struct log_term *last = NULL;
    while ((node = list_last(&l->terms)) != NULL) {
        last = CONTAINER_OF(node, struct log_term, in_log);
        if (last->first_index < end_index) {
            break;
        }
        list_remove(node);
        pool_release(&log->ls->small, last);
        last = NULL;
    }
    if (known != NULL && last != NULL && known->term == last->term) {
        list_remove(&known->in_log);
        pool_release(&log->ls->small, known);
    }
    list_append_all(&l->terms, &log->terms);
    list_append_all(&log->terms, &l->terms);
    log_terms_trim(log);
}

static void log_load_commit_ranges(struct log_loading *l)
{
    struct log *log = l->log;
    for (struct list_node *node; (node = list_pop_front(&l->ranges)) != NULL;) {
        struct log_load_range *range = CONTAINER_OF(node, struct log_load_range, in_loading);
        if (range->last_index >= log->start.index) {
            log_range_quarantine(log, range->first_index, range->last_index, range->next_offset,
                                 range->term);
        }
        budget_free(&log->ls->budget, range);
    }
}

/* Which files are void: those that the log has no segment of, in the range of one that leads to
 * what follows it, or behind the first that the journal or the table has named; and those before
 * that one where a reset has begun the log with it. */
static void log_load_void(struct log_loading *l)
{
    struct log_dir *dir = &l->dir;
    bool is_first = l->log->is_reset && list_is_empty(&l->segments);
    for (uint32_t i = 0; i < dir->files_count; i++) {
        const struct log_dir_file *used = &dir->files[i];
        uint32_t first = i;
        if (!used->is_proven) {
            continue;
        }
        while (first > 0 && dir->files[first - 1].first_index == used->first_index) {
            first--;
        }
        for (uint32_t n = first;
             n < dir->files_count && dir->files[n].first_index <= used->last_index; n++) {
            log_load_void_one(l, &dir->files[n]);
        }
    }
    for (uint32_t i = dir->files_count; l->first_index != 0 && i > 0; i--) {
        if (is_first || dir->files[i - 1].first_index >= l->first_index) {
            log_load_void_one(l, &dir->files[i - 1]);
        }
    }
}

/* A segment that begins there later must not meet this name while it is removed: it gets a higher
 * generation. */
static void log_load_void_one(struct log_loading *l, struct log_dir_file *file)
{
    struct log *log = l->log;
    const struct log_segment *apart = log->apart; /* it may have its name already */
    if (file->is_used || file->is_void || file->generation == UINT32_MAX ||
        (apart != NULL && apart->start.index == file->first_index &&
         apart->generation == file->generation)) {
        return;
    }
    list_for_each (node, &log->segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->start.index == file->first_index && seg->generation == file->generation) {
            return;
        }
    }
    file->is_void = true;
    if (log->generation <= file->generation) {
        log->generation = file->generation + 1;
    }
    if (log->ls->diag != NULL) {
        DIAG_INFO(log->ls->diag, "log", "files of a void segment are removed",
                  DIAG_U64("group", log->group), DIAG_U64("first_index", file->first_index),
                  DIAG_U64("generation", file->generation));
    }
}

/* It has ended; who waits is told. */
static void log_load_end(struct log_loading *l, enum err err, int saved_errno)
{
    struct log *log = l->log;
    ASSERT(log->loading == l);
    log_load_reset(l);
    for (struct list_node *node; (node = list_pop_front(&l->loads)) != NULL;) {
        struct log_load *load = CONTAINER_OF(node, struct log_load, in_loading);
        load->err = err;
        load->saved_errno = saved_errno;
        rt_op_defer(&load->op);
    }
    sm_move(&l->sm, LOG_LOAD_IDLE);
    sm_deinit(&l->sm);
    log_probe_deinit(&l->probe);
    log_dir_deinit(&l->dir);
    log->loading = NULL;
    budget_free(&log->ls->budget, l);
}
