/* Names become relations over a broker's core: implicit streams inferred from records when they are
 * named, looked at again when there are more, over shards, restarts and races; declared streams. */
#include "broker/core/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/core.h"
#include "broker/core/look.h"
#include "broker/core/stream.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/yard.h"

#define ASK_NAMES 4u

/* A question, and a change of streams. */
struct ask {
    struct yard *y;
    uint32_t shard;
    struct sql_reference references[ASK_NAMES];
    struct core_resolve resolve;
    struct budget budget;
    struct arena arena;
    struct core_change change;
    struct core_change_item item;
    bool is_cancelled; /* to be, as soon as it has begun */
    bool is_done;
};

/* The values that yard_append writes: a printf format of the record's number. */
static const char *values_format;
static enum codec_kind values_codec;

static void values_build(struct yard *y, struct batch_build *b)
{
    for (uint32_t i = 0; i < y->records_count; i++) {
        char value[512];
        snprintf(value, sizeof(value), values_format, i);
        batch_build_add(b, &(struct batch_build_record){.timestamp = y->timestamp, .value = value});
    }
    b->codec = values_codec;
}

static void append(struct yard *y, uint32_t partition, uint32_t count, const char *format)
{
    values_format = format;
    y->build = values_build;
    yard_append(y, partition, count, 1);
}

/* --- Asking --- */

static void ask_done(struct core_resolve *resolve)
{
    struct ask *ask = resolve->ctx;
    assert_false(ask->is_done);
    ask->is_done = true;
}

static void ask_run(struct rt_shard *shard, void *ctx)
{
    struct ask *ask = ctx;
    (void)shard;
    core_resolve_start(&ask->y->shards[ask->shard], &ask->resolve);
    if (ask->is_cancelled) {
        core_resolve_cancel(&ask->resolve);
    }
}

static bool ask_is_done(void *ctx)
{
    return ((struct ask *)ctx)->is_done;
}

/* Begin to ask for `name` ("schema.name" too; in quotes when it begins with one). */
static struct ask *ask_begin(struct yard *y, uint32_t shard, const char *name)
{
    struct ask *ask = calloc(1, sizeof(*ask));
    assert_non_null(ask);
    struct sql_reference *reference = &ask->references[0];
    const char *point = strchr(name, '.');
    if (point != NULL) {
        reference->schema = (struct sql_name){.text = name, .length = (uint32_t)(point - name)};
        name = point + 1;
    }
    bool is_quoted = name[0] == '"';
    reference->name = (struct sql_name){.text = name + is_quoted,
                                        .length = (uint32_t)strlen(name + is_quoted),
                                        .is_quoted = is_quoted};
    ask->y = y;
    ask->shard = shard;
    budget_init(&ask->budget, "query", 64 << 20, NULL);
    arena_init(&ask->arena, &ask->budget, 16 << 10, 64 << 20);
    ask->resolve = (struct core_resolve){.done = ask_done,
                                         .ctx = ask,
                                         .references = ask->references,
                                         .references_count = 1,
                                         .arena = &ask->arena,
                                         .deadline_ns = UINT64_MAX};
    return ask;
}

static void ask_wait(struct ask *ask)
{
    assert_true(
        sim_run_until_true(ask->y->sim, ask_is_done, ask, sim_now_ns(ask->y->sim) + 100000000000u));
}

static struct ask *ask_for(struct yard *y, uint32_t shard, const char *name)
{
    struct ask *ask = ask_begin(y, shard, name);
    sim_post(sim_node_shard(y->node, shard), ask_run, ask);
    ask_wait(ask);
    return ask;
}

static void ask_free(struct ask *ask)
{
    arena_deinit(&ask->arena);
    assert_int_equal(ask->budget.used_bytes, 0);
    budget_deinit(&ask->budget);
    free(ask);
}

static const struct plan_relation *ask_relation(const struct ask *ask)
{
    if (ask->resolve.code != CORE_OK) {
        fail_msg("%s: %s", core_code_name(ask->resolve.code), ask->resolve.message);
    }
    return ask->resolve.relations[0];
}

