/* The table of topic_config.h: every key, what it takes and what becomes of it.
 *
 * Names, types, defaults, bounds and synonyms are Kafka 4.3's (LogConfig, CompressionType,
 * ServerTopicConfigSynonyms); max.message.bytes ends at what a batch may be here. Rows are sorted
 * by name, which core_topic_config_find relies on and the test checks. */
#include "broker/core/topic_config.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "broker/core/topic_config_int.h"

#define HOURS_MS   3600000
#define MINUTES_MS 60000

#define ANY_LONG .min = INT64_MIN, .max = INT64_MAX

/* A synonym whose value is the topic's as it stands. */
#define ALIKE(text, value)                                                                         \
    {                                                                                              \
        .name = (text), .default_text = (value), .scale = 1                                        \
    }

/* One in another unit. */
#define SCALED(text, value, factor)                                                                \
    {                                                                                              \
        .name = (text), .default_text = (value), .scale = (factor)                                 \
    }

#define LONG_MAX_TEXT "9223372036854775807"

/* Why throttles are refused, of both sides alike. */
#define NO_THROTTLE                                                                                \
    "replication is not throttled per replica here, and a list that does nothing would mislead; "  \
    "leave it empty"

static const struct core_topic_config_key core_topic_config_table[] = {
    {.name = "cleanup.policy",
     .type = CORE_TOPIC_CONFIG_LIST,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "delete",
     .words = "compact|delete",
     .documentation = "How old records go: 'delete' lets whole segments go by age and size.",
     .refusal = "topics are not compacted here, and records would be kept or lost against what was "
                "asked; use 'delete', with retention.ms=-1 and retention.bytes=-1 to keep all",
     .synonyms = {ALIKE("log.cleanup.policy", "delete")}},
    {.name = "compression.gzip.level",
     .type = CORE_TOPIC_CONFIG_INT,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "-1",
     .min = -1,
     .max = 9,
     .documentation = "The level of gzip where the broker compresses; it never does, so this is "
                      "only kept.",
     .synonyms = {ALIKE("compression.gzip.level", "-1")}},
    {.name = "compression.lz4.level",
     .type = CORE_TOPIC_CONFIG_INT,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "9",
     .min = 1,
     .max = 17,
     .documentation = "The level of LZ4 where the broker compresses; it never does, so this is "
                      "only kept.",
     .synonyms = {ALIKE("compression.lz4.level", "9")}},
    {.name = "compression.type",
     .type = CORE_TOPIC_CONFIG_STRING,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "producer",
     .words = "uncompressed|zstd|lz4|snappy|gzip|producer",
     .documentation = "How batches are compressed at rest: 'producer' keeps each one exactly as it "
                      "was sent.",
     .refusal = "batches are kept exactly as they are sent; use 'producer' and set "
                "compression.type on the producers",
     .synonyms = {ALIKE("compression.type", "producer")}},
    {.name = "compression.zstd.level",
     .type = CORE_TOPIC_CONFIG_INT,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "3",
     .min = -131072,
     .max = 22,
     .documentation = "The level of Zstandard where the broker compresses; it never does, so this "
                      "is only kept.",
     .synonyms = {ALIKE("compression.zstd.level", "3")}},
    {.name = "delete.retention.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "86400000",
     .min = 0,
     .max = INT64_MAX,
     .documentation = "How long a compacted topic keeps its tombstones; kept, as no topic is "
                      "compacted.",
     .synonyms = {ALIKE("log.cleaner.delete.retention.ms", "86400000")}},
    {.name = "durability",
     .type = CORE_TOPIC_CONFIG_STRING,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "quorum-fsync",
     .words = "quorum-fsync|quorum-memory|leader",
     .field = CORE_TOPIC_CONFIG_DURABILITY,
     .documentation = "When acks=all is answered: once a majority has flushed (quorum-fsync), once "
                      "a majority has received (quorum-memory), or once the leader has flushed "
                      "(leader)."},
    {.name = "file.delete.delay.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "60000",
     .min = 0,
     .max = INT64_MAX,
     .documentation = "How long files of dropped segments stay; kept, as here they go when nobody "
                      "reads them any more.",
     .synonyms = {ALIKE("log.segment.delete.delay.ms", "60000")}},
    {.name = "flush.messages",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = LONG_MAX_TEXT,
     .min = 1,
     .max = INT64_MAX,
     .documentation = "Flush after so many records; kept, as the log flushes before it answers "
                      "unless durability is quorum-memory, with which this is refused.",
     .synonyms = {ALIKE("log.flush.interval.messages", LONG_MAX_TEXT)}},
    {.name = "flush.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = LONG_MAX_TEXT,
     .min = 0,
     .max = INT64_MAX,
     .documentation = "Flush after so long; kept, as the log flushes before it answers, or within "
                      "100 ms where durability is quorum-memory, with which less is refused.",
     .synonyms = {ALIKE("log.flush.interval.ms", NULL),
                  ALIKE("log.flush.scheduler.interval.ms", LONG_MAX_TEXT)}},
    {.name = "follower.replication.throttled.replicas",
     .type = CORE_TOPIC_CONFIG_LIST,
     .class = CORE_TOPIC_CONFIG_REFUSED,
     .default_text = "",
     .documentation = "Replicas that are throttled as followers; only none is taken.",
     .refusal = NO_THROTTLE},
    {.name = "index.interval.bytes",
     .type = CORE_TOPIC_CONFIG_INT,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "4096",
     .min = 0,
     .max = INT32_MAX,
     .documentation = "How many bytes lie between two entries of an index; kept, as here every "
                      "batch has one.",
     .synonyms = {ALIKE("log.index.interval.bytes", "4096")}},
    {.name = "leader.replication.throttled.replicas",
     .type = CORE_TOPIC_CONFIG_LIST,
     .class = CORE_TOPIC_CONFIG_REFUSED,
     .default_text = "",
     .documentation = "Replicas that are throttled at their leaders; only none is taken.",
     .refusal = NO_THROTTLE},
    {.name = "local.retention.bytes",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "-2",
     .min = -2,
     .max = INT64_MAX,
     .documentation = "How many bytes of a tiered partition stay local; kept, as it means nothing "
                      "without remote.storage.enable.",
     .synonyms = {ALIKE("log.local.retention.bytes", "-2")}},
    {.name = "local.retention.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "-2",
     .min = -2,
     .max = INT64_MAX,
     .documentation = "How long segments of a tiered partition stay local; kept, as it means "
                      "nothing without remote.storage.enable.",
     .synonyms = {ALIKE("log.local.retention.ms", "-2")}},
    {.name = "max.compaction.lag.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = LONG_MAX_TEXT,
     .min = 1,
     .max = INT64_MAX,
     .documentation = "After how long a record must be compacted; kept, as no topic is compacted.",
     .synonyms = {ALIKE("log.cleaner.max.compaction.lag.ms", LONG_MAX_TEXT)}},
    {.name = "max.message.bytes",
     .type = CORE_TOPIC_CONFIG_INT,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "1048588",
     .min = 0,
     .max = LIMIT_BATCH_BYTES,
     .field = CORE_TOPIC_CONFIG_MESSAGE_BYTES_MAX,
     .documentation = "The largest batch that is taken, in bytes, as compressed by its producer.",
     .synonyms = {ALIKE("message.max.bytes", "1048588")}},
    {.name = "message.timestamp.after.max.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "3600000",
     .min = 0,
     .max = INT64_MAX,
     .field = CORE_TOPIC_CONFIG_AFTER_MAX_MS,
     .documentation = "How far a producer's timestamp may lie ahead of the broker's clock, where "
                      "message.timestamp.type is CreateTime.",
     .synonyms = {ALIKE("log.message.timestamp.after.max.ms", "3600000")}},
    {.name = "message.timestamp.before.max.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = LONG_MAX_TEXT,
     .min = 0,
     .max = INT64_MAX,
     .field = CORE_TOPIC_CONFIG_BEFORE_MAX_MS,
     .documentation = "How far a producer's timestamp may lie behind the broker's clock, where "
                      "message.timestamp.type is CreateTime.",
     .synonyms = {ALIKE("log.message.timestamp.before.max.ms", LONG_MAX_TEXT)}},
    {.name = "message.timestamp.type",
     .type = CORE_TOPIC_CONFIG_STRING,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = CORE_TOPIC_CONFIG_CREATE_TIME,
     .words = CORE_TOPIC_CONFIG_CREATE_TIME "|" CORE_TOPIC_CONFIG_APPEND_TIME,
     .field = CORE_TOPIC_CONFIG_TIMESTAMP_TYPE,
     .documentation = "Whose clock stamps records: the producer's (CreateTime) or the broker's as "
                      "it appends them (LogAppendTime).",
     .synonyms = {ALIKE("log.message.timestamp.type", CORE_TOPIC_CONFIG_CREATE_TIME)}},
    {.name = "min.cleanable.dirty.ratio",
     .type = CORE_TOPIC_CONFIG_DOUBLE,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "0.5",
     .min = 0,
     .max = 1,
     .documentation = "From what share of new records on a log is compacted; kept, as no topic is "
                      "compacted.",
     .synonyms = {ALIKE("log.cleaner.min.cleanable.ratio", "0.5")}},
    {.name = "min.compaction.lag.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "0",
     .min = 0,
     .max = INT64_MAX,
     .documentation = "For how long a record is safe from compaction; kept, as no topic is "
                      "compacted.",
     .synonyms = {ALIKE("log.cleaner.min.compaction.lag.ms", "0")}},
    {.name = "min.insync.replicas",
     .type = CORE_TOPIC_CONFIG_INT,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "1",
     .min = 1,
     .max = INT32_MAX,
     .field = CORE_TOPIC_CONFIG_INSYNC_MIN,
     .documentation = "How many replicas must have flushed a batch before acks=all is answered, "
                      "where that is more than a majority.",
     .synonyms = {ALIKE("min.insync.replicas", "1")}},
    {.name = "preallocate",
     .type = CORE_TOPIC_CONFIG_BOOLEAN,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "false",
     .documentation = "Give a new segment's file its room at once; kept, as here files grow by "
                      "steps and are trimmed.",
     .synonyms = {ALIKE("log.preallocate", "false")}},
    {.name = "remote.log.copy.disable",
     .type = CORE_TOPIC_CONFIG_BOOLEAN,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "false",
     .documentation = "Move no more segments of a tiered topic; kept, as it means nothing without "
                      "remote.storage.enable."},
    {.name = "remote.log.delete.on.disable",
     .type = CORE_TOPIC_CONFIG_BOOLEAN,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "false",
     .documentation = "Delete the remote segments of a topic that is tiered no more; kept, as it "
                      "means nothing without remote.storage.enable."},
    {.name = "remote.storage.enable",
     .type = CORE_TOPIC_CONFIG_BOOLEAN,
     .class = CORE_TOPIC_CONFIG_REFUSED,
     .default_text = "false",
     .documentation = "Move sealed segments to remote storage; only false is taken.",
     .refusal = "there is no remote storage here, and local disks would fill; use retention.ms and "
                "retention.bytes to bound a topic"},
    {.name = "retention.bytes",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "-1",
     ANY_LONG,
     .field = CORE_TOPIC_CONFIG_RETENTION_BYTES,
     .documentation = "How many bytes of each partition are kept, oldest segments going first; -1 "
                      "sets no bound.",
     .synonyms = {ALIKE("log.retention.bytes", "-1")}},
    {.name = "retention.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "604800000",
     .min = -1,
     .max = INT64_MAX,
     .field = CORE_TOPIC_CONFIG_RETENTION_MS,
     .documentation = "How long records are kept, by the newest timestamp of their segment; -1 "
                      "keeps them for ever.",
     .synonyms = {ALIKE("log.retention.ms", NULL),
                  SCALED("log.retention.minutes", NULL, MINUTES_MS),
                  SCALED("log.retention.hours", "168", HOURS_MS)}},
    {.name = "segment.bytes",
     .type = CORE_TOPIC_CONFIG_INT,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "1073741824",
     .min = 1048576,
     .max = INT32_MAX,
     .field = CORE_TOPIC_CONFIG_SEGMENT_BYTES,
     .documentation = "At what size a segment ends and the next begins: the grain of retention.",
     .synonyms = {ALIKE("log.segment.bytes", "1073741824")}},
    {.name = "segment.index.bytes",
     .type = CORE_TOPIC_CONFIG_INT,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "10485760",
     .min = 4,
     .max = INT32_MAX,
     .documentation = "At what size an index is full; kept, as here an index grows with its "
                      "segment.",
     .synonyms = {ALIKE("log.index.size.max.bytes", "10485760")}},
    {.name = "segment.jitter.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_HINT,
     .default_text = "0",
     .min = 0,
     .max = INT64_MAX,
     .documentation = "By how much at most segments end early so that not all do at once; kept.",
     .synonyms = {ALIKE("log.roll.jitter.ms", NULL),
                  SCALED("log.roll.jitter.hours", "0", HOURS_MS)}},
    {.name = "segment.ms",
     .type = CORE_TOPIC_CONFIG_LONG,
     .class = CORE_TOPIC_CONFIG_SERVED,
     .default_text = "604800000",
     .min = 1,
     .max = INT64_MAX,
     .field = CORE_TOPIC_CONFIG_SEGMENT_MS,
     .documentation = "At what age a segment ends even if it is small, so that retention reaches "
                      "its records.",
     .synonyms = {ALIKE("log.roll.ms", NULL), SCALED("log.roll.hours", "168", HOURS_MS)}},
    {.name = "unclean.leader.election.enable",
     .type = CORE_TOPIC_CONFIG_BOOLEAN,
     .class = CORE_TOPIC_CONFIG_REFUSED,
     .default_text = "false",
     .documentation = "Elect a leader that lacks acknowledged records; only false is taken.",
     .refusal = "a majority elects leaders and never one that lacks committed records; use "
                "durability=leader or quorum-memory where speed outweighs safety",
     .synonyms = {ALIKE("unclean.leader.election.enable", "false")}},
};

