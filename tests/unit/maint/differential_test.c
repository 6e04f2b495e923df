/* Views against questions: random rows, random statements, any cut into ticks. After every tick a
 * view shows what the statement answers over the rows so far; what changed, applied to the table
 * before, gives the table; and any number of shards has the same bytes. So has a view that takes
 * the same ticks again, as after a start: the first ones in one step, and from then on each changes
 * what it changed then. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/maint/statement.h"
#include "tests/unit/maint/world.h"
#include "views/vec/key.h"

#define DIFF_ROWS_MAX    300u
#define DIFF_TICKS_MAX   10u
#define DIFF_COLUMNS_MAX 8u
#define DIFF_VIEWS       3u

/* What a tick has changed: lines, sorted. */
struct diff_told {
    uint32_t rows_count; /* folded with it and those before */
    char **minus;
    uint32_t minus_count;
    char **plus;
    uint32_t plus_count;
};

/* One case. */
struct diff {
    uint64_t seed;
    struct chance chance;
    struct world world;
    struct statement statement;
    const struct maint_view *view;
    struct world_view views[DIFF_VIEWS]; /* of 1, 2 and 4 shards */
    struct world_view again;             /* begins when they are done */
    bool is_wild;                        /* doubles of any size */
    uint32_t *rows;                      /* folded so far */
    uint32_t rows_count;
    uint32_t *next; /* the tick's */
    uint32_t next_count;
    struct arena arena; /* of a tick */
    struct arena kept;  /* of the table before */
    char **before;      /* its lines */
    uint32_t before_count;
    struct arena telling;
    struct diff_told told[DIFF_TICKS_MAX];
    uint32_t told_count;
};

/* What all cases together came to. */
struct diff_sums {
    uint64_t ticks_count;
    uint64_t rows_count;    /* shown by views */
    uint64_t changes_count; /* pairs */
    uint64_t faults_count;  /* rows that were left out */
    uint64_t failed_count;  /* ticks at which the question failed */
    uint64_t held_count;    /* readings that went on over a tick */
    uint64_t replays_count; /* ticks that were taken again */
};

static void diff_fail(struct diff *d, const char *what, const char *why)
{
    fail_msg("seed %lu: %s\n  %s: %s", (unsigned long)d->seed, d->statement.text, what, why);
}

/* --- Rows --------------------------------------------------------------------------------------
 */

static struct vec_value diff_whole(struct diff *d, bool is_wide, uint32_t style)
{
    struct chance *chance = &d->chance;
    int64_t value = (int64_t)chance_below(chance, 11) - 5;
    if (style == 1) {
        value = (int64_t)chance_below(chance, 65536) * 37 - 99999;
    } else if (style == 2) {
        static const int64_t extremes[] = {INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 0, 1, -1, 2};
        value = extremes[chance_below(chance, ARRAY_COUNT(extremes))];
        value = is_wide ? value : (int32_t)value;
    }
    if (is_wide) {
        return (struct vec_value){.u.int8 = value};
    }
    return (struct vec_value){.u.int4 = (int32_t)value};
}

