/* Functions of TEXT: PostgreSQL's answers. */
#include "views/vec/text.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/views/values.h"
#include "views/vec/integer.h"
#include "views/vec/unicode.h"

static struct vec_text text_arg(const struct values_case *c, size_t i)
{
    return vec_text(c->args[i].text, c->args[i].length);
}

static int text_int(const struct values_case *c, size_t i)
{
    return values_int(&c->args[i]);
}

static void text_answer(struct values_case *c, struct vec_text a)
{
    bytes_put_copy(&c->out, a.data, a.length);
}

static void text_answer_bool(struct values_case *c, bool is_true)
{
    bytes_put_copy(&c->out, is_true ? "true" : "false", is_true ? 4 : 5);
}

static void text_compare(struct values_case *c)
{
    int order = vec_text_compare(text_arg(c, 0), text_arg(c, 1));
    vec_int8_write(&c->out, (order > 0) - (order < 0));
}

static void text_length(struct values_case *c)
{
    vec_int8_write(&c->out, vec_text_length(text_arg(c, 0)));
}

static void text_tail(struct values_case *c)
{
    text_answer(c, vec_text_tail(text_arg(c, 0), text_int(c, 1)));
}

static void text_substring(struct values_case *c)
{
    struct vec_text out;
    if (values_is_fine(c, vec_text_substring(text_arg(c, 0), text_int(c, 1), text_int(c, 2), &out),
                       "")) {
        text_answer(c, out);
    }
}

static void text_position(struct values_case *c)
{
    vec_int8_write(&c->out, vec_text_position(text_arg(c, 0), text_arg(c, 1)));
}

static void text_left(struct values_case *c)
{
    text_answer(c, vec_text_left(text_arg(c, 0), text_int(c, 1)));
}

static void text_right(struct values_case *c)
{
    text_answer(c, vec_text_right(text_arg(c, 0), text_int(c, 1)));
}

static void text_lpad(struct values_case *c)
{
    (void)values_is_fine(
        c, vec_text_pad(&c->out, text_arg(c, 0), text_int(c, 1), text_arg(c, 2), true), "");
}

static void text_rpad(struct values_case *c)
{
    (void)values_is_fine(
        c, vec_text_pad(&c->out, text_arg(c, 0), text_int(c, 1), text_arg(c, 2), false), "");
}

static void text_trim(struct values_case *c, bool is_left, bool is_right)
{
    struct vec_text out;
    if (values_is_fine(c, vec_text_trim(text_arg(c, 0), text_arg(c, 1), is_left, is_right, &out),
                       "")) {
        text_answer(c, out);
    }
}

static void text_btrim(struct values_case *c)
{
    text_trim(c, true, true);
}

static void text_ltrim(struct values_case *c)
{
    text_trim(c, true, false);
}

static void text_rtrim(struct values_case *c)
{
    text_trim(c, false, true);
}

static void text_upper(struct values_case *c)
{
    vec_text_upper(&c->out, text_arg(c, 0));
}

static void text_lower(struct values_case *c)
{
    vec_text_lower(&c->out, text_arg(c, 0));
}

static void text_initcap(struct values_case *c)
{
    vec_text_initcap(&c->out, text_arg(c, 0));
}

static void text_reverse(struct values_case *c)
{
    vec_text_reverse(&c->out, text_arg(c, 0));
}

static void text_replace(struct values_case *c)
{
    vec_text_replace(&c->out, text_arg(c, 0), text_arg(c, 1), text_arg(c, 2));
}

static void text_translate(struct values_case *c)
{
    (void)values_is_fine(
        c, vec_text_translate(&c->out, text_arg(c, 0), text_arg(c, 1), text_arg(c, 2)), "");
}

static void text_repeat(struct values_case *c)
{
    (void)values_is_fine(c, vec_text_repeat(&c->out, text_arg(c, 0), text_int(c, 1)), "");
}

static void text_split(struct values_case *c)
{
    struct vec_text out;
    if (values_is_fine(c, vec_text_split(text_arg(c, 0), text_arg(c, 1), text_int(c, 2), &out),
                       "")) {
        text_answer(c, out);
    }
}

static void text_starts_with(struct values_case *c)
{
    text_answer_bool(c, vec_text_starts_with(text_arg(c, 0), text_arg(c, 1)));
}

static void text_chr(struct values_case *c)
{
    (void)values_is_fine(c, vec_text_chr(&c->out, text_int(c, 0)), "");
}

static void text_ascii(struct values_case *c)
{
    vec_int8_write(&c->out, vec_text_ascii(text_arg(c, 0)));
}

static void text_case_of_block(struct values_case *c)
{
    for (uint32_t code = (uint32_t)text_int(c, 0), end = code + 256; code < end; code++) {
        char word[VEC_UTF8_BYTES_MAX + 2] = "a";
        if (code >= 0xd800 && code < 0xe000) {
            continue;
        }
        size_t bytes = vec_utf8_encode(code, word + 1);
        word[1 + bytes] = 'b';
        vec_text_upper(&c->out, vec_text(word + 1, bytes));
        vec_text_lower(&c->out, vec_text(word + 1, bytes));
        vec_text_initcap(&c->out, vec_text(word, bytes + 2));
    }
}

