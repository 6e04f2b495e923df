/* Any bytes as paths and a record. The first line of an input is paths, separated by spaces; the
 * rest is the record. With every indexer: what is JSON for base/json is for the reader, and the
 * other way round; what it finds at `$` and at paths of plain names is what base/json finds there;
 * and all indexers say the same, faults included. */
#include "schemas/json/reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cpu.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_PATHS_MAX    16
#define FUZZ_BUDGET_BYTES (8u << 20)

/* One run. */
struct fuzz_json {
    struct json_text paths[FUZZ_PATHS_MAX];  /* those of the input */
    struct json_found found[FUZZ_PATHS_MAX]; /* what the reader handed over */
    size_t paths_count;                      /* of both */
    size_t records_count;                    /* handed over by this reader */
    uint32_t duplicates_count;               /* as handed over */
    struct json_fault fault;                 /* err ERR_OK: it was JSON */
};

/* The same record has been read again. */
static bool fuzz_is_again(const struct json_found *found, const struct json_found *before)
{
    return found->text == before->text &&
           (found->text == NULL ||
            (found->length == before->length && found->kind == before->kind &&
             (found->kind != JSON_STRING || found->has_escapes == before->has_escapes) &&
             (found->kind != JSON_NUMBER || (found->number.digits == before->number.digits &&
                                             found->number.exponent == before->number.exponent &&
                                             found->number.form == before->number.form))));
}

static enum err fuzz_record(void *context, size_t record, const struct json_found *found,
                            uint32_t duplicates_count)
{
    struct fuzz_json *f = context;
    ASSERT(record == f->records_count++);
    for (size_t i = 0; i < f->paths_count; i++) {
        ASSERT(IMPLIES(record > 0, fuzz_is_again(&found[i], &f->found[i])));
        f->found[i] = found[i];
    }
    ASSERT(IMPLIES(record > 0, duplicates_count == f->duplicates_count));
    f->duplicates_count = duplicates_count;
    f->fault = (struct json_fault){.err = ERR_OK};
    return ERR_OK;
}

static enum err fuzz_refused(void *context, size_t record, const struct json_fault *fault)
{
    struct fuzz_json *f = context;
    ASSERT(record == f->records_count++);
    ASSERT(fault->err == ERR_INVALID || fault->err == ERR_TOO_LARGE);
    ASSERT(fault->what != NULL);
    f->fault = *fault;
    return ERR_OK;
}

static bool fuzz_is_same(const struct json_found *found, const struct json_value *value)
{
    return found->text == value->text && found->length == value->length &&
           found->kind == value->kind;
}

/* Path number i against json_find, where that reads paths alike: plain names of ASCII letters, and
 * no names in the record that come again or have escapes. */
static void fuzz_check_path(const struct fuzz_json *f, size_t i, const char *text, size_t length)
{
    char path[256];
    struct json_value value;
    size_t fault;
    const struct json_text *wanted = &f->paths[i];
    if (wanted->length == 1) {
        ASSERT(json_read(text, length, &value, &fault) == ERR_OK);
        ASSERT(fuzz_is_same(&f->found[i], &value));
        return;
    }
    if (wanted->length - 2 >= sizeof(path) || wanted->text[1] != '.' || f->duplicates_count > 0 ||
        memchr(text, '\\', length) != NULL || memchr(wanted->text, '[', wanted->length) != NULL) {
        return;
    }
    memcpy(path, wanted->text + 2, wanted->length - 2);
    path[wanted->length - 2] = '\0';
    enum err err = json_find(text, length, path, &value, &fault);
    ASSERT(err == ERR_OK || err == ERR_NOT_FOUND);
    ASSERT((err == ERR_OK) == (f->found[i].text != NULL));
    ASSERT(IMPLIES(err == ERR_OK, fuzz_is_same(&f->found[i], &value)));
}

/* What was found lies in the record and can be used. */
static void fuzz_check_found(const struct json_found *found, const char *text, size_t length)
{
    if (found->text == NULL) {
        return;
    }
    ASSERT(found->text >= text);
    ASSERT(found->text + found->length <= text + length);
    if (found->kind == JSON_STRING) {
        char *plain = malloc(found->length + 1);
        ASSERT(plain != NULL);
        struct bytes_writer w = bytes_writer(plain, found->length);
        struct json_value value = json_found_value(found);
        enum err err = json_unescape(&w, &value);
        ASSERT(err == ERR_OK || (err == ERR_INVALID && found->has_escapes));
        ASSERT(IMPLIES(!found->has_escapes, w.pos == found->length));
        ASSERT(IMPLIES(err == ERR_OK, json_is_utf8(plain, w.pos)));
        free(plain);
    } else if (found->kind == JSON_NUMBER) {
        double real;
        enum err err = json_number_double(&found->number, found->text, found->length, &real);
        ASSERT(err == ERR_OK || err == ERR_RANGE || err == ERR_TOO_LARGE);
    }
}

