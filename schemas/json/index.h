/* The first of the two passes over a JSON text: where its tokens begin.
 *
 * Tokens are { } [ ] : , outside of strings, the opening quote of a string, and the first byte of
 * anything else (numbers, words, and what does not belong there). Whatever concerns single bytes is
 * settled here: strings that do not end, control characters, UTF-8 (RFC 3629) and escapes. So the
 * second pass (reader.c) looks at tokens and at the numbers and words behind them, and at nothing
 * between.
 *
 * A text is looked at 64 bytes at a time, each class of bytes as one 64-bit mask (the method of
 * Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019). Which kernel makes the masks
 * is chosen once per process; all give equal results. No byte past the text's length is read. Pure;
 * nothing here allocates. */
#ifndef SCHEMAS_JSON_INDEX_H
#define SCHEMAS_JSON_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "schemas/json/fault.h"

/* The longest text. A position is 32 bits; no record is longer than a batch. */
#define JSON_TEXT_BYTES_MAX (16u << 20)

/* What one step looks at, and so the most tokens it finds. */
#define JSON_INDEX_STEP_BYTES 1024u

/* Tokens that may be written behind the last, for kernels store whole vectors. */
#define JSON_INDEX_SLACK 64u

/* How far the index of one text has come. */
struct json_index {
    const char *text;        /* the text; somebody else's */
    uint32_t length;         /* bytes of it */
    uint32_t pos;            /* next byte to look at; a multiple of 64, or length at the end */
    uint64_t in_string;      /* all ones: the byte before pos is inside of a string */
    uint64_t in_other;       /* 1: the byte before pos belongs to a number or word */
    uint64_t is_escaped;     /* 1: the byte before pos is the backslash of an escape */
    uint64_t continuations;  /* bits 0..2: bytes at pos.. that must continue a character */
    uint64_t after_lead;     /* bits of enum json_lead for the byte before pos */
    bool has_escapes;        /* there has been a backslash */
    struct json_fault fault; /* the first that was found */
};

/* One way to make an index. */
struct json_indexer {
    const char *name; /* "scalar", "avx2" or "avx512"; static storage */
    /* Look at the next JSON_INDEX_STEP_BYTES of `x`, or at what is left. Writes where tokens begin
     * and the bytes there, and returns how many they are; both have room for
     * JSON_INDEX_STEP_BYTES + JSON_INDEX_SLACK. Stops at a fault, which is kept in x->fault. */
    uint32_t (*step)(struct json_index *x, uint32_t *positions, uint8_t *bytes);
};

/* The fastest that `cpu` can run. Static storage. */
const struct json_indexer *json_indexer_for(const struct cpu *cpu);

/* Make `x` the beginning of `text`, whose `length` is at most JSON_TEXT_BYTES_MAX (asserted) and
 * which outlives the index. Field by field, for a struct that is copied at once is waited for. */
static inline void json_index_begin(struct json_index *x, const char *text, size_t length)
{
    ASSERT(length <= JSON_TEXT_BYTES_MAX);
    x->text = text;
    x->length = (uint32_t)length;
    x->pos = 0;
    x->in_string = 0;
    x->in_other = 0;
    x->is_escaped = 0;
    x->continuations = 0;
    x->after_lead = 0;
    x->has_escapes = false;
    x->fault.err = ERR_OK;
}

/* Where in the `length` bytes of `text` the escape that begins at `pos`, a backslash, ends: behind
 * its last byte. 0: there is no such escape. Half of a surrogate pair is one, as RFC 8259's grammar
 * has it. */
size_t json_index_escape_end(const char *text, size_t length, size_t pos);

#endif
