/* A segment's .snap in a running store: what it says, when it is there, what a restart reads of it,
 * and what becomes of one that is missing or rotten. */
#include "storage/log/snaps.h"

#include <stdio.h>
#include <string.h>

#include "base/rt/clock.h"
#include "storage/log/inspect.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/home.h"

#define SNAPS_DIR "/data/p/01090000000000000000000000000000/0"

/* What group 1's owner gives, and a read. */
struct snaps {
    struct home *home;
    bool is_created;      /* its groups are */
    uint32_t asked_count; /* calls */
    uint64_t last_index;  /* of the last */
    uint32_t bytes;       /* of the section given; 0: none */
    struct log_snap_read read;
    bool is_over;
};

static struct snaps snaps;

/* A store whose segments hold 23 batches of 1000 bytes. */
static void snaps_open(bool has_owner);

/* The section: the index, then bytes that follow from it. */
static struct buf_slice snaps_give(void *ctx, struct log *log, uint64_t first_index)
{
    struct snaps *s = ctx;
    struct buf *buf = NULL;
    uint8_t content[64];
    s->asked_count++;
    s->last_index = first_index;
    if (s->bytes == 0) {
        return (struct buf_slice){0};
    }
    memset(content, (int)first_index, sizeof(content));
    assert_int_equal(buf_new(&log->ls->bufs, &log->ls->budget, 256, &buf), ERR_OK);
    struct bytes_writer w = bytes_writer(buf_append(buf, 256), 256);
    log_sections_put(&w, LOG_SNAP_PRODUCERS, content, s->bytes);
    log_sections_put(&w, LOG_SNAP_TRANSACTIONS, content, 3);
    assert_int_equal(w.err, ERR_OK);
    buf_seal(buf, (uint32_t)w.pos);
    return buf_slice(buf, 0, (uint32_t)w.pos);
}

static void snaps_shard_own(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    struct log *log = log_find(&home->shards[shard->id].ls, 1);
    log_sections_set(log, snaps_give, &snaps);
    home->answers_count++;
}

static void snaps_open(bool has_owner)
{
    assert_int_equal(home_start(snaps.home, 1), ERR_OK);
    if (!snaps.is_created) {
        snaps.is_created = true;
        home_ask(snaps.home, home_shard_create);
    }
    if (has_owner) {
        home_ask(snaps.home, snaps_shard_own);
    }
}

static void snaps_append(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        home_ask(snaps.home, home_shard_append);
    }
}

static int snaps_setup(void **state)
{
    (void)state;
    snaps = (struct snaps){.home = home_new(1), .bytes = 40};
    return 0;
}

static int snaps_teardown(void **state)
{
    (void)state;
    home_free(snaps.home);
    return 0;
}

static void snaps_read_done(struct log_snap_read *read)
{
    ((struct snaps *)read->ctx)->is_over = true;
}

static void snaps_shard_read(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    snaps.read.log = log_find(&home->shards[shard->id].ls, 1);
    log_snap_read(&snaps.read);
}

static bool snaps_is_over(void *ctx)
{
    return ((struct snaps *)ctx)->is_over;
}

/* Read the newest .snap of group 1 at or before `index` with a section of `kind`. */
static enum err snaps_read(uint64_t index, uint16_t kind)
{
    snaps.is_over = false;
    snaps.read = (struct log_snap_read){
        .done = snaps_read_done, .ctx = &snaps, .index = index, .kind = kind};
    sim_post(sim_node_shard(snaps.home->node, 0), snaps_shard_read, snaps.home);
    assert_true(sim_run_until_true(snaps.home->sim, snaps_is_over, &snaps,
                                   sim_now_ns(snaps.home->sim) + 10 * RT_NS_PER_S));
    return snaps.read.err;
}

/* The producers' section of the .snap just read is that of its first index. */
static void snaps_producers_are_of(uint64_t first_index)
{
    const struct log_snap_section *section = log_snap_find(&snaps.read.snap, LOG_SNAP_PRODUCERS);
    assert_int_equal(snaps.read.snap.first_index, first_index);
    assert_non_null(section);
    assert_int_equal(section->bytes, 40);
    for (uint32_t i = 0; i < section->bytes; i++) {
        assert_int_equal(section->data[i], (uint8_t)first_index);
    }
}

