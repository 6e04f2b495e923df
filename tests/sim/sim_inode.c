/* The content of a file with its unsynced changes. See sim_inode.h.
 *
 *            durable        pending, oldest first                latest
 *     page 0    A       <-  [3: sectors 0-7 = B]                    B
 *     page 1    C       <-  [3: sectors 0-1 = D] [5: 1-2 = E]    D, E, C ...
 *     size    8192          [5: size 9000]                         9000
 *
 * Rules, in the words of a device behind a journaling file system such as ext4:
 *
 *  1. A read sees the latest content.
 *  2. A flush makes durable, in order, what was written before it.
 *  3. A crash may leave of each sector any one of its versions since it was last durable, each
 *     sector for itself: writes tear and overtake each other. It never leaves anything that was not
 *     written there.
 *  4. Sizes, cuts and holes (META) are in the file system's journal: a crash leaves a prefix of
 *     them. A write from before a cut that happened is gone; a write from after a cut that did not
 *     happen has not happened either, since its blocks were not the file's.
 *     A sector that a cut goes through is written with it: such an edge happens if its cut does.
 *  5. Bytes past the size that a crash left are no bytes: a later growth reads zeros there.
 *
 * Pages that were written are never changed, only replaced; see sim_store.h. */
#include "tests/sim/sim_inode.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define SIM_SECTORS_ALL 0xffu

/* A place in the bytes of an iovec array. */
struct sim_cursor {
    const struct iovec *iov; /* the current buffer */
    size_t pos;              /* in it */
};

/* What a crash decides by. */
struct sim_choice {
    enum sim_survival survival;
    struct prng *prng;
    uint64_t salt;             /* WRITES: decides per operation */
    uint64_t cut;              /* PREFIX: the operation that was under way */
    struct sim_version **cuts; /* METAs that made bytes zero, in order */
    size_t cuts_count;         /* how many */
};

static void sim_cursor_out(struct sim_cursor *cursor, void *to, size_t length);
static void sim_cursor_in(struct sim_cursor *cursor, const void *from, size_t length);
static uint8_t sim_sectors(uint64_t index, uint64_t pos, uint64_t end);
static struct sim_page *sim_inode_write_page(struct sim_inode *inode, struct sim_cursor *cursor,
                                             uint64_t index, uint64_t pos, uint64_t end);
static struct sim_version *sim_inode_add(struct sim_inode *inode, uint64_t sequence);
static void sim_inode_apply_meta(struct sim_map *map, uint64_t *size_bytes,
                                 const struct sim_version *v);
static void sim_inode_add_edge(struct sim_inode *inode, uint64_t sequence, uint64_t pos);
static uint8_t sim_version_zeroes(const struct sim_version *v, uint64_t index);
static void sim_inode_zero(struct sim_map *map, uint64_t pos, uint64_t end);
static void sim_inode_merge(struct sim_map *map, uint64_t index, struct sim_page *page,
                            uint8_t sectors);
static void sim_inode_land_some(struct sim_inode *inode, uint64_t through, uint64_t only);
static void sim_inode_supersede(struct sim_inode *inode, const struct sim_version *v);
static void sim_version_free(struct sim_inode *inode, struct sim_version *v);
static void sim_inode_choose_metas(struct sim_inode *inode, struct sim_choice *choice);
static void sim_inode_choose_page(struct sim_choice *choice, struct sim_version **versions,
                                  size_t count);
static void sim_inode_take_chosen(struct sim_inode *inode);
static bool sim_choice_draw(struct sim_choice *choice, const struct sim_version *v, uint64_t nth);
static int sim_version_compare(const void *a, const void *b);

struct sim_inode *sim_inode_new(struct sim_store *store, uint64_t id, bool is_dir)
{
    struct sim_inode *inode = sim_store_alloc(store, sizeof(*inode));
    inode->store = store;
    inode->id = id;
    inode->is_dir = is_dir;
    sim_map_init(&inode->latest, store);
    sim_map_init(&inode->durable, store);
    list_init(&inode->pending);
    return inode;
}

