/* The file of a configuration: YAML, by libyaml's events. The only file that knows libyaml.
 *
 * What is accepted is a small part of YAML: mappings with words as keys, down to texts and
 * sequences of texts. libyaml decides what is YAML; this file walks its events and gives names and
 * texts to config.c. Reading goes on behind a problem, so that a person sees all of them at once,
 * but ends at an error of YAML itself and at what is refused altogether: anchors, aliases, tags,
 * depth, a second document. */
#include <string.h>
#include <yaml.h>

#include "base/assert.h"
#include "base/config_int.h"

/* The walk. */
struct config_yaml {
    struct config *config;                /* what is filled */
    const char *text;                     /* the file, for places libyaml gives as positions */
    size_t length;                        /* of it, in bytes */
    yaml_parser_t parser;                 /* libyaml's */
    yaml_event_t event;                   /* the newest; empty before the first */
    size_t depth;                         /* mappings and sequences open now */
    char name[CONFIG_NAME_BYTES_MAX + 2]; /* of the key at hand, with its groups */
};

static bool config_yaml_document(struct config_yaml *y);
static bool config_yaml_mapping(struct config_yaml *y, size_t name_length);
static bool config_yaml_member(struct config_yaml *y, size_t name_length);
static bool config_yaml_value(struct config_yaml *y, struct config_text name,
                              struct config_source place);
static bool config_yaml_group(struct config_yaml *y, struct config_text name,
                              struct config_source place);
static void config_yaml_scalar(struct config_yaml *y, struct config_text name,
                               struct config_source place);
static bool config_yaml_list(struct config_yaml *y, size_t index);
static bool config_yaml_skip(struct config_yaml *y);
static bool config_yaml_next(struct config_yaml *y);
static bool config_yaml_refuses(struct config_yaml *y);
static void config_yaml_syntax(struct config_yaml *y);
static bool config_yaml_is_null(const yaml_event_t *event);
static struct config_source config_yaml_place(yaml_mark_t mark);
static struct config_text config_yaml_text(const yaml_event_t *event);

void config_read_yaml(struct config *c, const char *file_name, const char *text, size_t length)
{
    ASSERT(c->file_name == NULL);
    c->file_name = file_name;
    struct config_source whole = {.origin = CONFIG_FROM_FILE};
    if (length > CONFIG_FILE_BYTES_MAX) {
        config_complain(c, CONFIG_NONE, whole, "the file is larger than 1 MiB");
        return;
    }
    struct config_yaml y = {.config = c, .text = text, .length = length};
    if (!yaml_parser_initialize(&y.parser)) {
        config_complain(c, CONFIG_NONE, whole, "no memory to read the file");
        return;
    }
    yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&y.parser, (const unsigned char *)text, length);
    (void)config_yaml_document(&y); /* false: it has complained */
    yaml_event_delete(&y.event);
    yaml_parser_delete(&y.parser);
}

/* Here and below, true: go on; false: a complaint has been made and reading ends. */
static bool config_yaml_document(struct config_yaml *y)
{
    if (!config_yaml_next(y) || !config_yaml_next(y)) { /* start of the stream, and behind it */
        return false;
    }
    if (y->event.type == YAML_STREAM_END_EVENT) {
        return true; /* nothing but comments */
    }
    if (!config_yaml_next(y)) { /* the document's one node */
        return false;
    }
    if (y->event.type == YAML_MAPPING_START_EVENT) {
        if (!config_yaml_mapping(y, 0)) {
            return false;
        }
    } else if (y->event.type != YAML_SCALAR_EVENT || !config_yaml_is_null(&y->event)) {
        config_complain(y->config, CONFIG_NONE, config_yaml_place(y->event.start_mark),
                        "the file must be keys and values, such as log.level: info");
        return false;
    }
    if (!config_yaml_next(y) || !config_yaml_next(y)) { /* end of the document, and behind it */
        return false;
    }
    if (y->event.type != YAML_STREAM_END_EVENT) {
        config_complain(y->config, CONFIG_NONE, config_yaml_place(y->event.start_mark),
                        "a second document begins: one is accepted");
        return false;
    }
    return true;
}

/* The members of a mapping whose start is the event at hand, up to its end. The first `name_length`
 * bytes of y->name are the group it is, 0 for the whole file. */
static bool config_yaml_mapping(struct config_yaml *y, size_t name_length)
{
    if (!config_yaml_next(y)) {
        return false;
    }
    while (y->event.type != YAML_MAPPING_END_EVENT) {
        if (!config_yaml_member(y, name_length) || !config_yaml_next(y)) {
            return false;
        }
    }
    return true;
}

