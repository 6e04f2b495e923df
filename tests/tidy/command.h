/* Another program's output: git lists the files, cc judges the headers. */
#ifndef TESTS_TIDY_COMMAND_H
#define TESTS_TIDY_COMMAND_H

#include <stddef.h>
#include <sys/types.h>

/* A program that runs. */
struct command {
    pid_t pid;     /* its process */
    int output_fd; /* what it prints, read end */
};

/* Start argv[0], found along PATH, with the NULL-terminated `argv`. Both its output streams come
 * to the caller. A program that cannot be started ends the test, saying which. */
void command_start(struct command *command, const char *const *argv);

/* Read everything it prints, wait for its end and return its exit status (128 + n: signal n).
 * `*output` is NUL-terminated, `*length` long without the NUL, and the caller's to free. */
int command_finish(struct command *command, char **output, size_t *length);

#endif