static const char *snaps_path(uint64_t first_index)
{
    static char path[200];
    snprintf(path, sizeof(path), SNAPS_DIR "/%016llx-00000000.snap",
             (unsigned long long)first_index);
    return path;
}

/* --- Inspection --- */

struct snaps_look {
    struct log_inspect inspect;
    uint32_t faults_count;
    char fault[200];
    bool is_over;
};

static void snaps_look_fault(void *ctx, const struct log_inspect_fault *fault)
{
    struct snaps_look *look = ctx;
    look->faults_count++;
    snprintf(look->fault, sizeof(look->fault), "%.90s: %.90s", fault->file, fault->what);
}

static const struct log_inspect_visitor snaps_visitor = {.fault = snaps_look_fault};

static void snaps_looked(struct log_inspect *inspect)
{
    CONTAINER_OF(inspect, struct snaps_look, inspect)->is_over = true;
}

static void snaps_look_start(struct rt_shard *shard)
{
    struct snaps_look *look = shard->app;
    look->inspect = (struct log_inspect){.done = snaps_looked,
                                         .ctx = look,
                                         .shard = shard,
                                         .dir = "/data",
                                         .visitor = &snaps_visitor,
                                         .group = LOG_INSPECT_NONE};
    log_inspect_start(&look->inspect);
}

static void snaps_look_stop(struct rt_shard *shard)
{
    rt_shard_finish(shard);
}

static bool snaps_look_is_over(void *ctx)
{
    return ((struct snaps_look *)ctx)->is_over;
}

/* Look at `disk`, which is freed. */
static void snaps_look(struct snaps_look *look, struct sim_disk *disk)
{
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(1, &options);
    struct sim_node *node = sim_node_add(sim);
    struct sim_app app = {snaps_look_start, snaps_look_stop, look};
    *look = (struct snaps_look){0};
    sim_disk_free(sim_node_swap_disk(node, disk));
    sim_node_start(node, 1, &app);
    assert_true(sim_run_until_true(sim, snaps_look_is_over, look, 1000 * RT_NS_PER_S));
    sim_free(sim);
}

/* --- Tests --- */

static void snaps_say_what_the_owner_gave_when_the_segment_began(void **state)
{
    (void)state;
    snaps_open(true);
    snaps_append(60); /* 24 in a segment of 24 KiB: 1..24, 25..48, 49.. */
    home_ask(snaps.home, home_shard_settle);
    assert_int_equal(snaps.asked_count, 3);
    assert_int_equal(snaps.last_index, 49);
    home_close(snaps.home);
    snaps_open(false);
    assert_int_equal(snaps_read(60, LOG_SNAP_PRODUCERS), ERR_OK);
    snaps_producers_are_of(49);
    log_snap_release(&snaps.read);
    assert_int_equal(snaps_read(48, LOG_SNAP_TRANSACTIONS), ERR_OK);
    snaps_producers_are_of(25);
    assert_int_equal(log_snap_find(&snaps.read.snap, LOG_SNAP_TRANSACTIONS)->bytes, 3);
    assert_int_equal(snaps.read.skipped_count, 0);
    log_snap_release(&snaps.read);
    assert_int_equal(snaps_read(1, 0), ERR_OK);
    snaps_producers_are_of(1);
    log_snap_release(&snaps.read);
    assert_int_equal(snaps_read(60, LOG_SNAP_TAGS), ERR_NOT_FOUND);
    assert_int_equal(snaps.read.skipped_count, 3);
    home_close(snaps.home);
}

