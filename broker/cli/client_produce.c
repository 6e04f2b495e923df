/* `tdb produce`: one line becomes one record, counted when the server has acknowledged it.
 *
 * A wrong line or a record that is refused ends it: what stands before that line is delivered and
 * counted, and the line is named, so that the rest can follow when it has been mended. Records wait
 * for as long as the server makes progress, however many there are: not the age of a record counts,
 * but --timeout without any acknowledgement. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/units.h"
#include "broker/cli/client_clock.h"
#include "broker/cli/client_int.h"
#include "broker/cli/client_lines.h"
#include "broker/cli/client_record.h"
#include "broker/cli/text.h"

/* How long a wait may take before signals are looked at, how often progress is shown, and how many
 * records go between two looks at deliveries. */
#define PRODUCE_WAIT_MS       100
#define PRODUCE_PROGRESS_NS   (250 * CLIENT_NS_PER_MS)
#define PRODUCE_RECORDS_AHEAD 256

/* A record's number: which file and which line. */
#define PRODUCE_LINE_BITS 48

/* What went to one partition. */
struct produce_partition {
    uint64_t records_count; /* acknowledged */
    int64_t first_offset;   /* -1: not known */
    int64_t last_offset;    /* likewise */
};

/* A producing. */
struct producing {
    struct client *c;                     /* the command */
    const char *topic;                    /* to which */
    struct client_format format;          /* of a line */
    struct client_lines lines;            /* where records come from */
    size_t files_done;                    /* of c->args behind the topic, opened */
    struct arena arena;                   /* of one record */
    size_t partitions_count;              /* of `partitions` */
    struct produce_partition *partitions; /* by id */
    uint64_t sent_count;                  /* records given to librdkafka */
    uint64_t records_count;               /* acknowledged */
    uint64_t bytes;                       /* of these, keys and values */
    uint64_t failed_count;                /* given up */
    uint64_t failed_number;               /* the first of them */
    enum err failed_err;                  /* why */
    char failed_why[CLIENT_WHY_BYTES];    /* likewise, for people */
    bool has_failed;                      /* nothing more is read */
    bool is_on_terminal;                  /* progress is shown */
    uint64_t began_ns;                    /* the first line was asked for */
    uint64_t progress_ns;                 /* the server last acknowledged or had nothing to */
    uint64_t shown_ns;                    /* progress was last shown */
};

enum {
    PRODUCE_KEY_SEPARATOR,
    PRODUCE_KEY_FIELD,
    PRODUCE_TIME_FIELD,
    PRODUCE_JSON_ENVELOPE,
    PRODUCE_HEADER,
    PRODUCE_PARTITION,
    PRODUCE_COMPRESSION,
    PRODUCE_ACKS,
    PRODUCE_IDEMPOTENT,
};

static enum client_exit producing_flags(struct producing *p, const struct client_flag *flags);
static enum client_exit producing_headers(struct producing *p, const struct client_flag *flag);
static enum client_exit producing_connect(struct producing *p, const struct client_flag *flags);
static enum client_exit producing_begin(struct producing *p);
static bool producing_is_typed(const struct producing *p);
static void producing_run(struct producing *p);
static bool producing_line(struct producing *p, const char **text, size_t *length);
static bool producing_send(struct producing *p, const char *text, size_t length);
static void producing_drain(struct producing *p);
static bool producing_is_stalled(struct producing *p);
static void producing_on_delivery(void *ctx, const struct client_delivery *delivery);
static uint64_t producing_number(const struct producing *p);
static void producing_fail_line(struct producing *p, const char *what);
static void producing_fail_record(struct producing *p);
static void producing_show(struct producing *p, bool is_last);
static void producing_report(const struct producing *p, uint64_t duration_ns);
static void producing_report_json(const struct producing *p, uint64_t duration_ns);

