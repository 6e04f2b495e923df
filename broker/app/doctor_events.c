/* See doctor_events.h. Each batch is stored as a log would: a 16-byte header (bytes, CRC-32C,
 * events, zero; little-endian), the events with their line ends, zeros up to the next block. */
#include "broker/app/doctor_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"

#define DOCTOR_HEADER_BYTES 16

enum {
    DOCTOR_NEW,
    DOCTOR_OPEN,
    DOCTOR_APPEND,
    DOCTOR_READ,
    DOCTOR_CLOSE,
    DOCTOR_UNLINK,
    DOCTOR_END
};

static const struct sm_conf doctor_stages[] = {
    [DOCTOR_NEW] = {"NEW", SM_BIT(DOCTOR_OPEN) | SM_BIT(DOCTOR_END), SM_INITIAL},
    [DOCTOR_OPEN] = {"OPEN", SM_BIT(DOCTOR_APPEND) | SM_BIT(DOCTOR_END), 0},
    [DOCTOR_APPEND] = {"APPEND", SM_BIT(DOCTOR_APPEND) | SM_BIT(DOCTOR_READ) | SM_BIT(DOCTOR_CLOSE),
                       0},
    [DOCTOR_READ] = {"READ", SM_BIT(DOCTOR_READ) | SM_BIT(DOCTOR_CLOSE), 0},
    [DOCTOR_CLOSE] = {"CLOSE", SM_BIT(DOCTOR_UNLINK), 0},
    [DOCTOR_UNLINK] = {"UNLINK", SM_BIT(DOCTOR_END), 0},
    [DOCTOR_END] = {"END", 0, SM_FINAL},
};

static const struct sm_decl doctor_decl = {"doctor_events", doctor_stages,
                                           ARRAY_COUNT(doctor_stages), NULL};

/* Some whole lines of the text. */
struct doctor_batch {
    const char *data;      /* first byte */
    size_t length;         /* line ends included */
    uint32_t events_count; /* lines that are not empty */
};

static struct doctor_batch doctor_batch_at(const struct doctor_events *events, size_t pos);
static size_t doctor_stored_bytes(const struct doctor_batch *batch);
static enum err doctor_prepare(struct doctor_events *events);
static enum err doctor_measure(struct doctor_events *events);
static enum err doctor_measure_codec(struct doctor_events *events, enum codec_kind kind);
static void doctor_run(struct rt_op *op);
static void doctor_append(struct doctor_events *events);
static void doctor_appended(struct doctor_events *events);
static void doctor_read(struct doctor_events *events);
static enum err doctor_check(struct doctor_events *events);
static void doctor_close(struct doctor_events *events, enum err err);
static void doctor_finish(struct doctor_events *events, enum err err);
static int doctor_compare(const void *a, const void *b);

void doctor_events_start(struct doctor_events *events, struct rt_shard *shard)
{
    ASSERT(events->done != NULL);
    ASSERT(events->text_bytes <= DOCTOR_EVENTS_BYTES_MAX);
    events->shard = shard;
    codec_context_init(&events->codec);
    sm_init(&events->sm, &doctor_decl, DOCTOR_NEW, NULL, 0);
    rt_op_init(&events->op, shard, doctor_run);
    rt_op_defer(&events->op);
}

static void doctor_run(struct rt_op *op)
{
    struct doctor_events *events = CONTAINER_OF(op, struct doctor_events, op);
    enum err err = op->err;
    switch (sm_stage(&events->sm)) {
    case DOCTOR_NEW:
        err = doctor_prepare(events);
        if (err == ERR_OK) {
            err = doctor_measure(events);
        }
        if (err != ERR_OK) {
            doctor_finish(events, err);
            return;
        }
        sm_move(&events->sm, DOCTOR_OPEN);
        rt_file_open(&events->file, op, events->shard, events->path,
                     RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE | RT_FILE_EXCLUSIVE |
                         RT_FILE_DIRECT,
                     0600);
        return;
    case DOCTOR_OPEN:
        if (err != ERR_OK) {
            doctor_finish(events, err);
        } else {
            doctor_append(events);
        }
        return;
    case DOCTOR_APPEND:
        err = err == ERR_OK && events->shard->is_stopping ? ERR_CANCELED : err;
        if (err != ERR_OK) {
            doctor_close(events, err);
        } else {
            doctor_appended(events);
        }
        return;
    case DOCTOR_READ:
        err = err == ERR_OK && events->shard->is_stopping ? ERR_CANCELED : err;
        err = err == ERR_OK ? doctor_check(events) : err;
        if (err != ERR_OK || events->text_pos == events->text_bytes) {
            doctor_close(events, err);
        } else {
            doctor_read(events);
        }
        return;
    case DOCTOR_CLOSE:
        sm_move(&events->sm, DOCTOR_UNLINK);
        rt_path_unlink(op, events->path);
        return;
    case DOCTOR_UNLINK: doctor_finish(events, events->err != ERR_OK ? events->err : err); return;
    default: UNREACHABLE();
    }
}

