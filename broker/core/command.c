/* The controller's commands at rest. See command.h. */
#include "broker/core/command.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

static_assert(CORE_VIEW_NAME_BYTES_MAX == CORE_STREAM_NAME_BYTES_MAX, "names alike");

/* The version that is written, of every type. */
#define CORE_COMMAND_VERSION 1u

/* A value's length that says that the key is taken away. */
#define CORE_COMMAND_AWAY UINT16_MAX

static enum err core_command_batch_add(struct log_records_writer *records,
                                       const struct core_command *cmd, int64_t time_ms);
static size_t core_command_large_bytes(const struct core_command *cmd);
static void core_command_put_group(struct bytes_writer *w, const struct core_command *cmd);
static void core_command_put_pairs(struct bytes_writer *w, const struct core_command *cmd);
static void core_command_put_text(struct bytes_writer *w, const char *text, size_t bytes);
static void core_command_get_fields(struct bytes_reader *r, struct core_command *cmd);
static struct log_uuid core_command_get_uuid(struct bytes_reader *r);
static uint64_t core_command_get_number(struct bytes_reader *r);
static void core_command_get_group(struct bytes_reader *r, struct core_command *cmd);
static void core_command_get_pairs(struct bytes_reader *r, struct core_command *cmd,
                                   bool may_take_away);
static void core_command_get_stream(struct bytes_reader *r, struct core_command *cmd);
static void core_command_get_view(struct bytes_reader *r, struct core_command *cmd);
static const char *core_command_get_text(struct bytes_reader *r, uint16_t bytes_min,
                                         uint16_t bytes_max, uint16_t *bytes);
static bool core_command_is_known(uint16_t type);

const char *core_command_name(enum core_command_type type)
{
    switch (type) {
    case CORE_COMMAND_CLUSTER: return "cluster";
    case CORE_COMMAND_TOPIC_CREATE: return "topic-create";
    case CORE_COMMAND_TOPIC_DELETE: return "topic-delete";
    case CORE_COMMAND_PARTITIONS_ADD: return "partitions-add";
    case CORE_COMMAND_CONFIG_SET: return "config-set";
    case CORE_COMMAND_PRODUCER_IDS: return "producer-ids";
    case CORE_COMMAND_STREAM_PUT: return "stream-put";
    case CORE_COMMAND_STREAM_DROP: return "stream-drop";
    case CORE_COMMAND_VIEW_PUT: return "view-put";
    case CORE_COMMAND_VIEW_DROP: return "view-drop";
    case CORE_COMMAND_VIEW_RENAME: return "view-rename";
    case CORE_COMMAND_VIEW_SWAP: return "view-swap";
    }
    return "unknown";
}

void core_command_put(struct bytes_writer *w, const struct core_command *cmd)
{
    if (w->err != ERR_OK) {
        return;
    }
    size_t start = w->pos;
    bytes_put_u16le(w, (uint16_t)cmd->type);
    bytes_put_u16le(w, CORE_COMMAND_VERSION);
    if (cmd->type != CORE_COMMAND_PRODUCER_IDS) {
        ASSERT(!log_uuid_is_zero(&cmd->uuid));
        log_uuid_put(w, &cmd->uuid);
    }
    switch (cmd->type) {
    case CORE_COMMAND_CLUSTER:
    case CORE_COMMAND_TOPIC_DELETE:
    case CORE_COMMAND_VIEW_SWAP: break;
    case CORE_COMMAND_TOPIC_CREATE:
        ASSERT(cmd->time_ms >= 0);
        ASSERT(cmd->name_bytes >= 1);
        ASSERT(cmd->name_bytes <= CORE_TOPIC_NAME_BYTES_MAX);
        core_command_put_group(w, cmd);
        bytes_put_u64le(w, (uint64_t)cmd->time_ms);
        core_command_put_text(w, cmd->name, cmd->name_bytes);
        core_command_put_pairs(w, cmd);
        break;
    case CORE_COMMAND_PARTITIONS_ADD: core_command_put_group(w, cmd); break;
    case CORE_COMMAND_CONFIG_SET: core_command_put_pairs(w, cmd); break;
    case CORE_COMMAND_PRODUCER_IDS:
        ASSERT(cmd->producer_id_first <= LOG_NUMBER_MAX);
        ASSERT(cmd->producer_ids_count >= 1);
        bytes_put_u64le(w, cmd->producer_id_first);
        bytes_put_u32le(w, cmd->producer_ids_count);
        break;
    case CORE_COMMAND_STREAM_PUT:
        ASSERT(cmd->stream_bytes <= CORE_STREAM_BYTES_MAX);
        bytes_put_copy(w, cmd->stream, cmd->stream_bytes);
        break;
    case CORE_COMMAND_VIEW_PUT:
        ASSERT(cmd->view_bytes <= CORE_VIEW_BYTES_MAX);
        bytes_put_copy(w, cmd->view, cmd->view_bytes);
        break;
    case CORE_COMMAND_STREAM_DROP:
    case CORE_COMMAND_VIEW_DROP:
    case CORE_COMMAND_VIEW_RENAME:
        ASSERT(cmd->name_bytes >= 1);
        ASSERT(cmd->name_bytes <= CORE_STREAM_NAME_BYTES_MAX);
        core_command_put_text(w, cmd->name, cmd->name_bytes);
        break;
    }
    ASSERT(IMPLIES(w->err == ERR_OK,
                   core_command_large_bytes(cmd) > 0 || w->pos - start <= CORE_COMMAND_BYTES_MAX));
    w->pos = w->err == ERR_OK ? w->pos : start;
}

