/* Net differences: what steps changed together, for those who have all before them. See follow.h.
 *
 * Rows that a crowd sees are counted in a table, those that went down, those that came up: what is
 * left at zero was changed back. Rows are told apart by their bytes as they are shown, not by what
 * SQL calls equal: 1.5 that became 1.50 is a change. With a key what is given is the rows that are
 * new, and the keys of those that are gone and have no new row.
 *
 * Those who are given it each take as much as they have room for; whoever stands at the same place
 * is told together. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "broker/core/core.h"
#include "broker/core/follow_int.h"
#include "broker/core/follow_net.h"

/* Chunks of a difference's arena. */
#define CORE_FOLLOW_DIFF_CHUNK_BYTES (16u << 10)

/* Rows that are given at a time, and entries that are sorted out. */
#define CORE_FOLLOW_PIECE_ROWS 256u
#define CORE_FOLLOW_SORT_COUNT 1024u

/* The key of a row that is there now. */
struct core_follow_key {
    struct map_node in_diff; /* core_follow_diff.keys */
    struct hash128 hash;     /* of its columns */
};

/* A row that is looked for. */
struct core_follow_bytes {
    const uint8_t *data;
    uint32_t length;
};

static bool core_follow_diff_init(struct core_follow_diff *diff);
static bool core_follow_diff_fail(struct core_follow_diff *diff);
static void core_follow_diff_fail_sight(struct core_follow_diff *diff,
                                        const struct core_follow_sight *sight);
static bool core_follow_diff_chunk(struct core_follow_diff *diff,
                                   const struct core_changes_chunk *chunk);
static bool core_follow_diff_half(struct core_follow_diff *diff,
                                  const struct core_changes_chunk *chunk, bool is_plus);
static bool core_follow_diff_count(struct core_follow_diff *diff, const struct vec_batch *rows,
                                   int64_t count);
static struct core_follow_entry *core_follow_diff_entry(struct core_follow_diff *diff,
                                                        struct core_follow_bytes bytes);
static bool core_follow_diff_buckets(struct core_follow_diff *diff, struct map *map,
                                     uint64_t count);
static bool core_follow_diff_sort(struct core_follow_diff *diff);
static bool core_follow_diff_add_key(struct core_follow_diff *diff,
                                     const struct core_follow_entry *entry);
static bool core_follow_diff_has_key(const struct core_follow_diff *diff,
                                     const struct core_follow_entry *entry);
static void core_follow_diff_piece(struct core_follow_diff *diff, struct core_follow *first);
static bool core_follow_diff_tell(struct core_follow_diff *diff, uint32_t at, uint32_t end);

/* --- Its life --- */

struct core_follow_diff *core_follow_diff_new(struct core_follow_crowd *crowd, uint64_t from)
{
    struct core_follow_tail *tail = crowd->slot->shape->tail;
    struct core_follows *follows = tail->follows;
    void *memory;
    bool is_well =
        budget_alloc(&follows->budget, sizeof(struct core_follow_diff), 16, &memory) == ERR_OK;
    struct core_follow_diff *diff = is_well ? memory : NULL;
    if (diff != NULL) {
        diff->tail = tail;
        diff->crowd = crowd;
        diff->from = from;
        diff->position = tail->position;
        list_init(&diff->members);
        arena_init(&diff->arena, &follows->diffs_budget, CORE_FOLLOW_DIFF_CHUNK_BYTES, SIZE_MAX);
    }
    list_for_each_safe (node, next, &crowd->behind) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_wait);
        if (follow->at != from || follow->is_ended) {
            continue;
        }
        list_remove(node);
        if (diff == NULL) {
            core_follow_anew(follow, CORE_FOLLOW_TOO_LARGE);
            continue;
        }
        list_push_back(&diff->members, node);
        follow->stage = CORE_FOLLOW_DIFF;
        follow->diff = diff;
        follow->diff_at = 0;
    }
    return diff;
}

void core_follow_diff_free(struct core_follow_diff *diff)
{
    ASSERT(list_is_empty(&diff->members));
    arena_deinit(&diff->arena);
    budget_free(&diff->tail->follows->budget, diff);
}

