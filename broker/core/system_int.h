/* Between the files of the system's tables: system_scan.c (all of them but) system_activity.c (what
 * goes on: subscriptions, queries). */
#ifndef BROKER_CORE_SYSTEM_INT_H
#define BROKER_CORE_SYSTEM_INT_H

#include "broker/core/call.h"
#include "broker/core/catalog.h"
#include "broker/core/errors.h"
#include "broker/core/scan_int.h"
#include "broker/core/system_tables.h"
#include "broker/core/upkeep.h"

/* Rows of a step. */
#define CORE_SYSTEM_ROWS_MAX 128u

/* The most columns that one of the tables has. */
#define CORE_SYSTEM_COLUMNS_MAX 28u

/* A page of texts from another shard: as many rows as there is room for, and for one in any case.
 */
#define CORE_SYSTEM_PAGE_BYTES (32u << 10)

/* What goes on, in a page. */
struct core_system_activity;

/* A scan. */
struct core_system_scan {
    struct exec_source source;
    enum core_system_table table;
    uint32_t place[CORE_SYSTEM_COLUMNS_MAX]; /* of each column of the table: which output;
                                                UINT32_MAX: not wanted */
    uint64_t rows_left;
    struct arena arena;     /* of a batch */
    struct vec_batch batch; /* what is given */
    uint32_t row;           /* being filled */
    bool is_end;            /* there is no more */

    /* Of the catalog: where it stands. */
    char name[CORE_STREAM_NAME_BYTES_MAX + 1]; /* the last topic, stream or view given; "": none */
    uint32_t position;                         /* of its columns, given so far */

    /* Of errors, and of what goes on. */
    struct core_call call;                   /* a page, there and back */
    bool is_away;                            /* it is */
    bool has_page;                           /* it has come */
    bool is_closing;                         /* nobody asks any more */
    uint32_t shard;                          /* whose rows are read */
    uint64_t number;                         /* the next one there */
    uint32_t errors_count;                   /* in the page */
    struct core_error *errors;               /* CORE_SYSTEM_ROWS_MAX, texts in `page` */
    char *page;                              /* CORE_SYSTEM_PAGE_BYTES */
    uint64_t *seen;                          /* hashes, 0: free */
    size_t seen_capacity;                    /* of those, a power of two */
    size_t seen_count;                       /* in use */
    uint64_t seed;                           /* of them */
    struct core_system_activity *activities; /* CORE_SYSTEM_ROWS_MAX, texts in `page` */
    uint32_t activities_count;               /* in the page */

    /* Of ticks, a page of which comes in the same way. */
    struct core_ticks_row *ticks; /* CORE_SYSTEM_ROWS_MAX */
    uint32_t ticks_count;         /* in the page */
    struct core_ticks_place tick; /* the next one */

    /* Of views: those of a page. */
    struct core_upkeep_ask ask;    /* how they stand */
    struct core_upkeep_row *views; /* CORE_SYSTEM_VIEWS_MAX */
    bool is_state_wanted;          /* the home is asked */
};

/* A value of the row that is being filled, in a column of the table; nothing where that is not
 * wanted. int8 is of BIGINT and TIMESTAMPTZ, int4 of INTEGER and BOOLEAN, time in milliseconds
 * since 1970. */
void core_system_null(struct core_system_scan *scan, uint32_t column);
void core_system_text(struct core_system_scan *scan, uint32_t column, const char *text,
                      size_t length);
void core_system_string(struct core_system_scan *scan, uint32_t column, const char *text);
void core_system_int8(struct core_system_scan *scan, uint32_t column, int64_t value);
void core_system_int4(struct core_system_scan *scan, uint32_t column, uint32_t value);
void core_system_time(struct core_system_scan *scan, uint32_t column, int64_t ms);

/* `text` copied to *at, or NULL: there is no room, and none for more. */
const char *core_system_page_text(char **at, const char *end, const char *text);

/* A page has come: of core_call_start. */
void core_system_paged(struct core_shard *home, struct core_call *call);

/* system.subscriptions and system.queries. ERR_BUDGET. */
MUST_USE enum err core_system_activity_open(struct core_system_scan *scan);

/* Rows of a page, or ask for one. */
void core_system_fill_activity(struct core_system_scan *scan);

#endif
