/* Starting and ending the runtime. For main and test programs; the product's rooms never see this
 * header.
 *
 *     struct rt *rt;
 *     err = rt_new(&config, &machine, &rt, note, sizeof(note));  shards are made, nothing runs
 *     err = rt_start(rt);                                        config.start on each shard
 *     ... wait for a signal ...
 *     rt_stop(rt);                  config.stop on each shard, which ends with rt_shard_finish
 *     rt_join(rt);                  threads have ended
 *     rt_free(rt); */
#ifndef BASE_RT_RT_H
#define BASE_RT_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/rt/file.h"
#include "base/rt/machine.h"

struct budget;
struct rt;
struct rt_shard;

enum rt_kind {
    RT_KIND_AUTO,  /* io_uring, or epoll where it is refused or older than Linux 6.0 */
    RT_KIND_URING, /* fail where it is refused */
    RT_KIND_EPOLL,
};

struct rt_config {
    uint32_t shards_count;  /* 0: machine->shards_count */
    uint64_t memory_bytes;  /* of all shards together; 0: machine->memory_bytes */
    enum rt_kind kind;      /* which backend */
    uint32_t workers_count; /* worker threads; 0: RT_WORKERS_DEFAULT */
    uint64_t seed;          /* of the shards' generators; 0: from the system */
    struct budget *budget;  /* the process's: the runtime's own structures; main thread only */
    const struct cpu *cpu;  /* instruction sets; the caller's, as long as the runtime */
    void *app;              /* shard->app of every shard at first */

    /* Called on each shard's own thread, in its first turn. */
    void (*start)(struct rt_shard *shard);

    /* Called on each shard's own thread after rt_stop: close everything, then rt_shard_finish. Not
     * called on a shard that has finished by itself. */
    void (*stop)(struct rt_shard *shard);
};

#define RT_WORKERS_DEFAULT 4

/* Choose the backend and make the shards. Nothing runs yet. On success `note` (of `note_bytes`) is
 * empty, or one line for the log: why io_uring is not used. On an error it says what is missing and
 * what to do: ERR_UNSUPPORTED (io_uring was asked for and is refused), ERR_BUDGET (memory_bytes is
 * too little for so many shards), ERR_INVALID (more than LIMIT_SHARDS_COUNT), ERR_RESOURCES. */
MUST_USE enum err rt_new(const struct rt_config *config, const struct rt_machine *machine,
                         struct rt **out, char *note, size_t note_bytes);

/* Start the threads. ERR_RESOURCES when the system grants no thread: then none runs. */
MUST_USE enum err rt_start(struct rt *rt);

/* Ask every shard to end. From any thread but the shards' own; once. */
void rt_stop(struct rt *rt);

/* Wait until every shard and worker thread has ended. */
void rt_join(struct rt *rt);

/* Free all. Only when it never started, or after rt_join. NULL is ignored. */
void rt_free(struct rt *rt);

/* The backend in use: "uring" or "epoll". Static storage. */
const char *rt_backend_name(const struct rt *rt);

/* Shard number `id` (< the count), for sending it mail from outside (rt_mail_post). Lives until
 * rt_free. */
struct rt_shard *rt_shard_at(struct rt *rt, uint32_t id);

/* Use `form` for durable writes on files of device `device_id` that `shard`'s runtime opens from
 * now on; probe.h says which is best. Before other shards open files; at most RT_DEVICES_MAX
 * devices. */
void rt_set_flush_form(struct rt_shard *shard, uint64_t device_id, enum rt_flush_form form);

#endif
