/* Operations on a pool against a naive model, the list of what is in use: one interpreter for the
 * fuzzer and the unit test. */
#ifndef TESTS_FUZZ_POOL_MODEL_H
#define TESTS_FUZZ_POOL_MODEL_H

#include "base/pool.h"

#include <string.h>

#include "base/asan.h"
#include "tests/support/ops.h"

#define POOL_MODEL_OBJECTS 64

static inline void pool_model_run(const uint8_t *data, size_t size)
{
    struct ops ops = {.data = data, .length = size};
    struct budget budget;
    struct pool pool;
    uint8_t *objects[POOL_MODEL_OBJECTS]; /* in use, each filled with a byte of its address */
    size_t count = 0;
    size_t bytes = 1 + ops_below(&ops, 3000);
    size_t align = (size_t)1 << ops_u8(&ops) % 9;
    uint32_t capacity = 1 + ops_u8(&ops) % POOL_MODEL_OBJECTS;
    budget_init(&budget, "pool", 1000 * (size_t)(1 + ops_u8(&ops)), NULL);
    pool_init(&pool, &budget, bytes, align, capacity);
    while (ops_more(&ops)) {
        uint8_t op = ops_u8(&ops);
        if (op % 8 < 5) {
            size_t left_bytes = budget_left(&budget);
            void *out;
            enum err err = pool_acquire(&pool, &out);
            ASSERT((err == ERR_OK) == (out != NULL));
            ASSERT((err == ERR_FULL) == (count == capacity));
            ASSERT(IMPLIES(err == ERR_BUDGET, left_bytes < 20000));
            if (err != ERR_OK) {
                continue;
            }
            uint8_t *object = out;
            ASSERT((uintptr_t)object % align == 0);
            for (size_t pos = 0; pos < bytes; pos++) {
                ASSERT(object[pos] == 0);
            }
            memset(object, (int)((uintptr_t)object / align % 251), bytes);
            objects[count++] = object;
        } else if (count > 0) {
            size_t i = op / 8 % count;
            pool_release(&pool, objects[i]);
#ifdef ASAN_IS_ON
            ASSERT(asan_is_poisoned(objects[i]));
#endif
            objects[i] = objects[--count];
        }
        ASSERT(pool.in_use_count == count);
        for (size_t i = 0; i < count; i++) { /* nobody wrote over another */
            ASSERT(objects[i][0] == (uint8_t)((uintptr_t)objects[i] / align % 251));
            ASSERT(objects[i][bytes - 1] == objects[i][0]);
        }
    }
    while (count > 0) {
        pool_release(&pool, objects[--count]);
    }
    pool_deinit(&pool);
    budget_deinit(&budget);
}

#endif