/* One key, which is the event at hand, and its value. */
static bool config_yaml_member(struct config_yaml *y, size_t name_length)
{
    struct config_source place = config_yaml_place(y->event.start_mark);
    if (y->event.type != YAML_SCALAR_EVENT) {
        config_complain(y->config, CONFIG_NONE, place, "a key must be a word");
        return config_yaml_skip(y) && config_yaml_next(y) && config_yaml_skip(y);
    }
    struct config_text key = config_yaml_text(&y->event);
    size_t dot_length = name_length > 0;
    if (key.length > CONFIG_NAME_BYTES_MAX ||
        name_length + dot_length + key.length > CONFIG_NAME_BYTES_MAX) {
        config_complain_unknown(y->config, key, false, place);
        return config_yaml_next(y) && config_yaml_skip(y);
    }
    memcpy(y->name + name_length, ".", dot_length);
    memcpy(y->name + name_length + dot_length, key.text, key.length);
    struct config_text name = {y->name, name_length + dot_length + key.length};
    return config_yaml_next(y) && config_yaml_value(y, name, place);
}

/* The value of `name`, whose key stands at `place`: the event at hand, and all that belongs to it.
 */
static bool config_yaml_value(struct config_yaml *y, struct config_text name,
                              struct config_source place)
{
    struct config *c = y->config;
    size_t index = config_find_key(c, name.text, name.length);
    if (y->event.type == YAML_SCALAR_EVENT) {
        config_yaml_scalar(y, name, place);
        return true;
    }
    if (index == CONFIG_NONE && y->event.type == YAML_MAPPING_START_EVENT) {
        return config_yaml_group(y, name, place);
    }
    if (index == CONFIG_NONE) {
        config_complain_unknown(c, name, false, place);
    } else if (y->event.type == YAML_MAPPING_START_EVENT) {
        config_complain(c, index, config_yaml_place(y->event.start_mark),
                        "takes a value, not keys of its own");
    } else if (c->keys[index].type == CONFIG_LIST) {
        return config_yaml_list(y, index);
    } else {
        config_complain(c, index, config_yaml_place(y->event.start_mark),
                        "takes one value, not a list");
    }
    return config_yaml_skip(y);
}

static bool config_yaml_group(struct config_yaml *y, struct config_text name,
                              struct config_source place)
{
    struct config *c = y->config;
    size_t index = config_find_group(c, name.text, name.length);
    if (index == CONFIG_NONE) {
        config_complain_unknown(c, name, true, place);
        return config_yaml_skip(y);
    }
    if (c->groups[index].line != 0) {
        config_complain(c, CONFIG_NONE, place, "%s is given twice, first on line %u",
                        c->groups[index].name, (unsigned)c->groups[index].line);
    } else {
        c->groups[index].line = place.line;
    }
    return config_yaml_mapping(y, name.length);
}

static void config_yaml_scalar(struct config_yaml *y, struct config_text name,
                               struct config_source place)
{
    struct config *c = y->config;
    size_t index = config_find_key(c, name.text, name.length);
    size_t group = config_find_group(c, name.text, name.length);
    bool is_null = config_yaml_is_null(&y->event);
    if (index != CONFIG_NONE && is_null) {
        config_complain(c, index, place, "has no value; without the line it is %s",
                        c->keys[index].fallback);
    } else if (index != CONFIG_NONE) {
        config_put(c, index, config_yaml_text(&y->event), config_yaml_place(y->event.start_mark));
    } else if (group == CONFIG_NONE) {
        config_complain_unknown(c, name, false, place);
    } else if (!is_null) {
        config_complain(c, CONFIG_NONE, place, "%s is a group: its keys stand below it, indented",
                        c->groups[group].name);
    }
}

/* The items of the list that the key at `index` is given: its start is the event at hand. */
static bool config_yaml_list(struct config_yaml *y, size_t index)
{
    struct config *c = y->config;
    struct config_text items[CONFIG_LIST_MAX];
    struct config_source place = config_yaml_place(y->event.start_mark);
    size_t count = 0;
    bool is_good = true;
    if (!config_yaml_next(y)) {
        return false;
    }
    while (y->event.type != YAML_SEQUENCE_END_EVENT) {
        struct config_text text = config_yaml_text(&y->event);
        if (y->event.type != YAML_SCALAR_EVENT || config_yaml_is_null(&y->event)) {
            config_complain(c, index, config_yaml_place(y->event.start_mark),
                            "takes texts in its list");
            is_good = false;
            if (!config_yaml_skip(y)) {
                return false;
            }
        } else if (is_good && count == CONFIG_LIST_MAX) {
            config_complain(c, index, config_yaml_place(y->event.start_mark),
                            "has more than %d items", CONFIG_LIST_MAX);
            is_good = false;
        } else if (is_good) { /* the event goes, the text stays */
            const char *copy = arena_copy(c->arena, text.text, text.length);
            items[count++] = (struct config_text){copy, copy != NULL ? text.length : 0};
        }
        if (!config_yaml_next(y)) {
            return false;
        }
    }
    if (is_good) {
        config_put_items(c, index, items, count, place);
    }
    return true;
}

