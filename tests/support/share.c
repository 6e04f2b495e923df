/* Shares of tests/budget.txt. See share.h. */
#include "tests/support/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "tests/support/skip.h"

static double share_of_suite(const char *suite);
static uint64_t share_now_ns(void);

struct share share_open(const char *name, unsigned percent)
{
    ASSERT(percent >= 1);
    ASSERT(percent <= 100);
    struct share share = {.name = name, .seed = 1, .started_ns = share_now_ns()};
    const char *seconds = getenv("TDB_SHARE_SECONDS");
    const char *cases = getenv("TDB_SHARE_CASES");
    const char *seed = getenv("TDB_SEED");
    if (seed != NULL) {
        share.seed = strtoull(seed, NULL, 0);
    }
    if (seconds != NULL || cases != NULL) { /* a campaign: its numbers, for each test whole */
        share.seconds_max = seconds != NULL ? strtod(seconds, NULL) : 0;
        share.cases_max = cases != NULL ? strtoull(cases, NULL, 0) : 0;
    } else {
        share.seconds_max = share_of_suite(getenv("TDB_SUITE")) * percent / 100;
    }
    return share;
}

bool share_more(struct share *share)
{
    if (share->cases_count > 0) {
        if (share->cases_max > 0 && share->cases_count >= share->cases_max) {
            return false;
        }
        double seconds = (double)(share_now_ns() - share->started_ns) / 1e9;
        if (share->seconds_max > 0 && seconds >= share->seconds_max) {
            return false;
        }
    }
    share->cases_count++;
    return true;
}

uint64_t share_case_seed(const struct share *share)
{
    ASSERT(share->cases_count > 0);
    return share->seed + share->cases_count - 1;
}

void share_close(struct share *share)
{
    const char *suite = getenv("TDB_SUITE");
    double seconds = (double)(share_now_ns() - share->started_ns) / 1e9;
    printf("covered: %s/%s: %llu cases in %.1f s (from seed %llu)\n", suite ? suite : "-",
           share->name, (unsigned long long)share->cases_count, seconds,
           (unsigned long long)share->seed);
    fflush(stdout);
}

/* Seconds of `suite` in tests/budget.txt: "<suite> <seconds> s". */
static double share_of_suite(const char *suite)
{
    double found = 1;
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/budget.txt", skip_repo_root());
    FILE *file = fopen(path, "r");
    if (suite == NULL || file == NULL) {
        if (file != NULL) {
            fclose(file);
        }
        return found;
    }
    char line[256];
    while (fgets(line, sizeof(line), file) != NULL) {
        char name[128];
        double seconds;
        if (sscanf(line, "%127s %lf s", name, &seconds) == 2 && strcmp(name, suite) == 0) {
            found = seconds;
        }
    }
    fclose(file);
    return found;
}

static uint64_t share_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
