/* The catalog: names, each command and what contradicts, snapshots that share and are freed, and
 * random commands against a naive twin. */
#include "broker/core/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/prng.h"
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
    budget_init(&world->budget, "catalog", 256u << 20, NULL);
    struct core_topic_config defaults = core_topic_config_default();
    core_catalog_keeper_init(&world->keeper, &world->budget, &defaults);
    assert_int_equal(core_catalog_new(&world->keeper, &world->now), ERR_OK);
    world->index = 0;
}

/* Every snapshot but the newest is gone already: nothing may be left behind it. */
static void world_close(struct world *world)
{
    core_catalog_unref(&world->keeper, world->now);
    core_catalog_keeper_deinit(&world->keeper);
    assert_int_equal(world->budget.used_bytes, 0);
    budget_deinit(&world->budget);
}

/* The newest catalog is the one after `count` commands, or stays. */
static enum err world_apply(struct world *world, const struct core_command *commands, size_t count)
{
    struct core_catalog *next;
    struct err_info info;
    enum err err = core_catalog_apply(&world->keeper, world->now, commands, count, world->index + 1,
                                      &next, &info);
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
    struct log_uuid uuid = {{0}};
    uint32_t mixed = number * 2654435761u;
    memcpy(uuid.bytes, &mixed, sizeof(mixed));
    memcpy(uuid.bytes + 8, &number, sizeof(number));
    uuid.bytes[15] = 1;
    return uuid;
}

static struct core_topic_config_pair pair_of(const char *name, const char *value)
{
    return (struct core_topic_config_pair){
        .name = name,
        .value = value,
        .name_bytes = (uint16_t)strlen(name),
        .value_bytes = (uint16_t)(value != NULL ? strlen(value) : 0),
    };
}

static struct core_command create_of(uint32_t uuid, const char *name, uint64_t group_first,
                                     uint32_t partitions_count)
{
    return (struct core_command){
        .type = CORE_COMMAND_TOPIC_CREATE,
        .uuid = uuid_of(uuid),
        .name = name,
        .name_bytes = (uint16_t)strlen(name),
        .group_first = group_first,
        .partitions_count = partitions_count,
        .time_ms = 1517966773840 + uuid,
    };
}

static struct core_command add_of(uint32_t uuid, uint64_t group_first, uint32_t partitions_count)
{
    return (struct core_command){
        .type = CORE_COMMAND_PARTITIONS_ADD,
        .uuid = uuid_of(uuid),
        .group_first = group_first,
        .partitions_count = partitions_count,
    };
}

static struct core_command of_uuid(enum core_command_type type, uint32_t uuid)
{
    return (struct core_command){.type = type, .uuid = uuid_of(uuid)};
}

static struct core_command set_of(uint32_t uuid, const char *name, const char *value)
{
    struct core_command cmd = of_uuid(CORE_COMMAND_CONFIG_SET, uuid);
    cmd.pairs_count = 1;
    cmd.pairs[0] = pair_of(name, value);
    return cmd;
}

static struct core_command ids_of(uint64_t first, uint32_t count)
{
    return (struct core_command){
        .type = CORE_COMMAND_PRODUCER_IDS, .producer_id_first = first, .producer_ids_count = count};
}

static const struct core_topic *find(const struct core_catalog *catalog, const char *name)
{
    return core_catalog_find(catalog, name, strlen(name));
}

/* The names that Kafka 4.3's Topic.validate takes, and its refusals. */
static void topic_names_are_legal_as_kafka_has_it(void **state)
{
    (void)state;
    static const char *const legal[] = {"a",   "quakes.eu",  "A-Z_09", "...", ".a",
                                        "..a", "__tdb_meta", "-",      "_"};
    static const char *const illegal[] = {"",    ".",   "..",   "a b", "a/b",  "a\xc3\xa4",
                                          "a:b", "a,b", "a\"b", "a*",  "a\nb", "a@b"};
    for (size_t i = 0; i < ARRAY_COUNT(legal); i++) {
        assert_true(core_topic_is_legal(legal[i], strlen(legal[i])));
    }
    for (size_t i = 0; i < ARRAY_COUNT(illegal); i++) {
        assert_false(core_topic_is_legal(illegal[i], strlen(illegal[i])));
    }
    assert_false(core_topic_is_legal("a\0b", 3));
    char name[250];
    memset(name, 'x', sizeof(name));
    assert_true(core_topic_is_legal(name, 249));
    assert_false(core_topic_is_legal(name, 250));
}

