/* Statements as text. See print.h. */
#include "views/sql/print.h"

#include <string.h>

#include "base/assert.h"

static void sql_print_put(struct bytes_writer *w, const char *text);
static void sql_print_ctes(struct bytes_writer *w, const struct sql_select *select);
static void sql_print_rows(struct bytes_writer *w, const struct sql_select *select);
static void sql_print_items(struct bytes_writer *w, const struct sql_select *select);
static void sql_print_simple(struct bytes_writer *w, const struct sql_select *select);
static void sql_print_from(struct bytes_writer *w, const struct sql_from *from);
static void sql_print_columns(struct bytes_writer *w, const struct sql_names *columns);
static void sql_print_tail(struct bytes_writer *w, const struct sql_select *select);
static void sql_print_create_view(struct bytes_writer *w, const struct sql_stmt *stmt);
static void sql_print_create(struct bytes_writer *w, const struct sql_create_stream *create);
static void sql_print_stream_column(struct bytes_writer *w, const struct sql_stream_column *column);

void sql_print_stmt(struct bytes_writer *w, const struct sql_stmt *stmt)
{
    static const char *const shows[SQL_SHOW_COUNT] = {
#define SQL_PRINT_SHOW(name) [SQL_SHOW_##name] = #name,
        SQL_SHOW_TABLE(SQL_PRINT_SHOW)
#undef SQL_PRINT_SHOW
    };
    static const char *const objects[] = {
        [SQL_OBJECT_ANY] = "",
        [SQL_OBJECT_STREAM] = "STREAM ",
        [SQL_OBJECT_VIEW] = "MATERIALIZED VIEW ",
    };
    bool is_explain = stmt->kind == SQL_STMT_EXPLAIN || stmt->kind == SQL_STMT_EXPLAIN_VIEW ||
                      stmt->kind == SQL_STMT_EXPLAIN_MAKE;
    if (is_explain) {
        sql_print_put(w, stmt->format == SQL_EXPLAIN_JSON ? "EXPLAIN (FORMAT JSON) " : "EXPLAIN ");
    }
    switch (stmt->kind) {
    case SQL_STMT_SELECT:
    case SQL_STMT_EXPLAIN: sql_print_select(w, stmt->select); return;
    case SQL_STMT_CREATE_STREAM: sql_print_create(w, stmt->create); return;
    case SQL_STMT_DROP_STREAM: sql_print_put(w, "DROP STREAM "); break;
    case SQL_STMT_SHOW:
        sql_print_put(w, "SHOW ");
        sql_print_put(w, shows[stmt->show]);
        return;
    case SQL_STMT_SHOW_CREATE:
        sql_print_put(w, "SHOW CREATE ");
        sql_print_put(w, objects[stmt->object]);
        break;
    case SQL_STMT_DESCRIBE: sql_print_put(w, "DESCRIBE "); break;
    case SQL_STMT_CREATE_VIEW:
    case SQL_STMT_EXPLAIN_MAKE: sql_print_create_view(w, stmt); return;
    case SQL_STMT_EXPLAIN_VIEW: sql_print_put(w, "MATERIALIZED VIEW "); break;
    case SQL_STMT_DROP_VIEW: sql_print_put(w, "DROP MATERIALIZED VIEW "); break;
    case SQL_STMT_RENAME_VIEW:
    case SQL_STMT_REBIND_VIEW: sql_print_put(w, "ALTER MATERIALIZED VIEW "); break;
    }
    sql_print_put(w, stmt->if_exists ? "IF EXISTS " : "");
    sql_print_names(w, &stmt->name, ".");
    sql_print_put(w, stmt->kind == SQL_STMT_REBIND_VIEW ? " REBIND" : "");
    if (stmt->kind == SQL_STMT_RENAME_VIEW) {
        sql_print_put(w, " RENAME TO ");
        sql_print_name(w, &stmt->rename);
    }
}

