/* What the tests of recovery say of an outcome. */
#ifndef TESTS_UNIT_STORAGE_RECOVER_WANT_H
#define TESTS_UNIT_STORAGE_RECOVER_WANT_H

#include "tests/unit/storage/recover_build.h"

/* The decisions are exactly these: "F1 3 R2 7", rows not named are 0. */
void want_counts(const struct build *b, const char *want);

/* The group is what it was after record `seq`: everything behind its row is there, in its place. */
void want_group(const struct build *b, uint64_t group, uint64_t seq);

/* The entry is there as the group last wrote it, and is not quarantined. */
void want_entry(const struct build *b, const struct log_found *found, uint64_t index);

/* first..last are quarantined, and nothing else is; each has an entry that says so. */
void want_lost(const struct log_found *found, uint64_t first_index, uint64_t last_index);

/* Entries, segments and ranges hang together, whatever was lost. */
void want_sane(const struct log_found *found);

#endif
