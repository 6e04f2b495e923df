/* Views at rest. See view.h. */
#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "broker/core/stream_int.h"
#include "broker/core/view.h"

/* What its lineage takes, where that is said. */
#define CORE_VIEW_LINEAGE_BYTES (1u + 16u)

/* A view being read: all but its columns and keys, which stand at `r` then. */
struct core_view_head {
    struct core_view view; /* without what it points to */
    struct core_stream_text name;
    struct core_stream_text sql;
    struct core_stream_text plan;
    struct log_uuid source_uuid;
    const uint8_t *source; /* source_bytes */
    uint32_t source_bytes;
    size_t source_block_bytes; /* of core_stream_get, and what rounds that up */
};

static bool core_view_has_lineage(const struct core_view *view);
static enum err core_view_walk(const void *data, size_t length, struct core_view_head *out,
                               size_t *block_bytes);
static void core_view_put_text(struct bytes_writer *w, const char *text, uint32_t bytes);
static struct core_stream_text core_view_get_text(struct bytes_reader *r, uint32_t bytes_max);
static struct core_view_head core_view_get_head(struct bytes_reader *r);
static void core_view_get_source(struct bytes_reader *r, struct core_view_head *head);
static uint16_t core_view_get_key(struct bytes_reader *r, uint32_t columns_count);
static void core_view_get_lineage(struct bytes_reader *r, struct core_view *view);
static size_t core_view_round(size_t bytes);

size_t core_view_bytes(const struct core_view *view)
{
    size_t bytes = 4 + 8 + 1 + 8 + 2 + strlen(view->name) + 4 + view->sql_bytes + 4 +
                   view->plan_bytes + 16 + 4 + core_stream_bytes(view->source) + 2 + 2 + 2 +
                   2 * (size_t)view->keys_count;
    for (uint32_t i = 0; i < view->columns_count; i++) {
        bytes += 2 + strlen(view->columns[i].name) + core_stream_type_bytes(view->columns[i].type);
    }
    return bytes + (core_view_has_lineage(view) ? CORE_VIEW_LINEAGE_BYTES : 0);
}

/* Whether it is of another one's lineage, so that it is said. */
static bool core_view_has_lineage(const struct core_view *view)
{
    return view->is_heir ||
           (!log_uuid_is_zero(&view->lineage) && !log_uuid_is_equal(&view->lineage, &view->uuid));
}

void core_view_put(struct bytes_writer *w, const struct core_view *view)
{
    ASSERT(view->incarnation >= 1);
    ASSERT(view->created_ms >= 0);
    ASSERT(view->origin_ms >= 0);
    ASSERT(view->columns_count >= 1);
    ASSERT(view->columns_count <= CORE_VIEW_COLUMNS_MAX);
    ASSERT(view->named_count <= view->columns_count);
    ASSERT(!log_uuid_is_zero(&view->source->uuid));
    ASSERT(IMPLIES(view->is_heir, !log_uuid_is_zero(&view->lineage)));
    bytes_put_u32le(w, view->incarnation);
    bytes_put_u64le(w, (uint64_t)view->created_ms);
    bytes_put_u8(w, view->origin);
    bytes_put_u64le(w, (uint64_t)view->origin_ms);
    core_stream_put_text(w, view->name, CORE_VIEW_NAME_BYTES_MAX);
    core_view_put_text(w, view->sql, view->sql_bytes);
    core_view_put_text(w, view->plan, view->plan_bytes);
    log_uuid_put(w, &view->source->uuid);
    bytes_put_u32le(w, (uint32_t)core_stream_bytes(view->source));
    core_stream_put(w, view->source);
    bytes_put_u16le(w, (uint16_t)view->named_count);
    bytes_put_u16le(w, (uint16_t)view->columns_count);
    bytes_put_u16le(w, (uint16_t)view->keys_count);
    for (uint32_t i = 0; i < view->keys_count; i++) {
        bytes_put_u16le(w, view->keys[i]);
    }
    for (uint32_t i = 0; i < view->columns_count; i++) {
        core_stream_put_text(w, view->columns[i].name, CORE_VIEW_NAME_BYTES_MAX);
        core_stream_put_type(w, view->columns[i].type);
    }
    if (core_view_has_lineage(view)) {
        bytes_put_u8(w, view->is_heir);
        log_uuid_put(w, &view->lineage);
    }
}

