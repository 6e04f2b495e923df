/* A group's log made by hand. See read_log.h. */
#include "tests/unit/storage/read_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "storage/log/range.h"
#include "tests/support/cmocka.h"

#define READ_LOG_GROUP      7u
#define READ_LOG_GENERATION 3u
#define READ_LOG_TERM       5u

struct read_log_options read_log_options(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    return (struct read_log_options){
        .seed = seed,
        .entries_count =
            1 + (uint32_t)prng_below(&prng, prng_chance(&prng, 1, 20) ? READ_LOG_ENTRIES : 600),
        .segment_bytes = 4096u << prng_below(&prng, 8),
        .batch_bytes = 100u << prng_below(&prng, 6),
        .large_ppm = prng_chance(&prng, 1, 2) ? 20000 : 0,
        .internal_ppm = prng_chance(&prng, 1, 2) ? 200000 : 0,
        .gap_ppm = prng_chance(&prng, 1, 2) ? 30000 : 0,
        .settled_percent = (uint32_t)prng_below(&prng, 101),
        .is_sealed = prng_chance(&prng, 1, 8),
        .warm_bytes_max = prng_chance(&prng, 1, 2) ? 4 << 20 : 0,
    };
}

/* --- Entries --- */

/* A data batch of `records` records and `payload` bytes that nobody decodes. */
static uint32_t read_log_batch(struct read_log *rl, uint8_t *out, uint64_t offset, uint32_t records,
                               int64_t timestamp, uint32_t payload)
{
    struct bytes_writer w = bytes_writer(out, LOG_BATCH_HEADER_BYTES + payload);
    bytes_put_u64be(&w, offset);
    bytes_put_u32be(&w, LOG_BATCH_HEADER_BYTES - LOG_BATCH_PREFIX_BYTES + payload);
    bytes_put_u32be(&w, READ_LOG_TERM);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, 0);
    bytes_put_u16be(&w, 0);
    bytes_put_u32be(&w, records - 1);
    bytes_put_u64be(&w, (uint64_t)timestamp);
    bytes_put_u64be(&w, (uint64_t)timestamp);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, records);
    prng_fill(&rl->prng, out + w.pos, payload);
    w.pos += payload;
    bytes_patch_u32be(&w, 17, crc32c(rl->kernels, 0, out + 21, w.pos - 21));
    assert_true(w.err == ERR_OK);
    return (uint32_t)w.pos;
}

static uint32_t read_log_length(struct read_log *rl)
{
    const struct read_log_options *options = &rl->options;
    uint64_t most = options->batch_bytes;
    if (prng_below(&rl->prng, 1000000) < options->large_ppm) {
        most *= 16;
    }
    return (uint32_t)prng_below(&rl->prng, most);
}

