/* Drawing worlds. See sim_swarm.h. */
#include "tests/sim/sim_swarm.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

#define SIM_US 1000ull
#define SIM_MS 1000000ull
#define SIM_S  1000000000ull

static void sim_swarm_times(struct sim_options *options, struct prng *prng);
static void sim_swarm_sizes(struct sim_options *options, struct prng *prng);
static void sim_swarm_network(struct sim_options *options, struct prng *prng);
static void sim_swarm_faults(struct sim_options *options, struct prng *prng, uint32_t flags);
static struct sim_delay sim_swarm_delay(struct prng *prng, uint64_t low_ns, uint64_t high_ns);
static uint64_t sim_swarm_log(struct prng *prng, uint64_t low, uint64_t high);
static uint32_t sim_swarm_rate(struct prng *prng, uint32_t ppm_max);

struct sim_options sim_swarm(uint64_t seed, uint32_t flags)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct prng times = prng_fork(&prng); /* so that one flag does not change another's draws */
    struct prng sizes = prng_fork(&prng);
    struct prng network = prng_fork(&prng);
    struct prng faults = prng_fork(&prng);
    struct sim_options options = sim_options_calm();
    if (flags & SIM_SWARM_TIMES) {
        sim_swarm_times(&options, &times);
    }
    if (flags & SIM_SWARM_SIZES) {
        sim_swarm_sizes(&options, &sizes);
    }
    if (flags & SIM_SWARM_NETWORK) {
        sim_swarm_network(&options, &network);
    }
    sim_swarm_faults(&options, &faults, flags);
    return options;
}

void sim_swarm_heal(struct sim_options *options)
{
    memset(options->disk.faults_ppm, 0, sizeof(options->disk.faults_ppm));
    options->link.loss_ppm = 0;
    options->link.duplicate_ppm = 0;
    options->link.reorder_ppm = 0;
    options->link.clog_ppm = 0;
}

const char *sim_swarm_describe(const struct sim_options *options, char *out, size_t out_bytes)
{
    const struct sim_link_options *link = &options->link;
    const struct sim_host_options *host = &options->host;
    int length =
        snprintf(out, out_bytes,
                 "net: delay %llu us, loss %u, twice %u, overtaken %u, clogged %u ppm, "
                 "segment %u, window %u, buffers %u; disk: write %llu us, flush %llu us, "
                 "form %d, ppm:",
                 link->delay.mean_ns / SIM_US, link->loss_ppm, link->duplicate_ppm,
                 link->reorder_ppm, link->clog_ppm, host->segment_bytes, host->window_count,
                 host->recv_buffers_count, options->disk.write.mean_ns / SIM_US,
                 options->disk.flush.mean_ns / SIM_US, (int)options->disk.form);
    for (int fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        uint32_t ppm = options->disk.faults_ppm[fault];
        if (ppm > 0 && length > 0 && (size_t)length < out_bytes) {
            length += snprintf(out + length, out_bytes - (size_t)length, " %s %u",
                               sim_fault_name((enum sim_fault)fault), ppm);
        }
    }
    return out;
}

static void sim_swarm_times(struct sim_options *options, struct prng *prng)
{
    struct sim_disk_options *disk = &options->disk;
    disk->read = sim_swarm_delay(prng, 5 * SIM_US, 10 * SIM_MS);
    disk->write = sim_swarm_delay(prng, 5 * SIM_US, 10 * SIM_MS);
    disk->flush = sim_swarm_delay(prng, 10 * SIM_US, 50 * SIM_MS);
    disk->bytes_per_s = sim_swarm_log(prng, 50ull << 20, 8ull << 30);
    disk->form = (enum rt_flush_form)prng_below(prng, RT_FLUSH_COUNT);
    disk->refuses_direct = prng_chance(prng, 1, 4);
    disk->refuses_allocate = prng_chance(prng, 1, 8);
    struct sim_host_options *host = &options->host;
    host->turn = sim_swarm_delay(prng, 200, 200 * SIM_US);
    host->wake = sim_swarm_delay(prng, 200, 100 * SIM_US);
    host->job = sim_swarm_delay(prng, 10 * SIM_US, 100 * SIM_MS);
    host->reset = sim_swarm_delay(prng, SIM_MS, SIM_S);
    host->cancel_ppm = (uint32_t)prng_below(prng, 1000001);
    options->link.delay = sim_swarm_delay(prng, 20 * SIM_US, 100 * SIM_MS);
}

