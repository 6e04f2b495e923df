/* Functions of TEXT. See function_int.h.
 *
 * A result that is a piece of an argument (substring, trim, split_part) points there. lower and
 * upper of ASCII, which is nearly all they are asked for, go eight bytes at a time into one block
 * for the whole batch. */
#include <string.h>

#include "base/assert.h"
#include "views/vec/function_int.h"
#include "views/vec/integer.h"
#include "views/vec/md5.h"

/* Every byte of eight. */
#define VEC_EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

static ALWAYS_INLINE enum vec_fault vec_length_row(struct vec_rows *r, uint32_t row, int32_t *out)
{
    *out = vec_text_length(VEC_TEXT_ARG(r, 0, row));
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_octet_length_row(struct vec_rows *r, uint32_t row,
                                                         int32_t *out)
{
    *out = (int32_t)VEC_TEXT_ARG(r, 0, row).length;
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_bit_length_row(struct vec_rows *r, uint32_t row,
                                                       int32_t *out)
{
    return vec_int4_mul((int32_t)VEC_TEXT_ARG(r, 0, row).length, 8, out);
}

static ALWAYS_INLINE enum vec_fault vec_ascii_row(struct vec_rows *r, uint32_t row, int32_t *out)
{
    *out = vec_text_ascii(VEC_TEXT_ARG(r, 0, row));
    return VEC_FAULT_NONE;
}

/* position(a, part) is strpos(a, part): the parser has turned POSITION(part IN a) round. */
static ALWAYS_INLINE enum vec_fault vec_strpos_row(struct vec_rows *r, uint32_t row, int32_t *out)
{
    *out = vec_text_position(VEC_TEXT_ARG(r, 0, row), VEC_TEXT_ARG(r, 1, row));
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_starts_with_row(struct vec_rows *r, uint32_t row,
                                                        uint8_t *out)
{
    *out = vec_text_starts_with(VEC_TEXT_ARG(r, 0, row), VEC_TEXT_ARG(r, 1, row));
    return VEC_FAULT_NONE;
}

VEC_APPLY(vec_length, int32_t)
VEC_APPLY(vec_octet_length, int32_t)
VEC_APPLY(vec_bit_length, int32_t)
VEC_APPLY(vec_ascii, int32_t)
VEC_APPLY(vec_strpos, int32_t)
VEC_APPLY(vec_starts_with, uint8_t)

/* Pieces. */

static ALWAYS_INLINE enum vec_fault vec_tail_row(struct vec_rows *r, uint32_t row,
                                                 struct vec_bytes *out)
{
    *out = vec_bytes_of(vec_text_tail(VEC_TEXT_ARG(r, 0, row), VEC_ARG(r, 1, int32_t, row)));
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_substring_row(struct vec_rows *r, uint32_t row,
                                                      struct vec_bytes *out)
{
    struct vec_text piece;
    enum vec_fault fault = vec_text_substring(VEC_TEXT_ARG(r, 0, row), VEC_ARG(r, 1, int32_t, row),
                                              VEC_ARG(r, 2, int32_t, row), &piece);
    if (fault == VEC_FAULT_NONE) {
        *out = vec_bytes_of(piece);
    }
    return fault;
}

static ALWAYS_INLINE enum vec_fault vec_left_row(struct vec_rows *r, uint32_t row,
                                                 struct vec_bytes *out)
{
    *out = vec_bytes_of(vec_text_left(VEC_TEXT_ARG(r, 0, row), VEC_ARG(r, 1, int32_t, row)));
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_right_row(struct vec_rows *r, uint32_t row,
                                                  struct vec_bytes *out)
{
    *out = vec_bytes_of(vec_text_right(VEC_TEXT_ARG(r, 0, row), VEC_ARG(r, 1, int32_t, row)));
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_split_part_row(struct vec_rows *r, uint32_t row,
                                                       struct vec_bytes *out)
{
    struct vec_text piece;
    enum vec_fault fault = vec_text_split(VEC_TEXT_ARG(r, 0, row), VEC_TEXT_ARG(r, 1, row),
                                          VEC_ARG(r, 2, int32_t, row), &piece);
    if (fault == VEC_FAULT_NONE) {
        *out = vec_bytes_of(piece);
    }
    return fault;
}

/* With one argument spaces are trimmed. */
static ALWAYS_INLINE enum vec_fault vec_trim_sides(struct vec_rows *r, uint32_t row, bool is_left,
                                                   bool is_right, struct vec_bytes *out)
{
    struct vec_text piece;
    struct vec_text set = r->call->args_count == 1 ? vec_text(" ", 1) : VEC_TEXT_ARG(r, 1, row);
    enum vec_fault fault = vec_text_trim(VEC_TEXT_ARG(r, 0, row), set, is_left, is_right, &piece);
    *out = vec_bytes_of(piece);
    return fault;
}

static ALWAYS_INLINE enum vec_fault vec_btrim_row(struct vec_rows *r, uint32_t row,
                                                  struct vec_bytes *out)
{
    return vec_trim_sides(r, row, true, true, out);
}

static ALWAYS_INLINE enum vec_fault vec_ltrim_row(struct vec_rows *r, uint32_t row,
                                                  struct vec_bytes *out)
{
    return vec_trim_sides(r, row, true, false, out);
}

static ALWAYS_INLINE enum vec_fault vec_rtrim_row(struct vec_rows *r, uint32_t row,
                                                  struct vec_bytes *out)
{
    return vec_trim_sides(r, row, false, true, out);
}

VEC_APPLY(vec_tail, struct vec_bytes)
VEC_APPLY(vec_substring, struct vec_bytes)
VEC_APPLY(vec_left, struct vec_bytes)
VEC_APPLY(vec_right, struct vec_bytes)
VEC_APPLY(vec_split_part, struct vec_bytes)
VEC_APPLY(vec_btrim, struct vec_bytes)
VEC_APPLY(vec_ltrim, struct vec_bytes)
VEC_APPLY(vec_rtrim, struct vec_bytes)

/* lower and upper. */

/* The bytes of `eight` that are first .. last (letters of ASCII), as 0x20 there and 0 elsewhere;
 * none of them is 0x80 or above. */
static ALWAYS_INLINE uint64_t vec_case_bits(uint64_t eight, uint8_t first, uint8_t last)
{
    uint64_t is_from = eight + VEC_EIGHT((uint64_t)(0x80 - first));
    uint64_t is_beyond = eight + VEC_EIGHT((uint64_t)(0x7f - last));
    return ((is_from & ~is_beyond) & VEC_EIGHT(0x80)) >> 2;
}

/* Copy `a` with the letters first .. last in the other case. False: not all of it is ASCII. */
static ALWAYS_INLINE bool vec_case_ascii(struct vec_bytes a, char *out, uint8_t first, uint8_t last)
{
    uint64_t seen = 0;
    uint32_t i = 0;
    for (; i + 8 <= a.length; i += 8) {
        uint64_t eight;
        memcpy(&eight, a.data + i, 8);
        seen |= eight;
        eight ^= vec_case_bits(eight & VEC_EIGHT(0x7f), first, last);
        memcpy(out + i, &eight, 8);
    }
    for (; i < a.length; i++) {
        uint8_t c = (uint8_t)a.data[i];
        seen |= c;
        out[i] = (char)(c ^ (c >= first && c <= last ? 0x20 : 0));
    }
    return (seen & VEC_EIGHT(0x80)) == 0;
}

/* The same of a text with other characters: a mapping never doubles the bytes of one. */
static NOINLINE bool vec_case_unicode(struct vec_rows *r, struct vec_bytes a, bool is_upper,
                                      struct vec_bytes *out)
{
    size_t room = (size_t)a.length * 2;
    char *data = arena_alloc(r->ev->scratch, room, 1);
    if (data == NULL) {
        return vec_rows_fail(r, VEC_FAULT_MEMORY);
    }
    struct bytes_writer w = bytes_writer(data, room);
    (is_upper ? vec_text_upper : vec_text_lower)(&w, vec_text_of(a));
    ASSERT(w.err == ERR_OK);
    *out = (struct vec_bytes){.data = data, .length = (uint32_t)w.pos};
    return true;
}

static ALWAYS_INLINE bool vec_case_apply(struct vec_eval *ev, const struct vec_expr *call,
                                         const struct vec_vector *args,
                                         struct vec_selection selection, struct vec_vector *out,
                                         bool is_upper)
{
    struct vec_rows r;
    if (!vec_rows_begin(&r, ev, call, args, selection)) {
        return false;
    }
    size_t total = 0;
    for (VEC_ROWS_EACH(selection, i, row)) {
        total += VEC_ARG(&r, 0, struct vec_bytes, row).length;
    }
    struct vec_bytes *data = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);
    char *block = arena_alloc(ev->scratch, total, 1);
    if (data == NULL || block == NULL) {
        return vec_rows_fail(&r, VEC_FAULT_MEMORY);
    }
    for (VEC_ROWS_EACH(selection, i, row)) {
        struct vec_bytes a = VEC_ARG(&r, 0, struct vec_bytes, row);
        if (LIKELY(vec_case_ascii(a, block, is_upper ? 'a' : 'A', is_upper ? 'z' : 'Z'))) {
            data[row] = (struct vec_bytes){.data = block, .length = a.length};
            block += a.length;
        } else if (!vec_case_unicode(&r, a, is_upper, &data[row])) {
            return false;
        }
    }
    return true;
}

static bool vec_lower_apply(struct vec_eval *ev, const struct vec_expr *call,
                            const struct vec_vector *args, struct vec_selection selection,
                            struct vec_vector *out)
{
    return vec_case_apply(ev, call, args, selection, out, false);
}

static bool vec_upper_apply(struct vec_eval *ev, const struct vec_expr *call,
                            const struct vec_vector *args, struct vec_selection selection,
                            struct vec_vector *out)
{
    return vec_case_apply(ev, call, args, selection, out, true);
}

/* What is written anew. */

static void vec_text_put_piece(struct bytes_writer *w, struct vec_text piece)
{
    if (piece.length > 0) {
        bytes_put_copy(w, piece.data, piece.length);
    }
}

static enum vec_fault vec_initcap_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    r->room = VEC_TEXT_ARG(r, 0, row).length;
    vec_text_initcap(w, VEC_TEXT_ARG(r, 0, row));
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_reverse_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    r->room = VEC_TEXT_ARG(r, 0, row).length;
    vec_text_reverse(w, VEC_TEXT_ARG(r, 0, row));
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_repeat_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    struct vec_text a = VEC_TEXT_ARG(r, 0, row);
    int32_t count = VEC_ARG(r, 1, int32_t, row);
    r->room = count > 0 ? a.length * (size_t)count : 0; /* 32 bits each; if too much, a fault */
    return vec_text_repeat(w, a, count);
}

static enum vec_fault vec_replace_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    struct vec_text a = VEC_TEXT_ARG(r, 0, row);
    struct vec_text from = VEC_TEXT_ARG(r, 1, row);
    struct vec_text to = VEC_TEXT_ARG(r, 2, row);
    vec_text_replace(w, a, from, to);
    r->room = w->err != ERR_OK ? vec_text_replace_bytes(a, from, to) : 0;
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_translate_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    return vec_text_translate(w, VEC_TEXT_ARG(r, 0, row), VEC_TEXT_ARG(r, 1, row),
                              VEC_TEXT_ARG(r, 2, row));
}

/* With two arguments it is filled with spaces. */
static enum vec_fault vec_pad_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w,
                                  bool is_left)
{
    struct vec_text fill = r->call->args_count == 2 ? vec_text(" ", 1) : VEC_TEXT_ARG(r, 2, row);
    int32_t count = VEC_ARG(r, 1, int32_t, row);
    r->room = count > 0 && fill.length > 0 ? (size_t)count : 0;
    return vec_text_pad(w, VEC_TEXT_ARG(r, 0, row), count, fill, is_left);
}

static enum vec_fault vec_lpad_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    return vec_pad_row(r, row, w, true);
}

static enum vec_fault vec_rpad_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    return vec_pad_row(r, row, w, false);
}

