/* Varints: any bytes are read to their end or to an error; a value is never longer than its limit,
 * reads back from its shortest form, and all four gets agree about it. */
#include "base/varint.h"

#include "tests/fuzz/fuzz.h"

/* One value at `r`, by every get. */
static void fuzz_one(struct bytes_reader *r)
{
    struct bytes_reader wide = *r;
    struct bytes_reader narrow = *r;
    struct bytes_reader zigzag = *r;
    uint64_t value = varint_get_u64(&wide);
    uint32_t small = varint_get_u32(&narrow);
    int64_t signed_value = varint_get_i64(&zigzag);
    size_t length = wide.pos - r->pos;
    ASSERT(wide.err == ERR_OK || (value == 0 && length == 0));
    ASSERT(length <= VARINT_U64_BYTES_MAX);
    ASSERT(zigzag.err == wide.err);
    ASSERT(zigzag.pos == wide.pos);
    ASSERT(varint_zigzag64(signed_value) == value);
    bool is_narrow = wide.err == ERR_OK && length <= VARINT_U32_BYTES_MAX && value <= UINT32_MAX;
    ASSERT((narrow.err == ERR_OK) == is_narrow);
    ASSERT(IMPLIES(is_narrow, small == value && narrow.pos == wide.pos));
    if (wide.err == ERR_OK) {
        uint8_t out[VARINT_U64_BYTES_MAX];
        struct bytes_writer w = bytes_writer(out, sizeof(out));
        varint_put_u64(&w, value);
        ASSERT(w.err == ERR_OK);
        ASSERT(w.pos == varint_size_u64(value));
        ASSERT(w.pos <= length); /* less where the input was padded */
        struct bytes_reader again = bytes_reader(out, w.pos);
        ASSERT(varint_get_u64(&again) == value);
        ASSERT(bytes_reader_left(&again) == 0);
    }
    *r = wide;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes_reader r = bytes_reader(data, size);
    while (r.err == ERR_OK && bytes_reader_left(&r) > 0) {
        fuzz_one(&r);
    }
    ASSERT(r.err == ERR_OK || r.err == ERR_TRUNCATED || r.err == ERR_CORRUPT);
    return 0;
}
