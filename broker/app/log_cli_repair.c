/* `tdb log repair`: an operator accepts that entries are lost. The whole group is read first, so
 * that everything that cannot be read is known and named; without --accept-loss that is all. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"
#include "broker/app/log_cli_store.h"
#include "storage/log/batch.h"
#include "storage/log/read.h"
#include "storage/log/repair.h"

/* Read at a time. */
#define LOG_REPAIR_STEP_BYTES (1u << 20)

/* Entries that cannot be read, as the reader meets them. */
struct log_repair_lost {
    uint64_t first_index;  /* of them; 0: none */
    uint64_t last_index;   /* likewise */
    uint64_t first_offset; /* of their records */
    uint64_t next_offset;  /* behind them; 0: not known yet */
};

/* The command. */
struct log_repairing {
    struct log_cli *cli;         /* what it was told */
    struct log_cli_store store;  /* the log */
    uint64_t group;              /* --group */
    bool does_accept;            /* --accept-loss */
    struct log *log;             /* the group's */
    struct log_reader reader;    /* through all of it */
    struct log_repair repair;    /* the repair */
    bool is_narrow;              /* it takes one entry at a time: the device refused more */
    uint64_t next_index;         /* behind what has been read */
    struct log_repair_lost lost; /* met last, not printed yet */
    uint64_t next_offset;        /* behind what has been read */
    uint64_t ranges_count;       /* printed */
    uint64_t entries_count;      /* in them */
    bool is_amnesiac;            /* the group was when the store was opened */
    bool is_stopped;             /* a signal came */
    bool is_repaired;            /* the repair was done */
    bool has_looked;             /* all of the group was read */
    bool has_failed;             /* and `err` was told why */
};

static void log_repair_begin(struct log_cli_store *store);
static void log_repair_stop(struct log_cli_store *store);
static void log_repair_open(struct log_repairing *repairing, bool is_narrow);
static void log_repair_read(struct log_read *read);
static void log_repair_given(struct log_repairing *repairing, const struct log_read *read);
static void log_repair_refused(struct log_repairing *repairing, const struct log_read *read);
static void log_repair_io(struct log_repairing *repairing);
static void log_repair_tell(struct log_repairing *repairing);
static void log_repair_looked(struct log_repairing *repairing);
static void log_repair_done(struct log_repair *repair);
static void log_repair_fail(struct log_repairing *repairing, const char *what, enum err err);
static void log_repair_report(const struct log_repairing *repairing);
static void log_repair_report_json(const struct log_repairing *repairing);

enum cli_exit log_cli_repair(int argc, char **argv, FILE *out, FILE *err)
{
    struct log_cli_flag flags[] = {{"--group", "the number of a group", NULL},
                                   {"--accept-loss", NULL, NULL}};
    struct log_cli cli = {.name = "repair", .out = out, .err = err};
    enum cli_exit status = log_cli_begin(&cli, flags, ARRAY_COUNT(flags), argc, argv);
    if (status != CLI_EXIT_OK) {
        return status;
    }
    struct log_repairing repairing = {.cli = &cli, .does_accept = flags[1].value != NULL};
    if (flags[0].value == NULL) {
        status = log_cli_refuse(&cli, "--group", "is needed: what is to be repaired");
    } else if (!log_cli_number(&cli, &flags[0], &repairing.group)) {
        status = CLI_EXIT_USAGE;
    } else {
        repairing.store.cli = &cli;
        repairing.store.begin = log_repair_begin;
        repairing.store.stop = log_repair_stop;
        bool is_good = log_cli_store_run(&repairing.store);
        is_good = is_good && !repairing.has_failed && repairing.has_looked;
        bool is_done =
            repairing.is_repaired || (repairing.ranges_count == 0 && !repairing.is_amnesiac);
        if (cli.is_json && repairing.log != NULL) {
            log_repair_report_json(&repairing);
        } else if (is_good) {
            log_repair_report(&repairing);
        }
        status = is_good && is_done ? CLI_EXIT_OK : CLI_EXIT_FAILED;
    }
    log_cli_end(&cli);
    return status;
}

