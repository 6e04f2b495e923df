/* CREATE STREAM: what is declared, printed back, and what is refused, where and how. */
#include "broker/core/stream_declare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "tests/support/cmocka.h"
#include "views/sql/parse.h"

/* A catalog with some topics, and memory. */
struct declare_test {
    struct budget budget;
    struct arena arena;
    struct core_catalog_keeper keeper;
    struct core_catalog *catalog;
};

static int declare_open(void **state)
{
    static const char *const names[] = {"quakes", "quakes.all", "Orders",
                                        "ORDERS", "userEvents", "__tdb_x"};
    struct declare_test *t = calloc(1, sizeof(*t));
    struct core_topic_config defaults = core_topic_config_default();
    assert_non_null(t);
    budget_init(&t->budget, "test", 32 << 20, NULL);
    arena_init(&t->arena, &t->budget, 16 << 10, 16 << 20);
    core_catalog_keeper_init(&t->keeper, &t->budget, &defaults);
    assert_int_equal(core_catalog_new(&t->keeper, &t->catalog), ERR_OK);
    for (uint8_t i = 0; i < ARRAY_COUNT(names); i++) {
        const struct core_command cmd = {.type = CORE_COMMAND_TOPIC_CREATE,
                                         .uuid = {.bytes = {(uint8_t)(i + 1)}},
                                         .name = names[i],
                                         .name_bytes = (uint16_t)strlen(names[i]),
                                         .group_first = i + 1u,
                                         .partitions_count = 1};
        struct core_catalog *next;
        struct err_info info;
        assert_int_equal(core_catalog_apply(&t->keeper, t->catalog, &cmd, 1, i + 1u, &next, &info),
                         ERR_OK);
        core_catalog_unref(&t->keeper, t->catalog);
        t->catalog = next;
    }
    *state = t;
    return 0;
}

static int declare_close(void **state)
{
    struct declare_test *t = *state;
    core_catalog_unref(&t->keeper, t->catalog);
    core_catalog_keeper_deinit(&t->keeper);
    arena_deinit(&t->arena);
    budget_deinit(&t->budget);
    free(t);
    return 0;
}

static enum err declare(struct declare_test *t, const char *text, struct core_stream *out,
                        struct sql_error *error)
{
    struct sql_stmt *stmt;
    arena_reset(&t->arena);
    enum err err = sql_parse(text, strlen(text), &t->arena, &stmt, error);
    if (err != ERR_OK) {
        fail_msg("%s: %s", text, error->message);
    }
    assert_int_equal(stmt->kind, SQL_STMT_CREATE_STREAM);
    return core_stream_declare(t->catalog, stmt->create, text, strlen(text), &t->arena, out, error);
}

/* The statement and how it is printed back; NULL: as it is. */
static const struct declare_row {
    const char *text;
    const char *printed;
} declare_rows[] = {
    {"CREATE STREAM s (a BIGINT) FROM TOPIC quakes FORMAT JSON", NULL},
    {"create stream Public.s (userId bigint, b text path '$.b[0]') from topic QUAKES format json",
     "CREATE STREAM s (\"userId\" BIGINT, b TEXT PATH '$.b[0]') FROM TOPIC quakes FORMAT JSON"},
    {"CREATE STREAM s (id TEXT FROM KEY, at TIMESTAMPTZ PATH '$.properties.time', mag DOUBLE "
     "PRECISION PATH '$.properties.mag', doc JSONB PATH '$') FROM TOPIC 'quakes.all' FORMAT JSON",
     NULL},
    {"CREATE STREAM s (a NUMERIC(10, 2), b NUMERIC, c NUMERIC(5)) FROM TOPIC quakes FORMAT JSON",
     "CREATE STREAM s (a NUMERIC(10, 2), b NUMERIC, c NUMERIC(5, 0)) FROM TOPIC quakes FORMAT "
     "JSON"},
    {"CREATE STREAM s (a TIMESTAMPTZ UNIT s, b TIMESTAMP UNIT us, c TIMESTAMPTZ UNIT ms, d DATE, "
     "e DATE UNIT ms) FROM TOPIC quakes FORMAT JSON",
     "CREATE STREAM s (a TIMESTAMPTZ UNIT s, b TIMESTAMP UNIT us, c TIMESTAMPTZ, d DATE, e DATE "
     "UNIT ms) FROM TOPIC quakes FORMAT JSON"},
    {"CREATE STREAM s (k BIGINT FROM KEY, t TIMESTAMPTZ FROM KEY UNIT s, h TEXT FROM HEADER "
     "'trace') FROM TOPIC quakes FORMAT JSON KEY FORMAT INT64",
     NULL},
    {"CREATE STREAM s (k JSONB FROM KEY) FROM TOPIC quakes FORMAT JSON KEY FORMAT JSON", NULL},
    {"CREATE STREAM s (k BOOLEAN FROM KEY) FROM TOPIC quakes FORMAT JSON KEY FORMAT TEXT",
     "CREATE STREAM s (k BOOLEAN FROM KEY) FROM TOPIC quakes FORMAT JSON"},
    {"CREATE STREAM s (\"A\" INTEGER, a INTEGER) FROM TOPIC quakes FORMAT JSON",
     "CREATE STREAM s (\"A\" INTEGER, a INTEGER) FROM TOPIC quakes FORMAT JSON"},
    {"CREATE STREAM \"Orders\" (\"A\" INTEGER, \"a\" INTEGER) FROM TOPIC \"Orders\" FORMAT JSON",
     "CREATE STREAM \"Orders\" (\"A\" INTEGER, a INTEGER) FROM TOPIC Orders FORMAT JSON"},
    {"CREATE STREAM s (\"it's\" INTEGER, \"a\"\"b\\c\" TEXT) FROM TOPIC USEREVENTS FORMAT JSON",
     "CREATE STREAM s (\"it's\" INTEGER, \"a\"\"b\\c\" TEXT) FROM TOPIC userEvents FORMAT JSON"},
    {"CREATE STREAM s (_rest JSONB) FROM TOPIC quakes FORMAT JSON", NULL},
};

