/* An inspection's life: the node's files, what recovery makes of them, then group after group; and
 * all of it again while something does not fit. See inspect.h. */
#include "storage/log/inspect.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/budget.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "storage/log/inspect_int.h"

enum {
    INSPECT_NEW,      /* nothing done */
    INSPECT_META,     /* node.meta */
    INSPECT_TABLES,   /* groups.tab and its neighbours */
    INSPECT_JOURNALS, /* which journal files there are */
    INSPECT_HEADS,    /* their first blocks */
    INSPECT_FILES,    /* all of them */
    INSPECT_AGAIN,    /* whether a newer table has come meanwhile */
    INSPECT_DIRECTS,  /* bodies in segments that recovery asks for */
    INSPECT_GROUPS,   /* group after group */
    INSPECT_PAUSE,    /* before the next look */
    INSPECT_CLOSE,    /* closing files */
    INSPECT_END,      /* nothing of it waits */
};

static const struct sm_conf inspect_stages[] = {
    [INSPECT_NEW] = {"NEW", SM_BIT(INSPECT_META), SM_INITIAL},
    [INSPECT_META] = {"META",
                      SM_BIT(INSPECT_TABLES) | SM_BIT(INSPECT_JOURNALS) | SM_BIT(INSPECT_CLOSE), 0},
    [INSPECT_TABLES] = {"TABLES",
                        SM_BIT(INSPECT_JOURNALS) | SM_BIT(INSPECT_DIRECTS) | SM_BIT(INSPECT_CLOSE),
                        0},
    [INSPECT_JOURNALS] = {"JOURNALS", SM_BIT(INSPECT_HEADS) | SM_BIT(INSPECT_CLOSE), 0},
    [INSPECT_HEADS] = {"HEADS", SM_BIT(INSPECT_FILES) | SM_BIT(INSPECT_CLOSE), 0},
    [INSPECT_FILES] = {"FILES",
                       SM_BIT(INSPECT_AGAIN) | SM_BIT(INSPECT_TABLES) | SM_BIT(INSPECT_PAUSE) |
                           SM_BIT(INSPECT_CLOSE),
                       0},
    [INSPECT_AGAIN] = {"AGAIN",
                       SM_BIT(INSPECT_DIRECTS) | SM_BIT(INSPECT_PAUSE) | SM_BIT(INSPECT_CLOSE), 0},
    [INSPECT_DIRECTS] = {"DIRECTS", SM_BIT(INSPECT_GROUPS) | SM_BIT(INSPECT_CLOSE), 0},
    [INSPECT_GROUPS] = {"GROUPS", SM_BIT(INSPECT_PAUSE) | SM_BIT(INSPECT_CLOSE), 0},
    [INSPECT_PAUSE] = {"PAUSE", SM_BIT(INSPECT_META) | SM_BIT(INSPECT_CLOSE), 0},
    [INSPECT_CLOSE] = {"CLOSE", SM_BIT(INSPECT_END), 0},
    [INSPECT_END] = {"END", 0, SM_FINAL},
};

const struct sm_decl log_inspect_decl = {"log_inspect", inspect_stages, ARRAY_COUNT(inspect_stages),
                                         NULL};

static void inspect_begin(struct rt_op *op);
static void inspect_no_memory(struct rt_op *op);
static bool inspect_step(struct log_inspect_state *state);
static bool inspect_move(struct log_inspect_state *state, uint32_t stage);
static void inspect_paused(struct rt_timer *timer);
static bool inspect_is_mixed(struct log_inspect_state *state);
static void inspect_groups_begin(struct log_inspect_state *state);
static bool inspect_groups(struct log_inspect_state *state);
static struct log_found *inspect_next_group(struct log_inspect_state *state);
static bool inspect_looks_again(struct log_inspect_state *state);
static void inspect_release(struct log_inspect_state *state);
static void inspect_finish(struct log_inspect_state *state);

void log_inspect_start(struct log_inspect *inspect)
{
    ASSERT(inspect->done != NULL);
    ASSERT(inspect->visitor != NULL);
    ASSERT(IMPLIES(inspect->from != LOG_INSPECT_START, inspect->group != LOG_INSPECT_NONE));
    struct rt_shard *shard = inspect->shard;
    void *made = NULL;
    inspect->err =
        budget_alloc(rt_shard_budget(shard), sizeof(struct log_inspect_state), 64, &made);
    inspect->state = made;
    if (inspect->err != ERR_OK) {
        rt_op_init(&inspect->op, shard, inspect_no_memory);
        rt_op_defer(&inspect->op);
        return;
    }
    struct log_inspect_state *state = made;
    state->inspect = inspect;
    state->shard = shard;
    state->kernels = crc32c_for(shard->cpu);
    state->look = 1;
    budget_init(&state->budget, "log inspection", SIZE_MAX, rt_shard_budget(shard));
    sm_init(&state->sm, &log_inspect_decl, INSPECT_NEW, NULL, 0);
    rt_timer_init(&state->timer, shard, inspect_paused);
    log_inspect_view_init(&state->view, state, LIMIT_BLOCK_BYTES);
    log_inspect_view_init(&state->idx, state, LOG_INSPECT_IDX_BYTES);
    log_inspect_view_init(&state->log, state,
                          inspect->does_read_bodies ? LOG_INSPECT_LOG_BYTES : LIMIT_BLOCK_BYTES);
    int length =
        inspect->journal_dir != NULL
            ? snprintf(state->journal_dir, sizeof(state->journal_dir), "%s", inspect->journal_dir)
            : snprintf(state->journal_dir, sizeof(state->journal_dir), "%s/journal", inspect->dir);
    ASSERT(length > 0);
    rt_op_init(&state->op, shard, inspect_begin);
    rt_op_defer(&state->op);
}

