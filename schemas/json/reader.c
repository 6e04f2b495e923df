/* The second pass: a walk over the tokens of the index, checking that they make one value and
 * picking out what is wanted. See reader.h, and index.h for what the first pass has settled.
 *
 * The walk does not recurse; open containers are frames. It meets each token once. The bytes of
 * tokens stand side by side, so that a member is checked by comparing four of them at once: a
 * quote, a colon, the value's first, a comma. A string ends at the last quote before the token that
 * follows it, for between the two there is only white space; so strings that nobody wants are never
 * looked at.
 *
 * Names are looked up in the table of the node whose object is open, by length and first eight
 * bytes, unless a filter knows that they cannot be there; below what nobody wants there is no node
 * and no look-up.
 *
 * A record whose texts between scalars are those of a shape (shape.h) is not walked through: its
 * scalars are looked at, and what paths lead to is where it was in the record that left the shape.
 */
#include "schemas/json/reader.h"

#include <endian.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "schemas/json/number_int.h"

/* How many records ahead texts are fetched: their first bytes, which nothing announces. */
#define JSON_READER_AHEAD 4u

static bool json_reader_begin(struct json_reader *r, const struct json_text *record);
static void json_reader_forget(struct json_reader *r);
static bool json_reader_follow(struct json_reader *r);
static bool json_reader_walk(struct json_reader *r);
static bool json_reader_refill(struct json_reader *r, uint32_t token);
static uint32_t json_reader_name_escaped(const struct json_reader *r, uint32_t node,
                                         const char *name, uint32_t length);
static void json_reader_drop(struct json_reader *r, uint32_t node);
static bool json_reader_end(struct json_reader *r, uint32_t token);
static bool json_reader_fail_name(struct json_reader *r, uint32_t token);
static bool json_reader_fail(struct json_reader *r, enum err err, size_t pos, const char *what);

enum err json_reader_init(struct json_reader *r, const struct json_indexer *indexer,
                          const struct json_paths *paths, struct json_limits limits,
                          struct budget *budget)
{
    ASSERT(limits.depth_max >= 1);
    ASSERT(limits.depth_max <= JSON_DEPTH_MAX);
    ASSERT(limits.bytes_max <= JSON_TEXT_BYTES_MAX);
    r->indexer = indexer;
    r->paths = paths;
    r->limits = limits;
    r->budget = budget;
    r->stamp = 0;
    for (uint32_t i = 0; i < JSON_SHAPES_COUNT; i++) {
        r->shapes[i].tokens_count = UINT32_MAX;
        r->shapes[i].wait = 0;
        r->shapes[i].pause = 0;
    }
    size_t found_bytes = paths->paths_count * sizeof(*r->found);
    void *block;
    enum err err = budget_alloc(budget, found_bytes + paths->nodes_count * sizeof(*r->seen),
                                _Alignof(struct json_found), &block);
    r->found = block;
    r->seen = err == ERR_OK ? (void *)((char *)block + found_bytes) : NULL;
    return err;
}

void json_reader_deinit(struct json_reader *r)
{
    budget_free(r->budget, r->found);
    r->found = NULL;
    r->seen = NULL;
}

enum err json_reader_read(struct json_reader *r, const struct json_text *records, size_t count,
                          const struct json_sink_ops *ops, void *context, size_t *done_count)
{
    enum err err = ERR_OK;
    size_t i = 0;
    for (; i < count && err == ERR_OK; i++) {
        if (i + JSON_READER_AHEAD < count) {
            __builtin_prefetch(records[i + JSON_READER_AHEAD].text);
        }
        if (LIKELY(json_reader_begin(r, &records[i]) &&
                   (json_reader_follow(r) || json_reader_walk(r)))) {
            for (uint32_t a = 0; a < r->paths->aliases_count; a++) {
                r->found[r->paths->aliases[a].path] = r->found[r->paths->aliases[a].first];
            }
            err = ops->record(context, i, r->found, r->duplicates_count);
        } else {
            err = ops->refused(context, i, &r->fault);
        }
    }
    *done_count = i;
    return err;
}

/* Where what stands at a node is to be noted, or NULL. */
static ALWAYS_INLINE struct json_found *json_reader_found(const struct json_reader *r,
                                                          uint32_t node)
{
    uint32_t path = node != JSON_NONE ? r->paths->nodes[node].path : JSON_NONE;
    return path != JSON_NONE ? &r->found[path] : NULL;
}

/* Note what stands somewhere: `length` bytes at `text`. */
static ALWAYS_INLINE void json_reader_put(struct json_found *found, enum json_kind kind,
                                          const char *text, uint32_t length)
{
    if (found != NULL) {
        found->text = text;
        found->length = length;
        found->kind = (uint8_t)kind;
    }
}

