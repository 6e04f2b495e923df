/* Payload buffers: what may change and what may not, who pays, and how another thread reads and
 * fills them. */
#include "base/buf.h"

#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "tests/fuzz/buf_model.h"
#include "tests/support/cmocka.h"
#include "tests/support/model.h"

#define KIB 1024u

/* shard -+- tail, the holder        */
struct fixture {
    struct budget shard, tail;
    struct buf_pool pool;
};

static void fixture_init(struct fixture *f, size_t shard_bytes, size_t tail_bytes,
                         size_t idle_bytes_max)
{
    budget_init(&f->shard, "shard", shard_bytes, NULL);
    budget_init(&f->tail, "tail", tail_bytes, &f->shard);
    buf_pool_init(&f->pool, &f->shard, 3, idle_bytes_max);
}

static void fixture_deinit(struct fixture *f)
{
    buf_pool_deinit(&f->pool);
    budget_deinit(&f->tail);
    budget_deinit(&f->shard);
}

static struct buf *buf_of(struct fixture *f, size_t capacity)
{
    struct buf *buf;
    assert_int_equal(buf_new(&f->pool, &f->tail, capacity, &buf), ERR_OK);
    return buf;
}

static void buf_new_rounds_up_to_a_class_and_charges_it_whole(void **state)
{
    (void)state;
    static const struct {
        size_t capacity, want;
    } rows[] = {
        {1, 4 * KIB},
        {4 * KIB, 4 * KIB},
        {4 * KIB + 1, 8 * KIB},
        {33 * KIB, 64 * KIB},
        {64 * KIB, 64 * KIB},
        {64 * KIB + 1, 128 * KIB},
        {1024 * KIB, 1024 * KIB},
        {9 * 1024 * KIB, 16 * 1024 * KIB},
        {LIMIT_BATCH_BYTES, LIMIT_BATCH_BYTES},
        {LIMIT_BATCH_BYTES + 1, LIMIT_BUF_BYTES},
        {LIMIT_BUF_BYTES, LIMIT_BUF_BYTES},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fixture f;
        fixture_init(&f, 64u << 20, 32u << 20, 0);
        struct buf *buf = buf_of(&f, rows[i].capacity);
        assert_int_equal(buf->capacity, rows[i].want);
        assert_int_equal(buf->length, 0);
        assert_true((uintptr_t)buf->data % LIMIT_BLOCK_BYTES == 0);
        assert_int_equal(f.tail.used_bytes, rows[i].want);
        assert_int_equal(f.pool.pinned_bytes, rows[i].want);
        uint8_t *all = buf_append(buf, buf->capacity); /* every byte is there */
        assert_non_null(all);
        all[0] = 1;
        all[buf->capacity - 1] = 1;
        buf_unref(buf);
        assert_int_equal(f.tail.used_bytes, 0);
        fixture_deinit(&f);
    }
}

static void buf_new_refuses_what_is_too_large_or_not_paid_for(void **state)
{
    (void)state;
    static const struct {
        size_t capacity, shard_bytes, tail_bytes;
        enum err want;
    } rows[] = {
        {LIMIT_BUF_BYTES + 1, 64u << 20, 64u << 20, ERR_TOO_LARGE},
        {SIZE_MAX, 64u << 20, 64u << 20, ERR_TOO_LARGE},
        {4 * KIB, 1u << 20, 4 * KIB - 1, ERR_BUDGET}, /* the holder */
        {4 * KIB, 64 * KIB, 1u << 20, ERR_BUDGET},    /* the pool's: a slab is more than that */
        {128 * KIB, 1u << 20, 4 * KIB, ERR_BUDGET},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fixture f;
        struct buf *buf;
        fixture_init(&f, rows[i].shard_bytes, rows[i].tail_bytes, 0);
        assert_int_equal(buf_new(&f.pool, &f.tail, rows[i].capacity, &buf), rows[i].want);
        assert_null(buf);
        assert_int_equal(f.shard.used_bytes, 0);
        fixture_deinit(&f);
    }
}