void sim_inode_free(struct sim_inode *inode)
{
    ASSERT(inode->refs_count == 0);
    list_for_each_safe (node, following, &inode->pending) {
        sim_version_free(inode, CONTAINER_OF(node, struct sim_version, in_pending));
    }
    sim_map_clear(&inode->latest);
    sim_map_clear(&inode->durable);
    sim_store_free(inode->store, inode);
}

void sim_inode_copy_content(struct sim_inode *copy, const struct sim_inode *inode)
{
    sim_map_share(&copy->latest, &inode->latest);
    sim_map_share(&copy->durable, &inode->durable);
    copy->latest_bytes = inode->latest_bytes;
    copy->durable_bytes = inode->durable_bytes;
    list_for_each (node, &inode->pending) {
        const struct sim_version *v = CONTAINER_OF(node, struct sim_version, in_pending);
        struct sim_version *twin = sim_inode_add(copy, v->sequence);
        struct list_node link = twin->in_pending;
        *twin = *v;
        twin->in_pending = link;
        sim_page_ref(copy->store, twin->page);
    }
}

enum err sim_inode_read(const struct sim_inode *inode, const struct iovec *iov, uint32_t iov_count,
                        uint64_t pos, uint64_t length, int64_t *result)
{
    ASSERT(iov_count > 0);
    *result = 0;
    uint64_t end = pos + length;
    end = end < inode->latest_bytes ? end : inode->latest_bytes;
    struct sim_cursor cursor = {.iov = iov};
    for (uint64_t at = pos; at < end;) {
        uint64_t index = at / SIM_PAGE_BYTES;
        uint64_t page_end = (index + 1) * SIM_PAGE_BYTES;
        uint64_t stop = end < page_end ? end : page_end;
        const struct sim_page *page = sim_map_get(&inode->latest, index);
        if (page != NULL && (page->bad & sim_sectors(index, at, stop)) != 0) {
            return ERR_IO;
        }
        page = page != NULL ? page : &inode->store->zero;
        sim_cursor_in(&cursor, page->data + at % SIM_PAGE_BYTES, stop - at);
        at = stop;
    }
    *result = end > pos ? (int64_t)(end - pos) : 0;
    return ERR_OK;
}

enum err sim_inode_write(struct sim_inode *inode, uint64_t sequence, const struct iovec *iov,
                         uint32_t iov_count, uint64_t pos, uint64_t length, enum sim_write how)
{
    ASSERT(iov_count > 0);
    ASSERT(length > 0);
    uint64_t end = pos + length;
    ASSERT(end <= SIM_FILE_BYTES_MAX);
    enum err err = ERR_OK;
    struct sim_cursor cursor = {.iov = iov};
    for (uint64_t at = pos; at < end;) {
        uint64_t index = at / SIM_PAGE_BYTES;
        uint64_t page_end = (index + 1) * SIM_PAGE_BYTES;
        uint64_t stop = end < page_end ? end : page_end;
        struct sim_page *page = sim_inode_write_page(inode, &cursor, index, at, stop);
        if (page == NULL) {
            err = ERR_IO;
            end = at;
            break;
        }
        if (how == SIM_WRITE_DONE) {
            struct sim_version *v = sim_inode_add(inode, sequence);
            v->is_data = true;
            v->index = index;
            v->sectors = sim_sectors(index, at, stop);
            v->page = sim_page_ref(inode->store, page);
        }
        if (how == SIM_WRITE_LOST) {
            sim_page_unref(inode->store, page);
        } else {
            sim_map_set(&inode->latest, index, page);
        }
        at = stop;
    }
    if (end > pos && end > inode->latest_bytes) {
        sim_inode_add(inode, sequence)->size_bytes = end;
        inode->latest_bytes = end;
    }
    return err;
}

uint64_t sim_inode_holes(const struct sim_inode *inode, uint64_t pos, uint64_t length)
{
    uint64_t end = pos + length;
    uint64_t holes = 0;
    for (uint64_t index = pos / SIM_PAGE_BYTES; index * SIM_PAGE_BYTES < end; index++) {
        holes += sim_map_get(&inode->latest, index) == NULL;
    }
    return holes;
}

