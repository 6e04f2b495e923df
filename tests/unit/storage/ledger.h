/* A naive log: arrays of all that was ever appended to a group, and which of it stands. What a
 * store must answer is found here by looking through the arrays. */
#ifndef TESTS_UNIT_STORAGE_LEDGER_H
#define TESTS_UNIT_STORAGE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crc32c.h"
#include "storage/log/read.h"
#include "storage/log/retention.h"

#define LEDGER_ENTRIES  4096u
#define LEDGER_SEGMENTS 4096u

/* Payloads are pieces of so many random bytes; no entry is longer than the second. */
#define LEDGER_NOISE_BYTES (128u << 10)
#define LEDGER_ENTRY_BYTES (64u << 10)

/* An entry, as it was appended. */
struct ledger_entry {
    uint64_t index;
    uint64_t base_offset;
    uint64_t next_offset;
    uint32_t term;
    uint32_t length;        /* of its batch */
    uint32_t crc;           /* Kafka's */
    uint32_t records_count; /* 0: an internal entry */
    enum log_kind kind;
    int64_t timestamp; /* -1: none */
    struct hash128 chain;
};

struct ledger {
    uint64_t id;          /* of the group */
    const uint8_t *noise; /* LEDGER_NOISE_BYTES */
    const struct crc32c *kernels;
    uint32_t segment_bytes; /* a segment ends before the batch that would pass it */
    uint32_t entries_count; /* ever appended: the next one's serial */
    struct log_point start;
    struct log_point end;
    struct log_hard_state hard;
    uint64_t first_index; /* where the log began: 1, or what it was reset to last */
    uint32_t segments_count;
    uint64_t segments[LEDGER_SEGMENTS]; /* first index of each; the last is the active one */
    /* By index: what stands there. */
    uint32_t serials[LEDGER_ENTRIES + 1];
    uint64_t next_offsets[LEDGER_ENTRIES + 1];
    int64_t timestamps[LEDGER_ENTRIES + 1];
    int64_t max_timestamps[LEDGER_ENTRIES + 1]; /* running */
    uint32_t lengths[LEDGER_ENTRIES + 1];
    struct ledger_entry entries[LEDGER_ENTRIES]; /* by serial */
};

/* What a read must answer. */
struct ledger_want {
    enum err err;
    bool is_below; /* it begins below the log start: what stands there may be gone already */
    uint32_t entries_count; /* of the ledger when that was so */
    uint32_t count;         /* entries, if it is not cut short */
    uint32_t serials[LEDGER_ENTRIES];
};

/* Empty: a new group. */
void ledger_init(struct ledger *ledger, uint64_t id, const uint8_t *noise,
                 const struct crc32c *kernels, uint32_t segment_bytes);

/* What would be appended next: `entry`'s kind, term, timestamp, records count and length are given,
 * the rest is filled in. Its offsets span `span` (>= records) offsets; an internal entry takes
 * none. */
void ledger_make(const struct ledger *ledger, struct ledger_entry *entry, uint32_t span);

/* The bytes of an entry that `serial` is, entry->length of them, to `out`. */
void ledger_bytes(const struct ledger *ledger, const struct ledger_entry *entry, uint32_t serial,
                  uint8_t *out);

/* What is done to the log. An append takes what ledger_make made. */
void ledger_append(struct ledger *ledger, const struct ledger_entry *entry);
void ledger_cut(struct ledger *ledger, uint64_t first_index);
void ledger_trim(struct ledger *ledger, uint64_t first_index, uint32_t skip_count);
void ledger_roll(struct ledger *ledger);
void ledger_reset(struct ledger *ledger, const struct log_point *start);

/* A batch of `length` bytes takes the place of the one at `index`: the same offsets, a piece of the
 * payload. The chain stays. */
void ledger_rewrite(struct ledger *ledger, uint64_t index, uint32_t length);

/* The entry that stands at `index` (first_index .. end). */
const struct ledger_entry *ledger_at(const struct ledger *ledger, uint64_t index);

/* What stands before `first_index` (<= end + 1), with the index before. */
struct log_point ledger_before(const struct ledger *ledger, uint64_t first_index);

/* Answers. */
uint64_t ledger_membership(const struct ledger *ledger);
enum err ledger_term_of(const struct ledger *ledger, uint64_t index, uint32_t *term);
int32_t ledger_term_end(const struct ledger *ledger, uint32_t term, uint64_t *end_offset);
uint64_t ledger_retention(const struct ledger *ledger, const struct log_retention *want);
void ledger_expect(const struct ledger *ledger, const struct log_read *read,
                   struct ledger_want *want);

/* Bytes of the batches first..last; of all segments that hold entries from the log start on. */
uint64_t ledger_range_bytes(const struct ledger *ledger, uint64_t first_index, uint64_t last_index);
uint64_t ledger_kept_bytes(const struct ledger *ledger);

/* NULL: what `read` gave out are the entries that `want` begins with, all of them or as many as
 * fit; `is_prefix`: or fewer. Else what is wrong. `room`: LEDGER_ENTRY_BYTES. */
const char *ledger_check(const struct ledger *ledger, const struct log_read *read,
                         const struct ledger_want *want, bool is_prefix, uint8_t *room);

/* The log was cut or trimmed meanwhile. NULL: what `read` gave out are entries in order, each
 * one that stood there since it began. */
const char *ledger_check_any(const struct ledger *ledger, const struct log_read *read,
                             const struct ledger_want *want, uint8_t *room);

#endif
