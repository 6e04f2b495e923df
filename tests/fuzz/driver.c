/* The replaying driver: runs a fuzz target without libFuzzer, so that every build and every ctest
 * run fuzzes a little.
 *
 *     fuzz_<noun> DIRECTORY    run each file, then deterministic mutations of them for the suite's
 * share fuzz_<noun> FILE...      run these files only
 *
 * A case is made from its seed and the corpus alone: one to eight mutations of one file. It knows
 * no coverage and keeps nothing it finds; that is libFuzzer's work, and its finds become corpus
 * files. Inputs lie in memory of exactly their size, so AddressSanitizer sees a byte too many. When
 * the target dies, by signal, sanitizer or by taking too long, the seed is printed and the input
 * saved. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/prng.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/share.h"

/* Largest input; larger files and growth are cut. */
#define DRIVER_INPUT_BYTES_MAX (64 * 1024)

/* Most files of a corpus. */
#define DRIVER_FILES_MAX 1024

/* A case that takes longer hangs. */
#define DRIVER_CASE_SECONDS_MAX 30

/* Most mutations of one case. */
#define DRIVER_MUTATIONS_MAX 8

/* Bytes under mutation. */
struct driver_input {
    uint8_t data[DRIVER_INPUT_BYTES_MAX]; /* the bytes */
    size_t length;                        /* how many */
};

/* One file of the corpus. */
struct driver_file {
    char *name;    /* its name in the directory */
    uint8_t *data; /* its bytes, at most DRIVER_INPUT_BYTES_MAX */
    size_t length; /* how many */
};

/* The corpus, sorted by name so that a seed means the same everywhere. */
struct driver_corpus {
    struct driver_file files[DRIVER_FILES_MAX];
    size_t count;
};

/* The case that runs, for the handler that reports its death: signal handlers take no argument. */
static struct {
    const char *program; /* argv[0] without its directories */
    const char *name;    /* the file, NULL for a mutation */
    uint64_t seed;       /* of the mutation */
    const uint8_t *data; /* the input; NULL: no case runs */
    size_t length;       /* its bytes */
} driver_case;

/* ASan and UBSan call this before they end the process. Absent in other builds. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void driver_watch(const char *program);
static void driver_on_death(void);
static void driver_on_signal(int signal);
static void driver_load(struct driver_corpus *corpus, const char *directory);
static struct driver_file driver_read(const char *path);
static int driver_compare(const void *a, const void *b);
static void driver_run(const char *name, uint64_t seed, const uint8_t *data, size_t length);
static void driver_fuzz(const struct driver_corpus *corpus);
static void driver_mutate(struct driver_input *in, struct prng *prng,
                          const struct driver_corpus *corpus);
static void driver_change(struct driver_input *in, struct prng *prng);
static void driver_insert(struct driver_input *in, size_t pos, const uint8_t *data, size_t length);
static void driver_erase(struct driver_input *in, size_t pos, size_t length);

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s DIRECTORY | FILE...\n", argv[0]);
        return 2;
    }
    driver_watch(argv[0]);
    struct stat status;
    if (argc > 2 || stat(argv[1], &status) != 0 || !S_ISDIR(status.st_mode)) {
        for (int i = 1; i < argc; i++) {
            struct driver_file file = driver_read(argv[i]);
            driver_run(file.name, 0, file.data, file.length);
            free(file.name);
            free(file.data);
        }
        return 0;
    }
    struct driver_corpus *corpus = calloc(1, sizeof(*corpus));
    ASSERT(corpus != NULL);
    driver_load(corpus, argv[1]);
    for (size_t i = 0; i < corpus->count; i++) {
        driver_run(corpus->files[i].name, 0, corpus->files[i].data, corpus->files[i].length);
    }
    driver_fuzz(corpus);
    for (size_t i = 0; i < corpus->count; i++) {
        free(corpus->files[i].name);
        free(corpus->files[i].data);
    }
    free(corpus);
    return 0;
}

/* From now on a death reports the case it happened in. */
static void driver_watch(const char *program)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    const char *slash = strrchr(program, '/');
    driver_case.program = slash != NULL ? slash + 1 : program;
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(driver_on_death);
    }
    for (size_t i = 0; i < ARRAY_COUNT(signals); i++) {
        struct sigaction now;
        sigaction(signals[i], NULL, &now);
        if (now.sa_handler == SIG_DFL) { /* else a sanitizer's, which calls the death callback */
            struct sigaction action = {.sa_handler = driver_on_signal,
                                       .sa_flags = (int)SA_RESETHAND};
            sigaction(signals[i], &action, NULL);
        }
    }
}