/* The store is open: on its shard from here on. */
static void log_repair_begin(struct log_cli_store *store)
{
    struct log_repairing *repairing = CONTAINER_OF(store, struct log_repairing, store);
    struct log_status status = {0};
    struct log *log = log_find(&store->ls, repairing->group);
    if (log != NULL) {
        log_status(log, &status);
    }
    if (log == NULL) {
        fprintf(repairing->cli->err, "tdb: %s has no group %" PRIu64 "\n",
                repairing->cli->settings.data_dir, repairing->group);
        repairing->has_failed = true;
    } else if (!status.is_available) {
        log_repair_fail(repairing, "nothing readable says what the group is", ERR_CORRUPT);
    }
    if (repairing->has_failed) {
        log_cli_store_end(store);
        return;
    }
    repairing->log = log;
    repairing->is_amnesiac = status.is_amnesiac;
    repairing->next_offset = status.start.offset;
    if (repairing->cli->is_json) {
        fprintf(repairing->cli->out, "{\"group\":%" PRIu64 ",\"unreadable\":[", repairing->group);
    }
    repairing->next_index = status.start.index;
    log_repair_open(repairing, false);
    log_reader_next(&repairing->reader, status.end.index);
}

/* Read on from where it is, in large steps or in the smallest. */
static void log_repair_open(struct log_repairing *repairing, bool is_narrow)
{
    repairing->is_narrow = is_narrow;
    log_reader_open(&repairing->reader, repairing->log, LOG_READ_INDEX, repairing->next_index,
                    is_narrow ? 1 : LOG_REPAIR_STEP_BYTES, log_repair_read, repairing);
}

/* A repair under way is over soon; what it has not come to stays for the next one. */
static void log_repair_stop(struct log_cli_store *store)
{
    struct log_repairing *repairing = CONTAINER_OF(store, struct log_repairing, store);
    repairing->is_stopped = true;
}

/* A step has ended: on to the next, over what cannot be read. */
static void log_repair_read(struct log_read *read)
{
    struct log_repairing *repairing = read->ctx;
    struct log_repair_lost *lost = &repairing->lost;
    struct log_status status;
    enum err err = read->err;
    log_status(repairing->log, &status);
    if (err == ERR_OK) {
        log_repair_given(repairing, read);
    } else if (err == ERR_CORRUPT) {
        log_repair_refused(repairing, read);
    } else if (err == ERR_IO) {
        log_repair_io(repairing);
    } else if (err == ERR_END) {
        if (lost->first_index != 0 && lost->last_index == status.end.index) {
            lost->next_offset = status.end.offset;
        }
        log_repair_tell(repairing);
    } else {
        log_repair_fail(repairing, "cannot read it", err);
    }
    if (repairing->is_stopped && !repairing->has_failed) {
        fprintf(repairing->cli->err, "tdb: interrupted\n");
        repairing->has_failed = true;
    }
    if (err != ERR_END && !repairing->has_failed) {
        log_reader_next(&repairing->reader, status.end.index);
        return;
    }
    log_reader_close(&repairing->reader);
    log_repair_looked(repairing);
}

static void log_repair_given(struct log_repairing *repairing, const struct log_read *read)
{
    struct log_repair_lost *lost = &repairing->lost;
    struct log_batch batch;
    enum err err = log_batch_decode(buf_slice_data(read->parts[0]), read->parts[0].length, &batch);
    ASSERT(err == ERR_OK); /* it has been verified */
    if (lost->first_index != 0 && read->first_index == lost->last_index + 1) {
        lost->next_offset = batch.base_offset;
    }
    log_repair_tell(repairing);
    repairing->next_offset = read->next_offset;
    repairing->next_index = read->last_index + 1;
    if (repairing->is_narrow) {
        log_reader_close(&repairing->reader);
        log_repair_open(repairing, false);
    }
}

static void log_repair_refused(struct log_repairing *repairing, const struct log_read *read)
{
    struct log_repair_lost *lost = &repairing->lost;
    if (lost->first_index != 0 && lost->last_index + 1 != read->first_index) {
        log_repair_tell(repairing);
    }
    if (lost->first_index == 0) {
        *lost = (struct log_repair_lost){.first_index = read->first_index,
                                         .first_offset = repairing->next_offset};
    }
    lost->last_index = read->last_index;
    lost->next_offset = read->next_offset;
    repairing->next_index = read->last_index + 1;
}

/* The device refused something of what was asked: one entry at a time shows which. That one is
 * quarantined, and refused as such next. */
static void log_repair_io(struct log_repairing *repairing)
{
    if (repairing->is_narrow) {
        enum err err = log_quarantine_add(repairing->log, repairing->next_index);
        if (err != ERR_OK) {
            log_repair_fail(repairing, "cannot read it", err);
        }
        return;
    }
    log_reader_close(&repairing->reader);
    log_repair_open(repairing, true);
}

