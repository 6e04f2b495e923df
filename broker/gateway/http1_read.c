/* The head of a request, read line by line as its bytes come. See http1.h.
 *
 * A line is looked through once for its end, 16 bytes at a time, by the one test that finds
 * everything a line cannot have: a control character. Only when its CR LF is there is it taken
 * apart, so that neither what is read nor why it is refused depends on where the stream was cut.
 *
 * Invariants: line_pos <= looked_pos <= what was given in the last call; no byte in between is a
 * control character but a tab; a refusal keeps its status and stage. */
#include <string.h>

#include "base/assert.h"
#include "broker/gateway/http1_int.h"
#include "broker/gateway/http_uri.h"

/* Which line comes next. */
enum {
    READ_FIRST,   /* a request line, or one empty line before it */
    READ_REQUEST, /* a request line */
    READ_HEADERS, /* a header line, or the empty one that ends the head */
    READ_DONE,    /* none: the head is whole */
    READ_REFUSED, /* none: it never will be */
};

/* What the headers have said. */
enum {
    SEEN_HOST = 1,        /* Host */
    SEEN_LENGTH = 2,      /* Content-Length */
    SEEN_CODING = 4,      /* Transfer-Encoding */
    SEEN_CLOSE = 8,       /* Connection: close */
    SEEN_KEEP = 16,       /* Connection: keep-alive */
    SEEN_UPGRADE = 32,    /* Connection: upgrade */
    SEEN_PROTOCOL = 64,   /* Upgrade */
    SEEN_CONTINUE = 128,  /* Expect: 100-continue */
    SEEN_DEMAND = 256,    /* Expect: anything else */
    SEEN_AUTHORITY = 512, /* the target has a host, which counts */
};

static bool http1_read_line(struct http1_reader *reader, const uint8_t *data, size_t length,
                            struct http1_span *line);
static bool http1_read_line_end(struct http1_reader *reader, const uint8_t *data, size_t length);
static void http1_read_request_line(struct http1_reader *reader, struct http1_request *out,
                                    struct http1_span line);
static void http1_read_version(struct http1_reader *reader, struct http1_request *out,
                               struct http_text version);
static enum http1_method http1_read_method(struct http_text name);
static void http1_read_header(struct http1_reader *reader, struct http1_request *out,
                              struct http1_span line);
static void http1_read_meaning(struct http1_reader *reader, struct http1_request *out,
                               const struct http1_header *header);
static void http1_read_host(struct http1_reader *reader, struct http1_request *out,
                            const struct http1_header *header);
static void http1_read_length(struct http1_reader *reader, struct http1_request *out,
                              struct http_text value);
static void http1_read_coding(struct http1_reader *reader, struct http_text value);
static void http1_read_connection(struct http1_reader *reader, struct http_text value);
static void http1_read_end(struct http1_reader *reader, struct http1_request *out);
static void http1_refuse(struct http1_reader *reader, uint16_t status, const char *why);

void http1_reader_reset(struct http1_reader *reader)
{
    *reader = (struct http1_reader){.stage = READ_FIRST};
}

enum http1_result http1_read_head(struct http1_reader *reader, const uint8_t *data, size_t length,
                                  struct http1_request *out)
{
    ASSERT(reader->stage != READ_DONE);
    ASSERT(reader->looked_pos <= length || reader->stage == READ_REFUSED);
    if (reader->looked_pos == 0) {
        /* Not the headers: headers_count says how many are set. */
        memset(out, 0, offsetof(struct http1_request, headers));
        out->method = HTTP1_OTHER;
    }
    out->data = data;
    struct http1_span line;
    while (reader->stage < READ_DONE && http1_read_line(reader, data, length, &line)) {
        reader->line_pos = reader->looked_pos = (uint16_t)(line.pos + line.length + 2);
        if (reader->stage == READ_HEADERS) {
            if (line.length > 0) {
                http1_read_header(reader, out, line);
            } else {
                http1_read_end(reader, out);
            }
        } else if (line.length > 0) {
            http1_read_request_line(reader, out, line);
        } else if (reader->stage == READ_FIRST) {
            reader->stage = READ_REQUEST;
        } else {
            http1_refuse(reader, 400, "more than one empty line before the request");
        }
    }
    if (reader->stage == READ_DONE) {
        out->head_bytes = reader->line_pos;
        ASSERT(out->head_bytes <= length);
        ASSERT(out->head_bytes <= HTTP1_HEAD_BYTES_MAX);
        return HTTP1_DONE;
    }
    return reader->stage == READ_REFUSED ? HTTP1_REFUSED : HTTP1_MORE;
}

