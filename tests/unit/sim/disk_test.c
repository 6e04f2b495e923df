/* Simulated disks: names, what flushes promise, what crashes leave, and every fault. Random
 * histories are held against a naive twin that remembers each state a file has been in. */
#include "tests/sim/sim_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/sim/sim_store.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define RW               (RT_FILE_READ | RT_FILE_WRITE)
#define DISK_PATHS_BYTES 1000

/* --- Builders --- */

static struct sim_disk *disk_calm(uint64_t seed)
{
    struct sim_disk_options options = sim_disk_options_calm();
    return sim_disk_new(&options, seed);
}

static struct sim_handle *disk_open(struct sim_disk *disk, const char *path, uint32_t flags)
{
    struct sim_handle *handle = NULL;
    assert_int_equal(sim_disk_open(disk, path, flags, &handle), ERR_OK);
    return handle;
}

static enum err disk_fill(struct sim_handle *handle, uint64_t pos, size_t length, uint8_t byte)
{
    uint8_t *data = malloc(length);
    assert_non_null(data);
    memset(data, byte, length);
    struct iovec iov = {.iov_base = data, .iov_len = length};
    uint64_t sequence;
    enum err err = sim_disk_write(handle, &iov, 1, pos, length, &sequence);
    free(data);
    return err;
}

/* The byte at `pos` as readers see it; -1 past the end, -2 for an error. */
static int disk_byte(struct sim_handle *handle, uint64_t pos)
{
    uint8_t byte = 0;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    int64_t result = 0;
    if (sim_disk_read(handle, &iov, 1, pos, 1, &result) != ERR_OK) {
        return -2;
    }
    return result == 1 ? byte : -1;
}

static void disk_flush(struct sim_disk *disk, struct sim_handle *handle)
{
    assert_int_equal(sim_disk_flush(handle, sim_disk_sequence(disk)), ERR_OK);
}

static void disk_sync(struct sim_disk *disk, const char *path)
{
    assert_int_equal(sim_disk_sync_dir(disk, path, sim_disk_sequence(disk)), ERR_OK);
}

static void disk_walk_add(void *ctx, const char *path)
{
    char *all = ctx;
    size_t length = strlen(all);
    snprintf(all + length, DISK_PATHS_BYTES - length, "%s ", path);
}

/* All paths, each followed by a space. */
static const char *disk_paths(struct sim_disk *disk, char *out)
{
    out[0] = '\0';
    sim_disk_walk(disk, disk_walk_add, out);
    return out;
}

static int64_t disk_peek_byte(struct sim_disk *disk, const char *path, uint64_t pos)
{
    uint8_t byte = 0;
    int64_t count = sim_disk_peek_durable(disk, path, pos, &byte, 1);
    return count == 1 ? byte : -1;
}

/* --- Names --- */

static void disk_answers_as_linux_does(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(1);
    struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
    struct sim_handle *none = NULL;
    assert_int_equal(sim_disk_mkdir(disk, "/d"), ERR_OK);
    assert_int_equal(sim_disk_mkdir(disk, "/d/e"), ERR_OK);
    /* errno in parentheses, as base/rt/errno.c maps it */
    assert_int_equal(sim_disk_mkdir(disk, "/d"), ERR_EXISTS);              /* EEXIST */
    assert_int_equal(sim_disk_mkdir(disk, "/x/y"), ERR_NOT_FOUND);         /* ENOENT */
    assert_int_equal(sim_disk_mkdir(disk, "/f/y"), ERR_INVALID);           /* ENOTDIR */
    assert_int_equal(sim_disk_rmdir(disk, "/d"), ERR_EXISTS);              /* ENOTEMPTY */
    assert_int_equal(sim_disk_rmdir(disk, "/f"), ERR_INVALID);             /* ENOTDIR */
    assert_int_equal(sim_disk_unlink(disk, "/d"), ERR_INVALID);            /* EISDIR */
    assert_int_equal(sim_disk_unlink(disk, "/x"), ERR_NOT_FOUND);          /* ENOENT */
    assert_int_equal(sim_disk_rename(disk, "/x", "/y"), ERR_NOT_FOUND);    /* ENOENT */
    assert_int_equal(sim_disk_rename(disk, "/f", "/d"), ERR_INVALID);      /* EISDIR */
    assert_int_equal(sim_disk_rename(disk, "/d", "/f"), ERR_INVALID);      /* ENOTDIR */
    assert_int_equal(sim_disk_rename(disk, "/d", "/d/e/g"), ERR_INVALID);  /* EINVAL */
    assert_int_equal(sim_disk_rename(disk, "/f", "/f"), ERR_OK);           /* nothing */
    assert_int_equal(sim_disk_open(disk, "/x", RW, &none), ERR_NOT_FOUND); /* ENOENT */
    assert_int_equal(sim_disk_open(disk, "/d", RW, &none), ERR_INVALID);   /* EISDIR */
    assert_int_equal(sim_disk_open(disk, "f", RW | RT_FILE_CREATE | RT_FILE_EXCLUSIVE, &none),
                     ERR_EXISTS);
    assert_int_equal(sim_disk_sync_dir(disk, "/f", 0), ERR_INVALID);
    assert_int_equal(sim_disk_sync_dir(disk, "/x", 0), ERR_NOT_FOUND);
    assert_int_equal(sim_disk_truncate(file, UINT64_MAX / 2), ERR_TOO_LARGE); /* EFBIG */
    char all[DISK_PATHS_BYTES];
    assert_string_equal(disk_paths(disk, all), "/d/ /d/e/ /f ");
    sim_disk_close(file);
    sim_disk_free(disk);
}

