/* See scan_records.h. */
#include "broker/core/scan_records.h"

#include "base/assert.h"
#include "broker/core/records.h"

/* The first block, the one that is for batches side by side, how much larger the next one is, the
 * part that is left off where there is no memory for that, and how much longer than itself a batch
 * is taken to be before it is tried: compressed text is a quarter to a tenth of its length. */
#define CORE_SCAN_ROOM_BYTES_MIN (16u << 10)
#define CORE_SCAN_ROOM_BYTES     (256u << 10)
#define CORE_SCAN_ROOM_GROWTH    4u
#define CORE_SCAN_ROOM_STEP      8u
#define CORE_SCAN_ROOM_PART      4u

void core_scan_records_init(struct core_scan_records *records, struct budget *budget)
{
    *records = (struct core_scan_records){.budget = budget};
    codec_context_init(&records->codec);
}

void core_scan_records_deinit(struct core_scan_records *records)
{
    codec_context_deinit(&records->codec);
    budget_free(records->budget, records->data);
    records->data = NULL;
}

/* Where a batch that is open stands, new ones go behind it; it is at most one. */
void core_scan_records_release(struct core_scan_records *records)
{
    bool is_compressed = (records->rr.batch.attributes & LOG_BATCH_COMPRESSION) != 0;
    if (!records->is_open || !is_compressed) {
        records->used = 0;
    }
}

void core_scan_records_rest(struct core_scan_records *records)
{
    if (!records->is_open && records->used == 0) {
        budget_free(records->budget, records->data);
        records->data = NULL;
        records->bytes = 0;
        records->is_short = false;
    }
}

/* A larger block, as much larger as there is memory for; nothing points into the one there is. */
static enum err core_scan_records_grow(struct core_scan_records *records)
{
    void *block;
    size_t old_bytes = records->bytes;
    size_t bytes = old_bytes == 0 ? CORE_SCAN_ROOM_BYTES_MIN : old_bytes * CORE_SCAN_ROOM_GROWTH;
    bytes = bytes < CORE_RECORDS_ROOM_BYTES_MAX ? bytes : CORE_RECORDS_ROOM_BYTES_MAX;
    if (old_bytes >= CORE_RECORDS_ROOM_BYTES_MAX) {
        return ERR_TOO_LARGE;
    }
    budget_free(records->budget, records->data);
    records->data = NULL;
    records->bytes = 0;
    enum err err = budget_alloc(records->budget, bytes, 64, &block);
    while (err == ERR_BUDGET && bytes - bytes / CORE_SCAN_ROOM_STEP > old_bytes) {
        bytes -= bytes / CORE_SCAN_ROOM_STEP;
        err = budget_alloc(records->budget, bytes, 64, &block);
    }
    if (err == ERR_OK) {
        records->data = block;
        records->bytes = bytes;
    }
    return err;
}

enum err core_scan_records_open(struct core_scan_records *records, const void *data, size_t length)
{
    ASSERT(!records->is_open);
    if (records->used > 0 && (records->bytes - records->used) / CORE_SCAN_ROOM_PART < length) {
        struct log_batch batch;
        if (log_batch_decode(data, length, &batch) == ERR_OK &&
            (batch.attributes & LOG_BATCH_COMPRESSION) != 0) {
            records->is_short = true;
            return ERR_AGAIN;
        }
    }
    if (records->used == 0 && records->is_short && records->bytes < CORE_SCAN_ROOM_BYTES) {
        records->is_short = false;
        (void)core_scan_records_grow(records); /* else this one is tried in what there is */
    }
    for (;;) {
        size_t left = records->bytes - records->used;
        enum err err = log_records_open(&records->rr, data, length, &records->codec,
                                        left > 0 ? records->data + records->used : NULL, left);
        if (err == ERR_OK) {
            bool is_compressed = (records->rr.batch.attributes & LOG_BATCH_COMPRESSION) != 0;
            records->used += is_compressed ? bytes_reader_left(&records->rr.r) : 0;
            records->is_open = true;
            return ERR_OK;
        }
        if (err != ERR_TOO_LARGE || records->used > 0) {
            return err == ERR_TOO_LARGE ? ERR_AGAIN : err;
        }
        err = core_scan_records_grow(records);
        if (err != ERR_OK) {
            return err;
        }
    }
}

enum err core_scan_records_next(struct core_scan_records *records, struct log_records_item *out)
{
    ASSERT(records->is_open);
    enum err err = log_records_next(&records->rr, out);
    if (err == ERR_END) {
        records->is_open = false;
    }
    return err;
}
