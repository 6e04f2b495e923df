/* Journals of any history against what was written: groups on lanes of several boots, frames in
 * flight torn by each crash, then flushed sectors flipped. What the journal was meant to say is
 * known from how it was made: after every record the builder keeps what its group is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "storage/log/recover.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/recover_build.h"
#include "tests/unit/storage/recover_want.h"

#define MODEL_LANES_MAX  3u
#define MODEL_GROUPS_MAX 4u

/* A lane of the running boot. */
struct model_lane {
    uint64_t durable; /* frames up to here are flushed and known to be */
};

/* A group's place. */
struct model_group {
    struct build_group *g; /* the builder's */
    uint32_t lane;         /* whose frames have its records */
    uint64_t frame;        /* the newest of them in this boot, 0: none */
    bool has_entries;      /* it has entries in the frame in the making */
    uint64_t chains[512];  /* every entry it ever wrote: low halves */
    uint32_t chains_count; /* of them */
};

struct model {
    struct prng prng;                            /* chooses */
    struct build *b;                             /* the journal */
    uint64_t boot_epoch;                         /* running */
    uint32_t lanes_count;                        /* of it */
    uint32_t frames_before;                      /* frames of earlier boots */
    struct model_lane lanes[MODEL_LANES_MAX];    /* of it */
    struct model_group groups[MODEL_GROUPS_MAX]; /* all */
    uint32_t groups_count;                       /* of them */
    bool is_lost[BUILD_FRAMES_MAX];              /* frames that do not count, by index */
    bool has_header[BUILD_FRAMES_MAX];           /* frames whose header can be read */
    uint64_t decided_before;                     /* decisions about frames of earlier boots */
};

static uint64_t model_below(struct model *m, uint64_t n)
{
    return prng_below(&m->prng, n);
}

/* --- Writing --- */

static void model_note(struct model_group *mg, uint64_t first_index)
{
    for (uint64_t i = first_index; i <= mg->g->now.end.index; i++) {
        assert_true(mg->chains_count < 512);
        mg->chains[mg->chains_count++] = mg->g->now.recs[i].chain.low;
    }
}

/* One record of the group, any that may come next. */
static void model_record(struct model *m, struct model_group *mg)
{
    struct build *b = m->b;
    struct build_group *g = mg->g;
    const struct build_state *now = &g->now;
    uint32_t term = now->end.term + (uint32_t)model_below(m, 5) / 4;
    uint64_t next = now->end.index + 1;
    if (!now->is_created) {
        build_create(b, g);
        return;
    }
    if (now->segment_index == 0) {
        build_roll(b, g);
        return;
    }
    switch (model_below(m, 14)) {
    case 0: build_hard(b, g, now->hard.term + 1, (uint32_t)model_below(m, 4), 0); break;
    case 1:
        /* What a cut takes is not in its own frame: such appends are never written. */
        build_cut(b, g,
                  mg->has_entries ? next
                                  : now->start.index + model_below(m, next + 1 - now->start.index));
        break;
    case 2:
        if (next > now->start.index) {
            build_trim(b, g, now->start.index + model_below(m, next + 1 - now->start.index));
        }
        break;
    case 3:
        if (next > now->segment_index) {
            build_roll(b, g);
        }
        break;
    case 4: build_membership(b, g, term); break;
    case 5:
        build_direct(b, g, term, (uint32_t)model_below(m, 6000), 1 + (uint32_t)model_below(m, 3));
        break;
    case 6:
        build_whole(b, g, now->segment_index + model_below(m, next + 1 - now->segment_index));
        break;
    default: build_entry(b, g, term, (uint32_t)model_below(m, 3) == 0 ? 9000 : 60); break;
    }
    mg->has_entries |= now->end.index >= next;
    model_note(mg, next);
}

