/* Any request of any served version, with any values, in any order, from several clients at once:
 * each is answered in its turn by something that can be read, or closes its connection; the broker
 * goes on, and when it closes nothing is left. What values there are comes from the tables of the
 * messages; half of the names, ids and numbers are such that something comes of them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker/kafka/api_table.h"
#include "broker/kafka/codec.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/kafka/talk.h"
#include "tests/unit/kafka/values.h"

#define STORM_CLIENTS  4u
#define STORM_REQUESTS 60u

struct storm {
    struct town *t;
    struct prng prng;
    struct arena arena; /* of the request being made */
    struct talk_batch batch;
    struct log_uuid ids[3];
    struct town_client *clients[STORM_CLIENTS];
    uint64_t answers_count;
    uint64_t ends_count;
};

static const char *const storm_names[] = {"t",
                                          "u",
                                          "v",
                                          "new-one",
                                          "__tdb_catalog",
                                          "__tdb_other",
                                          ".",
                                          "retention.ms",
                                          "durability",
                                          "segment.bytes",
                                          "cleanup.policy",
                                          "1000",
                                          "1",
                                          "quorum-fsync",
                                          "delete"};

/* Fields that make a request take long, or a topic large, and what is enough. */
static const struct {
    const char *name;
    int32_t below;
} storm_bounds[] = {
    {"max_wait_ms", 50},
    {"timeout_ms", 50},
    {"num_partitions", 6},
    {"count", 8},
    {"partition", 3},
    {"partition_index", 3},
    {"partition_id", 3},
    {"index", 3},
    {"acks", 2},
    {"key_type", 3},
    {"replication_factor", 2},
    {"resource_type", 5},
    {"fetch_offset", 9},
    {"timestamp", 2000},
    {"session_id", 1},
    {"isolation_level", 2},
    {"current_leader_epoch", 3},
    {"offset", 9},
};

/* Whether `field` always gets a value that is possible: waits are short. */
static bool storm_is_bound(const struct kafka_field *field)
{
    return strcmp(field->name, "max_wait_ms") == 0 || strcmp(field->name, "timeout_ms") == 0 ||
           strcmp(field->name, "num_partitions") == 0 || strcmp(field->name, "count") == 0;
}

static void storm_number(struct storm *s, const struct kafka_field *field, void *member)
{
    for (size_t i = 0; i < ARRAY_COUNT(storm_bounds); i++) {
        if (strcmp(field->name, storm_bounds[i].name) != 0 ||
            (!storm_is_bound(field) && prng_chance(&s->prng, 1, 4))) {
            continue;
        }
        int64_t value = (int64_t)prng_below(&s->prng, (uint64_t)storm_bounds[i].below + 1) - 1;
        switch ((int)field->type) {
        case KAFKA_TYPE_INT8: *(int8_t *)member = (int8_t)value; break;
        case KAFKA_TYPE_INT16: *(int16_t *)member = (int16_t)value; break;
        case KAFKA_TYPE_INT32: *(int32_t *)member = (int32_t)value; break;
        default: *(int64_t *)member = value; break;
        }
    }
}

static void storm_tame(struct storm *s, const struct kafka_struct *table, void *out);

static void storm_tame_array(struct storm *s, const struct kafka_field *field, void *member)
{
    struct kafka_int32_array *array = member;
    for (int32_t i = 0; i < array->count; i++) {
        if (field->sub != NULL) {
            storm_tame(s, field->sub, (uint8_t *)array->items + (size_t)i * field->sub->size_bytes);
        } else if (field->type == KAFKA_TYPE_STRING_ARRAY && prng_chance(&s->prng, 1, 2)) {
            ((struct kafka_string_array *)member)->items[i] =
                talk_text(storm_names[prng_below(&s->prng, ARRAY_COUNT(storm_names))]);
        } else if (field->type == KAFKA_TYPE_INT32_ARRAY && prng_chance(&s->prng, 1, 2)) {
            array->items[i] = (int32_t)prng_below(&s->prng, 3);
        }
    }
}