/* Pass over the node that begins with the event at hand, to its last event. */
static bool config_yaml_skip(struct config_yaml *y)
{
    if (y->event.type == YAML_SCALAR_EVENT) {
        return true;
    }
    size_t outside = y->depth - 1;
    while (y->depth > outside) {
        if (!config_yaml_next(y)) {
            return false;
        }
    }
    return true;
}

/* Make the next event the one at hand. */
static bool config_yaml_next(struct config_yaml *y)
{
    yaml_event_delete(&y->event);
    if (!yaml_parser_parse(&y->parser, &y->event)) {
        config_yaml_syntax(y);
        return false;
    }
    yaml_event_type_t type = y->event.type;
    if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT) {
        y->depth++;
    } else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT) {
        y->depth--;
    }
    return !config_yaml_refuses(y);
}

/* Whether the event at hand is what no configuration has. */
static bool config_yaml_refuses(struct config_yaml *y)
{
    const yaml_event_t *event = &y->event;
    bool has_anchor = event->type == YAML_ALIAS_EVENT;
    bool has_tag = false;
    if (event->type == YAML_SCALAR_EVENT) {
        has_anchor = event->data.scalar.anchor != NULL;
        has_tag = event->data.scalar.tag != NULL;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        has_anchor = event->data.mapping_start.anchor != NULL;
        has_tag = event->data.mapping_start.tag != NULL;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        has_anchor = event->data.sequence_start.anchor != NULL;
        has_tag = event->data.sequence_start.tag != NULL;
    }
    const char *what = NULL;
    if (has_anchor) {
        what = "anchors (&) and aliases (*) are not accepted: write the value out";
    } else if (has_tag) {
        what = "tags (!) are not accepted: the key decides the type";
    } else if (y->depth > CONFIG_DEPTH_MAX) {
        what = "the file is nested too deep";
    }
    if (what != NULL) {
        config_complain(y->config, CONFIG_NONE, config_yaml_place(event->start_mark), "%s", what);
    }
    return what != NULL;
}

/* libyaml's complaint. Of bytes that are not UTF-8 it knows the position only. */
static void config_yaml_syntax(struct config_yaml *y)
{
    const yaml_parser_t *parser = &y->parser;
    struct config_source place = config_yaml_place(parser->problem_mark);
    if (parser->error == YAML_READER_ERROR) {
        place = (struct config_source){.origin = CONFIG_FROM_FILE, .line = 1, .column = 1};
        for (size_t i = 0; i < parser->problem_offset && i < y->length; i++) {
            place.line += y->text[i] == '\n';
            place.column = y->text[i] == '\n' ? 1 : place.column + 1;
        }
    }
    bool has_context = parser->context != NULL;
    config_complain(y->config, CONFIG_NONE, place, "not YAML: %s%s%s",
                    parser->problem != NULL ? parser->problem : "no memory to read it",
                    has_context ? " " : "", has_context ? parser->context : "");
}

/* A value that is none: nothing, ~ or null, unquoted. */
static bool config_yaml_is_null(const yaml_event_t *event)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    bool is_null = false;
    if (event->type == YAML_SCALAR_EVENT && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        for (size_t i = 0; i < ARRAY_COUNT(nulls); i++) {
            is_null |= strcmp((const char *)event->data.scalar.value, nulls[i]) == 0;
        }
    }
    return is_null;
}

static struct config_source config_yaml_place(yaml_mark_t mark)
{
    return (struct config_source){.origin = CONFIG_FROM_FILE,
                                  .line = (uint32_t)mark.line + 1,
                                  .column = (uint32_t)mark.column + 1};
}

/* The text of a scalar, which lives until the next event; nothing for other events. */
static struct config_text config_yaml_text(const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT) {
        return (struct config_text){"", 0};
    }
    return (struct config_text){(const char *)event->data.scalar.value, event->data.scalar.length};
}