/* One more frame of a lane in this boot; those that are too many in flight complete first. */
static void model_frame(struct model *m, uint32_t number)
{
    struct build *b = m->b;
    struct model_lane *lane = &m->lanes[number];
    struct build_lane *written = build_lane(b, m->boot_epoch, number);
    uint64_t next = written->next_number;
    uint64_t in_flight = next - 1 - lane->durable;
    lane->durable += in_flight == 2 ? 1 + model_below(m, 2) : model_below(m, in_flight + 1);
    if (written->file != UINT32_MAX &&
        b->files[written->file].length - b->files[written->file].pos < 24 * LIMIT_BLOCK_BYTES) {
        build_file(b, m->boot_epoch, number);
    }
    build_begin(b, m->boot_epoch, number, lane->durable);
    for (uint32_t i = 0; i < m->groups_count; i++) {
        struct model_group *mg = &m->groups[i];
        bool is_free = mg->frame <= m->lanes[mg->lane].durable; /* it may move to this lane */
        if (mg->g->now.is_deleted || mg->g->now.end.index > 120 || mg->g->now.seq > 300 ||
            model_below(m, 2) == 0 || (mg->lane != number && !is_free)) {
            continue;
        }
        mg->lane = number;
        mg->frame = next;
        mg->has_entries = false;
        for (uint64_t count = 1 + model_below(m, 3); count > 0; count--) {
            model_record(m, mg);
        }
        if (model_below(m, 60) == 0) {
            build_delete(b, mg->g);
        }
    }
    (void)build_end(b);
}

static void model_boot(struct model *m)
{
    struct build *b = m->b;
    struct log_lane_end ends[BUILD_LANES_MAX];
    uint32_t ends_count = b->is_recovered ? log_recover_ends(&b->r, ends, BUILD_LANES_MAX) : 0;
    m->boot_epoch++;
    m->frames_before = b->frames_count;
    m->lanes_count = 1 + (uint32_t)model_below(m, MODEL_LANES_MAX);
    memset(m->lanes, 0, sizeof(m->lanes));
    for (uint32_t i = 0; i < m->groups_count; i++) {
        m->groups[i].lane = (uint32_t)model_below(m, m->lanes_count);
        m->groups[i].frame = 0;
    }
    (void)build_lanes(b, m->boot_epoch, ends, ends_count);
    m->lanes[0].durable = 1;
    for (uint64_t steps = model_below(m, 25); steps > 0; steps--) {
        model_frame(m, (uint32_t)model_below(m, m->lanes_count));
    }
}

/* --- Crashing --- */

/* What the crash leaves of a frame that was in flight. */
static void model_tear(struct model *m, uint32_t index)
{
    struct build *b = m->b;
    const struct build_frame *frame = &b->frames[index];
    uint8_t *data = b->files[frame->file].data + frame->pos;
    uint32_t blocks = frame->head.frame_bytes / LIMIT_BLOCK_BYTES;
    uint64_t kind = model_below(m, 4);
    bool is_first = frame->pos == LOG_JOURNAL_HEADER_BYTES;
    uint8_t *before = malloc(frame->head.frame_bytes);
    assert_non_null(before);
    memcpy(before, data, frame->head.frame_bytes);
    for (uint32_t i = 0; i < blocks && kind < 2; i++) {
        if (kind == 0 || model_below(m, 3) == 0) {
            memset(data + (size_t)i * LIMIT_BLOCK_BYTES, 0, LIMIT_BLOCK_BYTES);
        }
    }
    if (is_first && (kind == 0 || model_below(m, 3) == 0)) {
        memset(data - LOG_JOURNAL_HEADER_BYTES, 0, LOG_JOURNAL_HEADER_BYTES);
    }
    m->is_lost[index] = memcmp(before, data, frame->head.frame_bytes) != 0;
    m->has_header[index] = data[0] != 0;
    free(before);
}

/* Whether a later record of its lane takes all entries of the direct tail, number `n` of frame
 * `index`: nobody asks for their bodies. That one may be lost itself, so it is left alone. */
static bool model_is_taken(const struct model *m, uint32_t index, uint32_t n)
{
    const struct build *b = m->b;
    const struct build_frame *frame = &b->frames[index];
    const uint8_t *tail = b->files[frame->file].data + frame->pos + frame->record_pos[n];
    struct bytes_reader r = bytes_reader(tail + 32 + 48, 8);
    uint64_t first_index = bytes_get_u64le(&r);
    for (uint32_t i = index; i < b->frames_count; i++) {
        const struct build_frame *later = &b->frames[i];
        for (uint32_t k = 0; k < later->records_count; k++) {
            const uint8_t *record = b->files[later->file].data + later->pos + later->record_pos[k];
            if (later->head.lane != frame->head.lane ||
                later->record_group[k] != frame->record_group[n] ||
                later->record_seq[k] <= frame->record_seq[n]) {
                continue;
            }
            r = bytes_reader(record + 32, 8);
            if (record[0] == LOG_RECORD_DELETE ||
                (record[0] == LOG_RECORD_CUT && bytes_get_u64le(&r) <= first_index)) {
                return true;
            }
        }
    }
    return false;
}

