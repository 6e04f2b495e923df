/* A statement's text in, the answer's text out: parser, binder and executor over relations in
 * memory (tests/unit/exec/sql/tables.txt, and n, which record.py makes alike). */
#ifndef TESTS_UNIT_EXEC_ASK_H
#define TESTS_UNIT_EXEC_ASK_H

#include "base/bytes.h"
#include "tests/unit/exec/memory.h"

#define ASK_RELATIONS_MAX 8u

/* Relations that may be asked. */
struct ask {
    struct budget root; /* of all */
    struct arena arena; /* relations */
    struct memory_relation *relations[ASK_RELATIONS_MAX];
    uint32_t relations_count;
};

/* Load the relations. */
void ask_init(struct ask *ask);
void ask_deinit(struct ask *ask);

/* Write the answer to `sql` as answers.txt has it, without the line "ordered": names and types,
 * then rows; or "!SQLSTATE message". Batches are as `memory` makes them. */
void ask_sql(struct ask *ask, const char *sql, size_t length, struct memory *memory,
             struct bytes_writer *out);

/* The file `name` of tests/unit/exec/sql (or of that whole path), with a NUL behind it, in `a`. */
char *ask_file(const char *name, struct arena *a);

#endif
