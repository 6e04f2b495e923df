/* `tdb log dump`: what a directory holds: the node, its tables, the journal and what recovery makes
 * of its frames, each group and its segments; with --entries every frame and every entry too. As
 * JSON it is one object, its arrays in the order they are met. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"
#include "broker/app/log_cli_inspect.h"

/* Where a dump stands: what was begun is ended before the next begins. */
enum log_dump_section {
    LOG_DUMP_NONE,
    LOG_DUMP_NODE,
    LOG_DUMP_TABLES,
    LOG_DUMP_JOURNAL,
    LOG_DUMP_FRAMES,
    LOG_DUMP_GROUPS,
    LOG_DUMP_FAULTS,
};

/* A dump. */
struct log_dump {
    struct log_cli *cli;           /* the command */
    struct log_inspect inspect;    /* what looks */
    bool has_entries;              /* --entries */
    enum log_dump_section section; /* begun last */
    uint64_t rows_count;           /* of the section */
    bool is_in_group;              /* JSON: a group's object is open */
    uint64_t items_count;          /* JSON: of its log */
};

static void log_dump_meta(void *ctx, const struct log_meta *meta);
static void log_dump_table(void *ctx, const char *file, const struct log_table_header *header,
                           bool counts);
static void log_dump_journal(void *ctx, const char *file, uint64_t bytes,
                             const struct log_journal_header *header);
static void log_dump_frame(void *ctx, enum log_recover_row row, uint64_t boot_epoch, uint32_t lane,
                           uint64_t number, const struct log_frame *frame, const char *file,
                           uint64_t pos);
static void log_dump_group(void *ctx, const struct log_found *found);
static void log_dump_group_json(FILE *out, const struct log_found *found);
static void log_dump_segment(void *ctx, const struct log_found *found,
                             const struct log_inspect_segment *segment);
static bool log_dump_entry(void *ctx, const struct log_found *found,
                           const struct log_inspect_entry *entry);
static void log_dump_entry_json(FILE *out, const struct log_inspect_entry *entry);
static void log_dump_fault(void *ctx, const struct log_inspect_fault *fault);
static void log_dump_begin(struct log_dump *dump, enum log_dump_section section);
static void log_dump_end_group(struct log_dump *dump);
static void log_dump_end(struct log_dump *dump);
static void log_dump_item(struct log_dump *dump);
static const char *log_dump_kind(const struct log_sidecar *rec);
static const char *log_dump_uuid(const struct log_uuid *uuid, char out[LOG_UUID_TEXT_BYTES]);
static const char *log_dump_bytes(uint64_t bytes, char out[UNITS_TEXT_BYTES]);

static const struct log_inspect_visitor log_dump_visitor = {.meta = log_dump_meta,
                                                            .table = log_dump_table,
                                                            .journal = log_dump_journal,
                                                            .frame = log_dump_frame,
                                                            .group = log_dump_group,
                                                            .segment = log_dump_segment,
                                                            .entry = log_dump_entry,
                                                            .fault = log_dump_fault};

enum cli_exit log_cli_dump(int argc, char **argv, FILE *out, FILE *err)
{
    struct log_cli_flag flags[] = {{"--group", "the number of a group", NULL},
                                   {"--entries", NULL, NULL}};
    struct log_cli cli = {.name = "dump", .out = out, .err = err};
    enum cli_exit status = log_cli_begin(&cli, flags, ARRAY_COUNT(flags), argc, argv);
    if (status != CLI_EXIT_OK) {
        return status;
    }
    struct log_dump dump = {
        .cli = &cli,
        .has_entries = flags[1].value != NULL,
        .inspect = {.ctx = &dump, .visitor = &log_dump_visitor, .group = LOG_INSPECT_NONE}};
    status = CLI_EXIT_USAGE;
    if (log_cli_number(&cli, &flags[0], &dump.inspect.group)) {
        if (cli.is_json) {
            fputc('{', out);
        }
        bool is_looked = log_cli_inspect(&cli, &dump.inspect);
        log_dump_end(&dump);
        if (cli.is_json) {
            fprintf(out, "%s\"faults_count\":%" PRIu64 "}\n",
                    dump.section != LOG_DUMP_NONE ? "," : "", dump.inspect.faults_count);
        }
        status = is_looked && dump.inspect.faults_count == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILED;
    }
    log_cli_end(&cli);
    return status;
}

