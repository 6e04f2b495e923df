/* The store against naive logs (ledger.h): random operations of a few groups on a simulated machine
 * that does not fail, every answer compared; closed and opened again with other shard counts. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/rt/clock.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/model.h"

/* Operations of a case. */
#define MODEL_OPS 10000u

static const struct log_config model_config = {
    .dir = "/data",
    .unsettled_bytes_max = 128 << 10,
    .hot_bytes_max = 64 << 10,
    .journal_first_bytes = 64 << 10,
    .journal_file_bytes = 128 << 10,
    .segment_bytes = 48 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .settle_ns = 3000000,
    .sync_all_parts = 2,
    .groups_max = 256,
    .files_max = 8,
};

void model_fail(const struct model_group *g, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fail_msg("seed %" PRIu64 ", operation %" PRIu64 ", group %" PRIu64 " (%" PRIu64 "..%" PRIu64
             "): %s",
             g->model->seed, g->model->ops_count, g->id, g->ledger.start.index, g->ledger.end.index,
             text);
}

void model_count(struct model *model, enum model_kind kind)
{
    model->counts[kind]++;
    model->ops_count++;
}

uint64_t model_below(struct model *model, uint64_t below)
{
    return prng_below(&model->prng, below);
}

/* --- Operations that are written --- */

static void model_op_done(struct log_op *op)
{
    struct model_op *mo = CONTAINER_OF(op, struct model_op, op);
    struct model_group *g = mo->group;
    enum err want = mo->is_cut ? ERR_CANCELED : mo->want;
    bool was_early = mo->is_cut && g->waits != NULL && op->err == ERR_OK;
    if (op->err != want && !was_early) {
        model_fail(g, "%s %" PRIu64 " ends with %s, not %s",
                   mo->kind == MODEL_APPEND ? "append" : "op", mo->ordinal, err_name(op->err),
                   err_name(want));
    }
    if (op->err == ERR_OK && op->file_number != 0 && !mo->is_lookup) {
        if (mo->ordinal <= g->done_ordinal) {
            model_fail(g, "%" PRIu64 " is answered behind %" PRIu64, mo->ordinal, g->done_ordinal);
        }
        g->done_ordinal = mo->ordinal;
    }
    if (op->received != NULL && !mo->was_received && op->err == ERR_OK) {
        model_fail(g, "durable, and never received");
    }
    g->waits = g->waits == mo ? NULL : g->waits;
    g->pending_count--;
    free(mo);
}

static void model_op_received(struct log_op *op)
{
    struct model_op *mo = CONTAINER_OF(op, struct model_op, op);
    if (mo->was_received) {
        model_fail(mo->group, "received twice");
    }
    mo->was_received = true;
}

static struct model_op *model_op(struct model_group *g, enum model_kind kind)
{
    struct model_op *mo = calloc(1, sizeof(*mo));
    assert_non_null(mo);
    mo->op.done = model_op_done;
    mo->op.received = model_below(g->model, 2) == 0 ? model_op_received : NULL;
    mo->group = g;
    mo->kind = kind;
    mo->ordinal = ++g->ordinal;
    g->pending_count++;
    model_count(g->model, kind);
    return mo;
}

static void model_create(struct model *model, struct model_shard *ms, struct model_group *g)
{
    uint64_t id = ++model->last_id;
    while (id % model->shards_count != ms->ls.shard->id) {
        id = ++model->last_id;
    }
    g->id = id;
    g->is_deleted = false;
    g->was_reopened = false;
    g->is_membership_known = true;
    g->is_membership_before_known = false;
    g->was_membership_cut = false;
    g->ordinal = 0;
    g->done_ordinal = 0;
    g->settle_ordinal = UINT64_MAX;
    memset(g->is_pinned, 0, sizeof(g->is_pinned));
    uint64_t segment_bytes = model->config.segment_bytes / (1 + model_below(model, 3));
    ledger_init(&g->ledger, id, model->noise, model->kernels, (uint32_t)segment_bytes);
    struct log_uuid topic = {.bytes = {(uint8_t)id, (uint8_t)(id >> 8), 5}};
    struct model_op *mo = model_op(g, MODEL_CREATE);
    mo->op.received = NULL;
    log_create(&ms->ls, &mo->op, id, &topic, (uint32_t)(id % 3));
    g->log = mo->op.log;
    if (g->log == NULL || log_find(&ms->ls, id) != g->log) {
        model_fail(g, "is not there when it is made");
    }
    log_set_segment_bytes(g->log, segment_bytes);
}

