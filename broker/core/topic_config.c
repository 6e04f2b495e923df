/* Reading and writing topics' values. See topic_config.h; the table is topic_config_table.c. */
#include "broker/core/topic_config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "base/units.h"
#include "broker/core/topic_config_int.h"

/* How much of a name or a value from outside a refusal quotes. */
#define CORE_TOPIC_CONFIG_QUOTE_BYTES 64u

/* With durability=quorum-memory the log flushes this often (LOG §6). */
#define CORE_TOPIC_CONFIG_MEMORY_FLUSH_MS 100

/* The most keys there are: for a list of their names. */
#define CORE_TOPIC_CONFIG_KEYS_MAX CORE_TOPIC_CONFIG_PAIRS_MAX

/* A value as text: blanks around it cut off. */
struct core_topic_config_text {
    const char *at;
    size_t bytes;
};

/* A value as read. */
struct core_topic_config_value {
    struct core_topic_config_text text; /* as given */
    int64_t number;                     /* INT, LONG */
};

static const char *const core_durability_words[] = {
    [CORE_DURABILITY_QUORUM_FSYNC] = "quorum-fsync",
    [CORE_DURABILITY_QUORUM_MEMORY] = "quorum-memory",
    [CORE_DURABILITY_LEADER] = "leader",
};

static enum err core_topic_config_refuse_stranger(const struct core_topic_config_pair *pair,
                                                  struct core_topic_config_fault *fault);
static const char *core_topic_config_nearest(const char *name, size_t name_bytes);
static enum err core_topic_config_parse(const struct core_topic_config_key *key,
                                        const struct core_topic_config_pair *pair,
                                        struct core_topic_config_value *value,
                                        struct core_topic_config_fault *fault);
static enum err core_topic_config_parse_number(const struct core_topic_config_key *key,
                                               struct core_topic_config_value *value);
static bool core_topic_config_skips_zero(const struct core_topic_config_key *key);
static enum err core_topic_config_parse_fraction(const struct core_topic_config_key *key,
                                                 const struct core_topic_config_text *text);
static bool core_topic_config_is_listed(const struct core_topic_config_key *key,
                                        const struct core_topic_config_text *text);
static bool core_topic_config_is_word(const char *words, const struct core_topic_config_text *word);
static bool core_topic_config_is_default(const struct core_topic_config_key *key,
                                         const struct core_topic_config_text *text);
static void core_topic_config_store(struct core_topic_config *config,
                                    const struct core_topic_config_key *key,
                                    const struct core_topic_config_value *value);
static enum err core_topic_config_check(struct core_topic_config *config,
                                        const struct core_topic_config_pair *pairs, size_t count,
                                        struct core_topic_config_fault *fault);
static bool core_topic_config_has_twice(const struct core_topic_config_pair *pairs, size_t index);
static const struct core_topic_config_pair *core_topic_config_pair_of(
    const char *name, const struct core_topic_config_pair *pairs, size_t count);
static int64_t core_topic_config_number_of(const char *name,
                                           const struct core_topic_config_pair *pairs,
                                           size_t count);
static struct core_topic_config_text core_topic_config_trim(const char *text, size_t bytes);
static enum err core_topic_config_say(struct core_topic_config_fault *fault, enum err err,
                                      const struct core_topic_config_pair *pair, const char *format,
                                      ...) PRINTF(4, 5);
static enum err core_topic_config_say_range(struct core_topic_config_fault *fault,
                                            const struct core_topic_config_key *key,
                                            const struct core_topic_config_pair *pair);
static void core_topic_config_put(struct core_topic_config_fault *fault, size_t *length,
                                  const char *text, size_t bytes);

