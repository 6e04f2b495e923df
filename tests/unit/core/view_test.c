/* Views apart from any broker: bytes that are none, plans at rest read over the frozen stream,
 * text, relations, copies. */
#include "broker/core/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "broker/core/command.h"
#include "broker/core/view_declare.h"
#include "tests/support/cmocka.h"
#include "views/sql/parse.h"

/* A stream with columns a (BIGINT), b (an open JSONB), c (TIMESTAMPTZ), and behind them a rest. */
static const struct core_stream_column columns[] = {
    {"a", {VEC_BIGINT, 0, 0}, CORE_STREAM_PATH, 0, false, "$.a"},
    {"b", {VEC_JSONB, 0, 0}, CORE_STREAM_PATH, 0, true, "$.b"},
    {"c", {VEC_TIMESTAMPTZ, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_MS, false, "$.c"},
    {"_rest", {VEC_JSONB, 0, 0}, CORE_STREAM_RESIDUE, 0, false, ""},
};

static const uint64_t groups[] = {7, 8, 9};

struct bench {
    struct budget budget;
    struct arena arena;
    struct core_stream_relation *relation;
    struct core_view view;
};

static struct log_uuid uuid_of(uint8_t first)
{
    struct log_uuid uuid = {.bytes = {first}};
    return uuid;
}

static void bench_open(struct bench *b)
{
    const struct core_stream stream = {
        .uuid = uuid_of(1),
        .topic = uuid_of(2),
        .name = "s",
        .version = 4,
        .key = CORE_STREAM_KEY_INT64,
        .created_ms = 5,
        .columns = columns,
        .columns_count = ARRAY_COUNT(columns),
    };
    budget_init(&b->budget, "view", 16u << 20, NULL);
    arena_init(&b->arena, &b->budget, 16u << 10, SIZE_MAX);
    assert_int_equal(core_stream_relation_make(&b->arena, &stream, "topic", groups,
                                               ARRAY_COUNT(groups), &b->relation),
                     ERR_OK);
}

static void bench_close(struct bench *b)
{
    arena_deinit(&b->arena);
    assert_int_equal(b->budget.used_bytes, 0);
    budget_deinit(&b->budget);
}

/* b->view = what that CREATE MATERIALIZED VIEW statement over stream s makes. */
static void bench_make(struct bench *b, const char *text)
{
    struct sql_error error;
    struct sql_stmt *stmt;
    struct plan plan;
    const struct plan_relation *relations[] = {&b->relation->relation};
    const struct sql_reference references[] = {{.name = {"s", 1, false, {0, 1}}}};
    assert_int_equal(sql_parse(text, strlen(text), &b->arena, &stmt, &error), ERR_OK);
    const struct sql_binding binding = {.relations = relations,
                                        .references = references,
                                        .references_count = 1,
                                        .text = text,
                                        .length = strlen(text)};
    const struct core_view_bound bound = {stmt->select, &binding, &plan};
    if (sql_bind(stmt->select, &binding, &b->arena, &plan, &error) != ERR_OK ||
        core_view_declare(stmt->create_view, &bound, &b->arena, &b->view, &error) != ERR_OK) {
        fail_msg("%s: %s", text, error.message);
    }
    b->view.uuid = uuid_of(9);
    b->view.lineage = uuid_of(9);
    b->view.incarnation = 3;
    b->view.created_ms = 1000;
}

static size_t bench_put(const struct bench *b, uint8_t *out, size_t out_bytes)
{
    struct bytes_writer w = bytes_writer(out, out_bytes);
    core_view_put(&w, &b->view);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, core_view_bytes(&b->view));
    return w.pos;
}

