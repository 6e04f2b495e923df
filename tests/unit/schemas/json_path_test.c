/* Sets of paths: what is one, where it leads, what is refused and where that shows. */
#include "schemas/json/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "tests/support/cmocka.h"

/* A compilation and what it took. */
struct path_test {
    struct budget budget;
    struct arena arena;
    struct json_paths paths;
    struct json_fault fault;
    size_t failed;
    enum err err;
};

static int path_setup(void **state)
{
    struct path_test *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    budget_init(&t->budget, "test", 8 << 20, NULL);
    arena_init(&t->arena, &t->budget, 4096, 8 << 20);
    *state = t;
    return 0;
}

static int path_teardown(void **state)
{
    struct path_test *t = *state;
    arena_deinit(&t->arena);
    budget_deinit(&t->budget);
    free(t);
    return 0;
}

static void path_compile(struct path_test *t, const char *const *texts, size_t count)
{
    static struct json_text list[JSON_PATHS_MAX + 1];
    assert_true(count <= ARRAY_COUNT(list));
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct json_text){texts[i], strlen(texts[i])};
    }
    arena_reset(&t->arena);
    t->err = json_paths_compile(&t->arena, list, count, &t->paths, &t->failed, &t->fault);
}

/* The node that `steps` lead to: names, and indexes as "#3". */
static uint32_t path_follow(const struct json_paths *paths, const char *const *steps)
{
    uint32_t node = 0;
    for (; *steps != NULL && node != JSON_NONE; steps++) {
        uint32_t length = (uint32_t)strlen(*steps);
        if ((*steps)[0] != '#') {
            node = json_paths_member(paths, node, *steps, length, json_path_head(*steps, length));
            continue;
        }
        node = paths->nodes[node].first_index;
        while (node != JSON_NONE && paths->nodes[node].index != strtoul(*steps + 1, NULL, 10)) {
            node = paths->nodes[node].next_index;
        }
    }
    return node;
}

