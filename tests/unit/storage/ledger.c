/* A naive log. See ledger.h. */
#include "tests/unit/storage/ledger.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "storage/log/batch.h"

/* Where Kafka's CRC stands, and where what it covers begins. */
#define LEDGER_CRC_POS  17u
#define LEDGER_BODY_POS 21u

static uint64_t ledger_segment_last(const struct ledger *ledger, uint32_t number);

void ledger_init(struct ledger *ledger, uint64_t id, const uint8_t *noise,
                 const struct crc32c *kernels, uint32_t segment_bytes)
{
    ledger->id = id;
    ledger->noise = noise;
    ledger->kernels = kernels;
    ledger->segment_bytes = segment_bytes;
    ledger->entries_count = 0;
    ledger->start = (struct log_point){.index = 1};
    ledger->end = (struct log_point){0};
    ledger->hard = (struct log_hard_state){0};
    ledger->first_index = 1;
    ledger->segments_count = 0;
    ledger->next_offsets[0] = 0;
    ledger->max_timestamps[0] = -1;
}

void ledger_bytes(const struct ledger *ledger, const struct ledger_entry *entry, uint32_t serial,
                  uint8_t *out)
{
    struct bytes_writer w = bytes_writer(out, LOG_BATCH_HEADER_BYTES);
    bool is_data = entry->kind == LOG_KIND_DATA;
    uint64_t span = entry->next_offset - entry->base_offset;
    uint32_t payload = entry->length - LOG_BATCH_HEADER_BYTES;
    bytes_put_u64be(&w, entry->base_offset);
    bytes_put_u32be(&w, entry->length - LOG_BATCH_PREFIX_BYTES);
    bytes_put_u32be(&w, entry->term);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, entry->crc);
    bytes_put_u16be(&w, is_data ? 0 : (uint16_t)(0x4000u + (unsigned)entry->kind * 256));
    bytes_put_u32be(&w, (uint32_t)(span - 1)); /* -1: takes no offset */
    bytes_put_u64be(&w, (uint64_t)entry->timestamp);
    bytes_put_u64be(&w, (uint64_t)entry->timestamp);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, entry->records_count);
    ASSERT(w.err == ERR_OK);
    uint64_t at = (serial * 977ull + ledger->id * 131) % (LEDGER_NOISE_BYTES - LEDGER_ENTRY_BYTES);
    memcpy(out + LOG_BATCH_HEADER_BYTES, ledger->noise + at, payload);
}

/* The bytes, with Kafka's CRC made right. */
static void ledger_seal(const struct ledger *ledger, struct ledger_entry *entry, uint32_t serial,
                        uint8_t *room)
{
    entry->crc = 0;
    ledger_bytes(ledger, entry, serial, room);
    entry->crc =
        crc32c(ledger->kernels, 0, room + LEDGER_BODY_POS, (size_t)entry->length - LEDGER_BODY_POS);
    ledger_bytes(ledger, entry, serial, room);
}

void ledger_make(const struct ledger *ledger, struct ledger_entry *entry, uint32_t span)
{
    static uint8_t room[LEDGER_ENTRY_BYTES];
    ASSERT(entry->length <= LEDGER_ENTRY_BYTES);
    ASSERT(ledger->entries_count < LEDGER_ENTRIES);
    entry->index = ledger->end.index + 1;
    entry->base_offset = ledger->end.offset;
    entry->next_offset = ledger->end.offset + span;
    ledger_seal(ledger, entry, ledger->entries_count, room);
    struct log_batch batch;
    enum err err = log_batch_decode(room, entry->length, &batch);
    ASSERT(err == ERR_OK);
    entry->chain = log_chain(ledger->end.chain, entry->index, entry->term, &batch,
                             log_batch_header_crc(ledger->kernels, room));
}

