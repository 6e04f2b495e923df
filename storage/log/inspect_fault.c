/* Faults, and when they are believed.
 *
 * A server that works while its directory is read makes things look wrong that are not: a table
 * older than the journal that is read with it, a segment that went with a trim. Such a thing is
 * gone or elsewhere at the next look, while rot stays. So what is wrong is looked at again, and
 * only what every look showed, at the same place, is told. When the entries of one group are read,
 * they are told as they come: there the look begins again at the entry that is wrong. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"
#include "storage/log/inspect_int.h"

/* Faults there is room for at first. */
#define LOG_INSPECT_SEEN_FIRST 16u

static void log_inspect_resume(struct log_inspect_state *state,
                               const struct log_inspect_fault *fault);
static void log_inspect_see(struct log_inspect_state *state, const struct log_inspect_fault *fault);
static bool log_inspect_see_room(struct log_inspect_state *state);
static bool log_inspect_is_same(const struct log_inspect_fault *a,
                                const struct log_inspect_fault *b);

void log_inspect_fault(struct log_inspect_state *state, const char *file, uint64_t pos,
                       uint64_t group, uint64_t index, const char *what, enum err err)
{
    struct log_inspect_fault fault = {
        .pos = pos, .group = group, .index = index, .last_index = index, .what = what, .err = err};
    snprintf(fault.file, sizeof(fault.file), "%s", file);
    log_inspect_fault_tell(state, &fault);
}

void log_inspect_fault_tell(struct log_inspect_state *state, const struct log_inspect_fault *fault)
{
    if (state->is_failed) {
        return; /* what was refused may be all that is wrong */
    }
    if (state->inspect->group != LOG_INSPECT_NONE) {
        log_inspect_resume(state, fault);
    } else {
        log_inspect_see(state, fault);
    }
}

bool log_inspect_is_suspect(const struct log_inspect_state *state, uint64_t group,
                            uint32_t looks_count)
{
    for (uint32_t i = 0; i < state->seen_count; i++) {
        if (state->seen[i].fault.group == group && state->seen[i].looks_count >= looks_count) {
            return true;
        }
    }
    return false;
}

bool log_inspect_has_seen(const struct log_inspect_state *state)
{
    for (uint32_t i = 0; i < state->seen_count; i++) {
        if (state->seen[i].looks_count == state->look) {
            return true;
        }
    }
    return false;
}

void log_inspect_tell(struct log_inspect_state *state)
{
    const struct log_inspect_visitor *visitor = state->inspect->visitor;
    state->inspect->faults_count += state->untold_count;
    for (uint32_t i = 0; i < state->seen_count; i++) {
        const struct log_inspect_seen *seen = &state->seen[i];
        if (seen->looks_count == state->look) {
            state->inspect->faults_count++;
            if (visitor->fault != NULL) {
                visitor->fault(state->inspect->ctx, &seen->fault);
            }
        }
    }
}

/* Reading one group: what is wrong elsewhere is not its reader's business. */
static void log_inspect_resume(struct log_inspect_state *state,
                               const struct log_inspect_fault *fault)
{
    struct log_inspect *inspect = state->inspect;
    if (fault->group != inspect->group) {
        return;
    }
    if (state->resume_count == 0 || fault->index > state->resume_index) {
        state->resume_index = fault->index;
        state->resume_count = 0;
    }
    if (state->resume_count + 1 < LOG_INSPECT_LOOKS) {
        state->resume_count++;
        state->does_restart = true;
        return;
    }
    inspect->faults_count++;
    if (inspect->visitor->fault != NULL) {
        inspect->visitor->fault(inspect->ctx, fault);
    }
}

static void log_inspect_see(struct log_inspect_state *state, const struct log_inspect_fault *fault)
{
    for (uint32_t i = 0; i < state->seen_count; i++) {
        struct log_inspect_seen *seen = &state->seen[i];
        if (log_inspect_is_same(&seen->fault, fault)) {
            seen->looks_count += seen->look != state->look;
            seen->look = state->look;
            return;
        }
    }
    if (state->look > 1) {
        return; /* no look before this one saw it */
    }
    if (!log_inspect_see_room(state)) {
        state->untold_count++;
        return;
    }
    state->seen[state->seen_count++] =
        (struct log_inspect_seen){.fault = *fault, .look = state->look, .looks_count = 1};
}

static bool log_inspect_see_room(struct log_inspect_state *state)
{
    if (state->seen_count < state->seen_capacity) {
        return true;
    }
    uint32_t capacity =
        state->seen_capacity == 0 ? LOG_INSPECT_SEEN_FIRST : 2 * state->seen_capacity;
    void *grown = NULL;
    if (capacity > LOG_INSPECT_FAULTS_MAX ||
        budget_alloc(&state->budget, capacity * sizeof(*state->seen), 64, &grown) != ERR_OK) {
        return false;
    }
    if (state->seen_count > 0) {
        memcpy(grown, state->seen, state->seen_count * sizeof(*state->seen));
    }
    budget_free(&state->budget, state->seen);
    state->seen = grown;
    state->seen_capacity = capacity;
    return true;
}

static bool log_inspect_is_same(const struct log_inspect_fault *a,
                                const struct log_inspect_fault *b)
{
    return a->pos == b->pos && a->group == b->group && a->index == b->index &&
           a->last_index == b->last_index && strcmp(a->what, b->what) == 0 &&
           strcmp(a->file, b->file) == 0;
}
