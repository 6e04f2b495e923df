/* Rows at ticks against a table that has every tick. See model.h. A row is a number that counts its
 * changes, and what follows from it. */
#include "tests/unit/store/model.h"

#include <string.h>

#include "tests/support/ops.h"
#include "views/store/state.h"

#define STATE_MODEL_KEYS  200u
#define STATE_MODEL_TICKS 400u
#define STATE_MODEL_HOLDS 6u
#define STATE_MODEL_WORDS 3u /* of a state at most */

/* A reader: a hold, and a walk over one slice. */
struct state_model_reader {
    struct store_hold hold;
    uint64_t tick;
    uint32_t slice;
    struct store_walk walk;
    bool is_open;
    bool has_seen[STATE_MODEL_KEYS]; /* on the walk */
};

struct state_model {
    struct budget budget;
    struct store_state state;
    uint32_t words;      /* of a state */
    uint64_t hash_mask;  /* bits of hashes that differ */
    uint64_t readable;   /* since it was last blind */
    uint64_t unread;     /* as the state last said */
    bool is_tight;       /* memory may be refused */
    bool has_broken;     /* holds were, by request */
    bool is_broken;      /* it was: live rows do not fit */
    uint32_t keys_count; /* used */

    uint32_t ticks_count;                               /* applied, and the one being so */
    uint64_t ticks[STATE_MODEL_TICKS];                  /* their numbers */
    uint32_t rows[STATE_MODEL_TICKS][STATE_MODEL_KEYS]; /* changes of each row after it; 0: none */
    bool is_touched[STATE_MODEL_KEYS];                  /* by the last tick */
    struct state_model_reader readers[STATE_MODEL_HOLDS];
};

/* Key `number`: of many lengths; equal up to some byte where they can be. */
static uint32_t state_model_key(uint32_t number, uint8_t key[2048])
{
    uint32_t length = number % 11 == 10 ? 1000 + number : number % 7 == 6 ? 17 + number / 70 : 9;
    length = number == 0 ? 0 : length;
    memset(key, 'k', length);
    if (length > 0) {
        key[length - 1] = (uint8_t)number;
    }
    return length;
}

static uint64_t state_model_hash(const struct state_model *m, uint32_t number)
{
    uint8_t key[2048];
    return store_hash(key, state_model_key(number, key)) & m->hash_mask;
}

/* Check that a state says `changes`. */
static void state_model_check(const struct state_model *m, const uint8_t *state, uint32_t number,
                              uint32_t changes)
{
    for (uint32_t i = 0; i < m->words; i++) {
        uint64_t word;
        memcpy(&word, state + 8 * (size_t)i, sizeof(word));
        ASSERT(word == (changes == 0 ? 0 : (uint64_t)changes * 1000003 + number + i));
    }
}

/* Which key a row is of: its last byte says it. */
static uint32_t state_model_number(const struct state_model *m, const struct store_row *row)
{
    uint8_t key[2048];
    uint32_t number = row->key_bytes == 0 ? 0 : row->key[row->key_bytes - 1];
    ASSERT(number < m->keys_count);
    ASSERT(state_model_key(number, key) == row->key_bytes);
    ASSERT(memcmp(key, row->key, row->key_bytes) == 0);
    return number;
}

/* The rows after `tick`. */
static const uint32_t *state_model_at(const struct state_model *m, uint64_t tick)
{
    static const uint32_t none[STATE_MODEL_KEYS];
    uint32_t i = m->ticks_count;
    while (i > 0 && m->ticks[i - 1] > tick) {
        i--;
    }
    return i > 0 ? m->rows[i - 1] : none;
}

static void state_model_touch(struct state_model *m, uint32_t number)
{
    uint8_t key[2048];
    uint32_t length = state_model_key(number, key);
    uint32_t now = m->ticks_count - 1;
    struct store_row row;
    enum err err = store_state_touch(&m->state, state_model_hash(m, number), key, length, &row);
    if (err != ERR_OK) {
        ASSERT(err == ERR_BUDGET);
        ASSERT(m->is_tight);
        m->is_broken = true;
        return;
    }
    uint32_t before = now > 0 ? m->rows[now - 1][number] : 0;
    uint32_t *changes = &m->rows[now][number];
    ASSERT(row.key_bytes == length && memcmp(row.key, key, length) == 0);
    ASSERT(((uintptr_t)row.state & 7) == 0);
    state_model_check(m, row.state, number, *changes);
    if (m->state.is_blind || before == 0) {
        ASSERT(row.was == NULL);
    } else {
        ASSERT(row.was != NULL);
        state_model_check(m, row.was, number, before);
    }
    ++*changes;
    m->is_touched[number] = true;
    for (uint32_t i = 0; i < m->words; i++) {
        uint64_t word = (uint64_t)*changes * 1000003 + number + i;
        memcpy(row.state + 8 * (size_t)i, &word, sizeof(word));
    }
}

