/* A store under a random workload. See world.h. */
#include "tests/unit/storage/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "base/rt/clock.h"
#include "tests/sim/sim_swarm.h"

static void world_fail(struct world *world, const char *what, uint64_t a, uint64_t b)
{
    if (world->failure[0] == '\0') {
        snprintf(world->failure, sizeof(world->failure), "%.150s (%" PRIu64 ", %" PRIu64 ")", what,
                 a, b);
    }
}

static const struct log_config world_config = {
    .dir = "/data",
    .unsettled_bytes_max = 96 << 10,
    .hot_bytes_max = 64 << 10,
    .journal_first_bytes = 64 << 10,
    .journal_file_bytes = 64 << 10,
    .segment_bytes = 24 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .settle_ns = 3000000,
    .groups_max = 16,
    .files_max = 16,
};

struct world_options world_options(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct world_options options = {
        .seed = seed,
        .shards_count = 1 + (uint32_t)prng_below(&prng, WORLD_SHARDS),
        .groups_count = 1 + (uint32_t)prng_below(&prng, WORLD_GROUPS),
        .ops_count = 10 + (uint32_t)prng_below(&prng, WORLD_OPS - 10),
        .payload_max = 1u << prng_below(&prng, 12),
        .payload_large = 6000 + (uint32_t)prng_below(&prng, 40000),
        .sim = sim_swarm(seed, SIM_SWARM_HARMLESS),
    };
    options.sim.host.memory_bytes = 64 << 20;
    return options;
}

/* The bytes of an entry: a batch whose payload follows from group, ordinal of its operation and
 * place. */
static uint32_t world_batch(uint8_t *out, const struct crc32c *kernels, uint64_t group,
                            uint64_t ordinal, uint64_t offset, uint32_t term, uint32_t payload)
{
    struct bytes_writer w = bytes_writer(out, LOG_BATCH_HEADER_BYTES + payload);
    uint32_t count = 1 + (uint32_t)(ordinal % 3);
    bytes_put_u64be(&w, offset);
    bytes_put_u32be(&w, LOG_BATCH_HEADER_BYTES - LOG_BATCH_PREFIX_BYTES + payload);
    bytes_put_u32be(&w, term);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, 0); /* the CRC, below */
    bytes_put_u16be(&w, 0);
    bytes_put_u32be(&w, count - 1);
    bytes_put_u64be(&w, 1000 + ordinal);
    bytes_put_u64be(&w, 1000 + ordinal);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, count);
    for (uint32_t i = 0; i < payload; i++) {
        bytes_put_u8(&w, (uint8_t)(group * 31 + ordinal * 7 + i / 5));
    }
    ASSERT(w.err == ERR_OK);
    bytes_patch_u32be(&w, 17, crc32c(kernels, 0, out + 21, w.pos - 21));
    return (uint32_t)w.pos;
}

struct world *world_new(const struct world_options *options)
{
    struct world *world = calloc(1, sizeof(*world));
    ASSERT(world != NULL);
    world->options = *options;
    prng_init(&world->prng, options->seed);
    world->sim = sim_new(options->seed, &options->sim);
    world->node = sim_node_add(world->sim);
    for (uint32_t i = 0; i < options->groups_count; i++) {
        world->groups[i].world = world;
        world->groups[i].id = i + 1;
    }
    return world;
}

void world_free(struct world *world)
{
    sim_free(world->sim);
    free(world);
}

/* --- Working --- */

static const struct world_op *world_last(const struct world_group *group)
{
    static const struct world_op none = {.start_index = 1};
    return group->submitted_count == 0 ? &none : &group->ops[group->submitted_count - 1];
}

/* An append was cut before it got into a frame: as if it had not been. The states are worked out
 * anew. */
