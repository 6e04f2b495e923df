/* Shapes are made of what a walk has found. See shape.h.
 *
 * A shape that no record follows is given up for that of a later record; where records are all
 * different, ever more of them pass before the next one is tried, so that they cost a walk and
 * little more. */
#include "schemas/json/shape.h"

#include "base/assert.h"
#include "schemas/json/reader.h"

static bool json_shape_make(struct json_shape *shape, const struct json_reader *r);
static bool json_shape_put(struct json_shape *shape, uint32_t *end, const char *text,
                           uint32_t length);
static bool json_shape_find(struct json_shape *shape, const struct json_reader *r, uint32_t path);
static uint32_t json_shape_token(const struct json_reader *r, uint32_t pos);

void json_shape_keep(struct json_reader *r)
{
    struct json_shape *shape = &r->shapes[json_shape_place(r->tokens_count)];
    if (shape->wait > 0) {
        shape->wait--;
        return;
    }
    shape->wait = shape->pause;
    shape->pause =
        2 * shape->pause < JSON_SHAPE_PAUSE_MAX ? 2 * shape->pause + 1 : JSON_SHAPE_PAUSE_MAX;
    shape->tokens_count = json_shape_make(shape, r) ? r->tokens_count : UINT32_MAX;
}

static bool json_shape_make(struct json_shape *shape, const struct json_reader *r)
{
    const char *text = r->index.text;
    uint32_t end = JSON_GAP_WORDS_BYTES;
    uint32_t from = 0; /* the token that the next gap begins with */
    shape->gaps_count = 0;
    shape->wants_count = 0;
    shape->spans_count = 0;
    shape->is_full = true;
    for (uint32_t token = 0; token < r->tokens_count; token++) {
        uint8_t first = r->bytes[token];
        bool is_name = first == '"' && r->bytes[token + 1] == ':';
        bool is_brace = (first | 0x20) == '{' || (first | 0x20) == '}';
        if (is_name || is_brace || first == ':' || first == ',') {
            continue;
        }
        uint32_t length = r->positions[token] - r->positions[from];
        if (shape->gaps_count == JSON_SHAPE_SCALARS_MAX ||
            !json_shape_put(shape, &end, text + r->positions[from], length)) {
            return false;
        }
        struct json_gap *gap = &shape->gaps[shape->gaps_count++];
        *gap = (struct json_gap){.length = length, .token = (uint16_t)token, .end = end};
        uint32_t words_bytes = length < JSON_GAP_WORDS_BYTES ? length : JSON_GAP_WORDS_BYTES;
        memset((char *)(gap->masks + ARRAY_COUNT(gap->masks)) - words_bytes, 0xff, words_bytes);
        from = token + 1;
    }
    uint32_t tail_length =
        from < r->tokens_count ? r->positions[r->tokens_count - 1] + 1 - r->positions[from] : 0;
    if (!json_shape_put(shape, &end, text + r->positions[from], tail_length)) {
        return false;
    }
    shape->tail_length = tail_length;
    shape->tail_end = end;
    for (uint32_t path = 0; path < r->paths->paths_count; path++) {
        shape->is_full = shape->is_full && r->found[path].text != NULL;
        if (r->found[path].text != NULL && !json_shape_find(shape, r, path)) {
            return false;
        }
    }
    return true;
}

/* Another text, and where it ends. False: there is no room. */
static bool json_shape_put(struct json_shape *shape, uint32_t *end, const char *text,
                           uint32_t length)
{
    if (sizeof(shape->text) - *end < length) {
        return false;
    }
    memcpy(shape->text + *end, text, length);
    *end += length;
    return true;
}

/* Note where `path` leads to. False: there is no room. */
static bool json_shape_find(struct json_shape *shape, const struct json_reader *r, uint32_t path)
{
    const struct json_found *found = &r->found[path];
    uint32_t pos = (uint32_t)(found->text - r->index.text);
    if (found->kind == JSON_OBJECT || found->kind == JSON_ARRAY) {
        if (shape->spans_count == JSON_SHAPE_SPANS_MAX) {
            return false;
        }
        shape->spans[shape->spans_count++] = (struct json_span){
            .path = path,
            .open = (uint16_t)json_shape_token(r, pos),
            .close = (uint16_t)json_shape_token(r, pos + found->length - 1),
        };
        return true;
    }
    uint32_t token = json_shape_token(r, found->kind == JSON_STRING ? pos - 1 : pos);
    uint32_t low = 0;
    for (uint32_t high = shape->gaps_count; high - low > 1;) {
        uint32_t middle = (low + high) / 2;
        low = shape->gaps[middle].token <= token ? middle : low;
        high = shape->gaps[middle].token <= token ? high : middle;
    }
    ASSERT(shape->gaps[low].token == token);
    shape->gaps[low].is_wanted = true;
    shape->wants[shape->wants_count++] = (struct json_want){.path = path, .token = (uint16_t)token};
    return true;
}

/* The token that begins at `pos`. */
static uint32_t json_shape_token(const struct json_reader *r, uint32_t pos)
{
    uint32_t low = 0;
    for (uint32_t high = r->tokens_count; high - low > 1;) {
        uint32_t middle = (low + high) / 2;
        low = r->positions[middle] <= pos ? middle : low;
        high = r->positions[middle] <= pos ? high : middle;
    }
    ASSERT(r->positions[low] == pos);
    return low;
}
