/* Which of three tables counts, and what is lost when rows or a header are rotten. */
#include "storage/log/tables.h"

#include <string.h>

#include "base/cpu.h"
#include "tests/support/cmocka.h"

#define TABLES_ROWS  3u
#define TABLES_BYTES (LOG_TABLE_HEADER_BYTES + LIMIT_BLOCK_BYTES)

/* What is wrong with a table. */
enum tables_fault {
    TABLES_NONE,    /* there is no such file */
    TABLES_WHOLE,   /* nothing */
    TABLES_ROW,     /* its second row is rotten */
    TABLES_HEADER,  /* its header is */
    TABLES_BOTH,    /* header and all rows are */
    TABLES_FOREIGN, /* it is of another directory */
    TABLES_NEWER,   /* of a newer version */
    TABLES_SHORT,   /* its last two rows are missing */
};

/* A file of number 0 is not there. The groups of table n are n, n + 1, n + 2. */
static const struct {
    const char *name;
    uint64_t now_number, new_number, old_number;
    enum tables_fault now, new, old;
    enum err err;
    int chosen;       /* enum log_tables_file, -1: none */
    uint64_t number;  /* of the chosen one */
    uint32_t bad;     /* rows of it that do not verify */
    uint32_t lost;    /* rows found */
    uint32_t unnamed; /* and not */
    bool has_doubt;   /* another group may have lost its row */
} tables_rows[] = {
    {"nothing", 0, 0, 0, TABLES_NONE, TABLES_NONE, TABLES_NONE, ERR_OK, -1, 0, 0, 0, 0, false},
    {"one", 1, 0, 0, TABLES_WHOLE, TABLES_NONE, TABLES_NONE, ERR_OK, 0, 1, 0, 0, 0, false},
    {"two", 7, 0, 6, TABLES_WHOLE, TABLES_NONE, TABLES_WHOLE, ERR_OK, 0, 7, 0, 0, 0, false},
    {"a whole one waits", 7, 8, 6, TABLES_WHOLE, TABLES_WHOLE, TABLES_WHOLE, ERR_OK, 0, 7, 0, 0, 0,
     false},
    {"a torn one waits", 7, 8, 6, TABLES_WHOLE, TABLES_ROW, TABLES_WHOLE, ERR_OK, 0, 7, 0, 0, 0,
     false},
    {"rotten, a whole one waits", 7, 8, 6, TABLES_ROW, TABLES_WHOLE, TABLES_WHOLE, ERR_OK, 1, 8, 0,
     0, 0, false},
    {"rotten, a torn one waits", 7, 8, 6, TABLES_ROW, TABLES_ROW, TABLES_WHOLE, ERR_OK, 0, 7, 1, 3,
     0, false},
    {"rotten, named by both", 7, 8, 7, TABLES_ROW, TABLES_ROW, TABLES_WHOLE, ERR_OK, 0, 7, 1, 2, 0,
     false},
    {"rotten, named by the one before", 7, 0, 6, TABLES_ROW, TABLES_NONE, TABLES_WHOLE, ERR_OK, 0,
     7, 1, 2, 0, false},
    {"rotten, named by its bytes", 7, 0, 0, TABLES_ROW, TABLES_NONE, TABLES_NONE, ERR_OK, 0, 7, 1,
     1, 0, true},
    {"cut short", 7, 0, 0, TABLES_SHORT, TABLES_NONE, TABLES_NONE, ERR_OK, 0, 7, 2, 0, 2, true},
    {"between the renames", 0, 8, 7, TABLES_NONE, TABLES_WHOLE, TABLES_WHOLE, ERR_OK, 1, 8, 0, 0, 0,
     false},
    {"between the renames, rotten", 0, 8, 7, TABLES_NONE, TABLES_ROW, TABLES_WHOLE, ERR_OK, 1, 8, 1,
     2, 0, false},
    {"between the renames, no header", 0, 8, 7, TABLES_NONE, TABLES_HEADER, TABLES_WHOLE, ERR_OK, 1,
     8, 0, 1, 0, true},
    {"the first is being written", 0, 1, 0, TABLES_NONE, TABLES_ROW, TABLES_NONE, ERR_OK, -1, 0, 0,
     0, 0, false},
    {"the first is written", 0, 1, 0, TABLES_NONE, TABLES_WHOLE, TABLES_NONE, ERR_OK, 1, 1, 0, 0, 0,
     false},
    {"gone", 0, 0, 6, TABLES_NONE, TABLES_NONE, TABLES_WHOLE, ERR_CORRUPT, -1, 0, 0, 0, 0, false},
    {"no header", 7, 0, 6, TABLES_HEADER, TABLES_NONE, TABLES_WHOLE, ERR_OK, 0, 7, 0, 1, 0, true},
    {"no header, the first", 1, 0, 0, TABLES_HEADER, TABLES_NONE, TABLES_NONE, ERR_OK, 0, 1, 0, 0,
     0, false},
    {"no header, a torn one waits", 7, 8, 0, TABLES_HEADER, TABLES_ROW, TABLES_NONE, ERR_OK, 0, 7,
     0, 1, 0, false},
    {"no header, a whole one waits", 7, 8, 0, TABLES_HEADER, TABLES_WHOLE, TABLES_NONE, ERR_OK, 1,
     8, 0, 0, 0, false},
    {"no header, no neighbour", 7, 0, 0, TABLES_HEADER, TABLES_NONE, TABLES_NONE, ERR_CORRUPT, -1,
     0, 0, 0, 0, false},
    {"nothing is left, but names", 7, 0, 6, TABLES_BOTH, TABLES_NONE, TABLES_WHOLE, ERR_OK, 0, 7, 3,
     4, 0, false},
    {"of another directory", 7, 0, 6, TABLES_FOREIGN, TABLES_NONE, TABLES_WHOLE, ERR_CORRUPT, -1, 0,
     0, 0, 0, false},
    {"the one before is of another", 7, 0, 6, TABLES_WHOLE, TABLES_NONE, TABLES_FOREIGN, ERR_OK, 0,
     7, 0, 0, 0, false},
    {"newer", 7, 0, 6, TABLES_NEWER, TABLES_NONE, TABLES_WHOLE, ERR_UNSUPPORTED, -1, 0, 0, 0, 0,
     false},
};