void core_follow_diff_leave(struct core_follow_diff *diff, const char *reason)
{
    struct list_node *node;
    while ((node = list_pop_front(&diff->members)) != NULL) {
        core_follow_anew(CONTAINER_OF(node, struct core_follow, in_wait), reason);
    }
}

/* There is no memory: it is too large, or others have it now. Returns true. */
static bool core_follow_diff_fail(struct core_follow_diff *diff)
{
    struct budget *budget = &diff->tail->follows->diffs_budget;
    struct list_node *node;
    arena_deinit(&diff->arena);
    arena_init(&diff->arena, budget, CORE_FOLLOW_DIFF_CHUNK_BYTES, SIZE_MAX);
    if (budget->used_bytes == 0) {
        core_follow_diff_leave(diff, CORE_FOLLOW_TOO_LARGE);
    }
    while ((node = list_pop_front(&diff->members)) != NULL) {
        core_follow_later(CONTAINER_OF(node, struct core_follow, in_wait));
    }
    return true;
}

/* Rows cannot be seen. */
static void core_follow_diff_fail_sight(struct core_follow_diff *diff,
                                        const struct core_follow_sight *sight)
{
    if (sight->eval.failure.fault == VEC_FAULT_MEMORY) {
        (void)core_follow_diff_fail(diff);
        return;
    }
    list_for_each (node, &diff->members) {
        core_follow_fail_sight(CONTAINER_OF(node, struct core_follow, in_wait), sight);
    }
}

/* --- Making it --- */

bool core_follow_diff_make(struct core_follow_diff *diff)
{
    const struct core_changes_chunk *chunk;
    if (list_is_empty(&diff->members)) {
        return true;
    }
    if (diff->types == NULL && !core_follow_diff_init(diff)) {
        return core_follow_diff_fail(diff);
    }
    if (core_follow_tail_chunk(diff->tail, &chunk)) {
        return !core_follow_diff_chunk(diff, chunk);
    }
    return core_follow_diff_sort(diff);
}

static bool core_follow_diff_init(struct core_follow_diff *diff)
{
    const struct core_follow_tail *tail = diff->tail;
    const struct core_subscribe_plan *plan = diff->crowd->plan;
    uint64_t count = 0;
    for (uint32_t i = 0; !tail->is_empty && i < tail->asks_count; i++) {
        count += tail->asks[i].first != NULL ? tail->asks[i].rows_count : 0;
    }
    diff->types = arena_alloc(&diff->arena, plan->outputs_count * sizeof(*diff->types), 8);
    if (diff->types == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < plan->outputs_count; i++) {
        diff->types[i] = plan->outputs[i].type;
    }
    return exec_layout_init(&diff->layout, diff->types, plan->outputs_count, &diff->arena) ==
               ERR_OK &&
           core_follow_diff_buckets(diff, &diff->map, count);
}

/* An empty map of so many. */
static bool core_follow_diff_buckets(struct core_follow_diff *diff, struct map *map, uint64_t count)
{
    if (count > UINT32_MAX / 4) {
        return false;
    }
    uint32_t capacity = map_capacity(count > 0 ? (uint32_t)count : 1);
    struct map_node **buckets = arena_alloc(&diff->arena, capacity * sizeof(struct map_node *), 8);
    if (buckets != NULL) {
        map_init(map, buckets, capacity);
    }
    return buckets != NULL;
}

/* False: it has failed. */
static bool core_follow_diff_chunk(struct core_follow_diff *diff,
                                   const struct core_changes_chunk *chunk)
{
    return core_follow_diff_half(diff, chunk, false) && core_follow_diff_half(diff, chunk, true);
}

static bool core_follow_diff_half(struct core_follow_diff *diff,
                                  const struct core_changes_chunk *chunk, bool is_plus)
{
    struct core_follows *follows = diff->tail->follows;
    const struct core_subscribe_plan *plan = diff->crowd->plan;
    const struct plan_relation *relation = plan->relation;
    struct core_follow_sight sight;
    struct vec_batch rows;
    arena_reset(&follows->scratch);
    struct vec_vector *vectors =
        arena_alloc(&follows->scratch, relation->columns_count * sizeof(*vectors), 8);
    if (vectors == NULL) {
        return !core_follow_diff_fail(diff);
    }
    core_changes_batch(chunk, is_plus, relation->columns, relation->columns_count, vectors, &rows);
    if (!core_follow_see(follows, plan, plan->filter, &rows, rows.selection, &sight)) {
        core_follow_diff_fail_sight(diff, &sight);
        return false;
    }
    return core_follow_diff_count(diff, &sight.out, is_plus ? 1 : -1) ||
           !core_follow_diff_fail(diff);
}

