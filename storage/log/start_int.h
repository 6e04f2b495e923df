/* What start*.c share: the start of a store on shard 0. */
#ifndef STORAGE_LOG_START_INT_H
#define STORAGE_LOG_START_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/err.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/sm.h"
#include "storage/log/fetch.h"
#include "storage/log/keeper.h"
#include "storage/log/meta.h"
#include "storage/log/recover.h"
#include "storage/log/recover_again.h"
#include "storage/log/shard.h"
#include "storage/log/tables.h"

/* Files read at a time: one is being read while the other is looked at. */
#define LOG_START_FETCHES 2u

/* Where a start is. */
enum log_start_stage {
    LOG_START_NEW,             /* nothing done */
    LOG_START_OPEN_LOCK,       /* opening DATA/lock */
    LOG_START_MKDIR,           /* making DATA */
    LOG_START_LOCK,            /* locking */
    LOG_START_LIST,            /* what is in DATA? */
    LOG_START_FIND_JOURNAL,    /* no node.meta: are there journal files? */
    LOG_START_FIND_PARTITIONS, /* or partitions? */
    LOG_START_MKDIR_JOURNAL,   /* none: making the directories */
    LOG_START_MKDIR_PARTITIONS,
    LOG_START_SYNC_PARENT,  /* their names: DATA's, */
    LOG_START_SYNC_JOURNAL, /* that of a journal elsewhere, */
    LOG_START_SYNC_DATA,    /* those in DATA */
    LOG_START_READ_META,    /* node.meta */
    LOG_START_READ_TABLES,  /* groups.tab and its kin */
    LOG_START_LIST_JOURNAL, /* which journal files are there? */
    LOG_START_READ_JOURNAL, /* all of them */
    LOG_START_CHECK,        /* blocks in segments */
    LOG_START_AGAIN,        /* frames that are not known to be flushed */
    LOG_START_OPEN_META,    /* node.meta.new with a higher boot epoch */
    LOG_START_WRITE_META,
    LOG_START_CLOSE_META,
    LOG_START_RELEASE,      /* there is no room for it: the reserve goes, */
    LOG_START_SYNC_RELEASE, /* and with its name its blocks */
    LOG_START_RENAME_META,
    LOG_START_OPEN_TABLE, /* groups.tab.new counts: it takes its place */
    LOG_START_FLUSH_TABLE,
    LOG_START_CLOSE_TABLE,
    LOG_START_RENAME_TABLE,
    LOG_START_SYNC_META, /* both names */
    LOG_START_PREPARE,   /* a first journal file */
    LOG_START_JOIN,      /* waits for the other shards */
    LOG_START_DEAL,      /* they make their groups */
    LOG_START_LANES,     /* the lanes record */
    LOG_START_END,       /* open, or failed */
};

/* Checking the blocks of a direct write: start_check.c's. */
struct log_start_check {
    struct log_recover_direct direct; /* what */
    struct rt_op op;                  /* the request under way */
    struct rt_file file;              /* the segment's .log */
    uint8_t *window;                  /* bytes of it */
    uint32_t window_bytes;            /* room */
    uint32_t read_bytes;              /* being read */
    uint32_t pos;                     /* of its first byte in the file */
    uint32_t crc;                     /* of the bytes before */
    bool is_sound;                    /* so far */
    uint32_t stage;                   /* see there */
    char path[LIMIT_PATH_BYTES];      /* of the file */
};

/* Writing once more what is not known to be flushed: start_again.c's. */
struct log_start_again {
    struct log_recover_place *places; /* what */
    uint32_t places_count;            /* of them */
    uint32_t next;                    /* the one in hand */
    struct rt_op op;                  /* the request under way */
    struct rt_file file;              /* the journal file */
    uint8_t *window;                  /* bytes of it */
    uint32_t bytes;                   /* in the window */
    uint64_t pos;                     /* of its first byte in the file */
    uint32_t stage;                   /* see there */
};

/* A start. */
struct log_start {
    struct log_shard *ls;    /* shard 0's */
    struct log_store *store; /* the node's */
    struct sm sm;            /* where it stands: start.c's */
    struct rt_op op;         /* its one request under way */
    uint64_t begin_ns;       /* when it began */
    struct budget budget;    /* all of it, below the shard's */