/* Kafka 3's keys that 4.0 dropped (KIP-724, KIP-937), one for Kafka's own tests, and those on its
 * trunk that no release has. */
static const struct core_topic_config_stranger core_topic_config_stranger_table[] = {
    {"errors.deadletterqueue.group.enable", "is newer than Kafka 4.3; leave it out"},
    {"internal.segment.bytes", "is for Kafka's own tests; use segment.bytes"},
    {"max.decompressed.message.bytes", "is newer than Kafka 4.3; leave it out"},
    {"message.downconversion.enable",
     "was dropped by Kafka 4.0: no client is served that needs older batches; leave it out"},
    {"message.format.version", "was dropped by Kafka 4.0: all batches have format 2; leave it out"},
    {"message.timestamp.difference.max.ms",
     "was dropped by Kafka 4.0; use message.timestamp.before.max.ms and "
     "message.timestamp.after.max.ms"},
    {"remote.copy.lag.bytes", "is newer than Kafka 4.3; leave it out"},
    {"remote.copy.lag.ms", "is newer than Kafka 4.3; leave it out"},
};

const struct core_topic_config_key *core_topic_config_keys(size_t *count)
{
    static_assert(ARRAY_COUNT(core_topic_config_table) <= CORE_TOPIC_CONFIG_PAIRS_MAX,
                  "a topic may set every key");
    *count = ARRAY_COUNT(core_topic_config_table);
    return core_topic_config_table;
}

const struct core_topic_config_stranger *core_topic_config_strangers(size_t *count)
{
    *count = ARRAY_COUNT(core_topic_config_stranger_table);
    return core_topic_config_stranger_table;
}

const struct core_topic_config_key *core_topic_config_find(const char *name, size_t name_bytes)
{
    size_t low = 0;
    size_t high = ARRAY_COUNT(core_topic_config_table);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct core_topic_config_key *key = &core_topic_config_table[middle];
        size_t key_bytes = strlen(key->name);
        int order = memcmp(name, key->name, key_bytes < name_bytes ? key_bytes : name_bytes);
        if (order == 0 && key_bytes == name_bytes) {
            return key;
        }
        if (order > 0 || (order == 0 && name_bytes > key_bytes)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
