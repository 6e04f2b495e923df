/* Groups of a tick, by key. See fold_int.h.
 *
 * Slots hold an address of 48 bits and 16 bits of the probe, so that a wrong group is hardly ever
 * looked at; probing is linear, at most half of the slots are taken. A table is emptied for each
 * tick and ticks are short, so it is cleared slot by slot where few are taken.
 *
 * One whole number, or one text, is compared as it stands in its column; the bytes of its key, and
 * the hash that says where the store has it, are made only for groups that are new. Probes are not
 * that hash: nobody can send keys that all meet in one slot. The order of groups is that in which
 * they were made, whatever the probes are. */
#include "views/maint/fold_int.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

#define MAINT_SLOTS_LEAST 64u
#define MAINT_SLOT_SHIFT  48u
#define MAINT_SLOT_MASK   ((UINT64_C(1) << MAINT_SLOT_SHIFT) - 1)

/* Rows that are looked up before theirs are asked for: slots come from further away than memory
 * answers in time. */
#define MAINT_AHEAD 24u

/* Groups that were made for a lookup. */
struct maint_new {
    uint16_t *rows; /* the first row of each, ascending */
    uint32_t count;
};

enum err maint_table_make(struct maint_fold *fold, struct maint_table **out)
{
    const struct maint_view *view = fold->view;
    void *block;
    enum err err = budget_alloc(fold->budget, sizeof(struct maint_table), 8, &block);
    if (err != ERR_OK) {
        return err;
    }
    struct maint_table *table = block;
    table->form = view->keys_count == 0 ? MAINT_ALL : MAINT_BYTES;
    if (view->keys_count == 1) {
        switch ((enum vec_kind)view->key_types[0].kind) {
        case VEC_INTEGER:
        case VEC_BIGINT:
        case VEC_DATE:
        case VEC_TIMESTAMP:
        case VEC_TIMESTAMPTZ: table->form = MAINT_NUMBER; break;
        case VEC_TEXT: table->form = MAINT_TEXT; break;
        case VEC_BOOLEAN:
        case VEC_DOUBLE:
        case VEC_NUMERIC:
        case VEC_INTERVAL:
        case VEC_JSONB:
        case VEC_NONE:
        case VEC_KIND_COUNT:
        default: break;
        }
    }
    uint64_t address = (uint64_t)(uintptr_t)table;
    table->seed = hash64(&address, sizeof(address), 0);
    *out = table;
    return ERR_OK;
}

void maint_table_free(struct maint_fold *fold)
{
    if (fold->table != NULL) {
        budget_free(fold->budget, fold->table->slots);
        budget_free(fold->budget, fold->table);
        fold->table = NULL;
    }
}

void maint_arena_reset(struct arena *a)
{
    size_t chunk_bytes = a->chunk_bytes;
    while (chunk_bytes < a->held_bytes && chunk_bytes < MAINT_ARENA_BYTES_MAX) {
        chunk_bytes *= 2;
    }
    if (chunk_bytes == a->chunk_bytes) {
        arena_reset(a);
        return;
    }
    struct budget *budget = a->budget;
    arena_deinit(a);
    arena_init(a, budget, chunk_bytes, SIZE_MAX);
}

void maint_scratch_init(struct arena *scratch, struct budget *budget)
{
    arena_init(scratch, budget, MAINT_ARENA_BYTES, SIZE_MAX);
}

void maint_scratch_rest(struct arena *scratch)
{
    struct budget *budget = scratch->budget;
    arena_deinit(scratch);
    maint_scratch_init(scratch, budget);
}

/* --- Slots ------------------------------------------------------------------------------------ */

static ALWAYS_INLINE struct maint_group *maint_slot_group(uint64_t slot)
{
    return (struct maint_group *)(uintptr_t)(slot & MAINT_SLOT_MASK);
}

