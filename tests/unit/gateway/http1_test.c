/* Heads, chunks and responses: limits, what is asked of a head, and what is written. What is read
 * and refused otherwise is the framing table (framing_test.c). */
#include "broker/gateway/http1.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"
#include "base/prng.h"
#include "broker/gateway/http1_write.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define HEAD_MAX HTTP1_HEAD_BYTES_MAX

/* Room for any head of these tests. */
struct head_bytes {
    char data[3 * HEAD_MAX]; /* the first `length` are set */
    size_t length;           /* how many */
};

static void head_add(struct head_bytes *head, const char *text)
{
    size_t length = strlen(text);
    assert_true(head->length + length <= sizeof(head->data));
    memcpy(head->data + head->length, text, length);
    head->length += length;
}

static void head_fill(struct head_bytes *head, char byte, size_t count)
{
    assert_true(head->length + count <= sizeof(head->data));
    memset(head->data + head->length, byte, count);
    head->length += count;
}

/* What comes of `head`, received whole and then in pieces of `step`: the status, 0 where it is
 * read, 1 where more is needed. */
static uint16_t head_read(const struct head_bytes *head, struct http1_request *request)
{
    uint16_t status = 0;
    for (size_t step = head->length; step > 0; step = step > 1000 ? 1000 : step > 7 ? 7 : 0) {
        struct http1_reader reader;
        http1_reader_reset(&reader);
        enum http1_result result = HTTP1_MORE;
        for (size_t length = step; result == HTTP1_MORE; length += step) {
            bool is_last = length >= head->length;
            result = http1_read_head(&reader, (const uint8_t *)head->data,
                                     is_last ? head->length : length, request);
            if (is_last) {
                break;
            }
        }
        uint16_t now = result == HTTP1_MORE ? 1 : reader.status;
        assert_true(step == head->length || now == status);
        status = now;
    }
    return status;
}

static uint16_t head_read_text(const char *text, struct http1_request *request)
{
    static struct head_bytes head;
    head.length = 0;
    head_add(&head, text);
    return head_read(&head, request);
}

static void http1_refuses_a_request_line_past_its_limit(void **state)
{
    (void)state;
    static const size_t fixed = sizeof("GET / HTTP/1.1") - 1;
    static const struct {
        size_t line_bytes;
        uint16_t want;
    } rows[] = {{8000, 0},
                {HTTP1_REQUEST_LINE_BYTES_MAX, 0},
                {HTTP1_REQUEST_LINE_BYTES_MAX + 1, 414},
                {2 * HEAD_MAX, 414}};
    static struct head_bytes head;
    struct http1_request request;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        head.length = 0;
        head_add(&head, "GET /");
        head_fill(&head, 'a', rows[i].line_bytes - fixed);
        head_add(&head, " HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_int_equal(head_read(&head, &request), rows[i].want);
    }
    head.length = 0;
    head_fill(&head, 'a', HTTP1_REQUEST_LINE_BYTES_MAX + 1); /* refused before it ends */
    assert_int_equal(head_read(&head, &request), 414);
    head.length--;
    assert_int_equal(head_read(&head, &request), 1);
}

static void http1_refuses_a_header_line_past_its_limit(void **state)
{
    (void)state;
    static const struct {
        size_t line_bytes;
        uint16_t want;
    } rows[] = {{HTTP1_HEADER_BYTES_MAX, 0}, {HTTP1_HEADER_BYTES_MAX + 1, 431}};
    static struct head_bytes head;
    struct http1_request request;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        head.length = 0;
        head_add(&head, "GET / HTTP/1.1\r\nHost: h\r\nA:");
        head_fill(&head, 'b', rows[i].line_bytes - 2);
        head_add(&head, "\r\n\r\n");
        assert_int_equal(head_read(&head, &request), rows[i].want);
    }
}

