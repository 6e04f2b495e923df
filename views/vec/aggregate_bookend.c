/* first(value, time) and last(value, time): the value of the row with the least and the greatest
 * time. See aggregate_int.h.
 *
 * Not PostgreSQL's. Of rows of one time, first takes the earliest in order, last the latest. A row
 * whose time is null is left out; one whose value is null is not: null is what was first. */
#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/aggregate_int.h"

/* A state. */
struct vec_bookend {
    int64_t time;           /* of the row so far */
    uint32_t row;           /* of it, in the batch being folded, while is_borrowed */
    bool has_row;           /* there is one */
    bool is_borrowed;       /* `value` is to be taken from the batch */
    bool is_bytes;          /* the value is a TEXT or a JSONB */
    struct vec_kept kept;   /* room of its own for bytes */
    struct vec_value value; /* the answer so far */
};

static void vec_bookend_init(void *state)
{
    *(struct vec_bookend *)state = (struct vec_bookend){.has_row = false};
}

/* Whether a row of that time, which comes later, takes the place of what the state has. */
static ALWAYS_INLINE bool vec_bookend_yields(const struct vec_bookend *end, int64_t time,
                                             bool is_last)
{
    return !end->has_row || (is_last ? time >= end->time : time < end->time);
}

/* Make the bytes of the value the state's own. */
static bool vec_bookend_settle(struct vec_aggregation *agg, const struct vec_expr *call,
                               struct vec_bookend *end)
{
    end->is_borrowed = false;
    if (end->value.is_null || !end->is_bytes) {
        return true;
    }
    if (!vec_aggregate_keep(agg, call, &end->kept, end->value.u.bytes)) {
        return false;
    }
    end->value.u.bytes = (struct vec_bytes){.data = end->kept.data, .length = end->kept.length};
    return true;
}

/* Times first; then each state takes the value of the row it ended with. */
static ALWAYS_INLINE bool vec_bookend_update(struct vec_aggregation *agg,
                                             const struct vec_expr *call,
                                             const struct vec_vector *args,
                                             struct vec_selection selection, uint8_t *const *states,
                                             bool is_last, bool is_wide)
{
    struct vec_view times = vec_view(&args[1]);
    bool is_bytes = args[0].type.kind == VEC_TEXT || args[0].type.kind == VEC_JSONB;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        struct vec_bookend *end = (struct vec_bookend *)(void *)states[i];
        if (!vec_view_is_valid(&times, row)) {
            continue;
        }
        int64_t time = is_wide ? VEC_AT(&times, int64_t, row) : VEC_AT(&times, int32_t, row);
        if (vec_bookend_yields(end, time, is_last)) {
            end->time = time;
            end->row = row;
            end->has_row = true;
            end->is_borrowed = true;
        }
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        struct vec_bookend *end = (struct vec_bookend *)(void *)states[i];
        if (!end->is_borrowed) {
            continue;
        }
        end->is_bytes = is_bytes;
        vec_get(&args[0], end->row, &end->value);
        if (!vec_bookend_settle(agg, call, end)) {
            return false;
        }
    }
    return true;
}

static bool vec_bookend_merge(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                              const void *from, bool is_last)
{
    struct vec_bookend *end = into;
    const struct vec_bookend *other = from;
    if (!other->has_row || !vec_bookend_yields(end, other->time, is_last)) {
        return true;
    }
    end->time = other->time;
    end->has_row = true;
    end->is_bytes = other->is_bytes;
    end->value = other->value;
    return vec_bookend_settle(agg, call, end);
}

static bool vec_bookend_finish(struct vec_aggregation *agg, const struct vec_expr *call,
                               const void *state, struct vec_value *out)
{
    (void)agg, (void)call;
    const struct vec_bookend *end = state;
    ASSERT(!end->is_borrowed);
    *out = end->value;
    out->is_null = out->is_null || !end->has_row;
    return true;
}

#define VEC_BOOKEND_UPDATE(aggregate, width, is_last, is_wide)                                     \
    static bool vec_##aggregate##_update_##width(                                                  \
        struct vec_aggregation *agg, const struct vec_expr *call, const struct vec_vector *args,   \
        struct vec_selection selection, uint32_t stretch, uint8_t *const *states)                  \
    {                                                                                              \
        (void)stretch;                                                                             \
        return vec_bookend_update(agg, call, args, selection, states, is_last, is_wide);           \
    }

VEC_BOOKEND_UPDATE(first, int4, false, false)
VEC_BOOKEND_UPDATE(first, int8, false, true)
VEC_BOOKEND_UPDATE(last, int4, true, false)
VEC_BOOKEND_UPDATE(last, int8, true, true)

static bool vec_first_merge(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                            const void *from)
{
    return vec_bookend_merge(agg, call, into, from, false);
}

static bool vec_last_merge(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                           const void *from)
{
    return vec_bookend_merge(agg, call, into, from, true);
}

#define VEC_BOOKEND_ROW(aggregate, kind, time, width)                                              \
    {                                                                                              \
        .name = #aggregate,                                                                        \
        .args = {VEC_##kind, VEC_##time},                                                          \
        .args_count = 2,                                                                           \
        .result = VEC_##kind,                                                                      \
        .version = 1,                                                                              \
        .state_bytes = VEC_AGGREGATE_BYTES(struct vec_bookend),                                    \
        .init = vec_bookend_init,                                                                  \
        .update = vec_##aggregate##_update_##width,                                                \
        .merge = vec_##aggregate##_merge,                                                          \
        .finish = vec_bookend_finish,                                                              \
    },

#define VEC_FIRST_ROWS(kind, sql, text, type)                                                      \
    VEC_BOOKEND_ROW(first, kind, TIMESTAMPTZ, int8)                                                \
    VEC_BOOKEND_ROW(first, kind, TIMESTAMP, int8)                                                  \
    VEC_BOOKEND_ROW(first, kind, DATE, int4)                                                       \
    VEC_BOOKEND_ROW(first, kind, BIGINT, int8)                                                     \
    VEC_BOOKEND_ROW(first, kind, INTEGER, int4)

#define VEC_LAST_ROWS(kind, sql, text, type)                                                       \
    VEC_BOOKEND_ROW(last, kind, TIMESTAMPTZ, int8)                                                 \
    VEC_BOOKEND_ROW(last, kind, TIMESTAMP, int8)                                                   \
    VEC_BOOKEND_ROW(last, kind, DATE, int4)                                                        \
    VEC_BOOKEND_ROW(last, kind, BIGINT, int8)                                                      \
    VEC_BOOKEND_ROW(last, kind, INTEGER, int4)

/* clang-format off */
static const struct vec_aggregate vec_bookend_rows[] = {
    VEC_KIND_TABLE(VEC_FIRST_ROWS)
    VEC_KIND_TABLE(VEC_LAST_ROWS)
};
/* clang-format on */

const struct vec_aggregate_table vec_aggregate_bookends = {vec_bookend_rows,
                                                           ARRAY_COUNT(vec_bookend_rows)};
