/* What bounds cost: the 61 bytes of a Kafka record batch header (v2) through base/bytes, against
 * the same fields loaded and stored at fixed positions with nothing checked. The bare side is what
 * a decoder that trusts its input would do, so the ratio is the price of not trusting it. */
#include <endian.h>
#include <string.h>

#include "base/bytes.h"
#include "bench/micro/bench.h"

#define BYTES_HEADER_BYTES 61

/* The header's fields, in the order they have on the wire (Kafka protocol, RecordBatch). */
struct bytes_header {
    uint64_t base_offset;
    uint32_t batch_bytes;
    uint32_t leader_epoch;
    uint8_t magic;
    uint32_t crc;
    uint16_t attributes;
    uint32_t last_offset_delta;
    uint64_t base_timestamp;
    uint64_t max_timestamp;
    uint64_t producer_id;
    uint16_t producer_epoch;
    uint32_t base_sequence;
    uint32_t records_count;
};

/* What both sides work on. */
struct bytes_work {
    uint8_t wire[BYTES_HEADER_BYTES];
    struct bytes_header header;
};

static void bytes_decode(void *context, uint64_t ops_count);
static void bytes_decode_bare(void *context, uint64_t ops_count);
static void bytes_encode(void *context, uint64_t ops_count);
static void bytes_encode_bare(void *context, uint64_t ops_count);
static uint16_t bytes_load16(const uint8_t *p);
static uint32_t bytes_load32(const uint8_t *p);
static uint64_t bytes_load64(const uint8_t *p);
static void bytes_store16(uint8_t *p, uint16_t value);
static void bytes_store32(uint8_t *p, uint32_t value);
static void bytes_store64(uint8_t *p, uint64_t value);

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct bytes_work work;
    for (size_t i = 0; i < sizeof(work.wire); i++) {
        work.wire[i] = (uint8_t)(i * 37 + 11);
    }
    const struct {
        const char *name;
        struct bench_side ours, bare;
    } rows[] = {
        {"decode a record batch header", {.loop = bytes_decode}, {.loop = bytes_decode_bare}},
        {"encode a record batch header", {.loop = bytes_encode}, {.loop = bytes_encode_bare}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct bench_side ours = rows[i].ours;
        struct bench_side bare = rows[i].bare;
        ours.context = bare.context = &work;
        struct bench_pair pair = bench_pair(&b, rows[i].name, &ours, &bare, 51);
        bench_row(&b, &(struct bench_row){.name = rows[i].name,
                                          .value = pair.ours,
                                          .unit = "ns/op",
                                          .peer = "bare loads and stores",
                                          .ratio = pair.ratio,
                                          .bar = "< 50 ns/op"});
    }
    bench_row_allocs(&b, "decode: allocations",
                     &(struct bench_side){.loop = bytes_decode, .context = &work});
    return bench_finish(&b);
}

static void bytes_decode(void *context, uint64_t ops_count)
{
    struct bytes_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        struct bytes_reader r = bytes_reader(work->wire, sizeof(work->wire));
        work->header = (struct bytes_header){
            .base_offset = bytes_get_u64be(&r),
            .batch_bytes = bytes_get_u32be(&r),
            .leader_epoch = bytes_get_u32be(&r),
            .magic = bytes_get_u8(&r),
            .crc = bytes_get_u32be(&r),
            .attributes = bytes_get_u16be(&r),
            .last_offset_delta = bytes_get_u32be(&r),
            .base_timestamp = bytes_get_u64be(&r),
            .max_timestamp = bytes_get_u64be(&r),
            .producer_id = bytes_get_u64be(&r),
            .producer_epoch = bytes_get_u16be(&r),
            .base_sequence = bytes_get_u32be(&r),
            .records_count = bytes_get_u32be(&r),
        };
        bench_keep(r.err);
        bench_keep(work);
    }
}

static void bytes_decode_bare(void *context, uint64_t ops_count)
{
    struct bytes_work *work = context;
    const uint8_t *p = work->wire;
    for (uint64_t i = 0; i < ops_count; i++) {
        work->header = (struct bytes_header){
            .base_offset = bytes_load64(p),
            .batch_bytes = bytes_load32(p + 8),
            .leader_epoch = bytes_load32(p + 12),
            .magic = p[16],
            .crc = bytes_load32(p + 17),
            .attributes = bytes_load16(p + 21),
            .last_offset_delta = bytes_load32(p + 23),
            .base_timestamp = bytes_load64(p + 27),
            .max_timestamp = bytes_load64(p + 35),
            .producer_id = bytes_load64(p + 43),
            .producer_epoch = bytes_load16(p + 51),
            .base_sequence = bytes_load32(p + 53),
            .records_count = bytes_load32(p + 57),
        };
        bench_keep(work);
    }
}

static void bytes_encode(void *context, uint64_t ops_count)
{
    struct bytes_work *work = context;
    const struct bytes_header *header = &work->header;
    for (uint64_t i = 0; i < ops_count; i++) {
        struct bytes_writer w = bytes_writer(work->wire, sizeof(work->wire));
        bytes_put_u64be(&w, header->base_offset);
        bytes_put_u32be(&w, header->batch_bytes);
        bytes_put_u32be(&w, header->leader_epoch);
        bytes_put_u8(&w, header->magic);
        bytes_put_u32be(&w, header->crc);
        bytes_put_u16be(&w, header->attributes);
        bytes_put_u32be(&w, header->last_offset_delta);
        bytes_put_u64be(&w, header->base_timestamp);
        bytes_put_u64be(&w, header->max_timestamp);
        bytes_put_u64be(&w, header->producer_id);
        bytes_put_u16be(&w, header->producer_epoch);
        bytes_put_u32be(&w, header->base_sequence);
        bytes_put_u32be(&w, header->records_count);
        bench_keep(w.err);
        bench_keep(work);
    }
}

static void bytes_encode_bare(void *context, uint64_t ops_count)
{
    struct bytes_work *work = context;
    const struct bytes_header *header = &work->header;
    uint8_t *p = work->wire;
    for (uint64_t i = 0; i < ops_count; i++) {
        bytes_store64(p, header->base_offset);
        bytes_store32(p + 8, header->batch_bytes);
        bytes_store32(p + 12, header->leader_epoch);
        p[16] = header->magic;
        bytes_store32(p + 17, header->crc);
        bytes_store16(p + 21, header->attributes);
        bytes_store32(p + 23, header->last_offset_delta);
        bytes_store64(p + 27, header->base_timestamp);
        bytes_store64(p + 35, header->max_timestamp);
        bytes_store64(p + 43, header->producer_id);
        bytes_store16(p + 51, header->producer_epoch);
        bytes_store32(p + 53, header->base_sequence);
        bytes_store32(p + 57, header->records_count);
        bench_keep(work);
    }
}

static uint16_t bytes_load16(const uint8_t *p)
{
    uint16_t value;
    memcpy(&value, p, sizeof(value));
    return be16toh(value);
}

static uint32_t bytes_load32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return be32toh(value);
}

static uint64_t bytes_load64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof(value));
    return be64toh(value);
}

static void bytes_store16(uint8_t *p, uint16_t value)
{
    value = htobe16(value);
    memcpy(p, &value, sizeof(value));
}

static void bytes_store32(uint8_t *p, uint32_t value)
{
    value = htobe32(value);
    memcpy(p, &value, sizeof(value));
}

static void bytes_store64(uint8_t *p, uint64_t value)
{
    value = htobe64(value);
    memcpy(p, &value, sizeof(value));
}
