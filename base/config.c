/* Typed keys and their sources. See config.h; config_yaml.c reads the file.
 *
 * Every text goes through config_put, the default's too: one place decides what a key accepts, and
 * a problem is worded the same whatever the source. */
#include "base/config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/config_int.h"
#include "base/escape.h"
#include "base/units.h"

#define CONFIG_ENVIRONMENT_PREFIX "TDB_"

/* Room for a name of the environment, for what a key takes in words, for a hint, and for a text
 * from outside as problems show it: escaped and cut. */
#define CONFIG_VARIABLE_BYTES (CONFIG_NAME_BYTES_MAX + sizeof(CONFIG_ENVIRONMENT_PREFIX))
#define CONFIG_HINT_BYTES     96
#define CONFIG_SHOWN_BYTES    72

/* The part of a file's name that problems show: its end. */
#define CONFIG_FILE_NAME_SHOWN 120

static bool config_init_names(struct config *c);
static void config_check_key(const struct config *c, size_t index);
static enum err config_accept(struct config *c, size_t index, struct config_text text,
                              struct config_value *value);
static enum err config_accept_number(const struct config_key *key, struct config_text text,
                                     uint64_t *number);
static enum err config_accept_choice(const struct config_key *key, struct config_text text,
                                     uint64_t *number);
static enum err config_accept_text(const struct config_key *key, const char *text, size_t length);
static enum err config_accept_list(struct config *c, size_t index, const struct config_text *items,
                                   size_t count, struct config_value *value);
static size_t config_split(struct config_text text, struct config_text items[CONFIG_LIST_MAX + 1]);
static void config_take(struct config *c, size_t index, enum err err, struct config_text text,
                        const struct config_value *value);
static void config_hint(const struct config_key *key, struct config_text text,
                        char out[CONFIG_HINT_BYTES]);
static void config_show(struct config_text text, char out[CONFIG_SHOWN_BYTES]);
static size_t config_find_variable(const struct config *c, struct config_text name);
static void config_warn_variable(struct config *c, struct config_text name);
static void config_variable(const char *name, char out[CONFIG_VARIABLE_BYTES]);
static void config_where(const struct config *c, size_t index, struct config_source source,
                         char *out, size_t out_bytes);
static struct config_problem *config_add(struct config *c, bool is_error);
static bool config_is(struct config_text text, const char *word);
static struct config_text config_text(const char *text);

enum err config_init(struct config *c, const struct config_key *keys, size_t keys_count,
                     struct arena *arena)
{
    ASSERT(keys_count >= 1);
    *c = (struct config){.keys = keys, .keys_count = keys_count, .arena = arena};
    c->values =
        arena_alloc_zeroed(arena, keys_count * sizeof(c->values[0]), _Alignof(struct config_value));
    c->problems = arena_alloc_zeroed(arena, CONFIG_PROBLEMS_MAX * sizeof(c->problems[0]),
                                     _Alignof(struct config_problem));
    if (c->values == NULL || c->problems == NULL || !config_init_names(c)) {
        return arena->err;
    }
    for (size_t i = 0; i < keys_count; i++) {
        config_check_key(c, i);
        config_put(c, i, config_text(keys[i].fallback),
                   (struct config_source){.origin = CONFIG_FROM_DEFAULT});
        if (arena->err != ERR_OK) {
            return arena->err;
        }
        ASSERT(c->errors_count == 0); /* each default is accepted */
    }
    return ERR_OK;
}

void config_read_environment(struct config *c, const char *const *environment)
{
    const size_t prefix_length = strlen(CONFIG_ENVIRONMENT_PREFIX);
    for (; *environment != NULL; environment++) {
        struct config_text name = {*environment, strcspn(*environment, "=")};
        const char *value = name.text[name.length] != '\0' ? name.text + name.length + 1 : "";
        if (strncmp(name.text, CONFIG_ENVIRONMENT_PREFIX, prefix_length) != 0 || value[0] == '\0' ||
            name.length >= CONFIG_VARIABLE_BYTES) {
            continue;
        }
        size_t index = config_find_variable(c, name);
        if (index != CONFIG_NONE) {
            config_put(c, index, config_text(value),
                       (struct config_source){.origin = CONFIG_FROM_ENVIRONMENT});
        } else {
            config_warn_variable(c, name);
        }
    }
}

