/* Who is given rows of a stream: what is asked alike is read once, at the log's end. See
 * subscribe_int.h.
 *
 * **Meeting.** The tail stands where the log ends, or a step before. Who is behind reads up to
 * where the tail stands and no further, partition by partition; when it stands there in all of them
 * it goes into the crowd of the tail. Who is ahead of it somewhere (it asked for the end a moment
 * later) waits there until the tail has passed. Where there is no tail, the first who comes to the
 * log's end becomes it.
 *
 * **Leaving.** A crowd changes behind its progress alone, when nothing was told that only some are
 * to have. Who has a bound of rows that may be reached soon reads by itself. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/subscribe_int.h"
#include "broker/core/token.h"
#include "views/vec/fault.h"

/* Chunks of a source's scratch memory. */
#define CORE_SUBSCRIBE_SCRATCH_BYTES (16u << 10)

static struct core_subscribe_source *core_subscribe_source_find(
    const struct core_subscribes *subs, const struct core_subscribe_plan *plan);
static enum err core_subscribe_source_new(struct core_subscribes *subs,
                                          struct core_subscribe_setup *setup,
                                          struct core_subscribe_source **out);
static enum err core_subscribe_source_open(struct core_subscribes *subs,
                                           struct core_subscribe_source *source);
static bool core_subscribe_source_rows(struct core_subscribe_source *source,
                                       const struct vec_batch *batch, const struct vec_batch **out);
static void core_subscribe_source_failed(struct core_subscribe_source *source);
static const struct core_subscribe *core_subscribe_any(const struct core_subscribe_crowd *crowd);
static void core_subscribe_give_crowd(struct core_subscribe_crowd *crowd,
                                      const struct vec_batch *batch);
static void core_subscribe_progress_crowd(struct core_subscribe_crowd *crowd);
static void core_subscribe_count(struct core_subscribe *sub);
static bool core_subscribe_is_bounded(const struct core_subscribe *sub);
static void core_subscribe_drop_crowd(struct core_subscribe_crowd *crowd,
                                      const struct core_subscribe_ops *ops);
static struct core_subscribe_crowd *core_subscribe_find_crowd(struct core_subscribe *sub);
static void core_subscribe_enter(struct core_subscribe *sub, struct core_subscribe_crowd *crowd);
static void core_subscribe_quit(struct core_subscribe *sub);
static bool core_subscribe_meets(const struct core_subscribe_reader *reader,
                                 const struct core_subscribe_reader *tail, bool *is_ahead);

/* --- What is asked alike --- */

enum err core_subscribe_source_take(struct core_subscribes *subs,
                                    struct core_subscribe_setup *setup,
                                    struct core_subscribe_source **out)
{
    *out = core_subscribe_source_find(subs, &setup->plan);
    enum err err = *out == NULL ? core_subscribe_source_new(subs, setup, out) : ERR_OK;
    if (err == ERR_OK) {
        (*out)->refs++;
    }
    return err;
}

static struct core_subscribe_source *core_subscribe_source_find(
    const struct core_subscribes *subs, const struct core_subscribe_plan *plan)
{
    const struct core_stream_relation *relation = plan->relation->owner;
    const struct core_stream *stream = &relation->stream;
    list_for_each (node, &subs->sources) {
        struct core_subscribe_source *source =
            CONTAINER_OF(node, struct core_subscribe_source, in_subs);
        const struct core_stream_relation *its = source->plan.relation->owner;
        const struct core_stream *other = &its->stream;
        if (log_uuid_is_equal(&stream->uuid, &other->uuid) &&
            log_uuid_is_equal(&stream->topic, &other->topic) && stream->version == other->version &&
            stream->columns_count == other->columns_count &&
            plan->identity.length == source->plan.identity.length &&
            memcmp(plan->identity.data, source->plan.identity.data, plan->identity.length) == 0) {
            return source;
        }
    }
    return NULL;
}

