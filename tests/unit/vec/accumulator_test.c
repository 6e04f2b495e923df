/* Accumulators: whatever the order of rows, however they are cut and merged, the answer is the
 * aggregate's; sums of doubles are the exact ones, rounded; and copies of states go on to say what
 * they said. */
#include "views/vec/accumulator.h"

#include <math.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/vec/forms.h"
#include "views/vec/key.h"

#define ROWS_MAX    6000u
#define GROUPS_MAX  5u
#define FOLDERS_MAX 8u
#define STATE_MAX   128u

static struct forms here;
static struct arena states_arena;

/* Rows to be folded. */
struct rows {
    const struct vec_aggregate *aggregate;
    const struct vec_accumulator *accumulator;
    uint32_t count;
    struct vec_value *values[VEC_AGGREGATE_ARGS_MAX];
    struct vec_value *origin[3]; /* timestamp, partition, offset */
    uint32_t *groups;
    uint32_t groups_count;
};

/* Who folds some of them. */
struct folder {
    struct vec_accumulation acc;
    struct vec_rooms rooms;
    uint8_t *states[GROUPS_MAX];
    /* Copies of the states, made on the way, and what they answered. */
    uint8_t *copies[GROUPS_MAX];
    struct forms_answer *said[GROUPS_MAX];
};

static const struct vec_expr call = {.pos = 5};

