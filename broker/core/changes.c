/* The change log of a view's part. See changes.h.
 *
 * A chunk is one block: head, pairs, then the columns of the minus and of the plus, each of
 *
 *     a byte for each column: whether it has nulls
 *     of each column: words of a bitmap where it has, values
 *     bytes of texts and documents
 *
 * Vectors are made of it by who reads: most chunks have a row or two, and vectors would be most of
 * them.
 *
 * Readers on other shards walk from `first` to `last` by `next`, which is written once, before
 * `last` can be it. What leaves the log while it is read goes aside, and from there, oldest first,
 * when no reading covers it. */
#include "broker/core/changes.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_int.h"

/* How long a log that nobody keeps is kept. */
#define CORE_CHANGES_LINGER_NS (600 * RT_NS_PER_S)

/* Of the views' memory, what logs leave to rows: one in so many bytes. */
#define CORE_CHANGES_ROWS_PART 4u

/* Each so many chunks there is a stone: who looks far back goes from one to the one before. */
#define CORE_CHANGES_STONE_COUNT 256u

/* Chunks that leave in one step, so that nobody waits long. */
#define CORE_CHANGES_FREE_COUNT 512u

/* One side of a chunk being made. */
struct core_changes_side {
    const struct vec_batch *batch;
    size_t place;      /* where it begins */
    size_t text_place; /* where bytes of texts do */
    size_t end;        /* behind it */
};

static void core_changes_run(struct core_shard *at, struct core_call *call);
static void core_changes_done(struct core_shard *home, struct core_call *call);
static void core_changes_answer(struct core_shard *at, struct core_changes_ask *ask);
static void core_changes_keep(struct core_changes *changes, struct core_changes_ask *ask);
static void core_changes_read(struct core_changes *changes, struct core_changes_ask *ask);
static struct core_changes_chunk *core_changes_far(const struct core_changes *changes,
                                                   const struct core_changes_chunk *chunk);
static void core_changes_leave(struct core_changes *changes);
static void core_changes_unread(struct core_changes_ask *ask);
static void core_changes_late(struct rt_timer *timer);
static bool core_changes_put(struct core_changes *changes, const struct vec_batch *minus,
                             const struct vec_batch *plus);
static void core_changes_measure(struct core_changes_side *side, size_t place);
static void core_changes_copy(const struct core_changes_side *side, uint8_t *block);
static struct core_changes_chunk *core_changes_make(struct core_changes *changes, size_t bytes);
static void core_changes_abandon(struct core_changes *changes);
static bool core_changes_drop(struct core_changes *changes);
static bool core_changes_is_read(const struct core_changes *changes, uint64_t tick);
static void core_changes_drop_first(struct core_changes *changes);
static void core_changes_free(struct core_changes *changes, struct core_changes_chunk *chunk);

void core_changes_init(struct core_changes *changes, struct core_upkeep_part *part)
{
    const struct core *core = part->upkeep->cs->core;
    uint64_t bytes_max = core->config.view_changes_bytes_max != 0
                             ? core->config.view_changes_bytes_max
                             : CORE_CHANGES_BYTES_MAX;
    *changes = (struct core_changes){.part = part};
    budget_init(&changes->budget, "view changes", (size_t)(bytes_max / core->shards_count),
                &part->upkeep->budget);
    list_init(&changes->reads);
    rt_timer_init(&changes->timer, part->upkeep->cs->shard, core_changes_late);
}

bool core_changes_clear(struct core_changes *changes)
{
    rt_timer_stop(&changes->timer);
    changes->is_kept = false;
    return core_changes_trim(changes) && list_is_empty(&changes->reads);
}

void core_changes_deinit(struct core_changes *changes)
{
    ASSERT(changes->first == NULL);
    ASSERT(changes->aside == NULL);
    ASSERT(!rt_timer_is_running(&changes->timer));
    budget_deinit(&changes->budget);
}

/* --- What is asked --- */

bool core_changes_start(struct core_shard *cs, struct core_changes_ask *ask,
                        enum core_changes_op op)
{
    ASSERT(!ask->is_away);
    ASSERT(IMPLIES(op == CORE_CHANGES_LEAVE, ask->is_kept));
    ask->op = op;
    if (ask->shard == cs->shard->id) {
        core_changes_answer(cs, ask);
        return true;
    }
    ask->is_away = true;
    core_call_start(cs, ask->shard, &ask->call, core_changes_run, core_changes_done);
    return false;
}

