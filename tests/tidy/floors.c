/* Floors: the table, and the rule over includes. See floors.h. */
#include "tests/tidy/floors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/tidy/source.h"

#define FLOORS_LINE_BYTES 512

static const char *floors_read_row(struct floors *floors, char *line);
static const char *floors_read_targets(const struct floors *floors, struct floors_row *row,
                                       char *words);
static bool floors_stands(const struct floors *floors, const char *target);
static void floors_check_include(const struct floors *floors, const struct floors_row *from,
                                 const struct source *s, size_t i, const struct tidy_sink *sink);

void floors_read(struct floors *floors, const struct tidy_file *file, const struct tidy_sink *sink)
{
    *floors = (struct floors){0};
    unsigned line = 0;
    for (const char *at = file->text; *at != '\0';) {
        char copy[FLOORS_LINE_BYTES];
        size_t length = strcspn(at, "\n");
        snprintf(copy, sizeof(copy), "%.*s", (int)length, at);
        copy[strcspn(copy, "#")] = '\0';
        line++;
        const char *problem =
            copy[strspn(copy, " ")] != '\0' ? floors_read_row(floors, copy) : NULL;
        if (problem != NULL) {
            tidy_report(sink, file->path, line, TIDY_FLOORS, "%s", problem);
        }
        at += length + (at[length] == '\n');
    }
}

const struct floors_row *floors_find(const struct floors *floors, const char *folder, size_t length)
{
    const struct floors_row *found = NULL;
    size_t found_length = 0;
    for (size_t i = 0; i < floors->count; i++) {
        const struct floors_row *row = &floors->rows[i];
        size_t row_length = strlen(row->folder);
        if (length < row_length || memcmp(folder, row->folder, row_length) != 0) {
            continue;
        }
        if (length == row_length) {
            return row;
        }
        if (row->is_tree && folder[row_length] == '/' && row_length > found_length) {
            found = row;
            found_length = row_length;
        }
    }
    return found;
}

bool floors_allow(const struct floors_row *from, const struct floors_row *to)
{
    if (from == to) {
        return from->is_tree;
    }
    for (size_t i = 0; i < from->targets_count; i++) {
        const char *target = from->targets[i];
        unsigned floor;
        if (strcmp(target, to->folder) == 0 ||
            (sscanf(target, "F%u", &floor) == 1 && floor == to->floor)) {
            return true;
        }
    }
    return false;
}

bool floors_is_outside(const struct floors_row *row)
{
    return row->targets_count == 1 && strcmp(row->targets[0], "any") == 0;
}

size_t floors_folder_length(const char *path, size_t length)
{
    const char *slash = memrchr(path, '/', length);
    return slash != NULL ? (size_t)(slash - path) : 0;
}

void tidy_floors(const struct floors *floors, const struct source *s, const struct tidy_sink *sink)
{
    size_t folder_length = floors_folder_length(s->path, strlen(s->path));
    const struct floors_row *from = floors_find(floors, s->path, folder_length);
    if (from == NULL) {
        tidy_report(sink, s->path, 1, TIDY_FLOORS,
                    "folder '%.*s' has no row in tests/tidy/floors.txt: give it its floor",
                    (int)folder_length, s->path);
        return;
    }
    for (size_t i = 0; i < s->count && !floors_is_outside(from); i++) {
        floors_check_include(floors, from, s, i, sink);
    }
}

static void floors_check_include(const struct floors *floors, const struct floors_row *from,
                                 const struct source *s, size_t i, const struct tidy_sink *sink)
{
    const char *target = NULL;
    size_t length = 0;
    bool is_quoted = false;
    if (!source_include(s, i, &target, &length, &is_quoted)) {
        return;
    }
    unsigned line = s->tokens[i].line;
    size_t folder_length = floors_folder_length(target, length);
    const struct floors_row *to = floors_find(floors, target, folder_length);
    if (!is_quoted) {
        if (to != NULL) {
            tidy_report(sink, s->path, line, TIDY_FLOORS, "<%.*s> is our own: include it in quotes",
                        (int)length, target);
        }
        return;
    }
    bool is_own = folder_length == floors_folder_length(s->path, strlen(s->path)) &&
                  memcmp(target, s->path, folder_length) == 0;
    if (folder_length == 0) {
        tidy_report(sink, s->path, line, TIDY_FLOORS,
                    "\"%.*s\": write the path from the repository's root", (int)length, target);
    } else if (is_own) {
        return;
    } else if (to == NULL) {
        tidy_report(sink, s->path, line, TIDY_FLOORS,
                    "\"%.*s\": its folder has no row in tests/tidy/floors.txt", (int)length,
                    target);
    } else if (length > 6 && memcmp(target + length - 6, "_int.h", 6) == 0) {
        tidy_report(sink, s->path, line, TIDY_FLOORS,
                    "\"%.*s\" never leaves its folder: use the folder's public header", (int)length,
                    target);
    } else if (!floors_allow(from, to)) {
        tidy_report(sink, s->path, line, TIDY_FLOORS,
                    "%s (F%u) may not include %s (F%u): arrows point down, floors.txt says where",
                    from->folder, from->floor, to->folder, to->floor);
    }
}

/* Read "F2 storage/log : F0 F1 storage/crypt" into the next row; NULL, or what is wrong with it. */
static const char *floors_read_row(struct floors *floors, char *line)
{
    struct floors_row row = {0};
    int pos = 0;
    if (sscanf(line, " F%u %47s : %n", &row.floor, row.folder, &pos) != 2 || pos == 0) {
        return "a row reads: F<floor> <folder> : <targets>";
    }
    size_t length = strlen(row.folder);
    if (tidy_ends_with(row.folder, "/*")) {
        row.is_tree = true;
        row.folder[length - 2] = '\0';
    }
    if (floors->count == FLOORS_ROWS_MAX) {
        return "more rows than FLOORS_ROWS_MAX";
    }
    if (floors->count > 0 && row.floor < floors->rows[floors->count - 1].floor) {
        return "a lower floor stands above: order the rows from the ground up";
    }
    const char *problem = floors_read_targets(floors, &row, line + pos);
    if (problem == NULL) {
        floors->rows[floors->count++] = row;
    }
    return problem;
}

static const char *floors_read_targets(const struct floors *floors, struct floors_row *row,
                                       char *words)
{
    int used = 0;
    for (; words[strspn(words, " ")] != '\0'; words += used) {
        if (row->targets_count == FLOORS_TARGETS_MAX) {
            return "more targets than FLOORS_TARGETS_MAX";
        }
        char *target = row->targets[row->targets_count];
        if (sscanf(words, "%47s%n", target, &used) != 1 || !floors_stands(floors, target)) {
            return "a target is neither a folder nor a floor of a row above this one";
        }
        row->targets_count++;
    }
    return NULL;
}

/* Whether some row so far is `target` or on the floor it names. */
static bool floors_stands(const struct floors *floors, const char *target)
{
    unsigned floor;
    bool is_floor = sscanf(target, "F%u", &floor) == 1;
    for (size_t i = 0; i < floors->count; i++) {
        if (strcmp(floors->rows[i].folder, target) == 0 ||
            (is_floor && floors->rows[i].floor == floor)) {
            return true;
        }
    }
    return strcmp(target, "any") == 0;
}
