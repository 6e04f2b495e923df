/* Journal files: which may be written again, new ones, and who waits for one. See keeper.h.
 *
 *     MAKING -> FREE -> GIVEN -> FREE ...
 *
 * A file is given out under a number of its own, and is free again when a durable table says that
 * nothing below a higher number is needed. New ones are filled with zeros, so that a lane's writes
 * change no metadata: OPEN -> [TRUNCATE] -> WRITE ... -> [FLUSH] -> CLOSE -> SYNC. One is made at a
 * time, for a lane that waits or, once lanes have begun to change files, to be ready. A small one
 * that is free grows to the size of the others.
 *
 * When there are too many bytes of files, or none for a lane that waits, the shards are asked to
 * let the oldest go. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "storage/log/keeper_int.h"

/* What is written at a time. */
#define LOG_MAKE_CHUNK_BYTES (1u << 20)

/* When making one is tried again for who waits, after an error that passes. */
#define LOG_MAKE_RETRY_NS (50 * RT_NS_PER_MS)

enum {
    LOG_MAKE_IDLE,     /* none is made */
    LOG_MAKE_OPEN,     /* opening it */
    LOG_MAKE_TRUNCATE, /* what a former life left of it, which may not be durable */
    LOG_MAKE_WRITE,    /* zeros */
    LOG_MAKE_FLUSH,    /* all of them */
    LOG_MAKE_CLOSE,    /* whatever came of it */
    LOG_MAKE_UNLINK,   /* there is no room for it */
    LOG_MAKE_SYNC,     /* its name, and those of all others */
};

static const struct sm_conf log_make_stages[] = {
    [LOG_MAKE_IDLE] = {"IDLE", SM_BIT(LOG_MAKE_OPEN) | SM_BIT(LOG_MAKE_SYNC),
                       SM_INITIAL | SM_FINAL},
    [LOG_MAKE_OPEN] = {"OPEN",
                       SM_BIT(LOG_MAKE_TRUNCATE) | SM_BIT(LOG_MAKE_WRITE) | SM_BIT(LOG_MAKE_CLOSE) |
                           SM_BIT(LOG_MAKE_IDLE),
                       0},
    [LOG_MAKE_TRUNCATE] = {"TRUNCATE", SM_BIT(LOG_MAKE_WRITE) | SM_BIT(LOG_MAKE_CLOSE), 0},
    [LOG_MAKE_WRITE] = {"WRITE", SM_BIT(LOG_MAKE_FLUSH) | SM_BIT(LOG_MAKE_CLOSE), 0},
    [LOG_MAKE_FLUSH] = {"FLUSH", SM_BIT(LOG_MAKE_CLOSE), 0},
    [LOG_MAKE_CLOSE] = {"CLOSE",
                        SM_BIT(LOG_MAKE_SYNC) | SM_BIT(LOG_MAKE_UNLINK) | SM_BIT(LOG_MAKE_IDLE), 0},
    [LOG_MAKE_UNLINK] = {"UNLINK", SM_BIT(LOG_MAKE_IDLE), 0},
    [LOG_MAKE_SYNC] = {"SYNC", SM_BIT(LOG_MAKE_IDLE), 0},
};
const struct sm_decl log_make_decl = {"log_make", log_make_stages, ARRAY_COUNT(log_make_stages),
                                      NULL};

static struct log_kept_file *log_kept_file_in(const struct log_keeper *keeper,
                                              enum log_kept_state state);
static enum err log_kept_file_new(struct log_keeper *keeper, uint32_t slot,
                                  struct log_kept_file **out);
static void log_keeper_requested(struct rt_shard *at, struct rt_mail *mail);
static void log_keeper_given(struct rt_shard *at, struct rt_mail *mail);
static void log_keeper_answer_request(struct log_keeper *keeper, struct log_file_request *request,
                                      enum err err, int saved_errno);
