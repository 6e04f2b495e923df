/* Payload buffers. See buf.h.
 *
 *     slab:  | data of buffer 0 | data of buffer 1 | ... | struct buf_slab, struct buf 0, 1, ... |
 *
 * A slab is one block of the budget, so the skip that its alignment costs is paid once per slab and
 * not per buffer. It is *full* (in no list), *partial* (in open, in front), or *idle* (in open, at
 * the back: none of its buffers is in use). New buffers come from the front, so that idle slabs
 * stay idle and can be given up.
 *
 * Charges: the pool's budget pays for slabs whole. While a buffer is in use its capacity is moved
 * from the pool's budget to the holder below it, which adds to the budgets in between and to
 * nobody above; moving it back never fails (budget_move).
 *
 * An adopted buffer has no slab: its struct is an object of a pool, its bytes are the loan's.
 *
 * Invariants: refs_count > 0 exactly while in use; sealed_length <= length <= capacity;
 * pinned_bytes and idle_bytes are the sums their names say. */
#include "base/buf.h"

#include <assert.h>

#include "base/asan.h"
#include "base/assert.h"

/* Buffers below this size share a slab of it. */
#define BUF_SLAB_BYTES (64u << 10)

static_assert(LIMIT_BLOCK_BYTES << (BUF_CLASSES - 2) == LIMIT_BATCH_BYTES, "the last power of two");
static_assert(LIMIT_BUF_BYTES <= UINT32_MAX, "positions are 32 bits");
static_assert(LIMIT_BLOCK_BYTES <= BUDGET_ALIGN_MAX, "what the budget can align to");

/* The end of a slab, behind its data. */
struct buf_slab {
    struct list_node in_open; /* buf_pool.open of its class; unlinked: full */
    struct buf_pool *pool;    /* whose it is */
    uint8_t *data;            /* the first buffer's bytes, which is the start of the block */
    struct buf *free;         /* its free buffers, the last freed first */
    uint32_t in_use_count;    /* its buffers in use */
    uint32_t bufs_count;      /* all its buffers */
    uint32_t class_index;     /* of them all */
    struct buf bufs[];        /* bufs_count of them */
};

static_assert(BUF_SLAB_BYTES % _Alignof(struct buf_slab) == 0, "it follows the data at once");

static uint32_t buf_class_of(size_t capacity);
static uint32_t buf_class_bytes(uint32_t class_index);
static enum err buf_slab_new(struct buf_pool *pool, uint32_t class_index);
static void buf_slab_idle(struct buf_slab *slab);
static void buf_slab_drop(struct buf_slab *slab);
static size_t buf_slab_bytes(const struct buf_slab *slab);
static struct buf *buf_take(struct buf_slab *slab, struct budget *holder);
static void buf_release(struct buf *buf);
static enum err buf_loan_new(struct buf *buf, uint32_t pos, uint32_t length, struct buf_loan **out);

void buf_pool_init(struct buf_pool *pool, struct budget *budget, uint16_t shard,
                   size_t idle_bytes_max)
{
    *pool = (struct buf_pool){.budget = budget, .idle_bytes_max = idle_bytes_max, .shard = shard};
    for (size_t i = 0; i < BUF_CLASSES; i++) {
        list_init(&pool->open[i]);
    }
    pool_init(&pool->loans, budget, sizeof(struct buf_loan), _Alignof(struct buf_loan),
              BUF_LOANS_MAX);
    pool_init(&pool->adopted, budget, sizeof(struct buf), _Alignof(struct buf), BUF_LOANS_MAX);
}

void buf_pool_set_give_back(struct buf_pool *pool, buf_give_back_fn *give_back, void *ctx)
{
    pool->give_back = give_back;
    pool->give_back_ctx = ctx;
}

void buf_pool_deinit(struct buf_pool *pool)
{
    ASSERT(pool->bufs_count == 0);
    ASSERT(pool->pinned_bytes == 0);
    buf_pool_trim(pool);
    ASSERT(pool->idle_bytes == 0);
    pool_deinit(&pool->loans);
    pool_deinit(&pool->adopted);
}

