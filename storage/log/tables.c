/* Which table counts. See tables.h. */
#include "storage/log/tables.h"

#include <string.h>

#include "base/assert.h"
#include "base/map.h"

/* Finding lost rows. */
struct log_tables_search {
    const struct log_tables *tables; /* where */
    struct budget *budget;           /* pays */
    struct map groups;               /* groups that have a row */
    struct map_node *nodes;          /* one per row of all tables */
    struct map_node **buckets;       /* of the map */
    uint32_t nodes_count;            /* used */
    struct log_tables_lost *out;     /* what is found */
};

static void log_tables_header(struct log_tables *tables, enum log_tables_file which, bool is_write);
static bool log_tables_is_whole(const struct log_tables *tables, enum log_tables_file which);
static enum err log_tables_row_of(const struct log_tables *tables,
                                  const struct log_tables_read *file, uint32_t index,
                                  struct log_row *out);
static enum err log_tables_guess(struct log_tables *tables, enum log_tables_file which);
static uint32_t log_tables_guess_number(struct log_tables *tables, struct log_tables_read *file,
                                        uint64_t number);
static uint32_t log_tables_rows_there(const struct log_tables_read *file);
static enum err log_tables_search_open(struct log_tables_search *search);
static void log_tables_search_close(struct log_tables_search *search);
static bool log_tables_search_add(struct log_tables_search *search, uint64_t group);
static uint32_t log_tables_search_old(struct log_tables_search *search);
static bool log_tables_has_room(const struct log_tables_read *file);
static void log_tables_search_others(struct log_tables_search *search);
static void log_tables_search_bytes(struct log_tables_search *search);

bool log_tables_is_sound(struct log_tables *tables, bool is_write)
{
    log_tables_header(tables, LOG_TABLES_NOW, is_write);
    return log_tables_is_whole(tables, LOG_TABLES_NOW);
}

enum err log_tables_choose(struct log_tables *tables, bool is_write)
{
    struct log_tables_read *now = &tables->files[LOG_TABLES_NOW];
    struct log_tables_read *new = &tables->files[LOG_TABLES_NEW];
    struct log_tables_read *old = &tables->files[LOG_TABLES_OLD];
    tables->chosen = NULL;
    for (uint32_t i = 0; i < LOG_TABLES_COUNT; i++) {
        log_tables_header(tables, (enum log_tables_file)i, is_write);
        if (tables->files[i].err == ERR_UNSUPPORTED) {
            return ERR_UNSUPPORTED;
        }
    }
    if (now->is_foreign) {
        return ERR_CORRUPT;
    }
    if (now->data == NULL && new->data == NULL && old->data == NULL) {
        return ERR_OK;
    }
    if (log_tables_is_whole(tables, LOG_TABLES_NOW)) {
        tables->chosen = now;
        return ERR_OK;
    }
    if (log_tables_is_whole(tables, LOG_TABLES_NEW)) {
        tables->chosen = new;
        return ERR_OK;
    }
    if (now->data == NULL && old->data == NULL) {
        return ERR_OK; /* the first table was being written: the journal holds all of it */
    }
    struct log_tables_read *last = now->data != NULL ? now : new;
    if (last->data == NULL) {
        return ERR_CORRUPT;
    }
    tables->chosen = last;
    return last->err == ERR_OK
               ? ERR_OK
               : log_tables_guess(tables, now->data != NULL ? LOG_TABLES_NOW : LOG_TABLES_NEW);
}

enum err log_tables_row(const struct log_tables *tables, uint32_t index, struct log_row *out)
{
    return log_tables_row_of(tables, tables->chosen, index, out);
}

/* Decode the header of one table. */
static void log_tables_header(struct log_tables *tables, enum log_tables_file which, bool is_write)
{
    struct log_tables_read *file = &tables->files[which];
    file->err =
        log_table_header_decode(file->data, file->length, tables->kernels, is_write, &file->header);
    file->is_foreign = file->err == ERR_OK && !log_uuid_is_equal(&file->header.disk, &tables->disk);
    file->err = file->is_foreign ? ERR_CORRUPT : file->err;
    file->seed = log_table_seed(tables->kernels, &tables->disk, file->header.number);
}

/* Whether header and rows verify. */
static bool log_tables_is_whole(const struct log_tables *tables, enum log_tables_file which)
{
    const struct log_tables_read *file = &tables->files[which];
    if (file->err != ERR_OK) {
        return false;
    }
    for (uint32_t i = 0; i < file->header.rows_count; i++) {
        struct log_row row;
        if (log_tables_row_of(tables, file, i, &row) != ERR_OK) {
            return false;
        }
    }
    return true;
}

static enum err log_tables_row_of(const struct log_tables *tables,
                                  const struct log_tables_read *file, uint32_t index,
                                  struct log_row *out)
{
    size_t pos = LOG_TABLE_HEADER_BYTES + (size_t)index * LOG_TABLE_ROW_BYTES;
    size_t left = file->length > pos ? file->length - pos : 0;
    const uint8_t *data = left > 0 ? file->data + pos : NULL;
    enum err err = log_row_decode(data, left, tables->kernels, file->seed, out);
    return err == ERR_TRUNCATED ? ERR_CORRUPT : err;
}