/* overlay(a, part, start, length): what stands there is replaced; as long as `part` is without a
 * length. */
static enum vec_fault vec_overlay_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    struct vec_text a = VEC_TEXT_ARG(r, 0, row);
    struct vec_text part = VEC_TEXT_ARG(r, 1, row);
    int32_t start = VEC_ARG(r, 2, int32_t, row);
    int32_t length = r->call->args_count == 3 ? vec_text_length(part) : VEC_ARG(r, 3, int32_t, row);
    int32_t end;
    if (start <= 0) {
        return VEC_FAULT_SUBSTRING;
    }
    enum vec_fault fault = vec_int4_add(start, length, &end);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    r->room = part.length;
    vec_text_put_piece(w, vec_text_left(a, start - 1));
    vec_text_put_piece(w, part);
    vec_text_put_piece(w, vec_text_tail(a, end));
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_chr_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    int32_t code = VEC_ARG(r, 0, int32_t, row);
    enum vec_fault fault = vec_text_chr(w, code);
    if (fault != VEC_FAULT_NONE) {
        vec_rows_name(r, "%d", code);
    }
    return fault;
}

static void vec_hex_put(struct bytes_writer *w, uint64_t value)
{
    bool has_begun = false;
    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = (unsigned)(value >> shift) & 15;
        has_begun = has_begun || digit != 0 || shift == 0;
        if (has_begun) {
            bytes_put_u8(w, (uint8_t) "0123456789abcdef"[digit]);
        }
    }
}

