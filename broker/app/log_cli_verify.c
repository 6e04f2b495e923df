/* `tdb log verify`: every byte of a directory is checked; each fault is named with file, position
 * and entry. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"
#include "broker/app/log_cli_inspect.h"

/* A check. */
struct log_check {
    struct log_cli *cli;        /* the command */
    struct log_inspect inspect; /* what looks */
    uint64_t torn_count;        /* groups whose last frame was torn */
    uint64_t faults_count;      /* printed */
};

static void log_check_group(void *ctx, const struct log_found *found);
static void log_check_fault(void *ctx, const struct log_inspect_fault *fault);
static void log_check_summary(const struct log_check *check);
static void log_check_summary_json(const struct log_check *check);

static const struct log_inspect_visitor log_check_visitor = {.group = log_check_group,
                                                             .fault = log_check_fault};

enum cli_exit log_cli_verify(int argc, char **argv, FILE *out, FILE *err)
{
    struct log_cli cli = {.name = "verify", .out = out, .err = err};
    enum cli_exit status = log_cli_begin(&cli, NULL, 0, argc, argv);
    if (status != CLI_EXIT_OK) {
        return status;
    }
    struct log_check check = {.cli = &cli,
                              .inspect = {.ctx = &check,
                                          .visitor = &log_check_visitor,
                                          .group = LOG_INSPECT_NONE,
                                          .does_read_bodies = true}};
    if (cli.is_json) {
        fputs("{\"faults\":[", out);
    }
    bool is_looked = log_cli_inspect(&cli, &check.inspect);
    if (cli.is_json) {
        log_check_summary_json(&check);
    } else if (is_looked) {
        log_check_summary(&check);
    }
    log_cli_end(&cli);
    return is_looked && check.inspect.faults_count == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

static void log_check_group(void *ctx, const struct log_found *found)
{
    struct log_check *check = ctx;
    check->torn_count += found->is_tail_torn;
}

static void log_check_fault(void *ctx, const struct log_inspect_fault *fault)
{
    struct log_check *check = ctx;
    if (check->cli->is_json) {
        fprintf(check->cli->out, "%s\n", check->faults_count > 0 ? "," : "");
        log_cli_put_fault_json(check->cli->out, fault);
    } else {
        log_cli_put_fault(check->cli->out, fault);
    }
    check->faults_count++;
}

static void log_check_summary(const struct log_check *check)
{
    const struct log_inspect *inspect = &check->inspect;
    FILE *out = check->cli->out;
    char bytes[UNITS_TEXT_BYTES], journal[UNITS_TEXT_BYTES];
    units_format_bytes(inspect->bytes, bytes);
    units_format_bytes(inspect->journal_bytes, journal);
    fprintf(out,
            "%" PRIu64 " groups, %" PRIu64 " segments, %" PRIu64 " entries (%" PRIu64
            " in the journal only), %s in batches, %s of journal\n",
            inspect->groups_count, inspect->segments_count, inspect->entries_count,
            inspect->unsettled_count, bytes, journal);
    if (check->torn_count > 0) {
        fprintf(out, "%" PRIu64 " groups end in a torn frame: what it held was never answered\n",
                check->torn_count);
    }
    if (inspect->faults_count > check->faults_count) {
        fprintf(out, "and %" PRIu64 " more faults\n", inspect->faults_count - check->faults_count);
    }
    if (inspect->faults_count > 0) {
        fprintf(out, "%" PRIu64 " faults\n", inspect->faults_count);
    } else {
        fprintf(out, "clean\n");
    }
}

static void log_check_summary_json(const struct log_check *check)
{
    const struct log_inspect *inspect = &check->inspect;
    FILE *out = check->cli->out;
    bool is_clean = inspect->err == ERR_OK && inspect->faults_count == 0;
    fprintf(out,
            "%s],\"ok\":%s,\"faults_count\":%" PRIu64 ",\"groups\":%" PRIu64
            ",\"segments\":%" PRIu64 ",\"entries\":%" PRIu64 ",\"unsettled_entries\":%" PRIu64
            ",\"bytes\":%" PRIu64 ",\"journal_bytes\":%" PRIu64 ",\"torn_groups\":%" PRIu64
            ",\"looks\":%" PRIu64 ",\"decisions\":{",
            check->faults_count > 0 ? "\n" : "", is_clean ? "true" : "false", inspect->faults_count,
            inspect->groups_count, inspect->segments_count, inspect->entries_count,
            inspect->unsettled_count, inspect->bytes, inspect->journal_bytes, check->torn_count,
            inspect->looks_count);
    for (int i = 0; i < LOG_RECOVER_ROWS_COUNT; i++) {
        fprintf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "",
                log_recover_row_name((enum log_recover_row)i), inspect->counts[i]);
    }
    fputs("}}\n", out);
}
