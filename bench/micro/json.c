/* JSON records into columns, against simdjson's on-demand reader that writes the same fields of the
 * same records to columns of the same kind, in turns in one process.
 *
 * Two kinds of records: flat events of 127 bytes with eight fields, where what a record costs
 * before its first byte counts most; and the sample earthquakes, 661 bytes on average and nested.
 * Of both, three fields and all of them. simdjson reads each record as a document of its own, as
 * records of a log come, and all of them as one stream of lines, which spares it what a record
 * costs: both are rows, both are held to the bar. Before anything is timed, both sides must have
 * found the same.
 *
 * Ours are the columns that streams are scanned into (views/vec/rowconv.h), bitmaps and all. What
 * is alike: integers and doubles are parsed, texts are views. What is not: we check every byte of a
 * record, simdjson on-demand only those it walks over; it copies texts to where it unescapes them,
 * we those that have escapes. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/prng.h"
#include "bench/micro/bench.h"
#include "bench/micro/json_peer.h"
#include "schemas/json/reader.h"
#include "views/vec/rowconv.h"

/* Records of one operation: a batch of columns. */
#define JSON_RECORDS_COUNT 2048u

#define JSON_EVENT_BYTES  127u
#define JSON_SAMPLE       "deploy/sample/earthquakes.jsonl"
#define JSON_LINES_BYTES  (4u << 20)
#define JSON_BUDGET_BYTES (16u << 20)
#define JSON_OPS_COUNT    20u /* of one run: about 20 ms */
#define JSON_PAIRS        31

/* Columns of the peer. */
struct json_side {
    struct json_column columns[JSON_COLUMNS_MAX];
    union json_cell cells[JSON_COLUMNS_MAX][JSON_RECORDS_COUNT];
    uint8_t is_there[JSON_COLUMNS_MAX][JSON_RECORDS_COUNT];
};

/* What both sides work on. */
struct json_work {
    enum json_case which;                         /* the fields wanted */
    struct json_lines lines;                      /* the records */
    uint32_t begins[JSON_RECORDS_COUNT + 1];      /* lines.begins */
    char text[JSON_LINES_BYTES];                  /* lines.text */
    struct json_side theirs;                      /* the peer's */
    struct json_text records[JSON_RECORDS_COUNT]; /* the records as we take them */
    struct budget budget;                         /* of what follows */
    struct arena arena;                           /* of the paths */
    struct json_paths paths;                      /* ours */
    struct json_reader reader;                    /* ours */
    struct vec_rowconv rowconv;                   /* ours: columns */
    uint64_t misfits_count;                       /* values that are none of their columns' */
    struct json_peer *peer;                       /* theirs */
    enum json_peer_way way;                       /* how it reads */
};

/* What each case reads: json_peer.cpp knows it by heart. */
static const struct json_field {
    const char *path;
    enum json_column_type type;
} json_fields[JSON_CASES_COUNT][JSON_COLUMNS_MAX] = {
    [JSON_EVENTS_SOME] =
        {
            {"$.at", JSON_COLUMN_INT64},
            {"$.kind", JSON_COLUMN_TEXT},
            {"$.amount", JSON_COLUMN_DOUBLE},
        },
    [JSON_EVENTS_ALL] =
        {
            {"$.id", JSON_COLUMN_INT64},
            {"$.at", JSON_COLUMN_INT64},
            {"$.user", JSON_COLUMN_TEXT},
            {"$.kind", JSON_COLUMN_TEXT},
            {"$.country", JSON_COLUMN_TEXT},
            {"$.amount", JSON_COLUMN_DOUBLE},
            {"$.count", JSON_COLUMN_INT64},
            {"$.paid", JSON_COLUMN_BOOL},
        },
    [JSON_QUAKES_SOME] =
        {
            {"$.properties.mag", JSON_COLUMN_DOUBLE},
            {"$.properties.place", JSON_COLUMN_TEXT},
            {"$.properties.time", JSON_COLUMN_INT64},
        },
    [JSON_QUAKES_ALL] =
        {
            {"$.type", JSON_COLUMN_TEXT},
            {"$.properties.mag", JSON_COLUMN_DOUBLE},
            {"$.properties.place", JSON_COLUMN_TEXT},
            {"$.properties.time", JSON_COLUMN_INT64},
            {"$.properties.updated", JSON_COLUMN_INT64},
            {"$.properties.tz", JSON_COLUMN_INT64},
            {"$.properties.url", JSON_COLUMN_TEXT},
            {"$.properties.detail", JSON_COLUMN_TEXT},
            {"$.properties.felt", JSON_COLUMN_INT64},
            {"$.properties.cdi", JSON_COLUMN_DOUBLE},
            {"$.properties.mmi", JSON_COLUMN_DOUBLE},
            {"$.properties.alert", JSON_COLUMN_TEXT},
            {"$.properties.status", JSON_COLUMN_TEXT},
            {"$.properties.tsunami", JSON_COLUMN_INT64},
            {"$.properties.sig", JSON_COLUMN_INT64},
            {"$.properties.net", JSON_COLUMN_TEXT},
            {"$.properties.code", JSON_COLUMN_TEXT},
            {"$.properties.ids", JSON_COLUMN_TEXT},
            {"$.properties.sources", JSON_COLUMN_TEXT},
            {"$.properties.types", JSON_COLUMN_TEXT},
            {"$.properties.nst", JSON_COLUMN_INT64},
            {"$.properties.dmin", JSON_COLUMN_DOUBLE},
            {"$.properties.rms", JSON_COLUMN_DOUBLE},
            {"$.properties.gap", JSON_COLUMN_DOUBLE},
            {"$.properties.magType", JSON_COLUMN_TEXT},
            {"$.properties.type", JSON_COLUMN_TEXT},
            {"$.properties.title", JSON_COLUMN_TEXT},
            {"$.geometry.type", JSON_COLUMN_TEXT},
            {"$.geometry.coordinates[0]", JSON_COLUMN_DOUBLE},
            {"$.geometry.coordinates[1]", JSON_COLUMN_DOUBLE},
            {"$.geometry.coordinates[2]", JSON_COLUMN_DOUBLE},
            {"$.id", JSON_COLUMN_TEXT},
        },
};

