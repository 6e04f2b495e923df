/* See statement.h. */
#include "tests/unit/maint/statement.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"

/* A statement being made. */
struct statement_maker {
    struct statement *s;
    struct chance *chance;
    const struct vec_type *types;
    uint32_t types_count;
    size_t length;
};

static PRINTF(2, 3) void statement_put(struct statement_maker *m, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(m->s->text + m->length, STATEMENT_BYTES - m->length, format, args);
    va_end(args);
    ASSERT(length >= 0);
    m->length += (size_t)length;
    ASSERT(m->length < STATEMENT_BYTES);
}

/* The name of a random column of one of the kinds in the mask (1 << kind); 0: there is none. */
static char statement_column(struct statement_maker *m, uint32_t mask)
{
    uint32_t first = chance_below(m->chance, m->types_count);
    for (uint32_t i = 0; i < m->types_count; i++) {
        uint32_t column = (first + i) % m->types_count;
        if ((mask >> m->types[column].kind & 1) != 0) {
            return (char)('a' + column);
        }
    }
    return 0;
}

#define KIND(name) (1u << VEC_##name)
#define WHOLE      (KIND(INTEGER) | KIND(BIGINT))
#define NUMBER     (WHOLE | KIND(NUMERIC) | KIND(DOUBLE))
#define TIME       (KIND(TIMESTAMP) | KIND(TIMESTAMPTZ))
#define ORDERED    (NUMBER | TIME | KIND(TEXT) | KIND(DATE) | KIND(INTERVAL))
#define ANY        (ORDERED | KIND(BOOLEAN) | KIND(JSONB))

/* Expressions of one column, by what kinds it may have; %c is the column. */
struct statement_form {
    uint32_t mask;
    const char *format;
};

/* "%c" is put in twice where it stands twice. */
static void statement_form_put(struct statement_maker *m, const struct statement_form *forms,
                               uint32_t count)
{
    for (;;) {
        const struct statement_form *form = &forms[chance_below(m->chance, count)];
        char column = statement_column(m, form->mask);
        if (column == 0) {
            continue;
        }
        for (const char *at = form->format; *at != '\0'; at++) {
            if (*at == '@') {
                statement_put(m, "%c", column);
            } else {
                statement_put(m, "%c", *at);
            }
        }
        return;
    }
}

static void statement_condition(struct statement_maker *m)
{
    static const struct statement_form forms[] = {
        {WHOLE, "@ > 0"},
        {WHOLE, "@ % 3 <> 1"},
        {WHOLE, "@ IN (1, 2, 3, -1)"},
        {WHOLE, "10 / @ > 1"},
        {ANY, "@ IS NOT NULL"},
        {KIND(TEXT), "@ LIKE 'a%'"},
        {KIND(TEXT), "length(@) < 4"},
        {KIND(DOUBLE), "@ < 100.5"},
        {KIND(BOOLEAN), "@"},
        {WHOLE, "_offset > 2 AND @ < 1000"},
        {KIND(NUMERIC), "@ <> 1.5"},
        {WHOLE, "@ <> 0 AND 6 / @ > -7"},
    };
    statement_form_put(m, forms, ARRAY_COUNT(forms));
}

/* A value to group by or to show. */
static void statement_value(struct statement_maker *m)
{
    static const struct statement_form forms[] = {
        {ANY, "@"},
        {ANY, "@"},
        {ANY, "@"},
        {WHOLE, "@ % 7"},
        {WHOLE, "@ + 1"},
        {WHOLE, "abs(@)"},
        {WHOLE, "100 / @"},
        {KIND(TEXT), "upper(@)"},
        {KIND(TEXT), "substring(@, 1, 2)"},
        {KIND(TEXT), "length(@)"},
        {TIME, "date_trunc('minute', @)"},
        {KIND(JSONB), "@ ->> 'a'"},
        {WHOLE, "CASE WHEN @ > 0 THEN 'plus' WHEN @ < 0 THEN 'minus' END"},
        {KIND(TEXT) | KIND(DATE), "coalesce(@::text, '-')"},
        {WHOLE, "_partition + 0 * length(@::text)"},
    };
    statement_form_put(m, forms, ARRAY_COUNT(forms));
}

/* An aggregate; how its answer compares. */
static enum statement_match statement_aggregate(struct statement_maker *m)
{
    static const struct {
        struct statement_form form;
        enum statement_match match;
    } rows[] = {
        {{ANY, "count(*)"}, STATEMENT_SAME},
        {{ANY, "count(@)"}, STATEMENT_SAME},
        {{WHOLE, "sum(@)"}, STATEMENT_SAME},
        {{WHOLE, "sum(@ % 100)"}, STATEMENT_SAME},
        {{WHOLE, "sum(100 / @)"}, STATEMENT_SAME},
        {{WHOLE | KIND(NUMERIC), "avg(@)"}, STATEMENT_SAME},
        {{KIND(NUMERIC) | KIND(INTERVAL), "sum(@)"}, STATEMENT_SAME},
        {{KIND(INTERVAL), "avg(@)"}, STATEMENT_SAME},
        {{KIND(DOUBLE), "sum(@)"}, STATEMENT_NEAR},
        {{KIND(DOUBLE), "avg(@)"}, STATEMENT_NEAR},
        {{ORDERED, "min(@)"}, STATEMENT_EQUAL},
        {{ORDERED, "max(@)"}, STATEMENT_EQUAL},
        {{ORDERED, "max(@)"}, STATEMENT_EQUAL},
        {{ORDERED, "min(DISTINCT @)"}, STATEMENT_EQUAL},
        {{KIND(TEXT), "max(@ || @)"}, STATEMENT_SAME},
        {{KIND(BOOLEAN), "bool_and(@)"}, STATEMENT_SAME},
        {{KIND(BOOLEAN), "bool_or(@)"}, STATEMENT_SAME},
        {{WHOLE, "bool_or(@ > 1)"}, STATEMENT_SAME},
        {{ANY, "first(@, _timestamp)"}, STATEMENT_SAME},
        {{ANY, "last(@, _timestamp)"}, STATEMENT_SAME},
        {{TIME, "last(@, @)"}, STATEMENT_SAME},
    };
    for (;;) {
        uint32_t pick = chance_below(m->chance, ARRAY_COUNT(rows));
        if (statement_column(m, rows[pick].form.mask) == 0) {
            continue;
        }
        statement_form_put(m, &rows[pick].form, 1);
        m->s->has_near |= rows[pick].match == STATEMENT_NEAR;
        if (chance_is(m->chance, 5)) {
            statement_put(m, " FILTER (WHERE ");
            statement_condition(m);
            statement_put(m, ")");
        }
        return rows[pick].match;
    }
}

