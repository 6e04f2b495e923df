/* What the parser's files share. A function named after a part of the grammar reads that part from
 * the current token on and leaves the token behind it; NULL or false: it failed, and p->error says
 * how. The grammar stands above each function: 'a' | b is a choice, [a] may be missing, a* repeats.
 */
#ifndef VIEWS_SQL_PARSE_INT_H
#define VIEWS_SQL_PARSE_INT_H

#include "views/sql/lex.h"
#include "views/sql/parse.h"
#include "views/sql/stmt.h"

/* Operators by how tightly they bind, loosest first (PostgreSQL 15 manual, 4.1.6). */
enum sql_precedence {
    SQL_PRECEDENCE_NONE,
    SQL_PRECEDENCE_OR,      /* left */
    SQL_PRECEDENCE_AND,     /* left */
    SQL_PRECEDENCE_NOT,     /* prefix */
    SQL_PRECEDENCE_IS,      /* none: IS, ISNULL, NOTNULL */
    SQL_PRECEDENCE_COMPARE, /* none: < > = <= >= <> */
    SQL_PRECEDENCE_LIKE,    /* none: BETWEEN IN LIKE ILIKE SIMILAR */
    SQL_PRECEDENCE_OTHER,   /* left; prefix: every other operator */
    SQL_PRECEDENCE_ADD,     /* left: + - */
    SQL_PRECEDENCE_MUL,     /* left: * / % */
    SQL_PRECEDENCE_POW,     /* left: ^ */
    SQL_PRECEDENCE_AT,      /* left: AT TIME ZONE */
    SQL_PRECEDENCE_COLLATE, /* left */
    SQL_PRECEDENCE_SIGN,    /* prefix: + - */
    SQL_PRECEDENCE_CAST,    /* left: :: */
    SQL_PRECEDENCE_PRIMARY, /* what needs no parentheses */
};

/* The parser's own recursion: a tree of SQL_DEPTH_MAX, printed, takes at most twice that, a level
 * for an operand and one for parentheses around it. So what was accepted is accepted when printed.
 */
#define SQL_PARSE_DEPTH_MAX (2 * SQL_DEPTH_MAX + 8)

/* A parse. */
struct sql_parser {
    struct sql_lex lex;     /* behind `ahead` if has_ahead, else behind `token` */
    struct sql_token token; /* the current one */
    struct sql_token ahead; /* the one after it */
    bool has_ahead;         /* it has been read */
    struct sql_at last;     /* the token before the current one */
    struct sql_at label;    /* the last name taken for an alias without AS: perhaps a misspelling */
    struct arena *arena;    /* for the tree */
    struct sql_error *error; /* what was wrong */
    enum err err;            /* ERR_OK until something was */
    uint32_t depth;          /* expressions and SELECTs open now */
    uint32_t nodes_count;    /* allocations made for the tree */
    bool has_bare_star;      /* a SELECT * without FROM was read: an error once all is */
    struct sql_at bare_star; /* its star */
    uint32_t parens_begin;   /* a row of '(' and what follows it: from here ... */
    uint32_t parens_end;     /* ... to here, */
    bool parens_are_select;  /* and whether a SELECT follows there */
    uint32_t params_count;   /* the largest n of $n in this statement */
};

/* parse.c: tokens. */

/* Step over the current token. False: the next one is none. */
bool sql_parse_advance(struct sql_parser *p);

/* The token after the current one; of kind SQL_TOKEN_END also when it cannot be read, which shows
 * when it becomes the current one. */
const struct sql_token *sql_parse_ahead(struct sql_parser *p);

/* Whether the current token, or the one after it, is `keyword` or of `kind`. */
bool sql_parse_is(const struct sql_parser *p, enum sql_keyword keyword);
bool sql_parse_is_kind(const struct sql_parser *p, enum sql_token_kind kind);
bool sql_parse_is_ahead(struct sql_parser *p, enum sql_keyword keyword);
bool sql_parse_is_ahead_kind(struct sql_parser *p, enum sql_token_kind kind);

/* If the current token is that, step over it; true only then. p->err tells a failed step. */
bool sql_parse_take(struct sql_parser *p, enum sql_keyword keyword);
bool sql_parse_take_kind(struct sql_parser *p, enum sql_token_kind kind);

/* Step over the current token, which must be that: else a syntax error. */
bool sql_parse_expect(struct sql_parser *p, enum sql_keyword keyword);
bool sql_parse_expect_kind(struct sql_parser *p, enum sql_token_kind kind);

/* From the first byte of `begin` to the end of the token before the current one. */
struct sql_at sql_parse_since(const struct sql_parser *p, struct sql_at begin);

/* parse.c: what is wrong. All return false. */

/* A syntax error at the current token, where one of `words` (ended by SQL_NO_KEYWORD; NULL: none)
 * could have stood: the hint names the nearest, if the token is a name that is like one. */
bool sql_parse_fail(struct sql_parser *p, const enum sql_keyword *words);

/* `state` at `at`, with the sentence; at most one hint by sql_error_hint(p->error, ...) may follow.
 */
bool sql_parse_fail_at(struct sql_parser *p, enum sql_state state, struct sql_at at,
                       const char *format, ...) PRINTF(4, 5);

/* 0A000 at `at`: "WHAT is not supported", and the hint (NULL: none). */
bool sql_parse_refuse(struct sql_parser *p, struct sql_at at, const char *what, const char *hint);

/* parse.c: memory and depth. */

/* `bytes`, zeroed, for a part of the tree. NULL: 53200 or 54001. */
void *sql_parse_alloc(struct sql_parser *p, size_t bytes);

/* Make room in the array at *items of `count` elements of `bytes` each for one more, zeroed, and
 * return it. The array moves when `count` is a power of two. */
