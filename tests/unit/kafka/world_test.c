/* Producers and consumers of a broker that is killed again and again: nothing that was acknowledged
 * is lost (acks=all), nothing is found that nobody sent, offsets are dense, and every consumer sees
 * the same records in the same order.
 *
 * A producer sends its serials 1, 2, 3 ... to its own partition, a batch at a time or several, and
 * sends a batch again until it is acknowledged: so a serial may stand there twice (no idempotence
 * here), but never before an earlier one was there. Consumers read from the start to the end,
 * and begin again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim_swarm.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/kafka/talk.h"

#define WORLD_PARTITIONS 3
#define WORLD_OFFSETS    8192u
#define WORLD_BATCHES    500u
#define WORLD_RECORDS    4u
#define WORLD_ASKED      4u
#define WORLD_LIVES      5u

/* What is known of a partition. */
struct world_partition {
    uint64_t serials[WORLD_OFFSETS]; /* by offset, as the first who read it saw; 0: nobody did */
    uint64_t acked_end;              /* all below were acknowledged */
    uint64_t seen_end;               /* all below were seen by a consumer */
    uint64_t sent;                   /* serials up to here are to be acknowledged */
    uint64_t sent_most;              /* serials up to here were ever sent */
    uint64_t acked;                  /* serials up to here were acknowledged, */
    uint64_t acked_at[WORLD_BATCHES * WORLD_RECORDS + 1]; /* at these offsets */
};

struct world {
    struct town *t;
    struct prng prng;
    struct world_partition parts[WORLD_PARTITIONS];
    struct town_client *producers[WORLD_PARTITIONS]; /* NULL: not connected */
    uint32_t asked_count[WORLD_PARTITIONS];          /* batches sent and not answered */
    uint64_t asked_first[WORLD_PARTITIONS];          /* the first serial of the oldest of them */
    struct town_client *consumers[WORLD_PARTITIONS]; /* of the same partitions */
    uint64_t position[WORLD_PARTITIONS];             /* of the consumer */
    bool is_asked[WORLD_PARTITIONS];                 /* its fetch is under way */
    bool does_stop;                                  /* no more is produced */
    uint32_t faults_ppm[SIM_FAULT_COUNT];            /* of the disk, while it works */
    const char *failure;                             /* what went wrong; NULL: nothing */
};

static void world_expect(struct world *w, bool is_true, const char *text)
{
    if (!is_true && w->failure == NULL) {
        w->failure = text;
    }
}

/* --- Producers --- */

static void world_batch(struct world *w, int32_t p, uint64_t first)
{
    struct talk_batch batch;
    talk_batch(w->t, &batch, first, WORLD_RECORDS, 1000 + (int64_t)first,
               (uint32_t)prng_range(&w->prng, 16, 900));
    talk_produce_ask(w->producers[p], TALK_PRODUCE_VERSION, "t", p, -1, batch.data, batch.length);
    w->asked_count[p]++;
}

/* Batches are acknowledged in order; the first that is not ends the connection: all are sent again
 * from there. */
static void world_acknowledged(struct world *w, int32_t p)
{
    struct world_partition *part = &w->parts[p];
    const struct kafka_produce_response_partition *answer = talk_produce_answer(w->producers[p]);
    uint64_t first = w->asked_first[p];
    w->asked_count[p]--;
    w->asked_first[p] += WORLD_RECORDS;
    if (answer->error_code != 0 || first != part->acked + 1) {
        part->sent = part->acked;
        town_hang_up(w->producers[p]);
        w->producers[p] = NULL;
        w->asked_count[p] = 0;
        return;
    }
    for (uint64_t i = 0; i < WORLD_RECORDS; i++) {
        part->acked_at[first + i] = (uint64_t)answer->base_offset + i;
    }
    part->acked += WORLD_RECORDS;
    uint64_t end = (uint64_t)answer->base_offset + WORLD_RECORDS;
    world_expect(w, end > part->acked_end, "an acknowledged offset is below another");
    part->acked_end = end;
}

static void world_produce(struct world *w, int32_t p)
{
    struct world_partition *part = &w->parts[p];
    struct town_client *c = w->producers[p];
    if (c != NULL && c->is_ended && !town_has_answer(c)) {
        w->producers[p] = NULL;
        w->asked_count[p] = 0;
        part->sent = part->acked;
    } else if (c == NULL && (w->does_stop || !town_is_running(w->t))) {
        return;
    } else if (c == NULL) {
        w->producers[p] = town_begin(w->t);
    } else if (town_has_answer(c)) {
        world_acknowledged(w, p);
    } else if (c->is_open && w->asked_count[p] < WORLD_ASKED && !w->does_stop &&
               part->sent < WORLD_BATCHES * WORLD_RECORDS) {
        if (w->asked_count[p] == 0) {
            w->asked_first[p] = part->sent + 1;
        }
        world_batch(w, p, part->sent + 1);
        part->sent += WORLD_RECORDS;
        part->sent_most = part->sent > part->sent_most ? part->sent : part->sent_most;
    }
}

