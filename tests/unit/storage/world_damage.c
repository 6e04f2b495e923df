/* The world's store on a damaged disk. See world_damage.h. */
#include "tests/unit/storage/world_damage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rt/clock.h"
#include "storage/log/frame.h"
#include "tests/unit/storage/world_int.h"

/* --- Doing damage --- */

/* One of the files of a class, drawn. */
struct damage_files {
    const char *part;            /* of their paths */
    struct prng *prng;           /* draws */
    char path[LIMIT_PATH_BYTES]; /* the one */
    uint32_t count;              /* seen */
};

static void damage_visit(void *ctx, const char *path)
{
    struct damage_files *files = ctx;
    size_t length = strlen(path);
    if (strstr(path, files->part) != NULL && path[length - 1] != '/' &&
        prng_chance(files->prng, 1, ++files->count)) {
        snprintf(files->path, sizeof(files->path), "%s", path);
    }
}

/* How a place is damaged. */
enum damage_kind { DAMAGE_HEAD, DAMAGE_BIT, DAMAGE_SECTOR, DAMAGE_BLOCK, DAMAGE_KINDS_COUNT };

static bool damage_place(struct sim_disk *disk, const char *path, uint64_t block,
                         enum damage_kind kind, struct prng *prng)
{
    uint64_t pos = block * LIMIT_BLOCK_BYTES;
    switch (kind) {
    case DAMAGE_HEAD:
        pos += prng_below(prng, 200);
        return sim_disk_rot(disk, path, pos, (uint32_t)prng_below(prng, 8)) == ERR_OK;
    case DAMAGE_BIT:
        pos += prng_below(prng, LIMIT_BLOCK_BYTES);
        return sim_disk_rot(disk, path, pos, (uint32_t)prng_below(prng, 8)) == ERR_OK;
    case DAMAGE_SECTOR:
        pos += prng_below(prng, LIMIT_BLOCK_BYTES);
        return sim_disk_sector_error(disk, path, pos) == ERR_OK;
    case DAMAGE_BLOCK: return sim_disk_wipe(disk, path, pos) == ERR_OK;
    case DAMAGE_KINDS_COUNT: break;
    }
    UNREACHABLE();
}

/* Whether a frame begins in the block and its directory names a cut, or a reset or the like. */
static bool damage_is_cut(struct sim_disk *disk, const char *path, uint64_t block)
{
    uint8_t head[LIMIT_BLOCK_BYTES];
    int64_t bytes = sim_disk_peek(disk, path, block * LIMIT_BLOCK_BYTES, head, sizeof(head));
    if (bytes != (int64_t)sizeof(head) || memcmp(head, "TDBF", 4) != 0) {
        return false;
    }
    uint32_t what = 0;
    for (uint32_t i = 0; i < head[64] && i < WORLD_GROUPS; i++) {
        what |= head[LOG_FRAME_HEADER_BYTES + i * LOG_FRAME_ROW_BYTES + 44];
    }
    return (what & (LOG_ROW_CUT | LOG_ROW_CONTROL)) != 0;
}