/* What is computed of a group, above; to the byte. */
static void statement_above(struct statement_maker *m)
{
    static const struct statement_form forms[] = {
        {ANY, "count(*) * 2 + 1"},          {WHOLE, "sum(@ % 100) / count(@)"},
        {ANY, "100 / (count(*) - 2)"},      {WHOLE, "coalesce(max(@), 0) % 3"},
        {ANY, "count(@)::text || ' rows'"},
    };
    statement_form_put(m, forms, ARRAY_COUNT(forms));
}

static void statement_having(struct statement_maker *m)
{
    static const struct statement_form forms[] = {
        {ANY, "count(*) > 1"},       {ANY, "count(*) % 2 = 0"}, {ANY, "10 / (count(*) - 3) > -9"},
        {WHOLE, "sum(@ % 100) > 0"}, {ANY, "count(@) < 3"},     {WHOLE, "min(@) < 5"},
    };
    statement_put(m, " HAVING ");
    statement_form_put(m, forms, ARRAY_COUNT(forms));
}

/* A column of the answer. */
static void statement_output(struct statement_maker *m, enum statement_match match)
{
    struct statement *s = m->s;
    ASSERT(s->columns_count < STATEMENT_COLUMNS_MAX);
    statement_put(m, " AS o%u", s->columns_count);
    s->columns[s->columns_count++] = match;
}

/* FROM and WHERE; whether there are windows is *has_window's to say. */
static void statement_from(struct statement_maker *m, char window)
{
    if (window != 0) {
        statement_put(m, " FROM TUMBLE(t, %c, INTERVAL '1 minute')", window);
    } else {
        statement_put(m, " FROM t");
    }
    if (chance_is(m->chance, 2)) {
        statement_put(m, " WHERE ");
        statement_condition(m);
    }
}

static void statement_rows(struct statement_maker *m, bool is_distinct)
{
    uint32_t count = 1 + chance_below(m->chance, 4);
    statement_put(m, is_distinct ? "SELECT DISTINCT " : "SELECT ");
    for (uint32_t i = 0; i < count; i++) {
        statement_put(m, i > 0 ? ", " : "");
        statement_value(m);
        statement_output(m, is_distinct ? STATEMENT_EQUAL : STATEMENT_SAME);
    }
    statement_from(m, 0);
}

static void statement_groups(struct statement_maker *m, bool is_global)
{
    char window = !is_global && chance_is(m->chance, 3) ? statement_column(m, TIME) : 0;
    uint32_t keys_count = is_global ? 0 : chance_below(m->chance, 4);
    uint32_t count = 1 + chance_below(m->chance, 4);
    uint32_t group_count = 0;
    statement_put(m, "SELECT ");
    if (window != 0) {
        statement_put(m, "window_start");
        statement_output(m, STATEMENT_SAME);
        group_count++;
    }
    for (uint32_t i = 0; i < keys_count; i++) {
        statement_put(m, group_count > 0 ? ", " : "");
        statement_value(m);
        statement_output(m, STATEMENT_EQUAL);
        group_count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        statement_put(m, i > 0 || group_count > 0 ? ", " : "");
        enum statement_match match = STATEMENT_SAME;
        if (chance_is(m->chance, 5)) {
            statement_above(m);
        } else {
            match = statement_aggregate(m);
        }
        statement_output(m, match);
    }
    statement_from(m, window);
    for (uint32_t i = 0; i < group_count; i++) {
        statement_put(m, "%s%u", i == 0 ? " GROUP BY " : ", ", i + 1);
    }
    if (chance_is(m->chance, 4)) {
        statement_having(m);
    }
}

void statement_random(struct statement *s, struct chance *chance, const struct vec_type *types,
                      uint32_t types_count)
{
    *s = (struct statement){.columns_count = 0};
    struct statement_maker m = {
        .s = s, .chance = chance, .types = types, .types_count = types_count};
    bool is_within = chance_is(chance, 6);
    statement_put(&m, is_within ? "SELECT * FROM (" : "");
    uint32_t form = chance_below(chance, 8);
    if (form < 2) {
        statement_rows(&m, form == 1);
    } else {
        statement_groups(&m, form == 2);
    }
    if (is_within) {
        statement_put(&m, ") q WHERE o%u IS NOT NULL", chance_below(chance, s->columns_count));
    }
}
