/* A walk through one group: its segments up to the settled end, sidecar record by sidecar record,
 * then what is unsettled (inspect_tail.c).
 *
 * Each record is held against the one before it: the next index, offset and position, a term and
 * running timestamp that do not fall, the chain. Where one cannot be read the walk goes on at the
 * next record and believes that one's chain again. */
#include "storage/log/inspect_walk.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"
#include "storage/log/inspect_int.h"
#include "storage/log/snap.h"

static const struct sm_conf inspect_walk_stages[] = {
    [INSPECT_WALK_IDLE] = {"IDLE", SM_BIT(INSPECT_WALK_LIST), SM_INITIAL | SM_FINAL},
    [INSPECT_WALK_LIST] = {"LIST", SM_BIT(INSPECT_WALK_CHOOSE) | SM_BIT(INSPECT_WALK_TAIL), 0},
    [INSPECT_WALK_CHOOSE] = {"CHOOSE", SM_BIT(INSPECT_WALK_SEARCH) | SM_BIT(INSPECT_WALK_TAIL), 0},
    [INSPECT_WALK_SEARCH] = {"SEARCH", SM_BIT(INSPECT_WALK_HEAD), 0},
    [INSPECT_WALK_HEAD] = {"HEAD", SM_BIT(INSPECT_WALK_REC) | SM_BIT(INSPECT_WALK_SEG), 0},
    [INSPECT_WALK_REC] = {"REC", SM_BIT(INSPECT_WALK_BODY) | SM_BIT(INSPECT_WALK_SEG), 0},
    [INSPECT_WALK_BODY] = {"BODY", SM_BIT(INSPECT_WALK_REC), 0},
    [INSPECT_WALK_SEG] = {"SEG", SM_BIT(INSPECT_WALK_HEAD) | SM_BIT(INSPECT_WALK_TAIL), 0},
    [INSPECT_WALK_TAIL] = {"TAIL", SM_BIT(INSPECT_WALK_IDLE), 0},
};

const struct sm_decl log_inspect_walk_decl = {"log_inspect_walk", inspect_walk_stages,
                                              ARRAY_COUNT(inspect_walk_stages), NULL};

static bool inspect_walk_list(struct log_inspect_state *state);
static bool inspect_walk_choose(struct log_inspect_state *state);
static bool inspect_walk_search(struct log_inspect_state *state);
static bool inspect_walk_head(struct log_inspect_state *state);
static bool inspect_walk_rec(struct log_inspect_state *state);
static bool inspect_walk_body(struct log_inspect_state *state);
static bool inspect_walk_seg(struct log_inspect_state *state);
static void inspect_walk_found(struct log_inspect_state *state);
static void inspect_walk_header(struct log_inspect_state *state, const uint8_t *data,
                                size_t length);
static void inspect_walk_lost(struct log_inspect_state *state, uint64_t pos, const char *what);
static bool inspect_walk_is_known(struct log_inspect_state *state,
                                  const struct log_inspect_files *files, bool *is_before);
static void inspect_walk_check(struct log_inspect_state *state, uint64_t pos);
static bool inspect_walk_snap(struct log_inspect_state *state);
static void inspect_walk_settled(struct log_inspect_state *state);

void log_inspect_walk_begin(struct log_inspect_state *state, struct log_found *found)
{
    struct log_inspect_walk *walk = &state->walk;
    struct log_inspect *inspect = state->inspect;
    *walk = (struct log_inspect_walk){.found = found,
                                      .files = walk->files,
                                      .files_capacity = walk->files_capacity,
                                      .joined = walk->joined,
                                      .joined_capacity = walk->joined_capacity};
    sm_init(&walk->sm, &log_inspect_walk_decl, INSPECT_WALK_IDLE, NULL, found->row.group);
    walk->tells = state->look == 1 || inspect->group != LOG_INSPECT_NONE;
    walk->is_begun = inspect->from == LOG_INSPECT_START && state->resume_index == 0;
    if (walk->tells && !state->has_told_group) {
        inspect->groups_count++;
        if (inspect->visitor->group != NULL) {
            inspect->visitor->group(inspect->ctx, found);
        }
    }
    state->has_told_group = inspect->group != LOG_INSPECT_NONE;
    inspect_walk_found(state);
    sm_move(&walk->sm, INSPECT_WALK_LIST);
}

