/* Any bytes as a configuration file, as an environment and as a flag: every value that is accepted
 * is what its key takes, every problem is one printable sentence with a place. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "tests/fuzz/fuzz.h"

static const char *const fuzz_levels[] = {"error", "warn", "info", "debug", NULL};

static bool fuzz_accepts(const char *text)
{
    return strchr(text, ':') != NULL;
}

static const struct config_key fuzz_keys[] = {
    {.name = "data_dir", .type = CONFIG_TEXT, .fallback = "./d"},
    {.name = "shards", .type = CONFIG_U64, .fallback = "1", .min = 1, .max = 256},
    {.name = "memory", .type = CONFIG_BYTES, .fallback = "0"},
    {.name = "log.level", .type = CONFIG_CHOICE, .fallback = "info", .choices = fuzz_levels},
    {.name = "log.sample", .type = CONFIG_BOOL, .fallback = "false"},
    {.name = "log.flush", .type = CONFIG_DURATION, .fallback = "1s", .min = 1000},
    {.name = "a.b.list", .type = CONFIG_LIST, .fallback = "x,y"},
    {.name = "a.b.pair",
     .type = CONFIG_TEXT,
     .fallback = "a:b",
     .accepts = fuzz_accepts,
     .wanted = "a pair"},
};

static void fuzz_check_value(const struct config_key *key, const struct config_value *value)
{
    switch (key->type) {
    case CONFIG_TEXT: ASSERT(IMPLIES(key->accepts != NULL, key->accepts(value->text))); break;
    case CONFIG_BOOL: ASSERT(strcmp(value->text, value->number ? "true" : "false") == 0); break;
    case CONFIG_U64:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
        ASSERT(value->number >= key->min);
        ASSERT(key->max == 0 || value->number <= key->max);
        break;
    case CONFIG_CHOICE: ASSERT(strcmp(value->text, key->choices[value->number]) == 0); break;
    case CONFIG_LIST:
        ASSERT(value->items_count <= CONFIG_LIST_MAX);
        for (size_t i = 0; i < value->items_count; i++) {
            ASSERT(value->items[i][0] != '\0');
        }
        break;
    }
    for (const char *c = value->text; *c != '\0'; c++) {
        ASSERT((unsigned char)*c >= 0x20);
    }
}

static void fuzz_check(const struct config *c)
{
    char source[64];
    size_t errors_count = 0;
    for (size_t i = 0; i < c->keys_count; i++) {
        fuzz_check_value(&c->keys[i], &c->values[i]);
        config_format_source(c, i, source, sizeof(source));
        ASSERT(source[0] != '\0');
    }
    for (size_t i = 0; i < c->problems_count; i++) {
        errors_count += c->problems[i].is_error;
        ASSERT(c->problems[i].where[0] != '\0');
        ASSERT(c->problems[i].what[0] != '\0');
        for (const char *at = c->problems[i].what; *at != '\0'; at++) {
            ASSERT((unsigned char)*at >= 0x20);
        }
    }
    ASSERT(errors_count <= c->errors_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct budget budget;
    struct arena arena;
    struct config config;
    if (size == 0) {
        return 0;
    }
    budget_init(&budget, "fuzz", 1 << 20, NULL);
    arena_init(&arena, &budget, 4096, 1 << 20);
    enum err err = config_init(&config, fuzz_keys, ARRAY_COUNT(fuzz_keys), &arena);
    ASSERT(err == ERR_OK);
    char *text = arena_copy(&arena, data + 1, size - 1);
    if (text != NULL) {
        const char *environment[] = {text, NULL};
        char *argv[] = {text, text + strlen(text) / 2};
        switch (data[0] % 3) {
        case 0: config_read_yaml(&config, "f", text, size - 1); break;
        case 1: config_read_environment(&config, environment); break;
        default: (void)config_read_flag(&config, 2, argv); break;
        }
        fuzz_check(&config);
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
    return 0;
}
