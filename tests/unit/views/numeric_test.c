/* NUMERIC: PostgreSQL's answers, and a naive twin of decimal digits. */
#include "views/vec/numeric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/views/twin.h"
#include "tests/unit/views/values.h"
#include "views/vec/integer.h"
#include "views/vec/real.h"

static bool numeric_arg(struct values_case *c, size_t i, struct vec_numeric *out)
{
    c->subject = c->args[i];
    bool is_fine =
        values_is_fine(c, vec_numeric_parse(c->args[i].text, c->args[i].length, out), "numeric");
    return is_fine;
}

static void numeric_answer(struct values_case *c, enum vec_fault fault, const struct vec_numeric *a)
{
    if (values_is_fine(c, fault, "numeric")) {
        vec_numeric_write(&c->out, a);
    }
}

typedef enum vec_fault numeric_pair_fn(const struct vec_numeric *a, const struct vec_numeric *b,
                                       struct vec_numeric *out);

static void numeric_pair(struct values_case *c, numeric_pair_fn *compute)
{
    struct vec_numeric a, b;
    if (numeric_arg(c, 0, &a) && numeric_arg(c, 1, &b)) {
        numeric_answer(c, compute(&a, &b, &a), &a);
    }
}

static void numeric_in(struct values_case *c)
{
    struct vec_numeric a;
    if (numeric_arg(c, 0, &a)) {
        numeric_answer(c, VEC_FAULT_NONE, &a);
    }
}

static void numeric_add(struct values_case *c)
{
    numeric_pair(c, vec_numeric_add);
}

static void numeric_sub(struct values_case *c)
{
    numeric_pair(c, vec_numeric_sub);
}

static void numeric_mul(struct values_case *c)
{
    numeric_pair(c, vec_numeric_mul);
}

static void numeric_div(struct values_case *c)
{
    numeric_pair(c, vec_numeric_div);
}

static void numeric_mod(struct values_case *c)
{
    numeric_pair(c, vec_numeric_mod);
}

static void numeric_div_whole(struct values_case *c)
{
    numeric_pair(c, vec_numeric_div_whole);
}

static void numeric_power(struct values_case *c)
{
    numeric_pair(c, vec_numeric_power);
}

static void numeric_compare(struct values_case *c)
{
    struct vec_numeric a, b;
    if (numeric_arg(c, 0, &a) && numeric_arg(c, 1, &b)) {
        int order = vec_numeric_compare(&a, &b);
        vec_int8_write(&c->out, (order > 0) - (order < 0));
    }
}

typedef struct vec_numeric numeric_single_fn(const struct vec_numeric *a);

static void numeric_single(struct values_case *c, numeric_single_fn *compute)
{
    struct vec_numeric a;
    if (numeric_arg(c, 0, &a)) {
        a = compute(&a);
        numeric_answer(c, VEC_FAULT_NONE, &a);
    }
}

static void numeric_neg(struct values_case *c)
{
    numeric_single(c, vec_numeric_neg);
}

static void numeric_abs(struct values_case *c)
{
    numeric_single(c, vec_numeric_abs);
}

static void numeric_sign(struct values_case *c)
{
    numeric_single(c, vec_numeric_sign);
}

static void numeric_trim(struct values_case *c)
{
    numeric_single(c, vec_numeric_trim);
}

static void numeric_round(struct values_case *c)
{
    struct vec_numeric a;
    if (numeric_arg(c, 0, &a)) {
        numeric_answer(c, vec_numeric_round(&a, values_int(&c->args[1]), &a), &a);
    }
}

static void numeric_trunc(struct values_case *c)
{
    struct vec_numeric a;
    if (numeric_arg(c, 0, &a)) {
        numeric_answer(c, vec_numeric_trunc(&a, values_int(&c->args[1]), &a), &a);
    }
}

static void numeric_ceil(struct values_case *c)
{
    struct vec_numeric a;
    if (numeric_arg(c, 0, &a)) {
        numeric_answer(c, vec_numeric_ceil(&a, &a), &a);
    }
}

static void numeric_floor(struct values_case *c)
{
    struct vec_numeric a;
    if (numeric_arg(c, 0, &a)) {
        numeric_answer(c, vec_numeric_floor(&a, &a), &a);
    }
}

static void numeric_sqrt(struct values_case *c)
{
    struct vec_numeric a;
    if (numeric_arg(c, 0, &a)) {
        numeric_answer(c, vec_numeric_sqrt(&a, &a), &a);
    }
}

