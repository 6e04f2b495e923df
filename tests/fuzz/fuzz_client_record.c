/* Any bytes as a line that `tdb produce` reads. The first byte chooses how; what becomes a record
 * points into the line or the arena, and an envelope's record is the same when it is printed and
 * read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/cli/client_record.h"
#include "tests/fuzz/fuzz.h"

/* Read every byte, so that AddressSanitizer sees each. */
static uint32_t fuzz_touch(const uint8_t *data, size_t length)
{
    uint32_t sum = 0;
    ASSERT(IMPLIES(data == NULL, length == 0));
    for (size_t i = 0; i < length; i++) {
        sum += data[i];
    }
    return sum;
}

static void fuzz_again(const struct client_record *record, struct arena *arena)
{
    const struct client_format format = {.is_envelope = true, .partition = -1};
    struct client_record again;
    char problem[CLIENT_PROBLEM_BYTES];
    char *line = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&line, &length);
    ASSERT(out != NULL);
    client_record_put_json(out, record);
    fclose(out);
    enum err err = client_record_parse(&again, &format, arena, line, length - 1, problem);
    ASSERT(err == ERR_OK || err == ERR_TOO_LARGE);
    if (err == ERR_OK) {
        ASSERT((record->key == NULL) == (again.key == NULL));
        ASSERT((record->value == NULL) == (again.value == NULL));
        ASSERT(record->key_bytes == again.key_bytes);
        ASSERT(record->value_bytes == again.value_bytes);
        ASSERT(record->value_bytes == 0 ||
               memcmp(record->value, again.value, record->value_bytes) == 0);
        ASSERT(record->headers_count == again.headers_count);
    }
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct client_format formats[] = {
        {.is_envelope = true, .partition = 0},
        {.key_separator = ":", .time_field = "t", .partition = 0},
        {.key_field = "a.b", .partition = 0},
        {.time_field = "t", .partition = 0},
    };
    if (size == 0) {
        return 0;
    }
    /* A block of its own: a read behind the line is seen. */
    char *line = malloc(size);
    ASSERT(line != NULL);
    memcpy(line, data + 1, size - 1);
    struct budget budget;
    struct arena arena;
    struct client_record record;
    char problem[CLIENT_PROBLEM_BYTES];
    budget_init(&budget, "fuzz", 1 << 20, NULL);
    arena_init(&arena, &budget, 4096, 1 << 20);
    enum err err =
        client_record_parse(&record, &formats[data[0] % 4], &arena, line, size - 1, problem);
    if (err == ERR_OK) {
        fuzz_touch(record.key, record.key_bytes);
        fuzz_touch(record.value, record.value_bytes);
        for (size_t i = 0; i < record.headers_count; i++) {
            ASSERT(strlen(record.headers[i].name) < size);
            fuzz_touch(record.headers[i].value, record.headers[i].value_bytes);
        }
        if (record.timestamp_ms >= 0) {
            fuzz_again(&record, &arena);
        }
    } else if (err == ERR_INVALID) {
        ASSERT(strlen(problem) > 0);
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
    free(line);
    return 0;
}
