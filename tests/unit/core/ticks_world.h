/* A yard whose shards listen to ticks: each folds what it is told and compares with what is there.
 *
 *     struct world *w = world_new(seed);
 *     world_start(w, 2);
 *     world_view(w, 1, CORE_TICKS_EARLIEST, 0);     view number 1 over the yard's topic
 *     yard_append(w->y, 0, 10, 5);
 *     world_settle(w);                              until everybody was told of everything
 *     world_free(w);
 *
 * On every tick each ear checks: its number follows, its time does not fall, no end falls or passes
 * what is committed, and that all shards get the same bytes. */
#ifndef TESTS_UNIT_CORE_TICKS_WORLD_H
#define TESTS_UNIT_CORE_TICKS_WORLD_H

#include "broker/core/ticks.h"
#include "broker/core/ticks_cover.h"
#include "broker/core/ticks_home.h"
#include "tests/unit/core/yard.h"

#define WORLD_PARTITIONS 3u
#define WORLD_VIEWS      4u
#define WORLD_TICKS      65536u
#define WORLD_KEPT       1024u

struct world;

/* What ticks come to. */
struct world_fold {
    uint64_t number;
    uint64_t epoch;
    int64_t wall_ms;
    bool has_end[WORLD_PARTITIONS];
    uint64_t ends[WORLD_PARTITIONS];
    bool has_start[WORLD_VIEWS];
    uint64_t starts_tick[WORLD_VIEWS]; /* in which it was told */
    uint64_t origins[WORLD_VIEWS][WORLD_PARTITIONS];
};

/* A listener. */
struct world_ear {
    struct core_ticks_listener listener;
    struct world *w;
    struct core_shard *cs;
    struct world_fold fold;
    uint64_t heard_count;     /* ticks since the start */
    uint64_t moved_count;     /* partitions in them */
    uint64_t strangers_count; /* starts of views that the world did not put */
    bool is_keeping;          /* news are not given back */
    const struct core_tick_news *kept[WORLD_KEPT];
    uint32_t kept_count;
    enum core_code code; /* that there are no more */
    char why[200];
};

struct world {
    struct yard *y;
    struct world_ear ears[YARD_SHARDS];
    struct core_ticks_view views[WORLD_VIEWS];
    bool has_view[WORLD_VIEWS];
    uint32_t lives_count;          /* views put so far */
    uint64_t hashes[WORLD_TICKS];  /* of each tick as it was first heard, by number; 0: not heard */
    struct core_ticks_cover cover; /* the newest */
    struct core_ticks_want wants[WORLD_PARTITIONS];
    bool is_covered; /* it was answered */
};

struct world *world_new(uint64_t seed);

/* Closed or crashed already. */
void world_free(struct world *w);

/* Start on so many shards: views that there are, are put as a catalog would. */
void world_start(struct world *w, uint32_t shards_count);

/* Put a view over the yard's topic on all shards; drop it. */
void world_view(struct world *w, uint32_t view, enum core_ticks_origin origin, int64_t origin_ms);
void world_drop(struct world *w, uint32_t view);

/* Run until all ends of the topic were told on all shards, and nothing is under way. */
void world_settle(struct world *w);

/* The home, which there is. */
struct core_ticks_home *world_home(struct world *w);

/* Give up what an ear has kept. */
void world_give(struct world *w, uint32_t shard);

/* Ask which tick covers the wants, from shard 0; begin to. */
struct core_ticks_cover world_cover(struct world *w, uint32_t wants_count, uint64_t for_ms);
void world_cover_start(struct world *w, uint32_t wants_count, uint64_t for_ms);

/* Run `call` on a shard now. */
void world_post(struct world *w, uint32_t shard, void (*call)(struct rt_shard *shard, void *ctx),
                void *ctx);

#endif
