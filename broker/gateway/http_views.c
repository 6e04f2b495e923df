/* Materialized views: what the catalog has, and how each stands, which the home of views knows. */
#include <string.h>

#include "base/list.h"
#include "base/rt/clock.h"
#include "base/units.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/view.h"
#include "broker/gateway/handlers.h"
#include "broker/gateway/http_views.h"

static void http_views_canceled(struct http_call *call);
static void http_views_asked(struct core_upkeep_ask *ask);
static void http_views_answer(struct http_call *call, const struct core_upkeep_ask *ask);
static void http_views_put(struct http_call *call, const struct core_view *view,
                           const struct core_topic *topic);
static void http_views_put_columns(struct http_call *call, const struct core_view *view);
static void http_views_put_first(struct http_call *call, const struct core_faults *faults);
static void http_views_put_rebind(struct http_call *call, const struct core_upkeep_rebind *rebind);
static void http_views_put_known(struct http_call *call, uint64_t number);
static void http_views_put_member(struct http_call *call, const char *name, const char *value,
                                  size_t value_bytes);

void http_handle_views(struct http_call *call)
{
    http_views_ask(call, http_views_answer);
}

/* --- How they stand --- */

/* A question about all views. */
struct http_views_work {
    struct core_upkeep_ask ask;
    http_views_fn *then; /* answers the call */
};

void http_views_ask(struct http_call *call, http_views_fn *then)
{
    struct core_tree_walk walk;
    const struct core_view *view;
    uint32_t count = 0;
    struct http_views_work *work = http_alloc(call, sizeof(*work));
    if (work == NULL) {
        return;
    }
    core_catalog_walk_views(&walk, call->cs->catalog);
    while (core_catalog_next_view(&walk) != NULL) {
        count++;
    }
    work->then = then;
    work->ask = (struct core_upkeep_ask){.done = http_views_asked, .ctx = call};
    work->ask.rows = http_alloc(call, count * sizeof(*work->ask.rows) + 1);
    if (work->ask.rows == NULL) {
        return;
    }
    core_catalog_walk_views(&walk, call->cs->catalog);
    while ((view = core_catalog_next_view(&walk)) != NULL) {
        struct core_upkeep_row *row = &work->ask.rows[work->ask.rows_count++];
        row->view = view->uuid;
        row->lineage = view->lineage;
    }
    if (!core_upkeep_ask_start(call->cs, &work->ask)) {
        then(call, &work->ask);
    } else {
        http_wait(call, http_views_canceled);
    }
}

/* The question is soon back. */
static void http_views_canceled(struct http_call *call)
{
    (void)call;
}

static void http_views_asked(struct core_upkeep_ask *ask)
{
    struct http_views_work *work = CONTAINER_OF(ask, struct http_views_work, ask);
    work->then(ask->ctx, ask);
}

/* --- The list --- */

/* Those that are still there. */
static void http_views_answer(struct http_call *call, const struct core_upkeep_ask *ask)
{
    const struct core_catalog *catalog = call->cs->catalog;
    bool is_first = true;
    http_put_text(call, "{\"views\":[");
    for (uint32_t i = 0; i < ask->rows_count; i++) {
        const struct core_view *view = core_upkeep_row_view(catalog, &ask->rows[i]);
        if (view != NULL) {
            http_put_text(call, is_first ? "" : ",");
            http_views_put(call, view, core_catalog_find_uuid(catalog, &view->source->topic));
            http_views_put_state(call, &ask->rows[i]);
            http_put_text(call, "}");
            is_first = false;
        }
    }
    http_put_text(call, "]}\n");
    http_answer(call, 200, HTTP_MEDIA_JSON);
}

void http_views_put_state(struct http_call *call, const struct core_upkeep_row *row)
{
    static const char *const names[] = {"lag_ms",  "rows",         "bytes",
                                        "records", "records_left", "errors"};
    const uint64_t values[] = {row->lag_ns / RT_NS_PER_MS, row->rows_count, row->bytes,
                               row->records_count,         row->left_count, row->faults.count};
    const char *state = core_upkeep_status_name(row->status);
    char why[sizeof(row->why) + CORE_FAULTS_BYTES];
    core_faults_why(&row->faults, row->why, why, sizeof(why));
    http_views_put_member(call, "state", state, strlen(state));
    http_put_text(call, row->is_degraded ? ",\"degraded\":true" : ",\"degraded\":false");
    if (why[0] != '\0') {
        http_views_put_member(call, "why", why, strlen(why));
    }
    http_put_text(call, ",\"tick\":");
    http_views_put_known(call, row->tick);
    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        http_put_text(call, ",\"");
        http_put_text(call, names[i]);
        http_put_text(call, "\":");
        http_put_u64(call, values[i]);
    }
    http_views_put_first(call, &row->faults);
    http_put_text(call, ",\"eta_ms\":");
    http_views_put_known(call, row->eta_ns / RT_NS_PER_MS);
    http_put_text(call, ",\"freshness_us\":");
    http_views_put_known(call, row->fresh_ns / RT_NS_PER_US);
    http_views_put_rebind(call, &row->rebind);
}

