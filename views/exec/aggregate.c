/* AGGREGATE: rows folded into states, one group of states for each key.
 *
 * A group is a row of key values as they were first seen (1.50, where 1.5 came later) and the
 * states of all aggregates behind it; table.c finds it. Rows are folded aggregate by aggregate, a
 * batch at a time, each with pointers to its group's state. Groups come out in the order in which
 * they appeared, some at a time, since an average costs more than a row does.
 *
 * Parts (exec.h) are joined by walking a later partition's groups in order of appearance and
 * merging each one's states into those of the same key here: states merge by stretches.
 *
 * DISTINCT aggregates have a table of their own: the arguments that each group has seen. */
#include <assert.h>
#include <string.h>

#include "views/exec/exec_int.h"
#include "views/exec/rows.h"
#include "views/exec/table.h"

/* An aggregate of the node. */
struct exec_fold {
    const struct plan_aggregation *plan;
    uint32_t place; /* of its state, in a group's room */
    struct exec_table
        seen; /* has_seen: arguments that were folded, by group where there are keys */
    bool has_seen;
};

/* An aggregation. */
struct exec_aggregate {
    struct exec_op op;
    struct exec_fold *folds;    /* of each aggregate, aggregations_count */
    struct vec_aggregation agg; /* what states are folded with */
    struct arena arena;         /* groups, and what states point to */
    struct exec_table table;    /* groups, where there are keys */
    struct exec_group *all;     /* where there are none: the only one */
    struct exec_layout layout;  /* of key values, at the start of a group's room */
    struct vec_vector *keys;    /* of the batch at hand */
    uint8_t **states;           /* of the rows at hand; VEC_ROWS_MAX */
    struct exec_fold *filled;   /* no keys: whose state fills `states` */
    struct exec_pieces pieces;  /* of the input */
    uint32_t new_count;         /* groups and arguments of the piece at hand that were new */
    uint32_t rows_limit;        /* of a piece: by what is computed of each */
    uint32_t rows_max;          /* of the next piece: by how many */
    bool is_giving;             /* the input has ended */
    struct exec_group *next;    /* is_giving: the next to go out; NULL: no more */
    struct exec_query *part;    /* being joined; NULL: none is */
    struct exec_group *joining; /* its next group; NULL: no more */
    struct exec_scratch scratch;
    struct vec_batch batch; /* the last one; columns in the query's arena */
};

static enum exec_result exec_aggregate_next(struct exec_op *op, const struct vec_batch **out);
static void exec_aggregate_close(struct exec_op *op);
static bool exec_aggregate_init(struct exec_aggregate *aggregate, struct exec_query *query,
                                const struct plan_node *node);
static bool exec_aggregate_add(struct exec_aggregate *aggregate, const struct vec_batch *batch);
static bool exec_aggregate_group(struct exec_aggregate *aggregate, const struct vec_batch *batch,
                                 struct exec_group **groups);
static bool exec_aggregate_find(struct exec_aggregate *aggregate, struct vec_selection selection,
                                struct exec_group **groups);
static bool exec_aggregate_fold(struct exec_aggregate *aggregate, struct exec_fold *fold,
                                const struct vec_batch *batch, struct exec_group **groups);
static enum exec_result exec_aggregate_give(struct exec_aggregate *aggregate,
                                            const struct vec_batch **out);
static uint32_t exec_aggregate_rows(const struct plan_aggregate *plan);
static enum exec_result exec_aggregate_input(struct exec_aggregate *aggregate);
static enum exec_result exec_aggregate_join(struct exec_aggregate *aggregate);
static uint32_t exec_aggregate_groups_max(const struct plan_aggregate *plan);
static bool exec_aggregate_join_groups(struct exec_aggregate *aggregate,
                                       struct exec_aggregate *from);

