/* A store that an earlier build wrote (tests/golden/log-1) is read by this one: beside a server,
 * and by opening it. What is in it follows from the workload below, which made it and is run here
 * without a store; the files themselves are never made again.
 *
 * Run with TDB_GOLDEN=<a folder> it writes such a store there, of this build. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rt/clock.h"
#include "storage/log/inspect.h"
#include "tests/support/cmocka.h"
#include "tests/support/skip.h"
#include "tests/unit/storage/home.h"
#include "tests/unit/storage/ledger.h"

#define GOLDEN_GROUPS 6u
#define GOLDEN_BATCH  40u

/* No file is larger. */
#define GOLDEN_FILE_BYTES (128u << 10)

/* What the groups' logs are, and, while the store is made or opened, that store. */
struct golden {
    struct home *home; /* NULL: only what follows from the workload is worked out */
    struct ledger ledgers[GOLDEN_GROUPS];
    bool is_deleted[GOLDEN_GROUPS];
    uint64_t id;          /* of the step: which group */
    struct log_record at; /* of the step: its index, or hard state */
    uint32_t count;       /* of the step: entries */
    uint32_t payload;     /* of the step: bytes of each */
    struct log_op ops[GOLDEN_BATCH];
    struct log_read read;
    uint64_t told_index[GOLDEN_GROUPS]; /* of the entry an inspection told last */
    uint64_t told_count;
    bool is_over; /* an inspection is */
    uint8_t noise[LEDGER_NOISE_BYTES];
    uint8_t room[LEDGER_ENTRY_BYTES];
    uint8_t file[GOLDEN_FILE_BYTES];
};

static const struct log_config golden_config = {
    .dir = "/data",
    .unsettled_bytes_max = 32 << 10,
    .hot_bytes_max = 32 << 10,
    .journal_first_bytes = 16 << 10,
    .journal_file_bytes = 64 << 10,
    .segment_bytes = 12 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .settle_ns = 3000000,
    .groups_max = 16,
    .files_max = 16,
};

static struct golden *golden_new(void)
{
    struct golden *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    struct prng prng;
    prng_init(&prng, 7);
    prng_fill(&prng, g->noise, sizeof(g->noise));
    for (uint64_t i = 0; i < GOLDEN_GROUPS; i++) {
        ledger_init(&g->ledgers[i], i, g->noise, home_kernels(),
                    (uint32_t)golden_config.segment_bytes);
    }
    return g;
}

static void golden_open(struct golden *g, uint32_t shards_count)
{
    g->home->config = golden_config;
    assert_int_equal(home_start(g->home, shards_count), ERR_OK);
}

static struct log *golden_log(struct golden *g, uint64_t id)
{
    return log_find(&g->home->shards[id % g->home->shards_count].ls, id);
}

/* --- The workload: each step is answered before the next --- */

static void golden_done(struct log_op *op)
{
    struct golden *g = op->ctx;
    assert_int_equal(op->err, ERR_OK);
    g->home->pending_count--;
}

static struct log_op *golden_op(struct golden *g, uint32_t n)
{
    g->ops[n] = (struct log_op){.done = golden_done, .ctx = g};
    g->home->pending_count++;
    return &g->ops[n];
}

static void golden_step(struct golden *g, uint64_t id,
                        void (*call)(struct rt_shard *shard, void *ctx))
{
    g->id = id;
    if (g->home != NULL) {
        g->home->answers_count = g->home->shards_count;
        g->home->pending_count++; /* the call itself */
        sim_post(sim_node_shard(g->home->node, (uint32_t)(id % g->home->shards_count)), call, g);
        home_wait(g->home);
    }
}

static void golden_shard_create(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    struct log_uuid topic = {.bytes = {(uint8_t)g->id, 0x60, 0x1d}};
    g->home->pending_count--;
    log_create(&g->home->shards[shard->id].ls, golden_op(g, 0), g->id, &topic, (uint32_t)g->id);
}

static void golden_shard_hard(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_set_hard_state(golden_log(g, g->id), golden_op(g, 0), &g->at.hard);
}

