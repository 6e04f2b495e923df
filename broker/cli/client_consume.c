/* `tdb consume`: records of assigned partitions, in each partition's order.
 *
 * Where each partition ends is asked for once, at the beginning: a topic that is written to all the
 * time is read up to there, too, instead of for ever. A partition whose last entries hold no
 * records (compacted away, or marks of transactions) ends where librdkafka says that nothing is
 * left. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/units.h"
#include "broker/cli/client_clock.h"
#include "broker/cli/client_int.h"
#include "broker/cli/client_record.h"
#include "broker/cli/text.h"

/* How long a wait may take before signals are looked at, and how many records go between looks. */
#define CONSUME_WAIT_MS      100
#define CONSUME_RECORDS_LOOK 256

/* One partition. */
struct consume_partition {
    int32_t id;          /* of the partition */
    bool is_consumed;    /* it is being read */
    int64_t start;       /* its first offset, when asked */
    int64_t end;         /* behind its last, when asked */
    int64_t next;        /* of the record to come */
    uint64_t seen_count; /* records printed */
};

/* A consuming. */
struct consuming {
    struct client *c;                     /* the command */
    const char *topic;                    /* from which */
    struct client_from from;              /* --from */
    bool does_follow;                     /* --follow */
    bool has_key;                         /* --key */
    const char *key_separator;            /* behind a key */
    int64_t records_max;                  /* --count */
    size_t partitions_count;              /* of `partitions` */
    struct consume_partition *partitions; /* by id */
    size_t consumed_count;                /* partitions being read */
    int64_t records_count;                /* printed */
    uint64_t bytes;                       /* of these, keys and values */
    bool is_on_terminal;                  /* values are escaped */
    uint64_t progress_ns;                 /* something last came */
    uint64_t errors_count;                /* kafka.errors_count, as far as it was told */
    size_t headers_capacity;              /* of `headers` */
    struct client_header *headers;        /* of the record being printed; the budget's */
};

enum {
    CONSUME_PARTITION,
    CONSUME_FROM,
    CONSUME_COUNT,
    CONSUME_FOLLOW,
    CONSUME_UNTIL,
    CONSUME_KEY,
    CONSUME_KEY_SEPARATOR,
};

static enum client_exit consuming_flags(struct consuming *u, const struct client_flag *flags);
static enum client_exit consuming_partitions(struct consuming *u, const struct client_flag *flag);
static enum client_exit consuming_positions(struct consuming *u);
static int64_t consuming_position(const struct consuming *u, const struct consume_partition *part,
                                  int64_t at_time);
static enum client_exit consuming_start(struct consuming *u);
static enum client_exit consuming_run(struct consuming *u);
static enum client_exit consuming_step(struct consuming *u, enum err err,
                                       const struct client_record *record);
static enum client_exit consuming_wait(struct consuming *u);
static void consuming_end(struct consuming *u, struct consume_partition *part);
static struct consume_partition *consuming_find(const struct consuming *u, int32_t id);
static enum err consuming_print(struct consuming *u, struct client_record *record);
static enum err consuming_headers(struct consuming *u, struct client_record *record);
static void consuming_put(const struct consuming *u, const uint8_t *data, size_t length);
static enum client_exit consuming_lost_output(struct consuming *u);
static void consuming_report(const struct consuming *u);
static int consuming_compare(const void *a, const void *b);

enum client_exit client_consume_run(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {
        [CONSUME_PARTITION] = {.name = "--partition", .wants = "a number", .is_repeated = true},
        [CONSUME_FROM] = {.name = "--from", .wants = "start, end, an offset, -N or @TIME"},
        [CONSUME_COUNT] = {.name = "--count", .wants = "a number"},
        [CONSUME_FOLLOW] = {.name = "--follow"},
        [CONSUME_UNTIL] = {.name = "--until", .wants = "end"},
        [CONSUME_KEY] = {.name = "--key"},
        [CONSUME_KEY_SEPARATOR] = {.name = "--key-separator", .wants = "a text"},
    };
    enum client_exit status = client_begin(c, flags, ARRAY_COUNT(flags), 1, 1, argc, argv);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    struct consuming u = {.c = c, .topic = c->args[0], .records_max = INT64_MAX};
    status = consuming_flags(&u, flags);
    if (status == CLIENT_EXIT_OK) {
        status = client_connect(c, CLIENT_KAFKA_CONSUMER, NULL, 0);
    }
    if (status == CLIENT_EXIT_OK) {
        status = consuming_partitions(&u, &flags[CONSUME_PARTITION]);
    }
    if (status == CLIENT_EXIT_OK) {
        status = consuming_positions(&u);
    }
    if (status == CLIENT_EXIT_OK) {
        u.is_on_terminal = isatty(fileno(c->out)) == 1;
        client_watch_signals(c);
        status = consuming_start(&u);
    }
    if (status == CLIENT_EXIT_OK) {
        status = consuming_run(&u);
        consuming_report(&u);
    }
    for (size_t i = 0; i < u.partitions_count; i++) {
        consuming_end(&u, &u.partitions[i]);
    }
    budget_free(&c->budget, u.headers);
    return client_end(c, status);
}

