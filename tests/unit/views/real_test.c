/* DOUBLE PRECISION: PostgreSQL's answers. */
#include "views/vec/real.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/views/values.h"
#include "views/vec/integer.h"
#include "views/vec/scan.h"

static bool real_arg(struct values_case *c, size_t i, double *out)
{
    enum vec_fault fault = vec_real_parse(c->args[i].text, c->args[i].length, out);
    c->subject = c->args[i];
    if (fault == VEC_FAULT_DOUBLE_RANGE) {
        struct vec_scan s = vec_scan(c->args[i].text, c->args[i].length);
        vec_scan_trim(&s);
        c->subject = (struct values_arg){s.at, (size_t)(s.end - s.at)};
    }
    return values_is_fine(c, fault, "double precision");
}

static void real_answer(struct values_case *c, enum vec_fault fault, double a)
{
    if (values_is_fine(c, fault, "double precision")) {
        vec_real_write(&c->out, a);
    }
}

static void real_in(struct values_case *c)
{
    double a;
    if (real_arg(c, 0, &a)) {
        real_answer(c, VEC_FAULT_NONE, a);
    }
}

static void real_compare(struct values_case *c)
{
    double a, b;
    if (real_arg(c, 0, &a) && real_arg(c, 1, &b)) {
        vec_int8_write(&c->out, vec_real_compare(a, b));
    }
}

static void real_to_int4(struct values_case *c)
{
    double a;
    int32_t out;
    if (real_arg(c, 0, &a) && values_is_fine(c, vec_real_to_int4(a, &out), "")) {
        vec_int8_write(&c->out, out);
    }
}

static void real_to_int8(struct values_case *c)
{
    double a;
    int64_t out;
    if (real_arg(c, 0, &a) && values_is_fine(c, vec_real_to_int8(a, &out), "")) {
        vec_int8_write(&c->out, out);
    }
}

static void real_function(struct values_case *c, enum vec_real_function function)
{
    double a, out = 0;
    if (real_arg(c, 0, &a)) {
        enum vec_fault fault = vec_real_apply(function, a, &out);
        real_answer(c, fault, out);
    }
}

static void real_power(struct values_case *c)
{
    double a, b, out = 0;
    if (real_arg(c, 0, &a) && real_arg(c, 1, &b)) {
        enum vec_fault fault = vec_real_power(a, b, &out);
        real_answer(c, fault, out);
    }
}

static void real_atan2(struct values_case *c)
{
    double a, b, out = 0;
    if (real_arg(c, 0, &a) && real_arg(c, 1, &b)) {
        enum vec_fault fault = vec_real_atan2(a, b, &out);
        real_answer(c, fault, out);
    }
}

static void real_add(struct values_case *c)
{
    double a, b, out = 0;
    if (real_arg(c, 0, &a) && real_arg(c, 1, &b)) {
        enum vec_fault fault = vec_real_add(a, b, &out);
        real_answer(c, fault, out);
    }
}

static void real_sub(struct values_case *c)
{
    double a, b, out = 0;
    if (real_arg(c, 0, &a) && real_arg(c, 1, &b)) {
        enum vec_fault fault = vec_real_sub(a, b, &out);
        real_answer(c, fault, out);
    }
}

static void real_mul(struct values_case *c)
{
    double a, b, out = 0;
    if (real_arg(c, 0, &a) && real_arg(c, 1, &b)) {
        enum vec_fault fault = vec_real_mul(a, b, &out);
        real_answer(c, fault, out);
    }
}

static void real_div(struct values_case *c)
{
    double a, b, out = 0;
    if (real_arg(c, 0, &a) && real_arg(c, 1, &b)) {
        enum vec_fault fault = vec_real_div(a, b, &out);
        real_answer(c, fault, out);
    }
}

static void real_round(struct values_case *c)
{
    real_function(c, VEC_REAL_ROUND);
}

static void real_trunc(struct values_case *c)
{
    real_function(c, VEC_REAL_TRUNC);
}

static void real_ceil(struct values_case *c)
{
    real_function(c, VEC_REAL_CEIL);
}

static void real_floor(struct values_case *c)
{
    real_function(c, VEC_REAL_FLOOR);
}

static void real_abs(struct values_case *c)
{
    real_function(c, VEC_REAL_ABS);
}

static void real_sign(struct values_case *c)
{
    real_function(c, VEC_REAL_SIGN);
}

static void real_sqrt(struct values_case *c)
{
    real_function(c, VEC_REAL_SQRT);
}

static void real_cbrt(struct values_case *c)
{
    real_function(c, VEC_REAL_CBRT);
}

static void real_exp(struct values_case *c)
{
    real_function(c, VEC_REAL_EXP);
}

static void real_ln(struct values_case *c)
{
    real_function(c, VEC_REAL_LN);
}

