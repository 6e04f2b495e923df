/* Sorted runs, and their merge. See runs.h.
 *
 * Each batch is sorted when it comes (some ten microseconds), so that nothing is left for the end
 * but a heap of as many runs as there were batches; the heap compares eight bytes, and whole keys
 * only where these are equal. Rows are given in pieces: who has enough does not sort the rest.
 *
 * A batch whose rows all follow those of the run before, or all precede them, extends it: rows that
 * are in order already, in either direction, are one run and cost no merge.
 *
 * Considered and not taken: merging runs while they come (as many comparisons, and twice the
 * entries in memory). */
#include "views/exec/runs.h"

/* Rows that one call merges: each costs some comparisons, and is somewhere else in memory. */
#define EXEC_RUNS_ROWS 1024u

static enum err exec_runs_keep(struct exec_runs *runs, const struct vec_batch *batch,
                               struct exec_ranks *ranks, struct arena *scratch);
static enum err exec_runs_place(struct exec_runs *runs, const struct exec_entry *entries,
                                uint32_t count);

bool exec_runs_init(struct exec_runs *runs, struct exec_query *query, const struct plan_sort *sort,
                    const struct vec_type *types, uint32_t columns_count)
{
    *runs = (struct exec_runs){0};
    exec_order_init(&runs->order, sort);
    arena_init(&runs->arena, query->setting.budget, EXEC_ARENA_BYTES_LARGE, SIZE_MAX);
    if (exec_layout_init(&runs->layout, types, columns_count, &query->arena) != ERR_OK) {
        exec_fail_memory(query);
        return false;
    }
    return true;
}

bool exec_runs_add(struct exec_runs *runs, struct exec_query *query, const struct vec_batch *batch)
{
    ASSERT(!runs->is_merging);
    struct exec_ranks ranks;
    if (!exec_order_rank(&runs->order, &query->eval, batch, &ranks)) {
        exec_fail_eval(query);
        return false;
    }
    exec_order_sort(&runs->order, &ranks, ranks.count);
    if (exec_runs_keep(runs, batch, &ranks, query->eval.scratch) != ERR_OK) {
        exec_fail_memory(query);
        return false;
    }
    return true;
}

/* Copy rows and keys, in the order of `ranks`, and make entries of them. */
static enum err exec_runs_keep(struct exec_runs *runs, const struct vec_batch *batch,
                               struct exec_ranks *ranks, struct arena *scratch)
{
    uint32_t count = ranks->count;
    struct arena *a = &runs->arena;
    size_t bytes = sizeof(struct exec_ranked) + runs->layout.row_bytes;
    uint8_t *block = arena_alloc(a, bytes * count, 8);
    struct exec_entry *entries = arena_alloc(a, count * sizeof(*entries), 8);
    uint8_t *keys = arena_alloc(a, ranks->keys_bytes, 1);
    uint8_t **rows = arena_alloc(scratch, count * sizeof(*rows), sizeof(*rows));
    if (block == NULL || entries == NULL || keys == NULL || rows == NULL) {
        return ERR_BUDGET;
    }
    if (ranks->keys_bytes > 0) {
        memcpy(keys, ranks->keys, ranks->keys_bytes);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct exec_entry *from = &ranks->entries[i];
        struct exec_ranked *ranked = (struct exec_ranked *)(void *)(block + bytes * i);
        *ranked = (struct exec_ranked){.key = keys + (from->rank->key - ranks->keys),
                                       .length = from->rank->length};
        entries[i] = (struct exec_entry){.prefix = from->prefix, .rank = ranked};
        /* The i-th row of the batch is the one whose rank stands at i. */
        rows[from->rank - ranks->ranked] = (uint8_t *)(ranked + 1);
    }
    enum err err = exec_rows_write(&runs->layout, batch->columns, batch->selection, rows, a);
    return err != ERR_OK ? err : exec_runs_place(runs, entries, count);
}

