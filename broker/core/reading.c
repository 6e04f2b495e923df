/* See reading.h. */
#include "broker/core/reading.h"

#include "broker/core/core.h"

enum err core_reading_new(struct core_partition *part, void *ctx, struct core_reading **out)
{
    void *object;
    enum err err = pool_acquire(&part->cs->reading_pool, &object);
    *out = object;
    if (err == ERR_OK) {
        part->readings_count++;
        (*out)->part = part;
        (*out)->ctx = ctx;
    }
    return err;
}

void core_reading_oldest(struct core_reading *reading, log_read_fn *done)
{
    struct log_status status = core_partition_status(reading->part);
    reading->read = (struct log_read){.done = done,
                                      .ctx = reading,
                                      .log = reading->part->group.log,
                                      .from = LOG_READ_INDEX,
                                      .at = status.start.index,
                                      .index_max = status.end.index,
                                      .bytes_max = 1};
    log_read(&reading->read);
}

void core_reading_free(struct core_reading *reading)
{
    struct core_partition *part = reading->part;
    pool_release(&part->cs->reading_pool, reading);
    core_partition_release(part);
}
