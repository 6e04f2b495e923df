/* Columns out of JSON records. See infer.h.
 *
 * A record is checked whole before anything of it counts. Then its members are walked: each names a
 * column, whose pending kind it sets, so that of equal names the last one counts; at the end of the
 * record the pending kinds are joined with those of the columns. */
#include "schemas/infer.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/json.h"
#include "schemas/json/number.h"
#include "schemas/json/path.h"
#include "schemas/json/reader.h"

/* Slots of the table of names: at most half of them are used. */
#define INFER_SLOTS 2048u

/* Digits of a NUMERIC(38,0). */
#define INFER_NUMERIC_DIGITS 38u

/* No date-time is longer, but for digits behind the second. */
#define INFER_TIME_BYTES_MAX 64u

static enum err infer_object(struct infer *in, const struct json_value *object);
static bool infer_name(const struct json_value *name, char *out, uint32_t *length);
static bool infer_is_reserved(const struct infer *in, const char *name, uint32_t length);
static uint32_t infer_find(const struct infer *in, const char *name, uint32_t length);
static enum err infer_add(struct infer *in, const char *name, uint32_t length, bool is_whole,
                          uint32_t *out);
static enum err infer_whole(struct infer *in, const struct json_value *value);
static void infer_widen(struct infer *in, struct infer_column *column, enum infer_kind kind);
static enum infer_kind infer_kind_of(const struct json_value *value);
static enum infer_kind infer_kind_of_number(const struct json_value *value);
static enum infer_kind infer_kind_of_string(const struct json_value *value);
static bool infer_digits(const char *text, size_t pos, size_t count, unsigned *out);
static bool infer_is_date(const char *text);
static bool infer_is_zone(const char *text, size_t length);

enum err infer_init(struct infer *in, struct arena *arena, const struct infer_config *config)
{
    ASSERT(config->columns_max >= 1);
    ASSERT(config->columns_max <= INFER_COLUMNS_MAX);
    *in = (struct infer){.arena = arena, .config = *config};
    in->columns = arena_alloc(arena, config->columns_max * sizeof(*in->columns),
                              _Alignof(struct infer_column));
    in->slots = arena_alloc_zeroed(arena, INFER_SLOTS * sizeof(*in->slots), _Alignof(uint16_t));
    in->touched =
        arena_alloc(arena, config->columns_max * sizeof(*in->touched), _Alignof(uint16_t));
    bool is_made = in->columns != NULL && in->slots != NULL && in->touched != NULL;
    return is_made ? ERR_OK : arena->err;
}

enum err infer_known(struct infer *in, const char *name, size_t length, enum infer_kind kind,
                     bool is_whole)
{
    uint32_t at;
    ASSERT(in->stamp == 0);
    if (infer_find(in, name, (uint32_t)length) != UINT32_MAX) {
        return ERR_OK;
    }
    enum err err = infer_add(in, name, (uint32_t)length, is_whole, &at);
    in->has_changed = false;
    if (err == ERR_OK && at == UINT32_MAX) {
        err = ERR_TOO_LARGE;
    }
    if (err != ERR_OK) {
        return err;
    }
    in->columns[at].kind = (uint8_t)kind;
    /* Members come from objects. */
    enum infer_kind of_records = is_whole ? kind : INFER_JSONB;
    in->whole_kind = (uint8_t)infer_join((enum infer_kind)in->whole_kind, of_records);
    in->has_whole = in->has_whole || is_whole;
    return ERR_OK;
}

void infer_known_rest(struct infer *in)
{
    in->has_rest = true;
    in->whole_kind = INFER_JSONB;
}

enum err infer_record(struct infer *in, const char *text, size_t length)
{
    struct json_value value;
    size_t fault;
    enum err err =
        length > JSON_TEXT_BYTES_MAX ? ERR_TOO_LARGE : json_read(text, length, &value, &fault);
    if (err != ERR_OK) {
        in->refused_count++;
        return err;
    }
    in->records_count++;
    in->stamp++;
    ASSERT(in->stamp != 0);
    err = value.kind == JSON_OBJECT ? infer_object(in, &value) : ERR_OK;
    return err == ERR_OK ? infer_whole(in, &value) : err;
}

enum infer_kind infer_join(enum infer_kind a, enum infer_kind b)
{
    enum infer_kind low = a < b ? a : b;
    enum infer_kind high = a < b ? b : a;
    if (low == high || low == INFER_NULL) {
        return high;
    }
    bool is_number = low == INFER_BIGINT && (high == INFER_DOUBLE || high == INFER_NUMERIC);
    bool is_text = low == INFER_TIMESTAMPTZ && high == INFER_TEXT;
    return is_number || is_text ? high : INFER_JSONB;
}

