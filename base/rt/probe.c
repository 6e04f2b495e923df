/* Measuring the forms of durable writes. See probe.h.
 *
 * A region of 64 blocks is written and flushed once, so that the measured writes overwrite what has
 * blocks already, as the journal's do (LOG §4). Then the forms write the blocks one at a time, a
 * few writes of each form in turn: a disk that others keep busy for some milliseconds is slow for
 * all forms, where one form after another would be chosen for having had the quiet moment.
 *
 * Of forms that are not far apart the linked one is taken. On io_uring, RWF_DSYNC on a device
 * without forced unit access (FUA) is ended by a kernel worker bound to the CPU of the disk's
 * interrupt (iomap's s_dio_done_wq): while something else runs there, a write takes until the next
 * tick, up to 4 ms, which a quiet moment at start does not show: in such moments it took from 66 to
 * 135 hundredths of the linked form's time. Where FUA makes it one trip to the device instead of
 * two, it wins by more. */
#include "base/rt/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/budget.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"

/* A form replaces the one that led before when it takes less than so many hundredths of its time.
 */
#define RT_PROBE_PERCENT 60

#define RT_PROBE_REGION_BYTES (RT_PROBE_WRITES_MAX * RT_BLOCK_BYTES)

static_assert(RT_FLUSH_LINKED == 0, "the first form is the one to beat");
static_assert(RT_PROBE_WRITES_MAX % RT_PROBE_WRITES_MIN == 0, "whole rounds fill the samples");

enum {
    RT_PROBE_IDLE,
    RT_PROBE_OPEN,
    RT_PROBE_FILL,
    RT_PROBE_WRITE,
    RT_PROBE_CLOSE,
    RT_PROBE_UNLINK
};

static const struct sm_conf rt_probe_stages[] = {
    [RT_PROBE_IDLE] = {"IDLE", SM_BIT(RT_PROBE_OPEN), SM_INITIAL | SM_FINAL},
    [RT_PROBE_OPEN] = {"OPEN", SM_BIT(RT_PROBE_FILL) | SM_BIT(RT_PROBE_IDLE), 0},
    [RT_PROBE_FILL] = {"FILL", SM_BIT(RT_PROBE_WRITE) | SM_BIT(RT_PROBE_CLOSE), 0},
    [RT_PROBE_WRITE] = {"WRITE", SM_BIT(RT_PROBE_WRITE) | SM_BIT(RT_PROBE_CLOSE), 0},
    [RT_PROBE_CLOSE] = {"CLOSE", SM_BIT(RT_PROBE_UNLINK), 0},
    [RT_PROBE_UNLINK] = {"UNLINK", SM_BIT(RT_PROBE_IDLE), 0},
};

static const struct sm_decl rt_probe_decl = {"rt_probe", rt_probe_stages,
                                             ARRAY_COUNT(rt_probe_stages), NULL};

static void rt_probe_run(struct rt_op *op);
static void rt_probe_write(struct rt_probe *probe);
static bool rt_probe_sample(struct rt_probe *probe);
static void rt_probe_close(struct rt_probe *probe);
static void rt_probe_fail(struct rt_probe *probe);
static void rt_probe_finish(struct rt_probe *probe);
static void rt_probe_summarise(struct rt_probe *probe);
static int rt_probe_compare(const void *a, const void *b);

void rt_probe_start(struct rt_probe *probe, struct rt_shard *shard, const char *dir,
                    uint64_t budget_ns, void (*done)(struct rt_probe *probe))
{
    ASSERT(done != NULL);
    *probe = (struct rt_probe){
        .owner = probe->owner, .done = done, .shard = shard, .budget_ns = budget_ns};
    sm_init(&probe->sm, &rt_probe_decl, RT_PROBE_IDLE, NULL, 0);
    rt_op_init(&probe->op, shard, rt_probe_run);
    rt_op_defer(&probe->op);
    int length = snprintf(probe->path, sizeof(probe->path), "%s/.tdb-probe-%016llx", dir,
                          (unsigned long long)rt_random(shard));
    if (length < 0 || (size_t)length >= sizeof(probe->path)) {
        probe->err = ERR_INVALID;
    } else {
        probe->err = budget_alloc(rt_shard_budget(shard), RT_PROBE_REGION_BYTES, RT_BLOCK_BYTES,
                                  &probe->region);
    }
}

const char *rt_flush_form_name(enum rt_flush_form form)
{
    static const char *const names[RT_FLUSH_COUNT] = {"linked", "dsync", "thread"};
    ASSERT(form < RT_FLUSH_COUNT);
    return names[form];
}

