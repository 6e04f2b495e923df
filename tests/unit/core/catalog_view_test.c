/* Views in the catalog: what contradicts, what they guard, what a name stands for, and random
 * commands against a naive twin. */
#include <stdio.h>
#include <string.h>

#include "base/prng.h"
#include "broker/core/catalog_view.h"
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

static struct core_command named_of(enum core_command_type type, uint32_t uuid, const char *name)
{
    return (struct core_command){
        .type = type, .uuid = uuid_of(uuid), .name = name, .name_bytes = (uint16_t)strlen(name)};
}

/* Of one column; the bytes live until the next one is made. */
static struct core_command stream_of(uint32_t uuid, const char *name, uint32_t topic,
                                     bool is_declared)
{
    static uint8_t body[512];
    static const struct core_stream_column column = {
        "value", {VEC_JSONB, 0, 0}, CORE_STREAM_PATH, 0, false, "$"};
    const struct core_stream stream = {
        .topic = uuid_of(topic),
        .name = name,
        .version = 1,
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

/* What a view is made over. */
struct source {
    uint32_t uuid;
    const char *name;
    uint32_t topic;
    bool is_declared;
};

/* An heir of the lineage that began with `lineage`; 0: none. The bytes live until the next one is
 * made. */
static struct core_command heir_of(uint32_t uuid, const char *name, uint32_t incarnation,
                                   struct source from, uint32_t lineage)
{
    static uint8_t body[1024];
    static const struct plan_column column = {"n", {VEC_BIGINT, 0, 0}, PLAN_ROLE_VALUE, false};
    static const uint16_t keys[] = {CORE_VIEW_NO_COLUMN, 0};
    const struct core_stream source = {
        .uuid = uuid_of(from.uuid),
        .topic = uuid_of(from.topic),
        .name = from.name,
        .version = 1,
        .is_declared = from.is_declared,
        .key = CORE_STREAM_KEY_TEXT,
    };
    const struct core_view view = {
        .uuid = uuid_of(uuid),
        .lineage = uuid_of(lineage != 0 ? lineage : uuid),
        .is_heir = lineage != 0,
        .name = name,
        .incarnation = incarnation,
        .origin = CORE_VIEW_LATEST,
        .created_ms = 1,
        .sql = "SELECT",
        .sql_bytes = 6,
        .plan = "{}",
        .plan_bytes = 2,
        .source = &source,
        .columns = &column,
        .columns_count = 1,
        .keys = keys,
        .keys_count = 2,
    };
    struct bytes_writer w = bytes_writer(body, sizeof(body));
    core_view_put(&w, &view);
    assert_int_equal(w.err, ERR_OK);
    return (struct core_command){.type = CORE_COMMAND_VIEW_PUT,
                                 .uuid = uuid_of(uuid),
                                 .view = body,
                                 .view_bytes = (uint32_t)w.pos};
}

static struct core_command view_of(uint32_t uuid, const char *name, uint32_t incarnation,
                                   struct source from)
{
    return heir_of(uuid, name, incarnation, from, 0);
}

static struct core_command swap_of(uint32_t uuid)
{
    return (struct core_command){.type = CORE_COMMAND_VIEW_SWAP, .uuid = uuid_of(uuid)};
}

static void apply(struct world *world, struct core_command cmd)
{
    assert_int_equal(world_apply(world, &cmd), ERR_OK);
}

static const struct core_view *find(const struct world *world, const char *name)
{
    return core_catalog_find_view(world->now, name, strlen(name));
}

static const struct source typed = {10, "typed", 1, true};
static const struct source implicit = {11, "a", 1, false};
static const struct source other = {12, "b", 2, false};

/* Topics a (1) and b (2); "typed" (10) is declared over a, "a" (11) is a's implicit one; views v
 * (20) over typed, w (21) over a. */
static void world_fill(struct world *world)
{
    apply(world, create_of(1, "a", 1));
    apply(world, create_of(2, "b", 2));
    apply(world, stream_of(10, "typed", 1, true));
    apply(world, stream_of(11, "a", 1, false));
    apply(world, view_of(20, "v", 1, typed));
    apply(world, view_of(21, "w", 1, implicit));
}

static void a_view_is_there_with_all_that_was_said(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    const struct core_view *view = find(&world, "v");
    struct log_uuid uuid = uuid_of(20);
    assert_non_null(view);
    assert_ptr_equal(core_catalog_find_view_uuid(world.now, &uuid), view);
    assert_string_equal(view->sql, "SELECT");
    assert_string_equal(view->plan, "{}");
    assert_string_equal(view->source->name, "typed");
    assert_int_equal(view->keys[0], CORE_VIEW_NO_COLUMN);
    assert_int_equal(view->keys[1], 0);
    assert_int_equal(world.now->views_count, 2);
    assert_int_equal(world.now->views_version, 6);
    assert_int_equal(world.now->names_version, 6);
    apply(&world, create_of(3, "c", 3));
    assert_int_equal(world.now->views_version, 6);
    struct core_tree_walk walk;
    core_catalog_walk_views(&walk, world.now);
    assert_ptr_equal(core_catalog_next_view(&walk), view);
    assert_ptr_equal(core_catalog_next_view(&walk), find(&world, "w"));
    assert_null(core_catalog_next_view(&walk));
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
        uint32_t incarnation;
        struct source from;
    } rows[] = {
        {"over no topic", 22, "x", 1, {13, "none", 9, false}},
        {"over no such stream", 22, "x", 1, {13, "typee", 1, true}},
        {"over another stream of that name", 22, "x", 1, {13, "typed", 1, true}},
        {"a second incarnation first", 22, "x", 2, typed},
        {"the name of a view", 22, "v", 1, typed},
        {"the name of a topic", 22, "b", 1, typed},
        {"the name of a stream", 22, "typed", 1, typed},
        {"the same incarnation again", 20, "v", 1, typed},
        {"an incarnation that skips one", 20, "v", 3, typed},
        {"the next incarnation under another name", 20, "x", 2, typed},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct core_command cmd =
            view_of(rows[i].uuid, rows[i].name, rows[i].incarnation, rows[i].from);
        if (world_apply(&world, &cmd) != ERR_CORRUPT) {
            fail_msg("%s", rows[i].what);
        }
    }
    const struct core_command others[] = {
        named_of(CORE_COMMAND_VIEW_DROP, 20, "w"),
        named_of(CORE_COMMAND_VIEW_DROP, 22, "v"),
        named_of(CORE_COMMAND_VIEW_DROP, 10, "typed"),
        named_of(CORE_COMMAND_VIEW_RENAME, 22, "x"),
        named_of(CORE_COMMAND_VIEW_RENAME, 20, "v"),
        named_of(CORE_COMMAND_VIEW_RENAME, 20, "w"),
        named_of(CORE_COMMAND_VIEW_RENAME, 20, "b"),
        named_of(CORE_COMMAND_VIEW_RENAME, 20, "typed"),
        named_of(CORE_COMMAND_STREAM_DROP, 10, "typed"),
        {.type = CORE_COMMAND_TOPIC_DELETE, .uuid = uuid_of(1)},
        create_of(3, "v", 3),
    };
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        assert_int_equal(world_apply(&world, &others[i]), ERR_CORRUPT);
    }
    struct core_command declared = stream_of(13, "w", 1, true);
    assert_int_equal(world_apply(&world, &declared), ERR_CORRUPT);
    assert_int_equal(world.now->version, 6);
    assert_int_equal(world.keeper.views_count, 2);
    world_close(&world);
}