static void disk_lists_names_sorted_or_says_they_do_not_fit(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(1);
    static const char *const names[] = {"/b", "/ab", "/a", "/abc", "/B"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        sim_disk_close(disk_open(disk, names[i], RW | RT_FILE_CREATE));
    }
    char room[12];
    struct rt_dir_list list = {.names = room, .names_max = sizeof(room)};
    assert_int_equal(sim_disk_list(disk, "/", &list), ERR_TOO_LARGE);
    assert_int_equal(sim_disk_unlink(disk, "/abc"), ERR_OK);
    assert_int_equal(sim_disk_list(disk, "/", &list), ERR_OK);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.names_bytes, 9);
    assert_memory_equal(room, "B\0a\0ab\0b", 9);
    sim_disk_free(disk);
}

static void disk_lock_is_flock(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(1);
    struct sim_handle *a = disk_open(disk, "/lock", RW | RT_FILE_CREATE);
    struct sim_handle *b = disk_open(disk, "/lock", RW);
    assert_int_equal(sim_disk_lock(a, true), ERR_OK);
    assert_int_equal(sim_disk_lock(b, true), ERR_BUSY);
    assert_int_equal(sim_disk_lock(b, false), ERR_BUSY);
    assert_int_equal(sim_disk_lock(a, false), ERR_OK); /* the own one is changed */
    assert_int_equal(sim_disk_lock(b, false), ERR_OK);
    assert_int_equal(sim_disk_lock(a, true), ERR_BUSY);
    sim_disk_close(b);
    assert_int_equal(sim_disk_lock(a, true), ERR_OK);
    struct prng prng;
    prng_init(&prng, 1);
    sim_disk_crash(disk, SIM_CRASH_KEEP, &prng); /* closes all, which frees locks */
    b = disk_open(disk, "/lock", RW);
    assert_int_equal(sim_disk_lock(b, true), ERR_OK);
    sim_disk_close(b);
    sim_disk_free(disk);
}

/* --- What is durable --- */

static void disk_power_loss_takes_what_was_not_flushed(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(2);
    struct prng prng;
    prng_init(&prng, 2);
    struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
    disk_sync(disk, "/");
    assert_int_equal(disk_fill(file, 0, 1000, 'a'), ERR_OK);
    disk_flush(disk, file);
    assert_int_equal(disk_fill(file, 500, 1000, 'b'), ERR_OK);
    assert_int_equal(disk_byte(file, 600), 'b');
    assert_int_equal(disk_peek_byte(disk, "/f", 600), 'a');
    sim_disk_crash(disk, SIM_CRASH_LOSE, &prng);
    file = disk_open(disk, "/f", RW);
    assert_int_equal(sim_handle_size(file), 1000);
    assert_int_equal(disk_byte(file, 600), 'a');
    assert_int_equal(disk_byte(file, 1000), -1);
    sim_disk_close(file);
    sim_disk_free(disk);
}

static void disk_process_death_takes_nothing(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(2);
    struct prng prng;
    prng_init(&prng, 2);
    struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
    assert_int_equal(disk_fill(file, 0, 1000, 'a'), ERR_OK);
    sim_disk_crash(disk, SIM_CRASH_KEEP, &prng);
    file = disk_open(disk, "/f", RW);
    assert_int_equal(disk_byte(file, 999), 'a');
    sim_disk_close(file);
    sim_disk_crash(disk, SIM_CRASH_LOSE, &prng); /* but it has not become durable by that */
    assert_int_equal(sim_disk_size(disk, "/f"), UINT64_MAX);
    sim_disk_free(disk);
}

static void disk_flush_makes_no_name_durable(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(3);
    struct prng prng;
    prng_init(&prng, 3);
    assert_int_equal(sim_disk_mkdir(disk, "/d"), ERR_OK);
    struct sim_handle *file = disk_open(disk, "/d/f", RW | RT_FILE_CREATE);
    assert_int_equal(disk_fill(file, 0, 10, 'a'), ERR_OK);
    disk_flush(disk, file);
    disk_sync(disk, "/d"); /* the name in d; but not d's own */
    struct sim_disk *image = sim_disk_clone(disk, 0);
    sim_disk_crash(image, SIM_CRASH_LOSE, &prng);
    char all[DISK_PATHS_BYTES];
    assert_string_equal(disk_paths(image, all), "");
    sim_disk_free(image);
    disk_sync(disk, "/");
    sim_disk_crash(disk, SIM_CRASH_LOSE, &prng);
    assert_string_equal(disk_paths(disk, all), "/d/ /d/f ");
    assert_int_equal(disk_peek_byte(disk, "/d/f", 9), 'a');
    sim_disk_free(disk);
}