static void rows_init(struct rows *rows, uint32_t count)
{
    arena_reset(&here.kept);
    arena_reset(&here.scratch);
    arena_reset(&states_arena);
    *rows = (struct rows){.count = count, .groups_count = 1};
    for (uint32_t arg = 0; arg < VEC_AGGREGATE_ARGS_MAX; arg++) {
        rows->values[arg] = forms_alloc(&here, (count + 1) * sizeof(struct vec_value));
    }
    for (uint32_t i = 0; i < 3; i++) {
        rows->origin[i] = forms_alloc(&here, (count + 1) * sizeof(struct vec_value));
    }
    rows->groups = forms_alloc(&here, (count + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++) {
        rows->groups[i] = 0;
        rows->origin[0][i] = (struct vec_value){.u.int8 = i / 9};
        rows->origin[1][i] = (struct vec_value){.u.int4 = (int32_t)(i / 3 % 3)};
        rows->origin[2][i] = (struct vec_value){.u.int8 = i % 3};
    }
}

static void rows_random(struct rows *rows, const struct vec_aggregate *aggregate, struct prng *prng)
{
    uint32_t most = prng_below(prng, 30) == 0 ? ROWS_MAX : 60;
    bool is_narrow = prng_below(prng, 2) == 0;
    rows_init(rows, (uint32_t)prng_below(prng, most));
    rows->aggregate = aggregate;
    rows->accumulator = vec_accumulator_of(aggregate);
    rows->groups_count = 1 + (uint32_t)prng_below(prng, GROUPS_MAX);
    for (uint32_t i = 0; i < rows->count; i++) {
        rows->groups[i] = (uint32_t)prng_below(prng, rows->groups_count);
        for (uint32_t arg = 0; arg < aggregate->args_count; arg++) {
            forms_random(&here, prng, (enum vec_kind)aggregate->args[arg], is_narrow,
                         &rows->values[arg][i]);
        }
    }
}

/* *out = the same rows in another order. */
static void rows_shuffled(struct rows *out, const struct rows *rows, struct prng *prng)
{
    uint32_t *order = forms_alloc(&here, (rows->count + 1) * sizeof(uint32_t));
    *out = *rows;
    for (uint32_t i = 0; i < rows->count; i++) {
        order[i] = i;
    }
    prng_shuffle(prng, order, rows->count, sizeof(order[0]));
    out->groups = forms_alloc(&here, (rows->count + 1) * sizeof(uint32_t));
    for (uint32_t c = 0; c < 5; c++) {
        const struct vec_value *from = c < 2 ? rows->values[c] : rows->origin[c - 2];
        struct vec_value *to = forms_alloc(&here, (rows->count + 1) * sizeof(*to));
        for (uint32_t i = 0; i < rows->count; i++) {
            to[i] = from[order[i]];
            out->groups[i] = rows->groups[order[i]];
        }
        *(c < 2 ? &out->values[c] : &out->origin[c - 2]) = to;
    }
}

static void folder_begin(struct folder *f, const struct rows *rows, bool is_alone)
{
    *f = (struct folder){.acc = {.ev = &here.ev, .arena = &states_arena, .is_alone = is_alone}};
    assert_int_equal(rows->accumulator->state_bytes % 8, 0);
    assert_true(rows->accumulator->state_bytes <= STATE_MAX);
    for (uint32_t i = 0; i < rows->groups_count; i++) {
        f->states[i] = arena_alloc_zeroed(&states_arena, rows->accumulator->state_bytes + 8, 16);
        f->states[i] += 8; /* aligned to 8 and no more */
        assert_non_null(f->states[i]);
    }
}

/* finish; and finish_all says the same where it says something. */
static bool folder_finish(struct folder *f, const struct rows *rows, const void *state,
                          struct vec_value *out)
{
    const struct vec_accumulator *accumulator = rows->accumulator;
    enum vec_kind kind = (enum vec_kind)accumulator->result;
    bool is_fine = accumulator->finish(&f->acc, &call, state, out);
    if (accumulator->finish_all == NULL) {
        return is_fine;
    }
    const uint8_t *before = (const uint8_t *)state - 8;
    ALIGNED(64) uint8_t data[sizeof(struct vec_value)];
    bool has_all = accumulator->finish_all(&before, 8, 1, data);
    assert_int_equal(has_all, is_fine && !out->is_null);
    if (has_all) {
        struct vec_vector column = {.type = vec_type(kind), .form = VEC_FLAT, .data = data};
        struct vec_value value;
        vec_get(&column, 0, &value);
        if (kind == VEC_NUMERIC) {
            assert_int_equal(value.u.numeric.scale, out->u.numeric.scale);
            assert_int_equal(value.u.numeric.is_negative, out->u.numeric.is_negative);
        } else {
            assert_memory_equal(&value.u, &out->u, vec_kind_bytes(kind));
        }
        assert_int_equal(vec_value_compare(vec_type(kind), &value, out), 0);
    }
    return is_fine;
}

/* merge, or merge_all where there is one. */
static void folder_merge(struct folder *into, const struct rows *rows, uint8_t *state,
                         const uint8_t *from, bool is_all)
{
    if (is_all && rows->accumulator->merge_all != NULL) {
        uint8_t *before = state - 8;
        rows->accumulator->merge_all(&before, 8, from, rows->accumulator->state_bytes, 1);
    } else {
        assert_true(rows->accumulator->merge(&into->acc, &call, state, from));
    }
}

/* The answer of a state, its bytes kept. */
static void folder_answer(struct folder *f, const struct rows *rows, const void *state,
                          struct forms_answer *out)
{
    struct vec_value value;
    out->length = 0;
    if (folder_finish(f, rows, state, &value)) {
        forms_answer_value(&here, vec_type((enum vec_kind)rows->accumulator->result), &value, out);
    } else {
        forms_answer_failure(&here, out);
    }
    assert_true(out->length < sizeof(out->text));
    out->text[out->length] = '\0';
}

static void folder_copy(struct folder *f, const struct rows *rows)
{
    for (uint32_t i = 0; i < rows->groups_count; i++) {
        f->copies[i] = forms_alloc(&here, rows->accumulator->state_bytes);
        f->said[i] = forms_alloc(&here, sizeof(struct forms_answer));
        memcpy(f->copies[i], f->states[i], rows->accumulator->state_bytes);
        folder_answer(f, rows, f->copies[i], f->said[i]);
    }
}

static void folder_check_copies(struct folder *f, const struct rows *rows)
{
    static struct forms_answer answer;
    for (uint32_t i = 0; i < rows->groups_count && f->copies[i] != NULL; i++) {
        folder_answer(f, rows, f->copies[i], &answer);
        assert_int_equal(answer.length, f->said[i]->length);
        assert_memory_equal(answer.text, f->said[i]->text, answer.length);
    }
}

/* Fold rows first .. first + count - 1 as one batch. */
static void folder_batch(struct folder *f, const struct rows *rows, uint32_t first, uint32_t count,
                         enum vec_form form)
{
    static uint8_t *states[VEC_ROWS_MAX];
    static const enum vec_kind origins[] = {VEC_TIMESTAMPTZ, VEC_INTEGER, VEC_BIGINT};
    struct arena_mark kept = arena_mark(&here.kept);
    struct arena_mark scratch = arena_mark(&here.scratch);
    struct vec_vector args[VEC_AGGREGATE_ARGS_MAX];
    struct vec_vector places[3];
    struct vec_selection selection = forms_selection(&here, count);
    for (uint32_t i = 0; i < count; i++) {
        states[i] = f->states[rows->groups[first + i]];
    }
    for (uint32_t arg = 0; arg < rows->accumulator->args_count; arg++) {
        args[arg] = forms_vector(&here, (enum vec_kind)rows->accumulator->args[arg],
                                 rows->values[arg] + first, 1, selection, form);
    }
    for (uint32_t i = 0; i < 3; i++) {
        places[i] = forms_vector(&here, origins[i], rows->origin[i] + first, 1, selection, form);
    }
    struct vec_origin origin = {&places[0], &places[1], &places[2]};
    assert_true(rows->accumulator->update(&f->acc, &call, args, &origin, selection, states));
    arena_rewind(&here.kept, kept);
    arena_rewind(&here.scratch, scratch);
}

static void folder_batches(struct folder *f, const struct rows *rows, uint32_t first, uint32_t end,
                           struct prng *prng)
{
    while (first < end) {
        uint32_t most = 1 + (uint32_t)prng_below(prng, prng_below(prng, 4) == 0 ? 1024 : 40);
        uint32_t count = most < end - first ? most : end - first;
        enum vec_form form = prng_below(prng, 2) == 0 ? VEC_FLAT : VEC_DICTIONARY;
        form = count == 1 && prng_below(prng, 2) == 0 ? VEC_CONSTANT : form;
        if (!f->acc.is_alone && prng_below(prng, 4) == 0) {
            folder_check_copies(f, rows);
            folder_copy(f, rows);
            f->rooms.unread = f->rooms.now++; /* the copies before are gone */
        }
        folder_batch(f, rows, first, count, form);
        first += count;
    }
}

/* Fold them all: shuffled, cut in pieces, merged in any order. */
static void folder_random(struct folder *out, const struct rows *rows, struct prng *prng)
{
    static struct folder folders[FOLDERS_MAX];
    struct rows shuffled;
    uint32_t count = 1 + (uint32_t)prng_below(prng, FOLDERS_MAX);
    uint32_t first = 0;
    rows_shuffled(&shuffled, rows, prng);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = i + 1 == count ? rows->count
                                      : first + (uint32_t)prng_below(prng, rows->count - first + 1);
        folder_begin(&folders[i], rows, prng_below(prng, 2) == 0);
        if (prng_below(prng, 2) == 0) {
            vec_rooms_init(&folders[i].rooms, &states_arena);
            folders[i].acc.rooms = &folders[i].rooms;
            folders[i].rooms.now = 1;
        }
        folder_batches(&folders[i], &shuffled, first, end, prng);
        first = end;
    }
    for (; count > 1; count--) {
        uint32_t at = (uint32_t)prng_below(prng, count - 1);
        struct folder *into = &folders[at];
        if (!into->acc.is_alone && prng_below(prng, 2) == 0) {
            folder_check_copies(into, rows);
            folder_copy(into, rows);
            into->rooms.unread = into->rooms.now++;
        }
        for (uint32_t group = 0; group < rows->groups_count; group++) {
            folder_merge(into, rows, into->states[group], folders[count - 1].states[group],
                         prng_below(prng, 2) == 0);
        }
        folder_check_copies(&folders[count - 1], rows);
    }
    folder_check_copies(&folders[0], rows);
    *out = folders[0];
    out->acc.rooms = NULL; /* which is another's */
}

