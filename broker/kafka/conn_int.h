/* Between the files of a connection: door.c, conn.c, request.c. */
#ifndef BROKER_KAFKA_CONN_INT_H
#define BROKER_KAFKA_CONN_INT_H

#include "broker/kafka/conn.h"

/* A frame is there: `length` bytes at `pos` of `buf`, of which a reference goes along. ERR_BUDGET:
 * nothing was done, the reference stays the caller's. Any other fault of it is the connection's
 * end. */
MUST_USE enum err kafka_request_begin(struct kafka_conn *conn, struct buf *buf, uint32_t pos,
                                      uint32_t length);

/* It was sent, or there is nothing to send. */
void kafka_request_free(struct kafka_request *request);

/* Send what is answered. */
void kafka_conn_send(struct kafka_conn *conn);

/* The connection ends, for what it sent. */
void kafka_conn_refuse(struct kafka_conn *conn, const char *why);

/* A request has left it: it may take more, or be at its end. */
void kafka_conn_go_on(struct kafka_conn *conn);

/* `conn` waits for memory; it is closed and may be forgotten. */
void kafka_door_starve(struct kafka_door *door, struct kafka_conn *conn);
void kafka_door_left(struct kafka_door *door, struct kafka_conn *conn);

#endif