size_t config_read_flag(struct config *c, int argc, char *const *argv)
{
    ASSERT(argc >= 1);
    if (strncmp(argv[0], "--", 2) != 0) {
        return 0;
    }
    const struct config_source source = {.origin = CONFIG_FROM_FLAG};
    const char *name = argv[0] + 2;
    size_t length = strcspn(name, "=");
    char key[CONFIG_NAME_BYTES_MAX + 1];
    if (length >= sizeof(key)) {
        return 0;
    }
    for (size_t i = 0; i < length; i++) { /* --clamp-replication is clamp_replication */
        key[i] = name[i] == '-' ? '_' : name[i];
    }
    size_t index = config_find_key(c, key, length);
    if (index == CONFIG_NONE) {
        return 0;
    }
    if (name[length] == '=') {
        config_put(c, index, config_text(name + length + 1), source);
        return 1;
    }
    bool is_alone = argc < 2 || strncmp(argv[1], "--", 2) == 0;
    if (is_alone && c->keys[index].type == CONFIG_BOOL) {
        config_put(c, index, config_text("true"), source);
        return 1;
    }
    if (is_alone) {
        char wanted[CONFIG_WANTED_BYTES];
        config_format_wanted(&c->keys[index], wanted);
        config_complain(c, index, source, "needs a value: %s", wanted);
        return 1;
    }
    config_put(c, index, config_text(argv[1]), source);
    return 2;
}

void config_add_error(struct config *c, const char *where, const char *what)
{
    struct config_problem *problem = config_add(c, true);
    if (problem != NULL) {
        snprintf(problem->where, sizeof(problem->where), "%s", where);
        snprintf(problem->what, sizeof(problem->what), "%s", what);
    }
}

const char *config_nearest(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->keys_count; i++) {
        const char *last_dot = strrchr(c->names[i], '.');
        if (last_dot != NULL && strcmp(last_dot + 1, name) == 0) {
            return c->names[i];
        }
    }
    return suggest_nearest(name, c->names, c->keys_count);
}

const struct config_value *config_value(const struct config *c, const char *name)
{
    size_t index = config_find_key(c, name, strlen(name));
    ASSERT(index != CONFIG_NONE);
    return &c->values[index];
}

void config_format_wanted(const struct config_key *key, char out[CONFIG_WANTED_BYTES])
{
    static const char *const words[] = {
        [CONFIG_TEXT] = "text without control characters",
        [CONFIG_BOOL] = "true or false",
        [CONFIG_U64] = "a whole number",
        [CONFIG_BYTES] = "a size such as 64KiB or 10GB",
        [CONFIG_DURATION] = "a duration such as 50ms or 1h30m",
        [CONFIG_CHOICE] = "one of",
        [CONFIG_LIST] = "texts with commas between them",
    };
    const char *word = key->wanted != NULL ? key->wanted : words[key->type];
    char min[UNITS_TEXT_BYTES];
    char max[UNITS_TEXT_BYTES];
    size_t length = (size_t)snprintf(out, CONFIG_WANTED_BYTES, "%s", word);
    if (key->type == CONFIG_CHOICE) {
        for (size_t i = 0; key->choices[i] != NULL && length < CONFIG_WANTED_BYTES; i++) {
            length += (size_t)snprintf(out + length, CONFIG_WANTED_BYTES - length, "%s %s",
                                       i > 0 ? "," : "", key->choices[i]);
        }
        return;
    }
    if (key->type == CONFIG_BYTES) {
        units_format_bytes(key->min, min);
        units_format_bytes(key->max, max);
    } else if (key->type == CONFIG_DURATION) {
        units_format_duration(key->min, min);
        units_format_duration(key->max, max);
    } else {
        snprintf(min, sizeof(min), "%" PRIu64, key->min);
        snprintf(max, sizeof(max), "%" PRIu64, key->max);
    }
    if (key->max != 0) {
        snprintf(out + length, CONFIG_WANTED_BYTES - length, " from %s to %s", min, max);
    } else if (key->min != 0) {
        snprintf(out + length, CONFIG_WANTED_BYTES - length, " of at least %s", min);
    }
}

void config_format_source(const struct config *c, size_t index, char *out, size_t out_bytes)
{
    ASSERT(index < c->keys_count);
    config_where(c, index, c->values[index].source, out, out_bytes);
}

size_t config_find_key(const struct config *c, const char *name, size_t length)
{
    for (size_t i = 0; i < c->keys_count; i++) {
        if (config_is((struct config_text){name, length}, c->keys[i].name)) {
            return i;
        }
    }
    return CONFIG_NONE;
}

