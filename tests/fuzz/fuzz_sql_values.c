/* Any bytes as the text of every type of SQL: what is read is within the type's range, prints, and
 * reads back as the same value. The same bytes cut in two go through the functions of text and
 * LIKE, and as they are through the check of JSONB. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "tests/fuzz/fuzz.h"
#include "views/vec/boolean.h"
#include "views/vec/calendar.h"
#include "views/vec/integer.h"
#include "views/vec/interval.h"
#include "views/vec/jsonb.h"
#include "views/vec/like.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"
#include "views/vec/text.h"

#define FUZZ_TEXT_BYTES 256
#define FUZZ_JSON_BYTES (1u << 17)

static void fuzz_numbers(const char *text, size_t length)
{
    char written[FUZZ_TEXT_BYTES];
    struct bytes_writer w = bytes_writer(written, sizeof(written));
    struct vec_numeric number, again;
    double real, real_again;
    int64_t whole, whole_again;
    int32_t small;
    bool is_true;
    if (vec_numeric_parse(text, length, &number) == VEC_FAULT_NONE) {
        vec_numeric_write(&w, &number);
        ASSERT(w.err == ERR_OK);
        ASSERT(w.pos < VEC_NUMERIC_TEXT_BYTES);
        ASSERT(vec_numeric_parse(written, w.pos, &again) == VEC_FAULT_NONE);
        ASSERT(again.scale == number.scale);
        ASSERT(vec_numeric_compare(&number, &again) == 0);
    }
    if (vec_real_parse(text, length, &real) == VEC_FAULT_NONE) {
        w.pos = 0;
        vec_real_write(&w, real);
        ASSERT(w.pos < VEC_REAL_TEXT_BYTES);
        ASSERT(vec_real_parse(written, w.pos, &real_again) == VEC_FAULT_NONE);
        ASSERT(vec_real_compare(real, real_again) == 0);
        ASSERT(signbit(real) == signbit(real_again) || isnan(real));
    }
    enum vec_fault fault = vec_int8_parse(text, length, &whole);
    if (fault == VEC_FAULT_NONE) {
        w.pos = 0;
        vec_int8_write(&w, whole);
        ASSERT(vec_int8_parse(written, w.pos, &whole_again) == VEC_FAULT_NONE);
        ASSERT(whole == whole_again);
    }
    if (vec_int4_parse(text, length, &small) == VEC_FAULT_NONE) {
        ASSERT(fault == VEC_FAULT_NONE);
        ASSERT(small == whole);
    }
    (void)!vec_boolean_parse(text, length, &is_true);
}

static void fuzz_times(const char *text, size_t length)
{
    char written[FUZZ_TEXT_BYTES];
    struct bytes_writer w = bytes_writer(written, sizeof(written));
    int32_t date, date_again, offset;
    int64_t at, at_again;
    struct vec_interval interval, again;
    if (vec_date_parse(text, length, &date) == VEC_FAULT_NONE) {
        vec_date_write(&w, date);
        ASSERT(w.pos < VEC_CALENDAR_TEXT_BYTES);
        ASSERT(vec_date_parse(written, w.pos, &date_again) == VEC_FAULT_NONE);
        ASSERT(date == date_again);
    }
    for (int is_zoned = 0; is_zoned < 2; is_zoned++) {
        if (vec_timestamp_parse(text, length, is_zoned, &at) == VEC_FAULT_NONE) {
            w.pos = 0;
            vec_timestamp_write(&w, at, is_zoned);
            ASSERT(w.pos < VEC_CALENDAR_TEXT_BYTES);
            ASSERT(vec_timestamp_parse(written, w.pos, is_zoned, &at_again) == VEC_FAULT_NONE);
            ASSERT(at == at_again);
        }
    }
    if (vec_interval_parse(text, length, &interval) == VEC_FAULT_NONE) {
        w.pos = 0;
        vec_interval_write(&w, &interval);
        ASSERT(w.pos < VEC_INTERVAL_TEXT_BYTES);
        /* The most negative time is one that its own text, a time with a sign, cannot hold. */
        bool is_readable = interval.us != INT64_MIN;
        enum vec_fault fault = vec_interval_parse(written, w.pos, &again);
        ASSERT(IMPLIES(is_readable, fault == VEC_FAULT_NONE));
        ASSERT(IMPLIES(is_readable, again.us == interval.us));
        ASSERT(IMPLIES(is_readable, again.days == interval.days));
        ASSERT(IMPLIES(is_readable, again.months == interval.months));
        w.pos = 0;
        vec_interval_write_iso(&w, &interval);
        ASSERT(w.pos < VEC_INTERVAL_TEXT_BYTES);
    }
    (void)!vec_zone_parse(text, length, &offset);
}