static enum client_exit consuming_flags(struct consuming *u, const struct client_flag *flags)
{
    struct client *c = u->c;
    if (!client_is_topic_name(u->topic)) {
        return client_refuse(c, u->topic, "is no name of a topic");
    }
    if (flags[CONSUME_FROM].count > 0 &&
        client_from_parse(&u->from, flags[CONSUME_FROM].values[0], client_wall_ms()) != ERR_OK) {
        return client_refuse(c, "--from",
                             "takes start, end, an offset, -N or a time: @2018-02-06T12:30:00Z, "
                             "@1517920200000, @-5m");
    }
    if (!client_number(c, &flags[CONSUME_COUNT], INT64_MAX, &u->records_max)) {
        return CLIENT_EXIT_USAGE;
    }
    if (flags[CONSUME_UNTIL].count > 0 && strcmp(flags[CONSUME_UNTIL].values[0], "end") != 0) {
        return client_refuse(c, "--until", "takes end");
    }
    if (flags[CONSUME_UNTIL].count > 0 && flags[CONSUME_FOLLOW].count > 0) {
        return client_refuse(c, "--follow", "and --until exclude each other");
    }
    u->does_follow = flags[CONSUME_FOLLOW].count > 0;
    u->has_key = flags[CONSUME_KEY].count > 0 || flags[CONSUME_KEY_SEPARATOR].count > 0;
    u->key_separator = "\t";
    if (flags[CONSUME_KEY_SEPARATOR].count > 0) {
        u->key_separator = flags[CONSUME_KEY_SEPARATOR].values[0];
    }
    return CLIENT_EXIT_OK;
}

/* Those asked for, or all. */
static enum client_exit consuming_partitions(struct consuming *u, const struct client_flag *flag)
{
    struct client *c = u->c;
    struct client_cluster cluster;
    enum client_exit status = client_describe(c, u->topic, false, &cluster);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    const struct client_topic *topic = &cluster.topics[0];
    size_t count = flag->count > 0 ? flag->count : topic->partitions_count;
    struct consume_partition *partitions = client_alloc(c, count * sizeof(*partitions));
    if (partitions == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t id = 0;
        if (flag->count == 0) {
            id = (uint64_t)topic->partitions[i].id;
        } else if (units_parse_u64(flag->values[i], strlen(flag->values[i]), &id) != ERR_OK) {
            return client_refuse(c, flag->name, "takes a whole number");
        }
        if (id >= topic->partitions_count) {
            return client_fail(c, "topic %s has the partitions 0 to %zu; there is no %" PRIu64,
                               u->topic, topic->partitions_count - 1, id);
        }
        partitions[i].id = (int32_t)id;
    }
    qsort(partitions, count, sizeof(*partitions), consuming_compare);
    size_t distinct_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || partitions[i].id != partitions[i - 1].id) {
            partitions[distinct_count++].id = partitions[i].id;
        }
    }
    u->partitions = partitions;
    u->partitions_count = distinct_count;
    return CLIENT_EXIT_OK;
}

static enum client_exit consuming_positions(struct consuming *u)
{
    struct client *c = u->c;
    size_t count = u->partitions_count;
    int32_t *ids = client_alloc(c, count * sizeof(*ids));
    int64_t *starts = client_alloc(c, count * sizeof(*starts));
    int64_t *ends = client_alloc(c, count * sizeof(*ends));
    int64_t *at_time = client_alloc(c, count * sizeof(*at_time));
    if (ids == NULL || starts == NULL || ends == NULL || at_time == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = u->partitions[i].id;
    }
    enum err err = client_kafka_offsets(&c->kafka, u->topic, ids, count, CLIENT_TIME_START, starts);
    if (err == ERR_OK) {
        err = client_kafka_offsets(&c->kafka, u->topic, ids, count, CLIENT_TIME_END, ends);
    }
    if (err == ERR_OK && u->from.kind == CLIENT_FROM_TIME) {
        err = client_kafka_offsets(&c->kafka, u->topic, ids, count, u->from.value, at_time);
    }
    if (err != ERR_OK) {
        return client_fail_topic(c, u->topic, err);
    }
    bool is_behind_all = true;
    const struct consume_partition *trimmed = NULL; /* the first whose early records are gone */
    size_t trimmed_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct consume_partition *part = &u->partitions[i];
        part->start = starts[i] >= 0 ? starts[i] : 0;
        part->end = ends[i] >= 0 ? ends[i] : 0;
        part->next = consuming_position(u, part, at_time[i]);
        is_behind_all &= u->from.kind == CLIENT_FROM_OFFSET && u->from.value > part->end;
        if (u->from.kind == CLIENT_FROM_OFFSET && u->from.value < part->start &&
            trimmed_count++ == 0) {
            trimmed = part;
        }
    }
    if (trimmed_count > 0) {
        fprintf(c->err,
                "tdb: %zu of %zu partitions begin later: partition %" PRId32 " at offset %" PRId64
                "\n",
                trimmed_count, count, trimmed->id, trimmed->start);
    }
    if (is_behind_all) {
        const struct consume_partition *part = &u->partitions[0];
        return client_fail(
            c, "offset %" PRId64 " is behind the end of %s: %s %" PRId32 " ends at %" PRId64,
            u->from.value, u->topic, "partition", part->id, part->end);
    }
    return CLIENT_EXIT_OK;
}

