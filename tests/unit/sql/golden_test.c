/* The grammar's story in golden/: statements and what becomes of them. Commands:
 *
 *     parse     a statement: its canonical text, or the error with its caret
 *     list      statements with semicolons between: the canonical text of each
 *     places    a statement: every node with its text; a caret line where an error would point
 *     key       a statement: its key in the plan cache
 *
 * `\t` in an input is a tab. REWRITE=1 writes what came into the files. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/datadriven.h"
#include "tests/unit/sql/places.h"
#include "views/sql/normal.h"
#include "views/sql/parse.h"
#include "views/sql/print.h"

/* A handler's state while it runs one case. */
struct golden {
    struct arena arena;       /* of the tree */
    const char *text;         /* the statement */
    struct bytes_writer *out; /* where the output goes */
};

static void golden_put(struct bytes_writer *out, const char *text)
{
    bytes_put_copy(out, text, strlen(text));
}

static void golden_put_error(struct golden *g, const struct sql_error *error, size_t length)
{
    char text[SQL_ERROR_FORMAT_BYTES];
    sql_error_format(error, g->text, length, text, sizeof(text));
    golden_put(g->out, text);
}

static void golden_put_place(void *context, const struct sql_place *place)
{
    struct golden *g = context;
    char line[512];
    snprintf(line, sizeof(line), "%*s%s [%.*s]", (int)(2 * place->depth), "", place->what,
             (int)place->at.length, g->text + place->at.pos);
    golden_put(g->out, line);
    if (place->point_pos != place->at.pos) {
        snprintf(line, sizeof(line), " at [%.8s]", g->text + place->point_pos);
        golden_put(g->out, line);
    }
    golden_put(g->out, "\n");
}

static void golden_parse(struct golden *g, const char *command, size_t length)
{
    struct sql_stmt *stmt;
    struct sql_error error;
    if (sql_parse(g->text, length, &g->arena, &stmt, &error) != ERR_OK) {
        golden_put_error(g, &error, length);
    } else if (strcmp(command, "places") == 0) {
        sql_places_visit(stmt, golden_put_place, g);
    } else {
        sql_print_stmt(g->out, stmt);
    }
}

static void golden_list(struct golden *g, size_t length)
{
    struct sql_stmts stmts;
    struct sql_error error;
    if (sql_parse_list(g->text, length, &g->arena, &stmts, &error) != ERR_OK) {
        golden_put_error(g, &error, length);
        return;
    }
    for (uint32_t i = 0; i < stmts.count; i++) {
        sql_print_stmt(g->out, stmts.items[i]);
        golden_put(g->out, ";\n");
    }
}

static void golden_key(struct golden *g, size_t length)
{
    struct sql_error error;
    if (sql_normal(g->text, length, g->out, &error) != ERR_OK) {
        g->out->pos = 0; /* the tokens before it */
        golden_put_error(g, &error, length);
    }
}

static void golden_handle(void *context, const struct datadriven_case *test_case,
                          struct bytes_writer *out)
{
    (void)context;
    char text[4096];
    struct budget budget;
    size_t length = 0;
    for (const char *at = test_case->input; *at != '\0'; at++) {
        bool is_tab = at[0] == '\\' && at[1] == 't';
        assert_true(length < sizeof(text) - 1);
        text[length++] = is_tab ? '\t' : *at;
        at += is_tab;
    }
    text[length] = '\0';
    struct golden g = {.text = text, .out = out};
    budget_init(&budget, "golden", 1u << 20, NULL);
    arena_init(&g.arena, &budget, 4096, 1u << 20);
    if (strcmp(test_case->command, "list") == 0) {
        golden_list(&g, length);
    } else if (strcmp(test_case->command, "key") == 0) {
        golden_key(&g, length);
    } else if (strcmp(test_case->command, "parse") == 0 ||
               strcmp(test_case->command, "places") == 0) {
        golden_parse(&g, test_case->command, length);
    } else {
        fail_msg("%s:%u: no command %s", test_case->file, test_case->line, test_case->command);
    }
    arena_deinit(&g.arena);
    budget_deinit(&budget);
}

static void golden_file(void **state)
{
    char path[128];
    snprintf(path, sizeof(path), "tests/unit/sql/golden/%s.txt", (const char *)*state);
    datadriven_run(path, golden_handle, NULL);
}

int main(void)
{
    static const char *const names[] = {"calls",   "errors", "expressions", "select", "shows",
                                        "streams", "views",  "text",        "types"};
    struct CMUnitTest tests[ARRAY_COUNT(names)];
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        tests[i] =
            (struct CMUnitTest){names[i], golden_file, NULL, NULL, (void *)(uintptr_t)names[i]};
    }
    return cmocka_run_group_tests_name("sql_golden", tests, NULL, NULL);
}
