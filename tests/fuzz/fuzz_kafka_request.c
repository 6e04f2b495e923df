/* Requests as clients make them, then damaged: the input's bytes choose an API and a version that
 * are served (api_table.h) and make header and body of it. The frame decodes to just that; with the
 * input's damage done to it (bits and bytes changed, taken out, put in, lengths and counts set to
 * edges) it is refused, or decoded within the memory that the codec promises, and what was decoded
 * comes back from an encoder. A frame is read as broker/kafka/request.c reads it.
 *
 *     API, version, n    one byte each
 *     damage             n % 8 times 4 bytes: what, where (2), how
 *     values             all that is left: choices of values_read */
#include <stdlib.h>
#include <string.h>

#include "broker/kafka/api_table.h"
#include "broker/kafka/codec.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libfuzzer.h"
#include "tests/unit/kafka/values.h"

/* More than the largest body. */
#define FUZZ_BODY_BYTES 512

/* An input makes no larger request: each byte may become a text of 300. */
#define FUZZ_INPUT_BYTES_MAX 256

/* Damage of one frame, and what one makes it longer at most. */
#define FUZZ_DAMAGES_MAX      7
#define FUZZ_INSERT_BYTES_MAX 16

/* Texts of a frame that are told apart. */
#define FUZZ_TEXTS_MAX 64

#define FUZZ_CHUNK_BYTES (8u << 10)

/* A request, made or decoded. */
struct fuzz_request {
    const struct kafka_api *api;                /* what it asks for */
    int16_t version;                            /* in which version: served */
    struct kafka_request_header header;         /* in front of it */
    _Alignas(16) uint8_t body[FUZZ_BODY_BYTES]; /* the struct of the API's request */
};

/* A frame without its length, and where the texts in it begin: lengths stand before them. */
struct fuzz_frame {
    uint8_t *data;                /* malloc'ed: exactly `length` bytes, or room for damage */
    size_t length;                /* of it */
    size_t texts[FUZZ_TEXTS_MAX]; /* positions; those of the header, then the body's */
    size_t texts_count;           /* of them; more are not looked at */
};

static void fuzz_make(struct bytes_reader *r, struct arena *arena, uint8_t api, uint8_t version,
                      struct fuzz_request *out)
{
    size_t count;
    const struct kafka_api *apis = kafka_apis(&count);
    out->api = &apis[api % count];
    out->version = (int16_t)(out->api->first + version % (out->api->last - out->api->first + 1));
    ASSERT(out->api->request->body->size_bytes <= sizeof(out->body));
    values_read(r, arena, kafka_message_request_header.body,
                kafka_request_header_version(out->api->request, out->version), &out->header);
    out->header.request_api_key = out->api->request->api_key;
    out->header.request_api_version = out->version;
    values_read(r, arena, out->api->request->body, out->version, out->body);
}

static void fuzz_encode(const struct fuzz_request *request, struct fuzz_frame *out)
{
    const struct kafka_message *message = request->api->request;
    int16_t header = kafka_request_header_version(message, request->version);
    struct kafka_size head = kafka_measure(&kafka_message_request_header, header, &request->header);
    struct kafka_size size = kafka_measure(message, request->version, request->body);
    ASSERT(size.gaps_count == 0);
    *out = (struct fuzz_frame){.length = head.written_bytes + size.written_bytes};
    out->data = malloc(out->length);
    ASSERT(out->data != NULL);
    struct bytes_writer w = bytes_writer(out->data, out->length);
    enum err err = kafka_encode(&kafka_message_request_header, header, &request->header, &w, NULL);
    ASSERT(err == ERR_OK);
    ASSERT(w.pos == head.written_bytes);
    err = kafka_encode(message, request->version, request->body, &w, NULL);
    ASSERT(err == ERR_OK);
    ASSERT(w.pos == out->length);
}

/* Whether the frame is a request that is served; *left = the bytes behind it. What the arena gives
 * is in one chunk. */
static bool fuzz_decode(const struct fuzz_frame *frame, struct arena *arena,
                        struct fuzz_request *out, size_t *left)
{
    struct bytes_reader r = bytes_reader(frame->data, frame->length);
    struct kafka_place place;
    char text[KAFKA_PLACE_TEXT_BYTES];
    out->api = kafka_api_find((int16_t)bytes_get_u16be(&r));
    out->version = (int16_t)bytes_get_u16be(&r);
    if (r.err != ERR_OK || out->api == NULL) {
        return false;
    }
    uint8_t *start = arena_alloc(arena, 0, 16);
    ASSERT(start != NULL);
    r = bytes_reader(frame->data, frame->length);
    enum err err = kafka_decode(&kafka_message_request_header,
                                kafka_request_header_version(out->api->request, out->version), &r,
                                arena, &out->header, &place);
    bool is_served = out->version >= out->api->first && out->version <= out->api->last;
    if (err == ERR_OK && is_served) {
        err = kafka_decode(out->api->request, out->version, &r, arena, out->body, &place);
    }
    ASSERT(err == ERR_OK || err == ERR_CORRUPT || err == ERR_TRUNCATED);
    ASSERT((size_t)(arena->cursor - start) <= KAFKA_DECODE_RATIO * frame->length);
    ASSERT(strlen(kafka_place_format(&place, text)) > 0);
    *left = bytes_reader_left(&r);
    return err == ERR_OK && is_served;
}