bool log_inspect_walk(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    bool goes_on = true;
    while (goes_on && !state->does_restart && !state->is_failed && !walk->is_enough) {
        switch (sm_stage(&walk->sm)) {
        case INSPECT_WALK_LIST: goes_on = inspect_walk_list(state); break;
        case INSPECT_WALK_CHOOSE: goes_on = inspect_walk_choose(state); break;
        case INSPECT_WALK_SEARCH: goes_on = inspect_walk_search(state); break;
        case INSPECT_WALK_HEAD: goes_on = inspect_walk_head(state); break;
        case INSPECT_WALK_REC: goes_on = inspect_walk_rec(state); break;
        case INSPECT_WALK_BODY: goes_on = inspect_walk_body(state); break;
        case INSPECT_WALK_SEG: goes_on = inspect_walk_seg(state); break;
        case INSPECT_WALK_TAIL: goes_on = log_inspect_tail(state); break;
        case INSPECT_WALK_IDLE: return true;
        default: UNREACHABLE();
        }
    }
    return goes_on;
}

void log_inspect_walk_deinit(struct log_inspect_state *state)
{
    budget_free(&state->budget, state->walk.files);
    budget_free(&state->budget, state->walk.joined);
    state->walk = (struct log_inspect_walk){.found = NULL};
}

void log_inspect_wrong(struct log_inspect_state *state, const char *file, uint64_t pos,
                       uint64_t first_index, uint64_t last_index, const char *what)
{
    struct log_inspect_walk *walk = &state->walk;
    struct log_inspect_fault fault = {.pos = pos,
                                      .group = walk->found->row.group,
                                      .index = first_index,
                                      .last_index = last_index,
                                      .what = what,
                                      .err = ERR_CORRUPT};
    snprintf(fault.file, sizeof(fault.file), "%s", file);
    bool is_before = state->inspect->group != LOG_INSPECT_NONE && !walk->is_begun;
    if (is_before && (state->resume_index == 0 || last_index < state->resume_index)) {
        walk->lost = fault;
        walk->has_lost = true;
    } else {
        log_inspect_fault_tell(state, &fault);
    }
}

bool log_inspect_is_wanted(struct log_inspect_state *state, const struct log_sidecar *rec)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_inspect *inspect = state->inspect;
    if (walk->is_begun) {
        return true;
    }
    if (state->resume_index != 0) {
        walk->is_begun = rec->last_index >= state->resume_index;
    } else if (inspect->from == LOG_INSPECT_OFFSET) {
        walk->is_begun = inspect->at < 0 || log_sidecar_next_offset(rec) > (uint64_t)inspect->at;
    } else {
        walk->is_begun = inspect->from == LOG_INSPECT_START || rec->max_timestamp >= inspect->at;
    }
    if (walk->is_begun && walk->has_lost && state->resume_index == 0) {
        log_inspect_fault_tell(state, &walk->lost);
    }
    walk->has_lost = false;
    return walk->is_begun;
}

void log_inspect_entry(struct log_inspect_state *state, const uint8_t *data, bool is_settled)
{
    struct log_inspect_walk *walk = &state->walk;
    struct log_inspect *inspect = state->inspect;
    const struct log_sidecar *rec = &walk->rec;
    if (!walk->tells || state->does_restart || state->is_failed) {
        return;
    }
    inspect->entries_count += rec->last_index - rec->index + 1;
    inspect->unsettled_count += is_settled ? 0 : rec->last_index - rec->index + 1;
    inspect->bytes += rec->length;
    struct log_inspect_entry entry = {.rec = rec,
                                      .file = walk->name,
                                      .pos = walk->name_pos,
                                      .is_settled = is_settled,
                                      .data = data};
    if (inspect->visitor->entry != NULL &&
        !inspect->visitor->entry(inspect->ctx, walk->found, &entry)) {
        walk->is_enough = true;
    }
}