/* --- Rows as bytes --- */

/* Bytes of a value: whether there is one, and what tells it apart. */
static uint32_t core_follow_value_bytes(const struct vec_vector *v, const struct vec_view *view,
                                        uint32_t row)
{
    if (!vec_view_is_valid(view, row)) {
        return 1;
    }
    if (v->type.kind == VEC_TEXT || v->type.kind == VEC_JSONB) {
        return 1 + (uint32_t)sizeof(uint32_t) + VEC_AT(view, struct vec_bytes, row).length;
    }
    return 1 + (uint32_t)vec_kind_bytes((enum vec_kind)v->type.kind);
}

static uint8_t *core_follow_value_put(const struct vec_vector *v, const struct vec_view *view,
                                      uint32_t row, uint8_t *to)
{
    *to = vec_view_is_valid(view, row);
    if (*to++ == 0) {
        return to;
    }
    size_t bytes = vec_kind_bytes((enum vec_kind)v->type.kind);
    if (v->type.kind == VEC_TEXT || v->type.kind == VEC_JSONB) {
        struct vec_bytes text = VEC_AT(view, struct vec_bytes, row);
        memcpy(to, &text.length, sizeof(text.length));
        to += sizeof(text.length);
        if (text.length > 0) {
            memcpy(to, text.data, text.length);
        }
        return to + text.length;
    }
    if (v->type.kind == VEC_NUMERIC) { /* without what lies between its members */
        const struct vec_numeric *n = &VEC_AT(view, struct vec_numeric, row);
        memset(to, 0, bytes);
        memcpy(to, n->limb, sizeof(n->limb));
        to[sizeof(n->limb)] = n->scale;
        to[sizeof(n->limb) + 1] = n->is_negative;
        return to + bytes;
    }
    memcpy(to, (const uint8_t *)v->data + bytes * vec_view_at(view, row), bytes);
    return to + bytes;
}

/* What tells a row apart, in `a`. False: no memory. */
static bool core_follow_row_bytes(struct arena *a, const struct vec_batch *rows,
                                  const uint32_t *columns, uint32_t columns_count, uint32_t row,
                                  struct core_follow_bytes *out)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < columns_count; i++) {
        const struct vec_vector *v = &rows->columns[columns != NULL ? columns[i] : i];
        struct vec_view view = vec_view(v);
        length += core_follow_value_bytes(v, &view, row);
    }
    uint8_t *data = arena_alloc(a, length, 1);
    if (data == NULL) {
        return false;
    }
    uint8_t *to = data;
    for (uint32_t i = 0; i < columns_count; i++) {
        const struct vec_vector *v = &rows->columns[columns != NULL ? columns[i] : i];
        struct vec_view view = vec_view(v);
        to = core_follow_value_put(v, &view, row, to);
    }
    *out = (struct core_follow_bytes){.data = data, .length = length};
    return true;
}

/* Count the rows of a batch. False: no memory. */
static bool core_follow_diff_count(struct core_follow_diff *diff, const struct vec_batch *rows,
                                   int64_t count)
{
    struct arena *scratch = &diff->tail->follows->scratch;
    const struct core_subscribe_plan *plan = diff->crowd->plan;
    uint64_t seed = diff->tail->follows->seed;
    for (VEC_ROWS_EACH(rows->selection, i, row)) {
        struct core_follow_bytes bytes;
        struct arena_mark mark = arena_mark(scratch);
        if (!core_follow_row_bytes(scratch, rows, NULL, rows->columns_count, row, &bytes)) {
            return false;
        }
        struct core_follow_entry *entry = core_follow_diff_entry(diff, bytes);
        if (entry == NULL) {
            return false;
        }
        if (entry->row == NULL) {
            uint8_t *to = arena_alloc(&diff->arena, diff->layout.row_bytes, 8);
            uint16_t one = (uint16_t)row;
            struct vec_selection selection = {.rows = &one, .count = 1};
            if (to == NULL || exec_rows_write(&diff->layout, rows->columns, selection, &to,
                                              &diff->arena) != ERR_OK) {
                return false;
            }
            entry->row = to;
            if (plan->keys_count > 0) {
                if (!core_follow_row_bytes(scratch, rows, plan->keys, plan->keys_count, row,
                                           &bytes)) {
                    return false;
                }
                entry->key = hash128(bytes.data, bytes.length, seed);
            }
        }
        entry->count += count;
        arena_rewind(scratch, mark);
    }
    return true;
}

