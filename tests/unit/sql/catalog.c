/* See catalog.h. */
#include "tests/unit/sql/catalog.h"

#include <string.h>
#include <strings.h>

#include "views/sql/parse.h"

/* Parameters that a statement names without saying how many there are. */
#define CATALOG_PARAMS_MAX 64u

/* Memory of a tree. */
#define CATALOG_TREE_BYTES (64u << 20)

#define CATALOG_SYSTEM                                                                             \
    {"_key", {VEC_TEXT, 0, 0}, PLAN_ROLE_KEY, true},                                               \
        {"_headers", {VEC_JSONB, 0, 0}, PLAN_ROLE_HEADERS, true},                                  \
        {"_offset", {VEC_BIGINT, 0, 0}, PLAN_ROLE_OFFSET, true},                                   \
        {"_partition", {VEC_INTEGER, 0, 0}, PLAN_ROLE_PARTITION, true},                            \
        {"_timestamp", {VEC_TIMESTAMPTZ, 0, 0}, PLAN_ROLE_TIMESTAMP, true},                        \
    {                                                                                              \
        "_topic", {VEC_TEXT, 0, 0}, PLAN_ROLE_TOPIC, true                                          \
    }

static const struct plan_column catalog_t[] = {
    {"b", {VEC_BOOLEAN, 0, 0}, PLAN_ROLE_VALUE, false},
    {"i", {VEC_INTEGER, 0, 0}, PLAN_ROLE_VALUE, false},
    {"l", {VEC_BIGINT, 0, 0}, PLAN_ROLE_VALUE, false},
    {"d", {VEC_DOUBLE, 0, 0}, PLAN_ROLE_VALUE, false},
    {"n", {VEC_NUMERIC, 10, 2}, PLAN_ROLE_VALUE, false},
    {"m", {VEC_NUMERIC, 0, 0}, PLAN_ROLE_VALUE, false},
    {"s", {VEC_TEXT, 0, 0}, PLAN_ROLE_VALUE, false},
    {"dt", {VEC_DATE, 0, 0}, PLAN_ROLE_VALUE, false},
    {"ts", {VEC_TIMESTAMP, 0, 0}, PLAN_ROLE_VALUE, false},
    {"tz", {VEC_TIMESTAMPTZ, 0, 0}, PLAN_ROLE_VALUE, false},
    {"iv", {VEC_INTERVAL, 0, 0}, PLAN_ROLE_VALUE, false},
    {"j", {VEC_JSONB, 0, 0}, PLAN_ROLE_DOCUMENT, false},
    CATALOG_SYSTEM,
};

/* JSON's names: they differ in case. */
static const struct plan_column catalog_events[] = {
    {"userId", {VEC_TEXT, 0, 0}, PLAN_ROLE_VALUE, false},
    {"Amount", {VEC_NUMERIC, 38, 4}, PLAN_ROLE_VALUE, false},
    {"amount", {VEC_DOUBLE, 0, 0}, PLAN_ROLE_VALUE, false},
    {"order", {VEC_INTEGER, 0, 0}, PLAN_ROLE_VALUE, false},
    {"at", {VEC_TIMESTAMPTZ, 0, 0}, PLAN_ROLE_VALUE, false},
    CATALOG_SYSTEM,
};

static const struct plan_column catalog_streams[] = {
    {"name", {VEC_TEXT, 0, 0}, PLAN_ROLE_VALUE, false},
    {"topic", {VEC_TEXT, 0, 0}, PLAN_ROLE_VALUE, false},
};

/* A view's, grouped by region and hour. */
static const struct plan_column catalog_totals[] = {
    {"hour", {VEC_BIGINT, 0, 0}, PLAN_ROLE_VALUE, false},
    {"total", {VEC_NUMERIC, 0, 0}, PLAN_ROLE_VALUE, false},
    {"region", {VEC_TEXT, 0, 0}, PLAN_ROLE_VALUE, false},
};
static const uint16_t catalog_totals_keys[] = {2, 0};

