/* Banned calls: what the house uses instead, and where the bare call may stand. The table is the
 * rule; a place that truly needs a call is written into its row, there is no other exception. */
#include <string.h>

#include "base/compiler.h"
#include "tests/tidy/source.h"
#include "tests/tidy/tidy.h"

/* Folders outside the house's rules on memory, time and waiting: they run in a process of their own
 * or in somebody else's. */
#define CALLS_OUTSIDE "tests bench deploy connectors/clients"

/* Words are separated by one space; `*` ends a name that stands for all that begin so. */
static const struct calls_row {
    const char *names;   /* the calls */
    const char *instead; /* what to use */
    const char *allowed; /* files, and folders with all below them */
} calls_rows[] = {
    {"malloc calloc realloc reallocarray free aligned_alloc posix_memalign memalign strdup strndup "
     "asprintf vasprintf",
     "budget_alloc, an arena or a pool", "base/budget.c " CALLS_OUTSIDE},
    {"strcpy strcat stpcpy strncpy strncat stpncpy sprintf vsprintf", "snprintf or a bytes_writer",
     ""},
    {"atoi atol atoll atof strtol strtoul strtoll strtoull strtoimax strtoumax strtod strtof "
     "strtold",
     "base/units", "base/units.c " CALLS_OUTSIDE},
    {"rand srand rand_r random srandom drand48 lrand48 mrand48", "a seeded prng", ""},
    {"time gettimeofday clock_gettime clock ftime timespec_get", "the clock of base/rt",
     "base/rt broker/cli/client_clock.c " CALLS_OUTSIDE},
    {"usleep sleep nanosleep clock_nanosleep", "a timer of base/rt", "bench connectors/clients"},
    {"gets", "fgets with a limit", ""},
    {"strtok strtok_r strsep", "strcspn and lengths, or a bytes_reader", ""},
    {"alloca", "an arena", ""},
    {"setjmp sigsetjmp _setjmp longjmp siglongjmp", "enum err and one out label", ""},
    {"open openat open64 creat close read write readv writev pread pwrite pread64 pwrite64 preadv "
     "pwritev lseek fsync fdatasync sync_file_range fallocate posix_fallocate ftruncate truncate "
     "fcntl ioctl flock lockf stat fstat lstat fstatat statx statfs fstatfs statvfs fstatvfs "
     "access "
     "unlink unlinkat rename renameat renameat2 remove mkdir mkdirat rmdir link linkat symlink "
     "opendir fdopendir readdir fopen fdopen freopen sendfile splice copy_file_range mmap munmap "
     "mremap msync mlock mprotect memfd_create",
     "base/rt/file.h", "base/rt broker/app broker/cli connectors " CALLS_OUTSIDE},
    {"madvise", "budget_wish_huge", "base/budget.c base/rt " CALLS_OUTSIDE},
    {"socket socketpair bind listen accept accept4 connect shutdown send sendto sendmsg recv "
     "recvfrom recvmsg setsockopt getsockopt getsockname getpeername getaddrinfo poll ppoll select "
     "pselect epoll_* eventfd timerfd_* signalfd",
     "base/rt/sock.h", "base/rt broker/app broker/cli connectors " CALLS_OUTSIDE},
    {"fork vfork execv execve execvp execvpe execl execlp execle posix_spawn posix_spawnp system "
     "popen wait waitpid waitid kill signal sigaction sigprocmask pipe pipe2 dup dup2 dup3 "
     "pthread_* thrd_* mtx_* cnd_* sem_* sched_* syscall getrandom io_uring_*",
     "base/rt (shard, worker, mailbox)", "base/rt broker/app broker/cli connectors " CALLS_OUTSIDE},
};

static bool calls_has_name(const char *names, const struct source_token *token);
static bool calls_is_allowed(const char *allowed, const char *path);
static bool calls_is_member(const struct source *s, size_t i);
static bool calls_copies_struct(const struct source *s, size_t i);

void tidy_calls(const struct source *s, const struct tidy_sink *sink)
{
    for (size_t i = 0; i + 1 < s->count; i++) {
        const struct source_token *token = &s->tokens[i];
        if (token->kind != SOURCE_WORD || !source_is(s, i + 1, "(") || calls_is_member(s, i)) {
            continue;
        }
        for (size_t r = 0; r < ARRAY_COUNT(calls_rows); r++) {
            const struct calls_row *row = &calls_rows[r];
            if (calls_has_name(row->names, token) && !calls_is_allowed(row->allowed, s->path)) {
                tidy_report(sink, s->path, token->line, TIDY_CALL, "%.*s: use %s here",
                            (int)token->length, token->text, row->instead);
            }
        }
        if (calls_copies_struct(s, i)) {
            tidy_report(sink, s->path, token->line, TIDY_CALL,
                        "%.*s of a whole struct: assign it, or decode field by field through a "
                        "bytes_reader",
                        (int)token->length, token->text);
        }
    }
}

static bool calls_has_name(const char *names, const struct source_token *token)
{
    for (const char *name = names; *name != '\0';) {
        size_t length = strcspn(name, " ");
        bool is_prefix = name[length - 1] == '*';
        size_t compared = length - is_prefix;
        if (name[0] == token->text[0] && token->length >= compared &&
            (is_prefix || token->length == compared) && memcmp(name, token->text, compared) == 0) {
            return true;
        }
        name += length + (name[length] == ' ');
    }
    return false;
}

static bool calls_is_allowed(const char *allowed, const char *path)
{
    for (const char *place = allowed; *place != '\0';) {
        size_t length = strcspn(place, " ");
        if (strncmp(path, place, length) == 0 && (path[length] == '/' || path[length] == '\0')) {
            return true;
        }
        place += length + (place[length] == ' ');
    }
    return false;
}

/* ops->read(...), ops.read(...): a member of ours, whatever it is called. */
static bool calls_is_member(const struct source *s, size_t i)
{
    return i > 0 && (source_is(s, i - 1, ".") ||
                     (i > 1 && source_is(s, i - 1, ">") && source_is(s, i - 2, "-")));
}

/* memcpy, memmove or memset whose last argument is just the size of a struct: a product (elements
 * of an array) is something else. */
static bool calls_copies_struct(const struct source *s, size_t i)
{
    if (!source_is(s, i, "memcpy") && !source_is(s, i, "memmove") && !source_is(s, i, "memset")) {
        return false;
    }
    size_t close = source_match(s, i + 1);
    size_t last = 0;
    for (size_t j = i + 2; j < close; j++) {
        if (source_is(s, j, "(") || source_is(s, j, "[") || source_is(s, j, "{")) {
            j = source_match(s, j);
        } else if (source_is(s, j, ",")) {
            last = j + 1;
        }
    }
    if (last == 0 || !source_is(s, last, "sizeof")) {
        return false;
    }
    bool has_parens = source_is(s, last + 1, "(");
    size_t what = last + 1 + has_parens;
    bool is_struct = source_is(s, what, "struct") || source_is(s, what, "*");
    return is_struct && (!has_parens || source_match(s, last + 1) + 1 == close);
}
