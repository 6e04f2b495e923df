/* Rows of the system's tables. See system_tables.h, scan.h.
 *
 * Tables of the catalog are read from the newest one, some rows at each step, and go on behind the
 * name that was last: a catalog may be another by then. Errors are asked for shard after shard, a
 * page at a time; what another shard has found, too, is known by its hash. Ticks are asked for at
 * their home, a page at a time; so is how views stand. What goes on is system_activity.c's. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/rt/clock.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/system_int.h"
#include "broker/core/view.h"
#include "views/vec/calendar.h"
#include "views/vec/jsonb.h"

/* Chunks of the arena of a batch. */
#define CORE_SYSTEM_CHUNK_BYTES (64u << 10)

/* Views of a page. */
#define CORE_SYSTEM_VIEWS_MAX 32u

/* Of views: the first column that the home is asked for. */
#define CORE_SYSTEM_VIEW_STATE 9u

/* Room for hashes of errors that have been given, at first: a power of two. */
#define CORE_SYSTEM_SEEN_MIN 1024u

typedef void core_system_fill_fn(struct core_system_scan *scan);

static enum exec_result core_system_next(struct exec_source *source, struct exec_failure *failure,
                                         const struct vec_batch **out);
static bool core_system_begin(struct core_system_scan *scan);
static void core_system_fill_streams(struct core_system_scan *scan);
static void core_system_fill_columns(struct core_system_scan *scan);
static void core_system_fill_topics(struct core_system_scan *scan);
static void core_system_fill_errors(struct core_system_scan *scan);
static void core_system_fill_views(struct core_system_scan *scan);
static enum err core_system_views_open(struct core_system_scan *scan);
static void core_system_views_page(struct core_system_scan *scan);
static void core_system_views_asked(struct core_upkeep_ask *ask);
static void core_system_here(struct core_system_scan *scan);
static void core_system_fill_view(struct core_system_scan *scan, const struct core_view *view,
                                  const char *topic_name);
static void core_system_fill_upkeep(struct core_system_scan *scan,
                                    const struct core_upkeep_row *row);
static void core_system_fill_rebind(struct core_system_scan *scan,
                                    const struct core_upkeep_rebind *rebind);
static void core_system_key(struct core_system_scan *scan, uint32_t column,
                            const struct core_view *view);
static enum err core_system_errors_open(struct core_system_scan *scan);
static enum err core_system_ticks_open(struct core_system_scan *scan);
static void core_system_fill_ticks(struct core_system_scan *scan);
static void core_system_ticks_page(struct core_shard *at, struct core_call *call);
static void core_system_ask(struct core_system_scan *scan);
static void core_system_page(struct core_shard *at, struct core_call *call);
static bool core_system_is_new(struct core_system_scan *scan, const struct core_error *error);
static void core_system_close(struct exec_source *source);
static void core_system_end(struct core_system_scan *scan, bool is_turn);

static const struct core_source_ops core_system_ops = {core_system_next, core_system_close};

static core_system_fill_fn *const core_system_fills[] = {
    [CORE_SYSTEM_STREAMS] = core_system_fill_streams,
    [CORE_SYSTEM_COLUMNS] = core_system_fill_columns,
    [CORE_SYSTEM_TOPICS] = core_system_fill_topics,
    [CORE_SYSTEM_ERRORS] = core_system_fill_errors,
    [CORE_SYSTEM_VIEWS] = core_system_fill_views,
    [CORE_SYSTEM_TICKS] = core_system_fill_ticks,
    [CORE_SYSTEM_SUBSCRIPTIONS] = core_system_fill_activity,
    [CORE_SYSTEM_QUERIES] = core_system_fill_activity,
};

