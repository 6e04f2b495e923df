/* From settings to a running runtime: what `serve` and `doctor` have in common. */
#ifndef BROKER_APP_BOOT_H
#define BROKER_APP_BOOT_H

#include <stdio.h>

#include "base/budget.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/rt/machine.h"
#include "base/rt/rt.h"
#include "broker/app/settings.h"

/* In place; embedded in the command's own struct. */
struct boot {
    struct budget budget;      /* of the process, for what belongs to no shard; main thread only */
    struct rt_machine machine; /* what the system grants */
    struct cpu cpu;            /* instruction sets, lowered by the setting `simd` */
    struct rt *rt;             /* the runtime; NULL until boot_open */
    char note[400];            /* one line for people about the runtime chosen, "" if none */
};

/* Read the machine and make the runtime that `settings` ask for, with `start` and `stop` as in
 * rt_config and `app` on each shard. Nothing runs yet. False: `err` got a line that says what is
 * wrong and what to do, and all is given back. */
MUST_USE bool boot_open(struct boot *boot, const struct settings *settings, void *app,
                        void (*start)(struct rt_shard *shard), void (*stop)(struct rt_shard *shard),
                        FILE *err);

/* Start the threads with the signals of boot_wait blocked, in this thread too. False, with a line
 * on `err`, when the system grants no threads. */
MUST_USE bool boot_start(struct boot *boot, FILE *err);

/* Wait for SIGINT, SIGTERM or boot_end; then stop the runtime and wait for its end. At each SIGHUP
 * before that, `reload` is called with `context` on this thread and the wait goes on; NULL: SIGHUP
 * ends it too. */
void boot_wait(struct boot *boot, void (*reload)(void *context), void *context);

/* End boot_wait from a shard's thread: the command is over. */
void boot_end(void);

/* Give all back. */
void boot_close(struct boot *boot);

#endif
