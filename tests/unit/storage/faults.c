/* One call that fails. See faults.h. The state is static because the wrapped calls have no argument
 * that could lead to it. */
#include "tests/unit/storage/faults.h"

#include <stdio.h>
#include <string.h>

#include "base/budget.h"
#include "tests/sim/sim_disk.h"

static struct {
    enum faults_kind kind;
    uint64_t number;               /* of the call that fails */
    uint64_t counts[FAULTS_COUNT]; /* calls */
    bool is_armed;
    bool has_struck;
    char what[256]; /* the call */
} faults;

void faults_arm(enum faults_kind kind, uint64_t number)
{
    memset(&faults, 0, sizeof(faults));
    faults.kind = kind;
    faults.number = number;
    faults.is_armed = true;
}

void faults_disarm(void)
{
    faults.is_armed = false;
}

uint64_t faults_count(enum faults_kind kind)
{
    return faults.counts[kind];
}

bool faults_has_struck(void)
{
    return faults.has_struck;
}

const char *faults_what(void)
{
    return faults.what;
}

/* One more call of `kind`; whether it is the one. */
static bool faults_strikes(enum faults_kind kind, const char *call, const char *target)
{
    if (!faults.is_armed || ++faults.counts[kind] != faults.number || kind != faults.kind) {
        return false;
    }
    faults.has_struck = true;
    snprintf(faults.what, sizeof(faults.what), "%s of %s", call, target);
    return true;
}

/* --- The disk --- */

enum err __real_sim_disk_open(struct sim_disk *disk, const char *path, uint32_t flags,
                              struct sim_handle **out);
enum err __real_sim_disk_read(struct sim_handle *handle, const struct iovec *iov,
                              uint32_t iov_count, uint64_t pos, uint64_t length, int64_t *result);
enum err __real_sim_disk_write(struct sim_handle *handle, const struct iovec *iov,
                               uint32_t iov_count, uint64_t pos, uint64_t length,
                               uint64_t *sequence);
enum err __real_sim_disk_land(struct sim_handle *handle, uint64_t sequence);
enum err __real_sim_disk_flush(struct sim_handle *handle, uint64_t through);
enum err __real_sim_disk_sync_all(struct sim_handle *handle, uint64_t through);
enum err __real_sim_disk_allocate(struct sim_handle *handle, enum rt_allocate how, uint64_t pos,
                                  uint64_t length);
enum err __real_sim_disk_truncate(struct sim_handle *handle, uint64_t size_bytes);
enum err __real_sim_disk_lock(struct sim_handle *handle, bool is_exclusive);
enum err __real_sim_disk_rename(struct sim_disk *disk, const char *path, const char *path_to);
enum err __real_sim_disk_unlink(struct sim_disk *disk, const char *path);
enum err __real_sim_disk_mkdir(struct sim_disk *disk, const char *path);
enum err __real_sim_disk_rmdir(struct sim_disk *disk, const char *path);
enum err __real_sim_disk_list(struct sim_disk *disk, const char *path, struct rt_dir_list *list);
enum err __real_sim_disk_sync_dir(struct sim_disk *disk, const char *path, uint64_t through);
enum err __real_sim_disk_space(struct sim_disk *disk, const char *path, struct rt_space *space);
enum err __wrap_sim_disk_open(struct sim_disk *disk, const char *path, uint32_t flags,
                              struct sim_handle **out);
enum err __wrap_sim_disk_read(struct sim_handle *handle, const struct iovec *iov,
                              uint32_t iov_count, uint64_t pos, uint64_t length, int64_t *result);
enum err __wrap_sim_disk_write(struct sim_handle *handle, const struct iovec *iov,
                               uint32_t iov_count, uint64_t pos, uint64_t length,
                               uint64_t *sequence);
enum err __wrap_sim_disk_land(struct sim_handle *handle, uint64_t sequence);
enum err __wrap_sim_disk_flush(struct sim_handle *handle, uint64_t through);
enum err __wrap_sim_disk_sync_all(struct sim_handle *handle, uint64_t through);
enum err __wrap_sim_disk_allocate(struct sim_handle *handle, enum rt_allocate how, uint64_t pos,
                                  uint64_t length);
enum err __wrap_sim_disk_truncate(struct sim_handle *handle, uint64_t size_bytes);
enum err __wrap_sim_disk_lock(struct sim_handle *handle, bool is_exclusive);
enum err __wrap_sim_disk_rename(struct sim_disk *disk, const char *path, const char *path_to);
enum err __wrap_sim_disk_unlink(struct sim_disk *disk, const char *path);
enum err __wrap_sim_disk_mkdir(struct sim_disk *disk, const char *path);
enum err __wrap_sim_disk_rmdir(struct sim_disk *disk, const char *path);
enum err __wrap_sim_disk_list(struct sim_disk *disk, const char *path, struct rt_dir_list *list);
enum err __wrap_sim_disk_sync_dir(struct sim_disk *disk, const char *path, uint64_t through);
enum err __wrap_sim_disk_space(struct sim_disk *disk, const char *path, struct rt_space *space);

/* What the call fails with; ERR_OK: it does not. */
static enum err faults_disk(const char *call, const char *target, bool takes_room)
{
    if (takes_room && faults_strikes(FAULTS_SPACE, call, target)) {
        return ERR_DISK_FULL;
    }
    return faults_strikes(FAULTS_IO, call, target) ? ERR_IO : ERR_OK;
}

enum err __wrap_sim_disk_open(struct sim_disk *disk, const char *path, uint32_t flags,
                              struct sim_handle **out)
{
    enum err err = faults_disk("open", path, (flags & RT_FILE_CREATE) != 0);
    if (err == ERR_OK && faults_strikes(FAULTS_OPEN, "open", path)) {
        err = ERR_RESOURCES;
    }
    return err != ERR_OK ? err : __real_sim_disk_open(disk, path, flags, out);
}