static void numeric_declare(struct values_case *c, unsigned precision, unsigned scale)
{
    struct vec_numeric a;
    if (numeric_arg(c, 0, &a)) {
        numeric_answer(c, vec_numeric_declare(&a, precision, scale, &a), &a);
    }
}

static void numeric_declare_10_2(struct values_case *c)
{
    numeric_declare(c, 10, 2);
}

static void numeric_declare_4_4(struct values_case *c)
{
    numeric_declare(c, 4, 4);
}

static void numeric_declare_38_0(struct values_case *c)
{
    numeric_declare(c, 38, 0);
}

static void numeric_to_int4(struct values_case *c)
{
    struct vec_numeric a;
    int32_t out;
    if (numeric_arg(c, 0, &a) && values_is_fine(c, vec_numeric_to_int4(&a, &out), "")) {
        vec_int8_write(&c->out, out);
    }
}

static void numeric_to_int8(struct values_case *c)
{
    struct vec_numeric a;
    int64_t out;
    if (numeric_arg(c, 0, &a) && values_is_fine(c, vec_numeric_to_int8(&a, &out), "")) {
        vec_int8_write(&c->out, out);
    }
}

static void numeric_to_double(struct values_case *c)
{
    struct vec_numeric a;
    if (numeric_arg(c, 0, &a)) {
        vec_real_write(&c->out, vec_numeric_to_double(&a));
    }
}

static void numeric_from_int8(struct values_case *c)
{
    int64_t a = strtoll(c->args[0].text, NULL, 10);
    struct vec_numeric out = vec_numeric_from_int8(a);
    vec_numeric_write(&c->out, &out);
}

static void numeric_from_double(struct values_case *c)
{
    struct vec_numeric out;
    enum vec_fault fault = vec_numeric_from_double(strtod(c->args[0].text, NULL), &out);
    numeric_answer(c, fault, &out);
}

static void numeric_sum_int8(struct values_case *c)
{
    __int128 sum = 0;
    for (const char *at = c->args[0].text; *at != '}';) {
        char *end;
        sum += strtoll(at + 1, &end, 10);
        at = end;
    }
    struct vec_numeric out = vec_numeric_from_int16(sum);
    vec_numeric_write(&c->out, &out);
}

static void numeric_avg_int8(struct values_case *c)
{
    __int128 sum = 0;
    int64_t count = 0;
    for (const char *at = c->args[0].text; *at != '}'; count++) {
        char *end;
        sum += strtoll(at + 1, &end, 10);
        at = end;
    }
    struct vec_numeric a = vec_numeric_from_int16(sum);
    struct vec_numeric b = vec_numeric_from_int8(count);
    numeric_answer(c, vec_numeric_div(&a, &b, &a), &a);
}

static void numeric_variance(struct values_case *c, bool is_sample, bool is_root)
{
    struct vec_numeric sum = {.scale = 0}, squares = {.scale = 0}, x, square;
    int64_t count = 0;
    for (const char *at = c->args[0].text; *at != '}'; count++) {
        size_t length = strcspn(at + 1, ",}");
        assert_int_equal(vec_numeric_parse(at + 1, length, &x), VEC_FAULT_NONE);
        assert_int_equal(vec_numeric_mul(&x, &x, &square), VEC_FAULT_NONE);
        assert_int_equal(vec_numeric_add(&sum, &x, &sum), VEC_FAULT_NONE);
        assert_int_equal(vec_numeric_add(&squares, &square, &squares), VEC_FAULT_NONE);
        at += 1 + length;
    }
    if (count <= is_sample) {
        c->is_null = true;
        return;
    }
    numeric_answer(c, vec_numeric_variance(count, &sum, &squares, is_sample, is_root, &x), &x);
}

static void numeric_var_pop(struct values_case *c)
{
    numeric_variance(c, false, false);
}

static void numeric_var_samp(struct values_case *c)
{
    numeric_variance(c, true, false);
}

static void numeric_stddev_pop(struct values_case *c)
{
    numeric_variance(c, false, true);
}

static void numeric_stddev_samp(struct values_case *c)
{
    numeric_variance(c, true, true);
}

