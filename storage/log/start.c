/* Opening a node's directory, on shard 0. See start.h; what is read is in start_files.c, blocks in
 * segments are checked in start_check.c.
 *
 * The order of things makes a crash at any place harmless: what was read and is not known to be
 * flushed is written once more, since a killed process leaves writes that only the system knows of,
 * and one whose flush failed such that it has forgotten; a
 * directory's names are durable before node.meta says that there is a directory; the boot epoch is
 * raised before anything else is written, so no two starts write under one number; the `lanes`
 * record, which says what this start believed, is durable before any other frame, file or table. */
#include "storage/log/start.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "storage/log/start_int.h"

/* Room for names of a directory at first, and at most: 13 bytes a journal file. */
#define LOG_START_NAMES_BYTES     4096u
#define LOG_START_NAMES_BYTES_MAX (16u << 20)

#define LOG_START_FAIL SM_BIT(LOG_START_END)

static const struct sm_conf log_start_stages[] = {
    [LOG_START_NEW] = {"NEW", SM_BIT(LOG_START_OPEN_LOCK) | LOG_START_FAIL, SM_INITIAL},
    [LOG_START_OPEN_LOCK] = {"OPEN_LOCK",
                             SM_BIT(LOG_START_MKDIR) | SM_BIT(LOG_START_LOCK) | LOG_START_FAIL, 0},
    [LOG_START_MKDIR] = {"MKDIR", SM_BIT(LOG_START_OPEN_LOCK) | LOG_START_FAIL, 0},
    [LOG_START_LOCK] = {"LOCK", SM_BIT(LOG_START_LIST) | LOG_START_FAIL, 0},
    [LOG_START_LIST] = {"LIST",
                        SM_BIT(LOG_START_READ_META) | SM_BIT(LOG_START_FIND_JOURNAL) |
                            SM_BIT(LOG_START_FIND_PARTITIONS) | SM_BIT(LOG_START_MKDIR_JOURNAL) |
                            LOG_START_FAIL,
                        0},
    [LOG_START_FIND_JOURNAL] = {"FIND_JOURNAL",
                                SM_BIT(LOG_START_FIND_PARTITIONS) |
                                    SM_BIT(LOG_START_MKDIR_JOURNAL) | LOG_START_FAIL,
                                0},
    [LOG_START_FIND_PARTITIONS] = {"FIND_PARTITIONS",
                                   SM_BIT(LOG_START_MKDIR_JOURNAL) | LOG_START_FAIL, 0},
    [LOG_START_MKDIR_JOURNAL] = {"MKDIR_JOURNAL",
                                 SM_BIT(LOG_START_MKDIR_PARTITIONS) | LOG_START_FAIL, 0},
    [LOG_START_MKDIR_PARTITIONS] = {"MKDIR_PARTITIONS",
                                    SM_BIT(LOG_START_SYNC_PARENT) | LOG_START_FAIL, 0},
    [LOG_START_SYNC_PARENT] = {"SYNC_PARENT",
                               SM_BIT(LOG_START_SYNC_JOURNAL) | SM_BIT(LOG_START_SYNC_DATA) |
                                   LOG_START_FAIL,
                               0},
    [LOG_START_SYNC_JOURNAL] = {"SYNC_JOURNAL", SM_BIT(LOG_START_SYNC_DATA) | LOG_START_FAIL, 0},
    [LOG_START_SYNC_DATA] = {"SYNC_DATA", SM_BIT(LOG_START_OPEN_META) | LOG_START_FAIL, 0},
    [LOG_START_READ_META] = {"READ_META", SM_BIT(LOG_START_READ_TABLES) | LOG_START_FAIL, 0},
    [LOG_START_READ_TABLES] = {"READ_TABLES", SM_BIT(LOG_START_LIST_JOURNAL) | LOG_START_FAIL, 0},
    [LOG_START_LIST_JOURNAL] = {"LIST_JOURNAL", SM_BIT(LOG_START_READ_JOURNAL) | LOG_START_FAIL, 0},
    [LOG_START_READ_JOURNAL] = {"READ_JOURNAL", SM_BIT(LOG_START_CHECK) | LOG_START_FAIL, 0},
    [LOG_START_CHECK] = {"CHECK", SM_BIT(LOG_START_AGAIN) | LOG_START_FAIL, 0},
    [LOG_START_AGAIN] = {"AGAIN", SM_BIT(LOG_START_OPEN_META) | LOG_START_FAIL, 0},
    [LOG_START_OPEN_META] =
        {"OPEN_META", SM_BIT(LOG_START_WRITE_META) | SM_BIT(LOG_START_RELEASE) | LOG_START_FAIL, 0},
    [LOG_START_RELEASE] = {"RELEASE", SM_BIT(LOG_START_SYNC_RELEASE) | LOG_START_FAIL, 0},
    [LOG_START_SYNC_RELEASE] = {"SYNC_RELEASE", SM_BIT(LOG_START_OPEN_META) | LOG_START_FAIL, 0},
    [LOG_START_WRITE_META] = {"WRITE_META", SM_BIT(LOG_START_CLOSE_META), 0},
    [LOG_START_CLOSE_META] = {"CLOSE_META",
                              SM_BIT(LOG_START_RENAME_META) | SM_BIT(LOG_START_RELEASE) |
                                  LOG_START_FAIL,
                              0},
    [LOG_START_RENAME_META] = {"RENAME_META",
                               SM_BIT(LOG_START_OPEN_TABLE) | SM_BIT(LOG_START_SYNC_META) |
                                   LOG_START_FAIL,
                               0},
    [LOG_START_OPEN_TABLE] = {"OPEN_TABLE", SM_BIT(LOG_START_FLUSH_TABLE) | LOG_START_FAIL, 0},
    [LOG_START_FLUSH_TABLE] = {"FLUSH_TABLE", SM_BIT(LOG_START_CLOSE_TABLE), 0},
    [LOG_START_CLOSE_TABLE] = {"CLOSE_TABLE", SM_BIT(LOG_START_RENAME_TABLE) | LOG_START_FAIL, 0},
    [LOG_START_RENAME_TABLE] = {"RENAME_TABLE", SM_BIT(LOG_START_SYNC_META) | LOG_START_FAIL, 0},
    [LOG_START_SYNC_META] = {"SYNC_META", SM_BIT(LOG_START_PREPARE) | LOG_START_FAIL, 0},
    [LOG_START_PREPARE] = {"PREPARE", SM_BIT(LOG_START_JOIN) | LOG_START_FAIL, 0},
    [LOG_START_JOIN] = {"JOIN", SM_BIT(LOG_START_DEAL) | LOG_START_FAIL, 0},
    [LOG_START_DEAL] = {"DEAL", SM_BIT(LOG_START_LANES) | LOG_START_FAIL, 0},
    [LOG_START_LANES] = {"LANES", SM_BIT(LOG_START_END), 0},
    [LOG_START_END] = {"END", 0, SM_FINAL},
};
const struct sm_decl log_start_decl = {"log_start", log_start_stages, ARRAY_COUNT(log_start_stages),
                                       NULL};