enum err core_scan_system_open(struct core_scans *scans, const struct plan_scan *plan,
                               uint32_t outputs_count, struct budget *budget,
                               struct exec_failure *failure, struct exec_source **out)
{
    void *block;
    enum err err = core_source_new(scans, sizeof(struct core_system_scan), &core_system_ops, budget,
                                   failure, &block);
    if (err != ERR_OK) {
        return err;
    }
    struct core_system_scan *scan = block;
    scan->table = core_system_table_of(plan->relation);
    scan->rows_left = plan->rows_max > 0 ? (uint64_t)plan->rows_max : 0;
    arena_init(&scan->arena, budget, CORE_SYSTEM_CHUNK_BYTES, SIZE_MAX);
    memset(scan->place, 0xff, sizeof(scan->place));
    for (uint32_t i = 0; i < outputs_count; i++) {
        ASSERT(plan->columns[i] < CORE_SYSTEM_COLUMNS_MAX);
        scan->place[plan->columns[i]] = i;
    }
    scan->batch.columns_count = outputs_count;
    bool is_activity =
        scan->table == CORE_SYSTEM_SUBSCRIPTIONS || scan->table == CORE_SYSTEM_QUERIES;
    err = scan->table == CORE_SYSTEM_ERRORS  ? core_system_errors_open(scan)
          : scan->table == CORE_SYSTEM_TICKS ? core_system_ticks_open(scan)
          : scan->table == CORE_SYSTEM_VIEWS ? core_system_views_open(scan)
          : is_activity                      ? core_system_activity_open(scan)
                                             : ERR_OK;
    if (err != ERR_OK) {
        (void)core_source_fail_memory(failure);
        core_system_end(scan, false);
        return ERR_BUDGET;
    }
    *out = &scan->source;
    return ERR_OK;
}

static enum exec_result core_system_next(struct exec_source *source, struct exec_failure *failure,
                                         const struct vec_batch **out)
{
    struct core_system_scan *scan = CONTAINER_OF(source, struct core_system_scan, source);
    if (scan->is_away) {
        return EXEC_BLOCKED;
    }
    if (scan->is_end || scan->rows_left == 0) {
        return EXEC_END;
    }
    if (core_system_begin(scan)) {
        core_system_fills[scan->table](scan);
    }
    if (scan->arena.err != ERR_OK) {
        return core_source_fail_memory(failure);
    }
    if (scan->row == 0) {
        return scan->is_away ? EXEC_BLOCKED : scan->is_end ? EXEC_END : EXEC_AGAIN;
    }
    uint32_t rows = scan->row < scan->rows_left ? scan->row : (uint32_t)scan->rows_left;
    scan->rows_left -= rows;
    scan->batch.rows_count = rows;
    scan->batch.selection = (struct vec_selection){.count = rows};
    *out = &scan->batch;
    return EXEC_ROWS;
}

/* --- Rows --- */

/* Vectors for a batch. False: no memory. */
static bool core_system_begin(struct core_system_scan *scan)
{
    const struct plan_relation *relation = core_system_table_at(scan->table);
    arena_reset(&scan->arena);
    scan->row = 0;
    scan->batch.columns = arena_alloc(
        &scan->arena, scan->batch.columns_count * sizeof(*scan->batch.columns), _Alignof(uint64_t));
    for (uint32_t i = 0; i < relation->columns_count && scan->batch.columns != NULL; i++) {
        if (scan->place[i] != UINT32_MAX) {
            struct vec_vector *vector = &scan->batch.columns[scan->place[i]];
            if (vec_flat(&scan->arena, relation->columns[i].type, CORE_SYSTEM_ROWS_MAX, vector) !=
                NULL) {
                vector->valid = vec_valid(&scan->arena, true);
            }
        }
    }
    return scan->arena.err == ERR_OK;
}

/* The vector of a column of the table, or NULL: not wanted. Ours, though readers may not write. */
static struct vec_vector *core_system_vector(struct core_system_scan *scan, uint32_t column)
{
    return scan->place[column] != UINT32_MAX ? &scan->batch.columns[scan->place[column]] : NULL;
}

void core_system_null(struct core_system_scan *scan, uint32_t column)
{
    struct vec_vector *vector = core_system_vector(scan, column);
    if (vector != NULL) {
        vec_valid_clear((uint64_t *)(uintptr_t)vector->valid, scan->row);
    }
}