static void buf_append_claims_until_it_is_full(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    struct buf *buf = buf_of(&f, 4096);
    assert_ptr_equal(buf_append(buf, 1000), buf->data);
    assert_ptr_equal(buf_append(buf, 3000), buf->data + 1000);
    assert_null(buf_append(buf, 97));
    assert_null(buf_append(buf, UINT32_MAX));
    assert_ptr_equal(buf_append(buf, 96), buf->data + 4000);
    assert_non_null(buf_append(buf, 0));
    assert_null(buf_append(buf, 1));
    buf_unref(buf);
    fixture_deinit(&f);
}

static void buf_seal_ends_writing_but_not_appending(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    struct buf *buf = buf_of(&f, 4096);
    memcpy(buf_append(buf, 8), "header..", 8);
    memcpy(buf_write(buf, 6, 2), "ok", 2); /* patched before it is published */
    expect_assert_failure((void)buf_slice(buf, 0, 8));
    buf_seal(buf, 8);
    assert_memory_equal(buf_slice_data(buf_slice(buf, 0, 8)), "headerok", 8);
    expect_assert_failure((void)buf_write(buf, 7, 1));
    expect_assert_failure(buf_seal(buf, 7));
    expect_assert_failure(buf_seal(buf, 9));
    memcpy(buf_append(buf, 4), "next", 4);
    assert_ptr_equal(buf_write(buf, 8, 4), buf->data + 8);
    expect_assert_failure((void)buf_write(buf, 8, 5));
    expect_assert_failure((void)buf_write(buf, 13, 0));
    buf_seal(buf, 12);
    struct buf_slice slice = buf_slice_sub(buf_slice(buf, 4, 8), 2, 4);
    assert_memory_equal(buf_slice_data(slice), "okne", 4);
    expect_assert_failure((void)buf_slice_sub(slice, 1, 4));
    expect_assert_failure((void)buf_slice_sub(slice, 5, 0));
    buf_unref(buf);
    fixture_deinit(&f);
}

static void buf_lives_until_its_last_reference(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 20, 1u << 20);
    struct buf *buf = buf_of(&f, 4096);
    assert_ptr_equal(buf_ref(buf), buf);
    buf_unref(buf);
    assert_int_equal(f.pool.bufs_count, 1);
    expect_assert_failure(buf_pool_deinit(&f.pool));
    buf_unref(buf);
    assert_int_equal(f.pool.bufs_count, 0);
    expect_assert_failure(buf_unref(buf)); /* the slab is kept, so the dead buffer can be seen */
    expect_assert_failure((void)buf_ref(buf));
    expect_assert_failure((void)buf_append(buf, 1));
    expect_assert_failure(buf_seal(buf, 0));
    fixture_deinit(&f);
}

static void buf_memory_is_recycled_without_the_allocator(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 4u << 20, 4u << 20, 1u << 20);
    for (int round = 0; round < 50; round++) {
        struct buf *small[40];
        for (size_t i = 0; i < ARRAY_COUNT(small); i++) {
            small[i] = buf_of(&f, 4 * KIB);
        }
        struct buf *large = buf_of(&f, 512 * KIB);
        buf_unref(large);
        for (size_t i = 0; i < ARRAY_COUNT(small); i++) {
            buf_unref(small[i]);
        }
    }
    assert_int_equal(f.shard.allocs_count, 3 + 1); /* 40 of 4 KiB in slabs of 16, and the large */
    assert_int_equal(f.pool.idle_bytes, 3 * 64 * KIB + 512 * KIB);
    buf_pool_trim(&f.pool);
    assert_int_equal(f.shard.used_bytes, 0);
    fixture_deinit(&f);
}

static void buf_pool_keeps_no_more_idle_than_its_bound(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 16u << 20, 16u << 20, 300 * KIB);
    struct buf *bufs[10];
    for (size_t i = 0; i < ARRAY_COUNT(bufs); i++) {
        bufs[i] = buf_of(&f, 128 * KIB);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bufs); i++) {
        buf_unref(bufs[i]);
        assert_true(f.pool.idle_bytes <= 300 * KIB);
    }
    assert_int_equal(f.pool.idle_bytes, 2 * 128 * KIB);
    fixture_deinit(&f);
}

