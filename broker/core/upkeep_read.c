/* Readings of one shard's rows, for readers on any shard: a call for each batch, whose rows stay
 * where they are until the next one. See upkeep.h. */
#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_int.h"

static void core_upkeep_read_run(struct core_shard *at, struct core_call *call);
static bool core_upkeep_read_may(const struct core_upkeep *upkeep, struct core_upkeep_read *read);
static void core_upkeep_read_done(struct core_shard *home, struct core_call *call);
static void core_upkeep_read_rows(struct core_upkeep_read *read);
static void core_upkeep_read_close(struct core_shard *at, struct core_upkeep_read *read);

void core_upkeep_read_start(struct core_shard *cs, struct core_upkeep_read *read,
                            enum core_upkeep_read_op op)
{
    read->op = op;
    read->is_away = true;
    core_call_start(cs, read->shard, &read->call, core_upkeep_read_run, core_upkeep_read_done);
}

static void core_upkeep_read_run(struct core_shard *at, struct core_call *call)
{
    struct core_upkeep_read *read = CONTAINER_OF(call, struct core_upkeep_read, call);
    struct core_upkeep *upkeep = &at->upkeep;
    read->code = CORE_OK;
    read->why = NULL;
    read->batch = (struct vec_batch){.columns_count = 0};
    read->errors_count = 0;
    switch (read->op) {
    case CORE_UPKEEP_READ_OPEN:
        read->part = core_upkeep_find(upkeep, &read->view);
        read->is_open = false;
        if (!core_upkeep_read_may(upkeep, read)) {
            read->why = NULL; /* nothing keeps the part */
            core_call_end(at, call);
            return;
        }
        maint_reading_open(&read->reading, &read->part->rows, read->tick, &upkeep->budget);
        read->part->reads_count++;
        read->is_open = true;
        read->is_end = false;
        break;
    case CORE_UPKEEP_READ_NEXT: break;
    case CORE_UPKEEP_READ_CLOSE: core_upkeep_read_close(at, read); return;
    }
    list_push_back(&read->part->reads, &read->in_part);
    core_upkeep_wake(read->part);
}

/* Whether there are rows to be read; else `code` and `why` say why not. */
static bool core_upkeep_read_may(const struct core_upkeep *upkeep, struct core_upkeep_read *read)
{
    const struct core_upkeep_part *part = read->part;
    if (upkeep->is_stopping) {
        read->code = CORE_CLOSING;
    } else if (part == NULL ||
               (part->stage == CORE_UPKEEP_OVER && part->code != CORE_VIEW_CHANGED)) {
        read->code = CORE_UNKNOWN_VIEW;
    } else if (part->code != CORE_OK && part->code != CORE_VIEW_CHANGED) {
        read->code = part->code;
        read->why = part->why;
    }
    return read->code == CORE_OK;
}

void core_upkeep_read_turn(struct core_upkeep_read *read)
{
    struct core_shard *at = read->part->upkeep->cs;
    if (core_upkeep_read_may(&at->upkeep, read)) {
        core_upkeep_read_rows(read);
    }
    core_call_end(at, &read->call);
}

static void core_upkeep_read_rows(struct core_upkeep_read *read)
{
    uint64_t faults_count = read->reading.faults_count;
    enum err err;
    if (read->key != NULL) {
        err = maint_reading_get(&read->reading, read->key, &read->batch);
        read->is_end = true;
    } else {
        err = maint_reading_next(&read->reading, &read->batch);
    }
    read->errors_count = read->reading.faults_count - faults_count;
    if (err == ERR_END) {
        read->is_end = true;
        read->batch = (struct vec_batch){.columns_count = 0};
    } else if (err == ERR_INVALID) {
        read->code = CORE_OVERLOADED;
        read->why = read->reading.message;
    } else if (err != ERR_OK) {
        read->code = CORE_OVERLOADED;
    }
}

static void core_upkeep_read_close(struct core_shard *at, struct core_upkeep_read *read)
{
    struct core_upkeep_part *part = read->part;
    ASSERT(read->is_open);
    read->is_open = false;
    maint_reading_close(&read->reading);
    part->reads_count--;
    core_upkeep_wake(part); /* it may have waited for that */
    core_call_end(at, &read->call);
}

static void core_upkeep_read_done(struct core_shard *home, struct core_call *call)
{
    struct core_upkeep_read *read = CONTAINER_OF(call, struct core_upkeep_read, call);
    (void)home;
    read->is_away = false;
    read->done(read);
}