static struct vec_value diff_value(struct diff *d, struct vec_type type, uint32_t style)
{
    struct chance *chance = &d->chance;
    struct arena *a = &d->world.arena;
    switch ((enum vec_kind)type.kind) {
    case VEC_INTEGER: return diff_whole(d, false, style);
    case VEC_BIGINT: return diff_whole(d, true, style);
    case VEC_DOUBLE:
        if (d->is_wild) {
            return memory_value(chance, VEC_DOUBLE, a);
        }
        return (struct vec_value){.u.real = ((double)chance_below(chance, 2000) - 1000) / 7};
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
        if (style == 2) {
            return memory_value(chance, (enum vec_kind)type.kind, a);
        }
        return (struct vec_value){.u.int8 = (int64_t)chance_below(chance, 40) * 10000000};
    case VEC_TEXT:
        if (style == 1) {
            char text[64];
            int length = snprintf(text, sizeof(text), "key-%u%s", chance_below(chance, 500),
                                  chance_is(chance, 2) ? "-and-a-long-tail-behind-it" : "");
            return (struct vec_value){
                .u.bytes = {arena_copy(a, text, (size_t)length), (uint32_t)length}};
        }
        return memory_value(chance, VEC_TEXT, a);
    case VEC_NUMERIC:
        if (type.precision > 0) {
            struct vec_numeric cents =
                vec_numeric_from_scaled((int64_t)chance_below(chance, 60000) - 30000, type.scale);
            return (struct vec_value){.u.numeric = cents};
        }
        return memory_value(chance, VEC_NUMERIC, a);
    case VEC_BOOLEAN:
    case VEC_DATE:
    case VEC_INTERVAL:
    case VEC_JSONB: return memory_value(chance, (enum vec_kind)type.kind, a);
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
}

static void diff_rows(struct diff *d)
{
    struct chance *chance = &d->chance;
    struct vec_type types[DIFF_COLUMNS_MAX];
    uint32_t styles[DIFF_COLUMNS_MAX];
    uint32_t types_count = 2 + chance_below(chance, DIFF_COLUMNS_MAX - 1);
    for (uint32_t i = 0; i < types_count; i++) {
        types[i] = vec_type((enum vec_kind)(1 + chance_below(chance, VEC_KIND_COUNT - 1)));
        if (types[i].kind == VEC_NUMERIC && chance_is(chance, 2)) {
            types[i] = (struct vec_type){.kind = VEC_NUMERIC, .precision = 10, .scale = 2};
        }
        styles[i] = chance_below(chance, 7) % 3;
    }
    d->is_wild = chance_is(chance, 4);
    uint32_t rows_count = chance_size(chance, DIFF_ROWS_MAX);
    uint32_t nulls = chance_below(chance, 3);
    uint32_t partitions_count = 1 + chance_below(chance, WORLD_PARTITIONS_MAX);
    int64_t ends[WORLD_PARTITIONS_MAX] = {0};
    world_init(&d->world, types, types_count, rows_count);
    for (uint32_t row = 0; row < rows_count; row++) {
        for (uint32_t i = 0; i < types_count; i++) {
            struct vec_value *value = world_value(&d->world, row, i);
            *value = diff_value(d, types[i], styles[i]);
            value->is_null = nulls > 0 && chance_below(chance, 4 * nulls) == 0;
        }
        uint32_t partition = chance_below(chance, partitions_count);
        world_value(&d->world, row, types_count)->u.int8 = ends[partition]++;
        world_value(&d->world, row, types_count + 1)->u.int4 = (int32_t)partition;
        world_value(&d->world, row, types_count + 2)->u.int8 = chance_below(chance, 20);
    }
    statement_random(&d->statement, chance, types, types_count);
}

/* --- Comparing ---------------------------------------------------------------------------------
 */

/* A row, to be sorted: what must be the same, then what must be near. */
struct diff_row {
    char *line;
    double near[STATEMENT_COLUMNS_MAX];
    uint32_t near_count;
};

static int diff_row_compare(const void *a, const void *b)
{
    const struct diff_row *x = a;
    const struct diff_row *y = b;
    int order = strcmp(x->line, y->line);
    for (uint32_t i = 0; i < x->near_count && order == 0; i++) {
        order = (x->near[i] > y->near[i]) - (x->near[i] < y->near[i]);
    }
    return order;
}

/* The bytes of a value's key, as hexadecimal digits. */
static char *diff_key(struct diff *d, struct vec_type type, const struct vec_value *value)
{
    struct vec_vector column;
    const struct vec_vector *columns[] = {&column};
    struct vec_keys keys;
    vec_constant(type, value, &column);
    enum err err =
        vec_keys_make(&d->arena, columns, NULL, 1, (struct vec_selection){.count = 1}, &keys);
    assert_int_equal(err, ERR_OK);
    char *text = arena_alloc(&d->arena, 2 * keys.ends[0] + 1, 1);
    assert_non_null(text);
    for (uint32_t i = 0; i < keys.ends[0]; i++) {
        (void)snprintf(text + 2 * (size_t)i, 3, "%02x", keys.data[i]);
    }
    return text;
}

static struct diff_row *diff_sorted(struct diff *d, const struct world_table *table)
{
    struct diff_row *rows = arena_alloc(&d->arena, (table->count + 1) * sizeof(*rows), 8);
    assert_non_null(rows);
    for (uint32_t i = 0; i < table->count; i++) {
        struct diff_row *row = &rows[i];
        struct vec_value *values = &table->values[i * table->columns_count];
        char head[STATEMENT_BYTES] = "";
        size_t length = 0;
        row->near_count = 0;
        for (uint32_t k = 0; k < table->columns_count; k++) {
            enum statement_match match = d->statement.columns[k];
            if (match == STATEMENT_NEAR) {
                double value = values[k].is_null ? 0 : values[k].u.real;
                bool is_finite = isfinite(value);
                length += (size_t)snprintf(head + length, sizeof(head) - length, "%d%c|",
                                           values[k].is_null,
                                           is_finite        ? 'f'
                                           : value != value ? 'n'
                                           : value > 0      ? '+'
                                                            : '-');
                row->near[row->near_count++] = is_finite ? value : 0;
                values[k] = (struct vec_value){.is_null = true};
            } else if (match == STATEMENT_EQUAL) {
                length += (size_t)snprintf(head + length, sizeof(head) - length, "%s|",
                                           diff_key(d, table->types[k], &values[k]));
                values[k] = (struct vec_value){.is_null = true};
            }
            assert_true(length < sizeof(head));
        }
        char *rest = world_table_line(table, i);
        size_t room = length + strlen(rest) + 1;
        row->line = arena_alloc(&d->arena, room, 1);
        assert_non_null(row->line);
        (void)snprintf(row->line, room, "%s%s", head, rest);
    }
    qsort(rows, table->count, sizeof(*rows), diff_row_compare);
    return rows;
}

/* A billionth of all doubles there are, added up. */
static double diff_tolerance(struct diff *d)
{
    double sum = 0;
    for (uint32_t i = 0; i < d->rows_count; i++) {
        for (uint32_t k = 0; k < d->world.system; k++) {
            const struct vec_value *value = world_value(&d->world, d->rows[i], k);
            bool is_double = d->world.relation->columns[k].type.kind == VEC_DOUBLE;
            if (is_double && !value->is_null && isfinite(value->u.real)) {
                sum += fabs(value->u.real);
            }
        }
    }
    return 1e-9 * sum;
}

static void diff_compare(struct diff *d, const struct world_table *view,
                         const struct world_table *asked)
{
    struct diff_row *got = diff_sorted(d, view);
    struct diff_row *want = diff_sorted(d, asked);
    double tolerance = diff_tolerance(d);
    for (uint32_t i = 0; i < view->count || i < asked->count; i++) {
        if (i == view->count || i == asked->count || strcmp(got[i].line, want[i].line) != 0) {
            char why[2 * STATEMENT_BYTES];
            (void)snprintf(why, sizeof(why), "view %s\n  answer %s",
                           i < view->count ? got[i].line : "ends",
                           i < asked->count ? want[i].line : "ends");
            diff_fail(d, "rows", why);
        }
        for (uint32_t k = 0; k < got[i].near_count; k++) {
            if (fabs(got[i].near[k] - want[i].near[k]) > tolerance) {
                diff_fail(d, "a sum of doubles", got[i].line);
            }
        }
    }
}

/* --- Faults ------------------------------------------------------------------------------------
 */

static int diff_fault_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(uint32_t) + 4 + sizeof(int64_t));
}

