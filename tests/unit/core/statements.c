/* See statements.h. */
#include "tests/unit/core/statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/query_run.h"
#include "tests/support/cmocka.h"
#include "views/plan/value.h"

#define STATEMENT_LIMIT_NS (1000 * RT_NS_PER_S)

/* What a run that is kept to be used again may hold: the first chunk of its arena. */
#define STATEMENT_IDLE_BYTES (5u << 10)

static void statement_columns(struct core_query *query, const struct plan_output *outputs,
                              uint32_t count);
static bool statement_rows(struct core_query *query, const struct vec_batch *batch);
static void statement_done(struct core_query *query);

struct statement *statement_new(struct yard *y, uint32_t shard, const char *text)
{
    static const struct core_query_ops ops = {statement_columns, statement_rows, statement_done};
    struct statement *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->y = y;
    s->shard = shard;
    s->query = (struct core_query){.ops = &ops, .ctx = s, .text = text, .length = strlen(text)};
    return s;
}

void statement_free(struct statement *s)
{
    assert_true(s->done_count == 1 || s->query.run == NULL);
    free(s->answer);
    free(s);
}

/* --- The answer --- */

static void statement_put(struct statement *s, const char *text, size_t length)
{
    if (s->answer_bytes + length + 1 > s->answer_room) {
        s->answer_room = 2 * (s->answer_bytes + length + 1);
        s->answer = realloc(s->answer, s->answer_room);
        assert_non_null(s->answer);
    }
    memcpy(s->answer + s->answer_bytes, text, length);
    s->answer_bytes += length;
    s->answer[s->answer_bytes] = '\0';
}

static void statement_columns(struct core_query *query, const struct plan_output *outputs,
                              uint32_t count)
{
    struct statement *s = query->ctx;
    assert_int_equal(s->answer_bytes, 0);
    for (uint32_t i = 0; i < count; i++) {
        statement_put(s, outputs[i].name, strlen(outputs[i].name));
        statement_put(s, i + 1 < count ? "|" : "\n", 1);
    }
}

static void statement_row(struct statement *s, const struct vec_batch *batch, uint32_t row)
{
    for (uint32_t i = 0; i < batch->columns_count; i++) {
        static uint8_t text[64 << 10];
        struct bytes_writer w = bytes_writer(text, sizeof(text));
        struct vec_value value;
        vec_get(&batch->columns[i], row, &value);
        if (value.is_null) {
            bytes_put_copy(&w, "NULL", 4);
        } else {
            plan_value_write(&w, (enum vec_kind)batch->columns[i].type.kind, &value);
        }
        assert_int_equal(w.err, ERR_OK);
        statement_put(s, (const char *)text, w.pos);
        statement_put(s, i + 1 < batch->columns_count ? "|" : "\n", 1);
    }
}

static bool statement_rows(struct core_query *query, const struct vec_batch *batch)
{
    struct statement *s = query->ctx;
    assert_int_equal(s->done_count, 0);
    assert_true(query->has_columns);
    for (uint32_t i = 0; i < batch->selection.count; i++) {
        statement_row(s, batch, vec_row(batch->selection, i));
    }
    s->batch_count++;
    return !s->is_pausing;
}

static void statement_done(struct core_query *query)
{
    struct statement *s = query->ctx;
    char text[SQL_ERROR_TEXT_BYTES + 100];
    s->done_count++;
    assert_int_equal(s->done_count, 1);
    assert_null(query->run);
    assert_false(query->is_paused);
    if (query->error.state != SQL_STATE_NONE) {
        int length = snprintf(text, sizeof(text), "%s at %u:%u: %s\n", query->error.code,
                              query->error.line, query->error.column, query->error.message);
        statement_put(s, text, (size_t)length);
    } else {
        int length = snprintf(
            text, sizeof(text), "%llu of %llu records, %llu bytes, %llu errors\n",
            (unsigned long long)query->rows_count, (unsigned long long)query->records_count,
            (unsigned long long)query->scanned_bytes, (unsigned long long)query->errors_count);
        statement_put(s, text, (size_t)length);
    }
}

/* --- Its life --- */

static void statement_start_call(struct rt_shard *shard, void *ctx)
{
    struct statement *s = ctx;
    s->posts_count--;
    if (s->timeout_ns > 0) {
        s->query.deadline_ns = rt_now_ns(shard) + s->timeout_ns;
    }
    core_query_start(&s->y->shards[shard->id], &s->query);
}

static void statement_cancel_call(struct rt_shard *shard, void *ctx)
{
    struct statement *s = ctx;
    (void)shard;
    s->posts_count--;
    if (s->done_count == 0) {
        core_query_cancel(&s->query);
    }
}

static void statement_resume_call(struct rt_shard *shard, void *ctx)
{
    struct statement *s = ctx;
    (void)shard;
    s->posts_count--;
    if (s->done_count == 0) {
        core_query_resume(&s->query);
    }
}

static void statement_post(struct statement *s, void (*call)(struct rt_shard *shard, void *ctx))
{
    s->posts_count++;
    sim_post(sim_node_shard(s->y->node, s->shard), call, s);
}

void statement_start(struct statement *s)
{
    statement_post(s, statement_start_call);
}

void statement_cancel(struct statement *s)
{
    statement_post(s, statement_cancel_call);
}

void statement_resume(struct statement *s)
{
    statement_post(s, statement_resume_call);
}

static bool statement_is_done(void *ctx)
{
    const struct statement *s = ctx;
    return s->done_count > 0 && s->posts_count == 0;
}

void statement_wait(struct statement *s)
{
    uint64_t limit_ns = sim_now_ns(s->y->sim) + STATEMENT_LIMIT_NS;
    if (!sim_run_until_true(s->y->sim, statement_is_done, s, limit_ns)) {
        fail_msg("it does not end: %s", s->query.text);
    }
}

char *statement_ask(struct yard *y, uint32_t shard, const char *text)
{
    struct statement *s = statement_new(y, shard, text);
    statement_start(s);
    statement_wait(s);
    char *answer = s->answer;
    s->answer = NULL;
    statement_free(s);
    return answer;
}

void statements_are_gone(struct yard *y)
{
    for (uint32_t i = 0; i < y->shards_count; i++) {
        struct core_queries *queries = &y->shards[i].queries;
        size_t idle_bytes = 0;
        assert_int_equal(queries->count, 0);
        assert_int_equal(queries->admitted_count, 0);
        assert_int_equal(queries->waiting_count, 0);
        assert_int_equal(queries->slots_count, 0);
        assert_true(list_is_empty(&queries->ready));
        assert_true(list_is_empty(&queries->parts));
        assert_true(list_is_empty(&queries->waiting));
        assert_int_equal(queries->budget.children_count, queries->idle_count);
        for (struct list_node *node = list_first(&queries->idle); node != NULL;
             node = list_next(&queries->idle, node)) {
            struct core_query_run *run = CONTAINER_OF(node, struct core_query_run, in_list);
            assert_true(run->budget.used_bytes <= STATEMENT_IDLE_BYTES);
            assert_int_equal(run->parts.busy_count, 0);
            idle_bytes += run->budget.used_bytes;
        }
        assert_true(queries->budget.used_bytes >= idle_bytes);
        assert_int_equal(y->shards[i].calls_count, y->shards[i].ticks.calls_count);
    }
}
