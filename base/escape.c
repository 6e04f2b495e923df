/* Text made safe to quote. See escape.h. */
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The longest escape: six characters for one. */
#define ESCAPE_BYTES_MAX 6

/* One character as it came and as it leaves. */
struct escape_char {
    size_t length;                  /* bytes of the text it stands for */
    size_t escaped_length;          /* bytes of `escaped` */
    char escaped[ESCAPE_BYTES_MAX]; /* what is written */
};

/* How one ASCII character leaves, and whether the controls past ASCII are escaped. */
struct escape_rules {
    const char *plain;      /* characters that have a short escape */
    const char *short_form; /* what stands behind the backslash, in the same order */
    bool hides_controls;    /* control characters without one are written as \u00XX */
};

static const struct escape_rules escape_json_rules = {"\"\\\b\f\n\r\t", "\"\\bfnrt", true};
static const struct escape_rules escape_label_rules = {"\"\\\n", "\"\\n", false};
static const struct escape_rules escape_help_rules = {"\\\n", "\\n", false};

static size_t escape_all(struct bytes_writer *w, const struct escape_rules *rules, const char *text,
                         size_t length);
static void escape_next(struct escape_char *c, const struct escape_rules *rules,
                        const uint8_t *text, size_t length);
static void escape_ascii(struct escape_char *c, const struct escape_rules *rules, uint8_t byte);
static void escape_unicode(struct escape_char *c, unsigned code_point);
static size_t escape_utf8_length(const uint8_t *text, size_t length, bool *is_valid);

size_t escape_json(struct bytes_writer *w, const char *text, size_t length)
{
    return escape_all(w, &escape_json_rules, text, length);
}

size_t escape_label(struct bytes_writer *w, const char *text, size_t length)
{
    return escape_all(w, &escape_label_rules, text, length);
}

size_t escape_help(struct bytes_writer *w, const char *text, size_t length)
{
    return escape_all(w, &escape_help_rules, text, length);
}

static size_t escape_all(struct bytes_writer *w, const struct escape_rules *rules, const char *text,
                         size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t taken = 0;
    while (taken < length) {
        struct escape_char c;
        escape_next(&c, rules, bytes + taken, length - taken);
        if (w->err != ERR_OK || c.escaped_length > bytes_writer_left(w)) {
            break;
        }
        bytes_put_copy(w, c.escaped, c.escaped_length);
        taken += c.length;
    }
    return taken;
}

/* The character at the start of `text`, which has at least one byte. */
static void escape_next(struct escape_char *c, const struct escape_rules *rules,
                        const uint8_t *text, size_t length)
{
    if (text[0] < 0x80) {
        escape_ascii(c, rules, text[0]);
        return;
    }
    bool is_valid;
    c->length = escape_utf8_length(text, length, &is_valid);
    if (!is_valid) {
        c->escaped_length = 3;
        memcpy(c->escaped, "\xef\xbf\xbd", 3); /* U+FFFD replacement character */
    } else if (rules->hides_controls && text[0] == 0xc2 && text[1] < 0xa0) {
        escape_unicode(c, text[1]); /* the C1 controls: a terminal may obey them */
    } else {
        c->escaped_length = c->length;
        memcpy(c->escaped, text, c->length);
    }
}

static void escape_ascii(struct escape_char *c, const struct escape_rules *rules, uint8_t byte)
{
    const char *found = byte != 0 ? strchr(rules->plain, byte) : NULL;
    c->length = 1;
    if (found != NULL) {
        c->escaped_length = 2;
        c->escaped[0] = '\\';
        c->escaped[1] = rules->short_form[found - rules->plain];
    } else if (rules->hides_controls && (byte < 0x20 || byte == 0x7f)) {
        escape_unicode(c, byte);
    } else {
        c->escaped_length = 1;
        c->escaped[0] = (char)byte;
    }
}

/* \u00XX: only code points under 256 are escaped so. */
static void escape_unicode(struct escape_char *c, unsigned code_point)
{
    static const char digits[] = "0123456789abcdef";
    c->escaped_length = 6;
    memcpy(c->escaped, "\\u00", 4);
    c->escaped[4] = digits[code_point >> 4 & 0xf];
    c->escaped[5] = digits[code_point & 0xf];
}

/* Bytes of the character at `text`, whose first byte is not ASCII. When it is not valid: bytes of
 * the longest start of a valid one, at least 1. Unicode 15, table 3-7: only the second byte has
 * narrower bounds, which keep out overlong forms, surrogates and what lies past U+10FFFF. */
static size_t escape_utf8_length(const uint8_t *text, size_t length, bool *is_valid)
{
    static const struct {
        uint8_t first_min, first_max, second_min, second_max, length;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    *is_valid = false;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (text[0] < rows[i].first_min || text[0] > rows[i].first_max) {
            continue;
        }
        if (length < 2 || text[1] < rows[i].second_min || text[1] > rows[i].second_max) {
            return 1;
        }
        size_t good = 2;
        while (good < rows[i].length && good < length && (text[good] & 0xc0) == 0x80) {
            good++;
        }
        *is_valid = good == rows[i].length;
        return good;
    }
    return 1;
}
