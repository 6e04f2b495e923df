/* `tdb log append`: one line of JSON becomes one record; up to 100 records or 64 KiB become one
 * batch, which is counted when it is durable. A few batches are on their way at a time; of what
 * comes slowly, a batch leaves as soon as none is.
 *
 * A wrong line ends it: what stands before that line is appended and counted, and the line is
 * named, so that the rest can follow when it has been mended. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/prng.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "base/units.h"
#include "broker/app/log_cli_lines.h"
#include "broker/app/log_cli_store.h"
#include "broker/cli/text.h"
#include "storage/log/log.h"
#include "storage/log/records.h"

/* A batch is full at one of these, unless its first record is larger. */
#define LOG_APPEND_RECORDS     100u
#define LOG_APPEND_BATCH_BYTES (64u << 10)

/* Batches on their way. */
#define LOG_APPEND_DEPTH 8u

/* The longest line: a batch of one record. */
#define LOG_APPEND_LINE_BYTES (LIMIT_BATCH_BYTES - 4096u)

/* Latencies kept; of more, each is as likely to be among them. */
#define LOG_APPEND_SAMPLES 65536u

/* Where a refused append is tried again, and how long it is waited for. */
#define LOG_APPEND_RETRY_NS (10 * RT_NS_PER_MS)
#define LOG_APPEND_GIVE_UP  500u

struct log_appending;

/* A batch on its way. */
struct log_append_batch {
    struct log_op op;                /* the append */
    struct log_appending *appending; /* whose */
    uint64_t began_ns;               /* when it was submitted */
    uint64_t next_offset;            /* behind its last record */
    uint32_t records_count;          /* of it */
    uint32_t bytes;                  /* of it */
};

/* The command. */
struct log_appending {
    struct log_cli *cli;              /* what it was told */
    struct log_cli_store store;       /* the log */
    struct log_cli_lines lines;       /* the events */
    uint64_t group;                   /* --group */
    const char *time_field;           /* --time; NULL: now */
    bool shows_progress;              /* --progress */
    struct budget budget;             /* buffers, below the shard's */
    struct buf_pool bufs;             /* batches */
    struct prng prng;                 /* which latencies are kept */
    struct log_op op_create;          /* makes the group */
    bool is_creating;                 /* it is under way */
    struct log *log;                  /* the group's */
    struct buf *buf;                  /* batch being built; NULL: none */
    struct log_records_writer writer; /* of it */
    bool is_full;                     /* it takes no more */
    const char *line;                 /* a line that did not fit any more; NULL: none */
    size_t line_bytes;                /* of it */
    bool is_filling;                  /* more lines are being read */
    bool is_ended;                    /* no more lines are taken */
    bool has_failed;                  /* because something went wrong */
    bool is_interrupted;              /* and the batch being built is not sent any more */
    bool is_over;                     /* nothing is under way, the store closes */
    struct rt_timer retry;            /* the log takes nothing just now */
    uint32_t retries_count;           /* in a row */
    struct log_append_batch batches[LOG_APPEND_DEPTH]; /* on their way: a ring */
    uint32_t batches_first;                            /* the oldest */
    uint32_t waiting_count;                            /* on their way */

    uint64_t records_count;  /* durable records */
    uint64_t batches_count;  /* durable batches */
    uint64_t bytes;          /* of them */
    uint64_t first_offset;   /* of the first durable record */
    uint64_t next_offset;    /* behind the last */
    uint64_t began_ns;       /* first append */
    uint64_t ended_ns;       /* last one durable */
    uint64_t *samples_ns;    /* latencies; the budget's */
    uint32_t samples_count;  /* of them */
    uint64_t latency_p50_ns; /* median */
    uint64_t latency_p99_ns; /* 99th percentile */
};

static enum cli_exit log_append_with(struct log_appending *appending);
static void log_append_begin(struct log_cli_store *store);
static void log_append_created(struct log_op *op);
static void log_append_stop(struct log_cli_store *store);
static void log_append_filled(struct log_cli_lines *lines);
static void log_append_retry(struct rt_timer *timer);
static void log_append_run(struct log_appending *appending);
static void log_append_take(struct log_appending *appending);
static enum err log_append_line(struct log_appending *appending);
static bool log_append_time(struct log_appending *appending, int64_t *time_ms);
static bool log_append_time_of(const struct json_value *value, int64_t *time_ms);
static bool log_append_send(struct log_appending *appending);
static void log_append_sent(struct log_op *op);
static void log_append_sample(struct log_appending *appending, uint64_t latency_ns);
static void log_append_fail(struct log_appending *appending, const char *what, enum err err);
static void log_append_fail_line(struct log_appending *appending, const char *what);
static void log_append_end(struct log_appending *appending);
static int log_append_compare(const void *a, const void *b);
static void log_append_report(const struct log_appending *appending);
static struct log_uuid log_append_topic(uint64_t group);