static void log_keeper_refuse(struct log_keeper *keeper, enum err err, int saved_errno);
static void log_keeper_release(struct log_keeper *keeper);
static bool log_keeper_is_early(const struct log_keeper *keeper);
static struct log_kept_file *log_keeper_next_file(const struct log_keeper *keeper);
static void log_keeper_give(struct log_keeper *keeper);
static void log_keeper_plan(struct log_keeper *keeper);
static bool log_keeper_wants_spare(const struct log_keeper *keeper);
static void log_keeper_ask(struct log_keeper *keeper);
static uint64_t log_keeper_oldest_given(const struct log_keeper *keeper, uint64_t bytes);
static void log_keeper_asked(struct rt_shard *at, struct rt_mail *mail);
static void log_keeper_ask_returned(struct rt_shard *at, struct rt_mail *mail);
static void log_make_start(struct log_keeper *keeper, struct log_kept_file *file,
                           uint64_t file_bytes);
static void log_make_run(struct rt_op *op);
static void log_make_write(struct log_keeper *keeper);
static void log_make_sync(struct log_keeper *keeper);
static void log_make_end(struct log_keeper *keeper);
static void log_make_again(struct rt_timer *timer);

enum err log_keeper_files_init(struct log_keeper *keeper, const struct log_keeper_found *found)
{
    rt_op_init(&keeper->make_op, keeper->ls->shard, log_make_run);
    rt_timer_init(&keeper->make_timer, keeper->ls->shard, log_make_again);
    sm_init(&keeper->make_sm, &log_make_decl, LOG_MAKE_IDLE, NULL, 0);
    pool_init(&keeper->files_pool, &keeper->ls->budget, sizeof(struct log_kept_file),
              _Alignof(struct log_kept_file), UINT32_MAX);
    for (uint32_t i = 0; i < found->files_count; i++) {
        const struct log_keeper_file *there = &found->files[i];
        struct log_kept_file *file = NULL;
        enum err err = log_kept_file_new(keeper, there->slot, &file);
        if (err != ERR_OK) {
            return err;
        }
        file->number = there->number;
        file->file_bytes = there->file_bytes / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
        keeper->files_bytes += file->file_bytes;
        file->state = there->number != 0 ? LOG_KEPT_GIVEN : LOG_KEPT_SHORT;
    }
    log_keeper_release(keeper);
    return ERR_OK;
}

void log_keeper_files_deinit(struct log_keeper *keeper)
{
    for (struct list_node *node; (node = list_pop_front(&keeper->files)) != NULL;) {
        pool_release(&keeper->files_pool, CONTAINER_OF(node, struct log_kept_file, in_keeper));
    }
    pool_deinit(&keeper->files_pool);
    budget_free(&keeper->ls->budget, keeper->zeros);
    sm_deinit(&keeper->make_sm);
}

