/* Names on a simulated disk: directories, and their changes that are not durable yet. See
 * sim_disk.h.
 *
 * Every directory has its names twice: as readers see them, and as a crash certainly leaves them.
 * A change is made to the first at once and stands in disk->changes until it is made to the second,
 * by a sync of its directory or by the luck of a crash. The changes of one directory are made in
 * their order; a rename between two directories stands in both orders, so that whatever makes it
 * durable takes along what came before it in either. */
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim_disk_int.h"

/* What a path leads to. */
struct sim_place {
    struct sim_inode *dir;           /* the directory it ends in; NULL: the path is the root */
    struct sim_inode *inode;         /* what it names there, NULL: nothing */
    char name[LIMIT_PATH_BYTES + 1]; /* its last part */
};

static enum err sim_place_find(struct sim_disk *disk, const char *path, bool is_durable,
                               struct sim_place *place);
static const char *sim_path_next(const char *path, size_t *length);
static uint32_t sim_names_index(const struct sim_names *names, const char *name, size_t length);
static enum err sim_disk_strike_names(struct sim_disk *disk, const char *path, bool takes_room);
static enum err sim_disk_remove(struct sim_disk *disk, const char *path, bool is_dir);
static enum err sim_rename_check(struct sim_disk *disk, const struct sim_place *from,
                                 const struct sim_place *to);
static bool sim_disk_is_within(const struct sim_inode *dir, const struct sim_inode *inode);
static void sim_change_apply(struct sim_disk *disk, const struct sim_change *change);
static void sim_walk(struct sim_inode *dir, char *path, size_t length,
                     void (*visit)(void *ctx, const char *path), void *ctx);

struct sim_inode *sim_disk_inode_new(struct sim_disk *disk, uint64_t id, bool is_dir)
{
    struct sim_inode *inode = sim_inode_new(disk->store, id, is_dir);
    if (is_dir) {
        inode->names = sim_store_alloc(disk->store, sizeof(*inode->names));
        inode->durable_names = sim_store_alloc(disk->store, sizeof(*inode->durable_names));
    }
    list_push_back(&disk->inodes, &inode->in_disk);
    return inode;
}

void sim_disk_inode_ref(struct sim_inode *inode)
{
    inode->refs_count++;
}

void sim_disk_inode_unref(struct sim_disk *disk, struct sim_inode *inode)
{
    ASSERT(inode->refs_count > 0);
    inode->refs_count--;
    if (inode->refs_count > 0) {
        return;
    }
    list_remove(&inode->in_disk);
    disk->stats.used_bytes -= inode->latest.pages_count * SIM_PAGE_BYTES;
    if (inode->is_dir) {
        sim_names_clear(disk, inode->names);
        sim_names_clear(disk, inode->durable_names);
        sim_store_free(disk->store, inode->names);
        sim_store_free(disk->store, inode->durable_names);
    }
    sim_inode_free(inode);
}

struct sim_inode *sim_names_find(const struct sim_names *names, const char *name, size_t length)
{
    uint32_t index = sim_names_index(names, name, length);
    if (index < names->count && strncmp(names->entries[index].name, name, length) == 0 &&
        names->entries[index].name[length] == '\0') {
        return names->entries[index].inode;
    }
    return NULL;
}

void sim_names_put(struct sim_disk *disk, struct sim_names *names, const char *name,
                   struct sim_inode *inode)
{
    sim_disk_inode_ref(inode);
    sim_names_remove(disk, names, name);
    if (names->count == names->capacity) {
        uint32_t capacity = names->capacity * 2 + 8;
        struct sim_entry *entries =
            sim_store_alloc(disk->store, capacity * sizeof(names->entries[0]));
        if (names->entries != NULL) {
            memcpy(entries, names->entries, names->count * sizeof(entries[0]));
            sim_store_free(disk->store, names->entries);
        }
        names->entries = entries;
        names->capacity = capacity;
    }
    uint32_t index = sim_names_index(names, name, strlen(name));
    struct sim_entry *entry = &names->entries[index];
    memmove(entry + 1, entry, (names->count - index) * sizeof(*entry));
    *entry = (struct sim_entry){.name = sim_disk_strdup(disk, name), .inode = inode};
    names->count++;
}

void sim_names_remove(struct sim_disk *disk, struct sim_names *names, const char *name)
{
    if (sim_names_find(names, name, strlen(name)) == NULL) {
        return;
    }
    uint32_t index = sim_names_index(names, name, strlen(name));
    struct sim_entry *entry = &names->entries[index];
    struct sim_inode *inode = entry->inode;
    sim_store_free(disk->store, entry->name);
    names->count--;
    memmove(entry, entry + 1, (names->count - index) * sizeof(*entry));
    sim_disk_inode_unref(disk, inode);
}