/* What else the setup has in its memory stays good with it. */
static enum err core_subscribe_source_new(struct core_subscribes *subs,
                                          struct core_subscribe_setup *setup,
                                          struct core_subscribe_source **out)
{
    void *memory;
    *out = NULL;
    if (budget_alloc(subs->budget, sizeof(struct core_subscribe_source), 64, &memory) != ERR_OK) {
        return ERR_BUDGET;
    }
    struct core_subscribe_source *source = memory;
    source->arena = setup->arena;
    arena_init(&setup->arena, subs->budget, source->arena.chunk_bytes, source->arena.limit_bytes);
    source->plan = setup->plan;
    source->plan.arena = &source->arena;
    list_init(&source->ahead);
    arena_init(&source->scratch, subs->budget, CORE_SUBSCRIBE_SCRATCH_BYTES, SIZE_MAX);
    list_push_back(&subs->sources, &source->in_subs);
    enum err err = core_subscribe_source_open(subs, source);
    if (err != ERR_OK) {
        source->refs = 1;
        core_subscribe_source_unref(subs, source);
        return err;
    }
    *out = source;
    return ERR_OK;
}

static enum err core_subscribe_source_open(struct core_subscribes *subs,
                                           struct core_subscribe_source *source)
{
    const struct core_subscribe_plan *plan = &source->plan;
    source->vectors = arena_alloc(&source->arena, plan->outputs_count * sizeof(*source->vectors),
                                  _Alignof(struct vec_vector));
    if (source->vectors == NULL) {
        return ERR_BUDGET;
    }
    source->is_plain = plan->outputs_count == plan->columns_count + plan->paths_count;
    for (uint32_t i = 0; i < plan->outputs_count && source->is_plain; i++) {
        source->is_plain =
            plan->projections[i]->kind == VEC_EXPR_COLUMN && plan->projections[i]->u.number == i;
    }
    source->eval.scratch = &source->scratch;
    source->eval.kept = &source->arena;
    source->has_columns = true;
    return core_scan_columns_init(&source->columns, subs->cs, plan->relation->owner, plan->columns,
                                  plan->columns_count, plan->paths, plan->paths_count,
                                  subs->budget);
}

void core_subscribe_source_unref(struct core_subscribes *subs, struct core_subscribe_source *source)
{
    ASSERT(source->refs > 0);
    if (--source->refs > 0) {
        return;
    }
    ASSERT(source->crowd == NULL);
    ASSERT(list_is_empty(&source->ahead));
    ASSERT(source->tail == NULL);
    list_remove(&source->in_subs);
    if (source->has_columns) {
        core_scan_columns_deinit(&source->columns);
    }
    arena_deinit(&source->scratch);
    arena_deinit(&source->arena);
    budget_free(subs->budget, source);
}

/* *out = what is wanted of `batch`, perhaps no rows. False: source->failure says why. */
static bool core_subscribe_source_rows(struct core_subscribe_source *source,
                                       const struct vec_batch *batch, const struct vec_batch **out)
{
    const struct core_subscribe_plan *plan = &source->plan;
    struct vec_eval *ev = &source->eval;
    arena_reset(&source->scratch);
    ev->steps_left = VEC_EVAL_STEPS;
    source->batch = *batch;
    *out = &source->batch;
    if (plan->filter != NULL &&
        !vec_eval_filter(ev, plan->filter, batch, batch->selection, &source->batch.selection)) {
        core_subscribe_source_failed(source);
        return false;
    }
    if (source->is_plain || source->batch.selection.count == 0) {
        return true;
    }
    for (uint32_t i = 0; i < plan->outputs_count; i++) {
        if (!vec_eval(ev, plan->projections[i], batch, source->batch.selection,
                      &source->vectors[i])) {
            core_subscribe_source_failed(source);
            return false;
        }
    }
    source->batch.columns = source->vectors;
    source->batch.columns_count = plan->outputs_count;
    return true;
}

static void core_subscribe_source_failed(struct core_subscribe_source *source)
{
    const struct vec_failure *failure = &source->eval.failure;
    char message[SQL_ERROR_TEXT_BYTES];
    struct bytes_writer w = bytes_writer(message, sizeof(message) - 1);
    vec_fault_message(&w, failure->fault, failure->type, failure->text, failure->text_length);
    message[w.pos] = '\0';
    sql_error_set_code(&source->failure, vec_fault_state(failure->fault), SQL_AT_NONE, "", 0, "%s",
                       message);
}

/* --- What is told --- */

static const struct core_subscribe *core_subscribe_any(const struct core_subscribe_crowd *crowd)
{
    ASSERT(!list_is_empty(&crowd->now));
    return CONTAINER_OF(list_first(&crowd->now), struct core_subscribe, in_now);
}

