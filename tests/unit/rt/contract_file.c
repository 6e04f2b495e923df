/* file.h: open files. Content and errors, the four kinds of writes, space and size, locks, closing.
 */
#include "base/rt/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "tests/unit/rt/contract.h"

#define FILE_READ_WRITE (RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE)

/* One file and the op that works on it. */
struct file_fixture {
    struct rt_harness_op op; /* for one request at a time */
    struct rt_file file;     /* open between file_open and file_close */
};

static enum err file_try_open(struct rt_harness *h, struct file_fixture *f, const char *name,
                              uint32_t flags)
{
    rt_harness_op_init(h, &f->op);
    rt_file_open(&f->file, &f->op.op, h->shard, rt_harness_path(h, name), flags, 0640);
    enum err err = rt_harness_wait(&f->op);
    RT_CHECK_INT(f->file.is_open, err == ERR_OK);
    return err;
}

static void file_open(struct rt_harness *h, struct file_fixture *f, const char *name,
                      uint32_t flags)
{
    RT_CHECK_ERR(file_try_open(h, f, name, flags), ERR_OK);
}

static void file_close(struct file_fixture *f)
{
    rt_file_close(&f->file, &f->op.op);
    RT_CHECK_ERR(rt_harness_wait(&f->op), ERR_OK);
    RT_CHECK(!f->file.is_open);
}

static void file_write(struct file_fixture *f, const void *data, size_t length, uint64_t pos)
{
    rt_file_write(&f->file, &f->op.op, data, length, pos);
    RT_CHECK_ERR(rt_harness_wait(&f->op), ERR_OK);
    RT_CHECK_INT(f->op.op.result, length);
}

/* Reads `length` bytes at `pos`; returns how many there were. */
static int64_t file_read(struct file_fixture *f, void *data, size_t length, uint64_t pos)
{
    rt_file_read(&f->file, &f->op.op, data, length, pos);
    RT_CHECK_ERR(rt_harness_wait(&f->op), ERR_OK);
    return f->op.op.result;
}

/* What the system says of the file by name. */
static struct stat file_stat(struct rt_harness *h, const char *name)
{
    struct stat result;
    RT_CHECK_INT(stat(rt_harness_path(h, name), &result), 0);
    return result;
}

static void *file_memory(struct rt_harness *h, size_t bytes)
{
    void *memory;
    RT_CHECK_ERR(budget_alloc(rt_shard_budget(h->shard), bytes, RT_BLOCK_BYTES, &memory), ERR_OK);
    return memory;
}

static void file_open_errors_say_what_is_wrong(struct rt_harness *h)
{
    struct file_fixture f;
    RT_CHECK_ERR(file_try_open(h, &f, "a", RT_FILE_READ), ERR_NOT_FOUND);
    RT_CHECK_INT(f.op.op.saved_errno, ENOENT);
    RT_CHECK_ERR(file_try_open(h, &f, "a/b", FILE_READ_WRITE), ERR_NOT_FOUND);
    RT_CHECK_ERR(file_try_open(h, &f, ".", RT_FILE_READ), ERR_INVALID);
    RT_CHECK_ERR(file_try_open(h, &f, ".", RT_FILE_READ | RT_FILE_WRITE), ERR_INVALID);
    file_open(h, &f, "a", FILE_READ_WRITE | RT_FILE_EXCLUSIVE);
    file_close(&f);
    RT_CHECK_ERR(file_try_open(h, &f, "a", FILE_READ_WRITE | RT_FILE_EXCLUSIVE), ERR_EXISTS);
    RT_CHECK_ERR(file_try_open(h, &f, "a/b", RT_FILE_READ), ERR_INVALID); /* a is no directory */
    RT_CHECK_INT(mkfifo(rt_harness_path(h, "fifo"), 0600), 0);
    RT_CHECK_ERR(file_try_open(h, &f, "fifo", RT_FILE_READ), ERR_INVALID); /* and does not wait */
}

