/* What stands at a path of a JSON text, found slowly: by walking base/json's items from the top for
 * each path anew. The second opinion on schemas/json. */
#ifndef TESTS_UNIT_SCHEMAS_JSON_TWIN_H
#define TESTS_UNIT_SCHEMAS_JSON_TWIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

#define TWIN_STEPS_MAX 4

/* One step: a name, or without one an index. */
struct twin_step {
    const char *name;
    size_t index;
};

/* A path. */
struct twin_path {
    struct twin_step steps[TWIN_STEPS_MAX];
    size_t count;
};

/* Whether something stands at `path` below `root`; *out = it. Of equal names the last counts. */
bool twin_find(const struct json_value *root, const struct twin_path *path, struct json_value *out);

/* How often a name that leads on along one of the `count` paths (each different) comes again in its
 * object, wherever such an object stands. */
size_t twin_duplicates(const struct json_value *root, const struct twin_path *paths, size_t count);

/* Write `path` as text: "$['a'][3]". */
void twin_format(const struct twin_path *path, char *out, size_t out_bytes);

#endif
