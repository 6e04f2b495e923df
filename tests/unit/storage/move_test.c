/* Groups that change shard: what is refused meanwhile, what comes along, and what happens when the
 * move does not come to its end. */
#include "storage/log/move.h"

#include <string.h>

#include "base/rt/clock.h"
#include "storage/log/table.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/moves.h"

/* --- What is refused --- */

/* Asked on the group's shard right after log_detach: what comes of it. */
static const struct {
    const char *name;
    void (*ask)(struct moves *m, struct log_shard *ls);
    enum err err;
} move_asks[] = {
    {"an append is refused while the group leaves", moves_append, ERR_AGAIN},
    {"a cut is refused while the group leaves", moves_cut, ERR_AGAIN},
    {"a trim is refused while the group leaves", moves_trim, ERR_AGAIN},
    {"a roll is refused while the group leaves", moves_roll, ERR_AGAIN},
    {"a hard state is refused while the group leaves", moves_hard, ERR_AGAIN},
    {"a delete is refused while the group leaves", moves_delete, ERR_AGAIN},
    {"a second detach is refused while the group leaves", moves_detach_again, ERR_AGAIN},
    {"a read is refused while the group leaves", moves_read, ERR_AGAIN},
    {"a reader's step is refused while the group leaves", moves_step, ERR_AGAIN},
    {"a create of its id is refused while the group leaves", moves_create, ERR_EXISTS},
};

static void moves_detach_and_ask(struct moves *m, struct log_shard *ls)
{
    moves_append(m, ls);
    moves_detach(m, ls);
    move_asks[m->to].ask(m, ls);
}

static void move_refuses(void **state)
{
    size_t row = (size_t)*state;
    struct moves *m = moves_new(row + 1);
    moves_fill(m, 4);
    moves_on(m, 1, moves_open_reader);
    m->index = 3;
    m->next_index = 1;
    m->ops_count = 0;
    m->answers_count = 0;
    m->to = (uint32_t)row;
    moves_on(m, 1, moves_detach_and_ask);
    moves_until(m, moves_has_left);
    assert_int_equal(m->move.err, ERR_OK);
    bool is_op = move_asks[row].ask != moves_append && move_asks[row].ask != moves_read &&
                 move_asks[row].ask != moves_step && move_asks[row].ask != moves_detach_again;
    assert_int_equal(is_op ? m->ops[1].err : m->refusal, move_asks[row].err);
    assert_int_equal(m->ops[0].err, ERR_OK);
    moves_on(m, 1, moves_close_reader);
    moves_on(m, 0, moves_attach);
    m->ops_count = 0;
    m->answers_count = 0;
    moves_check(m, 1, 5);
    moves_free(m);
}

/* A group in some state, and what its detach ends with. */
static void moves_make_amnesiac(struct moves *m)
{
    m->log->is_amnesiac = true;
}

static void moves_make_unavailable(struct moves *m)
{
    m->log->is_available = false;
}

static void moves_make_fenced(struct moves *m)
{
    atomic_store(&m->home->store.is_fenced, true);
}

static void moves_make_deleted(struct moves *m)
{
    moves_on(m, m->shard, moves_delete);
}

static const struct {
    const char *name;
    void (*make)(struct moves *m);
    enum err err;
} move_states[] = {
    {"an amnesiac group leaves", moves_make_amnesiac, ERR_OK},
    {"an unavailable group stays", moves_make_unavailable, ERR_ACCESS},
    {"a fenced store's group stays", moves_make_fenced, ERR_FENCED},
    {"a deleted group stays", moves_make_deleted, ERR_CLOSING},
};

static void move_depends_on_the_state(void **state)
{
    size_t row = (size_t)*state;
    struct moves *m = moves_new(row + 20);
    moves_fill(m, 3);
    move_states[row].make(m);
    moves_on(m, 1, moves_detach);
    moves_until(m, moves_has_left);
    assert_int_equal(m->move.err, move_states[row].err);
    if (m->move.err == ERR_OK) {
        moves_on(m, 0, moves_attach);
        assert_true(m->log->is_amnesiac);
        m->log->is_amnesiac = false;
        moves_check(m, 1, 3);
    }
    m->log = NULL;
    atomic_store(&m->home->store.is_fenced, false);
    moves_free(m);
}

/* --- What comes along --- */

