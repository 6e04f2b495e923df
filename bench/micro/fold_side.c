/* Our side of bench/run fold (bench/peers/fold): a view kept up, in a process of its own.
 *
 *     fold_side KEYS SQL
 *
 * All keys are put in once, in ticks of 10,000 rows, so that almost every row of a later tick is a
 * group of its own and changes a row that is somewhere in memory. Then each line of the input, a
 * number of ticks, is answered by a line: nanoseconds of processor time that these ticks took, and
 * the sum of all whole numbers that the view shows, and what of the time each part took. The peer
 * (bench/peers/dbsp) begins its lines with the same two. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/units.h"
#include "bench/micro/fold_work.h"

int main(int argc, char **argv)
{
    char line[64];
    uint64_t keys_count;
    struct fold_work *work = calloc(1, sizeof(*work));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (work == NULL || argc != 3 ||
        units_parse_u64(argv[1], strlen(argv[1]), &keys_count) != ERR_OK) {
        fprintf(stderr, "fold_side KEYS SQL\n");
        return 2;
    }
    fold_work_open(work, argv[2], keys_count);
    fold_work_load(work);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        uint64_t ticks_count;
        uint64_t spent_ns = 0;
        if (units_parse_u64(line, strcspn(line, "\n"), &ticks_count) != ERR_OK) {
            return 2;
        }
        memset(work->spent_ns, 0, sizeof(work->spent_ns));
        for (uint64_t i = 0; i < ticks_count; i++) {
            fold_work_tick(work, UINT64_MAX);
        }
        for (uint32_t i = 0; i < FOLD_PARTS; i++) {
            spent_ns += work->spent_ns[i];
        }
        printf("%" PRIu64 " %" PRId64, spent_ns, work->total);
        for (uint32_t i = 0; i < FOLD_PARTS; i++) {
            printf(" %" PRIu64, work->spent_ns[i]);
        }
        printf("\n");
        fflush(stdout);
    }
    fold_work_close(work);
    free(work);
    return 0;
}
