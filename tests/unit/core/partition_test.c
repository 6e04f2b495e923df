/* A partition whose replicas lag and fail: when an append is answered, what the high watermark is,
 * what a consumer sees (LOG §6). The voter is raft's double; all above it is the product's. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/fetch.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/cores.h"
#include "tests/unit/raft/double.h"

#define LAG_VOTERS 3u

/* What may be known of an entry, each by itself. */
enum lag_sign {
    LAG_RECEIVED = 1 << 0, /* by the leader */
    LAG_DURABLE = 1 << 1,  /* on the leader's disk */
    LAG_MAJORITY = 1 << 2, /* received by a majority */
    LAG_COMMITTED = 1 << 3,
    LAG_INSYNC = 1 << 4, /* durable on min.insync.replicas */
    LAG_ALL = (1 << 5) - 1,
};

/* A call on the group's shard. */
struct lag {
    struct cores *c;
    struct raft_group *group;
    enum lag_sign sign; /* lag_let */
    uint64_t index;     /* likewise */
    uint32_t insync;    /* likewise */
    uint32_t live;      /* lag_voters */
    enum err err;       /* lag_refuse; of lag_elect */
    bool is_held;       /* lag_hold */
    bool is_done;
    void (*call)(struct lag *lag);
};

static void lag_run(struct rt_shard *shard, void *ctx)
{
    struct lag *lag = ctx;
    (void)shard;
    lag->call(lag);
    lag->is_done = true;
}

static bool lag_is_done(void *ctx)
{
    return ((struct lag *)ctx)->is_done;
}

static void lag_settle(struct lag *lag)
{
    sim_run_for(lag->c->sim, 20 * RT_NS_PER_MS);
}

/* Call, and let the machine come to rest. */
static void lag_on(struct lag *lag, void (*call)(struct lag *lag))
{
    struct cores *c = lag->c;
    lag->call = call;
    lag->is_done = false;
    sim_post(cores_shard_of(c, 0)->shard, lag_run, lag);
    assert_true(sim_run_until_true(c->sim, lag_is_done, lag, sim_now_ns(c->sim) + RT_NS_PER_S));
    lag_settle(lag);
}

static void lag_hold(struct lag *lag)
{
    raft_double_hold(lag->group, lag->is_held);
}

static void lag_voters(struct lag *lag)
{
    raft_double_voters(lag->group, LAG_VOTERS, lag->live);
}

static void lag_let(struct lag *lag)
{
    switch (lag->sign) {
    case LAG_RECEIVED: raft_double_let(lag->group, RAFT_DOUBLE_RECEIVED_HERE, lag->index); break;
    case LAG_DURABLE: raft_double_let(lag->group, RAFT_DOUBLE_DURABLE_HERE, lag->index); break;
    case LAG_MAJORITY:
        raft_double_let(lag->group, RAFT_DOUBLE_RECEIVED_MAJORITY, lag->index);
        break;
    case LAG_COMMITTED: raft_double_let(lag->group, RAFT_DOUBLE_COMMITTED, lag->index); break;
    case LAG_INSYNC:
        if (lag->index > raft_group_durable_on(lag->group, lag->insync)) { /* it grows */
            raft_double_let_durable_on(lag->group, lag->insync, lag->index);
        }
        break;
    case LAG_ALL: break;
    }
}

static void lag_step_down(struct lag *lag)
{
    raft_double_step_down(lag->group, 2, raft_group_term(lag->group) + 1);
}

static void lag_cut(struct lag *lag)
{
    raft_double_cut(lag->group, lag->index);
}

static void lag_elect(struct lag *lag)
{
    lag->err = raft_double_elect(lag->group);
}

static void lag_refuse(struct lag *lag)
{
    raft_double_refuse(lag->group, lag->err);
}

/* A machine with a topic of that durability; partition 0's group has three voters, and its indexes
 * are held. */
static struct lag *lag_new(enum core_durability durability, uint32_t insync)
{
    struct sim_options options = sim_options_calm();
    struct lag *lag = calloc(1, sizeof(*lag));
    assert_non_null(lag);
    raft_double_reset();
    lag->c = cores_new(1, &options);
    lag->c->config.topics.durability = durability;
    lag->c->config.topics.insync_replicas_min = insync;
    lag->insync = insync;
    cores_start(lag->c, 2);
    lag->group = raft_double_find(lag->c->groups[0]);
    assert_non_null(lag->group);
    lag->live = LAG_VOTERS;
    lag->is_held = true;
    lag_on(lag, lag_voters);
    lag_on(lag, lag_hold);
    return lag;
}

