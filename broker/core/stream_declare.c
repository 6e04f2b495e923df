/* See stream_declare.h. */
#include "broker/core/stream_declare.h"

#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "schemas/json/path.h"
#include "views/sql/bind.h"

/* Names of topics that are compared for a suggestion. */
#define CORE_STREAM_SUGGEST_MAX 256u

/* A declaration being looked at. */
struct core_stream_declaration {
    const struct core_catalog *catalog;
    const struct sql_create_stream *create;
    const char *text; /* of the statement */
    size_t length;
    struct arena *arena;
    struct sql_error *error;
    struct core_stream_column *columns; /* columns_count of `create` */
    struct core_stream *out;
};

static enum err core_stream_declare_name(struct core_stream_declaration *d);
static enum err core_stream_declare_topic(struct core_stream_declaration *d);
static void core_stream_declare_suggest(struct core_stream_declaration *d);
static enum err core_stream_declare_columns(struct core_stream_declaration *d);
static enum err core_stream_declare_column(struct core_stream_declaration *d, uint32_t i);
static enum err core_stream_declare_again(struct core_stream_declaration *d, uint32_t i);
static enum err core_stream_declare_source(struct core_stream_declaration *d, uint32_t i);
static enum err core_stream_declare_member(struct core_stream_declaration *d, uint32_t i);
static enum err core_stream_declare_unit(struct core_stream_declaration *d, uint32_t i);
static enum err core_stream_declare_key(struct core_stream_declaration *d, uint32_t i);
static enum err core_stream_declare_paths(struct core_stream_declaration *d);
static enum err core_stream_declare_fault(struct core_stream_declaration *d, uint32_t i,
                                          const struct json_fault *fault);
static enum err core_stream_declare_memory(struct core_stream_declaration *d);

