/* Text from anywhere, made safe to stand inside quotes: what log lines, listings and problem
 * reports share. */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

#include "base/bytes.h"

/* Write `length` bytes of `text` as the inside of a JSON string (RFC 8259 section 7), without the
 * quotes. Quote, backslash and control characters are escaped, DEL and U+0080..U+009F too, so that
 * a line can neither break nor drive a terminal; what is not UTF-8 becomes U+FFFD, one for each
 * maximal part of a character (Unicode 15, section 3.9); all else stays.
 *
 * Stops before the first character that does not fit whole, leaving `w` without error. Returns how
 * many bytes of `text` were written: `length` unless it did not fit. */
size_t escape_json(struct bytes_writer *w, const char *text, size_t length);

#endif
