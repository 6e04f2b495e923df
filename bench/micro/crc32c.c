/* What a checksum costs, against what its bytes cost anyway: memcpy of them. Large blocks are the
 * case that matters: a batch is checksummed once on arrival, fused with the one copy it is given
 * (LOG §7), so the fused form is also held against the two passes it replaces. */
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/crc32c.h"
#include "base/prng.h"
#include "bench/micro/bench.h"

#define CRC32C_BYTES_MAX ((size_t)1 << 20)
#define CRC32C_PAIRS     51

/* What all sides work on. */
struct crc32c_work {
    const struct crc32c *kernels; /* those measured */
    uint8_t *source;              /* CRC32C_BYTES_MAX random bytes */
    uint8_t *target;              /* as much room */
    size_t length;                /* bytes per operation */
};

static void crc32c_sum(void *context, uint64_t ops_count);
static void crc32c_sum_and_copy(void *context, uint64_t ops_count);
static void crc32c_sum_then_copy(void *context, uint64_t ops_count);
static void crc32c_memcpy(void *context, uint64_t ops_count);
static const struct crc32c *crc32c_at_most(const char *level);

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *best = crc32c_for(&cpu);
    const struct {
        const char *name;
        const struct crc32c *kernels;
        size_t length;
        void (*ours)(void *context, uint64_t ops_count);
        void (*peer)(void *context, uint64_t ops_count);
        const char *peer_name;
        const char *bar;
    } rows[] = {
        {"1 MiB", best, 1 << 20, crc32c_sum, crc32c_memcpy, "memcpy", ">= 0.80"},
        {"64 KiB", best, 1 << 16, crc32c_sum, crc32c_memcpy, "memcpy", ">= 0.80"},
        {"4 KiB", best, 1 << 12, crc32c_sum, crc32c_memcpy, "memcpy", NULL},
        {"61 bytes, a batch header", best, 61, crc32c_sum, crc32c_memcpy, "memcpy", NULL},
        {"1 MiB, copied too", best, 1 << 20, crc32c_sum_and_copy, crc32c_memcpy, "memcpy",
         ">= 0.80"},
        {"64 KiB, copied too", best, 1 << 16, crc32c_sum_and_copy, crc32c_memcpy, "memcpy",
         ">= 0.80"},
        {"64 KiB, copied in the same pass", best, 1 << 16, crc32c_sum_and_copy,
         crc32c_sum_then_copy, "memcpy, then checksum", ">= 1.00"},
        {"64 KiB, SSE4.2", crc32c_at_most("sse42"), 1 << 16, crc32c_sum, crc32c_memcpy, "memcpy",
         NULL},
        {"64 KiB, portable", crc32c_at_most("scalar"), 1 << 16, crc32c_sum, crc32c_memcpy, "memcpy",
         NULL},
    };
    struct crc32c_work work = {
        .source = aligned_alloc(4096, CRC32C_BYTES_MAX),
        .target = aligned_alloc(4096, CRC32C_BYTES_MAX),
    };
    if (work.source == NULL || work.target == NULL) {
        return 1;
    }
    struct prng prng;
    prng_init(&prng, 1);
    prng_fill(&prng, work.source, CRC32C_BYTES_MAX);
    memset(work.target, 1, CRC32C_BYTES_MAX);
    bench_note(&b, "kernels: %s", best->name);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        work.kernels = rows[i].kernels;
        work.length = rows[i].length;
        struct bench_pair pair = bench_pair(
            &b, rows[i].name, &(struct bench_side){.loop = rows[i].ours, .context = &work},
            &(struct bench_side){.loop = rows[i].peer, .context = &work}, CRC32C_PAIRS);
        bench_row(&b, &(struct bench_row){.name = rows[i].name,
                                          .value = (double)work.length / pair.ours,
                                          .unit = "GB/s",
                                          .peer = rows[i].peer_name,
                                          .ratio = pair.ratio,
                                          .bar = rows[i].bar});
    }
    free(work.source);
    free(work.target);
    return bench_finish(&b);
}

static void crc32c_sum(void *context, uint64_t ops_count)
{
    struct crc32c_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        uint32_t crc = crc32c(work->kernels, 0, work->source, work->length);
        bench_keep(crc);
    }
}

static void crc32c_sum_and_copy(void *context, uint64_t ops_count)
{
    struct crc32c_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        uint32_t crc = crc32c_copy(work->kernels, work->target, work->source, work->length, 0);
        bench_keep(crc);
    }
}

static void crc32c_sum_then_copy(void *context, uint64_t ops_count)
{
    struct crc32c_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        memcpy(work->target, work->source, work->length);
        uint32_t crc = crc32c(work->kernels, 0, work->target, work->length);
        bench_keep(crc);
    }
}

static void crc32c_memcpy(void *context, uint64_t ops_count)
{
    struct crc32c_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        memcpy(work->target, work->source, work->length);
        bench_keep(work->target);
    }
}

/* The kernels of a machine of `level`; of this one where it has less. */
static const struct crc32c *crc32c_at_most(const char *level)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    if (cpu_force(&cpu, level) != ERR_OK) {
        cpu_detect(&cpu);
    }
    return crc32c_for(&cpu);
}