/* Say which case died and save its input. Once: a sanitizer's report may be followed by a signal.
 */
static void driver_on_death(void)
{
    if (driver_case.data == NULL) {
        return;
    }
    if (driver_case.name != NULL) {
        dprintf(STDERR_FILENO, "%s: failed on file %s\n", driver_case.program, driver_case.name);
        driver_case.data = NULL;
        return;
    }
    const char *build = getenv("TDB_BUILD");
    char path[512];
    snprintf(path, sizeof(path), "%s/%s-crash-%llu", build != NULL ? build : ".",
             driver_case.program, (unsigned long long)driver_case.seed);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool is_saved = fd >= 0 && write(fd, driver_case.data, driver_case.length) >= 0;
    dprintf(STDERR_FILENO, "%s: failed on seed %llu, %zu bytes, %s %s\n", driver_case.program,
            (unsigned long long)driver_case.seed, driver_case.length,
            is_saved ? "saved as" : "not saved as", path);
    driver_case.data = NULL;
}

static void driver_on_signal(int signal)
{
    if (signal == SIGALRM) {
        dprintf(STDERR_FILENO, "%s: takes more than %d s\n", driver_case.program,
                DRIVER_CASE_SECONDS_MAX);
    }
    driver_on_death();
    raise(signal); /* the default action is back: the status tells the truth */
}

/* Read every regular file of `directory`. A directory that is not there is a mistake of the caller.
 */
static void driver_load(struct driver_corpus *corpus, const char *directory)
{
    DIR *dir = opendir(directory);
    ASSERT(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[1024];
        struct stat status;
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
            ASSERT(corpus->count < DRIVER_FILES_MAX);
            corpus->files[corpus->count++] = driver_read(path);
        }
    }
    closedir(dir);
    qsort(corpus->files, corpus->count, sizeof(corpus->files[0]), driver_compare);
}

static struct driver_file driver_read(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct driver_file file = {.name = strdup(slash != NULL ? slash + 1 : path)};
    file.data = malloc(DRIVER_INPUT_BYTES_MAX);
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        fprintf(stderr, "%s: cannot read %s\n", driver_case.program, path);
        exit(2);
    }
    ASSERT(file.name != NULL);
    ASSERT(file.data != NULL);
    file.length = fread(file.data, 1, DRIVER_INPUT_BYTES_MAX, stream);
    fclose(stream);
    return file;
}

static int driver_compare(const void *a, const void *b)
{
    return strcmp(((const struct driver_file *)a)->name, ((const struct driver_file *)b)->name);
}

/* Run the target on a copy of exactly `length` bytes. */
static void driver_run(const char *name, uint64_t seed, const uint8_t *data, size_t length)
{
    uint8_t *copy = malloc(length + (length == 0));
    ASSERT(copy != NULL);
    memcpy(copy, data, length);
    driver_case.name = name;
    driver_case.seed = seed;
    driver_case.length = length;
    driver_case.data = copy;
    alarm(DRIVER_CASE_SECONDS_MAX);
    int result = LLVMFuzzerTestOneInput(copy, length);
    ASSERT(result == 0);
    alarm(0);
    driver_case.data = NULL;
    free(copy);
}

