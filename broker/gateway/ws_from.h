/* Where a subscription begins, as a client says it: "from" of a subscribe message. Pure. */
#ifndef BROKER_GATEWAY_WS_FROM_H
#define BROKER_GATEWAY_WS_FROM_H

#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "broker/core/subscribe.h"
#include "broker/core/token.h"

enum ws_from_kind {
    WS_FROM_NONE,         /* it was not said */
    WS_FROM_LATEST,       /* "latest" */
    WS_FROM_EARLIEST,     /* "earliest" */
    WS_FROM_OFFSETS,      /* {"0": OFFSET, ...}: `places` */
    WS_FROM_TIMESTAMP,    /* {"timestamp": TEXT or milliseconds}: timestamp_ms */
    WS_FROM_STREAM_TOKEN, /* "s1...": `topic`, `places` of all partitions */
    WS_FROM_VIEW_TOKEN,   /* "v1...": `view` */
};

struct ws_from {
    enum ws_from_kind kind;
    const struct core_subscribe_place *places; /* places_count, in the arena */
    uint32_t places_count;
    int64_t timestamp_ms; /* since 1970, not before */
    struct log_uuid topic;
    struct core_view_token view;
};

/* Memory is short, told apart from what is wrong. */
extern const char ws_from_short[];

/* *out = what `value` (text NULL: nothing) says; its places are in `arena`. NULL: it is well; else
 * what is wrong, static, or ws_from_short. */
const char *ws_from_read(struct arena *arena, const struct json_value *value, struct ws_from *out);

#endif