static void buf_new_gives_up_idle_slabs_of_other_classes_before_it_fails(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 700 * KIB, 700 * KIB, 1u << 20);
    struct buf *kept = buf_of(&f, 4 * KIB);
    buf_unref(buf_of(&f, 512 * KIB));
    assert_int_equal(f.pool.idle_bytes, 512 * KIB);
    struct buf *other = buf_of(&f, 256 * KIB); /* fits only without the idle one */
    assert_int_equal(f.pool.idle_bytes, 0);
    struct buf *refused;
    assert_int_equal(buf_new(&f.pool, &f.tail, 512 * KIB, &refused), ERR_BUDGET);
    buf_unref(other);
    buf_unref(kept);
    fixture_deinit(&f);
}

static void buf_holder_stands_below_the_pools_budget(void **state)
{
    (void)state;
    struct fixture f;
    struct budget stranger;
    struct buf *buf;
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    budget_init(&stranger, "stranger", 1u << 20, NULL);
    expect_assert_failure(assert_int_equal(buf_new(&f.pool, &stranger, 1, &buf), ERR_OK));
    expect_assert_failure(assert_int_equal(buf_new(&f.pool, &f.tail, 0, &buf), ERR_OK));
    assert_int_equal(buf_new(&f.pool, &f.shard, 1, &buf), ERR_OK); /* the pool's own: allowed */
    assert_int_equal(f.tail.used_bytes, 0);
    buf_unref(buf);
    fixture_deinit(&f);
}

static void buf_loan_keeps_the_buffer_until_it_is_back(void **state)
{
    (void)state;
    struct fixture f;
    struct buf_loan *loans[3];
    struct buf_return_list returns = {0};
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    struct buf *buf = buf_of(&f, 4096);
    memcpy(buf_append(buf, 6), "batch!", 6);
    buf_seal(buf, 6);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(buf_lend(buf_slice(buf, i, 2), &loans[i]), ERR_OK);
    }
    buf_unref(buf); /* the owner itself is done */
    assert_null(buf_return_list_take(&returns));
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(loans[i]->owner_shard, 3);
        assert_int_equal(loans[i]->length, 2);
        assert_false(loans[i]->is_writable);
        assert_memory_equal(loans[i]->data, &"batch!"[i], 2);
        buf_loan_return(&returns, loans[i]);
    }
    assert_int_equal(returns.count, 3);
    expect_assert_failure(buf_loan_return(&returns, loans[0])); /* twice */
    expect_assert_failure(buf_loan_return(&returns, loans[2]));
    struct buf_loan *chain = buf_return_list_take(&returns);
    assert_ptr_equal(chain, loans[0]);
    assert_int_equal(returns.count, 0);
    assert_int_equal(f.pool.bufs_count, 1);
    buf_loans_take_back(&f.pool, chain);
    buf_loans_take_back(&f.pool, NULL);
    assert_int_equal(f.pool.bufs_count, 0);
    fixture_deinit(&f);
}

static void buf_space_is_filled_by_a_borrower_and_sealed_by_the_owner(void **state)
{
    (void)state;
    struct fixture f;
    struct buf_loan *first;
    struct buf_loan *second;
    struct buf_loan *refused = NULL;
    struct buf_return_list returns = {0};
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    struct buf *buf = buf_of(&f, 4096);
    assert_int_equal(buf_lend_space(buf, 5, &first), ERR_OK);
    assert_int_equal(buf_lend_space(buf, 5, &second), ERR_OK);
    assert_int_equal(buf_lend_space(buf, 4087, &refused), ERR_TOO_LARGE);
    assert_null(refused);
    assert_int_equal(buf->length, 10);
    assert_true(first->is_writable);
    memcpy(second->data, "world", second->length);
    buf_loan_return(&returns, second);
    buf_loans_take_back(&f.pool, buf_return_list_take(&returns));
    memcpy(first->data, "hello", first->length);
    buf_loan_return(&returns, first);
    buf_loans_take_back(&f.pool, buf_return_list_take(&returns));
    buf_seal(buf, 10);
    assert_memory_equal(buf_slice_data(buf_slice(buf, 0, 10)), "helloworld", 10);
    buf_unref(buf);
    fixture_deinit(&f);
}

