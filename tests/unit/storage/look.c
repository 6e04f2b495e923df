/* See look.h. */
#include "tests/unit/storage/look.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "tests/support/cmocka.h"

static void look_meta(void *ctx, const struct log_meta *meta)
{
    struct look *look = ctx;
    assert_int_equal(meta->boot_epoch, 2);
    look->metas_count++;
}

static void look_table(void *ctx, const char *file, const struct log_table_header *header,
                       bool counts)
{
    struct look *look = ctx;
    assert_non_null(file);
    assert_true(header->rows_count == 1 || look->is_any_table);
    look->tables_count += counts;
}

static void look_journal(void *ctx, const char *file, uint64_t bytes,
                         const struct log_journal_header *header)
{
    struct look *look = ctx;
    assert_int_equal(strncmp(file, "journal/", 8), 0);
    assert_true(bytes > 0);
    look->journals_count += header != NULL;
}

static void look_frame(void *ctx, enum log_recover_row row, uint64_t boot_epoch, uint32_t lane,
                       uint64_t number, const struct log_frame *frame, const char *file,
                       uint64_t pos)
{
    struct look *look = ctx;
    (void)row, (void)boot_epoch, (void)lane, (void)number, (void)pos;
    assert_true((frame == NULL) == (file == NULL) || frame == NULL);
    look->frames_count++;
}

static void look_group(void *ctx, const struct log_found *found)
{
    struct look *look = ctx;
    assert_non_null(found);
    look->groups_count++;
}

static void look_segment(void *ctx, const struct log_found *found,
                         const struct log_inspect_segment *segment)
{
    struct look *look = ctx;
    (void)found;
    look->segments[look->segments_count++ % 4] = *segment;
}

static bool look_entry(void *ctx, const struct log_found *found,
                       const struct log_inspect_entry *entry)
{
    struct look *look = ctx;
    (void)found;
    assert_true(look->entries_count < LOOK_ENTRIES_MAX);
    look->has_data[look->entries_count] = entry->data != NULL;
    look->is_settled[look->entries_count] = entry->is_settled;
    look->entries[look->entries_count++] = *entry->rec;
    if (entry->data != NULL) {
        struct log_batch batch;
        assert_int_equal(log_batch_decode(entry->data, entry->rec->length, &batch), ERR_OK);
        assert_int_equal(batch.base_offset, entry->rec->base_offset);
    }
    return entry->rec->index != look->enough;
}

static void look_fault(void *ctx, const struct log_inspect_fault *fault)
{
    struct look *look = ctx;
    look->faults[look->faults_count++ % LOOK_FAULTS_MAX] = *fault;
}

static const struct log_inspect_visitor look_visitor = {.meta = look_meta,
                                                        .table = look_table,
                                                        .journal = look_journal,
                                                        .frame = look_frame,
                                                        .group = look_group,
                                                        .segment = look_segment,
                                                        .entry = look_entry,
                                                        .fault = look_fault};

static void look_done(struct log_inspect *inspect)
{
    struct look *look = CONTAINER_OF(inspect, struct look, inspect);
    assert_false(look->is_over);
    look->is_over = true;
    if (inspect->shard->is_stopping) {
        rt_shard_finish(inspect->shard);
    }
}

static void look_start(struct rt_shard *shard)
{
    struct look *look = shard->app;
    look->inspect.shard = shard;
    log_inspect_start(&look->inspect);
}

static void look_stop(struct rt_shard *shard)
{
    struct look *look = shard->app;
    if (look->is_over) {
        rt_shard_finish(shard);
    }
}

bool look_is_over(void *ctx)
{
    return ((struct look *)ctx)->is_over;
}

/* A machine with `disk` (which becomes its), about to look at /data. */
void look_new(struct look *look, struct sim_disk *disk, uint64_t memory_bytes)
{
    struct sim_options options = sim_options_calm();
    *look = (struct look){.inspect = {.done = look_done,
                                      .dir = "/data",
                                      .visitor = &look_visitor,
                                      .group = LOG_INSPECT_NONE,
                                      .does_read_bodies = true}};
    look->inspect.ctx = look;
    if (memory_bytes > 0) {
        options.host.memory_bytes = memory_bytes;
    }
    look->sim = sim_new(1, &options);
    look->node = sim_node_add(look->sim);
    sim_disk_free(sim_node_swap_disk(look->node, disk));
}

void look_begin(struct look *look)
{
    struct sim_app app = {look_start, look_stop, look};
    sim_node_start(look->node, 1, &app);
}

/* Look until it is over. */
void look_run(struct look *look)
{
    look_begin(look);
    assert_true(sim_run_until_true(look->sim, look_is_over, look,
                                   sim_now_ns(look->sim) + 1000 * RT_NS_PER_S));
}

void look_free(struct look *look)
{
    assert_null(look->inspect.state);
    sim_free(look->sim);
}

bool look_has_fault(const struct look *look, const char *what)
{
    for (uint32_t i = 0; i < look->faults_count && i < LOOK_FAULTS_MAX; i++) {
        if (strstr(look->faults[i].what, what) != NULL) {
            return true;
        }
    }
    return false;
}
