/* The small server and its clients. See journal_app.h.
 *
 * A block: number, checksum of the rest, and bytes that follow from the number. A shard's file has
 * a random name, since nothing on disk names a shard; blocks go to it one after another, each write
 * by itself, so that after a crash a block may be missing between others. */
#include "tests/unit/sim/journal_app.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/rt/clock.h"
#include "base/rt/file.h"
#include "base/rt/sock.h"

#define JOURNAL_CONNS       8u
#define JOURNAL_NAMES_BYTES 65536u
#define JOURNAL_PATH_BYTES  64u

enum journal_stage {
    JOURNAL_MKDIR,
    JOURNAL_SYNC_ROOT,
    JOURNAL_OPEN,
    JOURNAL_SYNC_DIR,
    JOURNAL_LISTEN,
    JOURNAL_FAILED,
};

/* A connection of the server. */
struct journal_conn {
    struct journal_shard *js;
    struct rt_op op;    /* accept, receive, send, close: one at a time */
    struct rt_op write; /* of the block */
    struct rt_sock sock;
    uint32_t filled; /* bytes of the block received */
    bool is_acked;   /* EARLY_ACK: the answer is out already */
    bool is_leaving; /* EARLY_ACK: closed, but the write goes on */
    uint8_t ack[8];
    struct iovec iov;
    struct iovec block_iov;
    uint8_t *block;
};

/* Reading all files at start; shard 0. */
struct journal_scan {
    struct journal_shard *js;
    struct rt_op op;
    struct rt_dir_list list;
    struct rt_file file;
    const char *name; /* of the file being read; in list.names */
    uint32_t index;   /* of that name */
    uint64_t pos;     /* in that file */
    char path[JOURNAL_PATH_BYTES];
    uint8_t *block;
};

struct journal_shard {
    struct rt_shard *shard;
    struct journal *journal;
    enum journal_stage stage;
    struct rt_op op;
    struct rt_file file;
    struct rt_listener listener;
    uint64_t end_pos; /* where the next block goes */
    bool is_fenced;   /* a write failed: nothing on this file can be trusted any more */
    char path[JOURNAL_PATH_BYTES];
    struct journal_scan scan;
    struct journal_conn conns[JOURNAL_CONNS];
};

struct journal_client_shard {
    struct rt_shard *shard;
    struct journal_client *client;
    struct rt_op op;
    struct rt_op close;
    struct rt_timer retry;
    struct rt_sock sock;
    struct iovec iov;
    uint32_t ack_filled;
    uint8_t ack[8];
    uint8_t block[JOURNAL_BLOCK_BYTES];
};

static void *journal_alloc(struct rt_shard *shard, size_t bytes);
static void journal_block_fill(uint8_t *block, uint64_t number);
static bool journal_block_check(const uint8_t *block, uint64_t *number);
static void journal_run(struct rt_op *op);
static void journal_listen(struct journal_shard *js);
static void journal_conn_done(struct rt_op *op);
static void journal_conn_written(struct rt_op *op);
static void journal_conn_accept(struct journal_conn *c);
static void journal_conn_take(struct journal_conn *c, struct rt_chunk chunk);
static void journal_conn_answer(struct journal_conn *c);
static void journal_conn_close(struct journal_conn *c);
static void journal_scan_run(struct rt_op *op);
static void journal_scan_next(struct journal_scan *s);
static void journal_client_done(struct rt_op *op);
static void journal_client_send(struct journal_client_shard *cs);
static void journal_client_retry(struct rt_timer *timer);
static void journal_client_closed(struct rt_op *op);

void journal_start(struct rt_shard *shard)
{
    struct journal_shard *js = journal_alloc(shard, sizeof(*js));
    js->journal = shard->app;
    js->shard = shard;
    shard->app = js;
    rt_op_init(&js->op, shard, journal_run);
    if (shard->id == 0) {
        struct journal_scan *s = &js->scan;
        s->js = js;
        s->block = journal_alloc(shard, JOURNAL_BLOCK_BYTES);
        s->list.names = journal_alloc(shard, JOURNAL_NAMES_BYTES);
        s->list.names_max = JOURNAL_NAMES_BYTES;
        rt_op_init(&s->op, shard, journal_scan_run);
        js->journal->is_scanned = false;
        rt_path_list(&s->op, "/data", &s->list);
    }
    js->stage = JOURNAL_MKDIR;
    rt_path_mkdir(&js->op, "/data", 0755);
}

