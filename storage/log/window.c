/* The sidecar as a cursor sees it: a window of whole blocks, read as it is needed, and the search
 * for an index, an offset or a timestamp in it.
 *
 * Records of a segment stand in the order of all three keys. An index is first looked for where it
 * is when no record is missing before it, or where the last run ended; everything else is guessed
 * by proportion, a few times, and then halved. Every look takes in a whole window, so a search in a
 * segment of a million entries costs two or three reads.
 *
 * A record that does not verify is rot, or was not written yet when the window was read. So a
 * window knows up to which entry the sidecar was settled then, and what is asked of it says how new
 * it must be: older, it is read again. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/cursor.h"
#include "storage/log/shard.h"

/* Guesses by proportion before a search halves. */
#define LOG_WINDOW_GUESSES 4u

/* The smallest window: a record may lie in two blocks. */
#define LOG_WINDOW_BYTES_MIN (2u * LIMIT_BLOCK_BYTES)

static void log_window_done(struct rt_op *op);
static void log_window_submit(struct log_cursor *c, const struct log_want *want, uint32_t bytes);
static uint32_t log_window_bytes(const struct log_cursor *c, const struct log_want *want);
static uint64_t log_window_first(const struct log_cursor *c);
static uint64_t log_window_end(const struct log_cursor *c);
static void log_search_begin(struct log_cursor *c, const struct log_want *want);
static bool log_search_hint(const struct log_cursor *c, const struct log_want *want,
                            uint64_t *slot);
static bool log_search_found(struct log_cursor *c, const struct log_want *want, uint64_t *slot,
                             enum log_got *got);
static bool log_search_rotten(struct log_cursor *c, const struct log_want *want, uint64_t *slot,
                              enum log_got *got);
static enum log_got log_search_bad(struct log_cursor *c, const struct log_want *want,
                                   uint64_t slot);
static bool log_search_is_cut_off(const struct log_cursor *c, uint64_t slot);
static bool log_search_holds(const struct log_cursor *c, const struct log_sidecar *rec);
static void log_search_narrow(struct log_cursor *c, uint64_t first, uint64_t end);
static bool log_search_is_before(const struct log_cursor *c, const struct log_sidecar *rec);
static uint64_t log_search_guess(struct log_cursor *c, const struct log_want *want);

/* Where record `slot` stands in the .idx. */
static uint64_t log_window_slot_pos(uint64_t slot)
{
    return (slot + 1) * LOG_SIDECAR_BYTES;
}

void log_window_init(struct log_cursor *c)
{
    rt_op_init(&c->op_window, c->ls->shard, log_window_done);
}

void log_window_reset(struct log_cursor *c, const struct log_segment *seg)
{
    ASSERT(!c->is_window_reading);
    c->window_bytes = 0;
    c->is_window_end = false;
    c->is_searching = false;
    c->hint_index = 0;
    c->seed = log_sidecar_seed(c->ls->store->kernels, c->log->group, seg->generation);
}

/* --- Reading it --- */

enum log_got log_window_fetch(struct log_cursor *c, const struct log_want *want, uint64_t slot,
                              bool is_guess)
{
    if (c->is_window_reading) {
        return LOG_GOT_WAIT; /* it ends and is asked again */
    }
    uint32_t bytes = log_window_bytes(c, want);
    uint64_t before = is_guess ? bytes / 4 / LOG_SIDECAR_BYTES : 0;
    slot = slot > before ? slot - before : 0;
    c->window_pos = log_window_slot_pos(slot) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    c->window_bytes = 0;
    c->window_last_index = want->last_index;
    log_window_submit(c, want, bytes);
    return LOG_GOT_WAIT;
}

/* `bytes` more behind what is there. */
static void log_window_submit(struct log_cursor *c, const struct log_want *want, uint32_t bytes)
{
    ASSERT(c->window_bytes + bytes <= c->window_max);
    ASSERT(c->window_bytes % LIMIT_BLOCK_BYTES == 0);
    if (want->last_index < c->window_last_index) {
        c->window_last_index = want->last_index;
    }
    c->window_asked = bytes;
    c->is_window_end = false;
    c->is_window_reading = true;
    c->err = ERR_OK;
    c->waits_count++;
    rt_file_read(&c->get_idx.file->file, &c->op_window, c->window + c->window_bytes, bytes,
                 c->window_pos + c->window_bytes);
}

static void log_window_done(struct rt_op *op)
{
    struct log_cursor *c = CONTAINER_OF(op, struct log_cursor, op_window);
    c->is_window_reading = false;
    if (op->err == ERR_OK) {
        c->window_bytes += (uint32_t)op->result;
        c->is_window_end = (uint32_t)op->result < c->window_asked;
    } else {
        c->err = op->err;
    }
    log_cursor_wake(c);
}

