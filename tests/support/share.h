/* Shares: how long a randomised test goes on. Each suite has a line in tests/budget.txt; a test
 * takes a percentage of it, stops itself there and prints what it covered. A campaign
 * (tests/campaign) runs the same suite with its own numbers through the environment:
 * TDB_SHARE_SECONDS, TDB_SHARE_CASES, TDB_SEED.
 *
 *     struct share share = share_open("model against naive", 50);
 *     while (share_more(&share)) {
 *         model_case(share_case_seed(&share));
 *     }
 *     share_close(&share);
 */
#ifndef TESTS_SUPPORT_SHARE_H
#define TESTS_SUPPORT_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* One test's part of its suite's share. */
struct share {
    const char *name;     /* what is covered, for the report */
    double seconds_max;   /* stop after this long; 0: no time limit */
    uint64_t cases_max;   /* stop after this many cases; 0: no case limit */
    uint64_t cases_count; /* cases begun */
    uint64_t seed;        /* first seed: TDB_SEED, else 1, so that a plain run repeats itself */
    uint64_t started_ns;  /* monotonic */
};

/* Start the clock on `percent` (1..100) of the running suite's share. The suite is TDB_SUITE (set
 * by ctest); a program run by hand has one second and no line. */
struct share share_open(const char *name, unsigned percent);

/* Whether there is share left for one more case, which is then counted. At least one case is always
 * granted. */
bool share_more(struct share *share);

/* The seed of the case share_more has just granted: seed, seed + 1, ... A failing case prints it;
 * TDB_SEED repeats it. */
uint64_t share_case_seed(const struct share *share);

/* Print "covered: <suite>/<name>: N cases in S s (from seed X)". */
void share_close(struct share *share);

#endif