static void assert_views_equal(const struct core_view *a, const struct core_view *b)
{
    assert_true(log_uuid_is_equal(&a->uuid, &b->uuid));
    assert_true(log_uuid_is_equal(&a->lineage, &b->lineage));
    assert_int_equal(a->is_heir, b->is_heir);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->incarnation, b->incarnation);
    assert_int_equal(a->origin, b->origin);
    assert_int_equal(a->origin_ms, b->origin_ms);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->sql_bytes, b->sql_bytes);
    assert_memory_equal(a->sql, b->sql, a->sql_bytes);
    assert_int_equal(a->plan_bytes, b->plan_bytes);
    assert_memory_equal(a->plan, b->plan, a->plan_bytes);
    assert_true(log_uuid_is_equal(&a->source->uuid, &b->source->uuid));
    assert_string_equal(a->source->name, b->source->name);
    assert_int_equal(a->source->columns_count, b->source->columns_count);
    assert_int_equal(a->named_count, b->named_count);
    assert_int_equal(a->columns_count, b->columns_count);
    for (uint32_t i = 0; i < a->columns_count; i++) {
        assert_string_equal(a->columns[i].name, b->columns[i].name);
        assert_true(vec_type_equal(a->columns[i].type, b->columns[i].type));
    }
    assert_int_equal(a->keys_count, b->keys_count);
    assert_memory_equal(a->keys, b->keys, a->keys_count * sizeof(*a->keys));
    assert_int_equal(b->refs, 0);
}

/* Odd counts of everything, so that what stands in the block is aligned by nothing but care. */
static void a_view_is_copied_with_all_that_belongs_to_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "CREATE MATERIALIZED VIEW v AS SELECT a FROM s",
        ("CREATE MATERIALIZED VIEW views (x) WITH (origin = '2026-01-31T00:00:00Z') AS SELECT a, "
         "count(*) AS n, max(c) FROM s GROUP BY a, b"),
        "CREATE MATERIALIZED VIEW vv WITH (origin = latest) AS SELECT count(*) FROM s",
        "CREATE MATERIALIZED VIEW vvv AS SELECT _rest, _key, _timestamp FROM s WHERE a > 1",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct bench b;
        const struct core_view *copy;
        bench_open(&b);
        bench_make(&b, texts[i]);
        assert_int_equal(core_view_copy(&b.arena, &b.view, &copy), ERR_OK);
        assert_views_equal(copy, &b.view);
        assert_int_equal(copy->sql[copy->sql_bytes], 0);
        assert_int_equal(copy->plan[copy->plan_bytes], 0);
        bench_close(&b);
    }
}

/* --- The plan --- */

static void a_plan_reads_the_columns_that_were_in_use(void **state)
{
    (void)state;
    struct bench b;
    struct plan plan;
    struct plan_fault fault;
    struct core_stream_relation *source;
    bench_open(&b);
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT c, _key, _offset FROM s WHERE c IS NOT "
                   "NULL");
    assert_int_equal(b.view.source->columns_count, 1);
    assert_int_equal(b.view.source->version, 4);
    assert_int_equal(core_view_plan(&b.arena, &b.view, "topic", groups, 3, &plan, &source, &fault),
                     ERR_OK);
    const struct plan_node *leaf = plan.root;
    while (leaf->input != NULL) {
        leaf = leaf->input;
    }
    assert_ptr_equal(leaf->scan.relation, &source->relation);
    assert_int_equal(leaf->outputs_count, 3);
    for (uint32_t i = 0; i < 3; i++) { /* c; then _key, and _offset behind _headers */
        static const uint32_t numbers[] = {0, 1, 3};
        assert_int_equal(leaf->scan.columns[i], numbers[i]);
    }
    assert_int_equal(source->relation.columns[1].type.kind, VEC_BIGINT); /* keys are INT64 */
    assert_string_equal(source->topic_name, "topic");
    assert_int_equal(source->partitions_count, 3);
    assert_int_equal(source->groups[2], 9);
    bench_close(&b);
}

static void what_no_other_column_has_is_of_all_columns(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT _rest FROM s");
    assert_int_equal(b.view.source->columns_count, 4);
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT b FROM s");
    assert_int_equal(b.view.source->columns_count, 1);
    assert_false(b.view.source->columns[0].is_open);
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM s");
    assert_int_equal(b.view.source->columns_count, 0);
    bench_close(&b);
}

static void places_of_a_plan_are_places_of_the_select(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    bench_make(&b, "CREATE   MATERIALIZED VIEW v (\"Sum of it\") AS SELECT  sum( a /* all */ ) "
                   "FROM s");
    assert_string_equal(b.view.sql, "SELECT sum(a) FROM s");
    assert_non_null(strstr(b.view.plan, "\"place\": \"7:3\""));
    assert_non_null(strstr(b.view.plan, "[\"Sum of it\", \"numeric\"]"));
    bench_close(&b);
}

