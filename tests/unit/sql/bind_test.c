/* The binder's story in golden/: statements and their plans. Commands:
 *
 *     plan [type ...]   a SELECT: its columns, its parameters, and the plan as EXPLAIN shows it; or
 *                       the error. Types are of parameters: integer, "-" for one that is not said
 *     json              a SELECT: its plan as JSON
 *     references        a SELECT: the names it reads
 *
 * Each plan is written as JSON, read and written again: the same comes out. REWRITE=1 writes what
 * came into the files. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/datadriven.h"
#include "tests/unit/sql/catalog.h"
#include "views/plan/json.h"
#include "views/sql/bind_choose.h"
#include "views/sql/explain.h"
#include "views/sql/parse.h"
#include "views/sql/print.h"

/* Room for a plan as JSON. */
#define BIND_JSON_BYTES (1u << 20)

/* Parameters that a case gives. */
#define BIND_PARAMS_MAX 8u

static void bind_put(struct bytes_writer *out, const char *text)
{
    bytes_put_copy(out, text, strlen(text));
}

static void bind_put_error(struct bytes_writer *out, const struct sql_error *error,
                           const char *text, size_t length)
{
    char shown[SQL_ERROR_FORMAT_BYTES];
    sql_error_format(error, text, length, shown, sizeof(shown));
    bind_put(out, shown);
}

/* Write `plan` as JSON, read that, and assert that it writes the same. */
static void bind_json_again(const struct plan *plan, struct arena *arena)
{
    static char first[BIND_JSON_BYTES], second[BIND_JSON_BYTES];
    struct plan again;
    struct plan_fault fault;
    struct bytes_writer w = bytes_writer(first, sizeof(first));
    plan_json_write(&w, plan);
    assert_int_equal(w.err, ERR_OK);
    enum err err = plan_json_read(first, w.pos, catalog_find, NULL, arena, &again, &fault);
    if (err != ERR_OK) {
        fail_msg("%.*s\nis not read: %s", (int)w.pos, first, fault.text);
    }
    struct bytes_writer w2 = bytes_writer(second, sizeof(second));
    plan_json_write(&w2, &again);
    if (w.pos != w2.pos || memcmp(first, second, w.pos) != 0) {
        fail_msg("%.*s\nis read as\n%.*s", (int)w.pos, first, (int)w2.pos, second);
    }
}

static void bind_put_columns(struct bytes_writer *out, const struct plan *plan)
{
    const struct plan_node *root = plan->root;
    for (uint32_t i = 0; i < root->outputs_count; i++) {
        bind_put(out, i > 0 ? ", " : "");
        bind_put(out, root->outputs[i].name);
        bind_put(out, " ");
        vec_type_write(out, root->outputs[i].type);
    }
    bind_put(out, "\n");
    for (uint32_t i = 0; i < plan->params_count; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%s$%u ", i > 0 ? ", " : "", i + 1);
        bind_put(out, text);
        vec_type_write(out, plan->params[i]);
    }
    bind_put(out, plan->params_count > 0 ? "\n" : "");
}

/* The types that a case's arguments name. */
static uint32_t bind_params_of(const char *args, struct vec_type *params)
{
    uint32_t count = 0;
    while (*args != '\0') {
        size_t length = strcspn(args, " ");
        assert_true(count < BIND_PARAMS_MAX);
        params[count++] = vec_type(vec_kind_find(args, length));
        args += length + strspn(args + length, " ");
    }
    return count;
}

static void bind_references_case(const struct datadriven_case *test_case, struct bytes_writer *out,
                                 struct arena *arena)
{
    struct sql_stmt *stmt;
    struct sql_error error;
    struct sql_reference *references;
    uint32_t count;
    if (sql_parse(test_case->input, test_case->input_length, arena, &stmt, &error) != ERR_OK) {
        bind_put_error(out, &error, test_case->input, test_case->input_length);
        return;
    }
    assert_int_equal(sql_references(stmt->select, arena, &references, &count), ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        if (references[i].schema.text != NULL) {
            sql_print_name(out, &references[i].schema);
            bind_put(out, ".");
        }
        sql_print_name(out, &references[i].name);
        bind_put(out, "\n");
    }
}

static void bind_handle(void *context, const struct datadriven_case *test_case,
                        struct bytes_writer *out)
{
    (void)context;
    struct budget budget;
    struct arena arena;
    struct plan plan;
    struct sql_error error;
    struct vec_type params[BIND_PARAMS_MAX];
    bool has_params = test_case->args[0] != '\0';
    budget_init(&budget, "bind", 16u << 20, NULL);
    arena_init(&arena, &budget, 4096, 16u << 20);
    if (strcmp(test_case->command, "references") == 0) {
        bind_references_case(test_case, out, &arena);
    } else if (catalog_bind(test_case->input, test_case->input_length, has_params ? params : NULL,
                            bind_params_of(test_case->args, params), &arena, &plan,
                            &error) != ERR_OK) {
        bind_put_error(out, &error, test_case->input, test_case->input_length);
    } else if (strcmp(test_case->command, "json") == 0) {
        plan_json_write(out, &plan);
        bind_json_again(&plan, &arena);
    } else {
        assert_string_equal(test_case->command, "plan");
        bind_put_columns(out, &plan);
        sql_explain(out, &plan);
        bind_json_again(&plan, &arena);
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
}

static void bind_file(void **state)
{
    char path[128];
    snprintf(path, sizeof(path), "tests/unit/sql/golden/%s.txt", (const char *)*state);
    datadriven_run(path, bind_handle, NULL);
}

static void implicit_casts_are_those_of_the_table(void **state)
{
    (void)state;
    for (unsigned from = VEC_NONE + 1; from < VEC_KIND_COUNT; from++) {
        for (unsigned to = VEC_NONE + 1; to < VEC_KIND_COUNT; to++) {
            const struct vec_function *cast = vec_cast_find((enum vec_kind)from, (enum vec_kind)to);
            bool is_implicit = from == to || (cast != NULL && cast->cast == VEC_CAST_IMPLICIT);
            assert_int_equal(bind_is_implicit((enum vec_kind)from, (enum vec_kind)to), is_implicit);
        }
    }
}

static void names_have_no_more_rows_than_are_looked_at(void **state)
{
    const struct vec_function *function, *rows;
    const struct vec_aggregate *aggregate, *aggregates;
    (void)state;
    for (size_t i = 0; (function = vec_function_at(i)) != NULL; i++) {
        assert_in_range(vec_functions(function->name, strlen(function->name), &rows), 1,
                        BIND_CANDIDATES_MAX);
    }
    for (size_t i = 0; (aggregate = vec_aggregate_at(i)) != NULL; i++) {
        assert_in_range(vec_aggregates(aggregate->name, strlen(aggregate->name), &aggregates), 1,
                        BIND_CANDIDATES_MAX);
    }
}

int main(void)
{
    static const char *const names[] = {"bind_clauses", "bind_errors", "bind_forms", "bind_names",
                                        "bind_types",   "plan_json",   "rewrites"};
    struct CMUnitTest tests[ARRAY_COUNT(names) + 2] = {
        cmocka_unit_test(implicit_casts_are_those_of_the_table),
        cmocka_unit_test(names_have_no_more_rows_than_are_looked_at),
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        tests[i + 2] =
            (struct CMUnitTest){names[i], bind_file, NULL, NULL, (void *)(uintptr_t)names[i]};
    }
    return cmocka_run_group_tests_name("sql_bind", tests, NULL, NULL);
}