enum err __wrap_sim_disk_read(struct sim_handle *handle, const struct iovec *iov,
                              uint32_t iov_count, uint64_t pos, uint64_t length, int64_t *result)
{
    enum err err = faults_disk("read", sim_handle_path(handle), false);
    return err != ERR_OK ? err : __real_sim_disk_read(handle, iov, iov_count, pos, length, result);
}

/* Half of it may be written all the same. */
enum err __wrap_sim_disk_write(struct sim_handle *handle, const struct iovec *iov,
                               uint32_t iov_count, uint64_t pos, uint64_t length,
                               uint64_t *sequence)
{
    enum err err = faults_disk("write", sim_handle_path(handle), true);
    uint64_t part = length / 1024 * 512;
    if (err == ERR_OK) {
        return __real_sim_disk_write(handle, iov, iov_count, pos, length, sequence);
    }
    if (err == ERR_IO && part > 0) {
        enum err written = __real_sim_disk_write(handle, iov, iov_count, pos, part, sequence);
        return written != ERR_OK ? written : err;
    }
    return err;
}

/* The disk's own fault: what was written since the last flush is forgotten. */
enum err __wrap_sim_disk_land(struct sim_handle *handle, uint64_t sequence)
{
    enum err err = faults_disk("flush", sim_handle_path(handle), false);
    enum err landed = __real_sim_disk_land(handle, sequence);
    return err != ERR_OK ? err : landed;
}

enum err __wrap_sim_disk_flush(struct sim_handle *handle, uint64_t through)
{
    enum err err = faults_disk("flush", sim_handle_path(handle), false);
    return err != ERR_OK ? err : __real_sim_disk_flush(handle, through);
}

enum err __wrap_sim_disk_sync_all(struct sim_handle *handle, uint64_t through)
{
    enum err err = faults_disk("sync all", sim_handle_path(handle), false);
    return err != ERR_OK ? err : __real_sim_disk_sync_all(handle, through);
}

enum err __wrap_sim_disk_allocate(struct sim_handle *handle, enum rt_allocate how, uint64_t pos,
                                  uint64_t length)
{
    enum err err = faults_disk("allocate", sim_handle_path(handle), true);
    return err != ERR_OK ? err : __real_sim_disk_allocate(handle, how, pos, length);
}

enum err __wrap_sim_disk_truncate(struct sim_handle *handle, uint64_t size_bytes)
{
    enum err err = faults_disk("truncate", sim_handle_path(handle), false);
    return err != ERR_OK ? err : __real_sim_disk_truncate(handle, size_bytes);
}

enum err __wrap_sim_disk_lock(struct sim_handle *handle, bool is_exclusive)
{
    enum err err = faults_disk("lock", sim_handle_path(handle), false);
    return err != ERR_OK ? err : __real_sim_disk_lock(handle, is_exclusive);
}

enum err __wrap_sim_disk_rename(struct sim_disk *disk, const char *path, const char *path_to)
{
    enum err err = faults_disk("rename", path, true);
    return err != ERR_OK ? err : __real_sim_disk_rename(disk, path, path_to);
}

enum err __wrap_sim_disk_unlink(struct sim_disk *disk, const char *path)
{
    enum err err = faults_disk("unlink", path, false);
    return err != ERR_OK ? err : __real_sim_disk_unlink(disk, path);
}

enum err __wrap_sim_disk_mkdir(struct sim_disk *disk, const char *path)
{
    enum err err = faults_disk("mkdir", path, true);
    return err != ERR_OK ? err : __real_sim_disk_mkdir(disk, path);
}

enum err __wrap_sim_disk_rmdir(struct sim_disk *disk, const char *path)
{
    enum err err = faults_disk("rmdir", path, false);
    return err != ERR_OK ? err : __real_sim_disk_rmdir(disk, path);
}

enum err __wrap_sim_disk_list(struct sim_disk *disk, const char *path, struct rt_dir_list *list)
{
    enum err err = faults_disk("list", path, false);
    return err != ERR_OK ? err : __real_sim_disk_list(disk, path, list);
}

enum err __wrap_sim_disk_sync_dir(struct sim_disk *disk, const char *path, uint64_t through)
{
    enum err err = faults_disk("sync", path, false);
    return err != ERR_OK ? err : __real_sim_disk_sync_dir(disk, path, through);
}

enum err __wrap_sim_disk_space(struct sim_disk *disk, const char *path, struct rt_space *space)
{
    enum err err = faults_disk("space", path, false);
    return err != ERR_OK ? err : __real_sim_disk_space(disk, path, space);
}

/* --- Memory --- */

enum err __real_budget_alloc(struct budget *b, size_t bytes, size_t align, void **out);
enum err __real_budget_charge(struct budget *b, size_t bytes);
enum err __wrap_budget_alloc(struct budget *b, size_t bytes, size_t align, void **out);
enum err __wrap_budget_charge(struct budget *b, size_t bytes);

static bool faults_alloc(const struct budget *b, const char *call)
{
    const struct budget *up = b;
    while (up != NULL && strcmp(up->name, "log") != 0) {
        up = up->parent;
    }
    return up != NULL && faults_strikes(FAULTS_ALLOC, call, b->name);
}

enum err __wrap_budget_alloc(struct budget *b, size_t bytes, size_t align, void **out)
{
    if (faults_alloc(b, "block")) {
        *out = NULL;
        return ERR_BUDGET;
    }
    return __real_budget_alloc(b, bytes, align, out);
}

enum err __wrap_budget_charge(struct budget *b, size_t bytes)
{
    return faults_alloc(b, "charge") ? ERR_BUDGET : __real_budget_charge(b, bytes);
}
