/* Streams in the catalog: what a name stands for, what contradicts, and random commands against a
 * naive twin. */
#include <stdio.h>
#include <string.h>

#include "base/prng.h"
#include "broker/core/catalog.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

/* A keeper and the newest catalog. */
struct world {
    struct budget budget;
    struct core_catalog_keeper keeper;
    struct core_catalog *now;
    uint64_t index; /* of the last entry */
};

static void world_open(struct world *world)
{
    struct core_topic_config defaults = core_topic_config_default();
    budget_init(&world->budget, "catalog", 64u << 20, NULL);
    core_catalog_keeper_init(&world->keeper, &world->budget, &defaults);
    assert_int_equal(core_catalog_new(&world->keeper, &world->now), ERR_OK);
    world->index = 0;
}

static void world_close(struct world *world)
{
    core_catalog_unref(&world->keeper, world->now);
    core_catalog_keeper_deinit(&world->keeper);
    assert_int_equal(world->budget.used_bytes, 0);
    budget_deinit(&world->budget);
}

static enum err world_apply(struct world *world, const struct core_command *cmd)
{
    struct core_catalog *next;
    struct err_info info;
    enum err err =
        core_catalog_apply(&world->keeper, world->now, cmd, 1, world->index + 1, &next, &info);
    assert_int_equal(next != NULL, err == ERR_OK);
    if (err == ERR_OK) {
        core_catalog_unref(&world->keeper, world->now);
        world->now = next;
        world->index++;
    }
    return err;
}

static struct log_uuid uuid_of(uint32_t number)
{
    struct log_uuid uuid = {.bytes = {1}};
    memcpy(uuid.bytes + 4, &number, sizeof(number));
    return uuid;
}

static struct core_command create_of(uint32_t uuid, const char *name, uint64_t group)
{
    return (struct core_command){
        .type = CORE_COMMAND_TOPIC_CREATE,
        .uuid = uuid_of(uuid),
        .name = name,
        .name_bytes = (uint16_t)strlen(name),
        .group_first = group,
        .partitions_count = 1,
    };
}

static struct core_command delete_of(uint32_t uuid)
{
    return (struct core_command){.type = CORE_COMMAND_TOPIC_DELETE, .uuid = uuid_of(uuid)};
}

static struct core_command drop_of(uint32_t uuid, const char *name)
{
    return (struct core_command){.type = CORE_COMMAND_STREAM_DROP,
                                 .uuid = uuid_of(uuid),
                                 .name = name,
                                 .name_bytes = (uint16_t)strlen(name)};
}

/* Of one column; the bytes live until the next one is made. */
static struct core_command put_of(uint32_t uuid, const char *name, uint32_t topic, uint32_t version,
                                  bool is_declared)
{
    static uint8_t body[512];
    static const struct core_stream_column column = {
        "value", {VEC_JSONB, 0, 0}, CORE_STREAM_PATH, 0, false, "$"};
    const struct core_stream stream = {
        .topic = uuid_of(topic),
        .name = name,
        .version = version,
        .is_declared = is_declared,
        .key = CORE_STREAM_KEY_TEXT,
        .created_ms = 1,
        .columns = &column,
        .columns_count = 1,
    };
    struct bytes_writer w = bytes_writer(body, sizeof(body));
    core_stream_put(&w, &stream);
    assert_int_equal(w.err, ERR_OK);
    return (struct core_command){.type = CORE_COMMAND_STREAM_PUT,
                                 .uuid = uuid_of(uuid),
                                 .stream = body,
                                 .stream_bytes = (uint32_t)w.pos};
}

static void apply(struct world *world, struct core_command cmd)
{
    assert_int_equal(world_apply(world, &cmd), ERR_OK);
}

static const struct core_stream *find(const struct world *world, const char *name)
{
    return core_catalog_find_stream(world->now, name, strlen(name));
}

/* Topics a (1) and b (2); "typed" (10) is declared over a, "a" (11) is a's implicit one. */
static void world_fill(struct world *world)
{
    apply(world, create_of(1, "a", 1));
    apply(world, create_of(2, "b", 2));
    apply(world, put_of(10, "typed", 1, 1, true));
    apply(world, put_of(11, "a", 1, 1, false));
}