static void world_recompute(struct world_group *group)
{
    static const struct world_op none = {.start_index = 1};
    for (uint32_t i = 0; i < group->submitted_count; i++) {
        const struct world_op *before = i == 0 ? &none : &group->ops[i - 1];
        struct world_op *op = &group->ops[i];
        bool is_kept = op->kind == WORLD_APPEND
                           ? !op->is_void
                           : op->kind == WORLD_CUT && op->index <= before->end.index;
        struct log_point end = is_kept ? op->own_end : before->end;
        op->end = end;
        op->start_index = op->kind == WORLD_TRIM ? op->index : before->start_index;
    }
}

static void world_op_done(struct log_op *op)
{
    struct world_op *done = CONTAINER_OF(op, struct world_op, op);
    struct world_group *group = done->group;
    uint32_t ordinal = (uint32_t)(done - group->ops);
    done->is_done = true;
    if (op->err == ERR_CANCELED && done->kind == WORLD_APPEND) {
        if (op->file_number == 0) {
            done->is_void = true;
            world_recompute(group);
        }
        return; /* cut before it was durable; it counts when the cut does */
    }
    if (op->err != ERR_OK) {
        world_fail(group->world, err_name(op->err), group->id, ordinal);
        return;
    }
    if (op->file_number == 0) {
        return; /* it changed nothing, and waited for nobody */
    }
    for (uint32_t i = group->done_count; i < ordinal; i++) {
        if (!group->ops[i].is_done) {
            world_fail(group->world, "answered out of order", group->id, ordinal);
        }
    }
    if (ordinal + 1 > group->done_count) {
        group->done_count = ordinal + 1;
    }
}

static void world_append(struct world_shard *ws, struct world_group *group, struct world_op *op)
{
    struct world *world = ws->world;
    const struct crc32c *kernels = world->store.kernels;
    uint32_t payload = (uint32_t)prng_below(&world->prng, world->options.payload_max + 1);
    if (prng_chance(&world->prng, 1, 12)) {
        payload = (uint32_t)prng_below(&world->prng, world->options.payload_large);
    }
    struct buf *buf = NULL;
    enum err err = buf_new(&ws->bufs, ws->bufs.budget, LOG_BATCH_HEADER_BYTES + payload, &buf);
    ASSERT(err == ERR_OK);
    uint64_t ordinal = (uint64_t)(op - group->ops);
    uint32_t term = op->end.term > op->hard.term ? op->end.term : op->hard.term;
    uint8_t *data = buf_append(buf, LOG_BATCH_HEADER_BYTES + payload);
    uint32_t length = world_batch(data, kernels, group->id, ordinal, op->end.offset, term, payload);
    buf_seal(buf, length);
    err = log_append(group->log, &op->op, buf_slice(buf, 0, length));
    if (err == ERR_OK) {
        struct log_batch batch;
        err = log_batch_decode(data, length, &batch);
        ASSERT(err == ERR_OK);
        op->index = op->end.index + 1;
        op->payload_bytes = payload;
        op->end.chain =
            log_chain(op->end.chain, op->index, term, &batch, log_batch_header_crc(kernels, data));
        op->end.index = op->index;
        op->end.offset = log_batch_next_offset(&batch);
        op->end.term = term;
        op->own_end = op->end;
        group->submitted_count++;
        if (op->op.index != op->index) {
            world_fail(world, "another index than the next", op->op.index, op->index);
        }
    } else if (err != ERR_AGAIN && err != ERR_DISK_FULL && err != ERR_BUDGET) {
        world_fail(world, err_name(err), group->id, ordinal);
    }
    buf_unref(buf);
}

/* The state of `group` just before entry `index` of its present log. */
static struct log_point world_point_before(const struct world_group *group, uint64_t index)
{
    for (uint32_t i = group->submitted_count; i > 0; i--) {
        const struct world_op *op = &group->ops[i - 1];
        if (op->kind == WORLD_APPEND && !op->is_void && op->index + 1 == index) {
            return op->own_end;
        }
    }
    return (struct log_point){0};
}

/* What stands before a cut or a trim may be in a segment: it goes into line when it has found its
 * place, and what follows waits for that. */