/* The end of what begins at `token` and is neither an object nor an array: where the next one
 * begins, but for white space before that. */
static ALWAYS_INLINE uint32_t json_reader_scalar_end(const struct json_reader *r, uint32_t token)
{
    const char *text = r->index.text;
    uint32_t end = r->positions[token + 1];
    while (UNLIKELY((uint8_t)text[end - 1] <= ' ')) {
        end--;
    }
    return end;
}

/* A string; what is in it is good. */
static ALWAYS_INLINE void json_reader_string(struct json_reader *r, uint32_t token,
                                             struct json_found *found)
{
    const char *text = r->index.text + r->positions[token] + 1;
    uint32_t length = json_reader_scalar_end(r, token) - r->positions[token] - 2;
    json_reader_put(found, JSON_STRING, text, length);
    found->has_escapes = UNLIKELY(r->index.has_escapes) && memchr(text, '\\', length) != NULL;
}

static ALWAYS_INLINE bool json_reader_number(struct json_reader *r, uint32_t token,
                                             struct json_found *found)
{
    const char *text = r->index.text;
    uint32_t pos = r->positions[token];
    uint32_t end = json_reader_scalar_end(r, token);
    json_reader_put(found, JSON_NUMBER, text + pos, end - pos);
    uint32_t fault;
    if (LIKELY(found != NULL ? LIKELY(json_number_read_short(text, pos, end, &found->number)) ||
                                   json_number_read_slow(text, pos, end, &found->number, &fault)
                             : json_number_check(text, pos, end, &fault))) {
        return true;
    }
    return json_reader_fail(r, ERR_INVALID, fault, "a number is not written as JSON has it");
}

/* true, false or null; or what is no value at all. */
static ALWAYS_INLINE bool json_reader_word(struct json_reader *r, uint32_t token,
                                           struct json_found *found)
{
    uint32_t pos = r->positions[token];
    bool is_word = false;
    if (LIKELY(r->bytes[token] != 0)) {
        const char *text = r->index.text + pos;
        uint32_t length = json_reader_scalar_end(r, token) - pos;
        if (length == 4 && memcmp(text, "true", 4) == 0) {
            json_reader_put(found, JSON_TRUE, text, length);
            is_word = true;
        } else if (length == 4 && memcmp(text, "null", 4) == 0) {
            json_reader_put(found, JSON_NULL, text, length);
            is_word = true;
        } else if (length == 5 && memcmp(text, "false", 5) == 0) {
            json_reader_put(found, JSON_FALSE, text, length);
            is_word = true;
        }
    }
    return is_word || json_reader_fail(r, ERR_INVALID, pos, "a value was expected");
}

/* A value that is neither an object nor an array; `found` NULL: nobody wants it. */
static ALWAYS_INLINE bool json_reader_scalar(struct json_reader *r, uint32_t token,
                                             struct json_found *found)
{
    uint8_t first = r->bytes[token];
    if (first == '"') {
        if (found != NULL) {
            json_reader_string(r, token, found);
        }
        return true;
    }
    if (first == '-' || (first >= '0' && first <= '9')) {
        return json_reader_number(r, token, found);
    }
    return json_reader_word(r, token, found);
}

/* json_path_head of a name in the text, without reading past it. */
static ALWAYS_INLINE uint64_t json_reader_head(const struct json_reader *r, const char *name,
                                               uint32_t length)
{
    uint64_t head;
    const char *end = r->index.text + r->index.length;
    if (UNLIKELY((size_t)(end - name) < sizeof(head))) {
        return json_path_head(name, length);
    }
    memcpy(&head, name, sizeof(head));
    unsigned bits = length < sizeof(head) ? 8 * length : 64;
    return bits == 0 ? 0 : le64toh(head) << (64 - bits) >> (64 - bits);
}

/* The node of the member of `top` whose name is at `token`. */
static ALWAYS_INLINE uint32_t json_reader_member(const struct json_reader *r, uint32_t token,
                                                 const struct json_frame *top)
{
    uint32_t pos = r->positions[token];
    const char *name = r->index.text + pos + 1;
    uint32_t length = json_reader_scalar_end(r, token) - pos - 2;
    if (UNLIKELY(r->index.has_escapes) && memchr(name, '\\', length) != NULL) {
        return json_reader_name_escaped(r, top->node, name, length);
    }
    if ((top->filter & json_path_filter(name[0], length)) == 0) {
        return JSON_NONE;
    }
    return json_paths_member(r->paths, top->node, name, length, json_reader_head(r, name, length));
}

