/* Names of columns and of what they are columns of. Without quotes a name matches in any case where
 * that is unique, else as it is written; with quotes exactly (VIEWS §1). */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/suggest.h"
#include "views/sql/bind_int.h"

/* Parts of a column's name at most: schema.table.column. */
#define BIND_PATH_MAX 3u

/* A scope of so many columns in which so many names have been looked for is hashed. */
#define BIND_HASHED_COLUMNS 32u
#define BIND_HASHED_FINDS   32u

static void bind_column_hash(struct binder *b);
static void bind_column_missing(struct binder *b, const struct sql_expr *e);
static void bind_column_suggest(struct binder *b, const struct sql_name *name);
static bool bind_is_schema(const struct sql_name *written, const struct bind_scope *scope);

struct vec_expr *bind_column(struct binder *b, const struct sql_expr *e)
{
    const struct sql_names *names = &e->u.column;
    const struct sql_name *name = &names->items[names->count - 1];
    const struct bind_scope *scope = b->query->scope;
    bool is_ambiguous = false;
    if (names->count > BIND_PATH_MAX) {
        const char *path = bind_path_text(b, names, false);
        return bind_fail(b, SQL_STATE_SYNTAX_ERROR, bind_at(e),
                         "improper qualified name (too many dotted names): %s",
                         path != NULL ? path : "");
    }
    if (names->count > 1 && !bind_is_table(b, names->items, names->count - 1, bind_at(e))) {
        return NULL;
    }
    uint32_t column = scope != NULL ? bind_column_find(b, name, &is_ambiguous) : UINT32_MAX;
    if (is_ambiguous) {
        return bind_fail(b, SQL_STATE_AMBIGUOUS_COLUMN, bind_at(e),
                         "column reference \"%s\" is ambiguous", name->text);
    }
    if (column == UINT32_MAX) {
        bind_column_missing(b, e);
        return NULL;
    }
    struct vec_expr *expr = bind_node(b, VEC_EXPR_COLUMN, scope->columns[column].type, NULL, 0, e);
    if (expr != NULL) {
        expr->u.number = column;
    }
    return expr;
}

/* Columns of that name without case, as far as one has been looked at. */
struct bind_found {
    uint32_t exact; /* of that name as it is written */
    uint32_t any;
    uint32_t exact_count;
    uint32_t any_count;
};

static void bind_column_look(const struct bind_scope *scope, uint32_t i,
                             const struct sql_name *name, struct bind_found *found)
{
    const char *have = scope->columns[i].name;
    if (((have[0] ^ name->text[0]) & 0x5f) != 0 || !bind_is_same(have, name->text)) {
        return;
    }
    found->any = i;
    found->any_count++;
    if (strcmp(have, name->text) == 0) {
        found->exact = i;
        found->exact_count++;
    }
}

uint32_t bind_column_find(struct binder *b, const struct sql_name *name, bool *is_ambiguous)
{
    struct bind_query *query = b->query;
    const struct bind_scope *scope = query->scope;
    struct bind_found found = {UINT32_MAX, UINT32_MAX, 0, 0};
    if (scope->columns_count >= BIND_HASHED_COLUMNS && query->heads == NULL &&
        ++query->finds_count > BIND_HASHED_FINDS) {
        bind_column_hash(b);
    }
    if (query->heads != NULL) {
        uint32_t i = query->heads[bind_hash(name->text) & (query->heads_count - 1)];
        for (; i != UINT32_MAX; i = query->chains[i]) {
            bind_column_look(scope, i, name, &found);
        }
    } else {
        for (uint32_t i = 0; i < scope->columns_count; i++) {
            bind_column_look(scope, i, name, &found);
        }
    }
    *is_ambiguous = found.exact_count > 1 ||
                    (!name->is_quoted && found.exact_count == 0 && found.any_count > 1);
    return *is_ambiguous || name->is_quoted || found.exact_count == 1 ? found.exact : found.any;
}

