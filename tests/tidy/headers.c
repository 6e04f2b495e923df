/* Each header compiles alone. One source file of one line per header, handed to a few compilers at
 * once: starting a compiler costs more than reading a header. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "tests/support/cmocka.h"
#include "tests/tidy/command.h"
#include "tests/tidy/tidy.h"

#define HEADERS_JOBS       2
#define HEADERS_PATH_BYTES 512

static const char *const headers_flags[] = {"cc",
                                            "-std=gnu17",
                                            "-fsyntax-only",
                                            "-Wall",
                                            "-Wextra",
                                            "-Werror",
                                            "-D_GNU_SOURCE",
                                            "-fmax-errors=1",
                                            "-fno-diagnostics-show-caret"};

static void headers_write(const char *folder, size_t i, const char *path);
static void headers_unit(char *name, size_t name_bytes, const char *folder, size_t i);
static void headers_start(struct command *job, const char *root, const char *folder, size_t from,
                          size_t to);
static void headers_finish(struct command *job, const char *root, const struct tidy_sink *sink);
static bool headers_error(const char *root, char *line, const struct tidy_sink *sink);

void tidy_headers(const char *root, const char *const *paths, size_t count,
                  const struct tidy_sink *sink)
{
    const char *parent = getenv("TMPDIR");
    char folder[HEADERS_PATH_BYTES];
    snprintf(folder, sizeof(folder), "%s/tidy-XXXXXX", parent != NULL ? parent : P_tmpdir);
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < count; i++) {
        headers_write(folder, i, paths[i]);
    }
    struct command jobs[HEADERS_JOBS];
    for (size_t j = 0; j < HEADERS_JOBS; j++) {
        headers_start(&jobs[j], root, folder, count * j / HEADERS_JOBS,
                      count * (j + 1) / HEADERS_JOBS);
    }
    for (size_t j = 0; j < HEADERS_JOBS; j++) {
        headers_finish(&jobs[j], root, sink);
    }
    for (size_t i = 0; i < count; i++) {
        char name[HEADERS_PATH_BYTES + 32];
        headers_unit(name, sizeof(name), folder, i);
        unlink(name);
    }
    rmdir(folder);
}

static void headers_unit(char *name, size_t name_bytes, const char *folder, size_t i)
{
    snprintf(name, name_bytes, "%s/%zu.c", folder, i);
}

static void headers_write(const char *folder, size_t i, const char *path)
{
    char name[HEADERS_PATH_BYTES + 32];
    headers_unit(name, sizeof(name), folder, i);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fprintf(file, "#include \"%s\"\n", path);
    assert_int_equal(fclose(file), 0);
}

/* Units `from` to `to` go to one compiler; with none of them it reads nothing and says nothing. */
static void headers_start(struct command *job, const char *root, const char *folder, size_t from,
                          size_t to)
{
    size_t flags_count = ARRAY_COUNT(headers_flags);
    size_t argc = flags_count + 2 + (to - from);
    const char **argv = calloc(argc + 3, sizeof(argv[0]));
    char(*units)[HEADERS_PATH_BYTES + 32] = calloc(to - from + 1, sizeof(units[0]));
    ASSERT(argv != NULL);
    ASSERT(units != NULL);
    for (size_t i = 0; i < flags_count; i++) {
        argv[i] = headers_flags[i];
    }
    argv[flags_count] = "-I";
    argv[flags_count + 1] = root;
    for (size_t i = from; i < to; i++) {
        headers_unit(units[i - from], sizeof(units[0]), folder, i);
        argv[flags_count + 2 + (i - from)] = units[i - from];
    }
    if (from == to) {
        argv[argc] = "-xc";
        argv[argc + 1] = "/dev/null";
    }
    command_start(job, argv);
    free(units);
    free(argv);
}

static void headers_finish(struct command *job, const char *root, const struct tidy_sink *sink)
{
    char *output = NULL;
    size_t length = 0;
    size_t errors_count = 0;
    int status = command_finish(job, &output, &length);
    for (char *line = output; line < output + length;) {
        size_t line_length = strcspn(line, "\n");
        line[line_length] = '\0';
        errors_count += headers_error(root, line, sink);
        line += line_length + 1;
    }
    free(output);
    if (status != 0 && errors_count == 0) {
        fail_msg("cc ended with status %d and no message", status);
    }
}

/* "<root>/base/x.h:12:3: error: what" is a finding; other lines are context. */
static bool headers_error(const char *root, char *line, const struct tidy_sink *sink)
{
    char *text = strstr(line, " error: ");
    char *number = strchr(line, ':');
    if (text == NULL || number == NULL || number > text) {
        return false;
    }
    *number = '\0';
    size_t root_length = strlen(root);
    const char *path = line;
    if (strncmp(path, root, root_length) == 0 && path[root_length] == '/') {
        path += root_length + 1;
    }
    tidy_report(sink, path, (unsigned)strtoul(number + 1, NULL, 10), TIDY_ALONE,
                "%s: include or declare what the header uses", text + strlen(" error: "));
    return true;
}
