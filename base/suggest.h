/* "Did you mean ...?": the nearest of a list of known names, for flags, commands, configuration
 * keys and SQL names. Pure. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

/* The longest name that is compared, in bytes; a longer one has no neighbours. */
#define SUGGEST_NAME_BYTES_MAX 64

/* The name among `count` candidates nearest to `name` by edit distance (insert, delete, replace,
 * swap of neighbours; ASCII case ignored), or NULL when none is within a third of the name's length
 * plus one. The first of equals wins. Returns one of `candidates`. Source: optimal string alignment
 * distance. */
const char *suggest_nearest(const char *name, const char *const *candidates, size_t count);

#endif
