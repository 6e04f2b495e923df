/* What may be set on a topic: every key that Kafka 4.3 has, and one of ours (durability, LOG §6).
 *
 * A key belongs to one of three classes:
 *
 *   served   the value is kept, described and acted on
 *   hint     the value is kept and described; the store has no use for it, and no result changes
 *   refused  ignoring another value than the default would change what clients see, so only the
 *            default is taken; the refusal says why and what to use
 *
 * A value of a served key may be refused too (cleanup.policy=compact). Values are text as clients
 * send it, read as Kafka reads it: blanks around it are ignored, numbers are decimal.
 *
 * What one build takes, every later one takes: topics are folded from the log again (catalog.h).
 *
 * The table's sources: Apache Kafka 4.3, LogConfig and ServerTopicConfigSynonyms; KIP-1030 (bounds
 * since 4.0). Pure: no state, no allocation. */
#ifndef BROKER_CORE_TOPIC_CONFIG_H
#define BROKER_CORE_TOPIC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The longest value that is taken, in bytes: nothing that is taken comes near it. */
#define CORE_TOPIC_CONFIG_VALUE_BYTES_MAX 255u

/* The most pairs one topic may have: at least the table's keys (asserted in topic_config.c). */
#define CORE_TOPIC_CONFIG_PAIRS_MAX 40u

/* Room for a refusal's text, its NUL included. */
#define CORE_TOPIC_CONFIG_TEXT_BYTES 320u

/* Room for a value that core_topic_config_format writes, its NUL included. */
#define CORE_TOPIC_CONFIG_VALUE_BYTES 64u

/* A value's type. The numbers are those of DescribeConfigs (KIP-569). */
enum core_topic_config_type {
    CORE_TOPIC_CONFIG_BOOLEAN = 1, /* true, false */
    CORE_TOPIC_CONFIG_STRING = 2,  /* one of a list of words */
    CORE_TOPIC_CONFIG_INT = 3,     /* 32 bits, signed */
    CORE_TOPIC_CONFIG_LONG = 5,    /* 64 bits, signed */
    CORE_TOPIC_CONFIG_DOUBLE = 6,  /* a decimal fraction */
    CORE_TOPIC_CONFIG_LIST = 7,    /* words with commas between them */
};

/* What becomes of a value: the essay. */
enum core_topic_config_class {
    CORE_TOPIC_CONFIG_SERVED,
    CORE_TOPIC_CONFIG_HINT,
    CORE_TOPIC_CONFIG_REFUSED,
};

/* When a write counts as done, LOG §6. The words are "quorum-fsync", "quorum-memory", "leader". */
enum core_durability {
    CORE_DURABILITY_QUORUM_FSYNC = 0,
    CORE_DURABILITY_QUORUM_MEMORY = 1,
    CORE_DURABILITY_LEADER = 2,
};

/* A broker's key that gives a topic's key its default. */
struct core_topic_config_synonym {
    const char *name;         /* "log.retention.hours" */
    const char *default_text; /* its own default in Kafka, in its own unit; NULL: none */
    int64_t scale;            /* its value times this is the topic's: 3600000 for hours */
};

/* The most synonyms of a key. */
#define CORE_TOPIC_CONFIG_SYNONYMS_MAX 3u

/* A key, static storage. */
struct core_topic_config_key {
    const char *name;                   /* "retention.ms" */
    enum core_topic_config_type type;   /* of its values */
    enum core_topic_config_class class; /* what becomes of them */
    const char *default_text;           /* as DescribeConfigs shows it */
    const char *documentation;          /* one sentence */
    const char *refusal;                /* why other values are refused and what to use; NULL */
    int64_t min;                        /* INT, LONG and DOUBLE: the least value */
    int64_t max;                        /* and the largest */
    const char *words;                  /* STRING and LIST: the words known, "a|b"; NULL: any */
    uint8_t field;                      /* topic_config.c's: where it is served; 0: nowhere */
    struct core_topic_config_synonym synonyms[CORE_TOPIC_CONFIG_SYNONYMS_MAX]; /* as Kafka orders
                                           them, the first one wins; name NULL: no more */
};

