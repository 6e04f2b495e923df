/* Metrics and their text format. See metric.h.
 *
 * A registry is a list of families, each the list of its metrics, because the format wants all
 * lines of a family together and several registries are written as one. Lists only grow, at their
 * ends: a metric is complete before the release store that links it, so readers need no lock. */
#include "base/metric.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/escape.h"
#include "base/units.h"

#define METRIC_SECOND_NS 1e9

const struct metric_bounds metric_bounds_ns = {.count = 26, .first_log2 = 10};
const struct metric_bounds metric_bounds_bytes = {.count = 25, .first_log2 = 6};

/* One metric's values, or the sum of several registries'. */
struct metric_total {
    uint64_t value;                          /* of a counter; of a gauge in two's complement */
    uint64_t sum;                            /* of a histogram's values */
    uint64_t buckets[METRIC_BOUNDS_MAX + 1]; /* of a histogram, each by itself */
};

/* What is being written, passed down. */
struct metric_page {
    struct bytes_writer *w;                          /* the text */
    const struct metric_registry *const *registries; /* what is rendered */
    size_t count;                                    /* of them */
    enum metric_merge merge;                         /* of equal metrics */
};

static void metric_register(struct metric_registry *registry, struct metric *metric,
                            const struct metric_family *family, enum metric_type type,
                            const struct metric_label *labels, uint32_t labels_count);
static bool metric_has_good_names(const struct metric *metric);
static bool metric_is_name(const char *name, bool allows_colon);
static bool metric_ends_with(const char *text, const char *end);
static bool metric_has_labels_of(const struct metric *a, const struct metric *b);
static uint32_t metric_bucket(const struct metric_bounds *bounds, uint64_t value);
static uint64_t metric_bound(const struct metric_bounds *bounds, uint32_t i);
static struct metric *metric_find_family(const struct metric_registry *registry,
                                         const struct metric_family *family);
static bool metric_is_written(const struct metric_page *page, size_t registry_index,
                              const struct metric *metric);
static void metric_render_family(const struct metric_page *page,
                                 const struct metric_family *family);
static void metric_render_metric(const struct metric_page *page, size_t registry_index,
                                 const struct metric *metric);
static void metric_collect(struct metric_total *total, const struct metric *metric);
static void metric_put_histogram(const struct metric_page *page, const struct metric *metric,
                                 const struct metric_total *total, const char *shard);
static void metric_put_sample(const struct metric_page *page, const struct metric *metric,
                              const char *suffix, const char *shard, const char *bound,
                              const char *value);
static void metric_put_label(struct bytes_writer *w, bool is_first, const char *name,
                             const char *value);
static void metric_put_string(struct bytes_writer *w, const char *text);
static void metric_format(const struct metric_family *family, uint64_t value,
                          char out[UNITS_TEXT_BYTES]);

void metric_registry_init(struct metric_registry *registry, uint32_t shard)
{
    *registry = (struct metric_registry){.shard = shard};
}

void metric_counter_init(struct metric_counter *counter, struct metric_registry *registry,
                         const struct metric_family *family, const struct metric_label *labels,
                         uint32_t labels_count)
{
    *counter = (struct metric_counter){.value = 0};
    metric_register(registry, &counter->metric, family, METRIC_COUNTER, labels, labels_count);
}

void metric_gauge_init(struct metric_gauge *gauge, struct metric_registry *registry,
                       const struct metric_family *family, const struct metric_label *labels,
                       uint32_t labels_count)
{
    *gauge = (struct metric_gauge){.value = 0};
    metric_register(registry, &gauge->metric, family, METRIC_GAUGE, labels, labels_count);
}

void metric_histogram_init(struct metric_histogram *histogram, struct metric_registry *registry,
                           const struct metric_family *family, const struct metric_label *labels,
                           uint32_t labels_count)
{
    const struct metric_bounds *bounds = family->bounds;
    ASSERT(bounds != NULL);
    ASSERT(bounds->count >= 1);
    ASSERT(bounds->count <= METRIC_BOUNDS_MAX);
    ASSERT(IMPLIES(bounds->values == NULL, bounds->first_log2 + bounds->count <= 64));
    for (uint32_t i = 1; i < bounds->count; i++) {
        ASSERT(metric_bound(bounds, i - 1) < metric_bound(bounds, i));
    }
    *histogram = (struct metric_histogram){.sum = 0};
    metric_register(registry, &histogram->metric, family, METRIC_HISTOGRAM, labels, labels_count);
}

