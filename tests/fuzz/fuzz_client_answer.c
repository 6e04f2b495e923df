/* Any bytes as the lines that a server answers to `tdb sql`, and as a problem. Columns, cells and
 * texts lie in the arena or in the line; no line is taken behind the end. */
#include <stdlib.h>
#include <string.h>

#include "broker/cli/client_answer.h"
#include "tests/fuzz/fuzz.h"

static uint32_t fuzz_sum;

/* Read every byte, so that AddressSanitizer sees each. */
static void fuzz_touch(const char *text, size_t length)
{
    ASSERT(IMPLIES(text == NULL, length == 0));
    for (size_t i = 0; i < length; i++) {
        fuzz_sum += (uint8_t)text[i];
    }
}

static bool fuzz_columns(void *ctx, const struct client_answer_column *columns, size_t count)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++) {
        fuzz_touch(columns[i].name, strlen(columns[i].name) + 1);
        fuzz_touch(columns[i].type, strlen(columns[i].type) + 1);
    }
    return true;
}

static bool fuzz_row(void *ctx, const struct client_answer_cell *cells, size_t count)
{
    size_t *rows_count = ctx;
    for (size_t i = 0; i < count; i++) {
        fuzz_touch(cells[i].json, cells[i].json_length);
        fuzz_touch(cells[i].text, cells[i].text_length);
        ASSERT(cells[i].json_length > 0);
    }
    return ++*rows_count < 100;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct client_answer_ops ops = {fuzz_columns, fuzz_row};
    struct budget budget;
    struct arena arena;
    struct client_problem problem;
    size_t rows_count = 0;
    budget_init(&budget, "fuzz", 1 << 20, NULL);
    arena_init(&arena, &budget, 4096, 1 << 16);
    struct client_answer answer = {.ops = &ops, .ctx = &rows_count, .arena = &arena};
    enum err err = ERR_OK;
    for (size_t pos = 0; pos < size && err == ERR_OK;) {
        const uint8_t *end = memchr(data + pos, '\n', size - pos);
        size_t length = end != NULL ? (size_t)(end - data) - pos : size - pos;
        char *line = malloc(length + (length == 0)); /* a read behind it is seen */
        ASSERT(line != NULL);
        memcpy(line, data + pos, length);
        bool had_end = answer.has_end;
        err = client_answer_line(&answer, line, length);
        ASSERT(IMPLIES(had_end, err == ERR_INVALID));
        ASSERT(IMPLIES(err == ERR_CANCELED, rows_count == 100));
        free(line);
        pos += length + (end != NULL);
    }
    if (answer.has_problem) {
        ASSERT(answer.problem.detail[0] != '\0');
    }
    if (client_problem_read(&problem, (const char *)data, size, "", &arena)) {
        fuzz_touch(problem.detail, strlen(problem.detail));
        fuzz_touch(problem.excerpt, strlen(problem.excerpt));
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
    return 0;
}
