/* Starting and ending the runtime. For main and test programs; the product's rooms never see this
 * header.
 *
 *     struct rt *rt;
 *     err = rt_new(&config, &rt);          machine checked, shards made, nothing runs
 *     err = rt_start(rt);                  threads run: config.start on each shard
 *     ... wait for a signal ...
 *     rt_stop(rt);                         config.stop on each shard; it answers with
 * rt_shard_finish rt_join(rt);                         threads have ended rt_free(rt);
 */
#ifndef BASE_RT_RT_H
#define BASE_RT_RT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rt/file.h"
#include "base/rt/machine.h"

struct rt;
struct rt_shard;

enum rt_kind {
    RT_KIND_AUTO,  /* uring, or epoll where io_uring is refused */
    RT_KIND_URING, /* fail where it is refused */
    RT_KIND_EPOLL,
};

struct rt_config {
    uint32_t shards_count;   /* 0: machine->shards_count */
    uint64_t memory_bytes;   /* of all shards together; 0: machine->memory_bytes */
    enum rt_kind kind;       /* which backend */
    uint32_t workers_count;  /* worker threads; 0: 4 */
    uint64_t seed;           /* of the shards' generators; 0: from the system */
    struct diag_config diag; /* where and how shards log */
    const struct cpu *cpu;   /* instruction sets; the caller's, as long as the runtime */
    void *app;               /* shard->app on every shard at first */

    /* Called on each shard's own thread, in its first turn. */
    void (*start)(struct rt_shard *shard);
    /* Called on each shard's own thread after rt_stop: close everything, then rt_shard_finish. */
    void (*stop)(struct rt_shard *shard);
};

/* Check the machine, choose the backend (one clear log line where io_uring is refused), make the
 * shards. Nothing runs yet. On an error `message` (of `message_bytes`) says what is missing and
 * what to do about it. */
MUST_USE enum err rt_new(const struct rt_config *config, const struct rt_machine *machine,
                         struct rt **out, char *message, size_t message_bytes);

/* Start the threads. ERR_RESOURCES when the system grants no thread: then none runs. */
MUST_USE enum err rt_start(struct rt *rt);

/* Ask every shard to end. From any thread; once. */
void rt_stop(struct rt *rt);

/* Wait until every shard and worker thread has ended. */
void rt_join(struct rt *rt);

/* Free all. Only when it never started, or after rt_join. */
void rt_free(struct rt *rt);

/* The backend in use: "uring" or "epoll". */
const char *rt_backend_name(const struct rt *rt);

/* Shard number `id`, for sending it mail from outside (rt_mail_post). */
struct rt_shard *rt_shard(struct rt *rt, uint32_t id);

/* Use `form` for durable writes on files opened from now on. Before the app opens any; the probe
 * (probe.h) says which. */
void rt_set_flush_form(struct rt_shard *shard, enum rt_flush_form form);

#endif
