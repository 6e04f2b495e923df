/* Structured log lines. See diag.h.
 *
 * A line is built in the owner's buffer, which always keeps room for the ending that says the line
 * was cut. Each field is written whole or taken back, only a string is cut inside; so a cut JSON
 * line is still JSON. */
#include "base/diag.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/escape.h"
#include "base/units.h"

/* Call sites that share a place in the table: a new one takes that of the one quiet for longest. */
#define DIAG_SET_SITES 4

/* Sizes below this are exact for people too. */
#define DIAG_EXACT_BYTES 10000

#define DIAG_SECOND_NS 1000000000u

static_assert(DIAG_SITES_MAX % DIAG_SET_SITES == 0, "sites are in whole sets");

/* A line being built. */
struct diag_line {
    struct bytes_writer w;   /* over diag.line, short of the longest ending */
    enum diag_format format; /* of the line */
    bool is_cut;             /* something did not fit; nothing more is written */
};

static const struct {
    const char *name;   /* in JSON and configuration */
    const char *padded; /* for people */
} diag_level_names[] = {
    [DIAG_LEVEL_ERROR] = {"error", "ERROR"},
    [DIAG_LEVEL_WARN] = {"warn", "WARN "},
    [DIAG_LEVEL_INFO] = {"info", "INFO "},
    [DIAG_LEVEL_DEBUG] = {"debug", "DEBUG"},
};

/* What ends a line. */
static const struct {
    const char *whole, *cut;
} diag_endings[] = {
    [DIAG_FORMAT_HUMAN] = {"\n", " cut=true\n"},
    [DIAG_FORMAT_JSON] = {"}\n", ",\"cut\":true}\n"},
};

/* The longest of them. */
#define DIAG_ENDING_BYTES_MAX 16

static bool diag_admit(struct diag *diag, enum diag_level level, const char *module,
                       const char *message, const char *file, int line);
static struct diag_site *diag_find_site(struct diag *diag, const char *file, int line);
static void diag_tell_suppressed(struct diag *diag, struct diag_site *site);
static void diag_emit(struct diag *diag, enum diag_level level, const char *module,
                      const char *message, const struct diag_field *fields, size_t count);
static void diag_put_head(struct diag_line *line, const struct diag *diag, enum diag_level level,
                          const char *module, const char *message);
static void diag_put_field(struct diag_line *line, const struct diag_field *field);
static void diag_put_value(struct diag_line *line, const struct diag_field *field);
static void diag_put_quantity(struct diag_line *line, const struct diag_field *field);
static void diag_put_text(struct diag_line *line, const char *text, size_t length, bool is_quoted);
static void diag_put_plain(struct diag_line *line, const char *text, size_t length);
static void diag_put_string(struct diag_line *line, const char *text);
static void diag_put_strings(struct diag_line *line, const char *const *parts, size_t count);
static void diag_put_double(struct diag_line *line, double value);
static void diag_put_number(struct diag_line *line, bool is_negative, uint64_t magnitude);
static bool diag_needs_quotes(const char *text, size_t length);

void diag_levels_init(struct diag_levels *levels, const char *const *modules, size_t count,
                      enum diag_level level)
{
    ASSERT(count <= DIAG_MODULES_MAX);
    levels->modules = modules;
    levels->modules_count = count;
    enum err err = diag_levels_set(levels, NULL, level);
    ASSERT(err == ERR_OK);
}

enum err diag_levels_set(struct diag_levels *levels, const char *module, enum diag_level level)
{
    ASSERT((unsigned)level < ARRAY_COUNT(diag_level_names));
    bool is_found = module == NULL;
    for (size_t i = 0; i < levels->modules_count; i++) {
        if (module == NULL || strcmp(levels->modules[i], module) == 0) {
            atomic_store_explicit(&levels->level_of[i], (uint8_t)level, memory_order_relaxed);
            is_found = true;
        }
    }
    if (!is_found) {
        return ERR_NOT_FOUND;
    }
    if (module == NULL) {
        atomic_store_explicit(&levels->level, (uint8_t)level, memory_order_relaxed);
    }
    uint8_t level_max = atomic_load_explicit(&levels->level, memory_order_relaxed);
    for (size_t i = 0; i < levels->modules_count; i++) {
        uint8_t level_of = atomic_load_explicit(&levels->level_of[i], memory_order_relaxed);
        level_max = level_of > level_max ? level_of : level_max;
    }
    atomic_store_explicit(&levels->level_max, level_max, memory_order_relaxed);
    return ERR_OK;
}

