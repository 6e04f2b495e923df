/* Operations on an arena against a naive model, the list of what was given out: one interpreter for
 * the fuzzer and the unit test. */
#ifndef TESTS_FUZZ_ARENA_MODEL_H
#define TESTS_FUZZ_ARENA_MODEL_H

#include "base/arena.h"

#include <string.h>

#include "tests/support/ops.h"

#define ARENA_MODEL_ALLOCS 200 /* allocations that live at a time */
#define ARENA_MODEL_MARKS  6

/* The arena and the model. */
struct arena_model {
    struct budget budget;
    struct arena arena;
    struct {
        uint8_t *data; /* filled with its number */
        size_t bytes;
    } allocs[ARENA_MODEL_ALLOCS]; /* in order */
    size_t count;                 /* of `allocs` */
    struct {
        struct arena_mark mark;
        size_t count; /* allocations then */
    } marks[ARENA_MODEL_MARKS];
    size_t marks_count;
};

static inline void arena_model_check(const struct arena_model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        for (size_t pos = 0; pos < m->allocs[i].bytes; pos++) {
            ASSERT(m->allocs[i].data[pos] == (uint8_t)i);
        }
    }
    size_t blocks_bytes = 0;
    list_for_each (node, &m->budget.blocks) {
        blocks_bytes += budget_block_bytes(0, ARENA_ALIGN_MAX);
    }
    ASSERT(m->budget.used_bytes == m->arena.held_bytes + blocks_bytes);
    ASSERT(m->arena.held_bytes <= m->arena.limit_bytes);
}

/* What lived from allocation `count` on is gone. */
static inline void arena_model_forget(struct arena_model *m, size_t count)
{
#ifdef ASAN_IS_ON
    for (size_t i = count; i < m->count; i++) {
        ASSERT(m->allocs[i].bytes == 0 || asan_is_poisoned(m->allocs[i].data));
    }
#endif
    m->count = count;
}

static inline void arena_model_alloc(struct arena_model *m, size_t bytes, size_t align,
                                     bool is_zeroed)
{
    bool was_refused = m->arena.err != ERR_OK;
    size_t held_bytes = m->arena.held_bytes;
    uint8_t *data = is_zeroed ? arena_alloc_zeroed(&m->arena, bytes, align)
                              : arena_alloc(&m->arena, bytes, align);
    ASSERT((data == NULL) == (m->arena.err != ERR_OK));
    ASSERT(IMPLIES(was_refused, data == NULL));
    if (data == NULL) {
        ASSERT(m->arena.held_bytes == held_bytes);
        ASSERT(IMPLIES(m->arena.err == ERR_TOO_LARGE && !was_refused,
                       held_bytes + bytes + ARENA_ALIGN_MAX > m->arena.limit_bytes));
        return;
    }
    ASSERT((uintptr_t)data % align == 0);
    for (size_t pos = 0; is_zeroed && pos < bytes; pos++) {
        ASSERT(data[pos] == 0);
    }
    memset(data, (int)m->count, bytes);
    m->allocs[m->count].data = data;
    m->allocs[m->count].bytes = bytes;
    m->count++;
}

static inline void arena_model_run(const uint8_t *data, size_t size)
{
    struct ops ops = {.data = data, .length = size};
    struct arena_model m = {0};
    budget_init(&m.budget, "arena", ops_u8(&ops) % 2 == 0 ? 100000 : 5000, NULL);
    arena_init(&m.arena, &m.budget, 256 + 16 * (size_t)ops_u8(&ops), 200 + ops_below(&ops, 16000));
    while (ops_more(&ops)) {
        uint8_t op = ops_u8(&ops);
        if (op < 180 && m.count < ARENA_MODEL_ALLOCS) {
            size_t bytes = op % 8 == 0 ? ops_below(&ops, 5000) : ops_u8(&ops) / 2u;
            arena_model_alloc(&m, bytes, (size_t)1 << ops_u8(&ops) % 7, op % 3 == 0);
        } else if (op < 210 && m.marks_count < ARENA_MODEL_MARKS) {
            m.marks[m.marks_count].mark = arena_mark(&m.arena);
            m.marks[m.marks_count++].count = m.count;
        } else if (op < 250 && m.marks_count > 0) { /* that mark and those after it are used up */
            enum err err = m.arena.err;
            m.marks_count = op % m.marks_count;
            arena_rewind(&m.arena, m.marks[m.marks_count].mark);
            arena_model_forget(&m, m.marks[m.marks_count].count);
            ASSERT(m.arena.err == err);
        } else if (op >= 250) {
            m.marks_count = 0;
            arena_reset(&m.arena);
            arena_model_forget(&m, 0);
            ASSERT(m.arena.err == ERR_OK);
            ASSERT(m.arena.held_bytes == 0 || m.arena.held_bytes == m.arena.chunk_bytes);
        }
        arena_model_check(&m);
    }
    arena_deinit(&m.arena);
    budget_deinit(&m.budget);
}

#endif
