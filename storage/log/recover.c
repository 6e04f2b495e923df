/* The recovery core: its memory, and what is asked of it at the ends. See recover.h. */
#include "storage/log/recover.h"

#include <string.h>

#include "base/assert.h"
#include "storage/log/recover_int.h"

#define REC_CHUNK_BYTES (16u << 10)

static const struct {
    const char *name;
    const char *text;
} rec_rows[] = {
#define REC_ROW(name, text) {#name, text},
    LOG_RECOVER_ROWS(REC_ROW)
#undef REC_ROW
};

enum err log_recover_init(struct log_recover *r, struct budget *budget,
                          const struct crc32c *kernels, const struct log_uuid *disk)
{
    memset(r, 0, sizeof(*r));
    r->budget = budget;
    r->kernels = kernels;
    r->disk = *disk;
    list_init(&r->groups);
    void *made = NULL;
    enum err err = budget_alloc(budget, sizeof(struct rec_state), 64, &made);
    if (err == ERR_OK) {
        r->state = made;
        arena_init(&rec_state(r)->arena, budget, REC_CHUNK_BYTES, SIZE_MAX);
    }
    return err;
}

void log_recover_deinit(struct log_recover *r)
{
    if (r->state != NULL) {
        arena_deinit(&rec_state(r)->arena);
        budget_free(r->budget, r->state);
        r->state = NULL;
    }
}

struct rec_state *rec_state(const struct log_recover *r)
{
    return r->state;
}

enum err log_recover_row(struct log_recover *r, const struct log_row *row)
{
    struct rec_state *s = rec_state(r);
    struct log_row *copy = arena_alloc(&s->arena, sizeof(*copy), 8);
    if (copy == NULL) {
        return ERR_BUDGET;
    }
    *copy = *row;
    return rec_vector_push(&s->arena, &s->rows, copy);
}

enum err log_recover_row_lost(struct log_recover *r, uint64_t group)
{
    struct rec_state *s = rec_state(r);
    r->counts[LOG_RECOVER_G6]++;
    if (group == 0) {
        s->is_row_lost = true;
        return ERR_OK;
    }
    struct log_row row = {.group = group, .state = LOG_ROW_LIVE};
    struct log_row *copy = arena_alloc(&s->arena, sizeof(*copy), 8);
    if (copy == NULL) {
        return ERR_BUDGET;
    }
    *copy = row;
    return rec_vector_push(&s->arena, &s->lost, copy);
}

uint32_t log_recover_ends(const struct log_recover *r, struct log_lane_end *out, uint32_t max)
{
    const struct rec_state *s = rec_state(r);
    for (uint32_t i = 0; i < s->lanes_count && i < max; i++) {
        out[i] = (struct log_lane_end){
            .boot_epoch = s->lanes[i].boot_epoch,
            .lane = s->lanes[i].lane,
            .last_frame = s->lanes[i].last_counted,
        };
    }
    return s->lanes_count;
}

void log_recover_visit(const struct log_recover *r,
                       void (*visit)(void *ctx, enum log_recover_row row, uint64_t boot_epoch,
                                     uint32_t lane, uint64_t number, const struct log_frame *frame,
                                     uint32_t slot, uint64_t pos),
                       void *ctx)
{
    const struct rec_state *s = rec_state(r);
    for (uint32_t i = 0; i < s->lanes_count; i++) {
        const struct rec_lane *lane = &s->lanes[i];
        for (uint32_t n = 0; n < lane->frames_count; n++) {
            const struct rec_frame *frame = lane->frames[n];
            bool is_missing = frame->slot == UINT32_MAX;
            visit(ctx, frame->row, lane->boot_epoch, lane->lane, frame->head.number,
                  is_missing ? NULL : &frame->head, frame->slot, frame->pos);
        }
    }
}

const char *log_recover_row_name(enum log_recover_row row)
{
    ASSERT(row < LOG_RECOVER_ROWS_COUNT);
    return rec_rows[row].name;
}

const char *log_recover_row_text(enum log_recover_row row)
{
    ASSERT(row < LOG_RECOVER_ROWS_COUNT);
    return rec_rows[row].text;
}

/* --- Vectors --- */

enum err rec_vector_push(struct arena *arena, struct rec_vector *vector, void *item)
{
    if (vector->count == vector->capacity) {
        uint32_t capacity = vector->capacity == 0 ? 32 : vector->capacity * 2;
        void **items = arena_alloc(arena, capacity * sizeof(*items), 8);
        if (items == NULL) {
            return ERR_BUDGET;
        }
        if (vector->count > 0) {
            memcpy(items, vector->items, vector->count * sizeof(*items));
        }
        vector->items = items;
        vector->capacity = capacity;
    }
    vector->items[vector->count++] = item;
    return ERR_OK;
}

/* Merge sort from the bottom up; what is in order already costs one pass. */
enum err rec_vector_sort(struct arena *arena, struct rec_vector *vector, rec_compare *compare)
{
    bool is_sorted = true;
    for (uint32_t i = 1; i < vector->count && is_sorted; i++) {
        is_sorted = compare(vector->items[i - 1], vector->items[i]) <= 0;
    }
    if (is_sorted) {
        return ERR_OK;
    }
    void **from = vector->items;
    void **to = arena_alloc(arena, vector->count * sizeof(*to), 8);
    if (to == NULL) {
        return ERR_BUDGET;
    }
    for (uint64_t width = 1; width < vector->count; width *= 2) {
        for (uint64_t start = 0; start < vector->count; start += 2 * width) {
            uint64_t a = start;
            uint64_t middle = start + width < vector->count ? start + width : vector->count;
            uint64_t b = middle;
            uint64_t end = middle + width < vector->count ? middle + width : vector->count;
            for (uint64_t i = start; i < end; i++) {
                bool is_a = a < middle && (b == end || compare(from[a], from[b]) <= 0);
                to[i] = is_a ? from[a++] : from[b++];
            }
        }
        void **swap = from;
        from = to;
        to = swap;
    }
    vector->items = from;
    return ERR_OK;
}