static void a_plan_of_something_else_is_corrupt(void **state)
{
    (void)state;
    static const char output[] = "\"outputs\": [[\"a\", \"bigint\"]]}]}";
    static const struct {
        const char *what;
        const char *want;
        const char *plan; /* before `output` */
    } rows[] = {
        {"no JSON", "no JSON at byte 30", "{"},
        {"of a newer version", "version 2: this is 1",
         "{\"version\": 2, \"params\": [], \"nodes\": [{\"node\": \"scan\", \"relation\": "
         "[\"public\", \"s\"], \"columns\": [\"a\"], "},
        {"over another stream", "relation \"public.t\" does not exist",
         "{\"version\": 1, \"params\": [], \"nodes\": [{\"node\": \"scan\", \"relation\": "
         "[\"public\", \"t\"], \"columns\": [\"a\"], "},
        {"a column that is not frozen", "column \"c\" does not exist, or not in that order",
         "{\"version\": 1, \"params\": [], \"nodes\": [{\"node\": \"scan\", "
         "\"relation\": [\"public\", \"s\"], \"columns\": [\"c\"], "},
        {"without a stream", "the plan is not the view's",
         "{\"version\": 1, \"params\": [], \"nodes\": [{\"node\": \"values\", \"rows\": "
         "[[[\"constant\", \"bigint\", \"0:1\", \"5\"]]], "},
        {"with parameters", "the plan is not the view's",
         "{\"version\": 1, \"params\": [\"bigint\"], \"nodes\": [{\"node\": "
         "\"scan\", \"relation\": [\"public\", \"s\"], \"columns\": [\"a\"], "},
        {"of other columns", "the plan is not the view's",
         "{\"version\": 1, \"params\": [], \"nodes\": [{\"node\": \"scan\", \"relation\": "
         "[\"public\", \"s\"], \"columns\": [\"a\"], \"outputs\": [[\"x\", "
         "\"bigint\"]]}]}"},
        {"of more columns", "the plan is not the view's",
         "{\"version\": 1, \"params\": [], \"nodes\": [{\"node\": \"scan\", \"relation\": "
         "[\"public\", \"s\"], \"columns\": [\"a\", \"_offset\"], \"outputs\": "
         "[[\"a\", \"bigint\"], [\"_offset\", \"bigint\"]]}]}"},
    };
    struct bench b;
    bench_open(&b);
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT a FROM s");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[1024];
        struct plan plan;
        struct plan_fault fault;
        struct core_stream_relation *source;
        bool is_whole = strstr(rows[i].plan, "outputs") != NULL;
        snprintf(text, sizeof(text), "%s%s", rows[i].plan, is_whole ? "" : output);
        struct core_view view = b.view;
        view.plan = text;
        view.plan_bytes = (uint32_t)strlen(text);
        enum err err = core_view_plan(&b.arena, &view, "topic", groups, 3, &plan, &source, &fault);
        if (err != ERR_CORRUPT || strcmp(fault.text, rows[i].want) != 0) {
            fail_msg("%s: %s %s", rows[i].what, err_name(err), fault.text);
        }
    }
    bench_close(&b);
}

/* --- Bytes --- */

#define UUID_HEX "101112131415161718191a1b1c1d1e1f"

/* VIEW_PUT field by field, as the tables in command.h, view.h and stream.h say. */
static const char golden_hex[] = "0900"
                                 "0100" UUID_HEX "02000000" /* incarnation 2 */
                                 "50cede6d61010000"         /* made at 1517966773840 */
                                 "03"                       /* its origin a time, */
                                 "51cede6d61010000"         /* a millisecond later */
                                 "0200"
                                 "7631" /* v1 */
                                 "10000000"
                                 "53454c454354206b2046524f4d207331" /* SELECT k FROM s1 */
                                 "02000000"
                                 "7b7d"     /* {} */
    UUID_HEX                                /* of its source, of */
                                 "37000000" /* 55 bytes: */
                                 "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
                                 "03000000"
                                 "01"
                                 "03"
                                 "50cede6d61010000"
                                 "0200"
                                 "7331" /* s1 */
                                 "0100"
                                 "0100"
                                 "6b" /* k */
                                 "0700"
                                 "6e756d65726963" /* numeric */
                                 "0a02020000"     /* (10,2), from the key */
                                 "0000"
                                 "0100" /* a column is named, */
                                 "0100" /* which is all there are, */
                                 "0200" /* and two keys: */
                                 "0000"
                                 "ffff" /* its column, none */
                                 "0100"
                                 "6b"
                                 "0700"
                                 "6e756d65726963"
                                 "0a02";

