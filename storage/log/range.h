/* Indexes of a group that cannot be read (LOG §5): kept in order, never truncated away. Private to
 * storage/log. */
#ifndef STORAGE_LOG_RANGE_H
#define STORAGE_LOG_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct log;
struct log_range;

/* The first range that ends at or behind `index`, or NULL. It holds `index` if it begins there or
 * before. */
struct log_range *log_range_find(const struct log *log, uint64_t index);

/* Note that `first_index`..`last_index` cannot be read; `next_offset` stands behind them. Ranges
 * that overlap or touch become one. *is_new = false: all of it was known. In memory only. */
MUST_USE enum err log_range_add(struct log *log, uint64_t first_index, uint64_t last_index,
                                uint64_t next_offset, bool *is_new);

/* A reader or a start found them unreadable: as log_range_add, and what was not known is logged
 * and, where the group may be written, persisted by a MARK record. `term`: of the last one. Without
 * memory it is only logged. */
void log_range_quarantine(struct log *log, uint64_t first_index, uint64_t last_index,
                          uint64_t next_offset, uint32_t term);

/* Entries first..last can be read again, or are given up: no range holds them any more. In memory
 * only; the caller submits the mark. ERR_BUDGET: nothing has changed. */
MUST_USE enum err log_range_heal(struct log *log, uint64_t first_index, uint64_t last_index);
/* A start found that the group is amnesiac: journal that, before anything else of it. Records of
 * this boot would prove to the next start that nothing is missing. */
void log_mark_amnesiac(struct log *log);

/* Entries from `first_index` on are cut off; entries below log start do not count any more. */
void log_ranges_cut(struct log *log, uint64_t first_index);
void log_ranges_trim(struct log *log);

#endif
