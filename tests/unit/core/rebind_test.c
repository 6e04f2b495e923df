/* Views that are bound anew: what comes of it, and what is read meanwhile; at one tick on all
 * shards, whatever ends or goes in between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "broker/core/catalog_view.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/upkeep_world.h"

static const uint32_t shard_counts[] = {1, 2, 4};

/* --- Records --- */

static const char *values_format; /* of the records appended next: a printf format of a number */
static uint32_t values_next;

static void values_build(struct yard *y, struct batch_build *b)
{
    for (uint32_t i = 0; i < y->records_count; i++) {
        char value[512];
        uint32_t number = values_next++;
        snprintf(value, sizeof(value), values_format, number % 7, number); // NOLINT
        batch_build_add(b, &(struct batch_build_record){.timestamp = y->timestamp, .value = value});
    }
}

#define NARROW "{\"k\":\"k%u\",\"n\":%u}"
#define WIDE   "{\"k\":\"k%u\",\"n\":%u.5}"

static void append(struct land *l, uint32_t partition, uint32_t count, const char *format)
{
    values_format = format;
    yard_append(l->y, partition, count, 1000);
}

static struct land *open_land(uint64_t seed, const struct sim_options *options)
{
    struct land *l = land_new(seed, options);
    l->y->build = values_build;
    values_next = 0;
    return l;
}

/* --- Views --- */

static const struct core_view *defined(struct land *l, const char *name)
{
    return core_catalog_find_view(l->y->shards[0].catalog, name, strlen(name));
}

struct wanted {
    struct land *l;
    const char *name;
    uint32_t incarnation;
    bool has_heir;
};

static bool is_so(void *ctx)
{
    const struct wanted *want = ctx;
    const struct core_catalog *catalog = want->l->y->shards[0].catalog;
    const struct core_view *view = catalog != NULL ? defined(want->l, want->name) : NULL;
    return view != NULL && view->incarnation == want->incarnation &&
           (core_catalog_find_heir(catalog, view) != NULL) == want->has_heir;
}

/* Until the view is of that incarnation and has no heir. */
static void await(struct land *l, const char *name, uint32_t incarnation)
{
    struct wanted want = {l, name, incarnation, false};
    if (!sim_run_until_true(l->y->sim, is_so, &want, sim_now_ns(l->y->sim) + 600 * RT_NS_PER_S)) {
        fail_msg("%s is not of incarnation %u: %s", name, incarnation, l->y->said);
    }
    land_wait_status(l, name, CORE_UPKEEP_LIVE);
}

static bool has_all(void *ctx)
{
    const struct wanted *want = ctx;
    struct core_upkeep_row row;
    for (uint32_t p = 0; p < YARD_PARTITIONS; p++) {
        const struct core_partition *part = yard_partition(want->l->y, p);
        if (part == NULL || want->l->ends[p] < part->hw_offset) {
            return false;
        }
    }
    return land_row(want->l, want->name, &row) && row.status == CORE_UPKEEP_LIVE &&
           row.lag_ns == 0 && row.tick >= want->l->newest;
}

/* Until it has all that is committed. */
static void settle(struct land *l, const char *name)
{
    struct wanted want = {l, name, 0, false};
    if (!sim_run_until_true(l->y->sim, has_all, &want, sim_now_ns(l->y->sim) + 600 * RT_NS_PER_S)) {
        fail_msg("%s does not settle: %s", name, l->y->said);
    }
}

/* It is done, and says that. */
static void assert_notes(struct land *l, uint32_t shard, const char *text, const char *want)
{
    struct statement *s = statement_new(l->y, shard, text);
    statement_start(s);
    statement_wait(s);
    if (s->query.error.state != SQL_STATE_NONE || strcmp(s->query.notice, want) != 0) {
        fail_msg("%s: %s\n%s\nnot\n%s", text, s->answer, s->query.notice, want);
    }
    statement_free(s);
}

#define PER_KEY "SELECT k, count(*), sum(n) FROM yard GROUP BY k"
#define MAKE    "CREATE MATERIALIZED VIEW v AS " PER_KEY
#define REBIND  "ALTER MATERIALIZED VIEW v REBIND"

/* --- What comes of it --- */

