/* Steps of golden stores. See golden.h. */
#include "tests/unit/storage/golden.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "storage/log/reset.h"
#include "tests/support/cmocka.h"

/* The rewritten batch is shorter by so many bytes. */
#define GOLDEN_REWRITE_BYTES 9u

/* The byte of a batch that rots: behind its header. */
#define GOLDEN_ROT_POS 70u

static const struct log_config golden_config = {
    .dir = "/data",
    .unsettled_bytes_max = 32 << 10,
    .hot_bytes_max = 32 << 10,
    .segment_bytes = 12 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .groups_max = 16,
    .files_max = 16,
};

struct golden *golden_new(const struct golden_store *store)
{
    struct golden *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    g->store = store;
    struct prng prng;
    prng_init(&prng, 7);
    prng_fill(&prng, g->noise, sizeof(g->noise));
    for (uint64_t i = 0; i < GOLDEN_GROUPS; i++) {
        ledger_init(&g->ledgers[i], i, g->noise, home_kernels(),
                    (uint32_t)golden_config.segment_bytes);
    }
    return g;
}

void golden_free(struct golden *g)
{
    if (g->home != NULL) {
        home_free(g->home);
    }
    free(g);
}

void golden_path(char *out, size_t out_bytes, const char *dir, const char *name)
{
    int length = snprintf(out, out_bytes, "%s/%s", dir, name);
    assert_true(length > 0 && (size_t)length < out_bytes);
}

/* --- Opened and closed --- */

void golden_open(struct golden *g, uint32_t shards_count)
{
    if (g->home != NULL) {
        g->home->config = golden_config;
        g->home->config.journal_first_bytes = g->store->journal_first_bytes;
        g->home->config.journal_file_bytes = g->store->journal_file_bytes;
        g->home->config.settle_ns = g->store->settle_ns;
        assert_int_equal(home_start(g->home, shards_count), ERR_OK);
    }
}

void golden_close(struct golden *g)
{
    if (g->home != NULL) {
        home_close(g->home);
    }
}

void golden_kill(struct golden *g)
{
    if (g->home != NULL) {
        sim_node_crash(g->home->node, SIM_CRASH_KEEP);
    }
}

void golden_power_off(struct golden *g)
{
    if (g->home != NULL) {
        sim_run_for(g->home->sim, 100 * RT_NS_PER_MS);
        sim_node_crash(g->home->node, SIM_CRASH_LOSE);
    }
}

struct log *golden_log(struct golden *g, uint64_t id)
{
    return log_find(&g->home->shards[id % g->home->shards_count].ls, id);
}

/* --- Steps of any log --- */

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

void golden_step(struct golden *g, uint64_t id, void (*call)(struct rt_shard *shard, void *ctx))
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

void golden_create(struct golden *g, uint64_t id)
{
    golden_step(g, id, golden_shard_create);
}

static void golden_shard_delete(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_delete(golden_log(g, g->id), golden_op(g, 0));
}

void golden_delete(struct golden *g, uint64_t id)
{
    golden_step(g, id, golden_shard_delete);
    g->groups[id].is_deleted = true;
}

static void golden_shard_hard(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_set_hard_state(golden_log(g, g->id), golden_op(g, 0), &g->at.hard);
}

