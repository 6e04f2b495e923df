/* Tokens and words of dates, timestamps and intervals. See datetime_int.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"
#include "views/vec/datetime_int.h"
#include "views/vec/scan.h"

/* Characters of a word that count. */
#define VEC_WORD_MAX 10

/* Digits of a fraction that are looked at. */
#define VEC_FRACTION_DIGITS_MAX 100

/* A text being cut. */
struct vec_cutting {
    struct vec_scan s;      /* what is left */
    struct vec_tokens *out; /* tokens found */
    size_t used;            /* bytes of out->buffer */
};

static bool vec_cut_token(struct vec_cutting *cut);
static enum vec_token_kind vec_cut_digits(struct vec_cutting *cut);
static enum vec_token_kind vec_cut_word(struct vec_cutting *cut);
static bool vec_cut_signed(struct vec_cutting *cut, enum vec_token_kind *kind);

static bool vec_cut_is_alnum(char c)
{
    return vec_scan_is_digit(c) || vec_scan_is_letter(c);
}

/* The next byte; NUL at the end. */
static char vec_cut_next(const struct vec_cutting *cut)
{
    return cut->s.at < cut->s.end ? *cut->s.at : '\0';
}

static void vec_cut_take(struct vec_cutting *cut)
{
    ASSERT(cut->used < sizeof(cut->out->buffer));
    cut->out->buffer[cut->used++] = vec_scan_lower(*cut->s.at++);
}

static void vec_cut_take_digits(struct vec_cutting *cut)
{
    while (vec_scan_is_digit(vec_cut_next(cut))) {
        vec_cut_take(cut);
    }
}

bool vec_tokens_cut(const char *text, size_t length, struct vec_tokens *out)
{
    struct vec_cutting cut = {.s = vec_scan(text, length), .out = out};
    out->count = 0;
    vec_scan_trim(&cut.s);
    if (cut.s.end - cut.s.at > VEC_TOKEN_TEXT_BYTES - VEC_TOKENS_MAX) {
        return false;
    }
    for (;;) {
        vec_scan_spaces(&cut.s);
        if (cut.s.at == cut.s.end) {
            return true;
        }
        if (!vec_cut_token(&cut)) {
            return false;
        }
    }
}

/* One token, or a mark that only separates. */
static bool vec_cut_token(struct vec_cutting *cut)
{
    char c = *cut->s.at;
    size_t first = cut->used;
    enum vec_token_kind kind = VEC_TOKEN_NUMBER;
    if (vec_scan_is_digit(c)) {
        kind = vec_cut_digits(cut);
    } else if (c == '.') {
        vec_cut_take(cut);
        vec_cut_take_digits(cut);
    } else if (vec_scan_is_letter(c)) {
        kind = vec_cut_word(cut);
    } else if (c == '+' || c == '-') {
        if (!vec_cut_signed(cut, &kind)) {
            return false;
        }
    } else if (c > ' ' && c < 0x7f) {
        cut->s.at++;
        return true;
    } else {
        return false;
    }
    if (cut->out->count == VEC_TOKENS_MAX) {
        return false;
    }
    cut->out->token[cut->out->count++] = (struct vec_token){
        .kind = kind, .text = cut->out->buffer + first, .length = cut->used - first};
    ASSERT(cut->used < sizeof(cut->out->buffer));
    cut->out->buffer[cut->used++] = '\0';
    return true;
}

/* A number, a time, or a date whose marks are alike. */
static enum vec_token_kind vec_cut_digits(struct vec_cutting *cut)
{
    vec_cut_take_digits(cut);
    char mark = vec_cut_next(cut);
    if (mark == ':') {
        while (vec_scan_is_digit(vec_cut_next(cut)) || vec_cut_next(cut) == ':' ||
               vec_cut_next(cut) == '.') {
            vec_cut_take(cut);
        }
        return VEC_TOKEN_TIME;
    }
    if (mark != '-' && mark != '/' && mark != '.') {
        return VEC_TOKEN_NUMBER;
    }
    vec_cut_take(cut);
    if (!vec_scan_is_digit(vec_cut_next(cut))) {
        while (vec_cut_is_alnum(vec_cut_next(cut)) || vec_cut_next(cut) == mark) {
            vec_cut_take(cut);
        }
        return VEC_TOKEN_DATE;
    }
    vec_cut_take_digits(cut);
    if (vec_cut_next(cut) != mark) {
        return mark == '.' ? VEC_TOKEN_NUMBER : VEC_TOKEN_DATE;
    }
    while (vec_scan_is_digit(vec_cut_next(cut)) || vec_cut_next(cut) == mark) {
        vec_cut_take(cut);
    }
    return VEC_TOKEN_DATE;
}