/* A direct tail in frame `index` whose blocks did not reach their segment. */
static void model_tear_direct(struct model *m, uint32_t index)
{
    struct build *b = m->b;
    const struct build_frame *frame = &b->frames[index];
    for (uint32_t i = 0; i < frame->records_count; i++) {
        const uint8_t *record = b->files[frame->file].data + frame->pos + frame->record_pos[i];
        bool is_direct = record[0] == LOG_RECORD_TAIL && record[1] == LOG_TAIL_DIRECT;
        struct bytes_reader r = bytes_reader(record + 32 + 40, 4);
        uint32_t crc = is_direct ? bytes_get_u32le(&r) : 0; /* 0: no block was written */
        if (crc == 0 || m->is_lost[index] || model_below(m, 4) != 0 ||
            b->unsound_count == BUILD_UNSOUND_MAX || model_is_taken(m, index, i)) {
            continue;
        }
        b->unsound[b->unsound_count++] = crc;
        m->is_lost[index] = true;
    }
}

/* The machine stops. Decides what the journal says from now on, and takes the groups back to it. */
static void model_crash(struct model *m)
{
    struct build *b = m->b;
    for (uint32_t i = m->frames_before; i < b->frames_count; i++) {
        const struct log_frame *head = &b->frames[i].head;
        m->is_lost[i] = false;
        m->has_header[i] = true;
        if (head->number > m->lanes[head->lane].durable) {
            model_tear(m, i);
            model_tear_direct(m, i);
        }
    }
    for (uint32_t i = m->frames_before; i < b->frames_count; i++) { /* what is behind a lost one */
        for (uint32_t n = m->frames_before; n < i; n++) {
            m->is_lost[i] |= m->is_lost[n] && b->frames[n].head.lane == b->frames[i].head.lane;
        }
    }
}

/* The highest group_seq of the group in frames that count; 0: none. */
static uint64_t model_seq(const struct model *m, uint64_t group)
{
    uint64_t seq = 0;
    for (uint32_t i = 0; i < m->b->frames_count; i++) {
        const struct build_frame *frame = &m->b->frames[i];
        for (uint32_t n = 0; n < frame->records_count && !m->is_lost[i]; n++) {
            seq = frame->record_group[n] == group ? frame->record_seq[n] : seq;
        }
    }
    return seq;
}

/* How many decisions there must be about the running boot's frames: up to the highest number that
 * left a trace; in later boots also about those that left one behind the end. */
static uint64_t model_decided(const struct model *m, bool is_named)
{
    const struct build *b = m->b;
    uint64_t count = 0;
    for (uint32_t number = 0; number < m->lanes_count; number++) {
        uint64_t high = 0;
        uint64_t end = 0;
        uint64_t traces = 0;
        for (uint32_t i = m->frames_before; i < b->frames_count; i++) {
            const struct build_frame *frame = &b->frames[i];
            const uint8_t *file = b->files[frame->file].data;
            bool is_begun = frame->pos == LOG_JOURNAL_HEADER_BYTES && file[0] != 0;
            if (frame->head.lane == number) {
                high = m->has_header[i] || is_begun ? frame->head.number : high;
                end = m->is_lost[i] ? end : frame->head.number;
                traces += m->is_lost[i] && m->has_header[i];
            }
        }
        count += is_named ? end + traces : high;
    }
    return count;
}

/* --- Comparing --- */

static uint64_t model_rows_count(const struct build *b, enum log_recover_row first,
                                 enum log_recover_row last)
{
    uint64_t count = 0;
    for (uint32_t row = first; row <= last; row++) {
        count += b->r.counts[row];
    }
    return count;
}

