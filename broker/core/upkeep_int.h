/* Between the files of the upkeep: upkeep.c (a shard's part, turns), upkeep_step.c (a view's part:
 * records to partial groups to rows), upkeep_memory.c (what that takes), upkeep_home.c (the lead;
 * upkeep_home.h), upkeep_read.c. */
#ifndef BROKER_CORE_UPKEEP_INT_H
#define BROKER_CORE_UPKEEP_INT_H

#include "broker/core/changes.h"
#include "broker/core/scan_columns.h"
#include "broker/core/scan_records.h"
#include "broker/core/stream.h"
#include "broker/core/upkeep.h"
#include "broker/core/view.h"
#include "broker/core/view_feed.h"
#include "views/maint/fold.h"

/* Bytes of a step of a feed. */
#define CORE_UPKEEP_FEED_BYTES (256u << 10)

/* Rows that columns have room for, at first and while ticks are small. */
#define CORE_UPKEEP_ROWS_FIRST 64u

/* What a step says of itself in between. */
#define CORE_UPKEEP_TELL_NS (100 * RT_NS_PER_MS)

struct core_upkeep_part;
struct core_upkeep_view;

/* What all shards are told to do with a view, one after the other. */
enum core_upkeep_order {
    CORE_UPKEEP_NONE,  /* nothing yet: no shard has anything of it */
    CORE_UPKEEP_MAKE,  /* make a part: from then on parcels find one */
    CORE_UPKEEP_GO,    /* to a tick */
    CORE_UPKEEP_LEAVE, /* stop; done when nothing that the part has sent is anywhere */
    CORE_UPKEEP_FREE,  /* give the part up: nothing comes any more */
};

/* What a part tells of itself. */
struct core_upkeep_count {
    uint64_t rows;             /* of it */
    uint64_t bytes;            /* of memory */
    uint64_t records;          /* folded so far, ever */
    uint64_t left;             /* records of the step to be folded */
    struct core_faults faults; /* ever */
};

/* An order on one shard: goes there and comes home when it is done, or is to be sent again. While
 * one of a view's is away `view` is not changed at home but for what only the home reads. */
struct core_upkeep_step {
    struct core_call call;
    struct core_upkeep_view *view; /* whose; read there: order, tick, floor, origins, goals,
                                      is_paced */
    enum core_code over; /* CORE_OK; CORE_VIEW_BROKEN, `why`; CORE_UNKNOWN_VIEW: nobody wants it any
                            more: what is begun is to end soon; CORE_VIEW_CHANGED: its heir has its
                            place, and who reads it reads on */
    bool is_heir;        /* asked: it takes no memory that others may need */
    char why[160];       /* both asked and answered */

    /* Answered. */
    enum core_code code; /* CORE_OK; CORE_UNKNOWN_VIEW: the shard does not know it yet;
                            CORE_VIEW_BROKEN: `why`; CORE_OVERLOADED: no memory now; CORE_CLOSING */
    bool is_done;        /* else it is to be sent again: at once after CORE_OK, else later */
    struct core_upkeep_count count;

    /* The home's. */
    bool is_away;
    bool is_undone;                /* it is to be sent (again) */
    struct core_upkeep_count told; /* the newest `count` */
};

/* Partial groups on their way to a shard, and home again. */
struct core_upkeep_parcel {
    struct rt_outbox_mail mail;
    struct list_node in_list;      /* core_upkeep_part.parcels */
    struct core_upkeep_part *from; /* who made it */
    struct core_upkeep *to;        /* where it goes */
    struct log_uuid view;          /* whose */
    uint64_t tick;                 /* of which step */
    struct maint_delta *delta;     /* NULL: no groups */
    bool is_last;                  /* of that shard and step */
    bool is_away;                  /* on its way */
};