static void move_answers_what_was_submitted(void **state)
{
    (void)state;
    struct moves *m = moves_new(40);
    for (uint32_t i = 0; i < 60; i++) { /* more than may be unsettled: a settle has to go on */
        moves_on(m, 1, moves_append);
    }
    moves_go(m, 0);
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(m->ops[i].err, ERR_OK);
    }
    moves_check(m, 1, 60);
    moves_fill(m, 20);
    moves_check(m, 1, 80);
    home_close(m->home);
    moves_reopen(m);
    moves_check(m, 1, 80);
    moves_free(m);
}

static void moves_burst(struct moves *m, struct log_shard *ls)
{
    for (uint32_t i = 0; i < 90; i++) {
        moves_append(m, ls);
    }
    moves_detach(m, ls);
}

static void move_waits_for_more_than_may_be_unsettled(void **state)
{
    (void)state;
    struct moves *m = moves_new(41);
    m->home->batch_bytes = 3000; /* 270 KB in one turn: direct writes, and settles in between */
    moves_on(m, 1, moves_burst);
    moves_until(m, moves_has_left);
    assert_int_equal(m->move.err, ERR_OK);
    moves_on(m, 0, moves_attach);
    m->ops_count = 0;
    m->answers_count = 0;
    moves_check(m, 1, 90);
    moves_fill(m, 10);
    moves_go(m, 1);
    moves_check(m, 1, 100);
    moves_free(m);
}

/* Many moves with settles, cuts, trims and rolls between, then a crash. */
static void move_keeps_all_through_many_moves_and_a_crash(void **state)
{
    (void)state;
    struct moves *m = moves_new(42);
    uint64_t last = 0;
    for (uint32_t i = 0; i < 12; i++) {
        moves_fill(m, 9);
        last += 9;
        if (i % 3 == 1) {
            m->index = last - 4;
            last = m->index - 1;
            moves_on(m, m->shard, moves_cut);
        } else if (i % 3 == 2) {
            moves_on(m, m->shard, moves_roll);
            moves_on(m, m->shard, moves_hard);
        }
        moves_until(m, moves_is_answered);
        if (i % 4 == 3) {
            moves_settle(m);
        }
        moves_go(m, 1 - m->shard);
        moves_check(m, 1, last);
    }
    sim_node_crash(m->home->node, SIM_CRASH_SEEDED);
    moves_reopen(m);
    moves_check(m, 1, last);
    struct log_status status;
    log_status(m->log, &status);
    assert_int_equal(status.hard.term, 7);
    moves_free(m);
}

/* Its journal files are kept by the shard it left, or by the one it came to. */
static void moves_hold_journal_files(bool is_attached)
{
    struct moves *m = moves_new(43);
    moves_fill(m, 3);
    moves_on(m, 1, moves_detach);
    moves_until(m, moves_has_left);
    assert_int_equal(m->move.err, ERR_OK);
    if (is_attached) {
        moves_on(m, 0, moves_attach);
    }
    uint64_t before = atomic_load(&m->home->store.file_number);
    for (uint32_t i = 0; i < 250; i++) {
        home_ask(m->home, home_shard_append);
    }
    assert_true(atomic_load(&m->home->store.file_number) > before + 12);
    sim_node_crash(m->home->node, SIM_CRASH_SEEDED);
    moves_reopen(m);
    moves_check(m, 1, is_attached ? 253 : 3);
    moves_free(m);
}

static void move_holds_journal_files_on_its_way(void **state)
{
    (void)state;
    moves_hold_journal_files(false);
}

static void move_holds_journal_files_on_the_new_shard(void **state)
{
    (void)state;
    moves_hold_journal_files(true);
}

static void move_ends_a_cut_that_looks_up_its_place(void **state)
{
    (void)state;
    struct moves *m = moves_new(44);
    moves_fill(m, 60);
    moves_settle(m);
    home_close(m->home);
    assert_int_equal(home_start(m->home, 2), ERR_OK);
    m->log = log_find(&m->home->shards[1].ls, MOVE_GROUP);
    m->ops_count = 0;
    m->answers_count = 0;
    m->index = 10; /* in a sidecar by now */
    moves_on(m, 1, moves_cut);
    assert_false(moves_is_answered(m));
    moves_go(m, 0);
    assert_int_equal(m->ops[0].err, ERR_OK);
    moves_check(m, 1, 9);
    moves_fill(m, 5);
    moves_check(m, 1, 14);
    moves_free(m);
}

