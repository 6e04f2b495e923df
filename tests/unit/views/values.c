/* Tables of answers. See values.h. */
#include "tests/unit/views/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

/* Rows that differ are printed up to this many. */
#define VALUES_SHOWN_MAX 25

/* The operation and two answers stand before the arguments. */
#define VALUES_FIELDS_MAX (VALUES_ARGS_MAX + 3)

static char *values_read(const char *table);
static size_t values_split(char *line, char **fields, size_t *lengths);
static size_t values_unescape(char *field);
static bool values_check_row(char *line, const struct values_operation *operations,
                             size_t operations_count, bool is_shown);
static const struct values_operation *values_find(const struct values_operation *operations,
                                                  size_t count, const char *name);
static void values_render(struct values_case *c, struct bytes_writer *answer);

bool values_is_fine(struct values_case *c, enum vec_fault fault, const char *type)
{
    if (fault == VEC_FAULT_NONE) {
        return true;
    }
    c->fault = fault;
    c->type = type;
    return false;
}

int values_int(const struct values_arg *arg)
{
    return atoi(arg->text);
}

enum vec_unit values_unit(const struct values_arg *arg, bool is_part)
{
    return vec_unit_find(arg->text, arg->length, is_part);
}

void values_check_table(const char *table, const struct values_operation *operations,
                        size_t operations_count, size_t rows_min)
{
    char *file = values_read(table);
    size_t rows = 0;
    size_t wrong = 0;
    for (char *line = file, *next; *line != '\0'; line = next) {
        next = strchr(line, '\n');
        assert_non_null(next);
        *next++ = '\0';
        rows++;
        wrong += !values_check_row(line, operations, operations_count, wrong < VALUES_SHOWN_MAX);
    }
    free(file);
    if (wrong > 0) {
        fail_msg("%s: %zu of %zu rows differ", table, wrong, rows);
    }
    assert_true(rows >= rows_min);
}

/* Whether the row in `line` gets the answer it wants. */
static bool values_check_row(char *line, const struct values_operation *operations,
                             size_t operations_count, bool is_shown)
{
    static char text[VALUES_TEXT_BYTES];
    static char answer_text[VALUES_TEXT_BYTES];
    char *fields[VALUES_FIELDS_MAX];
    size_t lengths[VALUES_FIELDS_MAX];
    size_t count = values_split(line, fields, lengths);
    bool is_ours = fields[0][lengths[0] - 1] == '*';
    size_t want = is_ours ? 2 : 1;
    if (is_ours) {
        fields[0][--lengths[0]] = '\0';
    }
    struct values_case c = {.out = bytes_writer(text, sizeof(text)), .type = ""};
    for (size_t i = want + 1; i < count; i++) {
        c.args[c.args_count++] = (struct values_arg){.text = fields[i], .length = lengths[i]};
    }
    c.subject = c.args[0];
    values_find(operations, operations_count, fields[0])->compute(&c);
    struct bytes_writer answer = bytes_writer(answer_text, sizeof(answer_text));
    values_render(&c, &answer);
    assert_int_equal(answer.err, ERR_OK);
    bool is_right =
        answer.pos == lengths[want] && memcmp(answer_text, fields[want], answer.pos) == 0;
    if (!is_right && is_shown) {
        print_error("%s(", fields[0]);
        for (size_t i = 0; i < c.args_count; i++) {
            print_error("%s%s", i > 0 ? " | " : "", c.args[i].text);
        }
        print_error("): %.*s, want %s\n", (int)answer.pos, answer_text, fields[want]);
    }
    return is_right;
}

/* The fields of `line`, unescaped in place; how many. */
static size_t values_split(char *line, char **fields, size_t *lengths)
{
    size_t count = 0;
    char *at = line;
    do {
        assert_true(count < VALUES_FIELDS_MAX);
        char *tab = strchr(at, '\t');
        if (tab != NULL) {
            *tab++ = '\0';
        }
        fields[count] = at;
        lengths[count++] = values_unescape(at);
        at = tab;
    } while (at != NULL);
    return count;
}

static size_t values_unescape(char *field)
{
    static const char escapes[] = "b\bf\fn\nr\rt\tv\v\\\\";
    char *out = field;
    for (const char *at = field; *at != '\0'; at++) {
        if (*at != '\\') {
            *out++ = *at;
            continue;
        }
        at++;
        size_t i = 0;
        while (i < sizeof(escapes) - 1 && escapes[i] != *at) {
            i += 2;
        }
        assert_true(i < sizeof(escapes) - 1);
        *out++ = escapes[i + 1];
    }
    *out = '\0';
    return (size_t)(out - field);
}

static const struct values_operation *values_find(const struct values_operation *operations,
                                                  size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(operations[i].name, name) == 0) {
            return &operations[i];
        }
    }
    fail_msg("no operation %s", name);
    return NULL;
}

/* The answer to `c` as the tables write it. */
static void values_render(struct values_case *c, struct bytes_writer *answer)
{
    if (c->fault != VEC_FAULT_NONE) {
        bytes_put_u8(answer, '!');
        bytes_put_copy(answer, vec_fault_state(c->fault), 5);
        bytes_put_u8(answer, ' ');
        vec_fault_message(answer, c->fault, c->type, c->subject.text, c->subject.length);
    } else if (c->is_null) {
        bytes_put_u8(answer, '~');
    } else {
        assert_int_equal(c->out.err, ERR_OK);
        bytes_put_u8(answer, '=');
        bytes_put_copy(answer, c->out.data, c->out.pos);
    }
}

static char *values_read(const char *table)
{
    char path[4096];
    const char *root = getenv("TDB_REPO");
    (void)snprintf(path, sizeof(path), "%s/tests/golden/values/%s.txt", root ? root : ".", table);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, bytes, file), bytes);
    text[bytes] = '\0';
    (void)fclose(file);
    return text;
}