void log_inspect_fail(struct log_inspect_state *state, enum err err, int saved_errno,
                      const char *file)
{
    struct log_inspect *inspect = state->inspect;
    if (!state->is_failed) {
        state->is_failed = true;
        inspect->err = err;
        inspect->saved_errno = saved_errno;
        snprintf(inspect->file, sizeof(inspect->file), "%s", file);
    }
}

void log_inspect_run(struct log_inspect_state *state)
{
    bool goes_on = true;
    while (goes_on && sm_stage(&state->sm) != INSPECT_END) {
        if (state->shard->is_stopping && sm_stage(&state->sm) != INSPECT_CLOSE) {
            log_inspect_fail(state, ERR_CANCELED, 0, "");
        }
        if (state->is_failed && sm_stage(&state->sm) != INSPECT_CLOSE) {
            sm_move(&state->sm, INSPECT_CLOSE);
        }
        goes_on = inspect_step(state);
    }
    if (goes_on) {
        inspect_finish(state);
    }
}

static void inspect_begin(struct rt_op *op)
{
    struct log_inspect_state *state = CONTAINER_OF(op, struct log_inspect_state, op);
    state->inspect->looks_count = 1;
    inspect_move(state, INSPECT_META);
    log_inspect_run(state);
}

static void inspect_no_memory(struct rt_op *op)
{
    struct log_inspect *inspect = CONTAINER_OF(op, struct log_inspect, op);
    inspect->done(inspect);
}

/* One stage, or a part of it; false: wait. */
static bool inspect_step(struct log_inspect_state *state)
{
    uint32_t next = INSPECT_CLOSE;
    bool is_done = true;
    switch (sm_stage(&state->sm)) {
    case INSPECT_META:
        is_done = log_inspect_meta(state);
        next = state->is_moving ? INSPECT_JOURNALS : INSPECT_TABLES;
        break;
    case INSPECT_TABLES:
        is_done = log_inspect_tables(state);
        if (is_done && !state->is_failed) {
            log_inspect_feed(state);
        }
        next = state->is_moving ? INSPECT_DIRECTS : INSPECT_JOURNALS;
        break;
    case INSPECT_JOURNALS:
        is_done = log_inspect_journals(state);
        next = INSPECT_HEADS;
        break;
    case INSPECT_HEADS:
        is_done = log_inspect_heads(state);
        next = INSPECT_FILES;
        break;
    case INSPECT_FILES:
        is_done = log_inspect_files(state);
        next = is_done && inspect_is_mixed(state) ? INSPECT_PAUSE
               : state->is_moving                 ? INSPECT_TABLES
                                                  : INSPECT_AGAIN;
        break;
    case INSPECT_AGAIN:
        is_done = log_inspect_again(state);
        next = state->is_moving ? INSPECT_PAUSE : INSPECT_DIRECTS;
        break;
    case INSPECT_DIRECTS:
        is_done = log_inspect_directs(state);
        next = INSPECT_GROUPS;
        break;
    case INSPECT_GROUPS:
        is_done = inspect_groups(state);
        next = is_done && inspect_looks_again(state) ? INSPECT_PAUSE : INSPECT_CLOSE;
        break;
    case INSPECT_CLOSE:
        is_done = log_inspect_shut(&state->view) && log_inspect_shut(&state->idx) &&
                  log_inspect_shut(&state->log);
        next = INSPECT_END;
        break;
    default: UNREACHABLE();
    }
    if (is_done && (!state->is_failed || next == INSPECT_END)) {
        return inspect_move(state, next);
    }
    return is_done;
}

/* What is done on entering a stage; false: wait. */
static bool inspect_move(struct log_inspect_state *state, uint32_t stage)
{
    enum err err = ERR_OK;
    sm_move(&state->sm, stage);
    state->step = 0;
    if (stage == INSPECT_DIRECTS) {
        err = log_recover_lanes(&state->recover);
    } else if (stage == INSPECT_GROUPS) {
        log_inspect_decided(state);
        inspect_groups_begin(state);
    } else if (stage == INSPECT_PAUSE) {
        inspect_release(state);
        state->inspect->looks_count++;
        rt_timer_start(&state->timer, rt_now_ns(state->shard) + LOG_INSPECT_PAUSE_NS);
        return false;
    }
    if (err != ERR_OK) {
        log_inspect_fail(state, err, 0, "journal");
    }
    return true;
}

