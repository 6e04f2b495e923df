/* Naive look-ups in JSON. See json_twin.h. */
#include "tests/unit/schemas/json_twin.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static bool twin_is_name(const struct json_value *name, const char *wanted)
{
    char plain[256];
    struct bytes_writer w = bytes_writer(plain, sizeof(plain));
    return json_unescape(&w, name) == ERR_OK && w.pos == strlen(wanted) &&
           memcmp(plain, wanted, w.pos) == 0;
}

/* The number of members or items of `at` that `step` means; *out = the last of them. */
static size_t twin_step(const struct json_value *at, const struct twin_step *step,
                        struct json_value *out)
{
    size_t count = 0;
    if (at->kind != (step->name != NULL ? JSON_OBJECT : JSON_ARRAY)) {
        return 0;
    }
    struct json_items items = json_items(at);
    struct json_value name, value;
    for (size_t i = 0; json_items_next(&items, &name, &value); i++) {
        if (step->name != NULL ? twin_is_name(&name, step->name) : i == step->index) {
            *out = value;
            count++;
        }
    }
    return count;
}

bool twin_find(const struct json_value *root, const struct twin_path *path, struct json_value *out)
{
    *out = *root;
    for (size_t i = 0; i < path->count; i++) {
        struct json_value at = *out;
        if (twin_step(&at, &path->steps[i], out) == 0) {
            return false;
        }
    }
    return true;
}

/* The same of all paths that have `depth` steps behind them and lead through `at`. */
static size_t twin_duplicates_below(const struct json_value *at,
                                    const struct twin_path *const *paths, size_t count,
                                    size_t depth)
{
    size_t duplicates = 0;
    for (size_t i = 0; i < count; i++) {
        const struct twin_path *through[16];
        size_t through_count = 0;
        if (paths[i]->count <= depth) {
            continue;
        }
        const struct twin_step *step = &paths[i]->steps[depth];
        bool is_first = true; /* of the paths that take this step */
        for (size_t j = 0; j < count; j++) {
            const struct twin_step *other = &paths[j]->steps[depth];
            if (paths[j]->count > depth && (step->name == NULL) == (other->name == NULL) &&
                (step->name != NULL ? strcmp(step->name, other->name) == 0
                                    : step->index == other->index)) {
                is_first = is_first && j >= i;
                ASSERT(through_count < 16);
                through[through_count++] = paths[j];
            }
        }
        struct json_value last;
        size_t met_count = is_first ? twin_step(at, step, &last) : 0;
        duplicates += met_count > 1 ? met_count - 1 : 0;
        if (met_count == 0) {
            continue;
        }
        struct json_items items = json_items(at);
        struct json_value name, value;
        for (size_t k = 0; json_items_next(&items, &name, &value); k++) {
            if (step->name != NULL ? twin_is_name(&name, step->name) : k == step->index) {
                duplicates += twin_duplicates_below(&value, through, through_count, depth + 1);
            }
        }
    }
    return duplicates;
}

size_t twin_duplicates(const struct json_value *root, const struct twin_path *paths, size_t count)
{
    const struct twin_path *list[16];
    ASSERT(count <= 16);
    for (size_t i = 0; i < count; i++) {
        list[i] = &paths[i];
    }
    return twin_duplicates_below(root, list, count, 0);
}

void twin_format(const struct twin_path *path, char *out, size_t out_bytes)
{
    size_t length = (size_t)snprintf(out, out_bytes, "$");
    for (size_t i = 0; i < path->count; i++) {
        const struct twin_step *step = &path->steps[i];
        length += (size_t)(step->name != NULL
                               ? snprintf(out + length, out_bytes - length, "['%s']", step->name)
                               : snprintf(out + length, out_bytes - length, "[%zu]", step->index));
        ASSERT(length < out_bytes);
    }
}
