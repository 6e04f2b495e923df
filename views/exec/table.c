/* The hash table of groups. See table.h.
 *
 * Extendible hashing: the first bits of a hash name a segment of 512 slots (a directory says which;
 * several of its entries may say the same), its last bits a slot in there, from which is probed on.
 * A slot is 64 bits: 16 of the hash and a pointer of 48 to the group, 0 being free. A group is
 * looked at only where the 16 bits agree, then its whole hash decides, then its key.
 *
 * A segment that is three quarters full is split by the next bit of its hashes, some hundred groups
 * at a time: so the table grows by what it is given, and no call pays for all that is there, as it
 * would where one array doubles (64 MB to be cleared take as long as a hundred batches). Only the
 * directory doubles, which has one pointer for some hundred groups. Hashes are of a seed that
 * nobody knows; were they all alike, memory would end, and not the machine.
 *
 * Keys of one column of numbers, and of one TEXT, are looked up as they stand. They have the same
 * equality as the bytes of vec_keys_make: of a DOUBLE -0 becomes 0 and every NaN one NaN. Values of
 * a dictionary are looked up once per batch. */
#include "views/exec/table.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "views/vec/key.h"

/* Slots of a segment, a power of two, and how many of them are used before it is split. */
#define EXEC_SLOTS_COUNT 512u
#define EXEC_SLOTS_FULL  384u

/* How far ahead slots and groups are fetched, and of how many segments a table has them at hand. */
#define EXEC_SLOTS_AHEAD   32u
#define EXEC_SEGMENTS_NEAR 16u

/* A slot: bits of the hash that stand neither in the directory's index nor in the slot's, above the
 * pointer. */
#define EXEC_SLOT_SHIFT      48u
#define EXEC_SLOT_MASK       ((UINT64_C(1) << EXEC_SLOT_SHIFT) - 1)
#define EXEC_SLOT_SALT(hash) ((hash) << 32 >> EXEC_SLOT_SHIFT)

/* A segment. */
struct exec_segment {
    uint32_t depth; /* first bits that all hashes in it share */
    uint32_t count; /* slots in use */
    uint64_t slots[EXEC_SLOTS_COUNT];
};

/* What stands behind a group whose key has an owner. */
struct exec_owner {
    ALIGNED(16) const struct exec_group *group;
};

/* A key as it is looked up. */
struct exec_probe {
    uint64_t hash;
    uint64_t number;                /* NUMBER */
    const uint8_t *bytes;           /* others */
    uint32_t length;                /* likewise */
    const struct exec_group *owner; /* or NULL */
};

static enum exec_key exec_table_form(const struct vec_type *types, uint32_t count);
static enum err exec_table_begin(struct exec_table *table);
static enum err exec_table_find_numbers(struct exec_table *table, struct arena *scratch,
                                        struct exec_lookup *lookup);
static enum err exec_table_find_texts(struct exec_table *table, struct arena *scratch,
                                      struct exec_lookup *lookup);
static enum err exec_table_find_bytes(struct exec_table *table, struct arena *scratch,
                                      struct exec_lookup *lookup);

static_assert(sizeof(struct exec_group) % 16 == 0, "what stands behind is aligned to 16");

void exec_table_init(struct exec_table *table, const struct vec_type *types, uint32_t count,
                     uint32_t room_bytes, uint64_t seed, struct arena *arena)
{
    ASSERT(count > 0);
    *table = (struct exec_table){
        .form = exec_table_form(types, count),
        .columns_count = count,
        .room_bytes = room_bytes,
        .seed = seed,
        .arena = arena,
    };
}

void exec_table_init_owned(struct exec_table *table, const struct vec_type *types, uint32_t count,
                           uint64_t seed, struct arena *arena)
{
    exec_table_init(table, types, count, sizeof(struct exec_owner), seed, arena);
    table->has_owners = true;
}