/* What the last tick changed. */
static void state_model_changes(const struct state_model *m)
{
    bool has_seen[STATE_MODEL_KEYS] = {false};
    uint32_t now = m->ticks_count - 1;
    uint64_t pos = 0;
    struct store_row row;
    while (store_changes(&m->state, &pos, &row)) {
        uint32_t number = state_model_number(m, &row);
        uint32_t before = now > 0 ? m->rows[now - 1][number] : 0;
        ASSERT(!has_seen[number]);
        has_seen[number] = true;
        ASSERT(m->is_touched[number]);
        state_model_check(m, row.state, number, m->rows[now][number]);
        ASSERT((row.was == NULL) == (before == 0));
        if (row.was != NULL) {
            state_model_check(m, row.was, number, before);
        }
    }
    for (uint32_t i = 0; i < m->keys_count; i++) {
        ASSERT(has_seen[i] == (m->is_touched[i] && !m->state.is_blind));
    }
}

static void state_model_read(struct state_model *m, struct ops *ops);

static void state_model_tick(struct state_model *m, struct ops *ops)
{
    uint64_t tick = m->state.tick + 1 + ops_u8(ops) % 3;
    if (m->ticks_count == STATE_MODEL_TICKS) {
        return;
    }
    memset(m->is_touched, 0, sizeof(m->is_touched));
    memset(m->rows[m->ticks_count], 0, sizeof(m->rows[0]));
    if (m->ticks_count > 0) {
        memcpy(m->rows[m->ticks_count], m->rows[m->ticks_count - 1], sizeof(m->rows[0]));
    }
    m->ticks[m->ticks_count++] = tick;
    store_state_begin(&m->state, tick);
    uint32_t count = ops_u8(ops);
    count = count % 4 == 3 ? count / 2 : count % 12;
    for (uint32_t i = 0; i < count && !m->is_broken; i++) {
        state_model_touch(m, ops_below(ops, m->keys_count));
        if (count % 5 == 0) {
            state_model_read(m, ops);
        }
    }
    store_state_end(&m->state);
    if (m->state.is_blind || m->ticks_count == 1) {
        ASSERT(m->is_tight || m->ticks_count == 1);
        m->readable = tick;
    }
    ASSERT(m->state.readable == m->readable);
    if (!m->is_broken) {
        state_model_changes(m);
    }
}

static void state_model_hold(struct state_model *m, struct ops *ops,
                             struct state_model_reader *reader)
{
    uint64_t first = m->state.complete > 0 ? m->state.complete : 1;
    uint64_t tick = first + ops_below(ops, (uint32_t)(m->state.tick - first) + 1);
    store_state_hold(&m->state, &reader->hold, tick);
    reader->tick = tick;
    reader->is_open = true;
    reader->walk.is_done = true;
    ASSERT(IMPLIES(tick < m->readable, reader->hold.is_broken));
    ASSERT(IMPLIES(reader->hold.is_broken, tick < m->readable || m->is_tight));
}

static void state_model_walk(struct state_model *m, struct ops *ops,
                             struct state_model_reader *reader)
{
    struct store_row rows[8];
    if (reader->walk.is_done) {
        reader->slice = store_slice_of(state_model_hash(m, ops_below(ops, m->keys_count)));
        reader->walk = (struct store_walk){0};
        memset(reader->has_seen, 0, sizeof(reader->has_seen));
    }
    uint32_t count = store_state_walk(&m->state, &reader->hold, reader->slice, &reader->walk, rows,
                                      1 + ops_u8(ops) % 8);
    ASSERT(IMPLIES(reader->hold.is_broken, count == 0 && reader->walk.is_done));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = state_model_number(m, &rows[i]);
        uint32_t changes = state_model_at(m, reader->tick)[number];
        ASSERT(!reader->has_seen[number]);
        reader->has_seen[number] = true;
        ASSERT(changes > 0);
        state_model_check(m, rows[i].state, number, changes);
    }
    for (uint32_t i = 0; i < m->keys_count && reader->walk.is_done && !reader->hold.is_broken;
         i++) {
        bool is_here = store_slice_of(state_model_hash(m, i)) == reader->slice;
        ASSERT(reader->has_seen[i] == (is_here && state_model_at(m, reader->tick)[i] > 0));
    }
}

static void state_model_get(struct state_model *m, struct ops *ops,
                            const struct state_model_reader *reader)
{
    uint32_t number = ops_below(ops, m->keys_count);
    uint8_t key[2048];
    uint32_t length = state_model_key(number, key);
    uint32_t changes = state_model_at(m, reader->tick)[number];
    struct store_row row;
    bool has_row =
        store_state_get(&m->state, &reader->hold, state_model_hash(m, number), key, length, &row);
    ASSERT(has_row == (changes > 0 && !reader->hold.is_broken));
    if (!reader->hold.is_broken && reader->tick >= m->state.complete) { /* no hold is needed */
        struct store_row again;
        bool has_again = store_state_get_at(&m->state, reader->tick, state_model_hash(m, number),
                                            key, length, &again);
        ASSERT(has_again == has_row);
        ASSERT(IMPLIES(has_row, again.key == row.key && again.state == row.state));
    }
    if (has_row) {
        state_model_check(m, row.state, number, changes);
    }
}

