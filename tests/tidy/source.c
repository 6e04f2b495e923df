/* Tokens and declarations of a C file. See source.h. */
#include "tests/tidy/source.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* Where the lexer is. */
struct source_lexer {
    struct source *s;  /* what it fills */
    size_t pos;        /* next byte */
    unsigned line;     /* of that byte */
    bool in_directive; /* since a # at a line's start */
    bool starts_line;  /* no token on this line yet */
};

/* What is known of the declaration being read. */
struct source_reading {
    const struct source *s;   /* the file */
    struct source_item *item; /* what is filled */
    size_t previous;          /* code token before the one looked at */
    size_t words_count;       /* words that are neither qualifier nor attribute: type and name */
    bool has_type;            /* a struct, union or enum was named */
    bool has_parameters;      /* name(...): a function */
    bool has_pointer;         /* (*name): a pointer to a function or an array */
    bool is_typedef;          /* names a type */
    bool is_declared;         /* past = or the first comma: the rest says nothing new */
};

static size_t source_token_length(const struct source_lexer *lexer);
static size_t source_comment_length(const char *text, size_t left);
static size_t source_literal_length(const char *text, size_t left);
static size_t source_number_length(const char *text, size_t left);
static size_t source_word_length(const char *text, size_t left);
static enum source_kind source_kind_at(const char *text, size_t length);
static void source_blank(struct source_lexer *lexer);
static void source_push(struct source_lexer *lexer, size_t length);
static bool source_is_open(const struct source *s, size_t i);
static bool source_is_close(const struct source *s, size_t i);
static bool source_is_attribute(const struct source *s, size_t i);
static size_t source_read(struct source_reading *reading, size_t i);
static size_t source_read_word(struct source_reading *reading, size_t i);
static size_t source_read_type(const struct source *s, size_t i);
static size_t source_read_parens(struct source_reading *reading, size_t i);
static enum source_item_kind source_read_end(const struct source_reading *reading);

void source_open(struct source *s, const char *path, const char *text, size_t length)
{
    *s = (struct source){.path = path, .text = text, .length = length};
    struct source_lexer lexer = {.s = s, .line = 1, .starts_line = true};
    while (lexer.pos < length) {
        char c = text[lexer.pos];
        if (isspace((unsigned char)c) || c == '\\') {
            source_blank(&lexer);
        } else {
            if (c == '#' && lexer.starts_line) {
                lexer.in_directive = true;
            }
            source_push(&lexer, source_token_length(&lexer));
        }
    }
}

void source_close(struct source *s)
{
    free(s->tokens);
    *s = (struct source){0};
}

bool source_is(const struct source *s, size_t i, const char *word)
{
    return i < s->count && s->tokens[i].length == strlen(word) &&
           memcmp(s->tokens[i].text, word, s->tokens[i].length) == 0;
}

size_t source_code(const struct source *s, size_t i)
{
    while (i < s->count && (s->tokens[i].kind == SOURCE_COMMENT || s->tokens[i].in_directive)) {
        i++;
    }
    return i;
}

size_t source_match(const struct source *s, size_t i)
{
    ASSERT(source_is_open(s, i));
    size_t depth = 0;
    for (size_t j = i; j < s->count; j = source_code(s, j + 1)) {
        if (source_is_open(s, j)) {
            depth++;
        } else if (source_is_close(s, j)) {
            depth--;
            if (depth == 0) {
                return j;
            }
        }
    }
    return s->count - 1;
}

bool source_item(const struct source *s, size_t from, struct source_item *item)
{
    size_t first = source_code(s, from);
    if (first >= s->count) {
        return false;
    }
    *item = (struct source_item){
        .kind = SOURCE_ITEM_OTHER, .first = first, .last = first, .name = first};
    struct source_reading reading = {.s = s, .item = item, .previous = first};
    for (size_t i = first; i < s->count; i = source_code(s, i + 1)) {
        item->last = i;
        if (source_is(s, i, ";")) {
            item->kind = source_read_end(&reading);
            return true;
        }
        if (source_is(s, i, "{") && !reading.is_declared) {
            if (reading.has_parameters || source_is(s, reading.previous, ")")) {
                item->kind = SOURCE_ITEM_FUNCTION;
                item->body = i;
            }
            item->last = source_match(s, i);
            return true;
        }
        i = source_read(&reading, i);
        item->last = i;
        reading.previous = i;
    }
    return true;
}

bool source_include(const struct source *s, size_t i, const char **target, size_t *length,
                    bool *is_quoted)
{
    if (i == 0 || !source_is(s, i, "include") || !s->tokens[i].in_directive ||
        !source_is(s, i - 1, "#") || i + 1 >= s->count) {
        return false;
    }
    const struct source_token *next = &s->tokens[i + 1];
    *is_quoted = next->kind == SOURCE_STRING;
    if (*is_quoted && next->length >= 2) {
        *target = next->text + 1;
        *length = next->length - 2;
        return true;
    }
    const char *end = s->text + s->length;
    const char *close = memchr(next->text, '>', (size_t)(end - next->text));
    if (!source_is(s, i + 1, "<") || close == NULL) {
        return false;
    }
    *target = next->text + 1;
    *length = (size_t)(close - *target);
    return true;
}