/* All shards told the same rows; each fails alone, with the same SQLSTATE. */
static void diff_check_faults(struct diff *d, const struct plan *plan)
{
    struct world_view *first = &d->views[0];
    for (uint32_t i = 0; i < DIFF_VIEWS; i++) {
        struct world_view *v = &d->views[i];
        qsort(v->faults, v->faults_count, sizeof(v->faults[0]), diff_fault_compare);
        assert_int_equal(v->faults_count, first->faults_count);
        for (uint32_t k = 0; k < v->faults_count; k++) {
            assert_int_equal(diff_fault_compare(&v->faults[k], &first->faults[k]), 0);
            assert_string_equal(v->faults[k].state, first->faults[k].state);
        }
    }
    for (uint32_t i = 0; i < d->rows_count && first->faults_count > 0; i++) {
        int64_t offset = world_value(&d->world, d->rows[i], d->world.system)->u.int8;
        int32_t partition = world_value(&d->world, d->rows[i], d->world.system + 1)->u.int4;
        for (uint32_t k = 0; k < first->faults_count; k++) {
            if (first->faults[k].offset != offset ||
                first->faults[k].partition != (uint32_t)partition || !chance_is(&d->chance, 8)) {
                continue;
            }
            struct world_table table;
            const char *state;
            if (world_ask(&d->world, plan, &d->rows[i], 1, &d->arena, &table, &state)) {
                diff_fail(d, "a row that was left out does not fail", first->faults[k].state);
            }
            assert_string_equal(state, first->faults[k].state);
        }
    }
}

