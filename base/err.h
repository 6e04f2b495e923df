/* One error type for the whole house. Functions return `enum err`; results leave through
 * out-pointers.
 *
 * Three classes (STYLE §1): a bug is an ASSERT; environment and peer errors are values of this
 * enum, handled by the owner of the operation; corruption is ERR_CORRUPT, never "empty". errno and
 * completion results become `enum err` in base/rt and go no higher. Each door (Kafka, HTTP,
 * SQLSTATE) maps this enum in one table of its own. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* name, retriable (the same request may succeed later, unchanged), text for people. */
#define ERR_TABLE(X)                                                                               \
    X(OK, false, "no error")                                                                       \
    X(AGAIN, true, "nothing there yet, try again")                                                 \
    X(END, false, "end of the data")                                                               \
    X(CANCELED, false, "canceled")                                                                 \
    X(TIMEOUT, true, "deadline passed")                                                            \
    X(CLOSING, false, "closing")                                                                   \
    X(BUDGET, true, "memory budget used up")                                                       \
    X(FULL, true, "bounded container or queue is full")                                            \
    X(INVALID, false, "invalid value")                                                             \
    X(RANGE, false, "number out of range")                                                         \
    X(TRUNCATED, false, "input ends too early")                                                    \
    X(TOO_LARGE, false, "larger than its limit")                                                   \
    X(CORRUPT, false, "corrupt data")                                                              \
    X(UNSUPPORTED, false, "not supported")                                                         \
    X(NOT_FOUND, false, "not found")                                                               \
    X(EXISTS, false, "exists already")                                                             \
    X(BUSY, true, "in use by another")                                                             \
    X(ACCESS, false, "permission denied")                                                          \
    X(IO, false, "input/output error of the device")                                               \
    X(DISK_FULL, true, "no space left on the device")                                              \
    X(FENCED, false, "device failed earlier and accepts no more writes")                           \
    X(NOT_LEADER, true, "another node leads, or none does")                                        \
    X(RESOURCES, true, "operating system limit reached")                                           \
    X(REFUSED, true, "connection refused")                                                         \
    X(RESET, true, "connection reset by peer")                                                     \
    X(UNREACHABLE, true, "network or host unreachable")                                            \
    X(SYSTEM, false, "unexpected operating system error")

enum err {
#define ERR_ENUM(name, retriable, text) ERR_##name,
    ERR_TABLE(ERR_ENUM)
#undef ERR_ENUM
        ERR_COUNT
};

/* The name without its prefix, e.g. "DISK_FULL". Static storage. Any value is accepted; an unknown
 * one is "UNKNOWN". */
const char *err_name(enum err err);

/* The text for people, e.g. "no space left on the device". Static storage; unknown values give
 * "unknown error". */
const char *err_text(enum err err);

/* Whether the same request may succeed later without being changed. */
bool err_is_retriable(enum err err);

/* Where and why an operation failed. Lives in the operation's owner; becomes text only when it is
 * logged. */
struct err_info {
    enum err err;     /* what went wrong; ERR_OK: nothing recorded */
    int saved_errno;  /* the system's errno behind it, 0 if none */
    const char *file; /* source file of the record, static storage */
    int line;         /* its line */
    uint64_t a; /* two numbers whose meaning the recorder states: a position, a length, an id */
    uint64_t b;
};

/* Record `err` with this source line in `info` and return it: `return ERR_RECORD(&op->info, ERR_IO,
 * pos, length);` */
#define ERR_RECORD(info, err, a, b) err_record((info), (err), 0, __FILE__, __LINE__, (a), (b))

/* The function behind ERR_RECORD, for who has an errno to keep as well (an op's saved_errno).
 * Overwrites what `info` held. Returns `err`. */
enum err err_record(struct err_info *info, enum err err, int saved_errno, const char *file,
                    int line, uint64_t a, uint64_t b);

/* Write "NAME: text (file:line, errno N, a, b)" to `out`, always NUL-terminated within `out_bytes`
 * (>= 1). Returns the length written, without the NUL. */
size_t err_info_format(const struct err_info *info, char *out, size_t out_bytes);

#endif