static void log_dump_meta(void *ctx, const struct log_meta *meta)
{
    struct log_dump *dump = ctx;
    FILE *out = dump->cli->out;
    char disk[LOG_UUID_TEXT_BYTES], cluster[LOG_UUID_TEXT_BYTES];
    log_dump_begin(dump, LOG_DUMP_NODE);
    fprintf(out,
            dump->cli->is_json ? "{\"disk\":\"%s\",\"cluster\":\"%s\",\"node_id\":%" PRIu32
                                 ",\"boot_epoch\":%" PRIu64 "}"
                               : "  disk %s, cluster %s, node %" PRIu32 ", boot %" PRIu64 "\n",
            log_dump_uuid(&meta->disk, disk), log_dump_uuid(&meta->cluster, cluster), meta->node_id,
            meta->boot_epoch);
}

static void log_dump_table(void *ctx, const char *file, const struct log_table_header *header,
                           bool counts)
{
    struct log_dump *dump = ctx;
    FILE *out = dump->cli->out;
    log_dump_begin(dump, LOG_DUMP_TABLES);
    if (dump->cli->is_json) {
        log_dump_item(dump);
        fprintf(out,
                "{\"file\":\"%s\",\"number\":%" PRIu64 ",\"rows\":%" PRIu32
                ",\"journal_floor\":%" PRIu64 ",\"counts\":%s}",
                file, header->number, header->rows_count, header->journal_floor,
                counts ? "true" : "false");
    } else {
        fprintf(out,
                "  %-16s number %" PRIu64 ", %" PRIu32 " rows, journal from file %" PRIu64 "%s\n",
                file, header->number, header->rows_count, header->journal_floor,
                counts ? " <- counts" : "");
    }
}

static void log_dump_journal(void *ctx, const char *file, uint64_t bytes,
                             const struct log_journal_header *header)
{
    struct log_dump *dump = ctx;
    FILE *out = dump->cli->out;
    char text[UNITS_TEXT_BYTES];
    log_dump_begin(dump, LOG_DUMP_JOURNAL);
    if (dump->cli->is_json) {
        log_dump_item(dump);
        fprintf(out, "{\"file\":\"%s\",\"bytes\":%" PRIu64, file, bytes);
        if (header != NULL) {
            fprintf(out,
                    ",\"number\":%" PRIu64 ",\"lane\":%" PRIu32 ",\"boot_epoch\":%" PRIu64
                    ",\"first_frame\":%" PRIu64,
                    header->file_number, header->lane, header->boot_epoch, header->first_frame);
        }
        fputc('}', out);
    } else if (header != NULL) {
        fprintf(out,
                "  %s  %s, file %" PRIu64 ", lane %" PRIu32 " of boot %" PRIu64
                ", frames from %" PRIu64 "\n",
                file, log_dump_bytes(bytes, text), header->file_number, header->lane,
                header->boot_epoch, header->first_frame);
    } else {
        fprintf(out, "  %s  %s, not used\n", file, log_dump_bytes(bytes, text));
    }
}

static void log_dump_frame(void *ctx, enum log_recover_row row, uint64_t boot_epoch, uint32_t lane,
                           uint64_t number, const struct log_frame *frame, const char *file,
                           uint64_t pos)
{
    struct log_dump *dump = ctx;
    FILE *out = dump->cli->out;
    if (!dump->has_entries) {
        return;
    }
    log_dump_begin(dump, LOG_DUMP_FRAMES);
    if (dump->cli->is_json) {
        log_dump_item(dump);
        fprintf(out,
                "{\"decision\":\"%s\",\"boot_epoch\":%" PRIu64 ",\"lane\":%" PRIu32
                ",\"number\":%" PRIu64,
                log_recover_row_name(row), boot_epoch, lane, number);
        if (file != NULL) {
            fprintf(out, ",\"file\":\"%s\",\"pos\":%" PRIu64, file, pos);
        }
        if (frame != NULL) {
            fprintf(out,
                    ",\"bytes\":%" PRIu32 ",\"records\":%" PRIu32 ",\"durable_through\":%" PRIu64
                    ",\"is_seal\":%s",
                    frame->frame_bytes, frame->records_count, frame->durable_through,
                    (frame->flags & LOG_FRAME_SEAL) != 0 ? "true" : "false");
        }
        fputc('}', out);
        return;
    }
    fprintf(out, "  %s boot %" PRIu64 ", lane %" PRIu32 ", frame %" PRIu64,
            file != NULL ? file : "missing:", boot_epoch, lane, number);
    if (file != NULL) {
        fprintf(out, " at %" PRIu64, pos);
    }
    if (frame != NULL) {
        fprintf(out, ", %" PRIu32 " bytes, %" PRIu32 " records%s", frame->frame_bytes,
                frame->records_count, (frame->flags & LOG_FRAME_SEAL) != 0 ? ", seal" : "");
    }
    fprintf(out, ": %s\n", log_recover_row_text(row));
}

