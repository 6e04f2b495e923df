/* A memory limit for a benchmark that must not profit from the machine's size: a child cgroup of
 * the process's own, v2 or v1, else RLIMIT_DATA. Every step may be refused (containers, delegation,
 * v2's rule that a group with processes gives its children no controllers), so each refusal only
 * leads to the next way. See bench.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/micro/bench.h"

/* One version of cgroups. */
struct bench_limit_way {
    const char *name;    /* for the note */
    const char *line;    /* what follows the number in /proc/self/cgroup before the path */
    const char *mount;   /* where the hierarchy is mounted */
    const char *file;    /* the limit, in bytes */
    const char *no_swap; /* a file that takes 0 to forbid swapping; NULL: none */
};

static bool bench_limit_join(struct bench *b, const struct bench_limit_way *way, uint64_t bytes);
static bool bench_limit_own(const struct bench_limit_way *way, char *out, size_t out_bytes);
static bool bench_limit_write(const char *folder, const char *file, const char *value);

bool bench_limit_memory(struct bench *b, uint64_t bytes)
{
    static const struct bench_limit_way ways[] = {
        {"a cgroup (v2)", "::", "/sys/fs/cgroup", "memory.max", "memory.swap.max"},
        {"a cgroup (v1)", ":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", NULL},
    };
    ASSERT(b->limit_group[0] == '\0');
    double mib = (double)bytes / (1024 * 1024);
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
        if (bench_limit_join(b, &ways[i], bytes)) {
            bench_note(b, "memory limited to %.0f MiB by %s", mib, ways[i].name);
            return true;
        }
    }
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    struct rlimit now;
    if (getrlimit(RLIMIT_DATA, &now) == 0) {
        limit.rlim_max = now.rlim_max;
    }
    if (setrlimit(RLIMIT_DATA, &limit) == 0) {
        bench_note(b, "memory limited to %.0f MiB by RLIMIT_DATA: page cache is not counted", mib);
        return true;
    }
    bench_note(b, "memory could not be limited: %s", strerror(errno));
    return false;
}

void bench_limit_end(struct bench *b)
{
    if (b->limit_group[0] == '\0') {
        return;
    }
    char parent[BENCH_PATH_BYTES];
    memcpy(parent, b->limit_group, sizeof(parent));
    *strrchr(parent, '/') = '\0';
    if (!bench_limit_write(parent, "cgroup.procs", "0") || rmdir(b->limit_group) != 0) {
        bench_note(b, "cgroup left behind: %s: %s", b->limit_group, strerror(errno));
    }
    b->limit_group[0] = '\0';
}

/* Make a group below the process's own, limit it, move in. Leaves nothing behind on failure. */
static bool bench_limit_join(struct bench *b, const struct bench_limit_way *way, uint64_t bytes)
{
    char own[BENCH_PATH_BYTES - 64];
    if (!bench_limit_own(way, own, sizeof(own))) {
        return false;
    }
    char group[BENCH_PATH_BYTES];
    char value[32];
    snprintf(group, sizeof(group), "%s/tdb-bench-%ld", own, (long)getpid());
    snprintf(value, sizeof(value), "%llu", (unsigned long long)bytes);
    (void)bench_limit_write(own, "cgroup.subtree_control", "+memory"); /* v2; may be on already */
    if (mkdir(group, 0755) != 0) {
        return false;
    }
    bool joined =
        bench_limit_write(group, way->file, value) && bench_limit_write(group, "cgroup.procs", "0");
    if (!joined) {
        (void)rmdir(group);
        return false;
    }
    if (way->no_swap != NULL) {
        (void)bench_limit_write(group, way->no_swap, "0"); /* absent where swap is not accounted */
    }
    memcpy(b->limit_group, group, sizeof(group));
    return true;
}

/* The folder of the process's own group in the way's hierarchy, without a slash at the end. */
static bool bench_limit_own(const struct bench_limit_way *way, char *out, size_t out_bytes)
{
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "r");
    if (file == NULL) {
        return false;
    }
    char line[BENCH_PATH_BYTES];
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(colon, way->line, strlen(way->line)) != 0) {
            continue;
        }
        const char *path = colon + strlen(way->line);
        size_t length = strcspn(path, "\n");
        length -= length == 1; /* "/" */
        int written = snprintf(out, out_bytes, "%s%.*s", way->mount, (int)length, path);
        found = written > 0 && (size_t)written < out_bytes && access(out, W_OK) == 0;
    }
    fclose(file);
    return found;
}

static bool bench_limit_write(const char *folder, const char *file, const char *value)
{
    char path[BENCH_PATH_BYTES + 64];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t length = (ssize_t)strlen(value);
    bool written = write(fd, value, (size_t)length) == length;
    close(fd);
    return written;
}