void core_system_text(struct core_system_scan *scan, uint32_t column, const char *text,
                      size_t length)
{
    struct vec_vector *vector = core_system_vector(scan, column);
    if (vector != NULL) {
        const char *copy = arena_copy(&scan->arena, text, length);
        ((struct vec_bytes *)(uintptr_t)vector->data)[scan->row] =
            (struct vec_bytes){copy, copy != NULL ? (uint32_t)length : 0};
    }
}

void core_system_string(struct core_system_scan *scan, uint32_t column, const char *text)
{
    core_system_text(scan, column, text, strlen(text));
}

void core_system_int8(struct core_system_scan *scan, uint32_t column, int64_t value)
{
    struct vec_vector *vector = core_system_vector(scan, column);
    if (vector != NULL) {
        ((int64_t *)(uintptr_t)vector->data)[scan->row] = value;
    }
}

void core_system_int4(struct core_system_scan *scan, uint32_t column, uint32_t value)
{
    struct vec_vector *vector = core_system_vector(scan, column);
    if (vector == NULL) {
        return;
    }
    if (vector->type.kind == VEC_BOOLEAN) {
        ((uint8_t *)(uintptr_t)vector->data)[scan->row] = value != 0;
    } else {
        ((int32_t *)(uintptr_t)vector->data)[scan->row] = (int32_t)value;
    }
}

void core_system_time(struct core_system_scan *scan, uint32_t column, int64_t ms)
{
    int64_t us;
    int64_t at;
    if (__builtin_mul_overflow(ms, (int64_t)1000, &us) ||
        vec_timestamp_from_unix(us, &at) != VEC_FAULT_NONE) {
        core_system_null(scan, column);
    } else {
        core_system_int8(scan, column, at);
    }
}

/* --- The catalog --- */

static void core_system_fill_topics(struct core_system_scan *scan)
{
    const struct core_catalog *catalog = scan->source.scans->cs->catalog;
    struct core_tree_walk walk;
    const struct core_topic *topic;
    core_catalog_walk(&walk, catalog, scan->name, strlen(scan->name));
    while (scan->row < CORE_SYSTEM_ROWS_MAX) {
        topic = core_catalog_next(&walk);
        if (topic == NULL) {
            scan->is_end = true;
            return;
        }
        if (strcmp(topic->name, scan->name) == 0) {
            continue;
        }
        core_system_string(scan, 0, topic->name);
        core_system_int4(scan, 1, topic->partitions_count);
        core_system_string(scan, 2, core_durability_name(topic->config.durability));
        core_system_int8(scan, 3, topic->config.retention_ms);
        if (topic->config.retention_ms < 0) {
            core_system_null(scan, 3);
        }
        core_system_int8(scan, 4, topic->config.retention_bytes);
        if (topic->config.retention_bytes < 0) {
            core_system_null(scan, 4);
        }
        core_system_int8(scan, 5, topic->config.message_bytes_max);
        core_system_int4(scan, 6, topic->is_internal);
        core_system_time(scan, 7, topic->created_ms);
        memcpy(scan->name, topic->name, topic->name_bytes + 1u);
        scan->row++;
    }
}

static int core_system_compare(const void *key, const void *item)
{
    return strcmp(key, ((const struct core_stream *)item)->name);
}

/* The first stream behind the last name, or with `is_same` the one of that name if it is there. */
static const struct core_stream *core_system_stream(struct core_system_scan *scan,
                                                    struct core_tree_walk *walk, bool is_same)
{
    core_tree_walk(walk, scan->source.scans->cs->catalog->streams_by_name, core_system_compare,
                   scan->name);
    const struct core_stream *stream = core_tree_next(walk);
    if (!is_same && stream != NULL && strcmp(stream->name, scan->name) == 0) {
        stream = core_tree_next(walk);
    }
    return stream;
}

