/* Looking through one sidecar. See probe.h.
 *
 * Record n stands where entry first index + n would if nothing were missing or joined before it;
 * gaps only move records to the front. So the end is looked for there first, which is nearly always
 * right, and searched for between the header and that place otherwise. */
#include "storage/log/probe.h"

#include <string.h>

#include "base/assert.h"
#include "storage/log/shard.h"

static const struct sm_conf log_probe_stages[] = {
    [LOG_PROBE_IDLE] = {"IDLE", SM_BIT(LOG_PROBE_OPEN), SM_INITIAL | SM_FINAL},
    [LOG_PROBE_OPEN] = {"OPEN", SM_BIT(LOG_PROBE_HEADER) | SM_BIT(LOG_PROBE_FOUND), 0},
    [LOG_PROBE_HEADER] = {"HEADER", SM_BIT(LOG_PROBE_END) | SM_BIT(LOG_PROBE_FOUND), 0},
    [LOG_PROBE_END] = {"END", SM_BIT(LOG_PROBE_FOUND), 0},
    [LOG_PROBE_FOUND] = {"FOUND", SM_BIT(LOG_PROBE_TERMS) | SM_BIT(LOG_PROBE_IDLE), 0},
    [LOG_PROBE_TERMS] = {"TERMS", SM_BIT(LOG_PROBE_FOUND), 0},
};

const struct sm_decl log_probe_decl = {"log_probe", log_probe_stages, ARRAY_COUNT(log_probe_stages),
                                       NULL};

/* Whether a record lies before what is searched for. */
typedef bool log_probe_is_before(const struct log_probe *p, const struct log_sidecar *rec);

static void log_probe_opened(struct log_file_get *get);
static void log_probe_run(struct log_probe *p);
static enum err log_probe_header(struct log_probe *p);
static enum err log_probe_end(struct log_probe *p);
static enum err log_probe_runs(struct log_probe *p);
static enum err log_probe_hole_add(struct log_probe *p, uint64_t first_index, uint64_t last_index,
                                   uint64_t next_offset);
static enum err log_probe_run_add(struct log_probe *p, uint64_t index, uint64_t offset,
                                  uint32_t term);
static bool log_probe_is_in(const struct log_probe *p, const struct log_sidecar *rec);
static bool log_probe_is_of_term(const struct log_probe *p, const struct log_sidecar *rec);
static void log_search_begin(struct log_probe *p, uint64_t low, uint64_t high);
static bool log_search_look(struct log_probe *p, log_probe_is_before *is_before, bool is_hole);
static enum err log_probe_record(struct log_probe *p, uint64_t slot, struct log_sidecar *out);
static enum err log_probe_bytes(struct log_probe *p, uint64_t pos, const uint8_t **out);
static void log_probe_read(struct log_probe *p, uint32_t block);
static void log_probe_read_done(struct rt_op *op);
static void log_probe_finish(struct log_probe *p, enum err err, int saved_errno);
static void log_probe_done(struct rt_op *op);

enum err log_probe_init(struct log_probe *p, struct log *log, void (*done)(struct log_probe *))
{
    struct log_shard *ls = log->ls;
    void *blocks = NULL;
    *p = (struct log_probe){.log = log, .done = done, .seg = {.log = log}};
    list_init(&p->terms);
    list_init(&p->holes);
    enum err err = budget_alloc(&ls->budget, (size_t)LOG_PROBE_BLOCKS * LIMIT_BLOCK_BYTES,
                                LIMIT_BLOCK_BYTES, &blocks);
    if (err != ERR_OK) {
        return err;
    }
    p->blocks = blocks;
    rt_op_init(&p->op, ls->shard, log_probe_read_done);
    rt_op_init(&p->op_done, ls->shard, log_probe_done);
    sm_init(&p->sm, &log_probe_decl, LOG_PROBE_IDLE, NULL, log->group);
    return ERR_OK;
}

void log_probe_deinit(struct log_probe *p)
{
    if (p->blocks != NULL) {
        sm_deinit(&p->sm);
        budget_free(&p->log->ls->budget, p->blocks);
        p->blocks = NULL;
    }
}

