/* What the store answers without writing anything, held against the naive logs. See model.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rt/clock.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/model.h"

/* --- Answers at once --- */

void model_pin(struct model_group *g)
{
    struct model *model = g->model;
    uint32_t n = (uint32_t)model_below(model, MODEL_PINS);
    struct log_pin *pin = &g->pins[n];
    model_count(model, MODEL_PIN);
    if (!g->is_pinned[n]) {
        uint64_t count = g->ledger.end.index + 2 - g->ledger.start.index;
        log_pin_set(g->log, pin, "model", g->ledger.start.index + model_below(model, count));
        g->is_pinned[n] = true;
    } else if (model_below(model, 2) == 0) {
        log_pin_move(pin, pin->index + model_below(model, 50));
    } else {
        log_pin_clear(g->log, pin);
        g->is_pinned[n] = false;
    }
}

void model_term(struct model_group *g)
{
    uint64_t index = model_below(g->model, g->ledger.end.index + 3);
    uint32_t term = 1;
    uint32_t want_term = 0;
    model_count(g->model, MODEL_TERM);
    enum err err = log_term_of(g->log, index, &term);
    enum err want = ledger_term_of(&g->ledger, index, &want_term);
    bool is_unknown = err == ERR_AGAIN && want == ERR_OK && g->was_reopened && !g->log->is_loaded;
    if (!is_unknown && (err != want || term != want_term)) {
        model_fail(g, "term of %" PRIu64 ": %s, %" PRIu32 ", not %s, %" PRIu32, index,
                   err_name(err), term, err_name(want), want_term);
    }
    int32_t found;
    uint64_t end_offset;
    uint64_t want_offset;
    term = (uint32_t)model_below(g->model, g->ledger.end.term + 2ull);
    err = log_term_end(g->log, term, &found, &end_offset);
    int32_t want_found = ledger_term_end(&g->ledger, term, &want_offset);
    is_unknown = err == ERR_AGAIN && g->was_reopened && !g->log->is_loaded;
    if (!is_unknown && (err != ERR_OK || found != want_found || end_offset != want_offset)) {
        model_fail(g,
                   "end of term %" PRIu32 ": %s, %" PRId32 " at %" PRIu64 ", not %" PRId32
                   " at %" PRIu64,
                   term, err_name(err), found, end_offset, want_found, want_offset);
    }
}

void model_retention(struct model_group *g)
{
    struct model *model = g->model;
    uint64_t index = 0;
    struct log_retention want = {
        .bytes_max = model_below(model, 3) == 0 ? UINT64_MAX : model_below(model, 200000),
        .age_ms = model_below(model, 2) == 0 ? -1 : (int64_t)model_below(model, 10000),
        .now_ms = (int64_t)(g->ledger.entries_count * 10 + model_below(model, 500)),
        .index_max = model_below(model, 2) == 0 ? g->ledger.end.index
                                                : model_below(model, g->ledger.end.index + 1),
    };
    model_count(model, MODEL_RETENTION);
    enum err err = log_retention_index(g->log, &want, &index);
    if (err == ERR_AGAIN && g->was_reopened && !g->log->is_loaded) {
        return;
    }
    uint64_t expected = ledger_retention(&g->ledger, &want);
    if (err != ERR_OK || index != expected) {
        model_fail(g,
                   "retention of %" PRIu64 " bytes, %" PRId64 " of %" PRId64 " ms, up to %" PRIu64
                   ": %s, %" PRIu64 ", not %" PRIu64,
                   want.bytes_max, want.age_ms, want.now_ms, want.index_max, err_name(err), index,
                   expected);
    }
}