/* Read the record with `indexer`, twice: it looks like itself. */
static void fuzz_read(struct fuzz_json *f, const struct json_paths *paths, struct budget *budget,
                      const struct json_indexer *indexer, const struct json_text *record)
{
    struct json_reader *reader = malloc(sizeof(*reader));
    static const struct json_sink_ops ops = {fuzz_record, fuzz_refused};
    const struct json_text records[] = {*record, *record};
    size_t done_count;
    ASSERT(reader != NULL);
    f->records_count = 0;
    enum err err = json_reader_init(reader, indexer, paths, JSON_LIMITS_DEFAULT, budget);
    ASSERT(err == ERR_OK);
    err = json_reader_read(reader, records, ARRAY_COUNT(records), &ops, f, &done_count);
    ASSERT(err == ERR_OK);
    ASSERT(done_count == ARRAY_COUNT(records));
    json_reader_deinit(reader);
    free(reader);
}

static void fuzz_run(struct fuzz_json *f, const struct json_paths *paths, struct budget *budget,
                     const struct json_text *record)
{
    struct json_value value;
    struct json_fault scalar = {.err = ERR_OK};
    const struct json_indexer *indexer = NULL; /* the one before */
    size_t pos;
    enum err want = json_read(record->text, record->length, &value, &pos);
    for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVEL_COUNT; level++) {
        struct cpu cpu;
        cpu_detect(&cpu);
        if (cpu_force(&cpu, cpu_level_name(level)) != ERR_OK || json_indexer_for(&cpu) == indexer) {
            continue;
        }
        indexer = json_indexer_for(&cpu);
        fuzz_read(f, paths, budget, indexer, record);
        scalar = level == CPU_SCALAR ? f->fault : scalar;
        ASSERT((f->fault.err == ERR_OK) == (want == ERR_OK));
        ASSERT(f->fault.err == scalar.err);
        ASSERT(f->fault.err == ERR_OK || f->fault.pos <= record->length);
        ASSERT(f->fault.err == ERR_OK ||
               (f->fault.pos == scalar.pos && f->fault.what == scalar.what));
        for (size_t i = 0; i < f->paths_count && want == ERR_OK; i++) {
            fuzz_check_found(&f->found[i], record->text, record->length);
            fuzz_check_path(f, i, record->text, record->length);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_json f = {.paths_count = 0};
    const char *text = (const char *)data;
    const char *line_end = memchr(text, '\n', size);
    if (line_end == NULL) {
        return 0;
    }
    for (const char *at = text; at < line_end && f.paths_count < FUZZ_PATHS_MAX;) {
        const char *end = memchr(at, ' ', (size_t)(line_end - at));
        end = end != NULL ? end : line_end;
        f.paths[f.paths_count++] = (struct json_text){at, (size_t)(end - at)};
        at = end < line_end ? end + 1 : line_end;
    }
    struct budget budget;
    struct arena arena;
    budget_init(&budget, "fuzz", FUZZ_BUDGET_BYTES, NULL);
    arena_init(&arena, &budget, 4096, FUZZ_BUDGET_BYTES);
    struct json_paths paths;
    struct json_fault fault;
    size_t failed;
    enum err err = json_paths_compile(&arena, f.paths, f.paths_count, &paths, &failed, &fault);
    ASSERT(err == fault.err);
    if (err != ERR_OK) {
        ASSERT(failed < f.paths_count);
        ASSERT(fault.pos <= f.paths[failed].length);
        ASSERT(fault.what != NULL);
        f.paths_count = 0; /* the record is read all the same */
        err = json_paths_compile(&arena, f.paths, 0, &paths, &failed, &fault);
        ASSERT(err == ERR_OK);
    }
    struct json_text record = {line_end + 1, size - (size_t)(line_end + 1 - text)};
    fuzz_run(&f, &paths, &budget, &record);
    arena_deinit(&arena);
    budget_deinit(&budget);
    return 0;
}