static void a_renamed_view_is_the_same_under_another_name(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    struct core_catalog *before = world.now;
    core_catalog_ref(before);
    apply(&world, view_of(20, "v", 2, typed));
    apply(&world, named_of(CORE_COMMAND_VIEW_RENAME, 20, "Another"));
    assert_null(find(&world, "v"));
    const struct core_view *view = find(&world, "Another");
    struct log_uuid uuid = uuid_of(20);
    assert_non_null(view);
    assert_true(log_uuid_is_equal(&view->uuid, &uuid));
    assert_int_equal(view->incarnation, 2);
    assert_string_equal(view->sql, "SELECT");
    assert_string_equal(view->source->name, "typed");
    assert_int_equal(world.now->views_count, 2);
    assert_int_equal(world.keeper.views_count, 3); /* before has one */
    assert_int_equal(core_catalog_find_view(before, "v", 1)->incarnation, 1);
    core_catalog_unref(&world.keeper, before);
    assert_int_equal(world.keeper.views_count, 2);
    apply(&world, create_of(3, "v", 3)); /* the name is free */
    world_close(&world);
}

/* --- Heirs --- */

/* Nobody finds it by its name; it is kept up all the same, and comes along. */
static void an_heir_is_there_for_those_who_look_for_it(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    uint64_t names_version = world.now->names_version;
    apply(&world, heir_of(30, "v", 2, typed, 20));
    struct log_uuid uuid = uuid_of(30);
    const struct core_view *view = find(&world, "v");
    const struct core_view *heir = core_catalog_find_view_uuid(world.now, &uuid);
    assert_int_equal(view->incarnation, 1);
    assert_non_null(heir);
    assert_true(heir->is_heir);
    assert_ptr_equal(core_catalog_find_heir(world.now, view), heir);
    assert_null(core_catalog_find_heir(world.now, find(&world, "w")));
    assert_int_equal(world.now->views_count, 3);
    assert_int_equal(world.now->views_version, world.now->version);
    assert_int_equal(world.now->names_version, names_version);
    apply(&world, named_of(CORE_COMMAND_VIEW_RENAME, 20, "x"));
    view = find(&world, "x");
    heir = core_catalog_find_heir(world.now, view);
    assert_string_equal(heir->name, "x");
    assert_true(heir->is_heir);
    apply(&world, swap_of(30));
    view = find(&world, "x");
    assert_true(log_uuid_is_equal(&view->uuid, &uuid));
    assert_false(view->is_heir);
    assert_int_equal(view->incarnation, 2);
    assert_int_equal(world.now->views_count, 2);
    assert_int_equal(world.now->names_version, world.now->version);
    uuid = uuid_of(20);
    assert_null(core_catalog_find_view_uuid(world.now, &uuid));
    assert_ptr_equal(core_catalog_find_lineage(world.now, &uuid), view);
    apply(&world, heir_of(31, "x", 3, typed, 20)); /* of the same lineage */
    apply(&world, swap_of(31));
    assert_int_equal(find(&world, "x")->incarnation, 3);
    assert_int_equal(world.keeper.views_count, 2);
    world_close(&world);
}

