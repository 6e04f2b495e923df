/* What a server says to a subscription, as the client reads and prints it; where a server is; what
 * SUBSCRIBE is behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "broker/cli/client_changes.h"
#include "broker/cli/client_event.h"
#include "broker/cli/client_split.h"
#include "broker/cli/client_ws.h"
#include "tests/support/cmocka.h"

/* A subscription's messages read one by one, and printed. */
struct event_world {
    struct budget budget;
    struct arena arena, shape_arena;
    struct client_shape shape;
    struct client_changes changes;
    char *printed;
    size_t printed_bytes;
};

static void event_open(struct event_world *world, enum client_query_format format)
{
    *world = (struct event_world){.printed = NULL};
    budget_init(&world->budget, "test", 64 << 20, NULL);
    arena_init(&world->arena, &world->budget, 4096, 1 << 20);
    arena_init(&world->shape_arena, &world->budget, 4096, 1 << 20);
    world->changes = (struct client_changes){
        .out = open_memstream(&world->printed, &world->printed_bytes),
        .budget = &world->budget,
        .format = format,
    };
}

static void event_close(struct event_world *world)
{
    client_changes_end(&world->changes);
    fclose(world->changes.out);
    free(world->printed);
    arena_deinit(&world->arena);
    arena_deinit(&world->shape_arena);
    budget_deinit(&world->budget);
}

/* Read a message, which lies in memory of its own: a read behind it is seen. */
static enum err event_read(struct event_world *world, const char *text, struct client_event *event)
{
    char *copy = arena_copy(&world->arena, text, strlen(text));
    return client_event_read(event, copy, strlen(text), &world->arena);
}

/* Read it and do what it says. */
static enum err event_take(struct event_world *world, const char *text)
{
    struct client_event event;
    size_t count;
    enum err err = event_read(world, text, &event);
    if (err == ERR_OK && event.kind == CLIENT_EVENT_SCHEMA) {
        arena_reset(&world->shape_arena);
        err = client_shape_read(&world->shape, &event, &world->shape_arena);
        err = err == ERR_OK ? client_changes_shape(&world->changes, &world->shape) : err;
    } else if (err == ERR_OK &&
               (event.kind == CLIENT_EVENT_ROWS || event.kind == CLIENT_EVENT_CHANGES)) {
        err = client_event_rows(&event, &world->shape, &world->arena, client_changes_add,
                                &world->changes, &count);
    }
    return err;
}

#define SCHEMA                                                                                     \
    "{\"id\":1,\"ev\":\"schema\",\"columns\":[{\"name\":\"k\",\"type\":\"text\"},"                 \
    "{\"name\":\"n\",\"type\":\"bigint\"}],\"key\":[0]}"

/* --- Messages --- */

static void event_messages_say_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum client_event_kind kind;
        uint64_t id;
        bool is_snapshot;
    } rows[] = {
        {"{\"id\":1,\"ev\":\"ok\",\"stream\":\"s\",\"partitions\":1}", CLIENT_EVENT_OK, 1, false},
        {"{\"ev\":\"ok\",\"id\":1,\"view\":\"v\",\"resume\":\"snapshot\"}", CLIENT_EVENT_OK, 1,
         true},
        {"{\"id\":1,\"ev\":\"ok\",\"view\":\"v\",\"resume\":\"diff\"}", CLIENT_EVENT_OK, 1, false},
        {SCHEMA, CLIENT_EVENT_SCHEMA, 1, false},
        {"{\"id\":1,\"ev\":\"rows\",\"rows\":[]}", CLIENT_EVENT_ROWS, 1, false},
        {"{\"id\":1,\"ev\":\"snapshot_end\"}", CLIENT_EVENT_SNAPSHOT_END, 1, false},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[]}", CLIENT_EVENT_CHANGES, 1, false},
        {"{\"id\":1,\"ev\":\"progress\",\"token\":\"t\"}", CLIENT_EVENT_PROGRESS, 1, false},
        {"{\"id\":1,\"ev\":\"gap\",\"partition\":0,\"from\":3,\"to\":7}", CLIENT_EVENT_GAP, 1,
         false},
        {"{\"id\":1,\"ev\":\"closed\"}", CLIENT_EVENT_CLOSED, 1, false},
        {"{\"id\":2,\"ev\":\"error\",\"detail\":\"d\"}", CLIENT_EVENT_ERROR, 2, false},
        {"{\"id\":\"a\",\"ev\":\"news\"}", CLIENT_EVENT_OTHER, 0, false}, /* of a later server */
        {"{\"id\":1,\"ev\":\"ok\",\"more\":{\"ev\":\"error\"}}", CLIENT_EVENT_OK, 1, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct event_world world;
        struct client_event event;
        event_open(&world, CLIENT_QUERY_CSV);
        if (event_read(&world, rows[i].text, &event) != ERR_OK || event.kind != rows[i].kind ||
            event.id != rows[i].id || event.is_snapshot != rows[i].is_snapshot) {
            fail_msg("%s", rows[i].text);
        }
        event_close(&world);
    }
}