/* The next whole lines from `pos` on. */
static struct doctor_batch doctor_batch_at(const struct doctor_events *events, size_t pos)
{
    struct doctor_batch batch = {.data = events->text + pos};
    size_t left = events->text_bytes - pos;
    while (batch.length < left && batch.events_count < DOCTOR_BATCH_EVENTS) {
        const char *line = batch.data + batch.length;
        const char *end = memchr(line, '\n', left - batch.length);
        size_t line_bytes = end != NULL ? (size_t)(end - line) + 1 : left - batch.length;
        if (batch.length > 0 && batch.length + line_bytes > DOCTOR_BATCH_BYTES) {
            break;
        }
        batch.length += line_bytes;
        batch.events_count += line_bytes > (end != NULL);
    }
    return batch;
}

static size_t doctor_stored_bytes(const struct doctor_batch *batch)
{
    size_t bytes = DOCTOR_HEADER_BYTES + batch->length;
    return (bytes + RT_BLOCK_BYTES - 1) / RT_BLOCK_BYTES * RT_BLOCK_BYTES;
}

/* Count events and batches, and get the room they need. */
static enum err doctor_prepare(struct doctor_events *events)
{
    size_t packed_bytes = 0;
    for (size_t pos = 0; pos < events->text_bytes;) {
        struct doctor_batch batch = doctor_batch_at(events, pos);
        pos += batch.length;
        events->batches_count++;
        events->events_count += batch.events_count;
        events->events_bytes += batch.length;
        if (doctor_stored_bytes(&batch) > events->block_bytes) {
            events->block_bytes = doctor_stored_bytes(&batch);
        }
        for (int kind = CODEC_GZIP; kind < CODEC_KIND_COUNT; kind++) {
            size_t bound = codec_bound((enum codec_kind)kind, batch.length);
            packed_bytes = bound > packed_bytes ? bound : packed_bytes;
        }
    }
    int length = snprintf(events->path, sizeof(events->path), "%s/.tdb-doctor-%016llx", events->dir,
                          (unsigned long long)rt_random(events->shard));
    if (events->events_count == 0 || length < 0 || (size_t)length >= sizeof(events->path)) {
        return ERR_INVALID;
    }
    struct budget *budget = rt_shard_budget(events->shard);
    void *room[4] = {NULL};
    const size_t sizes[4] = {events->batches_count * sizeof(uint64_t), events->block_bytes,
                             packed_bytes, events->block_bytes};
    for (size_t i = 0; i < ARRAY_COUNT(room); i++) {
        enum err err = budget_alloc(budget, sizes[i], RT_BLOCK_BYTES, &room[i]);
        if (err != ERR_OK) {
            for (size_t j = 0; j < i; j++) {
                budget_free(budget, room[j]);
            }
            return err;
        }
    }
    events->samples_ns = room[0];
    events->block = room[1];
    events->packed = room[2];
    events->unpacked = room[3];
    return ERR_OK;
}

