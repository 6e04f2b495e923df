/* The house rules a program can check. README.md says what each means; tidy_test.c runs them over
 * the repository and plants every violation to see that it is caught.
 *
 * The rules are functions over (path, text) that read nothing and keep nothing: what they find goes
 * to the caller's sink. Only tidy_headers runs something: the compiler. */
#ifndef TESTS_TIDY_TIDY_H
#define TESTS_TIDY_TIDY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct floors;
struct source;

enum tidy_rule {
    TIDY_FLOORS,   /* an include goes up, sideways, or into another folder's insides */
    TIDY_LENGTH,   /* file, function or line too long */
    TIDY_CALL,     /* a function the house does not call there */
    TIDY_GLOBAL,   /* a variable that outlives its function and is not const */
    TIDY_CONTRACT, /* essay, include guard or a function's comment is missing */
    TIDY_WORDING,  /* a word that says the work is not done */
    TIDY_ALONE,    /* a header that does not compile alone */
    TIDY_MACHINE,  /* a path or host of one machine */
    TIDY_DEAD,     /* a file nothing uses */
    TIDY_BUDGET,   /* tests/budget.txt does not add up */
    TIDY_RULE_COUNT,
};

/* A text file of the repository. Both strings are owned by whoever made it. */
struct tidy_file {
    const char *path; /* from the repository's root, e.g. "base/bytes.c" */
    const char *text; /* whole, NUL-terminated */
    size_t length;    /* without that NUL */
};

/* One violation. The strings live until the sink returns. */
struct tidy_finding {
    const char *path;    /* of the file */
    unsigned line;       /* in it, from 1 */
    enum tidy_rule rule; /* broken */
    const char *message; /* what is wrong and what to write instead */
};

/* Where findings go. */
struct tidy_sink {
    void (*report)(void *context, const struct tidy_finding *finding); /* called for each */
    void *context;                                                     /* its first argument */
};

/* The rule's name as findings print it, e.g. "floors". Static storage. */
const char *tidy_rule_name(enum tidy_rule rule);

/* Format a message of at most 400 bytes and hand the finding to `sink`. */
PRINTF(5, 6)
void tidy_report(const struct tidy_sink *sink, const char *path, unsigned line, enum tidy_rule rule,
                 const char *format, ...);

/* Whether `path` is `folder` or below it; `folder` has no slash at its end. */
bool tidy_is_under(const char *path, const char *folder);

/* Whether `path` ends in `end`. */
bool tidy_ends_with(const char *path, const char *end);

/* Whether `path` is a .c or .h file. */
bool tidy_is_c(const char *path);

/* The line, from 1, of byte `pos` of `file`. */
unsigned tidy_line_of(const struct tidy_file *file, size_t pos);

/* Every rule that looks at one file alone: all below down to tidy_machine. */
void tidy_check_file(const struct floors *floors, const struct tidy_file *file,
                     const struct tidy_sink *sink);

/* Every rule that needs all files: dead files, the one thread-local, the budget. */
void tidy_check_tree(const struct floors *floors, const struct tidy_file *files, size_t count,
                     const struct tidy_sink *sink);

/* Includes point down: each target's folder is allowed for this file's folder by `floors`, is
 * written from the root, and no *_int.h leaves its folder. */
void tidy_floors(const struct floors *floors, const struct source *s, const struct tidy_sink *sink);

/* Files, functions and lines within their limits (lengths.c states them). */
void tidy_lengths(const struct source *s, const struct tidy_sink *sink);

/* No banned call outside the places its row allows (calls.c holds the table). */
void tidy_calls(const struct source *s, const struct tidy_sink *sink);

/* No mutable variable at file scope and no mutable function-scope static, outside tests;
 * thread-local ones only in base/rt. */
void tidy_globals(const struct source *s, const struct tidy_sink *sink);

/* Every file starts with its essay; a header has the guard named after its path, and a product
 * header's functions each stand under a comment, or in a group without blank lines under one. */
void tidy_contracts(const struct source *s, const struct tidy_sink *sink);

/* No unfinished work in sources, scripts, CMake and Markdown files. */
void tidy_wording(const struct tidy_file *file, const struct tidy_sink *sink);

/* No path and no package host of somebody's machine, in any text file. */
void tidy_machine(const struct tidy_file *file, const struct tidy_sink *sink);

/* A .c that no CMakeLists.txt of its folder or above names, a .h that no other file includes. */
void tidy_dead(const struct floors *floors, const struct tidy_file *files, size_t count,
               const struct tidy_sink *sink);

/* At most one thread-local variable in the whole house. */
void tidy_thread_locals(const struct tidy_file *files, size_t count, const struct tidy_sink *sink);

/* The shares in tests/budget.txt sum to no more than its total, which is the fourteen minutes;
 * those of suites that run two at a time count half. */
void tidy_budget(const struct tidy_file *file, const struct tidy_sink *sink);

/* Compile each of `count` headers alone, `paths` from `root`, with `cc`, in two processes. Writes
 * to a folder of its own under TMPDIR and removes it. Blocks until the compiler has ended. */
void tidy_headers(const char *root, const char *const *paths, size_t count,
                  const struct tidy_sink *sink);

#endif
