/* Values out of JSON records: texts and a set of paths in, what stands at each path out, by way of
 * a sink. This is the ingest path of streams.
 *
 *     struct json_paths paths;                     compiled once: path.h
 *     struct json_reader reader;
 *     json_reader_init(&reader, json_indexer_for(&cpu), &paths, JSON_LIMITS_DEFAULT, budget);
 *     json_reader_read(&reader, records, count, &rows_sink, rows, &done_count);
 *
 * Texts are checked whole and strictly (RFC 8259, UTF-8 by RFC 3629), whatever is wanted of them.
 * Decisions where the RFC leaves them open:
 *
 * - Of equal names the last counts, with all that is below it: what stood below an earlier one is
 *   as if it had not been. Names are compared with their escapes resolved.
 * - Numbers may be of any size; none is rounded here (number.h).
 * - An escape may be half of a surrogate pair: it is read, but such a string has no UTF-8 form, so
 *   json_unescape refuses it, and such a name equals no other.
 * - A byte order mark is no JSON.
 *
 * A reader keeps what records looked like (shape.h): one that looks like an earlier one is read in
 * less time, and means the same.
 *
 * Pure; one thread at a time; nothing is allocated after json_reader_init. */
#ifndef SCHEMAS_JSON_READER_H
#define SCHEMAS_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/json.h"
#include "schemas/json/index.h"
#include "schemas/json/number.h"
#include "schemas/json/path.h"
#include "schemas/json/shape.h"

/* What a record may be. */
struct json_limits {
    uint32_t depth_max; /* objects and arrays within each other, 1..JSON_DEPTH_MAX */
    uint32_t bytes_max; /* of a text, at most JSON_TEXT_BYTES_MAX */
};

/* The largest of both. */
#define JSON_LIMITS_DEFAULT ((struct json_limits){JSON_DEPTH_MAX, JSON_TEXT_BYTES_MAX})

/* What stands at a path of one record. */
struct json_found {
    const char *text; /* its first byte in the record, of a string the one behind the quote; NULL:
                         there is nothing at the path, and no other field counts */
    struct json_number number; /* of a JSON_NUMBER */
    uint32_t length;           /* bytes of the text: of a string without its quotes, escapes and
                                  all; of an object or array with its brackets */
    uint8_t kind;              /* enum json_kind */
    bool has_escapes;          /* of a JSON_STRING: json_unescape gives what it stands for */
};

/* Who takes the records of one json_reader_read, in their order. Either may refuse to go on by any
 * other answer than ERR_OK. Neither may call the reader. */
struct json_sink_ops {
    /* Record number `record` is JSON; found[i] is what stands at path i, for all paths of the set.
     * `duplicates_count` names of objects that paths lead through, and that are on a path, were
     * there again. `found` lives until the call returns, the texts it points to as long as the
     * record. */
    enum err (*record)(void *context, size_t record, const struct json_found *found,
                       uint32_t duplicates_count);
    /* Record number `record` is not JSON (ERR_INVALID), or it is past the limits (ERR_TOO_LARGE).
     * Of several faults the same one is told whatever the indexer. */
    enum err (*refused)(void *context, size_t record, const struct json_fault *fault);
};

/* An object or array that is open. */
struct json_frame {
    uint64_t filter; /* object: of its node, 0: no member is wanted */
    uint32_t node;   /* in the set of paths, or JSON_NONE: nothing in it is wanted */
    uint32_t pos;    /* of its bracket */
    uint32_t index;  /* array: of the item that comes, as long as `item` is one */
    uint32_t item;   /* array: the next item that is a node, or JSON_NONE */
    uint8_t closing; /* its other bracket */
};

/* Tokens that are looked at together: a name, its colon, a value, and what follows. */
#define JSON_READER_TOKENS 4u

/* A reader. Embedded in its owner, who reads no field. */
struct json_reader {
    const struct json_indexer *indexer; /* how texts are indexed */
    const struct json_paths *paths;     /* what is wanted */
    struct json_limits limits;          /* what is accepted */
    struct budget *budget;              /* what the two arrays below are charged to */
    struct json_found *found;           /* one per path */
    uint32_t *seen;                     /* one per node: the last record that had it */
    uint32_t stamp;                     /* this record, in `seen`; never 0 */
    uint32_t duplicates_count;          /* of this record */
    struct json_index index;            /* of this record, as far as it has come */
    struct json_fault fault;            /* why this record is refused */
    bool is_whole;                      /* all tokens of this record are in the window below */
    uint32_t tokens_count;              /* in the window below */
    uint32_t tokens_sure;               /* from each token before this one on there are
                                           JSON_READER_TOKENS in the window; UINT32_MAX: the text
                                           has no more than those in it */
    /* The tokens under way: those of one step of the indexer, and what was left of the step before.
     * Behind the last token of a text stand zero bytes at the text's length. */
    uint32_t positions[JSON_READER_TOKENS + JSON_INDEX_STEP_BYTES + JSON_INDEX_SLACK];
    uint8_t bytes[JSON_READER_TOKENS + JSON_INDEX_STEP_BYTES + JSON_INDEX_SLACK];
    struct json_frame frames[JSON_DEPTH_MAX + 1]; /* open containers; the first stands for none */
    struct json_shape shapes[JSON_SHAPES_COUNT];  /* what earlier records looked like */
};

/* Make `r` a reader of what `paths` (which outlives it) names, within `limits` (asserted to be
 * within theirs), charged to `budget` with 32 bytes per path and 4 per node. ERR_BUDGET: refused,
 * and `r` holds nothing. */
MUST_USE enum err json_reader_init(struct json_reader *r, const struct json_indexer *indexer,
                                   const struct json_paths *paths, struct json_limits limits,
                                   struct budget *budget);

/* Give back what it holds. */
void json_reader_deinit(struct json_reader *r);

/* Read the `count` texts at `records`, each one value, and hand each to `ops`. ERR_OK: all were
 * handed over, be they JSON or not; else the sink's answer. *done_count records were handed over,
 * the one that the sink refused to go on after included. */
MUST_USE enum err json_reader_read(struct json_reader *r, const struct json_text *records,
                                   size_t count, const struct json_sink_ops *ops, void *context,
                                   size_t *done_count);

/* `found` for json_unescape and json_items. */
static inline struct json_value json_found_value(const struct json_found *found)
{
    return (struct json_value){(enum json_kind)found->kind, found->text, found->length};
}

#endif
