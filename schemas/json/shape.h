/* What records of one kind have in common: everything but their scalars.
 *
 * Records of a stream mostly have the same members in the same order, written the same way. What
 * stands between one scalar and the next is the same text then in all of them (`,"kind":`, or
 * `},"geometry":{"type":`), and it decides everything else: which grammar there is, and where each
 * path leads. So the reader keeps what it has walked through once, and of a record that has the
 * same texts between its tokens it looks at scalars only. What a record means is the same whether
 * it is walked through or follows a shape.
 *
 * Why the texts, and not the tokens' bytes and the names by themselves: one comparison of sixteen
 * bytes a scalar is all of both. */
#ifndef SCHEMAS_JSON_SHAPE_H
#define SCHEMAS_JSON_SHAPE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

/* A record that has more scalars, paths to containers, or text between scalars has no shape. */
#define JSON_SHAPE_SCALARS_MAX 64u
#define JSON_SHAPE_SPANS_MAX   8u
#define JSON_SHAPE_TEXT_BYTES  1024u

/* Shapes that a reader keeps: records that lack some members may have another. A power of two. */
#define JSON_SHAPES_COUNT 8u

/* Bytes of a gap that are compared as words: its last ones. */
#define JSON_GAP_WORDS_BYTES 16u

/* The longest pause between two attempts to keep another shape, in records. */
#define JSON_SHAPE_PAUSE_MAX 255u

/* The text before a scalar: from the token that follows the scalar before it on. */
struct json_gap {
    uint64_t masks[2]; /* of the last sixteen bytes before the scalar those of the gap */
    uint32_t length;   /* bytes */
    uint32_t end;      /* behind its text in json_shape.text */
    uint16_t token;    /* number of the scalar's */
    bool is_wanted;    /* a path leads to the scalar */
};

/* A scalar that a path leads to. */
struct json_want {
    uint32_t path;
    uint16_t token; /* number of the scalar's */
};

/* An object or array that a path leads to. */
struct json_span {
    uint32_t path;
    uint16_t open;  /* number of its first token */
    uint16_t close; /* of its last */
};

/* A shape, of records of one number of tokens. */
struct json_shape {
    uint32_t tokens_count; /* UINT32_MAX: there is none */
    uint32_t gaps_count;   /* scalars */
    uint32_t wants_count;  /* those of them that paths lead to */
    uint32_t spans_count;
    bool is_full;         /* every path leads somewhere */
    uint32_t tail_length; /* of the text behind the last scalar */
    uint32_t tail_end;    /* behind it in `text` */
    uint32_t wait;        /* records that do not follow it, before it is given up */
    uint32_t pause;       /* `wait` of the next one, if that does not prove better */
    struct json_gap gaps[JSON_SHAPE_SCALARS_MAX];
    struct json_want wants[JSON_SHAPE_SCALARS_MAX];
    struct json_span spans[JSON_SHAPE_SPANS_MAX];
    /* The texts one after the other, behind some that are never compared. */
    char text[JSON_GAP_WORDS_BYTES + JSON_SHAPE_TEXT_BYTES];
};

struct json_reader;

/* The shape of records with `tokens_count` tokens, if there is one. Those of records that lack a
 * member, which is four tokens or so, do not share a place. */
static inline uint32_t json_shape_place(uint32_t tokens_count)
{
    return tokens_count / 4 % JSON_SHAPES_COUNT;
}

/* Keep the shape of the record that `r` has walked through, whose tokens are all in its window and
 * which has no name again, unless it is better to keep the one there is. shape.c. */
void json_shape_keep(struct json_reader *r);

/* A record has followed `shape`. */
static ALWAYS_INLINE void json_shape_followed(struct json_shape *shape)
{
    shape->wait = 1;
    shape->pause /= 2;
}

/* Whether the `length` bytes at `text` are those of `shape` that end at `end`. They are few mostly:
 * a call would cost more than they do. */
static ALWAYS_INLINE bool json_shape_is_text(const struct json_shape *shape, uint32_t end,
                                             const char *text, uint32_t length)
{
    const char *own = shape->text + end - length;
    if (length > 2 * sizeof(uint32_t)) {
        return memcmp(text, own, length) == 0;
    }
    if (length >= sizeof(uint32_t)) { /* the first four and the last four */
        const char *last = text + length - sizeof(uint32_t);
        return memcmp(text, own, sizeof(uint32_t)) == 0 &&
               memcmp(last, own + length - sizeof(uint32_t), sizeof(uint32_t)) == 0;
    }
    uint32_t i = 0;
    while (i < length && text[i] == own[i]) {
        i++;
    }
    return i == length;
}

/* Whether the bytes of `text` from `from` up to `pos` are those of `gap`. */
static ALWAYS_INLINE bool json_shape_is_gap(const struct json_shape *shape,
                                            const struct json_gap *gap, const char *text,
                                            uint32_t from, uint32_t pos)
{
    if (UNLIKELY(pos < JSON_GAP_WORDS_BYTES)) {
        return pos - from == gap->length &&
               json_shape_is_text(shape, gap->end, text + from, gap->length);
    }
    uint64_t ours[2], theirs[2];
    memcpy(ours, shape->text + gap->end - JSON_GAP_WORDS_BYTES, sizeof(ours));
    memcpy(theirs, text + pos - JSON_GAP_WORDS_BYTES, sizeof(theirs));
    uint64_t differ = ((ours[0] ^ theirs[0]) & gap->masks[0]) |
                      ((ours[1] ^ theirs[1]) & gap->masks[1]) | ((pos - from) ^ gap->length);
    if (UNLIKELY(differ != 0)) {
        return false;
    }
    return LIKELY(gap->length <= JSON_GAP_WORDS_BYTES) ||
           json_shape_is_text(shape, gap->end - JSON_GAP_WORDS_BYTES, text + from,
                              gap->length - JSON_GAP_WORDS_BYTES);
}

#endif