/* A partition of the source on this shard. */
struct core_upkeep_lane {
    struct core_view_feed feed;
    struct core_upkeep_part *part; /* whose */
    uint32_t partition;            /* which */
    uint64_t next;                 /* the first record that is not folded */
    uint64_t goal;                 /* of the step: fold what lies below */
    struct buf_loan *loans;        /* to be folded */
    bool is_away;                  /* a step of the feed is under way, or its close */
    bool is_open;                  /* the feed is */
};

/* What a part is at. */
enum core_upkeep_stage {
    CORE_UPKEEP_IDLE,  /* no step */
    CORE_UPKEEP_FOLD,  /* records of its lanes, and what came of other shards */
    CORE_UPKEEP_APPLY, /* its own are sent: what is left to come of other shards */
    CORE_UPKEEP_COPY,  /* all is applied: what it changed goes to the change log */
    CORE_UPKEEP_LEFT,  /* no step any more: what is under way ends */
    CORE_UPKEEP_OVER,  /* being given up */
};

/* A view on one shard. */
struct core_upkeep_part {
    struct core_upkeep *upkeep;    /* whose */
    struct log_uuid view;          /* which */
    struct list_node in_parts;     /* core_upkeep.parts */
    struct list_node in_ready;     /* core_upkeep.ready */
    struct list_node in_short;     /* core_upkeep.shorts */
    enum core_upkeep_stage stage;  /* what it is at */
    struct core_upkeep_step *step; /* in hand; NULL: none */
    uint64_t step_ns;              /* when it came */
    uint64_t late_ns;              /* since when its view is late */
    bool is_paced;                 /* it leaves the most of the time to producers */
    uint64_t tick;                 /* of the step begun last */
    uint64_t begun_tick;           /* of the first that was applied; 0: none */

    /* Made once. */
    struct budget budget;                  /* the view's, here */
    size_t made_bytes;                     /* of it, when it was made */
    struct arena arena;                    /* of what follows */
    char *name;                            /* of the view when it was made */
    struct plan plan;                      /* its plan, */
    struct core_stream_relation *relation; /* what that reads, */
    struct maint_view *maint;              /* and taken apart */
    struct core_scan_columns columns;
    struct core_scan_records records;
    struct maint_fold fold;
    struct maint_upkeep rows;
    struct core_upkeep_lane **lanes; /* lanes_count: of partitions that are here */
    uint32_t lanes_count;
    uint32_t partitions_count;        /* of the source, looked at */
    struct core_upkeep_parcel *lasts; /* the last parcel for each shard */
    struct maint_delta **deltas;      /* for each shard, while they are made, */
    struct core_upkeep_parcel **made; /* and parcels for them */
    bool is_made;                     /* all of that is there */

    /* Folding. */
    uint32_t lane;          /* being folded, and whose rows were taken */
    uint32_t rows_max;      /* taken at a time: so many as fold quickly */
    uint32_t rows_most;     /* in a batch of this step */
    uint32_t small_count;   /* steps of few rows, one after the other */
    size_t wide_bytes;      /* of its columns, while they are for many */
    uint64_t short_ns;      /* since when it waits for memory; 0: it does not */
    bool is_slow;           /* the last ones were not folded quickly */
    uint32_t rows_count;    /* taken and not folded yet */
    struct vec_batch batch; /* these, when columns are filled */
    struct buf_loan *spent; /* batches that rows taken point into */
    uint32_t fed_count;     /* lanes whose batches are asked for, or here */
    uint32_t parcels_away;  /* made here, not home */
    uint32_t lasts_away;    /* the last ones of a step among them */
    bool is_filled;         /* `batch` is */
    bool is_sending;        /* some pieces of the fold are sent: first the others are */
    bool is_sent;           /* the last parcels of the step */

    /* Applying. */
    bool is_begun;       /* rows.begin(tick) was called */
    struct list parcels; /* core_upkeep_parcel.in_list: came, oldest first */
    uint32_t applied;    /* groups of the first one */
    uint32_t last_count; /* shards whose last parcel was applied */