/* The members of a record. */
static enum err infer_object(struct infer *in, const struct json_value *object)
{
    struct json_items items = json_items(object);
    struct json_value name;
    struct json_value value;
    uint32_t touched_count = 0;
    char text[INFER_NAME_BYTES_MAX];
    uint32_t length;
    while (json_items_next(&items, &name, &value)) {
        uint32_t at = UINT32_MAX;
        if (infer_name(&name, text, &length) && !infer_is_reserved(in, text, length)) {
            at = infer_find(in, text, length);
            enum err err = at == UINT32_MAX ? infer_add(in, text, length, false, &at) : ERR_OK;
            if (err != ERR_OK) {
                return err;
            }
        }
        if (at == UINT32_MAX || in->columns[at].is_whole) {
            in->has_changed = in->has_changed || !in->has_rest;
            in->has_rest = true;
            continue;
        }
        if (in->columns[at].stamp != in->stamp) {
            in->columns[at].stamp = in->stamp;
            in->touched[touched_count++] = (uint16_t)at;
        }
        in->columns[at].pending = (uint8_t)infer_kind_of(&value);
    }
    for (uint32_t i = 0; i < touched_count; i++) {
        struct infer_column *column = &in->columns[in->touched[i]];
        infer_widen(in, column, (enum infer_kind)column->pending);
    }
    return ERR_OK;
}

/* The characters of a member's name, INFER_NAME_BYTES_MAX at most. False: it can be no column's. */
static bool infer_name(const struct json_value *name, char *out, uint32_t *length)
{
    uint8_t path[JSON_PATH_BYTES_MAX];
    struct bytes_writer w = bytes_writer(out, INFER_NAME_BYTES_MAX);
    struct bytes_writer measured = bytes_writer(path, sizeof(path));
    if (json_unescape(&w, name) != ERR_OK || w.pos == 0 || memchr(out, '\0', w.pos) != NULL) {
        return false;
    }
    json_path_put_member(&measured, out, w.pos);
    *length = (uint32_t)w.pos;
    return measured.err == ERR_OK;
}