/* *line = the next line, without its end; false: it is not whole yet, or refused. */
static bool http1_read_line(struct http1_reader *reader, const uint8_t *data, size_t length,
                            struct http1_span *line)
{
    if (length == 0) {
        return false;
    }
    bool is_header = reader->stage == READ_HEADERS;
    size_t line_bytes_max = is_header ? HTTP1_HEADER_BYTES_MAX : HTTP1_REQUEST_LINE_BYTES_MAX;
    size_t line_end = reader->line_pos + line_bytes_max + 1; /* behind the last place for the CR */
    size_t end = line_end < HTTP1_HEAD_BYTES_MAX ? line_end : HTTP1_HEAD_BYTES_MAX;
    size_t given = length < end ? length : end;
    struct http_text unseen = {(const char *)data + reader->looked_pos, given - reader->looked_pos};
    reader->looked_pos = (uint16_t)(reader->looked_pos + http_text_span_field(unseen));
    if (reader->looked_pos == end) {
        if (is_header) {
            http1_refuse(reader, 431, "a header line or the whole head is too long");
        } else {
            http1_refuse(reader, 414, "the request line is too long");
        }
        return false;
    }
    if (reader->looked_pos == given || !http1_read_line_end(reader, data, length)) {
        return false;
    }
    *line = (struct http1_span){.pos = reader->line_pos,
                                .length = (uint16_t)(reader->looked_pos - reader->line_pos)};
    return true;
}

/* Whether the control character at looked_pos is the CR of a CR LF; false: not known yet, or
 * refused. */
static bool http1_read_line_end(struct http1_reader *reader, const uint8_t *data, size_t length)
{
    size_t pos = reader->looked_pos;
    ASSERT(pos < length);
    if (data[pos] == '\n') {
        http1_refuse(reader, 400, "a line feed without a carriage return");
    } else if (data[pos] != '\r') {
        http1_refuse(reader, 400, "a control character");
    } else if (pos + 1 >= HTTP1_HEAD_BYTES_MAX) {
        http1_refuse(reader, 431, "the head is too long");
    } else if (pos + 1 < length && data[pos + 1] != '\n') {
        http1_refuse(reader, 400, "a carriage return without a line feed");
    } else {
        return pos + 1 < length;
    }
    return false;
}

/* method SP target SP version, RFC 9112 section 3. */
static void http1_read_request_line(struct http1_reader *reader, struct http1_request *out,
                                    struct http1_span line)
{
    static const size_t version_bytes = sizeof("HTTP/1.1") - 1;
    struct http_text text = http1_text(out, line);
    size_t method_length = http_text_span(text, HTTP_CLASS_TOKEN);
    if (method_length == 0 || method_length == text.length || text.data[method_length] != ' ') {
        http1_refuse(reader, 400, "the request line does not begin with a method and a space");
        return;
    }
    out->method_span = (struct http1_span){.pos = line.pos, .length = (uint16_t)method_length};
    struct http_text method = http1_text(out, out->method_span);
    out->method = http1_read_method(method);
    size_t target_begin = method_length + 1;
    size_t target_end = text.length - (version_bytes + 1);
    if (text.length <= target_begin + version_bytes + 1 || text.data[target_end] != ' ') {
        http1_refuse(reader, 400, "the request line is not a method, a target and a version");
        return;
    }
    http1_read_version(reader, out, (struct http_text){text.data + target_end + 1, version_bytes});
    if (reader->stage == READ_REFUSED) {
        return;
    }
    if (out->method == HTTP1_OTHER && http_text_is(method, "CONNECT")) {
        http1_refuse(reader, 501, "CONNECT is not served");
        return;
    }
    out->target = (struct http1_span){.pos = (uint16_t)(line.pos + target_begin),
                                      .length = (uint16_t)(target_end - target_begin)};
    const char *why = http1_read_target(out);
    if (why != NULL) {
        http1_refuse(reader, 400, why);
        return;
    }
    reader->seen |= out->host.length > 0 ? SEEN_AUTHORITY : 0;
    reader->stage = READ_HEADERS;
}

/* RFC 9112 section 2.3, with case; a higher minor version is read as ours (RFC 9110 section 2.5).
 */
