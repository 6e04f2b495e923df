/* Idempotent producers end to end: over a real store, through crashes, on other numbers of shards.
 * The rules are those of KIP-98 and KIP-360. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/idempotence.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/cores.h"

#define SUM(c, field) cores_sum(c, offsetof(struct core_idempotence_shared, field))

static struct cores *idempotence_new(uint64_t seed)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 64 << 20;
    return cores_new(seed, &options);
}

/* A batch as it is sent, and what it is answered. */
struct idempotence_row {
    const char *name;
    uint32_t partition;
    int64_t producer_id;
    int16_t epoch;
    int32_t base_sequence;
    uint32_t records;
    enum core_code code;
    uint64_t base_offset;
};

static void idempotence_send_rows(struct cores *c, const struct idempotence_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cores_append ca = {.partition = rows[i].partition};
        enum core_code code = cores_produce(c, &ca, rows[i].producer_id, rows[i].epoch,
                                            rows[i].base_sequence, rows[i].records);
        if (code != rows[i].code ||
            (code == CORE_OK && ca.append.base_offset != rows[i].base_offset)) {
            fail_msg("%s: %s at %d", rows[i].name, core_code_name(code),
                     (int)ca.append.base_offset);
        }
    }
}

static const struct idempotence_row idempotence_first[] = {
    {"a new partition, not from 0", 0, 1, 0, 4, 3, CORE_OUT_OF_ORDER, 0},
    {"the first", 0, 1, 0, 0, 3, CORE_OK, 0},
    {"again", 0, 1, 0, 0, 3, CORE_OK, 0},
    {"the second", 0, 1, 0, 3, 2, CORE_OK, 3},
    {"the first again", 0, 1, 0, 0, 3, CORE_OK, 0},
    {"the first, shorter", 0, 1, 0, 0, 2, CORE_OUT_OF_ORDER, 0},
    {"a gap", 0, 1, 0, 6, 1, CORE_OUT_OF_ORDER, 0},
    {"in the middle of the first", 0, 1, 0, 1, 1, CORE_OUT_OF_ORDER, 0},
    {"an unknown producer begins anywhere", 0, 2, 5, 10, 1, CORE_OK, 5},
    {"an older epoch", 0, 2, 4, 11, 1, CORE_PRODUCER_FENCED, 0},
    {"a newer epoch, not from 0", 0, 2, 6, 11, 1, CORE_OUT_OF_ORDER, 0},
    {"a newer epoch", 0, 2, 6, 0, 1, CORE_OK, 6},
    {"what was sent in the older one", 0, 2, 5, 10, 1, CORE_PRODUCER_FENCED, 0},
    {"the last number", 0, 3, 0, INT32_MAX, 1, CORE_OK, 7},
    {"and 0 behind it", 0, 3, 0, 0, 2, CORE_OK, 8},
    {"without a producer", 0, -1, 0, 0, 1, CORE_OK, 10},
    {"without a producer, again", 0, -1, 0, 0, 1, CORE_OK, 11},
    {"another partition is another matter", 1, 1, 0, 0, 2, CORE_OK, 0},
};

/* What is answered when all of that is long over. */
static const struct idempotence_row idempotence_later[] = {
    {"the second again", 0, 1, 0, 3, 2, CORE_OK, 3},
    {"the first again", 0, 1, 0, 0, 3, CORE_OK, 0},
    {"an old gap", 0, 1, 0, 6, 1, CORE_OUT_OF_ORDER, 0},
    {"the older epoch", 0, 2, 5, 10, 1, CORE_PRODUCER_FENCED, 0},
    {"the newer epoch", 0, 2, 6, 0, 1, CORE_OK, 6},
    {"the last number", 0, 3, 0, INT32_MAX, 1, CORE_OK, 7},
    {"0 behind it", 0, 3, 0, 0, 2, CORE_OK, 8},
    {"on another partition", 1, 1, 0, 0, 2, CORE_OK, 0},
};

