/* One command, two staged measurements on shard 0, then the tables. See doctor.h. */
#include "broker/app/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/budget.h"
#include "base/crc32c.h"
#include "base/rt/probe.h"
#include "base/rt/shard.h"
#include "base/units.h"
#include "broker/app/boot.h"
#include "broker/app/cli_config.h"
#include "broker/app/doctor_events.h"

#define DOCTOR_ARGS_MAX 128

/* The command. */
struct doctor {
    const struct settings *settings; /* what it was told */
    const char *events_file;         /* --events, NULL: none */
    bool is_json;                    /* --json */
    struct boot boot;                /* the runtime */
    char *text;                      /* the events; the process's budget */
    struct rt_probe probe;           /* of the data directory's device */
    struct doctor_events events;     /* figures of the events */
    bool is_over;                    /* nothing is being measured any more; shard 0's */
    bool is_interrupted;             /* a signal came before that; shard 0's until it has ended */
};

static enum cli_exit doctor_with(struct doctor *doctor, FILE *out, FILE *err);
static bool doctor_make_dir(const char *dir, bool *is_new, FILE *err);
static bool doctor_load(struct doctor *doctor, FILE *err);
static enum cli_exit doctor_report(struct doctor *doctor, FILE *out, FILE *err);
static void doctor_shard_start(struct rt_shard *shard);
static void doctor_shard_stop(struct rt_shard *shard);
static void doctor_probed(struct rt_probe *probe);
static void doctor_measured(struct doctor_events *events);
static void doctor_end(struct doctor *doctor, struct rt_shard *shard);
static void doctor_print(const struct doctor *doctor, FILE *out);
static void doctor_print_machine(const struct doctor *doctor, FILE *out);
static void doctor_print_events(const struct doctor *doctor, FILE *out);
static void doctor_print_json(const struct doctor *doctor, FILE *out);
static double doctor_mib_per_s(uint64_t bytes, uint64_t cost_ns);
static const char *doctor_duration(uint64_t duration_ns, char out[UNITS_TEXT_BYTES]);
static const char *doctor_bytes(uint64_t bytes, char out[UNITS_TEXT_BYTES]);

enum cli_exit cli_doctor(int argc, char **argv, FILE *out, FILE *err)
{
    char *args[DOCTOR_ARGS_MAX];
    int args_count = 0;
    struct doctor doctor = {.events_file = NULL};
    if (argc > DOCTOR_ARGS_MAX) {
        fprintf(err, "tdb: more than %d arguments\n", DOCTOR_ARGS_MAX);
        return CLI_EXIT_USAGE;
    }
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            doctor.is_json = true;
        } else if (strcmp(argv[i], "--events") == 0 && i + 1 < argc) {
            doctor.events_file = argv[++i];
        } else {
            args[args_count++] = argv[i];
        }
    }
    struct settings settings;
    enum cli_exit status = cli_config_read(&settings, args_count, args, err);
    if (status != CLI_EXIT_OK) {
        fprintf(err,
                "usage: tdb doctor [--events FILE] [--json] [--config FILE] [--KEY VALUE ...]\n");
        return status;
    }
    doctor.settings = &settings;
    status = doctor_with(&doctor, out, err);
    settings_deinit(&settings);
    return status;
}

static enum cli_exit doctor_with(struct doctor *doctor, FILE *out, FILE *err)
{
    bool is_new = false;
    enum cli_exit status = CLI_EXIT_FAILED;
    if (!boot_open(&doctor->boot, doctor->settings, doctor, doctor_shard_start, doctor_shard_stop,
                   err)) {
        return status;
    }
    if (doctor_make_dir(doctor->settings->data_dir, &is_new, err) && doctor_load(doctor, err) &&
        boot_start(&doctor->boot, err)) {
        boot_wait(&doctor->boot, NULL, NULL);
        status = doctor_report(doctor, out, err);
    }
    if (is_new) {
        rmdir(doctor->settings->data_dir);
    }
    budget_free(&doctor->boot.budget, doctor->text);
    boot_close(&doctor->boot);
    return status;
}

static bool doctor_make_dir(const char *dir, bool *is_new, FILE *err)
{
    *is_new = mkdir(dir, 0700) == 0;
    if (!*is_new && errno != EEXIST) {
        fprintf(err, "tdb: cannot make the data directory %s: %s\n", dir, strerror(errno));
        return false;
    }
    return true;
}

/* Read the file of events whole, if there is one. */
static bool doctor_load(struct doctor *doctor, FILE *err)
{
    if (doctor->events_file == NULL) {
        return true;
    }
    FILE *file = fopen(doctor->events_file, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        fprintf(err, "tdb: cannot read %s: %s\n", doctor->events_file, strerror(errno));
        if (file != NULL) {
            fclose(file);
        }
        return false;
    }
    size_t bytes = status.st_size > 0 ? (size_t)status.st_size : 0;
    void *text = NULL;
    bool is_read = S_ISREG(status.st_mode) && bytes > 0 && bytes <= DOCTOR_EVENTS_BYTES_MAX &&
                   budget_alloc(&doctor->boot.budget, bytes, 64, &text) == ERR_OK &&
                   fread(text, 1, bytes, file) == bytes;
    doctor->text = text;
    fclose(file);
    if (!is_read) {
        fprintf(err, "tdb: %s: wanted is a file of 1 byte to %u MiB, one event per line\n",
                doctor->events_file, DOCTOR_EVENTS_BYTES_MAX >> 20);
        return false;
    }
    doctor->events = (struct doctor_events){.text = doctor->text,
                                            .text_bytes = bytes,
                                            .dir = doctor->settings->data_dir,
                                            .done = doctor_measured};
    return true;
}