void sim_names_clear(struct sim_disk *disk, struct sim_names *names)
{
    while (names->count > 0) {
        sim_names_remove(disk, names, names->entries[names->count - 1].name);
    }
    sim_store_free(disk->store, names->entries);
    *names = (struct sim_names){0};
}

struct sim_inode *sim_disk_lookup(struct sim_disk *disk, const char *path, bool is_durable)
{
    struct sim_place place;
    return sim_place_find(disk, path, is_durable, &place) == ERR_OK ? place.inode : NULL;
}

enum err sim_disk_create(struct sim_disk *disk, const char *path, uint32_t flags,
                         struct sim_inode **out)
{
    struct sim_place place;
    enum err err = sim_place_find(disk, path, false, &place);
    if (err == ERR_OK && place.inode == NULL && (flags & RT_FILE_CREATE) == 0) {
        err = ERR_NOT_FOUND;
    }
    if (err == ERR_OK && place.inode == NULL) {
        err = sim_disk_strike_names(disk, path, true);
    }
    if (err != ERR_OK) {
        return err;
    }
    ASSERT(place.inode == NULL);
    struct sim_inode *inode = sim_disk_inode_new(disk, ++disk->ids_count, false);
    sim_names_put(disk, place.dir->names, place.name, inode);
    sim_change_add(disk, ++disk->sequence, inode, NULL, NULL, place.dir, place.name);
    sim_disk_mutated(disk, RT_OP_FILE_OPEN, path, 0, 0);
    *out = inode;
    return ERR_OK;
}

enum err sim_disk_mkdir(struct sim_disk *disk, const char *path)
{
    struct sim_place place;
    enum err err = sim_place_find(disk, path, false, &place);
    if (err == ERR_OK && place.inode != NULL) {
        err = ERR_EXISTS;
    }
    if (err == ERR_OK) {
        err = sim_disk_strike_names(disk, path, true);
    }
    if (err != ERR_OK) {
        return err;
    }
    struct sim_inode *inode = sim_disk_inode_new(disk, ++disk->ids_count, true);
    sim_names_put(disk, place.dir->names, place.name, inode);
    sim_change_add(disk, ++disk->sequence, inode, NULL, NULL, place.dir, place.name);
    sim_disk_mutated(disk, RT_OP_PATH_MKDIR, path, 0, 0);
    return ERR_OK;
}

enum err sim_disk_unlink(struct sim_disk *disk, const char *path)
{
    return sim_disk_remove(disk, path, false);
}

enum err sim_disk_rmdir(struct sim_disk *disk, const char *path)
{
    return sim_disk_remove(disk, path, true);
}

enum err sim_disk_rename(struct sim_disk *disk, const char *path, const char *path_to)
{
    struct sim_place from;
    struct sim_place to;
    enum err err = sim_place_find(disk, path, false, &from);
    if (err == ERR_OK) {
        err = sim_place_find(disk, path_to, false, &to);
    }
    if (err == ERR_OK) {
        err = sim_rename_check(disk, &from, &to);
    }
    if (err != ERR_OK || from.inode == to.inode) {
        return err;
    }
    err = sim_disk_strike_names(disk, path, false);
    if (err != ERR_OK) {
        return err;
    }
    sim_change_add(disk, ++disk->sequence, from.inode, from.dir, from.name, to.dir, to.name);
    sim_names_put(disk, to.dir->names, to.name, from.inode);
    sim_names_remove(disk, from.dir->names, from.name);
    sim_disk_mutated(disk, RT_OP_PATH_RENAME, path, 0, 0);
    return ERR_OK;
}

enum err sim_disk_list(struct sim_disk *disk, const char *path, struct rt_dir_list *list)
{
    struct sim_place place;
    enum err err = sim_place_find(disk, path, false, &place);
    if (err != ERR_OK || place.inode == NULL) {
        return err != ERR_OK ? err : ERR_NOT_FOUND;
    }
    if (!place.inode->is_dir) {
        return ERR_INVALID;
    }
    const struct sim_names *names = place.inode->names;
    size_t bytes = 0;
    for (uint32_t i = 0; i < names->count; i++) {
        bytes += strlen(names->entries[i].name) + 1;
    }
    if (bytes > list->names_max) {
        return ERR_TOO_LARGE;
    }
    char *out = list->names;
    for (uint32_t i = 0; i < names->count; i++) {
        size_t length = strlen(names->entries[i].name) + 1;
        memcpy(out, names->entries[i].name, length);
        out += length;
    }
    list->names_bytes = bytes;
    list->count = names->count;
    return ERR_OK;
}