/* What the broker acts on: the served keys, typed. A value, copied freely. */
struct core_topic_config {
    int64_t retention_ms;            /* retention.ms; -1: for ever */
    int64_t retention_bytes;         /* retention.bytes, per partition; -1: any (so is any other
                                        negative value) */
    int64_t segment_ms;              /* segment.ms, >= 1 */
    int64_t timestamp_before_max_ms; /* message.timestamp.before.max.ms, >= 0 */
    int64_t timestamp_after_max_ms;  /* message.timestamp.after.max.ms, >= 0 */
    uint32_t segment_bytes;          /* segment.bytes, 1 MiB .. 2^31 - 1 */
    uint32_t message_bytes_max;      /* max.message.bytes, of a batch, <= LIMIT_BATCH_BYTES */
    uint32_t insync_replicas_min;    /* min.insync.replicas, >= 1 */
    bool is_append_time;             /* message.timestamp.type is LogAppendTime */
    enum core_durability durability; /* durability */
};

/* A key and its value, or a key whose value is taken away. Bytes are the caller's or stand in what
 * was decoded; they do not end in a NUL. */
struct core_topic_config_pair {
    const char *name;     /* the key */
    const char *value;    /* NULL: take it away, where that is allowed */
    uint16_t name_bytes;  /* of the key */
    uint16_t value_bytes; /* of the value; 0 when NULL */
};

/* Why a pair was not taken. */
struct core_topic_config_fault {
    char text[CORE_TOPIC_CONFIG_TEXT_BYTES]; /* for people: key, value, reason, what to use; "": no
                                                fault. Bytes that do not print are '?' */
};

/* All keys, sorted by name in byte order; *count of them. Static storage. */
const struct core_topic_config_key *core_topic_config_keys(size_t *count);

/* The key of this name (case matters), or NULL. */
const struct core_topic_config_key *core_topic_config_find(const char *name, size_t name_bytes);

/* What the table's defaults say. */
struct core_topic_config core_topic_config_default(void);

/* Take one pair (value not NULL, asserted) into *config; a hint's is only looked at. Errors, all
 * with fault->text: ERR_NOT_FOUND: no such key (the text has the nearest name), or one that Kafka
 * has dropped or keeps for its own tests; ERR_INVALID: not of the key's type, not one of its words,
 * or too long; ERR_RANGE: below or above its bounds; ERR_UNSUPPORTED: refused. *config is untouched
 * after an error. All are Kafka's INVALID_CONFIG. */
MUST_USE enum err core_topic_config_set(struct core_topic_config *config,
                                        const struct core_topic_config_pair *pair,
                                        struct core_topic_config_fault *fault);

/* *out = `base` with all `count` pairs taken, for a topic whose explicit pairs these are. Errors:
 * those of core_topic_config_set; ERR_INVALID: a name twice, more than CORE_TOPIC_CONFIG_PAIRS_MAX
 * pairs, or pairs that contradict each other (as Kafka: min.compaction.lag.ms above
 * max.compaction.lag.ms); ERR_UNSUPPORTED: pairs that cannot be kept together
 * (durability=quorum-memory with a flush.messages or flush.ms that asks for more; where
 * quorum-memory is only the base's, such a topic is quorum-fsync, so that another base never
 * refuses a topic that is there). *out is
 * untouched after an error. `fault` may be NULL. */
MUST_USE enum err core_topic_config_read(const struct core_topic_config *base,
                                         const struct core_topic_config_pair *pairs, size_t count,
                                         struct core_topic_config *out,
                                         struct core_topic_config_fault *fault);

/* Write the value of `key` in force under `config` as text with its NUL: a served key's from
 * `config`, another's default. Returns its length. A hint that was set shows what was set: its
 * pair's value, which the caller has. */
size_t core_topic_config_format(const struct core_topic_config *config,
                                const struct core_topic_config_key *key,
                                char out[CORE_TOPIC_CONFIG_VALUE_BYTES]);

/* "quorum-fsync", "quorum-memory" or "leader". Static storage. */
const char *core_durability_name(enum core_durability durability);

#endif
