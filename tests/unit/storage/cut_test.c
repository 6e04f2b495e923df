/* A cut, and what waits for a frame when it comes. */
#include "storage/log/lane.h"
#include "storage/log/shard.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/home.h"

#define CUT_STEPS_MAX 1000000u

/* The whole tail of `log` that is in no frame yet, or NULL. */
static const struct log_op *cut_waiting_tail(const struct log_shard *ls, const struct log *log)
{
    list_for_each (node, &ls->lane.pending) {
        const struct log_op *op = CONTAINER_OF(node, const struct log_op, in_queue);
        if (op->log == log && op->record.kind == LOG_RECORD_TAIL) {
            return op;
        }
    }
    return NULL;
}

static void cut_done(struct log_op *op)
{
    assert_int_equal(op->err, ERR_OK);
    ((struct home *)op->ctx)->pending_count--;
}

/* A group whose few entries are journaled anew, since another one fills the journal, is cut while
 * that record waits for a frame: the record speaks of entries that go. It must not share a frame
 * with the cut: if that frame rotted, what is left of it would say that they are there. */
static void a_cut_withdraws_the_tail_that_waits(void **state)
{
    (void)state;
    struct home *home = home_new(1);
    home->batch_bytes = 300;
    assert_int_equal(home_start(home, 1), ERR_OK);
    home_ask(home, home_shard_create);
    home_ask(home, home_shard_append);
    home_ask(home, home_shard_append);
    struct home_shard *hs = &home->shards[0];
    struct log *log = log_find(&hs->ls, home->first_id);
    struct log *other = log_find(&hs->ls, home->first_id + 1);
    struct log_op append;
    for (uint32_t i = 0; cut_waiting_tail(&hs->ls, log) == NULL; i++) {
        assert_true(i < CUT_STEPS_MAX);
        if (home->pending_count == 0) {
            append = (struct log_op){.done = cut_done, .ctx = home};
            home->pending_count += home_append(hs, other, &append) == ERR_OK;
        }
        assert_true(sim_run_steps(home->sim, 1));
    }
    struct log_op cut = {.done = cut_done, .ctx = home};
    home->pending_count++;
    log_cut(log, &cut, 2);
    assert_null(cut_waiting_tail(&hs->ls, log));
    home_wait(home);
    struct log_status status;
    log_status(log, &status);
    assert_int_equal(status.end.index, 1);
    assert_int_equal(status.durable_index, 1);
    home_ask(home, home_shard_append);
    home_close(home);
    assert_int_equal(home_start(home, 1), ERR_OK);
    assert_true(home_status(home, home->first_id, &status));
    assert_int_equal(status.end.index, 2);
    home_close(home);
    home_free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_withdraws_the_tail_that_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
