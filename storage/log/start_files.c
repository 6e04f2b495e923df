/* What a start reads: node.meta, groups.tab, the journal. See start.h. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "storage/log/start_int.h"

/* "<slot>.jnl" */
#define LOG_START_NAME_DIGITS 8u
#define LOG_START_NAME_BYTES  (LOG_START_NAME_DIGITS + 4u)

static void log_start_fetch(struct log_start *start, uint32_t which, const char *path,
                            void (*done)(struct log_fetch *fetch));
static void log_start_meta_read(struct log_fetch *fetch);
static void log_start_table_next(struct log_start *start);
static void log_start_table_read(struct log_fetch *fetch);
static void log_start_tables_read(struct log_start *start);
static enum err log_start_rows(struct log_start *start);
static void log_start_tables_free(struct log_start *start);
static bool log_start_slot(const char *name, uint32_t *slot);
static enum err log_start_take_files(struct log_start *start);
static void log_start_file_next(struct log_start *start);
static bool log_start_file_is_wanted(struct log_fetch *fetch);
static void log_start_file_read(struct log_fetch *fetch);
static enum err log_start_file_header(struct log_start *start, struct log_fetch *fetch,
                                      struct log_keeper_file *file);
static void log_start_files_read(struct log_start *start);
static void log_start_number(void *ctx, enum log_recover_row row, uint64_t boot_epoch,
                             uint32_t lane, uint64_t number, const struct log_frame *frame,
                             uint32_t slot, uint64_t pos);

/* Which of the two it is. */
static uint32_t log_start_fetch_index(const struct log_fetch *fetch)
{
    const struct log_start *start = fetch->ctx;
    return (uint32_t)(fetch - start->fetches);
}

/* Read a whole file. */
static void log_start_fetch(struct log_start *start, uint32_t which, const char *path,
                            void (*done)(struct log_fetch *fetch))
{
    struct log_fetch *fetch = &start->fetches[which];
    if (fetch->shard == NULL) {
        log_fetch_init(fetch, start->ls->shard, &start->budget, done);
        fetch->ctx = start;
    }
    fetch->done = done;
    snprintf(fetch->path, sizeof(fetch->path), "%s", path);
    start->fetches_count++;
    log_fetch_start(fetch);
}

/* A read has ended. False: it failed, and with it the start; other reads are waited for first. */
static bool log_start_fetched(struct log_fetch *fetch)
{
    struct log_start *start = fetch->ctx;
    start->fetches_count--;
    if (fetch->err != ERR_OK && start->file_err == ERR_OK) {
        start->file_err = fetch->err;
        start->file_errno = fetch->saved_errno;
        snprintf(start->path, sizeof(start->path), "%s", fetch->path);
    }
    if (start->file_err != ERR_OK && start->fetches_count == 0) {
        log_start_fail(start, start->file_err, start->file_errno, start->path, start->file_why);
        return false;
    }
    if (fetch->err == ERR_OK && !fetch->is_direct && fetch->file_bytes > 0) {
        log_start_say_buffered(start, fetch->path);
    }
    return start->file_err == ERR_OK;
}

void log_start_say_buffered(struct log_start *start, const char *path)
{
    if (!start->is_buffered && start->ls->diag != NULL) {
        DIAG_INFO(start->ls->diag, "log", "no direct I/O there: buffered, and flushed",
                  DIAG_STRING("path", path));
    }
    start->is_buffered = true;
}

/* --- node.meta --- */

void log_start_meta(struct log_start *start)
{
    log_start_path(start, "node.meta", start->path);
    log_start_fetch(start, 0, start->path, log_start_meta_read);
}

static void log_start_meta_read(struct log_fetch *fetch)
{
    struct log_start *start = fetch->ctx;
    if (!log_start_fetched(fetch)) {
        return;
    }
    enum err err =
        log_meta_decode(fetch->data, fetch->length, start->store->kernels, true, &start->meta);
    if (err != ERR_OK) {
        log_start_fail(start, err, 0, fetch->path,
                       err == ERR_UNSUPPORTED ? "of a newer version of this program"
                                              : "neither of its blocks is readable");
        return;
    }
    log_start_run(start);
}

/* --- groups.tab --- */

static const char *const log_start_table_names[LOG_TABLES_COUNT] = {
    [LOG_TABLES_NOW] = "groups.tab",
    [LOG_TABLES_NEW] = "groups.tab.new",
    [LOG_TABLES_OLD] = "groups.tab.old",
};

const char *log_start_table_name(enum log_tables_file which)
{
    return log_start_table_names[which];
}

void log_start_tables(struct log_start *start)
{
    start->tables.kernels = start->store->kernels;
    start->tables.disk = start->meta.disk;
    start->table = 0;
    log_start_table_next(start);
}

