/* Which of the files in a partition's directory are the log's segments; and what both ends of a
 * walk compare. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"
#include "storage/log/inspect_walk.h"
#include "storage/log/segment.h"

/* <first index>-<generation>. and a kind */
#define INSPECT_INDEX_DIGITS      16u
#define INSPECT_GENERATION_DIGITS 8u

static bool inspect_files_parse(const char *name, struct log_inspect_files *out);
static bool inspect_files_hex(const char *text, size_t digits, uint64_t *out);
static int inspect_files_compare(const void *a, const void *b);
static bool inspect_files_have(const struct log_inspect_walk *walk, uint64_t first_index,
                               uint32_t generation);
static void inspect_files_replace(struct log_inspect_walk *walk);
static uint32_t inspect_files_first(const struct log_inspect_walk *walk, uint32_t number);
static void inspect_files_guess(struct log_inspect_walk *walk, uint32_t number);
static bool inspect_files_are_odd(const struct log_inspect_walk *walk);
static bool inspect_files_count(const struct log_inspect_walk *walk, uint32_t number);
static void inspect_files_drop(struct log_inspect_walk *walk);
static uint32_t inspect_files_generation(const struct log_found *found, uint64_t first_index);

bool log_inspect_files_choose(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    uint32_t count = state->list_err == ERR_OK ? state->list.count : 0;
    walk->files_count = 0;
    if (count > walk->files_capacity) {
        void *files = NULL;
        budget_free(&state->budget, walk->files);
        walk->files = NULL;
        walk->files_capacity = 0;
        enum err err = budget_alloc(&state->budget, count * sizeof(*walk->files), 64, &files);
        if (err != ERR_OK) {
            log_inspect_fail(state, err, 0, "p");
            return false;
        }
        walk->files = files;
        walk->files_capacity = count;
    }
    const char *name = state->list.names;
    for (uint32_t i = 0; i < count; i++, name += strlen(name) + 1) {
        struct log_inspect_files files;
        struct log_inspect_files *last =
            walk->files_count > 0 ? &walk->files[walk->files_count - 1] : NULL;
        if (!inspect_files_parse(name, &files) || files.first_index > walk->found->row.end.index) {
            continue;
        }
        if (last != NULL && last->first_index == files.first_index &&
            last->generation == files.generation) { /* names are sorted: kinds of one together */
            last->has_idx |= files.has_idx;
            last->has_log |= files.has_log;
            last->has_snap |= files.has_snap;
        } else {
            walk->files[walk->files_count++] = files;
        }
    }
    if (walk->files_count > 1) {
        qsort(walk->files, walk->files_count, sizeof(*walk->files), inspect_files_compare);
    }
    inspect_files_replace(walk);
    walk->file = 0;
    return true;
}

static bool inspect_files_have(const struct log_inspect_walk *walk, uint64_t first_index,
                               uint32_t generation)
{
    for (uint32_t i = 0; i < walk->files_count; i++) {
        const struct log_inspect_files *files = &walk->files[i];
        if (files->first_index == first_index && files->generation == generation &&
            files->has_idx) {
            return true;
        }
    }
    return false;
}

/* Files that others replace go: a `switch` says so, they have not been removed yet, and the others
 * are there. */
static void inspect_files_replace(struct log_inspect_walk *walk)
{
    list_for_each (node, &walk->found->switches) {
        const struct log_found_switch *change =
            CONTAINER_OF(node, struct log_found_switch, in_group);
        bool is_there = inspect_files_have(walk, change->segment_index, change->generation);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < walk->files_count; i++) {
            const struct log_inspect_files files = walk->files[i];
            if (!is_there || files.first_index != change->segment_index ||
                files.generation >= change->generation) {
                walk->files[kept++] = files;
            }
        }
        walk->files_count = kept;
    }
}