bool log_inspect_is_batch(const struct log_inspect_state *state, const struct log_sidecar *rec,
                          const uint8_t *data, const char **what)
{
    struct log_batch batch;
    bool is_rewritten = (rec->flags & LOG_SIDECAR_REWRITTEN) != 0;
    if (log_batch_decode(data, rec->length, &batch) != ERR_OK ||
        batch.length_bytes != rec->length) {
        *what = "no batch of the sidecar's length stands here";
    } else if (!is_rewritten && log_batch_header_crc(state->kernels, data) != rec->header_crc) {
        *what = "header of the batch does not verify";
    } else if (batch.crc != (is_rewritten ? rec->rewritten_crc : rec->crc) ||
               !log_batch_is_sound(state->kernels, data, rec->length)) {
        *what = "body of the batch does not verify";
    } else if (batch.base_offset != rec->base_offset || batch.term != rec->term) {
        *what = "the batch has another offset or term than its sidecar record";
    } else {
        return true;
    }
    return false;
}

/* What recovery says of the group as a whole. Quarantined entries of a single group are named as
 * they come. */
static void inspect_walk_found(struct log_inspect_state *state)
{
    const struct log_found *found = state->walk.found;
    uint64_t group = found->row.group;
    if (!found->is_available) {
        log_inspect_fault(state, "groups.tab", 0, group, 0,
                          "the group is unavailable: nothing readable says what it is",
                          ERR_CORRUPT);
    }
    if ((found->row.flags & LOG_ROW_AMNESIAC) != 0) {
        log_inspect_fault(state, "groups.tab", 0, group, 0,
                          "the group may have lost entries that it answered (amnesiac)",
                          ERR_CORRUPT);
    }
    if (state->inspect->group != LOG_INSPECT_NONE) {
        return;
    }
    list_for_each (node, &found->ranges) {
        const struct log_found_range *range = CONTAINER_OF(node, struct log_found_range, in_group);
        char name[LOG_INSPECT_NAME_BYTES] = "journal";
        uint64_t pos = 0;
        list_for_each (entry_node, &found->entries) {
            const struct log_found_entry *entry =
                CONTAINER_OF(entry_node, struct log_found_entry, in_group);
            if (entry->rec.index == range->first_index) {
                log_inspect_entry_place(state, entry, name, &pos);
            }
        }
        log_inspect_wrong(state, name, pos, range->first_index, range->last_index,
                          "entries cannot be read and are quarantined");
    }
}

/* The segments that matter: from the one that holds the log start to the one that holds the settled
 * end. Of several with one first index, and of those that a cut has made void, the later generation
 * counts. */
static bool inspect_walk_list(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_row *row = &walk->found->row;
    walk->end = row->end;
    walk->unsettled = NULL;
    if (row->end.index < row->start.index || row->segment_index == 0) {
        log_inspect_tail_begin(state); /* nothing is settled */
        sm_move(&walk->sm, INSPECT_WALK_TAIL);
        return true;
    }
    char name[LOG_INSPECT_NAME_BYTES], path[LIMIT_PATH_BYTES];
    log_inspect_name_segment(row, 0, 0, "", name);
    *strrchr(name, '/') = '\0';
    log_inspect_path(state, name, path);
    if (!log_inspect_list(state, path)) {
        return false;
    }
    if (state->list_err != ERR_OK && state->list_err != ERR_NOT_FOUND) {
        log_inspect_fail(state, state->list_err, state->op.saved_errno, name);
        return true;
    }
    if (log_inspect_files_choose(state)) {
        sm_move(&walk->sm, INSPECT_WALK_CHOOSE);
    }
    return true;
}

