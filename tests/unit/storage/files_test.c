/* A shard's open files: how many are kept, who waits for an open, and what a file that was replaced
 * means for those who have it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/place.h"

#define USERS_MAX 40u
#define SEGMENTS  12u
#define FILES_MAX 4u

/* Somebody who wants a file. */
struct user {
    struct log_file_get get; /* the wish */
    struct fixture *f;       /* whose */
    uint32_t done_order;     /* when it was done: 1, 2, ...; 0: not */
    bool was_ready;          /* the file was open when it was asked for */
};

/* A place with a .log for each segment 1 .. SEGMENTS, its first byte telling which file it is. */
struct fixture {
    struct place *place;
    struct place_history history; /* empty */
    struct user users[USERS_MAX];
    uint32_t dones_count; /* of users */
    uint32_t first;       /* what the next call is about: users first .. end - 1 */
    uint32_t end;         /* likewise */
    uint64_t index;       /* likewise: the first user's segment, the next one's is one more */
    uint64_t stride;      /* or that many more; 0: the same */
    bool does_make;       /* likewise */
    struct rt_op op;      /* reads */
    uint8_t *block;       /* what was read */
};

static struct fixture *fixture_of(struct place *place)
{
    return place->store.keeper;
}

static void write_file(struct fixture *f, uint64_t index, uint8_t byte)
{
    uint8_t block[LIMIT_BLOCK_BYTES] = {byte};
    place_write(f->place, place_path(f->place, index, 0, "log"), 0, block, sizeof(block));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->block = aligned_alloc(LIMIT_BLOCK_BYTES, LIMIT_BLOCK_BYTES);
    assert_non_null(f->block);
    f->place = place_new();
    f->place->store.keeper = f;
    f->place->files_max = FILES_MAX;
    for (uint64_t index = 1; index <= SEGMENTS; index++) {
        write_file(f, index, (uint8_t)index);
    }
    place_start(f->place, &f->history, 1, 0, 0, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    place_end(f->place);
    place_free(f->place);
    free(f->block);
    free(f);
    return 0;
}

static struct log_segment segment_of(struct fixture *f, uint64_t index)
{
    return (struct log_segment){.log = &f->place->log, .start = {.index = index}};
}

static void user_done(struct log_file_get *get)
{
    struct user *user = CONTAINER_OF(get, struct user, get);
    assert_int_equal(user->done_order, 0);
    assert_int_equal(get->file == NULL, get->err != ERR_OK);
    user->done_order = ++user->f->dones_count;
}

static void get_some(struct place *place)
{
    struct fixture *f = fixture_of(place);
    for (uint32_t i = f->first; i < f->end; i++) {
        struct user *user = &f->users[i];
        struct log_segment seg = segment_of(f, f->index + (i - f->first) * f->stride);
        *user = (struct user){.get = {.done = user_done}, .f = f};
        log_file_get_segment(&user->get, &seg, LOG_FILE_LOG, f->does_make);
        assert_int_equal(user->done_order, 0); /* never within the call */
        user->was_ready = user->get.file != NULL && user->get.file->is_ready;
    }
}

static void put_some(struct place *place)
{
    struct fixture *f = fixture_of(place);
    for (uint32_t i = f->first; i < f->end; i++) {
        log_file_put(&place->ls, f->users[i].get.file);
        f->users[i].get.file = NULL;
    }
}

/* Users first .. end - 1 get segments from `index` on; or put them. */
static void get(struct fixture *f, uint32_t first, uint32_t end, uint64_t index, uint64_t stride)
{
    f->first = first;
    f->end = end;
    f->index = index;
    f->stride = stride;
    place_run(f->place, get_some);
}

static void put(struct fixture *f, uint32_t first, uint32_t end)
{
    f->first = first;
    f->end = end;
    place_run(f->place, put_some);
}

static void forget_call(struct place *place)
{
    struct log_segment seg = segment_of(fixture_of(place), fixture_of(place)->index);
    log_files_forget_segment(&seg);
}

static void forget(struct fixture *f, uint64_t index)
{
    f->index = index;
    place_run(f->place, forget_call);
}

static void read_done(struct rt_op *op)
{
    assert_int_equal(op->err, ERR_OK);
}

static void read_call(struct place *place)
{
    struct fixture *f = fixture_of(place);
    rt_op_init(&f->op, place->shard, read_done);
    rt_file_read(&f->users[f->first].get.file->file, &f->op, f->block, LIMIT_BLOCK_BYTES, 0);
}

/* The first byte of what the user has. */
static uint8_t first_byte(struct fixture *f, uint32_t user)
{
    f->first = user;
    place_run(f->place, read_call);
    return f->block[0];
}

/* Whether a get finds segment `index` open; it is put again. */
static bool is_open(struct fixture *f, uint64_t index)
{
    get(f, USERS_MAX - 1, USERS_MAX, index, 0);
    bool was_ready = f->users[USERS_MAX - 1].was_ready;
    put(f, USERS_MAX - 1, USERS_MAX);
    return was_ready;
}

static void gets_of_one_file_share_one_open(void **state)
{
    struct fixture *f = *state;
    get(f, 0, 3, 5, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(f->users[i].done_order, i + 1);
        assert_false(f->users[i].was_ready);
        assert_ptr_equal(f->users[i].get.file, f->users[0].get.file);
    }
    assert_int_equal(f->users[0].get.file->users_count, 3);
    assert_int_equal(f->place->ls.files.count, 1);
    assert_int_equal(first_byte(f, 1), 5);
    put(f, 0, 3);
    assert_true(is_open(f, 5));
}

static void files_of_other_groups_are_others(void **state)
{
    struct fixture *f = *state;
    get(f, 0, 1, 5, 0);
    assert_string_equal(f->users[0].get.file->path, place_path(f->place, 5, 0, "log"));
    f->place->log.group++;
    get(f, 1, 2, 5, 0);
    f->place->log.group--;
    assert_ptr_not_equal(f->users[0].get.file, f->users[1].get.file);
    put(f, 0, 2);
}

/* Four are kept: the ones that were put last. */
static void longest_unused_files_are_closed(void **state)
{
    struct fixture *f = *state;
    get(f, 0, 6, 1, 1);
    assert_int_equal(f->place->ls.files.count, 6); /* all are in use */
    put(f, 2, 6);
    put(f, 0, 2);
    assert_int_equal(f->place->ls.files.count, 4);
    assert_int_equal(f->place->ls.files.closing_count, 0);
    for (uint64_t index = 1; index <= 2; index++) {
        assert_true(is_open(f, index));
    }
    assert_true(is_open(f, 6));
    assert_true(is_open(f, 5));
    assert_false(is_open(f, 4)); /* it takes the place of 1 */
    assert_int_equal(f->place->ls.files.count, 4);
    assert_false(is_open(f, 1));
    assert_true(is_open(f, 6));
}

static void files_in_use_are_never_closed(void **state)
{
    struct fixture *f = *state;
    get(f, 0, 1, 1, 0);
    for (uint64_t index = 2; index <= SEGMENTS; index++) {
        (void)is_open(f, index);
    }
    assert_true(is_open(f, 1));
    assert_int_equal(first_byte(f, 0), 1);
    put(f, 0, 1);
}

static void failed_open_is_told_to_all_and_tried_again(void **state)
{
    struct fixture *f = *state;
    get(f, 0, 3, 77, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(f->users[i].get.err, ERR_NOT_FOUND);
    }
    assert_int_equal(f->place->ls.files.count, 0);
    write_file(f, 77, 77);
    get(f, 0, 1, 77, 0);
    assert_int_equal(first_byte(f, 0), 77);
    put(f, 0, 1);
}

static void get_and_make(struct place *place)
{
    struct fixture *f = fixture_of(place);
    get_some(place);
    f->first++;
    f->end++;
    f->does_make = true;
    get_some(place);
    f->does_make = false;
}

/* One who does not make the file must not take it from one who does. */
static void making_a_file_does_not_wait_for_a_look_at_it(void **state)
{
    struct fixture *f = *state;
    f->first = 0;
    f->end = 1;
    f->index = 90;
    place_run(f->place, get_and_make);
    assert_int_equal(f->users[1].get.err, ERR_OK);
    assert_true(place_has(f->place, 90, 0, "log"));
    if (f->users[0].get.err == ERR_OK) { /* it came late enough */
        put(f, 0, 1);
    }
    put(f, 1, 2);
    assert_true(is_open(f, 90));
}

static void forgotten_file_stays_with_who_has_it(void **state)
{
    struct fixture *f = *state;
    get(f, 0, 2, 3, 0);
    place_remove(f->place, 3, 0, "log");
    write_file(f, 3, 103);
    forget(f, 3);
    get(f, 2, 3, 3, 0);
    assert_int_equal(first_byte(f, 0), 3);
    assert_int_equal(first_byte(f, 2), 103);
    assert_int_equal(f->place->ls.files.count, 2);
    put(f, 0, 2); /* the last of the old one closes it */
    assert_int_equal(f->place->ls.files.count, 1);
    put(f, 2, 3);
    assert_true(is_open(f, 3));
}

static void forgotten_file_that_nobody_uses_is_closed(void **state)
{
    struct fixture *f = *state;
    (void)is_open(f, 3);
    forget(f, 3);
    forget(f, 3);
    forget(f, 4);
    assert_int_equal(f->place->ls.files.count, 0);
    assert_int_equal(f->place->ls.files.closing_count, 0);
    assert_false(is_open(f, 3));
}

static void get_and_forget(struct place *place)
{
    get_some(place);
    forget_call(place);
    struct fixture *f = fixture_of(place);
    f->first++;
    f->end++;
    get_some(place);
}

static void file_forgotten_while_it_opens_is_closed_at_its_put(void **state)
{
    struct fixture *f = *state;
    f->first = 0;
    f->end = 1;
    f->index = 3;
    place_run(f->place, get_and_forget);
    assert_int_equal(f->users[0].get.err, ERR_OK);
    assert_int_equal(f->users[1].get.err, ERR_OK);
    assert_ptr_not_equal(f->users[0].get.file, f->users[1].get.file);
    put(f, 0, 1);
    assert_int_equal(f->place->ls.files.count, 1);
    put(f, 1, 2);
}

static void journal_get(struct place *place)
{
    struct fixture *f = fixture_of(place);
    f->users[0] = (struct user){.get = {.done = user_done}, .f = f};
    log_file_get_journal(&f->users[0].get, &place->ls, 0x1f);
}

static void journal_forget(struct place *place)
{
    log_files_forget_journal(&place->ls, 0x1f);
}

static void journal_files_are_known_by_their_slot(void **state)
{
    struct fixture *f = *state;
    static const uint8_t block[LIMIT_BLOCK_BYTES] = {0x1f};
    assert_int_equal(sim_disk_mkdir(f->place->disk, "/data/journal"), ERR_OK);
    place_write(f->place, "/data/journal/0000001f.jnl", 0, block, sizeof(block));
    place_run(f->place, journal_get);
    assert_int_equal(f->users[0].get.err, ERR_OK);
    assert_int_equal(first_byte(f, 0), 0x1f);
    place_run(f->place, journal_forget);
    put(f, 0, 1);
    assert_int_equal(f->place->ls.files.count, 0);
}

static void get_without_memory_is_refused(void **state)
{
    struct fixture *f = *state;
    budget_set_limit(&f->place->ls.budget, f->place->ls.budget.used_bytes);
    get(f, 0, 2, 1, 1);
    assert_int_equal(f->users[0].get.err, ERR_BUDGET);
    assert_int_equal(f->users[1].get.err, ERR_BUDGET);
    assert_int_equal(f->place->ls.files.count, 0);
    budget_set_limit(&f->place->ls.budget, f->place->budget_bytes);
    assert_false(is_open(f, 1));
}

/* --- Any order of things --- */

/* A random workload: users come and go, files are replaced under them. */
struct crowd {
    struct fixture *f;
    struct prng prng;
    uint64_t wanted[USERS_MAX];    /* segment of each user; 0: none */
    uint8_t version[SEGMENTS + 1]; /* how often each file was replaced */
};

static void crowd_step(struct crowd *crowd)
{
    struct fixture *f = crowd->f;
    uint32_t i = (uint32_t)prng_below(&crowd->prng, USERS_MAX - 1);
    uint64_t index = 1 + prng_below(&crowd->prng, SEGMENTS);
    if (prng_chance(&crowd->prng, 1, 10)) {
        uint8_t byte = (uint8_t)(++crowd->version[index] * 16 + index);
        place_remove(f->place, index, 0, "log");
        write_file(f, index, byte);
        forget(f, index);
    } else if (crowd->wanted[i] == 0) {
        get(f, i, i + 1, index, 0);
        assert_int_equal(f->users[i].get.err, ERR_OK);
        assert_int_equal(first_byte(f, i), (uint8_t)(crowd->version[index] * 16 + index));
        crowd->wanted[i] = index;
    } else {
        put(f, i, i + 1);
        crowd->wanted[i] = 0;
    }
}

static void crowd_case(uint64_t seed)
{
    void *state = NULL;
    setup(&state);
    struct crowd crowd = {.f = state};
    struct fixture *f = state;
    prng_init(&crowd.prng, seed);
    for (uint64_t steps = 20 + prng_below(&crowd.prng, 200); steps > 0; steps--) {
        crowd_step(&crowd);
        uint32_t used_count = 0;
        for (uint32_t i = 0; i < USERS_MAX; i++) {
            bool is_counted = crowd.wanted[i] == 0;
            for (uint32_t n = 0; n < i && !is_counted; n++) {
                is_counted = crowd.wanted[n] != 0 && f->users[n].get.file == f->users[i].get.file;
            }
            used_count += !is_counted;
        }
        const struct log_files *files = &f->place->ls.files;
        assert_int_equal(files->count - used_count, list_count(&files->lru));
        assert_true(files->count <= FILES_MAX || list_is_empty(&files->lru));
        assert_int_equal(files->map.count, files->count);
    }
    for (uint32_t i = 0; i < USERS_MAX; i++) {
        if (crowd.wanted[i] != 0) {
            put(f, i, i + 1);
        }
    }
    teardown(&state);
}

static void files_in_any_order(void **state)
{
    (void)state;
    struct share share = share_open("users of files", 60);
    while (share_more(&share)) {
        crowd_case(share_case_seed(&share));
    }
    share_close(&share);
}

#define FILES_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(gets_of_one_file_share_one_open),
        FILES_TEST(files_of_other_groups_are_others),
        FILES_TEST(longest_unused_files_are_closed),
        FILES_TEST(files_in_use_are_never_closed),
        FILES_TEST(failed_open_is_told_to_all_and_tried_again),
        FILES_TEST(making_a_file_does_not_wait_for_a_look_at_it),
        FILES_TEST(forgotten_file_stays_with_who_has_it),
        FILES_TEST(forgotten_file_that_nobody_uses_is_closed),
        FILES_TEST(file_forgotten_while_it_opens_is_closed_at_its_put),
        FILES_TEST(journal_files_are_known_by_their_slot),
        FILES_TEST(get_without_memory_is_refused),
        cmocka_unit_test(files_in_any_order),
    };
    return cmocka_run_group_tests_name("log_files", tests, NULL, NULL);
}
