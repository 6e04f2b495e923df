/* Vectors in every form. See forms.h. */
#include "tests/unit/vec/forms.h"

#include <math.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "views/vec/fault.h"

#define FORMS_LIMIT_BYTES (UINT64_C(1) << 30)

void forms_open(struct forms *f, uint64_t seed)
{
    *f = (struct forms){0};
    budget_init(&f->budget, "forms", FORMS_LIMIT_BYTES, NULL);
    arena_init(&f->kept, &f->budget, 1 << 16, FORMS_LIMIT_BYTES);
    arena_init(&f->scratch, &f->budget, 1 << 16, FORMS_LIMIT_BYTES);
    prng_init(&f->rng, seed);
    f->ev = (struct vec_eval){
        .scratch = &f->scratch, .now_us = 700000000000000, .steps_left = VEC_EVAL_STEPS};
}

void forms_close(struct forms *f)
{
    arena_deinit(&f->scratch);
    arena_deinit(&f->kept);
    budget_deinit(&f->budget);
}

void *forms_alloc(struct forms *f, size_t bytes)
{
    void *data = arena_alloc_zeroed(&f->kept, bytes, ARENA_ALIGN_MAX);
    assert_non_null(data);
    return data;
}

bool forms_value(struct forms *f, enum vec_kind kind, const char *text, size_t length,
                 struct vec_value *out, struct forms_answer *answer)
{
    char *copy = arena_copy(&f->kept, text, length);
    struct vec_value value = {.u.bytes = {.data = copy, .length = (uint32_t)length}};
    assert_non_null(copy);
    if (length == 6 && memcmp(text, "<null>", 6) == 0) {
        *out = (struct vec_value){.is_null = true};
        return true;
    }
    if (kind == VEC_TEXT) {
        *out = value;
        return true;
    }
    const struct vec_function *cast = vec_cast_find(VEC_TEXT, kind);
    assert_non_null(cast);
    struct vec_expr leaf = {
        .kind = VEC_EXPR_CONSTANT, .type = vec_type(VEC_TEXT), .height = 1, .u.value = value};
    const struct vec_expr *args[] = {&leaf};
    struct vec_expr call = {.kind = VEC_EXPR_CALL,
                            .type = vec_type(kind),
                            .height = 2,
                            .args_count = 1,
                            .args = args,
                            .u.function = cast};
    if (!vec_eval_value(&f->ev, &call, out)) {
        forms_answer_failure(f, answer);
        return false;
    }
    if (kind == VEC_JSONB) {
        out->u.bytes.data = arena_copy(&f->kept, out->u.bytes.data, out->u.bytes.length);
        assert_non_null(out->u.bytes.data);
    }
    return true;
}

void forms_answer_failure(struct forms *f, struct forms_answer *answer)
{
    const struct vec_failure *failure = &f->ev.failure;
    struct bytes_writer w = bytes_writer(answer->text, sizeof(answer->text));
    bytes_put_u8(&w, '!');
    bytes_put_copy(&w, vec_fault_state(failure->fault), 5);
    bytes_put_u8(&w, ' ');
    vec_fault_message(&w, failure->fault, failure->type, failure->text, failure->text_length);
    assert_int_equal(w.err, ERR_OK);
    answer->length = w.pos;
}

void forms_answer_value(struct forms *f, struct vec_type type, const struct vec_value *value,
                        struct forms_answer *answer)
{
    struct vec_value text = *value;
    if (value->is_null) {
        answer->text[0] = '~';
        answer->length = 1;
        return;
    }
    if (type.kind != VEC_TEXT) {
        struct vec_expr leaf = {
            .kind = VEC_EXPR_CONSTANT, .type = type, .height = 1, .u.value = *value};
        const struct vec_expr *args[] = {&leaf};
        struct vec_expr call = {.kind = VEC_EXPR_CALL,
                                .type = vec_type(VEC_TEXT),
                                .height = 2,
                                .args_count = 1,
                                .args = args,
                                .u.function = vec_cast_find((enum vec_kind)type.kind, VEC_TEXT)};
        assert_non_null(call.u.function);
        assert_true(vec_eval_value(&f->ev, &call, &text));
    }
    struct bytes_writer w = bytes_writer(answer->text, sizeof(answer->text));
    bytes_put_u8(&w, '=');
    bytes_put_copy(&w, text.u.bytes.data, text.u.bytes.length);
    assert_int_equal(w.err, ERR_OK);
    answer->length = w.pos;
}

struct vec_expr *forms_call(struct forms *f, const struct vec_function *function,
                            const uint8_t *kinds, uint32_t args_count)
{
    struct vec_expr *call = forms_alloc(f, sizeof(*call));
    const struct vec_expr **args = forms_alloc(f, (args_count + 1) * sizeof(*args));
    for (uint32_t i = 0; i < args_count; i++) {
        struct vec_expr *column = forms_alloc(f, sizeof(*column));
        *column = (struct vec_expr){.kind = VEC_EXPR_COLUMN,
                                    .type = vec_type((enum vec_kind)kinds[i]),
                                    .height = 1,
                                    .u.number = i};
        args[i] = column;
    }
    *call = (struct vec_expr){.kind = VEC_EXPR_CALL,
                              .type = vec_type((enum vec_kind)function->result),
                              .height = 2,
                              .pos = 17,
                              .length = 4,
                              .args_count = args_count,
                              .args = args,
                              .u.function = function};
    return call;
}