void buf_pool_trim(struct buf_pool *pool)
{
    for (size_t i = 0; i < BUF_CLASSES; i++) {
        struct list_node *node;
        while ((node = list_last(&pool->open[i])) != NULL) {
            struct buf_slab *slab = CONTAINER_OF(node, struct buf_slab, in_open);
            if (slab->in_use_count > 0) {
                break;
            }
            buf_slab_drop(slab);
        }
    }
}

enum err buf_new(struct buf_pool *pool, struct budget *holder, size_t capacity, struct buf **out)
{
    ASSERT(capacity > 0);
    ASSERT(budget_is_within(holder, pool->budget));
    *out = NULL;
    if (capacity > LIMIT_BUF_BYTES) {
        return ERR_TOO_LARGE;
    }
    uint32_t class_index = buf_class_of(capacity);
    struct list *open = &pool->open[class_index];
    if (list_is_empty(open) && buf_slab_new(pool, class_index) != ERR_OK) {
        buf_pool_trim(pool);
        enum err err = buf_slab_new(pool, class_index);
        if (err != ERR_OK) {
            return err;
        }
    }
    enum err err = budget_move(pool->budget, holder, buf_class_bytes(class_index));
    if (err == ERR_OK) {
        *out = buf_take(CONTAINER_OF(list_first(open), struct buf_slab, in_open), holder);
    } else if (pool->idle_bytes > pool->idle_bytes_max) { /* the slab was made for nothing */
        buf_slab_drop(CONTAINER_OF(list_last(open), struct buf_slab, in_open));
    }
    return err;
}

struct buf *buf_ref(struct buf *buf)
{
    ASSERT(buf->refs_count > 0);
    ASSERT(buf->refs_count < UINT32_MAX);
    buf->refs_count++;
    return buf;
}

void buf_unref(struct buf *buf)
{
    ASSERT(buf->refs_count > 0);
    if (--buf->refs_count == 0) {
        buf_release(buf);
    }
}

uint16_t buf_owner(const struct buf *buf)
{
    return buf->pool->shard;
}

uint8_t *buf_append(struct buf *buf, uint32_t bytes)
{
    ASSERT(buf->refs_count > 0);
    if (bytes > buf->capacity - buf->length) {
        return NULL;
    }
    uint8_t *ptr = buf->data + buf->length;
    buf->length += bytes;
    asan_unpoison(ptr, bytes);
    return ptr;
}

uint8_t *buf_write(struct buf *buf, uint32_t pos, uint32_t length)
{
    ASSERT(buf->refs_count > 0);
    ASSERT(pos >= buf->sealed_length);
    ASSERT(pos <= buf->length);
    ASSERT(length <= buf->length - pos);
    return buf->data + pos;
}

void buf_seal(struct buf *buf, uint32_t length)
{
    ASSERT(buf->refs_count > 0);
    ASSERT(length >= buf->sealed_length);
    ASSERT(length <= buf->length);
    buf->sealed_length = length;
}

struct buf_slice buf_slice(struct buf *buf, uint32_t pos, uint32_t length)
{
    ASSERT(buf->refs_count > 0);
    ASSERT(pos <= buf->sealed_length);
    ASSERT(length <= buf->sealed_length - pos);
    return (struct buf_slice){.buf = buf, .pos = pos, .length = length};
}

struct buf_slice buf_slice_sub(struct buf_slice slice, uint32_t pos, uint32_t length)
{
    ASSERT(pos <= slice.length);
    ASSERT(length <= slice.length - pos);
    return buf_slice(slice.buf, slice.pos + pos, length);
}

const uint8_t *buf_slice_data(struct buf_slice slice)
{
    ASSERT(slice.buf->refs_count > 0);
    return slice.buf->data + slice.pos;
}

enum err buf_lend(struct buf_slice slice, struct buf_loan **out)
{
    ASSERT(slice.length <= slice.buf->sealed_length - slice.pos);
    return buf_loan_new(slice.buf, slice.pos, slice.length, out);
}

