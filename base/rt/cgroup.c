/* Readings of cgroup files. See cgroup.h, machine.h.
 *
 * Three ways a process sees its cgroup, all of which end in the right directory here: on the host
 * (path "/system.slice/x", root "/"); in a container with a cgroup namespace (path "/", root "/");
 * in one without (path "/docker/<id>", of which the mount shows only the part from root
 * "/docker/<id>" on). */
#include "base/rt/cgroup.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/machine.h"
#include "base/units.h"

/* The kernel's period where none is stated (sched-bwc.rst: 100 ms). */
#define CGROUP_PERIOD_DEFAULT_US 100000

/* From here on a version 1 memory limit means none: the kernel writes LONG_MAX cut to whole pages.
 */
#define CGROUP1_MEMORY_NONE_BYTES (1ull << 62)

static bool rt_cgroup_has_word(const char *words, const char *word);
static bool rt_cgroup_copy(char *out, const char *text, size_t length);
static void rt_cgroup_unescape(char *text);
static enum err rt_cgroup_parse_number(const char *text, uint64_t *out);
static enum err rt_cgroup_parse_quota(const char *quota, const char *period, uint32_t *percent);
static enum err rt_cgroup_parse_cpu_max(const char *text, uint32_t *percent);
static enum err rt_cgroup_parse_memory(const char *text, uint64_t *bytes);
static uint64_t rt_cgroup_tighter(uint64_t a, uint64_t b);

bool rt_cgroup_parse_self(struct rt_cgroup *cgroup, const char *line, const char *controller)
{
    const char *controllers = strchr(line, ':');
    const char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (path == NULL) {
        return false;
    }
    char words[LIMIT_PATH_BYTES];
    if (!rt_cgroup_copy(words, controllers + 1, (size_t)(path - controllers - 1))) {
        return false;
    }
    if (controller[0] == '\0' ? words[0] != '\0' : !rt_cgroup_has_word(words, controller)) {
        return false;
    }
    return rt_cgroup_copy(cgroup->path, path + 1, strcspn(path + 1, "\n"));
}

bool rt_cgroup_parse_mount(struct rt_cgroup *cgroup, const char *line, const char *controller)
{
    char root[LIMIT_PATH_BYTES];
    char point[LIMIT_PATH_BYTES];
    char type[32];
    char options[LIMIT_PATH_BYTES];
    const char *tail = strstr(line, " - "); /* optional fields end there */
    int end = 0;
    if (tail == NULL || sscanf(line, "%*d %*d %*s %511s %511s%n", root, point, &end) != 2 ||
        line + end > tail || sscanf(tail, " - %31s %*s %511s", type, options) != 2) {
        return false;
    }
    static_assert(LIMIT_PATH_BYTES == 512, "the widths in the formats");
    if (controller[0] == '\0'
            ? strcmp(type, "cgroup2") != 0
            : strcmp(type, "cgroup") != 0 || !rt_cgroup_has_word(options, controller)) {
        return false;
    }
    rt_cgroup_unescape(root);
    rt_cgroup_unescape(point);
    return rt_cgroup_copy(cgroup->root, root, strlen(root)) &&
           rt_cgroup_copy(cgroup->point, point, strlen(point));
}

void rt_cgroup_dir(const struct rt_cgroup *cgroup, char *dir)
{
    const char *below = cgroup->path;
    size_t root_length = strcmp(cgroup->root, "/") == 0 ? 0 : strlen(cgroup->root);
    bool is_below = strncmp(below, cgroup->root, root_length) == 0 &&
                    (below[root_length] == '/' || below[root_length] == '\0');
    /* A path with ".." leads out of our cgroup namespace: the mount does not show that place. */
    below = is_below && strstr(below, "/..") == NULL ? below + root_length : "";
    if (strcmp(below, "/") == 0) {
        below = "";
    }
    int length = snprintf(dir, 2 * LIMIT_PATH_BYTES, "%s%s", cgroup->point, below);
    ASSERT(length >= 0);
    ASSERT(length < 2 * (int)LIMIT_PATH_BYTES);
}

bool rt_cgroup_parent(const struct rt_cgroup *cgroup, char *dir)
{
    char *slash = strrchr(dir, '/');
    if (slash == NULL || (size_t)(slash - dir) < strlen(cgroup->point)) {
        return false;
    }
    *slash = '\0';
    return true;
}

