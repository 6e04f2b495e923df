/* See looks.h. */
#include "broker/core/looks.h"

#include "base/assert.h"
#include "base/hash.h"

/* Buckets of the map. */
#define CORE_LOOKS_BUCKETS 1024u

static struct core_looked *core_looks_new(struct core_looks *looks);
static bool core_looked_is(const struct map_node *node, const void *wanted);

void core_looks_init(struct core_looks *looks, struct budget *budget, uint64_t seed)
{
    *looks = (struct core_looks){.budget = budget, .seed = seed};
}

void core_looks_deinit(struct core_looks *looks)
{
    while (looks->buckets != NULL && map_first(&looks->map) != NULL) {
        struct map_node *node = map_first(&looks->map);
        map_remove(&looks->map, node);
        budget_free(looks->budget, CONTAINER_OF(node, struct core_looked, in_map));
    }
    budget_free(looks->budget, looks->buckets);
    looks->buckets = NULL;
}

const struct core_looked *core_looks_find(const struct core_looks *looks,
                                          const struct log_uuid *topic)
{
    if (looks->buckets == NULL) {
        return NULL;
    }
    uint64_t hash = hash64(topic->bytes, sizeof(topic->bytes), looks->seed);
    struct map_node *node = map_find_equal(&looks->map, hash, core_looked_is, topic);
    return node != NULL ? CONTAINER_OF(node, struct core_looked, in_map) : NULL;
}

void core_looks_keep(struct core_looks *looks, const struct log_uuid *topic, uint32_t first,
                     uint32_t count, const uint64_t *ends)
{
    uint64_t hash = hash64(topic->bytes, sizeof(topic->bytes), looks->seed);
    struct core_looked *looked = NULL;
    ASSERT(count <= CORE_LOOK_PARTITIONS);
    if (looks->buckets != NULL) {
        struct map_node *node = map_find_equal(&looks->map, hash, core_looked_is, topic);
        node = node == NULL && looks->map.count == CORE_LOOKS_MAX ? map_first(&looks->map) : node;
        looked = node != NULL ? CONTAINER_OF(node, struct core_looked, in_map) : NULL;
    }
    if (looked != NULL) {
        map_remove(&looks->map, &looked->in_map);
    } else {
        looked = core_looks_new(looks);
    }
    if (looked == NULL) {
        return;
    }
    looked->topic = *topic;
    looked->first = first;
    looked->count = count;
    for (uint32_t i = 0; i < count; i++) {
        looked->ends[i] = ends[i];
    }
    enum err err = map_insert(&looks->map, &looked->in_map, hash);
    ASSERT(err == ERR_OK); /* CORE_LOOKS_MAX of them have room */
}

/* One that is in no map, or NULL: no memory. */
static struct core_looked *core_looks_new(struct core_looks *looks)
{
    void *memory;
    if (looks->buckets == NULL) {
        size_t bytes = CORE_LOOKS_BUCKETS * sizeof(struct map_node *);
        if (budget_alloc(looks->budget, bytes, _Alignof(struct map_node *), &memory) != ERR_OK) {
            return NULL;
        }
        looks->buckets = memory;
        map_init(&looks->map, looks->buckets, CORE_LOOKS_BUCKETS);
    }
    enum err err = budget_alloc(looks->budget, sizeof(struct core_looked),
                                _Alignof(struct core_looked), &memory);
    return err == ERR_OK ? memory : NULL;
}

static bool core_looked_is(const struct map_node *node, const void *wanted)
{
    const struct core_looked *looked = CONTAINER_OF(node, struct core_looked, in_map);
    return log_uuid_is_equal(&looked->topic, wanted);
}
