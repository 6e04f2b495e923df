/* Groups in memory: new ones, those that a start finds, and their end. See shard.h, found.h.
 *
 * A found group is built the way appends and rolls built it, without the journal: segments are
 * pushed and slots filled in the order of their index. What of a segment stands behind its written
 * blocks and in no entry's record, its rest, is then read from the journal, several at a time. */
#include "storage/log/found.h"

#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "storage/log/shard.h"

/* Rests that are read at a time. */
#define LOG_FOUND_READS 8u

/* Reading one rest. */
struct log_found_read {
    struct log_found_load *load;       /* whose */
    struct log_file_get get;           /* the journal file */
    struct rt_op op;                   /* the read */
    const struct log_found_rest *rest; /* what; NULL: idle */
    struct log_segment *seg;           /* where it goes */
    uint8_t *blocks;                   /* that hold it */
    size_t blocks_bytes;               /* their length */
    size_t at;                         /* in them: of what is kept */
    uint32_t bytes;                    /* of that */
    bool is_again;                     /* the first read failed */
};

/* A shard making its groups. */
struct log_found_load {
    struct log_shard *ls;                         /* whose */
    const struct log_recover *found;              /* all groups */
    void (*made)(struct log_shard *ls);           /* the caller's */
    struct list_node *group;                      /* log_recover.groups: its rests are next */
    struct list_node *rest;                       /* log_found.rests: the next; NULL: the first */
    uint32_t reads_count;                         /* under way */
    enum err err;                                 /* of any */
    int saved_errno;                              /* behind it */
    struct rt_op op_end;                          /* to the end from the ready queue */
    struct log_found_read reads[LOG_FOUND_READS]; /* them */
};

static enum err log_make(struct log_shard *ls, uint64_t group, const struct log_uuid *topic,
                         uint32_t partition, struct log **out);
static void log_found_state(struct log *log, const struct log_found *found);
static enum err log_found_fill(struct log *log, const struct log_found *found);
static enum err log_found_first_segment(struct log *log, const struct log_row *row);
static uint32_t log_found_recs_count(uint32_t settled);
static enum err log_found_segment(struct log *log, const struct log_found_segment *segment);
static enum err log_found_entry(struct log *log, const struct log_found_entry *entry);
static enum err log_found_ranges(struct log *log, const struct log_found *found);
static enum err log_found_switches(struct log *log, const struct log_found *found);
static void log_found_say(struct log *log);
static enum err log_found_logs(struct log_found_load *load);
static void log_found_read_more(struct log_found_load *load);
static const struct log_found_rest *log_found_next_rest(struct log_found_load *load,
                                                        struct log_segment **seg);
static bool log_found_rest_counts(struct log_segment *seg, const struct log_found_rest *rest);
static void log_found_read_start(struct log_found_read *read);
static void log_found_opened(struct log_file_get *get);
static void log_found_read_done(struct rt_op *op);
static void log_found_read_end(struct log_found_read *read, enum err err, int saved_errno);
static void log_found_end(struct rt_op *op);

/* --- New, free --- */

enum err log_new(struct log_shard *ls, uint64_t group, const struct log_uuid *topic,
                 uint32_t partition, struct log **out)
{
    struct log_store *store = ls->store;
    *out = NULL;
    if (map_find(&ls->groups, group) != NULL) {
        return ERR_EXISTS;
    }
    enum err err = ERR_FULL;
    uint32_t groups_count = atomic_fetch_add(&store->groups_count, 1);
    uint32_t rows_count = atomic_fetch_add(&store->rows_count, 1);
    if (groups_count < store->config.groups_max && rows_count < store->rows_max) {
        err = log_make(ls, group, topic, partition, out);
    }
    if (err != ERR_OK) {
        atomic_fetch_sub(&store->groups_count, 1);
        atomic_fetch_sub(&store->rows_count, 1);
    }
    return err;
}

