/* Paths as text become a tree of drafts, the tree becomes tables. See path.h. */
#include "schemas/json/path.h"

#include <stdbool.h>

#include "base/json.h"
#include "schemas/json/index.h"

/* An index is an item of a text, which is shorter than this. */
#define JSON_PATH_INDEX_MAX JSON_TEXT_BYTES_MAX

/* A node while paths are still being added. */
struct json_draft {
    struct json_draft *names; /* its members, in the order they came */
    struct json_draft *items; /* its items, by index */
    struct json_draft *next;  /* the next of the same list */
    const char *name;         /* of a member: its name; NULL: an item, or the root */
    uint32_t length;          /* bytes of the name */
    uint32_t index;           /* of an item */
    uint32_t path;            /* the first path that ends here, or JSON_NONE */
    uint32_t names_count;     /* how long `names` is */
};

/* A compilation. */
struct json_compile {
    struct arena *arena;
    struct json_draft *root;
    struct json_alias *aliases;
    uint32_t aliases_count;
    uint32_t nodes_count;
    uint32_t slots_count;
    /* The path that is read. */
    const char *text;
    size_t length;
    size_t pos;
    struct json_fault *fault;
};

static enum err json_compile_fail(struct json_compile *c, enum err err, size_t pos,
                                  const char *what);
static enum err json_compile_path(struct json_compile *c, const struct json_text *text,
                                  uint32_t path);
static enum err json_compile_step(struct json_compile *c, struct json_draft **at);
static enum err json_compile_bracket(struct json_compile *c, struct json_draft **at);
static enum err json_compile_quoted(struct json_compile *c, struct json_draft **at);
static enum err json_compile_index(struct json_compile *c, struct json_draft **at);
static enum err json_compile_member(struct json_compile *c, struct json_draft **at,
                                    const char *name, size_t length);
static enum err json_compile_item(struct json_compile *c, struct json_draft **at, uint32_t index);
static enum err json_compile_draft(struct json_compile *c, struct json_draft **link,
                                   struct json_draft **out);
static enum err json_compile_tables(struct json_compile *c, struct json_paths *out);
static uint32_t json_compile_node(const struct json_draft *draft, struct json_node *nodes,
                                  struct json_slot *slots, uint32_t *next, uint32_t *next_slot);
static void json_compile_slot(const struct json_node *node, struct json_slot *slots,
                              const struct json_draft *member, uint32_t number);
static uint32_t json_compile_slots_count(uint32_t names_count);
static bool json_compile_is_at(const struct json_compile *c, char wanted);
static bool json_compile_is_name_byte(char byte, bool is_first);
static void json_compile_blanks(struct json_compile *c);

enum err json_paths_compile(struct arena *a, const struct json_text *texts, size_t count,
                            struct json_paths *out, size_t *failed, struct json_fault *fault)
{
    struct json_compile c = {.arena = a, .fault = fault};
    size_t bytes = 0;
    *failed = 0;
    *fault = (struct json_fault){.err = ERR_OK};
    if (count > JSON_PATHS_MAX) {
        *failed = JSON_PATHS_MAX;
        return json_compile_fail(&c, ERR_TOO_LARGE, 0, "more than 1,024 paths");
    }
    c.aliases = arena_alloc(a, count * sizeof(*c.aliases), _Alignof(struct json_alias));
    if (c.aliases == NULL || json_compile_draft(&c, &c.root, &c.root) != ERR_OK) {
        return json_compile_fail(&c, ERR_BUDGET, 0, "no memory for paths");
    }
    for (size_t i = 0; i < count; i++) {
        *failed = i;
        bytes += texts[i].length;
        if (texts[i].length > JSON_PATH_BYTES_MAX || bytes > JSON_PATHS_BYTES_MAX) {
            return json_compile_fail(&c, ERR_TOO_LARGE, 0,
                                     "paths longer than 1,024 bytes each, "
                                     "or 256 KiB together");
        }
        enum err err = json_compile_path(&c, &texts[i], (uint32_t)i);
        if (err != ERR_OK) {
            return err;
        }
    }
    if (json_compile_tables(&c, out) != ERR_OK) {
        return json_compile_fail(&c, ERR_BUDGET, 0, "no memory for paths");
    }
    out->paths_count = (uint32_t)count;
    return ERR_OK;
}