static void maint_slots_put(uint64_t *slots, uint32_t slots_count, struct maint_group *group)
{
    uint64_t address = (uint64_t)(uintptr_t)group;
    ASSERT(address <= MAINT_SLOT_MASK);
    uint64_t at = group->probe & (slots_count - 1);
    while (slots[at] != 0) {
        at = (at + 1) & (slots_count - 1);
    }
    slots[at] = (group->probe & ~MAINT_SLOT_MASK) | address;
}

/* Twice the slots. */
static enum err maint_table_grow(struct maint_fold *fold)
{
    struct maint_table *table = fold->table;
    uint32_t slots_count = table->slots_count == 0 ? MAINT_SLOTS_LEAST : 2 * table->slots_count;
    ASSERT(slots_count > table->slots_count);
    void *block;
    enum err err = budget_alloc(fold->budget, slots_count * sizeof(uint64_t), 64, &block);
    if (err != ERR_OK) {
        return err;
    }
    for (uint32_t i = 0; i < table->slots_count; i++) {
        if (table->slots[i] != 0) {
            maint_slots_put(block, slots_count, maint_slot_group(table->slots[i]));
        }
    }
    budget_free(fold->budget, table->slots);
    table->slots = block;
    table->slots_count = slots_count;
    return ERR_OK;
}

/* Free the slots of all groups. */
static void maint_table_clear(struct maint_table *table)
{
    if (table->count > table->slots_count / 16) {
        memset(table->slots, 0, table->slots_count * sizeof(uint64_t));
        return;
    }
    for (const struct maint_group *group = table->first; group != NULL; group = group->next) {
        /* All of its run: those behind would not be found any more, and are to go as well. */
        uint64_t at = group->probe & (table->slots_count - 1);
        for (; table->slots[at] != 0; at = (at + 1) & (table->slots_count - 1)) {
            table->slots[at] = 0;
        }
    }
}

void maint_table_reset(struct maint_fold *fold)
{
    struct maint_table *table = fold->table;
    if (table == NULL) {
        return;
    }
    if (table->slots_count > MAINT_SLOTS_LEAST && table->count < table->slots_count / 64) {
        budget_free(fold->budget, table->slots);
        table->slots = NULL;
        table->slots_count = 0;
    } else if (table->count > 0) {
        maint_table_clear(table);
    }
    table->count = 0;
    table->special = NULL;
    table->first = NULL;
    table->last = NULL;
    table->passed = NULL;
    table->piece_end = NULL;
}

/* --- Groups ----------------------------------------------------------------------------------- */

/* Zero states: a few words mostly. */
static ALWAYS_INLINE void maint_zero_states(uint8_t *states, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 8) {
        memset(states + i, 0, 8);
    }
}

/* A group with room for `key_room` bytes of a key behind its states, which are zero; its key is of
 * `key_bytes`. It is in no slot, and not counted. NULL: memory. */
static ALWAYS_INLINE struct maint_group *maint_group_make(struct maint_fold *fold, size_t key_bytes,
                                                          size_t key_room)
{
    size_t state_bytes = fold->view->state_bytes;
    struct maint_group *group =
        arena_alloc(&fold->arena, sizeof(*group) + state_bytes + key_room, 8);
    if (group == NULL) {
        return NULL;
    }
    group->u.key = maint_group_states(group) + state_bytes;
    group->key_bytes = (uint32_t)key_bytes;
    group->text_bytes = 0;
    maint_zero_states(maint_group_states(group), state_bytes);
    return group;
}

/* Where a group's key is to be written. */
static ALWAYS_INLINE uint8_t *maint_group_key_room(const struct maint_fold *fold,
                                                   struct maint_group *group)
{
    return maint_group_states(group) + fold->view->state_bytes;
}

/* The last one, now that its key is known. */
static ALWAYS_INLINE void maint_group_count(struct maint_fold *fold, struct maint_group *group)
{
    struct maint_table *table = fold->table;
    group->next = NULL;
    *(table->last != NULL ? &table->last->next : &table->first) = group;
    table->last = group;
    fold->groups_count++;
}

