/* What a tick changed, to those who are current. See follow.h.
 *
 * Shape by shape, chunk by chunk: rows before and rows now are filtered and projected, rows that
 * look the same in both are left out, and each slot's go to its crowds. When all chunks of a shape
 * were, its crowds that were told something are told the progress.
 *
 * A row of a group that was there before and is there now stands in both halves of a chunk, as a
 * pair: so what becomes of it is known without looking for it. */
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/follow_int.h"
#include "views/vec/key.h"

#define CORE_FOLLOW_NO_ROW UINT16_MAX

/* A half of a chunk, as a shape sees it. */
struct core_follow_half {
    struct core_follow_sight sight;
    struct core_follow_slot **slots; /* [row]: whose it is; NULL: the shape's one */
    uint16_t *next;                  /* [row]: the next one of its slot */
    uint8_t *is_taken;               /* [row]: it passed the filter, */
    uint8_t *is_left_out;            /* but is not told */
};

/* A chunk in hand. */
struct core_follow_giving {
    struct core_follow_tail *tail;
    struct core_follow_shape *shape;
    const struct core_subscribe_plan *plan;
    const struct core_changes_chunk *chunk;
    struct core_follow_half halves[2];
    struct core_follow_slot **found; /* slots that have rows */
    uint32_t found_count;
};

static bool core_follow_give_chunk(struct core_follow_giving *g);
static bool core_follow_give_half(struct core_follow_giving *g, bool is_plus);
static bool core_follow_give_route(struct core_follow_giving *g, const struct vec_batch *rows,
                                   struct core_follow_half *half, struct vec_selection *selection);
static void core_follow_give_pairs(struct core_follow_giving *g);
static void core_follow_give_sort(struct core_follow_giving *g, bool is_plus);
static void core_follow_give_slot(struct core_follow_giving *g, struct core_follow_slot *slot);
static void core_follow_give_rows(struct core_follow_giving *g, struct core_follow_slot *slot,
                                  bool is_plus, uint16_t *rows);
static bool core_follow_touch(struct core_follow_crowd *crowd);
static void core_follow_give_fail(const struct core_follow_shape *shape,
                                  const struct core_follow_sight *sight);
static void core_follow_told(struct core_follow_crowd *crowd);

bool core_follow_give(struct core_follow_tail *tail)
{
    struct list_node *node;
    struct core_follow_giving g = {.tail = tail};
    if (tail->is_telling) {
        node = list_pop_front(&tail->told);
        tail->is_telling = node != NULL;
        if (node != NULL) {
            core_follow_told(CONTAINER_OF(node, struct core_follow_crowd, in_told));
        }
        return !tail->is_telling && tail->shape == NULL;
    }
    if (tail->shape == NULL) {
        return true;
    }
    g.shape = tail->shape;
    g.plan = core_follow_shape_plan(g.shape);
    if (core_follow_tail_chunk(tail, &g.chunk)) {
        if (!core_follow_give_chunk(&g)) {
            tail->ask_at = tail->asks_count; /* nobody of the shape is left */
        }
        return false;
    }
    struct map_node *next = map_next(&tail->shapes.map, &g.shape->in_tail);
    tail->shape = next != NULL ? CONTAINER_OF(next, struct core_follow_shape, in_tail) : NULL;
    core_follow_tail_rewind(tail);
    tail->is_telling = !list_is_empty(&tail->told);
    return !tail->is_telling && tail->shape == NULL;
}

/* False: its rows cannot be seen, and all of the shape end. */
static bool core_follow_give_chunk(struct core_follow_giving *g)
{
    struct core_follows *follows = g->tail->follows;
    arena_reset(&follows->scratch);
    if (!core_follow_give_half(g, false)) {
        core_follow_give_fail(g->shape, &g->halves[0].sight);
        return false;
    }
    if (!core_follow_give_half(g, true)) {
        core_follow_give_fail(g->shape, &g->halves[1].sight);
        return false;
    }
    uint32_t count =
        g->halves[0].sight.out.selection.count + g->halves[1].sight.out.selection.count;
    if (count == 0) {
        return true;
    }
    g->found = arena_alloc(&follows->scratch, count * sizeof(struct core_follow_slot *), 8);
    if (g->found == NULL) {
        g->halves[0].sight.eval.failure.fault = VEC_FAULT_MEMORY;
        core_follow_give_fail(g->shape, &g->halves[0].sight);
        return false;
    }
    core_follow_give_pairs(g);
    core_follow_give_sort(g, false);
    core_follow_give_sort(g, true);
    for (uint32_t i = 0; i < g->found_count; i++) {
        core_follow_give_slot(g, g->found[i]);
    }
    return true;
}

