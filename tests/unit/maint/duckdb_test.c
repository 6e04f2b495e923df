/* Views against DuckDB: random rows of plain types, random statements that both understand, any cut
 * into ticks. After three ticks of a run the view shows what DuckDB answers over the rows so far:
 * whole numbers, NUMERIC, texts, truths and times equal, sums of doubles within a billionth of the
 * sum of their absolute values.
 *
 * What the two have differently is not asked, or asked so that both mean the same:
 *   avg of whole numbers and NUMERIC   ours is a NUMERIC of 16 digits, DuckDB's a double: near
 *   /                                  of whole numbers, is one of doubles in DuckDB
 *   text of times                      both as microseconds (epoch_us)
 *   TUMBLE                             is time_bucket, which begins to count at another day: widths
 *                                      that divide a day; of null it is null in both
 *   sums past 22003                    is its own error in either: values stay below
 *   doubles as keys, NaN, -0           DuckDB has -0 and 0 apart in places: neither is asked */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/support/skip.h"
#include "tests/unit/maint/duck.h"
#include "tests/unit/maint/world.h"
#include "views/vec/numeric.h"

#define PAIR_ROWS_MAX    300u
#define PAIR_TICKS_MAX   8u
#define PAIR_COLUMNS_MAX 8u
#define PAIR_BYTES       4096u

/* Columns of t: a, b, ... */
enum {
    COLUMN_A, /* BIGINT, of any size */
    COLUMN_B, /* INTEGER, small */
    COLUMN_C, /* TEXT */
    COLUMN_D, /* DOUBLE PRECISION */
    COLUMN_E, /* NUMERIC(10,2) */
    COLUMN_F, /* BOOLEAN */
    COLUMN_G, /* TIMESTAMP */
    COLUMNS,
};

static const struct vec_type pair_types[COLUMNS] = {
    {VEC_BIGINT, 0, 0},   {VEC_INTEGER, 0, 0}, {VEC_TEXT, 0, 0},      {VEC_DOUBLE, 0, 0},
    {VEC_NUMERIC, 10, 2}, {VEC_BOOLEAN, 0, 0}, {VEC_TIMESTAMP, 0, 0},
};

/* A statement, for us and for DuckDB. */
struct pair_text {
    char text[PAIR_BYTES];
    size_t length;
};

/* One case. */
struct pair {
    uint64_t seed;
    struct chance chance;
    struct world world;
    struct world_view view;
    struct pair_text ours;
    struct pair_text duck;
    bool is_near[PAIR_COLUMNS_MAX]; /* an output that is compared as a double */
    uint32_t outputs_count;
    double doubles; /* absolute values of all doubles so far */
    struct arena arena;
};

/* --- Statements --------------------------------------------------------------------------------
 */

static PRINTF(2, 0) void pair_append(struct pair_text *text, const char *format, va_list args)
{
    int length = vsnprintf(text->text + text->length, PAIR_BYTES - text->length, format, args);
    text->length += (size_t)length;
    assert_true(text->length < PAIR_BYTES);
}

/* Write the same to both. */
static PRINTF(2, 3) void pair_put(struct pair *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pair_append(&p->ours, format, args);
    va_end(args);
    va_start(args, format);
    pair_append(&p->duck, format, args);
    va_end(args);
}

/* Write what each calls it. */
static void pair_each(struct pair *p, const char *ours, const char *duck)
{
    p->ours.length +=
        (size_t)snprintf(p->ours.text + p->ours.length, PAIR_BYTES - p->ours.length, "%s", ours);
    p->duck.length +=
        (size_t)snprintf(p->duck.text + p->duck.length, PAIR_BYTES - p->duck.length, "%s", duck);
    assert_true(p->ours.length < PAIR_BYTES);
    assert_true(p->duck.length < PAIR_BYTES);
}