static struct core_view golden_view(void)
{
    static const struct core_stream_column key = {
        "k", {VEC_NUMERIC, 10, 2}, CORE_STREAM_KEY, 0, false, ""};
    static const struct plan_column column = {"k", {VEC_NUMERIC, 10, 2}, PLAN_ROLE_VALUE, false};
    static const uint16_t keys[] = {0, CORE_VIEW_NO_COLUMN};
    static struct core_stream source = {.name = "s1",
                                        .version = 3,
                                        .is_declared = true,
                                        .key = CORE_STREAM_KEY_INT64,
                                        .created_ms = 1517966773840,
                                        .columns = &key,
                                        .columns_count = 1};
    for (uint8_t i = 0; i < 16; i++) {
        source.uuid.bytes[i] = (uint8_t)(0x10 + i);
        source.topic.bytes[i] = (uint8_t)(0xa0 + i);
    }
    return (struct core_view){.uuid = source.uuid,
                              .lineage = source.uuid,
                              .name = "v1",
                              .incarnation = 2,
                              .origin = CORE_VIEW_TIMESTAMP,
                              .origin_ms = 1517966773841,
                              .created_ms = 1517966773840,
                              .sql = "SELECT k FROM s1",
                              .sql_bytes = 16,
                              .plan = "{}",
                              .plan_bytes = 2,
                              .source = &source,
                              .columns = &column,
                              .columns_count = 1,
                              .named_count = 1,
                              .keys = keys,
                              .keys_count = 2};
}

