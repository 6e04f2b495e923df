/* What tests of records share: one record of each kind with its bytes, any record of a kind, and
 * whether two are the same. */
#ifndef TESTS_UNIT_STORAGE_SAMPLES_H
#define TESTS_UNIT_STORAGE_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "storage/log/record.h"

/* The frame's seed of the samples' checksums. */
#define SAMPLES_SEED 0x5eed1234u

/* What the samples hold. */
#define SAMPLES_GROUP  0x1112131415161718u
#define SAMPLES_SEQ    0x2122232425262728u
#define SAMPLES_INDEX  0x3132333435363738u
#define SAMPLES_OFFSET 0x5152535455565758u
#define SAMPLES_TERM   0x61626364u

/* The most that samples_random puts behind a fixed part. */
#define SAMPLES_DATA_BYTES_MAX 512u

/* A record's bytes, padding included. */
struct sample {
    const char *name;          /* of its kind */
    enum log_record_kind kind; /* which */
    const char *bytes;         /* by the table "Records" */
    size_t length;             /* of these, a multiple of 8 */
};

/* How many kinds there are; the sample of kind k is the one at k - 1. */
#define SAMPLES_COUNT 12u
const struct sample *samples_get(size_t i);

/* The record whose bytes the sample of `kind` is. Its data is static. */
struct log_record samples_record(enum log_record_kind kind);

/* Fails unless both are the same record. */
void samples_assert_equal(const struct log_record *a, const struct log_record *b);

/* Any record of `kind`; what follows its fixed part stands at `data` (SAMPLES_DATA_BYTES_MAX). */
struct log_record samples_random(struct prng *prng, enum log_record_kind kind, const uint8_t *data);

#endif