/* The next entry, at log.end; in a new segment when it is full. */
static void read_log_append(struct read_log *rl, struct read_log_entry *entry, int64_t *clock)
{
    struct log *log = &rl->log;
    bool is_plain = rl->options.is_plain;
    struct log_segment *seg = log_segment_active(log);
    bool is_gap = prng_below(&rl->prng, 1000000) < rl->options.gap_ppm && seg->end_pos > 0;
    bool is_internal = prng_below(&rl->prng, 1000000) < rl->options.internal_ppm;
    uint32_t payload = read_log_length(rl);
    uint32_t records = is_plain ? 1 : 1 + (uint32_t)prng_below(&rl->prng, 5);
    *clock += (int64_t)prng_below(&rl->prng, 2000) - (is_plain ? 0 : 700);
    entry->timestamp = !is_plain && prng_chance(&rl->prng, 1, 20) ? -1 : *clock;
    if (seg->end_pos + payload > rl->options.segment_bytes && seg->end_pos > 0) {
        struct log_point start = log->end;
        start.index++;
        assert_true(log_segment_push(log, &start, READ_LOG_GENERATION, &seg) == ERR_OK);
        is_gap = false;
    }
    uint64_t index = log->end.index + 1;
    entry->segment = log->segments.count - 1;
    if (is_gap) {
        uint64_t gone = prng_below(&rl->prng, 5);
        entry->rec = (struct log_sidecar){
            .index = index,
            .last_index = index + gone,
            .base_offset = log->end.offset,
            .term = READ_LOG_TERM,
            .last_offset_delta = (int32_t)prng_below(&rl->prng, 7) - 1,
            .pos = seg->end_pos,
            .max_timestamp = log->max_timestamp,
            .producer_id = -1,
            .producer_epoch = -1,
            .base_sequence = -1,
            .flags = LOG_SIDECAR_GAP,
            .chain = log_chain_gap(log->end.chain, index, index + gone),
        };
    } else {
        entry->bytes = malloc(LOG_BATCH_HEADER_BYTES + payload);
        assert_non_null(entry->bytes);
        uint32_t length = LOG_BATCH_HEADER_BYTES + payload;
        if (is_internal) {
            struct bytes_writer w = bytes_writer(entry->bytes, length);
            uint8_t *data = calloc(1, payload + 1);
            log_batch_put_internal(&w, rl->kernels, LOG_KIND_NOOP, data, payload, log->end.offset,
                                   READ_LOG_TERM, entry->timestamp);
            free(data);
            assert_true(w.err == ERR_OK && w.pos == length);
        } else {
            read_log_batch(rl, entry->bytes, log->end.offset, records, entry->timestamp, payload);
        }
        struct log_batch batch;
        assert_true(log_batch_decode(entry->bytes, length, &batch) == ERR_OK);
        uint32_t crc = log_batch_header_crc(rl->kernels, entry->bytes);
        log_sidecar_fill(&entry->rec, index, seg->end_pos, &batch, crc,
                         log_chain(log->end.chain, index, batch.term, &batch, crc),
                         log->max_timestamp);
    }
    log->end = (struct log_point){
        .index = entry->rec.last_index,
        .offset = log_sidecar_next_offset(&entry->rec),
        .term = READ_LOG_TERM,
        .chain = entry->rec.chain,
    };
    log->max_timestamp = entry->rec.max_timestamp;
    seg->last_index = log->end.index;
    seg->next_offset = log->end.offset;
    seg->max_timestamp = log->max_timestamp;
    seg->end_pos += entry->rec.length;
}

/* --- Places --- */

static void read_log_write(struct read_log *rl, const char *path, const uint8_t *data, size_t bytes,
                           uint64_t pos)
{
    struct sim_handle *handle = NULL;
    uint64_t sequence = 0;
    assert_true(sim_disk_open(sim_node_disk(rl->node), path,
                              RT_FILE_WRITE | RT_FILE_CREATE | RT_FILE_READ, &handle) == ERR_OK);
    struct iovec iov = {(void *)(uintptr_t)data, bytes};
    if (bytes > 0) {
        assert_true(sim_disk_write(handle, &iov, 1, pos, bytes, &sequence) == ERR_OK);
        assert_true(sim_disk_flush(handle, sequence) == ERR_OK);
    }
    sim_disk_close(handle);
}

/* Both files of segment `number`, of which entries before `end` are settled, and .log bytes up to
 * `written`. */
