/* What handlers write: bodies, answers, problems. See http.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/units.h"
#include "broker/core/core.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/route.h"

/* Pieces of a body behind the first, each larger than all before together. */
#define HTTP_PIECE_BYTES_MIN (16u << 10)
#define HTTP_PIECE_BYTES_MAX (256u << 10)

/* Written at a time where the length is not known before. */
#define HTTP_PUT_STEP_BYTES 32u

/* The longest detail of a problem. */
#define HTTP_DETAIL_BYTES 512

static struct http_piece *http_piece_take(struct http_call *call);
static bool http_piece_make(struct http_call *call, struct http_piece *piece, size_t bytes);
static void http_piece_free_all(struct http_call *call, struct http_piece *piece);
static size_t http_plain_bytes(const char *text, size_t length);
static void http_put_runes(struct http_call *call, const char *text, size_t length);

void *http_alloc(struct http_call *call, size_t bytes)
{
    void *memory = arena_alloc_zeroed(&call->arena, bytes, 16);
    if (memory == NULL) {
        http_problem(call, HTTP_OVERLOADED, NULL);
    }
    return memory;
}

/* --- The body --- */

/* In the last piece, or in a new one. */
uint8_t *http_room(struct http_call *call, size_t bytes)
{
    struct http_piece *last = call->last;
    if (call->err != ERR_OK) {
        return NULL;
    }
    if (last != NULL && last->capacity - last->length >= bytes) {
        return last->data + last->length;
    }
    if (call->body_bytes + bytes > HTTP_ANSWER_BYTES_MAX) {
        call->err = ERR_TOO_LARGE;
        return NULL;
    }
    size_t wanted = call->body_bytes < HTTP_PIECE_BYTES_MIN   ? HTTP_PIECE_BYTES_MIN
                    : call->body_bytes < HTTP_PIECE_BYTES_MAX ? (size_t)call->body_bytes
                                                              : HTTP_PIECE_BYTES_MAX;
    bool is_first = last == NULL && !call->has_piece && bytes <= HTTP_PIECE_FIRST_BYTES;
    struct http_piece *piece = is_first ? &call->piece : http_piece_take(call);
    if (is_first) {
        *piece = (struct http_piece){.data = call->piece_bytes, .capacity = HTTP_PIECE_FIRST_BYTES};
        call->has_piece = true;
    } else if (piece == NULL || !http_piece_make(call, piece, wanted > bytes ? wanted : bytes)) {
        call->err = ERR_BUDGET;
        return NULL;
    }
    if (last != NULL) {
        last->next = piece;
    } else {
        call->first = piece;
    }
    call->last = piece;
    return piece->data;
}

static struct http_piece *http_piece_take(struct http_call *call)
{
    struct http_piece *piece = call->spare;
    if (piece == NULL) {
        return arena_alloc_zeroed(&call->arena, sizeof(*piece), 16);
    }
    call->spare = piece->next;
    return piece;
}

/* A buffer of at least `bytes`. Answers that nobody reads must not take all memory there is. */
static bool http_piece_make(struct http_call *call, struct http_piece *piece, size_t bytes)
{
    struct http_door *door = call->conn->door;
    struct buf *buf;
    if (door->answer_bytes + bytes > door->held_bytes_max ||
        buf_new(&call->cs->bufs, &call->cs->budget, bytes, &buf) != ERR_OK) {
        return false;
    }
    door->answer_bytes += buf->capacity;
    *piece = (struct http_piece){
        .data = buf_append(buf, buf->capacity), .capacity = buf->capacity, .buf = buf};
    return true;
}

void http_wrote(struct http_call *call, size_t bytes)
{
    ASSERT(call->last->capacity - call->last->length >= bytes);
    call->last->length += (uint32_t)bytes;
    call->body_bytes += bytes;
}

void http_put(struct http_call *call, const void *data, size_t length)
{
    const uint8_t *from = data;
    while (length > 0) {
        struct http_piece *last = call->last;
        size_t left = last != NULL ? last->capacity - last->length : 0;
        size_t step = left > 0 && left < length ? left : length;
        step = step < HTTP_PIECE_BYTES_MAX ? step : HTTP_PIECE_BYTES_MAX;
        uint8_t *room = http_room(call, step);
        if (room == NULL) {
            return;
        }
        memcpy(room, from, step);
        http_wrote(call, step);
        from += step;
        length -= step;
    }
}