/* *rows = those folded so far that did not fail. */
static uint32_t diff_good_rows(struct diff *d, uint32_t *rows)
{
    const struct world_view *v = &d->views[0];
    uint32_t count = 0;
    for (uint32_t i = 0; i < d->rows_count; i++) {
        int64_t offset = world_value(&d->world, d->rows[i], d->world.system)->u.int8;
        int32_t partition = world_value(&d->world, d->rows[i], d->world.system + 1)->u.int4;
        bool is_good = true;
        for (uint32_t k = 0; k < v->faults_count && is_good; k++) {
            is_good =
                v->faults[k].offset != offset || v->faults[k].partition != (uint32_t)partition;
        }
        rows[count] = d->rows[i];
        count += is_good;
    }
    return count;
}

/* --- Ticks -------------------------------------------------------------------------------------
 */

/* The table before, without what went and with what came, is the table. */
static void diff_check_changes(struct diff *d, const struct world_table *table,
                               const struct world_table *minus, const struct world_table *plus)
{
    char **lines = world_table_lines(table);
    char **gone = world_table_lines(minus);
    char **come = world_table_lines(plus);
    uint32_t at = 0;
    uint32_t gone_at = 0;
    uint32_t come_at = 0;
    uint32_t before_at = 0;
    while (before_at < d->before_count || come_at < plus->count) {
        bool is_come = before_at == d->before_count ||
                       (come_at < plus->count && strcmp(come[come_at], d->before[before_at]) < 0);
        const char *line = is_come ? come[come_at] : d->before[before_at];
        come_at += is_come;
        before_at += !is_come;
        if (!is_come && gone_at < minus->count && strcmp(gone[gone_at], line) == 0) {
            gone_at++;
            continue;
        }
        if (at == table->count || strcmp(lines[at], line) != 0) {
            diff_fail(d, "changes do not lead here", line);
        }
        at++;
    }
    if (at != table->count || gone_at != minus->count) {
        diff_fail(d, "changes", at != table->count ? lines[at] : gone[gone_at]);
    }
    arena_reset(&d->kept);
    d->before = arena_alloc(&d->kept, (table->count + 1) * sizeof(*d->before), 8);
    for (uint32_t i = 0; i < table->count; i++) {
        d->before[i] = arena_copy(&d->kept, lines[i], strlen(lines[i]));
    }
    d->before_count = table->count;
}

/* The same by a key that was made, without a reading: of the newest tick. */
static void diff_check_get_at(struct diff *d, struct world_view *v, const struct vec_value *values,
                              const char *wanted)
{
    const struct maint_view *view = d->view;
    struct world_table found;
    struct maint_key key;
    struct arena scratch;
    world_table_init(&found, view->outputs, view->outputs_count, &d->arena);
    assert_int_equal(maint_key_make(&d->arena, view->key_types, values, view->keys_count, &key),
                     ERR_OK);
    arena_init(&scratch, &v->readers, 1024, SIZE_MAX);
    for (uint32_t shard = 0; shard < v->shards_count; shard++) {
        struct vec_batch batch;
        assert_int_equal(maint_upkeep_get(&v->upkeeps[shard], v->tick, &key, &scratch, &batch),
                         ERR_OK);
        world_table_add(&found, &batch);
    }
    arena_deinit(&scratch);
    assert_int_equal(found.count, 1);
    assert_string_equal(world_table_line(&found, 0), wanted);
}

