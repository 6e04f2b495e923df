/* An inspection on a simulated machine of its own, and all that it told. */
#ifndef TESTS_UNIT_STORAGE_LOOK_H
#define TESTS_UNIT_STORAGE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/inspect.h"
#include "tests/sim/sim.h"

#define LOOK_FAULTS_MAX  32u
#define LOOK_ENTRIES_MAX 32u

/* An inspection on a machine of its own, and all it told. */
struct look {
    struct sim *sim;
    struct sim_node *node;
    struct log_inspect inspect;
    bool is_over;
    bool is_any_table; /* the table is not as it was made */
    uint64_t enough;   /* the visitor wants no entry behind this index; 0: all */
    uint32_t metas_count;
    uint32_t tables_count;
    uint32_t journals_count;
    uint32_t frames_count;
    uint32_t groups_count;
    uint32_t segments_count;
    struct log_inspect_segment segments[4];
    uint32_t entries_count;
    struct log_sidecar entries[LOOK_ENTRIES_MAX];
    bool has_data[LOOK_ENTRIES_MAX];
    bool is_settled[LOOK_ENTRIES_MAX];
    uint32_t faults_count;
    struct log_inspect_fault faults[LOOK_FAULTS_MAX];
};

/* A machine with `disk` (which becomes its), about to look at /data; memory_bytes 0: enough. */
void look_new(struct look *look, struct sim_disk *disk, uint64_t memory_bytes);

/* Begin; look until it is over; whether it is (for sim_run_until_true). */
void look_begin(struct look *look);
void look_run(struct look *look);
bool look_is_over(void *ctx);

/* End the machine; the inspection has given everything back. */
void look_free(struct look *look);

/* Whether a fault says `what`. */
bool look_has_fault(const struct look *look, const char *what);

#endif
