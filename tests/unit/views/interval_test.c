/* INTERVAL: PostgreSQL's answers. */
#include "views/vec/interval.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/views/values.h"
#include "views/vec/integer.h"

static bool interval_arg(struct values_case *c, size_t i, struct vec_interval *out)
{
    c->subject = c->args[i];
    return values_is_fine(c, vec_interval_parse(c->args[i].text, c->args[i].length, out),
                          "interval");
}

static void interval_answer(struct values_case *c, enum vec_fault fault,
                            const struct vec_interval *a)
{
    if (values_is_fine(c, fault, "interval")) {
        vec_interval_write(&c->out, a);
    }
}

static void interval_in(struct values_case *c)
{
    struct vec_interval a;
    if (interval_arg(c, 0, &a)) {
        interval_answer(c, VEC_FAULT_NONE, &a);
    }
}

static void interval_iso(struct values_case *c)
{
    struct vec_interval a;
    if (interval_arg(c, 0, &a)) {
        vec_interval_write_iso(&c->out, &a);
    }
}

static void interval_add(struct values_case *c)
{
    struct vec_interval a, b;
    if (interval_arg(c, 0, &a) && interval_arg(c, 1, &b)) {
        interval_answer(c, vec_interval_add(&a, &b, &a), &a);
    }
}

static void interval_sub(struct values_case *c)
{
    struct vec_interval a, b;
    if (interval_arg(c, 0, &a) && interval_arg(c, 1, &b)) {
        interval_answer(c, vec_interval_sub(&a, &b, &a), &a);
    }
}

static void interval_compare(struct values_case *c)
{
    struct vec_interval a, b;
    if (interval_arg(c, 0, &a) && interval_arg(c, 1, &b)) {
        vec_int8_write(&c->out, vec_interval_compare(&a, &b));
    }
}

typedef enum vec_fault interval_single_fn(const struct vec_interval *a, struct vec_interval *out);

static void interval_single(struct values_case *c, interval_single_fn *compute)
{
    struct vec_interval a;
    if (interval_arg(c, 0, &a)) {
        interval_answer(c, compute(&a, &a), &a);
    }
}

static void interval_neg(struct values_case *c)
{
    interval_single(c, vec_interval_neg);
}

static void interval_justify_hours(struct values_case *c)
{
    interval_single(c, vec_interval_justify_hours);
}

static void interval_justify_days(struct values_case *c)
{
    interval_single(c, vec_interval_justify_days);
}

static void interval_justify(struct values_case *c)
{
    interval_single(c, vec_interval_justify);
}

static void interval_mul(struct values_case *c)
{
    struct vec_interval a;
    if (interval_arg(c, 0, &a)) {
        interval_answer(c, vec_interval_mul(&a, strtod(c->args[1].text, NULL), &a), &a);
    }
}

static void interval_div(struct values_case *c)
{
    struct vec_interval a;
    if (interval_arg(c, 0, &a)) {
        interval_answer(c, vec_interval_div(&a, strtod(c->args[1].text, NULL), &a), &a);
    }
}

static void interval_trunc(struct values_case *c)
{
    struct vec_interval a;
    if (interval_arg(c, 1, &a)) {
        c->subject = c->args[0];
        interval_answer(c, vec_interval_trunc(values_unit(&c->args[0], false), &a, &a), &a);
    }
}

static void interval_extract(struct values_case *c)
{
    struct vec_interval a;
    struct vec_numeric out;
    if (interval_arg(c, 1, &a)) {
        c->subject = c->args[0];
        if (values_is_fine(c, vec_interval_extract(values_unit(&c->args[0], true), &a, &out),
                           "interval")) {
            vec_numeric_write(&c->out, &out);
        }
    }
}

static void interval_make(struct values_case *c)
{
    struct vec_interval out;
    enum vec_fault fault = vec_interval_make(
        values_int(&c->args[0]), values_int(&c->args[1]), values_int(&c->args[2]),
        values_int(&c->args[3]), values_int(&c->args[4]), values_int(&c->args[5]), 0, &out);
    interval_answer(c, fault, &out);
}

static const struct values_operation interval_operations[] = {
    {"in", interval_in},
    {"iso", interval_iso},
    {"add", interval_add},
    {"sub", interval_sub},
    {"neg", interval_neg},
    {"mul", interval_mul},
    {"div", interval_div},
    {"compare", interval_compare},
    {"justify_hours", interval_justify_hours},
    {"justify_days", interval_justify_days},
    {"justify", interval_justify},
    {"trunc", interval_trunc},
    {"extract", interval_extract},
    {"make", interval_make},
};

static void interval_answers_are_postgresqls(void **state)
{
    (void)state;
    values_check_table("interval", interval_operations, ARRAY_COUNT(interval_operations), 2000);
}

static void interval_text_reads_back(void **state)
{
    (void)state;
    struct share share = share_open("text of intervals", 50);
    while (share_more(&share)) {
        struct prng rng;
        char text[VEC_INTERVAL_TEXT_BYTES];
        prng_init(&rng, share_case_seed(&share));
        struct vec_interval a = {
            .us = (int64_t)(prng_u64(&rng) >> prng_below(&rng, 64)),
            .days = (int32_t)((int64_t)prng_u64(&rng) >> (32 + prng_below(&rng, 32))),
            .months = (int32_t)((int64_t)prng_u64(&rng) >> (32 + prng_below(&rng, 32))),
        };
        struct vec_interval again = {.us = 0};
        a.us = a.us == INT64_MIN ? 0 : a.us;
        struct bytes_writer w = bytes_writer(text, sizeof(text));
        vec_interval_write(&w, &a);
        assert_int_equal(vec_interval_parse(text, w.pos, &again), VEC_FAULT_NONE);
        assert_memory_equal(&again, &a, sizeof(a));
        w.pos = 0;
        vec_interval_write_iso(&w, &a);
        if (llabs((long long)a.us) < (int64_t)1 << 50) {
            assert_int_equal(vec_interval_parse(text, w.pos, &again), VEC_FAULT_NONE);
            assert_memory_equal(&again, &a, sizeof(a));
        }
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interval_answers_are_postgresqls),
        cmocka_unit_test(interval_text_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
