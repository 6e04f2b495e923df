/* Declared state machines: what may follow what, who is told, and which declarations make sense. */
#include "base/sm.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

enum { FLUSH_IDLE, FLUSH_WRITE, FLUSH_SYNC, FLUSH_FAILED, FLUSH_COUNT };

/* An operation as the product has them. */
struct flush {
    struct sm sm;
    bool is_submitted;    /* what the invariant looks at */
    uint32_t from;        /* what the invariant was told last */
    unsigned calls_count; /* of the invariant */
};

static bool flush_invariant(const struct sm *m, uint32_t from)
{
    struct flush *f = CONTAINER_OF((struct sm *)(uintptr_t)m, struct flush, sm);
    f->from = from;
    f->calls_count++;
    return sm_stage(m) == FLUSH_WRITE ? f->is_submitted : true;
}

static const struct sm_conf flush_stages[FLUSH_COUNT] = {
    [FLUSH_IDLE] = {"IDLE", SM_BIT(FLUSH_WRITE), SM_INITIAL | SM_FINAL},
    [FLUSH_WRITE] = {"WRITE", SM_BIT(FLUSH_SYNC) | SM_BIT(FLUSH_FAILED), 0},
    [FLUSH_SYNC] = {"SYNC", SM_BIT(FLUSH_IDLE) | SM_BIT(FLUSH_SYNC) | SM_BIT(FLUSH_FAILED), 0},
    [FLUSH_FAILED] = {"FAILED", 0, SM_FINAL},
};
static const struct sm_decl flush_decl = {"flush", flush_stages, FLUSH_COUNT, flush_invariant};

/* Keeps the lines it is told, one per line of text. */
struct sm_notebook {
    struct sm_trace trace;
    char text[512];
    size_t length;
};

static void sm_notebook_line(struct sm_trace *trace, const char *text, size_t length)
{
    struct sm_notebook *notebook = CONTAINER_OF(trace, struct sm_notebook, trace);
    int written = snprintf(notebook->text + notebook->length,
                           sizeof(notebook->text) - notebook->length, "%.*s\n", (int)length, text);
    notebook->length += (size_t)written;
}

static void sm_moves_along_its_declaration_and_tells_each_move(void **state)
{
    (void)state;
    struct sm_notebook notebook = {.trace = {sm_notebook_line}};
    struct flush f = {.is_submitted = true};
    sm_init(&f.sm, &flush_decl, FLUSH_IDLE, &notebook.trace, 7);
    assert_int_equal(f.from, SM_NO_STAGE);
    assert_true(sm_is_final(&f.sm));
    sm_move(&f.sm, FLUSH_WRITE);
    assert_int_equal(sm_stage(&f.sm), FLUSH_WRITE);
    assert_int_equal(f.from, FLUSH_IDLE);
    assert_false(sm_is_final(&f.sm));
    sm_move(&f.sm, FLUSH_SYNC);
    sm_move(&f.sm, FLUSH_SYNC);
    sm_move(&f.sm, FLUSH_IDLE);
    assert_int_equal(f.calls_count, 5);
    sm_deinit(&f.sm);
    sm_init(&f.sm, &flush_decl, FLUSH_IDLE, &notebook.trace, 0);
    sm_move(&f.sm, FLUSH_WRITE);
    assert_string_equal(notebook.text, "flush#7: IDLE\n"
                                       "flush#7: IDLE -> WRITE\n"
                                       "flush#7: WRITE -> SYNC\n"
                                       "flush#7: SYNC -> SYNC\n"
                                       "flush#7: SYNC -> IDLE\n"
                                       "flush: IDLE\n"
                                       "flush: IDLE -> WRITE\n");
}

static void sm_stops_at_every_move_that_is_not_declared(void **state)
{
    (void)state;
    static const char want[FLUSH_COUNT][FLUSH_COUNT + 1] = {
        [FLUSH_IDLE] = ".x..", /* to IDLE, WRITE, SYNC, FAILED */
        [FLUSH_WRITE] = "..xx",
        [FLUSH_SYNC] = "x.xx",
        [FLUSH_FAILED] = "....",
    };
    for (uint32_t from = 0; from < FLUSH_COUNT; from++) {
        for (uint32_t to = 0; to < FLUSH_COUNT; to++) {
            struct flush f = {.sm = {.decl = &flush_decl, .stage = from}, .is_submitted = true};
            if (want[from][to] == 'x') {
                sm_move(&f.sm, to);
                assert_int_equal(sm_stage(&f.sm), to);
            } else {
                expect_assert_failure(sm_move(&f.sm, to));
                assert_int_equal(sm_stage(&f.sm), from);
            }
        }
    }
}

