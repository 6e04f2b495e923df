/* Cases of a text file, run, compared or rewritten. See datadriven.h. */
#include "tests/support/datadriven.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/support/cmocka.h"
#include "tests/support/skip.h"

/* The longest command line. */
#define DATADRIVEN_LINE_BYTES_MAX 256

/* A run over one file. */
struct datadriven {
    const char *path;         /* below the root */
    char *text;               /* the file, NUL-terminated */
    char *at;                 /* the next byte */
    unsigned line;            /* of `at`, from 1 */
    bool is_rewrite;          /* write, do not compare */
    struct bytes_writer file; /* the file as it would be */
    unsigned cases_count;     /* run */
    unsigned wrong_count;     /* of these, not as expected */
};

static char datadriven_text[DATADRIVEN_FILE_BYTES_MAX + 1];
static char datadriven_new_text[DATADRIVEN_FILE_BYTES_MAX];
static char datadriven_output[DATADRIVEN_OUTPUT_BYTES_MAX];

static void datadriven_read(struct datadriven *run, const char *full_path);
static void datadriven_write(const struct datadriven *run, const char *full_path);
static char *datadriven_line(struct datadriven *run);
static void datadriven_put(struct bytes_writer *w, const char *text);
static void datadriven_case_run(struct datadriven *run, char *command_line,
                                datadriven_handler *handler, void *context);
static char *datadriven_until(struct datadriven *run, const char *mark);

void datadriven_run(const char *path, datadriven_handler *handler, void *context)
{
    char full_path[4096];
    snprintf(full_path, sizeof(full_path), "%s/%s", skip_repo_root(), path);
    struct datadriven run = {.path = path, .line = 1, .is_rewrite = getenv("REWRITE") != NULL};
    run.file = bytes_writer(datadriven_new_text, sizeof(datadriven_new_text));
    datadriven_read(&run, full_path);
    while (*run.at != '\0') {
        char *line = datadriven_line(&run);
        if (line[0] == '\0' || line[0] == '#') {
            datadriven_put(&run.file, line);
            datadriven_put(&run.file, "\n");
        } else {
            datadriven_case_run(&run, line, handler, context);
        }
    }
    if (run.is_rewrite) {
        datadriven_write(&run, full_path);
    }
    if (run.wrong_count > 0 || run.cases_count == 0) {
        fail_msg("%s: %u of %u cases are wrong", path, run.wrong_count, run.cases_count);
    }
}

static void datadriven_read(struct datadriven *run, const char *full_path)
{
    FILE *file = fopen(full_path, "rb");
    if (file == NULL) {
        fail_msg("%s: no such file", full_path);
    }
    size_t length = fread(datadriven_text, 1, sizeof(datadriven_text), file);
    fclose(file);
    assert_true(length < sizeof(datadriven_text));
    datadriven_text[length] = '\0';
    run->text = datadriven_text;
    run->at = run->text;
}

static void datadriven_write(const struct datadriven *run, const char *full_path)
{
    assert_int_equal(run->file.err, ERR_OK);
    FILE *file = fopen(full_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(run->file.data, 1, run->file.pos, file), run->file.pos);
    assert_int_equal(fclose(file), 0);
}

/* The next line, ended by a NUL instead of its newline. */
static char *datadriven_line(struct datadriven *run)
{
    char *line = run->at;
    char *end = strchr(line, '\n');
    run->line++;
    run->at = end != NULL ? end + 1 : line + strlen(line);
    if (end != NULL) {
        *end = '\0';
    }
    return line;
}

static void datadriven_put(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}

static void datadriven_case_run(struct datadriven *run, char *command_line,
                                datadriven_handler *handler, void *context)
{
    char command[DATADRIVEN_LINE_BYTES_MAX];
    struct datadriven_case test_case = {.file = run->path, .line = run->line - 1};
    snprintf(command, sizeof(command), "%s", command_line);
    char *space = strchr(command, ' ');
    test_case.command = command;
    test_case.args = space != NULL ? space + 1 : "";
    if (space != NULL) {
        *space = '\0';
    }
    test_case.input = datadriven_until(run, "----");
    test_case.input_length = strlen(test_case.input);
    const char *expected = datadriven_until(run, "");
    struct bytes_writer out = bytes_writer(datadriven_output, sizeof(datadriven_output) - 2);
    handler(context, &test_case, &out);
    assert_int_equal(out.err, ERR_OK);
    while (out.pos > 0 && out.data[out.pos - 1] == '\n') {
        out.pos--;
    }
    datadriven_output[out.pos] = '\0';
    run->cases_count++;
    if (!run->is_rewrite && strcmp(datadriven_output, expected) != 0) {
        run->wrong_count++;
        print_error("%s:%u: %s\n%s\n---- expected\n%s\n---- but\n%s\n\n", run->path, test_case.line,
                    command_line, test_case.input, expected, datadriven_output);
    }
    const char *const parts[] = {command_line,
                                 "\n",
                                 test_case.input,
                                 "\n----\n",
                                 datadriven_output,
                                 out.pos > 0 ? "\n" : "",
                                 *run->at != '\0' ? "\n" : ""};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        datadriven_put(&run->file, parts[i]);
    }
}

/* The lines up to one that is `mark`, or the end, as one text without the last newline. */
static char *datadriven_until(struct datadriven *run, const char *mark)
{
    char *begin = run->at, *end = run->at;
    while (*run->at != '\0') {
        char *line = datadriven_line(run);
        if (strcmp(line, mark) == 0) {
            break;
        }
        if (line > begin) {
            line[-1] = '\n';
        }
        end = line + strlen(line);
    }
    *end = '\0';
    return end == begin ? end : begin;
}
