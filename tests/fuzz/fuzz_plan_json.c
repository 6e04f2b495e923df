/* Any bytes as a plan, and plans that are changed a little: what is read is valid, prints as
 * EXPLAIN, and writes and reads back the same; with less memory nothing but the error changes. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/sql/catalog.h"
#include "views/plan/json.h"
#include "views/sql/explain.h"

/* The longest text that is tried, and what is written of it. */
#define FUZZ_TEXT_BYTES_MAX 16384u
#define FUZZ_OUT_BYTES      (1u << 20)

/* Memory that is enough for all of that. */
#define FUZZ_ARENA_BYTES (16u << 20)

/* Statements whose plans are changed. */
static const char *const fuzz_seeds[] = {
    "SELECT i, lower(s) FROM t WHERE _offset > 5 AND s LIKE 'a%' ORDER BY d DESC LIMIT 5",
    "SELECT i + 1, count(*), sum(n) FILTER (WHERE b), max(DISTINCT s) FROM t GROUP BY i + 1",
    "SELECT DISTINCT coalesce(i, 5), CASE WHEN b THEN n END, j -> 'a', i IN (1, 2) FROM t",
    "VALUES (1.5, 'x', date '2020-01-01', '{\"a\": 1}'::jsonb, NULL), (2, 'y', NULL, NULL, $1)",
    "SELECT window_start, avg(d) FROM TUMBLE(t, tz, INTERVAL '1 minute') GROUP BY window_start",
    "SELECT n::numeric(5,1), greatest(i, l), nullif(s, 'a'), b IS NOT TRUE FROM t OFFSET $1",
};

/* Write the plan of a statement. */
static size_t fuzz_seed(const char *sql, char *out)
{
    struct budget budget;
    struct arena arena;
    struct plan plan;
    struct sql_error error;
    struct bytes_writer w = bytes_writer(out, FUZZ_TEXT_BYTES_MAX);
    budget_init(&budget, "fuzz", FUZZ_ARENA_BYTES, NULL);
    arena_init(&arena, &budget, 16384, FUZZ_ARENA_BYTES);
    enum err err = catalog_bind(sql, strlen(sql), NULL, 0, &arena, &plan, &error);
    ASSERT(err == ERR_OK);
    plan_json_write(&w, &plan);
    ASSERT(w.err == ERR_OK);
    arena_deinit(&arena);
    budget_deinit(&budget);
    return w.pos;
}

/* Read `text` with so much memory; *length = of what it is written as again, 0: it is none. */
static enum err fuzz_read(const char *text, size_t text_length, size_t arena_bytes, char *out,
                          size_t *length)
{
    static char explained[FUZZ_OUT_BYTES];
    struct budget budget;
    struct arena arena;
    struct plan plan;
    struct plan_fault fault;
    budget_init(&budget, "fuzz", 2 * FUZZ_ARENA_BYTES, NULL);
    arena_init(&arena, &budget, 4096, arena_bytes);
    enum err err = plan_json_read(text, text_length, catalog_find, NULL, &arena, &plan, &fault);
    *length = 0;
    if (err == ERR_OK) {
        enum err valid = plan_validate(&plan, &fault);
        ASSERT(valid == ERR_OK);
        struct bytes_writer w = bytes_writer(out, FUZZ_OUT_BYTES);
        plan_json_write(&w, &plan);
        ASSERT(w.err == ERR_OK);
        *length = w.pos;
        w = bytes_writer(explained, sizeof(explained));
        sql_explain(&w, &plan);
    } else {
        ASSERT(fault.text[0] != '\0');
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
    return err;
}

static void fuzz_check(const char *text, size_t text_length, size_t small_bytes)
{
    static char first[FUZZ_OUT_BYTES], second[FUZZ_OUT_BYTES];
    size_t first_length, second_length;
    enum err err = fuzz_read(text, text_length, FUZZ_ARENA_BYTES, first, &first_length);
    ASSERT(err == ERR_OK || err == ERR_INVALID);
    if (err == ERR_OK) {
        enum err again = fuzz_read(first, first_length, FUZZ_ARENA_BYTES, second, &second_length);
        ASSERT(again == ERR_OK);
        ASSERT(first_length == second_length);
        ASSERT(memcmp(first, second, first_length) == 0);
    }
    enum err less = fuzz_read(text, text_length, small_bytes, second, &second_length);
    ASSERT(less == err || less == ERR_TOO_LARGE || less == ERR_BUDGET);
}

/* Change the text at places that `data` names: other bytes, or a stretch of another place. */
static size_t fuzz_change(const uint8_t *data, size_t size, char *text, size_t length)
{
    for (size_t i = 0; i + 4 <= size && length > 8; i += 4) {
        size_t at = (size_t)(data[i] | data[i + 1] << 8) % (length - 4);
        size_t from = (at + data[i + 2] * 7u) % (length - 4);
        switch (data[i + 3] % 4) {
        case 0: text[at] = (char)data[i + 2]; break;
        case 1: memmove(text + at, text + from, 4); break;
        case 2: text[at] = "0123456789[]{}\",: -"[data[i + 2] % 19]; break;
        default: /* a stretch is gone */
            from = 1 + data[i + 2] % 16;
            from = at + from < length ? from : length - at;
            memmove(text + at, text + at + from, length - at - from);
            length -= from;
            break;
        }
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[FUZZ_TEXT_BYTES_MAX];
    if (size < 2) {
        return 0;
    }
    size_t small_bytes = 4096u * (1 + data[1] % 8);
    size_t length = size - 2 < sizeof(text) ? size - 2 : sizeof(text);
    if (data[0] % 4 == 0) {
        memcpy(text, data + 2, length);
    } else {
        length = fuzz_seed(fuzz_seeds[data[0] / 4 % ARRAY_COUNT(fuzz_seeds)], text);
        length = fuzz_change(data + 2, size - 2, text, length);
    }
    fuzz_check(text, length, small_bytes);
    return 0;
}
