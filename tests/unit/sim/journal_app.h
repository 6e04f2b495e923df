/* A small server and its clients, written against the product's headers only: what the simulator's
 * own tests let run, crash and come back.
 *
 * The server keeps 4 KiB blocks: a client sends one, it is written durably to the shard's file, and
 * its number is sent back. At start shard 0 reads all files there are, whoever wrote them, and
 * reports every block whose checksum holds. A client sends its blocks 1, 2, 3, ... each until it is
 * acknowledged, over as many connections as that takes. */
#ifndef TESTS_UNIT_SIM_JOURNAL_APP_H
#define TESTS_UNIT_SIM_JOURNAL_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rt/addr.h"
#include "base/rt/shard.h"

#define JOURNAL_PORT        9092
#define JOURNAL_BLOCK_BYTES 4096u

/* What the server may forget: mutants, which the tests must catch. */
enum journal_bug {
    JOURNAL_BUG_NONE,
    JOURNAL_BUG_NO_FLUSH,    /* acknowledges a write that is not durable */
    JOURNAL_BUG_NO_DIR_SYNC, /* never makes its file's name durable */
    JOURNAL_BUG_NO_FENCE,    /* goes on with a file of which a write failed */
    JOURNAL_BUG_EARLY_ACK,   /* acknowledges before the write is done */
};

/* One server process's view of the test; shard->app at start. */
struct journal {
    enum journal_bug bug;                      /* what it does wrong */
    void (*found)(void *ctx, uint64_t number); /* called for each block found at start */
    void *ctx;                                 /* for found */
    bool is_scanned;                           /* shard 0 has read all files */
};

/* One client process: shard->app at start. */
struct journal_client {
    struct rt_addr server; /* whom to send to */
    uint32_t id;           /* high half of its blocks' numbers */
    uint32_t sent_count;   /* blocks it has begun to send */
    uint32_t acked_count;  /* blocks 1 .. acked_count were acknowledged */
    uint32_t stop_after;   /* blocks to send, then it rests; 0: no end */
};

/* For sim_app. */
void journal_start(struct rt_shard *shard);
void journal_stop(struct rt_shard *shard);
void journal_client_start(struct rt_shard *shard);

#endif