static bool core_follow_entry_is(const struct map_node *node, const void *wanted)
{
    const struct core_follow_entry *entry = CONTAINER_OF(node, struct core_follow_entry, in_diff);
    const struct core_follow_bytes *bytes = wanted;
    return entry->bytes == bytes->length &&
           (bytes->length == 0 || memcmp(entry + 1, bytes->data, bytes->length) == 0);
}

/* The entry of a row, made where there is none: `row` is NULL then. NULL: no memory. */
static struct core_follow_entry *core_follow_diff_entry(struct core_follow_diff *diff,
                                                        struct core_follow_bytes bytes)
{
    uint64_t hash = hash64(bytes.data, bytes.length, diff->tail->follows->seed);
    struct map_node *node = map_find_equal(&diff->map, hash, core_follow_entry_is, &bytes);
    if (node != NULL) {
        return CONTAINER_OF(node, struct core_follow_entry, in_diff);
    }
    struct core_follow_entry *entry = arena_alloc(&diff->arena, sizeof(*entry) + bytes.length, 16);
    if (entry == NULL) {
        return NULL;
    }
    *entry = (struct core_follow_entry){.bytes = bytes.length};
    if (bytes.length > 0) {
        memcpy(entry + 1, bytes.data, bytes.length);
    }
    return map_insert(&diff->map, &entry->in_diff, hash) == ERR_OK ? entry : NULL;
}

/* --- Sorting it out --- */

/* Some entries: first those that come are looked at, then all are put in their places. True: it is
 * whole, or it has failed. */
static bool core_follow_diff_sort(struct core_follow_diff *diff)
{
    bool has_keys = diff->crowd->plan->keys_count > 0;
    struct map_node *node = diff->next;
    if (!diff->is_counted && node == NULL) {
        node = map_first(&diff->map);
        if (has_keys && !core_follow_diff_buckets(diff, &diff->keys, diff->map.count)) {
            return core_follow_diff_fail(diff);
        }
    }
    for (uint32_t i = 0; i < CORE_FOLLOW_SORT_COUNT && node != NULL; i++) {
        struct core_follow_entry *entry = CONTAINER_OF(node, struct core_follow_entry, in_diff);
        uint64_t count = (uint64_t)(entry->count < 0 ? -entry->count : entry->count);
        node = map_next(&diff->map, node);
        if (!diff->is_counted) {
            diff->adds_count += entry->count > 0 ? count : 0;
            diff->removes_max += entry->count < 0 ? count : 0;
            if (has_keys && entry->count > 0 && !core_follow_diff_add_key(diff, entry)) {
                return core_follow_diff_fail(diff);
            }
            continue;
        }
        bool is_remove = entry->count < 0;
        if (is_remove && has_keys && core_follow_diff_has_key(diff, entry)) {
            continue;
        }
        for (; count > 0; count--) {
            diff->rows[is_remove ? diff->removes_count++ : diff->removes_max + diff->rows_count++] =
                entry->row;
        }
    }
    diff->next = node;
    if (node != NULL) {
        return false;
    }
    if (!diff->is_counted) {
        uint64_t all = diff->adds_count + diff->removes_max;
        diff->is_counted = true;
        diff->next = map_first(&diff->map);
        diff->rows = all <= UINT32_MAX / 16
                         ? arena_alloc(&diff->arena, all * sizeof(const uint8_t *), 8)
                         : NULL;
        return diff->rows == NULL ? core_follow_diff_fail(diff) : diff->next == NULL;
    }
    return true;
}

