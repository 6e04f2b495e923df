/* One write of a segment fails, or two: what is seen of it (LOG §5). Each row is a store with
 * appends that are answered, a settle that meets the failure, and the directory afterwards: read in
 * full by the store that goes on, by the one that starts after a crash, and by an inspection. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rt/clock.h"
#include "storage/log/inspect.h"
#include "storage/log/read.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/home.h"

#define REFUSE_DIR "/data/p/01090000000000000000000000000000"

/* What is seen. */
enum refuse_seen {
    REFUSE_RESCUED, /* a line; what was not settled goes to a new file; all goes on */
    REFUSE_LATER,   /* the same file, when there is room */
    REFUSE_FENCED,  /* two lines; nothing is written any more */
};

static const struct refuse_row {
    const char *name;
    enum sim_fault fault;
    const char *path;     /* the end of the path that is struck, behind REFUSE_DIR */
    uint32_t skip;        /* calls that pass first */
    uint32_t times;       /* then fail */
    bool has_settled;     /* part of the segment is settled already */
    uint32_t batch_bytes; /* of appends */
    enum refuse_seen seen;
} refuse_rows[] = {
    {"open .log", SIM_FAULT_WRITE_ERROR, ".log", 0, 1, false, 200, REFUSE_RESCUED},
    {"open .log, twice", SIM_FAULT_WRITE_ERROR, ".log", 0, 2, false, 200, REFUSE_FENCED},
    {"write .log", SIM_FAULT_WRITE_ERROR, ".log", 1, 1, false, 200, REFUSE_RESCUED},
    {"write .log, then open", SIM_FAULT_WRITE_ERROR, ".log", 1, 2, false, 200, REFUSE_FENCED},
    {"write .log, partly settled", SIM_FAULT_WRITE_ERROR, ".log", 0, 1, true, 200, REFUSE_RESCUED},
    {"the same, twice", SIM_FAULT_WRITE_ERROR, ".log", 0, 2, true, 200, REFUSE_FENCED},
    {"truncate .log", SIM_FAULT_WRITE_ERROR, ".log", 2, 1, false, 700, REFUSE_RESCUED},
    {"flush .log", SIM_FAULT_FLUSH_ERROR, ".log", 0, 1, false, 200, REFUSE_RESCUED},
    {"flush .log, twice", SIM_FAULT_FLUSH_ERROR, ".log", 0, 2, false, 200, REFUSE_FENCED},
    {"flush .log, partly settled", SIM_FAULT_FLUSH_ERROR, ".log", 0, 1, true, 200, REFUSE_RESCUED},
    {"open .idx", SIM_FAULT_WRITE_ERROR, ".idx", 0, 1, false, 200, REFUSE_RESCUED},
    {"open .idx, twice", SIM_FAULT_WRITE_ERROR, ".idx", 0, 2, false, 200, REFUSE_FENCED},
    {"write .idx", SIM_FAULT_WRITE_ERROR, ".idx", 1, 1, false, 200, REFUSE_RESCUED},
    {"write .idx, partly settled", SIM_FAULT_WRITE_ERROR, ".idx", 0, 1, true, 200, REFUSE_RESCUED},
    {"truncate .idx", SIM_FAULT_WRITE_ERROR, ".idx", 2, 1, false, 700, REFUSE_RESCUED},
    {"flush .idx", SIM_FAULT_FLUSH_ERROR, ".idx", 0, 1, false, 200, REFUSE_RESCUED},
    {"flush .idx, twice", SIM_FAULT_FLUSH_ERROR, ".idx", 0, 2, false, 200, REFUSE_FENCED},
    {"flush .idx, partly settled", SIM_FAULT_FLUSH_ERROR, ".idx", 0, 1, true, 200, REFUSE_RESCUED},
    {"write .snap", SIM_FAULT_WRITE_ERROR, ".snap", 1, 1, false, 200, REFUSE_RESCUED},
    {"flush .snap", SIM_FAULT_FLUSH_ERROR, ".snap", 0, 1, false, 200, REFUSE_RESCUED},
    {"flush .snap, twice", SIM_FAULT_FLUSH_ERROR, ".snap", 0, 2, false, 200, REFUSE_FENCED},
    {"mkdir", SIM_FAULT_WRITE_ERROR, "", 0, 1, false, 200, REFUSE_RESCUED},
    {"mkdir, twice", SIM_FAULT_WRITE_ERROR, "", 0, 2, false, 200, REFUSE_FENCED},
    {"sync of the directory", SIM_FAULT_FLUSH_ERROR, "/0", 0, 1, false, 200, REFUSE_RESCUED},
    {"sync, twice", SIM_FAULT_FLUSH_ERROR, "/0", 0, 2, false, 200, REFUSE_FENCED},
    {"no room for .log", SIM_FAULT_DISK_FULL, ".log", 0, 3, true, 200, REFUSE_LATER},
    {"direct write", SIM_FAULT_WRITE_ERROR, ".log", 1, 1, false, 600000, REFUSE_FENCED},
};

