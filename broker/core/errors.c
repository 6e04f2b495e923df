/* See errors.h.
 *
 * Numbers count up; the errors kept are those from `first` to `next`, in a ring of pointers, so the
 * oldest is found at once and a reader goes on by number whatever came or went meanwhile. */
#include "broker/core/errors.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/json.h"

/* One that is kept; its texts stand behind it. */
struct core_error_kept {
    struct map_node in_map;  /* core_errors.map */
    struct core_error error; /* with texts of its own */
};

static bool core_error_is(const struct map_node *node, const void *wanted);
static bool core_errors_make(struct core_errors *errors);
static struct core_error_kept *core_errors_copy(struct core_errors *errors,
                                                const struct core_error *error);
static void core_errors_drop(struct core_errors *errors);
static size_t core_error_excerpt(char *out, const char *text, size_t length);

void core_errors_init(struct core_errors *errors, struct budget *budget, uint64_t seed)
{
    *errors = (struct core_errors){.seed = seed};
    budget_init(&errors->budget, "errors", CORE_ERRORS_BYTES_MAX, budget);
}

void core_errors_deinit(struct core_errors *errors)
{
    while (errors->first < errors->next) {
        core_errors_drop(errors);
    }
    budget_free(&errors->budget, errors->buckets);
    budget_free(&errors->budget, errors->ring);
    budget_deinit(&errors->budget);
}

bool core_errors_add(struct core_errors *errors, const struct core_error *error)
{
    uint64_t hash = core_error_hash(error, errors->seed);
    if (errors->buckets != NULL &&
        map_find_equal(&errors->map, hash, core_error_is, error) != NULL) {
        return false;
    }
    errors->found_count++;
    if (errors->buckets == NULL && !core_errors_make(errors)) {
        errors->dropped_count++;
        return true;
    }
    if (errors->next - errors->first == CORE_ERRORS_COUNT_MAX) {
        core_errors_drop(errors);
    }
    struct core_error_kept *kept;
    while ((kept = core_errors_copy(errors, error)) == NULL && errors->first < errors->next) {
        core_errors_drop(errors);
    }
    if (kept == NULL) {
        errors->dropped_count++;
        return true;
    }
    enum err err = map_insert(&errors->map, &kept->in_map, hash);
    ASSERT(err == ERR_OK); /* as many as the ring takes */
    errors->ring[errors->next++ % CORE_ERRORS_COUNT_MAX] = kept;
    return true;
}

bool core_errors_next(const struct core_errors *errors, uint64_t *number, struct core_error *out)
{
    uint64_t at = *number > errors->first ? *number : errors->first;
    if (at >= errors->next) {
        return false;
    }
    *out = errors->ring[at % CORE_ERRORS_COUNT_MAX]->error;
    *number = at + 1;
    return true;
}

uint64_t core_error_hash(const struct core_error *error, uint64_t seed)
{
    struct hash_stream s;
    uint64_t place[2] = {error->partition, error->offset};
    hash_stream_init(&s, seed);
    hash_stream_add(&s, error->stream.bytes, sizeof(error->stream.bytes));
    hash_stream_add(&s, error->topic.bytes, sizeof(error->topic.bytes));
    hash_stream_add(&s, place, sizeof(place));
    hash_stream_add(&s, error->column, strlen(error->column));
    return hash_stream_end(&s).low;
}

static bool core_error_is(const struct map_node *node, const void *wanted)
{
    const struct core_error *a = &CONTAINER_OF(node, struct core_error_kept, in_map)->error;
    const struct core_error *b = wanted;
    return a->offset == b->offset && a->partition == b->partition &&
           memcmp(&a->stream, &b->stream, sizeof(a->stream)) == 0 &&
           memcmp(&a->topic, &b->topic, sizeof(a->topic)) == 0 && strcmp(a->column, b->column) == 0;
}

/* The tables, when the first error comes. */
static bool core_errors_make(struct core_errors *errors)
{
    void *buckets;
    void *ring;
    size_t bytes = CORE_ERRORS_COUNT_MAX * sizeof(void *);
    if (budget_alloc(&errors->budget, bytes, 64, &buckets) != ERR_OK) {
        return false;
    }
    if (budget_alloc(&errors->budget, bytes, 64, &ring) != ERR_OK) {
        budget_free(&errors->budget, buckets);
        return false;
    }
    errors->buckets = buckets;
    errors->ring = ring;
    map_init(&errors->map, errors->buckets, CORE_ERRORS_COUNT_MAX);
    return true;
}

static const char *core_error_text(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = memcpy(*at, text, bytes);
    *at += bytes;
    return copy;
}

/* NULL: no memory. */
static struct core_error_kept *core_errors_copy(struct core_errors *errors,
                                                const struct core_error *error)
{
    void *block;
    char excerpt[CORE_ERRORS_EXCERPT_BYTES_MAX];
    size_t excerpt_bytes = core_error_excerpt(excerpt, error->excerpt, error->excerpt_bytes);
    size_t bytes = sizeof(struct core_error_kept) + strlen(error->column) +
                   strlen(error->stream_name) + strlen(error->topic_name) + strlen(error->path) +
                   4 + excerpt_bytes + 1;
    if (budget_alloc(&errors->budget, bytes, _Alignof(struct core_error_kept), &block) != ERR_OK) {
        return NULL;
    }
    struct core_error_kept *kept = block;
    char *at = (char *)(kept + 1);
    kept->error = *error;
    kept->error.column = core_error_text(&at, error->column);
    kept->error.stream_name = core_error_text(&at, error->stream_name);
    kept->error.topic_name = core_error_text(&at, error->topic_name);
    kept->error.path = core_error_text(&at, error->path);
    kept->error.excerpt = at;
    kept->error.excerpt_bytes = excerpt_bytes;
    memcpy(at, excerpt, excerpt_bytes);
    at[excerpt_bytes] = '\0';
    return kept;
}

static void core_errors_drop(struct core_errors *errors)
{
    struct core_error_kept *kept = errors->ring[errors->first++ % CORE_ERRORS_COUNT_MAX];
    map_remove(&errors->map, &kept->in_map);
    budget_free(&errors->budget, kept);
    errors->dropped_count++;
}

/* The beginning of `text` up to the end of a character; what is no character, or drives a terminal,
 * is a question mark. */
static size_t core_error_excerpt(char *out, const char *text, size_t length)
{
    size_t count = 0;
    size_t pos = 0;
    while (pos < length) {
        size_t bytes = 1; /* of the character */
        while (bytes < 4 && pos + bytes < length && ((uint8_t)text[pos + bytes] & 0xc0) == 0x80) {
            bytes++;
        }
        bool is_good =
            json_is_utf8(text + pos, bytes) && (uint8_t)text[pos] >= ' ' && text[pos] != 0x7f;
        size_t out_bytes = is_good ? bytes : 1;
        if (count + out_bytes > CORE_ERRORS_EXCERPT_BYTES_MAX) {
            break;
        }
        memcpy(out + count, is_good ? text + pos : "?", out_bytes);
        count += out_bytes;
        pos += bytes;
    }
    return count;
}
