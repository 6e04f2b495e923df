/* Idempotent producers against crashes: clients send as Kafka's do, up to five batches of a stream
 * under way, and send again what was not answered; the node crashes at any point and starts on
 * another number of shards. In the end every batch is there, once, in order, where it was
 * acknowledged. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "broker/core/idempotence.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/cores.h"

#define CRASH_STREAMS     6u
#define CRASH_FLIGHT      5u
#define CRASH_BATCHES_MAX 600u
#define CRASH_NONE        UINT64_MAX
#define CRASH_ANY         UINT32_MAX

/* A batch of a stream. */
struct crash_batch {
    uint64_t base_offset; /* where it was acknowledged; CRASH_NONE: it was not */
    int32_t base_sequence;
    uint32_t records;
    int16_t epoch;
    uint32_t found_count; /* in the end */
};

/* What one producer sends to one partition. */
struct crash_stream {
    int64_t producer_id; /* -1: without: nothing is sent again */
    uint32_t partition;
    struct crash_batch batches[CRASH_BATCHES_MAX];
    uint32_t made_count;  /* batches there are */
    uint32_t acked_count; /* the first of them are acknowledged */
    uint32_t sent_max;    /* batches that were ever sent */
    uint32_t next;        /* the next to be sent, or sent again */
    uint32_t oldest;      /* sent and not answered, up to `next` */
    uint32_t failed;      /* the first that was refused: it goes again when the others are answered;
                             CRASH_ANY: none */
    struct cores_append flight[CRASH_FLIGHT]; /* by number of the batch */
    int32_t sequence;                         /* of the next batch made */
    int16_t epoch;                            /* of the next batch made */
};

/* A run. */
struct crash {
    struct cores *c;
    struct prng prng;
    struct crash_stream streams[CRASH_STREAMS];
    uint64_t seed;
    uint64_t sections_count; /* over all lives */
    uint64_t loads_count;
    uint64_t fed_count;
    uint64_t duplicate_count;
    uint64_t batches_count;
    uint64_t refused_count;
};

static void crash_make(struct crash *r, struct crash_stream *s)
{
    uint32_t records = 1 + (uint32_t)prng_below(&r->prng, 3);
    s->batches[s->made_count++] = (struct crash_batch){
        .base_offset = CRASH_NONE,
        .base_sequence = s->sequence,
        .records = records,
        .epoch = s->epoch,
    };
    s->sequence += (int32_t)records;
}

/* Whether a batch is to be sent again: it was refused for want of memory, or comes behind one that
 * was. */
static bool crash_is_refused(struct crash *r, const struct crash_stream *s, enum core_code code)
{
    if (code == CORE_OVERLOADED && r->c->entries_max > 0) {
        return true;
    }
    return code == CORE_OUT_OF_ORDER && s->failed != CRASH_ANY;
}

/* Answers, in the order of the batches. One that was acknowledged before gets the same one. */
static void crash_take(struct crash *r, struct crash_stream *s)
{
    while (s->oldest < s->next && s->flight[s->oldest % CRASH_FLIGHT].is_done) {
        struct crash_batch *batch = &s->batches[s->oldest];
        const struct core_append *append = &s->flight[s->oldest % CRASH_FLIGHT].append;
        bool is_refused = crash_is_refused(r, s, append->code);
        if (append->code != CORE_OK && !is_refused) {
            fail_msg("seed %" PRIu64 ": producer %d, batch %u: %s; %s", r->seed,
                     (int)s->producer_id, s->oldest, core_code_name(append->code), r->c->said);
        }
        if (!is_refused && s->failed != CRASH_ANY && batch->base_offset == CRASH_NONE) {
            fail_msg("seed %" PRIu64 ": producer %d: batch %u overtook %u", r->seed,
                     (int)s->producer_id, s->oldest, s->failed);
        }
        if (!is_refused && batch->base_offset != CRASH_NONE &&
            batch->base_offset != append->base_offset) {
            fail_msg("seed %" PRIu64 ": producer %d, batch %u: at %" PRIu64 ", then at %" PRIu64,
                     r->seed, (int)s->producer_id, s->oldest, batch->base_offset,
                     append->base_offset);
        }
        if (is_refused && s->failed == CRASH_ANY) {
            s->failed = s->oldest;
            r->refused_count++;
        } else if (!is_refused) {
            batch->base_offset = append->base_offset;
        }
        s->oldest++;
        if (s->failed == CRASH_ANY && s->oldest > s->acked_count) {
            s->acked_count = s->oldest;
        }
    }
    if (s->failed != CRASH_ANY && s->oldest == s->next) { /* all were answered: again */
        s->oldest = s->next = s->failed;
        s->failed = CRASH_ANY;
    }
}

