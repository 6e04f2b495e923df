/* Opening a source: of a stream or a system table; what all have in common. See scan.h. */
#include "broker/core/scan.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/list.h"
#include "broker/core/scan_int.h"

static enum err core_scan_open(void *ctx, const struct plan_scan *scan, uint32_t outputs_count,
                               struct budget *budget, struct exec_failure *failure,
                               struct exec_source **out)
{
    struct core_scans *scans = ctx;
    *out = NULL;
    switch (scan->relation->kind) {
    case PLAN_RELATION_STREAM:
        return core_scan_stream_open(scans, scan, outputs_count, budget, failure, out);
    case PLAN_RELATION_SYSTEM:
        return core_scan_system_open(scans, scan, outputs_count, budget, failure, out);
    case PLAN_RELATION_VIEW:
        return core_scan_view_open(scans, scan, outputs_count, budget, failure, out);
    }
    UNREACHABLE();
}

static enum exec_result core_scan_next(struct exec_source *source, struct exec_failure *failure,
                                       const struct vec_batch **out)
{
    *out = NULL;
    return source->ops->next(source, failure, out);
}

static void core_scan_close(struct exec_source *source)
{
    source->ops->close(source);
}

const struct exec_source_ops core_scan_ops = {core_scan_open, core_scan_next, core_scan_close};

enum err core_source_new(struct core_scans *scans, size_t bytes, const struct core_source_ops *ops,
                         struct budget *budget, struct exec_failure *failure, void *out)
{
    void *block;
    enum err err = budget_alloc(budget, bytes, 64, &block);
    if (err != ERR_OK) {
        (void)core_source_fail_memory(failure);
        return err;
    }
    struct exec_source *source = block;
    *source = (struct exec_source){.ops = ops, .scans = scans, .budget = budget};
    scans->open_count++;
    *(void **)out = block;
    return ERR_OK;
}

void core_source_free(struct exec_source *source, bool is_turn)
{
    struct core_scans *scans = source->scans;
    ASSERT(scans->open_count > 0);
    budget_free(source->budget, source);
    scans->open_count--;
    if (is_turn && scans->open_count == 0) {
        scans->closed(scans->ctx);
    }
}

enum exec_result core_source_fail(struct exec_failure *failure, const char *state,
                                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(failure->message, sizeof(failure->message), format, args);
    va_end(args);
    failure->state = state;
    return EXEC_FAILED;
}

enum exec_result core_source_fail_memory(struct exec_failure *failure)
{
    return core_source_fail(failure, "53200", "out of memory: the query's limit is reached");
}
