/* Ticks: any bytes are one or refused; what is decoded encodes to the same bytes, lies inside, and
 * is taken or refused by a timeline. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/position.h"
#include "broker/core/tick.h"
#include "broker/core/timeline.h"
#include "tests/fuzz/fuzz.h"

/* Room for what a timeline of one input needs. */
#define FUZZ_BUDGET_BYTES (64u << 20)

static void fuzz_same(const uint8_t *data, size_t size, const struct core_tick *tick)
{
    uint8_t *out = malloc(size);
    ASSERT(out != NULL);
    struct bytes_writer w = bytes_writer(out, size);
    core_tick_put(&w, tick);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == size);
    ASSERT(memcmp(out, data, size) == 0);
    free(out);
}

static void fuzz_parts(const struct core_tick *tick)
{
    struct bytes_reader r = core_tick_starts(tick);
    struct core_tick_start start;
    uint32_t count = 0;
    for (uint32_t i = 0; i < tick->moved_count; i++) {
        ASSERT(core_tick_moved(tick, i).end <= LOG_NUMBER_MAX);
    }
    while (core_tick_next_start(&r, &start)) {
        ASSERT(start.partitions_count >= 1);
        ASSERT(core_tick_origin(&start, start.partitions_count - 1) <= LOG_NUMBER_MAX);
        count++;
    }
    ASSERT(count == tick->starts_count);
}

/* Applied, told again, and applied once more elsewhere: the same. */
static void fuzz_timeline(const struct core_tick *tick)
{
    struct budget budget;
    struct core_timeline tl;
    budget_init(&budget, "fuzz", FUZZ_BUDGET_BYTES, NULL);
    enum err err = core_timeline_init(&tl, &budget);
    ASSERT(err == ERR_OK);
    err = core_timeline_apply(&tl, tick);
    ASSERT(err == ERR_OK || err == ERR_CORRUPT || err == ERR_BUDGET || err == ERR_FULL);
    ASSERT(IMPLIES(err == ERR_CORRUPT, tl.why != NULL));
    if (err == ERR_OK) {
        struct core_timeline_next next;
        err = core_timeline_apply(&tl, tick);
        ASSERT(err == ERR_CORRUPT); /* its number does not follow */
        core_timeline_measure_state(&tl, &next);
        uint8_t *out = malloc(next.bytes);
        ASSERT(out != NULL);
        struct bytes_writer w = bytes_writer(out, next.bytes);
        core_timeline_put_state(&tl, &next, &w);
        struct core_tick again;
        err = core_tick_get(out, w.pos, &again);
        ASSERT(err == ERR_OK);
        ASSERT(again.number == tick->number);
        ASSERT(again.starts_count == tick->starts_count);
        free(out);
    }
    core_timeline_deinit(&tl);
    budget_deinit(&budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct core_tick tick;
    struct core_position position;
    enum err err = core_tick_get(data, size, &tick);
    ASSERT(err == ERR_OK || err == ERR_CORRUPT || err == ERR_UNSUPPORTED);
    if (err == ERR_OK) {
        fuzz_same(data, size, &tick);
        fuzz_parts(&tick);
        fuzz_timeline(&tick);
    }
    ASSERT(IMPLIES(err != ERR_OK, tick.number == 0));
    err = core_tick_get_batch(data, size, &tick);
    ASSERT(IMPLIES(err != ERR_OK, tick.number == 0));
    if (core_position_get((const char *)data, size, &position) == ERR_OK) {
        char text[CORE_POSITION_BYTES];
        ASSERT(core_position_put(&position, text) == size);
        ASSERT(memcmp(text, data, size) == 0);
    }
    return 0;
}