static void http1_refuses_a_head_past_its_limit(void **state)
{
    (void)state;
    static struct head_bytes head;
    struct http1_request request;
    for (size_t past = 0; past < 6; past++) {
        head.length = 0;
        head_add(&head, "GET / HTTP/1.1\r\nHost: h\r\n");
        while (HEAD_MAX + past - head.length > 1100) {
            head_add(&head, "A: ");
            head_fill(&head, 'b', 995);
            head_add(&head, "\r\n");
        }
        head_add(&head, "A: ");
        head_fill(&head, 'b', HEAD_MAX + past - head.length - 4);
        head_add(&head, "\r\n\r\n");
        assert_int_equal(head.length, HEAD_MAX + past);
        assert_int_equal(head_read(&head, &request), past == 0 ? 0 : 431);
    }
}

static void http1_refuses_more_headers_than_it_has_room_for(void **state)
{
    (void)state;
    static struct head_bytes head;
    struct http1_request request;
    for (size_t count = HTTP1_HEADERS_COUNT_MAX - 1; count <= HTTP1_HEADERS_COUNT_MAX + 1;
         count++) {
        head.length = 0;
        head_add(&head, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (size_t i = 1; i < count; i++) {
            head_add(&head, "A: b\r\n");
        }
        head_add(&head, "\r\n");
        bool fits = count <= HTTP1_HEADERS_COUNT_MAX;
        assert_int_equal(head_read(&head, &request), fits ? 0 : 431);
        if (fits) {
            assert_int_equal(request.headers_count, count);
        }
    }
}

static void http1_says_why_it_refuses(void **state)
{
    (void)state;
    struct http1_reader reader;
    struct http1_request request;
    http1_reader_reset(&reader);
    static const char text[] = "HEAD / HTTP/1.1\r\nHost : h\r\n";
    assert_int_equal(http1_read_head(&reader, (const uint8_t *)text, strlen(text), &request),
                     HTTP1_REFUSED);
    assert_int_equal(reader.status, 400);
    assert_string_equal(reader.why, "a header line is not a name, a colon and a value");
    assert_int_equal(request.method, HTTP1_HEAD);
    assert_int_equal(http1_read_head(&reader, (const uint8_t *)text, strlen(text), &request),
                     HTTP1_REFUSED);
}

static void http1_names_the_methods_it_knows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum http1_method want;
    } rows[] = {{"GET", HTTP1_GET},         {"HEAD", HTTP1_HEAD},     {"POST", HTTP1_POST},
                {"PUT", HTTP1_PUT},         {"DELETE", HTTP1_DELETE}, {"PATCH", HTTP1_PATCH},
                {"OPTIONS", HTTP1_OPTIONS}, {"TRACE", HTTP1_OTHER},   {"GE", HTTP1_OTHER},
                {"GETT", HTTP1_OTHER},      {"Get", HTTP1_OTHER},     {"PURGE", HTTP1_OTHER}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[64];
        struct http1_request request;
        snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: h\r\n\r\n", rows[i].name);
        assert_int_equal(head_read_text(text, &request), 0);
        assert_int_equal(request.method, rows[i].want);
        assert_true(http_text_is(http1_method_text(&request), rows[i].name));
    }
}

static void http1_finds_headers_by_name_in_any_case(void **state)
{
    (void)state;
    struct http1_request request;
    struct http_text value = http_text("untouched");
    assert_int_equal(head_read_text("GET /p?q HTTP/1.1\r\nHost: h:1\r\nX-A:  one \r\nx-a: two\r\n"
                                    "X-Ab: three\r\nEmpty:\r\n\r\n",
                                    &request),
                     0);
    assert_int_equal(http1_find(&request, "none", &value), 0);
    assert_true(http_text_is(value, "untouched"));
    assert_int_equal(http1_find(&request, "X-a", &value), 2);
    assert_true(http_text_is(value, "one"));
    assert_int_equal(http1_find(&request, "empty", &value), 1);
    assert_int_equal(value.length, 0);
    assert_non_null(value.data);
    assert_int_equal(request.headers_count, 5);
    assert_true(http_text_is(http1_header_name(&request, 3), "X-Ab"));
    assert_true(http_text_is(http1_header_value(&request, 3), "three"));
    assert_true(http_text_is(http1_target(&request), "/p?q"));
    assert_true(http_text_is(http1_path(&request), "/p"));
    assert_true(http_text_is(http1_query(&request), "q"));
    assert_true(http_text_is(http1_host(&request), "h:1"));
}

