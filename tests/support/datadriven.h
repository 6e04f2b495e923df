/* Tests as text files that tell a story: commands with their input and what came of it.
 *
 *     # A comment says why.
 *     parse strict
 *     SELECT 1
 *     ----
 *     SELECT 1
 *
 * The first line of a case is its command and arguments; lines up to "----" are the input; lines up
 * to an empty one (or the end) are the expected output. REWRITE=1 in the environment writes the
 * output that came into the file instead of comparing it: read the difference before it is
 * committed. */
#ifndef TESTS_SUPPORT_DATADRIVEN_H
#define TESTS_SUPPORT_DATADRIVEN_H

#include <stddef.h>

#include "base/bytes.h"

/* The largest file, and the largest output of one case. */
#define DATADRIVEN_FILE_BYTES_MAX   (1u << 20)
#define DATADRIVEN_OUTPUT_BYTES_MAX (64u << 10)

/* One case. Texts end with a NUL and live until the handler returns. */
struct datadriven_case {
    const char *file;    /* its file, for messages */
    unsigned line;       /* of the command, from 1 */
    const char *command; /* the command's first word */
    const char *args;    /* the rest of its line; "": none */
    const char *input;   /* the input's lines, without the last newline */
    size_t input_length; /* bytes of it */
};

/* Write what comes of `test_case` to `out`, as lines; a last newline may be missing. */
typedef void datadriven_handler(void *context, const struct datadriven_case *test_case,
                                struct bytes_writer *out);

/* Run every case of the file at `path` below the repository's root through `handler`. The running
 * cmocka test fails at the end if an output is not the expected one; each difference is printed. A
 * file without a case fails too. */
void datadriven_run(const char *path, datadriven_handler *handler, void *context);

#endif