enum err exec_table_find(struct exec_table *table, struct arena *scratch,
                         struct exec_lookup *lookup)
{
    ASSERT(table->has_owners == (lookup->owners != NULL));
    lookup->new_count = 0;
    if (lookup->selection.count == 0) {
        return ERR_OK;
    }
    enum err err = exec_table_begin(table);
    if (err != ERR_OK) {
        return err;
    }
    switch (table->form) {
    case EXEC_KEY_NUMBER: return exec_table_find_numbers(table, scratch, lookup);
    case EXEC_KEY_TEXT: return exec_table_find_texts(table, scratch, lookup);
    case EXEC_KEY_BYTES: return exec_table_find_bytes(table, scratch, lookup);
    }
    UNREACHABLE();
}

static enum exec_key exec_table_form(const struct vec_type *types, uint32_t count)
{
    if (count > 1) {
        return EXEC_KEY_BYTES;
    }
    switch ((enum vec_kind)types[0].kind) {
    case VEC_BOOLEAN:
    case VEC_INTEGER:
    case VEC_BIGINT:
    case VEC_DOUBLE:
    case VEC_DATE:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: return EXEC_KEY_NUMBER;
    case VEC_TEXT: return EXEC_KEY_TEXT;
    case VEC_NUMERIC:
    case VEC_INTERVAL:
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: return EXEC_KEY_BYTES;
    }
}

static inline struct exec_group *exec_slot_group(uint64_t slot)
{
    return (struct exec_group *)(uintptr_t)(slot & EXEC_SLOT_MASK);
}

/* The segment of a hash. */
static ALWAYS_INLINE struct exec_segment *exec_table_segment(const struct exec_table *table,
                                                             uint64_t hash)
{
    return table->segments[hash >> 1 >> (63 - table->depth)];
}

/* Fetch what hashes behind the i-th will be asked for: slots, and soon after what they point to. A
 * small table is near anyway. */
static ALWAYS_INLINE void exec_table_ahead(const struct exec_table *table, const uint64_t *hashes,
                                           uint32_t i, uint32_t count)
{
    if (table->segments_count < EXEC_SEGMENTS_NEAR || i + EXEC_SLOTS_AHEAD >= count) {
        return;
    }
    uint64_t hash = hashes[i + EXEC_SLOTS_AHEAD];
    __builtin_prefetch(&exec_table_segment(table, hash)->slots[hash % EXEC_SLOTS_COUNT]);
    hash = hashes[i + EXEC_SLOTS_AHEAD / 2];
    uint64_t slot = exec_table_segment(table, hash)->slots[hash % EXEC_SLOTS_COUNT];
    const char *group = (const char *)exec_slot_group(slot);
    __builtin_prefetch(group);
    __builtin_prefetch(group + 64);
}

/* Put a group that is in no slot of `segment`, which has one, into one. */
static inline void exec_segment_put(struct exec_segment *segment, uint64_t hash, uint64_t slot)
{
    uint64_t pos = hash % EXEC_SLOTS_COUNT;
    while (segment->slots[pos] != 0) {
        pos = (pos + 1) % EXEC_SLOTS_COUNT;
    }
    segment->slots[pos] = slot;
    segment->count++;
}

/* Have a first segment. */
static enum err exec_table_begin(struct exec_table *table)
{
    if (table->segments != NULL) {
        return ERR_OK;
    }
    struct exec_segment **segments = arena_alloc(table->arena, sizeof(*segments), 8);
    struct exec_segment *segment = arena_alloc_zeroed(table->arena, sizeof(*segment), 64);
    if (segments == NULL || segment == NULL) {
        return ERR_BUDGET;
    }
    segments[0] = segment;
    table->segments = segments;
    table->segments_count = 1;
    return ERR_OK;
}

