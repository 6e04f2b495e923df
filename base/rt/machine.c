/* What this machine grants. See machine.h.
 *
 * Reading and judging are apart: rt_machine_read gathers texts and numbers, the parse, derive and
 * check functions are pure. A cgroup's limits hold for everything below it, so the own cgroup and
 * all its visible ancestors are read and the tightest limit wins. Sources: cgroups(7),
 * proc_pid_mountinfo(5); Documentation/admin-guide/cgroup-v2.rst ("CPU Interface Files", "Memory
 * Interface Files"), cgroup-v1/memory.rst, scheduler/sched-bwc.rst of the kernel. */
#include "base/rt/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/rt/cgroup.h"

/* Oldest kernel that both runtimes run on: the long-term one in which io_uring and epoll_pwait2's
 * neighbours were complete enough; Debian 11's. */
#define MACHINE_KERNEL_MAJOR_MIN 5
#define MACHINE_KERNEL_MINOR_MIN 10

/* Fewer descriptors than this and a node cannot hold its journal, a few segments and a handful of
 * connections. */
#define MACHINE_NOFILE_MIN 256

/* CPUs an affinity mask may name; the kernel's own bound is 8192 (NR_CPUS with MAXSMP). */
#define MACHINE_CPUS_MAX 8192

/* A file with one or two numbers of a cgroup. */
#define MACHINE_TEXT_BYTES 128

/* A line of /proc/self/mountinfo; the parts that matter are at its beginning and shorter. */
#define MACHINE_LINE_BYTES 4096

static enum err rt_machine_read_cpus(struct rt_machine *machine);
static enum err rt_machine_read_kernel(struct rt_machine *machine);
static enum err rt_machine_read_memory(struct rt_machine *machine);
static void rt_machine_read_cgroup(struct rt_machine *machine);
static bool rt_machine_find_cgroup(struct rt_cgroup *cgroup, const char *controller);
static void rt_machine_read_limits(struct rt_machine *machine, const char *dir,
                                   const char *controller);
static const char *rt_machine_read_text(const char *dir, const char *name, char *out);
static void rt_machine_raise_nofile(struct rt_machine *machine);
static void rt_machine_probe_uring(struct rt_machine *machine);
static void rt_machine_say(char *message, size_t message_bytes, const char *format, ...)
    PRINTF(3, 4);

enum err rt_machine_read(struct rt_machine *machine, char *message, size_t message_bytes)
{
    ASSERT(message_bytes >= 1);
    message[0] = '\0';
    *machine = (struct rt_machine){0};
    enum err err = rt_machine_read_kernel(machine);
    if (err == ERR_OK) {
        err = rt_machine_read_cpus(machine);
    }
    if (err == ERR_OK) {
        err = rt_machine_read_memory(machine);
    }
    if (err != ERR_OK) {
        rt_machine_say(message, message_bytes,
                       "the system does not tell its kernel version, CPUs or memory: %s",
                       strerror(errno));
        return err;
    }
    rt_machine_read_cgroup(machine);
    rt_machine_raise_nofile(machine);
    rt_machine_probe_uring(machine);
    rt_machine_derive(machine);
    return rt_machine_check(machine, message, message_bytes);
}

void rt_machine_derive(struct rt_machine *machine)
{
    ASSERT(machine->cpus_count >= 1);
    uint32_t shards_count = machine->cpus_count;
    if (machine->cpu_quota_percent > 0 && machine->cpu_quota_percent / 100 < shards_count) {
        shards_count = machine->cpu_quota_percent / 100;
    }
    if (shards_count > LIMIT_SHARDS_COUNT) {
        shards_count = LIMIT_SHARDS_COUNT;
    }
    machine->shards_count = shards_count > 0 ? shards_count : 1;
    uint64_t bytes = machine->ram_bytes;
    if (machine->cgroup_bytes > 0 && machine->cgroup_bytes < bytes) {
        bytes = machine->cgroup_bytes;
    }
    machine->memory_bytes = bytes / 2;
}