static enum cli_exit doctor_report(struct doctor *doctor, FILE *out, FILE *err)
{
    const struct rt_probe *probe = &doctor->probe;
    const struct doctor_events *events = &doctor->events;
    if (doctor->is_interrupted) {
        fprintf(err, "tdb: interrupted\n");
        return CLI_EXIT_FAILED;
    }
    if (probe->err != ERR_OK || events->err != ERR_OK) {
        enum err result = probe->err != ERR_OK ? probe->err : events->err;
        int saved_errno = probe->err != ERR_OK ? probe->saved_errno : events->saved_errno;
        fprintf(err, "tdb: cannot measure in %s: %s%s%s\n", doctor->settings->data_dir,
                err_text(result), saved_errno != 0 ? ": " : "",
                saved_errno != 0 ? strerrordesc_np(saved_errno) : "");
        return CLI_EXIT_FAILED;
    }
    if (doctor->is_json) {
        doctor_print_json(doctor, out);
    } else {
        doctor_print(doctor, out);
    }
    return CLI_EXIT_OK;
}

static void doctor_shard_start(struct rt_shard *shard)
{
    struct doctor *doctor = shard->app;
    if (shard->id == 0) {
        rt_probe_start(&doctor->probe, shard, doctor->settings->data_dir, RT_PROBE_NS,
                       doctor_probed);
    }
}

/* What is being measured notices shard->is_stopping, removes its file and ends. */
static void doctor_shard_stop(struct rt_shard *shard)
{
    struct doctor *doctor = shard->app;
    if (shard->id != 0 || doctor->is_over) {
        rt_shard_finish(shard);
    }
}

static void doctor_probed(struct rt_probe *probe)
{
    struct doctor *doctor = CONTAINER_OF(probe, struct doctor, probe);
    if (probe->err != ERR_OK || doctor->text == NULL || probe->shard->is_stopping) {
        doctor_end(doctor, probe->shard);
        return;
    }
    rt_set_flush_form(probe->shard, probe->device_id, probe->best);
    doctor_events_start(&doctor->events, probe->shard);
}

static void doctor_measured(struct doctor_events *events)
{
    doctor_end(CONTAINER_OF(events, struct doctor, events), events->shard);
}

static void doctor_end(struct doctor *doctor, struct rt_shard *shard)
{
    doctor->is_over = true;
    doctor->is_interrupted = shard->is_stopping;
    if (shard->is_stopping) {
        rt_shard_finish(shard);
    } else {
        boot_end(); /* rt_stop follows */
    }
}

static void doctor_print(const struct doctor *doctor, FILE *out)
{
    doctor_print_machine(doctor, out);
    const struct rt_probe *probe = &doctor->probe;
    char p50[UNITS_TEXT_BYTES], p99[UNITS_TEXT_BYTES];
    fprintf(out, "\ndevice of %s: 4 KiB durable writes, one at a time%s\n",
            doctor->settings->data_dir,
            probe->is_direct ? "" : " (direct I/O is refused: buffered)");
    for (int i = 0; i < RT_FLUSH_COUNT; i++) {
        fprintf(out, "  %-12s p50 %-10s p99 %s%s\n", rt_flush_form_name((enum rt_flush_form)i),
                doctor_duration(probe->forms[i].p50_ns, p50),
                doctor_duration(probe->forms[i].p99_ns, p99),
                i == (int)probe->best ? " <- used" : "");
    }
    if (doctor->text != NULL) {
        doctor_print_events(doctor, out);
    }
}

static void doctor_print_machine(const struct doctor *doctor, FILE *out)
{
    const struct boot *boot = &doctor->boot;
    const struct rt_machine *machine = &boot->machine;
    char memory[UNITS_TEXT_BYTES], ram[UNITS_TEXT_BYTES];
    fprintf(out, "machine\n");
    fprintf(out, "  kernel       Linux %s\n", machine->kernel);
    fprintf(out, "  runtime      %s%s%s\n", rt_backend_name(boot->rt),
            boot->note[0] != '\0' ? ": " : "", boot->note);
    fprintf(out, "  shards       %u of %u CPUs\n", rt_shard_count(rt_shard_at(boot->rt, 0)),
            machine->cpus_count);
    fprintf(out, "  memory       %s of %s\n", doctor_bytes(machine->memory_bytes, memory),
            doctor_bytes(machine->ram_bytes, ram));
    fprintf(out, "  open files   %" PRIu64 "\n", machine->nofile_count);
    fprintf(out, "  instructions %s, CRC-32C by %s\n", cpu_level_name(boot->cpu.level),
            crc32c_for(&boot->cpu)->name);
}