/* An object, empty, in the map. */
static enum err log_make(struct log_shard *ls, uint64_t group, const struct log_uuid *topic,
                         uint32_t partition, struct log **out)
{
    void *made = NULL;
    enum err err = pool_acquire(&ls->logs, &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log *log = made;
    err = map_insert(&ls->groups, &log->in_map, group);
    if (err != ERR_OK) {
        pool_release(&ls->logs, log);
        return err;
    }
    log->ls = ls;
    log->group = group;
    log->topic = *topic;
    log->partition = partition;
    log->start.index = 1;
    log->segment_bytes_max = ls->store->config.segment_bytes;
    log->max_timestamp = -1;
    log->next_seq = 1;
    log->durable_start = log->start;
    log->file_lowest = UINT64_MAX;
    log->is_available = true;
    log->is_loaded = true;
    log->row = (struct log_row){
        .group = group,
        .topic = *topic,
        .partition = partition,
        .state = LOG_ROW_LIVE,
        .start = log->start,
        .max_timestamp = -1,
    };
    list_init(&log->segments.list);
    list_init(&log->terms);
    list_init(&log->pins);
    list_init(&log->reads);
    list_init(&log->ranges);
    list_init(&log->garbage);
    log_tail_init(log);
    *out = log;
    return ERR_OK;
}

void log_free(struct log *log)
{
    struct log_shard *ls = log->ls;
    ASSERT(list_is_empty(&log->reads));
    ASSERT(log->pending_count == 0);
    ASSERT(log->loading == NULL);
    ASSERT(log->snap_reads_count == 0);
    if (list_is_linked(&log->in_dirty)) {
        list_remove(&log->in_dirty);
    }
    if (list_is_linked(&log->in_clean)) {
        list_remove(&log->in_clean);
    }
    for (struct log_slot *slot = log_tail_first(log); slot != NULL;
         slot = log_tail_next(log, slot)) {
        ls->lane.unsettled_bytes -= slot->unsettled_bytes;
    }
    log_tail_deinit(log);
    while (!list_is_empty(&log->segments.list)) {
        log_segment_free(CONTAINER_OF(list_first(&log->segments.list), struct log_segment, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&log->terms)) != NULL;) {
        pool_release(&ls->small, CONTAINER_OF(node, struct log_term, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&log->ranges)) != NULL;) {
        pool_release(&ls->small, CONTAINER_OF(node, struct log_range, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&log->garbage)) != NULL;) {
        pool_release(&ls->small, CONTAINER_OF(node, struct log_garbage, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&log->pins)) != NULL;) {
        struct log_pin *pin = CONTAINER_OF(node, struct log_pin, in_log);
        if (pin->is_carried) { /* the others are their owners', who may let go of them later */
            pool_release(&ls->small, pin);
        }
    }
    map_remove(&ls->groups, &log->in_map);
    pool_release(&ls->logs, log);
    atomic_fetch_sub(&ls->store->groups_count, 1);
}

/* --- Found --- */

enum err log_new_found(struct log_shard *ls, const struct log_found *found, struct log **out)
{
    struct log *log = NULL;
    enum err err = log_make(ls, found->row.group, &found->row.topic, found->row.partition, &log);
    *out = NULL;
    if (err != ERR_OK) {
        return err;
    }
    atomic_fetch_add(&ls->store->groups_count, 1);
    log->file_lowest = found->file_lowest;
    log->is_available = found->is_available;
    if (log->is_available) {
        log_found_state(log, found);
        err = log_found_fill(log, found);
    }
    if (err == ERR_CORRUPT) { /* kept as it is on the disk, for people to look at */
        log->is_available = false;
        err = ERR_OK;
    }
    if (err != ERR_OK) {
        log_free(log);
        return err;
    }
    *out = log;
    return ERR_OK;
}

/* All but entries and segments. */
static void log_found_state(struct log *log, const struct log_found *found)
{
    const struct log_row *row = &found->row;
    log->start = row->start;
    log->end = row->end;
    log->max_timestamp = row->max_timestamp;
    log->hard = row->hard;
    log->membership_index = row->membership_index;
    log->next_seq = found->last_seq + 1;
    log->generation = row->segment_generation;
    log->durable_seq = found->last_seq;
    log->mixed_seq = found->mixed_seq;
    log->durable_hard = row->hard;
    log->durable_start = row->start;
    log->row = *row;
    log->is_deleted = row->state == LOG_ROW_DELETED;
    log->is_delete_durable = log->is_deleted;
    log->wants_clean = found->is_cut || log->is_deleted;
    log->is_reset = found->is_reset;
    log->is_amnesiac = (row->flags & LOG_ROW_AMNESIAC) != 0;
    log->wants_mark = log->is_amnesiac && (found->table_row.flags & LOG_ROW_AMNESIAC) == 0;
    log->is_tail_torn = found->is_tail_torn;
    log->is_loaded = row->end.index == 0 && row->segment_generation == 0 &&
                     !found->is_cut; /* nothing of it has ever been settled */
}

/* Segments and entries, each in its place. */
static enum err log_found_fill(struct log *log, const struct log_found *found)
{
    enum err err = log_found_first_segment(log, &found->row);
    struct list_node *segment = list_first(&found->segments);
    list_for_each (node, &found->entries) {
        const struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        while (err == ERR_OK && segment != NULL &&
               CONTAINER_OF(segment, struct log_found_segment, in_group)->start.index <=
                   entry->rec.index) {
            err = log_found_segment(log, CONTAINER_OF(segment, struct log_found_segment, in_group));
            segment = list_next(&found->segments, segment);
        }
        if (err == ERR_OK) {
            err = log_found_entry(log, entry);
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    while (err == ERR_OK && segment != NULL) {
        err = log_found_segment(log, CONTAINER_OF(segment, struct log_found_segment, in_group));
        segment = list_next(&found->segments, segment);
    }
    log->end = found->end;
    log->max_timestamp = found->max_timestamp;
    log->durable_index = found->end.index;
    if (log->end.index < log->start.index) { /* the entry that was to be cut short is lost */
        log->start.skip_count = 0;
        log->durable_start.skip_count = 0;
    }
    err = err == ERR_OK ? log_found_ranges(log, found) : err;
    return err == ERR_OK ? log_found_switches(log, found) : err;
}

/* The segment in which the settled end lies. */
static enum err log_found_first_segment(struct log *log, const struct log_row *row)
{
    if (row->segment_index == 0) {
        return ERR_OK;
    }
    bool is_empty = row->end.index < row->segment_index;
    struct log_point start = {.index = row->segment_index};
    bool is_known = true;
    if (row->end.index + 1 == row->segment_index) {
        start = row->end;
    } else if (row->start.index == row->segment_index) {
        start = row->start;
    } else {
        is_known = false; /* its sidecar's header says it */
    }
    start.index = row->segment_index;
    start.skip_count = 0;
    struct log_segment *seg = NULL;
    enum err err = log_segment_push(log, &start, row->segment_generation, &seg);
    if (err != ERR_OK) {
        return err;
    }
    seg->is_known = is_known;
    seg->is_made = !is_empty || row->written_bytes > 0;
    seg->has_files = seg->is_made;
    seg->has_snap = seg->is_made;
    seg->written_bytes = row->written_bytes;
    seg->recs_count = log_found_recs_count(row->recs_count);
    seg->recs_total = row->recs_count;
    if (!is_empty) {
        seg->last_index = row->end.index;
        seg->next_offset = row->end.offset;
        seg->end_pos = row->end_pos;
    }
    return ERR_OK;
}

/* Records in synced blocks of a sidecar, `settled` of which are settled. What is settled stands in
 * whole blocks, and the last of these may hold more records, which need not be written again; nor
 * could they, since that would take records whose slots are gone. */
static uint32_t log_found_recs_count(uint32_t settled)
{
    if (settled == 0) {
        return 0;
    }
    uint64_t end = ((uint64_t)settled + 1) * LOG_SIDECAR_BYTES;
    uint64_t blocks = (end + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES;
    return (uint32_t)(blocks * LIMIT_BLOCK_BYTES / LOG_SIDECAR_BYTES) - 1;
}

/* A segment that a roll, a cut or a reset began. */
static enum err log_found_segment(struct log *log, const struct log_found_segment *segment)
{
    struct log_segment *active = log_segment_active(log);
    if (active != NULL && active->start.index == segment->start.index &&
        active->last_index < active->start.index) {
        log_segment_free(active); /* another generation of it has begun there */
        active = log_segment_active(log);
    }
    if (active != NULL && active->last_index >= segment->start.index) {
        return ERR_CORRUPT;
    }
    struct log_segment *seg = NULL;
    enum err err = log_segment_push(log, &segment->start, segment->generation, &seg);
    if (err != ERR_OK) {
        return err;
    }
    if (active != NULL) {
        active->is_finished =
            active->start.index <= active->last_index && active->last_index <= log->row.end.index;
        if (active->recs_count > active->recs_total) {
            active->recs_count = active->recs_total; /* a cut has taken the others */
        }
    }
    if (segment->generation > log->generation) {
        log->generation = segment->generation;
    }
    return ERR_OK;
}

/* An entry that is not settled. */
static enum err log_found_entry(struct log *log, const struct log_found_entry *entry)
{
    struct log_segment *seg = log_segment_active(log);
    const struct log_sidecar *rec = &entry->rec;
    if (seg == NULL || seg->start.index != entry->segment_index ||
        rec->index != log->end.index + 1) {
        return ERR_CORRUPT;
    }
    struct log_slot *slot = NULL;
    enum err err = log_tail_push(log, &slot);
    if (err == ERR_OK) {
        err = log_terms_add(log, rec->index, rec->base_offset, rec->term);
        if (err != ERR_OK) {
            log_tail_pop_last(log);
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    slot->rec = *rec;
    slot->seg = seg;
    slot->rec_number = seg->recs_total++;
    slot->seq = entry->seq;
    slot->file_number = entry->file_number;
    slot->journal_slot = entry->slot;
    slot->journal_pos = entry->slot_pos;
    slot->where = entry->where == LOG_FOUND_SEGMENT ? LOG_SLOT_SEGMENT : LOG_SLOT_JOURNAL;
    slot->is_durable = true;
    slot->unsettled_bytes =
        slot->where == LOG_SLOT_SEGMENT ? LOG_SIDECAR_BYTES : (uint32_t)log_slot_cost(slot);
    log->ls->lane.unsettled_bytes += slot->unsettled_bytes;
    seg->last_index = rec->last_index;
    seg->next_offset = log_sidecar_next_offset(rec);
    seg->max_timestamp = rec->max_timestamp;
    seg->end_pos = rec->pos + rec->length;
    log->end = (struct log_point){
        .index = rec->last_index,
        .offset = seg->next_offset,
        .term = rec->term,
        .chain = rec->chain,
    };
    log->max_timestamp = rec->max_timestamp;
    return ERR_OK;
}

static enum err log_found_ranges(struct log *log, const struct log_found *found)
{
    list_for_each (node, &found->ranges) {
        const struct log_found_range *range = CONTAINER_OF(node, struct log_found_range, in_group);
        void *made = NULL;
        enum err err = pool_acquire(&log->ls->small, &made);
        if (err != ERR_OK) {
            return err;
        }
        struct log_range *out = made;
        out->first_index = range->first_index;
        out->last_index = range->last_index;
        out->next_offset = range->next_offset;
        list_push_back(&log->ranges, &out->in_log);
    }
    return ERR_OK;
}

/* Files that were replaced may be there still: they are no segment's, and go before the table says
 * anything of the group. */
static enum err log_found_switches(struct log *log, const struct log_found *found)
{
    list_for_each (node, &found->switches) {
        const struct log_found_switch *change =
            CONTAINER_OF(node, struct log_found_switch, in_group);
        void *made = NULL;
        enum err err = pool_acquire(&log->ls->small, &made);
        if (err != ERR_OK) {
            return err;
        }
        struct log_garbage *garbage = made;
        garbage->first_index = change->segment_index;
        garbage->generation = change->generation_replaced;
        garbage->generation_new = change->generation;
        garbage->is_early = true;
        list_push_front(&log->garbage, &garbage->in_log);
        log->switches_pending++;
        log->wants_clean = true;
        if (log->generation < change->generation) {
            log->generation = change->generation;
        }
    }
    return ERR_OK;
}

/* A line for each group that is not as it was. */
static void log_found_say(struct log *log)
{
    struct diag *diag = log->ls->diag;
    if (diag == NULL || log->is_deleted) {
        return;
    }
    if (!log->is_available) {
        DIAG_ERROR(diag, "log", "group unavailable: what it was is lost",
                   DIAG_U64("group", log->group));
    } else if (log->is_amnesiac) {
        DIAG_WARN(diag, "log", "group does not know what it has answered: read-only",
                  DIAG_U64("group", log->group), DIAG_U64("end_index", log->end.index));
    } else if (!list_is_empty(&log->ranges)) {
        const struct log_range *range =
            CONTAINER_OF(list_first(&log->ranges), struct log_range, in_log);
        DIAG_WARN(diag, "log", "entries cannot be read", DIAG_U64("group", log->group),
                  DIAG_U64("first_index", range->first_index),
                  DIAG_U64("last_index", range->last_index));
    }
}

/* --- A shard's groups --- */

void log_found_make(struct log_shard *ls, const struct log_recover *found,
                    void (*made)(struct log_shard *ls))
{
    void *block = NULL;
    ls->err = budget_alloc(&ls->budget, sizeof(struct log_found_load),
                           _Alignof(struct log_found_load), &block);
    ASSERT(ls->loading == NULL);
    ls->loading = block;
    if (ls->err != ERR_OK) {
        made(ls);
        return;
    }
    struct log_found_load *load = block;
    load->ls = ls;
    load->found = found;
    load->made = made;
    rt_op_init(&load->op_end, ls->shard, log_found_end);
    for (uint32_t i = 0; i < LOG_FOUND_READS; i++) {
        load->reads[i].load = load;
        rt_op_init(&load->reads[i].op, ls->shard, log_found_read_done);
    }
    load->group = list_first(&found->groups);
    load->err = log_found_logs(load);
    if (load->err == ERR_OK) {
        log_found_read_more(load);
    }
    if (load->reads_count == 0 && rt_op_is_idle(&load->op_end)) {
        rt_op_defer(&load->op_end);
    }
}

/* Whether the group is this shard's. */
static bool log_found_is_own(const struct log_shard *ls, const struct log_found *group)
{
    return group->row.group % rt_shard_count(ls->shard) == ls->shard->id;
}

static enum err log_found_logs(struct log_found_load *load)
{
    list_for_each (node, &load->found->groups) {
        const struct log_found *group = CONTAINER_OF(node, struct log_found, in_recover);
        struct log *log = NULL;
        if (!log_found_is_own(load->ls, group)) {
            continue;
        }
        enum err err = log_new_found(load->ls, group, &log);
        if (err != ERR_OK) {
            return err;
        }
        log_found_say(log);
    }
    return ERR_OK;
}

/* Begin reads as long as there is room for one. */
static void log_found_read_more(struct log_found_load *load)
{
    for (uint32_t i = 0; i < LOG_FOUND_READS && load->err == ERR_OK; i++) {
        struct log_found_read *read = &load->reads[i];
        if (read->rest != NULL) {
            continue;
        }
        read->rest = log_found_next_rest(load, &read->seg);
        if (read->rest == NULL) {
            return;
        }
        load->reads_count++;
        log_found_read_start(read);
    }
}

/* The next rest of this shard's groups whose segment is there; NULL: no more. */
static const struct log_found_rest *log_found_next_rest(struct log_found_load *load,
                                                        struct log_segment **seg)
{
    while (load->group != NULL) {
        const struct log_found *group = CONTAINER_OF(load->group, struct log_found, in_recover);
        struct map_node *node = NULL;
        if (log_found_is_own(load->ls, group)) {
            load->rest = load->rest == NULL ? list_first(&group->rests)
                                            : list_next(&group->rests, load->rest);
            node = map_find(&load->ls->groups, group->row.group);
        } else {
            load->rest = NULL;
        }
        if (load->rest == NULL) {
            load->group = list_next(&load->found->groups, load->group);
            continue;
        }
        const struct log_found_rest *rest =
            CONTAINER_OF(load->rest, struct log_found_rest, in_group);
        ASSERT(node != NULL);
        const struct log *log = CONTAINER_OF(node, struct log, in_map);
        list_for_each (in_log, &log->segments.list) {
            *seg = CONTAINER_OF(in_log, struct log_segment, in_log);
            if ((*seg)->start.index == rest->segment_index && log_found_rest_counts(*seg, rest)) {
                return rest;
            }
        }
    }
    return NULL;
}

/* What the segment has written by the tail's word; whether some of the rest lies behind it. */
static bool log_found_rest_counts(struct log_segment *seg, const struct log_found_rest *rest)
{
    if (rest->written_bytes > seg->written_bytes) {
        seg->written_bytes = rest->written_bytes;
        seg->is_made = true;
        seg->has_files = true;
        seg->has_snap = true;
    }
    uint64_t end = (uint64_t)rest->written_bytes + rest->bytes;
    return !seg->is_finished && end > seg->written_bytes;
}

static void log_found_read_start(struct log_found_read *read)
{
    struct log_shard *ls = read->load->ls;
    const struct log_found_rest *rest = read->rest;
    uint32_t skip = read->seg->written_bytes - rest->written_bytes;
    uint64_t first = rest->slot_pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    uint64_t end = rest->slot_pos + rest->bytes;
    end = (end + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    read->blocks_bytes = (size_t)(end - first);
    read->at = (size_t)(rest->slot_pos - first) + skip;
    read->bytes = rest->bytes - skip;
    void *blocks = NULL, *kept = NULL;
    size_t kept_bytes =
        ((size_t)read->bytes + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    enum err err = budget_alloc(&ls->budget, read->blocks_bytes, LIMIT_BLOCK_BYTES, &blocks);
    read->blocks = blocks;
    if (err == ERR_OK) {
        err = budget_alloc(&ls->budget, kept_bytes, LIMIT_BLOCK_BYTES, &kept);
    }
    if (err != ERR_OK) {
        log_found_read_end(read, err, 0);
        return;
    }
    ASSERT(read->seg->rest == NULL);
    read->is_again = false;
    read->seg->rest = kept;
    read->seg->rest_bytes = read->bytes;
    memset(&read->get, 0, sizeof(read->get));
    read->get.done = log_found_opened;
    log_file_get_journal(&read->get, ls, rest->slot);
}

static void log_found_opened(struct log_file_get *get)
{
    struct log_found_read *read = CONTAINER_OF(get, struct log_found_read, get);
    if (get->err != ERR_OK) {
        log_found_read_end(read, get->err, get->saved_errno);
        return;
    }
    rt_file_read(&get->file->file, &read->op, read->blocks, read->blocks_bytes,
                 read->rest->slot_pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES);
}

/* The start has read these bytes before: what cannot be read now, nor once more, is left zero, and
 * found wanting when it is read. It is not journaled anew. */
static void log_found_read_done(struct rt_op *op)
{
    struct log_found_read *read = CONTAINER_OF(op, struct log_found_read, op);
    if (op->err == ERR_OK && (uint64_t)op->result >= read->at + read->bytes) {
        memcpy(read->seg->rest, read->blocks + read->at, read->bytes);
    } else if (!read->is_again && (op->err == ERR_OK || op->err == ERR_IO)) {
        read->is_again = true;
        log_found_opened(&read->get);
        return;
    } else {
        read->seg->is_rest_lost = true;
    }
    log_file_put(read->load->ls, read->get.file);
    log_found_read_end(read, op->err == ERR_IO ? ERR_OK : op->err, op->saved_errno);
}

static void log_found_read_end(struct log_found_read *read, enum err err, int saved_errno)
{
    struct log_found_load *load = read->load;
    budget_free(&load->ls->budget, read->blocks);
    read->blocks = NULL;
    read->rest = NULL;
    load->reads_count--;
    if (err != ERR_OK && load->err == ERR_OK) {
        load->err = err;
        load->saved_errno = saved_errno;
    }
    if (load->err == ERR_OK) {
        log_found_read_more(load);
    }
    if (load->reads_count == 0 && rt_op_is_idle(&load->op_end)) {
        rt_op_defer(&load->op_end);
    }
}

static void log_found_end(struct rt_op *op)
{
    struct log_found_load *load = CONTAINER_OF(op, struct log_found_load, op_end);
    struct log_shard *ls = load->ls;
    void (*made)(struct log_shard *) = load->made;
    ls->err = load->err;
    ls->info.saved_errno = load->saved_errno;
    ls->loading = NULL;
    budget_free(&ls->budget, load);
    made(ls);
}