static void a_view_has_the_types_of_now_when_it_is_built(void **state)
{
    static const char same[] =
        "the types of materialized view \"V\" are those of its stream already: nothing is built";
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = open_land(1 + i, NULL);
        land_start(l, shard_counts[i]);
        append(l, 0, 5, "{\"a\":%u,\"b\":\"x\"}");
        append(l, 1, 5, "{\"a\":%u,\"b\":\"y\"}");
        land_do(l, "CREATE MATERIALIZED VIEW \"V\" (x) AS SELECT sum(a), b FROM yard GROUP BY b");
        land_is(l, "SELECT x, b FROM v", "10|x\n14|y\n");
        assert_notes(l, 0, "ALTER MATERIALIZED VIEW v REBIND", same);
        append(l, 2, 1, "{\"a\":0.5,\"b\":\"z\"}");
        settle(l, "V");
        land_is(l, "SELECT x, b FROM v WHERE b = 'z'", "NULL|z\n");
        land_is(l, "SELECT incarnation, degraded, rebind FROM system.views", "1|true|NULL\n");
        assert_notes(l, shard_counts[i] - 1, "ALTER MATERIALIZED VIEW v REBIND",
                     "materialized view \"V\" is read as it was until it is built anew, from: "
                     "CREATE STREAM yard (a DOUBLE PRECISION, b TEXT) FROM TOPIC yard FORMAT JSON");
        await(l, "V", 2);
        settle(l, "V");
        land_is(l, "DESCRIBE v", "b|text|key\nx|double precision|\n");
        land_is(l, "SELECT x, b FROM v", "0.5|z\n10|x\n14|y\n");
        land_is(l,
                "SELECT incarnation, degraded, state, errors, rebind, rebind_why, rebind_records "
                "FROM system.views",
                "2|false|live|0|NULL|NULL|NULL\n");
        land_is(l, "SHOW CREATE v",
                "CREATE MATERIALIZED VIEW \"V\" (x) WITH (origin = 'earliest') AS SELECT sum(a), b "
                "FROM yard GROUP BY b|CREATE STREAM yard (a DOUBLE PRECISION, b TEXT) FROM TOPIC "
                "yard FORMAT JSON\n");
        assert_notes(l, 0, "ALTER MATERIALIZED VIEW v REBIND", same);
        land_do(l, "DROP MATERIALIZED VIEW v");
        land_is_empty(l);
        statements_are_gone(l->y);
        land_free(l);
    }
}

/* The view stays as it is. */
static void what_cannot_be_bound_any_more_is_refused(void **state)
{
    static const struct {
        const char *stream; /* which is declared over the implicit one */
        const char *want;
    } rows[] = {
        {"CREATE STREAM yard (n BIGINT, c TEXT PATH '$.k') FROM TOPIC yard FORMAT JSON",
         "42703 materialized view \"v\" cannot be bound anew: column \"k\" does not exist"},
        {"CREATE STREAM yard (n TEXT, k TEXT) FROM TOPIC yard FORMAT JSON",
         "42883 materialized view \"v\" cannot be bound anew: function sum(text) does not exist"},
        {"CREATE STREAM yard (n BIGINT, k TEXT) FROM TOPIC yard FORMAT JSON", NULL},
    };
    (void)state;
    struct land *l = open_land(4, NULL);
    land_start(l, 2);
    append(l, 0, 20, NARROW);
    land_do(l, MAKE);
    settle(l, "v");
    char *before = land_rows(l, "SELECT * FROM v");
    land_fails(l, "ALTER MATERIALIZED VIEW nobody REBIND", "42P01 relation \"nobody\" does not");
    land_do(l, "ALTER MATERIALIZED VIEW IF EXISTS nobody REBIND");
    for (size_t i = 0; rows[i].want != NULL; i++) {
        land_do(l, rows[i].stream);
        land_fails(l, REBIND, rows[i].want);
        land_is(l, "SELECT incarnation, rebind FROM system.views", "1|NULL\n");
        land_is(l, "SELECT * FROM v", before);
        land_do(l, "DROP STREAM yard");
    }
    land_do(l, rows[ARRAY_COUNT(rows) - 1].stream);
    land_do(l, REBIND); /* of the same types, but made over a stream that stays for it */
    await(l, "v", 2);
    land_is(l, "SELECT * FROM v", before);
    land_fails(l, "DROP STREAM yard", "2BP01 cannot drop stream \"yard\"");
    free(before);
    land_free(l);
}