static void world_look_up(struct world_group *group, struct world_op *op)
{
    struct log_lookup at;
    if (log_point_before(group->log, op->index, &at) != ERR_OK) {
        group->waits_for = op;
    }
}

static void world_submit(struct world_shard *ws, struct world_group *group)
{
    struct world *world = ws->world;
    const struct world_op *last = world_last(group);
    if (group->submitted_count == world->options.ops_count || world->failure[0] != '\0' ||
        (last->kind == WORLD_DELETE && group->submitted_count > 0) ||
        (group->waits_for != NULL && !group->waits_for->is_done)) {
        return;
    }
    struct world_op *op = &group->ops[group->submitted_count];
    *op = *last;
    memset(&op->op, 0, sizeof(op->op));
    op->group = group;
    op->is_done = false;
    op->is_void = false;
    op->op.done = world_op_done;
    uint64_t dice = prng_below(&world->prng, 100);
    uint64_t entries_count = last->end.index + 1 - last->start_index;
    if (group->submitted_count == 0) {
        op->kind = WORLD_CREATE;
        op->is_exists = true;
        struct log_uuid topic = {.bytes = {(uint8_t)group->id, 7}};
        log_create(&ws->ls, &op->op, group->id, &topic, 3);
        group->log = op->op.log;
        group->submitted_count++;
    } else if (dice < 75 || entries_count == 0) {
        op->kind = WORLD_APPEND;
        world_append(ws, group, op);
    } else if (dice < 80 && !group->log->is_cutting) {
        op->kind = WORLD_CUT;
        uint64_t reach = entries_count < 6 ? entries_count : 6;
        op->index = last->end.index + 1 - prng_below(&world->prng, reach);
        if (op->index == last->start_index) {
            return;
        }
        op->end = world_point_before(group, op->index);
        op->own_end = op->end;
        world_look_up(group, op);
        group->submitted_count++;
        log_cut(group->log, &op->op, op->index);
    } else if (dice < 88) {
        op->kind = WORLD_HARD;
        bool is_newer = op->hard.term == 0 || prng_chance(&world->prng, 1, 2);
        op->hard.term += is_newer;
        if (is_newer || op->hard.vote == 0) {
            op->hard.vote = (uint32_t)prng_below(&world->prng, 3);
        }
        op->hard.commit = last->end.index;
        group->submitted_count++;
        log_set_hard_state(group->log, &op->op, &op->hard);
    } else if (dice < 93 && !group->log->is_cutting) {
        op->kind = WORLD_TRIM;
        op->index = last->start_index + prng_below(&world->prng, entries_count + 1);
        op->start_index = op->index;
        world_look_up(group, op);
        group->submitted_count++;
        log_trim(group->log, &op->op, op->index);
    } else if (dice < 99) {
        op->kind = WORLD_ROLL;
        group->submitted_count++;
        log_roll(group->log, &op->op);
    } else if (prng_chance(&world->prng, 1, 10)) {
        op->kind = WORLD_DELETE;
        op->is_exists = false;
        group->submitted_count++;
        log_delete(group->log, &op->op);
    }
}

/* --- New generations --- */

static uint32_t world_entry_of(const struct world_group *group, uint32_t k, uint64_t index);

/* What the append was, or what it is rewritten to. */
static uint32_t world_bytes(const struct world *world, const struct world_group *group,
                            const struct world_op *op, bool is_rewritten, uint8_t *out)
{
    uint32_t ordinal = (uint32_t)(op - group->ops);
    uint32_t count = 1 + ordinal % 3;
    uint32_t payload = is_rewritten ? op->payload_bytes / 2 : op->payload_bytes;
    return world_batch(out, world->store.kernels, group->id, ordinal, op->own_end.offset - count,
                       op->own_end.term, payload);
}

