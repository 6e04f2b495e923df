/* The trace's hash and text. See sim_trace.h. */
#include "tests/sim/sim_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/rt/op.h"
#include "tests/sim/sim_disk.h"

#define SIM_LINE_BYTES 1024

static void sim_trace_print(const struct sim_trace *trace, uint64_t time_ns,
                            const struct sim_row *row);

void sim_trace_init(struct sim_trace *trace, void (*line)(void *ctx, const char *line), void *ctx)
{
    *trace = (struct sim_trace){.line = line, .ctx = ctx};
}

void sim_trace_add(struct sim_trace *trace, uint64_t time_ns, const struct sim_row *row)
{
    ASSERT((unsigned)row->kind < SIM_ROW_COUNT);
    uint64_t words[] = {
        time_ns,
        (uint64_t)row->kind << 32 | row->what,
        (uint64_t)row->node << 32 | row->shard,
        row->target != NULL ? hash64(row->target, strlen(row->target), 0) : 0,
        row->pos,
        row->length,
        row->checksum,
        (uint64_t)row->result,
        (uint64_t)row->err,
    };
    trace->hash = hash64(words, sizeof(words), trace->hash);
    trace->rows_count++;
    if (trace->line != NULL) {
        sim_trace_print(trace, time_ns, row);
    }
}

static void sim_trace_print(const struct sim_trace *trace, uint64_t time_ns,
                            const struct sim_row *row)
{
    static const struct {
        char mark;
        const char *name;
    } kinds[SIM_ROW_COUNT] = {
#define SIM_ROW_TEXT(name, mark, text) [SIM_ROW_##name] = {mark, text},
        SIM_ROWS(SIM_ROW_TEXT)
#undef SIM_ROW_TEXT
    };
    const char *name = kinds[row->kind].name;
    if (row->kind == SIM_ROW_SUBMIT || row->kind == SIM_ROW_DONE) {
        name = rt_op_kind_name((enum rt_op_kind)row->what);
    } else if (row->kind == SIM_ROW_FAULT) {
        name = sim_fault_name((enum sim_fault)row->what);
    }
    char who[32];
    if (row->shard != SIM_NO_SHARD) {
        snprintf(who, sizeof(who), "n%" PRIu32 ".%" PRIu32, row->node, row->shard);
    } else {
        snprintf(who, sizeof(who), "n%" PRIu32, row->node);
    }
    char fields[5][32] = {{0}};
    if (row->pos != 0) {
        snprintf(fields[0], sizeof(fields[0]), " @%" PRIu64, row->pos);
    }
    if (row->length != 0) {
        snprintf(fields[1], sizeof(fields[1]), " +%" PRIu64, row->length);
    }
    if (row->checksum != 0) {
        snprintf(fields[2], sizeof(fields[2]), " #%08" PRIx64, row->checksum >> 32);
    }
    if (row->result != 0 || row->kind == SIM_ROW_DONE) {
        snprintf(fields[3], sizeof(fields[3]), " =%" PRId64, row->result);
    }
    if (row->err != ERR_OK) {
        snprintf(fields[4], sizeof(fields[4]), " %s", err_name(row->err));
    }
    char line[SIM_LINE_BYTES];
    snprintf(line, sizeof(line), "%-13" PRIu64 " %-6s %c %-18s %s%s%s%s%s%s", time_ns, who,
             kinds[row->kind].mark, name, row->target != NULL ? row->target : "", fields[0],
             fields[1], fields[2], fields[3], fields[4]);
    trace->line(trace->ctx, line);
}