static void file_open_path_is_bounded(struct rt_harness *h)
{
    struct file_fixture f;
    char path[LIMIT_PATH_BYTES + 2];
    memset(path, 'x', sizeof(path));
    rt_harness_op_init(h, &f.op);
    static const struct {
        size_t length;
        enum err want;
    } rows[] = {{0, ERR_INVALID}, {300, ERR_INVALID}, {LIMIT_PATH_BYTES + 1, ERR_INVALID}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) { /* 300: longer than a name may be (NAME_MAX) */
        char *end = path + rows[i].length;
        char kept = *end;
        *end = '\0';
        rt_file_open(&f.file, &f.op.op, h->shard, path, RT_FILE_READ, 0);
        RT_CHECK_ERR(rt_harness_wait(&f.op), rows[i].want);
        *end = kept;
    }
}

static void file_open_fills_in_what_it_is(struct rt_harness *h)
{
    struct file_fixture f;
    mode_t mask = umask(0);
    file_open(h, &f, "a", FILE_READ_WRITE);
    umask(mask);
    RT_CHECK_INT(f.file.size_bytes, 0);
    RT_CHECK(!f.file.is_direct);
    struct stat stat = file_stat(h, "a");
    RT_CHECK_INT(f.file.device_id, stat.st_dev);
    RT_CHECK_INT(stat.st_mode & 0777, 0640);
    RT_CHECK(fcntl(f.file.fd, F_GETFD) & FD_CLOEXEC);
    file_write(&f, "12345", 5, 0);
    file_close(&f);
    file_open(h, &f, "a", RT_FILE_READ);
    RT_CHECK_INT(f.file.size_bytes, 5);
    file_close(&f);
}

static void file_read_is_short_only_at_the_end(struct rt_harness *h)
{
    struct file_fixture f;
    char data[16] = {0};
    file_open(h, &f, "a", FILE_READ_WRITE);
    RT_CHECK_INT(file_read(&f, data, sizeof(data), 0), 0); /* empty */
    file_write(&f, "0123456789", 10, 0);
    RT_CHECK_INT(file_read(&f, data, 10, 0), 10);
    RT_CHECK(memcmp(data, "0123456789", 10) == 0);
    RT_CHECK_INT(file_read(&f, data, 16, 7), 3);
    RT_CHECK(memcmp(data, "789", 3) == 0);
    RT_CHECK_INT(file_read(&f, data, 16, 10), 0);
    RT_CHECK_INT(file_read(&f, data, 16, 1u << 30), 0);
    file_write(&f, "x", 1, 12); /* past the end: a hole that reads as zeros */
    RT_CHECK_INT(file_read(&f, data, 16, 8), 5);
    RT_CHECK(memcmp(data, "89\0\0x", 5) == 0);
    file_close(&f);
}

static void file_large_requests_are_whole(struct rt_harness *h)
{
    const size_t bytes = 16u << 20;
    struct file_fixture f;
    uint8_t *out = file_memory(h, bytes);
    uint8_t *in = file_memory(h, bytes);
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(i * 31 + (i >> 12));
    }
    file_open(h, &f, "a", FILE_READ_WRITE);
    file_write(&f, out + 1, bytes - 1, 3);
    RT_CHECK_INT(file_read(&f, in, bytes, 3), bytes - 1);
    RT_CHECK(memcmp(in, out + 1, bytes - 1) == 0);
    file_close(&f);
    budget_free(rt_shard_budget(h->shard), out);
    budget_free(rt_shard_budget(h->shard), in);
}

static void file_writev_gathers_every_buffer(struct rt_harness *h)
{
    struct file_fixture f;
    struct iovec iov[LIMIT_IOV_COUNT];
    uint8_t *out = file_memory(h, LIMIT_IOV_COUNT * 8);
    uint8_t *in = file_memory(h, LIMIT_IOV_COUNT * 8);
    size_t length = 0;
    for (uint32_t i = 0; i < LIMIT_IOV_COUNT; i++) {
        iov[i] = (struct iovec){.iov_base = out + length, .iov_len = i % 8}; /* empty ones too */
        memset(out + length, (int)(i % 251), i % 8);
        length += i % 8;
    }
    struct iovec before[LIMIT_IOV_COUNT];
    memcpy(before, iov, sizeof(iov));
    file_open(h, &f, "a", FILE_READ_WRITE);
    rt_file_writev(&f.file, &f.op.op, iov, LIMIT_IOV_COUNT, 5);
    RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
    RT_CHECK_INT(f.op.op.result, length);
    RT_CHECK(memcmp(before, iov, sizeof(iov)) == 0); /* the caller's array is as it was */
    RT_CHECK_INT(file_read(&f, in, LIMIT_IOV_COUNT * 8, 5), length);
    RT_CHECK(memcmp(in, out, length) == 0);
    file_close(&f);
    budget_free(rt_shard_budget(h->shard), out);
    budget_free(rt_shard_budget(h->shard), in);
}