static void topic_names_of_ours_are_reserved_and_kafkas_internal(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_reserved;
        bool is_internal;
    } rows[] = {
        {"__tdb_views", true, true},
        {"__tdb_", true, true},
        {"__tdb", false, false},
        {"_tdb_views", false, false},
        {"__TDB_views", false, false},
        {"x__tdb_", false, false},
        {"__consumer_offsets", false, true},
        {"__transaction_state", false, true},
        {"__share_group_state", false, true},
        {"__consumer_offset", false, false},
        {"__cluster_metadata", false, false},
        {"quakes", false, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t bytes = strlen(rows[i].name);
        assert_int_equal(core_topic_is_reserved(rows[i].name, bytes), rows[i].is_reserved);
        assert_int_equal(core_topic_is_internal(rows[i].name, bytes), rows[i].is_internal);
    }
}

static void catalog_before_the_first_command_is_empty(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    assert_int_equal(world.now->group_next, 1);
    assert_int_equal(world.now->producer_id_next, 0);
    assert_int_equal(world.now->topics_count, 0);
    assert_int_equal(world.now->version, 0);
    assert_true(log_uuid_is_zero(&world.now->cluster));
    assert_null(find(world.now, "quakes"));
    struct core_tree_walk walk;
    core_catalog_walk(&walk, world.now, NULL, 0);
    assert_null(core_catalog_next(&walk));
    world_close(&world);
}

static void catalog_has_a_topic_with_all_that_was_said(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct core_command cmd = create_of(7, "quakes.eu", 5, 3);
    cmd.pairs_count = 2;
    cmd.pairs[0] = pair_of("segment.ms", "1000");
    cmd.pairs[1] = pair_of("durability", "leader");
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    const struct core_topic *topic = find(world.now, "quakes.eu");
    assert_non_null(topic);
    struct log_uuid uuid = uuid_of(7);
    assert_ptr_equal(core_catalog_find_uuid(world.now, &uuid), topic);
    assert_ptr_equal(core_catalog_find_fold(world.now, "quakes_eu", 9), topic);
    assert_string_equal(topic->name, "quakes.eu");
    assert_int_equal(topic->name_bytes, 9);
    assert_false(topic->is_internal);
    assert_int_equal(topic->created_ms, 1517966773847);
    assert_int_equal(topic->partitions_count, 3);
    assert_int_equal(topic->groups[0], 5);
    assert_int_equal(topic->groups[1], 6);
    assert_int_equal(topic->groups[2], 7);
    assert_int_equal(topic->pairs_count, 2);
    assert_memory_equal(topic->pairs[0].name, "durability", 10);
    assert_memory_equal(topic->pairs[1].value, "1000", 4);
    assert_int_equal(topic->config.segment_ms, 1000);
    assert_int_equal(topic->config.durability, CORE_DURABILITY_LEADER);
    assert_int_equal(topic->config.retention_ms, 604800000);
    assert_int_equal(world.now->group_next, 8);
    assert_int_equal(world.now->topics_count, 1);
    assert_int_equal(world.now->partitions_count, 3);
    assert_int_equal(world.now->version, 1);
    world_close(&world);
}

static void catalog_gives_more_partitions_their_own_groups(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    const struct core_command commands[] = {create_of(1, "a", 1, 2), create_of(2, "b", 3, 1),
                                            add_of(1, 9, 4)};
    assert_int_equal(world_apply(&world, commands, 3), ERR_OK);
    const struct core_topic *topic = find(world.now, "a");
    static const uint64_t want[] = {1, 2, 9, 10};
    assert_int_equal(topic->partitions_count, 4);
    assert_memory_equal(topic->groups, want, sizeof(want));
    assert_int_equal(world.now->group_next, 11);
    assert_int_equal(world.now->partitions_count, 5);
    world_close(&world);
}

static void catalog_sets_and_takes_away_keys(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct core_command cmd = create_of(1, "a", 1, 1);
    cmd.pairs_count = 1;
    cmd.pairs[0] = pair_of("retention.ms", "5");
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    cmd = set_of(1, "segment.ms", "6");
    cmd.pairs_count = 3;
    cmd.pairs[1] = pair_of("retention.ms", NULL);
    cmd.pairs[2] = pair_of("flush.ms", NULL); /* which was not set */
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    const struct core_topic *topic = find(world.now, "a");
    assert_int_equal(topic->pairs_count, 1);
    assert_memory_equal(topic->pairs[0].name, "segment.ms", 10);
    assert_int_equal(topic->config.segment_ms, 6);
    assert_int_equal(topic->config.retention_ms, 604800000);
    world_close(&world);
}

