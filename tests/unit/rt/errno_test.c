/* errno as `enum err`: the meanings that callers build on, and no surprise for the rest. */
#include <errno.h>
#include <string.h>

#include "base/rt/backend.h"
#include "tests/support/cmocka.h"

/* Grouped by who asks: the errors that the manual pages of the calls behind file.h and sock.h name.
 */
static const struct {
    int error;
    enum err want;
} errno_rows[] = {
    {0, ERR_OK},
    /* open(2), rename(2), unlink(2), mkdir(2), rmdir(2) */
    {ENOENT, ERR_NOT_FOUND},
    {EEXIST, ERR_EXISTS},
    {ENOTEMPTY, ERR_EXISTS},
    {EACCES, ERR_ACCESS},
    {EPERM, ERR_ACCESS},
    {EROFS, ERR_ACCESS},
    {EISDIR, ERR_INVALID},
    {ENOTDIR, ERR_INVALID},
    {ENAMETOOLONG, ERR_INVALID},
    {ELOOP, ERR_INVALID},
    {EINVAL, ERR_INVALID},
    {EBUSY, ERR_BUSY},
    {ETXTBSY, ERR_BUSY},
    {EMFILE, ERR_RESOURCES},
    {ENFILE, ERR_RESOURCES},
    {ENOMEM, ERR_RESOURCES},
    /* pwritev2(2), fdatasync(2), fallocate(2), ftruncate(2) */
    {EIO, ERR_IO},
    {ENXIO, ERR_IO},
    {ENODEV, ERR_IO},
    {EREMOTEIO, ERR_IO},
    {EUCLEAN, ERR_IO},
    {EBADMSG, ERR_IO},
    {ENOSPC, ERR_DISK_FULL},
    {EDQUOT, ERR_DISK_FULL},
    {EFBIG, ERR_TOO_LARGE},
    {EOPNOTSUPP, ERR_UNSUPPORTED},
    {ENOSYS, ERR_UNSUPPORTED},
    {EAGAIN, ERR_AGAIN},
    {EINTR, ERR_AGAIN},
    /* tcp(7), connect(2), bind(2), accept(2), recv(2), send(2) */
    {EADDRINUSE, ERR_BUSY},
    {EADDRNOTAVAIL, ERR_INVALID},
    {EAFNOSUPPORT, ERR_UNSUPPORTED},
    {EPROTONOSUPPORT, ERR_UNSUPPORTED},
    {ECONNREFUSED, ERR_REFUSED},
    {ECONNRESET, ERR_RESET},
    {ECONNABORTED, ERR_RESET},
    {ENOTCONN, ERR_RESET},
    {ESHUTDOWN, ERR_RESET},
    {EPIPE, ERR_RESET},
    {ETIMEDOUT, ERR_TIMEOUT},
    {ETIME, ERR_TIMEOUT},
    {ENETDOWN, ERR_UNREACHABLE},
    {ENETUNREACH, ERR_UNREACHABLE},
    {EHOSTDOWN, ERR_UNREACHABLE},
    {EHOSTUNREACH, ERR_UNREACHABLE},
    {ENOBUFS, ERR_RESOURCES},
    {ECANCELED, ERR_CANCELED},
    /* what none of our calls should ever answer */
    {EBADF, ERR_SYSTEM},
    {EFAULT, ERR_SYSTEM},
    {EDOM, ERR_SYSTEM},
};

static void errno_means_what_callers_build_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(errno_rows); i++) {
        assert_string_equal(err_name(rt_err_from_errno(errno_rows[i].error)),
                            err_name(errno_rows[i].want));
    }
}

static void errno_of_any_value_is_an_error_of_the_house(void **state)
{
    (void)state;
    for (int error = -4096; error < 4096; error++) {
        enum err err = rt_err_from_errno(error);
        assert_true(err < ERR_COUNT);
        assert_int_equal(err == ERR_OK, error == 0);
        if (error != 0 && strerrorname_np(error) == NULL) {
            assert_int_equal(err, ERR_SYSTEM);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errno_means_what_callers_build_on),
        cmocka_unit_test(errno_of_any_value_is_an_error_of_the_house),
    };
    return cmocka_run_group_tests_name("rt_errno", tests, NULL, NULL);
}