void json_path_put_member(struct bytes_writer *w, const char *name, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    bytes_put_copy(w, "$['", 3);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)name[i];
        if (byte < 0x20) {
            const char escape[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
            bytes_put_copy(w, escape, sizeof(escape));
            continue;
        }
        if (byte == '\'' || byte == '\\') {
            bytes_put_u8(w, '\\');
        }
        bytes_put_u8(w, byte);
    }
    bytes_put_copy(w, "']", 2);
}

static enum err json_compile_fail(struct json_compile *c, enum err err, size_t pos,
                                  const char *what)
{
    *c->fault = (struct json_fault){err, pos, what};
    return err;
}

static enum err json_compile_path(struct json_compile *c, const struct json_text *text,
                                  uint32_t path)
{
    struct json_draft *at = c->root;
    c->text = text->text;
    c->length = text->length;
    c->pos = 0;
    if (!json_is_utf8(text->text, text->length)) {
        return json_compile_fail(c, ERR_INVALID, 0, "a path is UTF-8");
    }
    if (!json_compile_is_at(c, '$')) {
        return json_compile_fail(c, ERR_INVALID, 0, "a path begins with $, which is the record");
    }
    c->pos++;
    for (unsigned steps = 0; c->pos < c->length; steps++) {
        if (steps == JSON_PATH_STEPS_MAX) {
            return json_compile_fail(c, ERR_TOO_LARGE, c->pos, "a path has at most 64 steps");
        }
        enum err err = json_compile_step(c, &at);
        if (err != ERR_OK) {
            return err;
        }
    }
    if (at->path != JSON_NONE) {
        c->aliases[c->aliases_count++] = (struct json_alias){path, at->path};
    } else {
        at->path = path;
    }
    return ERR_OK;
}

/* One step down from *at: `.name` or what stands in brackets. */
static enum err json_compile_step(struct json_compile *c, struct json_draft **at)
{
    if (json_compile_is_at(c, '[')) {
        return json_compile_bracket(c, at);
    }
    if (!json_compile_is_at(c, '.')) {
        return json_compile_fail(c, ERR_INVALID, c->pos,
                                 "a step .name, ['name'] or [0] was expected; names with other "
                                 "bytes than letters, digits and _ are quoted: $['a-b']");
    }
    size_t begin = ++c->pos;
    if (json_compile_is_at(c, '.') || json_compile_is_at(c, '*')) {
        return json_compile_fail(c, ERR_UNSUPPORTED, begin,
                                 "a path leads to one value: .. and * lead to many");
    }
    while (c->pos < c->length && json_compile_is_name_byte(c->text[c->pos], c->pos == begin)) {
        c->pos++;
    }
    if (c->pos == begin) {
        return json_compile_fail(c, ERR_INVALID, begin,
                                 "a name was expected; it begins with a letter or _, others are "
                                 "quoted: $['2nd']");
    }
    return json_compile_member(c, at, c->text + begin, c->pos - begin);
}

static enum err json_compile_bracket(struct json_compile *c, struct json_draft **at)
{
    c->pos++;
    json_compile_blanks(c);
    char first = c->pos < c->length ? c->text[c->pos] : '\0';
    enum err err;
    if (first == '\'' || first == '"') {
        err = json_compile_quoted(c, at);
    } else if (first >= '0' && first <= '9') {
        err = json_compile_index(c, at);
    } else if (first == '-') {
        err = json_compile_fail(c, ERR_UNSUPPORTED, c->pos, "an index counts from the front");
    } else if (first == '*' || first == '?' || first == ':') {
        err = json_compile_fail(c, ERR_UNSUPPORTED, c->pos,
                                "a path leads to one value: *, filters and slices lead to many");
    } else {
        err = json_compile_fail(c, ERR_INVALID, c->pos, "a quoted name or an index was expected");
    }
    if (err != ERR_OK) {
        return err;
    }
    json_compile_blanks(c);
    if (json_compile_is_at(c, ',') || json_compile_is_at(c, ':')) {
        return json_compile_fail(c, ERR_UNSUPPORTED, c->pos,
                                 "a path leads to one value: one name or index in brackets");
    }
    if (!json_compile_is_at(c, ']')) {
        return json_compile_fail(c, ERR_INVALID, c->pos, "] was expected");
    }
    c->pos++;
    return ERR_OK;
}

