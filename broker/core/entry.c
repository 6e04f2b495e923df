/* Listening, taking connections. See entry.h. */
#include "broker/core/entry.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/list.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"

/* How long what waits for memory or descriptors waits. */
#define CORE_ENTRY_RETRY_NS (20 * RT_NS_PER_MS)

/* How often it is said that connections wait. */
#define CORE_ENTRY_TOLD_NS (10 * RT_NS_PER_S)

static enum err core_entry_make(struct core_entry *entry);
static void core_entry_accepted(struct rt_op *op);
static void core_entry_wait(struct core_entry *entry, enum err err);
static void core_entry_retry(struct rt_timer *timer);
static void core_entry_listener_closed(struct rt_op *op);
static void core_entry_check(struct core_entry *entry);

enum err core_entry_open(struct core_entry *entry, struct core_shard *cs, struct diag *diag,
                         const struct rt_addr *listen, const struct core_entry_ops *ops)
{
    *entry = (struct core_entry){.ops = ops, .cs = cs, .diag = diag};
    rt_op_init(&entry->accept_op, cs->shard, core_entry_accepted);
    rt_op_init(&entry->close_op, cs->shard, core_entry_listener_closed);
    rt_timer_init(&entry->timer, cs->shard, core_entry_retry);
    return rt_listen(&entry->listener, cs->shard, listen, cs->core->shards_count > 1);
}

void core_entry_again(struct core_entry *entry)
{
    if (entry->is_closing || entry->next != NULL) {
        return;
    }
    enum err err = core_entry_make(entry);
    if (err == ERR_OK) {
        rt_sock_accept(&entry->listener, &entry->accept_op, entry->next);
    } else {
        core_entry_wait(entry, err);
    }
}

/* A place for the next one. Past the limit the rest of the descriptors is the files'. */
static enum err core_entry_make(struct core_entry *entry)
{
    struct core_shard *cs = entry->cs;
    if (cs->connections_count >= cs->core->config.connections_max) {
        return ERR_FULL;
    }
    enum err err = entry->ops->make(entry, &entry->next);
    cs->connections_count += err == ERR_OK;
    return err;
}

static void core_entry_accepted(struct rt_op *op)
{
    struct core_entry *entry = CONTAINER_OF(op, struct core_entry, accept_op);
    struct rt_sock *sock = entry->next;
    entry->next = NULL;
    if (op->err != ERR_OK) {
        entry->ops->unmake(entry, sock);
        entry->cs->connections_count--;
        if (!entry->is_closing) {
            core_entry_wait(entry, op->err);
        }
        core_entry_check(entry);
        return;
    }
    entry->conns_count++;
    entry->ops->open(entry, sock);
    core_entry_again(entry);
}

/* Those that come stay with the kernel. */
static void core_entry_wait(struct core_entry *entry, enum err err)
{
    uint64_t now_ns = rt_now_ns(entry->cs->shard);
    if (now_ns >= entry->tell_ns) {
        entry->tell_ns = now_ns + CORE_ENTRY_TOLD_NS;
        DIAG_WARN(entry->diag, "core", "new connections wait",
                  DIAG_STRING("door", entry->ops->name),
                  DIAG_U64("connections", entry->conns_count), DIAG_ERR("error", err));
    }
    rt_timer_start(&entry->timer, now_ns + CORE_ENTRY_RETRY_NS);
}

static void core_entry_retry(struct rt_timer *timer)
{
    core_entry_again(CONTAINER_OF(timer, struct core_entry, timer));
}

void core_entry_left(struct core_entry *entry)
{
    ASSERT(entry->conns_count > 0);
    entry->conns_count--;
    entry->cs->connections_count--;
    core_entry_check(entry);
}

/* --- Closing --- */

void core_entry_close(struct core_entry *entry)
{
    ASSERT(!entry->is_closing);
    entry->is_closing = true;
    rt_timer_stop(&entry->timer);
    rt_listener_close(&entry->listener, &entry->close_op);
}

static void core_entry_listener_closed(struct rt_op *op)
{
    struct core_entry *entry = CONTAINER_OF(op, struct core_entry, close_op);
    entry->is_listener_closed = true;
    core_entry_check(entry);
}

static void core_entry_check(struct core_entry *entry)
{
    if (entry->is_listener_closed && entry->conns_count == 0 && entry->next == NULL) {
        entry->ops->closed(entry); /* `entry` may be gone after it */
    }
}
