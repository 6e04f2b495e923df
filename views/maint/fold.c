/* Rows into partial groups. See fold.h.
 *
 * A batch is evaluated as a whole (steps, keys, arguments) before any of its rows is folded. Where
 * that fails it is cut in halves, until those rows alone are left that fail by themselves; each
 * piece begins with all the steps an evaluation may take, so that it does not depend on a row's
 * neighbours whether it fails.
 *
 * What was evaluated is folded state by state, each by the loop over vectors of its accumulator. */
#include "views/maint/fold.h"

#include <string.h>

#include "base/assert.h"
#include "views/maint/fold_int.h"

/* Rows under way. */
struct maint_work {
    struct vec_batch batch;      /* behind the steps done so far */
    struct maint_lookup lookup;  /* of the rows that are left */
    struct vec_vector *keys;     /* keys_count */
    struct vec_vector **args;    /* of each state */
    struct vec_selection *picks; /* of each state: the rows that count */
};

static enum err maint_fold_piece(struct maint_fold *fold, const struct vec_batch *batch,
                                 struct vec_selection selection);
static bool maint_work_eval(struct maint_fold *fold, struct maint_work *work);
static bool maint_work_keys(struct maint_fold *fold, struct maint_work *work,
                            const struct vec_batch *source);
static enum err maint_work_fold(struct maint_fold *fold, struct maint_work *work,
                                const struct vec_batch *source);

void maint_fold_init(struct maint_fold *fold, const struct maint_view *view, struct budget *budget,
                     struct arena *scratch, const uint8_t *slice_target, uint32_t targets_count)
{
    ASSERT(targets_count > 0);
    fold->rows_count = 0;
    fold->faults_count = 0;
    fold->groups_count = 0;
    fold->is_broken = false;
    fold->view = view;
    fold->budget = budget;
    fold->targets_count = targets_count;
    fold->slice_target = slice_target;
    fold->table = NULL;
    arena_init(&fold->arena, budget, MAINT_ARENA_BYTES, SIZE_MAX);
    fold->scratch = scratch;
    fold->eval = (struct vec_eval){.scratch = scratch};
}

void maint_fold_deinit(struct maint_fold *fold)
{
    maint_table_free(fold);
    arena_deinit(&fold->arena);
}

void maint_fold_reset(struct maint_fold *fold)
{
    maint_table_reset(fold);
    maint_arena_reset(&fold->arena);
    fold->groups_count = 0;
    fold->rows_count = 0;
    fold->is_broken = false;
}

void maint_fold_rest(struct maint_fold *fold)
{
    ASSERT(fold->groups_count == 0);
    maint_table_free(fold);
    arena_deinit(&fold->arena);
    arena_init(&fold->arena, fold->budget, MAINT_ARENA_BYTES, SIZE_MAX);
}

enum err maint_fold_rows(struct maint_fold *fold, const struct vec_batch *batch)
{
    ASSERT(batch->columns_count == fold->view->scan_columns_count);
    ASSERT(batch->rows_count <= VEC_ROWS_MAX);
    ASSERT(!fold->is_broken);
    if (fold->table == NULL && maint_table_make(fold, &fold->table) != ERR_OK) {
        return ERR_BUDGET;
    }
    ASSERT(fold->table->passed == NULL);
    fold->table->piece_end = NULL; /* it may be longer now */
    maint_arena_reset(fold->scratch);
    uint64_t rows_count = fold->rows_count;
    uint32_t groups_count = fold->groups_count;
    enum err err = maint_fold_piece(fold, batch, batch->selection);
    fold->is_broken =
        fold->is_broken ||
        (err != ERR_OK && (fold->rows_count != rows_count || fold->groups_count != groups_count));
    return err;
}

/* The failure of the last evaluation: memory, or the rows themselves. */
static bool maint_is_memory(const struct maint_fold *fold)
{
    ASSERT(fold->eval.failure.fault != VEC_FAULT_NONE);
    return fold->eval.failure.fault == VEC_FAULT_MEMORY;
}

static void maint_tell(struct maint_fold *fold, const struct vec_batch *batch, uint32_t row)
{
    const uint32_t *origin = fold->view->origin;
    struct vec_value partition;
    struct vec_value offset;
    vec_get(&batch->columns[origin[1]], row, &partition);
    vec_get(&batch->columns[origin[2]], row, &offset);
    const struct maint_fault fault = {
        .failure = fold->eval.failure,
        .partition = (uint32_t)partition.u.int4,
        .offset = offset.u.int8,
    };
    fold->faults_count++;
    if (fold->fault != NULL) {
        fold->fault(fold->ctx, &fault);
    }
}

