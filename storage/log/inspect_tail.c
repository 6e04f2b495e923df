/* The end of a walk: entries that are in the journal, whole or in part; and how a batch is put
 * together that lies in two files. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "storage/log/inspect_int.h"
#include "storage/log/inspect_walk.h"

static void inspect_tail_next(struct log_inspect_state *state);
static bool inspect_tail_body(struct log_inspect_state *state, const uint8_t **data,
                              const char **what);
static bool inspect_tail_written(struct log_inspect_state *state,
                                 const struct log_found_entry *entry, const uint8_t *data);
static bool inspect_tail_journal(struct log_inspect_state *state, uint32_t slot, uint64_t pos,
                                 uint32_t length, const uint8_t **data);
static const struct log_found_rest *inspect_tail_rest(const struct log_found *found,
                                                      uint64_t segment_index);
static uint32_t inspect_tail_generation(const struct log_found *found, uint64_t segment_index);

void log_inspect_tail_begin(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    struct log_found *found = walk->found;
    struct list_node *first = list_first(&found->entries);
    walk->unsettled = first != NULL ? CONTAINER_OF(first, struct log_found_entry, in_group) : NULL;
    bool is_known = log_inspect_is_end_known(&found->row);
    if (is_known || !walk->has_end || walk->end.index != found->row.end.index) {
        walk->end = found->row.end;
        walk->max_timestamp = found->row.max_timestamp;
        walk->has_end = is_known;
    }
}

bool log_inspect_tail(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    while (walk->unsettled != NULL && !walk->is_enough && !state->does_restart) {
        const struct log_found_entry *entry = walk->unsettled;
        const uint8_t *data = NULL;
        const char *what = NULL;
        walk->rec = entry->rec;
        log_inspect_entry_place(state, entry, walk->name, &walk->name_pos);
        bool is_quarantined = (entry->rec.flags & LOG_SIDECAR_QUARANTINED) != 0;
        if (is_quarantined) {
            what = "entry is quarantined";
        } else if (walk->has_end && (entry->rec.index != walk->end.index + 1 ||
                                     (!walk->is_chain_lost &&
                                      !log_inspect_is_chained(&entry->rec, walk->end.chain)))) {
            what = "the entry does not follow the one before it";
        }
        bool is_wanted = log_inspect_is_wanted(state, &entry->rec);
        if (is_wanted && what == NULL && state->inspect->does_read_bodies &&
            log_inspect_has_body(&entry->rec) && !inspect_tail_body(state, &data, &what)) {
            return false;
        }
        if (what != NULL && (state->inspect->group != LOG_INSPECT_NONE || !is_quarantined)) {
            log_inspect_wrong(state, walk->name, walk->name_pos, entry->rec.index,
                              entry->rec.last_index, what);
        }
        if (is_wanted) {
            log_inspect_entry(state, what == NULL ? data : NULL, false);
        }
        inspect_tail_next(state);
    }
    if (!walk->is_begun && walk->has_lost) {
        walk->has_lost = false;
        log_inspect_fault_tell(state, &walk->lost); /* nothing readable is behind it */
    }
    sm_move(&walk->sm, INSPECT_WALK_IDLE);
    return true;
}

void log_inspect_entry_place(const struct log_inspect_state *state,
                             const struct log_found_entry *entry, char out[LOG_INSPECT_NAME_BYTES],
                             uint64_t *pos)
{
    const struct log_found *found = state->walk.found;
    if (entry->where == LOG_FOUND_SEGMENT) {
        log_inspect_name_segment(&found->row, entry->segment_index,
                                 inspect_tail_generation(found, entry->segment_index), "log", out);
        *pos = entry->rec.pos;
    } else {
        log_inspect_name_journal(entry->slot, out);
        *pos = entry->slot_pos;
    }
}

bool log_inspect_body(struct log_inspect_state *state, struct log_inspect_body *body)
{
    struct log_inspect_walk *walk = &state->walk;
    struct log_inspect_view *log = &state->log;
    uint32_t written =
        body->written_bytes > body->pos ? body->written_bytes - body->pos : 0; /* of the batch */
    uint32_t in_file = written < body->length ? written : body->length;
    body->data = NULL;
    body->err = ERR_END;
    if (body->length < LOG_BATCH_HEADER_BYTES || body->length > LIMIT_BATCH_BYTES) {
        return true;
    }
    if (in_file > 0) {
        char path[LIMIT_PATH_BYTES];
        log_inspect_path(state, body->name, path);
        if (!log_inspect_get(log, path, body->pos, in_file)) {
            return false;
        }
        if (log->err != ERR_OK) {
            body->err = log->err;
            return true;
        }
        body->file_bytes = log->file.size_bytes;
        if (log_inspect_have(log, body->pos) < in_file) {
            return true;
        }
    }
    if (in_file == body->length) {
        body->data = log_inspect_at(log, body->pos);
        return true;
    }
    uint32_t skipped = body->pos > body->written_bytes ? body->pos - body->written_bytes : 0;
    uint32_t in_rest = body->length - in_file;
    if (body->rest == NULL || skipped > body->rest_bytes || in_rest > body->rest_bytes - skipped) {
        return true;
    }
    body->err = log_inspect_grow(state, &walk->joined, &walk->joined_capacity, body->length);
    if (body->err != ERR_OK) {
        log_inspect_fail(state, body->err, 0, body->name);
        return true;
    }
    if (in_file > 0) {
        memcpy(walk->joined, log_inspect_at(log, body->pos), in_file);
    }
    memcpy(walk->joined + in_file, body->rest + skipped, in_rest);
    body->data = walk->joined;
    return true;
}

