/* Which of groups.tab, groups.tab.new and groups.tab.old counts, and its rows (storage/README.md,
 * "groups.tab"). Pure: bytes in, rows out.
 *
 * A table is written to .new, flushed, and takes the place of groups.tab, which becomes .old. Only
 * then are journal files let go because of it. So groups.tab counts, and where rows of it have
 * rotten they are lost: an older table's say less than the journal still does. .new takes its place
 * when all of it verifies, or when groups.tab has been renamed already. .old never counts: it names
 * groups whose rows are lost, and tells the number of a table whose header is. */
#ifndef STORAGE_LOG_TABLES_H
#define STORAGE_LOG_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "storage/log/table.h"

enum log_tables_file {
    LOG_TABLES_NOW, /* groups.tab */
    LOG_TABLES_NEW, /* groups.tab.new */
    LOG_TABLES_OLD, /* groups.tab.old */
    LOG_TABLES_COUNT
};

/* One of them, as it was read. */
struct log_tables_read {
    const uint8_t *data; /* its bytes; NULL: there is no such file */
    size_t length;       /* how many */

    /* log_tables_choose's. */
    enum err err;                   /* of its header */
    struct log_table_header header; /* valid when err is ERR_OK */
    uint32_t seed;                  /* of its rows */
    bool is_foreign;                /* it is of another directory */
};

/* All three, and what came of them. */
struct log_tables {
    const struct crc32c *kernels;                   /* for checksums */
    struct log_uuid disk;                           /* whose directory */
    struct log_tables_read files[LOG_TABLES_COUNT]; /* as read */
    const struct log_tables_read *chosen; /* the one that counts; NULL: none was written */
    bool is_guessed; /* its header is lost: how many rows it had is what is left of them */
};

/* Before choosing: whether groups.tab is there and all of it verifies. Then the others need not be
 * read. */
bool log_tables_is_sound(struct log_tables *tables, bool is_write);

/* Read the headers and choose. Afterwards chosen->header says number, rows and journal floor (0
 * where the header is lost). ERR_UNSUPPORTED: a newer version's; ERR_CORRUPT: what should count is
 * missing, of another directory, or wholly unreadable. `is_write` as log_features_check. */
MUST_USE enum err log_tables_choose(struct log_tables *tables, bool is_write);

/* Row `index` of the chosen table. ERR_CORRUPT: it does not verify. */
MUST_USE enum err log_tables_row(const struct log_tables *tables, uint32_t index,
                                 struct log_row *out);

/* Rows that name groups whose own rows are lost. */
struct log_tables_lost {
    struct log_row *rows;   /* flag LOG_ROW_LOST, or of deleted groups; the caller's. Lost: `seq` is
                               what a table that is being written says, or 0 */
    uint32_t rows_count;    /* of them */
    uint32_t unnamed_count; /* rows that nothing names */
    bool has_doubt;         /* some are named by no older table: a group that has no row may be
                               one of these, since what is left of a row may name another */
};

/* Find what is lost: rows marked so before; for those that do not verify, the groups of the other
 * tables that the chosen one has no row for, and what the rotten bytes themselves say. Deleted
 * groups stay deleted, whichever table says so. out->rows is charged to `budget` (NULL when there
 * is nothing). ERR_BUDGET. */
MUST_USE enum err log_tables_lost(const struct log_tables *tables, struct budget *budget,
                                  struct log_tables_lost *out);

#endif
