/* `tdb log read`: records of one group, as a table or as JSON, in order; what cannot be read is
 * named where it stands, and the reading goes on behind it. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"
#include "base/codec.h"
#include "base/rt/shard.h"
#include "broker/app/log_cli_inspect.h"
#include "broker/cli/text.h"
#include "storage/log/records.h"

/* The most that the records of one compressed batch may take. */
#define LOG_READ_ROOM_BYTES_MAX (512u << 20)

/* A reading. */
struct log_reading {
    struct log_cli *cli;        /* the command */
    struct log_inspect inspect; /* what reads */
    struct codec_context codec; /* of compressed batches */
    uint8_t *room;              /* their records; the shard's budget */
    size_t room_bytes;          /* of it */
    uint64_t offset;            /* --offset: earlier records are left out */
    int64_t time;               /* --time: records before the first one of it are left out */
    bool has_time;              /* --time was given */
    bool is_begun;              /* that first one was met */
    uint64_t records_max;       /* --max */
    uint64_t records_count;     /* printed */
    uint64_t next_offset;       /* behind the last one printed */
    uint64_t faults_count;      /* of batches that verify and hold no records */
};

static bool log_reading_flags(struct log_reading *reading, const struct log_cli_flag *flags);
static bool log_reading_entry(void *ctx, const struct log_found *found,
                              const struct log_inspect_entry *entry);
static enum err log_reading_open(struct log_reading *reading, struct log_records_reader *rr,
                                 const struct log_inspect_entry *entry);
static bool log_reading_is_wanted(struct log_reading *reading, const struct log_records_item *item);
static void log_reading_item(struct log_reading *reading, const struct log_records_item *item);
static void log_reading_item_json(FILE *out, const struct log_records_item *item);
static void log_reading_text(FILE *out, const uint8_t *data, size_t length);
static void log_reading_fault(void *ctx, const struct log_inspect_fault *fault);

static const struct log_inspect_visitor log_reading_visitor = {.entry = log_reading_entry,
                                                               .fault = log_reading_fault};

enum cli_exit log_cli_read(int argc, char **argv, FILE *out, FILE *err)
{
    struct log_cli_flag flags[] = {{"--group", "the number of a group", NULL},
                                   {"--offset", "an offset", NULL},
                                   {"--time", "a time", NULL},
                                   {"--max", "a number of records", NULL}};
    struct log_cli cli = {.name = "read", .out = out, .err = err};
    enum cli_exit status = log_cli_begin(&cli, flags, ARRAY_COUNT(flags), argc, argv);
    if (status != CLI_EXIT_OK) {
        return status;
    }
    struct log_reading reading = {.cli = &cli, .records_max = UINT64_MAX};
    status = CLI_EXIT_USAGE;
    if (log_reading_flags(&reading, flags)) {
        codec_context_init(&reading.codec);
        if (cli.is_json) {
            fprintf(out, "{\"group\":%" PRIu64 ",\"records\":[", reading.inspect.group);
        }
        bool is_read = log_cli_inspect(&cli, &reading.inspect);
        uint64_t faults_count = reading.faults_count + reading.inspect.faults_count;
        if (cli.is_json) {
            fprintf(out,
                    "%s],\"records_count\":%" PRIu64 ",\"next_offset\":%" PRIu64
                    ",\"faults_count\":%" PRIu64 "}\n",
                    reading.records_count > 0 ? "\n" : "", reading.records_count,
                    reading.next_offset, faults_count);
        }
        codec_context_deinit(&reading.codec);
        status = is_read && faults_count == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILED;
    }
    log_cli_end(&cli);
    return status;
}

static bool log_reading_flags(struct log_reading *reading, const struct log_cli_flag *flags)
{
    const struct log_cli *cli = reading->cli;
    struct log_inspect *inspect = &reading->inspect;
    if (flags[0].value == NULL) {
        log_cli_refuse(cli, "--group", "is needed: whose records");
        return false;
    }
    if (flags[1].value != NULL && flags[2].value != NULL) {
        log_cli_refuse(cli, "--time", "and --offset exclude each other");
        return false;
    }
    if (!log_cli_number(cli, &flags[0], &inspect->group) ||
        !log_cli_number(cli, &flags[1], &reading->offset) ||
        !log_cli_time(cli, &flags[2], &reading->time) ||
        !log_cli_number(cli, &flags[3], &reading->records_max)) {
        return false;
    }
    reading->has_time = flags[2].value != NULL;
    reading->is_begun = !reading->has_time;
    inspect->from = reading->has_time        ? LOG_INSPECT_TIMESTAMP
                    : flags[1].value != NULL ? LOG_INSPECT_OFFSET
                                             : LOG_INSPECT_START;
    inspect->at = reading->has_time ? reading->time : (int64_t)reading->offset;
    inspect->ctx = reading;
    inspect->visitor = &log_reading_visitor;
    inspect->does_read_bodies = true;
    return true;
}

