/* A fixed workload of a store, in which one call fails: each call of the disk in turn, each
 * allocation in turn. The store goes on, or says that it does not; then it is closed, or loses
 * power, and opened without faults: what was answered is there. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/rt/clock.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/faults.h"
#include "tests/unit/storage/ledger.h"

#define ERRORS_GROUPS 3u
#define ERRORS_SHARDS 3u
#define ERRORS_BURST  40u

struct errors;

/* A group: what was done to it, and between which two states a start may find it. */
struct errors_group {
    struct errors *errors;
    uint64_t id;
    struct log *log;
    bool is_created;        /* answered */
    bool is_deleted;        /* answered */
    bool may_be;            /* created or deleted, nobody answered */
    bool is_uncertain;      /* something was not answered: nothing more is done */
    uint64_t durable_index; /* entries that were answered */
    uint64_t cut_index;     /* a cut there was not answered; 0: none */
    uint64_t trim_index;    /* a trim there was not answered; 0: none */
    struct log_hard_state hard;
    struct log_hard_state hard_tried;
    struct ledger ledger;
};

struct errors_op {
    struct log_op op;
    struct errors_group *group;
    bool is_busy;
};

struct errors {
    struct sim *sim;
    struct sim_node *node;
    const struct crc32c *kernels;
    struct log_store store;
    struct {
        struct log_shard ls;
        struct buf_pool bufs;
        bool is_open;
    } shards[ERRORS_SHARDS];
    uint32_t shards_count;
    uint32_t answers_count;
    uint32_t pending_count;
    enum err err;               /* how the last open, settle or close ended */
    bool is_checking;           /* no fault is left */
    struct errors_group *group; /* of the step */
    uint64_t index;             /* of the step: where */
    uint32_t count;             /* of the step: entries */
    uint32_t bytes;             /* of the step: payload of each */
    struct errors_op ops[ERRORS_BURST];
    struct log_read read;
    struct ledger_want want;
    struct errors_group groups[ERRORS_GROUPS];
    uint8_t noise[LEDGER_NOISE_BYTES];
    uint8_t room[LEDGER_ENTRY_BYTES];
    char place[300]; /* what fails, for messages */
};

static const struct log_config errors_config = {
    .dir = "/data",
    .unsettled_bytes_max = 256 << 10,
    .hot_bytes_max = 16 << 10,
    .journal_first_bytes = 64 << 10,
    .journal_file_bytes = 64 << 10,
    .segment_bytes = 24 << 10,
    .reserve_bytes = 1 << 20,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .settle_ns = 3000000,
    .sync_all_parts = 2,
    .groups_max = 16,
    .files_max = 6,
};

