/* Prometheus' text format, line by line. See prom_strict.h. */
#include "tests/support/prom_strict.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROM_STRICT_NAME_BYTES  128
#define PROM_STRICT_LABELS_MAX  8
#define PROM_STRICT_VALUE_BYTES 512

struct prom_strict_label {
    char name[PROM_STRICT_NAME_BYTES];
    char value[PROM_STRICT_VALUE_BYTES]; /* decoded */
};

/* One sample line, taken apart. */
struct prom_strict_sample {
    char name[PROM_STRICT_NAME_BYTES];
    struct prom_strict_label labels[PROM_STRICT_LABELS_MAX];
    size_t labels_count;
    double value;
};

struct prom_strict {
    const char *text;                    /* the page */
    const char *line;                    /* the line being read */
    const char *end;                     /* its newline */
    unsigned line_no;                    /* from 1 */
    char *why;                           /* what is wrong */
    size_t why_bytes;                    /* room there */
    char family[PROM_STRICT_NAME_BYTES]; /* of the lines being read; empty: none yet */
    char type[16];                       /* of the family; empty before its TYPE line */
    bool has_samples;                    /* of the family */
    char series[2048];                   /* a histogram's labels without le; with its name */
    double bound;                        /* of its last bucket */
    double bucket;                       /* the count of its last bucket */
    int histogram_step;                  /* 0: outside, 1: in buckets, 2: +Inf seen, 3: _sum seen */
};

static bool prom_strict_fail(struct prom_strict *p, const char *format, ...)
{
    va_list args;
    int length = snprintf(p->why, p->why_bytes, "line %u: ", p->line_no);
    va_start(args, format);
    vsnprintf(p->why + length, p->why_bytes - (size_t)length, format, args);
    va_end(args);
    return false;
}

static size_t prom_strict_name(const char *at, bool allows_colon, char out[PROM_STRICT_NAME_BYTES])
{
    size_t n = 0;
    for (;; n++) {
        char c = at[n];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool is_digit = c >= '0' && c <= '9';
        if ((!is_letter && !(is_digit && n > 0) && !(allows_colon && c == ':')) ||
            n == PROM_STRICT_NAME_BYTES - 1) {
            break;
        }
        out[n] = c;
    }
    out[n] = '\0';
    return n;
}