static void buf_sealed_while_somebody_fills_it_is_found_when_the_loan_returns(void **state)
{
    (void)state;
    struct fixture f;
    struct buf_loan *loan;
    struct buf_return_list returns = {0};
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    struct buf *buf = buf_of(&f, 4096);
    assert_int_equal(buf_lend_space(buf, 5, &loan), ERR_OK);
    buf_seal(buf, 3);
    buf_loan_return(&returns, loan);
    expect_assert_failure(buf_loans_take_back(&f.pool, loan));
    buf->sealed_length = 0; /* undo the bug, to end the test in order */
    buf_loans_take_back(&f.pool, loan);
    buf_unref(buf);
    fixture_deinit(&f);
}

static void buf_loans_of_two_owners_are_not_mixed(void **state)
{
    (void)state;
    struct fixture f;
    struct fixture other;
    struct buf_loan *ours;
    struct buf_loan *theirs;
    struct buf_return_list returns = {0};
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    fixture_init(&other, 1u << 20, 1u << 20, 0);
    other.pool.shard = 4;
    struct buf *buf = buf_of(&f, 1);
    struct buf *other_buf = buf_of(&other, 1);
    assert_int_equal(buf_lend(buf_slice(buf, 0, 0), &ours), ERR_OK);
    assert_int_equal(buf_lend(buf_slice(other_buf, 0, 0), &theirs), ERR_OK);
    expect_assert_failure(buf_loans_take_back(&f.pool, theirs));
    buf_loan_return(&returns, ours);
    expect_assert_failure(buf_loan_return(&returns, theirs));
    buf_loans_take_back(&f.pool, ours);
    buf_loans_take_back(&other.pool, theirs);
    buf_unref(buf);
    buf_unref(other_buf);
    fixture_deinit(&other);
    fixture_deinit(&f);
}

static void buf_lend_is_refused_by_budget_and_bound(void **state)
{
    (void)state;
    struct fixture f;
    struct buf_loan *loan;
    fixture_init(&f, 256u << 20, 1u << 20, 0);
    struct buf *buf = buf_of(&f, 1);
    budget_set_limit(&f.shard, 0);
    assert_int_equal(buf_lend(buf_slice(buf, 0, 0), &loan), ERR_BUDGET);
    assert_null(loan);
    assert_int_equal(buf_lend_space(buf, 100, &loan), ERR_BUDGET);
    assert_null(loan);
    assert_int_equal(buf->length, 0); /* nothing claimed for nobody */
    budget_set_limit(&f.shard, 256u << 20);
    struct buf_return_list returns = {0};
    for (size_t i = 0; i < BUF_LOANS_MAX; i++) {
        assert_int_equal(buf_lend(buf_slice(buf, 0, 0), &loan), ERR_OK);
        buf_loan_return(&returns, loan);
    }
    assert_int_equal(buf_lend(buf_slice(buf, 0, 0), &loan), ERR_FULL);
    assert_null(loan);
    buf_loans_take_back(&f.pool, buf_return_list_take(&returns));
    buf_unref(buf);
    fixture_deinit(&f);
}

/* A mailbox of one pointer each way between an owner and a borrower thread. */
struct mail {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf_loan *to_borrower; /* one loan; NULL: empty */
    struct buf_loan *to_owner;    /* a chain; NULL: empty */
    bool is_closed;               /* no more loans come */
};

static void mail_put(struct mail *mail, struct buf_loan **slot, struct buf_loan *loan)
{
    pthread_mutex_lock(&mail->lock);
    while (*slot != NULL) {
        pthread_cond_wait(&mail->changed, &mail->lock);
    }
    *slot = loan;
    pthread_cond_broadcast(&mail->changed);
    pthread_mutex_unlock(&mail->lock);
}

static struct buf_loan *mail_get(struct mail *mail, struct buf_loan **slot, bool waits)
{
    pthread_mutex_lock(&mail->lock);
    while (waits && *slot == NULL && !mail->is_closed) {
        pthread_cond_wait(&mail->changed, &mail->lock);
    }
    struct buf_loan *loan = *slot;
    *slot = NULL;
    pthread_cond_broadcast(&mail->changed);
    pthread_mutex_unlock(&mail->lock);
    return loan;
}

