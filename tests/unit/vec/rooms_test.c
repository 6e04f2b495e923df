/* Rooms: what may still be read is never given out, and what is read by nobody is. */
#include "views/vec/rooms.h"

#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define ROOMS_MAX 300u

struct room {
    uint8_t *data; /* NULL: none */
    uint32_t bytes;
    uint32_t capacity;
    uint64_t left; /* in which tick; 0: not yet */
    uint8_t pattern;
};

struct world {
    struct budget budget;
    struct arena arena;
    struct vec_rooms rooms;
    struct room list[ROOMS_MAX];
};

static void world_open(struct world *w)
{
    *w = (struct world){.list = {{0}}};
    budget_init(&w->budget, "rooms", SIZE_MAX / 2, NULL);
    arena_init(&w->arena, &w->budget, 1u << 16, SIZE_MAX / 2);
    vec_rooms_init(&w->rooms, &w->arena);
}

static void world_close(struct world *w)
{
    arena_deinit(&w->arena);
    budget_deinit(&w->budget);
}

/* Whoever may read a room reads what was written there. */
static void world_check(struct world *w)
{
    for (size_t i = 0; i < ROOMS_MAX; i++) {
        struct room *room = &w->list[i];
        if (room->data == NULL) {
            continue;
        }
        if (room->left != 0 && room->left <= w->rooms.unread) {
            room->data = NULL;
            continue;
        }
        for (uint32_t b = 0; b < room->bytes; b++) {
            assert_int_equal(room->data[b], room->pattern);
        }
    }
}

static void world_take(struct world *w, struct prng *prng, struct room *room)
{
    uint32_t bytes = 1 + (uint32_t)prng_below(prng, UINT64_C(1) << prng_below(prng, 12));
    room->data = vec_rooms_take(&w->rooms, bytes, &room->capacity);
    assert_non_null(room->data);
    assert_int_equal((uintptr_t)room->data % 8, 0);
    assert_true(room->capacity >= bytes);
    assert_true(room->capacity <= bytes + 15 || room->capacity <= bytes + bytes / 4);
    room->bytes = room->capacity;
    room->left = 0;
    room->pattern = (uint8_t)prng_u64(prng);
    memset(room->data, room->pattern, room->capacity);
}

static void what_may_be_read_is_not_given_out(void **state)
{
    (void)state;
    static struct world w;
    struct share share = share_open("rooms against a list", 90);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        world_open(&w);
        w.rooms.now = 1;
        for (int op = 0; op < 600; op++) {
            struct room *room = &w.list[prng_below(&prng, ROOMS_MAX)];
            if (prng_below(&prng, 20) == 0) {
                w.rooms.now++;
                w.rooms.unread += prng_below(&prng, w.rooms.now - w.rooms.unread);
            } else if (room->data == NULL) {
                world_take(&w, &prng, room);
            } else if (room->left == 0) {
                vec_rooms_leave(&w.rooms, room->data, room->capacity);
                room->left = w.rooms.now;
            }
            if (op % 20 == 0) {
                world_check(&w);
            }
        }
        world_check(&w);
        world_close(&w);
    }
    share_close(&share);
}

static void what_comes_and_goes_takes_no_more_memory(void **state)
{
    (void)state;
    static struct world w;
    uint32_t capacity[100];
    void *rooms[100];
    size_t held = 0;
    world_open(&w);
    for (uint64_t tick = 1; tick < 2000; tick++) {
        w.rooms.now = tick;
        w.rooms.unread = tick > 3 ? tick - 3 : 0;
        for (size_t i = 0; i < ARRAY_COUNT(rooms); i++) {
            if (tick > 1) {
                vec_rooms_leave(&w.rooms, rooms[i], capacity[i]);
            }
            rooms[i] = vec_rooms_take(&w.rooms, (uint32_t)(20 + i % 50 * 7), &capacity[i]);
            assert_non_null(rooms[i]);
        }
        held = tick == 20 ? w.arena.held_bytes : held;
    }
    assert_int_equal(w.arena.held_bytes, held);
    assert_true(w.rooms.waiting_bytes > 0);
    world_close(&w);
}

static void the_largest_rooms_have_their_class(void **state)
{
    (void)state;
    static struct world w;
    static const uint32_t sizes[] = {1, 16, 17, 256, 257, 320, 321, 511, 512, 513, 1u << 20};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        uint32_t capacity[2];
        world_open(&w);
        uint8_t *room = vec_rooms_take(&w.rooms, sizes[i], &capacity[0]);
        assert_non_null(room);
        vec_rooms_leave(&w.rooms, room, capacity[0]);
        assert_int_equal(w.rooms.waiting_bytes + w.rooms.free_bytes, capacity[0]);
        /* The smallest and the largest of a class are the same room. */
        assert_ptr_equal(vec_rooms_take(&w.rooms, capacity[0], &capacity[1]), room);
        assert_int_equal(capacity[0], capacity[1]);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_be_read_is_not_given_out),
        cmocka_unit_test(what_comes_and_goes_takes_no_more_memory),
        cmocka_unit_test(the_largest_rooms_have_their_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