struct core_topic_config core_topic_config_default(void)
{
    struct core_topic_config config = {.retention_ms = 0};
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        struct core_topic_config_fault fault;
        struct core_topic_config_pair pair = {
            .name = keys[i].name,
            .value = keys[i].default_text,
            .name_bytes = (uint16_t)strlen(keys[i].name),
            .value_bytes = (uint16_t)strlen(keys[i].default_text),
        };
        enum err err = core_topic_config_set(&config, &pair, &fault);
        ASSERT(err == ERR_OK);
    }
    return config;
}

enum err core_topic_config_set(struct core_topic_config *config,
                               const struct core_topic_config_pair *pair,
                               struct core_topic_config_fault *fault)
{
    ASSERT(pair->name != NULL);
    ASSERT(pair->value != NULL);
    fault->text[0] = '\0';
    const struct core_topic_config_key *key = core_topic_config_find(pair->name, pair->name_bytes);
    if (key == NULL) {
        return core_topic_config_refuse_stranger(pair, fault);
    }
    struct core_topic_config_value value;
    enum err err = core_topic_config_parse(key, pair, &value, fault);
    if (err != ERR_OK) {
        return err;
    }
    if (key->refusal != NULL && !core_topic_config_is_default(key, &value.text)) {
        return core_topic_config_say(fault, ERR_UNSUPPORTED, pair, "%s", key->refusal);
    }
    core_topic_config_store(config, key, &value);
    return ERR_OK;
}

