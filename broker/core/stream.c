/* Streams as text and as relations. See stream.h; at rest they are stream_code.c's. */
#include "broker/core/stream.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "broker/core/stream_int.h"
#include "schemas/json/path.h"
#include "views/sql/keyword.h"
#include "views/sql/print.h"

static void core_stream_write_column(struct bytes_writer *w,
                                     const struct core_stream_column *column);
static void core_stream_write_source(struct bytes_writer *w,
                                     const struct core_stream_column *column);
static void core_stream_write_type(struct bytes_writer *w, struct vec_type type);
static bool core_stream_is_plain(const char *text, bool may_have_capitals);
static void core_stream_text(struct bytes_writer *w, const char *text);
static bool core_stream_relation_fill(struct arena *a, const struct core_stream *stream,
                                      struct core_stream_relation *made);

/* What a column of the system's is called and what it has; _key's type goes by the key's format. */
static const struct plan_column core_stream_system[CORE_STREAM_SYSTEM_COUNT] = {
    {"_key", {VEC_TEXT, 0, 0}, PLAN_ROLE_KEY, true},
    {"_headers", {VEC_JSONB, 0, 0}, PLAN_ROLE_HEADERS, true},
    {"_offset", {VEC_BIGINT, 0, 0}, PLAN_ROLE_OFFSET, true},
    {"_partition", {VEC_INTEGER, 0, 0}, PLAN_ROLE_PARTITION, true},
    {"_timestamp", {VEC_TIMESTAMPTZ, 0, 0}, PLAN_ROLE_TIMESTAMP, true},
    {"_topic", {VEC_TEXT, 0, 0}, PLAN_ROLE_TOPIC, true},
};

const char *core_stream_system_name(uint32_t i)
{
    ASSERT(i < CORE_STREAM_SYSTEM_COUNT);
    return core_stream_system[i].name;
}

enum vec_kind core_stream_key_kind(uint8_t key)
{
    return key == CORE_STREAM_KEY_JSON    ? VEC_JSONB
           : key == CORE_STREAM_KEY_INT64 ? VEC_BIGINT
                                          : VEC_TEXT;
}

void core_stream_write(struct bytes_writer *w, const struct core_stream *stream,
                       const char *topic_name)
{
    static const char *const keys[] = {
        [CORE_STREAM_KEY_TEXT] = "",
        [CORE_STREAM_KEY_JSON] = " KEY FORMAT JSON",
        [CORE_STREAM_KEY_INT64] = " KEY FORMAT INT64",
    };
    ASSERT(stream->key >= CORE_STREAM_KEY_TEXT);
    ASSERT(stream->key <= CORE_STREAM_KEY_INT64);
    struct sql_name name = core_stream_sql_name(stream->name);
    core_stream_text(w, "CREATE STREAM ");
    sql_print_name(w, &name);
    bool is_first = true;
    for (uint32_t i = 0; i < stream->columns_count; i++) {
        if (stream->columns[i].from == CORE_STREAM_RESIDUE) {
            continue;
        }
        core_stream_text(w, is_first ? " (" : ", ");
        core_stream_write_column(w, &stream->columns[i]);
        is_first = false;
    }
    core_stream_text(w, is_first ? " (value JSONB PATH '$')" : ")");
    core_stream_text(w, " FROM TOPIC ");
    if (core_stream_is_plain(topic_name, true)) {
        core_stream_text(w, topic_name);
    } else {
        sql_print_string(w, (struct sql_text){topic_name, (uint32_t)strlen(topic_name)});
    }
    core_stream_text(w, " FORMAT JSON");
    core_stream_text(w, keys[stream->key]);
}

enum err core_stream_relation_make(struct arena *a, const struct core_stream *stream,
                                   const char *topic_name, const uint64_t *groups,
                                   uint32_t partitions_count, struct core_stream_relation **out)
{
    *out = NULL;
    struct core_stream_relation *made =
        arena_alloc_zeroed(a, sizeof(*made), _Alignof(struct core_stream_relation));
    uint64_t *groups_copy =
        arena_alloc(a, partitions_count * sizeof(*groups_copy), _Alignof(uint64_t));
    const char *topic_copy = arena_copy(a, topic_name, strlen(topic_name));
    if (made == NULL || groups_copy == NULL || topic_copy == NULL ||
        !core_stream_relation_fill(a, stream, made)) {
        ASSERT(a->err != ERR_OK);
        return a->err;
    }
    if (partitions_count > 0) {
        memcpy(groups_copy, groups, partitions_count * sizeof(*groups_copy));
    }
    made->topic_name = topic_copy;
    made->groups = groups_copy;
    made->partitions_count = partitions_count;
    *out = made;
    return ERR_OK;
}

static void core_stream_write_column(struct bytes_writer *w,
                                     const struct core_stream_column *column)
{
    static const char *const units[] = {
        [CORE_STREAM_MS] = " UNIT ms",
        [CORE_STREAM_S] = " UNIT s",
        [CORE_STREAM_US] = " UNIT us",
        [CORE_STREAM_NS] = " UNIT ns",
    };
    struct sql_name name = core_stream_sql_name(column->name);
    sql_print_name(w, &name);
    core_stream_text(w, " ");
    core_stream_write_type(w, column->type);
    core_stream_write_source(w, column);
    ASSERT(column->unit < ARRAY_COUNT(units));
    bool is_default = column->unit == CORE_STREAM_MS && column->type.kind != VEC_DATE;
    core_stream_text(w, column->unit != 0 && !is_default ? units[column->unit] : "");
}

