/* file.h: names. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/rt/file.h"
#include "tests/unit/rt/contract.h"

static void path_touch(struct rt_harness *h, const char *name)
{
    int fd = open(rt_harness_path(h, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    RT_CHECK(fd >= 0);
    RT_CHECK_INT(write(fd, name, strlen(name)), strlen(name));
    close(fd);
}

static bool path_exists(struct rt_harness *h, const char *name)
{
    return access(rt_harness_path(h, name), F_OK) == 0;
}

static enum err path_rename(struct rt_harness_op *op, const char *name, const char *name_to)
{
    rt_path_rename(&op->op, rt_harness_path(op->h, name), rt_harness_path(op->h, name_to));
    return rt_harness_wait(op);
}

static void path_rename_replaces(struct rt_harness *h)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    path_touch(h, "a");
    path_touch(h, "b");
    RT_CHECK_ERR(path_rename(&op, "a", "c"), ERR_OK);
    RT_CHECK(!path_exists(h, "a"));
    RT_CHECK_ERR(path_rename(&op, "c", "b"), ERR_OK);
    struct stat stat_b;
    RT_CHECK_INT(stat(rt_harness_path(h, "b"), &stat_b), 0);
    RT_CHECK(!path_exists(h, "c"));
    RT_CHECK_ERR(path_rename(&op, "c", "d"), ERR_NOT_FOUND);
    RT_CHECK_INT(mkdir(rt_harness_path(h, "dir"), 0755), 0);
    RT_CHECK_ERR(path_rename(&op, "b", "dir"), ERR_INVALID); /* a file over a directory */
    RT_CHECK_ERR(path_rename(&op, "dir", "other"), ERR_OK);
    RT_CHECK(path_exists(h, "other"));
    char path[LIMIT_PATH_BYTES + 2];
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    rt_path_rename(&op.op, rt_harness_path(h, "b"), path);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_INVALID);
}

static void path_unlink_removes_one_name(struct rt_harness *h)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    path_touch(h, "a");
    rt_path_unlink(&op.op, rt_harness_path(h, "a"));
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK(!path_exists(h, "a"));
    rt_path_unlink(&op.op, rt_harness_path(h, "a"));
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_NOT_FOUND);
    rt_path_unlink(&op.op, h->dir);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_INVALID);
}

static void path_directories_are_made_and_removed(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct stat stat_dir;
    rt_harness_op_init(h, &op);
    const char *dir = rt_harness_path(h, "dir");
    mode_t mask = umask(0);
    rt_path_mkdir(&op.op, dir, 0750);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    umask(mask);
    RT_CHECK_INT(stat(dir, &stat_dir), 0);
    RT_CHECK(S_ISDIR(stat_dir.st_mode));
    RT_CHECK_INT(stat_dir.st_mode & 0777, 0750);
    rt_path_mkdir(&op.op, dir, 0750);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_EXISTS);
    rt_path_mkdir(&op.op, rt_harness_path(h, "no/dir"), 0750);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_NOT_FOUND);
    path_touch(h, "dir/a");
    rt_path_rmdir(&op.op, dir);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_EXISTS); /* not empty */
    rt_path_rmdir(&op.op, rt_harness_path(h, "dir/a"));
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_INVALID); /* no directory */
    RT_CHECK_INT(unlink(rt_harness_path(h, "dir/a")), 0);
    rt_path_rmdir(&op.op, dir);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    rt_path_rmdir(&op.op, dir);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_NOT_FOUND);
}

static void path_list_is_sorted_bytewise(struct rt_harness *h)
{
    static const char *const names[] = {"b", "a", "10", "9", "B", "\xc3\xa4", ".hidden", "ab"};
    static const char want[] = ".hidden\0"
                               "10\0"
                               "9\0"
                               "B\0"
                               "a\0"
                               "ab\0"
                               "b\0"
                               "\xc3\xa4";
    struct rt_harness_op op;
    char room[64];
    struct rt_dir_list list = {.names = room, .names_max = sizeof(room)};
    rt_harness_op_init(h, &op);
    rt_path_list(&op.op, h->dir, &list);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK_INT(list.count, 0); /* neither "." nor ".." */
    RT_CHECK_INT(list.names_bytes, 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        path_touch(h, names[i]);
    }
    rt_path_list(&op.op, h->dir, &list);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK_INT(list.count, ARRAY_COUNT(names));
    RT_CHECK_INT(list.names_bytes, sizeof(want));
    RT_CHECK(memcmp(room, want, sizeof(want)) == 0);
}

