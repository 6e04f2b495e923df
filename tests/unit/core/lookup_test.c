/* Rows of views by their keys, looked up without a statement while the views change: each row is
 * the one of the position that it comes with, from whatever shard it was asked for. */
#include <stdio.h>
#include <string.h>

#include "base/prng.h"
#include "base/rt/shard.h"
#include "broker/core/catalog_view.h"
#include "broker/core/lookup.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/upkeep_world.h"

/* Rows that are asked for at a time: more than a letter takes. */
#define ASKED_MAX 200u

#define ROOM_BYTES 2048u

/* What is asked from one shard in one turn, and answered. */
struct asked {
    struct land *l;
    uint32_t shard;
    uint32_t count;
    uint32_t left; /* not answered */
    struct core_lookup lookups[ASKED_MAX];
    int64_t counts[ASKED_MAX]; /* the second column; -1: no row */
    char texts[ASKED_MAX][16]; /* the first one; "" where it is null */
    _Alignas(16) uint8_t rooms[ASKED_MAX][ROOM_BYTES];
    uint8_t keys[ASKED_MAX][512]; /* where keys are made */
};

static const struct core_view *view_of(struct land *l, const char *name)
{
    const struct core_view *view =
        core_catalog_find_view(l->y->shards[0].catalog, name, strlen(name));
    assert_non_null(view);
    return view;
}

static void asked_answered(struct asked *a, struct core_lookup *lookup)
{
    size_t i = (size_t)(lookup - a->lookups);
    assert_true(a->left > 0);
    a->left--;
    a->counts[i] = -1;
    if (lookup->result == CORE_LOOKUP_ROW) {
        struct vec_value value;
        assert_int_equal(lookup->row.selection.count, 1);
        vec_get(&lookup->row.columns[0], vec_row(lookup->row.selection, 0), &value);
        a->texts[i][0] = '\0';
        if (!value.is_null) {
            assert_in_range(value.u.bytes.length, 1, sizeof(a->texts[i]) - 1);
            memcpy(a->texts[i], value.u.bytes.data, value.u.bytes.length);
            a->texts[i][value.u.bytes.length] = '\0';
        }
        vec_get(&lookup->row.columns[1], vec_row(lookup->row.selection, 0), &value);
        assert_false(value.is_null);
        a->counts[i] = value.u.int8;
    }
}

static void asked_done(struct core_lookup *lookup)
{
    asked_answered(lookup->ctx, lookup);
}

static void asked_begin(struct rt_shard *shard, void *ctx)
{
    struct asked *a = ctx;
    for (uint32_t i = 0; i < a->count; i++) {
        if (core_lookup_start(&a->l->y->shards[shard->id], &a->lookups[i])) {
            asked_answered(a, &a->lookups[i]);
        }
    }
}

static bool asked_is_done(void *ctx)
{
    return ((struct asked *)ctx)->left == 0;
}

/* Ready to ask for the row of that key (NULL: null) of a view whose key is one text. */
static struct core_lookup *asked_add(struct asked *a, const struct log_uuid *view, const char *key)
{
    struct core_lookup *lookup = &a->lookups[a->count];
    struct vec_type type = vec_type(VEC_TEXT);
    struct vec_value value = {.is_null = key == NULL};
    struct budget budget;
    struct arena arena;
    if (key != NULL) {
        value.u.bytes = (struct vec_bytes){key, (uint32_t)strlen(key)};
    }
    budget_init(&budget, "key", SIZE_MAX, NULL);
    arena_init(&arena, &budget, 1024, SIZE_MAX);
    *lookup = (struct core_lookup){.done = asked_done,
                                   .ctx = a,
                                   .view = *view,
                                   .room = a->rooms[a->count],
                                   .room_bytes = ROOM_BYTES};
    assert_int_equal(maint_key_make(&arena, &type, &value, 1, &lookup->key), ERR_OK);
    assert_in_range(lookup->key.bytes, 1, sizeof(a->keys[0]));
    memcpy(a->keys[a->count], lookup->key.data, lookup->key.bytes);
    lookup->key.data = a->keys[a->count];
    arena_deinit(&arena);
    budget_deinit(&budget);
    a->count++;
    a->left++;
    return lookup;
}

static void asked_init(struct asked *a, struct land *l, uint32_t shard)
{
    a->l = l;
    a->shard = shard;
    a->count = 0;
    a->left = 0;
}

static void ask(struct asked *a)
{
    land_post(a->l, a->shard, asked_begin, a);
}

static void ask_wait(struct asked *a)
{
    if (!sim_run_until_true(a->l->y->sim, asked_is_done, a,
                            sim_now_ns(a->l->y->sim) + 60 * RT_NS_PER_S)) {
        fail_msg("%u lookups are not answered", a->left);
    }
}

static void ask_and_wait(struct asked *a)
{
    ask(a);
    ask_wait(a);
}

/* --- Answers ------------------------------------------------------------------------------------
 */