static void golden_hard(struct golden *g, uint64_t id, uint32_t term, uint32_t vote)
{
    g->at.hard = (struct log_hard_state){.term = term, .vote = vote, .commit = 0};
    g->ledgers[id].hard = g->at.hard;
    golden_step(g, id, golden_shard_hard);
}

/* The entries of a step: every fifth is an internal one, one in fifteen tells a membership. */
static struct ledger_entry golden_entry(struct golden *g, uint32_t i)
{
    struct ledger *ledger = &g->ledgers[g->id];
    bool is_internal = i % 5 == 4;
    struct ledger_entry entry = {
        .kind = !is_internal  ? LOG_KIND_DATA
                : i % 15 == 4 ? LOG_KIND_MEMBERSHIP
                              : LOG_KIND_NOOP,
        .length = LOG_BATCH_HEADER_BYTES + g->payload + i,
        .timestamp = 1700000000000 + ledger->entries_count * 10,
        .records_count = is_internal ? 0 : 1 + i % 3,
        .term = ledger->hard.term,
    };
    ledger_make(ledger, &entry, entry.records_count);
    return entry;
}

static void golden_shard_append(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    struct ledger *ledger = &g->ledgers[g->id];
    struct buf_pool *bufs = &g->home->shards[shard->id].bufs;
    g->home->pending_count--;
    for (uint32_t i = 0; i < g->count; i++) {
        struct ledger_entry entry = golden_entry(g, i);
        struct buf *buf = NULL;
        assert_int_equal(buf_new(bufs, bufs->budget, entry.length, &buf), ERR_OK);
        ledger_bytes(ledger, &entry, ledger->entries_count, buf_append(buf, entry.length));
        buf_seal(buf, entry.length);
        struct buf_slice slice = buf_slice(buf, 0, entry.length);
        assert_int_equal(log_append(golden_log(g, g->id), golden_op(g, i), slice), ERR_OK);
        ledger_append(ledger, &entry);
        buf_unref(buf);
    }
}

static void golden_append(struct golden *g, uint64_t id, uint32_t count, uint32_t payload)
{
    g->count = count;
    g->payload = payload;
    golden_step(g, id, golden_shard_append);
    for (uint32_t i = 0; i < count && g->home == NULL; i++) {
        struct ledger_entry entry = golden_entry(g, i);
        ledger_append(&g->ledgers[id], &entry);
    }
}

static void golden_shard_cut(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_cut(golden_log(g, g->id), golden_op(g, 0), g->at.entry.index);
}

static void golden_cut(struct golden *g, uint64_t id, uint64_t first_index)
{
    g->at.entry.index = first_index;
    golden_step(g, id, golden_shard_cut);
    ledger_cut(&g->ledgers[id], first_index);
}

static void golden_shard_trim(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_trim(golden_log(g, g->id), golden_op(g, 0), g->at.entry.index);
}

static void golden_trim(struct golden *g, uint64_t id, uint64_t first_index)
{
    g->at.entry.index = first_index;
    golden_step(g, id, golden_shard_trim);
    ledger_trim(&g->ledgers[id], first_index);
}

static void golden_shard_roll(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_roll(golden_log(g, g->id), golden_op(g, 0));
}

static void golden_roll(struct golden *g, uint64_t id)
{
    golden_step(g, id, golden_shard_roll);
    ledger_roll(&g->ledgers[id]);
}

static void golden_shard_delete(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_delete(golden_log(g, g->id), golden_op(g, 0));
}

static void golden_delete(struct golden *g, uint64_t id)
{
    golden_step(g, id, golden_shard_delete);
    g->is_deleted[id] = true;
}

static void golden_settle(struct golden *g)
{
    if (g->home != NULL) {
        home_ask(g->home, home_shard_settle);
    }
}

/* The first boot, of two lanes; it ends in order. */
static void golden_boot_one(struct golden *g)
{
    for (uint64_t id = 1; id < GOLDEN_GROUPS; id++) {
        golden_step(g, id, golden_shard_create);
    }
    golden_hard(g, 1, 3, 2);
    golden_append(g, 1, 40, 100); /* settled, but for what fills no block */
    golden_append(g, 1, 40, 60);
    golden_append(g, 2, 3, 3000); /* large: straight to its segment */
    golden_hard(g, 2, 1, 1);
    golden_append(g, 3, 30, 400); /* rolls by its size */
    golden_settle(g);
    golden_cut(g, 1, 71);
    golden_hard(g, 1, 4, 1);
    golden_append(g, 1, 12, 80);
    golden_roll(g, 3);
    golden_append(g, 3, 30, 400);
    golden_append(g, 4, 5, 50);
    golden_hard(g, 5, 9, 3); /* its log is empty */
    golden_trim(g, 3, 21);
    for (uint32_t i = 0; i < 3; i++) { /* journal files are used again, what they hold stays */
        golden_append(g, 3, 30, 150);
        golden_settle(g);
    }
}

