/* Media types and the choice among them. See http_media.h.
 *
 * One reader serves both headers: a media type of Content-Type is a media range of Accept without
 * `*` and without what may follow it behind a comma. */
#include "broker/gateway/http_media.h"

#include <string.h>

#include "base/assert.h"

/* A quality of 1, in thousandths. */
#define MEDIA_QUALITY_MAX 1000u

/* How close a range is to an offer. */
enum { MEDIA_NONE, MEDIA_ANY, MEDIA_TYPE, MEDIA_SAME };

/* What the next thing in a list of parameters is. */
enum http_media_next { MEDIA_PARAMETER, MEDIA_END, MEDIA_FAULT };

static bool http_media_read_range(struct http_text *rest, struct http_media *out);
static bool http_media_read_parameters(struct http_text *rest, struct http_media *out,
                                       uint16_t *quality);
static enum http_media_next http_media_next(struct http_text *rest,
                                            struct http_media_parameter *out);
static bool http_media_take_value(struct http_text *rest, struct http_media_parameter *out);
static struct http_text http_media_take(struct http_text *rest, size_t length);
static void http_media_skip_space(struct http_text *rest);
static bool http_media_read_quality(struct http_text text, uint16_t *quality);
static void http_accept_weigh(struct http_accept *accept, const struct http_media *range,
                              uint16_t quality);
static uint8_t http_accept_closeness(const struct http_media *range, const char *offer);
static bool http_media_is_any(struct http_text text);

enum err http_media_read(struct http_text text, struct http_media *out)
{
    struct http_text rest = http_text_trim(text);
    struct http_media media;
    uint16_t quality;
    if (!http_media_read_range(&rest, &media) || http_media_is_any(media.subtype) ||
        media.subtype.length == 0 || !http_media_read_parameters(&rest, &media, &quality) ||
        rest.length > 0) {
        return ERR_INVALID;
    }
    *out = media;
    return ERR_OK;
}

bool http_media_is(const struct http_media *media, const char *name)
{
    return http_accept_closeness(media, name) == MEDIA_SAME;
}

bool http_media_find(const struct http_media *media, const char *name,
                     struct http_media_parameter *out)
{
    struct http_text rest = media->parameters;
    struct http_media_parameter parameter;
    while (http_media_next(&rest, &parameter) == MEDIA_PARAMETER) {
        if (http_text_is_nocase(parameter.name, name)) {
            *out = parameter;
            return true;
        }
    }
    return false;
}

bool http_media_parameter_is(const struct http_media_parameter *parameter, const char *value)
{
    struct http_text text = parameter->value;
    while (text.length > 0) {
        size_t escape = parameter->is_quoted && text.data[0] == '\\';
        ASSERT(text.length > escape);
        struct http_text one = {.data = text.data + escape, .length = 1};
        struct http_text wanted = {.data = value, .length = *value != '\0'};
        if (!http_text_same_nocase(one, wanted)) {
            return false;
        }
        value++;
        (void)http_media_take(&text, 1 + escape);
    }
    return *value == '\0';
}

bool http_media_is_utf8(const struct http_media *media)
{
    struct http_media_parameter charset;
    return !http_media_find(media, "charset", &charset) ||
           http_media_parameter_is(&charset, "utf-8") ||
           http_media_parameter_is(&charset, "us-ascii");
}

void http_accept_init(struct http_accept *accept, const char *const *offers, size_t count)
{
    ASSERT(count >= 1);
    ASSERT(count <= HTTP_ACCEPT_OFFERS_COUNT_MAX);
    *accept = (struct http_accept){.offers = offers, .count = count};
}

enum err http_accept_add(struct http_accept *accept, struct http_text line)
{
    for (;;) {
        while (line.length > 0 &&
               (line.data[0] == ',' || line.data[0] == ' ' || line.data[0] == '\t')) {
            (void)http_media_take(&line, 1);
        }
        if (line.length == 0) {
            return ERR_OK;
        }
        struct http_media range;
        uint16_t quality = MEDIA_QUALITY_MAX;
        if (!http_media_read_range(&line, &range) ||
            !http_media_read_parameters(&line, &range, &quality) ||
            (line.length > 0 && line.data[0] != ',')) {
            return ERR_INVALID;
        }
        http_accept_weigh(accept, &range, quality);
    }
}

int http_accept_choose(const struct http_accept *accept)
{
    if (!accept->has_ranges) {
        return 0;
    }
    int chosen = -1;
    unsigned best = 0;
    for (size_t i = 0; i < accept->count; i++) {
        if (accept->quality[i] > best) {
            best = accept->quality[i];
            chosen = (int)i;
        }
    }
    return chosen;
}

/* type "/" subtype at the beginning of `rest`, and "*" alone (empty subtype): Java's URLConnection
 * sends that up to JDK 20. */
static bool http_media_read_range(struct http_text *rest, struct http_media *out)
{
    out->type = http_media_take(rest, http_text_span(*rest, HTTP_CLASS_TOKEN));
    out->subtype = (struct http_text){.data = rest->data};
    bool is_any = http_media_is_any(out->type);
    if (out->type.length == 0) {
        return false;
    }
    if (rest->length == 0 || rest->data[0] != '/') {
        return is_any;
    }
    (void)http_media_take(rest, 1);
    out->subtype = http_media_take(rest, http_text_span(*rest, HTTP_CLASS_TOKEN));
    return out->subtype.length > 0 && (!is_any || http_media_is_any(out->subtype));
}

