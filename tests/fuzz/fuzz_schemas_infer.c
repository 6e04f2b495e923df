/* Columns inferred from any bytes against a naive twin: the first byte of an input says how many
 * columns there may be, the rest is records, one a line. Whatever the records, the columns are the
 * twin's, in its order; and folding the second half upon what came of the first is as folding all.
 */
#include "schemas/infer.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "schemas/json/path.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_MEMBERS_MAX  64u
#define FUZZ_BUDGET_BYTES (4u << 20)

/* A member of the twin: all names in the order they came, columns or not. */
struct fuzz_member {
    char name[INFER_NAME_BYTES_MAX];
    size_t length;
    enum infer_kind kind;
    bool is_whole;
};

/* The twin. */
struct fuzz_twin {
    struct fuzz_member members[FUZZ_MEMBERS_MAX];
    uint32_t count;
    uint32_t count_max;
    enum infer_kind whole; /* of all records */
    bool has_other;        /* than objects and nulls */
    bool has_whole;        /* a column for it */
    bool has_rest;
};

static const char *const fuzz_reserved[] = {"_rest", "_key"};

/* Kinds by their characters. */
static enum infer_kind fuzz_number(const char *text, size_t length)
{
    char digits[400];
    size_t sign = text[0] == '-';
    if (memchr(text, '.', length) != NULL || memchr(text, 'e', length) != NULL ||
        memchr(text, 'E', length) != NULL) {
        if (length > UNITS_DOUBLE_BYTES_MAX) {
            return INFER_JSONB; /* no longer text is read as a double */
        }
        char *copy = calloc(1, length + 1);
        ASSERT(copy != NULL);
        memcpy(copy, text, length);
        double value = strtod(copy, NULL);
        free(copy);
        return value - value == 0 ? INFER_DOUBLE : INFER_JSONB;
    }
    if (length - sign > 38) {
        return INFER_JSONB;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    const char *bound = sign ? "9223372036854775808" : "9223372036854775807";
    bool is_large = length - sign > 19 || (length - sign == 19 && strcmp(digits + sign, bound) > 0);
    return is_large ? INFER_NUMERIC : INFER_BIGINT;
}

static enum infer_kind fuzz_kind(const struct json_value *value)
{
    char text[64];
    struct bytes_writer w = bytes_writer(text, sizeof(text));
    switch (value->kind) {
    case JSON_NULL: return INFER_NULL;
    case JSON_FALSE:
    case JSON_TRUE: return INFER_BOOLEAN;
    case JSON_NUMBER: return fuzz_number(value->text, value->length);
    case JSON_STRING:
        return json_unescape(&w, value) == ERR_OK && infer_is_time(text, w.pos) ? INFER_TIMESTAMPTZ
                                                                                : INFER_TEXT;
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return INFER_JSONB;
}

static bool fuzz_name(const struct json_value *name, char *out, size_t *length)
{
    uint8_t path[JSON_PATH_BYTES_MAX];
    struct bytes_writer w = bytes_writer(out, INFER_NAME_BYTES_MAX);
    if (json_unescape(&w, name) != ERR_OK) {
        return false;
    }
    *length = w.pos;
    for (size_t i = 0; i < w.pos; i++) {
        if (out[i] == '\0') {
            return false;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (strlen(fuzz_reserved[i]) == w.pos && memcmp(fuzz_reserved[i], out, w.pos) == 0) {
            return false;
        }
    }
    struct bytes_writer p = bytes_writer(path, sizeof(path));
    json_path_put_member(&p, out, w.pos);
    return w.pos > 0 && p.err == ERR_OK;
}

static struct fuzz_member *fuzz_find(struct fuzz_twin *twin, const char *name, size_t length)
{
    for (uint32_t i = 0; i < twin->count; i++) {
        if (twin->members[i].length == length && memcmp(twin->members[i].name, name, length) == 0) {
            return &twin->members[i];
        }
    }
    return NULL;
}

static struct fuzz_member *fuzz_add(struct fuzz_twin *twin, const char *name, size_t length)
{
    if (twin->count == twin->count_max) {
        return NULL;
    }
    struct fuzz_member *member = &twin->members[twin->count++];
    *member = (struct fuzz_member){.length = length};
    memcpy(member->name, name, length);
    return member;
}

/* Whether the member `name` stands again behind the walk's place. */
static bool fuzz_comes_again(struct json_items items, const char *name, size_t length)
{
    struct json_value other;
    struct json_value value;
    char text[INFER_NAME_BYTES_MAX];
    size_t bytes;
    while (json_items_next(&items, &other, &value)) {
        if (fuzz_name(&other, text, &bytes) && bytes == length && memcmp(text, name, length) == 0) {
            return true;
        }
    }
    return false;
}

static void fuzz_twin_record(struct fuzz_twin *twin, const struct json_value *record)
{
    struct json_value name;
    struct json_value value;
    char text[INFER_NAME_BYTES_MAX];
    size_t length;
    if (record->kind == JSON_OBJECT) {
        struct json_items items = json_items(record);
        while (json_items_next(&items, &name, &value)) {
            struct fuzz_member *member = NULL;
            if (fuzz_name(&name, text, &length)) {
                member = fuzz_find(twin, text, length);
                member = member != NULL ? member : fuzz_add(twin, text, length);
            }
            if (member == NULL || member->is_whole) {
                twin->has_rest = true;
            } else if (!fuzz_comes_again(items, text, length)) {
                member->kind = infer_join(member->kind, fuzz_kind(&value));
            }
        }
    }
    twin->whole = infer_join(twin->whole, fuzz_kind(record));
    twin->has_other = twin->has_other || (record->kind != JSON_OBJECT && record->kind != JSON_NULL);
    if (twin->has_other && !twin->has_whole) {
        const char *called = fuzz_find(twin, "value", 5) == NULL    ? "value"
                             : fuzz_find(twin, "_value", 6) == NULL ? "_value"
                                                                    : NULL;
        struct fuzz_member *member = called != NULL ? fuzz_add(twin, called, strlen(called)) : NULL;
        if (member != NULL) {
            member->is_whole = true;
            twin->has_whole = true;
        }
    }
    for (uint32_t i = 0; i < twin->count; i++) {
        if (twin->members[i].is_whole) {
            twin->members[i].kind = infer_join(twin->members[i].kind, twin->whole);
        }
    }
}

static void fuzz_open(struct infer *in, struct arena *arena, uint32_t columns_max)
{
    const struct infer_config config = {.columns_max = columns_max,
                                        .reserved = fuzz_reserved,
                                        .reserved_count = 2,
                                        .seed = columns_max};
    enum err err = infer_init(in, arena, &config);
    ASSERT(err == ERR_OK);
}

/* Fold a line into both. */
static void fuzz_line(struct infer *in, struct fuzz_twin *twin, const char *text, size_t length)
{
    struct json_value value;
    size_t fault;
    enum err want = json_read(text, length, &value, &fault);
    enum err err = infer_record(in, text, length);
    ASSERT(err == want);
    if (want == ERR_OK && twin != NULL) {
        fuzz_twin_record(twin, &value);
    }
}

static void fuzz_same(const struct infer *a, const struct infer *b)
{
    ASSERT(a->columns_count == b->columns_count);
    ASSERT(a->has_rest == b->has_rest);
    for (uint32_t i = 0; i < a->columns_count; i++) {
        ASSERT(strcmp(a->columns[i].name, b->columns[i].name) == 0);
        ASSERT(a->columns[i].kind == b->columns[i].kind);
        ASSERT(a->columns[i].is_whole == b->columns[i].is_whole);
    }
}

/* Go on upon what `from` has come to. */
static void fuzz_go_on(struct infer *in, struct arena *arena, const struct infer *from,
                       uint32_t columns_max)
{
    fuzz_open(in, arena, columns_max);
    for (uint32_t i = 0; i < from->columns_count; i++) {
        const struct infer_column *column = &from->columns[i];
        enum err err = infer_known(in, column->name, column->length, (enum infer_kind)column->kind,
                                   column->is_whole);
        ASSERT(err == ERR_OK);
    }
    if (from->has_rest) {
        infer_known_rest(in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 64u << 10) {
        return 0;
    }
    struct budget budget;
    struct arena arena;
    struct infer all;
    struct infer parts;
    struct fuzz_twin *twin = calloc(1, sizeof(*twin));
    ASSERT(twin != NULL);
    uint32_t columns_max = 1 + data[0] % FUZZ_MEMBERS_MAX;
    twin->count_max = columns_max;
    budget_init(&budget, "fuzz", FUZZ_BUDGET_BYTES, NULL);
    arena_init(&arena, &budget, 4096, FUZZ_BUDGET_BYTES);
    fuzz_open(&all, &arena, columns_max);
    fuzz_open(&parts, &arena, columns_max);
    size_t lines_count = 0;
    for (size_t at = 1; at < size;) {
        const char *text = (const char *)data + at;
        const char *end = memchr(text, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - text) : size - at;
        fuzz_line(&all, twin, text, length);
        bool had_objects = parts.columns_count > 0 || parts.has_rest;
        if (++lines_count == 3 && had_objects) {
            struct infer before = parts;
            fuzz_go_on(&parts, &arena, &before, columns_max);
        }
        fuzz_line(&parts, NULL, text, length);
        at += length + 1;
    }
    ASSERT(all.columns_count == twin->count);
    ASSERT(all.has_rest == twin->has_rest);
    for (uint32_t i = 0; i < twin->count; i++) {
        const struct infer_column *column = &all.columns[i];
        const struct fuzz_member *member = &twin->members[i];
        ASSERT(column->length == member->length);
        ASSERT(memcmp(column->name, member->name, member->length) == 0);
        ASSERT(column->kind == member->kind);
        ASSERT(column->is_whole == member->is_whole);
    }
    fuzz_same(&all, &parts);
    arena_deinit(&arena);
    budget_deinit(&budget);
    free(twin);
    return 0;
}