/* Those that count are known. */
static bool inspect_walk_choose(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_row *row = &walk->found->row;
    char name[LOG_INSPECT_NAME_BYTES];
    if (!log_inspect_files_look(state)) {
        return false;
    }
    log_inspect_name_segment(row, 0, 0, "", name);
    *strrchr(name, '/') = '\0';
    uint64_t first_index = walk->files_count > 0 ? walk->files[0].first_index : row->end.index + 1;
    if (first_index > row->start.index) {
        log_inspect_wrong(state, name, 0, row->start.index, first_index - 1,
                          "no segment holds these entries");
    }
    if (walk->files_count == 0) {
        log_inspect_tail_begin(state);
        sm_move(&walk->sm, INSPECT_WALK_TAIL);
        return true;
    }
    walk->low = 0;
    walk->high = walk->files_count;
    sm_move(&walk->sm, INSPECT_WALK_SEARCH);
    return true;
}

/* The segment to begin with. */
static bool inspect_walk_search(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    while (!walk->is_begun && walk->high - walk->low > 1) {
        uint32_t mid = walk->low + (walk->high - walk->low) / 2;
        const struct log_inspect_files *files = &walk->files[mid];
        bool is_before = files->first_index > state->resume_index; /* the place is */
        if (state->resume_index == 0 && !inspect_walk_is_known(state, files, &is_before)) {
            return false;
        }
        if (is_before) {
            walk->high = mid;
        } else {
            walk->low = mid;
        }
    }
    walk->file = walk->is_begun ? 0 : walk->low;
    sm_move(&walk->sm, INSPECT_WALK_HEAD);
    return true;
}

/* Whether the place is before a segment: its sidecar's header and first record say so. Where they
 * cannot be read it is, and the walk, which begins earlier then, says what is wrong. */
static bool inspect_walk_is_known(struct log_inspect_state *state,
                                  const struct log_inspect_files *files, bool *is_before)
{
    const struct log_inspect *inspect = state->inspect;
    const struct log_row *row = &state->walk.found->row;
    struct log_inspect_view *idx = &state->idx;
    char name[LOG_INSPECT_NAME_BYTES], path[LIMIT_PATH_BYTES];
    struct log_sidecar_header header;
    struct log_sidecar rec;
    uint32_t seed = log_sidecar_seed(state->kernels, row->group, files->generation);
    log_inspect_name_segment(row, files->first_index, files->generation, "idx", name);
    log_inspect_path(state, name, path);
    if (!log_inspect_get(idx, path, 0, 2 * LOG_SIDECAR_BYTES)) {
        return false;
    }
    *is_before = true;
    if (idx->err == ERR_OK && log_inspect_have(idx, 0) >= 2 * LOG_SIDECAR_BYTES &&
        log_sidecar_header_decode(log_inspect_at(idx, 0), LOG_SIDECAR_BYTES, state->kernels,
                                  &header) == ERR_OK &&
        log_sidecar_decode(log_inspect_at(idx, LOG_SIDECAR_BYTES), LOG_SIDECAR_BYTES,
                           state->kernels, seed, &rec) == ERR_OK) {
        *is_before = inspect->from == LOG_INSPECT_OFFSET
                         ? inspect->at < (int64_t)header.start.offset
                         : rec.max_timestamp >= inspect->at;
    }
    return true;
}

/* Begin with the segment in hand. */
static bool inspect_walk_head(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_row *row = &walk->found->row;
    const struct log_inspect_files *files = &walk->files[walk->file];
    char path[LIMIT_PATH_BYTES];
    log_inspect_name_segment(row, files->first_index, files->generation, "idx", walk->name);
    log_inspect_path(state, walk->name, path);
    if (!log_inspect_get(&state->idx, path, 0, LOG_SIDECAR_BYTES)) {
        return false;
    }
    bool is_last = walk->file + 1 == walk->files_count;
    walk->is_chain_lost = false;
    walk->seg = (struct log_inspect_segment){.start = {.index = files->first_index},
                                             .generation = files->generation,
                                             .last_index = files->first_index - 1,
                                             .is_active = files->first_index == row->segment_index};
    log_inspect_name_segment(row, files->first_index, files->generation, "log", walk->seg.file);
    walk->end_index = is_last ? row->end.index : walk->files[walk->file + 1].first_index - 1;
    walk->slot = 0;
    walk->seed = log_sidecar_seed(state->kernels, row->group, files->generation);
    walk->max_timestamp = walk->has_end ? walk->max_timestamp : INT64_MIN;
    if (state->idx.err != ERR_OK) {
        log_inspect_wrong(state, walk->name, 0, files->first_index, walk->end_index,
                          "the sidecar cannot be read");
        walk->end.index = walk->end_index;
        walk->has_end = false;
        walk->max_timestamp = INT64_MIN;
        sm_move(&walk->sm, INSPECT_WALK_SEG);
        return true;
    }
    walk->seg.idx_bytes = state->idx.file.size_bytes;
    inspect_walk_header(state, log_inspect_at(&state->idx, 0), log_inspect_have(&state->idx, 0));
    sm_move(&walk->sm, INSPECT_WALK_REC);
    return true;
}

