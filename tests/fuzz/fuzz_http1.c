/* Any bytes as a connection's. The last four choose where the stream is cut and how a payload goes
 * into chunks; the others are read whole and cut, as heads and bodies, and must be the same. A head
 * that is accepted is strict by a second opinion, and reads the same when it is written again; its
 * pieces (path, query, host, media types) keep what they promise. The same bytes as a payload come
 * out of chunks as they went in, and as a header's value they cannot leave their line. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/prng.h"
#include "broker/gateway/http1.h"
#include "broker/gateway/http1_write.h"
#include "broker/gateway/http_media.h"
#include "broker/gateway/http_uri.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/gateway/exchange.h"

/* The longest input looked at. */
#define FUZZ_BYTES_MAX 20000

/* Bytes at the end that are choices. */
#define FUZZ_SEED_BYTES 4

/* Places at which a stream is cut. */
#define FUZZ_CUTS_MAX 8

/* Room for what is written: text of an exchange, a head, chunks. */
struct fuzz_room {
    uint8_t data[2][8 * FUZZ_BYTES_MAX]; /* two, to compare */
};

static int fuzz_compare_sizes(const void *a, const void *b)
{
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return (left > right) - (left < right);
}

/* Choose cuts of `length` bytes, ascending; returns how many. */
static size_t fuzz_cuts(struct prng *p, size_t length, size_t cuts[FUZZ_CUTS_MAX])
{
    size_t count = prng_below(p, FUZZ_CUTS_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        cuts[i] = prng_below(p, length + 1);
    }
    qsort(cuts, count, sizeof(*cuts), fuzz_compare_sizes);
    return count;
}

/* The same is read however the bytes arrive. */
static void fuzz_exchange(struct prng *p, const uint8_t *data, size_t length,
                          struct fuzz_room *room)
{
    struct bytes_writer whole = bytes_writer(room->data[0], sizeof(room->data[0]));
    struct bytes_writer cut = bytes_writer(room->data[1], sizeof(room->data[1]));
    size_t cuts[FUZZ_CUTS_MAX];
    exchange_read(data, length, NULL, 0, &whole);
    exchange_read(data, length, cuts, fuzz_cuts(p, length, cuts), &cut);
    ASSERT(whole.pos == cut.pos);
    ASSERT(memcmp(whole.data, cut.data, whole.pos) == 0);
}

/* A line of an accepted head, by a second opinion: visible characters, spaces and tabs only. */
static void fuzz_line_is_strict(const uint8_t *line, size_t length, bool is_first)
{
    ASSERT(length > 0);
    ASSERT(line[0] != ' ');
    ASSERT(line[0] != '\t');
    for (size_t i = 0; i < length; i++) {
        ASSERT(line[i] >= ' ' || line[i] == '\t');
        ASSERT(line[i] != 0x7f);
    }
    if (!is_first) {
        const uint8_t *colon = memchr(line, ':', length);
        ASSERT(colon != NULL);
        ASSERT(colon > line);
        ASSERT(colon[-1] != ' ');
        ASSERT(colon[-1] != '\t');
    }
}

/* Whether a list of tokens has `close`. */
static bool fuzz_has_close(struct http_text list)
{
    const char *end = list.data + list.length;
    for (const char *at = list.data; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        comma = comma != NULL ? comma : end;
        struct http_text member = {at, (size_t)(comma - at)};
        if (http_text_is_nocase(http_text_trim(member), "close")) {
            return true;
        }
        at = comma + 1;
    }
    return false;
}

/* An accepted head by a second opinion. */
static void fuzz_head_is_strict(const struct http1_request *request)
{
    const uint8_t *at = request->data;
    const uint8_t *end = at + request->head_bytes;
    uint32_t lines = 0;
    at += at[0] == '\r' ? 2 : 0;
    for (;;) {
        const uint8_t *cr = memchr(at, '\r', (size_t)(end - at));
        ASSERT(cr != NULL);
        ASSERT(cr[1] == '\n');
        if (cr == at) {
            ASSERT(cr + 2 == end);
            break;
        }
        fuzz_line_is_strict(at, (size_t)(cr - at), lines++ == 0);
        at = cr + 2;
    }
    struct http_text value;
    uint32_t lengths = http1_find(request, "content-length", &value);
    uint32_t codings = http1_find(request, "transfer-encoding", &value);
    ASSERT(lines == request->headers_count + 1);
    ASSERT(lengths + codings <= 1);
    ASSERT((codings == 1) == (request->body == HTTP1_BODY_CHUNKED));
    ASSERT(IMPLIES(codings == 1, http_text_is_nocase(value, "chunked")));
    ASSERT((request->content_length > 0) == (request->body == HTTP1_BODY_LENGTH));
    ASSERT(IMPLIES(request->minor == 1, http1_find(request, "host", &value) == 1));
    for (uint32_t i = 0; i < request->headers_count; i++) {
        bool is_connection = http_text_is_nocase(http1_header_name(request, i), "connection");
        ASSERT(IMPLIES(is_connection && fuzz_has_close(http1_header_value(request, i)),
                       !request->keep_alive));
    }
}

