/* Parts of a test that spoil their process: they run in a child. */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/* Fork, call `run` with `context` in the child and end it with what that returned (0..125). Returns
 * the exit status; -1: the child did not exit by itself. Before any thread of the test's own is
 * started. */
int child_run(int (*run)(void *context), void *context);

/* One system call that is to be refused. */
struct child_refusal {
    int number; /* SYS_... */
    int error;  /* what it answers */
};

/* From here on this process (a child) is refused these calls, as a container's seccomp profile does
 * it. False where the kernel has no seccomp. Source: seccomp(2), SECCOMP_SET_MODE_FILTER. */
bool child_refuse(const struct child_refusal *refusals, size_t count);

#endif
