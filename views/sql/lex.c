/* One function per kind of token. See lex.h. */
#include "views/sql/lex.h"

#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/units.h"

/* How much of the text an error of the lexer repeats, in bytes. */
#define SQL_LEX_NEAR_BYTES 64

static const char *const sql_ops[SQL_OP_COUNT] = {[SQL_OP_OTHER] = "",
#define SQL_OP_ROW(name, text) [SQL_OP_##name] = text,
                                                  SQL_OP_TABLE(SQL_OP_ROW)
#undef SQL_OP_ROW
};

static enum err sql_lex_skip(struct sql_lex *lex, struct sql_error *error);
static enum err sql_lex_skip_comment(struct sql_lex *lex, struct sql_error *error);
static enum err sql_lex_word(struct sql_lex *lex, bool is_with_keywords, struct sql_token *token,
                             struct sql_error *error);
static enum err sql_lex_prefixed(struct sql_lex *lex, struct sql_token *token, bool *is_taken,
                                 struct sql_error *error);
static enum err sql_lex_quoted_name(struct sql_lex *lex, struct sql_token *token,
                                    struct sql_error *error);
static enum err sql_lex_string(struct sql_lex *lex, struct sql_token *token, bool has_escapes,
                               struct sql_error *error);
static bool sql_lex_continues(struct sql_lex *lex);
static enum err sql_lex_dollar(struct sql_lex *lex, struct sql_token *token,
                               struct sql_error *error);
static enum err sql_lex_param(struct sql_lex *lex, struct sql_token *token,
                              struct sql_error *error);
static enum err sql_lex_number(struct sql_lex *lex, struct sql_token *token,
                               struct sql_error *error);
static void sql_lex_skip_name(struct sql_lex *lex);
static void sql_lex_digits(struct sql_lex *lex);
static enum err sql_lex_operator(struct sql_lex *lex, struct sql_token *token,
                                 struct sql_error *error);
static uint32_t sql_lex_operator_length(const char *signs, uint32_t length);
static enum sql_op sql_lex_operator_find(const char *signs, uint32_t length);
static void sql_lex_punctuation(struct sql_lex *lex, struct sql_token *token);
static enum err sql_lex_fail(const struct sql_lex *lex, uint32_t pos, uint32_t end,
                             const char *message, struct sql_error *error);
static enum err sql_lex_text_string(struct sql_lex *lex, struct bytes_writer *w,
                                    struct sql_error *error);
static enum err sql_lex_escape(struct sql_lex *lex, struct bytes_writer *w, bool *is_raw,
                               struct sql_error *error);
static enum err sql_lex_unicode(struct sql_lex *lex, uint32_t *point, struct sql_error *error);
static bool sql_lex_hex(const struct sql_lex *lex, uint32_t pos, uint32_t digits, uint32_t *value);
static void sql_lex_put_point(struct bytes_writer *w, uint32_t point);
static enum err sql_lex_refuse(const struct sql_lex *lex, uint32_t pos, const char *what,
                               struct sql_error *error);

static char sql_lex_at(const struct sql_lex *lex, uint32_t ahead)
{
    return lex->pos + ahead < lex->length ? lex->text[lex->pos + ahead] : '\0';
}

static bool sql_lex_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool sql_lex_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool sql_lex_is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool sql_lex_is_name(char c)
{
    return sql_lex_is_name_start(c) || sql_lex_is_digit(c) || c == '$';
}

static bool sql_lex_is_sign(char c)
{
    return c != '\0' && strchr("~!@#^&|`?+-*/%<>=", c) != NULL;
}

