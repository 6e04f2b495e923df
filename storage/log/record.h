/* What stands in a frame: records (storage/README.md, "Records"). Pure.
 *
 * A record is its head, a fixed part that its kind gives, and a variable part: a batch, sidecar
 * records and rest bytes, or lane ends. log_record_put writes all three. What a decoder would
 * refuse is not written: ASSERTed. */
#ifndef STORAGE_LOG_RECORD_H
#define STORAGE_LOG_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/format.h"

/* Records begin at multiples of this, from the frame's start. */
#define LOG_RECORD_ALIGN 8u

/* A record's head; an entry's head with its fixed part; the largest fixed part. */
#define LOG_RECORD_HEAD_BYTES  32u
#define LOG_RECORD_ENTRY_BYTES 72u
#define LOG_RECORD_FIXED_MAX   48u

/* Name, stored value, bytes of the fixed part. */
#define LOG_RECORD_KINDS(X)                                                                        \
    X(ENTRY, 1, 40)                                                                                \
    X(CUT, 2, 40)                                                                                  \
    X(HARD, 3, 16)                                                                                 \
    X(TRIM, 4, 40)                                                                                 \
    X(TAIL, 5, 48)                                                                                 \
    X(CREATE, 6, 24)                                                                               \
    X(DELETE, 7, 0)                                                                                \
    X(ROLL, 8, 16)                                                                                 \
    X(RESET, 9, 48)                                                                                \
    X(SWITCH, 10, 16)                                                                              \
    X(MARK, 11, 32)                                                                                \
    X(LANES, 12, 0)

enum log_record_kind {
#define LOG_RECORD_ENUM(name, value, bytes) LOG_RECORD_##name = value,
    LOG_RECORD_KINDS(LOG_RECORD_ENUM)
#undef LOG_RECORD_ENUM
};

/* struct log_record.flags of a tail: the blocks in front of its rest went to the segment along with
 * this frame. */
#define LOG_TAIL_DIRECT 1u

/* Of a cut: it tells the largest timestamp that stays. */
#define LOG_CUT_TIME 1u

/* struct log_record.mark.what */
enum log_mark {
    LOG_MARK_QUARANTINE = 1, /* indexes first..last cannot be read */
    LOG_MARK_HEAL = 2,       /* they can again */
    LOG_MARK_AMNESIAC = 3,   /* the group does not know what it has answered */
    LOG_MARK_ACCEPTED = 4,   /* an operator, or a leader of a later term, ended that */
};

/* Where frames of an earlier boot end. */
#define LOG_LANE_END_BYTES 24u
struct log_lane_end {
    uint64_t boot_epoch; /* which start */
    uint32_t lane;       /* which stream of it */
    uint64_t last_frame; /* the last frame that counts; it counts as flushed */
};

/* A record. The union's member follows from the kind. */
struct log_record {
    enum log_record_kind kind; /* what */
    uint8_t flags;             /* LOG_TAIL_DIRECT, LOG_CUT_TIME */
    uint16_t key_id;           /* 0: not encrypted */
    uint64_t group;            /* whose; 0 for LANES */
    uint64_t seq;              /* group_seq; 0 for LANES */
    uint32_t header_crc;       /* of an entry: of its batch's 61 bytes */
    union {
        struct {
            uint64_t index;            /* >= 1 */
            uint64_t base_offset;      /* of its first record */
            uint32_t term;             /* <= LIMIT_TERM */
            int32_t last_offset_delta; /* >= -1 */
            struct hash128 chain;      /* up to this entry */
        } entry;
        struct {
            struct log_point end;  /* the log's end after the cut: index is the last that stays */
            uint32_t generation;   /* of the segment that begins behind it */
            int64_t max_timestamp; /* LOG_CUT_TIME: running maximum at `end`, ms; -1: none */
        } cut;
        struct log_hard_state hard;
        struct {
            struct log_point start; /* the new log start */
            uint32_t generation;    /* RESET: of the segment that begins there */
        } trim;                     /* TRIM and RESET */
        struct {
            uint64_t segment_index; /* first index of the segment */
            uint32_t generation;    /* of the segment */
            uint32_t recs_count;    /* sidecar records that follow */
            uint64_t first_index;   /* of these; none: the next entry's */
            uint32_t recs_before;   /* sidecar records settled before them in the segment */
            uint32_t written_bytes; /* of the segment's .log, whole blocks */
            uint32_t rest_bytes; /* bytes of the .log from there on; < a block, unless a batch ends
                                    the log */
            uint32_t direct_pos; /* direct: where in the .log its blocks begin, up to written_bytes;
                                    else 0 */
            uint32_t direct_crc; /* direct: CRC of these blocks; else 0 */
        } tail;
        struct {
            struct log_uuid topic; /* of the partition */
            uint32_t partition;    /* its number */
        } create;
        struct {
            uint64_t
                segment_index;   /* ROLL: first index of the new segment; SWITCH: of the segment */
            uint32_t generation; /* ROLL: of the new segment; SWITCH: old */
            uint32_t generation_new; /* SWITCH: new */
        } segment;                   /* ROLL and SWITCH */
        struct {
            uint64_t first_index; /* of the range; 0: none */
            uint64_t last_index;  /* likewise */
            uint64_t next_offset; /* behind the range */
            uint32_t term;        /* of its last entry */
            enum log_mark what;   /* which mark */
        } mark;
    };
    /* Decoded: what follows the fixed part, in the frame's bytes. Encoding: what the caller gives.
     */
    const uint8_t *data; /* the batch; sidecar records and rest; lane ends */
    uint32_t data_bytes; /* its length */
};

/* The kind's name in lower case, "entry". Static storage; "unknown" for others. */
const char *log_record_kind_name(enum log_record_kind kind);

/* What the record takes in a frame, padding included. */
size_t log_record_bytes(const struct log_record *record);

/* Write `record` at the writer, whose position is that of the frame's start modulo 8, with zeros up
 * to the next multiple of 8; record->data (data_bytes) is copied. `seed` is the frame's.
 * ERR_TOO_LARGE in `w`: it does not fit, nothing of it is written. */
void log_record_put(struct bytes_writer *w, const struct crc32c *kernels, uint32_t seed,
                    const struct log_record *record);

/* Read the record at the reader and step over it and its padding. ERR_TRUNCATED, ERR_CORRUPT: in
 * the reader, which stays at the record's first byte; *out is zero then. An entry's batch is not
 * verified: its header CRC, index, offset and term are (the record's checksum), the batch's bytes
 * are the reader's to check with log_batch. Of a tail, its sidecar records are whole in number but
 * not decoded. */
void log_record_get(struct bytes_reader *r, const struct crc32c *kernels, uint32_t seed,
                    struct log_record *out);

/* Put and get one lane end in the body of LANES. */
void log_lane_end_put(struct bytes_writer *w, const struct log_lane_end *end);
struct log_lane_end log_lane_end_get(struct bytes_reader *r);

#endif