enum err core_topic_config_read(const struct core_topic_config *base,
                                const struct core_topic_config_pair *pairs, size_t count,
                                struct core_topic_config *out,
                                struct core_topic_config_fault *fault)
{
    struct core_topic_config_fault unwanted;
    fault = fault != NULL ? fault : &unwanted;
    fault->text[0] = '\0';
    struct core_topic_config config = *base;
    if (count > CORE_TOPIC_CONFIG_PAIRS_MAX) {
        return core_topic_config_say(fault, ERR_INVALID, NULL, "%zu settings are more than %u",
                                     count, CORE_TOPIC_CONFIG_PAIRS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (core_topic_config_has_twice(pairs, i)) {
            return core_topic_config_say(fault, ERR_INVALID, &pairs[i], "the key is set twice");
        }
        enum err err = core_topic_config_set(&config, &pairs[i], fault);
        if (err != ERR_OK) {
            return err;
        }
    }
    enum err err = core_topic_config_check(&config, pairs, count, fault);
    if (err == ERR_OK) {
        *out = config;
    }
    return err;
}

size_t core_topic_config_format(const struct core_topic_config *config,
                                const struct core_topic_config_key *key,
                                char out[CORE_TOPIC_CONFIG_VALUE_BYTES])
{
    int64_t number = 0;
    const char *word = NULL;
    switch ((enum core_topic_config_field)key->field) {
    case CORE_TOPIC_CONFIG_NOWHERE: word = key->default_text; break;
    case CORE_TOPIC_CONFIG_RETENTION_MS: number = config->retention_ms; break;
    case CORE_TOPIC_CONFIG_RETENTION_BYTES: number = config->retention_bytes; break;
    case CORE_TOPIC_CONFIG_SEGMENT_MS: number = config->segment_ms; break;
    case CORE_TOPIC_CONFIG_SEGMENT_BYTES: number = config->segment_bytes; break;
    case CORE_TOPIC_CONFIG_MESSAGE_BYTES_MAX: number = config->message_bytes_max; break;
    case CORE_TOPIC_CONFIG_BEFORE_MAX_MS: number = config->timestamp_before_max_ms; break;
    case CORE_TOPIC_CONFIG_AFTER_MAX_MS: number = config->timestamp_after_max_ms; break;
    case CORE_TOPIC_CONFIG_TIMESTAMP_TYPE:
        word =
            config->is_append_time ? CORE_TOPIC_CONFIG_APPEND_TIME : CORE_TOPIC_CONFIG_CREATE_TIME;
        break;
    case CORE_TOPIC_CONFIG_INSYNC_MIN: number = config->insync_replicas_min; break;
    case CORE_TOPIC_CONFIG_DURABILITY: word = core_durability_name(config->durability); break;
    }
    int length = word != NULL ? snprintf(out, CORE_TOPIC_CONFIG_VALUE_BYTES, "%s", word)
                              : snprintf(out, CORE_TOPIC_CONFIG_VALUE_BYTES, "%" PRId64, number);
    ASSERT(length >= 0);
    ASSERT((size_t)length < CORE_TOPIC_CONFIG_VALUE_BYTES);
    return (size_t)length;
}

const char *core_durability_name(enum core_durability durability)
{
    ASSERT((size_t)durability < ARRAY_COUNT(core_durability_words));
    return core_durability_words[durability];
}

/* Say why a name that is no key's is not taken. */
static enum err core_topic_config_refuse_stranger(const struct core_topic_config_pair *pair,
                                                  struct core_topic_config_fault *fault)
{
    size_t count;
    const struct core_topic_config_stranger *strangers = core_topic_config_strangers(&count);
    for (size_t i = 0; i < count; i++) {
        if (strlen(strangers[i].name) == pair->name_bytes &&
            memcmp(strangers[i].name, pair->name, pair->name_bytes) == 0) {
            return core_topic_config_say(fault, ERR_NOT_FOUND, pair, "%s %s", strangers[i].name,
                                         strangers[i].reason);
        }
    }
    const char *nearest = core_topic_config_nearest(pair->name, pair->name_bytes);
    if (nearest == NULL) {
        return core_topic_config_say(fault, ERR_NOT_FOUND, pair, "topics have no such key");
    }
    return core_topic_config_say(fault, ERR_NOT_FOUND, pair,
                                 "topics have no such key; did you mean '%s'?", nearest);
}

/* The key nearest to `name`, or NULL. */
static const char *core_topic_config_nearest(const char *name, size_t name_bytes)
{
    char wanted[SUGGEST_NAME_BYTES_MAX + 1];
    if (name_bytes > SUGGEST_NAME_BYTES_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < name_bytes; i++) {
        wanted[i] = name[i] != '\0' ? name[i] : '?';
    }
    wanted[name_bytes] = '\0';
    const char *names[CORE_TOPIC_CONFIG_KEYS_MAX];
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    ASSERT(count <= ARRAY_COUNT(names));
    for (size_t i = 0; i < count; i++) {
        names[i] = keys[i].name;
    }
    return suggest_nearest(wanted, names, count);
}

/* Read a value as its key's type says, and see that it is one of what the key takes. */
static enum err core_topic_config_parse(const struct core_topic_config_key *key,
                                        const struct core_topic_config_pair *pair,
                                        struct core_topic_config_value *value,
                                        struct core_topic_config_fault *fault)
{
    *value = (struct core_topic_config_value){
        .text = core_topic_config_trim(pair->value, pair->value_bytes)};
    if (pair->value_bytes > CORE_TOPIC_CONFIG_VALUE_BYTES_MAX) {
        return core_topic_config_say(fault, ERR_INVALID, pair, "longer than %u bytes",
                                     CORE_TOPIC_CONFIG_VALUE_BYTES_MAX);
    }
    enum err err = ERR_OK;
    const char *wanted = "";
    switch (key->type) {
    case CORE_TOPIC_CONFIG_BOOLEAN:
        wanted = "true or false";
        err = (value->text.bytes == 4 && strncasecmp(value->text.at, "true", 4) == 0) ||
                      (value->text.bytes == 5 && strncasecmp(value->text.at, "false", 5) == 0)
                  ? ERR_OK
                  : ERR_INVALID;
        break;
    case CORE_TOPIC_CONFIG_INT:
    case CORE_TOPIC_CONFIG_LONG:
        wanted = key->type == CORE_TOPIC_CONFIG_INT ? "a whole number of 32 bits"
                                                    : "a whole number of 64 bits";
        err = core_topic_config_parse_number(key, value);
        break;
    case CORE_TOPIC_CONFIG_DOUBLE:
        wanted = "a decimal number";
        err = core_topic_config_parse_fraction(key, &value->text);
        break;
    case CORE_TOPIC_CONFIG_STRING:
    case CORE_TOPIC_CONFIG_LIST:
        wanted = key->words;
        err = core_topic_config_is_listed(key, &value->text) ? ERR_OK : ERR_INVALID;
        break;
    }
    if (err == ERR_RANGE) {
        return core_topic_config_say_range(fault, key, pair);
    }
    return err == ERR_OK ? ERR_OK : core_topic_config_say(fault, err, pair, "takes %s", wanted);
}

/* As Java's parseInt and parseLong: digits behind an optional sign. A number that 64 bits do not
 * hold is out of range whatever the bounds. */
static enum err core_topic_config_parse_number(const struct core_topic_config_key *key,
                                               struct core_topic_config_value *value)
{
    const struct core_topic_config_text *text = &value->text;
    size_t plus = text->bytes > 1 && text->at[0] == '+' && text->at[1] != '-' ? 1 : 0;
    enum err err = units_parse_i64(text->at + plus, text->bytes - plus, &value->number);
    if (err == ERR_OK && (value->number < key->min || value->number > key->max)) {
        return ERR_RANGE;
    }
    if (err == ERR_OK && value->number == 0 && core_topic_config_skips_zero(key)) {
        return ERR_RANGE;
    }
    return err;
}

/* The level of gzip is 1 to 9, or -1 for zlib's own (Kafka, CompressionType). */
static bool core_topic_config_skips_zero(const struct core_topic_config_key *key)
{
    return strcmp(key->name, "compression.gzip.level") == 0;
}

static enum err core_topic_config_parse_fraction(const struct core_topic_config_key *key,
                                                 const struct core_topic_config_text *text)
{
    double number = 0;
    enum err err = units_parse_double(text->at, text->bytes, &number);
    if (err == ERR_OK && (number < (double)key->min || number > (double)key->max)) {
        return ERR_RANGE;
    }
    return err == ERR_TOO_LARGE ? ERR_INVALID : err;
}

/* Whether a STRING is one of the key's words, or each of a LIST's is. An empty list is one. */
static bool core_topic_config_is_listed(const struct core_topic_config_key *key,
                                        const struct core_topic_config_text *text)
{
    if (key->words == NULL) {
        return true;
    }
    if (key->type == CORE_TOPIC_CONFIG_STRING) {
        return core_topic_config_is_word(key->words, text);
    }
    const char *at = text->at;
    const char *end = text->at + text->bytes;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *word_end = comma != NULL ? comma : end;
        struct core_topic_config_text word = core_topic_config_trim(at, (size_t)(word_end - at));
        if (!core_topic_config_is_word(key->words, &word)) {
            return false;
        }
        if (comma != NULL && comma + 1 == end) {
            return false;
        }
        at = comma != NULL ? comma + 1 : end;
    }
    return true;
}

