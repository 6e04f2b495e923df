/* Recovery: what each group is (storage/README.md, R1..R9, G1..G7). See recover.h.
 *
 * Frames that count give their records to the groups; rot frames also what their directories claim
 * was in them. Each group's records are applied in the order of group_seq; where some are missing,
 * claims that fall into the gap say which entries those were. A claim of which nothing is missing
 * says nothing. */
#include "base/assert.h"
#include "storage/log/recover_log.h"

static enum err recover_deal(struct log_recover *r, const struct recover_step *step);
static void recover_claim_see(struct recover_claim *claim, const struct log_record *record);
static enum err recover_deal_claims(struct log_recover *r, const struct recover_step *step,
                                    const struct log_frame_row *rows, uint32_t rows_count);
static void recover_deal_torn(struct log_recover *r, const struct recover_step *step);
static bool recover_group_is_before(const struct recover_link *a, const struct recover_link *b);
static enum err recover_group_run(struct log_recover *r, struct recover_group *g);
static enum err recover_group_record(struct log_recover *r, struct recover_group *g,
                                     struct recover_record *rec, enum log_recover_row *out);
static enum err recover_group_gap(struct log_recover *r, struct recover_group *g,
                                  struct recover_record *rec, uint64_t seq, bool *is_explained);
static uint64_t recover_claim_lost(const struct recover_group *g, const struct recover_claim *claim,
                                   uint64_t index);
static enum err recover_group_claim(struct log_recover *r, struct recover_group *g,
                                    const struct recover_claim *claim, uint64_t *lost);
static uint64_t recover_group_gap_index(const struct recover_group *g);
static enum err recover_group_claim_left(struct log_recover *r, struct recover_group *g);
static enum err recover_group_claim_cut(struct log_recover *r, struct recover_group *g,
                                        const struct recover_claim *claim);
static void recover_group_file(struct recover_group *g, uint64_t file_number, uint64_t seq,
                               bool is_needed);
static void recover_group_prove(struct log_recover *r, struct recover_group *g,
                                const struct recover_frame *frame);
static enum err recover_group_reach(struct log_recover *r, struct recover_group *g);
static void recover_group_finish(struct log_recover *r, struct recover_group *g);
static void recover_gone(struct log_recover *r);

enum err log_recover_groups(struct log_recover *r)
{
    struct recover_state *state = r->state;
    for (uint32_t i = 0; i < state->lanes_count; i++) {
        const struct recover_lane *lane = &state->lanes[i];
        struct recover_step step = {0};
        if (lane->rot_number != 0) {
            bool is_newer = lane->boot_epoch > state->rot_boot_max || state->rot_lanes_count == 0;
            state->rot_lanes_count = is_newer ? 1 : state->rot_lanes_count + 1;
            state->rot_boot_max = lane->boot_epoch;
        }
        while (recover_lane_step(lane, &step)) {
            enum err err = recover_deal(r, &step);
            if (err != ERR_OK) {
                return err;
            }
        }
    }
    recover_gone(r);
    for (uint32_t i = 0; i < state->lanes_count; i++) {
        struct recover_step step = {0};
        while (recover_lane_step(&state->lanes[i], &step)) {
            recover_deal_torn(r, &step);
        }
    }
    recover_sort(&state->groups, recover_group_is_before);
    for (struct recover_link *link = state->groups.first; link != NULL; link = link->next) {
        struct recover_group *g = CONTAINER_OF(link, struct recover_group, link);
        bool is_seen = g->found.has_row || g->is_row_lost || g->records.first != NULL ||
                       g->claims.first != NULL;
        if (!is_seen) {
            continue; /* its `create` was in a frame that has been torn since */
        }
        enum err err = recover_group_run(r, g);
        if (err != ERR_OK) {
            return err;
        }
        list_push_back(&r->groups, &g->found.in_recover);
        r->groups_count++;
    }
    return ERR_OK;
}

/* A lane that is gone is one with an F5, in which nothing proves a group whole. */
static void recover_gone(struct log_recover *r)
{
    struct recover_state *state = r->state;
    if (state->gone_boot == 0) {
        return;
    }
    r->counts[LOG_RECOVER_F5]++;
    if (state->rot_lanes_count == 0 || state->gone_boot > state->rot_boot_max) {
        state->rot_boot_max = state->gone_boot;
        state->rot_lanes_count = 1;
    } else if (state->gone_boot == state->rot_boot_max) {
        state->rot_lanes_count++;
    }
}

