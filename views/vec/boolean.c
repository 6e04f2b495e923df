/* BOOLEAN. See boolean.h. */
#include "views/vec/boolean.h"

#include <string.h>

#include "views/vec/scan.h"

enum vec_fault vec_boolean_parse(const char *text, size_t length, bool *out)
{
    static const struct {
        const char *word;
        size_t least; /* letters that tell it from the others */
        bool value;
    } words[] = {{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
                 {"on", 2, true},   {"off", 2, false},   {"1", 1, true},   {"0", 1, false}};
    struct vec_scan s = vec_scan(text, length);
    vec_scan_trim(&s);
    size_t given = (size_t)(s.end - s.at);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        size_t same = 0;
        while (same < given && vec_scan_lower(s.at[same]) == words[i].word[same] &&
               words[i].word[same] != '\0') {
            same++;
        }
        if (same == given && given >= words[i].least) {
            *out = words[i].value;
            return VEC_FAULT_NONE;
        }
    }
    return VEC_FAULT_SYNTAX;
}

void vec_boolean_write(struct bytes_writer *w, bool value)
{
    bytes_put_copy(w, value ? "true" : "false", value ? 4 : 5);
}