/* A third is rewritten; of what lies below the log start half goes. */
static enum err world_choose(void *ctx, struct log_copy_item *item)
{
    struct world_group *group = ctx;
    struct world *world = group->world;
    if (!item->is_sound) {
        world_fail(world, "a segment cannot be read", group->id, item->rec.index);
        return ERR_CORRUPT;
    }
    item->verdict = LOG_COPY_KEEP;
    if ((item->rec.flags & (LOG_SIDECAR_GAP | LOG_SIDECAR_REWRITTEN)) != 0) {
        return ERR_OK;
    }
    uint64_t dice = prng_below(&world->prng, 6);
    uint32_t ordinal = world_entry_of(group, group->submitted_count, item->rec.index);
    if (item->rec.last_index < group->gone_index && dice < 3) {
        item->verdict = LOG_COPY_GAP;
    } else if (dice < 2 && ordinal != UINT32_MAX && group->ops[ordinal].payload_bytes > 0) {
        struct world_op *op = &group->ops[ordinal];
        op->is_rewriting = true;
        item->verdict = LOG_COPY_REWRITE;
        item->bytes = group->rewrite;
        item->bytes_length = world_bytes(world, group, op, true, group->rewrite);
    }
    return ERR_OK;
}

static void world_replaced(struct log_generation *g)
{
    struct world_group *group = g->ctx;
    enum err err = g->err;
    group->is_replacing = false;
    group->replaced_count += err == ERR_OK;
    for (uint32_t i = 0; i < group->submitted_count; i++) {
        struct world_op *op = &group->ops[i];
        op->is_rewritten |= op->is_rewriting && err == ERR_OK;
        op->is_rewriting = op->is_rewritten || (op->is_rewriting && g->is_submitted);
    }
    if (err != ERR_OK && err != ERR_AGAIN && err != ERR_CANCELED && err != ERR_NOT_FOUND &&
        err != ERR_CLOSING && !err_is_retriable(err)) {
        world_fail(group->world, err_name(err), group->id, g->segment_index);
    }
}

/* Replace a segment, if one can be. */
static void world_replace(struct world_group *group)
{
    struct world *world = group->world;
    const struct world_op *last = world_last(group);
    if (group->is_replacing || group->log == NULL || !last->is_exists || group->done_count == 0 ||
        world->failure[0] != '\0') {
        return;
    }
    uint64_t index = 1 + prng_below(&world->prng, last->end.index + 1);
    const struct log_segment *seg = log_segment_find(group->log, index);
    if (seg == NULL || !log_generation_is_possible(group->log, index)) {
        return;
    }
    group->is_replacing = true;
    group->gone_index = group->ops[group->done_count - 1].start_index;
    group->generation = (struct log_generation){
        .log = group->log,
        .segment_index = seg->start.index,
        .choose = world_choose,
        .ctx = group,
        .done = world_replaced,
    };
    log_generation_start(&group->generation);
}

static void world_tick(struct rt_timer *timer)
{
    struct world_shard *ws = CONTAINER_OF(timer, struct world_shard, timer);
    struct world *world = ws->world;
    uint64_t count = prng_below(&world->prng, 8);
    for (uint64_t i = 0; i < count && !world->is_stopping; i++) {
        struct world_group *group =
            &world->groups[prng_below(&world->prng, world->options.groups_count)];
        if (group->id % rt_shard_count(ws->ls.shard) == ws->ls.shard->id) {
            world_submit(ws, group);
            if (prng_chance(&world->prng, 1, 8)) {
                world_replace(group);
            }
        }
    }
    rt_timer_start(timer, rt_now_ns(ws->ls.shard) + prng_below(&world->prng, 400000));
}

static void world_opened(struct log_shard *ls)
{
    struct world_shard *ws = CONTAINER_OF(ls, struct world_shard, ls);
    struct world *world = ws->world;
    if (ls->err != ERR_OK) {
        world->failed_count++;
        world_fail(world, ls->why, (uint64_t)ls->err, ls->shard->id);
        return;
    }
    ws->is_open = true;
    world->open_count++;
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        if (world->groups[i].id % rt_shard_count(ls->shard) == ls->shard->id) {
            world->groups[i].log = log_find(ls, world->groups[i].id);
        }
    }
    if (!world->is_stopping) {
        rt_timer_start(&ws->timer, rt_now_ns(ls->shard) + 1);
    }
}