static bool log_reading_entry(void *ctx, const struct log_found *found,
                              const struct log_inspect_entry *entry)
{
    (void)found;
    struct log_reading *reading = ctx;
    struct log_records_reader rr;
    if (reading->records_count >= reading->records_max) {
        return false;
    }
    if (entry->data == NULL || entry->rec->kind != LOG_KIND_DATA) {
        return true;
    }
    enum err err = log_reading_open(reading, &rr, entry);
    bool is_control = err == ERR_OK && (rr.batch.attributes & LOG_BATCH_CONTROL) != 0;
    while (err == ERR_OK && !is_control && reading->records_count < reading->records_max) {
        struct log_records_item item;
        err = log_records_next(&rr, &item);
        if (err == ERR_OK && log_reading_is_wanted(reading, &item)) {
            log_reading_item(reading, &item);
        }
    }
    if (err != ERR_OK && err != ERR_END) {
        reading->faults_count++;
        fprintf(reading->cli->err, "tdb: %s at %" PRIu64 ", entry %" PRIu64 ": records: %s\n",
                entry->file, entry->pos, entry->rec->index, err_text(err));
    }
    return reading->records_count < reading->records_max;
}

/* With as much room as a compressed batch needs. */
static enum err log_reading_open(struct log_reading *reading, struct log_records_reader *rr,
                                 const struct log_inspect_entry *entry)
{
    struct budget *budget = rt_shard_budget(reading->inspect.shard);
    enum err err = log_records_open(rr, entry->data, entry->rec->length, &reading->codec,
                                    reading->room, reading->room_bytes);
    while (err == ERR_TOO_LARGE && reading->room_bytes < LOG_READ_ROOM_BYTES_MAX) {
        size_t bytes = reading->room_bytes == 0 ? 1u << 20 : 4 * reading->room_bytes;
        void *room = NULL;
        budget_free(budget, reading->room);
        reading->room = NULL;
        reading->room_bytes = 0;
        err = budget_alloc(budget, bytes, 64, &room);
        if (err == ERR_OK) {
            reading->room = room;
            reading->room_bytes = bytes;
            err = log_records_open(rr, entry->data, entry->rec->length, &reading->codec,
                                   reading->room, reading->room_bytes);
        }
    }
    return err;
}

static bool log_reading_is_wanted(struct log_reading *reading, const struct log_records_item *item)
{
    reading->is_begun |= item->timestamp >= reading->time;
    return reading->is_begun && item->offset >= reading->offset;
}

static void log_reading_item(struct log_reading *reading, const struct log_records_item *item)
{
    FILE *out = reading->cli->out;
    if (reading->cli->is_json) {
        fprintf(out, "%s\n", reading->records_count > 0 ? "," : "");
        log_reading_item_json(out, item);
    } else {
        if (reading->records_count == 0) {
            fprintf(out, "%-10s  %-24s  %-16s  %s\n", "offset", "time", "key", "value");
        }
        fprintf(out, "%-10" PRIu64 "  ", item->offset);
        cli_text_put_time(out, item->timestamp);
        fputs("  ", out);
        log_reading_text(out, item->key, item->key_bytes);
        fprintf(out, "%*s  ",
                item->key == NULL      ? 15
                : item->key_bytes < 16 ? 16 - (int)item->key_bytes
                                       : 0,
                "");
        log_reading_text(out, item->value, item->value_bytes);
        fputc('\n', out);
    }
    reading->records_count++;
    reading->next_offset = item->offset + 1;
}

static void log_reading_item_json(FILE *out, const struct log_records_item *item)
{
    fprintf(out, "{\"offset\":%" PRIu64 ",\"timestamp\":%" PRId64 ",\"key\":", item->offset,
            item->timestamp);
    cli_text_put_bytes(out, item->key, item->key_bytes);
    fputs(",\"value\":", out);
    cli_text_put_bytes(out, item->value, item->value_bytes);
    if (item->headers_count > 0) {
        struct bytes_reader r = bytes_reader(item->headers, item->headers_bytes);
        fputs(",\"headers\":[", out);
        for (uint32_t i = 0; i < item->headers_count; i++) {
            struct log_records_header header = log_records_header_get(&r);
            fputs(i > 0 ? ",{\"key\":" : "{\"key\":", out);
            cli_text_put_bytes(out, header.key, header.key_bytes);
            fputs(",\"value\":", out);
            cli_text_put_bytes(out, header.value, header.value_bytes);
            fputc('}', out);
        }
        fputc(']', out);
    }
    fputc('}', out);
}

/* "-" for null. */
static void log_reading_text(FILE *out, const uint8_t *data, size_t length)
{
    if (data == NULL) {
        fputc('-', out);
    } else {
        cli_text_put_plain(out, data, length);
    }
}

static void log_reading_fault(void *ctx, const struct log_inspect_fault *fault)
{
    const struct log_reading *reading = ctx;
    fputs("tdb: ", reading->cli->err);
    log_cli_put_fault(reading->cli->err, fault);
}
