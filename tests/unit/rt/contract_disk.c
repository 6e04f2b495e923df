/* file.h: direct I/O, and disks that are full or forbid. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/rt/file.h"
#include "tests/unit/rt/contract.h"

/* A file system of this size is filled. */
#define DISK_BYTES (1u << 20)

static enum err disk_open(struct rt_harness *h, struct rt_harness_op *op, struct rt_file *file,
                          const char *path, uint32_t flags)
{
    rt_harness_op_init(h, op);
    rt_file_open(file, &op->op, h->shard, path, flags, 0644);
    return rt_harness_wait(op);
}

static void disk_close(struct rt_harness_op *op, struct rt_file *file)
{
    rt_file_close(file, &op->op);
    RT_CHECK_ERR(rt_harness_wait(op), ERR_OK);
}

static enum err disk_write(struct rt_harness_op *op, struct rt_file *file, const void *data,
                           size_t length, uint64_t pos)
{
    rt_file_write(file, &op->op, data, length, pos);
    return rt_harness_wait(op);
}

static uint8_t *disk_memory(struct rt_harness *h, size_t bytes)
{
    void *memory;
    RT_CHECK_ERR(budget_alloc(rt_shard_budget(h->shard), bytes, RT_BLOCK_BYTES, &memory), ERR_OK);
    return memory;
}

/* A file whose size is no multiple of a block: its last block is read in part. */
static void disk_direct_moves_whole_blocks(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct rt_file file;
    const char *path = rt_harness_path(h, "a");
    uint8_t *data = disk_memory(h, 4 * RT_BLOCK_BYTES);
    RT_CHECK_ERR(disk_open(h, &op, &file, path,
                           RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE | RT_FILE_EXCLUSIVE |
                               RT_FILE_DIRECT),
                 ERR_OK);
    if (!file.is_direct) {
        rt_harness_skip(h, "the file system of TMPDIR knows no O_DIRECT");
    } else {
        RT_CHECK(fcntl(file.fd, F_GETFL) & O_DIRECT);
        expect_assert_failure(rt_file_read(&file, &op.op, data, RT_BLOCK_BYTES, 512));
        for (uint32_t i = 0; i < 4; i++) {
            memset(data + (size_t)i * RT_BLOCK_BYTES, (int)('a' + i), RT_BLOCK_BYTES);
        }
        struct iovec iov[2] = {{data + RT_BLOCK_BYTES, 3 * RT_BLOCK_BYTES}, {data, RT_BLOCK_BYTES}};
        rt_file_write_durable(&file, &op.op, iov, 2, RT_BLOCK_BYTES);
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
        RT_CHECK_INT(op.op.result, 4 * RT_BLOCK_BYTES);
        rt_file_truncate(&file, &op.op, 3 * RT_BLOCK_BYTES + 100);
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
        rt_file_read(&file, &op.op, data, 4 * RT_BLOCK_BYTES, RT_BLOCK_BYTES);
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
        RT_CHECK_INT(op.op.result, 2 * RT_BLOCK_BYTES + 100);
        RT_CHECK_INT(data[0], 'b');
        RT_CHECK_INT(data[2 * RT_BLOCK_BYTES + 99], 'd');
    }
    disk_close(&op, &file);
    budget_free(rt_shard_budget(h->shard), data);
}

/* /proc is a file system that refuses O_DIRECT wherever the tests run. */
static void disk_direct_refused_is_buffered(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct rt_file file;
    char text[64] = {0};
    RT_CHECK_ERR(disk_open(h, &op, &file, "/proc/self/comm", RT_FILE_READ | RT_FILE_DIRECT),
                 ERR_OK);
    RT_CHECK(!file.is_direct);
    rt_file_read(&file, &op.op, text + 1, 10, 0); /* unaligned is fine then */
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK(op.op.result > 0);
    disk_close(&op, &file);
}

static void disk_full_device_is_disk_full(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct rt_file file;
    RT_CHECK_ERR(disk_open(h, &op, &file, "/dev/full", RT_FILE_WRITE), ERR_OK);
    RT_CHECK_ERR(disk_write(&op, &file, "x", 1, 0), ERR_DISK_FULL);
    RT_CHECK_INT(op.op.saved_errno, ENOSPC);
    struct iovec iov = {"x", 1};
    rt_file_write_durable(&file, &op.op, &iov, 1, 0);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_DISK_FULL);
    disk_close(&op, &file);
}

/* Writes, durable writes and reservations fail; what was there can be read, and space comes back.
 */