    struct core_changes changes; /* what steps changed */
    struct list reads;           /* core_upkeep_read.in_part: wait for their turn */
    uint32_t reads_count;        /* readings that are open */
    uint64_t records_count;      /* folded, ever */
    struct core_faults faults;   /* rows left out, ever, and values of columns that were given up;
                                    those of values since are columns.faults */
    bool is_heir;                /* as the newest step says */
    enum core_code code; /* CORE_OK; CORE_VIEW_BROKEN: `why`; CORE_UNKNOWN_VIEW: it was dropped;
                            CORE_VIEW_CHANGED: its heir has its place, and its rows are read on.
                            No step changes its rows any more */
    char why[160];
};

/* It has something to do. */
void core_upkeep_wake(struct core_upkeep_part *part);

/* Some of it, within about a batch of rows. True: there is more at once. */
bool core_upkeep_part_run(struct core_upkeep_part *part);

/* The part of a view here, or NULL. */
struct core_upkeep_part *core_upkeep_find(const struct core_upkeep *upkeep,
                                          const struct log_uuid *view);

/* Calls: a step. */
void core_upkeep_step_run(struct core_shard *at, struct core_call *call);

/* Between upkeep_step.c and upkeep_apply.c. Send a piece of what is folded, all of it or nothing;
 * the step's last parcels with the last one, if it `is_last`; is_sending: there are more. False:
 * there is no memory. */
bool core_upkeep_send(struct core_upkeep_part *part, bool is_last);
/* A parcel is not needed here any more. */
void core_upkeep_parcel_return(struct core_upkeep_parcel *parcel);
/* Some groups of the parcel that came first; some of what the step changed, for those who follow
 * the view. True: there is more at once. */
bool core_upkeep_apply(struct core_upkeep_part *part);
bool core_upkeep_copy(struct core_upkeep_part *part);
/* The step goes home. */
void core_upkeep_answer(struct core_upkeep_part *part, enum core_code code, bool is_done);
/* It is kept up no more, and that is why. Its step ends as all do. */
void core_upkeep_break(struct core_upkeep_part *part, const char *format, ...) PRINTF(2, 3);

/* What a view takes here that was just made, as it will be over `topic`; 0: its plan is wrong; more
 * than is left: there is no memory to find out. */
uint64_t core_upkeep_part_bytes(struct core_upkeep *upkeep, const struct core_view *view,
                                const struct core_topic *topic);

/* upkeep_memory.c. Columns for batches of so many rows; what was filled is gone. False: no memory.
 */
bool core_upkeep_columns(struct core_upkeep_part *part, uint32_t rows_max);
/* So many rows were taken. What a view computes of one may be much: fewer at a time then, so that
 * nobody waits long. Never so few that a batch costs more than its rows. It is twice that tells:
 * once may be somebody else's time. */
void core_upkeep_fit(struct core_upkeep_part *part, uint32_t rows, uint64_t since_ns);
/* A step is done. */
void core_upkeep_stepped(struct core_upkeep_part *part);
/* What it may take now: an heir takes nothing of the last of the views' memory, for those that are
 * read may need it, and a large view nothing that small ones need. */
void core_upkeep_bound(struct core_upkeep_part *part);
/* The same of what it sends, from now on until the next bound; of a batch that it folds: false, if
 * it had better not be begun, since what was folded of one cannot be taken back. */
void core_upkeep_bound_send(struct core_upkeep_part *part);
bool core_upkeep_may_fold(struct core_upkeep_part *part);
/* There is no memory for `what`. True: try again at once; false: when some is there, or it is
 * broken. */
bool core_upkeep_relieve(struct core_upkeep_part *part, const char *what);
/* Some came home: who waits for it tries again. */
void core_upkeep_relieved(struct core_upkeep *upkeep);
/* Let there be memory for rows, where something can be done without. */
void core_upkeep_ease(struct core_upkeep *upkeep);
/* Let other shards know what views take here. */
void core_upkeep_tell_used(struct core_upkeep *upkeep);

/* One reading's turn; it answers. */
void core_upkeep_read_turn(struct core_upkeep_read *read);

#endif