/* --- Dealing out frames --- */

/* Whether the frame behind the one of `step`, or behind the missing ones, repeats its directory. */
static bool recover_step_has_copy(const struct recover_step *step)
{
    const struct recover_frame *next = step->following;
    return next != NULL && next->head.number == step->last + 1 && next->has_copy;
}

/* The records of a frame that counts, and the claims of one that is rot. */
static enum err recover_deal(struct log_recover *r, const struct recover_step *step)
{
    struct recover_frame *frame = step->frame;
    bool is_rot = step->decision == LOG_RECOVER_F3 || step->decision == LOG_RECOVER_F4 ||
                  step->decision == LOG_RECOVER_F5;
    enum err err = ERR_OK;
    if (step->decision == LOG_RECOVER_F3 && !frame->is_whole) {
        err = recover_deal_claims(r, step, frame->rows, frame->head.rows_count);
    } else if (step->decision == LOG_RECOVER_F4) {
        const struct recover_frame *next = step->following;
        err = recover_deal_claims(r, step, next->copy, next->head.copy_count);
    }
    if (err != ERR_OK || frame == NULL || (step->decision != LOG_RECOVER_F1 && !is_rot)) {
        return err;
    }
    struct recover_link *link = frame->records.first;
    while (link != NULL) {
        struct recover_record *rec = CONTAINER_OF(link, struct recover_record, link);
        struct recover_group *g = NULL;
        link = link->next;
        if (rec->record.kind == LOG_RECORD_LANES) {
            continue;
        }
        err = recover_group_make(r, rec->record.group, &g);
        if (err != ERR_OK) {
            return err;
        }
        rec->claim = g->claim != NULL && g->claim->frame == frame ? g->claim : NULL;
        if (rec->claim != NULL) {
            recover_claim_see(rec->claim, &rec->record);
        }
        recover_push(&g->records, &rec->link);
    }
    return ERR_OK;
}

/* One of the records that are left of a frame, in order. A cut that stands there with all that
 * follows it is the one that counts: no cut is among what was lost behind it. */
static void recover_claim_see(struct recover_claim *claim, const struct log_record *record)
{
    bool is_next = record->seq == claim->seen_seq + 1;
    claim->is_cut_seen = record->kind == LOG_RECORD_CUT || (claim->is_cut_seen && is_next);
    claim->seen_seq = record->seq;
    if (record->kind == LOG_RECORD_ENTRY) {
        claim->is_first_seen |= record->entry.index == claim->row.first_index;
    } else if (record->kind == LOG_RECORD_TAIL && record->tail.recs_count > 0) {
        claim->is_first_seen |= record->tail.first_index == claim->row.first_index;
    }
    if (claim->is_cut_seen && record->seq == claim->row.last_seq) {
        claim->row.what &= ~LOG_ROW_CUT;
    }
}

static enum err recover_deal_claims(struct log_recover *r, const struct recover_step *step,
                                    const struct log_frame_row *rows, uint32_t rows_count)
{
    const struct recover_frame *frame = step->frame != NULL ? step->frame : step->following;
    for (uint32_t i = 0; i < rows_count; i++) {
        struct recover_group *g = NULL;
        void *made = NULL;
        enum err err = recover_group_make(r, rows[i].group, &g);
        if (err == ERR_OK) {
            err = recover_alloc(r, sizeof(struct recover_claim), &made);
        }
        if (err != ERR_OK) {
            return err;
        }
        struct recover_claim *claim = made;
        claim->row = rows[i];
        claim->frame = step->frame;
        claim->boot_epoch = frame->head.boot_epoch;
        claim->lane = frame->head.lane;
        claim->number = step->last;
        claim->file_number = frame->head.file_number;
        if (step->frame == NULL) { /* it may stand at the end of the file before the copy's */
            claim->file_number =
                step->previous != NULL ? step->previous->head.file_number : r->journal_floor;
        }
        g->claim = claim;
        recover_push(&g->claims, &claim->link);
    }
    return ERR_OK;
}

