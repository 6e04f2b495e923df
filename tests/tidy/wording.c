/* Rules over plain text: unfinished work, and traces of one machine. The words are written in
 * pieces, so that these tables break no rule themselves. */
#include <ctype.h>
#include <string.h>

#include "base/compiler.h"
#include "tests/tidy/tidy.h"

/* Whole words, in the case they are shown. RFC 9110's reason phrase for 501 is in title case. */
static const struct wording_row {
    const char *word;     /* as written */
    bool is_web_property; /* the name of an attribute in HTML, CSS and JavaScript */
} wording_rows[] = {
    {"TO"
     "DO",
     false},
    {"FIX"
     "ME",
     false},
    {"X"
     "XX",
     false},
    {"HA"
     "CK",
     false},
    {"not imple"
     "mented",
     false},
    {"Not imple"
     "mented",
     false},
    {"unimple"
     "mented",
     false},
    {"Unimple"
     "mented",
     false},
    {"place"
     "holder",
     true},
    {"Place"
     "holder",
     false},
    {"for "
     "now",
     false},
    {"For "
     "now",
     false},
    {"st"
     "ub",
     false},
    {"St"
     "ub",
     false},
};

/* Absolute folders, and the hosts packages come from. */
static const char *const wording_machine[] = {
    "/wo"
    "rk/",
    "/fa"
    "rm/",
    "/ro"
    "ot/",
    "/ho"
    "me/",
    ".lib"
    "rary",
    "farm-"
    "studio",
    "farm-"
    "bench",
    "deb."
    "debian.org",
    "security."
    "debian.org",
    "archive."
    "ubuntu.com",
    "registry."
    "npmjs.org",
    "pypi."
    "org",
    "files."
    "pythonhosted.org",
    "proxy."
    "golang.org",
    "sum."
    "golang.org",
    "crates."
    "io",
    "repo."
    "maven.apache.org",
    "repo1."
    "maven.org",
    "api."
    "nuget.org",
};

static bool wording_applies(const struct tidy_file *file);
static bool wording_is_web(const char *path);
static bool wording_is_part(char c);
static const char *wording_find(const struct tidy_file *file, const char *from, const char *word);

void tidy_wording(const struct tidy_file *file, const struct tidy_sink *sink)
{
    if (!wording_applies(file)) {
        return;
    }
    for (size_t r = 0; r < ARRAY_COUNT(wording_rows); r++) {
        const struct wording_row *row = &wording_rows[r];
        if (row->is_web_property && wording_is_web(file->path)) {
            continue;
        }
        size_t length = strlen(row->word);
        const char *found = wording_find(file, file->text, row->word);
        for (; found != NULL; found = wording_find(file, found + length, row->word)) {
            /* A call of the SQL function after "for" is no promise. */
            bool is_part = wording_is_part(found[length]) || found[length] == '(';
            if (!is_part && (found == file->text || !wording_is_part(found[-1]))) {
                tidy_report(sink, file->path, tidy_line_of(file, (size_t)(found - file->text)),
                            TIDY_WORDING, "\"%s\": do it now, or leave it out whole", row->word);
            }
        }
    }
}

void tidy_machine(const struct tidy_file *file, const struct tidy_sink *sink)
{
    for (size_t r = 0; r < ARRAY_COUNT(wording_machine); r++) {
        const char *word = wording_machine[r];
        size_t length = strlen(word);
        const char *found = wording_find(file, file->text, word);
        for (; found != NULL; found = wording_find(file, found + length, word)) {
            /* "$dir/x/" and "a/x/" are below something; "/x/" begins at the top. */
            char before = found > file->text ? found[-1] : ' ';
            bool is_below = wording_is_part(before) || (word[0] == '/' && strchr(")}.*-", before));
            if (!is_below && (word[0] != '/' || !isspace((unsigned char)found[length]))) {
                tidy_report(
                    sink, file->path, tidy_line_of(file, (size_t)(found - file->text)),
                    TIDY_MACHINE,
                    "\"%s\" exists on somebody's machine: use a relative path or a variable", word);
            }
        }
    }
}

static bool wording_applies(const struct tidy_file *file)
{
    static const char *const ends[] = {".c",    ".h",   ".md",   ".cmake",    "CMakeLists.txt",
                                       ".sh",   ".py",  ".js",   ".ts",       ".css",
                                       ".html", ".go",  ".java", ".rs",       ".cs",
                                       ".sql",  ".yml", ".yaml", "Dockerfile"};
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        if (tidy_ends_with(file->path, ends[i])) {
            return true;
        }
    }
    return strncmp(file->text, "#!", 2) == 0;
}

static bool wording_is_web(const char *path)
{
    return tidy_ends_with(path, ".html") || tidy_ends_with(path, ".css") ||
           tidy_ends_with(path, ".js") || tidy_ends_with(path, ".ts");
}

static bool wording_is_part(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *wording_find(const struct tidy_file *file, const char *from, const char *word)
{
    return memmem(from, file->length - (size_t)(from - file->text), word, strlen(word));
}
