/* WebSocket connections (RFC 6455) as who serves them sees them: whole text messages in, one at a
 * time; framed messages out. Sessions know no transport.
 *
 *     GET /api/v1/ws     the shard that reads the upgrade request makes a ws_conn; from `open` on
 *                        messages come, until `closed`
 *
 * **Frames.** What is sent is framed once and may go to any number of connections of a shard, each
 * send taking a reference. Bytes that a connection has not sent yet count in its queued_bytes; who
 * sends looks at them: `drained` tells when little is left. A frame that is given to a connection
 * which is closed is dropped.
 *
 * **Receiving.** The next message comes when `text` has returned true, or after ws_conn_resume; the
 * client is held back by TCP meanwhile.
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_GATEWAY_WS_H
#define BROKER_GATEWAY_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/compiler.h"

struct core_shard;
struct http_door;
struct ws_conn;

/* The subprotocol that is spoken. */
#define WS_PROTOCOL "tdb.v1.json"

/* The longest message of a client, and the longest reason of a close. */
#define WS_TEXT_BYTES_MAX   (1u << 20)
#define WS_REASON_BYTES_MAX 123u

/* `drained` is due when so much or less is left after more had been queued. */
#define WS_DRAINED_BYTES (64u << 10)

/* Why a connection is closed: RFC 6455 section 7.4.1, and ours: 3000 to 3499 a client may come
 * back, 3500 to 3999 the same would happen again (VIEWS §7). */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,      /* the server ends: come back */
    WS_UNSUPPORTED = 1003,     /* binary messages */
    WS_MESSAGE_TOO_BIG = 1009, /* longer than WS_TEXT_BYTES_MAX */
    WS_SLOW = 3008,            /* did not read what it asked for: come back */
    WS_OVERLOADED = 3009,      /* the server has no memory for it: come back later */
    WS_PROTOCOL_ERROR = 3500,  /* a message that is none of the protocol's */
};

/* A message framed, to be sent. Of one shard. */
struct ws_frame {
    uint32_t refs;         /* who holds it */
    uint32_t length;       /* bytes of the frame */
    uint8_t *data;         /* the frame, once sealed; before: where the message goes */
    struct budget *budget; /* charged */
};

/* *out = a frame with room for a message of `bytes_max`, one reference. ERR_BUDGET. */
MUST_USE enum err ws_frame_new(struct budget *budget, size_t bytes_max, struct ws_frame **out);

/* What it is of a message: all of it; the first of two fragments, which another frame is to follow
 * at once; the second. */
enum ws_part { WS_WHOLE, WS_FIRST, WS_SECOND };

/* What stands at frame->data is `length` bytes (<= bytes_max), of UTF-8 with the other fragment if
 * there is one: it may be sent now, and is written no more. */
void ws_frame_seal(struct ws_frame *frame, size_t length, enum ws_part part);

/* Room of a frame for `count` messages of `bytes` together, each with a head of `head_bytes` in
 * front. Without these heads they stand at frame->data one behind the other, each as long as
 * `lengths` says: they may be sent now, as one run of frames. */
size_t ws_frame_bytes(size_t bytes, size_t head_bytes, uint32_t count);
void ws_frame_seal_all(struct ws_frame *frame, const char *head, size_t head_bytes,
                       const uint32_t *lengths, uint32_t count);

/* One reference more, one less: without any it is gone. */
void ws_frame_ref(struct ws_frame *frame);
void ws_frame_unref(struct ws_frame *frame);

/* Who serves a connection; all are called from turns of the loop. */
struct ws_ops {
    /* The handshake is done: ws_conn_ctx may be set. */
    void (*open)(struct ws_conn *conn);
    /* A message; its bytes live until this returns true, or until ws_conn_resume or `closed`. */
    bool (*text)(struct ws_conn *conn, const uint8_t *data, size_t length);
    /* Little of what was sent is left to be sent. */
    void (*drained)(struct ws_conn *conn);
    /* It is closed, by whomever; the last call. `open` was called before. */
    void (*closed)(struct ws_conn *conn);
};

/* What `ops` keep with a connection. */
void ws_conn_set(struct ws_conn *conn, void *ctx);
void *ws_conn_get(const struct ws_conn *conn);

/* The broker's part on its shard. */
struct core_shard *ws_conn_shard(const struct ws_conn *conn);

/* The door it came by. */
struct http_door *ws_conn_door(const struct ws_conn *conn);

/* The budget of what is kept and sent for such connections of a shard: together a quarter of its
 * memory at most. */
struct budget *ws_conn_budget(const struct ws_conn *conn);

/* Something under way needs its door: until it is let go, once for each hold, the door does not
 * end, even when the connection is closed. */
void ws_conn_hold(struct ws_conn *conn);
void ws_conn_let_go(struct ws_conn *conn);

/* Bytes given to ws_conn_send that have not left, and for each frame what carries it at most. */
uint64_t ws_conn_queued_bytes(const struct ws_conn *conn);

/* Send `frame`, which is sealed, behind what was sent before; takes a reference of its own. */
void ws_conn_send(struct ws_conn *conn, struct ws_frame *frame);

/* The message that `text` answered false to is done. */
void ws_conn_resume(struct ws_conn *conn);

/* Close it when all that was sent has left: `code`, and `reason` (static, UTF-8, at most
 * WS_REASON_BYTES_MAX) for people. Once; what comes from the client is dropped. `closed` follows.
 */
void ws_conn_close(struct ws_conn *conn, enum ws_code code, const char *reason);

/* End it now, whatever has not left: of a client that does not read. `closed` follows. */
void ws_conn_kill(struct ws_conn *conn);

#endif