enum err sql_lex_check(const char *text, size_t length, struct sql_error *error)
{
    if (length > SQL_TEXT_BYTES_MAX) {
        enum err err = sql_error_set(error, SQL_STATE_PROGRAM_LIMIT_EXCEEDED, (struct sql_at){0, 0},
                                     text, length, "statement of %zu bytes is too long", length);
        sql_error_hint(error, "The limit is %u bytes.", SQL_TEXT_BYTES_MAX);
        return err;
    }
    if (memchr(text, '\0', length) == NULL && json_is_utf8(text, length)) {
        return ERR_OK;
    }
    size_t pos = 0;
    for (size_t step = 1; text[pos] != '\0' && step <= 4 && pos + step <= length;) {
        if (json_is_utf8(text + pos, step)) {
            pos += step;
            step = 1;
        } else {
            step++;
        }
        ASSERT(pos < length);
    }
    return sql_error_set(
        error, SQL_STATE_CHARACTER_NOT_IN_REPERTOIRE, (struct sql_at){(uint32_t)pos, 1}, text,
        length, "invalid byte sequence for encoding \"UTF8\": 0x%02x", (unsigned char)text[pos]);
}

struct sql_lex sql_lex(const char *text, size_t length)
{
    ASSERT(length <= SQL_TEXT_BYTES_MAX);
    return (struct sql_lex){text, (uint32_t)length, 0};
}

enum err sql_lex_next(struct sql_lex *lex, bool is_with_keywords, struct sql_token *token,
                      struct sql_error *error)
{
    enum err err = sql_lex_skip(lex, error);
    if (err != ERR_OK) {
        return err;
    }
    *token = (struct sql_token){.kind = SQL_TOKEN_END, .at = {lex->pos, 0}};
    char c = sql_lex_at(lex, 0);
    bool is_fraction = c == '.' && sql_lex_is_digit(sql_lex_at(lex, 1));
    if (lex->pos == lex->length) {
        return ERR_OK;
    }
    if (sql_lex_is_name_start(c)) {
        err = sql_lex_word(lex, is_with_keywords, token, error);
    } else if (sql_lex_is_digit(c) || is_fraction) {
        err = sql_lex_number(lex, token, error);
    } else if (c == '\'') {
        err = sql_lex_string(lex, token, false, error);
    } else if (c == '"') {
        err = sql_lex_quoted_name(lex, token, error);
    } else if (c == '$') {
        err = sql_lex_is_digit(sql_lex_at(lex, 1)) ? sql_lex_param(lex, token, error)
                                                   : sql_lex_dollar(lex, token, error);
    } else if (sql_lex_is_sign(c)) {
        err = sql_lex_operator(lex, token, error);
    } else {
        sql_lex_punctuation(lex, token);
    }
    if (err != ERR_OK) {
        lex->pos = token->at.pos;
        return err;
    }
    token->at.length = lex->pos - token->at.pos;
    ASSERT(token->at.length > 0);
    return ERR_OK;
}

const char *sql_op_text(enum sql_op op)
{
    ASSERT(op > SQL_OP_OTHER);
    ASSERT(op < SQL_OP_COUNT);
    return sql_ops[op];
}

/* Over spaces and comments. */
static enum err sql_lex_skip(struct sql_lex *lex, struct sql_error *error)
{
    for (;;) {
        char c = sql_lex_at(lex, 0);
        if (sql_lex_is_space(c)) {
            lex->pos++;
        } else if (c == '-' && sql_lex_at(lex, 1) == '-') {
            while (lex->pos < lex->length && lex->text[lex->pos] != '\n' &&
                   lex->text[lex->pos] != '\r') {
                lex->pos++;
            }
        } else if (c == '/' && sql_lex_at(lex, 1) == '*') {
            enum err err = sql_lex_skip_comment(lex, error);
            if (err != ERR_OK) {
                return err;
            }
        } else {
            return ERR_OK;
        }
    }
}

/* Over a comment with comments in it. */
static enum err sql_lex_skip_comment(struct sql_lex *lex, struct sql_error *error)
{
    uint32_t begin = lex->pos, depth = 0;
    do {
        if (lex->pos >= lex->length) {
            lex->pos = begin;
            return sql_lex_fail(lex, begin, lex->length, "unterminated /* comment", error);
        }
        char c = sql_lex_at(lex, 0), next = sql_lex_at(lex, 1);
        if (c == '/' && next == '*') {
            depth++;
            lex->pos += 2;
        } else if (c == '*' && next == '/') {
            depth--;
            lex->pos += 2;
        } else {
            lex->pos++;
        }
    } while (depth > 0);
    return ERR_OK;
}