/* Nothing, where the source is the member of the column's name. */
static void core_stream_write_source(struct bytes_writer *w,
                                     const struct core_stream_column *column)
{
    struct sql_text source = {column->source, (uint32_t)strlen(column->source)};
    uint8_t member[CORE_STREAM_SOURCE_BYTES_MAX];
    struct bytes_writer path = bytes_writer(member, sizeof(member));
    switch (column->from) {
    case CORE_STREAM_KEY: core_stream_text(w, " FROM KEY"); return;
    case CORE_STREAM_HEADER:
        core_stream_text(w, " FROM HEADER ");
        sql_print_string(w, source);
        return;
    default: ASSERT(column->from == CORE_STREAM_PATH); break;
    }
    json_path_put_member(&path, column->name, strlen(column->name));
    if (path.err != ERR_OK || path.pos != source.length ||
        memcmp(member, source.text, path.pos) != 0) {
        core_stream_text(w, " PATH ");
        sql_print_string(w, source);
    }
}

static void core_stream_write_type(struct bytes_writer *w, struct vec_type type)
{
    static const enum sql_type_kind kinds[VEC_KIND_COUNT] = {
        [VEC_BOOLEAN] = SQL_TYPE_BOOLEAN,
        [VEC_INTEGER] = SQL_TYPE_INTEGER,
        [VEC_BIGINT] = SQL_TYPE_BIGINT,
        [VEC_DOUBLE] = SQL_TYPE_DOUBLE,
        [VEC_NUMERIC] = SQL_TYPE_NUMERIC,
        [VEC_TEXT] = SQL_TYPE_TEXT,
        [VEC_DATE] = SQL_TYPE_DATE,
        [VEC_TIMESTAMP] = SQL_TYPE_TIMESTAMP,
        [VEC_TIMESTAMPTZ] = SQL_TYPE_TIMESTAMPTZ,
        [VEC_INTERVAL] = SQL_TYPE_INTERVAL,
        [VEC_JSONB] = SQL_TYPE_JSONB,
    };
    ASSERT(type.kind < VEC_KIND_COUNT);
    ASSERT(type.kind != VEC_NONE);
    struct sql_type written = {
        .kind = kinds[type.kind],
        .mods = {type.precision, type.scale},
        .mods_count = type.precision > 0 ? 2 : 0,
    };
    sql_print_type(w, &written);
}

struct sql_name core_stream_sql_name(const char *text)
{
    return (struct sql_name){
        .text = text,
        .length = (uint32_t)strlen(text),
        .is_quoted = !core_stream_is_plain(text, false),
    };
}

/* Whether the name may stand without quotes. A column's with capitals may not: without quotes it
 * would be the same as another one that differs in case. */
static bool core_stream_is_plain(const char *text, bool may_have_capitals)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        bool is_capital = text[i] >= 'A' && text[i] <= 'Z';
        bool is_letter = (text[i] >= 'a' && text[i] <= 'z') || text[i] == '_' ||
                         (is_capital && may_have_capitals);
        if (!is_letter && (i == 0 || text[i] < '0' || text[i] > '9')) {
            return false;
        }
    }
    return length > 0 && sql_keyword_is_column_name(sql_keyword_find(text, length));
}

static void core_stream_text(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}

/* Copy the stream, and make its columns and the system's those of the relation. False: `a` refuses.
 */
static bool core_stream_relation_fill(struct arena *a, const struct core_stream *stream,
                                      struct core_stream_relation *made)
{
    static_assert(CORE_STREAM_COLUMNS_MAX + CORE_STREAM_SYSTEM_COUNT <= PLAN_COLUMNS_MAX,
                  "a stream is a relation");
    uint32_t count = stream->columns_count;
    ASSERT(count <= CORE_STREAM_COLUMNS_MAX);
    struct core_stream_column *copies =
        arena_alloc(a, count * sizeof(*copies), _Alignof(struct core_stream_column));
    struct plan_column *columns = arena_alloc(
        a, (count + CORE_STREAM_SYSTEM_COUNT) * sizeof(*columns), _Alignof(struct plan_column));
    const char *name = arena_copy(a, stream->name, strlen(stream->name));
    if (copies == NULL || columns == NULL || name == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct core_stream_column *column = &stream->columns[i];
        copies[i] = *column;
        copies[i].name = arena_copy(a, column->name, strlen(column->name));
        copies[i].source = arena_copy(a, column->source, strlen(column->source));
        if (copies[i].name == NULL || copies[i].source == NULL) {
            return false;
        }
        bool is_document = column->from == CORE_STREAM_PATH && column->type.kind == VEC_JSONB &&
                           strlen(copies[i].source) <= CORE_STREAM_DOCUMENT_BYTES_MAX;
        columns[i] =
            (struct plan_column){copies[i].name, column->type,
                                 is_document ? PLAN_ROLE_DOCUMENT : PLAN_ROLE_VALUE, false};
    }
    for (uint32_t i = 0; i < CORE_STREAM_SYSTEM_COUNT; i++) {
        columns[count + i] = core_stream_system[i];
    }
    columns[count].type = vec_type(core_stream_key_kind(stream->key));
    made->stream = (struct core_stream){
        /* never the whole: `refs` changes under readers */
        .uuid = stream->uuid,
        .topic = stream->topic,
        .name = name,
        .version = stream->version,
        .is_declared = stream->is_declared,
        .key = stream->key,
        .created_ms = stream->created_ms,
        .columns = copies,
        .columns_count = count,
    };
    made->relation = (struct plan_relation){
        .kind = PLAN_RELATION_STREAM,
        .schema = "public",
        .name = name,
        .columns = columns,
        .columns_count = count + CORE_STREAM_SYSTEM_COUNT,
        .version = stream->version,
        .owner = made,
    };
    return true;
}