void sim_inode_truncate(struct sim_inode *inode, uint64_t sequence, uint64_t size_bytes)
{
    struct sim_version *v = sim_inode_add(inode, sequence);
    bool is_growth = size_bytes > inode->latest_bytes;
    v->size_bytes = size_bytes;
    if (!is_growth) { /* equal: blocks reserved behind the end go */
        v->zero_pos = size_bytes;
        v->zero_end = UINT64_MAX;
    }
    sim_inode_apply_meta(&inode->latest, &inode->latest_bytes, v);
    if (!is_growth) { /* growing changes no byte: earlier writes stay on their own */
        sim_inode_add_edge(inode, sequence, size_bytes);
    }
}

void sim_inode_punch(struct sim_inode *inode, uint64_t sequence, uint64_t pos, uint64_t length)
{
    struct sim_version *v = sim_inode_add(inode, sequence);
    v->size_bytes = inode->latest_bytes;
    v->zero_pos = pos;
    v->zero_end = pos + length;
    sim_inode_apply_meta(&inode->latest, &inode->latest_bytes, v);
    sim_inode_add_edge(inode, sequence, pos); /* within one sector: twice the same, no harm */
    sim_inode_add_edge(inode, sequence, pos + length);
}

void sim_inode_reserve(struct sim_inode *inode, uint64_t sequence, uint64_t pos, uint64_t length,
                       uint64_t size_bytes)
{
    struct sim_version *v = sim_inode_add(inode, sequence);
    v->size_bytes = size_bytes > inode->latest_bytes ? size_bytes : inode->latest_bytes;
    v->reserve_first = pos / SIM_PAGE_BYTES;
    v->reserve_end = (pos + length + SIM_PAGE_BYTES - 1) / SIM_PAGE_BYTES;
    sim_inode_apply_meta(&inode->latest, &inode->latest_bytes, v);
}

void sim_inode_land(struct sim_inode *inode, uint64_t through)
{
    sim_inode_land_some(inode, through, 0);
}

void sim_inode_land_write(struct sim_inode *inode, uint64_t sequence)
{
    ASSERT(sequence > 0);
    sim_inode_land_some(inode, sequence, sequence);
}

void sim_inode_crash(struct sim_inode *inode, enum sim_survival survival, struct prng *prng)
{
    sim_inode_drop_pending(inode, survival, prng);
    inode->has_lost = false;
    sim_map_clear(&inode->latest);
    sim_map_share(&inode->latest, &inode->durable);
    inode->latest_bytes = inode->durable_bytes;
}

void sim_inode_drop_pending(struct sim_inode *inode, enum sim_survival survival, struct prng *prng)
{
    size_t count = list_count(&inode->pending);
    if (count == 0) {
        return;
    }
    struct sim_choice choice = {.survival = survival, .prng = prng, .salt = prng_u64(prng)};
    struct sim_version **versions = sim_store_alloc(inode->store, count * sizeof(versions[0]));
    size_t data_count = 0;
    choice.cuts = versions + count; /* writes from the left, cuts from the right */
    uint64_t under_way = prng_below(prng, count);
    list_for_each (node, &inode->pending) {
        struct sim_version *v = CONTAINER_OF(node, struct sim_version, in_pending);
        choice.cut = under_way-- == 0 ? v->sequence : choice.cut;
        if (v->is_data) {
            versions[data_count++] = v;
        } else if (v->zero_pos < v->zero_end) {
            *--choice.cuts = v;
            choice.cuts_count++;
        }
    }
    sim_inode_choose_metas(inode, &choice);
    qsort(versions, data_count, sizeof(versions[0]), sim_version_compare);
    for (size_t i = 0, end; i < data_count; i = end) {
        for (end = i + 1; end < data_count && versions[end]->index == versions[i]->index; end++) {
        }
        sim_inode_choose_page(&choice, versions + i, end - i);
    }
    sim_inode_take_chosen(inode);
    sim_store_free(inode->store, versions);
}