static void world_shard_start(struct rt_shard *shard)
{
    struct world *world = shard->app;
    struct world_shard *ws = &world->shards[shard->id];
    *ws = (struct world_shard){.world = world};
    buf_pool_init(&ws->bufs, rt_shard_budget(shard), (uint16_t)shard->id, 1 << 20);
    rt_timer_init(&ws->timer, shard, world_tick);
    log_shard_open(&ws->ls, shard, &world->store, NULL, world_opened);
}

static void world_closed(struct log_shard *ls)
{
    struct world_shard *ws = CONTAINER_OF(ls, struct world_shard, ls);
    if (ls->err != ERR_OK) {
        world_fail(ws->world, "the store does not close", (uint64_t)ls->err, 0);
    }
    rt_shard_finish(ws->world->shards[ws - ws->world->shards].timer.shard);
}

/* Only world_end asks for it; the others end by crashes. */
static void world_shard_stop(struct rt_shard *shard)
{
    struct world *world = shard->app;
    struct world_shard *ws = &world->shards[shard->id];
    rt_timer_stop(&ws->timer);
    log_shard_close(&ws->ls, world_closed);
}

static bool world_is_answered(void *ctx)
{
    const struct world *world = ctx;
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        if (world->groups[i].is_replacing) {
            return world->failure[0] != '\0';
        }
        for (uint32_t n = 0; n < world->groups[i].submitted_count; n++) {
            if (!world->groups[i].ops[n].is_done) {
                return world->failure[0] != '\0';
            }
        }
    }
    return true;
}

static bool world_has_ended(void *ctx)
{
    const struct world *world = ctx;
    return !sim_node_is_running(world->node);
}

bool world_end(struct world *world)
{
    world->is_stopping = true;
    bool is_over = sim_run_until_true(world->sim, world_is_answered, world,
                                      sim_now_ns(world->sim) + 100 * RT_NS_PER_S);
    if (is_over) {
        sim_node_stop(world->node);
        is_over = sim_run_until_true(world->sim, world_has_ended, world,
                                     sim_now_ns(world->sim) + 100 * RT_NS_PER_S);
    }
    if (!is_over) {
        world_fail(world, "the store does not end", 0, 0);
    }
    return is_over && world->failure[0] == '\0';
}

void world_start(struct world *world, uint32_t shards_count)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    log_store_init(&world->store, &world_config, crc32c_for(&cpu));
    world->open_count = 0;
    struct sim_app app = {.start = world_shard_start, .stop = world_shard_stop, .ctx = world};
    sim_node_start(world->node, shards_count, &app);
}

/* --- Checking --- */

/* A store opened on an image. */
struct world_probe {
    struct world *world;  /* whose states count */
    struct world *opened; /* the image, opened without a workload */
    struct world_tally *tally;
    struct log_read read;
    struct world_group *group; /* being read */
    uint32_t k;                /* its state */
    uint64_t next_index;       /* next entry wanted */
    bool is_reading;
    uint64_t rows[LOG_RECOVER_ROWS_COUNT]; /* decisions of the last start */
};

static bool world_is_open(void *ctx)
{
    struct world *opened = ctx;
    return opened->failure[0] != '\0' || opened->open_count == opened->options.shards_count;
}

static bool world_is_read(void *ctx)
{
    return !((struct world_probe *)ctx)->is_reading;
}

static bool world_state_is(const struct world_op *op, const struct log_status *status)
{
    return op->is_exists && op->start_index == status->start.index &&
           op->end.index == status->end.index && op->end.offset == status->end.offset &&
           op->end.term == status->end.term && hash128_is_equal(op->end.chain, status->end.chain) &&
           op->hard.term == status->hard.term && op->hard.vote == status->hard.vote;
}

