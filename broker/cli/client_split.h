/* Where statements of SQL end, as far as a shell has to know: at a semicolon that is not within
 * quotes or a comment. Pure. */
#ifndef BROKER_CLI_CLIENT_SPLIT_H
#define BROKER_CLI_CLIENT_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

/* How a text that holds no whole statement ends. */
enum client_split {
    CLIENT_SPLIT_WHOLE,   /* it holds one */
    CLIENT_SPLIT_EMPTY,   /* white space and whole comments only */
    CLIENT_SPLIT_BEGUN,   /* behind a word, with the semicolon to come */
    CLIENT_SPLIT_STRING,  /* within '...' */
    CLIENT_SPLIT_NAME,    /* within "..." */
    CLIENT_SPLIT_DOLLAR,  /* within $$...$$ or $tag$...$tag$ */
    CLIENT_SPLIT_COMMENT, /* within a comment */
};

/* Find the first statement in `length` bytes of `text`. WHOLE: *end is behind its semicolon; else
 * `length`. A semicolon behind nothing is a whole statement. */
enum client_split client_split(const char *text, size_t length, size_t *end);

/* How far a text has been looked through that grows by lines. Zeroed: not at all. */
struct client_split_place {
    size_t pos;     /* of a line that begins outside quotes and comments */
    bool has_begun; /* there is a word of a statement before it */
};

/* The same of a text of which the beginning, as far as `place` says, was looked through before. */
enum client_split client_split_on(const char *text, size_t length, struct client_split_place *place,
                                  size_t *end);

/* Whether the statement in `length` bytes of `text` is SUBSCRIBE [TO] ...: then *what is behind
 * that, *what_length bytes without the semicolon and blanks at the end. */
bool client_split_subscribe(const char *text, size_t length, const char **what,
                            size_t *what_length);

#endif
