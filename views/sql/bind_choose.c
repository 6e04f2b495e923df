/* Which row is meant: PostgreSQL 15's rules for operators and functions (its manual's 10.2 and
 * 10.3; oper(), func_get_detail() and func_select_candidate() of its source), over the rows of one
 * name.
 *
 * In short: the row with exactly these types; else those whose types the arguments become unasked,
 * of these the ones with the most exact types, then with the most exact or preferred ones; then an
 * unknown argument is taken for a string if one will do, else for the category that all agree on;
 * and at last for the type that all known arguments have. What is left must be one row. */
#include "views/sql/bind_choose.h"

#include <string.h>

#include "base/assert.h"
#include "views/sql/bind_int.h"

/* A choice under way. */
struct bind_choice {
    const struct bind_rows *rows;
    const uint8_t *kinds; /* of the arguments */
    uint32_t kinds_count; /* of them */
    uint32_t unknowns_count;
    uint16_t left[BIND_CANDIDATES_MAX]; /* rows that are still possible */
    uint32_t left_count;
};

static bool bind_choose_exact(const struct bind_rows *rows, const uint8_t *kinds, uint32_t count,
                              uint32_t *out);
static void bind_choose_possible(struct bind_choice *choice);
static void bind_choose_most(struct bind_choice *choice, bool counts_preferred);
static void bind_choose_category(struct bind_choice *choice);
static bool bind_choose_slot(const struct bind_choice *choice, uint32_t i, char *category,
                             bool *has_preferred);
static bool bind_choose_same(struct bind_choice *choice);
static bool bind_choose_takes(const struct bind_choice *choice, uint32_t row, const uint8_t *kinds);
static bool bind_choose_fits(const struct bind_rows *rows, uint32_t row, uint32_t count);
static uint8_t bind_choose_arg(const struct bind_rows *rows, uint32_t row, uint32_t i);

bool bind_choose(const struct bind_rows *rows, const uint8_t *kinds, uint32_t kinds_count,
                 uint32_t *out, bool *is_many)
{
    struct bind_choice choice = {.rows = rows, .kinds = kinds, .kinds_count = kinds_count};
    *is_many = false;
    if (bind_choose_exact(rows, kinds, kinds_count, out)) {
        return true;
    }
    for (uint32_t i = 0; i < kinds_count; i++) {
        choice.unknowns_count += kinds[i] == VEC_NONE;
    }
    bind_choose_possible(&choice);
    if (choice.left_count == 0) {
        return false;
    }
    bind_choose_most(&choice, false);
    bind_choose_most(&choice, true);
    if (choice.left_count > 1 && choice.unknowns_count > 0) {
        bind_choose_category(&choice);
    }
    if (choice.left_count == 1 || (choice.unknowns_count > 0 && bind_choose_same(&choice))) {
        *out = choice.left[0];
        return true;
    }
    *is_many = true;
    return false;
}

/* The row of exactly these types; of an operator an unknown operand counts as the other's type. */
static bool bind_choose_exact(const struct bind_rows *rows, const uint8_t *kinds, uint32_t count,
                              uint32_t *out)
{
    uint8_t both[2] = {0};
    if (rows->is_operator && count == 2) {
        both[0] = kinds[0] != VEC_NONE ? kinds[0] : kinds[1];
        both[1] = kinds[1] != VEC_NONE ? kinds[1] : kinds[0];
        kinds = both;
    }
    for (uint32_t row = 0; row < rows->count; row++) {
        bool is_exact = bind_choose_fits(rows, row, count);
        for (uint32_t i = 0; i < count && is_exact; i++) {
            is_exact = kinds[i] == bind_choose_arg(rows, row, i) && kinds[i] != VEC_NONE;
        }
        if (is_exact) {
            *out = row;
            return true;
        }
    }
    return false;
}

static void bind_choose_possible(struct bind_choice *choice)
{
    for (uint32_t row = 0; row < choice->rows->count; row++) {
        if (bind_choose_takes(choice, row, choice->kinds)) {
            ASSERT(choice->left_count < BIND_CANDIDATES_MAX);
            choice->left[choice->left_count++] = (uint16_t)row;
        }
    }
}