/* A group in a slot. NULL: memory. */
static ALWAYS_INLINE struct maint_group *maint_table_add(struct maint_fold *fold, uint64_t probe,
                                                         size_t key_bytes, size_t key_room)
{
    struct maint_table *table = fold->table;
    if (2 * (table->count + 1) > table->slots_count && maint_table_grow(fold) != ERR_OK) {
        return NULL;
    }
    struct maint_group *group = maint_group_make(fold, key_bytes, key_room);
    if (group != NULL) {
        group->probe = probe;
        maint_slots_put(table->slots, table->slots_count, group);
        table->count++;
    }
    return group;
}

/* Hashes of the groups that were made. */
static void maint_new_numbers(struct maint_fold *fold, struct maint_lookup *lookup,
                              const struct maint_new *made)
{
    for (uint32_t i = 0; i < made->count; i++) {
        struct maint_group *group = lookup->groups[made->rows[i]];
        uint8_t key[9];
        maint_group_key(MAINT_NUMBER, group, key);
        group->hash = store_hash(key, group->key_bytes);
        maint_group_count(fold, group);
    }
}

/* Keys of the groups that were made, and their hashes. */
static enum err maint_new_texts(struct maint_fold *fold, struct maint_lookup *lookup,
                                const struct maint_new *made)
{
    if (made->count == 0) {
        return ERR_OK;
    }
    struct vec_keys keys;
    const struct vec_vector *column = &lookup->columns[0];
    struct vec_selection rows = {.rows = made->rows, .count = made->count};
    enum err err = vec_keys_make(fold->scratch, &column, NULL, 1, rows, &keys);
    if (err != ERR_OK) {
        return err;
    }
    uint32_t pos = 0;
    for (uint32_t i = 0; i < made->count; i++) {
        struct maint_group *group = lookup->groups[made->rows[i]];
        uint32_t key_bytes = keys.ends[i] - pos;
        ASSERT(key_bytes <= group->key_bytes);
        memcpy(maint_group_key_room(fold, group), keys.data + pos, key_bytes);
        group->key_bytes = key_bytes;
        if (key_bytes != group->text_bytes + 3) {
            group->text_bytes = UINT32_MAX; /* it has zeros, or is null */
        }
        group->hash = store_hash(group->u.key, key_bytes);
        maint_group_count(fold, group);
        pos = keys.ends[i];
    }
    return ERR_OK;
}

/* The group of a null. */
static struct maint_group *maint_table_null(struct maint_fold *fold, struct maint_new *made,
                                            uint32_t row)
{
    struct maint_table *table = fold->table;
    if (table->special == NULL) {
        table->special = maint_group_make(fold, 1, 1);
        made->rows[made->count++] = (uint16_t)row;
    }
    return table->special;
}

static ALWAYS_INLINE void maint_table_ahead(const struct maint_table *table, const uint64_t *probes,
                                            uint32_t i, uint32_t count)
{
    if (i + MAINT_AHEAD < count && table->slots_count > 0) {
        __builtin_prefetch(&table->slots[probes[i + MAINT_AHEAD] & (table->slots_count - 1)]);
    }
}

