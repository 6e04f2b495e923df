/* Our binder against PostgreSQL 15: what pg_bind.py wrote down of it. Columns have the same names
 * and types, parameters the same types, what is wrong the same SQLSTATE, sentence and place. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/skip.h"
#include "tests/unit/sql/catalog.h"

/* The longest line of a record. */
#define ORACLE_LINE_BYTES_MAX 4096

/* Room for what is said of a statement. */
#define ORACLE_TEXT_BYTES 2048

/* Where we differ from PostgreSQL, and why. Patterns as for fnmatch. */
struct oracle_difference {
    const char *theirs; /* of PostgreSQL's answer */
    const char *ours;   /* of ours */
    const char *sql;    /* of the statement */
    const char *reason; /* why it is so */
};

static const struct oracle_difference oracle_differences[] = {
    {"*", "0A000*", "*", "refused by name"},
    {"42P18*", "=*", "*", "a parameter whose type nothing says is a text"},
    {"42804*polymorphic*", "=*", "*to_jsonb*", "what is unknown is a text"},
    {"42725*->*", "=*", "*->*", "there is no json beside jsonb"},
    {"42725*->*", "42P08*", "*->*", "there is no json beside jsonb"},
    {"42725*trunc*", "=*", "*trunc(*", "there is no trunc(macaddr)"},
    {"42883\t*", "42883\t*", "*CASE s WHEN 1*", "points to the value, not to the word WHEN"},
    {"=*interval day*", "=*", "*", "an interval's type has no fields"},
    {"22023*between 1 and 1000", "22023*between 1 and 38", "*", "at most 38 digits are declared"},
    {"=*numeric(3,5)*", "22023*", "*", "a scale is at most the precision"},
};

static bool oracle_differs(const char *theirs, const char *ours, const char *sql)
{
    for (size_t i = 0; i < ARRAY_COUNT(oracle_differences); i++) {
        const struct oracle_difference *row = &oracle_differences[i];
        if (fnmatch(row->theirs, theirs, 0) == 0 && fnmatch(row->ours, ours, 0) == 0 &&
            fnmatch(row->sql, sql, 0) == 0) {
            return true;
        }
    }
    return false;
}

/* Our answer as a record has it, without the statement. */
static void oracle_answer(const char *sql, char out[ORACLE_TEXT_BYTES])
{
    struct budget budget;
    struct arena arena;
    struct plan plan;
    struct sql_error error;
    struct bytes_writer w = bytes_writer(out, ORACLE_TEXT_BYTES - 1);
    budget_init(&budget, "oracle", 16u << 20, NULL);
    arena_init(&arena, &budget, 16384, 16u << 20);
    if (catalog_bind(sql, strlen(sql), NULL, 0, &arena, &plan, &error) == ERR_OK) {
        bytes_put_copy(&w, "=\t", 2);
        for (uint32_t i = 0; i < plan.root->outputs_count; i++) {
            const struct plan_output *output = &plan.root->outputs[i];
            bytes_put_copy(&w, ", ", i > 0 ? 2 : 0);
            bytes_put_copy(&w, output->name, strlen(output->name));
            bytes_put_copy(&w, " ", 1);
            vec_type_write(&w, output->type);
        }
        bytes_put_copy(&w, "\t", 1);
        for (uint32_t i = 0; i < plan.params_count; i++) {
            bytes_put_copy(&w, ", ", i > 0 ? 2 : 0);
            vec_type_write(&w, plan.params[i]);
        }
        out[w.pos] = '\0';
    } else {
        unsigned chars_count = 1;
        for (uint32_t i = 0; i < error.at.pos; i++) {
            chars_count += ((unsigned char)sql[i] & 0xc0) != 0x80;
        }
        snprintf(out, ORACLE_TEXT_BYTES, "%s\t%u\t%s", sql_state_code(error.state), chars_count,
                 error.message);
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
}

/* A record without a place: PostgreSQL gave none. */
static bool oracle_is_same(const char *wanted, const char *got)
{
    const char *wanted_text = strstr(wanted, "\t0\t"), *got_text = strchr(got, '\t');
    if (wanted_text == NULL || wanted[0] == '=' || got_text == NULL || got[0] == '=') {
        return strcmp(wanted, got) == 0;
    }
    got_text = strchr(got_text + 1, '\t');
    return strncmp(wanted, got, 5) == 0 && got_text != NULL &&
           strcmp(wanted_text + strlen("\t0\t"), got_text + 1) == 0;
}

static void statements_mean_what_they_mean_to_postgresql(void **state)
{
    char line[ORACLE_LINE_BYTES_MAX], got[ORACLE_TEXT_BYTES];
    unsigned differences_count = 0, lines_count = 0;
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/unit/sql/bind_answers.txt", skip_repo_root());
    FILE *file = fopen(path, "r");
    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *sql = strrchr(line, '\t');
        assert_non_null(sql);
        *sql++ = '\0';
        lines_count++;
        oracle_answer(sql, got);
        if (!oracle_is_same(line, got) && !oracle_differs(line, got, sql)) {
            printf("%s\n  PostgreSQL: %s\n  here:       %s\n", sql, line, got);
            differences_count++;
        }
    }
    fclose(file);
    assert_true(lines_count > 500);
    assert_int_equal(differences_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_mean_what_they_mean_to_postgresql),
    };
    return cmocka_run_group_tests_name("sql_bind_oracle", tests, NULL, NULL);
}
