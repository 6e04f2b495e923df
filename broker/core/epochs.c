/* See epochs.h. */
#include "broker/core/epochs.h"

#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"
#include "broker/core/reading.h"

static void core_epochs_run(struct core_shard *at, struct core_call *call);
static void core_epochs_came_home(struct core_shard *home, struct core_call *call);
static void core_epochs_answer(struct core_epochs *epochs, struct core_partition *part,
                               bool is_loaded);
static bool core_epochs_load(struct core_epochs *epochs, struct core_partition *part);
static void core_epochs_loaded(struct log_read *read);

void core_epochs_start(struct core_shard *cs, struct core_epochs *epochs)
{
    epochs->leader_epoch = -1;
    epochs->end_offset = -1;
    core_call_start(cs, core_shard_of(cs->core, epochs->group), &epochs->call, core_epochs_run,
                    core_epochs_came_home);
}

static void core_epochs_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_epochs *epochs = CONTAINER_OF(call, struct core_epochs, call);
    epochs->done(epochs);
}

static void core_epochs_run(struct core_shard *at, struct core_call *call)
{
    struct core_epochs *epochs = CONTAINER_OF(call, struct core_epochs, call);
    struct core_partition *part =
        core_partition_find(at, epochs->group, &epochs->topic, epochs->partition);
    if (part == NULL || part->is_closed) {
        epochs->code = part == NULL ? CORE_UNKNOWN_TOPIC : CORE_NOT_AVAILABLE;
        core_call_end(at, call);
        return;
    }
    epochs->code = core_partition_check_epoch(part, epochs->epoch_known);
    if (epochs->code != CORE_OK) {
        core_call_end(at, call);
        return;
    }
    core_epochs_answer(epochs, part, false);
}

static void core_epochs_answer(struct core_epochs *epochs, struct core_partition *part,
                               bool is_loaded)
{
    enum err err = core_epochs_end(part, epochs->epoch, &epochs->leader_epoch, &epochs->end_offset);
    if (err == ERR_AGAIN && !is_loaded && core_epochs_load(epochs, part)) {
        return;
    }
    epochs->code = core_code_of(err);
    core_call_end(part->cs, &epochs->call);
}

static bool core_epochs_load(struct core_epochs *epochs, struct core_partition *part)
{
    struct core_reading *reading;
    if (core_reading_new(part, epochs, &reading) != ERR_OK) {
        return false; /* the client is to try again */
    }
    core_reading_oldest(reading, core_epochs_loaded);
    return true;
}

static void core_epochs_loaded(struct log_read *read)
{
    struct core_reading *reading = read->ctx;
    log_read_release(read);
    core_epochs_answer(reading->ctx, reading->part, true);
    core_reading_free(reading);
}

enum err core_epochs_end(const struct core_partition *part, int32_t epoch, int32_t *leader_epoch,
                         int64_t *end_offset)
{
    int32_t found;
    uint64_t offset;
    *leader_epoch = -1;
    *end_offset = -1;
    if (epoch < 0 || (uint32_t)epoch > raft_group_term_shown(&part->group)) {
        return ERR_OK;
    }
    enum err err = log_term_end(part->group.log, (uint32_t)epoch, &found, &offset);
    if (err == ERR_OK) {
        *leader_epoch = found >= 0 ? found : epoch;
        *end_offset = (int64_t)offset;
    }
    return err;
}
