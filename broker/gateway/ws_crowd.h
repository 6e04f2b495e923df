/* Messages that are written once and sent to many: of a crowd of subscriptions, whatever id each
 * has. Several stand behind each other until they are sent.
 *
 *     to all who have one id     one run of frames, with the id in each
 *     to who has another         a run of his own, or where that is long a frame with the id and
 *                                one with the rest, which is the same for all: two fragments
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_GATEWAY_WS_CROWD_H
#define BROKER_GATEWAY_WS_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "broker/gateway/http_rows.h"
#include "broker/gateway/out.h"
#include "broker/gateway/ws_work.h"

/* Messages, and bytes of them, that stand at most before they are sent. */
#define WS_CROWD_MESSAGES  32u
#define WS_CROWD_BYTES_MAX (256u << 10)

struct ws_crowd {
    struct http_out out;   /* the message that is being written goes here */
    struct http_rows rows; /* rows of it */

    /* Private to ws_crowd.c. */
    struct arena arena;
    struct budget *budget;
    uint32_t lengths[WS_CROWD_MESSAGES]; /* count: of those that are whole */
    uint32_t count;
    uint64_t whole_bytes; /* of them together */
    bool is_open;         /* one is being written */
};

/* Whose the node of a list is. */
typedef const struct ws_work *(*ws_crowd_work_of)(const struct list_node *node);

/* One for connections of the shard of `conn`, for rows of those columns. NULL: there is no memory.
 */
struct ws_crowd *ws_crowd_new(struct ws_conn *conn, const struct plan_output *outputs,
                              uint32_t count);

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

/* It is to be sent before another message begins. */
bool ws_crowd_is_full(const struct ws_crowd *crowd);

/* Send all messages that are whole (none is open) to each of the list, or to one; nothing is left
 * of them. Where memory is short for somebody his connection is closed. */
void ws_crowd_send(struct ws_crowd *crowd, const struct list *list, ws_crowd_work_of work_of);
void ws_crowd_send_to(struct ws_crowd *crowd, const struct ws_work *work);

/* There is no memory for anything: the connection is closed; those of all of the list are. */
void ws_crowd_close(const struct ws_work *work);
void ws_crowd_refuse(const struct list *list, ws_crowd_work_of work_of);

#endif
