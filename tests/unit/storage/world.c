/* A store under a random workload. See world.h. */
#include "tests/unit/storage/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "base/rt/clock.h"
#include "storage/log/reset.h"
#include "tests/sim/sim_swarm.h"
#include "tests/unit/storage/world_int.h"

void world_fail(struct world *world, const char *what, uint64_t a, uint64_t b)
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
    .files_max = 8,
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

/* Five times each: a run of bytes that is the same at no two places near each other. */
static void world_payload(uint8_t *out, uint8_t first, uint32_t bytes)
{
    uint32_t i = 0;
    for (; i + 8 <= bytes; i += 5) {
        uint64_t run = (uint64_t)first++ * 0x0101010101010101;
        memcpy(out + i, &run, sizeof(run));
    }
    for (uint32_t n = 0; i < bytes; i++, n++) {
        out[i] = (uint8_t)(first + n / 5);
    }
}

/* The bytes of an entry: a batch whose payload follows from group, stamp of its operation and
 * place. */
static uint32_t world_batch(uint8_t *out, const struct crc32c *kernels, uint64_t group,
                            uint64_t stamp, uint64_t offset, uint32_t term, uint32_t payload)
{
    struct bytes_writer w = bytes_writer(out, LOG_BATCH_HEADER_BYTES);
    uint32_t count = 1 + (uint32_t)(stamp % 3);
    bytes_put_u64be(&w, offset);
    bytes_put_u32be(&w, LOG_BATCH_HEADER_BYTES - LOG_BATCH_PREFIX_BYTES + payload);
    bytes_put_u32be(&w, term);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, 0); /* the CRC, below */
    bytes_put_u16be(&w, 0);
    bytes_put_u32be(&w, count - 1);
    bytes_put_u64be(&w, 1000 + stamp);
    bytes_put_u64be(&w, 1000 + stamp);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, count);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == LOG_BATCH_HEADER_BYTES);
    world_payload(out + w.pos, (uint8_t)(group * 31 + stamp * 7), payload);
    bytes_patch_u32be(&w, 17, crc32c(kernels, 0, out + 21, w.pos + payload - 21));
    return (uint32_t)w.pos + payload;
}

struct world *world_new(const struct world_options *options)
{
    struct world *world = calloc(1, sizeof(*world));
    ASSERT(world != NULL);
    world->options = *options;
    world->ops_until = options->ops_count;
    prng_init(&world->prng, options->seed);
    if (options->sim.host.cpu != NULL) {
        world->cpu = *options->sim.host.cpu;
    } else {
        cpu_detect(&world->cpu);
    }
    world->options.sim.host.cpu = &world->cpu;
    world->kernels = crc32c_for(&world->cpu);
    world->sim = sim_new(options->seed, &world->options.sim);
    world->node = sim_node_add(world->sim);
    for (uint32_t i = 0; i < options->groups_count; i++) {
        world->groups[i].world = world;
        world->groups[i].id = i + 1;
        if (options->ops_count > 0) {
            world->groups[i].ops = calloc(options->ops_count, sizeof(struct world_op));
            ASSERT(world->groups[i].ops != NULL);
        }
    }
    return world;
}

void world_free(struct world *world)
{
    sim_free(world->sim);
    for (uint32_t i = 0; i < WORLD_GROUPS; i++) {
        free(world->groups[i].ops);
        free(world->groups[i].ghosts);
    }
    free(world);
}

/* --- Working --- */

const struct world_op *world_last(const struct world_group *group)
{
    static const struct world_op none = {.start_index = 1};
    return group->submitted_count == 0 ? &none : &group->ops[group->submitted_count - 1];
}

/* An append was cut, or a trim came to nothing, before it got into a frame: as if it had not been.
 * The states are worked out anew. */
static void world_recompute(struct world_group *group)
{
    static const struct world_op none = {.start_index = 1};
    for (uint32_t i = 0; i < group->submitted_count; i++) {
        const struct world_op *before = i == 0 ? &none : &group->ops[i - 1];
        struct world_op *op = &group->ops[i];
        bool is_kept = op->kind == WORLD_APPEND
                           ? !op->is_void
                           : op->kind == WORLD_RESET ||
                                 (op->kind == WORLD_CUT && op->index <= before->end.index);
        bool is_start = op->kind == WORLD_RESET || (op->kind == WORLD_TRIM && !op->is_void);
        struct log_point end = is_kept ? op->own_end : before->end;
        op->end = end;
        op->start_index = is_start ? op->index : before->start_index;
        op->start_skip = is_start ? op->skip_count : before->start_skip;
    }
}

