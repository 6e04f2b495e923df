/* See memory.h. Batches live in an arena that is emptied for the next one, so that who keeps a
 * pointer into one is found by AddressSanitizer. */
#include "tests/unit/exec/memory.h"

#include <stdio.h>
#include <string.h>

#include "views/plan/value.h"

struct exec_source {
    struct memory *memory;
    const struct plan_scan *scan;
    uint32_t columns_count;
    struct budget *budget;
    uint32_t next_row;
    uint32_t end_row;
    uint32_t stretch; /* that is called 0 */
    struct arena arena;
    struct vec_batch batch;
};

/* The rows of the batch being made. */
struct memory_rows {
    uint32_t count;               /* in vectors */
    uint32_t at[VEC_ROWS_MAX];    /* of each: the relation's row, UINT32_MAX: none */
    uint16_t picks[VEC_ROWS_MAX]; /* those that are there */
    uint32_t picks_count;
};

static const char *const memory_texts[VEC_KIND_COUNT][12] = {
    [VEC_BOOLEAN] = {"true", "false"},
    [VEC_INTEGER] = {"0", "1", "-1", "2", "7", "2147483647", "-2147483648", "100"},
    [VEC_BIGINT] = {"0", "1", "-1", "3", "10000000000", "-10000000000", "9223372036854775807"},
    [VEC_DOUBLE] = {"0", "-0", "1.5", "-2.25", "NaN", "1e300", "Infinity", "-Infinity", "0.1"},
    [VEC_NUMERIC] = {"1.5", "1.50", "0", "-3", "100.000", "0.00", "12345678901234567890.12",
                     "-3.0"},
    [VEC_TEXT] = {"", "a", "ab", "abc", "b", "abcdefgh", "abcdefghi", "abcdefghijklmnopqrstuvwxyz",
                  "\xc3\xa9t\xc3\xa9", "Z", "zz", " "},
    [VEC_DATE] = {"2020-01-01", "1999-12-31", "infinity", "2020-01-02", "0044-03-15 BC"},
    [VEC_TIMESTAMP] = {"2020-01-01 00:00:00", "2020-01-01 00:00:00.000001", "-infinity",
                       "1999-12-31 23:59:59"},
    [VEC_TIMESTAMPTZ] = {"2020-01-01 00:00:00+00", "2020-01-01 00:00:01+00", "infinity"},
    [VEC_INTERVAL] = {"1 mon", "30 days", "720:00:00", "-1 day", "00:00:01", "00:00:00"},
    [VEC_JSONB] = {"1", "1.0", "null", "[1, 2]", "{\"a\": 1}", "{\"a\": 1.00}", "\"x\"", "true",
                   "[]"},
};

struct vec_value memory_value(struct chance *chance, enum vec_kind kind, struct arena *a)
{
    const char *const *texts = memory_texts[kind];
    uint32_t count = 0;
    while (count < 12 && texts[count] != NULL) {
        count++;
    }
    const char *text = texts[chance_below(chance, count)];
    struct vec_value value;
    enum vec_fault fault = plan_value_parse(kind, text, strlen(text), a, &value);
    ASSERT(fault == VEC_FAULT_NONE);
    return value;
}

struct memory_relation *memory_make(const uint8_t *kinds, uint32_t columns_count,
                                    uint32_t rows_count, struct arena *a)
{
    static const char *const names[MEMORY_COLUMNS_MAX] = {"a", "b", "c", "d", "e", "f",
                                                          "g", "h", "i", "j", "k", "l"};
    ASSERT(columns_count <= MEMORY_COLUMNS_MAX);
    struct memory_relation *relation = arena_alloc_zeroed(a, sizeof(*relation), 8);
    ASSERT(relation != NULL);
    for (uint32_t i = 0; i < columns_count; i++) {
        relation->columns[i] = (struct plan_column){.name = names[i], .type = {.kind = kinds[i]}};
    }
    relation->plan = (struct plan_relation){
        .kind = PLAN_RELATION_STREAM,
        .schema = "public",
        .name = "t",
        .columns = relation->columns,
        .columns_count = columns_count,
        .owner = relation,
    };
    relation->rows_count = rows_count;
    relation->values =
        arena_alloc_zeroed(a, sizeof(struct vec_value) * rows_count * columns_count, 8);
    relation->stretches = arena_alloc_zeroed(a, sizeof(uint32_t) * rows_count, 8);
    ASSERT(relation->values != NULL);
    ASSERT(relation->stretches != NULL);
    for (uint32_t i = 0; i < rows_count * columns_count; i++) {
        relation->values[i].is_null = true;
    }
    return relation;
}