static void sm_stops_where_the_invariant_is_broken(void **state)
{
    (void)state;
    struct flush f = {.is_submitted = false};
    sm_init(&f.sm, &flush_decl, FLUSH_IDLE, NULL, 0);
    expect_assert_failure(sm_move(&f.sm, FLUSH_WRITE));
    assert_int_equal(f.calls_count, 2);
}

static void sm_starts_in_initial_and_ends_in_final_stages_only(void **state)
{
    (void)state;
    struct flush f = {.is_submitted = true};
    expect_assert_failure(sm_init(&f.sm, &flush_decl, FLUSH_WRITE, NULL, 0));
    expect_assert_failure(sm_init(&f.sm, &flush_decl, FLUSH_COUNT, NULL, 0));
    sm_init(&f.sm, &flush_decl, FLUSH_IDLE, NULL, 0);
    expect_assert_failure(sm_move(&f.sm, FLUSH_COUNT));
    expect_assert_failure(sm_move(&f.sm, SM_NO_STAGE));
    sm_move(&f.sm, FLUSH_WRITE);
    expect_assert_failure(sm_deinit(&f.sm));
    sm_move(&f.sm, FLUSH_FAILED);
    sm_deinit(&f.sm);
    expect_assert_failure(sm_move(&f.sm, FLUSH_IDLE));
    expect_assert_failure((void)sm_is_final(&f.sm));
}

static void sm_trace_line_is_cut_where_names_are_very_long(void **state)
{
    (void)state;
    static const char name[] = "0123456789012345678901234567890123456789012345678901234567890123456"
                               "7890123456789012345678901234567890123456789";
    const struct sm_conf stages[] = {{name, SM_BIT(0), SM_INITIAL | SM_FINAL}};
    const struct sm_decl decl = {name, stages, 1, NULL};
    struct sm_notebook notebook = {.trace = {sm_notebook_line}};
    struct sm m;
    sm_init(&m, &decl, 0, &notebook.trace, UINT64_MAX);
    assert_int_equal(notebook.length, 160); /* with the notebook's newline */
    assert_memory_equal(notebook.text, name, sizeof(name) - 1);
}