static void real_log(struct values_case *c)
{
    real_function(c, VEC_REAL_LOG10);
}

static void real_sin(struct values_case *c)
{
    real_function(c, VEC_REAL_SIN);
}

static void real_cos(struct values_case *c)
{
    real_function(c, VEC_REAL_COS);
}

static void real_tan(struct values_case *c)
{
    real_function(c, VEC_REAL_TAN);
}

static void real_cot(struct values_case *c)
{
    real_function(c, VEC_REAL_COT);
}

static void real_asin(struct values_case *c)
{
    real_function(c, VEC_REAL_ASIN);
}

static void real_acos(struct values_case *c)
{
    real_function(c, VEC_REAL_ACOS);
}

static void real_atan(struct values_case *c)
{
    real_function(c, VEC_REAL_ATAN);
}

static void real_sinh(struct values_case *c)
{
    real_function(c, VEC_REAL_SINH);
}

static void real_cosh(struct values_case *c)
{
    real_function(c, VEC_REAL_COSH);
}

static void real_tanh(struct values_case *c)
{
    real_function(c, VEC_REAL_TANH);
}

static void real_asinh(struct values_case *c)
{
    real_function(c, VEC_REAL_ASINH);
}

static void real_acosh(struct values_case *c)
{
    real_function(c, VEC_REAL_ACOSH);
}

static void real_atanh(struct values_case *c)
{
    real_function(c, VEC_REAL_ATANH);
}

static void real_degrees(struct values_case *c)
{
    real_function(c, VEC_REAL_DEGREES);
}

static void real_radians(struct values_case *c)
{
    real_function(c, VEC_REAL_RADIANS);
}

static const struct values_operation real_operations[] = {
    {"in", real_in},           {"compare", real_compare}, {"to_int4", real_to_int4},
    {"to_int8", real_to_int8}, {"power", real_power},     {"atan2", real_atan2},
    {"add", real_add},         {"sub", real_sub},         {"mul", real_mul},
    {"div", real_div},         {"round", real_round},     {"trunc", real_trunc},
    {"ceil", real_ceil},       {"floor", real_floor},     {"abs", real_abs},
    {"sign", real_sign},       {"sqrt", real_sqrt},       {"cbrt", real_cbrt},
    {"exp", real_exp},         {"ln", real_ln},           {"log", real_log},
    {"sin", real_sin},         {"cos", real_cos},         {"tan", real_tan},
    {"cot", real_cot},         {"asin", real_asin},       {"acos", real_acos},
    {"atan", real_atan},       {"sinh", real_sinh},       {"cosh", real_cosh},
    {"tanh", real_tanh},       {"asinh", real_asinh},     {"acosh", real_acosh},
    {"atanh", real_atanh},     {"degrees", real_degrees}, {"radians", real_radians},
};

static void real_answers_are_postgresqls(void **state)
{
    (void)state;
    values_check_table("real", real_operations, ARRAY_COUNT(real_operations), 2000);
}

static void real_text_reads_back(void **state)
{
    (void)state;
    struct share share = share_open("text of doubles", 50);
    while (share_more(&share)) {
        struct prng rng;
        char text[VEC_REAL_TEXT_BYTES];
        struct bytes_writer w = bytes_writer(text, sizeof(text));
        prng_init(&rng, share_case_seed(&share));
        union {
            uint64_t bits;
            double value;
        } a = {.bits = prng_u64(&rng)}, again = {.bits = 0};
        if (isnan(a.value)) {
            continue;
        }
        vec_real_write(&w, a.value);
        assert_int_equal(vec_real_parse(text, w.pos, &again.value), VEC_FAULT_NONE);
        assert_true(again.bits == a.bits);
    }
    share_close(&share);
}

/* Digits are added until the text reads back, as anybody may with printf and strtod. */
static void real_text_is_the_shortest(void **state)
{
    (void)state;
    struct share share = share_open("shortest text of doubles", 30);
    while (share_more(&share)) {
        struct prng rng;
        char text[VEC_REAL_TEXT_BYTES] = {0};
        char want[VEC_REAL_TEXT_BYTES];
        struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
        prng_init(&rng, share_case_seed(&share));
        double value = prng_unit(&rng) * pow(10, (double)prng_below(&rng, 18) - 3);
        if (!(value >= 1e-3 && value < 1e15)) {
            continue;
        }
        for (int digits = 15; digits <= 17; digits++) {
            (void)snprintf(want, sizeof(want), "%.*g", digits, value);
            if (strtod(want, NULL) == value) {
                break;
            }
        }
        vec_real_write(&w, value);
        assert_string_equal(text, want);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_answers_are_postgresqls),
        cmocka_unit_test(real_text_reads_back),
        cmocka_unit_test(real_text_is_the_shortest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