/* The header of the table that counts is lost. Its number follows from its neighbour's, and rows
 * that verify with it prove that; the journal floor is not known then, so all files are read. */
static enum err log_tables_guess(struct log_tables *tables, enum log_tables_file which)
{
    struct log_tables_read *file = &tables->files[which];
    const struct log_tables_read *old = &tables->files[LOG_TABLES_OLD];
    const struct log_tables_read *new = &tables->files[LOG_TABLES_NEW];
    uint64_t number = 1;
    bool is_known = old->data == NULL;
    if (old->err == ERR_OK) {
        number = old->header.number + 1;
        is_known = true;
    } else if (which == LOG_TABLES_NOW && new->err == ERR_OK &&new->header.number > 1) {
        number = new->header.number - 1;
        is_known = true;
    }
    tables->is_guessed = true;
    uint32_t sound = log_tables_guess_number(tables, file, number);
    uint32_t count = log_tables_rows_there(file);
    if (sound == 0 && (count > 0 || !is_known) && old->err != ERR_OK) {
        return ERR_CORRUPT; /* no row is left, and nothing names them */
    }
    return ERR_OK;
}

/* Suppose that the table has that number. Returns how many of its rows verify. */
static uint32_t log_tables_guess_number(struct log_tables *tables, struct log_tables_read *file,
                                        uint64_t number)
{
    file->header = (struct log_table_header){
        .rows_count = log_tables_rows_there(file), .disk = tables->disk, .number = number};
    file->seed = log_table_seed(tables->kernels, &tables->disk, number);
    uint32_t sound = 0;
    for (uint32_t i = 0; i < file->header.rows_count; i++) {
        struct log_row row;
        sound += log_tables_row_of(tables, file, i, &row) == ERR_OK;
    }
    return sound;
}

/* Rows that a table without a header may have: what is behind the last of them is zeros. */
static uint32_t log_tables_rows_there(const struct log_tables_read *file)
{
    static const uint8_t zeros[LOG_TABLE_ROW_BYTES];
    size_t bytes =
        file->length > LOG_TABLE_HEADER_BYTES ? file->length - LOG_TABLE_HEADER_BYTES : 0;
    size_t count = bytes / LOG_TABLE_ROW_BYTES;
    count = count < LIMIT_PARTITIONS_COUNT ? count : LIMIT_PARTITIONS_COUNT;
    while (count > 0 && memcmp(file->data + LOG_TABLE_HEADER_BYTES + (count - 1) * sizeof(zeros),
                               zeros, sizeof(zeros)) == 0) {
        count--;
    }
    return (uint32_t)count;
}

/* --- What is lost --- */

enum err log_tables_lost(const struct log_tables *tables, struct budget *budget,
                         struct log_tables_lost *out)
{
    *out = (struct log_tables_lost){0};
    if (tables->chosen == NULL) {
        return ERR_OK;
    }
    uint32_t bad = 0;
    uint32_t marked = 0;
    for (uint32_t i = 0; i < tables->chosen->header.rows_count; i++) {
        struct log_row row;
        bad += log_tables_row(tables, i, &row) != ERR_OK;
        marked += (row.flags & LOG_ROW_LOST) != 0;
    }
    if (bad == 0 && marked == 0 && !tables->is_guessed) {
        return ERR_OK;
    }
    struct log_tables_search search = {.tables = tables, .budget = budget, .out = out};
    enum err err = log_tables_search_open(&search);
    if (err == ERR_OK) {
        uint32_t before = out->rows_count;
        if (bad > 0 || tables->is_guessed) {
            uint32_t lost_count = log_tables_search_old(&search);
            out->has_doubt = tables->is_guessed
                                 ? bad != lost_count || log_tables_has_room(tables->chosen)
                                 : bad > lost_count;
            log_tables_search_others(&search);
            log_tables_search_bytes(&search);
        }
        uint32_t named = out->rows_count - before;
        out->unnamed_count = bad > named ? bad - named : 0;
    }
    log_tables_search_close(&search);
    return err;
}

/* The groups that have a row, and room for those that have none; marked rows are found along. */
static enum err log_tables_search_open(struct log_tables_search *search)
{
    const struct log_tables *tables = search->tables;
    uint32_t rows_max = 0;
    for (uint32_t i = 0; i < LOG_TABLES_COUNT; i++) {
        const struct log_tables_read *file = &tables->files[i];
        bool is_used = file == tables->chosen || file->err == ERR_OK;
        rows_max += is_used ? file->header.rows_count : 0;
    }
    rows_max += rows_max == 0; /* of nothing there is no memory */
    uint32_t capacity = map_capacity(rows_max);
    void *nodes = NULL, *buckets = NULL, *rows = NULL;
    enum err err = budget_alloc(search->budget, rows_max * sizeof(struct map_node),
                                _Alignof(struct map_node), &nodes);
    search->nodes = nodes;
    if (err == ERR_OK) {
        err = budget_alloc(search->budget, capacity * sizeof(struct map_node *),
                           _Alignof(struct map_node *), &buckets);
        search->buckets = buckets;
    }
    if (err == ERR_OK) {
        err = budget_alloc(search->budget, rows_max * sizeof(struct log_row),
                           _Alignof(struct log_row), &rows);
        search->out->rows = rows;
    }
    if (err != ERR_OK) {
        return err;
    }
    map_init(&search->groups, search->buckets, capacity);
    for (uint32_t i = 0; i < tables->chosen->header.rows_count; i++) {
        struct log_row row;
        if (log_tables_row(tables, i, &row) == ERR_OK && log_tables_search_add(search, row.group) &&
            (row.flags & LOG_ROW_LOST) != 0) {
            row.seq = 0;
            search->out->rows[search->out->rows_count++] = row;
        }
    }
    return ERR_OK;
}