static void disk_rename_between_directories_is_in_both_or_neither(void **state)
{
    (void)state;
    size_t moved = 0;
    size_t unmoved = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct sim_disk *disk = disk_calm(seed);
        struct prng prng;
        prng_init(&prng, seed);
        assert_int_equal(sim_disk_mkdir(disk, "/a"), ERR_OK);
        assert_int_equal(sim_disk_mkdir(disk, "/b"), ERR_OK);
        struct sim_handle *file = disk_open(disk, "/a/f", RW | RT_FILE_CREATE);
        disk_sync(disk, "/a");
        disk_sync(disk, "/");
        assert_int_equal(sim_disk_rename(disk, "/a/f", "/b/g"), ERR_OK);
        assert_int_equal(sim_disk_mkdir(disk, "/b/later"), ERR_OK);
        if (seed % 2 == 0) {
            disk_sync(disk, seed % 4 == 0 ? "/a" : "/b");
        }
        sim_disk_crash(disk, SIM_CRASH_SEEDED, &prng);
        char all[DISK_PATHS_BYTES];
        const char *paths = disk_paths(disk, all);
        bool is_moved = strstr(paths, "/b/g ") != NULL;
        assert_int_not_equal(is_moved, strstr(paths, "/a/f ") != NULL);
        assert_true(IMPLIES(seed % 2 == 0, is_moved));
        assert_true(IMPLIES(strstr(paths, "/b/later/ ") != NULL, is_moved)); /* b's order */
        moved += is_moved;
        unmoved += !is_moved;
        (void)file; /* closed by the crash */
        sim_disk_free(disk);
    }
    assert_true(moved > 100);
    assert_true(unmoved > 20);
}

static void disk_replaced_file_lives_as_long_as_it_is_open(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(4);
    struct sim_handle *old = disk_open(disk, "/table", RW | RT_FILE_CREATE);
    assert_int_equal(disk_fill(old, 0, 8192, 'o'), ERR_OK);
    struct sim_handle *new = disk_open(disk, "/table.new", RW | RT_FILE_CREATE);
    assert_int_equal(disk_fill(new, 0, 4096, 'n'), ERR_OK);
    disk_flush(disk, old);
    disk_flush(disk, new);
    disk_sync(disk, "/");
    assert_int_equal(sim_disk_stats(disk)->used_bytes, 12288);
    assert_int_equal(sim_disk_rename(disk, "/table.new", "/table"), ERR_OK);
    assert_int_equal(disk_byte(old, 0), 'o');
    sim_disk_close(old);
    assert_int_equal(disk_peek_byte(disk, "/table", 0), 'o'); /* still the durable name */
    disk_sync(disk, "/");
    assert_int_equal(disk_peek_byte(disk, "/table", 0), 'n');
    assert_int_equal(sim_disk_stats(disk)->used_bytes, 4096);
    sim_disk_close(new);
    sim_disk_free(disk);
}

/* A DSYNC write makes just itself durable; a linked fdatasync all that was written before. */
static void disk_durable_write_takes_along_what_its_form_says(void **state)
{
    (void)state;
    static const struct {
        enum rt_flush_form form;
        int64_t earlier;
    } rows[] = {{RT_FLUSH_LINKED, 'a'}, {RT_FLUSH_THREAD, 'a'}, {RT_FLUSH_DSYNC, 0}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sim_disk *disk = disk_calm(5);
        sim_disk_options(disk)->form = rows[i].form;
        struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
        disk_sync(disk, "/");
        assert_int_equal(disk_fill(file, 0, 1024, 'a'), ERR_OK);
        uint8_t data[512];
        memset(data, 'b', sizeof(data));
        struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
        uint64_t sequence;
        assert_int_equal(sim_disk_write(file, &iov, 1, 512, 512, &sequence), ERR_OK);
        assert_int_equal(disk_peek_byte(disk, "/f", 512), -1);
        assert_int_equal(sim_disk_land(file, sequence), ERR_OK);
        assert_int_equal(disk_peek_byte(disk, "/f", 0), rows[i].earlier);
        assert_int_equal(disk_peek_byte(disk, "/f", 512), 'b');
        struct prng prng;
        prng_init(&prng, 5);
        for (int k = 0; k < 50; k++) { /* and never is the older write found in its place */
            struct sim_disk *image = sim_disk_crash_image(disk, &prng);
            assert_int_equal(disk_peek_byte(image, "/f", 1023), 'b');
            sim_disk_free(image);
        }
        sim_disk_close(file);
        sim_disk_free(disk);
    }
}

static void disk_cut_file_shows_nothing_old_when_it_grows(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(6);
    struct prng prng;
    prng_init(&prng, 6);
    struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
    disk_sync(disk, "/");
    assert_int_equal(disk_fill(file, 0, 10000, 'a'), ERR_OK);
    disk_flush(disk, file);
    assert_int_equal(sim_disk_truncate(file, 100), ERR_OK);
    assert_int_equal(sim_disk_truncate(file, 10000), ERR_OK);
    assert_int_equal(disk_byte(file, 99), 'a');
    assert_int_equal(disk_byte(file, 100), 0);
    assert_int_equal(disk_byte(file, 9999), 0);
    for (int k = 0; k < 100; k++) {
        struct sim_disk *image = sim_disk_crash_image(disk, &prng);
        uint64_t size = sim_disk_size(image, "/f");
        int64_t byte = disk_peek_byte(image, "/f", 100);
        assert_true(size == 100 || size == 10000);
        assert_true(IMPLIES(size == 100, byte == -1));
        assert_true(IMPLIES(size == 10000, byte == 'a' || byte == 0));
        assert_int_equal(disk_peek_byte(image, "/f", 9999),
                         size == 100 ? -1 : byte); /* all of the cut, or none */
        sim_disk_free(image);
    }
    sim_disk_close(file);
    sim_disk_free(disk);
}