/* A few rows are found by their keys, on one shard each. */
static void diff_check_get(struct diff *d, struct world_view *v, const struct world_table *table)
{
    const struct maint_view *view = d->view;
    for (uint32_t key = 0; key < view->keys_count; key++) {
        if (view->key_outputs[key] == UINT32_MAX) {
            return;
        }
    }
    for (uint32_t i = 0; i < 3 && table->count > 0; i++) {
        uint32_t row = chance_below(&d->chance, table->count);
        struct vec_value key[STATEMENT_COLUMNS_MAX];
        for (uint32_t k = 0; k < view->keys_count; k++) {
            key[k] = table->values[row * table->columns_count + view->key_outputs[k]];
        }
        struct world_table found;
        world_table_init(&found, view->outputs, view->outputs_count, &d->arena);
        for (uint32_t shard = 0; shard < v->shards_count; shard++) {
            struct maint_reading reading;
            struct vec_batch batch;
            maint_reading_open(&reading, &v->upkeeps[shard], v->tick, &v->readers);
            assert_int_equal(maint_reading_get(&reading, key, &batch), ERR_OK);
            world_table_add(&found, &batch);
            maint_reading_close(&reading);
        }
        assert_int_equal(found.count, 1);
        assert_string_equal(world_table_line(&found, 0), world_table_line(table, row));
        diff_check_get_at(d, v, key, world_table_line(table, row));
    }
}

/* A reader that stands still while ticks are applied. */
struct diff_held {
    bool is_open;
    struct maint_reading reading;
    struct world_table table; /* what it has read */
    struct world_table want;  /* what it is to read in all */
    struct arena arena;
};

static void diff_held_go(struct diff *d, struct diff_held *held, bool is_last)
{
    struct vec_batch batch;
    enum err err = ERR_OK;
    while (err == ERR_OK && (is_last || chance_below(&d->chance, 3) > 0)) {
        err = maint_reading_next(&held->reading, &batch);
        if (err == ERR_OK) {
            world_table_add(&held->table, &batch);
        }
    }
    if (err == ERR_END || is_last) {
        const char *why;
        assert_int_equal(err, ERR_END);
        if (!world_table_equal(&held->table, &held->want, &why)) {
            diff_fail(d, "a reader that was held", why);
        }
        maint_reading_close(&held->reading);
        arena_deinit(&held->arena);
        held->is_open = false;
    }
}

/* Begin to read a shard of the second view as it is now. */
static void diff_held_begin(struct diff *d, struct diff_held *held)
{
    struct world_view *v = &d->views[1];
    struct maint_reading reading;
    struct vec_batch batch;
    uint32_t shard = chance_below(&d->chance, v->shards_count);
    arena_init(&held->arena, &d->world.root, 4096, SIZE_MAX);
    world_table_init(&held->want, d->view->outputs, d->view->outputs_count, &held->arena);
    world_table_init(&held->table, d->view->outputs, d->view->outputs_count, &held->arena);
    maint_reading_open(&reading, &v->upkeeps[shard], v->tick, &v->readers);
    while (maint_reading_next(&reading, &batch) == ERR_OK) {
        world_table_add(&held->want, &batch);
    }
    maint_reading_close(&reading);
    maint_reading_open(&held->reading, &v->upkeeps[shard], v->tick, &v->readers);
    held->is_open = true;
    diff_held_go(d, held, false);
}

/* Choose the tick's rows: of each partition those up to some offset. */
static void diff_choose(struct diff *d, int64_t *ends, bool is_last)
{
    d->next_count = 0;
    for (uint32_t i = 0; i < WORLD_PARTITIONS_MAX; i++) {
        ends[i] += chance_below(&d->chance, 3) * chance_size(&d->chance, 60);
        ends[i] = is_last ? INT64_MAX : ends[i];
    }
    for (uint32_t row = 0; row < d->world.relation->rows_count; row++) {
        int64_t offset = world_value(&d->world, row, d->world.system)->u.int8;
        int32_t partition = world_value(&d->world, row, d->world.system + 1)->u.int4;
        bool is_folded = false;
        for (uint32_t i = 0; i < d->rows_count && !is_folded; i++) {
            is_folded = d->rows[i] == row;
        }
        if (!is_folded && offset < ends[partition]) {
            d->next[d->next_count++] = row;
        }
    }
}