static void an_heir_goes_with_its_view_or_alone(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    apply(&world, heir_of(30, "v", 2, typed, 20));
    apply(&world, named_of(CORE_COMMAND_VIEW_DROP, 30, "v"));
    assert_int_equal(world.now->views_count, 2);
    assert_int_equal(find(&world, "v")->incarnation, 1);
    apply(&world, heir_of(31, "v", 2, typed, 20));
    apply(&world, named_of(CORE_COMMAND_VIEW_DROP, 20, "v"));
    assert_int_equal(world.now->views_count, 1);
    assert_int_equal(world.keeper.views_count, 1);
    assert_null(find(&world, "v"));
    world_close(&world);
}

static void an_heir_that_contradicts_is_corrupt(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    apply(&world, heir_of(30, "v", 2, typed, 20));
    const struct {
        const char *what;
        uint32_t uuid;
        const char *name;
        uint32_t incarnation;
        struct source from;
        uint32_t lineage;
    } rows[] = {
        {"a second heir", 31, "v", 2, typed, 20},
        {"an heir of the heir", 31, "v", 3, typed, 20},
        {"the next incarnation of one that has an heir", 20, "v", 2, typed, 0},
        {"of another lineage", 31, "w", 2, implicit, 20},
        {"of an incarnation that skips one", 31, "w", 3, implicit, 21},
        {"of nobody", 31, "x", 2, implicit, 21},
        {"of another topic", 31, "w", 2, other, 21},
        {"of the uuid of a view", 20, "w", 2, implicit, 21},
        {"of the uuid of an heir", 30, "w", 2, implicit, 21},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct core_command cmd =
            heir_of(rows[i].uuid, rows[i].name, rows[i].incarnation, rows[i].from, rows[i].lineage);
        if (world_apply(&world, &cmd) != ERR_CORRUPT) {
            fail_msg("%s", rows[i].what);
        }
    }
    const struct core_command others[] = {swap_of(20), swap_of(21), swap_of(31),
                                          named_of(CORE_COMMAND_VIEW_RENAME, 30, "x"),
                                          named_of(CORE_COMMAND_VIEW_DROP, 30, "w")};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        assert_int_equal(world_apply(&world, &others[i]), ERR_CORRUPT);
    }
    assert_int_equal(world.keeper.views_count, 3);
    world_close(&world);
}

