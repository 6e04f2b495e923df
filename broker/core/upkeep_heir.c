/* Views that are bound anew: an heir (view.h) is kept up beside the view that is read, and takes
 * its place at one tick. See upkeep.h; at the home.
 *
 *     BUILDING   the heir has its first step, when the view can be read again: after a start that
 *                one comes first
 *     LIVE       the view stops at a tick, F: it is read as of F and of no later one
 *                a tick behind F closes, and the heir has it
 *                VIEW_SWAP is the controller's: it decides
 *     swapped    as soon as every shard has that catalog, who waits for a later tick of the view is
 *                told that it has changed; the view is given up when nobody reads it any more
 *
 * So what is read of the view is of F or before, what is read of its heir of a tick after F, on
 * whatever shard. A crash before the command is durable leaves both as they were; behind it there
 * is the heir alone, which is built again from the origins that both have.
 *
 * An heir that breaks is given up, and the view goes on; why is known here until the next start. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_home.h"

/* A command that was refused is asked for again. */
#define CORE_UPKEEP_CHANGE_NS RT_NS_PER_S

static void core_upkeep_heir_freeze(struct core_upkeep_view *heir, struct core_upkeep_view *view);
static void core_upkeep_heir_thaw(struct core_upkeep_view *view);
static void core_upkeep_heir_change(struct core_upkeep_view *heir, enum core_change_kind kind);
static void core_upkeep_heir_changed(struct core_change *change);

struct core_upkeep_view *core_upkeep_heir_of(const struct core_upkeep_view *view)
{
    list_for_each (node, &view->upkeep->views) {
        struct core_upkeep_view *heir = CONTAINER_OF(node, struct core_upkeep_view, in_views);
        if (heir->is_heir && log_uuid_is_equal(&heir->lineage, &view->lineage)) {
            return heir;
        }
    }
    return NULL;
}

struct core_upkeep_view *core_upkeep_heir_view(const struct core_upkeep_view *heir)
{
    list_for_each (node, &heir->upkeep->views) {
        struct core_upkeep_view *view = CONTAINER_OF(node, struct core_upkeep_view, in_views);
        if (!view->is_heir && !view->is_replaced && !view->is_dropped &&
            log_uuid_is_equal(&view->lineage, &heir->lineage)) {
            return view;
        }
    }
    return NULL;
}

bool core_upkeep_heir_waits(const struct core_upkeep_view *heir)
{
    const struct core_upkeep_view *view = heir->is_heir ? core_upkeep_heir_view(heir) : NULL;
    return heir->is_heir && (view == NULL || view->status == CORE_UPKEEP_BUILDING);
}

void core_upkeep_heir_gone(struct core_upkeep_view *view)
{
    const struct core_upkeep *upkeep = view->upkeep;
    if (view->is_swapped) {
        return;
    }
    const struct core_view *now = core_catalog_find_lineage(upkeep->cs->catalog, &view->lineage);
    if (view->is_heir || now == NULL) {
        view->is_dropped = true;
        return;
    }
    view->is_replaced = true;
    view->is_frozen = true;
    view->is_swapped = true;
    list_for_each (node, &upkeep->views) {
        const struct core_upkeep_view *heir = CONTAINER_OF(node, struct core_upkeep_view, in_views);
        if (log_uuid_is_equal(&heir->uuid, &now->uuid) && heir->is_changing) {
            view->is_swapped = false; /* not every shard has the catalog */
        }
    }
}

void core_upkeep_heir_look(struct core_upkeep_view *heir)
{
    struct core_upkeep *upkeep = heir->upkeep;
    struct core_upkeep_view *view = core_upkeep_heir_view(heir);
    if (heir->is_changing || heir->is_dropped || upkeep->is_stopping || view == NULL) {
        return;
    }
    if (heir->retry_ns > rt_now_ns(upkeep->cs->shard)) {
        core_upkeep_look_soon(upkeep);
        return;
    }
    if (heir->status == CORE_UPKEEP_BROKEN) {
        if (upkeep->ticks_why == NULL) { /* else all are broken, until the next start */
            memcpy(view->heir_why, heir->why, sizeof(view->heir_why));
            core_upkeep_heir_thaw(view);
            core_upkeep_heir_change(heir, CORE_CHANGE_VIEW_ABANDON);
        }
    } else if (heir->status == CORE_UPKEEP_LIVE) {
        core_upkeep_heir_freeze(heir, view);
    } else {
        core_upkeep_heir_thaw(view);
    }
}