/* Have a directory that tells hashes apart by one more bit. */
static enum err exec_table_deepen(struct exec_table *table)
{
    size_t count = (size_t)1 << table->depth;
    struct exec_segment **segments = arena_alloc(table->arena, 2 * count * sizeof(*segments), 64);
    if (segments == NULL || table->depth == 31) {
        return ERR_BUDGET;
    }
    for (size_t i = 0; i < count; i++) {
        segments[2 * i] = table->segments[i];
        segments[2 * i + 1] = table->segments[i];
    }
    table->segments = segments;
    table->depth++;
    return ERR_OK;
}

/* Split the segment of `hash` in two. */
static NOINLINE enum err exec_table_split(struct exec_table *table, uint64_t hash)
{
    struct exec_segment *low = exec_table_segment(table, hash);
    if (low->depth == table->depth) {
        enum err err = exec_table_deepen(table);
        if (err != ERR_OK) {
            return err;
        }
    }
    struct exec_segment *high = arena_alloc_zeroed(table->arena, sizeof(*high), 64);
    if (high == NULL) {
        return ERR_BUDGET;
    }
    uint64_t slots[EXEC_SLOTS_COUNT];
    uint32_t count = 0;
    for (uint32_t i = 0; i < EXEC_SLOTS_COUNT; i++) {
        slots[count] = low->slots[i];
        count += slots[count] != 0;
        __builtin_prefetch(exec_slot_group(low->slots[i]));
    }
    ASSERT(count == low->count);
    memset(low->slots, 0, sizeof(low->slots));
    uint32_t shift = 63 - low->depth; /* of the bit that tells */
    *high = (struct exec_segment){.depth = low->depth + 1};
    low->depth++;
    low->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t its = exec_slot_group(slots[i])->hash;
        exec_segment_put((its >> shift & 1) != 0 ? high : low, its, slots[i]);
    }
    /* The directory's entries for `low` stand in a row; the second half of them becomes `high`. */
    size_t entries = (size_t)1 << (table->depth - low->depth);
    size_t first = (size_t)(hash >> shift | 1) * entries;
    for (size_t i = 0; i < entries; i++) {
        ASSERT(table->segments[first + i] == low);
        table->segments[first + i] = high;
    }
    table->segments_count++;
    return ERR_OK;
}

static ALWAYS_INLINE bool exec_group_is(const struct exec_group *group,
                                        const struct exec_probe *probe, enum exec_key form)
{
    if (group->hash != probe->hash) {
        return false;
    }
    if (probe->owner != NULL && ((const struct exec_owner *)(group + 1))->group != probe->owner) {
        return false;
    }
    if (form == EXEC_KEY_NUMBER) {
        return group->key.number == probe->number;
    }
    return group->key_length == probe->length &&
           (probe->length == 0 || memcmp(group->key.bytes, probe->bytes, probe->length) == 0);
}

/* The group of that key in `segment`, or NULL. */
static ALWAYS_INLINE struct exec_group *exec_segment_find(const struct exec_segment *segment,
                                                          const struct exec_probe *probe,
                                                          enum exec_key form)
{
    uint64_t salt = EXEC_SLOT_SALT(probe->hash);
    uint64_t pos = probe->hash % EXEC_SLOTS_COUNT;
    for (; segment->slots[pos] != 0; pos = (pos + 1) % EXEC_SLOTS_COUNT) {
        if (segment->slots[pos] >> EXEC_SLOT_SHIFT == salt) {
            struct exec_group *group = exec_slot_group(segment->slots[pos]);
            if (exec_group_is(group, probe, form)) {
                return group;
            }
        }
    }
    return NULL;
}