bool sim_inode_is_page_pending(const struct sim_inode *inode, uint64_t index)
{
    list_for_each (node, &inode->pending) {
        const struct sim_version *v = CONTAINER_OF(node, struct sim_version, in_pending);
        if (v->is_data && v->index == index) {
            return true;
        }
    }
    return false;
}

struct sim_page *sim_inode_own_page(struct sim_inode *inode, uint64_t index)
{
    struct sim_page *durable = sim_map_get(&inode->durable, index);
    const struct sim_page *latest = sim_map_get(&inode->latest, index);
    if (durable == NULL) {
        return NULL;
    }
    bool is_seen = latest != NULL && !sim_inode_is_page_pending(inode, index) &&
                   memcmp(latest->data, durable->data, SIM_PAGE_BYTES) == 0;
    struct sim_page *own = sim_page_copy(inode->store, durable);
    sim_map_set(&inode->durable, index, own);
    if (is_seen) {
        sim_map_set(&inode->latest, index, sim_page_ref(inode->store, own));
    }
    return own;
}

/* The next `length` bytes of the buffers to `to`. */
static void sim_cursor_out(struct sim_cursor *cursor, void *to, size_t length)
{
    for (size_t copied = 0; copied < length;) {
        size_t left = cursor->iov->iov_len - cursor->pos;
        size_t part = left < length - copied ? left : length - copied;
        if (part == 0) {
            cursor->iov++;
            cursor->pos = 0;
            continue;
        }
        memcpy((uint8_t *)to + copied, (const uint8_t *)cursor->iov->iov_base + cursor->pos, part);
        cursor->pos += part;
        copied += part;
    }
}

/* `length` bytes from `from` to the next ones of the buffers. */
static void sim_cursor_in(struct sim_cursor *cursor, const void *from, size_t length)
{
    for (size_t copied = 0; copied < length;) {
        size_t left = cursor->iov->iov_len - cursor->pos;
        size_t part = left < length - copied ? left : length - copied;
        if (part == 0) {
            cursor->iov++;
            cursor->pos = 0;
            continue;
        }
        memcpy((uint8_t *)cursor->iov->iov_base + cursor->pos, (const uint8_t *)from + copied,
               part);
        cursor->pos += part;
        copied += part;
    }
}

/* The sectors of page `index` that the bytes [pos, end) touch. */
static uint8_t sim_sectors(uint64_t index, uint64_t pos, uint64_t end)
{
    uint64_t page_pos = index * SIM_PAGE_BYTES;
    uint64_t from = pos > page_pos ? pos - page_pos : 0;
    uint64_t to = end - page_pos < SIM_PAGE_BYTES ? end - page_pos : SIM_PAGE_BYTES;
    if (end <= page_pos || from >= to) {
        return 0;
    }
    uint32_t first = (uint32_t)(from / SIM_SECTOR_BYTES);
    uint32_t last = (uint32_t)((to - 1) / SIM_SECTOR_BYTES);
    return (uint8_t)((SIM_SECTORS_ALL >> (SIM_PAGE_SECTORS - 1 - (last - first))) << first);
}

/* The page `index` as it is after the bytes [pos, end) were written from `cursor`; the reference is
 * the caller's. NULL when a bad sector stands in the way. */