#define CORE_STREAM_FAIL(d, state, at, ...)                                                        \
    sql_error_set((d)->error, SQL_STATE_##state, at, (d)->text, (d)->length, __VA_ARGS__)

enum err core_stream_declare(const struct core_catalog *catalog,
                             const struct sql_create_stream *create, const char *text,
                             size_t length, struct arena *arena, struct core_stream *out,
                             struct sql_error *error)
{
    static const uint8_t keys[] = {
        [SQL_KEY_FORMAT_DEFAULT] = CORE_STREAM_KEY_TEXT,
        [SQL_KEY_FORMAT_TEXT] = CORE_STREAM_KEY_TEXT,
        [SQL_KEY_FORMAT_JSON] = CORE_STREAM_KEY_JSON,
        [SQL_KEY_FORMAT_INT64] = CORE_STREAM_KEY_INT64,
    };
    struct core_stream_declaration d = {.catalog = catalog,
                                        .create = create,
                                        .text = text,
                                        .length = length,
                                        .arena = arena,
                                        .error = error,
                                        .out = out};
    *out = (struct core_stream){.key = keys[create->key_format], .is_declared = true};
    sql_error_clear(error);
    enum err err = core_stream_declare_name(&d);
    if (err == ERR_OK) {
        err = core_stream_declare_topic(&d);
    }
    if (err == ERR_OK) {
        err = core_stream_declare_columns(&d);
    }
    return err == ERR_OK ? core_stream_declare_paths(&d) : err;
}

enum err core_stream_name(const struct sql_names *name, const char *text, size_t length,
                          struct sql_name *out, struct sql_error *error)
{
    const struct sql_name *schema = &name->items[0];
    ASSERT(name->count >= 1);
    *out = name->items[name->count - 1];
    if (name->count > 2) {
        return sql_error_set(error, SQL_STATE_FEATURE_NOT_SUPPORTED, name->at, text, length,
                             "cross-database references are not supported");
    }
    bool has_schema = name->count == 2;
    if (!has_schema || strcasecmp(schema->text, "public") == 0) {
        return ERR_OK;
    }
    if (strcasecmp(schema->text, "system") == 0) {
        return sql_error_set(error, SQL_STATE_INSUFFICIENT_PRIVILEGE, schema->at, text, length,
                             "the schema \"system\" is the server's own");
    }
    return sql_error_set(error, SQL_STATE_INVALID_SCHEMA_NAME, schema->at, text, length,
                         "schema \"%s\" does not exist", schema->text);
}

static enum err core_stream_declare_name(struct core_stream_declaration *d)
{
    struct sql_name name;
    enum err err = core_stream_name(&d->create->name, d->text, d->length, &name, d->error);
    if (err != ERR_OK) {
        return err;
    }
    if (name.length > CORE_STREAM_NAME_BYTES_MAX) {
        return CORE_STREAM_FAIL(d, NAME_TOO_LONG, name.at, "a stream's name has at most %u bytes",
                                CORE_STREAM_NAME_BYTES_MAX);
    }
    if (core_topic_is_reserved(name.text, name.length)) {
        return CORE_STREAM_FAIL(d, RESERVED_NAME, name.at,
                                "names that begin with __tdb_ are the server's own");
    }
    d->out->name = arena_copy(d->arena, name.text, name.length);
    return d->out->name != NULL ? ERR_OK : core_stream_declare_memory(d);
}

static enum err core_stream_declare_topic(struct core_stream_declaration *d)
{
    const struct sql_name *name = &d->create->topic;
    const struct core_topic *topic;
    enum err err =
        core_catalog_match_topic(d->catalog, name->text, name->length, name->is_quoted, &topic);
    if (err == ERR_INVALID) {
        err = CORE_STREAM_FAIL(d, AMBIGUOUS_ALIAS, name->at,
                               "several topics are called \"%s\" but for case", name->text);
        sql_error_hint(d->error, "Write the topic's name in quotes.");
        return err;
    }
    if (err != ERR_OK) {
        err = CORE_STREAM_FAIL(d, UNDEFINED_OBJECT, name->at, "topic \"%s\" does not exist",
                               name->text);
        core_stream_declare_suggest(d);
        return err;
    }
    if (core_topic_is_reserved(topic->name, topic->name_bytes)) {
        return CORE_STREAM_FAIL(d, RESERVED_NAME, name->at,
                                "topics that begin with __tdb_ are the server's own");
    }
    d->out->topic = topic->uuid;
    return ERR_OK;
}

/* The nearest of the first topics. */
static void core_stream_declare_suggest(struct core_stream_declaration *d)
{
    const char *names[CORE_STREAM_SUGGEST_MAX];
    size_t count = 0;
    struct core_tree_walk walk;
    core_catalog_walk(&walk, d->catalog, NULL, 0);
    for (const struct core_topic *topic = core_catalog_next(&walk);
         topic != NULL && count < CORE_STREAM_SUGGEST_MAX; topic = core_catalog_next(&walk)) {
        if (!topic->is_internal) {
            names[count++] = topic->name;
        }
    }
    const char *nearest = suggest_nearest(d->create->topic.text, names, count);
    if (nearest != NULL) {
        sql_error_hint(d->error, "Did you mean \"%s\"?", nearest);
    }
}

static enum err core_stream_declare_columns(struct core_stream_declaration *d)
{
    uint32_t count = d->create->columns_count;
    if (count > CORE_STREAM_COLUMNS_MAX) {
        return CORE_STREAM_FAIL(d, TOO_MANY_COLUMNS, d->create->columns[count - 1].name.at,
                                "a stream has at most %u columns", CORE_STREAM_COLUMNS_MAX);
    }
    d->columns = arena_alloc_zeroed(d->arena, count * sizeof(*d->columns),
                                    _Alignof(struct core_stream_column));
    if (d->columns == NULL) {
        return core_stream_declare_memory(d);
    }
    d->out->columns = d->columns;
    d->out->columns_count = count;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
        err = core_stream_declare_column(d, i);
    }
    return err;
}

static enum err core_stream_declare_column(struct core_stream_declaration *d, uint32_t i)
{
    const struct sql_stream_column *written = &d->create->columns[i];
    struct core_stream_column *column = &d->columns[i];
    const struct sql_name *name = &written->name;
    if (name->length > CORE_STREAM_NAME_BYTES_MAX) {
        return CORE_STREAM_FAIL(d, NAME_TOO_LONG, name->at, "a column's name has at most %u bytes",
                                CORE_STREAM_NAME_BYTES_MAX);
    }
    enum err err = core_stream_declare_again(d, i);
    if (err == ERR_OK) {
        err = sql_bind_type(written->type, d->text, d->length, &column->type, d->error);
    }
    if (err != ERR_OK) {
        return err;
    }
    column->name = arena_copy(d->arena, name->text, name->length);
    if (column->name == NULL) {
        return core_stream_declare_memory(d);
    }
    err = core_stream_declare_source(d, i);
    if (err == ERR_OK) {
        err = core_stream_declare_unit(d, i);
    }
    return err == ERR_OK && column->from == CORE_STREAM_KEY ? core_stream_declare_key(d, i) : err;
}