/* --- Consumers --- */

static void world_see(struct world *w, int32_t p, const struct talk_record *record)
{
    struct world_partition *part = &w->parts[p];
    assert_true(w->position[p] < WORLD_OFFSETS);
    world_expect(w, record->offset == w->position[p], "an offset is missing");
    world_expect(w, record->serial >= 1 && record->serial <= part->sent_most, "nobody sent this");
    world_expect(w, record->timestamp == 1000 + (int64_t)record->serial, "a time is another");
    uint64_t *serial = &part->serials[w->position[p]];
    world_expect(w, *serial == 0 || *serial == record->serial, "what was seen has changed");
    *serial = record->serial;
    w->position[p]++;
    if (part->seen_end < w->position[p]) {
        part->seen_end = w->position[p];
    }
}

static void world_consume(struct world *w, int32_t p)
{
    struct town_client *c = w->consumers[p];
    struct talk_record records[256];
    if (c != NULL && c->is_ended && !town_has_answer(c)) {
        w->consumers[p] = NULL;
        w->is_asked[p] = false;
    } else if (c == NULL && town_is_running(w->t)) {
        w->consumers[p] = town_begin(w->t);
    } else if (c != NULL && town_has_answer(c)) {
        const struct kafka_fetch_response_partition *answer = talk_fetch_answer(c);
        w->is_asked[p] = false;
        world_expect(w, answer->error_code == 0, "a fetch has failed");
        uint32_t count = talk_records(w->t, &answer->records, w->position[p], records, 256);
        for (uint32_t i = 0; i < count && i < 256; i++) {
            world_expect(w, records[i].offset < (uint64_t)answer->high_watermark,
                         "a record is above the high watermark");
            world_see(w, p, &records[i]);
        }
        if (count == 0 && prng_chance(&w->prng, 1, 4)) {
            w->position[p] = prng_range(&w->prng, 0, w->position[p]); /* once more */
        }
    } else if (c != NULL && c->is_open && !w->is_asked[p]) {
        struct talk_fetch fetch = {.topic = "t",
                                   .partition = p,
                                   .offset = w->position[p],
                                   .bytes_max = (int32_t)prng_range(&w->prng, 100, 20000),
                                   .bytes_min = (int32_t)prng_below(&w->prng, 2),
                                   .max_wait_ms = (int32_t)prng_below(&w->prng, 200)};
        talk_fetch_ask(c, &fetch);
        w->is_asked[p] = true;
    }
}

/* --- Lives --- */

static void world_run(struct world *w, uint64_t ms)
{
    uint64_t end_ns = sim_now_ns(w->t->sim) + ms * RT_NS_PER_MS;
    while (sim_now_ns(w->t->sim) < end_ns && w->failure == NULL) {
        for (int32_t p = 0; p < WORLD_PARTITIONS; p++) {
            world_produce(w, p);
            world_consume(w, p);
        }
        sim_run_for(w->t->sim, prng_range(&w->prng, 1, RT_NS_PER_MS));
    }
}

/* Everything is read once more: what was acknowledged is where it was said to be. */
static void world_check(struct world *w)
{
    struct town_client *c = town_connect(w->t);
    for (int32_t p = 0; p < WORLD_PARTITIONS; p++) {
        struct world_partition *part = &w->parts[p];
        struct talk_record records[256];
        uint64_t end = (uint64_t)talk_offset(c, "t", p, -1);
        world_expect(w, end >= part->acked_end, "acknowledged records are gone");
        world_expect(w, end >= part->seen_end, "records that were seen are gone");
        w->position[p] = 0;
        while (w->position[p] < end && w->failure == NULL) {
            struct talk_fetch fetch = {.topic = "t", .partition = p, .offset = w->position[p]};
            const struct kafka_fetch_response_partition *answer = talk_fetch(c, &fetch);
            world_expect(w, answer->error_code == 0, "what was found cannot be fetched");
            if (w->failure != NULL) {
                return;
            }
            uint32_t count = talk_records(w->t, &answer->records, w->position[p], records, 256);
            assert_true(count > 0);
            for (uint32_t i = 0; i < count && i < 256; i++) {
                world_see(w, p, &records[i]);
            }
        }
        for (uint64_t serial = 1; serial <= part->acked; serial++) {
            world_expect(w, part->serials[part->acked_at[serial]] == serial,
                         "an acknowledged record is not where it was said to be");
        }
    }
    town_hang_up(c);
}

/* A process dies, or the machine. */
static void world_kill(struct world *w)
{
    town_crash(w->t, (enum sim_crash)prng_below(&w->prng, 3));
}

/* Some time, then the end of it: short and long ones alike. Errors of the disk come meanwhile, not
 * while all is read and compared. */
