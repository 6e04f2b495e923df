/* Any bytes as a record's value: what they look like is one of the kinds, JSON where they are, and
 * has words. */
#include <string.h>

#include "base/json.h"
#include "broker/core/payload.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[64];
    struct json_value value;
    size_t fault;
    struct core_payload payload = core_payload_of(data, size);
    bool is_json = json_read((const char *)data, size, &value, &fault) == ERR_OK;
    ASSERT((payload.kind == CORE_PAYLOAD_JSON) == is_json);
    ASSERT(IMPLIES(payload.schema_id != 0, size > 5 && data[0] == 0));
    struct bytes_writer w = bytes_writer(text, sizeof(text));
    core_payload_write(&w, &payload);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos > 0);
    return 0;
}
