/* Crashes of a simulated disk, and copies of it. See sim_disk.h.
 *
 * A crash draws once what kind of luck there was (sim_survival), for all files alike or for each
 * its own, so that "everything survived", "nothing survived" and "writes overtook each other" all
 * happen often; independent coins per sector would hardly ever give the first two. Names go the
 * same way, but only by prefixes of each directory's changes. */
#include "base/assert.h"
#include "tests/sim/sim_disk_int.h"

static void sim_crash_names(struct sim_disk *disk, enum sim_survival survival, struct prng *prng);
static void sim_crash_take_durable(struct sim_disk *disk);
static void sim_crash_reach(struct sim_inode *dir);
static void sim_names_copy(struct sim_disk *to, struct sim_names *copy,
                           const struct sim_names *names);
static struct sim_inode *sim_twin(struct sim_inode *inode);

void sim_disk_crash(struct sim_disk *disk, enum sim_crash how, struct prng *prng)
{
    list_for_each_safe (node, following, &disk->handles) {
        sim_disk_close(CONTAINER_OF(node, struct sim_handle, in_disk));
    }
    if (how == SIM_CRASH_KEEP) {
        return;
    }
    disk->stats.crashes_count++;
    /* One more than there are: each file has luck of its own. */
    uint64_t luck = prng_below(prng, SIM_SURVIVAL_COUNT + 1);
    luck = how == SIM_CRASH_LOSE ? SIM_SURVIVE_NONE : luck;
    bool is_mixed = luck == SIM_SURVIVAL_COUNT;
    sim_crash_names(disk, is_mixed ? SIM_SURVIVE_SECTORS : (enum sim_survival)luck, prng);
    sim_crash_take_durable(disk);
    list_for_each (node, &disk->inodes) {
        struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        if (!inode->is_dir) {
            uint64_t own = is_mixed ? prng_below(prng, SIM_SURVIVAL_COUNT) : luck;
            sim_inode_crash(inode, (enum sim_survival)own, prng);
        }
    }
    sim_disk_count_used(disk);
}

struct sim_disk *sim_disk_clone(struct sim_disk *disk, uint64_t seed)
{
    sim_store_ref(disk->store);
    struct sim_disk *clone = sim_store_alloc(disk->store, sizeof(*clone));
    clone->store = disk->store;
    clone->options = disk->options;
    clone->stats = disk->stats;
    clone->ids_count = disk->ids_count;
    clone->sequence = disk->sequence;
    prng_init(&clone->prng, seed);
    list_init(&clone->inodes);
    list_init(&clone->changes);
    list_init(&clone->handles);
    list_for_each (node, &disk->inodes) {
        struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        inode->twin = sim_disk_inode_new(clone, inode->id, inode->is_dir);
        sim_disk_inode_ref(inode->twin); /* until all names stand */
        sim_inode_copy_content(inode->twin, inode);
    }
    clone->root = sim_twin(disk->root);
    sim_disk_inode_ref(clone->root);
    list_for_each (node, &disk->inodes) {
        const struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        if (inode->is_dir) {
            sim_names_copy(clone, inode->twin->names, inode->names);
            sim_names_copy(clone, inode->twin->durable_names, inode->durable_names);
        }
    }
    list_for_each (node, &disk->changes) {
        const struct sim_change *change = CONTAINER_OF(node, struct sim_change, in_disk);
        sim_change_add(clone, change->sequence, sim_twin(change->inode), sim_twin(change->from),
                       change->name_from, sim_twin(change->to), change->name_to);
    }
    list_for_each (node, &disk->inodes) {
        struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        sim_disk_inode_unref(clone, inode->twin); /* ends what only a handle kept */
        inode->twin = NULL;
    }
    sim_disk_count_used(clone);
    return clone;
}

struct sim_disk *sim_disk_crash_image(struct sim_disk *disk, struct prng *prng)
{
    struct sim_disk *image = sim_disk_clone(disk, prng_u64(prng));
    sim_disk_crash(image, SIM_CRASH_SEEDED, prng);
    return image;
}

/* Each directory keeps a prefix of its changes. */
static void sim_crash_names(struct sim_disk *disk, enum sim_survival survival, struct prng *prng)
{
    uint64_t cut = prng_range(prng, 0, disk->sequence);
    list_for_each (node, &disk->inodes) {
        struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        if (!inode->is_dir) {
            continue;
        }
        switch (survival) {
        case SIM_SURVIVE_ALL: inode->chosen_through = disk->sequence; break;
        case SIM_SURVIVE_NONE: inode->chosen_through = 0; break;
        case SIM_SURVIVE_PREFIX: inode->chosen_through = cut; break;
        case SIM_SURVIVE_WRITES:
        case SIM_SURVIVE_SECTORS: {
            uint64_t changes_count = 0; /* draw one of the directory's own */
            list_for_each (link, &disk->changes) {
                const struct sim_change *c = CONTAINER_OF(link, struct sim_change, in_disk);
                if ((c->from == inode || c->to == inode) &&
                    prng_chance(prng, 1, ++changes_count + 1)) {
                    inode->chosen_through = c->sequence;
                }
            }
            break;
        }
        case SIM_SURVIVAL_COUNT: UNREACHABLE();
        }
    }
    sim_changes_land(disk);
    list_for_each_safe (node, following, &disk->changes) {
        sim_change_free(disk, CONTAINER_OF(node, struct sim_change, in_disk));
    }
}

/* What is durable is all there is. What has no durable name on a durable way from the root is gone,
 * with all below it. */
static void sim_crash_take_durable(struct sim_disk *disk)
{
    sim_crash_reach(disk->root);
    list_for_each (node, &disk->inodes) {
        struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        sim_disk_inode_ref(inode); /* so that none goes while the list is walked */
        if (inode->is_dir && !inode->is_reached) {
            sim_names_clear(disk, inode->durable_names);
        }
    }
    list_for_each (node, &disk->inodes) {
        struct sim_inode *inode = CONTAINER_OF(node, struct sim_inode, in_disk);
        if (inode->is_dir) {
            sim_names_clear(disk, inode->names);
            sim_names_copy(disk, inode->names, inode->durable_names);
        }
        inode->is_reached = false;
    }
    list_for_each_safe (node, following, &disk->inodes) {
        sim_disk_inode_unref(disk, CONTAINER_OF(node, struct sim_inode, in_disk));
    }
}

static void sim_crash_reach(struct sim_inode *dir)
{
    dir->is_reached = true;
    for (uint32_t i = 0; i < dir->durable_names->count; i++) {
        struct sim_inode *inode = dir->durable_names->entries[i].inode;
        if (inode->is_dir) {
            sim_crash_reach(inode);
        }
    }
}

/* The names of a directory into `copy`, which is empty, on the same disk or, where inodes have
 * twins, on that of the twins. */
static void sim_names_copy(struct sim_disk *to, struct sim_names *copy,
                           const struct sim_names *names)
{
    ASSERT(copy->entries == NULL);
    if (names->count == 0) {
        return;
    }
    copy->entries = sim_store_alloc(to->store, names->count * sizeof(copy->entries[0]));
    copy->capacity = names->count;
    copy->count = names->count;
    for (uint32_t i = 0; i < names->count; i++) {
        struct sim_inode *inode = names->entries[i].inode;
        inode = inode->twin != NULL ? inode->twin : inode;
        sim_disk_inode_ref(inode);
        copy->entries[i] =
            (struct sim_entry){.name = sim_disk_strdup(to, names->entries[i].name), .inode = inode};
    }
}

static struct sim_inode *sim_twin(struct sim_inode *inode)
{
    return inode != NULL ? inode->twin : NULL;
}