/* Term runs before the segment: one of term 0, which home's batches are of. */
static void snaps_say_the_term_runs_before_the_segment(void **state)
{
    (void)state;
    snaps_open(false);
    snaps_append(60);
    home_ask(snaps.home, home_shard_settle);
    static const struct {
        uint64_t index;
        uint32_t runs_count;
    } rows[] = {{1, 0}, {30, 1}, {60, 1}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(snaps_read(rows[i].index, LOG_SNAP_TERM_RUNS), ERR_OK);
        const struct log_snap_section *section =
            log_snap_find(&snaps.read.snap, LOG_SNAP_TERM_RUNS);
        assert_int_equal(section->bytes, rows[i].runs_count * LOG_TERM_RUN_BYTES);
        struct bytes_reader r = bytes_reader(section->data, section->bytes);
        for (uint32_t n = 0; n < rows[i].runs_count; n++) {
            struct log_term_run run = log_term_run_get(&r);
            assert_int_equal(run.first_index, 1);
            assert_int_equal(run.first_offset, 0);
            assert_int_equal(run.term, 0);
        }
        log_snap_release(&snaps.read);
    }
    home_close(snaps.home);
}

/* A group that fills no block has no files; one that does has one .snap per segment, of few bytes.
 */
static void snaps_are_made_with_the_files_only(void **state)
{
    (void)state;
    snaps_open(true);
    snaps_append(2);
    home_ask(snaps.home, home_shard_settle);
    assert_false(home_has(snaps.home, snaps_path(1)));
    assert_false(home_has(snaps.home, SNAPS_DIR "/0000000000000001-00000000.log"));
    snaps_append(10);
    home_ask(snaps.home, home_shard_settle);
    assert_true(home_has(snaps.home, snaps_path(1)));
    assert_true(sim_disk_size(home_disk(snaps.home), snaps_path(1)) < 200);
    assert_false(home_has(snaps.home, snaps_path(25)));
    home_close(snaps.home);
    assert_int_equal(home_start(snaps.home, 1), ERR_OK); /* what is kept is given back */
    home_close(snaps.home);
}

/* A crash before the files are made takes the owner's sections along; the one before has them. */
static void snaps_without_the_owners_sections_are_passed_over(void **state)
{
    (void)state;
    snaps_open(true);
    snaps_append(24);
    home_ask(snaps.home, home_shard_settle);
    snaps.home->config.settle_ns = 1000 * RT_NS_PER_S;
    snaps_append(3); /* the next segment begins: in the journal only */
    sim_node_crash(snaps.home->node, SIM_CRASH_KEEP);
    snaps_open(false);
    snaps_append(10);
    home_ask(snaps.home, home_shard_settle);
    assert_true(home_has(snaps.home, snaps_path(25)));
    assert_int_equal(snaps_read(30, 0), ERR_OK);
    assert_int_equal(snaps.read.snap.first_index, 25);
    log_snap_release(&snaps.read);
    assert_int_equal(snaps_read(30, LOG_SNAP_PRODUCERS), ERR_OK);
    snaps_producers_are_of(1);
    assert_int_equal(snaps.read.skipped_count, 1);
    log_snap_release(&snaps.read);
    home_close(snaps.home);
}

static void snaps_remove(const char *path)
{
    assert_int_equal(sim_disk_unlink(home_disk(snaps.home), path), ERR_OK);
}