bool core_subscribe_give(struct core_subscribe_reader *reader, uint32_t partition, uint32_t count)
{
    struct core_subscribe_source *source = reader->source;
    struct core_scan_columns *columns = &source->columns; /* rows stay there for this alone */
    struct vec_batch batch = {.columns_count = columns->columns_count,
                              .rows_count = count,
                              .selection = {.rows = NULL, .count = count},
                              .stretch = partition};
    const struct vec_batch *rows;
    if (core_scan_columns_fill(columns, partition, count, &batch.columns) != ERR_OK) {
        core_subscribe_reader_fail(reader, CORE_OVERLOADED, "", NULL);
        return false;
    }
    if (!core_subscribe_source_rows(source, &batch, &rows)) {
        core_subscribe_reader_fail(reader, CORE_INVALID_REQUEST, source->failure.message,
                                   &source->failure);
        return false;
    }
    if (rows->selection.count == 0) {
        return true;
    }
    reader->is_news = true;
    if (reader->sub != NULL) {
        core_subscribe_give_crowd(&reader->solo, rows);
        core_subscribe_count(reader->sub);
        return true;
    }
    if (source->crowd != NULL) {
        core_subscribe_give_crowd(source->crowd, rows);
    }
    return true;
}

static void core_subscribe_give_crowd(struct core_subscribe_crowd *crowd,
                                      const struct vec_batch *batch)
{
    crowd->rows_count += batch->selection.count;
    core_subscribe_any(crowd)->ops->rows(crowd, batch);
}

void core_subscribe_tell_gap(struct core_subscribe_reader *reader, uint32_t partition,
                             uint64_t from, uint64_t to)
{
    if (reader->sub != NULL) {
        reader->sub->ops->gap(&reader->solo, partition, from, to);
        return;
    }
    struct core_subscribe_crowd *crowd = reader->source->crowd;
    if (crowd != NULL) {
        core_subscribe_any(crowd)->ops->gap(crowd, partition, from, to);
    }
}

void core_subscribe_progress(struct core_subscribe_reader *reader)
{
    struct core_subscribes *subs = reader->subs;
    struct list_node *node;
    reader->is_news = false;
    reader->is_moved = false;
    reader->steps = 0;
    if (reader->sub != NULL) {
        core_subscribe_progress_crowd(&reader->solo);
    } else if (reader->source->crowd != NULL) {
        core_subscribe_progress_crowd(reader->source->crowd);
    }
    while ((node = list_pop_front(&subs->leaving)) != NULL) {
        struct core_subscribe *sub = CONTAINER_OF(node, struct core_subscribe, in_paused);
        if (sub->is_paused) {
            list_push_back(&subs->paused, &sub->in_paused);
        }
        core_subscribe_leave(sub);
        core_subscribe_go_on(sub);
    }
}

static void core_subscribe_progress_crowd(struct core_subscribe_crowd *crowd)
{
    bool is_solo = crowd->reader->sub != NULL;
    core_subscribe_any(crowd)->ops->progress(crowd);
    if (crowd->credit_count == 0) {
        return;
    }
    list_for_each (node, &crowd->now) { /* those who have little left go */
        struct core_subscribe *sub = CONTAINER_OF(node, struct core_subscribe, in_now);
        core_subscribe_count(sub);
        bool is_leaving = is_solo ? sub->rows_left == 0 : core_subscribe_is_bounded(sub);
        if (is_leaving && !list_is_linked(&sub->in_paused)) {
            list_push_back(&sub->subs->leaving, &sub->in_paused);
        }
    }
}

/* What its crowd was given since then counts. */
static void core_subscribe_count(struct core_subscribe *sub)
{
    uint64_t rows = sub->crowd->rows_count - sub->rows_joined;
    sub->rows_joined = sub->crowd->rows_count;
    sub->rows_given += rows;
    if (sub->rows_left != UINT64_MAX) {
        ASSERT(sub->rows_left >= rows);
        sub->rows_left -= rows;
    }
}

uint64_t core_subscribe_rows_given(const struct core_subscribe *sub)
{
    return sub->rows_given + (sub->crowd != NULL ? sub->crowd->rows_count - sub->rows_joined : 0);
}