static struct sim_page *sim_inode_write_page(struct sim_inode *inode, struct sim_cursor *cursor,
                                             uint64_t index, uint64_t pos, uint64_t end)
{
    struct sim_store *store = inode->store;
    size_t from = pos % SIM_PAGE_BYTES;
    size_t to = from + (size_t)(end - pos);
    const struct sim_page *before = sim_map_get(&inode->latest, index);
    if (before != NULL && before->bad != 0) {
        uint32_t in_part = 0; /* sectors at the ends that the write does not cover */
        in_part |= from % SIM_SECTOR_BYTES != 0 ? 1u << (from / SIM_SECTOR_BYTES) : 0;
        in_part |= to % SIM_SECTOR_BYTES != 0 ? 1u << (to / SIM_SECTOR_BYTES) : 0;
        if ((before->bad & in_part) != 0) {
            return NULL;
        }
    }
    bool is_whole = end - pos == SIM_PAGE_BYTES;
    struct sim_page *page = is_whole ? sim_page_new(store) : sim_page_copy(store, before);
    sim_cursor_out(cursor, page->data + from, to - from);
    page->bad &= (uint8_t)~sim_sectors(index, pos, end);
    if (is_whole && memcmp(page->data, store->zero.data, SIM_PAGE_BYTES) == 0) {
        sim_page_unref(store, page);
        return &store->zero;
    }
    return page;
}

static struct sim_version *sim_inode_add(struct sim_inode *inode, uint64_t sequence)
{
    struct list_node *last = list_last(&inode->pending);
    ASSERT(last == NULL ||
           CONTAINER_OF(last, struct sim_version, in_pending)->sequence <= sequence);
    struct sim_version *v = sim_store_alloc(inode->store, sizeof(*v));
    v->sequence = sequence;
    list_push_back(&inode->pending, &v->in_pending);
    return v;
}

/* What a META that begins or ends at `pos` made of the sector there. */
static void sim_inode_add_edge(struct sim_inode *inode, uint64_t sequence, uint64_t pos)
{
    struct sim_page *page = sim_map_get(&inode->latest, pos / SIM_PAGE_BYTES);
    if (pos % SIM_SECTOR_BYTES == 0 || page == NULL) {
        return;
    }
    struct sim_version *v = sim_inode_add(inode, sequence);
    v->is_data = true;
    v->is_edge = true;
    v->index = pos / SIM_PAGE_BYTES;
    v->sectors = (uint8_t)(1u << (pos % SIM_PAGE_BYTES / SIM_SECTOR_BYTES));
    v->page = sim_page_ref(inode->store, page);
}

/* The sectors of page `index` that a META made zero as a whole. */
static uint8_t sim_version_zeroes(const struct sim_version *v, uint64_t index)
{
    uint64_t pos = (v->zero_pos + SIM_SECTOR_BYTES - 1) / SIM_SECTOR_BYTES * SIM_SECTOR_BYTES;
    uint64_t end = v->zero_end / SIM_SECTOR_BYTES * SIM_SECTOR_BYTES;
    return pos < end ? sim_sectors(index, pos, end) : 0;
}

static void sim_version_free(struct sim_inode *inode, struct sim_version *v)
{
    list_remove(&v->in_pending);
    sim_page_unref(inode->store, v->page);
    sim_store_free(inode->store, v);
}

static void sim_inode_apply_meta(struct sim_map *map, uint64_t *size_bytes,
                                 const struct sim_version *v)
{
    ASSERT(!v->is_data);
    sim_inode_zero(map, v->zero_pos, v->zero_end);
    for (uint64_t index = v->reserve_first; index < v->reserve_end; index++) {
        if (sim_map_get(map, index) == NULL) {
            sim_map_set(map, index, &map->store->zero);
        }
    }
    *size_bytes = v->size_bytes;
}

/* Make the bytes [pos, end) zero; whole pages become holes. */
static void sim_inode_zero(struct sim_map *map, uint64_t pos, uint64_t end)
{
    if (pos >= end) {
        return;
    }
    uint64_t index = sim_map_next(map, pos / SIM_PAGE_BYTES);
    for (; index != UINT64_MAX && index * SIM_PAGE_BYTES < end;
         index = sim_map_next(map, index + 1)) {
        uint64_t page_pos = index * SIM_PAGE_BYTES;
        uint64_t from = pos > page_pos ? pos - page_pos : 0;
        uint64_t to = end - page_pos < SIM_PAGE_BYTES ? end - page_pos : SIM_PAGE_BYTES;
        if (from == 0 && to == SIM_PAGE_BYTES) {
            sim_map_set(map, index, NULL);
        } else if (sim_map_get(map, index) != &map->store->zero) {
            struct sim_page *page = sim_page_copy(map->store, sim_map_get(map, index));
            memset(page->data + from, 0, to - from);
            sim_map_set(map, index, page);
        }
    }
}

