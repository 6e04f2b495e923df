/* Kafka's messages: any bytes as any message of any version are decoded or refused, within the
 * memory the codec promises; what was decoded encodes to bytes that decode to the same. The first
 * two bytes choose message and version. */
#include <stdlib.h>
#include <string.h>

#include "broker/kafka/codec.h"
#include "tests/fuzz/fuzz.h"

/* More than the largest body. */
#define FUZZ_BODY_BYTES 512

/* What the input chose. */
struct fuzz_case {
    const struct kafka_message *message; /* by the first byte */
    int16_t version;                     /* by the second */
    struct arena *arena;                 /* for what is decoded */
};

/* Decode; within the promised memory. */
static enum err fuzz_decode(const struct fuzz_case *c, const void *data, size_t size, void *body)
{
    uint8_t *start = arena_alloc(c->arena, 8, 16);
    ASSERT(start != NULL);
    struct bytes_reader r = bytes_reader(data, size);
    struct kafka_place place;
    enum err err = kafka_decode(c->message, c->version, &r, c->arena, body, &place);
    ASSERT(err == ERR_OK || err == ERR_CORRUPT || err == ERR_TRUNCATED);
    ASSERT((size_t)(c->arena->cursor - start) <= KAFKA_DECODE_RATIO * (size + 1));
    char text[KAFKA_PLACE_TEXT_BYTES];
    ASSERT(strlen(kafka_place_format(&place, text)) > 0);
    return err;
}

/* Encode to a buffer that the caller frees. */
static uint8_t *fuzz_encode(const struct fuzz_case *c, const void *body, size_t *length)
{
    struct kafka_size size = kafka_measure(c->message, c->version, body);
    ASSERT(size.gaps_count == 0);
    uint8_t *out = malloc(size.written_bytes + 1);
    ASSERT(out != NULL);
    struct bytes_writer w = bytes_writer(out, size.written_bytes);
    enum err err = kafka_encode(c->message, c->version, body, &w, NULL);
    ASSERT(err == ERR_OK);
    ASSERT(w.pos == size.written_bytes);
    *length = w.pos;
    return out;
}

/* What was decoded, encoded and decoded again encodes to the same bytes. */
static void fuzz_round_trip(const struct fuzz_case *c, const void *body)
{
    _Alignas(16) uint8_t again[FUZZ_BODY_BYTES];
    size_t first_length;
    size_t second_length;
    uint8_t *first = fuzz_encode(c, body, &first_length);
    enum err err = fuzz_decode(c, first, first_length, again);
    ASSERT(err == ERR_OK);
    uint8_t *second = fuzz_encode(c, again, &second_length);
    ASSERT(first_length == second_length);
    ASSERT(memcmp(first, second, first_length) == 0);
    free(second);
    free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _Alignas(16) uint8_t body[FUZZ_BODY_BYTES];
    if (size < 2) {
        return 0;
    }
    /* one chunk for both decodings: what is given out is a difference of cursors */
    size_t arena_bytes = 2 * KAFKA_DECODE_RATIO * (size + 1) + 1024;
    struct budget budget;
    struct arena arena;
    budget_init(&budget, "fuzz", 2 * arena_bytes, NULL);
    arena_init(&arena, &budget, arena_bytes, arena_bytes);
    struct fuzz_case c = {.message = kafka_messages[data[0] % KAFKA_MESSAGES_COUNT],
                          .arena = &arena};
    ASSERT(c.message->body->size_bytes <= sizeof(body));
    int versions = c.message->last - c.message->first + 1;
    c.version = (int16_t)(c.message->first + data[1] % versions);
    if (fuzz_decode(&c, data + 2, size - 2, body) == ERR_OK) {
        fuzz_round_trip(&c, body);
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
    return 0;
}