static enum err sql_lex_word(struct sql_lex *lex, bool is_with_keywords, struct sql_token *token,
                             struct sql_error *error)
{
    bool is_taken = false;
    enum err err = sql_lex_prefixed(lex, token, &is_taken, error);
    if (err != ERR_OK || is_taken) {
        return err;
    }
    uint32_t begin = lex->pos;
    sql_lex_skip_name(lex);
    token->kind = SQL_TOKEN_NAME;
    token->keyword =
        is_with_keywords ? sql_keyword_find(lex->text + begin, lex->pos - begin) : SQL_NO_KEYWORD;
    return ERR_OK;
}

/* A string or name with letters before its quote: E'', and those that are refused: B'', X'', N'',
 * U&'', U&"". *is_taken = it is one. */
static enum err sql_lex_prefixed(struct sql_lex *lex, struct sql_token *token, bool *is_taken,
                                 struct sql_error *error)
{
    char letter = (char)(sql_lex_at(lex, 0) & ~0x20), next = sql_lex_at(lex, 1);
    bool is_unicode =
        letter == 'U' && next == '&' && (sql_lex_at(lex, 2) == '\'' || sql_lex_at(lex, 2) == '"');
    *is_taken = true;
    if (is_unicode) {
        return sql_lex_refuse(lex, lex->pos,
                              sql_lex_at(lex, 2) == '"' ? "names with Unicode escapes (U&\"...\")"
                                                        : "strings with U& before them",
                              error);
    }
    if (letter == 'E' && next == '\'') {
        lex->pos++;
        return sql_lex_string(lex, token, true, error);
    }
    if ((letter == 'B' || letter == 'X') && next == '\'') {
        return sql_lex_refuse(lex, lex->pos, "bit strings", error);
    }
    if (letter == 'N' && next == '\'') {
        return sql_lex_refuse(lex, lex->pos, "national character strings (N'...')", error);
    }
    *is_taken = false;
    return ERR_OK;
}

static enum err sql_lex_quoted_name(struct sql_lex *lex, struct sql_token *token,
                                    struct sql_error *error)
{
    uint32_t begin = lex->pos++;
    for (;;) {
        const char *quote = memchr(lex->text + lex->pos, '"', lex->length - lex->pos);
        if (quote == NULL) {
            return sql_lex_fail(lex, begin, lex->length, "unterminated quoted identifier", error);
        }
        lex->pos = (uint32_t)(quote - lex->text) + 1;
        if (sql_lex_at(lex, 0) != '"') {
            break;
        }
        lex->pos++;
    }
    if (lex->pos - begin == 2) {
        return sql_lex_fail(lex, begin, lex->pos, "zero-length delimited identifier", error);
    }
    token->kind = SQL_TOKEN_QUOTED_NAME;
    return ERR_OK;
}

/* A string from its quote on, with all that continues it on lines below. */
static enum err sql_lex_string(struct sql_lex *lex, struct sql_token *token, bool has_escapes,
                               struct sql_error *error)
{
    ASSERT(sql_lex_at(lex, 0) == '\'');
    lex->pos++;
    for (;;) {
        if (lex->pos >= lex->length) {
            return sql_lex_fail(lex, token->at.pos, lex->length, "unterminated quoted string",
                                error);
        }
        char c = lex->text[lex->pos++];
        if (c == '\\' && has_escapes && lex->pos < lex->length) {
            lex->pos++;
        } else if (c == '\'' && sql_lex_at(lex, 0) == '\'') {
            lex->pos++;
        } else if (c == '\'' && !sql_lex_continues(lex)) {
            break;
        }
    }
    token->kind = SQL_TOKEN_STRING;
    return ERR_OK;
}

/* Behind a string's quote: whether another quote follows on a later line, with nothing but spaces
 * and line comments between. Then the lexer stands behind that quote. */