static void core_idempotence_batches_are_told_apart_as_the_kips_say(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(1);
    cores_start(c, 2);
    idempotence_send_rows(c, idempotence_first, ARRAY_COUNT(idempotence_first));
    idempotence_send_rows(c, idempotence_later, ARRAY_COUNT(idempotence_later));
    cores_read(c, 0);
    assert_int_equal(c->high_watermark, 12);
    assert_int_equal(c->found_count, 8);
    cores_close(c);
    cores_free(c);
}

static void core_idempotence_survives_restarts_on_other_numbers_of_shards(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(2);
    cores_start(c, 1);
    idempotence_send_rows(c, idempotence_first, ARRAY_COUNT(idempotence_first));
    cores_close(c);
    for (uint32_t shards_count = CORES_SHARDS; shards_count > 0; shards_count--) {
        cores_start(c, shards_count);
        assert_int_equal(SUM(c, loads_count), 0); /* nothing before somebody asks */
        idempotence_send_rows(c, idempotence_later, ARRAY_COUNT(idempotence_later));
        assert_int_equal(SUM(c, loads_count), 2);
        assert_int_equal(SUM(c, duplicate_count), 6);
        if (shards_count == 2) {
            cores_close(c);
        } else {
            cores_crash(c, SIM_CRASH_SEEDED);
        }
    }
    cores_start(c, 2);
    idempotence_send_rows(
        c, (const struct idempotence_row[]){{"and goes on", 0, 1, 0, 5, 1, CORE_OK, 12}}, 1);
    cores_close(c);
    cores_free(c);
}

static void core_idempotence_forgets_all_but_five_batches(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(3);
    cores_start(c, 1);
    struct cores_append ca = {0};
    for (int32_t i = 0; i < 7; i++) {
        assert_int_equal(cores_produce(c, &ca, 9, 0, i, 1), CORE_OK);
    }
    for (uint32_t life = 0; life < 2; life++) {
        for (int32_t i = 0; i < 7; i++) {
            enum core_code code = cores_produce(c, &ca, 9, 0, i, 1);
            assert_int_equal(code, i < 2 ? CORE_OUT_OF_ORDER : CORE_OK);
            assert_true(code != CORE_OK || ca.append.base_offset == (uint64_t)i);
        }
        cores_crash(c, SIM_CRASH_SEEDED);
        cores_start(c, 1);
    }
    cores_close(c);
    cores_free(c);
}

static void core_idempotence_duplicates_in_flight_are_answered_once(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(4);
    cores_start(c, 2);
    struct cores_append ca[4];
    for (uint32_t i = 0; i < 4; i++) {
        ca[i] = (struct cores_append){.producer_id = 5,
                                      .records = 3,
                                      .acks = i == 2   ? 1
                                              : i == 3 ? 0
                                                       : -1,
                                      .home = 0};
        cores_send(c, &ca[i]);
    }
    cores_wait(c);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(ca[i].append.code, CORE_OK);
        assert_int_equal(ca[i].append.base_offset, 0);
        assert_int_equal(ca[i].answered_count, 1);
    }
    assert_int_equal(SUM(c, duplicate_count), 3);
    cores_read(c, 0);
    assert_int_equal(c->found_count, 1);
    cores_close(c);
    cores_free(c);
}

static void core_idempotence_answers_the_time_of_the_first_append(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(5);
    c->config.topics.is_append_time = true;
    cores_start(c, 1);
    struct cores_append ca = {0};
    assert_int_equal(cores_produce(c, &ca, 1, 0, 0, 2), CORE_OK);
    int64_t first_ms = ca.append.append_time_ms;
    assert_true(first_ms >= 0);
    for (uint32_t life = 0; life < 2; life++) {
        sim_run_for(c->sim, 1234 * RT_NS_PER_MS);
        assert_int_equal(cores_produce(c, &ca, 1, 0, 0, 2), CORE_OK);
        assert_int_equal(ca.append.append_time_ms, first_ms);
        cores_crash(c, SIM_CRASH_SEEDED);
        cores_start(c, 1);
    }
    cores_read(c, 0);
    assert_int_equal(c->found_count, 1);
    assert_int_equal(c->found[0].max_timestamp, first_ms);
    cores_close(c);
    cores_free(c);
}