static void a_stream_is_there_with_all_that_was_said(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    const struct core_stream *stream = find(&world, "typed");
    struct log_uuid uuid = uuid_of(10);
    struct log_uuid topic = uuid_of(1);
    assert_non_null(stream);
    assert_true(log_uuid_is_equal(&stream->uuid, &uuid));
    assert_true(log_uuid_is_equal(&stream->topic, &topic));
    assert_string_equal(stream->columns[0].name, "value");
    assert_int_equal(world.now->streams_count, 2);
    assert_int_equal(world.now->names_version, 4);
    assert_null(find(&world, "b"));
    assert_ptr_equal(core_catalog_find_declared(world.now, &topic), stream);
    struct core_tree_walk walk;
    core_catalog_walk_streams(&walk, world.now);
    assert_string_equal(core_catalog_next_stream(&walk)->name, "a");
    assert_string_equal(core_catalog_next_stream(&walk)->name, "typed");
    assert_null(core_catalog_next_stream(&walk));
    world_close(&world);
}

static void what_contradicts_is_corrupt(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    const struct {
        const char *what;
        uint32_t uuid;
        const char *name;
        uint32_t topic;
        uint32_t version;
        bool is_declared;
    } rows[] = {
        {"over no topic", 12, "new", 9, 1, true},
        {"an implicit one over no topic", 12, "new", 9, 1, false},
        {"a second version first", 12, "new", 1, 2, true},
        {"the name of another stream", 12, "typed", 2, 1, true},
        {"the name of another topic", 12, "b", 1, 1, true},
        {"an implicit one with another name", 12, "new", 1, 1, false},
        {"a second implicit one", 12, "a", 1, 1, false},
        {"the same version again", 11, "a", 1, 1, false},
        {"a version that skips one", 11, "a", 1, 3, false},
        {"the next version over another topic", 10, "typed", 2, 2, true},
        {"the next version of the other manner", 10, "typed", 1, 2, false},
        {"an implicit one in the place of a declared one", 12, "typed", 1, 1, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct core_command cmd =
            put_of(rows[i].uuid, rows[i].name, rows[i].topic, rows[i].version, rows[i].is_declared);
        if (world_apply(&world, &cmd) != ERR_CORRUPT) {
            fail_msg("%s", rows[i].what);
        }
    }
    const struct core_command others[] = {drop_of(10, "typee"), drop_of(11, "typed"),
                                          drop_of(11, "a"), delete_of(1), create_of(3, "typed", 3)};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        assert_int_equal(world_apply(&world, &others[i]), ERR_CORRUPT);
    }
    assert_int_equal(world.now->version, 4);
    assert_int_equal(world.keeper.streams_count, 2);
    world_close(&world);
}

static void a_declared_stream_takes_the_place_of_the_implicit_one_of_its_topic(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    apply(&world, put_of(11, "a", 1, 2, false));
    apply(&world, put_of(12, "a", 1, 1, true));
    assert_true(find(&world, "a")->is_declared);
    assert_int_equal(world.now->streams_count, 2);
    apply(&world, drop_of(12, "a"));
    assert_null(find(&world, "a"));
    apply(&world, put_of(13, "a", 1, 1, false));
    assert_int_equal(world.keeper.streams_count, 2);
    world_close(&world);
}

static void an_implicit_stream_goes_with_its_topic(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    apply(&world, drop_of(10, "typed"));
    apply(&world, delete_of(1));
    assert_int_equal(world.now->streams_count, 0);
    assert_int_equal(world.keeper.streams_count, 0);
    apply(&world, delete_of(2));
    world_close(&world);
}

static void old_snapshots_keep_their_streams(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    struct core_catalog *before = world.now;
    core_catalog_ref(before);
    const struct core_stream *stream = find(&world, "typed");
    apply(&world, drop_of(10, "typed"));
    assert_null(find(&world, "typed"));
    assert_ptr_equal(core_catalog_find_stream(before, "typed", 5), stream);
    assert_int_equal(world.keeper.streams_count, 2);
    core_catalog_unref(&world.keeper, before);
    assert_int_equal(world.keeper.streams_count, 1);
    world_close(&world);
}

