/* Something under way on a WebSocket connection: a statement, an append, a
 * subscription. It answers with messages
 * that have its id, and ends itself. A connection that closes tells all of its works, and they
 * end soon. Own shard only; nothing blocks. */
#ifndef BROKER_GATEWAY_WS_WORK_H
#define BROKER_GATEWAY_WS_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "broker/gateway/out.h"
#include "broker/gateway/ws.h"
#include "broker/gateway/ws_message.h"

/* Works of a connection at a time. */
#define WS_WORKS_MAX 64u

/* What a client may leave unread before rows wait for it. */
#define WS_UNREAD_BYTES_MAX (256u << 10)

/* So much of rows makes a message. */
#define WS_ROWS_BYTES (64u << 10)

struct ws_work;

/* What a kind of work does. */
struct ws_work_ops {
    /* Begin: the message may be read within this alone. It has been ended when this returns, or
     * goes on. */
    void (*start)(struct ws_work *work, const struct ws_message *message, struct http_text text);
    /* The client has read: there is room for more. NULL: nothing waits for that. */
    void (*drained)(struct ws_work *work);
    /* The connection is closed: end soon; what is sent is dropped. */
    void (*closed)(struct ws_work *work);
    uint32_t chunk_bytes; /* its memory comes in such pieces */
    bool is_brief;        /* its messages are written and sent at once, one after the other */
};

/* The head of a work, in its own arena. */
struct ws_work {
    struct ws_conn *conn; /* held; it may be closed */
    const struct ws_work_ops *ops;
    struct list_node in_session; /* ws_session.works */
    struct arena arena;          /* all its memory */
    struct http_out *out;        /* the message that is being written */
    struct http_text id;         /* as it is sent; length 0: none */
    bool is_closed;              /* its connection is */
};

/* Write the beginning of a message: {"id":1,"ev":"rows" */
void ws_work_put(struct ws_work *work, const char *event);

/* Write its end, and send it: the brace. Memory was short: the connection is closed instead. */
void ws_work_send(struct ws_work *work);

/* Whether the client reads what it is sent: else `drained` will tell. */
bool ws_work_has_room(const struct ws_work *work);

/* It failed: send that. What was being written is dropped. `detail` NULL: as the row says; hint
 * likewise. The work is to be ended. */
void ws_work_fail(struct ws_work *work, enum http_error error, const char *detail);

/* It is over; the work is gone. */
void ws_work_end(struct ws_work *work);

/* The connection's work of that kind and id, or NULL. */
struct ws_work *ws_work_find(struct ws_conn *conn, const struct ws_work_ops *ops,
                             struct http_text id);

/* An empty message for connections of the shard of `conn`; its begin: {"id":...,"ev":EVENT; that
 * without the id: "ev":EVENT. */
void ws_out_init(struct http_out *out, struct arena *arena, const struct ws_conn *conn);
void ws_out_begin(struct http_out *out, struct http_text id, const char *event);
void ws_out_event(struct http_out *out, const char *event);

/* The kinds there are; each with room for its struct. */
extern const struct ws_work_ops ws_query_ops;
extern const size_t ws_query_bytes;
extern const struct ws_work_ops ws_append_ops;
extern const size_t ws_append_bytes;
extern const struct ws_work_ops ws_subscribe_ops;
extern const size_t ws_subscribe_bytes;

/* What is asked of a subscription that is under way: `rows` more; its end. */
void ws_subscribe_credit(struct ws_work *work, uint64_t rows);
void ws_subscribe_end(struct ws_work *work);

#endif