/* Enough records for the bytes that are wanted. */
static uint32_t log_window_bytes(const struct log_cursor *c, const struct log_want *want)
{
    if (c->is_ahead) {
        return c->window_max;
    }
    const struct log_segment *seg = want->seg;
    uint64_t entries_count = seg->last_index - seg->start.index + 1;
    uint64_t batch_bytes = seg->end_pos / entries_count + 1;
    uint64_t wanted = want->bytes_left < c->run_bytes ? want->bytes_left : c->run_bytes;
    uint64_t bytes = (wanted / batch_bytes + 2) * LOG_SIDECAR_BYTES + 2 * LIMIT_BLOCK_BYTES - 1;
    bytes = bytes / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    bytes = bytes < LOG_WINDOW_BYTES_MIN ? LOG_WINDOW_BYTES_MIN : bytes;
    return bytes < c->window_max ? (uint32_t)bytes : c->window_max;
}

void log_window_slide(struct log_cursor *c, const struct log_want *want, uint64_t slot)
{
    uint64_t pos = log_window_slot_pos(slot) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    uint64_t end = c->window_pos + c->window_bytes;
    if (c->is_window_reading || c->is_window_end || c->window_bytes == 0 || pos < c->window_pos ||
        pos > end || end - pos > c->window_max / 2) {
        return;
    }
    uint32_t kept = (uint32_t)(end - pos);
    memmove(c->window, c->window + (pos - c->window_pos), kept);
    c->window_pos = pos;
    c->window_bytes = kept;
    log_window_submit(c, want, c->window_max - kept);
}

/* --- Looking at it --- */

/* The first record that is wholly in the window, and the one behind the last. */
static uint64_t log_window_first(const struct log_cursor *c)
{
    return c->window_pos == 0 ? 0 : (c->window_pos + LOG_SIDECAR_BYTES - 1) / LOG_SIDECAR_BYTES - 1;
}

static uint64_t log_window_end(const struct log_cursor *c)
{
    uint64_t end = (c->window_pos + c->window_bytes) / LOG_SIDECAR_BYTES;
    uint64_t first = log_window_first(c);
    return end > first + 1 ? end - 1 : first;
}

enum err log_cursor_record(const struct log_cursor *c, uint64_t slot, uint64_t index,
                           struct log_sidecar *out)
{
    uint64_t first = log_window_first(c);
    uint64_t end = log_window_end(c);
    if (slot < first || (slot >= end && (!c->is_window_end || c->window_last_index < index))) {
        return ERR_AGAIN;
    }
    if (slot >= end) {
        return ERR_END;
    }
    const uint8_t *data = c->window + (log_window_slot_pos(slot) - c->window_pos);
    enum err err = log_sidecar_decode(data, LOG_SIDECAR_BYTES, c->ls->store->kernels, c->seed, out);
    if (err == ERR_OK) {
        return ERR_OK;
    }
    if (c->window_last_index < index) {
        return ERR_AGAIN;
    }
    static const uint8_t zeros[LOG_SIDECAR_BYTES];
    return memcmp(data, zeros, sizeof(zeros)) == 0 ? ERR_END : ERR_CORRUPT;
}

enum log_got log_window_bad(struct log_cursor *c, const struct log_want *want, uint64_t slot,
                            uint64_t index)
{
    const struct log_segment *seg = want->seg;
    struct log_sidecar rec;
    bool is_begin_known = index != 0 || slot == 0;
    c->bad_first = index != 0 ? index : seg->start.index + slot;
    if (!is_begin_known && log_cursor_record(c, slot - 1, 0, &rec) == ERR_OK) {
        c->bad_first = rec.last_index + 1;
        is_begin_known = true;
    }
    uint64_t behind = slot + 1;
    enum err err = log_cursor_record(c, behind, 0, &rec);
    while (err == ERR_CORRUPT && seg->start.index + behind <= want->last_index) {
        behind++;
        err = log_cursor_record(c, behind, 0, &rec);
    }
    bool is_end_known = err == ERR_OK && rec.index > behind - slot && rec.index <= want->last_index;
    if (is_end_known && !is_begin_known) {
        c->bad_first = rec.index - (behind - slot);
    }
    if (is_end_known && rec.index > c->bad_first) {
        c->bad_last = rec.index - 1;
        c->bad_offset = rec.base_offset;
    } else {
        c->bad_last = c->bad_first + (behind - slot) - 1;
        c->bad_offset = 0;
    }
    if (err == ERR_END || c->bad_last >= want->last_index) { /* nothing settled stands behind it */
        c->bad_last = want->last_index > c->bad_first ? want->last_index : c->bad_first;
        c->bad_offset = want->last_offset;
    }
    return LOG_GOT_CORRUPT;
}

