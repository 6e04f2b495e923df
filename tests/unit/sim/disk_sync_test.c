/* A sync of a whole simulated disk: what it promises, and what is seen when it fails. */
#include "base/compiler.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/cmocka.h"

#define SYNC_BYTES 10u

/* A calm disk with files /d/f and /g of SYNC_BYTES letters, not durable, not their names either. */
static struct sim_disk *sync_disk(uint64_t seed, struct sim_handle *files[2])
{
    static const char *const paths[] = {"/d/f", "/g"};
    struct sim_disk_options options = sim_disk_options_calm();
    struct sim_disk *disk = sim_disk_new(&options, seed);
    assert_int_equal(sim_disk_mkdir(disk, "/d"), ERR_OK);
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        uint8_t data[SYNC_BYTES] = {'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'};
        struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
        uint64_t sequence = 0;
        uint32_t flags = RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE;
        assert_int_equal(sim_disk_open(disk, paths[i], flags, &files[i]), ERR_OK);
        assert_int_equal(sim_disk_write(files[i], &iov, 1, 0, SYNC_BYTES, &sequence), ERR_OK);
    }
    return disk;
}

/* Whether the file's bytes are there after a power failure. */
static bool sync_is_there(struct sim_disk *disk, const char *path)
{
    uint8_t byte = 0;
    return sim_disk_peek_durable(disk, path, SYNC_BYTES - 1, &byte, 1) == 1 && byte == 'a';
}

static void sync_makes_files_and_names_durable(void **state)
{
    (void)state;
    struct sim_handle *files[2];
    struct sim_disk *disk = sync_disk(1, files);
    struct prng prng;
    prng_init(&prng, 1);
    assert_int_equal(sim_disk_sync_all(files[1], sim_disk_sequence(disk)), ERR_OK);
    sim_disk_crash(disk, SIM_CRASH_LOSE, &prng);
    assert_true(sync_is_there(disk, "/d/f"));
    assert_true(sync_is_there(disk, "/g"));
    sim_disk_free(disk);
}

/* What a file has lost by one that failed its own flush says, once. */
static void sync_that_fails_is_told_by_flushes(void **state)
{
    (void)state;
    uint32_t told_count = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sim_handle *files[2];
        struct sim_disk *disk = sync_disk(seed, files);
        struct prng prng;
        prng_init(&prng, seed);
        sim_disk_plant(disk, SIM_FAULT_FLUSH_ERROR);
        assert_int_equal(sim_disk_sync_all(files[0], sim_disk_sequence(disk)), ERR_IO);
        enum err err = sim_disk_flush(files[1], sim_disk_sequence(disk));
        assert_true(err == ERR_OK || err == ERR_IO);
        assert_int_equal(sim_disk_flush(files[1], sim_disk_sequence(disk)), ERR_OK);
        assert_int_equal(sim_disk_sync_dir(disk, "/", sim_disk_sequence(disk)), ERR_OK);
        told_count += err == ERR_IO;
        sim_disk_crash(disk, SIM_CRASH_LOSE, &prng);
        assert_int_equal(sim_disk_size(disk, "/d/f"), UINT64_MAX);
        assert_true(err == ERR_IO || sync_is_there(disk, "/g"));
        sim_disk_free(disk);
    }
    assert_in_range(told_count, 1, 199);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sync_makes_files_and_names_durable),
        cmocka_unit_test(sync_that_fails_is_told_by_flushes),
    };
    return cmocka_run_group_tests_name("sim_disk_sync", tests, NULL, NULL);
}