void model_status(struct model_group *g)
{
    const struct ledger *ledger = &g->ledger;
    struct log_status status;
    model_count(g->model, MODEL_STATUS);
    log_status(g->log, &status);
    const struct log_point *const points[][2] = {{&status.start, &ledger->start},
                                                 {&status.end, &ledger->end}};
    for (uint32_t i = 0; i < 2; i++) {
        const struct log_point *is = points[i][0];
        const struct log_point *want = points[i][1];
        if (is->index != want->index || is->offset != want->offset || is->term != want->term ||
            is->skip_count != want->skip_count || !hash128_is_equal(is->chain, want->chain)) {
            model_fail(g, "%s: index %" PRIu64 ", offset %" PRIu64 ", not %" PRIu64 ", %" PRIu64,
                       i == 0 ? "start" : "end", is->index, is->offset, want->index, want->offset);
        }
    }
    if (status.hard.term != ledger->hard.term || status.hard.vote != ledger->hard.vote ||
        status.hard.commit != ledger->hard.commit) {
        model_fail(g,
                   "hard state %" PRIu32 ", %" PRIu32 ", %" PRIu64 " not %" PRIu32 ", %" PRIu32
                   ", %" PRIu64,
                   status.hard.term, status.hard.vote, status.hard.commit, ledger->hard.term,
                   ledger->hard.vote, ledger->hard.commit);
    }
    if (status.durable_index > status.end.index || status.settled_index > status.durable_index ||
        (g->pending_count == 0 && status.durable_index != status.end.index)) {
        model_fail(g, "durable %" PRIu64 ", settled %" PRIu64, status.durable_index,
                   status.settled_index);
    }
    bool is_unknown = status.membership_index == 0 && !g->is_membership_known;
    if (status.membership_index != ledger_membership(ledger) && !is_unknown) {
        model_fail(g, "membership %" PRIu64 ", not %" PRIu64, status.membership_index,
                   ledger_membership(ledger));
    }
    if (status.max_timestamp != ledger->max_timestamps[ledger->end.index]) {
        model_fail(g, "largest timestamp %" PRId64 ", not %" PRId64, status.max_timestamp,
                   ledger->max_timestamps[ledger->end.index]);
    }
    if (g->log->is_loaded &&
        (status.segments_bytes < ledger_kept_bytes(ledger) ||
         status.segments_bytes > ledger_range_bytes(ledger, 1, ledger->end.index))) {
        model_fail(g, "segments of %" PRIu64 " bytes, not %" PRIu64, status.segments_bytes,
                   ledger_kept_bytes(ledger));
    }
    if (!status.is_available || status.is_amnesiac || status.is_tail_torn ||
        status.quarantine_count > 0) {
        model_fail(g, "available %d, amnesiac %d, torn %d, quarantined %" PRIu32 " from %" PRIu64,
                   status.is_available, status.is_amnesiac, status.is_tail_torn,
                   status.quarantine_count, status.quarantine_index);
    }
}

/* All groups of a shard, each once. */
void model_walk(struct model *model, struct model_shard *ms)
{
    uint32_t count = 0;
    uint32_t expected = 0;
    model_count(model, MODEL_WALK);
    for (struct log *log = log_first(&ms->ls); log != NULL; log = log_next(&ms->ls, log)) {
        count++;
    }
    for (uint32_t i = 0; i < MODEL_GROUPS; i++) {
        const struct model_group *g = &model->groups[i];
        bool is_here =
            g->id != 0 && !g->is_deleted && g->id % model->shards_count == ms->ls.shard->id;
        expected += is_here;
        if (is_here && log_find(&ms->ls, g->id) != g->log) {
            model_fail(g, "cannot be found");
        }
    }
    if (count != expected) {
        fail_msg("seed %" PRIu64 ": %" PRIu32 " groups, not %" PRIu32, model->seed, count,
                 expected);
    }
}

/* --- Reads --- */

/* Whether a pin holds what stands where the read begins. */
static bool model_is_pinned(const struct model_group *g, const struct log_read *read)
{
    for (uint32_t i = 0; i < MODEL_PINS; i++) {
        uint64_t index = g->pins[i].index;
        if (!g->is_pinned[i] || index > g->ledger.end.index) {
            continue;
        }
        uint64_t offset = ledger_at(&g->ledger, index)->base_offset;
        if (read->from == LOG_READ_INDEX ? read->at >= index : read->at >= offset) {
            return true;
        }
    }
    return false;
}

static void model_read_fail(const struct model_read *mr, const char *why)
{
    const struct log_read *read = &mr->read;
    model_fail(
        mr->group,
        "%s: read from %d at %" PRIu64 " up to %" PRIu64 ", %" PRIu32 " bytes: %s, %" PRIu64
        "..%" PRIu64 ", %" PRIu32 " entries in %" PRIu32 " parts, not %s, %" PRIu32 "%s%s%s%s",
        why, (int)read->from, read->at, read->index_max, read->bytes_max, err_name(read->err),
        read->first_index, read->last_index, read->entries_count, read->parts_count,
        err_name(mr->want.err), mr->want.count, mr->want.is_below ? ", below" : "",
        mr->was_pinned ? ", pinned" : "", mr->cuts_count != mr->group->cuts_count ? ", cut" : "",
        mr->trims_count != mr->group->trims_count ? ", trimmed" : "");
}