/* What the aggregate makes of the rows of a group, in their order. */
static bool aggregate_value(const struct rows *rows, uint32_t group, struct vec_value *out)
{
    const struct vec_aggregate *aggregate = rows->aggregate;
    struct vec_aggregation agg = {.ev = &here.ev, .arena = &states_arena};
    uint8_t *state = arena_alloc(&states_arena, aggregate->state_bytes, 16);
    aggregate->init(state);
    for (uint32_t i = 0; i < rows->count; i++) {
        struct vec_vector args[VEC_AGGREGATE_ARGS_MAX];
        if (rows->groups[i] != group) {
            continue;
        }
        for (uint32_t arg = 0; arg < aggregate->args_count; arg++) {
            vec_constant(vec_type((enum vec_kind)aggregate->args[arg]), &rows->values[arg][i],
                         &args[arg]);
            if (rows->values[arg][i].is_null) {
                static const uint64_t none[1] = {0};
                args[arg].valid = none;
            }
        }
        if (!aggregate->update(&agg, &call, args, (struct vec_selection){.count = 1}, 0, &state)) {
            return false;
        }
    }
    return aggregate->finish(&agg, &call, state, out);
}

/* Whether the answer is one of several that are equal. */
static bool is_extreme(const struct vec_aggregate *aggregate)
{
    return strcmp(aggregate->name, "min") == 0 || strcmp(aggregate->name, "max") == 0;
}