static bool json_fill_events(struct json_work *work);
static bool json_fill_quakes(struct json_work *work);
static void json_fill_line(struct json_work *work, const char *line, size_t length);
static void json_open(struct json_work *work, enum json_case which,
                      const struct json_indexer *indexer);
static void json_close(struct json_work *work);
static void json_check(struct json_work *work);
static void json_check_row(const struct json_work *work, size_t row);
static void json_loop_ours(void *context, uint64_t ops_count);
static double json_cost_ours(void *context);
static double json_cost_peer(void *context);
static void json_misfit(void *context, uint32_t row, uint32_t column, enum vec_fault fault,
                        const char *text, size_t length);
static void json_measure(struct bench *b, struct json_work *work, const char *name,
                         const char *bar);

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    static const struct {
        const char *name;
        bool (*fill)(struct json_work *work);
        enum json_case which;
    } rows[] = {
        {"events, 3 of 8 fields", json_fill_events, JSON_EVENTS_SOME},
        {"events, all 8 fields", json_fill_events, JSON_EVENTS_ALL},
        {"earthquakes, 3 fields", json_fill_quakes, JSON_QUAKES_SOME},
        {"earthquakes, all 32 fields", json_fill_quakes, JSON_QUAKES_ALL},
    };
    struct json_work *work = calloc(1, sizeof(*work));
    if (work == NULL || (work->peer = json_peer_new()) == NULL) {
        return 1;
    }
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct json_indexer *indexer = json_indexer_for(&cpu);
    bench_note(&b, "indexer: %s; peer: %s", indexer->name, json_peer_name());
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (!rows[i].fill(work)) {
            bench_note(&b, "%s is not there: run this from the repository's root", JSON_SAMPLE);
            return 1;
        }
        json_open(work, rows[i].which, indexer);
        json_measure(&b, work, rows[i].name, ">= 0.60");
        json_close(work);
    }
    while (cpu.level > CPU_SCALAR) { /* the other indexers, fastest first */
        enum err err = cpu_force(&cpu, cpu_level_name(cpu.level - 1));
        ASSERT(err == ERR_OK);
        if (json_indexer_for(&cpu) != indexer) {
            char name[64];
            indexer = json_indexer_for(&cpu);
            snprintf(name, sizeof(name), "earthquakes, all 32 fields, %s", indexer->name);
            json_open(work, JSON_QUAKES_ALL, indexer);
            json_measure(&b, work, name, NULL);
            json_close(work);
        }
    }
    json_peer_free(work->peer);
    free(work);
    return bench_finish(&b);
}