/* Whether it has to read by itself. */
static bool core_subscribe_is_bounded(const struct core_subscribe *sub)
{
    return sub->rows_left < CORE_SUBSCRIBE_CREDIT_MIN;
}

uint32_t core_subscribe_offsets(const struct core_subscribe *sub, uint64_t *out, uint32_t max)
{
    const struct core_subscribe_reader *reader =
        sub->crowd != NULL ? sub->crowd->reader : sub->reader;
    uint32_t count = reader != NULL ? reader->lanes_count : sub->next_count;
    count = reader == NULL && sub->next == NULL ? 0 : count;
    for (uint32_t i = 0; i < count && i < max; i++) {
        out[i] = reader != NULL ? reader->lanes[i]->next : sub->next[i];
    }
    return count < max ? count : max;
}

size_t core_subscribe_crowd_token_bytes(const struct core_subscribe_crowd *crowd)
{
    return core_token_bytes_max(crowd->reader->lanes_count);
}

void core_subscribe_crowd_token(const struct core_subscribe_crowd *crowd, struct bytes_writer *w)
{
    const struct core_subscribe_reader *reader = crowd->reader;
    core_token_begin(w, &reader->topic);
    for (uint32_t i = 0; i < reader->lanes_count; i++) {
        core_token_add(w, reader->lanes[i]->next);
    }
}

void core_subscribe_reader_fail(struct core_subscribe_reader *reader, enum core_code code,
                                const char *message, const struct sql_error *error)
{
    if (reader->sub != NULL) {
        core_subscribe_fail(reader->sub, code, message, error);
        return;
    }
    if (reader->source->crowd == NULL) {
        return;
    }
    list_for_each (node, &reader->source->crowd->now) {
        core_subscribe_fail(CONTAINER_OF(node, struct core_subscribe, in_now), code, message,
                            error);
    }
}

/* --- Who is told --- */

void core_subscribe_stand_alone(struct core_subscribe *sub, struct core_subscribe_reader *reader)
{
    sub->reader = reader;
    reader->sub = sub;
    reader->solo.reader = reader;
    core_subscribe_enter(sub, &reader->solo);
    core_subscribe_reader_wake(reader);
}

static void core_subscribe_enter(struct core_subscribe *sub, struct core_subscribe_crowd *crowd)
{
    ASSERT(sub->crowd == NULL);
    sub->crowd = crowd;
    sub->rows_joined = crowd->rows_count;
    crowd->credit_count += sub->rows_left != UINT64_MAX;
    list_push_back(&crowd->now, &sub->in_now);
}

/* Out of its crowd, which is gone when it was the last. */
static void core_subscribe_quit(struct core_subscribe *sub)
{
    struct core_subscribe_crowd *crowd = sub->crowd;
    core_subscribe_count(sub);
    list_remove(&sub->in_now);
    crowd->credit_count -= sub->rows_left != UINT64_MAX;
    sub->crowd = NULL;
    if (list_is_linked(&sub->in_ahead)) {
        list_remove(&sub->in_ahead);
    }
    if (list_is_empty(&crowd->now)) {
        core_subscribe_drop_crowd(crowd, sub->ops);
    }
}

static void core_subscribe_drop_crowd(struct core_subscribe_crowd *crowd,
                                      const struct core_subscribe_ops *ops)
{
    struct core_subscribe_reader *reader = crowd->reader;
    if (crowd->ctx != NULL) {
        ops->crowd_gone(crowd);
        crowd->ctx = NULL;
    }
    if (crowd != &reader->solo) {
        reader->source->crowd = NULL;
        budget_free(reader->subs->budget, crowd);
    }
}

void core_subscribe_leave(struct core_subscribe *sub)
{
    struct core_subscribe_crowd *crowd = sub->crowd;
    void *memory;
    if (crowd == NULL) {
        return;
    }
    struct core_subscribe_reader *reader = crowd->reader;
    struct core_subscribe_source *source = reader->source;
    size_t bytes = reader->lanes_count * sizeof(*sub->next);
    if (!sub->is_ended && budget_alloc(sub->subs->budget, bytes, 16, &memory) == ERR_OK) {
        sub->next = memory;
        sub->next_count = reader->lanes_count;
        for (uint32_t i = 0; i < reader->lanes_count; i++) {
            sub->next[i] = reader->lanes[i]->next;
        }
    } else {
        core_subscribe_fail(sub, CORE_OVERLOADED, "", NULL);
    }
    core_subscribe_quit(sub);
    if (sub->reader != NULL) {
        sub->reader = NULL;
        core_subscribe_reader_end(reader);
    } else if (source->crowd == NULL) {
        source->tail = NULL;
        core_subscribe_tail_moved(reader);
        core_subscribe_reader_end(reader);
    }
}

