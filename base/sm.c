/* Declared state machines. See sm.h.
 *
 * The kind (struct sm_decl) is apart from the machine, so that a machine is 32 bytes: a node has
 * one per connection and per operation in flight. */
#include "base/sm.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* The longest trace line; names are cut to fit. */
#define SM_LINE_BYTES 160

static void sm_enter(struct sm *m, uint32_t stage, uint32_t from);
static NOINLINE void sm_tell(const struct sm *m, uint32_t from);
static uint64_t sm_flagged(const struct sm_decl *decl, unsigned flag);
static uint64_t sm_all(const struct sm_decl *decl);
static uint64_t sm_reached(const struct sm_decl *decl, uint64_t set);
static uint64_t sm_reaching(const struct sm_decl *decl, uint64_t set);
static enum err sm_check_names(const struct sm_decl *decl, char *why, size_t why_bytes);
static void sm_put_text(struct bytes_writer *out, const char *text);

void sm_init(struct sm *m, const struct sm_decl *decl, uint32_t stage, struct sm_trace *trace,
             uint64_t id)
{
    ASSERT(decl->stages_count >= 1);
    ASSERT(decl->stages_count <= SM_STAGES_MAX);
    ASSERT(stage < decl->stages_count);
    ASSERT((decl->conf[stage].flags & SM_INITIAL) != 0);
    *m = (struct sm){.decl = decl, .trace = trace, .id = id};
    sm_enter(m, stage, SM_NO_STAGE);
}

void sm_deinit(struct sm *m)
{
    ASSERT(sm_is_final(m));
    *m = (struct sm){.decl = NULL};
}

void sm_move(struct sm *m, uint32_t stage)
{
    ASSERT(m->decl != NULL);
    ASSERT(stage < m->decl->stages_count);
    ASSERT((m->decl->conf[m->stage].allowed & SM_BIT(stage)) != 0);
    sm_enter(m, stage, m->stage);
}

bool sm_is_final(const struct sm *m)
{
    ASSERT(m->decl != NULL);
    return (m->decl->conf[m->stage].flags & SM_FINAL) != 0;
}