/* Bytes of the valid UTF-8 character at `at`, 0 if there is none. */
static size_t prom_strict_utf8(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;
    if (b[0] < 0x80) {
        return 1;
    }
    size_t length = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = b[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((b[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (b[i] & 0x3f);
    }
    bool is_good = b[0] >= 0xc0 && b[0] < 0xf8 && c >= smallest[length] && c <= 0x10ffff &&
                   !(c >= 0xd800 && c < 0xe000);
    return is_good ? length : 0;
}

/* The value behind its opening quote up to and with the closing one. */
static const char *prom_strict_label_value(struct prom_strict *p, const char *at, char *out)
{
    size_t n = 0;
    while (at < p->end && *at != '"') {
        size_t length = prom_strict_utf8(at);
        if (length == 0 || n + 4 >= PROM_STRICT_VALUE_BYTES) {
            return NULL;
        }
        if (*at == '\\') {
            at++;
            if (at == p->end || strchr("\\\"n", *at) == NULL) {
                return NULL;
            }
            out[n++] = *at == 'n' ? '\n' : *at;
            at++;
        } else {
            memcpy(out + n, at, length);
            n += length;
            at += length;
        }
    }
    out[n] = '\0';
    return at < p->end ? at + 1 : NULL;
}

static const char *prom_strict_labels(struct prom_strict *p, const char *at,
                                      struct prom_strict_sample *sample)
{
    do {
        at++; /* the brace or comma */
        struct prom_strict_label *label = &sample->labels[sample->labels_count++];
        size_t length = prom_strict_name(at, false, label->name);
        if (length == 0 || sample->labels_count == PROM_STRICT_LABELS_MAX || at[length] != '=' ||
            at[length + 1] != '"') {
            prom_strict_fail(p, "bad label name");
            return NULL;
        }
        at = prom_strict_label_value(p, at + length + 2, label->value);
        if (at == NULL) {
            prom_strict_fail(p, "bad value of label %s", label->name);
            return NULL;
        }
        for (size_t i = 0; i + 1 < sample->labels_count; i++) {
            if (strcmp(sample->labels[i].name, label->name) == 0) {
                prom_strict_fail(p, "label %s twice", label->name);
                return NULL;
            }
        }
    } while (*at == ',');
    if (*at != '}') {
        prom_strict_fail(p, "labels do not end");
        return NULL;
    }
    return at + 1;
}

static bool prom_strict_sample(struct prom_strict *p, struct prom_strict_sample *sample)
{
    *sample = (struct prom_strict_sample){0};
    size_t length = prom_strict_name(p->line, true, sample->name);
    const char *at = p->line + length;
    if (length == 0) {
        return prom_strict_fail(p, "bad metric name");
    }
    if (*at == '{') {
        at = prom_strict_labels(p, at, sample);
        if (at == NULL) {
            return false;
        }
    }
    char *end;
    if (*at != ' ' || at[1] == ' ' || strchr("0123456789+-N", at[1]) == NULL) {
        return prom_strict_fail(p, "no value");
    }
    sample->value = strtod(at + 1, &end);
    return end == p->end ? true : prom_strict_fail(p, "something behind the value");
}

/* Whether an earlier line has the same name and labels as written. */
static bool prom_strict_is_repeated(const struct prom_strict *p)
{
    const char *space = p->end;
    while (*space != ' ') {
        space--;
    }
    size_t length = (size_t)(space + 1 - p->line);
    for (const char *line = p->text; line < p->line; line = strchr(line, '\n') + 1) {
        if (strncmp(line, p->line, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool prom_strict_histogram(struct prom_strict *p, const struct prom_strict_sample *sample,
                                  const char *suffix)
{
    char series[sizeof(p->series)] = "";
    const char *bound_text = NULL;
    size_t used = 0;
    for (size_t i = 0; i < sample->labels_count; i++) {
        if (strcmp(sample->labels[i].name, "le") == 0) {
            bound_text = sample->labels[i].value;
        } else {
            used += (size_t)snprintf(series + used, sizeof(series) - used, "%s=%s,",
                                     sample->labels[i].name, sample->labels[i].value);
        }
    }
    bool is_bucket = strcmp(suffix, "_bucket") == 0;
    if (is_bucket != (bound_text != NULL)) {
        return prom_strict_fail(p, "le belongs to buckets, and buckets have it");
    }
    if (is_bucket && p->histogram_step == 0) {
        snprintf(p->series, sizeof(p->series), "%s", series);
        p->bound = -INFINITY;
        p->bucket = 0;
        p->histogram_step = 1;
    }
    if (strcmp(p->series, series) != 0) {
        return prom_strict_fail(p, "a histogram is not complete");
    }
    if (is_bucket) {
        char *end;
        double bound = strtod(bound_text, &end);
        if (p->histogram_step != 1 || *end != '\0' || !(bound > p->bound)) {
            return prom_strict_fail(p, "bounds do not rise");
        }
        if (sample->value < p->bucket || sample->value != (double)(uint64_t)sample->value) {
            return prom_strict_fail(p, "buckets are not cumulative");
        }
        p->bound = bound;
        p->bucket = sample->value;
        p->histogram_step = isinf(bound) ? 2 : 1;
        return true;
    }
    if (strcmp(suffix, "_sum") == 0 && p->histogram_step == 2) {
        p->histogram_step = 3;
        return true;
    }
    if (strcmp(suffix, "_count") == 0 && p->histogram_step == 3 && sample->value == p->bucket) {
        p->histogram_step = 0;
        return true;
    }
    return prom_strict_fail(p, "a histogram is buckets, +Inf, _sum, _count equal to +Inf");
}

static bool prom_strict_sample_line(struct prom_strict *p)
{
    struct prom_strict_sample sample;
    if (!prom_strict_sample(p, &sample)) {
        return false;
    }
    size_t family_length = strlen(p->family);
    const char *suffix = sample.name + family_length;
    if (strncmp(sample.name, p->family, family_length) != 0 || p->type[0] == '\0') {
        return prom_strict_fail(p, "%s does not belong to family %s", sample.name, p->family);
    }
    if (prom_strict_is_repeated(p)) {
        return prom_strict_fail(p, "a line twice");
    }
    p->has_samples = true;
    if (strcmp(p->type, "histogram") == 0) {
        return prom_strict_histogram(p, &sample, suffix);
    }
    if (suffix[0] != '\0') {
        return prom_strict_fail(p, "%s does not belong to family %s", sample.name, p->family);
    }
    if (strcmp(p->type, "counter") == 0 && !(sample.value >= 0)) {
        return prom_strict_fail(p, "a counter below 0");
    }
    return true;
}

/* "# HELP name text" begins a family; "# TYPE name type" follows it. */
static bool prom_strict_comment(struct prom_strict *p)
{
    bool is_help = strncmp(p->line, "# HELP ", 7) == 0;
    char name[PROM_STRICT_NAME_BYTES];
    size_t length = prom_strict_name(p->line + 7, true, name);
    const char *rest = p->line + 7 + length;
    if (length == 0 || *rest++ != ' ') {
        return prom_strict_fail(p, "neither HELP nor TYPE with a name");
    }
    if (is_help) {
        char again[PROM_STRICT_NAME_BYTES + 16];
        snprintf(again, sizeof(again), "# HELP %s ", name);
        if (strstr(p->text, again) != p->line || p->histogram_step != 0 ||
            (p->family[0] != '\0' && !p->has_samples)) {
            return prom_strict_fail(p, "a family twice, or one that is not complete");
        }
        for (const char *c = rest; c < p->end; c++) {
            if (prom_strict_utf8(c) == 0 || (*c == '\\' && strchr("\\n", *++c) == NULL)) {
                return prom_strict_fail(p, "bad help");
            }
            c += prom_strict_utf8(c) - 1;
        }
        snprintf(p->family, sizeof(p->family), "%s", name);
        p->type[0] = '\0';
        p->has_samples = false;
        return true;
    }
    if (strncmp(p->line, "# TYPE ", 7) != 0 || strcmp(name, p->family) != 0 || p->has_samples ||
        p->type[0] != '\0') {
        return prom_strict_fail(p, "TYPE is not behind its HELP");
    }
    snprintf(p->type, sizeof(p->type), "%.*s", (int)(p->end - rest), rest);
    bool is_known = strcmp(p->type, "counter") == 0 || strcmp(p->type, "gauge") == 0 ||
                    strcmp(p->type, "histogram") == 0;
    return is_known ? true : prom_strict_fail(p, "unknown type %s", p->type);
}

bool prom_strict_check(const char *text, size_t length, char *why, size_t why_bytes)
{
    struct prom_strict p = {.text = text, .why = why, .why_bytes = why_bytes};
    why[0] = '\0';
    for (p.line = text; p.line < text + length; p.line = p.end + 1) {
        p.line_no++;
        p.end = memchr(p.line, '\n', (size_t)(text + length - p.line));
        if (p.end == NULL) {
            return prom_strict_fail(&p, "does not end");
        }
        bool is_good = p.line[0] == '#' ? prom_strict_comment(&p) : prom_strict_sample_line(&p);
        if (!is_good) {
            return false;
        }
    }
    if (p.histogram_step != 0 || (p.family[0] != '\0' && !p.has_samples)) {
        return prom_strict_fail(&p, "the last family is not complete");
    }
    return true;
}

double prom_strict_value(const char *text, const char *series)
{
    size_t length = strlen(series);
    for (const char *line = text; line != NULL && line[0] != '\0';) {
        if (strncmp(line, series, length) == 0 && line[length] == ' ') {
            return strtod(line + length, NULL);
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return NAN;
}