static void what_may_be_done_is_said_in_words(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    apply(&world, view_of(22, "x", 1, other));
    struct core_topic_config_fault fault;
    const struct core_topic *b = core_catalog_find(world.now, "b", 1);
    const struct core_stream *stream = core_catalog_find_stream(world.now, "typed", 5);
    assert_int_equal(core_catalog_can_drop(world.now, stream, &fault), ERR_BUSY);
    assert_string_equal(fault.text,
                        "cannot drop stream \"typed\": materialized view \"v\" depends on it");
    assert_int_equal(core_catalog_can_delete(world.now, b, &fault), ERR_BUSY);
    assert_string_equal(fault.text, "materialized view \"x\" reads the topic: drop that first");
    assert_int_equal(core_catalog_can_create(world.now, "x", 1, 1, &fault), ERR_INVALID);
    assert_string_equal(fault.text, "it is the name of a materialized view");
    assert_int_equal(core_catalog_can_name_view(world.now, "b", 1, &fault), ERR_EXISTS);
    assert_string_equal(fault.text, "relation \"b\" already exists");
    struct core_stream declared = {.topic = uuid_of(1), .name = "x"};
    assert_int_equal(core_catalog_can_declare(world.now, &declared, &fault), ERR_EXISTS);
    assert_string_equal(fault.text, "\"x\" is the name of a materialized view");
    apply(&world, named_of(CORE_COMMAND_VIEW_DROP, 20, "v"));
    stream = core_catalog_find_stream(world.now, "typed", 5);
    assert_int_equal(core_catalog_can_drop(world.now, stream, &fault), ERR_OK);
    apply(&world, named_of(CORE_COMMAND_STREAM_DROP, 10, "typed"));
    apply(&world, named_of(CORE_COMMAND_VIEW_DROP, 21, "w"));
    apply(&world, (struct core_command){.type = CORE_COMMAND_TOPIC_DELETE, .uuid = uuid_of(1)});
    world_close(&world);
}

/* A stream that is declared under an implicit one's name does not touch what reads that. */
static void a_view_stays_when_its_stream_is_covered(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    apply(&world, stream_of(14, "a", 1, true));
    apply(&world, view_of(21, "w", 2, (struct source){14, "a", 1, true}));
    struct core_command drop = named_of(CORE_COMMAND_STREAM_DROP, 14, "a");
    assert_int_equal(world_apply(&world, &drop), ERR_CORRUPT);
    apply(&world, view_of(21, "w", 3, (struct source){11, "a", 1, false}));
    apply(&world, drop);
    assert_int_equal(find(&world, "w")->incarnation, 3);
    world_close(&world);
}

