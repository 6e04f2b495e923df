/* Beginning a group's log anew elsewhere: what a follower does whose leader's log starts behind its
 * end (LOG §8). See log.h for what all operations have in common. */
#ifndef STORAGE_LOG_RESET_H
#define STORAGE_LOG_RESET_H

#include "storage/log/log.h"

struct log_record;

/* Drop everything the group has, whatever it is: entries, segments, quarantined ranges, the
 * membership index. The log is empty then and starts at start->index (>= 1; below the old end or
 * behind it): status.start is *start, status.end the same with index - 1, the next append gets
 * start->index and the offset start->offset. Term and vote stay, and so does amnesia: an amnesiac
 * group may be reset, unlike any other writing. One journal record says it all: a crash leaves the
 * log before it or behind it.
 *
 * Older segments that are not known yet are looked for first; until then appends and cuts are
 * refused with ERR_AGAIN. Appends and trims that are in no frame yet when it takes effect end with
 * ERR_CANCELED, appends in one when it is written. Readers begin anew and meet the new log.
 * Besides the common errors: ERR_AGAIN (a cut or another reset looks something up), ERR_INVALID
 * (numbers beyond their limits), ERR_BUDGET, ERR_IO; nothing has changed then. */
void log_reset_to(struct log *log, struct log_op *op, const struct log_point *start);

/* The record is durable: log_record_durable's. Private to storage/log. */
void log_reset_durable(struct log *log, const struct log_record *record);

#endif