static void core_changes_run(struct core_shard *at, struct core_call *call)
{
    core_changes_answer(at, CONTAINER_OF(call, struct core_changes_ask, call));
    core_call_end(at, call);
}

static void core_changes_done(struct core_shard *home, struct core_call *call)
{
    struct core_changes_ask *ask = CONTAINER_OF(call, struct core_changes_ask, call);
    (void)home;
    ask->is_away = false;
    ask->done(ask);
}

static void core_changes_answer(struct core_shard *at, struct core_changes_ask *ask)
{
    core_changes_unread(ask);
    struct core_upkeep_part *part = core_upkeep_find(&at->upkeep, &ask->view);
    bool is_there = part != NULL && part->is_made && part->stage != CORE_UPKEEP_OVER;
    ask->code = at->upkeep.is_stopping ? CORE_CLOSING : !is_there ? CORE_UNKNOWN_VIEW : part->code;
    ask->first = NULL;
    ask->last = NULL;
    if (ask->op == CORE_CHANGES_LEAVE) {
        ask->is_kept = false;
        if (is_there) {
            core_changes_leave(&part->changes);
        }
    } else if (ask->code != CORE_OK) {
        return;
    } else if (ask->op == CORE_CHANGES_KEEP) {
        core_changes_keep(&part->changes, ask);
    } else {
        core_changes_read(&part->changes, ask);
    }
}

static void core_changes_keep(struct core_changes *changes, struct core_changes_ask *ask)
{
    ASSERT(!ask->is_kept);
    rt_timer_stop(&changes->timer);
    if (!changes->is_kept) { /* a step under way is copied when it is applied */
        changes->is_kept = true;
        changes->reach = changes->part->rows.state.tick;
    }
    changes->keepers_count++;
    ask->is_kept = true;
    ask->reach = changes->reach;
    ask->begun = changes->part->begun_tick;
}

/* From the newest on: nearly all want what came last. */
static void core_changes_read(struct core_changes *changes, struct core_changes_ask *ask)
{
    ASSERT(ask->to <= changes->part->rows.state.tick);
    ask->reach = changes->reach;
    if (!changes->is_kept || ask->from < changes->reach) {
        ask->code = CORE_OFFSET_OUT_OF_RANGE;
        return;
    }
    struct core_changes_chunk *chunk = changes->last;
    while (chunk != NULL && chunk->tick > ask->to) {
        chunk = chunk->former;
    }
    const struct core_changes_chunk *last = chunk;
    const struct core_changes_chunk *first = NULL;
    while (chunk != NULL && chunk->tick > ask->from) {
        struct core_changes_chunk *far = core_changes_far(changes, chunk);
        first = chunk;
        chunk = far != NULL && far->tick > ask->from ? far : chunk->former;
    }
    ask->rows_count = 0;
    if (first != NULL) {
        ask->first = first;
        ask->last = last;
        ask->rows_count =
            last->rows_before + last->minus_count + last->plus_count - first->rows_before;
        ask->part = changes->part;
        list_push_back(&changes->reads, &ask->in_reads);
    }
}

/* The stone before the chunk; NULL: it is in the log no more. */
static struct core_changes_chunk *core_changes_far(const struct core_changes *changes,
                                                   const struct core_changes_chunk *chunk)
{
    uint32_t before = chunk->number - changes->first->number;
    uint32_t stone = (chunk->number - 1) / CORE_CHANGES_STONE_COUNT * CORE_CHANGES_STONE_COUNT;
    return before > 0 && stone >= changes->first->number ? chunk->far : NULL;
}

/* What was read is used no more. */
static void core_changes_unread(struct core_changes_ask *ask)
{
    if (list_is_linked(&ask->in_reads)) {
        list_remove(&ask->in_reads);
        core_upkeep_wake(ask->part); /* what went aside may go; it may have waited for that */
    }
}

static void core_changes_leave(struct core_changes *changes)
{
    ASSERT(changes->keepers_count > 0);
    changes->keepers_count--;
    if (changes->keepers_count == 0) {
        rt_timer_start(&changes->timer,
                       rt_now_ns(changes->part->upkeep->cs->shard) + CORE_CHANGES_LINGER_NS);
    }
}

static void core_changes_late(struct rt_timer *timer)
{
    struct core_changes *changes = CONTAINER_OF(timer, struct core_changes, timer);
    ASSERT(changes->keepers_count == 0);
    changes->is_kept = false;
    core_upkeep_wake(changes->part);
}

/* --- What is copied --- */