/* The second, of one lane; its process is killed. */
static void golden_boot_two(struct golden *g)
{
    golden_step(g, 0, golden_shard_create);
    golden_delete(g, 4);
    golden_hard(g, 1, 5, 0);
    golden_append(g, 1, 10, 90);
    golden_append(g, 2, 2, 3500);
    golden_cut(g, 2, 5); /* a direct tail, of which only the first entry stands */
    golden_hard(g, 2, 2, 2);
    golden_append(g, 2, 1, 3700);
    golden_trim(g, 3, 61);
    golden_roll(g, 3);
    golden_append(g, 3, 5, 300);
}

static void golden_work_out(struct golden *g)
{
    golden_boot_one(g);
    golden_boot_two(g);
}

/* What the workload leaves, a line a group, to `out`: groups.txt. */
static void golden_describe(struct golden *g, char *out, size_t out_bytes)
{
    size_t at = 0;
    for (uint64_t id = 0; id < GOLDEN_GROUPS; id++) {
        const struct ledger *ledger = &g->ledgers[id];
        uint32_t crc = 0;
        for (uint64_t i = ledger->start.index; i <= ledger->end.index; i++) {
            const struct ledger_entry *entry = ledger_at(ledger, i);
            ledger_bytes(ledger, entry, ledger->serials[i], g->room);
            crc = crc32c(home_kernels(), crc, g->room, entry->length);
        }
        int length = snprintf(out + at, out_bytes - at,
                              "group %" PRIu64 "%s: entries %" PRIu64 "..%" PRIu64
                              ", offsets %" PRIu64 "..%" PRIu64 ", last term %" PRIu32
                              ", hard state %" PRIu32 " %" PRIu32 ", crc32c %08" PRIx32 "\n",
                              id, g->is_deleted[id] ? " (deleted)" : "", ledger->start.index,
                              ledger->end.index, ledger->start.offset, ledger->end.offset,
                              ledger->end.term, ledger->hard.term, ledger->hard.vote, crc);
        assert_true(length > 0 && (size_t)length < out_bytes - at);
        at += (size_t)length;
    }
}

/* --- The files: `files.txt` says "<bytes> <path>", each file stands without the zeros at its end
 * ---
 */

struct golden_out {
    struct golden *golden;
    const char *dir;
    FILE *list;
};

static void golden_path(char *out, size_t out_bytes, const char *dir, const char *name)
{
    int length = snprintf(out, out_bytes, "%s/%s", dir, name);
    assert_true(length > 0 && (size_t)length < out_bytes);
}

static void golden_write_one(void *ctx, const char *path)
{
    struct golden_out *out = ctx;
    struct golden *g = out->golden;
    char to[LIMIT_PATH_BYTES];
    const char *name = strncmp(path, "/", 1) == 0 ? path + 1 : path;
    name = strncmp(name, "data/", 5) == 0 ? name + 5 : name;
    golden_path(to, sizeof(to), out->dir, name);
    size_t length = strlen(to);
    if (to[length - 1] == '/') {
        to[length - 1] = '\0';
        (void)mkdir(to, 0755);
        return;
    }
    char from[LIMIT_PATH_BYTES];
    golden_path(from, sizeof(from), "/data", name);
    uint64_t bytes = sim_disk_size(home_disk(g->home), from);
    assert_true(bytes <= sizeof(g->file));
    length = home_read(g->home, from, g->file, sizeof(g->file));
    while (length > 0 && g->file[length - 1] == 0) {
        length--;
    }
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_true(fwrite(g->file, 1, length, file) == length);
    assert_int_equal(fclose(file), 0);
    fprintf(out->list, "%" PRIu64 " %s\n", bytes, name);
}