/* An inspection names it; the store makes it anew when it has looked through the directory. */
static void snaps_that_are_missing_are_named_and_made_anew(void **state)
{
    (void)state;
    struct snaps_look look;
    snaps_open(true);
    snaps_append(60);
    home_ask(snaps.home, home_shard_settle);
    home_close(snaps.home);
    snaps_look(&look, sim_disk_clone(home_disk(snaps.home), 1));
    assert_int_equal(look.faults_count, 0);
    static const uint64_t indexes[] = {1, 25, 49};
    for (size_t i = 0; i < ARRAY_COUNT(indexes); i++) {
        struct sim_disk *disk = sim_disk_clone(home_disk(snaps.home), 1);
        assert_int_equal(sim_disk_unlink(disk, snaps_path(indexes[i])), ERR_OK);
        snaps_look(&look, disk);
        assert_int_equal(look.faults_count,
                         indexes[i] == 49 ? 0 : 1); /* nothing of it is settled */
        assert_true(indexes[i] == 49 || strstr(look.fault, "the .snap is missing") != NULL);
    }
    snaps_remove(snaps_path(1));
    snaps_remove(snaps_path(25));
    snaps_open(false);
    assert_int_equal(snaps_read(48, LOG_SNAP_PRODUCERS), ERR_NOT_FOUND);
    home_ask(snaps.home, home_shard_settle);
    assert_non_null(strstr(snaps.home->said, "a .snap is missing: it is made anew"));
    assert_int_equal(snaps_read(48, LOG_SNAP_TERM_RUNS), ERR_OK);
    assert_int_equal(snaps.read.snap.first_index, 25);
    assert_int_equal(log_snap_find(&snaps.read.snap, LOG_SNAP_TERM_RUNS)->bytes,
                     LOG_TERM_RUN_BYTES);
    log_snap_release(&snaps.read);
    assert_int_equal(snaps_read(60, LOG_SNAP_PRODUCERS), ERR_OK);
    snaps_producers_are_of(49);
    log_snap_release(&snaps.read);
    home_close(snaps.home);
    snaps_look(&look, sim_disk_clone(home_disk(snaps.home), 1));
    assert_int_equal(look.faults_count, 0);
}

/* Every bit: an inspection names the file, a read goes to the segment before. */
static void snaps_that_have_rotted_are_named_and_passed_over(void **state)
{
    (void)state;
    snaps_open(true);
    snaps_append(60);
    home_ask(snaps.home, home_shard_settle);
    home_close(snaps.home);
    struct sim_disk *disk = sim_disk_clone(home_disk(snaps.home), 1);
    uint64_t bytes = sim_disk_size(disk, snaps_path(25));
    for (uint64_t pos = 0; pos < bytes; pos++) {
        struct snaps_look look;
        struct sim_disk *image = sim_disk_clone(disk, 1);
        assert_int_equal(sim_disk_rot(image, snaps_path(25), pos, (uint32_t)pos % 8), ERR_OK);
        snaps_look(&look, image);
        bool is_padding = look.faults_count == 0;
        if (!is_padding) {
            assert_non_null(strstr(look.fault, "the .snap does not verify"));
        } else { /* zeros up to a multiple of 8 are covered by nothing, and say nothing */
            uint8_t byte = 1;
            assert_int_equal(sim_disk_peek(disk, snaps_path(25), pos, &byte, 1), 1);
            assert_int_equal(byte, 0);
        }
        if (pos % 16 == 5) {
            struct sim_disk *old = sim_node_swap_disk(snaps.home->node, sim_disk_clone(disk, 1));
            sim_disk_free(old);
            assert_int_equal(
                sim_disk_rot(home_disk(snaps.home), snaps_path(25), pos, (uint32_t)pos % 8),
                ERR_OK);
            snaps_open(false);
            assert_int_equal(snaps_read(48, LOG_SNAP_PRODUCERS), ERR_OK);
            snaps_producers_are_of(is_padding ? 25 : 1);
            log_snap_release(&snaps.read);
            assert_int_equal(strstr(snaps.home->said, "a .snap does not verify") != NULL,
                             !is_padding);
            home_close(snaps.home);
        }
    }
    sim_disk_free(disk);
}

int main(void)
{
#define SNAPS_TEST(name) cmocka_unit_test_setup_teardown(name, snaps_setup, snaps_teardown)
    const struct CMUnitTest tests[] = {
        SNAPS_TEST(snaps_say_what_the_owner_gave_when_the_segment_began),
        SNAPS_TEST(snaps_say_the_term_runs_before_the_segment),
        SNAPS_TEST(snaps_are_made_with_the_files_only),
        SNAPS_TEST(snaps_without_the_owners_sections_are_passed_over),
        SNAPS_TEST(snaps_that_are_missing_are_named_and_made_anew),
        SNAPS_TEST(snaps_that_have_rotted_are_named_and_passed_over),
    };
    return cmocka_run_group_tests_name("log_snaps", tests, NULL, NULL);
}
