/* The third backend behind base/rt: "sim". See base/rt/backend.h for the contract.
 *
 * Disk work and jobs are events: submitted now, they take effect and are done after the time the
 * disk says. A durable write takes effect in two steps, so that a crash between them finds it
 * written and not durable. What the caller must not do is checked: a buffer that changes while it
 * is being written stops the run, and a buffer to be read into holds garbage until it is done.
 * Connections are in sim_net.c. */
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim_int.h"

/* What a buffer holds until its read is done. */
#define SIM_GARBAGE 0xa5

/* How far the monotonic clock moves each time it is read within a turn, at most. */
#define SIM_CLOCK_STEP_NS_MAX 100u

static void sim_submit(struct rt_shard *shard, struct rt_op *op);
static void sim_cancel(struct rt_shard *shard, struct rt_op *op);
static bool sim_poll(struct rt_shard *shard, uint64_t until_ns);
static void sim_wake(struct rt_shard *shard);
static uint64_t sim_backend_now_ns(struct rt_shard *shard);
static uint64_t sim_backend_wall_ns(struct rt_shard *shard);
static uint32_t sim_backend_load(struct rt_shard *shard);
static void sim_set_flags(struct rt_sock *sock, uint32_t flags);
static struct sim_op *sim_op_new(struct sim_shard *ss, struct rt_op *op);
static void sim_op_free(struct sim_op *so);
static const char *sim_op_target(const struct rt_op *op);
static void sim_op_submit_row(struct sim_op *so);
static void sim_op_fire(struct sim *sim, struct sim_event *event);
static bool sim_op_write(struct sim_op *so, enum err *err);
static enum err sim_op_run(struct sim_op *so, int64_t *result, uint64_t *checksum);
static enum err sim_op_open(struct sim_op *so);
static void sim_op_write_part(struct sim_op *so);
static bool sim_op_is_io(const struct rt_op *op);

static const struct rt_backend sim_backend_table = {
    .name = "sim",
    .submit = sim_submit,
    .cancel = sim_cancel,
    .poll = sim_poll,
    .wake = sim_wake,
    .now_ns = sim_backend_now_ns,
    .wall_ns = sim_backend_wall_ns,
    .load = sim_backend_load,
    .listen = sim_net_listen,
    .release = sim_net_release,
    .shutdown_send = sim_net_shutdown_send,
    .set_flags = sim_set_flags,
};

const struct rt_backend *sim_backend(void)
{
    return &sim_backend_table;
}

void sim_trace_submit(struct sim_shard *ss, const struct rt_op *op, const char *target,
                      uint64_t pos, uint64_t length, uint64_t checksum)
{
    struct sim_row row = {.kind = SIM_ROW_SUBMIT,
                          .what = op->kind,
                          .node = ss->node->id,
                          .shard = ss->shard->id,
                          .target = target,
                          .pos = pos,
                          .length = length,
                          .checksum = checksum};
    sim_trace_add(&ss->node->sim->trace, sim_shard_now_ns(ss), &row);
}

void sim_complete(struct sim_shard *ss, struct rt_op *op, const char *target, uint64_t checksum,
                  enum err err, int64_t result)
{
    struct sim *sim = ss->node->sim;
    struct sim_row row = {.kind = SIM_ROW_DONE,
                          .what = op->kind,
                          .node = ss->node->id,
                          .shard = ss->shard->id,
                          .target = target,
                          .pos = sim_op_is_io(op) ? op->args.io.pos : 0,
                          .checksum = checksum,
                          .result = result,
                          .err = err};
    sim_trace_add(&sim->trace, sim_shard_now_ns(ss), &row);
    rt_op_complete(op, err, result, 0);
    sim_shard_kick(ss, sim->now_ns);
}

void sim_ops_crash(struct sim_shard *ss)
{
    struct sim *sim = ss->node->sim;
    struct list_node *link;
    while ((link = list_first(&ss->ops)) != NULL) {
        struct sim_op *so = CONTAINER_OF(link, struct sim_op, in_shard);
        if (prng_chance(&sim->prng_host, 1, 2)) {
            sim_op_write_part(so);
        }
        sim_op_free(so);
    }
}

