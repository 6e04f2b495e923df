/* What each group is: the rows R1 to R7 and G1 to G7. See recover.h and storage/README.md. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/recover_int.h"

/* Everything that says something of groups, each sorted by group. */
struct rec_input {
    struct rec_vector records; /* struct rec_record of frames that count */
    struct rec_vector marks;   /* struct rec_mark of frames that are rot */
    struct rec_vector torn;    /* struct rec_mark of frames that are torn */
    bool is_any_lost;          /* some frame is rot and nobody names its groups */
};

/* How far into each. */
struct rec_cursor {
    uint32_t row;    /* rows */
    uint32_t lost;   /* unreadable rows */
    uint32_t record; /* records */
    uint32_t mark;   /* marks */
    uint32_t torn;   /* torn */
};

static enum err rec_collect(struct log_recover *r, struct rec_input *in);
static enum err rec_collect_marks(struct rec_state *s, struct rec_vector *out,
                                  const struct rec_frame *frame, const struct log_frame_row *rows,
                                  uint32_t count);
static int rec_row_compare(const void *a, const void *b);
static int rec_record_compare(const void *a, const void *b);
static int rec_mark_compare(const void *a, const void *b);
static uint64_t rec_next_group(const struct rec_state *s, const struct rec_input *in,
                               const struct rec_cursor *c);
static enum err rec_group_decide(struct log_recover *r, const struct rec_input *in,
                                 struct rec_cursor *c, uint64_t group);
static void rec_group_begin(struct rec_group *g, const struct log_row *row, uint64_t group);
static void rec_group_record(struct rec_group *g, const struct rec_record *record, bool is_last,
                             uint64_t mark_seq);
static void rec_group_marks(struct rec_group *g, const struct rec_input *in, uint32_t first,
                            uint32_t end, const struct rec_record *last);
static void rec_group_end(struct log_recover *r, struct rec_group *g, const struct rec_input *in,
                          const struct rec_record *last);

enum err log_recover_groups(struct log_recover *r)
{
    struct rec_state *s = rec_state(r);
    struct rec_input in = {.is_any_lost = false};
    struct rec_cursor c = {0};
    enum err err = rec_collect(r, &in);
    if (err == ERR_OK) {
        err = rec_vector_sort(&s->arena, &s->rows, rec_row_compare);
    }
    if (err == ERR_OK) {
        err = rec_vector_sort(&s->arena, &s->lost, rec_row_compare);
    }
    if (err == ERR_OK) {
        err = rec_vector_sort(&s->arena, &in.records, rec_record_compare);
    }
    if (err == ERR_OK) {
        err = rec_vector_sort(&s->arena, &in.marks, rec_mark_compare);
    }
    if (err == ERR_OK) {
        err = rec_vector_sort(&s->arena, &in.torn, rec_mark_compare);
    }
    while (err == ERR_OK) {
        uint64_t group = rec_next_group(s, &in, &c);
        if (group == UINT64_MAX) {
            break;
        }
        err = rec_group_decide(r, &in, &c, group);
    }
    return err;
}

static enum err rec_collect(struct log_recover *r, struct rec_input *in)
{
    struct rec_state *s = rec_state(r);
    for (uint32_t i = 0; i < s->lanes_count; i++) {
        const struct rec_lane *lane = &s->lanes[i];
        for (uint32_t n = 0; n < lane->frames_count; n++) {
            struct rec_frame *frame = lane->frames[n];
            bool is_rot = frame->row == LOG_RECOVER_F3 || frame->row == LOG_RECOVER_F4 ||
                          frame->row == LOG_RECOVER_F5;
            in->is_any_lost |= frame->row == LOG_RECOVER_F5;
            enum err err = ERR_OK;
            if (is_rot) {
                err = rec_collect_marks(s, &in->marks, frame, frame->marks, frame->marks_count);
            } else if (frame->row == LOG_RECOVER_F6) {
                const struct rec_frame *next =
                    n + 1 < lane->frames_count ? lane->frames[n + 1] : NULL;
                bool is_own = frame->rows != NULL;
                bool is_copy = !is_own && next != NULL && next->copy != NULL;
                err = rec_collect_marks(s, &in->torn, frame,
                                        is_own    ? frame->rows
                                        : is_copy ? next->copy
                                                  : NULL,
                                        is_own    ? frame->head.rows_count
                                        : is_copy ? next->head.copy_count
                                                  : 0);
            }
            bool does_count = frame->row == LOG_RECOVER_F1 || is_rot;
            for (struct rec_record *record = frame->records;
                 err == ERR_OK && does_count && record != NULL; record = record->next) {
                if (record->record.kind != LOG_RECORD_LANES) {
                    err = rec_vector_push(&s->arena, &in->records, record);
                }
            }
            if (err != ERR_OK) {
                return err;
            }
        }
    }
    return ERR_OK;
}