static void catalog_forgets_a_deleted_topic_and_reuses_no_group(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct core_command commands[] = {create_of(1, "a", 1, 2),
                                      of_uuid(CORE_COMMAND_TOPIC_DELETE, 1)};
    assert_int_equal(world_apply(&world, commands, 2), ERR_OK);
    assert_null(find(world.now, "a"));
    assert_int_equal(world.now->topics_count, 0);
    assert_int_equal(world.now->partitions_count, 0);
    assert_int_equal(world.now->group_next, 3);
    commands[0] = create_of(2, "a", 2, 1);
    assert_int_equal(world_apply(&world, commands, 1), ERR_CORRUPT);
    commands[0] = create_of(2, "a", 3, 1);
    assert_int_equal(world_apply(&world, commands, 1), ERR_OK);
    world_close(&world);
}

static void catalog_hands_out_producer_ids_once(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct core_command cmd = ids_of(0, 1000);
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    cmd = ids_of(999, 1000);
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_CORRUPT);
    cmd = ids_of(1500, 500);
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    assert_int_equal(world.now->producer_id_next, 2000);
    cmd = ids_of(LOG_NUMBER_MAX - 1, 2);
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_CORRUPT);
    world_close(&world);
}

/* What contradicts a catalog with cluster 9, topics a.b (uuid 1, groups 1 and 2) and c (uuid 2,
 * group 3). */
static void catalog_is_corrupt_where_a_command_contradicts(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    const struct core_command base[] = {of_uuid(CORE_COMMAND_CLUSTER, 9), create_of(1, "a.b", 1, 2),
                                        create_of(2, "c", 3, 1)};
    assert_int_equal(world_apply(&world, base, 3), ERR_OK);
    const struct core_command wrong[] = {
        of_uuid(CORE_COMMAND_CLUSTER, 9),
        create_of(3, "a.b", 4, 1),
        create_of(3, "a_b", 4, 1),
        create_of(1, "d", 4, 1),
        create_of(3, "d", 3, 1),
        create_of(3, "d", LOG_NUMBER_MAX, 1),
        create_of(3, "d", 4, 0),
        create_of(3, "d", 4, LIMIT_PARTITIONS_COUNT - 2),
        create_of(3, "d/e", 4, 1),
        create_of(3, "..", 4, 1),
        of_uuid(CORE_COMMAND_TOPIC_DELETE, 3),
        add_of(3, 4, 5),
        add_of(1, 4, 2),
        add_of(1, 4, 1),
        add_of(1, 3, 3),
        add_of(1, 4, LIMIT_PARTITIONS_COUNT),
        set_of(3, "retention.ms", "1"),
        ids_of(0, 0),
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        const struct core_command commands[] = {create_of(30, "fine", 4, 1), wrong[i]};
        struct core_catalog *next = world.now;
        struct err_info info;
        assert_int_equal(
            core_catalog_apply(&world.keeper, world.now, &wrong[i], 1, 2, &next, &info),
            ERR_CORRUPT);
        assert_null(next);
        assert_int_equal(info.a, 0);
        assert_int_equal(info.b, wrong[i].type);
        assert_true(core_catalog_apply(&world.keeper, world.now, commands, 2, 2, &next, &info) !=
                    ERR_OK);
        assert_int_equal(info.a, 1);
        assert_null(find(world.now, "fine"));
    }
    assert_int_equal(world.now->version, 1);
    assert_int_equal(world.keeper.catalogs_count, 1);
    assert_int_equal(world.keeper.topics_count, 2);
    world_close(&world);
}

static void catalog_does_not_take_a_config_of_another_build(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct core_command cmd = create_of(1, "a", 1, 1);
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    cmd = set_of(1, "newer.key", "1");
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_NOT_FOUND);
    cmd = set_of(1, "cleanup.policy", "compact");
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_UNSUPPORTED);
    cmd = create_of(2, "b", 2, 1);
    cmd.pairs_count = 1;
    cmd.pairs[0] = pair_of("segment.ms", "0");
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_RANGE);
    cmd.type = (enum core_command_type)99;
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_UNSUPPORTED);
    world_close(&world);
}

