/* Strict JSON by recursive descent, one function for each rule of RFC 8259. See json_strict.h. */
#include "tests/support/json_strict.h"

#include <stdint.h>
#include <string.h>

#define JSON_STRICT_DEPTH_MAX 500

struct json_strict {
    const char *at;  /* next byte */
    const char *end; /* one past the last */
    int depth;       /* open arrays and objects */
};

/* Where decoded text goes. */
struct json_strict_out {
    char *text;
    size_t length;
    size_t bytes; /* room, the NUL included */
};

static bool json_strict_value(struct json_strict *j);
static bool json_strict_string(struct json_strict *j, struct json_strict_out *out);

static void json_strict_put(struct json_strict_out *out, const char *bytes, size_t length)
{
    for (size_t i = 0; out != NULL && i < length && out->length + 1 < out->bytes; i++) {
        out->text[out->length++] = bytes[i];
        out->text[out->length] = '\0';
    }
}

static bool json_strict_take(struct json_strict *j, char c)
{
    if (j->at == j->end || *j->at != c) {
        return false;
    }
    j->at++;
    return true;
}

static void json_strict_space(struct json_strict *j)
{
    while (j->at != j->end && *j->at != '\0' && strchr(" \t\n\r", *j->at) != NULL) {
        j->at++;
    }
}

static bool json_strict_digits(struct json_strict *j)
{
    const char *start = j->at;
    while (j->at != j->end && *j->at >= '0' && *j->at <= '9') {
        j->at++;
    }
    return j->at != start;
}

static bool json_strict_number(struct json_strict *j)
{
    (void)json_strict_take(j, '-');
    if (!json_strict_take(j, '0') && !json_strict_digits(j)) {
        return false;
    }
    if (json_strict_take(j, '.') && !json_strict_digits(j)) {
        return false;
    }
    if (json_strict_take(j, 'e') || json_strict_take(j, 'E')) {
        (void)(json_strict_take(j, '+') || json_strict_take(j, '-'));
        return json_strict_digits(j);
    }
    return true;
}

static bool json_strict_hex4(struct json_strict *j, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = j->at != j->end && *j->at != '\0' ? strchr(digits, *j->at) : NULL;
        if (digit == NULL) {
            return false;
        }
        *out = *out * 16 + (unsigned)((digit - digits) % 16);
        j->at++;
    }
    return true;
}

static void json_strict_put_code_point(struct json_strict_out *out, unsigned c)
{
    char bytes[4] = {(char)c};
    size_t length = 1;
    if (c >= 0x80) {
        length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (size_t i = length; i-- > 1; c >>= 6) {
            bytes[i] = (char)(0x80 | (c & 0x3f));
        }
        bytes[0] = (char)(lead[length] | c);
    }
    json_strict_put(out, bytes, length);
}

static bool json_strict_escape(struct json_strict *j, struct json_strict_out *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (json_strict_take(j, 'u')) {
        unsigned high, low;
        if (!json_strict_hex4(j, &high)) {
            return false;
        }
        if (high >= 0xd800 && high < 0xdc00 && j->end - j->at >= 6 && j->at[0] == '\\' &&
            j->at[1] == 'u') {
            j->at += 2;
            if (!json_strict_hex4(j, &low)) {
                return false;
            }
            high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        }
        json_strict_put_code_point(out, high);
        return true;
    }
    const char *name = j->at != j->end && *j->at != '\0' ? strchr(names, *j->at) : NULL;
    if (name == NULL) {
        return false;
    }
    j->at++;
    json_strict_put(out, &values[name - names], 1);
    return true;
}

/* One character outside ASCII, by decoding and encoding: only the shortest form is right. */
static bool json_strict_utf8(struct json_strict *j, struct json_strict_out *out)
{
    const unsigned char *p = (const unsigned char *)j->at;
    size_t left = (size_t)(j->end - j->at);
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0xc0 || p[0] > 0xf7 || left < length) {
        return false;
    }
    uint32_t c = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return false;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        return false;
    }
    json_strict_put(out, j->at, length);
    j->at += length;
    return true;
}

