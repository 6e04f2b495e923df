/* Bodies of answers and messages, written piece by piece. See out.h. */
#include "broker/gateway/out.h"

#include <string.h>

#include "base/assert.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/units.h"

/* Pieces of a body behind the first, each larger than all before together. */
#define HTTP_PIECE_BYTES_MIN (16u << 10)
#define HTTP_PIECE_BYTES_MAX (256u << 10)

/* Written at a time where the length is not known before. */
#define HTTP_PUT_STEP_BYTES 32u

static struct http_piece *http_out_take(struct http_out *out);
static bool http_out_make(struct http_out *out, struct http_piece *piece, size_t bytes);
static size_t http_out_plain_bytes(const char *text, size_t length);
static void http_out_put_runes(struct http_out *out, const char *text, size_t length);

void http_out_init(struct http_out *out, struct arena *arena, struct buf_pool *bufs,
                   struct budget *budget, uint64_t *held_bytes, uint64_t held_bytes_max)
{
    out->first = NULL;
    out->last = NULL;
    out->spare = NULL;
    out->bytes = 0;
    out->err = ERR_OK;
    out->has_piece = false;
    out->arena = arena;
    out->bufs = bufs;
    out->budget = budget;
    out->held_bytes = held_bytes;
    out->held_bytes_max = held_bytes_max;
}

/* In the last piece, or in a new one. */
uint8_t *http_out_room(struct http_out *out, size_t bytes)
{
    struct http_piece *last = out->last;
    if (out->err != ERR_OK) {
        return NULL;
    }
    if (last != NULL && last->capacity - last->length >= bytes) {
        return last->data + last->length;
    }
    if (out->bytes + bytes > HTTP_ANSWER_BYTES_MAX) {
        out->err = ERR_TOO_LARGE;
        return NULL;
    }
    size_t wanted = out->bytes < HTTP_PIECE_BYTES_MIN   ? HTTP_PIECE_BYTES_MIN
                    : out->bytes < HTTP_PIECE_BYTES_MAX ? (size_t)out->bytes
                                                        : HTTP_PIECE_BYTES_MAX;
    bool is_first = last == NULL && !out->has_piece && bytes <= HTTP_PIECE_FIRST_BYTES;
    struct http_piece *piece = is_first ? &out->piece : http_out_take(out);
    if (is_first) {
        *piece = (struct http_piece){.data = out->piece_bytes, .capacity = HTTP_PIECE_FIRST_BYTES};
        out->has_piece = true;
    } else if (piece == NULL || !http_out_make(out, piece, wanted > bytes ? wanted : bytes)) {
        out->err = ERR_BUDGET;
        return NULL;
    }
    if (last != NULL) {
        last->next = piece;
    } else {
        out->first = piece;
    }
    out->last = piece;
    return piece->data;
}

static struct http_piece *http_out_take(struct http_out *out)
{
    struct http_piece *piece = out->spare;
    if (piece == NULL) {
        return arena_alloc_zeroed(out->arena, sizeof(*piece), 16);
    }
    out->spare = piece->next;
    return piece;
}

/* A buffer of at least `bytes`. Answers that nobody reads must not take all memory there is. */
static bool http_out_make(struct http_out *out, struct http_piece *piece, size_t bytes)
{
    struct buf *buf;
    if (*out->held_bytes + bytes > out->held_bytes_max ||
        buf_new(out->bufs, out->budget, bytes, &buf) != ERR_OK) {
        return false;
    }
    *out->held_bytes += buf->capacity;
    *piece = (struct http_piece){
        .data = buf_append(buf, buf->capacity), .capacity = buf->capacity, .buf = buf};
    return true;
}

void http_out_wrote(struct http_out *out, size_t bytes)
{
    ASSERT(out->last->capacity - out->last->length >= bytes);
    out->last->length += (uint32_t)bytes;
    out->bytes += bytes;
}

void http_out_put(struct http_out *out, const void *data, size_t length)
{
    const uint8_t *from = data;
    while (length > 0) {
        struct http_piece *last = out->last;
        size_t left = last != NULL ? last->capacity - last->length : 0;
        size_t step = left > 0 && left < length ? left : length;
        step = step < HTTP_PIECE_BYTES_MAX ? step : HTTP_PIECE_BYTES_MAX;
        uint8_t *room = http_out_room(out, step);
        if (room == NULL) {
            return;
        }
        memcpy(room, from, step);
        http_out_wrote(out, step);
        from += step;
        length -= step;
    }
}

void http_out_put_text(struct http_out *out, const char *text)
{
    http_out_put(out, text, strlen(text));
}

void http_out_put_string(struct http_out *out, const void *text, size_t length)
{
    const char *from = text;
    http_out_put(out, "\"", 1);
    size_t plain_bytes = http_out_plain_bytes(from, length);
    http_out_put(out, from, plain_bytes);
    from += plain_bytes;
    length -= plain_bytes;
    if (length > 0 && json_is_utf8(from, length)) {
        http_out_put_runes(out, from, length);
    } else {
        for (size_t i = 0; i < length;) { /* byte by byte: such names are rare */
            size_t step = 1;
            while (step < 4 && i + step < length && !json_is_utf8(from + i, step)) {
                step++;
            }
            bool is_whole = json_is_utf8(from + i, step);
            http_out_put_runes(out, is_whole ? from + i : "\xef\xbf\xbd", is_whole ? step : 3);
            i += is_whole ? step : 1;
        }
    }
    http_out_put(out, "\"", 1);
}

