/* The fourteen minutes of ./tests/run: shares move between suites, their sum does not grow. What
 * runs two at a time (tests/budget.cmake) counts half. */
#include <stdio.h>
#include <string.h>

#include "tests/tidy/tidy.h"

#define BUDGET_TOTAL_S 840

/* Suites that run alone, by what their names begin with. */
static const char *const budget_alone[] = {"bench_", "e2e_", "interop_", "rt_", "tsan_"};

static bool budget_is_alone(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(budget_alone); i++) {
        if (strncmp(name, budget_alone[i], strlen(budget_alone[i])) == 0) {
            return true;
        }
    }
    return false;
}

void tidy_budget(const struct tidy_file *file, const struct tidy_sink *sink)
{
    unsigned halves = 0;
    unsigned total_s = 0;
    unsigned total_line = 1;
    unsigned line = 0;
    for (const char *at = file->text; *at != '\0'; at += at[0] == '\n') {
        char name[64];
        unsigned seconds;
        int end = 0;
        line++;
        size_t length = strcspn(at, "\n");
        if (length > 0 && at[0] != '#') {
            int fields = sscanf(at, "%63[a-z0-9_] %u s%n", name, &seconds, &end);
            if (fields != 2 || end == 0 || (size_t)end > length) {
                tidy_report(sink, file->path, line, TIDY_BUDGET,
                            "a line reads: <suite> <seconds> s  <what>");
            } else if (strcmp(name, "total") == 0) {
                total_s = seconds;
                total_line = line;
            } else {
                halves += budget_is_alone(name) ? 2 * seconds : seconds;
            }
        }
        at += length;
    }
    if (total_s != BUDGET_TOTAL_S) {
        tidy_report(sink, file->path, total_line, TIDY_BUDGET,
                    "the total is %u s and must be %d s: fourteen minutes", total_s,
                    BUDGET_TOTAL_S);
    }
    unsigned sum_s = (halves + 1) / 2;
    if (sum_s > total_s) {
        tidy_report(sink, file->path, total_line, TIDY_BUDGET,
                    "the suites sum to %u s, %u s over the total: take it from another suite",
                    sum_s, sum_s - total_s);
    }
}
