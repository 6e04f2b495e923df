/* Files of a simulated disk: open handles and what they do. See sim_disk.h; names are in
 * sim_names.c, faults in sim_fault.c, crashes in sim_crash.c. */
#include "tests/sim/sim_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim_disk_int.h"

#define SIM_NS_PER_S 1000000000ull
#define SIM_LN2_16   45426 /* ln(2), 16 bits of fraction */
#define SIM_LOG_BITS 6     /* of the fraction of a logarithm that are computed */

static enum err sim_disk_check_room(struct sim_disk *disk, const struct sim_handle *handle,
                                    uint64_t pos, uint64_t length);
static void sim_handle_unlock(struct sim_handle *handle);

struct sim_disk_options sim_disk_options_calm(void)
{
    return (struct sim_disk_options){
        .capacity_bytes = 1ull << 40,
        .form = RT_FLUSH_LINKED,
        .read = {.min_ns = 20000, .mean_ns = 80000},
        .write = {.min_ns = 10000, .mean_ns = 30000},
        .flush = {.min_ns = 30000, .mean_ns = 100000},
        .stall = {.min_ns = 10000000, .mean_ns = 500000000},
        .bytes_per_s = 2ull << 30,
    };
}

struct sim_disk *sim_disk_new(const struct sim_disk_options *options, uint64_t seed)
{
    struct sim_store *store = sim_store_new();
    struct sim_disk *disk = sim_store_alloc(store, sizeof(*disk));
    disk->store = store;
    disk->options = *options;
    prng_init(&disk->prng, seed);
    list_init(&disk->inodes);
    list_init(&disk->changes);
    list_init(&disk->handles);
    disk->root = sim_disk_inode_new(disk, ++disk->ids_count, true);
    sim_disk_inode_ref(disk->root);
    return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
    ASSERT(list_is_empty(&disk->handles));
    list_for_each_safe (node, following, &disk->changes) {
        sim_change_free(disk, CONTAINER_OF(node, struct sim_change, in_disk));
    }
    sim_disk_inode_unref(disk, disk->root);
    ASSERT(list_is_empty(&disk->inodes));
    struct sim_store *store = disk->store;
    sim_store_free(store, disk);
    sim_store_unref(store);
}

enum err sim_disk_open(struct sim_disk *disk, const char *path, uint32_t flags,
                       struct sim_handle **out)
{
    *out = NULL;
    struct sim_inode *inode = sim_disk_lookup(disk, path, false);
    if (inode != NULL && (flags & RT_FILE_EXCLUSIVE) != 0) {
        return ERR_EXISTS;
    }
    if (inode == NULL) {
        enum err err = sim_disk_create(disk, path, flags, &inode);
        if (err != ERR_OK) {
            return err;
        }
    }
    if (inode->is_dir) {
        return ERR_INVALID;
    }
    struct sim_handle *handle = sim_store_alloc(disk->store, sizeof(*handle));
    handle->disk = disk;
    handle->inode = inode;
    handle->is_direct = (flags & RT_FILE_DIRECT) != 0 && !disk->options.refuses_direct;
    snprintf(handle->path, sizeof(handle->path), "%s", path);
    sim_disk_inode_ref(inode);
    list_push_back(&disk->handles, &handle->in_disk);
    *out = handle;
    return ERR_OK;
}

void sim_disk_close(struct sim_handle *handle)
{
    sim_handle_unlock(handle);
    struct sim_disk *disk = handle->disk;
    list_remove(&handle->in_disk);
    sim_disk_inode_unref(disk, handle->inode);
    sim_store_free(disk->store, handle);
}

bool sim_handle_is_direct(const struct sim_handle *handle)
{
    return handle->is_direct;
}

uint64_t sim_handle_size(const struct sim_handle *handle)
{
    return handle->inode->latest_bytes;
}

const char *sim_handle_path(const struct sim_handle *handle)
{
    return handle->path;
}

enum err sim_disk_read(struct sim_handle *handle, const struct iovec *iov, uint32_t iov_count,
                       uint64_t pos, uint64_t length, int64_t *result)
{
    sim_disk_strike_read(handle, pos, length);
    enum err err = sim_inode_read(handle->inode, iov, iov_count, pos, length, result);
    handle->disk->stats.read_bytes += err == ERR_OK ? (uint64_t)*result : 0;
    return err;
}