void metric_observe(struct metric_histogram *histogram, uint64_t value)
{
    uint32_t bucket = metric_bucket(histogram->metric.family->bounds, value);
    uint64_t count = atomic_load_explicit(&histogram->buckets[bucket], memory_order_relaxed);
    uint64_t sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
    atomic_store_explicit(&histogram->buckets[bucket], count + 1, memory_order_relaxed);
    atomic_store_explicit(&histogram->sum, sum + value, memory_order_relaxed);
}

uint64_t metric_counter_value(const struct metric_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

int64_t metric_gauge_value(const struct metric_gauge *gauge)
{
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

uint64_t metric_histogram_count(const struct metric_histogram *histogram)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i <= histogram->metric.family->bounds->count; i++) {
        count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    }
    return count;
}

void metric_render(struct bytes_writer *w, const struct metric_registry *const *registries,
                   size_t count, enum metric_merge merge)
{
    const struct metric_page page = {
        .w = w, .registries = registries, .count = count, .merge = merge};
    for (size_t i = 0; i < count; i++) {
        const struct metric *first =
            atomic_load_explicit(&registries[i]->first, memory_order_acquire);
        while (first != NULL) {
            bool is_written = false;
            for (size_t j = 0; j < i && !is_written; j++) {
                is_written = metric_find_family(registries[j], first->family) != NULL;
            }
            if (!is_written) {
                metric_render_family(&page, first->family);
            }
            first = atomic_load_explicit(&first->next_family, memory_order_acquire);
        }
    }
}

/* Link `metric`, whose values are ready, at the end of its family or as the first of a new one. */
static void metric_register(struct metric_registry *registry, struct metric *metric,
                            const struct metric_family *family, enum metric_type type,
                            const struct metric_label *labels, uint32_t labels_count)
{
    ASSERT(family->type == type);
    ASSERT(labels_count <= METRIC_LABELS_MAX);
    metric->family = family;
    metric->labels = labels;
    metric->labels_count = labels_count;
    ASSERT(metric_has_good_names(metric));
    _Atomic(struct metric *) *link = &registry->first;
    for (struct metric *m; (m = atomic_load_explicit(link, memory_order_relaxed)) != NULL;) {
        if (m->family == family) {
            ASSERT(!metric_has_labels_of(m, metric));
            link = &m->next_in_family;
        } else {
            ASSERT(strcmp(m->family->name, family->name) != 0);
            link = &m->next_family;
        }
    }
    atomic_store_explicit(link, metric, memory_order_release);
}

/* Names as the format wants them, and as Prometheus' guidelines do: base units and _total. */
static bool metric_has_good_names(const struct metric *metric)
{
    const struct metric_family *family = metric->family;
    bool is_good = metric_is_name(family->name, true);
    is_good &= (family->type == METRIC_COUNTER) == metric_ends_with(family->name, "_total");
    if (family->unit == METRIC_UNIT_NS) {
        is_good &= metric_ends_with(family->name, "_seconds") ||
                   metric_ends_with(family->name, "_seconds_total");
    }
    for (uint32_t i = 0; i < metric->labels_count; i++) {
        const char *name = metric->labels[i].name;
        is_good &= metric_is_name(name, false);
        is_good &= strncmp(name, "__", 2) != 0;
        is_good &= strcmp(name, "le") != 0;
        is_good &= strcmp(name, "shard") != 0;
        for (uint32_t j = 0; j < i; j++) {
            is_good &= strcmp(name, metric->labels[j].name) != 0;
        }
    }
    return is_good;
}

static bool metric_is_name(const char *name, bool allows_colon)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        bool is_digit = *c >= '0' && *c <= '9';
        if (!is_letter && !(is_digit && c != name) && !(allows_colon && *c == ':')) {
            return false;
        }
    }
    return name[0] != '\0';
}

