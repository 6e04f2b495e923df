/* A JSON text is walked once, without recursion: open containers are bits. See log_cli_json.h. */
#include "broker/app/log_cli_json.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"

/* A walk. */
struct json_walk {
    const char *at;                 /* next byte */
    const char *end;                /* behind the last */
    const char *path;               /* what is looked for */
    uint32_t depth;                 /* containers open */
    uint32_t path_depth;            /* of these, the outermost that the path leads through */
    bool is_wanted;                 /* the value that comes is the one */
    bool is_found;                  /* there was one */
    struct log_cli_json_value *out; /* where it goes */
    uint8_t objects[LOG_CLI_JSON_DEPTH_MAX / 8]; /* bit d: container d is an object */
};

static enum err json_walk_value(struct json_walk *walk, bool *is_closed);
static enum err json_walk_open(struct json_walk *walk, bool is_object, bool *is_closed);
static enum err json_walk_key(struct json_walk *walk);
static bool json_walk_next(struct json_walk *walk, bool *is_closed);
static bool json_walk_string(struct json_walk *walk);
static bool json_walk_escape(struct json_walk *walk);
static bool json_walk_number(struct json_walk *walk);
static bool json_walk_digits(struct json_walk *walk);
static bool json_walk_word(struct json_walk *walk, const char *word);
static bool json_walk_byte(struct json_walk *walk, char wanted);
static void json_walk_space(struct json_walk *walk);
static void json_walk_found(struct json_walk *walk, enum log_cli_json_kind kind, const char *text,
                            const char *end);
static bool json_walk_is_object(const struct json_walk *walk);
static bool json_walk_is_name(const struct json_walk *walk, const char *key, size_t length,
                              bool *is_last);

enum err log_cli_json_find(const char *text, size_t length, const char *path,
                           struct log_cli_json_value *out, size_t *fault)
{
    struct json_walk walk = {.at = text, .end = text + length, .path = path, .out = out};
    enum err err = ERR_OK;
    *out = (struct log_cli_json_value){.text = NULL};
    do {
        bool is_closed = true; /* a value has ended, and with it perhaps what holds it */
        err = json_walk_value(&walk, &is_closed);
        while (err == ERR_OK && is_closed && walk.depth > 0) {
            err = json_walk_next(&walk, &is_closed) ? ERR_OK : ERR_INVALID;
        }
        if (err == ERR_OK && walk.depth > 0 && json_walk_is_object(&walk)) {
            err = json_walk_key(&walk);
        }
    } while (err == ERR_OK && walk.depth > 0);
    json_walk_space(&walk);
    if (err == ERR_OK && walk.at != walk.end) {
        err = ERR_INVALID;
    }
    *fault = (size_t)(walk.at - text);
    if (err == ERR_OK && !log_cli_is_utf8(text, length)) {
        *fault = 0;
        err = ERR_INVALID;
    }
    return err != ERR_OK ? err : walk.is_found ? ERR_OK : ERR_NOT_FOUND;
}

bool log_cli_is_utf8(const void *text, size_t length)
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

/* One value, of a container that is not empty only its beginning: *is_closed is false then. */
static enum err json_walk_value(struct json_walk *walk, bool *is_closed)
{
    json_walk_space(walk);
    const char *begin = walk->at;
    if (begin == walk->end) {
        return ERR_INVALID;
    }
    if (*begin == '{' || *begin == '[') {
        json_walk_found(walk, LOG_CLI_JSON_OTHER, begin, begin + 1);
        return json_walk_open(walk, *begin == '{', is_closed);
    }
    bool is_good;
    enum log_cli_json_kind kind = LOG_CLI_JSON_OTHER;
    if (*begin == '"') {
        kind = LOG_CLI_JSON_STRING;
        is_good = json_walk_string(walk);
    } else if (*begin == 't' || *begin == 'f' || *begin == 'n') {
        is_good = json_walk_word(walk, *begin == 't' ? "true" : *begin == 'f' ? "false" : "null");
    } else {
        kind = LOG_CLI_JSON_NUMBER;
        is_good = json_walk_number(walk);
    }
    if (!is_good) {
        return ERR_INVALID;
    }
    bool is_string = kind == LOG_CLI_JSON_STRING;
    const char *end = kind == LOG_CLI_JSON_OTHER ? begin + 1 : walk->at - is_string;
    json_walk_found(walk, kind, begin + is_string, end);
    return ERR_OK;
}

static enum err json_walk_open(struct json_walk *walk, bool is_object, bool *is_closed)
{
    walk->at++;
    json_walk_space(walk);
    if (json_walk_byte(walk, is_object ? '}' : ']')) {
        return ERR_OK;
    }
    if (walk->depth == LOG_CLI_JSON_DEPTH_MAX) {
        return ERR_TOO_LARGE;
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
    bool is_on_path =
        walk->path_depth >= walk->depth - 1 && json_walk_is_name(walk, begin, length, &is_last);
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
    return true;
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
static void json_walk_found(struct json_walk *walk, enum log_cli_json_kind kind, const char *text,
                            const char *end)
{
    if (walk->is_wanted) {
        *walk->out = (struct log_cli_json_value){kind, text, (size_t)(end - text)};
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