static bool sql_lex_continues(struct sql_lex *lex)
{
    uint32_t pos = lex->pos;
    bool is_below = false;
    while (pos < lex->length) {
        char c = lex->text[pos];
        if (c == '\'') {
            lex->pos = is_below ? pos + 1 : lex->pos;
            return is_below;
        }
        if (c == '-' && pos + 1 < lex->length && lex->text[pos + 1] == '-') {
            while (pos < lex->length && lex->text[pos] != '\n' && lex->text[pos] != '\r') {
                pos++;
            }
            if (pos == lex->length) {
                return false;
            }
        } else if (sql_lex_is_space(c)) {
            is_below = is_below || c == '\n' || c == '\r';
            pos++;
        } else {
            return false;
        }
    }
    return false;
}

/* $$...$$ or $tag$...$tag$; a dollar alone begins nothing. */
static enum err sql_lex_dollar(struct sql_lex *lex, struct sql_token *token,
                               struct sql_error *error)
{
    uint32_t begin = lex->pos, tag_length = 1;
    while (sql_lex_is_name(sql_lex_at(lex, tag_length)) && sql_lex_at(lex, tag_length) != '$') {
        tag_length++;
    }
    if (sql_lex_at(lex, tag_length) != '$') {
        lex->pos++;
        token->kind = SQL_TOKEN_OTHER;
        return ERR_OK;
    }
    tag_length++;
    lex->pos += tag_length;
    const char *end =
        memmem(lex->text + lex->pos, lex->length - lex->pos, lex->text + begin, tag_length);
    if (end == NULL) {
        return sql_lex_fail(lex, begin, lex->length, "unterminated dollar-quoted string", error);
    }
    lex->pos = (uint32_t)(end - lex->text) + tag_length;
    token->kind = SQL_TOKEN_STRING;
    return ERR_OK;
}

static enum err sql_lex_param(struct sql_lex *lex, struct sql_token *token, struct sql_error *error)
{
    uint64_t param = 0;
    uint32_t begin = lex->pos++;
    sql_lex_digits(lex);
    if (sql_lex_is_name_start(sql_lex_at(lex, 0))) {
        sql_lex_skip_name(lex);
        return sql_lex_fail(lex, begin, lex->pos, "trailing junk after parameter", error);
    }
    uint32_t length = lex->pos - begin;
    enum err err = units_parse_u64(lex->text + begin + 1, length - 1, &param);
    if (err != ERR_OK || param == 0 || param > SQL_PARAMS_MAX) {
        return sql_error_set(error, SQL_STATE_UNDEFINED_PARAMETER, (struct sql_at){begin, length},
                             lex->text, lex->length, "there is no parameter %.*s",
                             (int)(length < SQL_LEX_NEAR_BYTES ? length : SQL_LEX_NEAR_BYTES),
                             lex->text + begin);
    }
    token->kind = SQL_TOKEN_PARAM;
    token->param = (uint32_t)param;
    return ERR_OK;
}

/* Digits, a fraction, an exponent. Two points end a number before them (1..2). */
static enum err sql_lex_number(struct sql_lex *lex, struct sql_token *token,
                               struct sql_error *error)
{
    uint32_t begin = lex->pos;
    token->kind = SQL_TOKEN_INTEGER;
    sql_lex_digits(lex);
    if (sql_lex_at(lex, 0) == '.' && (sql_lex_at(lex, 1) != '.' || lex->pos == begin)) {
        token->kind = SQL_TOKEN_DECIMAL;
        lex->pos++;
        sql_lex_digits(lex);
    }
    if ((sql_lex_at(lex, 0) & ~0x20) == 'E') {
        uint32_t sign_length = sql_lex_at(lex, 1) == '+' || sql_lex_at(lex, 1) == '-';
        if (sql_lex_is_digit(sql_lex_at(lex, 1 + sign_length))) {
            token->kind = SQL_TOKEN_DECIMAL;
            lex->pos += 1 + sign_length;
            sql_lex_digits(lex);
        } else if (sign_length > 0) {
            return sql_lex_fail(lex, begin, lex->pos + 2, "trailing junk after numeric literal",
                                error);
        }
    }
    if (sql_lex_is_name_start(sql_lex_at(lex, 0))) {
        sql_lex_skip_name(lex);
        return sql_lex_fail(lex, begin, lex->pos, "trailing junk after numeric literal", error);
    }
    return ERR_OK;
}