const char *diag_level_name(enum diag_level level)
{
    ASSERT((unsigned)level < ARRAY_COUNT(diag_level_names));
    return diag_level_names[level].name;
}

enum err diag_level_parse(const char *name, enum diag_level *level)
{
    for (size_t i = 0; i < ARRAY_COUNT(diag_level_names); i++) {
        if (strcmp(diag_level_names[i].name, name) == 0) {
            *level = (enum diag_level)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

void diag_init(struct diag *diag, struct diag_levels *levels, struct diag_sink *sink,
               enum diag_format format, uint32_t shard, uint32_t lines_per_second)
{
    ASSERT((unsigned)format < ARRAY_COUNT(diag_endings));
    *diag = (struct diag){.levels = levels,
                          .sink = sink,
                          .format = format,
                          .shard = shard,
                          .lines_per_second = lines_per_second};
}

void diag_flush(struct diag *diag)
{
    for (size_t i = 0; i < ARRAY_COUNT(diag->sites); i++) {
        diag_tell_suppressed(diag, &diag->sites[i]);
    }
}

void diag_set_time(struct diag *diag, uint64_t wall_ns)
{
    bool is_same_second = diag->wall_ns / DIAG_SECOND_NS == wall_ns / DIAG_SECOND_NS;
    diag->wall_ns = wall_ns;
    if (UNLIKELY(!is_same_second)) {
        diag_flush(diag);
    }
}

void diag_set_clock(struct diag *diag, diag_clock_fn *clock, void *context)
{
    diag->clock = clock;
    diag->clock_context = context;
}

bool diag_is_wanted_by_module(const struct diag *diag, enum diag_level level, const char *module)
{
    const struct diag_levels *levels = diag->levels;
    for (size_t i = 0; i < levels->modules_count; i++) {
        if (strcmp(levels->modules[i], module) == 0) {
            return level <= atomic_load_explicit(&levels->level_of[i], memory_order_relaxed);
        }
    }
    return level <= atomic_load_explicit(&levels->level, memory_order_relaxed);
}

void diag_write(struct diag *diag, enum diag_level level, const char *module, const char *message,
                const char *file, int line, const struct diag_field *fields, size_t count)
{
    ASSERT((unsigned)level < ARRAY_COUNT(diag_level_names));
    if (diag->clock != NULL) {
        diag_set_time(diag, diag->clock(diag->clock_context));
    }
    if (diag->lines_per_second == 0 || diag_admit(diag, level, module, message, file, line)) {
        diag_emit(diag, level, module, message, fields, count);
    }
}

struct diag_field diag_string(const char *key, const char *value)
{
    return (struct diag_field){.key = key,
                               .type = DIAG_TYPE_STRING,
                               .string = value,
                               .length = value != NULL ? strlen(value) : 0};
}

/* Whether the call site may speak once more in this second. */
static bool diag_admit(struct diag *diag, enum diag_level level, const char *module,
                       const char *message, const char *file, int line)
{
    struct diag_site *site = diag_find_site(diag, file, line);
    uint64_t second = diag->wall_ns / DIAG_SECOND_NS;
    if (site->file == NULL || site->second != second) {
        diag_tell_suppressed(diag, site);
        *site = (struct diag_site){.file = file,
                                   .module = module,
                                   .message = message,
                                   .second = second,
                                   .line = line,
                                   .level = level};
    }
    if (site->lines_count == diag->lines_per_second) {
        site->suppressed++;
        diag->suppressed_count++;
        return false;
    }
    site->lines_count++;
    return true;
}

/* The site's place in the table; a place that was another's is free on return. */
static struct diag_site *diag_find_site(struct diag *diag, const char *file, int line)
{
    uint64_t hash = ((uint64_t)(uintptr_t)file + (unsigned)line) * 0x9e3779b97f4a7c15;
    size_t set = (size_t)(hash >> 32) % (DIAG_SITES_MAX / DIAG_SET_SITES);
    struct diag_site *sites = &diag->sites[set * DIAG_SET_SITES];
    struct diag_site *oldest = &sites[0];
    for (size_t i = 0; i < DIAG_SET_SITES; i++) {
        if (sites[i].file == file && sites[i].line == line) {
            return &sites[i];
        }
        if (sites[i].file == NULL || (oldest->file != NULL && sites[i].second < oldest->second)) {
            oldest = &sites[i];
        }
    }
    diag_tell_suppressed(diag, oldest);
    *oldest = (struct diag_site){.file = NULL};
    return oldest;
}

static void diag_tell_suppressed(struct diag *diag, struct diag_site *site)
{
    if (site->suppressed > 0) {
        struct diag_field field = DIAG_U64("suppressed", site->suppressed);
        site->suppressed = 0;
        diag_emit(diag, site->level, site->module, site->message, &field, 1);
    }
}

static void diag_emit(struct diag *diag, enum diag_level level, const char *module,
                      const char *message, const struct diag_field *fields, size_t count)
{
    struct diag_line line = {
        .w = bytes_writer(diag->line, sizeof(diag->line) - DIAG_ENDING_BYTES_MAX),
        .format = diag->format,
    };
    diag_put_head(&line, diag, level, module, message);
    for (size_t i = 0; i < count && !line.is_cut; i++) {
        diag_put_field(&line, &fields[i]);
    }
    line.w.capacity = sizeof(diag->line);
    diag_put_string(&line,
                    line.is_cut ? diag_endings[line.format].cut : diag_endings[line.format].whole);
    ASSERT(line.w.err == ERR_OK);
    diag->lines_count++;
    diag->sink->write(diag->sink, level, diag->line, line.w.pos);
}

/* Time, level, module, shard, message. */
static void diag_put_head(struct diag_line *line, const struct diag *diag, enum diag_level level,
                          const char *module, const char *message)
{
    char time[UNITS_TEXT_BYTES];
    char shard[16];
    bool is_json = line->format == DIAG_FORMAT_JSON;
    units_format_time(diag->wall_ns, time);
    if (diag->shard == DIAG_NO_SHARD) {
        snprintf(shard, sizeof(shard), "%s", is_json ? "null" : "-");
    } else {
        snprintf(shard, sizeof(shard), "%" PRIu32, diag->shard);
    }
    if (is_json) {
        const char *const parts[] = {
            "{\"time\":\"",     time,   "\",\"level\":\"", diag_level_names[level].name,
            "\",\"module\":\"", module, "\",\"shard\":",   shard,
            ",\"message\":"};
        diag_put_strings(line, parts, ARRAY_COUNT(parts));
    } else {
        const char *const parts[] = {
            time,      " ",    diag_level_names[level].padded,
            " ",       module, &"    "[strlen(module) < 4 ? strlen(module) : 4],
            " shard=", shard,  " "};
        diag_put_strings(line, parts, ARRAY_COUNT(parts));
    }
    diag_put_text(line, message, strlen(message), is_json);
}

/* A field that does not fit is taken back whole, save a string, which is cut. */
static void diag_put_field(struct diag_line *line, const struct diag_field *field)
{
    size_t start = line->w.pos;
    bool is_json = line->format == DIAG_FORMAT_JSON;
    diag_put_string(line, is_json ? ",\"" : " ");
    diag_put_string(line, field->key);
    if (is_json) {
        diag_put_string(line, field->type == DIAG_TYPE_DURATION ? "_ns\":" : "\":");
    } else {
        diag_put_string(line, "=");
    }
    diag_put_value(line, field);
    if (line->w.err != ERR_OK) {
        line->w.err = ERR_OK;
        line->w.pos = start;
        line->is_cut = true;
    }
}

static void diag_put_value(struct diag_line *line, const struct diag_field *field)
{
    bool is_json = line->format == DIAG_FORMAT_JSON;
    switch (field->type) {
    case DIAG_TYPE_STRING:
        if (field->string == NULL) {
            diag_put_string(line, "null");
        } else {
            diag_put_text(line, field->string, field->length,
                          is_json || diag_needs_quotes(field->string, field->length));
        }
        break;
    case DIAG_TYPE_U64: diag_put_number(line, false, field->u64); break;
    case DIAG_TYPE_I64:
        diag_put_number(line, field->i64 < 0,
                        field->i64 < 0 ? -(uint64_t)field->i64 : (uint64_t)field->i64);
        break;
    case DIAG_TYPE_DOUBLE: diag_put_double(line, field->f64); break;
    case DIAG_TYPE_BOOL: diag_put_string(line, field->u64 != 0 ? "true" : "false"); break;
    case DIAG_TYPE_BYTES:
    case DIAG_TYPE_DURATION: diag_put_quantity(line, field); break;
    case DIAG_TYPE_ERR:
        diag_put_text(line, err_name(field->err), strlen(err_name(field->err)), is_json);
        break;
    }
}

/* A size or a duration: a number in JSON, with its unit and without a space for people. */
static void diag_put_quantity(struct diag_line *line, const struct diag_field *field)
{
    bool is_size = field->type == DIAG_TYPE_BYTES;
    if (line->format == DIAG_FORMAT_JSON || (is_size && field->u64 < DIAG_EXACT_BYTES)) {
        diag_put_number(line, false, field->u64);
        return;
    }
    char text[UNITS_TEXT_BYTES];
    size_t length =
        is_size ? units_format_bytes(field->u64, text) : units_format_duration(field->u64, text);
    for (size_t i = 0; i < length; i++) {
        diag_put_plain(line, &text[i], text[i] != ' ');
    }
}

/* Text from anywhere, cut when it does not fit. Keeps room for the closing quote. */
static void diag_put_text(struct diag_line *line, const char *text, size_t length, bool is_quoted)
{
    diag_put_plain(line, "\"", is_quoted);
    if (line->w.err != ERR_OK || bytes_writer_left(&line->w) < is_quoted) {
        line->w.err = ERR_TOO_LARGE;
        return;
    }
    line->w.capacity -= is_quoted;
    line->is_cut = escape_json(&line->w, text, length) < length;
    line->w.capacity += is_quoted;
    diag_put_plain(line, "\"", is_quoted);
}

static void diag_put_plain(struct diag_line *line, const char *text, size_t length)
{
    bytes_put_copy(&line->w, text, length);
}

static void diag_put_string(struct diag_line *line, const char *text)
{
    diag_put_plain(line, text, strlen(text));
}

static void diag_put_strings(struct diag_line *line, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        diag_put_string(line, parts[i]);
    }
}

/* JSON has no numbers that are not finite: there they are strings. */
static void diag_put_double(struct diag_line *line, double value)
{
    char text[UNITS_TEXT_BYTES];
    size_t length = units_format_double(value, text);
    diag_put_text(line, text, length, line->format == DIAG_FORMAT_JSON && !isfinite(value));
}

static void diag_put_number(struct diag_line *line, bool is_negative, uint64_t magnitude)
{
    char text[UNITS_TEXT_BYTES];
    int length = snprintf(text, sizeof(text), "%s%" PRIu64, is_negative ? "-" : "", magnitude);
    diag_put_plain(line, text, (size_t)length);
}

/* Whether a value would not be read as one word: it is empty, or holds a byte that is not visible
 * ASCII, or a quote, an equals sign or a backslash. */
static bool diag_needs_quotes(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') {
            return true;
        }
    }
    return length == 0;
}