/* How many bytes at the start stand for themselves in a JSON string and are ASCII: eight at a time,
 * a byte's top bit telling that it is none. */
static size_t http_out_plain_bytes(const char *text, size_t length)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = UINT64_C(0x8080808080808080);
    size_t i = 0;
    for (; length - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, 8);
        uint64_t quote = word ^ ones * '"';
        uint64_t backslash = word ^ ones * '\\';
        uint64_t rubout = word ^ ones * 0x7f;
        if (((word - ones * 0x20) | (quote - ones) | (backslash - ones) | (rubout - ones) | word) &
            tops) {
            break;
        }
    }
    while (i < length && (signed char)text[i] >= 0x20 && text[i] != '"' && text[i] != '\\' &&
           text[i] != 0x7f) {
        i++;
    }
    return i;
}

/* UTF-8 as the inside of a JSON string. */
static void http_out_put_runes(struct http_out *out, const char *text, size_t length)
{
    while (length > 0) {
        size_t step = length < HTTP_PUT_STEP_BYTES ? length : HTTP_PUT_STEP_BYTES;
        while (step < length && ((unsigned char)text[step] & 0xc0) == 0x80) { /* a whole one */
            step--;
        }
        size_t room_bytes = step < 16 ? 16 : step; /* one escape fits at least */
        uint8_t *room = http_out_room(out, room_bytes);
        if (room == NULL) {
            return;
        }
        struct bytes_writer w = bytes_writer(room, room_bytes);
        size_t taken = escape_json(&w, text, step);
        ASSERT(taken > 0);
        http_out_wrote(out, w.pos);
        text += taken;
        length -= taken;
        size_t plain_bytes = http_out_plain_bytes(text, length);
        http_out_put(out, text, plain_bytes);
        text += plain_bytes;
        length -= plain_bytes;
    }
}

void http_out_put_base64(struct http_out *out, const void *data, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = data;
    for (size_t i = 0; i < length; i += 3) {
        size_t count = length - i < 3 ? length - i : 3;
        uint32_t bits = (uint32_t)from[i] << 16;
        bits |= count > 1 ? (uint32_t)from[i + 1] << 8 : 0;
        bits |= count > 2 ? from[i + 2] : 0;
        uint8_t *room = http_out_room(out, 4);
        if (room == NULL) {
            return;
        }
        room[0] = (uint8_t)digits[bits >> 18];
        room[1] = (uint8_t)digits[bits >> 12 & 63];
        room[2] = (uint8_t)(count > 1 ? digits[bits >> 6 & 63] : '=');
        room[3] = (uint8_t)(count > 2 ? digits[bits & 63] : '=');
        http_out_wrote(out, 4);
    }
}

void http_out_put_i64(struct http_out *out, int64_t number)
{
    if (number < 0) {
        http_out_put(out, "-", 1);
    }
    http_out_put_u64(out, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

void http_out_put_u64(struct http_out *out, uint64_t number)
{
    char text[UNITS_U64_BYTES];
    http_out_put(out, text, units_write_u64(text, number));
}

void http_out_put_problem(struct http_out *out, enum http_error error, const char *detail,
                          const char *hint)
{
    const struct http_error_row *row = http_error_row(error);
    http_out_put_text(out, "\"type\":\"urn:tdb:error:");
    http_out_put_text(out, row->code);
    http_out_put_text(out, "\",\"title\":");
    http_out_put_string(out, row->title, strlen(row->title));
    http_out_put_text(out, ",\"status\":");
    http_out_put_u64(out, row->status);
    http_out_put_text(out, ",\"code\":\"");
    http_out_put_text(out, row->code);
    http_out_put_text(out, "\"");
    if (detail != NULL) {
        http_out_put_text(out, ",\"detail\":");
        http_out_put_string(out, detail, strlen(detail));
    }
    http_out_put_text(out, ",\"hint\":");
    hint = hint != NULL ? hint : row->hint;
    http_out_put_string(out, hint, strlen(hint));
    http_out_put_text(out, row->is_retriable ? ",\"retriable\":true" : ",\"retriable\":false");
}

void http_out_drop(struct http_out *out)
{
    http_out_free(out, out->first);
    out->first = NULL;
    out->last = NULL;
}

void http_out_free(struct http_out *out, struct http_piece *piece)
{
    for (struct http_piece *next; piece != NULL; piece = next) {
        next = piece->next;
        out->bytes -= piece->length;
        if (piece->buf != NULL) {
            *out->held_bytes -= piece->buf->capacity;
            buf_unref(piece->buf);
        }
        if (piece == &out->piece) {
            out->has_piece = false;
        } else {
            piece->next = out->spare;
            out->spare = piece;
        }
    }
}

void http_out_copy(const struct http_out *out, uint8_t *to)
{
    for (const struct http_piece *piece = out->first; piece != NULL; piece = piece->next) {
        memcpy(to, piece->data, piece->length);
        to += piece->length;
    }
}

void http_out_copy_some(const struct http_out *out, uint64_t at, size_t length, uint8_t *to)
{
    const struct http_piece *piece = out->first;
    for (; length > 0; piece = piece->next) {
        ASSERT(piece != NULL);
        if (at >= piece->length) {
            at -= piece->length;
            continue;
        }
        size_t left = piece->length - (size_t)at;
        size_t bytes = left < length ? left : length;
        memcpy(to, piece->data + at, bytes);
        at = 0;
        to += bytes;
        length -= bytes;
    }
}
