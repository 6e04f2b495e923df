/* See scans.h. */
#include "tests/unit/core/scans.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/rt/shard.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "views/vec/calendar.h"
#include "views/vec/jsonb.h"
#include "views/vec/real.h"

/* --- What the records are: a function of seed, partition and offset --- */

static const struct core_stream_column scans_columns[C_COUNT] = {
    [C_ID] = {.name = "id",
              .type = {.kind = VEC_BIGINT},
              .from = CORE_STREAM_PATH,
              .unit = 0,
              .source = "$.id"},
    [C_NAME] = {.name = "name",
                .type = {.kind = VEC_TEXT},
                .from = CORE_STREAM_PATH,
                .unit = 0,
                .source = "$['name']"},
    [C_X] = {.name = "x",
             .type = {.kind = VEC_DOUBLE},
             .from = CORE_STREAM_PATH,
             .unit = 0,
             .source = "$.in.x"},
    [C_AT] = {.name = "at",
              .type = {.kind = VEC_TIMESTAMPTZ},
              .from = CORE_STREAM_PATH,
              .unit = CORE_STREAM_MS,
              .source = "$.at"},
    [C_DOC] = {.name = "doc",
               .type = {.kind = VEC_JSONB},
               .from = CORE_STREAM_PATH,
               .unit = 0,
               .source = "$.in.y"},
    [C_KEY] =
        {.name = "k", .type = {.kind = VEC_TEXT}, .from = CORE_STREAM_KEY, .unit = 0, .source = ""},
    [C_HEADER] = {.name = "h",
                  .type = {.kind = VEC_TEXT},
                  .from = CORE_STREAM_HEADER,
                  .unit = 0,
                  .source = "h"},
    [C_REST] = {.name = "_rest",
                .type = {.kind = VEC_JSONB},
                .from = CORE_STREAM_RESIDUE,
                .unit = 0,
                .source = ""},
};

static const char *cell(struct record *r, int column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->texts[column], SCAN_TEXT_BYTES, format, args);
    va_end(args);
    r->cells[column] = r->texts[column];
    return r->cells[column];
}

static void record_value(struct record *r, uint64_t h)
{
    unsigned n = (unsigned)(h >> 20 & 0xffff);
    const char *id = "\"id\":%u,";
    char id_text[64];
    switch (h % 16) {
    case 0: r->is_null = true; return;
    case 1:
        snprintf(r->value, sizeof(r->value), "{\"id\":%u,oops", n);
        r->misfits_count = 1;
        return;
    case 2:
        id = "\"id\":\"%u\",";
        r->misfits_count = 1;
        break;
    case 3: id = ""; break;
    case 4:
        id = "\"id\":1,\"id\":%u.0,";
        cell(r, C_ID, "%u", n);
        break;
    default: cell(r, C_ID, "%u", n);
    }
    snprintf(id_text, sizeof(id_text), id, n); /* NOLINT: one of those above */
    bool has_escape = (h >> 5) % 4 == 0;
    snprintf(r->value, sizeof(r->value),
             "{%s\"name\":\"n%s%u\",\"in\":{\"y\":[1,2],\"x\":%u.5},\"at\":%u,\"z\":%u}", id_text,
             has_escape ? "\\u0041" : "", n, n, n, n);
    cell(r, C_NAME, "n%s%u", has_escape ? "A" : "", n);
    cell(r, C_X, "%u.5", n);
    cell(r, C_AT, "%lld", (long long)n * 1000 + VEC_EPOCH_US);
    cell(r, C_DOC, "[1, 2]");
    cell(r, C_REST, "{\"z\": %u, \"in\": {\"x\": %u.5, \"y\": [1, 2]}}", n, n);
}