/* It goes on. */
static void core_upkeep_heir_thaw(struct core_upkeep_view *view)
{
    if (view->is_frozen) {
        view->is_frozen = false;
        core_upkeep_look_soon(view->upkeep);
    }
}

/* The heir keeps up: the view goes no further, and the heir comes to a tick behind it. */
static void core_upkeep_heir_freeze(struct core_upkeep_view *heir, struct core_upkeep_view *view)
{
    struct core_upkeep *upkeep = heir->upkeep;
    if (!view->is_frozen) {
        view->is_frozen = true;
        view->ceiling = UINT64_MAX;
    }
    if (view->ceiling == UINT64_MAX) {
        if (view->away_count > 0 || view->undone_count > 0) {
            return; /* until its step is done */
        }
        view->ceiling = view->status == CORE_UPKEEP_BROKEN ? 0 : core_upkeep_view_complete(view);
    }
    if (core_upkeep_view_complete(heir) > view->ceiling) {
        core_upkeep_heir_change(heir, CORE_CHANGE_VIEW_SWAP);
    } else if (upkeep->newest <= view->ceiling) {
        core_ticks_want(upkeep->cs);
    }
}

static void core_upkeep_heir_change(struct core_upkeep_view *heir, enum core_change_kind kind)
{
    ASSERT(!heir->is_changing);
    heir->is_changing = true;
    heir->item = (struct core_change_item){.kind = kind, .uuid = heir->uuid};
    heir->change = (struct core_change){
        .done = core_upkeep_heir_changed, .ctx = heir, .items = &heir->item, .items_count = 1};
    core_change_start(heir->upkeep->cs, &heir->change);
}

static void core_upkeep_heir_changed(struct core_change *change)
{
    struct core_upkeep_view *heir = change->ctx;
    struct core_upkeep *upkeep = heir->upkeep;
    enum core_code code = heir->item.code;
    heir->is_changing = false;
    if (code != CORE_OK) {
        struct core_upkeep_view *view = core_upkeep_heir_view(heir);
        heir->retry_ns = rt_now_ns(upkeep->cs->shard) + CORE_UPKEEP_CHANGE_NS;
        if (view != NULL) {
            core_upkeep_heir_thaw(view); /* whatever becomes of the heir */
        }
    } else if (heir->item.kind == CORE_CHANGE_VIEW_ABANDON) {
        DIAG_WARN(upkeep->cs->diag, "core", "a view cannot be bound anew: it stays as it is",
                  DIAG_STRING("why", heir->why));
    } else {
        DIAG_INFO(upkeep->cs->diag, "core", "a view was bound anew: its heir has its place",
                  DIAG_U64("incarnation", heir->item.version_made),
                  DIAG_U64("tick", core_upkeep_view_complete(heir)));
    }
    core_upkeep_look(upkeep);
}

void core_upkeep_heir_row(const struct core_upkeep_view *view, struct core_upkeep_rebind *rebind)
{
    const struct core_upkeep_view *heir = view->is_heir ? NULL : core_upkeep_heir_of(view);
    struct core_upkeep_row row;
    const struct core_catalog *catalog = view->upkeep->cs->catalog;
    const struct core_view *defined =
        catalog != NULL ? core_catalog_find_view_uuid(catalog, &view->uuid) : NULL;
    *rebind = (struct core_upkeep_rebind){.is_under_way =
                                              defined != NULL && !view->is_heir &&
                                              core_catalog_find_heir(catalog, defined) != NULL};
    if (!rebind->is_under_way) {
        memcpy(rebind->why, view->heir_why, sizeof(rebind->why));
    }
    if (heir != NULL) {
        core_upkeep_view_row(heir, &row);
        rebind->rows_count = row.rows_count;
        rebind->bytes = row.bytes;
        rebind->records_count = row.records_count;
        rebind->left_count = row.left_count;
        rebind->eta_ns = row.eta_ns;
    }
}
