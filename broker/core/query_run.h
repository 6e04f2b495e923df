/* A statement that has begun: between query.c (whose turn it is, rows, the end), query_plan.c (from
 * text to a plan), query_change.c, query_view.c and query_other.c (statements that are no SELECT).
 * Private to broker/core. */
#ifndef BROKER_CORE_QUERY_RUN_H
#define BROKER_CORE_QUERY_RUN_H

#include "base/rt/timer.h"
#include "broker/core/change.h"
#include "broker/core/queries.h"
#include "broker/core/query.h"
#include "broker/core/query_parts.h"
#include "broker/core/resolve.h"
#include "broker/core/scan.h"
#include "views/exec/exec.h"
#include "views/sql/stmt.h"

/* Where a statement stands. */
enum core_query_stage {
    CORE_QUERY_PLAN,    /* ready: to be read */
    CORE_QUERY_RESOLVE, /* waits for its relations */
    CORE_QUERY_BIND,    /* ready: they are there */
    CORE_QUERY_CHANGE,  /* waits for the controller */
    CORE_QUERY_ASK,     /* waits for a view's home */
    CORE_QUERY_ADMIT,   /* waits for others that read to end */
    CORE_QUERY_RUN,     /* ready: has rows to give */
    CORE_QUERY_BLOCKED, /* waits for records */
    CORE_QUERY_PAUSED,  /* waits for core_query_resume */
    CORE_QUERY_CLOSE,   /* waits for its sources to be gone */
    CORE_QUERY_FREE,    /* ready: before it, gives its memory back */
    CORE_QUERY_DONE,    /* ready: to be told */
};

/* Values handed over at a time, of a row at least. */
#define CORE_QUERY_PIECE_VALUES 512u

/* Memory that is given back between two looks at the clock. */
#define CORE_QUERY_FREE_BYTES (256u << 10)

/* Columns of such a table at most. */
#define CORE_QUERY_TABLE_COLUMNS_MAX 3u

/* Rows of texts that stand already. */
struct core_query_table {
    const struct plan_output *outputs; /* columns_count, TEXT or JSONB; NULL: there is no table */
    struct vec_bytes *columns[CORE_QUERY_TABLE_COLUMNS_MAX]; /* of each, rows_count values */
    uint32_t columns_count;
    uint32_t rows_count;
    uint32_t next_row;                                       /* not handed over yet */
    struct vec_vector vectors[CORE_QUERY_TABLE_COLUMNS_MAX]; /* of the batch that is */
    struct vec_batch batch;                                  /* that one */
};

/* A statement that has begun. */
struct core_query_run {
    struct core_queries *queries; /* whose */
    struct core_query *query;     /* what was asked */
    enum core_query_stage stage;  /* where it stands */
    const char *stop;             /* it is to end, and that is why; NULL: it is not */
    struct list_node in_list;     /* core_queries.ready, waiting or idle */
    struct list_node in_running;  /* core_queries.running */
    uint64_t number;              /* of its shard, from 1 */
    struct rt_timer timer;        /* its deadline, once it has waited */
    uint64_t began_ns;            /* when */
    uint64_t deadline_ns;         /* until when; UINT64_MAX: any time */

    struct budget budget;               /* its memory, while it runs, plans not counted */
    struct arena arena;                 /* of planning; its first chunk stays */
    const char *text;                   /* what is planned: the query's, or what SHOW stands for */
    size_t length;                      /* bytes of it */
    const uint8_t *key;                 /* of its plan, in `arena`; NULL: it is not to be kept */
    size_t key_bytes;                   /* of it */
    struct sql_stmt *stmt;              /* the tree, in `arena`; NULL: its plan was kept */
    struct core_plan *plan;             /* of SELECT and EXPLAIN, with a reference */
    struct core_resolve resolve;        /* of its relations */
    struct sql_reference references[1]; /* DESCRIBE, SHOW CREATE: what they name */
    struct core_change change;          /* CREATE, ALTER, DROP */
    struct core_stream stream;          /* CREATE: what is declared */
    const struct sql_select *select;    /* of a view: CREATE's */
    const char *select_text;            /* what it is a stretch of; select_length bytes */
    size_t select_length;
    struct core_view view;                  /* CREATE: what is made */
    const struct core_view *was;            /* of one that is there: a copy, in `arena`; */
    const struct core_upkeep_row *standing; /* EXPLAIN: how it stands, likewise */
    struct sql_at change_at;                /* the name of what is made or goes */
    struct core_change_item item;           /* of `change` */