static void catalog_shares_what_a_command_does_not_touch(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    const struct core_command commands[] = {create_of(1, "a", 1, 1), create_of(2, "b", 2, 1)};
    assert_int_equal(world_apply(&world, commands, 2), ERR_OK);
    struct core_catalog *before = world.now;
    core_catalog_ref(before);
    const struct core_topic *a = find(before, "a");
    const struct core_topic *b = find(before, "b");
    struct core_command cmd = add_of(1, 3, 2);
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    assert_ptr_equal(find(world.now, "b"), b);
    assert_ptr_not_equal(find(world.now, "a"), a);
    assert_ptr_equal(find(before, "a"), a);
    assert_int_equal(a->partitions_count, 1);
    assert_int_equal(world.keeper.topics_count, 3);
    core_catalog_unref(&world.keeper, before);
    assert_int_equal(world.keeper.topics_count, 2);
    world_close(&world);
}

static void catalog_lives_until_its_last_reader_gives_it_back(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct core_command cmd = create_of(1, "a", 1, 1);
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    struct core_catalog *readers[2] = {world.now, world.now};
    core_catalog_ref(world.now);
    core_catalog_ref(world.now);
    cmd = of_uuid(CORE_COMMAND_TOPIC_DELETE, 1);
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    assert_int_equal(world.keeper.topics_count, 1);
    core_catalog_unref(&world.keeper, readers[0]);
    assert_string_equal(find(readers[1], "a")->name, "a");
    core_catalog_unref(&world.keeper, readers[1]);
    assert_int_equal(world.keeper.topics_count, 0);
    world_close(&world);
}

static void catalog_walks_by_name_from_anywhere(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    const struct core_command commands[] = {create_of(1, "b", 1, 1), create_of(2, "a.c", 2, 1),
                                            create_of(3, "B", 3, 1), create_of(4, "a-b", 4, 1),
                                            create_of(5, "a", 5, 1)};
    assert_int_equal(world_apply(&world, commands, 5), ERR_OK);
    static const char *const want[] = {"B", "a", "a-b", "a.c", "b"};
    struct core_tree_walk walk;
    core_catalog_walk(&walk, world.now, NULL, 0);
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        assert_string_equal(core_catalog_next(&walk)->name, want[i]);
    }
    assert_null(core_catalog_next(&walk));
    core_catalog_walk(&walk, world.now, "a.", 2);
    assert_string_equal(core_catalog_next(&walk)->name, "a.c");
    core_catalog_walk(&walk, world.now, "a.c", 3);
    assert_string_equal(core_catalog_next(&walk)->name, "a.c");
    core_catalog_walk(&walk, world.now, "c", 1);
    assert_null(core_catalog_next(&walk));
    world_close(&world);
}

static void catalog_says_whether_a_topic_can_be_created(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct core_command cmd = create_of(1, "a.b", 1, 2);
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    static const struct {
        const char *name;
        uint32_t partitions_count;
        enum err want;
        const char *text;
    } rows[] = {
        {"c", LIMIT_PARTITIONS_COUNT - 2, ERR_OK, ""},
        {"c", LIMIT_PARTITIONS_COUNT - 1, ERR_FULL, "there are 2 partitions"},
        {"c", 0, ERR_RANGE, "1 partition or more"},
        {"a.b", 1, ERR_EXISTS, "topic 'a.b' exists already"},
        {"a_b", 1, ERR_INVALID, "differs from that of topic 'a.b'"},
        {"a-b", 1, ERR_OK, ""},
        {"a b", 1, ERR_INVALID, "1 to 249 characters"},
        {"__tdb_x", 1, ERR_OK, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct core_topic_config_fault fault;
        assert_int_equal(core_catalog_can_create(world.now, rows[i].name, strlen(rows[i].name),
                                                 rows[i].partitions_count, &fault),
                         rows[i].want);
        assert_non_null(strstr(fault.text, rows[i].text));
    }
    world_close(&world);
}

static void catalog_says_whether_keys_can_be_set(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct core_command cmd = create_of(1, "a", 1, 1);
    cmd.pairs_count = 1;
    cmd.pairs[0] = pair_of("flush.messages", "1");
    assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    const struct core_topic *topic = find(world.now, "a");
    const struct core_topic_config *defaults = &world.keeper.defaults;
    struct core_topic_config_fault fault;
    const struct core_topic_config_pair memory = pair_of("durability", "quorum-memory");
    assert_int_equal(core_catalog_can_set(defaults, topic, &memory, 1, &fault), ERR_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "flush.messages"));
    const struct core_topic_config_pair both[] = {memory, pair_of("flush.messages", NULL)};
    assert_int_equal(core_catalog_can_set(defaults, topic, both, 2, &fault), ERR_OK);
    const struct core_topic_config_pair unknown = pair_of("retention.mz", "1");
    assert_int_equal(core_catalog_can_set(defaults, topic, &unknown, 1, NULL), ERR_NOT_FOUND);
    struct core_topic_config_pair many[200];
    char names[200][16];
    for (size_t i = 0; i < ARRAY_COUNT(many); i++) {
        snprintf(names[i], sizeof(names[i]), "key.%zu", i);
        many[i] = pair_of(names[i], i < 100 ? NULL : "1");
    }
    assert_int_equal(core_catalog_can_set(defaults, topic, many, 200, &fault), ERR_NOT_FOUND);
    assert_int_equal(core_catalog_can_set(defaults, topic, many, 100, &fault), ERR_OK);
    world_close(&world);
}

