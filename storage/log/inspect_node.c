/* What is the node's in a directory: node.meta, groups.tab, the journal's files.
 *
 * A journal file is recycled only when a table that no longer needs it is on disk. So a journal
 * that was read before the table goes with it, and one that was read after it does as long as no
 * newer table has come meanwhile. The second way needs no copy and is tried first. Files are read
 * from the highest number down: what a lane wrote last is never seen without what it wrote before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"
#include "storage/log/inspect_int.h"

static const char *const inspect_table_names[LOG_TABLES_COUNT] = {
    [LOG_TABLES_NOW] = "groups.tab",
    [LOG_TABLES_NEW] = "groups.tab.new",
    [LOG_TABLES_OLD] = "groups.tab.old",
};

static enum err inspect_table_keep(struct log_inspect_state *state);
static bool inspect_table_choose(struct log_inspect_state *state);
static void inspect_table_check(struct log_inspect_state *state, uint32_t which);
static bool inspect_journal_slot(const char *name, uint32_t *slot);
static void inspect_same_life(struct log_inspect_state *state,
                              const struct log_inspect_journal *journal, const uint8_t *data,
                              size_t length);
static int inspect_journal_compare(const void *a, const void *b);
static bool inspect_is_zero(const uint8_t *data, size_t length);
static enum err inspect_copy(struct log_inspect_state *state, struct log_inspect_journal *journal,
                             size_t length);

bool log_inspect_meta(struct log_inspect_state *state)
{
    char path[LIMIT_PATH_BYTES];
    struct log_inspect_view *view = &state->view;
    log_inspect_path(state, "node.meta", path);
    if (!log_inspect_get(view, path, 0, LOG_META_BYTES)) {
        return false;
    }
    if (view->err != ERR_OK) {
        log_inspect_fail(state, view->err, view->saved_errno, "node.meta");
        return true;
    }
    const uint8_t *data = log_inspect_at(view, 0);
    size_t length = log_inspect_have(view, 0);
    enum err err = log_meta_decode(data, length < LOG_META_BYTES ? length : LOG_META_BYTES,
                                   state->kernels, false, &state->meta);
    if (err != ERR_OK) {
        log_inspect_fail(state, err == ERR_TRUNCATED ? ERR_CORRUPT : err, 0, "node.meta");
        return true;
    }
    for (size_t pos = 0; pos < LOG_META_BYTES; pos += LIMIT_BLOCK_BYTES) {
        struct log_meta block;
        size_t have = length > pos ? length - pos : 0;
        err = log_meta_decode(data + pos, have < LIMIT_BLOCK_BYTES ? have : LIMIT_BLOCK_BYTES,
                              state->kernels, false, &block);
        if (err != ERR_OK) {
            log_inspect_fault(state, "node.meta", pos, LOG_INSPECT_NONE, 0,
                              "this copy of node.meta does not verify", ERR_CORRUPT);
        }
    }
    return true;
}

bool log_inspect_tables(struct log_inspect_state *state)
{
    struct log_inspect_view *view = &state->view;
    for (; state->step < LOG_TABLES_COUNT; state->step++) {
        char path[LIMIT_PATH_BYTES];
        const char *name = inspect_table_names[state->step];
        log_inspect_path(state, name, path);
        if (!log_inspect_get(view, path, 0, LOG_TABLE_HEADER_BYTES)) {
            return false;
        }
        uint64_t bytes = log_table_bytes(LIMIT_PARTITIONS_COUNT);
        if (view->err == ERR_OK) {
            bytes = view->file.size_bytes < bytes ? view->file.size_bytes : bytes;
            if (bytes > 0 && !log_inspect_get(view, path, 0, (size_t)bytes)) {
                return false;
            }
        }
        enum err err = view->err == ERR_NOT_FOUND ? ERR_OK : view->err;
        if (view->err == ERR_OK && bytes > 0) {
            err = inspect_table_keep(state);
        }
        if (err != ERR_OK) {
            log_inspect_fail(state, err, view->saved_errno, name);
            return true;
        }
    }
    if (!inspect_table_choose(state)) {
        state->step = 0; /* names changed while they were read */
        state->tables_tries++;
        log_inspect_release_tables(state);
        log_inspect_forget(view);
        return log_inspect_tables(state);
    }
    return true;
}