static bool fuzz_is_equal(const struct fuzz_request *a, const struct fuzz_request *b)
{
    return a->api == b->api && a->version == b->version &&
           values_is_equal(kafka_message_request_header.body, &a->header, &b->header) &&
           values_is_equal(a->api->request->body, a->body, b->body);
}

/* What was decoded, encoded, decodes to the same, all of it; in not more bytes. */
static void fuzz_round_trip(const struct fuzz_request *request, struct arena *arena,
                            size_t length_max)
{
    struct fuzz_request again;
    struct fuzz_frame frame;
    size_t left;
    fuzz_encode(request, &frame);
    ASSERT(frame.length <= length_max);
    bool is_request = fuzz_decode(&frame, arena, &again, &left);
    ASSERT(is_request);
    ASSERT(left == 0);
    ASSERT(fuzz_is_equal(request, &again));
    free(frame.data);
}

/* --- Damage --- */

static void fuzz_find_text(struct fuzz_frame *frame, const struct kafka_string *text)
{
    if (text->length > 0 && frame->texts_count < FUZZ_TEXTS_MAX) {
        frame->texts[frame->texts_count++] = (size_t)((const uint8_t *)text->data - frame->data);
    }
}

/* Texts and bytes in `in`, a struct of `table` that was decoded from the frame: all have a pointer
 * and an int32, arrays too. */
static void fuzz_find_texts(struct fuzz_frame *frame, const struct kafka_struct *table,
                            const void *in)
{
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        const void *member = (const uint8_t *)in + field->offset;
        const struct kafka_string_array *array = member;
        switch ((int)field->type) {
        case KAFKA_TYPE_STRING:
        case KAFKA_TYPE_BYTES:
        case KAFKA_TYPE_RECORDS: fuzz_find_text(frame, member); break;
        case KAFKA_TYPE_STRING_ARRAY:
            for (int32_t k = 0; k < array->count; k++) {
                fuzz_find_text(frame, &array->items[k]);
            }
            break;
        case KAFKA_TYPE_STRUCT_ARRAY:
            for (int32_t k = 0; k < array->count; k++) {
                fuzz_find_texts(frame, field->sub,
                                (const uint8_t *)array->items + (size_t)k * field->sub->size_bytes);
            }
            break;
        case KAFKA_TYPE_STRUCT: fuzz_find_texts(frame, field->sub, member); break;
        case KAFKA_TYPE_STRUCT_POINTER:
            if (*(void *const *)member != NULL) {
                fuzz_find_texts(frame, field->sub, *(void *const *)member);
            }
            break;
        default: break;
        }
    }
}

/* Write what is often wrong as a length or a count, in each of their forms. */
static void fuzz_put_edge(struct fuzz_frame *frame, size_t pos, uint8_t how)
{
    static const struct {
        size_t length;
        uint8_t bytes[5];
    } edges[] = {
        {1, {0}},
        {1, {1}},
        {1, {2}},
        {1, {0x7f}},
        {1, {0x80}},
        {1, {0xff}},
        {2, {0xff, 0xff}},
        {2, {0x7f, 0xff}},
        {2, {0x80, 0}},
        {2, {0xff, 0x7f}},
        {4, {0xff, 0xff, 0xff, 0xff}},
        {4, {0x7f, 0xff, 0xff, 0xff}},
        {4, {0x80, 0, 0, 0}},
        {4, {0, 0, 0x80, 0}},
        {5, {0xff, 0xff, 0xff, 0xff, 0x07}},
        {5, {0x80, 0x80, 0x80, 0x80, 0x08}},
        {5, {0xff, 0xff, 0xff, 0xff, 0x0f}},
        {5, {0xff, 0xff, 0xff, 0xff, 0x7f}},
    };
    size_t edge = how % ARRAY_COUNT(edges);
    for (size_t i = 0; i < edges[edge].length && pos + i < frame->length; i++) {
        frame->data[pos + i] = edges[edge].bytes[i];
    }
}