/* One half seen. False: it cannot be. */
static bool core_follow_give_half(struct core_follow_giving *g, bool is_plus)
{
    struct core_follow_half *half = &g->halves[is_plus];
    struct arena *a = &g->tail->follows->scratch;
    const struct plan_relation *relation = g->plan->relation;
    uint32_t count = is_plus ? g->chunk->plus_count : g->chunk->minus_count;
    struct vec_vector *vectors = arena_alloc(a, relation->columns_count * sizeof(*vectors), 8);
    struct vec_batch rows;
    half->sight.eval.failure.fault = VEC_FAULT_MEMORY;
    half->is_taken = arena_alloc_zeroed(a, count, 8);
    half->is_left_out = arena_alloc_zeroed(a, count, 8);
    half->next = arena_alloc(a, count * sizeof(uint16_t), 8);
    if (vectors == NULL || half->is_taken == NULL || half->is_left_out == NULL ||
        half->next == NULL) {
        return false;
    }
    core_changes_batch(g->chunk, is_plus, relation->columns, relation->columns_count, vectors,
                       &rows);
    struct vec_selection selection = rows.selection;
    if (g->shape->is_indexed && !core_follow_give_route(g, &rows, half, &selection)) {
        return false;
    }
    if (!core_follow_see(g->tail->follows, g->plan,
                         g->shape->is_indexed ? g->plan->rest : g->plan->filter, &rows, selection,
                         &half->sight)) {
        return false;
    }
    for (VEC_ROWS_EACH(half->sight.out.selection, i, row)) {
        half->is_taken[row] = 1;
    }
    return true;
}

/* Rows find their slots by their value; those of nobody are not selected. */
static bool core_follow_give_route(struct core_follow_giving *g, const struct vec_batch *rows,
                                   struct core_follow_half *half, struct vec_selection *selection)
{
    struct arena *a = &g->tail->follows->scratch;
    uint32_t column = g->plan->columns[g->plan->equalities[0].column];
    const struct vec_vector *columns[1] = {&rows->columns[column]};
    uint32_t count = rows->selection.count;
    uint16_t *taken = arena_alloc(a, count * sizeof(*taken), 8);
    struct vec_keys keys;
    half->slots = arena_alloc(a, count * sizeof(struct core_follow_slot *), 8);
    if (taken == NULL || half->slots == NULL ||
        vec_keys_make(a, columns, NULL, 1, rows->selection, &keys) != ERR_OK) {
        return false;
    }
    uint32_t taken_count = 0;
    uint32_t pos = 0;
    for (uint32_t row = 0; row < count; row++) { /* a null is no value that anybody asks for */
        half->slots[row] = core_follow_slot_find(g->shape, keys.data + pos, keys.ends[row] - pos);
        taken[taken_count] = (uint16_t)row;
        taken_count += half->slots[row] != NULL;
        pos = keys.ends[row];
    }
    *selection = (struct vec_selection){.rows = taken, .count = taken_count};
    return true;
}

/* --- What becomes of rows --- */

