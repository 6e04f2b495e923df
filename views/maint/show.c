/* Groups to rows. See show.h.
 *
 * Columns of a group are made one after the other, then the steps above are evaluated as for any
 * batch. A group whose state has no answer is dropped at once; where a step fails, halves of the
 * groups are tried until those are known that fail alone, and the rest is evaluated again. */
#include "views/maint/show.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/key.h"

/* Groups under way. */
struct maint_showing {
    const struct maint_view *view;
    struct vec_eval *ev;
    const struct maint_shown *groups;
    const uint8_t **states; /* of each */
    uint32_t count;
    bool *is_dropped; /* of each: it cannot be shown */
    uint32_t dropped_count;
    struct vec_batch batch; /* columns of the groups */
};

static enum err maint_show_keys(struct maint_showing *s);
static enum err maint_show_state(struct maint_showing *s, uint32_t column);
static enum err maint_show_above(struct maint_showing *s, struct vec_batch *out);

/* Why the scratch, or an evaluation for want of it, refuses. */
static enum err maint_show_memory(const struct maint_showing *s)
{
    return s->ev->scratch->err != ERR_OK ? s->ev->scratch->err : ERR_BUDGET;
}

enum err maint_show(const struct maint_view *view, struct vec_eval *ev,
                    const struct maint_shown *groups, uint32_t count, struct maint_show_keys *keys,
                    uint64_t *faults_count, struct vec_batch *out)
{
    ASSERT(count <= MAINT_SHOW_ROWS);
    struct arena *a = ev->scratch;
    struct maint_showing s = {.view = view, .ev = ev, .groups = groups, .count = count};
    s.is_dropped = arena_alloc_zeroed(a, count * sizeof(*s.is_dropped), 8);
    s.batch = (struct vec_batch){
        .columns = arena_alloc(a, view->columns_count * sizeof(*s.batch.columns), 8),
        .columns_count = view->columns_count,
        .rows_count = count,
        .selection = {.count = count},
    };
    s.states = arena_alloc(a, count * sizeof(*s.states), 8);
    if (s.is_dropped == NULL || s.batch.columns == NULL || s.states == NULL) {
        return a->err;
    }
    for (uint32_t i = 0; i < count; i++) {
        s.states[i] = groups[i].state;
    }
    bool has_keys = keys != NULL && keys->columns != NULL;
    for (uint32_t i = 0; i < view->columns_count; i++) {
        if (has_keys && view->columns[i].is_key) {
            s.batch.columns[i] = keys->columns[i];
        } else if (vec_flat(a, view->columns[i].type, count, &s.batch.columns[i]) == NULL) {
            return a->err;
        }
    }
    enum err err = has_keys ? ERR_OK : maint_show_keys(&s);
    if (keys != NULL && err == ERR_OK) {
        keys->columns = s.batch.columns;
    }
    for (uint32_t i = 0; i < view->columns_count && err == ERR_OK; i++) {
        err = view->columns[i].is_key ? ERR_OK : maint_show_state(&s, i);
    }
    err = err == ERR_OK ? maint_show_above(&s, out) : err;
    *faults_count += err == ERR_OK ? s.dropped_count : 0;
    return err;
}

/* --- Columns of groups -------------------------------------------------------------------------
 */