/* "v1: a bigint, b text" without system columns. */
static void ask_describe(const struct plan_relation *relation, char *out, size_t out_bytes)
{
    size_t at = (size_t)snprintf(out, out_bytes, "v%u:", relation->version);
    for (uint32_t i = 0; i < relation->columns_count; i++) {
        const struct plan_column *column = &relation->columns[i];
        if (!column->is_hidden) {
            at += (size_t)snprintf(out + at, out_bytes - at, "%s %s %s", i > 0 ? "," : "",
                                   column->name, vec_kind_name((enum vec_kind)column->type.kind));
        }
    }
}

static void assert_stream_is(struct yard *y, uint32_t shard, const char *name, const char *want)
{
    char got[1024];
    struct ask *ask = ask_for(y, shard, name);
    assert_non_null(ask_relation(ask));
    ask_describe(ask_relation(ask), got, sizeof(got));
    assert_string_equal(got, want);
    ask_free(ask);
}

static void assert_failure_is(struct yard *y, const char *name, const char *state,
                              const char *words)
{
    struct ask *ask = ask_for(y, 0, name);
    assert_int_not_equal(ask->resolve.code, CORE_OK);
    assert_string_equal(ask->resolve.state, state);
    if (strstr(ask->resolve.message, words) == NULL) {
        fail_msg("%s", ask->resolve.message);
    }
    ask_free(ask);
}

/* --- Changing --- */

static void ask_changed(struct core_change *change)
{
    ((struct ask *)change->ctx)->is_done = true;
}

static void ask_change_run(struct rt_shard *shard, void *ctx)
{
    struct ask *ask = ctx;
    (void)shard;
    core_change_start(&ask->y->shards[ask->shard], &ask->change);
}

/* Do `item` through `shard`; its code. */
static enum core_code change(struct yard *y, uint32_t shard, struct core_change_item *item)
{
    struct ask ask = {.y = y, .shard = shard};
    ask.change =
        (struct core_change){.done = ask_changed, .ctx = &ask, .items = item, .items_count = 1};
    sim_post(sim_node_shard(y->node, shard), ask_change_run, &ask);
    ask_wait(&ask);
    return item->code;
}

static enum core_code declare(struct yard *y, const char *name, struct core_change_item *item)
{
    static const struct core_stream_column columns[] = {
        {"typed", {VEC_INTEGER, 0, 0}, CORE_STREAM_PATH, 0, false, "$.a"}};
    struct core_stream stream = {.topic = yard_topic(y)->uuid,
                                 .name = name,
                                 .key = CORE_STREAM_KEY_INT64,
                                 .columns = columns,
                                 .columns_count = 1};
    *item = (struct core_change_item){.kind = CORE_CHANGE_STREAM_CREATE, .stream = &stream};
    return change(y, y->shards_count - 1, item);
}

static enum core_code drop(struct yard *y, const char *name, struct core_change_item *item)
{
    *item = (struct core_change_item){
        .kind = CORE_CHANGE_STREAM_DROP, .name = name, .name_bytes = (uint32_t)strlen(name)};
    return change(y, 0, item);
}

static struct yard *open_yard(uint32_t shards_count)
{
    struct yard *y = yard_new(1, NULL);
    y->config.log.hot_bytes_max = 1 << 20;
    yard_start(y, shards_count);
    values_codec = CODEC_NONE;
    return y;
}

static void close_yard(struct yard *y)
{
    yard_close(y);
    yard_free(y);
}

/* --- One thing each --- */

static void an_implicit_stream_has_the_columns_of_its_records(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    append(y, 0, 3, "{\"id\":%u,\"at\":\"2020-01-02T03:04:05Z\",\"mag\":1.5,\"none\":null}");
    append(y, 1, 1, "{\"id\":\"x\",\"place\":{\"lat\":%u}}");
    assert_stream_is(y, 0, "yard",
                     "v1: id jsonb, at timestamptz, mag double, none jsonb, place jsonb");
    assert_stream_is(y, 1, "public.YARD",
                     "v1: id jsonb, at timestamptz, mag double, none jsonb, place jsonb");
    const struct core_stream *stream = core_catalog_find_stream(y->shards[1].catalog, "yard", 4);
    assert_false(stream->is_declared);
    assert_string_equal(stream->columns[2].source, "$['mag']");
    assert_true(stream->columns[3].is_open);
    close_yard(y);
}