static void sql_lex_skip_name(struct sql_lex *lex)
{
    while (sql_lex_is_name(sql_lex_at(lex, 0))) {
        lex->pos++;
    }
}

static void sql_lex_digits(struct sql_lex *lex)
{
    while (sql_lex_is_digit(sql_lex_at(lex, 0))) {
        lex->pos++;
    }
}

static enum err sql_lex_operator(struct sql_lex *lex, struct sql_token *token,
                                 struct sql_error *error)
{
    uint32_t length = 1;
    while (sql_lex_is_sign(sql_lex_at(lex, length)) &&
           !(sql_lex_at(lex, length) == '-' && sql_lex_at(lex, length + 1) == '-') &&
           !(sql_lex_at(lex, length) == '/' && sql_lex_at(lex, length + 1) == '*')) {
        length++;
    }
    const char *signs = lex->text + lex->pos;
    length = sql_lex_operator_length(signs, length);
    if (length > SQL_OPERATOR_BYTES_MAX) {
        return sql_lex_fail(lex, lex->pos, lex->pos + length, "operator too long", error);
    }
    lex->pos += length;
    token->kind = SQL_TOKEN_OPERATOR;
    token->op = sql_lex_operator_find(signs, length);
    if (length == 2 && memcmp(signs, "=>", 2) == 0) {
        token->kind = SQL_TOKEN_ARROW;
    }
    return ERR_OK;
}

/* An operator of standard SQL's signs alone does not end in + or -: `a=-1` is a = (-1). */
static uint32_t sql_lex_operator_length(const char *signs, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        if (strchr("~!@#^&|`?%", signs[i]) != NULL) {
            return length;
        }
    }
    while (length > 1 && (signs[length - 1] == '+' || signs[length - 1] == '-')) {
        length--;
    }
    return length;
}

static enum sql_op sql_lex_operator_find(const char *signs, uint32_t length)
{
    if (length == 2 && memcmp(signs, "!=", 2) == 0) {
        return SQL_OP_NE;
    }
    for (int op = SQL_OP_OTHER + 1; op < SQL_OP_COUNT; op++) {
        if (strncmp(sql_ops[op], signs, length) == 0 && sql_ops[op][length] == '\0') {
            return (enum sql_op)op;
        }
    }
    return SQL_OP_OTHER;
}

static void sql_lex_punctuation(struct sql_lex *lex, struct sql_token *token)
{
    char c = sql_lex_at(lex, 0), next = sql_lex_at(lex, 1);
    token->kind = SQL_TOKEN_OTHER;
    switch (c) {
    case '(': token->kind = SQL_TOKEN_LEFT_PAREN; break;
    case ')': token->kind = SQL_TOKEN_RIGHT_PAREN; break;
    case '[': token->kind = SQL_TOKEN_LEFT_BRACKET; break;
    case ']': token->kind = SQL_TOKEN_RIGHT_BRACKET; break;
    case ',': token->kind = SQL_TOKEN_COMMA; break;
    case ';': token->kind = SQL_TOKEN_SEMICOLON; break;
    case '.': token->kind = next == '.' ? SQL_TOKEN_DOT_DOT : SQL_TOKEN_DOT; break;
    case ':':
        token->kind = next == ':'   ? SQL_TOKEN_CAST
                      : next == '=' ? SQL_TOKEN_ASSIGN
                                    : SQL_TOKEN_COLON;
        break;
    default: break;
    }
    bool is_double = token->kind == SQL_TOKEN_DOT_DOT || token->kind == SQL_TOKEN_CAST ||
                     token->kind == SQL_TOKEN_ASSIGN;
    lex->pos += is_double ? 2 : 1;
}

