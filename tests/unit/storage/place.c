/* A partition's directory written by hand. See place.h. */
#include "tests/unit/storage/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/formats.h"

#define PLACE_LENGTH  100u
#define PLACE_GROUP   7u
#define PLACE_BUDGET  (8u << 20)
#define PLACE_TIME_NS (1000ull * 1000 * 1000 * 1000)

static const struct log_uuid place_topic = {{0xab, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

static void place_quiet(struct diag_sink *sink, enum diag_level level, const char *line,
                        size_t length)
{
    (void)sink;
    (void)level;
    (void)line;
    (void)length;
}

static void place_check(enum err err)
{
    if (err != ERR_OK) {
        fail_msg("%s", err_name(err));
    }
}

struct place *place_new(void)
{
    struct sim_options options = sim_options_calm();
    struct log_config config = {.dir = "/data"};
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    place->sim = sim_new(1, &options);
    place->node = sim_node_add(place->sim);
    place->disk = sim_node_disk(place->node);
    place->files_max = 16;
    place->budget_bytes = PLACE_BUDGET;
    place->store.config = config;
    place->store.kernels = formats_kernels();
    place->sink.write = place_quiet;
    diag_levels_init(&place->levels, NULL, 0, DIAG_LEVEL_INFO);
    diag_init(&place->diag, &place->levels, &place->sink, DIAG_FORMAT_JSON, 0, 0);
    place->ls.store = &place->store;
    place->log.ls = &place->ls;
    place->log.group = PLACE_GROUP;
    place->log.topic = place_topic;
    place->log.partition = 3;
    char topic[LIMIT_PATH_BYTES], partition[LIMIT_PATH_BYTES];
    log_path_topic(topic, &place->store, &place_topic);
    log_path_partition(partition, &place->store, &place_topic, 3);
    place_check(sim_disk_mkdir(place->disk, "/data"));
    place_check(sim_disk_mkdir(place->disk, "/data/p"));
    place_check(sim_disk_mkdir(place->disk, topic));
    place_check(sim_disk_mkdir(place->disk, partition));
    return place;
}

void place_free(struct place *place)
{
    sim_free(place->sim);
    free(place);
}

/* --- Entries --- */

struct log_point place_point(const struct place_history *history, uint64_t index)
{
    struct log_point point = {.index = index};
    if (index > 0) {
        const struct log_sidecar *rec = &history->recs[index - 1];
        point.offset = log_sidecar_next_offset(rec);
        point.term = rec->term;
        point.chain = rec->chain;
    }
    return point;
}

void place_add(struct place_history *history, uint32_t term, uint32_t records_count, uint32_t salt)
{
    assert_true(history->count < PLACE_ENTRIES_MAX);
    uint64_t index = ++history->count;
    struct log_point before = place_point(history, index - 1);
    struct log_batch batch = {
        .base_offset = before.offset,
        .length_bytes = PLACE_LENGTH,
        .term = term,
        .crc = (uint32_t)index * 2654435761u + salt,
        .kind = records_count > 0 ? LOG_KIND_DATA : LOG_KIND_NOOP,
        .last_offset_delta = (int32_t)records_count - 1,
        .max_timestamp = (int64_t)(1000 + index * 10),
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
        .records_count = records_count,
    };
    uint32_t header_crc = (uint32_t)index ^ salt;
    struct hash128 chain = log_chain(before.chain, index, term, &batch, header_crc);
    log_sidecar_fill(&history->recs[index - 1], index, 0, &batch, header_crc, chain,
                     index > 1 ? history->recs[index - 2].max_timestamp : -1);
}

void place_grow(struct place_history *history, uint64_t count, uint32_t term, uint32_t salt)
{
    while (history->count < count) {
        place_add(history, term, 2, salt);
    }
}

/* --- Files --- */

const char *place_path(struct place *place, uint64_t first, uint32_t generation, const char *kind)
{
    log_path_segment(place->path, &place->log, first, generation, kind);
    return place->path;
}

bool place_has(struct place *place, uint64_t first, uint32_t generation, const char *kind)
{
    return sim_disk_size(place->disk, place_path(place, first, generation, kind)) != UINT64_MAX;
}

void place_remove(struct place *place, uint64_t first, uint32_t generation, const char *kind)
{
    place_check(sim_disk_unlink(place->disk, place_path(place, first, generation, kind)));
}

void place_write(struct place *place, const char *path, uint64_t pos, const void *data,
                 size_t length)
{
    struct sim_handle *handle = NULL;
    uint64_t sequence = 0;
    union {
        const void *in;
        void *out;
    } bytes = {.in = data};
    struct iovec iov = {bytes.out, length};
    place_check(sim_disk_open(place->disk, path, RT_FILE_WRITE | RT_FILE_CREATE, &handle));
    if (length > 0) {
        place_check(sim_disk_write(handle, &iov, 1, pos, length, &sequence));
    }
    place_check(sim_disk_flush(handle, sim_disk_sequence(place->disk)));
    sim_disk_close(handle);
}

void place_segment(struct place *place, const struct place_history *history, uint64_t first,
                   uint64_t last, uint32_t generation)
{
    const struct crc32c *kernels = place->store.kernels;
    uint32_t seed = log_sidecar_seed(kernels, place->log.group, generation);
    struct log_sidecar_header header = {
        .group = place->log.group,
        .topic = place->log.topic,
        .partition = place->log.partition,
        .generation = generation,
        .start = place_point(history, first - 1),
    };
    header.start.index = first;
    memset(place->room, 0, sizeof(place->room));
    log_sidecar_header_encode(&header, kernels, place->room);
    size_t length = LOG_SIDECAR_BYTES;
    uint32_t pos = 0;
    for (uint64_t i = first; i <= last; i++) {
        struct log_sidecar rec = history->recs[i - 1];
        rec.pos = pos;
        pos += rec.length;
        log_sidecar_encode(&rec, kernels, seed, place->room + length);
        length += LOG_SIDECAR_BYTES;
    }
    size_t blocks = (length + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES;
    place_write(place, place_path(place, first, generation, "idx"), 0, place->room,
                blocks * LIMIT_BLOCK_BYTES);
    place_write(place, place_path(place, first, generation, "log"), 0, NULL, 0);
}

/* --- Running --- */

static void place_app_start(struct rt_shard *shard)
{
    struct place *place = shard->app;
    place->shard = shard;
}

static void place_called(struct rt_shard *shard, void *ctx)
{
    struct place *place = ctx;
    (void)shard;
    place->is_called = true;
    place->call(place);
}

void place_run(struct place *place, void (*call)(struct place *))
{
    place->call = call;
    place->is_called = false;
    sim_post(place->shard, place_called, place);
    bool is_idle = sim_run_until_idle(place->sim, sim_now_ns(place->sim) + PLACE_TIME_NS);
    assert_true(is_idle);
    assert_true(place->is_called);
}

static void place_make(struct place *place)
{
    struct log_shard *ls = &place->ls;
    *ls = (struct log_shard){.shard = place->shard};
    ls->store = &place->store;
    ls->diag = &place->diag;
    atomic_store(&place->store.is_fenced, true); /* nothing is journaled here */
    budget_init(&ls->budget, "log", place->budget_bytes, rt_shard_budget(place->shard));
    uint32_t small_bytes = sizeof(struct log_term) > sizeof(struct log_range)
                               ? sizeof(struct log_term)
                               : sizeof(struct log_range);
    pool_init(&ls->segments, &ls->budget, sizeof(struct log_segment), 16, 4096);
    pool_init(&ls->small, &ls->budget, small_bytes, 16, 4096);
    place_check(log_files_init(&ls->files, ls, place->files_max));
}

void place_start(struct place *place, const struct place_history *history, uint64_t start_index,
                 uint64_t settled_index, uint64_t segment_index, uint32_t generation)
{
    struct sim_app app = {.start = place_app_start, .ctx = place};
    struct log *log = &place->log;
    sim_node_start(place->node, 1, &app);
    assert_true(sim_run_until_idle(place->sim, sim_now_ns(place->sim) + PLACE_TIME_NS));
    place_make(place);
    *log = (struct log){.ls = &place->ls,
                        .group = log->group,
                        .topic = log->topic,
                        .partition = log->partition,
                        .is_available = true,
                        .is_loaded = settled_index == 0,
                        .generation = generation};
    list_init(&log->segments.list);
    list_init(&log->garbage);
    list_init(&log->terms);
    list_init(&log->ranges);
    log->start = place_point(history, start_index - 1);
    log->start.index = start_index;
    log->row.end = place_point(history, settled_index);
    log->end = place_point(history, history->count);
    log->max_timestamp = settled_index > 0 ? history->recs[settled_index - 1].max_timestamp : -1;
    if (segment_index > 0) {
        struct log_point start = {.index = segment_index};
        bool is_known = settled_index + 1 == segment_index || segment_index == start_index;
        if (is_known) {
            start = place_point(history, segment_index - 1);
            start.index = segment_index;
        }
        struct log_segment *seg = NULL;
        place_check(log_segment_push(log, &start, generation, &seg));
        seg->is_known = is_known;
        seg->last_index = history->count;
        seg->next_offset = log->end.offset;
    }
    for (uint64_t i = settled_index + 1; i <= history->count; i++) {
        const struct log_sidecar *rec = &history->recs[i - 1];
        place_check(log_terms_add(log, i, rec->base_offset, rec->term));
    }
}

static void place_loaded(struct log_load *load)
{
    struct place *place = CONTAINER_OF(load, struct place, loads[0]);
    place->loads_count++;
    place->err = load->err;
}

static void place_load_call(struct place *place)
{
    log_load_start(&place->loads[0], &place->log, place_loaded);
}

enum err place_load(struct place *place)
{
    place->loads_count = 0;
    place_run(place, place_load_call);
    assert_int_equal(place->loads_count, 1);
    assert_null(place->log.loading);
    return place->err;
}

void place_segments_are_true(const struct place *place, const struct place_history *history)
{
    const struct list *list = &place->log.segments.list;
    list_for_each (node, list) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        struct log_point start = place_point(history, seg->start.index - 1);
        assert_true(seg->is_known);
        assert_int_equal(seg->start.offset, start.offset);
        assert_int_equal(seg->start.term, start.term);
        assert_true(hash128_is_equal(seg->start.chain, start.chain));
        if (list_next(list, node) != NULL) {
            const struct log_sidecar *last = &history->recs[seg->last_index - 1];
            uint64_t count = seg->last_index - seg->start.index + 1;
            assert_int_equal(seg->next_offset, log_sidecar_next_offset(last));
            assert_int_equal(seg->max_timestamp, last->max_timestamp);
            assert_int_equal(seg->end_pos, count * last->length);
            assert_int_equal(seg->written_bytes / LIMIT_BLOCK_BYTES,
                             (seg->end_pos + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES);
            assert_int_equal(seg->written_bytes % LIMIT_BLOCK_BYTES, 0);
            assert_int_equal(seg->recs_count, count);
            assert_int_equal(seg->recs_total, count);
            assert_true(seg->has_files);
            assert_true(seg->is_sealed);
            assert_true(seg->is_finished);
        }
    }
}

static void place_files_closed(struct log_files *files)
{
    struct place *place = CONTAINER_OF(files, struct place, ls.files);
    place->loads_count = 1;
}

static void place_end_call(struct place *place)
{
    struct log *log = &place->log;
    while (!list_is_empty(&log->segments.list)) {
        log_segment_free(CONTAINER_OF(list_first(&log->segments.list), struct log_segment, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&log->terms)) != NULL;) {
        pool_release(&place->ls.small, CONTAINER_OF(node, struct log_term, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&log->ranges)) != NULL;) {
        pool_release(&place->ls.small, CONTAINER_OF(node, struct log_range, in_log));
    }
    for (struct list_node *node; (node = list_pop_front(&log->garbage)) != NULL;) {
        pool_release(&place->ls.small, CONTAINER_OF(node, struct log_garbage, in_log));
    }
    log_files_close(&place->ls.files, place_files_closed);
}

void place_end(struct place *place)
{
    place->loads_count = 0;
    place_run(place, place_end_call);
    assert_int_equal(place->loads_count, 1);
    log_files_deinit(&place->ls.files);
    pool_deinit(&place->ls.segments);
    pool_deinit(&place->ls.small);
    assert_int_equal(place->ls.budget.used_bytes, 0);
    budget_deinit(&place->ls.budget);
    sim_node_crash(place->node, SIM_CRASH_KEEP);
}
