/* Recovery: memory, groups by id, what is asked at the end. See recover.h; frames are read in
 * recover_scan.c and recover_frame.c, decided in recover_lanes.c, dealt out to groups in
 * recover_groups.c; recover_apply.c and recover_log.c build a group's log. */
#include "storage/log/recover.h"
#include "storage/log/recover_again.h"

#include "base/assert.h"
#include "storage/log/recover_log.h"

/* Memory is taken in pieces of this. */
#define RECOVER_CHUNK_BYTES (64u << 10)

/* Buckets of the first map of groups. */
#define RECOVER_BUCKETS_MIN 1024u

static enum err recover_map_grow(struct log_recover *r);

static const struct {
    const char *name; /* as in the table */
    const char *text; /* what it says */
} log_recover_rows[] = {
#define LOG_RECOVER_ROW_NAME(row_name, what) [LOG_RECOVER_##row_name] = {#row_name, what},
    LOG_RECOVER_ROWS(LOG_RECOVER_ROW_NAME)
#undef LOG_RECOVER_ROW_NAME
};

const char *log_recover_row_name(enum log_recover_row row)
{
    ASSERT(row < LOG_RECOVER_ROWS_COUNT);
    return log_recover_rows[row].name;
}

const char *log_recover_row_text(enum log_recover_row row)
{
    ASSERT(row < LOG_RECOVER_ROWS_COUNT);
    return log_recover_rows[row].text;
}

enum err log_recover_init(struct log_recover *r, struct budget *budget,
                          const struct crc32c *kernels, const struct log_uuid *disk,
                          uint64_t journal_floor)
{
    *r = (struct log_recover){
        .budget = budget,
        .kernels = kernels,
        .disk = *disk,
        .journal_floor = journal_floor,
        .file_number_max = journal_floor > 0 ? journal_floor - 1 : 0,
    };
    list_init(&r->groups);
    void *made = NULL;
    enum err err =
        budget_alloc(budget, sizeof(struct recover_state), _Alignof(struct recover_state), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct recover_state *state = made;
    r->state = state;
    arena_init(&state->arena, budget, RECOVER_CHUNK_BYTES, SIZE_MAX);
    return ERR_OK;
}

void log_recover_deinit(struct log_recover *r)
{
    struct recover_state *state = r->state;
    if (state != NULL) {
        budget_free(r->budget, state->buckets);
        arena_deinit(&state->arena);
        budget_free(r->budget, state);
    }
    *r = (struct log_recover){0};
    list_init(&r->groups);
}

enum err recover_alloc(struct log_recover *r, size_t bytes, void **out)
{
    struct recover_state *state = r->state;
    *out = arena_alloc_zeroed(&state->arena, bytes, _Alignof(max_align_t));
    return *out != NULL ? ERR_OK : ERR_BUDGET;
}

/* --- Lists --- */

void recover_push(struct recover_chain *chain, struct recover_link *link)
{
    link->next = NULL;
    if (chain->first == NULL) {
        chain->first = link;
    } else {
        chain->last->next = link;
    }
    chain->last = link;
}

/* Take the leading links that are in order off `*from`. */
static struct recover_link *recover_sort_run(struct recover_link **from,
                                             recover_is_before *is_before)
{
    struct recover_link *run = *from;
    struct recover_link *last = run;
    while (last->next != NULL && !is_before(last->next, last)) {
        last = last->next;
    }
    *from = last->next;
    last->next = NULL;
    return run;
}

static struct recover_link *recover_sort_merge(struct recover_link *a, struct recover_link *b,
                                               recover_is_before *is_before)
{
    struct recover_link head = {NULL};
    struct recover_link *last = &head;
    while (a != NULL && b != NULL) {
        struct recover_link **least = is_before(b, a) ? &b : &a;
        last->next = *least;
        last = *least;
        *least = last->next;
    }
    last->next = a != NULL ? a : b;
    return head.next;
}

/* Natural merge sort: what one lane wrote is in order, so there are few runs. Bin i holds a list
 * merged of 2^i runs, as the digits of a binary counter. */
void recover_sort(struct recover_chain *chain, recover_is_before *is_before)
{
    struct recover_link *bins[64] = {NULL};
    struct recover_link *rest = chain->first;
    while (rest != NULL) {
        struct recover_link *run = recover_sort_run(&rest, is_before);
        uint32_t i = 0;
        for (; bins[i] != NULL; i++) {
            run = recover_sort_merge(bins[i], run, is_before);
            bins[i] = NULL;
        }
        bins[i] = run;
    }
    struct recover_link *all = NULL;
    for (uint32_t i = 0; i < ARRAY_COUNT(bins); i++) {
        all = bins[i] != NULL ? recover_sort_merge(bins[i], all, is_before) : all;
    }
    chain->first = all;
    chain->last = all;
    while (chain->last != NULL && chain->last->next != NULL) {
        chain->last = chain->last->next;
    }
}

/* --- Groups --- */

struct recover_group *recover_group_find(const struct log_recover *r, uint64_t group)
{
    const struct recover_state *state = r->state;
    struct map_node *node = state->buckets != NULL ? map_find(&state->map, group) : NULL;
    return node != NULL ? CONTAINER_OF(node, struct recover_group, in_map) : NULL;
}

enum err recover_group_make(struct log_recover *r, uint64_t group, struct recover_group **out)
{
    struct recover_state *state = r->state;
    *out = recover_group_find(r, group);
    if (*out != NULL) {
        return ERR_OK;
    }
    if (state->buckets == NULL || state->map.count == state->map.capacity) {
        enum err err = recover_map_grow(r);
        if (err != ERR_OK) {
            return err;
        }
    }
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct recover_group), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct recover_group *g = made;
    err = map_insert(&state->map, &g->in_map, group);
    ASSERT(err == ERR_OK);
    struct log_found *found = &g->found;
    found->row.group = group;
    found->row.state = LOG_ROW_LIVE;
    found->row.start.index = 1;
    found->row.max_timestamp = -1;
    found->max_timestamp = -1;
    found->file_lowest = UINT64_MAX;
    found->is_available = true;
    list_init(&found->entries);
    list_init(&found->segments);
    list_init(&found->switches);
    list_init(&found->ranges);
    list_init(&found->rests);
    g->next_seq = 1;
    g->is_chain_known = true;
    recover_push(&state->groups, &g->link);
    *out = g;
    return ERR_OK;
}

