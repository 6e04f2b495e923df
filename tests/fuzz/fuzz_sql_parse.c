/* Any text, and any words of SQL in a row, as a statement. Whatever comes of it: places lie within
 * the text, a tree prints and reads back to the same print, the key of the plan cache means the
 * same, and less memory changes nothing but the error. */
#include <string.h>

#include "base/json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/sql/places.h"
#include "views/sql/keyword.h"
#include "views/sql/normal.h"
#include "views/sql/parse.h"
#include "views/sql/print.h"

/* The longest text that is tried. */
#define FUZZ_TEXT_BYTES_MAX 4096

/* Memory that is enough for all but a hostile text. */
#define FUZZ_ARENA_BYTES (4u << 20)

/* What stands between keywords. */
static const char *const fuzz_words[] = {
    "a",
    "b",
    "t",
    "\"q\"",
    "1",
    "2.5",
    "'s'",
    "$1",
    "(",
    ")",
    "(",
    ")",
    ",",
    ",",
    ".",
    "*",
    "+",
    "-",
    "/",
    "%",
    "^",
    "=",
    "<>",
    "<",
    ">=",
    "||",
    "->",
    "->>",
    "::",
    "::int",
    "::text",
    "[",
    "]",
    ";",
    "--x\n",
    "/*y*/",
    "E'\\n'",
    "$$z$$",
    "count(*)",
    "f(a)",
    "int",
    "date '2020-01-01'",
    "TUMBLE(",
    "interval '1' day",
    "SELECT a FROM t",
    "SELECT",
    "FROM t",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "IS NULL",
    "IS DISTINCT FROM",
    "BETWEEN",
    "IN (1, 2)",
    "LIKE",
    "ESCAPE",
    "CASE WHEN",
    "THEN",
    "ELSE",
    "END",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "AT TIME ZONE",
    "NULLS FIRST",
    "VALUES (1)",
    "WITH a AS (",
    "CREATE STREAM s (",
    "CREATE MATERIALIZED VIEW v AS",
    "CREATE MATERIALIZED VIEW v (a, b) WITH (",
    "origin = 'latest'",
    "ALTER MATERIALIZED VIEW v",
    "RENAME TO w",
    "SHOW CREATE",
    "FROM TOPIC t FORMAT JSON",
    "PATH '$.a'",
    "FROM KEY",
    "UNIT ms",
    "position(",
    "extract(",
    "substring(",
    "trim(",
    "cast(",
    "AS",
    "@",
    "~",
    "?",
    "\"",
    "'",
    "\xc3\xa9",
};

/* What one text came to. */
struct fuzz_parse {
    enum err err;           /* sql_parse's */
    struct sql_error error; /* when not ERR_OK */
    size_t length;          /* of the print, when ERR_OK */
    char print[SQL_PRINT_BYTES_MAX(SQL_NORMAL_BYTES_MAX(FUZZ_TEXT_BYTES_MAX))];
};

static void fuzz_check_place(void *context, const struct sql_place *place)
{
    const size_t *length = context;
    ASSERT(place->at.pos <= *length);
    ASSERT(place->at.length <= *length - place->at.pos);
    ASSERT(place->point_pos <= *length);
}

static void fuzz_check_error(const struct sql_error *error, const char *text, size_t length)
{
    char out[SQL_ERROR_FORMAT_BYTES];
    ASSERT(error->state != SQL_STATE_NONE);
    ASSERT(error->at.pos <= length);
    ASSERT(error->at.length <= length - error->at.pos);
    ASSERT(error->line >= 1);
    ASSERT(error->column >= 1);
    ASSERT(error->message[0] != '\0');
    size_t written = sql_error_format(error, text, length, out, sizeof(out));
    ASSERT(written < sizeof(out) - 1);
    ASSERT(json_is_utf8(out, written));
    for (size_t i = 0; i < written; i++) {
        ASSERT((unsigned char)out[i] >= 0x20 || out[i] == '\n');
    }
}

