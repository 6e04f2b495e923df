/* Rows as a table for people, as psql draws it, or a row's columns below each other:
 *
 *      id |  name
 *     ----+--------
 *       1 | anchor
 *     (1 row)
 *
 * The first rows are held until it is known how wide their columns are; those behind are written as
 * they come, in the same columns, so that any number of rows needs no more memory. */
#ifndef BROKER_CLI_CLIENT_TABLE_H
#define BROKER_CLI_CLIENT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/compiler.h"

/* Rows that are held at most. */
#define CLIENT_TABLE_HELD_MAX 1000u

/* A column. */
struct client_table_column {
    const char *name; /* lives as long as the table */
    bool is_right;    /* its values stand at the right: numbers */
    size_t width;     /* the table's: columns of the terminal */
};

/* A value. */
struct client_table_cell {
    const char *text; /* NULL: null, of which nothing is shown */
    size_t length;    /* bytes of it */
};

/* A row that is held. */
struct client_table_row {
    struct client_table_row *next;
    struct client_table_cell cells[];
};

/* A table. In place; the first part is the caller's to fill. */
struct client_table {
    FILE *out;                           /* where it goes */
    struct arena *arena;                 /* of held rows; nobody else's */
    bool is_expanded;                    /* a row's columns below each other */
    bool is_live;                        /* rows come for long: held again and again */
    struct client_table_column *columns; /* live as long as the table */
    size_t columns_count;

    bool is_sized;                  /* its head is written; unless is_live nothing is held */
    struct client_table_row *first; /* held */
    struct client_table_row *last;  /* likewise */
    uint32_t held_count;            /* of them */
    uint64_t rows_count;            /* in all */
    uint64_t shown_count;           /* of them written */
};

/* Add a row of columns_count cells, which are copied if it is held. */
void client_table_add(struct client_table *table, const struct client_table_cell *cells);

/* Write what is held; of a table that is_live, whose columns only get wider. */
void client_table_flush(struct client_table *table);

/* Write what is held, and, if that is all, how many rows there were. */
void client_table_end(struct client_table *table, bool is_whole);

#endif
