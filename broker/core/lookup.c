/* Rows of views by their keys. See lookup.h.
 *
 * A letter has up to CORE_LOOKUP_LETTER_MAX keys of one view on one shard. It is begun by the first
 * one and leaves in the next turn of the loop, or when it is full; what is looked up at a time is
 * so little that it is done where the letter arrives. Rows are found in three passes, so that the
 * memory of the index and of the rows comes for all while each is waited for. */
#include "broker/core/lookup.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_home.h"

/* Keys of a letter; letters of a shard under way; those that are looked through for one that has
 * room. */
#define CORE_LOOKUP_LETTER_MAX  64u
#define CORE_LOOKUP_LETTERS_MAX 4096u
#define CORE_LOOKUP_OPEN_MAX    16u

/* Chunks of the scratch. */
#define CORE_LOOKUP_SCRATCH_BYTES (8u << 10)

/* Some that travel together. */
struct core_lookup_letter {
    struct core_call call;    /* there and back */
    struct list_node in_open; /* core_lookups.open */
    struct list lookups;      /* core_lookup.in_letter */
    uint32_t count;           /* of them */
    uint32_t shard;           /* whose rows */
    struct log_uuid view;     /* of all */

    /* Answered. */
    uint64_t tick;                 /* that they are read at */
    struct core_position position; /* that they hold then */
    uint64_t errors_count;         /* of the view, likewise */
    bool is_readable;              /* the view was */
};

static const struct metric_family core_lookups_family = {
    .name = "tdb_view_lookups_total",
    .help = "Rows of materialized views looked up by key without a statement.",
    .type = METRIC_COUNTER};

static bool core_lookup_is_held(const struct core_lookup *lookup,
                                const struct core_position *position);
static void core_lookup_here(struct core_lookups *lookups, struct core_lookup *lookup,
                             uint64_t tick);
static void core_lookup_find(struct core_lookups *lookups, struct core_upkeep_part *part,
                             uint64_t tick, struct core_lookup *lookup);
static void core_lookup_answered(struct core_shard *cs, struct core_lookup *lookup);
static bool core_lookup_post(struct core_lookups *lookups, struct core_lookup *lookup,
                             uint32_t shard);
static struct core_lookup_letter *core_lookup_letter(struct core_lookups *lookups,
                                                     const struct log_uuid *view, uint32_t shard);
static void core_lookup_send(struct core_lookups *lookups, struct core_lookup_letter *letter);
static void core_lookup_send_all(struct rt_op *op);
static void core_lookup_at_home(struct core_shard *at, struct core_call *call);
static void core_lookup_at_rows(struct core_shard *at, struct core_call *call);
static void core_lookup_came_home(struct core_shard *home, struct core_call *call);
static bool core_lookup_keep(struct core_lookup *lookup, const struct vec_batch *row);

void core_lookups_open(struct core_lookups *lookups, struct core_shard *cs)
{
    *lookups = (struct core_lookups){.cs = cs};
    pool_init(&lookups->pool, &cs->budget, sizeof(struct core_lookup_letter), 64,
              CORE_LOOKUP_LETTERS_MAX);
    list_init(&lookups->open);
    rt_op_init(&lookups->op, cs->shard, core_lookup_send_all);
    arena_init(&lookups->scratch, &cs->upkeep.budget, CORE_LOOKUP_SCRATCH_BYTES, SIZE_MAX);
    metric_counter_init(&lookups->ended, &cs->metrics, &core_lookups_family, NULL, 0);
}

void core_lookups_close(struct core_lookups *lookups)
{
    ASSERT(list_is_empty(&lookups->open));
    arena_deinit(&lookups->scratch);
    pool_deinit(&lookups->pool);
}

bool core_lookup_start(struct core_shard *cs, struct core_lookup *lookup)
{
    uint32_t home = core_ticks_home(cs);
    uint32_t shard = cs->upkeep.slice_target[store_slice_of(lookup->key.hash)];
    uint64_t tick;
    lookup->result = CORE_LOOKUP_ELSE;
    if (home == UINT32_MAX) { /* the view is so new that there is no timeline yet */
        return true;
    }
    lookup->began_ns = rt_now_ns(cs->shard);
    if (home != cs->shard->id || shard != cs->shard->id) {
        return !core_lookup_post(&cs->lookups, lookup, shard);
    }
    if (core_upkeep_newest(&cs->upkeep, &lookup->view, &tick, &lookup->position,
                           &lookup->errors_count) &&
        core_lookup_is_held(lookup, &lookup->position)) {
        core_lookup_here(&cs->lookups, lookup, tick);
        core_lookup_answered(cs, lookup);
    }
    return true;
}