enum err buf_lend_space(struct buf *buf, uint32_t bytes, struct buf_loan **out)
{
    *out = NULL;
    if (bytes > buf->capacity - buf->length) {
        return ERR_TOO_LARGE;
    }
    enum err err = buf_loan_new(buf, buf->length, bytes, out);
    if (err == ERR_OK) {
        (*out)->is_writable = true;
        (void)buf_append(buf, bytes); /* fits, as seen above */
    }
    return err;
}

enum err buf_lend_written(struct buf *buf, uint32_t pos, uint32_t length, struct buf_loan **out)
{
    ASSERT(pos >= buf->sealed_length);
    ASSERT(pos <= buf->length);
    ASSERT(length <= buf->length - pos);
    enum err err = buf_loan_new(buf, pos, length, out);
    if (err == ERR_OK) {
        (*out)->is_writable = true;
    }
    return err;
}

enum err buf_adopt(struct buf_pool *pool, struct buf_loan *loan, struct buf **out)
{
    void *object;
    ASSERT(pool->give_back != NULL);
    ASSERT(loan->next == NULL);
    *out = NULL;
    enum err err = pool_acquire(&pool->adopted, &object);
    if (err != ERR_OK) {
        return err;
    }
    struct buf *buf = object;
    *buf = (struct buf){.data = loan->data,
                        .capacity = loan->length,
                        .length = loan->length,
                        .sealed_length = loan->length,
                        .refs_count = 1,
                        .pool = pool,
                        .loan = loan};
    pool->bufs_count++;
    *out = buf;
    return ERR_OK;
}

void buf_loan_return(struct buf_return_list *list, struct buf_loan *loan)
{
    ASSERT(loan->next == NULL);
    if (list->last == NULL) {
        list->first = loan;
    } else {
        ASSERT(list->last->owner_shard == loan->owner_shard);
        ASSERT(list->last != loan);
        list->last->next = loan;
    }
    list->last = loan;
    list->count++;
}

struct buf_loan *buf_return_list_take(struct buf_return_list *list)
{
    struct buf_loan *chain = list->first;
    *list = (struct buf_return_list){0};
    return chain;
}

void buf_loans_take_back(struct buf_pool *pool, struct buf_loan *chain)
{
    while (chain != NULL) {
        struct buf_loan *loan = chain;
        chain = loan->next;
        ASSERT(loan->buf->pool == pool);
        loan->next = NULL;
        buf_loan_take_back(loan);
    }
}

void buf_loan_take_back(struct buf_loan *loan)
{
    struct buf *buf = loan->buf;
    ASSERT(loan->next == NULL);
    /* What others were still writing has not been published. */
    ASSERT(IMPLIES(loan->is_writable, loan->data >= buf->data + buf->sealed_length));
    pool_release(&buf->pool->loans, loan);
    buf_unref(buf);
}

/* A loan of claimed bytes of `buf`, with a reference. */
static enum err buf_loan_new(struct buf *buf, uint32_t pos, uint32_t length, struct buf_loan **out)
{
    struct buf_pool *pool = buf->pool;
    void *object;
    *out = NULL;
    enum err err = pool_acquire(&pool->loans, &object);
    if (err != ERR_OK) {
        return err;
    }
    struct buf_loan *loan = object;
    *loan = (struct buf_loan){
        .data = buf->data + pos, .length = length, .owner_shard = pool->shard, .buf = buf_ref(buf)};
    *out = loan;
    return ERR_OK;
}

/* Take a free buffer of an open slab into use; its charge is the holder's already. */
static struct buf *buf_take(struct buf_slab *slab, struct budget *holder)
{
    struct buf_pool *pool = slab->pool;
    struct buf *buf = slab->free;
    ASSERT(buf->refs_count == 0);
    slab->free = buf->next_free;
    pool->idle_bytes -= slab->in_use_count == 0 ? buf_slab_bytes(slab) : 0;
    slab->in_use_count++;
    if (slab->free == NULL) {
        list_remove(&slab->in_open);
    }
    pool->bufs_count++;
    pool->pinned_bytes += buf->capacity;
    buf->next_free = NULL;
    buf->length = 0;
    buf->sealed_length = 0;
    buf->refs_count = 1;
    buf->holder = holder;
    return buf;
}