static void a_view_is_written_byte_for_byte_and_read_back(void **state)
{
    (void)state;
    uint8_t want[512], body[512], got[512];
    uint64_t block[128];
    size_t block_bytes;
    struct core_command cmd;
    const struct core_view view = golden_view();
    size_t want_bytes = (sizeof(golden_hex) - 1) / 2;
    for (size_t i = 0; i < want_bytes; i++) {
        char digits[3] = {golden_hex[2 * i], golden_hex[2 * i + 1], '\0'};
        want[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    struct bytes_writer w = bytes_writer(body, sizeof(body));
    core_view_put(&w, &view);
    assert_int_equal(w.pos, core_view_bytes(&view));
    cmd = (struct core_command){.type = CORE_COMMAND_VIEW_PUT,
                                .uuid = view.uuid,
                                .view = body,
                                .view_bytes = (uint32_t)w.pos};
    w = bytes_writer(got, sizeof(got));
    core_command_put(&w, &cmd);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, want_bytes);
    assert_memory_equal(got, want, want_bytes);
    assert_string_equal(core_command_name(CORE_COMMAND_VIEW_PUT), "view-put");
    assert_int_equal(core_command_get(want, want_bytes, &cmd), ERR_OK);
    assert_int_equal(core_view_measure(cmd.view, cmd.view_bytes, &block_bytes), ERR_OK);
    assert_true(block_bytes <= sizeof(block));
    assert_views_equal(core_view_get(cmd.view, cmd.view_bytes, &cmd.uuid, block, block_bytes),
                       &view);
    for (size_t cut = 0; cut < want_bytes; cut++) {
        assert_int_equal(core_command_get(want, cut, &cmd), ERR_CORRUPT);
    }
}

static void a_batch_takes_the_largest_view_with_its_bytes_twice(void **state)
{
    (void)state;
    struct cpu cpu;
    struct core_view view = golden_view();
    uint32_t more_bytes = CORE_VIEW_BYTES_MAX - (uint32_t)core_view_bytes(&view);
    size_t room_bytes = 2 * CORE_COMMAND_VIEW_BYTES_MAX + 4096;
    char *plan = malloc(2 + more_bytes + 1);
    uint8_t *body = malloc(CORE_VIEW_BYTES_MAX + 1);
    uint8_t *room = malloc(room_bytes);
    size_t block_bytes;
    cpu_detect(&cpu);
    memset(plan, 'x', 2 + more_bytes + 1);
    view.plan = plan;
    view.plan_bytes = 2 + more_bytes;
    struct bytes_writer w = bytes_writer(body, CORE_VIEW_BYTES_MAX + 1);
    core_view_put(&w, &view);
    assert_int_equal(w.pos, CORE_VIEW_BYTES_MAX);
    const struct core_command cmd = {.type = CORE_COMMAND_VIEW_PUT,
                                     .uuid = view.uuid,
                                     .view = body,
                                     .view_bytes = (uint32_t)w.pos};
    struct core_command_batch batch;
    struct core_command read;
    w = bytes_writer(room, room_bytes);
    assert_int_equal(core_command_batch_put(&w, crc32c_for(&cpu), &cmd, 1, 1), ERR_OK);
    assert_int_equal(core_command_batch_open(&batch, room, w.pos), ERR_OK);
    assert_int_equal(core_command_batch_next(&batch, &read), ERR_OK);
    assert_int_equal(read.view_bytes, CORE_VIEW_BYTES_MAX);
    assert_memory_equal(read.view, body, CORE_VIEW_BYTES_MAX);
    view.plan_bytes++;
    w = bytes_writer(body, CORE_VIEW_BYTES_MAX + 1);
    core_view_put(&w, &view);
    assert_int_equal(core_view_measure(body, w.pos, &block_bytes), ERR_CORRUPT);
    free(plan);
    free(body);
    free(room);
}

/* A byte of a view at rest that is set to what it cannot be. */
static void bytes_out_of_bounds_are_corrupt(void **state)
{
    (void)state;
    uint8_t data[4096];
    struct bench b;
    size_t block_bytes;
    bench_open(&b);
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT a FROM s");
    size_t bytes = bench_put(&b, data, sizeof(data));
    size_t sql = 4 + 8 + 1 + 8 + 2 + 1;
    size_t plan = sql + 4 + b.view.sql_bytes;
    size_t source = plan + 4 + b.view.plan_bytes;
    size_t named = source + 16 + 4 + core_stream_bytes(b.view.source);
    const struct {
        const char *what;
        size_t pos;
        uint8_t value;
    } rows[] = {
        {"incarnation 0", 0, 0},
        {"made before 1970", 11, 0x80},
        {"no origin", 12, 0},
        {"an origin of a newer build", 12, 4},
        {"a time of an origin that has none", 13, 1},
        {"an origin before 1970", 20, 0x80},
        {"no name", 21, 0},
        {"a name with a NUL", 23, 0},
        {"a name that is no UTF-8", 23, 0xff},
        {"no SELECT", sql, 0},
        {"a SELECT of 64 KiB and more", sql + 2, 2},
        {"a SELECT with a NUL", sql + 4, 0},
        {"a plan that goes on", plan + 3, 0x7f},
        {"a plan that is no UTF-8", plan + 4, 0xff},
        {"no source", source, 0},
        {"a source that ends early", source + 16, 3},
        {"a source that is none", source + 20 + 16, 0},
        {"more columns named than there are", named, 2},
        {"no columns", named + 2, 0},
        {"2,049 columns", named + 3, 8},
        {"a key of no column", named + 6, 1},
        {"a column without a name", named + 10, 0},
        {"a column of no kind", named + 15, 'x'},
    };
    assert_int_equal(core_view_measure(data, bytes, &block_bytes), ERR_OK);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t was = data[rows[i].pos];
        data[rows[i].pos] = rows[i].value;
        if (core_view_measure(data, bytes, &block_bytes) != ERR_CORRUPT) {
            fail_msg("%s", rows[i].what);
        }
        data[rows[i].pos] = was;
    }
    for (size_t cut = 0; cut < bytes; cut++) {
        assert_int_equal(core_view_measure(data, cut, &block_bytes), ERR_CORRUPT);
    }
    data[bytes] = 0;
    assert_int_equal(core_view_measure(data, bytes + 1, &block_bytes), ERR_CORRUPT);
    bench_close(&b);
}

/* --- Text and relations --- */

