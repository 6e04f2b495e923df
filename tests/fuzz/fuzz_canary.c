/* The canary: a decoder with a planted bug. Whoever runs fuzzers and does not see this one fail is
 * not fuzzing.
 *
 * The format: "TDB", version 1, then items of one length byte and that many bytes. The bug is the
 * one the house forbids: the length, a byte from outside, is asserted instead of checked. */
#include <string.h>

#include "base/bytes.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes_reader r = bytes_reader(data, size);
    const uint8_t *magic = bytes_get_view(&r, 3);
    uint8_t version = bytes_get_u8(&r);
    if (r.err != ERR_OK || memcmp(magic, "TDB", 3) != 0 || version != 1) {
        return 0;
    }
    while (r.err == ERR_OK && bytes_reader_left(&r) > 0) {
        uint8_t length = bytes_get_u8(&r);
        ASSERT(length <= bytes_reader_left(&r)); /* the planted bug */
        bytes_skip(&r, length);
    }
    return 0;
}