/* The next one that there is; the others only where groups.tab does not do. */
static void log_start_table_next(struct log_start *start)
{
    while (start->table < LOG_TABLES_COUNT && !start->has_table[start->table]) {
        start->table++;
    }
    if (start->table == LOG_TABLES_COUNT) {
        log_start_tables_read(start);
        return;
    }
    log_start_path(start, log_start_table_names[start->table], start->path);
    log_start_fetch(start, 0, start->path, log_start_table_read);
}

static void log_start_table_read(struct log_fetch *fetch)
{
    struct log_start *start = fetch->ctx;
    if (!log_start_fetched(fetch)) {
        return;
    }
    struct log_tables_read *table = &start->tables.files[start->table];
    table->length = fetch->length;
    start->table_data[start->table] = log_fetch_take(fetch);
    table->data = start->table_data[start->table];
    if (start->table == LOG_TABLES_NOW && log_tables_is_sound(&start->tables, true)) {
        log_start_tables_read(start);
        return;
    }
    start->table++;
    log_start_table_next(start);
}

/* Which one counts, and its rows. */
static void log_start_tables_read(struct log_start *start)
{
    enum err err = log_tables_choose(&start->tables, true);
    log_start_path(start, "groups.tab", start->path);
    if (err != ERR_OK) {
        log_start_fail(start, err, 0, start->path,
                       err == ERR_UNSUPPORTED ? "of a newer version of this program"
                                              : "no table of the groups is readable");
        return;
    }
    const struct log_tables_read *chosen = start->tables.chosen;
    err = log_start_recover(start, chosen != NULL ? chosen->header.journal_floor : 0);
    if (err == ERR_OK && chosen != NULL) {
        err = log_start_rows(start);
    }
    if (err != ERR_OK) {
        log_start_fail(start, err, 0, start->path, NULL);
        return;
    }
    log_start_tables_free(start);
    log_start_run(start);
}

enum err log_start_recover(struct log_start *start, uint64_t journal_floor)
{
    enum err err = log_recover_init(&start->recover, &start->budget, start->store->kernels,
                                    &start->meta.disk, journal_floor);
    start->is_recovering = err == ERR_OK;
    return err;
}

/* Rows, and those that are lost. */
static enum err log_start_rows(struct log_start *start)
{
    enum err err = log_tables_lost(&start->tables, &start->budget, &start->lost);
    return err == ERR_OK ? log_recover_tables(&start->recover, &start->tables, &start->lost) : err;
}

/* The tables' bytes; what was chosen, and its header, stays known. */
static void log_start_tables_free(struct log_start *start)
{
    for (uint32_t i = 0; i < LOG_TABLES_COUNT; i++) {
        budget_free(&start->budget, start->table_data[i]);
        start->table_data[i] = NULL;
        start->tables.files[i].data = NULL;
    }
}

/* --- The journal --- */