static void a_statement_declares_the_stream_that_is_printed_back(void **state)
{
    struct declare_test *t = *state;
    for (size_t i = 0; i < ARRAY_COUNT(declare_rows); i++) {
        struct core_stream stream;
        struct sql_error error;
        char got[1024];
        struct bytes_writer w = bytes_writer(got, sizeof(got) - 1);
        if (declare(t, declare_rows[i].text, &stream, &error) != ERR_OK) {
            fail_msg("%s: %s", declare_rows[i].text, error.message);
        }
        core_stream_write(&w, &stream, core_catalog_find_uuid(t->catalog, &stream.topic)->name);
        assert_int_equal(w.err, ERR_OK);
        got[w.pos] = '\0';
        assert_string_equal(got, declare_rows[i].printed != NULL ? declare_rows[i].printed
                                                                 : declare_rows[i].text);
        assert_true(stream.is_declared);
    }
}

/* What is refused: SQLSTATE, what the error points to ("" at the end), words, hint. */
static const struct refuse_row {
    const char *text;
    const char *state;
    const char *at;
    const char *words;
    const char *hint;
} refuse_rows[] = {
    {"CREATE STREAM other.s (a BIGINT) FROM TOPIC quakes FORMAT JSON", "3F000", "other",
     "schema \"other\" does not exist", ""},
    {"CREATE STREAM system.s (a BIGINT) FROM TOPIC quakes FORMAT JSON", "42501", "system",
     "the server's own", ""},
    {"CREATE STREAM a.b.c (a BIGINT) FROM TOPIC quakes FORMAT JSON", "0A000", "a.b.c",
     "cross-database", ""},
    {"CREATE STREAM __tdb_s (a BIGINT) FROM TOPIC quakes FORMAT JSON", "42939", "__tdb_s",
     "the server's own", ""},
    {"CREATE STREAM s (a BIGINT) FROM TOPIC quake FORMAT JSON", "42704", "quake",
     "topic \"quake\" does not exist", "Did you mean \"quakes\"?"},
    {"CREATE STREAM s (a BIGINT) FROM TOPIC \"QUAKES\" FORMAT JSON", "42704", "\"QUAKES\"",
     "does not exist", "Did you mean \"quakes\"?"},
    {"CREATE STREAM s (a BIGINT) FROM TOPIC orders FORMAT JSON", "42P09", "orders",
     "several topics are called \"orders\"", "in quotes"},
    {"CREATE STREAM s (a BIGINT) FROM TOPIC __tdb_x FORMAT JSON", "42939", "__tdb_x",
     "the server's own", ""},
    {"CREATE STREAM s (a BIGINT, b TEXT, A TEXT) FROM TOPIC quakes FORMAT JSON", "42701", "A TEXT",
     "column \"A\" specified more than once", ""},
    {"CREATE STREAM s (a BIGINT, \"a\" TEXT) FROM TOPIC quakes FORMAT JSON", "42701", "\"a\"",
     "column \"a\" specified more than once", ""},
    {"CREATE STREAM s (_Offset BIGINT) FROM TOPIC quakes FORMAT JSON", "42701", "_Offset",
     "column name \"_offset\" conflicts with a system column name", ""},
    {"CREATE STREAM s (a REAL) FROM TOPIC quakes FORMAT JSON", "0A000", "REAL", "", ""},
    {"CREATE STREAM s (a NUMERIC(99)) FROM TOPIC quakes FORMAT JSON", "22023", "NUMERIC(99)", "",
     ""},
    {"CREATE STREAM s (a BIGINT PATH 'x') FROM TOPIC quakes FORMAT JSON", "42601", "x'",
     "invalid path of column \"a\": a path begins with $", ""},
    {"CREATE STREAM s (a BIGINT, b BIGINT PATH '$.a.') FROM TOPIC quakes FORMAT JSON", "42601",
     "') FROM", "invalid path of column \"b\": a name was expected", ""},
    {"CREATE STREAM s (a BIGINT PATH '$.it''s') FROM TOPIC quakes FORMAT JSON", "42601",
     "'$.it''s'", "invalid path of column \"a\"", ""},
    {"CREATE STREAM s (a BIGINT PATH '$..b') FROM TOPIC quakes FORMAT JSON", "0A000", ".b'",
     "a path leads to one value", ""},
    {"CREATE STREAM s (a TEXT UNIT s) FROM TOPIC quakes FORMAT JSON", "42804", "a TEXT",
     "column \"a\" of type text has no unit", "UNIT says"},
    {"CREATE STREAM s (k BOOLEAN FROM KEY) FROM TOPIC quakes FORMAT JSON KEY FORMAT INT64", "42804",
     "k BOOLEAN", "column \"k\" is of type boolean, but keys are INT64", "BIGINT"},
    {"CREATE STREAM s (k DATE FROM KEY) FROM TOPIC quakes FORMAT JSON KEY FORMAT INT64", "42804",
     "k DATE", "of type date, but keys are INT64", "BIGINT"},
};

