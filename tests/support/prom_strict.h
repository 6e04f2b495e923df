/* A strict reader of Prometheus' text format 0.0.4 for tests: every rule of "Exposition formats"
 * (prometheus.io/docs/instrumenting/exposition_formats), read as narrowly as it is written. */
#ifndef TESTS_SUPPORT_PROM_STRICT_H
#define TESTS_SUPPORT_PROM_STRICT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the `length` bytes of `text` are a page in the format: names, labels and their escapes,
 * values; HELP and TYPE once and first; lines of a metric together; no line twice; histograms with
 * rising bounds, cumulative counts and a +Inf bucket equal to _count. Otherwise false, and `why`
 * (room for `why_bytes`) says which line breaks which rule. Only counters, gauges and histograms
 * without time stamps are known. */
bool prom_strict_check(const char *text, size_t length, char *why, size_t why_bytes);

/* The value of the line that begins with `series` ("name" or "name{...}", as written) and a space;
 * NaN when there is none. `text` is NUL-terminated. */
double prom_strict_value(const char *text, const char *series);

#endif
