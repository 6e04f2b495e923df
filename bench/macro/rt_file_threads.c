/* The bare threads of rt_file: each makes one blocking call after another, taking the number of the
 * next operation from a shared counter. See rt_file.h. */
#include <errno.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/macro/rt_file.h"

static void *file_threads_main(void *context);
static void file_threads_call(struct file_threads *threads, uint8_t *data, uint64_t pos);

void file_threads_open(struct file_threads *threads, const struct file_load *load, uint32_t count)
{
    ASSERT(count <= FILE_DEPTH_MAX);
    *threads = (struct file_threads){.load = load, .count = count};
    threads->fd = file_load_open(load);
    pthread_barrier_init(&threads->go, NULL, count + 1);
    pthread_barrier_init(&threads->ended, NULL, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        int error = pthread_create(&threads->ids[i], NULL, file_threads_main, threads);
        if (error != 0) {
            file_fail("a thread", error);
        }
    }
}

struct file_run file_threads_run(void *context)
{
    struct file_threads *threads = context;
    atomic_store(&threads->index, threads->index_end); /* each thread took one too many */
    threads->index_end += threads->load->ops_count;
    pthread_barrier_wait(&threads->go);
    pthread_barrier_wait(&threads->ended);
    struct file_times *all = &threads->times[0];
    for (uint32_t i = 1; i < threads->count; i++) {
        const struct file_times *times = &threads->times[i];
        all->began_ns = times->began_ns < all->began_ns ? times->began_ns : all->began_ns;
        all->last_ns = times->last_ns > all->last_ns ? times->last_ns : all->last_ns;
        all->ended_count += times->ended_count;
    }
    return file_load_run(threads->load, all);
}

void file_threads_close(struct file_threads *threads)
{
    threads->is_stopping = true;
    pthread_barrier_wait(&threads->go);
    for (uint32_t i = 0; i < threads->count; i++) {
        pthread_join(threads->ids[i], NULL);
    }
    pthread_barrier_destroy(&threads->go);
    pthread_barrier_destroy(&threads->ended);
    close(threads->fd);
}

static void *file_threads_main(void *context)
{
    struct file_threads *threads = context;
    const struct file_load *load = threads->load;
    uint64_t id = atomic_fetch_add(&threads->ids_count, 1);
    uint8_t *data = load->data + id * load->block_bytes;
    for (;;) {
        pthread_barrier_wait(&threads->go);
        if (threads->is_stopping) {
            return NULL;
        }
        file_load_bind(load);
        file_times_begin(&threads->times[id]);
        uint64_t index;
        bool is_late = false;
        while (!is_late && (index = atomic_fetch_add(&threads->index, 1)) < threads->index_end) {
            file_threads_call(threads, data, file_load_pos(load, index));
            is_late = !file_times_ended(&threads->times[id]);
        }
        pthread_barrier_wait(&threads->ended);
    }
}

static void file_threads_call(struct file_threads *threads, uint8_t *data, uint64_t pos)
{
    const struct file_load *load = threads->load;
    bool is_durable = load->act == FILE_ACT_WRITE_DURABLE;
    ssize_t moved;
    if (load->act == FILE_ACT_READ) {
        moved = pread(threads->fd, data, load->block_bytes, (off_t)pos);
    } else if (is_durable && load->form == RT_FLUSH_DSYNC) {
        struct iovec iov = {data, load->block_bytes};
        moved = pwritev2(threads->fd, &iov, 1, (off_t)pos, RWF_DSYNC);
    } else {
        moved = pwrite(threads->fd, data, load->block_bytes, (off_t)pos);
        if (is_durable && moved >= 0 && fdatasync(threads->fd) != 0) {
            moved = -1;
        }
    }
    if (moved != (ssize_t)load->block_bytes) {
        file_fail("an operation of the bare threads", errno);
    }
}