enum err sim_disk_write(struct sim_handle *handle, const struct iovec *iov, uint32_t iov_count,
                        uint64_t pos, uint64_t length, uint64_t *sequence)
{
    struct sim_disk *disk = handle->disk;
    *sequence = ++disk->sequence;
    enum err err = sim_disk_check_room(disk, handle, pos, length);
    if (err != ERR_OK) {
        return err;
    }
    enum sim_write lost = handle->is_direct ? SIM_WRITE_LOST : SIM_WRITE_CACHED;
    enum sim_write how = SIM_WRITE_DONE;
    if (sim_disk_strikes(disk, SIM_FAULT_WRITE_ERROR, handle->path, pos)) {
        err = ERR_IO;
        length = prng_range(&disk->prng, 0, length / SIM_SECTOR_BYTES) * SIM_SECTOR_BYTES;
    }
    if (sim_disk_strikes(disk, SIM_FAULT_LOST_WRITE, handle->path, pos)) {
        how = lost;
    }
    if (sim_disk_strikes(disk, SIM_FAULT_MISDIRECTED_WRITE, handle->path, pos)) {
        sim_disk_misdirect(handle, iov, length);
        how = lost;
    }
    if (length > 0) {
        uint64_t pages_before = handle->inode->latest.pages_count;
        enum err media =
            sim_inode_write(handle->inode, *sequence, iov, iov_count, pos, length, how);
        err = err != ERR_OK ? err : media;
        disk->stats.used_bytes +=
            (handle->inode->latest.pages_count - pages_before) * SIM_PAGE_BYTES;
        disk->stats.written_bytes += err == ERR_OK ? length : 0;
        sim_disk_mutated(disk, RT_OP_FILE_WRITE, handle->path, pos, length);
    }
    return err;
}

/* What is not durable of a file is lost, or some of it. */
static void sim_disk_drop_pending(struct sim_disk *disk, struct sim_inode *inode)
{
    enum sim_survival survival = (enum sim_survival)prng_below(&disk->prng, SIM_SURVIVAL_COUNT);
    sim_inode_drop_pending(inode, survival, &disk->prng);
}

/* Whether a flush fails, because it is struck, or for what was lost before. */
static enum err sim_disk_flush_begin(struct sim_handle *handle)
{
    struct sim_disk *disk = handle->disk;
    bool has_lost = handle->inode->has_lost;
    handle->inode->has_lost = false;
    if (sim_disk_strikes(disk, SIM_FAULT_FLUSH_ERROR, handle->path, 0)) {
        sim_disk_drop_pending(disk, handle->inode);
        return ERR_IO;
    }
    return has_lost ? ERR_IO : ERR_OK;
}

enum err sim_disk_land(struct sim_handle *handle, uint64_t sequence)
{
    struct sim_disk *disk = handle->disk;
    if (disk->options.form != RT_FLUSH_DSYNC) {
        return sim_disk_flush(handle, sequence);
    }
    enum err err = sim_disk_flush_begin(handle);
    if (err == ERR_OK) {
        sim_inode_land_write(handle->inode, sequence);
        disk->stats.flushes_count++;
    }
    sim_disk_mutated(disk, RT_OP_FILE_WRITE_DURABLE, handle->path, 0, 0);
    return err;
}

uint64_t sim_disk_sequence(const struct sim_disk *disk)
{
    return disk->sequence;
}

enum err sim_disk_flush(struct sim_handle *handle, uint64_t through)
{
    struct sim_disk *disk = handle->disk;
    ASSERT(through <= disk->sequence);
    enum err err = sim_disk_flush_begin(handle);
    if (err == ERR_OK) {
        bool is_exact = prng_chance(&disk->prng, 1, 2);
        through = is_exact ? through : prng_range(&disk->prng, through, disk->sequence);
        sim_inode_land(handle->inode, through);
        disk->stats.flushes_count++;
    }
    sim_disk_mutated(disk, RT_OP_FILE_FLUSH, handle->path, 0, 0);
    return err;
}

enum err sim_disk_sync_all(struct sim_handle *handle, uint64_t through)
{
    struct sim_disk *disk = handle->disk;
    ASSERT(through <= disk->sequence);
    bool is_struck = sim_disk_strikes(disk, SIM_FAULT_FLUSH_ERROR, handle->path, 0);
    uint64_t dice = is_struck ? prng_below(&disk->prng, 16) : 0;
    list_for_each (node, &disk->inodes) {
        struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        if (!is_struck) {
            sim_inode_land(inode, inode->is_dir ? 0 : through);
            inode->chosen_through = inode->is_dir ? through : 0;
        } else if (!list_is_empty(&inode->pending) && dice-- == 0) {
            sim_disk_drop_pending(disk, inode);
            inode->has_lost = true;
        }
    }
    if (!is_struck) {
        sim_changes_land(disk);
        disk->stats.flushes_count++;
    }
    sim_disk_mutated(disk, RT_OP_FILE_SYNC_ALL, handle->path, 0, 0);
    return is_struck ? ERR_IO : ERR_OK;
}

