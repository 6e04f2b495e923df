/* Faults of a simulated disk. See sim_disk.h.
 *
 * Faults at rest (rot, unreadable sectors) are drawn when a sector is read, not as time goes by: a
 * reader cannot tell the difference, and an idle disk costs nothing. They strike what is durable
 * only. Every draw takes one number from the generator, struck or not, so that a rate changed to 0
 * leaves the rest of a run as it was. */
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim_disk_int.h"

#define SIM_MILLION 1000000u

static struct sim_inode *sim_disk_nth_file(struct sim_disk *disk, uint64_t nth,
                                           uint64_t *files_count);
static int64_t sim_inode_peek(struct sim_inode *inode, bool is_durable, uint64_t pos, void *out,
                              size_t length);
static enum err sim_disk_damage(struct sim_disk *disk, const char *path, uint64_t pos,
                                enum sim_fault fault, uint32_t bit);

const char *sim_fault_name(enum sim_fault fault)
{
    static const char *const names[SIM_FAULT_COUNT] = {
#define SIM_FAULT_NAME(name, text) [SIM_FAULT_##name] = text,
        SIM_FAULTS(SIM_FAULT_NAME)
#undef SIM_FAULT_NAME
    };
    ASSERT((unsigned)fault < SIM_FAULT_COUNT);
    return names[fault];
}

bool sim_disk_strikes(struct sim_disk *disk, enum sim_fault fault, const char *path, uint64_t pos)
{
    const struct sim_disk_options *options = &disk->options;
    bool is_struck = prng_chance(&disk->prng, options->faults_ppm[fault], SIM_MILLION);
    if (is_struck && options->may_strike != NULL) {
        is_struck = options->may_strike(options->ctx, fault, path, pos);
    }
    if (disk->planted[fault] > 0) {
        disk->planted[fault]--;
        is_struck = true;
    }
    if (is_struck) {
        disk->stats.faults[fault]++;
        if (disk->on_fault != NULL) {
            disk->on_fault(disk->on_fault_ctx, fault, path, pos);
        }
    }
    return is_struck;
}

void sim_disk_on_fault(struct sim_disk *disk,
                       void (*on_fault)(void *ctx, enum sim_fault fault, const char *path,
                                        uint64_t pos),
                       void *ctx)
{
    disk->on_fault = on_fault;
    disk->on_fault_ctx = ctx;
}

void sim_disk_strike_read(struct sim_handle *handle, uint64_t pos, uint64_t length)
{
    static const enum sim_fault faults[] = {SIM_FAULT_BIT_ROT, SIM_FAULT_SECTOR_ERROR};
    struct sim_disk *disk = handle->disk;
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        if (!sim_disk_strikes(disk, faults[i], handle->path, pos)) {
            continue;
        }
        uint64_t at = pos + prng_below(&disk->prng, length);
        struct sim_page *page = sim_inode_own_page(handle->inode, at / SIM_PAGE_BYTES);
        if (page == NULL) {
            disk->stats.faults[faults[i]]--; /* a hole has no sectors */
        } else if (faults[i] == SIM_FAULT_BIT_ROT) {
            page->data[at % SIM_PAGE_BYTES] ^= (uint8_t)(1u << prng_below(&disk->prng, 8));
        } else {
            page->bad |= (uint8_t)(1u << (at % SIM_PAGE_BYTES / SIM_SECTOR_BYTES));
        }
    }
}

void sim_disk_misdirect(struct sim_handle *handle, const struct iovec *iov, uint64_t length)
{
    struct sim_disk *disk = handle->disk;
    struct sim_inode *victim = handle->inode;
    if (disk->options.may_strike == NULL) {
        uint64_t files_count = 0;
        (void)sim_disk_nth_file(disk, UINT64_MAX, &files_count);
        uint64_t nth = prng_below(&disk->prng, files_count > 0 ? files_count : 1);
        victim = sim_disk_nth_file(disk, nth, &files_count);
    }
    if (victim == NULL || victim->durable.pages_count == 0) {
        return; /* it hit nothing of ours */
    }
    uint64_t pages_count = victim->durable_bytes / SIM_PAGE_BYTES + 1;
    uint64_t index = sim_map_next(&victim->durable, prng_below(&disk->prng, pages_count));
    index = index != UINT64_MAX ? index : sim_map_next(&victim->durable, 0);
    if (disk->options.may_strike != NULL &&
        !disk->options.may_strike(disk->options.ctx, SIM_FAULT_MISDIRECTED_WRITE, handle->path,
                                  index * SIM_PAGE_BYTES)) {
        return;
    }
    struct sim_page *page = sim_inode_own_page(victim, index);
    uint64_t bytes = iov[0].iov_len < length ? iov[0].iov_len : length;
    bytes = bytes < SIM_PAGE_BYTES ? bytes : SIM_PAGE_BYTES;
    memcpy(page->data, iov[0].iov_base, bytes);
}

