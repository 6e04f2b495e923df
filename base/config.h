/* Configuration: a table of typed keys, filled from four sources. Each source outdoes those before:
 *
 *     default      the table's own text, read by the same rules
 *     file         YAML: log: {level: debug}, or log.level: debug
 *     environment  TDB_LOG_LEVEL=debug
 *     flags        --log.level debug, or --log.level=debug
 *
 * Nothing is guessed: an unknown key, a wrong type, a key twice is a problem with its place, what
 * was wrong and what is accepted; all are collected, not just the first. The key's type decides
 * what a text means, never its look, so YAML's "no" is the string it looks like where a string is
 * wanted and refused where true or false is wanted; 010 is refused, because its readers disagree.
 *
 * Pure: the texts are handed in. Control plane: not for hot paths. One thread at a time. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/suggest.h"

/* Bounds of a file: its bytes, and mappings within mappings. Aliases are refused altogether, so
 * nothing in it can grow. */
#define CONFIG_FILE_BYTES_MAX (1u << 20)
#define CONFIG_DEPTH_MAX      16

/* The longest name of a key, and the longest value of one item. */
#define CONFIG_NAME_BYTES_MAX SUGGEST_NAME_BYTES_MAX
#define CONFIG_TEXT_BYTES_MAX 4096

/* Room for what a key takes, in words. */
#define CONFIG_WANTED_BYTES 160

/* Most items of a list. */
#define CONFIG_LIST_MAX 64

/* Problems kept with their text; more are only counted. */
#define CONFIG_PROBLEMS_MAX 32

enum config_type {
    CONFIG_TEXT,     /* any text without control characters */
    CONFIG_BOOL,     /* true or false */
    CONFIG_U64,      /* a whole number */
    CONFIG_BYTES,    /* a size, as units_parse_bytes */
    CONFIG_DURATION, /* a duration in ns, as units_parse_duration_ns */
    CONFIG_CHOICE,   /* one of `choices` */
    CONFIG_LIST,     /* texts: a YAML sequence, or one text with commas */
};

/* A key that may be given: a row of a static table. */
struct config_key {
    const char *name;                  /* dotted, [a-z0-9_.], e.g. "log.level" */
    enum config_type type;             /* how its text is read */
    const char *fallback;              /* the default, as text */
    const char *help;                  /* one line for people */
    uint64_t min;                      /* least number */
    uint64_t max;                      /* most; 0: no bound */
    const char *const *choices;        /* CONFIG_CHOICE: the words, NULL at the end */
    bool (*accepts)(const char *text); /* a further demand on a CONFIG_TEXT; NULL: none */
    const char *wanted;                /* what `accepts` accepts, as in "takes ..." */
};

enum config_origin {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_FLAG,
};

/* Where a value was written. */
struct config_source {
    enum config_origin origin; /* which source */
    uint32_t line;             /* in the file, from 1; 0 elsewhere */
    uint32_t column;           /* in the file, in characters from 1; 0 elsewhere */
};

/* A key's value. */
struct config_value {
    const char *text;            /* as it was written; a list's items joined by commas */
    uint64_t number;             /* a number, size, duration; 1 for true; a choice's position */
    const char *const *items;    /* a list's texts, NULL for other types */
    size_t items_count;          /* of a list */
    struct config_source source; /* where it was written */
};

/* Something that is wrong (or, a warning, looks wrong). */
struct config_problem {
    bool is_error;               /* false: a warning */
    struct config_source source; /* for programs; line 0 where no place in a file is meant */
    char where[160];             /* for people: "tdb.yaml:3:10", "TDB_LOG_LEVEL", "--log.level" */
    char what[400]; /* a sentence without a full stop, texts from outside in it escaped */
};

/* A prefix of keys: "log" of "log.level". Private to config*.c. */
struct config_group {
    const char *name; /* in the arena */
    uint32_t line;    /* where the file has it; 0: not yet */
};

/* A configuration, embedded in its owner. Sources are read in the order of enum config_origin.
 * Fields are for reading. */
struct config {
    const struct config_key *keys;   /* the table */
    size_t keys_count;               /* its rows */
    struct config_value *values;     /* by the same index */
    const char **names;              /* of the keys, for suggestions */
    struct config_group *groups;     /* every prefix of a key */
    const char **group_names;        /* of them, for suggestions */
    size_t groups_count;             /* of them */
    struct arena *arena;             /* where all this and the texts live */
    const char *file_name;           /* as said in problems; NULL before config_read_yaml */
    struct config_problem *problems; /* the first of them */
    size_t problems_count;           /* kept in `problems` */
    size_t errors_count;             /* all errors, kept or not */
};

/* Start `c` with the defaults of `keys_count` (>= 1) `keys`, which outlive it. All memory comes
 * from `arena`, which must not be reset while `c` or a value is in use; a problem that it has no
 * room for is an error like others. ERR_BUDGET or ERR_TOO_LARGE: no room even to start. A table
 * that makes no sense (names, defaults that are not accepted, names that are one variable) is a bug
 * (asserted). */
MUST_USE enum err config_init(struct config *c, const struct config_key *keys, size_t keys_count,
                              struct arena *arena);

/* Take values from the YAML in the `length` bytes of `text`, called `file_name` (kept, not copied)
 * in sources and problems. Once. Accepted: one document, a mapping or nothing; refused: anchors,
 * aliases, tags. A group without a value ("log:" with all below it commented out) is nothing. */
void config_read_yaml(struct config *c, const char *file_name, const char *text, size_t length);

/* Take values from `environment`, "NAME=value" texts with NULL at the end: TDB_ and the key in
 * upper case with '_' for '.'. An empty value is none. Other TDB_ names are left alone, with a
 * warning where one is nearly a key's. */
void config_read_environment(struct config *c, const char *const *environment);

/* Take the value of the flag at argv[0] (`argc` >= 1): "--key=value", or "--key" and "value" in
 * argv[1], which must not begin with "--"; a CONFIG_BOOL without a value is true. A '-' within the
 * key stands for '_'. Of a flag given twice the last counts. Returns how many
 * arguments it took; 0: not a key's flag, nothing was done. */
size_t config_read_flag(struct config *c, int argc, char *const *argv);

/* Note what the owner found wrong about its input, at `where`. */
void config_add_error(struct config *c, const char *where, const char *what);

/* The key most like `name`: its last part, or the nearest spelling; NULL: none is near. */
const char *config_nearest(const struct config *c, const char *name);

/* The value of the key `name`, which must be in the table (asserted). Lives as long as the arena.
 */
const struct config_value *config_value(const struct config *c, const char *name);

/* Write what `key` takes, in words: "one of error, warn, info, debug", "a whole number from 0 to
 * 256"; NUL-terminated and cut to fit. */
void config_format_wanted(const struct config_key *key, char out[CONFIG_WANTED_BYTES]);

/* Write where the value of the key at `index` comes from: "default", "tdb.yaml:3:10",
 * "TDB_LOG_LEVEL", "--log.level"; NUL-terminated and cut to `out_bytes` (>= 1). */
void config_format_source(const struct config *c, size_t index, char *out, size_t out_bytes);

#endif
