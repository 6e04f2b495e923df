/* What the files of accumulators share. A state of a file's struct is aligned to 8 and no more. */
#ifndef VIEWS_VEC_ACCUMULATOR_INT_H
#define VIEWS_VEC_ACCUMULATOR_INT_H

#include "views/vec/accumulator.h"
#include "views/vec/aggregate_int.h"

/* A file's rows. */
struct vec_accumulator_table {
    const struct vec_accumulator *rows;
    size_t count; /* of them */
};

extern const struct vec_accumulator_table vec_accumulator_counts;   /* count, bool_and, ... */
extern const struct vec_accumulator_table vec_accumulator_sums;     /* sum, avg */
extern const struct vec_accumulator_table vec_accumulator_extremes; /* min, max */
extern const struct vec_accumulator_table vec_accumulator_values;   /* vec_accumulator_of_value */
extern const struct vec_accumulator_table vec_accumulator_bookends; /* first, last */

/* 128 bits where 8 bytes is all the alignment there is. */
typedef __int128 vec_int16 __attribute__((aligned(8)));

/* Define vec_<name>_update of an accumulator of one argument that cannot fail, by vec_<name>_each
 * (VEC_AGGREGATE_EACH). */
#define VEC_ACCUMULATOR_UPDATE(name)                                                               \
    static bool vec_##name##_update(                                                               \
        struct vec_accumulation *acc, const struct vec_expr *call, const struct vec_vector *args,  \
        const struct vec_origin *origin, struct vec_selection selection, uint8_t *const *states)   \
    {                                                                                              \
        (void)acc, (void)call, (void)origin;                                                       \
        vec_##name##_each(&args[0], selection, states);                                            \
        return true;                                                                               \
    }

/* Define vec_<name>_merge_all by vec_<name>_join(into, from), states of that struct, which cannot
 * fail. */
#define VEC_ACCUMULATOR_MERGE_ALL(name, state_type)                                                \
    static void vec_##name##_merge_all(uint8_t *const *into, size_t pos, const uint8_t *from,      \
                                       size_t stride, uint32_t count)                              \
    {                                                                                              \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            vec_##name##_join((state_type *)(void *)(into[i] + pos),                               \
                              (const state_type *)(const void *)(from + i * stride));              \
        }                                                                                          \
    }

/* Define vec_<name>_finish_all by vec_<name>_answer(state, &value), which is false where finish is
 * to say why. */
#define VEC_ACCUMULATOR_FINISH_ALL(name, state_type, value_type)                                   \
    static bool vec_##name##_finish_all(const uint8_t *const *states, size_t pos, uint32_t count,  \
                                        void *data)                                                \
    {                                                                                              \
        value_type *values = data;                                                                 \
        bool is_fine = true;                                                                       \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            is_fine &= vec_##name##_answer((const state_type *)(const void *)(states[i] + pos),    \
                                           &values[i]);                                            \
        }                                                                                          \
        return is_fine;                                                                            \
    }

/* Room for `bytes` (> 0) outside of a state, aligned to 8; *capacity = how many there are. NULL:
 * vec_fail was called. */
MUST_USE void *vec_accumulator_room(struct vec_accumulation *acc, const struct vec_expr *call,
                                    size_t bytes, uint32_t *capacity);

/* No newest state points to the `capacity` bytes at `room` any more (NULL: nothing). */
void vec_accumulator_leave(struct vec_accumulation *acc, const void *room, uint32_t capacity);

/* Bytes that a state keeps: within itself when there are few of them. All zero: none. */
struct vec_string {
    uint32_t length; /* bytes, and 1; 0: there is no value */
    uint32_t form;   /* enum vec_string_form */
    union {
        char within[16]; /* WITHIN */
        struct {
            const char *data;  /* OUTSIDE: room of the arena; BORROWED: of the batch being folded */
            uint32_t capacity; /* OUTSIDE: of the room */
        } at;
    } u;
};

enum vec_string_form {
    VEC_STRING_WITHIN,
    VEC_STRING_OUTSIDE,
    VEC_STRING_BORROWED,
};

/* The bytes kept; live as long as the state stays. There is a value (asserted). */
struct vec_bytes vec_string_bytes(const struct vec_string *string);

/* Keep `bytes`, a copy of them. False: vec_fail was called; nothing was changed. */
MUST_USE bool vec_string_keep(struct vec_accumulation *acc, const struct vec_expr *call,
                              struct vec_string *string, struct vec_bytes bytes);

/* Let it be `bytes` of the batch until vec_string_settle keeps what was borrowed last. */
void vec_string_borrow(struct vec_accumulation *acc, struct vec_string *string,
                       struct vec_bytes bytes);
MUST_USE bool vec_string_settle(struct vec_accumulation *acc, const struct vec_expr *call,
                                struct vec_string *string);

/* Bytes outside. */
uint32_t vec_string_outside(const struct vec_string *string);

/* The exact sum of doubles (accumulator_real.c): three limbs, and what is outside. */
struct vec_exact {
    uint64_t limb[3]; /* two's complement, in units of 2^-104; least significant first */
    uint64_t outside; /* address of a struct vec_exact_outside, 0: none; and in its lowest bits
                         VEC_EXACT_HAS_ROW, VEC_EXACT_HAS_OTHER */
};

/* The same with a count, for averages. */
struct vec_exact_average {
    struct vec_exact sum;
    int64_t count; /* rows */
};

/* As in struct vec_accumulator. */
bool vec_exact_update_sum(struct vec_accumulation *acc, const struct vec_expr *call,
                          const struct vec_vector *args, const struct vec_origin *origin,
                          struct vec_selection selection, uint8_t *const *states);
bool vec_exact_update_avg(struct vec_accumulation *acc, const struct vec_expr *call,
                          const struct vec_vector *args, const struct vec_origin *origin,
                          struct vec_selection selection, uint8_t *const *states);
bool vec_exact_merge_sum(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                         const void *from);
bool vec_exact_merge_avg(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                         const void *from);
bool vec_exact_finish_sum(struct vec_accumulation *acc, const struct vec_expr *call,
                          const void *state, struct vec_value *out);
bool vec_exact_finish_avg(struct vec_accumulation *acc, const struct vec_expr *call,
                          const void *state, struct vec_value *out);
uint32_t vec_exact_outside(const void *state);
bool vec_exact_finish_all_sum(const uint8_t *const *states, size_t pos, uint32_t count, void *data);

#endif
