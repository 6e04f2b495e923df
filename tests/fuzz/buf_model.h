/* Operations on buffers against a naive model, a table of what each should hold: one interpreter
 * for the fuzzer and the unit test. */
#ifndef TESTS_FUZZ_BUF_MODEL_H
#define TESTS_FUZZ_BUF_MODEL_H

#include "base/buf.h"

#include "base/asan.h"
#include "tests/support/ops.h"

#define BUF_MODEL_BUFS    12
#define BUF_MODEL_LOANS   16
#define BUF_MODEL_HOLDERS 2

/* What the model knows of a buffer. Its byte at `pos` is buf_model_byte. */
struct buf_model_buf {
    struct buf *buf;      /* NULL: none here */
    uint32_t refs_count;  /* references without loans */
    uint32_t loans_count; /* loans that are out */
    uint32_t length;      /* claimed */
    uint32_t sealed;      /* sealed */
    size_t holder;        /* who is charged */
};

/* A loan that is out, with the borrower or on its way back. */
struct buf_model_loan {
    struct buf_loan *loan; /* NULL: none here */
    size_t buf;            /* which buffer */
    uint32_t pos;          /* from where */
    bool is_returned;      /* on the return list */
};

/* The pool and the model. */
struct buf_model {
    struct budget root;
    struct budget holders[BUF_MODEL_HOLDERS];
    struct buf_pool pool;
    struct buf_return_list returns;
    struct buf_model_buf bufs[BUF_MODEL_BUFS];
    struct buf_model_loan loans[BUF_MODEL_LOANS];
};

static inline uint8_t buf_model_byte(size_t buf, uint32_t pos)
{
    return (uint8_t)(buf * 37 + pos * 3 + pos / 251);
}

static inline void buf_model_fill(uint8_t *data, size_t buf, uint32_t pos, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        data[i] = buf_model_byte(buf, pos + i);
    }
}

static inline void buf_model_compare(const uint8_t *data, size_t buf, uint32_t pos, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        ASSERT(data[i] == buf_model_byte(buf, pos + i));
    }
}

/* How far the buffer may be sealed: up to the first byte somebody else is still filling. */
static inline uint32_t buf_model_filled(const struct buf_model *m, size_t buf)
{
    uint32_t filled = m->bufs[buf].length;
    for (size_t i = 0; i < BUF_MODEL_LOANS; i++) {
        const struct buf_model_loan *out = &m->loans[i];
        if (out->loan != NULL && out->buf == buf && out->loan->is_writable && out->pos < filled) {
            filled = out->pos;
        }
    }
    return filled;
}

static inline void buf_model_new(struct buf_model *m, struct ops *ops, size_t i)
{
    struct buf_model_buf *b = &m->bufs[i];
    size_t holder = ops_u8(ops) % BUF_MODEL_HOLDERS;
    size_t capacity = 1 + ((size_t)ops_below(ops, 4096) << ops_u8(ops) % 8);
    enum err err = buf_new(&m->pool, &m->holders[holder], capacity, &b->buf);
    ASSERT(err == ERR_OK || err == ERR_BUDGET);
    ASSERT((err == ERR_OK) == (b->buf != NULL));
    if (err == ERR_OK) {
        ASSERT(b->buf->capacity >= capacity);
        ASSERT(b->buf->capacity == 4096 || b->buf->capacity / 2 < capacity);
        ASSERT((uintptr_t)b->buf->data % LIMIT_BLOCK_BYTES == 0);
        *b = (struct buf_model_buf){.buf = b->buf, .refs_count = 1, .holder = holder};
    }
}

static inline void buf_model_append(struct buf_model_buf *b, size_t i, uint32_t bytes)
{
    uint8_t *data = buf_append(b->buf, bytes);
    ASSERT((data == NULL) == (b->length + bytes > b->buf->capacity));
    if (data != NULL) {
        buf_model_fill(data, i, b->length, bytes);
        b->length += bytes;
    }
}

static inline void buf_model_lend(struct buf_model *m, struct ops *ops, size_t i, bool is_writable)
{
    struct buf_model_buf *b = &m->bufs[i];
    size_t l = ops_u8(ops) % BUF_MODEL_LOANS;
    struct buf_loan *loan;
    if (m->loans[l].loan != NULL) {
        return;
    }
    uint32_t pos = is_writable ? b->length : ops_below(ops, 65536) % (b->sealed + 1);
    uint32_t length = ops_below(ops, 3000);
    if (is_writable) {
        enum err err = buf_lend_space(b->buf, length, &loan);
        ASSERT((err == ERR_TOO_LARGE) == (length > b->buf->capacity - b->length));
        b->length += err == ERR_OK ? length : 0;
    } else {
        length = length < b->sealed - pos ? length : b->sealed - pos;
        struct buf_slice whole = buf_slice(b->buf, 0, b->sealed);
        enum err err = buf_lend(buf_slice_sub(whole, pos, length), &loan);
        ASSERT(err == ERR_OK || err == ERR_BUDGET);
    }
    if (loan != NULL) {
        ASSERT(loan->data == b->buf->data + pos);
        ASSERT(loan->length == length);
        ASSERT(loan->is_writable == is_writable);
        ASSERT(loan->owner_shard == buf_owner(b->buf));
        m->loans[l] = (struct buf_model_loan){.loan = loan, .buf = i, .pos = pos};
        b->loans_count++;
    }
}