static void crash_send(struct crash *r, struct crash_stream *s, bool does_make)
{
    while (s->failed == CRASH_ANY && s->next < s->oldest + CRASH_FLIGHT) {
        if (s->next == s->made_count) {
            if (!does_make || s->made_count == CRASH_BATCHES_MAX || prng_chance(&r->prng, 1, 4)) {
                return;
            }
            crash_make(r, s);
        }
        const struct crash_batch *batch = &s->batches[s->next];
        struct cores_append *ca = &s->flight[s->next % CRASH_FLIGHT];
        *ca = (struct cores_append){
            .producer_id = s->producer_id,
            .epoch = batch->epoch,
            .base_sequence = batch->base_sequence,
            .records = batch->records,
            .value_bytes = (uint32_t)prng_below(&r->prng, 900),
            .partition = s->partition,
            .home =
                (uint32_t)s->producer_id, /* a client's connection: its batches keep their order */
            .acks = prng_chance(&r->prng, 1, 3) ? 1 : -1,
        };
        cores_send(r->c, ca);
        s->next++;
        s->sent_max = s->next > s->sent_max ? s->next : s->sent_max;
    }
}

/* A client after its server crashed: it sends what was not answered, and sometimes, as if answers
 * had been lost, more of the last five. */
static void crash_again(struct crash *r, struct crash_stream *s)
{
    s->failed = CRASH_ANY;
    if (s->producer_id < 0) { /* it does not know, and gives up */
        s->oldest = s->next = s->acked_count = s->made_count;
        return;
    }
    uint32_t known_from = s->sent_max > CRASH_FLIGHT ? s->sent_max - CRASH_FLIGHT : 0;
    uint32_t from = s->acked_count;
    while (from > known_from && s->batches[from - 1].epoch == s->epoch &&
           prng_chance(&r->prng, 1, 2)) {
        from--;
    }
    if (s->acked_count == s->made_count && prng_chance(&r->prng, 1, 4)) {
        s->epoch++; /* InitProducerId */
        s->sequence = 0;
        from = s->made_count;
    }
    s->oldest = s->next = from;
}

static void crash_count(struct crash *r)
{
    const struct cores *c = r->c;
    bool is_short = c->entries_max > 0; /* of memory: it says so */
    if (strstr(c->said, "older ones are") != NULL ||
        (!is_short && (strstr(c->said, "WARN") != NULL || strstr(c->said, "ERROR") != NULL))) {
        fail_msg("seed %" PRIu64 ": %s", r->seed, c->said);
    }
    r->sections_count += cores_sum(c, offsetof(struct core_idempotence_shared, sections_count));
    r->loads_count += cores_sum(c, offsetof(struct core_idempotence_shared, loads_count));
    r->fed_count += cores_sum(c, offsetof(struct core_idempotence_shared, fed_count));
    r->duplicate_count += cores_sum(c, offsetof(struct core_idempotence_shared, duplicate_count));
}

static void crash_life(struct crash *r, bool is_last)
{
    uint64_t steps = is_last ? 1000 : prng_below(&r->prng, 60);
    for (uint64_t step = 0; step < steps; step++) {
        bool is_over = is_last;
        for (uint32_t i = 0; i < CRASH_STREAMS; i++) {
            struct crash_stream *s = &r->streams[i];
            crash_take(r, s);
            crash_send(r, s, !is_last);
            is_over &= s->oldest == s->made_count;
        }
        if (is_over) {
            break;
        }
        sim_run_for(r->c->sim, prng_below(&r->prng, 2 * RT_NS_PER_MS));
        if (!is_last && prng_chance(&r->prng, 1, 40)) {
            sim_run_for(r->c->sim, 50 * RT_NS_PER_MS); /* idle: it settles */
        }
    }
}