static void check_against_aggregate(const struct rows *rows, struct folder *f, uint32_t group)
{
    static struct forms_answer want;
    static struct forms_answer got;
    struct vec_type type = vec_type((enum vec_kind)rows->aggregate->result);
    struct vec_value theirs;
    struct vec_value ours;
    if (!aggregate_value(rows, group, &theirs)) {
        return; /* which may have been on the way */
    }
    assert_true(folder_finish(f, rows, f->states[group], &ours));
    assert_int_equal(ours.is_null, theirs.is_null);
    if (is_extreme(rows->aggregate)) {
        assert_true(ours.is_null || vec_value_compare(type, &ours, &theirs) == 0);
    } else if (rows->aggregate->args[0] != VEC_DOUBLE || rows->aggregate->args_count != 1) {
        forms_answer_value(&here, type, &theirs, &want);
        folder_answer(f, rows, f->states[group], &got);
        assert_int_equal(want.length, got.length);
        assert_memory_equal(want.text, got.text, want.length);
    }
}

static void whatever_the_order_the_answer_is_the_aggregates(void **state)
{
    (void)state;
    struct share share = share_open("accumulators against aggregates", 45);
    size_t next = 0;
    size_t count = 0;
    while (vec_aggregate_at(count) != NULL) {
        count++;
    }
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        next = (next + 1 + (next > count / 2 ? prng_below(&prng, 10) : 0)) % count;
        const struct vec_aggregate *aggregate = vec_aggregate_at(next);
        if (vec_accumulator_of(aggregate) == NULL) {
            continue;
        }
        struct rows rows;
        struct folder one;
        struct folder other;
        static struct forms_answer want;
        static struct forms_answer got;
        rows_random(&rows, aggregate, &prng);
        folder_random(&one, &rows, &prng);
        folder_random(&other, &rows, &prng);
        for (uint32_t group = 0; group < rows.groups_count; group++) {
            folder_answer(&one, &rows, one.states[group], &want);
            folder_answer(&other, &rows, other.states[group], &got);
            assert_int_equal(want.length, got.length);
            assert_memory_equal(want.text, got.text, want.length);
            check_against_aggregate(&rows, &one, group);
        }
    }
    share_close(&share);
}

/* --- Exact sums ------------------------------------------------------------------------------ */

/* A sum of doubles, each digit of 32 bits by itself. */
struct cells {
    int64_t cell[76]; /* the first counts 2^-1152 */
};

