/* The system's tables: relations of the schema "system", which always exist. Their rows come from
 * core_scan_ops.
 *
 *     system.streams   name, topic, kind (declared, implicit), version, columns, created
 *     system.columns   stream, position (from 1), name, type, source
 *     system.topics    name, partitions, durability, retention_ms and retention_bytes (null: any),
 *                      message_bytes_max, internal, created
 *     system.errors    stream, topic, partition, offset, column, code, path, excerpt: what queries
 *                      found (errors.h), on all shards, each once
 *
 * Streams and topics are those of the newest catalog at each step of the scan, in order of their
 * names. */
#ifndef BROKER_CORE_SYSTEM_TABLES_H
#define BROKER_CORE_SYSTEM_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "views/plan/relation.h"

/* Which one. */
enum core_system_table {
    CORE_SYSTEM_STREAMS,
    CORE_SYSTEM_COLUMNS,
    CORE_SYSTEM_TOPICS,
    CORE_SYSTEM_ERRORS,
    CORE_SYSTEM_COUNT
};

/* The table of that name, without case, in the schema "system"; NULL: there is none. Static
 * storage; `owner` is NULL. */
const struct plan_relation *core_system_table_find(const char *name, size_t name_bytes);

/* Table number `i` (enum core_system_table), or NULL behind the last. */
const struct plan_relation *core_system_table_at(uint32_t i);

/* Which one `relation`, got from here (asserted), is. */
enum core_system_table core_system_table_of(const struct plan_relation *relation);

#endif