static void log_dump_group(void *ctx, const struct log_found *found)
{
    struct log_dump *dump = ctx;
    FILE *out = dump->cli->out;
    const struct log_row *row = &found->row;
    char topic[LOG_UUID_TEXT_BYTES];
    log_dump_begin(dump, LOG_DUMP_GROUPS);
    if (dump->cli->is_json) {
        log_dump_end_group(dump);
        log_dump_item(dump);
        log_dump_group_json(out, found);
        dump->is_in_group = true;
        dump->items_count = 0;
        return;
    }
    fprintf(out,
            "  group %" PRIu64 ": topic %s, partition %" PRIu32 "%s%s%s\n"
            "    entries %" PRIu64 "..%" PRIu64 ", settled to %" PRIu64 ", next offset %" PRIu64
            ", term %" PRIu32 ", vote %" PRIu32 ", commit %" PRIu64 "\n",
            row->group, log_dump_uuid(&row->topic, topic), row->partition,
            found->is_available ? "" : ", unavailable",
            (row->flags & LOG_ROW_AMNESIAC) != 0 ? ", amnesiac" : "",
            found->is_tail_torn ? ", torn tail" : "", row->start.index, found->end.index,
            row->end.index, found->end.offset, row->hard.term, row->hard.vote, row->hard.commit);
}

static void log_dump_group_json(FILE *out, const struct log_found *found)
{
    const struct log_row *row = &found->row;
    char topic[LOG_UUID_TEXT_BYTES];
    fprintf(out,
            "{\"group\":%" PRIu64 ",\"topic\":\"%s\",\"partition\":%" PRIu32
            ",\"is_available\":%s,\"is_amnesiac\":%s,\"is_tail_torn\":%s,\"first_index\":%" PRIu64
            ",\"last_index\":%" PRIu64 ",\"settled_index\":%" PRIu64 ",\"next_offset\":%" PRIu64
            ",\"term\":%" PRIu32 ",\"vote\":%" PRIu32 ",\"commit\":%" PRIu64 ",\"log\":[",
            row->group, log_dump_uuid(&row->topic, topic), row->partition,
            found->is_available ? "true" : "false",
            (row->flags & LOG_ROW_AMNESIAC) != 0 ? "true" : "false",
            found->is_tail_torn ? "true" : "false", row->start.index, found->end.index,
            row->end.index, found->end.offset, row->hard.term, row->hard.vote, row->hard.commit);
}

static void log_dump_segment(void *ctx, const struct log_found *found,
                             const struct log_inspect_segment *segment)
{
    (void)found;
    struct log_dump *dump = ctx;
    FILE *out = dump->cli->out;
    if (dump->cli->is_json) {
        fprintf(out, "%s\n", dump->items_count++ > 0 ? "," : "");
        fprintf(out,
                "{\"segment\":\"%s\",\"first_index\":%" PRIu64 ",\"last_index\":%" PRIu64
                ",\"first_offset\":%" PRIu64 ",\"generation\":%" PRIu32 ",\"entries\":%" PRIu64
                ",\"batch_bytes\":%" PRIu32 ",\"log_bytes\":%" PRIu64 ",\"idx_bytes\":%" PRIu64
                ",\"snap_bytes\":%" PRIu64 ",\"is_active\":%s}",
                segment->file, segment->start.index, segment->last_index, segment->start.offset,
                segment->generation, segment->entries_count, segment->end_pos, segment->log_bytes,
                segment->idx_bytes, segment->snap_bytes, segment->is_active ? "true" : "false");
    } else {
        fprintf(out,
                "    %s  entries %" PRIu64 "..%" PRIu64 " from offset %" PRIu64 ", %" PRIu32
                " bytes of batches in %" PRIu64 ", sidecar %" PRIu64 "%s\n",
                segment->file, segment->start.index, segment->last_index, segment->start.offset,
                segment->end_pos, segment->log_bytes, segment->idx_bytes,
                segment->is_active ? ", active" : "");
    }
}

static bool log_dump_entry(void *ctx, const struct log_found *found,
                           const struct log_inspect_entry *entry)
{
    (void)found;
    struct log_dump *dump = ctx;
    FILE *out = dump->cli->out;
    const struct log_sidecar *rec = entry->rec;
    if (!dump->has_entries) {
        return true;
    }
    if (dump->cli->is_json) {
        fprintf(out, "%s\n", dump->items_count++ > 0 ? "," : "");
        log_dump_entry_json(out, entry);
        return true;
    }
    fprintf(out, "      %" PRIu64, rec->index);
    if (rec->last_index != rec->index) {
        fprintf(out, "..%" PRIu64, rec->last_index);
    }
    fprintf(out,
            " %s: offset %" PRIu64 ", term %" PRIu32 ", %" PRIu32 " records, %" PRIu32
            " bytes at %" PRIu64 " of %s%s\n",
            log_dump_kind(rec), rec->base_offset, rec->term, rec->records_count, rec->length,
            entry->pos, entry->file, entry->is_settled ? "" : ", not settled");
    return true;
}

