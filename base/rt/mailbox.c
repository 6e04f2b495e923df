/* Mail between threads. See mailbox.h.
 *
 * Each shard has an inbox: one lane per sender and a list for threads outside. A lane is a chain of
 * rings, each twice as large as the one before; the sender writes into the newest, the receiver
 * drains them in order. Rings are the sender's memory and are kept until the group ends, at most 2
 * x LIMIT_MAILBOX_COUNT pointers per lane.
 *
 * Shared between the two sides (all else is private to one):
 *   slots[]      the sender fills an empty one (release), the receiver empties it (release)
 *   next, first  set once by the sender (release)
 *   pending      the sender sets its bit, the receiver takes all bits
 *   posted       threads outside push, the receiver takes all
 *
 * Sleeping without losing a wake: the receiver sets is_sleeping, then looks at pending and posted
 * once more; a sender sets pending (or posted), then looks at is_sleeping. Both sides use
 * sequentially consistent operations, so at least one sees the other. */
#include "base/rt/mailbox.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/rt/backend.h"
#include "base/rt/mailbox_int.h"

#define RT_RING_FIRST_COUNT 64

static struct rt_ring *rt_ring_new(struct rt_shard *from, uint32_t capacity);
static bool rt_ring_is_full(const struct rt_ring *ring);
static enum err rt_lane_push(struct rt_shard *from, struct rt_lane *lane, struct rt_mail *mail);
static struct rt_mail *rt_lane_pop(struct rt_lane *lane);
static uint32_t rt_lane_count(const struct rt_lane *lane);
static void rt_mail_wake(struct rt_shard *to);
static uint32_t rt_mail_deliver_lane(struct rt_shard *shard, uint32_t from);
static uint32_t rt_mail_deliver_posted(struct rt_shard *shard);

enum err rt_mail_send(struct rt_shard *from, uint32_t to, struct rt_mail *mail)
{
    struct rt_group *group = from->group;
    ASSERT(to < group->shards_count);
    ASSERT(mail->deliver != NULL);
    struct rt_inbox *inbox = &group->inboxes[to];
    if (atomic_load_explicit(&inbox->is_closed, memory_order_acquire)) {
        return ERR_CLOSING;
    }
    enum err err = rt_lane_push(from, &inbox->lanes[from->id], mail);
    if (err == ERR_OK) {
        from->doorbells[to / 64] |= 1ull << (to % 64);
    }
    return err;
}

void rt_mail_post(struct rt_shard *to, struct rt_mail *mail)
{
    struct rt_inbox *inbox = to->inbox;
    ASSERT(mail->deliver != NULL);
    mail->from = RT_MAIL_OUTSIDE;
    struct rt_mail *head = atomic_load_explicit(&inbox->posted, memory_order_relaxed);
    do {
        mail->next = head;
    } while (!atomic_compare_exchange_weak(&inbox->posted, &head, mail));
    rt_mail_wake(to);
}

enum err rt_group_open(struct rt_group *group, uint32_t shards_count, struct budget *budget)
{
    ASSERT(shards_count >= 1);
    ASSERT(shards_count <= LIMIT_SHARDS_COUNT);
    void *shards = NULL, *inboxes = NULL, *lanes = NULL;
    size_t lanes_count = (size_t)shards_count * shards_count;
    enum err err = budget_alloc(budget, shards_count * sizeof(struct rt_shard), 64, &shards);
    if (err == ERR_OK) {
        err = budget_alloc(budget, shards_count * sizeof(struct rt_inbox), 64, &inboxes);
    }
    if (err == ERR_OK) {
        err = budget_alloc(budget, lanes_count * sizeof(struct rt_lane), 64, &lanes);
    }
    group->shards_count = shards_count;
    group->shards = shards;
    group->inboxes = inboxes;
    group->lanes = lanes;
    if (err != ERR_OK) {
        rt_group_close(group, budget);
        return err;
    }
    for (uint32_t i = 0; i < shards_count; i++) {
        group->inboxes[i] = (struct rt_inbox){.lanes = group->lanes + (size_t)i * shards_count};
    }
    return ERR_OK;
}