/* Groups that a torn frame names, or a frame behind it: they may have lost what nobody answered. */
static void recover_deal_torn(struct log_recover *r, const struct recover_step *step)
{
    struct recover_state *state = r->state;
    const struct recover_frame *frame = step->frame;
    bool is_torn = step->decision == LOG_RECOVER_F6;
    if (!is_torn && step->decision != LOG_RECOVER_F7) {
        return;
    }
    const struct log_frame_row *rows = NULL;
    uint32_t rows_count = 0;
    struct recover_link *link = NULL;
    if (frame != NULL && (frame->has_rows || frame->is_whole)) {
        rows = frame->rows;
        rows_count = rows != NULL ? frame->head.rows_count : 0;
        link = frame->records.first;
    } else if (recover_step_has_copy(step)) {
        rows = step->following->copy;
        rows_count = rows != NULL ? step->following->head.copy_count : 0;
        state->is_blind |= step->first != step->last;
    } else {
        state->is_blind = true;
    }
    for (uint32_t i = 0; i < rows_count; i++) {
        struct recover_group *g = recover_group_find(r, rows[i].group);
        if (g != NULL) {
            g->found.is_tail_torn = true;
        }
    }
    for (; link != NULL; link = link->next) {
        const struct recover_record *rec = CONTAINER_OF(link, struct recover_record, link);
        struct recover_group *g = recover_group_find(r, rec->record.group);
        if (g != NULL && rec->record.kind != LOG_RECORD_LANES) {
            g->found.is_tail_torn = true;
        }
    }
}

/* --- One group --- */

static bool recover_group_is_before(const struct recover_link *a, const struct recover_link *b)
{
    return CONTAINER_OF(a, struct recover_group, link)->found.row.group <
           CONTAINER_OF(b, struct recover_group, link)->found.row.group;
}

static bool recover_record_is_before(const struct recover_link *a, const struct recover_link *b)
{
    const struct recover_record *x = CONTAINER_OF(a, struct recover_record, link);
    const struct recover_record *y = CONTAINER_OF(b, struct recover_record, link);
    const struct log_frame *p = &x->frame->head;
    const struct log_frame *q = &y->frame->head;
    if (x->record.seq != y->record.seq) {
        return x->record.seq < y->record.seq;
    }
    if (p->boot_epoch != q->boot_epoch) {
        return p->boot_epoch < q->boot_epoch;
    }
    if (p->lane != q->lane) {
        return p->lane < q->lane;
    }
    return p->number != q->number ? p->number < q->number : x->data_pos < y->data_pos;
}

static bool recover_claim_is_before(const struct recover_link *a, const struct recover_link *b)
{
    const struct recover_claim *x = CONTAINER_OF(a, struct recover_claim, link);
    const struct recover_claim *y = CONTAINER_OF(b, struct recover_claim, link);
    if (x->row.last_seq != y->row.last_seq) {
        return x->row.last_seq < y->row.last_seq;
    }
    if (x->boot_epoch != y->boot_epoch) {
        return x->boot_epoch < y->boot_epoch;
    }
    return x->lane != y->lane ? x->lane < y->lane : x->number < y->number;
}

static enum err recover_group_run(struct log_recover *r, struct recover_group *g)
{
    struct log_found *found = &g->found;
    g->claim = NULL;
    recover_sort(&g->records, recover_record_is_before);
    recover_sort(&g->claims, recover_claim_is_before);
    uint64_t claimed_seq = 0;
    if (g->claims.last != NULL) {
        claimed_seq = CONTAINER_OF(g->claims.last, struct recover_claim, link)->row.last_seq;
    }
    for (struct recover_link *link = g->records.first; link != NULL; link = link->next) {
        struct recover_record *rec = CONTAINER_OF(link, struct recover_record, link);
        enum log_recover_row row = LOG_RECOVER_R1;
        enum err err = recover_group_record(r, g, rec, &row);
        if (err != ERR_OK) {
            return err;
        }
        r->counts[row]++;
        if (row != LOG_RECOVER_R5 && rec->record.seq > found->last_seq) {
            found->last_seq = rec->record.seq;
        }
        recover_group_file(g, rec->frame->head.file_number, rec->record.seq,
                           rec->record.seq > g->table_seq);
        if (row != LOG_RECOVER_R5) {
            recover_group_prove(r, g, rec->frame);
        }
    }
    enum err err = recover_group_claim_left(r, g);
    if (err == ERR_OK && claimed_seq >= g->next_seq && found->row.state == LOG_ROW_LIVE) {
        bool is_explained = false;
        err = recover_group_gap(r, g, NULL, claimed_seq + 1, &is_explained);
        found->last_seq = claimed_seq;
    }
    if (err == ERR_OK) {
        err = recover_group_reach(r, g);
    }
    recover_group_finish(r, g);
    return err;
}