static void file_write_durable_in_every_form(struct rt_harness *h)
{
    struct file_fixture f;
    file_open(h, &f, "a", FILE_READ_WRITE);
    uint64_t device_id = f.file.device_id;
    RT_CHECK_INT(f.file.form, RT_FLUSH_LINKED); /* nothing was measured */
    file_close(&f);
    rt_set_flush_form(h->shard, device_id + 1, RT_FLUSH_THREAD); /* another device's */
    for (enum rt_flush_form form = 0; form < RT_FLUSH_COUNT; form++) {
        char data[32] = {0};
        struct iovec iov[] = {{"durable ", 8}, {"bytes", 5}};
        rt_set_flush_form(h->shard, device_id, form);
        file_open(h, &f, "a", FILE_READ_WRITE);
        RT_CHECK_INT(f.file.form, form);
        for (uint32_t i = 0; i < 3; i++) {
            rt_file_write_durable(&f.file, &f.op.op, iov, 2, i);
            RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
            RT_CHECK_INT(f.op.op.result, 13);
        }
        RT_CHECK_INT(file_read(&f, data, sizeof(data), 0), 15);
        RT_CHECK(memcmp(data, "dddurable bytes", 15) == 0);
        rt_file_flush(&f.file, &f.op.op);
        RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
        file_close(&f);
    }
}

static void file_many_requests_are_under_way_at_once(struct rt_harness *h)
{
    enum { COUNT = 200 };
    struct file_fixture f;
    struct rt_harness_op ops[COUNT];
    uint32_t numbers[COUNT], back[COUNT];
    file_open(h, &f, "a", FILE_READ_WRITE);
    for (uint32_t i = 0; i < COUNT; i++) {
        rt_harness_op_init(h, &ops[i]);
        numbers[i] = i * 7919;
        rt_file_write(&f.file, &ops[i].op, &numbers[i], 4, (uint64_t)i * 4);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        RT_CHECK_ERR(rt_harness_wait(&ops[i]), ERR_OK);
        rt_file_read(&f.file, &ops[i].op, &back[i], 4, (uint64_t)i * 4);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        RT_CHECK_ERR(rt_harness_wait(&ops[i]), ERR_OK);
        RT_CHECK_INT(back[i], numbers[i]);
    }
    file_close(&f);
}

static void file_allocate_reserves_grows_and_punches(struct rt_harness *h)
{
    struct file_fixture f;
    char data[4096];
    file_open(h, &f, "a", FILE_READ_WRITE);
    rt_file_allocate(&f.file, &f.op.op, RT_ALLOCATE_KEEP_SIZE, 0, 1 << 20);
    RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
    RT_CHECK_INT(file_stat(h, "a").st_size, 0);
    RT_CHECK(file_stat(h, "a").st_blocks * 512 >= 1 << 20);
    rt_file_allocate(&f.file, &f.op.op, RT_ALLOCATE_EXTEND, 0, 64 << 10);
    RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
    RT_CHECK_INT(file_stat(h, "a").st_size, 64 << 10);
    memset(data, 'x', sizeof(data));
    file_write(&f, data, sizeof(data), 8192);
    int64_t blocks = file_stat(h, "a").st_blocks;
    rt_file_allocate(&f.file, &f.op.op, RT_ALLOCATE_PUNCH, 8192, 4096);
    RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
    RT_CHECK_INT(file_stat(h, "a").st_size, 64 << 10);
    RT_CHECK(file_stat(h, "a").st_blocks < blocks);
    RT_CHECK_INT(file_read(&f, data, sizeof(data), 8192), 4096);
    for (size_t i = 0; i < sizeof(data); i++) {
        RT_CHECK_INT(data[i], 0);
    }
    file_close(&f);
}