/* Another shard: fills what is writable with the loan's length, and returns in batches of 8. */
static void *borrower_main(void *arg)
{
    struct mail *mail = arg;
    struct buf_return_list returns = {0};
    struct buf_loan *loan;
    while ((loan = mail_get(mail, &mail->to_borrower, true)) != NULL) {
        ASSERT(loan->is_writable);
        memset(loan->data, (int)(loan->length & 0xff), loan->length);
        buf_loan_return(&returns, loan);
        if (returns.count == 8) {
            mail_put(mail, &mail->to_owner, buf_return_list_take(&returns));
        }
    }
    if (returns.count > 0) {
        mail_put(mail, &mail->to_owner, buf_return_list_take(&returns));
    }
    return NULL;
}

/* The contract of loans with real threads: ThreadSanitizer says whether it is kept. */
static void buf_loans_cross_threads_by_mail_alone(void **state)
{
    (void)state;
    struct fixture f;
    struct mail mail = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t borrower;
    enum { LOANS_COUNT = 400 };
    fixture_init(&f, 4u << 20, 4u << 20, 1u << 20);
    assert_int_equal(pthread_create(&borrower, NULL, borrower_main, &mail), 0);
    struct buf *buf = buf_of(&f, 256 * KIB);
    for (uint32_t i = 0; i < LOANS_COUNT; i++) {
        struct buf_loan *loan;
        assert_int_equal(buf_lend_space(buf, 1 + i, &loan), ERR_OK);
        mail_put(&mail, &mail.to_borrower, loan);
        buf_loans_take_back(&f.pool, mail_get(&mail, &mail.to_owner, false));
    }
    pthread_mutex_lock(&mail.lock);
    while (mail.to_borrower != NULL) {
        pthread_cond_wait(&mail.changed, &mail.lock);
    }
    mail.is_closed = true;
    pthread_cond_broadcast(&mail.changed);
    pthread_mutex_unlock(&mail.lock);
    while (f.pool.loans.in_use_count > 0) {
        buf_loans_take_back(&f.pool, mail_get(&mail, &mail.to_owner, false));
    }
    pthread_join(borrower, NULL);
    buf_seal(buf, buf->length);
    const uint8_t *data = buf_slice_data(buf_slice(buf, 0, buf->length));
    for (uint32_t i = 0; i < LOANS_COUNT; i++) {
        for (uint32_t j = 0; j < 1 + i; j++) {
            assert_int_equal(*data++, (1 + i) & 0xff);
        }
    }
    buf_unref(buf);
    fixture_deinit(&f);
}

static void buf_agrees_with_a_table(void **state)
{
    model_run(state, "buffers against a table", 80, 800, buf_model_run);
}

/* Another shard's pool, below the same root, and what it was told to give back. */
struct borrower {
    struct buf_pool pool;
    struct buf_return_list returns;
};

static void borrower_give_back(void *ctx, struct buf_loan *loan)
{
    buf_loan_return(&((struct borrower *)ctx)->returns, loan);
}

static void borrower_init(struct borrower *b, struct fixture *f)
{
    *b = (struct borrower){.returns = {0}};
    buf_pool_init(&b->pool, &f->shard, 4, 0);
    buf_pool_set_give_back(&b->pool, borrower_give_back, b);
}

static void buf_adopt_makes_a_buffer_of_bytes_another_shard_owns(void **state)
{
    (void)state;
    struct fixture f;
    struct borrower b;
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    borrower_init(&b, &f);
    struct buf *lent = buf_of(&f, 4 * KIB);
    uint8_t *bytes = buf_append(lent, 100);
    memset(bytes, 7, 100);
    struct buf_loan *loan;
    assert_int_equal(buf_lend_written(lent, 40, 50, &loan), ERR_OK);
    buf_unref(lent);   /* the loan keeps it */
    loan->data[0] = 8; /* the borrower changes what it likes, then adopts */
    struct buf *adopted;
    assert_int_equal(buf_adopt(&b.pool, loan, &adopted), ERR_OK);
    assert_int_equal(buf_owner(adopted), 4);
    assert_int_equal(b.pool.pinned_bytes, 0); /* the lender's pool pays */
    assert_int_equal(f.tail.used_bytes, 4 * KIB);
    struct buf_slice slice = buf_slice(adopted, 10, 40);
    assert_ptr_equal(buf_slice_data(slice), bytes + 50);
    assert_int_equal(buf_slice_data(buf_slice(adopted, 0, 1))[0], 8);
    buf_ref(adopted);
    buf_unref(adopted);
    assert_int_equal(b.returns.count, 0);
    buf_unref(adopted);
    assert_int_equal(b.returns.count, 1);
    assert_int_equal(f.tail.used_bytes, 4 * KIB);
    buf_loans_take_back(&f.pool, buf_return_list_take(&b.returns));
    assert_int_equal(f.tail.used_bytes, 0);
    buf_pool_deinit(&b.pool);
    fixture_deinit(&f);
}

