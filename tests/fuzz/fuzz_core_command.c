/* The controller's commands: any bytes are decoded or refused, as one command and as a batch of
 * them; what decodes encodes to the same bytes, and its views lie inside. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/command.h"
#include "tests/fuzz/fuzz.h"

/* Whether `bytes` at `view` stand inside the input. */
static bool fuzz_is_inside(const uint8_t *data, size_t size, const char *view, size_t bytes)
{
    const uint8_t *at = (const uint8_t *)view;
    return at >= data && at <= data + size && bytes <= (size_t)(data + size - at);
}

/* The stream put is made in a block of what was measured, and encodes to its bytes. */
static void fuzz_stream(const struct core_command *cmd)
{
    size_t bytes;
    enum err err = core_stream_measure(cmd->stream, cmd->stream_bytes, &bytes);
    ASSERT(err == ERR_OK);
    void *block = malloc(bytes);
    uint8_t *out = malloc(cmd->stream_bytes);
    ASSERT(block != NULL);
    ASSERT(out != NULL);
    const struct core_stream *stream =
        core_stream_get(cmd->stream, cmd->stream_bytes, &cmd->uuid, block, bytes);
    ASSERT(core_stream_bytes(stream) == cmd->stream_bytes);
    struct bytes_writer w = bytes_writer(out, cmd->stream_bytes);
    core_stream_put(&w, stream);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == cmd->stream_bytes);
    ASSERT(memcmp(out, cmd->stream, w.pos) == 0);
    free(out);
    free(block);
}

/* The view put likewise, and from it the plan, or what is wrong with that. */
static void fuzz_view(const struct core_command *cmd)
{
    static const uint64_t groups[] = {1, 2};
    size_t bytes;
    enum err err = core_view_measure(cmd->view, cmd->view_bytes, &bytes);
    ASSERT(err == ERR_OK);
    void *block = malloc(bytes);
    uint8_t *out = malloc(cmd->view_bytes);
    ASSERT(block != NULL);
    ASSERT(out != NULL);
    const struct core_view *view =
        core_view_get(cmd->view, cmd->view_bytes, &cmd->uuid, block, bytes);
    ASSERT(core_view_bytes(view) == cmd->view_bytes);
    struct bytes_writer w = bytes_writer(out, cmd->view_bytes);
    core_view_put(&w, view);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == cmd->view_bytes);
    ASSERT(memcmp(out, cmd->view, w.pos) == 0);
    struct budget budget;
    struct arena arena;
    struct plan plan;
    struct plan_fault fault;
    struct core_stream_relation *source;
    budget_init(&budget, "fuzz", 64u << 20, NULL);
    arena_init(&arena, &budget, 4096, SIZE_MAX);
    err = core_view_plan(&arena, view, "t", groups, ARRAY_COUNT(groups), &plan, &source, &fault);
    ASSERT(err == ERR_OK || err == ERR_CORRUPT || err == ERR_BUDGET || err == ERR_TOO_LARGE);
    ASSERT(IMPLIES(err == ERR_OK, plan.root->outputs_count == view->columns_count));
    ASSERT(IMPLIES(err == ERR_CORRUPT, fault.text[0] != '\0'));
    arena_deinit(&arena);
    free(out);
    free(block);
}

/* What was decoded from the `size` bytes at `data` is within its bounds and encodes to them. */
static void fuzz_look(const uint8_t *data, size_t size, const struct core_command *cmd)
{
    bool is_large = cmd->type == CORE_COMMAND_STREAM_PUT || cmd->type == CORE_COMMAND_VIEW_PUT;
    bool is_named = cmd->type == CORE_COMMAND_TOPIC_CREATE ||
                    cmd->type == CORE_COMMAND_STREAM_DROP || cmd->type == CORE_COMMAND_VIEW_DROP ||
                    cmd->type == CORE_COMMAND_VIEW_RENAME;
    ASSERT(size <= CORE_COMMAND_STREAM_BYTES_MAX);
    ASSERT(IMPLIES(!is_large, size <= CORE_COMMAND_BYTES_MAX));
    ASSERT(cmd->pairs_count <= CORE_TOPIC_CONFIG_PAIRS_MAX);
    ASSERT(IMPLIES(is_named, fuzz_is_inside(data, size, cmd->name, cmd->name_bytes)));
    if (cmd->type == CORE_COMMAND_STREAM_PUT) {
        ASSERT(fuzz_is_inside(data, size, (const char *)cmd->stream, cmd->stream_bytes));
        fuzz_stream(cmd);
    }
    if (cmd->type == CORE_COMMAND_VIEW_PUT) {
        ASSERT(fuzz_is_inside(data, size, (const char *)cmd->view, cmd->view_bytes));
        fuzz_view(cmd);
    }
    for (size_t i = 0; i < cmd->pairs_count; i++) {
        const struct core_topic_config_pair *pair = &cmd->pairs[i];
        ASSERT(fuzz_is_inside(data, size, pair->name, pair->name_bytes));
        ASSERT(pair->value == NULL || fuzz_is_inside(data, size, pair->value, pair->value_bytes));
    }
    uint8_t *out = malloc(size);
    ASSERT(out != NULL);
    struct bytes_writer w = bytes_writer(out, size);
    core_command_put(&w, cmd);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == size);
    ASSERT(memcmp(out, data, size) == 0);
    free(out);
}

/* The input as one command, and every end cut off it. */
static void fuzz_command(const uint8_t *data, size_t size)
{
    struct core_command cmd;
    enum err err = core_command_get(data, size, &cmd);
    ASSERT(err == ERR_OK || err == ERR_CORRUPT || err == ERR_UNSUPPORTED);
    if (err != ERR_OK) {
        ASSERT(cmd.type == 0);
        ASSERT(cmd.pairs_count == 0);
        return;
    }
    fuzz_look(data, size, &cmd);
    for (size_t cut = 0; cut < size; cut++) {
        err = core_command_get(data, cut, &cmd);
        ASSERT(err == ERR_CORRUPT);
    }
}

/* The input as a batch. */
static void fuzz_batch(const uint8_t *data, size_t size)
{
    struct core_command_batch batch;
    enum err err = core_command_batch_open(&batch, data, size);
    MAYBE(err == ERR_OK);
    struct core_command cmd;
    while (err == ERR_OK) {
        err = core_command_batch_next(&batch, &cmd);
        ASSERT(IMPLIES(err != ERR_OK, cmd.type == 0));
    }
    ASSERT(core_command_batch_next(&batch, &cmd) == err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_command(data, size);
    fuzz_batch(data, size);
    return 0;
}
