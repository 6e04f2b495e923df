/* Payload buffers: the bytes of a batch exist once, and everybody who needs them refers to them.
 *
 * One copy in at most, from the receive ring into a buffer; journal write, send to followers and
 * hot tail share it (LOG §7). A buffer is filled from front to back:
 *
 *     0 ......... sealed_length ......... length ......... capacity
 *     never changes again | being written    | not claimed
 *     slices, read loans  | buf_write, loans | buf_append
 *                         | of space
 *
 * Bytes are claimed (buf_append), written, patched, and then published by buf_seal; what is sealed
 * is immutable, which is asserted on every access for writing. So a buffer may take batch after
 * batch while the first ones are already on their way.
 *
 * **Who owns.** A buffer belongs to one shard, that of its pool. Only it may touch struct buf: its
 * reference count is a plain integer. Whoever keeps a pointer or a slice beyond the call holds a
 * reference. Another shard holds a *loan*, in four steps:
 *
 *   1. owner:    buf_lend (sealed bytes) or buf_lend_space (bytes to fill) takes a reference and
 *                makes a loan; the owner mails the pointer to it.
 *   2. borrower: uses loan->data for loan->length bytes until it is done; never touches loan->buf.
 *   3. borrower: buf_loan_return puts the loan on its list for that owner (loan->owner_shard); once
 *                per turn of its loop, buf_return_list_take gives one pointer, and that is mailed.
 *   4. owner:    buf_loans_take_back drops the references.
 *
 * A borrower whose own code wants buffers and slices *adopts* the loan: buf_adopt makes a buffer of
 * its own pool whose bytes are the lender's; with the last reference on it the loan goes back, by
 * the pool's give_back. So bytes that one shard received become part of another's log uncopied.
 *
 * Between mails a loan is touched only by the side that has it; the mailbox (base/rt) orders the
 * accesses. Sending and receiving those pointers is the callers' work, as is asking again when a
 * mailbox is full.
 *
 * **Memory.** Capacities are size classes: powers of two from 4 KiB to 16 MiB, and LIMIT_BUF_BYTES.
 * Small ones are cut from slabs of 64 KiB. What is freed stays with the pool up to a bound, so the
 * hot path does not meet the allocator. The pool's budget pays for all of it; a buffer's whole
 * capacity is charged to its holder, a budget below the pool's, for as long as the buffer lives.
 *
 * Addresses are multiples of LIMIT_BLOCK_BYTES, ready for direct I/O. Under AddressSanitizer, bytes
 * that are not claimed cannot be touched. Nothing here blocks. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/pool.h"

/* Size classes: 4 KiB << 0..12, and LIMIT_BUF_BYTES. */
#define BUF_CLASSES 14

/* Loans of one pool that are out at a time, and adopted ones that live: each is a send or a fill in
 * flight on another shard, or a batch that is hot there. */
#define BUF_LOANS_MAX (1u << 20)

/* A block of buffers of one class (buf.c). */
struct buf_slab;
struct buf_loan;

/* Nobody here needs the adopted `loan` any more: send it back, buf_loan_return. */
typedef void buf_give_back_fn(void *ctx, struct buf_loan *loan);

/* The buffers of one shard. Embedded in it, and stays where it is. */
struct buf_pool {
    struct budget *budget;         /* pays for slabs and loans; above every holder */
    struct list open[BUF_CLASSES]; /* slabs with a free buffer, idle ones last: buf_slab.in_open */
    struct pool loans;             /* of struct buf_loan */
    struct pool adopted;           /* of struct buf, for buf_adopt */
    buf_give_back_fn *give_back;   /* of adopted loans; NULL: none are adopted */
    void *give_back_ctx;           /* its first argument */
    size_t pinned_bytes;           /* capacity of the buffers in use */
    size_t idle_bytes;             /* of slabs none of whose buffers is in use */
    size_t idle_bytes_max;         /* above it, slabs that fall idle go back to the budget */
    uint32_t bufs_count;           /* buffers in use, adopted ones too */
    uint16_t shard;                /* the owner's number */
};

/* A buffer. Owner shard only. */
struct buf {
    uint8_t *data;          /* `capacity` bytes at a multiple of LIMIT_BLOCK_BYTES */
    uint32_t capacity;      /* size of its class */
    uint32_t length;        /* bytes claimed */
    uint32_t sealed_length; /* of those, the first that never change again */
    uint32_t refs_count;    /* references; loans count */
    struct budget *holder;  /* charged with `capacity`; NULL: adopted, the lender pays */
    struct buf_pool *pool;  /* whose it is */
    struct buf_slab *slab;  /* where it comes from, its class; NULL: adopted */
    struct buf_loan *loan;  /* whose bytes it has, when adopted; else NULL */
    struct buf *next_free;  /* the next on its slab's free chain while nobody uses it */
};

/* A view of sealed bytes. Holds no reference by itself: who keeps one keeps a reference on `buf`.
 */
struct buf_slice {
    struct buf *buf; /* whose bytes */
    uint32_t pos;    /* the first */
    uint32_t length; /* how many */
};

/* Bytes that another shard may use. Made and ended by the owner. */
struct buf_loan {
    uint8_t *data;         /* the bytes, to be changed only if is_writable */
    uint32_t length;       /* how many */
    uint16_t owner_shard;  /* whom to mail it back to */
    bool is_writable;      /* whether the borrower fills the bytes: buf_lend_space */
    struct buf_loan *next; /* the next of a chain of returned ones */
    struct buf *buf;       /* owner only: what the reference is on */
};