/* --- What others must know first --- */

static void moves_set_free(struct moves *m, uint64_t bytes)
{
    struct sim_disk *disk = home_disk(m->home);
    uint64_t used = sim_disk_stats(disk)->used_bytes;
    sim_disk_options(disk)->capacity_bytes = used + bytes;
}

/* The last frame of its lane with something of it is known to be flushed when it has left. */
static void move_waits_until_its_frames_are_known(void **state)
{
    (void)state;
    struct moves *m = moves_new(45);
    moves_fill(m, 3);
    sim_run_for(m->home->sim, RT_NS_PER_S); /* idle: sealed */
    const struct log_lane *lane = &m->home->shards[1].ls.lane;
    moves_on(m, 1, moves_append);
    moves_until(m, moves_is_answered);
    uint64_t number = lane->durable_through;
    assert_true(lane->known_through < number);
    moves_on(m, 1, moves_detach);
    moves_until(m, moves_has_left);
    assert_int_equal(m->move.err, ERR_OK);
    assert_true(lane->known_through >= number);
    moves_on(m, 0, moves_attach);
    moves_check(m, 1, 4);
    moves_free(m);
}

/* Its row is on the way into a table, for which there is no room: it stays until that is there. */
static void move_waits_for_a_row_on_its_way(void **state)
{
    (void)state;
    struct moves *m = moves_new(46);
    moves_fill(m, 3);
    moves_settle(m);
    moves_on(m, 1, moves_hard);
    moves_until(m, moves_is_answered);
    moves_set_free(m, 0);
    m->home->answers_count = 0;
    sim_post(sim_node_shard(m->home->node, 1), home_shard_settle, m->home);
    sim_run_for(m->home->sim, RT_NS_PER_S);
    assert_int_equal(m->home->answers_count, 0);
    moves_on(m, 1, moves_detach);
    sim_run_for(m->home->sim, RT_NS_PER_S);
    assert_false(m->is_left);
    moves_set_free(m, 10 << 20);
    moves_until(m, moves_has_left);
    assert_int_equal(m->move.err, ERR_OK);
    moves_on(m, 0, moves_attach);
    moves_check(m, 1, 3);
    moves_free(m);
}

static bool moves_is_reported(void *ctx)
{
    const struct moves *m = ctx;
    return m->home->answers_count == 2;
}

/* The journal floor of groups.tab. */
static uint64_t moves_floor(struct moves *m)
{
    static uint8_t data[LOG_TABLE_HEADER_BYTES];
    struct log_table_header header;
    size_t length = home_read(m->home, "/data/groups.tab", data, sizeof(data));
    assert_int_equal(log_table_header_decode(data, length, home_kernels(), true, &header), ERR_OK);
    return header.journal_floor;
}

/* Shard 0's report is with the keeper, who has no room for a table, when the group comes to it; the
 * shard it left has nothing to do with it any more when it reports. The group's file, lower than
 * all others that are needed, is needed all the same. */
static void move_is_known_before_an_earlier_report(void **state)
{
    (void)state;
    struct moves *m = moves_new(47);
    moves_fill(m, 3);
    uint64_t file = m->log->file_lowest;
    moves_on(m, 1, moves_detach);
    moves_until(m, moves_has_left);
    for (uint32_t i = 0; i < 150; i++) { /* both shards are files ahead */
        home_ask(m->home, home_shard_append);
    }
    moves_settle(m);
    sim_run_for(m->home->sim, RT_NS_PER_S);
    assert_int_equal(moves_floor(m), file);
    home_ask(m->home, home_shard_hard);
    moves_set_free(m, 0);
    m->home->answers_count = 0;
    sim_post(sim_node_shard(m->home->node, 0), home_shard_settle, m->home);
    sim_run_for(m->home->sim, RT_NS_PER_S);
    assert_int_equal(m->home->answers_count, 0);
    moves_on(m, 0, moves_attach);
    assert_int_equal(m->err, ERR_OK);
    sim_run_for(m->home->sim, RT_NS_PER_S); /* the bundle is home */
    sim_post(sim_node_shard(m->home->node, 1), home_shard_settle, m->home);
    sim_run_for(m->home->sim, RT_NS_PER_S);
    assert_int_equal(m->home->answers_count, 0);
    moves_set_free(m, 10 << 20);
    moves_until(m, moves_is_reported);
    assert_int_equal(moves_floor(m), file);
    moves_check(m, 1, 3);
    moves_free(m);
}

