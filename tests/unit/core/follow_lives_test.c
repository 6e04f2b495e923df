/* Lives of clients that follow views: random records, stalls, clients that are slow, stuck, gone
 * and back with their tokens, views bound anew, crashes, other numbers of shards; whatever happens
 * their tables are what their SELECTs say. */
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "broker/core/core.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/follow_world.h"
#include "tests/unit/core/late_clock.h"

/* --- Lives --- */

#define LIFE_FANS 10u

struct life {
    struct land *l;
    struct prng prng;
    struct fan *fans[LIFE_FANS];
    uint32_t changed_count; /* that came back to another incarnation */
    uint32_t anew_count;    /* that were given a snapshot where a difference could not be */
};

/* Hardly any difference fits. */
static void differences_are_small(struct yard *y, struct core_shard *cs)
{
    land_opened(y, cs);
    budget_set_limit(&cs->follows.diffs_budget, 40 << 10);
}

static void life_begin(struct life *life, uint32_t i)
{
    struct prng *prng = &life->prng;
    const struct fan_question *q = &fan_questions[prng_below(prng, FAN_QUESTIONS)];
    struct land *l = life->l;
    if (!l->has[q->view]) {
        land_create(l, q->view);
    }
    struct fan *fan = fan_new(l, (uint32_t)prng_below(prng, l->shards_count), q->sql);
    fan->is_counting = q->is_counting;
    fan->lazy = prng_chance(prng, 1, 2) ? 0 : (uint32_t)prng_below(prng, 90);
    fan->pause_ms = (uint32_t)prng_below(prng, 100);
    life->fans[i] = fan;
    fan_start(fan);
}

static void life_step(struct life *life)
{
    struct prng *prng = &life->prng;
    struct land *l = life->l;
    uint32_t i = (uint32_t)prng_below(prng, LIFE_FANS);
    struct fan *fan = life->fans[i];
    switch (prng_below(prng, 10)) {
    case 0:
    case 1:
        if (fan == NULL) {
            life_begin(life, i);
        } else {
            fan_again(fan, (uint32_t)prng_below(prng, l->shards_count));
        }
        break;
    case 2:
        if (fan != NULL && prng_chance(prng, 1, 3)) {
            fan_gone(fan);
            life->fans[i] = NULL;
        } else if (fan != NULL) {
            fan_end(fan);
        }
        break;
    case 3: yard_run(l->y, prng_below(prng, 60)); break;
    case 4:
        yard_append_start(l->y, 1, (uint32_t)prng_range(prng, 1, 300), 1000);
        (void)sim_run_steps(l->y->sim, prng_below(prng, 200));
        sim_node_pause(l->y->node);
        yard_run(l->y, prng_range(prng, 40, 250));
        sim_node_resume(l->y->node);
        yard_wait(l->y);
        break;
    case 5:
        if (fan != NULL && fan->is_stuck) {
            fan_unstick(fan);
        } else if (fan != NULL) {
            fan->is_stuck = prng_chance(prng, 1, 3);
        }
        break;
    case 6: {
        uint32_t view = (uint32_t)prng_below(prng, LAND_VIEWS);
        if (l->has[view]) {
            land_rebind(l, view);
        }
        break;
    }
    default:
        land_append(l, (uint32_t)prng_below(prng, YARD_PARTITIONS),
                    (uint32_t)prng_range(prng, 1, prng_chance(prng, 1, 8) ? 400 : 20));
        break;
    }
}

static void life_check(struct life *life)
{
    struct fan *there[LIFE_FANS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < LIFE_FANS; i++) {
        struct fan *fan = life->fans[i];
        if (fan != NULL) {
            fan->is_stuck = false;
            fan_unstick(fan);
            there[count++] = fan;
        }
    }
    yard_run(life->l->y, 1);
    land_rebound(life->l);
    yard_run(life->l->y, 50);
    for (uint32_t i = 0; i < count; i++) {
        if (there[i]->is_done && there[i]->follow.code == CORE_VIEW_CHANGED) {
            fan_again(there[i], (uint32_t)prng_below(&life->prng, life->l->shards_count));
            life->changed_count++;
        }
    }
    fan_settle(life->l, there, count);
    for (uint32_t i = 0; i < count; i++) {
        life->anew_count += there[i]->anew_count;
        there[i]->anew_count = 0;
        if (there[i]->is_done && there[i]->follow.code != CORE_OK) {
            fail_msg("%s: %s %s", there[i]->sql, core_code_text(there[i]->follow.code),
                     there[i]->follow.message);
        }
        if (!there[i]->is_done) {
            fan_is(there[i]);
        }
    }
}

