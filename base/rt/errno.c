/* The system's error numbers as `enum err`: the one table behind "errno becomes enum err in base/rt
 * and goes no higher" (STYLE §1).
 *
 * Where one number means different things to different calls, the row says what it means to most,
 * and the call that differs decides before it asks here: flock's EWOULDBLOCK is ERR_BUSY
 * (blocking.c), connect's EADDRNOTAVAIL is ERR_RESOURCES (posix.c). */
#include <errno.h>

#include "base/rt/backend.h"

enum err rt_err_from_errno(int error)
{
    switch (error) {
    case 0: return ERR_OK;
    case EAGAIN: /* also EWOULDBLOCK */
    case EINTR: return ERR_AGAIN;
    case ECANCELED: return ERR_CANCELED;
    case ETIMEDOUT:
    case ETIME: return ERR_TIMEOUT;

    case EINVAL:
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EADDRNOTAVAIL: return ERR_INVALID;
    case EFBIG: return ERR_TOO_LARGE; /* the file system's largest file, or RLIMIT_FSIZE */
    case EOPNOTSUPP:                  /* also ENOTSUP */
    case ENOSYS:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT: return ERR_UNSUPPORTED;

    case ENOENT: return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY: return ERR_EXISTS; /* POSIX lets rmdir answer either */
    case EBUSY:
    case ETXTBSY:
    case EADDRINUSE: return ERR_BUSY;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_ACCESS;
    case EIO:
    case ENXIO:
    case ENODEV:
    case EREMOTEIO:
    case EUCLEAN: /* what ext4 and XFS answer when their own structures are damaged, */
    case EBADMSG: /* or a checksum of them does not hold */ return ERR_IO;
    case ENOSPC:
    case EDQUOT: return ERR_DISK_FULL;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS: return ERR_RESOURCES;

    case ECONNREFUSED: return ERR_REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case ESHUTDOWN:
    case EPIPE: return ERR_RESET;
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH: return ERR_UNREACHABLE;

    default: return ERR_SYSTEM;
    }
}