static void path_list_that_does_not_fit_fills_in_nothing(struct rt_harness *h)
{
    struct rt_harness_op op;
    char room[8] = "before";
    struct rt_dir_list list = {.names = room, .names_bytes = 77, .count = 78};
    rt_harness_op_init(h, &op);
    path_touch(h, "abc");
    path_touch(h, "def");
    for (list.names_max = 0; list.names_max < 8; list.names_max++) {
        rt_path_list(&op.op, h->dir, &list);
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_TOO_LARGE);
        RT_CHECK(strcmp(room, "before") == 0);
        RT_CHECK_INT(list.names_bytes, 77);
        RT_CHECK_INT(list.count, 78);
    }
    rt_path_list(&op.op, h->dir, &list);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK(memcmp(room, "abc\0def", 8) == 0);
    rt_path_list(&op.op, rt_harness_path(h, "abc"), &list);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_INVALID);
    rt_path_list(&op.op, rt_harness_path(h, "none"), &list);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_NOT_FOUND);
}

/* More than one getdents64 returns. */
static void path_list_of_many_names(struct rt_harness *h)
{
    enum { COUNT = 2000, NAME_BYTES = 6 };
    struct rt_harness_op op;
    char room[COUNT * NAME_BYTES];
    struct rt_dir_list list = {.names = room, .names_max = sizeof(room)};
    rt_harness_op_init(h, &op);
    for (uint32_t i = 0; i < COUNT; i++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof(name), "%05u", (i * 7919) % COUNT);
        path_touch(h, name);
    }
    rt_path_list(&op.op, h->dir, &list);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK_INT(list.count, COUNT);
    RT_CHECK_INT(list.names_bytes, sizeof(room));
    for (uint32_t i = 0; i < COUNT; i++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof(name), "%05u", i);
        RT_CHECK(strcmp(room + i * NAME_BYTES, name) == 0);
    }
}

static void path_sync_dir_takes_directories(struct rt_harness *h)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    path_touch(h, "a");
    rt_path_sync_dir(&op.op, h->dir);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    rt_path_sync_dir(&op.op, rt_harness_path(h, "none"));
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_NOT_FOUND);
    rt_path_sync_dir(&op.op, rt_harness_path(h, "a"));
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_INVALID);
}

static void path_space_is_that_of_its_file_system(struct rt_harness *h)
{
    struct rt_harness_op op;
    struct rt_space space;
    rt_harness_op_init(h, &op);
    rt_path_space(&op.op, h->dir, &space);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK(space.total_bytes > 0);
    RT_CHECK(space.free_bytes <= space.total_bytes);
    rt_path_space(&op.op, rt_harness_path(h, "none"), &space);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_NOT_FOUND);
}

static void path_too_long_is_invalid(struct rt_harness *h)
{
    struct rt_harness_op op;
    char path[LIMIT_PATH_BYTES + 2];
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    rt_harness_op_init(h, &op);
    rt_path_unlink(&op.op, path);
    RT_CHECK_INT(op.dones_count, 0);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_INVALID);
    rt_path_mkdir(&op.op, "", 0755);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_INVALID);
}

const struct rt_harness_test contract_path_tests[] = {
    RT_HARNESS_TEST(path_rename_replaces),
    RT_HARNESS_TEST(path_unlink_removes_one_name),
    RT_HARNESS_TEST(path_directories_are_made_and_removed),
    RT_HARNESS_TEST(path_list_is_sorted_bytewise),
    RT_HARNESS_TEST(path_list_that_does_not_fit_fills_in_nothing),
    RT_HARNESS_TEST(path_list_of_many_names),
    RT_HARNESS_TEST(path_sync_dir_takes_directories),
    RT_HARNESS_TEST(path_space_is_that_of_its_file_system),
    RT_HARNESS_TEST(path_too_long_is_invalid),
    {0},
};