/* A name in quotes of either kind: made a JSON string's inside first, then unescaped as one. */
static enum err json_compile_quoted(struct json_compile *c, struct json_draft **at)
{
    char quote = c->text[c->pos];
    size_t begin = ++c->pos;
    char *escaped = arena_alloc(c->arena, 2 * (c->length - begin), 1);
    if (escaped == NULL) {
        return json_compile_fail(c, ERR_BUDGET, begin, "no memory for paths");
    }
    size_t length = 0;
    while (c->pos < c->length && c->text[c->pos] != quote) {
        size_t end = c->pos + 1;
        bool is_quote = false; /* \' in single quotes, which JSON does not have */
        if (c->text[c->pos] == '\\') {
            is_quote = quote == '\'' && end < c->length && c->text[end] == '\'';
            end = is_quote ? end + 1 : json_index_escape_end(c->text, c->length, c->pos);
        }
        if (end == 0 || (uint8_t)c->text[c->pos] < 0x20) {
            return json_compile_fail(c, ERR_INVALID, c->pos,
                                     "there is no such escape, or a control character without one");
        }
        for (size_t i = c->pos + is_quote; i < end; i++) {
            escaped[length++] = c->text[i];
        }
        c->pos = end;
    }
    if (c->pos == c->length) {
        return json_compile_fail(c, ERR_INVALID, begin - 1, "the quote does not end");
    }
    char *name = escaped + (c->length - begin);
    struct bytes_writer w = bytes_writer(name, c->length - begin);
    if (json_unescape(&w, &(struct json_value){JSON_STRING, escaped, length}) != ERR_OK) {
        return json_compile_fail(c, ERR_INVALID, begin, "an escape is half a character");
    }
    c->pos++;
    return json_compile_member(c, at, name, w.pos);
}

static enum err json_compile_index(struct json_compile *c, struct json_draft **at)
{
    uint32_t index = 0;
    size_t begin = c->pos;
    for (; c->pos < c->length && c->text[c->pos] >= '0' && c->text[c->pos] <= '9'; c->pos++) {
        index = index * 10 + (uint32_t)(c->text[c->pos] - '0');
        if (index > JSON_PATH_INDEX_MAX) {
            return json_compile_fail(c, ERR_TOO_LARGE, begin, "no record has so many items");
        }
    }
    if (c->text[begin] == '0' && c->pos - begin > 1) {
        return json_compile_fail(c, ERR_INVALID, begin, "an index has no zeros before it");
    }
    return json_compile_item(c, at, index);
}

static enum err json_compile_member(struct json_compile *c, struct json_draft **at,
                                    const char *name, size_t length)
{
    struct json_draft **link = &(*at)->names;
    while (*link != NULL) {
        if ((*link)->length == length && memcmp((*link)->name, name, length) == 0) {
            *at = *link;
            return ERR_OK;
        }
        link = &(*link)->next;
    }
    struct json_draft *parent = *at;
    char *copy = arena_copy(c->arena, name, length);
    if (copy == NULL || json_compile_draft(c, link, at) != ERR_OK) {
        return json_compile_fail(c, ERR_BUDGET, c->pos, "no memory for paths");
    }
    (*at)->name = copy;
    (*at)->length = (uint32_t)length;
    c->slots_count -= json_compile_slots_count(parent->names_count);
    c->slots_count += json_compile_slots_count(++parent->names_count);
    return ERR_OK;
}

static enum err json_compile_item(struct json_compile *c, struct json_draft **at, uint32_t index)
{
    struct json_draft **link = &(*at)->items;
    while (*link != NULL && (*link)->index < index) {
        link = &(*link)->next;
    }
    if (*link != NULL && (*link)->index == index) {
        *at = *link;
        return ERR_OK;
    }
    if (json_compile_draft(c, link, at) != ERR_OK) {
        return json_compile_fail(c, ERR_BUDGET, c->pos, "no memory for paths");
    }
    (*at)->index = index;
    return ERR_OK;
}

