/* See system_tables.h. */
#include "broker/core/system_tables.h"

#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/compiler.h"

#define CORE_SYSTEM_COLUMN(column, vec)                                                            \
    {                                                                                              \
        .name = column, .type = {.kind = VEC_##vec}, .role = PLAN_ROLE_VALUE                       \
    }

static const struct plan_column core_system_streams[] = {
    CORE_SYSTEM_COLUMN("name", TEXT),       CORE_SYSTEM_COLUMN("topic", TEXT),
    CORE_SYSTEM_COLUMN("kind", TEXT),       CORE_SYSTEM_COLUMN("version", INTEGER),
    CORE_SYSTEM_COLUMN("columns", INTEGER), CORE_SYSTEM_COLUMN("created", TIMESTAMPTZ),
};

static const struct plan_column core_system_columns[] = {
    CORE_SYSTEM_COLUMN("stream", TEXT), CORE_SYSTEM_COLUMN("position", INTEGER),
    CORE_SYSTEM_COLUMN("name", TEXT),   CORE_SYSTEM_COLUMN("type", TEXT),
    CORE_SYSTEM_COLUMN("source", TEXT),
};

static const struct plan_column core_system_topics[] = {
    CORE_SYSTEM_COLUMN("name", TEXT),
    CORE_SYSTEM_COLUMN("partitions", INTEGER),
    CORE_SYSTEM_COLUMN("durability", TEXT),
    CORE_SYSTEM_COLUMN("retention_ms", BIGINT),
    CORE_SYSTEM_COLUMN("retention_bytes", BIGINT),
    CORE_SYSTEM_COLUMN("message_bytes_max", BIGINT),
    CORE_SYSTEM_COLUMN("internal", BOOLEAN),
    CORE_SYSTEM_COLUMN("created", TIMESTAMPTZ),
};

static const struct plan_column core_system_errors[] = {
    CORE_SYSTEM_COLUMN("stream", TEXT),       CORE_SYSTEM_COLUMN("topic", TEXT),
    CORE_SYSTEM_COLUMN("partition", INTEGER), CORE_SYSTEM_COLUMN("offset", BIGINT),
    CORE_SYSTEM_COLUMN("column", TEXT),       CORE_SYSTEM_COLUMN("code", TEXT),
    CORE_SYSTEM_COLUMN("path", TEXT),         CORE_SYSTEM_COLUMN("excerpt", TEXT),
};

static const struct plan_column core_system_views[] = {
    CORE_SYSTEM_COLUMN("name", TEXT),
    CORE_SYSTEM_COLUMN("source", TEXT),
    CORE_SYSTEM_COLUMN("topic", TEXT),
    CORE_SYSTEM_COLUMN("origin", TEXT),
    CORE_SYSTEM_COLUMN("incarnation", INTEGER),
    CORE_SYSTEM_COLUMN("columns", INTEGER),
    CORE_SYSTEM_COLUMN("key", JSONB),
    CORE_SYSTEM_COLUMN("created", TIMESTAMPTZ),
    CORE_SYSTEM_COLUMN("sql", TEXT),
    CORE_SYSTEM_COLUMN("state", TEXT),
    CORE_SYSTEM_COLUMN("degraded", BOOLEAN),
    CORE_SYSTEM_COLUMN("why", TEXT),
    CORE_SYSTEM_COLUMN("tick", BIGINT),
    CORE_SYSTEM_COLUMN("lag_ms", BIGINT),
    CORE_SYSTEM_COLUMN("rows", BIGINT),
    CORE_SYSTEM_COLUMN("bytes", BIGINT),
    CORE_SYSTEM_COLUMN("records", BIGINT),
    CORE_SYSTEM_COLUMN("records_left", BIGINT),
    CORE_SYSTEM_COLUMN("errors", BIGINT),
    CORE_SYSTEM_COLUMN("first_error_partition", INTEGER),
    CORE_SYSTEM_COLUMN("first_error_offset", BIGINT),
    CORE_SYSTEM_COLUMN("eta_ms", BIGINT),
    CORE_SYSTEM_COLUMN("freshness_us", BIGINT),
    CORE_SYSTEM_COLUMN("rebind", TEXT),
    CORE_SYSTEM_COLUMN("rebind_why", TEXT),
    CORE_SYSTEM_COLUMN("rebind_records", BIGINT),
    CORE_SYSTEM_COLUMN("rebind_records_left", BIGINT),
    CORE_SYSTEM_COLUMN("rebind_eta_ms", BIGINT),
};

static const struct plan_column core_system_ticks[] = {
    CORE_SYSTEM_COLUMN("tick", BIGINT),   CORE_SYSTEM_COLUMN("time", TIMESTAMPTZ),
    CORE_SYSTEM_COLUMN("whole", BOOLEAN), CORE_SYSTEM_COLUMN("starts", INTEGER),
    CORE_SYSTEM_COLUMN("topic", TEXT),    CORE_SYSTEM_COLUMN("partition", INTEGER),
    CORE_SYSTEM_COLUMN("offset", BIGINT),
};

static const struct plan_column core_system_subscriptions[] = {
    CORE_SYSTEM_COLUMN("shard", INTEGER),
    CORE_SYSTEM_COLUMN("number", BIGINT),
    CORE_SYSTEM_COLUMN("since", TIMESTAMPTZ),
    CORE_SYSTEM_COLUMN("peer", TEXT),
    CORE_SYSTEM_COLUMN("id", TEXT),
    CORE_SYSTEM_COLUMN("kind", TEXT),
    CORE_SYSTEM_COLUMN("name", TEXT),
    CORE_SYSTEM_COLUMN("sql", TEXT),
    CORE_SYSTEM_COLUMN("state", TEXT),
    CORE_SYSTEM_COLUMN("position", TEXT),
    CORE_SYSTEM_COLUMN("behind", BIGINT),
    CORE_SYSTEM_COLUMN("rows", BIGINT),
    CORE_SYSTEM_COLUMN("queued_bytes", BIGINT),
};

static const struct plan_column core_system_queries[] = {
    CORE_SYSTEM_COLUMN("shard", INTEGER),     CORE_SYSTEM_COLUMN("number", BIGINT),
    CORE_SYSTEM_COLUMN("since", TIMESTAMPTZ), CORE_SYSTEM_COLUMN("state", TEXT),
    CORE_SYSTEM_COLUMN("sql", TEXT),          CORE_SYSTEM_COLUMN("elapsed_ms", BIGINT),
    CORE_SYSTEM_COLUMN("rows", BIGINT),       CORE_SYSTEM_COLUMN("records", BIGINT),
    CORE_SYSTEM_COLUMN("memory", BIGINT),
};

#define CORE_SYSTEM_RELATION(table, list)                                                          \
    {                                                                                              \
        .kind = PLAN_RELATION_SYSTEM, .schema = "system", .name = table, .columns = list,          \
        .columns_count = ARRAY_COUNT(list), .version = 1                                           \
    }

static const struct plan_relation core_system_tables[CORE_SYSTEM_COUNT] = {
    [CORE_SYSTEM_STREAMS] = CORE_SYSTEM_RELATION("streams", core_system_streams),
    [CORE_SYSTEM_COLUMNS] = CORE_SYSTEM_RELATION("columns", core_system_columns),
    [CORE_SYSTEM_TOPICS] = CORE_SYSTEM_RELATION("topics", core_system_topics),
    [CORE_SYSTEM_ERRORS] = CORE_SYSTEM_RELATION("errors", core_system_errors),
    [CORE_SYSTEM_VIEWS] = CORE_SYSTEM_RELATION("views", core_system_views),
    [CORE_SYSTEM_TICKS] = CORE_SYSTEM_RELATION("ticks", core_system_ticks),
    [CORE_SYSTEM_SUBSCRIPTIONS] = CORE_SYSTEM_RELATION("subscriptions", core_system_subscriptions),
    [CORE_SYSTEM_QUERIES] = CORE_SYSTEM_RELATION("queries", core_system_queries),
};

const struct plan_relation *core_system_table_find(const char *name, size_t name_bytes)
{
    for (uint32_t i = 0; i < CORE_SYSTEM_COUNT; i++) {
        const struct plan_relation *relation = &core_system_tables[i];
        if (strlen(relation->name) == name_bytes &&
            strncasecmp(relation->name, name, name_bytes) == 0) {
            return relation;
        }
    }
    return NULL;
}

const struct plan_relation *core_system_table_at(uint32_t i)
{
    return i < CORE_SYSTEM_COUNT ? &core_system_tables[i] : NULL;
}

enum core_system_table core_system_table_of(const struct plan_relation *relation)
{
    ASSERT(relation >= core_system_tables);
    ASSERT(relation < core_system_tables + CORE_SYSTEM_COUNT);
    return (enum core_system_table)(relation - core_system_tables);
}