void rt_group_close(struct rt_group *group, struct budget *budget)
{
    budget_free(budget, group->lanes);
    budget_free(budget, group->inboxes);
    budget_free(budget, group->shards);
    group->lanes = NULL;
    group->inboxes = NULL;
    group->shards = NULL;
}

void rt_mail_ring_doorbells(struct rt_shard *shard)
{
    for (uint32_t word = 0; word < ARRAY_COUNT(shard->doorbells); word++) {
        uint64_t bits = shard->doorbells[word];
        shard->doorbells[word] = 0;
        while (bits != 0) {
            uint32_t to = word * 64 + (uint32_t)__builtin_ctzll(bits);
            bits &= bits - 1;
            struct rt_inbox *inbox = &shard->group->inboxes[to];
            atomic_fetch_or(&inbox->pending[shard->id / 64], 1ull << (shard->id % 64));
            if (to != shard->id) {
                rt_mail_wake(&shard->group->shards[to]);
            }
        }
    }
}

uint32_t rt_mail_deliver(struct rt_shard *shard)
{
    struct rt_inbox *inbox = shard->inbox;
    uint32_t count = 0;
    for (uint32_t word = 0; word < ARRAY_COUNT(inbox->pending); word++) {
        if (atomic_load_explicit(&inbox->pending[word], memory_order_relaxed) == 0) {
            continue;
        }
        uint64_t bits = atomic_exchange(&inbox->pending[word], 0);
        while (bits != 0) {
            uint32_t from = word * 64 + (uint32_t)__builtin_ctzll(bits);
            bits &= bits - 1;
            count += rt_mail_deliver_lane(shard, from);
        }
    }
    if (atomic_load_explicit(&inbox->posted, memory_order_relaxed) != NULL) {
        count += rt_mail_deliver_posted(shard);
    }
    shard->stats.mails_count += count;
    return count;
}

bool rt_mail_is_pending(const struct rt_shard *shard)
{
    struct rt_inbox *inbox = shard->inbox;
    for (uint32_t word = 0; word < ARRAY_COUNT(inbox->pending); word++) {
        if (atomic_load_explicit(&inbox->pending[word], memory_order_relaxed) != 0) {
            return true;
        }
    }
    return atomic_load_explicit(&inbox->posted, memory_order_relaxed) != NULL;
}

bool rt_mail_may_sleep(struct rt_shard *shard)
{
    struct rt_inbox *inbox = shard->inbox;
    atomic_store(&inbox->is_sleeping, true);
    bool is_pending = atomic_load(&inbox->posted) != NULL;
    for (uint32_t word = 0; word < ARRAY_COUNT(inbox->pending); word++) {
        is_pending |= atomic_load(&inbox->pending[word]) != 0;
    }
    if (is_pending) {
        atomic_store(&inbox->is_sleeping, false);
    }
    return !is_pending;
}

void rt_mail_awake(struct rt_shard *shard)
{
    atomic_store_explicit(&shard->inbox->is_sleeping, false, memory_order_relaxed);
}

void rt_mail_close(struct rt_shard *shard)
{
    atomic_store_explicit(&shard->inbox->is_closed, true, memory_order_release);
}

static void rt_mail_wake(struct rt_shard *to)
{
    if (atomic_load(&to->inbox->is_sleeping) && atomic_exchange(&to->inbox->is_sleeping, false)) {
        to->backend->wake(to);
    }
}

static struct rt_ring *rt_ring_new(struct rt_shard *from, uint32_t capacity)
{
    void *memory = NULL;
    size_t bytes = sizeof(struct rt_ring) + capacity * sizeof(struct rt_mail *);
    if (budget_alloc(&from->budget, bytes, 64, &memory) != ERR_OK) {
        return NULL;
    }
    struct rt_ring *ring = memory;
    ring->capacity = capacity;
    return ring;
}