/* --- Readers, pins --- */

static void move_lets_go_of_a_reader(void **state)
{
    (void)state;
    struct moves *m = moves_new(50);
    moves_fill(m, 200);
    moves_settle(m);
    moves_on(m, 1, moves_open_reader);
    moves_on(m, 1, moves_step);
    moves_until(m, moves_is_answered);
    assert_int_equal(m->err, ERR_OK);
    assert_int_equal(m->reader.read.first_index, 1);
    m->ops_count = 0;
    m->answers_count = 0;
    moves_go(m, 0);
    assert_int_equal(m->reader.read.entries_count, 2); /* what it gave out stays */
    for (uint32_t i = 0; i < 2; i++) {
        moves_on(m, 1, moves_step);
        moves_until(m, moves_is_answered);
        assert_int_equal(m->err, ERR_AGAIN);
    }
    moves_on(m, 1, moves_close_reader);
    moves_check(m, 1, 200);
    moves_free(m);
}

static void moves_read_and_detach(struct moves *m, struct log_shard *ls)
{
    moves_read(m, ls);
    moves_detach(m, ls);
}

static void move_waits_for_a_read(void **state)
{
    (void)state;
    struct moves *m = moves_new(51);
    moves_fill(m, 200);
    moves_settle(m);
    m->next_index = 2;
    m->ops_count = 0;
    m->answers_count = 0;
    moves_on(m, 1, moves_read_and_detach);
    assert_false(moves_is_answered(m));
    moves_until(m, moves_has_left); /* asserts that it was answered before */
    assert_int_equal(m->err, ERR_OK);
    assert_int_equal(m->read.first_index, 2);
    log_read_release(&m->read);
    moves_on(m, 0, moves_attach);
    moves_check(m, 1, 200);
    moves_free(m);
}

static void moves_pin(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    log_pin_set(m->log, &m->pin, "feed", m->index);
}

static void moves_take_pin(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    assert_false(log_pin_take(m->log, &m->taken, "another"));
    assert_true(log_pin_take(m->log, &m->taken, "feed"));
    assert_false(log_pin_take(m->log, &m->taken, "feed"));
}

static void moves_clear_pin(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    log_pin_clear(m->log, &m->taken);
}

static void moves_drop_pins(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    log_pins_drop(m->log);
}

#define MOVE_FIRST "/data/p/01090000000000000000000000000000/0/0000000000000001-00000000.log"

static bool moves_is_first_gone(void *ctx)
{
    return !home_has(((struct moves *)ctx)->home, MOVE_FIRST);
}

/* Trimmed, its first segment stays until the pin, wherever it is held, is let go. */
static void moves_carry_pins(bool is_taken)
{
    struct moves *m = moves_new(52);
    m->index = 5;
    moves_on(m, 1, moves_pin);
    uint64_t since_ns = m->pin.since_ns;
    moves_fill(m, 80);
    m->index = 70;
    moves_on(m, 1, moves_trim);
    moves_until(m, moves_is_answered);
    moves_go(m, 0);
    memset(&m->pin, 0xff, sizeof(m->pin)); /* its owner's memory */
    moves_settle(m);
    sim_run_for(m->home->sim, RT_NS_PER_S);
    assert_true(home_has(m->home, MOVE_FIRST));
    if (is_taken) {
        moves_on(m, 0, moves_take_pin);
        assert_int_equal(m->taken.index, 5);
        assert_int_equal(m->taken.since_ns, since_ns);
        sim_run_for(m->home->sim, RT_NS_PER_S);
        assert_true(home_has(m->home, MOVE_FIRST));
    }
    moves_on(m, 0, is_taken ? moves_clear_pin : moves_drop_pins);
    moves_fill(m, 1); /* a frame that says what is flushed */
    moves_settle(m);
    moves_until(m, moves_is_first_gone);
    moves_check(m, 70, 81);
    moves_free(m);
}

static void move_carries_pins_that_are_taken_over(void **state)
{
    (void)state;
    moves_carry_pins(true);
}