static void sim_swarm_sizes(struct sim_options *options, struct prng *prng)
{
    struct sim_host_options *host = &options->host;
    host->recv_buffers_count = (uint32_t)sim_swarm_log(prng, 2, LIMIT_RECV_BUFFERS_COUNT);
    host->recv_split_ppm = sim_swarm_rate(prng, 1000000);
    host->reads_ahead_ppm = (uint32_t)prng_below(prng, 1000001);
    host->sends_late_ppm = (uint32_t)prng_below(prng, 1000001);
    host->segment_bytes = (uint32_t)sim_swarm_log(prng, 64, 64u << 10);
    host->window_count = (uint32_t)prng_range(prng, 2, 20);
    host->buffer_bytes = (uint32_t)sim_swarm_log(prng, 4u << 10, 1u << 20);
    host->backlog_count = (uint32_t)sim_swarm_log(prng, 1, 128);
}

static void sim_swarm_network(struct sim_options *options, struct prng *prng)
{
    struct sim_link_options *link = &options->link;
    link->loss_ppm = sim_swarm_rate(prng, 300000);
    link->duplicate_ppm = sim_swarm_rate(prng, 500000);
    link->reorder_ppm = sim_swarm_rate(prng, 300000);
    link->reorder = sim_swarm_delay(prng, 100 * SIM_US, 200 * SIM_MS);
    link->clog_ppm = sim_swarm_rate(prng, 20000);
    link->clog = sim_swarm_delay(prng, SIM_MS, 5 * SIM_S);
    options->host.silent_ppm = sim_swarm_rate(prng, 1000000);
    options->host.retry_ns = sim_swarm_log(prng, 10 * SIM_MS, 400 * SIM_MS);
    options->host.retries_count = (uint32_t)prng_range(prng, 4, 12);
}

static void sim_swarm_faults(struct sim_options *options, struct prng *prng, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        uint32_t ppm_max;
    } rows[SIM_FAULT_COUNT] = {
        [SIM_FAULT_LOST_WRITE] = {SIM_SWARM_MEDIA, 10000},
        [SIM_FAULT_MISDIRECTED_WRITE] = {SIM_SWARM_MEDIA, 10000},
        [SIM_FAULT_BIT_ROT] = {SIM_SWARM_MEDIA, 10000},
        [SIM_FAULT_SECTOR_ERROR] = {SIM_SWARM_ERRORS, 10000},
        [SIM_FAULT_WRITE_ERROR] = {SIM_SWARM_ERRORS, 10000},
        [SIM_FAULT_FLUSH_ERROR] = {SIM_SWARM_ERRORS, 10000},
        [SIM_FAULT_DISK_FULL] = {SIM_SWARM_ERRORS, 50000},
        [SIM_FAULT_STALL] = {SIM_SWARM_STALLS, 20000},
    };
    for (size_t fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        uint32_t ppm = sim_swarm_rate(prng, rows[fault].ppm_max);
        options->disk.faults_ppm[fault] = (flags & rows[fault].flag) != 0 ? ppm : 0;
    }
    options->disk.stall = sim_swarm_delay(prng, 10 * SIM_MS, 10 * SIM_S);
}

/* A delay whose mean is between the bounds, its least value a part of that. */
static struct sim_delay sim_swarm_delay(struct prng *prng, uint64_t low_ns, uint64_t high_ns)
{
    uint64_t mean_ns = sim_swarm_log(prng, low_ns, high_ns);
    return (struct sim_delay){.min_ns = prng_range(prng, 0, mean_ns), .mean_ns = mean_ns};
}

/* Between the bounds, every order of magnitude equally likely. */
static uint64_t sim_swarm_log(struct prng *prng, uint64_t low, uint64_t high)
{
    ASSERT(low > 0);
    ASSERT(low <= high);
    uint32_t low_bits = 63 - (uint32_t)__builtin_clzll(low);
    uint32_t high_bits = 63 - (uint32_t)__builtin_clzll(high);
    uint64_t top = 1ull << prng_range(prng, low_bits, high_bits);
    uint64_t value = top | prng_below(prng, top);
    value = value > low ? value : low;
    return value < high ? value : high;
}

/* Off half the time, else up to `ppm_max`. */
static uint32_t sim_swarm_rate(struct prng *prng, uint32_t ppm_max)
{
    bool is_on = prng_chance(prng, 1, 2);
    uint32_t ppm = (uint32_t)sim_swarm_log(prng, 1, ppm_max);
    return is_on ? ppm : 0;
}