/* A condition on a row; `depth` more AND and OR may stand in it. */
static void pair_condition(struct pair *p, uint32_t depth)
{
    struct chance *chance = &p->chance;
    if (depth > 0 && chance_below(chance, 3) == 0) {
        pair_put(p, "(");
        pair_condition(p, depth - 1);
        pair_put(p, chance_is(chance, 2) ? " AND " : " OR ");
        pair_condition(p, depth - 1);
        pair_put(p, ")");
        return;
    }
    int number = (int)chance_below(chance, 11) - 5;
    switch (chance_below(chance, 14)) {
    case 0: pair_put(p, "b > %d", number); break;
    case 1: pair_put(p, "b IN (%d, %d, 7)", number, number + 2); break;
    case 2: pair_put(p, "b BETWEEN %d AND %d", number - 2, number + 3); break;
    case 3: pair_put(p, "c LIKE 'k%%'"); break;
    case 4: pair_put(p, "c LIKE '%%_%d'", number + 5); break;
    case 5: pair_put(p, "c IS NOT NULL"); break;
    case 6: pair_put(p, "f"); break;
    case 7: pair_put(p, "NOT f"); break;
    case 8: pair_put(p, "d < %d.5", number * 20); break;
    case 9: pair_put(p, "e >= %d.25", number * 40); break;
    case 10: pair_put(p, "a <> %d", number); break;
    case 11: pair_put(p, "c = 'key-%d'", number + 5); break;
    case 12: pair_put(p, "g > TIMESTAMP '2024-01-01 00:%02d:00'", number + 5); break;
    default: pair_put(p, "coalesce(b, 0) %% 3 = %d", number % 3); break;
    }
}

/* A value of a row: an output or a key. */
static void pair_scalar(struct pair *p)
{
    struct chance *chance = &p->chance;
    switch (chance_below(chance, 12)) {
    case 0: pair_put(p, "b"); break;
    case 1: pair_put(p, "c"); break;
    case 2: pair_put(p, "e"); break;
    case 3: pair_put(p, "f"); break;
    case 4: pair_put(p, "b %% 3"); break;
    case 5: pair_put(p, "b * 2 + 1"); break;
    case 6: pair_put(p, "length(c)"); break;
    case 7: pair_put(p, "substr(c, 1, 4)"); break;
    case 8: pair_put(p, "c || '-x'"); break;
    case 9: pair_put(p, "coalesce(b, -1)"); break;
    case 10: pair_put(p, "abs(b)"); break;
    default:
        pair_put(p, "CASE WHEN ");
        pair_condition(p, 1);
        pair_put(p, " THEN b ELSE 0 END");
        break;
    }
}

/* An aggregate. Returns whether it is near only. */
static bool pair_aggregate(struct pair *p)
{
    static const struct {
        const char *text;
        bool is_near;
    } rows[] = {
        {"count(*)", false},   {"count(c)", false},       {"sum(a)", false},
        {"sum(b)", false},     {"sum(d)", true},          {"sum(e)", false},
        {"min(a)", false},     {"max(a)", false},         {"min(b)", false},
        {"max(c)", false},     {"min(c)", false},         {"max(d)", true},
        {"min(e)", false},     {"max(e)", false},         {"avg(b)", true},
        {"avg(d)", true},      {"avg(e)", true},          {"bool_and(f)", false},
        {"bool_or(f)", false}, {"max(f::int)", false},    {"sum(b * b)", false},
        {"count(f)", false},   {"sum(length(c))", false},
    };
    uint32_t which = chance_below(&p->chance, ARRAY_COUNT(rows));
    if (chance_below(&p->chance, 12) == 0) {
        pair_each(p, "max(g)", "epoch_us(max(g))");
        return false;
    }
    pair_put(p, "%s", rows[which].text);
    if (chance_below(&p->chance, 5) == 0) {
        pair_put(p, " FILTER (WHERE ");
        pair_condition(p, 1);
        pair_put(p, ")");
    }
    return rows[which].is_near;
}

