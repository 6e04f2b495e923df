/* What is wrong with a text, and where: of a record, and of a path. */
#ifndef SCHEMAS_JSON_FAULT_H
#define SCHEMAS_JSON_FAULT_H

#include <stddef.h>

#include "base/err.h"

struct json_fault {
    enum err err;     /* ERR_OK: nothing */
    size_t pos;       /* the byte where it shows; the text's length: it ends too early */
    const char *what; /* for people, in a few words: "a colon was expected"; static storage */
};

#endif
