/* Between ws_subscribe.c (what is asked), ws_stream.c and ws_view.c (what is given of either). */
#ifndef BROKER_GATEWAY_WS_SUBSCRIBE_INT_H
#define BROKER_GATEWAY_WS_SUBSCRIBE_INT_H

#include "base/rt/clock.h"
#include "broker/core/follow.h"
#include "broker/core/subscribe.h"
#include "broker/core/subscriptions.h"
#include "broker/gateway/ws_crowd.h"
#include "broker/gateway/ws_from.h"
#include "broker/gateway/ws_work.h"

/* With "slow": "disconnect" a client may leave so long unread what it asked for. */
#define WS_SLOW_NS (5 * RT_NS_PER_S)

/* What is asked. Of a view all of a shard who ask it alike have the same one, as long as they
 * follow it; the plan of a stream goes to who reads it. */
struct ws_plan {
    struct list_node in_door; /* ws_door.plans; not linked: nobody else has it */
    uint32_t refs;            /* subscriptions */
    struct arena arena;       /* of what follows */
    struct core_subscribe_plan plan;
    struct ws_from from; /* of the one who made it */
};

enum ws_subscribe_kind {
    WS_SUBSCRIBE_ASKING, /* what is asked is being found */
    WS_SUBSCRIBE_STREAM,
    WS_SUBSCRIBE_VIEW,
};

struct ws_subscribe {
    struct ws_work work;
    struct core_subscription listed; /* system.subscriptions */
    const char *sql;                 /* of its SELECT, as much as is shown there; NULL: by name */
    struct list_node in_waiting;     /* ws_door.waiting */
    enum ws_subscribe_kind kind;     /* which of the union */
    struct ws_plan *plan;            /* of a stream that has begun: NULL */
    uint64_t rows_left;              /* "credit"; what is granted while it is asked adds to it */
    uint64_t stall_ns_max;           /* of "slow" */
    struct ws_crowd *snapshot;       /* messages to this one alone; NULL: there are none */
    bool is_asking;                  /* it counts in ws_door.asking_count */
    bool is_begun;                   /* it was answered */
    bool is_ended;                   /* by its client: it is not asked again */
    union {                          /* in its arena */
        struct core_subscribe *sub;
        struct core_follow *follow;
    };
};

/* It is known what is asked: begin. What is wrong with "from", static, or ws_from_short; NULL: it
 * has begun. */
const char *ws_stream_start(struct ws_subscribe *state);
const char *ws_view_start(struct ws_subscribe *state);

/* It has what it needs to begin: another may. Nothing to do when that was told. */
void ws_subscribe_asked(struct ws_subscribe *state);

/* It has no plan any more. */
void ws_plan_drop(struct ws_subscribe *state);

/* The view that it follows has another incarnation by now: it is asked again, by what it is called
 * now, and goes on from `from`. False: there is no memory, and nothing has changed. */
bool ws_subscribe_again(struct ws_subscribe *state, const struct ws_from *from);

/* Write that it ends: "closed", or "error" where it had not begun; with the problem of `error`
 * unless that is HTTP_ERRORS_COUNT. Then end the work. */
void ws_subscribe_finish(struct ws_subscribe *state, enum http_error error, const char *detail,
                         const char *hint);

#endif
