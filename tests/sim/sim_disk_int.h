/* The inside of a simulated disk, for sim_disk*.c. */
#ifndef TESTS_SIM_SIM_DISK_INT_H
#define TESTS_SIM_SIM_DISK_INT_H

#include "base/limits.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_inode.h"

/* A name in a directory. */
struct sim_entry {
    char *name;              /* owned */
    struct sim_inode *inode; /* what it names; counts */
};

/* The names of a directory, sorted bytewise. */
struct sim_names {
    struct sim_entry *entries; /* count of them, room for capacity; owned */
    uint32_t count;
    uint32_t capacity;
};

/* A change of names that is not durable yet: `inode` loses its name in `from` (if any), then gets
 * one in `to` (if any), replacing what had it. All that it points to counts. */
struct sim_change {
    struct list_node in_disk; /* sim_disk.changes: oldest first */
    uint64_t sequence;        /* of the operation */
    bool is_chosen;           /* sync, crash: it happens */
    struct sim_inode *inode;
    struct sim_inode *from;
    struct sim_inode *to;
    char *name_from; /* owned */
    char *name_to;   /* owned */
};

/* An open file. */
struct sim_handle {
    struct list_node in_disk; /* sim_disk.handles, in the order they were opened */
    struct sim_disk *disk;
    struct sim_inode *inode;         /* counts */
    bool is_direct;                  /* passes the cache by */
    bool is_lock_shared;             /* holds the advisory lock with others */
    bool is_lock_exclusive;          /* holds it alone */
    char path[LIMIT_PATH_BYTES + 1]; /* it was opened by */
};

struct sim_disk {
    struct sim_store *store; /* where the bytes are */
    struct sim_disk_options options;
    struct sim_disk_stats stats;
    struct prng prng;                  /* draws faults and delays */
    uint32_t planted[SIM_FAULT_COUNT]; /* strikes that are still to come */
    struct sim_inode *root;            /* "/" */
    struct list inodes;                /* sim_inode.in_disk: by id */
    struct list changes;               /* sim_change.in_disk */
    struct list handles;               /* sim_handle.in_disk */
    uint64_t ids_count;                /* inodes ever made */
    uint64_t sequence;                 /* operations that changed content or names */
    void (*watch)(void *ctx, struct sim_disk *disk, const struct sim_mutation *m);
    void *watch_ctx;
    void (*on_fault)(void *ctx, enum sim_fault fault, const char *path, uint64_t pos);
    void *on_fault_ctx;
};

/* A new inode of `disk` without a reference; of the given `id` for a clone. */
struct sim_inode *sim_disk_inode_new(struct sim_disk *disk, uint64_t id, bool is_dir);

/* One reference more; one less, which may end it and what it names. */
void sim_disk_inode_ref(struct sim_inode *inode);
void sim_disk_inode_unref(struct sim_disk *disk, struct sim_inode *inode);

/* What `name` (of `length` bytes) names, NULL: nothing. Put it (counting) in place of what was
 * there; take it out. */
struct sim_inode *sim_names_find(const struct sim_names *names, const char *name, size_t length);
void sim_names_put(struct sim_disk *disk, struct sim_names *names, const char *name,
                   struct sim_inode *inode);
void sim_names_remove(struct sim_disk *disk, struct sim_names *names, const char *name);
void sim_names_clear(struct sim_disk *disk, struct sim_names *names);

/* The file or directory that `path` names in what readers see, or in what is durable. */
struct sim_inode *sim_disk_lookup(struct sim_disk *disk, const char *path, bool is_durable);

/* Make the file `path`, if `flags` (enum rt_file_flags) allow. */
enum err sim_disk_create(struct sim_disk *disk, const char *path, uint32_t flags,
                         struct sim_inode **out);

/* A copy of a string in the disk's store. */
char *sim_disk_strdup(struct sim_disk *disk, const char *text);

/* A new change at the end of disk->changes; names are copied, NULL stays NULL. */
struct sim_change *sim_change_add(struct sim_disk *disk, uint64_t sequence, struct sim_inode *inode,
                                  struct sim_inode *from, const char *name_from,
                                  struct sim_inode *to, const char *name_to);

/* Forget it. */
void sim_change_free(struct sim_disk *disk, struct sim_change *change);

/* Make durable, in order, what each directory's chosen_through says, and what that needs: all
 * earlier changes of the directories touched. */
void sim_changes_land(struct sim_disk *disk);

/* Whether `fault` strikes now at `path` and `pos`; counts it. */
bool sim_disk_strikes(struct sim_disk *disk, enum sim_fault fault, const char *path, uint64_t pos);

/* Faults at rest within a read, before it happens. */
void sim_disk_strike_read(struct sim_handle *handle, uint64_t pos, uint64_t length);

/* The first bytes of a write land somewhere else. */
void sim_disk_misdirect(struct sim_handle *handle, const struct iovec *iov, uint64_t length);

/* Recount what files take. */
void sim_disk_count_used(struct sim_disk *disk);

/* Tell the watcher of a change. */
void sim_disk_mutated(struct sim_disk *disk, enum rt_op_kind kind, const char *path, uint64_t pos,
                      uint64_t length);

#endif
