/* Numbers and quantities as text: the only place where text becomes a number, and where quantities
 * are written for people. Whole strings or nothing, decimal only, the same in every locale; no
 * function here reads past the `length` it is given.
 *
 * All parsers leave *out alone unless they return ERR_OK. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The longest text of a double that is read, in bytes. */
#define UNITS_DOUBLE_BYTES_MAX 128

/* Room for whatever a units_format_ function writes, its NUL included. */
#define UNITS_TEXT_BYTES 32

/* Room for what units_write_u64 writes. */
#define UNITS_U64_BYTES 20

/* Write `value` in as few digits as it takes, without a NUL. Returns how many. */
size_t units_write_u64(char out[UNITS_U64_BYTES], uint64_t value);

/* "0", "42", "007" (= 7): digits only. ERR_INVALID: empty, or any other byte (signs and spaces
 * too); ERR_RANGE: over 2^64 - 1. */
MUST_USE enum err units_parse_u64(const char *text, size_t length, uint64_t *out);

/* As units_parse_u64 with an optional '-' before the digits; "-0" is 0. ERR_RANGE: outside
 * [-2^63, 2^63 - 1]. */
MUST_USE enum err units_parse_i64(const char *text, size_t length, int64_t *out);

/* The double nearest to a number "-12.5e-3": digits, then optionally a point with digits, then
 * optionally an exponent; too small a number becomes 0. ERR_INVALID: any other form ("nan", "inf",
 * ".5" and hexadecimal too); ERR_RANGE: larger than every finite double; ERR_TOO_LARGE: over
 * UNITS_DOUBLE_BYTES_MAX. */
MUST_USE enum err units_parse_double(const char *text, size_t length, double *out);

/* A size in bytes: a number with an optional fraction, optional spaces, and a unit in any case: B;
 * KB MB GB TB PB EB (powers of 1000); KiB MiB GiB TiB PiB EiB (powers of 1024). Without a unit:
 * whole bytes. "64KiB", "1.5 GiB", "10gb", "4096". A fraction of a byte is rounded to the nearest;
 * digits past the 18th of a fraction are ignored. ERR_INVALID: other forms, "K" alone (which people
 * read both ways) too; ERR_RANGE: over 2^64 - 1 bytes. */
MUST_USE enum err units_parse_bytes(const char *text, size_t length, uint64_t *bytes);

/* A duration in nanoseconds: a sum of numbers with units, as Go's time.ParseDuration: ns, us (or
 * with a micro sign), ms, s, m, h, and d for 24 hours; spaces may stand before a unit and between
 * terms. "50us", "5 ms", "1h30m", "1.5s", "0". Rounded as units_parse_bytes. ERR_INVALID: other
 * forms, signs and a number without a unit (save 0) too; ERR_RANGE: over 2^64 - 1 ns, which is 584
 * years. */
MUST_USE enum err units_parse_duration_ns(const char *text, size_t length, uint64_t *duration_ns);

/* A moment as milliseconds since 1970-01-01 UTC, RFC 3339 and its neighbours in ISO 8601:
 * "2018-02-06T01:26:13.840Z", "2018-02-06 01:26:13+01:00", "2018-02-06T01:26" and "2018-02-06". A
 * 'T' or a space stands between date and time; without an offset (Z, +hh:mm, +hhmm, +hh) the time
 * is UTC; digits past the millisecond are cut. Second 60 is the next minute's first, as POSIX
 * counts. ERR_INVALID: any other form, or no such day or time. */
MUST_USE enum err units_parse_time_ms(const char *text, size_t length, int64_t *time_ms);

/* The functions below write text of less than UNITS_TEXT_BYTES and a NUL to `out` and return its
 * length. */

/* A size for people: "512 B", "64 KiB", "1.5 GiB": one decimal, rounded, dropped when zero. */
size_t units_format_bytes(uint64_t bytes, char out[UNITS_TEXT_BYTES]);

/* A duration for people: "350 ns", "1.2 us", "15 ms", "2.5 s", then two units: "1m30s", "2h5m",
 * "3d4h"; rounded, a zero second part dropped. units_parse_duration_ns reads it back. */
size_t units_format_duration(uint64_t duration_ns, char out[UNITS_TEXT_BYTES]);

/* A count for people: "950", "1.2k", "12M", "3.4G", then T, P, E: one decimal, rounded, dropped
 * when zero. */
size_t units_format_count(uint64_t count, char out[UNITS_TEXT_BYTES]);

/* A double for machines: the first of 15, 16 and 17 significant digits that reads back as the same
 * value, with a decimal point. "0.1", "1e+21", "-0"; "NaN", "+Inf", "-Inf" as Prometheus writes
 * them (JSON has no such values: its writers ask isfinite first). */
size_t units_format_double(double value, char out[UNITS_TEXT_BYTES]);

/* A moment for machines and people, RFC 3339 in UTC with milliseconds, the rest cut:
 * "2026-11-25T07:51:46.123Z". `wall_ns` counts from 1970-01-01 without leap seconds. */
size_t units_format_time(uint64_t wall_ns, char out[UNITS_TEXT_BYTES]);

#endif