struct memory_relation *memory_random(struct chance *chance, uint32_t rows_max, struct arena *a)
{
    uint8_t kinds[MEMORY_COLUMNS_MAX];
    uint32_t columns_count = 1 + chance_below(chance, 6);
    for (uint32_t i = 0; i < columns_count; i++) {
        kinds[i] = (uint8_t)(1 + chance_below(chance, VEC_KIND_COUNT - 1));
    }
    uint32_t rows_count = chance_size(chance, rows_max);
    struct memory_relation *relation = memory_make(kinds, columns_count, rows_count, a);
    struct vec_value values[VEC_KIND_COUNT][8];
    for (uint32_t i = 0; i < columns_count; i++) {
        for (uint32_t k = 0; k < 8; k++) {
            values[kinds[i]][k] = memory_value(chance, (enum vec_kind)kinds[i], a);
        }
    }
    bool has_nulls = chance_below(chance, 3) > 0;
    bool is_ascending = chance_is(chance, 4);
    uint32_t stretch = 0;
    for (uint32_t row = 0; row < rows_count; row++) {
        relation->stretches[row] = stretch;
        stretch += chance_is(chance, 500) ? 1 + chance_below(chance, 3) : 0;
        for (uint32_t i = 0; i < columns_count; i++) {
            struct vec_value *value = &relation->values[row * columns_count + i];
            *value = values[kinds[i]][chance_below(chance, 8)];
            if (kinds[i] == VEC_BIGINT && i % 2 == 0) { /* many of them, in order or not */
                value->u.int8 = is_ascending ? (int64_t)row : (int64_t)(row * 7919 % 10007);
            }
            value->is_null = has_nulls && chance_is(chance, 6);
        }
    }
    return relation;
}

static enum exec_result memory_fail(struct exec_failure *failure, const char *state,
                                    const char *message)
{
    failure->state = state;
    snprintf(failure->message, sizeof(failure->message), "%s", message);
    return EXEC_FAILED;
}

/* The rows of the scan's partition. */
static void memory_bound(struct exec_source *source)
{
    const struct memory_relation *relation = source->scan->relation->owner;
    int64_t partition = source->scan->partition;
    source->end_row = relation->rows_count;
    if (partition < 0) {
        return;
    }
    source->stretch = (uint32_t)partition;
    while (source->next_row < source->end_row &&
           relation->stretches[source->next_row] < source->stretch) {
        source->next_row++;
    }
    while (source->next_row < source->end_row &&
           relation->stretches[source->end_row - 1] > source->stretch) {
        source->end_row--;
    }
}

static enum err memory_open(void *ctx, const struct plan_scan *scan, uint32_t outputs_count,
                            struct budget *budget, struct exec_failure *failure,
                            struct exec_source **out)
{
    struct memory *memory = ctx;
    if (memory->fails_to_open) {
        memory_fail(failure, "58030", "the source does not open");
        return ERR_IO;
    }
    void *block;
    if (budget_alloc(budget, sizeof(struct exec_source), 64, &block) != ERR_OK) {
        memory_fail(failure, "53200", "no memory for the source");
        return ERR_BUDGET;
    }
    struct exec_source *source = block;
    *source = (struct exec_source){
        .memory = memory, .scan = scan, .columns_count = outputs_count, .budget = budget};
    arena_init(&source->arena, budget, 4096, SIZE_MAX);
    memory_bound(source);
    memory->opened_count++;
    *out = source;
    return ERR_OK;
}