static void lives_case(uint64_t seed, uint32_t *changed_count, uint32_t *anew_count)
{
    struct life life = {.l = land_new(seed, NULL)};
    struct prng *prng = &life.prng;
    struct land *l = life.l;
    prng_init(prng, seed);
    late_clock_begin(prng_chance(prng, 1, 2) ? 0 : prng_below(prng, 600000));
    fan_forget_all();
    l->y->config.ticks_whole_count = (uint32_t)prng_range(prng, 4, 60);
    l->y->config.view_changes_bytes_max = prng_chance(prng, 1, 3) ? 64 << 10 : 0;
    l->is_odd = prng_chance(prng, 1, 3);
    if (prng_chance(prng, 1, 3)) {
        l->y->opened = differences_are_small;
    }
    land_start(l, 1 + (uint32_t)prng_below(prng, 4));
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t steps = (uint32_t)prng_range(prng, 5, 50);
        for (uint32_t step = 0; step < steps; step++) {
            life_step(&life);
        }
        if (prng_chance(prng, 2, 3)) {
            life_check(&life);
        }
        bool is_crash = prng_chance(prng, 1, 2);
        for (uint32_t k = 0; k < LIFE_FANS; k++) {
            if (life.fans[k] != NULL && !is_crash) {
                fan_end(life.fans[k]);
            }
        }
        if (is_crash) {
            land_crash(l, SIM_CRASH_SEEDED);
        } else {
            land_close(l);
        }
        for (uint32_t k = 0; k < LIFE_FANS; k++) {
            if (life.fans[k] != NULL && is_crash) {
                fan_forget(life.fans[k]);
            }
        }
        land_start(l, 1 + (uint32_t)prng_below(prng, 4));
        for (uint32_t k = 0; k < LIFE_FANS; k++) {
            if (life.fans[k] != NULL) {
                fan_again(life.fans[k], (uint32_t)prng_below(prng, l->shards_count));
            }
        }
        life_check(&life);
    }
    for (uint32_t i = 0; i < LIFE_FANS; i++) {
        if (life.fans[i] != NULL) {
            fan_gone(life.fans[i]);
        }
    }
    land_free(l);
    *changed_count += life.changed_count;
    *anew_count += life.anew_count;
}

static void lives_of_clients(void **state)
{
    (void)state;
    struct share share = share_open("lives", 50);
    uint32_t changed_count = 0;
    uint32_t anew_count = 0;
    while (share_more(&share)) {
        lives_case(share_case_seed(&share), &changed_count, &anew_count);
    }
    printf("covered: %u came back to another incarnation, %u began anew\n", changed_count,
           anew_count);
    share_close(&share);
}

/* Ended in any state, by the client or with the server: nothing is left of it anywhere. */
static void a_client_ends_at_any_moment(void **state)
{
    (void)state;
    struct share share = share_open("ends", 15);
    while (share_more(&share)) {
        struct prng prng;
        uint64_t seed = share_case_seed(&share);
        prng_init(&prng, seed);
        late_clock_begin(prng_chance(&prng, 1, 2) ? 0 : prng_below(&prng, 600000));
        struct land *l = fan_land(1 + (uint32_t)prng_below(&prng, 4), seed);
        for (uint32_t i = 0; i < 20; i++) {
            struct fan *fan = fan_new(l, (uint32_t)prng_below(&prng, l->shards_count),
                                      fan_questions[prng_below(&prng, 5)].sql);
            fan->is_stuck = prng_chance(&prng, 1, 3);
            fan_start(fan);
            (void)sim_run_steps(l->y->sim, prng_below(&prng, 150));
            if (prng_chance(&prng, 1, 2)) {
                yard_append_start(l->y, 0, (uint32_t)prng_range(&prng, 1, 100), 1000);
                (void)sim_run_steps(l->y->sim, prng_below(&prng, 100));
            }
            fan_gone(fan);
            yard_wait(l->y);
        }
        yard_run(l->y, 10);
        statements_are_gone(l->y);
        for (uint32_t i = 0; i < l->shards_count; i++) {
            struct core_follows *follows = &l->y->shards[i].follows;
            assert_true(core_follows_is_idle(follows));
            arena_deinit(&follows->scratch);
            assert_int_equal(follows->budget.used_bytes, 0);
            assert_int_equal(follows->reading_count, 0);
        }
        land_free(l);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_ends_at_any_moment),
        cmocka_unit_test(lives_of_clients),
    };
    return cmocka_run_group_tests_name("core_follow_lives", tests, NULL, NULL);
}
