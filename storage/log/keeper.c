/* groups.tab: the rows of all groups, written whole whenever shards report some. See keeper.h.
 *
 *     IDLE -> OPEN -> [TRIM] -> WRITE ... -> [FLUSH] -> CLOSE -> [RENAME_OLD] -> RENAME -> SYNC
 *
 * A table takes along all that has been reported when it begins; what comes meanwhile waits for the
 * next. Only when its name is durable are the reports answered and journal files below its floor
 * let go. A table of one chunk is written and flushed by one request. */
#include "storage/log/keeper.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "storage/log/keeper_int.h"
#include "storage/log/recover.h"

/* What is encoded and written at a time: whole blocks. */
#define LOG_KEEPER_CHUNK_BYTES (1u << 20)

/* Rows of deleted groups that there is room for at least. */
#define LOG_KEEPER_ROWS_SPARE 64u

enum {
    LOG_KEEPER_IDLE,       /* nothing to write */
    LOG_KEEPER_REMOVE,     /* groups.tab.new of a write that came to nothing: its rows would pass */
    LOG_KEEPER_OPEN,       /* groups.tab.new */
    LOG_KEEPER_WRITE,      /* chunk after chunk */
    LOG_KEEPER_FLUSH,      /* all of them */
    LOG_KEEPER_CLOSE,      /* whatever came of it */
    LOG_KEEPER_RENAME_OLD, /* groups.tab becomes .old */
    LOG_KEEPER_RENAME,     /* .new becomes groups.tab */
    LOG_KEEPER_SYNC,       /* their names */
};

static const struct sm_conf log_keeper_stages[] = {
    [LOG_KEEPER_IDLE] = {"IDLE", SM_BIT(LOG_KEEPER_REMOVE), SM_INITIAL | SM_FINAL},
    [LOG_KEEPER_REMOVE] = {"REMOVE", SM_BIT(LOG_KEEPER_OPEN) | SM_BIT(LOG_KEEPER_IDLE), 0},
    [LOG_KEEPER_OPEN] = {"OPEN", SM_BIT(LOG_KEEPER_WRITE) | SM_BIT(LOG_KEEPER_IDLE), 0},
    [LOG_KEEPER_WRITE] = {"WRITE", SM_BIT(LOG_KEEPER_FLUSH) | SM_BIT(LOG_KEEPER_CLOSE), 0},
    [LOG_KEEPER_FLUSH] = {"FLUSH", SM_BIT(LOG_KEEPER_CLOSE), 0},
    [LOG_KEEPER_CLOSE] = {"CLOSE",
                          SM_BIT(LOG_KEEPER_RENAME_OLD) | SM_BIT(LOG_KEEPER_RENAME) |
                              SM_BIT(LOG_KEEPER_IDLE),
                          0},
    [LOG_KEEPER_RENAME_OLD] = {"RENAME_OLD", SM_BIT(LOG_KEEPER_RENAME) | SM_BIT(LOG_KEEPER_IDLE),
                               0},
    [LOG_KEEPER_RENAME] = {"RENAME", SM_BIT(LOG_KEEPER_SYNC) | SM_BIT(LOG_KEEPER_IDLE), 0},
    [LOG_KEEPER_SYNC] = {"SYNC", SM_BIT(LOG_KEEPER_IDLE), 0},
};
const struct sm_decl log_keeper_decl = {"log_keeper", log_keeper_stages,
                                        ARRAY_COUNT(log_keeper_stages), NULL};

static enum err log_keeper_take_rows(struct log_keeper *keeper,
                                     const struct log_keeper_found *found);
static enum err log_keeper_put_row(struct log_keeper *keeper, const struct log_row *row,
                                   uint64_t number_max);
static void log_keeper_take_needs(struct log_keeper *keeper, const struct log_recover *found);
static void log_keeper_free(struct log_keeper *keeper);
static void log_keeper_reported(struct rt_shard *at, struct rt_mail *mail);
static void log_keeper_answered(struct rt_shard *at, struct rt_mail *mail);
static void log_keeper_take_reports(struct log_keeper *keeper);
static void log_keeper_drop_rows(struct log_keeper *keeper);
static void log_keeper_run(struct rt_op *op);
static void log_keeper_next_chunk(struct log_keeper *keeper);
static void log_keeper_rename(struct log_keeper *keeper, uint32_t stage, const char *from,
                              const char *to);