int64_t sim_disk_peek_durable(struct sim_disk *disk, const char *path, uint64_t pos, void *out,
                              size_t length)
{
    struct sim_inode *inode = sim_disk_lookup(disk, path, true);
    return inode != NULL ? sim_inode_peek(inode, true, pos, out, length) : -1;
}

int64_t sim_disk_peek(struct sim_disk *disk, const char *path, uint64_t pos, void *out,
                      size_t length)
{
    struct sim_inode *inode = sim_disk_lookup(disk, path, false);
    return inode != NULL ? sim_inode_peek(inode, false, pos, out, length) : -1;
}

uint64_t sim_disk_size(struct sim_disk *disk, const char *path)
{
    struct sim_inode *inode = sim_disk_lookup(disk, path, false);
    return inode != NULL && !inode->is_dir ? inode->latest_bytes : UINT64_MAX;
}

enum err sim_disk_rot(struct sim_disk *disk, const char *path, uint64_t pos, uint32_t bit)
{
    return sim_disk_damage(disk, path, pos, SIM_FAULT_BIT_ROT, bit);
}

enum err sim_disk_sector_error(struct sim_disk *disk, const char *path, uint64_t pos)
{
    return sim_disk_damage(disk, path, pos, SIM_FAULT_SECTOR_ERROR, 0);
}

enum err sim_disk_wipe(struct sim_disk *disk, const char *path, uint64_t pos)
{
    return sim_disk_damage(disk, path, pos, SIM_FAULT_LOST_WRITE, 0);
}

void sim_disk_plant(struct sim_disk *disk, enum sim_fault fault)
{
    ASSERT((unsigned)fault < SIM_FAULT_COUNT);
    disk->planted[fault]++;
}

/* The `nth` file that has anything durable, in the order they were made; NULL past the last. */
static struct sim_inode *sim_disk_nth_file(struct sim_disk *disk, uint64_t nth,
                                           uint64_t *files_count)
{
    *files_count = 0;
    list_for_each (node, &disk->inodes) {
        struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        if (!inode->is_dir && inode->durable.pages_count > 0 && (*files_count)++ == nth) {
            return inode;
        }
    }
    return NULL;
}

static int64_t sim_inode_peek(struct sim_inode *inode, bool is_durable, uint64_t pos, void *out,
                              size_t length)
{
    if (inode->is_dir) {
        return -1;
    }
    struct sim_inode view = *inode;
    view.latest = is_durable ? inode->durable : inode->latest;
    view.latest_bytes = is_durable ? inode->durable_bytes : inode->latest_bytes;
    struct iovec iov = {.iov_base = out, .iov_len = length};
    int64_t result = 0;
    enum err err = sim_inode_read(&view, &iov, 1, pos, length, &result);
    return err == ERR_OK ? result : -1;
}

static enum err sim_disk_damage(struct sim_disk *disk, const char *path, uint64_t pos,
                                enum sim_fault fault, uint32_t bit)
{
    ASSERT(bit < 8);
    struct sim_inode *inode = sim_disk_lookup(disk, path, false);
    if (inode == NULL || inode->is_dir) {
        return ERR_NOT_FOUND;
    }
    struct sim_page *page = sim_inode_own_page(inode, pos / SIM_PAGE_BYTES);
    if (page == NULL) {
        return ERR_RANGE;
    }
    if (fault == SIM_FAULT_BIT_ROT) {
        page->data[pos % SIM_PAGE_BYTES] ^= (uint8_t)(1u << bit);
    } else if (fault == SIM_FAULT_LOST_WRITE) {
        memset(page->data, 0, sizeof(page->data));
    } else {
        page->bad |= (uint8_t)(1u << (pos % SIM_PAGE_BYTES / SIM_SECTOR_BYTES));
    }
    disk->stats.faults[fault]++;
    return ERR_OK;
}