static enum err rec_collect_marks(struct rec_state *s, struct rec_vector *out,
                                  const struct rec_frame *frame, const struct log_frame_row *rows,
                                  uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct rec_mark *mark = arena_alloc(&s->arena, sizeof(*mark), 8);
        if (mark == NULL) {
            return ERR_BUDGET;
        }
        *mark = (struct rec_mark){.row = &rows[i], .frame = frame};
        enum err err = rec_vector_push(&s->arena, out, mark);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static int rec_row_compare(const void *a, const void *b)
{
    uint64_t x = ((const struct log_row *)a)->group;
    uint64_t y = ((const struct log_row *)b)->group;
    return x < y ? -1 : x > y;
}

/* By group, number, boot, then place. */
static int rec_record_compare(const void *a, const void *b)
{
    const struct rec_record *x = a;
    const struct rec_record *y = b;
    if (x->record.group != y->record.group) {
        return x->record.group < y->record.group ? -1 : 1;
    }
    if (x->record.seq != y->record.seq) {
        return x->record.seq < y->record.seq ? -1 : 1;
    }
    const struct log_frame *m = &x->frame->head;
    const struct log_frame *n = &y->frame->head;
    if (m->boot_epoch != n->boot_epoch) {
        return m->boot_epoch < n->boot_epoch ? -1 : 1;
    }
    if (m->lane != n->lane) {
        return m->lane < n->lane ? -1 : 1;
    }
    return m->number < n->number ? -1 : m->number > n->number;
}

static int rec_mark_compare(const void *a, const void *b)
{
    const struct rec_mark *x = a;
    const struct rec_mark *y = b;
    if (x->row->group != y->row->group) {
        return x->row->group < y->row->group ? -1 : 1;
    }
    return x->row->last_seq < y->row->last_seq ? -1 : x->row->last_seq > y->row->last_seq;
}

/* The lowest group that any input still has; UINT64_MAX: none. */
static uint64_t rec_next_group(const struct rec_state *s, const struct rec_input *in,
                               const struct rec_cursor *c)
{
    uint64_t group = UINT64_MAX;
    if (c->row < s->rows.count) {
        group = ((const struct log_row *)s->rows.items[c->row])->group;
    }
    if (c->lost < s->lost.count) {
        uint64_t other = ((const struct log_row *)s->lost.items[c->lost])->group;
        group = other < group ? other : group;
    }
    if (c->record < in->records.count) {
        uint64_t other = ((const struct rec_record *)in->records.items[c->record])->record.group;
        group = other < group ? other : group;
    }
    if (c->mark < in->marks.count) {
        uint64_t other = ((const struct rec_mark *)in->marks.items[c->mark])->row->group;
        group = other < group ? other : group;
    }
    if (c->torn < in->torn.count) {
        uint64_t other = ((const struct rec_mark *)in->torn.items[c->torn])->row->group;
        group = other < group ? other : group;
    }
    return group;
}

static enum err rec_group_decide(struct log_recover *r, const struct rec_input *in,
                                 struct rec_cursor *c, uint64_t group)
{
    struct rec_state *s = rec_state(r);
    const struct log_row *row = NULL;
    bool is_lost = false;
    while (c->lost < s->lost.count &&
           ((const struct log_row *)s->lost.items[c->lost])->group == group) {
        is_lost = true;
        c->lost++;
    }
    while (c->row < s->rows.count &&
           ((const struct log_row *)s->rows.items[c->row])->group == group) {
        row = s->rows.items[c->row++];
    }
    uint32_t first_mark = c->mark;
    uint64_t mark_seq = 0; /* the highest number that rot explains */
    while (c->mark < in->marks.count &&
           ((const struct rec_mark *)in->marks.items[c->mark])->row->group == group) {
        mark_seq = ((const struct rec_mark *)in->marks.items[c->mark++])->row->last_seq;
    }
    bool is_torn = false;
    while (c->torn < in->torn.count &&
           ((const struct rec_mark *)in->torn.items[c->torn])->row->group == group) {
        is_torn = true;
        c->torn++;
    }
    struct log_found *found = arena_alloc_zeroed(&s->arena, sizeof(*found), 8);
    if (found == NULL) {
        return ERR_BUDGET;
    }
    struct rec_group g = {.r = r, .found = found};
    rec_group_begin(&g, row, group);
    found->is_available = !is_lost;
    const struct rec_record *last = NULL;
    while (c->record < in->records.count) {
        const struct rec_record *record = in->records.items[c->record];
        if (record->record.group != group) {
            break;
        }
        c->record++;
        const struct rec_record *next =
            c->record < in->records.count ? in->records.items[c->record] : NULL;
        bool is_same =
            next != NULL && next->record.group == group && next->record.seq == record->record.seq;
        rec_group_record(&g, record, !is_same, mark_seq);
        last = record;
    }
    rec_group_marks(&g, in, first_mark, c->mark, last);
    found->is_tail_torn = is_torn;
    rec_group_end(r, &g, in, last);
    bool does_exist = g.is_created || row != NULL || is_lost || !found->is_available;
    if (does_exist) {
        list_push_back(&r->groups, &found->in_recover);
        r->groups_count++;
    }
    return g.err;
}

static void rec_group_begin(struct rec_group *g, const struct log_row *row, uint64_t group)
{
    struct log_found *found = g->found;
    list_init(&found->entries);
    list_init(&found->segments);
    list_init(&found->ranges);
    list_node_init(&found->in_recover);
    found->file_lowest = UINT64_MAX;
    found->row = (struct log_row){
        .group = group, .state = LOG_ROW_LIVE, .start = {.index = 1}, .max_timestamp = -1};
    if (row != NULL) {
        found->row = *row;
        found->has_row = true;
        g->is_created = true;
    }
    found->last_seq = found->row.seq;
    found->end = found->row.end;
    found->max_timestamp = found->row.max_timestamp;
    g->expected_seq = found->row.seq + 1;
    g->segment_index = found->row.segment_index;
    g->segment_generation = found->row.segment_generation;
    g->pos = found->row.end_pos;
}

/* R1 to R7; then it is applied. `is_last`: the next record has another number. */
static void rec_group_record(struct rec_group *g, const struct rec_record *record, bool is_last,
                             uint64_t mark_seq)
{
    struct log_found *found = g->found;
    struct log_recover *r = g->r;
    uint64_t seq = record->record.seq;
    if (found->has_row && seq <= g->expected_seq - 1 && seq <= found->row.seq) {
        r->counts[LOG_RECOVER_R1]++;
        return;
    }
    if (found->row.state == LOG_ROW_DELETED) {
        r->counts[LOG_RECOVER_R7]++;
        found->last_seq = seq > found->last_seq ? seq : found->last_seq;
        if (record->frame->head.file_number < found->file_lowest) {
            found->file_lowest = record->frame->head.file_number;
        }
        return;
    }
    if (!is_last || seq < g->expected_seq) {
        r->counts[LOG_RECOVER_R5]++;
        return;
    }
    if (!g->is_created) {
        if (record->record.kind != LOG_RECORD_CREATE) {
            r->counts[LOG_RECOVER_R6]++;
            found->is_available = false;
            found->last_seq = seq;
            g->is_noted = true;
            if (record->frame->head.file_number < found->file_lowest) {
                found->file_lowest = record->frame->head.file_number;
            }
            return;
        }
        g->is_created = true;
        g->expected_seq = seq;
    }
    g->is_gap = seq > g->expected_seq;
    if (g->is_gap) {
        g->is_explained = mark_seq >= g->expected_seq;
        r->counts[g->is_explained ? LOG_RECOVER_R3 : LOG_RECOVER_R4]++;
        g->is_noted = true;
        if (!g->is_explained) {
            rec_amnesia(g);
        }
    } else {
        r->counts[LOG_RECOVER_R2]++;
    }
    rec_apply(g, record);
}

/* What frames that are rot had of the group and nothing else gave: G3, G4. */
static void rec_group_marks(struct rec_group *g, const struct rec_input *in, uint32_t first,
                            uint32_t end, const struct rec_record *last)
{
    struct log_found *found = g->found;
    for (uint32_t i = first; i < end; i++) {
        const struct rec_mark *mark = in->marks.items[i];
        const struct log_frame_row *row = mark->row;
        bool is_seen = row->last_seq <= found->row.seq; /* settled before it rotted */
        for (const struct rec_record *record = mark->frame->records; record != NULL && !is_seen;
             record = record->next) {
            is_seen = record->record.group == row->group && record->record.seq == row->last_seq;
        }
        if (is_seen || found->row.state == LOG_ROW_DELETED) {
            continue;
        }
        g->is_noted = true;
        if ((row->what & LOG_ROW_HARD) != 0 && row->last_seq > g->hard_seq) {
            g->r->counts[LOG_RECOVER_G3]++;
            rec_amnesia(g);
        }
        if ((row->what & (LOG_ROW_CUT | LOG_ROW_CONTROL | LOG_ROW_TAIL)) != 0) {
            rec_amnesia(g);
        }
        if (row->first_index != 0 && row->last_index > found->end.index) {
            rec_gap(g, row->last_index, row->next_offset, row->last_term);
        }
        if (row->first_index != 0) {
            g->r->counts[LOG_RECOVER_G4]++;
        }
        if (row->last_seq > found->last_seq) {
            found->last_seq = row->last_seq;
        }
    }
    (void)last;
}

/* Whether `last` shows that nothing of the group was in a frame that is rot and unnamed. */
static bool rec_is_proven(const struct log_recover *r, const struct rec_record *last)
{
    const struct rec_state *s = rec_state(r);
    if (last == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < s->lanes_count; i++) {
        const struct rec_lane *lane = &s->lanes[i];
        for (uint32_t n = 0; n < lane->frames_count; n++) {
            if (lane->frames[n]->row != LOG_RECOVER_F5) {
                continue;
            }
            const struct log_frame *at = &last->frame->head;
            bool is_later = at->boot_epoch > lane->boot_epoch ||
                            (at->boot_epoch == lane->boot_epoch && at->lane == lane->lane &&
                             at->number > lane->frames[n]->head.number);
            if (!is_later) {
                return false;
            }
        }
    }
    return true;
}

static void rec_group_end(struct log_recover *r, struct rec_group *g, const struct rec_input *in,
                          const struct rec_record *last)
{
    struct log_found *found = g->found;
    if (in->is_any_lost && found->row.state == LOG_ROW_LIVE && !rec_is_proven(r, last)) {
        rec_amnesia(g);
        g->is_noted = true;
    }
    if (found->row.hard.commit > found->end.index) {
        r->counts[LOG_RECOVER_G2]++;
        found->row.hard.commit = found->end.index;
        g->is_noted = true;
    }
    if (found->is_tail_torn) {
        r->counts[LOG_RECOVER_G7]++;
        g->is_noted = true;
    }
    if (!g->is_noted) {
        r->counts[LOG_RECOVER_G1]++;
    }
}