static void model_delete(struct model_shard *ms, struct model_group *g)
{
    for (uint32_t i = 0; i < MODEL_PINS; i++) {
        if (g->is_pinned[i]) {
            log_pin_clear(g->log, &g->pins[i]);
            g->is_pinned[i] = false;
        }
    }
    struct model_op *mo = model_op(g, MODEL_DELETE);
    mo->op.received = NULL;
    g->is_deleted = true;
    log_delete(g->log, &mo->op);
    if (log_find(&ms->ls, g->id) != NULL) {
        model_fail(g, "is there when it is deleted");
    }
}

static uint32_t model_length(struct model *model)
{
    uint64_t dice = model_below(model, 100);
    uint64_t payload = dice < 80   ? model_below(model, 200)
                       : dice < 97 ? model_below(model, 2000)
                                   : model_below(model, 40000);
    return LOG_BATCH_HEADER_BYTES + (uint32_t)payload;
}

static void model_entry(struct model_group *g, struct ledger_entry *entry)
{
    struct model *model = g->model;
    const struct log_point *end = &g->ledger.end;
    *entry = (struct ledger_entry){.length = model_length(model), .timestamp = -1};
    uint32_t span = 0;
    if (model_below(model, 8) > 0) {
        span = 1 + (uint32_t)model_below(model, 5);
        entry->records_count = 1 + (uint32_t)model_below(model, span);
    } else {
        entry->kind = (enum log_kind)(1 + model_below(model, LOG_KIND_COUNT - 1));
    }
    if (model_below(model, 5) > 0) {
        entry->timestamp = (int64_t)(g->ledger.entries_count * 10 + model_below(model, 200));
    }
    entry->term = end->term > g->ledger.hard.term ? end->term : g->ledger.hard.term;
    ledger_make(&g->ledger, entry, span);
}

/* A buffer with an entry's bytes. */
static struct buf *model_buf(struct model_shard *ms, const struct ledger *ledger,
                             const struct ledger_entry *entry)
{
    struct buf *buf = NULL;
    assert_int_equal(buf_new(&ms->bufs, ms->bufs.budget, entry->length, &buf), ERR_OK);
    ledger_bytes(ledger, entry, ledger->entries_count, buf_append(buf, entry->length));
    buf_seal(buf, entry->length);
    return buf;
}

static void model_append(struct model_shard *ms, struct model_group *g)
{
    struct ledger_entry entry;
    if (g->ledger.entries_count == LEDGER_ENTRIES) {
        return;
    }
    model_entry(g, &entry);
    struct buf *buf = model_buf(ms, &g->ledger, &entry);
    struct model_op *mo = model_op(g, MODEL_APPEND);
    enum err err = log_append(g->log, &mo->op, buf_slice(buf, 0, entry.length));
    buf_unref(buf);
    if (err == ERR_AGAIN && g->waits != NULL && g->waits->kind == MODEL_CUT) {
        g->pending_count--;
        free(mo);
        return;
    }
    if (err != ERR_OK || mo->op.index != entry.index) {
        model_fail(g, "append: %s, index %" PRIu64, err_name(err), mo->op.index);
    }
    uint64_t membership_index = ledger_membership(&g->ledger);
    ledger_append(&g->ledger, &entry);
    if (entry.kind == LOG_KIND_MEMBERSHIP) {
        g->membership_before = membership_index;
        g->is_membership_before_known = g->is_membership_known;
        g->is_membership_known = true;
        g->was_membership_cut = false;
    }
}