static void catalog_folds_a_batch(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct core_command commands[] = {of_uuid(CORE_COMMAND_CLUSTER, 9),
                                            create_of(1, "a", 1, 2), add_of(1, 3, 3),
                                            create_of(1, "b", 4, 1)};
    uint8_t data[1024];
    struct core_catalog *next;
    struct err_info info;
    struct bytes_writer w = bytes_writer(data, sizeof(data));
    assert_int_equal(core_command_batch_put(&w, crc32c_for(&cpu), commands, 3, 0), ERR_OK);
    assert_int_equal(
        core_catalog_apply_batch(&world.keeper, world.now, data, w.pos, 4, &next, &info), ERR_OK);
    assert_int_equal(find(next, "a")->partitions_count, 3);
    assert_int_equal(next->version, 4);
    core_catalog_unref(&world.keeper, next);
    w = bytes_writer(data, sizeof(data));
    assert_int_equal(core_command_batch_put(&w, crc32c_for(&cpu), commands, 4, 0), ERR_OK);
    assert_int_equal(
        core_catalog_apply_batch(&world.keeper, world.now, data, w.pos, 4, &next, &info),
        ERR_CORRUPT);
    assert_null(next);
    assert_int_equal(info.a, 3);
    assert_int_equal(info.b, CORE_COMMAND_TOPIC_CREATE);
    assert_int_equal(
        core_catalog_apply_batch(&world.keeper, world.now, data, w.pos - 1, 4, &next, &info),
        ERR_TRUNCATED);
    assert_null(next);
    world_close(&world);
}

/* Every allocation of an apply is refused once: nothing is left of it, and later it succeeds. */
static void catalog_out_of_memory_stays_what_it_was(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    const struct core_command commands[] = {create_of(1, "a", 1, 2), create_of(2, "b", 3, 1),
                                            add_of(1, 4, 3), set_of(2, "retention.ms", "1"),
                                            of_uuid(CORE_COMMAND_TOPIC_DELETE, 1)};
    struct core_catalog *before = world.now;
    size_t refusals = 0;
    enum err err = ERR_BUDGET;
    for (size_t limit = 0; err == ERR_BUDGET; limit += 64) {
        budget_set_limit(&world.budget, limit);
        err = world_apply(&world, commands, ARRAY_COUNT(commands));
        if (err == ERR_BUDGET) {
            refusals++;
            assert_ptr_equal(world.now, before);
            assert_int_equal(world.keeper.topics_count, 0);
            assert_int_equal(world.keeper.nodes.nodes_count, 0);
        }
    }
    assert_int_equal(err, ERR_OK);
    assert_true(refusals > 20);
    assert_int_equal(find(world.now, "b")->config.retention_ms, 1);
    world_close(&world);
}

/* Ten thousand entries of one topic each: a few blocks each, found afterwards, and all freed. */
static void catalog_takes_ten_thousand_topics_one_by_one(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    uint64_t allocs_before = world.budget.allocs_count;
    char name[32];
    for (uint32_t i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "topic-%u", i * 7919 % 10000);
        struct core_command cmd = create_of(i, name, i + 1, 1);
        assert_int_equal(world_apply(&world, &cmd, 1), ERR_OK);
    }
    assert_int_equal(world.now->topics_count, 10000);
    assert_in_range((world.budget.allocs_count - allocs_before) / 10000, 2, 60);
    assert_int_equal(world.keeper.nodes.nodes_count, 40000);
    for (uint32_t i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "topic-%u", i);
        assert_non_null(find(world.now, name));
    }
    printf("covered: 10,000 topics: %zu bytes, %llu blocks\n", world.budget.used_bytes,
           (unsigned long long)(world.budget.allocs_count - allocs_before));
    world_close(&world);
}

