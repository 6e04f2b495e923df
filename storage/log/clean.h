/* Files that go: trimmed, cut off, deleted. Private to storage/log. */
#ifndef STORAGE_LOG_CLEAN_H
#define STORAGE_LOG_CLEAN_H

#include "base/sm.h"
#include "storage/log/shard.h"

struct log_round;

extern const struct sm_decl log_clean_decl;

/* One group's at a time. */
struct log_clean {
    struct log_round *round;     /* whose */
    struct list queue;           /* log.in_clean: the others */
    struct sm sm;                /* stages */
    struct log *log;             /* which group */
    struct rt_op op;             /* its one request */
    struct log_load load;        /* or this one */
    struct rt_dir_list list;     /* a deleted group's directory */
    char *names;                 /* its names; names_max bytes */
    size_t names_max;            /* grows */
    size_t at;                   /* of the next name */
    uint64_t cut_epoch;          /* of the log when it began */
    struct log_garbage *garbage; /* whose files are being removed */
    uint32_t synced_count;       /* replaced files whose removal is being synced */
    uint32_t kind;               /* which of its files is next */
    uint32_t removed_count;      /* segments whose files went */
    bool is_failed;              /* something is left: look again later */
    bool is_paused;              /* when others had their turn, that is */
    char dir[LIMIT_PATH_BYTES];  /* the directory */
    char path[LIMIT_PATH_BYTES]; /* of the request */
};

/* Whether files of `log` can go now; look for them, as soon as no frame that a start would doubt
 * refers to them. Those that copies leave go at once. */
bool log_clean_is_due(const struct log *log);
void log_clean_want(struct log *log);

/* Nothing waits; nothing is under way. */
void log_clean_init(struct log_clean *clean, struct log_round *round);
void log_clean_deinit(struct log_clean *clean);

/* Remove those of `log`, after those of others; a deleted group ends. log_clean_go begins with the
 * first that nothing else is at, unless one is under way; log_round_clean_done follows when it has
 * ended, never within. `is_last`: this round settles all and waits for them; what something else is
 * at stays. */
void log_clean_add(struct log_clean *clean, struct log *log);
void log_clean_go(struct log_clean *clean, bool is_last);

/* Whether files of `log` are being removed: no round is at it meanwhile. */
bool log_clean_is_at(const struct log *log);

#endif