void http_put_text(struct http_call *call, const char *text)
{
    http_put(call, text, strlen(text));
}

void http_put_string(struct http_call *call, const void *text, size_t length)
{
    const char *from = text;
    http_put(call, "\"", 1);
    size_t plain_bytes = http_plain_bytes(from, length);
    http_put(call, from, plain_bytes);
    from += plain_bytes;
    length -= plain_bytes;
    if (length > 0 && json_is_utf8(from, length)) {
        http_put_runes(call, from, length);
    } else {
        for (size_t i = 0; i < length;) { /* byte by byte: such names are rare */
            size_t step = 1;
            while (step < 4 && i + step < length && !json_is_utf8(from + i, step)) {
                step++;
            }
            bool is_whole = json_is_utf8(from + i, step);
            http_put_runes(call, is_whole ? from + i : "\xef\xbf\xbd", is_whole ? step : 3);
            i += is_whole ? step : 1;
        }
    }
    http_put(call, "\"", 1);
}

/* How many bytes at the start stand for themselves in a JSON string and are ASCII: eight at a time,
 * a byte's top bit telling that it is none. */
static size_t http_plain_bytes(const char *text, size_t length)
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
static void http_put_runes(struct http_call *call, const char *text, size_t length)
{
    while (length > 0) {
        size_t step = length < HTTP_PUT_STEP_BYTES ? length : HTTP_PUT_STEP_BYTES;
        while (step < length && ((unsigned char)text[step] & 0xc0) == 0x80) { /* a whole one */
            step--;
        }
        size_t room_bytes = step < 16 ? 16 : step; /* one escape fits at least */
        uint8_t *room = http_room(call, room_bytes);
        if (room == NULL) {
            return;
        }
        struct bytes_writer w = bytes_writer(room, room_bytes);
        size_t taken = escape_json(&w, text, step);
        ASSERT(taken > 0);
        http_wrote(call, w.pos);
        text += taken;
        length -= taken;
        size_t plain_bytes = http_plain_bytes(text, length);
        http_put(call, text, plain_bytes);
        text += plain_bytes;
        length -= plain_bytes;
    }
}

void http_put_base64(struct http_call *call, const void *data, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = data;
    for (size_t i = 0; i < length; i += 3) {
        size_t count = length - i < 3 ? length - i : 3;
        uint32_t bits = (uint32_t)from[i] << 16;
        bits |= count > 1 ? (uint32_t)from[i + 1] << 8 : 0;
        bits |= count > 2 ? from[i + 2] : 0;
        uint8_t *room = http_room(call, 4);
        if (room == NULL) {
            return;
        }
        room[0] = (uint8_t)digits[bits >> 18];
        room[1] = (uint8_t)digits[bits >> 12 & 63];
        room[2] = (uint8_t)(count > 1 ? digits[bits >> 6 & 63] : '=');
        room[3] = (uint8_t)(count > 2 ? digits[bits & 63] : '=');
        http_wrote(call, 4);
    }
}

