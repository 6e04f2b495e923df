/* A shard's open files. See segment.h.
 *
 * A file stays open after its last user has put it, in an LRU; above the bound the longest unused
 * is closed. When all are in use a get opens one more all the same: users are bounded by the
 * operations that are under way. A file that was replaced or deleted is stale: no new get finds it,
 * and it is closed at its last put. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "storage/log/shard.h"

/* Files beyond the bound, while that many are in use. */
#define LOG_FILES_EXTRA 1024u

/* What a file is looked up by. */
struct log_file_key {
    uint64_t group;          /* 0 for the journal */
    uint64_t first_index;    /* journal: slot */
    uint32_t generation;     /* 0 for the journal */
    enum log_file_kind kind; /* which */
};

static struct log_file_key log_file_key(const struct log_segment *seg, enum log_file_kind kind);
static uint64_t log_file_hash(const struct log_file_key *key);
static bool log_file_is(const struct map_node *node, const void *wanted);
static void log_file_get(struct log_file_get *get, struct log_shard *ls,
                         const struct log_file_key *key, const char *path, uint32_t flags);
static enum err log_file_new(struct log_files *files, const struct log_file_key *key,
                             const char *path, uint32_t flags, struct log_file **out);
static void log_file_done(struct rt_op *op);
static void log_file_opened(struct log_files *files, struct log_file *file);
static void log_file_get_done(struct rt_op *op);
static void log_file_close(struct log_files *files, struct log_file *file);
static void log_files_forget(struct log_files *files, const struct log_file_key *key);
static void log_files_shrink(struct log_files *files, uint32_t count_max);
static void log_files_close_step(struct log_files *files);

enum err log_files_init(struct log_files *files, struct log_shard *ls, uint32_t count_max)
{
    *files = (struct log_files){.ls = ls, .count_max = count_max};
    list_init(&files->lru);
    uint32_t capacity = map_capacity(count_max + LOG_FILES_EXTRA);
    void *made = NULL;
    enum err err = budget_alloc(&ls->budget, capacity * sizeof(struct map_node *),
                                sizeof(struct map_node *), &made);
    if (err != ERR_OK) {
        return err;
    }
    files->buckets = made;
    map_init(&files->map, files->buckets, capacity);
    pool_init(&files->pool, &ls->budget, sizeof(struct log_file), 64, capacity);
    err = log_warm_init(&files->warm, ls, ls->store->config.warm_bytes_max);
    if (err != ERR_OK) {
        log_files_deinit(files);
    }
    return err;
}

void log_files_deinit(struct log_files *files)
{
    if (files->buckets == NULL) {
        return;
    }
    ASSERT(files->count == 0);
    log_warm_deinit(&files->warm);
    pool_deinit(&files->pool);
    budget_free(&files->ls->budget, files->buckets);
    files->buckets = NULL;
}

const char *log_file_suffix(enum log_file_kind kind)
{
    static const char *const suffixes[] = {
        [LOG_FILE_LOG] = "log",         [LOG_FILE_IDX] = "idx",     [LOG_FILE_LOG_NEW] = "log.new",
        [LOG_FILE_IDX_NEW] = "idx.new", [LOG_FILE_JOURNAL] = "jnl",
    };
    return suffixes[kind];
}

void log_file_get_segment(struct log_file_get *get, struct log_segment *seg,
                          enum log_file_kind kind, bool does_make)
{
    char path[LIMIT_PATH_BYTES];
    struct log_file_key key = log_file_key(seg, kind);
    log_path_segment(path, seg->log, seg->start.index, seg->generation, log_file_suffix(kind));
    uint32_t flags = RT_FILE_READ | RT_FILE_WRITE | RT_FILE_DIRECT;
    log_file_get(get, seg->log->ls, &key, path, flags | (does_make ? RT_FILE_CREATE : 0u));
}

void log_file_get_journal(struct log_file_get *get, struct log_shard *ls, uint32_t slot)
{
    char path[LIMIT_PATH_BYTES];
    struct log_file_key key = {.first_index = slot, .kind = LOG_FILE_JOURNAL};
    log_path_journal(path, ls->store, slot);
    log_file_get(get, ls, &key, path, RT_FILE_READ | RT_FILE_DIRECT);
}