/* Rows against both ways of the peer, and one of allocations. */
static void json_measure(struct bench *b, struct json_work *work, const char *name, const char *bar)
{
    static const char *const ways[] = {
        [JSON_PEER_RECORDS] = "simdjson, record by record",
        [JSON_PEER_STREAM] = "simdjson, one stream",
    };
    struct bench_side ours = {.cost = json_cost_ours, .context = work};
    struct bench_side peer = {.cost = json_cost_peer, .context = work};
    for (work->way = JSON_PEER_RECORDS; work->way <= JSON_PEER_STREAM; work->way++) {
        char full[96];
        bool is_stream = work->way == JSON_PEER_STREAM;
        snprintf(full, sizeof(full), "%s%s", name, is_stream ? ", peer as a stream" : "");
        json_check(work);
        struct bench_pair pair = bench_pair(b, full, &ours, &peer, JSON_PAIRS);
        bench_row(b, &(struct bench_row){.name = full,
                                         .value = (double)work->lines.bytes * 1e3 / pair.ours,
                                         .unit = "MB/s",
                                         .peer = ways[work->way],
                                         .ratio = pair.ratio,
                                         .bar = bar});
    }
    char full[96];
    snprintf(full, sizeof(full), "%s: allocations", name);
    bench_row_allocs(b, full, &(struct bench_side){.loop = json_loop_ours, .context = work});
}

/* Flat events, each of JSON_EVENT_BYTES. */
static bool json_fill_events(struct json_work *work)
{
    static const char *const kinds[] = {"purchase", "pageview", "checkout", "register"};
    static const char *const countries[] = {"DE", "FR", "JP", "US", "BR", "IN"};
    struct prng prng;
    prng_init(&prng, 1);
    work->lines = (struct json_lines){.text = work->text, .begins = work->begins};
    for (unsigned i = 0; i < JSON_RECORDS_COUNT; i++) {
        char line[256];
        bool is_paid = prng_chance(&prng, 1, 2);
        snprintf(line, sizeof(line),
                 "{\"id\":%u,\"at\":%llu,\"user\":\"user-%0*u\",\"kind\":\"%s\",\"country\":\"%s\","
                 "\"amount\":%u.%02u,\"count\":%u,\"paid\":%s}",
                 10000000 + i, 1517966773840ull + i * 37ull, is_paid ? 7 : 6,
                 (unsigned)prng_below(&prng, 1000000), kinds[prng_below(&prng, 4)],
                 countries[prng_below(&prng, 6)], (unsigned)prng_range(&prng, 100, 999),
                 (unsigned)prng_below(&prng, 100), (unsigned)prng_below(&prng, 10),
                 is_paid ? "true" : "false");
        ASSERT(strlen(line) == JSON_EVENT_BYTES);
        json_fill_line(work, line, strlen(line));
    }
    return true;
}