static const struct values_operation numeric_operations[] = {
    {"in", numeric_in},
    {"add", numeric_add},
    {"sub", numeric_sub},
    {"mul", numeric_mul},
    {"div", numeric_div},
    {"mod", numeric_mod},
    {"div_whole", numeric_div_whole},
    {"power", numeric_power},
    {"compare", numeric_compare},
    {"neg", numeric_neg},
    {"abs", numeric_abs},
    {"sign", numeric_sign},
    {"round", numeric_round},
    {"trunc", numeric_trunc},
    {"ceil", numeric_ceil},
    {"floor", numeric_floor},
    {"sqrt", numeric_sqrt},
    {"trim", numeric_trim},
    {"declare_10_2", numeric_declare_10_2},
    {"declare_4_4", numeric_declare_4_4},
    {"declare_38_0", numeric_declare_38_0},
    {"to_int4", numeric_to_int4},
    {"to_int8", numeric_to_int8},
    {"to_double", numeric_to_double},
    {"from_int8", numeric_from_int8},
    {"from_double", numeric_from_double},
    {"avg_int8", numeric_avg_int8},
    {"sum_int8", numeric_sum_int8},
    {"var_pop", numeric_var_pop},
    {"var_samp", numeric_var_samp},
    {"stddev_pop", numeric_stddev_pop},
    {"stddev_samp", numeric_stddev_samp},
};

static void numeric_answers_are_postgresqls(void **state)
{
    (void)state;
    values_check_table("numeric", numeric_operations, ARRAY_COUNT(numeric_operations), 2000);
}

/* A number and its naive twin: the same digits, at the scale of `value`. */
struct numeric_pair {
    char text[VEC_NUMERIC_TEXT_BYTES]; /* as vec_numeric_write writes it */
    size_t length;                     /* of the text */
    struct vec_numeric value;
    struct twin twin; /* its digits as a whole number */
};

static struct numeric_pair numeric_pair_of(const struct vec_numeric *value)
{
    struct numeric_pair pair = {.value = *value};
    struct bytes_writer w = bytes_writer(pair.text, sizeof(pair.text));
    vec_numeric_write(&w, value);
    assert_int_equal(w.err, ERR_OK);
    pair.length = w.pos;
    pair.twin = twin_read(pair.text, pair.length, 0);
    return pair;
}

/* Lengths up to the limit, nines and zeros often. */
static struct numeric_pair numeric_random(struct prng *rng)
{
    char text[VEC_NUMERIC_TEXT_BYTES + 2];
    size_t length = 0;
    size_t digits = 1 + prng_below(rng, prng_chance(rng, 1, 3) ? VEC_NUMERIC_DIGITS_MAX : 24);
    size_t point = prng_below(rng, digits + 1);
    uint64_t kind = prng_below(rng, 4);
    if (prng_chance(rng, 1, 2)) {
        text[length++] = '-';
    }
    for (size_t i = 0; i < digits; i++) {
        if (i == point) {
            text[length++] = '.';
        }
        uint64_t digit = kind == 0 ? 9 : kind == 1 && i > 0 ? 0 : prng_below(rng, 10);
        text[length++] = (char)('0' + digit);
    }
    struct vec_numeric value;
    assert_int_equal(vec_numeric_parse(text, length, &value), VEC_FAULT_NONE);
    return numeric_pair_of(&value);
}

/* The twin at a larger scale. */
static struct twin numeric_at_scale(const struct numeric_pair *a, unsigned scale)
{
    return twin_read(a->text, a->length, scale - a->value.scale);
}

/* `result` is that whole number at that scale, or it did not fit. */
static void numeric_check(enum vec_fault fault, const struct vec_numeric *result,
                          const struct twin *want, bool is_negative, unsigned scale)
{
    if (want->count > VEC_NUMERIC_DIGITS_MAX || scale > VEC_NUMERIC_DIGITS_MAX) {
        assert_int_equal(fault, VEC_FAULT_NUMERIC);
        return;
    }
    assert_int_equal(fault, VEC_FAULT_NONE);
    struct numeric_pair got = numeric_pair_of(result);
    assert_int_equal(got.value.scale, scale);
    assert_int_equal(twin_compare(&got.twin, want), 0);
    assert_int_equal(got.value.is_negative, is_negative && want->count > 0);
}

static void numeric_check_sum(const struct numeric_pair *a, const struct numeric_pair *b)
{
    unsigned scale = a->value.scale > b->value.scale ? a->value.scale : b->value.scale;
    struct twin a_twin = numeric_at_scale(a, scale);
    struct twin b_twin = numeric_at_scale(b, scale);
    int order = twin_compare(&a_twin, &b_twin);
    bool a_is_negative = a->value.is_negative;
    bool is_alike = a_is_negative == b->value.is_negative;
    struct twin sum = twin_add(&a_twin, &b_twin);
    struct twin difference = order >= 0 ? twin_sub(&a_twin, &b_twin) : twin_sub(&b_twin, &a_twin);
    bool flips = order < 0;
    struct vec_numeric out;
    enum vec_fault fault = vec_numeric_add(&a->value, &b->value, &out);
    numeric_check(fault, &out, is_alike ? &sum : &difference,
                  is_alike ? a_is_negative : a_is_negative != flips, scale);
    fault = vec_numeric_sub(&a->value, &b->value, &out);
    numeric_check(fault, &out, is_alike ? &difference : &sum,
                  is_alike ? a_is_negative != flips : a_is_negative, scale);
    int signed_order = is_alike ? (a_is_negative ? -order : order) : (a_is_negative ? -1 : 1);
    int got = vec_numeric_compare(&a->value, &b->value);
    assert_int_equal((got > 0) - (got < 0), (signed_order > 0) - (signed_order < 0));
}

