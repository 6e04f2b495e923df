/* A segment whose files cannot be written (LOG §5: once more into a new file, then fence). Private
 * to storage/log.
 *
 * What is settled of it stays where it is; what is not, is in the journal, or stands in synced
 * blocks since a direct write put it there. The segment takes no more entries, and the next round
 * writes all that is not settled of it to new files (.log.new, .idx.new), finishes and syncs them
 * and gives them their names: a segment of its own, between what is settled and the next, or the
 * segment itself where nothing is. Then the log's segments change in one step, and the table goes
 * on with the next segment. So nothing has to be said in the journal but the roll: a start that
 * finds the table as it was has the former row, and all that is behind it. A second failure fences.
 *
 *     what failed                             the first time          while it is written once more
 *     open, mkdir, sync of a directory        rescue                  fence
 *     allocate, write, truncate, flush        rescue                  fence
 *     .snap                                   rescue                  fence
 *     read of the journal                     fence                   fence
 *     read of the segment, for a rescue                               fence
 *     no room, no memory, cut meanwhile       again later             again later
 *     a direct write                          fence: its frame is on its way and refers to it */
#ifndef STORAGE_LOG_RESCUE_H
#define STORAGE_LOG_RESCUE_H

#include <stdbool.h>

#include "storage/log/round.h"

/* A request of a job ended with its error, or `what` of a part with `err`: the segment is to be
 * rescued, or the device is fenced, or the round is tried again. A line says which file it was. */
void log_rescue_job_failed(struct log_job *job);
void log_rescue_part_failed(struct log_round *round, struct log_part *part, const char *kind,
                            enum err err, int saved_errno);

/* Whether a job can do something for a segment that failed: it has to be ended, or has ended for
 * good and is durable. */
bool log_rescue_is_due(const struct log_segment *seg);

/* Whether nothing of it is in a frame: there is nothing to rescue, the same names are tried again.
 */
bool log_rescue_is_fresh(const struct log_segment *seg);

/* A job comes to a segment that failed. True: job->apart is what it is to write now. False: nothing
 * more can be done; job->err says why, if something went wrong. */
bool log_rescue_begin(struct log_job *job);

/* What a job wrote apart is synced: it becomes a segment of the log, and part->seg. */
void log_rescue_apply(struct log_part *part);

/* What was begun apart, if anything, came to nothing. The next attempt writes over its files; where
 * there is none they stay until the directory is looked through (log_dir_clean). */
void log_rescue_drop(struct log *log);

/* Whether a part came of the new files, not only of segments before them. */
bool log_rescue_has_part(const struct log_job *job);

#endif
