/* Any text, and any words of SQL in a row, bound over a catalogue: an error whose place lies within
 * the text, or a valid plan, which prints, and reads back the same from its JSON. Less memory
 * changes nothing but the error. */
#include <string.h>

#include "base/json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/sql/catalog.h"
#include "views/plan/json.h"
#include "views/sql/explain.h"

/* The longest text that is tried, and what is written of it. */
#define FUZZ_TEXT_BYTES_MAX 4096u
#define FUZZ_OUT_BYTES      (4u << 20)

/* Memory that is enough for all but a hostile text. */
#define FUZZ_ARENA_BYTES (32u << 20)

/* What statements are made of. */
static const char *const fuzz_words[] = {
    "SELECT",
    "SELECT",
    "FROM t",
    "FROM t",
    "FROM (SELECT",
    ") q",
    "WHERE",
    "GROUP BY",
    "HAVING",
    "ORDER BY",
    "LIMIT",
    "OFFSET",
    "DISTINCT",
    "VALUES (",
    "WITH a AS (",
    "FROM a",
    "AS x",
    ",",
    ",",
    ",",
    "(",
    ")",
    ")",
    "*",
    "+",
    "-",
    "/",
    "%",
    "=",
    "<",
    ">=",
    "<>",
    "||",
    "->",
    "->>",
    "AND",
    "OR",
    "NOT",
    "IS NULL",
    "IS NOT TRUE",
    "IS DISTINCT FROM",
    "BETWEEN",
    "IN (",
    "LIKE",
    "ESCAPE '!'",
    "CASE WHEN",
    "CASE i WHEN",
    "THEN",
    "ELSE",
    "END",
    "::",
    "::text",
    "::numeric(5,2)",
    "::integer",
    "::double precision",
    "::date",
    "::jsonb",
    "CAST(",
    "AS numeric)",
    "i",
    "l",
    "d",
    "n",
    "m",
    "s",
    "b",
    "dt",
    "ts",
    "tz",
    "iv",
    "j",
    "t.i",
    "q.x",
    "x",
    "_offset",
    "_timestamp",
    "_partition",
    "1",
    "2",
    "0",
    "-1",
    "1.5",
    "9223372036854775808",
    "1e30",
    "'a'",
    "'1'",
    "'2020-01-01'",
    "'{\"a\": [1]}'",
    "NULL",
    "true",
    "$1",
    "$2",
    "count(*)",
    "count(",
    "sum(",
    "avg(",
    "min(",
    "first(",
    "FILTER (WHERE b)",
    "lower(",
    "coalesce(",
    "nullif(",
    "greatest(",
    "date_trunc('day',",
    "extract(year FROM",
    "concat(",
    "round(",
    "now()",
    "substring(",
    "jsonb_build_object(",
    "#>> '{a,0}'",
    "FROM TUMBLE(t, tz, INTERVAL '1 minute')",
    "window_start",
    "DESC",
    "NULLS FIRST",
    "FROM system.streams",
    "AT TIME ZONE 'UTC'",
    "interval '1 day'",
    "1 = 1",
    "userid",
    "FROM events",
    "\"Amount\"",
    "amount",
};

/* What one text came to. */
struct fuzz_bound {
    enum err err;           /* catalog_bind's */
    struct sql_error error; /* when not ERR_OK */
    size_t length;          /* of the plan, when ERR_OK */
    char text[FUZZ_OUT_BYTES];
};

static void fuzz_check_error(const struct sql_error *error, const char *text, size_t length)
{
    char out[SQL_ERROR_FORMAT_BYTES];
    ASSERT(error->state != SQL_STATE_NONE);
    ASSERT(error->at.pos <= length);
    ASSERT(error->at.length <= length - error->at.pos);
    ASSERT(error->message[0] != '\0');
    size_t written = sql_error_format(error, text, length, out, sizeof(out));
    ASSERT(json_is_utf8(out, written));
}

