/* See deleted.h. Looked up once for each log that no topic has: few, so from first to last. */
#include "broker/core/deleted.h"

#include <string.h>

#include "base/budget.h"

/* Room at first. */
#define CORE_DELETED_FIRST 64u

void core_deleted_add(struct core_deleted *deleted, struct budget *budget,
                      const struct log_uuid *topic)
{
    if (deleted->count == deleted->capacity) {
        uint32_t capacity = deleted->capacity == 0 ? CORE_DELETED_FIRST : deleted->capacity * 2;
        void *topics;
        if (budget_alloc(budget, capacity * sizeof(*topic), _Alignof(struct log_uuid), &topics) !=
            ERR_OK) {
            return;
        }
        if (deleted->count > 0) {
            memcpy(topics, deleted->topics, deleted->count * sizeof(*topic));
        }
        budget_free(budget, deleted->topics);
        deleted->topics = topics;
        deleted->capacity = capacity;
    }
    deleted->topics[deleted->count++] = *topic;
}

bool core_deleted_has(const struct core_deleted *deleted, const struct log_uuid *topic)
{
    for (uint32_t i = deleted->count; i-- > 0;) {
        if (log_uuid_is_equal(&deleted->topics[i], topic)) {
            return true;
        }
    }
    return false;
}

void core_deleted_deinit(struct core_deleted *deleted, struct budget *budget)
{
    budget_free(budget, deleted->topics);
    *deleted = (struct core_deleted){.topics = NULL};
}