    struct vec_value *params;                     /* of the plan's types, in `arena` */
    struct core_scans scans;                      /* its sources */
    struct core_query_parts parts;                /* of an aggregation, on all shards */
    struct exec_query exec;                       /* the plan, running */
    struct core_query_table table;                /* instead of a plan */
    const struct vec_batch *batch;                /* being handed over; NULL: none is */
    uint32_t batch_row;                           /* of its selection: the next */
    struct vec_batch piece;                       /* the part of it that is */
    uint16_t piece_rows[CORE_QUERY_PIECE_VALUES]; /* its selection */
    bool is_open;                                 /* `exec` is */
    bool is_again;                                /* it is to be planned again when it has ended */
    uint32_t again_count;                         /* how often it was */
    bool is_admitted;                             /* counted in core_queries.admitted_count */
};

/* Whether there is a plan to begin with at once, one that is kept and reads nothing; it is at RUN,
 * or has failed, then. False: it is to go through PLAN. */
bool core_query_plan_kept(struct core_query_run *run);

/* Read the statement and find out what it is: PLAN, BIND. True: it may go on at once, at the stage
 * it has now; else something will wake it. */
bool core_query_plan(struct core_query_run *run);
bool core_query_bind(struct core_query_run *run);

/* Begin CREATE STREAM, DROP STREAM; give the rows of DESCRIBE, SHOW CREATE and EXPLAIN. As above.
 */
bool core_query_change(struct core_query_run *run);

/* Begin a statement about a view, and go on when what its SELECT reads is there. As above. */
bool core_query_view(struct core_query_run *run);
bool core_query_view_bind(struct core_query_run *run);

/* Its view was made: what it holds back, and which types it has frozen. It was bound anew, and is
 * being built: what it reads by then. */
void core_query_view_note(struct core_query_run *run, const char *topic_name);
void core_query_view_note_rebind(struct core_query_run *run, const char *topic_name);

/* Its change, run->item, is for the controller to make. Returns false: it waits. */
bool core_query_change_start(struct core_query_run *run);

/* The rows of DESCRIBE, SHOW CREATE and EXPLAIN stand; as above. */
bool core_query_describe(struct core_query_run *run);
bool core_query_show_create(struct core_query_run *run);
bool core_query_explain(struct core_query_run *run);

/* Writes a plan, a stream or a view. */
typedef void core_query_write_fn(struct bytes_writer *w, const void *what);

/* *w = `what`, written into the arena. False: there is no memory, and the statement has failed. */
bool core_query_write(struct core_query_run *run, core_query_write_fn *writer, const void *what,
                      struct bytes_writer *w);

/* Write the plan `what` as JSON. */
void core_query_write_plan(struct bytes_writer *w, const void *what);

/* The rows of EXPLAIN: one of JSON, or one for each line of `text`. Returns true. */
bool core_query_explain_rows(struct core_query_run *run, const struct bytes_writer *text);

/* The nearest of the names that can be read, as a hint behind an error. */
void core_query_suggest(struct core_query_run *run, const char *name);

/* What SHOW stands for. Static storage. */
const char *core_query_show(enum sql_show show);

/* Find the relations of `references` into `a`; BIND follows. Returns false: it waits. */
bool core_query_resolve(struct core_query_run *run, const struct sql_reference *references,
                        uint32_t count, struct arena *a);

/* It goes on in a turn of the loop, at `stage`. */
void core_query_wake(struct core_query_run *run, enum core_query_stage stage);

/* It has failed: the error, unless query->error is filled already (no `state`), and the end. `at`
 * is of run->text. Returns true: `return core_query_fail(...)`. */
bool core_query_fail(struct core_query_run *run, const char *state, struct sql_at at,
                     const char *format, ...) PRINTF(4, 5);

/* It has failed because an arena refused; the end. Returns true. */
bool core_query_fail_memory(struct core_query_run *run);

/* A part is there to be joined; the last part that was under way is gone. */
void core_query_parts_ready(struct core_query_run *run);
void core_query_parts_gone(struct core_query_run *run);

/* It is at its end. Returns true. */
bool core_query_end(struct core_query_run *run);

#endif