static void a_topic_nobody_asks_about_has_no_stream(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    append(y, 0, 3, "{\"id\":%u}");
    yard_run(y, 10000);
    assert_int_equal(y->shards[0].catalog->streams_count, 0);
    close_yard(y);
}

static void names_without_a_relation_have_none(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    static const char *const names[] = {"yart",        "other.yard",       "\"YARD",
                                        "system.yard", "__tdb_controller", "pg_catalog.pg_class"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct ask *ask = ask_for(y, 0, names[i]);
        assert_null(ask_relation(ask));
        ask_free(ask);
    }
    struct ask *ask = ask_for(y, 0, "SYSTEM.streams");
    assert_int_equal(ask_relation(ask)->kind, PLAN_RELATION_SYSTEM);
    ask_free(ask);
    close_yard(y);
}

static void an_empty_topic_is_a_stream_of_system_columns(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    assert_stream_is(y, 0, "yard", "v0:");
    assert_int_equal(y->shards[0].catalog->streams_count, 0);
    append(y, 2, 1, "{\"a\":%u}");
    assert_stream_is(y, 0, "yard", "v1: a bigint");
    close_yard(y);
}

static void records_that_came_since_widen_and_others_are_not_read_again(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    append(y, 0, 3, "{\"a\":%u,\"n\":null}");
    assert_stream_is(y, 0, "yard", "v1: a bigint, n jsonb");
    append(y, 1, 1, "{\"a\":%u.5}");
    assert_stream_is(y, 0, "yard", "v2: a double, n jsonb");
    append(y, 1, 1, "{\"a\":%u,\"b\":true}");
    assert_stream_is(y, 1, "yard", "v3: a double, n jsonb, b boolean");
    append(y, 0, 1, "{\"n\":%u}");
    assert_stream_is(y, 0, "yard", "v4: a double, n bigint, b boolean");
    append(y, 0, 5, "{\"a\":%u}");
    assert_stream_is(y, 0, "yard", "v4: a double, n bigint, b boolean");
    close_yard(y);
}

/* What lies in the middle of a long partition is not seen at first. */
static void the_oldest_and_the_newest_records_are_looked_at_first(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    append(y, 0, 1000, "{\"old\":%u}");
    append(y, 0, 500, "{\"middle\":%u}");
    append(y, 0, 1000, "{\"new\":%u}");
    assert_stream_is(y, 0, "yard", "v1: old bigint, new bigint");
    append(y, 0, 1200, "{\"late\":%u}");
    assert_stream_is(y, 0, "yard", "v2: old bigint, new bigint, late bigint");
    close_yard(y);
}

static void compressed_records_are_read(void **state)
{
    (void)state;
    for (enum codec_kind codec = CODEC_NONE; codec <= CODEC_ZSTD; codec++) {
        struct yard *y = open_yard(2);
        values_codec = codec;
        append(y, 0, 700, "{\"a\":%u}");
        append(y, 0, 1, "{\"b\":%u}");
        assert_stream_is(y, 1, "yard", "v1: a bigint, b bigint");
        close_yard(y);
    }
}

static void deleted_records_are_not_looked_at(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    append(y, 0, 5, "{\"gone\":%u}");
    append(y, 0, 5, "{\"gone\":%u}");
    append(y, 0, 5, "{\"n%u\":1}");
    yard_trim(y, 0, 13); /* within a batch */
    assert_stream_is(y, 0, "yard", "v1: n3 bigint, n4 bigint");
    close_yard(y);
}

static void records_that_are_no_objects_are_one_column(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    append(y, 0, 3, "%u");
    assert_stream_is(y, 0, "yard", "v1: value bigint");
    append(y, 0, 1, "%u.5");
    assert_stream_is(y, 0, "yard", "v2: value double");
    append(y, 0, 1, "{\"value\":%u,\"a\":1}");
    assert_stream_is(y, 0, "yard", "v3: value jsonb, a bigint, _rest jsonb");
    close_yard(y);
}

