/* Values that did not fit their columns and rows that failed, counted, and the place of the first:
 * the one of the lowest partition, and there of the lowest offset. Which one that is follows from
 * the records alone, in whatever order, on however many shards and in however many steps they were
 * read (VIEWS §2, §4). Pure. */
#ifndef BROKER_CORE_FAULTS_H
#define BROKER_CORE_FAULTS_H

#include <stddef.h>
#include <stdint.h>

/* Room for the sentence about them, its NUL included. */
#define CORE_FAULTS_BYTES 128u

/* Zero: none. */
struct core_faults {
    uint64_t count;     /* error rows */
    uint64_t offset;    /* of the first one's record, where there is one; */
    uint32_t partition; /* likewise */
};

/* Count one in that record. */
void core_faults_add(struct core_faults *faults, uint32_t partition, uint64_t offset);

/* Count those of `others`, too. */
void core_faults_join(struct core_faults *faults, const struct core_faults *others);

/* out = "3 values or rows failed, the first at partition 0, offset 12"; "": there are none. */
void core_faults_put(const struct core_faults *faults, char out[CORE_FAULTS_BYTES]);

/* out = why a view stands as it does, for people: `why`, which may be "", and what failed. */
void core_faults_why(const struct core_faults *faults, const char *why, char *out,
                     size_t out_bytes);

#endif