static size_t source_token_length(const struct source_lexer *lexer)
{
    const char *text = lexer->s->text + lexer->pos;
    size_t left = lexer->s->length - lexer->pos;
    switch (source_kind_at(text, left)) {
    case SOURCE_COMMENT: return source_comment_length(text, left);
    case SOURCE_STRING:
    case SOURCE_CHAR: return source_literal_length(text, left);
    case SOURCE_NUMBER: return source_number_length(text, left);
    case SOURCE_WORD: return source_word_length(text, left);
    case SOURCE_PUNCT: break;
    }
    return 1;
}

/* What the token at `text` is, judged by its first two bytes. */
static enum source_kind source_kind_at(const char *text, size_t length)
{
    char next = length > 1 ? text[1] : '\0';
    if (text[0] == '/' && (next == '*' || next == '/')) {
        return SOURCE_COMMENT;
    }
    if (text[0] == '"') {
        return SOURCE_STRING;
    }
    if (text[0] == '\'') {
        return SOURCE_CHAR;
    }
    if (isdigit((unsigned char)text[0]) || (text[0] == '.' && isdigit((unsigned char)next))) {
        return SOURCE_NUMBER;
    }
    if (isalpha((unsigned char)text[0]) || text[0] == '_') {
        return SOURCE_WORD;
    }
    return SOURCE_PUNCT;
}

static size_t source_comment_length(const char *text, size_t left)
{
    if (text[1] == '*') {
        const char *close = left >= 4 ? memmem(text + 2, left - 2, "*/", 2) : NULL;
        return close != NULL ? (size_t)(close - text) + 2 : left;
    }
    const char *newline = memchr(text, '\n', left);
    return newline != NULL ? (size_t)(newline - text) : left;
}

/* Up to the closing quote; an unclosed one ends with its line. */
static size_t source_literal_length(const char *text, size_t left)
{
    for (size_t i = 1; i < left; i++) {
        if (text[i] == '\n') {
            return i;
        }
        if (text[i] == text[0]) {
            return i + 1;
        }
        i += text[i] == '\\' && i + 1 < left;
    }
    return left;
}

static size_t source_number_length(const char *text, size_t left)
{
    size_t i = 1;
    while (i < left) {
        bool is_sign = (text[i] == '+' || text[i] == '-') && strchr("eEpP", text[i - 1]) != NULL;
        if (!is_sign && !isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != '.') {
            break;
        }
        i++;
    }
    return i;
}

static size_t source_word_length(const char *text, size_t left)
{
    size_t i = 1;
    while (i < left && (isalnum((unsigned char)text[i]) || text[i] == '_')) {
        i++;
    }
    return i;
}

/* Step over one blank, or a backslash that joins two lines. */
static void source_blank(struct source_lexer *lexer)
{
    const struct source *s = lexer->s;
    char c = s->text[lexer->pos++];
    if (c == '\\' && lexer->pos < s->length && s->text[lexer->pos] == '\n') {
        lexer->pos++;
        lexer->line++;
    } else if (c == '\n') {
        lexer->line++;
        lexer->in_directive = false;
        lexer->starts_line = true;
    }
}

static void source_push(struct source_lexer *lexer, size_t length)
{
    struct source *s = lexer->s;
    if (s->count == s->capacity) {
        s->capacity = s->capacity * 2 + 256;
        s->tokens = realloc(s->tokens, s->capacity * sizeof(s->tokens[0]));
        ASSERT(s->tokens != NULL);
    }
    struct source_token *token = &s->tokens[s->count++];
    *token = (struct source_token){.text = s->text + lexer->pos,
                                   .length = length,
                                   .line = lexer->line,
                                   .in_directive = lexer->in_directive,
                                   .starts_line = lexer->starts_line};
    token->kind = source_kind_at(token->text, s->length - lexer->pos);
    for (size_t i = 0; i < length; i++) {
        lexer->line += token->text[i] == '\n';
    }
    token->line_last = lexer->line;
    lexer->pos += length;
    lexer->starts_line = lexer->starts_line && token->kind == SOURCE_COMMENT;
}

static bool source_is_open(const struct source *s, size_t i)
{
    return source_is(s, i, "(") || source_is(s, i, "[") || source_is(s, i, "{");
}

static bool source_is_close(const struct source *s, size_t i)
{
    return source_is(s, i, ")") || source_is(s, i, "]") || source_is(s, i, "}");
}

