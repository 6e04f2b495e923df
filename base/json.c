/* A JSON text is walked once, without recursion: open containers are bits. See json.h. */
#include "base/json.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"

/* A walk. */
struct json_walk {
    const char *at;         /* next byte */
    const char *end;        /* behind the last */
    const char *path;       /* what is looked for; NULL: the outermost value */
    uint32_t depth;         /* containers open */
    uint32_t path_depth;    /* of these, the outermost that the path leads through */
    uint32_t found_depth;   /* containers open when the one found began; its end is to come */
    bool is_wanted;         /* the value that comes is the one */
    bool is_found;          /* there was one */
    bool is_open;           /* it is a container whose end is to come */
    struct json_value *out; /* where it goes */
    uint8_t objects[JSON_DEPTH_MAX / 8]; /* bit d: container d is an object */
};

static bool json_unescape_one(struct bytes_writer *w, const char **at, const char *end);
static uint32_t json_unescape_hex(const char *digits);
static enum err json_walk_text(struct json_walk *walk, size_t length, size_t *fault);
static enum err json_walk_run(struct json_walk *walk);
static enum err json_walk_value(struct json_walk *walk, bool *is_closed);
static enum err json_walk_open(struct json_walk *walk, bool is_object, bool *is_closed);
static enum err json_walk_key(struct json_walk *walk);
static bool json_walk_next(struct json_walk *walk, bool *is_closed);
static void json_walk_close(struct json_walk *walk);
static bool json_walk_string(struct json_walk *walk);
static bool json_walk_escape(struct json_walk *walk);
static bool json_walk_number(struct json_walk *walk);
static bool json_walk_digits(struct json_walk *walk);
static bool json_walk_word(struct json_walk *walk, const char *word);
static bool json_walk_byte(struct json_walk *walk, char wanted);
static void json_walk_space(struct json_walk *walk);
static void json_walk_found(struct json_walk *walk, enum json_kind kind, const char *text,
                            const char *end);
static bool json_walk_is_object(const struct json_walk *walk);
static bool json_walk_is_name(const struct json_walk *walk, const char *key, size_t length,
                              bool *is_last);

enum err json_read(const char *text, size_t length, struct json_value *out, size_t *fault)
{
    struct json_walk walk = {.at = text, .end = text + length, .out = out, .is_wanted = true};
    return json_walk_text(&walk, length, fault);
}

enum err json_find(const char *text, size_t length, const char *path, struct json_value *out,
                   size_t *fault)
{
    struct json_walk walk = {.at = text, .end = text + length, .path = path, .out = out};
    *out = (struct json_value){.text = NULL};
    enum err err = json_walk_text(&walk, length, fault);
    return err != ERR_OK ? err : walk.is_found ? ERR_OK : ERR_NOT_FOUND;
}

struct json_items json_items(const struct json_value *container)
{
    ASSERT(container->kind == JSON_ARRAY || container->kind == JSON_OBJECT);
    return (struct json_items){container->text + 1, container->text + container->length - 1,
                               container->kind == JSON_OBJECT};
}

bool json_items_next(struct json_items *items, struct json_value *name, struct json_value *value)
{
    struct json_value ignored;
    struct json_walk walk = {.at = items->at, .end = items->end, .out = value, .is_wanted = true};
    json_walk_space(&walk);
    json_walk_byte(&walk, ',');
    json_walk_space(&walk);
    if (walk.at == walk.end) {
        return false;
    }
    if (items->is_object) {
        const char *begin = walk.at + 1;
        json_walk_string(&walk);
        *(name != NULL ? name : &ignored) =
            (struct json_value){JSON_STRING, begin, (size_t)(walk.at - 1 - begin)};
        json_walk_space(&walk);
        json_walk_byte(&walk, ':');
    }
    enum err err = json_walk_run(&walk);
    ASSERT(err == ERR_OK);
    items->at = walk.at;
    return true;
}

enum err json_unescape(struct bytes_writer *w, const struct json_value *string)
{
    ASSERT(string->kind == JSON_STRING);
    const char *end = string->text + string->length;
    for (const char *at = string->text; at < end && w->err == ERR_OK;) {
        const char *plain_end = memchr(at, '\\', (size_t)(end - at));
        if (plain_end == NULL) {
            plain_end = end;
        }
        bytes_put_copy(w, at, (size_t)(plain_end - at));
        at = plain_end;
        if (at < end && !json_unescape_one(w, &at, end)) {
            return ERR_INVALID;
        }
    }
    return w->err;
}

bool json_is_utf8(const void *text, size_t length)
{
    const uint8_t *at = text;
    const uint8_t *end = at + length;
    while (at < end) {
        uint8_t first = *at++;
        if (first < 0x80) {
            continue;
        }
        unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || (size_t)(end - at) < more) {
            return false;
        }
        uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        for (unsigned i = 0; i < more; i++, low = 0x80, high = 0xbf) {
            if (at[i] < low || at[i] > high) {
                return false;
            }
        }
        at += more;
    }
    return true;
}