static void http1_asterisks_have_no_path(void **state)
{
    (void)state;
    struct http1_request request;
    assert_int_equal(head_read_text("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", &request), 0);
    assert_true(request.is_asterisk);
    assert_int_equal(http1_path(&request).length, 0);
    assert_int_equal(http1_query(&request).length, 0);
    assert_true(http_text_is(http1_target(&request), "*"));
    assert_int_equal(head_read_text("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", &request), 0);
    assert_true(http_text_is(http1_path(&request), "/"));
}

static void http1_heads_are_read_from_bytes_that_move(void **state)
{
    (void)state;
    static const char text[] = "POST http://x/p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
    static const size_t length = sizeof(text) - 1;
    struct http1_reader reader;
    struct http1_request request;
    char places[2][sizeof(text)];
    http1_reader_reset(&reader);
    for (size_t i = 0; i <= length; i++) {
        char *place = places[i % 2];
        memset(places, '\n', sizeof(places));
        memcpy(place, text, i);
        assert_int_equal(http1_read_head(&reader, (const uint8_t *)place, i, &request),
                         i < length ? HTTP1_MORE : HTTP1_DONE);
    }
    memset(places, '\n', sizeof(places));
    request.data = (const uint8_t *)text;
    assert_true(http_text_is(http1_path(&request), "/p"));
    assert_true(http_text_is(http1_query(&request), "q"));
    assert_true(http_text_is(http1_host(&request), "x"));
    assert_true(http_text_is(http1_header_value(&request, 1), "3"));
    assert_int_equal(request.content_length, 3);
    assert_int_equal(request.head_bytes, length);
}

