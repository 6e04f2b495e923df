/* The log of a group while a start finds it: it grows and shrinks (recover_log.c). Private to
 * recover*.c. */
#ifndef STORAGE_LOG_RECOVER_LOG_H
#define STORAGE_LOG_RECOVER_LOG_H

#include "storage/log/recover_int.h"

/* Indexes behind the end up to `last_index` cannot be read: the log ends behind them. */
MUST_USE enum err recover_log_gap(struct log_recover *r, struct recover_group *g,
                                  uint64_t last_index, uint64_t next_offset, uint32_t term);

/* The log ends at `end`, where a gap may have been in front of it: its chain is known now. */
void recover_log_learn(struct recover_group *g, const struct log_point *end);

/* The gap that ends the log ends at `next_offset`, and its last entry has `term` (0: not known).
 * False: the log ends otherwise, or behind it. */
bool recover_log_gap_end(struct recover_group *g, uint64_t next_offset, uint32_t term);

/* Everything behind end->index (< found.end.index) goes; a segment must begin next. */
MUST_USE enum err recover_log_cut(struct log_recover *r, struct recover_group *g,
                                  const struct log_point *end);

/* The next entry begins a segment, unless this very one has begun. */
MUST_USE enum err recover_log_segment(struct log_recover *r, struct recover_group *g,
                                      uint32_t generation);

/* A segment began at `index` (> row.end.index) already: entries from there on are in it. */
MUST_USE enum err recover_log_split(struct log_recover *r, struct recover_group *g, uint64_t index,
                                    uint32_t generation);

/* `entry` follows: it gets segment, place and running timestamp. */
MUST_USE enum err recover_log_push(struct log_recover *r, struct recover_group *g,
                                   struct log_found_entry *entry);

/* Entries behind the settled end, segments, rests and ranges go. */
void recover_log_clear(struct recover_group *g);

/* The entry that has `index`, behind the settled end; NULL: none. */
struct log_found_entry *recover_log_find(const struct recover_group *g, uint64_t index);

/* Whether the entry before `entry` came from the same record: a tail. */
bool recover_log_shares_seq(const struct recover_group *g, const struct log_found_entry *entry);

/* *out = what stands behind entry `index`, as far as it is known. Whether its chain is, too. */
bool recover_log_point(const struct recover_group *g, uint64_t index, struct log_point *out);

/* Indexes are quarantined; are not any more (of those marked only if `is_marked_too`). */
MUST_USE enum err recover_range_add(struct log_recover *r, struct recover_group *g,
                                    const struct log_found_range *range);
MUST_USE enum err recover_range_remove(struct log_recover *r, struct recover_group *g,
                                       uint64_t first_index, uint64_t last_index,
                                       bool is_marked_too);

#endif