/* More partitions than a look has in hand, and records in one of the last. */
static void records_are_found_in_whichever_partition(void **state)
{
    (void)state;
    struct yard *y = yard_new(1, NULL);
    values_codec = CODEC_NONE;
    y->config.partitions_count = 2 * CORE_LOOK_PARTITIONS + 10;
    yard_start(y, 3);
    append(y, 2 * CORE_LOOK_PARTITIONS + 9, 3, "{\"a\":%u}");
    assert_stream_is(y, 0, "yard", "v1: a bigint");
    append(y, 2 * CORE_LOOK_PARTITIONS + 8, 1, "{\"b\":%u}");
    assert_stream_is(y, 0, "yard", "v2: a bigint, b bigint");
    close_yard(y);
}

/* --- What a look reads --- */

struct glance {
    struct yard *y;
    struct core_look look;
    struct budget budget;
    struct arena arena;
    bool is_done;
};

static void glance_done(struct core_look *look)
{
    ((struct glance *)look->ctx)->is_done = true;
}

static void glance_run(struct rt_shard *shard, void *ctx)
{
    struct glance *g = ctx;
    struct core_shard *cs = &g->y->shards[shard->id];
    core_look_start(cs, &g->look, core_catalog_find(cs->catalog, "yard", 4),
                    core_catalog_find_stream(cs->catalog, "yard", 4));
}

static bool glance_is_done(void *ctx)
{
    return ((struct glance *)ctx)->is_done;
}

/* The values that a look through `shard` reads. */
static uint64_t glance(struct yard *y, uint32_t shard)
{
    struct glance *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    budget_init(&g->budget, "look", 64 << 20, NULL);
    arena_init(&g->arena, &g->budget, 16 << 10, 64 << 20);
    g->y = y;
    g->look.done = glance_done;
    g->look.ctx = g;
    g->look.arena = &g->arena;
    g->look.deadline_ns = UINT64_MAX;
    sim_post(sim_node_shard(y->node, shard), glance_run, g);
    assert_true(sim_run_until_true(y->sim, glance_is_done, g, sim_now_ns(y->sim) + 100000000000u));
    assert_int_equal(g->look.code, CORE_OK);
    uint64_t values_count = g->look.values_count;
    arena_deinit(&g->arena);
    assert_int_equal(g->budget.used_bytes, 0);
    budget_deinit(&g->budget);
    free(g);
    return values_count;
}

static void a_look_reads_what_was_not_read_and_no_more(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    assert_int_equal(glance(y, 0), 0);
    for (uint32_t i = 0; i < 3; i++) {
        append(y, 0, 1000, "{\"a\":%u}");
    }
    append(y, 1, 300, "{\"a\":%u}");
    assert_int_equal(glance(y, 0), 2 * CORE_LOOK_RECORDS + 300);
    assert_int_equal(glance(y, 0), 0);
    append(y, 0, 1, "{\"a\":%u}");
    append(y, 1, 7, "{\"a\":%u}");
    assert_int_equal(glance(y, 0), 8);
    assert_int_equal(glance(y, 1), CORE_LOOK_RECORDS + 307); /* which has not looked yet */
    assert_int_equal(glance(y, 1), 0);
    append(y, 0, 1000, "{\"a\":%u}");
    append(y, 0, 1000, "{\"a\":%u}");
    assert_int_equal(glance(y, 0), CORE_LOOK_RECORDS);
    close_yard(y);
}

/* Large values in many partitions: CORE_LOOK_BYTES of them all, and some of each. */
static void build_large(struct yard *y, struct batch_build *b)
{
    static char value[100 << 10];
    memset(value, ' ', sizeof(value));
    int length = snprintf(value, sizeof(value), "{\"p%u\":1}", y->append.partition);
    value[length] = ' ';
    for (uint32_t i = 0; i < y->records_count; i++) {
        batch_build_add(b, &(struct batch_build_record){
                               .timestamp = 1, .value = value, .value_bytes = sizeof(value)});
    }
}

static void a_look_is_bounded_in_bytes_and_fair_to_partitions(void **state)
{
    (void)state;
    struct yard *y = yard_new(1, NULL);
    y->config.partitions_count = 12;
    yard_start(y, 2);
    y->build = build_large;
    for (uint32_t i = 0; i < 60; i++) {
        yard_append(y, i % 12, 2, 1);
    }
    uint64_t values_count = glance(y, 0);
    assert_in_range(values_count, CORE_LOOK_BYTES / (100 << 10), CORE_LOOK_BYTES / (100 << 10) + 1);
    const struct core_stream *stream = core_catalog_find_stream(y->shards[0].catalog, "yard", 4);
    assert_int_equal(stream->columns_count, 12);
    close_yard(y);
}

