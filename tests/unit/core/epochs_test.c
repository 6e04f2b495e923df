/* Up to where the records of a leader epoch reach, and fetches whose records are not the log's. */
#include "broker/core/epochs.h"

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/yard.h"

/* A new process. Its first use raises the epoch. */
static void epochs_restart(struct yard *y, bool is_settled, uint32_t shards_count)
{
    if (is_settled) {
        yard_settle(y);
    }
    yard_close(y);
    yard_start(y, shards_count);
}

/* Records 0..9 of epoch 1; epoch 2 deletes 0..4 and has no record; 10..14 of epoch 3, 15..17 of
 * epoch 4. Epoch 5 has not begun. */
static struct yard *epochs_begin(bool is_settled)
{
    struct yard *y = yard_new(1, NULL);
    yard_start(y, 1);
    yard_append(y, 0, 10, 1000);
    epochs_restart(y, is_settled, 2);
    assert_int_equal(yard_trim(y, 0, 5).log_start_offset, 5);
    epochs_restart(y, is_settled, 1);
    yard_append(y, 0, 5, 1000);
    epochs_restart(y, is_settled, 3);
    yard_append(y, 0, 3, 1000);
    epochs_restart(y, is_settled, 2);
    return y;
}

static void epochs_end(struct yard *y)
{
    yard_close(y);
    yard_free(y);
}

/* Worked by hand after LeaderEpochFileCache.endOffsetFor (Apache Kafka 4), with the epochs that own
 * records; `deleted` records are deleted first. */
static const struct {
    const char *name;
    int64_t deleted;
    int32_t epoch;
    int32_t want_epoch;
    int64_t want_end;
} epochs_rows[] = {
    {"an epoch before the first is answered by the first record", 0, 0, 0, 5},
    {"the first epoch ends where the next one with records begins", 0, 1, 1, 10},
    {"an epoch without records is not shown", 0, 2, 1, 10},
    {"an epoch between others ends where the next begins", 0, 3, 3, 15},
    {"the last epoch with records ends at the log's end", 0, 4, 4, 18},
    {"the leader's epoch without records is not shown", 0, 5, 4, 18},
    {"an epoch above the leader's is not known", 0, 6, -1, -1},
    {"no epoch is not known", 0, -1, -1, -1},
    {"a deleted epoch is answered by the first record", 12, 1, 1, 12},
    {"an epoch between deleted ones, too", 12, 2, 2, 12},
    {"an epoch of which records are left stays", 12, 3, 3, 15},
    {"an epoch whose last record is deleted goes", 15, 3, 3, 15},
    {"in an emptied log every epoch ends at its end", 18, 1, 1, 18},
    {"in an emptied log so does the last", 18, 4, 4, 18},
};

static void epochs_row(void **state)
{
    size_t i = (size_t)*state;
    for (uint32_t is_settled = 0; is_settled < 2; is_settled++) {
        for (uint32_t is_restarted = 0; is_restarted < 2; is_restarted++) {
            struct yard *y = epochs_begin(is_settled == 1);
            if (epochs_rows[i].deleted > 0) {
                assert_int_equal(yard_trim(y, 0, epochs_rows[i].deleted).code, CORE_OK);
            }
            if (is_restarted == 1) {
                epochs_restart(y, is_settled == 1, 1);
            }
            struct core_epochs epochs = yard_epochs(y, 0, epochs_rows[i].epoch);
            assert_int_equal(epochs.code, CORE_OK);
            assert_int_equal(epochs.leader_epoch, epochs_rows[i].want_epoch);
            assert_int_equal(epochs.end_offset, epochs_rows[i].want_end);
            epochs_end(y);
        }
    }
}

/* Trap 15 of anchors/broker.md. */
static const struct {
    const char *name;
    int32_t epoch_fetched;
    uint64_t offset;
    enum core_code code;
    int32_t diverging_epoch;
    int64_t diverging_offset;
} epochs_fetch_rows[] = {
    {"a fetch behind records of the log is served", 3, 13, CORE_OK, -1, -1},
    {"a fetch behind the last record of an epoch is served", 3, 15, CORE_OK, -1, -1},
    {"a fetch behind records that the epoch never had diverges", 3, 16, CORE_OK, 3, 15},
    {"a fetch behind an epoch without records diverges", 2, 11, CORE_OK, 1, 10},
    {"a fetch above the log's end diverges", 4, 20, CORE_OK, 4, 18},
    {"a fetch of an epoch that nobody knows is out of range", 7, 13, CORE_OFFSET_OUT_OF_RANGE, -1,
     -1},
    {"a fetch below the log start is out of range", 1, 4, CORE_OFFSET_OUT_OF_RANGE, -1, -1},
    {"a fetch that tells no epoch is served", -1, 16, CORE_OK, -1, -1},
};

static void epochs_fetch_row(void **state)
{
    size_t i = (size_t)*state;
    struct yard *y = epochs_begin(true); /* nothing is loaded */
    struct core_fetch_item item =
        yard_fetch(y, 0, epochs_fetch_rows[i].offset, epochs_fetch_rows[i].epoch_fetched);
    assert_int_equal(item.code, epochs_fetch_rows[i].code);
    assert_int_equal(item.diverging_epoch, epochs_fetch_rows[i].diverging_epoch);
    assert_int_equal(item.diverging_offset, epochs_fetch_rows[i].diverging_offset);
    bool is_served = item.code == CORE_OK && item.diverging_epoch < 0;
    assert_int_equal(item.bytes > 0, is_served);
    epochs_end(y);
}

