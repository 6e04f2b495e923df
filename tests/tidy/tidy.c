/* Which rule sees which file, and how a finding is reported. See tidy.h. */
#include "tests/tidy/tidy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "tests/tidy/floors.h"
#include "tests/tidy/source.h"

const char *tidy_rule_name(enum tidy_rule rule)
{
    static const char *const names[TIDY_RULE_COUNT] = {
        [TIDY_FLOORS] = "floors", [TIDY_LENGTH] = "length",     [TIDY_CALL] = "call",
        [TIDY_GLOBAL] = "global", [TIDY_CONTRACT] = "contract", [TIDY_WORDING] = "wording",
        [TIDY_ALONE] = "alone",   [TIDY_MACHINE] = "machine",   [TIDY_DEAD] = "dead",
        [TIDY_BUDGET] = "budget",
    };
    ASSERT(rule < TIDY_RULE_COUNT);
    return names[rule];
}

void tidy_report(const struct tidy_sink *sink, const char *path, unsigned line, enum tidy_rule rule,
                 const char *format, ...)
{
    char message[401];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    sink->report(sink->context, &(struct tidy_finding){path, line, rule, message});
}

bool tidy_is_under(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

bool tidy_ends_with(const char *path, const char *end)
{
    size_t path_length = strlen(path);
    size_t end_length = strlen(end);
    return path_length >= end_length && strcmp(path + path_length - end_length, end) == 0;
}

bool tidy_is_c(const char *path)
{
    return tidy_ends_with(path, ".c") || tidy_ends_with(path, ".h");
}

unsigned tidy_line_of(const struct tidy_file *file, size_t pos)
{
    ASSERT(pos <= file->length);
    unsigned line = 1;
    for (size_t i = 0; i < pos; i++) {
        line += file->text[i] == '\n';
    }
    return line;
}

void tidy_check_file(const struct floors *floors, const struct tidy_file *file,
                     const struct tidy_sink *sink)
{
    if (tidy_is_c(file->path)) {
        struct source s;
        source_open(&s, file->path, file->text, file->length);
        tidy_floors(floors, &s, sink);
        tidy_lengths(&s, sink);
        tidy_calls(&s, sink);
        tidy_globals(&s, sink);
        tidy_contracts(&s, sink);
        source_close(&s);
    }
    tidy_wording(file, sink);
    tidy_machine(file, sink);
}

void tidy_check_tree(const struct floors *floors, const struct tidy_file *files, size_t count,
                     const struct tidy_sink *sink)
{
    tidy_dead(floors, files, count, sink);
    tidy_thread_locals(files, count, sink);
    bool has_budget = false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i].path, "tests/budget.txt") == 0) {
            has_budget = true;
            tidy_budget(&files[i], sink);
        }
    }
    if (!has_budget) {
        tidy_report(sink, "tests/budget.txt", 1, TIDY_BUDGET, "there is no such file");
    }
}