/* The tests end it by crashes only; an orderly end would close everything first. */
void journal_stop(struct rt_shard *shard)
{
    (void)shard;
}

/* Make the directory and the file durable, then serve. */
static void journal_run(struct rt_op *op)
{
    struct journal_shard *js = CONTAINER_OF(op, struct journal_shard, op);
    bool does_sync = js->journal->bug != JOURNAL_BUG_NO_DIR_SYNC;
    if (op->err != ERR_OK && !(js->stage == JOURNAL_MKDIR && op->err == ERR_EXISTS)) {
        js->stage = JOURNAL_FAILED; /* serves nobody */
        return;
    }
    js->stage++;
    switch (js->stage) {
    case JOURNAL_SYNC_ROOT: rt_path_sync_dir(op, "/"); break;
    case JOURNAL_OPEN:
        snprintf(js->path, sizeof(js->path), "/data/%016" PRIx64, rt_random(js->shard));
        rt_file_open(&js->file, op, js->shard, js->path,
                     RT_FILE_WRITE | RT_FILE_CREATE | RT_FILE_EXCLUSIVE | RT_FILE_DIRECT, 0644);
        break;
    case JOURNAL_SYNC_DIR:
        if (does_sync) {
            rt_path_sync_dir(op, "/data");
        } else {
            rt_op_defer(op);
        }
        break;
    case JOURNAL_LISTEN: journal_listen(js); break;
    case JOURNAL_MKDIR:
    case JOURNAL_FAILED: UNREACHABLE();
    }
}

static void journal_listen(struct journal_shard *js)
{
    struct rt_addr any = {.port = JOURNAL_PORT};
    enum err err = rt_listen(&js->listener, js->shard, &any, true);
    ASSERT(err == ERR_OK);
    for (uint32_t i = 0; i < JOURNAL_CONNS; i++) {
        struct journal_conn *c = &js->conns[i];
        c->js = js;
        c->block = journal_alloc(js->shard, JOURNAL_BLOCK_BYTES);
        rt_op_init(&c->op, js->shard, journal_conn_done);
        rt_op_init(&c->write, js->shard, journal_conn_written);
        journal_conn_accept(c);
    }
}

static void journal_conn_accept(struct journal_conn *c)
{
    c->filled = 0;
    c->is_leaving = false;
    rt_sock_accept(&c->js->listener, &c->op, &c->sock);
}

static void journal_conn_done(struct rt_op *op)
{
    struct journal_conn *c = CONTAINER_OF(op, struct journal_conn, op);
    if (op->kind == RT_OP_SOCK_CLOSE) {
        c->is_leaving = !rt_op_is_idle(&c->write);
        if (!c->is_leaving) {
            journal_conn_accept(c);
        }
        return;
    }
    if (op->err != ERR_OK || (op->kind == RT_OP_SOCK_RECV && op->result == 0)) {
        journal_conn_close(c);
        return;
    }
    if (op->kind == RT_OP_SOCK_RECV) {
        journal_conn_take(c, rt_sock_chunk(op));
        return;
    }
    if (op->kind == RT_OP_SOCK_SEND) {
        c->filled = 0;
        if (c->is_acked && !rt_op_is_idle(&c->write)) {
            return; /* EARLY_ACK: the next block waits for the write of this one */
        }
    }
    rt_sock_recv(&c->sock, &c->op);
}

