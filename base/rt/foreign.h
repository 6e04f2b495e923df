/* A thread of its own for a foreign library's loop, which cannot run on a shard. It takes no
 * signals. It tells shards something by rt_mail_post; how it is told is its owner's. */
#ifndef BASE_RT_FOREIGN_H
#define BASE_RT_FOREIGN_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

/* In place, from the start until joined. */
struct rt_foreign {
    pthread_t id;               /* the thread */
    void (*run)(void *context); /* what it does */
    void *context;              /* the caller's */
};

/* Begin a thread that runs `run`, called `name` (15 characters at most). ERR_RESOURCES. */
MUST_USE enum err rt_foreign_start(struct rt_foreign *foreign, const char *name,
                                   void (*run)(void *context), void *context);

/* Wait until it has returned: blocks for as long as that takes, so whoever is a shard joins one
 * that has told that it is at its end. */
void rt_foreign_join(struct rt_foreign *foreign);

/* Send on `fd`, a connection that a shard has detached and such a thread has: at once, as many of
 * the `count` (<= LIMIT_IOV_COUNT) pieces as it takes; *sent bytes. ERR_AGAIN: none now; ERR_RESET:
 * it is broken. */
MUST_USE enum err rt_foreign_send(int fd, const struct iovec *iov, uint32_t count, size_t *sent);

/* End both directions of such a connection: who waits for it is woken. One that is already gone is
 * ignored. The descriptor stays. */
void rt_foreign_shutdown(int fd);

#endif