enum err sm_check_conf(const struct sm_decl *decl, char *why, size_t why_bytes)
{
    ASSERT(why_bytes >= 1);
    why[0] = '\0';
    if (decl->stages_count < 1 || decl->stages_count > SM_STAGES_MAX) {
        snprintf(why, why_bytes, "%u stages; 1 to %d can be declared", decl->stages_count,
                 SM_STAGES_MAX);
        return ERR_INVALID;
    }
    if (sm_check_names(decl, why, why_bytes) != ERR_OK) {
        return ERR_INVALID;
    }
    if (sm_flagged(decl, SM_INITIAL) == 0) {
        snprintf(why, why_bytes, "no stage is initial");
        return ERR_INVALID;
    }
    uint64_t reached = sm_reached(decl, sm_flagged(decl, SM_INITIAL));
    uint64_t reaching = sm_reaching(decl, sm_flagged(decl, SM_FINAL));
    for (uint32_t i = 0; i < decl->stages_count; i++) {
        const char *name = decl->conf[i].name;
        if ((decl->conf[i].allowed & ~sm_all(decl)) != 0) {
            snprintf(why, why_bytes, "%s allows a stage that is not declared", name);
            return ERR_INVALID;
        }
        if ((reached & SM_BIT(i)) == 0) {
            snprintf(why, why_bytes, "%s is never reached", name);
            return ERR_INVALID;
        }
        if ((reaching & SM_BIT(i)) == 0) {
            snprintf(why, why_bytes, "%s leads to no final stage", name);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

void sm_describe(const struct sm_decl *decl, struct bytes_writer *out)
{
    size_t width = 0;
    for (uint32_t i = 0; i < decl->stages_count; i++) {
        size_t length = strlen(decl->conf[i].name);
        width = length > width ? length : width;
    }
    sm_put_text(out, decl->name);
    sm_put_text(out, "\n");
    for (uint32_t i = 0; i < decl->stages_count; i++) {
        const struct sm_conf *conf = &decl->conf[i];
        sm_put_text(out, (conf->flags & SM_INITIAL) != 0 ? ">" : " ");
        sm_put_text(out, (conf->flags & SM_FINAL) != 0 ? ". " : "  ");
        sm_put_text(out, conf->name);
        for (size_t pad = strlen(conf->name); conf->allowed != 0 && pad < width; pad++) {
            sm_put_text(out, " ");
        }
        sm_put_text(out, conf->allowed != 0 ? " ->" : "");
        for (uint32_t next = 0; next < decl->stages_count; next++) {
            if ((conf->allowed & SM_BIT(next)) != 0) {
                sm_put_text(out, " ");
                sm_put_text(out, decl->conf[next].name);
            }
        }
        sm_put_text(out, "\n");
    }
}

/* The trace comes before the invariant: where that fails, the last line says which move it was. */
static void sm_enter(struct sm *m, uint32_t stage, uint32_t from)
{
    m->stage = stage;
    if (UNLIKELY(m->trace != NULL)) {
        sm_tell(m, from);
    }
    ASSERT(IMPLIES(m->decl->invariant != NULL, m->decl->invariant(m, from)));
}

static void sm_tell(const struct sm *m, uint32_t from)
{
    const struct sm_conf *conf = m->decl->conf;
    char id[24] = "";
    char line[SM_LINE_BYTES];
    if (m->id != 0) {
        snprintf(id, sizeof(id), "#%llu", (unsigned long long)m->id);
    }
    int length = snprintf(line, sizeof(line), "%s%s: %s%s%s", m->decl->name, id,
                          from != SM_NO_STAGE ? conf[from].name : "",
                          from != SM_NO_STAGE ? " -> " : "", conf[m->stage].name);
    ASSERT(length > 0);
    size_t kept = (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1;
    m->trace->line(m->trace, line, kept);
}

/* The stages declared with `flag`. */
static uint64_t sm_flagged(const struct sm_decl *decl, unsigned flag)
{
    uint64_t set = 0;
    for (uint32_t i = 0; i < decl->stages_count; i++) {
        set |= (decl->conf[i].flags & flag) != 0 ? SM_BIT(i) : 0;
    }
    return set;
}

static uint64_t sm_all(const struct sm_decl *decl)
{
    return UINT64_MAX >> (SM_STAGES_MAX - decl->stages_count);
}

/* `set` and all stages that moves lead to from it. Each round adds a stage or ends. */
static uint64_t sm_reached(const struct sm_decl *decl, uint64_t set)
{
    for (;;) {
        uint64_t grown = set;
        for (uint32_t i = 0; i < decl->stages_count; i++) {
            grown |= (set & SM_BIT(i)) != 0 ? decl->conf[i].allowed : 0;
        }
        if (grown == set) {
            return set;
        }
        set = grown;
    }
}

/* `set` and all stages from which moves lead to it. */
static uint64_t sm_reaching(const struct sm_decl *decl, uint64_t set)
{
    for (;;) {
        uint64_t grown = set;
        for (uint32_t i = 0; i < decl->stages_count; i++) {
            grown |= (set & decl->conf[i].allowed) != 0 ? SM_BIT(i) : 0;
        }
        if (grown == set) {
            return set;
        }
        set = grown;
    }
}

static enum err sm_check_names(const struct sm_decl *decl, char *why, size_t why_bytes)
{
    for (uint32_t i = 0; i < decl->stages_count; i++) {
        const char *name = decl->conf[i].name;
        if (name == NULL || name[0] == '\0') {
            snprintf(why, why_bytes, "stage %u has no name", i);
            return ERR_INVALID;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(name, decl->conf[j].name) == 0) {
                snprintf(why, why_bytes, "%s is declared twice", name);
                return ERR_INVALID;
            }
        }
    }
    return ERR_OK;
}

static void sm_put_text(struct bytes_writer *out, const char *text)
{
    bytes_put_copy(out, text, strlen(text));
}
