/* JSONB: PostgreSQL's answers. */
#include "views/vec/jsonb.h"

#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/views/values.h"
#include "views/vec/integer.h"
#include "views/vec/real.h"

/* Room for a value: a number of JSON may have 131072 digits. */
#define JSONB_BYTES (1u << 18)

/* Argument `i` as a value in one of two places. */
static bool jsonb_arg(struct values_case *c, size_t i, struct vec_jsonb *out)
{
    static uint8_t bytes[2][JSONB_BYTES];
    struct budget budget;
    struct arena scratch;
    struct bytes_writer w = bytes_writer(bytes[i], JSONB_BYTES);
    budget_init(&budget, "jsonb", 1u << 24, NULL);
    arena_init(&scratch, &budget, 4096, 1u << 24);
    enum vec_fault fault = vec_jsonb_parse(c->args[i].text, c->args[i].length, &scratch, &w);
    arena_deinit(&scratch);
    budget_deinit(&budget);
    c->subject = c->args[i];
    if (!values_is_fine(c, fault, "")) {
        return false;
    }
    assert_int_equal(w.err, ERR_OK);
    *out = (struct vec_jsonb){.data = bytes[i], .length = w.pos};
    assert_true(vec_jsonb_is_valid(out->data, out->length));
    return true;
}

static void jsonb_answer(struct values_case *c, bool is_there, struct vec_jsonb value, bool is_text)
{
    if (!is_there) {
        c->is_null = true;
    } else if (is_text) {
        c->is_null = !vec_jsonb_text(&c->out, value);
    } else {
        vec_jsonb_write(&c->out, value, true);
    }
}

static void jsonb_answer_bool(struct values_case *c, bool is_true)
{
    bytes_put_copy(&c->out, is_true ? "true" : "false", is_true ? 4 : 5);
}

static struct vec_text jsonb_key(const struct values_case *c)
{
    return vec_text(c->args[1].text, c->args[1].length);
}

static void jsonb_in(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        vec_jsonb_write(&c->out, a, true);
    }
}

static void jsonb_compare(struct values_case *c)
{
    struct vec_jsonb a, b;
    if (jsonb_arg(c, 0, &a) && jsonb_arg(c, 1, &b)) {
        int order = vec_jsonb_compare(a, b);
        vec_int8_write(&c->out, (order > 0) - (order < 0));
        order = vec_jsonb_compare(b, a);
        assert_true((order == 0) == (c->out.data[0] == '0'));
    }
}

static void jsonb_get(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        bool is_there = vec_jsonb_get(a, jsonb_key(c), &a);
        jsonb_answer(c, is_there, a, false);
    }
}

static void jsonb_get_text(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        bool is_there = vec_jsonb_get(a, jsonb_key(c), &a);
        jsonb_answer(c, is_there, a, true);
    }
}

static void jsonb_at(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        bool is_there = vec_jsonb_at(a, values_int(&c->args[1]), &a);
        jsonb_answer(c, is_there, a, false);
    }
}

static void jsonb_at_text(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        bool is_there = vec_jsonb_at(a, values_int(&c->args[1]), &a);
        jsonb_answer(c, is_there, a, true);
    }
}

static void jsonb_walk(struct values_case *c, bool is_text)
{
    struct vec_jsonb a;
    struct vec_text path[16];
    size_t count = 0;
    for (const char *at = c->args[1].text;; at++) {
        path[count] = vec_text(at, strcspn(at, "/"));
        at += path[count++].length;
        if (*at == '\0') {
            break;
        }
    }
    if (jsonb_arg(c, 0, &a)) {
        bool is_there = vec_jsonb_path(a, path, count, &a);
        jsonb_answer(c, is_there, a, is_text);
    }
}

static void jsonb_path(struct values_case *c)
{
    jsonb_walk(c, false);
}

static void jsonb_path_text(struct values_case *c)
{
    jsonb_walk(c, true);
}

static void jsonb_contains(struct values_case *c)
{
    struct vec_jsonb a, b;
    if (jsonb_arg(c, 0, &a) && jsonb_arg(c, 1, &b)) {
        uint64_t steps = UINT64_MAX;
        jsonb_answer_bool(c, vec_jsonb_contains(a, b, &steps));
    }
}