static void model_read_done(struct log_read *read)
{
    struct model_read *mr = read->ctx;
    struct model_group *g = mr->group;
    struct model *model = g->model;
    bool is_pinned = mr->was_pinned && model_is_pinned(g, read);
    bool is_gone = mr->want.is_below && !is_pinned;
    bool has_changed =
        mr->cuts_count != g->cuts_count || mr->trims_count != g->trims_count || mr->is_open_end;
    const char *why = has_changed ? ledger_check_any(&g->ledger, read, &mr->want, model->room)
                                  : ledger_check(&g->ledger, read, &mr->want, is_gone, model->room);
    bool is_void = read->err == ERR_CLOSING && g->is_deleted;
    is_void |= (is_gone || mr->trims_count != g->trims_count) && read->err == ERR_RANGE;
    is_void |= (is_gone || has_changed) && read->err == ERR_END;
    if (why != NULL && !is_void) {
        model_read_fail(mr, why);
    }
    log_read_release(read);
    mr->is_busy = false;
    g->reads_count--;
}

static void model_find_done(struct log_retention_find *find)
{
    struct model_read *mr = find->ctx;
    struct model_group *g = mr->group;
    bool has_changed =
        mr->cuts_count != g->cuts_count || mr->trims_count != g->trims_count || mr->is_open_end;
    uint64_t expected =
        mr->want.count > 0 ? g->ledger.entries[mr->want.serials[0]].index : mr->read.index_max + 1;
    bool is_void = has_changed || (find->err == ERR_CLOSING && g->is_deleted) ||
                   (mr->want.is_below && find->err == ERR_RANGE);
    uint64_t skip_count = 0;
    if (mr->want.count > 0 && g->ledger.entries[mr->want.serials[0]].base_offset < mr->read.at) {
        skip_count = mr->read.at - g->ledger.entries[mr->want.serials[0]].base_offset;
    }
    if (!is_void &&
        (find->err != ERR_OK || find->first_index != expected || find->skip_count != skip_count)) {
        model_fail(g,
                   "offset %" PRIu64 " is found: %s, %" PRIu64 " + %" PRIu32 ", not %" PRIu64
                   " + %" PRIu64,
                   mr->read.at, err_name(find->err), find->first_index, find->skip_count, expected,
                   skip_count);
    }
    mr->is_busy = false;
    g->reads_count--;
}

/* Where a read begins. */
static uint64_t model_place(struct model_group *g, enum log_read_from from)
{
    struct model *model = g->model;
    const struct ledger *ledger = &g->ledger;
    bool is_any = model_below(model, 8) == 0; /* below the start, behind the end */
    uint64_t low = is_any ? 0 : ledger->start.index;
    uint64_t index = low + model_below(model, ledger->end.index + 3 - low);
    if (from == LOG_READ_TIMESTAMP) {
        return model_below(model, ledger->entries_count * 10ull + 300);
    }
    if (from == LOG_READ_OFFSET) {
        low = is_any ? 0 : ledger->start.offset;
        return low + model_below(model, ledger->end.offset + 2 - low);
    }
    return index;
}

void model_read(struct model_group *g, bool is_all)
{
    struct model *model = g->model;
    struct model_read *mr = &model->reads[model_below(model, MODEL_READS)];
    if (mr->is_busy || g->waits != NULL) {
        return;
    }
    uint64_t dice = model_below(model, 5);
    enum log_read_from from = dice < 3    ? LOG_READ_INDEX
                              : dice == 3 ? LOG_READ_OFFSET
                                          : LOG_READ_TIMESTAMP;
    mr->group = g;
    mr->is_busy = true;
    mr->cuts_count = g->cuts_count;
    mr->trims_count = g->trims_count;
    mr->read = (struct log_read){
        .done = model_read_done,
        .ctx = mr,
        .log = g->log,
        .from = is_all ? LOG_READ_INDEX : from,
        .index_max = model_below(model, 4) == 0 ? model_below(model, g->ledger.end.index + 5)
                                                : g->ledger.end.index,
        .bytes_max =
            is_all ? UINT32_MAX : (uint32_t)model_below(model, 1ull << model_below(model, 18)),
        .does_skip_internal = !is_all && model_below(model, 4) == 0,
    };
    mr->read.at = is_all ? g->ledger.start.index : model_place(g, from);
    bool is_find = from == LOG_READ_OFFSET && !is_all && model_below(model, 6) == 0;
    if (is_find) {
        mr->read.does_skip_internal = false;
        mr->read.index_max = g->ledger.end.index;
    }
    ledger_expect(&g->ledger, &mr->read, &mr->want);
    mr->is_open_end = mr->read.index_max > g->ledger.end.index;
    mr->was_pinned = model_is_pinned(g, &mr->read);
    g->reads_count++;
    model_count(model, is_find ? MODEL_FIND : MODEL_READ);
    if (is_find) {
        mr->find = (struct log_retention_find){.done = model_find_done, .ctx = mr};
        log_retention_find(&mr->find, g->log, mr->read.at, mr->read.index_max);
    } else {
        log_read(&mr->read);
    }
}