void *sql_parse_grow(struct sql_parser *p, void *items, uint32_t count, size_t bytes);

/* Add `expr` (NULL: has failed, returns false) to `list`. */
bool sql_parse_add(struct sql_parser *p, struct sql_exprs *list, struct sql_expr *expr);

/* One level deeper: false (54001) past SQL_PARSE_DEPTH_MAX. Leave it by p->depth--. */
bool sql_parse_enter(struct sql_parser *p);

/* parse_name.c: names. */

/* Which keywords are names there. */
enum sql_name_use {
    SQL_NAME_COLUMN,   /* columns, tables, aliases of tables */
    SQL_NAME_FUNCTION, /* functions, types */
    SQL_NAME_LABEL,    /* behind AS or a point: every word */
};

/* Whether the current token is a name for that use. */
bool sql_parse_is_name(const struct sql_parser *p, enum sql_name_use use);
/* *out = the name at the current token, copied. */
bool sql_parse_name(struct sql_parser *p, enum sql_name_use use, struct sql_name *out);

/* name ('.' name)*, the first by `use`; at most three. */
bool sql_parse_path(struct sql_parser *p, enum sql_name_use use, struct sql_names *out);

/* name ('.' name)* '.' '*', known to stand here: the names. */
bool sql_parse_path_star(struct sql_parser *p, struct sql_names *out);

/* '(' name (',' name)* ')' */
bool sql_parse_names(struct sql_parser *p, struct sql_names *out);

/* What a string stands for. */
bool sql_parse_string(struct sql_parser *p, struct sql_text *out);

/* parse_type.c, parse_expr.c, parse_call.c, parse_select.c, parse_from.c, parse_stream.c,
 * parse_view.c, parse_refuse.c: the grammar. */

/* A type's name with its modifiers. */
struct sql_type *sql_parse_type(struct sql_parser *p);
/* The type that the path `name` is, with the integers `args` (NULL: none) as modifiers. */
struct sql_type *sql_parse_type_of(struct sql_parser *p, const struct sql_names *name,
                                   const struct sql_exprs *args);
/* The fields of an interval, if some stand here. */
bool sql_parse_interval_fields(struct sql_parser *p, struct sql_type *type);
/* Whether the current token begins a type that a string may follow: DATE '...', and it does. */
bool sql_parse_is_typed(struct sql_parser *p);

/* An expression of operators that bind tighter than `above`. `is_b`: without those that BETWEEN and
 * POSITION could take for theirs (PostgreSQL's b_expr). */
struct sql_expr *sql_parse_expr(struct sql_parser *p, enum sql_precedence above, bool is_b);
/* Expressions with commas between them, one or more. */
bool sql_parse_exprs(struct sql_parser *p, struct sql_exprs *out);
/* A new expression of `kind` from `begin` to the token before the current one. */
struct sql_expr *sql_parse_node(struct sql_parser *p, enum sql_expr_kind kind, struct sql_at begin);
/* Give `expr` its height, from that of `operand` (NULL: nothing). False (54001): too high. */
bool sql_parse_raise(struct sql_parser *p, struct sql_expr *expr, const struct sql_expr *operand);
/* How tightly an operator binds between operands. */
enum sql_precedence sql_op_precedence(enum sql_op op);

/* What stands alone between operators: a constant, a column, a call, CASE, (...). */
struct sql_expr *sql_parse_primary(struct sql_parser *p);
/* A constant of `kind` whose text is that of the current token, or for a string what it stands for.
 */
struct sql_expr *sql_parse_constant(struct sql_parser *p, enum sql_expr_kind kind);

/* The constant of the type `name` with modifiers `args` whose string is the current token. */
struct sql_expr *sql_parse_typed_call(struct sql_parser *p, const struct sql_names *name,
                                      const struct sql_exprs *args);

/* Calls with a grammar of their own: CAST(a AS b), EXTRACT(a FROM b), CURRENT_DATE and so on.
 * *is_special = the current token begins one. */
struct sql_expr *sql_parse_special(struct sql_parser *p, bool *is_special);
/* The call that follows the name `name`, at its '('. */
struct sql_expr *sql_parse_call(struct sql_parser *p, const struct sql_names *name);
/* A call from `begin` to the token before the current one, of `form` and with `args`; its name is
 * `name` (static storage) for a special form. */
struct sql_expr *sql_parse_call_node(struct sql_parser *p, struct sql_at begin, const char *name,
                                     enum sql_call_form form, struct sql_exprs args);

/* SELECT or VALUES with what stands around it, parentheses too. */
struct sql_select *sql_parse_select(struct sql_parser *p);
/* Whether one begins at the current token, behind however many parentheses. */
bool sql_parse_is_select(struct sql_parser *p);
/* What stands behind FROM. */
struct sql_from *sql_parse_from(struct sql_parser *p);

/* CREATE STREAM, from its first word on, into stmt->create. */
bool sql_parse_create_stream(struct sql_parser *p, struct sql_stmt *stmt);

/* CREATE, DROP and ALTER MATERIALIZED VIEW, from their first words on: parse_view.c. */
bool sql_parse_create_view(struct sql_parser *p, struct sql_stmt *stmt);
bool sql_parse_drop_view(struct sql_parser *p, struct sql_stmt *stmt);
bool sql_parse_alter_view(struct sql_parser *p, struct sql_stmt *stmt);

/* ['IF' 'EXISTS'] */
bool sql_parse_if_exists(struct sql_parser *p, struct sql_stmt *stmt);

/* Whether the statement that begins here is one of those that are refused by their first words;
 * then p->error says so. */
bool sql_parse_refuse_stmt(struct sql_parser *p);

#endif