/* What must be refused, and change nothing. */
static void model_refused(struct model_shard *ms, struct model_group *g)
{
    struct model *model = g->model;
    struct ledger_entry entry;
    if (g->waits != NULL || g->ledger.entries_count == LEDGER_ENTRIES) {
        return;
    }
    model_count(model, MODEL_REFUSED);
    uint64_t dice = model_below(model, 4);
    if (dice == 0) {
        struct model_op *mo = model_op(g, MODEL_CREATE);
        struct log_uuid topic = {.bytes = {1}};
        mo->op.received = NULL;
        mo->want = ERR_EXISTS;
        log_create(&ms->ls, &mo->op, g->id, &topic, 0);
        return;
    }
    if (dice == 1 && g->ledger.hard.term > 0) {
        struct model_op *mo = model_op(g, MODEL_HARD);
        mo->op.received = NULL;
        mo->want = ERR_INVALID;
        struct log_hard_state hard = g->ledger.hard;
        hard.vote += hard.vote != 0 ? 1 : 0;
        hard.term -= hard.vote == 0 ? 1 : 0;
        log_set_hard_state(g->log, &mo->op, &hard);
        return;
    }
    model_entry(g, &entry);
    if (dice == 2 && entry.term > 0 && g->ledger.end.term == entry.term) {
        entry.term--;
    } else {
        entry.base_offset++;
        entry.next_offset++;
    }
    struct buf *buf = model_buf(ms, &g->ledger, &entry);
    struct log_op op = {.done = model_op_done};
    enum err err = log_append(g->log, &op, buf_slice(buf, 0, entry.length));
    buf_unref(buf);
    if (err != ERR_INVALID) {
        model_fail(g, "an append that does not fit: %s", err_name(err));
    }
}

/* Whether what stands before `index` has to be looked up. */
static bool model_is_lookup(const struct model_group *g, uint64_t index)
{
    struct log_lookup at;
    return log_point_before(g->log, index, &at) != ERR_OK;
}

static void model_cut(struct model_group *g)
{
    struct ledger *ledger = &g->ledger;
    struct model *model = g->model;
    uint64_t kept_index = ledger->start.index; /* what is committed is never cut */
    kept_index = ledger->hard.commit > kept_index ? ledger->hard.commit : kept_index;
    if (g->waits != NULL || ledger->end.index <= kept_index) {
        return;
    }
    uint64_t most = ledger->end.index - kept_index + 1; /* end + 1 cuts nothing */
    uint64_t reach = model_below(model, 8) == 0 || most < 10 ? most : 10;
    uint64_t first_index = ledger->end.index + 1 - model_below(model, reach);
    struct model_op *mo = model_op(g, MODEL_CUT);
    mo->op.received = NULL;
    mo->is_lookup = model_is_lookup(g, first_index);
    g->waits = mo->is_lookup ? mo : NULL;
    g->cuts_count++;
    /* Appends that are not done end as canceled: they stand in the lane's queues, by index. */
    for (struct log_slot *slot = log_tail_last(g->log);
         slot != NULL && slot->rec.index >= first_index;) {
        if (slot->op != NULL && slot->op->done == model_op_done) {
            CONTAINER_OF(slot->op, struct model_op, op)->is_cut = true;
        }
        slot = slot->rec.index > 1 ? log_tail_find(g->log, slot->rec.index - 1) : NULL;
    }
    uint64_t membership_index = ledger_membership(ledger);
    ledger_cut(ledger, first_index);
    if (membership_index >= first_index) {
        bool is_one = g->membership_before < first_index;
        g->is_membership_known = is_one && g->is_membership_before_known;
        g->is_membership_before_known = false;
        g->was_membership_cut = true;
    }
    log_cut(g->log, &mo->op, first_index);
}

static void model_trim(struct model_group *g)
{
    struct ledger *ledger = &g->ledger;
    if (g->waits != NULL) {
        return;
    }
    uint64_t count = ledger->end.index + 2 - ledger->start.index;
    uint64_t reach = model_below(g->model, 20) == 0 ? count : (count + 3) / 4;
    uint64_t first_index = ledger->start.index + model_below(g->model, reach);
    if (model_below(g->model, 10) == 0) {
        first_index = 1 + model_below(g->model, ledger->start.index); /* changes nothing */
    }
    uint32_t skip_count = 0;
    if (first_index >= ledger->start.index && first_index <= ledger->end.index) {
        const struct ledger_entry *entry = ledger_at(ledger, first_index);
        skip_count = (uint32_t)model_below(g->model, entry->next_offset - entry->base_offset + 1);
        skip_count -= skip_count > 0; /* 0 in two of as many cases */
    }
    struct model_op *mo = model_op(g, MODEL_TRIM);
    mo->op.received = NULL;
    if (first_index > ledger->start.index ||
        (first_index == ledger->start.index && skip_count > ledger->start.skip_count)) {
        mo->is_lookup = model_is_lookup(g, first_index);
        g->waits = mo->is_lookup ? mo : NULL;
        g->trims_count++;
        ledger_trim(ledger, first_index, skip_count);
    }
    log_trim_records(g->log, &mo->op, first_index, skip_count);
}