static void http1_read_version(struct http1_reader *reader, struct http1_request *out,
                               struct http_text version)
{
    const char *v = version.data;
    ASSERT(version.length == 8);
    if (memcmp(v, "HTTP/", 5) != 0 || !http_text_has_class((uint8_t)v[5], HTTP_CLASS_DIGIT) ||
        v[6] != '.' || !http_text_has_class((uint8_t)v[7], HTTP_CLASS_DIGIT)) {
        http1_refuse(reader, 400, "the version is not HTTP/1.1 or HTTP/1.0");
    } else if (v[5] != '1') {
        http1_refuse(reader, 505, "only HTTP/1.1 and HTTP/1.0 are served");
    }
    out->minor = v[7] != '0';
}

static enum http1_method http1_read_method(struct http_text name)
{
    static const struct {
        char name[8];
        enum http1_method method;
    } rows[] = {
        {"GET", HTTP1_GET},         {"POST", HTTP1_POST},   {"HEAD", HTTP1_HEAD},
        {"PUT", HTTP1_PUT},         {"PATCH", HTTP1_PATCH}, {"DELETE", HTTP1_DELETE},
        {"OPTIONS", HTTP1_OPTIONS},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].name[0] == name.data[0] && http_text_is(name, rows[i].name)) {
            return rows[i].method;
        }
    }
    return HTTP1_OTHER;
}

/* name ":" OWS value OWS, RFC 9112 section 5. That the value has no control characters was seen
 * when the line's end was looked for. */
static void http1_read_header(struct http1_reader *reader, struct http1_request *out,
                              struct http1_span line)
{
    struct http_text text = http1_text(out, line);
    size_t name_length = http_text_span(text, HTTP_CLASS_TOKEN);
    if (text.data[0] == ' ' || text.data[0] == '\t') {
        http1_refuse(reader, 400, "a header line begins with white space");
        return;
    }
    if (name_length == 0 || name_length == text.length || text.data[name_length] != ':') {
        http1_refuse(reader, 400, "a header line is not a name, a colon and a value");
        return;
    }
    if (out->headers_count == HTTP1_HEADERS_COUNT_MAX) {
        http1_refuse(reader, 431, "too many headers");
        return;
    }
    struct http_text value = http_text_trim(
        (struct http_text){text.data + name_length + 1, text.length - name_length - 1});
    size_t value_pos = (size_t)(value.data - (const char *)out->data);
    struct http1_header *header = &out->headers[out->headers_count++];
    *header = (struct http1_header){
        .name = {.pos = line.pos, .length = (uint16_t)name_length},
        .value = {.pos = (uint16_t)value_pos, .length = (uint16_t)value.length},
    };
    http1_read_meaning(reader, out, header);
}

/* What `header` says of the message's frame and of the connection. */
static void http1_read_meaning(struct http1_reader *reader, struct http1_request *out,
                               const struct http1_header *header)
{
    struct http_text name = http1_text(out, header->name);
    struct http_text value = http1_text(out, header->value);
    switch (name.length) {
    case sizeof("host") - 1:
        if (http_text_is_nocase(name, "host")) {
            http1_read_host(reader, out, header);
        }
        break;
    case sizeof("expect") - 1:
        if (http_text_is_nocase(name, "expect")) {
            bool is_known = http_text_is_nocase(value, "100-continue");
            reader->seen |= is_known ? SEEN_CONTINUE : SEEN_DEMAND;
        }
        break;
    case sizeof("upgrade") - 1:
        reader->seen |= http_text_is_nocase(name, "upgrade") ? SEEN_PROTOCOL : 0;
        break;
    case sizeof("connection") - 1:
        if (http_text_is_nocase(name, "connection")) {
            http1_read_connection(reader, value);
        }
        break;
    case sizeof("content-length") - 1:
        if (http_text_is_nocase(name, "content-length")) {
            http1_read_length(reader, out, value);
        }
        break;
    case sizeof("transfer-encoding") - 1:
        if (http_text_is_nocase(name, "transfer-encoding")) {
            http1_read_coding(reader, value);
        }
        break;
    default: break;
    }
}

static void http1_read_host(struct http1_reader *reader, struct http1_request *out,
                            const struct http1_header *header)
{
    struct http_text host, port;
    if ((reader->seen & SEEN_HOST) != 0) {
        http1_refuse(reader, 400, "more than one Host");
    } else if (!http_uri_host(http1_text(out, header->value), &host, &port)) {
        http1_refuse(reader, 400, "the Host is invalid");
    } else if ((reader->seen & SEEN_AUTHORITY) == 0) {
        out->host = header->value;
    }
    reader->seen |= SEEN_HOST;
}

