/* Messages that are written once and sent to many: of a crowd of subscriptions, all of which bear
 * the same id. Several stand behind each other until they are taken, as one run of frames. Own
 * shard only; nothing blocks. */
#ifndef BROKER_GATEWAY_WS_CROWD_H
#define BROKER_GATEWAY_WS_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/gateway/http_rows.h"
#include "broker/gateway/http_text.h"
#include "broker/gateway/out.h"
#include "broker/gateway/ws.h"

/* Messages, and bytes of them, that stand at most before they are taken. */
#define WS_CROWD_MESSAGES  32u
#define WS_CROWD_BYTES_MAX (256u << 10)

struct ws_crowd {
    struct http_out out;   /* the message that is being written goes here */
    struct http_rows rows; /* rows of it */
    uint32_t lines;        /* rows, or changes, of that message */

    /* Private to ws_crowd.c. */
    struct arena arena;
    struct budget *budget;
    struct http_text id;                 /* of all messages */
    uint32_t lengths[WS_CROWD_MESSAGES]; /* count: of those that are whole */
    uint32_t count;
    uint64_t whole_bytes; /* of them together */
    bool is_open;         /* one is being written */
};

/* One for connections of the shard of `conn`, with that id (copied), for rows of those columns.
 * NULL: there is no memory. */
struct ws_crowd *ws_crowd_new(struct ws_conn *conn, struct http_text id,
                              const struct plan_output *outputs, uint32_t count);

/* Forget it; NULL is allowed and nothing. */
void ws_crowd_free(struct ws_crowd *crowd);

/* A message is being written. */
static inline bool ws_crowd_is_open(const struct ws_crowd *crowd)
{
    return crowd->is_open;
}

/* Begin a message {"id":...,"ev":EVENT; end it. */
void ws_crowd_begin(struct ws_crowd *crowd, const char *event);
void ws_crowd_end(struct ws_crowd *crowd);

/* It is to be taken before another message begins. */
bool ws_crowd_is_full(const struct ws_crowd *crowd);

/* *out = all messages that are whole (none is open), a reference for the caller; NULL: there is
 * none. Nothing is left of them. ERR_BUDGET: memory was short, and they are lost. */
MUST_USE enum err ws_crowd_take(struct ws_crowd *crowd, struct ws_frame **out);

#endif
