/* The golden stores: the workload that made each, step by step. */
#include "base/rt/clock.h"
#include "tests/unit/storage/golden.h"

#define LOG_1_GROUPS    6u
#define REPLACED_GROUPS 7u

#define GOLDEN_BIT(n) (1u << (n))

/* --- log-1 --- */

/* The first boot, of two lanes; it ends in order. */
static void log_1_boot_one(struct golden *g)
{
    for (uint64_t id = 1; id < LOG_1_GROUPS; id++) {
        golden_create(g, id);
    }
    golden_hard(g, 1, 3, 2);
    golden_append(g, 1, 40, 100); /* settled, but for what fills no block */
    golden_append(g, 1, 40, 60);
    golden_append(g, 2, 3, 3000); /* large: straight to its segment */
    golden_hard(g, 2, 1, 1);
    golden_append(g, 3, 30, 400); /* rolls by its size */
    golden_settle(g);
    golden_cut(g, 1, 71);
    golden_hard(g, 1, 4, 1);
    golden_append(g, 1, 12, 80);
    golden_roll(g, 3);
    golden_append(g, 3, 30, 400);
    golden_append(g, 4, 5, 50);
    golden_hard(g, 5, 9, 3); /* its log is empty */
    golden_trim(g, 3, 21);
    for (uint32_t i = 0; i < 3; i++) { /* journal files are used again, what they hold stays */
        golden_append(g, 3, 30, 150);
        golden_settle(g);
    }
}

/* The second, of one lane; its process is killed. */
static void log_1_boot_two(struct golden *g)
{
    golden_create(g, 0);
    golden_delete(g, 4);
    golden_hard(g, 1, 5, 0);
    golden_append(g, 1, 10, 90);
    golden_append(g, 2, 2, 3500);
    golden_cut(g, 2, 5); /* a direct tail, of which only the first entry stands */
    golden_hard(g, 2, 2, 2);
    golden_append(g, 2, 1, 3700);
    golden_trim(g, 3, 61);
    golden_roll(g, 3);
    golden_append(g, 3, 5, 300);
}

static void log_1_make(struct golden *g)
{
    golden_open(g, 2);
    log_1_boot_one(g);
    golden_close(g);
    golden_open(g, 1);
    log_1_boot_two(g);
    golden_kill(g);
}

static void log_1_go_on(struct golden *g)
{
    golden_append(g, 1, 30, 200);
    golden_append(g, 2, 1, 3000);
    golden_cut(g, 3, 75);
    golden_append(g, 5, 5, 200);
    golden_settle(g);
}

/* --- log-1-replaced --- */

/* Each group but 6 has a sealed segment and some entries behind it. */
static void replaced_boot_one(struct golden *g)
{
    for (uint64_t id = 1; id < REPLACED_GROUPS; id++) {
        golden_create(g, id);
        golden_hard(g, id, 1, (uint32_t)id);
        golden_append(g, id, 20, 100);
    }
    golden_settle(g);
    for (uint64_t id = 1; id < REPLACED_GROUPS - 1; id++) {
        golden_roll(g, id);
        golden_append(g, id, 5, 60);
    }
    golden_settle(g);
    golden_settle(g);
    golden_replace(g, 1, 1, 11, 12); /* the old files go */
    golden_append(g, 1, 15, 60);
}

/* Of three lanes; the power goes. A table says all of it but for the last two hard states. */
static void replaced_boot_two(struct golden *g)
{
    golden_meet(g, 3, 6, 7);
    golden_meet(g, 4, 4, 4);
    golden_meet(g, 5, 9, 9);
    golden_put_back(g, 4, 4, 4);
    golden_hard(g, 2, 2, 1);
    golden_reset(g, 2, 300, 1000, 2);
    golden_append(g, 2, 10, 100);
    golden_roll(g, 2);
    golden_append(g, 2, 3, 60);
    golden_append(g, 3, 5, 60);
    golden_roll(g, 1);
    golden_append(g, 1, 5, 60);
    golden_settle(g);
    golden_settle(g);
    golden_hard(g, 5, 4, 2);
    golden_hard(g, 6, 7, 1);
}

/* Of one lane. The table tells no more of it than that group 0 is there and group 6 amnesiac. The
 * process is killed as soon as the last record is durable: files of both generations are there, and
 * the journal alone tells which count. */