static void errors_fail(const struct errors *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void errors_fail(const struct errors *e, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fail_msg("%s (%s): %s", e->place, faults_what(), text);
}

/* --- The store --- */

static void errors_answered(struct log_shard *ls)
{
    struct errors *e = ls->shard->app;
    e->err = ls->err;
    e->answers_count++;
}

static void errors_shard_start(struct rt_shard *shard)
{
    struct errors *e = shard->app;
    buf_pool_init(&e->shards[shard->id].bufs, rt_shard_budget(shard), (uint16_t)shard->id, 1 << 20);
    log_shard_open(&e->shards[shard->id].ls, shard, &e->store, NULL, errors_answered);
}

static void errors_shard_stop(struct rt_shard *shard)
{
    struct errors *e = shard->app;
    buf_pool_deinit(&e->shards[shard->id].bufs);
    if (rt_shard_budget(shard)->children_count != 0) {
        errors_fail(e, "memory is left");
    }
    rt_shard_finish(shard);
}

static bool errors_is_answered(void *ctx)
{
    const struct errors *e = ctx;
    return e->answers_count == e->shards_count && e->pending_count == 0;
}

static bool errors_is_done(void *ctx)
{
    return ((const struct errors *)ctx)->pending_count == 0;
}

static bool errors_has_ended(void *ctx)
{
    return !sim_node_is_running(((struct errors *)ctx)->node);
}

static void errors_wait(struct errors *e, bool (*is_true)(void *ctx), const char *what)
{
    uint64_t limit_ns = sim_now_ns(e->sim) + 1000 * RT_NS_PER_S;
    if (!sim_run_until_true(e->sim, is_true, e, limit_ns)) {
        errors_fail(e, "%s does not end", what);
    }
}

static void errors_stop(struct errors *e)
{
    sim_node_stop(e->node);
    errors_wait(e, errors_has_ended, "the process");
}

/* False: it could not be opened, and nothing of it is left. */
static bool errors_open(struct errors *e, uint32_t shards_count)
{
    struct sim_app app = {.start = errors_shard_start, .stop = errors_shard_stop, .ctx = e};
    log_store_init(&e->store, &errors_config, e->kernels);
    memset(e->shards, 0, sizeof(e->shards));
    e->shards_count = shards_count;
    e->answers_count = 0;
    sim_node_start(e->node, shards_count, &app);
    errors_wait(e, errors_is_answered, "the open");
    if (e->err != ERR_OK) {
        bool is_told = e->err == ERR_IO || e->err == ERR_DISK_FULL || e->err == ERR_BUDGET ||
                       e->err == ERR_RESOURCES || e->err == ERR_FENCED;
        if (!faults_has_struck() || e->is_checking || !is_told) {
            errors_fail(e, "the open ends with %s: %s", err_name(e->err), e->shards[0].ls.why);
        }
        errors_stop(e);
        return false;
    }
    for (uint32_t i = 0; i < ERRORS_GROUPS; i++) {
        struct errors_group *g = &e->groups[i];
        g->log = log_find(&e->shards[g->id % shards_count].ls, g->id);
    }
    return true;
}

static void errors_call(struct errors *e, void (*call)(struct rt_shard *shard, void *ctx))
{
    e->answers_count = 0;
    for (uint32_t i = 0; i < e->shards_count; i++) {
        sim_post(sim_node_shard(e->node, i), call, e);
    }
}

static void errors_shard_settle(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    log_shard_settle(&e->shards[shard->id].ls, errors_answered);
}

static void errors_settle(struct errors *e)
{
    errors_call(e, errors_shard_settle);
    errors_wait(e, errors_is_answered, "the settle");
    if (e->err != ERR_OK && (e->err != ERR_FENCED || e->is_checking)) {
        errors_fail(e, "the settle ends with %s", err_name(e->err));
    }
}

static void errors_shard_close(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    log_shard_close(&e->shards[shard->id].ls, errors_answered);
}

static void errors_close(struct errors *e)
{
    errors_call(e, errors_shard_close);
    errors_wait(e, errors_is_answered, "the close");
    if (e->err != ERR_OK && (e->err != ERR_FENCED || e->is_checking)) {
        errors_fail(e, "the close ends with %s", err_name(e->err));
    }
    errors_stop(e);
}

static bool errors_is_fenced(struct errors *e)
{
    return atomic_load(&e->store.is_fenced);
}

/* --- Steps: each is answered before the next --- */

/* Whether `g` is there, and it is known what it is. */
static bool errors_is_usable(const struct errors_group *g)
{
    return g->is_created && !g->is_deleted && !g->is_uncertain && g->log != NULL;
}

/* Refused without having done anything: no memory, room or descriptor; what had to be read could
 * not be. */
static bool errors_is_refusal(struct errors *e, enum err err)
{
    return err == ERR_BUDGET || err == ERR_DISK_FULL || err == ERR_RESOURCES ||
           (err == ERR_IO && !errors_is_fenced(e));
}

static void errors_op_done(struct log_op *op)
{
    struct errors_op *eo = CONTAINER_OF(op, struct errors_op, op);
    struct errors *e = eo->group->errors;
    eo->is_busy = false;
    e->pending_count--;
    bool is_told = op->err == ERR_OK || op->err == ERR_FENCED || errors_is_refusal(e, op->err);
    if (!is_told || (op->err != ERR_OK && (!faults_has_struck() || e->is_checking))) {
        errors_fail(e, "an operation of group %" PRIu64 " ends with %s", eo->group->id,
                    err_name(op->err));
    }
}

static struct log_op *errors_op(struct errors *e, uint32_t n)
{
    struct errors_op *eo = &e->ops[n];
    *eo = (struct errors_op){.group = e->group, .is_busy = true};
    eo->op.done = errors_op_done;
    e->pending_count++;
    return &eo->op;
}

static enum err errors_step(struct errors *e, struct errors_group *g,
                            void (*call)(struct rt_shard *shard, void *ctx))
{
    e->group = g;
    e->ops[0].op.err = ERR_OK;
    e->pending_count++; /* the call itself */
    sim_post(sim_node_shard(e->node, (uint32_t)(g->id % e->shards_count)), call, e);
    errors_wait(e, errors_is_done, "a step");
    return e->ops[0].op.err;
}

static void errors_shard_create(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    struct errors_group *g = e->group;
    struct log_uuid topic = {.bytes = {(uint8_t)g->id, 3}};
    struct log_op *op = errors_op(e, 0);
    e->pending_count--;
    log_create(&e->shards[shard->id].ls, op, g->id, &topic, 1);
    g->log = op->log;
}

static void errors_create(struct errors *e, struct errors_group *g)
{
    if (g->is_created || g->may_be) {
        return;
    }
    enum err err = errors_step(e, g, errors_shard_create);
    g->is_created = err == ERR_OK;
    g->may_be = err == ERR_FENCED;
    g->is_uncertain |= g->may_be;
}

static void errors_shard_delete(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    (void)shard;
    struct log_op *op = errors_op(e, 0);
    e->pending_count--;
    log_delete(e->group->log, op);
}

static void errors_delete(struct errors *e, struct errors_group *g)
{
    if (errors_is_usable(g)) {
        enum err err = errors_step(e, g, errors_shard_delete);
        g->is_deleted = err == ERR_OK;
        g->may_be = err == ERR_FENCED;
        g->is_uncertain |= err != ERR_OK;
        g->log = NULL;
    }
}

static void errors_shard_append(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    struct errors_group *g = e->group;
    e->pending_count--;
    for (uint32_t i = 0; i < e->count; i++) {
        struct ledger_entry entry = {.length = LOG_BATCH_HEADER_BYTES + e->bytes,
                                     .timestamp = 1000 + g->ledger.entries_count * 7,
                                     .records_count = 2,
                                     .term = g->ledger.hard.term};
        entry.kind = i % 7 == 6 ? LOG_KIND_NOOP : LOG_KIND_DATA;
        entry.records_count = entry.kind == LOG_KIND_DATA ? 2 : 0;
        ledger_make(&g->ledger, &entry, entry.records_count);
        struct buf *buf = NULL;
        struct buf_pool *bufs = &e->shards[shard->id].bufs;
        assert_int_equal(buf_new(bufs, bufs->budget, entry.length, &buf), ERR_OK);
        ledger_bytes(&g->ledger, &entry, g->ledger.entries_count, buf_append(buf, entry.length));
        buf_seal(buf, entry.length);
        enum err err = log_append(g->log, errors_op(e, i), buf_slice(buf, 0, entry.length));
        buf_unref(buf);
        if (err == ERR_OK) {
            ledger_append(&g->ledger, &entry);
            continue;
        }
        e->pending_count--;
        e->ops[i].op.err = err;
        if ((err != ERR_FENCED && !errors_is_refusal(e, err)) || e->is_checking) {
            errors_fail(e, "append: %s", err_name(err));
        }
    }
}

/* `count` entries at once. */
static void errors_append(struct errors *e, struct errors_group *g, uint32_t count, uint32_t bytes)
{
    if (!errors_is_usable(g)) {
        return;
    }
    e->count = count;
    e->bytes = bytes;
    (void)errors_step(e, g, errors_shard_append);
    for (uint32_t i = 0; i < count; i++) {
        const struct log_op *op = &e->ops[i].op;
        if (op->err == ERR_OK) {
            if (g->is_uncertain) {
                errors_fail(e, "entry %" PRIu64 " is answered behind one that failed", op->index);
            }
            g->durable_index = op->index;
        } else if (op->index != 0) { /* it was submitted */
            g->is_uncertain = true;
        }
    }
}

static void errors_shard_hard(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    (void)shard;
    struct log_op *op = errors_op(e, 0);
    e->pending_count--;
    log_set_hard_state(e->group->log, op, &e->group->hard_tried);
}

static void errors_hard(struct errors *e, struct errors_group *g)
{
    if (errors_is_usable(g)) {
        g->hard_tried = (struct log_hard_state){.term = g->hard.term + 1, .vote = 2};
        enum err err = errors_step(e, g, errors_shard_hard);
        if (err == ERR_OK) {
            g->hard = g->hard_tried;
            g->ledger.hard = g->hard;
        }
        g->is_uncertain |= err != ERR_OK;
    }
}

static void errors_shard_cut(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    (void)shard;
    struct log_op *op = errors_op(e, 0);
    e->pending_count--;
    log_cut(e->group->log, op, e->index);
}

/* Cut the last `count` entries. */
static void errors_cut(struct errors *e, struct errors_group *g, uint64_t count)
{
    const struct ledger *ledger = &g->ledger;
    if (!errors_is_usable(g) || ledger->end.index < ledger->start.index + count) {
        return;
    }
    e->index = ledger->end.index + 1 - count;
    enum err err = errors_step(e, g, errors_shard_cut);
    if (err == ERR_OK) {
        ledger_cut(&g->ledger, e->index);
        g->durable_index = e->index - 1;
    } else if (err == ERR_FENCED) {
        g->cut_index = e->index;
        g->is_uncertain = true;
    }
}

static void errors_shard_trim(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    (void)shard;
    struct log_op *op = errors_op(e, 0);
    e->pending_count--;
    log_trim(e->group->log, op, e->index);
}

/* Let the first `count` entries go. */
static void errors_trim(struct errors *e, struct errors_group *g, uint64_t count)
{
    const struct ledger *ledger = &g->ledger;
    if (!errors_is_usable(g) || ledger->end.index + 1 < ledger->start.index + count) {
        return;
    }
    e->index = ledger->start.index + count;
    enum err err = errors_step(e, g, errors_shard_trim);
    if (err == ERR_OK) {
        ledger_trim(&g->ledger, e->index, 0);
    } else if (err == ERR_FENCED) {
        g->trim_index = e->index;
        g->is_uncertain = true;
    }
}

static void errors_shard_roll(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    (void)shard;
    struct log_op *op = errors_op(e, 0);
    e->pending_count--;
    log_roll(e->group->log, op);
}

static void errors_roll(struct errors *e, struct errors_group *g)
{
    if (errors_is_usable(g)) {
        g->is_uncertain |= errors_step(e, g, errors_shard_roll) == ERR_FENCED;
    }
}

/* --- Reads --- */

static void errors_read_done(struct log_read *read)
{
    ((struct errors *)read->ctx)->pending_count--;
}

static void errors_shard_read(struct rt_shard *shard, void *ctx)
{
    struct errors *e = ctx;
    (void)shard;
    log_read(&e->read);
}

/* Read from `from`/`at`; true: it answered what is there. */
static bool errors_read_at(struct errors *e, struct errors_group *g, enum log_read_from from,
                           uint64_t at, uint64_t index_max)
{
    e->read = (struct log_read){.done = errors_read_done,
                                .ctx = e,
                                .log = g->log,
                                .from = from,
                                .at = at,
                                .index_max = index_max,
                                .bytes_max = 20000};
    ledger_expect(&g->ledger, &e->read, &e->want);
    (void)errors_step(e, g, errors_shard_read);
    enum err err = e->read.err;
    bool is_excused = faults_has_struck() && !e->is_checking;
    const char *why = ledger_check(&g->ledger, &e->read, &e->want, is_excused, e->room);
    bool is_refused = is_excused && (err == ERR_BUDGET || err == ERR_IO || err == ERR_RESOURCES);
    if (why != NULL && !is_refused) {
        errors_fail(e, "group %" PRIu64 ", read from %d at %" PRIu64 " up to %" PRIu64 ": %s (%s)",
                    g->id, (int)from, at, index_max, why, err_name(err));
    }
    log_read_release(&e->read);
    return why == NULL;
}

static void errors_read(struct errors *e, struct errors_group *g)
{
    struct ledger *ledger = &g->ledger;
    if (!errors_is_usable(g) || ledger->end.index < ledger->start.index) {
        return;
    }
    for (uint64_t at = ledger->start.index; at <= ledger->end.index;) {
        at = errors_read_at(e, g, LOG_READ_INDEX, at, ledger->end.index) ? e->read.last_index + 1
                                                                         : at + 20;
    }
    uint64_t middle = ledger->start.offset + (ledger->end.offset - ledger->start.offset) / 2;
    (void)errors_read_at(e, g, LOG_READ_OFFSET, middle, ledger->end.index);
    (void)errors_read_at(e, g, LOG_READ_TIMESTAMP,
                         (uint64_t)ledger->max_timestamps[ledger->end.index] / 2 + 500,
                         ledger->end.index);
}

/* --- The workload --- */

static void errors_work_one(struct errors *e)
{
    struct errors_group *a = &e->groups[0], *b = &e->groups[1], *c = &e->groups[2];
    errors_create(e, a);
    errors_create(e, b);
    errors_create(e, c);
    errors_hard(e, a);
    errors_append(e, a, 30, 100);
    errors_append(e, b, 3, 12000);
    errors_append(e, c, 10, 1000);
    errors_settle(e);
    errors_append(e, a, 40, 500);
    errors_cut(e, a, 5);
    errors_hard(e, b);
    errors_append(e, b, 20, 700);
    errors_settle(e);
    errors_cut(e, a, 30);
    errors_append(e, a, 40, 900);
    errors_roll(e, c);
    errors_append(e, c, 20, 300);
    errors_trim(e, b, 8);
    errors_read(e, a);
    errors_read(e, b);
    errors_settle(e);
    errors_delete(e, c);
    errors_append(e, a, 40, 200);
    errors_read(e, a);
}

/* After a restart: nothing is in memory. */
static void errors_work_two(struct errors *e)
{
    struct errors_group *a = &e->groups[0], *b = &e->groups[1], *c = &e->groups[2];
    errors_create(e, a);
    errors_create(e, b);
    errors_read(e, b);
    errors_cut(e, a, 60);
    errors_append(e, a, 30, 300);
    errors_trim(e, a, 30);
    errors_append(e, b, 2, 15000);
    errors_settle(e);
    errors_delete(e, c);
    errors_read(e, a);
    errors_trim(e, b, 10);
    errors_append(e, b, 40, 400);
    errors_settle(e);
    errors_read(e, b);
}

/* --- What is found --- */

static void errors_check_group(struct errors *e, struct errors_group *g)
{
    struct ledger *ledger = &g->ledger;
    bool must_be = g->is_created && !g->is_deleted && !g->may_be;
    if (g->log == NULL || !(must_be || g->may_be)) {
        if (must_be || g->log != NULL) {
            errors_fail(e, "group %" PRIu64 " is %s", g->id, must_be ? "gone" : "there again");
        }
        return;
    }
    struct log_status status;
    log_status(g->log, &status);
    if (!status.is_available || status.is_amnesiac || status.quarantine_count > 0) {
        errors_fail(e, "group %" PRIu64 ": available %d, amnesiac %d, %" PRIu32 " ranges", g->id,
                    status.is_available, status.is_amnesiac, status.quarantine_count);
    }
    bool is_cut = g->cut_index != 0 && status.end.index == g->cut_index - 1;
    if (!is_cut && (status.end.index < g->durable_index || status.end.index > ledger->end.index)) {
        errors_fail(e, "group %" PRIu64 " ends at %" PRIu64 ", not in %" PRIu64 "..%" PRIu64, g->id,
                    status.end.index, g->durable_index, ledger->end.index);
    }
    if (status.start.index != ledger->start.index && status.start.index != g->trim_index) {
        errors_fail(e, "group %" PRIu64 " begins at %" PRIu64 ", not %" PRIu64, g->id,
                    status.start.index, ledger->start.index);
    }
    struct log_point end = ledger_before(ledger, status.end.index + 1);
    bool is_same = end.offset == status.end.offset && end.term == status.end.term &&
                   hash128_is_equal(end.chain, status.end.chain);
    bool is_hard = status.hard.term == g->hard.term || status.hard.term == g->hard_tried.term;
    if (!is_same || !is_hard) {
        errors_fail(e, "group %" PRIu64 " is another: term %" PRIu32, g->id, status.hard.term);
    }
    ledger_cut(ledger, status.end.index + 1);
    ledger_trim(ledger, status.start.index, 0);
    g->is_created = true;
    g->is_uncertain = false;
    g->may_be = false;
    g->hard = status.hard;
    errors_read(e, g);
}

/* Opened without faults: all that was answered is there, and it goes on. */
static void errors_check(struct errors *e)
{
    faults_disarm();
    e->is_checking = true;
    if (!errors_open(e, 1)) {
        return;
    }
    for (uint32_t i = 0; i < ERRORS_GROUPS; i++) {
        errors_check_group(e, &e->groups[i]);
    }
    for (uint32_t i = 0; i < ERRORS_GROUPS; i++) {
        errors_append(e, &e->groups[i], 10, 400);
    }
    errors_settle(e);
    errors_close(e);
}

static struct errors *errors_new(enum faults_kind kind, uint64_t number)
{
    struct errors *e = calloc(1, sizeof(*e));
    assert_non_null(e);
    static const char *const names[FAULTS_COUNT] = {"nothing", "disk call", "full disk",
                                                    "no descriptor", "memory"};
    snprintf(e->place, sizeof(e->place), "%s %" PRIu64, names[kind], number);
    struct cpu cpu;
    cpu_detect(&cpu);
    e->kernels = crc32c_for(&cpu);
    struct prng prng;
    prng_init(&prng, 1);
    prng_fill(&prng, e->noise, sizeof(e->noise));
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 32 << 20;
    e->sim = sim_new(1, &options);
    e->node = sim_node_add(e->sim);
    for (uint32_t i = 0; i < ERRORS_GROUPS; i++) {
        struct errors_group *g = &e->groups[i];
        g->errors = e;
        g->id = i + 1;
        ledger_init(&g->ledger, g->id, e->noise, e->kernels, (uint32_t)errors_config.segment_bytes);
    }
    faults_arm(kind, number);
    return e;
}

/* The fault; a store that it fenced is closed, or loses power, and so does the second life. */
static void errors_case(enum faults_kind kind, uint64_t number, bool is_crash)
{
    struct errors *e = errors_new(kind, number);
    if (errors_open(e, 2) || errors_open(e, 2)) {
        errors_work_one(e);
        bool is_overwrite = strstr(faults_what(), "write of /data/journal") != NULL;
        bool is_passing = kind == FAULTS_OPEN || (kind == FAULTS_SPACE && !is_overwrite);
        if (errors_is_fenced(e) && is_passing) {
            errors_fail(e, "what passes ended all writing");
        }
        if (errors_is_fenced(e) && is_crash) {
            sim_node_crash(e->node, SIM_CRASH_LOSE);
        } else {
            errors_close(e);
        }
    }
    if (errors_open(e, 3) || errors_open(e, 3)) {
        bool is_uncertain = false;
        for (uint32_t i = 0; i < ERRORS_GROUPS; i++) {
            is_uncertain |= e->groups[i].is_uncertain;
        }
        if (!is_uncertain) {
            errors_work_two(e);
        }
        if (is_crash) {
            sim_node_crash(e->node, SIM_CRASH_LOSE);
        } else {
            errors_close(e);
        }
    }
    errors_check(e);
    sim_free(e->sim);
    free(e);
}

/* Calls of each kind that the workload makes. */
static void errors_measure(uint64_t counts[FAULTS_COUNT])
{
    struct errors *e = errors_new(FAULTS_NONE, 0);
    assert_true(errors_open(e, 2));
    errors_work_one(e);
    errors_close(e);
    assert_true(errors_open(e, 3));
    errors_work_two(e);
    errors_close(e);
    for (uint32_t i = 0; i < FAULTS_COUNT; i++) {
        counts[i] = faults_count((enum faults_kind)i);
    }
    errors_check(e);
    sim_free(e->sim);
    free(e);
}

static void log_bears_any_call_that_fails(void **state)
{
    (void)state;
    uint64_t counts[FAULTS_COUNT];
    errors_measure(counts);
    uint64_t total =
        counts[FAULTS_IO] + counts[FAULTS_SPACE] + counts[FAULTS_OPEN] + counts[FAULTS_ALLOC];
    uint64_t stride = 7919; /* a prime: that many cases in a row are all of them, each once */
    stride = total % stride == 0 ? 7907 : stride;
    struct share share = share_open("calls that fail", 100);
    uint64_t done_count = 0;
    while (done_count < 2 * total && share_more(&share)) {
        uint64_t place = share_case_seed(&share) * stride % (2 * total);
        uint64_t number = place / 2;
        enum faults_kind kind = FAULTS_IO;
        while (number >= counts[kind]) {
            number -= counts[kind];
            kind = (enum faults_kind)(kind + 1);
        }
        errors_case(kind, number + 1, place % 2 == 0);
        done_count++;
    }
    printf("covered: log_errors/places: %" PRIu64 " cases of two for each of %" PRIu64
           " disk calls, %" PRIu64 " of them on a full disk, too, %" PRIu64
           " without a descriptor, and %" PRIu64 " allocations\n",
           done_count, counts[FAULTS_IO], counts[FAULTS_SPACE], counts[FAULTS_OPEN],
           counts[FAULTS_ALLOC]);
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_bears_any_call_that_fails),
    };
    return cmocka_run_group_tests_name("log_errors", tests, NULL, NULL);
}