/* The escape at *at, a backslash; false: half a character. */
static bool json_unescape_one(struct bytes_writer *w, const char **at, const char *end)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char letter = (*at)[1];
    *at += 2;
    if (letter != 'u') {
        bytes_put_u8(w, (uint8_t)meanings[strchr(letters, letter) - letters]);
        return true;
    }
    uint32_t code = json_unescape_hex(*at);
    *at += 4;
    if (code >= 0xdc00 && code <= 0xdfff) {
        return false;
    }
    if (code >= 0xd800 && code <= 0xdbff) {
        uint32_t low =
            end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' ? json_unescape_hex(*at + 2) : 0;
        if (low < 0xdc00 || low > 0xdfff) {
            return false;
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        *at += 6;
    }
    uint8_t bytes[4];
    unsigned count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (unsigned i = count - 1; i > 0; i--, code >>= 6) {
        bytes[i] = (uint8_t)(0x80 | (code & 0x3f));
    }
    bytes[0] = (uint8_t)(count == 1 ? code : (0xf00u >> count & 0xff) | code);
    bytes_put_copy(w, bytes, count);
    return true;
}

static uint32_t json_unescape_hex(const char *digits)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char digit = digits[i];
        code = code << 4 | (uint32_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return code;
}

/* All of the text. */
static enum err json_walk_text(struct json_walk *walk, size_t length, size_t *fault)
{
    const char *text = walk->at;
    enum err err = json_walk_run(walk);
    json_walk_space(walk);
    if (err == ERR_OK && walk->at != walk->end) {
        err = ERR_INVALID;
    }
    *fault = (size_t)(walk->at - text);
    if (err == ERR_OK && !json_is_utf8(text, length)) {
        *fault = 0;
        err = ERR_INVALID;
    }
    return err;
}

/* One value with all that it holds. */
static enum err json_walk_run(struct json_walk *walk)
{
    enum err err = ERR_OK;
    do {
        bool is_closed = true; /* a value has ended, and with it perhaps what holds it */
        err = json_walk_value(walk, &is_closed);
        while (err == ERR_OK && is_closed && walk->depth > 0) {
            err = json_walk_next(walk, &is_closed) ? ERR_OK : ERR_INVALID;
        }
        if (err == ERR_OK && walk->depth > 0 && json_walk_is_object(walk)) {
            err = json_walk_key(walk);
        }
    } while (err == ERR_OK && walk->depth > 0);
    return err;
}

/* One value, of a container that is not empty only its beginning: *is_closed is false then. */
static enum err json_walk_value(struct json_walk *walk, bool *is_closed)
{
    json_walk_space(walk);
    const char *begin = walk->at;
    if (begin == walk->end) {
        return ERR_INVALID;
    }
    if (*begin == '{' || *begin == '[') {
        bool is_object = *begin == '{';
        if (walk->is_wanted) {
            walk->is_open = true;
            walk->found_depth = walk->depth;
        }
        json_walk_found(walk, is_object ? JSON_OBJECT : JSON_ARRAY, begin, begin);
        return json_walk_open(walk, is_object, is_closed);
    }
    bool is_good;
    enum json_kind kind = JSON_NUMBER;
    if (*begin == '"') {
        kind = JSON_STRING;
        is_good = json_walk_string(walk);
    } else if (*begin == 't' || *begin == 'f' || *begin == 'n') {
        kind = *begin == 't' ? JSON_TRUE : *begin == 'f' ? JSON_FALSE : JSON_NULL;
        is_good = json_walk_word(walk, *begin == 't' ? "true" : *begin == 'f' ? "false" : "null");
    } else {
        is_good = json_walk_number(walk);
    }
    if (!is_good) {
        return ERR_INVALID;
    }
    bool is_string = kind == JSON_STRING;
    json_walk_found(walk, kind, begin + is_string, walk->at - is_string);
    return ERR_OK;
}

static enum err json_walk_open(struct json_walk *walk, bool is_object, bool *is_closed)
{
    if (walk->depth == JSON_DEPTH_MAX) {
        return ERR_TOO_LARGE;
    }
    walk->at++;
    json_walk_space(walk);
    if (json_walk_byte(walk, is_object ? '}' : ']')) {
        json_walk_close(walk);
        return ERR_OK;
    }
    uint8_t bit = (uint8_t)(1u << walk->depth % 8);
    uint8_t *byte = &walk->objects[walk->depth / 8];
    *byte = (uint8_t)(is_object ? *byte | bit : *byte & ~bit);
    walk->depth++;
    *is_closed = false;
    return ERR_OK;
}

/* A member's name and the colon. The path leads on when all objects so far are on it and this is
 * its next name. */
