/* count, bool_and, bool_or, every. See aggregate_int.h. */
#include "base/compiler.h"
#include "views/vec/aggregate_int.h"

/* count(*) and count(x). */
struct vec_count {
    int64_t count; /* rows */
};

static void vec_count_init(void *state)
{
    *(struct vec_count *)state = (struct vec_count){0};
}

static bool vec_count_update_all(struct vec_aggregation *agg, const struct vec_expr *call,
                                 const struct vec_vector *args, struct vec_selection selection,
                                 uint32_t stretch, uint8_t *const *states)
{
    (void)agg, (void)call, (void)args, (void)stretch;
    if (selection.count > 0 && vec_aggregate_is_one(states, selection.count)) {
        ((struct vec_count *)(void *)states[0])->count += selection.count;
        return true;
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        ((struct vec_count *)(void *)states[i])->count++;
    }
    return true;
}

static bool vec_count_update(struct vec_aggregation *agg, const struct vec_expr *call,
                             const struct vec_vector *args, struct vec_selection selection,
                             uint32_t stretch, uint8_t *const *states)
{
    struct vec_view view = vec_view(&args[0]);
    if (view.valid == NULL) {
        return vec_count_update_all(agg, call, args, selection, stretch, states);
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        ((struct vec_count *)(void *)states[i])->count +=
            vec_view_is_valid(&view, vec_row(selection, i));
    }
    return true;
}

static bool vec_count_merge(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                            const void *from)
{
    (void)agg, (void)call;
    ((struct vec_count *)into)->count += ((const struct vec_count *)from)->count;
    return true;
}

static bool vec_count_finish(struct vec_aggregation *agg, const struct vec_expr *call,
                             const void *state, struct vec_value *out)
{
    (void)agg, (void)call;
    *out = (struct vec_value){.u.int8 = ((const struct vec_count *)state)->count};
    return true;
}

/* bool_and and bool_or: which truths there were. */
struct vec_truths {
    bool has[2]; /* a row was false, was true */
};

static void vec_truths_init(void *state)
{
    *(struct vec_truths *)state = (struct vec_truths){{false, false}};
}

static ALWAYS_INLINE void vec_truths_fold(struct vec_truths *truths, uint8_t value)
{
    truths->has[value != 0] = true;
}

VEC_AGGREGATE_EACH(truths, struct vec_truths, uint8_t)

static bool vec_truths_update(struct vec_aggregation *agg, const struct vec_expr *call,
                              const struct vec_vector *args, struct vec_selection selection,
                              uint32_t stretch, uint8_t *const *states)
{
    (void)agg, (void)call, (void)stretch;
    vec_truths_each(&args[0], selection, states);
    return true;
}

static bool vec_truths_merge(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                             const void *from)
{
    (void)agg, (void)call;
    struct vec_truths *truths = into;
    const struct vec_truths *other = from;
    truths->has[0] = truths->has[0] || other->has[0];
    truths->has[1] = truths->has[1] || other->has[1];
    return true;
}

static bool vec_truths_finish_and(struct vec_aggregation *agg, const struct vec_expr *call,
                                  const void *state, struct vec_value *out)
{
    (void)agg, (void)call;
    const struct vec_truths *truths = state;
    *out = (struct vec_value){.is_null = !truths->has[0] && !truths->has[1],
                              .u.boolean = !truths->has[0]};
    return true;
}

static bool vec_truths_finish_or(struct vec_aggregation *agg, const struct vec_expr *call,
                                 const void *state, struct vec_value *out)
{
    (void)agg, (void)call;
    const struct vec_truths *truths = state;
    *out = (struct vec_value){.is_null = !truths->has[0] && !truths->has[1],
                              .u.boolean = truths->has[1]};
    return true;
}

#define VEC_COUNT_ROW(kind, sql, text, type)                                                       \
    {                                                                                              \
        .name = "count",                                                                           \
        .args = {VEC_##kind},                                                                      \
        .args_count = 1,                                                                           \
        .result = VEC_BIGINT,                                                                      \
        .version = 1,                                                                              \
        .state_bytes = VEC_AGGREGATE_BYTES(struct vec_count),                                      \
        .init = vec_count_init,                                                                    \
        .update = vec_count_update,                                                                \
        .merge = vec_count_merge,                                                                  \
        .finish = vec_count_finish,                                                                \
    },

#define VEC_TRUTHS_ROW(sql, which)                                                                 \
    {                                                                                              \
        .name = sql, .args = {VEC_BOOLEAN}, .args_count = 1, .result = VEC_BOOLEAN, .version = 1,  \
        .state_bytes = VEC_AGGREGATE_BYTES(struct vec_truths), .init = vec_truths_init,            \
        .update = vec_truths_update, .merge = vec_truths_merge,                                    \
        .finish = vec_truths_finish_##which,                                                       \
    }

static const struct vec_aggregate vec_count_rows[] = {
    {
        .name = "count", /* (*) */
        .result = VEC_BIGINT,
        .version = 1,
        .state_bytes = VEC_AGGREGATE_BYTES(struct vec_count),
        .init = vec_count_init,
        .update = vec_count_update_all,
        .merge = vec_count_merge,
        .finish = vec_count_finish,
    },
    /* clang-format off */
    VEC_KIND_TABLE(VEC_COUNT_ROW)
    /* clang-format on */
    VEC_TRUTHS_ROW("bool_and", and),
    VEC_TRUTHS_ROW("bool_or", or),
    VEC_TRUTHS_ROW("every", and),
};

const struct vec_aggregate_table vec_aggregate_counts = {vec_count_rows,
                                                         ARRAY_COUNT(vec_count_rows)};