/* The plan as JSON is read as the same. */
static void fuzz_check_again(const struct fuzz_bound *bound, struct arena *arena)
{
    static char second[FUZZ_OUT_BYTES];
    struct plan again;
    struct plan_fault fault;
    if (bound->length > PLAN_JSON_BYTES_MAX) {
        return;
    }
    enum err err =
        plan_json_read(bound->text, bound->length, catalog_find, NULL, arena, &again, &fault);
    if (err == ERR_BUDGET || err == ERR_TOO_LARGE) {
        return;
    }
    ASSERT(err == ERR_OK);
    struct bytes_writer w = bytes_writer(second, sizeof(second));
    plan_json_write(&w, &again);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == bound->length);
    ASSERT(memcmp(second, bound->text, w.pos) == 0);
    w = bytes_writer(second, sizeof(second));
    sql_explain(&w, &again);
}

static void fuzz_bind(struct fuzz_bound *out, const char *text, size_t length, size_t arena_bytes)
{
    struct budget budget;
    struct arena arena;
    struct plan plan;
    budget_init(&budget, "fuzz", 2 * FUZZ_ARENA_BYTES, NULL);
    arena_init(&arena, &budget, 16384, arena_bytes);
    out->err = catalog_bind(text, length, NULL, 0, &arena, &plan, &out->error);
    out->length = 0;
    if (out->err == ERR_OK) {
        struct bytes_writer w = bytes_writer(out->text, sizeof(out->text));
        plan_json_write(&w, &plan);
        if (w.err == ERR_OK) {
            out->length = w.pos;
            fuzz_check_again(out, &arena);
        }
    } else {
        ASSERT(out->err == sql_state_err(out->error.state));
        fuzz_check_error(&out->error, text, length);
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
}

/* `small_bytes` 0: only with all memory. */
static void fuzz_check(const char *text, size_t length, size_t small_bytes)
{
    static struct fuzz_bound first, second;
    fuzz_bind(&first, text, length, FUZZ_ARENA_BYTES);
    if (small_bytes == 0) {
        return;
    }
    fuzz_bind(&second, text, length, small_bytes);
    if (second.err == ERR_BUDGET || first.err == ERR_BUDGET) {
        return;
    }
    ASSERT(first.err == second.err);
    ASSERT(first.length == second.length);
    ASSERT(memcmp(first.text, second.text, first.length) == 0);
}

/* Each byte a word. */
static size_t fuzz_write_words(const uint8_t *data, size_t size, char *text)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        const char *word = fuzz_words[data[i] % ARRAY_COUNT(fuzz_words)];
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

/* Statements by a small grammar, each byte a choice: most of them are right but for types. */
struct fuzz_grammar {
    const uint8_t *data;
    size_t left;
    struct bytes_writer w;
};

static unsigned fuzz_choose(struct fuzz_grammar *g, unsigned count)
{
    if (g->left == 0) {
        return 0;
    }
    g->left--;
    return *g->data++ % count;
}

static void fuzz_put(struct fuzz_grammar *g, const char *text)
{
    bytes_put_copy(&g->w, text, strlen(text));
}

/* Numbers mostly, so that most operators fit. Parts of `form`: e an expression, c a condition. */
static void fuzz_write_form(struct fuzz_grammar *g, const char *form, int depth);

static void fuzz_write_expr(struct fuzz_grammar *g, int depth)
{
    static const char *const leaves[] = {"i", "l",   "x",  "d",    "n", "m",
                                         "1", "2.5", "$1", "NULL", "0"};
    static const char *const forms[] = {
        "(e + e)",
        "(e - e)",
        "(e * e)",
        "(e / e)",
        "-e",
        "abs(e)",
        "coalesce(e, e)",
        "(e)::bigint",
        "CASE WHEN c THEN e ELSE e END",
        "CASE e WHEN e THEN e END",
        "greatest(e, e)",
        "nullif(e, e)",
        "length(s)",
        "round(e)",
        "sum(e)",
        "count(*)",
        "max(e) FILTER (WHERE c)",
        "(e)::numeric(9,2)",
        "extract(year FROM ts)::integer",
    };
    if (depth == 0 || fuzz_choose(g, 3) == 0) {
        fuzz_put(g, leaves[fuzz_choose(g, ARRAY_COUNT(leaves))]);
    } else {
        fuzz_write_form(g, forms[fuzz_choose(g, ARRAY_COUNT(forms))], depth - 1);
    }
}

static void fuzz_write_condition(struct fuzz_grammar *g, int depth)
{
    static const char *const leaves[] = {
        "b",           "true", "i > 1",       "s = 'a'",
        "s LIKE 'a%'", "NULL", "_offset > 5", "_timestamp < '2020-01-01'",
        "1 = 0"};
    static const char *const forms[] = {"c AND c",
                                        "(c OR c)",
                                        "NOT c",
                                        "e = e",
                                        "e < e",
                                        "e IS NULL",
                                        "e IN (1, e, 2)",
                                        "e BETWEEN e AND e",
                                        "(c) IS NOT TRUE",
                                        "e IS DISTINCT FROM e",
                                        "e > e"};
    if (depth == 0 || fuzz_choose(g, 4) == 0) {
        fuzz_put(g, leaves[fuzz_choose(g, ARRAY_COUNT(leaves))]);
    } else {
        fuzz_write_form(g, forms[fuzz_choose(g, ARRAY_COUNT(forms))], depth - 1);
    }
}

static void fuzz_write_form(struct fuzz_grammar *g, const char *form, int depth)
{
    for (const char *c = form; *c != '\0'; c++) {
        bool is_alone = (c == form || strchr("( -", c[-1]) != NULL) &&
                        (c[1] == '\0' || strchr(" ),", c[1]) != NULL);
        if (*c == 'e' && is_alone) {
            fuzz_write_expr(g, depth);
        } else if (*c == 'c' && is_alone) {
            fuzz_write_condition(g, depth);
        } else {
            bytes_put_u8(&g->w, (uint8_t)*c);
        }
    }
}

static void fuzz_write_select(struct fuzz_grammar *g, int depth)
{
    static const char *const lists[] = {"e AS x, e AS i, s",
                                        "*",
                                        "i AS x, i, s, e",
                                        "e AS x",
                                        "i AS x, sum(l) AS i, count(*), max(s) AS s",
                                        "x, i, l, d, n, m, s, b, ts"};
    static const char *const tails[] = {"",
                                        " GROUP BY 1",
                                        " GROUP BY i",
                                        " ORDER BY 1",
                                        " LIMIT 5",
                                        " ORDER BY e LIMIT 3 OFFSET $1",
                                        " GROUP BY 1, i HAVING c",
                                        " ORDER BY 1 DESC LIMIT 2",
                                        " OFFSET 2",
                                        " GROUP BY i, s"};
    fuzz_put(g, fuzz_choose(g, 5) == 0 ? "SELECT DISTINCT " : "SELECT ");
    fuzz_write_form(g, lists[fuzz_choose(g, ARRAY_COUNT(lists))], 3);
    if (depth > 0 && fuzz_choose(g, 3) != 0) {
        fuzz_put(g, " FROM (");
        fuzz_write_select(g, depth - 1);
        fuzz_put(g, ") q");
    } else {
        fuzz_put(g, fuzz_choose(g, 4) == 0
                        ? " FROM TUMBLE(t, tz, INTERVAL '1 minute')"
                        : " FROM (SELECT i AS x, *, _offset, _timestamp FROM t) r");
    }
    if (fuzz_choose(g, 2) == 0) {
        fuzz_write_form(g, " WHERE c", 3);
    }
    fuzz_write_form(g, tails[fuzz_choose(g, ARRAY_COUNT(tails))], 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char begin[] = "SELECT ";
    char text[FUZZ_TEXT_BYTES_MAX + sizeof(begin)];
    if (size < 2) {
        return 0;
    }
    size_t small_bytes = data[1] < 64 ? 16384u * (1 + data[1] % 8) : 0;
    size_t length = size - 2 < FUZZ_TEXT_BYTES_MAX ? size - 2 : FUZZ_TEXT_BYTES_MAX;
    if (data[0] % 4 == 0) {
        memcpy(text, data + 2, length);
    } else if (data[0] % 4 >= 2) {
        struct fuzz_grammar g = {data + 2, size - 2, bytes_writer(text, FUZZ_TEXT_BYTES_MAX)};
        fuzz_write_select(&g, 3);
        length = g.w.pos;
    } else {
        memcpy(text, begin, sizeof(begin) - 1);
        length = fuzz_write_words(data + 2, size - 2, text + sizeof(begin) - 1);
        length += sizeof(begin) - 1;
    }
    fuzz_check(text, length, small_bytes);
    return 0;
}