static void lag_end(struct lag *lag)
{
    lag->is_held = false;
    lag_on(lag, lag_hold);
    cores_close(lag->c);
    cores_free(lag->c);
    free(lag);
}

/* Send a batch of `records`; it has come to the partition. */
static void lag_send(struct lag *lag, struct cores_append *ca, int16_t acks, uint32_t records)
{
    *ca = (struct cores_append){.producer_id = -1, .records = records, .acks = acks};
    cores_send(lag->c, ca);
    lag_settle(lag);
}

static uint64_t lag_end_index(struct lag *lag)
{
    return core_partition_status(cores_partition(lag->c, 0)).end.index;
}

static uint64_t lag_watermark(struct lag *lag)
{
    return cores_partition(lag->c, 0)->hw_offset;
}

/* --- The decision table --- */

/* LOG §6: an answer and the high watermark need all of what is named. Where an answer waits for the
 * leader's own copy alone, what is committed without it is safe, too. */
static const struct lag_row {
    const char *name;
    enum core_durability durability;
    uint32_t insync;
    int16_t acks;
    uint32_t answer; /* lag_sign */
    uint32_t watermark;
} lag_rows[] = {
    {"quorum-fsync, acks=all", CORE_DURABILITY_QUORUM_FSYNC, 1, -1, LAG_COMMITTED, LAG_COMMITTED},
    {"quorum-fsync, acks=1", CORE_DURABILITY_QUORUM_FSYNC, 1, 1, LAG_DURABLE, LAG_COMMITTED},
    {"quorum-fsync, acks=0", CORE_DURABILITY_QUORUM_FSYNC, 1, 0, 0, LAG_COMMITTED},
    {"quorum-fsync, 2 in sync, acks=all: a majority is 2", CORE_DURABILITY_QUORUM_FSYNC, 2, -1,
     LAG_COMMITTED, LAG_COMMITTED},
    {"quorum-fsync, 3 in sync, acks=all", CORE_DURABILITY_QUORUM_FSYNC, 3, -1,
     LAG_COMMITTED | LAG_INSYNC, LAG_COMMITTED | LAG_INSYNC},
    {"quorum-fsync, 3 in sync, acks=1", CORE_DURABILITY_QUORUM_FSYNC, 3, 1, LAG_DURABLE,
     LAG_COMMITTED | LAG_INSYNC},
    {"quorum-memory, acks=all", CORE_DURABILITY_QUORUM_MEMORY, 1, -1, LAG_MAJORITY, LAG_MAJORITY},
    {"quorum-memory, acks=1", CORE_DURABILITY_QUORUM_MEMORY, 1, 1, LAG_RECEIVED, LAG_MAJORITY},
    {"quorum-memory, acks=0", CORE_DURABILITY_QUORUM_MEMORY, 1, 0, 0, LAG_MAJORITY},
    {"quorum-memory, 3 in sync, acks=all", CORE_DURABILITY_QUORUM_MEMORY, 3, -1, LAG_MAJORITY,
     LAG_MAJORITY},
    {"leader, acks=all", CORE_DURABILITY_LEADER, 1, -1, LAG_DURABLE, LAG_COMMITTED},
    {"leader, acks=1", CORE_DURABILITY_LEADER, 1, 1, LAG_DURABLE, LAG_COMMITTED},
    {"leader, acks=0", CORE_DURABILITY_LEADER, 1, 0, 0, LAG_COMMITTED},
    {"leader, 3 in sync, acks=all", CORE_DURABILITY_LEADER, 3, -1, LAG_DURABLE,
     LAG_COMMITTED | LAG_INSYNC},
};

/* Orders in which signs may come. What is durable here was received here; what is committed was
 * received by a majority. */
