/* What a start must write once more (start_again.c), as log_recover has decided. */
#ifndef STORAGE_LOG_RECOVER_AGAIN_H
#define STORAGE_LOG_RECOVER_AGAIN_H

#include <stdint.h>

struct log_recover;

/* Bytes of a journal file. */
struct log_recover_place {
    uint32_t slot; /* the file, as given to log_recover_file */
    uint64_t pos;  /* of the first */
    uint64_t end;  /* behind the last */
};

/* Frames that count and are not known to be flushed, the file's header included where they are
 * behind it. Writes up to `max`, returns how many there are. When log_recover_direct has had all
 * its answers. */
uint32_t log_recover_unflushed(const struct log_recover *r, struct log_recover_place *out,
                               uint32_t max);

#endif
