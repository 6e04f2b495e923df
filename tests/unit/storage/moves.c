/* A store with a group that moves. See moves.h. */
#include "tests/unit/storage/moves.h"

#include "base/rt/clock.h"
#include "tests/support/cmocka.h"

/* --- On a shard --- */

static void moves_post(struct rt_shard *shard, void *ctx)
{
    struct moves *m = ctx;
    m->call(m, &m->home->shards[shard->id].ls);
    m->is_called = true;
}

static bool moves_is_called(void *ctx)
{
    return ((struct moves *)ctx)->is_called;
}

void moves_until(struct moves *m, bool (*is_true)(void *ctx))
{
    uint64_t limit_ns = sim_now_ns(m->home->sim) + 100 * RT_NS_PER_S;
    assert_true(sim_run_until_true(m->home->sim, is_true, m, limit_ns));
}

/* Have `call` run on `shard`. */
void moves_on(struct moves *m, uint32_t shard, void (*call)(struct moves *m, struct log_shard *ls))
{
    m->call = call;
    m->is_called = false;
    sim_post(sim_node_shard(m->home->node, shard), moves_post, m);
    moves_until(m, moves_is_called);
}

struct moves *moves_new(uint64_t seed)
{
    static struct moves moves;
    moves = (struct moves){.home = home_new(seed), .shard = MOVE_GROUP};
    assert_int_equal(home_start(moves.home, 2), ERR_OK);
    home_ask(moves.home, home_shard_create);
    moves.log = log_find(&moves.home->shards[1].ls, MOVE_GROUP);
    assert_non_null(moves.log);
    return &moves;
}

void moves_free(struct moves *m)
{
    home_close(m->home);
    home_free(m->home);
}

/* --- Asking --- */

static void moves_answered(struct log_op *op)
{
    struct moves *m = op->ctx;
    m->answers_count++;
    if (m->answers_count == m->ops_count) {
        m->err = op->err;
    }
}

static struct log_op *moves_op(struct moves *m)
{
    assert_true(m->ops_count < MOVE_OPS);
    struct log_op *op = &m->ops[m->ops_count++];
    *op = (struct log_op){.done = moves_answered, .ctx = m};
    return op;
}

bool moves_is_answered(void *ctx)
{
    const struct moves *m = ctx;
    return m->answers_count == m->ops_count;
}

void moves_append(struct moves *m, struct log_shard *ls)
{
    struct home_shard *hs = CONTAINER_OF(ls, struct home_shard, ls);
    enum err err = home_append(hs, m->log, moves_op(m));
    if (err != ERR_OK) {
        m->ops_count--;
        m->refusal = err;
    }
}

void moves_cut(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    log_cut(m->log, moves_op(m), m->index);
}

void moves_trim(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    log_trim(m->log, moves_op(m), m->index);
}

void moves_roll(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    log_roll(m->log, moves_op(m));
}

void moves_hard(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    struct log_hard_state hard = {.term = 7, .vote = 2};
    log_set_hard_state(m->log, moves_op(m), &hard);
}

void moves_delete(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    log_delete(m->log, moves_op(m));
}

void moves_create(struct moves *m, struct log_shard *ls)
{
    struct log_uuid topic = {.bytes = {9}};
    log_create(ls, moves_op(m), MOVE_GROUP, &topic, 0);
}

static void moves_refused(struct log_move *move)
{
    struct moves *m = move->ctx;
    m->answers_count++;
    m->refusal = move->err;
}

void moves_detach_again(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    m->ops_count++;
    m->other = (struct log_move){.done = moves_refused, .ctx = m};
    log_detach(m->log, &m->other);
}

static void moves_read_done(struct log_read *read)
{
    struct moves *m = read->ctx;
    m->is_read = true;
    m->answers_count++;
    m->err = read->err;
    m->refusal = read->err;
}

void moves_read(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    m->ops_count++;
    m->read = (struct log_read){.done = moves_read_done,
                                .ctx = m,
                                .log = m->log,
                                .from = LOG_READ_INDEX,
                                .at = m->next_index,
                                .index_max = UINT64_MAX,
                                .bytes_max = 5000};
    log_read(&m->read);
}

void moves_open_reader(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    log_reader_open(&m->reader, m->log, LOG_READ_INDEX, 1, 2000, moves_read_done, m);
}

void moves_step(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    m->ops_count++;
    log_reader_next(&m->reader, UINT64_MAX);
}

void moves_close_reader(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    log_reader_close(&m->reader);
}

void moves_settle(struct moves *m)
{
    home_ask(m->home, home_shard_settle);
}

/* --- Moving --- */

static void moves_left(struct log_move *move)
{
    struct moves *m = move->ctx;
    m->is_left = true;
    if (move->err == ERR_OK) {
        assert_true(moves_is_answered(m));
        m->log = NULL;
    }
}

bool moves_has_left(void *ctx)
{
    return ((struct moves *)ctx)->is_left;
}

void moves_detach(struct moves *m, struct log_shard *ls)
{
    (void)ls;
    m->is_left = false;
    m->move = (struct log_move){.done = moves_left, .ctx = m};
    log_detach(m->log, &m->move);
}

void moves_attach(struct moves *m, struct log_shard *ls)
{
    m->err = log_attach(ls, &m->move, &m->log);
    if (m->err == ERR_OK) {
        m->shard = ls->shard->id;
    }
}

void moves_drop(struct moves *m, struct log_shard *ls)
{
    log_move_drop(ls, &m->move);
}

/* The whole move. */
void moves_go(struct moves *m, uint32_t to)
{
    moves_on(m, m->shard, moves_detach);
    moves_until(m, moves_has_left);
    assert_int_equal(m->move.err, ERR_OK);
    assert_int_equal(m->move.group, MOVE_GROUP);
    assert_null(log_find(&m->home->shards[m->shard].ls, MOVE_GROUP));
    moves_on(m, to, moves_attach);
    assert_int_equal(m->err, ERR_OK);
    assert_ptr_equal(log_find(&m->home->shards[to].ls, MOVE_GROUP), m->log);
}

/* `count` entries, each durable before the next. */
void moves_fill(struct moves *m, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        m->ops_count = 0;
        m->answers_count = 0;
        moves_on(m, m->shard, moves_append);
        moves_until(m, moves_is_answered);
        assert_int_equal(m->err, ERR_OK);
    }
}

/* All entries are there, from `first` to `last`. */
void moves_check(struct moves *m, uint64_t first, uint64_t last)
{
    struct log_status status;
    log_status(m->log, &status);
    assert_int_equal(status.start.index, first);
    assert_int_equal(status.end.index, last);
    assert_int_equal(status.end.offset, last);
    m->next_index = first;
    while (m->next_index <= last) {
        m->is_read = false;
        moves_on(m, m->shard, moves_read);
        moves_until(m, moves_is_answered);
        assert_int_equal(m->err, ERR_OK);
        assert_int_equal(m->read.first_index, m->next_index);
        assert_int_equal(m->read.next_offset, m->read.last_index);
        m->next_index = m->read.last_index + 1;
        log_read_release(&m->read);
    }
    m->ops_count = 0;
    m->answers_count = 0;
}

/* The store is opened again, on one shard; the group is its. */
void moves_reopen(struct moves *m)
{
    assert_int_equal(home_start(m->home, 1), ERR_OK);
    m->shard = 0;
    m->log = log_find(&m->home->shards[0].ls, MOVE_GROUP);
    m->ops_count = 0;
    m->answers_count = 0;
}