/* A view that began later begins there again, whatever was deleted since. */
static void a_view_begins_where_it_began(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = open_land(5 + i, NULL);
        l->y->config.view_pin_bytes_max = 64 << 20;
        land_start(l, shard_counts[i]);
        append(l, 0, 10, NARROW);
        append(l, 1, 10, NARROW);
        land_do(l, "CREATE MATERIALIZED VIEW v WITH (origin = 'latest') AS " PER_KEY);
        land_do(l, "CREATE MATERIALIZED VIEW w AS " PER_KEY);
        settle(l, "v");
        settle(l, "w");
        append(l, 0, 20, NARROW);
        append(l, 1, 7, WIDE);
        settle(l, "v");
        (void)yard_trim(l->y, 0, 25);
        append(l, 2, 2, WIDE);
        land_do(l, REBIND);
        land_do(l, "ALTER MATERIALIZED VIEW w REBIND");
        await(l, "v", 2);
        await(l, "w", 2);
        settle(l, "v");
        settle(l, "w");
        land_is(l, "SELECT sum(count) FROM v", "29\n");
        land_is(l, "SELECT sum(count) FROM w", "49\n");
        land_free(l);
    }
}

/* Partitions that the topic got after the view began, at rest since, are its heir's, too. */
static void partitions_that_came_later_are_the_heirs(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = open_land(15 + i, NULL);
        land_start(l, shard_counts[i]);
        append(l, 0, 10, NARROW);
        land_do(l, MAKE);
        settle(l, "v");
        land_widen(l, YARD_PARTITIONS + 1);
        append(l, YARD_PARTITIONS, 7, WIDE);
        append(l, 0, 1, NARROW);
        settle(l, "v");
        yard_run(l->y, 100);
        land_do(l, REBIND);
        await(l, "v", 2);
        land_is(l, "SELECT sum(count) FROM v", "18\n");
        land_free(l);
    }
}

/* --- Meanwhile --- */

/* What is asked of a view while it is bound anew: each answer is of some tick, that is its rows;
 * ticks of answers do not fall, and once the heir has the place nobody sees what was before. */
static void statements_see_one_view_or_the_other(void **state)
{
    (void)state;
    struct share share = share_open("views bound anew under statements", 60);
    uint32_t before = 0;
    uint32_t after = 0;
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct prng prng;
        prng_init(&prng, seed);
        struct land *l = open_land(seed, NULL);
        land_start(l, 1 + (uint32_t)prng_below(&prng, 4));
        append(l, 0, 100, NARROW);
        land_do(l, MAKE);
        settle(l, "v");
        append(l, 1, 1, WIDE);
        settle(l, "v");
        land_do(l, REBIND);
        bool is_after = false;
        uint64_t tick = 0;
        for (uint32_t i = 0; i < 400 && !(is_after && i > 40); i++) {
            struct statement *s = statement_new(l->y, (uint32_t)prng_below(&prng, l->shards_count),
                                                "SELECT sum(count), count(sum), sum(sum) FROM v");
            uint64_t appended = values_next;
            s->query.position_min.tick = prng_chance(&prng, 1, 3) ? l->newest + 1 : 0;
            s->query.position_min.epoch =
                s->query.position_min.tick > 0 ? core_ticks_position(&l->y->shards[0]).epoch : 0;
            statement_start(s);
            values_format = NARROW;
            yard_append(l->y, (uint32_t)prng_below(&prng, 2), 1, 1000);
            statement_wait(s);
            if (s->query.error.state != SQL_STATE_NONE) {
                fail_msg("%s", s->answer);
            }
            unsigned count;
            char sum[64];
            char head[64];
            unsigned keys;
            assert_int_equal(
                sscanf(s->answer, "%63[^\n]\n%u|%u|%63[^\n]", head, &count, &keys, sum), 4);
            assert_in_range(count, s->query.position_min.tick > 0 ? 101 : 101, values_next);
            assert_in_range(count, 101, appended + 1);
            bool is_new = strchr(sum, '.') != NULL; /* the fraction is there */
            assert_true(is_new || !is_after);
            assert_true(s->query.position.tick >= tick);
            assert_true(s->query.position.tick > tick || is_new == is_after || i == 0);
            tick = s->query.position.tick;
            is_after = is_new;
            before += !is_new;
            after += is_new;
            statement_free(s);
        }
        assert_true(is_after);
        settle(l, "v");
        land_compare_one(l, "v", PER_KEY, 0);
        statements_are_gone(l->y);
        land_free(l);
    }
    printf("covered: %u answers before, %u after\n", before, after);
    share_close(&share);
}