/* The ordinal of the append that made entry `index` of the state after the first k operations. */
static uint32_t world_entry_of(const struct world_group *group, uint32_t k, uint64_t index)
{
    for (uint32_t i = k; i > 0; i--) {
        if (group->ops[i - 1].kind == WORLD_APPEND && !group->ops[i - 1].is_void &&
            group->ops[i - 1].index == index) {
            return i - 1;
        }
    }
    return UINT32_MAX;
}

/* Hold one batch against what was appended as that entry. Returns its length. */
static uint32_t world_compare(struct world_probe *probe, const uint8_t *data, uint32_t length)
{
    static uint8_t expected[LOG_BATCH_HEADER_BYTES + WORLD_PAYLOAD_MAX];
    struct world_group *group = probe->group;
    uint32_t ordinal = world_entry_of(group, probe->k, probe->next_index);
    ASSERT(ordinal != UINT32_MAX);
    const struct world_op *op = &group->ops[ordinal];
    uint32_t bytes = world_bytes(probe->world, group, op, op->is_rewritten, expected);
    bool is_it = bytes <= length && memcmp(expected, data, bytes) == 0;
    if (!is_it && op->is_rewriting && !op->is_rewritten) {
        bytes = world_bytes(probe->world, group, op, true, expected);
        is_it = bytes <= length && memcmp(expected, data, bytes) == 0;
    }
    if (!is_it) {
        world_fail(probe->world, "an entry has other bytes", group->id, probe->next_index);
        return length;
    }
    probe->next_index++;
    probe->tally->entries_count++;
    probe->tally->rewritten_count += op->payload_bytes != bytes - LOG_BATCH_HEADER_BYTES;
    return bytes;
}

static void world_read_next(struct world_probe *probe);

static void world_read_done(struct log_read *read)
{
    struct world_probe *probe = read->ctx;
    if (read->err != ERR_OK || read->first_index != probe->next_index) {
        world_fail(probe->world, read->err != ERR_OK ? err_name(read->err) : "read elsewhere",
                   probe->group->id, probe->next_index);
        probe->is_reading = false;
        log_read_release(read);
        return;
    }
    for (uint32_t i = 0; i < read->parts_count; i++) {
        const uint8_t *data = buf_slice_data(read->parts[i]);
        uint32_t left = read->parts[i].length;
        while (left > 0 && probe->world->failure[0] == '\0') {
            uint32_t bytes = world_compare(probe, data, left);
            data += bytes;
            left -= bytes;
        }
    }
    if (read->last_index + 1 != probe->next_index) {
        world_fail(probe->world, "a read says another last index", read->last_index,
                   probe->next_index);
    }
    log_read_release(read);
    world_read_next(probe);
}

static void world_read_next(struct world_probe *probe)
{
    const struct world_op *state = &probe->group->ops[probe->k - 1];
    if (probe->next_index > state->end.index || probe->world->failure[0] != '\0') {
        probe->is_reading = false;
        return;
    }
    probe->read = (struct log_read){.done = world_read_done,
                                    .ctx = probe,
                                    .log = probe->group->log,
                                    .from = LOG_READ_INDEX,
                                    .at = probe->next_index,
                                    .index_max = state->end.index,
                                    .bytes_max = 20000};
    log_read(&probe->read);
}

static void world_read_start(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    world_read_next(ctx);
}