static void what_may_be_done_is_said_in_words(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    struct core_topic_config_fault fault;
    const struct core_topic *a = core_catalog_find(world.now, "a", 1);
    const struct core_topic *b = core_catalog_find(world.now, "b", 1);
    assert_int_equal(core_catalog_can_delete(world.now, a, &fault), ERR_BUSY);
    assert_non_null(strstr(fault.text, "\"typed\" is declared over"));
    assert_int_equal(core_catalog_can_delete(world.now, b, &fault), ERR_OK);
    assert_int_equal(core_catalog_can_create(world.now, "typed", 5, 1, &fault), ERR_INVALID);
    assert_non_null(strstr(fault.text, "a stream, which is declared over topic 'a'"));
    struct core_stream stream = {.topic = uuid_of(1), .name = "typed"};
    assert_int_equal(core_catalog_can_declare(world.now, &stream, &fault), ERR_EXISTS);
    assert_non_null(strstr(fault.text, "stream \"typed\" exists already"));
    stream.name = "b";
    assert_int_equal(core_catalog_can_declare(world.now, &stream, &fault), ERR_EXISTS);
    assert_non_null(strstr(fault.text, "the name of another topic"));
    stream.name = "a";
    assert_int_equal(core_catalog_can_declare(world.now, &stream, &fault), ERR_OK);
    assert_false(core_catalog_can_infer(world.now, &stream));
    stream.version = 1;
    stream.uuid = uuid_of(11);
    assert_true(core_catalog_can_infer(world.now, &stream));
    stream.version = 2;
    assert_false(core_catalog_can_infer(world.now, &stream));
    world_close(&world);
}