static const enum lag_sign lag_orders[][5] = {
    {LAG_RECEIVED, LAG_DURABLE, LAG_MAJORITY, LAG_COMMITTED, LAG_INSYNC},
    {LAG_MAJORITY, LAG_COMMITTED, LAG_INSYNC, LAG_RECEIVED, LAG_DURABLE},
    {LAG_INSYNC, LAG_RECEIVED, LAG_MAJORITY, LAG_DURABLE, LAG_COMMITTED},
    {LAG_RECEIVED, LAG_COMMITTED, LAG_DURABLE, LAG_INSYNC, LAG_MAJORITY},
};

/* A first batch goes all the way, a second one step by step. */
static void lag_order(const struct lag_row *row, const enum lag_sign order[5])
{
    struct lag *lag = lag_new(row->durability, row->insync);
    struct cores_append first;
    struct cores_append second;
    lag_send(lag, &first, row->acks, 2);
    lag->index = lag_end_index(lag);
    for (uint32_t i = 0; i < 5; i++) {
        lag->sign = lag_orders[0][i];
        lag_on(lag, lag_let);
    }
    assert_true(first.is_done);
    assert_int_equal(lag_watermark(lag), 2);
    lag_send(lag, &second, row->acks, 3);
    lag->index = lag_end_index(lag);
    uint32_t signs = 0;
    for (uint32_t i = 0; i <= 5; i++) {
        bool is_own = row->acks == 1 || row->durability == CORE_DURABILITY_LEADER;
        bool is_answered = (row->answer & ~signs) == 0 || (is_own && signs & LAG_COMMITTED);
        bool is_seen = (row->watermark & ~signs) == 0;
        assert_int_equal(second.answered_count, is_answered);
        assert_int_equal(lag_watermark(lag), is_seen ? 5 : 2);
        if (i < 5) {
            lag->sign = order[i];
            lag_on(lag, lag_let);
            signs |= order[i];
            signs |= order[i] == LAG_COMMITTED ? LAG_MAJORITY : 0;
            if (lag->insync <= 2) {
                signs |= signs & LAG_COMMITTED ? LAG_INSYNC : 0;
            }
        }
    }
    assert_int_equal(second.append.code, CORE_OK);
    assert_int_equal(second.append.base_offset, 2);
    assert_true(list_is_empty(&cores_partition(lag->c, 0)->pendings));
    cores_read(lag->c, 0);
    assert_int_equal(lag->c->found_count, 2);
    lag_end(lag);
}

static void lag_table(void **state)
{
    for (size_t i = 0; i < ARRAY_COUNT(lag_orders); i++) {
        lag_order(*state, lag_orders[i]);
    }
}

/* --- Refusals and failures --- */

static void too_few_replicas_refuse_acks_all_alone(void **state)
{
    (void)state;
    struct lag *lag = lag_new(CORE_DURABILITY_QUORUM_FSYNC, 2);
    struct cores_append all;
    struct cores_append one;
    lag_send(lag, &one, 1, 1); /* it leads now, and knows who lives */
    lag->live = 1;
    lag_on(lag, lag_voters);
    lag_send(lag, &all, -1, 1);
    assert_true(all.is_done);
    assert_int_equal(all.append.code, CORE_NOT_ENOUGH_REPLICAS);
    assert_false(one.is_done);
    lag->live = 2;
    lag_on(lag, lag_voters);
    lag_send(lag, &all, -1, 1);
    assert_false(all.is_done);
    lag->is_held = false;
    lag_on(lag, lag_hold);
    assert_int_equal(all.append.code, CORE_OK);
    assert_true(all.is_done);
    assert_true(one.is_done);
    lag_end(lag);
}

static void what_a_group_refuses_is_answered_and_leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        enum err err;
        enum core_code code;
    } rows[] = {
        {ERR_NOT_LEADER, CORE_NOT_LEADER}, {ERR_DISK_FULL, CORE_DISK_FULL},
        {ERR_BUDGET, CORE_OVERLOADED},     {ERR_FULL, CORE_OVERLOADED},
        {ERR_FENCED, CORE_STORAGE},        {ERR_ACCESS, CORE_NOT_AVAILABLE},
        {ERR_AGAIN, CORE_NOT_AVAILABLE},   {ERR_RANGE, CORE_STORAGE},
    };
    struct lag *lag = lag_new(CORE_DURABILITY_QUORUM_FSYNC, 1);
    for (int16_t acks = -1; acks <= 1; acks++) {
        for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
            struct cores_append ca;
            lag->err = rows[i].err;
            lag_on(lag, lag_refuse);
            lag_send(lag, &ca, acks, 1);
            assert_true(ca.is_done);
            assert_int_equal(ca.append.code, rows[i].code);
            assert_int_equal(ca.answered_count, 1);
        }
    }
    assert_int_equal(lag_end_index(lag), 0);
    lag->err = ERR_OK;
    lag_on(lag, lag_refuse);
    lag_end(lag);
}

