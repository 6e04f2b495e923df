/* Offsets by time, deleted records apart: against a list of every record's timestamp. */
#include "broker/core/offsets.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/yard.h"

#define OFFSETS_RECORDS 4096u

struct offsets_model {
    int64_t timestamps[OFFSETS_RECORDS]; /* each record's */
    uint64_t start;
    uint64_t end;
};

static void offsets_append(struct yard *y, struct offsets_model *m, uint32_t records,
                           int64_t timestamp, int64_t step_ms)
{
    y->step_ms = step_ms;
    assert_int_equal(yard_append(y, 0, records, timestamp), m->end);
    for (uint32_t i = 0; i < records; i++) {
        m->timestamps[m->end++] = timestamp + i * step_ms;
    }
}

/* The first record with the largest timestamp; m->end: there is none. */
static uint64_t offsets_largest(const struct offsets_model *m)
{
    uint64_t found = m->end;
    for (uint64_t i = m->start; i < m->end; i++) {
        if (found == m->end || m->timestamps[i] > m->timestamps[found]) {
            found = i;
        }
    }
    return found;
}

static uint64_t offsets_first_from(const struct offsets_model *m, int64_t timestamp)
{
    uint64_t found = m->start;
    while (found < m->end && m->timestamps[found] < timestamp) {
        found++;
    }
    return found;
}

static void offsets_expect(const struct offsets_model *m, const struct core_offsets *offsets,
                           uint64_t found)
{
    assert_int_equal(offsets->code, CORE_OK);
    if (found == m->end) {
        assert_int_equal(offsets->offset, -1);
        assert_int_equal(offsets->timestamp_found, -1);
    } else {
        assert_int_equal(offsets->offset, found);
        assert_int_equal(offsets->timestamp_found, m->timestamps[found]);
    }
}

static void offsets_compare(struct yard *y, const struct offsets_model *m)
{
    struct core_offsets offsets = yard_offsets(y, 0, CORE_OFFSETS_MAX_TIMESTAMP);
    offsets_expect(m, &offsets, offsets_largest(m));
    for (int64_t timestamp = 0; timestamp <= 120; timestamp += 15) {
        offsets = yard_offsets(y, 0, timestamp);
        offsets_expect(m, &offsets, offsets_first_from(m, timestamp));
    }
}

/* 0..9 at 5000, 10..14 at 1000, 1010 ... 1040, 15..19 at 3000, 20..24 at 2000. */
static const struct {
    const char *name;
    int64_t deleted;
    int64_t offset;
    int64_t timestamp;
} offsets_rows[] = {
    {"the largest timestamp is the first record's", 0, 0, 5000},
    {"its batch is cut short", 4, 4, 5000},
    {"its batch is deleted, a later one has the largest", 10, 15, 3000},
    {"the start lies within a batch before the largest", 12, 15, 3000},
    {"the start lies within the batch that has it", 17, 17, 3000},
    {"the last batch has it", 20, 20, 2000},
    {"no record is left", 25, -1, -1},
};

static void offsets_row(void **state)
{
    size_t i = (size_t)*state;
    struct offsets_model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    struct yard *y = yard_new(1, NULL);
    yard_start(y, 2);
    offsets_append(y, m, 10, 5000, 0);
    offsets_append(y, m, 5, 1000, 10);
    offsets_append(y, m, 5, 3000, 0);
    offsets_append(y, m, 5, 2000, 0);
    assert_int_equal(yard_trim(y, 0, offsets_rows[i].deleted).code, CORE_OK);
    for (uint32_t round = 0; round < 2; round++) {
        struct core_offsets offsets = yard_offsets(y, 0, CORE_OFFSETS_MAX_TIMESTAMP);
        assert_int_equal(offsets.code, CORE_OK);
        assert_int_equal(offsets.offset, offsets_rows[i].offset);
        assert_int_equal(offsets.timestamp_found, offsets_rows[i].timestamp);
        yard_settle(y);
        yard_close(y);
        yard_start(y, 1);
    }
    yard_close(y);
    yard_free(y);
    free(m);
}

/* A batch that is on its way to the disk is not counted, and hides nothing. */
static void a_newer_batch_that_is_not_committed_hides_nothing(void **state)
{
    (void)state;
    struct yard *y = yard_new(2, NULL);
    yard_start(y, 1);
    yard_append(y, 0, 3, 1000);
    assert_int_equal(yard_offsets(y, 0, CORE_OFFSETS_MAX_TIMESTAMP).offset, 0); /* asked again */
    yard_append_start(y, 0, 3, 2000);
    struct core_partition *part = yard_partition(y, 0);
    while (core_partition_status(part).max_timestamp < 2000) {
        assert_true(sim_run_steps(y->sim, 1));
    }
    assert_int_equal(part->hw_offset, 3);
    core_offsets_start(&y->shards[0], &y->offsets);
    y->pending_count++;
    while (y->offsets.offset < 0) {
        assert_true(sim_run_steps(y->sim, 1));
    }
    assert_int_equal(part->hw_offset, 3); /* still */
    assert_int_equal(y->offsets.offset, 0);
    assert_int_equal(y->offsets.timestamp_found, 1000);
    yard_wait(y);
    assert_int_equal(yard_offsets(y, 0, CORE_OFFSETS_MAX_TIMESTAMP).offset, 3);
    yard_close(y);
    yard_free(y);
}

static void offsets_life(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct offsets_model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    struct yard *y = yard_new(seed, NULL);
    y->config.log.hot_bytes_max = 4096;
    yard_start(y, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
    for (uint32_t i = 0; i < 40; i++) {
        uint64_t what = prng_below(&prng, 10);
        if (what < 4) {
            y->value_bytes = (uint32_t)prng_below(&prng, 400);
            offsets_append(y, m, 1 + (uint32_t)prng_below(&prng, 8),
                           (int64_t)prng_below(&prng, 100), (int64_t)prng_below(&prng, 4));
        } else if (what < 6) {
            m->start += prng_below(&prng, m->end - m->start + 1) / (1 + prng_below(&prng, 3));
            yard_trim(y, 0, (int64_t)m->start);
        } else if (what < 7) {
            yard_roll(y, 0);
        } else if (what < 8) {
            yard_settle(y);
            yard_close(y);
            yard_start(y, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
        } else {
            offsets_compare(y, m);
        }
    }
    offsets_compare(y, m);
    yard_close(y);
    yard_free(y);
    free(m);
}

static void lives_agree_with_a_list_of_timestamps(void **state)
{
    (void)state;
    struct share share = share_open("lives against each record's timestamp", 60);
    while (share_more(&share)) {
        offsets_life(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(a_newer_batch_that_is_not_committed_hides_nothing),
        cmocka_unit_test(lives_agree_with_a_list_of_timestamps),
    };
    struct CMUnitTest tests[ARRAY_COUNT(offsets_rows) + ARRAY_COUNT(plain)];
    for (size_t i = 0; i < ARRAY_COUNT(offsets_rows); i++) {
        tests[i] = (struct CMUnitTest){
            .name = offsets_rows[i].name, .test_func = offsets_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[ARRAY_COUNT(offsets_rows) + i] = plain[i];
    }
    return cmocka_run_group_tests_name("core_offsets", tests, NULL, NULL);
}