static void fuzz_json(const char *text, size_t length)
{
    static uint8_t value[FUZZ_JSON_BYTES];
    static uint8_t again[FUZZ_JSON_BYTES];
    static char written[FUZZ_JSON_BYTES];
    struct budget budget;
    struct arena scratch;
    struct bytes_writer w = bytes_writer(value, sizeof(value));
    budget_init(&budget, "fuzz", 1u << 22, NULL);
    arena_init(&scratch, &budget, 4096, 1u << 22);
    if (vec_jsonb_parse(text, length, &scratch, &w) == VEC_FAULT_NONE && w.err == ERR_OK) {
        struct vec_jsonb a = {.data = value, .length = w.pos};
        ASSERT(vec_jsonb_is_valid(value, w.pos));
        struct bytes_writer print = bytes_writer(written, sizeof(written));
        vec_jsonb_write(&print, a, length % 2 == 0);
        struct bytes_writer w_again = bytes_writer(again, sizeof(again));
        if (print.err == ERR_OK) {
            ASSERT(vec_jsonb_parse(written, print.pos, &scratch, &w_again) == VEC_FAULT_NONE);
            ASSERT(w_again.err == ERR_OK);
            ASSERT(w_again.pos == w.pos);
            ASSERT(memcmp(value, again, w.pos) == 0);
            ASSERT(vec_jsonb_compare(a, (struct vec_jsonb){again, w_again.pos}) == 0);
            uint64_t steps = UINT64_MAX;
            ASSERT(vec_jsonb_contains(a, a, &steps));
        }
    }
    if (vec_jsonb_is_valid(text, length)) {
        struct bytes_writer print = bytes_writer(written, sizeof(written));
        vec_jsonb_write(&print, (struct vec_jsonb){(const uint8_t *)text, length}, true);
    }
    arena_deinit(&scratch);
    budget_deinit(&budget);
}

static void fuzz_text(struct vec_text a, struct vec_text b)
{
    static char written[FUZZ_JSON_BYTES];
    struct bytes_writer w = bytes_writer(written, sizeof(written));
    struct vec_text piece;
    bool is_match;
    uint64_t steps = UINT64_MAX;
    int32_t length = vec_text_length(a);
    vec_text_reverse(&w, a);
    ASSERT(w.pos == a.length);
    w.pos = 0;
    vec_text_upper(&w, a);
    vec_text_lower(&w, a);
    vec_text_initcap(&w, a);
    ASSERT(vec_text_translate(&w, a, b, a) == VEC_FAULT_NONE || b.length > 2048);
    w.pos = 0;
    vec_text_replace(&w, a, b, b);
    ASSERT(w.pos == a.length);
    ASSERT(vec_text_left(a, length).length == a.length);
    ASSERT(vec_text_right(a, length).length == a.length);
    ASSERT(vec_text_trim(a, b, true, true, &piece) == VEC_FAULT_NONE || b.length > 2048);
    ASSERT(piece.length <= a.length);
    ASSERT((size_t)vec_text_position(a, b) <= a.length + 1);
    ASSERT(vec_text_substring(a, length / 2, length / 2, &piece) == VEC_FAULT_NONE);
    ASSERT(vec_text_split(a, b, -1, &piece) == VEC_FAULT_NONE);
    if (vec_like(a, b, VEC_LIKE_ESCAPE, false, &steps, &is_match) == VEC_FAULT_NONE && is_match) {
        /* What is equal is equal without case too. */
        ASSERT(vec_like(a, b, VEC_LIKE_ESCAPE, true, &steps, &is_match) == VEC_FAULT_NONE);
        ASSERT(is_match);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t half = size > 0 ? data[0] % size : 0;
    fuzz_numbers(text, size);
    fuzz_times(text, size);
    fuzz_json(text, size);
    fuzz_text(vec_text(text, half), vec_text(text + half, size - half));
    return 0;
}
