/* Faults as SQLSTATE and text. See fault.h. */
#include "views/vec/fault.h"

#include <string.h>

#include "base/assert.h"

static const struct vec_fault_row {
    const char *state; /* SQLSTATE */
    const char *text;  /* the template */
} vec_fault_rows[] = {
#define VEC_FAULT_ROW(name, state, text) {state, text},
    VEC_FAULT_TABLE(VEC_FAULT_ROW)
#undef VEC_FAULT_ROW
};

static void vec_fault_lower(struct bytes_writer *w, const char *text, size_t length);

const char *vec_fault_state(enum vec_fault fault)
{
    ASSERT(fault < VEC_FAULT_COUNT);
    return vec_fault_rows[fault].state;
}

void vec_fault_message(struct bytes_writer *w, enum vec_fault fault, const char *type,
                       const char *text, size_t length)
{
    ASSERT(fault < VEC_FAULT_COUNT);
    const char *at = vec_fault_rows[fault].text;
    while (*at != '\0') {
        size_t plain = strcspn(at, "%");
        bytes_put_copy(w, at, plain);
        at += plain;
        if (*at == '\0') {
            return;
        }
        switch (at[1]) {
        case 't':
            ASSERT(type != NULL);
            bytes_put_copy(w, type, strlen(type));
            break;
        case 'v': bytes_put_copy(w, text, length); break;
        case 'l': vec_fault_lower(w, text, length); break;
        default: UNREACHABLE();
        }
        at += 2;
    }
}

static void vec_fault_lower(struct bytes_writer *w, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bytes_put_u8(w, (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
    }
}
