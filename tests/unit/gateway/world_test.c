/* HTTP producers that never send anything twice, and readers through both doors, of a broker that
 * is killed again and again: nothing that was acknowledged is lost or elsewhere than was told, each
 * event that was not answered is there at most once, and every value is what was sent, byte for
 * byte.
 *
 * Every event has a serial of its own, from which its value follows. A producer sends some events
 * of one partition in a request, in any form and in any pieces; whatever becomes of it, the next
 * request has the next serials. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/log/records.h"
#include "tests/sim/sim_swarm.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/gateway/talk_http.h"

#define WORLD_PARTITIONS  3
#define WORLD_OFFSETS     8192u
#define WORLD_SERIALS     6000u
#define WORLD_CLIENTS     4u
#define WORLD_ASKED       3u
#define WORLD_LIVES       4u
#define WORLD_EVENTS_MAX  6u
#define WORLD_VALUE_BYTES 1024u

/* An event that was sent. */
struct world_event {
    bool is_acked;     /* it was answered with */
    int32_t partition; /* this partition */
    uint64_t offset;   /* and offset */
    uint32_t found;    /* times, in the last look at everything */
};

/* A request under way. */
struct world_request {
    uint64_t first; /* serial of its first event */
    uint32_t count; /* of its events */
};

struct world_client {
    struct town_client *c;                   /* NULL: not connected */
    struct world_request asked[WORLD_ASKED]; /* oldest first */
    uint32_t asked_count;                    /* of them */
};

/* A reader of one partition. */
struct world_reader {
    struct town_client *c; /* NULL: not connected */
    uint64_t position;     /* the next offset */
    bool is_asked;         /* its request is under way */
};

struct world {
    struct town *t;
    struct prng prng;
    struct world_event events[WORLD_SERIALS];          /* by serial */
    uint64_t serials[WORLD_PARTITIONS][WORLD_OFFSETS]; /* as the first who read it saw, plus 1;
                                                          0: nobody did */
    uint64_t next_serial;                              /* to be sent */
    uint64_t acked_count;                              /* events */
    uint64_t unanswered_count;                         /* likewise */
    struct world_client clients[WORLD_CLIENTS];        /* producers */
    struct world_reader kafka[WORLD_PARTITIONS];       /* readers through the Kafka door */
    struct world_reader http[WORLD_PARTITIONS];        /* and through this one */
    bool does_stop;                                    /* no more is sent */
    uint32_t faults_ppm[SIM_FAULT_COUNT];              /* of the disk, while it works */
    const char *failure;                               /* what went wrong; NULL: nothing */
};

static void world_expect(struct world *w, bool is_true, const char *text)
{
    if (!is_true && w->failure == NULL) {
        w->failure = text;
    }
}

/* The value of `serial`: JSON with white space and text of any length. Returns its length. */
static size_t world_value(uint64_t serial, char out[WORLD_VALUE_BYTES])
{
    struct prng prng;
    prng_init(&prng, serial + 1);
    int padding = (int)prng_below(&prng, prng_chance(&prng, 1, 8) ? 900 : 60);
    int blanks = (int)prng_below(&prng, 3);
    int length = snprintf(out, WORLD_VALUE_BYTES, "{\"serial\":%" PRIu64 "%*s,\"pad\" :\"%0*d\"}",
                          serial, blanks, "", padding + 1, 7);
    assert_in_range(length, 1, WORLD_VALUE_BYTES - 1);
    return (size_t)length;
}

/* --- Producers --- */

/* A request's body; sends it in one of the forms. */
static void world_send(struct world *w, struct town_client *c, const struct world_request *request,
                       int32_t partition)
{
    static char body[WORLD_EVENTS_MAX * (WORLD_VALUE_BYTES + 64)];
    size_t length = 0;
    bool is_one = request->count == 1 && prng_chance(&w->prng, 1, 2);
    body[length++] = is_one ? ' ' : '[';
    for (uint32_t i = 0; i < request->count; i++) {
        char value[WORLD_VALUE_BYTES];
        world_value(request->first + i, value);
        length += (size_t)snprintf(body + length, sizeof(body) - length,
                                   "%s{\"partition\":%d,\"value\": %s}", i > 0 ? ", " : "",
                                   partition, value);
    }
    body[length++] = is_one ? '\n' : ']';
    if (prng_chance(&w->prng, 1, 3)) {
        talk_http_ask_chunks(c, "POST " TALK_HTTP_S, TALK_HTTP_EVENTS, body, length,
                             (size_t)prng_range(&w->prng, 1, length) + length / 4);
    } else {
        talk_http_ask_bytes(c, "POST " TALK_HTTP_S, TALK_HTTP_EVENTS, body, length);
    }
}