struct vec_selection forms_selection(struct forms *f, uint32_t count)
{
    struct vec_selection selection = {.count = count};
    uint32_t spread = (uint32_t)prng_below(&f->rng, 4);
    assert_true(count <= VEC_ROWS_MAX);
    if (spread == 0) {
        return selection;
    }
    uint32_t room = VEC_ROWS_MAX - count;
    uint16_t *rows = forms_alloc(f, (count + 1) * sizeof(*rows));
    uint32_t row = 0;
    for (uint32_t i = 0; i < count; i++, row++) {
        uint32_t skip = (uint32_t)prng_below(&f->rng, spread * spread);
        skip = skip < room ? skip : room;
        room -= skip;
        row += skip;
        rows[i] = (uint16_t)row;
    }
    selection.rows = rows;
    return selection;
}

/* Rubbish where nothing may be read; a truth is 0 or 1 even there, since loops may compute with it.
 */
static void *forms_data(struct forms *f, enum vec_kind kind, uint32_t count, size_t *bytes)
{
    *bytes = vec_kind_bytes(kind);
    uint8_t *data = forms_alloc(f, *bytes * count + 1);
    prng_fill(&f->rng, data, *bytes * count);
    for (uint32_t i = 0; kind == VEC_BOOLEAN && i < count; i++) {
        data[i] &= 1;
    }
    return data;
}

struct vec_vector forms_vector(struct forms *f, enum vec_kind kind, const struct vec_value *values,
                               size_t stride, struct vec_selection selection, enum vec_form form)
{
    struct vec_vector v = {.type = vec_type(kind), .form = (uint8_t)form};
    if (form == VEC_CONSTANT) {
        vec_constant(vec_type(kind), &values[0], &v);
        return v;
    }
    uint32_t rows_count = selection.count == 0 ? 0 : vec_row(selection, selection.count - 1) + 1;
    bool is_dictionary = form == VEC_DICTIONARY;
    size_t bytes;
    uint8_t *data = forms_data(f, kind, is_dictionary ? selection.count : rows_count, &bytes);
    uint32_t *codes = forms_alloc(f, (rows_count + 1) * sizeof(*codes));
    uint64_t *valid = forms_alloc(f, VEC_VALID_WORDS * sizeof(*valid));
    prng_fill(&f->rng, codes, rows_count * sizeof(*codes));
    prng_fill(&f->rng, valid, VEC_VALID_WORDS * sizeof(*valid));
    bool has_null = false;
    for (uint32_t i = 0; i < selection.count; i++) {
        const struct vec_value *value = &values[i * stride];
        uint32_t row = vec_row(selection, i);
        uint32_t at = is_dictionary ? selection.count - 1 - i : row;
        has_null = has_null || value->is_null;
        if (value->is_null) {
            vec_valid_clear(valid, row);
            continue;
        }
        vec_valid_set(valid, row);
        codes[row] = at;
        memcpy(data + at * bytes, &value->u, bytes);
    }
    v.data = data;
    v.valid = has_null || prng_chance(&f->rng, 1, 4) ? valid : NULL;
    v.codes = is_dictionary ? codes : NULL;
    v.dictionary_count = is_dictionary ? selection.count : 0;
    return v;
}

void forms_random(struct forms *f, struct prng *prng, enum vec_kind kind, bool is_narrow,
                  struct vec_value *out)
{
    static const double specials[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e308, -1e308, 5e-324};
    uint64_t any = prng_u64(prng);
    int64_t whole = is_narrow ? (int64_t)(any % 7) - 3 : (int64_t)any >> (any % 64);
    *out = (struct vec_value){.is_null = prng_below(prng, 6) == 0};
    switch (kind) {
    case VEC_BOOLEAN: out->u.boolean = (uint8_t)(any % 2); break;
    case VEC_INTEGER:
    case VEC_DATE: out->u.int4 = (int32_t)whole; break;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: out->u.int8 = whole; break;
    case VEC_DOUBLE:
        out->u.real = ldexp((double)whole, (int)(any % 61) - 30);
        if (is_narrow && any % 50 == 0) {
            out->u.real = specials[prng_below(prng, ARRAY_COUNT(specials))];
        }
        break;
    case VEC_NUMERIC:
        out->u.numeric = vec_numeric_from_scaled(whole, (unsigned)(is_narrow ? any % 3 : any % 18));
        break;
    case VEC_TEXT:
    case VEC_JSONB: {
        char text[64] = "\"";
        size_t length = 1 + prng_below(prng, is_narrow ? 2 : 40);
        for (size_t i = 0; i < length; i++) {
            text[1 + i] = (char)('a' + prng_below(prng, is_narrow ? 3 : 26));
        }
        text[1 + length] = '"';
        bool is_json = kind == VEC_JSONB;
        bool is_null = out->is_null;
        struct forms_answer answer;
        assert_true(forms_value(f, kind, is_json ? text : text + 1, is_json ? length + 2 : length,
                                out, &answer));
        out->is_null = is_null;
        break;
    }
    case VEC_INTERVAL:
        out->u.interval = (struct vec_interval){
            .us = whole / 2, .days = (int32_t)(any % 90) - 30, .months = (int32_t)(any % 5) - 2};
        break;
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
}