/* A stream whose topic is being deleted has none. */
static void core_system_fill_streams(struct core_system_scan *scan)
{
    const struct core_catalog *catalog = scan->source.scans->cs->catalog;
    struct core_tree_walk walk;
    const struct core_stream *stream = core_system_stream(scan, &walk, false);
    for (; stream != NULL && scan->row < CORE_SYSTEM_ROWS_MAX; stream = core_tree_next(&walk)) {
        const struct core_topic *topic = core_catalog_find_uuid(catalog, &stream->topic);
        core_system_string(scan, 0, stream->name);
        if (topic != NULL) {
            core_system_string(scan, 1, topic->name);
        } else {
            core_system_null(scan, 1);
        }
        core_system_string(scan, 2, stream->is_declared ? "declared" : "implicit");
        core_system_int4(scan, 3, stream->version);
        core_system_int4(scan, 4, stream->columns_count);
        core_system_time(scan, 5, stream->created_ms);
        snprintf(scan->name, sizeof(scan->name), "%s", stream->name);
        scan->row++;
    }
    scan->is_end = stream == NULL;
}

/* Where a column's values come from. */
static void core_system_source(struct core_system_scan *scan, uint32_t column,
                               const struct core_stream_column *from)
{
    static const char *const words[] = {[CORE_STREAM_PATH] = "",
                                        [CORE_STREAM_KEY] = "key",
                                        [CORE_STREAM_HEADER] = "header ",
                                        [CORE_STREAM_RESIDUE] = "rest"};
    char text[CORE_STREAM_SOURCE_BYTES_MAX + 16];
    snprintf(text, sizeof(text), "%s%s", words[from->from], from->source);
    core_system_string(scan, column, text);
}

static void core_system_fill_columns(struct core_system_scan *scan)
{
    struct core_tree_walk walk;
    const struct core_stream *stream = core_system_stream(scan, &walk, true);
    for (; stream != NULL; stream = core_tree_next(&walk)) {
        if (strcmp(stream->name, scan->name) != 0) {
            snprintf(scan->name, sizeof(scan->name), "%s", stream->name);
            scan->position = 0;
        }
        for (; scan->position < stream->columns_count; scan->position++) {
            if (scan->row == CORE_SYSTEM_ROWS_MAX) {
                return;
            }
            const struct core_stream_column *from = &stream->columns[scan->position];
            char type[VEC_TYPE_TEXT_BYTES];
            struct bytes_writer w = bytes_writer(type, sizeof(type));
            vec_type_write(&w, from->type);
            core_system_string(scan, 0, stream->name);
            core_system_int4(scan, 1, scan->position + 1);
            core_system_string(scan, 2, from->name);
            core_system_text(scan, 3, type, w.pos);
            core_system_source(scan, 4, from);
            scan->row++;
        }
    }
    scan->is_end = true;
}

static int core_system_compare_view(const void *key, const void *item)
{
    return strcmp(key, ((const struct core_view *)item)->name);
}

static enum err core_system_views_open(struct core_system_scan *scan)
{
    void *views;
    enum err err = budget_alloc(scan->source.budget, CORE_SYSTEM_VIEWS_MAX * sizeof(*scan->views),
                                _Alignof(struct core_upkeep_row), &views);
    scan->views = views;
    scan->ask = (struct core_upkeep_ask){.done = core_system_views_asked, .rows = views};
    for (uint32_t i = CORE_SYSTEM_VIEW_STATE; i < CORE_SYSTEM_COLUMNS_MAX; i++) {
        scan->is_state_wanted = scan->is_state_wanted || scan->place[i] != UINT32_MAX;
    }
    return err;
}