/* One damage; there is room for what it puts in. */
static void fuzz_damage(struct fuzz_frame *frame, uint8_t what, uint16_t where, uint8_t how)
{
    if (frame->length == 0) {
        return;
    }
    size_t pos = where % frame->length;
    size_t span = 1 + how % FUZZ_INSERT_BYTES_MAX;
    size_t rest = frame->length - pos;
    span = span < rest ? span : rest;
    switch (what % 8) {
    case 0: frame->data[pos] ^= (uint8_t)(1u << how % 8); break;
    case 1: frame->data[pos] = how; break;
    case 2: /* taken out */
        memmove(frame->data + pos, frame->data + pos + span, rest - span);
        frame->length -= span;
        break;
    case 3: /* said twice */
        memmove(frame->data + pos + span, frame->data + pos, rest);
        frame->length += span;
        break;
    case 4: frame->length = pos; break;
    case 5: fuzz_put_edge(frame, pos, how); break;
    default: /* a text's length, or what stands before that: counts and other lengths */
        pos = frame->texts_count > 0 ? frame->texts[where % frame->texts_count] : pos;
        span = 1 + (where >> 8) % FUZZ_INSERT_BYTES_MAX;
        fuzz_put_edge(frame, pos > span ? pos - span : 0, how);
        break;
    }
}

/* `frame` with the damage of the input, in memory of exactly its size. */
static struct fuzz_frame fuzz_damaged(const struct fuzz_frame *frame, struct bytes_reader damage)
{
    struct fuzz_frame work = *frame;
    work.data = malloc(frame->length + FUZZ_DAMAGES_MAX * FUZZ_INSERT_BYTES_MAX);
    ASSERT(work.data != NULL);
    memcpy(work.data, frame->data, frame->length);
    while (bytes_reader_left(&damage) >= 4) {
        uint8_t what = bytes_get_u8(&damage);
        uint16_t where = bytes_get_u16be(&damage);
        fuzz_damage(&work, what, where, bytes_get_u8(&damage));
    }
    uint8_t *data = malloc(work.length + (work.length == 0));
    ASSERT(data != NULL);
    memcpy(data, work.data, work.length);
    free(work.data);
    work.data = data;
    return work;
}

/* The request, as made and damaged: two decodings of a frame live at a time. */
static void fuzz_check(const struct fuzz_request *made, struct budget *budget,
                       struct bytes_reader damage)
{
    struct fuzz_request found;
    struct fuzz_frame frame;
    struct arena arena;
    size_t left;
    fuzz_encode(made, &frame);
    size_t length_max = frame.length + FUZZ_DAMAGES_MAX * FUZZ_INSERT_BYTES_MAX;
    arena_init(&arena, budget, 1024 + 2 * KAFKA_DECODE_RATIO * length_max, SIZE_MAX);
    struct arena_mark mark = arena_mark(&arena);
    bool is_request = fuzz_decode(&frame, &arena, &found, &left);
    ASSERT(is_request);
    ASSERT(left == 0);
    ASSERT(fuzz_is_equal(made, &found));
    if (bytes_reader_left(&damage) > 0) {
        fuzz_find_texts(&frame, kafka_message_request_header.body, &found.header);
        fuzz_find_texts(&frame, found.api->request->body, found.body);
        arena_rewind(&arena, mark);
        struct fuzz_frame damaged = fuzz_damaged(&frame, damage);
        if (fuzz_decode(&damaged, &arena, &found, &left)) {
            fuzz_round_trip(&found, &arena, damaged.length - left);
        }
        free(damaged.data);
    }
    free(frame.data);
    arena_deinit(&arena);
}

/* Longer ones are passed over. To count how often each of so many features was seen takes more time
 * than all else. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char length[] = "-max_len=256";
    static char entropic[] = "-entropic=0";
    libfuzzer_option(argc, argv, length);
    libfuzzer_option(argc, argv, entropic);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct budget budget;
    struct arena arena;
    struct fuzz_request made;
    if (size > FUZZ_INPUT_BYTES_MAX) {
        return 0;
    }
    struct bytes_reader r = bytes_reader(data, size);
    uint8_t api = bytes_get_u8(&r);
    uint8_t version = bytes_get_u8(&r);
    size_t damage_bytes = (size_t)(bytes_get_u8(&r) & FUZZ_DAMAGES_MAX) * 4;
    size_t left = bytes_reader_left(&r);
    struct bytes_reader damage = bytes_get_sub(&r, damage_bytes < left ? damage_bytes : left);
    budget_init(&budget, "fuzz", SIZE_MAX, NULL);
    arena_init(&arena, &budget, FUZZ_CHUNK_BYTES, SIZE_MAX);
    fuzz_make(&r, &arena, api, version, &made);
    fuzz_check(&made, &budget, damage);
    arena_deinit(&arena);
    budget_deinit(&budget);
    return 0;
}