/* A hole that was punched leaves the rest of its sectors as it was then: not one byte of what an
 * unsynced write had covered before. */
static void disk_hole_uncovers_nothing_older(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t pos;
        uint64_t end;
    } rows[] = {{"first bytes of a sector", 512, 600},
                {"inner bytes", 600, 700},
                {"last bytes", 600, 1024},
                {"all bytes", 512, 1024},
                {"parts of two sectors", 600, 1200},
                {"a sector and a part", 512, 1200}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sim_disk *disk = disk_calm(i);
        struct prng prng;
        prng_init(&prng, i);
        struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
        disk_sync(disk, "/");
        assert_int_equal(disk_fill(file, 0, 1536, 'a'), ERR_OK);
        disk_flush(disk, file);
        assert_int_equal(disk_fill(file, 0, 1536, 'b'), ERR_OK);
        assert_int_equal(
            sim_disk_allocate(file, RT_ALLOCATE_PUNCH, rows[i].pos, rows[i].end - rows[i].pos),
            ERR_OK);
        size_t holes = 0;
        for (int k = 0; k < 100; k++) {
            struct sim_disk *image = sim_disk_crash_image(disk, &prng);
            bool is_hole = disk_peek_byte(image, "/f", rows[i].pos) == 0;
            if (is_hole && (disk_peek_byte(image, "/f", rows[i].pos / 512 * 512) == 'a' ||
                            disk_peek_byte(image, "/f", (rows[i].end - 1) | 511) == 'a')) {
                fail_msg("%s: what was overwritten is back", rows[i].name);
            }
            holes += is_hole;
            sim_disk_free(image);
        }
        assert_in_range(holes, 10, 90);
        sim_disk_close(file);
        sim_disk_free(disk);
    }
}

static void disk_space_is_counted_and_ends(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(7);
    sim_disk_options(disk)->capacity_bytes = 64 * 4096;
    struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
    assert_int_equal(sim_disk_allocate(file, RT_ALLOCATE_KEEP_SIZE, 0, 60 * 4096), ERR_OK);
    assert_int_equal(sim_handle_size(file), 0);
    assert_int_equal(sim_disk_allocate(file, RT_ALLOCATE_EXTEND, 0, 65 * 4096), ERR_DISK_FULL);
    assert_int_equal(disk_fill(file, 60 * 4096, 5 * 4096, 1), ERR_DISK_FULL);
    assert_int_equal(disk_fill(file, 0, 60 * 4096, 1), ERR_OK); /* reserved */
    struct rt_space space;
    assert_int_equal(sim_disk_space(disk, "/f", &space), ERR_OK);
    assert_int_equal(space.free_bytes, 4 * 4096);
    assert_int_equal(sim_disk_allocate(file, RT_ALLOCATE_PUNCH, 4096, 8192), ERR_OK);
    assert_int_equal(disk_byte(file, 4096), 0);
    assert_int_equal(disk_byte(file, 4095), 1);
    assert_int_equal(sim_disk_space(disk, "/", &space), ERR_OK);
    assert_int_equal(space.free_bytes, 6 * 4096);
    assert_int_equal(sim_disk_truncate(file, 1), ERR_OK);
    assert_int_equal(sim_disk_space(disk, "/", &space), ERR_OK);
    assert_int_equal(space.free_bytes, 63 * 4096);
    assert_int_equal(sim_disk_unlink(disk, "/f"), ERR_OK);
    sim_disk_options(disk)->refuses_allocate = true;
    assert_int_equal(sim_disk_allocate(file, RT_ALLOCATE_KEEP_SIZE, 0, 1), ERR_UNSUPPORTED);
    sim_disk_close(file);
    assert_int_equal(sim_disk_space(disk, "/x", &space), ERR_NOT_FOUND);
    sim_disk_free(disk);
}

/* --- Faults --- */

static void disk_fault_lost_write_is_done_but_gone(void **state)
{
    (void)state;
    for (int is_direct = 0; is_direct < 2; is_direct++) {
        struct sim_disk *disk = disk_calm(8);
        struct prng prng;
        prng_init(&prng, 8);
        uint32_t flags = RW | RT_FILE_CREATE | (is_direct ? RT_FILE_DIRECT : 0);
        struct sim_handle *file = disk_open(disk, "/f", flags);
        assert_int_equal(disk_fill(file, 0, 4096, 'a'), ERR_OK);
        sim_disk_plant(disk, SIM_FAULT_LOST_WRITE);
        assert_int_equal(disk_fill(file, 0, 4096, 'b'), ERR_OK);
        assert_int_equal(disk_byte(file, 0), is_direct ? 'a' : 'b'); /* the cache hides it */
        disk_flush(disk, file);
        disk_sync(disk, "/");
        sim_disk_crash(disk, SIM_CRASH_LOSE, &prng);
        assert_int_equal(disk_peek_byte(disk, "/f", 0), 'a');
        assert_int_equal(sim_disk_stats(disk)->faults[SIM_FAULT_LOST_WRITE], 1);
        sim_disk_free(disk);
    }
}