static void log_keeper_written(struct log_keeper *keeper);
static void log_keeper_path(const struct log_keeper *keeper, const char *name, char *out);

enum err log_keeper_new(struct log_shard *ls, const struct log_keeper_found *found)
{
    void *made = NULL;
    enum err err =
        budget_alloc(&ls->budget, sizeof(struct log_keeper), _Alignof(struct log_keeper), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_keeper *keeper = made;
    keeper->ls = ls;
    keeper->store = ls->store;
    keeper->shards_count = rt_shard_count(ls->shard);
    keeper->table_number = found->table_number;
    keeper->has_table = found->has_table;
    keeper->floor = found->journal_floor;
    keeper->pinned = UINT64_MAX;
    list_init(&keeper->queue);
    list_init(&keeper->writing);
    list_init(&keeper->files);
    list_init(&keeper->requests);
    rt_op_init(&keeper->op, ls->shard, log_keeper_run);
    sm_init(&keeper->sm, &log_keeper_decl, LOG_KEEPER_IDLE, NULL, 0);
    pool_init(&keeper->rows_pool, &ls->budget, sizeof(struct log_kept_row),
              _Alignof(struct log_kept_row), UINT32_MAX);
    log_keeper_space_init(keeper);
    void *shards = NULL;
    err = budget_alloc(&ls->budget, keeper->shards_count * sizeof(struct log_kept_shard),
                       _Alignof(struct log_kept_shard), &shards);
    keeper->shards = shards;
    if (err == ERR_OK) {
        log_keeper_take_needs(keeper, found->recover);
        err = log_keeper_take_rows(keeper, found);
    }
    enum err files_err = log_keeper_files_init(keeper, found);
    err = err == ERR_OK ? files_err : err;
    if (err != ERR_OK) {
        log_keeper_free(keeper);
        return err;
    }
    ls->store->keeper = keeper;
    return ERR_OK;
}

/* The rows the last table had, as they are now; groups that only the journal knows are their
 * shards' to report. */
static enum err log_keeper_take_rows(struct log_keeper *keeper,
                                     const struct log_keeper_found *found)
{
    struct log_shard *ls = keeper->ls;
    uint32_t groups_max = keeper->store->config.groups_max;
    uint32_t rows_max =
        found->recover->groups_count + found->lost_count + 2 * groups_max + LOG_KEEPER_ROWS_SPARE;
    rows_max = rows_max < LIMIT_PARTITIONS_COUNT ? rows_max : LIMIT_PARTITIONS_COUNT;
    uint32_t capacity = map_capacity(rows_max);
    void *buckets = NULL;
    enum err err = budget_alloc(&ls->budget, capacity * sizeof(struct map_node *),
                                _Alignof(struct map_node *), &buckets);
    if (err != ERR_OK) {
        return err;
    }
    keeper->buckets = buckets;
    map_init(&keeper->rows, keeper->buckets, capacity);
    uint32_t unreported_count = 0;
    list_for_each (node, &found->recover->groups) {
        const struct log_found *group = CONTAINER_OF(node, struct log_found, in_recover);
        struct log_row row = group->table_row;
        if (group->is_doubtful) { /* nor is it known later whether it had a row */
            row = (struct log_row){.group = group->row.group,
                                   .topic = group->row.topic,
                                   .partition = group->row.partition,
                                   .state = LOG_ROW_LIVE,
                                   .flags = LOG_ROW_LOST,
                                   .start = {.index = 1},
                                   .max_timestamp = -1};
        } else if (!group->has_row || !group->is_available) {
            unreported_count += group->is_available;
            continue;
        }
        row.flags |= group->row.flags & LOG_ROW_AMNESIAC; /* what says so may be let go */
        err = log_keeper_put_row(keeper, &row, UINT64_MAX);
        if (err != ERR_OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < found->lost_count; i++) {
        if ((found->lost[i].flags & LOG_ROW_LOST) != 0) {
            err = log_keeper_put_row(keeper, &found->lost[i], UINT64_MAX);
            if (err != ERR_OK) {
                return err;
            }
        }
    }
    keeper->store->rows_max = rows_max;
    atomic_store(&keeper->store->rows_count, keeper->rows.count + unreported_count);
    return ERR_OK;
}

/* The row of a group, in the place of its former one. */
static enum err log_keeper_put_row(struct log_keeper *keeper, const struct log_row *row,
                                   uint64_t number_max)
{
    struct map_node *node = map_find(&keeper->rows, row->group);
    if (node == NULL) {
        void *made = NULL;
        enum err err = pool_acquire(&keeper->rows_pool, &made);
        if (err != ERR_OK) {
            return err;
        }
        struct log_kept_row *kept = made;
        err = map_insert(&keeper->rows, &kept->in_rows, row->group);
        if (err != ERR_OK) {
            pool_release(&keeper->rows_pool, kept);
            return err;
        }
        node = &kept->in_rows;
    }
    struct log_kept_row *kept = CONTAINER_OF(node, struct log_kept_row, in_rows);
    kept->row = *row;
    kept->number_max = number_max;
    return ERR_OK;
}

/* What each shard's groups need of the files that were found. */
static void log_keeper_take_needs(struct log_keeper *keeper, const struct log_recover *found)
{
    for (uint32_t i = 0; i < keeper->shards_count; i++) {
        keeper->shards[i].file_needed = UINT64_MAX;
    }
    list_for_each (node, &found->groups) {
        const struct log_found *group = CONTAINER_OF(node, struct log_found, in_recover);
        struct log_kept_shard *shard = &keeper->shards[group->row.group % keeper->shards_count];
        uint64_t *lowest = group->is_available ? &shard->file_needed : &keeper->pinned;
        *lowest = group->file_lowest < *lowest ? group->file_lowest : *lowest;
    }
}

static void log_keeper_free(struct log_keeper *keeper)
{
    struct log_shard *ls = keeper->ls;
    log_keeper_files_deinit(keeper);
    while (keeper->buckets != NULL && map_first(&keeper->rows) != NULL) {
        struct map_node *node = map_first(&keeper->rows);
        map_remove(&keeper->rows, node);
        pool_release(&keeper->rows_pool, CONTAINER_OF(node, struct log_kept_row, in_rows));
    }
    pool_deinit(&keeper->rows_pool);
    budget_free(&ls->budget, keeper->buckets);
    budget_free(&ls->budget, keeper->shards);
    budget_free(&ls->budget, keeper->chunk);
    sm_deinit(&keeper->space_sm);
    sm_deinit(&keeper->sm);
    budget_free(&ls->budget, keeper);
}

void log_keeper_begin(struct log_shard *ls)
{
    struct log_keeper *keeper = log_keeper_of(ls->store);
    keeper->is_begun = true;
    for (uint32_t i = 0; i < keeper->shards_count; i++) {
        keeper->shards[i].ls = keeper->store->shards[i];
    }
    log_keeper_space_wake(keeper);
    log_keeper_files_serve(keeper);
}

/* --- Reports --- */

void log_keeper_rows(struct log_rows *rows)
{
    rt_outbox_send(&rows->ls->mails, 0, &rows->mail, log_keeper_reported);
}

static struct log_rows *log_rows_of_mail(struct rt_mail *mail)
{
    return CONTAINER_OF(CONTAINER_OF(mail, struct rt_outbox_mail, mail), struct log_rows, mail);
}

static void log_keeper_reported(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_rows *rows = log_rows_of_mail(mail);
    struct log_keeper *keeper = log_keeper_of(rows->ls->store);
    ASSERT(keeper->ls->shard == at);
    list_push_back(&keeper->queue, &rows->in_keeper);
    log_keeper_space_wake(keeper);
    log_keeper_write(keeper);
}

static void log_keeper_answer(struct log_keeper *keeper, struct log_rows *rows, enum err err,
                              int saved_errno)
{
    rows->err = err;
    rows->saved_errno = saved_errno;
    rt_outbox_send(&keeper->ls->mails, rows->ls->shard->id, &rows->mail, log_keeper_answered);
}

static void log_keeper_answered(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_rows *rows = log_rows_of_mail(mail);
    ASSERT(rows->ls->shard == at);
    rows->done(rows);
}

/* What is reported goes into the rows; a report that does not fit in memory is answered so. */
static void log_keeper_take_reports(struct log_keeper *keeper)
{
    for (struct list_node *node; (node = list_pop_front(&keeper->queue)) != NULL;) {
        struct log_rows *rows = CONTAINER_OF(node, struct log_rows, in_keeper);
        uint64_t number = atomic_load(&keeper->store->file_number);
        enum err err = ERR_OK;
        for (uint32_t i = 0; i < rows->rows_count && err == ERR_OK; i++) {
            err = log_keeper_put_row(keeper, &rows->rows[i], number);
        }
        if (err != ERR_OK) {
            log_keeper_answer(keeper, rows, err, 0);
            continue;
        }
        keeper->shards[rows->ls->shard->id].file_needed = rows->file_needed;
        list_push_back(&keeper->writing, node);
    }
}

/* Rows of deleted groups that no journal file names any more are forgotten. */
static void log_keeper_drop_rows(struct log_keeper *keeper)
{
    uint64_t oldest = log_keeper_files_oldest(keeper);
    struct map_node *next = NULL;
    for (struct map_node *node = map_first(&keeper->rows); node != NULL; node = next) {
        struct log_kept_row *kept = CONTAINER_OF(node, struct log_kept_row, in_rows);
        next = map_next(&keeper->rows, node);
        if (kept->row.state == LOG_ROW_DELETED && kept->number_max < oldest) {
            map_remove(&keeper->rows, node);
            pool_release(&keeper->rows_pool, kept);
            atomic_fetch_sub(&keeper->store->rows_count, 1);
        }
    }
}

uint64_t log_keeper_needed(const struct log_keeper *keeper)
{
    uint64_t needed = keeper->pinned;
    for (uint32_t i = 0; i < keeper->shards_count; i++) {
        const struct log_kept_shard *shard = &keeper->shards[i];
        needed = shard->file_needed < needed ? shard->file_needed : needed;
        if (shard->holding_number != 0 && shard->holding_number < needed) {
            needed = shard->holding_number;
        }
    }
    uint64_t next = atomic_load(&keeper->store->file_number) + 1;
    needed = needed < next ? needed : next;
    return needed > keeper->floor ? needed : keeper->floor;
}

/* --- Writing a table --- */

void log_keeper_write(struct log_keeper *keeper)
{
    if (sm_stage(&keeper->sm) != LOG_KEEPER_IDLE || !keeper->is_begun) {
        return;
    }
    log_keeper_take_reports(keeper);
    keeper->floor_next = log_keeper_needed(keeper);
    log_keeper_drop_rows(keeper);
    keeper->err = ERR_OK;
    keeper->saved_errno = 0;
    keeper->pos = 0;
    keeper->table_bytes = log_table_bytes(keeper->rows.count);
    keeper->next_row = map_first(&keeper->rows);
    keeper->chunk_bytes =
        keeper->table_bytes < LOG_KEEPER_CHUNK_BYTES ? keeper->table_bytes : LOG_KEEPER_CHUNK_BYTES;
    void *chunk = NULL;
    keeper->err = budget_alloc(&keeper->ls->budget, keeper->chunk_bytes, LIMIT_BLOCK_BYTES, &chunk);
    keeper->chunk = chunk;
    sm_move(&keeper->sm, LOG_KEEPER_REMOVE);
    if (keeper->err != ERR_OK) {
        log_keeper_written(keeper);
        return;
    }
    log_keeper_path(keeper, "groups.tab.new", keeper->path);
    rt_path_unlink(&keeper->op, keeper->path);
}

static void log_keeper_run(struct rt_op *op)
{
    struct log_keeper *keeper = CONTAINER_OF(op, struct log_keeper, op);
    uint32_t stage = sm_stage(&keeper->sm);
    bool is_removed = stage == LOG_KEEPER_REMOVE && op->err == ERR_NOT_FOUND;
    if (op->err != ERR_OK && keeper->err == ERR_OK && !is_removed) {
        keeper->err = op->err;
        keeper->saved_errno = op->saved_errno;
    }
    bool is_open = stage >= LOG_KEEPER_OPEN && stage < LOG_KEEPER_CLOSE && keeper->file.is_open;
    if (keeper->err != ERR_OK) {
        if (is_open) {
            sm_move(&keeper->sm, LOG_KEEPER_CLOSE);
            rt_file_close(&keeper->file, op);
        } else {
            log_keeper_written(keeper);
        }
        return;
    }
    switch (stage) {
    case LOG_KEEPER_REMOVE:
        sm_move(&keeper->sm, LOG_KEEPER_OPEN);
        rt_file_open(&keeper->file, op, keeper->ls->shard, keeper->path,
                     RT_FILE_WRITE | RT_FILE_CREATE | RT_FILE_DIRECT, 0600);
        return;
    case LOG_KEEPER_OPEN: log_keeper_next_chunk(keeper); return;
    case LOG_KEEPER_WRITE:
        if (keeper->pos < keeper->table_bytes) {
            log_keeper_next_chunk(keeper);
            return;
        }
        if (keeper->table_bytes > keeper->chunk_bytes) {
            sm_move(&keeper->sm, LOG_KEEPER_FLUSH);
            rt_file_flush(&keeper->file, op);
            return;
        }
        FALLTHROUGH;
    case LOG_KEEPER_FLUSH:
        sm_move(&keeper->sm, LOG_KEEPER_CLOSE);
        rt_file_close(&keeper->file, op);
        return;
    case LOG_KEEPER_CLOSE:
        if (keeper->has_table) {
            log_keeper_rename(keeper, LOG_KEEPER_RENAME_OLD, "groups.tab", "groups.tab.old");
            return;
        }
        FALLTHROUGH;
    case LOG_KEEPER_RENAME_OLD:
        keeper->has_table = false;
        log_keeper_rename(keeper, LOG_KEEPER_RENAME, "groups.tab.new", "groups.tab");
        return;
    case LOG_KEEPER_RENAME:
        keeper->has_table = true;
        sm_move(&keeper->sm, LOG_KEEPER_SYNC);
        log_keeper_path(keeper, "", keeper->path);
        rt_path_sync_dir(op, keeper->path);
        return;
    case LOG_KEEPER_SYNC: log_keeper_written(keeper); return;
    default: UNREACHABLE();
    }
}

/* Encode and write the next part. */
static void log_keeper_next_chunk(struct log_keeper *keeper)
{
    const struct log_store *store = keeper->store;
    uint64_t number = keeper->table_number + 1;
    uint32_t seed = log_table_seed(store->kernels, &store->disk, number);
    uint64_t left = keeper->table_bytes - keeper->pos;
    size_t bytes = left < keeper->chunk_bytes ? (size_t)left : keeper->chunk_bytes;
    size_t at = 0;
    if (keeper->pos == 0) {
        struct log_table_header header = {
            .rows_count = keeper->rows.count,
            .disk = store->disk,
            .number = number,
            .journal_floor = keeper->floor_next,
        };
        log_table_header_encode(&header, store->kernels, keeper->chunk);
        at = LOG_TABLE_HEADER_BYTES;
    }
    while (at < bytes && keeper->next_row != NULL) {
        struct log_kept_row *kept = CONTAINER_OF(keeper->next_row, struct log_kept_row, in_rows);
        log_row_encode(&kept->row, store->kernels, seed, keeper->chunk + at);
        at += LOG_TABLE_ROW_BYTES;
        keeper->next_row = map_next(&keeper->rows, keeper->next_row);
    }
    memset(keeper->chunk + at, 0, bytes - at);
    uint64_t pos = keeper->pos;
    keeper->pos += bytes;
    if (sm_stage(&keeper->sm) != LOG_KEEPER_WRITE) {
        sm_move(&keeper->sm, LOG_KEEPER_WRITE);
    }
    if (keeper->table_bytes <= keeper->chunk_bytes) {
        keeper->iov = (struct iovec){keeper->chunk, bytes};
        rt_file_write_durable(&keeper->file, &keeper->op, &keeper->iov, 1, pos);
    } else {
        rt_file_write(&keeper->file, &keeper->op, keeper->chunk, bytes, pos);
    }
}

static void log_keeper_rename(struct log_keeper *keeper, uint32_t stage, const char *from,
                              const char *to)
{
    sm_move(&keeper->sm, stage);
    log_keeper_path(keeper, from, keeper->path);
    log_keeper_path(keeper, to, keeper->path_to);
    rt_path_rename(&keeper->op, keeper->path, keeper->path_to);
}

/* The table is durable, or not: those who reported are told, and files of which nothing is needed
 * are free. Where the disk is full they wait, and the table is written when there is room. */
static void log_keeper_written(struct log_keeper *keeper)
{
    budget_free(&keeper->ls->budget, keeper->chunk);
    keeper->chunk = NULL;
    sm_move(&keeper->sm, LOG_KEEPER_IDLE);
    if (keeper->err == ERR_OK) {
        keeper->table_number++;
        keeper->floor = keeper->floor_next;
    } else if (keeper->ls->diag != NULL) {
        DIAG_WARN(keeper->ls->diag, "log", "groups.tab not written", DIAG_ERR("error", keeper->err),
                  DIAG_I64("errno", keeper->saved_errno));
    }
    bool is_full = keeper->err == ERR_DISK_FULL && !keeper->ls->is_closing;
    if (is_full) {
        list_append_all(&keeper->writing, &keeper->queue);
        list_append_all(&keeper->queue, &keeper->writing);
        (void)log_keeper_space_full(keeper);
    }
    for (struct list_node *node; (node = list_pop_front(&keeper->writing)) != NULL;) {
        log_keeper_answer(keeper, CONTAINER_OF(node, struct log_rows, in_keeper), keeper->err,
                          keeper->saved_errno);
    }
    if (!is_full && !list_is_empty(&keeper->queue)) {
        log_keeper_write(keeper);
    }
    log_keeper_files_serve(keeper);
    log_keeper_close_step(keeper);
}

static void log_keeper_path(const struct log_keeper *keeper, const char *name, char *out)
{
    const char *dir = keeper->store->config.dir;
    int length = name[0] == '\0' ? snprintf(out, LIMIT_PATH_BYTES, "%s", dir)
                                 : snprintf(out, LIMIT_PATH_BYTES, "%s/%s", dir, name);
    ASSERT(length > 0 && length < (int)LIMIT_PATH_BYTES);
}

/* --- The end --- */

void log_keeper_close(struct log_shard *ls, void (*closed)(struct log_shard *ls))
{
    struct log_keeper *keeper = log_keeper_of(ls->store);
    keeper->is_closing = true;
    keeper->closed = closed;
    rt_timer_stop(&keeper->space_timer);
    rt_timer_stop(&keeper->make_timer);
    log_keeper_close_step(keeper);
}

void log_keeper_close_step(struct log_keeper *keeper)
{
    struct log_shard *ls = keeper->ls;
    if (!keeper->is_closing || sm_stage(&keeper->sm) != LOG_KEEPER_IDLE ||
        !log_keeper_files_is_idle(keeper) || !log_keeper_space_is_idle(keeper)) {
        return;
    }
    ASSERT(list_is_empty(&keeper->queue));
    ASSERT(list_is_empty(&keeper->requests));
    void (*closed)(struct log_shard *) = keeper->closed;
    ls->store->keeper = NULL;
    log_keeper_free(keeper);
    closed(ls);
}