/* Parameters and the white space behind them. *quality = what `q` says, untouched without one. */
static bool http_media_read_parameters(struct http_text *rest, struct http_media *out,
                                       uint16_t *quality)
{
    struct http_media_parameter parameter;
    enum http_media_next next;
    out->parameters = *rest;
    while ((next = http_media_next(rest, &parameter)) == MEDIA_PARAMETER) {
        if (http_text_is_nocase(parameter.name, "q") &&
            !http_media_read_quality(parameter.value, quality)) {
            return false;
        }
    }
    out->parameters.length -= rest->length;
    return next == MEDIA_END;
}

/* The next of *( OWS ";" OWS [ parameter ] ), RFC 9110 section 5.6.6. */
static enum http_media_next http_media_next(struct http_text *rest,
                                            struct http_media_parameter *out)
{
    for (;;) {
        http_media_skip_space(rest);
        if (rest->length == 0 || rest->data[0] != ';') {
            return MEDIA_END;
        }
        (void)http_media_take(rest, 1);
        http_media_skip_space(rest);
        out->name = http_media_take(rest, http_text_span(*rest, HTTP_CLASS_TOKEN));
        if (out->name.length > 0) {
            bool has_value = rest->length > 0 && rest->data[0] == '=';
            (void)http_media_take(rest, has_value);
            return has_value && http_media_take_value(rest, out) ? MEDIA_PARAMETER : MEDIA_FAULT;
        }
    }
}

/* token / quoted-string. */
static bool http_media_take_value(struct http_text *rest, struct http_media_parameter *out)
{
    out->is_quoted = rest->length > 0 && rest->data[0] == '"';
    if (!out->is_quoted) {
        out->value = http_media_take(rest, http_text_span(*rest, HTTP_CLASS_TOKEN));
        return out->value.length > 0;
    }
    (void)http_media_take(rest, 1);
    size_t length = 0;
    while (length < rest->length && rest->data[length] != '"') {
        size_t escape = rest->data[length] == '\\';
        if (length + escape >= rest->length ||
            !http_text_has_class((uint8_t)rest->data[length + escape], HTTP_CLASS_FIELD)) {
            return false;
        }
        length += 1 + escape;
    }
    if (length >= rest->length) {
        return false;
    }
    out->value = http_media_take(rest, length);
    (void)http_media_take(rest, 1);
    return true;
}

static struct http_text http_media_take(struct http_text *rest, size_t length)
{
    ASSERT(length <= rest->length);
    struct http_text taken = {.data = rest->data, .length = length};
    rest->data += length;
    rest->length -= length;
    return taken;
}

static void http_media_skip_space(struct http_text *rest)
{
    while (rest->length > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t')) {
        (void)http_media_take(rest, 1);
    }
}

/* qvalue, RFC 9110 section 12.4.2; its zero before the point may be missing (Java again). */
static bool http_media_read_quality(struct http_text text, uint16_t *quality)
{
    unsigned value = 0;
    unsigned scale = MEDIA_QUALITY_MAX; /* of the next digit */
    bool has_digit = false;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte == '.' && (i == 0 || (i == 1 && has_digit))) {
            scale = MEDIA_QUALITY_MAX / 10;
        } else if (http_text_has_class(byte, HTTP_CLASS_DIGIT) && scale > 0 &&
                   (i == 0 || scale < MEDIA_QUALITY_MAX)) {
            value += (unsigned)(byte - '0') * scale;
            scale = i == 0 ? scale : scale / 10;
            has_digit = true;
        } else {
            return false;
        }
    }
    if (!has_digit || value > MEDIA_QUALITY_MAX) {
        return false;
    }
    *quality = (uint16_t)value;
    return true;
}

static void http_accept_weigh(struct http_accept *accept, const struct http_media *range,
                              uint16_t quality)
{
    accept->has_ranges = true;
    for (size_t i = 0; i < accept->count; i++) {
        uint8_t closeness = http_accept_closeness(range, accept->offers[i]);
        bool is_closer = closeness > accept->closeness[i];
        bool is_as_close = closeness > MEDIA_NONE && closeness == accept->closeness[i];
        if (is_closer || (is_as_close && quality > accept->quality[i])) {
            accept->closeness[i] = closeness;
            accept->quality[i] = quality;
        }
    }
}

static uint8_t http_accept_closeness(const struct http_media *range, const char *offer)
{
    if (http_media_is_any(range->type)) {
        return MEDIA_ANY;
    }
    size_t type_length = strcspn(offer, "/");
    ASSERT(offer[type_length] == '/');
    if (!http_text_same_nocase(range->type,
                               (struct http_text){.data = offer, .length = type_length})) {
        return MEDIA_NONE;
    }
    if (http_media_is_any(range->subtype)) {
        return MEDIA_TYPE;
    }
    return http_text_is_nocase(range->subtype, offer + type_length + 1) ? MEDIA_SAME : MEDIA_NONE;
}

static bool http_media_is_any(struct http_text text)
{
    return text.length == 1 && text.data[0] == '*';
}