static void sim_submit(struct rt_shard *shard, struct rt_op *op)
{
    struct sim_shard *ss = sim_shard_of(shard);
    struct sim *sim = ss->node->sim;
    if (op->kind >= RT_OP_LISTENER_CLOSE) {
        sim_net_submit(ss, op);
        return;
    }
    struct sim_op *so = sim_op_new(ss, op);
    sim_op_submit_row(so);
    struct sim_disk *disk = ss->node->disk;
    uint64_t delay_ns;
    if (op->kind == RT_OP_JOB) {
        delay_ns = sim_delay_draw(&sim->options.host.job, &sim->prng_host);
    } else if (op->kind == RT_OP_FILE_WRITE_DURABLE) {
        delay_ns = sim_disk_delay_ns(disk, RT_OP_FILE_WRITE, op->args.io.length);
    } else {
        delay_ns = sim_disk_delay_ns(disk, op->kind, sim_op_is_io(op) ? op->args.io.length : 0);
    }
    so->sequence = sim_disk_sequence(disk);
    sim_event_schedule(sim, &so->event, sim_shard_now_ns(ss) + delay_ns, sim_op_fire);
}

/* Work that has begun goes on; of a write that is stopped any part may have been done. */
static void sim_cancel(struct rt_shard *shard, struct rt_op *op)
{
    struct sim_shard *ss = sim_shard_of(shard);
    struct sim *sim = ss->node->sim;
    if (op->kind >= RT_OP_LISTENER_CLOSE) {
        sim_net_cancel(ss, op);
        return;
    }
    struct sim_op *so = op->backend;
    if (!so->is_written && prng_chance(&sim->prng_host, sim->options.host.cancel_ppm, 1000000)) {
        sim_op_write_part(so);
        sim_op_free(so);
        sim_complete(ss, op, sim_op_target(op), 0, op->stop_err, 0);
    }
}

/* Never called: time is the world's, and it hands out the turns. */
static bool sim_poll(struct rt_shard *shard, uint64_t until_ns)
{
    (void)shard;
    (void)until_ns;
    return false;
}

static void sim_wake(struct rt_shard *shard)
{
    struct sim_shard *ss = sim_shard_of(shard);
    struct sim *sim = ss->node->sim;
    uint64_t from_ns = sim->turning != NULL ? sim_shard_now_ns(sim->turning) : sim->now_ns;
    sim_shard_kick(ss, from_ns + sim_delay_draw(&sim->options.host.wake, &sim->prng_host));
}

static uint64_t sim_backend_now_ns(struct rt_shard *shard)
{
    struct sim_shard *ss = sim_shard_of(shard);
    if (ss->node->sim->turning == ss) {
        ss->ahead_ns += prng_range(&ss->node->sim->prng_host, 1, SIM_CLOCK_STEP_NS_MAX);
    }
    return sim_shard_now_ns(ss) + ss->node->clock_ahead_ns;
}

static uint64_t sim_backend_wall_ns(struct rt_shard *shard)
{
    struct sim_shard *ss = sim_shard_of(shard);
    return sim_shard_now_ns(ss) + ss->node->wall_ahead_ns;
}

/* Of a slow machine others have the processors. */
static uint32_t sim_backend_load(struct rt_shard *shard)
{
    const struct sim_node *node = sim_shard_of(shard)->node;
    return node->slow_factor > 1 ? 1000 * node->slow_factor : 0;
}

/* Nagle's algorithm is not simulated: delays are drawn, never less than what it would add. */
static void sim_set_flags(struct rt_sock *sock, uint32_t flags)
{
    (void)sock;
    (void)flags;
}

static struct sim_op *sim_op_new(struct sim_shard *ss, struct rt_op *op)
{
    struct sim *sim = ss->node->sim;
    struct list_node *link = list_pop_front(&sim->free_ops);
    struct sim_op *so = link != NULL ? CONTAINER_OF(link, struct sim_op, in_shard)
                                     : sim_alloc(sim, sizeof(struct sim_op));
    *so = (struct sim_op){.shard = ss, .op = op};
    op->backend = so;
    list_push_back(&ss->ops, &so->in_shard);
    return so;
}