/* --- The search --- */

enum log_got log_cursor_search(struct log_cursor *c, const struct log_want *want, uint64_t *slot)
{
    if (!c->is_searching || c->find_from != want->from || c->find_key != want->key) {
        log_search_begin(c, want);
    }
    if (log_search_hint(c, want, slot)) {
        c->is_searching = false;
        return LOG_GOT_IT;
    }
    for (;;) {
        uint64_t window_end = log_window_end(c);
        bool is_new = c->window_last_index >= c->find_last && !c->is_window_reading;
        if (is_new && c->is_window_end && c->high > window_end) {
            c->high = window_end > c->low ? window_end : c->low;
        }
        if (c->low >= c->high) {
            enum log_got got = LOG_GOT_NOTHING;
            if (log_search_found(c, want, slot, &got)) {
                c->is_searching = got == LOG_GOT_WAIT;
                return got;
            }
            continue;
        }
        uint64_t first = log_window_first(c);
        first = first > c->low ? first : c->low;
        window_end = window_end < c->high ? window_end : c->high;
        if (!is_new || first >= window_end) {
            bool is_exact = want->from == LOG_READ_INDEX && c->guesses_count == 0;
            return log_window_fetch(c, want, log_search_guess(c, want), !is_exact);
        }
        log_search_narrow(c, first, window_end);
    }
}

static void log_search_begin(struct log_cursor *c, const struct log_want *want)
{
    const struct log_segment *seg = want->seg;
    ASSERT(want->last_index >= seg->start.index);
    c->is_searching = true;
    c->find_from = want->from;
    c->find_key = want->key;
    c->find_last = want->last_index;
    c->end = want->last_index - seg->start.index + 1;
    c->low = 0;
    c->high = c->end;
    c->guesses_count = 0;
    c->low_key = want->from == LOG_READ_OFFSET ? seg->start.offset : 0;
    c->high_key = want->from == LOG_READ_OFFSET      ? seg->next_offset
                  : want->from == LOG_READ_TIMESTAMP ? (uint64_t)seg->max_timestamp
                                                     : 0;
}

/* An index where it is when nothing has moved. */
static bool log_search_hint(const struct log_cursor *c, const struct log_want *want, uint64_t *slot)
{
    if (want->from != LOG_READ_INDEX) {
        return false;
    }
    *slot = c->hint_index == want->key ? c->hint_slot : want->key - want->seg->start.index;
    struct log_sidecar rec;
    return log_cursor_record(c, *slot, c->find_last, &rec) == ERR_OK && rec.index <= want->key &&
           want->key <= rec.last_index;
}

/* Record `high` is the first that is not before the key, rot aside. False: the search goes on
 * behind what is rotten. */
static bool log_search_found(struct log_cursor *c, const struct log_want *want, uint64_t *slot,
                             enum log_got *got)
{
    struct log_sidecar rec = {0};
    struct log_sidecar before;
    enum err err = c->high < c->end ? log_cursor_record(c, c->high, c->find_last, &rec) : ERR_END;
    if (err == ERR_AGAIN) {
        *got = log_window_fetch(c, want, c->high, false);
        return true;
    }
    if (c->high > 0 && (err == ERR_CORRUPT || !log_search_holds(c, &rec)) &&
        log_search_is_cut_off(c, c->high - 1)) {
        *got = log_window_fetch(c, want, c->high - 1, false);
        return true;
    }
    if (err == ERR_CORRUPT) {
        return log_search_rotten(c, want, slot, got);
    }
    *slot = c->high;
    *got = err == ERR_OK && rec.index <= c->find_last ? LOG_GOT_IT : LOG_GOT_NOTHING;
    if (c->high > 0 && !log_search_holds(c, &rec) &&
        log_cursor_record(c, c->high - 1, 0, &before) == ERR_CORRUPT) { /* it lies in the rot */
        uint64_t first = c->high - 1;
        while (first > 0 && log_cursor_record(c, first - 1, 0, &before) == ERR_CORRUPT) {
            first--;
        }
        *got = log_search_bad(c, want, first);
    }
    return true;
}

/* Record `high` is rotten: the key lies in the rot, or behind it. */
static bool log_search_rotten(struct log_cursor *c, const struct log_want *want, uint64_t *slot,
                              enum log_got *got)
{
    struct log_sidecar rec;
    uint64_t behind = c->high;
    enum err err = ERR_CORRUPT;
    while (err == ERR_CORRUPT && ++behind < c->end) {
        err = log_cursor_record(c, behind, 0, &rec);
    }
    bool is_before = err == ERR_OK && log_search_is_before(c, &rec);
    if (behind < c->end && (err == ERR_AGAIN || is_before)) {
        c->low = is_before ? behind + 1 : behind;
        c->high = c->end;
        return false;
    }
    *slot = behind;
    *got = behind < c->end && err == ERR_OK && log_search_holds(c, &rec)
               ? LOG_GOT_IT
               : log_search_bad(c, want, c->high);
    return true;
}