static void http1_looks_at_no_byte_behind_a_head(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n\n\0GET /";
    struct http1_reader reader;
    struct http1_request request;
    http1_reader_reset(&reader);
    assert_int_equal(http1_read_head(&reader, (const uint8_t *)text, sizeof(text) - 1, &request),
                     HTTP1_DONE);
    assert_int_equal(request.head_bytes, strlen("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    expect_assert_failure(
        (void)!http1_read_head(&reader, (const uint8_t *)text, sizeof(text) - 1, &request));
}

/* Bytes of a body for chunks_read to read; its result, or its status. */
static uint16_t chunks_read(const char *bytes, size_t length, uint64_t body_bytes_max)
{
    struct http1_chunks chunks;
    http1_chunks_init(&chunks, body_bytes_max);
    for (size_t pos = 0;;) {
        struct http_text body;
        size_t consumed;
        enum http1_result result = http1_chunks_read(&chunks, (const uint8_t *)bytes + pos,
                                                     length - pos, &body, &consumed);
        if (result == HTTP1_REFUSED) {
            assert_int_equal(
                http1_chunks_read(&chunks, (const uint8_t *)bytes, 1, &body, &consumed),
                HTTP1_REFUSED);
            return chunks.status;
        }
        if (result != HTTP1_BODY) {
            return result == HTTP1_DONE ? 0 : 1;
        }
        pos += consumed;
        assert_true(chunks.body_bytes <= body_bytes_max);
    }
}

static void http1_chunks_have_at_most_what_the_caller_allows(void **state)
{
    (void)state;
    static const char body[] = "3\r\nabc\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_int_equal(chunks_read(body, sizeof(body) - 1, 8), 0);
    assert_int_equal(chunks_read(body, sizeof(body) - 1, 7), 413);
    assert_int_equal(chunks_read(body, sizeof(body) - 1, UINT64_MAX), 0);
    assert_int_equal(chunks_read("0\r\n\r\n", 5, 0), 0);
    assert_int_equal(chunks_read("1\r\n", 3, 0), 413);
    assert_int_equal(chunks_read("ffffffffffffffff\r\n", 18, UINT64_MAX), 1);
}

static void http1_chunks_have_bounded_extensions_and_trailers(void **state)
{
    (void)state;
    static struct head_bytes body;
    for (size_t past = 0; past < 2; past++) {
        body.length = 0;
        head_add(&body, "1;");
        head_fill(&body, 'a', HTTP1_CHUNK_LINE_BYTES_MAX - 2 + past);
        head_add(&body, "\r\nx\r\n0\r\n\r\n");
        assert_int_equal(chunks_read(body.data, body.length, 1), past == 0 ? 0 : 400);

        body.length = 0;
        for (size_t i = 0; i < HTTP1_CHUNK_EXTENSIONS_BYTES_MAX / 16; i++) {
            head_add(&body, "1;bbbbbbbbbbbbbbb\r\nx\r\n"); /* 16 with the semicolon */
        }
        memmove(body.data + 1 + past, body.data + 1, body.length - 1);
        memset(body.data + 1, ' ', past); /* and one more */
        body.length += past;
        head_add(&body, "0\r\n\r\n");
        assert_int_equal(chunks_read(body.data, body.length, 4096), past == 0 ? 0 : 400);

        body.length = 0;
        head_add(&body, "0\r\nA: ");
        head_fill(&body, 'b', HTTP1_TRAILERS_BYTES_MAX - 7 + past);
        head_add(&body, "\r\n\r\n");
        assert_int_equal(chunks_read(body.data, body.length, 0), past == 0 ? 0 : 431);
    }
}

/* What http1_frame decides and http1_write_frame says of it. */
static void http1_frames_are_as_the_rfc_says(void **state)
{
    (void)state;
    static const struct {
        const char *head; /* of the request; NULL: it was refused */
        uint16_t status;
        uint64_t length;
        bool is_closing;
        const char *want; /* what is written, then whether a body, whether kept */
    } rows[] = {
#define OLD "GET / HTTP/1.0\r\n"
#define NEW "GET / HTTP/1.1\r\nHost: h\r\n"
        {NEW, 200, 5, false, "Content-Length: 5\r\n\r\nbody,kept"},
        {NEW, 200, 0, false, "Content-Length: 0\r\n\r\nkept"},
        {NEW, 200, HTTP1_LENGTH_UNKNOWN, false, "Transfer-Encoding: chunked\r\n\r\nbody,kept"},
        {NEW, 200, 5, true, "Content-Length: 5\r\nConnection: close\r\n\r\nbody,"},
        {NEW "Connection: close\r\n", 404, 5, false,
         "Content-Length: 5\r\nConnection: close\r\n\r\nbody,"},
        {NEW, 204, 0, false, "\r\nkept"},
        {NEW, 204, 5, false, "\r\nkept"},
        {NEW, 304, 5, false, "\r\nkept"},
        {NEW, 100, 0, false, "\r\nkept"},
        {NEW, 304, HTTP1_LENGTH_UNKNOWN, false, "\r\nkept"},
        {"HEAD / HTTP/1.1\r\nHost: h\r\n", 200, 5, false, "Content-Length: 5\r\n\r\nkept"},
        {"HEAD / HTTP/1.1\r\nHost: h\r\n", 200, HTTP1_LENGTH_UNKNOWN, false,
         "Transfer-Encoding: chunked\r\n\r\nkept"},
        {OLD, 200, 5, false, "Content-Length: 5\r\nConnection: close\r\n\r\nbody,"},
        {OLD "Connection: keep-alive\r\n", 200, 5, false,
         "Content-Length: 5\r\nConnection: keep-alive\r\n\r\nbody,kept"},
        {OLD "Connection: keep-alive\r\n", 200, HTTP1_LENGTH_UNKNOWN, false,
         "Connection: close\r\n\r\nbody,"},
        {OLD "Connection: keep-alive\r\n", 204, 0, false, "Connection: keep-alive\r\n\r\nkept"},
        {NULL, 400, 5, false, "Content-Length: 5\r\nConnection: close\r\n\r\nbody,"},
        {NULL, 400, HTTP1_LENGTH_UNKNOWN, false, "Connection: close\r\n\r\nbody,"},
#undef OLD
#undef NEW
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct http1_request request;
        char text[256], out[256];
        if (rows[i].head != NULL) {
            snprintf(text, sizeof(text), "%s\r\n", rows[i].head);
            assert_int_equal(head_read_text(text, &request), 0);
        }
        struct http1_frame frame = http1_frame(rows[i].head != NULL ? &request : NULL,
                                               rows[i].status, rows[i].length, rows[i].is_closing);
        struct bytes_writer w = bytes_writer(out, sizeof(out) - 1);
        http1_write_frame(&w, &frame);
        bytes_put_copy(&w, "body,", frame.has_body ? 5 : 0);
        bytes_put_copy(&w, "kept", frame.keep_alive ? 4 : 0);
        out[w.pos] = '\0';
        if (strcmp(out, rows[i].want) != 0) {
            fail_msg("row %zu: \"%s\"", i, out);
        }
    }
}

static void http1_writes_a_whole_head(void **state)
{
    (void)state;
    char out[512];
    struct bytes_writer w = bytes_writer(out, sizeof(out) - 1);
    struct http1_request request;
    assert_int_equal(head_read_text("GET / HTTP/1.1\r\nHost: h\r\n\r\n", &request), 0);
    struct http1_frame frame = http1_frame(&request, 200, 2, false);
    char date[HTTP1_DATE_BYTES];
    http1_write_status(&w, 200);
    http1_format_date(784111777000, date);
    http1_write_header(&w, "Date", (struct http_text){date, HTTP1_DATE_BYTES});
    http1_write_header(&w, "Content-Type", http_text("application/json"));
    http1_write_header(&w, "TDB-Position", http_text("7.12"));
    http1_write_header(&w, "Empty", http_text(""));
    http1_write_frame(&w, &frame);
    assert_int_equal(w.err, ERR_OK);
    out[w.pos] = '\0';
    assert_string_equal(out, "HTTP/1.1 200 OK\r\n"
                             "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                             "Content-Type: application/json\r\n"
                             "TDB-Position: 7.12\r\n"
                             "Empty: \r\n"
                             "Content-Length: 2\r\n"
                             "\r\n");
}

/* RFC 9112 section 4: the space before the phrase stays where there is none. */
static void http1_status_lines_have_a_phrase_or_a_space(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        const char *want;
    } rows[] = {{100, "HTTP/1.1 100 Continue\r\n"},
                {404, "HTTP/1.1 404 Not Found\r\n"},
                {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
                {299, "HTTP/1.1 299 \r\n"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char out[80];
        struct bytes_writer w = bytes_writer(out, sizeof(out) - 1);
        http1_write_status(&w, rows[i].status);
        out[w.pos] = '\0';
        assert_string_equal(out, rows[i].want);
    }
    struct bytes_writer w = {0};
    expect_assert_failure(http1_write_status(&w, 99));
    expect_assert_failure(http1_write_status(&w, 600));
    assert_int_equal(strlen(HTTP1_CONTINUE), HTTP1_CONTINUE_BYTES);
    assert_int_equal(strlen(HTTP1_LAST_CHUNK), HTTP1_LAST_CHUNK_BYTES);
    assert_int_equal(strlen(HTTP1_CHUNK_TAIL), HTTP1_CHUNK_TAIL_BYTES);
}

static void http1_header_values_cannot_end_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        size_t length;
    } rows[] = {{"A", "b\r\nSet-Cookie: c", 15},
                {"A", "b\n", 2},
                {"A", "\r", 1},
                {"A", "b\0c", 3},
                {"A", "\x7f", 1},
                {"A", "\v", 1},
                {"A\r\nB", "c", 1},
                {"A B", "c", 1},
                {"", "c", 1},
                {"A:", "c", 1}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char out[64];
        struct bytes_writer w = bytes_writer(out, sizeof(out));
        http1_write_header(&w, rows[i].name, (struct http_text){rows[i].value, rows[i].length});
        assert_int_equal(w.err, ERR_INVALID);
        assert_int_equal(w.pos, 0);
        http1_write_header(&w, "A", http_text("b")); /* the error stays */
        assert_int_equal(w.pos, 0);
    }
    struct bytes_writer w = {0};
    expect_assert_failure(http1_write_header(&w, "content-LENGTH", http_text("5")));
    expect_assert_failure(http1_write_header(&w, "Transfer-Encoding", http_text("5")));
    expect_assert_failure(http1_write_header(&w, "Connection", http_text("close")));
}

