/* Materialized views as the catalog keeps them: what CREATE MATERIALIZED VIEW froze (VIEWS §2, §4,
 * §6). A view has its SELECT as text, the plan that it became, and the stream that the plan reads
 * with the columns in use and their types, as they were. Whatever becomes of the stream, the view
 * reads these.
 *
 * The plan is kept in its JSON form (views/plan/json.h), which names each function with its
 * version: a build that does not have that function reads no such plan, and never makes another.
 *
 * A view that is bound anew (REBIND) has an *heir*: its next incarnation, a view of its own with
 * its own uuid, which nobody reads yet. It is built beside the view and takes its place when it has
 * all rows; then that incarnation is gone. What all have in common is the name and the lineage.
 *
 * Pure. A view is immutable: a renamed one is another object with the same uuid and incarnation. */
#ifndef BROKER_CORE_VIEW_H
#define BROKER_CORE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "broker/core/stream.h"
#include "storage/log/format.h"
#include "views/plan/json.h"
#include "views/plan/plan.h"

/* Columns of a view at most; bytes of its name, of its SELECT, and of all of it at rest. */
#define CORE_VIEW_COLUMNS_MAX    1024u
#define CORE_VIEW_NAME_BYTES_MAX CORE_STREAM_NAME_BYTES_MAX
#define CORE_VIEW_SQL_BYTES_MAX  (64u << 10)
#define CORE_VIEW_BYTES_MAX      CORE_STREAM_BYTES_MAX

/* Of a key: no column shows it. */
#define CORE_VIEW_NO_COLUMN UINT16_MAX

/* Where the fold begins. The values are stored. */
enum core_view_origin {
    CORE_VIEW_EARLIEST = 1,  /* what the log had at its first tick */
    CORE_VIEW_LATEST = 2,    /* what comes after it */
    CORE_VIEW_TIMESTAMP = 3, /* from the first record of each partition that is not older */
};

/* A view. */
struct core_view {
    struct log_uuid uuid;             /* of this incarnation: its rows, ticks and pins go by it; not
                                         zero, never used again */
    struct log_uuid lineage;          /* the uuid of the first incarnation */
    const char *name;                 /* with a NUL behind it */
    uint32_t incarnation;             /* from 1; each REBIND makes the next */
    bool is_heir;                     /* it has not taken the place of the one before it yet */
    uint8_t origin;                   /* enum core_view_origin */
    int64_t origin_ms;                /* TIMESTAMP: since 1970; else 0 */
    int64_t created_ms;               /* this incarnation, since 1970 */
    const char *sql;                  /* its SELECT, as views/sql/print.h has it; places in the
                                         plan are places there */
    uint32_t sql_bytes;               /* of it; a NUL stands behind them */
    const char *plan;                 /* JSON; not read before core_view_plan */
    uint32_t plan_bytes;              /* of it */
    const struct core_stream *source; /* the frozen stream: uuid, topic, name and key format as
                                         they were; columns that the plan reads, in order */
    const struct plan_column *columns; /* what it shows; columns_count, >= 1 */
    uint32_t columns_count;            /* of them */
    uint32_t named_count;              /* the first so many were named in CREATE */
    const uint16_t *keys;              /* what tells its rows apart, which is what it is grouped by,
                                          or else partition and offset: the column that shows
                                          each, or CORE_VIEW_NO_COLUMN; keys_count */
    uint32_t keys_count;               /* 0: there is one row in all */
    uint32_t refs;                     /* nodes of the catalog's trees that hold it; shard 0 only */
};

/* What plan_relation.owner of a view points to, beside the relation and in the same arena: copied,
 * so that no change of the catalog touches it. The relation's columns are the view's. */
struct core_view_relation {
    struct plan_relation relation; /* PLAN_RELATION_VIEW; version is the incarnation */
    struct log_uuid uuid;
    struct log_uuid lineage;
    uint32_t incarnation;
    const uint16_t *keys; /* as above; keys_count */
    uint32_t keys_count;
};

/* Whether each of the view's keys is shown: a row can be asked for by these columns. Not where it
 * has no keys. */
bool core_view_has_key(const uint16_t *keys, uint32_t keys_count);

/* Whether two views are kept in the same way and show the same: REBIND from one to the other would
 * change nothing. Names, origins and incarnations are not looked at. */
bool core_view_is_alike(const struct core_view *a, const struct core_view *b);

/* "earliest", "latest", "timestamp". `origin` is one (asserted). Static storage. */
const char *core_view_origin_name(uint8_t origin);

/* Write where its fold begins: "earliest", "latest", "2026-01-31T00:00:00Z". */
void core_view_write_origin(struct bytes_writer *w, const struct core_view *view);

/* Write the CREATE MATERIALIZED VIEW statement that makes it, on one line without a semicolon. */
void core_view_write(struct bytes_writer *w, const struct core_view *view);

/* A view at rest, as the body of a command (command.h), little-endian; a string is a u16 length and
 * its bytes, a text a u32 length and its bytes, no NUL among them:
 *
 *     u32 incarnation, i64 ms since 1970, u8 origin, i64 origin ms, string name, text sql, text
 *     plan, uuid of the source 16, u32 length and the source (stream.h), u16 named count, u16
 *     columns count, u16 keys count, u16 each key, columns: string name, string kind's short name,
 *     u8 precision, u8 scale; and where it is not the first incarnation of its lineage: u8 1: it is
 *     an heir, else 0, uuid of the lineage 16
 *
 * The uuid of the view is the command's. */
size_t core_view_bytes(const struct core_view *view);
void core_view_put(struct bytes_writer *w, const struct core_view *view);

/* Look at the `length` bytes at `data`: *block_bytes = what core_view_get needs. ERR_CORRUPT: they
 * are not one view and nothing else, or a value is out of bounds. The plan is not read. */
MUST_USE enum err core_view_measure(const void *data, size_t length, size_t *block_bytes);

/* Whether the view of bytes that core_view_measure took may have that uuid: it does not say to be
 * of the lineage that would begin with itself. */
bool core_view_may_be(const void *data, size_t length, const struct log_uuid *uuid);

/* Make the view of bytes that core_view_measure took, in the `block_bytes` at `block` (aligned for
 * a struct core_view): that is it, with all that belongs to it behind it. Its lineage is its uuid
 * where the bytes name none. refs is 0. */
struct core_view *core_view_get(const void *data, size_t length, const struct log_uuid *uuid,
                                void *block, size_t block_bytes);

/* *out = a copy of `view` in `a`, all that belongs to it too. ERR_BUDGET, ERR_TOO_LARGE: `a`
 * refuses. */
MUST_USE enum err core_view_copy(struct arena *a, const struct core_view *view,
                                 const struct core_view **out);

/* *out = the plan of `view`, validated, in `a`; *source = the relation that its scan reads, made of
 * the frozen stream and of its topic's name and groups, which are copied. ERR_CORRUPT: it is no
 * plan over that stream, of one scan, that gives the view's columns; *fault says what. ERR_BUDGET,
 * ERR_TOO_LARGE: `a` refuses. */
MUST_USE enum err core_view_plan(struct arena *a, const struct core_view *view,
                                 const char *topic_name, const uint64_t *groups,
                                 uint32_t partitions_count, struct plan *out,
                                 struct core_stream_relation **source, struct plan_fault *fault);

/* *out = the relation of `view`, a copy in `a`. ERR_BUDGET, ERR_TOO_LARGE: `a` refuses. */
MUST_USE enum err core_view_relation_make(struct arena *a, const struct core_view *view,
                                          struct core_view_relation **out);

#endif
