/* Stores that earlier builds wrote (tests/golden) are read by this one: beside a server, and by
 * opening them. What is in each follows from its workload (golden_stores.c), which made it and is
 * run here without a store; the files themselves are never made again.
 *
 * Run with TDB_GOLDEN=<a folder> it writes a store of this build there: log-1's, or the one whose
 * name ends, behind the version, as the folder's does. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rt/clock.h"
#include "storage/log/inspect.h"
#include "tests/support/cmocka.h"
#include "tests/support/skip.h"
#include "tests/unit/storage/golden.h"

/* --- What the workload leaves, a line a group: groups.txt --- */

struct golden_text {
    char data[4000];
    size_t length;
};

PRINTF(2, 3)
static void golden_say(struct golden_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length =
        vsnprintf(text->data + text->length, sizeof(text->data) - text->length, format, args);
    va_end(args);
    assert_true(length >= 0 && (size_t)length < sizeof(text->data) - text->length);
    text->length += (size_t)length;
}

/* Of the batches that stand, one after the other. */
static uint32_t golden_crc(struct golden *g, uint64_t id)
{
    const struct ledger *ledger = &g->ledgers[id];
    uint32_t crc = 0;
    for (uint64_t i = ledger->start.index; i <= ledger->end.index; i++) {
        const struct golden_range *range = golden_range_find(g, id, i);
        if (range == NULL || range->first_index > i) {
            const struct ledger_entry *entry = ledger_at(ledger, i);
            ledger_bytes(ledger, entry, ledger->serials[i], g->room);
            crc = crc32c(home_kernels(), crc, g->room, entry->length);
        }
    }
    return crc;
}

static void golden_describe(struct golden *g, struct golden_text *text)
{
    text->length = 0;
    for (uint64_t id = 0; id < g->store->groups_count; id++) {
        const struct ledger *ledger = &g->ledgers[id];
        const struct golden_group *group = &g->groups[id];
        golden_say(
            text,
            "group %" PRIu64 "%s%s: entries %" PRIu64 "..%" PRIu64 ", offsets %" PRIu64 "..%" PRIu64
            ", last term %" PRIu32 ", hard state %" PRIu32 " %" PRIu32 ", crc32c %08" PRIx32,
            id, group->is_deleted ? " (deleted)" : "", group->is_amnesiac ? " (amnesiac)" : "",
            ledger->start.index, ledger->end.index, ledger->start.offset, ledger->end.offset,
            ledger->end.term, ledger->hard.term, ledger->hard.vote, golden_crc(g, id));
        for (uint32_t i = 0; i < group->ranges_count; i++) {
            const struct golden_range *range = &group->ranges[i];
            golden_say(text, ", %s %" PRIu64 "..%" PRIu64, range->is_gap ? "gap" : "quarantine",
                       range->first_index, range->last_index);
        }
        golden_say(text, "\n");
    }
}

/* --- The files: files.txt says "<bytes> <path>"; each stands without the zeros at its end --- */

struct golden_out {
    struct golden *golden;
    const char *dir;
    FILE *list;
};

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

