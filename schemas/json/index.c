/* The index: choice of kernels, what they share, and the portable one. See index.h; the fast ones
 * are in index_x86.c. */
#include "schemas/json/index.h"

#include <string.h>

#include "base/assert.h"
#include "schemas/json/index_int.h"

static uint32_t json_scalar_step(struct json_index *x, uint32_t *positions, uint8_t *bytes);
static struct json_masks json_scalar_masks(const struct json_index *x);
static void json_scalar_utf8(struct json_index *x, uint64_t high);
static uint64_t json_scalar_prefix_xor(uint64_t bits);
static void json_index_fail(struct json_index *x, uint64_t pos, const char *what);

const struct json_indexer json_indexer_scalar = {.name = "scalar", .step = json_scalar_step};

const struct json_indexer *json_indexer_for(const struct cpu *cpu)
{
#ifdef __x86_64__
    if (cpu->has_avx512_vbmi2) {
        return &json_indexer_avx512;
    }
    if (cpu->has_avx2 && cpu->has_pclmul) {
        return &json_indexer_avx2;
    }
#endif
    (void)cpu;
    return &json_indexer_scalar;
}

size_t json_index_escape_end(const char *text, size_t length, size_t pos)
{
    ASSERT(pos < length);
    if (length - pos < 2) {
        return 0;
    }
    char letter = text[pos + 1];
    if (letter != 'u') {
        return letter != '\0' && strchr("\"\\/bfnrt", letter) != NULL ? pos + 2 : 0;
    }
    if (length - pos < 6) {
        return 0;
    }
    for (size_t i = pos + 2; i < pos + 6; i++) {
        char digit = (char)(text[i] | 0x20);
        if (!(text[i] >= '0' && text[i] <= '9') && !(digit >= 'a' && digit <= 'f')) {
            return 0;
        }
    }
    return pos + 6;
}

/* One turn per escape: texts that have any have few, and what is escaped must be looked at anyway.
 */
uint64_t json_index_escaped(struct json_index *x, uint64_t backslash)
{
    x->has_escapes = true;
    uint64_t escaped = x->is_escaped;
    uint64_t begins = backslash & ~escaped;
    x->is_escaped = 0;
    while (begins != 0) {
        unsigned at = (unsigned)__builtin_ctzll(begins);
        if (json_index_escape_end(x->text, x->length, x->pos + at) == 0) {
            json_index_fail(x, x->pos + at, "an escape that JSON does not have");
        }
        if (at == JSON_BLOCK_BYTES - 1) {
            x->is_escaped = 1;
            break;
        }
        escaped |= UINT64_C(2) << at;
        begins &= ~(UINT64_C(3) << at);
    }
    return escaped;
}

void json_index_utf8(struct json_index *x, uint64_t high, const struct json_utf8_masks *m)
{
    uint64_t leads = m->two | m->three | m->four;
    uint64_t after_e0 = m->e0 << 1 | (x->after_lead & JSON_LEAD_E0) >> 0;
    uint64_t after_ed = m->ed << 1 | (x->after_lead & JSON_LEAD_ED) >> 1;
    uint64_t after_f0 = m->f0 << 1 | (x->after_lead & JSON_LEAD_F0) >> 2;
    uint64_t after_f4 = m->f4 << 1 | (x->after_lead & JSON_LEAD_F4) >> 3;
    /* Where a byte must continue a character: behind each lead, as many as it says. */
    uint64_t wanted = leads << 1 | (m->three | m->four) << 2 | m->four << 3 | x->continuations;
    uint64_t bad = (wanted ^ m->continuation) | (high & ~leads & ~m->continuation) |
                   (after_e0 & m->below_a0) | (after_ed & ~m->below_a0) | (after_f0 & m->below_90) |
                   (after_f4 & ~m->below_90);
    x->continuations = leads >> 63 | (m->three | m->four) >> 62 | m->four >> 61;
    x->after_lead = m->e0 >> 63 | m->ed >> 63 << 1 | m->f0 >> 63 << 2 | m->f4 >> 63 << 3;
    if (UNLIKELY(bad != 0)) {
        json_index_fail(x, x->pos + (uint64_t)__builtin_ctzll(bad), "bytes that are not UTF-8");
    }
}

void json_index_stray(struct json_index *x, uint64_t stray)
{
    json_index_fail(x, x->pos + (uint64_t)__builtin_ctzll(stray),
                    "a control character, which JSON writes as an escape");
}

void json_index_end(struct json_index *x)
{
    if (x->pos < x->length) {
        return;
    }
    if (x->continuations != 0) {
        json_index_fail(x, x->length, "the text ends inside of a character");
    }
    if (x->in_string != 0) {
        json_index_fail(x, x->length, "the text ends inside of a string");
    }
}