static void disk_fault_misdirected_write_hits_another_place(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(9);
    struct sim_handle *a = disk_open(disk, "/a", RW | RT_FILE_CREATE | RT_FILE_DIRECT);
    struct sim_handle *b = disk_open(disk, "/b", RW | RT_FILE_CREATE | RT_FILE_DIRECT);
    assert_int_equal(disk_fill(b, 0, 4096, 'b'), ERR_OK);
    disk_flush(disk, b);
    sim_disk_plant(disk, SIM_FAULT_MISDIRECTED_WRITE);
    assert_int_equal(disk_fill(a, 4096, 4096, 'x'), ERR_OK);
    disk_flush(disk, a);
    assert_int_equal(disk_byte(a, 4096), 0);
    assert_int_equal(disk_byte(b, 0), 'x'); /* the only place there is */
    assert_int_equal(sim_disk_stats(disk)->faults[SIM_FAULT_MISDIRECTED_WRITE], 1);
    sim_disk_close(a);
    sim_disk_close(b);
    sim_disk_free(disk);
}

static void disk_fault_at_rest_spares_what_is_unsynced(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(10);
    struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
    assert_int_equal(disk_fill(file, 0, 8192, 0), ERR_OK);
    assert_int_equal(sim_disk_rot(disk, "/f", 100, 3), ERR_RANGE); /* not on the medium yet */
    assert_int_equal(sim_disk_rot(disk, "/g", 100, 3), ERR_NOT_FOUND);
    disk_flush(disk, file);
    assert_int_equal(sim_disk_rot(disk, "/f", 100, 3), ERR_OK);
    assert_int_equal(disk_byte(file, 100), 8);
    assert_int_equal(disk_byte(file, 99), 0);
    assert_int_equal(sim_disk_sector_error(disk, "/f", 5000), ERR_OK);
    assert_int_equal(disk_byte(file, 4608), -2); /* its sector: 4608 .. 5119 */
    assert_int_equal(disk_byte(file, 4607), 0);
    assert_int_equal(disk_fill(file, 4700, 10, 1), ERR_IO); /* would have to be read first */
    assert_int_equal(disk_fill(file, 4608, 512, 1), ERR_OK);
    assert_int_equal(disk_byte(file, 5000), 1);
    assert_int_equal(sim_disk_stats(disk)->faults[SIM_FAULT_BIT_ROT], 1);
    sim_disk_plant(disk, SIM_FAULT_SECTOR_ERROR);
    assert_int_equal(disk_byte(file, 0), -2);
    sim_disk_plant(disk, SIM_FAULT_BIT_ROT);
    int64_t before = disk_peek_byte(disk, "/f", 2000);
    assert_int_not_equal(disk_byte(file, 2000), before);
    sim_disk_close(file);
    sim_disk_free(disk);
}

static void disk_fault_errors_are_reported_and_leave_a_part(void **state)
{
    (void)state;
    size_t parts = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct sim_disk *disk = disk_calm(seed);
        struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
        disk_sync(disk, "/");
        sim_disk_plant(disk, SIM_FAULT_WRITE_ERROR);
        assert_int_equal(disk_fill(file, 0, 16384, 'a'), ERR_IO);
        uint64_t size = sim_handle_size(file);
        assert_true(size <= 16384);
        assert_int_equal(size % 512, 0);
        assert_int_equal(disk_fill(file, 0, 16384, 'b'), ERR_OK);
        sim_disk_plant(disk, SIM_FAULT_FLUSH_ERROR);
        assert_int_equal(sim_disk_flush(file, sim_disk_sequence(disk)), ERR_IO);
        assert_int_equal(disk_byte(file, 16383), 'b'); /* the cache still has it all */
        disk_flush(disk, file);                        /* and the next flush lies */
        bool is_last = disk_peek_byte(disk, "/f", 16383) == 'b';
        bool is_first = disk_peek_byte(disk, "/f", 0) == 'b';
        parts += !is_last || !is_first;
        sim_disk_plant(disk, SIM_FAULT_DISK_FULL);
        assert_int_equal(disk_fill(file, 0, 1, 'c'), ERR_DISK_FULL);
        sim_disk_close(file);
        sim_disk_free(disk);
    }
    assert_true(parts > 20);
}

static bool disk_only_in_journal(void *ctx, enum sim_fault fault, const char *path, uint64_t pos)
{
    (void)ctx;
    (void)fault;
    return strcmp(path, "/journal") == 0 && pos >= 4096;
}

static void disk_faults_strike_where_they_may(void **state)
{
    (void)state;
    struct sim_disk_options options = sim_disk_options_calm();
    options.faults_ppm[SIM_FAULT_WRITE_ERROR] = 1000000;
    options.may_strike = disk_only_in_journal;
    struct sim_disk *disk = sim_disk_new(&options, 1);
    struct sim_handle *journal = disk_open(disk, "/journal", RW | RT_FILE_CREATE);
    struct sim_handle *table = disk_open(disk, "/table", RW | RT_FILE_CREATE);
    assert_int_equal(disk_fill(journal, 0, 4096, 1), ERR_OK);
    assert_int_equal(disk_fill(journal, 4096, 4096, 1), ERR_IO);
    assert_int_equal(disk_fill(table, 4096, 4096, 1), ERR_OK);
    sim_disk_close(journal);
    sim_disk_close(table);
    sim_disk_free(disk);
}