static void event_messages_that_say_nothing_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"id\":1}",
        "{\"ev\":5}",
        "{\"ev\":\"schema\"}",
        "{\"ev\":\"schema\",\"columns\":5}",
        "{\"ev\":\"rows\"}",
        "{\"ev\":\"rows\",\"rows\":{}}",
        "{\"ev\":\"changes\",\"changes\":\"u\"}",
        "{\"ev\":\"progress\"}",
        "{\"ev\":\"progress\",\"token\":\"\"}",
        "{\"ev\":\"progress\",\"token\":\"a\\u0000b\"}", /* it would be cut */
        "{\"ev\":\"progress\",\"token\":\"\\ud800\"}",   /* half a character */
        "{\"ev\":\"error\"}",
        "{\"ev\":\"gap\",\"partition\":0,\"from\":7,\"to\":3}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct event_world world;
        struct client_event event;
        event_open(&world, CLIENT_QUERY_CSV);
        if (event_read(&world, rows[i], &event) != ERR_INVALID) {
            fail_msg("%s", rows[i]);
        }
        event_close(&world);
    }
}

static void event_problems_say_whether_to_try_again(void **state)
{
    (void)state;
    struct event_world world;
    struct client_event event;
    event_open(&world, CLIENT_QUERY_CSV);
    assert_int_equal(event_read(&world,
                                "{\"id\":1,\"ev\":\"closed\",\"code\":\"overloaded\",\"title\":"
                                "\"busy\",\"hint\":\"later\",\"retriable\":true}",
                                &event),
                     ERR_OK);
    assert_true(event.has_problem);
    assert_true(event.is_retriable);
    assert_string_equal(event.code, "overloaded");
    assert_string_equal(event.problem.detail, "busy");
    assert_string_equal(event.problem.hint, "later");
    event_close(&world);
}

/* --- Rows --- */

static void event_rows_are_of_the_shape_that_was_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"{\"id\":1,\"ev\":\"rows\",\"rows\":[[\"a\",1],[null,null]]}", ERR_OK},
        {"{\"id\":1,\"ev\":\"rows\",\"rows\":[[\"a\"]]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"rows\",\"rows\":[[\"a\",1,2]]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"rows\",\"rows\":[5]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"u\",[\"a\",1]],[\"d\",[\"a\"]]]}", ERR_OK},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"+\",[\"a\",1]],[\"-\",[\"a\",1]]]}", ERR_OK},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"d\",[\"a\",1]]]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"d\",[]]]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"u\",[\"a\"]]]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"x\",[\"a\",1]]]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"uu\",[\"a\",1]]]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"u\",[\"a\",1],1]]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"u\"]]}", ERR_INVALID},
        {"{\"id\":1,\"ev\":\"changes\",\"changes\":[[1,[\"a\",1]]]}", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct event_world world;
        event_open(&world, CLIENT_QUERY_JSON);
        assert_int_equal(event_take(&world, SCHEMA), ERR_OK);
        enum err err = event_take(&world, rows[i].text);
        if (err != rows[i].err) {
            fail_msg("%s: %s", rows[i].text, err_text(err));
        }
        event_close(&world);
    }
}

static void event_keys_name_columns_each_once(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum err err;
    } rows[] = {
        {"[]", ERR_OK},           {"[0]", ERR_OK},        {"[1,0]", ERR_OK},
        {"[2]", ERR_INVALID},     {"[-1]", ERR_INVALID},  {"[0,0]", ERR_INVALID},
        {"[\"k\"]", ERR_INVALID}, {"[0.5]", ERR_INVALID}, {"[0,1,0]", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct event_world world;
        char text[256];
        event_open(&world, CLIENT_QUERY_JSON);
        snprintf(text, sizeof(text),
                 "{\"id\":1,\"ev\":\"schema\",\"columns\":[{\"name\":\"k\",\"type\":\"text\"},"
                 "{\"name\":\"n\",\"type\":\"bigint\"}],\"key\":%s}",
                 rows[i].key);
        enum err err = event_take(&world, text);
        if (err != rows[i].err) {
            fail_msg("%s: %s", rows[i].key, err_text(err));
        }
        event_close(&world);
    }
}

/* --- Printed --- */

/* Rows of a snapshot, then changes; a wide one, which is behind what was seen. */
static const char *const event_story[] = {
    "{\"id\":1,\"ev\":\"rows\",\"rows\":[[\"CA\",747],[\"a \\\"b\\\",\\n\",null]]}",
    "{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"u\",[\"CA\",748]],[\"d\",[\"Alaska\"]]]}",
    "{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"-\",[\"CA\",748]],[\"+\",[\"California\",1]]]}",
    "{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"u\",[\"NV\",2]]]}",
};