static void buf_adopt_of_lent_sealed_bytes_can_be_lent_on(void **state)
{
    (void)state;
    struct fixture f;
    struct borrower b;
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    borrower_init(&b, &f);
    struct buf *lent = buf_of(&f, 4 * KIB);
    uint8_t *bytes = buf_append(lent, 100);
    memset(bytes, 7, 100);
    buf_seal(lent, 100);
    struct buf_loan *loan, *second;
    struct buf *adopted;
    assert_int_equal(buf_lend(buf_slice(lent, 20, 30), &loan), ERR_OK);
    assert_int_equal(buf_adopt(&b.pool, loan, &adopted), ERR_OK);
    assert_int_equal(buf_lend(buf_slice(adopted, 5, 10), &second), ERR_OK);
    assert_int_equal(second->owner_shard, 4);
    assert_ptr_equal(second->data, bytes + 25);
    buf_unref(adopted);
    assert_int_equal(b.returns.count, 0); /* lent on */
    buf_loans_take_back(&b.pool, second);
    assert_int_equal(b.returns.count, 1);
    buf_loans_take_back(&f.pool, buf_return_list_take(&b.returns));
    buf_unref(lent);
    buf_pool_deinit(&b.pool);
    fixture_deinit(&f);
}

static void buf_adopt_refused_leaves_the_loan_to_the_caller(void **state)
{
    (void)state;
    struct fixture f;
    struct borrower b;
    fixture_init(&f, 1u << 20, 1u << 20, 0);
    borrower_init(&b, &f);
    struct buf *lent = buf_of(&f, 4 * KIB);
    (void)buf_append(lent, 100);
    struct buf_loan *loan;
    struct buf *adopted;
    assert_int_equal(buf_lend_written(lent, 0, 100, &loan), ERR_OK);
    budget_set_limit(&f.shard, f.shard.used_bytes);
    assert_int_equal(buf_adopt(&b.pool, loan, &adopted), ERR_BUDGET);
    assert_null(adopted);
    buf_loans_take_back(&f.pool, loan);
    buf_unref(lent);
    buf_pool_deinit(&b.pool);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_new_rounds_up_to_a_class_and_charges_it_whole),
        cmocka_unit_test(buf_new_refuses_what_is_too_large_or_not_paid_for),
        cmocka_unit_test(buf_append_claims_until_it_is_full),
        cmocka_unit_test(buf_seal_ends_writing_but_not_appending),
        cmocka_unit_test(buf_lives_until_its_last_reference),
        cmocka_unit_test(buf_memory_is_recycled_without_the_allocator),
        cmocka_unit_test(buf_pool_keeps_no_more_idle_than_its_bound),
        cmocka_unit_test(buf_new_gives_up_idle_slabs_of_other_classes_before_it_fails),
        cmocka_unit_test(buf_holder_stands_below_the_pools_budget),
        cmocka_unit_test(buf_loan_keeps_the_buffer_until_it_is_back),
        cmocka_unit_test(buf_space_is_filled_by_a_borrower_and_sealed_by_the_owner),
        cmocka_unit_test(buf_sealed_while_somebody_fills_it_is_found_when_the_loan_returns),
        cmocka_unit_test(buf_loans_of_two_owners_are_not_mixed),
        cmocka_unit_test(buf_lend_is_refused_by_budget_and_bound),
        cmocka_unit_test(buf_loans_cross_threads_by_mail_alone),
        MODEL_TEST(buf_agrees_with_a_table),
        cmocka_unit_test(buf_adopt_makes_a_buffer_of_bytes_another_shard_owns),
        cmocka_unit_test(buf_adopt_of_lent_sealed_bytes_can_be_lent_on),
        cmocka_unit_test(buf_adopt_refused_leaves_the_loan_to_the_caller),
    };
    return cmocka_run_group_tests_name("base_buf", tests, NULL, NULL);
}
