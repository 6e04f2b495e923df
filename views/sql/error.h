/* What is wrong with a statement, and where: SQLSTATE, sentence, place, hint. Parser and binder
 * fill it; shell, HTTP and pgwire show it in their own ways.
 *
 *     42601 syntax error at or near "FORM" (line 1, column 10)
 *     LINE 1: SELECT * FORM t
 *                      ^
 *     HINT: Did you mean FROM?
 *
 * Sentences follow PostgreSQL's where it has one. Places are bytes of the statement's text; line
 * and column are for people: both from 1, a column is a character. */
#ifndef VIEWS_SQL_ERROR_H
#define VIEWS_SQL_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"

/* Room for a sentence and its NUL; a longer one is cut at a character. */
#define SQL_ERROR_TEXT_BYTES 256

/* Room for what sql_error_format writes, its NUL included. */
#define SQL_ERROR_FORMAT_BYTES 1536

/* Columns of a terminal that the excerpt takes of the statement's line. */
#define SQL_ERROR_EXCERPT_COLUMNS 72

/* name, SQLSTATE, the error of the house that stands for it. Codes: PostgreSQL 15, appendix A. */
#define SQL_STATE_TABLE(X)                                                                         \
    X(FEATURE_NOT_SUPPORTED, "0A000", ERR_UNSUPPORTED)                                             \
    X(NUMERIC_VALUE_OUT_OF_RANGE, "22003", ERR_INVALID)                                            \
    X(INVALID_DATETIME_FORMAT, "22007", ERR_INVALID)                                               \
    X(DATETIME_FIELD_OVERFLOW, "22008", ERR_INVALID)                                               \
    X(INVALID_TIME_ZONE_DISPLACEMENT, "22009", ERR_INVALID)                                        \
    X(SUBSTRING_ERROR, "22011", ERR_INVALID)                                                       \
    X(DIVISION_BY_ZERO, "22012", ERR_INVALID)                                                      \
    X(INTERVAL_FIELD_OVERFLOW, "22015", ERR_INVALID)                                               \
    X(INVALID_ARGUMENT_FOR_LOG, "2201E", ERR_INVALID)                                              \
    X(INVALID_ARGUMENT_FOR_POWER, "2201F", ERR_INVALID)                                            \
    X(INVALID_LIMIT, "2201W", ERR_INVALID)                                                         \
    X(INVALID_OFFSET, "2201X", ERR_INVALID)                                                        \
    X(CHARACTER_NOT_IN_REPERTOIRE, "22021", ERR_INVALID)                                           \
    X(INVALID_PARAMETER_VALUE, "22023", ERR_INVALID)                                               \
    X(INVALID_ESCAPE_SEQUENCE, "22025", ERR_INVALID)                                               \
    X(INVALID_TEXT_REPRESENTATION, "22P02", ERR_INVALID)                                           \
    X(UNTRANSLATABLE_CHARACTER, "22P05", ERR_INVALID)                                              \
    X(INVALID_SCHEMA_NAME, "3F000", ERR_INVALID)                                                   \
    X(INSUFFICIENT_PRIVILEGE, "42501", ERR_INVALID)                                                \
    X(SYNTAX_ERROR, "42601", ERR_INVALID)                                                          \
    X(NAME_TOO_LONG, "42622", ERR_TOO_LARGE)                                                       \
    X(DUPLICATE_COLUMN, "42701", ERR_INVALID)                                                      \
    X(AMBIGUOUS_COLUMN, "42702", ERR_INVALID)                                                      \
    X(UNDEFINED_COLUMN, "42703", ERR_INVALID)                                                      \
    X(UNDEFINED_OBJECT, "42704", ERR_INVALID)                                                      \
    X(DUPLICATE_ALIAS, "42712", ERR_INVALID)                                                       \
    X(AMBIGUOUS_FUNCTION, "42725", ERR_INVALID)                                                    \
    X(GROUPING_ERROR, "42803", ERR_INVALID)                                                        \
    X(DATATYPE_MISMATCH, "42804", ERR_INVALID)                                                     \
    X(WRONG_OBJECT_TYPE, "42809", ERR_INVALID)                                                     \
    X(CANNOT_COERCE, "42846", ERR_INVALID)                                                         \
    X(UNDEFINED_FUNCTION, "42883", ERR_INVALID)                                                    \
    X(RESERVED_NAME, "42939", ERR_INVALID)                                                         \
    X(UNDEFINED_TABLE, "42P01", ERR_INVALID)                                                       \
    X(UNDEFINED_PARAMETER, "42P02", ERR_INVALID)                                                   \
    X(AMBIGUOUS_PARAMETER, "42P08", ERR_INVALID)                                                   \
    X(AMBIGUOUS_ALIAS, "42P09", ERR_INVALID)                                                       \
    X(INVALID_COLUMN_REFERENCE, "42P10", ERR_INVALID)                                              \
    X(OUT_OF_MEMORY, "53200", ERR_BUDGET)                                                          \
    X(PROGRAM_LIMIT_EXCEEDED, "54000", ERR_TOO_LARGE)                                              \
    X(STATEMENT_TOO_COMPLEX, "54001", ERR_TOO_LARGE)                                               \
    X(TOO_MANY_COLUMNS, "54011", ERR_TOO_LARGE)                                                    \
    X(TOO_MANY_ARGUMENTS, "54023", ERR_TOO_LARGE)