void golden_hard(struct golden *g, uint64_t id, uint32_t term, uint32_t vote)
{
    g->at.hard = (struct log_hard_state){.term = term, .vote = vote, .commit = 0};
    g->groups[id].hard_before = g->ledgers[id].hard;
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

/* The batch that `serial` is, in a buffer of the shard; the caller drops it. */
static struct buf *golden_batch(struct golden *g, const struct rt_shard *shard,
                                const struct ledger_entry *entry, uint32_t serial)
{
    struct buf_pool *bufs = &g->home->shards[shard->id].bufs;
    struct buf *buf = NULL;
    assert_int_equal(buf_new(bufs, bufs->budget, entry->length, &buf), ERR_OK);
    ledger_bytes(&g->ledgers[g->id], entry, serial, buf_append(buf, entry->length));
    buf_seal(buf, entry->length);
    return buf;
}

static void golden_shard_append(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    struct ledger *ledger = &g->ledgers[g->id];
    g->home->pending_count--;
    for (uint32_t i = 0; i < g->count; i++) {
        struct ledger_entry entry = golden_entry(g, i);
        struct buf *buf = golden_batch(g, shard, &entry, ledger->entries_count);
        struct buf_slice slice = buf_slice(buf, 0, entry.length);
        assert_int_equal(log_append(golden_log(g, g->id), golden_op(g, i), slice), ERR_OK);
        ledger_append(ledger, &entry);
        buf_unref(buf);
    }
}

void golden_append(struct golden *g, uint64_t id, uint32_t count, uint32_t payload)
{
    g->count = count;
    g->payload = payload;
    golden_step(g, id, golden_shard_append);
    for (uint32_t i = 0; i < count && g->home == NULL; i++) {
        struct ledger_entry entry = golden_entry(g, i);
        ledger_append(&g->ledgers[id], &entry);
    }
}

static void golden_shard_refused(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    struct ledger_entry entry = golden_entry(g, 0);
    struct buf *buf = golden_batch(g, shard, &entry, g->ledgers[g->id].entries_count);
    g->ops[0] = (struct log_op){0};
    g->home->refusal =
        log_append(golden_log(g, g->id), &g->ops[0], buf_slice(buf, 0, entry.length));
    buf_unref(buf);
    g->home->pending_count--;
}

void golden_refused(struct golden *g, uint64_t id, enum err err)
{
    g->payload = 100;
    golden_step(g, id, golden_shard_refused);
    assert_true(g->home == NULL || g->home->refusal == err);
}

static void golden_shard_cut(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_cut(golden_log(g, g->id), golden_op(g, 0), g->at.entry.index);
}

void golden_cut(struct golden *g, uint64_t id, uint64_t first_index)
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

void golden_trim(struct golden *g, uint64_t id, uint64_t first_index)
{
    g->at.entry.index = first_index;
    golden_step(g, id, golden_shard_trim);
    ledger_trim(&g->ledgers[id], first_index, 0);
}

static void golden_shard_roll(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_roll(golden_log(g, g->id), golden_op(g, 0));
}

void golden_roll(struct golden *g, uint64_t id)
{
    golden_step(g, id, golden_shard_roll);
    ledger_roll(&g->ledgers[id]);
}

void golden_settle(struct golden *g)
{
    if (g->home != NULL) {
        home_ask(g->home, home_shard_settle);
    }
}

static void golden_shard_reset(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->home->pending_count--;
    log_reset_to(golden_log(g, g->id), golden_op(g, 0), &g->at.trim.start);
}

void golden_reset(struct golden *g, uint64_t id, uint64_t index, uint64_t offset, uint32_t term)
{
    g->at.trim.start = (struct log_point){
        .index = index, .offset = offset, .term = term, .chain = {.low = index, .high = offset}};
    golden_step(g, id, golden_shard_reset);
    ledger_reset(&g->ledgers[id], &g->at.trim.start);
    g->groups[id].ranges_count = 0;
}

/* --- Ranges --- */

const struct golden_range *golden_range_find(const struct golden *g, uint64_t id, uint64_t index)
{
    const struct golden_group *group = &g->groups[id];
    for (uint32_t i = 0; i < group->ranges_count; i++) {
        if (group->ranges[i].last_index >= index) {
            return &group->ranges[i];
        }
    }
    return NULL;
}

static void golden_range_add(struct golden *g, uint64_t id, uint64_t first_index,
                             uint64_t last_index, bool is_gap)
{
    struct golden_group *group = &g->groups[id];
    assert_true(group->ranges_count < GOLDEN_RANGES);
    uint32_t at = group->ranges_count++;
    for (; at > 0 && group->ranges[at - 1].first_index > first_index; at--) {
        group->ranges[at] = group->ranges[at - 1];
    }
    group->ranges[at] = (struct golden_range){first_index, last_index, is_gap};
}

/* --- A new generation --- */

/* What comes of entry `index`; a rewritten one is in the ledger then. */
static enum log_copy_verdict golden_replace_one(struct golden *g, uint64_t index)
{
    struct ledger *ledger = &g->ledgers[g->id];
    const struct ledger_entry *entry = ledger_at(ledger, index);
    if (index >= g->at.mark.first_index && index <= g->at.mark.last_index) {
        return LOG_COPY_GAP;
    }
    if (entry->kind != LOG_KIND_DATA || index % 3 != 0) {
        return LOG_COPY_KEEP;
    }
    ledger_rewrite(ledger, index, entry->length - GOLDEN_REWRITE_BYTES);
    return LOG_COPY_REWRITE;
}

static enum err golden_choose(void *ctx, struct log_copy_item *item)
{
    struct golden *g = ctx;
    const struct ledger *ledger = &g->ledgers[g->id];
    uint64_t index = item->rec.index;
    assert_true(item->is_sound);
    item->verdict = golden_replace_one(g, index);
    if (item->verdict == LOG_COPY_REWRITE) {
        const struct ledger_entry *entry = ledger_at(ledger, index);
        ledger_bytes(ledger, entry, ledger->serials[index], g->room);
        item->bytes = g->room;
        item->bytes_length = entry->length;
    }
    return ERR_OK;
}

static void golden_replaced(struct log_generation *generation)
{
    struct golden *g = generation->ctx;
    assert_int_equal(generation->err, ERR_OK);
    g->home->pending_count--;
}

/* The call is over when the generation is. */
static void golden_shard_replace(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    log_generation_start(&g->generation);
}

void golden_replace(struct golden *g, uint64_t id, uint64_t segment_index, uint64_t first_index,
                    uint64_t last_index)
{
    const struct ledger *ledger = &g->ledgers[id];
    g->at.mark.first_index = first_index;
    g->at.mark.last_index = last_index;
    if (g->home != NULL) {
        g->generation = (struct log_generation){.log = golden_log(g, id),
                                                .segment_index = segment_index,
                                                .choose = golden_choose,
                                                .ctx = g,
                                                .done = golden_replaced};
    }
    golden_step(g, id, golden_shard_replace);
    uint32_t number = 0;
    while (ledger->segments[number] != segment_index) {
        number++;
    }
    assert_true(number + 1 < ledger->segments_count);
    for (uint64_t i = segment_index; g->home == NULL && i < ledger->segments[number + 1]; i++) {
        (void)golden_replace_one(g, i);
    }
    golden_range_add(g, id, first_index, last_index, true);
}

/* --- Damage --- */

/* The file's name follows from the ledger: no segment of the group was cut or replaced. */
void golden_rot(struct golden *g, uint64_t id, uint64_t first_index, uint64_t last_index)
{
    const struct ledger *ledger = &g->ledgers[id];
    char path[LIMIT_PATH_BYTES];
    uint64_t segment = 0;
    for (uint32_t i = 0; i < ledger->segments_count && ledger->segments[i] <= first_index; i++) {
        segment = ledger->segments[i];
    }
    snprintf(path, sizeof(path),
             "/data/p/%02" PRIx64 "601d00000000000000000000000000/%" PRIu64 "/%016" PRIx64
             "-00000000.log",
             id, id, segment);
    for (uint64_t i = first_index; g->home != NULL && i <= last_index; i++) {
        uint64_t pos = GOLDEN_ROT_POS;
        pos += i > segment ? ledger_range_bytes(ledger, segment, i - 1) : 0;
        assert_int_equal(sim_disk_rot(home_disk(g->home), path, pos, 3), ERR_OK);
    }
}

void golden_journal(struct golden *g, size_t length,
                    void (*visit)(struct golden *g, const struct log_record *record, size_t pos))
{
    const struct crc32c *kernels = home_kernels();
    struct log_journal_header header;
    if (log_journal_header_decode(g->file, length, kernels, &header) != ERR_OK) {
        return;
    }
    struct log_frame frame;
    for (size_t pos = LOG_JOURNAL_HEADER_BYTES;
         pos < length && log_frame_decode(g->file + pos, length - pos, kernels, &frame) == ERR_OK &&
         frame.file_number == header.file_number;
         pos += frame.frame_bytes) {
        uint32_t seed =
            log_frame_seed(kernels, &frame.disk, frame.boot_epoch, frame.file_number, frame.number);
        struct bytes_reader r = bytes_reader(g->file + pos, frame.frame_bytes);
        bytes_skip(&r, log_frame_records_pos(&frame));
        for (uint32_t i = 0; i < frame.records_count && r.err == ERR_OK; i++) {
            struct log_record record;
            size_t at = pos + r.pos + LOG_RECORD_HEAD_BYTES;
            log_record_get(&r, kernels, seed, &record);
            visit(g, r.err == ERR_OK ? &record : NULL, at);
        }
    }
}

static void golden_hard_seen(struct golden *g, const struct log_record *record, size_t pos)
{
    if (record != NULL && record->kind == LOG_RECORD_HARD && record->group == g->id &&
        record->seq > g->hard_seq) {
        g->hard_seq = record->seq;
        g->hard_pos = pos;
        g->hard_path[0] = '\0'; /* in this file */
    }
}

static void golden_hard_file(void *ctx, const char *path)
{
    struct golden *g = ctx;
    if (strstr(path, ".jnl") != NULL) {
        assert_true(sim_disk_size(home_disk(g->home), path) <= sizeof(g->file));
        golden_journal(g, home_read(g->home, path, g->file, sizeof(g->file)), golden_hard_seen);
        if (g->hard_path[0] == '\0') {
            snprintf(g->hard_path, sizeof(g->hard_path), "%s", path);
        }
    }
}

void golden_rot_hard(struct golden *g, uint64_t id)
{
    if (g->home != NULL) {
        g->id = id;
        g->hard_seq = 0;
        snprintf(g->hard_path, sizeof(g->hard_path), "none");
        sim_disk_walk(home_disk(g->home), golden_hard_file, g);
        assert_int_equal(sim_disk_rot(home_disk(g->home), g->hard_path, g->hard_pos, 3), ERR_OK);
    }
    g->ledgers[id].hard = g->groups[id].hard_before;
    g->groups[id].is_amnesiac = true;
}

/* --- What is lost --- */

static void golden_met(struct log_read *read)
{
    struct golden *g = read->ctx;
    assert_int_equal(read->err, ERR_CORRUPT);
    assert_int_equal(read->first_index, read->at);
    g->home->pending_count--;
}

/* The call is over when the read is. */
static void golden_shard_meet(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    g->read = (struct log_read){.done = golden_met,
                                .ctx = g,
                                .log = golden_log(g, g->id),
                                .at = g->at.entry.index,
                                .index_max = g->at.entry.index,
                                .bytes_max = 1};
    log_read(&g->read);
}

void golden_meet(struct golden *g, uint64_t id, uint64_t first_index, uint64_t last_index)
{
    for (uint64_t i = first_index; i <= last_index; i++) {
        g->at.entry.index = i;
        golden_step(g, id, golden_shard_meet);
    }
    golden_range_add(g, id, first_index, last_index, false);
}

static void golden_repaired(struct log_repair *repair)
{
    struct golden *g = repair->ctx;
    assert_int_equal(repair->err, ERR_OK);
    if (g->buf != NULL) {
        buf_unref(g->buf);
        g->buf = NULL;
    }
    g->home->pending_count--;
}

/* The call is over when the repair is. */
static void golden_shard_put_back(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    struct buf_pool *bufs = &g->home->shards[shard->id].bufs;
    const struct ledger *ledger = &g->ledgers[g->id];
    uint64_t first_index = g->at.mark.first_index;
    uint32_t count = 0;
    uint32_t bytes = (uint32_t)ledger_range_bytes(ledger, first_index, g->at.mark.last_index);
    assert_int_equal(buf_new(bufs, bufs->budget, bytes, &g->buf), ERR_OK);
    uint8_t *out = buf_append(g->buf, bytes);
    for (uint64_t i = first_index; i <= g->at.mark.last_index; out += ledger->lengths[i++]) {
        ledger_bytes(ledger, ledger_at(ledger, i), ledger->serials[i], out);
    }
    buf_seal(g->buf, bytes);
    for (uint64_t i = first_index, pos = 0; i <= g->at.mark.last_index;
         pos += ledger->lengths[i++]) {
        g->slices[count++] = buf_slice(g->buf, (uint32_t)pos, ledger->lengths[i]);
    }
    log_repair_range(&g->repair, golden_log(g, g->id), first_index, g->slices, count,
                     golden_repaired);
}

void golden_put_back(struct golden *g, uint64_t id, uint64_t first_index, uint64_t last_index)
{
    struct golden_group *group = &g->groups[id];
    g->at.mark.first_index = first_index;
    g->at.mark.last_index = last_index;
    g->repair = (struct log_repair){.ctx = g};
    golden_step(g, id, golden_shard_put_back);
    uint32_t count = 0;
    for (uint32_t i = 0; i < group->ranges_count; i++) {
        struct golden_range range = group->ranges[i];
        if (range.is_gap || range.first_index < first_index || range.last_index > last_index) {
            group->ranges[count++] = range;
        }
    }
    group->ranges_count = count;
}

static void golden_shard_accept(struct rt_shard *shard, void *ctx)
{
    struct golden *g = ctx;
    (void)shard;
    log_repair_accept(&g->repair, golden_log(g, g->id), golden_repaired);
}

void golden_accept(struct golden *g, uint64_t id)
{
    struct golden_group *group = &g->groups[id];
    g->repair = (struct log_repair){.ctx = g};
    golden_step(g, id, golden_shard_accept);
    assert_true(g->home == NULL || g->repair.was_amnesiac == group->is_amnesiac);
    group->is_amnesiac = false;
    for (uint32_t i = 0; i < group->ranges_count; i++) {
        group->ranges[i].is_gap = true;
    }
}
