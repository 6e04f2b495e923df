/* The twelve minutes of ./tests/run: shares move between suites, their sum does not grow. */
#include <stdio.h>
#include <string.h>

#include "tests/tidy/tidy.h"

#define BUDGET_TOTAL_S 720

void tidy_budget(const struct tidy_file *file, const struct tidy_sink *sink)
{
    unsigned sum_s = 0;
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
                sum_s += seconds;
            }
        }
        at += length;
    }
    if (total_s != BUDGET_TOTAL_S) {
        tidy_report(sink, file->path, total_line, TIDY_BUDGET,
                    "the total is %u s and must be %d s: twelve minutes", total_s, BUDGET_TOTAL_S);
    }
    if (sum_s > total_s) {
        tidy_report(sink, file->path, total_line, TIDY_BUDGET,
                    "the suites sum to %u s, %u s over the total: take it from another suite",
                    sum_s, sum_s - total_s);
    }
}
