/* Our side of rt_file: the load through base/rt/file.h on one shard. See rt_file.h. */
#include <string.h>

#include "base/assert.h"
#include "base/rt/worker.h"
#include "bench/macro/rt_file.h"

static struct file_ours *file_ours_of(struct rt_shard *shard);
static void file_ours_probe_begin(struct rt_shard *shard);
static void file_ours_probe_done(struct rt_probe *probe);
static void file_ours_open_begin(struct rt_shard *shard);
static void file_ours_close_begin(struct rt_shard *shard);
static void file_ours_admin_done(struct rt_op *op);
static void file_ours_run_begin(struct rt_shard *shard);
static void file_ours_next(struct file_ours *ours, struct file_ours_slot *slot);
static enum err file_ours_handover(struct rt_op *op);
static void file_ours_done(struct rt_op *op);

void file_ours_start(struct file_ours *ours, enum rt_kind kind, const struct file_load *load)
{
    *ours = (struct file_ours){.load = load};
    rt_side_start(&ours->side, kind, 1);
    ours->side.context = ours;
}

void file_ours_probe(struct file_ours *ours, const char *dir)
{
    ours->probe.owner = (void *)(uintptr_t)dir;
    rt_side_run(&ours->side, file_ours_probe_begin);
    if (ours->probe.err != ERR_OK) {
        file_fail("measuring the forms of durable writes", ours->probe.saved_errno);
    }
}

void file_ours_open(struct file_ours *ours)
{
    rt_side_run(&ours->side, file_ours_open_begin);
}

struct file_run file_ours_run(void *context)
{
    struct file_ours *ours = context;
    rt_side_run(&ours->side, file_ours_run_begin);
    return file_load_run(ours->load, &ours->times);
}

void file_ours_close(struct file_ours *ours)
{
    rt_side_run(&ours->side, file_ours_close_begin);
}

void file_ours_stop(struct file_ours *ours)
{
    rt_side_stop(&ours->side);
}

static struct file_ours *file_ours_of(struct rt_shard *shard)
{
    struct rt_side *side = shard->app;
    return side->context;
}

static void file_ours_probe_begin(struct rt_shard *shard)
{
    struct rt_probe *probe = &file_ours_of(shard)->probe;
    rt_probe_start(probe, shard, probe->owner, RT_PROBE_NS, file_ours_probe_done);
}

static void file_ours_probe_done(struct rt_probe *probe)
{
    rt_side_done(probe->shard);
}

static void file_ours_open_begin(struct rt_shard *shard)
{
    struct file_ours *ours = file_ours_of(shard);
    const struct file_load *load = ours->load;
    rt_set_flush_form(shard, ours->probe.device_id, load->form);
    for (uint32_t i = 0; i < load->depth; i++) {
        struct file_ours_slot *slot = &ours->slots[i];
        rt_op_init(&slot->op, shard, file_ours_done);
        slot->iov = (struct iovec){load->data + (size_t)i * load->block_bytes, load->block_bytes};
    }
    rt_op_init(&ours->op, shard, file_ours_admin_done);
    rt_file_open(&ours->file, &ours->op, shard, load->path,
                 RT_FILE_READ | RT_FILE_WRITE | RT_FILE_DIRECT, 0);
}

static void file_ours_close_begin(struct rt_shard *shard)
{
    struct file_ours *ours = file_ours_of(shard);
    rt_file_close(&ours->file, &ours->op);
}

static void file_ours_admin_done(struct rt_op *op)
{
    if (op->err != ERR_OK) {
        file_fail("opening or closing the file", op->saved_errno);
    }
    rt_side_done(op->shard);
}

static void file_ours_run_begin(struct rt_shard *shard)
{
    struct file_ours *ours = file_ours_of(shard);
    ours->index_end = ours->index + ours->load->ops_count;
    file_load_bind(ours->load);
    file_times_begin(&ours->times);
    for (uint32_t i = 0; i < ours->load->depth; i++) {
        file_ours_next(ours, &ours->slots[i]);
    }
}

/* Begin the next operation, if the run has one left. */
static void file_ours_next(struct file_ours *ours, struct file_ours_slot *slot)
{
    const struct file_load *load = ours->load;
    if (ours->index == ours->index_end) {
        return;
    }
    ours->waiting_count++;
    uint64_t pos = file_load_pos(load, ours->index++);
    switch (load->act) {
    case FILE_ACT_READ:
        rt_file_read(&ours->file, &slot->op, slot->iov.iov_base, slot->iov.iov_len, pos);
        break;
    case FILE_ACT_WRITE:
        rt_file_write(&ours->file, &slot->op, slot->iov.iov_base, slot->iov.iov_len, pos);
        break;
    case FILE_ACT_WRITE_DURABLE:
        rt_file_write_durable(&ours->file, &slot->op, &slot->iov, 1, pos);
        break;
    case FILE_ACT_HANDOVER: rt_job_submit(&slot->op, file_ours_handover); break;
    }
}

/* On a worker thread: all that an operation needs but the operation. */
static enum err file_ours_handover(struct rt_op *op)
{
    op->result = (int64_t)CONTAINER_OF(op, struct file_ours_slot, op)->iov.iov_len;
    return ERR_OK;
}

static void file_ours_done(struct rt_op *op)
{
    struct file_ours *ours = file_ours_of(op->shard);
    if (op->err != ERR_OK || op->result != (int64_t)ours->load->block_bytes) {
        file_fail("an operation of ours", op->saved_errno);
    }
    if (!file_times_ended(&ours->times)) {
        ours->index_end = ours->index;
    }
    ours->waiting_count--;
    file_ours_next(ours, CONTAINER_OF(op, struct file_ours_slot, op));
    if (ours->waiting_count == 0) {
        rt_side_done(op->shard);
    }
}