static void jsonb_exists(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        jsonb_answer_bool(c, vec_jsonb_exists(a, jsonb_key(c)));
    }
}

static void jsonb_typeof(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        const char *name = vec_jsonb_typeof(a);
        bytes_put_copy(&c->out, name, strlen(name));
    }
}

static void jsonb_array_length(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        int32_t out;
        if (values_is_fine(c, vec_jsonb_array_length(a, &out), "")) {
            vec_int8_write(&c->out, out);
        }
    }
}

static void jsonb_to_boolean(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        bool out;
        if (values_is_fine(c, vec_jsonb_to_boolean(a, &out), "boolean")) {
            jsonb_answer_bool(c, out);
        }
    }
}

static void jsonb_to_int4(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        int32_t out;
        if (values_is_fine(c, vec_jsonb_to_int4(a, &out), "integer")) {
            vec_int8_write(&c->out, out);
        }
    }
}

static void jsonb_to_int8(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        int64_t out;
        if (values_is_fine(c, vec_jsonb_to_int8(a, &out), "bigint")) {
            vec_int8_write(&c->out, out);
        }
    }
}

static void jsonb_to_numeric(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        struct vec_numeric out;
        if (values_is_fine(c, vec_jsonb_to_numeric(a, &out), "numeric")) {
            vec_numeric_write(&c->out, &out);
        }
    }
}

static void jsonb_to_double(struct values_case *c)
{
    struct vec_jsonb a;
    if (jsonb_arg(c, 0, &a)) {
        double out;
        if (values_is_fine(c, vec_jsonb_to_double(a, &out), "double precision")) {
            vec_real_write(&c->out, out);
        }
        c->subject = (struct values_arg){(const char *)a.data + 1, a.length - 1};
    }
}

static const struct values_operation jsonb_operations[] = {
    {"in", jsonb_in},
    {"compare", jsonb_compare},
    {"get", jsonb_get},
    {"get_text", jsonb_get_text},
    {"at", jsonb_at},
    {"at_text", jsonb_at_text},
    {"path", jsonb_path},
    {"path_text", jsonb_path_text},
    {"contains", jsonb_contains},
    {"exists", jsonb_exists},
    {"typeof", jsonb_typeof},
    {"array_length", jsonb_array_length},
    {"to_boolean", jsonb_to_boolean},
    {"to_int4", jsonb_to_int4},
    {"to_int8", jsonb_to_int8},
    {"to_numeric", jsonb_to_numeric},
    {"to_double", jsonb_to_double},
};

static void jsonb_answers_are_postgresqls(void **state)
{
    (void)state;
    values_check_table("jsonb", jsonb_operations, ARRAY_COUNT(jsonb_operations), 3000);
}

/* An array of a hundred in itself: each element is looked for from the start. */
static void jsonb_contains_stops_where_its_steps_are_used_up(void **state)
{
    (void)state;
    static char text[1000];
    static uint8_t data[4000];
    struct bytes_writer w = bytes_writer(text, sizeof(text)), out = bytes_writer(data, 4000);
    struct budget budget;
    struct arena scratch;
    for (int i = 0; i < 100; i++) {
        bytes_put_copy(&w, i == 0 ? "[" : ",", 1);
        vec_int8_write(&w, i);
    }
    bytes_put_copy(&w, "]", 1);
    budget_init(&budget, "test", SIZE_MAX, NULL);
    arena_init(&scratch, &budget, 4096, SIZE_MAX);
    assert_int_equal(vec_jsonb_parse(text, w.pos, &scratch, &out), VEC_FAULT_NONE);
    struct vec_jsonb value = {data, out.pos};
    uint64_t steps = UINT64_MAX;
    assert_true(vec_jsonb_contains(value, value, &steps));
    assert_true(UINT64_MAX - steps == 5050);
    steps = 5049;
    assert_false(vec_jsonb_contains(value, value, &steps));
    assert_true(steps == 0);
    arena_deinit(&scratch);
    budget_deinit(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonb_answers_are_postgresqls),
        cmocka_unit_test(jsonb_contains_stops_where_its_steps_are_used_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