/* Reading in any order, and twice, says the same. */
static void model_reads_alike(struct model *m)
{
    struct build *b = m->b;
    uint32_t order[BUILD_FILES_MAX];
    uint64_t digest = build_digest(b);
    for (uint32_t i = 0; i < b->files_count; i++) {
        order[i] = i;
    }
    prng_shuffle(&m->prng, order, b->files_count, sizeof(order[0]));
    build_recover_in(b, order);
    assert_int_equal(build_digest(b), digest);
    build_recover(b);
    assert_int_equal(build_digest(b), digest);
}

/* Nothing is rotten: every group is exactly what it was. */
static void model_compare(struct model *m)
{
    struct build *b = m->b;
    uint64_t records = 0;
    build_recover(b);
    for (uint32_t i = 0; i < b->frames_count; i++) {
        for (uint32_t n = 0; n < b->frames[i].records_count; n++) {
            records += !m->is_lost[i] && b->frames[i].record_seq[n] != 0;
        }
    }
    assert_int_equal(model_rows_count(b, LOG_RECOVER_R1, LOG_RECOVER_R9), records);
    assert_int_equal(model_rows_count(b, LOG_RECOVER_R3, LOG_RECOVER_R6), 0);
    assert_int_equal(model_rows_count(b, LOG_RECOVER_R8, LOG_RECOVER_R9), 0);
    assert_int_equal(model_rows_count(b, LOG_RECOVER_F3, LOG_RECOVER_F5), 0);
    assert_int_equal(build_frames_decided(b), m->decided_before + model_decided(m, false));
    for (uint32_t i = 0; i < m->groups_count; i++) {
        struct build_group *g = m->groups[i].g;
        uint64_t seq = model_seq(m, g->group);
        if (seq == 0) {
            assert_null(build_found(b, g->group));
        } else {
            want_group(b, g->group, seq);
        }
    }
    model_reads_alike(m);
}

/* The groups go on from what is there. */
static void model_restart(struct model *m)
{
    m->decided_before += model_decided(m, true);
    for (uint32_t i = 0; i < m->groups_count; i++) {
        build_rewind(m->groups[i].g, model_seq(m, m->groups[i].g->group));
    }
}

/* Some groups have been settled up to some record. */
static void model_settle(struct model *m)
{
    struct build *b = m->b;
    for (uint32_t i = 0; i < m->groups_count; i++) {
        struct build_group *g = m->groups[i].g;
        uint64_t seq = model_seq(m, g->group);
        uint64_t least = 1;
        for (uint32_t n = 0; n < b->rows_count; n++) {
            least = b->rows[n].group == g->group ? b->rows[n].seq : least;
        }
        if (seq > least && model_below(m, 2) == 0) {
            (void)build_settle(b, g, least + model_below(m, seq - least + 1));
        }
    }
}

/* --- Rot --- */

static bool model_wrote(const struct model_group *mg, uint64_t chain)
{
    for (uint32_t i = 0; i < mg->chains_count; i++) {
        if (mg->chains[i] == chain) {
            return true;
        }
    }
    return false;
}

/* Whatever was damaged: nothing is invented. */
static void model_is_honest(const struct model *m)
{
    for (uint32_t i = 0; i < m->groups_count; i++) {
        const struct model_group *mg = &m->groups[i];
        const struct log_found *found = build_found(m->b, mg->g->group);
        if (found == NULL || !found->is_available || found->row.state == LOG_ROW_DELETED) {
            continue;
        }
        want_sane(found);
        list_for_each (node, &found->entries) {
            const struct log_found_entry *entry =
                CONTAINER_OF(node, struct log_found_entry, in_group);
            if ((entry->rec.flags & LOG_SIDECAR_QUARANTINED) == 0) {
                assert_true(model_wrote(mg, entry->rec.chain.low));
            }
        }
    }
}

