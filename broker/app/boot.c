/* See boot.h. Signals: blocked in every thread before any is started, taken by boot_wait alone. */
#include "broker/app/boot.h"

#include <signal.h>
#include <unistd.h>

#include "base/assert.h"

static void boot_signals(sigset_t *signals);

bool boot_open(struct boot *boot, const struct settings *settings, void *app,
               void (*start)(struct rt_shard *shard), void (*stop)(struct rt_shard *shard),
               FILE *err)
{
    *boot = (struct boot){.rt = NULL};
    budget_init(&boot->budget, "process", SIZE_MAX, NULL);
    cpu_detect(&boot->cpu);
    if (settings->simd != NULL && cpu_force(&boot->cpu, settings->simd) != ERR_OK) {
        fprintf(err, "tdb: simd %s: this machine has %s at most\n", settings->simd,
                cpu_level_name(boot->cpu.level));
        boot_close(boot);
        return false;
    }
    enum err result = rt_machine_read(&boot->machine, boot->note, sizeof(boot->note));
    if (result == ERR_OK) {
        struct rt_config config = {.shards_count = settings->shards_count,
                                   .memory_bytes = settings->memory_bytes,
                                   .kind = settings->runtime,
                                   .budget = &boot->budget,
                                   .cpu = &boot->cpu,
                                   .app = app,
                                   .start = start,
                                   .stop = stop};
        result = rt_new(&config, &boot->machine, &boot->rt, boot->note, sizeof(boot->note));
    }
    if (result != ERR_OK) {
        fprintf(err, "tdb: cannot start: %s\n", boot->note);
        boot_close(boot);
        return false;
    }
    return true;
}

bool boot_start(struct boot *boot, FILE *err)
{
    sigset_t signals;
    boot_signals(&signals);
    int result = sigprocmask(SIG_BLOCK, &signals, NULL);
    ASSERT(result == 0);
    if (rt_start(boot->rt) != ERR_OK) {
        fprintf(err, "tdb: cannot start: the system grants no more threads (see ulimit -u)\n");
        return false;
    }
    return true;
}

void boot_wait(struct boot *boot, void (*reload)(void *context), void *context)
{
    sigset_t signals;
    int signal_number = 0;
    boot_signals(&signals);
    while (sigwait(&signals, &signal_number) != 0 || (signal_number == SIGHUP && reload != NULL)) {
        if (signal_number == SIGHUP) {
            reload(context);
        }
    }
    rt_stop(boot->rt);
    rt_join(boot->rt);
}

void boot_end(void)
{
    kill(getpid(), SIGTERM);
}

void boot_close(struct boot *boot)
{
    rt_free(boot->rt);
    boot->rt = NULL;
    budget_deinit(&boot->budget);
}

static void boot_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGHUP);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
}