/* The node of the next item of the array `top`. */
static ALWAYS_INLINE uint32_t json_reader_item(const struct json_reader *r, struct json_frame *top)
{
    uint32_t item = top->item;
    if (item == JSON_NONE || r->paths->nodes[item].index != top->index++) {
        return JSON_NONE;
    }
    top->item = r->paths->nodes[item].next_index;
    return item;
}

/* A value that a path leads to or through is about to come. */
static ALWAYS_INLINE void json_reader_meet(struct json_reader *r, uint32_t node)
{
    if (UNLIKELY(r->seen[node] == r->stamp)) {
        json_reader_drop(r, node);
    }
    r->seen[node] = r->stamp;
}

/* Make `top` the object or array that begins at `token`. */
static ALWAYS_INLINE void json_reader_open(const struct json_reader *r, struct json_frame *top,
                                           uint32_t token, uint32_t node)
{
    bool is_object = r->bytes[token] == '{';
    top->node = node;
    top->pos = r->positions[token];
    top->item = JSON_NONE;
    top->closing = is_object ? '}' : ']';
    top->filter = 0;
    if (node != JSON_NONE) {
        const struct json_node *n = &r->paths->nodes[node];
        top->index = 0;
        top->item = is_object ? JSON_NONE : n->first_index;
        top->filter = is_object ? n->filter : 0;
    }
}

/* What the name at `token`, a string, leads to: a node below that of `top`, or JSON_NONE. */
static ALWAYS_INLINE uint32_t json_reader_name(struct json_reader *r, uint32_t token,
                                               const struct json_frame *top)
{
    uint32_t node = JSON_NONE;
    if (top->filter != 0) {
        node = json_reader_member(r, token, top);
        if (node != JSON_NONE) {
            json_reader_meet(r, node);
        }
    }
    return node;
}

static bool json_reader_is_open(uint8_t byte)
{
    return byte == '{' || byte == '[';
}

/* As many members of `top` as have a scalar value and another member behind them, from the name at
 * *token on: most of what there is in most records, four tokens at a time. Names that are surely
 * not wanted are not looked up. */
static ALWAYS_INLINE bool json_reader_members(struct json_reader *r, uint32_t *token,
                                              const struct json_frame *top)
{
    const uint32_t four_mask = 0xff00ffff;
    const uint32_t four_wanted = '"' | ':' << 8 | ',' << 24;
    const char *text = r->index.text;
    uint64_t filter = top->filter;
    if (filter != 0 && r->index.has_escapes) {
        filter = UINT64_MAX; /* any name may be another one with escapes */
    }
    uint32_t at = *token;
    for (; at < r->tokens_sure; at += JSON_READER_TOKENS) {
        uint32_t four;
        memcpy(&four, r->bytes + at, sizeof(four));
        four = le32toh(four);
        uint8_t first = (uint8_t)(four >> 16);
        if ((four & four_mask) != four_wanted || json_reader_is_open(first)) {
            break;
        }
        const char *name = text + r->positions[at] + 1;
        const char *colon = text + r->positions[at + 1];
        uint32_t node = JSON_NONE;
        if (filter != 0 && (colon[-1] != '"' ||
                            (filter & json_path_filter(name[0], (uint32_t)(colon - name - 1))))) {
            node = json_reader_name(r, at, top);
        }
        if (first == '"' && node == JSON_NONE) {
            continue;
        }
        if (UNLIKELY(!json_reader_scalar(r, at + 2, json_reader_found(r, node)))) {
            return false;
        }
    }
    *token = at;
    return true;
}

/* Whether `length` bytes are true, false or null. */
static ALWAYS_INLINE bool json_reader_is_word(const char *text, uint32_t length)
{
    return (length == 4 && (memcmp(text, "true", 4) == 0 || memcmp(text, "null", 4) == 0)) ||
           (length == 5 && memcmp(text, "false", 5) == 0);
}

/* A scalar that nobody wants is one. */
static NOINLINE bool json_reader_check(struct json_reader *r, uint32_t token)
{
    return json_reader_scalar(r, token, NULL);
}

/* Whether the texts between the scalars of the record are those of `shape`, and the scalars that
 * nobody wants are good: strings are. */