/* Whether `word` stands in "one|two|three". */
static bool core_topic_config_is_word(const char *words, const struct core_topic_config_text *word)
{
    for (;;) {
        size_t bytes = strcspn(words, "|");
        if (bytes == word->bytes && memcmp(words, word->at, bytes) == 0) {
            return true;
        }
        if (words[bytes] == '\0') {
            return false;
        }
        words += bytes + 1;
    }
}

/* Whether a value that was read is the key's default. */
static bool core_topic_config_is_default(const struct core_topic_config_key *key,
                                         const struct core_topic_config_text *text)
{
    size_t bytes = strlen(key->default_text);
    if (text->bytes != bytes) {
        return false;
    }
    return key->type == CORE_TOPIC_CONFIG_BOOLEAN
               ? strncasecmp(text->at, key->default_text, bytes) == 0
               : memcmp(text->at, key->default_text, bytes) == 0;
}

/* Put a value that was read where it is served. */
static void core_topic_config_store(struct core_topic_config *config,
                                    const struct core_topic_config_key *key,
                                    const struct core_topic_config_value *value)
{
    int64_t number = value->number;
    switch ((enum core_topic_config_field)key->field) {
    case CORE_TOPIC_CONFIG_NOWHERE: break;
    case CORE_TOPIC_CONFIG_RETENTION_MS: config->retention_ms = number; break;
    case CORE_TOPIC_CONFIG_RETENTION_BYTES:
        config->retention_bytes = number < 0 ? -1 : number;
        break;
    case CORE_TOPIC_CONFIG_SEGMENT_MS: config->segment_ms = number; break;
    case CORE_TOPIC_CONFIG_SEGMENT_BYTES: config->segment_bytes = (uint32_t)number; break;
    case CORE_TOPIC_CONFIG_MESSAGE_BYTES_MAX: config->message_bytes_max = (uint32_t)number; break;
    case CORE_TOPIC_CONFIG_BEFORE_MAX_MS: config->timestamp_before_max_ms = number; break;
    case CORE_TOPIC_CONFIG_AFTER_MAX_MS: config->timestamp_after_max_ms = number; break;
    case CORE_TOPIC_CONFIG_TIMESTAMP_TYPE:
        config->is_append_time =
            core_topic_config_is_word(CORE_TOPIC_CONFIG_APPEND_TIME, &value->text);
        break;
    case CORE_TOPIC_CONFIG_INSYNC_MIN: config->insync_replicas_min = (uint32_t)number; break;
    case CORE_TOPIC_CONFIG_DURABILITY:
        for (size_t i = 0; i < ARRAY_COUNT(core_durability_words); i++) {
            if (core_topic_config_is_word(core_durability_words[i], &value->text)) {
                config->durability = (enum core_durability)i;
            }
        }
        break;
    }
}