static void golden_make(const char *dir)
{
    char text[2000];
    struct golden *g = golden_new();
    struct golden_out out = {.golden = g, .dir = dir};
    char path[LIMIT_PATH_BYTES];
    g->home = home_new(1);
    golden_open(g, 2);
    golden_boot_one(g);
    home_close(g->home);
    golden_open(g, 1);
    golden_boot_two(g);
    sim_node_crash(g->home->node, SIM_CRASH_KEEP);
    golden_path(path, sizeof(path), dir, "files.txt");
    out.list = fopen(path, "w");
    assert_non_null(out.list);
    sim_disk_walk(home_disk(g->home), golden_write_one, &out);
    assert_int_equal(fclose(out.list), 0);
    golden_describe(g, text, sizeof(text));
    golden_path(path, sizeof(path), dir, "groups.txt");
    out.list = fopen(path, "w");
    assert_non_null(out.list);
    assert_true(fputs(text, out.list) >= 0);
    assert_int_equal(fclose(out.list), 0);
    home_free(g->home);
    free(g);
}

/* Directories above `path` on the disk. */
static void golden_dirs(struct sim_disk *disk, const char *path)
{
    char dir[LIMIT_PATH_BYTES];
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
        enum err err = sim_disk_mkdir(disk, dir);
        assert_true(err == ERR_OK || err == ERR_EXISTS);
    }
}

