/* The repository's files. See tree.h. */
#include "tests/tidy/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "tests/support/cmocka.h"
#include "tests/tidy/command.h"

#define TREE_PROBE_BYTES 8192 /* git looks for a NUL in as many */

void tree_open(struct tree *tree, const char *root)
{
    *tree = (struct tree){0};
    struct command git;
    size_t length = 0;
    command_start(&git, (const char *const[]){"git", "-c", "safe.directory=*", "-C", root,
                                              "ls-files", "-coz", "--exclude-standard", NULL});
    int status = command_finish(&git, &tree->listing, &length);
    if (status != 0) {
        fail_msg("git ls-files in %s: status %d: %s", root, status, tree->listing);
    }
    size_t paths_count = 0;
    for (size_t i = 0; i < length; i++) {
        paths_count += tree->listing[i] == '\0';
    }
    tree->files = calloc(paths_count + 1, sizeof(tree->files[0]));
    ASSERT(tree->files != NULL);
    for (char *path = tree->listing; path < tree->listing + length; path += strlen(path) + 1) {
        struct tidy_file file = {.path = path};
        file.text = tree_read(root, path, &file.length);
        if (file.text != NULL) {
            tree->files[tree->count++] = file;
        }
    }
}

void tree_close(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free((void *)tree->files[i].text);
    }
    free(tree->files);
    free(tree->listing);
    *tree = (struct tree){0};
}

char *tree_read(const char *root, const char *path, size_t *length)
{
    char name[4096];
    snprintf(name, sizeof(name), "%s/%s", root, path);
    struct stat status;
    if (lstat(name, &status) != 0 || !S_ISREG(status.st_mode)) {
        return NULL;
    }
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        fail_msg("cannot read %s", path);
    }
    size_t size = (size_t)status.st_size;
    char *text = malloc(size + 1);
    ASSERT(text != NULL);
    *length = fread(text, 1, size, file);
    fclose(file);
    text[*length] = '\0';
    size_t probed = *length < TREE_PROBE_BYTES ? *length : TREE_PROBE_BYTES;
    if (memchr(text, '\0', probed) != NULL) {
        free(text);
        return NULL;
    }
    return text;
}