static enum err json_walk_key(struct json_walk *walk)
{
    json_walk_space(walk);
    const char *begin = walk->at + 1;
    if (walk->at == walk->end || *walk->at != '"' || !json_walk_string(walk)) {
        return ERR_INVALID;
    }
    size_t length = (size_t)(walk->at - 1 - begin);
    bool is_last = false;
    bool is_on_path = walk->path != NULL && walk->path_depth >= walk->depth - 1 &&
                      json_walk_is_name(walk, begin, length, &is_last);
    if (walk->path_depth >= walk->depth) {
        walk->path_depth = walk->depth - 1; /* a name before this one led into something else */
    }
    if (is_on_path) {
        walk->path_depth = walk->depth;
    }
    walk->is_wanted = is_on_path && is_last;
    json_walk_space(walk);
    return json_walk_byte(walk, ':') ? ERR_OK : ERR_INVALID;
}

/* What follows a value inside a container: another one, or the container's end. */
static bool json_walk_next(struct json_walk *walk, bool *is_closed)
{
    json_walk_space(walk);
    if (json_walk_byte(walk, ',')) {
        *is_closed = false;
        return true;
    }
    if (!json_walk_byte(walk, json_walk_is_object(walk) ? '}' : ']')) {
        return false;
    }
    walk->depth--;
    if (walk->path_depth > walk->depth) {
        walk->path_depth = walk->depth;
    }
    json_walk_close(walk);
    return true;
}

/* A container has ended: perhaps the one that was found. */
static void json_walk_close(struct json_walk *walk)
{
    if (walk->is_open && walk->depth == walk->found_depth) {
        walk->out->length = (size_t)(walk->at - walk->out->text);
        walk->is_open = false;
    }
}

static bool json_walk_string(struct json_walk *walk)
{
    for (walk->at++; walk->at < walk->end; walk->at++) {
        if (*walk->at == '"') {
            walk->at++;
            return true;
        }
        if ((uint8_t)*walk->at < 0x20 || (*walk->at == '\\' && !json_walk_escape(walk))) {
            return false;
        }
    }
    return false;
}

/* From the backslash to the escape's last byte. */
static bool json_walk_escape(struct json_walk *walk)
{
    walk->at++;
    if (walk->at == walk->end || *walk->at == '\0') {
        return false;
    }
    if (*walk->at != 'u') {
        return strchr("\"\\/bfnrt", *walk->at) != NULL;
    }
    for (int i = 0; i < 4; i++) {
        walk->at++;
        if (walk->at == walk->end || *walk->at == '\0' ||
            strchr("0123456789abcdefABCDEF", *walk->at) == NULL) {
            return false;
        }
    }
    return true;
}

static bool json_walk_number(struct json_walk *walk)
{
    json_walk_byte(walk, '-');
    if (!json_walk_byte(walk, '0') && !json_walk_digits(walk)) {
        return false;
    }
    if (json_walk_byte(walk, '.') && !json_walk_digits(walk)) {
        return false;
    }
    if (json_walk_byte(walk, 'e') || json_walk_byte(walk, 'E')) {
        if (!json_walk_byte(walk, '+')) {
            json_walk_byte(walk, '-');
        }
        return json_walk_digits(walk);
    }
    return true;
}

static bool json_walk_digits(struct json_walk *walk)
{
    const char *begin = walk->at;
    while (walk->at < walk->end && *walk->at >= '0' && *walk->at <= '9') {
        walk->at++;
    }
    return walk->at > begin;
}

static bool json_walk_word(struct json_walk *walk, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(walk->end - walk->at) < length || memcmp(walk->at, word, length) != 0) {
        return false;
    }
    walk->at += length;
    return true;
}

static bool json_walk_byte(struct json_walk *walk, char wanted)
{
    if (walk->at == walk->end || *walk->at != wanted) {
        return false;
    }
    walk->at++;
    return true;
}

static void json_walk_space(struct json_walk *walk)
{
    while (walk->at < walk->end &&
           (*walk->at == ' ' || *walk->at == '\t' || *walk->at == '\n' || *walk->at == '\r')) {
        walk->at++;
    }
}

/* A value begins: note it if it is the wanted one. */
static void json_walk_found(struct json_walk *walk, enum json_kind kind, const char *text,
                            const char *end)
{
    if (walk->is_wanted) {
        *walk->out = (struct json_value){kind, text, (size_t)(end - text)};
        walk->is_found = true;
        walk->is_wanted = false;
    }
}

static bool json_walk_is_object(const struct json_walk *walk)
{
    uint32_t innermost = walk->depth - 1;
    return (walk->objects[innermost / 8] >> innermost % 8 & 1) != 0;
}

/* Whether `key` is the path's name number depth - 1, and its last. */
static bool json_walk_is_name(const struct json_walk *walk, const char *key, size_t length,
                              bool *is_last)
{
    const char *name = walk->path;
    for (uint32_t i = 1; i < walk->depth; i++) {
        name += strcspn(name, ".");
        if (*name == '\0') {
            return false;
        }
        name++;
    }
    size_t name_bytes = strcspn(name, ".");
    *is_last = name[name_bytes] == '\0';
    return name_bytes == length && memcmp(name, key, length) == 0;
}
