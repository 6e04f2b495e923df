/* What happened before: the inputs of a target that keeps a world over many of them, in order since
 * the world began. They are written as they come, to a file that is mapped, so that they are there
 * however the process dies; the world is then repeated from them.
 *
 *     TDB_BUILD=DIRECTORY  where the file is: DIRECTORY/fuzz_<noun>-<pid>.tape; not set: there is
 * none TDB_TAPE=FILE        to be repeated before anything else; nothing is written then
 *
 *     "tape", u32 world, then of each input: u32 length (> 0), its bytes; then u32 0.
 * Little-endian.
 */
#ifndef TESTS_FUZZ_TAPE_H
#define TESTS_FUZZ_TAPE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"

/* Room for the inputs of one world. */
#define TAPE_BYTES (4u << 20)

/* A tape. All zero: none, and nothing is kept. */
struct tape {
    struct bytes_writer w; /* on the mapped file; capacity 0: none */
    char path[512];        /* of the file */
};

/* Begin to keep inputs, if the environment says where. */
static inline void tape_open(struct tape *tape, const char *noun)
{
    const char *build = getenv("TDB_BUILD");
    *tape = (struct tape){0};
    if (build == NULL || getenv("TDB_TAPE") != NULL) {
        return;
    }
    snprintf(tape->path, sizeof(tape->path), "%s/fuzz_%s-%d.tape", build, noun, (int)getpid());
    int fd = open(tape->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && ftruncate(fd, TAPE_BYTES) == 0) {
        void *data = mmap(NULL, TAPE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        tape->w = data != MAP_FAILED ? bytes_writer(data, TAPE_BYTES) : tape->w;
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* World `number` begins. */
static inline void tape_begin(struct tape *tape, uint32_t number)
{
    if (tape->w.capacity > 0) {
        tape->w.pos = 0;
        bytes_put_copy(&tape->w, "tape", 4);
        bytes_put_u32le(&tape->w, number);
        bytes_put_u32le(&tape->w, 0);
    }
}

/* `data` is the next input. */
static inline void tape_add(struct tape *tape, const uint8_t *data, size_t size)
{
    if (tape->w.capacity > 0 && size > 0) {
        ASSERT(bytes_writer_left(&tape->w) >= size + 4);
        tape->w.pos -= 4; /* over the end */
        bytes_put_u32le(&tape->w, (uint32_t)size);
        bytes_put_copy(&tape->w, data, size);
        bytes_put_u32le(&tape->w, 0);
    }
}

/* Nothing is to be repeated: the file goes. */
static inline void tape_close(struct tape *tape)
{
    if (tape->w.capacity > 0) {
        munmap(tape->w.data, TAPE_BYTES);
        unlink(tape->path);
    }
    *tape = (struct tape){0};
}

/* The tape at `path`, malloc'ed (the caller frees it), and a reader that stands at its first input.
 */
static inline uint8_t *tape_load(const char *path, struct bytes_reader *r, uint32_t *number)
{
    uint8_t *data = malloc(TAPE_BYTES);
    FILE *file = fopen(path, "rb");
    ASSERT(data != NULL);
    ASSERT(file != NULL); /* as named by the environment */
    *r = bytes_reader(data, fread(data, 1, TAPE_BYTES, file));
    fclose(file);
    const uint8_t *magic = bytes_get_view(r, 4);
    ASSERT(magic != NULL);
    ASSERT(memcmp(magic, "tape", 4) == 0);
    *number = bytes_get_u32le(r);
    return data;
}

/* Whether there is another input, and it. */
static inline bool tape_next(struct bytes_reader *r, const uint8_t **data, size_t *size)
{
    *size = bytes_get_u32le(r);
    *data = bytes_get_view(r, *size);
    return r->err == ERR_OK && *size > 0;
}

#endif