/* Who reads at a tick that was held before the swap reads it to its end. */
static void who_reads_the_former_one_reads_it_to_its_end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        static struct land_reader readers[6];
        struct land *l = open_land(30 + i, NULL);
        land_start(l, shard_counts[i]);
        for (uint32_t k = 0; k < 20; k++) {
            append(l, k % 2, 300, "{\"k\":\"%u of %u\",\"n\":1}");
        }
        land_do(l, MAKE);
        settle(l, "v");
        append(l, 1, 1, "{\"k\":\"%u of %u\",\"n\":0.5}");
        settle(l, "v");
        for (uint32_t k = 0; k < ARRAY_COUNT(readers); k++) {
            readers[k] = (struct land_reader){
                .l = l, .shard = k % l->shards_count, .name = "v", .pause_ms = 400};
            land_read(&readers[k]);
        }
        yard_run(l->y, 1);
        land_do(l, REBIND);
        await(l, "v", 2);
        for (uint32_t k = 0; k < ARRAY_COUNT(readers); k++) {
            assert_false(readers[k].is_done); /* slow enough */
            append(l, 0, 3, "{\"k\":\"%u of %u\",\"n\":2}");
        }
        for (uint32_t k = 0; k < ARRAY_COUNT(readers); k++) {
            land_read_wait(&readers[k]);
            assert_int_equal(readers[k].code, CORE_OK);
            assert_int_equal(readers[k].rows_count, 6001);
            assert_int_equal(readers[k].sum, 6001);
            assert_int_equal(readers[k].hash, readers[0].hash);
        }
        settle(l, "v");
        land_compare_one(l, "v", PER_KEY, 0);
        land_do(l, "DROP MATERIALIZED VIEW v");
        land_is_empty(l);
        land_free(l);
    }
}

/* Who has a tick, and comes to read it when the heir has had its place for long. */
struct holder {
    struct land *l;
    struct core_upkeep_hold hold;
    struct core_upkeep_read read;
    bool is_done; /* what was asked last */
};

static void holder_held(struct core_upkeep_hold *hold)
{
    ((struct holder *)hold->ctx)->is_done = true;
}

static void holder_came(struct core_upkeep_read *read)
{
    ((struct holder *)read->ctx)->is_done = true;
}

static void holder_hold(struct rt_shard *shard, void *ctx)
{
    struct holder *h = ctx;
    core_upkeep_hold_start(&h->l->y->shards[shard->id], &h->hold);
}

static void holder_open(struct rt_shard *shard, void *ctx)
{
    struct holder *h = ctx;
    core_upkeep_read_start(&h->l->y->shards[shard->id], &h->read, CORE_UPKEEP_READ_OPEN);
}

static void holder_next(struct rt_shard *shard, void *ctx)
{
    struct holder *h = ctx;
    core_upkeep_read_start(&h->l->y->shards[shard->id], &h->read, CORE_UPKEEP_READ_NEXT);
}

static void holder_close(struct rt_shard *shard, void *ctx)
{
    struct holder *h = ctx;
    core_upkeep_read_start(&h->l->y->shards[shard->id], &h->read, CORE_UPKEEP_READ_CLOSE);
}

static void holder_release(struct rt_shard *shard, void *ctx)
{
    struct holder *h = ctx;
    core_upkeep_hold_release(&h->l->y->shards[shard->id], &h->hold, holder_held);
}

static bool holder_is_done(void *ctx)
{
    return ((const struct holder *)ctx)->is_done;
}

static void holder_do(struct holder *h, void (*call)(struct rt_shard *shard, void *ctx))
{
    h->is_done = false;
    land_post(h->l, 0, call, h);
    assert_true(sim_run_until_true(h->l->y->sim, holder_is_done, h,
                                   sim_now_ns(h->l->y->sim) + 60 * RT_NS_PER_S));
}