/* One flushed frame was damaged: each group has all it had, or says what is missing. */
static void model_names_losses(const struct model *m)
{
    const struct build *b = m->b;
    for (uint32_t i = 0; i < m->groups_count; i++) {
        const struct build_group *g = m->groups[i].g;
        uint64_t seq = model_seq(m, g->group);
        const struct log_found *found = build_found(b, g->group);
        if (seq == 0) {
            continue;
        }
        if (found == NULL) { /* made in a frame of which nothing is left, not even its name */
            assert_true(b->r.counts[LOG_RECOVER_F5] > 0);
            continue;
        }
        const struct build_state *want = g->states[seq];
        bool is_named = !found->is_available || (found->row.flags & LOG_ROW_AMNESIAC) != 0 ||
                        found->row.state == LOG_ROW_DELETED || want->is_deleted;
        if (is_named) {
            continue;
        }
        assert_int_equal(found->last_seq, seq);
        assert_int_equal(found->end.index, want->end.index);
        assert_int_equal(found->row.hard.term, want->hard.term);
        assert_int_equal(found->row.hard.vote, want->hard.vote);
        assert_true(found->row.start.index <= want->start.index);
        for (uint64_t n = found->row.end.index + 1; n <= want->end.index; n++) {
            const struct log_found_entry *entry = build_found_entry(found, n);
            assert_non_null(entry);
            assert_true(build_is_quarantined(found, n) ||
                        hash128_is_equal(entry->rec.chain, want->recs[n].chain));
        }
    }
}

/* Whether a header that can be read says that the frame was flushed. */
static bool model_is_flushed(const struct model *m, uint32_t index)
{
    const struct log_frame *head = &m->b->frames[index].head;
    for (uint32_t i = 0; i < m->b->frames_count; i++) {
        const struct log_frame *other = &m->b->frames[i].head;
        if (m->has_header[i] && i != index && other->boot_epoch == head->boot_epoch &&
            other->lane == head->lane && other->durable_through >= head->number) {
            return true;
        }
    }
    return false;
}

static void model_rot(struct model *m)
{
    struct build *b = m->b;
    uint64_t decided = build_frames_decided(b);
    for (uint32_t times = 0; times < 6; times++) {
        uint32_t index = (uint32_t)model_below(m, b->frames_count);
        const struct build_frame *frame = &b->frames[index];
        if (!model_is_flushed(m, index)) {
            continue;
        }
        uint8_t *data = b->files[frame->file].data + frame->pos;
        uint8_t sector[512];
        size_t pos = (size_t)model_below(m, frame->head.frame_bytes);
        size_t start = pos / sizeof(sector) * sizeof(sector);
        memcpy(sector, data + start, sizeof(sector));
        if (model_below(m, 3) == 0) {
            prng_fill(&m->prng, data + start, sizeof(sector));
        } else {
            data[pos] ^= (uint8_t)(1u << model_below(m, 8));
        }
        build_recover(b);
        if (frame->head.number > 1 || frame->head.lane > 0) { /* else lanes may have no end now */
            assert_int_equal(build_frames_decided(b), decided);
        }
        model_is_honest(m);
        model_names_losses(m);
        model_reads_alike(m);
        memcpy(data + start, sector, sizeof(sector));
    }
    for (uint32_t times = 0; times < 20;
         times++) { /* much more than a disk does: nothing is undone */
        struct build_file *file = &b->files[model_below(m, b->files_count)];
        file->data[model_below(m, file->pos)] ^= (uint8_t)(1u << model_below(m, 8));
        build_recover(b);
        model_is_honest(m);
    }
    model_reads_alike(m);
}

static void model_case(uint64_t seed)
{
    struct model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    prng_init(&m->prng, seed);
    m->b = build_new();
    m->groups_count = 1 + (uint32_t)model_below(m, MODEL_GROUPS_MAX);
    for (uint32_t i = 0; i < m->groups_count; i++) {
        m->groups[i].g = build_group(m->b, 10 + i);
    }
    for (uint64_t boots = 1 + model_below(m, 3); boots > 0; boots--) {
        model_boot(m);
        model_crash(m);
        model_settle(m);
        model_compare(m);
        model_restart(m);
    }
    model_rot(m);
    build_free(m->b);
    free(m);
}

static void recover_agrees_with_what_was_written(void **state)
{
    (void)state;
    struct share share = share_open("histories", 95);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        char text[32];
        snprintf(text, sizeof(text), "%llu", (unsigned long long)seed);
        setenv("TDB_MODEL_CASE", text, 1);
        model_case(seed);
    }
    share_close(&share);
}

/* After a failure: which case it was. */
static int recover_teardown(void **state)
{
    (void)state;
    const char *text = getenv("TDB_MODEL_CASE");
    if (text != NULL) {
        printf("last case: TDB_SEED=%s\n", text);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(recover_agrees_with_what_was_written, recover_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