static void rows_are_found_from_every_shard(void **state)
{
    (void)state;
    static struct asked a;
    for (uint32_t shards_count = 1; shards_count <= 4; shards_count++) {
        struct land *l = land_new(3, NULL);
        l->is_whole = true;
        l->keys = "key %u";
        land_start(l, shards_count);
        land_create(l, 0);
        land_append(l, 0, 100);
        land_append(l, 1, 50);
        land_settle(l);
        const struct log_uuid view = view_of(l, "v_group")->uuid;
        for (uint32_t shard = 0; shard < shards_count; shard++) {
            asked_init(&a, l, shard);
            for (uint32_t i = 0; i < ASKED_MAX; i++) {
                char key[16];
                snprintf(key, sizeof(key), "key %u", i);
                (void)asked_add(&a, &view, key);
            }
            ask_and_wait(&a);
            for (uint32_t i = 0; i < ASKED_MAX; i++) {
                char key[16];
                snprintf(key, sizeof(key), "key %u", i);
                assert_int_equal(a.lookups[i].result, i < 150 ? CORE_LOOKUP_ROW : CORE_LOOKUP_NONE);
                assert_int_equal(a.counts[i], i < 150 ? 1 : -1);
                assert_true(i >= 150 || strcmp(a.texts[i], key) == 0);
                assert_int_equal(a.lookups[i].position.tick, l->newest);
                assert_int_equal(a.lookups[i].position.epoch,
                                 core_ticks_position(&l->y->shards[0]).epoch);
            }
        }
        uint64_t ended = 0;
        for (uint32_t shard = 0; shard < shards_count; shard++) {
            ended += metric_counter_value(&l->y->shards[shard].lookups.ended);
        }
        assert_int_equal(ended, shards_count * ASKED_MAX);
        land_free(l);
    }
}

/* Which of its rows is a lookup's to answer. */
static void what_has_to_wait_is_left_to_a_statement(void **state)
{
    (void)state;
    static struct asked a;
    for (uint32_t shards_count = 1; shards_count <= 4; shards_count++) {
        struct land *l = land_new(4, NULL);
        l->keys = "a";
        land_start(l, shards_count);
        land_append(l, 0, 10);
        land_create(l, 0);
        const struct log_uuid view = view_of(l, "v_group")->uuid;
        static const struct log_uuid nowhere = {.bytes = {7}};
        for (uint32_t shard = 0; shard < shards_count; shard++) {
            asked_init(&a, l, shard); /* it is being built, or has just been */
            (void)asked_add(&a, &view, "a");
            ask_and_wait(&a);
            assert_true(a.lookups[0].result == CORE_LOOKUP_ELSE || a.counts[0] > 0);
        }
        land_settle(l);
        struct core_position now = {core_ticks_position(&l->y->shards[0]).epoch, l->newest};
        const struct {
            const struct log_uuid *view;
            struct core_position min;
            size_t room_bytes;
            enum core_lookup_result wanted;
        } rows[] = {
            {&view, {0, 0}, ROOM_BYTES, CORE_LOOKUP_ROW},
            {&view, {now.epoch, 0}, ROOM_BYTES, CORE_LOOKUP_ROW},
            {&view, now, ROOM_BYTES, CORE_LOOKUP_ROW},
            {&view, {now.epoch, now.tick + 1}, ROOM_BYTES, CORE_LOOKUP_ELSE},
            {&view, {now.epoch + 1, 1}, ROOM_BYTES, CORE_LOOKUP_ELSE},
            {&nowhere, {0, 0}, ROOM_BYTES, CORE_LOOKUP_ELSE},
            {&view, {0, 0}, core_lookup_room(6, 1), CORE_LOOKUP_ROW},
        };
        for (uint32_t shard = 0; shard < shards_count; shard++) {
            asked_init(&a, l, shard);
            for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
                struct core_lookup *lookup = asked_add(&a, rows[i].view, "a");
                lookup->position_min = rows[i].min;
                lookup->room_bytes = rows[i].room_bytes;
            }
            ask_and_wait(&a);
            for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
                assert_int_equal(a.lookups[i].result, rows[i].wanted);
            }
        }
        land_drop(l, 0);
        asked_init(&a, l, shards_count - 1);
        (void)asked_add(&a, &view, "a");
        ask_and_wait(&a);
        assert_int_equal(a.lookups[0].result, CORE_LOOKUP_ELSE);
        land_free(l);
    }
}