bool log_inspect_files_look(struct log_inspect_state *state)
{
    struct log_inspect_walk *walk = &state->walk;
    const struct log_row *row = &walk->found->row;
    bool is_odd = inspect_files_are_odd(walk);
    for (; is_odd && walk->file < walk->files_count; walk->file++) {
        struct log_inspect_files *files = &walk->files[walk->file];
        char name[LOG_INSPECT_NAME_BYTES], path[LIMIT_PATH_BYTES];
        struct log_sidecar_header header;
        if (!files->has_idx) { /* a copy that was begun has a .log only */
            files->is_headless = true;
            continue;
        }
        log_inspect_name_segment(row, files->first_index, files->generation, "idx", name);
        log_inspect_path(state, name, path);
        if (!log_inspect_get(&state->idx, path, 0, LOG_SIDECAR_BYTES)) {
            return false;
        }
        files->is_headless =
            state->idx.err != ERR_OK || log_inspect_have(&state->idx, 0) < LOG_SIDECAR_BYTES ||
            log_sidecar_header_decode(log_inspect_at(&state->idx, 0), LOG_SIDECAR_BYTES,
                                      state->kernels, &header) != ERR_OK;
        files->has_idx = state->idx.err != ERR_NOT_FOUND; /* since it was listed */
        if (!files->is_headless) {
            files->origin = log_segment_began(header.origin, files->generation);
        }
    }
    for (uint32_t i = 0; is_odd && i < walk->files_count; i++) {
        if (walk->files[i].is_headless) {
            inspect_files_guess(walk, i);
        }
    }
    inspect_files_drop(walk);
    return true;
}

/* The first of the files with that one's first index. */
static uint32_t inspect_files_first(const struct log_inspect_walk *walk, uint32_t number)
{
    uint64_t first_index = walk->files[number].first_index;
    while (number > 0 && walk->files[number - 1].first_index == first_index) {
        number--;
    }
    return number;
}

/* Where a header cannot be read the files are taken for the newest beginning's that is not newer
 * than they are: for a copy that has only begun, or for what copies were made of. Where none can be
 * read all are taken for one beginning's. */
static void inspect_files_guess(struct log_inspect_walk *walk, uint32_t number)
{
    struct log_inspect_files *files = &walk->files[number];
    uint32_t i = inspect_files_first(walk, number);
    uint32_t origin = UINT32_MAX;
    bool is_any_known = false;
    for (; i < walk->files_count && walk->files[i].first_index == files->first_index; i++) {
        const struct log_inspect_files *other = &walk->files[i];
        bool is_known = !other->is_headless;
        is_any_known |= is_known;
        if (is_known && other->origin <= files->generation &&
            (origin == UINT32_MAX || other->origin > origin)) {
            origin = other->origin;
        }
    }
    if (!is_any_known) {
        files->origin = 0;
    } else if (origin != UINT32_MAX) {
        files->origin = origin;
    }
}

/* Whether the generations do not tell how the files stand to each other: two have one first index,
 * or one has a lower generation than one in front of it, or the row's segment has. */
static bool inspect_files_are_odd(const struct log_inspect_walk *walk)
{
    const struct log_row *row = &walk->found->row;
    for (uint32_t i = 0; i < walk->files_count; i++) {
        const struct log_inspect_files *files = &walk->files[i];
        bool is_late =
            files->first_index < row->segment_index && files->generation > row->segment_generation;
        if (is_late || (i > 0 && (files->first_index == files[-1].first_index ||
                                  files->generation < files[-1].generation))) {
            return true;
        }
    }
    return false;
}

bool log_inspect_has_body(const struct log_sidecar *rec)
{
    return rec->length > 0 && (rec->flags & (LOG_SIDECAR_QUARANTINED | LOG_SIDECAR_GAP)) == 0;
}

bool log_inspect_is_chained(const struct log_sidecar *rec, struct hash128 previous)
{
    if ((rec->flags & (LOG_SIDECAR_GAP | LOG_SIDECAR_QUARANTINED)) != 0) {
        return true;
    }
    struct log_batch batch = {.base_offset = rec->base_offset,
                              .length_bytes = rec->length,
                              .crc = rec->crc,
                              .kind = rec->kind,
                              .last_offset_delta = rec->last_offset_delta,
                              .records_count = rec->records_count};
    bool is_rewritten = (rec->flags & LOG_SIDECAR_REWRITTEN) != 0; /* its length is another now */
    struct hash128 chain = log_chain(previous, rec->index, rec->term, &batch, rec->header_crc);
    return is_rewritten || hash128_is_equal(chain, rec->chain);
}

bool log_inspect_is_point(const struct log_point *a, const struct log_point *b)
{
    return a->index == b->index && a->offset == b->offset && a->term == b->term &&
           hash128_is_equal(a->chain, b->chain);
}

bool log_inspect_is_end_known(const struct log_row *row)
{
    return row->end.index == 0 || row->end.term > 0 || row->end.chain.low != 0 ||
           row->end.chain.high != 0;
}

