/* Any text through every parser of base/units, each held against a second opinion: naive 128-bit
 * arithmetic for integers, strtod for doubles, and reading back for quantities. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "tests/fuzz/fuzz.h"

static void fuzz_u64(const char *text, size_t length)
{
    unsigned __int128 want = 0;
    bool is_number = length > 0 && length < 30;
    for (size_t i = 0; i < length && is_number; i++) {
        is_number = text[i] >= '0' && text[i] <= '9';
        want = want * 10 + (unsigned)(text[i] - '0');
    }
    uint64_t got = 7;
    enum err err = units_parse_u64(text, length, &got);
    if (is_number) {
        ASSERT(err == (want > UINT64_MAX ? ERR_RANGE : ERR_OK));
        ASSERT(got == (want > UINT64_MAX ? 7 : (uint64_t)want));
    } else {
        ASSERT(IMPLIES(length < 30, err == ERR_INVALID));
        ASSERT(IMPLIES(err != ERR_OK, got == 7));
    }
    int64_t signed_got;
    if (units_parse_i64(text, length, &signed_got) == ERR_OK && signed_got >= 0 && text[0] != '-') {
        ASSERT(err == ERR_OK);
        ASSERT((uint64_t)signed_got == got);
    }
}

static void fuzz_double(const char *text, size_t length)
{
    double got;
    if (units_parse_double(text, length, &got) == ERR_OK) {
        char copy[UNITS_DOUBLE_BYTES_MAX + 1];
        char *end;
        memcpy(copy, text, length);
        copy[length] = '\0';
        double want = strtod(copy, &end);
        ASSERT(*end == '\0');
        ASSERT(got == want);
        char written[UNITS_TEXT_BYTES];
        double again;
        ASSERT(units_parse_double(written, units_format_double(got, written), &again) == ERR_OK);
        ASSERT(got == again);
    }
}

/* Reading back what was written for people comes close. */
static bool fuzz_is_near(uint64_t a, uint64_t b)
{
    return fabs((double)a - (double)b) <= 0.05 * (double)a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char written[UNITS_TEXT_BYTES];
    uint64_t value, again;
    fuzz_u64(text, size);
    fuzz_double(text, size);
    if (units_parse_bytes(text, size, &value) == ERR_OK) {
        enum err err = units_parse_bytes(written, units_format_bytes(value, written), &again);
        ASSERT(err == ERR_OK || (err == ERR_RANGE && value > (uint64_t)15 << 60));
        ASSERT(IMPLIES(err == ERR_OK, fuzz_is_near(value, again)));
        ASSERT(units_format_count(value, written) < UNITS_TEXT_BYTES);
    }
    if (units_parse_duration_ns(text, size, &value) == ERR_OK) {
        size_t length = units_format_duration(value, written);
        enum err err = units_parse_duration_ns(written, length, &again);
        ASSERT(err == ERR_OK || (err == ERR_RANGE && value > (uint64_t)1 << 63));
        ASSERT(IMPLIES(err == ERR_OK, fuzz_is_near(value, again)));
        ASSERT(units_format_time(value, written) == 24);
    }
    return 0;
}