void ledger_append(struct ledger *ledger, const struct ledger_entry *entry)
{
    uint64_t index = entry->index;
    uint64_t first = ledger->segments_count > 0 ? ledger->segments[ledger->segments_count - 1] : 0;
    uint64_t bytes = first > 0 ? ledger_range_bytes(ledger, first, ledger->end.index) : 0;
    if (first == 0 || (bytes > 0 && bytes + entry->length > ledger->segment_bytes)) {
        ASSERT(ledger->segments_count < LEDGER_SEGMENTS);
        ledger->segments[ledger->segments_count++] = index;
    }
    int64_t before = ledger->max_timestamps[index - 1];
    ledger->serials[index] = ledger->entries_count;
    ledger->next_offsets[index] = entry->next_offset;
    ledger->timestamps[index] = entry->timestamp;
    ledger->max_timestamps[index] = entry->timestamp > before ? entry->timestamp : before;
    ledger->lengths[index] = entry->length;
    ledger->entries[ledger->entries_count++] = *entry;
    ledger->end = (struct log_point){
        .index = index, .offset = entry->next_offset, .term = entry->term, .chain = entry->chain};
}

void ledger_cut(struct ledger *ledger, uint64_t first_index)
{
    ledger->end = ledger_before(ledger, first_index);
    while (ledger->segments_count > 0 &&
           ledger->segments[ledger->segments_count - 1] >= first_index) {
        ledger->segments_count--;
    }
    ASSERT(ledger->segments_count < LEDGER_SEGMENTS);
    ledger->segments[ledger->segments_count++] = first_index;
}

void ledger_trim(struct ledger *ledger, uint64_t first_index, uint32_t skip_count)
{
    if (first_index > ledger->start.index) {
        ledger->start = ledger_before(ledger, first_index);
        ledger->start.index = first_index;
        ledger->start.skip_count = skip_count;
    } else if (first_index == ledger->start.index && skip_count > ledger->start.skip_count) {
        ledger->start.skip_count = skip_count;
    }
}

void ledger_roll(struct ledger *ledger)
{
    uint64_t next = ledger->end.index + 1;
    if (ledger->segments_count > 0 && ledger->segments[ledger->segments_count - 1] < next) {
        ASSERT(ledger->segments_count < LEDGER_SEGMENTS);
        ledger->segments[ledger->segments_count++] = next;
    }
}

void ledger_reset(struct ledger *ledger, const struct log_point *start)
{
    ASSERT(start->index >= 1);
    ledger->start = *start;
    ledger->end = *start;
    ledger->end.index--;
    ledger->first_index = start->index;
    ledger->next_offsets[ledger->end.index] = start->offset;
    ledger->max_timestamps[ledger->end.index] = -1;
    ledger->segments_count = 0;
}

void ledger_rewrite(struct ledger *ledger, uint64_t index, uint32_t length)
{
    static uint8_t room[LEDGER_ENTRY_BYTES];
    ASSERT(index >= ledger->first_index);
    ASSERT(index <= ledger->end.index);
    struct ledger_entry *entry = &ledger->entries[ledger->serials[index]];
    ASSERT(length <= entry->length);
    entry->length = length;
    ledger->lengths[index] = length;
    ledger_seal(ledger, entry, ledger->serials[index], room);
}

/* --- Answers --- */

const struct ledger_entry *ledger_at(const struct ledger *ledger, uint64_t index)
{
    ASSERT(index >= ledger->first_index);
    ASSERT(index <= ledger->end.index);
    return &ledger->entries[ledger->serials[index]];
}

struct log_point ledger_before(const struct ledger *ledger, uint64_t first_index)
{
    if (first_index == 1) {
        return (struct log_point){0};
    }
    if (first_index == ledger->start.index) { /* where it was reset to, nothing stands before */
        struct log_point point = ledger->start;
        point.index--;
        return point;
    }
    const struct ledger_entry *entry = ledger_at(ledger, first_index - 1);
    return (struct log_point){.index = first_index - 1,
                              .offset = entry->next_offset,
                              .term = entry->term,
                              .chain = entry->chain};
}

uint64_t ledger_membership(const struct ledger *ledger)
{
    uint64_t index = ledger->end.index;
    while (index >= ledger->first_index && ledger_at(ledger, index)->kind != LOG_KIND_MEMBERSHIP) {
        index--;
    }
    return index >= ledger->first_index ? index : 0;
}

