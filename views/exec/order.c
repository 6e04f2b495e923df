/* Keys of rows and their order. See order.h.
 *
 * The first byte of a key says null or not, which nearly all rows say alike; the prefix is the
 * eight bytes behind it. A null has the least or the greatest prefix there is, by where nulls
 * stand: a value may have the same one, and the whole keys decide. So the prefix of a number is all
 * of it, and where no null has been seen yet, rows of equal prefix are equal without looking
 * further.
 *
 * Sorting is a merge sort, bottom up over runs of insertion: stable, bounded, and a batch that is
 * in order already costs one pass. A radix sort was left out: of 2,048 rows all eight bytes differ
 * somewhere, and eight passes cost what eleven of merging do. */
#include "views/exec/order.h"

#include "base/bytes.h"

/* Entries that are sorted by insertion. */
#define EXEC_ORDER_RUN 16u

static uint64_t exec_order_prefix(const uint8_t *key, uint32_t length);
static bool exec_order_is_short(const struct plan_sort *sort);

void exec_order_init(struct exec_order *order, const struct plan_sort *sort)
{
    *order = (struct exec_order){.sort = sort, .is_whole = exec_order_is_short(sort)};
}

/* Whether a key is one value of at most eight bytes. */
static bool exec_order_is_short(const struct plan_sort *sort)
{
    if (sort->keys_count != 1) {
        return false;
    }
    switch ((enum vec_kind)sort->keys[0]->type.kind) {
    case VEC_BOOLEAN:
    case VEC_INTEGER:
    case VEC_BIGINT:
    case VEC_DOUBLE:
    case VEC_DATE:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: return true;
    case VEC_NUMERIC:
    case VEC_TEXT:
    case VEC_INTERVAL:
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: return false;
    }
}

static bool exec_order_memory(struct vec_eval *ev)
{
    ev->failure = (struct vec_failure){.fault = VEC_FAULT_MEMORY};
    return false;
}

bool exec_order_rank(struct exec_order *order, struct vec_eval *ev, const struct vec_batch *batch,
                     struct exec_ranks *out)
{
    const struct plan_sort *sort = order->sort;
    struct vec_selection selection = batch->selection;
    uint32_t count = selection.count;
    struct arena *a = ev->scratch;
    struct vec_vector *columns = arena_alloc(a, sort->keys_count * sizeof(*columns), 8);
    const struct vec_vector **pointers = arena_alloc(a, sort->keys_count * sizeof(*pointers), 8);
    out->entries = arena_alloc(a, count * sizeof(*out->entries), 8);
    out->spare = arena_alloc(a, count * sizeof(*out->spare), 8);
    out->ranked = arena_alloc(a, count * sizeof(*out->ranked), 8);
    if (columns == NULL || pointers == NULL || out->entries == NULL || out->spare == NULL ||
        out->ranked == NULL) {
        return exec_order_memory(ev);
    }
    for (uint32_t i = 0; i < sort->keys_count; i++) {
        pointers[i] = &columns[i];
        if (!vec_eval(ev, sort->keys[i], batch, selection, &columns[i])) {
            return false;
        }
    }
    struct vec_keys keys;
    if (vec_keys_make(a, pointers, sort->orders, sort->keys_count, selection, &keys) != ERR_OK) {
        return exec_order_memory(ev);
    }
    ASSERT(keys.count == count);
    struct vec_view first = sort->keys_count > 0 ? vec_view(&columns[0]) : (struct vec_view){0};
    uint64_t null_prefix = sort->keys_count > 0 && sort->orders[0].is_null_first ? 0 : UINT64_MAX;
    uint32_t pos = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = vec_row(selection, i);
        struct exec_ranked *ranked = &out->ranked[i];
        *ranked =
            (struct exec_ranked){.key = keys.data + pos, .length = keys.ends[i] - pos, .row = row};
        pos = keys.ends[i];
        bool is_valid = vec_view_is_valid(&first, row);
        out->entries[i].prefix =
            is_valid ? exec_order_prefix(ranked->key, ranked->length) : null_prefix;
        out->entries[i].rank = ranked;
        order->is_whole = order->is_whole && is_valid;
    }
    ASSERT(IMPLIES(order->is_whole && count > 0, keys.ends[0] <= 9));
    out->keys = keys.data;
    out->keys_bytes = pos;
    out->count = count;
    return true;
}

/* Bytes 1 to 8 of a key, as a number whose order is theirs. */
static uint64_t exec_order_prefix(const uint8_t *key, uint32_t length)
{
    if (LIKELY(length >= 9)) {
        uint64_t bits;
        memcpy(&bits, key + 1, sizeof(bits));
        return __builtin_bswap64(bits);
    }
    uint64_t prefix = 0;
    for (uint32_t i = 1; i < 9; i++) {
        prefix = prefix << 8 | (i < length ? key[i] : 0);
    }
    return prefix;
}

static void exec_order_insert(const struct exec_order *order, struct exec_entry *entries,
                              uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct exec_entry entry = entries[i];
        uint32_t at = i;
        while (at > 0 && exec_entry_is_after(order, &entries[at - 1], &entry)) {
            entries[at] = entries[at - 1];
            at--;
        }
        entries[at] = entry;
    }
}

/* out[a_count + b_count] = both runs; of equal ones those of `a` come first. */
static void exec_order_merge(const struct exec_order *order, const struct exec_entry *a,
                             uint32_t a_count, const struct exec_entry *b, uint32_t b_count,
                             struct exec_entry *out)
{
    if (b_count == 0 || !exec_entry_is_after(order, &a[a_count - 1], &b[0])) {
        memcpy(out, a, a_count * sizeof(*a));
        memcpy(out + a_count, b, b_count * sizeof(*b));
        return;
    }
    const struct exec_entry *a_end = a + a_count;
    const struct exec_entry *b_end = b + b_count;
    while (a < a_end && b < b_end) {
        bool takes_b = exec_entry_is_after(order, a, b);
        *out++ = takes_b ? *b : *a;
        b += takes_b;
        a += !takes_b;
    }
    memcpy(out, a, (size_t)(a_end - a) * sizeof(*a));
    memcpy(out + (a_end - a), b, (size_t)(b_end - b) * sizeof(*b));
}

void exec_order_sort(const struct exec_order *order, struct exec_ranks *ranks, uint32_t count)
{
    ASSERT(count <= ranks->count);
    struct exec_entry *from = ranks->entries;
    struct exec_entry *to = ranks->spare;
    for (uint32_t i = 0; i < count; i += EXEC_ORDER_RUN) {
        uint32_t left = count - i;
        exec_order_insert(order, from + i, left < EXEC_ORDER_RUN ? left : EXEC_ORDER_RUN);
    }
    for (uint32_t width = EXEC_ORDER_RUN; width < count; width *= 2) {
        for (uint32_t i = 0; i < count; i += 2 * width) {
            uint32_t a_count = count - i < width ? count - i : width;
            uint32_t left = count - i - a_count;
            exec_order_merge(order, from + i, a_count, from + i + a_count,
                             left < width ? left : width, to + i);
        }
        struct exec_entry *swapped = from;
        from = to;
        to = swapped;
    }
    ranks->entries = from;
    ranks->spare = to;
}
