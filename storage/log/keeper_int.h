/* What keeper.c (groups.tab), keeper_files.c (journal files) and keeper_space.c (room on the disk)
 * share. */
#ifndef STORAGE_LOG_KEEPER_INT_H
#define STORAGE_LOG_KEEPER_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/pool.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "base/sm.h"
#include "storage/log/keeper.h"
#include "storage/log/shard.h"

/* A group's row in the next table. */
struct log_kept_row {
    struct map_node in_rows; /* log_keeper.rows, by group */
    struct log_row row;      /* as last reported */
    uint64_t number_max;     /* deleted: files above it cannot name the group; UINT64_MAX: its shard
                                has not said that it is through with it */
};

/* What is done with a journal file. */
enum log_kept_state {
    LOG_KEPT_SHORT,   /* its making was cut off: not to be given out */
    LOG_KEPT_MAKING,  /* is being filled with zeros */
    LOG_KEPT_FREE,    /* may be given out */
    LOG_KEPT_GROWING, /* was free and is made larger */
    LOG_KEPT_GIVEN,   /* holds what is needed, or is being written */
};

/* A journal file. */
struct log_kept_file {
    struct list_node in_keeper; /* log_keeper.files, in the order of their making */
    enum log_kept_state state;  /* see there */
    uint32_t slot;              /* its name */
    uint64_t number;            /* of its life; 0: none yet */
    uint64_t number_before;     /* of the life whose frames may still be in it; 0: none */
    uint64_t file_bytes;        /* its size */
};

/* A shard's part. */
struct log_kept_shard {
    struct rt_outbox_mail mail; /* asks it to let files go */
    struct log_shard *ls;       /* it */
    uint64_t file_needed;       /* lowest number it needs, as last reported; UINT64_MAX: none */
    uint64_t file_wanted;       /* files up to this one are to be let go: in the mail */
    uint64_t holding_number;    /* it writes into no file below this, as it last said; 0: unknown */
    bool is_asked;              /* the mail is under way */
};

struct log_keeper {
    struct log_shard *ls;                 /* shard 0's */
    struct log_store *store;              /* the node's */
    bool is_begun;                        /* the store is open */
    bool is_undone;                       /* the start has failed */
    bool is_closing;                      /* ends when nothing is under way */
    void (*closed)(struct log_shard *ls); /* then */
    struct log_kept_shard *shards;        /* by number */
    uint32_t shards_count;                /* of them */

    /* groups.tab: keeper.c's. */
    struct map rows;           /* log_kept_row.in_rows: the rows of the next table, in its order */
    struct map_node **buckets; /* of it */
    struct pool rows_pool;     /* of struct log_kept_row */
    struct list queue;         /* log_rows.in_keeper: reported, not yet being written */
    struct list writing;       /* log_rows.in_keeper: in the table being written */
    struct sm sm;              /* of the write */
    struct rt_op op;           /* its request */
    struct rt_file file;       /* groups.tab.new */
    struct iovec iov;          /* of its last write */
    uint8_t *chunk;            /* bytes of it; NULL while none is written */
    size_t chunk_bytes;        /* room */
    uint64_t pos;              /* in it: what is written */
    uint64_t table_bytes;      /* of all of it */
    struct map_node *next_row; /* the next to be encoded */
    uint64_t table_number;     /* of the last one that was written */
    bool has_table;            /* there is a groups.tab */
    uint64_t floor_next;       /* journal floor of the table being written */
    uint64_t floor;            /* of the last one that is durable */
    uint64_t pinned;           /* lowest file number that groups without a future need */
    enum err err;              /* of the write */
    int saved_errno;           /* behind it */
    char path[LIMIT_PATH_BYTES];    /* of its request */
    char path_to[LIMIT_PATH_BYTES]; /* of a rename */

    /* Journal files: keeper_files.c's. */
    struct list files;                /* log_kept_file.in_keeper */
    struct pool files_pool;           /* of struct log_kept_file */
    struct list requests;             /* log_file_request.in_keeper: lanes that wait */
    uint64_t files_bytes;             /* of all files */
    uint32_t given_count;             /* files given out in this boot */
    uint32_t slot_max;                /* highest slot in use */
    uint64_t wanted_number;           /* shards have been asked to let files up to this one go */
    bool is_synced;                   /* the names of all files are durable */
    struct sm make_sm;                /* of making one */
    struct rt_op make_op;             /* its request */
    struct rt_file make_file;         /* it */
    struct iovec make_iov;            /* of its write */
    struct log_kept_file *making;     /* which one */
    uint64_t make_pos;                /* zeros are written up to here */
    uint64_t make_bytes;              /* and go on up to here */
    uint8_t *zeros;                   /* these; NULL while none is made */
    size_t zeros_bytes;               /* of them */
    bool make_is_many;                /* in several writes, so that it is flushed */
    bool is_make_retried;             /* the first file is made once more, without the reserve */
    struct rt_timer make_timer;       /* it is tried again */
    enum err make_err;                /* of the making */
    int make_errno;                   /* behind it */
    char make_path[LIMIT_PATH_BYTES]; /* of its request */
    void (*prepared)(struct log_shard *ls, enum err err, int saved_errno); /* waits for a file */

    /* Space: keeper_space.c's. */
    struct rt_timer space_timer;       /* looks again */
    struct rt_op space_op;             /* how much is free; the reserve's requests */
    struct rt_space space;             /* the answer */
    struct rt_file space_file;         /* the reserve */
    struct sm space_sm;                /* what space_op does */
    uint32_t polls_left;               /* looks without anything having happened */
    bool is_reserve_wanted;            /* it is to be made when there is room */
    bool is_release_wanted;            /* it is to be let go */
    bool is_released;                  /* it has been */
    char space_path[LIMIT_PATH_BYTES]; /* of its request */
};

/* The store's keeper, on shard 0. */
static inline struct log_keeper *log_keeper_of(const struct log_store *store)
{
    return store->keeper;
}

/* Begin and end of each part, before anything else; ERR_BUDGET. */
MUST_USE enum err log_keeper_files_init(struct log_keeper *keeper,
                                        const struct log_keeper_found *found);
void log_keeper_files_deinit(struct log_keeper *keeper);
void log_keeper_space_init(struct log_keeper *keeper);

/* Write the table, unless one is being written: then afterwards. */
void log_keeper_write(struct log_keeper *keeper);

/* The lowest file number that is needed, as far as the shards have reported. */
uint64_t log_keeper_needed(const struct log_keeper *keeper);

/* Files below the floor are free; give out what is waited for, make what is missing. */
void log_keeper_files_serve(struct log_keeper *keeper);

/* The lowest number of which frames may still be found; UINT64_MAX: none. */
uint64_t log_keeper_files_oldest(const struct log_keeper *keeper);

/* Bytes of files that hold something. */
uint64_t log_keeper_files_used(const struct log_keeper *keeper);

/* Something happens: look at the space for a while. */
void log_keeper_space_wake(struct log_keeper *keeper);

/* The disk has been found full: producers are refused, and what waits is tried again every so
 * often; at once (true) when the reserve has been let go. */
bool log_keeper_space_full(struct log_keeper *keeper);

/* Whether nothing of it is under way. */
bool log_keeper_files_is_idle(const struct log_keeper *keeper);
bool log_keeper_space_is_idle(const struct log_keeper *keeper);

/* Something has ended: the close may go on. */
void log_keeper_close_step(struct log_keeper *keeper);

#endif
