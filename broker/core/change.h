/* Changing the catalog: topics created and deleted, partitions added, configs set, producer ids
 * handed out, streams declared, dropped and inferred, views made, dropped and renamed. The
 * controller (shard 0) takes one change after the other; what it answers has become durable, and
 * every shard knows it. */
#ifndef BROKER_CORE_CHANGE_H
#define BROKER_CORE_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "broker/core/stream.h"
#include "broker/core/topic_config.h"
#include "broker/core/view.h"
#include "storage/log/format.h"

struct core_change;
typedef void core_change_fn(struct core_change *change);

/* What is to be done. */
enum core_change_kind {
    CORE_CHANGE_CREATE,       /* a topic */
    CORE_CHANGE_DELETE,       /* a topic, by name, or by uuid where there is no name */
    CORE_CHANGE_PARTITIONS,   /* more of them */
    CORE_CHANGE_CONFIG,       /* `pairs` set or taken away; the others stay */
    CORE_CHANGE_CONFIG_ALL,   /* `pairs` and no others */
    CORE_CHANGE_PRODUCER_IDS, /* a block of producer ids */
    /* A declared stream, `stream`: its name, topic, key format and columns count. STREAM_EXISTS,
     * UNKNOWN_TOPIC (its topic's uuid), INVALID_STREAM (columns that name one another, too large).
     */
    CORE_CHANGE_STREAM_CREATE,
    /* A declared stream is taken away, by `name`. UNKNOWN_STREAM; INVALID_STREAM: it is not
     * declared. */
    CORE_CHANGE_STREAM_DROP,
    /* The next version of an implicit stream, with the columns of `stream`, whose uuid and version
     * are those it was inferred upon (zero: there was none). STREAM_CHANGED: that is not what there
     * is now. */
    CORE_CHANGE_STREAM_INFER,
    /* A view, `view`: all but its uuid, incarnation and time. VIEW_EXISTS: its name is taken;
     * UNKNOWN_TOPIC: what it reads is gone; INVALID_VIEW (too large, too many). */
    CORE_CHANGE_VIEW_CREATE,
    /* An heir of the view that `view` was: its uuid and incarnation are that one's. Its name and
     * origin stay. VIEW_CHANGED: that is not what there is now; VIEW_BUSY: it has an heir already;
     * INVALID_VIEW: of another topic; UNKNOWN_TOPIC. */
    CORE_CHANGE_VIEW_REBIND,
    /* A view is taken away, by `name`. UNKNOWN_VIEW. */
    CORE_CHANGE_VIEW_DROP,
    /* A view gets another name: by `name`, to `rename`. UNKNOWN_VIEW; VIEW_EXISTS; INVALID_VIEW: it
     * is not a possible name. */
    CORE_CHANGE_VIEW_RENAME,
    /* The heir of that `uuid` takes its view's place; it is given up. VIEW_CHANGED: it is no heir,
     * or gone. */
    CORE_CHANGE_VIEW_SWAP,
    CORE_CHANGE_VIEW_ABANDON,
};

/* What becomes of a pair of CORE_CHANGE_CONFIG. Lists are Kafka's: words with commas between; one
 * that is not set begins as the key's default. */
enum core_change_operation {
    CORE_CHANGE_SET,      /* the value, or taken away where that is NULL */
    CORE_CHANGE_APPEND,   /* a list: words of the value that it does not have are added */
    CORE_CHANGE_SUBTRACT, /* a list: words of the value are taken out */
};

/* A pair of CORE_CHANGE_CONFIG that is not just set. */
struct core_change_edit {
    enum core_change_operation operation;         /* which */
    char list[CORE_TOPIC_CONFIG_VALUE_BYTES_MAX]; /* room for what comes of it */
};

/* Producer ids handed out at a time: few commands, and few lost with a restart. */
#define CORE_CHANGE_PRODUCER_IDS_COUNT 1000u

/* One thing to be done. */
struct core_change_item {
    /* Asked. */
    enum core_change_kind kind;                 /* what */
    const char *name;                           /* the topic, the view, or the stream to drop; no
                                                   NUL; NULL: by `uuid`, or what `stream` says */
    uint32_t name_bytes;                        /* of it */
    uint32_t rename_bytes;                      /* of `rename` */
    const char *rename;                         /* the view's name from now on; no NUL */
    struct log_uuid uuid;                       /* of the topic to delete where `name` is NULL; of
                                                   the heir */
    int32_t partitions_count;                   /* create: -1: the default; add: the count then */
    int32_t replicas_count;                     /* create: -1: the default */
    const struct core_topic_config_pair *pairs; /* create, configs */
    uint32_t pairs_count;                       /* of them */
    struct core_change_edit *edits;             /* configs: of each pair; NULL: all are set */
    uint32_t assigned_count;                    /* create, add: new partitions that the client has
                                                   given to this node by hand; 0: it leaves that */
    const struct core_stream *stream;           /* create, infer: read on shard 0 until done */
    const struct core_view *view;               /* create, rebind: likewise */
    bool is_validate_only;                      /* say whether it could be done */
    bool may_be_reserved;                       /* the broker's own wish, not a client's */
    enum core_code code;                        /* CORE_OK, or why it is not to be done: answered as
                                                   it is */

    /* Answered. */
    struct core_topic_config_fault text; /* why not, for people; "": what `code` says */
    struct log_uuid uuid_made;           /* of the topic, stream or view created or gone */
    uint32_t partitions_made;            /* the topic's count */
    uint32_t version_made;               /* of the stream; the view's incarnation */
    uint64_t producer_id_first;          /* of the block handed out */

    /* Private to change.c. */
    bool is_done; /* its entry was published */
};

/* Some of them, in order. In place, the caller's until start and from `done` on; names and pairs
 * too. */
struct core_change {
    /* Asked. */
    core_change_fn *done;           /* once, from a turn of the loop of the shard that started it */
    void *ctx;                      /* the caller's */
    struct core_change_item *items; /* what */
    uint32_t items_count;           /* how many */
    uint64_t deadline_ns; /* what is not done by then (rt_now_ns) is CORE_TIMEOUT, though what is
                             on its way may still come about; 0: none */

    /* Private to controller.c. */
    struct core_call call;     /* there and back */
    struct list_node in_queue; /* core_controller.queue */
    uint32_t next_item;        /* the first that has not been looked at */
};

/* Ask for it. */
void core_change_start(struct core_shard *cs, struct core_change *change);

#endif