enum err ledger_term_of(const struct ledger *ledger, uint64_t index, uint32_t *term)
{
    *term = 0;
    if (index + 1 < ledger->start.index || index > ledger->end.index) {
        return ERR_NOT_FOUND;
    }
    *term = index < ledger->first_index ? ledger->start.term : ledger_at(ledger, index)->term;
    return ERR_OK;
}

/* By entries, from the end on: the record that stands there last of each. */
int32_t ledger_term_end(const struct ledger *ledger, uint32_t term, uint64_t *end_offset)
{
    uint64_t start = ledger->start.offset + ledger->start.skip_count;
    *end_offset = ledger->end.offset;
    for (uint64_t index = ledger->end.index; index >= ledger->start.index; index--) {
        const struct ledger_entry *entry = ledger_at(ledger, index);
        if (entry->next_offset <= start || entry->next_offset == entry->base_offset) {
            continue;
        }
        if (entry->term <= term) {
            return (int32_t)entry->term;
        }
        *end_offset = entry->base_offset > start ? entry->base_offset : start;
    }
    return -1;
}

uint64_t ledger_range_bytes(const struct ledger *ledger, uint64_t first_index, uint64_t last_index)
{
    uint64_t bytes = 0;
    for (uint64_t index = first_index; index <= last_index; index++) {
        bytes += ledger->lengths[index];
    }
    return bytes;
}

static uint64_t ledger_segment_last(const struct ledger *ledger, uint32_t number)
{
    return number + 1 < ledger->segments_count ? ledger->segments[number + 1] - 1
                                               : ledger->end.index;
}

uint64_t ledger_kept_bytes(const struct ledger *ledger)
{
    uint64_t bytes = 0;
    for (uint32_t i = ledger->segments_count; i > 0; i--) {
        uint64_t last = ledger_segment_last(ledger, i - 1);
        if (last < ledger->start.index) {
            break;
        }
        bytes += ledger_range_bytes(ledger, ledger->segments[i - 1], last);
    }
    return bytes;
}

/* By what retention.h says. */
uint64_t ledger_retention(const struct ledger *ledger, const struct log_retention *want)
{
    uint64_t left = ledger_kept_bytes(ledger);
    uint64_t first_index = ledger->start.index;
    for (uint32_t i = 0; i < ledger->segments_count; i++) {
        uint64_t last = ledger_segment_last(ledger, i);
        if (last < first_index) {
            continue;
        }
        uint64_t bytes = ledger_range_bytes(ledger, ledger->segments[i], last);
        int64_t largest = ledger->max_timestamps[last];
        bool is_old = want->age_ms >= 0 && largest >= 0 && want->now_ms - largest > want->age_ms;
        bool is_too_much = i + 1 < ledger->segments_count && left - bytes >= want->bytes_max;
        if (last > want->index_max || (!is_old && !is_too_much)) {
            break;
        }
        left -= bytes;
        first_index = last + 1;
    }
    return first_index;
}

/* --- Reads --- */

/* The first index that may be given out; end + 1: none. */
static uint64_t ledger_place(const struct ledger *ledger, const struct log_read *read)
{
    uint64_t index = ledger->first_index;
    switch (read->from) {
    case LOG_READ_INDEX: return read->at;
    case LOG_READ_OFFSET:
        while (index <= ledger->end.index && ledger->next_offsets[index] <= read->at) {
            index++;
        }
        return index;
    case LOG_READ_TIMESTAMP:
        index = ledger->start.index;
        while (index <= ledger->end.index &&
               (ledger->timestamps[index] < (int64_t)read->at ||
                (read->does_skip_internal && ledger_at(ledger, index)->kind != LOG_KIND_DATA))) {
            index++;
        }
        return index;
    }
    return index;
}

void ledger_expect(const struct ledger *ledger, const struct log_read *read,
                   struct ledger_want *want)
{
    uint64_t bytes = 0;
    want->count = 0;
    want->entries_count = ledger->entries_count;
    want->err = ERR_END;
    want->is_below = (read->from == LOG_READ_INDEX && read->at < ledger->start.index) ||
                     (read->from == LOG_READ_OFFSET && read->at < ledger->start.offset);
    uint64_t last = read->index_max < ledger->end.index ? read->index_max : ledger->end.index;
    if (read->from == LOG_READ_INDEX && read->at == 0) {
        want->err = ERR_RANGE;
        return;
    }
    for (uint64_t index = ledger_place(ledger, read); index <= last; index++) {
        uint32_t length = ledger->lengths[index];
        if (read->does_skip_internal && ledger_at(ledger, index)->kind != LOG_KIND_DATA) {
            continue;
        }
        if (want->count > 0 && bytes + length > read->bytes_max) {
            break;
        }
        bytes += length;
        want->serials[want->count++] = ledger->serials[index];
        want->err = ERR_OK;
    }
}