static void a_view_is_written_as_the_statement_that_makes_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "CREATE MATERIALIZED VIEW v WITH (origin = 'earliest') AS SELECT a FROM s",
        "CREATE MATERIALIZED VIEW \"V 1\" (x, \"Y\") WITH (origin = 'latest') AS SELECT a, b, c "
        "FROM s WHERE a > 1",
        "CREATE MATERIALIZED VIEW \"select\" WITH (origin = '2026-01-31T12:00:00.001000Z') AS "
        "SELECT DISTINCT b ->> 'x' FROM s",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        char out[512];
        struct bench b;
        bench_open(&b);
        bench_make(&b, texts[i]);
        struct bytes_writer w = bytes_writer(out, sizeof(out));
        core_view_write(&w, &b.view);
        out[w.pos] = '\0';
        assert_string_equal(out, texts[i]);
        bench_close(&b);
    }
}

static void an_origin_is_the_first_millisecond_that_is_not_before_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01 00:00:00+00", 0},
        {"1970-01-01 00:00:00.000001+00", 1},
        {"1970-01-01 00:00:00.001+00", 1},
        {"2026-01-31 01:00:00+01", INT64_C(1769817600000)},
        {"9999-12-31 23:59:59.999999+00", INT64_C(253402300800000)},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[256];
        struct bench b;
        bench_open(&b);
        snprintf(text, sizeof(text),
                 "CREATE MATERIALIZED VIEW v WITH (origin = '%s') AS SELECT a FROM s",
                 rows[i].text);
        bench_make(&b, text);
        assert_int_equal(b.view.origin, CORE_VIEW_TIMESTAMP);
        assert_int_equal(b.view.origin_ms, rows[i].ms);
        bench_close(&b);
    }
}

static void a_relation_has_what_the_view_shows(void **state)
{
    (void)state;
    struct bench b;
    struct core_view_relation *made;
    bench_open(&b);
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT sum(a) AS a, c, b FROM s GROUP BY b, c");
    assert_int_equal(core_view_relation_make(&b.arena, &b.view, &made), ERR_OK);
    assert_ptr_equal(made->relation.owner, made);
    assert_int_equal(made->relation.kind, PLAN_RELATION_VIEW);
    assert_string_equal(made->relation.schema, "public");
    assert_string_equal(made->relation.name, "v");
    assert_int_equal(made->relation.version, 3);
    assert_int_equal(made->relation.columns_count, 3);
    assert_string_equal(made->relation.columns[2].name, "b");
    assert_int_equal(made->relation.columns[0].type.kind, VEC_NUMERIC);
    assert_false(made->relation.columns[0].is_hidden);
    assert_int_equal(made->incarnation, 3);
    assert_int_equal(made->keys_count, 2);
    assert_int_equal(made->keys[0], 2);
    assert_int_equal(made->keys[1], 1);
    assert_true(core_view_has_key(made->keys, made->keys_count));
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT sum(a) FROM s GROUP BY b");
    assert_false(core_view_has_key(b.view.keys, b.view.keys_count));
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT sum(a) FROM s");
    assert_int_equal(b.view.keys_count, 0);
    assert_false(core_view_has_key(b.view.keys, b.view.keys_count));
    bench_close(&b);
}

/* An heir says so, and whose it is; one that has its view's place says whose. What says nothing is
 * the first of its lineage, as all were that earlier builds wrote. */
static void a_lineage_stands_at_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        bool is_heir;
        uint8_t lineage;
        const char *tail; /* in hexadecimal */
    } rows[] = {
        {"the first", false, 9, ""},
        {"an heir", true, 5, "01"},
        {"one that was", false, 5, "00"},
    };
    uint8_t first[4096], data[4096];
    uint64_t block[512];
    struct bench b;
    size_t block_bytes;
    bench_open(&b);
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT a FROM s");
    size_t first_bytes = bench_put(&b, first, sizeof(first));
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t tail_bytes = rows[i].tail[0] != '\0' ? 17 : 0;
        b.view.is_heir = rows[i].is_heir;
        b.view.lineage = uuid_of(rows[i].lineage);
        size_t bytes = bench_put(&b, data, sizeof(data));
        assert_int_equal(bytes, first_bytes + tail_bytes);
        assert_memory_equal(data, first, first_bytes);
        if (tail_bytes > 0) {
            assert_int_equal(data[first_bytes], rows[i].is_heir);
            assert_memory_equal(data + first_bytes + 1, b.view.lineage.bytes, 16);
        }
        assert_int_equal(core_view_measure(data, bytes, &block_bytes), ERR_OK);
        assert_true(block_bytes <= sizeof(block));
        assert_views_equal(core_view_get(data, bytes, &b.view.uuid, block, block_bytes), &b.view);
        struct log_uuid five = uuid_of(5);
        assert_true(core_view_may_be(data, bytes, &b.view.uuid));
        assert_int_equal(core_view_may_be(data, bytes, &five), tail_bytes == 0);
        for (size_t cut = first_bytes + 1; cut < bytes; cut++) {
            assert_int_equal(core_view_measure(data, cut, &block_bytes), ERR_CORRUPT);
        }
    }
    size_t bytes = bench_put(&b, data, sizeof(data));
    data[bytes] = 0;
    assert_int_equal(core_view_measure(data, bytes + 1, &block_bytes), ERR_CORRUPT);
    data[first_bytes] = 2; /* neither */
    assert_int_equal(core_view_measure(data, bytes, &block_bytes), ERR_CORRUPT);
    data[first_bytes] = 1;
    data[0] = 1; /* a first incarnation, of another's lineage */
    assert_int_equal(core_view_measure(data, bytes, &block_bytes), ERR_CORRUPT);
    data[0] = 3;
    memset(data + first_bytes + 1, 0, 16);
    assert_int_equal(core_view_measure(data, bytes, &block_bytes), ERR_CORRUPT);
    bench_close(&b);
}