/* What an answer says of each event of its request. */
static void world_results(struct world *w, const struct world_request *request, const char *body)
{
    const char *at = strstr(body, "\"results\":[");
    world_expect(w, at != NULL, "an answer without results");
    at = at != NULL ? at + strlen("\"results\":[") : body;
    for (uint32_t i = 0; i < request->count && w->failure == NULL; i++) {
        struct world_event *event = &w->events[request->first + i];
        char *end;
        if (strncmp(at, "{\"error\":{", 10) == 0) {
            at = strstr(at, "}}") + 3;
            w->unanswered_count++; /* it may have been done */
            continue;
        }
        world_expect(w, strncmp(at, "{\"partition\":", 13) == 0, "a result is missing");
        event->partition = (int32_t)strtol(at + 13, &end, 10);
        world_expect(w, strncmp(end, ",\"offset\":", 10) == 0, "a result without an offset");
        event->offset = strtoull(end + 10, &end, 10);
        event->is_acked = true;
        w->acked_count++;
        at = end + 2;
    }
}

static void world_answered(struct world *w, struct world_client *client)
{
    struct talk_http_answer a = talk_http_answer(client->c);
    struct world_request request = client->asked[0];
    client->asked_count--;
    memmove(client->asked, client->asked + 1, client->asked_count * sizeof(client->asked[0]));
    if (a.status == 200 || a.status == 207 || strstr(a.body, "\"results\":[") != NULL) {
        world_results(w, &request, a.body);
    } else {
        world_expect(w, a.status == 408 || a.status >= 500, "a good request is refused");
        w->unanswered_count += request.count;
    }
}

static void world_produce(struct world *w, struct world_client *client)
{
    struct town_client *c = client->c;
    if (c != NULL && talk_http_has_answer(c)) {
        world_answered(w, client);
    } else if (c != NULL && c->is_ended) {
        for (uint32_t i = 0; i < client->asked_count; i++) {
            w->unanswered_count += client->asked[i].count;
        }
        *client = (struct world_client){.c = NULL};
    } else if (c == NULL && !w->does_stop && town_is_running(w->t)) {
        client->c = town_begin_http(w->t);
    } else if (c != NULL && c->is_open && client->asked_count < WORLD_ASKED && !w->does_stop &&
               w->next_serial + WORLD_EVENTS_MAX <= WORLD_SERIALS) {
        struct world_request *request = &client->asked[client->asked_count++];
        request->first = w->next_serial;
        request->count = (uint32_t)prng_range(&w->prng, 1, WORLD_EVENTS_MAX);
        w->next_serial += request->count;
        world_send(w, c, request, (int32_t)prng_below(&w->prng, WORLD_PARTITIONS));
    }
}

/* --- Readers --- */

/* An event is read: its value is one that was sent, and the same as ever at this offset. */
static void world_see(struct world *w, int32_t p, uint64_t offset, const char *data, size_t length)
{
    char value[WORLD_VALUE_BYTES];
    char head[32] = "";
    memcpy(head, data, length < sizeof(head) - 1 ? length : sizeof(head) - 1);
    uint64_t serial =
        strncmp(head, "{\"serial\":", 10) == 0 ? strtoull(head + 10, NULL, 10) : UINT64_MAX;
    world_expect(w, offset < WORLD_OFFSETS && serial < w->next_serial, "nobody sent this");
    if (w->failure != NULL) {
        return;
    }
    world_expect(w, world_value(serial, value) == length && memcmp(value, data, length) == 0,
                 "a value is another");
    uint64_t *seen = &w->serials[p][offset];
    world_expect(w, *seen == 0 || *seen == serial + 1, "what was seen has changed");
    *seen = serial + 1;
}

/* The records of a Kafka answer, from `position` on; the next one. */
static uint64_t world_see_records(struct world *w, int32_t p, uint64_t position,
                                  const struct kafka_records *records)
{
    for (int32_t pos = 0; pos < records->length && w->failure == NULL;) {
        struct log_records_reader rr;
        struct log_records_item item;
        struct log_batch batch;
        const uint8_t *data = records->data + pos;
        size_t left = (size_t)(records->length - pos);
        assert_int_equal(log_batch_decode(data, left, &batch), ERR_OK);
        assert_true(log_batch_is_sound(w->t->kernels, data, batch.length_bytes));
        assert_int_equal(log_records_open(&rr, data, batch.length_bytes, NULL, NULL, 0), ERR_OK);
        while (log_records_next(&rr, &item) == ERR_OK) {
            if (item.offset >= position) {
                world_expect(w, item.offset == position, "an offset is missing");
                world_see(w, p, item.offset, (const char *)item.value, item.value_bytes);
                position++;
            }
        }
        pos += (int32_t)batch.length_bytes;
    }
    return position;
}