static void disk_delays_are_drawn_as_asked(void **state)
{
    (void)state;
    struct sim_delay delay = {.min_ns = 1000, .mean_ns = 5000};
    struct prng prng;
    prng_init(&prng, 1);
    uint64_t sum = 0;
    uint64_t beyond = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t ns = sim_delay_draw(&delay, &prng);
        assert_true(ns >= 1000);
        sum += ns;
        beyond += ns > 1000 + 3 * 4000;
    }
    assert_in_range(sum / 100000, 4950, 5050);
    assert_in_range(beyond, 4700, 5260); /* e^-3 of them: 4979 */
    struct sim_disk *disk = disk_calm(1);
    sim_disk_options(disk)->read = (struct sim_delay){0};
    sim_disk_options(disk)->bytes_per_s = 1000000;
    assert_int_equal(sim_disk_delay_ns(disk, RT_OP_FILE_READ, 1000), 1000000);
    sim_disk_options(disk)->stall = (struct sim_delay){.min_ns = 7, .mean_ns = 7};
    sim_disk_plant(disk, SIM_FAULT_STALL);
    assert_int_equal(sim_disk_delay_ns(disk, RT_OP_FILE_READ, 1000), 1000007);
    sim_disk_free(disk);
}

/* --- Against a naive twin --- */

#define TWIN_BYTES  16384u
#define TWIN_STATES 64u

/* Every state a file has been in since the last flush, oldest first. */
struct twin {
    uint8_t bytes[TWIN_STATES][TWIN_BYTES]; /* zeros past the size */
    uint64_t sizes[TWIN_STATES];
    size_t count;
};

static void twin_next(struct twin *twin)
{
    size_t last = twin->count - 1;
    memcpy(twin->bytes[last + 1], twin->bytes[last], TWIN_BYTES);
    twin->sizes[last + 1] = twin->sizes[last];
    twin->count++;
}

/* What a crash left is a mixture of the twin's states, sector by sector, cut at one of its sizes.
 */
static void twin_check_crash(const struct twin *twin, struct sim_disk *image, uint64_t seed)
{
    static uint8_t found[TWIN_BYTES];
    memset(found, 0, sizeof(found));
    uint64_t size = sim_disk_size(image, "/f");
    bool is_size_known = false;
    for (size_t i = 0; i < twin->count; i++) {
        is_size_known |= twin->sizes[i] == size;
    }
    int64_t count = sim_disk_peek_durable(image, "/f", 0, found, sizeof(found));
    if (!is_size_known || count != (int64_t)size) {
        fail_msg("seed %llu: size %llu was never there", (unsigned long long)seed,
                 (unsigned long long)size);
    }
    for (uint64_t pos = 0; pos < size; pos += SIM_SECTOR_BYTES) {
        size_t length = size - pos < SIM_SECTOR_BYTES ? size - pos : SIM_SECTOR_BYTES;
        bool is_known = false;
        for (size_t i = 0; i < twin->count && !is_known; i++) {
            is_known = memcmp(found + pos, twin->bytes[i] + pos, length) == 0;
        }
        if (!is_known) {
            fail_msg("seed %llu: sector at %llu was never there", (unsigned long long)seed,
                     (unsigned long long)pos);
        }
    }
}

static void twin_step(struct twin *twin, struct sim_disk *disk, struct sim_handle *file,
                      struct prng *prng)
{
    size_t last = twin->count;
    uint64_t pos = prng_below(prng, TWIN_BYTES);
    uint64_t length = prng_range(prng, 1, TWIN_BYTES - pos);
    length = prng_chance(prng, 1, 2) ? length : 1 + (length - 1) % 700;
    if (prng_chance(prng, 1, 3)) {
        pos -= pos % 512;
        length = length + 511 < TWIN_BYTES - pos ? (length + 511) / 512 * 512 : TWIN_BYTES - pos;
    }
    switch (prng_below(prng, 8)) {
    case 0:
        twin_next(twin);
        twin->sizes[last] = pos;
        memset(twin->bytes[last] + pos, 0, TWIN_BYTES - pos);
        assert_int_equal(sim_disk_truncate(file, pos), ERR_OK);
        break;
    case 1:
        twin_next(twin);
        memset(twin->bytes[last] + pos, 0, length);
        assert_int_equal(sim_disk_allocate(file, RT_ALLOCATE_PUNCH, pos, length), ERR_OK);
        break;
    case 2:
        twin_next(twin);
        twin->sizes[last] = pos + length > twin->sizes[last] ? pos + length : twin->sizes[last];
        assert_int_equal(sim_disk_allocate(file, RT_ALLOCATE_EXTEND, pos, length), ERR_OK);
        break;
    case 3:
        disk_flush(disk, file);
        memcpy(twin->bytes[0], twin->bytes[last - 1], TWIN_BYTES);
        twin->sizes[0] = twin->sizes[last - 1];
        twin->count = 1;
        break;
    default: {
        uint8_t byte = (uint8_t)prng_range(prng, 1, 255);
        twin_next(twin);
        twin->sizes[last] = pos + length > twin->sizes[last] ? pos + length : twin->sizes[last];
        memset(twin->bytes[last] + pos, byte, length);
        assert_int_equal(disk_fill(file, pos, length, byte), ERR_OK);
        break;
    }
    }
}