/* A page's views that are still there, or begin a page. */
static void core_system_fill_views(struct core_system_scan *scan)
{
    const struct core_catalog *catalog = scan->source.scans->cs->catalog;
    if (!scan->has_page) {
        core_system_views_page(scan);
        if (scan->is_away) {
            return;
        }
    }
    scan->has_page = false;
    scan->is_end = scan->ask.rows_count < CORE_SYSTEM_VIEWS_MAX;
    for (uint32_t i = 0; i < scan->ask.rows_count && scan->arena.err == ERR_OK; i++) {
        const struct core_view *view = core_upkeep_row_view(catalog, &scan->views[i]);
        if (view != NULL) {
            const struct core_topic *topic = core_catalog_find_uuid(catalog, &view->source->topic);
            ASSERT(topic != NULL); /* it outlives the view */
            core_system_fill_view(scan, view, topic->name);
            core_system_fill_upkeep(scan, &scan->views[i]);
            scan->row++;
        }
    }
}

/* The next views of the catalog, and ask how they stand. */
static void core_system_views_page(struct core_system_scan *scan)
{
    struct core_shard *cs = scan->source.scans->cs;
    struct core_tree_walk walk;
    uint32_t count = 0;
    core_tree_walk(&walk, cs->catalog->views_by_name, core_system_compare_view, scan->name);
    const struct core_view *view = core_tree_next(&walk);
    if (view != NULL && strcmp(view->name, scan->name) == 0) {
        view = core_tree_next(&walk);
    }
    for (; view != NULL && count < CORE_SYSTEM_VIEWS_MAX; view = core_tree_next(&walk)) {
        scan->views[count++] =
            (struct core_upkeep_row){.view = view->uuid, .lineage = view->lineage};
        snprintf(scan->name, sizeof(scan->name), "%s", view->name);
    }
    scan->ask.rows_count = count;
    scan->is_away = scan->is_state_wanted && count > 0 && core_upkeep_ask_start(cs, &scan->ask);
}

static void core_system_views_asked(struct core_upkeep_ask *ask)
{
    core_system_here(CONTAINER_OF(ask, struct core_system_scan, ask));
}

/* How it stands. */
static void core_system_fill_upkeep(struct core_system_scan *scan,
                                    const struct core_upkeep_row *row)
{
    char why[sizeof(row->why) + CORE_FAULTS_BYTES];
    core_system_string(scan, 9, core_upkeep_status_name(row->status));
    core_system_int4(scan, 10, row->is_degraded);
    core_faults_why(&row->faults, row->why, why, sizeof(why));
    core_system_string(scan, 11, why);
    if (why[0] == '\0') {
        core_system_null(scan, 11);
    }
    core_system_int8(scan, 12, (int64_t)row->tick);
    if (row->tick == 0) {
        core_system_null(scan, 12);
    }
    core_system_int8(scan, 13, (int64_t)(row->lag_ns / RT_NS_PER_MS));
    core_system_int8(scan, 14, (int64_t)row->rows_count);
    core_system_int8(scan, 15, (int64_t)row->bytes);
    core_system_int8(scan, 16, (int64_t)row->records_count);
    core_system_int8(scan, 17, (int64_t)row->left_count);
    core_system_int8(scan, 18, (int64_t)row->faults.count);
    core_system_int4(scan, 19, row->faults.partition);
    core_system_int8(scan, 20, (int64_t)row->faults.offset);
    if (row->faults.count == 0) {
        core_system_null(scan, 19);
        core_system_null(scan, 20);
    }
    core_system_int8(scan, 21, (int64_t)(row->eta_ns / RT_NS_PER_MS));
    if (row->eta_ns == 0) {
        core_system_null(scan, 21);
    }
    core_system_int8(scan, 22, (int64_t)(row->fresh_ns / RT_NS_PER_US));
    if (row->fresh_ns == 0) {
        core_system_null(scan, 22);
    }
    core_system_fill_rebind(scan, &row->rebind);
}