/* Each is told once: those that were answered before not again. */
static void a_leader_that_steps_down_answers_what_waits_once(void **state)
{
    (void)state;
    struct lag *lag = lag_new(CORE_DURABILITY_QUORUM_FSYNC, 1);
    struct cores_append waits[2];
    struct cores_append none;
    struct cores_append durable;
    lag_send(lag, &durable, 1, 1);
    lag->index = lag_end_index(lag);
    lag->sign = LAG_RECEIVED;
    lag_on(lag, lag_let);
    lag->sign = LAG_DURABLE;
    lag_on(lag, lag_let);
    lag_send(lag, &waits[0], -1, 1);
    lag_send(lag, &waits[1], 1, 1);
    lag_send(lag, &none, 0, 1);
    assert_true(durable.is_done);
    assert_true(none.is_done);
    lag_on(lag, lag_step_down);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(waits[i].is_done);
        assert_int_equal(waits[i].append.code, CORE_NOT_LEADER);
        assert_int_equal(waits[i].append.leader, 2);
        assert_int_equal(waits[i].append.leader_epoch, raft_group_term(lag->group));
        assert_int_equal(waits[i].answered_count, 1);
    }
    assert_int_equal(durable.answered_count, 1);
    assert_int_equal(durable.append.code, CORE_OK);
    assert_int_equal(none.answered_count, 1);
    assert_true(list_is_empty(&cores_partition(lag->c, 0)->pendings));
    lag_send(lag, &none, 1, 1);
    assert_int_equal(none.append.code, CORE_NOT_LEADER);
    assert_int_equal(lag_watermark(lag), 0);
    lag_end(lag);
}

/* Two stay, two are cut; then the partition goes on at the offset of what was cut. */
static void entries_that_are_cut_fail_and_their_offsets_are_given_again(void **state)
{
    (void)state;
    struct lag *lag = lag_new(CORE_DURABILITY_QUORUM_FSYNC, 1);
    struct cores_append kept;
    struct cores_append cut[2];
    lag_send(lag, &kept, -1, 2);
    lag->index = lag_end_index(lag);
    lag->sign = LAG_COMMITTED;
    lag_on(lag, lag_let);
    assert_true(kept.is_done);
    lag_send(lag, &cut[0], -1, 3);
    lag_send(lag, &cut[1], 1, 4);
    assert_int_equal(cut[1].append.base_offset, 5);
    lag->index++;
    lag_on(lag, lag_cut);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(cut[i].answered_count, 1);
        assert_int_equal(cut[i].append.code, CORE_NOT_AVAILABLE);
    }
    assert_int_equal(lag_watermark(lag), 2);
    lag->is_held = false;
    lag_on(lag, lag_hold);
    lag_on(lag, lag_elect);
    lag_send(lag, &cut[0], -1, 3);
    assert_int_equal(cut[0].append.code, CORE_OK);
    assert_int_equal(cut[0].append.base_offset, 2);
    assert_int_equal(lag_watermark(lag), 5);
    cores_read(lag->c, 0);
    assert_int_equal(lag->c->found_count, 2);
    lag_end(lag);
}