static enum err recover_group_record(struct log_recover *r, struct recover_group *g,
                                     struct recover_record *rec, enum log_recover_row *out)
{
    const struct log_record *record = &rec->record;
    const struct recover_link *next = rec->link.next;
    struct log_found *found = &g->found;
    if (found->row.state == LOG_ROW_DELETED) {
        *out = LOG_RECOVER_R7;
        return ERR_OK;
    }
    if (record->seq <= g->table_seq) {
        *out = LOG_RECOVER_R1;
        return ERR_OK;
    }
    bool is_twice =
        next != NULL && CONTAINER_OF(next, struct recover_record, link)->record.seq == record->seq;
    if (is_twice || rec->frame->head.boot_epoch < g->boot_last) { /* a later start went on before */
        *out = LOG_RECOVER_R5;
        return ERR_OK;
    }
    if (!found->has_row && !g->is_created && record->kind != LOG_RECORD_CREATE) {
        *out = LOG_RECOVER_R6;
        found->is_available = false;
        g->next_seq = record->seq + 1;
        return ERR_OK;
    }
    bool is_gap = record->seq > g->next_seq;
    bool is_explained = false;
    enum err err = g->claim != rec->claim ? recover_group_claim_left(r, g) : ERR_OK;
    if (g->claim == NULL && !g->is_gap_open) {
        g->gap_seq = 0;
    }
    if (err == ERR_OK && is_gap) {
        err = recover_group_gap(r, g, rec, record->seq, &is_explained);
    }
    if (err == ERR_OK) {
        err = recover_apply(r, g, rec, out);
    }
    if (is_gap) {
        *out = is_explained ? LOG_RECOVER_R3 : LOG_RECOVER_R4;
    }
    g->next_seq = record->seq + 1;
    return err;
}

/* --- Gaps --- */

/* The records from the next one up to `seq` - 1 are missing; `rec`, which has `seq`, follows, or
 * nothing does (NULL). Claims of frames that ended in the gap act now; that of the frame in which
 * `rec` itself stands only says that something is missing: where the entries were, the next entry
 * tells. */
static enum err recover_group_gap(struct log_recover *r, struct recover_group *g,
                                  struct recover_record *rec, uint64_t seq, bool *is_explained)
{
    uint64_t missing = seq - g->next_seq;
    uint64_t lost = 0;
    uint32_t what = 0;
    bool is_knowing = rec != NULL && rec->claim != NULL;
    bool has_entries = is_knowing && rec->claim->row.first_index != 0;
    enum err err = ERR_OK;
    g->gap_seq = g->next_seq;
    while (err == ERR_OK && g->claims.first != NULL) {
        const struct recover_claim *claim =
            CONTAINER_OF(g->claims.first, struct recover_claim, link);
        if (claim->row.last_seq >= seq) {
            break;
        }
        g->claims.first = claim->link.next;
        if (claim->row.last_seq >= g->next_seq) {
            is_knowing = true;
            has_entries |= claim->row.first_index != 0;
            what |= claim->row.what;
            recover_group_file(g, claim->file_number, claim->row.last_seq, true);
            err = recover_group_claim(r, g, claim, &lost);
        }
    }
    if (err == ERR_OK && rec != NULL && rec->claim != NULL) {
        what |= rec->claim->row.what;
        g->claim = rec->claim;
        if (rec->record.kind != LOG_RECORD_CUT || g->is_cut_lost) { /* else the frame's own */
            err = recover_group_claim_cut(r, g, rec->claim);
        }
        if (rec->record.kind == LOG_RECORD_ENTRY) {
            lost += recover_claim_lost(g, rec->claim, rec->record.entry.index);
        }
    }
    /* A frame that had a cut only hides no entries: a roll or cut behind the end is as it would be
     * without the gap. */
    g->is_gap_open |=
        !is_knowing || has_entries || (what & ~(uint32_t)(LOG_ROW_CUT | LOG_ROW_HARD)) != 0;
    g->is_gapped = true;
    g->is_amnesiac |= !is_knowing;
    if ((what & LOG_ROW_TAIL) != 0 || missing > lost) { /* not only entries were lost */
        g->is_hard_lost |= (what & LOG_ROW_HARD) != 0;
        g->is_amnesiac |= (what & LOG_ROW_CONTROL) != 0;
    }
    *is_explained = is_knowing;
    return err;
}

/* How many entries before `index` were lost with the frame. Those in front of its first one were
 * not in it: a reset has passed them over. */
