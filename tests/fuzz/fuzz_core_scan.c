/* Any bytes as a record's value, key and header, in columns of every type. The first byte of an
 * input says how the key is written and whether a part is null; the rest is the three parts, with
 * a byte 0xfe between. What columns hold is what their types can hold; a row is the same alone and
 * beside others; each misfit is a null, and is kept as an error row once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "broker/core/core.h"
#include "broker/core/scan_columns.h"
#include "tests/fuzz/fuzz.h"
#include "views/vec/calendar.h"
#include "views/vec/jsonb.h"

#define FUZZ_TYPES_COUNT  13u
#define FUZZ_BUDGET_BYTES (64u << 20)
#define FUZZ_ROWS         3u

static const struct vec_type fuzz_types[FUZZ_TYPES_COUNT] = {
    {.kind = VEC_BOOLEAN},
    {.kind = VEC_INTEGER},
    {.kind = VEC_BIGINT},
    {.kind = VEC_DOUBLE},
    {.kind = VEC_NUMERIC},
    {.kind = VEC_NUMERIC, .precision = 10, .scale = 2},
    {.kind = VEC_NUMERIC, .precision = 38, .scale = 19},
    {.kind = VEC_TEXT},
    {.kind = VEC_DATE},
    {.kind = VEC_TIMESTAMP},
    {.kind = VEC_TIMESTAMPTZ},
    {.kind = VEC_INTERVAL},
    {.kind = VEC_JSONB},
};

/* One run. */
struct fuzz_scan {
    struct budget budget;
    struct core core;
    struct core_shard cs;
    struct core_stream_column columns[4 * FUZZ_TYPES_COUNT + 1];
    uint32_t numbers[4 * FUZZ_TYPES_COUNT + 1 + CORE_STREAM_SYSTEM_COUNT];
    struct log_records_item item;
};

/* Of each type a column at $, one at $.a, the key and a header; and the residue. */
static uint32_t fuzz_columns(struct fuzz_scan *f)
{
    static const uint8_t froms[] = {CORE_STREAM_PATH, CORE_STREAM_PATH, CORE_STREAM_KEY,
                                    CORE_STREAM_HEADER};
    static const char *const sources[] = {"$", "$.a", "", "h"};
    uint32_t count = 0;
    for (uint32_t from = 0; from < 4; from++) {
        for (uint32_t i = 0; i < FUZZ_TYPES_COUNT; i++) {
            bool is_time = fuzz_types[i].kind == VEC_TIMESTAMP ||
                           fuzz_types[i].kind == VEC_TIMESTAMPTZ || fuzz_types[i].kind == VEC_DATE;
            f->columns[count++] =
                (struct core_stream_column){.name = "c",
                                            .type = fuzz_types[i],
                                            .from = froms[from],
                                            .unit = (uint8_t)(is_time ? 1 + (from + i) % 4 : 0),
                                            .source = sources[from]};
        }
    }
    f->columns[count++] = (struct core_stream_column){
        .name = "_rest", .type = {.kind = VEC_JSONB}, .from = CORE_STREAM_RESIDUE, .source = ""};
    return count;
}

/* The value is one of its type. */
static void fuzz_check_value(struct vec_type type, const struct vec_value *v)
{
    struct vec_numeric same;
    switch ((enum vec_kind)type.kind) {
    case VEC_BOOLEAN: ASSERT(v->u.boolean <= 1); break;
    case VEC_DOUBLE: ASSERT(isfinite(v->u.real)); break;
    case VEC_NUMERIC:
        ASSERT(type.precision == 0 || v->u.numeric.scale == type.scale);
        if (type.precision != 0) {
            ASSERT(vec_numeric_declare(&v->u.numeric, type.precision, type.scale, &same) ==
                   VEC_FAULT_NONE);
            ASSERT(vec_numeric_compare(&same, &v->u.numeric) == 0);
        }
        break;
    case VEC_TEXT:
        ASSERT(json_is_utf8(v->u.bytes.data, v->u.bytes.length));
        ASSERT(v->u.bytes.length == 0 || memchr(v->u.bytes.data, '\0', v->u.bytes.length) == NULL);
        break;
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
        ASSERT(!vec_timestamp_is_finite(v->u.int8) ||
               (v->u.int8 >= VEC_TIMESTAMP_MIN && v->u.int8 < VEC_TIMESTAMP_END));
        break;
    case VEC_DATE:
        ASSERT(!vec_date_is_finite(v->u.int4) ||
               (v->u.int4 >= VEC_DATE_MIN && v->u.int4 < VEC_DATE_END));
        break;
    case VEC_JSONB: ASSERT(vec_jsonb_is_valid(v->u.bytes.data, v->u.bytes.length)); break;
    case VEC_NONE:
    case VEC_INTEGER:
    case VEC_BIGINT:
    case VEC_INTERVAL:
    case VEC_KIND_COUNT: break;
    }
}