static enum err log_kept_file_new(struct log_keeper *keeper, uint32_t slot,
                                  struct log_kept_file **out)
{
    void *made = NULL;
    enum err err = pool_acquire(&keeper->files_pool, &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_kept_file *file = made;
    file->slot = slot;
    keeper->slot_max = slot > keeper->slot_max ? slot : keeper->slot_max;
    list_push_back(&keeper->files, &file->in_keeper);
    *out = file;
    return ERR_OK;
}

/* The first file in that state, or NULL. */
static struct log_kept_file *log_kept_file_in(const struct log_keeper *keeper,
                                              enum log_kept_state state)
{
    list_for_each (node, &keeper->files) {
        struct log_kept_file *file = CONTAINER_OF(node, struct log_kept_file, in_keeper);
        if (file->state == state) {
            return file;
        }
    }
    return NULL;
}

uint64_t log_keeper_files_oldest(const struct log_keeper *keeper)
{
    uint64_t oldest = UINT64_MAX;
    list_for_each (node, &keeper->files) {
        const struct log_kept_file *file = CONTAINER_OF(node, struct log_kept_file, in_keeper);
        uint64_t number = file->number_before != 0 ? file->number_before : file->number;
        oldest = number != 0 && number < oldest ? number : oldest;
    }
    return oldest;
}

uint64_t log_keeper_files_used(const struct log_keeper *keeper)
{
    uint64_t bytes = 0;
    list_for_each (node, &keeper->files) {
        const struct log_kept_file *file = CONTAINER_OF(node, struct log_kept_file, in_keeper);
        bytes += file->state == LOG_KEPT_GIVEN ? file->file_bytes : 0;
    }
    return bytes;
}

/* --- Requests --- */

void log_keeper_file_request(struct log_file_request *request)
{
    rt_outbox_send(&request->ls->mails, 0, &request->mail, log_keeper_requested);
}

static struct log_file_request *log_request_of_mail(struct rt_mail *mail)
{
    return CONTAINER_OF(CONTAINER_OF(mail, struct rt_outbox_mail, mail), struct log_file_request,
                        mail);
}

static void log_keeper_requested(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_file_request *request = log_request_of_mail(mail);
    struct log_keeper *keeper = log_keeper_of(request->ls->store);
    ASSERT(keeper->ls->shard == at);
    keeper->shards[request->ls->shard->id].holding_number = request->holding_number;
    list_push_back(&keeper->requests, &request->in_keeper);
    if (keeper->is_undone) {
        log_keeper_refuse(keeper, ERR_CLOSING, 0);
        return;
    }
    if (keeper->is_begun) {
        log_keeper_space_wake(keeper);
    }
    log_keeper_files_serve(keeper);
}

static void log_keeper_answer_request(struct log_keeper *keeper, struct log_file_request *request,
                                      enum err err, int saved_errno)
{
    request->err = err;
    request->saved_errno = saved_errno;
    rt_outbox_send(&keeper->ls->mails, request->ls->shard->id, &request->mail, log_keeper_given);
}

/* All who wait are told that they get none. */
static void log_keeper_refuse(struct log_keeper *keeper, enum err err, int saved_errno)
{
    for (struct list_node *node; (node = list_pop_front(&keeper->requests)) != NULL;) {
        log_keeper_answer_request(keeper, CONTAINER_OF(node, struct log_file_request, in_keeper),
                                  err, saved_errno);
    }
}

void log_keeper_undo(struct log_shard *ls)
{
    struct log_keeper *keeper = log_keeper_of(ls->store);
    keeper->is_undone = true;
    log_keeper_refuse(keeper, ERR_CLOSING, 0);
}

static void log_keeper_given(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_file_request *request = log_request_of_mail(mail);
    ASSERT(request->ls->shard == at);
    request->done(request);
}

void log_keeper_files_serve(struct log_keeper *keeper)
{
    log_keeper_release(keeper);
    if (keeper->is_synced) {
        log_keeper_give(keeper);
    }
    log_keeper_plan(keeper);
    if (keeper->is_begun && !keeper->is_closing) {
        log_keeper_ask(keeper);
    }
}

/* Files of which nothing is needed are free. */
static void log_keeper_release(struct log_keeper *keeper)
{
    list_for_each (node, &keeper->files) {
        struct log_kept_file *file = CONTAINER_OF(node, struct log_kept_file, in_keeper);
        if (file->state == LOG_KEPT_GIVEN && file->number < keeper->floor) {
            file->state = file->file_bytes < LOG_JOURNAL_BYTES_MIN ? LOG_KEPT_SHORT : LOG_KEPT_FREE;
            file->number_before = 0;
        }
    }
}

/* Whose turn it is, taken out; NULL: nobody's. The first file is for shard 0's lane, which writes
 * the first frame. */
static struct log_file_request *log_keeper_next_request(struct log_keeper *keeper)
{
    list_for_each_safe (node, following, &keeper->requests) {
        struct log_file_request *request = CONTAINER_OF(node, struct log_file_request, in_keeper);
        if (keeper->given_count > 0 || request->ls == keeper->ls) {
            list_remove(node);
            return request;
        }
    }
    return NULL;
}

/* Whether what is given out is a lane's first file, or the one that is to be ready behind it: small
 * ones, which many lives never fill, and a start has little to read. */
static bool log_keeper_is_early(const struct log_keeper *keeper)
{
    return keeper->given_count < 2 * keeper->shards_count;
}

/* The free file to give out next, or NULL. */
static struct log_kept_file *log_keeper_next_file(const struct log_keeper *keeper)
{
    struct log_kept_file *next = log_kept_file_in(keeper, LOG_KEPT_FREE);
    list_for_each (node, &keeper->files) {
        struct log_kept_file *file = CONTAINER_OF(node, struct log_kept_file, in_keeper);
        if (log_keeper_is_early(keeper) && file->state == LOG_KEPT_FREE &&
            file->file_bytes < next->file_bytes) {
            next = file;
        }
    }
    return next;
}

/* Who waits gets a file, as far as there are any. */
static void log_keeper_give(struct log_keeper *keeper)
{
    for (;;) {
        struct log_kept_file *file = log_keeper_next_file(keeper);
        struct log_file_request *request = file != NULL ? log_keeper_next_request(keeper) : NULL;
        if (request == NULL) {
            return;
        }
        struct log_kept_shard *shard = &keeper->shards[request->ls->shard->id];
        file->state = LOG_KEPT_GIVEN;
        file->number_before = file->number;
        file->number = atomic_fetch_add(&keeper->store->file_number, 1) + 1;
        if (file->number < shard->file_needed) {
            shard->file_needed = file->number;
        }
        keeper->given_count++;
        request->slot = file->slot;
        request->number = file->number;
        request->file_bytes = file->file_bytes;
        log_keeper_answer_request(keeper, request, ERR_OK, 0);
    }
}

/* What is made next, if anything. */
static void log_keeper_plan(struct log_keeper *keeper)
{
    const struct log_config *config = &keeper->store->config;
    if (sm_stage(&keeper->make_sm) != LOG_MAKE_IDLE || keeper->is_closing) {
        return;
    }
    struct log_kept_file *free = log_kept_file_in(keeper, LOG_KEPT_FREE);
    uint32_t waits_count = keeper->prepared != NULL;
    list_for_each (node, &keeper->requests) {
        waits_count++;
    }
    if (waits_count > 0 && free != NULL && !keeper->is_synced) {
        log_make_sync(keeper); /* it is there, but its name may not be durable */
        return;
    }
    uint32_t free_count = 0;
    list_for_each (node, &keeper->files) {
        free_count += CONTAINER_OF(node, struct log_kept_file, in_keeper)->state == LOG_KEPT_FREE;
    }
    bool is_full = atomic_load(&keeper->store->is_full);
    if (waits_count > free_count || (free == NULL && !is_full && log_keeper_wants_spare(keeper))) {
        log_make_start(keeper, log_kept_file_in(keeper, LOG_KEPT_SHORT),
                       log_keeper_is_early(keeper) ? config->journal_first_bytes
                                                   : config->journal_file_bytes);
        return;
    }
    uint64_t bytes_max = 2 * config->unsettled_bytes_max * keeper->shards_count;
    if (keeper->is_begun && free != NULL && !is_full &&
        free->file_bytes < config->journal_file_bytes &&
        keeper->given_count > 2 * keeper->shards_count &&
        keeper->files_bytes + config->journal_file_bytes - free->file_bytes <= bytes_max) {
        log_make_start(keeper, free, config->journal_file_bytes);
    }
}

/* A file is kept ready when lanes have begun to change theirs, but not for one that may never. */
static bool log_keeper_wants_spare(const struct log_keeper *keeper)
{
    return keeper->is_begun && keeper->given_count > 2 * keeper->shards_count;
}

/* --- Letting go --- */

/* Ask the shards to let the oldest files go when there are too many bytes of them, or none for who
 * waits. Where a table alone would do, it is written. */
static void log_keeper_ask(struct log_keeper *keeper)
{
    const struct log_config *config = &keeper->store->config;
    uint64_t bytes_max = 2 * config->unsettled_bytes_max * keeper->shards_count;
    uint64_t excess = keeper->files_bytes > bytes_max ? keeper->files_bytes - bytes_max : 0;
    bool is_short = !list_is_empty(&keeper->requests);
    uint64_t needed = log_keeper_needed(keeper);
    uint32_t idle_count = 0;
    list_for_each (node, &keeper->files) {
        const struct log_kept_file *file = CONTAINER_OF(node, struct log_kept_file, in_keeper);
        idle_count += file->state == LOG_KEPT_GIVEN && file->number < needed;
    }
    bool is_table_enough = is_short || excess > 0 || idle_count > 2 * keeper->shards_count + 2;
    if (idle_count > 0 && is_table_enough && keeper->err == ERR_OK) {
        log_keeper_write(keeper);
        return;
    }
    if (!is_short && excess == 0) {
        return;
    }
    uint64_t target = log_keeper_oldest_given(keeper, excess > 0 ? excess : 1);
    if (target <= keeper->wanted_number) {
        return;
    }
    keeper->wanted_number = target;
    for (uint32_t i = 0; i < keeper->shards_count; i++) {
        struct log_kept_shard *shard = &keeper->shards[i];
        if (!shard->is_asked) {
            shard->is_asked = true;
            shard->file_wanted = target;
            rt_outbox_send(&keeper->ls->mails, i, &shard->mail, log_keeper_asked);
        }
    }
}

/* The number up to which files in use have at least `bytes`; those that lanes write into now are
 * left out. 0: none. */
static uint64_t log_keeper_oldest_given(const struct log_keeper *keeper, uint64_t bytes)
{
    uint64_t newest = atomic_load(&keeper->store->file_number);
    uint64_t lanes = 2ull * keeper->shards_count;
    uint64_t target = 0;
    uint64_t sum = 0;
    while (sum < bytes) {
        const struct log_kept_file *next = NULL;
        list_for_each (node, &keeper->files) {
            const struct log_kept_file *file = CONTAINER_OF(node, struct log_kept_file, in_keeper);
            if (file->state == LOG_KEPT_GIVEN && file->number > target &&
                file->number + lanes <= newest && (next == NULL || file->number < next->number)) {
                next = file;
            }
        }
        if (next == NULL) {
            break;
        }
        target = next->number;
        sum += next->file_bytes;
    }
    return target;
}

static struct log_kept_shard *log_kept_shard_of_mail(struct rt_mail *mail)
{
    return CONTAINER_OF(CONTAINER_OF(mail, struct rt_outbox_mail, mail), struct log_kept_shard,
                        mail);
}

/* On the shard that is asked. */
static void log_keeper_asked(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_kept_shard *shard = log_kept_shard_of_mail(mail);
    struct log_shard *ls = shard->ls;
    ASSERT(ls->shard == at);
    if (ls->is_open && !ls->is_closing) {
        log_settle_want(&ls->settle, shard->file_wanted);
    }
    rt_outbox_send(&ls->mails, 0, &shard->mail, log_keeper_ask_returned);
}

static void log_keeper_ask_returned(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_kept_shard *shard = log_kept_shard_of_mail(mail);
    struct log_keeper *keeper = log_keeper_of(shard->ls->store);
    ASSERT(keeper->ls->shard == at);
    shard->is_asked = false;
    if (shard->file_wanted < keeper->wanted_number && !keeper->is_closing) {
        shard->is_asked = true;
        shard->file_wanted = keeper->wanted_number;
        rt_outbox_send(&keeper->ls->mails, shard->ls->shard->id, &shard->mail, log_keeper_asked);
    }
    log_keeper_close_step(keeper);
}

bool log_keeper_files_is_idle(const struct log_keeper *keeper)
{
    for (uint32_t i = 0; i < keeper->shards_count; i++) {
        if (keeper->shards[i].is_asked) {
            return false;
        }
    }
    return sm_stage(&keeper->make_sm) == LOG_MAKE_IDLE;
}

/* --- Making --- */

void log_keeper_prepare(struct log_shard *ls,
                        void (*prepared)(struct log_shard *ls, enum err err, int saved_errno))
{
    struct log_keeper *keeper = log_keeper_of(ls->store);
    keeper->prepared = prepared;
    log_keeper_plan(keeper);
}

/* Fill `file` (NULL: a new one) with zeros up to `file_bytes`. */
static void log_make_start(struct log_keeper *keeper, struct log_kept_file *file,
                           uint64_t file_bytes)
{
    keeper->make_err = ERR_OK;
    if (file == NULL) {
        keeper->make_err = log_kept_file_new(keeper, keeper->slot_max + 1, &file);
    }
    void *zeros = NULL;
    if (keeper->make_err == ERR_OK) {
        keeper->making = file;
        bool does_grow = file->state == LOG_KEPT_FREE;
        keeper->make_pos = does_grow ? file->file_bytes : 0;
        file->state = does_grow ? LOG_KEPT_GROWING : LOG_KEPT_MAKING;
        keeper->make_bytes = file_bytes;
        uint64_t left = file_bytes - keeper->make_pos;
        keeper->zeros_bytes = left < LOG_MAKE_CHUNK_BYTES ? left : LOG_MAKE_CHUNK_BYTES;
        keeper->make_err =
            budget_alloc(&keeper->ls->budget, keeper->zeros_bytes, LIMIT_BLOCK_BYTES, &zeros);
    }
    keeper->zeros = zeros;
    sm_move(&keeper->make_sm, LOG_MAKE_OPEN);
    if (keeper->make_err != ERR_OK) {
        log_make_end(keeper);
        return;
    }
    log_path_journal(keeper->make_path, keeper->store, file->slot);
    rt_file_open(&keeper->make_file, &keeper->make_op, keeper->ls->shard, keeper->make_path,
                 RT_FILE_WRITE | RT_FILE_CREATE | RT_FILE_DIRECT, 0600);
}

static void log_make_run(struct rt_op *op)
{
    struct log_keeper *keeper = CONTAINER_OF(op, struct log_keeper, make_op);
    if (op->err != ERR_OK && keeper->make_err == ERR_OK) {
        keeper->make_err = op->err;
        keeper->make_errno = op->saved_errno;
    }
    bool does_stop = keeper->make_err != ERR_OK || keeper->is_closing;
    switch (sm_stage(&keeper->make_sm)) {
    case LOG_MAKE_OPEN:
        if (!keeper->make_file.is_open) {
            log_make_end(keeper);
            return;
        }
        if (!does_stop && keeper->make_pos == 0 && keeper->make_file.size_bytes > 0) {
            sm_move(&keeper->make_sm, LOG_MAKE_TRUNCATE);
            rt_file_truncate(&keeper->make_file, op, 0);
            return;
        }
        FALLTHROUGH;
    case LOG_MAKE_TRUNCATE:
    case LOG_MAKE_WRITE:
        if (!does_stop && keeper->make_pos < keeper->make_bytes) {
            log_make_write(keeper);
            return;
        }
        if (!does_stop && keeper->make_is_many) {
            sm_move(&keeper->make_sm, LOG_MAKE_FLUSH);
            rt_file_flush(&keeper->make_file, op);
            return;
        }
        FALLTHROUGH;
    case LOG_MAKE_FLUSH:
        sm_move(&keeper->make_sm, LOG_MAKE_CLOSE);
        rt_file_close(&keeper->make_file, op);
        return;
    case LOG_MAKE_CLOSE:
        if (keeper->make_err == ERR_DISK_FULL && keeper->making->state == LOG_KEPT_MAKING) {
            sm_move(&keeper->make_sm, LOG_MAKE_UNLINK);
            rt_path_unlink(op, keeper->make_path);
        } else if (!does_stop && keeper->making->state == LOG_KEPT_MAKING) {
            log_make_sync(keeper);
        } else {
            log_make_end(keeper);
        }
        return;
    case LOG_MAKE_UNLINK:
    case LOG_MAKE_SYNC: log_make_end(keeper); return;
    default: UNREACHABLE();
    }
}

/* The next zeros. */
static void log_make_write(struct log_keeper *keeper)
{
    uint64_t pos = keeper->make_pos;
    uint64_t left = keeper->make_bytes - pos;
    size_t bytes = left < keeper->zeros_bytes ? (size_t)left : keeper->zeros_bytes;
    if (sm_stage(&keeper->make_sm) != LOG_MAKE_WRITE) {
        keeper->make_is_many = left > bytes;
        sm_move(&keeper->make_sm, LOG_MAKE_WRITE);
    }
    keeper->make_pos += bytes;
    if (keeper->make_is_many) {
        rt_file_write(&keeper->make_file, &keeper->make_op, keeper->zeros, bytes, pos);
    } else {
        keeper->make_iov = (struct iovec){keeper->zeros, bytes};
        rt_file_write_durable(&keeper->make_file, &keeper->make_op, &keeper->make_iov, 1, pos);
    }
}

/* Make the names of all files durable. */
static void log_make_sync(struct log_keeper *keeper)
{
    const struct log_config *config = &keeper->store->config;
    sm_move(&keeper->make_sm, LOG_MAKE_SYNC);
    int length = config->journal_dir != NULL
                     ? snprintf(keeper->make_path, LIMIT_PATH_BYTES, "%s", config->journal_dir)
                     : snprintf(keeper->make_path, LIMIT_PATH_BYTES, "%s/journal", config->dir);
    ASSERT(length > 0 && length < (int)LIMIT_PATH_BYTES);
    rt_path_sync_dir(&keeper->make_op, keeper->make_path);
}

/* It is made, or not; who waits is told. */
static void log_make_end(struct log_keeper *keeper)
{
    struct log_kept_file *file = keeper->making;
    bool is_synced = sm_stage(&keeper->make_sm) == LOG_MAKE_SYNC && keeper->make_err == ERR_OK;
    bool is_unlinked = sm_stage(&keeper->make_sm) == LOG_MAKE_UNLINK;
    sm_move(&keeper->make_sm, LOG_MAKE_IDLE);
    budget_free(&keeper->ls->budget, keeper->zeros);
    keeper->zeros = NULL;
    keeper->making = NULL;
    keeper->is_synced |= is_synced;
    if (file != NULL && keeper->make_err == ERR_OK && keeper->make_pos == keeper->make_bytes) {
        keeper->files_bytes += keeper->make_bytes - file->file_bytes;
        file->file_bytes = keeper->make_bytes;
        file->state = LOG_KEPT_FREE;
    } else if (file != NULL && is_unlinked) {
        keeper->files_bytes -= file->file_bytes;
        list_remove(&file->in_keeper);
        pool_release(&keeper->files_pool, file);
    } else if (file != NULL && file->state == LOG_KEPT_MAKING) {
        file->state = LOG_KEPT_SHORT;
    } else if (file != NULL) {
        file->state = LOG_KEPT_FREE; /* it has not grown */
    }
    bool is_full = keeper->make_err == ERR_DISK_FULL && !keeper->ls->is_closing;
    bool is_released = is_full && log_keeper_space_full(keeper);
    if (keeper->prepared != NULL && !(is_released && !keeper->is_make_retried)) {
        void (*prepared)(struct log_shard *, enum err, int) = keeper->prepared;
        keeper->prepared = NULL;
        prepared(keeper->ls, keeper->make_err, keeper->make_errno);
        return; /* the keeper may have been closed */
    }
    keeper->is_make_retried = true;
    bool is_passing = err_is_retriable(keeper->make_err) && !keeper->ls->is_closing;
    if (is_passing) {
        bool is_looked_at = is_full && keeper->is_begun; /* the space is */
        if (!is_looked_at && !list_is_empty(&keeper->requests)) {
            rt_timer_start(&keeper->make_timer, rt_now_ns(keeper->ls->shard) + LOG_MAKE_RETRY_NS);
        }
    } else if (keeper->make_err != ERR_OK) {
        log_keeper_refuse(keeper, keeper->make_err, keeper->make_errno);
    } else {
        log_keeper_files_serve(keeper);
    }
    log_keeper_close_step(keeper);
}

static void log_make_again(struct rt_timer *timer)
{
    log_keeper_files_serve(CONTAINER_OF(timer, struct log_keeper, make_timer));
}
