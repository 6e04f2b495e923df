/* Regions: where the large pieces of a large state stand. See state_int.h.
 *
 * Rows are found at random, so that each costs a look into the page tables, too, unless pages are
 * huge. A state of some megabytes takes its full chunks of rows and segments of the index from
 * regions of several huge pages; a region is a part of what the state has, so that little of it is
 * there in vain. Pieces go with their region. */
#include "views/store/state_int.h"

/* States from so many bytes on have regions; which are 1/16 of the state, within bounds. */
#define STORE_REGION_FROM  (UINT64_C(2) << 20)
#define STORE_REGION_SHIFT 4
#define STORE_REGION_MIN   (UINT64_C(2) << 20)
#define STORE_REGION_MAX   (UINT64_C(32) << 20)

/* What a region lacks of whole huge pages, so that with what budget and system put before it, it
 * has just them. */
#define STORE_REGION_LESS 4096u

#define STORE_PIECE_ALIGN 64u

/* A region's head. */
struct store_region {
    ALIGNED(64) struct store_region *older; /* NULL: the first */
    size_t bytes;                           /* of the block */
};

/* A region, of which pieces are taken from now on. False: no memory. */
static bool store_region_open(struct store_state *state)
{
    uint64_t bytes = state->bytes >> STORE_REGION_SHIFT & ~(STORE_REGION_MIN - 1);
    bytes = bytes < STORE_REGION_MIN ? STORE_REGION_MIN : bytes;
    bytes = bytes > STORE_REGION_MAX ? STORE_REGION_MAX : bytes;
    bytes -= STORE_REGION_LESS;
    struct store_region *region;
    if (store_try_take(state, bytes, STORE_PIECE_ALIGN, (void **)&region) != ERR_OK) {
        return false;
    }
    budget_wish_huge(region);
    region->older = state->regions;
    region->bytes = bytes;
    state->regions = region;
    state->region_used = sizeof(*region);
    return true;
}

enum err store_piece_take(struct store_state *state, size_t bytes, void **out)
{
    bytes = (bytes + STORE_PIECE_ALIGN - 1) & ~(size_t)(STORE_PIECE_ALIGN - 1);
    bool has_room = state->regions != NULL && state->regions->bytes - state->region_used >= bytes;
    if (!has_room && (state->bytes < STORE_REGION_FROM || bytes > STORE_REGION_MIN / 4 ||
                      !store_region_open(state))) {
        return store_take(state, bytes, STORE_PIECE_ALIGN, out);
    }
    *out = (uint8_t *)state->regions + state->region_used;
    state->region_used += bytes;
    return ERR_OK;
}

void store_piece_give(struct store_state *state, void *piece, size_t bytes)
{
    bytes = (bytes + STORE_PIECE_ALIGN - 1) & ~(size_t)(STORE_PIECE_ALIGN - 1);
    for (struct store_region *region = state->regions; region != NULL; region = region->older) {
        if ((uintptr_t)piece - (uintptr_t)region < region->bytes) {
            return;
        }
    }
    store_give(state, piece, bytes, STORE_PIECE_ALIGN);
}

bool store_region_free(struct store_state *state)
{
    struct store_region *region = state->regions;
    if (region != NULL) {
        state->regions = region->older;
        store_give(state, region, region->bytes, STORE_PIECE_ALIGN);
    }
    return state->regions == NULL;
}
