/* Parts of a test that spoil their process. See child.h. */
#include "tests/support/child.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"

#define CHILD_REFUSALS_MAX 16

/* Coverage is written at exit; the leak checker, which the child's limits would stop, runs there
 * too. */
#ifdef __SANITIZE_ADDRESS__
#define child_exit _exit
#else
#define child_exit exit
#endif

int child_run(int (*run)(void *context), void *context)
{
    fflush(NULL); /* or the child prints it again */
    pid_t child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        child_exit(run(context));
    }
    int status;
    pid_t ended = waitpid(child, &status, 0);
    ASSERT(ended == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool child_refuse(const struct child_refusal *refusals, size_t count)
{
    /* Load the number; for each refusal: compare, answer its error where equal; allow the rest. */
    struct sock_filter filter[2 * CHILD_REFUSALS_MAX + 2];
    unsigned short length = 0;
    ASSERT(count <= CHILD_REFUSALS_MAX);
    filter[length++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                        (unsigned)refusals[i].number, 0, 1);
        filter[length++] = (struct sock_filter)BPF_STMT(
            BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)refusals[i].error);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = length, .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