static void json_path_leads_to_its_value(void **state)
{
    struct path_test *t = *state;
    static const struct {
        const char *text;
        const char *steps[4];
    } rows[] = {
        {"$", {NULL}},
        {"$.a", {"a"}},
        {"$.a.b", {"a", "b"}},
        {"$._a1", {"_a1"}},
        {"$.\xc3\xa4", {"\xc3\xa4"}},
        {"$['a b']", {"a b"}},
        {"$[\"a\"]['b'].c", {"a", "b", "c"}},
        {"$[ 'a' ]", {"a"}},
        {"$['']", {""}},
        {"$['it\\'s']", {"it's"}},
        {"$['a\"b']", {"a\"b"}},
        {"$[\"a\\\"b\"]", {"a\"b"}},
        {"$['\\u0061\\n\\ud83d\\ude00']", {"a\n\xf0\x9f\x98\x80"}},
        {"$.a[3]", {"a", "#3"}},
        {"$[0][10]", {"#0", "#10"}},
        {"$['a.b'].c", {"a.b", "c"}},
        {"$.a_name_longer_than_eight_bytes", {"a_name_longer_than_eight_bytes"}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        path_compile(t, &rows[i].text, 1);
        uint32_t node = t->err == ERR_OK ? path_follow(&t->paths, rows[i].steps) : JSON_NONE;
        if (node == JSON_NONE || t->paths.nodes[node].path != 0) {
            fail_msg("%s: %s at %zu", rows[i].text, t->err == ERR_OK ? "lost" : t->fault.what,
                     t->fault.pos);
        }
    }
}

static void json_path_that_is_none_shows_where(void **state)
{
    struct path_test *t = *state;
    static const struct {
        const char *text;
        enum err err;
        size_t pos;
        const char *what; /* a part of what is said */
    } rows[] = {
        {"", ERR_INVALID, 0, "begins with $"},
        {"a", ERR_INVALID, 0, "begins with $"},
        {" $", ERR_INVALID, 0, "begins with $"},
        {"$a", ERR_INVALID, 1, "a step"},
        {"$.", ERR_INVALID, 2, "a name was expected"},
        {"$.1", ERR_INVALID, 2, "a name was expected"},
        {"$.a-b", ERR_INVALID, 3, "$['a-b']"},
        {"$.a ", ERR_INVALID, 3, "a step"},
        {"$.a\xff", ERR_INVALID, 0, "UTF-8"},
        {"$..a", ERR_UNSUPPORTED, 2, "one value"},
        {"$.*", ERR_UNSUPPORTED, 2, "one value"},
        {"$[*]", ERR_UNSUPPORTED, 2, "one value"},
        {"$[?@.a]", ERR_UNSUPPORTED, 2, "one value"},
        {"$[1:2]", ERR_UNSUPPORTED, 3, "one value"},
        {"$['a','b']", ERR_UNSUPPORTED, 5, "one value"},
        {"$[-1]", ERR_UNSUPPORTED, 2, "from the front"},
        {"$[", ERR_INVALID, 2, "a quoted name or an index"},
        {"$[a]", ERR_INVALID, 2, "a quoted name or an index"},
        {"$[]", ERR_INVALID, 2, "a quoted name or an index"},
        {"$[01]", ERR_INVALID, 2, "no zeros"},
        {"$[1", ERR_INVALID, 3, "] was expected"},
        {"$[1a]", ERR_INVALID, 3, "] was expected"},
        {"$[99999999]", ERR_TOO_LARGE, 2, "so many items"},
        {"$['a]", ERR_INVALID, 2, "does not end"},
        {"$['a\\x']", ERR_INVALID, 4, "no such escape"},
        {"$['a\\", ERR_INVALID, 4, "no such escape"},
        {"$[\"a\\'\"]", ERR_INVALID, 4, "no such escape"},
        {"$['\t']", ERR_INVALID, 3, "control character"},
        {"$['\\ud83d']", ERR_INVALID, 3, "half a character"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *texts[] = {"$.good", rows[i].text};
        path_compile(t, texts, 2);
        if (t->err != rows[i].err || t->failed != 1 || t->fault.err != rows[i].err ||
            t->fault.pos != rows[i].pos || strstr(t->fault.what, rows[i].what) == NULL) {
            fail_msg("%s: %s at %zu: %s", rows[i].text, err_name(t->err), t->fault.pos,
                     t->fault.what != NULL ? t->fault.what : "nothing");
        }
    }
}

static void json_paths_may_be_equal_or_lead_through_each_other(void **state)
{
    struct path_test *t = *state;
    static const char *const texts[] = {"$.a.b", "$", "$['a']", "$.a", "$.a.c[2]", "$.a.c[0]"};
    path_compile(t, texts, ARRAY_COUNT(texts));
    assert_int_equal(t->err, ERR_OK);
    assert_int_equal(t->paths.nodes_count, 6);
    assert_int_equal(t->paths.nodes[0].path, 1);
    assert_int_equal(t->paths.nodes[0].end, 6);
    assert_int_equal(t->paths.aliases_count, 1);
    assert_int_equal(t->paths.aliases[0].path, 3);
    assert_int_equal(t->paths.aliases[0].first, 2);
    uint32_t items = path_follow(&t->paths, (const char *const[]){"a", "c", NULL});
    uint32_t first = t->paths.nodes[items].first_index;
    assert_int_equal(t->paths.nodes[items].path, JSON_NONE);
    assert_int_equal(t->paths.nodes[first].path, 5);
    assert_int_equal(t->paths.nodes[t->paths.nodes[first].next_index].path, 4);
}

static void json_paths_are_found_among_a_thousand_alike(void **state)
{
    struct path_test *t = *state;
    static char texts[JSON_PATHS_MAX + 1][40];
    const char *list[JSON_PATHS_MAX + 1];
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        snprintf(texts[i], sizeof(texts[i]), "$.measured_%04zu_temperature", i);
        list[i] = texts[i];
    }
    path_compile(t, list, JSON_PATHS_MAX);
    assert_int_equal(t->err, ERR_OK);
    for (size_t i = 0; i <= JSON_PATHS_MAX; i++) {
        uint32_t node = path_follow(&t->paths, (const char *const[]){texts[i] + 2, NULL});
        assert_int_equal(node, i < JSON_PATHS_MAX ? i + 1 : JSON_NONE);
    }
    path_compile(t, list, JSON_PATHS_MAX + 1);
    assert_int_equal(t->err, ERR_TOO_LARGE);
}

static void json_paths_are_bounded(void **state)
{
    struct path_test *t = *state;
    static char text[JSON_PATH_BYTES_MAX + 2];
    static const char *list[JSON_PATHS_MAX];
    memset(text, 'a', JSON_PATH_BYTES_MAX + 1);
    text[0] = '$';
    text[1] = '.';
    for (size_t i = 0; i < ARRAY_COUNT(list); i++) {
        list[i] = text;
    }
    path_compile(t, list, 1);
    assert_int_equal(t->err, ERR_TOO_LARGE);
    text[JSON_PATH_BYTES_MAX] = '\0';
    path_compile(t, list, 256);
    assert_int_equal(t->err, ERR_OK);
    path_compile(t, list, 257);
    assert_int_equal(t->err, ERR_TOO_LARGE);
    assert_int_equal(t->failed, 256);
    for (size_t steps = JSON_PATH_STEPS_MAX; steps <= JSON_PATH_STEPS_MAX + 1; steps++) {
        for (size_t i = 0; i < steps; i++) {
            memcpy(text + 1 + 2 * i, ".a", 3);
        }
        path_compile(t, list, 1);
        assert_int_equal(t->err, steps == JSON_PATH_STEPS_MAX ? ERR_OK : ERR_TOO_LARGE);
    }
}

static void json_paths_stay_within_their_budget(void **state)
{
    struct path_test *t = *state;
    static const char *const texts[] = {"$.a.b", "$['c'][3]"};
    struct budget small;
    for (size_t limit = 0; limit < 8192; limit += 512) {
        arena_deinit(&t->arena);
        budget_init(&small, "small", limit, NULL);
        arena_init(&t->arena, &small, 256, 8 << 20);
        path_compile(t, texts, ARRAY_COUNT(texts));
        assert_true(t->err == ERR_BUDGET || t->err == ERR_OK);
        assert_int_equal(t->err, t->fault.err);
        assert_true(IMPLIES(limit == 0, t->err == ERR_BUDGET));
        arena_deinit(&t->arena);
        budget_deinit(&small);
        arena_init(&t->arena, &t->budget, 4096, 8 << 20);
    }
    assert_int_equal(t->err, ERR_OK);
}

#define PATH_TEST(test) cmocka_unit_test_setup_teardown(test, path_setup, path_teardown)

/* Names as they are, and the path to a member so called. */
static const struct member_row {
    const char *name;
    const char *want;
} member_rows[] = {
    {"a", "$['a']"},
    {"a b.c", "$['a b.c']"},
    {"it's", "$['it\\'s']"},
    {"a\\b\"c", "$['a\\\\b\"c']"},
    {"\x01\x1f\t", "$['\\u0001\\u001f\\u0009']"},
    {"\xc3\xa4", "$['\xc3\xa4']"},
    {"", "$['']"},
};

static void a_member_of_any_name_has_a_path(void **state)
{
    struct path_test *t = *state;
    for (size_t i = 0; i < ARRAY_COUNT(member_rows); i++) {
        char text[256];
        const char *const texts[] = {text};
        const char *const steps[] = {member_rows[i].name, NULL};
        struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
        json_path_put_member(&w, member_rows[i].name, strlen(member_rows[i].name));
        assert_int_equal(w.err, ERR_OK);
        text[w.pos] = '\0';
        assert_string_equal(text, member_rows[i].want);
        path_compile(t, texts, 1);
        assert_int_equal(t->err, ERR_OK);
        assert_int_equal(t->paths.nodes[path_follow(&t->paths, steps)].path, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_TEST(json_path_leads_to_its_value),
        PATH_TEST(json_path_that_is_none_shows_where),
        PATH_TEST(json_paths_may_be_equal_or_lead_through_each_other),
        PATH_TEST(json_paths_are_found_among_a_thousand_alike),
        PATH_TEST(json_paths_are_bounded),
        PATH_TEST(json_paths_stay_within_their_budget),
        PATH_TEST(a_member_of_any_name_has_a_path),
    };
    return cmocka_run_group_tests_name("schemas_json_path", tests, NULL, NULL);
}