/* A new group at the end of the chain, in no slot yet; NULL: the arena refuses. */
static struct exec_group *exec_table_add(struct exec_table *table, const struct exec_probe *probe,
                                         struct exec_lookup *lookup, uint32_t row)
{
    size_t bytes = sizeof(struct exec_group) + table->room_bytes;
    struct exec_group *group = arena_alloc(table->arena, bytes, 16);
    if (group == NULL) {
        return NULL;
    }
    *group = (struct exec_group){.hash = probe->hash};
    if (table->has_owners) {
        ((struct exec_owner *)exec_group_room(group))->group = probe->owner;
    }
    if (table->form == EXEC_KEY_NUMBER) {
        group->key.number = probe->number;
    } else {
        uint8_t *copy = arena_alloc(table->arena, probe->length, 1);
        if (copy == NULL) {
            return NULL;
        }
        if (probe->length > 0) {
            memcpy(copy, probe->bytes, probe->length);
        }
        group->key.bytes = copy;
        group->key_length = probe->length;
    }
    if (table->last != NULL) {
        table->last->next = group;
    } else {
        table->first = group;
    }
    table->last = group;
    lookup->new_rows[lookup->new_count++] = (uint16_t)row;
    return group;
}

/* A new group in a slot. NULL: the arena refuses. */
static NOINLINE struct exec_group *exec_table_make(struct exec_table *table,
                                                   const struct exec_probe *probe,
                                                   struct exec_lookup *lookup, uint32_t row)
{
    while (exec_table_segment(table, probe->hash)->count >= EXEC_SLOTS_FULL) {
        if (exec_table_split(table, probe->hash) != ERR_OK) {
            return NULL;
        }
    }
    struct exec_group *group = exec_table_add(table, probe, lookup, row);
    if (group != NULL) {
        uint64_t address = (uint64_t)(uintptr_t)group;
        ASSERT(address <= EXEC_SLOT_MASK);
        exec_segment_put(exec_table_segment(table, probe->hash), probe->hash,
                         EXEC_SLOT_SALT(probe->hash) << EXEC_SLOT_SHIFT | address);
        table->count++;
    }
    return group;
}

/* The group of the key of row `row`, found or made. NULL: the arena refuses. */
static ALWAYS_INLINE struct exec_group *exec_table_group(struct exec_table *table,
                                                         const struct exec_probe *probe,
                                                         enum exec_key form,
                                                         struct exec_lookup *lookup, uint32_t row)
{
    const struct exec_segment *segment = exec_table_segment(table, probe->hash);
    struct exec_group *group = exec_segment_find(segment, probe, form);
    return group != NULL ? group : exec_table_make(table, probe, lookup, row);
}

/* The group of null, which has no slot. NULL: the arena refuses. */
static struct exec_group *exec_table_null(struct exec_table *table, struct exec_lookup *lookup,
                                          uint32_t row)
{
    ASSERT(lookup->owners == NULL);
    if (table->null_group == NULL) {
        table->null_group = exec_table_add(table, &(struct exec_probe){0}, lookup, row);
    }
    return table->null_group;
}

/* Make the hashes of keys those of keys and their owners. */
static void exec_hashes_own(const struct exec_lookup *lookup, uint64_t *hashes)
{
    for (uint32_t i = 0; lookup->owners != NULL && i < lookup->selection.count; i++) {
        const struct exec_group *owner = lookup->owners[vec_row(lookup->selection, i)];
        uint64_t own = owner->hash + (uint64_t)(uintptr_t)owner;
        hashes[i] ^= own * UINT64_C(0x9e3779b97f4a7c15);
    }
}