/* Half of it becomes something that means something. */
static void storm_tame(struct storm *s, const struct kafka_struct *table, void *out)
{
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        void *member = (uint8_t *)out + field->offset;
        bool does_mean = prng_chance(&s->prng, 1, 2);
        switch ((int)field->type) {
        case KAFKA_TYPE_STRING:
            if (does_mean && ((struct kafka_string *)member)->length >= 0) {
                *(struct kafka_string *)member =
                    talk_text(storm_names[prng_below(&s->prng, ARRAY_COUNT(storm_names))]);
            }
            break;
        case KAFKA_TYPE_UUID:
            if (does_mean) {
                *(struct log_uuid *)member = s->ids[prng_below(&s->prng, ARRAY_COUNT(s->ids))];
            }
            break;
        case KAFKA_TYPE_RECORDS:
            if (does_mean) {
                talk_batch(s->t, &s->batch, 1, 1 + (uint32_t)prng_below(&s->prng, 3), 1000, 100);
                *(struct kafka_records *)member = (struct kafka_records){
                    .data = s->batch.data, .length = (int32_t)s->batch.length};
            }
            break;
        case KAFKA_TYPE_STRING_ARRAY:
        case KAFKA_TYPE_INT32_ARRAY:
        case KAFKA_TYPE_STRUCT_ARRAY: storm_tame_array(s, field, member); break;
        case KAFKA_TYPE_STRUCT: storm_tame(s, field->sub, member); break;
        case KAFKA_TYPE_STRUCT_POINTER:
            if (*(void **)member != NULL) {
                storm_tame(s, field->sub, *(void **)member);
            }
            break;
        default: storm_number(s, field, member); break;
        }
    }
}

/* What is left of a field that the version does not have is its default, as a decoder sets it. */
static void storm_request(struct storm *s, struct town_client *c)
{
    size_t count;
    const struct kafka_api *apis = kafka_apis(&count);
    const struct kafka_api *api = &apis[prng_below(&s->prng, count)];
    int16_t version = (int16_t)prng_range(&s->prng, (uint64_t)api->first, (uint64_t)api->last);
    arena_reset(&s->arena);
    void *body = arena_alloc_zeroed(&s->arena, api->request->body->size_bytes, 16);
    assert_non_null(body);
    values_fill(&s->prng, &s->arena, api->request->body, version, body);
    storm_tame(s, api->request->body, body);
    size_t length;
    const uint8_t *frame = town_frame_of(c, api->request, version, body, &length);
    bool is_silent =
        api->request->api_key == 0 && ((const struct kafka_produce_request *)body)->acks == 0;
    if (!is_silent) {
        town_expect(c, api->request, version);
    }
    town_bytes(c, frame, length);
}

static void storm_answers(struct storm *s, uint32_t i)
{
    while (s->clients[i] != NULL && !list_is_empty(&s->clients[i]->asked)) {
        if (town_answer(s->clients[i]) != NULL) {
            s->answers_count++;
        } else {
            s->clients[i] = NULL; /* refused */
            s->ends_count++;
        }
    }
}

static struct storm *storm_new(uint64_t seed)
{
    static const char *const topics[] = {"t", "u", "v"};
    struct storm *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    prng_init(&s->prng, seed);
    s->t = town_new(seed, NULL);
    s->t->core.partitions_count = 2;
    town_start(s->t, 1 + (uint32_t)(seed % 3));
    arena_init(&s->arena, &s->t->budget, 64 << 10, 16 << 20);
    struct town_client *c = town_connect(s->t);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(talk_topic(c, topics[i]), 0);
        const struct kafka_metadata_response *answer = talk_metadata(c, 12, topics[i], NULL, 1);
        s->ids[i] = answer->topics.items[0].topic_id;
    }
    town_hang_up(c);
    return s;
}

/* Some requests at a time, of each client; what they changed is not looked at. */
static void storm_life(uint64_t seed, uint64_t *answers_count)
{
    struct storm *s = storm_new(seed);
    for (uint32_t k = 0; k < STORM_REQUESTS; k += 5) {
        for (uint32_t i = 0; i < STORM_CLIENTS; i++) {
            if (s->clients[i] == NULL || s->clients[i]->is_ended) {
                s->clients[i] = town_connect(s->t);
            }
            for (uint32_t n = 0; n < 5; n++) {
                storm_request(s, s->clients[i]);
            }
        }
        for (uint32_t i = 0; i < STORM_CLIENTS; i++) {
            storm_answers(s, i);
        }
    }
    struct town_client *c = town_connect(s->t);
    assert_true(talk_metadata(c, 9, NULL, NULL, KAFKA_NULL)->topics.count > 0);
    *answers_count += s->answers_count;
    if (seed % 2 == 0) {
        town_crash(s->t, SIM_CRASH_SEEDED);
        town_start(s->t, 1 + (uint32_t)(seed % 4));
    }
    town_close(s->t);
    town_free(s->t);
    free(s);
}

static void any_requests_in_any_order_are_answered_or_refused(void **state)
{
    (void)state;
    struct share share = share_open("random requests of random versions", 90);
    uint64_t answers_count = 0;
    while (share_more(&share)) {
        storm_life(share_case_seed(&share), &answers_count);
    }
    share_close(&share);
    print_message("covered: kafka_storm/requests answered: %" PRIu64 "\n", answers_count);
    assert_true(answers_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_requests_in_any_order_are_answered_or_refused),
    };
    return cmocka_run_group_tests_name("kafka_storm", tests, NULL, NULL);
}
