/* The world's segments get new generations; which append an entry is then. See world.h. */
#include <string.h>

#include "base/assert.h"
#include "tests/unit/storage/world_int.h"

uint32_t world_entry_of(const struct world_group *group, uint32_t k, uint64_t index)
{
    for (uint32_t i = k; i > 0; i--) {
        if (group->ops[i - 1].kind == WORLD_APPEND && !group->ops[i - 1].is_void &&
            group->ops[i - 1].index == index) {
            return i - 1;
        }
    }
    return UINT32_MAX;
}

uint32_t world_match(const struct world_group *group, const struct world_op *op, bool is_damaged,
                     const uint8_t *data, uint32_t length, struct world_tally *tally)
{
    static uint8_t expected[WORLD_ENTRY_BYTES];
    for (int is_rewritten = 0; is_rewritten < 2; is_rewritten++) {
        bool can_be = is_rewritten ? op->rewrite != WORLD_AS_APPENDED
                                   : op->rewrite != WORLD_REWRITTEN || is_damaged;
        if (!can_be) {
            continue;
        }
        uint32_t bytes = world_entry(group, op, is_rewritten, expected);
        if (bytes <= length && memcmp(expected, data, bytes) == 0) {
            tally->rewritten_count += (uint64_t)is_rewritten;
            return bytes;
        }
    }
    return 0;
}

/* A third is rewritten. Of what every state from now on starts behind half goes. */
static enum err replace_choose(void *ctx, struct log_copy_item *item)
{
    struct world_group *group = ctx;
    struct world *world = group->world;
    if (!item->is_sound) {
        world_fail(world, "a segment cannot be read", group->id, item->rec.index);
        return ERR_CORRUPT;
    }
    item->verdict = LOG_COPY_KEEP;
    if ((item->rec.flags & (LOG_SIDECAR_GAP | LOG_SIDECAR_REWRITTEN)) != 0) {
        return ERR_OK;
    }
    uint64_t dice = prng_below(&world->prng, 6);
    uint32_t ordinal = world_entry_of(group, group->submitted_count, item->rec.index);
    if (item->rec.last_index < group->gone_index && dice < 3) {
        item->verdict = LOG_COPY_GAP;
        if (item->rec.last_index > group->gone_max) {
            group->gone_max = item->rec.last_index;
        }
    } else if (dice < 2 && ordinal != UINT32_MAX && group->ops[ordinal].payload_bytes > 1) {
        struct world_op *op = &group->ops[ordinal];
        op->is_rewriting = true;
        if (op->rewrite == WORLD_AS_APPENDED) {
            op->rewrite = WORLD_MAYBE_REWRITTEN;
        }
        item->verdict = LOG_COPY_REWRITE;
        item->bytes = group->rewritten;
        item->bytes_length = world_entry(group, op, true, group->rewritten);
    }
    return ERR_OK;
}

static void replace_done(struct log_generation *g)
{
    struct world_group *group = g->ctx;
    enum err err = g->err;
    for (uint32_t i = 0; i < group->submitted_count; i++) {
        struct world_op *op = &group->ops[i];
        if (op->is_rewriting && err == ERR_OK) {
            op->rewrite = WORLD_REWRITTEN;
        }
        op->is_rewriting = false;
    }
    group->is_replacing = false;
    /* By the disk; nothing has changed. */
    bool is_refused =
        err == ERR_IO && !g->is_submitted && group->world->options.sim.disk.may_strike != NULL;
    if (err != ERR_OK && err != ERR_CANCELED && err != ERR_NOT_FOUND && err != ERR_CLOSING &&
        !is_refused && !err_is_retriable(err)) {
        world_fail(group->world, err_name(err), group->id, g->segment_index);
    }
}

void world_replace(struct world_group *group)
{
    struct world *world = group->world;
    const struct world_op *last = world_last(group);
    struct log *log = group->log;
    if (!prng_chance(&world->prng, 1, 8) || log == NULL || group->is_replacing ||
        group->moving != NULL || !last->is_exists || group->done_count == 0 ||
        last->end.index == 0 || world->failure[0] != '\0') {
        return;
    }
    uint64_t index = 1 + prng_below(&world->prng, last->end.index);
    const struct log_segment *seg = log_segment_find(log, index);
    if (seg == NULL || !log_generation_is_possible(log, index)) {
        return;
    }
    group->is_replacing = true;
    group->gone_index = group->ops[group->done_count - 1].start_index;
    group->generation = (struct log_generation){
        .log = log,
        .segment_index = seg->start.index,
        .choose = replace_choose,
        .ctx = group,
        .done = replace_done,
    };
    log_generation_start(&group->generation);
}

void world_replace_forget(struct world_group *group)
{
    group->is_replacing = false;
    for (uint32_t i = 0; i < group->submitted_count; i++) {
        group->ops[i].is_rewriting = false;
    }
}