/* The sidecar's header, against name, row and the segment before. */
static void inspect_walk_header(struct log_inspect_state *state, const uint8_t *data, size_t length)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_row *row = &walk->found->row;
    uint64_t first_index = walk->seg.start.index;
    struct log_sidecar_header header;
    const char *what = NULL;
    struct log_point before = {.index = walk->end.index + 1,
                               .offset = walk->end.offset,
                               .term = walk->end.term,
                               .chain = walk->end.chain};
    enum err err = log_sidecar_header_decode(data, length, state->kernels, &header);
    if (err != ERR_OK) {
        what = "header of the sidecar does not verify";
    } else if (header.group != row->group || header.partition != row->partition ||
               !log_uuid_is_equal(&header.topic, &row->topic) ||
               header.generation != walk->seg.generation || header.start.index != first_index) {
        what = "the sidecar is another segment's";
        err = ERR_CORRUPT;
    } else if (walk->has_end && !log_inspect_is_point(&header.start, &before)) {
        what = "the segment does not follow the one before it";
    } else if (first_index == row->start.index &&
               !log_inspect_is_point(&header.start, &row->start)) {
        what = "the segment does not begin where the log does";
    }
    if (what != NULL) {
        log_inspect_wrong(state, walk->name, 0, first_index, first_index, what);
    }
    if (err == ERR_OK) {
        walk->seg.start = header.start;
        walk->end = header.start;
        walk->has_end = true;
    } else {
        walk->has_end = walk->has_end && walk->end.index + 1 == first_index;
    }
    walk->end.index = first_index - 1;
}

/* The next record. */
static bool inspect_walk_rec(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_row *row = &walk->found->row;
    if (walk->end.index >= walk->end_index) {
        sm_move(&walk->sm, INSPECT_WALK_SEG);
        return true;
    }
    char path[LIMIT_PATH_BYTES];
    uint64_t pos = ((uint64_t)walk->slot + 1) * LOG_SIDECAR_BYTES;
    log_inspect_name_segment(row, walk->files[walk->file].first_index, walk->seg.generation, "idx",
                             walk->name);
    log_inspect_path(state, walk->name, path);
    if (!log_inspect_get(&state->idx, path, pos, LOG_SIDECAR_BYTES)) {
        return false;
    }
    static const uint8_t zeros[LOG_SIDECAR_BYTES];
    bool is_there =
        state->idx.err == ERR_OK && log_inspect_have(&state->idx, pos) >= LOG_SIDECAR_BYTES;
    const uint8_t *data = is_there ? log_inspect_at(&state->idx, pos) : zeros;
    if (memcmp(data, zeros, LOG_SIDECAR_BYTES) == 0) {
        log_inspect_wrong(state, walk->name, pos, walk->end.index + 1, walk->end_index,
                          "the sidecar ends before these entries");
        walk->end.index = walk->end_index;
        walk->has_end = false;
        sm_move(&walk->sm, INSPECT_WALK_SEG);
        return true;
    }
    walk->slot++;
    if (log_sidecar_decode(data, LOG_SIDECAR_BYTES, state->kernels, walk->seed, &walk->rec) !=
            ERR_OK ||
        walk->rec.index <= walk->end.index || walk->rec.last_index > walk->end_index) {
        inspect_walk_lost(state, pos, "the sidecar's record does not verify");
        return true;
    }
    inspect_walk_check(state, pos);
    walk->name_pos = walk->rec.pos;
    snprintf(walk->name, sizeof(walk->name), "%s", walk->seg.file);
    if (!log_inspect_is_wanted(state, &walk->rec)) {
        return true;
    }
    if ((walk->rec.flags & LOG_SIDECAR_QUARANTINED) != 0) {
        log_inspect_wrong(state, walk->name, walk->name_pos, walk->rec.index, walk->rec.last_index,
                          "entry is quarantined");
    }
    if (state->inspect->does_read_bodies && log_inspect_has_body(&walk->rec)) {
        sm_move(&walk->sm, INSPECT_WALK_BODY);
    } else {
        log_inspect_entry(state, NULL, true);
    }
    return true;
}

