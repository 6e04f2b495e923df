/* What a view takes of memory: count and sum(BIGINT) of ten million keys, all things included, as
 * it is charged; and what the process has resident, of which the heap's own share is a part. */
#include <stdlib.h>

#include "bench/micro/bench.h"
#include "bench/micro/fold_work.h"

#define VIEW_KEYS      UINT64_C(10000000)
#define VIEW_KEY_BYTES 8 /* a BIGINT */

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct fold_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return 1;
    }
    double keys_count = (double)(b.is_quick ? VIEW_KEYS / 10 : VIEW_KEYS);
    uint64_t before_bytes = bench_rss_bytes();
    fold_work_open(work, "SELECT k, count(*), sum(v) FROM t GROUP BY k", (uint64_t)keys_count);
    fold_work_load(work);
    double charged = (double)maint_upkeep_bytes(&work->upkeep) / keys_count - VIEW_KEY_BYTES;
    double resident = (double)(bench_rss_bytes() - before_bytes) / keys_count - VIEW_KEY_BYTES;
    const char *size = b.is_quick ? "1 M keys" : "10 M keys";
    char name[80];
    snprintf(name, sizeof(name), "count, sum(BIGINT), %s: beside the key", size);
    bench_row(&b, &(struct bench_row){
                      .name = name, .value = charged, .unit = "B/key", .bar = "<= 64 B/key"});
    snprintf(name, sizeof(name), "count, sum(BIGINT), %s: resident, beside the key", size);
    bench_row(&b, &(struct bench_row){.name = name, .value = resident, .unit = "B/key"});
    bench_note(&b, "%s: %.1f MiB charged to the view, %.1f MiB resident", size,
               (double)maint_upkeep_bytes(&work->upkeep) / (1 << 20),
               (double)(bench_rss_bytes() - before_bytes) / (1 << 20));
    fold_work_close(work);
    free(work);
    return bench_finish(&b);
}