static enum err rt_lane_push(struct rt_shard *from, struct rt_lane *lane, struct rt_mail *mail)
{
    struct rt_ring *ring = lane->newest;
    if (ring == NULL || rt_ring_is_full(ring)) {
        if (ring != NULL && ring->capacity >= LIMIT_MAILBOX_COUNT) {
            return ERR_FULL;
        }
        struct rt_ring *larger =
            rt_ring_new(from, ring != NULL ? ring->capacity * 2 : RT_RING_FIRST_COUNT);
        if (larger == NULL) {
            return ERR_BUDGET;
        }
        atomic_store_explicit(ring != NULL ? &ring->next : &lane->first, larger,
                              memory_order_release);
        lane->newest = ring = larger;
    }
    mail->from = from->id;
    atomic_store_explicit(&ring->slots[ring->tail++ % ring->capacity], mail, memory_order_release);
    return ERR_OK;
}

static bool rt_ring_is_full(const struct rt_ring *ring)
{
    return atomic_load_explicit(&ring->slots[ring->tail % ring->capacity], memory_order_acquire) !=
           NULL;
}

/* The next mail of the lane, or NULL. A ring is left for its successor only when it is empty and
 * the successor was linked before the emptiness was seen: nothing is pushed into a ring after its
 * `next` is set. */
static struct rt_mail *rt_lane_pop(struct rt_lane *lane)
{
    if (lane->oldest == NULL) {
        lane->oldest = atomic_load_explicit(&lane->first, memory_order_acquire);
    }
    while (lane->oldest != NULL) {
        struct rt_ring *ring = lane->oldest;
        struct rt_ring *next = atomic_load_explicit(&ring->next, memory_order_acquire);
        _Atomic(struct rt_mail *) *slot = &ring->slots[ring->head % ring->capacity];
        struct rt_mail *mail = atomic_load_explicit(slot, memory_order_acquire);
        if (mail != NULL) {
            atomic_store_explicit(slot, NULL, memory_order_release);
            ring->head++;
            return mail;
        }
        if (next == NULL) {
            break;
        }
        lane->oldest = next;
    }
    return NULL;
}

/* A turn's worth, so that no chain of mails keeps timers and I/O waiting: of the own lane what is
 * there now, of another at most what it could hold; the rest waits for the next turn. */
static uint32_t rt_mail_deliver_lane(struct rt_shard *shard, uint32_t from)
{
    struct rt_lane *lane = &shard->inbox->lanes[from];
    uint32_t count_max = from == shard->id ? rt_lane_count(lane) : LIMIT_MAILBOX_COUNT;
    uint32_t count = 0;
    struct rt_mail *mail;
    while (count < count_max && (mail = rt_lane_pop(lane)) != NULL) {
        count++;
        mail->deliver(shard, mail);
    }
    if (count == LIMIT_MAILBOX_COUNT) { /* perhaps more: look again next turn */
        atomic_fetch_or(&shard->inbox->pending[from / 64], 1ull << (from % 64));
    }
    return count;
}

/* Mails in a lane both of whose ends are this shard's. What is sent from now on rings anew. */
static uint32_t rt_lane_count(const struct rt_lane *lane)
{
    uint32_t count = 0;
    const struct rt_ring *ring = atomic_load_explicit(&lane->first, memory_order_relaxed);
    for (; ring != NULL; ring = atomic_load_explicit(&ring->next, memory_order_relaxed)) {
        count += ring->tail - ring->head;
    }
    return count;
}

/* The list is newest first; deliver oldest first. */
static uint32_t rt_mail_deliver_posted(struct rt_shard *shard)
{
    struct rt_mail *newest = atomic_exchange(&shard->inbox->posted, NULL);
    struct rt_mail *oldest = NULL;
    while (newest != NULL) {
        struct rt_mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    uint32_t count = 0;
    while (oldest != NULL) {
        struct rt_mail *mail = oldest;
        oldest = mail->next; /* before delivery: the mail is the receiver's then */
        count++;
        mail->deliver(shard, mail);
    }
    return count;
}