static void sql_print_create_view(struct bytes_writer *w, const struct sql_stmt *stmt)
{
    const struct sql_create_view *create = stmt->create_view;
    sql_print_put(w, create->if_not_exists ? "CREATE MATERIALIZED VIEW IF NOT EXISTS "
                                           : "CREATE MATERIALIZED VIEW ");
    sql_print_names(w, &create->name, ".");
    sql_print_columns(w, &create->columns);
    if (create->has_origin) {
        sql_print_put(w, " WITH (origin = ");
        sql_print_string(w, create->origin);
        sql_print_put(w, ")");
    }
    sql_print_put(w, " AS ");
    sql_print_select(w, stmt->select);
}

void sql_print_select(struct bytes_writer *w, const struct sql_select *select)
{
    ASSERT(select->height <= SQL_DEPTH_MAX);
    if (select->ctes_count > 0) {
        sql_print_ctes(w, select);
    }
    if (select->rows_count > 0) {
        sql_print_rows(w, select);
    } else {
        sql_print_simple(w, select);
    }
    sql_print_tail(w, select);
}

static void sql_print_ctes(struct bytes_writer *w, const struct sql_select *select)
{
    for (uint32_t i = 0; i < select->ctes_count; i++) {
        const struct sql_cte *cte = &select->ctes[i];
        sql_print_put(w, i == 0 ? "WITH " : ", ");
        sql_print_name(w, &cte->name);
        sql_print_columns(w, &cte->columns);
        sql_print_put(w, " AS ");
        if (cte->materialized != SQL_MATERIALIZED_DEFAULT) {
            sql_print_put(w, cte->materialized == SQL_MATERIALIZED_ALWAYS ? "MATERIALIZED "
                                                                          : "NOT MATERIALIZED ");
        }
        sql_print_put(w, "(");
        sql_print_select(w, cte->select);
        sql_print_put(w, ")");
    }
    sql_print_put(w, " ");
}

static void sql_print_rows(struct bytes_writer *w, const struct sql_select *select)
{
    for (uint32_t i = 0; i < select->rows_count; i++) {
        sql_print_put(w, i == 0 ? "VALUES (" : ", (");
        for (uint32_t j = 0; j < select->rows[i].count; j++) {
            sql_print_put(w, j > 0 ? ", " : "");
            sql_print_expr(w, select->rows[i].items[j]);
        }
        sql_print_put(w, ")");
    }
}

static void sql_print_items(struct bytes_writer *w, const struct sql_select *select)
{
    for (uint32_t i = 0; i < select->items_count; i++) {
        const struct sql_item *item = &select->items[i];
        sql_print_put(w, i > 0 ? ", " : "");
        if (item->expr == NULL) {
            sql_print_names(w, &item->table, ".");
            sql_print_put(w, item->table.count > 0 ? ".*" : "*");
            continue;
        }
        sql_print_expr(w, item->expr);
        if (item->alias.text != NULL) {
            sql_print_put(w, " AS ");
            sql_print_name(w, &item->alias);
        }
    }
}

static void sql_print_simple(struct bytes_writer *w, const struct sql_select *select)
{
    sql_print_put(w, select->is_distinct ? "SELECT DISTINCT " : "SELECT ");
    sql_print_items(w, select);
    if (select->from != NULL) {
        sql_print_put(w, " FROM ");
        sql_print_from(w, select->from);
    }
    if (select->where != NULL) {
        sql_print_put(w, " WHERE ");
        sql_print_expr(w, select->where);
    }
    for (uint32_t i = 0; i < select->group.count; i++) {
        sql_print_put(w, i == 0 ? " GROUP BY " : ", ");
        sql_print_expr(w, select->group.items[i]);
    }
    if (select->having != NULL) {
        sql_print_put(w, " HAVING ");
        sql_print_expr(w, select->having);
    }
}

static void sql_print_from(struct bytes_writer *w, const struct sql_from *from)
{
    switch (from->kind) {
    case SQL_FROM_TABLE: sql_print_names(w, &from->table, "."); break;
    case SQL_FROM_SELECT:
        sql_print_put(w, "(");
        sql_print_select(w, from->select);
        sql_print_put(w, ")");
        break;
    case SQL_FROM_TUMBLE:
        sql_print_put(w, "TUMBLE(");
        sql_print_names(w, &from->table, ".");
        sql_print_put(w, ", ");
        sql_print_expr(w, from->time);
        sql_print_put(w, ", ");
        sql_print_expr(w, from->width);
        sql_print_put(w, ")");
        break;
    }
    if (from->alias.text != NULL) {
        sql_print_put(w, " AS ");
        sql_print_name(w, &from->alias);
        sql_print_columns(w, &from->columns);
    }
}