void log_probe_start(struct log_probe *p, uint64_t first_index, uint32_t generation,
                     uint64_t end_index)
{
    ASSERT(end_index >= first_index);
    ASSERT(list_is_empty(&p->terms));
    p->seg.start.index = first_index;
    p->seg.generation = generation;
    p->end_index = end_index;
    p->err = ERR_OK;
    p->has_header = false;
    p->has_first = false;
    p->has_end = false;
    p->header = (struct log_sidecar_header){0};
    p->seed = log_sidecar_seed(p->log->ls->store->kernels, p->log->group, generation);
    p->is_searching = false;
    p->is_read = false;
    p->get = (struct log_file_get){.done = log_probe_opened};
    sm_move(&p->sm, LOG_PROBE_OPEN);
    log_file_get_segment(&p->get, &p->seg, LOG_FILE_IDX, false);
}

void log_probe_terms(struct log_probe *p)
{
    ASSERT(p->has_end);
    ASSERT(p->err == ERR_OK);
    ASSERT(list_is_empty(&p->terms));
    p->is_searching = false;
    p->term = -1;
    p->term_slot = 0;
    p->term_index = p->seg.start.index - 1;
    enum err err = ERR_OK;
    sm_move(&p->sm, LOG_PROBE_TERMS);
    if (p->has_header) {
        const struct log_point *start = &p->header.start;
        err = log_probe_run_add(p, start->index, start->offset, start->term);
    }
    if (err != ERR_OK) {
        log_probe_finish(p, err, 0);
        return;
    }
    log_probe_run(p);
}

void log_probe_stop(struct log_probe *p)
{
    for (struct list_node *node; (node = list_pop_front(&p->terms)) != NULL;) {
        pool_release(&p->log->ls->small, CONTAINER_OF(node, struct log_term, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&p->holes)) != NULL;) {
        pool_release(&p->log->ls->small, CONTAINER_OF(node, struct log_range, in_log));
    }
    if (p->get.file != NULL) {
        log_file_put(p->log->ls, p->get.file);
        p->get.file = NULL;
    }
    sm_move(&p->sm, LOG_PROBE_IDLE);
}

static void log_probe_opened(struct log_file_get *get)
{
    struct log_probe *p = CONTAINER_OF(get, struct log_probe, get);
    if (get->err == ERR_OK) {
        log_probe_run(p);
        return;
    }
    log_probe_finish(p, get->err == ERR_NOT_FOUND ? ERR_OK : get->err, get->saved_errno);
}

/* Return: a read is under way, or `done` will fire. */
static void log_probe_run(struct log_probe *p)
{
    enum err err = ERR_OK;
    switch ((enum log_probe_stage)sm_stage(&p->sm)) {
    case LOG_PROBE_OPEN: sm_move(&p->sm, LOG_PROBE_HEADER); FALLTHROUGH;
    case LOG_PROBE_HEADER:
        err = log_probe_header(p);
        if (err != ERR_OK) {
            break;
        }
        sm_move(&p->sm, LOG_PROBE_END);
        FALLTHROUGH;
    case LOG_PROBE_END: err = log_probe_end(p); break;
    case LOG_PROBE_TERMS: err = log_probe_runs(p); break;
    case LOG_PROBE_IDLE:
    case LOG_PROBE_FOUND: UNREACHABLE();
    }
    if (err != ERR_AGAIN) {
        log_probe_finish(p, err, 0);
    }
}

/* --- Questions: ERR_AGAIN, a read is under way --- */

static enum err log_probe_header(struct log_probe *p)
{
    const struct log *log = p->log;
    const struct crc32c *kernels = log->ls->store->kernels;
    const uint8_t *data = NULL;
    enum err err = log_probe_bytes(p, 0, &data);
    if (err == ERR_OK) {
        err = log_sidecar_header_decode(data, LOG_SIDECAR_BYTES, kernels, &p->header);
    }
    if (err == ERR_AGAIN || err == ERR_UNSUPPORTED) {
        return err;
    }
    p->has_header =
        err == ERR_OK && p->header.group == log->group &&
        log_uuid_is_equal(&p->header.topic, &log->topic) && p->header.partition == log->partition &&
        p->header.generation == p->seg.generation && p->header.start.index == p->seg.start.index;
    if (p->has_header) {
        return ERR_OK;
    }
    p->header = (struct log_sidecar_header){0};
    err = log_probe_record(p, 0, &p->first);
    p->has_first = err == ERR_OK && p->first.index == p->seg.start.index;
    return err == ERR_AGAIN ? err : ERR_OK;
}

