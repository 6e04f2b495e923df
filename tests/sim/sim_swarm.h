/* Swarm testing (Groce and others, ISSTA 2012): every seed is another world. Each kind of trouble
 * is on or off, with a rate of its own, and what is just a size is drawn too, often tiny: a system
 * that is tested with all faults at once always fails in the same way first. Ranges of the network
 * are those of TigerBeetle's VOPR. */
#ifndef TESTS_SIM_SIM_SWARM_H
#define TESTS_SIM_SIM_SWARM_H

#include "tests/sim/sim.h"

/* What a swarm may draw; the rest is calm. */
enum sim_swarm_flags {
    SIM_SWARM_TIMES = 1 << 0,   /* delays of disk, network, turns */
    SIM_SWARM_SIZES = 1 << 1,   /* buffers, windows, segments, backlogs */
    SIM_SWARM_NETWORK = 1 << 2, /* loss, duplicates, overtaking, clogging */
    SIM_SWARM_STALLS = 1 << 3,  /* stalls of the disk */
    SIM_SWARM_ERRORS = 1 << 4,  /* disk errors that are reported: writes, flushes, space, sectors */
    SIM_SWARM_MEDIA = 1 << 5,   /* those that are not: lost and misdirected writes, rot */
    SIM_SWARM_HARMLESS = SIM_SWARM_TIMES | SIM_SWARM_SIZES, /* what no program may notice */
    SIM_SWARM_ALL = (1 << 6) - 1,
};

/* The options of `seed`, as far as `flags` let it draw. */
struct sim_options sim_swarm(uint64_t seed, uint32_t flags);

/* All faults off, what is drawn once stays: for the second half of a run, in which everything must
 * come to its end. */
void sim_swarm_heal(struct sim_options *options);

/* One line of text saying what was drawn, for reports of failures. Returns `out`. */
const char *sim_swarm_describe(const struct sim_options *options, char *out, size_t out_bytes);

#endif