static void twin_case(struct twin *twin, uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct sim_disk *disk = disk_calm(seed);
    struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
    disk_sync(disk, "/");
    memset(twin->bytes[0], 0, TWIN_BYTES);
    twin->sizes[0] = 0;
    twin->count = 1;
    static uint8_t seen[TWIN_BYTES];
    for (int step = 0; step < 40; step++) {
        twin_step(twin, disk, file, &prng);
        memset(seen, 0, sizeof(seen));
        struct iovec iov = {.iov_base = seen, .iov_len = TWIN_BYTES};
        int64_t count = 0;
        assert_int_equal(sim_disk_read(file, &iov, 1, 0, TWIN_BYTES, &count), ERR_OK);
        assert_int_equal(count, twin->sizes[twin->count - 1]);
        assert_memory_equal(seen, twin->bytes[twin->count - 1], TWIN_BYTES);
        struct sim_disk *image = sim_disk_crash_image(disk, &prng);
        twin_check_crash(twin, image, seed);
        sim_disk_free(image);
    }
    sim_disk_close(file);
    sim_disk_free(disk);
}

static void disk_crash_leaves_only_what_was_written_there(void **state)
{
    (void)state;
    static const uint64_t failed_once[] = {860777097 /* a hole at a sector's start */};
    struct twin *twin = malloc(sizeof(*twin));
    assert_non_null(twin);
    for (size_t i = 0; i < ARRAY_COUNT(failed_once); i++) {
        twin_case(twin, failed_once[i]);
    }
    struct share share = share_open("crash images against every past state", 50);
    while (share_more(&share)) {
        twin_case(twin, share_case_seed(&share));
    }
    share_close(&share);
    free(twin);
}

/* Names: every listing a directory has had since its last sync, oldest first. */
#define LISTINGS_MAX   64u
#define LISTINGS_BYTES 256u

struct listings {
    char texts[LISTINGS_MAX][LISTINGS_BYTES];
    size_t count;
};

static void listings_read(struct sim_disk *disk, const char *path, char *out)
{
    struct rt_dir_list list = {.names = out, .names_max = LISTINGS_BYTES - 1};
    assert_int_equal(sim_disk_list(disk, path, &list), ERR_OK);
    for (size_t i = 0; i < list.names_bytes; i++) {
        out[i] = out[i] != '\0' ? out[i] : ' ';
    }
    out[list.names_bytes] = '\0';
}

static void names_check_crash(const struct listings *dirs, struct sim_disk *disk, struct prng *prng,
                              uint64_t seed)
{
    struct sim_disk *image = sim_disk_crash_image(disk, prng);
    char found[2][LISTINGS_BYTES];
    for (size_t d = 0; d < 2; d++) {
        bool is_known = false;
        listings_read(image, d == 0 ? "/a" : "/b", found[d]);
        for (size_t i = 0; i < dirs[d].count; i++) {
            is_known |= strcmp(found[d], dirs[d].texts[i]) == 0;
        }
        if (!is_known) {
            fail_msg("seed %llu: \"%s\" was never there", (unsigned long long)seed, found[d]);
        }
    }
    for (unsigned file = 0; file < 8; file++) { /* a name in both is of two files */
        uint64_t ids[2];
        int64_t counts[2];
        for (size_t d = 0; d < 2; d++) {
            char path[8];
            snprintf(path, sizeof(path), "/%c/%u", d == 0 ? 'a' : 'b', file);
            counts[d] = sim_disk_peek(image, path, 0, &ids[d], sizeof(ids[d]));
        }
        assert_true(IMPLIES(counts[0] == 8 && counts[1] == 8, ids[0] != ids[1]));
    }
    sim_disk_free(image);
}

/* One random change: files 0 to 7, each in /a, in /b or nowhere; or a sync. */
static void names_step(struct sim_disk *disk, struct listings *dirs, struct prng *prng)
{
    char path[2][8];
    uint64_t file = prng_below(prng, 8);
    size_t from = (size_t)prng_below(prng, 2);
    for (size_t d = 0; d < 2; d++) {
        snprintf(path[d], sizeof(path[d]), "/%c/%u", d == 0 ? 'a' : 'b', (unsigned)file);
    }
    bool is_there = sim_disk_size(disk, path[from]) != UINT64_MAX;
    bool is_other = sim_disk_size(disk, path[1 - from]) != UINT64_MAX;
    if (prng_chance(prng, 1, 6)) {
        disk_sync(disk, from == 0 ? "/a" : "/b");
        dirs[from].count = 0; /* but for the listing now */
    } else if (is_there && prng_chance(prng, 1, 2)) {
        assert_int_equal(sim_disk_rename(disk, path[from], path[1 - from]), ERR_OK);
    } else if (is_there) {
        assert_int_equal(sim_disk_unlink(disk, path[from]), ERR_OK);
    } else if (!is_other) {
        struct sim_handle *handle = disk_open(disk, path[from], RW | RT_FILE_CREATE);
        uint64_t id = prng_u64(prng);
        struct iovec iov = {.iov_base = &id, .iov_len = sizeof(id)};
        uint64_t sequence;
        assert_int_equal(sim_disk_write(handle, &iov, 1, 0, sizeof(id), &sequence), ERR_OK);
        disk_flush(disk, handle);
        sim_disk_close(handle);
    }
    for (size_t d = 0; d < 2; d++) {
        listings_read(disk, d == 0 ? "/a" : "/b", dirs[d].texts[dirs[d].count++]);
    }
}