/* Mixes all bits into all (Stafford's variant 13 of MurmurHash3's finaliser). */
static ALWAYS_INLINE uint64_t maint_probe_number(uint64_t number, uint64_t seed)
{
    uint64_t x = number ^ seed;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

#define MAINT_NUMBERS(type)                                                                        \
    for (VEC_ROWS_EACH(selection, i, row)) {                                                       \
        numbers[i] = vec_view_is_valid(&view, row) ? (uint64_t)VEC_AT(&view, type, row) : 0;       \
        probes[i] = maint_probe_number(numbers[i], seed);                                          \
    }

static enum err maint_table_find_numbers(struct maint_fold *fold, struct maint_lookup *lookup,
                                         struct maint_new *made)
{
    struct maint_table *table = fold->table;
    struct vec_selection selection = lookup->selection;
    const struct vec_vector *column = &lookup->columns[0];
    struct vec_view view = vec_view(column);
    uint64_t *numbers = arena_alloc(fold->scratch, 2 * selection.count * sizeof(*numbers), 8);
    if (numbers == NULL) {
        return fold->scratch->err;
    }
    uint64_t *probes = numbers + selection.count;
    uint64_t seed = table->seed;
    size_t width = vec_kind_bytes((enum vec_kind)column->type.kind);
    if (width == sizeof(int32_t)) {
        MAINT_NUMBERS(int32_t)
    } else {
        MAINT_NUMBERS(int64_t)
    }
    for (VEC_ROWS_EACH(selection, i, row)) {
        maint_table_ahead(table, probes, i, selection.count);
        struct maint_group *group = NULL;
        if (UNLIKELY(!vec_view_is_valid(&view, row))) {
            group = maint_table_null(fold, made, row);
        } else {
            uint64_t mask = table->slots_count - 1;
            uint64_t at = probes[i] & mask;
            for (; table->slots_count > 0 && table->slots[at] != 0; at = (at + 1) & mask) {
                struct maint_group *its = maint_slot_group(table->slots[at]);
                if (((table->slots[at] ^ probes[i]) >> MAINT_SLOT_SHIFT) == 0 &&
                    its->u.number == numbers[i]) {
                    group = its;
                    break;
                }
            }
            if (group == NULL) {
                group = maint_table_add(fold, probes[i], 1 + width, 0);
                if (group != NULL) {
                    group->u.number = numbers[i];
                    made->rows[made->count++] = (uint16_t)row;
                }
            }
        }
        if (UNLIKELY(group == NULL)) {
            return ERR_BUDGET;
        }
        lookup->groups[row] = group;
    }
    return ERR_OK;
}

/* The group of that text, found or made. NULL: memory. */
static ALWAYS_INLINE struct maint_group *maint_table_text(struct maint_fold *fold,
                                                          struct maint_new *made,
                                                          struct vec_bytes text, uint64_t probe,
                                                          uint32_t row)
{
    struct maint_table *table = fold->table;
    uint64_t mask = table->slots_count - 1;
    uint64_t at = probe & mask;
    for (; table->slots_count > 0 && table->slots[at] != 0; at = (at + 1) & mask) {
        if ((table->slots[at] ^ probe) >> MAINT_SLOT_SHIFT != 0) {
            continue;
        }
        struct maint_group *group = maint_slot_group(table->slots[at]);
        if (group->text_bytes == text.length &&
            (text.length == 0 || memcmp(group->u.key + 1, text.data, text.length) == 0)) {
            return group;
        }
    }
    size_t zeros_count = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        zeros_count += text.data[i] == 0;
    }
    size_t key_room = text.length + 3 + zeros_count;
    struct maint_group *group = maint_table_add(fold, probe, key_room, key_room);
    if (group != NULL) {
        group->text_bytes = text.length;
        if (text.length > 0) {
            memcpy(maint_group_key_room(fold, group) + 1, text.data, text.length);
        }
        made->rows[made->count++] = (uint16_t)row;
    }
    return group;
}

/* Texts with zeros are another text in their key: such a group is found within the batch it was
 * made in only, and may be made again, which does no harm. */
static enum err maint_table_find_texts(struct maint_fold *fold, struct maint_lookup *lookup,
                                       struct maint_new *made)
{
    struct maint_table *table = fold->table;
    struct vec_selection selection = lookup->selection;
    const struct vec_vector *column = &lookup->columns[0];
    struct vec_view view = vec_view(column);
    uint64_t *probes = arena_alloc(fold->scratch, selection.count * sizeof(*probes), 8);
    if (probes == NULL) {
        return fold->scratch->err;
    }
    for (VEC_ROWS_EACH(selection, i, row)) {
        struct vec_bytes text = {0};
        if (vec_view_is_valid(&view, row)) {
            text = VEC_AT(&view, struct vec_bytes, row);
        }
        probes[i] = hash64(text.data, text.length, table->seed);
    }
    for (VEC_ROWS_EACH(selection, i, row)) {
        maint_table_ahead(table, probes, i, selection.count);
        struct maint_group *group;
        if (UNLIKELY(!vec_view_is_valid(&view, row))) {
            group = maint_table_null(fold, made, row);
        } else {
            group =
                maint_table_text(fold, made, VEC_AT(&view, struct vec_bytes, row), probes[i], row);
        }
        if (UNLIKELY(group == NULL)) {
            return ERR_BUDGET;
        }
        lookup->groups[row] = group;
    }
    return ERR_OK;
}

