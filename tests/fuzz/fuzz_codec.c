/* Compression. The input is a type (one byte), a room (two bytes) and bytes.
 * Decompressing any bytes: comes back with an error of the contract or with a value that fits; the
 * value comes out again in exactly its room and is refused in less. Then the bytes as a source:
 * they come back as they were, from the same context the first half may have left in the middle. */
#include "base/codec.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static bool fuzz_is_contract(enum err err)
{
    return err == ERR_OK || err == ERR_TOO_LARGE || err == ERR_TRUNCATED || err == ERR_CORRUPT ||
           err == ERR_UNSUPPORTED;
}

static void fuzz_decompress(struct codec_context *context, enum codec_kind kind,
                            const uint8_t *data, size_t length, size_t room)
{
    uint8_t *out = malloc(room + 1);
    ASSERT(out != NULL);
    size_t got = SIZE_MAX;
    enum err err = codec_decompress(context, kind, data, length, out, room, &got);
    ASSERT(fuzz_is_contract(err));
    ASSERT(err == ERR_OK ? got <= room : got == 0);
    if (err == ERR_OK) {
        uint8_t *again = malloc(got + (got == 0));
        ASSERT(again != NULL);
        size_t got_again;
        ASSERT(codec_decompress(context, kind, data, length, again, got, &got_again) == ERR_OK);
        ASSERT(got_again == got);
        ASSERT(memcmp(again, out, got) == 0);
        if (got > 0) {
            err = codec_decompress(context, kind, data, length, again, got - 1, &got_again);
            ASSERT(err == ERR_TOO_LARGE);
        }
        free(again);
    }
    free(out);
}

static void fuzz_round_trip(struct codec_context *context, enum codec_kind kind,
                            const uint8_t *data, size_t length)
{
    size_t bound = codec_bound(kind, length);
    uint8_t *compressed = malloc(bound + 1);
    uint8_t *out = malloc(length + 1);
    ASSERT(compressed != NULL);
    ASSERT(out != NULL);
    struct bytes_writer w = bytes_writer(compressed, bound);
    ASSERT(codec_compress(context, kind, CODEC_LEVEL_DEFAULT, data, length, &w) == ERR_OK);
    size_t got;
    ASSERT(codec_decompress(context, kind, compressed, w.pos, out, length, &got) == ERR_OK);
    ASSERT(got == length);
    ASSERT(memcmp(out, data, length) == 0);
    free(compressed);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes_reader r = bytes_reader(data, size);
    enum codec_kind kind = (enum codec_kind)(bytes_get_u8(&r) % CODEC_KIND_COUNT);
    size_t room = bytes_get_u16be(&r);
    if (r.err != ERR_OK) {
        return 0;
    }
    size_t length = bytes_reader_left(&r);
    const uint8_t *body = bytes_get_view(&r, length);
    struct codec_context context;
    codec_context_init(&context);
    fuzz_decompress(&context, kind, body, length, room);
    fuzz_round_trip(&context, kind, body, length);
    codec_context_deinit(&context);
    return 0;
}