/* Where the first of what failed stands, if anything did. */
static void http_views_put_first(struct http_call *call, const struct core_faults *faults)
{
    if (faults->count > 0) {
        http_put_text(call, ",\"first_error\":{\"partition\":");
        http_put_u64(call, faults->partition);
        http_put_text(call, ",\"offset\":");
        http_put_u64(call, faults->offset);
        http_put_text(call, "}");
    }
}

/* What becomes of it, where it is bound anew, or was to be. */
static void http_views_put_rebind(struct http_call *call, const struct core_upkeep_rebind *rebind)
{
    static const char *const names[] = {"rows", "bytes", "records", "records_left"};
    const uint64_t values[] = {rebind->rows_count, rebind->bytes, rebind->records_count,
                               rebind->left_count};
    if (!rebind->is_under_way && rebind->why[0] == '\0') {
        return;
    }
    http_put_text(call, rebind->is_under_way ? ",\"rebind\":{\"state\":\"building\""
                                             : ",\"rebind\":{\"state\":\"given up\"");
    if (rebind->why[0] != '\0') {
        http_views_put_member(call, "why", rebind->why, strlen(rebind->why));
    }
    for (uint32_t i = 0; rebind->is_under_way && i < ARRAY_COUNT(names); i++) {
        http_put_text(call, ",\"");
        http_put_text(call, names[i]);
        http_put_text(call, "\":");
        http_put_u64(call, values[i]);
    }
    if (rebind->is_under_way) {
        http_put_text(call, ",\"eta_ms\":");
        http_views_put_known(call, rebind->eta_ns / RT_NS_PER_MS);
    }
    http_put_text(call, "}");
}

/* 0: it is not known. */
static void http_views_put_known(struct http_call *call, uint64_t number)
{
    if (number == 0) {
        http_put_text(call, "null");
    } else {
        http_put_u64(call, number);
    }
}

static void http_views_put(struct http_call *call, const struct core_view *view,
                           const struct core_topic *topic)
{
    char created[UNITS_TEXT_BYTES];
    char origin[64];
    struct bytes_writer w = bytes_writer(origin, sizeof(origin));
    core_view_write_origin(&w, view);
    units_format_time((uint64_t)view->created_ms * 1000000, created);
    http_put_text(call, "{\"name\":");
    http_put_string(call, view->name, strlen(view->name));
    http_views_put_member(call, "source", view->source->name, strlen(view->source->name));
    http_views_put_member(call, "topic", topic->name, topic->name_bytes);
    http_views_put_member(call, "origin", origin, w.pos);
    http_put_text(call, ",\"incarnation\":");
    http_put_u64(call, view->incarnation);
    http_views_put_columns(call, view);
    http_views_put_member(call, "created", created, strlen(created));
    http_views_put_member(call, "sql", view->sql, view->sql_bytes);
}

/* Its columns, and the names of those that tell rows apart, where all are shown. */
static void http_views_put_columns(struct http_call *call, const struct core_view *view)
{
    for (uint32_t i = 0; i < view->columns_count; i++) {
        const struct plan_column *column = &view->columns[i];
        char type[VEC_TYPE_TEXT_BYTES];
        struct bytes_writer w = bytes_writer(type, sizeof(type));
        vec_type_write(&w, column->type);
        http_put_text(call, i == 0 ? ",\"columns\":[{\"name\":" : ",{\"name\":");
        http_put_string(call, column->name, strlen(column->name));
        http_views_put_member(call, "type", type, w.pos);
        http_put_text(call, "}");
    }
    http_put_text(call, "],\"key\":");
    if (!core_view_has_key(view->keys, view->keys_count)) {
        http_put_text(call, "null");
        return;
    }
    for (uint32_t i = 0; i < view->keys_count; i++) {
        const char *name = view->columns[view->keys[i]].name;
        http_put_text(call, i == 0 ? "[" : ",");
        http_put_string(call, name, strlen(name));
    }
    http_put_text(call, "]");
}

/* A member behind others, a string. `name` needs no escapes. */
static void http_views_put_member(struct http_call *call, const char *name, const char *value,
                                  size_t value_bytes)
{
    http_put_text(call, ",\"");
    http_put_text(call, name);
    http_put_text(call, "\":");
    http_put_string(call, value, value_bytes);
}