size_t config_find_group(const struct config *c, const char *name, size_t length)
{
    for (size_t i = 0; i < c->groups_count; i++) {
        if (config_is((struct config_text){name, length}, c->groups[i].name)) {
            return i;
        }
    }
    return CONFIG_NONE;
}

void config_put(struct config *c, size_t index, struct config_text text,
                struct config_source source)
{
    struct config_value value = {.source = source};
    enum err err = config_accept(c, index, text, &value);
    config_take(c, index, err, text, &value);
}

void config_put_items(struct config *c, size_t index, const struct config_text *items, size_t count,
                      struct config_source source)
{
    ASSERT(c->keys[index].type == CONFIG_LIST);
    ASSERT(count <= CONFIG_LIST_MAX);
    char joined[CONFIG_TEXT_BYTES_MAX];
    struct bytes_writer w = bytes_writer(joined, sizeof(joined));
    for (size_t i = 0; i < count; i++) {
        bytes_put_copy(&w, ",", i > 0);
        bytes_put_copy(&w, items[i].text, items[i].length);
    }
    struct config_text text = {joined, w.pos};
    struct config_value value = {.source = source};
    enum err err = w.err == ERR_OK ? config_accept_list(c, index, items, count, &value) : w.err;
    config_take(c, index, err, text, &value);
}

void config_complain(struct config *c, size_t index, struct config_source source,
                     const char *format, ...)
{
    struct config_problem *problem = config_add(c, true);
    if (problem == NULL) {
        return;
    }
    va_list args;
    problem->source = source;
    config_where(c, index, source, problem->where, sizeof(problem->where));
    va_start(args, format);
    int length = 0;
    if (index != CONFIG_NONE) {
        length = snprintf(problem->what, sizeof(problem->what), "%s ", c->keys[index].name);
    }
    vsnprintf(problem->what + length, sizeof(problem->what) - (size_t)length, format, args);
    va_end(args);
}

void config_complain_unknown(struct config *c, struct config_text name, bool is_group,
                             struct config_source source)
{
    char copy[CONFIG_NAME_BYTES_MAX + 1] = "";
    char shown[CONFIG_SHOWN_BYTES];
    const char *nearest = NULL;
    config_show(name, shown);
    if (name.length < sizeof(copy)) {
        memcpy(copy, name.text, name.length);
        copy[name.length] = '\0';
        nearest = is_group ? suggest_nearest(copy, c->group_names, c->groups_count)
                           : config_nearest(c, copy);
    }
    if (nearest != NULL) {
        config_complain(c, CONFIG_NONE, source, "there is no %s \"%s\"; did you mean %s?",
                        is_group ? "group" : "key", shown, nearest);
    } else {
        config_complain(c, CONFIG_NONE, source, "there is no %s \"%s\"", is_group ? "group" : "key",
                        shown);
    }
}

/* The arrays of names, and every prefix of a key as a group. */
static bool config_init_names(struct config *c)
{
    size_t dots_count = 0;
    for (size_t i = 0; i < c->keys_count; i++) {
        for (const char *at = c->keys[i].name; (at = strchr(at, '.')) != NULL; at++) {
            dots_count++;
        }
    }
    size_t pointer_bytes = sizeof(c->names[0]);
    c->names = arena_alloc(c->arena, c->keys_count * pointer_bytes, pointer_bytes);
    c->group_names = arena_alloc(c->arena, dots_count * pointer_bytes, pointer_bytes);
    c->groups = arena_alloc_zeroed(c->arena, dots_count * sizeof(c->groups[0]),
                                   _Alignof(struct config_group));
    if (c->names == NULL || c->group_names == NULL || c->groups == NULL) {
        return false;
    }
    for (size_t i = 0; i < c->keys_count; i++) {
        const char *name = c->keys[i].name;
        c->names[i] = name;
        for (const char *at = name; (at = strchr(at, '.')) != NULL; at++) {
            size_t length = (size_t)(at - name);
            if (config_find_group(c, name, length) == CONFIG_NONE) {
                char *group = arena_copy(c->arena, name, length);
                if (group == NULL) {
                    return false;
                }
                c->group_names[c->groups_count] = group;
                c->groups[c->groups_count++].name = group;
            }
        }
    }
    return true;
}

