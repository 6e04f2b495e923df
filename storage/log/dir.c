/* A partition's directory. See dir.h. */
#include "storage/log/dir.h"

#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "storage/log/shard.h"

/* Room for names at first: some 500 files. */
#define LOG_DIR_NAMES_BYTES (16u << 10)

/* <first index>-<generation>.<kind> */
#define LOG_DIR_INDEX_DIGITS      16u
#define LOG_DIR_GENERATION_DIGITS 8u
#define LOG_DIR_STEM              (LOG_DIR_INDEX_DIGITS + 1 + LOG_DIR_GENERATION_DIGITS)

static enum err log_dir_room(struct log_dir *dir, size_t names_max);
static void log_dir_done(struct rt_op *op);
static void log_dir_listed(struct log_dir *dir);
static enum err log_dir_parse(struct log_dir *dir);
static bool log_dir_name(const char *name, struct log_dir_file *out);
static bool log_dir_stem(const char *name, struct log_dir_file *out);
static bool log_dir_hex(const char *text, size_t digits, uint64_t *out);
static void log_dir_clean_next(struct log_dir *dir);
static bool log_dir_clean_new(struct log_dir *dir);
static void log_dir_removed(struct log_dir *dir);

void log_dir_init(struct log_dir *dir, struct log *log, void (*done)(struct log_dir *))
{
    *dir = (struct log_dir){.log = log, .done = done};
    rt_op_init(&dir->op, log->ls->shard, log_dir_done);
}

void log_dir_deinit(struct log_dir *dir)
{
    ASSERT(rt_op_is_idle(&dir->op));
    budget_free(&dir->log->ls->budget, dir->list.names);
    budget_free(&dir->log->ls->budget, dir->files);
    dir->list.names = NULL;
    dir->files = NULL;
}

/* --- Listing --- */

void log_dir_list(struct log_dir *dir)
{
    ASSERT(rt_op_is_idle(&dir->op));
    dir->files_count = 0;
    dir->err = dir->list.names != NULL ? ERR_OK : log_dir_room(dir, LOG_DIR_NAMES_BYTES);
    if (dir->err != ERR_OK) {
        rt_op_defer(&dir->op);
        return;
    }
    log_path_partition(dir->path, dir->log->ls->store, &dir->log->topic, dir->log->partition);
    rt_path_list(&dir->op, dir->path, &dir->list);
}

static enum err log_dir_room(struct log_dir *dir, size_t names_max)
{
    void *names = NULL;
    budget_free(&dir->log->ls->budget, dir->list.names);
    dir->list = (struct rt_dir_list){0};
    enum err err = budget_alloc(&dir->log->ls->budget, names_max, 1, &names);
    if (err == ERR_OK) {
        dir->list.names = names;
        dir->list.names_max = names_max;
    }
    return err;
}

static void log_dir_done(struct rt_op *op)
{
    struct log_dir *dir = CONTAINER_OF(op, struct log_dir, op);
    if (op->kind == RT_OP_PATH_LIST) {
        log_dir_listed(dir);
    } else if (op->kind == RT_OP_PATH_UNLINK) {
        log_dir_removed(dir);
    } else {
        dir->done(dir); /* deferred: it has ended already */
    }
}

static void log_dir_listed(struct log_dir *dir)
{
    enum err err = dir->op.err;
    if (err == ERR_TOO_LARGE) {
        err = log_dir_room(dir, dir->list.names_max * 2);
        if (err == ERR_OK) {
            rt_path_list(&dir->op, dir->path, &dir->list);
            return;
        }
    } else if (err == ERR_OK) {
        err = log_dir_parse(dir);
    } else if (err == ERR_NOT_FOUND) {
        err = ERR_OK;
    }
    dir->err = err;
    dir->saved_errno = err != ERR_OK ? dir->op.saved_errno : 0;
    dir->done(dir);
}

/* Names are sorted bytewise, hence by first index and generation, the files of one together. */
static enum err log_dir_parse(struct log_dir *dir)
{
    struct budget *budget = &dir->log->ls->budget;
    if (dir->files_max < dir->list.count) {
        void *files = NULL;
        budget_free(budget, dir->files);
        dir->files = NULL;
        dir->files_max = 0;
        enum err err =
            budget_alloc(budget, dir->list.count * sizeof(*dir->files), sizeof(uint64_t), &files);
        if (err != ERR_OK) {
            return err;
        }
        dir->files = files;
        dir->files_max = dir->list.count;
    }
    const char *name = dir->list.names;
    for (uint32_t i = 0; i < dir->list.count; i++, name += strlen(name) + 1) {
        struct log_dir_file file;
        struct log_dir_file *last = dir->files_count > 0 ? &dir->files[dir->files_count - 1] : NULL;
        if (!log_dir_name(name, &file)) {
            continue;
        }
        if (last != NULL && last->first_index == file.first_index &&
            last->generation == file.generation) {
            last->kinds |= file.kinds;
        } else {
            ASSERT(dir->files_count < dir->files_max);
            dir->files[dir->files_count++] = file;
        }
    }
    return ERR_OK;
}