static void driver_fuzz(const struct driver_corpus *corpus)
{
    struct driver_input *in = malloc(sizeof(*in));
    ASSERT(in != NULL);
    char name[64];
    snprintf(name, sizeof(name), "mutations of %zu files", corpus->count);
    struct share share = share_open(name, 100);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        in->length = 0;
        if (corpus->count > 0) {
            const struct driver_file *file = &corpus->files[prng_below(&prng, corpus->count)];
            in->length = file->length;
            memcpy(in->data, file->data, file->length);
        }
        for (uint64_t left = prng_range(&prng, 1, DRIVER_MUTATIONS_MAX); left > 0; left--) {
            driver_mutate(in, &prng, corpus);
        }
        driver_run(NULL, share_case_seed(&share), in->data, in->length);
    }
    share_close(&share);
    free(in);
}

/* One mutation. Half of them keep the length, because most formats are full of lengths. */
static void driver_mutate(struct driver_input *in, struct prng *prng,
                          const struct driver_corpus *corpus)
{
    size_t pos = (size_t)prng_range(prng, 0, in->length);
    size_t span = (size_t)prng_range(prng, 0, (in->length - pos < 64 ? in->length - pos : 64));
    uint8_t noise[16];
    switch (prng_below(prng, 10)) {
    case 0: /* insert noise */
        prng_fill(prng, noise, sizeof(noise));
        driver_insert(in, pos, noise, (size_t)prng_range(prng, 1, sizeof(noise)));
        break;
    case 1: /* say something twice */ driver_insert(in, pos, in->data + pos, span); break;
    case 2: driver_erase(in, pos, span); break;
    case 3: /* cut the end off */ driver_erase(in, pos, in->length - pos); break;
    case 4: /* go on like another file */
        if (corpus->count > 0) {
            const struct driver_file *other = &corpus->files[prng_below(prng, corpus->count)];
            size_t from = (size_t)prng_range(prng, 0, other->length);
            driver_erase(in, pos, in->length - pos);
            driver_insert(in, pos, other->data + from, other->length - from);
        }
        break;
    default:
        if (in->length > 0) {
            driver_change(in, prng);
        }
        break;
    }
}

/* Change bytes in place: a bit, a byte, or an integer to one that is often wrong. */
static void driver_change(struct driver_input *in, struct prng *prng)
{
    static const uint64_t edges[] = {
        0,          1,           2,          0x7f,
        0x80,       0xff,        0x7fff,     0x8000,
        0xffff,     0x10000,     0x7fffffff, 0x80000000,
        0xffffffff, 0x100000000, INT64_MAX,  (uint64_t)1 << 63,
        UINT64_MAX,
    };
    size_t pos = (size_t)prng_below(prng, in->length);
    switch (prng_below(prng, 4)) {
    case 0: in->data[pos] ^= (uint8_t)(1u << prng_below(prng, 8)); break;
    case 1: in->data[pos] = (uint8_t)prng_u64(prng); break;
    case 2: in->data[pos] = (uint8_t)(in->data[pos] + prng_range(prng, 0, 16) - 8); break;
    default: {
        size_t width = (size_t)1 << prng_below(prng, 4);
        uint64_t value = edges[prng_below(prng, ARRAY_COUNT(edges))];
        bool is_big_endian = prng_chance(prng, 1, 2);
        for (size_t i = 0; i < width && pos + i < in->length; i++) {
            size_t byte = is_big_endian ? width - 1 - i : i;
            in->data[pos + i] = (uint8_t)(value >> 8 * byte);
        }
        break;
    }
    }
}

/* Insert `length` bytes (which may be the input's own) at `pos`, as far as there is room. */
static void driver_insert(struct driver_input *in, size_t pos, const uint8_t *data, size_t length)
{
    size_t room = DRIVER_INPUT_BYTES_MAX - in->length;
    length = length < room ? length : room;
    memmove(in->data + pos + length, in->data + pos, in->length - pos);
    memmove(in->data + pos, data, length);
    in->length += length;
}

static void driver_erase(struct driver_input *in, size_t pos, size_t length)
{
    memmove(in->data + pos, in->data + pos + length, in->length - pos - length);
    in->length -= length;
}
