/* Files: arguments are checked and the books kept here, the backend does the rest. See file.h.
 *
 * Every op on an open file counts in file->waiting_count from submit to completion; a close waits
 * until the count is 0. Ops submitted after the close was asked for are answered ERR_CLOSING
 * without reaching the backend. */
#include "base/rt/file.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/rt/backend.h"
#include "base/rt/op_int.h"

static bool rt_file_begin(struct rt_file *file, struct rt_op *op, enum rt_op_kind kind);
static void rt_file_io(struct rt_file *file, struct rt_op *op, enum rt_op_kind kind,
                       const struct iovec *iov, uint32_t iov_count, uint64_t pos);
static void rt_path_start(struct rt_op *op, const char *path);
static bool rt_path_fits(const char *path);

void rt_file_open(struct rt_file *file, struct rt_op *op, struct rt_shard *shard, const char *path,
                  uint32_t flags, uint32_t mode)
{
    ASSERT(op->shard == shard);
    ASSERT((flags & (RT_FILE_READ | RT_FILE_WRITE)) != 0);
    ASSERT(IMPLIES(flags & RT_FILE_EXCLUSIVE, flags & RT_FILE_CREATE));
    *file = (struct rt_file){.shard = shard,
                             .fd = -1,
                             .slot = -1,
                             .flags = flags,
                             .is_direct = (flags & RT_FILE_DIRECT) != 0};
    rt_op_submit(op, RT_OP_FILE_OPEN);
    op->file = file;
    file->waiting_count++;
    op->args.path.flags = flags;
    op->args.path.mode = mode;
    rt_path_start(op, path);
}

void rt_file_close(struct rt_file *file, struct rt_op *op)
{
    ASSERT(file->is_open);
    ASSERT(file->close_op == NULL);
    rt_op_submit(op, RT_OP_FILE_CLOSE);
    op->file = file;
    file->close_op = op;
    if (file->waiting_count == 0) {
        rt_op_start(op);
    }
}

void rt_file_read(struct rt_file *file, struct rt_op *op, void *data, size_t length, uint64_t pos)
{
    ASSERT(file->flags & RT_FILE_READ);
    ASSERT(length > 0);
    ASSERT(rt_op_is_idle(op));
    op->iov_one = (struct iovec){.iov_base = data, .iov_len = length};
    rt_file_io(file, op, RT_OP_FILE_READ, &op->iov_one, 1, pos);
}

void rt_file_write(struct rt_file *file, struct rt_op *op, const void *data, size_t length,
                   uint64_t pos)
{
    ASSERT(file->flags & RT_FILE_WRITE);
    ASSERT(length > 0);
    ASSERT(rt_op_is_idle(op));
    op->iov_one = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    rt_file_io(file, op, RT_OP_FILE_WRITE, &op->iov_one, 1, pos);
}

void rt_file_writev(struct rt_file *file, struct rt_op *op, const struct iovec *iov,
                    uint32_t iov_count, uint64_t pos)
{
    ASSERT(file->flags & RT_FILE_WRITE);
    rt_file_io(file, op, RT_OP_FILE_WRITE, iov, iov_count, pos);
}

void rt_file_write_durable(struct rt_file *file, struct rt_op *op, const struct iovec *iov,
                           uint32_t iov_count, uint64_t pos)
{
    ASSERT(file->flags & RT_FILE_WRITE);
    rt_file_io(file, op, RT_OP_FILE_WRITE_DURABLE, iov, iov_count, pos);
}

void rt_file_flush(struct rt_file *file, struct rt_op *op)
{
    if (rt_file_begin(file, op, RT_OP_FILE_FLUSH)) {
        rt_op_start(op);
    }
}

void rt_file_sync_all(struct rt_file *file, struct rt_op *op)
{
    if (rt_file_begin(file, op, RT_OP_FILE_SYNC_ALL)) {
        rt_op_start(op);
    }
}

void rt_file_allocate(struct rt_file *file, struct rt_op *op, enum rt_allocate how, uint64_t pos,
                      uint64_t length)
{
    ASSERT(file->flags & RT_FILE_WRITE);
    ASSERT(length > 0);
    ASSERT(pos <= INT64_MAX - length);
    if (rt_file_begin(file, op, RT_OP_FILE_ALLOCATE)) {
        op->args.io.flags = how;
        op->args.io.pos = pos;
        op->args.io.length = length;
        rt_op_start(op);
    }
}

void rt_file_truncate(struct rt_file *file, struct rt_op *op, uint64_t size_bytes)
{
    ASSERT(file->flags & RT_FILE_WRITE);
    ASSERT(size_bytes <= INT64_MAX);
    if (rt_file_begin(file, op, RT_OP_FILE_TRUNCATE)) {
        op->args.io.length = size_bytes;
        rt_op_start(op);
    }
}

void rt_file_lock(struct rt_file *file, struct rt_op *op, bool is_exclusive)
{
    if (rt_file_begin(file, op, RT_OP_FILE_LOCK)) {
        op->args.io.flags = is_exclusive;
        rt_op_start(op);
    }
}