/* The borrower is done: it has filled the bytes, or sees what was sealed. */
static inline void buf_model_return(struct buf_model *m, size_t l)
{
    struct buf_model_loan *out = &m->loans[l];
    if (out->loan == NULL || out->is_returned) {
        return;
    }
    if (out->loan->is_writable) {
        buf_model_fill(out->loan->data, out->buf, out->pos, out->loan->length);
    } else {
        buf_model_compare(out->loan->data, out->buf, out->pos, out->loan->length);
    }
    buf_loan_return(&m->returns, out->loan);
    out->is_returned = true;
}

static inline void buf_model_take_back(struct buf_model *m)
{
    uint32_t count = m->returns.count;
    buf_loans_take_back(&m->pool, buf_return_list_take(&m->returns));
    for (size_t l = 0; l < BUF_MODEL_LOANS; l++) {
        struct buf_model_loan *out = &m->loans[l];
        if (out->is_returned) {
            m->bufs[out->buf].loans_count--;
            *out = (struct buf_model_loan){0};
            count--;
        }
    }
    ASSERT(count == 0);
}

static inline void buf_model_check(struct buf_model *m)
{
    size_t pinned_bytes[BUF_MODEL_HOLDERS] = {0};
    for (size_t i = 0; i < BUF_MODEL_BUFS; i++) {
        struct buf_model_buf *b = &m->bufs[i];
        if (b->buf != NULL && b->refs_count + b->loans_count == 0) {
            b->buf = NULL; /* the last reference is gone */
        }
        if (b->buf == NULL) {
            continue;
        }
        ASSERT(b->buf->refs_count == b->refs_count + b->loans_count);
        ASSERT(b->buf->length == b->length);
        buf_model_compare(b->buf->data, i, 0, buf_model_filled(m, i));
#ifdef ASAN_IS_ON
        ASSERT(b->length == b->buf->capacity || asan_is_poisoned(b->buf->data + b->length));
#endif
        pinned_bytes[b->holder] += b->buf->capacity;
    }
    for (size_t i = 0; i < BUF_MODEL_HOLDERS; i++) {
        ASSERT(m->holders[i].used_bytes == pinned_bytes[i]);
    }
    ASSERT(m->pool.pinned_bytes == pinned_bytes[0] + pinned_bytes[1]);
    ASSERT(m->pool.idle_bytes <= m->pool.idle_bytes_max);
    ASSERT(m->root.used_bytes >= m->pool.pinned_bytes + m->pool.idle_bytes);
}

static inline void buf_model_step(struct buf_model *m, struct ops *ops)
{
    uint8_t op = ops_u8(ops);
    size_t i = op / 16 % BUF_MODEL_BUFS;
    struct buf_model_buf *b = &m->bufs[i];
    if (op % 16 == 0) {
        buf_model_take_back(m);
    } else if (op % 16 == 1 && op >= 192) {
        buf_pool_trim(&m->pool);
        ASSERT(m->pool.idle_bytes == 0);
    } else if (op % 16 < 4) {
        buf_model_return(m, ops_u8(ops) % BUF_MODEL_LOANS);
    } else if (b->buf == NULL) {
        buf_model_new(m, ops, i);
    } else if (op % 16 < 7) {
        buf_model_append(b, i, ops_below(ops, 5000));
    } else if (op % 16 < 9) {
        uint32_t filled = buf_model_filled(m, i);
        b->sealed += ops_below(ops, 65536) % (filled - b->sealed + 1);
        buf_seal(b->buf, b->sealed);
    } else if (op % 16 == 9) {
        uint32_t length = b->length - b->sealed;
        ASSERT(buf_write(b->buf, b->sealed, length) == b->buf->data + b->sealed);
    } else if (op % 16 < 12) {
        buf_model_lend(m, ops, i, op % 16 == 10);
    } else if (op % 16 == 12 && b->refs_count > 0) {
        ASSERT(buf_ref(b->buf) == b->buf);
        b->refs_count++;
    } else if (b->refs_count > 0) {
        buf_unref(b->buf);
        b->refs_count--;
    }
}

static inline void buf_model_run(const uint8_t *data, size_t size)
{
    struct ops ops = {.data = data, .length = size};
    struct buf_model m = {0};
    budget_init(&m.root, "root", (size_t)(1 + ops_u8(&ops)) << 13, NULL);
    budget_init(&m.holders[0], "tail", (size_t)(1 + ops_u8(&ops)) << 12, &m.root);
    budget_init(&m.holders[1], "connections", (size_t)(1 + ops_u8(&ops)) << 12, &m.root);
    buf_pool_init(&m.pool, &m.root, 7, (size_t)(ops_u8(&ops) % 4) << 16);
    while (ops_more(&ops)) {
        buf_model_step(&m, &ops);
        buf_model_check(&m);
    }
    for (size_t l = 0; l < BUF_MODEL_LOANS; l++) {
        buf_model_return(&m, l);
    }
    buf_model_take_back(&m);
    for (size_t i = 0; i < BUF_MODEL_BUFS; i++) {
        for (; m.bufs[i].buf != NULL && m.bufs[i].refs_count > 0; m.bufs[i].refs_count--) {
            buf_unref(m.bufs[i].buf);
        }
    }
    buf_pool_deinit(&m.pool);
    budget_deinit(&m.holders[1]);
    budget_deinit(&m.holders[0]);
    budget_deinit(&m.root);
}

#endif