static bool metric_ends_with(const char *text, const char *end)
{
    size_t text_length = strlen(text);
    size_t end_length = strlen(end);
    return text_length > end_length && strcmp(text + text_length - end_length, end) == 0;
}

/* Labels in another order are not equal: a family's metrics are made by the same lines of code. */
static bool metric_has_labels_of(const struct metric *a, const struct metric *b)
{
    if (a->labels_count != b->labels_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->labels_count; i++) {
        if (strcmp(a->labels[i].value, b->labels[i].value) != 0 ||
            strcmp(a->labels[i].name, b->labels[i].name) != 0) {
            return false;
        }
    }
    return true;
}

/* The first bucket whose bound is not below `value`; the last one when all are. */
static uint32_t metric_bucket(const struct metric_bounds *bounds, uint64_t value)
{
    if (bounds->values == NULL) {
        if (value <= (uint64_t)1 << bounds->first_log2) {
            return 0;
        }
        uint32_t log2_up = 64 - (uint32_t)__builtin_clzll(value - 1);
        uint32_t bucket = log2_up - bounds->first_log2;
        return bucket < bounds->count ? bucket : bounds->count;
    }
    uint32_t low = 0;
    uint32_t high = bounds->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (value <= bounds->values[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static uint64_t metric_bound(const struct metric_bounds *bounds, uint32_t i)
{
    return bounds->values != NULL ? bounds->values[i] : (uint64_t)1 << (bounds->first_log2 + i);
}

/* The first metric of `family` in `registry`, or NULL. */
static struct metric *metric_find_family(const struct metric_registry *registry,
                                         const struct metric_family *family)
{
    struct metric *first = atomic_load_explicit(&registry->first, memory_order_acquire);
    while (first != NULL && first->family != family) {
        first = atomic_load_explicit(&first->next_family, memory_order_acquire);
    }
    return first;
}

static void metric_render_family(const struct metric_page *page, const struct metric_family *family)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    metric_put_string(page->w, "# HELP ");
    metric_put_string(page->w, family->name);
    metric_put_string(page->w, " ");
    if (escape_help(page->w, family->help, strlen(family->help)) < strlen(family->help)) {
        page->w->err = ERR_TOO_LARGE;
    }
    metric_put_string(page->w, "\n# TYPE ");
    metric_put_string(page->w, family->name);
    metric_put_string(page->w, " ");
    metric_put_string(page->w, types[family->type]);
    metric_put_string(page->w, "\n");
    for (size_t i = 0; i < page->count; i++) {
        const struct metric *metric = metric_find_family(page->registries[i], family);
        while (metric != NULL) {
            if (!metric_is_written(page, i, metric)) {
                metric_render_metric(page, i, metric);
            }
            metric = atomic_load_explicit(&metric->next_in_family, memory_order_acquire);
        }
    }
}

/* Whether an earlier registry's equal metric has brought this one's values along. */
static bool metric_is_written(const struct metric_page *page, size_t registry_index,
                              const struct metric *metric)
{
    if (page->merge == METRIC_BY_SHARD) {
        return false;
    }
    for (size_t i = 0; i < registry_index; i++) {
        const struct metric *other = metric_find_family(page->registries[i], metric->family);
        while (other != NULL) {
            if (metric_has_labels_of(other, metric)) {
                return true;
            }
            other = atomic_load_explicit(&other->next_in_family, memory_order_acquire);
        }
    }
    return false;
}

static void metric_render_metric(const struct metric_page *page, size_t registry_index,
                                 const struct metric *metric)
{
    struct metric_total total = {0};
    char shard[16] = "";
    metric_collect(&total, metric);
    if (page->merge == METRIC_BY_SHARD) {
        snprintf(shard, sizeof(shard), "%" PRIu32, page->registries[registry_index]->shard);
    } else {
        for (size_t i = registry_index + 1; i < page->count; i++) {
            const struct metric *other = metric_find_family(page->registries[i], metric->family);
            while (other != NULL && !metric_has_labels_of(other, metric)) {
                other = atomic_load_explicit(&other->next_in_family, memory_order_acquire);
            }
            if (other != NULL) {
                metric_collect(&total, other);
            }
        }
    }
    if (metric->family->type == METRIC_HISTOGRAM) {
        metric_put_histogram(page, metric, &total, shard);
    } else {
        char value[UNITS_TEXT_BYTES];
        metric_format(metric->family, total.value, value);
        metric_put_sample(page, metric, "", shard, NULL, value);
    }
}

static void metric_collect(struct metric_total *total, const struct metric *metric)
{
    switch (metric->family->type) {
    case METRIC_COUNTER:
        total->value +=
            metric_counter_value(CONTAINER_OF(metric, const struct metric_counter, metric));
        break;
    case METRIC_GAUGE:
        total->value +=
            (uint64_t)metric_gauge_value(CONTAINER_OF(metric, const struct metric_gauge, metric));
        break;
    case METRIC_HISTOGRAM: {
        const struct metric_histogram *h =
            CONTAINER_OF(metric, const struct metric_histogram, metric);
        for (uint32_t i = 0; i <= metric->family->bounds->count; i++) {
            total->buckets[i] += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        }
        total->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
        break;
    }
    }
}

/* The format's buckets are cumulative; _count is the last of them by definition. */
static void metric_put_histogram(const struct metric_page *page, const struct metric *metric,
                                 const struct metric_total *total, const char *shard)
{
    const struct metric_bounds *bounds = metric->family->bounds;
    uint64_t count = 0;
    char value[UNITS_TEXT_BYTES];
    for (uint32_t i = 0; i <= bounds->count; i++) {
        char bound[UNITS_TEXT_BYTES] = "+Inf";
        if (i < bounds->count) {
            metric_format(metric->family, metric_bound(bounds, i), bound);
        }
        count += total->buckets[i];
        snprintf(value, sizeof(value), "%" PRIu64, count);
        metric_put_sample(page, metric, "_bucket", shard, bound, value);
    }
    metric_format(metric->family, total->sum, value);
    metric_put_sample(page, metric, "_sum", shard, NULL, value);
    snprintf(value, sizeof(value), "%" PRIu64, count);
    metric_put_sample(page, metric, "_count", shard, NULL, value);
}

/* One line: name, labels, value. `shard` may be empty, `bound` NULL. */
static void metric_put_sample(const struct metric_page *page, const struct metric *metric,
                              const char *suffix, const char *shard, const char *bound,
                              const char *value)
{
    struct bytes_writer *w = page->w;
    metric_put_string(w, metric->family->name);
    metric_put_string(w, suffix);
    bool is_first = true;
    for (uint32_t i = 0; i < metric->labels_count; i++) {
        metric_put_label(w, is_first, metric->labels[i].name, metric->labels[i].value);
        is_first = false;
    }
    if (shard[0] != '\0') {
        metric_put_label(w, is_first, "shard", shard);
        is_first = false;
    }
    if (bound != NULL) {
        metric_put_label(w, is_first, "le", bound);
        is_first = false;
    }
    metric_put_string(w, is_first ? " " : "} ");
    metric_put_string(w, value);
    metric_put_string(w, "\n");
}

static void metric_put_label(struct bytes_writer *w, bool is_first, const char *name,
                             const char *value)
{
    metric_put_string(w, is_first ? "{" : ",");
    metric_put_string(w, name);
    metric_put_string(w, "=\"");
    if (escape_label(w, value, strlen(value)) < strlen(value)) {
        w->err = ERR_TOO_LARGE;
    }
    metric_put_string(w, "\"");
}

static void metric_put_string(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}

/* A value of the family in the unit that is written; gauges may be negative. */
static void metric_format(const struct metric_family *family, uint64_t value,
                          char out[UNITS_TEXT_BYTES])
{
    bool is_signed = family->type == METRIC_GAUGE;
    if (family->unit == METRIC_UNIT_NS) {
        double number = is_signed ? (double)(int64_t)value : (double)value;
        units_format_double(number / METRIC_SECOND_NS, out);
    } else if (is_signed) {
        snprintf(out, UNITS_TEXT_BYTES, "%" PRId64, (int64_t)value);
    } else {
        snprintf(out, UNITS_TEXT_BYTES, "%" PRIu64, value);
    }
}
