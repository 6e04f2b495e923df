/* DuckDB's C library at run time. See duck.h. */
#include "tests/unit/maint/duck.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/skip.h"

#define DUCK_LIBRARY "build/peers/duckdb/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so"

/* A function of the library, whichever type it has: POSIX lets a pointer to an object be one. */
static bool duck_find(void *library, const char *name, void *out)
{
    void *found = dlsym(library, name);
    memcpy(out, &found, sizeof(found));
    return found != NULL;
}

bool duck_open(struct duck *duck, const char **why)
{
    static char message[512];
    char path[1024];
    *duck = (struct duck){.database = NULL};
    *why = message;
    (void)snprintf(path, sizeof(path), "%s/%s", skip_repo_root(), DUCK_LIBRARY);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        (void)snprintf(message, sizeof(message),
                       "no DuckDB (%s): tests/support/duckdb.py brings it, by npm", dlerror());
        return false;
    }
    bool has_all = duck_find(library, "duckdb_open", &duck->open) &&
                   duck_find(library, "duckdb_connect", &duck->connect) &&
                   duck_find(library, "duckdb_disconnect", &duck->disconnect) &&
                   duck_find(library, "duckdb_close", &duck->close) &&
                   duck_find(library, "duckdb_query", &duck->query) &&
                   duck_find(library, "duckdb_result_error", &duck->error) &&
                   duck_find(library, "duckdb_row_count", &duck->row_count) &&
                   duck_find(library, "duckdb_value_varchar", &duck->value) &&
                   duck_find(library, "duckdb_destroy_result", &duck->destroy) &&
                   duck_find(library, "duckdb_free", &duck->free);
    assert_true(has_all);
    assert_int_equal(duck->open(NULL, &duck->database), 0);
    assert_int_equal(duck->connect(duck->database, &duck->connection), 0);
    duck_do(duck, "SET threads = 1");
    return true;
}

void duck_close(struct duck *duck)
{
    duck->disconnect(&duck->connection);
    duck->close(&duck->database);
}

void duck_ask(struct duck *duck, const char *sql, struct duck_result *result)
{
    *result = (struct duck_result){.words = {0}};
    if (duck->query(duck->connection, sql, result) != 0) {
        fail_msg("DuckDB: %s\n  %s", duck->error(result), sql);
    }
}

void duck_do(struct duck *duck, const char *sql)
{
    struct duck_result result;
    duck_ask(duck, sql, &result);
    duck->destroy(&result);
}