enum err core_command_get(const void *data, size_t length, struct core_command *out)
{
    struct bytes_reader r = bytes_reader(data, length);
    *out = (struct core_command){.type = 0};
    uint16_t type = bytes_get_u16le(&r);
    uint16_t version = bytes_get_u16le(&r);
    if (r.err == ERR_OK && (!core_command_is_known(type) || version > CORE_COMMAND_VERSION)) {
        return ERR_UNSUPPORTED;
    }
    if (r.err == ERR_OK && version == 0) {
        return ERR_CORRUPT;
    }
    out->type = (enum core_command_type)type;
    if (r.err == ERR_OK) {
        core_command_get_fields(&r, out);
    }
    if (r.err != ERR_OK || bytes_reader_left(&r) != 0) {
        *out = (struct core_command){.type = 0};
        return ERR_CORRUPT;
    }
    return ERR_OK;
}

enum err core_command_batch_put(struct bytes_writer *w, const struct crc32c *kernels,
                                const struct core_command *commands, size_t count, int64_t time_ms)
{
    ASSERT(count >= 1);
    size_t room_bytes = bytes_writer_left(w);
    if (w->err != ERR_OK || room_bytes < LOG_BATCH_HEADER_BYTES) {
        return ERR_TOO_LARGE;
    }
    struct log_records_writer records;
    log_records_begin(&records, w->data + w->pos, room_bytes);
    for (size_t i = 0; i < count; i++) {
        enum err err = core_command_batch_add(&records, &commands[i], time_ms);
        if (err != ERR_OK) {
            return err;
        }
    }
    w->pos += log_records_end(&records, kernels);
    return ERR_OK;
}

/* The command is encoded beside, a small one on the stack, a large one at the end of the batch's
 * room, and copied from there. */
static enum err core_command_batch_add(struct log_records_writer *records,
                                       const struct core_command *cmd, int64_t time_ms)
{
    uint8_t small[CORE_COMMAND_BYTES_MAX];
    struct bytes_writer encoded = bytes_writer(small, sizeof(small));
    const char *name = core_command_name(cmd->type);
    size_t left_bytes = bytes_writer_left(&records->w);
    size_t large_bytes = core_command_large_bytes(cmd);
    if (large_bytes > left_bytes) {
        return ERR_TOO_LARGE;
    }
    if (large_bytes > 0) {
        encoded = bytes_writer(records->w.data + records->w.capacity - large_bytes, large_bytes);
    }
    core_command_put(&encoded, cmd);
    ASSERT(encoded.err == ERR_OK);
    const struct log_records_item item = {
        .timestamp = time_ms,
        .key = (const uint8_t *)name,
        .key_bytes = (uint32_t)strlen(name),
        .value = encoded.data,
        .value_bytes = (uint32_t)encoded.pos,
    };
    if (log_records_size(records, &item) > left_bytes - large_bytes) {
        return ERR_TOO_LARGE;
    }
    return log_records_add(records, &item);
}

