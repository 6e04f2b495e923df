/* Plans as JSON: what EXPLAIN (FORMAT JSON) shows, the catalogue keeps, PromptQL proposes.
 *
 *     {"version": 1, "params": ["integer"], "nodes": [
 *      {"node": "scan", "relation": ["public", "s"], "columns": ["a", "at"],
 *       "bounds": {"offset_min": 10}, "outputs": [["a", "bigint"], ["at", "timestamptz"]]},
 *      {"node": "filter", "condition": ["call", "boolean", "32:1", ">(bigint,bigint)",
 *         ["column", "bigint", "30:1", 0], ["constant", "bigint", "34:1", "5"]], "outputs": ...}]}
 *
 * Nodes stand in the order rows go: each reads the one before it, the last is the root. A type is
 * its short name, "numeric(10,2)" with modifiers. An expression is an array: kind (with "not_"
 * before it for the opposite), type, place ("byte:length" of the statement), what it holds (the
 * value as text, null, a number, a function), then its args. A function is its name with the short
 * names of its arguments, and "#2" behind it from the second version of what it answers on. What a
 * member would say is its default is left out.
 *
 *     node       members besides outputs
 *     scan       relation, columns, paths ([column, name, ...]), bounds (offset_min, offset_max,
 * timestamp_min, timestamp_max, partition, rows_max) values     rows: [[expression]] filter
 * condition project    columns: [expression] aggregate  keys: [expression], aggregates: [{function,
 * type, place, args, filter, distinct}] distinct sort       keys: [[expression, "asc"|"desc",
 * "first"|"last"]] top        keys, count, offset limit      count, offset */
#ifndef VIEWS_PLAN_JSON_H
#define VIEWS_PLAN_JSON_H

#include "base/arena.h"
#include "base/bytes.h"
#include "views/plan/plan.h"
#include "views/plan/validate.h"

/* The longest text that is read. */
#define PLAN_JSON_BYTES_MAX (1u << 20)

/* Finds the relation of that schema and name; NULL: there is none. */
typedef const struct plan_relation *plan_find_fn(void *ctx, const char *schema, const char *name);

/* Write `plan`, which is valid; w->err: it does not fit. */
void plan_json_write(struct bytes_writer *w, const struct plan *plan);

/* *out = the plan that the `length` bytes of `text` are, in `arena`, validated. Any bytes may come.
 * ERR_INVALID: they are none, or not of this version, or name what is not there, and *fault says
 * what; ERR_BUDGET, ERR_TOO_LARGE: `arena` refuses, or it is longer than
 * PLAN_JSON_BYTES_MAX. */
MUST_USE enum err plan_json_read(const char *text, size_t length, plan_find_fn *find, void *ctx,
                                 struct arena *arena, struct plan *out, struct plan_fault *fault);

#endif