/* Which state of `group` is found, and all its entries. Returns k, UINT32_MAX: none. */
static uint32_t world_check_group(struct world_probe *probe, struct world_group *group)
{
    struct world *world = probe->world;
    struct world *opened = probe->opened;
    uint32_t shard = (uint32_t)(group->id % opened->options.shards_count);
    struct log *log = log_find(&opened->shards[shard].ls, group->id);
    struct log_status status = {0};
    if (log != NULL) {
        log_status(log, &status);
        if (!status.is_available || status.is_amnesiac || status.quarantine_count > 0) {
            world_fail(world,
                       !status.is_available ? "a group is unavailable"
                       : status.is_amnesiac ? "a group is amnesiac"
                                            : "a group is quarantined",
                       group->id, status.quarantine_index);
            return UINT32_MAX;
        }
    }
    for (uint32_t k = group->done_count; k <= group->submitted_count; k++) {
        bool is_it = k == 0 || !group->ops[k - 1].is_exists
                         ? log == NULL
                         : log != NULL && world_state_is(&group->ops[k - 1], &status);
        if (!is_it) {
            continue;
        }
        if (log != NULL) {
            group->log = log;
            probe->group = group;
            probe->k = k;
            probe->next_index = status.start.index;
            probe->is_reading = true;
            sim_post(sim_node_shard(opened->node, shard), world_read_start, probe);
            if (!sim_run_until_true(opened->sim, world_is_read, probe,
                                    sim_now_ns(opened->sim) + 100 * RT_NS_PER_S)) {
                world_fail(world, "a read does not end", group->id, probe->next_index);
            }
        }
        return k;
    }
    world_fail(world, log == NULL ? "a group is gone" : "no state of the group is found", group->id,
               status.end.index);
    return UINT32_MAX;
}

/* Open once. */
static void world_open(struct world_probe *probe)
{
    struct world *opened = probe->opened;
    world_start(opened, opened->options.shards_count);
    if (!sim_run_until_true(opened->sim, world_is_open, opened,
                            sim_now_ns(opened->sim) + 100 * RT_NS_PER_S)) {
        world_fail(probe->world, "the store does not open", 0, 0);
    } else if (opened->failure[0] != '\0') {
        world_fail(probe->world, opened->failure, 0, 0);
    }
    for (uint32_t i = 0; i < LOG_RECOVER_ROWS_COUNT; i++) {
        probe->tally->rows[i] += opened->store.report.counts[i];
        probe->rows[i] = opened->store.report.counts[i];
    }
}

bool world_check(struct world *world, struct sim_disk *disk, uint32_t shards_count, uint64_t seed,
                 bool is_twice, struct world_tally *tally)
{
    struct log *logs[WORLD_GROUPS];
    for (uint32_t i = 0; i < WORLD_GROUPS; i++) {
        logs[i] = world->groups[i].log;
    }
    struct world_options options = world->options;
    options.seed = seed;
    options.shards_count = shards_count;
    options.sim = sim_options_calm();
    options.sim.host.memory_bytes = 64 << 20;
    struct world *opened = world_new(&options);
    opened->is_stopping = true;
    sim_disk_free(sim_node_swap_disk(opened->node, disk));
    struct world_probe probe = {.world = world, .opened = opened, .tally = tally};
    uint32_t found[WORLD_GROUPS];
    uint32_t rounds = is_twice ? 2 : 1;
    for (uint32_t round = 0; round < rounds && world->failure[0] == '\0'; round++) {
        world_open(&probe);
        for (uint32_t i = 0; i < options.groups_count && world->failure[0] == '\0'; i++) {
            uint32_t k = world_check_group(&probe, &world->groups[i]);
            if (round > 0 && k != found[i]) {
                world_fail(world, "a second start finds something else", world->groups[i].id, k);
            }
            found[i] = k;
        }
        if (round + 1 < rounds) {
            sim_run_for(opened->sim, prng_below(&opened->prng, 10000000));
            sim_node_crash(opened->node, SIM_CRASH_SEEDED);
            opened->options.shards_count = 1 + (uint32_t)prng_below(&opened->prng, WORLD_SHARDS);
        }
    }
    for (uint32_t i = 0; i < WORLD_GROUPS; i++) {
        world->groups[i].log = logs[i];
    }
    for (uint32_t i = 0; i < LOG_RECOVER_ROWS_COUNT && world->failure[0] != '\0'; i++) {
        if (probe.rows[i] > 0) {
            printf("%s=%" PRIu64 " ", log_recover_row_name((enum log_recover_row)i), probe.rows[i]);
        }
    }
    tally->images_count++;
    world_free(opened);
    return world->failure[0] == '\0';
}