enum sql_state {
    SQL_STATE_NONE, /* no error */
#define SQL_STATE_ENUM(name, code, err) SQL_STATE_##name,
    SQL_STATE_TABLE(SQL_STATE_ENUM)
#undef SQL_STATE_ENUM
        SQL_STATE_COUNT,
    SQL_STATE_OTHER = SQL_STATE_COUNT /* one that is not in the table: sql_error.code says which */
};

/* A stretch of a statement's text. */
struct sql_at {
    uint32_t pos;    /* its first byte */
    uint32_t length; /* its bytes; 0: between two characters, or at the end */
};

/* No place: an error that is nobody's word, like a statement that took too long. */
#define SQL_AT_NONE ((struct sql_at){UINT32_MAX, 0})

/* One error, in place. Filled by the functions below. */
struct sql_error {
    enum sql_state state;               /* SQL_STATE_NONE: nothing was wrong */
    const char *code;                   /* the SQLSTATE, "00000" for NONE; static storage */
    struct sql_at at;                   /* where, in bytes */
    uint32_t line;                      /* of at.pos, from 1; 0: it has no place */
    uint32_t column;                    /* of at.pos, in characters from 1; 0 likewise */
    char message[SQL_ERROR_TEXT_BYTES]; /* the sentence, one printable line */
    char hint[SQL_ERROR_TEXT_BYTES];    /* what to do, one printable line; "": none */
};

/* No error. */
void sql_error_clear(struct sql_error *error);

/* Set everything but the hint, which is emptied: `state` at `at` of the `length` bytes of `text`,
 * with the sentence that `format` gives. A place past the end is the end. Returns the enum err of
 * `state`: `return sql_error_set(...)`. */
enum err sql_error_set(struct sql_error *error, enum sql_state state, struct sql_at at,
                       const char *text, size_t length, const char *format, ...) PRINTF(6, 7);

/* The same with any SQLSTATE, `code` (static storage), and perhaps SQL_AT_NONE: what running a
 * statement finds. */
void sql_error_set_code(struct sql_error *error, const char *code, struct sql_at at,
                        const char *text, size_t length, const char *format, ...) PRINTF(6, 7);

/* Set the hint of an error. */
void sql_error_hint(struct sql_error *error, const char *format, ...) PRINTF(2, 3);

/* "42601". Static storage. `state` is one (asserted). */
const char *sql_state_code(enum sql_state state);

/* The state of that code, as of a fault (vec_fault_state); SQL_STATE_NONE: none of the table. */
enum sql_state sql_state_find(const char *code);

/* The enum err of `state`, which is one (asserted). */
enum err sql_state_err(enum sql_state state);

/* Write the line of `text` (as given to sql_error_set) in which `error`, which has a place, stands,
 * as "LINE n: ...", and a line with a caret under the place, each with its newline. Of a long line
 * a stretch around the place stands there, with "..." where it is cut; tabs are one space, control
 * characters and bytes that are not UTF-8 a question mark; characters as wide as two columns are
 * counted so. */
void sql_error_excerpt(struct bytes_writer *w, const struct sql_error *error, const char *text,
                       size_t length);

/* Write the whole of `error` as in the example above, NUL-terminated, last newline included.
 * Returns the length written, without the NUL. `out_bytes` >= 1; what does not fit is cut. */
size_t sql_error_format(const struct sql_error *error, const char *text, size_t length, char *out,
                        size_t out_bytes);

#endif