static void values_that_are_not_json_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        const char *words;
    } rows[] = {
        {"hello %u", "look like text"},
        {"\xff\xfe%u", "look like binary data"},
        {"Obj\x01%u", "look like Avro files"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct yard *y = open_yard(1);
        append(y, 0, 2, rows[i].format);
        assert_failure_is(y, "yard", "0A000", rows[i].words);
        assert_int_equal(y->shards[0].catalog->streams_count, 0);
        append(y, 0, 1, "{\"a\":%u}");
        assert_stream_is(y, 0, "yard", "v1: a bigint");
        close_yard(y);
    }
}

static void build_framed(struct yard *y, struct batch_build *b)
{
    (void)y;
    static const char value[] = {0, 0, 0, 0, 7, 2, 6, 'a', 'b', 'c'};
    batch_build_add(b, &(struct batch_build_record){
                           .timestamp = 1, .value = value, .value_bytes = sizeof(value)});
}

static void build_tombstone(struct yard *y, struct batch_build *b)
{
    (void)y;
    batch_build_add(b, &(struct batch_build_record){.timestamp = 1, .key = "k"});
}

static void schemas_of_a_registry_are_named_with_their_id(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    y->build = build_framed;
    yard_append(y, 0, 1, 1);
    assert_failure_is(y, "yard", "0A000", "look like Avro with schema id 7 (Confluent framing)");
    close_yard(y);
}

static void records_without_a_value_say_nothing(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    y->build = build_tombstone;
    yard_append(y, 0, 1, 1);
    assert_stream_is(y, 0, "yard", "v0:");
    close_yard(y);
}

static void names_of_the_system_stay_in_the_rest(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    append(y, 0, 1, "{\"_offset\":%u,\"a\":1}");
    assert_stream_is(y, 0, "yard", "v1: a bigint, _rest jsonb");
    append(y, 0, 1, "{\"b\":%u}");
    assert_stream_is(y, 0, "yard", "v2: a bigint, b bigint, _rest jsonb");
    close_yard(y);
}

static void two_shards_that_race_see_the_same_stream(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct yard *y = yard_new(seed, NULL);
        struct ask *asks[4];
        char first[256] = "";
        yard_start(y, 4);
        append(y, 0, 100, "{\"a\":%u}");
        append(y, 1, 100, "{\"b\":%u}");
        for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
            asks[i] = ask_begin(y, i, "yard");
            sim_post(sim_node_shard(y->node, i), ask_run, asks[i]);
        }
        for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
            char got[256];
            ask_wait(asks[i]);
            ask_describe(ask_relation(asks[i]), got, sizeof(got));
            if (i == 0) {
                snprintf(first, sizeof(first), "%s", got);
            }
            assert_string_equal(got, first);
            ask_free(asks[i]);
        }
        assert_string_equal(first, "v1: a bigint, b bigint");
        close_yard(y);
    }
}

static void streams_are_there_after_a_kill(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    struct core_change_item item;
    append(y, 0, 3, "{\"a\":%u}");
    assert_stream_is(y, 0, "yard", "v1: a bigint");
    assert_int_equal(declare(y, "typed", &item), CORE_OK);
    yard_crash(y, SIM_CRASH_LOSE);
    yard_start(y, 3);
    assert_stream_is(y, 2, "yard", "v1: a bigint");
    assert_stream_is(y, 2, "typed", "v1: typed integer");
    append(y, 1, 1, "{\"b\":%u}");
    assert_stream_is(y, 1, "yard", "v2: a bigint, b bigint");
    close_yard(y);
}

