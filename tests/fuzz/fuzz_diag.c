/* Any bytes as the strings of a log line: the JSON line is JSON to a strict reader and at most
 * DIAG_LINE_BYTES, the line for people is one line without control characters, and text that is
 * valid UTF-8 and fits is read back as it was. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/json_strict.h"

/* The last line written. */
struct fuzz_sink {
    struct diag_sink sink;
    char line[DIAG_LINE_BYTES];
    size_t length;
};

static void fuzz_sink_write(struct diag_sink *sink, enum diag_level level, const char *line,
                            size_t length)
{
    struct fuzz_sink *fuzz = CONTAINER_OF(sink, struct fuzz_sink, sink);
    (void)level;
    ASSERT(length >= 1);
    ASSERT(length <= DIAG_LINE_BYTES);
    memcpy(fuzz->line, line, length);
    fuzz->length = length;
}

static void fuzz_line(enum diag_format format, const char *text, size_t length,
                      struct fuzz_sink *sink)
{
    struct diag_levels levels;
    diag_levels_init(&levels, NULL, 0, DIAG_LEVEL_INFO);
    struct diag diag;
    sink->sink.write = fuzz_sink_write;
    diag_init(&diag, &levels, &sink->sink, format, 0, 0);
    DIAG_INFO(&diag, "fuzz", "m", DIAG_TEXT("text", text, length), DIAG_U64("index", length),
              DIAG_TEXT("again", text, length));
    for (size_t i = 0; i < sink->length; i++) {
        unsigned char c = (unsigned char)sink->line[i];
        ASSERT(c >= 0x20 || (c == '\n' && i + 1 == sink->length));
        ASSERT(c != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    static const size_t got_bytes = DIAG_LINE_BYTES;
    struct fuzz_sink sink;
    fuzz_line(DIAG_FORMAT_HUMAN, text, size, &sink);
    fuzz_line(DIAG_FORMAT_JSON, text, size, &sink);
    ASSERT(json_strict_is_valid(sink.line, sink.length));
    char got[DIAG_LINE_BYTES];
    bool is_cut = json_strict_get(sink.line, sink.length, "cut", got, got_bytes);
    bool has_text = json_strict_get(sink.line, sink.length, "text", got, got_bytes);
    ASSERT(has_text);
    char quoted[2 * DIAG_LINE_BYTES];
    if (!is_cut && size < sizeof(quoted) - 2 && memchr(text, '\0', size) == NULL) {
        ASSERT(json_strict_members(sink.line, sink.length) == 8);
        bool is_plain = true; /* is the text a JSON string already? */
        for (size_t i = 0; i < size; i++) {
            is_plain &= (unsigned char)text[i] >= 0x20 && text[i] != '"' && text[i] != '\\';
        }
        quoted[0] = '"';
        memcpy(quoted + 1, text, size);
        quoted[size + 1] = '"';
        if (is_plain && json_strict_is_valid(quoted, size + 2)) {
            ASSERT(strlen(got) == size);
            ASSERT(memcmp(got, text, size) == 0);
        }
    }
    return 0;
}