static void memory_close(struct exec_source *source)
{
    source->memory->closed_count++;
    arena_deinit(&source->arena);
    budget_free(source->budget, source);
}

/* Which rows come next, with some between them that are not there. */
static void memory_choose(struct exec_source *source, struct memory_rows *rows)
{
    struct memory *memory = source->memory;
    const struct memory_relation *relation = source->scan->relation->owner;
    uint32_t max = memory->batch_max == 0 ? VEC_ROWS_MAX : memory->batch_max;
    uint32_t wanted = memory->is_plain ? max : 1 + chance_size(memory->chance, max - 1);
    bool has_gaps = !memory->is_plain && chance_is(memory->chance, 2);
    uint32_t stretch = relation->stretches[source->next_row];
    uint32_t end_row = memory->fails_at < source->end_row ? memory->fails_at : source->end_row;
    while (rows->count < wanted && source->next_row < end_row &&
           relation->stretches[source->next_row] == stretch) {
        if (has_gaps && chance_is(memory->chance, 3)) {
            rows->at[rows->count++] = UINT32_MAX;
            continue;
        }
        rows->picks[rows->picks_count++] = (uint16_t)rows->count;
        rows->at[rows->count++] = source->next_row++;
    }
}

static struct vec_value memory_at(struct exec_source *source, uint32_t column, uint32_t at)
{
    const struct memory_relation *relation = source->scan->relation->owner;
    if (at == UINT32_MAX) { /* nobody looks at it */
        struct vec_value value = {.is_null = chance_is(source->memory->chance, 2)};
        memset(&value.u, 0, sizeof(value.u));
        return value;
    }
    return relation->values[at * relation->plan.columns_count + source->scan->columns[column]];
}

/* A copy of the value's bytes, which lives as long as the batch. */
static bool memory_put(struct exec_source *source, uint8_t kind, struct vec_value value, void *to)
{
    if (kind == VEC_TEXT || kind == VEC_JSONB) {
        char *copy = arena_alloc(&source->arena, value.u.bytes.length, 1);
        if (copy == NULL) {
            return false;
        }
        if (value.u.bytes.length > 0) {
            memcpy(copy, value.u.bytes.data, value.u.bytes.length);
        }
        value.u.bytes.data = copy;
    }
    memcpy(to, &value.u, vec_kind_bytes((enum vec_kind)kind));
    return true;
}

/* The rows' values as few that codes point to, or as one; false: memory is refused. Leaves *out
 * alone where there are too many. */
static bool memory_compress(struct exec_source *source, const struct memory_rows *rows,
                            uint32_t column, struct vec_vector *out)
{
    uint8_t kind = out->type.kind;
    size_t bytes = vec_kind_bytes((enum vec_kind)kind);
    struct vec_value few[32];
    uint32_t few_count = 0;
    uint32_t *codes = arena_alloc(&source->arena, sizeof(*codes) * rows->count, 64);
    uint64_t *valid = vec_valid(&source->arena, true);
    uint8_t *data = arena_alloc(&source->arena, 32 * bytes, 64);
    if (codes == NULL || valid == NULL || data == NULL) {
        return false;
    }
    bool has_null = false;
    for (uint32_t i = 0; i < rows->count; i++) {
        struct vec_value value = memory_at(source, column, rows->at[i]);
        uint32_t code = 0;
        if (value.is_null || rows->at[i] == UINT32_MAX) {
            vec_valid_clear(valid, i);
            has_null = has_null || rows->at[i] != UINT32_MAX;
            codes[i] = UINT32_MAX; /* undefined */
            continue;
        }
        while (code < few_count && !plan_value_equal((enum vec_kind)kind, &few[code], &value)) {
            code++;
        }
        if (code == 32) {
            return true;
        }
        if (code == few_count) {
            few[few_count++] = value;
            if (!memory_put(source, kind, value, data + bytes * code)) {
                return false;
            }
        }
        codes[i] = code;
    }
    out->data = data;
    out->valid = has_null || rows->picks_count < rows->count ? valid : NULL;
    if (few_count == 1 && !has_null) {
        out->form = VEC_CONSTANT;
        out->valid = NULL;
        return true;
    }
    if (few_count == 0) {
        static const uint64_t none = 0;
        out->form = VEC_CONSTANT;
        out->valid = &none;
        return true;
    }
    out->form = VEC_DICTIONARY;
    out->codes = codes;
    out->dictionary_count = few_count;
    return true;
}

