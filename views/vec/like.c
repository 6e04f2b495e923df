/* LIKE. See like.h. */
#include "views/vec/like.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/unicode.h"

/* A match under way. */
struct vec_like_state {
    const char *at;          /* next of the text */
    const char *end;         /* of the text */
    const char *pattern;     /* next of the pattern */
    const char *pattern_end; /* of the pattern */
    const char *star;        /* behind the last %; NULL: none met */
    const char *star_at;     /* where in the text what follows it was last tried */
    uint32_t escape;         /* the escape character */
    bool ignores_case;       /* compares lower case */
};

enum vec_like_step { VEC_LIKE_GOES_ON, VEC_LIKE_DIFFERS, VEC_LIKE_MATCHES, VEC_LIKE_FAILS };

/* vec_utf8_decode, in line for ASCII. */
static ALWAYS_INLINE uint32_t vec_like_decode(const char *at, const char *end, size_t *bytes)
{
    *bytes = 1;
    return LIKELY((unsigned char)*at < 0x80) ? (unsigned char)*at : vec_utf8_decode(at, end, bytes);
}

static enum vec_fault vec_like_star(struct vec_like_state *m, enum vec_like_step *step);
static enum vec_fault vec_like_one(struct vec_like_state *m, enum vec_like_step *step);

/* Where, from `at` on, what follows the % can begin: its first byte, if that is one of ASCII that
 * stands for itself, is looked for. */
static const char *vec_like_next(const struct vec_like_state *m, const char *at)
{
    unsigned char first = (unsigned char)*m->star;
    if (m->ignores_case || first >= 0x80 || first == '_' || first == '%' || first == m->escape ||
        at == m->end) {
        return at;
    }
    const char *found = memchr(at, first, (size_t)(m->end - at));
    return found != NULL ? found : m->end;
}

enum vec_fault vec_like_escape(struct vec_text text, uint32_t *escape)
{
    size_t bytes = 0;
    if (text.length == 0) {
        *escape = VEC_LIKE_NO_ESCAPE;
        return VEC_FAULT_NONE;
    }
    uint32_t code = vec_utf8_decode(text.data, text.data + text.length, &bytes);
    if (bytes != text.length) {
        return VEC_FAULT_ESCAPE_STRING;
    }
    *escape = code;
    return VEC_FAULT_NONE;
}

/* It does not follow the % here: try further on. */
static enum vec_fault vec_like_again(struct vec_like_state *m, uint64_t *steps)
{
    uint64_t seen = (uint64_t)(m->at - m->star_at);
    if (UNLIKELY(seen > *steps)) {
        return VEC_FAULT_LIKE_STEPS;
    }
    *steps -= seen;
    m->star_at = vec_like_next(m, m->star_at + vec_utf8_step(m->star_at, m->end));
    m->at = m->star_at;
    m->pattern = m->star;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_like(struct vec_text a, struct vec_text pattern, uint32_t escape,
                        bool ignores_case, uint64_t *steps, bool *is_match)
{
    struct vec_like_state m = {.at = a.data,
                               .end = a.data + a.length,
                               .pattern = pattern.data,
                               .pattern_end = pattern.data + pattern.length,
                               .escape = escape,
                               .ignores_case = ignores_case};
    while (m.at < m.end) {
        enum vec_like_step step = VEC_LIKE_DIFFERS;
        enum vec_fault fault = m.pattern < m.pattern_end ? vec_like_one(&m, &step) : VEC_FAULT_NONE;
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
        if (step == VEC_LIKE_DIFFERS && m.star != NULL) {
            fault = vec_like_again(&m, steps);
            if (fault != VEC_FAULT_NONE) {
                return fault;
            }
        } else if (step != VEC_LIKE_GOES_ON) {
            *is_match = step == VEC_LIKE_MATCHES;
            return VEC_FAULT_NONE;
        }
    }
    while (m.pattern < m.pattern_end && *m.pattern == '%' && escape != '%') {
        m.pattern++;
    }
    *is_match = m.pattern == m.pattern_end;
    return VEC_FAULT_NONE;
}

/* A run of % and _: what follows has to be found somewhere from here on. */
static enum vec_fault vec_like_star(struct vec_like_state *m, enum vec_like_step *step)
{
    for (; m->pattern < m->pattern_end; m->pattern++) {
        bool is_one = *m->pattern == '_' && m->escape != '_';
        if (!is_one && *m->pattern != '%') {
            break;
        }
        if (is_one) {
            if (m->at == m->end) {
                *step = VEC_LIKE_FAILS;
                return VEC_FAULT_NONE;
            }
            m->at += vec_utf8_step(m->at, m->end);
        }
    }
    *step = m->pattern == m->pattern_end ? VEC_LIKE_MATCHES : VEC_LIKE_GOES_ON;
    m->star = m->pattern;
    m->star_at = m->at;
    if (m->pattern < m->pattern_end) {
        size_t bytes;
        uint32_t code = vec_utf8_decode(m->pattern, m->pattern_end, &bytes);
        if (code == m->escape && m->pattern + bytes == m->pattern_end) {
            return VEC_FAULT_ESCAPE_END;
        }
    }
    return VEC_FAULT_NONE;
}

/* The next of the pattern against the next of the text. */
static enum vec_fault vec_like_one(struct vec_like_state *m, enum vec_like_step *step)
{
    size_t bytes;
    size_t at_bytes;
    uint32_t code = vec_like_decode(m->pattern, m->pattern_end, &bytes);
    uint32_t at_code = vec_like_decode(m->at, m->end, &at_bytes);
    const char *next = m->pattern + bytes;
    if (code == m->escape) {
        if (next == m->pattern_end) {
            return VEC_FAULT_ESCAPE_END;
        }
        code = vec_utf8_decode(next, m->pattern_end, &bytes);
        next += bytes;
    } else if (code == '%') {
        return vec_like_star(m, step);
    } else if (code == '_') {
        code = at_code;
    }
    if (code != at_code &&
        (!m->ignores_case || vec_unicode_to_lower(code) != vec_unicode_to_lower(at_code))) {
        *step = VEC_LIKE_DIFFERS;
        return VEC_FAULT_NONE;
    }
    m->at += at_bytes;
    m->pattern = next;
    *step = VEC_LIKE_GOES_ON;
    return VEC_FAULT_NONE;
}