enum err sql_lex_text(const struct sql_lex *lex, const struct sql_token *token, struct arena *arena,
                      struct sql_text *out, struct sql_error *error)
{
    uint32_t length = token->at.length;
    struct sql_lex inside = {lex->text, token->at.pos + length, token->at.pos};
    char *text = arena_alloc(arena, length + 1, 1);
    if (text == NULL) {
        return sql_error_set(error, SQL_STATE_OUT_OF_MEMORY, token->at, lex->text, lex->length,
                             "out of memory");
    }
    struct bytes_writer w = bytes_writer(text, length);
    if (token->kind == SQL_TOKEN_STRING) {
        enum err err = sql_lex_text_string(&inside, &w, error);
        if (err != ERR_OK) {
            return err;
        }
    } else if (token->kind == SQL_TOKEN_QUOTED_NAME) {
        for (uint32_t i = 1; i + 1 < length; i++) {
            bytes_put_u8(&w, (uint8_t)inside.text[inside.pos + i]);
            i += inside.text[inside.pos + i] == '"';
        }
    } else {
        ASSERT(token->kind == SQL_TOKEN_NAME);
        bytes_put_copy(&w, inside.text + inside.pos, length);
    }
    ASSERT(w.err == ERR_OK);
    text[w.pos] = '\0';
    *out = (struct sql_text){text, (uint32_t)w.pos};
    return ERR_OK;
}

/* The string that `lex` is: one token, known to be well formed. */
static enum err sql_lex_text_string(struct sql_lex *lex, struct bytes_writer *w,
                                    struct sql_error *error)
{
    uint32_t begin = lex->pos;
    bool has_escapes = lex->text[begin] != '\'', is_raw = false;
    if (lex->text[begin] == '$') {
        const char *tag_end = memchr(lex->text + begin + 1, '$', lex->length - begin - 1);
        ASSERT(tag_end != NULL);
        uint32_t tag_length = (uint32_t)(tag_end - lex->text) - begin + 1;
        bytes_put_copy(w, tag_end + 1, lex->length - begin - 2 * tag_length);
        return ERR_OK;
    }
    lex->pos += has_escapes ? 2 : 1;
    while (lex->pos < lex->length) {
        char c = lex->text[lex->pos++];
        if (c == '\\' && has_escapes) {
            enum err err = sql_lex_escape(lex, w, &is_raw, error);
            if (err != ERR_OK) {
                return err;
            }
        } else if (c == '\'' && sql_lex_at(lex, 0) != '\'') {
            bool is_more = sql_lex_continues(lex);
            ASSERT(is_more == (lex->pos < lex->length));
        } else {
            lex->pos += c == '\'';
            bytes_put_u8(w, (uint8_t)c);
        }
    }
    if (is_raw && (memchr(w->data, '\0', w->pos) != NULL || !json_is_utf8(w->data, w->pos))) {
        return sql_error_set(error, SQL_STATE_CHARACTER_NOT_IN_REPERTOIRE,
                             (struct sql_at){begin, lex->length - begin}, lex->text, lex->length,
                             "invalid byte sequence for encoding \"UTF8\" in a string's escapes");
    }
    return ERR_OK;
}

/* What stands behind a backslash in E''. *is_raw = it wrote a byte that need not be a character. */
static enum err sql_lex_escape(struct sql_lex *lex, struct bytes_writer *w, bool *is_raw,
                               struct sql_error *error)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    uint32_t value = 0, digits = 0;
    char c = lex->text[lex->pos];
    const char *letter = strchr(letters, c);
    if (c == 'u' || c == 'U') {
        enum err err = sql_lex_unicode(lex, &value, error);
        if (err == ERR_OK) {
            sql_lex_put_point(w, value);
        }
        return err;
    }
    if (c >= '0' && c <= '7') {
        for (; digits < 3 && sql_lex_at(lex, digits) >= '0' && sql_lex_at(lex, digits) <= '7';) {
            value = value * 8 + (uint32_t)(sql_lex_at(lex, digits++) - '0');
        }
    } else if (c == 'x' && sql_lex_hex(lex, lex->pos + 1, 1, &value)) {
        digits = sql_lex_hex(lex, lex->pos + 1, 2, &value) ? 3 : 2;
    } else {
        bytes_put_u8(w, (uint8_t)(letter != NULL ? meant[letter - letters] : c));
        lex->pos++;
        return ERR_OK;
    }
    lex->pos += digits;
    value &= 0xff;
    *is_raw = *is_raw || value == 0 || value >= 0x80;
    bytes_put_u8(w, (uint8_t)value);
    return ERR_OK;
}

