/* Producers of a partition: operations against a naive twin (producers_model.h), and any bytes as a
 * snapshot of them: what is read is written again as it was, or the newest part of it. And any
 * bytes as a section: what is read is written again as one that reads the same. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/producers_model.h"

#define FUZZ_BYTES_MAX 65536

static void fuzz_snapshot(const uint8_t *data, size_t size, uint32_t producers_max)
{
    static uint8_t written[FUZZ_BYTES_MAX];
    struct budget budget;
    struct core_producers_shared shared;
    struct core_producers p;
    budget_init(&budget, "fuzz", 1u << 20, NULL);
    core_producers_shared_init(&shared, &budget, 1000, 1, 1);
    core_producers_init(&p, &shared, producers_max);
    enum err err = core_producers_get(&p, data, size);
    if (err == ERR_OK) {
        struct bytes_writer w = bytes_writer(written, sizeof(written));
        core_producers_put(&p, &w);
        ASSERT(w.err == ERR_OK);
        ASSERT(w.pos <= size);
        ASSERT(IMPLIES(w.pos == size, memcmp(written, data, size) == 0));
        ASSERT(p.folded_count <= producers_max);
    } else {
        ASSERT(err == ERR_TRUNCATED || err == ERR_CORRUPT || err == ERR_UNSUPPORTED ||
               err == ERR_FULL || err == ERR_BUDGET);
        ASSERT(p.by_id.count == 0);
    }
    core_producers_reset(&p);
    core_producers_shared_deinit(&shared);
    ASSERT(budget.used_bytes == 0);
    budget_deinit(&budget);
}

static void fuzz_section(const uint8_t *data, size_t size)
{
    static uint8_t written[2][FUZZ_BYTES_MAX];
    struct budget budget;
    struct core_producers_shared shared;
    struct core_producers p;
    size_t bytes[2] = {0, 0};
    budget_init(&budget, "fuzz", 1u << 20, NULL);
    core_producers_shared_init(&shared, &budget, 1000, 1, 1);
    core_producers_init(&p, &shared, 100);
    enum err err = core_producers_section_get(&p, data, size);
    for (size_t i = 0; i < 2 && err == ERR_OK; i++) {
        struct bytes_writer w = bytes_writer(written[i], sizeof(written[i]));
        core_producers_section_put(&p, p.applied_index, &w);
        ASSERT(w.err == ERR_OK);
        bytes[i] = w.pos;
        core_producers_reset(&p);
        err = core_producers_section_get(&p, written[i], bytes[i]);
        ASSERT(err == ERR_OK);
    }
    ASSERT(bytes[0] == bytes[1]);
    ASSERT(memcmp(written[0], written[1], bytes[0]) == 0);
    ASSERT(IMPLIES(err != ERR_OK, p.by_id.count == 0));
    core_producers_reset(&p);
    core_producers_shared_deinit(&shared);
    ASSERT(budget.used_bytes == 0);
    budget_deinit(&budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > FUZZ_BYTES_MAX) {
        return 0;
    }
    if (data[0] < 128) {
        producers_model_run(data + 1, size - 1 < 2000 ? size - 1 : 2000);
        return 0;
    }
    if (data[0] == 129) {
        fuzz_section(data + 1, size - 1);
    } else {
        fuzz_snapshot(data + 1, size - 1, data[0] == 128 ? 1 : 1000);
    }
    return 0;
}
