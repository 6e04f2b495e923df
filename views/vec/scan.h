/* A cursor over the text of a value: what the parsers of views/vec share. White space and letters
 * are those of ASCII. */
#ifndef VIEWS_VEC_SCAN_H
#define VIEWS_VEC_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Text not read yet. */
struct vec_scan {
    const char *at;  /* next byte */
    const char *end; /* one past the last */
};

/* The `length` bytes of `text`, which is kept by the caller. */
static inline struct vec_scan vec_scan(const char *text, size_t length)
{
    return (struct vec_scan){.at = text, .end = text + length};
}

/* What the C locale calls white space. */
static inline bool vec_scan_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A decimal digit. */
static inline bool vec_scan_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The letter in lower case; other bytes as they are. */
static inline char vec_scan_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* A letter of ASCII. */
static inline bool vec_scan_is_letter(char c)
{
    c = vec_scan_lower(c);
    return c >= 'a' && c <= 'z';
}

/* Step over white space. */
static inline void vec_scan_spaces(struct vec_scan *s)
{
    while (s->at < s->end && vec_scan_is_space(*s->at)) {
        s->at++;
    }
}

/* Drop white space at both ends. */
static inline void vec_scan_trim(struct vec_scan *s)
{
    vec_scan_spaces(s);
    while (s->end > s->at && vec_scan_is_space(s->end[-1])) {
        s->end--;
    }
}

/* Step over `c` if it is next. */
static inline bool vec_scan_byte(struct vec_scan *s, char c)
{
    bool is_next = s->at < s->end && *s->at == c;
    s->at += is_next;
    return is_next;
}

/* Whether all that is left is `word`, which is in lower case, whatever the case of the text. */
static inline bool vec_scan_word_is(struct vec_scan s, const char *word)
{
    while (s.at < s.end && *word != '\0' && vec_scan_lower(*s.at) == *word) {
        s.at++;
        word++;
    }
    return s.at == s.end && *word == '\0';
}

#endif