/* A word; a date that begins with a month; a zone's name. */
static enum vec_token_kind vec_cut_word(struct vec_cutting *cut)
{
    size_t first = cut->used;
    while (vec_scan_is_letter(vec_cut_next(cut))) {
        vec_cut_take(cut);
    }
    char mark = vec_cut_next(cut);
    bool is_date = mark == '-' || mark == '/' || mark == '.';
    if (mark == '+' || vec_scan_is_digit(mark)) {
        cut->out->buffer[cut->used] = '\0';
        is_date = !vec_datetime_is_word(cut->out->buffer + first);
    }
    if (!is_date) {
        return VEC_TOKEN_WORD;
    }
    do {
        vec_cut_take(cut);
        mark = vec_cut_next(cut);
    } while (mark != '\0' && (strchr("+-/_.:", mark) != NULL || vec_cut_is_alnum(mark)));
    return VEC_TOKEN_DATE;
}

static bool vec_cut_signed(struct vec_cutting *cut, enum vec_token_kind *kind)
{
    vec_cut_take(cut);
    vec_scan_spaces(&cut->s);
    char c = vec_cut_next(cut);
    if (vec_scan_is_digit(c) || c == '.') {
        do {
            vec_cut_take(cut);
            c = vec_cut_next(cut);
        } while (vec_scan_is_digit(c) || c == ':' || c == '.' || c == '-');
        *kind = VEC_TOKEN_SIGNED;
        return true;
    }
    *kind = VEC_TOKEN_SPECIAL;
    if (!vec_scan_is_letter(c)) {
        return false;
    }
    while (vec_scan_is_letter(vec_cut_next(cut))) {
        vec_cut_take(cut);
    }
    return true;
}

bool vec_datetime_number(const char **at, int64_t minimum, int64_t maximum, int64_t *out)
{
    const char *next = *at;
    bool is_negative = *next == '-';
    bool is_in_range = true;
    int64_t value = 0; /* negative while it is read: the range is wider there */
    next += *next == '-' || *next == '+';
    if (!vec_scan_is_digit(*next)) {
        *out = 0;
        return true;
    }
    for (; vec_scan_is_digit(*next); next++) {
        if (is_in_range && (__builtin_mul_overflow(value, 10, &value) ||
                            __builtin_sub_overflow(value, *next - '0', &value))) {
            is_in_range = false;
        }
    }
    *at = next;
    if (!is_in_range || (!is_negative && value == INT64_MIN)) {
        return false;
    }
    *out = is_negative ? value : -value;
    return *out >= minimum && *out <= maximum;
}

bool vec_datetime_fraction(const char *point, double *out)
{
    char text[UNITS_DOUBLE_BYTES_MAX];
    ASSERT(*point == '.');
    const char *digits = point + 1;
    size_t length = 0;
    while (vec_scan_is_digit(digits[length])) {
        length++;
    }
    if (digits[length] != '\0') {
        return false;
    }
    if (length == 0) {
        *out = 0;
        return true;
    }
    length = length < VEC_FRACTION_DIGITS_MAX ? length : VEC_FRACTION_DIGITS_MAX;
    int bytes = snprintf(text, sizeof(text), "0.%.*s", (int)length, digits);
    enum err err = units_parse_double(text, (size_t)bytes, out);
    ASSERT(err == ERR_OK);
    return true;
}

bool vec_datetime_fraction_us(const char *point, int64_t *us)
{
    double fraction;
    if (!vec_datetime_fraction(point, &fraction)) {
        return false;
    }
    *us = (int64_t)rint(fraction * 1000000);
    return true;
}