/* One record cannot be believed: its entry is lost, and the chain up to the next. */
static void inspect_walk_lost(struct log_inspect_state *state, uint64_t pos, const char *what)
{
    struct log_inspect_walk *walk = &state->walk;
    log_inspect_wrong(state, walk->name, pos, walk->end.index + 1, walk->end.index + 1, what);
    walk->end.index++;
    walk->has_end = false;
}

/* A record that verifies, against the one before it; walk->end moves on. */
static void inspect_walk_check(struct log_inspect_state *state, uint64_t pos)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_sidecar *rec = &walk->rec;
    const char *what = NULL;
    if (rec->index != walk->end.index + 1) {
        what = "the sidecar's record is not of the next entry";
    } else if (walk->has_end &&
               (rec->base_offset != walk->end.offset || rec->term < walk->end.term ||
                rec->max_timestamp < walk->max_timestamp)) {
        what = "offset, term or timestamp of the record do not follow the one before it";
    } else if (walk->has_end && walk->has_pos &&
               (rec->pos < walk->seg.end_pos ||
                (rec->pos > walk->seg.end_pos && !walk->is_behind_gap))) {
        what = "the batch does not stand behind the one before it";
    } else if (walk->has_end && !walk->is_chain_lost &&
               !log_inspect_is_chained(rec, walk->end.chain)) {
        what = "chain of the record does not follow the one before it";
    }
    if (what != NULL) {
        log_inspect_wrong(state, walk->name, pos, rec->index, rec->last_index, what);
    }
    log_inspect_advance(walk);
    walk->has_pos = true;
    walk->seg.end_pos = rec->pos + rec->length;
    walk->seg.last_index = rec->last_index;
    walk->seg.entries_count++;
}

void log_inspect_advance(struct log_inspect_walk *walk)
{
    const struct log_sidecar *rec = &walk->rec;
    walk->is_behind_gap = (rec->flags & LOG_SIDECAR_GAP) != 0;
    walk->is_chain_lost =
        walk->is_behind_gap && walk->has_end &&
        hash128_is_equal(rec->chain, log_chain_gap(walk->end.chain, rec->index, rec->last_index));
    walk->end = (struct log_point){.index = rec->last_index,
                                   .offset = log_sidecar_next_offset(rec),
                                   .term = rec->term,
                                   .chain = rec->chain};
    walk->max_timestamp = rec->max_timestamp;
    walk->has_end = true;
}

/* The entry's batch. */
static bool inspect_walk_body(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_sidecar *rec = &walk->rec;
    struct log_inspect_body body = {
        .pos = rec->pos, .length = rec->length, .written_bytes = UINT32_MAX};
    snprintf(body.name, sizeof(body.name), "%s", walk->seg.file);
    if (!log_inspect_body(state, &body)) {
        return false;
    }
    const char *what = "the segment ends before the batch does";
    if (body.data == NULL && body.err != ERR_END) {
        what = "the segment cannot be read";
    } else if (body.data != NULL && log_inspect_is_batch(state, rec, body.data, &what)) {
        what = NULL;
    }
    walk->seg.log_bytes = body.file_bytes;
    if (what != NULL) {
        log_inspect_wrong(state, walk->seg.file, rec->pos, rec->index, rec->last_index, what);
    }
    log_inspect_entry(state, what == NULL ? body.data : NULL, true);
    sm_move(&walk->sm, INSPECT_WALK_REC);
    return true;
}

