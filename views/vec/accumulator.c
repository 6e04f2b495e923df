/* The table of accumulators; count and truths; what the others share. See accumulator.h. */
#include "views/vec/accumulator.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/accumulator_int.h"

static const struct vec_accumulator_table *const vec_accumulator_tables[] = {
    &vec_accumulator_counts,
    &vec_accumulator_sums,
    &vec_accumulator_extremes,
    &vec_accumulator_bookends,
};

const struct vec_accumulator *vec_accumulator_of(const struct vec_aggregate *aggregate)
{
    for (size_t t = 0; t < ARRAY_COUNT(vec_accumulator_tables); t++) {
        for (size_t i = 0; i < vec_accumulator_tables[t]->count; i++) {
            const struct vec_accumulator *row = &vec_accumulator_tables[t]->rows[i];
            if (row->args_count == aggregate->args_count &&
                memcmp(row->args, aggregate->args, row->args_count) == 0 &&
                strcmp(row->name, aggregate->name) == 0) {
                ASSERT(row->result == aggregate->result);
                return row;
            }
        }
    }
    return NULL;
}

const struct vec_accumulator *vec_accumulator_of_value(enum vec_kind kind)
{
    for (size_t i = 0; i < vec_accumulator_values.count; i++) {
        if (vec_accumulator_values.rows[i].result == kind) {
            return &vec_accumulator_values.rows[i];
        }
    }
    UNREACHABLE();
}

const struct vec_accumulator *vec_accumulator_of_equals(enum vec_kind kind)
{
    bool differ =
        kind == VEC_NUMERIC || kind == VEC_DOUBLE || kind == VEC_INTERVAL || kind == VEC_JSONB;
    return differ ? vec_accumulator_of_value(kind) : NULL;
}

/* --- Room ------------------------------------------------------------------------------------ */

void *vec_accumulator_room(struct vec_accumulation *acc, const struct vec_expr *call, size_t bytes,
                           uint32_t *capacity)
{
    ASSERT(acc->arena != acc->ev->scratch); /* which is rewound */
    void *room = NULL;
    if (bytes <= UINT32_MAX && acc->rooms != NULL) {
        room = vec_rooms_take(acc->rooms, (uint32_t)bytes, capacity);
    } else if (bytes <= UINT32_MAX) {
        room = arena_alloc(acc->arena, bytes, 8);
        *capacity = (uint32_t)bytes;
    }
    if (room == NULL) {
        (void)vec_fail(acc->ev, call, VEC_FAULT_MEMORY, NULL, NULL, 0);
    }
    return room;
}

void vec_accumulator_leave(struct vec_accumulation *acc, const void *room, uint32_t capacity)
{
    if (room == NULL) {
        return;
    }
    acc->left_bytes += capacity;
    if (acc->rooms != NULL) {
        vec_rooms_leave(acc->rooms, room, capacity);
    }
}

struct vec_bytes vec_string_bytes(const struct vec_string *string)
{
    ASSERT(string->length > 0);
    return (struct vec_bytes){
        .data = string->form == VEC_STRING_WITHIN ? string->u.within : string->u.at.data,
        .length = string->length - 1,
    };
}

