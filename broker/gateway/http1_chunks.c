/* A body in chunks (RFC 9112 section 7.1), byte by byte where it is framing, as runs where it is
 * the body. See http1.h.
 *
 * The framing is a machine over bytes, so it can be cut anywhere: each stage says what the next
 * byte must be. Tolerated because the RFC wants it (9110 section 5.6.3): white space before the `;`
 * and around the `=` of an extension. Not tolerated: any between a size and its CR. */
#include "base/assert.h"
#include "broker/gateway/http1.h"

/* What the next byte must be. */
enum {
    CHUNKS_SIZE,          /* a digit of a size, or what ends it */
    CHUNKS_SPACE,         /* behind white space: more, or the `;` of an extension */
    CHUNKS_NAME_FIRST,    /* an extension's name, perhaps behind white space */
    CHUNKS_NAME,          /* more of the name, or what ends it */
    CHUNKS_NAME_SPACE,    /* behind white space: more, `=` or `;` */
    CHUNKS_VALUE_FIRST,   /* an extension's value, perhaps behind white space */
    CHUNKS_VALUE,         /* more of the value, or what ends it */
    CHUNKS_QUOTED,        /* more of a quoted value, or its quote */
    CHUNKS_ESCAPED,       /* the character behind a backslash in quotes */
    CHUNKS_QUOTED_END,    /* what may follow a value */
    CHUNKS_SIZE_LF,       /* the LF of a size's line */
    CHUNKS_DATA,          /* the chunk */
    CHUNKS_DATA_CR,       /* the CR behind it */
    CHUNKS_DATA_LF,       /* the LF behind that */
    CHUNKS_TRAILER,       /* a trailer's name, or the CR of the empty line */
    CHUNKS_TRAILER_NAME,  /* more of the name, or the colon */
    CHUNKS_TRAILER_VALUE, /* more of the value, or its CR */
    CHUNKS_TRAILER_LF,    /* the LF of a trailer's line */
    CHUNKS_END_LF,        /* the LF of the empty line */
    CHUNKS_DONE,          /* none: the body has ended */
    CHUNKS_REFUSED,       /* none: it never will */
};

/* Digits of a size: 16 fill a uint64, so no size overflows. */
#define CHUNKS_DIGITS_COUNT_MAX 16

static void http1_chunks_byte(struct http1_chunks *chunks, uint8_t byte);
static void http1_chunks_size(struct http1_chunks *chunks, uint8_t byte);
static bool http1_chunks_size_fits(struct http1_chunks *chunks);
static void http1_chunks_extension(struct http1_chunks *chunks, uint8_t byte);
static void http1_chunks_quoted(struct http1_chunks *chunks, uint8_t byte);
static void http1_chunks_value_end(struct http1_chunks *chunks, uint8_t byte);
static void http1_chunks_trailer(struct http1_chunks *chunks, uint8_t byte);
static void http1_chunks_expect(struct http1_chunks *chunks, bool is_there, uint8_t stage,
                                const char *why);
static void http1_chunks_refuse(struct http1_chunks *chunks, uint16_t status, const char *why);
static bool http1_chunks_is_space(uint8_t byte);

void http1_chunks_init(struct http1_chunks *chunks, uint64_t body_bytes_max)
{
    *chunks = (struct http1_chunks){.body_bytes_max = body_bytes_max, .stage = CHUNKS_SIZE};
}

enum http1_result http1_chunks_read(struct http1_chunks *chunks, const uint8_t *data, size_t length,
                                    struct http_text *body, size_t *consumed)
{
    ASSERT(chunks->stage != CHUNKS_DONE);
    size_t pos = 0;
    while (pos < length && chunks->stage < CHUNKS_DONE) {
        if (chunks->stage == CHUNKS_DATA) {
            size_t left = length - pos;
            size_t run = chunks->left_bytes < left ? (size_t)chunks->left_bytes : left;
            ASSERT(run > 0);
            chunks->left_bytes -= run;
            chunks->stage = chunks->left_bytes == 0 ? CHUNKS_DATA_CR : CHUNKS_DATA;
            *body = (struct http_text){.data = (const char *)data + pos, .length = run};
            *consumed = pos + run;
            return HTTP1_BODY;
        }
        http1_chunks_byte(chunks, data[pos++]);
    }
    if (chunks->stage == CHUNKS_REFUSED) {
        *consumed = 0;
        return HTTP1_REFUSED;
    }
    *consumed = pos;
    return chunks->stage == CHUNKS_DONE ? HTTP1_DONE : HTTP1_MORE;
}