enum err sim_disk_sync_dir(struct sim_disk *disk, const char *path, uint64_t through)
{
    struct sim_inode *dir = sim_disk_lookup(disk, path, false);
    if (dir == NULL || !dir->is_dir) {
        return dir == NULL ? ERR_NOT_FOUND : ERR_INVALID;
    }
    enum err err = ERR_OK;
    if (sim_disk_strikes(disk, SIM_FAULT_FLUSH_ERROR, path, 0)) {
        err = ERR_IO;
        through = prng_range(&disk->prng, 0, through);
    }
    dir->chosen_through = through;
    sim_changes_land(disk);
    sim_disk_mutated(disk, RT_OP_PATH_SYNC_DIR, path, 0, 0);
    return err;
}

void sim_disk_walk(struct sim_disk *disk, void (*visit)(void *ctx, const char *path), void *ctx)
{
    char path[LIMIT_PATH_BYTES + 2] = "/";
    sim_walk(disk->root, path, 1, visit, ctx);
}

char *sim_disk_strdup(struct sim_disk *disk, const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(sim_store_alloc(disk->store, bytes), text, bytes);
}

struct sim_change *sim_change_add(struct sim_disk *disk, uint64_t sequence, struct sim_inode *inode,
                                  struct sim_inode *from, const char *name_from,
                                  struct sim_inode *to, const char *name_to)
{
    struct sim_change *change = sim_store_alloc(disk->store, sizeof(*change));
    change->sequence = sequence;
    change->inode = inode;
    sim_disk_inode_ref(inode);
    if (from != NULL) {
        change->from = from;
        change->name_from = sim_disk_strdup(disk, name_from);
        sim_disk_inode_ref(from);
    }
    if (to != NULL) {
        change->to = to;
        change->name_to = sim_disk_strdup(disk, name_to);
        sim_disk_inode_ref(to);
    }
    list_push_back(&disk->changes, &change->in_disk);
    return change;
}

void sim_change_free(struct sim_disk *disk, struct sim_change *change)
{
    list_remove(&change->in_disk);
    sim_store_free(disk->store, change->name_from);
    sim_store_free(disk->store, change->name_to);
    if (change->from != NULL) {
        sim_disk_inode_unref(disk, change->from);
    }
    if (change->to != NULL) {
        sim_disk_inode_unref(disk, change->to);
    }
    sim_disk_inode_unref(disk, change->inode);
    sim_store_free(disk->store, change);
}

void sim_changes_land(struct sim_disk *disk)
{
    const struct list *changes = &disk->changes;
    for (struct list_node *node = changes->head.prev; node != &changes->head; node = node->prev) {
        struct sim_change *change = CONTAINER_OF(node, struct sim_change, in_disk);
        struct sim_inode *dirs[2] = {change->from, change->to};
        for (size_t i = 0; i < 2; i++) {
            change->is_chosen |= dirs[i] != NULL && dirs[i]->chosen_through >= change->sequence;
        }
        for (size_t i = 0; i < 2 && change->is_chosen; i++) {
            if (dirs[i] != NULL && dirs[i]->chosen_through < change->sequence) {
                dirs[i]->chosen_through = change->sequence;
            }
        }
    }
    list_for_each (node, changes) {
        struct sim_change *change = CONTAINER_OF(node, struct sim_change, in_disk);
        if (change->is_chosen) {
            sim_change_apply(disk, change);
        }
    }
    list_for_each (node, &disk->inodes) {
        CONTAINER_OF(node, struct sim_inode, in_disk)->chosen_through = 0;
    }
    list_for_each_safe (node, following, changes) {
        struct sim_change *change = CONTAINER_OF(node, struct sim_change, in_disk);
        if (change->is_chosen) {
            sim_change_free(disk, change);
        }
    }
}

/* Follow `path`. ERR_NOT_FOUND: a directory on the way is missing; ERR_INVALID: a file is on the
 * way, or "..". */
static enum err sim_place_find(struct sim_disk *disk, const char *path, bool is_durable,
                               struct sim_place *place)
{
    *place = (struct sim_place){.inode = disk->root};
    size_t length;
    while ((path = sim_path_next(path, &length)) != NULL) {
        if (length > LIMIT_PATH_BYTES || (length == 2 && memcmp(path, "..", 2) == 0)) {
            return ERR_INVALID;
        }
        if (place->inode == NULL) {
            return ERR_NOT_FOUND;
        }
        if (!place->inode->is_dir) {
            return ERR_INVALID;
        }
        place->dir = place->inode;
        memcpy(place->name, path, length);
        place->name[length] = '\0';
        const struct sim_names *names = is_durable ? place->dir->durable_names : place->dir->names;
        place->inode = sim_names_find(names, path, length);
        path += length;
    }
    return ERR_OK;
}