/* Both halves of a selection that failed. */
static enum err maint_fold_halves(struct maint_fold *fold, const struct vec_batch *batch,
                                  struct vec_selection selection)
{
    uint16_t *rows = arena_alloc(fold->scratch, selection.count * sizeof(*rows), 8);
    if (rows == NULL) {
        return fold->scratch->err;
    }
    for (VEC_ROWS_EACH(selection, i, row)) {
        rows[i] = (uint16_t)row;
    }
    uint32_t half = selection.count / 2;
    struct vec_selection first = {.rows = rows, .count = half};
    struct vec_selection second = {.rows = rows + half, .count = selection.count - half};
    enum err err = maint_fold_piece(fold, batch, first);
    return err == ERR_OK ? maint_fold_piece(fold, batch, second) : err;
}

/* Fold those rows of the batch: log2 of VEC_ROWS_MAX calls within each other at most. */
static enum err maint_fold_piece(struct maint_fold *fold, const struct vec_batch *batch,
                                 struct vec_selection selection)
{
    if (selection.count == 0) {
        return ERR_OK;
    }
    struct arena_mark mark = arena_mark(fold->scratch);
    struct maint_work work = {.batch = *batch};
    work.batch.selection = selection;
    fold->eval.steps_left = VEC_EVAL_STEPS;
    enum err err = ERR_OK;
    if (maint_work_eval(fold, &work) && maint_work_keys(fold, &work, batch)) {
        err = maint_work_fold(fold, &work, batch);
    } else if (maint_is_memory(fold)) {
        err = fold->scratch->err == ERR_TOO_LARGE ? ERR_TOO_LARGE : ERR_BUDGET;
    } else if (selection.count == 1) {
        maint_tell(fold, batch, vec_row(selection, 0));
    } else {
        arena_rewind(fold->scratch, mark);
        err = maint_fold_halves(fold, batch, selection);
    }
    arena_rewind(fold->scratch, mark);
    return err;
}

/* --- Evaluation --------------------------------------------------------------------------------
 */

/* Memory that ended is a failure like others. */
static void *maint_scratch(struct maint_fold *fold, size_t bytes)
{
    void *ptr = arena_alloc(fold->scratch, bytes, 8);
    if (ptr == NULL) {
        fold->eval.failure = (struct vec_failure){.fault = VEC_FAULT_MEMORY};
    }
    return ptr;
}

/* The vectors of `count` expressions over the work's rows. NULL: failed. */
static struct vec_vector *maint_work_exprs(struct maint_fold *fold, const struct maint_work *work,
                                           const struct vec_expr *const *exprs, uint32_t count,
                                           struct vec_selection selection)
{
    struct vec_vector *vectors = maint_scratch(fold, count * sizeof(*vectors));
    for (uint32_t i = 0; vectors != NULL && i < count; i++) {
        if (!vec_eval(&fold->eval, exprs[i], &work->batch, selection, &vectors[i])) {
            return NULL;
        }
    }
    return vectors;
}

/* Steps, keys, arguments. Where no row is left, nothing but the steps. */
static bool maint_work_eval(struct maint_fold *fold, struct maint_work *work)
{
    const struct maint_view *view = fold->view;
    struct vec_batch *batch = &work->batch;
    for (uint32_t i = 0; i < view->below_count; i++) {
        const struct maint_step *step = &view->below[i];
        if (step->filter != NULL) {
            if (!vec_eval_filter(&fold->eval, step->filter, batch, batch->selection,
                                 &batch->selection)) {
                return false;
            }
        } else {
            batch->columns =
                maint_work_exprs(fold, work, step->project, step->columns_count, batch->selection);
            batch->columns_count = step->columns_count;
            if (batch->columns == NULL) {
                return false;
            }
        }
        if (batch->selection.count == 0) {
            return true;
        }
    }
    work->keys = maint_work_exprs(fold, work, view->keys, view->keys_count, batch->selection);
    work->args = maint_scratch(fold, view->states_count * sizeof(struct vec_vector *));
    work->picks = maint_scratch(fold, view->states_count * sizeof(*work->picks));
    if (work->keys == NULL || work->args == NULL || work->picks == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < view->states_count; i++) {
        const struct maint_state *state = &view->states[i];
        work->picks[i] = batch->selection;
        work->args[i] = NULL;
        if (state->filter != NULL && !vec_eval_filter(&fold->eval, state->filter, batch,
                                                      batch->selection, &work->picks[i])) {
            return false;
        }
        if (work->picks[i].count == 0) {
            continue;
        }
        work->args[i] = maint_work_exprs(fold, work, state->args, state->accumulator->args_count,
                                         work->picks[i]);
        if (work->args[i] == NULL) {
            return false;
        }
    }
    return true;
}