static void move_carries_pins_that_nobody_takes(void **state)
{
    (void)state;
    moves_carry_pins(false);
}

/* --- Moves that do not come to their end --- */

/* m->index bytes more than it has. */
static void moves_limit(struct moves *m, struct log_shard *ls)
{
    budget_set_limit(&ls->budget, ls->budget.used_bytes + m->index);
}

static void moves_unlimit(struct moves *m, struct log_shard *ls)
{
    (void)m;
    budget_set_limit(&ls->budget, SIZE_MAX);
}

/* Wherever the memory ends, the other shard is as it was, and the group still in the bundle. */
static void move_is_refused_without_memory(void **state)
{
    (void)state;
    struct moves *m = moves_new(60);
    const struct log_shard *ls = &m->home->shards[0].ls;
    m->home->batch_bytes = 500;
    moves_fill(m, 300);
    moves_on(m, 1, moves_roll);
    moves_on(m, 1, moves_detach);
    moves_until(m, moves_has_left);
    uint64_t unsettled_bytes = ls->lane.unsettled_bytes;
    uint32_t groups_count = atomic_load(&m->home->store.groups_count);
    uint32_t refusals_count = 0;
    m->index = 0;
    for (m->err = ERR_BUDGET; m->err == ERR_BUDGET; m->index += 300) {
        moves_on(m, 0, moves_limit);
        moves_on(m, 0, moves_attach);
        assert_int_equal(atomic_load(&m->home->store.groups_count), groups_count);
        if (m->err != ERR_OK) {
            refusals_count++;
            assert_null(log_find(&m->home->shards[0].ls, MOVE_GROUP));
            assert_int_equal(ls->lane.unsettled_bytes, unsettled_bytes);
        }
    }
    assert_int_equal(m->err, ERR_OK);
    assert_true(refusals_count > 3);
    moves_on(m, 0, moves_unlimit);
    moves_check(m, 1, 300);
    moves_free(m);
}

static void move_may_be_given_back(void **state)
{
    (void)state;
    struct moves *m = moves_new(63);
    moves_fill(m, 20);
    moves_on(m, 1, moves_detach);
    moves_until(m, moves_has_left);
    moves_on(m, 1, moves_attach);
    assert_int_equal(m->err, ERR_OK);
    moves_check(m, 1, 20);
    moves_go(m, 0);
    moves_check(m, 1, 20);
    moves_free(m);
}

/* Wherever the memory for the bundle ends, the group stays as it was. */
static void move_stays_without_memory(void **state)
{
    (void)state;
    struct moves *m = moves_new(61);
    m->home->batch_bytes = 500;
    moves_fill(m, 100);
    moves_settle(m);
    moves_fill(m, 100);
    uint32_t refusals_count = 0;
    m->index = 0;
    do {
        moves_on(m, 1, moves_limit);
        moves_on(m, 1, moves_detach);
        moves_until(m, moves_has_left);
        refusals_count += m->move.err == ERR_BUDGET;
        m->index += 3000;
    } while (m->move.err == ERR_BUDGET);
    assert_int_equal(m->move.err, ERR_OK);
    assert_true(refusals_count > 1);
    moves_on(m, 1, moves_unlimit);
    moves_on(m, 0, moves_attach);
    moves_check(m, 1, 200);
    moves_free(m);
}

static void moves_append_detach_close(struct moves *m, struct log_shard *ls)
{
    moves_append(m, ls);
    moves_detach(m, ls);
    log_shard_close(ls, home_answered);
}

static void moves_close(struct moves *m, struct log_shard *ls)
{
    (void)m;
    log_shard_close(ls, home_answered);
}

static bool moves_is_closed(void *ctx)
{
    const struct moves *m = ctx;
    return m->home->answers_count == 2;
}

static void move_ends_when_the_store_closes(void **state)
{
    (void)state;
    struct moves *m = moves_new(62);
    moves_fill(m, 5);
    m->home->answers_count = 0;
    moves_on(m, 1, moves_append_detach_close);
    moves_on(m, 0, moves_close);
    moves_until(m, moves_is_closed);
    assert_true(m->is_left);
    assert_int_equal(m->move.err, ERR_CLOSING);
    assert_int_equal(m->home->err, ERR_OK);
    home_end(m->home);
    moves_reopen(m);
    moves_check(m, 1, 6);
    moves_free(m);
}

