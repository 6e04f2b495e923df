/* Text from anywhere, made safe to stand inside quotes: what log lines, listings and problem
 * reports share.
 *
 * Each function stops before the first character that does not fit with its whole escape, leaves
 * the writer's error alone, and returns how many bytes of `text` it took: `length` when all fit. */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

#include "base/bytes.h"

/* Write `length` bytes of `text` as the inside of a JSON string (RFC 8259 section 7), without the
 * quotes. Quote, backslash and control characters are escaped, DEL and U+0080..U+009F too, so that
 * a line can neither break nor drive a terminal; all else stays. */
size_t escape_json(struct bytes_writer *w, const char *text, size_t length);

/* Write `length` bytes of `text` as the inside of a label value of Prometheus' text format 0.0.4:
 * backslash, quote and newline are escaped, nothing else can be. */
size_t escape_label(struct bytes_writer *w, const char *text, size_t length);

/* As escape_label for the text of a HELP line, where a quote stays. */
size_t escape_help(struct bytes_writer *w, const char *text, size_t length);

#endif