static void world_read_kafka(struct world *w, int32_t p)
{
    struct world_reader *reader = &w->kafka[p];
    if (reader->c != NULL && town_has_answer(reader->c)) {
        const struct kafka_fetch_response_partition *answer = talk_fetch_answer(reader->c);
        reader->is_asked = false;
        world_expect(w, answer->error_code == 0, "a fetch has failed");
        reader->position = world_see_records(w, p, reader->position, &answer->records);
    } else if (reader->c != NULL && reader->c->is_ended) {
        reader->c = NULL;
        reader->is_asked = false;
    } else if (reader->c == NULL && town_is_running(w->t)) {
        reader->c = town_begin(w->t);
    } else if (reader->c != NULL && reader->c->is_open && !reader->is_asked) {
        talk_fetch_ask(reader->c, &(struct talk_fetch){.topic = "s",
                                                       .partition = p,
                                                       .offset = reader->position,
                                                       .bytes_max = 20000,
                                                       .bytes_min = 1,
                                                       .max_wait_ms = 100});
        reader->is_asked = true;
    }
}

/* The lines of an HTTP answer. */
static void world_see_lines(struct world *w, int32_t p, const struct talk_http_answer *a)
{
    static const char before[] = "\"key\":null,\"value\":";
    struct world_reader *reader = &w->http[p];
    char next[TALK_HTTP_VALUE_BYTES];
    for (const char *at = a->body; *at != '\0' && w->failure == NULL;) {
        const char *end = strchr(at, '\n');
        const char *value = strstr(at, before);
        world_expect(w, strncmp(at, "{\"offset\":", 10) == 0 && value != NULL && value < end,
                     "a line is no event");
        if (w->failure == NULL) {
            value += strlen(before);
            world_expect(w, strtoull(at + 10, NULL, 10) == reader->position,
                         "an offset is missing by HTTP");
            world_see(w, p, reader->position++, value, (size_t)(end - 1 - value));
        }
        at = end + 1;
    }
    world_expect(w,
                 talk_http_header(a, "TDB-Next-Offset", next) &&
                     strtoull(next, NULL, 10) == reader->position,
                 "the next offset is another");
}

static void world_read_http(struct world *w, int32_t p)
{
    struct world_reader *reader = &w->http[p];
    if (reader->c != NULL && talk_http_has_answer(reader->c)) {
        struct talk_http_answer a = talk_http_answer(reader->c);
        reader->is_asked = false;
        if (a.status == 200) {
            world_see_lines(w, p, &a);
        } else {
            world_expect(w, a.status >= 500, "a good read is refused");
        }
    } else if (reader->c != NULL && reader->c->is_ended) {
        reader->c = NULL;
        reader->is_asked = false;
    } else if (reader->c == NULL && town_is_running(w->t)) {
        reader->c = town_begin_http(w->t);
    } else if (reader->c != NULL && reader->c->is_open && !reader->is_asked) {
        char line[128];
        snprintf(line, sizeof(line),
                 "GET " TALK_HTTP_S "?partition=%d&offset=%" PRIu64 "&limit=%u&wait=%ums", p,
                 reader->position, 1 + (unsigned)prng_below(&w->prng, 50),
                 (unsigned)prng_below(&w->prng, 200));
        talk_http_ask(reader->c, line, "Accept: application/x-ndjson\r\n", NULL);
        reader->is_asked = true;
    }
}

/* --- Lives --- */

static void world_run(struct world *w, uint64_t ms)
{
    uint64_t end_ns = sim_now_ns(w->t->sim) + ms * RT_NS_PER_MS;
    while (sim_now_ns(w->t->sim) < end_ns && w->failure == NULL) {
        for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
            world_produce(w, &w->clients[i]);
        }
        for (int32_t p = 0; p < WORLD_PARTITIONS; p++) {
            world_read_kafka(w, p);
            world_read_http(w, p);
        }
        sim_run_for(w->t->sim, prng_range(&w->prng, 1, RT_NS_PER_MS));
    }
}

