/* INTERVAL to text. See interval.h. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "views/vec/interval.h"

/* The microseconds of an interval as a clock; all parts have the sign of the whole. */
struct vec_interval_clock {
    bool is_negative;
    uint64_t hours;
    unsigned minutes;
    unsigned seconds;
    unsigned us;
};

static struct vec_interval_clock vec_interval_clock(int64_t us)
{
    uint64_t magnitude = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    return (struct vec_interval_clock){
        .is_negative = us < 0,
        .hours = magnitude / (uint64_t)VEC_HOUR_US,
        .minutes = (unsigned)(magnitude / (uint64_t)VEC_MINUTE_US % 60),
        .seconds = (unsigned)(magnitude / (uint64_t)VEC_SECOND_US % 60),
        .us = (unsigned)(magnitude % (uint64_t)VEC_SECOND_US),
    };
}

PRINTF(2, 3) static void vec_interval_print(struct bytes_writer *w, const char *format, ...)
{
    char text[VEC_INTERVAL_TEXT_BYTES];
    __builtin_va_list args;
    __builtin_va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    __builtin_va_end(args);
    ASSERT(length >= 0);
    ASSERT((size_t)length < sizeof(text));
    bytes_put_copy(w, text, (size_t)length);
}

/* "." and the digits of a fraction of a second; nothing for 0. */
static void vec_interval_write_fraction(struct bytes_writer *w, unsigned us)
{
    char text[7] = {'.'};
    if (us == 0) {
        return;
    }
    for (size_t i = sizeof(text) - 1; i > 0; i--, us /= 10) {
        text[i] = (char)('0' + us % 10);
    }
    size_t length = sizeof(text);
    while (text[length - 1] == '0') {
        length--;
    }
    bytes_put_copy(w, text, length);
}

void vec_interval_write_seconds(struct bytes_writer *w, unsigned seconds, unsigned us)
{
    bytes_put_u8(w, (uint8_t)('0' + seconds / 10 % 10));
    bytes_put_u8(w, (uint8_t)('0' + seconds % 10));
    vec_interval_write_fraction(w, us);
}

/* One part in words, if it is not 0. *is_before: the part before was negative, so that a positive
 * one needs its sign. */
static void vec_interval_write_part(struct bytes_writer *w, int32_t value, const char *unit,
                                    bool *is_first, bool *is_before)
{
    if (value == 0) {
        return;
    }
    vec_interval_print(w, "%s%s%" PRId32 " %s%s", *is_first ? "" : " ",
                       *is_before && value > 0 ? "+" : "", value, unit, value != 1 ? "s" : "");
    *is_first = false;
    *is_before = value < 0;
}

void vec_interval_write(struct bytes_writer *w, const struct vec_interval *a)
{
    bool is_first = true;
    bool is_before = false;
    vec_interval_write_part(w, a->months / 12, "year", &is_first, &is_before);
    vec_interval_write_part(w, a->months % 12, "mon", &is_first, &is_before);
    vec_interval_write_part(w, a->days, "day", &is_first, &is_before);
    if (is_first || a->us != 0) {
        struct vec_interval_clock clock = vec_interval_clock(a->us);
        vec_interval_print(w, "%s%s%02" PRIu64 ":%02u:", is_first ? "" : " ",
                           clock.is_negative ? "-"
                           : is_before       ? "+"
                                             : "",
                           clock.hours, clock.minutes);
        vec_interval_write_seconds(w, clock.seconds, clock.us);
    }
}

void vec_interval_write_iso(struct bytes_writer *w, const struct vec_interval *a)
{
    const struct {
        int32_t value;
        char unit;
    } parts[] = {{a->months / 12, 'Y'}, {a->months % 12, 'M'}, {a->days, 'D'}};
    bytes_put_u8(w, 'P');
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        if (parts[i].value != 0) {
            vec_interval_print(w, "%" PRId32 "%c", parts[i].value, parts[i].unit);
        }
    }
    if (a->us == 0) {
        if (a->months == 0 && a->days == 0) {
            bytes_put_copy(w, "T0S", 3);
        }
        return;
    }
    struct vec_interval_clock clock = vec_interval_clock(a->us);
    const char *sign = clock.is_negative ? "-" : "";
    bytes_put_u8(w, 'T');
    if (clock.hours != 0) {
        vec_interval_print(w, "%s%" PRIu64 "H", sign, clock.hours);
    }
    if (clock.minutes != 0) {
        vec_interval_print(w, "%s%uM", sign, clock.minutes);
    }
    if (clock.seconds != 0 || clock.us != 0) {
        vec_interval_print(w, "%s%u", sign, clock.seconds);
        vec_interval_write_fraction(w, clock.us);
        bytes_put_u8(w, 'S');
    }
}
