/* Any bytes as a token of a subscription, to a stream and to a view. Then holds: one that is taken
 * is exactly what is written of what was read; one that is refused leaves no offsets; a token that
 * is written is read again.
 *
 *     the bytes are the text; written are: 16 bytes of uuid, then 8 for each offset; or for
 *     incarnation and epoch, for the tick, for the hash */
#include <string.h>

#include "broker/core/token.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_OFFSETS_MAX 64u

static size_t fuzz_write(char *out, size_t capacity, const struct log_uuid *topic,
                         const uint64_t *offsets, uint32_t count)
{
    struct bytes_writer w = bytes_writer(out, capacity);
    core_token_begin(&w, topic);
    for (uint32_t i = 0; i < count; i++) {
        core_token_add(&w, offsets[i]);
    }
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos <= core_token_bytes_max(count));
    return w.pos;
}

static void fuzz_read_text(const uint8_t *data, size_t size)
{
    struct log_uuid topic;
    uint64_t offsets[FUZZ_OFFSETS_MAX];
    uint32_t count;
    char again[64 + 21 * FUZZ_OFFSETS_MAX];
    enum err err =
        core_token_get((const char *)data, size, &topic, offsets, FUZZ_OFFSETS_MAX, &count);
    ASSERT(err == ERR_OK || err == ERR_INVALID);
    if (err == ERR_OK && count <= FUZZ_OFFSETS_MAX) {
        ASSERT(count > 0);
        size_t length = fuzz_write(again, sizeof(again), &topic, offsets, count);
        ASSERT(length == size);
        ASSERT(memcmp(again, data, size) == 0);
    }
}

static void fuzz_write_and_read(const uint8_t *data, size_t size)
{
    struct log_uuid topic;
    struct log_uuid read_topic;
    uint64_t offsets[FUZZ_OFFSETS_MAX];
    uint64_t read_offsets[FUZZ_OFFSETS_MAX];
    char text[64 + 21 * FUZZ_OFFSETS_MAX];
    uint32_t count = 0;
    uint32_t read_count;
    if (size < sizeof(topic.bytes) + sizeof(uint64_t)) {
        return;
    }
    memcpy(topic.bytes, data, sizeof(topic.bytes));
    for (size_t pos = sizeof(topic.bytes); size - pos >= 8 && count < FUZZ_OFFSETS_MAX; pos += 8) {
        memcpy(&offsets[count], data + pos, 8);
        offsets[count++] &= INT64_MAX;
    }
    size_t length = fuzz_write(text, sizeof(text), &topic, offsets, count);
    enum err err =
        core_token_get(text, length, &read_topic, read_offsets, FUZZ_OFFSETS_MAX, &read_count);
    ASSERT(err == ERR_OK);
    ASSERT(log_uuid_is_equal(&topic, &read_topic));
    ASSERT(read_count == count);
    ASSERT(memcmp(offsets, read_offsets, count * sizeof(uint64_t)) == 0);
}

static void fuzz_read_view(const uint8_t *data, size_t size)
{
    struct core_view_token token;
    char again[CORE_VIEW_TOKEN_BYTES];
    enum err err = core_view_token_get((const char *)data, size, &token);
    ASSERT(err == ERR_OK || err == ERR_INVALID);
    if (err == ERR_OK) {
        struct bytes_writer w = bytes_writer(again, sizeof(again));
        core_view_token_put(&w, &token);
        ASSERT(w.err == ERR_OK);
        ASSERT(w.pos == size);
        ASSERT(memcmp(again, data, size) == 0);
    } else {
        ASSERT(token.tick == 0);
        ASSERT(token.hash == 0);
    }
}

static void fuzz_write_and_read_view(const uint8_t *data, size_t size)
{
    struct core_view_token token = {.epoch = 0};
    struct core_view_token read;
    char text[CORE_VIEW_TOKEN_BYTES];
    if (size < sizeof(token.view.bytes) + 24) {
        return;
    }
    memcpy(token.view.bytes, data, sizeof(token.view.bytes));
    data += sizeof(token.view.bytes);
    memcpy(&token.incarnation, data, 4);
    memcpy(&token.epoch, data + 4, 4);
    memcpy(&token.tick, data + 8, 8);
    memcpy(&token.hash, data + 16, 8);
    struct bytes_writer w = bytes_writer(text, sizeof(text));
    core_view_token_put(&w, &token);
    ASSERT(w.err == ERR_OK);
    enum err err = core_view_token_get(text, w.pos, &read);
    ASSERT(err == ERR_OK);
    ASSERT(log_uuid_is_equal(&token.view, &read.view));
    ASSERT(token.incarnation == read.incarnation);
    ASSERT(token.epoch == read.epoch);
    ASSERT(token.tick == read.tick);
    ASSERT(token.hash == read.hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        fuzz_read_text(data, size);
        fuzz_write_and_read(data, size);
        fuzz_read_view(data, size);
        fuzz_write_and_read_view(data, size);
    }
    return 0;
}