enum err core_command_batch_open(struct core_command_batch *batch, const void *data, size_t length)
{
    *batch = (struct core_command_batch){.err = ERR_OK};
    struct log_batch header;
    batch->err = log_batch_decode(data, length, &header);
    if (batch->err == ERR_OK && (header.attributes & LOG_BATCH_COMPRESSION) != 0 &&
        header.kind == LOG_KIND_DATA) {
        batch->err = ERR_UNSUPPORTED;
    }
    if (batch->err == ERR_OK) {
        batch->err = log_records_open(&batch->records, data, length, NULL, NULL, 0);
    }
    return batch->err;
}

enum err core_command_batch_next(struct core_command_batch *batch, struct core_command *out)
{
    struct log_records_item item = {.value = NULL};
    if (batch->err == ERR_OK) {
        batch->err = log_records_next(&batch->records, &item);
    }
    if (batch->err == ERR_OK && item.value == NULL) {
        batch->err = ERR_CORRUPT;
    }
    if (batch->err != ERR_OK) {
        *out = (struct core_command){.type = 0};
        return batch->err;
    }
    batch->err = core_command_get(item.value, item.value_bytes, out);
    return batch->err;
}

/* Of a command that may be larger than CORE_COMMAND_BYTES_MAX; 0: it is none. */
static size_t core_command_large_bytes(const struct core_command *cmd)
{
    return cmd->type == CORE_COMMAND_STREAM_PUT ? 20 + (size_t)cmd->stream_bytes
           : cmd->type == CORE_COMMAND_VIEW_PUT ? 20 + (size_t)cmd->view_bytes
                                                : 0;
}

static void core_command_put_group(struct bytes_writer *w, const struct core_command *cmd)
{
    ASSERT(cmd->group_first <= LOG_NUMBER_MAX);
    ASSERT(cmd->partitions_count >= 1);
    ASSERT(cmd->partitions_count <= LIMIT_PARTITIONS_COUNT);
    bytes_put_u64le(w, cmd->group_first);
    bytes_put_u32le(w, cmd->partitions_count);
}

static void core_command_put_pairs(struct bytes_writer *w, const struct core_command *cmd)
{
    ASSERT(cmd->pairs_count <= CORE_TOPIC_CONFIG_PAIRS_MAX);
    bytes_put_u16le(w, cmd->pairs_count);
    for (size_t i = 0; i < cmd->pairs_count; i++) {
        const struct core_topic_config_pair *pair = &cmd->pairs[i];
        ASSERT(pair->name_bytes >= 1);
        ASSERT(pair->name_bytes <= CORE_COMMAND_KEY_BYTES_MAX);
        core_command_put_text(w, pair->name, pair->name_bytes);
        if (pair->value == NULL) {
            ASSERT(cmd->type == CORE_COMMAND_CONFIG_SET);
            bytes_put_u16le(w, CORE_COMMAND_AWAY);
        } else {
            ASSERT(pair->value_bytes <= CORE_TOPIC_CONFIG_VALUE_BYTES_MAX);
            core_command_put_text(w, pair->value, pair->value_bytes);
        }
    }
}

static void core_command_put_text(struct bytes_writer *w, const char *text, size_t bytes)
{
    bytes_put_u16le(w, (uint16_t)bytes);
    bytes_put_copy(w, text, bytes);
}

/* Errors go to the reader. */
static void core_command_get_fields(struct bytes_reader *r, struct core_command *cmd)
{
    if (cmd->type != CORE_COMMAND_PRODUCER_IDS) {
        cmd->uuid = core_command_get_uuid(r);
    }
    switch (cmd->type) {
    case CORE_COMMAND_CLUSTER:
    case CORE_COMMAND_TOPIC_DELETE:
    case CORE_COMMAND_VIEW_SWAP: break;
    case CORE_COMMAND_TOPIC_CREATE:
        core_command_get_group(r, cmd);
        cmd->time_ms = (int64_t)core_command_get_number(r);
        cmd->name = core_command_get_text(r, 1, CORE_TOPIC_NAME_BYTES_MAX, &cmd->name_bytes);
        core_command_get_pairs(r, cmd, false);
        break;
    case CORE_COMMAND_PARTITIONS_ADD: core_command_get_group(r, cmd); break;
    case CORE_COMMAND_CONFIG_SET: core_command_get_pairs(r, cmd, true); break;
    case CORE_COMMAND_PRODUCER_IDS:
        cmd->producer_id_first = core_command_get_number(r);
        cmd->producer_ids_count = bytes_get_u32le(r);
        if (cmd->producer_ids_count == 0) {
            bytes_reader_fail(r, ERR_CORRUPT);
        }
        break;
    case CORE_COMMAND_STREAM_PUT: core_command_get_stream(r, cmd); break;
    case CORE_COMMAND_VIEW_PUT: core_command_get_view(r, cmd); break;
    case CORE_COMMAND_STREAM_DROP:
    case CORE_COMMAND_VIEW_DROP:
    case CORE_COMMAND_VIEW_RENAME:
        cmd->name = core_command_get_text(r, 1, CORE_STREAM_NAME_BYTES_MAX, &cmd->name_bytes);
        break;
    }
}