/* Somebody reads. */
static void state_model_read(struct state_model *m, struct ops *ops)
{
    struct state_model_reader *reader = &m->readers[ops_u8(ops) % STATE_MODEL_HOLDS];
    ASSERT(IMPLIES(reader->is_open && reader->hold.is_broken && reader->tick >= m->readable,
                   m->is_tight || m->has_broken));
    if (reader->is_open && ops_u8(ops) % 3 == 0) {
        state_model_get(m, ops, reader);
    } else if (reader->is_open) {
        state_model_walk(m, ops, reader);
    }
}

static void state_model_op(struct state_model *m, struct ops *ops)
{
    uint8_t op = ops_u8(ops);
    struct state_model_reader *reader = &m->readers[op / 16 % STATE_MODEL_HOLDS];
    switch (op % 16) {
    case 0:
    case 1:
    case 2: state_model_tick(m, ops); break;
    case 3:
        if (m->state.tick > m->state.complete) {
            uint64_t step = ops_below(ops, (uint32_t)(m->state.tick - m->state.complete)) + 1;
            store_state_complete(&m->state, m->state.complete + step);
        }
        break;
    case 4: store_state_complete(&m->state, m->state.tick); break;
    case 5:
        (void)store_state_trim(&m->state);
        if (m->state.tick > 0) {
            state_model_changes(m);
        }
        break;
    case 6:
    case 7:
        if (reader->is_open) {
            store_state_release(&m->state, &reader->hold);
            reader->is_open = false;
        } else if (m->state.tick > 0) {
            state_model_hold(m, ops, reader);
        }
        break;
    case 8:
        m->has_broken = (op < 64 && store_state_break(&m->state)) || m->has_broken;
        store_state_prefetch(&m->state, state_model_hash(m, ops_u8(ops) % m->keys_count));
        store_state_prefetch_row(&m->state, state_model_hash(m, ops_u8(ops) % m->keys_count));
        break;
    case 9:
        if (m->is_tight) {
            budget_set_limit(&m->budget, m->budget.used_bytes + 64 * (size_t)ops_u8(ops));
        }
        break;
    default: state_model_read(m, ops); break;
    }
    uint64_t unread = store_state_unread(&m->state);
    ASSERT(unread >= m->unread);
    ASSERT(unread <= m->state.complete);
    ASSERT(unread < m->state.tick || m->state.tick == 0);
    for (size_t i = 0; i < STATE_MODEL_HOLDS; i++) {
        const struct state_model_reader *open = &m->readers[i];
        ASSERT(!open->is_open || open->hold.is_broken || open->tick >= unread);
    }
    m->unread = unread;
    ASSERT(m->state.bytes == m->budget.used_bytes);
    ASSERT(m->state.version_bytes <= m->state.bytes);
}

void state_model_run(const uint8_t *data, size_t size)
{
    static const uint64_t masks[] = {UINT64_MAX, UINT64_MAX, UINT64_MAX << 32, UINT64_C(1) << 63,
                                     UINT64_C(0xff) << 26};
    static struct state_model model; /* large; one thread */
    struct ops ops = {.data = data, .length = size};
    struct state_model *m = &model;
    memset(m->readers, 0, sizeof(m->readers));
    m->words = ops_u8(&ops) % (STATE_MODEL_WORDS + 1);
    m->readable = m->unread = 0;
    m->ticks_count = 0;
    m->is_broken = m->has_broken = false;
    m->hash_mask = masks[ops_u8(&ops) % ARRAY_COUNT(masks)];
    m->keys_count = 1 + ops_u8(&ops) % STATE_MODEL_KEYS;
    m->is_tight = ops_u8(&ops) % 3 == 0;
    budget_init(&m->budget, "state", m->is_tight ? 1u << 18 : 1u << 26, NULL);
    store_state_init(&m->state, &(struct store_layout){.state_bytes = m->words * 8}, &m->budget);
    while (ops_more(&ops) && !m->is_broken) {
        state_model_op(m, &ops);
    }
    uint32_t rows_count = 0;
    for (uint32_t i = 0; i < m->keys_count && m->ticks_count > 0; i++) {
        rows_count += m->rows[m->ticks_count - 1][i] > 0;
    }
    ASSERT(m->is_broken || m->state.rows_count == rows_count);
    for (size_t i = 0; i < STATE_MODEL_HOLDS; i++) {
        if (m->readers[i].is_open) {
            store_state_release(&m->state, &m->readers[i].hold);
        }
    }
    while (!store_state_deinit_step(&m->state)) {
    }
    ASSERT(m->budget.used_bytes == 0);
    budget_deinit(&m->budget);
}