static uint64_t recover_claim_lost(const struct recover_group *g, const struct recover_claim *claim,
                                   uint64_t index)
{
    uint64_t next = recover_group_gap_index(g);
    next = next != 0 ? next : g->found.end.index + 1;
    uint64_t first = claim->row.first_index > next ? claim->row.first_index : next;
    return index > first ? index - first : 0;
}

/* Where the log still ends in a gap that was settled: its first index; else 0. What is missing may
 * be what a former start made it of. */
static uint64_t recover_group_gap_index(const struct recover_group *g)
{
    const struct log_row *row = &g->found.row;
    return g->found.end.index == row->end.index ? row->gap_index : 0;
}

/* A whole frame of the group's records is missing: what it claims happened to the log. */
static enum err recover_group_claim(struct log_recover *r, struct recover_group *g,
                                    const struct recover_claim *claim, uint64_t *lost)
{
    const struct log_frame_row *row = &claim->row;
    struct log_found *found = &g->found;
    enum err err = recover_group_claim_cut(r, g, claim);
    if (row->first_index == 0) {
        g->is_amnesiac |= (row->what & LOG_ROW_TAIL) != 0; /* nobody knows where it ended */
        return err;
    }
    g->is_amnesiac |= row->first_index > found->end.index + 1;
    *lost += recover_claim_lost(g, claim, row->last_index + 1);
    if (err == ERR_OK && row->last_index > found->end.index) {
        err = recover_log_gap(r, g, row->last_index, row->next_offset, row->last_term);
    }
    return err;
}

/* The frame in which something was missing is behind: entries that it had at its end and that no
 * record of it gave are lost. */
static enum err recover_group_claim_left(struct log_recover *r, struct recover_group *g)
{
    const struct recover_claim *claim = g->claim;
    g->claim = NULL;
    if (claim == NULL || claim->row.last_index < g->found.end.index ||
        g->found.row.state == LOG_ROW_DELETED) {
        return ERR_OK;
    }
    if (claim->row.last_index == g->found.end.index) { /* a roll or trim told of the entries */
        if (!g->is_chain_known) {
            (void)recover_log_gap_end(g, claim->row.next_offset, claim->row.last_term);
        }
        return ERR_OK;
    }
    return recover_log_gap(r, g, claim->row.last_index, claim->row.next_offset,
                           claim->row.last_term);
}

/* A cut may be among what is missing. The entries of its frame begin where it cut, or in front of
 * it; a frame with no entry does not say where, but the next one with any does. */
static enum err recover_group_claim_cut(struct log_recover *r, struct recover_group *g,
                                        const struct recover_claim *claim)
{
    const struct recover_frame *frame = claim->frame;
    const struct log_frame_row *row = &claim->row;
    bool is_cut = (row->what & LOG_ROW_CUT) != 0;
    if (row->first_index == 0) {
        g->is_cut_lost |= is_cut;
        return ERR_OK;
    }
    if (!is_cut && !g->is_cut_lost) {
        return ERR_OK;
    }
    if (row->first_index > g->found.end.index + (g->is_cut_lost ? 1 : 0)) {
        return ERR_OK;
    }
    uint64_t gap_index = recover_group_gap_index(g);
    if (gap_index != 0 && gap_index <= row->first_index) {
        return ERR_OK; /* all of it from there on is lost as it is */
    }
    if (claim->is_first_seen) {
        return ERR_OK; /* that one tells, or the table has it */
    }
    const struct log_found_entry *entry = recover_log_find(g, row->first_index);
    if (entry != NULL && frame != NULL && entry->file_number == frame->head.file_number &&
        entry->slot_pos >= frame->pos && entry->slot_pos - frame->pos < frame->head.frame_bytes) {
        return ERR_OK; /* it is the frame's own */
    }
    if (entry != NULL && entry->seq < g->gap_seq && !recover_log_shares_seq(g, entry)) {
        g->gap_seq = entry->seq; /* a row that ends in front of it does not have it either, so that
                                    the next start sees it go again */
    }
    struct recover_fit fit = {0};
    g->is_cut_lost = true;
    return recover_place(r, g, row->first_index, row->next_offset, row->last_term, &fit);
}

/* The table's log start lies behind all that is left, so something was flushed that is not there:
 * what stood between is below the start, what followed it is lost. */
