/* What writing and reading of plans share, and the parts of reading: json_read.c has plans,
 * json_expr.c expressions, json_item.c what both are made of. */
#ifndef VIEWS_PLAN_JSON_INT_H
#define VIEWS_PLAN_JSON_INT_H

#include "base/json.h"
#include "views/plan/json.h"

/* Before a kind: the opposite. */
#define PLAN_JSON_NOT "not_"

/* A plan being read. */
struct plan_reader {
    plan_find_fn *find;
    void *ctx;
    struct arena *arena;
    struct plan_fault *fault;
    enum err err; /* first failure */
};

/* A member of an object, found by its name. */
struct plan_member {
    const char *name;
    struct json_value value; /* text NULL: it is not there */
    bool is_needed;          /* it has to be */
};

/* Keep what is wrong first. Returns false. */
bool plan_read_fail(struct plan_reader *r, const char *format, ...) PRINTF(2, 3);

/* Zeroed, at least a byte. NULL: the arena refuses. */
void *plan_read_alloc(struct plan_reader *r, size_t count, size_t bytes);

/* Fill the values of `members` from an object that has no others. */
bool plan_read_members(struct plan_reader *r, const struct json_value *object,
                       struct plan_member *members, size_t count);

/* Whether it is that string. */
bool plan_read_is(const struct json_value *value, const char *text);

/* The items of an array; what is none fails. */
uint32_t plan_read_count(struct plan_reader *r, const struct json_value *value);

/* An integer within bounds; a type by its short name; a name, NULL where it is none; a text. */
bool plan_read_number(struct plan_reader *r, const struct json_value *value, int64_t least,
                      int64_t most, int64_t *out);
bool plan_read_type(struct plan_reader *r, const struct json_value *value, struct vec_type *out);
const char *plan_read_name(struct plan_reader *r, const struct json_value *value);
bool plan_read_text(struct plan_reader *r, const struct json_value *value, struct vec_bytes *out);

/* An expression, or an array of them; NULL: it is none. */
const struct vec_expr *plan_read_expr(struct plan_reader *r, const struct json_value *value);
const struct vec_expr *const *plan_read_exprs(struct plan_reader *r, const struct json_value *value,
                                              uint32_t *count);

/* Arguments of a function in its text. */
#define PLAN_READ_ARGS_MAX 256u

/* "name(kind,kind)#version" taken apart: the name is its first *name_length bytes. */
bool plan_read_signature(struct plan_reader *r, struct vec_bytes text, size_t *name_length,
                         uint8_t args[PLAN_READ_ARGS_MAX], size_t *args_count, unsigned *version);

/* "byte:length" as the place of `expr`. */
bool plan_read_place(struct plan_reader *r, const struct json_value *value, struct vec_expr *expr);

#endif