static void journal_conn_take(struct journal_conn *c, struct rt_chunk chunk)
{
    uint32_t room = JOURNAL_BLOCK_BYTES - c->filled;
    bool is_too_much = chunk.length > room; /* a client waits for the answer */
    memcpy(c->block + c->filled, chunk.data, is_too_much ? room : chunk.length);
    c->filled += chunk.length;
    rt_sock_release(&c->sock, chunk);
    uint64_t number;
    if (c->filled < JOURNAL_BLOCK_BYTES) {
        rt_sock_recv(&c->sock, &c->op);
        return;
    }
    if (is_too_much || c->js->is_fenced || !journal_block_check(c->block, &number)) {
        journal_conn_close(c);
        return;
    }
    struct journal_shard *js = c->js;
    struct bytes_writer w = bytes_writer(c->ack, sizeof(c->ack));
    bytes_put_u64le(&w, number);
    uint64_t pos = js->end_pos;
    js->end_pos += JOURNAL_BLOCK_BYTES;
    c->block_iov = (struct iovec){c->block, JOURNAL_BLOCK_BYTES};
    if (js->journal->bug == JOURNAL_BUG_NO_FLUSH) {
        rt_file_writev(&js->file, &c->write, &c->block_iov, 1, pos);
    } else {
        rt_file_write_durable(&js->file, &c->write, &c->block_iov, 1, pos);
    }
    c->is_acked = js->journal->bug == JOURNAL_BUG_EARLY_ACK;
    if (c->is_acked) {
        journal_conn_answer(c);
    }
}

static void journal_conn_written(struct rt_op *op)
{
    struct journal_conn *c = CONTAINER_OF(op, struct journal_conn, write);
    if (c->is_leaving) {
        journal_conn_accept(c);
        return;
    }
    if (c->is_acked) {
        if (rt_op_is_idle(&c->op)) { /* the answer is out: on with the next block */
            rt_sock_recv(&c->sock, &c->op);
        }
        return;
    }
    bool does_fence = c->js->journal->bug != JOURNAL_BUG_NO_FENCE;
    c->js->is_fenced |= op->err != ERR_OK && does_fence;
    if (c->js->is_fenced ||
        op->err != ERR_OK) { /* also those that say they are done: a failed flush may have lost them
                              */
        journal_conn_close(c);
        return;
    }
    journal_conn_answer(c);
}

static void journal_conn_answer(struct journal_conn *c)
{
    c->iov = (struct iovec){c->ack, sizeof(c->ack)};
    rt_sock_send(&c->sock, &c->op, &c->iov, 1);
}

static void journal_conn_close(struct journal_conn *c)
{
    if (c->sock.is_open) {
        rt_sock_close(&c->sock, &c->op);
    }
}

/* One file after another, one block after another. Blocks that do not hold were not finished. */
static void journal_scan_run(struct rt_op *op)
{
    struct journal_scan *s = CONTAINER_OF(op, struct journal_scan, op);
    uint64_t number;
    switch ((int)op->kind) { /* only these are submitted */
    case RT_OP_PATH_LIST:
        s->name = s->list.names;
        journal_scan_next(s);
        break;
    case RT_OP_FILE_OPEN:
        ASSERT(op->err == ERR_OK);
        s->pos = 0;
        rt_file_read(&s->file, op, s->block, JOURNAL_BLOCK_BYTES, 0);
        break;
    case RT_OP_FILE_READ:
        if (op->err == ERR_OK && op->result == 0) {
            rt_file_close(&s->file, op);
            break;
        }
        if (op->err == ERR_OK && op->result == JOURNAL_BLOCK_BYTES &&
            journal_block_check(s->block, &number)) {
            s->js->journal->found(s->js->journal->ctx, number);
        }
        s->pos += JOURNAL_BLOCK_BYTES;
        rt_file_read(&s->file, op, s->block, JOURNAL_BLOCK_BYTES, s->pos);
        break;
    case RT_OP_FILE_CLOSE:
        s->name += strlen(s->name) + 1;
        s->index++;
        journal_scan_next(s);
        break;
    default: UNREACHABLE();
    }
}

static void journal_scan_next(struct journal_scan *s)
{
    if (s->index == s->list.count) {
        s->js->journal->is_scanned = true;
        return;
    }
    snprintf(s->path, sizeof(s->path), "/data/%s", s->name);
    rt_file_open(&s->file, &s->op, s->js->shard, s->path, RT_FILE_READ, 0);
}

/* --- Clients --- */

