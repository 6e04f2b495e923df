/* DuckDB as a peer: its C library, opened at run time (bench/peers/duckdb.json says which), asked
 * one query over and over. Only what the benchmark needs of its interface is declared here, by its
 * documentation (duckdb.org, C API).
 *
 *   peer_duckdb LIBRARY THREADS RUNS SQL
 *
 * Prints for each run, on a line, {"wall_s": n, "cpu_s": n, "rows": n, "first": "..."}: the first
 * column of the first row, as text, for whoever compares answers. */
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/units.h"

/* duckdb_result, whose fields are deprecated: its size and alignment are what counts. */
struct duck_result {
    uint64_t words[6];
};

/* What is called. 0 is success. */
struct duck {
    int (*open)(const char *path, void **database);
    int (*connect)(void *database, void **connection);
    int (*query)(void *connection, const char *sql, struct duck_result *result);
    const char *(*error)(struct duck_result *result);
    uint64_t (*row_count)(struct duck_result *result);
    char *(*value)(struct duck_result *result, uint64_t column, uint64_t row);
    void (*destroy)(struct duck_result *result);
    void (*free)(void *value);
};

static void duck_die(const char *what, const char *why)
{
    fprintf(stderr, "peer_duckdb: %s: %s\n", what, why);
    exit(1);
}

/* A function of the library, whichever type it has: POSIX lets a pointer to an object be one. */
static void duck_find(void *library, const char *name, void *out)
{
    void *found = dlsym(library, name);
    if (found == NULL) {
        duck_die(name, dlerror());
    }
    memcpy(out, &found, sizeof(found));
}

static double duck_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void duck_ask(const struct duck *duck, void *connection, const char *sql,
                     struct duck_result *result)
{
    *result = (struct duck_result){.words = {0}};
    if (duck->query(connection, sql, result) != 0) {
        duck_die(sql, duck->error(result));
    }
}

int main(int argc, char **argv)
{
    struct duck duck;
    struct duck_result result;
    void *database = NULL;
    void *connection = NULL;
    char threads[64];
    uint64_t runs;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc != 5 || units_parse_u64(argv[3], strlen(argv[3]), &runs) != ERR_OK) {
        fprintf(stderr, "peer_duckdb LIBRARY THREADS RUNS SQL\n");
        return 2;
    }
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        duck_die("dlopen", dlerror());
    }
    duck_find(library, "duckdb_open", &duck.open);
    duck_find(library, "duckdb_connect", &duck.connect);
    duck_find(library, "duckdb_query", &duck.query);
    duck_find(library, "duckdb_result_error", &duck.error);
    duck_find(library, "duckdb_row_count", &duck.row_count);
    duck_find(library, "duckdb_value_varchar", &duck.value);
    duck_find(library, "duckdb_destroy_result", &duck.destroy);
    duck_find(library, "duckdb_free", &duck.free);
    if (duck.open(NULL, &database) != 0 || duck.connect(database, &connection) != 0) {
        duck_die("open", "no database");
    }
    snprintf(threads, sizeof(threads), "SET threads=%s", argv[2]);
    duck_ask(&duck, connection, threads, &result);
    duck.destroy(&result);
    for (uint64_t i = 0; i < runs; i++) {
        double wall_s = duck_seconds(CLOCK_MONOTONIC);
        double cpu_s = duck_seconds(CLOCK_PROCESS_CPUTIME_ID);
        duck_ask(&duck, connection, argv[4], &result);
        wall_s = duck_seconds(CLOCK_MONOTONIC) - wall_s;
        cpu_s = duck_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;
        char *first = duck.value(&result, 0, 0);
        printf("{\"wall_s\": %.6f, \"cpu_s\": %.6f, \"rows\": %llu, \"first\": \"%s\"}\n", wall_s,
               cpu_s, (unsigned long long)duck.row_count(&result), first != NULL ? first : "");
        fflush(stdout);
        duck.free(first);
        duck.destroy(&result);
    }
    return 0;
}
