/* Where the simulated disks keep their bytes: pages that many images share, and page maps.
 *
 * A page is 4 KiB of content that nobody changes once it is shared: a write makes a new one. So a
 * file's latest content, what of it is durable, every unsynced version between, and any number of
 * copies of the whole disk share what they have in common, and copying a disk costs a few
 * references. A disk and all images made from it share one store. */
#ifndef TESTS_SIM_SIM_STORE_H
#define TESTS_SIM_SIM_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"

/* What a device writes whole or not at all. */
#define SIM_SECTOR_BYTES 512u

/* What content is shared by. */
#define SIM_PAGE_BYTES 4096u

/* Sectors of a page: one bit each in a byte. */
#define SIM_PAGE_SECTORS (SIM_PAGE_BYTES / SIM_SECTOR_BYTES)

/* Pages of a leaf of a map: 256 KiB of a file. */
#define SIM_LEAF_PAGES 64u

/* One page of content. */
struct sim_page {
    uint32_t refs_count;          /* maps, versions and others that point here */
    uint8_t bad;                  /* bit per sector: reading it fails */
    struct sim_page *next_free;   /* sim_store.free, while it is there */
    uint8_t data[SIM_PAGE_BYTES]; /* the bytes */
};

/* A run of pages that maps share. */
struct sim_leaf {
    uint32_t refs_count;                    /* maps that point here */
    uint32_t pages_count;                   /* pages that are not NULL */
    struct sim_page *pages[SIM_LEAF_PAGES]; /* NULL: a hole */
};

/* The memory of a family of disks. */
struct sim_store {
    struct budget budget;  /* all of it */
    uint32_t refs_count;   /* disks */
    struct sim_page *free; /* pages nobody uses */
    struct sim_page zero;  /* reserved or zero-filled; never freed */
};

/* A file's pages by number. In place. */
struct sim_map {
    struct sim_store *store;  /* whose pages */
    struct sim_leaf **leaves; /* leaves_count of them; NULL: all holes */
    uint32_t leaves_count;    /* as far as the file was ever written */
    uint64_t pages_count;     /* pages that are no holes: what the file takes on the device */
};

/* An empty store with one reference. */
struct sim_store *sim_store_new(void);

/* One reference more; one less, and with the last the store ends. Asserted then: nothing is left
 * allocated. */
void sim_store_ref(struct sim_store *store);
void sim_store_unref(struct sim_store *store);

/* `bytes` zeroed; never NULL, since a simulation that runs out of memory has nothing to tell. */
void *sim_store_alloc(struct sim_store *store, size_t bytes);

/* Give back what sim_store_alloc gave; NULL is nothing. */
void sim_store_free(struct sim_store *store, void *ptr);

/* A page of one reference whose bytes are not set. */
struct sim_page *sim_page_new(struct sim_store *store);

/* A page of one reference with the content of `page` (NULL: zeros), bad sectors included. */
struct sim_page *sim_page_copy(struct sim_store *store, const struct sim_page *page);

/* One reference more, returns `page`; one less, which may free it. NULL is allowed. */
struct sim_page *sim_page_ref(struct sim_store *store, struct sim_page *page);
void sim_page_unref(struct sim_store *store, struct sim_page *page);

/* An empty map. */
void sim_map_init(struct sim_map *map, struct sim_store *store);

/* Give all pages back; the map is empty again. */
void sim_map_clear(struct sim_map *map);

/* Make `map` (empty) share everything with `other`. */
void sim_map_share(struct sim_map *map, const struct sim_map *other);

/* The page number `index`, without a reference; NULL: a hole. */
struct sim_page *sim_map_get(const struct sim_map *map, uint64_t index);

/* Put `page`, whose reference passes to the map, at `index`; NULL makes a hole. */
void sim_map_set(struct sim_map *map, uint64_t index, struct sim_page *page);

/* The first page number >= `index` that is no hole; UINT64_MAX: none. */
uint64_t sim_map_next(const struct sim_map *map, uint64_t index);

#endif