static void read_log_segment_files(struct read_log *rl, struct log_segment *seg, uint32_t number,
                                   uint32_t written)
{
    char path[LIMIT_PATH_BYTES];
    size_t log_bytes = (size_t)(seg->end_pos + 4095) / 4096 * 4096 + 4096;
    uint8_t *data = calloc(1, log_bytes);
    uint8_t *recs = calloc(READ_LOG_ENTRIES + 1 + 4096 / LOG_SIDECAR_BYTES, LOG_SIDECAR_BYTES);
    uint32_t seed = log_sidecar_seed(rl->kernels, READ_LOG_GROUP, READ_LOG_GENERATION);
    uint32_t count = 1; /* header and records */
    struct log_sidecar_header header = {
        .group = READ_LOG_GROUP, .generation = READ_LOG_GENERATION, .start = seg->start};
    log_sidecar_header_encode(&header, rl->kernels, recs);
    for (uint32_t i = 0; i < rl->entries_count; i++) {
        const struct read_log_entry *entry = &rl->entries[i];
        if (entry->segment == number) {
            log_sidecar_encode(&entry->rec, rl->kernels, seed, recs + count * LOG_SIDECAR_BYTES);
            count++;
            if (entry->bytes != NULL) {
                memcpy(data + entry->rec.pos, entry->bytes, entry->rec.length);
            }
        }
    }
    size_t idx_bytes = seg->is_finished ? (size_t)(count * LOG_SIDECAR_BYTES + 4095) / 4096 * 4096
                                        : (seg->recs_count + 1ul) * LOG_SIDECAR_BYTES / 4096 * 4096;
    if (!seg->is_finished &&
        seg->recs_count > 0) { /* the record that crosses into the next block */
        idx_bytes = ((seg->recs_count + 1ul) * LOG_SIDECAR_BYTES + 4095) / 4096 * 4096;
    }
    log_path_segment(path, &rl->log, seg->start.index, seg->generation, "idx");
    read_log_write(rl, path, recs, idx_bytes, 0);
    if (rl->options.is_grown && !seg->is_finished) {
        read_log_write(rl, path, (const uint8_t[1]){0}, 1, 1 << 20);
    }
    log_path_segment(path, &rl->log, seg->start.index, seg->generation, "log");
    read_log_write(rl, path, data, written, 0);
    free(recs);
    free(data);
}

/* How many records of the active segment are settled: bytes and sidecar in whole blocks. Sets what
 * the segment says of itself. */
static uint32_t read_log_settle(struct read_log *rl, struct log_segment *seg, uint32_t number)
{
    uint32_t first = 0;
    while (first < rl->entries_count && rl->entries[first].segment < number) {
        first++;
    }
    uint32_t slots_count = rl->entries_count - first;
    uint32_t wanted = slots_count * rl->options.settled_percent / 100;
    uint32_t blocks = (wanted + 1) * LOG_SIDECAR_BYTES / 4096;
    seg->recs_count =
        blocks * 4096 >= 2 * LOG_SIDECAR_BYTES ? blocks * 4096 / LOG_SIDECAR_BYTES - 1 : 0;
    uint32_t end = wanted < slots_count ? rl->entries[first + wanted].rec.pos : seg->end_pos;
    seg->written_bytes = end / 4096 * 4096;
    uint32_t count = 0;
    while (count < seg->recs_count &&
           rl->entries[first + count].rec.pos + rl->entries[first + count].rec.length <=
               seg->written_bytes) {
        count++;
    }
    return first + count;
}

static void read_log_slot_bytes(struct read_log *rl, struct log_slot *slot,
                                const struct read_log_entry *entry, struct buf **shared)
{
    struct buf *buf = *shared;
    uint32_t length = entry->rec.length;
    if (buf == NULL || prng_chance(&rl->prng, 1, 10) || buf->capacity - buf->length < length) {
        if (buf != NULL) {
            buf_unref(buf);
        }
        assert_true(buf_new(&rl->ls.bufs, &rl->ls.budget, length + 8192, &buf) == ERR_OK);
        *shared = buf;
    }
    uint32_t pos = buf->length;
    memcpy(buf_append(buf, length), entry->bytes, length);
    buf_seal(buf, pos + length);
    log_slot_heat(slot, buf_slice(buf, pos, length));
}