/* --- Sections --- */

/* Batches of about 1 KiB, 24 KiB a segment, from several producers in turn. */
static void idempotence_fill(struct cores *c, int32_t from, int32_t to)
{
    for (int32_t i = from; i < to; i++) {
        struct cores_append ca = {.value_bytes = 900};
        assert_int_equal(cores_produce(c, &ca, 1 + i % 3, 0, i / 3, 1), CORE_OK);
        assert_int_equal(ca.append.base_offset, i);
    }
}

static void core_idempotence_sections_spare_a_start_the_log(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(6);
    cores_start(c, 2);
    idempotence_fill(c, 0, 300);
    sim_run_for(c->sim, RT_NS_PER_S); /* segments get their files */
    cores_close(c);
    for (int32_t life = 0; life < 4; life++) {
        cores_start(c, 1 + (uint32_t)life % 3);
        struct cores_append ca = {.value_bytes = 900};
        int32_t end = 300 + 30 * life;
        for (int32_t i = end - 15; i < end; i++) { /* five of each: all are known */
            assert_int_equal(cores_produce(c, &ca, 1 + i % 3, 0, i / 3, 1), CORE_OK);
            assert_int_equal(ca.append.base_offset, i);
        }
        assert_int_equal(SUM(c, loads_count), 1);
        assert_int_equal(SUM(c, sections_count), 1);
        assert_in_range(SUM(c, fed_count), 1, 60); /* two segments of 330 batches */
        idempotence_fill(c, end, end + 30);
        sim_run_for(c->sim, RT_NS_PER_S);
        if (life % 2 == 0) {
            cores_close(c);
        } else {
            cores_crash(c, SIM_CRASH_SEEDED);
        }
    }
    cores_free(c);
}

/* Nobody has asked for the producers when a segment begins: they are read then. */
static void core_idempotence_sections_are_made_for_who_does_not_ask(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(7);
    struct cores_append ca = {.value_bytes = 900};
    cores_start(c, 1);
    assert_int_equal(cores_produce(c, &ca, 7, 0, 0, 1), CORE_OK);
    cores_close(c);
    cores_start(c, 1);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(cores_produce(c, &ca, -1, 0, 0, 1), CORE_OK);
    }
    assert_int_equal(SUM(c, loads_count), 0); /* no segment began */
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(cores_produce(c, &ca, -1, 0, 0, 1), CORE_OK);
    }
    assert_int_equal(SUM(c, loads_count), 1);
    sim_run_for(c->sim, RT_NS_PER_S);
    cores_crash(c, SIM_CRASH_SEEDED);
    cores_start(c, 1);
    assert_int_equal(cores_produce(c, &ca, 7, 0, 0, 1), CORE_OK);
    assert_int_equal(ca.append.base_offset, 0);
    assert_int_equal(SUM(c, sections_count), 1);
    assert_in_range(SUM(c, fed_count), 1, 60);
    cores_close(c);
    cores_free(c);
}

/* A partition that never saw a producer says so in each segment, and reads nothing for it. */
static void core_idempotence_costs_nothing_without_producers(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(8);
    struct cores_append ca = {.value_bytes = 900};
    cores_start(c, 1);
    for (uint32_t i = 0; i < 120; i++) {
        assert_int_equal(cores_produce(c, &ca, -1, 0, 0, 1), CORE_OK);
    }
    assert_int_equal(SUM(c, loads_count), 0);
    assert_null(cores_partition(c, 0)->idempotence);
    assert_int_equal(cores_shard_of(c, 0)->idempotence.states.objects_count, 0);
    sim_run_for(c->sim, RT_NS_PER_S);
    cores_close(c);
    cores_start(c, 1);
    assert_int_equal(cores_produce(c, &ca, 7, 0, 33, 1), CORE_OK);
    assert_int_equal(SUM(c, sections_count), 1);
    assert_in_range(SUM(c, fed_count), 1, 60);
    cores_close(c);
    cores_free(c);
}