/* Put the `sectors` of `page` into the map's page `index`. */
static void sim_inode_merge(struct sim_map *map, uint64_t index, struct sim_page *page,
                            uint8_t sectors)
{
    if (sectors == SIM_SECTORS_ALL) {
        sim_map_set(map, index, sim_page_ref(map->store, page));
        return;
    }
    struct sim_page *mixed = sim_page_copy(map->store, sim_map_get(map, index));
    for (uint32_t sector = 0; sector < SIM_PAGE_SECTORS; sector++) {
        if ((sectors & 1u << sector) != 0) {
            size_t at = sector * SIM_SECTOR_BYTES;
            memcpy(mixed->data + at, page->data + at, SIM_SECTOR_BYTES);
        }
    }
    mixed->bad = (uint8_t)((mixed->bad & ~sectors) | (page->bad & sectors));
    sim_map_set(map, index, mixed);
}

/* Every META up to `through` lands, and of the writes up to there those of operation `only` (0:
 * all). What an earlier write put into the same sectors and did not land has no effect any more. */
static void sim_inode_land_some(struct sim_inode *inode, uint64_t through, uint64_t only)
{
    bool are_some_left = false;
    list_for_each_safe (node, following, &inode->pending) {
        struct sim_version *v = CONTAINER_OF(node, struct sim_version, in_pending);
        if (v->sequence > through) {
            break;
        }
        if (v->is_data && !v->is_edge && only != 0 && v->sequence != only) {
            are_some_left = true;
            continue;
        }
        if (are_some_left) {
            sim_inode_supersede(inode, v);
        }
        if (v->is_data) {
            sim_inode_merge(&inode->durable, v->index, v->page, v->sectors);
        } else {
            sim_inode_apply_meta(&inode->durable, &inode->durable_bytes, v);
        }
        sim_version_free(inode, v);
    }
}

static void sim_inode_supersede(struct sim_inode *inode, const struct sim_version *v)
{
    list_for_each_safe (node, following, &inode->pending) {
        struct sim_version *earlier = CONTAINER_OF(node, struct sim_version, in_pending);
        if (earlier == v) {
            return;
        }
        ASSERT(earlier->is_data);
        uint8_t gone = 0;
        if (!v->is_data) {
            gone = sim_version_zeroes(v, earlier->index);
        } else if (v->index == earlier->index) {
            gone = v->sectors;
        }
        earlier->sectors &= (uint8_t)~gone;
        if (earlier->sectors == 0) {
            sim_version_free(inode, earlier);
        }
    }
}

/* Which METAs happened: a prefix of them. */
static void sim_inode_choose_metas(struct sim_inode *inode, struct sim_choice *choice)
{
    bool is_over = false;
    uint64_t metas_count = 0;
    list_for_each (node, &inode->pending) {
        metas_count += !CONTAINER_OF(node, struct sim_version, in_pending)->is_data;
    }
    uint64_t landed_max = prng_range(choice->prng, 0, metas_count);
    uint64_t landed = 0;
    list_for_each (node, &inode->pending) {
        struct sim_version *v = CONTAINER_OF(node, struct sim_version, in_pending);
        if (v->is_data) {
            v->is_landed = v->is_edge && !is_over;
            continue;
        }
        switch (choice->survival) {
        case SIM_SURVIVE_ALL: break;
        case SIM_SURVIVE_NONE: is_over = true; break;
        case SIM_SURVIVE_PREFIX:
            is_over |= v->sequence > choice->cut ||
                       (v->sequence == choice->cut && prng_chance(choice->prng, 1, 2));
            break;
        case SIM_SURVIVE_WRITES:
        case SIM_SURVIVE_SECTORS: is_over |= landed == landed_max; break;
        case SIM_SURVIVAL_COUNT: UNREACHABLE();
        }
        landed += !is_over;
        v->is_landed = !is_over;
    }
}

