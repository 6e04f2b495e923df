/* Copies of a segment lie beside it, as far as they have come: repair makes them, a crash leaves
 * them. Nothing names them. What is told is the segment's. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "storage/log/inspect.h"
#include "storage/log/sidecar.h"
#include "tests/sim/sim.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/formats.h"
#include "tests/unit/storage/inspect_dir.h"
#include "tests/unit/storage/look.h"

/* How far a copy of the first segment has come. */
enum { COPY_LOG, COPY_EMPTY, COPY_ZEROS, COPY_TORN, COPY_HEADER, COPY_HALF, COPY_WHOLE, COPIES };

static void copies_path(uint32_t generation, const char *kind, char *out)
{
    snprintf(out, LIMIT_PATH_BYTES, INSPECT_PARTITION "/0000000000000001-%08" PRIx32 ".%s",
             generation, kind);
}

static void copies_put(struct sim_disk *disk, struct sim_disk *from, uint32_t generation, int copy)
{
    static const size_t bytes[COPIES] = {0, 0, 4096, 40, 96, 96 * 3, 96 * 6};
    static uint8_t log[64u << 10], idx[4096];
    const struct crc32c *kernels = formats_kernels();
    char path[LIMIT_PATH_BYTES];
    struct log_sidecar_header header;
    struct log_sidecar rec;
    uint32_t seed = log_sidecar_seed(kernels, INSPECT_GROUP, 0);
    memset(idx, 0, sizeof(idx));
    assert_true(sim_disk_peek(from, INSPECT_IDX_1, 0, idx, sizeof(idx)) >= 96 * 6);
    assert_int_equal(log_sidecar_header_decode(idx, 96, kernels, &header), ERR_OK);
    header.origin = 1;
    header.generation = generation;
    log_sidecar_header_encode(&header, kernels, idx);
    for (size_t at = 96; at < 96 * 6; at += 96) {
        assert_int_equal(log_sidecar_decode(idx + at, 96, kernels, seed, &rec), ERR_OK);
        log_sidecar_encode(&rec, kernels, log_sidecar_seed(kernels, INSPECT_GROUP, generation),
                           idx + at);
    }
    memset(idx + (copy == COPY_ZEROS ? 0 : bytes[copy]), 0,
           sizeof(idx) - (copy == COPY_ZEROS ? 0 : bytes[copy]));
    uint64_t log_bytes = sim_disk_size(from, INSPECT_LOG_1);
    assert_true(log_bytes <= sizeof(log));
    assert_int_equal(sim_disk_peek(from, INSPECT_LOG_1, 0, log, log_bytes), log_bytes);
    copies_path(generation, "log", path);
    inspect_dir_put(disk, path, log, copy == COPY_WHOLE ? log_bytes : LIMIT_BLOCK_BYTES);
    copies_path(generation, "idx", path);
    if (copy != COPY_LOG) {
        bool is_padded = copy == COPY_HEADER || copy == COPY_HALF;
        inspect_dir_put(disk, path, idx, is_padded ? sizeof(idx) : bytes[copy]);
    }
}

static void copies_remove(struct sim_disk *disk, uint32_t generation, int copy)
{
    char path[LIMIT_PATH_BYTES];
    copies_path(generation, "log", path);
    assert_int_equal(sim_disk_unlink(disk, path), ERR_OK);
    copies_path(generation, "idx", path);
    if (copy != COPY_LOG) {
        assert_int_equal(sim_disk_unlink(disk, path), ERR_OK);
    }
}

/* What is wrong with the segment itself, and what is said of it. */
static const struct {
    const char *path; /* NULL: nothing */
    uint64_t pos;     /* of a bit that is wrong; 8192: all zero; 16384: gone */
    const char *what;
} copies_wrongs[] = {
    {NULL, 0, NULL},
    {INSPECT_IDX_1, 40, "header of the sidecar"},
    {INSPECT_IDX_1, 96 * 3 + 10, "record does not verify"},
    {INSPECT_LOG_1, 1000, "body of the batch"},
    {INSPECT_IDX_1, 8192, "header of the sidecar"},
    {INSPECT_IDX_1, 16384, "sidecar cannot be read"},
};

static void copies_damage(struct sim_disk *disk, size_t i)
{
    static const uint8_t zeros[4096];
    if (copies_wrongs[i].pos == 16384) {
        assert_int_equal(sim_disk_unlink(disk, copies_wrongs[i].path), ERR_OK);
    } else if (copies_wrongs[i].pos == 8192) {
        inspect_dir_put(disk, copies_wrongs[i].path, zeros, sizeof(zeros));
    } else if (copies_wrongs[i].path != NULL) {
        assert_int_equal(sim_disk_rot(disk, copies_wrongs[i].path, copies_wrongs[i].pos, 3),
                         ERR_OK);
    }
}

/* What is wrong with the segment is said, of its own files; of copies nothing is. */
static void copies_expect(const struct look *look, size_t wrong, uint64_t when)
{
    bool is_found = copies_wrongs[wrong].what == NULL;
    bool is_other = false;
    for (uint32_t n = 0; n < look->faults_count; n++) {
        const struct log_inspect_fault *fault = &look->faults[n];
        bool is_own = strstr(fault->file, "1-00000000.") != NULL;
        is_other |= !is_own || copies_wrongs[wrong].what == NULL;
        is_found |= is_own && strstr(fault->what, copies_wrongs[wrong].what) != NULL;
    }
    if (look->inspect.err != ERR_OK || !is_found || is_other) {
        for (uint32_t n = 0; n < look->faults_count; n++) {
            print_message("%s: %s\n", look->faults[n].file, look->faults[n].what);
        }
        fail_msg("segment %zu, copy %" PRIu64 ": %s, %u faults", wrong, when,
                 err_name(look->inspect.err), look->faults_count);
    }
}

/* However far a copy has come that nothing names, and however often another begins meanwhile. */
static void inspect_looks_at_the_segment_not_at_its_copies(void **state)
{
    (void)state;
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    for (size_t i = 0; i < ARRAY_COUNT(copies_wrongs) * COPIES; i++) {
        struct look look;
        struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
        copies_put(disk, dir.disk, 1, (int)(i % COPIES));
        copies_damage(disk, i / COPIES);
        look_new(&look, disk, 0);
        look_run(&look);
        copies_expect(&look, i / COPIES, i % COPIES);
        look_free(&look);
    }
    for (uint64_t i = 0; i < ARRAY_COUNT(copies_wrongs) * 12; i++) {
        struct look look;
        struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
        uint32_t generation = 1;
        copies_damage(disk, i / 12);
        look_new(&look, disk, 0);
        look_begin(&look);
        for (; !look.is_over; generation++) {
            disk = sim_node_disk(look.node);
            copies_put(disk, dir.disk, generation, (int)(generation % COPIES));
            sim_run_steps(look.sim, 1 + i % 12);
            copies_remove(disk, generation, (int)(generation % COPIES));
        }
        copies_expect(&look, i / 12, generation);
        look_free(&look);
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspect_looks_at_the_segment_not_at_its_copies),
    };
    return cmocka_run_group_tests_name("log_inspect_copies", tests, NULL, NULL);
}
