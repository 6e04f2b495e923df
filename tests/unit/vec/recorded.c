/* Recorded tables. See recorded.h. */
#include "tests/unit/vec/recorded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

static size_t recorded_unescape(char *field)
{
    static const char escapes[] = "b\bf\fn\nr\rt\tv\v\\\\";
    char *out = field;
    for (const char *at = field; *at != '\0'; at++) {
        if (*at == '\\') {
            at++;
            size_t i = 0;
            while (i < sizeof(escapes) - 1 && escapes[i] != *at) {
                i += 2;
            }
            assert_true(i < sizeof(escapes) - 1);
            *out++ = escapes[i + 1];
        } else {
            *out++ = *at;
        }
    }
    *out = '\0';
    return (size_t)(out - field);
}

static void recorded_split(char *line, struct recorded_line *out)
{
    size_t count = 0;
    size_t skip = 0; /* fields between the name and the answer */
    for (char *at = line; at != NULL; count++) {
        char *tab = strchr(at, '\t');
        if (tab != NULL) {
            *tab++ = '\0';
        }
        struct recorded_field field = {.text = at, .length = recorded_unescape(at)};
        if (count == 0) {
            skip = at[field.length - 1] == '*';
            at[field.length -= skip] = '\0';
            out->name = field;
        } else if (count == skip + 1) {
            out->answer = field;
        } else if (count > skip + 1) {
            assert_true(out->args_count < RECORDED_ARGS_MAX);
            out->args[out->args_count++] = field;
        }
        at = tab;
    }
    assert_true(count >= 2);
}

struct recorded *recorded_read(const char *table)
{
    static struct recorded out;
    char path[4096];
    const char *root = getenv("TDB_REPO");
    (void)snprintf(path, sizeof(path), "%s/tests/golden/values/%s.txt", root ? root : ".", table);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    static char *text;
    text = malloc(bytes + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, bytes, file), bytes);
    text[bytes] = '\0';
    (void)fclose(file);
    size_t lines = 0;
    for (size_t i = 0; i < bytes; i++) {
        lines += text[i] == '\n';
    }
    assert_true(lines > 0);
    out.lines = calloc(lines, sizeof(*out.lines));
    assert_non_null(out.lines);
    for (char *at = text; out.count < lines; out.count++) {
        char *end = strchr(at, '\n');
        assert_non_null(end);
        *end = '\0';
        recorded_split(at, &out.lines[out.count]);
        at = end + 1;
    }
    return &out;
}
