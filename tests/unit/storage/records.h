/* What tests of records share: one record of each kind with its bytes, any record of a kind, and
 * whether two are the same. */
#ifndef TESTS_UNIT_STORAGE_RECORDS_H
#define TESTS_UNIT_STORAGE_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "storage/log/record.h"

/* The frame's seed of the samples' checksums. */
#define RECORDS_SEED 0x5eed1234u

/* What the samples hold. */
#define RECORDS_GROUP  0x1112131415161718u
#define RECORDS_SEQ    0x2122232425262728u
#define RECORDS_INDEX  0x3132333435363738u
#define RECORDS_OFFSET 0x5152535455565758u
#define RECORDS_TERM   0x61626364u

/* The longest sample. */
#define RECORDS_SAMPLE_BYTES_MAX 176u

/* The most that records_random puts behind a fixed part. */
#define RECORDS_DATA_BYTES_MAX 512u

/* A record's bytes, padding included. */
struct records_sample {
    const char *name;          /* of its kind */
    enum log_record_kind kind; /* which */
    const char *bytes;         /* by the table "Records" */
    size_t length;             /* of these, a multiple of 8 */
};

/* How many kinds there are; the sample of kind k is the one at k - 1. */
#define RECORDS_SAMPLES_COUNT 12u
const struct records_sample *records_sample(size_t i);

/* The record whose bytes the sample of `kind` is. Its data is static. */
struct log_record records_of_sample(enum log_record_kind kind);

/* Fails unless both are the same record. */
void records_assert_equal(const struct log_record *a, const struct log_record *b);

/* Any record of `kind`; what follows its fixed part stands at `data` (RECORDS_DATA_BYTES_MAX). */
struct log_record records_random(struct prng *prng, enum log_record_kind kind, const uint8_t *data);

#endif
