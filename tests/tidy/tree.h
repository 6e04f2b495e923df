/* The repository's text files, as git lists them: committed or not, ignored ones left out. */
#ifndef TESTS_TIDY_TREE_H
#define TESTS_TIDY_TREE_H

#include <stddef.h>

#include "tests/tidy/tidy.h"

/* All of them, sorted as git sorts. */
struct tree {
    struct tidy_file *files; /* owned, with their strings */
    size_t count;            /* of files */
    char *listing;           /* git's answer, which holds the paths; owned */
};

/* Read the files of the repository at `root`. Binary files (a NUL among the first bytes) and
 * symbolic links are left out; so are files git knows and the disk no longer has. */
void tree_open(struct tree *tree, const char *root);

/* Give everything back. */
void tree_close(struct tree *tree);

/* The text of one file, NUL-terminated and `*length` long without the NUL, for the caller to free;
 * NULL when it is not a text file. */
char *tree_read(const char *root, const char *path, size_t *length);

#endif