bool core_changes_capture(struct core_changes *changes)
{
    struct core_upkeep_part *part = changes->part;
    struct vec_batch minus;
    struct vec_batch plus;
    if (!changes->is_capturing) {
        changes->is_capturing = true;
        changes->pos = 0;
    }
    enum err err = ERR_END;
    if (changes->is_kept && changes->reach < part->tick) {
        err = maint_upkeep_changes(&part->rows, &changes->pos, &minus, &plus);
    }
    if (err == ERR_OK && minus.selection.count + plus.selection.count > 0 &&
        !core_changes_put(changes, &minus, &plus)) {
        err = ERR_BUDGET;
    }
    if (err == ERR_OK) {
        return false;
    }
    if (err != ERR_END) {
        core_changes_abandon(changes);
    }
    changes->is_capturing = false;
    return true;
}

/* The step under way is not in the log: nothing before it is of use. */
static void core_changes_abandon(struct core_changes *changes)
{
    changes->reach = changes->part->tick;
}

/* False: there is no memory. */
static bool core_changes_put(struct core_changes *changes, const struct vec_batch *minus,
                             const struct vec_batch *plus)
{
    struct core_changes_side sides[2] = {{.batch = minus}, {.batch = plus}};
    size_t place = sizeof(struct core_changes_chunk);
    size_t pairs_place = place;
    place += (minus->selection.count * sizeof(uint16_t) + 7) / 8 * 8;
    core_changes_measure(&sides[0], place);
    core_changes_measure(&sides[1], sides[0].end);
    if (sides[1].end > UINT32_MAX) {
        return false;
    }
    struct core_changes_chunk *chunk = core_changes_make(changes, sides[1].end);
    if (chunk == NULL) {
        return false;
    }
    uint8_t *block = (uint8_t *)chunk;
    uint16_t *pairs = (uint16_t *)(void *)(block + pairs_place);
    uint32_t k = 0;
    for (VEC_ROWS_EACH(minus->selection, i, row)) {
        while (k < plus->selection.count && vec_row(plus->selection, k) < row) {
            k++;
        }
        bool is_pair = k < plus->selection.count && vec_row(plus->selection, k) == row;
        pairs[i] = is_pair ? (uint16_t)k : CORE_CHANGES_NO_PAIR;
    }
    *chunk =
        (struct core_changes_chunk){.tick = changes->part->tick,
                                    .pairs = pairs,
                                    .bytes = (uint32_t)sides[1].end,
                                    .minus_count = minus->selection.count,
                                    .plus_count = plus->selection.count,
                                    .places = {(uint32_t)sides[0].place, (uint32_t)sides[1].place},
                                    .former = changes->last,
                                    .far = changes->stone};
    if (changes->last != NULL) {
        const struct core_changes_chunk *former = changes->last;
        chunk->number = former->number + 1;
        chunk->rows_before = former->rows_before + former->minus_count + former->plus_count;
    }
    core_changes_copy(&sides[0], block);
    core_changes_copy(&sides[1], block);
    if (changes->last != NULL) {
        changes->last->next = chunk;
    } else {
        changes->first = chunk;
    }
    changes->last = chunk;
    changes->stone = chunk->number % CORE_CHANGES_STONE_COUNT == 0 ? chunk : changes->stone;
    return true;
}

static bool core_changes_is_bytes(struct vec_type type)
{
    return type.kind == VEC_TEXT || type.kind == VEC_JSONB;
}

static size_t core_changes_words(uint32_t count)
{
    return (count + 63) / 64;
}

/* Bytes of `count` values, up to the next column. */
static size_t core_changes_data_bytes(struct vec_type type, uint32_t count)
{
    return (vec_kind_bytes((enum vec_kind)type.kind) * count + 7) / 8 * 8;
}

static bool core_changes_has_nulls(const struct vec_batch *batch, uint32_t column)
{
    struct vec_view view = vec_view(&batch->columns[column]);
    bool has_nulls = false;
    if (view.valid != NULL) {
        for (VEC_ROWS_EACH(batch->selection, i, row)) {
            has_nulls |= !vec_view_is_valid(&view, row);
        }
    }
    return has_nulls;
}