static void cells_add(struct cells *cells, double value, int64_t times)
{
    int exponent;
    double fraction = frexp(fabs(value), &exponent);
    uint64_t digits = (uint64_t)ldexp(fraction, 53);
    int place = exponent - 53 + 1152;
    if (place < 0) { /* of what is subnormal the last digits are zero */
        digits >>= -place;
        place = 0;
    }
    unsigned __int128 wide = (unsigned __int128)digits << (place % 32);
    for (int i = 0; i < 4; i++) {
        int64_t part = (int64_t)(uint32_t)(wide >> (32 * i)) * times;
        cells->cell[place / 32 + i] += value < 0 ? -part : part;
    }
}

/* <0, 0, >0. */
static int cells_sign(struct cells cells)
{
    bool has_some = false;
    for (size_t i = 0; i + 1 < ARRAY_COUNT(cells.cell); i++) {
        int64_t low = cells.cell[i] & 0xffffffff;
        cells.cell[i + 1] += (cells.cell[i] - low) / ((int64_t)1 << 32);
        has_some = has_some || low != 0;
    }
    int64_t top = cells.cell[ARRAY_COUNT(cells.cell) - 1];
    return top < 0 ? -1 : has_some || top > 0;
}

/* Whether `got` is the double nearest to `sum`: not farther than the ones beside it, and even where
 * one of these is as near. */
static bool cells_round_to(const struct cells *sum, double got)
{
    uint64_t bits;
    memcpy(&bits, &got, sizeof(bits));
    for (int side = -1; side <= 1; side += 2) {
        double beside = nextafter(got, side < 0 ? -(double)INFINITY : (double)INFINITY);
        struct cells twice = *sum;
        for (size_t i = 0; i < ARRAY_COUNT(twice.cell); i++) {
            twice.cell[i] *= 2;
        }
        cells_add(&twice, got, -1);
        cells_add(&twice, isinf(beside) ? side * 0x1p1023 : beside, isinf(beside) ? -2 : -1);
        int sign = cells_sign(twice) * side;
        if (sign > 0 || (sign == 0 && (bits & 1) != 0)) {
            return false;
        }
    }
    return true;
}

/* Whether no double is near enough to `sum`. */
static bool cells_overflow(const struct cells *sum)
{
    struct cells less = *sum;
    int sign = cells_sign(less);
    cells_add(&less, sign * 0x1.fffffffffffffp1023, -1);
    cells_add(&less, sign * 0x1p970, -1);
    return sign != 0 && cells_sign(less) * sign >= 0;
}

/* A double: of one of several shapes, so that sums cancel, overflow, underflow and meet halves. */
static double random_double(struct prng *prng, uint32_t shape)
{
    uint64_t bits = prng_u64(prng);
    double value;
    switch (shape) {
    case 0: return ldexp((double)(int64_t)(bits >> 40), -10) * (bits & 1 ? -1 : 1);
    case 1: return ldexp((double)(int64_t)bits, (int)prng_below(prng, 240) - 150);
    case 2: return ldexp(1, (int)prng_below(prng, 120) - 60) * (bits & 1 ? -1 : 1);
    case 3: return ldexp((double)(bits >> 11), 20);
    case 4: return ldexp((double)(bits >> 60), -1074) * (bits & 1 ? -1 : 1);
    case 5: return (bits & 1 ? -1 : 1) * 0x1.fffffffffffffp1023;
    case 6: return ldexp((double)(bits >> 11), (int)prng_below(prng, 30) - 110);
    default: memcpy(&value, &bits, sizeof(value)); return isfinite(value) ? value : 0;
    }
}