/* The naive twin: arrays, and texts compared one by one. */
#define TWIN_TOPICS_MAX     40u
#define TWIN_PARTITIONS_MAX 64u
#define TWIN_KEYS           3u

static const char *const twin_keys[TWIN_KEYS] = {"durability", "retention.ms", "segment.ms"};
static const char *const twin_values[TWIN_KEYS][2] = {
    {"leader", "quorum-fsync"}, {"5", "-1"}, {"7", "8"}};

struct twin_topic {
    uint32_t uuid;
    char name[8];
    uint32_t partitions_count;
    uint64_t groups[TWIN_PARTITIONS_MAX];
    const char *values[TWIN_KEYS]; /* NULL: not set */
};

struct twin {
    struct twin_topic topics[TWIN_TOPICS_MAX];
    size_t count;
    uint64_t group_next;
    uint64_t producer_id_next;
    uint64_t version;
};

static bool twin_collides(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        if (*a != *b && !((*a == '.' && *b == '_') || (*a == '_' && *b == '.'))) {
            return false;
        }
    }
    return *a == *b;
}

static struct twin_topic *twin_find(struct twin *twin, uint32_t uuid)
{
    for (size_t i = 0; i < twin->count; i++) {
        if (twin->topics[i].uuid == uuid) {
            return &twin->topics[i];
        }
    }
    return NULL;
}

/* Give `topic` groups up to `partitions_count`; whether they are new ones. */
static bool twin_give_groups(struct twin *twin, struct twin_topic *topic, uint64_t group_first,
                             uint32_t partitions_count)
{
    if (group_first < twin->group_next) {
        return false;
    }
    for (uint32_t i = topic->partitions_count; i < partitions_count; i++) {
        topic->groups[i] = group_first++;
    }
    topic->partitions_count = partitions_count;
    twin->group_next = group_first;
    return true;
}

static bool twin_create(struct twin *twin, uint32_t uuid, const struct core_command *cmd)
{
    for (size_t i = 0; i < twin->count; i++) {
        if (twin->topics[i].uuid == uuid || twin_collides(twin->topics[i].name, cmd->name)) {
            return false;
        }
    }
    struct twin_topic *topic = &twin->topics[twin->count++];
    *topic = (struct twin_topic){.uuid = uuid};
    snprintf(topic->name, sizeof(topic->name), "%s", cmd->name);
    return twin_give_groups(twin, topic, cmd->group_first, cmd->partitions_count);
}

/* What `cmd` does to the twin; false: it contradicts. */
static bool twin_apply(struct twin *twin, uint32_t uuid, const struct core_command *cmd)
{
    struct twin_topic *topic = twin_find(twin, uuid);
    switch (cmd->type) {
    case CORE_COMMAND_CLUSTER: return false;
    case CORE_COMMAND_TOPIC_CREATE: return twin_create(twin, uuid, cmd);
    case CORE_COMMAND_TOPIC_DELETE:
        if (topic != NULL) {
            *topic = twin->topics[--twin->count];
        }
        return topic != NULL;
    case CORE_COMMAND_PARTITIONS_ADD:
        return topic != NULL && cmd->partitions_count > topic->partitions_count &&
               twin_give_groups(twin, topic, cmd->group_first, cmd->partitions_count);
    case CORE_COMMAND_CONFIG_SET:
        for (size_t i = 0; topic != NULL && i < cmd->pairs_count; i++) {
            for (size_t key = 0; key < TWIN_KEYS; key++) {
                if (strcmp(cmd->pairs[i].name, twin_keys[key]) == 0) {
                    topic->values[key] = cmd->pairs[i].value;
                }
            }
        }
        return topic != NULL;
    case CORE_COMMAND_PRODUCER_IDS:
        if (cmd->producer_id_first < twin->producer_id_next) {
            return false;
        }
        twin->producer_id_next = cmd->producer_id_first + cmd->producer_ids_count;
        return true;
    case CORE_COMMAND_STREAM_PUT: /* catalog_stream_test.c */
    case CORE_COMMAND_STREAM_DROP:
    case CORE_COMMAND_VIEW_PUT: /* catalog_view_test.c */
    case CORE_COMMAND_VIEW_DROP:
    case CORE_COMMAND_VIEW_RENAME:
    case CORE_COMMAND_VIEW_SWAP: break;
    }
    return false;
}