static void log_start_done(struct rt_op *op);
static bool log_start_recovers(struct log_start *start, const struct rt_op *op);
static void log_start_open_lock(struct log_start *start);
static void log_start_list(struct log_start *start, uint32_t stage, const char *name);
static void log_start_listed(struct log_start *start);
static bool log_start_has(const struct log_start *start, const char *name);
static void log_start_find(struct log_start *start);
static void log_start_mkdir(struct log_start *start, uint32_t stage, const char *name);
static void log_start_sync(struct log_start *start, uint32_t stage, const char *path);
static void log_start_parent(const char *path, char *out);
static void log_start_names_first(struct log_start *start);
static void log_start_raise(struct log_start *start);
static void log_start_open_meta(struct log_start *start);
static bool log_start_release(struct log_start *start);
static void log_start_close(struct log_start *start, uint32_t stage);
static void log_start_rename(struct log_start *start, uint32_t stage, const char *from,
                             const char *to);
static void log_start_open_table(struct log_start *start);

void log_start_begin(struct log_shard *ls)
{
    struct log_store *store = ls->store;
    log_config_fill(&store->config, rt_shard_budget(ls->shard)->limit_bytes);
    rt_op_init(&store->op_lock, ls->shard, log_start_unlocked);
    void *made = NULL;
    enum err err =
        budget_alloc(&ls->budget, sizeof(struct log_start), _Alignof(struct log_start), &made);
    if (err != ERR_OK) {
        store->err = ERR_RECORD(&store->info, err, sizeof(struct log_start), 0);
        snprintf(store->why, sizeof(store->why), "no memory to open the log");
        log_start_end(ls);
        return;
    }
    struct log_start *start = made;
    store->start = start;
    start->ls = ls;
    start->store = store;
    start->begin_ns = rt_now_ns(ls->shard);
    budget_init(&start->budget, "log start", SIZE_MAX, &ls->budget);
    rt_op_init(&start->op, ls->shard, log_start_done);
    sm_init(&start->sm, &log_start_decl, LOG_START_NEW, NULL, 0);
    if (strlen(store->config.dir) > LIMIT_DATA_DIR_BYTES || store->config.dir[0] == '\0') {
        log_start_fail(start, ERR_INVALID, 0, "DATA", "empty, or too long a path");
        return;
    }
    log_start_open_lock(start);
}