static const struct log_uuid tables_disk = {.bytes = {1, 2, 3}};
static const struct log_uuid tables_other = {.bytes = {9}};

static const struct crc32c *tables_kernels(void)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    return crc32c_for(&cpu);
}

/* Table `number` as the row has it. */
static void tables_make(struct log_tables_read *file, uint8_t out[TABLES_BYTES], uint64_t number,
                        enum tables_fault fault)
{
    const struct crc32c *kernels = tables_kernels();
    const struct log_uuid *disk = fault == TABLES_FOREIGN ? &tables_other : &tables_disk;
    struct log_table_header header = {
        .rows_count = TABLES_ROWS, .disk = *disk, .number = number, .journal_floor = number * 10};
    memset(out, 0, TABLES_BYTES);
    *file = (struct log_tables_read){0};
    if (fault == TABLES_NONE) {
        return;
    }
    file->data = out;
    file->length =
        fault == TABLES_SHORT ? LOG_TABLE_HEADER_BYTES + LOG_TABLE_ROW_BYTES + 8 : TABLES_BYTES;
    log_table_header_encode(&header, kernels, out);
    uint32_t seed = log_table_seed(kernels, disk, number);
    for (uint32_t i = 0; i < TABLES_ROWS; i++) {
        struct log_row row = {.group = number + i,
                              .topic = {.bytes = {(uint8_t)(number + i)}},
                              .state = LOG_ROW_LIVE,
                              .start = {.index = 1},
                              .max_timestamp = -1};
        uint8_t *at = out + LOG_TABLE_HEADER_BYTES + i * LOG_TABLE_ROW_BYTES;
        log_row_encode(&row, kernels, seed, at);
        at[200] ^= (fault == TABLES_ROW && i == 1) || fault == TABLES_BOTH;
    }
    out[30] ^= fault == TABLES_HEADER || fault == TABLES_BOTH;
    if (fault == TABLES_NEWER) {
        out[4] = 2;
        struct bytes_writer w = bytes_writer(out, LOG_TABLE_HEADER_BYTES);
        w.pos = 56;
        log_crc_put(&w, kernels, 0, 0);
    }
}