static void model_hard(struct model_group *g)
{
    struct model *model = g->model;
    struct log_hard_state hard = g->ledger.hard;
    bool is_newer = hard.term == 0 || model_below(model, 4) == 0;
    hard.term += is_newer;
    if (is_newer) {
        hard.vote = 0;
    }
    hard.vote = hard.vote == 0 ? (uint32_t)model_below(model, 3) : hard.vote;
    if (hard.commit < g->ledger.end.index) { /* it never goes back */
        hard.commit += model_below(model, (g->ledger.end.index - hard.commit) / 2 + 1);
    }
    struct model_op *mo = model_op(g, MODEL_HARD);
    mo->op.received = NULL;
    g->ledger.hard = hard;
    log_set_hard_state(g->log, &mo->op, &hard);
}

static void model_roll(struct model_group *g)
{
    if (g->waits == NULL) {
        struct model_op *mo = model_op(g, MODEL_ROLL);
        mo->op.received = NULL;
        ledger_roll(&g->ledger);
        log_roll(g->log, &mo->op);
    }
}

/* --- Settling --- */

/* What a settle leaves in the journal fills no block of batches; before that, none of records. */
static void model_settled_is_all(struct model_group *g)
{
    const struct ledger *ledger = &g->ledger;
    struct log_status status;
    log_status(g->log, &status);
    uint64_t first = ledger->segments_count > 0 ? ledger->segments[ledger->segments_count - 1] : 1;
    uint64_t last = ledger->end.index;
    for (uint64_t bytes = 0; last > status.settled_index; last--) {
        bytes += ledger->lengths[last];
        if (bytes >= LIMIT_BLOCK_BYTES) {
            break;
        }
    }
    uint64_t count = last - status.settled_index;
    if (status.settled_index + 1 < first || count > LIMIT_BLOCK_BYTES / 96 + 2) {
        model_fail(g, "settled up to %" PRIu64 ", %" PRIu64 " would fill blocks",
                   status.settled_index, count);
    }
}

static void model_settled(struct log_shard *ls)
{
    struct model_shard *ms = CONTAINER_OF(ls, struct model_shard, ls);
    struct model *model = ls->shard->app;
    assert_int_equal(ls->err, ERR_OK);
    ms->is_settling = false;
    for (uint32_t i = 0; i < MODEL_GROUPS; i++) {
        struct model_group *g = &model->groups[i];
        if (g->id != 0 && !g->is_deleted && g->id % model->shards_count == ls->shard->id &&
            g->ordinal == g->settle_ordinal) {
            model_settled_is_all(g);
        }
    }
}

static void model_settle(struct model *model, struct model_shard *ms)
{
    if (ms->is_settling) {
        return;
    }
    for (uint32_t i = 0; i < MODEL_GROUPS; i++) {
        struct model_group *g = &model->groups[i];
        if (g->id % model->shards_count == ms->ls.shard->id) {
            g->settle_ordinal = g->pending_count == 0 ? g->ordinal : UINT64_MAX;
        }
    }
    ms->is_settling = true;
    model_count(model, MODEL_SETTLE);
    log_shard_settle(&ms->ls, model_settled);
}

/* --- A turn --- */

/* tidy: dispatcher */
static void model_step(struct model *model, struct model_shard *ms, struct model_group *g)
{
    uint64_t dice = model_below(model, 1000);
    if (g->id == 0 || (g->is_deleted && g->pending_count == 0 && g->reads_count == 0)) {
        if (dice < 100) {
            model_create(model, ms, g);
        }
    } else if (g->is_deleted) {
        return;
    } else if (dice < 520) {
        model_append(ms, g);
    } else if (dice < 530) {
        model_refused(ms, g);
    } else if (dice < 700) {
        model_read(g, false);
    } else if (dice < 702) {
        model_read(g, true);
    } else if (dice < 710) {
        model_cut(g);
    } else if (dice < 740) {
        model_hard(g);
    } else if (dice < 750) {
        model_trim(g);
    } else if (dice < 756) {
        model_roll(g);
    } else if (dice < 770) {
        model_pin(g);
    } else if (dice < 990 && g->waits != NULL) {
        return; /* what it says of start and end is about to change */
    } else if (dice < 850) {
        model_term(g);
    } else if (dice < 900) {
        model_retention(g);
    } else if (dice < 990) {
        model_status(g);
    } else if (dice < 996) {
        model_walk(model, ms);
    } else if (dice < 998) {
        model_settle(model, ms);
    } else if (g->waits == NULL &&
               (model_below(model, 4) == 0 || g->ledger.entries_count == LEDGER_ENTRIES)) {
        model_delete(ms, g);
    }
}