/* A map of twice the buckets. */
static enum err recover_map_grow(struct log_recover *r)
{
    struct recover_state *state = r->state;
    uint32_t capacity = state->buckets == NULL ? RECOVER_BUCKETS_MIN : state->map.capacity;
    if (state->buckets != NULL) {
        if (capacity > UINT32_MAX / 4) {
            return ERR_BUDGET;
        }
        capacity *= 2;
    }
    void *made = NULL;
    enum err err =
        budget_alloc(r->budget, capacity * sizeof(*state->buckets), _Alignof(void *), &made);
    if (err != ERR_OK) {
        return err;
    }
    budget_free(r->budget, state->buckets);
    state->buckets = made;
    map_init(&state->map, state->buckets, capacity);
    for (struct recover_link *link = state->groups.first; link != NULL; link = link->next) {
        struct recover_group *g = CONTAINER_OF(link, struct recover_group, link);
        g->in_map = (struct map_node){0};
        err = map_insert(&state->map, &g->in_map, g->found.row.group);
        ASSERT(err == ERR_OK);
    }
    return ERR_OK;
}

enum err log_recover_row(struct log_recover *r, const struct log_row *row)
{
    struct recover_group *g = NULL;
    enum err err = recover_group_make(r, row->group, &g);
    if (err != ERR_OK) {
        return err;
    }
    struct log_found *found = &g->found;
    if (found->has_row && found->row.seq >= row->seq) {
        return ERR_OK;
    }
    found->has_row = true;
    found->table_row = *row;
    found->row = *row;
    found->end = row->end;
    found->max_timestamp = row->max_timestamp;
    found->last_seq = row->seq;
    g->table_seq = row->seq;
    g->next_seq = row->seq + 1;
    g->generation = row->segment_generation;
    g->segment_index = row->segment_index;
    g->end_pos = row->end_pos;
    if (log_row_ends_in_gap(row) && row->end_pos < row->written_bytes) {
        g->end_pos = row->written_bytes; /* as recover_log_gap does it */
    }
    g->membership_table = row->membership_index;
    g->is_chain_known = log_row_has_chain(row);
    list_init(&found->ranges);
    if (row->quarantine_count == 0 || row->quarantine_index == 0) {
        return ERR_OK;
    }
    struct log_found_range range = {
        .first_index = row->quarantine_index,
        .last_index = row->quarantine_index,
        .is_marked = true,
    };
    return recover_range_add(r, g, &range);
}

