/* The controller's entries as earlier builds wrote them: every one is read, and comes to the same
 * catalog. tests/golden/README.md says what is in them.
 *
 * Run with TDB_GOLDEN=<a folder> it writes those of this build there. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "broker/core/catalog_view.h"
#include "broker/core/view_declare.h"
#include "tests/support/cmocka.h"
#include "views/sql/parse.h"

#define GOLDEN_ENTRY_BYTES (1u << 20)
#define GOLDEN_TEXT_BYTES  (1u << 20)
#define GOLDEN_TIME_MS     INT64_C(1517966773840)

/* Entries, written or read, and what they come to. */
struct golden {
    struct budget budget;
    struct core_catalog_keeper keeper;
    struct core_catalog *now;
    uint64_t index;    /* of the last entry */
    FILE *entries;     /* being written; NULL: none are */
    uint8_t *entry;    /* GOLDEN_ENTRY_BYTES */
    uint8_t *stream;   /* CORE_STREAM_BYTES_MAX */
    char *text;        /* GOLDEN_TEXT_BYTES */
    size_t text_bytes; /* of it */
};

static struct golden *golden_new(void)
{
    struct core_topic_config defaults = core_topic_config_default();
    struct golden *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    budget_init(&g->budget, "catalog", 64u << 20, NULL);
    core_catalog_keeper_init(&g->keeper, &g->budget, &defaults);
    assert_int_equal(core_catalog_new(&g->keeper, &g->now), ERR_OK);
    g->entry = malloc(GOLDEN_ENTRY_BYTES);
    g->stream = malloc(CORE_STREAM_BYTES_MAX);
    g->text = calloc(1, GOLDEN_TEXT_BYTES);
    assert_non_null(g->entry);
    assert_non_null(g->stream);
    assert_non_null(g->text);
    return g;
}

static void golden_free(struct golden *g)
{
    core_catalog_unref(&g->keeper, g->now);
    core_catalog_keeper_deinit(&g->keeper);
    assert_int_equal(g->budget.used_bytes, 0);
    budget_deinit(&g->budget);
    free(g->entry);
    free(g->stream);
    free(g->text);
    free(g);
}

static void golden_fold(struct golden *g, const uint8_t *data, size_t length)
{
    struct core_catalog *made;
    struct err_info info;
    enum err err =
        core_catalog_apply_batch(&g->keeper, g->now, data, length, ++g->index, &made, &info);
    if (err != ERR_OK) {
        fail_msg("entry %llu: %s, command %llu", (unsigned long long)g->index, err_name(err),
                 (unsigned long long)info.a);
    }
    core_catalog_unref(&g->keeper, g->now);
    g->now = made;
}

/* --- What a build writes --- */

static struct log_uuid uuid_of(uint8_t number)
{
    struct log_uuid uuid = {.bytes = {0xc0, number}};
    return uuid;
}

/* `value` NULL: the key is taken away. */
static struct core_topic_config_pair pair_of(const char *name, const char *value)
{
    return (struct core_topic_config_pair){
        .name = name,
        .name_bytes = (uint16_t)strlen(name),
        .value = value,
        .value_bytes = value != NULL ? (uint16_t)strlen(value) : (uint16_t)0,
    };
}

static void golden_put(struct golden *g, const struct core_command *commands, size_t count)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    struct bytes_writer w = bytes_writer(g->entry, GOLDEN_ENTRY_BYTES);
    enum err err = core_command_batch_put(&w, crc32c_for(&cpu), commands, count, GOLDEN_TIME_MS);
    assert_int_equal(err, ERR_OK);
    for (size_t i = 0; i < w.pos; i++) {
        (void)fprintf(g->entries, "%02x", g->entry[i]);
    }
    (void)fputc('\n', g->entries);
    golden_fold(g, g->entry, w.pos);
}

static struct core_command golden_topic(uint8_t uuid, const char *name, uint32_t partitions_count)
{
    return (struct core_command){.type = CORE_COMMAND_TOPIC_CREATE,
                                 .uuid = uuid_of(uuid),
                                 .time_ms = GOLDEN_TIME_MS,
                                 .name = name,
                                 .name_bytes = (uint16_t)strlen(name),
                                 .partitions_count = partitions_count};
}

/* The next entry: one command whose group, if it has one, is the next. */
static void golden_one(struct golden *g, struct core_command cmd)
{
    cmd.group_first = cmd.partitions_count > 0 ? g->now->group_next : 0;
    golden_put(g, &cmd, 1);
}