static void random_doubles(struct rows *rows, struct prng *prng)
{
    uint32_t shapes = (uint32_t)prng_u64(prng);
    bool has_one = prng_below(prng, 2) == 0;
    bool has_pairs = prng_below(prng, 3) == 0;
    bool has_special = prng_below(prng, 10) == 0;
    rows_init(rows, (uint32_t)prng_below(prng, prng_below(prng, 20) == 0 ? ROWS_MAX : 40));
    for (uint32_t i = 0; i < rows->count; i++) {
        struct vec_value *value = &rows->values[0][i];
        uint32_t shape = has_one ? shapes % 8 : (uint32_t)prng_below(prng, 9);
        *value = (struct vec_value){.is_null = prng_below(prng, 20) == 0,
                                    .u.real = random_double(prng, shape)};
        if (has_pairs && i > 0 && prng_below(prng, 2) == 0) {
            *value = (struct vec_value){.u.real = -rows->values[0][i - 1].u.real};
        }
        if (has_special && prng_below(prng, 10) == 0) {
            static const double specials[] = {INFINITY, -INFINITY, NAN, -0.0, 0.0};
            value->u.real = specials[prng_below(prng, ARRAY_COUNT(specials))];
        }
    }
}

/* Check the sum that `f` answers. */
static void check_exact(const struct rows *rows, struct folder *f, bool is_average)
{
    struct cells sum = {{0}};
    struct vec_value value;
    int64_t count = 0;
    bool has_nan = false;
    bool has[2] = {false, false};
    bool is_minus_zero = true;
    for (uint32_t i = 0; i < rows->count; i++) {
        double term = rows->values[0][i].u.real;
        if (rows->values[0][i].is_null) {
            continue;
        }
        count++;
        has_nan = has_nan || isnan(term);
        has[0] = has[0] || (isinf(term) && term > 0);
        has[1] = has[1] || (isinf(term) && term < 0);
        is_minus_zero = is_minus_zero && term == 0 && signbit(term);
        if (isfinite(term) && term != 0) {
            cells_add(&sum, term, 1);
        }
    }
    bool is_fine = folder_finish(f, rows, f->states[0], &value);
    double got = value.u.real;
    if (count == 0) {
        assert_true(is_fine && value.is_null);
    } else if (has_nan || (has[0] && has[1])) {
        assert_true(is_fine && isnan(got));
    } else if (has[0] || has[1]) {
        assert_true(is_fine && isinf(got) && (got > 0) == has[0]);
    } else if (cells_overflow(&sum)) {
        assert_false(is_fine);
        assert_int_equal(here.ev.failure.fault, VEC_FAULT_OVERFLOW);
    } else if (!is_average) {
        assert_true(is_fine && cells_round_to(&sum, got));
        assert_true(got != 0 || (signbit(got) != 0) == is_minus_zero);
    }
}

static void sums_of_doubles_are_exact(void **state)
{
    (void)state;
    struct share share = share_open("sums of doubles against exact ones", 35);
    uint8_t kind = VEC_DOUBLE;
    while (share_more(&share)) {
        struct prng prng;
        struct rows rows;
        struct folder sum;
        struct folder average;
        struct vec_value whole;
        struct vec_value mean;
        prng_init(&prng, share_case_seed(&share));
        random_doubles(&rows, &prng);
        rows.aggregate = vec_aggregate_find("sum", 3, &kind, 1);
        rows.accumulator = vec_accumulator_of(rows.aggregate);
        folder_random(&sum, &rows, &prng);
        check_exact(&rows, &sum, false);
        bool is_fine = folder_finish(&sum, &rows, sum.states[0], &whole);
        rows.accumulator = vec_accumulator_of(vec_aggregate_find("avg", 3, &kind, 1));
        folder_random(&average, &rows, &prng);
        check_exact(&rows, &average, true);
        if (is_fine && !whole.is_null && isfinite(whole.u.real)) {
            uint32_t count = 0;
            for (uint32_t i = 0; i < rows.count; i++) {
                count += !rows.values[0][i].is_null;
            }
            assert_true(folder_finish(&average, &rows, average.states[0], &mean));
            assert_true(mean.u.real == whole.u.real / count);
        }
    }
    share_close(&share);
}

/* --- The rest -------------------------------------------------------------------------------- */