enum client_exit client_produce_run(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {
        [PRODUCE_KEY_SEPARATOR] = {.name = "--key-separator", .wants = "a text"},
        [PRODUCE_KEY_FIELD] = {.name = "--key-field", .wants = "the name of a JSON member"},
        [PRODUCE_TIME_FIELD] = {.name = "--time-field", .wants = "the name of a JSON member"},
        [PRODUCE_JSON_ENVELOPE] = {.name = "--json-envelope"},
        [PRODUCE_HEADER] = {.name = "--header", .wants = "KEY=VALUE", .is_repeated = true},
        [PRODUCE_PARTITION] = {.name = "--partition", .wants = "a number"},
        [PRODUCE_COMPRESSION] = {.name = "--compression", .wants = "a codec"},
        [PRODUCE_ACKS] = {.name = "--acks", .wants = "0, 1 or all"},
        [PRODUCE_IDEMPOTENT] = {.name = "--idempotent"},
    };
    enum client_exit status =
        client_begin(c, flags, ARRAY_COUNT(flags), 1, CLIENT_ARGS_MAX, argc, argv);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    struct producing p = {.c = c, .topic = c->args[0], .lines = {.budget = &c->budget, .fd = -1}};
    status = producing_flags(&p, flags);
    if (status == CLIENT_EXIT_OK) {
        status = producing_connect(&p, flags);
    }
    if (status == CLIENT_EXIT_OK) {
        status = producing_begin(&p);
    }
    if (status == CLIENT_EXIT_OK) {
        arena_init(&p.arena, &c->budget, 64u << 10, CLIENT_LINE_BYTES_MAX * 2);
        producing_run(&p);
        producing_drain(&p);
        uint64_t duration_ns = client_now_ns() - p.began_ns + 1;
        producing_show(&p, true);
        producing_fail_record(&p);
        if (c->is_json) {
            producing_report_json(&p, duration_ns);
        } else {
            producing_report(&p, duration_ns);
        }
        arena_deinit(&p.arena);
        client_lines_close(&p.lines);
        status = p.has_failed || p.failed_count > 0 ? CLIENT_EXIT_FAILED : CLIENT_EXIT_OK;
    }
    return client_end(c, status);
}

static enum client_exit producing_flags(struct producing *p, const struct client_flag *flags)
{
    struct client *c = p->c;
    int64_t partition = -1;
    if (!client_is_topic_name(p->topic)) {
        return client_refuse(c, p->topic, "is no name of a topic");
    }
    bool has_separator = flags[PRODUCE_KEY_SEPARATOR].count > 0;
    bool has_field = flags[PRODUCE_KEY_FIELD].count > 0;
    bool has_time = flags[PRODUCE_TIME_FIELD].count > 0;
    bool is_envelope = flags[PRODUCE_JSON_ENVELOPE].count > 0;
    if (has_separator && has_field) {
        return client_refuse(c, "--key-field", "and --key-separator exclude each other");
    }
    if (is_envelope && (has_separator || has_field || has_time)) {
        return client_refuse(c, "--json-envelope", "names key and time itself");
    }
    p->format = (struct client_format){
        .is_envelope = is_envelope,
        .key_separator = has_separator ? flags[PRODUCE_KEY_SEPARATOR].values[0] : NULL,
        .key_field = has_field ? flags[PRODUCE_KEY_FIELD].values[0] : NULL,
        .time_field = has_time ? flags[PRODUCE_TIME_FIELD].values[0] : NULL,
    };
    if (has_separator && p->format.key_separator[0] == '\0') {
        return client_refuse(c, "--key-separator", "needs a text");
    }
    if (!client_number(c, &flags[PRODUCE_PARTITION], INT32_MAX, &partition)) {
        return CLIENT_EXIT_USAGE;
    }
    p->format.partition = (int32_t)partition;
    return producing_headers(p, &flags[PRODUCE_HEADER]);
}

static enum client_exit producing_headers(struct producing *p, const struct client_flag *flag)
{
    struct client_header *headers = client_alloc(p->c, flag->count * sizeof(*headers));
    if (headers == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    for (size_t i = 0; i < flag->count; i++) {
        struct client_property pair;
        if (!client_pair(p->c, flag->name, flag->values[i], &pair)) {
            return CLIENT_EXIT_USAGE;
        }
        headers[i] = (struct client_header){
            .name = pair.name,
            .value = (const uint8_t *)pair.value,
            .value_bytes = strlen(pair.value),
        };
    }
    p->format.headers = headers;
    p->format.headers_count = flag->count;
    return CLIENT_EXIT_OK;
}

static enum client_exit producing_connect(struct producing *p, const struct client_flag *flags)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    static const char *const acks[] = {"0", "1", "all"};
    struct client *c = p->c;
    struct client_property properties[8] = {{"message.timeout.ms", "0"}}; /* see the top */
    size_t count = 1;
    if (flags[PRODUCE_COMPRESSION].count > 0) {
        const char *codec = flags[PRODUCE_COMPRESSION].values[0];
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_COUNT(codecs); i++) {
            is_known |= strcmp(codec, codecs[i]) == 0;
        }
        if (!is_known) {
            return client_refuse(c, "--compression", "takes none, gzip, snappy, lz4 or zstd");
        }
        properties[count++] = (struct client_property){"compression.codec", codec};
    }
    if (flags[PRODUCE_ACKS].count > 0) {
        const char *wanted = flags[PRODUCE_ACKS].values[0];
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_COUNT(acks); i++) {
            is_known |= strcmp(wanted, acks[i]) == 0;
        }
        if (!is_known) {
            return client_refuse(c, "--acks", "takes 0, 1 or all");
        }
        if (flags[PRODUCE_IDEMPOTENT].count > 0 && strcmp(wanted, "all") != 0) {
            return client_refuse(c, "--idempotent", "needs --acks all");
        }
        properties[count++] = (struct client_property){"acks", wanted};
    }
    if (flags[PRODUCE_IDEMPOTENT].count > 0) {
        properties[count++] = (struct client_property){"enable.idempotence", "true"};
    }
    c->kafka.ctx = p;
    c->kafka.delivered = producing_on_delivery;
    return client_connect(c, CLIENT_KAFKA_PRODUCER, properties, count);
}