/* Whether what is to be held is in a state of that position. */
static bool core_lookup_is_held(const struct core_lookup *lookup,
                                const struct core_position *position)
{
    const struct core_position *min = &lookup->position_min;
    return min->epoch == 0 || (min->epoch == position->epoch && min->tick <= position->tick);
}

/* --- Rows ---------------------------------------------------------------------------------------
 */

/* A view's rows on this shard, if they can be read. */
static struct core_upkeep_part *core_lookup_part(const struct core_shard *at,
                                                 const struct log_uuid *view)
{
    struct core_upkeep_part *part = core_upkeep_find(&at->upkeep, view);
    bool is_readable = !at->upkeep.is_stopping && part != NULL && part->stage != CORE_UPKEEP_OVER &&
                       part->code == CORE_OK;
    return is_readable ? part : NULL;
}

static void core_lookup_here(struct core_lookups *lookups, struct core_lookup *lookup,
                             uint64_t tick)
{
    struct core_upkeep_part *part = core_lookup_part(lookups->cs, &lookup->view);
    if (part != NULL) {
        core_lookup_find(lookups, part, tick, lookup);
    }
}

/* The row is in the scratch then. */
static void core_lookup_find(struct core_lookups *lookups, struct core_upkeep_part *part,
                             uint64_t tick, struct core_lookup *lookup)
{
    enum err err =
        maint_upkeep_get(&part->rows, tick, &lookup->key, &lookups->scratch, &lookup->row);
    lookup->result = err != ERR_OK                     ? CORE_LOOKUP_ELSE
                     : lookup->row.selection.count > 0 ? CORE_LOOKUP_ROW
                                                       : CORE_LOOKUP_NONE;
}

/* It counts as the statement that it stands for. */
static void core_lookup_answered(struct core_shard *cs, struct core_lookup *lookup)
{
    struct core_queries_metrics *metrics = &cs->queries.metrics;
    if (lookup->result == CORE_LOOKUP_ELSE) {
        return;
    }
    bool has_row = lookup->result == CORE_LOOKUP_ROW;
    metric_add(&cs->lookups.ended, 1);
    metric_add(&metrics->ended[CORE_QUERIES_OK], 1);
    metric_observe(&metrics->time, rt_now_ns(cs->shard) - lookup->began_ns);
    metric_add(&metrics->rows, has_row);
    metric_add(&metrics->records, has_row);
}

/* --- Letters ------------------------------------------------------------------------------------
 */

/* False: there is no letter for it. */
static bool core_lookup_post(struct core_lookups *lookups, struct core_lookup *lookup,
                             uint32_t shard)
{
    struct core_lookup_letter *letter = core_lookup_letter(lookups, &lookup->view, shard);
    if (letter == NULL) {
        return false;
    }
    list_push_back(&letter->lookups, &lookup->in_letter);
    if (++letter->count == CORE_LOOKUP_LETTER_MAX) {
        core_lookup_send(lookups, letter);
    } else if (rt_op_is_idle(&lookups->op)) {
        rt_op_defer(&lookups->op);
    }
    return true;
}

/* One that is open, or a new one; NULL: no memory. */
static struct core_lookup_letter *core_lookup_letter(struct core_lookups *lookups,
                                                     const struct log_uuid *view, uint32_t shard)
{
    struct core_lookup_letter *letter;
    uint32_t looks_left = CORE_LOOKUP_OPEN_MAX;
    list_for_each (node, &lookups->open) {
        letter = CONTAINER_OF(node, struct core_lookup_letter, in_open);
        if (letter->shard == shard && log_uuid_is_equal(&letter->view, view)) {
            return letter;
        }
        if (--looks_left == 0) {
            break;
        }
    }
    void *object;
    if (pool_acquire(&lookups->pool, &object) != ERR_OK) {
        return NULL;
    }
    letter = object;
    letter->shard = shard;
    letter->view = *view;
    list_init(&letter->lookups);
    list_push_front(&lookups->open, &letter->in_open);
    return letter;
}

static void core_lookup_send(struct core_lookups *lookups, struct core_lookup_letter *letter)
{
    struct core_shard *cs = lookups->cs;
    list_remove(&letter->in_open);
    core_call_start(cs, core_ticks_home(cs), &letter->call, core_lookup_at_home,
                    core_lookup_came_home);
}