/* The sample's records, from the first again when they are used up. */
static bool json_fill_quakes(struct json_work *work)
{
    char line[8192];
    FILE *file = fopen(JSON_SAMPLE, "r");
    work->lines = (struct json_lines){.text = work->text, .begins = work->begins};
    while (file != NULL && work->lines.count < JSON_RECORDS_COUNT) {
        if (fgets(line, sizeof(line), file) != NULL) {
            json_fill_line(work, line, strcspn(line, "\n"));
        } else {
            rewind(file);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return file != NULL;
}

static void json_fill_line(struct json_work *work, const char *line, size_t length)
{
    struct json_lines *lines = &work->lines;
    ASSERT(lines->bytes + length + 1 + json_peer_padding() <= sizeof(work->text));
    work->records[lines->count] = (struct json_text){work->text + lines->bytes, length};
    work->begins[lines->count++] = (uint32_t)lines->bytes;
    memcpy(work->text + lines->bytes, line, length);
    work->text[lines->bytes + length] = '\n';
    lines->bytes += length + 1;
    work->begins[lines->count] = (uint32_t)lines->bytes;
}

static void json_open(struct json_work *work, enum json_case which,
                      const struct json_indexer *indexer)
{
    static const enum vec_kind kinds[] = {[JSON_COLUMN_INT64] = VEC_BIGINT,
                                          [JSON_COLUMN_DOUBLE] = VEC_DOUBLE,
                                          [JSON_COLUMN_BOOL] = VEC_BOOLEAN,
                                          [JSON_COLUMN_TEXT] = VEC_TEXT};
    struct json_text texts[JSON_COLUMNS_MAX];
    struct vec_rowconv_column columns[JSON_COLUMNS_MAX];
    uint32_t count = 0;
    for (; count < JSON_COLUMNS_MAX && json_fields[which][count].path != NULL; count++) {
        const struct json_field *field = &json_fields[which][count];
        texts[count] = (struct json_text){field->path, strlen(field->path)};
        columns[count] =
            (struct vec_rowconv_column){.type = vec_type(kinds[field->type]), .path = count};
        work->theirs.columns[count] = (struct json_column){field->type, work->theirs.cells[count],
                                                           work->theirs.is_there[count]};
    }
    work->which = which;
    budget_init(&work->budget, "bench", JSON_BUDGET_BYTES, NULL);
    arena_init(&work->arena, &work->budget, 4096, JSON_BUDGET_BYTES);
    size_t failed;
    struct json_fault fault;
    enum err err = json_paths_compile(&work->arena, texts, count, &work->paths, &failed, &fault);
    ASSERT(err == ERR_OK);
    err =
        json_reader_init(&work->reader, indexer, &work->paths, JSON_LIMITS_DEFAULT, &work->budget);
    ASSERT(err == ERR_OK);
    struct vec_rowconv_config config = {.columns = columns,
                                        .columns_count = count,
                                        .rows_max = JSON_RECORDS_COUNT,
                                        .misfit = json_misfit,
                                        .ctx = work,
                                        .budget = &work->budget};
    err = vec_rowconv_init(&work->rowconv, &config);
    ASSERT(err == ERR_OK);
}

static void json_close(struct json_work *work)
{
    vec_rowconv_deinit(&work->rowconv);
    json_reader_deinit(&work->reader);
    arena_deinit(&work->arena);
    budget_deinit(&work->budget);
}

static void json_loop_ours(void *context, uint64_t ops_count)
{
    struct json_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        vec_rowconv_begin(&work->rowconv);
        enum err err = vec_rowconv_read(&work->rowconv, &work->reader, work->records,
                                        (uint32_t)work->lines.count);
        ASSERT(err == ERR_OK);
        vec_rowconv_end(&work->rowconv, (uint32_t)work->lines.count);
        bench_keep(work->rowconv.vectors);
    }
}

static double json_cost_ours(void *context)
{
    uint64_t begin_ns = bench_cpu_ns(BENCH_CPU_THREAD);
    json_loop_ours(context, JSON_OPS_COUNT);
    return (double)(bench_cpu_ns(BENCH_CPU_THREAD) - begin_ns) / JSON_OPS_COUNT;
}

static double json_cost_peer(void *context)
{
    struct json_work *work = context;
    uint64_t begin_ns = bench_cpu_ns(BENCH_CPU_THREAD);
    for (unsigned i = 0; i < JSON_OPS_COUNT; i++) {
        size_t count =
            json_peer_read(work->peer, work->which, work->way, &work->lines, work->theirs.columns);
        ASSERT(count == work->lines.count);
        bench_keep(work->theirs.cells);
    }
    return (double)(bench_cpu_ns(BENCH_CPU_THREAD) - begin_ns) / JSON_OPS_COUNT;
}

/* A value that is none of its column's: null on both sides. */
static void json_misfit(void *context, uint32_t row, uint32_t column, enum vec_fault fault,
                        const char *text, size_t length)
{
    (void)row;
    (void)column;
    (void)fault;
    (void)text;
    (void)length;
    ((struct json_work *)context)->misfits_count++;
}

/* Both sides say the same. A record at a time: the peer's texts last no longer. */
static void json_check(struct json_work *work)
{
    struct json_lines all = work->lines;
    struct json_side *theirs = &work->theirs;
    json_loop_ours(work, 1);
    for (size_t row = 0; row < all.count; row++) {
        struct json_column columns[JSON_COLUMNS_MAX];
        for (size_t i = 0; i < JSON_COLUMNS_MAX; i++) {
            columns[i] = (struct json_column){theirs->columns[i].type, &theirs->cells[i][row],
                                              &theirs->is_there[i][row]};
        }
        uint32_t begins[2] = {0, all.begins[row + 1] - all.begins[row]};
        struct json_lines one = {all.text + all.begins[row], begins[1], begins, 1};
        ASSERT(json_peer_read(work->peer, work->which, work->way, &one, columns) == 1);
        json_check_row(work, row);
    }
}

static void json_check_row(const struct json_work *work, size_t row)
{
    for (uint32_t i = 0; i < work->paths.paths_count; i++) {
        struct vec_value ours;
        const union json_cell *theirs = &work->theirs.cells[i][row];
        vec_get(&work->rowconv.vectors[i], (uint32_t)row, &ours);
        ASSERT(!ours.is_null == work->theirs.is_there[i][row]);
        if (ours.is_null) {
            continue;
        }
        switch (work->theirs.columns[i].type) {
        case JSON_COLUMN_TEXT:
            ASSERT(ours.u.bytes.length == theirs->text.length);
            ASSERT(memcmp(ours.u.bytes.data, theirs->text.bytes, theirs->text.length) == 0);
            break;
        case JSON_COLUMN_DOUBLE: ASSERT(ours.u.real == theirs->real); break;
        case JSON_COLUMN_INT64: ASSERT(ours.u.int8 == theirs->int64); break;
        case JSON_COLUMN_BOOL: ASSERT(ours.u.boolean == theirs->int64); break;
        }
    }
}
