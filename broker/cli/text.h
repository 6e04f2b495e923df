/* What commands print that came from outside: escaped, so that no record, name or file can drive
 * the terminal of the person who looks at it. */
#ifndef BROKER_CLI_TEXT_H
#define BROKER_CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Write bytes from outside, escaped as in a JSON string; for people, with quotes and backslashes as
 * they are. */
void cli_text_put(FILE *out, const void *data, size_t length);
void cli_text_put_plain(FILE *out, const void *data, size_t length);

/* Write `"name":"text"`, escaped. */
void cli_text_put_member(FILE *out, const char *name, const char *text);

/* Write a key or a value as JSON: null, a string, or {"hex":"..."} where it is no text. */
void cli_text_put_bytes(FILE *out, const uint8_t *data, size_t length);

/* Write a moment: RFC 3339, or the number where that has no room for it. */
void cli_text_put_time(FILE *out, int64_t time_ms);

#endif