bool log_inspect_journals(struct log_inspect_state *state)
{
    if (!log_inspect_list(state, state->journal_dir)) {
        return false;
    }
    if (state->list_err != ERR_OK && state->list_err != ERR_NOT_FOUND) {
        log_inspect_fail(state, state->list_err, state->op.saved_errno, "journal");
        return true;
    }
    state->journals_count = 0;
    if (state->list_err != ERR_OK || state->list.count == 0) {
        return true;
    }
    void *journals = NULL;
    enum err err =
        budget_alloc(&state->budget, state->list.count * sizeof(*state->journals), 64, &journals);
    if (err != ERR_OK) {
        log_inspect_fail(state, err, 0, "journal");
        return true;
    }
    state->journals = journals;
    const char *name = state->list.names;
    for (uint32_t i = 0; i < state->list.count; i++, name += strlen(name) + 1) {
        uint32_t slot;
        if (inspect_journal_slot(name, &slot)) {
            state->journals[state->journals_count++] = (struct log_inspect_journal){.slot = slot};
        }
    }
    return true;
}

bool log_inspect_heads(struct log_inspect_state *state)
{
    struct log_inspect_view *view = &state->view;
    for (; state->step < state->journals_count; state->step++) {
        struct log_inspect_journal *journal = &state->journals[state->step];
        char path[LIMIT_PATH_BYTES], name[LOG_INSPECT_NAME_BYTES];
        log_inspect_path_journal(state, journal->slot, path);
        log_inspect_name_journal(journal->slot, name);
        if (!log_inspect_get(view, path, 0, LOG_JOURNAL_HEADER_BYTES)) {
            return false;
        }
        if (view->err == ERR_NOT_FOUND) {
            continue; /* removed since it was listed */
        }
        if (view->err != ERR_OK) {
            log_inspect_fail(state, view->err, view->saved_errno, name);
            return true;
        }
        const uint8_t *data = log_inspect_at(view, 0);
        size_t have = log_inspect_have(view, 0);
        size_t length = have < LOG_JOURNAL_HEADER_BYTES ? have : LOG_JOURNAL_HEADER_BYTES;
        enum err err = log_journal_header_decode(data, length, state->kernels, &journal->header);
        journal->bytes = view->file.size_bytes;
        journal->has_header = err == ERR_OK;
        if (err == ERR_UNSUPPORTED) {
            log_inspect_fail(state, err, 0, name);
            return true;
        }
        if (err != ERR_OK && !inspect_is_zero(data, length)) {
            log_inspect_fault(state, name, 0, LOG_INSPECT_NONE, 0,
                              "header of the journal file does not verify", ERR_CORRUPT);
        }
    }
    if (state->journals_count > 1) {
        qsort(state->journals, state->journals_count, sizeof(*state->journals),
              inspect_journal_compare);
    }
    return true;
}

bool log_inspect_files(struct log_inspect_state *state)
{
    struct log_inspect_view *view = &state->view;
    for (; state->step < state->journals_count; state->step++) {
        struct log_inspect_journal *journal = &state->journals[state->step];
        char path[LIMIT_PATH_BYTES], name[LOG_INSPECT_NAME_BYTES];
        if (journal->bytes == 0) {
            continue;
        }
        log_inspect_path_journal(state, journal->slot, path);
        log_inspect_name_journal(journal->slot, name);
        if (!log_inspect_get(view, path, 0, (size_t)journal->bytes)) {
            return false;
        }
        if (view->err == ERR_NOT_FOUND) {
            continue;
        }
        enum err err = view->err;
        if (err == ERR_OK) {
            size_t have = log_inspect_have(view, 0);
            size_t length = have < journal->bytes ? have : (size_t)journal->bytes;
            inspect_same_life(state, journal, log_inspect_at(view, 0), length);
            log_inspect_parts(state, journal->slot, log_inspect_at(view, 0), length);
            err = state->is_moving ? inspect_copy(state, journal, length)
                                   : log_recover_file(&state->recover, journal->slot,
                                                      log_inspect_at(view, 0), length);
        }
        if (err != ERR_OK) {
            log_inspect_fail(state, err, view->saved_errno, name);
            return true;
        }
    }
    return true;
}

/* A file that was used again since its header was read belongs behind files that were read before
 * it: what is missing at their ends is not lost. */
static void inspect_same_life(struct log_inspect_state *state,
                              const struct log_inspect_journal *journal, const uint8_t *data,
                              size_t length)
{
    struct log_journal_header header;
    bool has_header = log_journal_header_decode(data, length, state->kernels, &header) == ERR_OK;
    if (has_header && (!journal->has_header || header.file_number != journal->header.file_number)) {
        state->is_mixed = true;
    }
}

bool log_inspect_again(struct log_inspect_state *state)
{
    struct log_inspect_view *view = &state->view;
    uint64_t known = state->tables.chosen != NULL ? state->tables.chosen->header.number : 0;
    for (; state->step < LOG_TABLES_COUNT; state->step++) {
        char path[LIMIT_PATH_BYTES];
        log_inspect_path(state, inspect_table_names[state->step], path);
        if (!log_inspect_get(view, path, 0, LOG_TABLE_HEADER_BYTES)) {
            return false;
        }
        struct log_table_header header;
        if (view->err == ERR_OK &&
            log_table_header_decode(log_inspect_at(view, 0), log_inspect_have(view, 0),
                                    state->kernels, false, &header) == ERR_OK &&
            header.number > known && log_uuid_is_equal(&header.disk, &state->meta.disk)) {
            state->is_moving = true;
        }
    }
    return true;
}