/* Whether two values of one type are the same, bytes and all. */
static bool fuzz_is_same(struct vec_type type, const struct vec_value *a, const struct vec_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null == b->is_null;
    }
    if (type.kind == VEC_TEXT || type.kind == VEC_JSONB) {
        return a->u.bytes.length == b->u.bytes.length &&
               (a->u.bytes.length == 0 ||
                memcmp(a->u.bytes.data, b->u.bytes.data, a->u.bytes.length) == 0);
    }
    if (type.kind == VEC_NUMERIC) {
        return vec_numeric_compare(&a->u.numeric, &b->u.numeric) == 0 &&
               a->u.numeric.scale == b->u.numeric.scale;
    }
    return memcmp(&a->u, &b->u, vec_kind_bytes((enum vec_kind)type.kind)) == 0;
}

static void fuzz_check(const struct core_stream_relation *relation,
                       const struct vec_vector *vectors, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct vec_type type = relation->relation.columns[i].type;
        struct vec_value first;
        struct vec_value other;
        ASSERT(vec_type_equal(vectors[i].type, type));
        vec_get(&vectors[i], 0, &first);
        if (!first.is_null) {
            fuzz_check_value(type, &first);
        }
        vec_get(&vectors[i], 2, &other);
        bool is_offset = relation->relation.columns[i].role == PLAN_ROLE_OFFSET;
        ASSERT(is_offset || fuzz_is_same(type, &first, &other));
        vec_get(&vectors[i], 1, &other); /* of a record that has nothing */
        ASSERT(other.is_null || i >= relation->stream.columns_count);
    }
}

static void fuzz_run(struct fuzz_scan *f, uint8_t key)
{
    struct arena arena;
    struct core_stream_relation *relation;
    struct core_scan_columns columns;
    struct vec_vector *vectors;
    uint64_t group = 1;
    struct core_stream stream = {
        .name = "s", .key = key, .columns = f->columns, .columns_count = fuzz_columns(f)};
    arena_init(&arena, &f->budget, 4096, SIZE_MAX);
    ASSERT(core_stream_relation_make(&arena, &stream, "t", &group, 1, &relation) == ERR_OK);
    uint32_t count = relation->relation.columns_count;
    ASSERT(count <= ARRAY_COUNT(f->numbers));
    for (uint32_t i = 0; i < count; i++) {
        f->numbers[i] = i;
    }
    ASSERT(core_scan_columns_init(&columns, &f->cs, relation, f->numbers, count, NULL, 0,
                                  &f->budget) == ERR_OK);
    struct log_records_item nothing = {.offset = 1};
    for (uint32_t go = 0; go < 2; go++) {
        uint64_t found_count = f->cs.errors.found_count;
        f->item.offset = 0;
        core_scan_columns_row(&columns, 0, &f->item);
        core_scan_columns_row(&columns, 1, &nothing);
        f->item.offset = 2;
        core_scan_columns_row(&columns, 2, &f->item);
        enum err err = core_scan_columns_fill(&columns, 0, FUZZ_ROWS, &vectors);
        ASSERT(err == ERR_OK || err == ERR_BUDGET);
        if (err == ERR_OK) {
            fuzz_check(relation, vectors, count);
            ASSERT(IMPLIES(go == 1, f->cs.errors.found_count == found_count));
        }
    }
    core_scan_columns_deinit(&columns);
    arena_deinit(&arena);
}

/* The part up to the next separator. */
static const uint8_t *fuzz_part(const uint8_t **at, const uint8_t *end, uint32_t *length)
{
    const uint8_t *begin = *at;
    const uint8_t *stop = begin < end ? memchr(begin, 0xfe, (size_t)(end - begin)) : NULL;
    stop = stop != NULL ? stop : end;
    *length = (uint32_t)(stop - begin);
    *at = stop < end ? stop + 1 : end;
    return begin;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 100000) {
        return 0;
    }
    struct fuzz_scan *f = calloc(1, sizeof(*f));
    uint8_t *headers = malloc(size + 64);
    struct cpu cpu;
    ASSERT(f != NULL);
    ASSERT(headers != NULL);
    cpu_detect(&cpu);
    budget_init(&f->budget, "fuzz", FUZZ_BUDGET_BYTES, NULL);
    f->core.config.indexer = json_indexer_for(&cpu);
    f->cs.core = &f->core;
    core_errors_init(&f->cs.errors, &f->budget, 1);
    const uint8_t *at = data + 1;
    const uint8_t *end = data + size;
    f->item = (struct log_records_item){.timestamp = (int64_t)size, .headers = headers};
    f->item.value = fuzz_part(&at, end, &f->item.value_bytes);
    f->item.key = fuzz_part(&at, end, &f->item.key_bytes);
    struct log_records_header header = {.key = (const uint8_t *)"h", .key_bytes = 1};
    header.value = fuzz_part(&at, end, &header.value_bytes);
    struct bytes_writer w = bytes_writer(headers, size + 64);
    log_records_header_put(&w, &header);
    f->item.headers_count = 1;
    f->item.headers_bytes = (uint32_t)w.pos;
    f->item.value = (data[0] & 4) != 0 ? NULL : f->item.value;
    f->item.key = (data[0] & 8) != 0 ? NULL : f->item.key;
    fuzz_run(f, (uint8_t)(1 + data[0] % 3));
    core_errors_deinit(&f->cs.errors);
    ASSERT(f->budget.used_bytes == 0);
    budget_deinit(&f->budget);
    free(headers);
    free(f);
    return 0;
}