/* RFC 9110 section 8.6 lets a list of equal values pass; nobody sends one in good faith. */
static void http1_read_length(struct http1_reader *reader, struct http1_request *out,
                              struct http_text value)
{
    uint64_t length = 0;
    bool fits = true;
    for (size_t i = 0; i < value.length && fits; i++) {
        fits = !__builtin_mul_overflow(length, 10u, &length) &&
               !__builtin_add_overflow(length, (uint64_t)((uint8_t)value.data[i] - '0'), &length) &&
               length <= INT64_MAX;
    }
    if ((reader->seen & SEEN_LENGTH) != 0) {
        http1_refuse(reader, 400, "more than one Content-Length");
    } else if (value.length == 0 || http_text_span(value, HTTP_CLASS_DIGIT) != value.length) {
        http1_refuse(reader, 400, "the Content-Length is not a number");
    } else if (!fits) {
        http1_refuse(reader, 413, "the Content-Length is out of range");
    }
    out->content_length = length;
    reader->seen |= SEEN_LENGTH;
}

/* `chunked`, any case (RFC 9112 section 7). Of others, 501 where the body's end would be known
 * (section 6.1), else 400 (section 6.3). */
static void http1_read_coding(struct http1_reader *reader, struct http_text value)
{
    if ((reader->seen & SEEN_CODING) != 0) {
        http1_refuse(reader, 400, "more than one Transfer-Encoding");
    } else if (!http_text_is_nocase(value, "chunked")) {
        unsigned count = 0, chunked_count = 0;
        bool are_tokens = true, is_last = false;
        while (value.length > 0) {
            struct http_text member = http1_take_member(&value);
            count++;
            is_last = http_text_is_nocase(member, "chunked");
            chunked_count += is_last;
            are_tokens = are_tokens && http_text_is_token(member);
        }
        if (are_tokens && is_last && chunked_count == 1 && count > 1) {
            http1_refuse(reader, 501, "no transfer coding but chunked is served");
        } else {
            http1_refuse(reader, 400, "the Transfer-Encoding is not chunked");
        }
    }
    reader->seen |= SEEN_CODING;
}

static void http1_read_connection(struct http1_reader *reader, struct http_text value)
{
    while (value.length > 0) {
        struct http_text member = http1_take_member(&value);
        if (member.length > 0 && !http_text_is_token(member)) {
            http1_refuse(reader, 400, "Connection is not a list of names");
        } else if (http_text_is_nocase(member, "close")) {
            reader->seen |= SEEN_CLOSE;
        } else if (http_text_is_nocase(member, "keep-alive")) {
            reader->seen |= SEEN_KEEP;
        } else if (http_text_is_nocase(member, "upgrade")) {
            reader->seen |= SEEN_UPGRADE;
        }
    }
}

/* The head is whole: what all its lines say together. */
static void http1_read_end(struct http1_reader *reader, struct http1_request *out)
{
    unsigned seen = reader->seen;
    bool is_chunked = (seen & SEEN_CODING) != 0;
    reader->stage = READ_DONE;
    if (out->minor == 1 && (seen & SEEN_HOST) == 0) {
        http1_refuse(reader, 400, "no Host");
    } else if (is_chunked && out->minor == 0) {
        http1_refuse(reader, 400, "Transfer-Encoding in HTTP/1.0");
    } else if (is_chunked && (seen & SEEN_LENGTH) != 0) {
        http1_refuse(reader, 400, "both Content-Length and Transfer-Encoding");
    } else if (out->minor == 1 && (seen & SEEN_DEMAND) != 0) {
        http1_refuse(reader, 417, "no expectation but 100-continue is met");
    }
    out->body = is_chunked                ? HTTP1_BODY_CHUNKED
                : out->content_length > 0 ? HTTP1_BODY_LENGTH
                                          : HTTP1_BODY_NONE;
    out->keep_alive = (seen & SEEN_CLOSE) == 0 && (out->minor == 1 || (seen & SEEN_KEEP) != 0);
    out->expects_continue =
        out->minor == 1 && (seen & SEEN_CONTINUE) != 0 && out->body != HTTP1_BODY_NONE;
    out->wants_upgrade =
        out->minor == 1 && (seen & SEEN_UPGRADE) != 0 && (seen & SEEN_PROTOCOL) != 0;
}

static void http1_refuse(struct http1_reader *reader, uint16_t status, const char *why)
{
    reader->stage = READ_REFUSED;
    reader->status = status;
    reader->why = why;
}