/* How large it is, at that place. */
static void core_changes_measure(struct core_changes_side *side, size_t place)
{
    const struct vec_batch *batch = side->batch;
    uint32_t count = batch->selection.count;
    size_t text_bytes = 0;
    side->place = place;
    if (count == 0) {
        side->end = place;
        return;
    }
    place += (batch->columns_count + 7) / 8 * 8;
    for (uint32_t column = 0; column < batch->columns_count; column++) {
        const struct vec_vector *v = &batch->columns[column];
        struct vec_view view = vec_view(v);
        place += core_changes_data_bytes(v->type, count);
        place += core_changes_has_nulls(batch, column)
                     ? core_changes_words(count) * sizeof(uint64_t)
                     : 0;
        if (core_changes_is_bytes(v->type)) {
            for (VEC_ROWS_EACH(batch->selection, i, row)) {
                text_bytes +=
                    vec_view_is_valid(&view, row) ? VEC_AT(&view, struct vec_bytes, row).length : 0;
            }
        }
    }
    side->text_place = place;
    side->end = (place + text_bytes + 7) / 8 * 8;
}

#define CORE_CHANGES_COPY(type)                                                                    \
    for (VEC_ROWS_EACH(selection, i, row)) {                                                       \
        ((type *)to)[i] = VEC_AT(view, type, row);                                                 \
    }

/* Values of a column, one after the other; what stands where there is none does not matter. */
static void core_changes_copy_values(const struct vec_view *view, struct vec_selection selection,
                                     enum vec_kind kind, void *to)
{
    switch (vec_kind_bytes(kind)) {
    case 1: CORE_CHANGES_COPY(uint8_t) break;
    case 4: CORE_CHANGES_COPY(uint32_t) break;
    case 8: CORE_CHANGES_COPY(uint64_t) break;
    case sizeof(struct vec_interval): CORE_CHANGES_COPY(struct vec_interval) break;
    case sizeof(struct vec_numeric): CORE_CHANGES_COPY(struct vec_numeric) break;
    default: UNREACHABLE();
    }
}

static void core_changes_copy(const struct core_changes_side *side, uint8_t *block)
{
    const struct vec_batch *batch = side->batch;
    uint32_t count = batch->selection.count;
    if (count == 0) {
        return;
    }
    uint8_t *has_nulls = block + side->place;
    uint8_t *to = has_nulls + (batch->columns_count + 7) / 8 * 8;
    char *text = (char *)block + side->text_place;
    for (uint32_t column = 0; column < batch->columns_count; column++) {
        const struct vec_vector *v = &batch->columns[column];
        struct vec_view view = vec_view(v);
        const uint64_t *valid = NULL;
        has_nulls[column] = core_changes_has_nulls(batch, column);
        if (has_nulls[column] != 0) {
            uint64_t *words = (uint64_t *)(void *)to;
            memset(words, 0, core_changes_words(count) * sizeof(uint64_t));
            for (VEC_ROWS_EACH(batch->selection, i, row)) {
                words[i / 64] |= (uint64_t)vec_view_is_valid(&view, row) << (i % 64);
            }
            valid = words;
            to += core_changes_words(count) * sizeof(uint64_t);
        }
        if (!core_changes_is_bytes(v->type)) {
            core_changes_copy_values(&view, batch->selection, (enum vec_kind)v->type.kind, to);
        } else {
            for (VEC_ROWS_EACH(batch->selection, i, row)) {
                struct vec_bytes bytes = {.data = NULL, .length = 0};
                if (valid == NULL || (valid[i / 64] >> (i % 64) & 1) != 0) {
                    bytes = VEC_AT(&view, struct vec_bytes, row);
                }
                if (bytes.length > 0) {
                    memcpy(text, bytes.data, bytes.length);
                }
                ((struct vec_bytes *)(void *)to)[i] = (struct vec_bytes){text, bytes.length};
                text += bytes.length;
            }
        }
        to += core_changes_data_bytes(v->type, count);
    }
}

void core_changes_batch(const struct core_changes_chunk *chunk, bool is_plus,
                        const struct plan_column *columns, uint32_t columns_count,
                        struct vec_vector *vectors, struct vec_batch *out)
{
    uint32_t count = is_plus ? chunk->plus_count : chunk->minus_count;
    *out = (struct vec_batch){.columns = vectors,
                              .columns_count = columns_count,
                              .rows_count = count,
                              .selection = {.count = count}};
    const uint8_t *has_nulls = (const uint8_t *)chunk + chunk->places[is_plus];
    const uint8_t *at = has_nulls + (columns_count + 7) / 8 * 8;
    for (uint32_t i = 0; i < columns_count; i++) {
        vectors[i] = (struct vec_vector){.type = columns[i].type, .form = VEC_FLAT};
        if (count > 0) {
            if (has_nulls[i] != 0) {
                vectors[i].valid = (const uint64_t *)(const void *)at;
                at += core_changes_words(count) * sizeof(uint64_t);
            }
            vectors[i].data = at;
            at += core_changes_data_bytes(columns[i].type, count);
        }
    }
}