/* Parse `text` with `arena_bytes` of memory and print what it is. */
static void fuzz_parse(struct fuzz_parse *out, const char *text, size_t length, size_t arena_bytes)
{
    struct budget budget;
    struct arena arena;
    struct sql_stmt *stmt;
    struct sql_stmts stmts;
    struct sql_error ignored;
    budget_init(&budget, "fuzz", 2 * FUZZ_ARENA_BYTES, NULL);
    arena_init(&arena, &budget, 4096, arena_bytes);
    out->err = sql_parse(text, length, &arena, &stmt, &out->error);
    ASSERT((out->err == ERR_OK) == (stmt != NULL));
    if (out->err == ERR_OK) {
        ASSERT(out->error.state == SQL_STATE_NONE);
        sql_places_visit(stmt, fuzz_check_place, &length);
        struct bytes_writer w = bytes_writer(out->print, SQL_PRINT_BYTES_MAX(length));
        sql_print_stmt(&w, stmt);
        ASSERT(w.err == ERR_OK);
        out->length = w.pos;
        enum err err = sql_parse_list(text, length, &arena, &stmts, &ignored);
        ASSERT(IMPLIES(err == ERR_OK, stmts.count == 1));
        ASSERT(err == ERR_OK || err == ERR_BUDGET);
    } else {
        ASSERT(out->err == sql_state_err(out->error.state));
        fuzz_check_error(&out->error, text, length);
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
}

static void fuzz_check_same(const struct fuzz_parse *a, const struct fuzz_parse *b)
{
    ASSERT(a->err == b->err);
    if (a->err == ERR_OK) {
        ASSERT(a->length == b->length);
        ASSERT(memcmp(a->print, b->print, a->length) == 0);
    } else {
        ASSERT(a->error.state == b->error.state);
    }
}

static void fuzz_check(const char *text, size_t length, size_t small_bytes)
{
    static struct fuzz_parse first, second;
    char key[SQL_NORMAL_BYTES_MAX(FUZZ_TEXT_BYTES_MAX)];
    fuzz_parse(&first, text, length, FUZZ_ARENA_BYTES);
    ASSERT(first.err != ERR_BUDGET);
    if (first.err == ERR_OK) {
        fuzz_parse(&second, first.print, first.length, FUZZ_ARENA_BYTES);
        fuzz_check_same(&first, &second);
    }
    struct sql_error error;
    struct bytes_writer w = bytes_writer(key, SQL_NORMAL_BYTES_MAX(length));
    enum err err = sql_normal(text, length, &w, &error);
    ASSERT(IMPLIES(first.err == ERR_OK, err == ERR_OK));
    if (err == ERR_OK) {
        fuzz_parse(&second, key, w.pos, FUZZ_ARENA_BYTES);
        fuzz_check_same(&first, &second);
    } else {
        fuzz_check_error(&error, text, length);
    }
    fuzz_parse(&second, text, length, small_bytes);
    if (second.err != ERR_BUDGET) {
        fuzz_check_same(&first, &second);
    }
}

/* Each byte a word: a keyword, or one of those above. */
static size_t fuzz_write_words(const uint8_t *data, size_t size, char *text)
{
    size_t length = 0;
    for (size_t i = 0; i + 1 < size; i++) {
        const char *word = fuzz_words[data[i] % ARRAY_COUNT(fuzz_words)];
        if (data[i] >= 224) {
            i++;
            unsigned keyword = 1 + (data[i] + 256u * (data[i - 1] & 1)) % (SQL_KW_COUNT - 1);
            word = sql_keyword_text((enum sql_keyword)keyword);
        }
        size_t word_length = strlen(word);
        if (length + word_length + 1 > FUZZ_TEXT_BYTES_MAX) {
            break;
        }
        memcpy(text + length, word, word_length);
        length += word_length;
        text[length++] = ' ';
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[FUZZ_TEXT_BYTES_MAX];
    if (size < 2) {
        return 0;
    }
    size_t small_bytes = 4096u * (1 + data[1] % 8);
    size_t length = size - 2 < sizeof(text) ? size - 2 : sizeof(text);
    if (data[0] % 2 == 0) {
        memcpy(text, data + 2, length);
    } else {
        length = fuzz_write_words(data + 2, size - 2, text);
    }
    fuzz_check(text, length, small_bytes);
    return 0;
}