enum err sim_disk_allocate(struct sim_handle *handle, enum rt_allocate how, uint64_t pos,
                           uint64_t length)
{
    struct sim_disk *disk = handle->disk;
    struct sim_inode *inode = handle->inode;
    uint64_t pages_before = inode->latest.pages_count;
    if (disk->options.refuses_allocate) {
        return ERR_UNSUPPORTED;
    }
    if (how == RT_ALLOCATE_PUNCH) {
        if (sim_disk_strikes(disk, SIM_FAULT_WRITE_ERROR, handle->path, pos)) {
            return ERR_IO;
        }
        sim_inode_punch(inode, ++disk->sequence, pos, length);
    } else {
        enum err err = sim_disk_check_room(disk, handle, pos, length);
        if (err != ERR_OK) {
            return err;
        }
        uint64_t size_bytes = how == RT_ALLOCATE_EXTEND ? pos + length : 0;
        sim_inode_reserve(inode, ++disk->sequence, pos, length, size_bytes);
    }
    disk->stats.used_bytes += (inode->latest.pages_count - pages_before) * SIM_PAGE_BYTES;
    sim_disk_mutated(disk, RT_OP_FILE_ALLOCATE, handle->path, pos, length);
    return ERR_OK;
}

enum err sim_disk_truncate(struct sim_handle *handle, uint64_t size_bytes)
{
    struct sim_disk *disk = handle->disk;
    struct sim_inode *inode = handle->inode;
    if (size_bytes > SIM_FILE_BYTES_MAX) {
        return ERR_TOO_LARGE;
    }
    if (sim_disk_strikes(disk, SIM_FAULT_WRITE_ERROR, handle->path, size_bytes)) {
        return ERR_IO;
    }
    uint64_t pages_before = inode->latest.pages_count;
    sim_inode_truncate(inode, ++disk->sequence, size_bytes);
    disk->stats.used_bytes += (inode->latest.pages_count - pages_before) * SIM_PAGE_BYTES;
    sim_disk_mutated(disk, RT_OP_FILE_TRUNCATE, handle->path, size_bytes, 0);
    return ERR_OK;
}

/* flock(2): a handle that asks again changes its own lock. */
enum err sim_disk_lock(struct sim_handle *handle, bool is_exclusive)
{
    struct sim_inode *inode = handle->inode;
    uint32_t others = inode->locks_shared - handle->is_lock_shared;
    bool is_held = inode->is_locked && !handle->is_lock_exclusive;
    if (is_held || (is_exclusive && others > 0)) {
        return ERR_BUSY;
    }
    sim_handle_unlock(handle);
    handle->is_lock_exclusive = inode->is_locked = is_exclusive;
    handle->is_lock_shared = !is_exclusive;
    inode->locks_shared += !is_exclusive;
    return ERR_OK;
}

enum err sim_disk_space(struct sim_disk *disk, const char *path, struct rt_space *space)
{
    if (sim_disk_lookup(disk, path, false) == NULL) {
        return ERR_NOT_FOUND;
    }
    uint64_t total = disk->options.capacity_bytes;
    uint64_t used = disk->stats.used_bytes;
    space->total_bytes = total;
    space->free_bytes = used < total ? total - used : 0;
    return ERR_OK;
}

/* tidy: dispatcher */
uint64_t sim_disk_delay_ns(struct sim_disk *disk, enum rt_op_kind kind, uint64_t length)
{
    const struct sim_disk_options *options = &disk->options;
    uint64_t delay_ns = 0;
    switch (kind) {
    case RT_OP_FILE_OPEN:
    case RT_OP_FILE_READ:
    case RT_OP_PATH_LIST:
    case RT_OP_PATH_SPACE: delay_ns = sim_delay_draw(&options->read, &disk->prng); break;
    case RT_OP_FILE_FLUSH:
    case RT_OP_FILE_SYNC_ALL:
    case RT_OP_FILE_WRITE_DURABLE: /* its second half */
    case RT_OP_PATH_SYNC_DIR: delay_ns = sim_delay_draw(&options->flush, &disk->prng); break;
    case RT_OP_FILE_CLOSE:
    case RT_OP_FILE_WRITE:
    case RT_OP_FILE_ALLOCATE:
    case RT_OP_FILE_TRUNCATE:
    case RT_OP_FILE_LOCK:
    case RT_OP_PATH_RENAME:
    case RT_OP_PATH_UNLINK:
    case RT_OP_PATH_MKDIR:
    case RT_OP_PATH_RMDIR: delay_ns = sim_delay_draw(&options->write, &disk->prng); break;
    case RT_OP_DEFER:
    case RT_OP_JOB:
    case RT_OP_LISTENER_CLOSE:
    case RT_OP_SOCK_ACCEPT:
    case RT_OP_SOCK_CONNECT:
    case RT_OP_SOCK_RECV:
    case RT_OP_SOCK_SEND:
    case RT_OP_SOCK_CLOSE:
    case RT_OP_SOCK_DETACH:
    case RT_OP_KIND_COUNT: UNREACHABLE();
    }
    if (sim_disk_strikes(disk, SIM_FAULT_STALL, "", 0)) {
        delay_ns += sim_delay_draw(&options->stall, &disk->prng);
    }
    unsigned __int128 transfer = (unsigned __int128)length * SIM_NS_PER_S;
    return delay_ns + (uint64_t)(transfer / options->bytes_per_s);
}