struct record *record_of(uint64_t seed, uint32_t partition, uint64_t offset)
{
    static struct record r;
    uint64_t place[2] = {partition, offset};
    uint64_t h = hash64(place, sizeof(place), seed);
    r = (struct record){.timestamp = SCAN_TIME + (int64_t)offset * 10 + (int64_t)(h >> 8) % 40};
    record_value(&r, h);
    if ((h >> 40) % 5 != 0) {
        snprintf(r.key, sizeof(r.key), "k%u", (unsigned)(h >> 44 & 0xff));
        cell(&r, C_KEY, "%s", r.key);
    }
    if ((h >> 52) % 3 != 0) {
        snprintf(r.header, sizeof(r.header), "v%u", (unsigned)(h >> 56));
        r.headers[0] = (struct batch_build_header){"h", "former"};
        r.headers[1] = (struct batch_build_header){"h", r.header};
        r.headers[2] = (struct batch_build_header){"g", NULL};
        r.headers_count = 3;
        cell(&r, C_HEADER, "%s", r.header);
    }
    return &r;
}

/* --- A world with records --- */

static void world_build(struct yard *y, struct batch_build *b)
{
    struct world *w = y->build_ctx;
    b->codec = w->codec;
    for (uint32_t i = 0; i < w->records; i++) {
        const struct record *r = record_of(w->seed, w->partition, w->ends[w->partition] + i);
        batch_build_add(b, &(struct batch_build_record){.timestamp = r->timestamp,
                                                        .key = r->key[0] != '\0' ? r->key : NULL,
                                                        .value = r->is_null ? NULL : r->value,
                                                        .headers = r->headers,
                                                        .headers_count = r->headers_count});
    }
}

void world_append(struct world *w, uint32_t partition, uint32_t records)
{
    w->partition = partition;
    w->records = records;
    w->codec = (enum codec_kind)prng_below(&w->prng, CODEC_KIND_COUNT);
    if (w->may_crash) {
        w->codec = w->codec == CODEC_NONE ? CODEC_NONE : CODEC_SNAPPY;
    }
    assert_int_equal(yard_append(w->y, partition, records, SCAN_TIME), w->ends[partition]);
    w->ends[partition] += records;
}

void world_relate(struct world *w)
{
    const struct core_topic *topic = yard_topic(w->y);
    struct core_stream stream = {.uuid = {{7}},
                                 .topic = topic->uuid,
                                 .name = "things",
                                 .version = 1,
                                 .is_declared = true,
                                 .key = CORE_STREAM_KEY_TEXT,
                                 .columns = scans_columns,
                                 .columns_count = C_COUNT};
    arena_reset(&w->arena);
    assert_int_equal(core_stream_relation_make(&w->arena, &stream, topic->name, topic->groups,
                                               topic->partitions_count, &w->relation),
                     ERR_OK);
}

struct world *world_new(uint64_t seed, uint32_t shards_count)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->seed = seed;
    prng_init(&w->prng, seed);
    budget_init(&w->budget, "relation", SIZE_MAX, NULL);
    arena_init(&w->arena, &w->budget, 4096, SIZE_MAX);
    w->y = yard_new(seed, NULL);
    w->y->build = world_build;
    w->y->build_ctx = w;
    w->y->config.log.hot_bytes_max = 4096;
    yard_start(w->y, shards_count);
    world_relate(w);
    return w;
}

void world_free(struct world *w)
{
    yard_close(w->y);
    yard_free(w->y);
    arena_deinit(&w->arena);
    budget_deinit(&w->budget);
    free(w);
}

/* --- A scan, as an executor has it --- */