static void a_declared_stream_is_read_as_declared(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    struct core_change_item item;
    append(y, 0, 3, "{\"a\":%u}");
    assert_stream_is(y, 0, "yard", "v1: a bigint");
    assert_int_equal(declare(y, "yard", &item), CORE_OK);
    assert_int_equal(item.version_made, 1);
    append(y, 0, 3, "{\"b\":%u}");
    assert_stream_is(y, 0, "yard", "v1: typed integer");
    struct ask *ask = ask_for(y, 1, "yard");
    const struct plan_relation *relation = ask_relation(ask);
    const struct core_stream_relation *owner = relation->owner;
    assert_int_equal(owner->partitions_count, YARD_PARTITIONS);
    assert_memory_equal(owner->groups, yard_topic(y)->groups, sizeof(uint64_t) * YARD_PARTITIONS);
    assert_string_equal(owner->topic_name, "yard");
    assert_true(log_uuid_is_equal(&owner->stream.uuid, &item.uuid_made));
    assert_int_equal(relation->columns[1].type.kind, VEC_BIGINT); /* _key, INT64 */
    ask_free(ask);
    assert_int_equal(drop(y, "yard", &item), CORE_OK);
    assert_stream_is(y, 0, "yard", "v1: a bigint, b bigint");
    close_yard(y);
}

static void changes_of_streams_are_refused_in_words(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    struct core_change_item item;
    append(y, 0, 3, "{\"a\":%u}");
    assert_stream_is(y, 0, "yard", "v1: a bigint");
    assert_int_equal(drop(y, "yard", &item), CORE_INVALID_STREAM);
    assert_non_null(strstr(item.text.text, "goes with the topic"));
    assert_int_equal(drop(y, "nothing", &item), CORE_UNKNOWN_STREAM);
    assert_int_equal(declare(y, "typed", &item), CORE_OK);
    assert_int_equal(declare(y, "typed", &item), CORE_STREAM_EXISTS);
    assert_non_null(strstr(item.text.text, "stream \"typed\" exists already"));
    assert_int_equal(declare(y, "__tdb_x", &item), CORE_INVALID_STREAM);
    assert_int_equal(declare(y, "", &item), CORE_INVALID_STREAM);
    item = (struct core_change_item){.kind = CORE_CHANGE_DELETE, .name = "yard", .name_bytes = 4};
    assert_int_equal(change(y, 0, &item), CORE_POLICY_VIOLATION);
    assert_non_null(strstr(item.text.text, "\"typed\" is declared over"));
    item = (struct core_change_item){.kind = CORE_CHANGE_CREATE,
                                     .name = "typed",
                                     .name_bytes = 5,
                                     .partitions_count = 1,
                                     .replicas_count = 1};
    assert_int_equal(change(y, 0, &item), CORE_INVALID_TOPIC);
    assert_non_null(strstr(item.text.text, "declared over topic 'yard'"));
    struct core_stream stream = {.topic = {.bytes = {9}}, .name = "lost", .key = 1};
    item = (struct core_change_item){.kind = CORE_CHANGE_STREAM_CREATE, .stream = &stream};
    assert_int_equal(change(y, 0, &item), CORE_UNKNOWN_TOPIC);
    stream = (struct core_stream){.topic = yard_topic(y)->uuid, .name = "yard", .key = 1};
    item = (struct core_change_item){.kind = CORE_CHANGE_STREAM_INFER, .stream = &stream};
    assert_int_equal(change(y, 0, &item), CORE_STREAM_CHANGED);
    close_yard(y);
}

static void a_topic_that_comes_again_is_inferred_anew(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    append(y, 0, 3, "{\"a\":%u}");
    assert_stream_is(y, 0, "yard", "v1: a bigint");
    yard_delete(y);
    assert_int_equal(y->shards[0].catalog->streams_count, 0);
    yard_close(y);
    yard_start(y, 2); /* makes it again */
    append(y, 0, 1, "{\"b\":%u}");
    assert_stream_is(y, 0, "yard", "v1: b bigint");
    close_yard(y);
}

static void a_name_of_two_that_differ_in_case_is_to_be_quoted(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    struct core_change_item item;
    assert_int_equal(declare(y, "Typed", &item), CORE_OK);
    assert_int_equal(declare(y, "TYPED", &item), CORE_OK);
    assert_failure_is(y, "typed", "42P09", "\"TYPED\" and \"Typed\" differ in case");
    assert_stream_is(y, 0, "\"Typed", "v1: typed integer");
    assert_stream_is(y, 0, "TYPED", "v1: typed integer");
    close_yard(y);
}