enum vec_fault vec_datetime_clock(const char *text, struct vec_datetime_clock *out)
{
    const char *at = text;
    struct vec_datetime_clock clock = {.seconds = 0};
    if (!vec_datetime_number(&at, INT64_MIN, INT64_MAX, &clock.hours)) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    if (*at != ':') {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    at++;
    if (!vec_datetime_number(&at, INT32_MIN, INT32_MAX, &clock.minutes)) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    if (*at == '.') {
        if (!vec_datetime_fraction_us(at, &clock.us)) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        clock.seconds = clock.minutes;
        clock.minutes = clock.hours;
        clock.hours = 0;
    } else if (*at == ':') {
        at++;
        if (!vec_datetime_number(&at, INT32_MIN, INT32_MAX, &clock.seconds)) {
            return VEC_FAULT_DATETIME_FIELD;
        }
        if (*at != '\0' && (*at != '.' || !vec_datetime_fraction_us(at, &clock.us))) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
    } else if (*at != '\0') {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    if (clock.hours < 0 || clock.minutes < 0 || clock.minutes > 59 || clock.seconds < 0 ||
        clock.seconds > 60) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    *out = clock;
    return VEC_FAULT_NONE;
}

/* Whether `word`, cut to ten characters, is `name`. */
static bool vec_word_is(const char *word, const char *name)
{
    return strncmp(word, name, VEC_WORD_MAX) == 0;
}

int vec_datetime_month(const char *word)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    for (int i = 0; i < 12; i++) {
        if (vec_word_is(word, names[i]) || (strncmp(word, names[i], 3) == 0 && word[3] == '\0')) {
            return i + 1;
        }
    }
    return vec_word_is(word, "sept") ? 9 : 0;
}

static bool vec_word_is_among(const char *word, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (vec_word_is(word, names[i])) {
            return true;
        }
    }
    return false;
}

bool vec_datetime_is_weekday(const char *word)
{
    static const char *const names[] = {
        "sun",       "sunday", "mon",  "monday", "tue",      "tues", "tuesday", "wed", "weds",
        "wednesday", "thu",    "thur", "thurs",  "thursday", "fri",  "friday",  "sat", "saturday"};
    return vec_word_is_among(word, names, ARRAY_COUNT(names));
}

bool vec_datetime_is_word(const char *word)
{
    static const char *const names[] = {
        "+infinity", "-infinity", "ad",     "allballs", "am", "at",       "bc",     "d",
        "dow",       "doy",       "dst",    "epoch",    "h",  "infinity", "isodow", "isoyear",
        "j",         "jd",        "julian", "m",        "mm", "now",      "on",     "pm",
        "s",         "t",         "today",  "tomorrow", "y",  "yesterday"};
    return vec_datetime_month(word) != 0 || vec_datetime_is_weekday(word) ||
           vec_word_is_among(word, names, ARRAY_COUNT(names));
}

bool vec_datetime_zone(const char *word, int32_t *offset_s)
{
    static const struct {
        const char *name;
        int32_t minutes;
    } zones[] = {
        {"utc", 0},    {"gmt", 0},     {"z", 0},       {"zulu", 0},   {"ut", 0},     {"uct", 0},
        {"wet", 0},    {"bst", 60},    {"cet", 60},    {"cest", 120}, {"eet", 120},  {"eest", 180},
        {"msk", 180},  {"pkt", 300},   {"sgt", 480},   {"hkt", 480},  {"awst", 480}, {"jst", 540},
        {"kst", 540},  {"acst", 570},  {"acdt", 630},  {"aest", 600}, {"aedt", 660}, {"nzst", 720},
        {"nzdt", 780}, {"nst", -210},  {"ndt", -150},  {"ast", -240}, {"adt", -180}, {"est", -300},
        {"edt", -240}, {"cst", -360},  {"cdt", -300},  {"mst", -420}, {"mdt", -360}, {"pst", -480},
        {"pdt", -420}, {"akst", -540}, {"akdt", -480}, {"hst", -600}, {"brt", -180}, {"art", -180},
    };
    for (size_t i = 0; i < ARRAY_COUNT(zones); i++) {
        if (vec_word_is(word, zones[i].name)) {
            *offset_s = zones[i].minutes * 60;
            return true;
        }
    }
    return false;
}
