/* What this machine grants: CPUs, memory, descriptors, io_uring. Read once at start, by main. */
#ifndef BASE_RT_MACHINE_H
#define BASE_RT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct rt_machine {
    uint32_t cpus_count;        /* in this process's affinity mask */
    uint32_t cpu_quota_percent; /* of the cgroup: 150 = one and a half CPUs; 0: no quota */
    uint32_t shards_count;      /* what follows: min(affinity, quota rounded down), at least 1 */
    uint64_t ram_bytes;         /* of the machine */
    uint64_t cgroup_bytes;      /* memory limit of the cgroup, 0: none */
    uint64_t memory_bytes;      /* what follows: half of the smaller */
    uint64_t nofile_count;      /* descriptors allowed, after raising to the hard limit */
    uint64_t memlock_bytes;     /* lockable memory, UINT64_MAX: unlimited */
    uint32_t kernel_major;      /* e.g. 6 */
    uint32_t kernel_minor;      /* e.g. 1 */
    bool has_uring;             /* io_uring_setup works here */
    int uring_errno;            /* why not, 0 where it does */
    char kernel[64];            /* release string of uname(2) */
};

/* Read it all, and raise the limit of open files to its hard limit. ERR_UNSUPPORTED: a kernel too
 * old for either runtime (< 5.10), or ERR_RESOURCES: fewer than 256 descriptors, ERR_SYSTEM; then
 * `message` says what was found and what to do. */
MUST_USE enum err rt_machine_read(struct rt_machine *machine, char *message, size_t message_bytes);

/* The same from given texts instead of the system's files: the pure part, for tests. `cgroup2_cpu`
 * is a cpu.max ("max 100000"), `cgroup2_memory` a memory.max; `cgroup1_*` the older files; NULL: no
 * such file. Fills the cgroup fields only. ERR_CORRUPT: a text that is none of the kernel's. */
MUST_USE enum err rt_machine_parse_cgroup(struct rt_machine *machine, const char *cgroup2_cpu,
                                          const char *cgroup2_memory, const char *cgroup1_quota,
                                          const char *cgroup1_period, const char *cgroup1_memory);

/* What follows from the fields read: shards_count and memory_bytes. */
void rt_machine_derive(struct rt_machine *machine);

/* Whether TDB+ can run on what was read: the errors and messages of rt_machine_read. Pure. */
MUST_USE enum err rt_machine_check(const struct rt_machine *machine, char *message,
                                   size_t message_bytes);

/* Why io_uring does not work here (machine->uring_errno) and how to permit it, in one sentence
 * without a full stop; `message` is empty where it does. Pure. */
void rt_machine_explain_uring(const struct rt_machine *machine, char *message,
                              size_t message_bytes);

#endif
