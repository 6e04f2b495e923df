/* What move.c and move_bundle.c share, and what the rest of storage/log asks about groups that
 * move. Private to storage/log. */
#ifndef STORAGE_LOG_MOVE_INT_H
#define STORAGE_LOG_MOVE_INT_H

#include "base/arena.h"
#include "storage/log/recover.h"
#include "storage/log/shard.h"

/* A group without a shard: as a start would find it, and what only a running store knows. All of it
 * is memory of the shard it left, which the others only read, and which it gets back by mail: by
 * way of the keeper, who has been told then what the new shard needs. */
struct log_bundle {
    struct rt_outbox_mail mail;  /* from the new shard to the keeper, and home */
    struct log_shard *home;      /* the shard it left */
    struct list_node in_bundles; /* log_shard.bundles of that one */
    uint32_t taker;              /* the new shard */
    bool is_dropped;             /* there is none */
    struct arena arena;          /* all that follows */
    struct log_found found;      /* without rests: they stand in the segments */

    /* As in struct log. */
    struct log_row row;         /* as the next table will say */
    uint64_t membership_before; /* for a cut */
    uint32_t generation;        /* of segments that begin */
    uint64_t cut_epoch;         /* raised by cuts */
    uint64_t table_index;       /* the table says that entries up to here are settled */
    uint64_t table_segment;     /* and names this segment */
    bool is_row_old;            /* it does not say what `row` would */
    uint32_t switches_pending;  /* segments whose former files may come back */
    uint32_t switches_removed;  /* of them, removed, which is not synced */
    bool wants_clean;           /* files may be to go */
    bool is_loaded;             /* older segments and term runs are known */

    /* What its lists hold, links aside. */
    struct log_segment *segments; /* in order; rest: a copy */
    uint32_t segments_count;      /* of them */
    struct log_term *terms;       /* in order */
    uint32_t terms_count;         /* of them */
    struct log_garbage *garbage;  /* in order */
    uint32_t garbage_count;       /* of them */
    struct log_pin *pins;         /* owner, index, time */
    uint32_t pins_count;          /* of them */
};

/* Put `log`, of which nothing is under way, into a bundle. It stays as it is. ERR_BUDGET. */
MUST_USE enum err log_bundle_new(struct log *log, struct log_bundle **out);

/* Give its memory back: on the shard it left. */
void log_bundle_free(struct log_bundle *bundle);

/* *out = a log of `ls` made of the bundle, which stays as it is. ERR_BUDGET, ERR_FULL. */
MUST_USE enum err log_bundle_open(const struct log_bundle *bundle, struct log_shard *ls,
                                  struct log **out);

/* Whether `log` is about to leave and needs nothing more of its shard: no settle, no row, no
 * cleaning of it begins. */
bool log_is_held(const struct log *log);

/* The lowest journal file that groups need which have left the shard, or tried to: while nobody
 * else has said so. UINT64_MAX: none. */
uint64_t log_moves_file(const struct log_shard *ls);

/* Whether a group is being detached, or a bundle is not back: the shard cannot close. */
bool log_moves_are_out(const struct log_shard *ls);

#endif