/* The row makes sense, alone and beside those before it. */
static void config_check_key(const struct config *c, size_t index)
{
    static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    const struct config_key *key = &c->keys[index];
    char variable[CONFIG_VARIABLE_BYTES];
    size_t length = strlen(key->name);
    ASSERT(length >= 1);
    ASSERT(length <= CONFIG_NAME_BYTES_MAX);
    ASSERT(strspn(key->name, name_chars) == length);
    ASSERT(key->name[0] != '.');
    ASSERT(key->name[length - 1] != '.');
    ASSERT(config_find_group(c, key->name, length) == CONFIG_NONE);
    config_variable(key->name, variable);
    ASSERT(config_find_variable(c, config_text(variable)) == index);
    ASSERT((key->type == CONFIG_CHOICE) == (key->choices != NULL));
    ASSERT((key->accepts != NULL) == (key->wanted != NULL));
}

/* Read `text` as the key's type into `value`. ERR_INVALID and its like: not accepted; ERR_BUDGET:
 * no room. */
static enum err config_accept(struct config *c, size_t index, struct config_text text,
                              struct config_value *value)
{
    const struct config_key *key = &c->keys[index];
    enum err err = ERR_OK;
    switch (key->type) {
    case CONFIG_TEXT: break;
    case CONFIG_BOOL:
        value->number = config_is(text, "true");
        err = value->number != 0 || config_is(text, "false") ? ERR_OK : ERR_INVALID;
        break;
    case CONFIG_U64:
    case CONFIG_BYTES:
    case CONFIG_DURATION: err = config_accept_number(key, text, &value->number); break;
    case CONFIG_CHOICE: err = config_accept_choice(key, text, &value->number); break;
    case CONFIG_LIST: {
        struct config_text items[CONFIG_LIST_MAX + 1];
        size_t count = config_split(text, items);
        return config_accept_list(c, index, items, count, value);
    }
    }
    if (err != ERR_OK || text.length > CONFIG_TEXT_BYTES_MAX) {
        return ERR_INVALID;
    }
    value->text = arena_copy(c->arena, text.text, text.length);
    if (value->text == NULL) {
        return ERR_BUDGET;
    }
    return key->type == CONFIG_TEXT ? config_accept_text(key, value->text, text.length) : ERR_OK;
}

static enum err config_accept_number(const struct config_key *key, struct config_text text,
                                     uint64_t *number)
{
    enum err err = ERR_INVALID;
    if (text.length > 1 && text.text[0] == '0' && text.text[1] >= '0' && text.text[1] <= '9') {
        return err; /* YAML 1.1 reads 010 as 8, YAML 1.2 as 10 */
    }
    if (key->type == CONFIG_U64) {
        err = units_parse_u64(text.text, text.length, number);
    } else if (key->type == CONFIG_BYTES) {
        err = units_parse_bytes(text.text, text.length, number);
    } else {
        err = units_parse_duration_ns(text.text, text.length, number);
    }
    if (err == ERR_OK && (*number < key->min || (key->max != 0 && *number > key->max))) {
        err = ERR_RANGE;
    }
    return err;
}

