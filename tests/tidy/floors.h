/* The table of floors.txt: which folder may include which. */
#ifndef TESTS_TIDY_FLOORS_H
#define TESTS_TIDY_FLOORS_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/tidy/tidy.h"

#define FLOORS_ROWS_MAX    64
#define FLOORS_TARGETS_MAX 16
#define FLOORS_NAME_BYTES  48

/* One folder. */
struct floors_row {
    char folder[FLOORS_NAME_BYTES];                      /* without the star of a tree */
    char targets[FLOORS_TARGETS_MAX][FLOORS_NAME_BYTES]; /* folders, floors ("F2"), or "any" */
    size_t targets_count;                                /* of these */
    unsigned floor;                                      /* 0 is the ground */
    bool is_tree;                                        /* the folder and all below it */
};

/* The whole table, in file order. */
struct floors {
    struct floors_row rows[FLOORS_ROWS_MAX]; /* lower floors first */
    size_t count;                            /* of rows */
};

/* Read the table. A row that cannot be read, stands below a lower floor or names something that is
 * not above it is reported under `file->path` and left out. */
void floors_read(struct floors *floors, const struct tidy_file *file, const struct tidy_sink *sink);

/* The row of `folder` (`length` bytes), its own before a tree's; NULL when it has none. Lives in
 * `floors`. */
const struct floors_row *floors_find(const struct floors *floors, const char *folder,
                                     size_t length);

/* Whether files of row `from` may include files of row `to`. */
bool floors_allow(const struct floors_row *from, const struct floors_row *to);

/* Whether `row` is marked `any`: not part of the house. */
bool floors_is_outside(const struct floors_row *row);

/* The length of the folder part of `path` (`length` bytes), without the slash; 0 when it has none.
 */
size_t floors_folder_length(const char *path, size_t length);

#endif