/* A quotient is the nearest: twice what is left is at most the divisor. */
static void numeric_check_quotient(const struct numeric_pair *a, const struct numeric_pair *b)
{
    struct vec_numeric out;
    enum vec_fault fault = vec_numeric_div(&a->value, &b->value, &out);
    if (b->twin.count == 0) {
        assert_int_equal(fault, VEC_FAULT_DIVISION);
        return;
    }
    if (fault != VEC_FAULT_NONE) {
        assert_int_equal(fault, VEC_FAULT_NUMERIC);
        return;
    }
    struct numeric_pair q = numeric_pair_of(&out);
    unsigned up = (unsigned)q.value.scale + b->value.scale;
    unsigned a_shift = up > a->value.scale ? up - a->value.scale : 0;
    unsigned b_shift = up < a->value.scale ? a->value.scale - up : 0;
    struct twin above = twin_read(a->text, a->length, a_shift);
    struct twin below = twin_read(b->text, b->length, b_shift);
    struct twin product = twin_mul(&q.twin, &below);
    int order = twin_compare(&above, &product);
    struct twin rest = order >= 0 ? twin_sub(&above, &product) : twin_sub(&product, &above);
    struct twin twice = twin_add(&rest, &rest);
    int half = twin_compare(&twice, &below);
    assert_true(half < 0 || (half == 0 && order < 0)); /* a tie goes away from zero */
    fault = vec_numeric_mod(&a->value, &b->value, &out);
    struct vec_numeric whole, back;
    if (fault == VEC_FAULT_NONE &&
        vec_numeric_div_whole(&a->value, &b->value, &whole) == VEC_FAULT_NONE &&
        vec_numeric_mul(&whole, &b->value, &back) == VEC_FAULT_NONE &&
        vec_numeric_add(&back, &out, &back) == VEC_FAULT_NONE) {
        assert_int_equal(vec_numeric_compare(&back, &a->value), 0);
    }
}

static void numeric_is_what_digits_say(void **state)
{
    (void)state;
    struct share share = share_open("numeric against digits", 50);
    while (share_more(&share)) {
        struct prng rng;
        prng_init(&rng, share_case_seed(&share));
        struct numeric_pair a = numeric_random(&rng);
        struct numeric_pair b = numeric_random(&rng);
        struct vec_numeric out;
        numeric_check_sum(&a, &b);
        struct twin product = twin_mul(&a.twin, &b.twin);
        enum vec_fault fault = vec_numeric_mul(&a.value, &b.value, &out);
        numeric_check(fault, &out, &product, a.value.is_negative != b.value.is_negative,
                      (unsigned)a.value.scale + b.value.scale);
        numeric_check_quotient(&a, &b);
        struct vec_numeric square;
        if (vec_numeric_mul(&a.value, &a.value, &square) == VEC_FAULT_NONE &&
            vec_numeric_sqrt(&square, &out) == VEC_FAULT_NONE) {
            struct vec_numeric size = vec_numeric_abs(&a.value);
            assert_int_equal(vec_numeric_compare(&out, &size), 0);
        }
    }
    share_close(&share);
}

static void numeric_columns_hold_38_digits(void **state)
{
    (void)state;
    static const char nines[] = "-99999999999999999999999999999999999999";
    struct vec_numeric a;
    __int128 column;
    assert_int_equal(vec_numeric_parse(nines, strlen(nines), &a), VEC_FAULT_NONE);
    assert_true(vec_numeric_to_int16(&a, &column));
    struct vec_numeric back = vec_numeric_from_column(column, 0);
    assert_int_equal(vec_numeric_compare(&a, &back), 0);
    struct vec_numeric one = vec_numeric_from_int8(-1);
    assert_int_equal(vec_numeric_add(&a, &one, &a), VEC_FAULT_NONE);
    assert_false(vec_numeric_to_int16(&a, &column));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_answers_are_postgresqls),
        cmocka_unit_test(numeric_is_what_digits_say),
        cmocka_unit_test(numeric_columns_hold_38_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