static void file_truncate_cuts_and_grows(struct rt_harness *h)
{
    struct file_fixture f;
    char data[8];
    file_open(h, &f, "a", FILE_READ_WRITE);
    file_write(&f, "01234567", 8, 0);
    rt_file_truncate(&f.file, &f.op.op, 3);
    RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
    RT_CHECK_INT(file_read(&f, data, 8, 0), 3);
    rt_file_truncate(&f.file, &f.op.op, 6);
    RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
    RT_CHECK_INT(file_read(&f, data, 8, 0), 6);
    RT_CHECK(memcmp(data, "012\0\0\0", 6) == 0);
    file_close(&f);
}

static void file_lock_is_busy_while_another_holds_it(struct rt_harness *h)
{
    struct file_fixture a, b;
    file_open(h, &a, "lock", FILE_READ_WRITE);
    file_open(h, &b, "lock", RT_FILE_READ);
    rt_file_lock(&a.file, &a.op.op, true);
    RT_CHECK_ERR(rt_harness_wait(&a.op), ERR_OK);
    rt_file_lock(&b.file, &b.op.op, true);
    RT_CHECK_ERR(rt_harness_wait(&b.op), ERR_BUSY);
    rt_file_lock(&b.file, &b.op.op, false);
    RT_CHECK_ERR(rt_harness_wait(&b.op), ERR_BUSY);
    rt_file_lock(&a.file, &a.op.op, false); /* the holder may weaken it */
    RT_CHECK_ERR(rt_harness_wait(&a.op), ERR_OK);
    rt_file_lock(&b.file, &b.op.op, false);
    RT_CHECK_ERR(rt_harness_wait(&b.op), ERR_OK);
    file_close(&b);
    rt_file_lock(&a.file, &a.op.op, true);
    RT_CHECK_ERR(rt_harness_wait(&a.op), ERR_OK);
    file_close(&a); /* gives it back */
    file_open(h, &b, "lock", RT_FILE_READ);
    rt_file_lock(&b.file, &b.op.op, true);
    RT_CHECK_ERR(rt_harness_wait(&b.op), ERR_OK);
    file_close(&b);
}

static void file_sync_all_takes_any_file(struct rt_harness *h)
{
    struct file_fixture f;
    uint8_t byte = 'x';
    file_open(h, &f, "a", FILE_READ_WRITE);
    rt_file_write(&f.file, &f.op.op, &byte, 1, 0);
    RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
    rt_file_sync_all(&f.file, &f.op.op);
    enum err err = rt_harness_wait(&f.op);
    RT_CHECK(err == ERR_OK || err == ERR_UNSUPPORTED); /* where the tests run on an overlay */
    file_close(&f);
    file_open(h, &f, "a", RT_FILE_READ); /* one that is only read, too */
    rt_file_sync_all(&f.file, &f.op.op);
    RT_CHECK_ERR(rt_harness_wait(&f.op), err);
    file_close(&f);
}

static void file_close_waits_for_what_is_under_way_and_refuses_more(struct rt_harness *h)
{
    enum { COUNT = 20 };
    const size_t bytes = 1 << 20;
    struct file_fixture f;
    struct rt_harness_op ops[COUNT], late;
    uint8_t *data = file_memory(h, bytes);
    memset(data, 'x', bytes);
    file_open(h, &f, "a", FILE_READ_WRITE);
    for (uint32_t i = 0; i < COUNT; i++) {
        rt_harness_op_init(h, &ops[i]);
        rt_file_write(&f.file, &ops[i].op, data, bytes, i * bytes);
    }
    rt_file_close(&f.file, &f.op.op);
    rt_harness_op_init(h, &late);
    rt_file_flush(&f.file, &late.op);
    RT_CHECK_ERR(rt_harness_wait(&late), ERR_CLOSING);
    RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        RT_CHECK_ERR(rt_harness_wait(&ops[i]), ERR_OK);
        RT_CHECK(ops[i].order < f.op.order);
    }
    RT_CHECK_INT(file_stat(h, "a").st_size, COUNT * bytes);
    budget_free(rt_shard_budget(h->shard), data);
}

