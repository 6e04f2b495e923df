/* first(value, time) and last(value, time), whatever the order of folding. See accumulator_int.h.
 *
 * A row's place is (time, timestamp of its record, partition, offset): the least is first, the
 * greatest last. No two rows have the same. A row whose time is null is left out; one whose value
 * is null is not: null is what was first. */
#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/accumulator_int.h"

/* A row's place. */
struct vec_place {
    int64_t time;
    int64_t timestamp; /* of the record */
    int64_t offset;
    int32_t partition;
    bool has_row;  /* there is one */
    bool has_null; /* its value is null */
};

/* A state, of values of up to `width` bytes; `value` is a struct vec_string for TEXT and JSONB. */
#define VEC_BOOKMARK(width)                                                                        \
    struct vec_bookmark_##width {                                                                  \
        struct vec_place place;                                                                    \
        uint64_t value[(width + 7) / 8];                                                           \
    };

VEC_BOOKMARK(1)
VEC_BOOKMARK(4)
VEC_BOOKMARK(8)
VEC_BOOKMARK(16)
VEC_BOOKMARK(40)

struct vec_bookmark_string {
    struct vec_place place;
    struct vec_string value;
};

static_assert(sizeof(struct vec_numeric) == 40, "the widest value");
static_assert(sizeof(struct vec_interval) == 16, "the second widest");
static_assert(offsetof(struct vec_bookmark_1, value) == offsetof(struct vec_bookmark_40, value),
              "values stand at one place");

/* <0, 0, >0: which comes first. */
static ALWAYS_INLINE int vec_place_compare(const struct vec_place *a, const struct vec_place *b)
{
    if (LIKELY(a->time != b->time)) {
        return a->time < b->time ? -1 : 1;
    }
    if (a->timestamp != b->timestamp) {
        return a->timestamp < b->timestamp ? -1 : 1;
    }
    if (a->partition != b->partition) {
        return a->partition < b->partition ? -1 : 1;
    }
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Whether `place` takes the place of what a state has. */
static ALWAYS_INLINE bool vec_place_wins(const struct vec_place *place,
                                         const struct vec_place *before, bool is_last)
{
    int order = vec_place_compare(place, before);
    return !before->has_row || (is_last ? order > 0 : order < 0);
}

/* Where rows are. */
struct vec_places {
    struct vec_view time;
    struct vec_view timestamp;
    struct vec_view partition;
    struct vec_view offset;
};

static struct vec_places vec_places(const struct vec_vector *time, const struct vec_origin *origin)
{
    ASSERT(origin != NULL);
    return (struct vec_places){
        .time = vec_view(time),
        .timestamp = vec_view(origin->timestamp),
        .partition = vec_view(origin->partition),
        .offset = vec_view(origin->offset),
    };
}

static ALWAYS_INLINE struct vec_place vec_places_at(const struct vec_places *places, uint32_t row,
                                                    bool is_wide)
{
    return (struct vec_place){
        .time = is_wide ? VEC_AT(&places->time, int64_t, row) : VEC_AT(&places->time, int32_t, row),
        .timestamp = VEC_AT(&places->timestamp, int64_t, row),
        .partition = VEC_AT(&places->partition, int32_t, row),
        .offset = VEC_AT(&places->offset, int64_t, row),
        .has_row = true,
    };
}

static ALWAYS_INLINE bool vec_bookmark_update(const struct vec_vector *args,
                                              const struct vec_origin *origin,
                                              struct vec_selection selection,
                                              uint8_t *const *states, bool is_last, bool is_wide,
                                              size_t width)
{
    struct vec_places places = vec_places(&args[1], origin);
    struct vec_view values = vec_view(&args[0]);
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        struct vec_bookmark_40 *mark = (struct vec_bookmark_40 *)(void *)states[i];
        if (!vec_view_is_valid(&places.time, row)) {
            continue;
        }
        struct vec_place place = vec_places_at(&places, row, is_wide);
        if (vec_place_wins(&place, &mark->place, is_last)) {
            place.has_null = !vec_view_is_valid(&values, row);
            mark->place = place;
            if (!place.has_null) {
                memcpy(mark->value, (const char *)values.data + vec_view_at(&values, row) * width,
                       width);
            }
        }
    }
    return true;
}