static void a_name_stands_for_a_view_too(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_fill(&world);
    apply(&world, view_of(22, "Fast", 1, typed));
    apply(&world, view_of(23, "FAST", 1, typed));
    apply(&world, create_of(3, "V", 3));
    static const struct {
        const char *name;
        bool is_exact;
        enum err want;
        const char *view; /* NULL: none */
    } rows[] = {
        {"v", false, ERR_OK, "v"},         {"V", false, ERR_OK, NULL},
        {"w", true, ERR_OK, "w"},          {"W", false, ERR_OK, "w"},
        {"W", true, ERR_NOT_FOUND, NULL},  {"fast", false, ERR_INVALID, NULL},
        {"FAST", false, ERR_OK, "FAST"},   {"Fast", true, ERR_OK, "Fast"},
        {"x", false, ERR_NOT_FOUND, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct core_catalog_match match;
        enum err err = core_catalog_match(world.now, rows[i].name, strlen(rows[i].name),
                                          rows[i].is_exact, &match);
        assert_int_equal(err, rows[i].want);
        assert_int_equal(match.view != NULL, rows[i].view != NULL);
        assert_int_equal(match.topic != NULL, err == ERR_OK && rows[i].view == NULL);
        assert_int_equal(match.names[0] != NULL, err == ERR_INVALID);
        if (match.view != NULL) {
            assert_string_equal(match.view->name, rows[i].view);
            assert_null(match.stream);
        }
    }
    world_close(&world);
}

static void no_more_than_the_most_views_are_taken(void **state)
{
    (void)state;
    struct world world;
    char name[16];
    world_open(&world);
    apply(&world, create_of(1, "a", 1));
    apply(&world, stream_of(10, "typed", 1, true));
    for (uint32_t i = 0; i < CORE_VIEWS_COUNT_MAX; i++) {
        snprintf(name, sizeof(name), "v%u", i);
        apply(&world, view_of(100 + i, name, 1, typed));
    }
    struct core_command cmd = view_of(99, "more", 1, typed);
    assert_int_equal(world_apply(&world, &cmd), ERR_CORRUPT);
    apply(&world, view_of(100, "v0", 2, typed)); /* is not one more */
    apply(&world, named_of(CORE_COMMAND_VIEW_DROP, 100, "v0"));
    apply(&world, view_of(99, "more", 1, typed));
    world_close(&world);
}

static void out_of_memory_leaves_the_catalog_as_it_was(void **state)
{
    (void)state;
    const struct core_command renamed = named_of(CORE_COMMAND_VIEW_RENAME, 21, "x");
    for (uint32_t kind = 0; kind < 6; kind++) {
        struct world world;
        world_open(&world);
        world_fill(&world);
        if (kind >= 4) { /* one that has an heir is renamed, or makes room for it */
            apply(&world, heir_of(30, "w", 2, implicit, 21));
        }
        uint32_t before = world.keeper.views_count;
        uint32_t after = kind == 0 || kind == 3 ? before + 1 : kind == 5 ? before - 1 : before;
        enum err err = ERR_BUDGET;
        uint32_t refusals = 0;
        for (size_t limit = world.budget.used_bytes; err == ERR_BUDGET; limit += 64) {
            struct core_command cmd = kind == 0   ? view_of(22, "x", 1, typed)
                                      : kind == 1 ? view_of(21, "w", 2, implicit)
                                      : kind == 3 ? heir_of(30, "w", 2, implicit, 21)
                                      : kind == 5 ? swap_of(30)
                                                  : renamed;
            budget_set_limit(&world.budget, limit);
            err = world_apply(&world, &cmd);
            refusals += err == ERR_BUDGET;
            assert_int_equal(world.keeper.views_count, err == ERR_OK ? after : before);
        }
        assert_int_equal(err, ERR_OK);
        assert_true(refusals > 5);
        world_close(&world);
    }
}

/* --- The twin: an array of views --- */

#define TWIN_TOPICS 3u
#define TWIN_VIEWS  8u

/* Those of the topics, those of streams over them, and others. */
static const char *const twin_names[] = {"a", "b", "A", "s", "t", "S", "v", "V", "w"};

struct twin {
    bool is_topic[TWIN_TOPICS];
    bool is_declared[TWIN_TOPICS]; /* twin_names[TWIN_TOPICS + i] is declared over topic i */
    uint32_t lives[TWIN_TOPICS];   /* of topics and of streams: uuids are never used again */
    struct {
        uint32_t uuid;
        uint32_t topic;
        uint32_t name;
        uint32_t incarnation;
        uint32_t lineage;
        uint32_t heir; /* its uuid; 0: none */
        bool is_over_declared;
        bool is_heir_over_declared;
    } views[TWIN_VIEWS];
    uint32_t count;
    uint64_t group_next;
};

static uint32_t twin_topic_uuid(const struct twin *twin, uint32_t topic)
{
    return topic + 1 + 100 * twin->lives[topic];
}

static uint32_t twin_stream_uuid(const struct twin *twin, uint32_t topic)
{
    return topic + 50 + 100 * twin->lives[topic];
}

static uint32_t twin_find(const struct twin *twin, uint32_t name)
{
    uint32_t i = 0;
    while (i < twin->count && twin->views[i].name != name) {
        i++;
    }
    return i;
}

static bool twin_is_taken(const struct twin *twin, uint32_t name)
{
    return twin_find(twin, name) < twin->count || (name < TWIN_TOPICS && twin->is_topic[name]) ||
           (name >= TWIN_TOPICS && name < 2 * TWIN_TOPICS && twin->is_declared[name - TWIN_TOPICS]);
}

static bool twin_is_read(const struct twin *twin, uint32_t topic, bool is_declared)
{
    for (uint32_t i = 0; i < twin->count; i++) {
        bool is_over = twin->views[i].is_over_declared ||
                       (twin->views[i].heir != 0 && twin->views[i].is_heir_over_declared);
        if (twin->views[i].topic == topic && (!is_declared || is_over)) {
            return true;
        }
    }
    return false;
}

static bool twin_topic(struct world *world, struct twin *twin, struct prng *p, bool *is_right)
{
    uint32_t topic = (uint32_t)prng_below(p, TWIN_TOPICS);
    bool was = twin->is_topic[topic];
    struct core_command cmd = {.type = CORE_COMMAND_TOPIC_DELETE,
                               .uuid = uuid_of(twin_topic_uuid(twin, topic))};
    *is_right = !twin->is_declared[topic] && !twin_is_read(twin, topic, false);
    if (!was) {
        cmd = create_of(twin_topic_uuid(twin, topic), twin_names[topic], twin->group_next++);
        *is_right = !twin_is_taken(twin, topic);
    }
    bool is_done = world_apply(world, &cmd) == ERR_OK;
    if (is_done) {
        twin->lives[topic] += was;
        twin->is_topic[topic] = !was;
    }
    return is_done;
}

static bool twin_stream(struct world *world, struct twin *twin, struct prng *p, bool *is_right)
{
    uint32_t topic = (uint32_t)prng_below(p, TWIN_TOPICS);
    const char *name = twin_names[TWIN_TOPICS + topic];
    struct core_command cmd =
        named_of(CORE_COMMAND_STREAM_DROP, twin_stream_uuid(twin, topic), name);
    *is_right = !twin_is_read(twin, topic, true);
    if (!twin->is_declared[topic]) {
        cmd = stream_of(twin_stream_uuid(twin, topic), name, twin_topic_uuid(twin, topic), true);
        *is_right = twin->is_topic[topic] && !twin_is_taken(twin, TWIN_TOPICS + topic);
    }
    bool is_done = world_apply(world, &cmd) == ERR_OK;
    twin->is_declared[topic] = twin->is_declared[topic] != is_done;
    return is_done;
}

static bool twin_put(struct world *world, struct twin *twin, struct prng *p, bool *is_right)
{
    uint32_t topic = (uint32_t)prng_below(p, TWIN_TOPICS);
    uint32_t name = (uint32_t)prng_below(p, ARRAY_COUNT(twin_names));
    uint32_t at = twin_find(twin, name);
    bool is_over_declared = prng_chance(p, 1, 2);
    bool is_next = at < twin->count && prng_chance(p, 2, 3);
    struct source from = {1000, twin_names[topic], twin_topic_uuid(twin, topic), false};
    if (is_over_declared) {
        from.uuid = twin_stream_uuid(twin, topic);
        from.name = twin_names[TWIN_TOPICS + topic];
        from.is_declared = true;
    }
    uint32_t uuid = is_next ? twin->views[at].uuid : (uint32_t)(5000 + world->index * 7);
    uint32_t incarnation = is_next ? twin->views[at].incarnation + 1 - prng_chance(p, 1, 5) : 1;
    *is_right = twin->is_topic[topic] && (!is_over_declared || twin->is_declared[topic]) &&
                (is_next ? incarnation == twin->views[at].incarnation + 1 &&
                               twin->views[at].heir == 0 && twin->views[at].lineage == uuid
                         : !twin_is_taken(twin, name));
    if (!is_next && twin->count == TWIN_VIEWS) {
        *is_right = false;
        return false;
    }
    struct core_command cmd = view_of(uuid, twin_names[name], incarnation, from);
    bool is_done = world_apply(world, &cmd) == ERR_OK;
    if (is_done) {
        twin->count += at == twin->count;
        twin->views[at].uuid = uuid;
        twin->views[at].lineage = uuid;
        twin->views[at].heir = 0;
        twin->views[at].topic = topic;
        twin->views[at].name = name;
        twin->views[at].incarnation = incarnation;
        twin->views[at].is_over_declared = is_over_declared;
    }
    return is_done;
}

/* An heir comes, takes its place, or goes. */
static bool twin_heir(struct world *world, struct twin *twin, struct prng *p, bool *is_right)
{
    uint32_t at = (uint32_t)prng_below(p, TWIN_VIEWS);
    uint32_t topic =
        prng_chance(p, 1, 5) ? (uint32_t)prng_below(p, TWIN_TOPICS) : twin->views[at].topic;
    bool is_over_declared = prng_chance(p, 1, 2);
    struct source from = {1000, twin_names[topic], twin_topic_uuid(twin, topic), false};
    if (at >= twin->count) {
        struct core_command none = swap_of(5);
        *is_right = false;
        return world_apply(world, &none) == ERR_OK;
    }
    uint32_t heir = twin->views[at].heir;
    const char *name = twin_names[twin->views[at].name];
    if (heir != 0 && prng_chance(p, 1, 2)) {
        bool is_swap = prng_chance(p, 1, 2);
        struct core_command cmd =
            is_swap ? swap_of(heir) : named_of(CORE_COMMAND_VIEW_DROP, heir, name);
        bool is_done = world_apply(world, &cmd) == ERR_OK;
        *is_right = true;
        twin->views[at].heir = 0;
        if (is_swap) {
            twin->views[at].uuid = heir;
            twin->views[at].incarnation++;
            twin->views[at].is_over_declared = twin->views[at].is_heir_over_declared;
        }
        return is_done;
    }
    if (is_over_declared) {
        from.uuid = twin_stream_uuid(twin, topic);
        from.name = twin_names[TWIN_TOPICS + topic];
        from.is_declared = true;
    }
    uint32_t uuid = (uint32_t)(5000 + world->index * 7 + 1);
    struct core_command cmd =
        heir_of(uuid, name, twin->views[at].incarnation + 1, from, twin->views[at].lineage);
    bool is_done = world_apply(world, &cmd) == ERR_OK;
    *is_right = heir == 0 && topic == twin->views[at].topic &&
                (!is_over_declared || twin->is_declared[topic]);
    if (is_done) {
        twin->views[at].heir = uuid;
        twin->views[at].is_heir_over_declared = is_over_declared;
    }
    return is_done;
}

static bool twin_drop(struct world *world, struct twin *twin, struct prng *p, bool *is_right)
{
    uint32_t name = (uint32_t)prng_below(p, ARRAY_COUNT(twin_names));
    uint32_t at = twin_find(twin, name);
    uint32_t uuid = at < twin->count ? twin->views[at].uuid + prng_chance(p, 1, 9) : 5;
    struct core_command cmd = named_of(CORE_COMMAND_VIEW_DROP, uuid, twin_names[name]);
    *is_right = at < twin->count && uuid == twin->views[at].uuid;
    bool is_done = world_apply(world, &cmd) == ERR_OK;
    if (is_done) {
        twin->views[at] = twin->views[--twin->count];
    }
    return is_done;
}

static bool twin_rename(struct world *world, struct twin *twin, struct prng *p, bool *is_right)
{
    uint32_t at = (uint32_t)prng_below(p, TWIN_VIEWS);
    uint32_t name = (uint32_t)prng_below(p, ARRAY_COUNT(twin_names));
    uint32_t uuid = at < twin->count ? twin->views[at].uuid : 5;
    struct core_command cmd = named_of(CORE_COMMAND_VIEW_RENAME, uuid, twin_names[name]);
    *is_right = at < twin->count && !twin_is_taken(twin, name);
    bool is_done = world_apply(world, &cmd) == ERR_OK;
    if (is_done) {
        twin->views[at].name = name;
    }
    return is_done;
}

static void assert_world_is(const struct world *world, const struct twin *twin)
{
    uint32_t all_count = twin->count;
    for (uint32_t i = 0; i < twin->count; i++) {
        all_count += twin->views[i].heir != 0;
    }
    assert_int_equal(world->now->views_count, all_count);
    assert_int_equal(world->keeper.views_count, all_count);
    assert_int_equal(core_tree_count(world->now->views_by_name), twin->count);
    assert_int_equal(core_tree_count(world->now->views_by_case), twin->count);
    assert_int_equal(core_tree_count(world->now->views_by_topic), all_count);
    assert_int_equal(core_tree_count(world->now->views_by_uuid), all_count);
    for (uint32_t name = 0; name < ARRAY_COUNT(twin_names); name++) {
        const struct core_view *view = find(world, twin_names[name]);
        uint32_t at = twin_find(twin, name);
        assert_int_equal(view != NULL, at < twin->count);
        if (view != NULL) {
            struct log_uuid uuid = uuid_of(twin->views[at].uuid);
            assert_ptr_equal(core_catalog_find_view_uuid(world->now, &uuid), view);
            assert_int_equal(view->incarnation, twin->views[at].incarnation);
            const struct core_view *heir = core_catalog_find_heir(world->now, view);
            struct log_uuid lineage = uuid_of(twin->views[at].lineage);
            struct log_uuid heir_uuid = uuid_of(twin->views[at].heir);
            assert_ptr_equal(core_catalog_find_lineage(world->now, &lineage), view);
            assert_int_equal(heir != NULL, twin->views[at].heir != 0);
            assert_true(heir == NULL || log_uuid_is_equal(&heir->uuid, &heir_uuid));
            assert_int_equal(view->source->is_declared, twin->views[at].is_over_declared);
        }
    }
    for (uint32_t topic = 0; topic < TWIN_TOPICS; topic++) {
        struct log_uuid uuid = uuid_of(twin_topic_uuid(twin, topic));
        struct log_uuid stream = uuid_of(twin_stream_uuid(twin, topic));
        assert_int_equal(core_catalog_find_reader(world->now, &uuid, NULL) != NULL,
                         twin_is_read(twin, topic, false));
        assert_int_equal(core_catalog_find_reader(world->now, &uuid, &stream) != NULL,
                         twin_is_read(twin, topic, true));
    }
}

static void views_agree_with_a_naive_twin(void **state)
{
    (void)state;
    struct share share = share_open("views against a twin", 70);
    uint32_t refused = 0;
    while (share_more(&share)) {
        struct world world;
        struct twin twin = {.group_next = 1};
        struct prng p;
        world_open(&world);
        prng_init(&p, share_case_seed(&share));
        for (size_t step = 0; step < 100; step++) {
            bool is_right = false;
            bool is_done;
            switch (prng_below(&p, 12)) {
            case 0: is_done = twin_topic(&world, &twin, &p, &is_right); break;
            case 1: is_done = twin_stream(&world, &twin, &p, &is_right); break;
            case 2: is_done = twin_drop(&world, &twin, &p, &is_right); break;
            case 3: is_done = twin_rename(&world, &twin, &p, &is_right); break;
            case 4:
            case 5:
            case 6:
            case 7: is_done = twin_heir(&world, &twin, &p, &is_right); break;
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
        cmocka_unit_test(a_view_is_there_with_all_that_was_said),
        cmocka_unit_test(what_contradicts_is_corrupt),
        cmocka_unit_test(a_renamed_view_is_the_same_under_another_name),
        cmocka_unit_test(an_heir_is_there_for_those_who_look_for_it),
        cmocka_unit_test(an_heir_goes_with_its_view_or_alone),
        cmocka_unit_test(an_heir_that_contradicts_is_corrupt),
        cmocka_unit_test(what_may_be_done_is_said_in_words),
        cmocka_unit_test(a_view_stays_when_its_stream_is_covered),
        cmocka_unit_test(a_name_stands_for_a_view_too),
        cmocka_unit_test(no_more_than_the_most_views_are_taken),
        cmocka_unit_test(out_of_memory_leaves_the_catalog_as_it_was),
        cmocka_unit_test(views_agree_with_a_naive_twin),
    };
    return cmocka_run_group_tests_name("core_catalog_view", tests, NULL, NULL);
}