static bool memory_column(struct exec_source *source, const struct memory_rows *rows,
                          uint32_t column, struct vec_vector *out)
{
    const struct plan_relation *relation = source->scan->relation;
    struct vec_type type = relation->columns[source->scan->columns[column]].type;
    size_t bytes = vec_kind_bytes((enum vec_kind)type.kind);
    uint8_t *data = vec_flat(&source->arena, type, rows->count, out);
    uint64_t *valid = vec_valid(&source->arena, true);
    if (data == NULL || valid == NULL) {
        return false;
    }
    if (!source->memory->is_plain && chance_below(source->memory->chance, 3) > 0) {
        if (!memory_compress(source, rows, column, out)) {
            return false;
        }
        if (out->form != VEC_FLAT) {
            return true;
        }
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        struct vec_value value = memory_at(source, column, rows->at[i]);
        if (value.is_null) {
            vec_valid_clear(valid, i);
            out->valid = valid;
        } else if (!memory_put(source, type.kind, value, data + bytes * i)) {
            return false;
        }
    }
    return true;
}

/* The batch of `rows`. */
static enum exec_result memory_fill(struct exec_source *source, const struct memory_rows *rows,
                                    struct exec_failure *failure)
{
    struct vec_vector *columns =
        arena_alloc(&source->arena, sizeof(*columns) * source->columns_count, 8);
    uint16_t *picks = arena_alloc(&source->arena, sizeof(*picks) * rows->picks_count, 8);
    if (columns == NULL || picks == NULL) {
        return memory_fail(failure, "53200", "no memory for a batch");
    }
    for (uint32_t i = 0; i < source->columns_count; i++) {
        if (!memory_column(source, rows, i, &columns[i])) {
            return memory_fail(failure, "53200", "no memory for a column");
        }
    }
    memcpy(picks, rows->picks, sizeof(*picks) * rows->picks_count);
    const struct memory_relation *relation = source->scan->relation->owner;
    source->batch = (struct vec_batch){
        .columns = columns,
        .columns_count = source->columns_count,
        .rows_count = rows->count,
        .selection = {.rows = picks, .count = rows->picks_count},
        .stretch = relation->stretches[source->next_row - 1] - source->stretch,
    };
    if (rows->picks_count == rows->count) {
        source->batch.selection.rows = NULL;
    }
    return EXEC_ROWS;
}

static enum exec_result memory_next(struct exec_source *source, struct exec_failure *failure,
                                    const struct vec_batch **out)
{
    struct memory *memory = source->memory;
    memory->calls_count++;
    if (!memory->is_plain && chance_is(memory->chance, 6)) {
        if (chance_is(memory->chance, 2)) {
            return EXEC_AGAIN;
        }
        memory->blocked_count++;
        return EXEC_BLOCKED;
    }
    if (source->next_row >= memory->fails_at) {
        char message[64];
        snprintf(message, sizeof(message), "the source fails before row %u", source->next_row);
        return memory_fail(failure, "58030", message);
    }
    if (source->next_row == source->end_row) {
        return EXEC_END;
    }
    arena_reset(&source->arena);
    struct memory_rows rows = {0};
    memory_choose(source, &rows);
    if (rows.picks_count == 0) {
        return EXEC_AGAIN;
    }
    enum exec_result result = memory_fill(source, &rows, failure);
    memory->rows_count += rows.picks_count;
    *out = &source->batch;
    return result;
}

const struct exec_source_ops memory_ops = {memory_open, memory_next, memory_close};