/* The crowd of its source, made where there is none; NULL: there is no memory. */
static struct core_subscribe_crowd *core_subscribe_find_crowd(struct core_subscribe *sub)
{
    struct core_subscribe_source *source = sub->source;
    void *memory;
    if (source->crowd != NULL) {
        ASSERT(core_subscribe_any(source->crowd)->ops == sub->ops);
        return source->crowd;
    }
    if (budget_alloc(sub->subs->budget, sizeof(struct core_subscribe_crowd), 16, &memory) !=
        ERR_OK) {
        return NULL;
    }
    struct core_subscribe_crowd *crowd = memory;
    list_init(&crowd->now);
    crowd->outputs = source->plan.outputs;
    crowd->outputs_count = source->plan.outputs_count;
    source->crowd = crowd;
    return crowd;
}

/* --- The tail --- */

bool core_subscribe_join(struct core_subscribe_reader *reader)
{
    struct core_subscribe *sub = reader->sub;
    struct core_subscribe_source *source = reader->source;
    struct core_subscribe_reader *tail = source->tail;
    bool is_ahead = false;
    if (reader->is_news || core_subscribe_is_bounded(sub) ||
        (tail == NULL ? !reader->is_live : !core_subscribe_meets(reader, tail, &is_ahead))) {
        if (is_ahead && !list_is_linked(&sub->in_ahead)) {
            list_push_back(&source->ahead, &sub->in_ahead);
        }
        return false;
    }
    if (tail != NULL && tail->is_news) { /* it is not for who comes now */
        core_subscribe_progress(tail);
        if (source->tail != tail) {
            core_subscribe_reader_wake(reader);
            return false;
        }
    }
    struct core_subscribe_crowd *crowd = core_subscribe_find_crowd(sub);
    if (crowd == NULL) {
        return false; /* it reads on by itself */
    }
    core_subscribe_quit(sub);
    sub->reader = NULL;
    reader->sub = NULL;
    if (tail == NULL) {
        source->tail = reader;
        core_subscribe_reader_wake(reader);
    } else {
        core_subscribe_reader_end(reader);
    }
    crowd->reader = source->tail;
    core_subscribe_enter(sub, crowd);
    return true;
}

/* Whether it stands where the tail does, everywhere. *is_ahead: nowhere before it, and behind it
 * somewhere. */
static bool core_subscribe_meets(const struct core_subscribe_reader *reader,
                                 const struct core_subscribe_reader *tail, bool *is_ahead)
{
    bool is_equal = reader->lanes_count == tail->lanes_count;
    for (uint32_t i = 0; i < reader->lanes_count && i < tail->lanes_count; i++) {
        is_equal = is_equal && reader->lanes[i]->next == tail->lanes[i]->next;
        *is_ahead = *is_ahead || reader->lanes[i]->next > tail->lanes[i]->next;
    }
    return is_equal;
}

uint64_t core_subscribe_cap(const struct core_subscribe_reader *reader, uint32_t lane)
{
    const struct core_subscribe_source *source = reader->source;
    const struct core_subscribe_reader *tail = source != NULL ? source->tail : NULL;
    bool is_free = reader->sub == NULL || tail == NULL || lane >= tail->lanes_count ||
                   core_subscribe_is_bounded(reader->sub);
    return is_free ? UINT64_MAX : tail->lanes[lane]->next;
}

void core_subscribe_tail_moved(struct core_subscribe_reader *reader)
{
    struct list_node *node;
    if (reader->sub != NULL || reader->source == NULL) {
        return;
    }
    while ((node = list_pop_front(&reader->source->ahead)) != NULL) {
        core_subscribe_reader_wake(CONTAINER_OF(node, struct core_subscribe, in_ahead)->reader);
    }
}