void journal_client_start(struct rt_shard *shard)
{
    struct journal_client_shard *cs = journal_alloc(shard, sizeof(*cs));
    cs->client = shard->app;
    cs->shard = shard;
    shard->app = cs;
    rt_op_init(&cs->op, shard, journal_client_done);
    rt_op_init(&cs->close, shard, journal_client_closed);
    rt_timer_init(&cs->retry, shard, journal_client_retry);
    rt_sock_connect(&cs->sock, &cs->op, shard, &cs->client->server);
}

static void journal_client_done(struct rt_op *op)
{
    struct journal_client_shard *cs = CONTAINER_OF(op, struct journal_client_shard, op);
    struct journal_client *client = cs->client;
    bool is_recv = op->kind == RT_OP_SOCK_RECV;
    if (op->err != ERR_OK || (is_recv && op->result == 0)) {
        if (cs->sock.is_open) {
            rt_sock_close(&cs->sock, &cs->close);
        } else {
            rt_timer_start(&cs->retry, rt_now_ns(cs->shard) + 10 * RT_NS_PER_MS);
        }
        return;
    }
    if (op->kind == RT_OP_SOCK_CONNECT) {
        journal_client_send(cs);
        return;
    }
    if (is_recv) {
        struct rt_chunk chunk = rt_sock_chunk(op);
        ASSERT(cs->ack_filled + chunk.length <= sizeof(cs->ack));
        memcpy(cs->ack + cs->ack_filled, chunk.data, chunk.length);
        cs->ack_filled += chunk.length;
        rt_sock_release(&cs->sock, chunk);
        if (cs->ack_filled == sizeof(cs->ack)) {
            struct bytes_reader r = bytes_reader(cs->ack, sizeof(cs->ack));
            ASSERT(bytes_get_u64le(&r) == ((uint64_t)client->id << 32 | client->sent_count));
            client->acked_count = client->sent_count;
            journal_client_send(cs);
            return;
        }
    }
    rt_sock_recv(&cs->sock, &cs->op);
}

static void journal_client_send(struct journal_client_shard *cs)
{
    struct journal_client *client = cs->client;
    if (client->stop_after > 0 && client->acked_count == client->stop_after) {
        return;
    }
    if (client->sent_count == client->acked_count) {
        client->sent_count++; /* else the last one again */
    }
    cs->ack_filled = 0;
    journal_block_fill(cs->block, (uint64_t)client->id << 32 | client->sent_count);
    cs->iov = (struct iovec){cs->block, sizeof(cs->block)};
    rt_sock_send(&cs->sock, &cs->op, &cs->iov, 1);
}

static void journal_client_closed(struct rt_op *op)
{
    struct journal_client_shard *cs = CONTAINER_OF(op, struct journal_client_shard, close);
    rt_timer_start(&cs->retry, rt_now_ns(cs->shard) + 10 * RT_NS_PER_MS);
}

static void journal_client_retry(struct rt_timer *timer)
{
    struct journal_client_shard *cs = CONTAINER_OF(timer, struct journal_client_shard, retry);
    rt_sock_connect(&cs->sock, &cs->op, cs->shard, &cs->client->server);
}

/* --- Blocks --- */

static void journal_block_fill(uint8_t *block, uint64_t number)
{
    uint64_t words[JOURNAL_BLOCK_BYTES / 8] = {[0] = number};
    for (size_t i = 2; i < ARRAY_COUNT(words); i++) {
        words[i] = (number + i) * 0x9e3779b97f4a7c15u;
    }
    words[1] = hash64(words, sizeof(words), 0);
    memcpy(block, words, sizeof(words));
}

/* Whether it is just the block of its number. */
static bool journal_block_check(const uint8_t *block, uint64_t *number)
{
    uint8_t want[JOURNAL_BLOCK_BYTES];
    struct bytes_reader r = bytes_reader(block, JOURNAL_BLOCK_BYTES);
    *number = bytes_get_u64le(&r);
    journal_block_fill(want, *number);
    return *number != 0 && memcmp(block, want, sizeof(want)) == 0;
}

static void *journal_alloc(struct rt_shard *shard, size_t bytes)
{
    void *out = NULL;
    enum err err = budget_alloc(rt_shard_budget(shard), bytes, JOURNAL_BLOCK_BYTES, &out);
    ASSERT(err == ERR_OK);
    return out;
}