/* With nothing under way the close is begun at once; it is still not open to more until it is done.
 */
static void file_close_refuses_more_until_it_is_done(struct rt_harness *h)
{
    struct file_fixture f;
    struct rt_harness_op late[3];
    char byte;
    file_open(h, &f, "a", FILE_READ_WRITE);
    rt_file_close(&f.file, &f.op.op);
    for (uint32_t i = 0; i < ARRAY_COUNT(late); i++) {
        rt_harness_op_init(h, &late[i]);
        rt_file_read(&f.file, &late[i].op, &byte, 1, 0);
    }
    RT_CHECK_ERR(rt_harness_wait(&f.op), ERR_OK);
    for (uint32_t i = 0; i < ARRAY_COUNT(late); i++) {
        RT_CHECK_ERR(rt_harness_wait(&late[i]), ERR_CLOSING);
    }
}

static void file_canceled_or_late_requests_end_once(struct rt_harness *h)
{
    enum { COUNT = 100 };
    struct file_fixture f;
    struct rt_harness_op ops[COUNT];
    char data[COUNT] = {0};
    file_open(h, &f, "a", FILE_READ_WRITE);
    for (uint32_t i = 0; i < COUNT; i++) {
        rt_harness_op_init(h, &ops[i]);
        rt_op_set_deadline(&ops[i].op, i % 2 ? h->shard->now_ns + 1 : 0);
        rt_file_write(&f.file, &ops[i].op, &data[i], 1, i);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        rt_op_cancel(&ops[i].op);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        enum err err = rt_harness_wait(&ops[i]);
        RT_CHECK(err == ERR_CANCELED || err == ERR_TIMEOUT || err == ERR_OK);
        RT_CHECK(IMPLIES(err == ERR_OK, ops[i].op.result == 1));
    }
    rt_harness_turns(h, 3);
    for (uint32_t i = 0; i < COUNT; i++) {
        RT_CHECK_INT(ops[i].dones_count, 0);
    }
    file_close(&f);
}

static void file_misuse_is_an_assertion(struct rt_harness *h)
{
    struct file_fixture f;
    char byte = 0;
    file_open(h, &f, "a", FILE_READ_WRITE);
    expect_assert_failure(rt_file_read(&f.file, &f.op.op, &byte, 0, 0));
    expect_assert_failure(rt_file_open(&f.file, &f.op.op, h->shard, "a", 0, 0));
    file_close(&f);
    expect_assert_failure(rt_file_read(&f.file, &f.op.op, &byte, 1, 0));
    expect_assert_failure(rt_file_close(&f.file, &f.op.op));
}

const struct rt_harness_test contract_file_tests[] = {
    RT_HARNESS_TEST(file_open_errors_say_what_is_wrong),
    RT_HARNESS_TEST(file_open_path_is_bounded),
    RT_HARNESS_TEST(file_open_fills_in_what_it_is),
    RT_HARNESS_TEST(file_read_is_short_only_at_the_end),
    RT_HARNESS_TEST(file_large_requests_are_whole),
    RT_HARNESS_TEST(file_writev_gathers_every_buffer),
    RT_HARNESS_TEST(file_write_durable_in_every_form),
    RT_HARNESS_TEST(file_many_requests_are_under_way_at_once),
    RT_HARNESS_TEST(file_allocate_reserves_grows_and_punches),
    RT_HARNESS_TEST(file_truncate_cuts_and_grows),
    RT_HARNESS_TEST(file_lock_is_busy_while_another_holds_it),
    RT_HARNESS_TEST(file_sync_all_takes_any_file),
    RT_HARNESS_TEST(file_close_waits_for_what_is_under_way_and_refuses_more),
    RT_HARNESS_TEST(file_close_refuses_more_until_it_is_done),
    RT_HARNESS_TEST(file_canceled_or_late_requests_end_once),
    RT_HARNESS_TEST(file_misuse_is_an_assertion),
    {0},
};