/* Name what was met. */
static void log_repair_tell(struct log_repairing *repairing)
{
    struct log_repair_lost *lost = &repairing->lost;
    FILE *out = repairing->cli->out;
    if (lost->first_index == 0) {
        return;
    }
    bool has_offsets = lost->next_offset > lost->first_offset;
    if (repairing->cli->is_json) {
        fprintf(out, "%s{\"first_index\":%" PRIu64 ",\"last_index\":%" PRIu64,
                repairing->ranges_count > 0 ? "," : "", lost->first_index, lost->last_index);
        if (has_offsets) {
            fprintf(out, ",\"first_offset\":%" PRIu64 ",\"next_offset\":%" PRIu64,
                    lost->first_offset, lost->next_offset);
        }
        fputc('}', out);
    } else {
        fprintf(out, "group %" PRIu64 ": entries %" PRIu64 "..%" PRIu64, repairing->group,
                lost->first_index, lost->last_index);
        if (has_offsets) {
            fprintf(out, ", offsets %" PRIu64 "..%" PRIu64, lost->first_offset,
                    lost->next_offset - 1);
        }
        fputs(" cannot be read\n", out);
    }
    repairing->ranges_count++;
    repairing->entries_count += lost->last_index - lost->first_index + 1;
    repairing->next_offset = lost->next_offset;
    lost->first_index = 0;
}

/* All of the group has been read. */
static void log_repair_looked(struct log_repairing *repairing)
{
    bool is_needed = repairing->ranges_count > 0 || repairing->is_amnesiac;
    repairing->has_looked = !repairing->has_failed;
    if (repairing->has_failed || !is_needed || !repairing->does_accept) {
        log_cli_store_end(&repairing->store);
        return;
    }
    log_repair_accept(&repairing->repair, repairing->log, log_repair_done);
}

static void log_repair_done(struct log_repair *repair)
{
    struct log_repairing *repairing = CONTAINER_OF(repair, struct log_repairing, repair);
    repairing->is_repaired = repair->err == ERR_OK;
    if (repair->err != ERR_OK) {
        log_repair_fail(repairing, "cannot repair it", repair->err);
    }
    log_cli_store_end(&repairing->store);
}

static void log_repair_fail(struct log_repairing *repairing, const char *what, enum err err)
{
    fprintf(repairing->cli->err, "tdb: group %" PRIu64 ": %s: %s\n", repairing->group, what,
            err_text(err));
    repairing->has_failed = true;
}

static void log_repair_report(const struct log_repairing *repairing)
{
    const struct log_repair *repair = &repairing->repair;
    FILE *out = repairing->cli->out;
    char bytes[UNITS_TEXT_BYTES];
    units_format_bytes(repair->lost_bytes, bytes);
    if (repairing->ranges_count == 0 && !repairing->is_amnesiac) {
        fprintf(out, "group %" PRIu64 ": nothing to repair\n", repairing->group);
        return;
    }
    if (repairing->is_amnesiac) {
        fprintf(out,
                "group %" PRIu64 ": it may have lost entries behind offset %" PRIu64
                " that it answered (amnesiac)\n",
                repairing->group, repairing->next_offset);
    }
    if (!repairing->is_repaired) {
        fprintf(out,
                "nothing was changed; --accept-loss gives %" PRIu64
                " entries up: readers go on behind them, offsets stay%s\n",
                repairing->entries_count,
                repairing->is_amnesiac ? ", and the group takes appends again" : "");
        return;
    }
    fprintf(out,
            "group %" PRIu64 ": repaired, %" PRIu64 " entries (%s) given up in %" PRIu32
            " segments\n",
            repairing->group, repair->lost_count, bytes, repair->segments_count);
}

static void log_repair_report_json(const struct log_repairing *repairing)
{
    const struct log_repair *repair = &repairing->repair;
    bool is_needed = repairing->ranges_count > 0 || repairing->is_amnesiac;
    fprintf(repairing->cli->out,
            "],\"amnesiac\":%s,\"needed\":%s,\"repaired\":%s,\"lost_entries\":%" PRIu64
            ",\"lost_bytes\":%" PRIu64 ",\"segments\":%" PRIu32 ",\"next_offset\":%" PRIu64 "}\n",
            repairing->is_amnesiac ? "true" : "false", is_needed ? "true" : "false",
            repairing->is_repaired ? "true" : "false", repair->lost_count, repair->lost_bytes,
            repair->segments_count, repairing->next_offset);
}