/* A slot for each entry from `first` on. */
static void read_log_slots(struct read_log *rl, struct log_segment *seg, uint32_t first,
                           uint32_t settled)
{
    struct buf *shared = NULL;
    uint64_t journal_end[READ_LOG_JOURNALS] = {4096, 4096, 4096};
    uint32_t journal = 0;
    char path[LIMIT_PATH_BYTES];
    for (uint32_t i = first; i < rl->entries_count; i++) {
        struct read_log_entry *entry = &rl->entries[i];
        struct log_slot *slot = NULL;
        assert_true(log_tail_push(&rl->log, &slot) == ERR_OK);
        uint32_t end = entry->rec.pos + entry->rec.length;
        bool is_there = end <= seg->written_bytes + seg->rest_bytes;
        bool is_hot = rl->options.is_plain || prng_chance(&rl->prng, 1, 3);
        slot->rec = entry->rec;
        slot->seg = entry->segment == rl->log.segments.count - 1 ? seg : NULL;
        slot->is_durable = true;
        slot->is_settled = i < settled;
        slot->where = slot->is_settled || (is_there && prng_chance(&rl->prng, 1, 2))
                          ? LOG_SLOT_SEGMENT
                          : LOG_SLOT_JOURNAL;
        entry->where = slot->is_settled                  ? READ_LOG_SETTLED
                       : slot->where == LOG_SLOT_SEGMENT ? READ_LOG_DIRECT
                                                         : READ_LOG_JOURNAL;
        if (entry->bytes == NULL) {
            continue;
        }
        if (entry->where == READ_LOG_JOURNAL) {
            journal = prng_chance(&rl->prng, 1, 10) ? (journal + 1) % READ_LOG_JOURNALS : journal;
            entry->journal = journal;
            entry->journal_pos = journal_end[journal] + 72 + prng_below(&rl->prng, 2000);
            journal_end[journal] = entry->journal_pos + entry->rec.length;
            slot->journal_slot = journal;
            slot->journal_pos = entry->journal_pos;
            slot->file_number = 10 + journal;
            log_path_journal(path, &rl->store, journal);
            read_log_write(rl, path, entry->bytes, entry->rec.length, entry->journal_pos);
        }
        if (is_hot) {
            entry->where = READ_LOG_HOT;
            read_log_slot_bytes(rl, slot, entry, &shared);
        }
    }
    for (uint32_t i = 0; i < READ_LOG_JOURNALS; i++) { /* whole blocks */
        log_path_journal(path, &rl->store, i);
        read_log_write(rl, path, (const uint8_t[1]){0}, 1, journal_end[i] / 4096 * 4096 + 4095);
    }
    if (shared != NULL) {
        buf_unref(shared);
    }
}

/* Entries to files and slots. */
static void read_log_place(struct read_log *rl)
{
    uint32_t number = 0;
    list_for_each (node, &rl->log.segments.list) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        bool is_last = number + 1 == rl->log.segments.count;
        if (!is_last || rl->options.is_sealed) {
            seg->is_sealed = true;
            seg->is_finished = true;
            seg->written_bytes = (seg->end_pos + 4095) / 4096 * 4096;
            read_log_segment_files(rl, seg, number, seg->written_bytes);
        } else {
            uint32_t settled = read_log_settle(rl, seg, number);
            uint32_t back = (uint32_t)prng_below(&rl->prng, 20);
            uint32_t first = settled > back ? settled - back : 0;
            while (first < settled && rl->entries[first].segment < number) {
                first++; /* slots of sealed segments are like those of settled ones here */
            }
            uint32_t left = seg->end_pos - seg->written_bytes;
            seg->rest_bytes = left < 4095 ? left : (uint32_t)prng_below(&rl->prng, 4096);
            void *made = NULL;
            assert_true(budget_alloc(&rl->ls.budget, 4096, 16, &made) == ERR_OK);
            seg->rest = made;
            read_log_segment_files(rl, seg, number, seg->written_bytes);
            for (uint32_t i = 0; i < rl->entries_count; i++) {
                const struct read_log_entry *entry = &rl->entries[i];
                for (uint32_t k = 0; entry->segment == number && k < entry->rec.length; k++) {
                    uint64_t pos = (uint64_t)entry->rec.pos + k;
                    if (pos >= seg->written_bytes && pos < seg->written_bytes + seg->rest_bytes) {
                        seg->rest[pos - seg->written_bytes] = entry->bytes[k];
                    }
                }
            }
            read_log_slots(rl, seg, first, settled);
        }
        number++;
    }
}

void read_log_finish(struct read_log *rl)
{
    struct log_segment *seg = log_segment_active(&rl->log);
    seg->is_finished = true;
    seg->written_bytes = (seg->end_pos + 4095) / 4096 * 4096;
    read_log_segment_files(rl, seg, rl->log.segments.count - 1, seg->written_bytes);
    while (log_tail_last(&rl->log) != NULL) {
        log_tail_pop_last(&rl->log);
    }
}