static void what_is_wrong_is_said_at_its_place(void **state)
{
    struct declare_test *t = *state;
    for (size_t i = 0; i < ARRAY_COUNT(refuse_rows); i++) {
        const struct refuse_row *row = &refuse_rows[i];
        struct core_stream stream;
        struct sql_error error;
        assert_int_not_equal(declare(t, row->text, &stream, &error), ERR_OK);
        bool is_so = strcmp(sql_state_code(error.state), row->state) == 0 &&
                     strncmp(row->text + error.at.pos, row->at, strlen(row->at)) == 0 &&
                     strstr(error.message, row->words) != NULL &&
                     strstr(error.hint, row->hint) != NULL &&
                     (row->hint[0] != '\0' || row->words[0] == '\0' || error.hint[0] == '\0');
        if (!is_so) {
            fail_msg("%s: %s at %s: %s (%s)", row->text, sql_state_code(error.state),
                     row->text + error.at.pos, error.message, error.hint);
        }
    }
}

static void bounds_are_those_of_a_stream(void **state)
{
    struct declare_test *t = *state;
    static char text[64 << 10];
    struct core_stream stream;
    struct sql_error error;
    for (int count = 1024; count <= 1025; count++) {
        int at = snprintf(text, sizeof(text), "CREATE STREAM s (");
        for (int i = 0; i < count; i++) {
            at +=
                snprintf(text + at, sizeof(text) - (size_t)at, "%sc%d TEXT", i > 0 ? ", " : "", i);
        }
        snprintf(text + at, sizeof(text) - (size_t)at, ") FROM TOPIC quakes FORMAT JSON");
        enum err err = declare(t, text, &stream, &error);
        assert_int_equal(err, count == 1024 ? ERR_OK : ERR_TOO_LARGE);
    }
    assert_string_equal(sql_state_code(error.state), "54011");
    snprintf(text, sizeof(text), "CREATE STREAM %0250d (a TEXT) FROM TOPIC quakes FORMAT JSON", 1);
    text[14] = 'n';
    assert_int_not_equal(declare(t, text, &stream, &error), ERR_OK);
    assert_string_equal(sql_state_code(error.state), "42622");
    snprintf(text, sizeof(text),
             "CREATE STREAM s (a TEXT PATH '$.n%01100d') FROM TOPIC quakes "
             "FORMAT JSON",
             1);
    assert_int_not_equal(declare(t, text, &stream, &error), ERR_OK);
    assert_string_equal(sql_state_code(error.state), "54000");
}

static void memory_that_is_refused_is_53200(void **state)
{
    struct declare_test *t = *state;
    static const char text[] =
        "CREATE STREAM s (id TEXT FROM KEY, at TIMESTAMPTZ PATH '$.properties.time', "
        "mag DOUBLE PRECISION, doc JSONB PATH '$') FROM TOPIC 'quakes.all' FORMAT JSON";
    struct sql_stmt *stmt;
    struct sql_error error;
    assert_int_equal(sql_parse(text, sizeof(text) - 1, &t->arena, &stmt, &error), ERR_OK);
    for (size_t limit = 0; limit < 4096; limit += 128) {
        struct budget budget;
        struct arena arena;
        struct core_stream stream;
        budget_init(&budget, "small", limit, NULL);
        arena_init(&arena, &budget, 256, 1 << 20);
        enum err err = core_stream_declare(t->catalog, stmt->create, text, sizeof(text) - 1, &arena,
                                           &stream, &error);
        assert_true(err == ERR_OK || err == ERR_BUDGET);
        arena_deinit(&arena);
        budget_deinit(&budget);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_statement_declares_the_stream_that_is_printed_back,
                                        declare_open, declare_close),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said_at_its_place, declare_open,
                                        declare_close),
        cmocka_unit_test_setup_teardown(bounds_are_those_of_a_stream, declare_open, declare_close),
        cmocka_unit_test_setup_teardown(memory_that_is_refused_is_53200, declare_open,
                                        declare_close),
    };
    return cmocka_run_group_tests_name("core_stream_declare", tests, NULL, NULL);
}
