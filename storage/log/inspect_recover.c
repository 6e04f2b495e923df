/* What a start would believe of the directory, by the recovery core; and what that says is wrong.
 * See recover.h for the order of its calls. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"
#include "storage/log/inspect_walk.h"

static enum err inspect_feed_rows(struct log_inspect_state *state);
static bool inspect_direct_next(struct log_inspect_state *state);
static bool inspect_direct_read(struct log_inspect_state *state, bool *is_sound);
static void inspect_frame(void *ctx, enum log_recover_row row, uint64_t boot_epoch, uint32_t lane,
                          uint64_t number, const struct log_frame *frame, uint32_t slot,
                          uint64_t pos);

void log_inspect_feed(struct log_inspect_state *state)
{
    enum err err = ERR_OK;
    if (!state->has_recover) {
        const struct log_tables_read *table = state->tables.chosen;
        err = log_recover_init(&state->recover, &state->budget, state->kernels, &state->meta.disk,
                               table != NULL ? table->header.journal_floor : 0);
        state->has_recover = err == ERR_OK;
        err = err == ERR_OK ? inspect_feed_rows(state) : err;
    }
    for (uint32_t i = 0; state->is_moving && err == ERR_OK && i < state->journals_count; i++) {
        struct log_inspect_journal *journal = &state->journals[i];
        if (journal->copy != NULL) {
            err = log_recover_file(&state->recover, journal->slot, journal->copy, journal->length);
        }
    }
    if (err != ERR_OK) {
        log_inspect_fail(state, err, 0, "journal");
    }
}

bool log_inspect_directs(struct log_inspect_state *state)
{
    struct log_inspect_direct *direct = &state->direct;
    for (;;) {
        if (!direct->is_asked && !inspect_direct_next(state)) {
            return true;
        }
        bool is_sound = !log_uuid_is_zero(&direct->check.topic);
        while (is_sound && direct->pos < direct->check.end) {
            if (!inspect_direct_read(state, &is_sound)) {
                return false;
            }
        }
        is_sound = is_sound && direct->crc == direct->check.crc;
        log_recover_direct(&state->recover, &direct->check, is_sound);
        direct->is_asked = false;
    }
}

void log_inspect_parts(struct log_inspect_state *state, uint32_t slot, const uint8_t *data,
                       size_t length)
{
    for (size_t pos = 0; pos < length;) {
        struct log_frame frame;
        bool is_frame =
            log_frame_decode(data + pos, length - pos, state->kernels, &frame) == ERR_OK &&
            log_uuid_is_equal(&frame.disk, &state->meta.disk) && frame.frame_bytes <= length - pos;
        if (is_frame) {
            uint32_t seed = log_frame_seed(state->kernels, &frame.disk, frame.boot_epoch,
                                           frame.file_number, frame.number);
            size_t rows_pos = log_frame_rows_pos();
            size_t copy_pos = log_frame_copy_pos(&frame);
            bool is_good = crc32c(state->kernels, seed, data + pos + rows_pos,
                                  copy_pos - rows_pos) == frame.rows_crc &&
                           crc32c(state->kernels, seed, data + pos + copy_pos,
                                  log_frame_records_pos(&frame) - copy_pos) == frame.copy_crc;
            if (!is_good && state->parts_count < LOG_INSPECT_PARTS_MAX) {
                state->parts[state->parts_count++] = (struct log_inspect_part){slot, pos};
            }
        }
        pos += is_frame ? frame.frame_bytes : LIMIT_BLOCK_BYTES;
    }
}

void log_inspect_decided(struct log_inspect_state *state)
{
    struct log_inspect *inspect = state->inspect;
    const struct log_inspect_visitor *visitor = inspect->visitor;
    if (state->recover.is_newer) {
        log_inspect_fail(state, ERR_UNSUPPORTED, 0, "journal");
        return;
    }
    enum err err = log_recover_groups(&state->recover);
    if (err != ERR_OK) {
        log_inspect_fail(state, err, 0, "journal");
        return;
    }
    bool is_first = !state->has_told;
    state->has_told = true;
    if (is_first && visitor->meta != NULL) {
        visitor->meta(inspect->ctx, &state->meta);
    }
    for (uint32_t i = 0; is_first && i < LOG_TABLES_COUNT && visitor->table != NULL; i++) {
        const struct log_tables_read *table = &state->tables.files[i];
        if (table->data != NULL && table->err == ERR_OK) {
            visitor->table(inspect->ctx, log_inspect_name_table(i), &table->header,
                           table == state->tables.chosen);
        }
    }
    for (uint32_t i = 0; is_first && i < state->journals_count; i++) {
        const struct log_inspect_journal *journal = &state->journals[i];
        char name[LOG_INSPECT_NAME_BYTES];
        log_inspect_name_journal(journal->slot, name);
        inspect->journal_bytes += journal->bytes;
        if (visitor->journal != NULL) {
            visitor->journal(inspect->ctx, name, journal->bytes,
                             journal->has_header ? &journal->header : NULL);
        }
    }
    state->tells_node = is_first;
    state->frame_end = (struct log_inspect_frame_end){.boot_epoch = UINT64_MAX};
    log_recover_visit(&state->recover, inspect_frame, state);
    if (is_first) {
        for (size_t i = 0; i < LOG_RECOVER_ROWS_COUNT; i++) {
            inspect->counts[i] = state->recover.counts[i];
        }
    }
}

/* Rows of the table that counts, and what is known of groups whose rows are lost. */
static enum err inspect_feed_rows(struct log_inspect_state *state)
{
    const struct log_tables *tables = &state->tables;
    struct log_tables_lost lost;
    if (tables->chosen == NULL) {
        return ERR_OK;
    }
    enum err err = log_tables_lost(tables, &state->budget, &lost);
    if (err == ERR_OK) {
        err = log_recover_tables(&state->recover, tables, &lost);
    }
    budget_free(&state->budget, lost.rows);
    return err;
}