static enum err log_probe_end(struct log_probe *p)
{
    uint64_t guess = p->end_index - p->seg.start.index;
    if (!p->is_searching) {
        log_search_begin(p, 0, guess + 1);
        p->search.at = guess;
        p->search.middle = guess;
    }
    if (!log_search_look(p, log_probe_is_in, false)) {
        return ERR_AGAIN;
    }
    p->has_end = p->search.has_before;
    p->end = p->search.before;
    p->end_slot = p->search.before_slot;
    return ERR_OK;
}

/* One run after the other: the first record of a higher term, until the end's term is reached. */
static enum err log_probe_runs(struct log_probe *p)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && p->term < (int64_t)p->end.term) {
        struct log_probe_search *s = &p->search;
        if (!p->is_searching) {
            log_search_begin(p, p->term_slot, p->end_slot);
        }
        if (!log_search_look(p, log_probe_is_of_term, true)) {
            return ERR_AGAIN;
        }
        p->is_searching = false;
        const struct log_sidecar *rec = s->has_behind ? &s->behind : &p->end;
        uint64_t before = s->has_before ? s->before.last_index : p->term_index;
        if (before + 1 < rec->index) {
            err = log_probe_hole_add(p, before + 1, rec->index - 1, rec->base_offset);
        }
        if (err == ERR_OK) {
            err = log_probe_run_add(p, rec->index, rec->base_offset, rec->term);
        }
        p->term_slot = s->behind_slot + 1;
        p->term_index = rec->last_index;
    }
    return err;
}