static void inspect_tail_next(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    struct list_node *next = list_next(&walk->found->entries, &walk->unsettled->in_group);
    walk->unsettled = next != NULL ? CONTAINER_OF(next, struct log_found_entry, in_group) : NULL;
    log_inspect_advance(walk);
}

/* The batch of walk->unsettled; false: on its way. *what: why there is none. */
static bool inspect_tail_body(struct log_inspect_state *state, const uint8_t **data,
                              const char **what)
{
    const struct log_inspect_walk *walk = &state->walk;
    const struct log_found_entry *entry = walk->unsettled;
    const struct log_found_rest *rest = inspect_tail_rest(walk->found, entry->segment_index);
    const uint8_t *found = NULL;
    if (entry->where == LOG_FOUND_JOURNAL) {
        if (!inspect_tail_journal(state, entry->slot, entry->slot_pos, entry->rec.length, &found)) {
            return false;
        }
        if (found != NULL && !inspect_tail_written(state, entry, found)) {
            return false;
        }
    } else {
        struct log_inspect_body body = {
            .pos = entry->rec.pos, .length = entry->rec.length, .written_bytes = UINT32_MAX};
        snprintf(body.name, sizeof(body.name), "%s", walk->name);
        if (rest != NULL && rest->bytes > 0) {
            if (!inspect_tail_journal(state, rest->slot, rest->slot_pos, rest->bytes, &body.rest)) {
                return false;
            }
            body.written_bytes = rest->written_bytes;
            body.rest_bytes = rest->bytes;
        }
        if (!log_inspect_body(state, &body)) {
            return false;
        }
        found = body.data;
    }
    if (found == NULL) {
        *what = "the batch is not where the journal says it is";
    } else if (log_inspect_is_batch(state, &entry->rec, found, what)) {
        *data = found;
    }
    return true;
}

/* What is in the segment already of a batch that counts in the journal, `data`, is the same there:
 * the journal will be let go one day. False: it is being read. */
static bool inspect_tail_written(struct log_inspect_state *state,
                                 const struct log_found_entry *entry, const uint8_t *data)
{
    const struct log_found *found = state->walk.found;
    const struct log_row *row = &found->row;
    const struct log_sidecar *rec = &entry->rec;
    if (state->inspect->group != LOG_INSPECT_NONE || entry->segment_index != row->segment_index ||
        inspect_tail_generation(found, entry->segment_index) != row->segment_generation ||
        rec->pos >= row->written_bytes) {
        return true;
    }
    uint32_t written = row->written_bytes - rec->pos;
    uint32_t bytes = written < rec->length ? written : rec->length;
    char name[LOG_INSPECT_NAME_BYTES], path[LIMIT_PATH_BYTES];
    struct log_inspect_view *log = &state->log;
    log_inspect_name_segment(row, entry->segment_index, row->segment_generation, "log", name);
    log_inspect_path(state, name, path);
    if (!log_inspect_get(log, path, rec->pos, bytes)) {
        return false;
    }
    if (log->err != ERR_OK || log_inspect_have(log, rec->pos) < bytes) {
        log_inspect_fault(state, name, rec->pos, row->group, rec->index,
                          "blocks that are written cannot be read", ERR_CORRUPT);
    } else if (memcmp(log_inspect_at(log, rec->pos), data, bytes) != 0) {
        log_inspect_fault(state, name, rec->pos, row->group, rec->index,
                          "the batch is not what the journal has of it", ERR_CORRUPT);
    }
    return true;
}

/* Bytes of a journal file: of the copy, if there is one. */
static bool inspect_tail_journal(struct log_inspect_state *state, uint32_t slot, uint64_t pos,
                                 uint32_t length, const uint8_t **data)
{
    *data = NULL;
    for (uint32_t i = 0; i < state->journals_count; i++) {
        const struct log_inspect_journal *journal = &state->journals[i];
        if (journal->slot == slot && journal->copy != NULL) {
            if (pos <= journal->length && length <= journal->length - pos) {
                *data = journal->copy + pos;
            }
            return true;
        }
    }
    char path[LIMIT_PATH_BYTES];
    struct log_inspect_view *view = &state->view;
    log_inspect_path_journal(state, slot, path);
    if (!log_inspect_get(view, path, pos, length)) {
        return false;
    }
    if (view->err == ERR_OK && log_inspect_have(view, pos) >= length) {
        *data = log_inspect_at(view, pos);
    }
    return true;
}

/* What lies behind the written bytes of a segment; NULL: nothing that is known. */
static const struct log_found_rest *inspect_tail_rest(const struct log_found *found,
                                                      uint64_t segment_index)
{
    list_for_each (node, &found->rests) {
        const struct log_found_rest *rest = CONTAINER_OF(node, struct log_found_rest, in_group);
        if (rest->segment_index == segment_index) {
            return rest;
        }
    }
    return NULL;
}

/* Of the files of the unsettled segment that begins at `segment_index`. */
static uint32_t inspect_tail_generation(const struct log_found *found, uint64_t segment_index)
{
    list_for_each (node, &found->segments) {
        const struct log_found_segment *segment =
            CONTAINER_OF(node, struct log_found_segment, in_group);
        if (segment->start.index == segment_index) {
            return segment->generation;
        }
    }
    return found->row.segment_generation;
}