/* Two names are one as PostgreSQL has it: without case, unless quotes are around one. */
static enum err core_stream_declare_again(struct core_stream_declaration *d, uint32_t i)
{
    const struct sql_name *name = &d->create->columns[i].name;
    for (uint32_t k = 0; k < CORE_STREAM_SYSTEM_COUNT; k++) {
        if (strcasecmp(name->text, core_stream_system_name(k)) == 0) {
            return CORE_STREAM_FAIL(d, DUPLICATE_COLUMN, name->at,
                                    "column name \"%s\" conflicts with a system column name",
                                    core_stream_system_name(k));
        }
    }
    for (uint32_t k = 0; k < i; k++) {
        const struct sql_name *other = &d->create->columns[k].name;
        bool is_caseless = !name->is_quoted && !other->is_quoted;
        if (is_caseless ? strcasecmp(name->text, other->text) == 0
                        : strcmp(name->text, other->text) == 0) {
            return CORE_STREAM_FAIL(d, DUPLICATE_COLUMN, name->at,
                                    "column \"%s\" specified more than once", name->text);
        }
    }
    return ERR_OK;
}

static enum err core_stream_declare_source(struct core_stream_declaration *d, uint32_t i)
{
    const struct sql_stream_column *written = &d->create->columns[i];
    struct core_stream_column *column = &d->columns[i];
    const struct sql_text *source = &written->source_text;
    switch (written->source) {
    case SQL_SOURCE_NAME: return core_stream_declare_member(d, i);
    case SQL_SOURCE_KEY:
        column->from = CORE_STREAM_KEY;
        column->source = "";
        return ERR_OK;
    case SQL_SOURCE_PATH: column->from = CORE_STREAM_PATH; break;
    case SQL_SOURCE_HEADER: column->from = CORE_STREAM_HEADER; break;
    }
    if (source->length > CORE_STREAM_SOURCE_BYTES_MAX) {
        return CORE_STREAM_FAIL(d, PROGRAM_LIMIT_EXCEEDED, written->source_at,
                                "a path or a header's name has at most %u bytes",
                                CORE_STREAM_SOURCE_BYTES_MAX);
    }
    column->source = arena_copy(d->arena, source->text, source->length);
    return column->source != NULL ? ERR_OK : core_stream_declare_memory(d);
}

/* The member of the column's name. */
static enum err core_stream_declare_member(struct core_stream_declaration *d, uint32_t i)
{
    const struct sql_name *name = &d->create->columns[i].name;
    uint8_t path[CORE_STREAM_SOURCE_BYTES_MAX];
    struct bytes_writer w = bytes_writer(path, sizeof(path));
    json_path_put_member(&w, name->text, name->length);
    if (w.err != ERR_OK) {
        return CORE_STREAM_FAIL(d, PROGRAM_LIMIT_EXCEEDED, name->at,
                                "the path to the member of this name has more than %u bytes",
                                CORE_STREAM_SOURCE_BYTES_MAX);
    }
    d->columns[i].from = CORE_STREAM_PATH;
    d->columns[i].source = arena_copy(d->arena, path, w.pos);
    return d->columns[i].source != NULL ? ERR_OK : core_stream_declare_memory(d);
}

static enum err core_stream_declare_unit(struct core_stream_declaration *d, uint32_t i)
{
    static const uint8_t units[] = {
        [SQL_UNIT_DEFAULT] = CORE_STREAM_MS, [SQL_UNIT_S] = CORE_STREAM_S,
        [SQL_UNIT_MS] = CORE_STREAM_MS,      [SQL_UNIT_US] = CORE_STREAM_US,
        [SQL_UNIT_NS] = CORE_STREAM_NS,
    };
    const struct sql_stream_column *written = &d->create->columns[i];
    struct core_stream_column *column = &d->columns[i];
    bool is_said = written->unit != SQL_UNIT_DEFAULT;
    bool is_time = column->type.kind == VEC_TIMESTAMP || column->type.kind == VEC_TIMESTAMPTZ;
    if (is_said && !is_time && column->type.kind != VEC_DATE) {
        enum err err = CORE_STREAM_FAIL(d, DATATYPE_MISMATCH, written->name.at,
                                        "column \"%s\" of type %s has no unit", column->name,
                                        vec_kind_sql((enum vec_kind)column->type.kind));
        sql_error_hint(d->error, "UNIT says what a number in a column of time counts.");
        return err;
    }
    column->unit = is_time || is_said ? units[written->unit] : 0;
    return ERR_OK;
}