/* A row under way. */
struct refuse {
    struct home *home;
    const struct refuse_row *row;
    uint32_t seen_count; /* calls that could have been struck */
    uint32_t struck_count;
    bool is_armed;
    struct log_op ops[64];
    uint32_t done_count[2]; /* answered: well, badly */
    uint64_t durable[2];    /* entries of group 1 that were, by sort of question */
    struct log_read read;
    uint64_t next_index; /* wanted */
    uint64_t end_index;  /* of the log */
    uint64_t entries_count;
    bool is_over;
};

static bool refuse_strikes(void *ctx, enum sim_fault fault, const char *path, uint64_t pos)
{
    struct refuse *r = ctx;
    size_t dir_length = strlen(REFUSE_DIR);
    size_t length = strlen(path);
    size_t want = strlen(r->row->path);
    (void)pos;
    if (!r->is_armed || fault != r->row->fault || strncmp(path, REFUSE_DIR, dir_length) != 0) {
        return false;
    }
    if (length > 4 && strcmp(path + length - 4, ".new") == 0) {
        length -= 4;
    }
    bool is_it = want == 0 ? length == dir_length
                           : length >= dir_length + want &&
                                 strncmp(path + length - want, r->row->path, want) == 0;
    if (!is_it || r->seen_count++ < r->row->skip || r->struck_count == r->row->times) {
        return false;
    }
    r->struck_count++;
    return true;
}

static void refuse_done(struct log_op *op)
{
    struct refuse *r = op->ctx;
    r->done_count[op->err != ERR_OK]++;
    if (op->err == ERR_OK) {
        assert_int_equal(op->index, r->durable[0] + 1);
        r->durable[0] = op->index;
    } else {
        assert_int_equal(op->err, ERR_FENCED);
    }
    op->done = NULL;
    r->home->pending_count--;
}

static void refuse_batch(uint8_t *out, uint32_t bytes, const struct log_point *end)
{
    struct bytes_writer w = bytes_writer(out, bytes);
    bytes_put_u64be(&w, end->offset);
    bytes_put_u32be(&w, bytes - LOG_BATCH_PREFIX_BYTES);
    bytes_put_u32be(&w, end->term);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, 0);
    bytes_put_zeros(&w, 6);
    bytes_put_u64be(&w, end->index);
    bytes_put_u64be(&w, end->index);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, 1);
    while (w.pos < bytes) {
        bytes_put_u8(&w, (uint8_t)(end->index * 5 + w.pos));
    }
    bytes_patch_u32be(&w, 17, crc32c(home_kernels(), 0, out + 21, w.pos - 21));
}

static struct refuse *refuse_of; /* the row that home's calls are for */

/* Append 50 batches to group 1, one of them in each turn. */
static void refuse_append(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    struct refuse *r = refuse_of;
    struct home_shard *hs = &home->shards[shard->id];
    struct log *log = log_find(&hs->ls, 1);
    struct log_op *op = NULL;
    for (uint32_t i = 0; i < ARRAY_COUNT(r->ops); i++) {
        op = r->ops[i].done == NULL ? &r->ops[i] : op;
    }
    struct log_status status;
    struct buf *buf = NULL;
    uint32_t bytes = r->row->batch_bytes;
    log_status(log, &status);
    assert_int_equal(buf_new(&hs->bufs, hs->bufs.budget, bytes, &buf), ERR_OK);
    refuse_batch(buf_append(buf, bytes), bytes, &status.end);
    buf_seal(buf, bytes);
    *op = (struct log_op){.done = refuse_done, .ctx = r};
    enum err err = log_append(log, op, buf_slice(buf, 0, bytes));
    if (err == ERR_OK) {
        home->pending_count++;
    } else {
        assert_int_equal(err, ERR_FENCED);
        op->done = NULL;
    }
    buf_unref(buf);
    home->answers_count++;
}

/* --- Reading all of it --- */

static void refuse_read_next(struct rt_shard *shard, void *ctx);