static void golden_stream(struct golden *g, uint8_t uuid, struct core_stream stream)
{
    struct bytes_writer w = bytes_writer(g->stream, CORE_STREAM_BYTES_MAX);
    stream.created_ms = GOLDEN_TIME_MS + (int64_t)g->index;
    core_stream_put(&w, &stream);
    assert_int_equal(w.err, ERR_OK);
    golden_one(g, (struct core_command){.type = CORE_COMMAND_STREAM_PUT,
                                        .uuid = uuid_of(uuid),
                                        .stream = g->stream,
                                        .stream_bytes = (uint32_t)w.pos});
}

/* A column of every type, from everywhere, with every unit. */
static const struct core_stream_column golden_columns[] = {
    {"flag", {VEC_BOOLEAN, 0, 0}, CORE_STREAM_PATH, 0, false, "$.flag"},
    {"small", {VEC_INTEGER, 0, 0}, CORE_STREAM_PATH, 0, false, "$['small']"},
    {"large", {VEC_BIGINT, 0, 0}, CORE_STREAM_KEY, 0, false, ""},
    {"mag", {VEC_DOUBLE, 0, 0}, CORE_STREAM_PATH, 0, false, "$.properties.mag"},
    {"price", {VEC_NUMERIC, 10, 2}, CORE_STREAM_PATH, 0, false, "$.price"},
    {"any", {VEC_NUMERIC, 0, 0}, CORE_STREAM_PATH, 0, false, "$.any"},
    {"trace", {VEC_TEXT, 0, 0}, CORE_STREAM_HEADER, 0, false, "trace id"},
    {"day", {VEC_DATE, 0, 0}, CORE_STREAM_PATH, 0, false, "$.day"},
    {"day_of", {VEC_DATE, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_S, false, "$.day"},
    {"seen", {VEC_TIMESTAMP, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_US, false, "$.seen"},
    {"at", {VEC_TIMESTAMPTZ, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_NS, false, "$.at"},
    {"took", {VEC_INTERVAL, 0, 0}, CORE_STREAM_PATH, 0, false, "$.took"},
    {"a \"b\" \xc3\xbc", {VEC_JSONB, 0, 0}, CORE_STREAM_PATH, 0, false, "$"},
};

static const struct core_stream_column golden_inferred[] = {
    {"id", {VEC_JSONB, 0, 0}, CORE_STREAM_PATH, 0, true, "$['id']"},
    {"at", {VEC_TIMESTAMPTZ, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_MS, false, "$['at']"},
};

static const struct core_stream_column golden_widened[] = {
    {"id", {VEC_NUMERIC, 38, 0}, CORE_STREAM_PATH, 0, false, "$['id']"},
    {"at", {VEC_TEXT, 0, 0}, CORE_STREAM_PATH, 0, false, "$['at']"},
    {"_rest", {VEC_JSONB, 0, 0}, CORE_STREAM_RESIDUE, 0, false, ""},
};

#define GOLDEN_COLUMNS(list) .columns = list, .columns_count = ARRAY_COUNT(list)

static void golden_topics(struct golden *g)
{
    struct core_command two[2] = {golden_topic(10, "quakes.eu", 3), golden_topic(11, "Orders", 1)};
    struct core_command set = {.type = CORE_COMMAND_CONFIG_SET, .uuid = uuid_of(10)};
    golden_one(g, (struct core_command){.type = CORE_COMMAND_CLUSTER, .uuid = uuid_of(1)});
    two[0].group_first = 1;
    two[0].pairs_count = 1;
    two[0].pairs[0] = pair_of("retention.ms", "60000");
    two[1].group_first = 4;
    golden_put(g, two, ARRAY_COUNT(two));
    golden_one(g, golden_topic(12, "gone", 2));
    golden_one(g, (struct core_command){.type = CORE_COMMAND_PARTITIONS_ADD,
                                        .uuid = uuid_of(11),
                                        .partitions_count = 4});
    set.pairs_count = 2;
    set.pairs[0] = pair_of("durability", "leader");
    set.pairs[1] = pair_of("retention.ms", NULL);
    golden_one(g, set);
    golden_one(g, (struct core_command){.type = CORE_COMMAND_PRODUCER_IDS,
                                        .producer_id_first = 0,
                                        .producer_ids_count = 1000});
}

static void golden_streams(struct golden *g)
{
    struct core_stream inferred = {.topic = uuid_of(10),
                                   .name = "quakes.eu",
                                   .version = 1,
                                   .key = CORE_STREAM_KEY_TEXT,
                                   GOLDEN_COLUMNS(golden_inferred)};
    struct core_stream widened = {.topic = uuid_of(10),
                                  .name = "quakes.eu",
                                  .version = 2,
                                  .key = CORE_STREAM_KEY_TEXT,
                                  GOLDEN_COLUMNS(golden_widened)};
    struct core_stream declared = {.topic = uuid_of(11),
                                   .name = "typed",
                                   .version = 1,
                                   .is_declared = true,
                                   .key = CORE_STREAM_KEY_INT64,
                                   GOLDEN_COLUMNS(golden_columns)};
    golden_stream(g, 20, inferred);
    golden_stream(g, 20, widened);
    golden_stream(g, 21, declared);
    declared.name = "dropped";
    declared.key = CORE_STREAM_KEY_JSON;
    declared.columns_count = 0;
    golden_stream(g, 22, declared);
    golden_one(g, (struct core_command){.type = CORE_COMMAND_STREAM_DROP,
                                        .uuid = uuid_of(22),
                                        .name = "dropped",
                                        .name_bytes = 7});
    inferred.topic = uuid_of(12);
    inferred.name = "gone";
    golden_stream(g, 23, inferred);
    golden_one(g, (struct core_command){.type = CORE_COMMAND_TOPIC_DELETE, .uuid = uuid_of(12)});
    inferred.topic = uuid_of(11); /* the declared one takes the place of the implicit one */
    inferred.name = "Orders";
    golden_stream(g, 24, inferred);
    declared.name = "Orders";
    declared.columns_count = ARRAY_COUNT(golden_columns);
    golden_stream(g, 25, declared);
}

/* The statement's view over the catalog's stream of `source`, bound as a server binds it. */
static void golden_view(struct golden *g, uint8_t uuid, uint32_t incarnation, const char *source,
                        const char *text)
{
    const struct core_stream *stream = core_catalog_find_stream(g->now, source, strlen(source));
    struct arena arena;
    struct core_stream_relation *relation;
    struct sql_stmt *stmt;
    struct sql_error error;
    struct plan plan;
    struct core_view view;
    arena_init(&arena, &g->budget, 64u << 10, SIZE_MAX);
    assert_int_equal(core_stream_relation_make(&arena, stream, "t", NULL, 0, &relation), ERR_OK);
    assert_int_equal(sql_parse(text, strlen(text), &arena, &stmt, &error), ERR_OK);
    const struct plan_relation *relations[] = {&relation->relation};
    const struct sql_reference references[] = {
        {.name = {source, (uint32_t)strlen(source), strchr(source, '.') != NULL, {0, 1}}}};
    const struct sql_binding binding = {.relations = relations,
                                        .references = references,
                                        .references_count = 1,
                                        .text = text,
                                        .length = strlen(text)};
    const struct core_view_bound bound = {stmt->select, &binding, &plan};
    enum err err = sql_bind(stmt->select, &binding, &arena, &plan, &error);
    if (err == ERR_OK) {
        err = core_view_declare(stmt->create_view, &bound, &arena, &view, &error);
    }
    if (err != ERR_OK) {
        fail_msg("%s: %s", text, error.message);
    }
    view.incarnation = incarnation;
    view.created_ms = GOLDEN_TIME_MS + (int64_t)g->index;
    struct bytes_writer w = bytes_writer(g->stream, CORE_VIEW_BYTES_MAX);
    core_view_put(&w, &view);
    assert_int_equal(w.err, ERR_OK);
    golden_one(g, (struct core_command){.type = CORE_COMMAND_VIEW_PUT,
                                        .uuid = uuid_of(uuid),
                                        .view = g->stream,
                                        .view_bytes = (uint32_t)w.pos});
    arena_deinit(&arena);
}

static void golden_views(struct golden *g)
{
    golden_view(
        g, 30, 1, "typed",
        "CREATE MATERIALIZED VIEW \"per day\" (\"Day\", n) WITH (origin = 'latest') AS SELECT "
        "day, count(*), sum(price), max(seen) - min(seen), avg(mag) FILTER (WHERE flag) "
        "FROM typed WHERE _offset >= 10 AND trace LIKE 'a%' GROUP BY day HAVING count(*) > 1");
    golden_view(g, 31, 1, "quakes.eu",
                "CREATE MATERIALIZED VIEW rest AS SELECT id, at, _rest->'x', _key, _partition FROM "
                "\"quakes.eu\"");
    golden_view(
        g, 31, 2, "quakes.eu",
        "CREATE MATERIALIZED VIEW rest WITH (origin = '2018-02-07T01:26:13.840Z') AS SELECT "
        "DISTINCT at FROM \"quakes.eu\"");
    golden_view(g, 32, 1, "Orders", "CREATE MATERIALIZED VIEW gone AS SELECT count(*) FROM Orders");
    golden_view(
        g, 33, 1, "Orders",
        "CREATE MATERIALIZED VIEW windows AS SELECT window_start, sum(\"any\"), bool_or(flag) "
        "FROM TUMBLE(Orders, at, INTERVAL '1 hour') GROUP BY window_start");
    golden_one(g, (struct core_command){.type = CORE_COMMAND_VIEW_DROP,
                                        .uuid = uuid_of(32),
                                        .name = "gone",
                                        .name_bytes = 4});
    golden_one(g, (struct core_command){.type = CORE_COMMAND_VIEW_RENAME,
                                        .uuid = uuid_of(33),
                                        .name = "per_hour",
                                        .name_bytes = 8});
}

/* --- What entries come to --- */

static PRINTF(2, 3) void golden_say(struct golden *g, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length =
        vsnprintf(g->text + g->text_bytes, GOLDEN_TEXT_BYTES - g->text_bytes, format, args);
    va_end(args);
    assert_in_range(length, 0, GOLDEN_TEXT_BYTES - g->text_bytes - 1);
    g->text_bytes += (size_t)length;
}

static void golden_say_uuid(struct golden *g, const char *what, const struct log_uuid *uuid)
{
    golden_say(g, "%s ", what);
    for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
        golden_say(g, "%02x", uuid->bytes[i]);
    }
}

static void golden_say_topic(struct golden *g, const struct core_topic *topic)
{
    golden_say_uuid(g, "topic", &topic->uuid);
    golden_say(g, " \"%s\" since %lld, groups", topic->name, (long long)topic->created_ms);
    for (uint32_t i = 0; i < topic->partitions_count; i++) {
        golden_say(g, " %llu", (unsigned long long)topic->groups[i]);
    }
    for (uint32_t i = 0; i < topic->pairs_count; i++) {
        const struct core_topic_config_pair *pair = &topic->pairs[i];
        golden_say(g, ", %.*s=%.*s", (int)pair->name_bytes, pair->name, (int)pair->value_bytes,
                   pair->value);
    }
    golden_say(g, "\n");
}

static void golden_say_stream(struct golden *g, const struct core_stream *stream)
{
    golden_say_uuid(g, "stream", &stream->uuid);
    golden_say_uuid(g, " of topic", &stream->topic);
    golden_say(g, " \"%s\" %s, version %u, key %u, since %lld\n", stream->name,
               stream->is_declared ? "declared" : "implicit", stream->version, stream->key,
               (long long)stream->created_ms);
    for (uint32_t i = 0; i < stream->columns_count; i++) {
        const struct core_stream_column *column = &stream->columns[i];
        golden_say(g, "    \"%s\" %s %u %u from %u \"%s\" unit %u%s\n", column->name,
                   vec_kind_name((enum vec_kind)column->type.kind), column->type.precision,
                   column->type.scale, column->from, column->source, column->unit,
                   column->is_open ? " open" : "");
    }
}

/* With its plan, as this build reads it over the frozen stream. */
static void golden_say_view(struct golden *g, const struct core_view *view)
{
    static const uint64_t groups[] = {1};
    struct arena arena;
    struct core_stream_relation *source;
    struct plan plan;
    struct plan_fault fault;
    golden_say_uuid(g, "view", &view->uuid);
    golden_say(g, " \"%s\", incarnation %u, origin %s %lld, since %lld, keys", view->name,
               view->incarnation, core_view_origin_name(view->origin), (long long)view->origin_ms,
               (long long)view->created_ms);
    for (uint32_t i = 0; i < view->keys_count; i++) {
        golden_say(g, " %u", view->keys[i]);
    }
    golden_say(g, "\n    %s\n", view->sql);
    for (uint32_t i = 0; i < view->columns_count; i++) {
        golden_say(g, "    \"%s\" %s%s\n", view->columns[i].name,
                   vec_kind_name((enum vec_kind)view->columns[i].type.kind),
                   i < view->named_count ? " named" : "");
    }
    golden_say_stream(g, view->source);
    arena_init(&arena, &g->budget, 64u << 10, SIZE_MAX);
    if (core_view_plan(&arena, view, "t", groups, 1, &plan, &source, &fault) != ERR_OK) {
        fail_msg("%s: %s", view->name, fault.text);
    }
    struct bytes_writer w = bytes_writer(g->text + g->text_bytes, GOLDEN_TEXT_BYTES / 2);
    plan_json_write(&w, &plan);
    assert_int_equal(w.err, ERR_OK);
    g->text_bytes += w.pos;
    golden_say(g, "\n");
    arena_deinit(&arena);
}

static void golden_say_all(struct golden *g)
{
    const struct core_catalog *catalog = g->now;
    struct core_tree_walk walk;
    const struct core_topic *topic;
    const struct core_stream *stream;
    const struct core_view *view;
    golden_say_uuid(g, "cluster", &catalog->cluster);
    golden_say(g, ", entry %llu, next group %llu, next producer id %llu, names changed at %llu\n",
               (unsigned long long)catalog->version, (unsigned long long)catalog->group_next,
               (unsigned long long)catalog->producer_id_next,
               (unsigned long long)catalog->names_version);
    core_catalog_walk(&walk, catalog, NULL, 0);
    while ((topic = core_catalog_next(&walk)) != NULL) {
        golden_say_topic(g, topic);
    }
    core_catalog_walk_streams(&walk, catalog);
    while ((stream = core_catalog_next_stream(&walk)) != NULL) {
        golden_say_stream(g, stream);
    }
    core_catalog_walk_views(&walk, catalog);
    while ((view = core_catalog_next_view(&walk)) != NULL) {
        golden_say_view(g, view);
    }
}

/* --- Files --- */

static FILE *golden_open(const char *folder, const char *name, const char *mode)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        fail_msg("%s cannot be opened", path);
    }
    return file;
}

static void golden_write(const char *folder)
{
    struct golden *g = golden_new();
    g->entries = golden_open(folder, "entries.txt", "wb");
    golden_topics(g);
    golden_streams(g);
    if (strstr(folder, "-views") != NULL) {
        golden_views(g);
    }
    golden_say_all(g);
    FILE *file = golden_open(folder, "catalog.txt", "wb");
    assert_int_equal(fwrite(g->text, 1, g->text_bytes, file), g->text_bytes);
    (void)fclose(file);
    (void)fclose(g->entries);
    golden_free(g);
}

static int golden_digit(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void golden_read(const char *folder)
{
    struct golden *g = golden_new();
    FILE *entries = golden_open(folder, "entries.txt", "rb");
    size_t length = 0;
    for (int c = fgetc(entries); c != EOF; c = fgetc(entries)) {
        if (c == '\n') {
            golden_fold(g, g->entry, length);
            length = 0;
            continue;
        }
        int low = fgetc(entries);
        assert_true(golden_digit(c) >= 0);
        assert_true(golden_digit(low) >= 0);
        assert_true(length < GOLDEN_ENTRY_BYTES);
        g->entry[length++] = (uint8_t)(golden_digit(c) << 4 | golden_digit(low));
    }
    (void)fclose(entries);
    golden_say_all(g);
    char *want = calloc(1, GOLDEN_TEXT_BYTES);
    assert_non_null(want);
    FILE *file = golden_open(folder, "catalog.txt", "rb");
    assert_true(fread(want, 1, GOLDEN_TEXT_BYTES - 1, file) > 0);
    (void)fclose(file);
    assert_true(g->index > 0);
    assert_string_equal(g->text, want);
    free(want);
    golden_free(g);
}

static void entries_of_earlier_builds_come_to_the_same_catalog(void **state)
{
    (void)state;
    static const char *const names[] = {"catalog-1", "catalog-1-views"};
    const char *root = getenv("TDB_REPO");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char folder[4096];
        (void)snprintf(folder, sizeof(folder), "%s/tests/golden/%s", root != NULL ? root : ".",
                       names[i]);
        golden_read(folder);
    }
}

int main(void)
{
    const char *folder = getenv("TDB_GOLDEN");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_of_earlier_builds_come_to_the_same_catalog),
    };
    if (folder != NULL) {
        golden_write(folder);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