static struct log_file_key log_file_key(const struct log_segment *seg, enum log_file_kind kind)
{
    ASSERT(kind != LOG_FILE_JOURNAL);
    return (struct log_file_key){
        .group = seg->log->group,
        .first_index = seg->start.index,
        .generation = seg->generation,
        .kind = kind,
    };
}

static uint64_t log_file_hash(const struct log_file_key *key)
{
    uint64_t words[4] = {key->group, key->first_index, key->generation, (uint64_t)key->kind};
    return hash64(words, sizeof(words), 0);
}

static bool log_file_is(const struct map_node *node, const void *wanted)
{
    const struct log_file *file = CONTAINER_OF(node, const struct log_file, in_map);
    const struct log_file_key *key = wanted;
    return !file->is_stale && !file->is_closing && file->group == key->group &&
           file->first_index == key->first_index && file->generation == key->generation &&
           file->kind == key->kind;
}

static void log_file_get(struct log_file_get *get, struct log_shard *ls,
                         const struct log_file_key *key, const char *path, uint32_t flags)
{
    struct log_files *files = &ls->files;
    struct map_node *node = map_find_equal(&files->map, log_file_hash(key), log_file_is, key);
    struct log_file *file = node != NULL ? CONTAINER_OF(node, struct log_file, in_map) : NULL;
    if (file != NULL && !file->is_ready && (flags & ~file->file.flags) != 0) {
        file->is_stale = true; /* that open does not make the file, this one does */
        file = NULL;
    }
    list_node_init(&get->in_file);
    get->file = NULL;
    get->err = ERR_OK;
    get->saved_errno = 0;
    rt_op_init(&get->op, ls->shard, log_file_get_done);
    if (file == NULL) {
        get->err = log_file_new(files, key, path, flags, &file);
    }
    if (file == NULL) {
        rt_op_defer(&get->op);
        return;
    }
    if (list_is_linked(&file->in_lru)) {
        list_remove(&file->in_lru);
    }
    file->users_count++;
    get->file = file;
    if (file->is_ready) {
        rt_op_defer(&get->op);
    } else {
        list_push_back(&file->waiters, &get->in_file);
    }
}

static void log_file_get_done(struct rt_op *op)
{
    struct log_file_get *get = CONTAINER_OF(op, struct log_file_get, op);
    get->done(get);
}