static void log_tables_search_close(struct log_tables_search *search)
{
    budget_free(search->budget, search->nodes);
    budget_free(search->budget, search->buckets);
    if (search->out->rows_count == 0) {
        budget_free(search->budget, search->out->rows);
        search->out->rows = NULL;
    }
}

/* Whether the group is seen for the first time. */
static bool log_tables_search_add(struct log_tables_search *search, uint64_t group)
{
    if (map_find(&search->groups, group) != NULL) {
        return false;
    }
    enum err err = map_insert(&search->groups, &search->nodes[search->nodes_count++], group);
    ASSERT(err == ERR_OK); /* there is a node, and room, for each row */
    return true;
}

/* How many groups the older table has that the chosen one does not know, and that are not deleted:
 * these are lost for certain. */
static uint32_t log_tables_search_old(struct log_tables_search *search)
{
    const struct log_tables *tables = search->tables;
    const struct log_tables_read *old = &tables->files[LOG_TABLES_OLD];
    uint32_t lost_count = 0;
    for (uint32_t i = 0; old->err == ERR_OK && i < old->header.rows_count; i++) {
        struct log_row row;
        lost_count += log_tables_row_of(tables, old, i, &row) == ERR_OK &&
                      row.state != LOG_ROW_DELETED && map_find(&search->groups, row.group) == NULL;
    }
    return lost_count;
}

/* Whether a table whose header is lost has so many zeros at its end that a block of rows may have
 * been there: they fill up the last block at most. */
static bool log_tables_has_room(const struct log_tables_read *file)
{
    size_t rows_bytes = (size_t)file->header.rows_count * LOG_TABLE_ROW_BYTES;
    size_t used = LOG_TABLE_HEADER_BYTES + rows_bytes;
    return file->length >= used + LIMIT_BLOCK_BYTES;
}

/* Groups of the other tables that the chosen one does not know: lost, or deleted since, or, in a
 * table that is being written, made since. */
static void log_tables_search_others(struct log_tables_search *search)
{
    const struct log_tables *tables = search->tables;
    for (uint32_t i = 0; i < LOG_TABLES_COUNT; i++) {
        const struct log_tables_read *file = &tables->files[i];
        if (file == tables->chosen || file->err != ERR_OK) {
            continue;
        }
        for (uint32_t j = 0; j < file->header.rows_count; j++) {
            struct log_row row;
            if (log_tables_row_of(tables, file, j, &row) != ERR_OK ||
                !log_tables_search_add(search, row.group)) {
                continue;
            }
            if (row.state != LOG_ROW_DELETED) {
                bool is_newer = file->header.number > tables->chosen->header.number;
                row.seq = is_newer && (row.flags & LOG_ROW_LOST) == 0 ? row.seq : 0;
                row.flags |= LOG_ROW_LOST;
            }
            search->out->rows[search->out->rows_count++] = row;
        }
    }
}

/* Rotten rows whose first bytes name a group that has no row: most of a row is not its name. */
static void log_tables_search_bytes(struct log_tables_search *search)
{
    const struct log_tables *tables = search->tables;
    const struct log_tables_read *file = tables->chosen;
    for (uint32_t i = 0; i < file->header.rows_count; i++) {
        struct log_row row;
        size_t pos = LOG_TABLE_HEADER_BYTES + (size_t)i * LOG_TABLE_ROW_BYTES;
        if (log_tables_row(tables, i, &row) == ERR_OK || file->length < pos + LOG_TABLE_ROW_BYTES) {
            continue;
        }
        struct bytes_reader r = bytes_reader(file->data + pos, LOG_TABLE_ROW_BYTES);
        row = (struct log_row){.state = LOG_ROW_LIVE,
                               .flags = LOG_ROW_LOST,
                               .start = {.index = 1},
                               .max_timestamp = -1};
        row.group = bytes_get_u64le(&r);
        row.topic = log_uuid_get(&r);
        row.partition = bytes_get_u32le(&r);
        bool is_there = row.group > 0 || !log_uuid_is_zero(&row.topic);
        if (is_there && row.group <= LOG_NUMBER_MAX && log_tables_search_add(search, row.group)) {
            search->out->rows[search->out->rows_count++] = row;
        }
    }
}