static void event_changes_are_printed_with_their_marks(void **state)
{
    (void)state;
    static const struct {
        enum client_query_format format;
        bool is_expanded;
        const char *printed;
    } rows[] = {
        {CLIENT_QUERY_ALIGNED, false,
         " op |    k     |  n\n"
         "----+----------+-----\n"
         " +  | CA       | 747\n"
         " +  | a \"b\",\\n |\n"
         " u  | CA       | 748\n"
         " d  | Alaska   |\n"
         " -  | CA         | 748\n"
         " +  | California |   1\n"
         " u  | NV         |   2\n"},
        {CLIENT_QUERY_ALIGNED, true,
         "-[ RECORD 1 ]--\nop | +\nk  | CA\nn  | 747\n"
         "-[ RECORD 2 ]--\nop | +\nk  | a \"b\",\\n\nn  |\n"
         "-[ RECORD 3 ]--\nop | u\nk  | CA\nn  | 748\n"
         "-[ RECORD 4 ]--\nop | d\nk  | Alaska\nn  |\n"
         "-[ RECORD 5 ]--\nop | -\nk  | CA\nn  | 748\n"
         "-[ RECORD 6 ]--\nop | +\nk  | California\nn  | 1\n"
         "-[ RECORD 7 ]--\nop | u\nk  | NV\nn  | 2\n"},
        {CLIENT_QUERY_CSV, false,
         "op,k,n\r\n+,CA,747\r\n+,\"a \"\"b\"\",\n\",\r\nu,CA,748\r\nd,Alaska,\r\n-,CA,748\r\n"
         "+,California,1\r\nu,NV,2\r\n"},
        {CLIENT_QUERY_JSON, false,
         "{\"op\":\"snapshot\"}\n"
         "{\"op\":\"+\",\"row\":{\"k\":\"CA\",\"n\":747}}\n"
         "{\"op\":\"+\",\"row\":{\"k\":\"a \\\"b\\\",\\n\",\"n\":null}}\n"
         "{\"op\":\"u\",\"row\":{\"k\":\"CA\",\"n\":748}}\n"
         "{\"op\":\"d\",\"row\":{\"k\":\"Alaska\"}}\n"
         "{\"op\":\"-\",\"row\":{\"k\":\"CA\",\"n\":748}}\n"
         "{\"op\":\"+\",\"row\":{\"k\":\"California\",\"n\":1}}\n"
         "{\"op\":\"u\",\"row\":{\"k\":\"NV\",\"n\":2}}\n"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct event_world world;
        event_open(&world, rows[i].format);
        world.changes.is_expanded = rows[i].is_expanded;
        client_changes_snapshot(&world.changes);
        assert_int_equal(event_take(&world, SCHEMA), ERR_OK);
        for (size_t k = 0; k < ARRAY_COUNT(event_story); k++) {
            assert_int_equal(event_take(&world, event_story[k]), ERR_OK);
            if (k != 0) { /* rows and first changes are seen together */
                assert_true(client_changes_flush(&world.changes));
            }
        }
        assert_string_equal(world.printed, rows[i].printed);
        assert_int_equal(world.changes.rows_count, 7);
        event_close(&world);
    }
}

static void event_a_shape_that_is_told_again_goes_on(void **state)
{
    (void)state;
    struct event_world world;
    event_open(&world, CLIENT_QUERY_CSV);
    assert_int_equal(event_take(&world, SCHEMA), ERR_OK);
    assert_int_equal(event_take(&world, SCHEMA), ERR_OK);
    assert_int_equal(event_take(&world, "{\"id\":1,\"ev\":\"schema\",\"columns\":[{\"name\":\"k\","
                                        "\"type\":\"text\"}]}"),
                     ERR_OK);
    assert_int_equal(event_take(&world, "{\"id\":1,\"ev\":\"schema\",\"columns\":[{\"name\":\"j\","
                                        "\"type\":\"text\"}]}"),
                     ERR_OK);
    assert_true(client_changes_flush(&world.changes));
    assert_string_equal(world.printed, "op,k,n\r\nop,k\r\nop,j\r\n");
    event_close(&world);
}

/* More rows in all than wait at a time. */
static void event_columns_grow_however_many_rows_came(void **state)
{
    (void)state;
    struct event_world world;
    event_open(&world, CLIENT_QUERY_ALIGNED);
    assert_int_equal(event_take(&world, SCHEMA), ERR_OK);
    for (size_t i = 0; i <= CLIENT_TABLE_HELD_MAX; i++) {
        arena_reset(&world.arena);
        assert_int_equal(event_take(&world, "{\"id\":1,\"ev\":\"rows\",\"rows\":[[\"a\",1]]}"),
                         ERR_OK);
        assert_true(client_changes_flush(&world.changes));
    }
    assert_int_equal(
        event_take(&world, "{\"id\":1,\"ev\":\"rows\",\"rows\":[[\"a\",1],[\"a wide one\",2]]}"),
        ERR_OK);
    assert_true(client_changes_flush(&world.changes));
    assert_non_null(
        strstr(world.printed, "\n +  | a | 1\n +  | a          | 1\n +  | a wide one | 2\n"));
    event_close(&world);
}

/* --- Servers, statements --- */

static void event_servers_are_named_by_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host; /* NULL: none */
        uint16_t port;
        bool is_bracketed;
    } rows[] = {
        {"http://127.0.0.1:8080", "127.0.0.1", 8080, false},
        {"http://127.0.0.1:8080/", "127.0.0.1", 8080, false},
        {"ws://host", "host", 80, false},
        {"host:1", "host", 1, false},
        {"http://[::1]:8080", "::1", 8080, true},
        {"[fe80::1%eth0]", "fe80::1%eth0", 80, true},
        {"", NULL, 0, false},
        {"http://", NULL, 0, false},
        {"https://host", NULL, 0, false}, /* not spoken */
        {"ftp://host", NULL, 0, false},
        {"host:", NULL, 0, false},
        {"host:0", NULL, 0, false},
        {"host:65536", NULL, 0, false},
        {"host:99999999999999999999", NULL, 0, false},
        {"host:80x", NULL, 0, false},
        {"host/path", NULL, 0, false},
        {"host:80/path", NULL, 0, false},
        {"user@host", NULL, 0, false},
        {"a\r\nb: c", NULL, 0, false},
        {"[::1", NULL, 0, false},
        {"[]", NULL, 0, false},
        {"http://ws://host", NULL, 0, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct client_ws_address address;
        enum err err = client_ws_address(&address, rows[i].url);
        if ((err == ERR_OK) != (rows[i].host != NULL) ||
            (err == ERR_OK &&
             (strcmp(address.host, rows[i].host) != 0 || address.port != rows[i].port ||
              address.is_bracketed != rows[i].is_bracketed))) {
            fail_msg("%s: %s, %s:%u", rows[i].url, err_text(err), address.host, address.port);
        }
    }
}