static bool infer_is_reserved(const struct infer *in, const char *name, uint32_t length)
{
    for (uint32_t i = 0; i < in->config.reserved_count; i++) {
        if (strlen(in->config.reserved[i]) == length &&
            memcmp(in->config.reserved[i], name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* The index of the column of this name, or UINT32_MAX. */
static uint32_t infer_find(const struct infer *in, const char *name, uint32_t length)
{
    uint64_t hash = hash64(name, length, in->config.seed);
    for (uint64_t at = hash;; at++) {
        uint32_t number = in->slots[at % INFER_SLOTS];
        if (number == 0) {
            return UINT32_MAX;
        }
        const struct infer_column *column = &in->columns[number - 1];
        if (column->length == length && memcmp(column->name, name, length) == 0) {
            return number - 1;
        }
    }
}

/* *out = the index of a new column of this name, or UINT32_MAX: there is no room for one. */
static enum err infer_add(struct infer *in, const char *name, uint32_t length, bool is_whole,
                          uint32_t *out)
{
    uint8_t path[JSON_PATH_BYTES_MAX];
    struct bytes_writer measured = bytes_writer(path, sizeof(path));
    json_path_put_member(&measured, name, length);
    *out = UINT32_MAX;
    if (in->columns_count == in->config.columns_max ||
        in->paths_bytes + measured.pos > INFER_PATHS_BYTES_MAX) {
        return ERR_OK;
    }
    const char *copy = arena_copy(in->arena, name, length);
    if (copy == NULL) {
        return ERR_BUDGET;
    }
    uint32_t at = in->columns_count++;
    in->columns[at] = (struct infer_column){.name = copy, .length = length, .is_whole = is_whole};
    in->paths_bytes += (uint32_t)measured.pos;
    in->whole = is_whole ? at + 1 : in->whole;
    in->has_changed = true;
    uint64_t slot = hash64(name, length, in->config.seed);
    while (in->slots[slot % INFER_SLOTS] != 0) {
        slot++;
    }
    in->slots[slot % INFER_SLOTS] = (uint16_t)(at + 1);
    *out = at;
    return ERR_OK;
}

/* The record as a whole: a column from the first one on that is no object, and of all records. */
static enum err infer_whole(struct infer *in, const struct json_value *value)
{
    static const char *const names[] = {INFER_WHOLE, INFER_WHOLE_OTHER};
    enum infer_kind kind = infer_kind_of(value);
    in->whole_kind = (uint8_t)infer_join((enum infer_kind)in->whole_kind, kind);
    in->has_whole = in->has_whole || (value->kind != JSON_OBJECT && value->kind != JSON_NULL);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < 2 && in->has_whole && in->whole == 0 && err == ERR_OK; i++) {
        uint32_t length = (uint32_t)strlen(names[i]);
        uint32_t at;
        if (infer_find(in, names[i], length) == UINT32_MAX &&
            !infer_is_reserved(in, names[i], length)) {
            err = infer_add(in, names[i], length, true, &at);
        }
    }
    if (err == ERR_OK && in->whole != 0) {
        infer_widen(in, &in->columns[in->whole - 1], (enum infer_kind)in->whole_kind);
    }
    return err;
}

static void infer_widen(struct infer *in, struct infer_column *column, enum infer_kind kind)
{
    enum infer_kind joined = infer_join((enum infer_kind)column->kind, kind);
    in->has_changed = in->has_changed || column->kind != joined;
    column->kind = (uint8_t)joined;
}

/* --- Kinds of values --- */

static enum infer_kind infer_kind_of(const struct json_value *value)
{
    switch (value->kind) {
    case JSON_NULL: return INFER_NULL;
    case JSON_FALSE:
    case JSON_TRUE: return INFER_BOOLEAN;
    case JSON_NUMBER: return infer_kind_of_number(value);
    case JSON_STRING: return infer_kind_of_string(value);
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return INFER_JSONB;
}

static enum infer_kind infer_kind_of_number(const struct json_value *value)
{
    struct json_number number;
    uint32_t fault;
    uint32_t length = (uint32_t)value->length;
    double real;
    bool is_number = json_number_read(value->text, 0, length, &number, &fault);
    ASSERT(is_number); /* json_read took it */
    if (number.form == JSON_INTEGER) {
        return INFER_BIGINT;
    }
    if (number.form == JSON_LARGE) {
        return length - (value->text[0] == '-') <= INFER_NUMERIC_DIGITS ? INFER_NUMERIC
                                                                        : INFER_JSONB;
    }
    return json_number_double(&number, value->text, length, &real) == ERR_OK ? INFER_DOUBLE
                                                                             : INFER_JSONB;
}

static enum infer_kind infer_kind_of_string(const struct json_value *value)
{
    char text[INFER_TIME_BYTES_MAX];
    struct bytes_writer w = bytes_writer(text, sizeof(text));
    if (value->length == 0 || value->text[0] < '0' || value->text[0] > '9' ||
        json_unescape(&w, value) != ERR_OK) {
        return INFER_TEXT; /* most that are none are known by their first character */
    }
    return infer_is_time(text, w.pos) ? INFER_TIMESTAMPTZ : INFER_TEXT;
}

/* 2020-01-02T03:04:05.678Z */
bool infer_is_time(const char *text, size_t length)
{
    unsigned hour;
    unsigned minute;
    unsigned second;
    if (length < 20 || length > INFER_TIME_BYTES_MAX || !infer_is_date(text) ||
        strchr("Tt ", text[10]) == NULL || text[10] == '\0' || !infer_digits(text, 11, 2, &hour) ||
        text[13] != ':' || !infer_digits(text, 14, 2, &minute) || text[16] != ':' ||
        !infer_digits(text, 17, 2, &second) || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    size_t at = 19;
    if (text[at] == '.') {
        size_t begin = ++at;
        while (at < length && text[at] >= '0' && text[at] <= '9') {
            at++;
        }
        if (at == begin || second == 60) {
            return false;
        }
    }
    return infer_is_zone(text + at, length - at);
}

/* The ten bytes at `text`: a day of the calendar. */
static bool infer_is_date(const char *text)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year;
    unsigned month;
    unsigned day;
    if (!infer_digits(text, 0, 4, &year) || text[4] != '-' || !infer_digits(text, 5, 2, &month) ||
        text[7] != '-' || !infer_digits(text, 8, 2, &day) || year == 0 || month == 0 ||
        month > 12 || day == 0) {
        return false;
    }
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && is_leap ? 1u : 0u);
}

/* Z, or +hh:mm */
static bool infer_is_zone(const char *text, size_t length)
{
    unsigned hours;
    unsigned minutes;
    if (length == 1) {
        return text[0] == 'Z' || text[0] == 'z';
    }
    return length == 6 && (text[0] == '+' || text[0] == '-') && infer_digits(text, 1, 2, &hours) &&
           text[3] == ':' && infer_digits(text, 4, 2, &minutes) && hours < 16 && minutes < 60;
}

static bool infer_digits(const char *text, size_t pos, size_t count, unsigned *out)
{
    *out = 0;
    for (size_t i = pos; i < pos + count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *out = *out * 10 + (unsigned)(text[i] - '0');
    }
    return true;
}