static void pair_where(struct pair *p)
{
    if (chance_is(&p->chance, 2)) {
        pair_put(p, " WHERE ");
        pair_condition(p, 2);
    }
}

/* Keys, aggregates; perhaps windows, perhaps HAVING. */
static void pair_group(struct pair *p)
{
    static const struct {
        const char *ours;
        const char *duck;
    } windows[] = {{"10 seconds", "10 seconds"}, {"1 minute", "1 minute"}, {"2 hours", "2 hours"}};
    struct chance *chance = &p->chance;
    bool has_window = chance_below(chance, 4) == 0;
    uint32_t keys_count = has_window ? 1 : 0;
    uint32_t more = chance_below(chance, 3);
    uint32_t window = chance_below(chance, ARRAY_COUNT(windows));
    char bucket[128];
    (void)snprintf(bucket, sizeof(bucket), "epoch_us(time_bucket(INTERVAL '%s', g))",
                   windows[window].duck);
    pair_put(p, "SELECT ");
    if (has_window) {
        pair_each(p, "window_start", bucket);
        pair_put(p, ", ");
    }
    for (uint32_t i = 0; i < more; i++, keys_count++) {
        pair_scalar(p);
        pair_put(p, ", ");
    }
    p->outputs_count = keys_count + 1 + chance_below(chance, 4);
    for (uint32_t i = keys_count; i < p->outputs_count; i++) {
        pair_put(p, i > keys_count ? ", " : "");
        p->is_near[i] = pair_aggregate(p);
    }
    pair_put(p, " FROM ");
    char tumble[96];
    (void)snprintf(tumble, sizeof(tumble), "TUMBLE(t, g, INTERVAL '%s')", windows[window].ours);
    pair_each(p, has_window ? tumble : "t", "t");
    pair_where(p);
    for (uint32_t i = 0; i < keys_count; i++) {
        pair_put(p, "%s%u", i == 0 ? " GROUP BY " : ", ", i + 1);
    }
    if (chance_below(chance, 4) == 0) {
        pair_put(p, " HAVING %s > %u", chance_is(chance, 2) ? "count(*)" : "sum(b)",
                 chance_below(chance, 4));
    }
}

static void pair_statement(struct pair *p)
{
    if (chance_below(&p->chance, 3) > 0) {
        pair_group(p);
        return;
    }
    p->outputs_count = 1 + chance_below(&p->chance, 4);
    pair_put(p, chance_is(&p->chance, 2) ? "SELECT DISTINCT " : "SELECT ");
    for (uint32_t i = 0; i < p->outputs_count; i++) {
        pair_put(p, i > 0 ? ", " : "");
        pair_scalar(p);
    }
    pair_put(p, " FROM t");
    pair_where(p);
}

/* --- Rows --------------------------------------------------------------------------------------
 */

static struct vec_value pair_value(struct pair *p, uint32_t column)
{
    static const char *const texts[] = {"", "it's", "k", "\xc3\xa4\xe2\x82\xac", "Key-1", "a_b%c"};
    static const int64_t extremes[] = {INT64_MAX, INT64_MIN, INT32_MAX, 0, 1, -1};
    struct chance *chance = &p->chance;
    char text[64];
    switch (column) {
    case COLUMN_A:
        if (chance_below(chance, 5) == 0) {
            return (struct vec_value){.u.int8 = extremes[chance_below(chance, 6)]};
        }
        return (struct vec_value){.u.int8 = (int64_t)chance_below(chance, 60000) * 37 - 99999};
    case COLUMN_B: return (struct vec_value){.u.int4 = (int32_t)chance_below(chance, 21) - 10};
    case COLUMN_C: {
        const char *from = texts[chance_below(chance, ARRAY_COUNT(texts))];
        if (chance_below(chance, 4) > 0) {
            (void)snprintf(text, sizeof(text), "key-%u%s", chance_below(chance, 12),
                           chance_below(chance, 5) == 0 ? "-and-a-long-tail-behind-it" : "");
            from = text;
        }
        uint32_t length = (uint32_t)strlen(from);
        return (struct vec_value){.u.bytes = {arena_copy(&p->world.arena, from, length), length}};
    }
    case COLUMN_D:
        return (struct vec_value){.u.real = ((double)chance_below(chance, 2000) - 1000) / 7 +
                                            (chance_below(chance, 9) == 0 ? 1e9 : 0)};
    case COLUMN_E:
        return (struct vec_value){
            .u.numeric = vec_numeric_from_scaled((int64_t)chance_below(chance, 60000) - 30000, 2)};
    case COLUMN_F: return (struct vec_value){.u.boolean = chance_is(chance, 2)};
    default: /* microseconds since 2000; 2024-01-01 is day 8766 */
        return (struct vec_value){.u.int8 = INT64_C(8766) * 86400 * 1000000 +
                                            (int64_t)chance_below(chance, 900) * 1500000};
    }
}