enum cli_exit log_cli_append(int argc, char **argv, FILE *out, FILE *err)
{
    struct log_cli_flag flags[] = {{"--group", "the number of a group", NULL},
                                   {"--jsonl", "a file of JSON lines, or -", NULL},
                                   {"--time", "the name of a field", NULL},
                                   {"--progress", NULL, NULL}};
    struct log_cli cli = {.name = "append", .out = out, .err = err};
    enum cli_exit status = log_cli_begin(&cli, flags, ARRAY_COUNT(flags), argc, argv);
    if (status != CLI_EXIT_OK) {
        return status;
    }
    struct log_appending appending = {.cli = &cli,
                                      .time_field = flags[2].value,
                                      .shows_progress = flags[3].value != NULL,
                                      .lines = {.fd = -1}};
    if (flags[0].value == NULL) {
        status = log_cli_refuse(&cli, "--group", "is needed: where the records go");
    } else if (flags[1].value == NULL) {
        status = log_cli_refuse(&cli, "--jsonl", "is needed: where the records come from");
    } else if (!log_cli_number(&cli, &flags[0], &appending.group)) {
        status = CLI_EXIT_USAGE;
    } else if (appending.group == 0) {
        status = log_cli_refuse(&cli, "--group", "0 is the node's own group");
    } else if (!log_cli_lines_open(&appending.lines, flags[1].value, err)) {
        status = CLI_EXIT_FAILED;
    } else {
        status = log_append_with(&appending);
    }
    log_cli_end(&cli);
    return status;
}

