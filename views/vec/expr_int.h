/* What the files of expr.h share: selections, nulls, values put where they belong. All that
 * allocates does so in ev->scratch and points its failure (MEMORY) at the expression it is given.
 */
#ifndef VIEWS_VEC_EXPR_INT_H
#define VIEWS_VEC_EXPR_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "views/vec/expr.h"

/* vec_eval of one kind of node. */
typedef bool vec_eval_fn(struct vec_eval *ev, const struct vec_expr *expr,
                         const struct vec_batch *batch, struct vec_selection selection,
                         struct vec_vector *out);

#define VEC_EVAL_NODE(name)                                                                        \
    bool name(struct vec_eval *ev, const struct vec_expr *expr, const struct vec_batch *batch,     \
              struct vec_selection selection, struct vec_vector *out)
VEC_EVAL_NODE(vec_eval_logic);    /* AND, OR */
VEC_EVAL_NODE(vec_eval_not);      /* NOT */
VEC_EVAL_NODE(vec_eval_is_null);  /* IS_NULL */
VEC_EVAL_NODE(vec_eval_is);       /* IS_TRUE, IS_FALSE */
VEC_EVAL_NODE(vec_eval_distinct); /* DISTINCT */
VEC_EVAL_NODE(vec_eval_in);       /* IN */
VEC_EVAL_NODE(vec_eval_case);     /* CASE */
VEC_EVAL_NODE(vec_eval_coalesce); /* COALESCE */
VEC_EVAL_NODE(vec_eval_nullif);   /* NULLIF */
VEC_EVAL_NODE(vec_eval_extreme);  /* GREATEST, LEAST */
#undef VEC_EVAL_NODE

/* Memory for `bytes`, aligned to 8. NULL: failed. */
MUST_USE void *vec_eval_alloc(struct vec_eval *ev, const struct vec_expr *expr, size_t bytes);

/* *valid, unless it is there already, all ones. */
MUST_USE bool vec_eval_bitmap(struct vec_eval *ev, const struct vec_expr *expr, uint64_t **valid);

/* *out = `value` for all rows; null for all rows. */
void vec_eval_boolean(bool value, struct vec_vector *out);
void vec_eval_null(struct vec_type type, struct vec_vector *out);

/* Whether it is a constant, and null. */
static inline bool vec_is_null_constant(const struct vec_vector *v)
{
    return v->form == VEC_CONSTANT && v->valid != NULL && (v->valid[0] & 1) == 0;
}

/* *rows = those rows of `selection` in which none of `count` vectors is null. *valid (may be NULL)
 * = a bitmap that says so, NULL where all are in; of the vectors or in scratch, not to be written
 * to. */
MUST_USE bool vec_eval_nulls(struct vec_eval *ev, const struct vec_expr *expr,
                             const struct vec_vector *vectors, uint32_t count,
                             struct vec_selection selection, struct vec_selection *rows,
                             const uint64_t **valid);

/* *rest = those rows of `all` that are not in `some`, which are rows of it. */
MUST_USE bool vec_eval_without(struct vec_eval *ev, const struct vec_expr *expr,
                               struct vec_selection all, struct vec_selection some,
                               struct vec_selection *rest);

/* *out = the rows of `selection` whose truth[row] (0 or 1) is `is_wanted`. */
MUST_USE bool vec_eval_pick(struct vec_eval *ev, const struct vec_expr *expr, const uint8_t *truth,
                            bool is_wanted, struct vec_selection selection,
                            struct vec_selection *out);

/* A result that is put together from several vectors: flat. */
struct vec_mix {
    struct vec_type type; /* of the result */
    void *data;           /* its values */
    uint64_t *valid;      /* its nulls; NULL: none yet */
};

/* Memory for the rows of `selection`. */
MUST_USE bool vec_mix_begin(struct vec_eval *ev, const struct vec_expr *expr,
                            struct vec_selection selection, struct vec_mix *mix);

/* The rows of `selection` are as in `v`, whose kind is the same. */
MUST_USE bool vec_mix_put(struct vec_eval *ev, const struct vec_expr *expr, struct vec_mix *mix,
                          const struct vec_vector *v, struct vec_selection selection);

/* *out = what was put together. */
void vec_mix_end(const struct vec_mix *mix, struct vec_vector *out);

#endif
