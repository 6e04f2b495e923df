/* What the files of functions share. See function_int.h. */
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include "views/vec/function_int.h"

/* Texts are written into blocks of scratch of at least so many bytes. */
#define VEC_ROWS_BLOCK_BYTES 4096u

bool vec_rows_begin(struct vec_rows *r, struct vec_eval *ev, const struct vec_expr *call,
                    const struct vec_vector *args, struct vec_selection selection)
{
    *r = (struct vec_rows){.ev = ev, .call = call, .args = args, .selection = selection};
    r->views =
        arena_alloc(ev->scratch, call->args_count * sizeof(*r->views), alignof(struct vec_view));
    if (r->views == NULL) {
        return vec_rows_fail(r, VEC_FAULT_MEMORY);
    }
    for (uint32_t i = 0; i < call->args_count; i++) {
        r->views[i] = vec_view(&args[i]);
    }
    return true;
}

enum vec_fault vec_rows_null(struct vec_rows *r, uint32_t row)
{
    if (r->valid == NULL) {
        r->valid = vec_valid(r->ev->scratch, true);
    }
    if (r->valid == NULL) {
        return VEC_FAULT_MEMORY;
    }
    vec_valid_clear(r->valid, row);
    return VEC_FAULT_NONE;
}

bool vec_rows_fail(struct vec_rows *r, enum vec_fault fault)
{
    return vec_fail(r->ev, r->call, fault, r->fault_type, r->fault_text.data, r->fault_text.length);
}

void vec_rows_name(struct vec_rows *r, const char *format, ...)
{
    enum { ROOM = 64 };
    char *text = arena_alloc(r->ev->scratch, ROOM, 1);
    if (text == NULL) {
        return; /* the message goes without */
    }
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, ROOM, format, args);
    va_end(args);
    ASSERT(length >= 0);
    r->fault_text = vec_text(text, length < ROOM ? (size_t)length : ROOM - 1);
}

/* With more and more room until it fits. */
enum vec_fault vec_rows_write_one(struct vec_rows *r, uint32_t row, struct bytes_writer *w,
                                  vec_rows_text_fn *put, struct vec_bytes *out)
{
    for (;;) {
        size_t first = w->pos;
        r->room = 0;
        enum vec_fault fault = put(r, row, w);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
        if (w->err == ERR_OK && w->pos - first <= VEC_TEXT_BYTES_MAX) {
            size_t length = w->pos - first;
            const char *text = length > 0 ? (const char *)w->data + first : ""; /* no room yet */
            *out = (struct vec_bytes){.data = text, .length = (uint32_t)length};
            return VEC_FAULT_NONE;
        }
        /* Whatever was written of this one is lost with its block; one that had a whole block to
         * itself needs a larger one. */
        size_t room = first == 0 ? w->capacity * 2 : w->capacity;
        room = room < VEC_ROWS_BLOCK_BYTES ? VEC_ROWS_BLOCK_BYTES : room;
        room = room < r->room ? r->room : room;
        if (w->err == ERR_OK || room > 4 * (size_t)VEC_TEXT_BYTES_MAX) {
            return VEC_FAULT_TEXT_LENGTH;
        }
        void *block = arena_alloc(r->ev->scratch, room, 1);
        if (block == NULL) {
            return VEC_FAULT_MEMORY;
        }
        *w = bytes_writer(block, room);
    }
}

bool vec_rows_write(struct vec_eval *ev, const struct vec_expr *call, const struct vec_vector *args,
                    struct vec_selection selection, struct vec_vector *out, vec_rows_text_fn *put)
{
    struct vec_rows r;
    if (!vec_rows_begin(&r, ev, call, args, selection)) {
        return false;
    }
    struct vec_bytes *data = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);
    if (data == NULL) {
        return vec_rows_fail(&r, VEC_FAULT_MEMORY);
    }
    struct bytes_writer w = bytes_writer(NULL, 0);
    for (VEC_ROWS_EACH(selection, i, row)) {
        enum vec_fault fault = vec_rows_write_one(&r, row, &w, put, &data[row]);
        if (UNLIKELY(fault != VEC_FAULT_NONE)) {
            return vec_rows_fail(&r, fault);
        }
    }
    out->valid = r.valid;
    return true;
}