static void refuse_read_done(struct log_read *read)
{
    struct refuse *r = read->ctx;
    static uint8_t want[600000];
    assert_int_equal(read->err, ERR_OK);
    assert_int_equal(read->first_index, r->next_index);
    for (uint32_t i = 0; i < read->parts_count; i++) {
        const uint8_t *data = buf_slice_data(read->parts[i]);
        for (uint32_t at = 0; at < read->parts[i].length; at += r->row->batch_bytes) {
            struct log_point end = {.index = r->next_index - 1, .offset = r->next_index - 1};
            refuse_batch(want, r->row->batch_bytes, &end);
            assert_memory_equal(data + at, want, r->row->batch_bytes);
            r->next_index++;
        }
    }
    assert_int_equal(read->last_index + 1, r->next_index);
    log_read_release(read);
    refuse_read_next(NULL, r);
}

static void refuse_read_next(struct rt_shard *shard, void *ctx)
{
    struct refuse *r = ctx;
    (void)shard;
    r->is_over = r->next_index > r->end_index;
    if (!r->is_over) {
        r->read = (struct log_read){.done = refuse_read_done,
                                    .ctx = r,
                                    .log = log_find(&r->home->shards[0].ls, 1),
                                    .from = LOG_READ_INDEX,
                                    .at = r->next_index,
                                    .index_max = r->end_index,
                                    .bytes_max = 9000};
        log_read(&r->read);
    }
}

static bool refuse_is_over(void *ctx)
{
    return ((struct refuse *)ctx)->is_over;
}

/* Every entry that was answered can be read. */
static void refuse_read_all(struct refuse *r)
{
    struct log_status status;
    assert_true(home_status(r->home, 1, &status));
    assert_true(status.is_available && !status.is_amnesiac);
    assert_int_equal(status.quarantine_count, 0);
    assert_true(status.durable_index >= r->durable[0]);
    r->next_index = 1;
    r->end_index = status.durable_index;
    r->is_over = false;
    sim_post(sim_node_shard(r->home->node, 0), refuse_read_next, r);
    assert_true(sim_run_until_true(r->home->sim, refuse_is_over, r,
                                   sim_now_ns(r->home->sim) + 100 * RT_NS_PER_S));
}

/* --- Looking --- */

struct refuse_look {
    struct log_inspect inspect;
    uint64_t entries_count; /* with sound bodies */
    char fault[200];
    bool is_over;
};

static bool refuse_look_entry(void *ctx, const struct log_found *found,
                              const struct log_inspect_entry *entry)
{
    struct refuse_look *look = ctx;
    look->entries_count += found->row.group == 1 && entry->data != NULL;
    return true;
}

static void refuse_look_fault(void *ctx, const struct log_inspect_fault *fault)
{
    struct refuse_look *look = ctx;
    snprintf(look->fault, sizeof(look->fault), "%.90s: %.90s", fault->file, fault->what);
}

static const struct log_inspect_visitor refuse_visitor = {.entry = refuse_look_entry,
                                                          .fault = refuse_look_fault};

static void refuse_looked(struct log_inspect *inspect)
{
    CONTAINER_OF(inspect, struct refuse_look, inspect)->is_over = true;
}

static void refuse_look_start(struct rt_shard *shard)
{
    struct refuse_look *look = shard->app;
    look->inspect = (struct log_inspect){.done = refuse_looked,
                                         .ctx = look,
                                         .shard = shard,
                                         .dir = "/data",
                                         .visitor = &refuse_visitor,
                                         .group = LOG_INSPECT_NONE,
                                         .does_read_bodies = true};
    log_inspect_start(&look->inspect);
}

static void refuse_look_stop(struct rt_shard *shard)
{
    rt_shard_finish(shard);
}

static bool refuse_look_is_over(void *ctx)
{
    return ((struct refuse_look *)ctx)->is_over;
}

/* Nothing is wrong with what a power failure now leaves, and all that was answered is in it. */
static void refuse_look(struct refuse *r, uint64_t seed)
{
    struct prng prng;
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(seed, &options);
    struct sim_node *node = sim_node_add(sim);
    struct refuse_look look = {0};
    struct sim_app app = {refuse_look_start, refuse_look_stop, &look};
    prng_init(&prng, seed);
    r->is_armed = false;
    struct sim_disk *image = sim_disk_crash_image(home_disk(r->home), &prng);
    sim_disk_free(sim_node_swap_disk(node, image));
    sim_node_start(node, 1, &app);
    assert_true(sim_run_until_true(sim, refuse_look_is_over, &look, 1000 * RT_NS_PER_S));
    sim_free(sim);
    assert_string_equal(look.fault, "");
    assert_true(look.entries_count >= r->durable[0]);
}