/* How its heir stands, or what became of it. */
static void core_system_fill_rebind(struct core_system_scan *scan,
                                    const struct core_upkeep_rebind *rebind)
{
    core_system_string(scan, 23, rebind->is_under_way ? "building" : "given up");
    core_system_string(scan, 24, rebind->why);
    core_system_int8(scan, 25, (int64_t)rebind->records_count);
    core_system_int8(scan, 26, (int64_t)rebind->left_count);
    core_system_int8(scan, 27, (int64_t)(rebind->eta_ns / RT_NS_PER_MS));
    for (uint32_t i = 23; i < CORE_SYSTEM_COLUMNS_MAX; i++) {
        bool is_there = i == 23   ? rebind->is_under_way || rebind->why[0] != '\0'
                        : i == 24 ? rebind->why[0] != '\0'
                        : i == 27 ? rebind->is_under_way && rebind->eta_ns > 0
                                  : rebind->is_under_way;
        if (!is_there) {
            core_system_null(scan, i);
        }
    }
}

static void core_system_fill_view(struct core_system_scan *scan, const struct core_view *view,
                                  const char *topic_name)
{
    char origin[64];
    struct bytes_writer w = bytes_writer(origin, sizeof(origin));
    core_view_write_origin(&w, view);
    core_system_string(scan, 0, view->name);
    core_system_string(scan, 1, view->source->name);
    core_system_string(scan, 2, topic_name);
    core_system_text(scan, 3, origin, w.pos);
    core_system_int4(scan, 4, view->incarnation);
    core_system_int4(scan, 5, view->columns_count);
    core_system_key(scan, 6, view);
    core_system_time(scan, 7, view->created_ms);
    core_system_text(scan, 8, view->sql, view->sql_bytes);
}

/* The names of its key as a JSON array, where all are shown. */
static void core_system_key(struct core_system_scan *scan, uint32_t column,
                            const struct core_view *view)
{
    struct vec_vector *vector = core_system_vector(scan, column);
    if (vector == NULL || !core_view_has_key(view->keys, view->keys_count)) {
        core_system_null(scan, column);
        return;
    }
    size_t room_bytes = 2 + (size_t)view->keys_count * (6 * CORE_VIEW_NAME_BYTES_MAX + 3);
    char *text = arena_alloc(&scan->arena, room_bytes, 1);
    char *value = arena_alloc(&scan->arena, room_bytes + 16u * view->keys_count + 16u, 1);
    if (text == NULL || value == NULL) {
        return; /* scan->arena.err */
    }
    struct bytes_writer w = bytes_writer(text, room_bytes);
    bytes_put_u8(&w, '[');
    for (uint32_t i = 0; i < view->keys_count; i++) {
        const char *name = view->columns[view->keys[i]].name;
        bytes_put_copy(&w, ",", i > 0 ? 1 : 0);
        vec_jsonb_write_string(&w, (struct vec_text){name, (uint32_t)strlen(name)});
    }
    bytes_put_u8(&w, ']');
    ASSERT(w.err == ERR_OK);
    struct bytes_writer jsonb = bytes_writer(value, room_bytes + 16u * view->keys_count + 16u);
    enum vec_fault fault = vec_jsonb_parse(text, w.pos, &scan->arena, &jsonb);
    ASSERT(fault == VEC_FAULT_NONE || fault == VEC_FAULT_MEMORY); /* the text is ours */
    ASSERT(IMPLIES(fault == VEC_FAULT_NONE, jsonb.err == ERR_OK));
    ((struct vec_bytes *)(uintptr_t)vector->data)[scan->row] =
        (struct vec_bytes){value, fault == VEC_FAULT_NONE ? (uint32_t)jsonb.pos : 0};
}

/* --- Errors --- */

static enum err core_system_errors_open(struct core_system_scan *scan)
{
    void *errors = NULL;
    void *page = NULL;
    enum err err = budget_alloc(scan->source.budget, CORE_SYSTEM_ROWS_MAX * sizeof(*scan->errors),
                                _Alignof(struct core_error), &errors);
    if (err == ERR_OK) {
        err = budget_alloc(scan->source.budget, CORE_SYSTEM_PAGE_BYTES, 1, &page);
    }
    scan->errors = errors;
    scan->page = page;
    scan->seed = scan->source.scans->cs->errors.seed;
    return err;
}