static void rt_probe_run(struct rt_op *op)
{
    struct rt_probe *probe = CONTAINER_OF(op, struct rt_probe, op);
    switch (sm_stage(&probe->sm)) {
    case RT_PROBE_IDLE:
        sm_move(&probe->sm, RT_PROBE_OPEN);
        if (probe->err != ERR_OK) {
            rt_probe_finish(probe);
            return;
        }
        rt_file_open(&probe->file, op, probe->shard, probe->path,
                     RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE | RT_FILE_EXCLUSIVE |
                         RT_FILE_DIRECT,
                     0600);
        return;
    case RT_PROBE_OPEN:
        if (op->err != ERR_OK) {
            rt_probe_fail(probe);
            rt_probe_finish(probe);
            return;
        }
        probe->is_direct = probe->file.is_direct;
        probe->device_id = probe->file.device_id;
        sm_move(&probe->sm, RT_PROBE_FILL);
        probe->iov = (struct iovec){probe->region, RT_PROBE_REGION_BYTES};
        rt_file_write_durable(&probe->file, op, &probe->iov, 1, 0);
        return;
    case RT_PROBE_FILL:
        if (op->err != ERR_OK) {
            rt_probe_fail(probe);
            rt_probe_close(probe);
            return;
        }
        probe->began_ns = rt_now_precise_ns(probe->shard);
        rt_probe_write(probe);
        return;
    case RT_PROBE_WRITE:
        if (op->err != ERR_OK) {
            rt_probe_fail(probe);
            rt_probe_close(probe);
        } else if (rt_probe_sample(probe)) {
            rt_probe_write(probe);
        } else {
            rt_probe_summarise(probe);
            rt_probe_close(probe);
        }
        return;
    case RT_PROBE_CLOSE:
        sm_move(&probe->sm, RT_PROBE_UNLINK);
        rt_path_unlink(op, probe->path);
        return;
    case RT_PROBE_UNLINK:
        if (op->err != ERR_OK) {
            rt_probe_fail(probe);
        }
        rt_probe_finish(probe);
        return;
    default: UNREACHABLE();
    }
}

static void rt_probe_write(struct rt_probe *probe)
{
    sm_move(&probe->sm, RT_PROBE_WRITE);
    probe->file.form = (enum rt_flush_form)probe->form;
    uint64_t pos = (uint64_t)probe->forms[probe->form].samples_count * RT_BLOCK_BYTES;
    probe->iov = (struct iovec){(uint8_t *)probe->region + pos, RT_BLOCK_BYTES};
    probe->write_began_ns = rt_now_precise_ns(probe->shard);
    rt_file_write_durable(&probe->file, &probe->op, &probe->iov, 1, pos);
}

/* Note how long the write took; whether there is another one to make. */
static bool rt_probe_sample(struct rt_probe *probe)
{
    struct rt_probe_form *form = &probe->forms[probe->form];
    uint64_t now_ns = rt_now_precise_ns(probe->shard);
    form->samples_ns[form->samples_count++] = now_ns - probe->write_began_ns;
    if (form->samples_count % RT_PROBE_WRITES_MIN == 0) {
        probe->form = (probe->form + 1) % RT_FLUSH_COUNT;
        bool is_full = probe->forms[probe->form].samples_count == RT_PROBE_WRITES_MAX;
        bool is_late = now_ns - probe->began_ns >= probe->budget_ns;
        return !is_full && !(is_late && probe->form == 0); /* after whole rounds only */
    }
    return true;
}

static void rt_probe_close(struct rt_probe *probe)
{
    sm_move(&probe->sm, RT_PROBE_CLOSE);
    rt_file_close(&probe->file, &probe->op);
}

/* Keep the first failure. */
static void rt_probe_fail(struct rt_probe *probe)
{
    if (probe->err == ERR_OK) {
        probe->err = probe->op.err;
        probe->saved_errno = probe->op.saved_errno;
    }
}

static void rt_probe_finish(struct rt_probe *probe)
{
    budget_free(rt_shard_budget(probe->shard), probe->region);
    probe->region = NULL;
    sm_move(&probe->sm, RT_PROBE_IDLE);
    sm_deinit(&probe->sm);
    probe->done(probe);
}

static void rt_probe_summarise(struct rt_probe *probe)
{
    for (uint32_t i = 0; i < RT_FLUSH_COUNT; i++) {
        struct rt_probe_form *form = &probe->forms[i];
        ASSERT(form->samples_count >= RT_PROBE_WRITES_MIN);
        qsort(form->samples_ns, form->samples_count, sizeof(form->samples_ns[0]), rt_probe_compare);
        form->p50_ns = form->samples_ns[(form->samples_count - 1) / 2];
        form->p99_ns = form->samples_ns[(form->samples_count * 99 + 99) / 100 - 1];
        uint64_t best_ns = probe->forms[probe->best].p50_ns;
        if (form->p50_ns * 100 < best_ns * RT_PROBE_PERCENT) {
            probe->best = (enum rt_flush_form)i;
        }
    }
}

static int rt_probe_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}
