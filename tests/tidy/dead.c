/* Dead files: a .c no build names, a .h nobody includes. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/tidy/floors.h"
#include "tests/tidy/source.h"
#include "tests/tidy/tidy.h"

#define DEAD_SEPARATORS " \t\r\n()\";"
#define DEAD_WORD_BYTES 512

/* One #include. */
struct dead_include {
    const char *target; /* in the includer's text */
    size_t length;      /* of the target */
    size_t file;        /* the includer's index */
};

/* All of them. */
struct dead_includes {
    struct dead_include *items; /* owned */
    size_t count;               /* of items */
    size_t capacity;            /* items there is room for */
};

static bool dead_is_house(const struct floors *floors, const char *path);
static void dead_gather(struct dead_includes *includes, const struct tidy_file *files,
                        size_t count);
static bool dead_is_included(const struct dead_includes *includes, const struct tidy_file *files,
                             size_t file);
static bool dead_is_built(const struct tidy_file *files, size_t count, const char *path);
static bool dead_list_names(const struct tidy_file *list, const char *path);
static bool dead_next_word(const char **at, char *word, size_t word_bytes);
static bool dead_matches(const struct tidy_file *list, const char *pattern, const char *name);
static bool dead_has_word(const struct tidy_file *list, const char *wanted, size_t length);

void tidy_dead(const struct floors *floors, const struct tidy_file *files, size_t count,
               const struct tidy_sink *sink)
{
    struct dead_includes includes = {0};
    dead_gather(&includes, files, count);
    for (size_t f = 0; f < count; f++) {
        const char *path = files[f].path;
        if (!dead_is_house(floors, path)) {
            continue;
        }
        if (tidy_ends_with(path, ".c") && !dead_is_built(files, count, path)) {
            tidy_report(sink, path, 1, TIDY_DEAD,
                        "no CMakeLists.txt names it: add it to its folder's, or delete it");
        }
        if (tidy_ends_with(path, ".h") && !dead_is_included(&includes, files, f)) {
            tidy_report(sink, path, 1, TIDY_DEAD, "nobody includes it: use or delete it");
        }
    }
    free(includes.items);
}

/* Whether floors.txt counts the folder as ours; one without a row does. */
static bool dead_is_house(const struct floors *floors, const char *path)
{
    const struct floors_row *row =
        floors_find(floors, path, floors_folder_length(path, strlen(path)));
    return row == NULL || !floors_is_outside(row);
}

static void dead_gather(struct dead_includes *includes, const struct tidy_file *files, size_t count)
{
    for (size_t f = 0; f < count; f++) {
        if (!tidy_is_c(files[f].path)) {
            continue;
        }
        struct source s;
        source_open(&s, files[f].path, files[f].text, files[f].length);
        for (size_t i = 0; i < s.count; i++) {
            struct dead_include include = {.file = f};
            bool is_quoted = false;
            if (!source_include(&s, i, &include.target, &include.length, &is_quoted)) {
                continue;
            }
            if (includes->count == includes->capacity) {
                includes->capacity = includes->capacity * 2 + 64;
                includes->items =
                    realloc(includes->items, includes->capacity * sizeof(includes->items[0]));
                ASSERT(includes->items != NULL);
            }
            includes->items[includes->count++] = include;
        }
        source_close(&s);
    }
}

static bool dead_is_included(const struct dead_includes *includes, const struct tidy_file *files,
                             size_t file)
{
    const char *path = files[file].path;
    size_t length = strlen(path);
    for (size_t i = 0; i < includes->count; i++) {
        const struct dead_include *include = &includes->items[i];
        if (include->file != file && include->length == length &&
            memcmp(include->target, path, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool dead_is_built(const struct tidy_file *files, size_t count, const char *path)
{
    for (size_t f = 0; f < count; f++) {
        if (tidy_ends_with(files[f].path, "CMakeLists.txt") && dead_list_names(&files[f], path)) {
            return true;
        }
    }
    return false;
}

/* Whether a word of `list` is `path`, from the list's own folder or from the root. */
static bool dead_list_names(const struct tidy_file *list, const char *path)
{
    static const char source_dir[] = "${CMAKE_SOURCE_DIR}/";
    static const char current_dir[] = "${CMAKE_CURRENT_SOURCE_DIR}/";
    size_t folder_length = floors_folder_length(list->path, strlen(list->path));
    size_t below = folder_length + (folder_length > 0);
    bool is_below = strncmp(path, list->path, below) == 0;
    if (!is_below && strstr(list->text, source_dir) == NULL) {
        return false;
    }
    char word[DEAD_WORD_BYTES];
    for (const char *at = list->text; dead_next_word(&at, word, sizeof(word));) {
        if (strncmp(word, source_dir, sizeof(source_dir) - 1) == 0) {
            if (dead_matches(list, word + sizeof(source_dir) - 1, path)) {
                return true;
            }
            continue;
        }
        bool is_current = strncmp(word, current_dir, sizeof(current_dir) - 1) == 0;
        if (is_below &&
            dead_matches(list, word + (is_current ? sizeof(current_dir) - 1 : 0), path + below)) {
            return true;
        }
    }
    return false;
}

/* The next word of a CMake file, comments left out. A word that does not fit is cut. */
static bool dead_next_word(const char **at, char *word, size_t word_bytes)
{
    const char *from = *at + strspn(*at, DEAD_SEPARATORS);
    while (*from == '#') {
        from += strcspn(from, "\n");
        from += strspn(from, DEAD_SEPARATORS);
    }
    size_t length = strcspn(from, DEAD_SEPARATORS);
    size_t copied = length < word_bytes ? length : word_bytes - 1;
    memcpy(word, from, copied);
    word[copied] = '\0';
    *at = from + length;
    return length > 0;
}

/* Whether `pattern` is `name`, where each ${variable} stands for some other word of the list: the
 * rows of a foreach. */
static bool dead_matches(const struct tidy_file *list, const char *pattern, const char *name)
{
    size_t literal = strcspn(pattern, "$");
    if (strncmp(pattern, name, literal) != 0) {
        return false;
    }
    pattern += literal;
    name += literal;
    if (*pattern == '\0') {
        return *name == '\0';
    }
    const char *close = strchr(pattern, '}');
    if (close == NULL) {
        return false;
    }
    for (size_t length = strlen(name); length > 0; length--) {
        if (dead_matches(list, close + 1, name + length) && dead_has_word(list, name, length)) {
            return true;
        }
    }
    return false;
}

static bool dead_has_word(const struct tidy_file *list, const char *wanted, size_t length)
{
    char word[DEAD_WORD_BYTES];
    for (const char *at = list->text; dead_next_word(&at, word, sizeof(word));) {
        if (strlen(word) == length && memcmp(word, wanted, length) == 0) {
            return true;
        }
    }
    return false;
}
