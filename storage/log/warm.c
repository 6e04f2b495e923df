/* Runs kept in memory. See warm.h. */
#include "storage/log/warm.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/rt/clock.h"
#include "storage/log/shard.h"

/* The smallest buffer that is worth an account. */
#define LOG_WARM_BYTES_MIN (16u << 10)

/* Forgotten runs that go for each that is kept. */
#define LOG_WARM_FORGET_COUNT 2u

/* What a run is looked up by. */
struct log_warm_key {
    const struct log_file *file;
    uint64_t pos;
};

static uint64_t log_warm_hash(const struct log_file *file, uint64_t pos);
static bool log_warm_is(const struct map_node *node, const void *wanted);
static struct log_warm_run *log_warm_get(struct log_warm *warm, const struct log_file *file,
                                         uint64_t pos);
static struct log_warm_run *log_warm_first(const struct log_warm *warm);
static void log_warm_free(struct log_warm *warm, struct log_warm_run *run);
static bool log_warm_make_room(struct log_warm *warm, uint64_t bytes, uint64_t now_ns);

enum err log_warm_init(struct log_warm *warm, struct log_shard *ls, uint64_t bytes_max)
{
    *warm = (struct log_warm){.ls = ls};
    list_init(&warm->runs);
    uint64_t runs_max = bytes_max / LOG_WARM_BYTES_MIN;
    if (runs_max == 0) {
        return ERR_OK;
    }
    uint32_t capacity = map_capacity(runs_max < 1u << 24 ? (uint32_t)runs_max : 1u << 24);
    void *made = NULL;
    enum err err = budget_alloc(&ls->budget, capacity * sizeof(struct map_node *),
                                _Alignof(struct map_node *), &made);
    if (err != ERR_OK) {
        return err;
    }
    warm->buckets = made;
    warm->bytes_max = bytes_max;
    map_init(&warm->map, warm->buckets, capacity);
    pool_init(&warm->pool, &ls->budget, sizeof(struct log_warm_run), _Alignof(struct log_warm_run),
              capacity);
    return ERR_OK;
}

void log_warm_deinit(struct log_warm *warm)
{
    if (warm->buckets == NULL) {
        return;
    }
    while (log_warm_yield(warm)) {
    }
    ASSERT(warm->bytes == 0);
    ASSERT(warm->map.count == 0);
    pool_deinit(&warm->pool);
    budget_free(&warm->ls->budget, warm->buckets);
    warm->buckets = NULL;
}

static uint64_t log_warm_hash(const struct log_file *file, uint64_t pos)
{
    uint64_t words[4] = {file->group, file->first_index, file->generation, pos};
    return hash64(words, sizeof(words), 0);
}

static bool log_warm_is(const struct map_node *node, const void *wanted)
{
    const struct log_warm_run *run = CONTAINER_OF(node, const struct log_warm_run, in_map);
    const struct log_warm_key *key = wanted;
    return run->file == key->file && run->pos == key->pos;
}

static struct log_warm_run *log_warm_get(struct log_warm *warm, const struct log_file *file,
                                         uint64_t pos)
{
    if (list_is_empty(&warm->runs)) {
        return NULL;
    }
    struct log_warm_key key = {file, pos};
    struct map_node *node = map_find_equal(&warm->map, log_warm_hash(file, pos), log_warm_is, &key);
    return node != NULL ? CONTAINER_OF(node, struct log_warm_run, in_map) : NULL;
}

const struct log_warm_run *log_warm_find(struct log_warm *warm, const struct log_file *file,
                                         uint64_t pos, uint32_t bytes)
{
    struct log_warm_run *run = log_warm_get(warm, file, pos);
    if (run == NULL || run->bytes != bytes) {
        return NULL;
    }
    run->used_ns = rt_now_ns(warm->ls->shard);
    list_remove(&run->in_shard);
    list_push_back(&warm->runs, &run->in_shard);
    warm->found_count++;
    return run;
}

void log_warm_keep(struct log_warm *warm, struct log_file *file, uint64_t pos, uint32_t bytes,
                   struct log_warm_items items, struct buf *buf)
{
    ASSERT(buf->sealed_length >= bytes);
    uint64_t now_ns = rt_now_ns(warm->ls->shard);
    void *made = NULL;
    bool is_wanted = warm->buckets != NULL && !file->is_stale && !file->is_closing &&
                     buf->capacity >= LOG_WARM_BYTES_MIN &&
                     budget_left(&warm->ls->budget) >= warm->bytes_max;
    if (!is_wanted || log_warm_get(warm, file, pos) != NULL ||
        !log_warm_make_room(warm, buf->capacity, now_ns) ||
        pool_acquire(&warm->pool, &made) != ERR_OK) {
        return;
    }
    struct log_warm_run *run = made;
    if (map_insert(&warm->map, &run->in_map, log_warm_hash(file, pos)) != ERR_OK) {
        pool_release(&warm->pool, run);
        return;
    }
    run->file = file;
    run->pos = pos;
    run->bytes = bytes;
    run->items = items;
    run->buf = buf_ref(buf);
    run->used_ns = now_ns;
    list_push_back(&warm->runs, &run->in_shard);
    list_push_back(&file->warm, &run->in_file);
    warm->bytes += buf->capacity;
}

/* The next to go; NULL: none is kept. */
static struct log_warm_run *log_warm_first(const struct log_warm *warm)
{
    struct list_node *node = list_first(&warm->runs);
    return node != NULL ? CONTAINER_OF(node, struct log_warm_run, in_shard) : NULL;
}

/* Let runs go that nobody wants any more until there is room; false: there is none. Of those that
 * were forgotten some go in any case. */
static bool log_warm_make_room(struct log_warm *warm, uint64_t bytes, uint64_t now_ns)
{
    for (uint32_t count = 0;; count++) {
        struct log_warm_run *run = log_warm_first(warm);
        bool has_room = warm->bytes + bytes <= warm->bytes_max;
        bool is_forgotten = run != NULL && run->file == NULL;
        if (has_room && (!is_forgotten || count == LOG_WARM_FORGET_COUNT)) {
            return true;
        }
        if (run == NULL || (!is_forgotten && now_ns - run->used_ns < LOG_WARM_NS)) {
            return false;
        }
        log_warm_free(warm, run);
    }
}

static void log_warm_free(struct log_warm *warm, struct log_warm_run *run)
{
    ASSERT(warm->bytes >= run->buf->capacity);
    warm->bytes -= run->buf->capacity;
    buf_unref(run->buf);
    list_remove(&run->in_shard);
    if (run->file != NULL) {
        map_remove(&warm->map, &run->in_map);
        list_remove(&run->in_file);
    }
    pool_release(&warm->pool, run);
}

void log_warm_forget(struct log_warm *warm, struct log_file *file)
{
    struct list_node *node;
    while ((node = list_pop_front(&file->warm)) != NULL) {
        struct log_warm_run *run = CONTAINER_OF(node, struct log_warm_run, in_file);
        map_remove(&warm->map, &run->in_map);
        list_remove(&run->in_shard);
        list_push_front(&warm->runs, &run->in_shard);
        run->file = NULL;
    }
}

bool log_warm_yield(struct log_warm *warm)
{
    struct log_warm_run *run = log_warm_first(warm);
    if (run == NULL) {
        return false;
    }
    log_warm_free(warm, run);
    return true;
}