static void sim_op_free(struct sim_op *so)
{
    struct sim *sim = so->shard->node->sim;
    sim_event_cancel(sim, &so->event);
    list_remove(&so->in_shard);
    list_push_back(&sim->free_ops, &so->in_shard);
}

/* A path, or the path a file was opened by. */
static const char *sim_op_target(const struct rt_op *op)
{
    if (op->kind == RT_OP_FILE_OPEN || op->kind >= RT_OP_PATH_RENAME) {
        return op->args.path.path;
    }
    return op->kind != RT_OP_JOB ? sim_handle_path(op->file->backend) : NULL;
}

static void sim_op_submit_row(struct sim_op *so)
{
    const struct rt_op *op = so->op;
    uint64_t pos = 0;
    uint64_t length = 0;
    if (op->kind == RT_OP_FILE_WRITE || op->kind == RT_OP_FILE_WRITE_DURABLE) {
        so->checksum = sim_checksum(op->args.io.iov, op->args.io.iov_count, 0, op->args.io.length);
    } else if (op->kind == RT_OP_FILE_READ) {
        for (uint32_t i = 0; i < op->args.io.iov_count; i++) {
            memset(op->args.io.iov[i].iov_base, SIM_GARBAGE, op->args.io.iov[i].iov_len);
        }
    }
    if (sim_op_is_io(op)) {
        pos = op->args.io.pos;
        length = op->args.io.length;
    }
    sim_trace_submit(so->shard, op, sim_op_target(op), pos, length, so->checksum);
}

static void sim_op_fire(struct sim *sim, struct sim_event *event)
{
    struct sim_op *so = CONTAINER_OF(event, struct sim_op, event);
    struct sim_shard *ss = so->shard;
    struct rt_op *op = so->op;
    enum err err = ERR_OK;
    int64_t result = 0;
    uint64_t checksum = 0;
    if (op->kind == RT_OP_FILE_WRITE || op->kind == RT_OP_FILE_WRITE_DURABLE) {
        if (!sim_op_write(so, &err)) {
            uint64_t flush_ns = sim_disk_delay_ns(ss->node->disk, RT_OP_FILE_WRITE_DURABLE, 0);
            sim_event_schedule(sim, &so->event, sim->now_ns + flush_ns, sim_op_fire);
            return;
        }
        result = err == ERR_OK ? (int64_t)op->args.io.length : 0;
    } else {
        err = sim_op_run(so, &result, &checksum);
    }
    sim_op_free(so);
    bool is_closed = op->kind == RT_OP_FILE_CLOSE;
    sim_complete(ss, op, is_closed ? NULL : sim_op_target(op), checksum, err, result);
}

/* One step of a write; false: a durable one is written and now to be made durable. */
static bool sim_op_write(struct sim_op *so, enum err *err)
{
    const struct rt_op *op = so->op;
    const struct iovec *iov = op->args.io.iov;
    uint32_t iov_count = op->args.io.iov_count;
    uint64_t length = op->args.io.length;
    /* The caller leaves the buffers alone until done (op.h, rule 2). */
    ASSERT(sim_checksum(iov, iov_count, 0, length) == so->checksum);
    if (so->is_written) {
        *err = sim_disk_land(op->file->backend, so->sequence);
        return true;
    }
    *err =
        sim_disk_write(op->file->backend, iov, iov_count, op->args.io.pos, length, &so->sequence);
    so->is_written = *err == ERR_OK && op->kind == RT_OP_FILE_WRITE_DURABLE;
    return !so->is_written;
}