/* Of another shard a row goes into the room that was given, or not at all. */
static void a_row_that_does_not_fit_is_left_to_a_statement(void **state)
{
    (void)state;
    static struct asked a;
    struct land *l = land_new(5, NULL);
    l->is_whole = true;
    l->keys = "key %u";
    land_start(l, 4);
    land_create(l, 0);
    land_append(l, 0, ASKED_MAX);
    land_settle(l);
    const struct log_uuid view = view_of(l, "v_group")->uuid;
    uint32_t columns_count = view_of(l, "v_group")->columns_count;
    const size_t rooms[] = {0, core_lookup_room(columns_count, 0) - 1,
                            core_lookup_room(columns_count, 6)};
    for (size_t r = 0; r < ARRAY_COUNT(rooms); r++) { /* "key 100" has seven bytes */
        uint32_t counts[3] = {0};
        for (uint32_t shard = 0; shard < 4; shard++) {
            asked_init(&a, l, shard);
            for (uint32_t i = 0; i < ASKED_MAX; i++) {
                char key[16];
                snprintf(key, sizeof(key), "key %u", i);
                asked_add(&a, &view, key)->room_bytes = rooms[r];
            }
            ask_and_wait(&a);
            for (uint32_t i = 0; i < ASKED_MAX; i++) {
                counts[a.lookups[i].result]++;
                bool is_long = r < 2 || i >= 100;
                assert_true(is_long || a.lookups[i].result == CORE_LOOKUP_ROW);
            }
        }
        assert_true(counts[CORE_LOOKUP_ELSE] > 0);
        assert_true(counts[CORE_LOOKUP_ROW] > 0); /* of the own shard */
        assert_int_equal(counts[CORE_LOOKUP_NONE], 0);
    }
    land_free(l);
}

/* --- Positions ----------------------------------------------------------------------------------
 */

#define LIFE_ASKED 4u

/* The one key's row counts all records; and so do all keys' rows together, at one position. */
static uint32_t life_check(struct asked *a, bool is_one_key)
{
    const struct land *l = a->l;
    uint32_t found = 0;
    uint64_t sum = 0;
    bool is_one_tick = true;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct core_lookup *lookup = &a->lookups[i];
        if (lookup->result == CORE_LOOKUP_ELSE) {
            is_one_tick = false;
            continue;
        }
        uint64_t count = lookup->result == CORE_LOOKUP_ROW ? (uint64_t)a->counts[i] : 0;
        uint64_t covered = l->covered[lookup->position.tick];
        found++;
        if (is_one_key && count != covered) {
            fail_msg("at tick %llu: %llu, not %llu records",
                     (unsigned long long)lookup->position.tick, (unsigned long long)count,
                     (unsigned long long)covered);
        }
        is_one_tick = is_one_tick && lookup->position.tick == a->lookups[0].position.tick;
        sum += count;
    }
    if (!is_one_key && is_one_tick && a->count > 0) {
        assert_int_equal(sum, l->covered[a->lookups[0].position.tick]);
    }
    return found;
}

/* Producers, steps that are slow, views that come and go; from all shards the row of one key is
 * asked for, or those of all. */
static uint32_t life(uint64_t seed)
{
    static struct asked asked[LIFE_ASKED];
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", NULL};
    struct prng prng;
    prng_init(&prng, seed);
    bool is_one_key = prng_chance(&prng, 1, 2);
    char one[2] = {(char)('a' + (char)prng_below(&prng, 26)), '\0'};
    uint32_t found = 0;
    struct land *l = land_new(seed, NULL);
    l->is_whole = is_one_key;
    l->keys = is_one_key ? one : NULL;
    land_start(l, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
    land_create(l, 0);
    struct log_uuid view = view_of(l, "v_group")->uuid;
    for (uint32_t i = 0; i < LIFE_ASKED; i++) {
        asked_init(&asked[i], l, 0);
    }
    for (uint32_t step = 0; step < 60; step++) {
        struct asked *a = &asked[prng_below(&prng, LIFE_ASKED)];
        if (prng_chance(&prng, 1, 40)) {
            for (uint32_t i = 0; i < LIFE_ASKED; i++) {
                ask_wait(&asked[i]);
            }
            land_drop(l, 0);
            land_create(l, 0);
            view = view_of(l, "v_group")->uuid;
        }
        if (prng_chance(&prng, 1, 3)) {
            yard_wait(l->y);
            yard_append_start(l->y, (uint32_t)prng_below(&prng, YARD_PARTITIONS),
                              (uint32_t)prng_range(&prng, 1, 60), 1000);
        }
        (void)sim_run_steps(l->y->sim, prng_below(&prng, 60));
        if (a->left > 0) {
            continue;
        }
        found += life_check(a, is_one_key);
        asked_init(a, l, (uint32_t)prng_below(&prng, l->shards_count));
        uint64_t count = is_one_key ? prng_range(&prng, 1, 90) : ARRAY_COUNT(keys);
        for (uint32_t i = 0; i < count; i++) {
            (void)asked_add(a, &view, is_one_key ? one : keys[i]);
        }
        ask(a);
    }
    yard_wait(l->y);
    land_settle(l);
    for (uint32_t i = 0; i < LIFE_ASKED; i++) {
        ask_wait(&asked[i]);
        found += life_check(&asked[i], is_one_key);
    }
    land_free(l);
    return found;
}

static void rows_are_those_of_their_position(void **state)
{
    (void)state;
    uint64_t found = 0;
    struct share share = share_open("positions", 80);
    while (share_more(&share)) {
        found += life(share_case_seed(&share));
    }
    share_close(&share);
    assert_true(found > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_from_every_shard),
        cmocka_unit_test(what_has_to_wait_is_left_to_a_statement),
        cmocka_unit_test(a_row_that_does_not_fit_is_left_to_a_statement),
        cmocka_unit_test(rows_are_those_of_their_position),
    };
    return cmocka_run_group_tests_name("core_lookup", tests, NULL, NULL);
}