void log_start_path(const struct log_start *start, const char *name, char *out)
{
    const char *dir = start->store->config.dir;
    int length = name[0] == '\0' ? snprintf(out, LIMIT_PATH_BYTES, "%s", dir)
                                 : snprintf(out, LIMIT_PATH_BYTES, "%s/%s", dir, name);
    ASSERT(length > 0 && length < (int)LIMIT_PATH_BYTES);
}

/* Where journal files are. */
void log_start_journal_path(const struct log_start *start, char *out)
{
    const char *dir = start->store->config.journal_dir;
    if (dir == NULL) {
        log_start_path(start, "journal", out);
    } else {
        snprintf(out, LIMIT_PATH_BYTES, "%s", dir);
    }
}

static void log_start_done(struct rt_op *op)
{
    struct log_start *start = CONTAINER_OF(op, struct log_start, op);
    if (op->err != ERR_OK && !log_start_recovers(start, op)) {
        return;
    }
    log_start_run(start);
}

/* An error that is an answer. False: the start goes another way, or has failed. */
static bool log_start_recovers(struct log_start *start, const struct rt_op *op)
{
    switch (sm_stage(&start->sm)) {
    case LOG_START_OPEN_LOCK:
        if (op->err == ERR_NOT_FOUND) {
            log_start_mkdir(start, LOG_START_MKDIR, "");
            return false;
        }
        break;
    case LOG_START_MKDIR:
    case LOG_START_MKDIR_JOURNAL:
    case LOG_START_MKDIR_PARTITIONS:
        if (op->err == ERR_EXISTS) {
            return true;
        }
        break;
    case LOG_START_LOCK:
        if (op->err == ERR_BUSY) {
            log_start_fail(start, op->err, op->saved_errno, start->path,
                           "another process has the directory");
            return false;
        }
        break;
    case LOG_START_LIST:
    case LOG_START_FIND_JOURNAL:
    case LOG_START_FIND_PARTITIONS:
    case LOG_START_LIST_JOURNAL:
        if (op->err == ERR_TOO_LARGE && start->list.names_max < LOG_START_NAMES_BYTES_MAX) {
            log_start_list(start, sm_stage(&start->sm), NULL);
            return false;
        }
        if (op->err == ERR_NOT_FOUND && sm_stage(&start->sm) == LOG_START_FIND_JOURNAL) {
            start->list.count = 0;
            return true;
        }
        if (op->err == ERR_NOT_FOUND && sm_stage(&start->sm) == LOG_START_LIST_JOURNAL) {
            log_start_fail(start, ERR_CORRUPT, op->saved_errno, start->path,
                           "the directory of journal files is missing");
            return false;
        }
        break;
    case LOG_START_OPEN_META:
        if (op->err == ERR_DISK_FULL && log_start_release(start)) {
            return false;
        }
        break;
    case LOG_START_WRITE_META: /* the file is closed first */
    case LOG_START_FLUSH_TABLE:
        start->file_err = op->err;
        start->file_errno = op->saved_errno;
        return true;
    default: break;
    }
    log_start_fail(start, op->err, op->saved_errno, start->path, NULL);
    return false;
}