/* Records that cannot be read where the term changes: of one term or the other. */
static enum err log_probe_hole_add(struct log_probe *p, uint64_t first_index, uint64_t last_index,
                                   uint64_t next_offset)
{
    void *made = NULL;
    enum err err = pool_acquire(&p->log->ls->small, &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_range *hole = made;
    hole->first_index = first_index;
    hole->last_index = last_index;
    hole->next_offset = next_offset;
    list_push_back(&p->holes, &hole->in_log);
    return ERR_OK;
}

static enum err log_probe_run_add(struct log_probe *p, uint64_t index, uint64_t offset,
                                  uint32_t term)
{
    struct list_node *last = list_last(&p->terms);
    struct log_term *run = last != NULL ? CONTAINER_OF(last, struct log_term, in_log) : NULL;
    if (run == NULL || run->first_index < index) {
        void *made = NULL;
        enum err err = pool_acquire(&p->log->ls->small, &made);
        if (err != ERR_OK) {
            return err;
        }
        run = made;
        list_push_back(&p->terms, &run->in_log);
    }
    run->first_index = index; /* of the header's term there was no entry in this segment */
    run->first_offset = offset;
    run->term = term;
    p->term = (int64_t)term;
    return ERR_OK;
}

/* Whether the record lies in what is asked for; a void one, behind where a cut was, does not. */
static bool log_probe_is_in(const struct log_probe *p, const struct log_sidecar *rec)
{
    return rec->last_index <= p->end_index;
}

static bool log_probe_is_of_term(const struct log_probe *p, const struct log_sidecar *rec)
{
    return (int64_t)rec->term <= p->term;
}

/* --- Searching --- */

static void log_search_begin(struct log_probe *p, uint64_t low, uint64_t high)
{
    uint64_t middle = low + (high - low) / 2;
    ASSERT(low <= high);
    p->search = (struct log_probe_search){.low = low, .high = high, .middle = middle, .at = middle};
    p->is_searching = true;
}

/* False: a read is under way. What cannot be read counts as what follows it. Behind zeros there is
 * nothing, unless they are known to be a hole. */
static bool log_search_look(struct log_probe *p, log_probe_is_before *is_before, bool is_hole)
{
    struct log_probe_search *s = &p->search;
    while (s->low < s->high) {
        struct log_sidecar rec;
        enum err err = log_probe_record(p, s->at, &rec);
        if (err == ERR_AGAIN) {
            return false;
        }
        bool is_passed = err == ERR_CORRUPT || (err == ERR_END && is_hole);
        if (is_passed && s->at + 1 < s->high) {
            s->at++;
            continue;
        }
        if (err == ERR_OK && is_before(p, &rec)) {
            s->before = rec;
            s->before_slot = s->at;
            s->has_before = true;
            s->low = s->at + 1;
        } else {
            if (err == ERR_OK) {
                s->behind = rec;
                s->behind_slot = s->at;
                s->has_behind = true;
            }
            s->high = s->middle;
        }
        s->middle = s->low + (s->high - s->low) / 2;
        s->at = s->middle;
    }
    return true;
}

/* --- Records --- */

/* Record `slot`. ERR_AGAIN: it is being read; ERR_END: nothing has been written there; ERR_CORRUPT.
 */
static enum err log_probe_record(struct log_probe *p, uint64_t slot, struct log_sidecar *out)
{
    const uint8_t *data = NULL;
    enum err err = log_probe_bytes(p, (slot + 1) * LOG_SIDECAR_BYTES, &data);
    if (err != ERR_OK) {
        return err;
    }
    err = log_sidecar_decode(data, LOG_SIDECAR_BYTES, p->log->ls->store->kernels, p->seed, out);
    if (err == ERR_OK && out->index >= p->seg.start.index + slot) {
        return ERR_OK;
    }
    static const uint8_t zeros[LOG_SIDECAR_BYTES];
    return memcmp(data, zeros, sizeof(zeros)) == 0 ? ERR_END : ERR_CORRUPT;
}

/* The LOG_SIDECAR_BYTES at `pos`. */
static enum err log_probe_bytes(struct log_probe *p, uint64_t pos, const uint8_t **out)
{
    const uint64_t room = (uint64_t)LOG_PROBE_BLOCKS * LIMIT_BLOCK_BYTES;
    bool is_there = p->is_read && pos >= p->pos && pos + LOG_SIDECAR_BYTES <= p->pos + room;
    if (!is_there) {
        p->pos = pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
        p->bad_blocks = 0;
        p->is_read = false;
        log_probe_read(p, LOG_PROBE_BLOCKS);
        return ERR_AGAIN;
    }
    uint64_t at = pos - p->pos;
    uint64_t first = at / LIMIT_BLOCK_BYTES;
    uint64_t last = (at + LOG_SIDECAR_BYTES - 1) / LIMIT_BLOCK_BYTES;
    if ((p->bad_blocks & (1u << first | 1u << last)) != 0) {
        return ERR_CORRUPT;
    }
    *out = p->blocks + at;
    return ERR_OK;
}

/* All blocks at p->pos, or one of them. */
static void log_probe_read(struct log_probe *p, uint32_t block)
{
    uint32_t first = block < LOG_PROBE_BLOCKS ? block * LIMIT_BLOCK_BYTES : 0;
    uint32_t length =
        block < LOG_PROBE_BLOCKS ? LIMIT_BLOCK_BYTES : LOG_PROBE_BLOCKS * LIMIT_BLOCK_BYTES;
    p->asked_block = block;
    memset(p->blocks + first, 0, length); /* behind the end of the file nothing is written */
    rt_file_read(&p->get.file->file, &p->op, p->blocks + first, length, p->pos + first);
}

/* A read that fails is done again block by block, to know which are bad. */
static void log_probe_read_done(struct rt_op *op)
{
    struct log_probe *p = CONTAINER_OF(op, struct log_probe, op);
    bool is_all = p->asked_block == LOG_PROBE_BLOCKS;
    if (op->err != ERR_OK && op->err != ERR_IO) {
        log_probe_finish(p, op->err, op->saved_errno);
        return;
    }
    if (!is_all && op->err == ERR_IO) {
        p->bad_blocks |= 1u << p->asked_block;
    }
    uint32_t next = !is_all ? p->asked_block + 1 : op->err == ERR_IO ? 0 : LOG_PROBE_BLOCKS;
    if (next < LOG_PROBE_BLOCKS) {
        log_probe_read(p, next);
        return;
    }
    p->is_read = true;
    log_probe_run(p);
}

static void log_probe_finish(struct log_probe *p, enum err err, int saved_errno)
{
    p->err = err;
    p->saved_errno = saved_errno;
    sm_move(&p->sm, LOG_PROBE_FOUND);
    rt_op_defer(&p->op_done);
}

static void log_probe_done(struct rt_op *op)
{
    struct log_probe *p = CONTAINER_OF(op, struct log_probe, op_done);
    p->done(p);
}