static bool core_follow_key_is(const struct map_node *node, const void *wanted)
{
    return hash128_is_equal(CONTAINER_OF(node, struct core_follow_key, in_diff)->hash,
                            *(const struct hash128 *)wanted);
}

static bool core_follow_diff_add_key(struct core_follow_diff *diff,
                                     const struct core_follow_entry *entry)
{
    struct core_follow_key *key = arena_alloc(&diff->arena, sizeof(*key), 8);
    if (key == NULL) {
        return false;
    }
    *key = (struct core_follow_key){.hash = entry->key};
    return map_insert(&diff->keys, &key->in_diff, entry->key.low) == ERR_OK;
}

static bool core_follow_diff_has_key(const struct core_follow_diff *diff,
                                     const struct core_follow_entry *entry)
{
    return map_find_equal(&diff->keys, entry->key.low, core_follow_key_is, &entry->key) != NULL;
}

/* --- Giving it --- */

bool core_follow_diff_give(struct core_follow_diff *diff)
{
    list_for_each (node, &diff->members) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_wait);
        core_follow_begin(follow, true, NULL);
        if (!follow->is_ended && core_follow_has_room(follow)) {
            core_follow_diff_piece(diff, follow);
            return true;
        }
    }
    return false;
}

/* A piece for all who stand where `first` does, of no more rows than each of them takes. */
static void core_follow_diff_piece(struct core_follow_diff *diff, struct core_follow *first)
{
    struct core_follow_crowd *crowd = diff->crowd;
    struct list_node *node;
    uint64_t count = CORE_FOLLOW_PIECE_ROWS;
    uint32_t at = first->diff_at;
    uint32_t all = diff->removes_count + diff->rows_count;
    uint32_t end = at < diff->removes_count ? diff->removes_count : all;
    ASSERT(list_is_empty(&crowd->now));
    list_for_each (waits, &diff->members) {
        struct core_follow *follow = CONTAINER_OF(waits, struct core_follow, in_wait);
        if (follow->diff_at != at || follow->is_ended) {
            continue;
        }
        core_follow_begin(follow, true, NULL);
        if (follow == first || (!follow->is_ended && core_follow_has_room(follow))) {
            list_push_back(&crowd->now, &follow->in_now);
            count = follow->rows_left < count ? follow->rows_left : count;
        }
    }
    end = end - at > count ? at + (uint32_t)count : end;
    bool is_well = at == end || core_follow_diff_tell(diff, at, end);
    bool is_last = end == all;
    if (is_well && is_last) {
        core_follow_progress(crowd, &diff->position);
    } else if (is_well) {
        crowd->ops->flush(crowd);
    }
    while ((node = list_pop_front(&crowd->now)) != NULL) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_now);
        if (!is_well) {
            list_remove(&follow->in_wait);
            core_follow_anew(follow, CORE_FOLLOW_TOO_LARGE);
            continue;
        }
        core_follow_given(follow, end - at);
        follow->diff_at = end;
        if (is_last) {
            list_remove(&follow->in_wait);
            follow->diff = NULL;
            core_follow_place(follow, diff->position.tick);
        }
    }
}

/* False: no memory. */
static bool core_follow_diff_tell(struct core_follow_diff *diff, uint32_t at, uint32_t end)
{
    struct core_follow_crowd *crowd = diff->crowd;
    struct arena *a = &diff->tail->follows->scratch;
    bool is_remove = at < diff->removes_count;
    enum core_follow_kind kind = crowd->plan->keys_count > 0
                                     ? (is_remove ? CORE_FOLLOW_REMOVE : CORE_FOLLOW_UPSERT)
                                     : (is_remove ? CORE_FOLLOW_DELETE : CORE_FOLLOW_INSERT);
    uint32_t place = is_remove ? at : (uint32_t)diff->removes_max + at - diff->removes_count;
    arena_reset(a);
    struct vec_batch batch = {
        .columns = arena_alloc(a, diff->layout.columns_count * sizeof(struct vec_vector), 8)};
    if (batch.columns == NULL ||
        exec_rows_batch(&diff->layout, diff->rows + place, end - at, a, &batch) != ERR_OK) {
        return false;
    }
    crowd->ops->changes(crowd, kind, &batch);
    return true;
}