/* What no value alone shows. All pairs were taken before. */
static enum err core_topic_config_check(struct core_topic_config *config,
                                        const struct core_topic_config_pair *pairs, size_t count,
                                        struct core_topic_config_fault *fault)
{
    int64_t lag_min_ms = core_topic_config_number_of("min.compaction.lag.ms", pairs, count);
    int64_t lag_max_ms = core_topic_config_number_of("max.compaction.lag.ms", pairs, count);
    if (lag_min_ms > lag_max_ms) {
        return core_topic_config_say(fault, ERR_INVALID, NULL,
                                     "min.compaction.lag.ms=%" PRId64
                                     " is above max.compaction.lag.ms=%" PRId64,
                                     lag_min_ms, lag_max_ms);
    }
    bool asks_for_flushes =
        core_topic_config_number_of("flush.messages", pairs, count) != INT64_MAX ||
        core_topic_config_number_of("flush.ms", pairs, count) < CORE_TOPIC_CONFIG_MEMORY_FLUSH_MS;
    if (config->durability != CORE_DURABILITY_QUORUM_MEMORY || !asks_for_flushes) {
        return ERR_OK;
    }
    if (core_topic_config_pair_of("durability", pairs, count) == NULL) {
        config->durability = CORE_DURABILITY_QUORUM_FSYNC;
        return ERR_OK;
    }
    return core_topic_config_say(
        fault, ERR_UNSUPPORTED, NULL,
        "durability=quorum-memory flushes every %d ms and takes no flush.messages and no shorter "
        "flush.ms; use durability=quorum-fsync",
        CORE_TOPIC_CONFIG_MEMORY_FLUSH_MS);
}