static void http1_headers_are_written_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char want[] = "Name: value\r\n";
    for (size_t capacity = 0; capacity < sizeof(want); capacity++) {
        char out[sizeof(want)];
        struct bytes_writer w = bytes_writer(out, capacity);
        http1_write_header(&w, "Name", http_text("value"));
        bool fits = capacity == sizeof(want) - 1;
        assert_int_equal(w.err, fits ? ERR_OK : ERR_TOO_LARGE);
        assert_int_equal(w.pos, fits ? sizeof(want) - 1 : 0);
    }
}

static void http1_dates_are_those_of_the_c_library(void **state)
{
    (void)state;
    static const int64_t edges[] = {
        0, 999, 1000, 951782399999, 951782400000, 951868800000, 4107542400000, 253402300799999};
    struct share share = share_open("dates against strftime", 50);
    for (size_t i = 0; share_more(&share); i++) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        int64_t wall_ms =
            i < ARRAY_COUNT(edges) ? edges[i] : (int64_t)prng_below(&p, UINT64_C(253402300800000));
        time_t seconds = (time_t)(wall_ms / 1000);
        struct tm parts;
        char want[64], got[HTTP1_DATE_BYTES + 1];
        gmtime_r(&seconds, &parts);
        strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        http1_format_date(wall_ms, got);
        got[HTTP1_DATE_BYTES] = '\0';
        assert_string_equal(got, want);
    }
    share_close(&share);
    char out[HTTP1_DATE_BYTES];
    http1_format_date(INT64_MIN, out);
    assert_memory_equal(out, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP1_DATE_BYTES);
    http1_format_date(INT64_MAX, out);
    assert_memory_equal(out, "Fri, 31 Dec 9999 23:59:59 GMT", HTTP1_DATE_BYTES);
}