/* The producer is told; the batch goes its way. */
static void an_append_that_takes_too_long_is_told_so_once(void **state)
{
    (void)state;
    struct lag *lag = lag_new(CORE_DURABILITY_QUORUM_FSYNC, 1);
    struct cores_append late = {.producer_id = -1, .records = 1, .acks = -1, .timeout_ms = 500};
    struct cores_append at_once = {.producer_id = -1, .records = 1, .acks = -1, .timeout_ms = 1};
    cores_send(lag->c, &late);
    lag_settle(lag);
    cores_send(lag->c, &at_once);
    sim_run_for(lag->c->sim, 400 * RT_NS_PER_MS);
    assert_true(at_once.is_done);
    assert_int_equal(at_once.append.code, CORE_TIMEOUT);
    assert_false(late.is_done);
    sim_run_for(lag->c->sim, 200 * RT_NS_PER_MS);
    assert_true(late.is_done);
    assert_int_equal(late.append.code, CORE_TIMEOUT);
    lag->is_held = false;
    lag_on(lag, lag_hold);
    assert_int_equal(late.answered_count, 1);
    assert_int_equal(at_once.answered_count, 1);
    assert_int_equal(lag_watermark(lag), 2);
    cores_read(lag->c, 0);
    assert_int_equal(lag->c->found_count, 2);
    lag_end(lag);
}

/* --- Parked fetches --- */

/* A fetch by hand, from another shard than the partition's. */
struct lag_fetch {
    struct lag *lag;
    struct core_fetch fetch;
    struct core_fetch_item item;
    struct core_fetch_part parts[CORES_SHARDS];
    uint32_t done_count;
};

static void lag_fetched(struct core_fetch *fetch)
{
    struct lag_fetch *lf = fetch->ctx;
    core_loans_return_all(&fetch->home->loans, lf->item.loans);
    lf->done_count++;
}

static void lag_fetch_run(struct rt_shard *shard, void *ctx)
{
    struct lag_fetch *lf = ctx;
    struct cores *c = lf->lag->c;
    lf->item = (struct core_fetch_item){
        .topic = c->topic, .group = c->groups[0], .epoch = -1, .bytes_max = 1 << 20};
    lf->fetch = (struct core_fetch){.done = lag_fetched,
                                    .ctx = lf,
                                    .items = &lf->item,
                                    .items_count = 1,
                                    .parts = lf->parts,
                                    .bytes_min = 1,
                                    .bytes_max = 1 << 20,
                                    .max_wait_ms = 60000};
    core_fetch_start(&c->shards[shard->id].cs, &lf->fetch);
}

static void a_parked_fetch_wakes_with_the_high_watermark(void **state)
{
    (void)state;
    struct lag *lag = lag_new(CORE_DURABILITY_QUORUM_FSYNC, 3);
    struct cores_append ca;
    struct lag_fetch *lf = calloc(1, sizeof(*lf));
    assert_non_null(lf);
    lf->lag = lag;
    uint32_t other = 1 - cores_shard_of(lag->c, 0)->shard->id;
    sim_post(sim_node_shard(lag->c->node, other), lag_fetch_run, lf);
    lag_send(lag, &ca, 1, 4);
    lag->index = lag_end_index(lag);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(lf->done_count, 0);
        lag->sign = lag_orders[0][i];
        lag_on(lag, lag_let);
    }
    assert_int_equal(lf->done_count, 1);
    assert_int_equal(lf->item.code, CORE_OK);
    assert_int_equal(lf->item.high_watermark, 4);
    assert_true(lf->item.bytes > 0);
    free(lf);
    lag_end(lag);
}

/* --- Any order of everything --- */

#define LAG_APPENDS 64u

/* A random life of a partition, and a naive reckoning of it. */
struct lag_life {
    struct lag *lag;
    struct prng prng;
    struct cores_append appends[LAG_APPENDS];
    uint64_t indexes[LAG_APPENDS];     /* of their entries */
    uint64_t offsets[LAG_APPENDS + 1]; /* their first ones */
    bool is_failed[LAG_APPENDS];       /* by a leader that stepped down */
    uint32_t count;                    /* appends so far */
    uint64_t watermark;                /* never falls */
};

/* Another leads for a while; what waits fails, and stays in the log. */
static void lag_life_lose(struct lag_life *life)
{
    lag_on(life->lag, lag_step_down);
    for (uint32_t i = 0; i < life->count; i++) {
        life->is_failed[i] = life->is_failed[i] || life->appends[i].append.code == CORE_NOT_LEADER;
    }
    lag_on(life->lag, lag_elect);
    assert_int_equal(life->lag->err, ERR_OK);
}

