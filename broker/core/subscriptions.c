/* See subscriptions.h. */
#include "broker/core/subscriptions.h"

#include <string.h>

#include "base/assert.h"

void core_subscriptions_init(struct core_subscriptions *subscriptions)
{
    *subscriptions = (struct core_subscriptions){.begun_count = 0};
    list_init(&subscriptions->all);
}

void core_subscriptions_add(struct core_subscriptions *subscriptions,
                            struct core_subscription *subscription, core_subscription_row_fn *row,
                            uint64_t now_ns)
{
    ASSERT(row != NULL);
    subscription->row = row;
    subscription->number = ++subscriptions->begun_count;
    subscription->since_ns = now_ns;
    list_push_back(&subscriptions->all, &subscription->in_shard);
}

void core_subscriptions_remove(struct core_subscription *subscription)
{
    if (list_is_linked(&subscription->in_shard)) {
        list_remove(&subscription->in_shard);
    }
}

size_t core_subscription_cut(const char *text, size_t length, size_t max)
{
    size_t cut = strnlen(text, length < max ? length : max);
    while (cut > 0 && cut < length && ((unsigned char)text[cut] & 0xc0) == 0x80) {
        cut--;
    }
    return cut;
}
