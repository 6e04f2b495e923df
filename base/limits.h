/* Every bound of the house that crosses a module, with its reason, and how the bounds hang
 * together. The configuration may lower some of them, never raise one. A bound that only one file
 * uses stands in that file. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <assert.h>
#include <stdint.h>

/* What direct I/O reads and writes: position, length and address are multiples of it. The largest
 * logical block of the devices we run on, and the page of the machine. */
#define LIMIT_BLOCK_BYTES 4096u

/* One Kafka batch. Larger than any default of the ecosystem (Kafka's message.max.bytes is 1 MiB),
 * small enough to be in memory whole. */
#define LIMIT_BATCH_BYTES (16u << 20)

/* One payload buffer: the largest batch, and the block that alignment may cost it. */
#define LIMIT_BUF_BYTES (LIMIT_BATCH_BYTES + LIMIT_BLOCK_BYTES)

/* One journal frame, which is what one flush writes. Larger work goes straight to its segment. */
#define LIMIT_JOURNAL_FRAME_BYTES (8u << 20)

/* One frame between nodes: what one turn of a loop sends to one peer. */
#define LIMIT_PEER_FRAME_BYTES (32u << 20)

/* Partitions on one node, replicas counted: sizes the tables that have a row for each. */
#define LIMIT_PARTITIONS_COUNT 100000u

/* Raft's term is Kafka's leader epoch, a signed 32-bit number on the wire. */
#define LIMIT_TERM 2147483647u

/* Threads that own data, one per core. */
#define LIMIT_SHARDS_COUNT 256u

/* What a connection that has not authenticated may make us hold. */
#define LIMIT_CONNECTION_BYTES_UNAUTHENTICATED (64u << 10)

/* One buffer of a shard's receive ring. The kernel picks them, so all are of one size; a larger
 * one is mostly empty at the end of a request, a smaller one cuts a produce request in more parts.
 */
#define LIMIT_RECV_BUFFER_BYTES (8u << 10)

/* Receive buffers of one shard: 8 MiB, touched as they are used. When all are in use, sockets are
 * read later. */
#define LIMIT_RECV_BUFFERS_COUNT 1024u

/* Buffers of one gathered read, write or send: the kernel's own bound (UIO_MAXIOV). */
#define LIMIT_IOV_COUNT 1024u

/* Mails under way from one shard to another. */
#define LIMIT_MAILBOX_COUNT 16384u

/* Jobs that wait for a worker thread. */
#define LIMIT_JOBS_COUNT 4096u

/* Worker threads of one process, for all shards: what waits for disks and foreign libraries, which
 * more threads do not make faster. */
#define LIMIT_WORKERS_COUNT 64u

/* A file's path with its terminating NUL: the data directory's, and below it at most 99 bytes
 * ("/p/<uuid>/<partition>/<first index>-<generation>.snap.new"). */
#define LIMIT_PATH_BYTES     512u
#define LIMIT_DATA_DIR_BYTES 412u

/* Kernel threads that one io_uring may start for work that blocks. */
#define LIMIT_IOWQ_WORKERS_COUNT 4u

/* How long a shard polls for a completion before it sleeps: a little more than one write of a fast
 * SSD, too little to show in a CPU bill. */
#define LIMIT_POLL_NS 50000u

static_assert(LIMIT_BATCH_BYTES % LIMIT_BLOCK_BYTES == 0, "the largest batch is whole blocks");
static_assert(LIMIT_JOURNAL_FRAME_BYTES % LIMIT_BLOCK_BYTES == 0, "frames are whole blocks");
static_assert(LIMIT_PEER_FRAME_BYTES >= LIMIT_BATCH_BYTES + LIMIT_BLOCK_BYTES,
              "a peer frame holds the largest batch and its headers");
static_assert(LIMIT_PEER_FRAME_BYTES <= INT32_MAX, "one completion's result counts a whole frame");
static_assert(LIMIT_TERM == INT32_MAX, "a leader epoch on the wire is an int32");
static_assert(LIMIT_SHARDS_COUNT <= UINT16_MAX, "a shard's number is a uint16");
static_assert(LIMIT_RECV_BUFFER_BYTES <= LIMIT_CONNECTION_BYTES_UNAUTHENTICATED,
              "one receive does not use up a new connection's allowance");
static_assert(LIMIT_RECV_BUFFERS_COUNT <= 32768 &&
                  (LIMIT_RECV_BUFFERS_COUNT & (LIMIT_RECV_BUFFERS_COUNT - 1)) == 0,
              "the kernel's buffer ring holds a power of two, at most 2^15");

#endif