static enum err recover_group_reach(struct log_recover *r, struct recover_group *g)
{
    struct log_found *found = &g->found;
    struct log_point start = found->row.start;
    if (found->row.state == LOG_ROW_DELETED || start.index <= found->end.index + 1) {
        return ERR_OK;
    }
    enum err err = recover_log_gap(r, g, start.index - 1, start.offset, start.term);
    start.index--;
    start.skip_count = 0;
    recover_log_learn(g, &start);
    g->is_amnesiac = true;
    return err;
}

/* --- The outcome --- */

/* What has `seq` stands in that file, or was lost with it. Behind the last that stands in a lower
 * file than what precedes it they only rise. */
static void recover_group_file(struct recover_group *g, uint64_t file_number, uint64_t seq,
                               bool is_needed)
{
    struct log_found *found = &g->found;
    if (is_needed && file_number < found->file_lowest) {
        found->file_lowest = file_number;
    }
    if (file_number < g->file_before) {
        found->mixed_seq = seq - 1;
    }
    g->file_before = file_number;
}

/* The group has a record that counts in `frame`: nothing of it is missing before that, if all its
 * numbers are there. */
static void recover_group_prove(struct log_recover *r, struct recover_group *g,
                                const struct recover_frame *frame)
{
    const struct recover_state *state = r->state;
    struct recover_lane *lane = frame->lane;
    if (frame->head.boot_epoch > g->boot_last) {
        g->boot_last = frame->head.boot_epoch;
    }
    if (lane->boot_epoch == state->rot_boot_max && lane->rot_number != 0 &&
        frame->head.number > lane->rot_number && lane->proves != g) {
        lane->proves = g;
        g->proofs_count++;
    }
}

/* Whether a frame of which nothing is known may have held something of the group. */
static bool recover_group_is_suspect(const struct log_recover *r, const struct recover_group *g)
{
    const struct recover_state *state = r->state;
    if (state->rot_lanes_count == 0) {
        return false;
    }
    return g->is_gapped || g->boot_last < state->rot_boot_max ||
           (g->boot_last == state->rot_boot_max && g->proofs_count < state->rot_lanes_count);
}

static void recover_group_finish(struct log_recover *r, struct recover_group *g)
{
    const struct recover_state *state = r->state;
    struct log_found *found = &g->found;
    uint64_t *counts = r->counts;
    bool is_whole = g->is_created && !g->is_gapped && list_is_empty(&found->ranges) &&
                    list_is_empty(&found->switches) && g->lost_seq > 0 &&
                    found->last_seq >= g->lost_seq;
    found->is_doubtful = state->has_row_doubt && !found->has_row && !g->is_row_lost &&
                         g->is_created && found->row.state == LOG_ROW_LIVE;
    found->is_available = found->is_available && (found->has_row || g->is_created) &&
                          (!g->is_row_lost || is_whole) && !found->is_doubtful;
    counts[LOG_RECOVER_G6] += !found->is_available || g->is_row_lost;
    if (!found->is_available) {
        return;
    }
    if (found->row.state == LOG_ROW_DELETED) {
        found->is_tail_torn = false;
        counts[LOG_RECOVER_G1]++;
        return;
    }
    found->is_tail_torn |= state->is_blind;
    bool is_amnesiac =
        g->is_amnesiac || g->is_hard_lost || g->is_cut_lost || recover_group_is_suspect(r, g);
    bool has_lost = g->has_lost && !list_is_empty(&found->ranges);
    bool has_unsound = g->has_unsound && !list_is_empty(&found->ranges);
    bool is_hinted = found->row.hard.commit > found->end.index;
    if (is_hinted) {
        found->row.hard.commit = found->end.index;
    }
    if (is_amnesiac) {
        found->row.flags |= LOG_ROW_AMNESIAC;
    }
    bool is_news = has_lost || has_unsound ||
                   (is_amnesiac && (found->table_row.flags & LOG_ROW_AMNESIAC) == 0);
    if (is_news && r->journal_floor < found->file_lowest) {
        found->file_lowest = r->journal_floor; /* what tells of it stays until the table does */
    }
    counts[LOG_RECOVER_G2] += is_hinted;
    counts[LOG_RECOVER_G3] += is_amnesiac;
    counts[LOG_RECOVER_G4] += has_lost;
    counts[LOG_RECOVER_G5] += has_unsound;
    counts[LOG_RECOVER_G7] += found->is_tail_torn;
    counts[LOG_RECOVER_G1] +=
        !is_hinted && !is_amnesiac && !has_lost && !has_unsound && !found->is_tail_torn;
}