static void core_lookup_send_all(struct rt_op *op)
{
    struct core_lookups *lookups = CONTAINER_OF(op, struct core_lookups, op);
    list_for_each_safe (node, next, &lookups->open) {
        core_lookup_send(lookups, CONTAINER_OF(node, struct core_lookup_letter, in_open));
    }
}

/* --- Where a letter comes ------------------------------------------------------------------------
 */

static void core_lookup_at_home(struct core_shard *at, struct core_call *call)
{
    struct core_lookup_letter *letter = CONTAINER_OF(call, struct core_lookup_letter, call);
    letter->is_readable = core_upkeep_newest(&at->upkeep, &letter->view, &letter->tick,
                                             &letter->position, &letter->errors_count);
    if (!letter->is_readable) {
        core_call_end(at, call);
    } else if (letter->shard == at->shard->id) {
        core_lookup_at_rows(at, call);
    } else {
        core_call_pass(at, letter->shard, call, core_lookup_at_rows);
    }
}

static void core_lookup_at_rows(struct core_shard *at, struct core_call *call)
{
    struct core_lookup_letter *letter = CONTAINER_OF(call, struct core_lookup_letter, call);
    struct core_upkeep_part *part = core_lookup_part(at, &letter->view);
    if (part == NULL) {
        letter->is_readable = false;
        core_call_end(at, call);
        return;
    }
    list_for_each (node, &letter->lookups) {
        store_state_prefetch(&part->rows.state,
                             CONTAINER_OF(node, struct core_lookup, in_letter)->key.hash);
    }
    list_for_each (node, &letter->lookups) {
        store_state_prefetch_row(&part->rows.state,
                                 CONTAINER_OF(node, struct core_lookup, in_letter)->key.hash);
    }
    list_for_each (node, &letter->lookups) {
        struct core_lookup *lookup = CONTAINER_OF(node, struct core_lookup, in_letter);
        if (core_lookup_is_held(lookup, &letter->position)) {
            core_lookup_find(&at->lookups, part, letter->tick, lookup);
        }
        if (lookup->result == CORE_LOOKUP_ROW && !core_lookup_keep(lookup, &lookup->row)) {
            lookup->result = CORE_LOOKUP_ELSE;
        }
    }
    core_call_end(at, call);
}

static void core_lookup_came_home(struct core_shard *home, struct core_call *call)
{
    struct core_lookup_letter *letter = CONTAINER_OF(call, struct core_lookup_letter, call);
    struct list lookups;
    list_init(&lookups);
    list_append_all(&lookups, &letter->lookups);
    struct core_position position = letter->position;
    uint64_t errors_count = letter->errors_count;
    bool is_readable = letter->is_readable;
    pool_release(&home->lookups.pool, letter);
    struct list_node *node;
    while ((node = list_pop_front(&lookups)) != NULL) {
        struct core_lookup *lookup = CONTAINER_OF(node, struct core_lookup, in_letter);
        ASSERT(IMPLIES(!is_readable, lookup->result == CORE_LOOKUP_ELSE));
        lookup->position = position;
        lookup->errors_count = errors_count;
        core_lookup_answered(home, lookup);
        lookup->done(lookup);
    }
}

/* Copy it to the lookup's room. False: it does not fit. */
static bool core_lookup_keep(struct core_lookup *lookup, const struct vec_batch *row)
{
    uint32_t count = row->columns_count;
    uint32_t at = vec_row(row->selection, 0);
    size_t fixed_bytes = core_lookup_room(count, 0);
    if (fixed_bytes > lookup->room_bytes) {
        return false;
    }
    struct vec_value *values = lookup->room;
    struct vec_vector *vectors = (struct vec_vector *)(void *)(values + count);
    struct bytes_writer w =
        bytes_writer((uint8_t *)lookup->room + fixed_bytes, lookup->room_bytes - fixed_bytes);
    for (uint32_t i = 0; i < count; i++) {
        enum vec_kind kind = (enum vec_kind)row->columns[i].type.kind;
        vec_get(&row->columns[i], at, &values[i]);
        if (!values[i].is_null && (kind == VEC_TEXT || kind == VEC_JSONB)) {
            struct vec_bytes *bytes = &values[i].u.bytes;
            const uint8_t *copy = w.data + w.pos;
            bytes_put_copy(&w, bytes->data, bytes->length);
            bytes->data = (const char *)copy;
        }
        vec_constant(row->columns[i].type, &values[i], &vectors[i]);
    }
    lookup->row = (struct vec_batch){
        .columns = vectors, .columns_count = count, .rows_count = 1, .selection = {.count = 1}};
    return w.err == ERR_OK;
}
