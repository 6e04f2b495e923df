/* Sessions: what is said over WebSocket connections (subprotocol tdb.v1.json, VIEWS §7).
 *
 *     {"id": 1, "op": "ping"}     ->   {"id":1,"ev":"ok"}
 *
 * Each message is answered with its id; what is wrong with it by {"ev": "error"} and the members
 * that HTTP's problems have. A message that is no JSON is answered likewise, without an id. Several
 * may be under way at a time: their answers come as they are there, each one's in order.
 * Own shard only; nothing blocks. */
#ifndef BROKER_GATEWAY_WS_SESSION_H
#define BROKER_GATEWAY_WS_SESSION_H

#include "broker/gateway/ws.h"

/* Who serves connections. */
extern const struct ws_ops ws_session_ops;

#endif