/* 1,024 columns of long names: an entry of its own, twice, with a topic's creation behind it. */
static void the_largest_streams_live_through_a_kill(void **state)
{
    (void)state;
    static struct core_stream_column columns[CORE_STREAM_COLUMNS_MAX];
    static char names[CORE_STREAM_COLUMNS_MAX][CORE_STREAM_NAME_BYTES_MAX];
    struct yard *y = open_yard(2);
    for (uint32_t i = 0; i < CORE_STREAM_COLUMNS_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "n%0247u", i);
        columns[i] = (struct core_stream_column){names[i], {VEC_TEXT, 0, 0}, CORE_STREAM_PATH, 0,
                                                 false,    names[i]};
    }
    struct core_stream streams[2];
    struct core_change_item items[3];
    for (uint32_t i = 0; i < 2; i++) {
        streams[i] = (struct core_stream){.topic = yard_topic(y)->uuid,
                                          .name = i == 0 ? "first" : "second",
                                          .key = CORE_STREAM_KEY_TEXT,
                                          .columns = columns,
                                          .columns_count = CORE_STREAM_COLUMNS_MAX};
        items[i] =
            (struct core_change_item){.kind = CORE_CHANGE_STREAM_CREATE, .stream = &streams[i]};
        assert_true(core_stream_bytes(&streams[i]) > CORE_STREAM_BYTES_MAX - (2u << 10));
    }
    items[2] = (struct core_change_item){.kind = CORE_CHANGE_CREATE,
                                         .name = "other",
                                         .name_bytes = 5,
                                         .partitions_count = 1,
                                         .replicas_count = 1};
    struct ask ask = {.y = y, .shard = 1};
    ask.change =
        (struct core_change){.done = ask_changed, .ctx = &ask, .items = items, .items_count = 3};
    sim_post(sim_node_shard(y->node, 1), ask_change_run, &ask);
    ask_wait(&ask);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(items[i].code, CORE_OK);
    }
    yard_crash(y, SIM_CRASH_LOSE);
    yard_start(y, 3);
    static struct core_change_item many[61];
    static char topics[60][128];
    for (uint32_t i = 0; i < 60; i++) {
        snprintf(topics[i], sizeof(topics[i]), "topic-%0100u", i);
        many[i] = items[2];
        many[i].name = topics[i];
        many[i].name_bytes = (uint32_t)strlen(topics[i]);
    }
    streams[0].name = "third";
    streams[0].topic = yard_topic(y)->uuid;
    many[60] = items[0];
    ask = (struct ask){.y = y, .shard = 1};
    ask.change =
        (struct core_change){.done = ask_changed, .ctx = &ask, .items = many, .items_count = 61};
    sim_post(sim_node_shard(y->node, 1), ask_change_run, &ask);
    ask_wait(&ask);
    assert_int_equal(many[60].code, CORE_OK);
    streams[0].name = "first";
    for (uint32_t i = 0; i < 2; i++) {
        struct ask *again = ask_for(y, 2, streams[i].name);
        assert_int_equal(ask_relation(again)->columns_count,
                         CORE_STREAM_COLUMNS_MAX + CORE_STREAM_SYSTEM_COUNT);
        assert_string_equal(ask_relation(again)->columns[1023].name, names[1023]);
        ask_free(again);
    }
    assert_non_null(core_catalog_find(y->shards[2].catalog, "other", 5));
    close_yard(y);
}

/* More members than columns, of long names. */
static void a_thousand_members_and_more_are_columns_and_the_rest(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    for (uint32_t i = 0; i < 1100; i += 100) {
        char format[200];
        snprintf(format, sizeof(format), "{\"member-%04u-%%u\":1}", i);
        append(y, 0, 100, format);
    }
    struct ask *ask = ask_for(y, 0, "yard");
    const struct plan_relation *relation = ask_relation(ask);
    assert_int_equal(relation->columns_count, CORE_STREAM_COLUMNS_MAX + CORE_STREAM_SYSTEM_COUNT);
    assert_string_equal(relation->columns[0].name, "member-0000-0");
    assert_string_equal(relation->columns[1023].name, "_rest");
    ask_free(ask);
    close_yard(y);
}