void log_start_run(struct log_start *start)
{ /* tidy: dispatcher */
    switch (sm_stage(&start->sm)) {
    case LOG_START_OPEN_LOCK:
        sm_move(&start->sm, LOG_START_LOCK);
        rt_file_lock(&start->store->lock, &start->op, true);
        return;
    case LOG_START_MKDIR: log_start_open_lock(start); return;
    case LOG_START_LOCK: log_start_list(start, LOG_START_LIST, ""); return;
    case LOG_START_LIST: log_start_listed(start); return;
    case LOG_START_FIND_JOURNAL:
    case LOG_START_FIND_PARTITIONS: log_start_find(start); return;
    case LOG_START_MKDIR_JOURNAL: log_start_mkdir(start, LOG_START_MKDIR_PARTITIONS, "p"); return;
    case LOG_START_MKDIR_PARTITIONS:
        log_start_sync(start, LOG_START_SYNC_PARENT, start->store->config.dir);
        return;
    case LOG_START_SYNC_PARENT:
        if (start->store->config.journal_dir != NULL) {
            log_start_sync(start, LOG_START_SYNC_JOURNAL, start->store->config.journal_dir);
            return;
        }
        FALLTHROUGH;
    case LOG_START_SYNC_JOURNAL: log_start_sync(start, LOG_START_SYNC_DATA, NULL); return;
    case LOG_START_SYNC_DATA: log_start_names_first(start); return;
    case LOG_START_READ_META:
        sm_move(&start->sm, LOG_START_READ_TABLES);
        log_start_tables(start);
        return;
    case LOG_START_READ_TABLES: log_start_list(start, LOG_START_LIST_JOURNAL, "journal"); return;
    case LOG_START_LIST_JOURNAL:
        sm_move(&start->sm, LOG_START_READ_JOURNAL);
        log_start_journal(start);
        return;
    case LOG_START_READ_JOURNAL:
        sm_move(&start->sm, LOG_START_CHECK);
        log_start_checks(start);
        return;
    case LOG_START_CHECK:
        sm_move(&start->sm, LOG_START_AGAIN);
        log_start_again(start);
        return;
    case LOG_START_AGAIN: log_start_raise(start); return;
    case LOG_START_OPEN_META:
        if (!start->file.is_direct) {
            log_start_say_buffered(start, start->path);
        }
        sm_move(&start->sm, LOG_START_WRITE_META);
        rt_file_write_durable(&start->file, &start->op, &start->iov, 1, 0);
        return;
    case LOG_START_WRITE_META: log_start_close(start, LOG_START_CLOSE_META); return;
    case LOG_START_RELEASE: log_start_sync(start, LOG_START_SYNC_RELEASE, NULL); return;
    case LOG_START_SYNC_RELEASE: log_start_open_meta(start); return;
    case LOG_START_CLOSE_META:
        if (start->file_err == ERR_DISK_FULL && log_start_release(start)) {
            return;
        }
        log_start_rename(start, LOG_START_RENAME_META, "node.meta.new", "node.meta");
        return;
    case LOG_START_RENAME_META: log_start_open_table(start); return;
    case LOG_START_OPEN_TABLE:
        sm_move(&start->sm, LOG_START_FLUSH_TABLE);
        rt_file_flush(&start->file, &start->op);
        return;
    case LOG_START_FLUSH_TABLE: log_start_close(start, LOG_START_CLOSE_TABLE); return;
    case LOG_START_CLOSE_TABLE:
        log_start_rename(start, LOG_START_RENAME_TABLE, "groups.tab.new", "groups.tab");
        return;
    case LOG_START_RENAME_TABLE: log_start_sync(start, LOG_START_SYNC_META, NULL); return;
    case LOG_START_SYNC_META: log_start_prepare(start); return;
    case LOG_START_JOIN: log_start_deal(start); return;
    default: UNREACHABLE();
    }
}

/* --- A directory, locked --- */

static void log_start_open_lock(struct log_start *start)
{
    sm_move(&start->sm, LOG_START_OPEN_LOCK);
    log_start_path(start, "lock", start->path);
    rt_file_open(&start->store->lock, &start->op, start->ls->shard, start->path,
                 RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE, 0600);
}