static void world_op_done(struct log_op *op)
{
    struct world_op *done = CONTAINER_OF(op, struct world_op, op);
    struct world_group *group = done->group;
    uint32_t ordinal = (uint32_t)(done - group->ops);
    done->is_done = true;
    if (op->err == ERR_CANCELED && (done->kind == WORLD_APPEND || done->kind == WORLD_TRIM)) {
        if (op->file_number == 0) {
            done->is_void = true;
            world_recompute(group);
        }
        return; /* taken before it was durable; it counts when the cut or reset does */
    }
    if (op->err != ERR_OK) {
        world_fail(group->world, err_name(op->err), group->id, ordinal);
        return;
    }
    if (op->file_number == 0) { /* it changed nothing, and waited for nobody */
        done->is_void = done->kind == WORLD_TRIM;
        return;
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

/* What an append of `op` would append, at the end of `buf`, and the state behind it. Returns its
 * length. */
static uint32_t world_make(struct world_group *group, struct world_op *op, struct buf *buf)
{
    struct world *world = group->world;
    const struct crc32c *kernels = world->kernels;
    uint32_t payload = op->payload_bytes;
    op->stamp = world->stamps_count++;
    uint32_t term = op->end.term > op->hard.term ? op->end.term : op->hard.term;
    uint8_t *data = buf_append(buf, LOG_BATCH_HEADER_BYTES + payload);
    ASSERT(data != NULL);
    uint32_t length =
        world_batch(data, kernels, group->id, op->stamp, op->end.offset, term, payload);
    struct log_batch batch;
    enum err err = log_batch_decode(data, length, &batch);
    ASSERT(err == ERR_OK);
    op->index = op->end.index + 1;
    op->end.chain =
        log_chain(op->end.chain, op->index, term, &batch, log_batch_header_crc(kernels, data));
    op->end.index = op->index;
    op->end.offset = log_batch_next_offset(&batch);
    op->end.term = term;
    op->own_end = op->end;
    return length;
}

static uint32_t world_payload_draw(struct world *world)
{
    bool is_large = prng_chance(&world->prng, 1, 12);
    return (uint32_t)prng_below(&world->prng, is_large ? world->options.payload_large
                                                       : world->options.payload_max + 1);
}

static void world_append(struct world_shard *ws, struct world_group *group, struct world_op *op)
{
    struct world *world = ws->world;
    struct buf *buf = NULL;
    op->payload_bytes = world_payload_draw(world);
    enum err err =
        buf_new(&ws->bufs, ws->bufs.budget, LOG_BATCH_HEADER_BYTES + op->payload_bytes, &buf);
    ASSERT(err == ERR_OK);
    uint32_t length = world_make(group, op, buf);
    buf_seal(buf, length);
    err = log_append(group->log, &op->op, buf_slice(buf, 0, length));
    if (err == ERR_OK) {
        group->submitted_count++;
        if (op->op.index != op->index) {
            world_fail(world, "another index than the next", op->op.index, op->index);
        }
    } else if (err != ERR_AGAIN && err != ERR_DISK_FULL && err != ERR_BUDGET) {
        world_fail(world, err_name(err), group->id, (uint64_t)(op - group->ops));
    }
    buf_unref(buf);
}

static void world_installed(struct log_install *in)
{
    struct world_op *last = CONTAINER_OF(in, struct world_op, install);
    struct world_group *group = last->group;
    uint32_t count = (uint32_t)(last - group->ops) + 1;
    if (in->err != ERR_OK) {
        world_fail(group->world, err_name(in->err), group->id, in->first_index);
        return;
    }
    for (uint32_t i = group->done_count; i < count; i++) {
        if (!group->ops[i].is_done && i + in->entries_count < count) {
            world_fail(group->world, "installed out of order", group->id, i);
        }
        group->ops[i].is_done = true;
    }
    group->done_count = count;
}

/* A range of entries at a time, each an operation of its own; what follows waits for them. */
static void world_install(struct world_shard *ws, struct world_group *group, struct world_op *op)
{
    struct world *world = ws->world;
    struct log_point previous = op->end;
    uint32_t room = world->options.ops_count - group->submitted_count;
    uint32_t count = 1 + (uint32_t)prng_below(&world->prng, room < 12 ? room : 12);
    uint32_t bytes_max = 200 << 10;
    struct buf *buf = NULL;
    enum err err = buf_new(&ws->bufs, ws->bufs.budget, bytes_max, &buf);
    ASSERT(err == ERR_OK);
    struct buf_slice slices[2] = {{.buf = buf}, {.buf = buf}};
    uint32_t split = (uint32_t)prng_below(&world->prng, count);
    uint32_t bytes = 0;
    uint32_t made_count = 0;
    bool is_large = prng_chance(&world->prng, 1, 3);
    for (; made_count < count; made_count++) {
        struct world_op *next = &op[made_count];
        if (made_count > 0) {
            *next = op[made_count - 1];
        }
        next->kind = WORLD_APPEND;
        next->payload_bytes =
            is_large ? (uint32_t)prng_below(&world->prng, 20000) : world_payload_draw(world);
        if (bytes + LOG_BATCH_HEADER_BYTES + next->payload_bytes > bytes_max) {
            break;
        }
        slices[made_count >= split].length += world_make(group, next, buf);
        bytes = slices[0].length + slices[1].length;
    }
    buf_seal(buf, bytes);
    slices[1].pos = slices[0].length;
    struct world_op *last = &op[made_count - 1];
    last->install = (struct log_install){.done = world_installed,
                                         .log = group->log,
                                         .previous = previous,
                                         .chain = last->end.chain,
                                         .slices = slices,
                                         .slices_count = 2};
    err = log_install_range(&last->install);
    if (err == ERR_OK) {
        group->submitted_count += made_count;
        group->waits_for = last;
    } else if (err != ERR_AGAIN && err != ERR_DISK_FULL && err != ERR_BUDGET) {
        world_fail(world, err_name(err), group->id, (uint64_t)(op - group->ops));
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

/* Somewhere else: behind the end as a rule, as a follower's that has been away. */
static void world_reset(struct world_group *group, struct world_op *op)
{
    struct prng *prng = &group->world->prng;
    uint64_t from = prng_chance(prng, 3, 4) ? op->end.index + 1 : 1;
    op->kind = WORLD_RESET;
    op->index = from + prng_below(prng, prng_chance(prng, 1, 2) ? 3 : 100);
    op->start_index = op->index;
    op->skip_count = 0;
    op->start_skip = 0;
    op->own_end = (struct log_point){.index = op->index - 1};
    if (op->index > 1) {
        op->own_end.offset = prng_below(prng, 1000);
        op->own_end.term = op->end.term + (uint32_t)prng_below(prng, 2);
        op->own_end.chain = (struct hash128){prng_u64(prng), prng_u64(prng)};
    }
    op->end = op->own_end;
    if (!group->log->is_loaded) {
        group->waits_for = op;
    }
    group->submitted_count++;
    struct log_point start = op->own_end;
    start.index++;
    log_reset_to(group->log, &op->op, &start);
}

/* --- Moving --- */

static void world_attach(struct rt_timer *timer)
{
    struct world_group *group = CONTAINER_OF(timer, struct world_group, move_timer);
    struct world *world = group->world;
    uint32_t shard = timer->shard->id;
    enum err err = log_attach(&world->shards[shard].ls, &group->move, &group->log);
    if (err != ERR_OK) {
        world_fail(world, err_name(err), group->id, shard);
        return;
    }
    const struct world_op *last = world_last(group);
    struct log_status status;
    log_status(group->log, &status);
    if (status.end.index != last->end.index || status.start.index != last->start_index ||
        status.start.skip_count != last->start_skip || status.end.offset != last->end.offset ||
        status.durable_index != status.end.index ||
        !hash128_is_equal(status.end.chain, last->end.chain)) {
        world_fail(world, "a group is another one after its move", group->id, status.end.index);
    }
    group->shard = shard;
    group->moving->is_done = true;
    group->moving = NULL;
}

/* It has come to another shard, which takes its time. */
static void world_moved(struct rt_shard *at, struct rt_mail *mail)
{
    struct world_group *group = CONTAINER_OF(mail, struct world_group, move_mail);
    rt_timer_init(&group->move_timer, at, world_attach);
    rt_timer_start(&group->move_timer, rt_now_ns(at) + prng_below(&group->world->prng, 4000000));
}

/* It has left its shard: all that was submitted before has been answered. */
static void world_detached(struct log_move *move)
{
    struct world_group *group = move->ctx;
    struct world *world = group->world;
    uint32_t ordinal = (uint32_t)(group->moving - group->ops);
    for (uint32_t i = 0; i < ordinal; i++) {
        if (!group->ops[i].is_done) {
            world_fail(world, "left before it was answered", group->id, i);
        }
    }
    if (move->err != ERR_OK) {
        world_fail(world, err_name(move->err), group->id, ordinal);
        return;
    }
    group->done_count = ordinal + 1;
    group->log = NULL;
    uint32_t count = rt_shard_count(world->shards[group->shard].ls.shard);
    uint32_t to = (group->shard + (uint32_t)prng_below(&world->prng, count)) % count;
    group->move_mail.deliver = world_moved;
    enum err err = rt_mail_send(world->shards[group->shard].ls.shard, to, &group->move_mail);
    ASSERT(err == ERR_OK);
}

static void world_move(struct world_group *group, struct world_op *op)
{
    op->kind = WORLD_MOVE;
    group->submitted_count++;
    group->moving = op;
    group->move = (struct log_move){.done = world_detached, .ctx = group};
    log_detach(group->log, &group->move);
}

static void world_create(struct world_shard *ws, struct world_group *group, struct world_op *op)
{
    op->kind = WORLD_CREATE;
    op->is_exists = true;
    struct log_uuid topic = {.bytes = {(uint8_t)group->id, 7}};
    log_create(&ws->ls, &op->op, group->id, &topic, 3);
    group->log = op->op.log;
    group->submitted_count++;
}

static void world_cut(struct world_group *group, struct world_op *op, uint64_t entries_count)
{
    uint64_t reach = entries_count < 6 ? entries_count : 6;
    op->kind = WORLD_CUT;
    op->index = op->end.index + 1 - prng_below(&group->world->prng, reach);
    if (op->index == op->start_index) {
        return;
    }
    op->end = world_point_before(group, op->index);
    op->own_end = op->end;
    world_look_up(group, op);
    group->submitted_count++;
    log_cut(group->log, &op->op, op->index);
}

static void world_hard(struct world_group *group, struct world_op *op)
{
    struct prng *prng = &group->world->prng;
    bool is_newer = op->hard.term == 0 || prng_chance(prng, 1, 2);
    op->kind = WORLD_HARD;
    op->hard.term += is_newer;
    if (is_newer || op->hard.vote == 0) {
        op->hard.vote = (uint32_t)prng_below(prng, 3);
    }
    op->hard.commit = op->end.index;
    group->submitted_count++;
    log_set_hard_state(group->log, &op->op, &op->hard);
}

static void world_trim(struct world_group *group, struct world_op *op, uint64_t entries_count)
{
    struct prng *prng = &group->world->prng;
    op->kind = WORLD_TRIM;
    op->index = op->start_index + prng_below(prng, entries_count + 1);
    op->skip_count = op->index <= op->end.index ? (uint32_t)prng_below(prng, 4) : 0;
    if (op->index == op->start_index && op->skip_count < op->start_skip) {
        op->skip_count = op->start_skip; /* changes nothing */
    }
    op->start_index = op->index;
    op->start_skip = op->skip_count;
    world_look_up(group, op);
    group->submitted_count++;
    log_trim_records(group->log, &op->op, op->index, op->skip_count);
}

/* One more operation of `group`, drawn: `op` holds the state before it. */
static void world_draw(struct world_shard *ws, struct world_group *group, struct world_op *op)
{
    struct world *world = ws->world;
    uint64_t dice = prng_below(&world->prng, 100);
    uint64_t entries_count = op->end.index + 1 - op->start_index;
    bool does_lose = (dice >= 88 && dice < 93) || dice >= 97;
    if (group->submitted_count == 0) {
        world_create(ws, group, op);
    } else if (dice < 2) {
        world_install(ws, group, op);
    } else if (dice < 75 || entries_count == 0 || (does_lose && world->options.does_keep)) {
        op->kind = WORLD_APPEND;
        world_append(ws, group, op);
    } else if (dice < 80 && !group->log->is_cutting) {
        world_cut(group, op, entries_count);
    } else if (dice < 88) {
        world_hard(group, op);
    } else if (dice < 93 && !group->log->is_cutting) {
        world_trim(group, op, entries_count);
    } else if (dice < 95) {
        world_move(group, op);
    } else if (dice < 97) {
        op->kind = WORLD_ROLL;
        group->submitted_count++;
        log_roll(group->log, &op->op);
    } else if (dice < 99 && !group->log->is_cutting) {
        world_reset(group, op);
    } else if (dice == 99 && prng_chance(&world->prng, 1, 10)) {
        op->kind = WORLD_DELETE;
        op->is_exists = false;
        group->submitted_count++;
        log_delete(group->log, &op->op);
    }
}

static void world_submit(struct world_shard *ws, struct world_group *group)
{
    const struct world_op *last = world_last(group);
    if (group->submitted_count >= ws->world->ops_until || ws->world->failure[0] != '\0' ||
        (last->kind == WORLD_DELETE && group->submitted_count > 0) ||
        (group->waits_for != NULL && !group->waits_for->is_done) || group->moving != NULL) {
        return;
    }
    struct world_op *op = &group->ops[group->submitted_count];
    *op = *last;
    memset(&op->op, 0, sizeof(op->op));
    op->group = group;
    op->is_done = false;
    op->is_void = false;
    op->rewrite = WORLD_AS_APPENDED;
    op->is_rewriting = false;
    op->op.done = world_op_done;
    world_draw(ws, group, op);
}

static void world_tick(struct rt_timer *timer)
{
    struct world_shard *ws = CONTAINER_OF(timer, struct world_shard, timer);
    struct world *world = ws->world;
    uint64_t count = prng_below(&world->prng, 8);
    for (uint64_t i = 0; i < count && !world->is_stopping; i++) {
        struct world_group *group =
            &world->groups[prng_below(&world->prng, world->options.groups_count)];
        if (group->shard == ws->ls.shard->id) {
            world_submit(ws, group);
            if (world->options.does_replace) {
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
    struct log_config config = world_config;
    if (world->options.segment_bytes > 0) {
        config.segment_bytes = world->options.segment_bytes;
    }
    config.sync_all_parts = 1 + (uint32_t)(world->options.seed % 4);
    if (world->options.seed % 3 == 0) {
        config.unsettled_bytes_max = 24 << 10; /* soon reached: rounds are cut short */
    }
    log_store_init(&world->store, &config, world->kernels);
    world->open_count = 0;
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        world->groups[i].shard = (uint32_t)(world->groups[i].id % shards_count);
    }
    struct sim_app app = {.start = world_shard_start, .stop = world_shard_stop, .ctx = world};
    sim_node_start(world->node, shards_count, &app);
}

/* --- Checking --- */

bool world_is_open(void *ctx)
{
    struct world *opened = ctx;
    return opened->failure[0] != '\0' || opened->open_count == opened->options.shards_count;
}

static bool world_is_read(void *ctx)
{
    return !((struct world_probe *)ctx)->is_reading;
}

struct world *world_of(const struct world *world, struct sim_disk *disk, uint32_t shards_count,
                       uint64_t seed)
{
    struct world_options options = world->options;
    options.seed = seed;
    options.shards_count = shards_count;
    options.ops_count = 0;
    options.sim = sim_options_calm();
    options.sim.host.memory_bytes = 64 << 20;
    options.sim.host.cpu = &world->cpu;
    struct world *opened = world_new(&options);
    opened->is_stopping = true;
    sim_disk_free(sim_node_swap_disk(opened->node, disk));
    return opened;
}

struct log *world_find(const struct world *opened, const struct world_group *group)
{
    for (uint32_t i = 0; i < opened->options.shards_count; i++) {
        struct log *log = log_find((struct log_shard *)&opened->shards[i].ls, group->id);
        if (log != NULL) {
            return log;
        }
    }
    return NULL;
}

uint32_t world_state_of(const struct world_group *group, struct log *log, uint32_t from,
                        uint32_t to, bool is_damaged)
{
    struct log_status status;
    if (log != NULL) {
        log_status(log, &status);
    }
    for (uint32_t k = from; k <= to; k++) {
        bool is_it = k == 0 || !group->ops[k - 1].is_exists
                         ? log == NULL
                         : log != NULL && world_state_is(&group->ops[k - 1], &status, is_damaged);
        if (is_it) {
            return k;
        }
    }
    return UINT32_MAX;
}

uint32_t world_entry(const struct world_group *group, const struct world_op *op, bool is_rewritten,
                     uint8_t *out)
{
    uint32_t count = 1 + (uint32_t)(op->stamp % 3);
    return world_batch(out, group->world->kernels, group->id, op->stamp, op->own_end.offset - count,
                       op->own_end.term, is_rewritten ? op->payload_bytes / 2 : op->payload_bytes);
}

/* Hold one batch against what was appended as that entry. Returns its length. */
static uint32_t world_compare(struct world_probe *probe, const uint8_t *data, uint32_t length)
{
    struct world_group *group = probe->group;
    uint32_t ordinal = world_entry_of(group, probe->k, probe->next_index);
    ASSERT(ordinal != UINT32_MAX);
    uint32_t bytes = world_match(group, &group->ops[ordinal], false, data, length, probe->tally);
    if (bytes == 0) {
        world_fail(probe->world, "an entry has other bytes", group->id, probe->next_index);
        return length;
    }
    probe->next_index++;
    probe->tally->entries_count++;
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
    struct log *log = world_find(opened, group);
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
    uint32_t k = world_state_of(group, log, group->done_count, group->submitted_count, false);
    if (k == UINT32_MAX) {
        world_fail(world, log == NULL ? "a group is gone" : "no state of the group is found",
                   group->id, status.end.index);
    } else if (log != NULL) {
        group->log = log;
        probe->group = group;
        probe->k = k;
        probe->next_index = status.start.index;
        probe->is_reading = true;
        sim_post(log->ls->shard, world_read_start, probe);
        if (!sim_run_until_true(opened->sim, world_is_read, probe,
                                sim_now_ns(opened->sim) + 100 * RT_NS_PER_S)) {
            world_fail(world, "a read does not end", group->id, probe->next_index);
        }
    }
    return k;
}

bool world_await(struct world *world)
{
    return sim_run_until_true(world->sim, world_is_open, world,
                              sim_now_ns(world->sim) + 100 * RT_NS_PER_S);
}

void world_open(struct world_probe *probe)
{
    struct world *opened = probe->opened;
    world_start(opened, opened->options.shards_count);
    if (!world_await(opened)) {
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
    struct world *opened = world_of(world, disk, shards_count, seed);
    struct world_probe probe = {.world = world, .opened = opened, .tally = tally};
    uint32_t found[WORLD_GROUPS];
    uint32_t rounds = is_twice ? 2 : 1;
    uint32_t starts_count = 0;
    for (uint32_t round = 0; round < rounds && world->failure[0] == '\0'; round++) {
        world_open(&probe);
        starts_count++;
        for (uint32_t i = 0; i < world->options.groups_count && world->failure[0] == '\0'; i++) {
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
    if (world->failure[0] != '\0') {
        printf("start %u: ", starts_count);
    }
    for (uint32_t i = 0; i < LOG_RECOVER_ROWS_COUNT && world->failure[0] != '\0'; i++) {
        if (probe.rows[i] > 0) {
            printf("%s=%" PRIu64 " ", log_recover_row_name((enum log_recover_row)i), probe.rows[i]);
        }
    }
    tally->rows[LOG_RECOVER_G8] += atomic_load(&opened->store.ends_lost_count);
    tally->images_count++;
    world_free(opened);
    return world->failure[0] == '\0';
}