static void log_dump_entry_json(FILE *out, const struct log_inspect_entry *entry)
{
    const struct log_sidecar *rec = entry->rec;
    fprintf(out,
            "{\"index\":%" PRIu64 ",\"last_index\":%" PRIu64 ",\"kind\":\"%s\",\"offset\":%" PRIu64
            ",\"last_offset_delta\":%" PRId32 ",\"term\":%" PRIu32 ",\"records\":%" PRIu32
            ",\"bytes\":%" PRIu32 ",\"max_timestamp\":%" PRId64 ",\"producer_id\":%" PRId64
            ",\"chain\":\"%016" PRIx64 "%016" PRIx64 "\",\"file\":\"%s\",\"pos\":%" PRIu64
            ",\"is_settled\":%s}",
            rec->index, rec->last_index, log_dump_kind(rec), rec->base_offset,
            rec->last_offset_delta, rec->term, rec->records_count, rec->length, rec->max_timestamp,
            rec->producer_id, rec->chain.high, rec->chain.low, entry->file, entry->pos,
            entry->is_settled ? "true" : "false");
}

static void log_dump_fault(void *ctx, const struct log_inspect_fault *fault)
{
    struct log_dump *dump = ctx;
    if (dump->inspect.group != LOG_INSPECT_NONE) { /* in the middle of the group's entries */
        fputs("tdb: ", dump->cli->err);
        log_cli_put_fault(dump->cli->err, fault);
        return;
    }
    log_dump_begin(dump, LOG_DUMP_FAULTS);
    if (dump->cli->is_json) {
        log_dump_item(dump);
        log_cli_put_fault_json(dump->cli->out, fault);
    } else {
        fputs("  ", dump->cli->out);
        log_cli_put_fault(dump->cli->out, fault);
    }
}

/* End the section before, if it is another one, and begin this one. */
static void log_dump_begin(struct log_dump *dump, enum log_dump_section section)
{
    static const char *const names[] = {"",       "node",   "tables", "journal",
                                        "frames", "groups", "faults"};
    if (dump->section == section) {
        return;
    }
    log_dump_end(dump);
    if (dump->cli->is_json) {
        fprintf(dump->cli->out, "%s\"%s\":%s", dump->section != LOG_DUMP_NONE ? ",\n" : "",
                names[section], section == LOG_DUMP_NODE ? "" : "[");
    } else {
        fprintf(dump->cli->out, "%s\n", names[section]);
    }
    dump->section = section;
    dump->rows_count = 0;
}

static void log_dump_end_group(struct log_dump *dump)
{
    if (dump->is_in_group) {
        fputs("]}", dump->cli->out);
        dump->is_in_group = false;
    }
}

static void log_dump_end(struct log_dump *dump)
{
    log_dump_end_group(dump);
    if (dump->cli->is_json && dump->section > LOG_DUMP_NODE) {
        fputc(']', dump->cli->out);
    }
}

/* JSON: the next element of the section's array. */
static void log_dump_item(struct log_dump *dump)
{
    fprintf(dump->cli->out, "%s\n", dump->rows_count > 0 ? "," : "");
    dump->rows_count++;
}

static const char *log_dump_kind(const struct log_sidecar *rec)
{
    static const char *const names[] = {[LOG_KIND_DATA] = "data",
                                        [LOG_KIND_NOOP] = "no-op",
                                        [LOG_KIND_MEMBERSHIP] = "membership",
                                        [LOG_KIND_TRIM] = "trim",
                                        [LOG_KIND_CUT] = "cut"};
    if ((rec->flags & LOG_SIDECAR_GAP) != 0) {
        return "gap";
    }
    if ((rec->flags & LOG_SIDECAR_QUARANTINED) != 0) {
        return "quarantined";
    }
    ASSERT(rec->kind < LOG_KIND_COUNT); /* the decoder's promise */
    return names[rec->kind];
}

static const char *log_dump_uuid(const struct log_uuid *uuid, char out[LOG_UUID_TEXT_BYTES])
{
    log_uuid_format(uuid, out);
    return out;
}

static const char *log_dump_bytes(uint64_t bytes, char out[UNITS_TEXT_BYTES])
{
    units_format_bytes(bytes, out);
    return out;
}
