/* SQL text into tokens, by the rules of PostgreSQL 15 (manual, 4.1): names, "quoted names", strings
 * of four kinds, numbers, $n, operators of any length, nested comments.
 *
 * A text is checked once by sql_lex_check; then tokens are stretches of it, and what a string or a
 * name stands for is asked for apart. Nothing here knows which words are special where. Pure. */
#ifndef VIEWS_SQL_LEX_H
#define VIEWS_SQL_LEX_H

#include <stdbool.h>

#include "base/arena.h"
#include "views/sql/ast.h"
#include "views/sql/keyword.h"

/* The longest text, in bytes. */
#define SQL_TEXT_BYTES_MAX (1u << 20)

/* The longest operator, in signs (PostgreSQL's NAMEDATALEN - 1). */
#define SQL_OPERATOR_BYTES_MAX 63

/* The largest n of $n: what PostgreSQL's protocol counts. */
#define SQL_PARAMS_MAX 65535

enum sql_token_kind {
    SQL_TOKEN_END,
    SQL_TOKEN_NAME,        /* a name without quotes, or a keyword */
    SQL_TOKEN_QUOTED_NAME, /* "a" */
    SQL_TOKEN_STRING,      /* 'a', E'a', $$a$$ */
    SQL_TOKEN_INTEGER,     /* digits */
    SQL_TOKEN_DECIMAL,     /* digits with a point or an exponent */
    SQL_TOKEN_PARAM,       /* $1 */
    SQL_TOKEN_OPERATOR,    /* one or more of + - * / < > = ~ ! @ # % ^ & | ` ? */
    SQL_TOKEN_LEFT_PAREN,
    SQL_TOKEN_RIGHT_PAREN,
    SQL_TOKEN_LEFT_BRACKET,
    SQL_TOKEN_RIGHT_BRACKET,
    SQL_TOKEN_COMMA,
    SQL_TOKEN_SEMICOLON,
    SQL_TOKEN_DOT,
    SQL_TOKEN_COLON,
    SQL_TOKEN_CAST,    /* :: */
    SQL_TOKEN_DOT_DOT, /* .. */
    SQL_TOKEN_ASSIGN,  /* := */
    SQL_TOKEN_ARROW,   /* => */
    SQL_TOKEN_OTHER    /* a character that begins nothing */
};

/* One token. */
struct sql_token {
    enum sql_token_kind kind; /* what it is */
    struct sql_at at;         /* its text */
    enum sql_keyword keyword; /* NAME: which keyword, or SQL_NO_KEYWORD */
    enum sql_op op;           /* OPERATOR: which */
    uint32_t param;           /* PARAM: its n */
};

/* A text and how far it is read. */
struct sql_lex {
    const char *text; /* the statement, owned by the caller */
    uint32_t length;  /* bytes of it */
    uint32_t pos;     /* the next byte */
};

/* Whether `text` may be lexed: at most SQL_TEXT_BYTES_MAX bytes of UTF-8 without NUL. ERR_TOO_LARGE
 * and ERR_INVALID with `error` filled (54000, 22021). */
MUST_USE enum err sql_lex_check(const char *text, size_t length, struct sql_error *error);

/* A lexer at the first byte of a text that sql_lex_check accepted; it must outlive the lexer. */
struct sql_lex sql_lex(const char *text, size_t length);

/* *token = the next one; at the end SQL_TOKEN_END, again and again. `keyword` is looked up only
 * where `is_with_keywords`. ERR_INVALID, ERR_UNSUPPORTED: `error` says what and where; the lexer
 * stays there. */
MUST_USE enum err sql_lex_next(struct sql_lex *lex, bool is_with_keywords, struct sql_token *token,
                               struct sql_error *error);

/* *out = what `token`, a STRING, NAME or QUOTED_NAME of `lex`, stands for, copied into `arena`.
 * ERR_INVALID: an escape that means nothing (22025, 22021, 42601); ERR_BUDGET, ERR_TOO_LARGE: as
 * the arena; `error` filled. */
MUST_USE enum err sql_lex_text(const struct sql_lex *lex, const struct sql_token *token,
                               struct arena *arena, struct sql_text *out, struct sql_error *error);

/* The signs of `op`, which is not SQL_OP_OTHER (asserted). Static storage. */
const char *sql_op_text(enum sql_op op);

#endif
