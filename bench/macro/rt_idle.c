/* A server with nothing to do: what it costs to keep it running. `tdb serve` with four shards
 * allowed, on each runtime, in a process of its own; when it is ready it is left alone and its
 * processor time and resident memory are read after a while. Shards sleep in the kernel without a
 * timeout, so nearly nothing is what is expected. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/micro/bench.h"

#define IDLE_SHARDS   "4"
#define IDLE_START_NS 10000000000ull /* it must be ready by then */

/* A running server. */
struct idle_server {
    pid_t pid;  /* its process */
    int log_fd; /* its log lines */
};

static void idle_measure(struct bench *b, const char *tdb, const char *runtime);
static struct idle_server idle_start(struct bench *b, const char *tdb, const char *runtime);
static void idle_wait_ready(const struct idle_server *server);
static void idle_stop(const struct idle_server *server);
static uint64_t idle_cpu_ns(pid_t pid);
static uint64_t idle_rss_bytes(pid_t pid);
static void idle_rest(uint64_t duration_ns);
static void idle_die(const char *what);

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    /* build/release/bench/rt_idle measures build/release/tdb. */
    char tdb[BENCH_PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", tdb, sizeof(tdb) - 1);
    if (length < 0) {
        idle_die("the program's own path");
    }
    tdb[length] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(tdb, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
    }
    size_t folder_bytes = strlen(tdb);
    snprintf(tdb + folder_bytes, sizeof(tdb) - folder_bytes, "/tdb");
    idle_measure(&b, tdb, "uring");
    idle_measure(&b, tdb, "epoll");
    return bench_finish(&b);
}

static void idle_measure(struct bench *b, const char *tdb, const char *runtime)
{
    struct idle_server server = idle_start(b, tdb, runtime);
    idle_wait_ready(&server);
    idle_rest(500000000); /* what the start left to do is over */
    uint64_t cpu_began_ns = idle_cpu_ns(server.pid);
    uint64_t began_ns = bench_now_ns();
    idle_rest(b->is_quick ? 1000000000 : 10000000000);
    double percent = 100.0 * (double)(idle_cpu_ns(server.pid) - cpu_began_ns) /
                     (double)(bench_now_ns() - began_ns);
    double mib = (double)idle_rss_bytes(server.pid) / (1 << 20);
    idle_stop(&server);
    char name[64];
    snprintf(name, sizeof(name), "%s, %s shards: processor", runtime, IDLE_SHARDS);
    bench_row(
        b, &(struct bench_row){
               .name = name, .value = percent, .unit = "% of a core", .bar = "< 0.5 % of a core"});
    snprintf(name, sizeof(name), "%s, %s shards: resident", runtime, IDLE_SHARDS);
    bench_row(b, &(struct bench_row){.name = name, .value = mib, .unit = "MiB", .bar = "< 10 MiB"});
}

static struct idle_server idle_start(struct bench *b, const char *tdb, const char *runtime)
{
    char data_dir[BENCH_PATH_BYTES];
    int ends[2];
    snprintf(data_dir, sizeof(data_dir), "%s/idle-data", b->dir);
    if (pipe(ends) != 0) {
        idle_die("pipe");
    }
    struct idle_server server = {.pid = fork(), .log_fd = ends[0]};
    if (server.pid < 0) {
        idle_die("fork");
    }
    if (server.pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        execl(tdb, "tdb", "serve", "--shards", IDLE_SHARDS, "--runtime", runtime, "--listen",
              "127.0.0.1:0", "--data", data_dir, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    return server;
}

/* Read its log until it says that it is ready. */
static void idle_wait_ready(const struct idle_server *server)
{
    char log[16384];
    size_t log_bytes = 0;
    uint64_t began_ns = bench_now_ns();
    while (bench_now_ns() - began_ns < IDLE_START_NS && log_bytes < sizeof(log) - 1) {
        ssize_t length = read(server->log_fd, log + log_bytes, sizeof(log) - 1 - log_bytes);
        if (length <= 0) {
            break;
        }
        log_bytes += (size_t)length;
        log[log_bytes] = '\0';
        if (strstr(log, " ready") != NULL) {
            return;
        }
    }
    fprintf(stderr, "rt_idle: the server did not start:\n%.*s\n", (int)log_bytes, log);
    exit(1);
}

static void idle_stop(const struct idle_server *server)
{
    kill(server->pid, SIGTERM);
    waitpid(server->pid, NULL, 0);
    close(server->log_fd);
}

static uint64_t idle_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        idle_die("the server's processor time");
    }
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static uint64_t idle_rss_bytes(pid_t pid)
{
    char path[64];
    char line[256];
    unsigned long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        idle_die(path);
    }
    while (fgets(line, sizeof(line), file) != NULL && sscanf(line, "VmRSS: %lu kB", &kib) != 1) {
    }
    fclose(file);
    return (uint64_t)kib * 1024;
}

static void idle_rest(uint64_t duration_ns)
{
    struct timespec rest = {.tv_sec = (time_t)(duration_ns / 1000000000u),
                            .tv_nsec = (long)(duration_ns % 1000000000u)};
    while (nanosleep(&rest, &rest) != 0) {
    }
}

static void idle_die(const char *what)
{
    fprintf(stderr, "rt_idle: %s: %s\n", what, strerrordesc_np(errno));
    exit(1);
}