static void sm_check_conf_names_what_makes_no_sense(void **state)
{
    (void)state;
    enum { A, B, C };
    static const struct {
        const char *why;
        uint32_t stages_count;
        struct sm_conf stages[3];
    } rows[] = {
        {"", 1, {{"A", 0, SM_INITIAL | SM_FINAL}}},
        {"", 3, {{"A", SM_BIT(B), SM_INITIAL}, {"B", SM_BIT(C), 0}, {"C", 0, SM_FINAL}}},
        {"", 2, {{"A", SM_BIT(A) | SM_BIT(B), SM_INITIAL | SM_FINAL}, {"B", SM_BIT(A), 0}}},
        {"0 stages; 1 to 64 can be declared", 0, {{0}}},
        {"65 stages; 1 to 64 can be declared", 65, {{0}}},
        {"stage 1 has no name", 2, {{"A", SM_BIT(B), SM_INITIAL}, {NULL, 0, SM_FINAL}}},
        {"stage 0 has no name", 1, {{"", 0, SM_INITIAL | SM_FINAL}}},
        {"A is declared twice", 2, {{"A", SM_BIT(B), SM_INITIAL}, {"A", 0, SM_FINAL}}},
        {"no stage is initial", 1, {{"A", SM_BIT(A), SM_FINAL}}},
        {"A allows a stage that is not declared",
         2,
         {{"A", SM_BIT(B) | SM_BIT(C), SM_INITIAL}, {"B", 0, SM_FINAL}}},
        {"B is never reached", 2, {{"A", 0, SM_INITIAL | SM_FINAL}, {"B", SM_BIT(A), 0}}},
        {"B leads to no final stage",
         2,
         {{"A", SM_BIT(B), SM_INITIAL | SM_FINAL}, {"B", SM_BIT(B), 0}}},
        {"A leads to no final stage", 1, {{"A", SM_BIT(A), SM_INITIAL}}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct sm_decl decl = {"rows", rows[i].stages, rows[i].stages_count, NULL};
        char why[80];
        enum err err = sm_check_conf(&decl, why, sizeof(why));
        assert_string_equal(why, rows[i].why);
        assert_int_equal(err, rows[i].why[0] == '\0' ? ERR_OK : ERR_INVALID);
        char short_why[5];
        assert_int_equal(sm_check_conf(&decl, short_why, sizeof(short_why)), err);
        assert_memory_equal(short_why, rows[i].why, strlen(short_why));
    }
    char why[8];
    assert_int_equal(sm_check_conf(&flush_decl, why, sizeof(why)), ERR_OK);
}

static void sm_describe_draws_the_declaration(void **state)
{
    (void)state;
    static const char want[] = "flush\n"
                               ">. IDLE   -> WRITE\n"
                               "   WRITE  -> SYNC FAILED\n"
                               "   SYNC   -> IDLE SYNC FAILED\n"
                               " . FAILED\n";
    char text[256];
    struct bytes_writer out = bytes_writer(text, sizeof(text));
    sm_describe(&flush_decl, &out);
    assert_int_equal(out.err, ERR_OK);
    assert_int_equal(out.pos, sizeof(want) - 1);
    assert_memory_equal(text, want, sizeof(want) - 1);
    out = bytes_writer(text, sizeof(want) - 2);
    sm_describe(&flush_decl, &out);
    assert_int_equal(out.err, ERR_TOO_LARGE);
}

/* Whether moves lead from a to b, by Warshall's closure: the naive model of sm_check_conf. */
static void sm_closure(const struct sm_conf *stages, uint32_t count, bool leads[8][8])
{
    for (uint32_t a = 0; a < count; a++) {
        for (uint32_t b = 0; b < count; b++) {
            leads[a][b] = a == b || (stages[a].allowed & SM_BIT(b)) != 0;
        }
    }
    for (uint32_t via = 0; via < count; via++) {
        for (uint32_t a = 0; a < count; a++) {
            for (uint32_t b = 0; b < count; b++) {
                leads[a][b] |= leads[a][via] && leads[via][b];
            }
        }
    }
}

static bool sm_model_is_sane(const struct sm_conf *stages, uint32_t count)
{
    bool leads[8][8];
    sm_closure(stages, count, leads);
    for (uint32_t stage = 0; stage < count; stage++) {
        bool is_reached = false, reaches = false;
        for (uint32_t other = 0; other < count; other++) {
            is_reached |= (stages[other].flags & SM_INITIAL) != 0 && leads[other][stage];
            reaches |= (stages[other].flags & SM_FINAL) != 0 && leads[stage][other];
        }
        if (!is_reached || !reaches) {
            return false;
        }
    }
    return true;
}

static void sm_check_conf_agrees_with_the_naive_closure(void **state)
{
    (void)state;
    static const char *const names[] = {"A", "B", "C", "D", "E", "F", "G", "H"};
    unsigned sane_count = 0, cases_count = 0;
    struct share share = share_open("random declarations", 80);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct prng p;
        prng_init(&p, seed);
        uint32_t count = (uint32_t)prng_range(&p, 1, 8);
        struct sm_conf stages[8];
        for (uint32_t i = 0; i < count; i++) {
            stages[i] = (struct sm_conf){.name = names[i]};
            for (uint32_t next = 0; next < count; next++) {
                stages[i].allowed |= prng_chance(&p, 1, 3) ? SM_BIT(next) : 0;
            }
            stages[i].flags |= prng_chance(&p, 1, 2) ? SM_INITIAL : 0;
            stages[i].flags |= prng_chance(&p, 1, 2) ? SM_FINAL : 0;
        }
        const struct sm_decl decl = {"random", stages, count, NULL};
        char why[80];
        bool is_sane = sm_check_conf(&decl, why, sizeof(why)) == ERR_OK;
        if (is_sane != sm_model_is_sane(stages, count)) {
            fail_msg("seed %llu: \"%s\"", (unsigned long long)seed, why);
        }
        sane_count += is_sane;
        cases_count++;
    }
    share_close(&share);
    assert_true(cases_count < 100 || (sane_count > 0 && sane_count < cases_count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sm_moves_along_its_declaration_and_tells_each_move),
        cmocka_unit_test(sm_stops_at_every_move_that_is_not_declared),
        cmocka_unit_test(sm_stops_where_the_invariant_is_broken),
        cmocka_unit_test(sm_starts_in_initial_and_ends_in_final_stages_only),
        cmocka_unit_test(sm_trace_line_is_cut_where_names_are_very_long),
        cmocka_unit_test(sm_check_conf_names_what_makes_no_sense),
        cmocka_unit_test(sm_describe_draws_the_declaration),
        cmocka_unit_test(sm_check_conf_agrees_with_the_naive_closure),
    };
    return cmocka_run_group_tests_name("base_sm", tests, NULL, NULL);
}