/* List a directory; `name` NULL: the same one again, with more room. */
static void log_start_list(struct log_start *start, uint32_t stage, const char *name)
{
    size_t names_max = start->list.names_max;
    if (name == NULL || start->list.names == NULL) {
        names_max = name == NULL ? names_max * 8 : LOG_START_NAMES_BYTES;
        budget_free(&start->budget, start->list.names);
        void *names = NULL;
        start->list.names_max = 0;
        enum err err = budget_alloc(&start->budget, names_max, 1, &names);
        start->list.names = names;
        if (err != ERR_OK) {
            log_start_fail(start, err, 0, start->path, NULL);
            return;
        }
        start->list.names_max = names_max;
    }
    if (name != NULL) {
        sm_move(&start->sm, stage);
        if (stage == LOG_START_LIST_JOURNAL || stage == LOG_START_FIND_JOURNAL) {
            log_start_journal_path(start, start->path);
        } else {
            log_start_path(start, name, start->path);
        }
    }
    rt_path_list(&start->op, start->path, &start->list);
}

/* What is in DATA. */
static void log_start_listed(struct log_start *start)
{
    bool has_meta = log_start_has(start, "node.meta");
    bool has_table = false;
    for (uint32_t i = 0; i < LOG_TABLES_COUNT; i++) {
        start->has_table[i] = log_start_has(start, log_start_table_name((enum log_tables_file)i));
        has_table |= start->has_table[i];
    }
    start->has_journal =
        start->store->config.journal_dir != NULL || log_start_has(start, "journal");
    start->has_partitions = log_start_has(start, "p");
    start->has_reserve = log_start_has(start, "reserve");
    if (has_meta && !start->has_partitions) {
        log_start_fail(start, ERR_CORRUPT, 0, start->path, "the directory p is missing");
    } else if (has_meta) {
        sm_move(&start->sm, LOG_START_READ_META);
        log_start_meta(start);
    } else if (has_table) {
        log_start_fail(start, ERR_CORRUPT, 0, start->path, "there is data, but no node.meta");
    } else if (start->has_journal) {
        log_start_list(start, LOG_START_FIND_JOURNAL, "journal");
    } else if (start->has_partitions) {
        log_start_list(start, LOG_START_FIND_PARTITIONS, "p");
    } else {
        log_start_mkdir(start, LOG_START_MKDIR_JOURNAL, "journal");
    }
}

/* Whether the directory listed last has that name. */
static bool log_start_has(const struct log_start *start, const char *name)
{
    const char *there = start->list.names;
    for (uint32_t i = 0; i < start->list.count; i++) {
        if (strcmp(there, name) == 0) {
            return true;
        }
        there += strlen(there) + 1;
    }
    return false;
}

/* No node.meta: is there anything else of a store? */
static void log_start_find(struct log_start *start)
{
    bool is_journal = sm_stage(&start->sm) == LOG_START_FIND_JOURNAL;
    uint32_t count = start->list.count;
    if (is_journal) {
        count = log_start_count_files(start);
    }
    if (count > 0) {
        log_start_fail(start, ERR_CORRUPT, 0, start->path, "there is data, but no node.meta");
    } else if (is_journal && start->has_partitions) {
        log_start_list(start, LOG_START_FIND_PARTITIONS, "p");
    } else {
        log_start_mkdir(start, LOG_START_MKDIR_JOURNAL, "journal");
    }
}

static void log_start_mkdir(struct log_start *start, uint32_t stage, const char *name)
{
    sm_move(&start->sm, stage);
    if (stage == LOG_START_MKDIR_JOURNAL) {
        log_start_journal_path(start, start->path);
    } else {
        log_start_path(start, name, start->path);
    }
    rt_path_mkdir(&start->op, start->path, 0700);
}

/* Make names durable: that of `path`, or for NULL those in DATA. */
static void log_start_sync(struct log_start *start, uint32_t stage, const char *path)
{
    sm_move(&start->sm, stage);
    if (path == NULL) {
        log_start_path(start, "", start->path);
    } else {
        log_start_parent(path, start->path);
    }
    rt_path_sync_dir(&start->op, start->path);
}

/* The directory that holds `path`. */
static void log_start_parent(const char *path, char *out)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (length == 0) {
        snprintf(out, LIMIT_PATH_BYTES, ".");
    } else {
        snprintf(out, LIMIT_PATH_BYTES, "%.*s", (int)length, path);
    }
}