static void world_live(struct world *w)
{
    struct sim_disk_options *disk = sim_disk_options(sim_node_disk(w->t->machine));
    struct sim_disk_options good = *disk;
    memcpy(disk->faults_ppm, w->faults_ppm, sizeof(disk->faults_ppm));
    world_run(w, prng_range(&w->prng, 1, prng_chance(&w->prng, 1, 2) ? 50 : 1000));
    *disk = good;
    world_kill(w);
    while (prng_chance(&w->prng, 1, 3)) { /* and again, in the middle of its start */
        town_launch(w->t, 1 + (uint32_t)prng_below(&w->prng, 3));
        world_run(w, prng_below(&w->prng, 20));
        world_kill(w);
    }
    world_run(w, prng_below(&w->prng, 20));
    town_start(w->t, 1 + (uint32_t)prng_below(&w->prng, 3));
    world_check(w);
}

/* What went wrong, or NULL; *acked grows by the records acknowledged, *hash is that of the run. */
static const char *world_life(uint64_t seed, enum core_durability durability, uint64_t *acked,
                              uint64_t *hash)
{
    struct world *w = calloc(1, sizeof(*w));
    uint32_t flags = SIM_SWARM_HARMLESS | SIM_SWARM_STALLS;
    flags |= seed % 3 == 0 ? SIM_SWARM_ERRORS : 0;
    struct sim_options options = sim_swarm(seed, flags);
    assert_non_null(w);
    prng_init(&w->prng, seed);
    memcpy(w->faults_ppm, options.disk.faults_ppm, sizeof(w->faults_ppm));
    w->faults_ppm[SIM_FAULT_SECTOR_ERROR] = 0; /* one disk cannot survive that */
    memset(options.disk.faults_ppm, 0, sizeof(options.disk.faults_ppm));
    options.host.memory_bytes = 64 << 20;
    w->t = town_new(seed, &options);
    w->t->core.partitions_count = WORLD_PARTITIONS;
    w->t->core.topics.durability = durability;
    w->t->core.log.segment_bytes = 16 << 10;
    w->t->core.log.hot_bytes_max = 16 << 10;
    town_start(w->t, 1 + (uint32_t)prng_below(&w->prng, 3));
    struct town_client *first = town_connect(w->t);
    assert_int_equal(talk_topic(first, "t"), 0);
    for (uint32_t life = 0; life < WORLD_LIVES && w->failure == NULL; life++) {
        world_live(w);
    }
    world_run(w, 300);
    w->does_stop = true;
    world_run(w, 1000);
    if (w->failure == NULL) {
        world_check(w);
    }
    for (int32_t p = 0; p < WORLD_PARTITIONS; p++) {
        *acked += w->parts[p].acked;
    }
    const char *failure = w->failure;
    town_close(w->t);
    *hash = sim_hash(w->t->sim);
    town_free(w->t);
    free(w);
    return failure;
}

static void what_was_acknowledged_is_there_after_any_crash(void **state)
{
    (void)state;
    struct share share = share_open("producers and consumers of a broker that is killed", 60);
    uint64_t acked = 0;
    uint64_t hash;
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        const char *failure = world_life(seed, CORE_DURABILITY_QUORUM_FSYNC, &acked, &hash);
        if (failure != NULL) {
            fail_msg("seed %" PRIu64 ": %s", seed, failure);
        }
    }
    share_close(&share);
    print_message("covered: kafka_world/records acknowledged: %" PRIu64 "\n", acked);
    assert_true(acked > 0);
}

/* quorum-memory on one node promises less: a killed one loses its tail. Not to see that would be to
 * see nothing. */
static void a_broker_that_acknowledges_from_memory_is_caught(void **state)
{
    (void)state;
    uint64_t acked = 0;
    uint64_t hash;
    uint64_t seed = 1;
    while (seed <= 20 && world_life(seed, CORE_DURABILITY_QUORUM_MEMORY, &acked, &hash) == NULL) {
        seed++;
    }
    assert_in_range(seed, 1, 20);
}

static uint64_t world_hash(uint64_t seed, void *ctx)
{
    uint64_t hash;
    world_life(seed, CORE_DURABILITY_QUORUM_FSYNC, ctx, &hash);
    return hash;
}

/* No address, no clock and no memory that nobody set decides anything. */
static void a_seed_is_a_run_of_the_whole_broker(void **state)
{
    (void)state;
    uint64_t acked = 0;
    uint64_t hash;
    assert_true(sim_check_repeatable(world_hash, &acked, 3, &hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_is_there_after_any_crash),
        cmocka_unit_test(a_broker_that_acknowledges_from_memory_is_caught),
        cmocka_unit_test(a_seed_is_a_run_of_the_whole_broker),
    };
    return cmocka_run_group_tests_name("kafka_world", tests, NULL, NULL);
}