static bool core_follow_is_same(const struct vec_vector *a, uint32_t a_row,
                                const struct vec_vector *b, uint32_t b_row)
{
    struct vec_view x = vec_view(a);
    struct vec_view y = vec_view(b);
    bool is_valid = vec_view_is_valid(&x, a_row);
    if (!is_valid || !vec_view_is_valid(&y, b_row)) {
        return is_valid == vec_view_is_valid(&y, b_row);
    }
    switch ((enum vec_kind)a->type.kind) {
    case VEC_BOOLEAN: return VEC_AT(&x, uint8_t, a_row) == VEC_AT(&y, uint8_t, b_row);
    case VEC_INTEGER:
    case VEC_DATE: return VEC_AT(&x, int32_t, a_row) == VEC_AT(&y, int32_t, b_row);
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
    case VEC_DOUBLE: return VEC_AT(&x, uint64_t, a_row) == VEC_AT(&y, uint64_t, b_row);
    case VEC_NUMERIC: {
        const struct vec_numeric *n = &VEC_AT(&x, struct vec_numeric, a_row);
        const struct vec_numeric *m = &VEC_AT(&y, struct vec_numeric, b_row);
        return n->scale == m->scale && n->is_negative == m->is_negative &&
               memcmp(n->limb, m->limb, sizeof(n->limb)) == 0;
    }
    case VEC_INTERVAL: {
        const struct vec_interval *n = &VEC_AT(&x, struct vec_interval, a_row);
        const struct vec_interval *m = &VEC_AT(&y, struct vec_interval, b_row);
        return n->months == m->months && n->days == m->days && n->us == m->us;
    }
    case VEC_TEXT:
    case VEC_JSONB: {
        struct vec_bytes n = VEC_AT(&x, struct vec_bytes, a_row);
        struct vec_bytes m = VEC_AT(&y, struct vec_bytes, b_row);
        return n.length == m.length && (n.length == 0 || memcmp(n.data, m.data, n.length) == 0);
    }
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
}

/* Whether a pair is the same in all columns; in those of the key. */
static bool core_follow_is_unchanged(const struct core_follow_giving *g, uint32_t minus,
                                     uint32_t plus)
{
    const struct vec_batch *was = &g->halves[0].sight.out;
    const struct vec_batch *now = &g->halves[1].sight.out;
    for (uint32_t i = 0; i < was->columns_count; i++) {
        if (!core_follow_is_same(&was->columns[i], minus, &now->columns[i], plus)) {
            return false;
        }
    }
    return true;
}

static bool core_follow_has_same_key(const struct core_follow_giving *g, uint32_t minus,
                                     uint32_t plus)
{
    const struct vec_batch *was = &g->halves[0].sight.out;
    const struct vec_batch *now = &g->halves[1].sight.out;
    for (uint32_t i = 0; i < g->plan->keys_count; i++) {
        uint32_t key = g->plan->keys[i];
        if (!core_follow_is_same(&was->columns[key], minus, &now->columns[key], plus)) {
            return false;
        }
    }
    return g->plan->keys_count > 0;
}

/* Rows that look as they did, and former ones whose key has a new row, are not told. */
static void core_follow_give_pairs(struct core_follow_giving *g)
{
    struct core_follow_half *was = &g->halves[0];
    struct core_follow_half *now = &g->halves[1];
    for (VEC_ROWS_EACH(was->sight.out.selection, i, row)) {
        uint32_t pair = g->chunk->pairs[row];
        if (pair == CORE_CHANGES_NO_PAIR || now->is_taken[pair] == 0 ||
            (was->slots != NULL && was->slots[row] != now->slots[pair])) {
            continue;
        }
        if (core_follow_is_unchanged(g, row, pair)) {
            was->is_left_out[row] = 1;
            now->is_left_out[pair] = 1;
        } else if (core_follow_has_same_key(g, row, pair)) {
            was->is_left_out[row] = 1;
        }
    }
}

/* Rows become lists of their slots. */
static void core_follow_give_sort(struct core_follow_giving *g, bool is_plus)
{
    struct core_follow_half *half = &g->halves[is_plus];
    struct core_follow_slot *only =
        CONTAINER_OF(map_first(&g->shape->slots.map), struct core_follow_slot, in_shape);
    for (VEC_ROWS_EACH(half->sight.out.selection, i, row)) {
        struct core_follow_slot *slot = half->slots != NULL ? half->slots[row] : only;
        if (half->is_left_out[row] != 0) {
            continue;
        }
        if (!slot->is_found) {
            slot->is_found = true;
            slot->count[0] = 0;
            slot->count[1] = 0;
            g->found[g->found_count++] = slot;
        }
        half->next[row] = CORE_FOLLOW_NO_ROW;
        if (slot->count[is_plus]++ == 0) {
            slot->first[is_plus] = (uint16_t)row;
        } else {
            half->next[slot->last[is_plus]] = (uint16_t)row;
        }
        slot->last[is_plus] = (uint16_t)row;
    }
}

/* --- To crowds --- */

/* What goes, then what comes: of equal keys that look different the new one stays. */
static void core_follow_give_slot(struct core_follow_giving *g, struct core_follow_slot *slot)
{
    uint16_t rows[VEC_ROWS_MAX];
    slot->is_found = false;
    core_follow_give_rows(g, slot, false, rows);
    core_follow_give_rows(g, slot, true, rows);
}

static void core_follow_give_rows(struct core_follow_giving *g, struct core_follow_slot *slot,
                                  bool is_plus, uint16_t *rows)
{
    const struct core_follow_half *half = &g->halves[is_plus];
    enum core_follow_kind kind = g->plan->keys_count > 0
                                     ? (is_plus ? CORE_FOLLOW_UPSERT : CORE_FOLLOW_REMOVE)
                                     : (is_plus ? CORE_FOLLOW_INSERT : CORE_FOLLOW_DELETE);
    uint32_t count = slot->count[is_plus];
    if (count == 0) {
        return;
    }
    uint16_t row = slot->first[is_plus];
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = row;
        row = half->next[row];
    }
    struct vec_batch batch = half->sight.out;
    batch.selection = (struct vec_selection){.rows = rows, .count = count};
    list_for_each (node, &slot->crowds) {
        struct core_follow_crowd *crowd = CONTAINER_OF(node, struct core_follow_crowd, in_slot);
        if (core_follow_touch(crowd)) {
            crowd->told_count += count;
            crowd->ops->changes(crowd, kind, &batch);
        }
    }
}