/* Row `row` of a column = `value`, whose bytes are copied. */
static ALWAYS_INLINE enum err maint_put(struct maint_showing *s, struct vec_vector *column,
                                        uint64_t **valid, uint32_t row, struct vec_value *value)
{
    if (value->is_null) {
        if (*valid == NULL) {
            *valid = vec_valid(s->ev->scratch, true);
            if (*valid == NULL) {
                return s->ev->scratch->err;
            }
            column->valid = *valid;
        }
        vec_valid_clear(*valid, row);
        return ERR_OK;
    }
    void *data = (void *)(uintptr_t)column->data;
    switch ((enum vec_kind)column->type.kind) {
    case VEC_BOOLEAN: ((uint8_t *)data)[row] = value->u.boolean; break;
    case VEC_INTEGER:
    case VEC_DATE: ((int32_t *)data)[row] = value->u.int4; break;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: ((int64_t *)data)[row] = value->u.int8; break;
    case VEC_DOUBLE: ((double *)data)[row] = value->u.real; break;
    case VEC_NUMERIC: ((struct vec_numeric *)data)[row] = value->u.numeric; break;
    case VEC_INTERVAL: ((struct vec_interval *)data)[row] = value->u.interval; break;
    case VEC_TEXT:
    case VEC_JSONB: {
        const char *copy = arena_copy(s->ev->scratch, value->u.bytes.data, value->u.bytes.length);
        if (copy == NULL) {
            return s->ev->scratch->err;
        }
        ((struct vec_bytes *)data)[row] =
            (struct vec_bytes){.data = copy, .length = value->u.bytes.length};
        break;
    }
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
    return ERR_OK;
}

/* The only key, where it is a whole number of 64 bits, and nowhere null. */
static bool maint_show_numbers(struct maint_showing *s)
{
    struct vec_vector *column = &s->batch.columns[0];
    enum vec_kind kind = (enum vec_kind)column->type.kind;
    if (kind != VEC_BIGINT && kind != VEC_TIMESTAMP && kind != VEC_TIMESTAMPTZ) {
        return false;
    }
    int64_t *numbers = (int64_t *)(uintptr_t)column->data;
    bool has_all = true;
    for (uint32_t row = 0; row < s->count; row++) {
        struct vec_key_reader reader = {s->groups[row].key,
                                        s->groups[row].key + s->groups[row].key_bytes};
        has_all &= vec_key_read_int8(&reader, &numbers[row]);
    }
    return has_all;
}

/* Key columns, from the keys: those up to the last one that is shown from there. */
static enum err maint_show_keys(struct maint_showing *s)
{
    const struct maint_view *view = s->view;
    uint32_t keys_count = 0; /* to be looked at */
    for (uint32_t i = 0; i < view->columns_count; i++) {
        ASSERT(IMPLIES(view->columns[i].is_key, view->columns[i].number == i));
        keys_count = view->columns[i].is_key ? i + 1 : keys_count;
    }
    if (keys_count == 0) {
        return ERR_OK;
    }
    if (keys_count == 1 && maint_show_numbers(s)) {
        return ERR_OK;
    }
    uint64_t **valid = arena_alloc_zeroed(s->ev->scratch, keys_count * sizeof(*valid), 8);
    if (valid == NULL) {
        return s->ev->scratch->err;
    }
    for (uint32_t row = 0; row < s->count; row++) {
        const struct maint_shown *group = &s->groups[row];
        struct vec_key_reader reader = {group->key, group->key + group->key_bytes};
        for (uint32_t i = 0; i < keys_count; i++) {
            struct vec_value value;
            if (!view->columns[i].is_key) {
                vec_key_skip(&reader, view->key_types[i]);
                continue;
            }
            if (!vec_key_read(&reader, view->key_types[i], s->ev->scratch, &value)) {
                return s->ev->scratch->err;
            }
            enum err err = maint_put(s, &s->batch.columns[i], &valid[i], row, &value);
            if (err != ERR_OK) {
                return err;
            }
        }
    }
    return ERR_OK;
}

static void maint_drop(struct maint_showing *s, uint32_t row)
{
    s->dropped_count += !s->is_dropped[row];
    s->is_dropped[row] = true;
}

/* A column that a state answers. */
static enum err maint_show_state(struct maint_showing *s, uint32_t column)
{
    const struct maint_state *state = &s->view->states[s->view->columns[column].number];
    struct vec_accumulation acc = {.ev = s->ev};
    uint64_t *valid = NULL;
    if (LIKELY(state->accumulator->finish_all != NULL) &&
        state->accumulator->finish_all(s->states, state->pos, s->count,
                                       (void *)(uintptr_t)s->batch.columns[column].data)) {
        return ERR_OK;
    }
    for (uint32_t row = 0; row < s->count; row++) {
        struct vec_value value;
        if (!state->accumulator->finish(&acc, state->call, s->states[row] + state->pos, &value)) {
            if (s->ev->failure.fault == VEC_FAULT_MEMORY) {
                return maint_show_memory(s);
            }
            maint_drop(s, row);
            value = (struct vec_value){.is_null = true};
        }
        enum err err = maint_put(s, &s->batch.columns[column], &valid, row, &value);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

/* --- What stands above -------------------------------------------------------------------------
 */

/* *out = those rows of `from` that are not dropped. NULL rows where all are there. */
static enum err maint_show_rest(struct maint_showing *s, struct vec_selection from,
                                struct vec_selection *out)
{
    *out = from;
    if (s->dropped_count == 0) {
        return ERR_OK;
    }
    uint16_t *rows = arena_alloc(s->ev->scratch, from.count * sizeof(*rows), 8);
    if (rows == NULL) {
        return s->ev->scratch->err;
    }
    *out = (struct vec_selection){.rows = rows};
    for (VEC_ROWS_EACH(from, i, row)) {
        rows[out->count] = (uint16_t)row;
        out->count += !s->is_dropped[row];
    }
    return ERR_OK;
}

/* *out = the rows of `selection` behind all steps. False: the evaluation says why. */
static bool maint_show_steps(struct maint_showing *s, struct vec_selection selection,
                             struct vec_batch *out)
{
    *out = s->batch;
    out->selection = selection;
    s->ev->steps_left = VEC_EVAL_STEPS;
    for (uint32_t i = 0; i < s->view->above_count; i++) {
        const struct maint_step *step = &s->view->above[i];
        if (step->filter != NULL) {
            struct vec_selection kept = {.count = 0};
            if (out->selection.count > 0 &&
                !vec_eval_filter(s->ev, step->filter, out, out->selection, &kept)) {
                return false;
            }
            out->selection = kept;
            continue;
        }
        struct vec_vector *columns =
            arena_alloc_zeroed(s->ev->scratch, step->columns_count * sizeof(*columns), 8);
        if (columns == NULL) {
            s->ev->failure = (struct vec_failure){.fault = VEC_FAULT_MEMORY};
            return false;
        }
        for (uint32_t k = 0; k < step->columns_count && out->selection.count > 0; k++) {
            if (!vec_eval(s->ev, step->project[k], out, out->selection, &columns[k])) {
                return false;
            }
        }
        out->columns = columns;
        out->columns_count = step->columns_count;
    }
    return true;
}

/* Drop those rows that fail alone: log2 of MAINT_SHOW_ROWS calls within each other at most. */
static enum err maint_show_search(struct maint_showing *s, struct vec_selection selection)
{
    struct arena_mark mark = arena_mark(s->ev->scratch);
    struct vec_batch batch;
    bool is_good = maint_show_steps(s, selection, &batch);
    bool is_memory = !is_good && s->ev->failure.fault == VEC_FAULT_MEMORY;
    arena_rewind(s->ev->scratch, mark);
    if (is_good || is_memory) {
        return is_good ? ERR_OK : maint_show_memory(s);
    }
    if (selection.count == 1) {
        maint_drop(s, vec_row(selection, 0));
        return ERR_OK;
    }
    uint32_t half = selection.count / 2;
    struct vec_selection first = {.rows = selection.rows, .count = half};
    struct vec_selection second = {.rows = selection.rows + half, .count = selection.count - half};
    enum err err = maint_show_search(s, first);
    return err == ERR_OK ? maint_show_search(s, second) : err;
}

static enum err maint_show_above(struct maint_showing *s, struct vec_batch *out)
{
    struct vec_selection rest;
    enum err err = maint_show_rest(s, s->batch.selection, &rest);
    if (err != ERR_OK) {
        return err;
    }
    if (maint_show_steps(s, rest, out)) {
        return ERR_OK;
    }
    if (s->ev->failure.fault == VEC_FAULT_MEMORY) {
        return maint_show_memory(s);
    }
    uint16_t *rows = arena_alloc(s->ev->scratch, rest.count * sizeof(*rows), 8);
    if (rows == NULL) {
        return s->ev->scratch->err;
    }
    for (VEC_ROWS_EACH(rest, i, row)) {
        rows[i] = (uint16_t)row;
    }
    rest.rows = rows;
    err = maint_show_search(s, rest);
    err = err == ERR_OK ? maint_show_rest(s, rest, &rest) : err;
    if (err != ERR_OK || maint_show_steps(s, rest, out)) {
        return err;
    }
    return s->ev->failure.fault == VEC_FAULT_MEMORY ? maint_show_memory(s) : ERR_AGAIN;
}

/* --- Comparing ---------------------------------------------------------------------------------
 */

static bool maint_is_same_value(const struct vec_vector *a, const struct vec_vector *b,
                                uint32_t row)
{
    struct vec_view x = vec_view(a);
    struct vec_view y = vec_view(b);
    bool is_valid = vec_view_is_valid(&x, row);
    if (!is_valid || !vec_view_is_valid(&y, row)) {
        return is_valid == vec_view_is_valid(&y, row);
    }
    switch ((enum vec_kind)a->type.kind) {
    case VEC_BOOLEAN: return VEC_AT(&x, uint8_t, row) == VEC_AT(&y, uint8_t, row);
    case VEC_INTEGER:
    case VEC_DATE: return VEC_AT(&x, int32_t, row) == VEC_AT(&y, int32_t, row);
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
    case VEC_DOUBLE: return VEC_AT(&x, uint64_t, row) == VEC_AT(&y, uint64_t, row);
    case VEC_NUMERIC: {
        const struct vec_numeric *n = &VEC_AT(&x, struct vec_numeric, row);
        const struct vec_numeric *m = &VEC_AT(&y, struct vec_numeric, row);
        return n->scale == m->scale && n->is_negative == m->is_negative &&
               memcmp(n->limb, m->limb, sizeof(n->limb)) == 0;
    }
    case VEC_INTERVAL: {
        const struct vec_interval *n = &VEC_AT(&x, struct vec_interval, row);
        const struct vec_interval *m = &VEC_AT(&y, struct vec_interval, row);
        return n->months == m->months && n->days == m->days && n->us == m->us;
    }
    case VEC_TEXT:
    case VEC_JSONB: {
        struct vec_bytes n = VEC_AT(&x, struct vec_bytes, row);
        struct vec_bytes m = VEC_AT(&y, struct vec_bytes, row);
        return n.length == m.length && (n.length == 0 || memcmp(n.data, m.data, n.length) == 0);
    }
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
}

/* Keep of `rows` those whose values, of that type, are the same. */
#define MAINT_SAME(type)                                                                           \
    do {                                                                                           \
        const type *x = a->data;                                                                   \
        const type *y = b->data;                                                                   \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            rows[same_count] = rows[i];                                                            \
            same_count += x[rows[i]] == y[rows[i]];                                                \
        }                                                                                          \
    } while (0)

static uint32_t maint_same_values(const struct vec_vector *a, const struct vec_vector *b,
                                  uint16_t *rows, uint32_t count)
{
    uint32_t same_count = 0;
    size_t width = vec_kind_bytes((enum vec_kind)a->type.kind);
    bool is_plain =
        a->form == VEC_FLAT && b->form == VEC_FLAT && a->valid == NULL && b->valid == NULL;
    if (is_plain && width == sizeof(uint64_t)) {
        MAINT_SAME(uint64_t);
    } else if (is_plain && width == sizeof(uint32_t)) {
        MAINT_SAME(uint32_t);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            rows[same_count] = rows[i];
            same_count += maint_is_same_value(a, b, rows[i]);
        }
    }
    return same_count;
}

uint32_t maint_show_same(const struct vec_batch *a, const struct vec_batch *b, uint16_t *rows,
                         uint32_t count)
{
    ASSERT(a->columns_count == b->columns_count);
    for (uint32_t i = 0; i < a->columns_count && count > 0; i++) {
        bool is_one = a->columns[i].form == VEC_FLAT && b->columns[i].form == VEC_FLAT &&
                      a->columns[i].data == b->columns[i].data &&
                      a->columns[i].valid == b->columns[i].valid; /* a key's */
        if (!is_one) {
            count = maint_same_values(&a->columns[i], &b->columns[i], rows, count);
        }
    }
    return count;
}