static FILE *golden_create_file(const char *dir, const char *name)
{
    char path[LIMIT_PATH_BYTES];
    golden_path(path, sizeof(path), dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

/* Whose workload makes a store in `dir`: that of the store whose name ends so, or log-1's. */
static const struct golden_store *golden_store_of(const char *dir)
{
    const struct golden_store *store = &golden_stores[0];
    for (uint32_t i = 1; i < GOLDEN_STORES; i++) {
        const char *ending = strrchr(golden_stores[i].name, '-');
        size_t length = strlen(ending);
        if (strlen(dir) >= length && strcmp(dir + strlen(dir) - length, ending) == 0) {
            store = &golden_stores[i];
        }
    }
    return store;
}

static void golden_make(const char *dir)
{
    static struct golden_text text;
    struct golden *g = golden_new(golden_store_of(dir));
    struct golden_out out = {.golden = g, .dir = dir};
    g->home = home_new(1);
    g->store->make(g);
    out.list = golden_create_file(dir, "files.txt");
    sim_disk_walk(home_disk(g->home), golden_write_one, &out);
    assert_int_equal(fclose(out.list), 0);
    golden_describe(g, &text);
    out.list = golden_create_file(dir, "groups.txt");
    assert_true(fputs(text.data, out.list) >= 0);
    assert_int_equal(fclose(out.list), 0);
    golden_free(g);
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

static void golden_dir(const struct golden *g, char *out, size_t out_bytes)
{
    char root[LIMIT_PATH_BYTES];
    golden_path(root, sizeof(root), skip_repo_root(), "tests/golden");
    golden_path(out, out_bytes, root, g->store->name);
}

/* Call `visit` with each file's bytes, in g->file. */
static void golden_files(struct golden *g,
                         void (*visit)(struct golden *g, const char *name, size_t length))
{
    char dir[LIMIT_PATH_BYTES];
    char path[LIMIT_PATH_BYTES];
    char name[200];
    uint64_t bytes = 0;
    golden_dir(g, dir, sizeof(dir));
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
static struct golden *golden_load(const struct golden_store *store)
{
    struct golden *g = golden_new(store);
    store->make(g);
    g->home = home_new(1);
    golden_files(g, golden_load_one);
    return g;
}

static void log_golden_workload_is_the_one_that_made_it(void **state)
{
    static struct golden_text want;
    struct golden *g = golden_new(*state);
    char dir[LIMIT_PATH_BYTES];
    char path[LIMIT_PATH_BYTES];
    char text[sizeof(want.data)] = "";
    golden_dir(g, dir, sizeof(dir));
    golden_path(path, sizeof(path), dir, "groups.txt");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    g->store->make(g);
    golden_describe(g, &want);
    assert_string_equal(text, want.data);
    golden_free(g);
}

/* --- Its journal holds records of the kinds that it is there for --- */

static void golden_record(struct golden *g, const struct log_record *record, size_t pos)
{
    (void)pos;
    if (record == NULL) {
        g->rotten_count++;
        return;
    }
    g->kinds |= 1u << record->kind;
    if (record->kind == LOG_RECORD_TAIL) {
        g->tails |= (record->flags & LOG_TAIL_DIRECT) != 0 ? GOLDEN_TAIL_DIRECT : GOLDEN_TAIL_WHOLE;
    }
    if (record->kind == LOG_RECORD_MARK) {
        g->marks |= 1u << record->mark.what;
    }
}

static void golden_journal_one(struct golden *g, const char *name, size_t length)
{
    if (strncmp(name, "journal/", 8) == 0) {
        golden_journal(g, length, golden_record);
    }
}

static void log_golden_journal_has_records_of_its_kinds(void **state)
{
    struct golden *g = golden_new(*state);
    golden_files(g, golden_journal_one);
    for (uint32_t kind = LOG_RECORD_ENTRY; kind <= LOG_RECORD_LANES; kind++) {
        if ((g->store->kinds & ~g->kinds & 1u << kind) != 0) {
            fail_msg("no %s", log_record_kind_name((enum log_record_kind)kind));
        }
    }
    assert_int_equal(g->marks & g->store->marks, g->store->marks);
    assert_int_equal(g->tails & g->store->tails, g->store->tails);
    assert_int_equal(g->rotten_count, g->store->rotten_count);
    golden_free(g);
}

/* --- Looked at --- */

static void golden_told_group(void *ctx, const struct log_found *found)
{
    struct golden *g = ctx;
    assert_true(found->row.group < g->store->groups_count);
    const struct golden_group *group = &g->groups[found->row.group];
    assert_true(found->row.state == LOG_ROW_LIVE || group->is_deleted);
    assert_int_equal((found->row.flags & LOG_ROW_AMNESIAC) != 0, group->is_amnesiac);
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
    g->told_index[id] = entry->rec->last_index;
    g->told_count++;
    const struct golden_range *range = golden_range_find(g, id, index);
    if (range != NULL && range->first_index <= index) {
        assert_null(entry->data);
        assert_true(entry->rec->last_index <= range->last_index);
        assert_int_equal((entry->rec->flags & LOG_SIDECAR_GAP) != 0, range->is_gap);
        return true;
    }
    const struct ledger_entry *want = ledger_at(ledger, index);
    ledger_bytes(ledger, want, ledger->serials[index], g->room);
    assert_non_null(entry->data);
    assert_int_equal(entry->rec->length, want->length);
    assert_memory_equal(entry->data, g->room, want->length);
    assert_true(hash128_is_equal(entry->rec->chain, want->chain));
    assert_true(entry->rec->max_timestamp == ledger->max_timestamps[index]);
    return true;
}

/* What is told must be known to be lost. */
static void golden_told_fault(void *ctx, const struct log_inspect_fault *fault)
{
    struct golden *g = ctx;
    const struct golden_group *group = NULL;
    const struct golden_range *range = NULL;
    if (fault->group < g->store->groups_count) {
        group = &g->groups[fault->group];
        range = golden_range_find(g, fault->group, fault->index);
        g->faults_count[fault->group]++;
    }
    for (uint64_t i = fault->index; group != NULL && i > 0 && i <= fault->last_index; i++) {
        assert_true(i <= LEDGER_ENTRIES);
        g->is_told_lost[fault->group][i] = true;
    }
    bool is_frame = fault->group == LOG_INSPECT_NONE && strncmp(fault->file, "journal/", 8) == 0;
    g->rotten_count += is_frame;
    bool is_range = range != NULL && !range->is_gap && range->first_index <= fault->index &&
                    fault->last_index <= range->last_index;
    bool is_group = group != NULL && group->is_amnesiac && fault->index == 0;
    if (!is_frame && !is_range && !is_group) {
        fail_msg("%s at %" PRIu64 ": %s", fault->file, fault->pos, fault->what);
    }
}

static const struct log_inspect_visitor golden_visitor = {
    .group = golden_told_group, .entry = golden_told_entry, .fault = golden_told_fault};

static void golden_inspected(struct log_inspect *inspect)
{
    struct golden *g = inspect->ctx;
    assert_int_equal(inspect->err, ERR_OK);
    g->is_over = true;
}

static void golden_look(struct rt_shard *shard)
{
    struct golden *g = shard->app;
    g->inspect = (struct log_inspect){.done = golden_inspected,
                                      .ctx = g,
                                      .shard = shard,
                                      .dir = "/data",
                                      .visitor = &golden_visitor,
                                      .group = LOG_INSPECT_NONE,
                                      .does_read_bodies = true};
    log_inspect_start(&g->inspect);
}

static bool golden_is_over(void *ctx)
{
    return ((struct golden *)ctx)->is_over;
}

/* A fault names each entry that is lost and each frame that is rot, and nothing else. */
static void log_golden_store_is_read_beside_a_server(void **state)
{
    struct golden *g = golden_load(*state);
    struct sim_app app = {.start = golden_look, .stop = rt_shard_finish, .ctx = g};
    sim_node_start(g->home->node, 1, &app);
    assert_true(sim_run_until_true(g->home->sim, golden_is_over, g, 100 * RT_NS_PER_S));
    for (uint64_t id = 0; id < g->store->groups_count; id++) {
        const struct golden_group *group = &g->groups[id];
        assert_true(group->is_deleted || g->told_index[id] == g->ledgers[id].end.index);
        assert_true(!group->is_amnesiac || g->faults_count[id] > 0);
        for (uint64_t i = g->ledgers[id].start.index; i <= g->ledgers[id].end.index; i++) {
            const struct golden_range *range = golden_range_find(g, id, i);
            bool is_lost = range != NULL && range->first_index <= i && !range->is_gap;
            assert_int_equal(g->is_told_lost[id][i], is_lost);
        }
    }
    assert_true(g->told_count > g->store->tells_min);
    assert_int_equal(g->rotten_count, g->store->rotten_count);
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

/* Read from `at` up to index_max: what must come is what stands from `from` on, or an error that
 * names `at`. The index behind what was read. */
static uint64_t golden_read(struct golden *g, uint64_t id, uint64_t at, uint64_t from,
                            uint64_t index_max, bool is_lost)
{
    static struct ledger_want want;
    const struct ledger *ledger = &g->ledgers[id];
    g->read = (struct log_read){.done = golden_read_done,
                                .ctx = g,
                                .log = golden_log(g, id),
                                .from = LOG_READ_INDEX,
                                .at = from,
                                .index_max = index_max,
                                .bytes_max = 20000};
    ledger_expect(ledger, &g->read, &want);
    g->read.at = at;
    golden_step(g, id, golden_shard_read);
    if (is_lost) {
        assert_int_equal(g->read.err, ERR_CORRUPT);
        assert_true(g->read.first_index <= at && g->read.last_index >= at);
        assert_true(g->read.last_index <= index_max);
        return at + 1;
    }
    const char *why = ledger_check(ledger, &g->read, &want, false, g->room);
    if (why != NULL) {
        fail_msg("group %" PRIu64 ", entry %" PRIu64 ": %s", id, at, why);
    }
    uint64_t next = want.err == ERR_OK ? g->read.last_index + 1 : index_max + 1;
    log_read_release(&g->read);
    return next;
}

/* Each entry that stands is read; each that is quarantined is refused; gaps are passed over. */
static void golden_check_entries(struct golden *g, uint64_t id)
{
    const struct ledger *ledger = &g->ledgers[id];
    for (uint64_t at = ledger->start.index; at <= ledger->end.index;) {
        const struct golden_range *range = golden_range_find(g, id, at);
        uint64_t from = at;
        if (range != NULL && range->first_index <= at) {
            if (!range->is_gap) {
                at = golden_read(g, id, at, at, range->last_index, true);
                continue;
            }
            from = range->last_index + 1;
            range = golden_range_find(g, id, from);
        }
        at = golden_read(g, id, at, from,
                         range != NULL ? range->first_index - 1 : ledger->end.index, false);
    }
}

/* How many ranges are quarantined, and where the first begins; 0: none is. */
static uint32_t golden_quarantine(const struct golden *g, uint64_t id, uint64_t *first_index)
{
    const struct golden_group *group = &g->groups[id];
    uint32_t count = 0;
    *first_index = 0;
    for (uint32_t i = 0; i < group->ranges_count; i++) {
        if (!group->ranges[i].is_gap) {
            *first_index = count++ == 0 ? group->ranges[i].first_index : *first_index;
        }
    }
    return count;
}

static void golden_check(struct golden *g)
{
    for (uint64_t id = 0; id < g->store->groups_count; id++) {
        const struct ledger *ledger = &g->ledgers[id];
        const struct golden_group *group = &g->groups[id];
        struct log_status status;
        assert_int_equal(home_status(g->home, id, &status), !group->is_deleted);
        if (group->is_deleted) {
            continue;
        }
        assert_true(status.is_available);
        assert_int_equal(status.is_amnesiac, group->is_amnesiac);
        assert_int_equal(status.start.index, ledger->start.index);
        assert_int_equal(status.start.offset, ledger->start.offset);
        assert_int_equal(status.end.index, ledger->end.index);
        assert_int_equal(status.end.offset, ledger->end.offset);
        assert_int_equal(status.end.term, ledger->end.term);
        assert_true(hash128_is_equal(status.end.chain, ledger->end.chain));
        assert_int_equal(status.hard.term, ledger->hard.term);
        assert_int_equal(status.hard.vote, ledger->hard.vote);
        assert_true(status.max_timestamp == ledger->max_timestamps[ledger->end.index]);
        uint64_t first_index = 0;
        uint32_t count = golden_quarantine(g, id, &first_index);
        assert_int_equal(status.quarantine_index, first_index);
        golden_check_entries(g, id);
        assert_true(home_status(g->home, id, &status)); /* now every entry was asked for */
        assert_int_equal(status.quarantine_index, first_index);
        assert_int_equal(status.quarantine_count, count);
    }
}

/* What rows and marks say of the quarantine is known before anything is read. */
static void golden_check_marks(struct golden *g)
{
    for (uint64_t id = 0; id < g->store->groups_count; id++) {
        uint64_t first_index = 0;
        struct log_status status;
        if (home_status(g->home, id, &status)) {
            assert_int_equal(status.quarantine_count, golden_quarantine(g, id, &first_index));
        }
    }
}

/* On each number of shards; then it goes on, and is what it was and that. */
static void log_golden_store_opens_and_goes_on(void **state)
{
    const struct golden_store *store = *state;
    for (uint32_t shards_count = 1; shards_count <= HOME_SHARDS; shards_count++) {
        struct golden *g = golden_load(store);
        golden_open(g, shards_count);
        golden_check_marks(g);
        golden_check(g);
        store->go_on(g);
        golden_check(g);
        golden_close(g);
        golden_open(g, 1 + shards_count % HOME_SHARDS);
        golden_check(g);
        if (store->mend != NULL) {
            store->mend(g);
            golden_check(g);
            golden_close(g);
            golden_open(g, shards_count);
            golden_check(g);
        }
        golden_close(g);
        golden_free(g);
    }
}

static const struct {
    const char *name;
    CMUnitTestFunction test;
} golden_tests[] = {
    {"workload_is_the_one_that_made_it", log_golden_workload_is_the_one_that_made_it},
    {"journal_has_records_of_its_kinds", log_golden_journal_has_records_of_its_kinds},
    {"store_is_read_beside_a_server", log_golden_store_is_read_beside_a_server},
    {"store_opens_and_goes_on", log_golden_store_opens_and_goes_on},
};

int main(void)
{
    struct CMUnitTest tests[ARRAY_COUNT(golden_tests) * GOLDEN_STORES] = {0};
    char names[ARRAY_COUNT(tests)][80];
    size_t count = 0;
    const char *dir = getenv("TDB_GOLDEN");
    if (dir != NULL) {
        golden_make(dir);
        return 0;
    }
    for (uint32_t i = 0; i < GOLDEN_STORES; i++) {
        for (size_t n = 0; n < ARRAY_COUNT(golden_tests); n++) {
            snprintf(names[count], sizeof(names[count]), "log_golden: %s: %s",
                     golden_stores[i].name, golden_tests[n].name);
            tests[count] =
                (struct CMUnitTest){.name = names[count],
                                    .test_func = golden_tests[n].test,
                                    .initial_state = (void *)(uintptr_t)&golden_stores[i]};
            count++;
        }
    }
    return cmocka_run_group_tests_name("log_golden", tests, NULL, NULL);
}
