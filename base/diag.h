/* Structured log lines: levels, modules, typed fields; formatted as JSON or for people into a sink
 * the owner gives. At a call site:
 *
 *     DIAG_INFO(diag, "log", "segment sealed", DIAG_BYTES("bytes", n), DIAG_U64("index", i));
 *
 *     2026-11-25T07:51:46.123Z INFO  log  shard=0 segment sealed bytes=4096 index=7
 *     {"time":"2026-11-25T07:51:46.123Z","level":"info","module":"log","shard":0,
 *      "message":"segment sealed","bytes":4096,"index":7}                         (one line)
 *
 * Pure: the sink writes, the owner tells the time. A call site that repeats itself is cut to so
 * many lines a second, and a line with suppressed=K follows. A line takes at most DIAG_LINE_BYTES;
 * a longer one loses its last fields and says cut=true. Bytes from outside may stand in string
 * fields: they are escaped (base/escape.h), so nobody can forge a line. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The longest line, its newline included. */
#define DIAG_LINE_BYTES 4096

/* Most modules whose levels can differ. */
#define DIAG_MODULES_MAX 32

/* Call sites whose rate is known at once; the one quiet for longest is forgotten for a new one. */
#define DIAG_SITES_MAX 64

/* The `shard` of lines that belong to none. */
#define DIAG_NO_SHARD UINT32_MAX

/* From what must be seen to what only a search for a fault wants. */
enum diag_level { DIAG_LEVEL_ERROR, DIAG_LEVEL_WARN, DIAG_LEVEL_INFO, DIAG_LEVEL_DEBUG };

enum diag_format { DIAG_FORMAT_HUMAN, DIAG_FORMAT_JSON };

/* Which lines are wanted. One for all shards, who read it; one thread at a time writes it (relaxed
 * atomics: a change is seen soon, in no order with anything else). */
struct diag_levels {
    const char *const *modules;                 /* the names that may be set, static */
    size_t modules_count;                       /* <= DIAG_MODULES_MAX */
    _Atomic uint8_t level;                      /* of lines from modules not in the list */
    _Atomic uint8_t level_of[DIAG_MODULES_MAX]; /* by position in `modules` */
    _Atomic uint8_t level_max;                  /* the most talkative of all: the quick test */
};

/* Where lines go. Embedded by whoever writes them: stderr, a file, a test. */
struct diag_sink {
    /* One whole line, newline included, gone when the call returns. Must not log through the struct
     * diag it serves; must be safe to call from every thread whose struct diag shares it. */
    void (*write)(struct diag_sink *sink, enum diag_level level, const char *line, size_t length);
};

/* How often one call site has spoken: private to diag.c. */
struct diag_site {
    const char *file;      /* of the DIAG_ line, static; NULL: free */
    const char *module;    /* its literals, for the line that tells what was suppressed */
    const char *message;   /* likewise */
    uint64_t second;       /* the second counted */
    uint32_t lines_count;  /* written in it */
    uint32_t suppressed;   /* not written since the last that was */
    int line;              /* of the DIAG_ line */
    enum diag_level level; /* of the DIAG_ line */
};

/* The time of a line, in ns since 1970. */
typedef uint64_t diag_clock_fn(void *context);

/* A thread's log. Belongs to one thread; `levels` and `sink` may be shared and outlive it. */
struct diag {
    struct diag_levels *levels;             /* which lines are wanted */
    struct diag_sink *sink;                 /* where they go */
    enum diag_format format;                /* how they look */
    uint32_t shard;                         /* said in each line; DIAG_NO_SHARD: none */
    uint32_t lines_per_second;              /* of one call site; 0: no limit */
    uint64_t wall_ns;                       /* the time lines are given, since 1970 */
    diag_clock_fn *clock;                   /* asked for it before a line; NULL: diag_set_time */
    void *clock_context;                    /* its argument */
    uint64_t lines_count;                   /* statistics: lines handed to the sink */
    uint64_t suppressed_count;              /* statistics: lines that were not */
    struct diag_site sites[DIAG_SITES_MAX]; /* rates, in sets of four found by file and line */
    char line[DIAG_LINE_BYTES];             /* the line being written */
};

/* What a field holds. */
enum diag_type {
    DIAG_TYPE_STRING,
    DIAG_TYPE_U64,
    DIAG_TYPE_I64,
    DIAG_TYPE_DOUBLE,
    DIAG_TYPE_BOOL,
    DIAG_TYPE_BYTES,
    DIAG_TYPE_DURATION,
    DIAG_TYPE_ERR,
};

/* One field of a line, made by the macros below. */
struct diag_field {
    const char *key;     /* a literal in snake_case */
    enum diag_type type; /* which member of the union holds the value */
    size_t length;       /* of `string` */
    union {
        const char *string; /* NULL: null */
        uint64_t u64;       /* numbers, sizes in bytes, durations in ns, booleans */
        int64_t i64;
        double f64;
        enum err err;
    };
};

