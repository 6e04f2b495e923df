/* A connection's bytes as one line of text. See exchange.h. */
#include "tests/unit/gateway/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static void exchange_head(struct exchange *x, const uint8_t *data, size_t length);
static void exchange_describe(struct exchange *x);
static void exchange_length(struct exchange *x, const uint8_t *data, size_t length);
static void exchange_chunks(struct exchange *x, const uint8_t *data, size_t length);
static void exchange_next(struct exchange *x);
static void exchange_text(struct exchange *x, struct http_text text);
static void exchange_divide(struct exchange *x);
static void exchange_say(struct exchange *x, const char *format, ...) PRINTF(2, 3);

void exchange_init(struct exchange *x, struct bytes_writer *w)
{
    *x = (struct exchange){.w = w, .stage = EXCHANGE_HEAD};
    http1_reader_reset(&x->reader);
}

void exchange_receive(struct exchange *x, const uint8_t *data, size_t length)
{
    size_t before = SIZE_MAX;
    int stage = EXCHANGE_ENDED;
    while (x->stage != EXCHANGE_ENDED && (before != x->pos || stage != (int)x->stage)) {
        before = x->pos;
        stage = (int)x->stage;
        switch (x->stage) {
        case EXCHANGE_HEAD: exchange_head(x, data, length); break;
        case EXCHANGE_LENGTH: exchange_length(x, data, length); break;
        case EXCHANGE_CHUNKS: exchange_chunks(x, data, length); break;
        case EXCHANGE_ENDED: break;
        }
    }
}

void exchange_end(struct exchange *x, size_t length)
{
    if (x->stage == EXCHANGE_HEAD && x->pos < length) {
        exchange_divide(x);
        exchange_say(x, "...");
    } else if (x->stage == EXCHANGE_LENGTH || x->stage == EXCHANGE_CHUNKS) {
        exchange_say(x, "...");
    }
}

void exchange_read(const uint8_t *data, size_t length, const size_t *cuts, size_t count,
                   struct bytes_writer *w)
{
    struct exchange x;
    exchange_init(&x, w);
    for (size_t i = 0; i <= count; i++) {
        size_t received = i < count ? cuts[i] : length;
        uint8_t *copy = malloc(received > 0 ? received : 1);
        ASSERT(copy != NULL);
        if (received > 0) {
            memcpy(copy, data, received);
        }
        exchange_receive(&x, copy, received);
        free(copy);
    }
    exchange_end(&x, length);
}

static void exchange_head(struct exchange *x, const uint8_t *data, size_t length)
{
    switch (http1_read_head(&x->reader, data + x->pos, length - x->pos, &x->request)) {
    case HTTP1_MORE: break;
    case HTTP1_DONE: exchange_describe(x); break;
    case HTTP1_REFUSED:
        exchange_divide(x);
        exchange_say(x, "%u", x->reader.status);
        ASSERT(x->reader.why != NULL);
        x->stage = EXCHANGE_ENDED;
        break;
    case HTTP1_BODY: UNREACHABLE();
    }
}

/* A whole head. */
static void exchange_describe(struct exchange *x)
{
    const struct http1_request *request = &x->request;
    exchange_divide(x);
    exchange_text(x, http1_method_text(request));
    exchange_say(x, " ");
    exchange_text(x, request->is_asterisk ? http_text("*") : http1_path(request));
    if (http1_query(request).length > 0) {
        exchange_say(x, "?");
        exchange_text(x, http1_query(request));
    }
    if (http1_host(request).length > 0) {
        exchange_say(x, " ");
        exchange_text(x, http1_host(request));
    }
    exchange_say(x, request->wants_upgrade ? " upgrade" : "");
    exchange_say(x, request->expects_continue ? " continue" : "");
    x->pos += request->head_bytes;
    if (request->body == HTTP1_BODY_NONE) {
        exchange_next(x);
        return;
    }
    exchange_say(x, " [");
    x->left_bytes = request->content_length;
    http1_chunks_init(&x->chunks, EXCHANGE_BODY_BYTES_MAX);
    x->stage = request->body == HTTP1_BODY_LENGTH ? EXCHANGE_LENGTH : EXCHANGE_CHUNKS;
}

static void exchange_length(struct exchange *x, const uint8_t *data, size_t length)
{
    size_t received = length - x->pos;
    size_t run = x->left_bytes < received ? (size_t)x->left_bytes : received;
    exchange_text(x, (struct http_text){(const char *)data + x->pos, run});
    x->pos += run;
    x->left_bytes -= run;
    if (x->left_bytes == 0) {
        exchange_say(x, "]");
        exchange_next(x);
    }
}

static void exchange_chunks(struct exchange *x, const uint8_t *data, size_t length)
{
    struct http_text body;
    size_t consumed;
    switch (http1_chunks_read(&x->chunks, data + x->pos, length - x->pos, &body, &consumed)) {
    case HTTP1_BODY: exchange_text(x, body); break;
    case HTTP1_MORE: ASSERT(consumed == length - x->pos); break;
    case HTTP1_DONE:
        exchange_say(x, "]");
        exchange_next(x);
        break;
    case HTTP1_REFUSED:
        exchange_say(x, "] %u", x->chunks.status);
        ASSERT(x->chunks.why != NULL);
        ASSERT(consumed == 0);
        x->stage = EXCHANGE_ENDED;
        break;
    }
    x->pos += consumed;
}

/* A request is over. */
static void exchange_next(struct exchange *x)
{
    exchange_say(x, x->request.keep_alive ? "" : " close");
    x->stage = x->request.keep_alive ? EXCHANGE_HEAD : EXCHANGE_ENDED;
    http1_reader_reset(&x->reader);
}

/* Byte by byte, so that cuts do not show. */
static void exchange_text(struct exchange *x, struct http_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte >= ' ' && byte < 0x7f) {
            bytes_put_u8(x->w, byte);
        } else {
            exchange_say(x, "\\x%02x", byte);
        }
    }
}

/* Before a request, or what is instead of one. */
static void exchange_divide(struct exchange *x)
{
    if (x->w->pos > 0) {
        exchange_say(x, " | ");
    }
}

static void exchange_say(struct exchange *x, const char *format, ...)
{
    char text[64];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    bytes_put_copy(x->w, text, (size_t)length);
}