/* -ln(u) of a random u, by integers alone: libm's log differs in its last bit between processors.
 * Leading zeros are the whole part of -log2(u); squaring the rest gives its fraction bit by bit,
 * and what is left after a few is nearly its own logarithm (0.1 % off at worst). */
uint64_t sim_delay_draw(const struct sim_delay *delay, struct prng *prng)
{
    ASSERT(delay->mean_ns >= delay->min_ns);
    uint64_t u = prng_u64(prng) | 1;
    uint32_t zeros = (uint32_t)__builtin_clzll(u);
    uint64_t x = u << zeros >> 32; /* [1, 2), 31 bits of fraction */
    uint64_t log2 = 0;             /* of x, SIM_LOG_BITS of fraction */
    for (uint32_t bit = 0; bit < SIM_LOG_BITS; bit++) {
        x = x * x >> 31;
        uint64_t carry = x >> 32;
        x >>= carry;
        log2 = log2 << 1 | carry;
    }
    uint32_t rest_bits = 16 - SIM_LOG_BITS;
    uint64_t rest = (x & 0x7fffffff) >> (31 - rest_bits);
    uint64_t minus_log2 = ((uint64_t)(zeros + 1) << 16) - (log2 << rest_bits | rest);
    unsigned __int128 above = delay->mean_ns - delay->min_ns;
    return delay->min_ns + (uint64_t)(above * minus_log2 * SIM_LN2_16 >> 32);
}

const struct sim_disk_stats *sim_disk_stats(const struct sim_disk *disk)
{
    return &disk->stats;
}

struct sim_disk_options *sim_disk_options(struct sim_disk *disk)
{
    return &disk->options;
}

void sim_disk_watch(struct sim_disk *disk,
                    void (*watch)(void *ctx, struct sim_disk *disk, const struct sim_mutation *m),
                    void *ctx)
{
    disk->watch = watch;
    disk->watch_ctx = ctx;
}

void sim_disk_mutated(struct sim_disk *disk, enum rt_op_kind kind, const char *path, uint64_t pos,
                      uint64_t length)
{
    struct sim_mutation m = {.number = ++disk->stats.mutations_count,
                             .kind = kind,
                             .path = path,
                             .pos = pos,
                             .length = length};
    if (disk->watch != NULL) {
        disk->watch(disk->watch_ctx, disk, &m);
    }
}

void sim_disk_count_used(struct sim_disk *disk)
{
    disk->stats.used_bytes = 0;
    list_for_each (node, &disk->inodes) {
        const struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        disk->stats.used_bytes += inode->latest.pages_count * SIM_PAGE_BYTES;
    }
}

/* Whether [pos, pos + length) of the file may be written: its size, the device's room. */
static enum err sim_disk_check_room(struct sim_disk *disk, const struct sim_handle *handle,
                                    uint64_t pos, uint64_t length)
{
    if (pos > SIM_FILE_BYTES_MAX || length > SIM_FILE_BYTES_MAX - pos) {
        return ERR_TOO_LARGE;
    }
    uint64_t holes = sim_inode_holes(handle->inode, pos, length);
    bool is_struck = sim_disk_strikes(disk, SIM_FAULT_DISK_FULL, handle->path, pos);
    bool is_full =
        holes > 0 && disk->stats.used_bytes + holes * SIM_PAGE_BYTES > disk->options.capacity_bytes;
    return is_struck || is_full ? ERR_DISK_FULL : ERR_OK;
}

static void sim_handle_unlock(struct sim_handle *handle)
{
    struct sim_inode *inode = handle->inode;
    if (handle->is_lock_exclusive) {
        inode->is_locked = false;
    }
    if (handle->is_lock_shared) {
        ASSERT(inode->locks_shared > 0);
        inode->locks_shared--;
    }
    handle->is_lock_exclusive = handle->is_lock_shared = false;
}
