/* See parts.h. */
#include "tests/unit/exec/parts.h"

#include <string.h>

static enum exec_result parts_next(void *ctx, struct exec_failure *failure,
                                   struct exec_query **out);
static void parts_joined(void *ctx, struct exec_query *query);

void parts_init(struct parts *parts, struct check *check, struct chance *chance,
                struct memory *asked, uint32_t count)
{
    *parts = (struct parts){.ops = {parts_next, parts_joined, parts},
                            .check = check,
                            .chance = chance,
                            .asked = asked,
                            .count = count,
                            .ahead_max = 1 + chance_below(chance, 12),
                            .budget_bytes = SIZE_MAX / 2};
    parts->parts = arena_alloc_zeroed(&check->arena, count * sizeof(*parts->parts), 64);
    ASSERT(parts->parts != NULL);
    for (uint32_t i = 0; i < count; i++) {
        parts->parts[i].memory = *asked;
    }
}

static bool parts_has_failed(const struct parts_part *part)
{
    const struct exec_failure *failure = &part->query.failure;
    return failure->state != NULL || failure->vec.fault != VEC_FAULT_NONE;
}

static void parts_close(struct parts *parts, struct parts_part *part)
{
    size_t peak_bytes = part->budget.peak_bytes;
    if (part->is_open) {
        exec_close(&part->query);
    }
    ASSERT(part->budget.used_bytes == 0);
    ASSERT(part->memory.opened_count == part->memory.closed_count);
    budget_deinit(&part->budget);
    parts->peak_bytes = peak_bytes > parts->peak_bytes ? peak_bytes : parts->peak_bytes;
    part->stage = PARTS_CLOSED;
}

static void parts_open(struct parts *parts, uint32_t number)
{
    struct parts_part *part = &parts->parts[number];
    budget_init(&part->budget, "part", parts->budget_bytes, &parts->check->root);
    struct exec_setting setting = {.budget = &part->budget,
                                   .params = parts->check->params,
                                   .now_us = CHECK_NOW_US,
                                   .is_part = true,
                                   .partition = number};
    enum err err =
        exec_open(&part->query, &parts->check->plan, &setting, &memory_ops, &part->memory);
    ASSERT((err != ERR_OK) == parts_has_failed(part));
    part->is_open = err == ERR_OK;
    part->stage = part->is_open ? PARTS_OPEN : PARTS_READY;
}

/* One step of a part. */
static void parts_step(struct parts *parts, uint32_t number)
{
    struct parts_part *part = &parts->parts[number];
    const struct vec_batch *batch;
    enum exec_result result;
    switch (part->stage) {
    case PARTS_NEW: parts_open(parts, number); return;
    case PARTS_OPEN:
        result = exec_next(&part->query, &batch);
        ASSERT(result != EXEC_ROWS);
        ASSERT((result == EXEC_FAILED) == parts_has_failed(part));
        if (result == EXEC_END || result == EXEC_FAILED) {
            part->stage = PARTS_READY;
        }
        return;
    case PARTS_JOINED: parts_close(parts, part); return;
    case PARTS_READY:
    case PARTS_CLOSED: return;
    }
}

void parts_go_on(struct parts *parts)
{
    uint32_t first = parts->next > 0 ? parts->next - 1 : 0;
    uint32_t end = parts->next + parts->ahead_max;
    end = end < parts->count ? end : parts->count;
    if (parts->is_backward) {
        while (end > first && parts->parts[end - 1].stage >= PARTS_READY) {
            end--;
        }
        if (end > first) {
            parts_step(parts, end - 1);
        }
        return;
    }
    for (uint32_t left = chance_below(parts->chance, 8); left > 0 && end > first; left--) {
        parts_step(parts, first + chance_below(parts->chance, end - first));
    }
}

static enum exec_result parts_next(void *ctx, struct exec_failure *failure, struct exec_query **out)
{
    struct parts *parts = ctx;
    parts->asked->calls_count++;
    if (parts->next == parts->count) {
        return EXEC_END;
    }
    struct parts_part *part = &parts->parts[parts->next];
    if (part->stage != PARTS_READY) {
        parts->asked->blocked_count++;
        return EXEC_BLOCKED;
    }
    if (parts_has_failed(part)) {
        exec_failure_copy(failure, &part->query.failure);
        return EXEC_FAILED;
    }
    parts->next++;
    *out = &part->query;
    return EXEC_ROWS;
}

static void parts_joined(void *ctx, struct exec_query *query)
{
    struct parts *parts = ctx;
    struct parts_part *part = CONTAINER_OF(query, struct parts_part, query);
    ASSERT(parts->next > 0);
    ASSERT(part == &parts->parts[parts->next - 1]);
    ASSERT(part->stage == PARTS_READY);
    part->stage = PARTS_JOINED;
    if (chance_is(parts->chance, 2)) {
        parts_close(parts, part);
    }
}

void parts_deinit(struct parts *parts)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        struct parts_part *part = &parts->parts[i];
        if (part->stage != PARTS_NEW && part->stage != PARTS_CLOSED) {
            parts_close(parts, part);
        }
    }
}