static bool log_dir_name(const char *name, struct log_dir_file *out)
{
    static const struct {
        const char *suffix;
        uint8_t kind;
    } kinds[] = {{".log", LOG_DIR_LOG}, {".idx", LOG_DIR_IDX}, {".snap", LOG_DIR_SNAP}};
    bool is_ours = log_dir_stem(name, out);
    for (size_t i = 0; is_ours && i < ARRAY_COUNT(kinds); i++) {
        if (strcmp(name + LOG_DIR_STEM, kinds[i].suffix) == 0) {
            out->kinds = kinds[i].kind;
        }
    }
    return out->kinds != 0;
}

/* First index and generation, whatever follows them. */
static bool log_dir_stem(const char *name, struct log_dir_file *out)
{
    uint64_t generation = 0;
    *out = (struct log_dir_file){0};
    if (strlen(name) <= LOG_DIR_STEM || name[LOG_DIR_INDEX_DIGITS] != '-' ||
        !log_dir_hex(name, LOG_DIR_INDEX_DIGITS, &out->first_index) ||
        !log_dir_hex(name + LOG_DIR_INDEX_DIGITS + 1, LOG_DIR_GENERATION_DIGITS, &generation)) {
        return false;
    }
    out->generation = (uint32_t)generation;
    return out->first_index >= 1 && out->first_index <= LOG_NUMBER_MAX;
}

static bool log_dir_hex(const char *text, size_t digits, uint64_t *out)
{
    static const char hex[] = "0123456789abcdef";
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        const char *digit = memchr(hex, text[i], sizeof(hex) - 1);
        if (digit == NULL) {
            return false;
        }
        *out = *out << 4 | (uint64_t)(digit - hex);
    }
    return true;
}

bool log_dir_has(const struct log_dir *dir, uint64_t first_index, uint32_t generation)
{
    for (uint32_t i = 0; i < dir->files_count; i++) {
        const struct log_dir_file *file = &dir->files[i];
        if (file->first_index == first_index && file->generation == generation &&
            (file->kinds & LOG_DIR_IDX) != 0) {
            return true;
        }
    }
    return false;
}

/* --- Removing --- */

void log_dir_clean(struct log_dir *dir)
{
    ASSERT(rt_op_is_idle(&dir->op));
    dir->at = 0;
    dir->new_at = 0;
    dir->err = ERR_OK;
    dir->removed_count = 0;
    log_dir_clean_next(dir);
}

static void log_dir_clean_next(struct log_dir *dir)
{
    static const struct {
        uint8_t kind;
        const char *suffix;
    } order[] = {{LOG_DIR_SNAP, "snap"}, {LOG_DIR_IDX, "idx"}, {LOG_DIR_LOG, "log"}};
    for (; dir->at < dir->files_count; dir->at++) {
        struct log_dir_file *file = &dir->files[dir->at];
        struct log_segment key = {
            .log = dir->log,
            .start = {.index = file->first_index},
            .generation = file->generation,
        };
        if (file->is_void) {
            log_files_forget_segment(&key);
        }
        for (size_t i = 0; file->is_void && i < ARRAY_COUNT(order); i++) {
            if ((file->kinds & order[i].kind) != 0) {
                file->kinds &= (uint8_t)~order[i].kind;
                log_path_segment(dir->path, dir->log, file->first_index, file->generation,
                                 order[i].suffix);
                rt_path_unlink(&dir->op, dir->path);
                return;
            }
        }
    }
    if (!log_dir_clean_new(dir)) {
        rt_op_defer(&dir->op);
    }
}

/* Remove the next .log.new or .idx.new, unless one is being written. False: there is none. */
static bool log_dir_clean_new(struct log_dir *dir)
{
    static const enum log_file_kind kinds[] = {LOG_FILE_LOG_NEW, LOG_FILE_IDX_NEW};
    const struct log *log = dir->log;
    while (log->apart == NULL && dir->new_at < dir->list.names_bytes) {
        const char *name = dir->list.names + dir->new_at;
        struct log_dir_file file;
        dir->new_at += strlen(name) + 1;
        for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
            if (log_dir_stem(name, &file) &&
                strcmp(name + LOG_DIR_STEM + 1, log_file_suffix(kinds[i])) == 0) {
                log_path_segment(dir->path, log, file.first_index, file.generation,
                                 log_file_suffix(kinds[i]));
                rt_path_unlink(&dir->op, dir->path);
                return true;
            }
        }
    }
    return false;
}

static void log_dir_removed(struct log_dir *dir)
{
    enum err err = dir->op.err;
    if (err == ERR_OK) {
        dir->removed_count++;
    } else if (err != ERR_NOT_FOUND && dir->log->ls->diag != NULL) {
        DIAG_WARN(dir->log->ls->diag, "log", "a void file stays", DIAG_STRING("file", dir->path),
                  DIAG_ERR("error", err));
    }
    log_dir_clean_next(dir);
}