/* Checksum and codecs, batch by batch, on this thread. */
static enum err doctor_measure(struct doctor_events *events)
{
    const struct crc32c *kernels = crc32c_for(events->shard->cpu);
    uint32_t crc = 0;
    uint64_t began_ns = rt_now_precise_ns(events->shard);
    for (size_t pos = 0; pos < events->text_bytes;) {
        struct doctor_batch batch = doctor_batch_at(events, pos);
        crc ^= crc32c(kernels, 0, batch.data, batch.length);
        pos += batch.length;
    }
    events->checksum_ns = rt_now_precise_ns(events->shard) - began_ns;
    MAYBE(crc == 0); /* used, so that it is computed */
    for (int kind = CODEC_GZIP; kind < CODEC_KIND_COUNT; kind++) {
        enum err err = doctor_measure_codec(events, (enum codec_kind)kind);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err doctor_measure_codec(struct doctor_events *events, enum codec_kind kind)
{
    struct doctor_codec *figures = &events->codecs[kind];
    for (size_t pos = 0; pos < events->text_bytes;) {
        struct doctor_batch batch = doctor_batch_at(events, pos);
        struct bytes_writer packed = bytes_writer(events->packed, codec_bound(kind, batch.length));
        size_t unpacked_bytes = 0;
        uint64_t began_ns = rt_now_precise_ns(events->shard);
        enum err err = codec_compress(&events->codec, kind, CODEC_LEVEL_DEFAULT, batch.data,
                                      batch.length, &packed);
        uint64_t packed_ns = rt_now_precise_ns(events->shard);
        if (err == ERR_OK) {
            err = codec_decompress(&events->codec, kind, events->packed, packed.pos,
                                   events->unpacked, events->block_bytes, &unpacked_bytes);
        }
        figures->compress_ns += packed_ns - began_ns;
        figures->decompress_ns += rt_now_precise_ns(events->shard) - packed_ns;
        figures->compressed_bytes += packed.pos;
        if (err != ERR_OK) {
            return err;
        }
        if (unpacked_bytes != batch.length ||
            memcmp(events->unpacked, batch.data, batch.length) != 0) {
            return ERR_CORRUPT;
        }
        pos += batch.length;
    }
    return ERR_OK;
}

static void doctor_append(struct doctor_events *events)
{
    struct doctor_batch batch = doctor_batch_at(events, events->text_pos);
    size_t stored_bytes = doctor_stored_bytes(&batch);
    struct bytes_writer w = bytes_writer(events->block, stored_bytes);
    bytes_put_u32le(&w, (uint32_t)batch.length);
    bytes_put_u32le(&w, crc32c(crc32c_for(events->shard->cpu), 0, batch.data, batch.length));
    bytes_put_u32le(&w, batch.events_count);
    bytes_put_u32le(&w, 0);
    bytes_put_copy(&w, batch.data, batch.length);
    bytes_put_zeros(&w, bytes_writer_left(&w));
    ASSERT(w.err == ERR_OK);
    sm_move(&events->sm, DOCTOR_APPEND);
    events->iov = (struct iovec){events->block, stored_bytes};
    events->began_ns = rt_now_precise_ns(events->shard);
    rt_file_write_durable(&events->file, &events->op, &events->iov, 1, events->file_pos);
}

static void doctor_appended(struct doctor_events *events)
{
    struct doctor_batch batch = doctor_batch_at(events, events->text_pos);
    uint64_t cost_ns = rt_now_precise_ns(events->shard) - events->began_ns;
    events->samples_ns[events->appended_count++] = cost_ns;
    events->append_ns += cost_ns;
    events->file_pos += events->iov.iov_len;
    events->text_pos += batch.length;
    if (events->text_pos < events->text_bytes) {
        doctor_append(events);
        return;
    }
    ASSERT(events->appended_count == events->batches_count);
    qsort(events->samples_ns, events->batches_count, sizeof(uint64_t), doctor_compare);
    events->append_p50_ns = events->samples_ns[(events->batches_count - 1) / 2];
    events->append_p99_ns = events->samples_ns[(events->batches_count * 99ull + 99) / 100 - 1];
    events->stored_bytes = events->file_pos;
    events->text_pos = 0;
    events->file_pos = 0;
    doctor_read(events);
}

static void doctor_read(struct doctor_events *events)
{
    struct doctor_batch batch = doctor_batch_at(events, events->text_pos);
    sm_move(&events->sm, DOCTOR_READ);
    events->began_ns = rt_now_precise_ns(events->shard);
    rt_file_read(&events->file, &events->op, events->block, doctor_stored_bytes(&batch),
                 events->file_pos);
}

/* What was read must be the batch that was appended there. */
static enum err doctor_check(struct doctor_events *events)
{
    struct doctor_batch batch = doctor_batch_at(events, events->text_pos);
    struct bytes_reader r = bytes_reader(events->block, (size_t)events->op.result);
    uint32_t length = bytes_get_u32le(&r);
    uint32_t crc = bytes_get_u32le(&r);
    uint32_t events_count = bytes_get_u32le(&r);
    bytes_skip(&r, 4);
    const uint8_t *data = bytes_get_view(&r, length);
    if (r.err != ERR_OK || length != batch.length || events_count != batch.events_count ||
        crc32c(crc32c_for(events->shard->cpu), 0, data, length) != crc ||
        memcmp(data, batch.data, length) != 0) {
        return ERR_CORRUPT;
    }
    events->read_ns += rt_now_precise_ns(events->shard) - events->began_ns;
    events->text_pos += batch.length;
    events->file_pos += doctor_stored_bytes(&batch);
    return ERR_OK;
}

static void doctor_close(struct doctor_events *events, enum err err)
{
    events->err = err;
    events->saved_errno = events->op.saved_errno;
    sm_move(&events->sm, DOCTOR_CLOSE);
    rt_file_close(&events->file, &events->op);
}

static void doctor_finish(struct doctor_events *events, enum err err)
{
    struct budget *budget = rt_shard_budget(events->shard);
    if (events->err == ERR_OK) {
        events->err = err;
        events->saved_errno = err != ERR_OK ? events->op.saved_errno : 0;
    }
    budget_free(budget, events->samples_ns);
    budget_free(budget, events->block);
    budget_free(budget, events->packed);
    budget_free(budget, events->unpacked);
    codec_context_deinit(&events->codec);
    sm_move(&events->sm, DOCTOR_END);
    sm_deinit(&events->sm);
    events->done(events);
}

static int doctor_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}