static void a_tick_that_is_held_can_be_read_however_late(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        static struct holder h;
        struct land *l = open_land(60 + i, NULL);
        land_start(l, shard_counts[i]);
        append(l, 0, 100, NARROW);
        land_do(l, MAKE);
        settle(l, "v");
        h = (struct holder){.l = l,
                            .hold = {.done = holder_held,
                                     .ctx = &h,
                                     .view = defined(l, "v")->uuid,
                                     .deadline_ns = UINT64_MAX}};
        holder_do(&h, holder_hold);
        assert_int_equal(h.hold.code, CORE_OK);
        append(l, 1, 1, WIDE);
        settle(l, "v");
        land_do(l, REBIND);
        await(l, "v", 2);
        append(l, 0, 5, NARROW);
        yard_run(l->y, 1000);
        uint64_t rows_count = 0;
        for (uint32_t shard = 0; shard < l->shards_count; shard++) {
            h.read = (struct core_upkeep_read){.done = holder_came,
                                               .ctx = &h,
                                               .shard = shard,
                                               .view = h.hold.view,
                                               .tick = h.hold.tick};
            holder_do(&h, holder_open);
            assert_int_equal(h.read.code, CORE_OK);
            rows_count += h.read.batch.selection.count;
            while (!h.read.is_end) {
                holder_do(&h, holder_next);
                assert_int_equal(h.read.code, CORE_OK);
                rows_count += h.read.batch.selection.count;
            }
            holder_do(&h, holder_close);
        }
        assert_int_equal(rows_count, 7);
        holder_do(&h, holder_release);
        settle(l, "v");
        land_compare_one(l, "v", PER_KEY, 0);
        land_do(l, "DROP MATERIALIZED VIEW v");
        land_is_empty(l);
        land_free(l);
    }
}

/* The home of views hears no ticks any more: no heir begins. */
static void deafen(struct land *l)
{
    struct core_shard *cs = &l->y->shards[core_ticks_home(&l->y->shards[0])];
    core_ticks_unlisten(cs, &cs->upkeep.listener);
    cs->upkeep.is_listening = false;
}

/* What the catalog says and what is done while an heir is built. */
static void a_view_that_is_being_built_anew_is_one_view(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = open_land(40 + i, NULL);
        struct core_upkeep_row row;
        land_start(l, shard_counts[i]);
        append(l, 0, 300, NARROW);
        land_do(l, MAKE);
        settle(l, "v");
        append(l, 1, 1, WIDE);
        settle(l, "v");
        char *before = land_rows(l, "SELECT * FROM v");
        deafen(l);
        land_do(l, REBIND);
        assert_true(land_row(l, "v", &row));
        assert_int_equal(row.status, CORE_UPKEEP_LIVE);
        assert_true(row.rebind.is_under_way);
        land_is(l, "SELECT name, incarnation, state, rebind, rebind_why FROM system.views",
                "v|1|live|building|NULL\n");
        land_explains(
            l, "v",
            "Upkeep: live; degraded: 1 value or row failed, at partition 1, offset 0; see "
            "system.errors;");
        land_explains(l, "v", "Rebind: under way; records: ");
        land_fails(l, REBIND, "55006 the view is being bound anew already");
        land_is(l, "SELECT * FROM v", before);
        land_do(l, "ALTER MATERIALIZED VIEW v RENAME TO w");
        land_fails(l, "ALTER MATERIALIZED VIEW w REBIND", "55006");
        land_is(l, "SELECT * FROM w", before);
        free(before);
        if (i == 0) { /* all of it goes */
            land_do(l, "DROP MATERIALIZED VIEW w");
            land_is_empty(l);
            land_is(l, "SELECT name FROM system.views", "");
        } else { /* it goes on with the next start */
            land_close(l);
            land_start(l, 3);
            land_wait_status(l, "w", CORE_UPKEEP_LIVE); /* it comes first */
            assert_true(land_row(l, "w", &row));
            assert_true(row.rebind.is_under_way);
            assert_int_equal(row.rebind.records_count, 0);
            await(l, "w", 2);
            settle(l, "w");
            land_compare_one(l, "w", PER_KEY, 0);
        }
        land_free(l);
    }
}

