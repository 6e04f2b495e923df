/* DuckDB, to be asked the same: its C library, opened at run time where it is there
 * (tests/support/duckdb.py brings it). Only what is called is declared, by its documentation
 * (duckdb.org, C API). */
#ifndef TESTS_UNIT_MAINT_DUCK_H
#define TESTS_UNIT_MAINT_DUCK_H

#include <stdbool.h>
#include <stdint.h>

/* duckdb_result, whose fields are deprecated: its size and alignment are what counts. */
struct duck_result {
    uint64_t words[6];
};

/* A database in memory. 0 is success. */
struct duck {
    void *database;
    void *connection;
    int (*open)(const char *path, void **database);
    int (*connect)(void *database, void **connection);
    void (*disconnect)(void **connection);
    void (*close)(void **database);
    int (*query)(void *connection, const char *sql, struct duck_result *result);
    const char *(*error)(struct duck_result *result);
    uint64_t (*row_count)(struct duck_result *result);
    char *(*value)(struct duck_result *result, uint64_t column, uint64_t row);
    void (*destroy)(struct duck_result *result);
    void (*free)(void *value);
};

/* Open it. False, and *why says why: it is not there. */
bool duck_open(struct duck *duck, const char **why);
void duck_close(struct duck *duck);

/* Do as `sql` says; what fails, fails the test. The result is the caller's, to be destroyed. */
void duck_ask(struct duck *duck, const char *sql, struct duck_result *result);
void duck_do(struct duck *duck, const char *sql);

#endif