struct exec_op *exec_aggregate_make(struct exec_query *query, const struct plan_node *node)
{
    static const struct exec_op_ops ops = {exec_aggregate_next, exec_aggregate_close};
    const struct plan_aggregate *plan = &node->aggregate;
    ASSERT(node->outputs_count == plan->keys_count + plan->aggregations_count);
    struct exec_aggregate *aggregate = exec_alloc(query, sizeof(*aggregate));
    if (aggregate == NULL) {
        return NULL;
    }
    aggregate->op.ops = &ops;
    aggregate->op.kept[0] = &aggregate->arena;
    aggregate->rows_limit = exec_aggregate_rows(plan);
    aggregate->rows_max = aggregate->rows_limit;
    aggregate->folds = exec_alloc(query, plan->aggregations_count * sizeof(*aggregate->folds));
    aggregate->keys = exec_alloc(query, plan->keys_count * sizeof(*aggregate->keys));
    aggregate->states = exec_alloc(query, VEC_ROWS_MAX * sizeof(*aggregate->states));
    aggregate->batch.columns =
        exec_alloc(query, node->outputs_count * sizeof(*aggregate->batch.columns));
    if (aggregate->folds == NULL || aggregate->keys == NULL || aggregate->states == NULL ||
        aggregate->batch.columns == NULL || !exec_aggregate_init(aggregate, query, node)) {
        return NULL;
    }
    return &aggregate->op;
}

/* Rows of a piece at most, by what each costs: a key or a state counts as a node. */
static uint32_t exec_aggregate_rows(const struct plan_aggregate *plan)
{
    uint32_t nodes = plan->keys_count + plan->aggregations_count;
    for (uint32_t i = 0; i < plan->keys_count; i++) {
        nodes += exec_nodes(plan->keys[i]);
    }
    for (uint32_t i = 0; i < plan->aggregations_count; i++) {
        const struct plan_aggregation *aggregation = &plan->aggregations[i];
        for (uint32_t arg = 0; arg < aggregation->function->args_count; arg++) {
            nodes += exec_nodes(aggregation->args[arg]);
        }
        nodes += aggregation->filter != NULL ? exec_nodes(aggregation->filter) : 0;
    }
    return exec_rows_of_nodes(nodes);
}

static bool exec_aggregate_init(struct exec_aggregate *aggregate, struct exec_query *query,
                                const struct plan_node *node)
{
    const struct plan_aggregate *plan = &node->aggregate;
    struct arena *a = &aggregate->arena;
    bool has_keys = plan->keys_count > 0;
    arena_init(a, query->setting.budget, has_keys ? EXEC_ARENA_BYTES_LARGE : EXEC_ARENA_BYTES,
               SIZE_MAX);
    exec_scratch_init(&aggregate->scratch, query);
    aggregate->agg = (struct vec_aggregation){.ev = &query->eval, .arena = a};
    struct vec_type *types = exec_types(query, node->outputs, plan->keys_count);
    if (types == NULL) {
        return false;
    }
    if (exec_layout_init(&aggregate->layout, types, plan->keys_count, &query->arena) != ERR_OK) {
        exec_fail_memory(query);
        return false;
    }
    uint32_t room_bytes = (aggregate->layout.row_bytes + 15) / 16 * 16;
    for (uint32_t i = 0; i < plan->aggregations_count; i++) {
        struct exec_fold *fold = &aggregate->folds[i];
        const struct vec_aggregate *function = plan->aggregations[i].function;
        ASSERT(function->args_count <= VEC_AGGREGATE_ARGS_MAX);
        ASSERT(function->state_bytes % 16 == 0);
        *fold = (struct exec_fold){.plan = &plan->aggregations[i], .place = room_bytes};
        room_bytes += function->state_bytes;
        fold->has_seen = fold->plan->is_distinct && function->args_count > 0;
        struct vec_type args[VEC_AGGREGATE_ARGS_MAX];
        for (uint32_t arg = 0; arg < function->args_count; arg++) {
            args[arg] = fold->plan->args[arg]->type;
        }
        if (fold->has_seen && has_keys) {
            exec_table_init_owned(&fold->seen, args, function->args_count, exec_seed(query), a);
        } else if (fold->has_seen) {
            exec_table_init(&fold->seen, args, function->args_count, 0, exec_seed(query), a);
        }
    }
    if (has_keys) {
        exec_table_init(&aggregate->table, types, plan->keys_count, room_bytes, exec_seed(query),
                        a);
        return true;
    }
    aggregate->all = arena_alloc_zeroed(a, sizeof(struct exec_group) + room_bytes, 16);
    if (aggregate->all == NULL) { /* nothing is held */
        exec_fail_memory(query);
        return false;
    }
    for (uint32_t i = 0; i < plan->aggregations_count; i++) {
        struct exec_fold *fold = &aggregate->folds[i];
        fold->plan->function->init(exec_group_room(aggregate->all) + fold->place);
    }
    return true;
}