/* " (a, b)", or nothing where there are no names. */
static void sql_print_columns(struct bytes_writer *w, const struct sql_names *columns)
{
    if (columns->count > 0) {
        sql_print_put(w, " (");
        sql_print_names(w, columns, ", ");
        sql_print_put(w, ")");
    }
}

static void sql_print_tail(struct bytes_writer *w, const struct sql_select *select)
{
    static const char *const nulls[] = {
        [SQL_NULLS_DEFAULT] = "",
        [SQL_NULLS_FIRST] = " NULLS FIRST",
        [SQL_NULLS_LAST] = " NULLS LAST",
    };
    for (uint32_t i = 0; i < select->order_count; i++) {
        const struct sql_order *key = &select->order[i];
        sql_print_put(w, i == 0 ? " ORDER BY " : ", ");
        sql_print_expr(w, key->expr);
        sql_print_put(w, key->is_descending ? " DESC" : "");
        sql_print_put(w, nulls[key->nulls]);
    }
    if (select->limit != NULL) {
        bool is_all = select->limit->kind == SQL_EXPR_NULL;
        sql_print_put(w, is_all ? " LIMIT ALL" : " LIMIT ");
        if (!is_all) {
            sql_print_expr(w, select->limit);
        }
    }
    if (select->offset != NULL) {
        sql_print_put(w, " OFFSET ");
        sql_print_expr(w, select->offset);
    }
}

static void sql_print_create(struct bytes_writer *w, const struct sql_create_stream *create)
{
    static const char *const key_formats[] = {
        [SQL_KEY_FORMAT_DEFAULT] = "",
        [SQL_KEY_FORMAT_TEXT] = " KEY FORMAT TEXT",
        [SQL_KEY_FORMAT_JSON] = " KEY FORMAT JSON",
        [SQL_KEY_FORMAT_INT64] = " KEY FORMAT INT64",
    };
    sql_print_put(w, create->if_not_exists ? "CREATE STREAM IF NOT EXISTS " : "CREATE STREAM ");
    sql_print_names(w, &create->name, ".");
    for (uint32_t i = 0; i < create->columns_count; i++) {
        sql_print_put(w, i == 0 ? " (" : ", ");
        sql_print_stream_column(w, &create->columns[i]);
    }
    sql_print_put(w, ") FROM TOPIC ");
    if (create->topic.is_quoted) {
        sql_print_string(w, (struct sql_text){create->topic.text, create->topic.length});
    } else {
        sql_print_name(w, &create->topic);
    }
    sql_print_put(w, " FORMAT JSON");
    sql_print_put(w, key_formats[create->key_format]);
}

static void sql_print_stream_column(struct bytes_writer *w, const struct sql_stream_column *column)
{
    static const char *const sources[] = {
        [SQL_SOURCE_NAME] = "",
        [SQL_SOURCE_PATH] = " PATH ",
        [SQL_SOURCE_KEY] = " FROM KEY",
        [SQL_SOURCE_HEADER] = " FROM HEADER ",
    };
    static const char *const units[] = {
        [SQL_UNIT_DEFAULT] = "",    [SQL_UNIT_S] = " UNIT s",   [SQL_UNIT_MS] = " UNIT ms",
        [SQL_UNIT_US] = " UNIT us", [SQL_UNIT_NS] = " UNIT ns",
    };
    sql_print_name(w, &column->name);
    sql_print_put(w, " ");
    sql_print_type(w, column->type);
    sql_print_put(w, sources[column->source]);
    if (column->source == SQL_SOURCE_PATH || column->source == SQL_SOURCE_HEADER) {
        sql_print_string(w, column->source_text);
    }
    sql_print_put(w, units[column->unit]);
}

static void sql_print_put(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}
