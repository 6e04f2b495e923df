/* One thread per CPU that does nothing, forever, at the lowest priority there is (SCHED_IDLE): it
 * takes nothing from anybody, but a CPU of a virtual machine never halts, and what wakes up on it
 * need not wait for the host. It does nothing by yielding: a kernel that preempts lazily lets a
 * thread which stays in its own code run until the next tick, 4 ms later, whoever else was woken.
 * Ends with the process that started it. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *spin(void *context)
{
    (void)context;
    for (;;) {
        sched_yield();
    }
    return NULL;
}

/* Where the kernel schedules by sessions first (autogroup), a thread is lowest only within its own:
 * a session of its own, as low. Where it does not, there is nothing to do. */
static void spin_leave_group(void)
{
    (void)setsid();
    FILE *file = fopen("/proc/self/autogroup", "w");
    if (file != NULL) {
        fputs("19", file);
        fclose(file);
    }
}

int main(void)
{
    struct sched_param lowest = {.sched_priority = 0};
    cpu_set_t cpus;
    (void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0ul, 0ul, 0ul);
    spin_leave_group();
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0 ||
        sched_setscheduler(0, SCHED_IDLE, &lowest) != 0) {
        perror("peer_spin");
        return 1;
    }
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        pthread_t thread;
        pthread_attr_t attributes;
        cpu_set_t one;
        if (!CPU_ISSET(cpu, &cpus)) {
            continue;
        }
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        pthread_attr_init(&attributes);
        pthread_attr_setaffinity_np(&attributes, sizeof(one), &one);
        if (pthread_create(&thread, &attributes, spin, NULL) != 0) {
            fprintf(stderr, "peer_spin: no thread\n");
            return 1;
        }
        pthread_attr_destroy(&attributes);
    }
    for (;;) {
        pause();
    }
}