/* It is told something: those who have no room are left out. False: nobody is left. */
static bool core_follow_touch(struct core_follow_crowd *crowd)
{
    struct core_follow_tail *tail = crowd->slot->shape->tail;
    if (list_is_linked(&crowd->in_told)) {
        return !list_is_empty(&crowd->now);
    }
    ASSERT(list_is_empty(&crowd->now));
    list_for_each_safe (node, next, &crowd->current) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_now);
        if (!follow->is_ended && !core_follow_has_room(follow)) {
            list_remove(node);
            core_follow_block(follow, tail->position.tick);
        }
    }
    list_append_all(&crowd->now, &crowd->current);
    crowd->told_count = 0;
    list_push_back(&tail->told, &crowd->in_told);
    return !list_is_empty(&crowd->now);
}

/* Nothing of a shape can be seen. */
static void core_follow_give_fail(const struct core_follow_shape *shape,
                                  const struct core_follow_sight *sight)
{
    for (struct map_node *node = map_first(&shape->slots.map); node != NULL;
         node = map_next(&shape->slots.map, node)) {
        const struct core_follow_slot *slot = CONTAINER_OF(node, struct core_follow_slot, in_shape);
        list_for_each (in_slot, &slot->crowds) {
            struct core_follow_crowd *crowd =
                CONTAINER_OF(in_slot, struct core_follow_crowd, in_slot);
            if (list_is_linked(&crowd->in_told)) { /* it is told no progress */
                list_remove(&crowd->in_told);
                crowd->ops->flush(crowd); /* what is written is for these alone */
                list_append_all(&crowd->current, &crowd->now);
            }
            list_for_each (member, &crowd->members) {
                core_follow_fail_sight(CONTAINER_OF(member, struct core_follow, in_crowd), sight);
            }
        }
    }
}

/* All of the round was told to it. */
static void core_follow_told(struct core_follow_crowd *crowd)
{
    struct core_follow_tail *tail = crowd->slot->shape->tail;
    if (!list_is_empty(&crowd->now)) {
        core_follow_progress(crowd, &tail->to_position);
        crowd->told_tick = tail->to_position.tick;
    } else {
        crowd->ops->flush(crowd); /* all for whom it was written have ended */
    }
    list_for_each (node, &crowd->now) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_now);
        core_follow_given(follow, crowd->told_count);
    }
    list_append_all(&crowd->current, &crowd->now);
}