static bool inspect_direct_next(struct log_inspect_state *state)
{
    struct log_inspect_direct *direct = &state->direct;
    *direct = (struct log_inspect_direct){.pos = 0};
    direct->is_asked = log_recover_next_direct(&state->recover, &direct->check);
    direct->pos = direct->is_asked ? direct->check.pos : 0;
    return direct->is_asked;
}

/* Read the next blocks; false: they are on their way. */
static bool inspect_direct_read(struct log_inspect_state *state, bool *is_sound)
{
    struct log_inspect_direct *direct = &state->direct;
    const struct log_recover_direct *check = &direct->check;
    struct log_inspect_view *view = &state->log;
    struct log_row row = {.topic = check->topic, .partition = check->partition};
    uint32_t left = check->end - direct->pos;
    uint32_t bytes = left < LOG_INSPECT_LOG_BYTES ? left : LOG_INSPECT_LOG_BYTES;
    char name[LOG_INSPECT_NAME_BYTES], path[LIMIT_PATH_BYTES];
    log_inspect_name_segment(&row, check->segment_index, check->generation, "log", name);
    log_inspect_path(state, name, path);
    if (!log_inspect_get(view, path, direct->pos, bytes)) {
        return false;
    }
    *is_sound = view->err == ERR_OK && log_inspect_have(view, direct->pos) >= bytes;
    if (*is_sound) {
        direct->crc = crc32c(state->kernels, direct->crc, log_inspect_at(view, direct->pos), bytes);
        direct->pos += bytes;
    }
    return true;
}

/* A frame that is missing is named where the one before it in its lane ends. */
static void inspect_frame(void *ctx, enum log_recover_row row, uint64_t boot_epoch, uint32_t lane,
                          uint64_t number, const struct log_frame *frame, uint32_t slot,
                          uint64_t pos)
{
    struct log_inspect_state *state = ctx;
    const struct log_inspect_visitor *visitor = state->inspect->visitor;
    struct log_inspect_frame_end *end = &state->frame_end;
    if (slot != UINT32_MAX || end->boot_epoch != boot_epoch || end->lane != lane) {
        *end =
            (struct log_inspect_frame_end){.boot_epoch = boot_epoch,
                                           .lane = lane,
                                           .slot = slot,
                                           .pos = frame != NULL ? pos + frame->frame_bytes : pos};
    }
    char name[LOG_INSPECT_NAME_BYTES] = "journal";
    if (slot != UINT32_MAX || end->slot != UINT32_MAX) {
        log_inspect_name_journal(slot != UINT32_MAX ? slot : end->slot, name);
    }
    if (row == LOG_RECOVER_F3 || row == LOG_RECOVER_F4 || row == LOG_RECOVER_F5) {
        log_inspect_fault(state, name, slot != UINT32_MAX ? pos : end->pos, LOG_INSPECT_NONE, 0,
                          log_recover_row_text(row), ERR_CORRUPT);
    }
    for (uint32_t i = 0; row == LOG_RECOVER_F1 && i < state->parts_count; i++) {
        if (state->parts[i].slot == slot && state->parts[i].pos == pos) {
            log_inspect_fault(state, name, pos, LOG_INSPECT_NONE, 0,
                              "a directory in the frame does not verify; its copy does",
                              ERR_CORRUPT);
        }
    }
    if (state->tells_node && visitor->frame != NULL) {
        visitor->frame(state->inspect->ctx, row, boot_epoch, lane, number, frame,
                       slot != UINT32_MAX ? name : NULL, pos);
    }
}
