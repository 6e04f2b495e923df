/* Holding a run against the twin, call by call. See check.h. */
#include "tests/unit/exec/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/exec/parts.h"
#include "views/plan/json.h"
#include "views/plan/value.h"

void check_begin(struct check *check)
{
    *check = (struct check){0};
    budget_init(&check->root, "test", SIZE_MAX / 2, NULL);
    arena_init(&check->arena, &check->root, 64u << 10, SIZE_MAX / 2);
    arena_init(&check->answers, &check->root, 64u << 10, SIZE_MAX / 2);
    arena_init(&check->scratch, &check->root, 64u << 10, SIZE_MAX / 2);
}

void check_init(struct check *check, struct chance *chance, struct chance *plan_chance,
                uint32_t rows_max)
{
    check_begin(check);
    check->relation = memory_random(chance, rows_max, &check->arena);
    plans_random(plan_chance, check->relation, &check->arena, &check->plan, &check->params);
    struct twin twin = {
        .ev = {.params = check->params,
               .params_types = check->plan.params,
               .params_count = check->plan.params_count,
               .now_us = CHECK_NOW_US},
        .arena = &check->answers,
        .scratch = &check->scratch,
    };
    check->is_right = twin_run(&twin, check->plan.root, &check->want);
}

void check_deinit(struct check *check)
{
    arena_deinit(&check->arena);
    arena_deinit(&check->answers);
    arena_deinit(&check->scratch);
    ASSERT(check->root.used_bytes == 0);
    budget_deinit(&check->root);
}

/* Keep copies of a batch's rows. */
static void check_keep(struct check *check, const struct vec_batch *batch)
{
    struct twin_rows *want = &check->want;
    uint32_t width = batch->columns_count;
    uint32_t count = want->count + batch->selection.count;
    struct vec_value *values =
        arena_alloc_zeroed(&check->answers, sizeof(*values) * (count * width + 1), 16);
    ASSERT(values != NULL);
    if (want->count > 0) {
        memcpy(values, want->values, sizeof(*values) * want->count * width);
    }
    for (uint32_t i = 0; i < batch->selection.count; i++) {
        for (uint32_t column = 0; column < width; column++) {
            struct vec_value *value = &values[(want->count + i) * width + column];
            uint8_t kind = batch->columns[column].type.kind;
            vec_get(&batch->columns[column], vec_row(batch->selection, i), value);
            if ((kind == VEC_TEXT || kind == VEC_JSONB) && !value->is_null) {
                value->u.bytes.data =
                    arena_copy(&check->answers, value->u.bytes.data, value->u.bytes.length);
            }
        }
    }
    *want = (struct twin_rows){.values = values, .columns_count = width, .count = count};
}

void check_plainly(struct check *check)
{
    struct memory memory = {.is_plain = true, .fails_at = UINT32_MAX};
    struct budget budget;
    budget_init(&budget, "query", SIZE_MAX / 2, &check->root);
    struct exec_setting setting = {
        .budget = &budget, .params = check->params, .now_us = CHECK_NOW_US};
    struct exec_query query;
    enum exec_result result = EXEC_AGAIN;
    enum err err = exec_open(&query, &check->plan, &setting, &memory_ops, &memory);
    ASSERT(err == ERR_OK);
    while (result == EXEC_AGAIN || result == EXEC_ROWS) {
        const struct vec_batch *batch;
        result = exec_next(&query, &batch);
        if (result == EXEC_ROWS) {
            check_keep(check, batch);
        }
    }
    check->is_right = result == EXEC_END;
    exec_close(&query);
    budget_deinit(&budget);
}

/* Say what is wrong, and of which plan. */
static PRINTF(3, 4) void check_wrong(const struct check *check, struct check_run *run,
                                     const char *format, ...)
{
    if (run->wrong[0] != '\0') {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->wrong, sizeof(run->wrong), format, arguments);
    va_end(arguments);
    static char json[65536];
    struct bytes_writer w = bytes_writer(json, sizeof(json));
    plan_json_write(&w, &check->plan);
    fprintf(stderr, "%s\n%.*s\n", run->wrong, (int)w.pos, json);
}

static void check_value(const struct check *check, struct check_run *run, struct vec_type type,
                        uint64_t row, uint32_t column, const struct vec_value *got,
                        const struct vec_value *want)
{
    bool is_equal = got->is_null == want->is_null;
    if (is_equal && !got->is_null) {
        is_equal = plan_value_equal((enum vec_kind)type.kind, got, want);
    }
    if (is_equal) {
        return;
    }
    char text[2][100];
    const struct vec_value *values[2] = {got, want};
    for (uint32_t i = 0; i < 2; i++) {
        struct bytes_writer w = bytes_writer(text[i], sizeof(text[i]) - 1);
        if (values[i]->is_null) {
            bytes_put_copy(&w, "NULL", 4);
        } else {
            plan_value_write(&w, (enum vec_kind)type.kind, values[i]);
        }
        text[i][w.pos] = '\0';
    }
    check_wrong(check, run, "row %zu column %u: %s, not %s", (size_t)row, column, text[0], text[1]);
}