static enum cli_exit log_append_with(struct log_appending *appending)
{
    appending->store.cli = appending->cli;
    appending->store.does_make = true;
    appending->store.begin = log_append_begin;
    appending->store.stop = log_append_stop;
    bool is_good = log_cli_store_run(&appending->store);
    if (appending->lines.budget == NULL) { /* it never began */
        log_cli_lines_close(&appending->lines);
    }
    if (is_good || appending->batches_count > 0) {
        log_append_report(appending);
    }
    return is_good && !appending->has_failed ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

/* The store is open: on its shard from here on. */
static void log_append_begin(struct log_cli_store *store)
{
    struct log_appending *appending = CONTAINER_OF(store, struct log_appending, store);
    struct rt_shard *shard = store->shard;
    budget_init(&appending->budget, "appends", SIZE_MAX, rt_shard_budget(shard));
    buf_pool_init(&appending->bufs, &appending->budget, (uint16_t)shard->id, 1u << 20);
    rt_timer_init(&appending->retry, shard, log_append_retry);
    prng_init(&appending->prng, rt_random(shard));
    log_cli_lines_start(&appending->lines, shard, &appending->budget, LOG_APPEND_LINE_BYTES,
                        log_append_filled);
    void *samples = NULL;
    enum err err =
        budget_alloc(&appending->budget, LOG_APPEND_SAMPLES * sizeof(uint64_t), 64, &samples);
    appending->samples_ns = samples;
    if (err != ERR_OK) {
        log_append_fail(appending, "no memory", err);
        log_append_run(appending);
        return;
    }
    appending->log = log_find(&store->ls, appending->group);
    if (appending->log == NULL) {
        struct log_uuid topic = log_append_topic(appending->group);
        appending->op_create = (struct log_op){.done = log_append_created, .ctx = appending};
        appending->is_creating = true;
        log_create(&store->ls, &appending->op_create, appending->group, &topic, 0);
        return;
    }
    log_append_run(appending);
}

static void log_append_created(struct log_op *op)
{
    struct log_appending *appending = op->ctx;
    appending->is_creating = false;
    appending->log = op->log;
    if (op->err != ERR_OK) {
        log_append_fail(appending, "cannot make the group", op->err);
    }
    log_append_run(appending);
}

static void log_append_stop(struct log_cli_store *store)
{
    struct log_appending *appending = CONTAINER_OF(store, struct log_appending, store);
    if (!appending->has_failed && !appending->is_ended) {
        fprintf(appending->cli->err, "tdb: interrupted\n");
        appending->has_failed = true;
    }
    appending->is_ended = true;
    appending->is_interrupted = true;
    rt_timer_stop(&appending->retry);
    log_append_run(appending);
}

static void log_append_filled(struct log_cli_lines *lines)
{
    struct log_appending *appending = CONTAINER_OF(lines, struct log_appending, lines);
    appending->is_filling = false;
    if (lines->op.err != ERR_OK) {
        log_append_fail(appending,
                        lines->op.saved_errno != 0 ? strerrordesc_np(lines->op.saved_errno)
                                                   : "cannot read the events",
                        lines->op.err);
    }
    log_append_run(appending);
}

static void log_append_retry(struct rt_timer *timer)
{
    log_append_run(CONTAINER_OF(timer, struct log_appending, retry));
}

/* As much as can be done now. */
static void log_append_run(struct log_appending *appending)
{
    if (appending->is_over || appending->is_creating || rt_timer_is_running(&appending->retry)) {
        return;
    }
    for (;;) {
        if (!appending->is_ended && !appending->is_full && !appending->is_filling) {
            log_append_take(appending);
        }
        bool has_batch = appending->buf != NULL && appending->writer.count > 0;
        bool is_due = appending->is_full || appending->is_ended || appending->waiting_count == 0;
        if (!has_batch || !is_due || appending->is_interrupted ||
            appending->waiting_count == LOG_APPEND_DEPTH || !log_append_send(appending)) {
            break;
        }
    }
    bool has_batch =
        appending->buf != NULL && appending->writer.count > 0 && !appending->is_interrupted;
    if (appending->is_ended && !has_batch && appending->waiting_count == 0 &&
        !appending->is_filling) {
        log_append_end(appending);
    }
}

/* Put lines into the batch until it is full, or more must be read first. */
static void log_append_take(struct log_appending *appending)
{
    struct log_cli_lines *lines = &appending->lines;
    while (!appending->is_full && !appending->is_ended) {
        enum err err = ERR_OK;
        if (appending->line == NULL) {
            err = log_cli_lines_next(lines, &appending->line, &appending->line_bytes);
        }
        if (err == ERR_OK) {
            err = log_append_line(appending);
        } else if (err == ERR_AGAIN) {
            appending->is_filling = true;
            log_cli_lines_fill(lines);
            return;
        } else if (err == ERR_TOO_LARGE) {
            log_append_fail_line(appending, "is longer than a batch may be");
        } else {
            ASSERT(err == ERR_END);
            appending->is_ended = true;
        }
        if (err == ERR_BUDGET) {
            return; /* batches on their way give memory back */
        }
    }
}

/* Add appending->line to the batch. ERR_FULL: it belongs into the next one; ERR_BUDGET: there is
 * no buffer for one. */
static enum err log_append_line(struct log_appending *appending)
{
    struct log_records_item item = {.value = (const uint8_t *)appending->line,
                                    .value_bytes = (uint32_t)appending->line_bytes};
    if (!log_append_time(appending, &item.timestamp)) {
        return ERR_INVALID;
    }
    struct log_records_writer *writer = &appending->writer;
    if (appending->buf == NULL) {
        size_t capacity = LOG_BATCH_HEADER_BYTES + appending->line_bytes + 64; /* record's own */
        capacity = capacity > LOG_APPEND_BATCH_BYTES ? capacity : LOG_APPEND_BATCH_BYTES;
        enum err err = buf_new(&appending->bufs, &appending->budget, capacity, &appending->buf);
        if (err != ERR_OK) {
            if (appending->waiting_count == 0) {
                log_append_fail(appending, "no memory for a batch", err);
            }
            return err;
        }
        uint8_t *data = buf_append(appending->buf, (uint32_t)capacity);
        ASSERT(data != NULL);
        log_records_begin(writer, data, capacity);
    }
    if (log_records_add(writer, &item) != ERR_OK) {
        ASSERT(writer->count > 0);
        appending->is_full = true;
        return ERR_FULL;
    }
    appending->line = NULL;
    appending->is_full = writer->count == LOG_APPEND_RECORDS;
    return ERR_OK;
}

/* The line's time; false: it has none, and the command ends. */
static bool log_append_time(struct log_appending *appending, int64_t *time_ms)
{
    if (appending->time_field == NULL) {
        *time_ms = (int64_t)(rt_wall_ns(appending->store.shard) / RT_NS_PER_MS);
        return true;
    }
    struct json_value value;
    size_t fault = 0;
    char what[160];
    enum err err =
        json_find(appending->line, appending->line_bytes, appending->time_field, &value, &fault);
    if (err == ERR_NOT_FOUND) {
        snprintf(what, sizeof(what), "has no field '%s'", appending->time_field);
    } else if (err != ERR_OK) {
        snprintf(what, sizeof(what), "is not JSON, as its byte %zu shows", fault + 1);
    } else if (log_append_time_of(&value, time_ms)) {
        return true;
    } else {
        snprintf(what, sizeof(what),
                 "field '%s' is neither milliseconds since 1970 nor a time like "
                 "2018-02-06T12:30:00Z",
                 appending->time_field);
    }
    log_append_fail_line(appending, what);
    return false;
}

static bool log_append_time_of(const struct json_value *value, int64_t *time_ms)
{
    double number;
    if (value->kind != JSON_NUMBER && value->kind != JSON_STRING) {
        return false;
    }
    if (units_parse_i64(value->text, value->length, time_ms) == ERR_OK) {
        return true;
    }
    if (value->kind == JSON_STRING) {
        return units_parse_time_ms(value->text, value->length, time_ms) == ERR_OK;
    }
    if (units_parse_double(value->text, value->length, &number) != ERR_OK || number > 9e15 ||
        number < -9e15) {
        return false;
    }
    *time_ms = (int64_t)number;
    return true;
}

/* Submit the batch; false: the log takes nothing now. */
static bool log_append_send(struct log_appending *appending)
{
    struct log_records_writer *writer = &appending->writer;
    uint32_t slot = (appending->batches_first + appending->waiting_count) % LOG_APPEND_DEPTH;
    struct log_append_batch *batch = &appending->batches[slot];
    struct log_status status;
    log_status(appending->log, &status);
    uint32_t term = status.end.term > status.hard.term ? status.end.term : status.hard.term;
    if (appending->buf->sealed_length == 0) { /* not refused before */
        uint32_t end = log_records_end(writer, appending->store.store.kernels);
        log_batch_patch(appending->buf->data, status.end.offset, term > 0 ? term : 1);
        buf_seal(appending->buf, end);
    }
    uint32_t length = appending->buf->sealed_length;
    *batch = (struct log_append_batch){.op = {.done = log_append_sent},
                                       .appending = appending,
                                       .began_ns = rt_now_precise_ns(appending->store.shard),
                                       .next_offset = status.end.offset + writer->count,
                                       .records_count = writer->count,
                                       .bytes = length};
    enum err err = log_append(appending->log, &batch->op, buf_slice(appending->buf, 0, length));
    if (err_is_retriable(err) && err != ERR_DISK_FULL &&
        appending->retries_count < LOG_APPEND_GIVE_UP) {
        appending->retries_count++;
        rt_timer_start(&appending->retry, rt_now_ns(appending->store.shard) + LOG_APPEND_RETRY_NS);
        return false;
    }
    buf_unref(appending->buf);
    appending->buf = NULL;
    appending->is_full = false;
    appending->retries_count = 0;
    if (err != ERR_OK) {
        log_append_fail(
            appending,
            err == ERR_ACCESS ? "the group is read-only (tdb log repair)" : "cannot append", err);
        return false;
    }
    if (appending->batches_count == 0 && appending->waiting_count == 0) {
        appending->began_ns = batch->began_ns;
        appending->first_offset = status.end.offset;
    }
    appending->waiting_count++;
    return true;
}

/* Durable, or not: in the order they were sent. */
static void log_append_sent(struct log_op *op)
{
    struct log_append_batch *batch = CONTAINER_OF(op, struct log_append_batch, op);
    struct log_appending *appending = batch->appending;
    ASSERT(batch == &appending->batches[appending->batches_first]);
    appending->batches_first = (appending->batches_first + 1) % LOG_APPEND_DEPTH;
    appending->waiting_count--;
    if (op->err != ERR_OK) {
        log_append_fail(appending, "a batch did not become durable", op->err);
    } else {
        appending->ended_ns = rt_now_precise_ns(appending->store.shard);
        appending->records_count += batch->records_count;
        appending->batches_count++;
        appending->bytes += batch->bytes;
        appending->next_offset = batch->next_offset;
        log_append_sample(appending, appending->ended_ns - batch->began_ns);
        if (appending->shows_progress) {
            fprintf(appending->cli->out, "%" PRIu64 "\n", batch->next_offset - 1);
            fflush(appending->cli->out);
        }
    }
    log_append_run(appending);
}

/* Of more latencies than are kept each is kept with equal chance (Vitter's algorithm R). */
static void log_append_sample(struct log_appending *appending, uint64_t latency_ns)
{
    uint64_t place = appending->batches_count - 1;
    if (place >= LOG_APPEND_SAMPLES) {
        place = prng_below(&appending->prng, appending->batches_count);
    } else {
        appending->samples_count++;
    }
    if (place < LOG_APPEND_SAMPLES) {
        appending->samples_ns[place] = latency_ns;
    }
}

static void log_append_fail(struct log_appending *appending, const char *what, enum err err)
{
    if (!appending->has_failed) {
        fprintf(appending->cli->err, "tdb: group %" PRIu64 ": %s: %s\n", appending->group, what,
                err_text(err));
    }
    appending->has_failed = true;
    appending->is_ended = true;
    appending->is_interrupted = true;
}

/* The line is wrong: those before it are still appended. */
static void log_append_fail_line(struct log_appending *appending, const char *what)
{
    const struct log_cli_lines *lines = &appending->lines;
    FILE *err = appending->cli->err;
    fputs("tdb: ", err);
    cli_text_put(err, lines->name, strlen(lines->name));
    fprintf(err, ":%" PRIu64 ": ", lines->line_number);
    cli_text_put(err, what, strlen(what));
    fprintf(err, "; nothing from this line on is appended\n");
    appending->line = NULL;
    appending->has_failed = true;
    appending->is_ended = true;
}

/* Nothing is under way any more. */
static void log_append_end(struct log_appending *appending)
{
    appending->is_over = true;
    if (appending->buf != NULL) {
        buf_unref(appending->buf);
        appending->buf = NULL;
    }
    if (appending->samples_count > 0) {
        uint64_t *samples_ns = appending->samples_ns;
        uint64_t count = appending->samples_count;
        qsort(samples_ns, count, sizeof(*samples_ns), log_append_compare);
        appending->latency_p50_ns = samples_ns[(count - 1) / 2];
        appending->latency_p99_ns = samples_ns[(count * 99 + 99) / 100 - 1];
    }
    budget_free(&appending->budget, appending->samples_ns);
    log_cli_lines_close(&appending->lines);
    log_cli_store_end(&appending->store);
}

static int log_append_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void log_append_report(const struct log_appending *appending)
{
    FILE *out = appending->cli->out;
    uint64_t duration_ns = appending->ended_ns - appending->began_ns;
    char p50[UNITS_TEXT_BYTES], p99[UNITS_TEXT_BYTES], bytes[UNITS_TEXT_BYTES];
    char duration[UNITS_TEXT_BYTES];
    if (appending->cli->is_json) {
        fprintf(out,
                "{\"group\":%" PRIu64 ",\"records\":%" PRIu64 ",\"batches\":%" PRIu64
                ",\"bytes\":%" PRIu64 ",\"first_offset\":%" PRIu64 ",\"next_offset\":%" PRIu64
                ",\"durable_ns\":{\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 "},\"duration_ns\":%" PRIu64
                "}\n",
                appending->group, appending->records_count, appending->batches_count,
                appending->bytes, appending->first_offset, appending->next_offset,
                appending->latency_p50_ns, appending->latency_p99_ns, duration_ns);
        return;
    }
    units_format_bytes(appending->bytes, bytes);
    units_format_duration(duration_ns, duration);
    units_format_duration(appending->latency_p50_ns, p50);
    units_format_duration(appending->latency_p99_ns, p99);
    fprintf(out, "group %" PRIu64 ": %" PRIu64 " records in %" PRIu64 " batches, %s",
            appending->group, appending->records_count, appending->batches_count, bytes);
    if (appending->batches_count > 0) {
        fprintf(out,
                ", offsets %" PRIu64 "..%" PRIu64 "\n"
                "  durable      p50 %s, p99 %s a batch, up to %u at a time\n"
                "  in all       %s, %.0f records/s",
                appending->first_offset, appending->next_offset - 1, p50, p99, LOG_APPEND_DEPTH,
                duration, (double)appending->records_count / ((double)duration_ns / 1e9));
    }
    fputc('\n', out);
}

/* The topic that groups made here belong to: a UUID of version 8 (RFC 9562) that follows from the
 * group alone. */
static struct log_uuid log_append_topic(uint64_t group)
{
    uint8_t bytes[24];
    struct log_uuid topic;
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    bytes_put_copy(&w, "tdb log append: ", 16);
    bytes_put_u64be(&w, group);
    struct hash128 hash = hash128(bytes, sizeof(bytes), 0);
    w = bytes_writer(topic.bytes, sizeof(topic.bytes));
    hash128_put(&w, hash);
    topic.bytes[6] = (uint8_t)(0x80 | (topic.bytes[6] & 0x0f));
    topic.bytes[8] = (uint8_t)(0x80 | (topic.bytes[8] & 0x3f));
    return topic;
}
