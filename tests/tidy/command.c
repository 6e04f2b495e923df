/* Run a program and read what it prints. See command.h. */
#include "tests/tidy/command.h"

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "tests/support/cmocka.h"

void command_start(struct command *command, const char *const *argv)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int failed = posix_spawnp(&command->pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    command->output_fd = ends[0];
    if (failed != 0) {
        fail_msg("cannot run %s: %s", argv[0], strerror(failed));
    }
}

int command_finish(struct command *command, char **output, size_t *length)
{
    size_t capacity = 1 << 16;
    char *text = malloc(capacity);
    ASSERT(text != NULL);
    size_t used = 0;
    for (;;) {
        ssize_t got = read(command->output_fd, text + used, capacity - used - 1);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        if (used + 1 == capacity) {
            capacity *= 2;
            text = realloc(text, capacity);
            ASSERT(text != NULL);
        }
    }
    text[used] = '\0';
    close(command->output_fd);
    int status = 0;
    assert_int_equal(waitpid(command->pid, &status, 0), command->pid);
    *output = text;
    *length = used;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