/* A block of the file with something in it, preferably one where a frame begins. */
static bool damage_find(struct sim_disk *disk, const char *path, bool is_journal, struct prng *prng,
                        uint64_t *block)
{
    uint64_t size = sim_disk_size(disk, path);
    if (size == 0 || size == UINT64_MAX) {
        return false;
    }
    uint64_t blocks_count = (size + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES;
    for (uint32_t i = 0; is_journal && prng_chance(prng, 19, 20) && i < 40; i++) {
        *block = prng_below(prng, blocks_count);
        if (damage_is_cut(disk, path, *block)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < 8; i++) {
        uint8_t head[4] = {0};
        *block = prng_below(prng, blocks_count);
        int64_t bytes = sim_disk_peek(disk, path, *block * LIMIT_BLOCK_BYTES, head, sizeof(head));
        if (bytes > 0 && (!is_journal || memcmp(head, "TDBF", 4) == 0 || (i > 4 && head[0] != 0))) {
            return true;
        }
    }
    return !is_journal;
}

/* The last block of a sidecar in which something stands. */
static bool damage_find_end(struct sim_disk *disk, const char *path, uint64_t *block)
{
    uint64_t size = sim_disk_size(disk, path);
    uint64_t count = size == UINT64_MAX ? 0 : size / LIMIT_BLOCK_BYTES;
    for (*block = count; *block > 0;) {
        uint8_t head[LIMIT_BLOCK_BYTES];
        --*block;
        int64_t bytes = sim_disk_peek(disk, path, *block * LIMIT_BLOCK_BYTES, head, sizeof(head));
        for (int64_t i = 0; i < bytes; i++) {
            if (head[i] != 0) {
                return true;
            }
        }
    }
    return false;
}

/* The block where the frame after that in `block` begins; 0: none. */
static uint64_t damage_next_frame(struct sim_disk *disk, const char *path, uint64_t block)
{
    uint8_t bytes[4];
    uint64_t pos = block * LIMIT_BLOCK_BYTES;
    if (sim_disk_peek(disk, path, pos + 36, bytes, 4) != 4) {
        return 0;
    }
    struct bytes_reader r = bytes_reader(bytes, sizeof(bytes));
    uint64_t frame_bytes = bytes_get_u32le(&r);
    uint64_t next = pos + frame_bytes;
    bool is_there = frame_bytes > 0 && frame_bytes % LIMIT_BLOCK_BYTES == 0 &&
                    sim_disk_peek(disk, path, next, bytes, 4) == 4 && memcmp(bytes, "TDBF", 4) == 0;
    return is_there ? next / LIMIT_BLOCK_BYTES : 0;
}

bool world_damage(struct sim_disk *disk, struct prng *prng, struct world_damage *out)
{
    static const char *const parts[] = {"/journal/", "/p/", "/groups.tab", "/node.meta"};
    static const char *const kinds[] = {"head bit", "bit", "sector error", "block wiped"};
    uint64_t dice = prng_below(prng, 100);
    uint32_t which = dice < 70 ? 0 : dice < 85 ? 1 : dice < 97 ? 2 : 3;
    bool is_end = which == 1 && prng_chance(prng, 1, 2);
    struct damage_files files = {.part = is_end ? ".idx" : parts[which], .prng = prng};
    sim_disk_walk(disk, damage_visit, &files);
    uint64_t block = 0;
    if (files.count == 0) {
        return false;
    }
    const char *path = files.path;
    enum damage_kind kind = (enum damage_kind)prng_below(prng, DAMAGE_KINDS_COUNT);
    bool is_found = is_end ? damage_find_end(disk, path, &block)
                           : damage_find(disk, path, which == 0, prng, &block);
    if (!is_found || !damage_place(disk, path, block, kind, prng)) {
        return false;
    }
    uint64_t places_count = 1;
    while (which == 0 && places_count < 4 && prng_chance(prng, 1, 3)) { /* and the copy behind it */
        uint64_t next = damage_next_frame(disk, path, block);
        if (next == 0 || !damage_place(disk, path, next, kind, prng)) {
            break;
        }
        block = next;
        places_count++;
    }
    *out = (struct world_damage){0};
    out->does_refuse = which == 3 || which == 2;
    out->does_hide_row = which == 2;
    out->does_erase = which == 0 && kind == DAMAGE_BLOCK;
    snprintf(out->what, sizeof(out->what), "%.100s, block %" PRIu64 ": %s, %" PRIu64 " places",
             path, block, kinds[kind], places_count);
    return true;
}

/* --- Damage that passes --- */

/* A frame of the newest boot. */
struct damage_frame {
    char path[160];
    uint64_t pos;
    uint64_t boot_epoch;
    uint32_t lane;
    uint64_t number;
};

/* All frames of the newest boot that are seen, as many as there is room for. */
struct damage_scan {
    struct sim_disk *disk;
    struct damage_frame frames[256];
    uint32_t count;
};

static void damage_scan_visit(void *ctx, const char *path)
{
    struct damage_scan *scan = ctx;
    uint64_t size = sim_disk_size(scan->disk, path);
    if (strstr(path, ".jnl") == NULL || size == UINT64_MAX) {
        return;
    }
    for (uint64_t pos = 0; pos < size; pos += LIMIT_BLOCK_BYTES) {
        uint8_t head[56];
        if (sim_disk_peek(scan->disk, path, pos, head, sizeof(head)) != (int64_t)sizeof(head) ||
            memcmp(head, "TDBF", 4) != 0) {
            continue;
        }
        struct damage_frame frame = {.pos = pos};
        struct bytes_reader r = bytes_reader(head + 24, sizeof(head) - 24);
        frame.boot_epoch = bytes_get_u64le(&r);
        frame.lane = bytes_get_u32le(&r);
        (void)bytes_get_u32le(&r);
        (void)bytes_get_u64le(&r);
        frame.number = bytes_get_u64le(&r);
        snprintf(frame.path, sizeof(frame.path), "%s", path);
        if (scan->count > 0 && frame.boot_epoch > scan->frames[0].boot_epoch) {
            scan->count = 0;
        }
        bool is_newest = scan->count == 0 || frame.boot_epoch == scan->frames[0].boot_epoch;
        if (is_newest && scan->count < ARRAY_COUNT(scan->frames)) {
            scan->frames[scan->count++] = frame;
        }
    }
}

static const struct damage_frame *damage_scan_find(const struct damage_scan *scan, uint32_t lane,
                                                   uint64_t number)
{
    for (uint32_t i = 0; i < scan->count; i++) {
        if (scan->frames[i].lane == lane && scan->frames[i].number == number) {
            return &scan->frames[i];
        }
    }
    return NULL;
}

bool world_damage_passing(struct sim_disk *disk, struct prng *prng, struct world_damage *out)
{
    struct damage_scan scan = {.disk = disk};
    *out = (struct world_damage){0};
    sim_disk_walk(disk, damage_scan_visit, &scan);
    if (scan.count == 0) {
        return false;
    }
    const struct damage_frame *last = &scan.frames[prng_below(prng, scan.count)];
    for (uint32_t i = 0; i < scan.count; i++) {
        const struct damage_frame *frame = &scan.frames[i];
        last = frame->lane == last->lane && frame->number > last->number ? frame : last;
    }
    uint64_t count = 1 + prng_below(prng, WORLD_FLIPS);
    for (uint64_t i = 0; i < count && last != NULL && last->number > 1; i++) {
        struct world_flip *flip = &out->flips[out->flips_count];
        snprintf(flip->path, sizeof(flip->path), "%s", last->path);
        flip->pos = last->pos;
        if (sim_disk_rot(disk, flip->path, flip->pos + 8, 0) != ERR_OK) {
            break;
        }
        (void)sim_disk_peek(disk, flip->path, flip->pos, flip->damaged, sizeof(flip->damaged));
        out->flips_count++;
        last = damage_scan_find(&scan, last->lane, last->number - 1);
    }
    snprintf(out->what, sizeof(out->what), "%u newest frames cannot be read for a while",
             out->flips_count);
    return out->flips_count > 0;
}

/* The second start: what it was is there again, unless it has been written over, and the first
 * start's `lanes` is not. */
static void damage_pass(struct sim_disk *disk, struct prng *prng, const struct world_damage *damage)
{
    for (uint32_t i = 0; i < damage->flips_count; i++) {
        const struct world_flip *flip = &damage->flips[i];
        uint8_t head[sizeof(flip->damaged)];
        int64_t bytes = sim_disk_peek(disk, flip->path, flip->pos, head, sizeof(head));
        if (bytes == (int64_t)sizeof(head) && memcmp(head, flip->damaged, sizeof(head)) == 0) {
            enum err err = sim_disk_rot(disk, flip->path, flip->pos + 8, 0);
            ASSERT(err == ERR_OK);
        }
    }
    struct damage_scan scan = {.disk = disk};
    sim_disk_walk(disk, damage_scan_visit, &scan);
    const struct damage_frame *lanes = damage_scan_find(&scan, 0, 1);
    if (lanes != NULL) {
        enum damage_kind kind = (enum damage_kind)prng_below(prng, DAMAGE_KINDS_COUNT);
        (void)damage_place(disk, lanes->path, lanes->pos / LIMIT_BLOCK_BYTES, kind, prng);
    }
}

/* --- Looking --- */

/* A group of a damaged store, being read. */
struct damage_probe {
    struct world_probe probe;
    struct world_look *look;
    uint64_t last_index;         /* to be read */
    bool is_loose;               /* any entry that was ever appended there */
    bool is_single;              /* one at a time: something ahead is refused */
    bool is_refused;             /* something was */
    bool was_torn[WORLD_GROUPS]; /* a group was said to be possibly lost by the first start */
    bool is_passed;              /* that was before the damage went */
    uint32_t starts_count;
    uint64_t rows[2][LOG_RECOVER_ROWS_COUNT]; /* decisions of each start */
};

/* The append whose bytes an entry claims to be: its timestamp says so. */
static const struct world_op *damage_entry_of(const struct damage_probe *dp, const uint8_t *data)
{
    const struct world_group *group = dp->probe.group;
    uint64_t index = dp->probe.next_index;
    if (!dp->is_loose) {
        uint32_t ordinal = world_entry_of(group, dp->probe.k, index);
        return ordinal != UINT32_MAX ? &group->ops[ordinal] : NULL;
    }
    struct bytes_reader r = bytes_reader(data + 27, 8);
    uint64_t stamp = bytes_get_u64be(&r) - 1000;
    for (uint32_t i = 0; i < group->submitted_count; i++) {
        const struct world_op *op = &group->ops[i];
        if (op->kind == WORLD_APPEND && op->stamp == stamp && op->index == index) {
            return op;
        }
    }
    for (uint32_t i = 0; i < group->ghosts_count; i++) {
        if (group->ghosts[i].stamp == stamp && group->ghosts[i].index == index) {
            return &group->ghosts[i];
        }
    }
    return NULL;
}

static uint32_t damage_compare(struct damage_probe *dp, const uint8_t *data, uint32_t length)
{
    struct world_group *group = dp->probe.group;
    const struct world_op *op = damage_entry_of(dp, data);
    uint32_t bytes = op != NULL ? world_match(group, op, true, data, length, dp->probe.tally) : 0;
    if (bytes == 0) {
        bytes = length;
        world_fail(dp->probe.world, op == NULL ? "an entry nobody appended" : "other bytes",
                   group->id, dp->probe.next_index);
    }
    dp->probe.next_index++;
    dp->probe.tally->entries_count++;
    return bytes;
}

static void damage_read_next(struct damage_probe *dp);

static bool damage_is_refusal(enum err err)
{
    return err == ERR_CORRUPT || err == ERR_ACCESS || err == ERR_IO;
}

static void damage_read_done(struct log_read *read)
{
    struct damage_probe *dp = read->ctx;
    struct world_probe *probe = &dp->probe;
    if (damage_is_refusal(read->err)) {
        dp->is_refused = true;
        probe->tally->refused_count += dp->is_single;
        probe->next_index += dp->is_single;
        dp->is_single = !dp->is_single;
    } else if (read->err != ERR_OK || read->first_index != probe->next_index ||
               read->parts_count == 0) {
        world_fail(probe->world, read->err != ERR_OK ? err_name(read->err) : "read elsewhere",
                   probe->group->id, probe->next_index);
    } else {
        for (uint32_t i = 0; i < read->parts_count; i++) {
            const uint8_t *data = buf_slice_data(read->parts[i]);
            uint32_t left = read->parts[i].length;
            while (left > 0 && probe->world->failure[0] == '\0') {
                uint32_t bytes = damage_compare(dp, data, left);
                data += bytes;
                left -= bytes;
            }
        }
        dp->is_single = false;
    }
    log_read_release(read);
    damage_read_next(dp);
}

static void damage_read_next(struct damage_probe *dp)
{
    struct world_probe *probe = &dp->probe;
    if (probe->next_index > dp->last_index || probe->world->failure[0] != '\0') {
        probe->is_reading = false;
        return;
    }
    probe->read = (struct log_read){.done = damage_read_done,
                                    .ctx = dp,
                                    .log = probe->group->log,
                                    .from = LOG_READ_INDEX,
                                    .at = probe->next_index,
                                    .index_max = dp->is_single ? probe->next_index : dp->last_index,
                                    .bytes_max = 20000};
    log_read(&probe->read);
}

static void damage_read_start(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    damage_read_next(ctx);
}

static bool damage_is_read(void *ctx)
{
    return !((struct damage_probe *)ctx)->probe.is_reading;
}

/* Read what is to be read of the group. */
static void damage_read(struct damage_probe *dp, struct world_group *group, struct log *log,
                        const struct log_status *status)
{
    struct world_look *look = dp->look;
    struct world *opened = dp->probe.opened;
    bool is_ranged = look->first_index != 0 && look->first_index > status->start.index;
    if (look->group != 0 && look->group != group->id) {
        return;
    }
    group->log = log;
    dp->probe.group = group;
    dp->probe.next_index = is_ranged ? look->first_index : status->start.index;
    if (dp->probe.next_index <= group->gone_max) {
        dp->probe.next_index = group->gone_max + 1; /* the log start above them may be lost */
    }
    if (look->is_tail && status->settled_index > dp->probe.next_index) {
        dp->probe.next_index = status->settled_index;
    }
    dp->last_index = status->end.index;
    if (look->first_index != 0 && look->last_index < dp->last_index) {
        dp->last_index = look->last_index;
    }
    dp->is_single = dp->is_refused = false;
    dp->probe.is_reading = true;
    sim_post(log->ls->shard, damage_read_start, dp);
    if (!sim_run_until_true(opened->sim, damage_is_read, dp,
                            sim_now_ns(opened->sim) + 100 * RT_NS_PER_S)) {
        world_fail(dp->probe.world, "a read does not end", group->id, dp->probe.next_index);
    }
    look->was_seen |= dp->is_refused;
}

/* Whether a torn group may be this: it ends as after the first k operations, and what a table kept
 * of later ones is theirs. */
static bool damage_is_torn_state(const struct world_group *group, uint32_t k,
                                 const struct log_status *status)
{
    if (k == 0) {
        return false;
    }
    const struct world_op *op = &group->ops[k - 1];
    bool has_hard = false;
    bool has_start = false;
    for (uint32_t i = k - 1; i < group->submitted_count; i++) {
        const struct world_op *later = &group->ops[i];
        has_hard |= later->hard.term == status->hard.term && later->hard.vote == status->hard.vote;
        has_start |= later->start_index == status->start.index;
    }
    bool is_chain =
        status->quarantine_count > 0 || hash128_is_equal(op->end.chain, status->end.chain);
    return op->is_exists && is_chain && op->end.index == status->end.index &&
           op->end.offset == status->end.offset && op->end.term == status->end.term && has_hard &&
           (has_start || status->start.index <= op->start_index);
}

/* The state that a group which is not there, or which is torn, has kept. It may be one from before
 * what was answered last, if that is said. Where the last entry is lost its chain does not tell
 * which state of that end it is: any entry appended there will do then. */
static uint32_t damage_state(struct damage_probe *dp, const struct world_group *group,
                             struct log *log, bool is_torn)
{
    struct log_status status;
    if (log != NULL) {
        log_status(log, &status);
    }
    uint32_t k = world_state_of(group, log, group->done_count, group->submitted_count, true);
    bool is_lost = k == UINT32_MAX && log != NULL && status.quarantine_count > 0;
    for (uint32_t i = group->done_count; is_lost && i <= group->submitted_count; i++) {
        if (damage_is_torn_state(group, i, &status)) {
            dp->is_loose = true;
            return i;
        }
    }
    if (k != UINT32_MAX || !is_torn || dp->look->is_sealed) {
        return k;
    }
    for (uint32_t i = group->done_count; i > 0 && k == UINT32_MAX; i--) {
        bool is_it =
            log == NULL ? !group->ops[i - 1].is_exists : damage_is_torn_state(group, i, &status);
        k = is_it ? i : UINT32_MAX;
        dp->is_loose = is_it && log != NULL && status.quarantine_count > 0;
    }
    k = k == UINT32_MAX && log == NULL ? 0 : k;
    dp->probe.tally->lost_count += k != UINT32_MAX;
    return k;
}

/* What is found and what was done last, for a report. */
static void damage_tell(const struct world_group *group, const struct log_status *status)
{
    static const char *const kinds[] = {"create", "append", "cut",  "hard",  "trim",
                                        "roll",   "reset",  "move", "delete"};
    printf("found: start %" PRIu64 ", end %" PRIu64 "/%" PRIu64 "/%u, hard %u/%u, quarantine "
           "%" PRIu64 ", ranges %u%s%s\n",
           status->start.index, status->end.index, status->end.offset, status->end.term,
           status->hard.term, status->hard.vote, status->quarantine_index, status->quarantine_count,
           status->is_amnesiac ? ", amnesiac" : "", status->is_tail_torn ? ", torn" : "");
    uint32_t first = group->done_count > 12 ? group->done_count - 12 : 0;
    for (uint32_t i = 0; i < first; i++) {
        const struct world_op *op = &group->ops[i];
        if (op->end.index == status->end.index) {
            printf("* %u: start %" PRIu64 ", end %" PRIu64 "/%" PRIu64 "/%u, hard %u/%u\n", i,
                   op->start_index, op->end.index, op->end.offset, op->end.term, op->hard.term,
                   op->hard.vote);
        }
    }
    for (uint32_t i = first; i < group->submitted_count && i < group->done_count + 3; i++) {
        const struct world_op *op = &group->ops[i];
        printf("%s%u %s %" PRIu64 ": start %" PRIu64 ", end %" PRIu64 "/%" PRIu64
               "/%u, hard %u/%u%s\n",
               i < group->done_count ? "* " : "  ", i, kinds[op->kind], op->index, op->start_index,
               op->end.index, op->end.offset, op->end.term, op->hard.term, op->hard.vote,
               op->is_void ? ", void" : "");
    }
}

static void damage_group(struct damage_probe *dp, struct world_group *group)
{
    struct world *world = dp->probe.world;
    const struct log_store_report *report = &dp->probe.opened->store.report;
    struct log *log = world_find(dp->probe.opened, group);
    if (log == NULL && dp->look->is_sealed) {
        if (damage_state(dp, group, log, false) == UINT32_MAX) {
            world_fail(world, "a group is gone", group->id, 0);
        }
        return;
    }
    if (log == NULL) {
        /* Nothing is left of a group made in a frame of which nothing is left. */
        bool is_torn = report->counts[LOG_RECOVER_F6] > 0 || report->counts[LOG_RECOVER_F5] > 0 ||
                       dp->look->damage->does_erase || dp->is_passed;
        if (damage_state(dp, group, log, is_torn) == UINT32_MAX &&
            !dp->look->damage->does_hide_row) {
            world_fail(world, "a group is gone", group->id, 0);
        }
        return;
    }
    struct log_status status;
    log_status(log, &status);
    bool is_torn =
        status.is_tail_torn || dp->look->damage->does_erase || dp->was_torn[group - world->groups];
    dp->look->was_seen |= !status.is_available || status.is_amnesiac ||
                          status.quarantine_count > 0 || status.is_tail_torn;
    if (!status.is_available) {
        return;
    }
    dp->is_loose = status.is_amnesiac;
    dp->probe.k = status.is_amnesiac ? UINT32_MAX : damage_state(dp, group, log, is_torn);
    if (dp->probe.k == UINT32_MAX && !status.is_amnesiac) {
        damage_tell(group, &status);
        world_fail(world, is_torn ? "no state of a torn group" : "no state of a group", group->id,
                   status.end.index);
        return;
    }
    if (dp->look->is_sealed && is_torn) {
        world_fail(world, "possibly lost after a seal", group->id, status.end.index);
        return;
    }
    damage_read(dp, group, log, &status);
    if (world->failure[0] != '\0') {
        damage_tell(group, &status);
    }
}

/* What a start says of a group, to be said by the next one. */
struct damage_found {
    bool is_there;
    struct log_status status;
};

static void damage_note(const struct damage_probe *dp, struct damage_found *found)
{
    for (uint32_t i = 0; i < dp->probe.world->options.groups_count; i++) {
        struct log *log = world_find(dp->probe.opened, &dp->probe.world->groups[i]);
        found[i].is_there = log != NULL;
        if (log != NULL) {
            log_status(log, &found[i].status);
        }
    }
}

static void damage_compare_found(struct damage_probe *dp, const struct damage_found *before)
{
    struct damage_found after[WORLD_GROUPS] = {0};
    damage_note(dp, after);
    for (uint32_t i = 0; i < dp->probe.world->options.groups_count; i++) {
        const struct log_status *a = &before[i].status;
        const struct log_status *b = &after[i].status;
        bool is_same = before[i].is_there == after[i].is_there;
        if (is_same && before[i].is_there) {
            is_same = a->is_available == b->is_available && a->is_amnesiac == b->is_amnesiac;
        }
        if (is_same && before[i].is_there && a->is_available) {
            is_same = a->end.index == b->end.index && a->start.index == b->start.index &&
                      a->hard.term == b->hard.term && a->hard.vote == b->hard.vote;
        }
        if (!is_same) {
            damage_tell(&dp->probe.world->groups[i], a);
            damage_tell(&dp->probe.world->groups[i], b);
            world_fail(dp->probe.world, "a second start finds something else", i + 1, b->end.index);
        }
    }
}

/* Open and wait. False: it did not, and that is said. */
static bool damage_open(struct damage_probe *dp)
{
    struct world *world = dp->probe.world;
    struct world *opened = dp->probe.opened;
    world_start(opened, opened->options.shards_count);
    if (!world_await(opened)) {
        world_fail(world, "the store does not open", 0, 0);
        return false;
    }
    for (uint32_t i = 0; i < LOG_RECOVER_ROWS_COUNT; i++) {
        dp->probe.tally->rows[i] += opened->store.report.counts[i];
        dp->rows[dp->starts_count][i] = opened->store.report.counts[i];
    }
    dp->starts_count++;
    if (opened->failure[0] == '\0') {
        return true;
    }
    enum err err = opened->store.err;
    if (!dp->look->damage->does_refuse || (err != ERR_CORRUPT && err != ERR_IO)) {
        world_fail(world, opened->failure, (uint64_t)err, 0);
    }
    dp->probe.tally->closed_count++;
    dp->look->was_seen = true;
    return false;
}

/* What a start finds when the damage has gone, and its own word with it. */
static void damage_look_again(struct damage_probe *dp, const struct damage_found *before)
{
    struct world *world = dp->probe.world;
    dp->is_passed = true;
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        dp->was_torn[i] = before[i].is_there && before[i].status.is_tail_torn;
    }
    for (uint32_t i = 0; i < world->options.groups_count && world->failure[0] == '\0'; i++) {
        damage_group(dp, &world->groups[i]);
    }
}

bool world_check_damaged(struct world *world, struct sim_disk *disk, uint32_t shards_count,
                         uint64_t seed, struct world_look *look, struct world_tally *tally)
{
    struct log *logs[WORLD_GROUPS];
    for (uint32_t i = 0; i < WORLD_GROUPS; i++) {
        logs[i] = world->groups[i].log;
    }
    struct world *opened = world_of(world, disk, shards_count, seed);
    struct damage_probe dp = {.probe = {.world = world, .opened = opened, .tally = tally},
                              .look = look};
    struct damage_found found[WORLD_GROUPS] = {0};
    look->was_seen = false;
    if (damage_open(&dp)) {
        damage_note(&dp, found); /* before reads find more */
        for (uint32_t i = 0; i < world->options.groups_count && world->failure[0] == '\0'; i++) {
            damage_group(&dp, &world->groups[i]);
        }
        bool does_pass = look->damage->flips_count > 0;
        if ((look->is_twice || does_pass) && world->failure[0] == '\0') {
            sim_run_for(opened->sim, prng_below(&opened->prng, 10000000));
            sim_node_crash(opened->node, SIM_CRASH_SEEDED);
            opened->options.shards_count = 1 + (uint32_t)prng_below(&opened->prng, WORLD_SHARDS);
            if (does_pass) {
                damage_pass(sim_node_disk(opened->node), &opened->prng, look->damage);
            }
            if (damage_open(&dp)) {
                (does_pass ? damage_look_again : damage_compare_found)(&dp, found);
            }
        }
    }
    tally->rows[LOG_RECOVER_G8] += atomic_load(&opened->store.ends_lost_count);
    for (uint32_t i = 0; i < WORLD_GROUPS; i++) {
        world->groups[i].log = logs[i];
    }
    for (uint32_t n = 0; n < dp.starts_count && world->failure[0] != '\0'; n++) {
        printf("start %u: ", n + 1);
        for (uint32_t i = 0; i < LOG_RECOVER_ROWS_COUNT; i++) {
            if (dp.rows[n][i] > 0) {
                printf("%s=%" PRIu64 " ", log_recover_row_name((enum log_recover_row)i),
                       dp.rows[n][i]);
            }
        }
        printf("\n");
    }
    tally->images_count++;
    tally->damaged_count++;
    tally->seen_count += look->was_seen;
    world_free(opened);
    return world->failure[0] == '\0';
}