/* quorum-memory: what was shown may be lost, which shows as an epoch's end (LOG §6). */
static void a_lost_tail_is_seen_by_its_epoch(void **state)
{
    (void)state;
    struct yard *y = yard_new(4, NULL);
    y->config.topics.durability = CORE_DURABILITY_QUORUM_MEMORY;
    yard_start(y, 1);
    yard_append(y, 0, 10, 1000);
    yard_run(y, 1000);
    yard_append(y, 0, 5, 1000);
    assert_int_equal(yard_partition(y, 0)->hw_offset, 15);
    yard_crash(y, SIM_CRASH_LOSE);
    yard_start(y, 1);
    assert_int_equal(yard_append(y, 0, 20, 1000), 10); /* the 5 are lost */
    struct core_epochs epochs = yard_epochs(y, 0, 1);
    assert_int_equal(epochs.leader_epoch, 1);
    assert_int_equal(epochs.end_offset, 10);
    struct core_fetch_item item = yard_fetch(y, 0, 15, 1);
    assert_int_equal(item.diverging_epoch, 1);
    assert_int_equal(item.diverging_offset, 10);
    assert_int_equal(yard_fetch(y, 0, 15, 2).diverging_epoch, -1);
    epochs_end(y);
}

static void a_client_of_an_older_leader_is_fenced(void **state)
{
    (void)state;
    struct yard *y = epochs_begin(false);
    yard_epochs(y, 0, 3);
    static const struct {
        int32_t known;
        enum core_code code;
    } rows[] = {{5, CORE_OK}, {4, CORE_FENCED_EPOCH}, {6, CORE_UNKNOWN_EPOCH}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        y->epochs.epoch_known = rows[i].known;
        y->pending_count++;
        core_epochs_start(&y->shards[0], &y->epochs);
        yard_wait(y);
        assert_int_equal(y->epochs.code, rows[i].code);
    }
    epochs_end(y);
}

/* --- Against a list of which epoch each record has --- */

struct epochs_model {
    int32_t of[4096]; /* each record's */
    uint64_t start;
    uint64_t end;
    int32_t term; /* the leader's */
    bool is_used; /* since the start */
};

static void epochs_use(struct epochs_model *m)
{
    m->term += m->is_used ? 0 : 1;
    m->is_used = true;
}

static void epochs_compare(struct yard *y, const struct epochs_model *m)
{
    int32_t shown = m->term + (m->is_used ? 0 : 1);
    for (int32_t epoch = 0; epoch <= shown + 1; epoch++) {
        int32_t found = epoch;
        int64_t end = (int64_t)m->end;
        for (uint64_t i = m->start; i < m->end; i++) {
            if (m->of[i] > epoch) {
                end = (int64_t)i;
                break;
            }
        }
        for (uint64_t i = m->end; i > m->start; i--) {
            if (m->of[i - 1] <= epoch) {
                found = m->of[i - 1];
                break;
            }
        }
        struct core_epochs epochs = yard_epochs(y, 0, epoch);
        assert_int_equal(epochs.code, CORE_OK);
        assert_int_equal(epochs.leader_epoch, epoch > shown ? -1 : found);
        assert_int_equal(epochs.end_offset, epoch > shown ? -1 : end);
    }
}

static void epochs_life(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct yard *y = yard_new(seed, NULL);
    struct epochs_model m = {.end = 0};
    yard_start(y, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
    for (uint32_t i = 0; i < 40; i++) {
        uint64_t what = prng_below(&prng, 10);
        if (what < 3) {
            uint32_t records = 1 + (uint32_t)prng_below(&prng, 9);
            epochs_use(&m);
            yard_append(y, 0, records, 1000);
            for (uint32_t k = 0; k < records; k++) {
                m.of[m.end++] = m.term;
            }
        } else if (what < 4) {
            uint64_t offset = m.start + prng_below(&prng, m.end - m.start + 1);
            yard_trim(y, 0, (int64_t)offset);
            if (offset > m.start) {
                epochs_use(&m);
                m.start = offset;
            }
        } else if (what < 5) {
            yard_roll(y, 0);
        } else if (what < 6) {
            yard_settle(y);
        } else if (what < 9) {
            if (what < 7) {
                yard_close(y);
            } else {
                yard_crash(y, what < 8 ? SIM_CRASH_LOSE : SIM_CRASH_KEEP);
            }
            yard_start(y, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
            m.is_used = false;
        } else {
            epochs_compare(y, &m);
        }
    }
    epochs_compare(y, &m);
    epochs_end(y);
}

static void lives_agree_with_a_list_of_records(void **state)
{
    (void)state;
    struct share share = share_open("lives against each record's epoch", 60);
    while (share_more(&share)) {
        epochs_life(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(a_lost_tail_is_seen_by_its_epoch),
        cmocka_unit_test(a_client_of_an_older_leader_is_fenced),
        cmocka_unit_test(lives_agree_with_a_list_of_records),
    };
    struct CMUnitTest
        tests[ARRAY_COUNT(epochs_rows) + ARRAY_COUNT(epochs_fetch_rows) + ARRAY_COUNT(plain)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(epochs_rows); i++) {
        tests[count++] = (struct CMUnitTest){
            .name = epochs_rows[i].name, .test_func = epochs_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(epochs_fetch_rows); i++) {
        tests[count++] = (struct CMUnitTest){.name = epochs_fetch_rows[i].name,
                                             .test_func = epochs_fetch_row,
                                             .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[count++] = plain[i];
    }
    return cmocka_run_group_tests_name("core_epochs", tests, NULL, NULL);
}
