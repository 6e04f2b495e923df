/* A hash table of keys: what groups rows, and what tells rows that were there before.
 *
 * It finds the group of each row of a batch, and makes one where there is none. A group is a piece
 * of memory of the table's arena that never moves, with room behind it for whoever made the table.
 * Keys are equal as SQL has it (vec_keys_make); null is equal to null.
 *
 * Groups are chained in the order in which they appeared: whoever walks them gets the same order
 * whatever hashes are, and can fold one table into another in the order of stretches. */
#ifndef VIEWS_EXEC_TABLE_H
#define VIEWS_EXEC_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "views/vec/vector.h"

/* A group: its head; what is of the table's maker stands behind, aligned to 16. */
struct exec_group {
    uint64_t hash;           /* of its key, and owner */
    struct exec_group *next; /* the one that appeared next; NULL: the last */
    union {
        uint64_t number;      /* the key, of NUMBER */
        const uint8_t *bytes; /* the key, of the others; key_length of them */
    } key;
    uint32_t key_length; /* bytes */
    uint32_t reserved;   /* keeps what follows aligned */
};

/* How keys are kept. */
enum exec_key {
    EXEC_KEY_NUMBER, /* one column of at most 8 bytes: as a number */
    EXEC_KEY_TEXT,   /* one TEXT: its bytes */
    EXEC_KEY_BYTES,  /* anything: the bytes of vec_keys_make */
};

/* A part of a table: the groups whose hashes begin alike. See table.c. */
struct exec_segment;

/* A table. Embedded in its owner. */
struct exec_table {
    enum exec_key form;             /* of its keys */
    uint32_t columns_count;         /* of a key, >= 1 */
    uint32_t room_bytes;            /* behind each group */
    bool has_owners;                /* the room is a pointer to the group's owner */
    uint64_t seed;                  /* of hashes */
    struct arena *arena;            /* of all there is */
    struct exec_segment **segments; /* by the first `depth` bits of a hash; NULL: none yet */
    uint32_t depth;                 /* bits */
    uint32_t segments_count;        /* different ones */
    uint64_t count;                 /* groups in segments */
    struct exec_group *null_group;  /* NUMBER, TEXT: that of null */
    struct exec_group *first;       /* of the chain */
    struct exec_group *last;        /* likewise */
};

/* Where the memory of a group's maker begins. */
static inline uint8_t *exec_group_room(struct exec_group *group)
{
    return (uint8_t *)(group + 1);
}

/* Make an empty table of keys of those types (count >= 1) whose groups have `room_bytes`
 * behind them, undefined when they are made. `seed`: something that who sends data does not know;
 * no result depends on it. All of the table is in `arena`, and goes with it. */
void exec_table_init(struct exec_table *table, const struct vec_type *types, uint32_t count,
                     uint32_t room_bytes, uint64_t seed, struct arena *arena);

/* The same of keys that are equal only among rows of one owner; null may not be asked for. */
void exec_table_init_owned(struct exec_table *table, const struct vec_type *types, uint32_t count,
                           uint64_t seed, struct arena *arena);

/* What exec_table_find is asked, and answers. */
struct exec_lookup {
    const struct vec_vector *columns; /* the keys' */
    struct vec_selection selection;   /* the rows */
    struct exec_group *const *owners; /* [row]: the owner of each row asked for; NULL: keys have
                                         none */

    struct exec_group **groups; /* [row]: the group of each row asked for */
    uint16_t *new_rows;         /* rows whose groups were made for them, ascending; room for all */
    uint32_t new_count;         /* of them */
};

/* Find the group of each row. `scratch`: memory of the batch. Work is bounded by the rows: a table
 * grows piece by piece. ERR_BUDGET: memory is refused; the table is of no more use. */
MUST_USE enum err exec_table_find(struct exec_table *table, struct arena *scratch,
                                  struct exec_lookup *lookup);

#endif