enum err core_view_measure(const void *data, size_t length, size_t *block_bytes)
{
    struct core_view_head head;
    return core_view_walk(data, length, &head, block_bytes);
}

bool core_view_may_be(const void *data, size_t length, const struct log_uuid *uuid)
{
    struct core_view_head head;
    size_t unwanted;
    enum err err = core_view_walk(data, length, &head, &unwanted);
    ASSERT(err == ERR_OK); /* it was measured */
    return !log_uuid_is_equal(&head.view.lineage, uuid);
}

/* Over all of it. */
static enum err core_view_walk(const void *data, size_t length, struct core_view_head *out,
                               size_t *block_bytes)
{
    struct bytes_reader r = bytes_reader(data, length);
    struct core_view_head head = core_view_get_head(&r);
    size_t bytes = sizeof(struct core_view) + head.source_block_bytes + head.name.length + 1 +
                   (size_t)head.sql.length + 1 + head.plan.length + 1;
    *block_bytes = 0;
    for (uint32_t i = 0; i < head.view.keys_count && r.err == ERR_OK; i++) {
        (void)core_view_get_key(&r, head.view.columns_count);
        bytes += sizeof(uint16_t);
    }
    for (uint32_t i = 0; i < head.view.columns_count && r.err == ERR_OK; i++) {
        struct core_stream_text name = core_stream_get_text(&r, 1, CORE_VIEW_NAME_BYTES_MAX);
        (void)core_stream_get_type(&r);
        bytes += sizeof(struct plan_column) + name.length + 1;
    }
    core_view_get_lineage(&r, &head.view);
    if (r.err != ERR_OK || bytes_reader_left(&r) != 0 || length > CORE_VIEW_BYTES_MAX) {
        return ERR_CORRUPT;
    }
    *out = head;
    *block_bytes = bytes;
    return ERR_OK;
}

/* The block: the view, its source, columns, keys, then texts. */
struct core_view *core_view_get(const void *data, size_t length, const struct log_uuid *uuid,
                                void *block, size_t block_bytes)
{
    static_assert(sizeof(struct core_view) % _Alignof(struct core_stream) == 0,
                  "the source stands behind it");
    static_assert(_Alignof(struct core_stream) >= _Alignof(struct plan_column),
                  "columns stand behind that");
    struct bytes_reader r = bytes_reader(data, length);
    struct core_view_head head = core_view_get_head(&r);
    struct core_view *view = block;
    uint8_t *source = (uint8_t *)(view + 1);
    struct plan_column *columns = (struct plan_column *)(void *)(source + head.source_block_bytes);
    uint16_t *keys = (uint16_t *)(void *)(columns + head.view.columns_count);
    *view = head.view;
    view->uuid = *uuid;
    view->columns = columns;
    view->keys = keys;
    size_t source_bytes;
    enum err err = core_stream_measure(head.source, head.source_bytes, &source_bytes);
    ASSERT(err == ERR_OK); /* it was measured */
    view->source =
        core_stream_get(head.source, head.source_bytes, &head.source_uuid, source, source_bytes);
    char *texts = (char *)(keys + head.view.keys_count);
    view->name = core_stream_keep(&texts, head.name);
    view->sql = core_stream_keep(&texts, head.sql);
    view->plan = core_stream_keep(&texts, head.plan);
    for (uint32_t i = 0; i < view->keys_count; i++) {
        keys[i] = core_view_get_key(&r, view->columns_count);
    }
    for (uint32_t i = 0; i < view->columns_count; i++) {
        struct core_stream_text name = core_stream_get_text(&r, 1, CORE_VIEW_NAME_BYTES_MAX);
        columns[i] = (struct plan_column){core_stream_keep(&texts, name), core_stream_get_type(&r),
                                          PLAN_ROLE_VALUE, false};
    }
    core_view_get_lineage(&r, view);
    view->lineage = log_uuid_is_zero(&view->lineage) ? *uuid : view->lineage;
    ASSERT(r.err == ERR_OK); /* it was measured */
    ASSERT(texts == (char *)block + block_bytes);
    return view;
}

static void core_view_put_text(struct bytes_writer *w, const char *text, uint32_t bytes)
{
    bytes_put_u32le(w, bytes);
    bytes_put_copy(w, text, bytes);
}

