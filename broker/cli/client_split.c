/* See client_split.h. The rules are PostgreSQL's with standard strings: a backslash escapes only in
 * E'...', comments nest, a tag between dollars begins at no name's end. */
#include "broker/cli/client_split.h"

#include <string.h>
#include <strings.h>

/* A text being looked through. */
struct client_splitter {
    const char *text; /* all of it */
    size_t length;    /* its bytes */
    size_t pos;       /* next one */
};

static void client_split_blanks(struct client_splitter *s);
static bool client_split_word(struct client_splitter *s, const char *word);
static bool client_split_is_blank(char c);
static bool client_split_quoted(struct client_splitter *s, char quote, bool has_escapes);
static bool client_split_comment(struct client_splitter *s);
static size_t client_split_tag(const struct client_splitter *s);
static bool client_split_dollar(struct client_splitter *s, size_t tag_length);
static bool client_split_is_name(char c);
static bool client_split_is(const struct client_splitter *s, const char *two);

enum client_split client_split(const char *text, size_t length, size_t *end)
{
    struct client_split_place place = {.pos = 0};
    return client_split_on(text, length, &place, end);
}

enum client_split client_split_on(const char *text, size_t length, struct client_split_place *place,
                                  size_t *end)
{
    struct client_splitter s = {.text = text, .length = length, .pos = place->pos};
    enum client_split state = place->has_begun ? CLIENT_SPLIT_BEGUN : CLIENT_SPLIT_EMPTY;
    *end = length;
    while (s.pos < length) {
        char c = text[s.pos];
        size_t tag_length = 0;
        if (client_split_is(&s, "--")) {
            const char *line = memchr(text + s.pos, '\n', length - s.pos);
            s.pos = line == NULL ? length : (size_t)(line - text);
            continue;
        }
        if (client_split_is(&s, "/*")) {
            if (!client_split_comment(&s)) {
                return CLIENT_SPLIT_COMMENT;
            }
            continue;
        }
        if (client_split_is_blank(c)) {
            s.pos++;
            if (c == '\n') {
                *place = (struct client_split_place){s.pos, state == CLIENT_SPLIT_BEGUN};
            }
            continue;
        }
        state = CLIENT_SPLIT_BEGUN;
        if (c == ';') {
            *end = s.pos + 1;
            return CLIENT_SPLIT_WHOLE;
        }
        bool is_behind_name = s.pos > 0 && client_split_is_name(text[s.pos - 1]);
        if (c == '\'' || c == '"') {
            bool has_escapes = c == '\'' && is_behind_name &&
                               (text[s.pos - 1] == 'e' || text[s.pos - 1] == 'E') &&
                               !(s.pos > 1 && client_split_is_name(text[s.pos - 2]));
            if (!client_split_quoted(&s, c, has_escapes)) {
                return c == '"' ? CLIENT_SPLIT_NAME : CLIENT_SPLIT_STRING;
            }
        } else if (c == '$' && !is_behind_name && (tag_length = client_split_tag(&s)) > 0) {
            if (!client_split_dollar(&s, tag_length)) {
                return CLIENT_SPLIT_DOLLAR;
            }
        } else {
            s.pos++;
        }
    }
    return state;
}

bool client_split_subscribe(const char *text, size_t length, const char **what, size_t *what_length)
{
    struct client_splitter s = {.text = text, .length = length};
    client_split_blanks(&s);
    if (!client_split_word(&s, "subscribe")) {
        return false;
    }
    client_split_blanks(&s);
    if (client_split_word(&s, "to")) {
        client_split_blanks(&s);
    }
    size_t end = length;
    while (end > s.pos && client_split_is_blank(text[end - 1])) {
        end--;
    }
    end -= end > s.pos && text[end - 1] == ';';
    while (end > s.pos && client_split_is_blank(text[end - 1])) {
        end--;
    }
    *what = text + s.pos;
    *what_length = end - s.pos;
    return true;
}

/* Step over white space and whole comments. */
static void client_split_blanks(struct client_splitter *s)
{
    while (s->pos < s->length) {
        if (client_split_is(s, "--")) {
            const char *line = memchr(s->text + s->pos, '\n', s->length - s->pos);
            s->pos = line == NULL ? s->length : (size_t)(line - s->text);
        } else if (client_split_is(s, "/*")) {
            if (!client_split_comment(s)) {
                return;
            }
        } else if (client_split_is_blank(s->text[s->pos])) {
            s->pos++;
        } else {
            return;
        }
    }
}

/* Step over `word`, whatever its case, if it stands here. */
static bool client_split_word(struct client_splitter *s, const char *word)
{
    size_t length = strlen(word);
    bool is_here =
        s->length - s->pos >= length && strncasecmp(s->text + s->pos, word, length) == 0 &&
        (s->length - s->pos == length ||
         (!client_split_is_name(s->text[s->pos + length]) && s->text[s->pos + length] != '$'));
    s->pos += is_here ? length : 0;
    return is_here;
}

static bool client_split_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* Step over a quoted piece. A doubled quote is two pieces in a row, which comes to the same. */
static bool client_split_quoted(struct client_splitter *s, char quote, bool has_escapes)
{
    for (s->pos++; s->pos < s->length; s->pos++) {
        if (s->text[s->pos] == quote) {
            s->pos++;
            return true;
        }
        s->pos += has_escapes && s->text[s->pos] == '\\';
    }
    return false;
}

static bool client_split_comment(struct client_splitter *s)
{
    size_t depth = 0;
    while (s->pos < s->length) {
        bool opens = client_split_is(s, "/*"), closes = client_split_is(s, "*/");
        s->pos += opens || closes ? 2 : 1;
        depth += opens;
        if (closes && --depth == 0) {
            return true;
        }
    }
    return false;
}

/* Bytes of the `$tag$` here; 0: it is none. */
static size_t client_split_tag(const struct client_splitter *s)
{
    size_t length = 1;
    while (s->pos + length < s->length && client_split_is_name(s->text[s->pos + length])) {
        length++;
    }
    char first = s->text[s->pos + 1 < s->length ? s->pos + 1 : s->pos];
    bool is_number = first >= '0' && first <= '9';
    bool is_closed = s->pos + length < s->length && s->text[s->pos + length] == '$';
    return is_closed && !is_number ? length + 1 : 0;
}

static bool client_split_dollar(struct client_splitter *s, size_t tag_length)
{
    size_t behind = s->pos + tag_length;
    const char *close = memmem(s->text + behind, s->length - behind, s->text + s->pos, tag_length);
    if (close == NULL) {
        return false;
    }
    s->pos = (size_t)(close - s->text) + tag_length;
    return true;
}

static bool client_split_is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool client_split_is(const struct client_splitter *s, const char *two)
{
    return s->length - s->pos >= 2 && memcmp(s->text + s->pos, two, 2) == 0;
}