/* Deleting records says nothing of their producers: what was deleted is known as long as it would
 * be, whether its segment is there (from what stands below the log start) or gone (from the section
 * of the next). */
static void core_idempotence_knows_what_was_deleted(void **state)
{
    (void)state;
    static const int64_t starts[] = {1, 200, 285, 292, 299, 300};
    for (size_t i = 0; i < ARRAY_COUNT(starts); i++) {
        struct cores *c = idempotence_new(20 + i);
        struct cores_append ca = {.value_bytes = 900};
        cores_start(c, 1);
        idempotence_fill(c, 0, 300);
        sim_run_for(c->sim, RT_NS_PER_S);
        cores_trim(c, 0, starts[i]);
        sim_run_for(c->sim, RT_NS_PER_S); /* files go */
        for (uint32_t life = 0; life < 3; life++) {
            for (int32_t k = 285; k < 300; k++) {
                assert_int_equal(cores_produce(c, &ca, 1 + k % 3, 0, k / 3, 1), CORE_OK);
                assert_int_equal(ca.append.base_offset, k);
            }
            cores_crash(c, SIM_CRASH_SEEDED);
            cores_start(c, 1 + life % 2);
        }
        idempotence_fill(c, 300, 303);
        cores_close(c);
        cores_free(c);
    }
}

/* --- What cannot be read --- */

/* The newest file of partition 0 that ends in `suffix`. */
struct idempotence_path {
    const char *suffix;
    uint64_t first_index;
    char path[LIMIT_PATH_BYTES];
};

static void idempotence_visit(void *ctx, const char *path)
{
    struct idempotence_path *newest = ctx;
    const char *name = strrchr(path, '/');
    const char *suffix = strrchr(path, '.');
    if (name == NULL || suffix == NULL || strcmp(suffix, newest->suffix) != 0) {
        return;
    }
    uint64_t first_index = strtoull(name + 1, NULL, 10);
    if (first_index >= newest->first_index) {
        newest->first_index = first_index;
        snprintf(newest->path, sizeof(newest->path), "%s", path);
    }
}

static void idempotence_rot(struct cores *c, const char *suffix, uint64_t pos)
{
    struct idempotence_path newest = {.suffix = suffix};
    sim_disk_walk(sim_node_disk(c->node), idempotence_visit, &newest);
    assert_true(newest.first_index > 1);
    assert_int_equal(sim_disk_rot(sim_node_disk(c->node), newest.path, pos, 3), ERR_OK);
}

/* Nobody may leave out an entry: batches of producers wait until it is repaired or given up (LOG
 * §5). Others go on, and asking again does not read again what was read. */
static void core_idempotence_stops_before_what_has_rotted(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(12);
    struct cores_append ca = {.value_bytes = 900};
    cores_start(c, 1);
    idempotence_fill(c, 0, 300);
    sim_run_for(c->sim, RT_NS_PER_S);
    cores_close(c);
    idempotence_rot(c, ".log", 5000);
    cores_start(c, 1);
    assert_int_equal(cores_produce(c, &ca, 1, 0, 99, 1), CORE_STORAGE);
    uint64_t fed_count = SUM(c, fed_count);
    assert_in_range(fed_count, 1, 60);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(cores_produce(c, &ca, 1, 0, 99, 1), CORE_STORAGE);
        assert_int_equal(SUM(c, fed_count), fed_count);
        assert_int_equal(cores_produce(c, &ca, -1, 0, 0, 1), CORE_OK);
    }
    ca.partition = 1;
    assert_int_equal(cores_produce(c, &ca, 1, 0, 0, 1), CORE_OK);
    cores_close(c);
    cores_free(c);
}

