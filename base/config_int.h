/* What config.c offers the readers of its sources (config_yaml.c). */
#ifndef BASE_CONFIG_INT_H
#define BASE_CONFIG_INT_H

#include "base/config.h"

/* Not a key, not a group. */
#define CONFIG_NONE SIZE_MAX

/* The index of the key, or of the group, whose name is the `length` bytes of `name`; CONFIG_NONE.
 */
size_t config_find_key(const struct config *c, const char *name, size_t length);
size_t config_find_group(const struct config *c, const char *name, size_t length);

/* Bytes of a text; not NUL-terminated. */
struct config_text {
    const char *text; /* the first byte */
    size_t length;    /* how many */
};

/* Give the key at `index` the value in `text`, or note why not. The origin of `source` is not below
 * that of the present value (asserted). */
void config_put(struct config *c, size_t index, struct config_text text,
                struct config_source source);

/* The same for a list (asserted) of `count` <= CONFIG_LIST_MAX items. */
void config_put_items(struct config *c, size_t index, const struct config_text *items, size_t count,
                      struct config_source source);

/* Note a problem of the value of the key at `index` (CONFIG_NONE: of the file) at `source`. */
void config_complain(struct config *c, size_t index, struct config_source source,
                     const char *format, ...) PRINTF(4, 5);

/* Note that the file has a name that is no key and no group. */
void config_complain_unknown(struct config *c, struct config_text name, bool is_group,
                             struct config_source source);

#endif