static void what_takes_too_long_ends(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    append(y, 0, 1000, "{\"a\":%u}");
    struct ask *ask = ask_begin(y, 0, "yard");
    ask->resolve.deadline_ns = 1;
    sim_post(sim_node_shard(y->node, 0), ask_run, ask);
    ask_wait(ask);
    assert_int_equal(ask->resolve.code, CORE_TIMEOUT);
    assert_string_equal(ask->resolve.state, "57014");
    ask_free(ask);
    ask = ask_begin(y, 0, "yard");
    ask->is_cancelled = true;
    sim_post(sim_node_shard(y->node, 0), ask_run, ask);
    ask_wait(ask);
    assert_int_equal(ask->resolve.code, CORE_TIMEOUT);
    ask_free(ask);
    close_yard(y);
}

static void memory_that_is_short_is_an_error(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    uint32_t refusals = 0;
    append(y, 0, 20, "{\"a\":%u,\"b\":1,\"c\":2}");
    for (size_t limit = 0; limit < 512 << 10; limit += 4 << 10) {
        struct ask *ask = ask_begin(y, 0, "yard");
        budget_set_limit(&ask->budget, limit);
        sim_post(sim_node_shard(y->node, 0), ask_run, ask);
        ask_wait(ask);
        assert_true(ask->resolve.code == CORE_OK || ask->resolve.code == CORE_OVERLOADED);
        refusals += ask->resolve.code != CORE_OK;
        ask_free(ask);
    }
    assert_true(refusals > 0);
    assert_stream_is(y, 0, "yard", "v1: a bigint, b bigint, c bigint");
    close_yard(y);
}

static void names_for_suggestions_are_streams_and_topics(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    struct core_change_item item;
    assert_int_equal(declare(y, "typed", &item), CORE_OK);
    assert_string_equal(core_resolve_name_at(&y->shards[0], 0), "typed");
    assert_string_equal(core_resolve_name_at(&y->shards[0], 1), "yard");
    assert_null(core_resolve_name_at(&y->shards[0], 2));
    uint64_t version = core_resolve_version(&y->shards[0]);
    assert_int_equal(drop(y, "typed", &item), CORE_OK);
    assert_true(core_resolve_version(&y->shards[0]) > version);
    close_yard(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_implicit_stream_has_the_columns_of_its_records),
        cmocka_unit_test(a_topic_nobody_asks_about_has_no_stream),
        cmocka_unit_test(names_without_a_relation_have_none),
        cmocka_unit_test(an_empty_topic_is_a_stream_of_system_columns),
        cmocka_unit_test(records_that_came_since_widen_and_others_are_not_read_again),
        cmocka_unit_test(the_oldest_and_the_newest_records_are_looked_at_first),
        cmocka_unit_test(compressed_records_are_read),
        cmocka_unit_test(deleted_records_are_not_looked_at),
        cmocka_unit_test(records_that_are_no_objects_are_one_column),
        cmocka_unit_test(records_are_found_in_whichever_partition),
        cmocka_unit_test(a_look_reads_what_was_not_read_and_no_more),
        cmocka_unit_test(a_look_is_bounded_in_bytes_and_fair_to_partitions),
        cmocka_unit_test(values_that_are_not_json_are_named),
        cmocka_unit_test(schemas_of_a_registry_are_named_with_their_id),
        cmocka_unit_test(records_without_a_value_say_nothing),
        cmocka_unit_test(names_of_the_system_stay_in_the_rest),
        cmocka_unit_test(two_shards_that_race_see_the_same_stream),
        cmocka_unit_test(streams_are_there_after_a_kill),
        cmocka_unit_test(a_declared_stream_is_read_as_declared),
        cmocka_unit_test(changes_of_streams_are_refused_in_words),
        cmocka_unit_test(a_topic_that_comes_again_is_inferred_anew),
        cmocka_unit_test(a_name_of_two_that_differ_in_case_is_to_be_quoted),
        cmocka_unit_test(the_largest_streams_live_through_a_kill),
        cmocka_unit_test(a_thousand_members_and_more_are_columns_and_the_rest),
        cmocka_unit_test(what_takes_too_long_ends),
        cmocka_unit_test(memory_that_is_short_is_an_error),
        cmocka_unit_test(names_for_suggestions_are_streams_and_topics),
    };
    return cmocka_run_group_tests_name("core_resolve", tests, NULL, NULL);
}