enum err rt_machine_parse_cgroup(struct rt_machine *machine, const char *cgroup2_cpu,
                                 const char *cgroup2_memory, const char *cgroup1_quota,
                                 const char *cgroup1_period, const char *cgroup1_memory)
{
    uint32_t percents[2] = {0, 0}; /* version 2, version 1; 0: no limit */
    uint64_t bytes[2] = {0, 0};
    enum err err = ERR_OK;
    if (cgroup2_cpu != NULL) {
        err = rt_cgroup_parse_cpu_max(cgroup2_cpu, &percents[0]);
    }
    if (err == ERR_OK && cgroup1_quota != NULL) {
        err = rt_cgroup_parse_quota(cgroup1_quota, cgroup1_period, &percents[1]);
    }
    if (err == ERR_OK && cgroup2_memory != NULL) {
        err = rt_cgroup_parse_memory(cgroup2_memory, &bytes[0]);
    }
    if (err == ERR_OK && cgroup1_memory != NULL) {
        err = rt_cgroup_parse_memory(cgroup1_memory, &bytes[1]);
    }
    if (err == ERR_OK) {
        machine->cpu_quota_percent = (uint32_t)rt_cgroup_tighter(percents[0], percents[1]);
        machine->cgroup_bytes = rt_cgroup_tighter(bytes[0], bytes[1]);
    }
    return err;
}

void rt_cgroup_tighten(struct rt_machine *machine, const struct rt_machine *other)
{
    machine->cpu_quota_percent =
        (uint32_t)rt_cgroup_tighter(machine->cpu_quota_percent, other->cpu_quota_percent);
    machine->cgroup_bytes = rt_cgroup_tighter(machine->cgroup_bytes, other->cgroup_bytes);
}

/* Whether `word` is one of the comma-separated `words`. */
static bool rt_cgroup_has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    while (*words != '\0') {
        size_t here = strcspn(words, ",\n");
        if (here == length && memcmp(words, word, length) == 0) {
            return true;
        }
        words += here + (words[here] != '\0');
    }
    return false;
}

static bool rt_cgroup_copy(char *out, const char *text, size_t length)
{
    if (length >= LIMIT_PATH_BYTES) {
        return false;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
static void rt_cgroup_unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0'; out++) {
        bool is_octal = in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' &&
                        in[2] <= '7' && in[3] >= '0' && in[3] <= '7';
        *out = is_octal ? (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0')) : *in;
        in += is_octal ? 4 : 1;
    }
    *out = '\0';
}

/* All of `text`, but for a newline at its end, is one number. */
static enum err rt_cgroup_parse_number(const char *text, uint64_t *out)
{
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    return units_parse_u64(text, length, out) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

/* "$MAX $PERIOD", both in microseconds, or "max $PERIOD". */
static enum err rt_cgroup_parse_cpu_max(const char *text, uint32_t *percent)
{
    const char *space = strchr(text, ' ');
    char quota[24];
    if (space == NULL || (size_t)(space - text) >= sizeof(quota)) {
        return ERR_CORRUPT;
    }
    memcpy(quota, text, (size_t)(space - text));
    quota[space - text] = '\0';
    if (strcmp(quota, "max") == 0) {
        uint64_t period_us;
        return rt_cgroup_parse_number(space + 1, &period_us);
    }
    return quota[0] == '-' ? ERR_CORRUPT : rt_cgroup_parse_quota(quota, space + 1, percent);
}

/* Version 1: cpu.cfs_quota_us, -1 for none, and cpu.cfs_period_us. A quota below one percent of a
 * CPU counts as one percent: 0 means none. */
static enum err rt_cgroup_parse_quota(const char *quota, const char *period, uint32_t *percent)
{
    uint64_t quota_us;
    uint64_t period_us = CGROUP_PERIOD_DEFAULT_US;
    if (strcmp(quota, "-1\n") == 0 || strcmp(quota, "-1") == 0) {
        return ERR_OK;
    }
    if (rt_cgroup_parse_number(quota, &quota_us) != ERR_OK ||
        (period != NULL && rt_cgroup_parse_number(period, &period_us) != ERR_OK)) {
        return ERR_CORRUPT;
    }
    if (quota_us == 0 || period_us == 0 || quota_us > UINT64_MAX / 100 ||
        quota_us * 100 / period_us > UINT32_MAX) {
        return ERR_CORRUPT;
    }
    uint32_t result = (uint32_t)(quota_us * 100 / period_us);
    *percent = result > 0 ? result : 1;
    return ERR_OK;
}

/* memory.max ("max" or bytes) or memory.limit_in_bytes. A limit of 0 bytes, which nothing can run
 * under, counts as one byte: 0 means none. */
static enum err rt_cgroup_parse_memory(const char *text, uint64_t *bytes)
{
    uint64_t value;
    if (strcmp(text, "max\n") == 0 || strcmp(text, "max") == 0) {
        return ERR_OK;
    }
    if (rt_cgroup_parse_number(text, &value) != ERR_OK) {
        return ERR_CORRUPT;
    }
    if (value < CGROUP1_MEMORY_NONE_BYTES) {
        *bytes = value > 0 ? value : 1;
    }
    return ERR_OK;
}

/* The smaller of two limits, 0 meaning none. */
static uint64_t rt_cgroup_tighter(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0) {
        return a + b;
    }
    return a < b ? a : b;
}