static void http1_chunk_heads_end_where_the_payload_begins(void **state)
{
    (void)state;
    static const struct {
        uint64_t payload_bytes;
        const char *want;
    } rows[] = {{1, "1\r\n"},
                {15, "f\r\n"},
                {16, "10\r\n"},
                {0xabcdef, "abcdef\r\n"},
                {UINT64_MAX, "ffffffffffffffff\r\n"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t room[HTTP1_CHUNK_HEAD_BYTES];
        size_t length = http1_chunk_head(room, rows[i].payload_bytes);
        assert_int_equal(length, strlen(rows[i].want));
        assert_memory_equal(room + HTTP1_CHUNK_HEAD_BYTES - length, rows[i].want, length);
    }
    uint8_t room[HTTP1_CHUNK_HEAD_BYTES];
    expect_assert_failure(http1_chunk_head(room, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http1_refuses_a_request_line_past_its_limit),
        cmocka_unit_test(http1_refuses_a_header_line_past_its_limit),
        cmocka_unit_test(http1_refuses_a_head_past_its_limit),
        cmocka_unit_test(http1_refuses_more_headers_than_it_has_room_for),
        cmocka_unit_test(http1_says_why_it_refuses),
        cmocka_unit_test(http1_names_the_methods_it_knows),
        cmocka_unit_test(http1_finds_headers_by_name_in_any_case),
        cmocka_unit_test(http1_asterisks_have_no_path),
        cmocka_unit_test(http1_heads_are_read_from_bytes_that_move),
        cmocka_unit_test(http1_looks_at_no_byte_behind_a_head),
        cmocka_unit_test(http1_chunks_have_at_most_what_the_caller_allows),
        cmocka_unit_test(http1_chunks_have_bounded_extensions_and_trailers),
        cmocka_unit_test(http1_frames_are_as_the_rfc_says),
        cmocka_unit_test(http1_writes_a_whole_head),
        cmocka_unit_test(http1_status_lines_have_a_phrase_or_a_space),
        cmocka_unit_test(http1_header_values_cannot_end_their_line),
        cmocka_unit_test(http1_headers_are_written_whole_or_not_at_all),
        cmocka_unit_test(http1_dates_are_those_of_the_c_library),
        cmocka_unit_test(http1_chunk_heads_end_where_the_payload_begins),
    };
    return cmocka_run_group_tests_name("gateway_http1", tests, NULL, NULL);
}