static void tables_check(size_t i)
{
    static uint8_t bytes[LOG_TABLES_COUNT][TABLES_BYTES];
    struct log_tables tables = {.kernels = tables_kernels(), .disk = tables_disk};
    tables_make(&tables.files[LOG_TABLES_NOW], bytes[0], tables_rows[i].now_number,
                tables_rows[i].now);
    tables_make(&tables.files[LOG_TABLES_NEW], bytes[1], tables_rows[i].new_number,
                tables_rows[i].new);
    tables_make(&tables.files[LOG_TABLES_OLD], bytes[2], tables_rows[i].old_number,
                tables_rows[i].old);
    assert_int_equal(log_tables_is_sound(&tables, true), tables_rows[i].now == TABLES_WHOLE);
    enum err err = log_tables_choose(&tables, true);
    assert_int_equal(err, tables_rows[i].err);
    if (err != ERR_OK || tables_rows[i].chosen < 0) {
        assert_true(err != ERR_OK || tables.chosen == NULL);
        return;
    }
    assert_ptr_equal(tables.chosen, &tables.files[tables_rows[i].chosen]);
    assert_int_equal(tables.chosen->header.number, tables_rows[i].number);
    uint32_t bad = 0;
    for (uint32_t j = 0; j < tables.chosen->header.rows_count; j++) {
        struct log_row row;
        bad += log_tables_row(&tables, j, &row) != ERR_OK;
    }
    assert_int_equal(bad, tables_rows[i].bad);
    struct budget budget;
    struct log_tables_lost lost;
    budget_init(&budget, "tables", 1 << 20, NULL);
    assert_int_equal(log_tables_lost(&tables, &budget, &lost), ERR_OK);
    assert_int_equal(lost.rows_count, tables_rows[i].lost);
    assert_int_equal(lost.unnamed_count, tables_rows[i].unnamed);
    assert_int_equal(lost.has_doubt, tables_rows[i].has_doubt);
    for (uint32_t j = 0; j < lost.rows_count; j++) {
        assert_int_equal(lost.rows[j].flags, LOG_ROW_LOST);
        assert_int_equal(lost.rows[j].topic.bytes[0], lost.rows[j].group);
    }
    budget_free(&budget, lost.rows);
    budget_deinit(&budget);
}

static void tables_one_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(tables_rows); i++) {
        print_message("  %s\n", tables_rows[i].name);
        tables_check(i);
    }
}

/* A group that any table says is deleted stays deleted; one that is marked stays lost. */
static void tables_lost_and_deleted_rows_are_kept(void **state)
{
    (void)state;
    static uint8_t bytes[2][TABLES_BYTES];
    const struct crc32c *kernels = tables_kernels();
    struct log_tables tables = {.kernels = kernels, .disk = tables_disk};
    tables_make(&tables.files[LOG_TABLES_NOW], bytes[0], 7, TABLES_ROW);
    tables_make(&tables.files[LOG_TABLES_OLD], bytes[1], 6, TABLES_WHOLE);
    struct log_row row = {.group = 6, .state = LOG_ROW_DELETED, .start = {.index = 1}};
    log_row_encode(&row, kernels, log_table_seed(kernels, &tables_disk, 6),
                   bytes[1] + LOG_TABLE_HEADER_BYTES);
    row = (struct log_row){
        .group = 9, .state = LOG_ROW_LIVE, .flags = LOG_ROW_LOST, .start = {.index = 1}};
    log_row_encode(&row, kernels, log_table_seed(kernels, &tables_disk, 7),
                   bytes[0] + LOG_TABLE_HEADER_BYTES + 2 * LOG_TABLE_ROW_BYTES);
    struct budget budget;
    struct log_tables_lost lost;
    budget_init(&budget, "tables", 1 << 20, NULL);
    assert_int_equal(log_tables_choose(&tables, true), ERR_OK);
    assert_int_equal(log_tables_lost(&tables, &budget, &lost), ERR_OK);
    assert_int_equal(lost.rows_count, 3);
    assert_int_equal(lost.rows[0].group, 9); /* marked before */
    assert_int_equal(lost.rows[1].group, 6); /* deleted */
    assert_int_equal(lost.rows[1].state, LOG_ROW_DELETED);
    assert_int_equal(lost.rows[1].flags, 0);
    assert_int_equal(lost.rows[2].group, 8); /* rotten */
    assert_int_equal(lost.rows[2].flags, LOG_ROW_LOST);
    budget_free(&budget, lost.rows);
    budget_deinit(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_one_counts),
        cmocka_unit_test(tables_lost_and_deleted_rows_are_kept),
    };
    return cmocka_run_group_tests_name("log_tables", tests, NULL, NULL);
}