    /* Places. */
    char path[LIMIT_PATH_BYTES];      /* of the request under way */
    char path_to[LIMIT_PATH_BYTES];   /* of a rename: the new name */
    struct rt_dir_list list;          /* of the directory listed last */
    bool has_table[LOG_TABLES_COUNT]; /* DATA has these tables, */
    bool has_journal;                 /* the directory of journal files, */
    bool has_partitions;              /* and that of partitions, */
    bool has_reserve;                 /* and the reserve for a full disk */
    bool is_buffered;                 /* no direct I/O: said once */

    /* node.meta. */
    struct log_meta meta; /* as it is to be written */
    struct rt_file file;  /* node.meta.new; groups.tab.new */
    enum err file_err;    /* of writing it, or of a shard that made its groups */
    int file_errno;       /* the system's behind it */
    const char *file_why; /* in words; NULL: as the error says */
    struct iovec iov;     /* of its write */
    uint8_t *block;       /* its bytes */

    /* Reading. */
    struct log_fetch fetches[LOG_START_FETCHES]; /* what is being read */
    uint32_t fetches_count;                      /* under way */
    struct log_tables tables;                    /* groups.tab */
    struct log_tables_lost lost;                 /* rows that are not in it */
    uint8_t *table_data[LOG_TABLES_COUNT];       /* their bytes */
    uint32_t table;                              /* the one being read */
    struct log_keeper_file *files;               /* journal files */
    uint32_t files_count;                        /* of them */
    uint32_t files_next;                         /* the next to be read */
    uint32_t fetch_file[LOG_START_FETCHES];      /* which one each reads */
    uint64_t number_max;                         /* highest file number in a header */
    uint64_t bytes;                              /* read and looked at */
    bool is_nameless;                            /* a file's header is unreadable */
    struct log_recover recover;                  /* what follows from it */
    bool is_recovering;                          /* that is in use */
    struct log_start_check check;                /* blocks in segments */
    struct log_start_again again;                /* frames */

    /* The lanes record. */
    struct log_op lanes; /* of it */
    uint8_t *lanes_data; /* its body */
    bool is_dealing;     /* shards have been dealt their groups */
};

/* The step in flight has ended well, or not: the start goes on. */
void log_start_run(struct log_start *start);
void log_start_fail(struct log_start *start, enum err err, int saved_errno, const char *path,
                    const char *what);

/* The keeper begins; when all shards have joined they make their groups: start_deal.c's. */
void log_start_prepare(struct log_start *start);
void log_start_deal(struct log_start *start);

/* No shard has anything open any more: keeper and lock end, then all are told; `op` has closed the
 * lock. */
void log_start_end(struct log_shard *ls);
void log_start_unlocked(struct rt_op *op);

/* Read node.meta, the tables, the journal files that start->list names; each ends with
 * log_start_run or log_start_fail. start_files.c's, with the next three. */
void log_start_meta(struct log_start *start);
void log_start_tables(struct log_start *start);
void log_start_journal(struct log_start *start);

/* How many names of start->list are those of journal files. */
uint32_t log_start_count_files(const struct log_start *start);

/* Begin to recover. ERR_BUDGET. */
MUST_USE enum err log_start_recover(struct log_start *start, uint64_t journal_floor);

/* Give back what reading took. */
void log_start_files_free(struct log_start *start);

/* Check what log_recover asks about, one direct write after another. start_check.c's. */
void log_start_checks(struct log_start *start);

/* Write once more, and flush, the frames that count and are not known to be. start_again.c's. */
void log_start_again(struct log_start *start);

/* DATA with `name` behind it ("": DATA itself), and the directory of journal files, into `out` of
 * LIMIT_PATH_BYTES; a table's name in DATA. */
void log_start_path(const struct log_start *start, const char *name, char *out);
void log_start_journal_path(const struct log_start *start, char *out);
const char *log_start_table_name(enum log_tables_file which);

/* One line, once, where there is no direct I/O. */
void log_start_say_buffered(struct log_start *start, const char *path);

#endif
