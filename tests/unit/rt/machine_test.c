/* The machine: limits of cgroups as the kernel writes them, what follows from them, and what is
 * said when it is too little. */
#include "base/rt/machine.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/prng.h"
#include "base/rt/cgroup.h"
#include "tests/support/child.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

/* Texts of Documentation/admin-guide/cgroup-v2.rst, scheduler/sched-bwc.rst ("Examples") and
 * cgroup-v1/memory.rst, and of machines. */
static const struct {
    const char *cpu2, *memory2, *quota1, *period1, *memory1;
    enum err want;
    uint32_t percent;
    uint64_t bytes;
} cgroup_rows[] = {
    {NULL, NULL, NULL, NULL, NULL, ERR_OK, 0, 0},
    {"max 100000\n", "max\n", NULL, NULL, NULL, ERR_OK, 0, 0},
    {"150000 100000\n", "1073741824\n", NULL, NULL, NULL, ERR_OK, 150, 1073741824},
    {"250000 250000", "max", NULL, NULL, NULL, ERR_OK, 100, 0},
    {NULL, NULL, "-1\n", "100000\n", "9223372036854771712\n", ERR_OK, 0, 0},
    {NULL, NULL, "-1\n", NULL, NULL, ERR_OK, 0, 0},
    {NULL, NULL, "250000\n", "250000\n", NULL, ERR_OK, 100, 0},  /* 1 CPU worth of runtime */
    {NULL, NULL, "1000000\n", "500000\n", NULL, ERR_OK, 200, 0}, /* 2 CPUs worth of runtime */
    {NULL, NULL, "10000\n", "50000\n", NULL, ERR_OK, 20, 0},     /* 20% of 1 CPU */
    {NULL, NULL, "1000\n", "1000000\n", NULL, ERR_OK, 1, 0},     /* 0.1%: still a limit */
    {NULL, NULL, "50000\n", NULL, "536870912\n", ERR_OK, 50, 536870912},
    {NULL, "0\n", NULL, NULL, NULL, ERR_OK, 0, 1},
    {"max 100000\n", "4096\n", "200000\n", "100000\n", "8192\n", ERR_OK, 200, 4096},
    {"100000 100000\n", NULL, "300000\n", "100000\n", NULL, ERR_OK, 100, 0},
    {"", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"max\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"max x\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"100000\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"-1 100000\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"100000 0\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"0 100000\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"100000 100000 1\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"99999999999999999999999 100000\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"1111111111111111111111111111111 1\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {"18446744073709551615 1\n", NULL, NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {NULL, "\n", NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {NULL, "maximum\n", NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {NULL, "1G\n", NULL, NULL, NULL, ERR_CORRUPT, 0, 0},
    {NULL, NULL, "x\n", "100000\n", NULL, ERR_CORRUPT, 0, 0},
    {NULL, NULL, "100000\n", "-1\n", NULL, ERR_CORRUPT, 0, 0},
    {NULL, NULL, NULL, NULL, "-1\n", ERR_CORRUPT, 0, 0},
};

static void machine_reads_the_limits_of_both_cgroup_versions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cgroup_rows); i++) {
        struct rt_machine machine = {0};
        enum err err = rt_machine_parse_cgroup(&machine, cgroup_rows[i].cpu2,
                                               cgroup_rows[i].memory2, cgroup_rows[i].quota1,
                                               cgroup_rows[i].period1, cgroup_rows[i].memory1);
        assert_int_equal(err, cgroup_rows[i].want);
        assert_int_equal(machine.cpu_quota_percent, cgroup_rows[i].percent);
        assert_int_equal(machine.cgroup_bytes, cgroup_rows[i].bytes);
    }
}

/* Damaged texts end in ERR_CORRUPT or in some number, never outside the text. */
static void machine_survives_any_text(void **state)
{
    (void)state;
    struct share share = share_open("mutated cgroup texts", 90);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        char texts[5][40];
        const char *given[5];
        for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
            static const char letters[] = "0123456789 -max\n";
            size_t length = prng_below(&prng, sizeof(texts[i]));
            for (size_t at = 0; at < length; at++) {
                texts[i][at] = letters[prng_below(&prng, sizeof(letters) - 1)];
            }
            texts[i][length] = '\0';
            given[i] = prng_below(&prng, 3) == 0 ? NULL : texts[i];
        }
        struct rt_machine machine = {0};
        enum err err =
            rt_machine_parse_cgroup(&machine, given[0], given[1], given[2], given[3], given[4]);
        if (err != ERR_OK) {
            assert_int_equal(err, ERR_CORRUPT);
            assert_int_equal(machine.cgroup_bytes, 0);
        }
    }
    share_close(&share);
}