static void disk_crash_leaves_a_past_listing_of_every_directory(void **state)
{
    (void)state;
    static struct listings dirs[2];
    struct share share = share_open("directories against every past listing", 10);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct prng prng;
        prng_init(&prng, seed);
        struct sim_disk *disk = disk_calm(seed);
        assert_int_equal(sim_disk_mkdir(disk, "/a"), ERR_OK);
        assert_int_equal(sim_disk_mkdir(disk, "/b"), ERR_OK);
        disk_sync(disk, "/");
        dirs[0].count = dirs[1].count = 1;
        dirs[0].texts[0][0] = dirs[1].texts[0][0] = '\0';
        for (int step = 0; step < 40; step++) {
            names_step(disk, dirs, &prng);
            names_check_crash(dirs, disk, &prng, seed);
        }
        sim_disk_free(disk);
    }
    share_close(&share);
}

/* An image costs references, not bytes: a campaign takes a thousand a second. */
static void disk_images_share_their_pages(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(11);
    struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
    disk_sync(disk, "/");
    assert_int_equal(disk_fill(file, 0, 8 << 20, 'a'), ERR_OK);
    disk_flush(disk, file);
    assert_int_equal(disk_fill(file, 4096, 65536, 'b'), ERR_OK);
    struct prng prng;
    prng_init(&prng, 11);
    struct share share = share_open("images of 8 MiB with 16 unsynced pages", 10);
    while (share_more(&share)) {
        struct sim_disk *image = sim_disk_crash_image(disk, &prng);
        assert_int_equal(disk_peek_byte(image, "/f", 0), 'a');
        sim_disk_free(image);
    }
    assert_true(IMPLIES(share.cases_max == 0, share.cases_count > 50));
    share_close(&share);
    sim_disk_close(file);
    sim_disk_free(disk);
}

static void disk_count_mutation(void *ctx, struct sim_disk *disk, const struct sim_mutation *m)
{
    uint64_t *count = ctx;
    assert_int_equal(m->number, *count + 1);
    assert_int_equal(m->number, sim_disk_stats(disk)->mutations_count);
    *count = m->number;
}

static void disk_watcher_sees_every_change_in_order(void **state)
{
    (void)state;
    struct sim_disk *disk = disk_calm(12);
    uint64_t count = 0;
    sim_disk_watch(disk, disk_count_mutation, &count);
    struct sim_handle *file = disk_open(disk, "/f", RW | RT_FILE_CREATE);
    assert_int_equal(disk_fill(file, 0, 10, 1), ERR_OK);
    disk_flush(disk, file);
    disk_sync(disk, "/");
    assert_int_equal(sim_disk_truncate(file, 5), ERR_OK);
    assert_int_equal(sim_disk_rename(disk, "/f", "/g"), ERR_OK);
    sim_disk_close(file);
    assert_int_equal(sim_disk_unlink(disk, "/g"), ERR_OK);
    assert_int_equal(sim_disk_mkdir(disk, "/d"), ERR_OK);
    assert_int_equal(sim_disk_rmdir(disk, "/d"), ERR_OK);
    assert_int_equal(count, 9);
    sim_disk_watch(disk, NULL, NULL);
    sim_disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disk_answers_as_linux_does),
        cmocka_unit_test(disk_lists_names_sorted_or_says_they_do_not_fit),
        cmocka_unit_test(disk_lock_is_flock),
        cmocka_unit_test(disk_power_loss_takes_what_was_not_flushed),
        cmocka_unit_test(disk_process_death_takes_nothing),
        cmocka_unit_test(disk_flush_makes_no_name_durable),
        cmocka_unit_test(disk_rename_between_directories_is_in_both_or_neither),
        cmocka_unit_test(disk_replaced_file_lives_as_long_as_it_is_open),
        cmocka_unit_test(disk_durable_write_takes_along_what_its_form_says),
        cmocka_unit_test(disk_cut_file_shows_nothing_old_when_it_grows),
        cmocka_unit_test(disk_hole_uncovers_nothing_older),
        cmocka_unit_test(disk_space_is_counted_and_ends),
        cmocka_unit_test(disk_fault_lost_write_is_done_but_gone),
        cmocka_unit_test(disk_fault_misdirected_write_hits_another_place),
        cmocka_unit_test(disk_fault_at_rest_spares_what_is_unsynced),
        cmocka_unit_test(disk_fault_errors_are_reported_and_leave_a_part),
        cmocka_unit_test(disk_faults_strike_where_they_may),
        cmocka_unit_test(disk_delays_are_drawn_as_asked),
        cmocka_unit_test(disk_crash_leaves_only_what_was_written_there),
        cmocka_unit_test(disk_crash_leaves_a_past_listing_of_every_directory),
        cmocka_unit_test(disk_images_share_their_pages),
        cmocka_unit_test(disk_watcher_sees_every_change_in_order),
    };
    return cmocka_run_group_tests_name("sim_disk", tests, NULL, NULL);
}