/* A command that is right more often than not; *uuid is its topic. `name` has room for 8 bytes. */
static struct core_command twin_command(struct prng *p, struct twin *twin, uint32_t *uuid,
                                        char *name)
{
    *uuid = (uint32_t)prng_below(p, TWIN_TOPICS_MAX);
    if (twin->count > 0 && prng_chance(p, 3, 4)) {
        *uuid = twin->topics[prng_below(p, twin->count)].uuid;
    }
    const struct twin_topic *topic = twin_find(twin, *uuid);
    uint64_t group = twin->group_next + prng_below(p, 3) - prng_chance(p, 1, 30);
    uint32_t more = (uint32_t)prng_range(p, 1, 3);
    snprintf(name, 8, "%c%c%c", "ab"[prng_below(p, 2)], "._-c"[prng_below(p, 4)],
             "xyz."[prng_below(p, 4)]);
    switch (prng_below(p, 10)) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (prng_chance(p, 5, 6)) {
            *uuid = (uint32_t)(1000 + twin->group_next);
        }
        return create_of(*uuid, name, group, more);
    case 4:
    case 5: return of_uuid(CORE_COMMAND_TOPIC_DELETE, *uuid);
    case 6:
        if (topic != NULL && topic->partitions_count + more <= TWIN_PARTITIONS_MAX) {
            return add_of(*uuid, group, topic->partitions_count + more - prng_chance(p, 1, 10));
        }
        return add_of(*uuid + 500, group, more);
    case 7: return ids_of(twin->producer_id_next + prng_below(p, 3), (uint32_t)prng_range(p, 1, 9));
    default: {
        size_t key = prng_below(p, TWIN_KEYS);
        struct core_command cmd = set_of(*uuid, twin_keys[key], twin_values[key][0]);
        cmd.pairs_count = 2;
        key = prng_below(p, TWIN_KEYS);
        cmd.pairs[1] = pair_of(twin_keys[key],
                               prng_chance(p, 1, 2) ? NULL : twin_values[key][prng_below(p, 2)]);
        return cmd;
    }
    }
}

static int twin_compare(const void *a, const void *b)
{
    return strcmp(((const struct twin_topic *)a)->name, ((const struct twin_topic *)b)->name);
}

static void assert_topic_is(const struct core_topic *topic, const struct twin_topic *want)
{
    struct log_uuid uuid = uuid_of(want->uuid);
    assert_string_equal(topic->name, want->name);
    assert_memory_equal(&topic->uuid, &uuid, sizeof(uuid));
    assert_int_equal(topic->partitions_count, want->partitions_count);
    assert_memory_equal(topic->groups, want->groups, want->partitions_count * sizeof(uint64_t));
    size_t pairs_count = 0;
    for (size_t key = 0; key < TWIN_KEYS; key++) {
        if (want->values[key] != NULL) {
            const struct core_topic_config_pair *pair = &topic->pairs[pairs_count++];
            assert_int_equal(pair->name_bytes, strlen(twin_keys[key]));
            assert_memory_equal(pair->name, twin_keys[key], pair->name_bytes);
            assert_int_equal(pair->value_bytes, strlen(want->values[key]));
            assert_memory_equal(pair->value, want->values[key], pair->value_bytes);
        }
    }
    assert_int_equal(topic->pairs_count, pairs_count);
    int64_t retention_ms = want->values[1] == NULL ? 604800000 : want->values[1][0] == '5' ? 5 : -1;
    assert_int_equal(topic->config.retention_ms, retention_ms);
}

static void assert_catalog_is(const struct core_catalog *catalog, const struct twin *twin)
{
    struct twin sorted = *twin;
    qsort(sorted.topics, sorted.count, sizeof(sorted.topics[0]), twin_compare);
    uint32_t partitions_count = 0;
    struct core_tree_walk walk;
    core_catalog_walk(&walk, catalog, NULL, 0);
    for (size_t i = 0; i < sorted.count; i++) {
        const struct core_topic *topic = core_catalog_next(&walk);
        assert_non_null(topic);
        assert_topic_is(topic, &sorted.topics[i]);
        assert_ptr_equal(find(catalog, topic->name), topic);
        assert_ptr_equal(core_catalog_find_uuid(catalog, &topic->uuid), topic);
        assert_ptr_equal(core_catalog_find_fold(catalog, topic->name, topic->name_bytes), topic);
        partitions_count += topic->partitions_count;
    }
    assert_null(core_catalog_next(&walk));
    assert_int_equal(catalog->topics_count, sorted.count);
    assert_int_equal(catalog->partitions_count, partitions_count);
    assert_int_equal(catalog->group_next, sorted.group_next);
    assert_int_equal(catalog->producer_id_next, sorted.producer_id_next);
    assert_int_equal(catalog->version, sorted.version);
    assert_int_equal(core_tree_count(catalog->by_uuid), sorted.count);
    assert_int_equal(core_tree_count(catalog->by_fold), sorted.count);
    assert_int_equal(core_tree_count(catalog->by_case), sorted.count);
}

