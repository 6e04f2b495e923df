/* Names of files below DATA: storage/README.md, "Places". A partition's directory is named by its
 * topic's uuid and its number, never by anything a user wrote. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "storage/log/shard.h"

void log_path_topic(char *out, const struct log_store *store, const struct log_uuid *topic)
{
    char uuid[LOG_UUID_TEXT_BYTES];
    log_uuid_format(topic, uuid);
    int length = snprintf(out, LIMIT_PATH_BYTES, "%s/p/%s", store->config.dir, uuid);
    ASSERT(length > 0 && length < (int)LIMIT_PATH_BYTES);
}

void log_path_partition(char *out, const struct log_store *store, const struct log_uuid *topic,
                        uint32_t partition)
{
    char uuid[LOG_UUID_TEXT_BYTES];
    log_uuid_format(topic, uuid);
    int length =
        snprintf(out, LIMIT_PATH_BYTES, "%s/p/%s/%" PRIu32, store->config.dir, uuid, partition);
    ASSERT(length > 0 && length < (int)LIMIT_PATH_BYTES);
}

void log_path_segment(char *out, const struct log *log, uint64_t first_index, uint32_t generation,
                      const char *kind)
{
    char uuid[LOG_UUID_TEXT_BYTES];
    log_uuid_format(&log->topic, uuid);
    int length =
        snprintf(out, LIMIT_PATH_BYTES, "%s/p/%s/%" PRIu32 "/%016" PRIx64 "-%08" PRIx32 ".%s",
                 log->ls->store->config.dir, uuid, log->partition, first_index, generation, kind);
    ASSERT(length > 0 && length < (int)LIMIT_PATH_BYTES);
}

void log_path_journal(char *out, const struct log_store *store, uint32_t slot)
{
    const struct log_config *config = &store->config;
    int length =
        config->journal_dir != NULL
            ? snprintf(out, LIMIT_PATH_BYTES, "%s/%08" PRIx32 ".jnl", config->journal_dir, slot)
            : snprintf(out, LIMIT_PATH_BYTES, "%s/journal/%08" PRIx32 ".jnl", config->dir, slot);
    ASSERT(length > 0 && length < (int)LIMIT_PATH_BYTES);
}
