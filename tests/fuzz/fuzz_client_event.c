/* Any bytes as messages of a server to a subscription, one a line: read, and where they tell a
 * shape or rows, printed in each form. Cells and texts lie in the arena or in the message; a row
 * has all columns, and of one that is gone the key's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/cli/client_changes.h"
#include "broker/cli/client_event.h"
#include "tests/fuzz/fuzz.h"

/* What an input may print. */
#define FUZZ_ROWS_MAX 200

struct fuzz_world {
    struct client_changes changes;
    struct client_shape shape;
    struct arena arena, shape_arena;
    size_t rows_count;
    bool has_shape;
};

static uint32_t fuzz_sum;

/* Read every byte, so that AddressSanitizer sees each. */
static void fuzz_touch(const char *text, size_t length)
{
    ASSERT(IMPLIES(text == NULL, length == 0));
    for (size_t i = 0; i < length; i++) {
        fuzz_sum += (uint8_t)text[i];
    }
}

static bool fuzz_take(void *ctx, enum client_change change, const struct client_answer_cell *cells,
                      size_t count)
{
    struct fuzz_world *world = ctx;
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        fuzz_touch(cells[i].json, cells[i].json_length);
        fuzz_touch(cells[i].text, cells[i].text_length);
        known += cells[i].json != NULL;
    }
    ASSERT(known == (change == CLIENT_CHANGE_REMOVE ? world->shape.key_count : count));
    return client_changes_add(&world->changes, change, cells, count) &&
           ++world->rows_count < FUZZ_ROWS_MAX;
}

static void fuzz_message(struct fuzz_world *world, const char *text, size_t length)
{
    struct client_event event;
    size_t count = 0;
    enum err err = client_event_read(&event, text, length, &world->arena);
    fuzz_touch(event.token, strlen(event.token));
    fuzz_touch(event.code, strlen(event.code));
    fuzz_touch(event.resume_why, strlen(event.resume_why));
    if (err != ERR_OK) {
        return;
    }
    ASSERT(IMPLIES(event.kind == CLIENT_EVENT_PROGRESS, event.token[0] != '\0'));
    ASSERT(IMPLIES(event.kind == CLIENT_EVENT_ERROR, event.has_problem));
    if (event.kind == CLIENT_EVENT_SCHEMA) {
        client_changes_flush(&world->changes);
        arena_reset(&world->shape_arena);
        world->has_shape =
            client_shape_read(&world->shape, &event, &world->shape_arena) == ERR_OK &&
            client_changes_shape(&world->changes, &world->shape) == ERR_OK;
        ASSERT(IMPLIES(world->has_shape, world->shape.key_count <= world->shape.columns_count));
    }
    bool has_rows = event.kind == CLIENT_EVENT_ROWS || event.kind == CLIENT_EVENT_CHANGES;
    if (has_rows && world->has_shape && world->rows_count < FUZZ_ROWS_MAX) {
        err = client_event_rows(&event, &world->shape, &world->arena, fuzz_take, world, &count);
        ASSERT(IMPLIES(err == ERR_CANCELED, count > 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct budget budget;
    struct fuzz_world world = {.rows_count = 0};
    char *printed = NULL;
    size_t printed_bytes = 0;
    budget_init(&budget, "fuzz", 4 << 20, NULL);
    arena_init(&world.arena, &budget, 4096, 1 << 18);
    arena_init(&world.shape_arena, &budget, 4096, 1 << 16);
    world.changes = (struct client_changes){
        .out = open_memstream(&printed, &printed_bytes),
        .budget = &budget,
        .format = (enum client_query_format)(size % 3),
        .is_expanded = size % 2 == 0,
    };
    ASSERT(world.changes.out != NULL);
    for (size_t pos = 0; pos < size;) {
        const uint8_t *end = memchr(data + pos, '\n', size - pos);
        size_t length = end != NULL ? (size_t)(end - data) - pos : size - pos;
        char *line = malloc(length + (length == 0)); /* a read behind it is seen */
        ASSERT(line != NULL);
        memcpy(line, data + pos, length);
        arena_reset(&world.arena);
        fuzz_message(&world, line, length);
        free(line);
        pos += length + (end != NULL);
    }
    client_changes_flush(&world.changes);
    client_changes_end(&world.changes);
    fclose(world.changes.out);
    free(printed);
    arena_deinit(&world.arena);
    arena_deinit(&world.shape_arena);
    budget_deinit(&budget);
    return 0;
}