enum err rt_machine_check(const struct rt_machine *machine, char *message, size_t message_bytes)
{
    ASSERT(message_bytes >= 1);
    message[0] = '\0';
    if (machine->kernel_major < MACHINE_KERNEL_MAJOR_MIN ||
        (machine->kernel_major == MACHINE_KERNEL_MAJOR_MIN &&
         machine->kernel_minor < MACHINE_KERNEL_MINOR_MIN)) {
        rt_machine_say(message, message_bytes,
                       "Linux %s is too old: TDB+ needs %d.%d or later; upgrade the kernel",
                       machine->kernel, MACHINE_KERNEL_MAJOR_MIN, MACHINE_KERNEL_MINOR_MIN);
        return ERR_UNSUPPORTED;
    }
    if (machine->nofile_count < MACHINE_NOFILE_MIN) {
        rt_machine_say(message, message_bytes,
                       "only %llu open files are allowed and at least %d are needed; raise the "
                       "limit: `ulimit -Hn 65536`, or LimitNOFILE=65536 in the systemd unit, or "
                       "--ulimit nofile=65536 for docker run",
                       (unsigned long long)machine->nofile_count, MACHINE_NOFILE_MIN);
        return ERR_RESOURCES;
    }
    return ERR_OK;
}

void rt_machine_explain_uring(const struct rt_machine *machine, char *message, size_t message_bytes)
{
    ASSERT(message_bytes >= 1);
    message[0] = '\0';
    switch (machine->uring_errno) {
    case 0: break;
    case EPERM:
    case EACCES:
        rt_machine_say(message, message_bytes,
                       "io_uring is forbidden here: set sysctl kernel.io_uring_disabled=0, and in "
                       "a container use a seccomp profile that allows io_uring_setup, "
                       "io_uring_enter and io_uring_register");
        break;
    case ENOSYS:
        rt_machine_say(message, message_bytes,
                       "Linux %s was built without io_uring, or a sandbox hides it: use a kernel "
                       "with CONFIG_IO_URING=y",
                       machine->kernel);
        break;
    case ENOMEM: /* rings are charged to RLIMIT_MEMLOCK, but for those with CAP_IPC_LOCK */
        rt_machine_say(message, message_bytes,
                       "io_uring gets no memory: only %llu KiB may be locked; raise the limit: "
                       "`ulimit -l unlimited`, or LimitMEMLOCK=infinity in the systemd unit, or "
                       "--ulimit memlock=-1 for docker run",
                       (unsigned long long)machine->memlock_bytes / 1024);
        break;
    case EMFILE:
    case ENFILE:
        rt_machine_say(message, message_bytes,
                       "io_uring gets no descriptor: too many files are open; raise the limit: "
                       "`ulimit -Hn 65536`, or sysctl fs.file-max");
        break;
    default:
        rt_machine_say(message, message_bytes, "io_uring does not work here: %s",
                       strerror(machine->uring_errno));
        break;
    }
}

static enum err rt_machine_read_kernel(struct rt_machine *machine)
{
    struct utsname name;
    if (uname(&name) != 0) {
        return ERR_SYSTEM;
    }
    snprintf(machine->kernel, sizeof(machine->kernel), "%.*s", (int)sizeof(machine->kernel) - 1,
             name.release);
    if (sscanf(machine->kernel, "%u.%u", &machine->kernel_major, &machine->kernel_minor) != 2) {
        errno = ENOSYS;
        return ERR_SYSTEM;
    }
    return ERR_OK;
}

static enum err rt_machine_read_cpus(struct rt_machine *machine)
{
    cpu_set_t mask[MACHINE_CPUS_MAX / CPU_SETSIZE];
    CPU_ZERO_S(sizeof(mask), mask);
    if (sched_getaffinity(0, sizeof(mask), mask) != 0) {
        return ERR_SYSTEM;
    }
    machine->cpus_count = (uint32_t)CPU_COUNT_S(sizeof(mask), mask);
    ASSERT(machine->cpus_count >= 1); /* the one this runs on */
    return ERR_OK;
}