/* The slot that `name` says; false: it is not that of a journal file. */
static bool log_start_slot(const char *name, uint32_t *slot)
{
    *slot = 0;
    if (strlen(name) != LOG_START_NAME_BYTES || strcmp(name + LOG_START_NAME_DIGITS, ".jnl") != 0) {
        return false;
    }
    for (uint32_t i = 0; i < LOG_START_NAME_DIGITS; i++) {
        char digit = name[i];
        uint32_t value;
        if (digit >= '0' && digit <= '9') {
            value = (uint32_t)(digit - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            value = (uint32_t)(digit - 'a') + 10;
        } else {
            return false;
        }
        *slot = *slot << 4 | value;
    }
    return true;
}

uint32_t log_start_count_files(const struct log_start *start)
{
    const char *name = start->list.names;
    uint32_t count = 0;
    for (uint32_t i = 0; i < start->list.count; i++) {
        uint32_t slot;
        count += log_start_slot(name, &slot);
        name += strlen(name) + 1;
    }
    return count;
}

/* The names of start->list are the files. */
static enum err log_start_take_files(struct log_start *start)
{
    uint32_t count = log_start_count_files(start);
    if (count == 0) {
        return ERR_OK;
    }
    void *files = NULL;
    enum err err = budget_alloc(&start->budget, count * sizeof(struct log_keeper_file),
                                _Alignof(struct log_keeper_file), &files);
    if (err != ERR_OK) {
        return err;
    }
    start->files = files;
    const char *name = start->list.names;
    for (uint32_t i = 0; i < start->list.count; i++) {
        uint32_t slot;
        if (log_start_slot(name, &slot)) {
            start->files[start->files_count++].slot = slot;
        }
        name += strlen(name) + 1;
    }
    return ERR_OK;
}

void log_start_journal(struct log_start *start)
{
    enum err err = log_start_take_files(start);
    if (err == ERR_OK && start->files_count == 0 && start->tables.chosen != NULL) {
        log_start_fail(start, ERR_CORRUPT, 0, start->path, "the journal files are missing");
        return;
    }
    if (err != ERR_OK) {
        log_start_fail(start, err, 0, start->path, NULL);
        return;
    }
    if (start->files_count == 0) {
        log_start_files_read(start);
        return;
    }
    log_start_file_next(start);
}

/* Read on, as many at a time as there are places. */
static void log_start_file_next(struct log_start *start)
{
    for (uint32_t i = 0; i < LOG_START_FETCHES && start->files_next < start->files_count; i++) {
        struct log_fetch *fetch = &start->fetches[i];
        if (fetch->shard != NULL && !sm_is_final(&fetch->sm)) {
            continue;
        }
        char path[LIMIT_PATH_BYTES];
        start->fetch_file[i] = start->files_next++;
        log_path_journal(path, start->store, start->files[start->fetch_file[i]].slot);
        log_start_fetch(start, i, path, log_start_file_read);
        fetch->is_wanted = log_start_file_is_wanted;
        fetch->does_mark = true;
        fetch->does_flush = true; /* the lanes record will say that it was flushed */
    }
}

/* Whether there is more in the file than its first chunk tells. */
static bool log_start_file_is_wanted(struct log_fetch *fetch)
{
    const struct log_start *start = fetch->ctx;
    struct log_journal_header header;
    return log_journal_header_decode(fetch->data, fetch->length, start->store->kernels, &header) !=
               ERR_OK ||
           header.file_number >= start->recover.journal_floor;
}

static void log_start_file_read(struct log_fetch *fetch)
{
    struct log_start *start = fetch->ctx;
    if (!log_start_fetched(fetch)) {
        return;
    }
    struct log_keeper_file *file = &start->files[start->fetch_file[log_start_fetch_index(fetch)]];
    enum err err = log_start_file_header(start, fetch, file);
    if (err == ERR_OK && (file->number == 0 || file->number >= start->recover.journal_floor)) {
        start->bytes += fetch->length;
        err = log_recover_file(&start->recover, file->slot, fetch->data, fetch->length);
    }
    if (err != ERR_OK) {
        start->file_err = err;
        snprintf(start->path, sizeof(start->path), "%s", fetch->path);
        if (start->fetches_count == 0) {
            log_start_fail(start, err, 0, start->path, start->file_why);
        }
        return;
    }
    log_start_file_next(start);
    if (start->fetches_count == 0) {
        log_start_files_read(start);
    }
}

/* What the file's header says of it; a number of 0: nothing, nor is its size known to be durable.
 */
static enum err log_start_file_header(struct log_start *start, struct log_fetch *fetch,
                                      struct log_keeper_file *file)
{
    struct log_journal_header header;
    enum err err =
        log_journal_header_decode(fetch->data, fetch->length, start->store->kernels, &header);
    if (err == ERR_UNSUPPORTED) {
        start->file_why = "of a newer version of this program";
        return err;
    }
    if (err != ERR_OK) {
        start->is_nameless = true;
        return ERR_OK;
    }
    if (!log_uuid_is_equal(&header.disk, &start->meta.disk)) {
        start->file_why = "a journal file of another directory";
        return ERR_CORRUPT;
    }
    file->number = header.file_number;
    file->file_bytes =
        header.file_bytes < fetch->file_bytes ? header.file_bytes : fetch->file_bytes;
    if (header.file_number > start->number_max) {
        start->number_max = header.file_number;
    }
    return ERR_OK;
}

/* All files are read. */
static void log_start_files_read(struct log_start *start)
{
    log_start_journal_path(start, start->path);
    if (start->recover.is_newer) {
        log_start_fail(start, ERR_UNSUPPORTED, 0, start->path,
                       "of a newer version of this program");
        return;
    }
    enum err err = log_recover_lanes(&start->recover);
    if (err != ERR_OK) {
        log_start_fail(start, err, 0, start->path, NULL);
        return;
    }
    if (start->is_nameless) {
        log_recover_visit(&start->recover, log_start_number, start);
    }
    log_start_run(start);
}

/* A file without a header belongs to the highest file number among its frames. */
static void log_start_number(void *ctx, enum log_recover_row row, uint64_t boot_epoch,
                             uint32_t lane, uint64_t number, const struct log_frame *frame,
                             uint32_t slot, uint64_t pos)
{
    struct log_start *start = ctx;
    (void)row, (void)boot_epoch, (void)lane, (void)number, (void)pos;
    for (uint32_t i = 0; i < start->files_count && frame != NULL; i++) {
        struct log_keeper_file *file = &start->files[i];
        if (file->slot == slot && file->number < frame->file_number) {
            file->number = frame->file_number;
        }
    }
}

void log_start_files_free(struct log_start *start)
{
    for (uint32_t i = 0; i < LOG_START_FETCHES; i++) {
        if (start->fetches[i].shard != NULL) {
            log_fetch_deinit(&start->fetches[i]);
        }
    }
    log_start_tables_free(start);
    budget_free(&start->budget, start->lost.rows);
    budget_free(&start->budget, start->files);
}