/* *point = the character of \uXXXX, \UXXXXXXXX or a surrogate pair of them. */
static enum err sql_lex_unicode(struct sql_lex *lex, uint32_t *point, struct sql_error *error)
{
    uint32_t begin = lex->pos - 1, high = 0;
    for (;;) {
        uint32_t value, digits = lex->text[lex->pos] == 'u' ? 4 : 8;
        if (!sql_lex_hex(lex, lex->pos + 1, digits, &value)) {
            enum err err =
                sql_error_set(error, SQL_STATE_INVALID_ESCAPE_SEQUENCE, (struct sql_at){begin, 2},
                              lex->text, lex->length, "invalid Unicode escape");
            sql_error_hint(error, "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.");
            return err;
        }
        lex->pos += 1 + digits;
        bool is_low = value >= 0xdc00 && value <= 0xdfff;
        bool is_high = value >= 0xd800 && value <= 0xdbff;
        if (is_low != (high != 0) || (is_high && high != 0)) {
            return sql_lex_fail(lex, begin, lex->pos, "invalid Unicode surrogate pair", error);
        }
        if (!is_high) {
            *point = is_low ? 0x10000 + ((high & 0x3ff) << 10) + (value & 0x3ff) : value;
            break;
        }
        high = value;
        char next = (char)(sql_lex_at(lex, 1) & ~0x20);
        if (sql_lex_at(lex, 0) != '\\' || next != 'U') {
            return sql_lex_fail(lex, begin, lex->pos, "invalid Unicode surrogate pair", error);
        }
        lex->pos++;
    }
    if (*point == 0 || *point > 0x10ffff) {
        return sql_lex_fail(lex, begin, lex->pos, "invalid Unicode escape value", error);
    }
    return ERR_OK;
}

/* *value = the `digits` hexadecimal digits at `pos`; false: there are not as many. */
static bool sql_lex_hex(const struct sql_lex *lex, uint32_t pos, uint32_t digits, uint32_t *value)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < digits; i++) {
        char c = pos + i < lex->length ? lex->text[pos + i] : '\0';
        char letter = (char)(c & ~0x20);
        if (sql_lex_is_digit(c)) {
            sum = sum * 16 + (uint32_t)(c - '0');
        } else if (letter >= 'A' && letter <= 'F') {
            sum = sum * 16 + (uint32_t)(letter - 'A' + 10);
        } else {
            return false;
        }
    }
    *value = sum;
    return true;
}

/* `point` as UTF-8. */
static void sql_lex_put_point(struct bytes_writer *w, uint32_t point)
{
    if (point < 0x80) {
        bytes_put_u8(w, (uint8_t)point);
        return;
    }
    uint32_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    bytes_put_u8(w, (uint8_t)(0xff00u >> (more + 1) | point >> (6 * more)));
    while (more-- > 0) {
        bytes_put_u8(w, (uint8_t)(0x80 | (point >> (6 * more) & 0x3f)));
    }
}

/* What is wrong from `pos` to `end`, which the message repeats. */
static enum err sql_lex_fail(const struct sql_lex *lex, uint32_t pos, uint32_t end,
                             const char *message, struct sql_error *error)
{
    ASSERT(end <= lex->length);
    uint32_t length = end - pos, near = length;
    while (near > SQL_LEX_NEAR_BYTES ||
           (near > 0 && near < length && ((unsigned char)lex->text[pos + near] & 0xc0) == 0x80)) {
        near--;
    }
    return sql_error_set(error, SQL_STATE_SYNTAX_ERROR, (struct sql_at){pos, length}, lex->text,
                         lex->length, "%s at or near \"%.*s%s\"", message, (int)near,
                         lex->text + pos, near < length ? "..." : "");
}

static enum err sql_lex_refuse(const struct sql_lex *lex, uint32_t pos, const char *what,
                               struct sql_error *error)
{
    enum err err = sql_error_set(error, SQL_STATE_FEATURE_NOT_SUPPORTED, (struct sql_at){pos, 1},
                                 lex->text, lex->length, "%s are not supported", what);
    sql_error_hint(error, "Text is UTF-8: write '...', or E'...' for escapes such as \\u00e9.");
    return err;
}