/* tidy: dispatcher */
static enum err sim_op_run(struct sim_op *so, int64_t *result, uint64_t *checksum)
{
    struct rt_op *op = so->op;
    struct sim_disk *disk = so->shard->node->disk;
    struct sim_handle *handle = op->file != NULL ? op->file->backend : NULL;
    const char *path = op->args.path.path;
    const uint64_t pos = op->args.io.pos;
    const uint64_t length = op->args.io.length;
    enum err err = ERR_OK;
    switch (op->kind) {
    case RT_OP_JOB:
        err = op->args.job.work(op);
        *result = op->result;
        return err;
    case RT_OP_FILE_OPEN: return sim_op_open(so);
    case RT_OP_FILE_CLOSE: sim_disk_close(handle); return ERR_OK;
    case RT_OP_FILE_READ:
        err = sim_disk_read(handle, op->args.io.iov, op->args.io.iov_count, pos, length, result);
        *checksum = sim_checksum(op->args.io.iov, op->args.io.iov_count, 0, (uint64_t)*result);
        return err;
    case RT_OP_FILE_FLUSH: return sim_disk_flush(handle, so->sequence);
    case RT_OP_FILE_ALLOCATE:
        return sim_disk_allocate(handle, (enum rt_allocate)op->args.io.flags, pos, length);
    case RT_OP_FILE_TRUNCATE: return sim_disk_truncate(handle, length);
    case RT_OP_FILE_LOCK: return sim_disk_lock(handle, op->args.io.flags != 0);
    case RT_OP_FILE_SYNC_ALL: return sim_disk_sync_all(handle, so->sequence);
    case RT_OP_PATH_RENAME: return sim_disk_rename(disk, path, op->args.path.path_to);
    case RT_OP_PATH_UNLINK: return sim_disk_unlink(disk, path);
    case RT_OP_PATH_MKDIR: return sim_disk_mkdir(disk, path);
    case RT_OP_PATH_RMDIR: return sim_disk_rmdir(disk, path);
    case RT_OP_PATH_LIST: return sim_disk_list(disk, path, op->args.path.out);
    case RT_OP_PATH_SYNC_DIR: return sim_disk_sync_dir(disk, path, so->sequence);
    case RT_OP_PATH_SPACE: return sim_disk_space(disk, path, op->args.path.out);
    case RT_OP_FILE_WRITE:
    case RT_OP_FILE_WRITE_DURABLE:
    case RT_OP_DEFER:
    case RT_OP_LISTENER_CLOSE:
    case RT_OP_SOCK_ACCEPT:
    case RT_OP_SOCK_CONNECT:
    case RT_OP_SOCK_RECV:
    case RT_OP_SOCK_SEND:
    case RT_OP_SOCK_CLOSE:
    case RT_OP_SOCK_DETACH:
    case RT_OP_KIND_COUNT: break;
    }
    UNREACHABLE();
}

static enum err sim_op_open(struct sim_op *so)
{
    struct rt_file *file = so->op->file;
    struct sim_handle *handle = NULL;
    enum err err =
        sim_disk_open(so->shard->node->disk, so->op->args.path.path, file->flags, &handle);
    if (err == ERR_OK) {
        file->backend = handle;
        file->is_direct = sim_handle_is_direct(handle);
        file->size_bytes = sim_handle_size(handle);
        file->device_id = so->shard->node->id;
    }
    return err;
}

/* Some part of a write that is not to be finished happens, cut at a sector. Other work happens
 * whole or not at all, and this is the case where it does not. */
static void sim_op_write_part(struct sim_op *so)
{
    const struct rt_op *op = so->op;
    bool is_write = op->kind == RT_OP_FILE_WRITE || op->kind == RT_OP_FILE_WRITE_DURABLE;
    if (!is_write || so->is_written) {
        return;
    }
    struct sim *sim = so->shard->node->sim;
    uint64_t sectors_count = op->args.io.length / 512;
    uint64_t length = prng_range(&sim->prng_host, 0, sectors_count) * 512;
    if (length > 0) {
        uint64_t sequence;
        enum err err = sim_disk_write(op->file->backend, op->args.io.iov, op->args.io.iov_count,
                                      op->args.io.pos, length, &sequence);
        MAYBE(err != ERR_OK);
    }
}

/* Whether the request has a position and a length. */
static bool sim_op_is_io(const struct rt_op *op)
{
    return (op->kind >= RT_OP_FILE_READ && op->kind <= RT_OP_FILE_WRITE_DURABLE) ||
           op->kind == RT_OP_FILE_ALLOCATE || op->kind == RT_OP_FILE_TRUNCATE;
}