/* The lines of the table, in an arena that lives as long as the case. */
static char **diff_keep(struct diff *d, const struct world_table *table)
{
    char **lines = world_table_lines(table);
    char **kept = arena_alloc(&d->telling, (table->count + 1) * sizeof(*kept), 8);
    assert_non_null(kept);
    for (uint32_t i = 0; i < table->count; i++) {
        kept[i] = arena_copy(&d->telling, lines[i], strlen(lines[i]));
        assert_non_null(kept[i]);
    }
    return kept;
}

static void diff_compare_lines(struct diff *d, char *const *was, uint32_t was_count,
                               const struct world_table *now, const char *what)
{
    char **lines = world_table_lines(now);
    for (uint32_t i = 0; i < was_count || i < now->count; i++) {
        bool is_end = i >= was_count || i >= now->count;
        if (is_end || strcmp(was[i], lines[i]) != 0) {
            diff_fail(d, what, i < now->count ? lines[i] : was[i]);
        }
    }
}

/* A view that begins anew on any number of shards and has some ticks in one step: those behind them
 * change the same rows as they did, to the byte. */
static void diff_replay(struct diff *d, struct diff_sums *sums)
{
    struct world_view *v = &d->again;
    uint32_t first = chance_below(&d->chance, d->told_count);
    world_view_init(v, &d->world, d->view, 1 + chance_below(&d->chance, WORLD_SHARDS_MAX),
                    &d->chance);
    if (first > 0) {
        world_view_tick(v, d->rows, d->told[first - 1].rows_count, &d->chance);
    }
    for (uint32_t i = first; i < d->told_count; i++) {
        const struct diff_told *told = &d->told[i];
        struct world_table minus;
        struct world_table plus;
        uint32_t begin = i > 0 ? d->told[i - 1].rows_count : 0;
        world_view_tick(v, d->rows + begin, told->rows_count - begin, &d->chance);
        world_view_changes(v, &d->arena, &minus, &plus);
        diff_compare_lines(d, told->minus, told->minus_count, &minus, "what goes when replayed");
        diff_compare_lines(d, told->plus, told->plus_count, &plus, "what comes when replayed");
        sums->replays_count++;
        arena_reset(&d->arena);
    }
    world_view_deinit(v);
}

static void diff_tick(struct diff *d, const struct plan *plan, struct diff_sums *sums)
{
    struct world_table table;
    struct world_table minus;
    struct world_table plus;
    struct world_table asked;
    const char *why = "";
    uint64_t left_out = 0;
    for (uint32_t i = 0; i < DIFF_VIEWS; i++) {
        struct world_view *v = &d->views[i];
        struct world_table its[3];
        world_view_tick(v, d->next, d->next_count, &d->chance);
        uint64_t its_left_out = world_view_read(v, &d->arena, &its[0]);
        world_view_changes(v, &d->arena, &its[1], &its[2]);
        if (i == 0) {
            table = its[0];
            minus = its[1];
            plus = its[2];
            left_out = its_left_out;
        } else if (!world_table_equal(&its[0], &table, &why) ||
                   !world_table_equal(&its[1], &minus, &why) ||
                   !world_table_equal(&its[2], &plus, &why) || its_left_out != left_out) {
            diff_fail(d, "shards differ", why);
        }
        diff_check_get(d, v, &its[0]);
    }
    memcpy(d->rows + d->rows_count, d->next, d->next_count * sizeof(*d->rows));
    d->rows_count += d->next_count;
    diff_check_changes(d, &table, &minus, &plus);
    d->told[d->told_count++] = (struct diff_told){.rows_count = d->rows_count,
                                                  .minus = diff_keep(d, &minus),
                                                  .minus_count = minus.count,
                                                  .plus = diff_keep(d, &plus),
                                                  .plus_count = plus.count};
    diff_check_faults(d, plan);
    uint32_t *good = arena_alloc(&d->arena, (d->rows_count + 1) * sizeof(*good), 8);
    assert_non_null(good);
    uint32_t good_count = diff_good_rows(d, good);
    sums->ticks_count++;
    sums->rows_count += table.count;
    sums->changes_count += minus.count + plus.count;
    if (world_ask(&d->world, plan, good, good_count, &d->arena, &asked, &why)) {
        if (left_out > 0) {
            diff_fail(d, "groups are left out", "the question answers all");
        }
        diff_compare(d, &table, &asked);
    } else {
        sums->failed_count++;
        if (left_out == 0 && !d->statement.has_near) {
            diff_fail(d, "no group is left out, the question fails", why);
        }
    }
    arena_reset(&d->arena);
}