static void exec_aggregate_close(struct exec_op *op)
{
    struct exec_aggregate *aggregate = CONTAINER_OF(op, struct exec_aggregate, op);
    exec_scratch_deinit(&aggregate->scratch);
}

static enum exec_result exec_aggregate_next(struct exec_op *op, const struct vec_batch **out)
{
    struct exec_aggregate *aggregate = CONTAINER_OF(op, struct exec_aggregate, op);
    if (aggregate->is_giving) {
        return exec_aggregate_give(aggregate, out);
    }
    enum exec_result result = exec_is_joint(op->query, op->node) ? exec_aggregate_join(aggregate)
                                                                 : exec_aggregate_input(aggregate);
    if (result != EXEC_END || op->query->setting.is_part) {
        return result;
    }
    aggregate->is_giving = true;
    aggregate->next = aggregate->all != NULL ? aggregate->all : aggregate->table.first;
    return EXEC_AGAIN;
}

/* Fold the input's next piece. */
static enum exec_result exec_aggregate_input(struct exec_aggregate *aggregate)
{
    const struct vec_batch *batch;
    enum exec_result result =
        exec_pieces_next(&aggregate->pieces, aggregate->op.input, aggregate->rows_max, &batch);
    if (result != EXEC_ROWS) {
        return result;
    }
    exec_scratch_begin(&aggregate->scratch, aggregate->op.query);
    aggregate->new_count = 0;
    if (!exec_aggregate_add(aggregate, batch)) {
        return EXEC_FAILED;
    }
    bool is_dear = 2 * aggregate->new_count > batch->selection.count;
    uint32_t rows_max = is_dear ? EXEC_PIECE_ROWS : VEC_ROWS_MAX;
    aggregate->rows_max = rows_max < aggregate->rows_limit ? rows_max : aggregate->rows_limit;
    return EXEC_AGAIN;
}

/* Merge some of a part's groups into this aggregation's. */
static enum exec_result exec_aggregate_join(struct exec_aggregate *aggregate)
{
    struct exec_query *query = aggregate->op.query;
    const struct exec_parts *parts = query->setting.parts;
    struct exec_aggregate *from;
    if (aggregate->part == NULL) {
        enum exec_result result = parts->next(parts->ctx, &query->failure, &aggregate->part);
        if (result != EXEC_ROWS) {
            return result;
        }
        from = CONTAINER_OF(aggregate->part->root, struct exec_aggregate, op);
        aggregate->joining = from->all != NULL ? from->all : from->table.first;
    }
    from = CONTAINER_OF(aggregate->part->root, struct exec_aggregate, op);
    if (aggregate->joining != NULL && !exec_aggregate_join_groups(aggregate, from)) {
        return EXEC_FAILED;
    }
    if (aggregate->joining == NULL) {
        struct exec_query *part = aggregate->part;
        aggregate->part = NULL;
        parts->joined(parts->ctx, part);
    }
    return EXEC_AGAIN;
}

