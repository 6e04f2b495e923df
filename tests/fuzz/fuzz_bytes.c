/* Bounded cursors against a model that keeps nothing but a position and an error. The input is the
 * number of operations (one byte), the operations (two bytes each: which, how long) and the bytes
 * they read. What was read is written again and must be the bytes it was read from. */
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum fuzz_op {
    FUZZ_U8,
    FUZZ_U16BE,
    FUZZ_U16LE,
    FUZZ_U32BE,
    FUZZ_U32LE,
    FUZZ_U64BE,
    FUZZ_U64LE,
    FUZZ_F64BE,
    FUZZ_VIEW,
    FUZZ_SUB,
    FUZZ_COPY,
    FUZZ_SKIP,
    FUZZ_OP_COUNT
};

/* Read by `op` and write what was read. */
static void fuzz_apply(enum fuzz_op op, size_t length, struct bytes_reader *r,
                       struct bytes_writer *w)
{
    uint8_t copy[256];
    const uint8_t *view;
    struct bytes_reader sub;
    switch (op) {
    case FUZZ_U8: bytes_put_u8(w, bytes_get_u8(r)); break;
    case FUZZ_U16BE: bytes_put_u16be(w, bytes_get_u16be(r)); break;
    case FUZZ_U16LE: bytes_put_u16le(w, bytes_get_u16le(r)); break;
    case FUZZ_U32BE: bytes_put_u32be(w, bytes_get_u32be(r)); break;
    case FUZZ_U32LE: bytes_put_u32le(w, bytes_get_u32le(r)); break;
    case FUZZ_U64BE: bytes_put_u64be(w, bytes_get_u64be(r)); break;
    case FUZZ_U64LE: bytes_put_u64le(w, bytes_get_u64le(r)); break;
    case FUZZ_F64BE: bytes_put_f64be(w, bytes_get_f64be(r)); break;
    case FUZZ_VIEW:
        view = bytes_get_view(r, length);
        bytes_put_copy(w, view, view != NULL ? length : 0);
        break;
    case FUZZ_SUB:
        sub = bytes_get_sub(r, length);
        view = bytes_get_view(&sub, length);
        bytes_put_copy(w, view, view != NULL ? length : 0);
        ASSERT(bytes_reader_left(&sub) == 0);
        break;
    case FUZZ_COPY:
        bytes_get_copy(r, copy, length);
        bytes_put_copy(w, copy, length);
        break;
    case FUZZ_SKIP:
        bytes_skip(r, length);
        bytes_put_zeros(w, length);
        break;
    case FUZZ_OP_COUNT: UNREACHABLE();
    }
}

static size_t fuzz_width(enum fuzz_op op, size_t length)
{
    static const uint8_t widths[] = {1, 2, 2, 4, 4, 8, 8, 8};
    return op < ARRAY_COUNT(widths) ? widths[op] : length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes_reader all = bytes_reader(data, size);
    struct bytes_reader ops = bytes_get_sub(&all, (uint64_t)bytes_get_u8(&all) * 2);
    size_t length = bytes_reader_left(&all);
    const uint8_t *body = bytes_get_view(&all, length);
    if (all.err != ERR_OK) {
        return 0;
    }
    uint8_t *out = malloc(length + 1);
    ASSERT(out != NULL);
    struct bytes_reader r = bytes_reader(body, length);
    struct bytes_writer w = bytes_writer(out, length);
    while (bytes_reader_left(&ops) > 0) {
        enum fuzz_op op = (enum fuzz_op)(bytes_get_u8(&ops) % FUZZ_OP_COUNT);
        size_t width = fuzz_width(op, bytes_get_u8(&ops));
        size_t pos = r.pos;
        bool has_room = r.err == ERR_OK && width <= length - pos;
        struct bytes_writer scratch = w;
        fuzz_apply(op, width, &r, has_room ? &w : &scratch);
        ASSERT(r.err == (has_room ? ERR_OK : ERR_TRUNCATED));
        ASSERT(r.pos == (has_room ? pos + width : pos));
        ASSERT(w.err == ERR_OK);
        ASSERT(w.pos == r.pos);
        ASSERT(IMPLIES(has_room && op != FUZZ_SKIP, memcmp(out + pos, body + pos, width) == 0));
    }
    free(out);
    return 0;
}