enum err log_recover_row_lost(struct log_recover *r, uint64_t group, uint64_t seq)
{
    struct recover_group *g = NULL;
    enum err err = recover_group_make(r, group, &g);
    if (err == ERR_OK) {
        g->is_row_lost = true;
        g->lost_seq = seq;
    }
    return err;
}

void log_recover_rows_unnamed(struct log_recover *r, uint32_t count, bool has_doubt)
{
    struct recover_state *state = r->state;
    r->counts[LOG_RECOVER_G6] += count;
    state->has_row_doubt |= has_doubt;
}

enum err log_recover_tables(struct log_recover *r, const struct log_tables *tables,
                            const struct log_tables_lost *lost)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < tables->chosen->header.rows_count && err == ERR_OK; i++) {
        struct log_row row;
        if (log_tables_row(tables, i, &row) == ERR_OK && (row.flags & LOG_ROW_LOST) == 0) {
            err = log_recover_row(r, &row);
        }
    }
    for (uint32_t i = 0; i < lost->rows_count && err == ERR_OK; i++) {
        const struct log_row *row = &lost->rows[i];
        err = (row->flags & LOG_ROW_LOST) != 0 ? log_recover_row_lost(r, row->group, row->seq)
                                               : log_recover_row(r, row);
    }
    log_recover_rows_unnamed(r, lost->unnamed_count, lost->has_doubt);
    return err;
}

const struct log_found *log_recover_find(const struct log_recover *r, uint64_t group)
{
    const struct recover_group *g = recover_group_find(r, group);
    return g != NULL ? &g->found : NULL;
}

/* --- Lanes, told --- */

uint32_t log_recover_ends(const struct log_recover *r, struct log_lane_end *out, uint32_t max)
{
    const struct recover_state *state = r->state;
    for (uint32_t i = 0; i < state->lanes_count && i < max; i++) {
        const struct recover_lane *lane = &state->lanes[i];
        out[i] = (struct log_lane_end){
            .boot_epoch = lane->boot_epoch,
            .lane = lane->lane,
            .last_frame = lane->end,
        };
    }
    return state->lanes_count;
}

uint32_t log_recover_unflushed(const struct log_recover *r, struct log_recover_place *out,
                               uint32_t max)
{
    const struct recover_state *state = r->state;
    uint32_t count = 0;
    for (uint32_t i = 0; i < state->lanes_count; i++) {
        const struct recover_lane *lane = &state->lanes[i];
        struct recover_step step = {0};
        while (!lane->is_named && recover_lane_step(lane, &step)) {
            const struct recover_frame *frame = step.frame;
            if (frame == NULL || frame->decision != LOG_RECOVER_F1 ||
                frame->head.number <= lane->durable) {
                continue;
            }
            if (count < max) {
                bool is_first = frame->pos == LIMIT_BLOCK_BYTES;
                out[count] =
                    (struct log_recover_place){.slot = frame->slot,
                                               .pos = is_first ? 0 : frame->pos,
                                               .end = frame->pos + frame->head.frame_bytes};
            }
            count++;
        }
    }
    return count;
}

void log_recover_visit(const struct log_recover *r,
                       void (*visit)(void *ctx, enum log_recover_row row, uint64_t boot_epoch,
                                     uint32_t lane, uint64_t number, const struct log_frame *frame,
                                     uint32_t slot, uint64_t pos),
                       void *ctx)
{
    const struct recover_state *state = r->state;
    for (uint32_t i = 0; i < state->lanes_count; i++) {
        const struct recover_lane *lane = &state->lanes[i];
        struct recover_step step = {0};
        while (recover_lane_step(lane, &step)) {
            const struct recover_frame *frame = step.frame;
            if (frame != NULL) {
                visit(ctx, frame->decision, lane->boot_epoch, lane->lane, step.first, &frame->head,
                      frame->slot, frame->pos);
                continue;
            }
            uint64_t more = step.last - step.first;
            more = more < LOG_RECOVER_VISIT_MISSING_MAX ? more : LOG_RECOVER_VISIT_MISSING_MAX - 1;
            for (uint64_t n = 0; n <= more; n++) {
                visit(ctx, step.decision, lane->boot_epoch, lane->lane, step.first + n, NULL,
                      UINT32_MAX, 0);
            }
        }
    }
}