static const char *scan_text(const struct vec_vector *v, uint32_t row, char *out)
{
    struct bytes_writer w = bytes_writer(out, SCAN_TEXT_BYTES - 1);
    struct vec_value value;
    vec_get(v, row, &value);
    if (value.is_null) {
        return NULL;
    }
    if (v->type.kind == VEC_TEXT) {
        bytes_put_copy(&w, value.u.bytes.data, value.u.bytes.length);
    } else if (v->type.kind == VEC_JSONB) {
        vec_jsonb_write(
            &w, (struct vec_jsonb){(const uint8_t *)value.u.bytes.data, value.u.bytes.length},
            true);
    } else if (v->type.kind == VEC_DOUBLE) {
        vec_real_write(&w, value.u.real);
    } else {
        int64_t number = v->type.kind == VEC_INTEGER   ? value.u.int4
                         : v->type.kind == VEC_BOOLEAN ? value.u.boolean
                                                       : value.u.int8;
        w.pos = (size_t)snprintf(out, SCAN_TEXT_BYTES, "%lld", (long long)number);
    }
    assert_int_equal(w.err, ERR_OK);
    out[w.pos] = '\0';
    return out;
}

/* What column `number` of the relation is of that record. */
static const char *scan_want(const struct scan *s, uint32_t number, uint32_t partition,
                             uint64_t offset, char *out)
{
    struct record *r = record_of(s->w->seed, partition, offset);
    const struct plan_column *column = &s->w->relation->relation.columns[number];
    if (number < C_COUNT) {
        return r->cells[number];
    }
    switch ((enum plan_role)column->role) {
    case PLAN_ROLE_KEY: return r->cells[C_KEY];
    case PLAN_ROLE_HEADERS:
        if (r->headers_count == 0) {
            return "{}";
        }
        snprintf(out, SCAN_TEXT_BYTES, "{\"g\": null, \"h\": \"%s\"}", r->header);
        return out;
    case PLAN_ROLE_OFFSET: snprintf(out, 32, "%llu", (unsigned long long)offset); return out;
    case PLAN_ROLE_PARTITION: snprintf(out, 32, "%u", partition); return out;
    case PLAN_ROLE_TIMESTAMP:
        snprintf(out, 32, "%lld", (long long)r->timestamp * 1000 + VEC_EPOCH_US);
        return out;
    case PLAN_ROLE_TOPIC: return "yard";
    case PLAN_ROLE_VALUE:
    case PLAN_ROLE_DOCUMENT: break;
    }
    fail();
    return NULL;
}

static uint32_t scan_place(const struct scan *s, enum plan_role role)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->w->relation->relation.columns[s->numbers[i]].role == role &&
            s->numbers[i] >= C_COUNT) {
            return i;
        }
    }
    return UINT32_MAX;
}

static bool scan_is_wanted(const struct scan *s, uint32_t partition, uint64_t offset)
{
    int64_t at = record_of(s->w->seed, partition, offset)->timestamp * 1000 + VEC_EPOCH_US;
    return at >= s->plan.timestamp_min && at <= s->plan.timestamp_max;
}

/* Every column of a row is what its record says. */
static void scan_check_row(const struct scan *s, const struct vec_batch *batch, uint32_t row,
                           uint32_t partition, uint64_t offset)
{
    char text[SCAN_TEXT_BYTES];
    char want[SCAN_TEXT_BYTES];
    for (uint32_t i = 0; i < s->count; i++) {
        const char *is = scan_text(&batch->columns[i], row, text);
        const char *expected = scan_want(s, s->numbers[i], partition, offset, want);
        if (is == NULL || expected == NULL) {
            assert_ptr_equal(is, expected);
        } else {
            assert_string_equal(is, expected);
        }
    }
}