static void model_turn(struct rt_shard *shard, void *ctx)
{
    struct model *model = ctx;
    uint64_t count = 1 + model_below(model, model_below(model, 4) == 0 ? 100 : 20);
    model->turns_count--;
    for (uint64_t i = 0; i < count; i++) {
        struct model_group *g = &model->groups[model_below(model, MODEL_GROUPS)];
        bool is_free = g->id == 0 || g->is_deleted;
        if (is_free ? g->pending_count == 0 : g->id % model->shards_count == shard->id) {
            model_step(model, &model->shards[shard->id], g);
        }
    }
}

/* --- The store --- */

static void model_answered(struct log_shard *ls)
{
    struct model *model = ls->shard != NULL ? ls->shard->app : NULL;
    assert_non_null(model);
    if (ls->err != ERR_OK) {
        fail_msg("seed %" PRIu64 ": %s %s", model->seed, err_name(ls->err), ls->why);
    }
    model->answers_count++;
}

static void model_shard_start(struct rt_shard *shard)
{
    struct model *model = shard->app;
    struct model_shard *ms = &model->shards[shard->id];
    *ms = (struct model_shard){.is_settling = false};
    buf_pool_init(&ms->bufs, rt_shard_budget(shard), (uint16_t)shard->id, 1 << 20);
    log_shard_open(&ms->ls, shard, &model->store, NULL, model_answered);
}

static void model_shard_stop(struct rt_shard *shard)
{
    struct model *model = shard->app;
    buf_pool_deinit(&model->shards[shard->id].bufs);
    assert_int_equal(rt_shard_budget(shard)->children_count, 0);
    rt_shard_finish(shard);
}

static bool model_is_answered(void *ctx)
{
    struct model *model = ctx;
    return model->answers_count == model->shards_count;
}

/* Nothing is under way that a close must not meet: reads, places looked up, settles. */
static bool model_is_closable(void *ctx)
{
    struct model *model = ctx;
    bool is_busy = model->turns_count > 0;
    for (uint32_t i = 0; i < MODEL_GROUPS; i++) {
        is_busy |= model->groups[i].reads_count > 0 || model->groups[i].waits != NULL;
    }
    for (uint32_t i = 0; i < model->shards_count; i++) {
        is_busy |= model->shards[i].is_settling;
    }
    return !is_busy;
}

static bool model_is_quiet(void *ctx)
{
    struct model *model = ctx;
    uint32_t pending_count = 0;
    for (uint32_t i = 0; i < MODEL_GROUPS; i++) {
        pending_count += model->groups[i].pending_count;
    }
    return pending_count == 0 && model_is_closable(model);
}

static void model_wait(struct model *model, bool (*is_true)(void *ctx))
{
    uint64_t limit_ns = sim_now_ns(model->sim) + 1000 * RT_NS_PER_S;
    if (!sim_run_until_true(model->sim, is_true, model, limit_ns)) {
        fail_msg("seed %" PRIu64 ": does not end", model->seed);
    }
}

static void model_shard_close(struct rt_shard *shard, void *ctx)
{
    struct model *model = ctx;
    log_shard_close(&model->shards[shard->id].ls, model_answered);
    for (uint32_t i = 0; i < MODEL_GROUPS; i++) {
        struct model_group *g = &model->groups[i];
        if (g->id != 0 && !g->is_deleted && g->id % model->shards_count == shard->id) {
            struct model_op *mo = model_op(g, MODEL_ROLL);
            mo->op.received = NULL;
            mo->want = ERR_CLOSING;
            log_roll(g->log, &mo->op);
        }
    }
}

static void model_open(struct model *model)
{
    struct sim_app app = {.start = model_shard_start, .stop = model_shard_stop, .ctx = model};
    log_store_init(&model->store, &model->config, model->kernels);
    model->shards_count = 1 + (uint32_t)model_below(model, MODEL_SHARDS);
    model->answers_count = 0;
    sim_node_start(model->node, model->shards_count, &app);
    model_wait(model, model_is_answered);
}