/* Everything is read once more. */
static void world_check(struct world *w)
{
    struct town_client *c = town_connect(w->t);
    for (uint64_t serial = 0; serial < w->next_serial; serial++) {
        w->events[serial].found = 0;
    }
    for (int32_t p = 0; p < WORLD_PARTITIONS && w->failure == NULL; p++) {
        uint64_t end = (uint64_t)talk_offset(c, "s", p, -1);
        uint64_t position = 0;
        while (position < end && w->failure == NULL) {
            struct talk_fetch fetch = {.topic = "s", .partition = p, .offset = position};
            const struct kafka_fetch_response_partition *answer = talk_fetch(c, &fetch);
            world_expect(w, answer->error_code == 0, "what was found cannot be fetched");
            uint64_t next = world_see_records(w, p, position, &answer->records);
            world_expect(w, next > position, "an empty fetch below the end");
            for (; position < next && w->failure == NULL; position++) {
                w->events[w->serials[p][position] - 1].found++;
            }
        }
        world_expect(w, end >= w->kafka[p].position, "events that were seen are gone");
        world_expect(w, end >= w->http[p].position, "events that were seen by HTTP are gone");
    }
    for (uint64_t serial = 0; serial < w->next_serial && w->failure == NULL; serial++) {
        const struct world_event *event = &w->events[serial];
        world_expect(w, event->found <= 1, "an event is there twice");
        if (event->is_acked) {
            world_expect(w, event->found == 1, "an acknowledged event is lost");
            world_expect(w, w->serials[event->partition][event->offset] == serial + 1,
                         "an acknowledged event is not where it was said to be");
        }
    }
    town_hang_up(c);
}

static void world_kill(struct world *w)
{
    town_crash(w->t, (enum sim_crash)prng_below(&w->prng, 3));
}

/* Some time, then the end of it. Errors of the disk come meanwhile, not while all is read. */
static void world_live(struct world *w)
{
    struct sim_disk_options *disk = sim_disk_options(sim_node_disk(w->t->machine));
    struct sim_disk_options good = *disk;
    memcpy(disk->faults_ppm, w->faults_ppm, sizeof(disk->faults_ppm));
    world_run(w, prng_range(&w->prng, 1, prng_chance(&w->prng, 1, 2) ? 50 : 600));
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

/* What all worlds together have seen. */
struct world_counts {
    uint64_t acked;      /* events */
    uint64_t unanswered; /* likewise */
};

static const char *world_life(uint64_t seed, enum core_durability durability,
                              struct world_counts *counts, uint64_t *hash)
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
    w->t = talk_http_town_of(seed, &options);
    w->t->core.partitions_count = WORLD_PARTITIONS;
    w->t->core.topics.durability = durability;
    w->t->core.log.segment_bytes = 16 << 10;
    w->t->core.log.hot_bytes_max = 16 << 10;
    town_start(w->t, 1 + (uint32_t)prng_below(&w->prng, 3));
    assert_int_equal(talk_topic(town_connect(w->t), "s"), 0);
    for (uint32_t life = 0; life < WORLD_LIVES && w->failure == NULL; life++) {
        world_live(w);
    }
    world_run(w, 200);
    w->does_stop = true;
    world_run(w, 1000);
    if (w->failure == NULL) {
        world_check(w);
    }
    counts->acked += w->acked_count;
    counts->unanswered += w->unanswered_count;
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
    struct share share = share_open("HTTP producers of a broker that is killed", 60);
    struct world_counts counts = {0};
    uint64_t hash;
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        const char *failure = world_life(seed, CORE_DURABILITY_QUORUM_FSYNC, &counts, &hash);
        if (failure != NULL) {
            fail_msg("seed %" PRIu64 ": %s", seed, failure);
        }
    }
    share_close(&share);
    print_message("covered: gateway_world/events acknowledged: %" PRIu64 ", not answered: %" PRIu64
                  "\n",
                  counts.acked, counts.unanswered);
    assert_true(counts.acked > 0);
    assert_true(counts.unanswered > 0);
}

/* quorum-memory on one node promises less. Not to see that would be to see nothing. */
static void a_broker_that_acknowledges_from_memory_is_caught(void **state)
{
    (void)state;
    struct world_counts counts = {0};
    uint64_t hash;
    uint64_t seed = 1;
    while (seed <= 20 && world_life(seed, CORE_DURABILITY_QUORUM_MEMORY, &counts, &hash) == NULL) {
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

static void a_seed_is_a_run_of_the_whole_broker(void **state)
{
    (void)state;
    struct world_counts counts = {0};
    uint64_t hash;
    assert_true(sim_check_repeatable(world_hash, &counts, 4, &hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_is_there_after_any_crash),
        cmocka_unit_test(a_broker_that_acknowledges_from_memory_is_caught),
        cmocka_unit_test(a_seed_is_a_run_of_the_whole_broker),
    };
    return cmocka_run_group_tests_name("gateway_world", tests, NULL, NULL);
}