/* Write `request` again, one space for white space. */
static void fuzz_put_text(struct bytes_writer *w, struct http_text text, const char *behind)
{
    bytes_put_copy(w, text.data, text.length);
    bytes_put_copy(w, behind, strlen(behind));
}

static bool fuzz_is_same(struct http_text a, struct http_text b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static void fuzz_head_again(const struct http1_request *request, struct fuzz_room *room)
{
    struct bytes_writer w = bytes_writer(room->data[0], sizeof(room->data[0]));
    fuzz_put_text(&w, http1_method_text(request), " ");
    fuzz_put_text(&w, http1_target(request),
                  request->minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    bool fits = true;
    for (uint32_t i = 0; i < request->headers_count; i++) {
        size_t begin = w.pos;
        fuzz_put_text(&w, http1_header_name(request, i), ": ");
        fuzz_put_text(&w, http1_header_value(request, i), "\r\n");
        fits = fits && w.pos - begin - 2 <= HTTP1_HEADER_BYTES_MAX;
    }
    fuzz_put_text(&w, http_text(""), "\r\n");
    ASSERT(w.err == ERR_OK);
    if (!fits || w.pos > HTTP1_HEAD_BYTES_MAX) {
        return; /* by the spaces written behind colons */
    }
    struct http1_reader reader;
    struct http1_request again;
    http1_reader_reset(&reader);
    ASSERT(http1_read_head(&reader, w.data, w.pos, &again) == HTTP1_DONE);
    ASSERT(again.head_bytes == w.pos);
    ASSERT(again.method == request->method);
    ASSERT(again.body == request->body);
    ASSERT(again.content_length == request->content_length);
    ASSERT(again.keep_alive == request->keep_alive);
    ASSERT(again.expects_continue == request->expects_continue);
    ASSERT(again.wants_upgrade == request->wants_upgrade);
    ASSERT(again.is_asterisk == request->is_asterisk);
    ASSERT(again.headers_count == request->headers_count);
    ASSERT(fuzz_is_same(http1_path(&again), http1_path(request)));
    ASSERT(fuzz_is_same(http1_query(&again), http1_query(request)));
    ASSERT(fuzz_is_same(http1_host(&again), http1_host(request)));
}

/* What is decoded is never longer, is UTF-8 and has no NUL. */
static void fuzz_decode(struct http_text text, bool is_query, struct fuzz_room *room)
{
    struct bytes_writer w = bytes_writer(room->data[0], sizeof(room->data[0]));
    enum err err = is_query ? http_uri_decode_query(&w, text) : http_uri_decode_segment(&w, text);
    ASSERT(err == ERR_OK || err == ERR_INVALID);
    if (err == ERR_OK) {
        ASSERT(w.pos <= text.length);
        ASSERT(memchr(w.data, '\0', w.pos) == NULL);
        ASSERT(json_is_utf8(w.data, w.pos));
    }
}

static void fuzz_pieces(const struct http1_request *request, struct fuzz_room *room)
{
    struct http_uri_path path = http_uri_path(http1_path(request));
    struct http_uri_query query = http_uri_query(http1_query(request));
    struct http_text text, value, host, port;
    size_t path_bytes = 0;
    while (http_uri_path_next(&path, &text)) {
        path_bytes += 1 + text.length;
        fuzz_decode(text, false, room);
    }
    ASSERT(path_bytes == http1_path(request).length);
    while (http_uri_query_next(&query, &text, &value)) {
        ASSERT(text.length + value.length <= http1_query(request).length);
        fuzz_decode(text, true, room);
        fuzz_decode(value, true, room);
    }
    host = http1_host(request);
    ASSERT(host.length == 0 || http_uri_host(host, &host, &port));
    static const char *const offers[] = {"application/json", "text/csv"};
    struct http_accept accept;
    http_accept_init(&accept, offers, 2);
    for (uint32_t i = 0; i < request->headers_count; i++) {
        struct http_media media;
        struct http_media_parameter parameter;
        value = http1_header_value(request, i);
        if (http_media_read(value, &media) == ERR_OK) {
            ASSERT(IMPLIES(http_media_find(&media, "charset", &parameter),
                           parameter.value.length <= value.length));
            (void)http_media_is_utf8(&media);
            ASSERT(http_accept_add(&accept, value) == ERR_OK ||
                   http_media_find(&media, "q", &parameter));
        }
        (void)!http_accept_add(&accept, value);
        ASSERT(http_accept_choose(&accept) < 2);
    }
}

static void fuzz_head(const uint8_t *data, size_t length, struct fuzz_room *room)
{
    struct http1_reader reader;
    struct http1_request request;
    http1_reader_reset(&reader);
    if (http1_read_head(&reader, data, length, &request) == HTTP1_DONE) {
        ASSERT(request.head_bytes <= HTTP1_HEAD_BYTES_MAX);
        fuzz_head_is_strict(&request);
        fuzz_head_again(&request, room);
        fuzz_pieces(&request, room);
    }
}

/* `data` in chunks of chosen sizes, read in pieces. */
static void fuzz_chunks(struct prng *p, const uint8_t *data, size_t length, struct fuzz_room *room)
{
    struct bytes_writer w = bytes_writer(room->data[0], sizeof(room->data[0]));
    struct bytes_writer back = bytes_writer(room->data[1], sizeof(room->data[1]));
    uint64_t size_max = 1 + prng_below(p, 300);
    for (size_t pos = 0; pos < length;) {
        size_t size = 1 + prng_below(p, size_max);
        size = size < length - pos ? size : length - pos;
        uint8_t head[HTTP1_CHUNK_HEAD_BYTES];
        size_t head_bytes = http1_chunk_head(head, size);
        bytes_put_copy(&w, head + HTTP1_CHUNK_HEAD_BYTES - head_bytes, head_bytes);
        bytes_put_copy(&w, data + pos, size);
        bytes_put_copy(&w, HTTP1_CHUNK_TAIL, HTTP1_CHUNK_TAIL_BYTES);
        pos += size;
    }
    bytes_put_copy(&w, HTTP1_LAST_CHUNK, HTTP1_LAST_CHUNK_BYTES);
    ASSERT(w.err == ERR_OK);
    struct http1_chunks chunks;
    http1_chunks_init(&chunks, length);
    enum http1_result result = HTTP1_MORE;
    for (size_t pos = 0; result != HTTP1_DONE;) {
        size_t given = prng_below(p, w.pos - pos + 1);
        struct http_text body;
        size_t consumed;
        result = http1_chunks_read(&chunks, w.data + pos, given, &body, &consumed);
        ASSERT(result != HTTP1_REFUSED);
        ASSERT(IMPLIES(result == HTTP1_MORE, consumed == given));
        if (result == HTTP1_BODY) {
            bytes_put_copy(&back, body.data, body.length);
        }
        pos += consumed;
        ASSERT(IMPLIES(result == HTTP1_DONE, pos == w.pos));
    }
    ASSERT(back.pos == length);
    ASSERT(memcmp(back.data, data, length) == 0);
}

/* Whatever a value is, the line it is written in is one header, or is not written. */
static void fuzz_value(const uint8_t *data, size_t length, struct fuzz_room *room)
{
    struct bytes_writer w = bytes_writer(room->data[0], sizeof(room->data[0]));
    struct http_text value = {(const char *)data, length < 4000 ? length : 4000};
    fuzz_put_text(&w, http_text("GET / HTTP/1.1\r\n"), "Host: h\r\n");
    size_t begin = w.pos;
    http1_write_header(&w, "Value", value);
    if (w.err != ERR_OK) {
        ASSERT(w.err == ERR_INVALID);
        ASSERT(w.pos == begin);
        return;
    }
    fuzz_put_text(&w, http_text(""), "\r\n");
    struct http1_reader reader;
    struct http1_request request;
    http1_reader_reset(&reader);
    ASSERT(http1_read_head(&reader, w.data, w.pos, &request) == HTTP1_DONE);
    ASSERT(request.head_bytes == w.pos);
    ASSERT(request.headers_count == 2);
    ASSERT(fuzz_is_same(http1_header_value(&request, 1), http_text_trim(value)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_room room;
    uint32_t seed = 0;
    size_t length = size > FUZZ_SEED_BYTES ? size - FUZZ_SEED_BYTES : 0;
    for (size_t i = length; i < size; i++) {
        seed = seed << 8 | data[i];
    }
    length = length < FUZZ_BYTES_MAX ? length : FUZZ_BYTES_MAX;
    struct prng p;
    prng_init(&p, seed);
    fuzz_exchange(&p, data, length, &room);
    fuzz_head(data, length, &room);
    fuzz_chunks(&p, data, length, &room);
    fuzz_value(data, length, &room);
    return 0;
}