/* data is NULL after a failure. */
static struct core_stream_text core_view_get_text(struct bytes_reader *r, uint32_t bytes_max)
{
    struct core_stream_text text = {.length = bytes_get_u32le(r)};
    core_stream_check(r, text.length >= 1 && text.length <= bytes_max);
    text.data = (const char *)bytes_get_view(r, r->err == ERR_OK ? text.length : 0);
    core_stream_check(r, r->err != ERR_OK || (memchr(text.data, '\0', text.length) == NULL &&
                                              json_is_utf8(text.data, text.length)));
    text.length = r->err == ERR_OK ? text.length : 0;
    text.data = r->err == ERR_OK ? text.data : NULL;
    return text;
}

/* Up to the keys; the counts are 0 after a failure. */
static struct core_view_head core_view_get_head(struct bytes_reader *r)
{
    struct core_view_head head = {.view.incarnation = bytes_get_u32le(r)};
    uint64_t created_ms = bytes_get_u64le(r);
    head.view.origin = bytes_get_u8(r);
    uint64_t origin_ms = bytes_get_u64le(r);
    head.view.created_ms = (int64_t)created_ms;
    head.view.origin_ms = (int64_t)origin_ms;
    head.name = core_stream_get_text(r, 1, CORE_VIEW_NAME_BYTES_MAX);
    head.sql = core_view_get_text(r, CORE_VIEW_SQL_BYTES_MAX);
    head.plan = core_view_get_text(r, PLAN_JSON_BYTES_MAX);
    core_view_get_source(r, &head);
    uint16_t named_count = bytes_get_u16le(r);
    uint16_t columns_count = bytes_get_u16le(r);
    uint16_t keys_count = bytes_get_u16le(r);
    core_stream_check(
        r, head.view.incarnation >= 1 && created_ms <= LOG_NUMBER_MAX &&
               head.view.origin >= CORE_VIEW_EARLIEST && head.view.origin <= CORE_VIEW_TIMESTAMP &&
               origin_ms <= LOG_NUMBER_MAX &&
               (origin_ms == 0 || head.view.origin == CORE_VIEW_TIMESTAMP) && columns_count >= 1 &&
               columns_count <= CORE_VIEW_COLUMNS_MAX && named_count <= columns_count);
    head.view.sql_bytes = head.sql.length;
    head.view.plan_bytes = head.plan.length;
    head.view.named_count = r->err == ERR_OK ? named_count : 0;
    head.view.columns_count = r->err == ERR_OK ? columns_count : 0;
    head.view.keys_count = r->err == ERR_OK ? keys_count : 0;
    return head;
}

static void core_view_get_source(struct bytes_reader *r, struct core_view_head *head)
{
    size_t bytes = 0;
    head->source_uuid = log_uuid_get(r);
    uint32_t length = bytes_get_u32le(r);
    core_stream_check(r, !log_uuid_is_zero(&head->source_uuid) && length <= CORE_STREAM_BYTES_MAX);
    head->source = bytes_get_view(r, r->err == ERR_OK ? length : 0);
    core_stream_check(r, r->err != ERR_OK ||
                             core_stream_measure(head->source, length, &bytes) == ERR_OK);
    head->source_bytes = r->err == ERR_OK ? length : 0;
    head->source_block_bytes = core_view_round(bytes);
}

static uint16_t core_view_get_key(struct bytes_reader *r, uint32_t columns_count)
{
    uint16_t key = bytes_get_u16le(r);
    core_stream_check(r, key < columns_count || key == CORE_VIEW_NO_COLUMN);
    return key;
}

/* What stands at the end, if it does: else there is nothing left. */
static void core_view_get_lineage(struct bytes_reader *r, struct core_view *view)
{
    if (r->err != ERR_OK || bytes_reader_left(r) == 0) {
        return;
    }
    uint8_t is_heir = bytes_get_u8(r);
    view->lineage = log_uuid_get(r);
    view->is_heir = is_heir == 1;
    core_stream_check(r,
                      is_heir <= 1 && !log_uuid_is_zero(&view->lineage) && view->incarnation >= 2);
}

/* What stands behind is aligned for columns. */
static size_t core_view_round(size_t bytes)
{
    return (bytes + _Alignof(struct core_stream) - 1) & ~(_Alignof(struct core_stream) - 1);
}
