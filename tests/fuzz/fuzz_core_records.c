/* Any bytes as what a client wants appended, and as the records of a batch that is right but for
 * them, compressed with each codec. Nothing is read outside; what passes can be read back from the
 * log, record by record, with what was said of it; and records are found as by a walk. */
#include "broker/core/records.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "storage/log/records.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/batch_build.h"

#define FUZZ_BYTES_MAX (64u << 10)

struct fuzz {
    const struct crc32c *kernels;
    struct budget budget;
    struct core_records_room room;
    struct core_records_config config;
};

/* Every record of a batch that passed, beside what was said of it. */
static void fuzz_read_back(struct fuzz *f, const uint8_t *data, size_t size,
                           const struct core_records_info *info)
{
    static uint8_t room[2 * FUZZ_BYTES_MAX];
    struct codec_context codec;
    struct log_records_reader rr;
    struct log_records_item item;
    struct core_records_found first, latest;
    int64_t max = -1;
    enum err want = ERR_NOT_FOUND;
    codec_context_init(&codec);
    ASSERT(log_records_open(&rr, data, size, &codec, room, sizeof(room)) == ERR_OK);
    ASSERT(core_records_find_max_time(&f->room, data, size, 0, &latest) == ERR_OK);
    for (uint32_t i = 0; i < info->batch.records_count; i++) {
        ASSERT(log_records_next(&rr, &item) == ERR_OK);
        ASSERT(item.offset == i);
        ASSERT(IMPLIES(f->config.is_compacted, item.key != NULL));
        ASSERT(item.timestamp <= latest.timestamp);
        ASSERT(IMPLIES(i < latest.offset, item.timestamp < latest.timestamp));
        ASSERT(IMPLIES(i == latest.offset, item.timestamp == latest.timestamp));
        max = item.timestamp > max ? item.timestamp : max;
        want = item.timestamp >= info->max_timestamp ? ERR_OK : want;
    }
    ASSERT(log_records_next(&rr, &item) == ERR_END);
    ASSERT(max == info->max_timestamp);
    want = info->batch.max_timestamp < max ? ERR_NOT_FOUND : want; /* the header is believed */
    ASSERT(core_records_find_time(&f->room, data, size, max, 0, &first) == want);
    ASSERT(IMPLIES(want == ERR_OK, first.offset == latest.offset));
    codec_context_deinit(&codec);
}

static void fuzz_validate(struct fuzz *f, const uint8_t *data, size_t size)
{
    struct core_records_info info;
    char text[160];
    enum core_records_fault fault =
        core_records_validate(&f->config, &f->room, f->kernels, data, size, &info);
    ASSERT(fault == info.fault);
    ASSERT(fault < CORE_RECORDS_FAULT_COUNT);
    ASSERT(core_records_describe(&info, text, sizeof(text)) > 0);
    ASSERT(f->room.bytes <= f->room.keep_bytes);
    if (fault == CORE_RECORDS_FAULT_NONE) {
        ASSERT(info.record_index == -1);
        fuzz_read_back(f, data, size, &info);
        return;
    }
    struct core_records_found found; /* of a batch that may be anything */
    enum err err = core_records_find_time(&f->room, data, size, 5, 0, &found);
    ASSERT(err != ERR_INVALID);
    err = core_records_find_max_time(&f->room, data, size, 1, &found);
    ASSERT(err != ERR_INVALID);
}

/* The bytes as the records of a batch; `count` of them, or so it says. */
static void fuzz_records(struct fuzz *f, const uint8_t *data, size_t size, int32_t count)
{
    static uint8_t batch[LOG_BATCH_HEADER_BYTES + 2 * FUZZ_BYTES_MAX];
    struct codec_context codec;
    struct batch_build b;
    codec_context_init(&codec);
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        batch_build_init(&b, (void *)(uintptr_t)data, size);
        b.raw.pos = size;
        b.codec = kind;
        b.records_count = count;
        b.last_offset_delta = count - 1;
        b.max_timestamp = count;
        size_t length = batch_build_end(&b, &codec, f->kernels, batch, sizeof(batch));
        fuzz_validate(f, batch, length);
        length = batch_build_seal(&b, f->kernels, data, size, batch, sizeof(batch));
        fuzz_validate(f, batch, length); /* as if they were compressed */
    }
    codec_context_deinit(&codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t batch[FUZZ_BYTES_MAX];
    if (size < 2 || size > FUZZ_BYTES_MAX / 2) {
        return 0;
    }
    struct cpu cpu;
    struct fuzz f;
    cpu_detect(&cpu);
    f.kernels = crc32c_for(&cpu);
    f.config = (struct core_records_config){
        .batch_bytes_max = FUZZ_BYTES_MAX,
        .may_zstd = true,
        .is_compacted = (data[0] & 1) != 0,
        .is_append_time = (data[0] & 2) != 0,
        .before_max_ms = INT64_MAX,
        .after_max_ms = (data[0] & 4) != 0 ? 1000 : INT64_MAX,
    };
    budget_init(&f.budget, "fuzz", 8u << 20, NULL);
    core_records_room_init(&f.room, &f.budget, 64u << 10, FUZZ_BYTES_MAX);
    fuzz_validate(&f, data + 1, size - 1);
    memcpy(batch, data + 1, size - 1);
    if (size - 1 >= LOG_BATCH_HEADER_BYTES) {
        batch_build_fix(f.kernels, batch, size - 1);
        fuzz_validate(&f, batch, size - 1);
        fuzz_records(&f, batch + LOG_BATCH_HEADER_BYTES, size - 1 - LOG_BATCH_HEADER_BYTES,
                     batch[60]);
    }
    fuzz_records(&f, data + 2, size - 2, data[1]);
    core_records_room_deinit(&f.room);
    ASSERT(f.budget.used_bytes == 0);
    budget_deinit(&f.budget);
    return 0;
}