static void lag_life_step(struct lag_life *life)
{
    struct lag *lag = life->lag;
    uint32_t draw = (uint32_t)prng_below(&life->prng, 30);
    if (draw == 0) {
        lag_life_lose(life);
    } else if (draw <= 10) {
        uint32_t i = life->count++;
        uint32_t records = 1 + (uint32_t)prng_below(&life->prng, 3);
        lag_send(lag, &life->appends[i], (int16_t)(prng_below(&life->prng, 3) - 1), records);
        life->indexes[i] = lag_end_index(lag);
        life->offsets[i + 1] = life->offsets[i] + records;
    } else {
        lag->sign = (enum lag_sign)(1 << prng_below(&life->prng, 5));
        lag->index = prng_range(&life->prng, 0, lag_end_index(lag));
        lag_on(lag, lag_let);
    }
}

static void lag_life_check(struct lag_life *life)
{
    struct lag *lag = life->lag;
    enum core_durability durability = lag->c->config.topics.durability;
    const struct raft_group_indexes *at = raft_group_indexes(lag->group);
    uint64_t insync = raft_group_durable_on(lag->group, lag->insync);
    bool is_memory = durability == CORE_DURABILITY_QUORUM_MEMORY;
    uint64_t seen = insync < at->committed ? insync : at->committed;
    seen = is_memory ? at->received_majority : seen;
    uint64_t one = is_memory ? at->received_here : at->durable_here;
    one = one > at->committed ? one : at->committed;
    uint64_t all = durability == CORE_DURABILITY_LEADER ? one : seen;
    for (uint32_t i = 0; i < life->count; i++) {
        const struct cores_append *ca = &life->appends[i];
        uint64_t needs = ca->acks == 0 ? UINT64_MAX : ca->acks == 1 ? one : all;
        bool is_answered = life->indexes[i] <= needs || life->is_failed[i];
        assert_int_equal(ca->answered_count, is_answered);
        if (is_answered) {
            assert_int_equal(ca->append.code, life->is_failed[i] ? CORE_NOT_LEADER : CORE_OK);
            assert_int_equal(ca->append.base_offset, life->offsets[i]);
        }
        if (life->indexes[i] <= seen && life->watermark < life->offsets[i + 1]) {
            life->watermark = life->offsets[i + 1];
        }
    }
    assert_int_equal(lag_watermark(lag), life->watermark);
}

static void lag_life(uint64_t seed)
{
    struct lag_life *life = calloc(1, sizeof(*life));
    assert_non_null(life);
    prng_init(&life->prng, seed);
    enum core_durability durability = (enum core_durability)prng_below(&life->prng, 3);
    life->lag = lag_new(durability, 1 + (uint32_t)prng_below(&life->prng, 3));
    while (life->count < LAG_APPENDS) {
        lag_life_step(life);
        lag_life_check(life);
    }
    life->lag->is_held = false;
    lag_on(life->lag, lag_hold);
    assert_int_equal(lag_watermark(life->lag), life->offsets[life->count]);
    cores_read(life->lag->c, 0);
    assert_int_equal(life->lag->c->found_count, life->count);
    lag_end(life->lag);
    free(life);
}

static void answers_and_the_high_watermark_follow_the_indexes_in_any_order(void **state)
{
    (void)state;
    struct share share = share_open("partitions whose replicas lag at random", 70);
    while (share_more(&share)) {
        lag_life(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_few_replicas_refuse_acks_all_alone),
        cmocka_unit_test(what_a_group_refuses_is_answered_and_leaves_nothing),
        cmocka_unit_test(a_leader_that_steps_down_answers_what_waits_once),
        cmocka_unit_test(entries_that_are_cut_fail_and_their_offsets_are_given_again),
        cmocka_unit_test(an_append_that_takes_too_long_is_told_so_once),
        cmocka_unit_test(a_parked_fetch_wakes_with_the_high_watermark),
        cmocka_unit_test(answers_and_the_high_watermark_follow_the_indexes_in_any_order),
    };
    struct CMUnitTest rows[ARRAY_COUNT(lag_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(lag_rows); i++) {
        rows[i] = (struct CMUnitTest){.name = lag_rows[i].name,
                                      .test_func = lag_table,
                                      .initial_state = (void *)(uintptr_t)&lag_rows[i]};
    }
    int failed = cmocka_run_group_tests_name("core_partition: decision table", rows, NULL, NULL);
    failed += cmocka_run_group_tests_name("core_partition", tests, NULL, NULL);
    return failed;
}
