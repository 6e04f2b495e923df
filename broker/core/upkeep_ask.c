/* How views stand, for those who ask on any shard: a call to the home, which counts them on the
 * way. See upkeep_ask.h. */
#include "broker/core/upkeep_ask.h"

#include "broker/core/core.h"
#include "broker/core/upkeep_home.h"

static const struct metric_family core_upkeep_views_family = {
    .name = "tdb_views", .help = "Materialized views.", .type = METRIC_GAUGE};
static const struct metric_family core_upkeep_lag_family = {
    .name = "tdb_view_lag_seconds",
    .help = "How long the view that is furthest behind has been behind.",
    .type = METRIC_GAUGE,
    .unit = METRIC_UNIT_NS};
static const struct metric_family core_upkeep_rows_family = {
    .name = "tdb_view_rows", .help = "Rows of materialized views.", .type = METRIC_GAUGE};
static const struct metric_family core_upkeep_bytes_family = {
    .name = "tdb_view_bytes",
    .help = "Bytes of memory that materialized views take.",
    .type = METRIC_GAUGE};

static const struct metric_family core_upkeep_changes_family = {
    .name = "tdb_view_change_log_bytes",
    .help = "Bytes of memory that change logs of materialized views take.",
    .type = METRIC_GAUGE};

static const struct metric_label core_upkeep_states[CORE_UPKEEP_STATUS_COUNT] = {
    [CORE_UPKEEP_BUILDING] = {"state", "building"},
    [CORE_UPKEEP_LIVE] = {"state", "live"},
    [CORE_UPKEEP_LAGGING] = {"state", "lagging"},
    [CORE_UPKEEP_BROKEN] = {"state", "broken"}};

static void core_upkeep_measure(struct core_upkeep *upkeep);
static void core_upkeep_ask_run(struct core_shard *at, struct core_call *call);
static void core_upkeep_ask_done(struct core_shard *home, struct core_call *call);
static void core_upkeep_ask_none(struct core_upkeep_row *row);

void core_upkeep_metrics_open(struct core_upkeep *upkeep)
{
    struct core_upkeep_metrics *metrics = &upkeep->metrics;
    struct metric_registry *registry = &upkeep->cs->metrics;
    for (uint32_t i = 0; i < CORE_UPKEEP_STATUS_COUNT; i++) {
        metric_gauge_init(&metrics->views[i], registry, &core_upkeep_views_family,
                          &core_upkeep_states[i], 1);
    }
    metric_gauge_init(&metrics->lag, registry, &core_upkeep_lag_family, NULL, 0);
    metric_gauge_init(&metrics->rows, registry, &core_upkeep_rows_family, NULL, 0);
    metric_gauge_init(&metrics->bytes, registry, &core_upkeep_bytes_family, NULL, 0);
    metric_gauge_init(&upkeep->changes_bytes, registry, &core_upkeep_changes_family, NULL, 0);
}

bool core_upkeep_ask_start(struct core_shard *cs, struct core_upkeep_ask *ask)
{
    uint32_t home = core_ticks_home(cs);
    for (uint32_t i = 0; i < ask->rows_count; i++) {
        core_upkeep_ask_none(&ask->rows[i]);
    }
    if (home == UINT32_MAX) {
        return false;
    }
    core_call_start(cs, home, &ask->call, core_upkeep_ask_run, core_upkeep_ask_done);
    return true;
}

static void core_upkeep_ask_run(struct core_shard *at, struct core_call *call)
{
    struct core_upkeep_ask *ask = CONTAINER_OF(call, struct core_upkeep_ask, call);
    for (uint32_t i = 0; i < ask->rows_count; i++) {
        list_for_each (node, &at->upkeep.views) {
            struct core_upkeep_view *view = CONTAINER_OF(node, struct core_upkeep_view, in_views);
            if (log_uuid_is_equal(&view->uuid, &ask->rows[i].view)) {
                core_upkeep_view_row(view, &ask->rows[i]);
            }
        }
    }
    core_upkeep_measure(&at->upkeep);
    core_call_end(at, call);
}

/* At the home: what is counted is what there is. */
static void core_upkeep_measure(struct core_upkeep *upkeep)
{
    struct core_upkeep_metrics *metrics = &upkeep->metrics;
    uint32_t counts[CORE_UPKEEP_STATUS_COUNT] = {0};
    uint64_t lag_ns = 0;
    uint64_t rows_count = 0;
    uint64_t bytes = 0;
    uint32_t known_count = 0;
    list_for_each (node, &upkeep->views) {
        const struct core_upkeep_view *view = CONTAINER_OF(node, struct core_upkeep_view, in_views);
        struct core_upkeep_row row;
        core_upkeep_view_row(view, &row);
        bytes += row.bytes;
        if (view->is_replaced) { /* it is there only for who reads it */
            continue;
        }
        known_count++;
        counts[row.status]++;
        lag_ns = row.status != CORE_UPKEEP_BROKEN && row.lag_ns > lag_ns ? row.lag_ns : lag_ns;
        rows_count += row.rows_count;
    }
    uint32_t count = upkeep->cs->catalog->views_count;
    counts[CORE_UPKEEP_BUILDING] += count > known_count ? count - known_count : 0;
    for (uint32_t i = 0; i < CORE_UPKEEP_STATUS_COUNT; i++) {
        metric_set(&metrics->views[i], counts[i]);
    }
    metric_set(&metrics->lag, (int64_t)lag_ns);
    metric_set(&metrics->rows, (int64_t)rows_count);
    metric_set(&metrics->bytes, (int64_t)bytes);
}

static void core_upkeep_ask_done(struct core_shard *home, struct core_call *call)
{
    struct core_upkeep_ask *ask = CONTAINER_OF(call, struct core_upkeep_ask, call);
    (void)home;
    ask->done(ask);
}

/* What is known of a view that the home does not know. */
static void core_upkeep_ask_none(struct core_upkeep_row *row)
{
    *row = (struct core_upkeep_row){
        .view = row->view, .lineage = row->lineage, .status = CORE_UPKEEP_BUILDING};
}

const struct core_view *core_upkeep_row_view(const struct core_catalog *catalog,
                                             const struct core_upkeep_row *row)
{
    const struct core_view *view = core_catalog_find_view_uuid(catalog, &row->view);
    return view != NULL ? view : core_catalog_find_lineage(catalog, &row->lineage);
}
