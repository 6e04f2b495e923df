/* The driver finds the bug planted in fuzz_canary.c within the suite's share, names the case, and
 * the saved input shows the bug again. Called with the program and its corpus. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "tests/support/cmocka.h"

/* The program under test and its corpus: main's arguments, for tests that take none. */
static struct {
    const char *program;
    const char *corpus;
} canary;

/* Run the program on `argument`; its exit status (as of wait) and the first bytes of its stderr. */
static int canary_run(const char *argument, char *text, size_t text_bytes)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        execl(canary.program, canary.program, argument, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t length = 0;
    for (;;) {
        char rest[512];
        ssize_t got = read(ends[0], rest, sizeof(rest));
        if (got <= 0) {
            break;
        }
        size_t kept = text_bytes - 1 - length < (size_t)got ? text_bytes - 1 - length : (size_t)got;
        memcpy(text + length, rest, kept);
        length += kept;
    }
    text[length] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static bool canary_is_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void canary_bug_is_found_within_the_share_and_reproduced(void **state)
{
    (void)state;
    char text[8192];
    int status = canary_run(canary.corpus, text, sizeof(text));
    if (!canary_is_killed(status)) {
        fail_msg("the planted bug was not found: status %d: %s", status, text);
    }
    assert_non_null(strstr(text, "length <= bytes_reader_left(&r)"));
    assert_non_null(strstr(text, "fuzz_canary: failed on seed "));
    char *path = strstr(text, "saved as ");
    assert_non_null(path);
    path += strlen("saved as ");
    path[strcspn(path, "\n")] = '\0';
    char again[8192];
    status = canary_run(path, again, sizeof(again));
    assert_int_equal(unlink(path), 0);
    assert_true(canary_is_killed(status));
    assert_non_null(strstr(again, "fuzz_canary: failed on file fuzz_canary-crash-"));
}

static void canary_passes_where_the_bug_is_not_reached(void **state)
{
    (void)state;
    char path[512];
    char text[8192];
    snprintf(path, sizeof(path), "%s/two-items", canary.corpus);
    assert_int_equal(canary_run(path, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s PROGRAM CORPUS\n", argv[0]);
        return 2;
    }
    canary.program = argv[1];
    canary.corpus = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canary_bug_is_found_within_the_share_and_reproduced),
        cmocka_unit_test(canary_passes_where_the_bug_is_not_reached),
    };
    return cmocka_run_group_tests_name("fuzz_canary", tests, NULL, NULL);
}