bool vec_string_keep(struct vec_accumulation *acc, const struct vec_expr *call,
                     struct vec_string *string, struct vec_bytes bytes)
{
    enum { ROOM_STEP = 16 };
    bool is_outside = string->form == VEC_STRING_OUTSIDE;
    struct vec_string kept = {.length = bytes.length + 1};
    ASSERT(kept.length > 0);
    if (is_outside && acc->is_alone && bytes.length <= string->u.at.capacity) {
        memcpy((char *)(uintptr_t)string->u.at.data, bytes.data, bytes.length);
        string->length = kept.length;
        return true;
    }
    if (bytes.length <= sizeof(kept.u.within)) {
        kept.form = VEC_STRING_WITHIN;
        if (bytes.length > 0) {
            memcpy(kept.u.within, bytes.data, bytes.length);
        }
    } else {
        size_t most = ((size_t)bytes.length + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
        char *room = vec_accumulator_room(acc, call, most, &kept.u.at.capacity);
        if (room == NULL) {
            return false;
        }
        memcpy(room, bytes.data, bytes.length);
        kept.form = VEC_STRING_OUTSIDE;
        kept.u.at.data = room;
    }
    vec_accumulator_leave(acc, is_outside ? string->u.at.data : NULL, vec_string_outside(string));
    *string = kept;
    return true;
}

void vec_string_borrow(struct vec_accumulation *acc, struct vec_string *string,
                       struct vec_bytes bytes)
{
    if (string->form == VEC_STRING_OUTSIDE) {
        vec_accumulator_leave(acc, string->u.at.data, string->u.at.capacity);
    }
    *string = (struct vec_string){.length = bytes.length + 1, .form = VEC_STRING_BORROWED};
    string->u.at.data = bytes.data;
    ASSERT(string->length > 0);
}

bool vec_string_settle(struct vec_accumulation *acc, const struct vec_expr *call,
                       struct vec_string *string)
{
    return string->form != VEC_STRING_BORROWED ||
           vec_string_keep(acc, call, string, vec_string_bytes(string));
}

uint32_t vec_string_outside(const struct vec_string *string)
{
    return string->form == VEC_STRING_OUTSIDE ? string->u.at.capacity : 0;
}

/* --- count ----------------------------------------------------------------------------------- */

/* count(*) and count(x). */
struct vec_counter {
    int64_t count; /* rows */
};

static bool vec_counter_update_all(struct vec_accumulation *acc, const struct vec_expr *call,
                                   const struct vec_vector *args, const struct vec_origin *origin,
                                   struct vec_selection selection, uint8_t *const *states)
{
    (void)acc, (void)call, (void)args, (void)origin;
    if (selection.count > 0 && vec_aggregate_is_one(states, selection.count)) {
        ((struct vec_counter *)(void *)states[0])->count += selection.count;
        return true;
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        ((struct vec_counter *)(void *)states[i])->count++;
    }
    return true;
}

static bool vec_counter_update(struct vec_accumulation *acc, const struct vec_expr *call,
                               const struct vec_vector *args, const struct vec_origin *origin,
                               struct vec_selection selection, uint8_t *const *states)
{
    struct vec_view view = vec_view(&args[0]);
    if (view.valid == NULL) {
        return vec_counter_update_all(acc, call, args, origin, selection, states);
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        ((struct vec_counter *)(void *)states[i])->count +=
            vec_view_is_valid(&view, vec_row(selection, i));
    }
    return true;
}

static ALWAYS_INLINE void vec_counter_join(struct vec_counter *into, const struct vec_counter *from)
{
    into->count += from->count;
}

static bool vec_counter_merge(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                              const void *from)
{
    (void)acc, (void)call;
    vec_counter_join(into, from);
    return true;
}

VEC_ACCUMULATOR_MERGE_ALL(counter, struct vec_counter)

static bool vec_counter_finish(struct vec_accumulation *acc, const struct vec_expr *call,
                               const void *state, struct vec_value *out)
{
    (void)acc, (void)call;
    *out = (struct vec_value){.u.int8 = ((const struct vec_counter *)state)->count};
    return true;
}

static ALWAYS_INLINE bool vec_counter_answer(const struct vec_counter *counter, int64_t *out)
{
    *out = counter->count;
    return true;
}

VEC_ACCUMULATOR_FINISH_ALL(counter, struct vec_counter, int64_t)

/* --- bool_and, bool_or, every ---------------------------------------------------------------- */

/* Which truths there were. */
struct vec_verdict {
    uint64_t has; /* bit 0: a row was false; bit 1: one was true */
};

static ALWAYS_INLINE void vec_verdict_fold(struct vec_verdict *verdict, uint8_t value)
{
    verdict->has |= value != 0 ? 2 : 1;
}

VEC_AGGREGATE_EACH(verdict, struct vec_verdict, uint8_t)
VEC_ACCUMULATOR_UPDATE(verdict)

static bool vec_verdict_merge(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                              const void *from)
{
    (void)acc, (void)call;
    ((struct vec_verdict *)into)->has |= ((const struct vec_verdict *)from)->has;
    return true;
}

static bool vec_verdict_finish_and(struct vec_accumulation *acc, const struct vec_expr *call,
                                   const void *state, struct vec_value *out)
{
    (void)acc, (void)call;
    uint64_t has = ((const struct vec_verdict *)state)->has;
    *out = (struct vec_value){.is_null = has == 0, .u.boolean = (has & 1) == 0};
    return true;
}

static bool vec_verdict_finish_or(struct vec_accumulation *acc, const struct vec_expr *call,
                                  const void *state, struct vec_value *out)
{
    (void)acc, (void)call;
    uint64_t has = ((const struct vec_verdict *)state)->has;
    *out = (struct vec_value){.is_null = has == 0, .u.boolean = (has & 2) != 0};
    return true;
}

#define VEC_COUNTER_ROW(kind, sql, text, type)                                                     \
    {                                                                                              \
        .name = "count",                                                                           \
        .args = {VEC_##kind},                                                                      \
        .args_count = 1,                                                                           \
        .result = VEC_BIGINT,                                                                      \
        .version = 1,                                                                              \
        .state_bytes = sizeof(struct vec_counter),                                                 \
        .update = vec_counter_update,                                                              \
        .merge = vec_counter_merge,                                                                \
        .finish = vec_counter_finish,                                                              \
        .merge_all = vec_counter_merge_all,                                                        \
        .finish_all = vec_counter_finish_all,                                                      \
    },

#define VEC_VERDICT_ROW(sql, which)                                                                \
    {                                                                                              \
        .name = sql, .args = {VEC_BOOLEAN}, .args_count = 1, .result = VEC_BOOLEAN, .version = 1,  \
        .state_bytes = sizeof(struct vec_verdict), .update = vec_verdict_update,                   \
        .merge = vec_verdict_merge, .finish = vec_verdict_finish_##which,                          \
    }

static const struct vec_accumulator vec_counter_rows[] = {
    {
        .name = "count", /* (*) */
        .result = VEC_BIGINT,
        .version = 1,
        .state_bytes = sizeof(struct vec_counter),
        .update = vec_counter_update_all,
        .merge = vec_counter_merge,
        .finish = vec_counter_finish,
        .merge_all = vec_counter_merge_all,
        .finish_all = vec_counter_finish_all,
    },
    /* clang-format off */
    VEC_KIND_TABLE(VEC_COUNTER_ROW)
    /* clang-format on */
    VEC_VERDICT_ROW("bool_and", and),
    VEC_VERDICT_ROW("bool_or", or),
    VEC_VERDICT_ROW("every", and),
};

const struct vec_accumulator_table vec_accumulator_counts = {vec_counter_rows,
                                                             ARRAY_COUNT(vec_counter_rows)};
