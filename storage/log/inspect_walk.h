/* A walk through a group, and batches read on the way: what inspect_walk.c, inspect_tail.c,
 * inspect_segments.c and inspect_recover.c share. Private to them. */
#ifndef STORAGE_LOG_INSPECT_WALK_H
#define STORAGE_LOG_INSPECT_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sm.h"
#include "storage/log/inspect_int.h"

enum {
    INSPECT_WALK_IDLE,   /* at the end, or not begun */
    INSPECT_WALK_LIST,   /* which segments there are */
    INSPECT_WALK_CHOOSE, /* which of them count */
    INSPECT_WALK_SEARCH, /* which of them to begin with */
    INSPECT_WALK_HEAD,   /* header of a sidecar */
    INSPECT_WALK_REC,    /* a record of it */
    INSPECT_WALK_BODY,   /* its batch */
    INSPECT_WALK_SEG,    /* the rest of a segment */
    INSPECT_WALK_TAIL,   /* unsettled entries */
};

/* A batch that lies partly in a segment, partly in the bytes behind what is written of it. */
struct log_inspect_body {
    char name[LOG_INSPECT_NAME_BYTES]; /* the .log */
    uint32_t pos;                      /* of the batch in it */
    uint32_t length;                   /* of the batch */
    uint32_t written_bytes;            /* what is behind is in `rest`; UINT32_MAX: all is there */
    const uint8_t *rest;               /* bytes from written_bytes on */
    uint32_t rest_bytes;               /* of them */
    const uint8_t *data;               /* answer: the batch; NULL: not there, or not all of it */
    enum err err;                      /* answer: why not; ERR_END: the bytes end before it */
    uint64_t file_bytes;               /* answer: size of the .log, if it was read */
};

/* Whether body->data and body->err say where the batch is, or that it is nowhere; else its bytes
 * are on their way. */
bool log_inspect_body(struct log_inspect_state *state, struct log_inspect_body *body);

/* The walk's stages, for tests. */
extern const struct sm_decl log_inspect_walk_decl;

/* Fill walk->files from state->list. False: it failed. Then look into those that it takes to choose
 * which count, and drop the others: false, something is being read. */
bool log_inspect_files_choose(struct log_inspect_state *state);
bool log_inspect_files_look(struct log_inspect_state *state);

/* Entries first..last of the group are wrong, as shows at `pos` of `file`. When what is before the
 * place to begin is wrong, it is kept until it is known whether it was that place. */
void log_inspect_wrong(struct log_inspect_state *state, const char *file, uint64_t pos,
                       uint64_t first_index, uint64_t last_index, const char *what);

/* Whether `rec` is wanted: at or behind the place to begin. */
bool log_inspect_is_wanted(struct log_inspect_state *state, const struct log_sidecar *rec);

/* Tell of walk->rec, whose batch is `data` (NULL: not read). */
void log_inspect_entry(struct log_inspect_state *state, const uint8_t *data, bool is_settled);

/* Whether it has a batch that can be read. */
bool log_inspect_has_body(const struct log_sidecar *rec);

/* walk->end moves behind walk->rec. */
void log_inspect_advance(struct log_inspect_walk *walk);

/* Whether `rec` has the chain that follows `previous`; a gap's is believed. */
bool log_inspect_is_chained(const struct log_sidecar *rec, struct hash128 previous);

/* Whether both points are the same place. */
bool log_inspect_is_point(const struct log_point *a, const struct log_point *b);

/* Whether the row says of the settled end more than its index. */
bool log_inspect_is_end_known(const struct log_row *row);

/* Begin with the unsettled entries. */
void log_inspect_tail_begin(struct log_inspect_state *state);

/* The file and place where an unsettled entry begins. */
void log_inspect_entry_place(const struct log_inspect_state *state,
                             const struct log_found_entry *entry, char out[LOG_INSPECT_NAME_BYTES],
                             uint64_t *pos);

#endif