/* The next part of a path that is not empty or "."; NULL at its end. */
static const char *sim_path_next(const char *path, size_t *length)
{
    for (;;) {
        path += strspn(path, "/");
        *length = strcspn(path, "/");
        if (*length == 0) {
            return NULL;
        }
        if (*length != 1 || *path != '.') {
            return path;
        }
        path += *length;
    }
}

/* The first entry whose name is not less. */
static uint32_t sim_names_index(const struct sim_names *names, const char *name, size_t length)
{
    uint32_t low = 0;
    uint32_t high = names->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strncmp(names->entries[middle].name, name, length) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What may keep a change of names from happening. */
static enum err sim_disk_strike_names(struct sim_disk *disk, const char *path, bool takes_room)
{
    if (takes_room && sim_disk_strikes(disk, SIM_FAULT_DISK_FULL, path, 0)) {
        return ERR_DISK_FULL;
    }
    return sim_disk_strikes(disk, SIM_FAULT_WRITE_ERROR, path, 0) ? ERR_IO : ERR_OK;
}

static enum err sim_disk_remove(struct sim_disk *disk, const char *path, bool is_dir)
{
    struct sim_place place;
    enum err err = sim_place_find(disk, path, false, &place);
    if (err != ERR_OK || place.inode == NULL) {
        return err != ERR_OK ? err : ERR_NOT_FOUND;
    }
    if (place.dir == NULL || place.inode->is_dir != is_dir) {
        return ERR_INVALID;
    }
    if (is_dir && place.inode->names->count > 0) {
        return ERR_EXISTS;
    }
    err = sim_disk_strike_names(disk, path, false);
    if (err != ERR_OK) {
        return err;
    }
    sim_change_add(disk, ++disk->sequence, place.inode, place.dir, place.name, NULL, NULL);
    sim_names_remove(disk, place.dir->names, place.name);
    sim_disk_mutated(disk, is_dir ? RT_OP_PATH_RMDIR : RT_OP_PATH_UNLINK, path, 0, 0);
    return ERR_OK;
}

/* rename(2)'s rules: a file replaces a file, a directory an empty directory, and none goes below
 * itself. */
static enum err sim_rename_check(struct sim_disk *disk, const struct sim_place *from,
                                 const struct sim_place *to)
{
    (void)disk;
    if (from->inode == NULL) {
        return ERR_NOT_FOUND;
    }
    if (from->dir == NULL || to->dir == NULL || sim_disk_is_within(from->inode, to->dir)) {
        return ERR_INVALID;
    }
    if (to->inode != NULL && to->inode->is_dir != from->inode->is_dir) {
        return ERR_INVALID;
    }
    if (to->inode != NULL && to->inode != from->inode && to->inode->is_dir &&
        to->inode->names->count > 0) {
        return ERR_EXISTS;
    }
    return ERR_OK;
}

/* Whether `inode` is `dir` or below it. */
static bool sim_disk_is_within(const struct sim_inode *dir, const struct sim_inode *inode)
{
    if (dir == inode) {
        return true;
    }
    for (uint32_t i = 0; dir->is_dir && i < dir->names->count; i++) {
        if (sim_disk_is_within(dir->names->entries[i].inode, inode)) {
            return true;
        }
    }
    return false;
}

static void sim_change_apply(struct sim_disk *disk, const struct sim_change *change)
{
    if (change->to != NULL) {
        sim_names_put(disk, change->to->durable_names, change->name_to, change->inode);
    }
    if (change->from != NULL) {
        sim_names_remove(disk, change->from->durable_names, change->name_from);
    }
}

static void sim_walk(struct sim_inode *dir, char *path, size_t length,
                     void (*visit)(void *ctx, const char *path), void *ctx)
{
    for (uint32_t i = 0; i < dir->names->count; i++) {
        const struct sim_entry *entry = &dir->names->entries[i];
        size_t name_length = strlen(entry->name);
        if (length + name_length + 1 > LIMIT_PATH_BYTES) {
            continue; /* nobody can open it either */
        }
        memcpy(path + length, entry->name, name_length);
        size_t end = length + name_length;
        path[end] = entry->inode->is_dir ? '/' : '\0';
        path[end + 1] = '\0';
        visit(ctx, path);
        if (entry->inode->is_dir) {
            sim_walk(entry->inode, path, end + 1, visit, ctx);
        }
    }
}