/* Have the columns found by their hashes from now on, unless there is no memory. */
static void bind_column_hash(struct binder *b)
{
    struct bind_query *query = b->query;
    const struct bind_scope *scope = query->scope;
    uint32_t heads_count = map_capacity(scope->columns_count);
    uint32_t *heads = arena_alloc(b->arena, heads_count * sizeof(*heads), _Alignof(uint32_t));
    uint32_t *chains =
        arena_alloc(b->arena, scope->columns_count * sizeof(*chains), _Alignof(uint32_t));
    if (heads == NULL || chains == NULL) {
        return;
    }
    memset(heads, 0xff, heads_count * sizeof(*heads));
    for (uint32_t i = 0; i < scope->columns_count; i++) {
        uint32_t *head = &heads[bind_hash(scope->columns[i].name) & (heads_count - 1)];
        chains[i] = *head;
        *head = i;
    }
    query->heads = heads;
    query->chains = chains;
    query->heads_count = heads_count;
}

static void bind_column_missing(struct binder *b, const struct sql_expr *e)
{
    const struct sql_names *names = &e->u.column;
    const struct sql_name *name = &names->items[names->count - 1];
    const struct bind_scope *scope = b->query->scope;
    if (names->count > 1) {
        const char *path = bind_path_text(b, names, false);
        bind_fail(b, SQL_STATE_UNDEFINED_COLUMN, bind_at(e), "column %s does not exist",
                  path != NULL ? path : "");
    } else if (scope != NULL && bind_is_name(name, scope->name)) {
        bind_fail(b, SQL_STATE_FEATURE_NOT_SUPPORTED, bind_at(e),
                  "a whole row as a value is not supported");
        bind_hint(b, "Use %s.* for its columns.", name->text);
        return;
    } else {
        bind_fail(b, SQL_STATE_UNDEFINED_COLUMN, bind_at(e), "column \"%s\" does not exist",
                  name->text);
    }
    if (scope != NULL) {
        bind_column_suggest(b, name);
    }
}

static void bind_column_suggest(struct binder *b, const struct sql_name *name)
{
    const struct bind_scope *scope = b->query->scope;
    const char *nearest = NULL;
    const char **names =
        arena_alloc(b->arena, scope->columns_count * sizeof(*names), _Alignof(const char *));
    if (names != NULL) {
        for (uint32_t i = 0; i < scope->columns_count; i++) {
            names[i] = scope->columns[i].name;
        }
        nearest = suggest_nearest(name->text, names, scope->columns_count);
    }
    if (nearest != NULL) {
        bind_hint(b, name->is_quoted ? "Did you mean \"%s\"?" : "Did you mean %s?", nearest);
    }
}

bool bind_is_table(struct binder *b, const struct sql_name *names, uint32_t count, struct sql_at at)
{
    const struct bind_scope *scope = b->query->scope;
    const struct sql_name *table = &names[count - 1];
    if (scope != NULL && bind_is_name(table, scope->name) &&
        (count == 1 || bind_is_schema(&names[0], scope))) {
        return true;
    }
    if (scope != NULL && scope->table != NULL && bind_is_name(table, scope->table)) {
        bind_fail(b, SQL_STATE_UNDEFINED_TABLE, at,
                  "invalid reference to FROM-clause entry for table \"%s\"", table->text);
        bind_hint(b, "Perhaps you meant to reference the table alias \"%s\".", scope->name);
        return false;
    }
    bind_fail(b, SQL_STATE_UNDEFINED_TABLE, at, "missing FROM-clause entry for table \"%s\"",
              table->text);
    return false;
}

static bool bind_is_schema(const struct sql_name *written, const struct bind_scope *scope)
{
    return scope->schema != NULL && bind_is_name(written, scope->schema);
}

const char *bind_path_text(struct binder *b, const struct sql_names *names, bool is_folded)
{
    size_t room = 1;
    for (uint32_t i = 0; i < names->count; i++) {
        room += names->items[i].length + 1u;
    }
    char *text = bind_alloc(b, room, 1);
    size_t length = 0;
    for (uint32_t i = 0; text != NULL && i < names->count; i++) {
        const struct sql_name *name = &names->items[i];
        if (i > 0) {
            text[length++] = '.';
        }
        for (uint32_t j = 0; j < name->length; j++) {
            bool is_capital = name->text[j] >= 'A' && name->text[j] <= 'Z';
            bool is_lowered = is_capital && is_folded && !name->is_quoted;
            text[length++] = is_lowered ? (char)(name->text[j] + 32) : name->text[j];
        }
    }
    return text;
}