/* Rows of a stream: each is what its record says, and none is left out without a reason. */
static void scan_check(struct scan *s, const struct vec_batch *batch)
{
    uint32_t offset_at = scan_place(s, PLAN_ROLE_OFFSET);
    uint32_t partition_at = scan_place(s, PLAN_ROLE_PARTITION);
    assert_true(batch->rows_count > 0);
    assert_int_equal(batch->columns_count, s->count);
    assert_int_equal(batch->selection.count, batch->rows_count);
    s->rows_count += batch->rows_count;
    if (offset_at == UINT32_MAX || partition_at == UINT32_MAX) {
        return;
    }
    for (uint32_t row = 0; row < batch->rows_count; row++) {
        struct vec_value value;
        vec_get(&batch->columns[partition_at], row, &value);
        uint32_t partition = (uint32_t)value.u.int4;
        vec_get(&batch->columns[offset_at], row, &value);
        uint64_t offset = (uint64_t)value.u.int8;
        assert_true(partition >= s->partition);
        assert_true(offset >= s->at[partition]);
        assert_true(offset < s->end[partition]);
        assert_true(scan_is_wanted(s, partition, offset));
        for (uint64_t k = s->at[partition]; k < offset; k++) {
            s->gaps_count += scan_is_wanted(s, partition, k);
        }
        s->partition = partition;
        s->at[partition] = offset + 1;
        scan_check_row(s, batch, row, partition, offset);
    }
}

/* A batch that was given some time ago is as it was. */
static void scan_check_held(const struct scan *s)
{
    uint32_t offset_at = scan_place(s, PLAN_ROLE_OFFSET);
    uint32_t partition_at = scan_place(s, PLAN_ROLE_PARTITION);
    if (s->held == NULL || offset_at == UINT32_MAX || partition_at == UINT32_MAX) {
        return;
    }
    for (uint32_t row = 0; row < s->held->rows_count; row++) {
        struct vec_value partition;
        struct vec_value offset;
        vec_get(&s->held->columns[partition_at], row, &partition);
        vec_get(&s->held->columns[offset_at], row, &offset);
        scan_check_row(s, s->held, row, (uint32_t)partition.u.int4, (uint64_t)offset.u.int8);
    }
}

/* Rows of a system table, as texts. */
static void scan_keep(struct scan *s, const struct vec_batch *batch)
{
    for (uint32_t row = 0; row < batch->rows_count; row++, s->rows_count++) {
        for (uint32_t i = 0; i < s->count && s->rows_count < 64; i++) {
            char text[SCAN_TEXT_BYTES];
            const char *is = scan_text(&batch->columns[i], row, text);
            snprintf(s->texts[s->rows_count][i], 96, "%.95s", is != NULL ? is : "NULL");
        }
    }
}

/* Ask as long as something comes; with a pause, once. */
static void scan_turn(struct scan *s)
{
    do {
        const struct vec_batch *batch;
        if (s->pause_ns != 0) {
            scan_check_held(s);
        }
        s->held = NULL;
        s->result = core_scan_ops.next(s->source, &s->failure, &batch);
        if (s->result == EXEC_ROWS && s->plan.relation->kind == PLAN_RELATION_STREAM) {
            scan_check(s, batch);
            s->held = batch;
        } else if (s->result == EXEC_ROWS) {
            scan_keep(s, batch);
        }
    } while ((s->result == EXEC_ROWS || s->result == EXEC_AGAIN) && s->pause_ns == 0);
}

static void scan_ready(void *ctx)
{
    struct scan *s = ctx;
    if (s->is_open && s->result == EXEC_BLOCKED) {
        scan_turn(s);
    }
}

static void scan_closed(void *ctx)
{
    struct scan *s = ctx;
    assert_false(s->is_open);
    assert_int_equal(s->scans.open_count, 0);
    s->is_closed = true;
}

void scan_open_call(struct rt_shard *shard, void *ctx)
{
    struct scan *s = ctx;
    (void)shard;
    enum err err =
        core_scan_ops.open(&s->scans, &s->plan, s->count, &s->budget, &s->failure, &s->source);
    s->is_open = err == ERR_OK;
    s->result = err == ERR_OK ? EXEC_BLOCKED : EXEC_FAILED;
    if (s->is_open) {
        scan_turn(s);
    }
}

void scan_turn_call(struct rt_shard *shard, void *ctx)
{
    struct scan *s = ctx;
    (void)shard;
    if (s->is_open && (s->result == EXEC_ROWS || s->result == EXEC_AGAIN)) {
        scan_turn(s);
    }
}