/* The topic is there, or appears now if the server makes it. */
static enum client_exit producing_begin(struct producing *p)
{
    struct client *c = p->c;
    struct client_cluster cluster;
    enum client_exit status = client_describe(c, p->topic, true, &cluster);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    p->partitions_count = cluster.topics[0].partitions_count;
    if (p->format.partition >= 0 && (size_t)p->format.partition >= p->partitions_count) {
        return client_fail(c, "topic %s has the partitions 0 to %zu; there is no %" PRId32,
                           p->topic, p->partitions_count - 1, p->format.partition);
    }
    p->partitions = client_alloc(c, p->partitions_count * sizeof(*p->partitions));
    if (p->partitions == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    for (size_t i = 0; i < p->partitions_count; i++) {
        p->partitions[i] = (struct produce_partition){.first_offset = -1, .last_offset = -1};
    }
    p->is_on_terminal = isatty(fileno(c->err)) == 1 && !producing_is_typed(p);
    client_watch_signals(c);
    p->began_ns = p->progress_ns = client_now_ns();
    return CLIENT_EXIT_OK;
}

/* Whether a person types the lines: then nothing is to be written between them. */
static bool producing_is_typed(const struct producing *p)
{
    bool has_standard = p->c->args_count == 1;
    for (size_t i = 1; i < p->c->args_count; i++) {
        has_standard |= strcmp(p->c->args[i], "-") == 0;
    }
    return has_standard && isatty(STDIN_FILENO) == 1;
}

static void producing_run(struct producing *p)
{
    const char *text = NULL;
    size_t length = 0;
    while (!p->has_failed && p->failed_count == 0 && producing_line(p, &text, &length)) {
        if (!producing_send(p, text, length)) {
            break;
        }
        if (p->sent_count % PRODUCE_RECORDS_AHEAD == 0) {
            client_kafka_poll(&p->c->kafka, 0);
            producing_show(p, false);
        }
        if (client_is_interrupted(p->c)) {
            break;
        }
    }
}

/* The next line of all files; false: there is none, or nothing more is wanted. */
static bool producing_line(struct producing *p, const char **text, size_t *length)
{
    struct client *c = p->c;
    for (;;) {
        enum err err = ERR_END;
        if (p->files_done > 0) {
            err = client_lines_next(&p->lines, 0, text, length);
        }
        if (err == ERR_AGAIN) {
            client_kafka_poll(&c->kafka, 0);
            producing_show(p, false);
            err = client_lines_next(&p->lines, PRODUCE_WAIT_MS, text, length);
        }
        if (err == ERR_OK) {
            return true;
        }
        if (err == ERR_AGAIN) {
            if (client_is_interrupted(c) || producing_is_stalled(p) || p->failed_count > 0) {
                return false;
            }
            continue;
        }
        if (err != ERR_END) {
            producing_fail_line(p, err == ERR_SYSTEM ? strerrordesc_np(p->lines.saved_errno)
                                                     : err_text(err));
            return false;
        }
        size_t files_count = c->args_count > 1 ? c->args_count - 1 : 1;
        if (p->files_done == files_count) {
            return false;
        }
        const char *path = c->args_count > 1 ? c->args[1 + p->files_done] : "-";
        if (client_lines_open(&p->lines, path) != ERR_OK) {
            producing_fail_line(p, strerrordesc_np(p->lines.saved_errno));
            return false;
        }
        p->files_done++;
    }
}

/* False: the line is not on its way, and none after it may be: the server acknowledges nothing, or
 * the user has had enough. */
static bool producing_send(struct producing *p, const char *text, size_t length)
{
    struct client *c = p->c;
    struct client_record record;
    char problem[CLIENT_PROBLEM_BYTES];
    arena_reset(&p->arena);
    enum err err = client_record_parse(&record, &p->format, &p->arena, text, length, problem);
    if (err != ERR_OK) {
        producing_fail_line(p, err == ERR_INVALID ? problem : err_text(err));
        return false;
    }
    if (record.partition >= 0 && (size_t)record.partition >= p->partitions_count) {
        snprintf(problem, sizeof(problem), "there is no partition %" PRId32, record.partition);
        producing_fail_line(p, problem);
        return false;
    }
    do {
        err = client_kafka_produce(&c->kafka, p->topic, &record, producing_number(p));
        if (err == ERR_FULL) {
            client_kafka_poll(&c->kafka, PRODUCE_WAIT_MS);
            producing_show(p, false);
        }
    } while (err == ERR_FULL && !producing_is_stalled(p) && !client_is_interrupted(c));
    if (err == ERR_OK) {
        p->sent_count++;
    } else if (err != ERR_FULL) {
        producing_fail_line(p, c->kafka.why);
    }
    return err == ERR_OK;
}

/* Wait for what is under way. A signal that ended the reading of lines does not end this as well.
 */
static void producing_drain(struct producing *p)
{
    bool was_interrupted = p->c->is_interrupted;
    while (client_kafka_undelivered(&p->c->kafka) > 0 && !producing_is_stalled(p)) {
        client_kafka_poll(&p->c->kafka, PRODUCE_WAIT_MS);
        producing_show(p, false);
        if (client_is_interrupted(p->c) && !was_interrupted) {
            break;
        }
    }
    client_kafka_purge(&p->c->kafka);
    client_kafka_poll(&p->c->kafka, 0);
}

/* Whether the server has acknowledged nothing for too long, though something is under way. */
static bool producing_is_stalled(struct producing *p)
{
    uint64_t now_ns = client_now_ns();
    if (client_kafka_undelivered(&p->c->kafka) == 0) {
        p->progress_ns = now_ns;
    }
    return now_ns - p->progress_ns >= p->c->kafka.timeout_ns;
}

static void producing_on_delivery(void *ctx, const struct client_delivery *delivery)
{
    struct producing *p = ctx;
    if (delivery->err != ERR_OK) {
        if (p->failed_count++ == 0) {
            p->failed_number = delivery->number;
            p->failed_err = delivery->err;
            snprintf(p->failed_why, sizeof(p->failed_why), "%s", delivery->why);
        }
        return;
    }
    p->progress_ns = client_now_ns();
    p->records_count++;
    p->bytes += delivery->bytes;
    if ((size_t)delivery->partition < p->partitions_count) {
        struct produce_partition *partition = &p->partitions[delivery->partition];
        partition->records_count++;
        if (partition->first_offset < 0 || delivery->offset < partition->first_offset) {
            partition->first_offset = delivery->offset;
        }
        if (delivery->offset > partition->last_offset) {
            partition->last_offset = delivery->offset;
        }
    }
}

static uint64_t producing_number(const struct producing *p)
{
    return (uint64_t)p->files_done << PRODUCE_LINE_BITS | p->lines.line_number;
}

/* The line, or the file, is wrong: those before it are still delivered. */
static void producing_fail_line(struct producing *p, const char *what)
{
    FILE *err = p->c->err;
    producing_show(p, true);
    fputs("tdb: ", err);
    cli_text_put(err, p->lines.name, strlen(p->lines.name));
    if (p->lines.line_number > 0) {
        fprintf(err, ":%" PRIu64, p->lines.line_number);
    }
    fprintf(err, ": %s; nothing from here on is produced\n", what);
    p->has_failed = true;
}

/* Of the records that were given up, the first: where it came from, why, what to do. */
static void producing_fail_record(struct producing *p)
{
    struct client *c = p->c;
    if (p->failed_count == 0) {
        return;
    }
    size_t file = (size_t)(p->failed_number >> PRODUCE_LINE_BITS) - 1;
    uint64_t line = p->failed_number & ((UINT64_C(1) << PRODUCE_LINE_BITS) - 1);
    const char *name = c->args_count > 1 ? c->args[1 + file] : "-";
    bool is_purged = p->failed_err == ERR_CANCELED && !c->is_interrupted;
    fputs("tdb: ", c->err);
    cli_text_put(c->err, strcmp(name, "-") == 0 ? "standard input" : name,
                 strcmp(name, "-") == 0 ? strlen("standard input") : strlen(name));
    if (is_purged) {
        char waited[UNITS_TEXT_BYTES];
        units_format_duration(c->kafka.timeout_ns, waited);
        fprintf(c->err, ":%" PRIu64 ": the server acknowledged nothing for %s", line, waited);
        if (c->kafka.network[0] != '\0') {
            fprintf(c->err, ": %s", c->kafka.network);
        }
    } else {
        fprintf(c->err, ":%" PRIu64 ": %s", line,
                p->failed_err == ERR_CANCELED ? "interrupted" : p->failed_why);
    }
    fprintf(c->err, "\n%" PRIu64 " records from there on are not acknowledged.\n", p->failed_count);
    if (p->failed_err == ERR_TOO_LARGE) {
        fprintf(c->err,
                "Let the topic take larger ones: tdb topic config %s max.message.bytes=BYTES\n",
                p->topic);
    } else if (is_purged) {
        fprintf(c->err, "To wait longer: --timeout DURATION.\n");
    }
}

/* A line that replaces itself. */
static void producing_show(struct producing *p, bool is_last)
{
    uint64_t now_ns = client_now_ns();
    FILE *err = p->c->err;
    if (!p->is_on_terminal || (!is_last && now_ns - p->shown_ns < PRODUCE_PROGRESS_NS)) {
        return;
    }
    if (is_last) {
        fprintf(err, "\r%60s\r", "");
        return;
    }
    char records[UNITS_TEXT_BYTES], bytes[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES], line[128];
    double seconds = (double)(now_ns - p->began_ns + 1) / 1e9;
    units_format_count(p->records_count, records);
    units_format_bytes(p->bytes, bytes);
    units_format_count((uint64_t)((double)p->records_count / seconds), rate);
    snprintf(line, sizeof(line), "%s records, %s, %s/s", records, bytes, rate);
    fprintf(err, "\r%-60s", line);
    fflush(err);
    p->shown_ns = now_ns;
}

static void producing_report(const struct producing *p, uint64_t duration_ns)
{
    FILE *out = p->c->out;
    char bytes[UNITS_TEXT_BYTES], duration[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];
    units_format_bytes(p->bytes, bytes);
    units_format_duration(duration_ns, duration);
    units_format_count((uint64_t)((double)p->records_count / ((double)duration_ns / 1e9)), rate);
    fprintf(out, "%" PRIu64 " records to %s, %s in %s, %s/s\n", p->records_count, p->topic, bytes,
            duration, rate);
    if (p->records_count > 0) {
        fprintf(out, "%9s  %12s  %s\n", "partition", "records", "offsets");
    }
    for (size_t i = 0; i < p->partitions_count; i++) {
        const struct produce_partition *partition = &p->partitions[i];
        if (partition->records_count > 0) {
            fprintf(out, "%9zu  %12" PRIu64 "  ", i, partition->records_count);
            if (partition->first_offset >= 0) {
                fprintf(out, "%" PRId64 "..%" PRId64 "\n", partition->first_offset,
                        partition->last_offset);
            } else {
                fprintf(out, "not told\n");
            }
        }
    }
    if (p->failed_count > 0) {
        fprintf(out, "%" PRIu64 " not acknowledged\n", p->failed_count);
    }
}

static void producing_report_json(const struct producing *p, uint64_t duration_ns)
{
    FILE *out = p->c->out;
    const char *separator = "";
    fprintf(out,
            "{\"topic\":\"%s\",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"failed\":%" PRIu64
            ",\"duration_ns\":%" PRIu64 ",\"partitions\":[",
            p->topic, p->records_count, p->bytes, p->failed_count, duration_ns);
    for (size_t i = 0; i < p->partitions_count; i++) {
        const struct produce_partition *partition = &p->partitions[i];
        if (partition->records_count > 0) {
            fprintf(out,
                    "%s{\"partition\":%zu,\"records\":%" PRIu64 ",\"first_offset\":%" PRId64
                    ",\"last_offset\":%" PRId64 "}",
                    separator, i, partition->records_count, partition->first_offset,
                    partition->last_offset);
            separator = ",";
        }
    }
    fputs("]}\n", out);
}