/* One byte of framing. */
static void http1_chunks_byte(struct http1_chunks *chunks, uint8_t byte)
{
    uint8_t stage = chunks->stage;
    if (stage == CHUNKS_SIZE) {
        http1_chunks_size(chunks, byte);
    } else if (stage < CHUNKS_SIZE_LF) {
        http1_chunks_extension(chunks, byte);
    } else if (stage == CHUNKS_SIZE_LF) {
        chunks->body_bytes += chunks->left_bytes;
        chunks->digits_count = 0;
        chunks->line_bytes = 0;
        http1_chunks_expect(chunks, byte == '\n',
                            chunks->left_bytes > 0 ? CHUNKS_DATA : CHUNKS_TRAILER,
                            "a chunk's size does not end with CR LF");
    } else if (stage == CHUNKS_DATA_CR) {
        http1_chunks_expect(chunks, byte == '\r', CHUNKS_DATA_LF,
                            "a chunk does not end with CR LF");
    } else if (stage == CHUNKS_DATA_LF) {
        http1_chunks_expect(chunks, byte == '\n', CHUNKS_SIZE, "a chunk does not end with CR LF");
    } else {
        http1_chunks_trailer(chunks, byte);
    }
}

static void http1_chunks_size(struct http1_chunks *chunks, uint8_t byte)
{
    int digit = http_text_hex(byte);
    if (digit >= 0 && chunks->digits_count < CHUNKS_DIGITS_COUNT_MAX) {
        chunks->left_bytes = (chunks->left_bytes << 4) | (unsigned)digit;
        chunks->digits_count++;
        chunks->line_bytes++;
    } else if (digit >= 0) {
        http1_chunks_refuse(chunks, 400, "a chunk's size has more than 16 digits");
    } else if (chunks->digits_count == 0) {
        http1_chunks_refuse(chunks, 400, "a chunk's size is not a hexadecimal number");
    } else if (http1_chunks_size_fits(chunks)) {
        http1_chunks_value_end(chunks, byte);
    }
}

/* Looked at with the first byte behind the digits; the size may be refused by it. */
static bool http1_chunks_size_fits(struct http1_chunks *chunks)
{
    ASSERT(chunks->body_bytes <= chunks->body_bytes_max);
    if (chunks->left_bytes > chunks->body_bytes_max - chunks->body_bytes) {
        http1_chunks_refuse(chunks, 413, "the body is too large");
        return false;
    }
    return true;
}

/* chunk-ext, RFC 9112 section 7.1.1: checked, counted and dropped. */
static void http1_chunks_extension(struct http1_chunks *chunks, uint8_t byte)
{
    static const char why[] = "a chunk's extension is malformed";
    bool is_token = http_text_has_class(byte, HTTP_CLASS_TOKEN);
    bool is_space = http1_chunks_is_space(byte);
    switch (chunks->stage) {
    case CHUNKS_SPACE:
        http1_chunks_expect(chunks, is_space || byte == ';',
                            is_space ? CHUNKS_SPACE : CHUNKS_NAME_FIRST,
                            "white space behind a chunk's size");
        break;
    case CHUNKS_NAME_FIRST:
        http1_chunks_expect(chunks, is_space || is_token,
                            is_space ? CHUNKS_NAME_FIRST : CHUNKS_NAME, why);
        break;
    case CHUNKS_NAME:
        if (byte == '=') {
            chunks->stage = CHUNKS_VALUE_FIRST;
        } else if (is_space) {
            chunks->stage = CHUNKS_NAME_SPACE;
        } else if (!is_token) {
            http1_chunks_value_end(chunks, byte);
        }
        break;
    case CHUNKS_NAME_SPACE:
        http1_chunks_expect(chunks, is_space || byte == '=' || byte == ';',
                            is_space      ? CHUNKS_NAME_SPACE
                            : byte == '=' ? CHUNKS_VALUE_FIRST
                                          : CHUNKS_NAME_FIRST,
                            why);
        break;
    case CHUNKS_VALUE_FIRST:
        http1_chunks_expect(chunks, is_space || byte == '"' || is_token,
                            is_space      ? CHUNKS_VALUE_FIRST
                            : byte == '"' ? CHUNKS_QUOTED
                                          : CHUNKS_VALUE,
                            why);
        break;
    case CHUNKS_VALUE:
        if (!is_token) {
            http1_chunks_value_end(chunks, byte);
        }
        break;
    case CHUNKS_QUOTED_END: http1_chunks_value_end(chunks, byte); break;
    default: http1_chunks_quoted(chunks, byte); break;
    }
    if (++chunks->line_bytes > HTTP1_CHUNK_LINE_BYTES_MAX ||
        ++chunks->extensions_bytes > HTTP1_CHUNK_EXTENSIONS_BYTES_MAX) {
        http1_chunks_refuse(chunks, 400, "the chunks' extensions are too long");
    }
}