/* Keep the rows with the most exact types of known arguments, preferred ones counted too. */
static void bind_choose_most(struct bind_choice *choice, bool counts_preferred)
{
    uint32_t best = 0, kept = 0;
    if (choice->left_count == 1) {
        return;
    }
    for (uint32_t c = 0; c < choice->left_count; c++) {
        uint32_t matches = 0;
        for (uint32_t i = 0; i < choice->kinds_count; i++) {
            enum vec_kind have = (enum vec_kind)choice->kinds[i];
            enum vec_kind want = (enum vec_kind)bind_choose_arg(choice->rows, choice->left[c], i);
            bool is_preferred = counts_preferred && bind_category(have) == bind_category(want) &&
                                bind_is_preferred(want);
            matches += have != VEC_NONE && (have == want || is_preferred);
        }
        if (matches > best) {
            best = matches;
            kept = 0;
        }
        if (matches == best) {
            choice->left[kept++] = choice->left[c];
        }
    }
    choice->left_count = kept;
}

/* Keep the rows whose types at unknown arguments are of the category that a string wins, or that
 * all rows agree on; where all agree they may disagree in nothing but the preferred type. */
static void bind_choose_category(struct bind_choice *choice)
{
    char category[BIND_ARGS_MAX];
    bool has_preferred[BIND_ARGS_MAX];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < choice->kinds_count; i++) {
        if (choice->kinds[i] == VEC_NONE &&
            !bind_choose_slot(choice, i, &category[i], &has_preferred[i])) {
            return;
        }
    }
    uint16_t keep[BIND_CANDIDATES_MAX];
    for (uint32_t c = 0; c < choice->left_count; c++) {
        bool is_kept = true;
        for (uint32_t i = 0; i < choice->kinds_count && is_kept; i++) {
            enum vec_kind want = (enum vec_kind)bind_choose_arg(choice->rows, choice->left[c], i);
            is_kept =
                choice->kinds[i] != VEC_NONE || (bind_category(want) == category[i] &&
                                                 (!has_preferred[i] || bind_is_preferred(want)));
        }
        if (is_kept) {
            keep[kept++] = choice->left[c];
        }
    }
    if (kept > 0) {
        memcpy(choice->left, keep, kept * sizeof(*keep));
        choice->left_count = kept;
    }
}

/* The category of unknown argument `i`. False: the rows disagree, and none takes a string. */
static bool bind_choose_slot(const struct bind_choice *choice, uint32_t i, char *category,
                             bool *has_preferred)
{
    bool is_conflict = false;
    *category = '\0';
    *has_preferred = false;
    for (uint32_t c = 0; c < choice->left_count; c++) {
        enum vec_kind want = (enum vec_kind)bind_choose_arg(choice->rows, choice->left[c], i);
        char own = bind_category(want);
        if (*category == '\0' || (own == 'S' && *category != 'S')) {
            *category = own;
            *has_preferred = bind_is_preferred(want);
        } else if (own == *category) {
            *has_preferred = *has_preferred || bind_is_preferred(want);
        } else {
            is_conflict = true;
        }
    }
    return !is_conflict || *category == 'S';
}

/* Keep the one row that takes all arguments as the type the known ones have. False: no such row. */
static bool bind_choose_same(struct bind_choice *choice)
{
    uint8_t kinds[BIND_ARGS_MAX];
    uint8_t known = VEC_NONE;
    uint32_t found = 0;
    for (uint32_t i = 0; i < choice->kinds_count; i++) {
        uint8_t kind = choice->kinds[i];
        if (kind != VEC_NONE && known != VEC_NONE && kind != known) {
            return false;
        }
        known = kind != VEC_NONE ? kind : known;
    }
    if (known == VEC_NONE) {
        return false;
    }
    memset(kinds, known, choice->kinds_count);
    for (uint32_t c = 0; c < choice->left_count; c++) {
        if (bind_choose_takes(choice, choice->left[c], kinds)) {
            choice->left[found++] = choice->left[c];
        }
    }
    return found == 1;
}

