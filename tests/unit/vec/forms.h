/* Vectors of values in every form, and answers as text: what the suites of vectors share.
 *
 * Answers are written as in tests/golden/values: "=" and the value as text, "~" for null, "!" with
 * SQLSTATE and message. What does not succeed for reasons of the test itself fails the test. */
#ifndef TESTS_UNIT_VEC_FORMS_H
#define TESTS_UNIT_VEC_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/prng.h"
#include "views/vec/expr.h"
#include "views/vec/function.h"

#define FORMS_ANSWER_BYTES 4096u

/* Where a test stands. */
struct forms {
    struct budget budget; /* of both arenas */
    struct arena kept;    /* what lives as long as the test */
    struct arena scratch; /* of ev; the test rewinds it */
    struct vec_eval ev;
    struct prng rng;
};

/* An answer, as text. */
struct forms_answer {
    size_t length; /* bytes of it */
    char text[FORMS_ANSWER_BYTES];
};

void forms_open(struct forms *f, uint64_t seed);
void forms_close(struct forms *f);

/* Memory that lives as long as the test. */
void *forms_alloc(struct forms *f, size_t bytes);

/* *out = `text` cast to `kind`, its bytes kept; "<null>" is null. False: it cannot be, *answer says
 * why. */
bool forms_value(struct forms *f, enum vec_kind kind, const char *text, size_t length,
                 struct vec_value *out, struct forms_answer *answer);

/* *answer = that value; what the last evaluation failed with. */
void forms_answer_value(struct forms *f, struct vec_type type, const struct vec_value *value,
                        struct forms_answer *answer);
void forms_answer_failure(struct forms *f, struct forms_answer *answer);

/* A call of `function` whose arguments are columns 0 .. args_count-1 of those kinds. */
struct vec_expr *forms_call(struct forms *f, const struct vec_function *function,
                            const uint8_t *kinds, uint32_t args_count);

/* A column with the values of some rows; what stands in the others, and where a value is null, is
 * rubbish. values[i * stride] is of row vec_row(selection, i). CONSTANT takes values[0]. */
struct vec_vector forms_vector(struct forms *f, enum vec_kind kind, const struct vec_value *values,
                               size_t stride, struct vec_selection selection, enum vec_form form);

/* *out = a value of that kind, null now and then; of few different ones when `is_narrow`, so that
 * some are equal. */
void forms_random(struct forms *f, struct prng *prng, enum vec_kind kind, bool is_narrow,
                  struct vec_value *out);

/* `count` rows among somewhat more: all from 0 on, or ascending ones here and there. */
struct vec_selection forms_selection(struct forms *f, uint32_t count);

#endif