static void disk_full_file_system(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct rt_file file, other;
    if (mount("tdb-test", h->dir, "tmpfs", 0, "size=1m") != 0) {
        rt_harness_skip(h, "mounting a small tmpfs needs CAP_SYS_ADMIN (run as root)");
        return;
    }
    uint8_t *data = disk_memory(h, 2 * DISK_BYTES);
    struct rt_space space;
    RT_CHECK_ERR(disk_open(h, &op, &file, rt_harness_path(h, "a"),
                           RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE),
                 ERR_OK);
    rt_path_space(&op.op, h->dir, &space);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK_INT(space.total_bytes, DISK_BYTES);
    RT_CHECK_INT(space.free_bytes, DISK_BYTES);
    RT_CHECK_ERR(disk_write(&op, &file, "kept", 4, 0), ERR_OK);
    RT_CHECK_ERR(disk_write(&op, &file, data, 2 * DISK_BYTES, RT_BLOCK_BYTES), ERR_DISK_FULL);
    struct iovec iov = {data, RT_BLOCK_BYTES};
    rt_file_write_durable(&file, &op.op, &iov, 1, DISK_BYTES);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_DISK_FULL);
    rt_file_allocate(&file, &op.op, RT_ALLOCATE_EXTEND, DISK_BYTES, DISK_BYTES);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_DISK_FULL);
    rt_file_read(&file, &op.op, data, 4, 0);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK(memcmp(data, "kept", 4) == 0);
    rt_file_truncate(&file, &op.op, 4);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    disk_close(&op, &file);
    RT_CHECK_ERR(disk_open(h, &op, &other, rt_harness_path(h, "b"), RT_FILE_WRITE | RT_FILE_CREATE),
                 ERR_OK);
    RT_CHECK_ERR(disk_write(&op, &other, data, DISK_BYTES / 2, 0), ERR_OK);
    disk_close(&op, &other);
    RT_CHECK_INT(umount2(h->dir, MNT_DETACH), 0);
    budget_free(rt_shard_budget(h->shard), data);
}

/* What ulimit -f or the largest file of a file system answer; no signal ends the process. */
static void disk_file_size_limit_is_too_large(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct rt_file file;
    struct rlimit before, limit;
    RT_CHECK_ERR(disk_open(h, &op, &file, rt_harness_path(h, "a"), RT_FILE_WRITE | RT_FILE_CREATE),
                 ERR_OK);
    RT_CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 100;
    RT_CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum err inside = disk_write(&op, &file, "x", 1, 99);
    enum err outside = disk_write(&op, &file, "x", 1, 100);
    rt_file_truncate(&file, &op.op, 101);
    enum err truncate = rt_harness_wait(&op);
    RT_CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
    RT_CHECK_ERR(inside, ERR_OK);
    RT_CHECK_ERR(outside, ERR_TOO_LARGE);
    RT_CHECK_ERR(truncate, ERR_TOO_LARGE);
    disk_close(&op, &file);
}

static void disk_descriptors_used_up_is_resources(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct rt_file file;
    struct rlimit before, limit;
    const char *path = rt_harness_path(h, "a");
    RT_CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = 3;
    RT_CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
    enum err refused = disk_open(h, &op, &file, path, RT_FILE_WRITE | RT_FILE_CREATE);
    RT_CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    RT_CHECK_ERR(refused, ERR_RESOURCES);
    RT_CHECK_ERR(disk_open(h, &op, &file, path, RT_FILE_WRITE | RT_FILE_CREATE), ERR_OK);
    disk_close(&op, &file);
}

/* Root may write every file but those of a file system mounted read-only. */
static void disk_forbidden_is_no_access(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct rt_file file;
    const char *path = rt_harness_path(h, "a");
    bool is_root = mount("tdb-test", h->dir, "tmpfs", MS_RDONLY, "size=1m") == 0;
    if (!is_root) {
        RT_CHECK_ERR(disk_open(h, &op, &file, path, RT_FILE_WRITE | RT_FILE_CREATE), ERR_OK);
        disk_close(&op, &file);
        RT_CHECK_INT(chmod(path, 0444), 0);
    }
    RT_CHECK_ERR(disk_open(h, &op, &file, path, RT_FILE_WRITE | RT_FILE_CREATE), ERR_ACCESS);
    RT_CHECK(!is_root || umount2(h->dir, MNT_DETACH) == 0);
}

static void disk_running_program_is_busy(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct rt_file file;
    RT_CHECK_ERR(disk_open(h, &op, &file, "/proc/self/exe", RT_FILE_WRITE), ERR_BUSY);
}

const struct rt_harness_test contract_disk_tests[] = {
    RT_HARNESS_TEST(disk_direct_moves_whole_blocks),
    RT_HARNESS_TEST(disk_direct_refused_is_buffered),
    RT_HARNESS_TEST(disk_full_device_is_disk_full),
    RT_HARNESS_TEST(disk_full_file_system),
    RT_HARNESS_TEST(disk_file_size_limit_is_too_large),
    RT_HARNESS_TEST(disk_descriptors_used_up_is_resources),
    RT_HARNESS_TEST(disk_forbidden_is_no_access),
    RT_HARNESS_TEST(disk_running_program_is_busy),
    {0},
};
