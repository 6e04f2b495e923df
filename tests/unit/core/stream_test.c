/* Streams as statements and as relations. */
#include "broker/core/stream.h"

#include <string.h>

#include "base/compiler.h"
#include "tests/support/cmocka.h"
#include "views/sql/parse.h"

#define ROOM_BYTES 4096

static const struct core_stream_column quake_columns[] = {
    {"id", {VEC_TEXT, 0, 0}, CORE_STREAM_KEY, 0, false, ""},
    {"at", {VEC_TIMESTAMPTZ, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_MS, false, "$.properties.time"},
    {"seen", {VEC_TIMESTAMP, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_NS, false, "$['seen']"},
    {"mag", {VEC_DOUBLE, 0, 0}, CORE_STREAM_PATH, 0, false, "$['mag']"},
    {"userId", {VEC_BIGINT, 0, 0}, CORE_STREAM_PATH, 0, false, "$['userId']"},
    {"price", {VEC_NUMERIC, 10, 2}, CORE_STREAM_PATH, 0, false, "$['price']"},
    {"any", {VEC_NUMERIC, 0, 0}, CORE_STREAM_PATH, 0, false, "$['any']"},
    {"it's", {VEC_INTEGER, 0, 0}, CORE_STREAM_PATH, 0, false, "$['it\\'s']"},
    {"a\"b", {VEC_BOOLEAN, 0, 0}, CORE_STREAM_PATH, 0, false, "$['it\\'s']"},
    {"trace", {VEC_TEXT, 0, 0}, CORE_STREAM_HEADER, 0, false, "trace'id"},
    {"day", {VEC_DATE, 0, 0}, CORE_STREAM_PATH, 0, false, "$['day']"},
    {"on", {VEC_DATE, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_MS, false, "$['on']"},
    {"took", {VEC_INTERVAL, 0, 0}, CORE_STREAM_PATH, 0, false, "$['took']"},
    {"doc", {VEC_JSONB, 0, 0}, CORE_STREAM_PATH, 0, false, "$"},
    {"_rest", {VEC_JSONB, 0, 0}, CORE_STREAM_RESIDUE, 0, false, ""},
};

static const char quake_text[] =
    "CREATE STREAM \"Big one\" (id TEXT FROM KEY, at TIMESTAMPTZ PATH '$.properties.time', "
    "seen TIMESTAMP UNIT ns, mag DOUBLE PRECISION, \"userId\" BIGINT, price NUMERIC(10, 2), "
    "\"any\" NUMERIC, \"it's\" INTEGER, \"a\"\"b\" BOOLEAN PATH '$[''it\\''s'']', "
    "trace TEXT FROM HEADER 'trace''id', day DATE, \"on\" DATE UNIT ms, took INTERVAL, doc JSONB "
    "PATH '$') "
    "FROM TOPIC 'quakes.all' FORMAT JSON KEY FORMAT INT64";

static const struct core_stream quakes = {
    .uuid = {.bytes = {1}},
    .topic = {.bytes = {2}},
    .name = "Big one",
    .version = 7,
    .is_declared = true,
    .key = CORE_STREAM_KEY_INT64,
    .columns = quake_columns,
    .columns_count = ARRAY_COUNT(quake_columns),
    .refs = 3,
};

static size_t write_stream(const struct core_stream *stream, const char *topic, char *out)
{
    struct bytes_writer w = bytes_writer(out, ROOM_BYTES - 1);
    core_stream_write(&w, stream, topic);
    assert_int_equal(w.err, ERR_OK);
    out[w.pos] = '\0';
    return w.pos;
}

static void a_stream_is_written_as_the_statement_that_declares_it(void **state)
{
    (void)state;
    char text[ROOM_BYTES];
    write_stream(&quakes, "quakes.all", text);
    assert_string_equal(text, quake_text);
}

static void what_is_written_parses(void **state)
{
    (void)state;
    struct budget budget;
    struct arena arena;
    struct sql_error error;
    struct sql_stmt *stmt;
    char text[ROOM_BYTES];
    budget_init(&budget, "test", 1 << 20, NULL);
    arena_init(&arena, &budget, 4096, 1 << 20);
    size_t length = write_stream(&quakes, "quakes.all", text);
    assert_int_equal(sql_parse(text, length, &arena, &stmt, &error), ERR_OK);
    assert_int_equal(stmt->create->columns_count, ARRAY_COUNT(quake_columns) - 1);
    arena_deinit(&arena);
    budget_deinit(&budget);
}

static void a_stream_without_columns_is_one_for_the_whole_value(void **state)
{
    (void)state;
    char text[ROOM_BYTES];
    const struct core_stream stream = {.name = "select", .key = CORE_STREAM_KEY_TEXT};
    write_stream(&stream, "orders", text);
    assert_string_equal(
        text, "CREATE STREAM \"select\" (value JSONB PATH '$') FROM TOPIC orders FORMAT JSON");
}

static void a_relation_has_the_columns_and_hidden_ones_of_the_system(void **state)
{
    (void)state;
    static const uint64_t groups[] = {5, 6};
    struct budget budget;
    struct arena arena;
    struct core_stream_relation *made;
    budget_init(&budget, "test", 1 << 20, NULL);
    arena_init(&arena, &budget, 4096, 1 << 20);
    assert_int_equal(core_stream_relation_make(&arena, &quakes, "quakes.all", groups, 2, &made),
                     ERR_OK);
    const struct plan_relation *relation = &made->relation;
    uint32_t own = ARRAY_COUNT(quake_columns);
    assert_string_equal(relation->schema, "public");
    assert_string_equal(relation->name, "Big one");
    assert_int_equal(relation->version, 7);
    assert_ptr_equal(relation->owner, made);
    assert_int_equal(relation->columns_count, own + CORE_STREAM_SYSTEM_COUNT);
    for (uint32_t i = 0; i < own; i++) {
        assert_string_equal(relation->columns[i].name, quake_columns[i].name);
        assert_ptr_not_equal(relation->columns[i].name, quake_columns[i].name);
        assert_true(vec_type_equal(relation->columns[i].type, quake_columns[i].type));
        assert_false(relation->columns[i].is_hidden);
    }
    for (uint32_t i = own; i < relation->columns_count; i++) {
        assert_string_equal(relation->columns[i].name, core_stream_system_name(i - own));
        assert_true(relation->columns[i].is_hidden);
    }
    assert_int_equal(relation->columns[own].role, PLAN_ROLE_KEY);
    assert_int_equal(relation->columns[own].type.kind, VEC_BIGINT);
    assert_int_equal(made->stream.refs, 0);
    assert_string_equal(made->topic_name, "quakes.all");
    assert_int_equal(made->partitions_count, 2);
    assert_int_equal(made->groups[1], 6);
    arena_deinit(&arena);
    budget_deinit(&budget);
}

static void a_relation_that_memory_is_short_for_is_refused(void **state)
{
    (void)state;
    static const uint64_t groups[] = {5};
    for (size_t limit = 0; limit < 3000; limit += 64) {
        struct budget budget;
        struct arena arena;
        struct core_stream_relation *made;
        budget_init(&budget, "test", limit, NULL);
        arena_init(&arena, &budget, 256, 1 << 20);
        enum err err = core_stream_relation_make(&arena, &quakes, "t", groups, 1, &made);
        assert_true(err == ERR_OK || err == ERR_BUDGET);
        assert_int_equal(err == ERR_OK, made != NULL);
        arena_deinit(&arena);
        budget_deinit(&budget);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_written_as_the_statement_that_declares_it),
        cmocka_unit_test(what_is_written_parses),
        cmocka_unit_test(a_stream_without_columns_is_one_for_the_whole_value),
        cmocka_unit_test(a_relation_has_the_columns_and_hidden_ones_of_the_system),
        cmocka_unit_test(a_relation_that_memory_is_short_for_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