/* --- The world --- */

static void read_log_app_start(struct rt_shard *shard)
{
    struct read_log *rl = shard->app;
    rl->shard = shard;
}

static void read_log_app_stop(struct rt_shard *shard)
{
    rt_shard_finish(shard);
}

static bool read_log_is_up(void *ctx)
{
    return ((struct read_log *)ctx)->shard != NULL;
}

static void read_log_dirs(struct read_log *rl)
{
    char path[LIMIT_PATH_BYTES];
    struct sim_disk *disk = sim_node_disk(rl->node);
    assert_true(sim_disk_mkdir(disk, "/d") == ERR_OK);
    assert_true(sim_disk_mkdir(disk, "/d/p") == ERR_OK);
    assert_true(sim_disk_mkdir(disk, "/d/journal") == ERR_OK);
    log_path_topic(path, &rl->store, &rl->log.topic);
    assert_true(sim_disk_mkdir(disk, path) == ERR_OK);
    log_path_partition(path, &rl->store, &rl->log.topic, rl->log.partition);
    assert_true(sim_disk_mkdir(disk, path) == ERR_OK);
}

static void read_log_shard(struct read_log *rl)
{
    struct log_shard *ls = &rl->ls;
    ls->shard = rl->shard;
    ls->store = &rl->store;
    ls->hot_bytes_max = UINT64_MAX;
    budget_init(&ls->budget, "log", 256 << 20, rt_shard_budget(rl->shard));
    buf_pool_init(&ls->bufs, &ls->budget, (uint16_t)rl->shard->id, 1 << 20);
    pool_init(&ls->ops, &ls->budget, sizeof(struct log_op), 8, 64);
    pool_init(&ls->chunks, &ls->budget, sizeof(struct log_chunk), 8, 4096);
    pool_init(&ls->segments, &ls->budget, sizeof(struct log_segment), 8, 4096);
    pool_init(&ls->small, &ls->budget, sizeof(struct log_term) + sizeof(struct log_range), 8, 4096);
    list_init(&ls->hot);
    assert_true(log_files_init(&ls->files, ls, 8) == ERR_OK);
    atomic_store(&rl->store.is_fenced, true); /* nothing is written here */
    struct log *log = &rl->log;
    log->ls = ls;
    log->group = READ_LOG_GROUP;
    log->partition = 2;
    list_init(&log->segments.list);
    list_init(&log->garbage);
    list_init(&log->terms);
    list_init(&log->pins);
    list_init(&log->reads);
    list_init(&log->ranges);
    log_tail_init(log);
    log->max_timestamp = -1;
    log->is_available = true;
    log->is_loaded = true;
}

struct read_log *read_log_new(const struct read_log_options *options)
{
    struct read_log *rl = calloc(1, sizeof(*rl));
    assert_non_null(rl);
    rl->options = *options;
    prng_init(&rl->prng, options->seed ^ 0x5ca1ab1e);
    struct sim_options sim_opts = sim_options_calm();
    rl->sim = sim_new(options->seed, &sim_opts);
    rl->node = sim_node_add(rl->sim);
    struct sim_app app = {.start = read_log_app_start, .stop = read_log_app_stop, .ctx = rl};
    sim_node_start(rl->node, 1, &app);
    assert_true(sim_run_until_true(rl->sim, read_log_is_up, rl, RT_NS_PER_S));
    rl->kernels = crc32c_for(rl->shard->cpu);
    rl->store.kernels = rl->kernels;
    rl->store.config.dir = "/d";
    rl->store.config.warm_bytes_max = options->warm_bytes_max;
    read_log_shard(rl);
    read_log_dirs(rl);
    struct log *log = &rl->log;
    if (!options->is_plain && prng_chance(&rl->prng, 1, 2)) { /* older entries are gone */
        log->end.index = prng_below(&rl->prng, 1000);
        log->end.offset = prng_below(&rl->prng, 100000);
        log->end.term = READ_LOG_TERM - 1;
        log->max_timestamp = (int64_t)prng_below(&rl->prng, 5000);
    }
    struct log_point start = log->end;
    start.index++;
    struct log_segment *seg = NULL;
    assert_true(log_segment_push(log, &start, READ_LOG_GENERATION, &seg) == ERR_OK);
    int64_t clock = 1000;
    for (uint32_t i = 0; i < options->entries_count; i++) {
        read_log_append(rl, &rl->entries[i], &clock);
    }
    rl->entries_count = options->entries_count;
    uint32_t trimmed =
        options->is_plain ? 0 : (uint32_t)prng_below(&rl->prng, rl->entries_count / 8 + 1);
    log->start = start;
    log->start.index = rl->entries[trimmed].rec.index;
    log->start.offset = rl->entries[trimmed].rec.base_offset;
    log->durable_index = log->end.index;
    read_log_place(rl);
    return rl;
}