/* Whether no text, as a key, is longer than keys may be. */
static bool maint_texts_fit(const struct vec_vector *column, struct vec_selection selection)
{
    struct vec_view view = vec_view(column);
    uint32_t longest = 0;
    for (VEC_ROWS_EACH(selection, i, row)) {
        if (vec_view_is_valid(&view, row)) {
            uint32_t length = VEC_AT(&view, struct vec_bytes, row).length;
            longest = length > longest ? length : longest;
        }
    }
    if (longest <= (STORE_KEY_BYTES_MAX - 3) / 2) {
        return true;
    }
    for (VEC_ROWS_EACH(selection, i, row)) {
        if (!vec_view_is_valid(&view, row)) {
            continue;
        }
        struct vec_bytes text = VEC_AT(&view, struct vec_bytes, row);
        size_t length = text.length + 3u;
        for (const char *at = text.data; at != NULL; length += at != NULL) {
            at = memchr(at, 0, (size_t)(text.data + text.length - at));
            at = at != NULL ? at + 1 : NULL;
        }
        if (length > STORE_KEY_BYTES_MAX) {
            return false;
        }
    }
    return true;
}

/* The keys' bytes, where they are compared, and whether they are short enough. */
static bool maint_work_keys(struct maint_fold *fold, struct maint_work *work,
                            const struct vec_batch *source)
{
    const struct maint_view *view = fold->view;
    struct maint_lookup *lookup = &work->lookup;
    struct vec_selection selection = work->batch.selection;
    if (selection.count == 0) {
        return true;
    }
    lookup->columns = work->keys;
    lookup->selection = selection;
    lookup->groups = maint_scratch(fold, source->rows_count * sizeof(struct maint_group *));
    if (lookup->groups == NULL) {
        return false;
    }
    bool is_fitting = true;
    if (fold->table->form == MAINT_TEXT) {
        is_fitting = maint_texts_fit(&work->keys[0], selection);
    } else if (fold->table->form == MAINT_BYTES) {
        const struct vec_vector **columns =
            maint_scratch(fold, view->keys_count * sizeof(struct vec_vector *));
        if (columns == NULL) {
            return false;
        }
        for (uint32_t i = 0; i < view->keys_count; i++) {
            columns[i] = &work->keys[i];
        }
        enum err err =
            vec_keys_make(fold->scratch, columns, NULL, view->keys_count, selection, &lookup->keys);
        if (err != ERR_OK) {
            /* All together are 4 GiB: fewer are not. */
            bool is_long = err == ERR_TOO_LARGE && fold->scratch->err == ERR_OK;
            fold->eval.failure =
                (struct vec_failure){.fault = is_long ? VEC_FAULT_KEY_LENGTH : VEC_FAULT_MEMORY};
            return false;
        }
        for (uint32_t i = 0; i < selection.count; i++) {
            uint32_t begin = i == 0 ? 0 : lookup->keys.ends[i - 1];
            is_fitting &= lookup->keys.ends[i] - begin <= STORE_KEY_BYTES_MAX;
        }
    }
    if (!is_fitting) {
        fold->eval.failure = (struct vec_failure){
            .fault = VEC_FAULT_KEY_LENGTH,
            .pos = view->keys[0]->pos,
            .length = view->keys[0]->length,
        };
    }
    return is_fitting;
}

/* --- Folding -----------------------------------------------------------------------------------
 */

/* states[i] = where the state at `pos` is, of the i-th row of `selection`. */
static void maint_work_states(struct maint_group *const *groups, struct vec_selection selection,
                              uint32_t pos, uint8_t **states)
{
    if (selection.rows == NULL) {
        for (uint32_t i = 0; i < selection.count; i++) {
            states[i] = maint_group_states(groups[i]) + pos;
        }
        return;
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        states[i] = maint_group_states(groups[selection.rows[i]]) + pos;
    }
}

static enum err maint_work_fold(struct maint_fold *fold, struct maint_work *work,
                                const struct vec_batch *source)
{
    const struct maint_view *view = fold->view;
    uint32_t count = work->batch.selection.count;
    if (count == 0) {
        return ERR_OK;
    }
    uint8_t **states = arena_alloc(fold->scratch, count * sizeof(*states), 8);
    if (states == NULL) {
        return fold->scratch->err;
    }
    enum err err = maint_table_find(fold, &work->lookup);
    if (err != ERR_OK) {
        fold->is_broken = true;
        return err;
    }
    const struct vec_origin origin = {
        .timestamp = &source->columns[view->origin[0]],
        .partition = &source->columns[view->origin[1]],
        .offset = &source->columns[view->origin[2]],
    };
    struct vec_accumulation acc = {.ev = &fold->eval, .arena = &fold->arena, .is_alone = true};
    for (uint32_t i = 0; i < view->states_count; i++) {
        const struct maint_state *state = &view->states[i];
        if (work->picks[i].count == 0) {
            continue;
        }
        maint_work_states(work->lookup.groups, work->picks[i], state->pos, states);
        if (!state->accumulator->update(&acc, state->call, work->args[i], &origin, work->picks[i],
                                        states)) {
            fold->is_broken = true;
            return ERR_BUDGET;
        }
    }
    fold->rows_count += count;
    return ERR_OK;
}