void rt_path_rename(struct rt_op *op, const char *path, const char *path_to)
{
    rt_op_submit(op, RT_OP_PATH_RENAME);
    op->args.path.path_to = path_to;
    if (!rt_path_fits(path_to)) {
        rt_op_complete(op, ERR_INVALID, 0, 0);
        return;
    }
    rt_path_start(op, path);
}

void rt_path_unlink(struct rt_op *op, const char *path)
{
    rt_op_submit(op, RT_OP_PATH_UNLINK);
    rt_path_start(op, path);
}

void rt_path_mkdir(struct rt_op *op, const char *path, uint32_t mode)
{
    rt_op_submit(op, RT_OP_PATH_MKDIR);
    op->args.path.mode = mode;
    rt_path_start(op, path);
}

void rt_path_rmdir(struct rt_op *op, const char *path)
{
    rt_op_submit(op, RT_OP_PATH_RMDIR);
    rt_path_start(op, path);
}

void rt_path_list(struct rt_op *op, const char *path, struct rt_dir_list *list)
{
    rt_op_submit(op, RT_OP_PATH_LIST);
    op->args.path.out = list;
    rt_path_start(op, path);
}

void rt_path_sync_dir(struct rt_op *op, const char *path)
{
    rt_op_submit(op, RT_OP_PATH_SYNC_DIR);
    rt_path_start(op, path);
}

void rt_path_space(struct rt_op *op, const char *path, struct rt_space *space)
{
    rt_op_submit(op, RT_OP_PATH_SPACE);
    op->args.path.out = space;
    rt_path_start(op, path);
}

enum rt_flush_form rt_group_form(const struct rt_group *group, uint64_t device_id)
{
    for (uint32_t i = 0; i < group->devices_count; i++) {
        if (group->devices[i].id == device_id) {
            return group->devices[i].form;
        }
    }
    return group->form;
}

void rt_file_settle(struct rt_op *op)
{
    struct rt_file *file = op->file;
    if (op->kind == RT_OP_FILE_CLOSE) {
        ASSERT(file->waiting_count == 0);
        return;
    }
    ASSERT(file->waiting_count > 0);
    file->waiting_count--;
    if (op->kind == RT_OP_FILE_OPEN) {
        file->is_open = op->err == ERR_OK;
        file->form = rt_group_form(op->shard->group, file->device_id);
    }
    if (file->waiting_count == 0 && file->close_op != NULL) {
        rt_op_start_ending(file->close_op);
    }
}

void rt_file_ended(struct rt_op *op)
{
    op->file->is_open = false;
}

/* Count `op` in; false when the file is being closed and the op has been answered. */
static bool rt_file_begin(struct rt_file *file, struct rt_op *op, enum rt_op_kind kind)
{
    ASSERT(file->is_open);
    ASSERT(op->shard == file->shard);
    rt_op_submit(op, kind);
    op->file = file;
    file->waiting_count++;
    if (file->close_op != NULL) {
        rt_op_complete(op, ERR_CLOSING, 0, 0);
        return false;
    }
    return true;
}

/* A read or write: arguments first, so that a misuse leaves the books as they were. */
static void rt_file_io(struct rt_file *file, struct rt_op *op, enum rt_op_kind kind,
                       const struct iovec *iov, uint32_t iov_count, uint64_t pos)
{
    ASSERT(iov_count >= 1);
    ASSERT(iov_count <= LIMIT_IOV_COUNT);
    uint64_t length = 0;
    for (uint32_t i = 0; i < iov_count; i++) {
        length += iov[i].iov_len;
        ASSERT(IMPLIES(file->is_direct, iov[i].iov_len % RT_BLOCK_BYTES == 0));
        ASSERT(IMPLIES(file->is_direct, (uintptr_t)iov[i].iov_base % RT_BLOCK_BYTES == 0));
    }
    ASSERT(IMPLIES(file->is_direct, pos % RT_BLOCK_BYTES == 0));
    ASSERT(length > 0);
    ASSERT(length <= INT32_MAX); /* one request of the kernel moves less than 2 GiB */
    ASSERT(pos <= INT64_MAX - length);
    if (!rt_file_begin(file, op, kind)) {
        return;
    }
    op->args.io.iov = iov;
    op->args.io.iov_count = iov_count;
    op->args.io.flags = 0;
    op->args.io.pos = pos;
    op->args.io.length = length;
    rt_op_start(op);
}

static void rt_path_start(struct rt_op *op, const char *path)
{
    op->args.path.path = path;
    if (!rt_path_fits(path)) {
        rt_op_complete(op, ERR_INVALID, 0, 0);
        return;
    }
    rt_op_start(op);
}

static bool rt_path_fits(const char *path)
{
    size_t length = strnlen(path, LIMIT_PATH_BYTES + 1);
    return length > 0 && length <= LIMIT_PATH_BYTES;
}