#define DIAG_FIELD_OF(k, t, member, v)                                                             \
    ((struct diag_field){.key = "" k, .type = DIAG_TYPE_##t, .member = (v)})

/* Fields. Keys are literals. A duration is text for people ("1.5ms") and a number of nanoseconds in
 * JSON, where its key gets the suffix _ns; a size is exact in JSON and, from 10000 bytes on,
 * rounded for people; an error is its name. */
#define DIAG_U64(key, value)      DIAG_FIELD_OF(key, U64, u64, value)
#define DIAG_I64(key, value)      DIAG_FIELD_OF(key, I64, i64, value)
#define DIAG_DOUBLE(key, value)   DIAG_FIELD_OF(key, DOUBLE, f64, value)
#define DIAG_BOOL(key, value)     DIAG_FIELD_OF(key, BOOL, u64, (value) ? 1u : 0u)
#define DIAG_BYTES(key, value)    DIAG_FIELD_OF(key, BYTES, u64, value)
#define DIAG_DURATION(key, value) DIAG_FIELD_OF(key, DURATION, u64, value)
#define DIAG_ERR(key, value)      DIAG_FIELD_OF(key, ERR, err, value)

/* A NUL-terminated string (or NULL), and `length` bytes of text that may hold anything. */
#define DIAG_STRING(key, value) diag_string("" key, value)
#define DIAG_TEXT(k, v, v_bytes)                                                                   \
    ((struct diag_field){.key = "" k, .type = DIAG_TYPE_STRING, .string = (v), .length = (v_bytes)})

/* One line at a level: struct diag *, module and message as literals, then fields. The fields are
 * evaluated only when the level is wanted; a level nobody wants costs one comparison. */
#define DIAG_ERROR(d, module, ...) DIAG_AT(DIAG_LEVEL_ERROR, d, module, __VA_ARGS__)
#define DIAG_WARN(d, module, ...)  DIAG_AT(DIAG_LEVEL_WARN, d, module, __VA_ARGS__)
#define DIAG_INFO(d, module, ...)  DIAG_AT(DIAG_LEVEL_INFO, d, module, __VA_ARGS__)
#define DIAG_DEBUG(d, module, ...) DIAG_AT(DIAG_LEVEL_DEBUG, d, module, __VA_ARGS__)

#define DIAG_AT(level, d, module, message, ...)                                                    \
    do {                                                                                           \
        struct diag *diag_at = (d);                                                                \
        if (UNLIKELY(diag_is_wanted(diag_at, (level), "" module))) {                               \
            const struct diag_field diag_fields[] = {{.key = NULL}, ##__VA_ARGS__};                \
            diag_write(diag_at, (level), "" module, "" message, __FILE__, __LINE__,                \
                       diag_fields + 1, ARRAY_COUNT(diag_fields) - 1);                             \
        }                                                                                          \
    } while (0)

/* All lines up to `level` are wanted, from each of the `count` (<= DIAG_MODULES_MAX) `modules` and
 * all others. `modules` is static. */
void diag_levels_init(struct diag_levels *levels, const char *const *modules, size_t count,
                      enum diag_level level);

/* Want lines up to `level` from `module`, or from all for NULL. ERR_NOT_FOUND: no such module in
 * the list; nothing has changed. */
MUST_USE enum err diag_levels_set(struct diag_levels *levels, const char *module,
                                  enum diag_level level);

/* "error", "warn", "info", "debug". */
const char *diag_level_name(enum diag_level level);

/* The level of that name (NUL-terminated, lower case). ERR_NOT_FOUND: none, *level untouched. */
MUST_USE enum err diag_level_parse(const char *name, enum diag_level *level);

/* Start a thread's log. `lines_per_second`: of one call site, 0 for no limit. The time is 0 until
 * diag_set_time. */
void diag_init(struct diag *diag, struct diag_levels *levels, struct diag_sink *sink,
               enum diag_format format, uint32_t shard, uint32_t lines_per_second);

/* Say what has been suppressed and not told yet. `diag` may be used on. */
void diag_flush(struct diag *diag);

/* Tell the time of the lines to come, in ns since 1970: the owner does so once a turn of its loop.
 * When a second has passed, call sites that went quiet are told of, as by diag_flush. */
void diag_set_time(struct diag *diag, uint64_t wall_ns);

/* Ask `clock` for the time of each line instead: an owner that writes seldom need not tell it. */
void diag_set_clock(struct diag *diag, diag_clock_fn *clock, void *context);

/* The slow half of diag_is_wanted: some module wants `level`; does this one? */
bool diag_is_wanted_by_module(const struct diag *diag, enum diag_level level, const char *module);

/* Whether a line of `level` from `module` is wanted at all, its rate apart. */
static inline bool diag_is_wanted(const struct diag *diag, enum diag_level level,
                                  const char *module)
{
    return level <= atomic_load_explicit(&diag->levels->level_max, memory_order_relaxed) &&
           diag_is_wanted_by_module(diag, level, module);
}

/* Write one line, unless its call site has spoken too often this second; the macros' function.
 * `module`, `message`, `file` are static. Neither they nor the fields are kept, save the pointers
 * to those three. */
void diag_write(struct diag *diag, enum diag_level level, const char *module, const char *message,
                const char *file, int line, const struct diag_field *fields, size_t count);

/* The field of DIAG_STRING. */
struct diag_field diag_string(const char *key, const char *value);

#endif