/* Nothing twice, no gap, everything where it was said to be. */
static void crash_check(struct crash *r, uint32_t partition)
{
    struct cores *c = r->c;
    uint64_t next_offset = 0;
    uint32_t next[CRASH_STREAMS] = {0};
    cores_read(c, partition);
    for (uint32_t k = 0; k < c->found_count; k++) {
        const struct cores_batch *found = &c->found[k];
        assert_int_equal(found->base_offset, next_offset);
        next_offset += found->records;
        for (uint32_t i = 0; i < CRASH_STREAMS && found->producer_id >= 0; i++) {
            struct crash_stream *s = &r->streams[i];
            if (s->producer_id != found->producer_id || s->partition != partition) {
                continue;
            }
            const struct crash_batch *want = &s->batches[next[i]];
            if (next[i] == s->made_count || want->base_sequence != found->base_sequence ||
                want->epoch != found->epoch || want->records != found->records ||
                want->base_offset != found->base_offset) {
                fail_msg("seed %" PRIu64 ": producer %d: found %d/%d at %" PRIu64
                         ", want %d/%d at %" PRIu64,
                         r->seed, (int)s->producer_id, found->epoch, found->base_sequence,
                         found->base_offset, want->epoch, want->base_sequence, want->base_offset);
            }
            next[i]++;
            r->batches_count++;
        }
    }
    assert_int_equal(next_offset, c->high_watermark);
    for (uint32_t i = 0; i < CRASH_STREAMS; i++) {
        const struct crash_stream *s = &r->streams[i];
        if (s->partition == partition && s->producer_id >= 0 && next[i] != s->made_count) {
            fail_msg("seed %" PRIu64 ": producer %d: %u of %u batches", r->seed,
                     (int)s->producer_id, next[i], s->made_count);
        }
    }
}

static void crash_run(struct crash *r, uint64_t seed)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 64 << 20;
    prng_init(&r->prng, seed);
    r->seed = seed;
    r->c = cores_new(seed, &options);
    uint32_t folds_max =
        prng_chance(&r->prng, 1, 3) ? 4 : 0; /* folds are given up and read again */
    r->c->entries_max = folds_max;
    for (uint32_t i = 0; i < CRASH_STREAMS; i++) {
        bool is_plain = i == CRASH_STREAMS - 1;
        r->streams[i] = (struct crash_stream){.producer_id = is_plain ? -1 : (int64_t)(1 + i / 2),
                                              .partition = i % 2,
                                              .failed = CRASH_ANY};
    }
    uint32_t lives = 2 + (uint32_t)prng_below(&r->prng, 6);
    for (uint32_t life = 0; life <= lives; life++) {
        cores_start(r->c, 1 + (uint32_t)prng_below(&r->prng, CORES_SHARDS));
        for (uint32_t i = 0; i < CRASH_STREAMS; i++) {
            crash_again(r, &r->streams[i]);
        }
        crash_life(r, life == lives);
        crash_count(r);
        if (life < lives) {
            cores_crash(r->c, (enum sim_crash)prng_below(&r->prng, 3));
        }
    }
    crash_check(r, 0);
    crash_check(r, 1);
    cores_close(r->c);
    cores_free(r->c);
}

static void core_idempotence_loses_nothing_and_doubles_nothing_in_crashes(void **state)
{
    (void)state;
    struct crash *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    struct share share = share_open("crashes at any point", 100);
    while (share_more(&share)) {
        crash_run(r, share_case_seed(&share));
    }
    share_close(&share);
    print_message("batches %" PRIu64 ", repeated %" PRIu64 ", refused %" PRIu64
                  "; folds read %" PRIu64 ", %" PRIu64
                  " from a section; entries read for them %" PRIu64 "\n",
                  r->batches_count, r->duplicate_count, r->refused_count, r->loads_count,
                  r->sections_count, r->fed_count);
    if (share.cases_count >= 20) {
        assert_true(r->duplicate_count > 0);
        assert_true(r->sections_count > 0);
    }
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_idempotence_loses_nothing_and_doubles_nothing_in_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