static enum err maint_table_find_bytes(struct maint_fold *fold, struct maint_lookup *lookup)
{
    struct maint_table *table = fold->table;
    struct vec_selection selection = lookup->selection;
    const struct vec_keys *keys = &lookup->keys;
    uint64_t *probes = arena_alloc(fold->scratch, 2 * selection.count * sizeof(*probes), 8);
    if (probes == NULL) {
        return fold->scratch->err;
    }
    uint64_t *hashes = probes + selection.count;
    uint32_t pos = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        hashes[i] = store_hash(keys->data + pos, keys->ends[i] - pos);
        probes[i] = maint_probe_number(hashes[i], table->seed);
        pos = keys->ends[i];
    }
    pos = 0;
    for (VEC_ROWS_EACH(selection, i, row)) {
        maint_table_ahead(table, probes, i, selection.count);
        uint32_t key_bytes = keys->ends[i] - pos;
        const uint8_t *key = keys->data + pos;
        struct maint_group *group = NULL;
        uint64_t mask = table->slots_count - 1;
        uint64_t at = probes[i] & mask;
        for (; table->slots_count > 0 && table->slots[at] != 0; at = (at + 1) & mask) {
            struct maint_group *its = maint_slot_group(table->slots[at]);
            if (((table->slots[at] ^ probes[i]) >> MAINT_SLOT_SHIFT) == 0 &&
                its->key_bytes == key_bytes && memcmp(its->u.key, key, key_bytes) == 0) {
                group = its;
                break;
            }
        }
        if (group == NULL) {
            group = maint_table_add(fold, probes[i], key_bytes, key_bytes);
            if (group == NULL) {
                return ERR_BUDGET;
            }
            memcpy(maint_group_key_room(fold, group), key, key_bytes);
            group->hash = hashes[i];
            maint_group_count(fold, group);
        }
        lookup->groups[row] = group;
        pos = keys->ends[i];
    }
    return ERR_OK;
}

/* All rows are of one group. */
static enum err maint_table_find_all(struct maint_fold *fold, struct maint_lookup *lookup)
{
    struct maint_table *table = fold->table;
    if (table->special == NULL) {
        table->special = maint_group_make(fold, 0, 0);
        if (table->special == NULL) {
            return fold->arena.err;
        }
        table->special->hash = store_hash(NULL, 0);
        maint_group_count(fold, table->special);
    }
    for (VEC_ROWS_EACH(lookup->selection, i, row)) {
        lookup->groups[row] = table->special;
    }
    return ERR_OK;
}

enum err maint_table_find(struct maint_fold *fold, struct maint_lookup *lookup)
{
    struct maint_new made = {
        .rows = arena_alloc(fold->scratch, lookup->selection.count * sizeof(uint16_t), 8)};
    if (made.rows == NULL) {
        return fold->scratch->err;
    }
    enum err err = ERR_OK;
    switch (fold->table->form) {
    case MAINT_ALL: return maint_table_find_all(fold, lookup);
    case MAINT_BYTES: return maint_table_find_bytes(fold, lookup);
    case MAINT_NUMBER:
        err = maint_table_find_numbers(fold, lookup, &made);
        if (err == ERR_OK) {
            maint_new_numbers(fold, lookup, &made);
        }
        return err;
    case MAINT_TEXT:
        err = maint_table_find_texts(fold, lookup, &made);
        return err == ERR_OK ? maint_new_texts(fold, lookup, &made) : err;
    default: UNREACHABLE();
    }
}