static const struct plan_relation catalog_relations[] = {
    {PLAN_RELATION_STREAM, "public", "t", catalog_t, ARRAY_COUNT(catalog_t), 1, NULL, 0, NULL},
    {PLAN_RELATION_STREAM, "public", "Events", catalog_events, ARRAY_COUNT(catalog_events), 1, NULL,
     0, NULL},
    {PLAN_RELATION_SYSTEM, "system", "streams", catalog_streams, ARRAY_COUNT(catalog_streams), 1,
     NULL, 0, NULL},
    {PLAN_RELATION_VIEW, "public", "totals", catalog_totals, ARRAY_COUNT(catalog_totals), 1,
     catalog_totals_keys, ARRAY_COUNT(catalog_totals_keys), NULL},
};

const struct plan_relation *catalog_find(void *ctx, const char *schema, const char *name)
{
    (void)ctx;
    for (size_t i = 0; i < ARRAY_COUNT(catalog_relations); i++) {
        const struct plan_relation *relation = &catalog_relations[i];
        bool is_schema = schema == NULL ? relation->kind != PLAN_RELATION_SYSTEM
                                        : strcasecmp(schema, relation->schema) == 0;
        if (is_schema && strcasecmp(name, relation->name) == 0) {
            return relation;
        }
    }
    return NULL;
}

static const char *catalog_name_at(void *ctx, uint32_t i)
{
    (void)ctx;
    return i < ARRAY_COUNT(catalog_relations) ? catalog_relations[i].name : NULL;
}

/* Bind the tree of `text`, which is in `tree` as all but the plan. */
static enum err catalog_bind_tree(const char *text, size_t length, const struct vec_type *params,
                                  uint32_t params_count, struct arena *tree, struct arena *arena,
                                  struct plan *out, struct sql_error *error)
{
    static const struct vec_type none[CATALOG_PARAMS_MAX];
    struct sql_stmt *stmt;
    struct sql_reference *references;
    uint32_t count;
    enum err err = sql_parse(text, length, tree, &stmt, error);
    if (err != ERR_OK) {
        return err;
    }
    if (stmt->select == NULL) {
        return sql_error_set(error, SQL_STATE_FEATURE_NOT_SUPPORTED, stmt->at, text, length,
                             "not a SELECT");
    }
    err = sql_references(stmt->select, tree, &references, &count);
    const struct plan_relation **relations =
        err == ERR_OK ? arena_alloc(tree, count * sizeof(*relations), 8) : NULL;
    if (relations == NULL) {
        return sql_error_set(error, SQL_STATE_OUT_OF_MEMORY, stmt->at, text, length,
                             "out of memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        relations[i] = catalog_find(NULL, references[i].schema.text, references[i].name.text);
    }
    bool is_given = params != NULL;
    uint32_t named_count =
        stmt->params_count < CATALOG_PARAMS_MAX ? stmt->params_count : CATALOG_PARAMS_MAX;
    struct sql_binding binding = {
        .relations = relations,
        .references = references,
        .references_count = count,
        .name_at = catalog_name_at,
        .params = is_given ? params : none,
        .params_count = is_given ? params_count : named_count,
        .text = text,
        .length = length,
    };
    return sql_bind(stmt->select, &binding, arena, out, error);
}

enum err catalog_bind(const char *text, size_t length, const struct vec_type *params,
                      uint32_t params_count, struct arena *arena, struct plan *out,
                      struct sql_error *error)
{
    struct budget budget;
    struct arena tree;
    budget_init(&budget, "tree", CATALOG_TREE_BYTES, NULL);
    arena_init(&tree, &budget, 16384, CATALOG_TREE_BYTES);
    enum err err = catalog_bind_tree(text, length, params, params_count, &tree, arena, out, error);
    arena_deinit(&tree); /* a plan points nowhere into it */
    budget_deinit(&budget);
    return err;
}
