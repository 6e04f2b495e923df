/* INTEGER, BIGINT and BOOLEAN: PostgreSQL's answers. */
#include "views/vec/integer.h"

#include "tests/support/cmocka.h"
#include "tests/unit/views/values.h"
#include "views/vec/boolean.h"

static bool integer_int4(struct values_case *c, size_t i, int32_t *out)
{
    c->subject = c->args[i];
    return values_is_fine(c, vec_int4_parse(c->args[i].text, c->args[i].length, out), "integer");
}

static bool integer_int8(struct values_case *c, size_t i, int64_t *out)
{
    c->subject = c->args[i];
    return values_is_fine(c, vec_int8_parse(c->args[i].text, c->args[i].length, out), "bigint");
}

static void integer_bool_in(struct values_case *c)
{
    bool out;
    if (values_is_fine(c, vec_boolean_parse(c->args[0].text, c->args[0].length, &out), "boolean")) {
        vec_boolean_write(&c->out, out);
    }
}

static void integer_int8_to_int4(struct values_case *c)
{
    int64_t a;
    int32_t out;
    if (integer_int8(c, 0, &a) && values_is_fine(c, vec_int8_to_int4(a, &out), "")) {
        vec_int8_write(&c->out, out);
    }
}

static void integer_int4_in(struct values_case *c)
{
    int32_t a;
    if (integer_int4(c, 0, &a)) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int4_neg(struct values_case *c)
{
    int32_t a;
    if (integer_int4(c, 0, &a) && values_is_fine(c, vec_int4_neg(a, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int4_abs(struct values_case *c)
{
    int32_t a;
    if (integer_int4(c, 0, &a) && values_is_fine(c, vec_int4_abs(a, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int4_add(struct values_case *c)
{
    int32_t a, b;
    if (integer_int4(c, 0, &a) && integer_int4(c, 1, &b) &&
        values_is_fine(c, vec_int4_add(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int4_sub(struct values_case *c)
{
    int32_t a, b;
    if (integer_int4(c, 0, &a) && integer_int4(c, 1, &b) &&
        values_is_fine(c, vec_int4_sub(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int4_mul(struct values_case *c)
{
    int32_t a, b;
    if (integer_int4(c, 0, &a) && integer_int4(c, 1, &b) &&
        values_is_fine(c, vec_int4_mul(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int4_div(struct values_case *c)
{
    int32_t a, b;
    if (integer_int4(c, 0, &a) && integer_int4(c, 1, &b) &&
        values_is_fine(c, vec_int4_div(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int4_mod(struct values_case *c)
{
    int32_t a, b;
    if (integer_int4(c, 0, &a) && integer_int4(c, 1, &b) &&
        values_is_fine(c, vec_int4_mod(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int8_in(struct values_case *c)
{
    int64_t a;
    if (integer_int8(c, 0, &a)) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int8_neg(struct values_case *c)
{
    int64_t a;
    if (integer_int8(c, 0, &a) && values_is_fine(c, vec_int8_neg(a, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int8_abs(struct values_case *c)
{
    int64_t a;
    if (integer_int8(c, 0, &a) && values_is_fine(c, vec_int8_abs(a, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int8_add(struct values_case *c)
{
    int64_t a, b;
    if (integer_int8(c, 0, &a) && integer_int8(c, 1, &b) &&
        values_is_fine(c, vec_int8_add(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int8_sub(struct values_case *c)
{
    int64_t a, b;
    if (integer_int8(c, 0, &a) && integer_int8(c, 1, &b) &&
        values_is_fine(c, vec_int8_sub(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int8_mul(struct values_case *c)
{
    int64_t a, b;
    if (integer_int8(c, 0, &a) && integer_int8(c, 1, &b) &&
        values_is_fine(c, vec_int8_mul(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int8_div(struct values_case *c)
{
    int64_t a, b;
    if (integer_int8(c, 0, &a) && integer_int8(c, 1, &b) &&
        values_is_fine(c, vec_int8_div(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static void integer_int8_mod(struct values_case *c)
{
    int64_t a, b;
    if (integer_int8(c, 0, &a) && integer_int8(c, 1, &b) &&
        values_is_fine(c, vec_int8_mod(a, b, &a), "")) {
        vec_int8_write(&c->out, a);
    }
}

static const struct values_operation integer_operations[] = {
    {"bool_in", integer_bool_in},   {"int8_to_int4", integer_int8_to_int4},
    {"int4_in", integer_int4_in},   {"int4_neg", integer_int4_neg},
    {"int4_abs", integer_int4_abs}, {"int4_add", integer_int4_add},
    {"int4_sub", integer_int4_sub}, {"int4_mul", integer_int4_mul},
    {"int4_div", integer_int4_div}, {"int4_mod", integer_int4_mod},
    {"int8_in", integer_int8_in},   {"int8_neg", integer_int8_neg},
    {"int8_abs", integer_int8_abs}, {"int8_add", integer_int8_add},
    {"int8_sub", integer_int8_sub}, {"int8_mul", integer_int8_mul},
    {"int8_div", integer_int8_div}, {"int8_mod", integer_int8_mod},
};

static void integer_answers_are_postgresqls(void **state)
{
    (void)state;
    values_check_table("integer", integer_operations, ARRAY_COUNT(integer_operations), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_answers_are_postgresqls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
