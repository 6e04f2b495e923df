/* A shard's part of replication: memory for what groups write, and the end of a turn, when they
 * tell what has moved. See shard.h. */
#include "raft/driver/shard.h"

#include "base/assert.h"
#include "raft/driver/voter.h"

/* Small entries share a buffer: that of the smallest class there is. */
#define RAFT_BYTES_CAPACITY 4096u

/* What the pool keeps of buffers that nobody uses. */
#define RAFT_BYTES_IDLE (64u << 10)

static void raft_shard_tell(struct rt_op *op);

static_assert(RAFT_INTERNAL_BYTES + LOG_BATCH_HEADER_BYTES <= RAFT_BYTES_CAPACITY,
              "the largest internal entry fits an empty buffer");

void raft_shard_open(struct raft_shard *raft, struct rt_shard *shard, const struct crc32c *kernels,
                     int32_t node_id)
{
    ASSERT(node_id >= 1);
    *raft = (struct raft_shard){.shard = shard, .kernels = kernels, .node_id = node_id};
    list_init(&raft->moved);
    rt_op_init(&raft->op_moved, shard, raft_shard_tell);
    budget_init(&raft->budget, "raft", SIZE_MAX, rt_shard_budget(shard));
    pool_init(&raft->writes, &raft->budget, sizeof(struct raft_write), _Alignof(struct raft_write),
              UINT32_MAX);
    buf_pool_init(&raft->bufs, &raft->budget, (uint16_t)shard->id, RAFT_BYTES_IDLE);
}

void raft_shard_close(struct raft_shard *raft)
{
    ASSERT(raft->groups_count == 0);
    ASSERT(list_is_empty(&raft->moved));
    ASSERT(rt_op_is_idle(&raft->op_moved));
    if (raft->bytes != NULL) {
        buf_unref(raft->bytes);
        raft->bytes = NULL;
    }
    buf_pool_deinit(&raft->bufs);
    pool_deinit(&raft->writes);
    budget_deinit(&raft->budget);
}

void raft_group_moved(struct raft_group *group)
{
    struct raft_shard *raft = group->raft;
    if (list_is_linked(&group->in_moved)) {
        return;
    }
    list_push_back(&raft->moved, &group->in_moved);
    if (rt_op_is_idle(&raft->op_moved)) {
        rt_op_defer(&raft->op_moved);
    }
}

/* What moves while this goes on is told in the next turn. */
static void raft_shard_tell(struct rt_op *op)
{
    struct raft_shard *raft = CONTAINER_OF(op, struct raft_shard, op_moved);
    struct list groups;
    list_init(&groups);
    list_append_all(&groups, &raft->moved);
    for (struct list_node *node = list_pop_front(&groups); node != NULL;
         node = list_pop_front(&groups)) {
        raft_group_tell(CONTAINER_OF(node, struct raft_group, in_moved));
    }
}

enum err raft_write_new(struct raft_group *group, struct raft_write **out)
{
    void *made = NULL;
    enum err err = pool_acquire(&group->raft->writes, &made);
    *out = made;
    if (err == ERR_OK) {
        (*out)->group = group;
        group->writes_count++;
    }
    return err;
}

void raft_write_free(struct raft_write *write)
{
    struct raft_group *group = write->group;
    ASSERT(!list_is_linked(&write->in_group));
    ASSERT(group->writes_count > 0);
    group->writes_count--;
    pool_release(&group->raft->writes, write);
}

enum err raft_shard_entry(struct raft_shard *raft, enum log_kind kind, const void *payload,
                          uint32_t payload_bytes, uint64_t offset, uint32_t term,
                          struct buf_slice *out)
{
    ASSERT(payload_bytes <= RAFT_INTERNAL_BYTES);
    uint32_t length = LOG_BATCH_HEADER_BYTES + payload_bytes;
    uint8_t *data = raft->bytes != NULL ? buf_append(raft->bytes, length) : NULL;
    if (data == NULL) {
        struct buf *fresh = NULL;
        enum err err = buf_new(&raft->bufs, &raft->budget, RAFT_BYTES_CAPACITY, &fresh);
        if (err != ERR_OK) {
            return err;
        }
        if (raft->bytes != NULL) {
            buf_unref(raft->bytes);
        }
        raft->bytes = fresh;
        data = buf_append(fresh, length);
    }
    /* No timestamp: a time that is looked up is a record's. */
    struct bytes_writer w = bytes_writer(data, length);
    log_batch_put_internal(&w, raft->kernels, kind, payload, payload_bytes, offset, term, -1);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == length);
    uint32_t end = raft->bytes->length;
    buf_seal(raft->bytes, end);
    *out = buf_slice(raft->bytes, end - length, length);
    return ERR_OK;
}
