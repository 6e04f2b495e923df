/* Lines of JSON, checked only: for who keeps values as they are, and has many small ones in one
 * text.
 *
 *     json_lines_begin(&lines, &reader, text, length);
 *     ... for each line that is not blank, in order; it ends before `end` ...
 *         if (!json_lines_next(&lines, end)) {
 *             ... json_reader_read(&reader, the line) says whether it is JSON, and what is wrong
 * ... json_lines_begin(&lines, &reader, text behind the line, what is left of it)
 *         }
 *
 * The text is indexed as a whole, so that a line costs its own bytes and no beginning and end; its
 * tokens are walked through several members at a time. Only good lines are told for sure. A line is
 * judged by itself: whatever stands before or behind it changes nothing. Pure; nothing is
 * allocated. */
#ifndef SCHEMAS_JSON_LINES_H
#define SCHEMAS_JSON_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "schemas/json/index.h"
#include "schemas/json/reader.h"

/* Tokens that are looked at together. */
#define JSON_LINES_TOKENS 16u

/* A text's lines. Embedded in its owner, who reads no field. */
struct json_lines {
    const struct json_indexer *indexer; /* how the text is indexed */
    uint32_t depth_max;                 /* objects and arrays within each other */
    struct json_index index;            /* of the text, as far as it has come */
    uint32_t token;                     /* the next line's first, in the window below */
    uint32_t tokens_count;              /* in the window */
    uint32_t tokens_sure;               /* before this one, each has JSON_READER_TOKENS behind it;
                                           UINT32_MAX: there are no more than those in the window */
    uint32_t positions[JSON_LINES_TOKENS + JSON_INDEX_STEP_BYTES + JSON_INDEX_SLACK];
    uint8_t bytes[JSON_LINES_TOKENS + JSON_INDEX_STEP_BYTES + JSON_INDEX_SLACK];
    uint8_t closing[JSON_DEPTH_MAX + 1]; /* of open objects and arrays, from 1 */
};

/* Begin the lines of the `length` bytes at `text`, which stay until the last; indexed as `reader`
 * does it, and within its limits: of a text longer than it takes no line is told. */
void json_lines_begin(struct json_lines *lines, const struct json_reader *reader, const char *text,
                      size_t length);

/* Whether what stands from the last line's end (the text's begin) to `end` is one value and white
 * space; at `end` is a line feed, or the text's end. False: it may be one all the same, and no more
 * is asked before json_lines_begin. */
MUST_USE bool json_lines_next(struct json_lines *lines, size_t end);

#endif