static void check_batch(const struct check *check, struct check_run *run,
                        const struct vec_batch *batch)
{
    const struct plan_node *root = check->plan.root;
    for (uint32_t i = 0; i < batch->selection.count && check->is_right; i++) {
        if (run->rows_count + i >= check->want.count) {
            check_wrong(check, run, "more than the %u rows there are", check->want.count);
            break;
        }
        for (uint32_t column = 0; column < batch->columns_count; column++) {
            struct vec_value value;
            vec_get(&batch->columns[column], vec_row(batch->selection, i), &value);
            check_value(check, run, root->outputs[column].type, run->rows_count + i, column, &value,
                        &check->want.values[(run->rows_count + i) * root->outputs_count + column]);
        }
    }
    run->rows_count += batch->selection.count;
}

static void check_failed(const struct check *check, struct check_run *run,
                         const struct exec_query *query, const struct memory *memory)
{
    const struct exec_failure *failure = &query->failure;
    bool is_state = failure->state != NULL;
    bool is_fault = failure->vec.fault != VEC_FAULT_NONE;
    run->is_refused = is_state && strcmp(failure->state, "53200") == 0;
    run->is_failed = !run->is_refused;
    snprintf(run->failure, sizeof(run->failure), "%s %s%.*s at %u", is_state ? failure->state : "",
             is_state ? failure->message : vec_fault_state(failure->vec.fault),
             (int)failure->vec.text_length, failure->vec.text != NULL ? failure->vec.text : "",
             failure->vec.pos);
    if (is_state == is_fault || (is_state && failure->message[0] == '\0')) {
        check_wrong(check, run, "a failure is one of both");
    }
    bool is_source = memory->fails_to_open || memory->fails_at != UINT32_MAX;
    if (run->is_failed && check->is_right && !is_source) {
        check_wrong(check, run, "it fails: %s",
                    is_state ? failure->message : vec_fault_state(failure->vec.fault));
    }
}

/* Call exec_next until something comes of it; false: that was all. */
static bool check_next(const struct check *check, struct check_run *run, struct exec_query *query,
                       const struct memory *memory)
{
    uint64_t calls_count = memory->calls_count;
    uint64_t blocked_count = memory->blocked_count;
    const struct vec_batch *batch = NULL;
    enum exec_result result = exec_next(query, &batch);
    run->calls_count++;
    if (memory->calls_count > calls_count + 1) {
        check_wrong(check, run, "one call asked the source twice");
    }
    if ((result == EXEC_BLOCKED) != (memory->blocked_count > blocked_count)) {
        check_wrong(check, run, "blocked is not passed on");
    }
    switch (result) {
    case EXEC_ROWS: check_batch(check, run, batch); return run->wrong[0] == '\0';
    case EXEC_AGAIN:
    case EXEC_BLOCKED: return true;
    case EXEC_END:
        if (exec_next(query, &batch) != EXEC_END) {
            check_wrong(check, run, "the end is not the end");
        }
        if (check->is_right && memory->fails_at == UINT32_MAX &&
            run->rows_count != check->want.count) {
            check_wrong(check, run, "%zu rows of %u", (size_t)run->rows_count, check->want.count);
        }
        return false;
    case EXEC_FAILED:
        check_failed(check, run, query, memory);
        if (exec_next(query, &batch) != EXEC_FAILED) {
            check_wrong(check, run, "a failure goes away");
        }
        return false;
    }
    UNREACHABLE();
}

void check_run(struct check *check, struct memory *memory, size_t budget_bytes, uint64_t calls_max,
               struct check_run *run)
{
    check_run_parts(check, memory, NULL, budget_bytes, calls_max, run);
}

void check_run_parts(struct check *check, struct memory *memory, struct parts *parts,
                     size_t budget_bytes, uint64_t calls_max, struct check_run *run)
{
    *run = (struct check_run){0};
    struct budget budget;
    budget_init(&budget, "query", budget_bytes, &check->root);
    struct exec_setting setting = {.budget = &budget,
                                   .params = check->params,
                                   .now_us = CHECK_NOW_US,
                                   .parts = parts != NULL ? &parts->ops : NULL};
    struct exec_query query;
    if (exec_open(&query, &check->plan, &setting, &memory_ops, memory) != ERR_OK) {
        check_failed(check, run, &query, memory);
    } else {
        while (run->calls_count < calls_max && check_next(check, run, &query, memory)) {
            if (parts != NULL) {
                parts_go_on(parts);
            }
        }
        exec_close(&query);
    }
    run->peak_bytes = budget.peak_bytes;
    if (memory->opened_count != memory->closed_count) {
        check_wrong(check, run, "a source is not closed");
    }
    if (budget.used_bytes != 0) {
        check_wrong(check, run, "%zu bytes are left behind", budget.used_bytes);
    }
    budget_deinit(&budget);
}
