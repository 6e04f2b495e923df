/* Where the limits of this process's cgroup stand: pure readings of /proc/self/cgroup and
 * /proc/self/mountinfo, line by line. */
#ifndef BASE_RT_CGROUP_H
#define BASE_RT_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"

struct rt_machine;

/* A mounted cgroup hierarchy, and our place in it. */
struct rt_cgroup {
    char path[LIMIT_PATH_BYTES];  /* of this process, from the hierarchy's root:
                                     "/system.slice/tdb.service" */
    char root[LIMIT_PATH_BYTES];  /* which cgroup of the hierarchy is mounted: "/" mostly */
    char point[LIMIT_PATH_BYTES]; /* where: "/sys/fs/cgroup" */
};

/* If `line` of /proc/self/cgroup ("4:memory:/a/b", "0::/a/b") tells the path in the hierarchy of
 * `controller` ("cpu", "memory"; "": version 2), copy it to `cgroup->path` and return true. A path
 * that is too long is not taken. Source: cgroups(7). */
bool rt_cgroup_parse_self(struct rt_cgroup *cgroup, const char *line, const char *controller);

/* If `line` of /proc/self/mountinfo is a mount of that hierarchy, copy its root and mount point and
 * return true. Source: proc_pid_mountinfo(5). */
bool rt_cgroup_parse_mount(struct rt_cgroup *cgroup, const char *line, const char *controller);

/* The directory of our cgroup in `dir` (2 * LIMIT_PATH_BYTES). Where the mount does not reach our
 * cgroup: the mount point. */
void rt_cgroup_dir(const struct rt_cgroup *cgroup, char *dir);

/* Cut `dir` to its parent; false, and `dir` unchanged, at the mount point. */
bool rt_cgroup_parent(const struct rt_cgroup *cgroup, char *dir);

/* Where the limits of `other`, an ancestor of our cgroup, are tighter than those in `machine`, take
 * them. */
void rt_cgroup_tighten(struct rt_machine *machine, const struct rt_machine *other);

#endif