static void pair_rows(struct pair *p)
{
    uint32_t rows_count = 3 + chance_size(&p->chance, PAIR_ROWS_MAX);
    uint32_t nulls = chance_below(&p->chance, 3);
    world_init(&p->world, pair_types, COLUMNS, rows_count);
    for (uint32_t row = 0; row < rows_count; row++) {
        for (uint32_t i = 0; i < COLUMNS; i++) {
            struct vec_value *value = world_value(&p->world, row, i);
            *value = pair_value(p, i);
            value->is_null = nulls > 0 && chance_below(&p->chance, 4 * nulls) == 0;
        }
    }
}

/* A value as SQL has it, and as DuckDB's answers are read: `quote` around texts. */
static void pair_write(struct bytes_writer *w, struct vec_type type, const struct vec_value *value,
                       bool is_literal)
{
    char text[128];
    if (value->is_null) {
        bytes_put_copy(w, "NULL", 4);
        return;
    }
    switch ((enum vec_kind)type.kind) {
    case VEC_INTEGER:
    case VEC_DATE: (void)snprintf(text, sizeof(text), "%d", value->u.int4); break;
    case VEC_BIGINT: (void)snprintf(text, sizeof(text), "%ld", (long)value->u.int8); break;
    case VEC_DOUBLE: (void)snprintf(text, sizeof(text), "%.17g", value->u.real); break;
    case VEC_BOOLEAN:
        (void)snprintf(text, sizeof(text), value->u.boolean ? "true" : "false");
        break;
    case VEC_NUMERIC: vec_numeric_write(w, &value->u.numeric); return;
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: { /* 1970 */
        long us = (long)(value->u.int8 + INT64_C(10957) * 86400 * 1000000);
        (void)snprintf(text, sizeof(text), is_literal ? "make_timestamp(%ld)" : "%ld", us);
        break;
    }
    case VEC_TEXT:
        for (uint32_t i = 0; i < value->u.bytes.length; i++) {
            bool is_quote = is_literal && value->u.bytes.data[i] == '\'';
            bytes_put_copy(w, i == 0 && is_literal ? "'" : "", i == 0 && is_literal);
            bytes_put_copy(w, "'", is_quote);
            bytes_put_u8(w, (uint8_t)value->u.bytes.data[i]);
        }
        bytes_put_copy(w, "''", is_literal ? 1 + (value->u.bytes.length == 0) : 0);
        return;
    case VEC_INTERVAL:
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
    bytes_put_copy(w, text, strlen(text));
}

/* Give DuckDB those rows. */
static void pair_insert(struct pair *p, struct duck *duck, uint32_t first, uint32_t end)
{
    size_t room = 64 + (size_t)(end - first) * 512;
    char *sql = arena_alloc(&p->arena, room, 1);
    assert_non_null(sql);
    if (first == end) {
        return;
    }
    struct bytes_writer w = bytes_writer(sql, room);
    static const char head[] = "INSERT INTO t VALUES ";
    bytes_put_copy(&w, head, sizeof(head) - 1);
    for (uint32_t row = first; row < end; row++) {
        for (uint32_t i = 0; i < COLUMNS; i++) {
            const struct vec_value *value = world_value(&p->world, row, i);
            const char *before = i > 0 ? ", " : row > first ? "), (" : "(";
            bytes_put_copy(&w, before, strlen(before));
            pair_write(&w, pair_types[i], value, true);
            if (i == COLUMN_D && !value->is_null) {
                p->doubles += fabs(value->u.real);
            }
        }
    }
    bytes_put_copy(&w, ")", 1);
    bytes_put_u8(&w, 0);
    assert_int_equal(w.err, ERR_OK);
    duck_do(duck, sql);
}

/* --- Comparing ---------------------------------------------------------------------------------
 */

/* A row, to be sorted: what is to be equal, then what is to be near. */
struct pair_row {
    char *line;
    double near[PAIR_COLUMNS_MAX]; /* of null: 0, which the line says */
};

static int pair_row_compare(const void *a, const void *b)
{
    const struct pair_row *x = a;
    const struct pair_row *y = b;
    int order = strcmp(x->line, y->line);
    for (uint32_t i = 0; i < PAIR_COLUMNS_MAX && order == 0; i++) {
        order = (x->near[i] > y->near[i]) - (x->near[i] < y->near[i]);
    }
    return order;
}

/* What goes into a row of an output: `text` (NULL: null). */
static void pair_cell(struct pair *p, struct pair_row *row, struct bytes_writer *w, uint32_t output,
                      const char *text)
{
    if (text != NULL && p->is_near[output]) {
        row->near[output] = strtod(text, NULL);
        text = "near";
    }
    text = text != NULL ? text : "~";
    bytes_put_copy(w, text, strlen(text));
    bytes_put_copy(w, "|", 1);
}

static struct pair_row *pair_ours(struct pair *p, const struct world_table *table)
{
    struct pair_row *rows = arena_alloc_zeroed(&p->arena, (table->count + 1) * sizeof(*rows), 8);
    assert_non_null(rows);
    for (uint32_t i = 0; i < table->count; i++) {
        rows[i].line = arena_alloc(&p->arena, 1024, 1);
        struct bytes_writer w = bytes_writer(rows[i].line, 1024);
        for (uint32_t k = 0; k < table->columns_count; k++) {
            const struct vec_value *value = &table->values[i * table->columns_count + k];
            char text[512];
            struct bytes_writer cell = bytes_writer(text, sizeof(text));
            pair_write(&cell, table->types[k], value, false);
            bytes_put_u8(&cell, 0);
            assert_int_equal(cell.err, ERR_OK);
            pair_cell(p, &rows[i], &w, k, value->is_null ? NULL : text);
        }
        bytes_put_u8(&w, 0);
        assert_int_equal(w.err, ERR_OK);
    }
    qsort(rows, table->count, sizeof(*rows), pair_row_compare);
    return rows;
}

static struct pair_row *pair_ducks(struct pair *p, struct duck *duck, uint32_t *count)
{
    struct duck_result result;
    duck_ask(duck, p->duck.text, &result);
    *count = (uint32_t)duck->row_count(&result);
    struct pair_row *rows = arena_alloc_zeroed(&p->arena, (*count + 1) * sizeof(*rows), 8);
    assert_non_null(rows);
    for (uint32_t i = 0; i < *count; i++) {
        rows[i].line = arena_alloc(&p->arena, 1024, 1);
        struct bytes_writer w = bytes_writer(rows[i].line, 1024);
        for (uint32_t k = 0; k < p->outputs_count; k++) {
            char *text = duck->value(&result, k, i);
            pair_cell(p, &rows[i], &w, k, text);
            duck->free(text);
        }
        bytes_put_u8(&w, 0);
        assert_int_equal(w.err, ERR_OK);
    }
    duck->destroy(&result);
    qsort(rows, *count, sizeof(*rows), pair_row_compare);
    return rows;
}

static void pair_compare(struct pair *p, struct duck *duck)
{
    struct world_table table;
    uint32_t count;
    (void)world_view_read(&p->view, &p->arena, &table);
    struct pair_row *got = pair_ours(p, &table);
    struct pair_row *want = pair_ducks(p, duck, &count);
    double tolerance = 1e-9 * p->doubles;
    for (uint32_t i = 0; i < table.count || i < count; i++) {
        if (i == count || i == table.count || strcmp(got[i].line, want[i].line) != 0) {
            fail_msg("seed %lu: %s\n  %s\n  view   %s\n  DuckDB %s", (unsigned long)p->seed,
                     p->ours.text, p->duck.text, i < table.count ? got[i].line : "ends",
                     i < count ? want[i].line : "ends");
        }
        for (uint32_t k = 0; k < p->outputs_count; k++) {
            double far = fabs(got[i].near[k] - want[i].near[k]);
            if (far > tolerance + 1e-12 * fabs(want[i].near[k])) {
                fail_msg("seed %lu: %s\n  %s\n  output %u: view %.17g, DuckDB %.17g",
                         (unsigned long)p->seed, p->ours.text, got[i].line, k, got[i].near[k],
                         want[i].near[k]);
            }
        }
    }
}

/* Three ticks of up to eight are looked at: the last one, and two others. Returns how many rows
 * were shown. */
static uint64_t pair_case(uint64_t seed, struct duck *duck)
{
    static struct pair pair;
    struct pair *p = &pair;
    *p = (struct pair){.seed = seed, .chance = chance_seed(seed)};
    pair_rows(p);
    pair_statement(p);
    arena_init(&p->arena, &p->world.root, 64u << 10, SIZE_MAX);
    world_view_init(&p->view, &p->world, world_make(&p->world, p->ours.text),
                    1u << chance_below(&p->chance, 3), &p->chance);
    duck_do(duck, "CREATE OR REPLACE TABLE t (a BIGINT, b INTEGER, c TEXT, d DOUBLE, "
                  "e DECIMAL(10,2), f BOOLEAN, g TIMESTAMP)");
    uint32_t rows_count = p->world.relation->rows_count;
    uint32_t ticks_count = 3 + chance_below(&p->chance, PAIR_TICKS_MAX - 2);
    uint32_t looks[3] = {chance_below(&p->chance, ticks_count - 2), ticks_count - 2,
                         ticks_count - 1};
    uint32_t *rows = arena_alloc(&p->world.arena, rows_count * sizeof(*rows), 8);
    uint32_t first = 0;
    uint64_t shown = 0;
    assert_non_null(rows);
    for (uint32_t tick = 0; tick < ticks_count; tick++) {
        bool is_last = tick + 1 == ticks_count;
        uint32_t end =
            is_last ? rows_count : first + chance_below(&p->chance, rows_count - first + 1);
        for (uint32_t i = first; i < end; i++) {
            rows[i - first] = i;
        }
        world_view_tick(&p->view, rows, end - first, &p->chance);
        pair_insert(p, duck, first, end);
        first = end;
        if (tick == looks[0] || tick == looks[1] || tick == looks[2]) {
            pair_compare(p, duck);
            shown++;
        }
        arena_reset(&p->arena);
    }
    world_view_deinit(&p->view);
    arena_deinit(&p->arena);
    world_deinit(&p->world);
    return shown;
}

static void a_view_shows_what_duckdb_answers(void **state)
{
    (void)state;
    struct duck duck;
    const char *why;
    if (!duck_open(&duck, &why)) {
        skip_test("maint_duckdb", why);
    }
    struct share share = share_open("views against DuckDB", 90);
    uint64_t looks_count = 0;
    while (share_more(&share)) {
        looks_count += pair_case(share_case_seed(&share), &duck);
    }
    print_message("%lu answers\n", (unsigned long)looks_count);
    share_close(&share);
    duck_close(&duck);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_shows_what_duckdb_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
