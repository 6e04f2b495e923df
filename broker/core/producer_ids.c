/* See producer_ids.h. */
#include "broker/core/producer_ids.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"

/* How long a block is waited for, as in Kafka (RPCProducerIdManager). */
#define CORE_PRODUCER_IDS_WAIT_NS (10 * RT_NS_PER_S)

static void core_producer_ids_ask(struct core_shard *cs);
static void core_producer_ids_came(struct core_change *change);

void core_producer_ids_init(struct core_producer_ids *ids)
{
    *ids = (struct core_producer_ids){.next = 0};
    list_init(&ids->waiting);
}

void core_producer_id_start(struct core_shard *cs, struct core_producer_id *wish)
{
    struct core_producer_ids *ids = &cs->producer_ids;
    if (ids->left_count > 0) {
        ASSERT(list_is_empty(&ids->waiting));
        ids->left_count--;
        wish->id = (int64_t)ids->next++;
        wish->code = CORE_OK;
        wish->done(wish);
        return;
    }
    list_push_back(&ids->waiting, &wish->in_waiting);
    core_producer_ids_ask(cs);
}

static void core_producer_ids_ask(struct core_shard *cs)
{
    struct core_producer_ids *ids = &cs->producer_ids;
    if (ids->is_asking) {
        return;
    }
    ids->is_asking = true;
    ids->item = (struct core_change_item){.kind = CORE_CHANGE_PRODUCER_IDS};
    ids->change =
        (struct core_change){.done = core_producer_ids_came,
                             .ctx = cs,
                             .items = &ids->item,
                             .items_count = 1,
                             .deadline_ns = rt_now_ns(cs->shard) + CORE_PRODUCER_IDS_WAIT_NS};
    core_change_start(cs, &ids->change);
}

/* A block, or none. Those that come while others are served wait behind these. */
static void core_producer_ids_came(struct core_change *change)
{
    struct core_shard *cs = change->ctx;
    struct core_producer_ids *ids = &cs->producer_ids;
    enum core_code code = ids->item.code;
    struct list waiting;
    struct list_node *node;
    ids->is_asking = false;
    if (code == CORE_OK) {
        ASSERT(ids->left_count == 0);
        ids->next = ids->item.producer_id_first;
        ids->left_count = CORE_CHANGE_PRODUCER_IDS_COUNT;
    }
    list_init(&waiting);
    while ((node = list_pop_front(&ids->waiting)) != NULL) {
        list_push_back(&waiting, node);
    }
    while ((node = list_pop_front(&waiting)) != NULL) {
        struct core_producer_id *wish = CONTAINER_OF(node, struct core_producer_id, in_waiting);
        if (code == CORE_OK) {
            core_producer_id_start(cs, wish);
        } else {
            wish->code = code;
            wish->done(wish);
        }
    }
}
