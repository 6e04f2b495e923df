/* Finding functions. See function.h.
 *
 * The tables are static and sorted, one per file; a look-up halves each of them in turn, which is
 * some forty comparisons of short names, once per call that is bound. */
#include "views/vec/function.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/function_int.h"

/* The tables. */
static const struct vec_function_file {
    const struct vec_function *rows; /* sorted by name */
    const size_t *count;             /* of them */
} vec_function_files[] = {
#define VEC_FUNCTION_FILE(noun) {vec_functions_##noun, &vec_functions_##noun##_count},
    VEC_FUNCTION_FILES(VEC_FUNCTION_FILE)
#undef VEC_FUNCTION_FILE
};

/* <0, 0, >0: `row`'s name and the `length` bytes of `name`. */
static int vec_function_order(const struct vec_function *row, const char *name, size_t length)
{
    size_t have = strlen(row->name);
    int order = memcmp(row->name, name, have < length ? have : length);
    return order != 0 ? order : (have > length) - (have < length);
}

size_t vec_functions(const char *name, size_t length, const struct vec_function **out)
{
    for (size_t file = 0; file < ARRAY_COUNT(vec_function_files); file++) {
        const struct vec_function *rows = vec_function_files[file].rows;
        size_t count = *vec_function_files[file].count;
        size_t low = 0;
        for (size_t high = count; low < high;) {
            size_t middle = low + (high - low) / 2;
            bool is_less = vec_function_order(&rows[middle], name, length) < 0;
            low = is_less ? middle + 1 : low;
            high = is_less ? high : middle;
        }
        size_t end = low;
        while (end < count && vec_function_order(&rows[end], name, length) == 0) {
            end++;
        }
        if (end > low) {
            *out = &rows[low];
            return end - low;
        }
    }
    *out = NULL;
    return 0;
}

/* Whether `row` takes exactly these kinds. */
static bool vec_function_takes(const struct vec_function *row, const uint8_t *args, size_t count)
{
    if (row->is_variadic ? count < row->args_count : count != row->args_count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (args[i] != row->args[i < row->args_count ? i : row->args_count - 1u]) {
            return false;
        }
    }
    return true;
}

const struct vec_function *vec_function_find(const char *name, size_t length, const uint8_t *args,
                                             size_t args_count, enum vec_kind result)
{
    const struct vec_function *row;
    for (size_t left = vec_functions(name, length, &row); left > 0; left--, row++) {
        if (vec_function_takes(row, args, args_count) &&
            (result == VEC_NONE || row->result == result)) {
            return row;
        }
    }
    return NULL;
}

const struct vec_function *vec_cast_find(enum vec_kind from, enum vec_kind to)
{
    uint8_t kind = (uint8_t)from;
    return to == VEC_NONE ? NULL : vec_function_find("cast", 4, &kind, 1, to);
}

const struct vec_function *vec_function_at(size_t i)
{
    for (size_t file = 0; file < ARRAY_COUNT(vec_function_files); file++) {
        size_t count = *vec_function_files[file].count;
        if (i < count) {
            return &vec_function_files[file].rows[i];
        }
        i -= count;
    }
    return NULL;
}