/* The segment has been walked; on to the next, or to what is unsettled. */
static bool inspect_walk_seg(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    struct log_inspect *inspect = state->inspect;
    const struct log_inspect_files *files = &walk->files[walk->file];
    char path[LIMIT_PATH_BYTES];
    if (files->has_log && walk->seg.log_bytes == 0) {
        log_inspect_path(state, walk->seg.file, path);
        if (!log_inspect_get(&state->log, path, 0, 1)) {
            return false;
        }
        walk->seg.log_bytes = state->log.err == ERR_OK ? state->log.file.size_bytes : 0;
    }
    if (files->has_snap && inspect->group == LOG_INSPECT_NONE && !inspect_walk_snap(state)) {
        return false;
    }
    if (!files->has_snap && files->has_idx && inspect->group == LOG_INSPECT_NONE) {
        char name[LOG_INSPECT_NAME_BYTES];
        log_inspect_name_segment(&walk->found->row, files->first_index, files->generation, "snap",
                                 name);
        log_inspect_fault(state, name, 0, walk->found->row.group, files->first_index,
                          "the .snap is missing", ERR_NOT_FOUND);
    }
    if (walk->tells) {
        inspect->segments_count++;
        if (inspect->visitor->segment != NULL) {
            inspect->visitor->segment(inspect->ctx, walk->found, &walk->seg);
        }
    }
    walk->has_pos = false;
    walk->file++;
    if (walk->file < walk->files_count) {
        sm_move(&walk->sm, INSPECT_WALK_HEAD);
        return true;
    }
    inspect_walk_settled(state);
    log_inspect_tail_begin(state);
    sm_move(&walk->sm, INSPECT_WALK_TAIL);
    return true;
}

/* Whether the .snap was looked at. */
static bool inspect_walk_snap(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_row *row = &walk->found->row;
    const struct log_inspect_files *files = &walk->files[walk->file];
    char path[LIMIT_PATH_BYTES], name[LOG_INSPECT_NAME_BYTES];
    log_inspect_name_segment(row, files->first_index, files->generation, "snap", name);
    log_inspect_path(state, name, path);
    struct log_inspect_view *view = &state->view;
    if (!log_inspect_get(view, path, 0, 1)) {
        return false;
    }
    uint64_t bytes = view->err == ERR_OK ? view->file.size_bytes : 0;
    if (bytes > 0 && bytes <= LOG_SNAP_BYTES_MAX &&
        !log_inspect_get(view, path, 0, (size_t)bytes)) {
        return false;
    }
    struct log_snap snap;
    bool is_good =
        view->err == ERR_OK && bytes > 0 && bytes <= LOG_SNAP_BYTES_MAX &&
        log_inspect_have(view, 0) >= bytes &&
        log_snap_decode(log_inspect_at(view, 0), (size_t)bytes, state->kernels, &snap) == ERR_OK &&
        snap.group == row->group && snap.first_index == files->first_index &&
        snap.generation == files->generation;
    if (!is_good) {
        log_inspect_fault(state, name, 0, row->group, files->first_index,
                          "the .snap does not verify", ERR_CORRUPT);
    }
    walk->seg.snap_bytes = bytes;
    return true;
}

/* G8: the settled end stands in the last segment. */
static void inspect_walk_settled(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_row *row = &walk->found->row;
    if (state->inspect->group != LOG_INSPECT_NONE) {
        return; /* its entries have been told, each as it verifies */
    }
    if (!log_inspect_is_end_known(row)) {
        return;
    }
    if (walk->has_end && (!log_inspect_is_point(&walk->end, &row->end) ||
                          (walk->seg.is_active && walk->seg.end_pos != row->end_pos))) {
        log_inspect_fault(state, walk->seg.file, walk->seg.end_pos, row->group, row->end.index,
                          "the settled end of the table is not what the segment holds",
                          ERR_CORRUPT);
    }
    if (walk->seg.is_active && walk->seg.end_pos > row->written_bytes) {
        log_inspect_fault(state, walk->seg.file, row->written_bytes, row->group, row->end.index,
                          "settled entries lie behind what the table says is written", ERR_CORRUPT);
    }
}