/* An heir that finds no room beside the view is given up, and the view goes on. */
static void an_heir_without_room_is_given_up(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i += 2) {
        struct land *l = open_land(50 + i, NULL);
        struct core_upkeep_row row;
        land_start(l, shard_counts[i]);
        for (uint32_t k = 0; k < 28; k++) {
            append(l, k % 2, 300, "{\"k\":\"%u, one of many keys, %u\",\"n\":1}");
        }
        land_do(l, MAKE);
        settle(l, "v");
        append(l, 1, 1, "{\"k\":\"%u of %u\",\"n\":0.5}");
        settle(l, "v");
        assert_true(land_row(l, "v", &row));
        for (uint32_t shard = 0; shard < l->shards_count; shard++) {
            struct budget *budget = &l->y->shards[shard].upkeep.budget;
            budget_set_limit(budget, budget->used_bytes * 2 + (64 << 10));
        }
        char *before = land_rows(l, "SELECT * FROM v");
        for (uint32_t again = 0; again < 2; again++) {
            land_do(l, REBIND);
            await(l, "v", 1);
            land_is(l, "SELECT * FROM v", before);
            land_is(l,
                    "SELECT incarnation, state, rebind, rebind_why LIKE 'out of budget: %' FROM "
                    "system.views",
                    "1|live|given up|true\n");
            land_explains(l, "v", "Rebind: given up: out of budget: ");
        }
        for (uint32_t shard = 0; shard < l->shards_count; shard++) {
            budget_set_limit(&l->y->shards[shard].upkeep.budget, 64 << 20);
        }
        append(l, 0, 10, "{\"k\":\"%u\",\"n\":%u}");
        settle(l, "v");
        land_is(l, "SELECT sum(count) FROM v", "8411\n");
        land_do(l, "DROP MATERIALIZED VIEW v");
        land_is_empty(l);
        free(before);
        land_free(l);
    }
}

/* --- Ends in between --- */

/* After so many steps the machine crashes, or the server ends; on how many shards it starts again
 * does not matter. The view is read at once when it is there; in the end it is the new one, or is
 * dropped in the middle of it. */
static void rebind_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct sim_options options = sim_options_calm();
    struct land *l = open_land(seed, &options);
    l->y->config.log.hot_bytes_max = 16 << 10;
    land_start(l, 1 + (uint32_t)prng_below(&prng, 4));
    uint32_t count = (uint32_t)prng_range(&prng, 1, 10);
    for (uint32_t k = 0; k < count; k++) {
        append(l, k % 2, (uint32_t)prng_range(&prng, 1, 300), NARROW);
    }
    land_do(l, MAKE);
    settle(l, "v");
    append(l, 1, 3, WIDE);
    bool is_dropped = false;
    for (uint32_t life = 0; life < 4 && !is_dropped; life++) {
        const struct core_view *view = defined(l, "v");
        if (view->incarnation == 1 &&
            core_catalog_find_heir(l->y->shards[0].catalog, view) == NULL) {
            land_do(l, REBIND);
        }
        (void)sim_run_steps(l->y->sim, prng_below(&prng, 600));
        if (prng_chance(&prng, 1, 3)) {
            append(l, 2, 5, NARROW);
        }
        is_dropped = prng_chance(&prng, 1, 8);
        if (is_dropped) {
            land_do(l, "DROP MATERIALIZED VIEW v");
            break;
        }
        if (prng_chance(&prng, 1, 2)) {
            land_crash(l, (enum sim_crash)prng_below(&prng, 3));
        } else {
            land_close(l);
        }
        land_start(l, 1 + (uint32_t)prng_below(&prng, 4));
        char *rows = land_rows(l, "SELECT sum(count) FROM v");
        assert_string_not_equal(rows, "NULL\n");
        free(rows);
    }
    if (is_dropped) {
        land_is_empty(l);
    } else {
        await(l, "v", 2);
        settle(l, "v");
        land_compare_one(l, "v", PER_KEY, 0);
        land_do(l, "DROP MATERIALIZED VIEW v");
        land_is_empty(l);
    }
    land_free(l);
}

static void it_goes_on_over_any_life(void **state)
{
    (void)state;
    struct share share = share_open("views bound anew over lives", 100);
    while (share_more(&share)) {
        rebind_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_has_the_types_of_now_when_it_is_built),
        cmocka_unit_test(what_cannot_be_bound_any_more_is_refused),
        cmocka_unit_test(a_view_begins_where_it_began),
        cmocka_unit_test(partitions_that_came_later_are_the_heirs),
        cmocka_unit_test(statements_see_one_view_or_the_other),
        cmocka_unit_test(who_reads_the_former_one_reads_it_to_its_end),
        cmocka_unit_test(a_tick_that_is_held_can_be_read_however_late),
        cmocka_unit_test(a_view_that_is_being_built_anew_is_one_view),
        cmocka_unit_test(an_heir_without_room_is_given_up),
        cmocka_unit_test(it_goes_on_over_any_life),
    };
    return cmocka_run_group_tests_name("core_rebind", tests, NULL, NULL);
}
