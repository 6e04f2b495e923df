/* Responses as bytes. See http1_write.h. */
#include "broker/gateway/http1_write.h"

#include <string.h>

#include "base/assert.h"
#include "base/units.h"

#define WRITE_MS_PER_DAY INT64_C(86400000)

/* The last millisecond of the year 9999: IMF-fixdate has four digits. */
#define WRITE_WALL_MS_MAX INT64_C(253402300799999)

/* A date as people count. */
struct http1_day {
    unsigned year;  /* 1970 to 9999 */
    unsigned month; /* 0 to 11 */
    unsigned day;   /* 1 to 31 */
};

static bool http1_has_length(uint16_t status);
static struct http1_day http1_day(uint32_t days);
static void http1_put_digits(char *out, unsigned value, unsigned count);
static void http1_put_text(struct bytes_writer *w, const char *text);
static bool http1_is_framing(const char *name);

const char *http1_reason(uint16_t status)
{
    static const struct {
        uint16_t status;
        char reason[32];
    } rows[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].status == status) {
            return rows[i].reason;
        }
    }
    return "";
}

struct http1_frame http1_frame(const struct http1_request *request, uint16_t status,
                               uint64_t length, bool is_closing)
{
    ASSERT(status >= 100);
    ASSERT(status <= 599);
    bool is_head = request != NULL && request->method == HTTP1_HEAD;
    bool has_length = http1_has_length(status);
    bool is_known = length != HTTP1_LENGTH_UNKNOWN;
    bool is_old = request == NULL || request->minor == 0;
    struct http1_frame frame = {
        .length = length,
        .has_length = has_length && is_known,
        .is_chunked = has_length && !is_known && !is_old,
        .has_body = has_length && !is_head && length > 0,
        .keep_alive = request != NULL && request->keep_alive && !is_closing,
    };
    if (frame.has_body && !is_known && is_old) {
        frame.keep_alive = false; /* the close ends the body */
    }
    frame.is_connection = status >= 200 && (is_old || !frame.keep_alive);
    ASSERT(IMPLIES(frame.is_chunked, !frame.has_length));
    return frame;
}

void http1_write_status(struct bytes_writer *w, uint16_t status)
{
    static const char version[] = "HTTP/1.1 ";
    ASSERT(status >= 100);
    ASSERT(status <= 599);
    char line[64];
    const char *reason = http1_reason(status);
    size_t reason_length = strlen(reason);
    size_t length = sizeof(version) - 1;
    memcpy(line, version, length);
    http1_put_digits(line + length, status, 3);
    length += 3;
    line[length++] = ' ';
    ASSERT(length + reason_length + 2 <= sizeof(line));
    memcpy(line + length, reason, reason_length);
    length += reason_length;
    line[length++] = '\r';
    line[length++] = '\n';
    bytes_put_copy(w, line, length);
}

void http1_write_header(struct bytes_writer *w, const char *name, struct http_text value)
{
    ASSERT(!http1_is_framing(name));
    size_t name_length = strlen(name);
    struct http_text name_text = {.data = name, .length = name_length};
    if (w->err != ERR_OK) {
        return;
    }
    if (!http_text_is_token(name_text) || http_text_span_field(value) != value.length) {
        w->err = ERR_INVALID;
        return;
    }
    size_t left = bytes_writer_left(w);
    size_t around = name_length + sizeof(": \r\n") - 1;
    if (left < around || left - around < value.length) {
        w->err = ERR_TOO_LARGE;
        return;
    }
    bytes_put_copy(w, name, name_length);
    bytes_put_copy(w, ": ", 2);
    bytes_put_copy(w, value.data, value.length);
    bytes_put_copy(w, "\r\n", 2);
    ASSERT(w->err == ERR_OK);
}

void http1_write_frame(struct bytes_writer *w, const struct http1_frame *frame)
{
    if (frame->has_length) {
        char digits[20];
        size_t length = units_write_u64(digits, frame->length);
        http1_put_text(w, "Content-Length: ");
        bytes_put_copy(w, digits, length);
        http1_put_text(w, "\r\n");
    } else if (frame->is_chunked) {
        http1_put_text(w, "Transfer-Encoding: chunked\r\n");
    }
    if (frame->is_connection) {
        http1_put_text(w,
                       frame->keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
    }
    http1_put_text(w, "\r\n");
}

void http1_format_date(int64_t wall_ms, char out[HTTP1_DATE_BYTES])
{
    static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970 began on a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    wall_ms = wall_ms < 0 ? 0 : wall_ms > WRITE_WALL_MS_MAX ? WRITE_WALL_MS_MAX : wall_ms;
    uint32_t days = (uint32_t)(wall_ms / WRITE_MS_PER_DAY);
    unsigned second = (unsigned)(wall_ms % WRITE_MS_PER_DAY / 1000);
    struct http1_day day = http1_day(days);
    ASSERT(day.month < 12);
    memcpy(out, "Day, 00 Mon 0000 00:00:00 GMT", HTTP1_DATE_BYTES);
    memcpy(out, weekdays + (size_t)(days % 7) * 3, 3);
    http1_put_digits(out + 5, day.day, 2);
    memcpy(out + 8, months + (size_t)day.month * 3, 3);
    http1_put_digits(out + 12, day.year, 4);
    http1_put_digits(out + 17, second / 3600, 2);
    http1_put_digits(out + 20, second / 60 % 60, 2);
    http1_put_digits(out + 23, second % 60, 2);
}

size_t http1_chunk_head(uint8_t room[HTTP1_CHUNK_HEAD_BYTES], uint64_t payload_bytes)
{
    ASSERT(payload_bytes > 0);
    size_t begin = HTTP1_CHUNK_HEAD_BYTES;
    room[--begin] = '\n';
    room[--begin] = '\r';
    for (; payload_bytes > 0; payload_bytes >>= 4) {
        ASSERT(begin > 0);
        room[--begin] = (uint8_t) "0123456789abcdef"[payload_bytes & 15];
    }
    return HTTP1_CHUNK_HEAD_BYTES - begin;
}

/* Whether a response of `status` may have a body or say its length (RFC 9110 section 8.6). 304 may
 * say it; it is not worth a second rule. */
static bool http1_has_length(uint16_t status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* The date `days` after 1970-01-01, in years that begin in March: the leap day is their last, so
 * that months have a formula (H. Hinnant, chrono-compatible low-level date algorithms). */
static struct http1_day http1_day(uint32_t days)
{
    uint32_t shifted = days + 719468; /* since 0000-03-01 */
    uint32_t era = shifted / 146097;
    uint32_t day_of_era = shifted % 146097;
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    uint32_t year = era * 400 + year_of_era + (month >= 10);
    return (struct http1_day){
        .year = year,
        .month = (month + 2) % 12,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
}

/* `value` in exactly `count` digits. */
static void http1_put_digits(char *out, unsigned value, unsigned count)
{
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
    ASSERT(value == 0);
}

static void http1_put_text(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}

static bool http1_is_framing(const char *name)
{
    struct http_text text = http_text(name);
    return http_text_is_nocase(text, "content-length") ||
           http_text_is_nocase(text, "transfer-encoding") ||
           http_text_is_nocase(text, "connection");
}