/* Whether a pair before pairs[index] has its name. */
static bool core_topic_config_has_twice(const struct core_topic_config_pair *pairs, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (pairs[i].name_bytes == pairs[index].name_bytes &&
            memcmp(pairs[i].name, pairs[index].name, pairs[i].name_bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* The pair of this name, or NULL. */
static const struct core_topic_config_pair *core_topic_config_pair_of(
    const char *name, const struct core_topic_config_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(name) == pairs[i].name_bytes &&
            memcmp(name, pairs[i].name, pairs[i].name_bytes) == 0) {
            return &pairs[i];
        }
    }
    return NULL;
}

/* The number under a key that is only kept: its pair's, or its default. */
static int64_t core_topic_config_number_of(const char *name,
                                           const struct core_topic_config_pair *pairs, size_t count)
{
    const struct core_topic_config_key *key = core_topic_config_find(name, strlen(name));
    ASSERT(key != NULL);
    struct core_topic_config_value value = {.text = {key->default_text, strlen(key->default_text)}};
    const struct core_topic_config_pair *pair = core_topic_config_pair_of(name, pairs, count);
    if (pair != NULL) {
        value.text = core_topic_config_trim(pair->value, pair->value_bytes);
    }
    enum err err = core_topic_config_parse_number(key, &value);
    ASSERT(err == ERR_OK);
    return value.number;
}

/* Cut off what Java's String.trim cuts off: bytes up to the space. */
static struct core_topic_config_text core_topic_config_trim(const char *text, size_t bytes)
{
    while (bytes > 0 && (unsigned char)text[0] <= ' ') {
        text++;
        bytes--;
    }
    while (bytes > 0 && (unsigned char)text[bytes - 1] <= ' ') {
        bytes--;
    }
    return (struct core_topic_config_text){text, bytes};
}

/* Write "name='value': ..." (without the front where `pair` is NULL) and return `err`. */
static enum err core_topic_config_say(struct core_topic_config_fault *fault, enum err err,
                                      const struct core_topic_config_pair *pair, const char *format,
                                      ...)
{
    size_t length = 0;
    if (pair != NULL) {
        core_topic_config_put(fault, &length, pair->name, pair->name_bytes);
        core_topic_config_put(fault, &length, "='", 2);
        core_topic_config_put(fault, &length, pair->value, pair->value_bytes);
        core_topic_config_put(fault, &length, "': ", 3);
    }
    va_list args;
    va_start(args, format);
    vsnprintf(fault->text + length, sizeof(fault->text) - length, format, args);
    va_end(args);
    return err;
}

static enum err core_topic_config_say_range(struct core_topic_config_fault *fault,
                                            const struct core_topic_config_key *key,
                                            const struct core_topic_config_pair *pair)
{
    if (key->max == (key->type == CORE_TOPIC_CONFIG_INT ? INT32_MAX : INT64_MAX)) {
        return core_topic_config_say(fault, ERR_RANGE, pair, "takes %" PRId64 " or more, up to %s",
                                     key->min,
                                     key->type == CORE_TOPIC_CONFIG_INT ? "2^31 - 1" : "2^63 - 1");
    }
    return core_topic_config_say(fault, ERR_RANGE, pair, "takes %" PRId64 " to %" PRId64 "%s",
                                 key->min, key->max,
                                 core_topic_config_skips_zero(key) ? ", but not 0" : "");
}

/* Add text from outside: what prints, a part of what is long. */
static void core_topic_config_put(struct core_topic_config_fault *fault, size_t *length,
                                  const char *text, size_t bytes)
{
    size_t shown_bytes =
        bytes > CORE_TOPIC_CONFIG_QUOTE_BYTES ? CORE_TOPIC_CONFIG_QUOTE_BYTES : bytes;
    for (size_t i = 0; i < shown_bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        fault->text[(*length)++] = c >= ' ' && c <= '~' ? text[i] : '?';
    }
    if (shown_bytes < bytes) {
        ASSERT(*length + 3 < sizeof(fault->text));
        memcpy(fault->text + *length, "...", 3);
        *length += 3;
    }
    fault->text[*length] = '\0';
}
