/* Statements in SQL on the shards of a yard, and what they answer as text.
 *
 *     struct statement *s = statement_new(y, 1, "SELECT count(*) FROM yard");
 *     statement_start(s);
 *     statement_wait(s);
 *     ... s->answer, s->query ...
 *     statement_free(s);
 */
#ifndef TESTS_UNIT_CORE_STATEMENTS_H
#define TESTS_UNIT_CORE_STATEMENTS_H

#include "broker/core/query.h"
#include "tests/unit/core/yard.h"

/* A statement. */
struct statement {
    /* To be changed before the start. */
    struct core_query query;
    bool is_pausing;     /* after each batch, until it is resumed */
    uint64_t timeout_ns; /* from the start; 0: none */

    /* To be read. */
    struct yard *y;
    uint32_t shard;       /* where it is carried out */
    char *answer;         /* names of columns and rows, a line each; its error behind them */
    size_t answer_bytes;  /* of it */
    size_t answer_room;   /* likewise, with what is free */
    uint32_t batch_count; /* handed over */
    uint32_t done_count;  /* `done` has been called so often */
    uint32_t posts_count; /* what was posted and has not come to its shard */
};

/* Make one of `text`, which lives as long. */
struct statement *statement_new(struct yard *y, uint32_t shard, const char *text);

/* Forget it: it has not been started, or is done. */
void statement_free(struct statement *s);

/* Have it started, canceled, resumed: in a turn of its shard, later. A cancel that comes when it is
 * done does nothing. */
void statement_start(struct statement *s);
void statement_cancel(struct statement *s);
void statement_resume(struct statement *s);

/* Let the world run until it is done, and all that was posted has come. */
void statement_wait(struct statement *s);

/* Start it, wait, forget it: the answer, to be freed. */
char *statement_ask(struct yard *y, uint32_t shard, const char *text);

/* Nothing of any statement is left on any shard: none is counted, no part is anywhere, no memory is
 * held but by plans and by what is kept to be used again; no call is away. */
void statements_are_gone(struct yard *y);

#endif
