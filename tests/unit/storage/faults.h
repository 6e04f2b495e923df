/* One call that fails: the n-th of the simulated disk, or the n-th allocation of a store. For
 * suites linked with the --wrap options of TDB_FAULTS (CMakeLists.txt). */
#ifndef TESTS_UNIT_STORAGE_FAULTS_H
#define TESTS_UNIT_STORAGE_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* What fails. */
enum faults_kind {
    FAULTS_NONE,
    FAULTS_IO,    /* any call of the disk: ERR_IO; a flush forgets its writes */
    FAULTS_SPACE, /* a call that takes room: ERR_DISK_FULL */
    FAULTS_OPEN,  /* an open: ERR_RESOURCES, no descriptor is free */
    FAULTS_ALLOC, /* a block or a charge below the budget "log": ERR_BUDGET */
    FAULTS_COUNT
};

/* Nothing has been counted; call number `number` (from 1) of `kind` will fail. */
void faults_arm(enum faults_kind kind, uint64_t number);

/* No call fails any more. */
void faults_disarm(void);

/* Calls of a kind since faults_arm; whether one has failed, and what it was. */
uint64_t faults_count(enum faults_kind kind);
bool faults_has_struck(void);
const char *faults_what(void);

#endif
