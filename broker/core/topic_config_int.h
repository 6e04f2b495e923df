/* What topic_config.c and its table share. */
#ifndef BROKER_CORE_TOPIC_CONFIG_INT_H
#define BROKER_CORE_TOPIC_CONFIG_INT_H

#include <stddef.h>

#include "broker/core/topic_config.h"

/* The member of struct core_topic_config that holds a key's value (core_topic_config_key.field). */
enum core_topic_config_field {
    CORE_TOPIC_CONFIG_NOWHERE = 0,
    CORE_TOPIC_CONFIG_RETENTION_MS,
    CORE_TOPIC_CONFIG_RETENTION_BYTES,
    CORE_TOPIC_CONFIG_SEGMENT_MS,
    CORE_TOPIC_CONFIG_SEGMENT_BYTES,
    CORE_TOPIC_CONFIG_MESSAGE_BYTES_MAX,
    CORE_TOPIC_CONFIG_BEFORE_MAX_MS,
    CORE_TOPIC_CONFIG_AFTER_MAX_MS,
    CORE_TOPIC_CONFIG_TIMESTAMP_TYPE,
    CORE_TOPIC_CONFIG_INSYNC_MIN,
    CORE_TOPIC_CONFIG_DURABILITY,
};

/* The words of message.timestamp.type. */
#define CORE_TOPIC_CONFIG_CREATE_TIME "CreateTime"
#define CORE_TOPIC_CONFIG_APPEND_TIME "LogAppendTime"

/* A key that is no key any more, or not yet one. */
struct core_topic_config_stranger {
    const char *name;   /* "message.format.version" */
    const char *reason; /* what it was and what to do */
};

/* All of them; *count of them. Static storage. */
const struct core_topic_config_stranger *core_topic_config_strangers(size_t *count);

#endif