/* One entry of 1 to 3 commands, for both. */
static void twin_step(struct world *world, struct twin *twin, struct prng *p, uint32_t *refused)
{
    struct core_command commands[3];
    char names[3][8];
    struct twin after = *twin;
    size_t count = 0;
    size_t wanted = prng_range(p, 1, 3);
    bool is_right = true;
    while (count < wanted && is_right && after.count < TWIN_TOPICS_MAX) {
        uint32_t uuid;
        commands[count] = twin_command(p, &after, &uuid, names[count]);
        is_right = twin_apply(&after, uuid, &commands[count]);
        count++;
    }
    enum err err = world_apply(world, commands, count);
    assert_int_equal(err, is_right ? ERR_OK : ERR_CORRUPT);
    *refused += !is_right;
    if (is_right) {
        after.version = world->index;
        *twin = after;
    }
}

static void catalog_agrees_with_a_naive_twin_in_every_snapshot(void **state)
{
    (void)state;
    struct share share = share_open("snapshots against a twin", 60);
    uint32_t refused = 0;
    while (share_more(&share)) {
        static struct twin twins[4];
        struct core_catalog *olds[4] = {NULL};
        struct world world;
        world_open(&world);
        struct twin twin = {.group_next = 1};
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        for (size_t step = 0; step < 60; step++) {
            twin_step(&world, &twin, &p, &refused);
            size_t slot = prng_below(&p, ARRAY_COUNT(olds));
            if (olds[slot] != NULL) {
                assert_catalog_is(olds[slot], &twins[slot]);
                core_catalog_unref(&world.keeper, olds[slot]);
            }
            core_catalog_ref(world.now);
            olds[slot] = world.now;
            twins[slot] = twin;
        }
        assert_catalog_is(world.now, &twin);
        for (size_t i = 0; i < ARRAY_COUNT(olds); i++) {
            if (olds[i] != NULL) {
                assert_catalog_is(olds[i], &twins[i]);
                core_catalog_unref(&world.keeper, olds[i]);
            }
        }
        world_close(&world);
    }
    printf("covered: %u entries that contradict\n", refused);
    assert_true(refused > 0);
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topic_names_are_legal_as_kafka_has_it),
        cmocka_unit_test(topic_names_of_ours_are_reserved_and_kafkas_internal),
        cmocka_unit_test(catalog_before_the_first_command_is_empty),
        cmocka_unit_test(catalog_has_a_topic_with_all_that_was_said),
        cmocka_unit_test(catalog_gives_more_partitions_their_own_groups),
        cmocka_unit_test(catalog_sets_and_takes_away_keys),
        cmocka_unit_test(catalog_forgets_a_deleted_topic_and_reuses_no_group),
        cmocka_unit_test(catalog_hands_out_producer_ids_once),
        cmocka_unit_test(catalog_is_corrupt_where_a_command_contradicts),
        cmocka_unit_test(catalog_does_not_take_a_config_of_another_build),
        cmocka_unit_test(catalog_shares_what_a_command_does_not_touch),
        cmocka_unit_test(catalog_lives_until_its_last_reader_gives_it_back),
        cmocka_unit_test(catalog_walks_by_name_from_anywhere),
        cmocka_unit_test(catalog_says_whether_a_topic_can_be_created),
        cmocka_unit_test(catalog_says_whether_keys_can_be_set),
        cmocka_unit_test(catalog_folds_a_batch),
        cmocka_unit_test(catalog_out_of_memory_stays_what_it_was),
        cmocka_unit_test(catalog_takes_ten_thousand_topics_one_by_one),
        cmocka_unit_test(catalog_agrees_with_a_naive_twin_in_every_snapshot),
    };
    return cmocka_run_group_tests_name("core_catalog", tests, NULL, NULL);
}