static void read_log_closed(struct log_files *files)
{
    struct read_log *rl = CONTAINER_OF(files, struct read_log, ls.files);
    rl->is_closed = true;
}

static bool read_log_is_closed(void *ctx)
{
    return ((struct read_log *)ctx)->is_closed;
}

static void read_log_close(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct read_log *rl = ctx;
    log_files_close(&rl->ls.files, read_log_closed);
}

void read_log_free(struct read_log *rl)
{
    struct log *log = &rl->log;
    struct log_shard *ls = &rl->ls;
    assert_true(list_is_empty(&log->reads));
    sim_post(rl->shard, read_log_close, rl);
    uint64_t limit = sim_now_ns(rl->sim) + 100 * RT_NS_PER_S;
    assert_true(sim_run_until_true(rl->sim, read_log_is_closed, rl, limit));
    log_files_deinit(&ls->files);
    log_tail_deinit(log);
    while (log->segments.count > 0) {
        log_segment_free(log_segment_active(log));
    }
    log->end = (struct log_point){0};
    log_ranges_cut(log, 0);
    pool_deinit(&ls->small);
    pool_deinit(&ls->segments);
    pool_deinit(&ls->chunks);
    pool_deinit(&ls->ops);
    buf_pool_deinit(&ls->bufs);
    budget_deinit(&ls->budget); /* asserts that all is given back */
    sim_node_stop(rl->node);
    sim_run_for(rl->sim, RT_NS_PER_S);
    sim_free(rl->sim);
    for (uint32_t i = 0; i < rl->entries_count; i++) {
        free(rl->entries[i].bytes);
    }
    free(rl);
}

/* --- Reads --- */

void read_log_done(struct log_read *read)
{
    struct read_log *rl = read->ctx;
    assert_false(rl->is_read); /* once */
    rl->is_read = true;
}

static void read_log_read(struct rt_shard *shard, void *ctx)
{
    struct log_read *read = ctx;
    struct read_log *rl = shard->app;
    log_read(read);
    assert_false(rl->is_read); /* never inside submit */
}

static bool read_log_is_read(void *ctx)
{
    return ((struct read_log *)ctx)->is_read;
}

void read_log_wait(struct read_log *rl)
{
    uint64_t limit = sim_now_ns(rl->sim) + 100 * RT_NS_PER_S;
    assert_true(sim_run_until_true(rl->sim, read_log_is_read, rl, limit));
}

void read_log_start(struct read_log *rl, struct log_read *read)
{
    read->log = &rl->log;
    read->done = read_log_done;
    read->ctx = rl;
    rl->is_read = false;
    sim_post(rl->shard, read_log_read, read);
}

void read_log_call(struct read_log *rl, void (*call)(struct rt_shard *shard, void *ctx), void *ctx)
{
    rl->is_read = false;
    sim_post(rl->shard, call, ctx);
    read_log_wait(rl);
}