/* The last reference is gone. */
static void buf_release(struct buf *buf)
{
    struct buf_slab *slab = buf->slab;
    struct buf_pool *pool = buf->pool;
    if (slab == NULL) {
        struct buf_loan *loan = buf->loan;
        pool->bufs_count--;
        pool_release(&pool->adopted, buf);
        pool->give_back(pool->give_back_ctx, loan);
        return;
    }
    enum err err = budget_move(buf->holder, pool->budget, buf->capacity);
    ASSERT(err == ERR_OK); /* upwards */
    buf->holder = NULL;
    asan_poison(buf->data, buf->capacity);
    pool->bufs_count--;
    pool->pinned_bytes -= buf->capacity;
    if (slab->free == NULL) {
        list_push_front(&pool->open[slab->class_index], &slab->in_open);
    }
    buf->next_free = slab->free;
    slab->free = buf;
    if (--slab->in_use_count == 0) {
        list_remove(&slab->in_open);
        buf_slab_idle(slab);
        if (pool->idle_bytes > pool->idle_bytes_max) {
            buf_slab_drop(slab);
        }
    }
}

/* The class of the smallest buffers that hold `capacity` bytes. */
static uint32_t buf_class_of(size_t capacity)
{
    if (capacity <= LIMIT_BLOCK_BYTES) {
        return 0;
    }
    /* Blocks rounded up to a power of two; LIMIT_BUF_BYTES, which is none, rounds to the last. */
    size_t blocks = (capacity + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES;
    return 64 - (uint32_t)__builtin_clzl(blocks - 1);
}

static uint32_t buf_class_bytes(uint32_t class_index)
{
    ASSERT(class_index < BUF_CLASSES);
    return class_index < BUF_CLASSES - 1 ? LIMIT_BLOCK_BYTES << class_index : LIMIT_BUF_BYTES;
}

/* One more slab of the class, idle. */
static enum err buf_slab_new(struct buf_pool *pool, uint32_t class_index)
{
    uint32_t buf_bytes = buf_class_bytes(class_index);
    uint32_t count = buf_bytes < BUF_SLAB_BYTES ? BUF_SLAB_BYTES / buf_bytes : 1;
    size_t data_bytes = (size_t)count * buf_bytes;
    void *block;
    enum err err = budget_alloc(pool->budget,
                                data_bytes + sizeof(struct buf_slab) + count * sizeof(struct buf),
                                LIMIT_BLOCK_BYTES, &block);
    if (err != ERR_OK) {
        return err;
    }
    uint8_t *data = block;
    struct buf_slab *slab = (struct buf_slab *)(void *)(data + data_bytes);
    *slab = (struct buf_slab){
        .pool = pool, .data = data, .bufs_count = count, .class_index = class_index};
    for (uint32_t i = count; i-- > 0;) {
        slab->bufs[i] = (struct buf){.data = data + (size_t)i * buf_bytes,
                                     .capacity = buf_bytes,
                                     .pool = pool,
                                     .slab = slab,
                                     .next_free = slab->free};
        slab->free = &slab->bufs[i];
    }
    asan_poison(data, data_bytes);
    buf_slab_idle(slab);
    return ERR_OK;
}

/* None of the slab's buffers is in use: it stands behind those of its class of which some are, so
 * that it may go. Where a slab is one buffer there are none: what was used last is in the caches,
 * and used next. */
static void buf_slab_idle(struct buf_slab *slab)
{
    struct list *open = &slab->pool->open[slab->class_index];
    ASSERT(slab->in_use_count == 0);
    slab->pool->idle_bytes += buf_slab_bytes(slab);
    if (slab->bufs_count == 1) {
        list_push_front(open, &slab->in_open);
    } else {
        list_push_back(open, &slab->in_open);
    }
}

/* Give an idle slab back to the budget. */
static void buf_slab_drop(struct buf_slab *slab)
{
    ASSERT(slab->in_use_count == 0);
    slab->pool->idle_bytes -= buf_slab_bytes(slab);
    list_remove(&slab->in_open);
    budget_free(slab->pool->budget, slab->data);
}

static size_t buf_slab_bytes(const struct buf_slab *slab)
{
    return (size_t)slab->bufs_count * buf_class_bytes(slab->class_index);
}