/* A borrower's loans of one owner that wait to be mailed back. All zero: empty. */
struct buf_return_list {
    struct buf_loan *first; /* the first returned, chained by buf_loan.next */
    struct buf_loan *last;  /* the last; NULL when empty */
    uint32_t count;         /* how many: a reason to mail before the turn ends */
};

/* Make `pool` the empty pool of shard `shard`, paid by `budget`. Slabs that fall idle are kept up
 * to `idle_bytes_max`. Takes nothing yet. */
void buf_pool_init(struct buf_pool *pool, struct budget *budget, uint16_t shard,
                   size_t idle_bytes_max);

/* What becomes of adopted loans of `pool` in the end. Before the first buf_adopt. */
void buf_pool_set_give_back(struct buf_pool *pool, buf_give_back_fn *give_back, void *ctx);

/* End `pool`. Asserted: no buffer is in use and no loan is out. */
void buf_pool_deinit(struct buf_pool *pool);

/* Give every idle slab back to the budget: when the shard lends memory to another, or is short. */
void buf_pool_trim(struct buf_pool *pool);

/* *out = a buffer of at least `capacity` (> 0) bytes with one reference, which is the caller's; its
 * class size is charged to `holder` (asserted: within the pool's budget). Nothing is claimed and
 * the content is undefined. ERR_TOO_LARGE above LIMIT_BUF_BYTES; ERR_BUDGET when the holder or the
 * pool's budget refuses, idle slabs having been given up first; *out = NULL then. */
MUST_USE enum err buf_new(struct buf_pool *pool, struct budget *holder, size_t capacity,
                          struct buf **out);

/* One more reference. Owner shard only. Returns `buf`. */
struct buf *buf_ref(struct buf *buf);

/* One reference less; the last frees the buffer and the holder's charge. Owner shard only. */
void buf_unref(struct buf *buf);

/* The number of the shard that owns `buf`. */
uint16_t buf_owner(const struct buf *buf);

/* Claim the next `bytes` for writing: a pointer to them, or NULL when they do not fit. They hold an
 * old buffer's bytes until the caller fills them. */
uint8_t *buf_append(struct buf *buf, uint32_t bytes);

/* The claimed bytes pos..pos+length-1 (asserted: claimed, none of them sealed), to be changed. */
uint8_t *buf_write(struct buf *buf, uint32_t pos, uint32_t length);

/* Publish: the first `length` bytes (asserted: claimed, and not less than are sealed) never change
 * again. None of them may be out on a writable loan (asserted when that comes back). */
void buf_seal(struct buf *buf, uint32_t length);

/* A view of the bytes pos..pos+length-1 (asserted: sealed). */
struct buf_slice buf_slice(struct buf *buf, uint32_t pos, uint32_t length);

/* The part of `slice` from its byte `pos`, `length` long (asserted: within it). */
struct buf_slice buf_slice_sub(struct buf_slice slice, uint32_t pos, uint32_t length);

/* The bytes of `slice`; they live as long as a reference on its buffer. */
const uint8_t *buf_slice_data(struct buf_slice slice);

/* *out = a loan of the bytes of `slice`, with a reference of its own. ERR_FULL at BUF_LOANS_MAX,
 * ERR_BUDGET when the pool's budget refuses; *out = NULL then. Owner shard only. */
MUST_USE enum err buf_lend(struct buf_slice slice, struct buf_loan **out);

/* Claim the next `bytes` of `buf`; *out = a loan of them, to be filled by another shard. The owner
 * seals them after it came back. ERR_TOO_LARGE when they do not fit, else as buf_lend; nothing is
 * claimed then. Owner shard only. */
MUST_USE enum err buf_lend_space(struct buf *buf, uint32_t bytes, struct buf_loan **out);

/* *out = a loan of the bytes pos..pos+length-1 of `buf` (asserted: claimed, none of them sealed),
 * to be changed by another shard; they are never sealed here. Errors as buf_lend. Owner shard only.
 */
MUST_USE enum err buf_lend_written(struct buf *buf, uint32_t pos, uint32_t length,
                                   struct buf_loan **out);

/* *out = a buffer of `pool` (which has a give_back) with one reference, all sealed, that has the
 * bytes of `loan`; the loan is the buffer's. What the borrower wants changed in them it changes
 * before. ERR_BUDGET, ERR_FULL: the loan stays the caller's, *out = NULL. Borrower's shard only. */
MUST_USE enum err buf_adopt(struct buf_pool *pool, struct buf_loan *loan, struct buf **out);

/* The borrower is done with `loan`: put it on `list`, whose loans are all of one owner (asserted).
 * `loan` must not be touched afterwards. */
void buf_loan_return(struct buf_return_list *list, struct buf_loan *loan);

/* Empty `list`: the chain to mail to the owner, in order of return, or NULL. */
struct buf_loan *buf_return_list_take(struct buf_return_list *list);

/* The owner has `chain` back (NULL is allowed): drop each loan's reference and end it. */
void buf_loans_take_back(struct buf_pool *pool, struct buf_loan *chain);

/* The same for one loan that is in no chain, of whichever pool of this shard. */
void buf_loan_take_back(struct buf_loan *loan);

#endif