static bool read_log_lies_before(const struct read_log *rl, const struct log_read *read,
                                 const struct read_log_entry *entry)
{
    switch (read->from) {
    case LOG_READ_INDEX: return entry->rec.last_index < read->at;
    case LOG_READ_OFFSET: return log_sidecar_next_offset(&entry->rec) <= read->at;
    case LOG_READ_TIMESTAMP:
        return entry->rec.max_timestamp < (int64_t)read->at ||
               entry->rec.last_index < rl->log.start.index;
    }
    return false;
}

void read_log_expect(const struct read_log *rl, const struct log_read *read,
                     struct read_log_want *want)
{
    const struct read_log_entry *entries = rl->entries;
    uint64_t bytes = 0;
    *want = (struct read_log_want){0};
    want->err = ERR_END;
    bool is_below = (read->from == LOG_READ_INDEX && read->at < entries[0].rec.index) ||
                    (read->from == LOG_READ_OFFSET && read->at < entries[0].rec.base_offset);
    if (is_below) {
        want->err = ERR_RANGE;
        return;
    }
    for (uint32_t i = 0; i < rl->entries_count; i++) {
        const struct read_log_entry *entry = &entries[i];
        if (read_log_lies_before(rl, read, entry)) {
            continue;
        }
        if (entry->rec.index > read->index_max) {
            break;
        }
        if (entry->is_bad) {
            want->bad_index = entry->rec.index;
            want->err = want->count == 0 ? ERR_CORRUPT : ERR_OK;
            break;
        }
        bool is_older = read->from == LOG_READ_TIMESTAMP && want->count == 0 &&
                        entry->timestamp < (int64_t)read->at;
        bool is_internal = entry->rec.kind != LOG_KIND_DATA;
        if (entry->bytes == NULL || (is_internal && read->does_skip_internal) || is_older) {
            continue;
        }
        if (want->count > 0 && bytes + entry->rec.length > read->bytes_max) {
            break;
        }
        bytes += entry->rec.length;
        want->numbers[want->count++] = i;
        want->err = ERR_OK;
    }
}

const char *read_log_check(const struct read_log *rl, const struct log_read *read,
                           const struct read_log_want *want)
{
    if (read->err != want->err) {
        return "another outcome";
    }
    if (read->err == ERR_CORRUPT) {
        bool is_it = read->first_index <= want->bad_index && want->bad_index <= read->last_index;
        return is_it ? NULL : "another corrupt entry";
    }
    if (read->err != ERR_OK) {
        return read->parts_count == 0 && read->entries_count == 0 ? NULL : "bytes with an error";
    }
    bool is_cut_short = read->parts_count == LOG_READ_PARTS_MAX;
    if (read->entries_count != want->count &&
        !(is_cut_short && read->entries_count < want->count)) {
        return "another number of entries";
    }
    uint32_t part = 0;
    uint32_t pos = 0;
    for (uint32_t i = 0; i < read->entries_count; i++) {
        const struct read_log_entry *entry = &rl->entries[want->numbers[i]];
        if (part == read->parts_count || read->parts[part].length - pos < entry->rec.length) {
            return "a batch spans parts";
        }
        if (memcmp(buf_slice_data(read->parts[part]) + pos, entry->bytes, entry->rec.length) != 0) {
            return "other bytes";
        }
        pos += entry->rec.length;
        if (pos == read->parts[part].length) {
            part++;
            pos = 0;
        }
    }
    const struct read_log_entry *first = &rl->entries[want->numbers[0]];
    const struct read_log_entry *last = &rl->entries[want->numbers[read->entries_count - 1]];
    if (part != read->parts_count) {
        return "bytes left over";
    }
    if (read->first_index != first->rec.index || read->last_index != last->rec.index ||
        read->next_offset != log_sidecar_next_offset(&last->rec)) {
        return "another place";
    }
    return NULL;
}

void read_log_path(const struct read_log *rl, uint32_t number, const char *kind, char *out)
{
    uint32_t segment = 0;
    list_for_each (node, &rl->log.segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, const struct log_segment, in_log);
        if (segment++ == rl->entries[number].segment) {
            log_path_segment(out, &rl->log, seg->start.index, seg->generation, kind);
        }
    }
}
