/* The table of aggregates, and what their updates share. See aggregate.h, aggregate_int.h. */
#include "views/vec/aggregate.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/aggregate_int.h"

static const struct vec_aggregate_table *const vec_aggregate_tables[] = {
    &vec_aggregate_counts,   &vec_aggregate_sums,     &vec_aggregate_variances,
    &vec_aggregate_extremes, &vec_aggregate_bookends,
};

static void vec_aggregate_gather4(const struct vec_vector *arg, struct vec_selection selection,
                                  uint32_t *out, uint32_t *count);
static void vec_aggregate_gather8(const struct vec_vector *arg, struct vec_selection selection,
                                  uint64_t *out, uint32_t *count);

static bool vec_aggregate_is_named(const struct vec_aggregate *row, const char *name, size_t length)
{
    return strlen(row->name) == length && memcmp(row->name, name, length) == 0;
}

size_t vec_aggregates(const char *name, size_t length, const struct vec_aggregate **out)
{
    for (size_t i = 0; i < ARRAY_COUNT(vec_aggregate_tables); i++) {
        const struct vec_aggregate_table *table = vec_aggregate_tables[i];
        for (size_t first = 0; first < table->count; first++) {
            size_t end = first;
            while (end < table->count && vec_aggregate_is_named(&table->rows[end], name, length)) {
                end++;
            }
            if (end > first) {
                *out = &table->rows[first];
                return end - first;
            }
        }
    }
    return 0;
}

const struct vec_aggregate *vec_aggregate_find(const char *name, size_t length, const uint8_t *args,
                                               size_t args_count)
{
    const struct vec_aggregate *rows;
    size_t count = vec_aggregates(name, length, &rows);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].args_count == args_count &&
            (args_count == 0 || memcmp(rows[i].args, args, args_count) == 0)) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct vec_aggregate *vec_aggregate_at(size_t i)
{
    for (size_t t = 0; t < ARRAY_COUNT(vec_aggregate_tables); t++) {
        if (i < vec_aggregate_tables[t]->count) {
            return &vec_aggregate_tables[t]->rows[i];
        }
        i -= vec_aggregate_tables[t]->count;
    }
    return NULL;
}

bool vec_aggregate_is_one(uint8_t *const *states, uint32_t count)
{
    enum { ROWS = 32 };
    ASSERT(count > 0);
    uint32_t i = 0;
    for (; i + ROWS <= count; i += ROWS) {
        uintptr_t difference = 0;
        for (uint32_t j = 0; j < ROWS; j++) {
            difference |= (uintptr_t)states[i + j] ^ (uintptr_t)states[0];
        }
        if (difference != 0) {
            return false;
        }
    }
    for (; i < count; i++) {
        if (states[i] != states[0]) {
            return false;
        }
    }
    return true;
}

bool vec_aggregate_dense(struct vec_aggregation *agg, const struct vec_expr *call,
                         const struct vec_vector *arg, struct vec_selection selection,
                         struct vec_dense *out)
{
    size_t value_bytes = vec_kind_bytes((enum vec_kind)arg->type.kind);
    ASSERT(value_bytes == 4 || value_bytes == 8);
    if (arg->form == VEC_FLAT && arg->valid == NULL && selection.rows == NULL) {
        *out = (struct vec_dense){.values = arg->data, .count = selection.count};
        return true;
    }
    void *values = arena_alloc(agg->ev->scratch, selection.count * value_bytes, 64);
    if (values == NULL) {
        return vec_fail(agg->ev, call, VEC_FAULT_MEMORY, NULL, NULL, 0);
    }
    if (value_bytes == 4) {
        vec_aggregate_gather4(arg, selection, values, &out->count);
    } else {
        vec_aggregate_gather8(arg, selection, values, &out->count);
    }
    out->values = values;
    return true;
}

/* Without a branch that depends on the data: a value is written, and kept if it is one. What stands
 * where a row is null may be read; a code there may not be followed. */
#define VEC_AGGREGATE_GATHER(name, type)                                                           \
    static void name(const struct vec_vector *arg, struct vec_selection selection, type *out,      \
                     uint32_t *count)                                                              \
    {                                                                                              \
        struct vec_view view = vec_view(arg);                                                      \
        uint32_t kept = 0;                                                                         \
        while (selection.count > 0 &&                                                              \
               !vec_view_is_valid(&view, vec_row(selection, selection.count - 1))) {               \
            selection.count--; /* behind the last value there may be no memory */                  \
        }                                                                                          \
        for (uint32_t i = 0; i < selection.count; i++) {                                           \
            uint32_t row = vec_row(selection, i);                                                  \
            bool is_valid = vec_view_is_valid(&view, row);                                         \
            if (view.codes != NULL && !is_valid) {                                                 \
                continue;                                                                          \
            }                                                                                      \
            out[kept] = VEC_AT(&view, type, row);                                                  \
            kept += is_valid;                                                                      \
        }                                                                                          \
        *count = kept;                                                                             \
    }

VEC_AGGREGATE_GATHER(vec_aggregate_gather4, uint32_t)
VEC_AGGREGATE_GATHER(vec_aggregate_gather8, uint64_t)

bool vec_aggregate_keep(struct vec_aggregation *agg, const struct vec_expr *call,
                        struct vec_kept *kept, struct vec_bytes bytes)
{
    enum { ROOM_MIN = 16 };
    ASSERT(agg->arena != agg->ev->scratch); /* which is rewound */
    if (bytes.length > kept->capacity) {
        uint64_t capacity = (uint64_t)kept->capacity * 2;
        capacity = capacity < bytes.length ? bytes.length : capacity;
        capacity = capacity < ROOM_MIN ? ROOM_MIN : capacity;
        capacity = capacity > UINT32_MAX ? UINT32_MAX : capacity;
        char *data = arena_alloc(agg->arena, capacity, 1);
        if (data == NULL) {
            return vec_fail(agg->ev, call, VEC_FAULT_MEMORY, NULL, NULL, 0);
        }
        kept->data = data;
        kept->capacity = (uint32_t)capacity;
    }
    if (bytes.length > 0) {
        memcpy(kept->data, bytes.data, bytes.length);
    }
    kept->length = bytes.length;
    return true;
}

bool vec_stretches_append(struct vec_aggregation *agg, const struct vec_expr *call,
                          struct vec_stretches *list, const double *sums, uint32_t count,
                          uint32_t width)
{
    enum { ROOM_MIN = 4 };
    ASSERT(agg->arena != agg->ev->scratch); /* which is rewound */
    if (count > list->capacity - list->count) {
        uint32_t needed = list->count + count;
        uint32_t capacity = list->capacity * 2 > needed ? list->capacity * 2 : needed;
        capacity = capacity > ROOM_MIN ? capacity : ROOM_MIN;
        double *grown =
            arena_alloc(agg->arena, (size_t)capacity * width * sizeof(double), sizeof(double));
        if (grown == NULL) {
            return vec_fail(agg->ev, call, VEC_FAULT_MEMORY, NULL, NULL, 0);
        }
        if (list->count > 0) {
            memcpy(grown, list->sums, (size_t)list->count * width * sizeof(double));
        }
        list->sums = grown;
        list->capacity = capacity;
    }
    if (count > 0) {
        memcpy(list->sums + (size_t)list->count * width, sums,
               (size_t)count * width * sizeof(double));
    }
    list->count += count;
    return true;
}