static void event_subscribe_is_known_by_its_first_word(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what; /* NULL: another statement */
    } rows[] = {
        {"SUBSCRIBE quakes;", "quakes"},
        {"subscribe quakes", "quakes"},
        {" -- now\n/* a /* b */ */ Subscribe\n  To \"a;b\" ; \n", "\"a;b\""},
        {"SUBSCRIBE TO SELECT 1;", "SELECT 1"},
        {"SUBSCRIBE SELECT a FROM s WHERE b = ';' ;", "SELECT a FROM s WHERE b = ';'"},
        {"SUBSCRIBE\"q\";", "\"q\""},
        {"SUBSCRIBE to_date;", "to_date"}, /* a name that begins so */
        {"SUBSCRIBE;", ""},
        {"SUBSCRIBE TO ;", ""},
        {"SUBSCRIBE", ""},
        {"SUBSCRIBER;", NULL},
        {"SUBSCRIBE$1;", NULL},
        {"SELECT subscribe;", NULL},
        {"UNSUBSCRIBE a;", NULL},
        {"", NULL},
        {"/* ", NULL},
        {"/", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t length = strlen(rows[i].text), what_length = 0;
        const char *what = NULL;
        char *text = malloc(length + 1); /* a read behind it is seen */
        memcpy(text, rows[i].text, length);
        bool is_one = client_split_subscribe(text, length, &what, &what_length);
        if (is_one != (rows[i].what != NULL) ||
            (is_one && (what_length != strlen(rows[i].what) ||
                        memcmp(what, rows[i].what, what_length) != 0))) {
            fail_msg("%s: %.*s", rows[i].text, (int)what_length, what != NULL ? what : "");
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_messages_say_what_they_are),
        cmocka_unit_test(event_messages_that_say_nothing_are_refused),
        cmocka_unit_test(event_problems_say_whether_to_try_again),
        cmocka_unit_test(event_rows_are_of_the_shape_that_was_told),
        cmocka_unit_test(event_keys_name_columns_each_once),
        cmocka_unit_test(event_changes_are_printed_with_their_marks),
        cmocka_unit_test(event_a_shape_that_is_told_again_goes_on),
        cmocka_unit_test(event_columns_grow_however_many_rows_came),
        cmocka_unit_test(event_servers_are_named_by_urls),
        cmocka_unit_test(event_subscribe_is_known_by_its_first_word),
    };
    return cmocka_run_group_tests_name("cli_event", tests, NULL, NULL);
}