static bool json_strict_string(struct json_strict *j, struct json_strict_out *out)
{
    if (!json_strict_take(j, '"')) {
        return false;
    }
    while (j->at != j->end && *j->at != '"') {
        unsigned char c = (unsigned char)*j->at;
        if (c < 0x20) {
            return false;
        }
        if (c == '\\') {
            j->at++;
            if (!json_strict_escape(j, out)) {
                return false;
            }
        } else if (c >= 0x80) {
            if (!json_strict_utf8(j, out)) {
                return false;
            }
        } else {
            json_strict_put(out, j->at++, 1);
        }
    }
    return json_strict_take(j, '"');
}

static bool json_strict_member(struct json_strict *j, struct json_strict_out *key)
{
    json_strict_space(j);
    if (!json_strict_string(j, key)) {
        return false;
    }
    json_strict_space(j);
    return json_strict_take(j, ':');
}

/* The rest of an array or object behind its bracket. */
static bool json_strict_items(struct json_strict *j, bool is_object)
{
    char closing = is_object ? '}' : ']';
    if (++j->depth > JSON_STRICT_DEPTH_MAX) {
        return false;
    }
    json_strict_space(j);
    if (json_strict_take(j, closing)) {
        j->depth--;
        return true;
    }
    do {
        if ((is_object && !json_strict_member(j, NULL)) || !json_strict_value(j)) {
            return false;
        }
    } while (json_strict_take(j, ','));
    j->depth--;
    return json_strict_take(j, closing);
}

static bool json_strict_word(struct json_strict *j, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(j->end - j->at) < length || memcmp(j->at, word, length) != 0) {
        return false;
    }
    j->at += length;
    return true;
}

static bool json_strict_value(struct json_strict *j)
{
    json_strict_space(j);
    bool is_valid = false;
    switch (j->at != j->end ? *j->at : '\0') {
    case '{':
        j->at++;
        is_valid = json_strict_items(j, true);
        break;
    case '[':
        j->at++;
        is_valid = json_strict_items(j, false);
        break;
    case '"': is_valid = json_strict_string(j, NULL); break;
    case 't': is_valid = json_strict_word(j, "true"); break;
    case 'f': is_valid = json_strict_word(j, "false"); break;
    case 'n': is_valid = json_strict_word(j, "null"); break;
    default: is_valid = json_strict_number(j); break;
    }
    json_strict_space(j);
    return is_valid;
}

bool json_strict_is_valid(const char *text, size_t length)
{
    struct json_strict j = {.at = text, .end = text + length};
    return json_strict_value(&j) && j.at == j.end;
}

bool json_strict_get(const char *text, size_t length, const char *key, char *out, size_t out_bytes)
{
    struct json_strict j = {.at = text, .end = text + length};
    json_strict_space(&j);
    if (!json_strict_take(&j, '{')) {
        return false;
    }
    do {
        char name[128] = "";
        if (!json_strict_member(&j, &(struct json_strict_out){name, 0, sizeof(name)})) {
            return false;
        }
        json_strict_space(&j);
        const char *value = j.at;
        struct json_strict_out decoded = {out, 0, out_bytes};
        out[0] = '\0';
        bool is_string = j.at != j.end && *j.at == '"';
        if (is_string ? !json_strict_string(&j, &decoded) : !json_strict_value(&j)) {
            return false;
        }
        if (strcmp(name, key) == 0) {
            json_strict_put(&decoded, value, is_string ? 0 : (size_t)(j.at - value));
            return true;
        }
        json_strict_space(&j);
    } while (json_strict_take(&j, ','));
    return false;
}

size_t json_strict_members(const char *text, size_t length)
{
    struct json_strict j = {.at = text, .end = text + length};
    size_t count = 0;
    json_strict_space(&j);
    if (!json_strict_take(&j, '{')) {
        return 0;
    }
    while (json_strict_member(&j, NULL) && json_strict_value(&j)) {
        count++;
        if (!json_strict_take(&j, ',')) {
            break;
        }
    }
    return count;
}