/* Call `visit` with each file's bytes, in g->file. */
static void golden_files(struct golden *g,
                         void (*visit)(struct golden *g, const char *name, size_t length))
{
    char dir[LIMIT_PATH_BYTES];
    char path[LIMIT_PATH_BYTES];
    char name[200];
    uint64_t bytes = 0;
    golden_path(dir, sizeof(dir), skip_repo_root(), "tests/golden/log-1");
    golden_path(path, sizeof(path), dir, "files.txt");
    FILE *list = fopen(path, "r");
    assert_non_null(list);
    while (fscanf(list, "%" SCNu64 " %199s", &bytes, name) == 2) {
        golden_path(path, sizeof(path), dir, name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        assert_true(bytes <= sizeof(g->file));
        memset(g->file, 0, sizeof(g->file));
        assert_true(fread(g->file, 1, sizeof(g->file), file) <= bytes);
        assert_int_equal(fclose(file), 0);
        visit(g, name, (size_t)bytes);
    }
    assert_int_equal(fclose(list), 0);
}

static void golden_load_one(struct golden *g, const char *name, size_t length)
{
    char path[LIMIT_PATH_BYTES];
    golden_path(path, sizeof(path), "/data", name);
    golden_dirs(home_disk(g->home), path);
    home_write(g->home, path, g->file, length);
}

/* A machine with a copy of the store. */
static struct golden *golden_load(void)
{
    struct golden *g = golden_new();
    golden_work_out(g);
    g->home = home_new(1);
    golden_files(g, golden_load_one);
    return g;
}

static void golden_free(struct golden *g)
{
    home_free(g->home);
    free(g);
}

static void log_golden_workload_is_the_one_that_made_it(void **state)
{
    (void)state;
    struct golden *g = golden_new();
    char path[LIMIT_PATH_BYTES];
    char want[2000];
    char text[2000] = "";
    golden_path(path, sizeof(path), skip_repo_root(), "tests/golden/log-1/groups.txt");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    golden_work_out(g);
    golden_describe(g, want, sizeof(want));
    assert_string_equal(text, want);
    free(g);
}

/* --- Every record kind is in the journal --- */

static uint32_t golden_kinds; /* bits, by kind; 30: a direct tail, 31: a whole one */

static void golden_frame(struct golden *g, const uint8_t *data, size_t length,
                         const struct log_frame *frame)
{
    const struct crc32c *kernels = home_kernels();
    uint32_t seed =
        log_frame_seed(kernels, &frame->disk, frame->boot_epoch, frame->file_number, frame->number);
    struct bytes_reader r = bytes_reader(data, length);
    bytes_skip(&r, log_frame_records_pos(frame));
    (void)g;
    for (uint32_t i = 0; i < frame->records_count; i++) {
        struct log_record record;
        log_record_get(&r, kernels, seed, &record);
        assert_int_equal(r.err, ERR_OK);
        golden_kinds |= 1u << record.kind;
        if (record.kind == LOG_RECORD_TAIL) {
            golden_kinds |= (record.flags & LOG_TAIL_DIRECT) != 0 ? 1u << 30 : 1u << 31;
        }
    }
}

static void golden_journal_one(struct golden *g, const char *name, size_t length)
{
    struct log_journal_header header;
    if (strncmp(name, "journal/", 8) != 0 ||
        log_journal_header_decode(g->file, length, home_kernels(), &header) != ERR_OK) {
        return;
    }
    size_t pos = LOG_JOURNAL_HEADER_BYTES;
    struct log_frame frame;
    while (pos < length &&
           log_frame_decode(g->file + pos, length - pos, home_kernels(), &frame) == ERR_OK &&
           frame.file_number == header.file_number) {
        golden_frame(g, g->file + pos, frame.frame_bytes, &frame);
        pos += frame.frame_bytes;
    }
}

static void log_golden_journal_has_records_of_every_kind(void **state)
{
    (void)state;
    struct golden *g = golden_new();
    golden_kinds = 0;
    golden_files(g, golden_journal_one);
    const enum log_record_kind kinds[] = {LOG_RECORD_ENTRY,  LOG_RECORD_CUT,  LOG_RECORD_HARD,
                                          LOG_RECORD_TRIM,   LOG_RECORD_TAIL, LOG_RECORD_CREATE,
                                          LOG_RECORD_DELETE, LOG_RECORD_ROLL, LOG_RECORD_LANES};
    for (uint32_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if ((golden_kinds & 1u << kinds[i]) == 0) {
            fail_msg("no %s", log_record_kind_name(kinds[i]));
        }
    }
    assert_true((golden_kinds & 1u << 30) != 0);
    assert_true((golden_kinds & 1u << 31) != 0);
    free(g);
}

/* --- Looked at --- */

static void golden_told_group(void *ctx, const struct log_found *found)
{
    struct golden *g = ctx;
    assert_true(found->row.group < GOLDEN_GROUPS);
    assert_true(found->row.state == LOG_ROW_LIVE || g->is_deleted[found->row.group]);
}

/* Entries below the log start may be there still. */
static bool golden_told_entry(void *ctx, const struct log_found *found,
                              const struct log_inspect_entry *entry)
{
    struct golden *g = ctx;
    uint64_t id = found->row.group;
    const struct ledger *ledger = &g->ledgers[id];
    uint64_t index = entry->rec->index;
    assert_true(g->told_index[id] == 0 ? index <= ledger->start.index
                                       : index == g->told_index[id] + 1);
    assert_true(index <= ledger->end.index);
    g->told_index[id] = index;
    g->told_count++;
    const struct ledger_entry *want = ledger_at(ledger, index);
    ledger_bytes(ledger, want, ledger->serials[index], g->room);
    assert_non_null(entry->data);
    assert_int_equal(entry->rec->length, want->length);
    assert_memory_equal(entry->data, g->room, want->length);
    assert_true(hash128_is_equal(entry->rec->chain, want->chain));
    assert_true(entry->rec->max_timestamp == ledger->max_timestamps[index]);
    return true;
}

static void golden_told_fault(void *ctx, const struct log_inspect_fault *fault)
{
    (void)ctx;
    fail_msg("%s at %" PRIu64 ": %s", fault->file, fault->pos, fault->what);
}

static const struct log_inspect_visitor golden_visitor = {
    .group = golden_told_group, .entry = golden_told_entry, .fault = golden_told_fault};

static struct log_inspect golden_inspect; /* of golden_look */

static void golden_inspected(struct log_inspect *inspect)
{
    struct golden *g = inspect->ctx;
    assert_int_equal(inspect->err, ERR_OK);
    g->is_over = true;
}

static void golden_look(struct rt_shard *shard)
{
    golden_inspect = (struct log_inspect){.done = golden_inspected,
                                          .ctx = shard->app,
                                          .shard = shard,
                                          .dir = "/data",
                                          .visitor = &golden_visitor,
                                          .group = LOG_INSPECT_NONE,
                                          .does_read_bodies = true};
    log_inspect_start(&golden_inspect);
}

static bool golden_is_over(void *ctx)
{
    return ((struct golden *)ctx)->is_over;
}

static void log_golden_store_is_read_beside_a_server(void **state)
{
    (void)state;
    struct golden *g = golden_load();
    struct sim_app app = {.start = golden_look, .stop = rt_shard_finish, .ctx = g};
    sim_node_start(g->home->node, 1, &app);
    assert_true(sim_run_until_true(g->home->sim, golden_is_over, g, 100 * RT_NS_PER_S));
    for (uint64_t id = 0; id < GOLDEN_GROUPS; id++) {
        assert_true(g->is_deleted[id] || g->told_index[id] == g->ledgers[id].end.index);
    }
    assert_true(g->told_count > 150);
    golden_free(g);
}

/* --- Opened --- */

static void golden_read_done(struct log_read *read)
{
    ((struct golden *)read->ctx)->home->pending_count--;
}

static void golden_shard_read(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    log_read(&g->read);
}

static void golden_check_entries(struct golden *g, uint64_t id)
{
    const struct ledger *ledger = &g->ledgers[id];
    static struct ledger_want want;
    for (uint64_t at = ledger->start.index; at <= ledger->end.index;) {
        g->read = (struct log_read){.done = golden_read_done,
                                    .ctx = g,
                                    .log = golden_log(g, id),
                                    .from = LOG_READ_INDEX,
                                    .at = at,
                                    .index_max = ledger->end.index,
                                    .bytes_max = 20000};
        ledger_expect(ledger, &g->read, &want);
        golden_step(g, id, golden_shard_read);
        const char *why = ledger_check(ledger, &g->read, &want, false, g->room);
        if (why != NULL) {
            fail_msg("group %" PRIu64 ", entry %" PRIu64 ": %s", id, at, why);
        }
        at = g->read.last_index + 1;
        log_read_release(&g->read);
    }
}

static void golden_check(struct golden *g)
{
    for (uint64_t id = 0; id < GOLDEN_GROUPS; id++) {
        const struct ledger *ledger = &g->ledgers[id];
        struct log_status status;
        assert_int_equal(home_status(g->home, id, &status), !g->is_deleted[id]);
        if (g->is_deleted[id]) {
            continue;
        }
        assert_true(status.is_available && !status.is_amnesiac && status.quarantine_count == 0);
        assert_int_equal(status.start.index, ledger->start.index);
        assert_int_equal(status.start.offset, ledger->start.offset);
        assert_int_equal(status.end.index, ledger->end.index);
        assert_int_equal(status.end.offset, ledger->end.offset);
        assert_int_equal(status.end.term, ledger->end.term);
        assert_true(hash128_is_equal(status.end.chain, ledger->end.chain));
        assert_int_equal(status.hard.term, ledger->hard.term);
        assert_int_equal(status.hard.vote, ledger->hard.vote);
        assert_true(status.max_timestamp == ledger->max_timestamps[ledger->end.index]);
        golden_check_entries(g, id);
    }
}

/* On each number of shards; then it goes on, and is what it was and that. */
static void log_golden_store_opens_and_goes_on(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= HOME_SHARDS; shards_count++) {
        struct golden *g = golden_load();
        golden_open(g, shards_count);
        golden_check(g);
        golden_append(g, 1, 30, 200);
        golden_append(g, 2, 1, 3000);
        golden_cut(g, 3, 75);
        golden_append(g, 5, 5, 200);
        golden_settle(g);
        golden_check(g);
        home_close(g->home);
        golden_open(g, 1 + shards_count % HOME_SHARDS);
        golden_check(g);
        home_close(g->home);
        golden_free(g);
    }
}

int main(void)
{
    const char *dir = getenv("TDB_GOLDEN");
    if (dir != NULL) {
        golden_make(dir);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_golden_workload_is_the_one_that_made_it),
        cmocka_unit_test(log_golden_journal_has_records_of_every_kind),
        cmocka_unit_test(log_golden_store_is_read_beside_a_server),
        cmocka_unit_test(log_golden_store_opens_and_goes_on),
    };
    return cmocka_run_group_tests_name("log_golden", tests, NULL, NULL);
}