/* Mixes all bits into all (Stafford's variant 13 of MurmurHash3's finaliser). */
static ALWAYS_INLINE uint64_t exec_hash_number(uint64_t number, uint64_t seed)
{
    uint64_t x = number ^ seed;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* A DOUBLE as a number that is equal where it is. */
static ALWAYS_INLINE uint64_t exec_number_real(double value)
{
    value = value == 0 ? 0 : value;
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return value == value ? bits : UINT64_C(0x7ff8000000000000);
}

/* The values of `count` places of a column as numbers: of each row, or of each of a dictionary. */
#define EXEC_NUMBERS(type, make)                                                                   \
    for (uint32_t i = 0; i < selection.count; i++) {                                               \
        uint32_t row = vec_row(selection, i);                                                      \
        type value = vec_view_is_valid(&view, row) ? VEC_AT(&view, type, row) : 0;                 \
        numbers[i] = (make);                                                                       \
    }

static void exec_numbers(const struct vec_vector *column, struct vec_selection selection,
                         uint64_t *numbers)
{
    struct vec_view view = vec_view(column);
    switch ((enum vec_kind)column->type.kind) {
    case VEC_BOOLEAN: EXEC_NUMBERS(uint8_t, value) break;
    case VEC_INTEGER:
    case VEC_DATE: EXEC_NUMBERS(int32_t, (uint32_t)value) break;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: EXEC_NUMBERS(int64_t, (uint64_t)value) break;
    case VEC_DOUBLE: EXEC_NUMBERS(double, exec_number_real(value)) break;
    case VEC_NUMERIC:
    case VEC_TEXT:
    case VEC_INTERVAL:
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
}

static enum err exec_table_find_numbers(struct exec_table *table, struct arena *scratch,
                                        struct exec_lookup *lookup)
{
    struct vec_selection selection = lookup->selection;
    uint32_t count = selection.count;
    uint64_t *numbers = arena_alloc(scratch, 2 * count * sizeof(*numbers), sizeof(*numbers));
    if (numbers == NULL) {
        return ERR_BUDGET;
    }
    uint64_t *hashes = numbers + count;
    exec_numbers(lookup->columns, selection, numbers);
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = exec_hash_number(numbers[i], table->seed);
    }
    exec_hashes_own(lookup, hashes);
    struct vec_view view = vec_view(lookup->columns);
    struct exec_probe probe = {0};
    struct exec_group *group = NULL; /* of `probe`: rows of one key often follow each other */
    for (uint32_t i = 0; i < count; i++) {
        exec_table_ahead(table, hashes, i, count);
        uint32_t row = vec_row(selection, i);
        if (UNLIKELY(!vec_view_is_valid(&view, row))) {
            lookup->groups[row] = exec_table_null(table, lookup, row);
        } else {
            struct exec_group *owner = lookup->owners != NULL ? lookup->owners[row] : NULL;
            if (group == NULL || probe.number != numbers[i] || probe.owner != owner) {
                probe.number = numbers[i];
                probe.owner = owner;
                probe.hash = hashes[i];
                group = exec_table_group(table, &probe, EXEC_KEY_NUMBER, lookup, row);
            }
            lookup->groups[row] = group;
        }
        if (UNLIKELY(lookup->groups[row] == NULL)) {
            return ERR_BUDGET;
        }
    }
    return ERR_OK;
}

/* Texts of a dictionary, or one for all rows: each is looked up once. */
static enum err exec_table_find_known(struct exec_table *table, struct arena *scratch,
                                      struct exec_lookup *lookup)
{
    const struct vec_vector *column = lookup->columns;
    struct vec_view view = vec_view(column);
    uint32_t count = column->form == VEC_CONSTANT ? 1 : column->dictionary_count;
    struct exec_group **known = arena_alloc_zeroed(scratch, count * sizeof(*known), sizeof(*known));
    if (known == NULL) {
        return ERR_BUDGET;
    }
    for (uint32_t i = 0; i < lookup->selection.count; i++) {
        uint32_t row = vec_row(lookup->selection, i);
        if (UNLIKELY(!vec_view_is_valid(&view, row))) {
            lookup->groups[row] = exec_table_null(table, lookup, row);
        } else {
            uint32_t at = vec_view_at(&view, row);
            if (known[at] == NULL) {
                struct vec_bytes text = ((const struct vec_bytes *)view.data)[at];
                const struct exec_probe probe = {
                    .hash = hash64(text.data, text.length, table->seed),
                    .bytes = (const uint8_t *)text.data,
                    .length = text.length,
                };
                known[at] = exec_table_group(table, &probe, EXEC_KEY_TEXT, lookup, row);
            }
            lookup->groups[row] = known[at];
        }
        if (UNLIKELY(lookup->groups[row] == NULL)) {
            return ERR_BUDGET;
        }
    }
    return ERR_OK;
}

static enum err exec_table_find_texts(struct exec_table *table, struct arena *scratch,
                                      struct exec_lookup *lookup)
{
    struct vec_selection selection = lookup->selection;
    uint32_t count = selection.count;
    const struct vec_vector *column = lookup->columns;
    if (lookup->owners == NULL && column->form != VEC_FLAT &&
        column->dictionary_count <= 2 * VEC_ROWS_MAX) {
        return exec_table_find_known(table, scratch, lookup);
    }
    struct vec_view view = vec_view(column);
    uint64_t *hashes = arena_alloc(scratch, count * sizeof(*hashes), sizeof(*hashes));
    if (hashes == NULL) {
        return ERR_BUDGET;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = vec_row(selection, i);
        struct vec_bytes text = {0};
        if (vec_view_is_valid(&view, row)) {
            text = VEC_AT(&view, struct vec_bytes, row);
        }
        hashes[i] = hash64(text.data, text.length, table->seed);
    }
    exec_hashes_own(lookup, hashes);
    for (uint32_t i = 0; i < count; i++) {
        exec_table_ahead(table, hashes, i, count);
        uint32_t row = vec_row(selection, i);
        if (UNLIKELY(!vec_view_is_valid(&view, row))) {
            lookup->groups[row] = exec_table_null(table, lookup, row);
        } else {
            struct vec_bytes text = VEC_AT(&view, struct vec_bytes, row);
            const struct exec_probe probe = {
                .hash = hashes[i],
                .bytes = (const uint8_t *)text.data,
                .length = text.length,
                .owner = lookup->owners != NULL ? lookup->owners[row] : NULL,
            };
            lookup->groups[row] = exec_table_group(table, &probe, EXEC_KEY_TEXT, lookup, row);
        }
        if (UNLIKELY(lookup->groups[row] == NULL)) {
            return ERR_BUDGET;
        }
    }
    return ERR_OK;
}

static enum err exec_table_find_bytes(struct exec_table *table, struct arena *scratch,
                                      struct exec_lookup *lookup)
{
    struct vec_selection selection = lookup->selection;
    uint32_t count = selection.count;
    const struct vec_vector **columns =
        arena_alloc(scratch, table->columns_count * sizeof(*columns), sizeof(*columns));
    uint64_t *hashes = arena_alloc(scratch, count * sizeof(*hashes), sizeof(*hashes));
    if (columns == NULL || hashes == NULL) {
        return ERR_BUDGET;
    }
    for (uint32_t i = 0; i < table->columns_count; i++) {
        columns[i] = &lookup->columns[i];
    }
    struct vec_keys keys;
    if (vec_keys_make(scratch, columns, NULL, table->columns_count, selection, &keys) != ERR_OK) {
        return ERR_BUDGET;
    }
    ASSERT(keys.count == count);
    uint32_t pos = 0;
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = hash64(keys.data + pos, keys.ends[i] - pos, table->seed);
        pos = keys.ends[i];
    }
    exec_hashes_own(lookup, hashes);
    pos = 0;
    for (uint32_t i = 0; i < count; i++) {
        exec_table_ahead(table, hashes, i, count);
        uint32_t row = vec_row(selection, i);
        struct exec_probe probe = {
            .hash = hashes[i],
            .bytes = keys.data + pos,
            .length = keys.ends[i] - pos,
            .owner = lookup->owners != NULL ? lookup->owners[row] : NULL,
        };
        lookup->groups[row] = exec_table_group(table, &probe, EXEC_KEY_BYTES, lookup, row);
        if (UNLIKELY(lookup->groups[row] == NULL)) {
            return ERR_BUDGET;
        }
        pos = keys.ends[i];
    }
    return ERR_OK;
}