/* REBIND of one that is alike changes nothing. */
static void views_are_alike_that_read_and_show_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_alike;
    } rows[] = {
        {"CREATE MATERIALIZED VIEW w WITH (origin = 'latest') AS SELECT a, b FROM s", true},
        {"CREATE MATERIALIZED VIEW v (a) AS SELECT a, b FROM s", false},
        {"CREATE MATERIALIZED VIEW v (c) AS SELECT a, b FROM s", false},
        {"CREATE MATERIALIZED VIEW v AS SELECT b, a FROM s", false},
        {"CREATE MATERIALIZED VIEW v AS SELECT a FROM s", false},
        {"CREATE MATERIALIZED VIEW v AS SELECT a, b FROM s WHERE a > 1", false},
    };
    struct bench b;
    bench_open(&b);
    bench_make(&b, "CREATE MATERIALIZED VIEW v AS SELECT a, b FROM s");
    const struct core_view view = b.view;
    struct core_stream source = *view.source;
    struct core_view other = view;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        bench_make(&b, rows[i].text);
        if (core_view_is_alike(&view, &b.view) != rows[i].is_alike) {
            fail_msg("%s", rows[i].text);
        }
    }
    other.source = &source;
    source.version++;
    source.created_ms++;
    assert_true(core_view_is_alike(&view, &other));
    source.key = CORE_STREAM_KEY_JSON;
    assert_false(core_view_is_alike(&view, &other));
    source.key = view.source->key;
    struct core_stream_column changed[2] = {source.columns[0], source.columns[1]};
    assert_int_equal(source.columns_count, 2);
    source.columns = changed;
    assert_true(core_view_is_alike(&view, &other));
    changed[1].type = (struct vec_type){VEC_BOOLEAN, 0, 0};
    assert_false(core_view_is_alike(&view, &other));
    changed[1] = view.source->columns[1];
    changed[0].source = "$.elsewhere";
    assert_false(core_view_is_alike(&view, &other));
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_is_copied_with_all_that_belongs_to_it),
        cmocka_unit_test(a_plan_reads_the_columns_that_were_in_use),
        cmocka_unit_test(what_no_other_column_has_is_of_all_columns),
        cmocka_unit_test(places_of_a_plan_are_places_of_the_select),
        cmocka_unit_test(a_plan_of_something_else_is_corrupt),
        cmocka_unit_test(a_view_is_written_byte_for_byte_and_read_back),
        cmocka_unit_test(a_batch_takes_the_largest_view_with_its_bytes_twice),
        cmocka_unit_test(bytes_out_of_bounds_are_corrupt),
        cmocka_unit_test(a_lineage_stands_at_the_end),
        cmocka_unit_test(views_are_alike_that_read_and_show_the_same),
        cmocka_unit_test(a_view_is_written_as_the_statement_that_makes_it),
        cmocka_unit_test(an_origin_is_the_first_millisecond_that_is_not_before_it),
        cmocka_unit_test(a_relation_has_what_the_view_shows),
    };
    return cmocka_run_group_tests_name("core_view", tests, NULL, NULL);
}