static void sums_of_numerics_overflow_only_when_they_are_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9999999999999999999999999999999999999999999999999999999999999999999999999999",
        "9999999999999999999999999999999999999999999999999999999999999999999999999999",
        "-9999999999999999999999999999999999999999999999999999999999999999999999999999",
        "-9999999999999999999999999999999999999999999999999999999999999999999999999998",
    };
    uint8_t kind = VEC_NUMERIC;
    struct rows rows;
    struct folder f;
    static struct forms_answer answer;
    rows_init(&rows, 4);
    rows.aggregate = vec_aggregate_find("sum", 3, &kind, 1);
    rows.accumulator = vec_accumulator_of(rows.aggregate);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(forms_value(&here, VEC_NUMERIC, texts[i], strlen(texts[i]), &rows.values[0][i],
                                &answer));
    }
    folder_begin(&f, &rows, false);
    folder_batch(&f, &rows, 0, 2, VEC_FLAT);
    folder_answer(&f, &rows, f.states[0], &answer);
    assert_memory_equal(answer.text, "!22003", 6);
    folder_batch(&f, &rows, 2, 2, VEC_FLAT);
    folder_answer(&f, &rows, f.states[0], &answer);
    assert_string_equal(answer.text, "=1");
    assert_true(f.acc.left_bytes > 0);
}

static void a_value_of_one_row_is_kept(void **state)
{
    (void)state;
    struct share share = share_open("values of one row", 10);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        for (enum vec_kind kind = VEC_NONE + 1; kind < VEC_KIND_COUNT; kind++) {
            struct rows rows;
            struct folder f;
            static struct forms_answer want;
            static struct forms_answer got;
            rows_init(&rows, 1);
            rows.accumulator = vec_accumulator_of_value(kind);
            forms_random(&here, &prng, kind, prng_below(&prng, 2) == 0, &rows.values[0][0]);
            forms_answer_value(&here, vec_type(kind), &rows.values[0][0], &want);
            folder_random(&f, &rows, &prng);
            folder_answer(&f, &rows, f.states[0], &got);
            assert_int_equal(want.length, got.length);
            assert_memory_equal(want.text, got.text, want.length);
        }
    }
    share_close(&share);
}

static void of_equal_values_one_is_kept_in_any_order(void **state)
{
    (void)state;
    static const struct {
        enum vec_kind kind;
        const char *values[4];
        const char *want;
    } cases[] = {
        {VEC_NUMERIC, {"1.500", "1.5", "1.50", "1.5000"}, "=1.5"},
        {VEC_NUMERIC, {"0.00", "0", "0.0", "-0.000"}, "=0"},
        {VEC_DOUBLE, {"-0", "0", "-0", "-0"}, "=0"},
        {VEC_INTERVAL, {"1 mon", "30 days", "720 hours", "29 days 24:00:00"}, "=720:00:00"},
        {VEC_JSONB, {"1.50", "1.5", "1.500", "1.5000"}, "=1.5"},
    };
    struct prng prng;
    prng_init(&prng, 3);
    for (size_t c = 0; c < ARRAY_COUNT(cases); c++) {
        for (int round = 0; round < 20; round++) {
            struct rows rows;
            struct folder f;
            static struct forms_answer answer;
            rows_init(&rows, 4);
            rows.accumulator = vec_accumulator_of_equals(cases[c].kind);
            assert_non_null(rows.accumulator);
            for (uint32_t i = 0; i < 4; i++) {
                assert_true(forms_value(&here, cases[c].kind, cases[c].values[i],
                                        strlen(cases[c].values[i]), &rows.values[0][i], &answer));
            }
            folder_random(&f, &rows, &prng);
            folder_answer(&f, &rows, f.states[0], &answer);
            assert_string_equal(answer.text, cases[c].want);
        }
    }
    assert_null(vec_accumulator_of_equals(VEC_TEXT));
    assert_null(vec_accumulator_of_equals(VEC_BIGINT));
}

