/* A C file as the house rules see it: tokens, and the items (functions, prototypes, variables) of a
 * scope.
 *
 * A lexer and a reader of declarations, not a compiler: no macro is expanded and both branches of
 * an #if are read. That is exact for files in the house form; a file that hides its braces in
 * macros is read badly, and should be. Comments, strings and directives are tokens of their own, so
 * no rule mistakes them for code. Nothing here reports; the rules do. */
#ifndef TESTS_TIDY_SOURCE_H
#define TESTS_TIDY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

enum source_kind {
    SOURCE_WORD,    /* identifier or keyword */
    SOURCE_NUMBER,  /* preprocessing number */
    SOURCE_STRING,  /* with its quotes */
    SOURCE_CHAR,    /* with its quotes */
    SOURCE_PUNCT,   /* one character; "->" is two tokens */
    SOURCE_COMMENT, /* whole, with its marks */
};

/* One token. */
struct source_token {
    const char *text;      /* in the file's text, not terminated */
    size_t length;         /* bytes of it */
    unsigned line;         /* of its first byte, from 1 */
    unsigned line_last;    /* of its last byte: differs for comments */
    enum source_kind kind; /* what it is */
    bool in_directive;     /* part of a preprocessor line, continuations included */
    bool starts_line;      /* nothing but blanks before it on its line */
};

/* A file, read. */
struct source {
    const char *path;            /* from the repository's root */
    const char *text;            /* the file, owned by the caller, who keeps it */
    size_t length;               /* bytes of it */
    struct source_token *tokens; /* in order; owned */
    size_t count;                /* of tokens */
    size_t capacity;             /* tokens there is room for */
};

enum source_item_kind {
    SOURCE_ITEM_FUNCTION,  /* definition, with its body */
    SOURCE_ITEM_PROTOTYPE, /* declaration of a function */
    SOURCE_ITEM_VARIABLE,  /* definition or declaration of an object */
    SOURCE_ITEM_OTHER,     /* type, typedef, static_assert, macro call */
};

/* One declaration. All positions are token indexes. */
struct source_item {
    enum source_item_kind kind; /* what is declared */
    size_t first;               /* its first token */
    size_t last;                /* its last token: ";" or "}" */
    size_t name;                /* what it declares; `first` when it has no name */
    size_t body;                /* the "{" of a function's body, else 0 */
    bool is_const;              /* the object itself cannot change (not only what it points to) */
    bool is_extern;             /* says `extern` */
    bool is_thread_local;       /* says `_Thread_local` or a synonym */
};

/* Read `length` bytes of `text` into tokens. Both strings stay with the caller and must outlive
 * `s`. Any bytes are accepted. End with source_close. */
void source_open(struct source *s, const char *path, const char *text, size_t length);

/* Give the tokens back. */
void source_close(struct source *s);

/* Whether token `i` exists and reads `word`. */
bool source_is(const struct source *s, size_t i, const char *word);

/* The first token at or after `i` that is code: no comment, no directive. s->count when none is. */
size_t source_code(const struct source *s, size_t i);

/* The bracket that closes the one at `i`, directives left out; the last token when none does. */
size_t source_match(const struct source *s, size_t i);

/* Read the declaration that begins at or after token `from`; false at the end. Continue at
 * item->last + 1. */
bool source_item(const struct source *s, size_t from, struct source_item *item);

/* The target of the #include at token `i`, in the file's text: true when token `i` is the word
 * `include` of a directive and a target follows. `*is_quoted`: "..." and not <...>. */
bool source_include(const struct source *s, size_t i, const char **target, size_t *length,
                    bool *is_quoted);

#endif