static uint32_t json_scalar_step(struct json_index *x, uint32_t *positions, uint8_t *bytes)
{
    uint32_t count = 0;
    for (uint32_t from = x->pos; json_index_goes_on(x, from);) {
        struct json_masks m = json_scalar_masks(x);
        uint64_t quotes = json_index_quotes(x, &m);
        uint64_t tokens = json_index_tokens(x, &m, quotes, json_scalar_prefix_xor(quotes));
        if ((m.high | x->continuations) != 0) {
            json_scalar_utf8(x, m.high);
        }
        if (x->fault.err != ERR_OK) {
            return count;
        }
        for (; tokens != 0; tokens &= tokens - 1, count++) {
            positions[count] = x->pos + (uint32_t)__builtin_ctzll(tokens);
            bytes[count] = (uint8_t)x->text[positions[count]];
        }
        x->pos += json_index_block_bytes(x);
    }
    json_index_end(x);
    return count;
}

/* The classes of bytes, as bits. */
enum {
    JSON_IS_QUOTE = 1,
    JSON_IS_BACKSLASH = 2,
    JSON_IS_STRUCTURE = 4,
    JSON_IS_SPACE = 8,
    JSON_IS_CONTROL = 16,
    JSON_IS_HIGH = 32,
};

static const uint8_t json_scalar_classes[256] = {
    [0 ... 8] = JSON_IS_CONTROL,
    ['\t'] = JSON_IS_CONTROL | JSON_IS_SPACE,
    ['\n'] = JSON_IS_CONTROL | JSON_IS_SPACE,
    [11 ... 12] = JSON_IS_CONTROL,
    ['\r'] = JSON_IS_CONTROL | JSON_IS_SPACE,
    [14 ... 31] = JSON_IS_CONTROL,
    [' '] = JSON_IS_SPACE,
    ['"'] = JSON_IS_QUOTE,
    ['\\'] = JSON_IS_BACKSLASH,
    ['{'] = JSON_IS_STRUCTURE,
    ['}'] = JSON_IS_STRUCTURE,
    ['['] = JSON_IS_STRUCTURE,
    [']'] = JSON_IS_STRUCTURE,
    [':'] = JSON_IS_STRUCTURE,
    [','] = JSON_IS_STRUCTURE,
    [0x80 ... 0xff] = JSON_IS_HIGH,
};

static struct json_masks json_scalar_masks(const struct json_index *x)
{
    struct json_masks m = {0};
    uint32_t count = json_index_block_bytes(x);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t class = json_scalar_classes[(uint8_t)x->text[x->pos + i]];
        m.quote |= (class & JSON_IS_QUOTE) << i;
        m.backslash |= (class & JSON_IS_BACKSLASH) >> 1 << i;
        m.structure |= (class & JSON_IS_STRUCTURE) >> 2 << i;
        m.space |= (class & JSON_IS_SPACE) >> 3 << i;
        m.control |= (class & JSON_IS_CONTROL) >> 4 << i;
        m.high |= (class & JSON_IS_HIGH) >> 5 << i;
    }
    m.space |= count < JSON_BLOCK_BYTES ? UINT64_MAX << count : 0;
    return m;
}

static void json_scalar_utf8(struct json_index *x, uint64_t high)
{
    struct json_utf8_masks m = {0};
    for (uint64_t left = high; left != 0; left &= left - 1) {
        unsigned at = (unsigned)__builtin_ctzll(left);
        uint8_t byte = (uint8_t)x->text[x->pos + at];
        m.below_90 |= (uint64_t)(byte < 0x90) << at;
        m.below_a0 |= (uint64_t)(byte < 0xa0) << at;
        m.continuation |= (uint64_t)(byte < 0xc0) << at;
        m.two |= (uint64_t)(byte >= 0xc2 && byte <= 0xdf) << at;
        m.three |= (uint64_t)(byte >= 0xe0 && byte <= 0xef) << at;
        m.four |= (uint64_t)(byte >= 0xf0 && byte <= 0xf4) << at;
        m.e0 |= (uint64_t)(byte == 0xe0) << at;
        m.ed |= (uint64_t)(byte == 0xed) << at;
        m.f0 |= (uint64_t)(byte == 0xf0) << at;
        m.f4 |= (uint64_t)(byte == 0xf4) << at;
    }
    json_index_utf8(x, high, &m);
}

/* Bit i: whether an odd number of `bits` stands at and below i. */
static uint64_t json_scalar_prefix_xor(uint64_t bits)
{
    for (unsigned shift = 1; shift < 64; shift *= 2) {
        bits ^= bits << shift;
    }
    return bits;
}

/* Keep a fault at `pos`, unless there was one. */
static void json_index_fail(struct json_index *x, uint64_t pos, const char *what)
{
    if (x->fault.err == ERR_OK) {
        x->fault = (struct json_fault){ERR_INVALID, (size_t)pos, what};
    }
}