/* --- Rot --- */

/* One entry of a store that rotted: right, or refused. */
struct world_rot {
    struct world_probe probe;
    bool was_refused;
};

static void world_rot_done(struct log_read *read)
{
    struct world_rot *rot = read->ctx;
    struct world_probe *probe = &rot->probe;
    probe->is_reading = false;
    if (read->err == ERR_CORRUPT || read->err == ERR_ACCESS) {
        rot->was_refused = true;
    } else if (read->err != ERR_OK || read->first_index != probe->next_index ||
               read->parts_count == 0) {
        world_fail(probe->world, read->err != ERR_OK ? err_name(read->err) : "read elsewhere",
                   probe->group->id, probe->next_index);
    } else {
        uint64_t index = probe->next_index;
        (void)world_compare(probe, buf_slice_data(read->parts[0]), read->parts[0].length);
        probe->next_index = index;
    }
    log_read_release(read);
}

static void world_rot_read(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct world_rot *rot = ctx;
    rot->probe.read = (struct log_read){.done = world_rot_done,
                                        .ctx = rot,
                                        .log = rot->probe.group->log,
                                        .from = LOG_READ_INDEX,
                                        .at = rot->probe.next_index,
                                        .index_max = rot->probe.next_index,
                                        .bytes_max = 1};
    log_read(&rot->probe.read);
}

static void world_rot_group(struct world_rot *rot, struct world_group *group, bool *was_seen)
{
    struct world *world = rot->probe.world;
    struct world *opened = rot->probe.opened;
    const struct world_op *state = world_last(group);
    uint32_t shard = (uint32_t)(group->id % opened->options.shards_count);
    struct log *log = log_find(&opened->shards[shard].ls, group->id);
    if (!state->is_exists || log == NULL) {
        if (state->is_exists || log != NULL) {
            world_fail(world, "a group is gone, or there again", group->id, 0);
        }
        return;
    }
    struct log_status status;
    log_status(log, &status);
    bool is_named = !status.is_available || status.is_amnesiac || status.quarantine_count > 0 ||
                    status.is_tail_torn;
    *was_seen |= is_named;
    if (!status.is_available) {
        return;
    }
    if (status.end.index != state->end.index && !is_named) {
        world_fail(world, "an end that nobody questions", group->id, status.end.index);
        return;
    }
    group->log = log;
    rot->probe.group = group;
    rot->probe.k = group->submitted_count;
    for (uint64_t i = state->start_index; i <= state->end.index && world->failure[0] == '\0'; i++) {
        rot->probe.next_index = i;
        rot->probe.is_reading = true;
        rot->was_refused = false;
        sim_post(sim_node_shard(opened->node, shard), world_rot_read, rot);
        if (!sim_run_until_true(opened->sim, world_is_read, &rot->probe,
                                sim_now_ns(opened->sim) + 100 * RT_NS_PER_S)) {
            world_fail(world, "a read does not end", group->id, i);
        }
        *was_seen |= rot->was_refused;
    }
}

bool world_check_rot(struct world *world, struct sim_disk *disk, uint64_t seed, bool *was_seen,
                     struct world_tally *tally)
{
    struct world_options options = world->options;
    options.seed = seed;
    options.shards_count = 1 + (uint32_t)(seed % WORLD_SHARDS);
    options.sim = sim_options_calm();
    options.sim.host.memory_bytes = 64 << 20;
    struct world *opened = world_new(&options);
    opened->is_stopping = true;
    sim_disk_free(sim_node_swap_disk(opened->node, disk));
    struct world_rot rot = {.probe = {.world = world, .opened = opened, .tally = tally}};
    *was_seen = false;
    world_open(&rot.probe);
    for (uint32_t i = 0; i < options.groups_count && world->failure[0] == '\0'; i++) {
        world_rot_group(&rot, &world->groups[i], was_seen);
    }
    tally->images_count++;
    world_free(opened);
    return world->failure[0] == '\0';
}
