/* See foreign.h. */
#include "base/rt/foreign.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/assert.h"

static void *rt_foreign_main(void *context);

enum err rt_foreign_start(struct rt_foreign *foreign, const char *name, void (*run)(void *context),
                          void *context)
{
    *foreign = (struct rt_foreign){.run = run, .context = context};
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&foreign->id, NULL, rt_foreign_main, foreign);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        return ERR_RESOURCES;
    }
    pthread_setname_np(foreign->id, name);
    return ERR_OK;
}

static void *rt_foreign_main(void *context)
{
    struct rt_foreign *foreign = context;
    foreign->run(foreign->context);
    return NULL;
}

void rt_foreign_join(struct rt_foreign *foreign)
{
    int error = pthread_join(foreign->id, NULL);
    ASSERT(error == 0);
}

enum err rt_foreign_send(int fd, const struct iovec *iov, uint32_t count, size_t *sent)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = count};
    ssize_t result;
    do {
        result = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (result < 0 && errno == EINTR);
    *sent = result < 0 ? 0 : (size_t)result;
    return result >= 0 ? ERR_OK : errno == EAGAIN ? ERR_AGAIN : ERR_RESET;
}

void rt_foreign_shutdown(int fd)
{
    (void)shutdown(fd, SHUT_RDWR);
}
