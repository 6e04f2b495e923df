/* Between controller.c and change.c. */
#ifndef BROKER_CORE_CONTROLLER_INT_H
#define BROKER_CORE_CONTROLLER_INT_H

#include "broker/core/change.h"
#include "broker/core/controller.h"

/* Room for an entry: the commands, and what a batch and its records add; or one stream or view,
 * which is encoded beside. */
#define CORE_CONTROLLER_ENTRY_BYTES (2 * CORE_COMMAND_STREAM_BYTES_MAX + 4096u)

/* An item on its way to be a command. */
struct core_change_try {
    struct core_controller *controller; /* whose */
    struct core_change_item *item;      /* what is wanted */
    struct core_catalog *catalog;       /* the newest, and the items before */
    struct core_command *cmd;           /* what comes of it */
    const struct core_topic *topic;     /* the topic meant, if it is there; else NULL */
};

/* The command of an item about a stream, or why there is none. change_stream.c. */
enum core_code core_change_stream(struct core_change_try *t);

/* The same of an item about a view. change_view.c. */
enum core_code core_change_view(struct core_change_try *t);

/* Whether an item's command is a stream or a view, which has an entry of its own. */
bool core_change_is_large(const struct core_change_item *item);

/* `text` for people, and `code`. */
enum core_code core_change_say(struct core_change_try *t, enum core_code code, const char *text);

/* Propose the first `count` commands as one entry; change_index is its index. */
MUST_USE enum err core_controller_propose(struct core_controller *controller, uint32_t count);

/* It has failed: the change in hand and those that wait are refused. */
void core_controller_give_up(struct core_controller *controller);

/* The change in hand has not come about in time. */
void core_controller_late(struct rt_timer *timer);

/* Every shard has the catalog published last. */
void core_controller_published(struct core_controller *controller);

#endif