const char *ledger_check(const struct ledger *ledger, const struct log_read *read,
                         const struct ledger_want *want, bool is_prefix, uint8_t *room)
{
    if (read->err != want->err) {
        return "another outcome";
    }
    if (read->err != ERR_OK) {
        return read->parts_count == 0 && read->entries_count == 0 ? NULL : "bytes with an error";
    }
    bool is_short = is_prefix || read->parts_count == LOG_READ_PARTS_MAX;
    if (read->entries_count != want->count && !(is_short && read->entries_count < want->count)) {
        return "another number of entries";
    }
    uint32_t part = 0;
    uint32_t pos = 0;
    for (uint32_t i = 0; i < read->entries_count; i++) {
        uint32_t serial = want->serials[i];
        const struct ledger_entry *entry = &ledger->entries[serial];
        if (part == read->parts_count || read->parts[part].length - pos < entry->length) {
            return "a batch spans parts";
        }
        ledger_bytes(ledger, entry, serial, room);
        if (memcmp(buf_slice_data(read->parts[part]) + pos, room, entry->length) != 0) {
            return "other bytes";
        }
        pos += entry->length;
        if (pos == read->parts[part].length) {
            part++;
            pos = 0;
        }
    }
    const struct ledger_entry *first = &ledger->entries[want->serials[0]];
    const struct ledger_entry *last = &ledger->entries[want->serials[read->entries_count - 1]];
    if (part != read->parts_count) {
        return "bytes left over";
    }
    if (read->first_index != first->index || read->last_index != last->index ||
        read->next_offset != last->next_offset) {
        return "another place";
    }
    return NULL;
}

/* The serial of the entry whose bytes stand at `data`, among those that were at `index` at some
 * time since the read began; UINT32_MAX: none of them. */
static uint32_t ledger_find(const struct ledger *ledger, const struct ledger_want *want,
                            uint64_t index, const uint8_t *data, uint32_t length, uint8_t *room)
{
    uint32_t later_count = ledger->entries_count - want->entries_count;
    uint32_t now = index <= ledger->end.index ? 1 : 0;
    for (uint32_t i = 0; i < want->count + later_count + now; i++) {
        uint32_t serial = i < want->count                 ? want->serials[i]
                          : i < want->count + later_count ? want->entries_count + i - want->count
                                                          : ledger->serials[index];
        const struct ledger_entry *entry = &ledger->entries[serial];
        if (entry->index == index && entry->length <= length) {
            ledger_bytes(ledger, entry, serial, room);
            if (memcmp(room, data, entry->length) == 0) {
                return serial;
            }
        }
    }
    return UINT32_MAX;
}

const char *ledger_check_any(const struct ledger *ledger, const struct log_read *read,
                             const struct ledger_want *want, uint8_t *room)
{
    if (read->err != ERR_OK) {
        return "it fails";
    }
    uint64_t index = read->first_index;
    uint32_t count = 0;
    for (uint32_t i = 0; i < read->parts_count; i++) {
        const uint8_t *data = buf_slice_data(read->parts[i]);
        for (uint32_t left = read->parts[i].length; left > 0;) {
            uint32_t serial = ledger_find(ledger, want, index, data, left, room);
            while (serial == UINT32_MAX && read->does_skip_internal && index < read->last_index) {
                serial = ledger_find(ledger, want, ++index, data, left, room);
            }
            if (serial == UINT32_MAX) {
                return "bytes that never stood there";
            }
            data += ledger->entries[serial].length;
            left -= ledger->entries[serial].length;
            index++;
            count++;
        }
    }
    return index == read->last_index + 1 && count == read->entries_count ? NULL : "another place";
}