static void replaced_boot_three(struct golden *g)
{
    golden_create(g, 0);
    golden_accept(g, 5);
    golden_hard(g, 5, 5, 1);
    golden_append(g, 5, 4, 80);
    golden_append(g, 4, 3, 80);
    golden_meet(g, 3, 15, 15);
    golden_reset(g, 2, 700, 2500, 2);
    golden_hard(g, 2, 3, 2);
    golden_append(g, 2, 6, 80);
    golden_replace(g, 1, 21, 30, 33);
}

static void replaced_make(struct golden *g)
{
    golden_open(g, 2);
    replaced_boot_one(g);
    golden_close(g);
    golden_rot(g, 3, 6, 7);
    golden_rot(g, 4, 4, 4);
    golden_rot(g, 5, 9, 9);
    golden_open(g, 3);
    replaced_boot_two(g);
    golden_power_off(g);
    golden_rot(g, 3, 15, 15);
    golden_rot_hard(g, 5);
    golden_rot_hard(g, 6);
    golden_open(g, 1);
    replaced_boot_three(g);
    golden_kill(g);
}

static void replaced_go_on(struct golden *g)
{
    golden_append(g, 1, 10, 200);
    golden_append(g, 2, 10, 200);
    golden_append(g, 3, 10, 200);
    golden_cut(g, 4, 22);
    golden_append(g, 4, 10, 200);
    golden_reset(g, 5, 900, 3000, 5);
    golden_append(g, 5, 10, 200);
    golden_refused(g, 6, ERR_ACCESS);
    golden_settle(g);
}

static void replaced_mend(struct golden *g)
{
    golden_put_back(g, 3, 6, 15); /* the whole segment's at once */
    golden_accept(g, 6);
    golden_append(g, 6, 5, 200);
}

const struct golden_store golden_stores[GOLDEN_STORES] = {
    {
        .name = "log-1",
        .groups_count = LOG_1_GROUPS,
        .kinds = GOLDEN_BIT(LOG_RECORD_ENTRY) | GOLDEN_BIT(LOG_RECORD_CUT) |
                 GOLDEN_BIT(LOG_RECORD_HARD) | GOLDEN_BIT(LOG_RECORD_TRIM) |
                 GOLDEN_BIT(LOG_RECORD_TAIL) | GOLDEN_BIT(LOG_RECORD_CREATE) |
                 GOLDEN_BIT(LOG_RECORD_DELETE) | GOLDEN_BIT(LOG_RECORD_ROLL) |
                 GOLDEN_BIT(LOG_RECORD_LANES),
        .tails = GOLDEN_TAIL_WHOLE | GOLDEN_TAIL_DIRECT,
        .journal_first_bytes = 16 << 10,
        .journal_file_bytes = 64 << 10,
        .settle_ns = 3 * RT_NS_PER_MS,
        .tells_min = 150,
        .make = log_1_make,
        .go_on = log_1_go_on,
    },
    {
        .name = "log-1-replaced",
        .groups_count = REPLACED_GROUPS,
        .kinds = GOLDEN_BIT(LOG_RECORD_ENTRY) | GOLDEN_BIT(LOG_RECORD_HARD) |
                 GOLDEN_BIT(LOG_RECORD_TAIL) | GOLDEN_BIT(LOG_RECORD_CREATE) |
                 GOLDEN_BIT(LOG_RECORD_ROLL) | GOLDEN_BIT(LOG_RECORD_RESET) |
                 GOLDEN_BIT(LOG_RECORD_SWITCH) | GOLDEN_BIT(LOG_RECORD_MARK) |
                 GOLDEN_BIT(LOG_RECORD_LANES),
        .marks = GOLDEN_BIT(LOG_MARK_QUARANTINE) | GOLDEN_BIT(LOG_MARK_HEAL) |
                 GOLDEN_BIT(LOG_MARK_AMNESIAC) | GOLDEN_BIT(LOG_MARK_ACCEPTED),
        .tails = GOLDEN_TAIL_WHOLE,
        .journal_first_bytes = 128 << 10,
        .journal_file_bytes = 128 << 10,
        .settle_ns = 10 * RT_NS_PER_S,
        .tells_min = 120,
        .rotten_count = 2,
        .make = replaced_make,
        .go_on = replaced_go_on,
        .mend = replaced_mend,
    },
};