static void states_are_small(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum vec_kind kind;
        uint32_t bytes;
    } cases[] = {
        {"count", VEC_TEXT, 8},  {"sum", VEC_BIGINT, 16},  {"sum", VEC_INTEGER, 16},
        {"sum", VEC_DOUBLE, 32}, {"sum", VEC_NUMERIC, 32}, {"avg", VEC_BIGINT, 24},
        {"min", VEC_INTEGER, 8}, {"max", VEC_BIGINT, 16},  {"max", VEC_TEXT, 24},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint8_t kind = (uint8_t)cases[i].kind;
        const struct vec_aggregate *aggregate =
            vec_aggregate_find(cases[i].name, strlen(cases[i].name), &kind, 1);
        assert_int_equal(vec_accumulator_of(aggregate)->state_bytes, cases[i].bytes);
    }
    for (size_t i = 0; vec_aggregate_at(i) != NULL; i++) {
        const char *name = vec_aggregate_at(i)->name;
        bool is_variance = strncmp(name, "var", 3) == 0 || strncmp(name, "std", 3) == 0;
        assert_int_equal(vec_accumulator_of(vec_aggregate_at(i)) == NULL, is_variance);
    }
}

/* Without memory a merge changes nothing. */
static void without_memory_nothing_is_merged(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t kinds[2];
        uint32_t count;
    } cases[] = {
        {"max", {VEC_TEXT}, 1},
        {"last", {VEC_TEXT, VEC_BIGINT}, 2},
        {"sum", {VEC_DOUBLE}, 1},
        {"sum", {VEC_NUMERIC}, 1},
    };
    static const char *const texts[] = {"a text that is too long to be kept in a state", "7",
                                        "1e300",
                                        "12345678901234567890123456789012345678901234567890"};
    for (size_t c = 0; c < ARRAY_COUNT(cases); c++) {
        struct rows rows;
        struct folder from;
        struct folder into;
        struct arena none;
        uint8_t before[STATE_MAX];
        static struct forms_answer answer;
        rows_init(&rows, 1);
        rows.aggregate = vec_aggregate_find(cases[c].name, strlen(cases[c].name), cases[c].kinds,
                                            cases[c].count);
        rows.accumulator = vec_accumulator_of(rows.aggregate);
        const char *text = c < 2 ? texts[0] : texts[c];
        assert_true(forms_value(&here, (enum vec_kind)cases[c].kinds[0], text, strlen(text),
                                &rows.values[0][0], &answer));
        assert_true(forms_value(&here, VEC_BIGINT, texts[1], 1, &rows.values[1][0], &answer));
        folder_begin(&from, &rows, false);
        folder_begin(&into, &rows, false);
        folder_batch(&from, &rows, 0, 1, VEC_FLAT);
        assert_non_null(rows.accumulator->outside);
        assert_true(rows.accumulator->outside(from.states[0]) > 0);
        assert_int_equal(rows.accumulator->outside(into.states[0]), 0);
        arena_init(&none, &here.budget, 256, 256);
        assert_non_null(arena_alloc(&none, 100, 8));
        assert_null(arena_alloc(&none, 300, 8));
        into.acc.arena = &none;
        memcpy(before, into.states[0], rows.accumulator->state_bytes);
        assert_false(rows.accumulator->merge(&into.acc, &call, into.states[0], from.states[0]));
        assert_memory_equal(before, into.states[0], rows.accumulator->state_bytes);
        assert_int_equal(here.ev.failure.fault, VEC_FAULT_MEMORY);
        assert_int_equal(here.ev.failure.pos, call.pos);
        arena_deinit(&none);
    }
}

static int accumulator_setup(void **state)
{
    (void)state;
    forms_open(&here, 1);
    arena_init(&states_arena, &here.budget, 1u << 16, 1u << 28);
    return 0;
}

static int accumulator_teardown(void **state)
{
    (void)state;
    arena_deinit(&states_arena);
    forms_close(&here);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_the_order_the_answer_is_the_aggregates),
        cmocka_unit_test(sums_of_doubles_are_exact),
        cmocka_unit_test(sums_of_numerics_overflow_only_when_they_are_read),
        cmocka_unit_test(a_value_of_one_row_is_kept),
        cmocka_unit_test(of_equal_values_one_is_kept_in_any_order),
        cmocka_unit_test(states_are_small),
        cmocka_unit_test(without_memory_nothing_is_merged),
    };
    return cmocka_run_group_tests(tests, accumulator_setup, accumulator_teardown);
}