static enum vec_fault vec_hex_int4_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    vec_hex_put(w, (uint32_t)VEC_ARG(r, 0, int32_t, row));
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_hex_int8_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    vec_hex_put(w, (uint64_t)VEC_ARG(r, 0, int64_t, row));
    return VEC_FAULT_NONE;
}

/* concat(...): those that are not null, one after the other. */
static enum vec_fault vec_concat_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    for (uint32_t i = 0; i < r->call->args_count; i++) {
        if (vec_view_is_valid(&r->views[i], row)) {
            r->room += VEC_TEXT_ARG(r, i, row).length;
            vec_text_put_piece(w, VEC_TEXT_ARG(r, i, row));
        }
    }
    return VEC_FAULT_NONE;
}

/* concat_ws(mark, ...): with the mark between them; null where the mark is. */
static enum vec_fault vec_concat_ws_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    bool has_begun = false;
    if (!vec_view_is_valid(&r->views[0], row)) {
        return vec_rows_null(r, row);
    }
    for (uint32_t i = 1; i < r->call->args_count; i++) {
        if (!vec_view_is_valid(&r->views[i], row)) {
            continue;
        }
        if (has_begun) {
            vec_text_put_piece(w, VEC_TEXT_ARG(r, 0, row));
        }
        vec_text_put_piece(w, VEC_TEXT_ARG(r, i, row));
        has_begun = true;
    }
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_md5_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    struct vec_text a = VEC_TEXT_ARG(r, 0, row);
    vec_md5_write(w, a.data, a.length);
    return VEC_FAULT_NONE;
}

