/* See text.h. */
#include "broker/cli/text.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/units.h"

void cli_text_put(FILE *out, const void *data, size_t length)
{
    char escaped[512];
    for (const char *text = data; length > 0;) {
        struct bytes_writer w = bytes_writer(escaped, sizeof(escaped));
        size_t taken = escape_json(&w, text, length);
        fwrite(escaped, 1, w.pos, out);
        text += taken;
        length -= taken;
    }
}

void cli_text_put_plain(FILE *out, const void *data, size_t length)
{
    const char *text = data;
    for (size_t pos = 0; pos < length;) {
        size_t end = pos;
        while (end < length && text[end] != '"' && text[end] != '\\') {
            end++;
        }
        cli_text_put(out, text + pos, end - pos);
        if (end < length) {
            fputc(text[end++], out);
        }
        pos = end;
    }
}

void cli_text_put_member(FILE *out, const char *name, const char *text)
{
    fprintf(out, "\"%s\":\"", name);
    cli_text_put(out, text, strlen(text));
    fputc('"', out);
}

void cli_text_put_bytes(FILE *out, const uint8_t *data, size_t length)
{
    if (data == NULL) {
        fputs("null", out);
    } else if (json_is_utf8(data, length)) {
        fputc('"', out);
        cli_text_put(out, data, length);
        fputc('"', out);
    } else {
        fputs("{\"hex\":\"", out);
        for (size_t i = 0; i < length; i++) {
            fprintf(out, "%02x", data[i]);
        }
        fputs("\"}", out);
    }
}

void cli_text_put_time(FILE *out, int64_t time_ms)
{
    char text[UNITS_TEXT_BYTES];
    if (time_ms < 0 || (uint64_t)time_ms > UINT64_MAX / 1000000u) {
        fprintf(out, "%" PRId64, time_ms);
        return;
    }
    units_format_time((uint64_t)time_ms * 1000000u, text);
    fputs(text, out);
}