/* Whether arguments of these kinds become the row's unasked. */
static bool bind_choose_takes(const struct bind_choice *choice, uint32_t row, const uint8_t *kinds)
{
    bool is_taken = bind_choose_fits(choice->rows, row, choice->kinds_count);
    for (uint32_t i = 0; i < choice->kinds_count && is_taken; i++) {
        is_taken = bind_is_implicit((enum vec_kind)kinds[i],
                                    (enum vec_kind)bind_choose_arg(choice->rows, row, i));
    }
    return is_taken;
}

/* Whether the row takes so many arguments. */
static bool bind_choose_fits(const struct bind_rows *rows, uint32_t row, uint32_t count)
{
    if (rows->functions == NULL) {
        return rows->aggregates[row].args_count == count;
    }
    const struct vec_function *function = &rows->functions[row];
    return function->is_variadic ? count >= function->args_count : count == function->args_count;
}

/* The kind of argument `i`, one that fits. */
static uint8_t bind_choose_arg(const struct bind_rows *rows, uint32_t row, uint32_t i)
{
    if (rows->functions == NULL) {
        return rows->aggregates[row].args[i];
    }
    const struct vec_function *function = &rows->functions[row];
    return function->args[i < function->args_count ? i : function->args_count - 1u];
}

/* The casts that happen anywhere, which are those of the table of functions that say so (a test
 * compares them): they are asked for too often to be looked up there. */
bool bind_is_implicit(enum vec_kind from, enum vec_kind to)
{
    static const uint16_t become[VEC_KIND_COUNT] = {
        [VEC_NONE] = UINT16_MAX,
        [VEC_INTEGER] = 1u << VEC_BIGINT | 1u << VEC_DOUBLE | 1u << VEC_NUMERIC,
        [VEC_BIGINT] = 1u << VEC_DOUBLE | 1u << VEC_NUMERIC,
        [VEC_NUMERIC] = 1u << VEC_DOUBLE,
        [VEC_DATE] = 1u << VEC_TIMESTAMP | 1u << VEC_TIMESTAMPTZ,
        [VEC_TIMESTAMP] = 1u << VEC_TIMESTAMPTZ,
    };
    return from == to || (become[from] >> to & 1) != 0;
}

bool bind_is_preferred(enum vec_kind kind)
{
    return kind == VEC_BOOLEAN || kind == VEC_DOUBLE || kind == VEC_TEXT ||
           kind == VEC_TIMESTAMPTZ || kind == VEC_INTERVAL;
}

/* PostgreSQL's pg_type.typcategory. */
char bind_category(enum vec_kind kind)
{
    static const char categories[VEC_KIND_COUNT] = {
        [VEC_NONE] = 'X',      [VEC_BOOLEAN] = 'B',     [VEC_INTEGER] = 'N',  [VEC_BIGINT] = 'N',
        [VEC_DOUBLE] = 'N',    [VEC_NUMERIC] = 'N',     [VEC_TEXT] = 'S',     [VEC_DATE] = 'D',
        [VEC_TIMESTAMP] = 'D', [VEC_TIMESTAMPTZ] = 'D', [VEC_INTERVAL] = 'T', [VEC_JSONB] = 'U',
    };
    return categories[kind];
}

void bind_kinds(struct vec_expr *const *args, uint32_t count, uint8_t *kinds)
{
    for (uint32_t i = 0; i < count; i++) {
        kinds[i] = args[i]->type.kind;
    }
}

const char *bind_kinds_text(struct binder *b, const uint8_t *kinds, uint32_t count)
{
    size_t room = 1 + (size_t)count * 40;
    char *text = bind_alloc(b, room, 1);
    if (text == NULL) {
        return "";
    }
    struct bytes_writer w = bytes_writer(text, room - 1);
    for (uint32_t i = 0; i < count; i++) {
        const char *kind = bind_kind_text((enum vec_kind)kinds[i]);
        bytes_put_copy(&w, ", ", i > 0 ? 2 : 0);
        bytes_put_copy(&w, kind, strlen(kind));
    }
    return text;
}
