/* Connections for the contract's tests: a connected pair on one shard, and plain sockets of the
 * system as peers. */
#ifndef TESTS_UNIT_RT_CONTRACT_NET_H
#define TESTS_UNIT_RT_CONTRACT_NET_H

#include <stddef.h>
#include <stdint.h>

#include "base/rt/sock.h"
#include "tests/support/rt_harness.h"

/* A listener and both ends of a connection to it. */
struct net_pair {
    struct rt_listener listener;
    struct rt_sock server;          /* accepted */
    struct rt_sock client;          /* connected */
    struct rt_harness_op server_op; /* for one request at a time of the server */
    struct rt_harness_op client_op; /* and of the client */
};

/* Listen on 127.0.0.1 and a port that the system chooses. */
void net_listen(struct rt_harness *h, struct rt_listener *listener);
void net_listener_close(struct rt_harness *h, struct rt_listener *listener);

/* A connected pair; close what is still open of it. */
void net_pair_open(struct rt_harness *h, struct net_pair *pair);
void net_pair_close(struct rt_harness *h, struct net_pair *pair);
void net_close(struct rt_harness *h, struct rt_sock *sock);

/* Send all of `data`; wait for the next chunk, copy it to `out` (LIMIT_RECV_BUFFER_BYTES) and
 * release it. */
enum err net_send(struct rt_harness_op *op, struct rt_sock *sock, const void *data, size_t length);
enum err net_recv(struct rt_harness_op *op, struct rt_sock *sock, void *out, size_t *length);

/* Receive until `length` bytes have come. */
void net_recv_all(struct rt_harness_op *op, struct rt_sock *sock, void *out, size_t length);

/* A plain blocking socket, connected to `addr`; its own port in `port` unless that is NULL. */
int net_plain_connect(const struct rt_addr *addr, uint16_t *port);

/* The same, accepted into `sock`; `op` is made for its requests. */
int net_plain_accept(struct rt_harness *h, struct rt_listener *listener, struct rt_harness_op *op,
                     struct rt_sock *sock);

/* Close it so that the peer is sent a reset. */
void net_plain_reset(int fd);

#endif