/* How many groups one call merges or gives: a batch at most. */
static uint32_t exec_aggregate_groups_max(const struct plan_aggregate *plan)
{
    static_assert(EXEC_VALUES_PER_CALL <= VEC_ROWS_MAX, "groups become rows of a batch");
    uint32_t count = EXEC_VALUES_PER_CALL / (plan->aggregations_count + 1);
    return count > 0 ? count : 1;
}

/* The next of them. False: the query has failed. */
static bool exec_aggregate_join_groups(struct exec_aggregate *aggregate,
                                       struct exec_aggregate *from)
{
    struct exec_query *query = aggregate->op.query;
    const struct plan_aggregate *plan = &aggregate->op.node->aggregate;
    uint32_t count_max = exec_aggregate_groups_max(plan);
    exec_scratch_begin(&aggregate->scratch, query);
    struct arena *a = &aggregate->scratch.arena;
    const uint8_t **rooms = arena_alloc(a, count_max * sizeof(*rooms), 8);
    struct exec_group **groups = arena_alloc(a, count_max * sizeof(*groups), 8);
    if (rooms == NULL || groups == NULL) {
        exec_fail_memory(query);
        return false;
    }
    uint32_t count = 0;
    while (count < count_max && aggregate->joining != NULL) {
        groups[count] = aggregate->all;
        rooms[count++] = exec_group_room(aggregate->joining);
        aggregate->joining = aggregate->joining->next;
    }
    if (aggregate->all == NULL) {
        struct vec_selection all = {.count = count};
        if (exec_rows_read(&from->layout, rooms, count, a, aggregate->keys) != ERR_OK) {
            exec_fail_memory(query);
            return false;
        }
        if (!exec_aggregate_find(aggregate, all, groups)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < plan->aggregations_count; i++) {
        const struct exec_fold *fold = &aggregate->folds[i];
        for (uint32_t k = 0; k < count; k++) {
            if (!fold->plan->function->merge(&aggregate->agg, fold->plan->call,
                                             exec_group_room(groups[k]) + fold->place,
                                             rooms[k] + fold->place)) {
                exec_fail_eval(query);
                return false;
            }
        }
    }
    return true;
}

/* Fold a batch. False: the query has failed. */
static bool exec_aggregate_add(struct exec_aggregate *aggregate, const struct vec_batch *batch)
{
    const struct plan_aggregate *plan = &aggregate->op.node->aggregate;
    struct exec_group **groups = NULL;
    if (plan->keys_count > 0) {
        groups = arena_alloc(&aggregate->scratch.arena, batch->rows_count * sizeof(*groups), 8);
        if (groups == NULL) {
            exec_fail_memory(aggregate->op.query);
            return false;
        }
        if (!exec_aggregate_group(aggregate, batch, groups)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < plan->aggregations_count; i++) {
        if (!exec_aggregate_fold(aggregate, &aggregate->folds[i], batch, groups)) {
            return false;
        }
    }
    return true;
}

/* groups[row] = the group of each row of the batch. False: the query has failed. */
static bool exec_aggregate_group(struct exec_aggregate *aggregate, const struct vec_batch *batch,
                                 struct exec_group **groups)
{
    struct exec_query *query = aggregate->op.query;
    const struct plan_aggregate *plan = &aggregate->op.node->aggregate;
    for (uint32_t i = 0; i < plan->keys_count; i++) {
        if (!vec_eval(&query->eval, plan->keys[i], batch, batch->selection, &aggregate->keys[i])) {
            exec_fail_eval(query);
            return false;
        }
    }
    return exec_aggregate_find(aggregate, batch->selection, groups);
}

/* groups[row] = the group of each row of `selection`, whose keys are in aggregate->keys; those not
 * seen before are made. False: the query has failed. */
static bool exec_aggregate_find(struct exec_aggregate *aggregate, struct vec_selection selection,
                                struct exec_group **groups)
{
    struct exec_query *query = aggregate->op.query;
    const struct plan_aggregate *plan = &aggregate->op.node->aggregate;
    struct arena *a = &aggregate->scratch.arena;
    struct exec_lookup lookup = {
        .columns = aggregate->keys,
        .selection = selection,
        .groups = groups,
        .new_rows = arena_alloc(a, selection.count * sizeof(uint16_t), 8),
    };
    uint8_t **rows = arena_alloc(a, selection.count * sizeof(*rows), 8);
    if (lookup.new_rows == NULL || rows == NULL ||
        exec_table_find(&aggregate->table, a, &lookup) != ERR_OK) {
        exec_fail_memory(query);
        return false;
    }
    aggregate->new_count += lookup.new_count;
    struct vec_selection made = {.rows = lookup.new_rows, .count = lookup.new_count};
    for (uint32_t i = 0; i < made.count; i++) {
        rows[i] = exec_group_room(groups[made.rows[i]]);
        for (uint32_t k = 0; k < plan->aggregations_count; k++) {
            const struct exec_fold *fold = &aggregate->folds[k];
            fold->plan->function->init(rows[i] + fold->place);
        }
    }
    if (exec_rows_write(&aggregate->layout, aggregate->keys, made, rows, &aggregate->arena) !=
        ERR_OK) {
        exec_fail_memory(query);
        return false;
    }
    return true;
}

/* The rows of *selection whose arguments their group has not seen yet, none of them null where
 * there is one argument: no aggregate counts those. False: the query has failed. */
static bool exec_fold_unseen(struct exec_aggregate *aggregate, struct exec_fold *fold,
                             const struct vec_vector *args, struct exec_group **groups,
                             struct vec_selection *selection)
{
    struct arena *a = &aggregate->scratch.arena;
    uint32_t count = selection->count;
    uint32_t rows_count = vec_row(*selection, count - 1) + 1;
    uint16_t *rows = arena_alloc(a, count * sizeof(*rows), 8);
    struct exec_lookup lookup = {
        .columns = args,
        .owners = groups,
        .groups = arena_alloc(a, rows_count * sizeof(struct exec_group *), 8),
        .new_rows = arena_alloc(a, count * sizeof(uint16_t), 8),
    };
    if (rows == NULL || lookup.groups == NULL || lookup.new_rows == NULL) {
        exec_fail_memory(aggregate->op.query);
        return false;
    }
    lookup.selection = *selection;
    if (fold->plan->function->args_count == 1 && args[0].valid != NULL) {
        struct vec_view view = vec_view(&args[0]);
        lookup.selection = (struct vec_selection){.rows = rows};
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = vec_row(*selection, i);
            rows[lookup.selection.count] = (uint16_t)row;
            lookup.selection.count += vec_view_is_valid(&view, row);
        }
    }
    if (exec_table_find(&fold->seen, a, &lookup) != ERR_OK) {
        exec_fail_memory(aggregate->op.query);
        return false;
    }
    aggregate->new_count += lookup.new_count;
    *selection = (struct vec_selection){.rows = lookup.new_rows, .count = lookup.new_count};
    return true;
}

/* aggregate->states = where the state of `fold` is, of each row of `selection`. */
static void exec_fold_states(struct exec_aggregate *aggregate, struct exec_fold *fold,
                             struct exec_group **groups, struct vec_selection selection)
{
    uint8_t **states = aggregate->states;
    if (groups == NULL) {
        uint8_t *state = exec_group_room(aggregate->all) + fold->place;
        for (uint32_t i = 0; i < VEC_ROWS_MAX && aggregate->filled != fold; i++) {
            states[i] = state;
        }
        aggregate->filled = fold;
        return;
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        states[i] = exec_group_room(groups[vec_row(selection, i)]) + fold->place;
    }
}

/* Fold a batch into one aggregate's states. False: the query has failed. */
static bool exec_aggregate_fold(struct exec_aggregate *aggregate, struct exec_fold *fold,
                                const struct vec_batch *batch, struct exec_group **groups)
{
    struct exec_query *query = aggregate->op.query;
    const struct plan_aggregation *plan = fold->plan;
    struct vec_selection selection = batch->selection;
    if (plan->filter != NULL &&
        !vec_eval_filter(&query->eval, plan->filter, batch, batch->selection, &selection)) {
        exec_fail_eval(query);
        return false;
    }
    if (selection.count == 0) {
        return true;
    }
    struct vec_vector args[VEC_AGGREGATE_ARGS_MAX];
    for (uint32_t i = 0; i < plan->function->args_count; i++) {
        if (!vec_eval(&query->eval, plan->args[i], batch, selection, &args[i])) {
            exec_fail_eval(query);
            return false;
        }
    }
    if (fold->has_seen && !exec_fold_unseen(aggregate, fold, args, groups, &selection)) {
        return false;
    }
    if (selection.count == 0) {
        return true;
    }
    exec_fold_states(aggregate, fold, groups, selection);
    if (!plan->function->update(&aggregate->agg, plan->call, args, selection, batch->stretch,
                                aggregate->states)) {
        exec_fail_eval(query);
        return false;
    }
    return true;
}

/* *out = what `fold` answers for each of `count` groups, by their rooms. */
static bool exec_fold_finish(struct exec_aggregate *aggregate, const struct exec_fold *fold,
                             const uint8_t *const *rooms, uint32_t count, struct vec_type type,
                             struct vec_vector *out)
{
    struct exec_query *query = aggregate->op.query;
    struct arena *a = &aggregate->scratch.arena;
    size_t bytes = vec_kind_bytes((enum vec_kind)type.kind);
    uint8_t *data = vec_flat(a, type, count, out);
    uint64_t *valid = vec_valid(a, true);
    if (data == NULL || valid == NULL) {
        exec_fail_memory(query);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vec_value value;
        if (!fold->plan->function->finish(&aggregate->agg, fold->plan->call, rooms[i] + fold->place,
                                          &value)) {
            exec_fail_eval(query);
            return false;
        }
        if (value.is_null) {
            vec_valid_clear(valid, i);
            out->valid = valid;
        } else {
            memcpy(data + bytes * i, &value.u, bytes);
        }
    }
    return true;
}

/* The next groups. */
static enum exec_result exec_aggregate_give(struct exec_aggregate *aggregate,
                                            const struct vec_batch **out)
{
    if (aggregate->next == NULL) {
        return EXEC_END;
    }
    struct exec_query *query = aggregate->op.query;
    const struct plan_node *node = aggregate->op.node;
    const struct plan_aggregate *plan = &node->aggregate;
    exec_scratch_begin(&aggregate->scratch, query);
    struct arena *a = &aggregate->scratch.arena;
    uint32_t count_max = exec_aggregate_groups_max(plan);
    const uint8_t **rooms = arena_alloc(a, count_max * sizeof(*rooms), sizeof(*rooms));
    if (rooms == NULL) {
        return exec_fail_memory(query);
    }
    uint32_t count = 0;
    for (; count < count_max && aggregate->next != NULL; aggregate->next = aggregate->next->next) {
        rooms[count++] = exec_group_room(aggregate->next);
    }
    struct vec_batch *batch = &aggregate->batch;
    if (exec_rows_batch(&aggregate->layout, rooms, count, a, batch) != ERR_OK) {
        return exec_fail_memory(query);
    }
    batch->columns_count = node->outputs_count;
    for (uint32_t i = 0; i < plan->aggregations_count; i++) {
        uint32_t column = plan->keys_count + i;
        if (!exec_fold_finish(aggregate, &aggregate->folds[i], rooms, count,
                              node->outputs[column].type, &batch->columns[column])) {
            return EXEC_FAILED;
        }
    }
    *out = batch;
    return EXEC_ROWS;
}
