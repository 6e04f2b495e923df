/* Clients that follow views of a land: each folds what it is given into a table, naively.
 *
 *     struct fan *fan = fan_new(l, 1, "SELECT k, count FROM v_group");
 *     fan_start(fan);
 *     fan_settle(l, &fan, 1);                       until it has all that the view has
 *     fan_is(fan);                                  its table is what the SELECT says
 *     fan_end(fan);
 *     fan_again(fan, 0);                            on another shard, with its token
 *     fan_free(fan);
 *
 * At every progress its table is compared with that of all others who asked the same at that tick,
 * in this life of the machine or another; ticks have to rise; a change has to be one. */
#ifndef TESTS_UNIT_CORE_FOLLOW_WORLD_H
#define TESTS_UNIT_CORE_FOLLOW_WORLD_H

#include "broker/core/follow.h"
#include "tests/unit/core/upkeep_world.h"

#define FAN_BUCKETS 512u

#define FAN_QUESTIONS 14u

/* Of the land's views. */
struct fan_question {
    uint32_t view;
    const char *sql;
    bool is_counting;
};

extern const struct fan_question fan_questions[FAN_QUESTIONS];

/* A row of a table. */
struct fan_row {
    struct fan_row *next;
    char *text; /* columns by '|' */
    char *key;  /* those of the key; "": there is none */
    uint32_t count;
};

/* A client. */
struct fan {
    /* To be set, before a start. */
    struct land *l;
    uint32_t shard;
    const char *sql;
    uint32_t lazy;     /* of a hundred times it has no room */
    uint32_t pause_ms; /* then it is resumed after a random time up to that */
    bool is_stuck;     /* has no room, until fan_unstick */
    bool ends_amid;    /* ends when it is told changes, before their progress */
    bool is_counting;  /* the sum of its second column is the records that a tick covers */
    uint64_t credit;   /* rows, at the start; 0: as many as there are */
    uint64_t stall_ns_max;

    /* To be read. */
    struct core_subscribe_plan plan;
    struct core_follow follow;
    bool is_begun;
    bool is_snapshot; /* it is being given */
    bool is_done;
    char token[CORE_VIEW_TOKEN_BYTES + 1]; /* of the newest progress; "" */
    uint64_t tick;                         /* likewise */
    uint32_t progress_count;
    uint32_t snapshots_count;
    uint32_t anew_count;    /* of them, in place of what would have gone on */
    uint32_t diffs_count;   /* it went on so often */
    uint64_t changes_count; /* rows */
    uint64_t snapshot_rows;
    struct fan_row *rows[FAN_BUCKETS];
    uint32_t rows_count;

    /* Private. */
    struct budget budget;
    struct arena arena;
    struct rt_timer timer;
    bool is_there; /* `follow` is started */
    bool is_dirty; /* changes without a progress */
};

/* A land whose first view has some records. */
struct land *fan_land(uint32_t shards_count, uint64_t seed);

struct fan *fan_new(struct land *l, uint32_t shard, const char *sql);
/* Done, or its machine is no more. */
void fan_free(struct fan *fan);

/* Start; from its token, if it has one. */
void fan_start(struct fan *fan);
/* End, and wait. */
void fan_end(struct fan *fan);
void fan_wait(struct fan *fan);
void fan_again(struct fan *fan, uint32_t shard);
/* The machine has crashed. */
void fan_forget(struct fan *fan);
/* It has room again. */
void fan_unstick(struct fan *fan);
void fan_credit(struct fan *fan, uint64_t rows);

/* Until views and all of them have all there is. */
void fan_settle(struct land *l, struct fan **fans, uint32_t count);
/* Its table is what its SELECT says. */
void fan_is(struct fan *fan);

/* One that is started, and has all there is; it is ended, and given up. */
struct fan *fan_follow(struct land *l, uint32_t shard, const char *sql);
void fan_gone(struct fan *fan);

/* How often a crowd was told changes; bytes of all change logs. */
uint64_t fan_told_count(void);
uint64_t fan_log_bytes(struct land *l);

/* Tables seen so far are forgotten: what follows is another world. */
void fan_forget_all(void);

#endif