/* Choose for every sector of one page, of which `versions` are the writes in order. */
static void sim_inode_choose_page(struct sim_choice *choice, struct sim_version **versions,
                                  size_t count)
{
    for (uint32_t sector = 0; sector < SIM_PAGE_SECTORS; sector++) {
        uint64_t after = 0;
        uint64_t before = UINT64_MAX;
        for (size_t i = 0; i < choice->cuts_count; i++) {
            const struct sim_version *v = choice->cuts[i];
            if ((sim_version_zeroes(v, versions[0]->index) & 1u << sector) == 0) {
                continue;
            }
            after = v->is_landed && v->sequence > after ? v->sequence : after;
            before = !v->is_landed && v->sequence < before ? v->sequence : before;
        }
        struct sim_version *taken = NULL;
        uint64_t nth = 0;
        for (size_t i = 0; i < count; i++) {
            struct sim_version *v = versions[i];
            bool is_here = (v->sectors & 1u << sector) != 0;
            if (!is_here || v->sequence < after || v->sequence >= before) {
                continue;
            }
            if (v->is_edge && !v->is_landed) {
                break;
            }
            if (v->is_edge || sim_choice_draw(choice, v, nth++)) {
                taken = v;
            }
        }
        if (taken != NULL) {
            taken->taken |= (uint8_t)(1u << sector);
        }
    }
}

/* Make durable what was chosen and forget the rest. */
static void sim_inode_take_chosen(struct sim_inode *inode)
{
    list_for_each (node, &inode->pending) {
        const struct sim_version *v = CONTAINER_OF(node, struct sim_version, in_pending);
        if (v->is_landed && !v->is_data) {
            sim_inode_apply_meta(&inode->durable, &inode->durable_bytes, v);
        }
    }
    list_for_each_safe (node, following, &inode->pending) {
        struct sim_version *v = CONTAINER_OF(node, struct sim_version, in_pending);
        if (v->taken != 0) {
            sim_inode_merge(&inode->durable, v->index, v->page, v->taken);
        }
        sim_version_free(inode, v);
    }
    struct sim_map *map = &inode->durable; /* writes whose growth did not happen; not reserves */
    uint64_t index = sim_map_next(map, inode->durable_bytes / SIM_PAGE_BYTES);
    for (; index != UINT64_MAX; index = sim_map_next(map, index + 1)) {
        if (sim_map_get(map, index) != &inode->store->zero) {
            uint64_t pos = index * SIM_PAGE_BYTES;
            pos = pos > inode->durable_bytes ? pos : inode->durable_bytes;
            sim_inode_zero(map, pos, (index + 1) * SIM_PAGE_BYTES);
        }
    }
}

/* Whether the sector's `nth` version (from 0) reached the device and no later one, as far as seen.
 * SECTORS: the last n + 2 states, the durable one included, are equally likely. */
static bool sim_choice_draw(struct sim_choice *choice, const struct sim_version *v, uint64_t nth)
{
    switch (choice->survival) {
    case SIM_SURVIVE_ALL: return true;
    case SIM_SURVIVE_NONE: return false;
    case SIM_SURVIVE_WRITES: {
        struct prng coin;
        prng_init(&coin, choice->salt ^ v->sequence);
        return prng_chance(&coin, 1, 2);
    }
    case SIM_SURVIVE_PREFIX:
        return v->sequence < choice->cut ||
               (v->sequence == choice->cut && prng_chance(choice->prng, 1, 2));
    case SIM_SURVIVE_SECTORS: return prng_chance(choice->prng, 1, nth + 2);
    case SIM_SURVIVAL_COUNT: break;
    }
    UNREACHABLE();
}

static int sim_version_compare(const void *a, const void *b)
{
    const struct sim_version *x = *(struct sim_version *const *)a;
    const struct sim_version *y = *(struct sim_version *const *)b;
    if (x->index != y->index) {
        return x->index < y->index ? -1 : 1;
    }
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence; /* or two edges of a hole */
}