/* A page's errors that have not been given, or ask for a page. */
static void core_system_fill_errors(struct core_system_scan *scan)
{
    if (!scan->has_page) {
        core_system_ask(scan);
        return;
    }
    scan->has_page = false;
    for (uint32_t i = 0; i < scan->errors_count && scan->arena.err == ERR_OK; i++) {
        const struct core_error *error = &scan->errors[i];
        if (!core_system_is_new(scan, error)) {
            continue;
        }
        core_system_string(scan, 0, error->stream_name);
        core_system_string(scan, 1, error->topic_name);
        core_system_int4(scan, 2, error->partition);
        core_system_int8(scan, 3, (int64_t)error->offset);
        core_system_string(scan, 4, error->column);
        core_system_string(scan, 5, error->code);
        core_system_string(scan, 6, error->path);
        core_system_text(scan, 7, error->excerpt, error->excerpt_bytes);
        if (error->column[0] == '\0') {
            core_system_null(scan, 4);
        }
        scan->row++;
    }
    if (scan->errors_count == 0) {
        scan->shard++;
        scan->number = 0;
        scan->is_end = scan->shard == scan->source.scans->cs->core->shards_count;
    }
}

static void core_system_ask(struct core_system_scan *scan)
{
    scan->is_away = true;
    core_call_start(scan->source.scans->cs, scan->shard, &scan->call, core_system_page,
                    core_system_paged);
}

const char *core_system_page_text(char **at, const char *end, const char *text)
{
    size_t bytes = strlen(text) + 1;
    if (*at == NULL || bytes > (size_t)(end - *at)) {
        *at = NULL;
        return NULL;
    }
    char *copy = memcpy(*at, text, bytes);
    *at += bytes;
    return copy;
}

/* On the shard asked: its next errors, copied. */
static void core_system_page(struct core_shard *at, struct core_call *call)
{
    struct core_system_scan *scan = CONTAINER_OF(call, struct core_system_scan, call);
    const char *end = scan->page + CORE_SYSTEM_PAGE_BYTES;
    char *pos = scan->page;
    uint64_t number = scan->number;
    scan->errors_count = 0;
    struct core_error error;
    while (scan->errors_count < CORE_SYSTEM_ROWS_MAX &&
           core_errors_next(&at->errors, &number, &error)) {
        struct core_error *copy = &scan->errors[scan->errors_count];
        *copy = error;
        copy->stream_name = core_system_page_text(&pos, end, error.stream_name);
        copy->topic_name = core_system_page_text(&pos, end, error.topic_name);
        copy->column = core_system_page_text(&pos, end, error.column);
        copy->path = core_system_page_text(&pos, end, error.path);
        copy->excerpt = core_system_page_text(&pos, end, error.excerpt);
        if (pos == NULL) {
            ASSERT(scan->errors_count > 0);
            break;
        }
        scan->errors_count++;
        scan->number = number;
    }
    core_call_end(at, call);
}

void core_system_paged(struct core_shard *home, struct core_call *call)
{
    (void)home;
    core_system_here(CONTAINER_OF(call, struct core_system_scan, call));
}

/* A page has come. */
static void core_system_here(struct core_system_scan *scan)
{
    struct core_scans *scans = scan->source.scans;
    scan->is_away = false;
    scan->has_page = true;
    if (scan->is_closing) {
        core_system_end(scan, true);
    } else {
        scans->ready(scans->ctx);
    }
}

/* Room for twice as many hashes. False: no memory. */
static bool core_system_seen_grow(struct core_system_scan *scan)
{
    size_t capacity = scan->seen_capacity == 0 ? CORE_SYSTEM_SEEN_MIN : scan->seen_capacity * 2;
    void *block;
    if (budget_alloc(scan->source.budget, capacity * sizeof(*scan->seen), 8, &block) != ERR_OK) {
        return false;
    }
    uint64_t *seen = block;
    for (size_t i = 0; i < scan->seen_capacity; i++) {
        uint64_t hash = scan->seen[i];
        size_t at = hash & (capacity - 1);
        while (hash != 0 && seen[at] != 0) {
            at = (at + 1) & (capacity - 1);
        }
        if (hash != 0) {
            seen[at] = hash;
        }
    }
    budget_free(scan->source.budget, scan->seen);
    scan->seen = seen;
    scan->seen_capacity = capacity;
    return true;
}