/* A text is read as a value of the type, and so is JSON; a number is one. */
static enum err core_stream_declare_key(struct core_stream_declaration *d, uint32_t i)
{
    const struct core_stream_column *column = &d->columns[i];
    bool takes_number = column->type.kind != VEC_BOOLEAN && column->type.kind != VEC_INTERVAL &&
                        (column->type.kind != VEC_DATE || column->unit != 0);
    if (d->out->key != CORE_STREAM_KEY_INT64 || takes_number) {
        return ERR_OK;
    }
    enum err err = CORE_STREAM_FAIL(d, DATATYPE_MISMATCH, d->create->columns[i].name.at,
                                    "column \"%s\" is of type %s, but keys are INT64", column->name,
                                    vec_kind_sql((enum vec_kind)column->type.kind));
    sql_error_hint(d->error, "Declare it as BIGINT, or another KEY FORMAT.");
    return err;
}

/* Whether all paths are some, and not too many bytes together. */
static enum err core_stream_declare_paths(struct core_stream_declaration *d)
{
    struct arena_mark mark = arena_mark(d->arena);
    uint32_t count = d->create->columns_count;
    struct json_text *texts =
        arena_alloc(d->arena, count * sizeof(*texts), _Alignof(struct json_text));
    uint32_t *columns = arena_alloc(d->arena, count * sizeof(*columns), _Alignof(uint32_t));
    struct json_paths paths;
    struct json_fault fault;
    size_t failed;
    uint32_t texts_count = 0;
    if (texts == NULL || columns == NULL) {
        return core_stream_declare_memory(d);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (d->columns[i].from == CORE_STREAM_PATH) {
            const char *source = d->columns[i].source;
            columns[texts_count] = i;
            texts[texts_count++] = (struct json_text){source, strlen(source)};
        }
    }
    enum err err = json_paths_compile(d->arena, texts, texts_count, &paths, &failed, &fault);
    err = err == ERR_OK ? ERR_OK : core_stream_declare_fault(d, columns[failed], &fault);
    arena_rewind(d->arena, mark);
    if (err == ERR_OK && core_stream_bytes(d->out) > CORE_STREAM_BYTES_MAX) {
        return CORE_STREAM_FAIL(d, PROGRAM_LIMIT_EXCEEDED, d->create->name.at,
                                "names and paths of a stream have at most %u KiB together",
                                CORE_STREAM_BYTES_MAX >> 10);
    }
    return err;
}

/* At its byte of the path, where the path stands in the statement as it is. */
static enum err core_stream_declare_fault(struct core_stream_declaration *d, uint32_t i,
                                          const struct json_fault *fault)
{
    const struct sql_stream_column *written = &d->create->columns[i];
    struct sql_at at = written->source_at;
    if (fault->err == ERR_BUDGET) {
        return core_stream_declare_memory(d);
    }
    if (written->source == SQL_SOURCE_PATH && at.length == written->source_text.length + 2) {
        at.pos += 1 + (uint32_t)fault->pos;
        at.length = 0;
    }
    if (fault->err == ERR_UNSUPPORTED) {
        return CORE_STREAM_FAIL(d, FEATURE_NOT_SUPPORTED, at, "%s", fault->what);
    }
    if (fault->err == ERR_TOO_LARGE) {
        return CORE_STREAM_FAIL(d, PROGRAM_LIMIT_EXCEEDED, at, "%s", fault->what);
    }
    return CORE_STREAM_FAIL(d, SYNTAX_ERROR, at, "invalid path of column \"%s\": %s",
                            d->columns[i].name, fault->what);
}

static enum err core_stream_declare_memory(struct core_stream_declaration *d)
{
    return CORE_STREAM_FAIL(d, OUT_OF_MEMORY, d->create->name.at, "out of memory");
}