/* --- Memory --- */

/* Whether so much may be taken from what views have. */
static bool core_changes_may_take(const struct core_upkeep *upkeep, size_t bytes)
{
    const struct budget *budget = &upkeep->budget;
    size_t kept_bytes = budget->limit_bytes / CORE_CHANGES_ROWS_PART;
    return budget->used_bytes + kept_bytes <= budget->limit_bytes &&
           bytes <= budget->limit_bytes - kept_bytes - budget->used_bytes;
}

/* A block; older steps go for it. NULL: there is no memory. */
static struct core_changes_chunk *core_changes_make(struct core_changes *changes, size_t bytes)
{
    struct core_upkeep *upkeep = changes->part->upkeep;
    size_t need_bytes = budget_block_bytes(bytes, 16);
    void *block;
    for (;;) {
        if (budget_left(&changes->budget) >= need_bytes &&
            core_changes_may_take(upkeep, need_bytes) &&
            budget_alloc(&changes->budget, bytes, 16, &block) == ERR_OK) {
            metric_move(&upkeep->changes_bytes, (int64_t)bytes);
            return block;
        }
        if (!core_changes_drop(changes)) {
            return NULL;
        }
    }
}

/* The oldest chunk goes, and its step with it, if that is not the one being copied. False: there is
 * none. */
static bool core_changes_drop(struct core_changes *changes)
{
    if (changes->first == NULL ||
        (changes->is_capturing && changes->first->tick == changes->part->tick)) {
        return false;
    }
    uint64_t tick = changes->first->tick;
    changes->reach = tick > changes->reach ? tick : changes->reach;
    core_changes_drop_first(changes);
    return true;
}

bool core_changes_trim(struct core_changes *changes)
{
    for (uint32_t i = 0; i < CORE_CHANGES_FREE_COUNT; i++) {
        struct core_changes_chunk *aside = changes->aside;
        const struct core_changes_chunk *first = changes->first;
        if (aside != NULL && !core_changes_is_read(changes, aside->tick)) {
            changes->aside = aside->former;
            core_changes_free(changes, aside);
        } else if (first != NULL && (!changes->is_kept || first->tick <= changes->reach)) {
            core_changes_drop_first(changes);
        } else {
            return true;
        }
    }
    return false;
}

static bool core_changes_is_read(const struct core_changes *changes, uint64_t tick)
{
    list_for_each (node, &changes->reads) {
        const struct core_changes_ask *ask = CONTAINER_OF(node, struct core_changes_ask, in_reads);
        if (tick >= ask->first->tick && tick <= ask->last->tick) {
            return true;
        }
    }
    return false;
}

static void core_changes_drop_first(struct core_changes *changes)
{
    struct core_changes_chunk *chunk = changes->first;
    changes->first = chunk == changes->last ? NULL : chunk->next;
    if (changes->first != NULL) {
        changes->first->former = NULL;
    } else {
        changes->last = NULL;
    }
    if (!core_changes_is_read(changes, chunk->tick)) {
        core_changes_free(changes, chunk);
        return;
    }
    chunk->former = NULL; /* `next` stays what readers walk by; those aside are linked otherwise */
    if (changes->aside == NULL) {
        changes->aside = chunk;
    } else {
        changes->aside_last->former = chunk;
    }
    changes->aside_last = chunk;
}

static void core_changes_free(struct core_changes *changes, struct core_changes_chunk *chunk)
{
    metric_move(&changes->part->upkeep->changes_bytes, -(int64_t)chunk->bytes);
    budget_free(&changes->budget, chunk);
}

bool core_changes_relieve(struct core_upkeep *upkeep)
{
    bool is_any = false;
    if (core_changes_may_take(upkeep, 0)) {
        return false;
    }
    uint32_t left_count = CORE_CHANGES_FREE_COUNT;
    list_for_each (node, &upkeep->parts) {
        struct core_upkeep_part *part = CONTAINER_OF(node, struct core_upkeep_part, in_parts);
        while (left_count > 0 && !core_changes_may_take(upkeep, 0) &&
               core_changes_drop(&part->changes)) {
            left_count--;
            is_any = true;
            core_upkeep_wake(part); /* the rest of the step, too */
        }
    }
    return is_any;
}