/* The bundle is at the other shard when both close: it is refused there, and given up. */
static void move_is_given_up_when_the_store_closes(void **state)
{
    (void)state;
    struct moves *m = moves_new(63);
    moves_fill(m, 5);
    moves_on(m, 1, moves_detach);
    moves_until(m, moves_has_left);
    m->home->answers_count = 0;
    moves_on(m, 1, moves_close);
    moves_on(m, 0, moves_close);
    sim_run_for(m->home->sim, RT_NS_PER_S);
    assert_int_equal(m->home->answers_count, 0); /* it waits for the bundle */
    moves_on(m, 0, moves_attach);
    assert_int_equal(m->err, ERR_CLOSING);
    moves_on(m, 0, moves_drop);
    moves_until(m, moves_is_closed);
    home_end(m->home);
    moves_reopen(m);
    moves_check(m, 1, 5);
    moves_free(m);
}

/* Given up while the store goes on: nobody has it until the next start, and nothing of it goes. */
static void move_that_is_given_up_loses_nothing(void **state)
{
    (void)state;
    struct moves *m = moves_new(64);
    moves_fill(m, 3);
    moves_on(m, 1, moves_detach);
    moves_until(m, moves_has_left);
    moves_on(m, 0, moves_drop);
    for (uint32_t i = 0; i < 250; i++) {
        home_ask(m->home, home_shard_append);
    }
    home_close(m->home);
    moves_reopen(m);
    moves_check(m, 1, 3);
    moves_free(m);
}

static void move_then_delete_removes_all_of_it(void **state)
{
    (void)state;
    struct moves *m = moves_new(65);
    moves_fill(m, 40);
    moves_settle(m);
    assert_true(home_has(m->home, MOVE_FIRST));
    moves_go(m, 0);
    moves_on(m, 0, moves_delete);
    moves_until(m, moves_is_answered);
    m->log = NULL;
    moves_settle(m);
    home_ask(m->home, home_shard_append); /* a frame that says what is flushed */
    moves_until(m, moves_is_first_gone);
    home_close(m->home);
    moves_reopen(m);
    assert_null(m->log);
    moves_free(m);
}

static const struct CMUnitTest move_tests[] = {
    cmocka_unit_test(move_answers_what_was_submitted),
    cmocka_unit_test(move_waits_for_more_than_may_be_unsettled),
    cmocka_unit_test(move_keeps_all_through_many_moves_and_a_crash),
    cmocka_unit_test(move_holds_journal_files_on_its_way),
    cmocka_unit_test(move_holds_journal_files_on_the_new_shard),
    cmocka_unit_test(move_ends_a_cut_that_looks_up_its_place),
    cmocka_unit_test(move_waits_until_its_frames_are_known),
    cmocka_unit_test(move_waits_for_a_row_on_its_way),
    cmocka_unit_test(move_is_known_before_an_earlier_report),
    cmocka_unit_test(move_lets_go_of_a_reader),
    cmocka_unit_test(move_waits_for_a_read),
    cmocka_unit_test(move_carries_pins_that_are_taken_over),
    cmocka_unit_test(move_carries_pins_that_nobody_takes),
    cmocka_unit_test(move_may_be_given_back),
    cmocka_unit_test(move_is_refused_without_memory),
    cmocka_unit_test(move_stays_without_memory),
    cmocka_unit_test(move_ends_when_the_store_closes),
    cmocka_unit_test(move_is_given_up_when_the_store_closes),
    cmocka_unit_test(move_that_is_given_up_loses_nothing),
    cmocka_unit_test(move_then_delete_removes_all_of_it),
};

int main(void)
{
    struct CMUnitTest
        tests[ARRAY_COUNT(move_asks) + ARRAY_COUNT(move_states) + ARRAY_COUNT(move_tests)];
    struct CMUnitTest *test = tests;
    for (size_t i = 0; i < ARRAY_COUNT(move_asks); i++) {
        *test++ = (struct CMUnitTest){
            .name = move_asks[i].name, .test_func = move_refuses, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(move_states); i++) {
        *test++ = (struct CMUnitTest){.name = move_states[i].name,
                                      .test_func = move_depends_on_the_state,
                                      .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(move_tests); i++) {
        *test++ = move_tests[i];
    }
    return cmocka_run_group_tests_name("log_move", tests, NULL, NULL);
}