/* Whether no shard before had it. Of one shard each is there once, but the set is the same. */
static bool core_system_is_new(struct core_system_scan *scan, const struct core_error *error)
{
    uint64_t hash = core_error_hash(error, scan->seed);
    hash = hash == 0 ? 1 : hash;
    if (scan->seen_count * 4 >= scan->seen_capacity * 3 && !core_system_seen_grow(scan)) {
        scan->arena.err = ERR_BUDGET;
        return false;
    }
    size_t at = hash & (scan->seen_capacity - 1);
    while (scan->seen[at] != 0 && scan->seen[at] != hash) {
        at = (at + 1) & (scan->seen_capacity - 1);
    }
    bool is_new = scan->seen[at] == 0;
    scan->seen[at] = hash;
    scan->seen_count += is_new;
    return is_new;
}

/* --- Ticks --- */

static enum err core_system_ticks_open(struct core_system_scan *scan)
{
    void *ticks;
    enum err err = budget_alloc(scan->source.budget, CORE_SYSTEM_ROWS_MAX * sizeof(*scan->ticks),
                                _Alignof(struct core_ticks_row), &ticks);
    scan->ticks = ticks;
    return err;
}

/* A page's rows, or ask for a page. */
static void core_system_fill_ticks(struct core_system_scan *scan)
{
    struct core_shard *cs = scan->source.scans->cs;
    uint32_t home = core_ticks_home(cs);
    if (home == UINT32_MAX) {
        scan->is_end = true;
        return;
    }
    if (!scan->has_page) {
        scan->is_away = true;
        core_call_start(cs, home, &scan->call, core_system_ticks_page, core_system_paged);
        return;
    }
    scan->has_page = false;
    scan->is_end = scan->ticks_count == 0;
    for (uint32_t i = 0; i < scan->ticks_count && scan->arena.err == ERR_OK; i++) {
        const struct core_ticks_row *row = &scan->ticks[i];
        const struct core_topic *topic = core_catalog_find_uuid(cs->catalog, &row->topic);
        char uuid[LOG_UUID_TEXT_BYTES];
        log_uuid_format(&row->topic, uuid);
        core_system_int8(scan, 0, (int64_t)row->tick);
        core_system_time(scan, 1, row->wall_ms);
        core_system_int4(scan, 2, row->is_whole);
        core_system_int4(scan, 3, row->starts_count);
        core_system_string(scan, 4, topic != NULL ? topic->name : uuid);
        core_system_int4(scan, 5, row->partition);
        core_system_int8(scan, 6, (int64_t)row->end);
        scan->row++;
    }
}

/* At the home: the next ones. */
static void core_system_ticks_page(struct core_shard *at, struct core_call *call)
{
    struct core_system_scan *scan = CONTAINER_OF(call, struct core_system_scan, call);
    scan->ticks_count = core_ticks_rows(at, &scan->tick, scan->ticks, CORE_SYSTEM_ROWS_MAX);
    core_call_end(at, call);
}

/* --- Closing --- */

static void core_system_close(struct exec_source *source)
{
    struct core_system_scan *scan = CONTAINER_OF(source, struct core_system_scan, source);
    scan->is_closing = true;
    core_system_end(scan, false);
}

static void core_system_end(struct core_system_scan *scan, bool is_turn)
{
    if (scan->is_away) {
        return;
    }
    budget_free(scan->source.budget, scan->errors);
    budget_free(scan->source.budget, scan->page);
    budget_free(scan->source.budget, scan->seen);
    budget_free(scan->source.budget, scan->ticks);
    budget_free(scan->source.budget, scan->views);
    budget_free(scan->source.budget, scan->activities);
    arena_deinit(&scan->arena);
    core_source_free(&scan->source, is_turn);
}