void http_put_i64(struct http_call *call, int64_t number)
{
    if (number < 0) {
        http_put(call, "-", 1);
    }
    http_put_u64(call, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

void http_put_u64(struct http_call *call, uint64_t number)
{
    char text[UNITS_U64_BYTES];
    http_put(call, text, units_write_u64(text, number));
}

void http_put_again(struct http_call *call)
{
    ASSERT(!call->has_left);
    http_call_drop(call);
    call->err = ERR_OK;
}

void http_call_drop(struct http_call *call)
{
    http_piece_free_all(call, call->first);
    call->first = NULL;
    call->last = NULL;
}

void http_call_sent(struct http_call *call)
{
    http_piece_free_all(call, call->sending);
    call->sending = NULL;
    call->sending_bytes = 0;
}

static void http_piece_free_all(struct http_call *call, struct http_piece *piece)
{
    for (struct http_piece *next; piece != NULL; piece = next) {
        next = piece->next;
        call->body_bytes -= piece->length;
        if (piece->buf != NULL) {
            call->conn->door->answer_bytes -= piece->buf->capacity;
            buf_unref(piece->buf);
        }
        if (piece == &call->piece) {
            call->has_piece = false;
        } else {
            piece->next = call->spare;
            call->spare = piece;
        }
    }
}

/* --- The answer --- */

void http_header(struct http_call *call, const char *name, const char *value)
{
    ASSERT(call->headers_count < HTTP_ANSWER_HEADERS_MAX);
    char *copy = arena_copy(&call->arena, value, strlen(value));
    if (copy == NULL) {
        call->err = ERR_BUDGET;
        return;
    }
    call->headers[call->headers_count++] = (struct http_answer_header){name, copy};
}

void http_answer(struct http_call *call, uint16_t status, const char *media)
{
    if (call->err != ERR_OK) {
        http_problem(call, call->err == ERR_TOO_LARGE ? HTTP_ANSWER_TOO_LARGE : HTTP_OVERLOADED,
                     NULL);
        return;
    }
    ASSERT(!call->is_answered);
    if (status == 500) {
        char id[HTTP_REQUEST_ID_BYTES];
        DIAG_ERROR(call->conn->door->diag, "http", "a request failed",
                   DIAG_STRING("request", http_call_id(call, id)),
                   DIAG_STRING("path", call->route != NULL ? call->route->path : "-"));
    }
    ASSERT(!call->has_left);
    call->is_answered = true;
    call->cancel = NULL;
    call->status = status;
    call->media = media;
    http_conn_answer(call->conn); /* `call` may be gone after it */
}

void http_begin(struct http_call *call, uint16_t status, const char *media, http_call_fn *drained)
{
    ASSERT(!call->is_begun);
    ASSERT(!call->is_answered);
    call->is_begun = true;
    call->status = status;
    call->media = media;
    call->drained = drained;
}

bool http_flush(struct http_call *call)
{
    ASSERT(call->is_begun);
    ASSERT(!call->is_answered);
    http_conn_flush(call->conn);
    call->is_full = call->body_bytes >= HTTP_STREAM_BYTES_MAX;
    return !call->is_full;
}

void http_end(struct http_call *call)
{
    ASSERT(call->is_begun);
    if (!call->has_left) {
        http_answer(call, call->status, call->media);
    } else if (call->err != ERR_OK) {
        http_break(call);
    } else {
        ASSERT(!call->is_answered);
        call->is_answered = true;
        call->cancel = NULL;
        http_conn_end(call->conn, true);
    }
}

void http_break(struct http_call *call)
{
    ASSERT(call->has_left);
    ASSERT(!call->is_answered);
    call->is_answered = true;
    call->cancel = NULL;
    http_conn_end(call->conn, false);
}

void http_wait(struct http_call *call, http_call_fn *cancel)
{
    ASSERT(!call->is_answered);
    call->cancel = cancel;
    http_conn_watch(call->conn);
}

bool http_is_closing(const struct http_call *call)
{
    return call->conn->door->is_closing;
}

void http_problem(struct http_call *call, enum http_error error, const char *detail)
{
    const struct http_error_row *row = http_error_row(error);
    http_put_again(call);
    http_put_text(call, "{");
    http_put_problem(call, error, detail, NULL);
    http_put_text(call, "}\n");
    if (call->err != ERR_OK) { /* not even for this */
        http_put_again(call);
    }
    http_answer(call, row->status, HTTP_MEDIA_PROBLEM);
}

void http_problem_of(struct http_call *call, enum http_error error, const char *format, ...)
{
    char detail[HTTP_DETAIL_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    ASSERT(length >= 0);
    http_problem(call, error, detail);
}

void http_put_problem(struct http_call *call, enum http_error error, const char *detail,
                      const char *hint)
{
    const struct http_error_row *row = http_error_row(error);
    char id[HTTP_REQUEST_ID_BYTES];
    http_put_text(call, "\"type\":\"urn:tdb:error:");
    http_put_text(call, row->code);
    http_put_text(call, "\",\"title\":");
    http_put_string(call, row->title, strlen(row->title));
    http_put_text(call, ",\"status\":");
    http_put_u64(call, row->status);
    http_put_text(call, ",\"code\":\"");
    http_put_text(call, row->code);
    http_put_text(call, "\"");
    if (detail != NULL) {
        http_put_text(call, ",\"detail\":");
        http_put_string(call, detail, strlen(detail));
    }
    http_put_text(call, ",\"hint\":");
    hint = hint != NULL ? hint : row->hint;
    http_put_string(call, hint, strlen(hint));
    http_put_text(call, row->is_retriable ? ",\"retriable\":true" : ",\"retriable\":false");
    http_put_text(call, ",\"request_id\":\"");
    http_put_text(call, http_call_id(call, id));
    http_put_text(call, "\"");
}