static enum err config_accept_choice(const struct config_key *key, struct config_text text,
                                     uint64_t *number)
{
    for (uint64_t i = 0; key->choices[i] != NULL; i++) {
        if (config_is(text, key->choices[i])) {
            *number = i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

/* No control characters (the NUL at the end apart), and what the key itself demands. */
static enum err config_accept_text(const struct config_key *key, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) {
            return ERR_INVALID;
        }
    }
    return key->accepts == NULL || key->accepts(text) ? ERR_OK : ERR_INVALID;
}

static enum err config_accept_list(struct config *c, size_t index, const struct config_text *items,
                                   size_t count, struct config_value *value)
{
    const struct config_key *key = &c->keys[index];
    size_t pointer_bytes = sizeof(value->items[0]);
    size_t text_bytes = 1;
    if (count > CONFIG_LIST_MAX) {
        return ERR_INVALID;
    }
    const char **texts = arena_alloc(c->arena, count * pointer_bytes, pointer_bytes);
    for (size_t i = 0; i < count && texts != NULL; i++) {
        texts[i] = arena_copy(c->arena, items[i].text, items[i].length);
        if (texts[i] == NULL) {
            return ERR_BUDGET;
        }
        if (items[i].length == 0 || items[i].length > CONFIG_TEXT_BYTES_MAX ||
            config_accept_text(key, texts[i], items[i].length) != ERR_OK) {
            return ERR_INVALID;
        }
        text_bytes += items[i].length + 1;
    }
    char *joined = arena_alloc(c->arena, text_bytes, 1);
    if (texts == NULL || joined == NULL) {
        return ERR_BUDGET;
    }
    size_t length = 0;
    joined[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        int written =
            snprintf(joined + length, text_bytes - length, "%s%s", i > 0 ? "," : "", texts[i]);
        length += (size_t)written;
    }
    value->text = joined;
    value->items = texts;
    value->items_count = count;
    return ERR_OK;
}

/* The parts of `text` between commas, without the spaces around them; of no text, none. Gives up
 * one past the limit. */
static size_t config_split(struct config_text text, struct config_text items[CONFIG_LIST_MAX + 1])
{
    size_t count = 0;
    size_t start = 0;
    for (size_t i = 0; i <= text.length && text.length > 0 && count <= CONFIG_LIST_MAX; i++) {
        if (i < text.length && text.text[i] != ',') {
            continue;
        }
        size_t end = i;
        while (start < end && text.text[start] == ' ') {
            start++;
        }
        while (end > start && text.text[end - 1] == ' ') {
            end--;
        }
        items[count++] = (struct config_text){text.text + start, end - start};
        start = i + 1;
    }
    return count;
}

/* The end of config_put: keep `value`, or say what is wrong with `text`. */
static void config_take(struct config *c, size_t index, enum err err, struct config_text text,
                        const struct config_value *value)
{
    const struct config_key *key = &c->keys[index];
    struct config_source before = c->values[index].source;
    ASSERT(value->source.origin >= before.origin);
    if (err == ERR_BUDGET) {
        config_complain(c, index, value->source,
                        "has no room: the configuration is larger than its %zu bytes",
                        c->arena->limit_bytes);
        return;
    }
    if (value->source.origin == CONFIG_FROM_FILE && before.origin == CONFIG_FROM_FILE) {
        config_complain(c, index, value->source, "is given twice, first on line %" PRIu32,
                        before.line);
        return;
    }
    if (err != ERR_OK) {
        char wanted[CONFIG_WANTED_BYTES];
        char shown[CONFIG_SHOWN_BYTES];
        char hint[CONFIG_HINT_BYTES];
        config_format_wanted(key, wanted);
        config_show(text, shown);
        config_hint(key, text, hint);
        config_complain(c, index, value->source, "takes %s, not \"%s\"%s", wanted, shown, hint);
        return;
    }
    c->values[index] = *value;
}

/* What the person may have meant; empty when nothing comes to mind. */
static void config_hint(const struct config_key *key, struct config_text text,
                        char out[CONFIG_HINT_BYTES])
{
    static const char *const booleans[] = {"yes", "no",  "on",   "off",   "Yes",  "No",
                                           "On",  "Off", "YES",  "NO",    "ON",   "OFF",
                                           "y",   "n",   "True", "False", "TRUE", "FALSE"};
    static const char units[] = "kKmMgGtT";
    out[0] = '\0';
    if (text.length > CONFIG_TEXT_BYTES_MAX) {
        snprintf(out, CONFIG_HINT_BYTES, "; that is over %d bytes long", CONFIG_TEXT_BYTES_MAX);
    } else if (key->type == CONFIG_BOOL) {
        for (size_t i = 0; i < ARRAY_COUNT(booleans); i++) {
            if (config_is(text, booleans[i])) {
                snprintf(out, CONFIG_HINT_BYTES, "; readers of YAML disagree about that word");
            }
        }
    } else if (key->type == CONFIG_CHOICE && text.length <= CONFIG_NAME_BYTES_MAX) {
        char word[CONFIG_NAME_BYTES_MAX + 1];
        size_t count = 0;
        while (key->choices[count] != NULL) {
            count++;
        }
        memcpy(word, text.text, text.length);
        word[text.length] = '\0';
        const char *nearest = suggest_nearest(word, key->choices, count);
        if (nearest != NULL) {
            snprintf(out, CONFIG_HINT_BYTES, "; did you mean %s?", nearest);
        }
    } else if (text.length > 1 && text.text[0] == '0' && text.text[1] >= '0' &&
               text.text[1] <= '9') {
        snprintf(out, CONFIG_HINT_BYTES, "; a leading 0 means octal to some readers of YAML");
    } else if (key->type == CONFIG_BYTES && text.length > 1 &&
               memchr(units, text.text[text.length - 1], sizeof(units) - 1) != NULL) {
        snprintf(out, CONFIG_HINT_BYTES, "; say KiB, MiB, GiB (powers of 1024) or KB, MB, GB");
    }
}

/* `text` as it may stand between quotes, cut to fit. */
static void config_show(struct config_text text, char out[CONFIG_SHOWN_BYTES])
{
    static const char cut[] = "...";
    struct bytes_writer w = bytes_writer(out, CONFIG_SHOWN_BYTES - sizeof(cut));
    size_t shown = escape_json(&w, text.text, text.length);
    snprintf(out + w.pos, sizeof(cut), "%s", shown < text.length ? cut : "");
}

static size_t config_find_variable(const struct config *c, struct config_text name)
{
    char variable[CONFIG_VARIABLE_BYTES];
    for (size_t i = 0; i < c->keys_count; i++) {
        config_variable(c->keys[i].name, variable);
        if (config_is(name, variable)) {
            return i;
        }
    }
    return CONFIG_NONE;
}

/* A name like ours that is nobody's: a slip, if it is nearly a key's. */
static void config_warn_variable(struct config *c, struct config_text name)
{
    char copy[CONFIG_VARIABLE_BYTES];
    snprintf(copy, sizeof(copy), "%.*s", (int)name.length, name.text);
    const char *nearest = config_nearest(c, copy + strlen(CONFIG_ENVIRONMENT_PREFIX));
    struct config_problem *problem = nearest != NULL ? config_add(c, false) : NULL;
    if (problem != NULL) {
        char variable[CONFIG_VARIABLE_BYTES];
        char shown[CONFIG_SHOWN_BYTES];
        config_variable(nearest, variable);
        config_show(name, shown);
        problem->source.origin = CONFIG_FROM_ENVIRONMENT;
        snprintf(problem->where, sizeof(problem->where), "%s", shown);
        snprintf(problem->what, sizeof(problem->what),
                 "is the variable of no key and ignored; did you mean %s?", variable);
    }
}

/* TDB_LOG_LEVEL of log.level. */
static void config_variable(const char *name, char out[CONFIG_VARIABLE_BYTES])
{
    size_t length =
        (size_t)snprintf(out, CONFIG_VARIABLE_BYTES, "%s%s", CONFIG_ENVIRONMENT_PREFIX, name);
    ASSERT(length < CONFIG_VARIABLE_BYTES);
    for (size_t i = 0; i < length; i++) {
        if (out[i] >= 'a' && out[i] <= 'z') {
            out[i] = (char)(out[i] - 'a' + 'A');
        } else if (out[i] == '.') {
            out[i] = '_';
        }
    }
}

/* The place of `source`, of the key at `index` (CONFIG_NONE: none in particular). */
static void config_where(const struct config *c, size_t index, struct config_source source,
                         char *out, size_t out_bytes)
{
    char variable[CONFIG_VARIABLE_BYTES];
    switch (source.origin) {
    case CONFIG_FROM_DEFAULT: snprintf(out, out_bytes, "default"); break;
    case CONFIG_FROM_FILE: {
        size_t length = strlen(c->file_name);
        const char *shown = length > CONFIG_FILE_NAME_SHOWN
                                ? c->file_name + length - CONFIG_FILE_NAME_SHOWN
                                : c->file_name;
        if (source.line > 0) {
            snprintf(out, out_bytes, "%s:%" PRIu32 ":%" PRIu32, shown, source.line, source.column);
        } else {
            snprintf(out, out_bytes, "%s", shown);
        }
        break;
    }
    case CONFIG_FROM_ENVIRONMENT:
        config_variable(c->keys[index].name, variable);
        snprintf(out, out_bytes, "%s", variable);
        break;
    case CONFIG_FROM_FLAG: snprintf(out, out_bytes, "--%s", c->keys[index].name); break;
    }
}

/* A new problem, empty; NULL when there are too many: it is only counted. */
static struct config_problem *config_add(struct config *c, bool is_error)
{
    c->errors_count += is_error;
    if (c->problems_count == CONFIG_PROBLEMS_MAX) {
        return NULL;
    }
    struct config_problem *problem = &c->problems[c->problems_count++];
    problem->is_error = is_error;
    return problem;
}

static bool config_is(struct config_text text, const char *word)
{
    return strlen(word) == text.length && memcmp(text.text, word, text.length) == 0;
}

static struct config_text config_text(const char *text)
{
    return (struct config_text){text, strlen(text)};
}