VEC_APPLY_TEXT(vec_md5)
VEC_APPLY_TEXT(vec_initcap)
VEC_APPLY_TEXT(vec_reverse)
VEC_APPLY_TEXT(vec_repeat)
VEC_APPLY_TEXT(vec_replace)
VEC_APPLY_TEXT(vec_translate)
VEC_APPLY_TEXT(vec_lpad)
VEC_APPLY_TEXT(vec_rpad)
VEC_APPLY_TEXT(vec_overlay)
VEC_APPLY_TEXT(vec_chr)
VEC_APPLY_TEXT(vec_hex_int4)
VEC_APPLY_TEXT(vec_hex_int8)
VEC_APPLY_TEXT(vec_concat)
VEC_APPLY_TEXT(vec_concat_ws)

const struct vec_function vec_functions_text[] = {
    VEC_FUNCTION_2("^@", TEXT, TEXT, BOOLEAN, vec_starts_with_apply),
    VEC_FUNCTION_1("ascii", TEXT, INTEGER, vec_ascii_apply),
    VEC_FUNCTION_1("bit_length", TEXT, INTEGER, vec_bit_length_apply),
    VEC_FUNCTION_1("btrim", TEXT, TEXT, vec_btrim_apply),
    VEC_FUNCTION_2("btrim", TEXT, TEXT, TEXT, vec_btrim_apply),
    VEC_FUNCTION_1("char_length", TEXT, INTEGER, vec_length_apply),
    VEC_FUNCTION_1("character_length", TEXT, INTEGER, vec_length_apply),
    VEC_FUNCTION_1("chr", INTEGER, TEXT, vec_chr_apply),
    VEC_FUNCTION_1("concat", TEXT, TEXT, vec_concat_apply, .is_variadic = true,
                   .is_not_strict = true),
    VEC_FUNCTION_2("concat_ws", TEXT, TEXT, TEXT, vec_concat_ws_apply, .is_variadic = true,
                   .is_not_strict = true),
    VEC_FUNCTION_1("initcap", TEXT, TEXT, vec_initcap_apply),
    VEC_FUNCTION_2("left", TEXT, INTEGER, TEXT, vec_left_apply),
    VEC_FUNCTION_1("length", TEXT, INTEGER, vec_length_apply),
    VEC_FUNCTION_1("lower", TEXT, TEXT, vec_lower_apply),
    VEC_FUNCTION_2("lpad", TEXT, INTEGER, TEXT, vec_lpad_apply),
    VEC_FUNCTION_3("lpad", TEXT, INTEGER, TEXT, TEXT, vec_lpad_apply),
    VEC_FUNCTION_1("ltrim", TEXT, TEXT, vec_ltrim_apply),
    VEC_FUNCTION_2("ltrim", TEXT, TEXT, TEXT, vec_ltrim_apply),
    VEC_FUNCTION_1("md5", TEXT, TEXT, vec_md5_apply),
    VEC_FUNCTION_1("octet_length", TEXT, INTEGER, vec_octet_length_apply),
    VEC_FUNCTION_3("overlay", TEXT, TEXT, INTEGER, TEXT, vec_overlay_apply),
    VEC_FUNCTION_4("overlay", TEXT, TEXT, INTEGER, INTEGER, TEXT, vec_overlay_apply),
    VEC_FUNCTION_2("position", TEXT, TEXT, INTEGER, vec_strpos_apply),
    VEC_FUNCTION_2("repeat", TEXT, INTEGER, TEXT, vec_repeat_apply),
    VEC_FUNCTION_3("replace", TEXT, TEXT, TEXT, TEXT, vec_replace_apply),
    VEC_FUNCTION_1("reverse", TEXT, TEXT, vec_reverse_apply),
    VEC_FUNCTION_2("right", TEXT, INTEGER, TEXT, vec_right_apply),
    VEC_FUNCTION_2("rpad", TEXT, INTEGER, TEXT, vec_rpad_apply),
    VEC_FUNCTION_3("rpad", TEXT, INTEGER, TEXT, TEXT, vec_rpad_apply),
    VEC_FUNCTION_1("rtrim", TEXT, TEXT, vec_rtrim_apply),
    VEC_FUNCTION_2("rtrim", TEXT, TEXT, TEXT, vec_rtrim_apply),
    VEC_FUNCTION_3("split_part", TEXT, TEXT, INTEGER, TEXT, vec_split_part_apply),
    VEC_FUNCTION_2("starts_with", TEXT, TEXT, BOOLEAN, vec_starts_with_apply),
    VEC_FUNCTION_2("strpos", TEXT, TEXT, INTEGER, vec_strpos_apply),
    VEC_FUNCTION_2("substr", TEXT, INTEGER, TEXT, vec_tail_apply),
    VEC_FUNCTION_3("substr", TEXT, INTEGER, INTEGER, TEXT, vec_substring_apply),
    VEC_FUNCTION_2("substring", TEXT, INTEGER, TEXT, vec_tail_apply),
    VEC_FUNCTION_3("substring", TEXT, INTEGER, INTEGER, TEXT, vec_substring_apply),
    VEC_FUNCTION_1("to_hex", INTEGER, TEXT, vec_hex_int4_apply),
    VEC_FUNCTION_1("to_hex", BIGINT, TEXT, vec_hex_int8_apply),
    VEC_FUNCTION_3("translate", TEXT, TEXT, TEXT, TEXT, vec_translate_apply),
    VEC_FUNCTION_1("upper", TEXT, TEXT, vec_upper_apply),
};
const size_t vec_functions_text_count = ARRAY_COUNT(vec_functions_text);