static ALWAYS_INLINE bool vec_bookmark_merge(void *into, const void *from, bool is_last,
                                             size_t width)
{
    struct vec_bookmark_40 *mark = into;
    const struct vec_bookmark_40 *other = from;
    if (other->place.has_row && vec_place_wins(&other->place, &mark->place, is_last)) {
        mark->place = other->place;
        memcpy(mark->value, other->value, (width + 7) / 8 * 8);
    }
    return true;
}

static ALWAYS_INLINE bool vec_bookmark_finish(const void *state, struct vec_value *out,
                                              size_t width)
{
    const struct vec_bookmark_40 *mark = state;
    *out = (struct vec_value){.is_null = mark->place.has_null || !mark->place.has_row};
    if (!out->is_null) {
        memcpy(&out->u, mark->value, width);
    }
    return true;
}

/* TEXT and JSONB: the row that a batch ends with is copied. */
static bool vec_bookmark_update_string(struct vec_accumulation *acc, const struct vec_expr *call,
                                       const struct vec_vector *args,
                                       const struct vec_origin *origin,
                                       struct vec_selection selection, uint8_t *const *states,
                                       bool is_last, bool is_wide)
{
    struct vec_places places = vec_places(&args[1], origin);
    struct vec_view values = vec_view(&args[0]);
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        struct vec_bookmark_string *mark = (struct vec_bookmark_string *)(void *)states[i];
        if (!vec_view_is_valid(&places.time, row)) {
            continue;
        }
        struct vec_place place = vec_places_at(&places, row, is_wide);
        if (vec_place_wins(&place, &mark->place, is_last)) {
            place.has_null = !vec_view_is_valid(&values, row);
            mark->place = place;
            if (!place.has_null) {
                vec_string_borrow(acc, &mark->value, VEC_AT(&values, struct vec_bytes, row));
            }
        }
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        struct vec_bookmark_string *mark = (struct vec_bookmark_string *)(void *)states[i];
        if (!vec_string_settle(acc, call, &mark->value)) {
            return false;
        }
    }
    return true;
}

static bool vec_bookmark_merge_string(struct vec_accumulation *acc, const struct vec_expr *call,
                                      void *into, const void *from, bool is_last)
{
    struct vec_bookmark_string *mark = into;
    const struct vec_bookmark_string *other = from;
    if (!other->place.has_row || !vec_place_wins(&other->place, &mark->place, is_last)) {
        return true;
    }
    if (!other->place.has_null &&
        !vec_string_keep(acc, call, &mark->value, vec_string_bytes(&other->value))) {
        return false;
    }
    mark->place = other->place;
    return true;
}

static bool vec_bookmark_finish_string(struct vec_accumulation *acc, const struct vec_expr *call,
                                       const void *state, struct vec_value *out)
{
    (void)acc, (void)call;
    const struct vec_bookmark_string *mark = state;
    *out = (struct vec_value){.is_null = mark->place.has_null || !mark->place.has_row};
    if (!out->is_null) {
        out->u.bytes = vec_string_bytes(&mark->value);
    }
    return true;
}

static uint32_t vec_bookmark_outside_string(const void *state)
{
    return vec_string_outside(&((const struct vec_bookmark_string *)state)->value);
}

#define VEC_BOOKMARK_UPDATE_ARGS                                                                   \
    struct vec_accumulation *acc, const struct vec_expr *call, const struct vec_vector *args,      \
        const struct vec_origin *origin, struct vec_selection selection, uint8_t *const *states
#define VEC_BOOKMARK_MERGE_ARGS                                                                    \
    struct vec_accumulation *acc, const struct vec_expr *call, void *into, const void *from

#define VEC_BOOKMARK_END(end, is_last, width)                                                      \
    static bool vec_##end##_update_##width##_int4(VEC_BOOKMARK_UPDATE_ARGS)                        \
    {                                                                                              \
        (void)acc, (void)call;                                                                     \
        return vec_bookmark_update(args, origin, selection, states, is_last, false, width);        \
    }                                                                                              \
    static bool vec_##end##_update_##width##_int8(VEC_BOOKMARK_UPDATE_ARGS)                        \
    {                                                                                              \
        (void)acc, (void)call;                                                                     \
        return vec_bookmark_update(args, origin, selection, states, is_last, true, width);         \
    }                                                                                              \
    static bool vec_##end##_merge_##width(VEC_BOOKMARK_MERGE_ARGS)                                 \
    {                                                                                              \
        (void)acc, (void)call;                                                                     \
        return vec_bookmark_merge(into, from, is_last, width);                                     \
    }

