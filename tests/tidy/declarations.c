/* Rules over declarations: no mutable globals, headers are contracts. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/tidy/source.h"
#include "tests/tidy/tidy.h"

#define DECLARATIONS_GUARD_BYTES 256

static void declarations_variable(const struct source *s, const struct source_item *item,
                                  const struct tidy_sink *sink);
static void declarations_statics(const struct source *s, const struct source_item *function,
                                 const struct tidy_sink *sink);
static void declarations_guard(const struct source *s, const struct tidy_sink *sink);
static bool declarations_has_comment(const struct source *s, const struct source_item *item);
static bool declarations_is_product(const char *path);

void tidy_globals(const struct source *s, const struct tidy_sink *sink)
{
    if (tidy_is_under(s->path, "tests")) {
        return;
    }
    struct source_item item;
    for (size_t i = 0; source_item(s, i, &item); i = item.last + 1) {
        if (item.kind == SOURCE_ITEM_VARIABLE) {
            declarations_variable(s, &item, sink);
        } else if (item.kind == SOURCE_ITEM_FUNCTION) {
            declarations_statics(s, &item, sink);
        }
    }
}

void tidy_contracts(const struct source *s, const struct tidy_sink *sink)
{
    if (s->count == 0 || s->tokens[0].kind != SOURCE_COMMENT || s->tokens[0].line != 1) {
        tidy_report(sink, s->path, 1, TIDY_CONTRACT,
                    "starts without an essay: say in a comment what this file is for");
    }
    if (!tidy_ends_with(s->path, ".h")) {
        return;
    }
    declarations_guard(s, sink);
    struct source_item item;
    unsigned group_line = 0; /* where the next member of a commented group begins */
    for (size_t i = 0; declarations_is_product(s->path) && source_item(s, i, &item);
         i = item.last + 1) {
        if (item.kind != SOURCE_ITEM_FUNCTION && item.kind != SOURCE_ITEM_PROTOTYPE) {
            group_line = 0;
            continue;
        }
        unsigned line = s->tokens[item.first].line;
        if (line == group_line || declarations_has_comment(s, &item)) {
            group_line = s->tokens[item.last].line + 1;
            continue;
        }
        group_line = 0;
        tidy_report(sink, s->path, line, TIDY_CONTRACT,
                    "%.*s has no contract: say above it what it does, who owns what, which errors",
                    (int)s->tokens[item.name].length, s->tokens[item.name].text);
    }
}

void tidy_thread_locals(const struct tidy_file *files, size_t count, const struct tidy_sink *sink)
{
    const char *where = NULL;
    for (size_t f = 0; f < count; f++) {
        if (!tidy_is_c(files[f].path) || !tidy_is_under(files[f].path, "base/rt")) {
            continue;
        }
        struct source s;
        source_open(&s, files[f].path, files[f].text, files[f].length);
        struct source_item item;
        for (size_t i = 0; source_item(&s, i, &item); i = item.last + 1) {
            if (item.is_thread_local && !item.is_extern && where != NULL) {
                tidy_report(sink, s.path, s.tokens[item.first].line, TIDY_GLOBAL,
                            "a second thread-local (the first is in %s): pass the shard", where);
            } else if (item.is_thread_local && !item.is_extern) {
                where = files[f].path;
            }
        }
        source_close(&s);
    }
}

static void declarations_variable(const struct source *s, const struct source_item *item,
                                  const struct tidy_sink *sink)
{
    const struct source_token *name = &s->tokens[item->name];
    if (item->is_thread_local) {
        if (!tidy_is_under(s->path, "base/rt")) {
            tidy_report(sink, s->path, name->line, TIDY_GLOBAL,
                        "thread-local %.*s: the house has one, in base/rt; pass the shard",
                        (int)name->length, name->text);
        }
    } else if (!item->is_const) {
        tidy_report(
            sink, s->path, name->line, TIDY_GLOBAL,
            "mutable %.*s: move it into its owner's struct, or make the object itself const",
            (int)name->length, name->text);
    }
}

/* Variables that outlive a call: those a function's body declares static. */
static void declarations_statics(const struct source *s, const struct source_item *function,
                                 const struct tidy_sink *sink)
{
    for (size_t i = function->body; i < function->last; i = source_code(s, i + 1)) {
        struct source_item item;
        if ((source_is(s, i, "static") && !source_is(s, i - 1, "[")) ||
            source_is(s, i, "_Thread_local")) {
            if (source_item(s, i, &item) && item.kind == SOURCE_ITEM_VARIABLE) {
                declarations_variable(s, &item, sink);
                i = item.last;
            }
        }
    }
}

/* The first directives are #ifndef GUARD, #define GUARD, where base/bytes.h gives BASE_BYTES_H. */
static void declarations_guard(const struct source *s, const struct tidy_sink *sink)
{
    char guard[DECLARATIONS_GUARD_BYTES];
    snprintf(guard, sizeof(guard), "%s", s->path);
    for (char *c = guard; *c != '\0'; c++) {
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    }
    size_t i = 0;
    while (i < s->count && s->tokens[i].kind == SOURCE_COMMENT) {
        i++;
    }
    if (!source_is(s, i + 1, "ifndef") || !source_is(s, i + 2, guard) ||
        !source_is(s, i + 4, "define") || !source_is(s, i + 5, guard)) {
        tidy_report(sink, s->path, i < s->count ? s->tokens[i].line : 1, TIDY_CONTRACT,
                    "no include guard named after the path: #ifndef %s, #define %s", guard, guard);
    }
}

/* A comment of its own lines ends on the line before `item`. */
static bool declarations_has_comment(const struct source *s, const struct source_item *item)
{
    if (item->first == 0) {
        return false;
    }
    const struct source_token *before = &s->tokens[item->first - 1];
    return before->kind == SOURCE_COMMENT && before->starts_line &&
           before->line_last + 1 == s->tokens[item->first].line;
}

static bool declarations_is_product(const char *path)
{
    return !tidy_is_under(path, "tests") && !tidy_is_under(path, "bench");
}