/* Topics Orders, ORDERS, Lonely and __tdb_x; streams quakes and Quakes. */
static void a_name_stands_for_itself_or_for_the_only_one_without_case(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    apply(&world, create_of(1, "Orders", 1));
    apply(&world, create_of(2, "ORDERS", 2));
    apply(&world, create_of(3, "Lonely", 3));
    apply(&world, create_of(4, "__tdb_x", 4));
    apply(&world, put_of(10, "quakes", 1, 1, true));
    apply(&world, put_of(11, "Quakes", 2, 1, true));
    apply(&world, put_of(12, "Lonely", 3, 1, false));
    apply(&world, put_of(13, "lonelier", 3, 1, true));
    static const struct {
        const char *name;
        bool is_exact;
        enum err want;
        const char *stream; /* NULL: none is known */
        const char *topic;
    } rows[] = {
        {"Orders", false, ERR_OK, NULL, "Orders"},
        {"orders", false, ERR_INVALID, NULL, NULL},
        {"orders", true, ERR_NOT_FOUND, NULL, NULL},
        {"quakes", false, ERR_OK, "quakes", "Orders"},
        {"Quakes", true, ERR_OK, "Quakes", "ORDERS"},
        {"QUAKES", false, ERR_INVALID, NULL, NULL},
        {"lonely", false, ERR_OK, "Lonely", "Lonely"},
        {"LONELY", false, ERR_OK, "Lonely", "Lonely"},
        {"LONELY", true, ERR_NOT_FOUND, NULL, NULL},
        {"LONELIER", false, ERR_OK, "lonelier", "Lonely"},
        {"lonel", false, ERR_NOT_FOUND, NULL, NULL},
        {"__tdb_x", false, ERR_NOT_FOUND, NULL, NULL},
        {"__TDB_x", false, ERR_NOT_FOUND, NULL, NULL},
        {"", false, ERR_NOT_FOUND, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct core_catalog_match match;
        enum err err = core_catalog_match(world.now, rows[i].name, strlen(rows[i].name),
                                          rows[i].is_exact, &match);
        assert_int_equal(err, rows[i].want);
        assert_int_equal(match.topic != NULL, rows[i].topic != NULL);
        assert_int_equal(match.stream != NULL, rows[i].stream != NULL);
        assert_int_equal(match.names[0] != NULL, err == ERR_INVALID);
        if (match.topic != NULL) {
            assert_string_equal(match.topic->name, rows[i].topic);
        }
        if (match.stream != NULL) {
            assert_string_equal(match.stream->name, rows[i].stream);
        }
    }
    world_close(&world);
}

static void out_of_memory_leaves_the_catalog_as_it_was(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    apply(&world, create_of(1, "a", 1));
    apply(&world, put_of(11, "a", 1, 1, false));
    enum err err = ERR_BUDGET;
    uint32_t refusals = 0;
    size_t used_bytes = world.budget.used_bytes;
    for (size_t limit = used_bytes; err == ERR_BUDGET; limit += 64) {
        struct core_command cmd = put_of(12, "a", 1, 1, true);
        budget_set_limit(&world.budget, limit);
        err = world_apply(&world, &cmd);
        refusals += err == ERR_BUDGET;
        assert_int_equal(world.keeper.streams_count, 1);
    }
    assert_int_equal(err, ERR_OK);
    assert_true(refusals > 5);
    world_close(&world);
}

/* --- The twin: an array of streams --- */

#define TWIN_TOPICS  4u
#define TWIN_STREAMS 16u

static const char *const twin_names[] = {"a", "b", "A", "B", "s", "S", "t"};

struct twin {
    bool is_topic[TWIN_TOPICS]; /* of twin_names; uuid is the index + 1 + 100 * its life */
    uint32_t lives[TWIN_TOPICS];
    struct {
        uint32_t uuid;
        uint32_t topic; /* index */
        uint32_t name;  /* index */
        uint32_t version;
        bool is_declared;
    } streams[TWIN_STREAMS];
    uint32_t count;
    uint64_t group_next;
};

static uint32_t twin_uuid(const struct twin *twin, uint32_t topic)
{
    return topic + 1 + 100 * twin->lives[topic];
}

static uint32_t twin_find(const struct twin *twin, uint32_t name)
{
    uint32_t i = 0;
    while (i < twin->count && twin->streams[i].name != name) {
        i++;
    }
    return i;
}

static bool twin_topic(struct world *world, struct twin *twin, uint32_t topic, bool *is_right)
{
    struct core_command cmd;
    uint32_t implicit = TWIN_STREAMS;
    if (twin->is_topic[topic]) {
        *is_right = true;
        for (uint32_t i = 0; i < twin->count; i++) {
            if (twin->streams[i].topic == topic) {
                *is_right = *is_right && !twin->streams[i].is_declared;
                implicit = i;
            }
        }
        cmd = delete_of(twin_uuid(twin, topic));
    } else {
        *is_right = twin_find(twin, topic) == twin->count;
        cmd = create_of(twin_uuid(twin, topic), twin_names[topic], twin->group_next++);
    }
    bool is_done = world_apply(world, &cmd) == ERR_OK;
    if (is_done && twin->is_topic[topic]) {
        twin->lives[topic]++;
        if (implicit < TWIN_STREAMS) {
            twin->streams[implicit] = twin->streams[--twin->count];
        }
    }
    twin->is_topic[topic] = is_done ? !twin->is_topic[topic] : twin->is_topic[topic];
    return is_done;
}

static bool twin_put(struct world *world, struct twin *twin, struct prng *p, bool *is_right)
{
    uint32_t topic = (uint32_t)prng_below(p, TWIN_TOPICS);
    bool is_declared = prng_chance(p, 1, 2);
    uint32_t name = prng_chance(p, 1, 2) ? topic : (uint32_t)prng_below(p, ARRAY_COUNT(twin_names));
    uint32_t at = twin_find(twin, name);
    bool is_next = at < twin->count && prng_chance(p, 1, 2);
    uint32_t uuid = is_next ? twin->streams[at].uuid : (uint32_t)(1000 + world->index * 7);
    uint32_t version = is_next ? twin->streams[at].version + 1 - prng_chance(p, 1, 5) : 1;
    bool is_name_free = at == twin->count || !twin->streams[at].is_declared;
    bool is_others_topic = name < TWIN_TOPICS && twin->is_topic[name] && name != topic;
    *is_right = twin->is_topic[topic];
    if (is_next) {
        *is_right = *is_right && twin->streams[at].topic == topic &&
                    twin->streams[at].is_declared == is_declared &&
                    version == twin->streams[at].version + 1;
    } else if (is_declared) {
        *is_right = *is_right && is_name_free && !is_others_topic;
    } else {
        *is_right = *is_right && at == twin->count && name == topic;
    }
    struct core_command cmd =
        put_of(uuid, twin_names[name], twin_uuid(twin, topic), version, is_declared);
    bool is_done = world_apply(world, &cmd) == ERR_OK;
    if (is_done) {
        twin->count += at == twin->count;
        assert_true(twin->count <= TWIN_STREAMS);
        twin->streams[at].uuid = uuid;
        twin->streams[at].topic = topic;
        twin->streams[at].name = name;
        twin->streams[at].version = version;
        twin->streams[at].is_declared = is_declared;
    }
    return is_done;
}

static bool twin_drop(struct world *world, struct twin *twin, struct prng *p, bool *is_right)
{
    uint32_t name = (uint32_t)prng_below(p, ARRAY_COUNT(twin_names));
    uint32_t at = twin_find(twin, name);
    uint32_t uuid = at < twin->count ? twin->streams[at].uuid + prng_chance(p, 1, 9) : 5;
    *is_right = at < twin->count && uuid == twin->streams[at].uuid && twin->streams[at].is_declared;
    struct core_command cmd = drop_of(uuid, twin_names[name]);
    bool is_done = world_apply(world, &cmd) == ERR_OK;
    if (is_done) {
        twin->streams[at] = twin->streams[--twin->count];
    }
    return is_done;
}

static void assert_world_is(const struct world *world, const struct twin *twin)
{
    assert_int_equal(world->now->streams_count, twin->count);
    assert_int_equal(world->keeper.streams_count, twin->count);
    assert_int_equal(core_tree_count(world->now->streams_by_case), twin->count);
    assert_int_equal(core_tree_count(world->now->streams_by_topic), twin->count);
    for (uint32_t name = 0; name < ARRAY_COUNT(twin_names); name++) {
        const struct core_stream *stream = find(world, twin_names[name]);
        uint32_t at = twin_find(twin, name);
        assert_int_equal(stream != NULL, at < twin->count);
        if (stream != NULL) {
            struct log_uuid uuid = uuid_of(twin->streams[at].uuid);
            assert_true(log_uuid_is_equal(&stream->uuid, &uuid));
            assert_int_equal(stream->version, twin->streams[at].version);
            assert_int_equal(stream->is_declared, twin->streams[at].is_declared);
        }
    }
    for (uint32_t topic = 0; topic < TWIN_TOPICS; topic++) {
        struct log_uuid uuid = uuid_of(twin_uuid(twin, topic));
        bool is_declared = false;
        for (uint32_t i = 0; i < twin->count; i++) {
            is_declared =
                is_declared || (twin->streams[i].topic == topic && twin->streams[i].is_declared);
        }
        assert_int_equal(core_catalog_find_declared(world->now, &uuid) != NULL, is_declared);
    }
}

static void streams_agree_with_a_naive_twin(void **state)
{
    (void)state;
    struct share share = share_open("streams against a twin", 80);
    uint32_t refused = 0;
    while (share_more(&share)) {
        struct world world;
        struct twin twin = {.group_next = 1};
        struct prng p;
        world_open(&world);
        prng_init(&p, share_case_seed(&share));
        for (size_t step = 0; step < 80; step++) {
            bool is_right = false;
            bool is_done;
            switch (prng_below(&p, 8)) {
            case 0:
            case 1:
                is_done =
                    twin_topic(&world, &twin, (uint32_t)prng_below(&p, TWIN_TOPICS), &is_right);
                break;
            case 2: is_done = twin_drop(&world, &twin, &p, &is_right); break;
            default: is_done = twin_put(&world, &twin, &p, &is_right); break;
            }
            assert_int_equal(is_done, is_right);
            refused += !is_done;
            assert_world_is(&world, &twin);
        }
        world_close(&world);
    }
    printf("covered: %u commands that contradict\n", refused);
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_there_with_all_that_was_said),
        cmocka_unit_test(what_contradicts_is_corrupt),
        cmocka_unit_test(a_declared_stream_takes_the_place_of_the_implicit_one_of_its_topic),
        cmocka_unit_test(an_implicit_stream_goes_with_its_topic),
        cmocka_unit_test(old_snapshots_keep_their_streams),
        cmocka_unit_test(what_may_be_done_is_said_in_words),
        cmocka_unit_test(a_name_stands_for_itself_or_for_the_only_one_without_case),
        cmocka_unit_test(out_of_memory_leaves_the_catalog_as_it_was),
        cmocka_unit_test(streams_agree_with_a_naive_twin),
    };
    return cmocka_run_group_tests_name("core_catalog_stream", tests, NULL, NULL);
}