static void diff_case(uint64_t seed, struct diff_sums *sums)
{
    static struct diff diff;
    struct diff *d = &diff;
    *d = (struct diff){.seed = seed, .chance = chance_seed(seed)};
    diff_rows(d);
    uint32_t rows_count = d->world.relation->rows_count;
    arena_init(&d->arena, &d->world.root, 64u << 10, SIZE_MAX);
    arena_init(&d->kept, &d->world.root, 64u << 10, SIZE_MAX);
    arena_init(&d->telling, &d->world.root, 64u << 10, SIZE_MAX);
    d->rows = arena_alloc(&d->world.arena, (rows_count + 1) * sizeof(*d->rows), 8);
    d->next = arena_alloc(&d->world.arena, (rows_count + 1) * sizeof(*d->next), 8);
    struct plan plan;
    struct sql_error error = {0};
    enum err err = world_bind(&d->world, d->statement.text, &plan, &error);
    bool is_view = false;
    if (err == ERR_OK) {
        struct maint_view *view;
        struct maint_refusal refusal;
        is_view = maint_view_make(&d->world.arena, &plan, &view, &refusal) == ERR_OK;
        d->view = is_view ? view : NULL;
        if (!is_view && plan.root->kind != PLAN_VALUES) {
            diff_fail(d, "refused", refusal.message);
        }
    } else {
        diff_fail(d, "no statement", error.message);
    }
    for (uint32_t i = 0; i < DIFF_VIEWS && is_view; i++) {
        world_view_init(&d->views[i], &d->world, d->view, 1u << i, &d->chance);
    }
    struct diff_held held = {.is_open = false};
    uint32_t ticks_count = 1 + chance_below(&d->chance, DIFF_TICKS_MAX);
    int64_t ends[WORLD_PARTITIONS_MAX] = {0};
    for (uint32_t i = 0; i < ticks_count && is_view; i++) {
        diff_choose(d, ends, i + 1 == ticks_count);
        diff_tick(d, &plan, sums);
        if (held.is_open) {
            sums->held_count++;
            diff_held_go(d, &held, false);
        } else if (chance_is(&d->chance, 2)) {
            diff_held_begin(d, &held);
        }
    }
    if (held.is_open) {
        diff_held_go(d, &held, true);
    }
    if (is_view) {
        diff_replay(d, sums);
    }
    sums->faults_count += d->views[0].faults_count;
    for (uint32_t i = 0; i < DIFF_VIEWS && is_view; i++) {
        world_view_deinit(&d->views[i]);
    }
    arena_deinit(&d->telling);
    arena_deinit(&d->kept);
    arena_deinit(&d->arena);
    world_deinit(&d->world);
}

static void a_view_shows_what_the_statement_answers(void **state)
{
    (void)state;
    struct diff_sums sums = {0};
    struct share share = share_open("views against questions", 90);
    while (share_more(&share)) {
        diff_case(share_case_seed(&share), &sums);
    }
    print_message("%lu ticks, %lu rows shown, %lu changed, %lu rows left out, %lu questions "
                  "failed, %lu readings held, %lu ticks replayed\n",
                  (unsigned long)sums.ticks_count, (unsigned long)sums.rows_count,
                  (unsigned long)sums.changes_count, (unsigned long)sums.faults_count,
                  (unsigned long)sums.failed_count, (unsigned long)sums.held_count,
                  (unsigned long)sums.replays_count);
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_shows_what_the_statement_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