static void machine_finds_its_cgroup_on_hosts_and_in_containers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *controller, *self, *mount, *want;
    } rows[] = {
        {"version 2, systemd", "", "0::/system.slice/tdb.service\n",
         "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 "
         "rw,nsdelegate,memory_recursiveprot\n",
         "/sys/fs/cgroup/system.slice/tdb.service"},
        {"version 2, container with its own namespace", "", "0::/\n",
         "677 676 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n",
         "/sys/fs/cgroup"},
        {"version 2, outside the namespace's root", "", "0::/../other\n",
         "677 676 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "/sys/fs/cgroup"},
        {"version 1, host", "memory", "4:memory:/user.slice\n",
         "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n",
         "/sys/fs/cgroup/memory/user.slice"},
        {"version 1, two controllers together", "cpu", "3:cpu,cpuacct:/a/b\n",
         "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n",
         "/sys/fs/cgroup/cpu,cpuacct/a/b"},
        {"version 1, container without a namespace", "cpu", "3:cpuacct,cpu:/docker/4d5e\n",
         "1093 1092 0:29 /docker/4d5e /sys/fs/cgroup/cpu ro master:11 - cgroup cgroup "
         "rw,cpuacct,cpu\n",
         "/sys/fs/cgroup/cpu"},
        {"version 1, below the mounted part", "cpu", "3:cpu:/docker/4d5e/x\n",
         "1093 1092 0:29 /docker/4d5e /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
         "/sys/fs/cgroup/cpu/x"},
        {"another cgroup is mounted", "cpu", "3:cpu:/docker/4d5e77\n",
         "1093 1092 0:29 /docker/4d5e /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
         "/sys/fs/cgroup/cpu"},
        {"a mount point with a space", "", "0::/a\n",
         "30 23 0:26 / /mnt/c\\040g\\134 rw - cgroup2 none rw\n", "/mnt/c g\\/a"},
        {"a path with a colon", "", "0::/a:b\n", "30 23 0:26 / /cg rw - cgroup2 none rw\n",
         "/cg/a:b"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct rt_cgroup cgroup;
        char dir[2 * LIMIT_PATH_BYTES];
        assert_true(rt_cgroup_parse_self(&cgroup, rows[i].self, rows[i].controller));
        assert_true(rt_cgroup_parse_mount(&cgroup, rows[i].mount, rows[i].controller));
        rt_cgroup_dir(&cgroup, dir);
        assert_string_equal(dir, rows[i].want);
    }
}

static void machine_passes_over_lines_that_are_not_meant(void **state)
{
    (void)state;
    static const struct {
        const char *controller, *self;
    } selves[] = {
        {"", "1:name=systemd:/x\n"}, {"", "4:memory:/x\n"},
        {"cpu", "0::/x\n"},          {"cpu", "2:cpuacct:/x\n"},
        {"cpu", "3:cpuset:/x\n"},    {"cpu", "cpu\n"},
        {"cpu", "3:cpu\n"},          {"cpu", ""},
    };
    static const struct {
        const char *controller, *mount;
    } mounts[] = {
        {"", "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"},
        {"", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"},
        {"cpu", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"},
        {"cpu", "33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"},
        {"cpu", "32 31 0:29 / /sys/fs/cgroup/cpu rw\n"},
        {"cpu", "32 31 - cgroup cgroup rw,cpu\n"},
        {"cpu", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup\n"},
        {"cpu", "\n"},
    };
    struct rt_cgroup cgroup = {0};
    for (size_t i = 0; i < ARRAY_COUNT(selves); i++) {
        assert_false(rt_cgroup_parse_self(&cgroup, selves[i].self, selves[i].controller));
    }
    for (size_t i = 0; i < ARRAY_COUNT(mounts); i++) {
        assert_false(rt_cgroup_parse_mount(&cgroup, mounts[i].mount, mounts[i].controller));
    }
    char line[2 * LIMIT_PATH_BYTES] = "0::/";
    memset(line + 4, 'x', LIMIT_PATH_BYTES);
    assert_false(rt_cgroup_parse_self(&cgroup, line, "")); /* longer than any path of ours */
    memset(line, ',', LIMIT_PATH_BYTES);
    line[LIMIT_PATH_BYTES] = ':';
    line[0] = ':';
    assert_false(rt_cgroup_parse_self(&cgroup, line, "cpu"));
}

static void machine_climbs_to_the_mount_point_and_no_further(void **state)
{
    (void)state;
    struct rt_cgroup cgroup = {.path = "/a/b", .root = "/", .point = "/sys/fs/cgroup"};
    char dir[2 * LIMIT_PATH_BYTES];
    rt_cgroup_dir(&cgroup, dir);
    assert_string_equal(dir, "/sys/fs/cgroup/a/b");
    assert_true(rt_cgroup_parent(&cgroup, dir));
    assert_string_equal(dir, "/sys/fs/cgroup/a");
    assert_true(rt_cgroup_parent(&cgroup, dir));
    assert_string_equal(dir, "/sys/fs/cgroup");
    assert_false(rt_cgroup_parent(&cgroup, dir));
    assert_string_equal(dir, "/sys/fs/cgroup");
}

static void machine_takes_the_tightest_limit_on_the_way_up(void **state)
{
    (void)state;
    struct rt_machine own = {.cpu_quota_percent = 0, .cgroup_bytes = 4096};
    rt_cgroup_tighten(&own, &(struct rt_machine){.cpu_quota_percent = 300});
    assert_int_equal(own.cpu_quota_percent, 300);
    assert_int_equal(own.cgroup_bytes, 4096);
    rt_cgroup_tighten(&own, &(struct rt_machine){.cpu_quota_percent = 400, .cgroup_bytes = 1024});
    assert_int_equal(own.cpu_quota_percent, 300);
    assert_int_equal(own.cgroup_bytes, 1024);
}

static void machine_derives_shards_and_memory(void **state)
{
    (void)state;
    static const struct {
        uint32_t cpus, percent, want_shards;
        uint64_t ram, cgroup, want_memory;
    } rows[] = {
        {8, 0, 8, 1024, 0, 512},      {8, 250, 2, 1024, 512, 256}, {8, 99, 1, 1024, 2048, 512},
        {1, 400, 1, 1024, 1024, 512}, {2, 200, 2, 2, 1, 0},        {8192, 0, 256, 8, 0, 4},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct rt_machine machine = {.cpus_count = rows[i].cpus,
                                     .cpu_quota_percent = rows[i].percent,
                                     .ram_bytes = rows[i].ram,
                                     .cgroup_bytes = rows[i].cgroup};
        rt_machine_derive(&machine);
        assert_int_equal(machine.shards_count, rows[i].want_shards);
        assert_int_equal(machine.memory_bytes, rows[i].want_memory);
    }
}

static void machine_too_small_or_too_old_says_what_to_do(void **state)
{
    (void)state;
    static const struct {
        struct rt_machine machine;
        enum err want;
        const char *says;
    } rows[] = {
        {{.kernel = "5.10.0-28-amd64", .kernel_major = 5, .kernel_minor = 10, .nofile_count = 256},
         ERR_OK,
         ""},
        {{.kernel = "6.1.0", .kernel_major = 6, .kernel_minor = 1, .nofile_count = 1048576},
         ERR_OK,
         ""},
        {{.kernel = "5.9.16", .kernel_major = 5, .kernel_minor = 9, .nofile_count = 1024},
         ERR_UNSUPPORTED,
         "Linux 5.9.16 is too old: TDB+ needs 5.10 or later; upgrade the kernel"},
        {{.kernel = "4.18.0-553.el8", .kernel_major = 4, .kernel_minor = 18},
         ERR_UNSUPPORTED,
         "Linux 4.18.0-553.el8 is too old"},
        {{.kernel = "6.1.0", .kernel_major = 6, .kernel_minor = 1, .nofile_count = 255},
         ERR_RESOURCES,
         "only 255 open files are allowed and at least 256 are needed; raise the limit: `ulimit"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char message[512];
        assert_int_equal(rt_machine_check(&rows[i].machine, message, sizeof(message)),
                         rows[i].want);
        assert_int_equal(strncmp(message, rows[i].says, strlen(rows[i].says)), 0);
        assert_int_equal(message[0] == '\0', rows[i].want == ERR_OK);
    }
}

static void machine_explains_how_to_permit_io_uring(void **state)
{
    (void)state;
    static const struct {
        int error;
        const char *says;
    } rows[] = {
        {EPERM, "kernel.io_uring_disabled=0"},
        {EACCES, "seccomp"},
        {ENOSYS, "CONFIG_IO_URING"},
        {ENOMEM, "only 64 KiB may be locked"},
        {ENOMEM, "LimitMEMLOCK=infinity"},
        {EMFILE, "ulimit -Hn"},
        {ENFILE, "fs.file-max"},
        {EINVAL, "Invalid argument"},
    };
    char message[512];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct rt_machine machine = {.uring_errno = rows[i].error, .memlock_bytes = 65536};
        rt_machine_explain_uring(&machine, message, sizeof(message));
        assert_non_null(strstr(message, rows[i].says));
    }
    rt_machine_explain_uring(&(struct rt_machine){.has_uring = true}, message, sizeof(message));
    assert_string_equal(message, "");
}

static void machine_read_tells_what_this_one_grants(void **state)
{
    (void)state;
    struct rt_machine machine;
    char message[512];
    assert_int_equal(rt_machine_read(&machine, message, sizeof(message)), ERR_OK);
    assert_string_equal(message, "");
    assert_true(machine.cpus_count >= 1);
    assert_true(machine.cpus_count <= (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
    assert_true(machine.shards_count >= 1);
    assert_true(machine.shards_count <= machine.cpus_count);
    assert_true(machine.ram_bytes ==
                (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
    assert_true(machine.memory_bytes > 0);
    assert_true(machine.memory_bytes <= machine.ram_bytes / 2);
    assert_int_equal(machine.has_uring, machine.uring_errno == 0);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(limit.rlim_cur == limit.rlim_max);
    assert_true(machine.nofile_count == limit.rlim_cur);
}

static int machine_child_with_one_cpu(void *context)
{
    (void)context;
    cpu_set_t all, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof(all), &all) != 0) {
        return 1;
    }
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    struct rt_machine machine;
    char message[512];
    return sched_setaffinity(0, sizeof(one), &one) == 0 &&
                   rt_machine_read(&machine, message, sizeof(message)) == ERR_OK &&
                   machine.cpus_count == 1 && machine.shards_count == 1
               ? 0
               : 1;
}

static int machine_child_with_few_files(void *context)
{
    (void)context;
    struct rlimit limit = {.rlim_cur = 100, .rlim_max = 200};
    struct rt_machine machine;
    char message[512];
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
                   rt_machine_read(&machine, message, sizeof(message)) == ERR_RESOURCES &&
                   machine.nofile_count == 200 && strstr(message, "200 open files") != NULL
               ? 0
               : 1;
}

static int machine_child_without_files(void *context)
{
    (void)context;
    struct rlimit limit = {.rlim_cur = 3, .rlim_max = 3};
    struct rt_machine machine;
    char message[512];
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
                   rt_machine_read(&machine, message, sizeof(message)) == ERR_RESOURCES &&
                   !machine.has_uring && machine.uring_errno == EMFILE && machine.cgroup_bytes == 0
               ? 0
               : 1;
}

/* What the default profile of container runtimes does to io_uring, and a sandbox that hides more.
 */
static int machine_child_in_a_container(void *context)
{
    (void)context;
    static const struct child_refusal ring = {SYS_io_uring_setup, EPERM};
    struct rt_machine machine;
    char message[512];
    return child_refuse(&ring, 1) &&
                   rt_machine_read(&machine, message, sizeof(message)) == ERR_OK &&
                   !machine.has_uring && machine.uring_errno == EPERM
               ? 0
               : 1;
}

static int machine_child_in_a_sandbox(void *context)
{
    const struct child_refusal *refusal = context;
    struct rt_machine machine;
    char message[512];
    return child_refuse(refusal, 1) &&
                   rt_machine_read(&machine, message, sizeof(message)) == ERR_SYSTEM &&
                   strstr(message, "does not tell") != NULL
               ? 0
               : 1;
}

static void machine_read_meets_refusals(void **state)
{
    (void)state;
    struct child_refusal refusals[] = {
        {SYS_uname, EPERM}, {SYS_sched_getaffinity, EPERM}, {SYS_sysinfo, EPERM}};
    assert_int_equal(child_run(machine_child_in_a_container, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
        assert_int_equal(child_run(machine_child_in_a_sandbox, &refusals[i]), 0);
    }
}

static void machine_read_follows_affinity_and_limits(void **state)
{
    (void)state;
    assert_int_equal(child_run(machine_child_with_one_cpu, NULL), 0);
    assert_int_equal(child_run(machine_child_with_few_files, NULL), 0);
    assert_int_equal(child_run(machine_child_without_files, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_reads_the_limits_of_both_cgroup_versions),
        cmocka_unit_test(machine_survives_any_text),
        cmocka_unit_test(machine_finds_its_cgroup_on_hosts_and_in_containers),
        cmocka_unit_test(machine_passes_over_lines_that_are_not_meant),
        cmocka_unit_test(machine_climbs_to_the_mount_point_and_no_further),
        cmocka_unit_test(machine_takes_the_tightest_limit_on_the_way_up),
        cmocka_unit_test(machine_derives_shards_and_memory),
        cmocka_unit_test(machine_too_small_or_too_old_says_what_to_do),
        cmocka_unit_test(machine_explains_how_to_permit_io_uring),
        cmocka_unit_test(machine_read_tells_what_this_one_grants),
        cmocka_unit_test(machine_read_follows_affinity_and_limits),
        cmocka_unit_test(machine_read_meets_refusals),
    };
    return cmocka_run_group_tests_name("rt_machine", tests, NULL, NULL);
}