/* --- node.meta --- */

/* A directory that nobody has used: it gets a name. RFC 9562, version 4. */
static void log_start_names_first(struct log_start *start)
{
    struct bytes_writer w = bytes_writer(start->meta.disk.bytes, sizeof(start->meta.disk.bytes));
    bytes_put_u64le(&w, rt_random(start->ls->shard));
    bytes_put_u64le(&w, rt_random(start->ls->shard));
    start->meta.disk.bytes[6] = (uint8_t)((start->meta.disk.bytes[6] & 0x0f) | 0x40);
    start->meta.disk.bytes[8] = (uint8_t)((start->meta.disk.bytes[8] & 0x3f) | 0x80);
    enum err err = log_start_recover(start, 0);
    if (err == ERR_OK) {
        err = log_recover_lanes(&start->recover);
    }
    if (err != ERR_OK) {
        log_start_fail(start, err, 0, start->path, NULL);
        return;
    }
    log_start_raise(start);
}

/* All is read: decide, then write that this start has begun. */
static void log_start_raise(struct log_start *start)
{
    struct log_store *store = start->store;
    void *block = NULL;
    enum err err = log_recover_groups(&start->recover);
    if (err == ERR_OK) {
        err = budget_alloc(&start->budget, LOG_META_BYTES, LIMIT_BLOCK_BYTES, &block);
    }
    start->block = block;
    if (err != ERR_OK) {
        log_start_fail(start, err, 0, start->path, NULL);
        return;
    }
    if (start->recover.boot_epoch_max > start->meta.boot_epoch) {
        start->meta.boot_epoch = start->recover.boot_epoch_max;
    }
    start->meta.boot_epoch++;
    store->disk = start->meta.disk;
    store->boot_epoch = start->meta.boot_epoch;
    uint64_t number = start->recover.file_number_max;
    number = start->number_max > number ? start->number_max : number;
    atomic_store(&store->file_number, number);
    log_meta_encode(&start->meta, store->kernels, start->block);
    start->iov = (struct iovec){start->block, LOG_META_BYTES};
    log_start_open_meta(start);
}

static void log_start_open_meta(struct log_start *start)
{
    start->file_err = ERR_OK;
    sm_move(&start->sm, LOG_START_OPEN_META);
    log_start_path(start, "node.meta.new", start->path);
    rt_file_open(&start->file, &start->op, start->ls->shard, start->path,
                 RT_FILE_WRITE | RT_FILE_CREATE | RT_FILE_DIRECT, 0600);
}

/* Let the reserve go, once; whether there is one. */
static bool log_start_release(struct log_start *start)
{
    bool has_reserve = start->has_reserve;
    start->has_reserve = false;
    if (has_reserve) {
        sm_move(&start->sm, LOG_START_RELEASE);
        log_start_path(start, "reserve", start->path);
        rt_path_unlink(&start->op, start->path);
    }
    return has_reserve;
}

static void log_start_close(struct log_start *start, uint32_t stage)
{
    sm_move(&start->sm, stage);
    rt_file_close(&start->file, &start->op);
}

/* The file is closed; what its write came to counts now. */
static void log_start_rename(struct log_start *start, uint32_t stage, const char *from,
                             const char *to)
{
    if (start->file_err != ERR_OK) {
        log_start_fail(start, start->file_err, start->file_errno, start->path, NULL);
        return;
    }
    sm_move(&start->sm, stage);
    log_start_path(start, from, start->path);
    log_start_path(start, to, start->path_to);
    rt_path_rename(&start->op, start->path, start->path_to);
}

/* Where groups.tab.new counts it becomes groups.tab, so that the next table does not overwrite it.
 */
static void log_start_open_table(struct log_start *start)
{
    if (start->tables.chosen != &start->tables.files[LOG_TABLES_NEW]) {
        log_start_sync(start, LOG_START_SYNC_META, NULL);
        return;
    }
    start->has_table[LOG_TABLES_NOW] = true;
    sm_move(&start->sm, LOG_START_OPEN_TABLE);
    log_start_path(start, "groups.tab.new", start->path);
    rt_file_open(&start->file, &start->op, start->ls->shard, start->path, RT_FILE_WRITE, 0);
}