static void inspect_paused(struct rt_timer *timer)
{
    struct log_inspect_state *state = CONTAINER_OF(timer, struct log_inspect_state, timer);
    inspect_move(state, INSPECT_META);
    log_inspect_run(state);
}

/* Whether the journal is to be read anew. A server works: next time it is copied. */
static bool inspect_is_mixed(struct log_inspect_state *state)
{
    bool is_mixed = state->is_mixed && state->mixed_count < LOG_INSPECT_MIXED_MAX;
    state->is_moving |= state->is_mixed;
    state->mixed_count = is_mixed ? state->mixed_count + 1 : 0;
    state->is_mixed = false;
    return is_mixed;
}

static void inspect_groups_begin(struct log_inspect_state *state)
{
    state->group = NULL;
    state->is_walking = false;
    state->has_groups = false;
    uint64_t wanted = state->inspect->group;
    if (wanted == LOG_INSPECT_NONE || state->is_failed) {
        return;
    }
    list_for_each (node, &state->recover.groups) {
        const struct log_found *found = CONTAINER_OF(node, struct log_found, in_recover);
        if (found->row.group == wanted && found->row.state != LOG_ROW_DELETED) {
            return;
        }
    }
    log_inspect_fail(state, ERR_NOT_FOUND, 0, "");
}

/* Whether all groups were walked, or the look ends early. */
static bool inspect_groups(struct log_inspect_state *state)
{
    for (;;) {
        if (!state->is_walking) {
            struct log_found *found = inspect_next_group(state);
            if (found == NULL) {
                return true;
            }
            log_inspect_walk_begin(state, found);
            state->is_walking = true;
        }
        if (!log_inspect_walk(state)) {
            return false;
        }
        state->is_walking = false;
        if (state->does_restart || state->is_failed) {
            return true;
        }
    }
}

/* In later looks only those of which something was wrong. */
static struct log_found *inspect_next_group(struct log_inspect_state *state)
{
    const struct list *groups = &state->recover.groups;
    struct list_node *node =
        state->has_groups ? list_next(groups, state->group) : list_first(groups);
    state->has_groups = true;
    for (; node != NULL; node = list_next(groups, node)) {
        struct log_found *found = CONTAINER_OF(node, struct log_found, in_recover);
        uint64_t group = found->row.group;
        bool is_wanted =
            state->inspect->group == LOG_INSPECT_NONE || state->inspect->group == group;
        bool is_suspect = state->look == 1 || log_inspect_is_suspect(state, group, state->look - 1);
        if (is_wanted && is_suspect && found->row.state != LOG_ROW_DELETED) {
            state->group = node;
            return found;
        }
    }
    return NULL;
}

/* Whether there is to be another look. */
static bool inspect_looks_again(struct log_inspect_state *state)
{
    if (state->inspect->group != LOG_INSPECT_NONE) {
        return state->does_restart;
    }
    if (state->look < LOG_INSPECT_LOOKS && log_inspect_has_seen(state)) {
        state->look++;
        return true;
    }
    return false;
}

/* Forget what a look found, but for faults. */
static void inspect_release(struct log_inspect_state *state)
{
    log_inspect_release_tables(state);
    for (uint32_t i = 0; i < state->journals_count; i++) {
        budget_free(&state->budget, state->journals[i].copy);
    }
    budget_free(&state->budget, state->journals);
    state->journals = NULL;
    state->journals_count = 0;
    state->tables_tries = 0;
    state->parts_count = 0;
    if (state->has_recover) {
        log_recover_deinit(&state->recover);
        state->has_recover = false;
    }
    state->direct = (struct log_inspect_direct){.pos = 0};
    state->does_restart = false;
    log_inspect_forget(&state->view);
    log_inspect_forget(&state->idx);
    log_inspect_forget(&state->log);
}

static void inspect_finish(struct log_inspect_state *state)
{
    struct log_inspect *inspect = state->inspect;
    if (!state->is_failed && inspect->group == LOG_INSPECT_NONE) {
        log_inspect_tell(state);
    }
    inspect_release(state);
    log_inspect_walk_deinit(state);
    log_inspect_view_deinit(&state->view);
    log_inspect_view_deinit(&state->idx);
    log_inspect_view_deinit(&state->log);
    budget_free(&state->budget, state->list.names);
    budget_free(&state->budget, state->seen);
    budget_deinit(&state->budget);
    sm_deinit(&state->sm);
    budget_free(rt_shard_budget(state->shard), state);
    inspect->state = NULL;
    inspect->done(inspect);
}