static void doctor_print_events(const struct doctor *doctor, FILE *out)
{
    const struct doctor_events *events = &doctor->events;
    char text[UNITS_TEXT_BYTES], p50[UNITS_TEXT_BYTES], p99[UNITS_TEXT_BYTES];
    double seconds = (double)events->append_ns / 1e9;
    fprintf(out, "\nevents of %s: %" PRIu64 " in %u batches, %s\n", doctor->events_file,
            events->events_count, events->batches_count, doctor_bytes(events->events_bytes, text));
    fprintf(out, "  checksum     CRC-32C %.0f MiB/s\n",
            doctor_mib_per_s(events->events_bytes, events->checksum_ns));
    for (int kind = CODEC_GZIP; kind < CODEC_KIND_COUNT; kind++) {
        const struct doctor_codec *codec = &events->codecs[kind];
        fprintf(out,
                "  %-12s %.2f of the size, compressed at %.0f MiB/s, decompressed at %.0f MiB/s\n",
                codec_kind_name((enum codec_kind)kind),
                (double)codec->compressed_bytes / (double)events->events_bytes,
                doctor_mib_per_s(events->events_bytes, codec->compress_ns),
                doctor_mib_per_s(events->events_bytes, codec->decompress_ns));
    }
    fprintf(out, "  append       %.0f events/s durable, one batch at a time: p50 %s, p99 %s\n",
            (double)events->events_count / seconds, doctor_duration(events->append_p50_ns, p50),
            doctor_duration(events->append_p99_ns, p99));
    fprintf(out, "  read back    %.0f MiB/s, every byte as it was appended\n",
            doctor_mib_per_s(events->stored_bytes, events->read_ns));
}

static void doctor_print_json(const struct doctor *doctor, FILE *out)
{
    const struct rt_machine *machine = &doctor->boot.machine;
    const struct rt_probe *probe = &doctor->probe;
    const struct doctor_events *events = &doctor->events;
    fprintf(out,
            "{\"version\":\"%s\",\"runtime\":\"%s\",\"shards\":%u,\"cpus\":%u,"
            "\"memory_bytes\":%" PRIu64 ",\"nofile\":%" PRIu64 ",\"simd\":\"%s\","
            "\"direct_io\":%s,\"durable_form\":\"%s\",\"durable_4k_ns\":{",
            TDB_VERSION, rt_backend_name(doctor->boot.rt),
            rt_shard_count(rt_shard_at(doctor->boot.rt, 0)), machine->cpus_count,
            machine->memory_bytes, machine->nofile_count, cpu_level_name(doctor->boot.cpu.level),
            probe->is_direct ? "true" : "false", rt_flush_form_name(probe->best));
    for (int i = 0; i < RT_FLUSH_COUNT; i++) {
        fprintf(out, "%s\"%s\":{\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 "}", i > 0 ? "," : "",
                rt_flush_form_name((enum rt_flush_form)i), probe->forms[i].p50_ns,
                probe->forms[i].p99_ns);
    }
    fprintf(out, "}");
    if (doctor->text != NULL) {
        fprintf(out,
                ",\"events\":{\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"batches\":%u,"
                "\"checksum_ns\":%" PRIu64 ",\"append_ns\":%" PRIu64 ",\"append_p50_ns\":%" PRIu64
                ",\"append_p99_ns\":%" PRIu64 ",\"stored_bytes\":%" PRIu64 ",\"read_ns\":%" PRIu64
                ",\"codecs\":{",
                events->events_count, events->events_bytes, events->batches_count,
                events->checksum_ns, events->append_ns, events->append_p50_ns,
                events->append_p99_ns, events->stored_bytes, events->read_ns);
        for (int kind = CODEC_GZIP; kind < CODEC_KIND_COUNT; kind++) {
            const struct doctor_codec *codec = &events->codecs[kind];
            fprintf(out,
                    "%s\"%s\":{\"bytes\":%" PRIu64 ",\"compress_ns\":%" PRIu64
                    ",\"decompress_ns\":%" PRIu64 "}",
                    kind > CODEC_GZIP ? "," : "", codec_kind_name((enum codec_kind)kind),
                    codec->compressed_bytes, codec->compress_ns, codec->decompress_ns);
        }
        fprintf(out, "}}");
    }
    fprintf(out, "}\n");
}

static double doctor_mib_per_s(uint64_t bytes, uint64_t cost_ns)
{
    return cost_ns > 0 ? (double)bytes / (1 << 20) / ((double)cost_ns / 1e9) : 0;
}

static const char *doctor_duration(uint64_t duration_ns, char out[UNITS_TEXT_BYTES])
{
    units_format_duration(duration_ns, out);
    return out;
}

static const char *doctor_bytes(uint64_t bytes, char out[UNITS_TEXT_BYTES])
{
    units_format_bytes(bytes, out);
    return out;
}