/* Make a sorted batch part of the newest run, or a new one. */
static enum err exec_runs_place(struct exec_runs *runs, const struct exec_entry *entries,
                                uint32_t count)
{
    struct arena *a = &runs->arena;
    struct exec_piece *piece = arena_alloc(a, sizeof(*piece), sizeof(void *));
    if (piece == NULL) {
        return ERR_BUDGET;
    }
    *piece = (struct exec_piece){.entries = (struct exec_entry *)entries, .count = count};
    struct exec_run *run = runs->newest;
    const struct exec_order *order = &runs->order;
    if (run != NULL) {
        const struct exec_entry *low = &run->first->entries[0];
        const struct exec_entry *high = &run->last->entries[run->last->count - 1];
        if (!exec_entry_is_after(order, high, &entries[0])) {
            run->last->next = piece;
            run->last = piece;
            return ERR_OK;
        }
        if (exec_entry_is_after(order, low, &entries[count - 1])) {
            piece->next = run->first;
            run->first = piece;
            return ERR_OK;
        }
    }
    run = arena_alloc(a, sizeof(*run), sizeof(void *));
    if (run == NULL) {
        return ERR_BUDGET;
    }
    *run = (struct exec_run){.runs = runs,
                             .older = runs->newest,
                             .number = runs->count++,
                             .first = piece,
                             .last = piece};
    runs->newest = run;
    return ERR_OK;
}

/* Of two runs whose next rows have the same prefix. */
static bool exec_runs_is_before(const struct heap_node *a, const struct heap_node *b)
{
    const struct exec_run *run_a = CONTAINER_OF(a, const struct exec_run, in_heap);
    const struct exec_run *run_b = CONTAINER_OF(b, const struct exec_run, in_heap);
    int order = 0;
    if (!run_a->runs->order.is_whole) {
        order = exec_ranked_compare(run_a->first->entries[run_a->at].rank,
                                    run_b->first->entries[run_b->at].rank);
    }
    return order != 0 ? order < 0 : run_a->number < run_b->number;
}

bool exec_runs_merge(struct exec_runs *runs, struct exec_query *query)
{
    ASSERT(!runs->is_merging);
    runs->is_merging = true;
    if (runs->count == 0) {
        return true;
    }
    struct heap_entry *rows = arena_alloc(&runs->arena, runs->count * sizeof(*rows), 8);
    if (rows == NULL) {
        exec_fail_memory(query);
        return false;
    }
    heap_init(&runs->heap, rows, runs->count, exec_runs_is_before);
    for (struct exec_run *run = runs->newest; run != NULL; run = run->older) {
        enum err err = heap_push(&runs->heap, &run->in_heap, run->first->entries[0].prefix);
        ASSERT(err == ERR_OK); /* there is a row for each */
    }
    return true;
}

/* Step over the run's next row. False: that was its last. */
static bool exec_run_step(struct exec_run *run)
{
    run->at++;
    if (run->at == run->first->count) {
        run->at = 0;
        run->first = run->first->next;
    }
    return run->first != NULL;
}

uint32_t exec_runs_next(struct exec_runs *runs, const uint8_t **rows)
{
    ASSERT(runs->is_merging);
    uint32_t count = 0;
    uint32_t count_max = runs->heap.count > 1 ? EXEC_RUNS_ROWS : VEC_ROWS_MAX;
    while (count < count_max && runs->heap.count > 0) {
        struct exec_run *run = CONTAINER_OF(heap_min(&runs->heap), struct exec_run, in_heap);
        /* The last run has no rival: its rows need no comparing. */
        bool is_alone = runs->heap.count == 1;
        bool has_more;
        do {
            rows[count++] = (const uint8_t *)(run->first->entries[run->at].rank + 1);
            has_more = exec_run_step(run);
        } while (is_alone && has_more && count < count_max);
        if (!has_more) {
            heap_remove(&runs->heap, &run->in_heap);
        } else if (!is_alone) {
            heap_update(&runs->heap, &run->in_heap, run->first->entries[run->at].prefix);
        }
    }
    return count;
}
