/* Requests found, carried out, answered; what all calls share. See agent.h.
 *
 *     agent HOST:PORT
 */
#include "tests/interop/librdkafka/agent.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/escape.h"

/* What a request may take: the largest is a record of two million bytes. */
#define AGENT_MEMORY_BYTES (64u << 20)

static enum agent_end agent_hello(struct agent *a);
static void agent_answer(struct agent *a);
static enum agent_end agent_call(struct agent *a);
static void agent_close(struct agent *a);
static void agent_on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *ctx);

int main(int argc, char **argv)
{
    struct budget budget;
    struct agent a = {0};
    char *line = NULL;
    size_t capacity = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: agent HOST:PORT\n");
        return 2;
    }
    a.address = argv[1];
    budget_init(&budget, "agent", AGENT_MEMORY_BYTES, NULL);
    arena_init(&a.arena, &budget, 64u << 10, AGENT_MEMORY_BYTES);
    for (ssize_t length; (length = getline(&line, &capacity, stdin)) > 0;) {
        a.line = line;
        a.line_bytes = (size_t)length;
        agent_answer(&a);
        arena_reset(&a.arena);
    }
    agent_close(&a);
    free(line);
    arena_deinit(&a.arena);
    budget_deinit(&budget);
    return 0;
}

rd_kafka_t *agent_open(struct agent *a, rd_kafka_type_t type, const struct agent_setting *settings,
                       size_t settings_count)
{
    const struct agent_setting common[] = {
        {"bootstrap.servers", a->address},
        /* A server that was killed is tried again at once, without a line for each connection. */
        {"reconnect.backoff.ms", "20"},
        {"reconnect.backoff.max.ms", "200"},
        {"log_level", "2"},
    };
    char text[AGENT_WHY_BYTES];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < ARRAY_COUNT(common) + settings_count; i++) {
        const struct agent_setting *setting =
            i < ARRAY_COUNT(common) ? &common[i] : &settings[i - ARRAY_COUNT(common)];
        if (rd_kafka_conf_set(conf, setting->name, setting->value, text, sizeof(text)) !=
            RD_KAFKA_CONF_OK) {
            agent_fail(a, RD_KAFKA_RESP_ERR__INVALID_ARG, text);
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }
    rd_kafka_conf_set_opaque(conf, a);
    if (type == RD_KAFKA_PRODUCER) {
        rd_kafka_conf_set_dr_msg_cb(conf, agent_on_delivery);
    }
    rd_kafka_t *handle = rd_kafka_new(type, conf, text, sizeof(text));
    if (handle == NULL) { /* `conf` is ours only then */
        rd_kafka_conf_destroy(conf);
        agent_fail(a, RD_KAFKA_RESP_ERR__FAIL, text);
    }
    return handle;
}

enum agent_end agent_fail(struct agent *a, rd_kafka_resp_err_t code, const char *text)
{
    if (a->why[0] == '\0') {
        text = text != NULL ? text : rd_kafka_err2str(code);
        snprintf(a->why, sizeof(a->why), "%s: %.900s", rd_kafka_err2name(code), text);
    }
    return AGENT_REFUSED;
}

bool agent_find(struct agent *a, const char *name, struct json_value *value)
{
    size_t fault = 0;
    enum err err = json_find(a->line, a->line_bytes, name, value, &fault);
    ASSERT(err == ERR_OK || err == ERR_NOT_FOUND); /* the driver writes JSON */
    return err == ERR_OK;
}

const char *agent_text(struct agent *a, const char *name)
{
    struct json_value value;
    size_t bytes;
    bool is_there = agent_find(a, name, &value);
    ASSERT(is_there);
    const char *text = agent_characters(a, &value, &bytes);
    ASSERT(text != NULL);
    return text;
}

int64_t agent_number(struct agent *a, const char *name, int64_t otherwise)
{
    struct json_value value;
    return agent_find(a, name, &value) ? agent_integer(&value) : otherwise;
}

char *agent_characters(struct agent *a, const struct json_value *value, size_t *bytes)
{
    *bytes = 0;
    if (value->kind == JSON_NULL) {
        return NULL;
    }
    ASSERT(value->kind == JSON_STRING);
    char *text = arena_alloc(&a->arena, value->length + 1, 1);
    ASSERT(text != NULL);
    struct bytes_writer w = bytes_writer(text, value->length);
    enum err err = json_unescape(&w, value);
    ASSERT(err == ERR_OK);
    text[w.pos] = '\0';
    *bytes = w.pos;
    return text;
}

/* A number ends where the text goes on with what is none. */
int64_t agent_integer(const struct json_value *value)
{
    ASSERT(value->kind == JSON_NUMBER || value->kind == JSON_NULL);
    return value->kind == JSON_NULL ? 0 : strtoll(value->text, NULL, 10);
}

void agent_put(FILE *out, const char *text, size_t bytes)
{
    if (text == NULL) {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    for (size_t taken = 0; taken < bytes;) {
        char part[4096];
        struct bytes_writer w = bytes_writer(part, sizeof(part));
        size_t took = escape_json(&w, text + taken, bytes - taken);
        ASSERT(took > 0);
        fwrite(part, 1, w.pos, out);
        taken += took;
    }
    fputc('"', out);
}

static enum agent_end agent_hello(struct agent *a)
{
    fprintf(a->out, "\"client\": \"librdkafka %s\", \"lacks\": []", rd_kafka_version_str());
    return AGENT_DONE;
}

static void agent_answer(struct agent *a)
{
    char *members = NULL;
    size_t bytes = 0;
    a->why[0] = '\0';
    a->out = open_memstream(&members, &bytes);
    ASSERT(a->out != NULL);
    enum agent_end end = agent_call(a);
    fclose(a->out);
    if (end == AGENT_DONE) {
        printf("{%s}\n", members);
    } else {
        printf("{\"%s\": ", end == AGENT_REFUSED ? "error" : "cannot");
        agent_put(stdout, a->why, strlen(a->why));
        printf("}\n");
    }
    fflush(stdout);
    free(members);
}

static enum agent_end agent_call(struct agent *a)
{
    static const struct {
        const char *name;
        enum agent_end (*call)(struct agent *a);
    } rows[] = {
        {"hello", agent_hello},     {"create", agent_create},   {"topics", agent_topics},
        {"produce", agent_produce}, {"consume", agent_consume}, {"time", agent_time},
        {"ends", agent_ends},       {"trim", agent_trim},       {"grow", agent_grow},
        {"configs", agent_configs}, {"set", agent_set},         {"set_one", agent_set_one},
        {"cluster", agent_cluster}, {"group", agent_group},     {"transaction", agent_transaction},
        {"delete", agent_delete},
    };
    const char *wanted = agent_text(a, "do");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i].name, wanted) == 0) {
            return rows[i].call(a);
        }
    }
    snprintf(a->why, sizeof(a->why), "no such call");
    return AGENT_CANNOT;
}

/* The server may be gone. */
static void agent_close(struct agent *a)
{
    if (a->reader != NULL) {
        rd_kafka_destroy_flags(a->reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    if (a->admin != NULL) {
        rd_kafka_queue_destroy(a->events);
        rd_kafka_destroy(a->admin);
    }
    for (size_t i = 0; i < a->producers_count; i++) {
        rd_kafka_destroy(a->producers[i].handle);
    }
}

static void agent_on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *ctx)
{
    (void)handle;
    struct agent *a = ctx;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        agent_fail(a, message->err, NULL); /* rd_kafka_message_errstr is for consumers */
    } else {
        a->offsets[(uintptr_t)message->_private] = message->offset;
    }
}
