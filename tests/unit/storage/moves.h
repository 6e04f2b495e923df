/* A store of two shards on a simulated machine, and group 1, which moves between them. */
#ifndef TESTS_UNIT_STORAGE_MOVES_H
#define TESTS_UNIT_STORAGE_MOVES_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/move.h"
#include "storage/log/read.h"
#include "tests/unit/storage/home.h"

#define MOVE_OPS   96u
#define MOVE_GROUP 1u

/* A store of two shards; group 1 is shard 1's at first. */
struct moves {
    struct home *home;
    struct log *log; /* the group */
    uint32_t shard;  /* where it is, or was */
    struct log_move move;
    struct log_move other; /* a second one, which is refused */
    bool is_left;          /* the detach is done */
    uint32_t to;           /* shard it is to be attached to */
    enum err err;          /* of the attach, of what was answered last */
    enum err refusal;      /* of what is not an operation */
    struct log_op ops[MOVE_OPS];
    uint32_t ops_count;
    uint32_t answers_count; /* of them */
    struct log_read read;
    struct log_reader reader;
    bool is_read;        /* the read or step is done */
    bool is_called;      /* what was posted has run */
    uint64_t next_index; /* of a read through all of it */
    struct log_pin pin;
    struct log_pin taken;
    uint64_t index; /* argument of a cut, a trim, a pin */
    void (*call)(struct moves *m, struct log_shard *ls);
};

/* Open, with the groups made; close and end. */
struct moves *moves_new(uint64_t seed);
void moves_free(struct moves *m);

/* Have `call` run on `shard`, now; run until `is_true` of `m`. */
void moves_on(struct moves *m, uint32_t shard, void (*call)(struct moves *m, struct log_shard *ls));
void moves_until(struct moves *m, bool (*is_true)(void *ctx));

/* To be called on the group's shard: each asks something of the group, as one more of m->ops or,
 * for reads and a second detach, counted as one. m->index is a cut's and a trim's, m->next_index a
 * read's. */
void moves_append(struct moves *m, struct log_shard *ls);
void moves_cut(struct moves *m, struct log_shard *ls);
void moves_trim(struct moves *m, struct log_shard *ls);
void moves_roll(struct moves *m, struct log_shard *ls);
void moves_hard(struct moves *m, struct log_shard *ls);
void moves_delete(struct moves *m, struct log_shard *ls);
void moves_create(struct moves *m, struct log_shard *ls);
void moves_detach_again(struct moves *m, struct log_shard *ls);
void moves_read(struct moves *m, struct log_shard *ls);
void moves_step(struct moves *m, struct log_shard *ls);

/* Open a reader from entry 1 on, for moves_step; close it. */
void moves_open_reader(struct moves *m, struct log_shard *ls);
void moves_close_reader(struct moves *m, struct log_shard *ls);

/* Whether all that was asked is answered. */
bool moves_is_answered(void *ctx);

/* Begin to detach on its shard; attach or drop on another; whether the detach is done. */
void moves_detach(struct moves *m, struct log_shard *ls);
void moves_attach(struct moves *m, struct log_shard *ls);
void moves_drop(struct moves *m, struct log_shard *ls);
bool moves_has_left(void *ctx);

/* The whole move. */
void moves_go(struct moves *m, uint32_t to);

/* Settle on both shards; append `count` entries, each durable before the next; read entries first
 * to last, which are all there are. */
void moves_settle(struct moves *m);
void moves_fill(struct moves *m, uint32_t count);
void moves_check(struct moves *m, uint64_t first, uint64_t last);

/* Open the store again, on one shard, which has the group. */
void moves_reopen(struct moves *m);

#endif