/* A .snap can: an older one says the same, and takes longer. */
static void core_idempotence_goes_back_where_a_section_has_rotted(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(13);
    struct cores_append ca = {.value_bytes = 900};
    cores_start(c, 1);
    idempotence_fill(c, 0, 300);
    sim_run_for(c->sim, RT_NS_PER_S);
    cores_close(c);
    idempotence_rot(c, ".snap", 100);
    cores_start(c, 1);
    for (int32_t i = 285; i < 300; i++) {
        assert_int_equal(cores_produce(c, &ca, 1 + i % 3, 0, i / 3, 1), CORE_OK);
        assert_int_equal(ca.append.base_offset, i);
    }
    assert_int_equal(SUM(c, sections_count), 1);
    assert_in_range(SUM(c, fed_count), 20, 90);
    cores_close(c);
    cores_free(c);
}

/* --- Limits --- */

/* The fold, but for the index up to which it is applied: how many bytes. */
static size_t idempotence_fold(struct cores *c, uint8_t *out, size_t out_bytes)
{
    const struct core_producers *p = core_idempotence_producers(cores_partition(c, 0));
    assert_non_null(p);
    assert_int_equal(p->overlay_count, 0);
    struct bytes_writer w = bytes_writer(out, out_bytes);
    core_producers_put(p, &w);
    assert_int_equal(w.err, ERR_OK);
    memset(out + 8, 0, sizeof(uint64_t));
    return w.pos;
}

static void core_idempotence_the_oldest_by_index_expire_alike_after_a_start(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(9);
    struct cores_append ca = {0};
    c->producers_max = 4;
    cores_start(c, 1);
    static const int64_t order[] = {1, 2, 3, 4, 5, 6, 1, 2, 4};
    int32_t next[7] = {0};
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        int32_t sequence = next[order[i]]++;
        assert_int_equal(cores_produce(c, &ca, order[i], 0, sequence, 1), CORE_OK);
        assert_int_equal(ca.append.base_offset, i);
    }
    /* 1 and 2 had expired before they came again; of the last indexes 3 4(9) 5 6 1 2, 6 1 2 4 stay.
     */
    uint8_t before[1024];
    uint8_t after[1024];
    size_t bytes = idempotence_fold(c, before, sizeof(before));
    assert_int_equal(core_idempotence_producers(cores_partition(c, 0))->folded_count, 4);
    for (uint32_t life = 0; life < 3; life++) {
        cores_crash(c, SIM_CRASH_SEEDED);
        cores_start(c, 1 + life);
        assert_int_equal(cores_produce(c, &ca, 6, 0, 0, 1), CORE_OK);
        assert_int_equal(ca.append.base_offset, 5);
        assert_int_equal(cores_produce(c, &ca, 1, 0, 1, 1), CORE_OK);
        assert_int_equal(ca.append.base_offset, 6);
        assert_int_equal(idempotence_fold(c, after, sizeof(after)), bytes);
        assert_memory_equal(after, before, bytes);
    }
    /* 5 has expired: what it sent before is new. */
    assert_int_equal(cores_produce(c, &ca, 5, 0, 0, 1), CORE_OK);
    assert_int_equal(ca.append.base_offset, 9);
    cores_close(c);
    cores_free(c);
}