static ALWAYS_INLINE bool json_reader_is_like(struct json_reader *r, const struct json_shape *shape)
{
    const char *text = r->index.text;
    const struct json_gap *end = shape->gaps + shape->gaps_count;
    uint32_t from = r->positions[0];
    for (const struct json_gap *gap = shape->gaps; gap < end; gap++) {
        uint32_t token = gap->token;
        uint32_t pos = r->positions[token];
        if (UNLIKELY(!json_shape_is_gap(shape, gap, text, from, pos))) {
            return false;
        }
        from = r->positions[token + 1];
        uint8_t first = r->bytes[token];
        if (first == '"' || gap->is_wanted) {
            continue;
        }
        bool is_good = first <= '9' ? json_number_is_plain(text, pos + (first == '-'), from)
                                    : json_reader_is_word(text + pos, from - pos);
        if (!is_good && UNLIKELY(!json_reader_check(r, token))) {
            return false;
        }
    }
    uint32_t tail_end = r->positions[r->tokens_count - 1] + 1;
    return shape->tail_length == 0 ||
           (tail_end - from == shape->tail_length &&
            json_shape_is_text(shape, shape->tail_end, text + from, shape->tail_length));
}

/* The record by the shape that is kept for its number of tokens; false: it has another. What is
 * wrong with a scalar is found again by the walk. */