/* A word whose parentheses are no parameters: attributes, and the macros that stand for them. */
static bool source_is_attribute(const struct source *s, size_t i)
{
    static const char *const words[] = {"__attribute__", "_Alignas",   "alignas", "_Atomic",
                                        "typeof",        "__typeof__", "__asm__"};
    for (size_t w = 0; w < ARRAY_COUNT(words); w++) {
        if (source_is(s, i, words[w])) {
            return true;
        }
    }
    for (size_t c = 0; c < s->tokens[i].length; c++) {
        if (islower((unsigned char)s->tokens[i].text[c])) {
            return false;
        }
    }
    return s->tokens[i].length > 1;
}

/* Take in the token at `i`; returns the last token that went with it. */
static size_t source_read(struct source_reading *reading, size_t i)
{
    const struct source *s = reading->s;
    if (reading->is_declared) {
        return source_is_open(s, i) ? source_match(s, i) : i;
    }
    if (source_is(s, i, "=") || source_is(s, i, ",")) {
        reading->is_declared = true;
    } else if (source_is(s, i, "[") || source_is(s, i, "{")) {
        return source_match(s, i);
    } else if (source_is(s, i, "(")) {
        return source_read_parens(reading, i);
    } else if (source_is(s, i, "*")) {
        reading->item->is_const = false;
    } else if (s->tokens[i].kind == SOURCE_WORD) {
        return source_read_word(reading, i);
    }
    return i;
}

static size_t source_read_word(struct source_reading *reading, size_t i)
{
    const struct source *s = reading->s;
    struct source_item *item = reading->item;
    if (source_is(s, i, "const")) {
        item->is_const = true;
    } else if (source_is(s, i, "extern")) {
        item->is_extern = true;
    } else if (source_is(s, i, "_Thread_local") || source_is(s, i, "__thread") ||
               source_is(s, i, "thread_local")) {
        item->is_thread_local = true;
    } else if (source_is(s, i, "typedef")) {
        reading->is_typedef = true;
    } else if (source_is(s, i, "struct") || source_is(s, i, "union") || source_is(s, i, "enum")) {
        reading->has_type = true;
        return source_read_type(s, i);
    } else if (source_is_attribute(s, i)) {
        size_t next = source_code(s, i + 1);
        if (source_is(s, next, "(")) {
            reading->words_count += source_is(s, i, "_Atomic") || source_is(s, i, "typeof");
            return source_match(s, next);
        }
        reading->words_count += !reading->has_type; /* FILE *file; but not struct x PACKED; */
    } else if (!source_is(s, i, "static") && !source_is(s, i, "volatile") &&
               !source_is(s, i, "inline") && !reading->has_parameters && !reading->has_pointer) {
        reading->words_count++;
        item->name = i;
    }
    return i;
}

/* From `struct`, `union` or `enum` over attributes, tag and members; returns the last of them. */
static size_t source_read_type(const struct source *s, size_t i)
{
    size_t last = i;
    size_t next = source_code(s, i + 1);
    bool has_tag = false;
    while (next < s->count && s->tokens[next].kind == SOURCE_WORD && !has_tag) {
        has_tag = !source_is_attribute(s, next);
        last = next;
        next = source_code(s, next + 1);
        if (!has_tag && source_is(s, next, "(")) {
            last = source_match(s, next);
            next = source_code(s, last + 1);
        }
    }
    return source_is(s, next, "{") ? source_match(s, next) : last;
}

/* (*name) declares a pointer, name(...) a function; other parentheses say nothing. */
static size_t source_read_parens(struct source_reading *reading, size_t i)
{
    const struct source *s = reading->s;
    struct source_item *item = reading->item;
    size_t close = source_match(s, i);
    if (reading->has_parameters || reading->has_pointer) {
        return close;
    }
    if (source_is(s, source_code(s, i + 1), "*")) {
        reading->has_pointer = true;
        reading->words_count++;
        item->is_const = false;
        for (size_t j = i; j < close && !source_is(s, j, "["); j = source_code(s, j + 1)) {
            if (source_is(s, j, "const")) {
                item->is_const = true;
            } else if (s->tokens[j].kind == SOURCE_WORD) {
                item->name = j;
            }
        }
    } else if (reading->words_count > 0 && item->name == reading->previous) {
        reading->has_parameters = true;
    }
    return close;
}

static enum source_item_kind source_read_end(const struct source_reading *reading)
{
    const struct source *s = reading->s;
    const struct source_item *item = reading->item;
    if (reading->is_typedef || source_is(s, item->first, "static_assert") ||
        source_is(s, item->first, "_Static_assert")) {
        return SOURCE_ITEM_OTHER;
    }
    if (reading->has_parameters) {
        return item->name == item->first ? SOURCE_ITEM_OTHER : SOURCE_ITEM_PROTOTYPE;
    }
    size_t words_min = reading->has_type ? 1 : 2;
    return reading->words_count >= words_min ? SOURCE_ITEM_VARIABLE : SOURCE_ITEM_OTHER;
}