#define VEC_BOOKMARK_BOTH(width)                                                                   \
    VEC_BOOKMARK_END(first, false, width)                                                          \
    VEC_BOOKMARK_END(last, true, width)                                                            \
    static bool vec_bookmark_finish_##width(struct vec_accumulation *acc,                          \
                                            const struct vec_expr *call, const void *state,        \
                                            struct vec_value *out)                                 \
    {                                                                                              \
        (void)acc, (void)call;                                                                     \
        return vec_bookmark_finish(state, out, width);                                             \
    }

VEC_BOOKMARK_BOTH(1)
VEC_BOOKMARK_BOTH(4)
VEC_BOOKMARK_BOTH(8)
VEC_BOOKMARK_BOTH(16)
VEC_BOOKMARK_BOTH(40)

#define VEC_BOOKMARK_END_STRING(end, is_last)                                                      \
    static bool vec_##end##_update_string_int4(VEC_BOOKMARK_UPDATE_ARGS)                           \
    {                                                                                              \
        return vec_bookmark_update_string(acc, call, args, origin, selection, states, is_last,     \
                                          false);                                                  \
    }                                                                                              \
    static bool vec_##end##_update_string_int8(VEC_BOOKMARK_UPDATE_ARGS)                           \
    {                                                                                              \
        return vec_bookmark_update_string(acc, call, args, origin, selection, states, is_last,     \
                                          true);                                                   \
    }                                                                                              \
    static bool vec_##end##_merge_string(VEC_BOOKMARK_MERGE_ARGS)                                  \
    {                                                                                              \
        return vec_bookmark_merge_string(acc, call, into, from, is_last);                          \
    }

VEC_BOOKMARK_END_STRING(first, false)
VEC_BOOKMARK_END_STRING(last, true)

#define VEC_BOOKMARK_ROW(end, kind, time, width, wide, outside_fn)                                 \
    {                                                                                              \
        .name = #end, .args = {VEC_##kind, VEC_##time}, .args_count = 2, .result = VEC_##kind,     \
        .version = 1, .state_bytes = sizeof(struct vec_bookmark_##width),                          \
        .update = vec_##end##_update_##width##_##wide, .merge = vec_##end##_merge_##width,         \
        .finish = vec_bookmark_finish_##width, .outside = outside_fn,                              \
    }

#define VEC_BOOKMARK_ROWS(end, kind, width, outside_fn)                                            \
    VEC_BOOKMARK_ROW(end, kind, TIMESTAMPTZ, width, int8, outside_fn),                             \
        VEC_BOOKMARK_ROW(end, kind, TIMESTAMP, width, int8, outside_fn),                           \
        VEC_BOOKMARK_ROW(end, kind, DATE, width, int4, outside_fn),                                \
        VEC_BOOKMARK_ROW(end, kind, BIGINT, width, int8, outside_fn),                              \
        VEC_BOOKMARK_ROW(end, kind, INTEGER, width, int4, outside_fn)

#define VEC_BOOKMARK_KIND(kind, width, outside_fn)                                                 \
    VEC_BOOKMARK_ROWS(first, kind, width, outside_fn),                                             \
        VEC_BOOKMARK_ROWS(last, kind, width, outside_fn)

static const struct vec_accumulator vec_bookmark_rows[] = {
    VEC_BOOKMARK_KIND(BOOLEAN, 1, NULL),
    VEC_BOOKMARK_KIND(INTEGER, 4, NULL),
    VEC_BOOKMARK_KIND(BIGINT, 8, NULL),
    VEC_BOOKMARK_KIND(DOUBLE, 8, NULL),
    VEC_BOOKMARK_KIND(NUMERIC, 40, NULL),
    VEC_BOOKMARK_KIND(TEXT, string, vec_bookmark_outside_string),
    VEC_BOOKMARK_KIND(DATE, 4, NULL),
    VEC_BOOKMARK_KIND(TIMESTAMP, 8, NULL),
    VEC_BOOKMARK_KIND(TIMESTAMPTZ, 8, NULL),
    VEC_BOOKMARK_KIND(INTERVAL, 16, NULL),
    VEC_BOOKMARK_KIND(JSONB, string, vec_bookmark_outside_string),
};

const struct vec_accumulator_table vec_accumulator_bookends = {vec_bookmark_rows,
                                                               ARRAY_COUNT(vec_bookmark_rows)};