/* A file that is not open yet: its open begins. */
static enum err log_file_new(struct log_files *files, const struct log_file_key *key,
                             const char *path, uint32_t flags, struct log_file **out)
{
    *out = NULL;
    void *made = NULL;
    log_files_shrink(files, files->count_max > 0 ? files->count_max - 1 : 0);
    enum err err = pool_acquire(&files->pool, &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_file *file = made;
    err = map_insert(&files->map, &file->in_map, log_file_hash(key));
    if (err != ERR_OK) {
        pool_release(&files->pool, file);
        return err;
    }
    file->files = files;
    file->group = key->group;
    file->first_index = key->first_index;
    file->generation = key->generation;
    file->kind = key->kind;
    list_init(&file->waiters);
    list_init(&file->warm);
    memcpy(file->path, path, sizeof(file->path));
    rt_op_init(&file->op, files->ls->shard, log_file_done);
    files->count++;
    rt_file_open(&file->file, &file->op, files->ls->shard, file->path, flags, 0600);
    *out = file;
    return ERR_OK;
}

/* Its open, or its close, has ended. */
static void log_file_done(struct rt_op *op)
{
    struct log_file *file = CONTAINER_OF(op, struct log_file, op);
    struct log_files *files = file->files;
    if (!file->is_closing) {
        log_file_opened(files, file);
        return;
    }
    map_remove(&files->map, &file->in_map);
    pool_release(&files->pool, file);
    files->closing_count--;
    log_files_close_step(files);
}

static void log_file_opened(struct log_files *files, struct log_file *file)
{
    enum err err = file->op.err;
    int saved_errno = file->op.saved_errno;
    file->is_ready = err == ERR_OK;
    for (struct list_node *node = list_pop_front(&file->waiters); node != NULL;
         node = list_pop_front(&file->waiters)) {
        struct log_file_get *get = CONTAINER_OF(node, struct log_file_get, in_file);
        get->err = err;
        get->saved_errno = saved_errno;
        if (err != ERR_OK) {
            get->file = NULL;
            file->users_count--;
        }
        rt_op_defer(&get->op);
    }
    if (err != ERR_OK) { /* the next get tries again */
        ASSERT(file->users_count == 0);
        map_remove(&files->map, &file->in_map);
        pool_release(&files->pool, file);
        files->count--;
        log_files_close_step(files);
    }
}

struct log_file *log_file_try(const struct log_segment *seg, enum log_file_kind kind)
{
    struct log_file_key key = log_file_key(seg, kind);
    struct map_node *node =
        map_find_equal(&seg->log->ls->files.map, log_file_hash(&key), log_file_is, &key);
    struct log_file *file = node != NULL ? CONTAINER_OF(node, struct log_file, in_map) : NULL;
    if (file == NULL || !file->is_ready) {
        return NULL;
    }
    if (list_is_linked(&file->in_lru)) {
        list_remove(&file->in_lru);
    }
    file->users_count++;
    return file;
}

void log_file_share(struct log_file *file)
{
    ASSERT(file->is_ready);
    ASSERT(file->users_count > 0);
    file->users_count++;
}

void log_file_put(struct log_shard *ls, struct log_file *file)
{
    ASSERT(file->users_count > 0);
    ASSERT(file->is_ready);
    file->users_count--;
    if (file->users_count > 0) {
        return;
    }
    if (file->is_stale || ls->files.closed != NULL) {
        log_file_close(&ls->files, file);
        return;
    }
    list_push_back(&ls->files.lru, &file->in_lru);
    log_files_shrink(&ls->files, ls->files.count_max);
}

static void log_file_close(struct log_files *files, struct log_file *file)
{
    ASSERT(file->users_count == 0);
    log_warm_forget(&files->warm, file);
    files->count--;
    files->closing_count++;
    file->is_closing = true;
    rt_file_close(&file->file, &file->op);
}

/* Close unused files, longest unused first, until no more than `count_max` are open. */
static void log_files_shrink(struct log_files *files, uint32_t count_max)
{
    while (files->count > count_max) {
        struct list_node *node = list_pop_front(&files->lru);
        if (node == NULL) {
            break;
        }
        log_file_close(files, CONTAINER_OF(node, struct log_file, in_lru));
    }
}

static void log_files_forget(struct log_files *files, const struct log_file_key *key)
{
    struct map_node *node = map_find_equal(&files->map, log_file_hash(key), log_file_is, key);
    if (node == NULL) {
        return;
    }
    struct log_file *file = CONTAINER_OF(node, struct log_file, in_map);
    file->is_stale = true;
    log_warm_forget(&files->warm, file);
    if (list_is_linked(&file->in_lru)) {
        list_remove(&file->in_lru);
        log_file_close(files, file);
    }
}

void log_files_forget_segment(struct log_segment *seg)
{
    struct log_file_key key = {
        .group = seg->log->group,
        .first_index = seg->start.index,
        .generation = seg->generation,
    };
    for (key.kind = LOG_FILE_LOG; key.kind <= LOG_FILE_IDX_NEW; key.kind++) {
        log_files_forget(&seg->log->ls->files, &key);
    }
}

void log_files_forget_journal(struct log_shard *ls, uint32_t slot)
{
    struct log_file_key key = {.first_index = slot, .kind = LOG_FILE_JOURNAL};
    log_files_forget(&ls->files, &key);
}

void log_files_close(struct log_files *files, void (*closed)(struct log_files *files))
{
    files->closed = closed;
    for (struct list_node *node = list_pop_front(&files->lru); node != NULL;
         node = list_pop_front(&files->lru)) {
        log_file_close(files, CONTAINER_OF(node, struct log_file, in_lru));
    }
    log_files_close_step(files);
}

static void log_files_close_step(struct log_files *files)
{
    if (files->closed != NULL && files->count + files->closing_count == 0) {
        void (*closed)(struct log_files * files) = files->closed;
        files->closed = NULL;
        closed(files);
    }
}
