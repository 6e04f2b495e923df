/* Keys to partitions, against what Java clients choose: the vectors of Apache Kafka's UtilsTest. */
#include "broker/core/partitioner.h"

#include <string.h>

#include "tests/support/cmocka.h"

static const struct partitioner_row {
    const char *name;
    const char *key;
    int32_t hash;
} partitioner_rows[] = {
    {"21", "21", -973932308},
    {"foobar", "foobar", -790332482},
    {"a-little-bit-long-string", "a-little-bit-long-string", -985981536},
    {"a-little-bit-longer-string", "a-little-bit-longer-string", -1486304829},
    {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
     "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
    {"abc", "abc", 479470107},
};

static void partitioner_vector(void **state)
{
    const struct partitioner_row *row = *state;
    size_t length = strlen(row->key);
    assert_int_equal((int32_t)core_murmur2(row->key, length), row->hash);
    for (uint32_t count = 1; count < 100; count++) {
        assert_int_equal(core_partition_of_key(row->key, length, count),
                         ((uint32_t)row->hash & INT32_MAX) % count);
    }
}

/* The bytes count, not where they stand; of no bytes there is a hash, too. */
static void a_key_is_read_wherever_it_stands(void **state)
{
    (void)state;
    char room[64];
    for (size_t pos = 0; pos < 8; pos++) {
        memcpy(room + pos, "a-little-bit-longer-string", 26);
        assert_int_equal((int32_t)core_murmur2(room + pos, 26), -1486304829);
    }
    assert_int_equal(core_murmur2(NULL, 0), core_murmur2("", 0));
    assert_int_equal((int32_t)core_murmur2("", 0), 275646681);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_key_is_read_wherever_it_stands)};
    struct CMUnitTest vectors[sizeof(partitioner_rows) / sizeof(partitioner_rows[0])];
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        vectors[i] = (struct CMUnitTest){.name = partitioner_rows[i].name,
                                         .test_func = partitioner_vector,
                                         .initial_state = (void *)(uintptr_t)&partitioner_rows[i]};
    }
    int failed = cmocka_run_group_tests_name("core_partitioner", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("core_partitioner: Kafka's vectors", vectors, NULL, NULL);
    return failed;
}
