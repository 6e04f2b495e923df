/* The system's tables: relations of the schema "system", which always exist. Their rows come from
 * core_scan_ops.
 *
 *     system.streams   name, topic, kind (declared, implicit), version, columns, created
 *     system.columns   stream, position (from 1), name, type, source
 *     system.topics    name, partitions, durability, retention_ms and retention_bytes (null: any),
 *                      message_bytes_max, internal, created
 *     system.views     name, source (the stream it reads), topic, origin ('earliest', 'latest', a
 *                      time), incarnation, columns, key (names of its columns that tell rows apart,
 *                      as a JSON array; null: they are not all shown), created, sql, state
 *                      (building, live, lagging, broken), degraded (values or rows failed), why it
 *                      lags, is broken or degraded, tick (the newest that is in its rows; null:
 *                      none yet),
 *                      lag_ms (how long it has been behind), rows, bytes (of memory), records
 *                      (folded since the server started), records_left (to fold of the present
 *                      step), errors (since the server started), first_error_partition,
 *                      first_error_offset (where the first of them stands, by partition and
 *                      offset; null: there is none), eta_ms (until that step is done; null: not
 *                      known), freshness_us (from when its last tick was there until it
 *                      was in its rows; null: none yet), rebind (null; building: it is bound anew
 *                      and its heir is being built; given up), rebind_why (why the newest heir was
 *                      given up, since the server started), rebind_records, rebind_records_left,
 *                      rebind_eta_ms (of the heir, as above)
 *     system.errors    stream, topic, partition, offset, column, code, path, excerpt: what queries
 *                      found (errors.h), on all shards, each once
 *     system.ticks     tick, time, whole, starts (views that begin in it), topic, partition, offset
 *                      (records below it are in the tick or an earlier one): what the newest ticks
 *                      have said, as far back as they are in memory
 *
 *     system.subscriptions  shard, number (of that shard), since, peer, id (as its client named it,
 * in JSON), kind (stream, view; null: it is being found out), name (of that), sql (its SELECT, its
 * first 256 bytes; null: it is by name), state (starting, following, paused: it waits for its
 * client), position (what it has been given: of a view a position, of a stream the next offsets as
 * JSON), behind (ticks that a view has and it has not been given; null of a stream), rows (and
 * changes that it has been given), queued_bytes (of its connection, sent and not read)
 *     system.queries   shard, number, since, state (planning, changing, waiting: for others to end,
 *                      running, paused: it waits for its client, ending), sql (its first 1,024
 *                      bytes), elapsed_ms, rows (given), records (looked at), memory: statements
 *                      that run now, this one, too
 *
 * Streams, topics and views are those of the newest catalog at each step of the scan, in order of
 * their names. */
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
    CORE_SYSTEM_VIEWS,
    CORE_SYSTEM_TICKS,
    CORE_SYSTEM_SUBSCRIPTIONS,
    CORE_SYSTEM_QUERIES,
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
