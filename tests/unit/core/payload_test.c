/* What values that are no JSON look like. Framed ones are as Confluent's documentation of the wire
 * format has them; messages as Protobuf's guide to encodings. */
#include "broker/core/payload.h"

#include <string.h>

#include "base/compiler.h"
#include "tests/support/cmocka.h"

static const struct payload_row {
    const char *hex;
    const char *want;
} payload_rows[] = {
    {"7b7d", "JSON"},
    {"20312e3520", "JSON"},
    /* {"f1": "value1"} of Confluent's Avro console producer */
    {"00000000010c76616c756531", "Avro with schema id 1 (Confluent framing)"},
    {"00ffffffff02", "Avro with schema id 4294967295 (Confluent framing)"},
    /* the first message of a schema, field 1 = 150 */
    {"000000002a00089601", "Protobuf with schema id 42 (Confluent framing)"},
    /* the message at indexes 1, 0; field 2 = "testing" */
    {"00000000070402001207"
     "74657374696e67",
     "Protobuf with schema id 7 (Confluent framing)"},
    {"00000000077b2261223a317d", "JSON with schema id 7 (Confluent framing)"},
    {"4f626a0104146176726f2e636f646563", "Avro files"},
    {"089601"
     "12ff",
     "binary data"}, /* a field that is longer than what is there */
    {"ff80", "binary data"},
    {"0d0000c0ff", "Protobuf"}, /* field 1, 32 bits */
    {"68656c6c6f", "text"},
    {"", "text"},
    {"00", "text"}, /* no frame is so short */
    {"0000000001", "text"},
};

static size_t payload_from_hex(const char *hex, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
                           (strchr(digits, hex[2 * i + 1]) - digits));
    }
    return length;
}

static void a_value_looks_like_the_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(payload_rows); i++) {
        uint8_t data[64];
        char got[64];
        size_t length = payload_from_hex(payload_rows[i].hex, data);
        struct core_payload payload = core_payload_of(data, length);
        struct bytes_writer w = bytes_writer(got, sizeof(got) - 1);
        core_payload_write(&w, &payload);
        assert_int_equal(w.err, ERR_OK);
        got[w.pos] = '\0';
        if (strcmp(got, payload_rows[i].want) != 0) {
            fail_msg("%s: %s", payload_rows[i].hex, got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_looks_like_the_row),
    };
    return cmocka_run_group_tests_name("core_payload", tests, NULL, NULL);
}