static bool model_has_ended(void *ctx)
{
    return !sim_node_is_running(((struct model *)ctx)->node);
}

static void model_close(struct model *model)
{
    model_wait(model, model_below(model, 2) == 0 ? model_is_quiet : model_is_closable);
    model->answers_count = 0;
    for (uint32_t i = 0; i < model->shards_count; i++) {
        sim_post(sim_node_shard(model->node, i), model_shard_close, model);
    }
    model_wait(model, model_is_answered);
    assert_true(model_is_quiet(model));
    sim_node_stop(model->node);
    model_wait(model, model_has_ended);
}

/* Every group is as it was. */
static void model_reopened(struct model *model)
{
    model_count(model, MODEL_REOPEN);
    for (uint32_t i = 0; i < MODEL_GROUPS; i++) {
        struct model_group *g = &model->groups[i];
        if (g->is_deleted) {
            g->id = 0;
        }
        memset(g->is_pinned, 0, sizeof(g->is_pinned));
        g->was_reopened = true;
        g->is_membership_known = g->is_membership_known && !g->was_membership_cut;
        g->is_membership_before_known = false;
        if (g->id == 0) {
            continue;
        }
        g->log = log_find(&model->shards[g->id % model->shards_count].ls, g->id);
        if (g->log == NULL) {
            model_fail(g, "is gone");
        }
        log_set_segment_bytes(g->log, g->ledger.segment_bytes);
        struct log_uuid topic;
        uint32_t partition = 0;
        log_partition(g->log, &topic, &partition);
        assert_int_equal(partition, g->id % 3);
        assert_int_equal(topic.bytes[0], (uint8_t)g->id);
        model_status(g);
    }
    for (uint32_t i = 0; i < model->shards_count; i++) {
        model_walk(model, &model->shards[i]);
    }
}

static void model_case(uint64_t seed, const struct crc32c *kernels, uint64_t *counts)
{
    struct model *model = calloc(1, sizeof(*model));
    assert_non_null(model);
    model->seed = seed;
    model->kernels = kernels;
    model->config = model_config;
    prng_init(&model->prng, seed);
    prng_fill(&model->prng, model->noise, sizeof(model->noise));
    for (uint32_t i = 0; i < MODEL_GROUPS; i++) {
        model->groups[i].model = model;
    }
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 64 << 20;
    model->sim = sim_new(seed, &options);
    model->node = sim_node_add(model->sim);
    model_open(model);
    while (model->ops_count < MODEL_OPS) {
        uint64_t until = model->ops_count + 100 + model_below(model, 4000);
        while (model->ops_count < until) {
            uint32_t shard = (uint32_t)model_below(model, model->shards_count);
            model->turns_count++;
            sim_post(sim_node_shard(model->node, shard), model_turn, model);
            sim_run_for(model->sim,
                        model_below(model, model_below(model, 50) == 0 ? 20000000 : 300000));
        }
        model_close(model);
        model_open(model);
        model_reopened(model);
    }
    model_close(model);
    sim_free(model->sim);
    for (uint32_t i = 0; i < MODEL_KIND_COUNT; i++) {
        counts[i] += model->counts[i];
    }
    free(model);
}

static void log_answers_as_a_naive_one(void **state)
{
    static const char *const names[MODEL_KIND_COUNT] = {
#define MODEL_NAME(name, text) [MODEL_##name] = text,
        MODEL_KINDS(MODEL_NAME)
#undef MODEL_NAME
    };
    (void)state;
    struct share share = share_open("stores against naive ones", 100);
    uint64_t counts[MODEL_KIND_COUNT] = {0};
    uint64_t total = 0;
    struct cpu cpu;
    cpu_detect(&cpu);
    while (share_more(&share)) {
        model_case(share_case_seed(&share), crc32c_for(&cpu), counts);
    }
    for (uint32_t i = 0; i < MODEL_KIND_COUNT; i++) {
        total += counts[i];
    }
    printf("covered: log_model/operations: %" PRIu64 "; ", total);
    for (uint32_t i = 0; i < MODEL_KIND_COUNT; i++) {
        printf("%s%" PRIu64 " %s", i > 0 ? ", " : "", counts[i], names[i]);
    }
    printf("\n");
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_answers_as_a_naive_one),
    };
    return cmocka_run_group_tests_name("log_model", tests, NULL, NULL);
}