void scan_close_call(struct rt_shard *shard, void *ctx)
{
    struct scan *s = ctx;
    (void)shard;
    if (s->is_open) {
        s->is_open = false;
        core_scan_ops.close(s->source);
        s->is_closed = s->scans.open_count == 0;
    } else {
        s->is_closed = true;
    }
}

void scan_post(struct scan *s, void (*call)(struct rt_shard *shard, void *ctx))
{
    sim_post(sim_node_shard(s->w->y->node, s->home), call, s);
    sim_run_for(s->w->y->sim, 1);
}

/* A scan of all columns and rows of the stream, on shard `home`. */
struct scan *scan_new(struct world *w, uint32_t home)
{
    struct scan *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->w = w;
    s->home = home;
    s->scans = (struct core_scans){
        .cs = &w->y->shards[home], .ready = scan_ready, .closed = scan_closed, .ctx = s};
    s->plan = (struct plan_scan){.relation = &w->relation->relation,
                                 .columns = s->numbers,
                                 .offset_max = PLAN_OFFSET_MAX,
                                 .timestamp_min = INT64_MIN,
                                 .timestamp_max = INT64_MAX,
                                 .partition = -1,
                                 .rows_max = INT64_MAX};
    s->count = w->relation->relation.columns_count;
    for (uint32_t i = 0; i < s->count; i++) {
        s->numbers[i] = i;
    }
    budget_init(&s->budget, "query", 64 << 20, &w->y->shards[home].budget);
    memcpy(s->end, w->ends, sizeof(s->end));
    return s;
}

void scan_system(struct scan *s, const char *name)
{
    s->plan.relation = core_system_table_find(name, strlen(name));
    assert_non_null(s->plan.relation);
    s->count = s->plan.relation->columns_count;
}

/* Only those columns of the relation. */
void scan_columns(struct scan *s, const uint32_t *numbers, uint32_t count)
{
    memcpy(s->numbers, numbers, count * sizeof(*numbers));
    s->count = count;
}

bool scan_is_done(void *ctx)
{
    const struct scan *s = ctx;
    return s->result == EXEC_END || s->result == EXEC_FAILED;
}

static bool scan_is_gone(void *ctx)
{
    return ((struct scan *)ctx)->is_closed;
}

void scan_run(struct scan *s)
{
    scan_post(s, scan_open_call);
    while (!scan_is_done(s)) {
        if (s->pause_ns != 0) {
            sim_run_for(s->w->y->sim, s->pause_ns);
            scan_post(s, scan_turn_call);
        } else {
            assert_true(sim_run_until_true(s->w->y->sim, scan_is_done, s,
                                           sim_now_ns(s->w->y->sim) + 100 * RT_NS_PER_S));
        }
    }
}

void scan_end(struct scan *s)
{
    scan_post(s, scan_close_call);
    assert_true(sim_run_until_true(s->w->y->sim, scan_is_gone, s,
                                   sim_now_ns(s->w->y->sim) + 100 * RT_NS_PER_S));
    assert_int_equal(s->budget.used_bytes, 0);
    budget_deinit(&s->budget);
    free(s);
}

/* Everything from first to end was given, but for `gaps_count` rows. */
void scan_expect_whole(const struct scan *s)
{
    if (s->result == EXEC_FAILED) {
        fail_msg("%s: %s", s->failure.state, s->failure.message);
    }
    assert_int_equal(s->result, EXEC_END);
    for (uint32_t p = 0; p < YARD_PARTITIONS; p++) {
        for (uint64_t k = s->at[p]; k < s->end[p]; k++) {
            assert_false(scan_is_wanted(s, p, k));
        }
    }
}

struct world *world_small(uint32_t shards_count)
{
    struct world *w = world_new(3, shards_count);
    for (uint32_t i = 0; i < 6; i++) {
        world_append(w, 0, 7);
        world_append(w, 2, 5);
    }
    return w;
}