/* A new draft before *link. */
static enum err json_compile_draft(struct json_compile *c, struct json_draft **link,
                                   struct json_draft **out)
{
    struct json_draft *draft = arena_alloc(c->arena, sizeof(*draft), _Alignof(struct json_draft));
    if (draft == NULL) {
        return ERR_BUDGET;
    }
    *draft = (struct json_draft){.next = *link, .path = JSON_NONE};
    *link = draft;
    *out = draft;
    c->nodes_count++;
    return ERR_OK;
}

static enum err json_compile_tables(struct json_compile *c, struct json_paths *out)
{
    struct json_node *nodes =
        arena_alloc(c->arena, c->nodes_count * sizeof(*nodes), _Alignof(struct json_node));
    struct json_slot *slots =
        arena_alloc(c->arena, c->slots_count * sizeof(*slots), _Alignof(struct json_slot));
    if (nodes == NULL || slots == NULL) {
        return ERR_BUDGET;
    }
    for (uint32_t i = 0; i < c->slots_count; i++) {
        slots[i] = (struct json_slot){.node = JSON_NONE};
    }
    uint32_t nodes_count = 0;
    uint32_t slots_count = 0;
    json_compile_node(c->root, nodes, slots, &nodes_count, &slots_count);
    ASSERT(nodes_count == c->nodes_count);
    ASSERT(slots_count == c->slots_count);
    *out = (struct json_paths){
        .nodes = nodes,
        .slots = slots,
        .aliases = c->aliases,
        .nodes_count = nodes_count,
        .aliases_count = c->aliases_count,
    };
    return ERR_OK;
}

/* Number `draft` *next and what is below it after it; returns its number. As deep as a path has
 * steps. */
static uint32_t json_compile_node(const struct json_draft *draft, struct json_node *nodes,
                                  struct json_slot *slots, uint32_t *next, uint32_t *next_slot)
{
    uint32_t number = (*next)++;
    uint32_t slots_count = json_compile_slots_count(draft->names_count);
    struct json_node *node = &nodes[number];
    *node = (struct json_node){
        .path = draft->path,
        .slots = *next_slot,
        .mask = slots_count - 1,
        .names_count = draft->names_count,
        .first_index = JSON_NONE,
        .next_index = JSON_NONE,
        .index = draft->index,
    };
    *next_slot += slots_count;
    for (const struct json_draft *member = draft->names; member != NULL; member = member->next) {
        uint32_t below = json_compile_node(member, nodes, slots, next, next_slot);
        node->filter |=
            json_path_filter(member->length > 0 ? member->name[0] : '"', member->length);
        json_compile_slot(node, slots, member, below);
    }
    uint32_t *link = &node->first_index;
    for (const struct json_draft *item = draft->items; item != NULL; item = item->next) {
        *link = json_compile_node(item, nodes, slots, next, next_slot);
        link = &nodes[*link].next_index;
    }
    node->end = *next;
    return number;
}

/* Put `member`, node `number`, into the table of `node`: at its hash, or behind what is there. */
static void json_compile_slot(const struct json_node *node, struct json_slot *slots,
                              const struct json_draft *member, uint32_t number)
{
    uint64_t head = json_path_head(member->name, member->length);
    uint32_t at = json_path_hash(head, member->name, member->length);
    while (slots[node->slots + (at & node->mask)].node != JSON_NONE) {
        at++;
    }
    slots[node->slots + (at & node->mask)] =
        (struct json_slot){head, member->name, member->length, number};
}

/* Slots for `names_count` names: a power of two, at most half of it used. */
static uint32_t json_compile_slots_count(uint32_t names_count)
{
    uint32_t count = names_count > 0 ? 2 : 0;
    while (count < 2 * names_count) {
        count *= 2;
    }
    return count;
}

static bool json_compile_is_at(const struct json_compile *c, char wanted)
{
    return c->pos < c->length && c->text[c->pos] == wanted;
}

/* Letters, _, anything outside ASCII; digits, but not first. */
static bool json_compile_is_name_byte(char byte, bool is_first)
{
    char lower = (char)(byte | 0x20);
    return (lower >= 'a' && lower <= 'z') || byte == '_' || (uint8_t)byte >= 0x80 ||
           (!is_first && byte >= '0' && byte <= '9');
}

static void json_compile_blanks(struct json_compile *c)
{
    while (c->pos < c->length && strchr(" \t\n\r", c->text[c->pos]) != NULL &&
           c->text[c->pos] != '\0') {
        c->pos++;
    }
}