static enum err rt_machine_read_memory(struct rt_machine *machine)
{
    struct sysinfo info;
    struct rlimit limit;
    if (sysinfo(&info) != 0 || getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        return ERR_SYSTEM;
    }
    machine->ram_bytes = (uint64_t)info.totalram * info.mem_unit;
    machine->memlock_bytes = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
    return ERR_OK;
}

/* Version 2 has one hierarchy, version 1 one per controller; a machine may have both. What cannot
 * be read sets no limit. */
static void rt_machine_read_cgroup(struct rt_machine *machine)
{
    static const char *const controllers[] = {"", "cpu", "memory"};
    for (size_t i = 0; i < ARRAY_COUNT(controllers); i++) {
        struct rt_cgroup cgroup = {0};
        if (!rt_machine_find_cgroup(&cgroup, controllers[i])) {
            continue;
        }
        char dir[2 * LIMIT_PATH_BYTES];
        rt_cgroup_dir(&cgroup, dir);
        do {
            rt_machine_read_limits(machine, dir, controllers[i]);
        } while (rt_cgroup_parent(&cgroup, dir));
    }
}

static bool rt_machine_find_cgroup(struct rt_cgroup *cgroup, const char *controller)
{
    static const struct {
        const char *path;
        bool (*parse)(struct rt_cgroup *cgroup, const char *line, const char *controller);
    } files[] = {
        {"/proc/self/cgroup", rt_cgroup_parse_self},
        {"/proc/self/mountinfo", rt_cgroup_parse_mount},
    };
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        FILE *file = fopen(files[i].path, "re");
        if (file == NULL) {
            return false;
        }
        char line[MACHINE_LINE_BYTES];
        bool is_found = false;
        while (!is_found && fgets(line, sizeof(line), file) != NULL) {
            is_found = files[i].parse(cgroup, line, controller);
        }
        fclose(file);
        if (!is_found) {
            return false;
        }
    }
    return true;
}

static void rt_machine_read_limits(struct rt_machine *machine, const char *dir,
                                   const char *controller)
{
    char texts[3][MACHINE_TEXT_BYTES];
    struct rt_machine here = {0};
    enum err err;
    if (controller[0] == '\0') {
        err = rt_machine_parse_cgroup(&here, rt_machine_read_text(dir, "cpu.max", texts[0]),
                                      rt_machine_read_text(dir, "memory.max", texts[1]), NULL, NULL,
                                      NULL);
    } else {
        err = rt_machine_parse_cgroup(&here, NULL, NULL,
                                      rt_machine_read_text(dir, "cpu.cfs_quota_us", texts[0]),
                                      rt_machine_read_text(dir, "cpu.cfs_period_us", texts[1]),
                                      rt_machine_read_text(dir, "memory.limit_in_bytes", texts[2]));
    }
    if (err == ERR_OK) {
        rt_cgroup_tighten(machine, &here);
    }
}

/* The text of `dir`/`name` in `out` (MACHINE_TEXT_BYTES), or NULL when there is none. */
static const char *rt_machine_read_text(const char *dir, const char *name, char *out)
{
    char path[2 * LIMIT_PATH_BYTES + 64];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    ssize_t length = read(fd, out, MACHINE_TEXT_BYTES - 1);
    close(fd);
    if (length <= 0) {
        return NULL;
    }
    out[length] = '\0';
    return out;
}

/* Where raising is refused, what is allowed now is what counts. */
static void rt_machine_raise_nofile(struct rt_machine *machine)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        limit = raised;
    }
    machine->nofile_count = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* The system call itself: whether the kernel and the profile of the container permit a ring. */
static void rt_machine_probe_uring(struct rt_machine *machine)
{
    struct io_uring_params params = {0};
    long fd = syscall(SYS_io_uring_setup, 4, &params);
    machine->has_uring = fd >= 0;
    machine->uring_errno = fd >= 0 ? 0 : errno;
    if (fd >= 0) {
        close((int)fd);
    }
}

static void rt_machine_say(char *message, size_t message_bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(message, message_bytes, format, args);
    va_end(args);
}