static bool inspect_files_parse(const char *name, struct log_inspect_files *out)
{
    const size_t stem = INSPECT_INDEX_DIGITS + 1 + INSPECT_GENERATION_DIGITS;
    uint64_t generation = 0;
    *out = (struct log_inspect_files){.first_index = 0};
    if (strlen(name) <= stem || name[INSPECT_INDEX_DIGITS] != '-' ||
        !inspect_files_hex(name, INSPECT_INDEX_DIGITS, &out->first_index) ||
        !inspect_files_hex(name + INSPECT_INDEX_DIGITS + 1, INSPECT_GENERATION_DIGITS,
                           &generation)) {
        return false;
    }
    out->generation = (uint32_t)generation;
    out->origin = out->generation;
    out->has_idx = strcmp(name + stem, ".idx") == 0;
    out->has_log = strcmp(name + stem, ".log") == 0;
    out->has_snap = strcmp(name + stem, ".snap") == 0;
    return out->has_idx || out->has_log || out->has_snap;
}

static bool inspect_files_hex(const char *text, size_t digits, uint64_t *out)
{
    static const char hex[] = "0123456789abcdef";
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        const char *digit = memchr(hex, text[i], 16);
        if (digit == NULL) {
            return false;
        }
        *out = *out << 4 | (uint64_t)(digit - hex);
    }
    return true;
}

static int inspect_files_compare(const void *a, const void *b)
{
    const struct log_inspect_files *x = a;
    const struct log_inspect_files *y = b;
    if (x->first_index != y->first_index) {
        return x->first_index < y->first_index ? -1 : 1;
    }
    return (x->generation > y->generation) - (x->generation < y->generation);
}

/* Whether the files began before the row's segment, but later than it did: its cut or reset is lost
 * then, and with it what they are of. */
static bool inspect_files_are_late(const struct log_inspect_walk *walk,
                                   const struct log_inspect_files *files)
{
    const struct log_row *row = &walk->found->row;
    return !files->is_headless && files->first_index < row->segment_index &&
           files->origin > row->segment_generation;
}

/* Whether of the files with its first index these count: those that row or journal name; else the
 * newest beginning, and of that the oldest, as what replaced them would have been named. So it is
 * whatever can be read of them: copies come and go, and what is wrong with the segment is not to
 * look better while there is one. */
static bool inspect_files_count(const struct log_inspect_walk *walk, uint32_t number)
{
    const struct log_inspect_files *files = &walk->files[number];
    uint32_t named = inspect_files_generation(walk->found, files->first_index);
    if (named != UINT32_MAX) {
        return files->generation == named;
    }
    uint32_t i = inspect_files_first(walk, number);
    for (; i < walk->files_count && walk->files[i].first_index == files->first_index; i++) {
        const struct log_inspect_files *other = &walk->files[i];
        if (!inspect_files_are_late(walk, other) &&
            (other->origin > files->origin ||
             (other->origin == files->origin && other->generation < files->generation))) {
            return false;
        }
    }
    return true;
}

/* Of one first index one generation stays. What a cut or a reset has made void begins at or behind
 * a segment that began with a later generation, or before the log start. */
static void inspect_files_drop(struct log_inspect_walk *walk)
{
    const struct log_row *row = &walk->found->row;
    uint32_t kept = 0;
    uint32_t origin = 0; /* of the last that stayed */
    for (uint32_t i = 0; i < walk->files_count; i++) {
        walk->files[i].is_void =
            inspect_files_are_late(walk, &walk->files[i]) || !inspect_files_count(walk, i);
    }
    for (uint32_t i = 0; i < walk->files_count; i++) {
        const struct log_inspect_files files = walk->files[i];
        uint32_t newest = files.is_headless ? files.generation : files.origin;
        if (files.is_void || newest < origin) {
            continue;
        }
        if (files.first_index <= row->start.index) {
            kept = 0; /* those before it end before the log start */
        }
        walk->files[kept++] = files;
        if (!files.is_headless) { /* else it began with that generation or before */
            origin = files.origin;
        }
    }
    walk->files_count = kept;
}

/* The generation that row or journal name for a first index; UINT32_MAX: none. */
static uint32_t inspect_files_generation(const struct log_found *found, uint64_t first_index)
{
    list_for_each (node, &found->segments) {
        const struct log_found_segment *segment =
            CONTAINER_OF(node, struct log_found_segment, in_group);
        if (segment->start.index == first_index) {
            return segment->generation;
        }
    }
    return first_index == found->row.segment_index ? found->row.segment_generation : UINT32_MAX;
}