/* The key lies in the rot that record `slot` belongs to, though a window may not show all of it. */
static enum log_got log_search_bad(struct log_cursor *c, const struct log_want *want, uint64_t slot)
{
    enum log_got got = log_window_bad(c, want, slot, 0);
    if (want->from == LOG_READ_INDEX && want->key > c->bad_last) {
        c->bad_first = want->key;
        c->bad_last = want->key;
        c->bad_offset = 0;
    } else if (want->from == LOG_READ_INDEX && want->key < c->bad_first) {
        c->bad_first = want->key;
    }
    return got;
}

/* Whether record `slot` is not in the window though it could be, with what follows it. */
static bool log_search_is_cut_off(const struct log_cursor *c, uint64_t slot)
{
    struct log_sidecar rec;
    uint64_t pos = log_window_slot_pos(slot) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    return log_cursor_record(c, slot, 0, &rec) == ERR_AGAIN && c->window_pos != pos;
}

/* Whether the record, which is not before the key, is what is looked for whatever stands before it.
 */
static bool log_search_holds(const struct log_cursor *c, const struct log_sidecar *rec)
{
    return rec->index != 0 &&
           ((c->find_from == LOG_READ_INDEX && rec->index <= c->find_key) ||
            (c->find_from == LOG_READ_OFFSET && rec->base_offset <= c->find_key));
}

/* Look at records first..end-1, all in the window. What cannot be read counts as not before the key
 * unless one behind it is; at the window's end nothing is known of it. */
static void log_search_narrow(struct log_cursor *c, uint64_t first, uint64_t end)
{
    struct log_sidecar last;
    uint64_t known = end;
    while (end < c->high && known > first &&
           log_cursor_record(c, known - 1, 0, &last) == ERR_CORRUPT) {
        known--;
    }
    if (known == first && first == c->low) {
        c->low = end; /* if it was there, the record behind tells */
        return;
    }
    if (known == first) {
        c->high = first;
        return;
    }
    end = known;
    uint64_t low = first;
    uint64_t high = end;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        uint64_t probe = middle;
        struct log_sidecar rec;
        enum err err = log_cursor_record(c, probe, 0, &rec);
        while (err == ERR_CORRUPT && ++probe < high) {
            err = log_cursor_record(c, probe, 0, &rec);
        }
        if (err == ERR_OK && log_search_is_before(c, &rec)) {
            low = probe + 1;
            c->low_key = c->find_from == LOG_READ_OFFSET ? log_sidecar_next_offset(&rec)
                                                         : (uint64_t)rec.max_timestamp;
        } else {
            high = middle;
            if (err == ERR_OK && rec.index <= c->find_last) {
                c->high_key =
                    c->find_from == LOG_READ_OFFSET ? rec.base_offset : (uint64_t)rec.max_timestamp;
            }
        }
    }
    if (low > first) {
        c->low = low;
    }
    if (high < end) {
        c->high = high;
    }
}

/* Whether the record lies before the key. A void one, behind where a cut was, does not. */
static bool log_search_is_before(const struct log_cursor *c, const struct log_sidecar *rec)
{
    if (rec->index > c->find_last) {
        return false;
    }
    switch (c->find_from) {
    case LOG_READ_INDEX: return rec->last_index < c->find_key;
    case LOG_READ_OFFSET: return log_sidecar_next_offset(rec) <= c->find_key;
    case LOG_READ_TIMESTAMP: return rec->max_timestamp < (int64_t)c->find_key;
    }
    UNREACHABLE();
}

/* A record between low and high: where the hint says, by proportion, in the middle. */
static uint64_t log_search_guess(struct log_cursor *c, const struct log_want *want)
{
    uint64_t guess = c->low + (c->high - c->low) / 2;
    uint32_t number = c->guesses_count++;
    if (want->from == LOG_READ_INDEX && number == 0) {
        guess = c->hint_index == want->key ? c->hint_slot : want->key - want->seg->start.index;
    } else if (want->from != LOG_READ_INDEX && number < LOG_WINDOW_GUESSES &&
               want->key > c->low_key && want->key < c->high_key) {
        double part = (double)(want->key - c->low_key) / (double)(c->high_key - c->low_key);
        guess = c->low + (uint64_t)(part * (double)(c->high - c->low));
    }
    guess = guess < c->low ? c->low : guess;
    return guess < c->high ? guess : c->high - 1;
}