/* Where the partition's reading begins; `at_time` is the offset that the time has, -1: none yet. */
static int64_t consuming_position(const struct consuming *u, const struct consume_partition *part,
                                  int64_t at_time)
{
    int64_t wanted = part->start;
    switch (u->from.kind) {
    case CLIENT_FROM_START: break;
    case CLIENT_FROM_END: wanted = part->end; break;
    case CLIENT_FROM_OFFSET: wanted = u->from.value; break;
    case CLIENT_FROM_LAST: wanted = part->end - u->from.value; break;
    case CLIENT_FROM_TIME: wanted = at_time >= 0 ? at_time : part->end; break;
    }
    return wanted < part->start ? part->start : wanted > part->end ? part->end : wanted;
}

static enum client_exit consuming_start(struct consuming *u)
{
    for (size_t i = 0; i < u->partitions_count; i++) {
        struct consume_partition *part = &u->partitions[i];
        if (!u->does_follow && part->next >= part->end) {
            continue;
        }
        enum err err = client_kafka_consume(&u->c->kafka, u->topic, part->id, part->next);
        if (err != ERR_OK) {
            return client_fail_topic(u->c, u->topic, err);
        }
        part->is_consumed = true;
        u->consumed_count++;
    }
    u->progress_ns = client_now_ns();
    return CLIENT_EXIT_OK;
}

static enum client_exit consuming_run(struct consuming *u)
{
    struct client *c = u->c;
    enum client_exit status = CLIENT_EXIT_OK;
    bool is_idle = false; /* the last fetch gave nothing, and all that was printed is out */
    for (uint64_t i = 0; status == CLIENT_EXIT_OK; i++) {
        struct client_record record;
        if (u->consumed_count == 0 || u->records_count >= u->records_max) {
            break;
        }
        if ((is_idle || i % CONSUME_RECORDS_LOOK == 0) && client_is_interrupted(c)) {
            break;
        }
        enum err err = client_kafka_fetch(&c->kafka, is_idle ? CONSUME_WAIT_MS : 0, &record);
        if (err == ERR_AGAIN && !is_idle) {
            is_idle = true; /* a reader sees at once what there is */
            status = fflush(c->out) != 0 ? consuming_lost_output(u) : CLIENT_EXIT_OK;
            continue;
        }
        is_idle = err == ERR_AGAIN;
        status = consuming_step(u, err, &record);
    }
    return status;
}

static enum client_exit consuming_step(struct consuming *u, enum err err,
                                       const struct client_record *record)
{
    struct client *c = u->c;
    struct consume_partition *part = consuming_find(u, record->partition);
    if (err == ERR_AGAIN || err == ERR_UNREACHABLE || err == ERR_TIMEOUT) {
        return consuming_wait(u);
    }
    u->progress_ns = client_now_ns();
    u->errors_count = c->kafka.errors_count;
    if (err == ERR_END) {
        if (part != NULL && !u->does_follow) {
            consuming_end(u, part);
        }
        return CLIENT_EXIT_OK;
    }
    if (err != ERR_OK) {
        return client_fail_topic(c, u->topic, err);
    }
    if (part == NULL || !part->is_consumed) {
        return CLIENT_EXIT_OK; /* fetched before its partition had ended */
    }
    if (u->does_follow || record->offset < part->end) {
        struct client_record printed = *record;
        err = consuming_print(u, &printed);
        if (err != ERR_OK) {
            return client_fail(c, "%s", err_text(err));
        }
        part->seen_count++;
        part->next = record->offset + 1;
    }
    if (!u->does_follow && record->offset + 1 >= part->end) {
        consuming_end(u, part);
    }
    return ferror(c->out) ? consuming_lost_output(u) : CLIENT_EXIT_OK;
}