static void core_idempotence_waits_for_so_many_and_lets_nobody_overtake(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(10);
    struct cores_append first = {0};
    uint32_t count = CORE_IDEMPOTENCE_WAITING_MAX + 3;
    struct cores_append *ca = calloc(count, sizeof(*ca));
    assert_non_null(ca);
    cores_start(c, 1);
    assert_int_equal(cores_produce(c, &first, 1, 0, 0, 1), CORE_OK);
    cores_crash(c, SIM_CRASH_SEEDED);
    cores_start(c, 1);
    for (uint32_t i = 0; i < count; i++) {
        bool is_last = i >= CORE_IDEMPOTENCE_WAITING_MAX;
        ca[i] = (struct cores_append){
            .producer_id = is_last ? 2 : 1,
            .base_sequence = (int32_t)(is_last ? i - CORE_IDEMPOTENCE_WAITING_MAX : i + 1),
            .records = 1,
            .acks = -1};
        cores_send(c, &ca[i]);
    }
    cores_wait(c);
    for (uint32_t i = 0; i < count; i++) {
        bool is_last = i >= CORE_IDEMPOTENCE_WAITING_MAX;
        assert_int_equal(ca[i].append.code, is_last ? CORE_NOT_AVAILABLE : CORE_OK);
        assert_true(is_last || ca[i].append.base_offset == i + 1);
        assert_int_equal(ca[i].answered_count, 1);
    }
    /* 2 had three on their way; the second and the third are not let in before the first. */
    uint64_t end = CORE_IDEMPOTENCE_WAITING_MAX + 1;
    assert_int_equal(cores_produce(c, &first, 2, 0, 1, 1), CORE_OUT_OF_ORDER);
    assert_int_equal(cores_produce(c, &first, 2, 0, 2, 1), CORE_OUT_OF_ORDER);
    assert_int_equal(cores_produce(c, &first, 2, 0, 0, 1), CORE_OK);
    assert_int_equal(first.append.base_offset, end);
    assert_int_equal(cores_produce(c, &first, 2, 0, 1, 1), CORE_OK);
    assert_int_equal(first.append.base_offset, end + 1);
    cores_close(c);
    cores_free(c);
    free(ca);
}

static void core_idempotence_gives_folds_up_that_nobody_needs(void **state)
{
    (void)state;
    struct cores *c = idempotence_new(11);
    struct cores_append ca = {0};
    c->entries_max = 3;
    cores_start(c, 1);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t partition = 0; partition < CORES_PARTITIONS; partition++) {
            ca.partition = partition;
            for (int64_t id = 1; id <= 2; id++) {
                uint64_t offset = (uint64_t)(id - 1);
                assert_int_equal(cores_produce(c, &ca, id, 0, 0, 1), CORE_OK);
                assert_int_equal(ca.append.base_offset, offset);
            }
        }
    }
    assert_true(SUM(c, given_up_count) >= 2 * CORES_PARTITIONS);
    /* More of one partition than there is memory for: refused, to be tried again. */
    for (int64_t id = 3; id <= 4; id++) {
        assert_int_equal(cores_produce(c, &ca, id, 0, 0, 1), id == 3 ? CORE_OK : CORE_OVERLOADED);
    }
    cores_close(c);
    cores_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_idempotence_batches_are_told_apart_as_the_kips_say),
        cmocka_unit_test(core_idempotence_survives_restarts_on_other_numbers_of_shards),
        cmocka_unit_test(core_idempotence_forgets_all_but_five_batches),
        cmocka_unit_test(core_idempotence_duplicates_in_flight_are_answered_once),
        cmocka_unit_test(core_idempotence_answers_the_time_of_the_first_append),
        cmocka_unit_test(core_idempotence_sections_spare_a_start_the_log),
        cmocka_unit_test(core_idempotence_sections_are_made_for_who_does_not_ask),
        cmocka_unit_test(core_idempotence_costs_nothing_without_producers),
        cmocka_unit_test(core_idempotence_knows_what_was_deleted),
        cmocka_unit_test(core_idempotence_stops_before_what_has_rotted),
        cmocka_unit_test(core_idempotence_goes_back_where_a_section_has_rotted),
        cmocka_unit_test(core_idempotence_the_oldest_by_index_expire_alike_after_a_start),
        cmocka_unit_test(core_idempotence_waits_for_so_many_and_lets_nobody_overtake),
        cmocka_unit_test(core_idempotence_gives_folds_up_that_nobody_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