/* Within the quotes of an extension's value. */
static void http1_chunks_quoted(struct http1_chunks *chunks, uint8_t byte)
{
    static const char why[] = "a chunk's extension is malformed";
    if (chunks->stage == CHUNKS_ESCAPED) {
        http1_chunks_expect(chunks, http_text_has_class(byte, HTTP_CLASS_FIELD), CHUNKS_QUOTED,
                            why);
        return;
    }
    ASSERT(chunks->stage == CHUNKS_QUOTED);
    if (byte == '"') {
        chunks->stage = CHUNKS_QUOTED_END;
    } else if (byte == '\\') {
        chunks->stage = CHUNKS_ESCAPED;
    } else {
        http1_chunks_expect(chunks, http_text_has_class(byte, HTTP_CLASS_QUOTED), CHUNKS_QUOTED,
                            why);
    }
}

/* What ends a size, an extension's name or its value. */
static void http1_chunks_value_end(struct http1_chunks *chunks, uint8_t byte)
{
    if (byte == '\r') {
        chunks->stage = CHUNKS_SIZE_LF;
    } else if (byte == ';') {
        chunks->stage = CHUNKS_NAME_FIRST;
    } else {
        http1_chunks_expect(chunks, http1_chunks_is_space(byte), CHUNKS_SPACE,
                            "a chunk's size or extension has a character too many");
    }
}

/* Trailer lines and the empty line behind them: as headers, but nobody wants to know. */
static void http1_chunks_trailer(struct http1_chunks *chunks, uint8_t byte)
{
    switch (chunks->stage) {
    case CHUNKS_TRAILER:
        http1_chunks_expect(chunks, byte == '\r' || http_text_has_class(byte, HTTP_CLASS_TOKEN),
                            byte == '\r' ? CHUNKS_END_LF : CHUNKS_TRAILER_NAME,
                            "a trailer does not begin with a name");
        break;
    case CHUNKS_TRAILER_NAME:
        http1_chunks_expect(chunks, byte == ':' || http_text_has_class(byte, HTTP_CLASS_TOKEN),
                            byte == ':' ? CHUNKS_TRAILER_VALUE : CHUNKS_TRAILER_NAME,
                            "a trailer is not a name, a colon and a value");
        break;
    case CHUNKS_TRAILER_VALUE:
        http1_chunks_expect(chunks, byte == '\r' || http_text_has_class(byte, HTTP_CLASS_FIELD),
                            byte == '\r' ? CHUNKS_TRAILER_LF : CHUNKS_TRAILER_VALUE,
                            "a control character in a trailer");
        break;
    case CHUNKS_TRAILER_LF:
        http1_chunks_expect(chunks, byte == '\n', CHUNKS_TRAILER,
                            "a trailer does not end with CR LF");
        break;
    case CHUNKS_END_LF:
        http1_chunks_expect(chunks, byte == '\n', CHUNKS_DONE, "the body does not end with CR LF");
        break;
    default: UNREACHABLE();
    }
    if (++chunks->line_bytes > HTTP1_TRAILERS_BYTES_MAX) {
        http1_chunks_refuse(chunks, 431, "the trailers are too long");
    }
}

/* Go on to `stage` where what must be there is there. */
static void http1_chunks_expect(struct http1_chunks *chunks, bool is_there, uint8_t stage,
                                const char *why)
{
    if (is_there) {
        chunks->stage = stage;
    } else {
        http1_chunks_refuse(chunks, 400, why);
    }
}

/* The first refusal stays. */
static void http1_chunks_refuse(struct http1_chunks *chunks, uint16_t status, const char *why)
{
    if (chunks->stage != CHUNKS_REFUSED) {
        chunks->stage = CHUNKS_REFUSED;
        chunks->status = status;
        chunks->why = why;
    }
}

static bool http1_chunks_is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}
