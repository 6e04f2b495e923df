/* Metrics: counters, gauges and histograms that a shard counts with plain stores, and that any
 * thread may read and write out in Prometheus' text format 0.0.4.
 *
 *     static const struct metric_family log_flush_family = {
 *         .name = "tdb_log_flush_seconds", .help = "Time of one flush of the journal.",
 *         .type = METRIC_HISTOGRAM, .unit = METRIC_UNIT_NS, .bounds = &metric_bounds_ns};
 *
 *     metric_histogram_init(&log->flush_time, &shard->metrics, &log_flush_family, NULL, 0);
 *     metric_observe(&log->flush_time, now_ns - started_ns);
 *
 * Metrics are embedded in what they measure and registered at start; a registry only grows, and all
 * in it must outlive its readers. One thread registers and counts (the registry's owner); the
 * values are relaxed atomics, so readers see each of them soon and whole, but not all as of one
 * moment. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Most bounds of a histogram, and most labels of a metric. */
#define METRIC_BOUNDS_MAX 32
#define METRIC_LABELS_MAX 4

enum metric_type {
    METRIC_COUNTER,   /* only grows; its name ends in _total */
    METRIC_GAUGE,     /* goes up and down */
    METRIC_HISTOGRAM, /* counts values by size */
};

/* What the numbers are, for how they are written: Prometheus wants base units. */
enum metric_unit {
    METRIC_UNIT_NONE, /* as they are: counts, bytes */
    METRIC_UNIT_NS,   /* nanoseconds, written as seconds; the name says _seconds */
};

/* The upper ends of a histogram's buckets, each included; a last bucket takes all above. */
struct metric_bounds {
    const uint64_t *values; /* rising; NULL: the powers of two from 2^first_log2 */
    uint32_t count;         /* 1 to METRIC_BOUNDS_MAX */
    uint32_t first_log2;    /* of the first bound, when `values` is NULL */
};

/* 1.024 us to 34 s in nanoseconds, doubling: 26 bounds. */
extern const struct metric_bounds metric_bounds_ns;

/* 64 B to 1 GiB, doubling: 25 bounds. */
extern const struct metric_bounds metric_bounds_bytes;

/* All metrics of one name: static, one object in the whole program. */
struct metric_family {
    const char *name;                   /* [a-zA-Z_:][a-zA-Z0-9_:]*, e.g. "tdb_log_appends_total" */
    const char *help;                   /* one sentence */
    enum metric_type type;              /* of all of them */
    enum metric_unit unit;              /* of what is counted */
    const struct metric_bounds *bounds; /* of a histogram, NULL for others */
};

/* What tells the metrics of a family apart. */
struct metric_label {
    const char *name; /* [a-zA-Z_][a-zA-Z0-9_]*, neither "le" nor "shard" nor beginning with "__" */
    const char *value; /* any text */
};

/* The part all metrics share: private to metric.c. */
struct metric {
    const struct metric_family *family;      /* what it is */
    const struct metric_label *labels;       /* lives as long as the metric */
    uint32_t labels_count;                   /* <= METRIC_LABELS_MAX */
    _Atomic(struct metric *) next_in_family; /* the next with other labels */
    _Atomic(struct metric *) next_family;    /* first of a family only: the next family's first */
};

struct metric_counter {
    struct metric metric;   /* its place in the registry */
    _Atomic uint64_t value; /* the sum of what was added */
};

struct metric_gauge {
    struct metric metric;  /* its place in the registry */
    _Atomic int64_t value; /* the last value */
};

struct metric_histogram {
    struct metric metric;                            /* its place in the registry */
    _Atomic uint64_t sum;                            /* of all values */
    _Atomic uint64_t buckets[METRIC_BOUNDS_MAX + 1]; /* how many values fell into each */
};

/* The metrics of one shard, in the order of registration. */
struct metric_registry {
    _Atomic(struct metric *) first; /* the first of the first family */
    uint32_t shard;                 /* the owner's number, for METRIC_BY_SHARD */
};

/* How equal metrics of several registries are written. */
enum metric_merge {
    METRIC_SUM,      /* added up */
    METRIC_BY_SHARD, /* each by itself with a label shard="N" */
};

/* Start an empty registry. */
void metric_registry_init(struct metric_registry *registry, uint32_t shard);

/* Start a metric at 0 and register it. `labels` (or NULL, with 0) must live as long as the metric.
 * What is declared wrongly is a bug (asserted): another type than the family's, names as above, a
 * family of the same name, equal labels in the same registry. Walks the registry: for start-up. */
void metric_counter_init(struct metric_counter *counter, struct metric_registry *registry,
                         const struct metric_family *family, const struct metric_label *labels,
                         uint32_t labels_count);
void metric_gauge_init(struct metric_gauge *gauge, struct metric_registry *registry,
                       const struct metric_family *family, const struct metric_label *labels,
                       uint32_t labels_count);
void metric_histogram_init(struct metric_histogram *histogram, struct metric_registry *registry,
                           const struct metric_family *family, const struct metric_label *labels,
                           uint32_t labels_count);

/* Add to a counter. Owner only. */
static inline void metric_add(struct metric_counter *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);
    atomic_store_explicit(&counter->value, value + amount, memory_order_relaxed);
}

/* Set a gauge. Owner only. */
static inline void metric_set(struct metric_gauge *gauge, int64_t value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

/* Move a gauge up or down. Owner only. */
static inline void metric_move(struct metric_gauge *gauge, int64_t amount)
{
    metric_set(gauge, atomic_load_explicit(&gauge->value, memory_order_relaxed) + amount);
}

/* Count `value`, in the family's unit, in its bucket. Owner only. */
void metric_observe(struct metric_histogram *histogram, uint64_t value);

/* The value now. From any thread. */
uint64_t metric_counter_value(const struct metric_counter *counter);
int64_t metric_gauge_value(const struct metric_gauge *gauge);
uint64_t metric_histogram_count(const struct metric_histogram *histogram);

/* Write all metrics of the `count` registries in Prometheus' text format 0.0.4 (Content-Type
 * "text/plain; version=0.0.4"): each family once with HELP and TYPE, in the order of registration.
 * A histogram's buckets and its _count always agree; its _sum may be some values ahead or behind.
 * ERR_TOO_LARGE in `w` when it does not fit: what was written is then of no use. From any thread,
 * while the owners count and register. METRIC_SUM compares the labels of a family across registries
 * pair by pair. */
void metric_render(struct bytes_writer *w, const struct metric_registry *const *registries,
                   size_t count, enum metric_merge merge);

#endif