/* Keep what was read of table state->step. */
static enum err inspect_table_keep(struct log_inspect_state *state)
{
    const struct log_inspect_view *view = &state->view;
    struct log_tables_read *file = &state->tables.files[state->step];
    size_t length = log_inspect_have(view, 0);
    size_t capacity = 0;
    uint8_t *data = NULL;
    enum err err = log_inspect_grow(state, &data, &capacity, length);
    if (err == ERR_OK) {
        memcpy(data, log_inspect_at(view, 0), length);
        state->tables_data[state->step] = data;
        file->data = data;
        file->length = length;
    }
    return err;
}

/* Which of them counts, and what is wrong with each. False: to be read again. */
static bool inspect_table_choose(struct log_inspect_state *state)
{
    struct log_tables *tables = &state->tables;
    tables->kernels = state->kernels;
    tables->disk = state->meta.disk;
    enum err err = log_tables_choose(tables, false);
    if (err == ERR_UNSUPPORTED) {
        log_inspect_fail(state, err, 0, "groups.tab");
        return true;
    }
    if (err != ERR_OK) {
        if (state->tables_tries + 1 < LOG_INSPECT_LOOKS) {
            return false;
        }
        tables->chosen = NULL;
        log_inspect_fault(state, "groups.tab", 0, LOG_INSPECT_NONE, 0,
                          "no table says which groups there are: a server would refuse to start",
                          ERR_CORRUPT);
    }
    for (uint32_t i = 0; i < LOG_TABLES_COUNT; i++) {
        if (i != LOG_TABLES_NEW && tables->files[i].data != NULL) { /* .new may be torn any time */
            inspect_table_check(state, i);
        }
    }
    return true;
}

/* Name what does not verify in table `which`. */
static void inspect_table_check(struct log_inspect_state *state, uint32_t which)
{
    const struct log_tables_read *file = &state->tables.files[which];
    const char *name = inspect_table_names[which];
    if (file->err != ERR_OK) {
        log_inspect_fault(state, name, 0, LOG_INSPECT_NONE, 0,
                          "header of the table does not verify", ERR_CORRUPT);
        return;
    }
    for (uint32_t i = 0; i < file->header.rows_count; i++) {
        struct log_row row;
        size_t pos = LOG_TABLE_HEADER_BYTES + (size_t)i * LOG_TABLE_ROW_BYTES;
        size_t have = file->length > pos ? file->length - pos : 0;
        if (log_row_decode(file->data + (have > 0 ? pos : 0), have, state->kernels, file->seed,
                           &row) != ERR_OK) {
            log_inspect_fault(state, name, pos, LOG_INSPECT_NONE, 0,
                              "row of the table does not verify", ERR_CORRUPT);
        }
    }
}

static bool inspect_journal_slot(const char *name, uint32_t *slot)
{
    if (strlen(name) != strlen("00000000.jnl") || strcmp(name + 8, ".jnl") != 0) {
        return false;
    }
    *slot = 0;
    for (unsigned i = 0; i < 8; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = memchr(digits, name[i], 16);
        if (digit == NULL) {
            return false;
        }
        *slot = *slot << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

/* Highest number first. */
static int inspect_journal_compare(const void *a, const void *b)
{
    const struct log_inspect_journal *x = a;
    const struct log_inspect_journal *y = b;
    uint64_t x_number = x->has_header ? x->header.file_number : UINT64_MAX;
    uint64_t y_number = y->has_header ? y->header.file_number : UINT64_MAX;
    if (x_number != y_number) {
        return x_number > y_number ? -1 : 1;
    }
    return (x->slot > y->slot) - (x->slot < y->slot);
}

static bool inspect_is_zero(const uint8_t *data, size_t length)
{
    return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

const char *log_inspect_name_table(uint32_t which)
{
    return inspect_table_names[which];
}

void log_inspect_release_tables(struct log_inspect_state *state)
{
    for (uint32_t i = 0; i < LOG_TABLES_COUNT; i++) {
        budget_free(&state->budget, state->tables_data[i]);
        state->tables_data[i] = NULL;
    }
    state->tables = (struct log_tables){.chosen = NULL};
}

static enum err inspect_copy(struct log_inspect_state *state, struct log_inspect_journal *journal,
                             size_t length)
{
    size_t capacity = 0;
    enum err err = log_inspect_grow(state, &journal->copy, &capacity, length);
    if (err == ERR_OK) {
        memcpy(journal->copy, log_inspect_at(&state->view, 0), length);
        journal->length = length;
    }
    return err;
}