static struct log_uuid core_command_get_uuid(struct bytes_reader *r)
{
    struct log_uuid uuid = log_uuid_get(r);
    if (log_uuid_is_zero(&uuid)) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    return uuid;
}

static uint64_t core_command_get_number(struct bytes_reader *r)
{
    uint64_t number = bytes_get_u64le(r);
    if (number > LOG_NUMBER_MAX) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    return number;
}

static void core_command_get_group(struct bytes_reader *r, struct core_command *cmd)
{
    cmd->group_first = core_command_get_number(r);
    cmd->partitions_count = bytes_get_u32le(r);
    if (cmd->partitions_count == 0 || cmd->partitions_count > LIMIT_PARTITIONS_COUNT) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
}

static void core_command_get_pairs(struct bytes_reader *r, struct core_command *cmd,
                                   bool may_take_away)
{
    uint16_t count = bytes_get_u16le(r);
    if (count > CORE_TOPIC_CONFIG_PAIRS_MAX) {
        bytes_reader_fail(r, ERR_CORRUPT);
        return;
    }
    for (size_t i = 0; i < count && r->err == ERR_OK; i++) {
        struct core_topic_config_pair *pair = &cmd->pairs[i];
        pair->name = core_command_get_text(r, 1, CORE_COMMAND_KEY_BYTES_MAX, &pair->name_bytes);
        struct bytes_reader ahead = *r;
        if (may_take_away && bytes_get_u16le(&ahead) == CORE_COMMAND_AWAY) {
            *r = ahead;
        } else {
            pair->value =
                core_command_get_text(r, 0, CORE_TOPIC_CONFIG_VALUE_BYTES_MAX, &pair->value_bytes);
        }
    }
    cmd->pairs_count = count;
}

/* All that is left, which is one stream. */
static void core_command_get_stream(struct bytes_reader *r, struct core_command *cmd)
{
    size_t block_bytes;
    size_t bytes = bytes_reader_left(r);
    const uint8_t *data = bytes_get_view(r, bytes);
    if (r->err != ERR_OK || core_stream_measure(data, bytes, &block_bytes) != ERR_OK) {
        bytes_reader_fail(r, ERR_CORRUPT);
        return;
    }
    cmd->stream = data;
    cmd->stream_bytes = (uint32_t)bytes;
}

/* All that is left, which is one view. */
static void core_command_get_view(struct bytes_reader *r, struct core_command *cmd)
{
    size_t block_bytes;
    size_t bytes = bytes_reader_left(r);
    const uint8_t *data = bytes_get_view(r, bytes);
    if (r->err != ERR_OK || core_view_measure(data, bytes, &block_bytes) != ERR_OK ||
        !core_view_may_be(data, bytes, &cmd->uuid)) {
        bytes_reader_fail(r, ERR_CORRUPT);
        return;
    }
    cmd->view = data;
    cmd->view_bytes = (uint32_t)bytes;
}

/* NULL after a failure only. */
static const char *core_command_get_text(struct bytes_reader *r, uint16_t bytes_min,
                                         uint16_t bytes_max, uint16_t *bytes)
{
    *bytes = bytes_get_u16le(r);
    if (*bytes < bytes_min || *bytes > bytes_max) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    return (const char *)bytes_get_view(r, *bytes);
}

static bool core_command_is_known(uint16_t type)
{
    return type >= CORE_COMMAND_CLUSTER && type <= CORE_COMMAND_VIEW_SWAP;
}