/* --- A row --- */

static void refuse_start(struct refuse *r)
{
    assert_int_equal(home_start(r->home, 1), ERR_OK);
}

static void refuse_append_many(struct refuse *r, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        home_ask(r->home, refuse_append);
    }
}

static void refuse_lines(const struct refuse *r)
{
    const char *once = "a segment cannot be written: once more, in a new file";
    const char *twice = "a segment cannot be written, in a new file neither";
    bool is_direct = r->row->batch_bytes > 500000;
    bool is_twice = r->row->seen == REFUSE_FENCED && !is_direct;
    assert_int_equal(strstr(r->home->said, once) != NULL,
                     r->row->seen == REFUSE_RESCUED || is_twice);
    assert_int_equal(strstr(r->home->said, twice) != NULL, is_twice);
    if (is_twice) { /* it names the file */
        assert_non_null(strstr(strstr(r->home->said, twice), "file=" REFUSE_DIR "/0/"));
    }
}

static struct home *refuse_home(struct refuse *r, uint64_t seed)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 64 << 20;
    options.disk.may_strike = refuse_strikes;
    options.disk.ctx = r;
    options.disk.faults_ppm[r->row->fault] = 1000000;
    struct home *home = home_new_on(seed, &options);
    home->config.unsettled_bytes_max = 16 << 20;
    home->config.journal_first_bytes = 4 << 20;
    home->config.journal_file_bytes = 4 << 20;
    home->config.segment_bytes = r->row->batch_bytes > 500000 ? 4 << 20 : 32 << 10;
    home->config.hot_bytes_max = 4 << 10;
    home->config.settle_ns = 1000 * RT_NS_PER_S;
    return home;
}

static void refuse_run(const struct refuse_row *row, uint64_t seed)
{
    static struct refuse refuse;
    struct refuse *r = &refuse;
    *r = (struct refuse){.row = row};
    refuse_of = r;
    r->home = refuse_home(r, seed);
    refuse_start(r);
    home_ask(r->home, home_shard_create);
    if (row->has_settled) { /* 41 records in a whole block */
        struct log_status status;
        refuse_append_many(r, 65);
        home_ask(r->home, home_shard_settle);
        assert_true(home_status(r->home, 1, &status));
        assert_int_equal(status.settled_index, 41);
    }
    r->is_armed = true;
    bool is_direct = row->batch_bytes > 500000;
    refuse_append_many(r, is_direct ? 1 : 60);
    for (uint32_t i = 0; i < 4; i++) {
        home_ask(r->home, home_shard_settle);
        refuse_append_many(r, 1);
    }
    assert_int_equal(r->struck_count, row->times);
    bool is_fenced = atomic_load(&r->home->store.is_fenced);
    assert_int_equal(is_fenced, row->seen == REFUSE_FENCED);
    refuse_lines(r);
    if (!is_direct) {
        refuse_read_all(r);
    }
    refuse_look(r, seed);
    if (is_fenced) {
        sim_node_crash(r->home->node, seed % 2 == 0 ? SIM_CRASH_KEEP : SIM_CRASH_SEEDED);
    } else {
        struct log_status status;
        refuse_append_many(r, 100);
        home_ask(r->home, home_shard_settle);
        assert_int_equal(r->done_count[1], 0);
        assert_true(home_status(r->home, 1, &status));
        assert_true(status.settled_index > status.end.index - 90); /* two blocks of records */
        home_close(r->home);
        refuse_look(r, seed + 1);
    }
    refuse_start(r);
    refuse_read_all(r);
    refuse_append_many(r, is_direct ? 1 : 100);
    home_ask(r->home, home_shard_settle);
    refuse_read_all(r);
    home_close(r->home);
    refuse_look(r, seed + 2);
    home_free(r->home);
}

static void refuse_is_seen_as_the_table_says(void **state)
{
    const struct refuse_row *row = *state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        refuse_run(row, seed);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_COUNT(refuse_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(refuse_rows); i++) {
        tests[i] = (struct CMUnitTest){.name = refuse_rows[i].name,
                                       .test_func = refuse_is_seen_as_the_table_says,
                                       .initial_state = (void *)(uintptr_t)&refuse_rows[i]};
    }
    return cmocka_run_group_tests_name("log_refuse", tests, NULL, NULL);
}