static NOINLINE bool json_reader_follow(struct json_reader *r)
{
    struct json_shape *shape = &r->shapes[json_shape_place(r->tokens_count)];
    if (!r->is_whole || shape->tokens_count != r->tokens_count || !json_reader_is_like(r, shape)) {
        return false;
    }
    if (!shape->is_full) {
        json_reader_forget(r);
    }
    for (uint32_t i = 0; i < shape->wants_count; i++) {
        const struct json_want *want = &shape->wants[i];
        if (UNLIKELY(!json_reader_scalar(r, want->token, &r->found[want->path]))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < shape->spans_count; i++) {
        const struct json_span *span = &shape->spans[i];
        uint32_t open = r->positions[span->open];
        json_reader_put(&r->found[span->path],
                        r->bytes[span->open] == '{' ? JSON_OBJECT : JSON_ARRAY,
                        r->index.text + open, r->positions[span->close] + 1 - open);
    }
    r->duplicates_count = 0;
    json_shape_followed(shape);
    return true;
}

static NOINLINE bool json_reader_walk(struct json_reader *r)
{
    struct json_frame *top = r->frames;
    const struct json_frame *highest = top + r->limits.depth_max;
    uint32_t token = 0;
    json_reader_forget(r);
    if (UNLIKELY(++r->stamp == 0)) {
        memset(r->seen, 0, r->paths->nodes_count * sizeof(*r->seen));
        r->stamp = 1;
    }
    r->duplicates_count = 0;
    for (uint32_t node = 0;;) {
        bool is_whole = true; /* a value has ended, and with it perhaps what holds it */
        if (json_reader_is_open(r->bytes[token])) {
            if (UNLIKELY(top == highest)) {
                return json_reader_fail(r, ERR_TOO_LARGE, r->positions[token],
                                        "objects and arrays are nested too deeply");
            }
            json_reader_open(r, ++top, token++, node);
            is_whole = r->bytes[token] == top->closing;
        } else if (UNLIKELY(!json_reader_scalar(r, token, json_reader_found(r, node)))) {
            return false;
        } else {
            token++;
        }
        while (is_whole) {
            if (top == r->frames) {
                return json_reader_end(r, token);
            }
            uint8_t next = r->bytes[token++];
            if (next == ',') {
                break;
            }
            if (UNLIKELY(next != top->closing)) {
                return json_reader_fail(r, ERR_INVALID, r->positions[token - 1],
                                        "a comma or the end of the object or array was expected");
            }
            enum json_kind kind = next == '}' ? JSON_OBJECT : JSON_ARRAY;
            json_reader_put(json_reader_found(r, top->node), kind, r->index.text + top->pos,
                            r->positions[token - 1] + 1 - top->pos);
            top--;
            if (UNLIKELY(token >= r->tokens_sure)) {
                if (!json_reader_refill(r, token)) {
                    return false;
                }
                token = 0;
            }
        }
        if (top->closing == '}' && !json_reader_members(r, &token, top)) {
            return false;
        }
        if (UNLIKELY(token >= r->tokens_sure)) {
            if (!json_reader_refill(r, token)) {
                return false;
            }
            token = 0;
        }
        if (top->closing == ']') {
            node = json_reader_item(r, top);
            continue;
        }
        if (UNLIKELY(r->bytes[token] != '"' || r->bytes[token + 1] != ':')) {
            return json_reader_fail_name(r, token);
        }
        node = json_reader_name(r, token, top);
        token += 2;
    }
}

/* There are `count` tokens in the window. */
static ALWAYS_INLINE void json_reader_window(struct json_reader *r, uint32_t count)
{
    r->tokens_count = count;
    r->tokens_sure = count - (JSON_READER_TOKENS - 1);
    if (LIKELY(r->index.pos == r->index.length)) {
        r->tokens_sure = UINT32_MAX;
        for (uint32_t i = 0; i < JSON_READER_TOKENS; i++) {
            r->positions[count + i] = r->index.length;
            r->bytes[count + i] = 0;
        }
    }
}

/* Make ready for a record; false: it is refused already. */
static bool json_reader_begin(struct json_reader *r, const struct json_text *record)
{
    if (UNLIKELY(record->length > r->limits.bytes_max)) {
        r->fault = (struct json_fault){ERR_TOO_LARGE, r->limits.bytes_max,
                                       "the text is longer than allowed"};
        return false;
    }
    json_index_begin(&r->index, record->text, record->length);
    uint32_t count = 0;
    if (LIKELY(record->length > 0)) {
        count = r->indexer->step(&r->index, r->positions, r->bytes);
        if (UNLIKELY(r->index.fault.err != ERR_OK)) {
            r->fault = r->index.fault;
            return false;
        }
    }
    json_reader_window(r, count);
    r->is_whole = r->index.pos == r->index.length;
    return LIKELY(r->is_whole || count >= JSON_READER_TOKENS) || json_reader_refill(r, 0);
}

/* Nothing has been found. */
static void json_reader_forget(struct json_reader *r)
{
    for (uint32_t i = 0; i < r->paths->paths_count; i++) {
        r->found[i].text = NULL;
    }
}

/* Bring in more tokens behind those from `token` on, which become the first; false: a fault. */
static NOINLINE bool json_reader_refill(struct json_reader *r, uint32_t token)
{
    uint32_t count = r->tokens_count - token;
    ASSERT(count < JSON_READER_TOKENS);
    for (uint32_t i = 0; i < count; i++) {
        r->positions[i] = r->positions[token + i];
        r->bytes[i] = r->bytes[token + i];
    }
    while (count < JSON_READER_TOKENS && r->index.pos < r->index.length) {
        count += r->indexer->step(&r->index, r->positions + count, r->bytes + count);
        if (UNLIKELY(r->index.fault.err != ERR_OK)) {
            r->fault = r->index.fault;
            return false;
        }
    }
    json_reader_window(r, count);
    return true;
}

/* json_reader_member of a name with escapes. */
static NOINLINE uint32_t json_reader_name_escaped(const struct json_reader *r, uint32_t node,
                                                  const char *name, uint32_t length)
{
    char plain[JSON_PATH_BYTES_MAX]; /* no name of a path is longer */
    struct bytes_writer w = bytes_writer(plain, sizeof(plain));
    if (json_unescape(&w, &(struct json_value){JSON_STRING, name, length}) != ERR_OK) {
        return JSON_NONE;
    }
    uint32_t plain_length = (uint32_t)w.pos;
    return json_paths_member(r->paths, node, plain, plain_length,
                             json_path_head(plain, plain_length));
}

/* The name that leads to `node` has come again: what stood there is as if it had not been. */
static NOINLINE void json_reader_drop(struct json_reader *r, uint32_t node)
{
    r->duplicates_count++;
    for (uint32_t i = node; i < r->paths->nodes[node].end; i++) {
        r->seen[i] = r->stamp - 1;
        if (r->paths->nodes[i].path != JSON_NONE) {
            r->found[r->paths->nodes[i].path].text = NULL;
        }
    }
}

/* The value has ended at `token`: only white space may follow. The record is read then. */
static bool json_reader_end(struct json_reader *r, uint32_t token)
{
    if (token >= r->tokens_sure) {
        if (!json_reader_refill(r, token)) {
            return false;
        }
        token = 0;
    }
    if (r->bytes[token] != 0) {
        return json_reader_fail(r, ERR_INVALID, r->positions[token], "something follows the value");
    }
    if (r->is_whole && r->duplicates_count == 0) {
        json_shape_keep(r);
    }
    return true;
}

/* A name and a colon were expected at `token`. */
static bool json_reader_fail_name(struct json_reader *r, uint32_t token)
{
    bool is_name = r->bytes[token] == '"';
    return json_reader_fail(r, ERR_INVALID, r->positions[token + is_name],
                            is_name ? "a colon was expected" : "a name in quotes was expected");
}

/* Keep why the record is refused. Returns false. */
static NOINLINE bool json_reader_fail(struct json_reader *r, enum err err, size_t pos,
                                      const char *what)
{
    bool is_end = err == ERR_INVALID && pos >= r->index.length;
    r->fault = (struct json_fault){err, pos, is_end ? "the text ends before its value does" : what};
    return false;
}