/* Nothing came. Who follows is told of trouble and waits on; others wait only so long. */
static enum client_exit consuming_wait(struct consuming *u)
{
    struct client *c = u->c;
    uint64_t waited_ns = client_now_ns() - u->progress_ns;
    if (u->does_follow) {
        if (c->kafka.errors_count != u->errors_count && u->errors_count == 0) {
            fprintf(c->err, "tdb: %s; trying again\n", c->kafka.network);
        }
        u->errors_count = c->kafka.errors_count;
        return CLIENT_EXIT_OK;
    }
    if (waited_ns < c->kafka.timeout_ns) {
        return CLIENT_EXIT_OK;
    }
    char waited[UNITS_TEXT_BYTES];
    units_format_duration(c->kafka.timeout_ns, waited);
    client_fail(c, "nothing came for %s%s%s", waited, c->kafka.network[0] != '\0' ? ": " : "",
                c->kafka.network);
    fprintf(c->err, "To wait longer: --timeout DURATION.\n");
    return CLIENT_EXIT_FAILED;
}

static void consuming_end(struct consuming *u, struct consume_partition *part)
{
    if (part->is_consumed) {
        client_kafka_consume_stop(&u->c->kafka, part->id);
        part->is_consumed = false;
        u->consumed_count--;
    }
}

static struct consume_partition *consuming_find(const struct consuming *u, int32_t id)
{
    struct consume_partition wanted = {.id = id};
    return bsearch(&wanted, u->partitions, u->partitions_count, sizeof(*u->partitions),
                   consuming_compare);
}

static enum err consuming_print(struct consuming *u, struct client_record *record)
{
    FILE *out = u->c->out;
    if (u->c->is_json) {
        enum err err = consuming_headers(u, record);
        if (err != ERR_OK) {
            return err;
        }
        client_record_put_json(out, record);
    } else {
        if (u->has_key) {
            consuming_put(u, record->key, record->key_bytes);
            fputs(u->key_separator, out);
        }
        consuming_put(u, record->value, record->value_bytes);
        fputc('\n', out);
    }
    u->records_count++;
    u->bytes += record->key_bytes + record->value_bytes;
    return ERR_OK;
}

/* Those of the record that was fetched last. */
static enum err consuming_headers(struct consuming *u, struct client_record *record)
{
    struct client_header header;
    size_t count = 0;
    for (; client_kafka_header(&u->c->kafka, count, &header); count++) {
        if (count == u->headers_capacity) {
            size_t capacity = count == 0 ? 16 : 2 * count;
            void *grown = NULL;
            enum err err = budget_alloc(&u->c->budget, capacity * sizeof(header),
                                        _Alignof(max_align_t), &grown);
            if (err != ERR_OK) {
                return err;
            }
            for (size_t i = 0; i < count; i++) {
                ((struct client_header *)grown)[i] = u->headers[i];
            }
            budget_free(&u->c->budget, u->headers);
            u->headers = grown;
            u->headers_capacity = capacity;
        }
        u->headers[count] = header;
    }
    record->headers = u->headers;
    record->headers_count = count;
    return ERR_OK;
}

/* As it is; but no record drives a terminal. */
static void consuming_put(const struct consuming *u, const uint8_t *data, size_t length)
{
    if (u->is_on_terminal) {
        cli_text_put_plain(u->c->out, data, length);
    } else if (length > 0) {
        fwrite(data, 1, length, u->c->out);
    }
}

static enum client_exit consuming_lost_output(struct consuming *u)
{
    return client_fail(u->c, "cannot write the result: %s", strerrordesc_np(errno));
}

/* For people at a terminal, and for who stopped it. */
static void consuming_report(const struct consuming *u)
{
    struct client *c = u->c;
    if (!c->is_interrupted && isatty(fileno(c->err)) != 1) {
        return;
    }
    char bytes[UNITS_TEXT_BYTES];
    size_t seen_count = 0;
    for (size_t i = 0; i < u->partitions_count; i++) {
        seen_count += u->partitions[i].seen_count > 0;
    }
    fflush(c->out);
    units_format_bytes(u->bytes, bytes);
    fprintf(c->err, "%s%" PRId64 " records, %s, of %zu partitions\n",
            c->is_interrupted ? "interrupted: " : "", u->records_count, bytes, seen_count);
}

static int consuming_compare(const void *a, const void *b)
{
    int32_t x = ((const struct consume_partition *)a)->id;
    int32_t y = ((const struct consume_partition *)b)->id;
    return (x > y) - (x < y);
}
