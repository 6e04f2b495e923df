/* The catalogue's words. See code.h. */
#include "broker/core/code.h"

#include "base/assert.h"

static const struct {
    const char *name;  /* as in the source */
    const char *state; /* SQLSTATE */
    const char *text;  /* for people */
} core_codes[] = {
#define CORE_CODE_ROW(name, state, text) [CORE_##name] = {#name, state, text},
    CORE_CODES(CORE_CODE_ROW)
#undef CORE_CODE_ROW
};

const char *core_code_name(enum core_code code)
{
    ASSERT(code < CORE_CODES_COUNT);
    return core_codes[code].name;
}

const char *core_code_state(enum core_code code)
{
    ASSERT(code < CORE_CODES_COUNT);
    return core_codes[code].state;
}

const char *core_code_text(enum core_code code)
{
    ASSERT(code < CORE_CODES_COUNT);
    return core_codes[code].text;
}

enum core_code core_code_of_read(enum err err)
{
    return err == ERR_CORRUPT ? CORE_CORRUPT_MESSAGE : core_code_of(err);
}

enum core_code core_code_of(enum err err)
{
    if (err == ERR_OK) {
        return CORE_OK;
    }
    if (err == ERR_DISK_FULL) {
        return CORE_DISK_FULL;
    }
    if (err == ERR_BUDGET || err == ERR_FULL || err == ERR_RESOURCES) {
        return CORE_OVERLOADED;
    }
    if (err == ERR_CLOSING) {
        return CORE_CLOSING;
    }
    if (err == ERR_AGAIN || err == ERR_ACCESS || err == ERR_CANCELED) {
        return CORE_NOT_AVAILABLE;
    }
    if (err == ERR_NOT_LEADER) {
        return CORE_NOT_LEADER;
    }
    return err == ERR_TIMEOUT ? CORE_TIMEOUT : CORE_STORAGE;
}
