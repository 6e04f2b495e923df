/* See ws_crowd.h. */
#include "broker/gateway/ws_crowd.h"

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/gateway/door.h"
#include "broker/gateway/ws_work.h"

/* Chunks of a crowd's memory. */
#define WS_CROWD_CHUNK_BYTES 512u

struct ws_crowd *ws_crowd_new(struct ws_conn *conn, struct http_text id,
                              const struct plan_output *outputs, uint32_t count)
{
    struct budget *budget = ws_conn_budget(conn);
    void *memory;
    if (budget_alloc(budget, sizeof(struct ws_crowd), 16, &memory) != ERR_OK) {
        return NULL;
    }
    struct ws_crowd *crowd = memory;
    crowd->budget = budget;
    arena_init(&crowd->arena, budget, WS_CROWD_CHUNK_BYTES, SIZE_MAX);
    ws_out_init(&crowd->out, &crowd->arena, conn);
    const char *copy = arena_copy(&crowd->arena, id.data, id.length);
    if (copy == NULL || !http_rows_init(&crowd->rows, &crowd->arena, outputs, count)) {
        ws_crowd_free(crowd);
        return NULL;
    }
    crowd->id = (struct http_text){copy, id.length};
    return crowd;
}

void ws_crowd_free(struct ws_crowd *crowd)
{
    if (crowd != NULL) {
        http_out_drop(&crowd->out);
        arena_deinit(&crowd->arena);
        budget_free(crowd->budget, crowd);
    }
}

void ws_crowd_begin(struct ws_crowd *crowd, const char *event)
{
    ASSERT(!crowd->is_open);
    ASSERT(crowd->count < WS_CROWD_MESSAGES);
    crowd->is_open = true;
    crowd->lines = 0;
    ws_out_begin(&crowd->out, crowd->id, event);
}

void ws_crowd_end(struct ws_crowd *crowd)
{
    ASSERT(crowd->is_open);
    http_out_put(&crowd->out, "}", 1);
    crowd->is_open = false;
    crowd->lengths[crowd->count++] = (uint32_t)(crowd->out.bytes - crowd->whole_bytes);
    crowd->whole_bytes = crowd->out.bytes;
}

bool ws_crowd_is_full(const struct ws_crowd *crowd)
{
    return crowd->count == WS_CROWD_MESSAGES || crowd->whole_bytes >= WS_CROWD_BYTES_MAX ||
           http_out_is_short(&crowd->out);
}

enum err ws_crowd_take(struct ws_crowd *crowd, struct ws_frame **out)
{
    enum err err = crowd->out.err;
    *out = NULL;
    ASSERT(!crowd->is_open);
    if (err == ERR_OK && crowd->count > 0) {
        err = ws_frame_new(crowd->budget, ws_frame_bytes(crowd->out.bytes, crowd->count), out);
    }
    if (err == ERR_OK && crowd->count > 0) {
        http_out_copy(&crowd->out, (*out)->data);
        ws_frame_seal_all(*out, crowd->lengths, crowd->count);
    }
    http_out_drop(&crowd->out);
    crowd->out.err = ERR_OK;
    crowd->count = 0;
    crowd->whole_bytes = 0;
    return err == ERR_OK ? ERR_OK : ERR_BUDGET;
}