static const struct values_operation text_operations[] = {
    {"compare", text_compare},
    {"length", text_length},
    {"tail", text_tail},
    {"substring", text_substring},
    {"position", text_position},
    {"left", text_left},
    {"right", text_right},
    {"lpad", text_lpad},
    {"rpad", text_rpad},
    {"btrim", text_btrim},
    {"ltrim", text_ltrim},
    {"rtrim", text_rtrim},
    {"upper", text_upper},
    {"lower", text_lower},
    {"initcap", text_initcap},
    {"reverse", text_reverse},
    {"replace", text_replace},
    {"translate", text_translate},
    {"repeat", text_repeat},
    {"split", text_split},
    {"starts_with", text_starts_with},
    {"chr", text_chr},
    {"ascii", text_ascii},
    {"case_of_block", text_case_of_block},
};

static void text_answers_are_postgresqls(void **state)
{
    (void)state;
    values_check_table("text", text_operations, ARRAY_COUNT(text_operations), 3000);
}

/* Small sets are looked through, larger ones are tables: with characters that do not occur behind
 * it, a small one becomes a large one that answers the same. */
static void text_sets_answer_alike_whatever_their_size(void **state)
{
    (void)state;
    static const char *const words[] = {"a", "b", "c", "é", "日", "😀", "\xff", "x"};
    struct share share = share_open("sets of texts", 30);
    while (share_more(&share)) {
        struct prng rng;
        prng_init(&rng, share_case_seed(&share));
        uint8_t a_bytes[64], from_bytes[256], to_bytes[64], small_bytes[128], large_bytes[128];
        struct bytes_writer a = bytes_writer(a_bytes, sizeof(a_bytes));
        struct bytes_writer from = bytes_writer(from_bytes, sizeof(from_bytes));
        struct bytes_writer to = bytes_writer(to_bytes, sizeof(to_bytes));
        struct bytes_writer small = bytes_writer(small_bytes, sizeof(small_bytes));
        struct bytes_writer large = bytes_writer(large_bytes, sizeof(large_bytes));
        for (size_t i = prng_below(&rng, 12); i > 0; i--) {
            const char *word = words[prng_below(&rng, 8)];
            bytes_put_copy(&a, word, strlen(word));
        }
        for (size_t i = prng_below(&rng, 5); i > 0; i--) {
            const char *word = words[prng_below(&rng, 8)];
            bytes_put_copy(&from, word, strlen(word));
        }
        for (size_t i = prng_below(&rng, 5); i > 0; i--) {
            const char *word = words[prng_below(&rng, 8)];
            bytes_put_copy(&to, word, strlen(word));
        }
        struct vec_text text = vec_text((char *)a_bytes, a.pos);
        struct vec_text few = vec_text((char *)from_bytes, from.pos);
        for (int i = 0; i < 40; i++) {
            bytes_put_copy(&from, i % 2 == 0 ? "z" : "ß", i % 2 == 0 ? 1 : 2);
        }
        struct vec_text many = vec_text((char *)from_bytes, from.pos);
        struct vec_text put = vec_text((char *)to_bytes, to.pos), left, right;
        assert_int_equal(vec_text_translate(&small, text, few, put), VEC_FAULT_NONE);
        assert_int_equal(vec_text_translate(&large, text, many, put), VEC_FAULT_NONE);
        assert_int_equal(small.pos, large.pos);
        assert_memory_equal(small_bytes, large_bytes, small.pos);
        assert_int_equal(vec_text_trim(text, few, true, true, &left), VEC_FAULT_NONE);
        assert_int_equal(vec_text_trim(text, many, true, true, &right), VEC_FAULT_NONE);
        assert_ptr_equal(left.data, right.data);
        assert_int_equal(left.length, right.length);
    }
    share_close(&share);
}

/* A thousand times the same character is one; the first place of a character counts. */
static void text_sets_are_bounded_by_their_different_characters(void **state)
{
    (void)state;
    static uint8_t set_bytes[20000], out_bytes[64];
    struct vec_text out;
    for (uint32_t count = 2048; count < 2050; count++) {
        enum vec_fault expected = count == 2048 ? VEC_FAULT_NONE : VEC_FAULT_SET_SIZE;
        struct bytes_writer set = bytes_writer(set_bytes, sizeof(set_bytes));
        struct bytes_writer w = bytes_writer(out_bytes, sizeof(out_bytes));
        for (uint32_t i = 0; i < count; i++) {
            char word[VEC_UTF8_BYTES_MAX];
            bytes_put_copy(&set, word, vec_utf8_encode(0x4e00 + i, word));
            bytes_put_copy(&set, "一", 3); /* the first of them */
        }
        struct vec_text all = vec_text((char *)set_bytes, set.pos);
        assert_int_equal(vec_text_trim(vec_text("一x丁", 7), all, true, true, &out), expected);
        assert_int_equal(vec_text_translate(&w, vec_text("一x丁丂", 10), all, vec_text("1234", 4)),
                         expected);
        if (expected == VEC_FAULT_NONE) {
            assert_int_equal(out.length, 1);
            assert_int_equal(w.pos, 3);
            assert_memory_equal(out_bytes, "1x3", 3); /* 丂 is at place 4 */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_answers_are_postgresqls),
        cmocka_unit_test(text_sets_answer_alike_whatever_their_size),
        cmocka_unit_test(text_sets_are_bounded_by_their_different_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
