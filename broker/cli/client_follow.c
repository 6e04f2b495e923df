/* See client_follow.h.
 *
 * A connection is one turn of client_follow_run: asked for, listened to, lost. Between two of them
 * there is a pause that doubles. The first one must succeed: until then a server that cannot be
 * reached is a mistake, later one that restarts. */
#include "broker/cli/client_follow.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/escape.h"
#include "base/json.h"
#include "broker/cli/client_clock.h"
#include "broker/cli/client_rows.h"
#include "broker/cli/text.h"

/* Memory of a message that is read, of columns. */
#define CLIENT_FOLLOW_ARENA_BYTES (192u << 20)
#define CLIENT_FOLLOW_SHAPE_BYTES (16u << 20)

/* Messages that wait for their progress: more are printed before it. */
#define CLIENT_FOLLOW_HELD_BYTES (64u << 20)

/* Between two attempts: at first, at most. */
#define CLIENT_FOLLOW_PAUSE_NS     (200 * CLIENT_NS_PER_MS)
#define CLIENT_FOLLOW_PAUSE_NS_MAX (5 * CLIENT_NS_PER_S)

/* Between two looks at the clock while nothing comes; how long a connection may take. */
#define CLIENT_FOLLOW_TICK_MS    500
#define CLIENT_FOLLOW_CONNECT_NS (10 * CLIENT_NS_PER_S)

/* An escaped character at most, and the rest of a message. */
#define CLIENT_FOLLOW_ESCAPED_BYTES 6
#define CLIENT_FOLLOW_REST_BYTES    256

/* Ids: of the subscription, of more credit. */
#define CLIENT_FOLLOW_ID        1
#define CLIENT_FOLLOW_CREDIT_ID 2

/* How a connection ended. */
enum client_follow_end {
    CLIENT_FOLLOW_GOES_ON, /* it did not */
    CLIENT_FOLLOW_DONE,    /* a signal, the limit, a failure: `status` says */
    CLIENT_FOLLOW_LOST,    /* it may be tried again */
};

static enum client_follow_end client_follow_once(struct client_follow *f);
static enum err client_follow_ask(struct client_follow *f);
static enum client_follow_end client_follow_listen(struct client_follow *f);
static enum client_follow_end client_follow_take(struct client_follow *f, const char *text,
                                                 size_t length);
static enum client_follow_end client_follow_begun(struct client_follow *f,
                                                  const struct client_event *event);
static void client_follow_anew(struct client_follow *f, const struct client_event *event);
static enum err client_follow_shape(struct client_follow *f, const struct client_event *event);
static enum client_follow_end client_follow_rows(struct client_follow *f,
                                                 const struct client_event *event, const char *text,
                                                 size_t length);
static enum err client_follow_hold(struct client_follow *f, const char *text, size_t length);
static enum err client_follow_release(struct client_follow *f);
static enum err client_follow_print(struct client_follow *f, const struct client_event *event);
static enum err client_follow_grant(struct client_follow *f);
static enum client_follow_end client_follow_progress(struct client_follow *f,
                                                     const struct client_event *event);
static void client_follow_gap(const struct client_follow *f, const struct client_event *event);
static enum client_follow_end client_follow_ended(struct client_follow *f,
                                                  const struct client_event *event);
static enum client_follow_end client_follow_ask_by_name(struct client_follow *f);
static enum client_follow_end client_follow_lost(struct client_follow *f, enum err err);
static enum client_follow_end client_follow_fail(struct client_follow *f, enum err err);
static bool client_follow_pause(struct client_follow *f, uint64_t ns);
static void client_follow_tell_token(const struct client_follow *f);

enum client_exit client_follow_run(struct client_follow *f)
{
    struct client *c = f->c;
    ASSERT(f->text_length <= CLIENT_FOLLOW_TEXT_BYTES_MAX);
    if (client_ws_address(&f->address, c->server) != ERR_OK) {
        return client_refuse(c, "--server", "is no URL of a server: http://HOST:PORT");
    }
    arena_init(&f->arena, &c->budget, 64u << 10, CLIENT_FOLLOW_ARENA_BYTES);
    arena_init(&f->shape_arena, &c->budget, 16u << 10, CLIENT_FOLLOW_SHAPE_BYTES);
    arena_init(&f->resume_arena, &c->budget, 4u << 10, 2 * CLIENT_FOLLOW_TOKEN_BYTES_MAX);
    f->changes = (struct client_changes){
        .out = c->out, .budget = &c->budget, .format = f->format, .is_expanded = f->is_expanded};
    f->is_stream = f->what == CLIENT_FOLLOW_NAME;
    f->status = CLIENT_EXIT_OK;
    client_watch_signals(c);
    uint64_t pause_ns = CLIENT_FOLLOW_PAUSE_NS;
    for (enum client_follow_end end = CLIENT_FOLLOW_GOES_ON; end != CLIENT_FOLLOW_DONE;) {
        end = client_follow_once(f);
        if (f->lost_ns == 0) {
            pause_ns = CLIENT_FOLLOW_PAUSE_NS;
        }
        if (end == CLIENT_FOLLOW_LOST) {
            f->lost_ns = f->lost_ns == 0 ? client_now_ns() : f->lost_ns;
            end = client_follow_pause(f, pause_ns) ? end : CLIENT_FOLLOW_DONE;
            pause_ns = 2 * pause_ns < CLIENT_FOLLOW_PAUSE_NS_MAX ? 2 * pause_ns
                                                                 : CLIENT_FOLLOW_PAUSE_NS_MAX;
        }
    }
    client_follow_tell_token(f);
    client_unwatch_signals(c);
    client_changes_end(&f->changes);
    budget_free(&c->budget, f->held);
    arena_deinit(&f->arena);
    arena_deinit(&f->shape_arena);
    arena_deinit(&f->resume_arena);
    return f->status;
}

static enum client_follow_end client_follow_once(struct client_follow *f)
{
    struct client *c = f->c;
    f->ws =
        (struct client_ws){.budget = &c->budget, .watch_fd = c->is_watching ? c->signal_fd : -1};
    f->is_begun = f->has_shape = f->is_in_snapshot = false;
    f->held_bytes = 0; /* what had no progress comes again */
    enum err err = client_ws_begin(&f->ws, &f->address);
    if (err == ERR_OK) {
        err = client_follow_ask(f);
    }
    enum client_follow_end end =
        err == ERR_OK ? client_follow_listen(f) : client_follow_fail(f, err);
    client_ws_end(&f->ws);
    return end;
}

static enum err client_follow_ask(struct client_follow *f)
{
    struct client *c = f->c;
    char text[64];
    size_t token_bytes = f->token != NULL ? strlen(f->token) : 0;
    size_t from_bytes = f->from != NULL ? strlen(f->from) : 0;
    size_t bytes = (f->text_length + token_bytes) * CLIENT_FOLLOW_ESCAPED_BYTES + from_bytes +
                   CLIENT_FOLLOW_REST_BYTES;
    void *room = NULL;
    enum err err = budget_alloc(&c->budget, bytes, 16, &room);
    if (err != ERR_OK) {
        return err;
    }
    struct bytes_writer w = bytes_writer(room, bytes);
    int length = snprintf(text, sizeof(text), "{\"id\":%d,\"op\":\"subscribe\",\"%s\":\"",
                          CLIENT_FOLLOW_ID, f->is_stream ? "stream" : "sql");
    bytes_put_copy(&w, text, (size_t)length);
    (void)escape_json(&w, f->text, f->text_length);
    bytes_put_u8(&w, '"');
    if (f->token != NULL) {
        static const char from[] = ",\"from\":\"";
        bytes_put_copy(&w, from, sizeof(from) - 1);
        (void)escape_json(&w, f->token, token_bytes);
        bytes_put_u8(&w, '"');
    } else if (f->from != NULL) {
        static const char from[] = ",\"from\":";
        bytes_put_copy(&w, from, sizeof(from) - 1);
        bytes_put_copy(&w, f->from, from_bytes);
    }
    uint64_t left = f->limit > 0 ? f->limit - f->changes.rows_count : UINT64_MAX;
    f->ungranted = 0;
    f->granted_max = left;
    f->granted = f->credit > 0 && f->credit < left ? f->credit : left;
    if (f->granted != UINT64_MAX) {
        length = snprintf(text, sizeof(text), ",\"credit\":%" PRIu64, f->granted);
        bytes_put_copy(&w, text, (size_t)length);
    }
    static const char slow[] = ",\"slow\":\"disconnect\"";
    bytes_put_copy(&w, slow, f->is_disconnect ? sizeof(slow) - 1 : 0);
    bytes_put_u8(&w, '}');
    ASSERT(w.err == ERR_OK);
    err = client_ws_send(&f->ws, room, w.pos);
    budget_free(&c->budget, room);
    return err;
}

static enum client_follow_end client_follow_listen(struct client_follow *f)
{
    struct client *c = f->c;
    uint64_t began_ns = client_now_ns();
    const char *text = NULL;
    size_t length = 0;
    enum client_follow_end end = CLIENT_FOLLOW_GOES_ON;
    while (end == CLIENT_FOLLOW_GOES_ON) {
        if (client_is_interrupted(c)) {
            return CLIENT_FOLLOW_DONE;
        }
        enum err err = client_ws_next(&f->ws, CLIENT_FOLLOW_TICK_MS, &text, &length);
        if (err == ERR_AGAIN) {
            if (!f->ws.is_open && client_now_ns() - began_ns > CLIENT_FOLLOW_CONNECT_NS) {
                end = client_follow_lost(f, ERR_TIMEOUT);
            }
        } else if (err == ERR_UNREACHABLE || err == ERR_RESET) {
            end = client_follow_lost(f, err);
        } else if (err != ERR_OK) {
            end = client_follow_fail(f, err);
        } else {
            arena_reset(&f->arena);
            end = client_follow_take(f, text, length);
        }
    }
    return end;
}

/* --- Messages --- */

static enum client_follow_end client_follow_take(struct client_follow *f, const char *text,
                                                 size_t length)
{
    struct client_event event;
    enum err err = client_event_read(&event, text, length, &f->arena);
    bool is_ours = err == ERR_OK && event.id == CLIENT_FOLLOW_ID;
    if (!is_ours) { /* an answer to credit, or a message of the connection's */
        bool is_bad = err != ERR_OK || event.kind == CLIENT_EVENT_ERROR;
        return err == ERR_OK && is_bad ? client_follow_ended(f, &event)
               : is_bad                ? client_follow_fail(f, err)
                                       : CLIENT_FOLLOW_GOES_ON;
    }
    switch (event.kind) {
    case CLIENT_EVENT_OK: return client_follow_begun(f, &event);
    case CLIENT_EVENT_SCHEMA:
        client_follow_anew(f, &event);
        err = client_follow_shape(f, &event);
        break;
    case CLIENT_EVENT_ROWS:
    case CLIENT_EVENT_CHANGES: return client_follow_rows(f, &event, text, length);
    case CLIENT_EVENT_SNAPSHOT_END: f->is_in_snapshot = false; break;
    case CLIENT_EVENT_PROGRESS: return client_follow_progress(f, &event);
    case CLIENT_EVENT_GAP: client_follow_gap(f, &event); break;
    case CLIENT_EVENT_ERROR:
    case CLIENT_EVENT_CLOSED: return client_follow_ended(f, &event);
    case CLIENT_EVENT_OTHER: break;
    }
    return err == ERR_OK ? CLIENT_FOLLOW_GOES_ON : client_follow_fail(f, err);
}

static enum client_follow_end client_follow_begun(struct client_follow *f,
                                                  const struct client_event *event)
{
    struct client *c = f->c;
    bool is_again = f->was_begun && !f->is_begun;
    bool is_anew = event->is_snapshot && (is_again || f->token != NULL);
    f->is_begun = f->was_begun = true;
    f->is_in_snapshot = event->is_snapshot;
    if (is_again || is_anew) {
        fprintf(c->err, "tdb: %s", is_again ? "the server is there again; " : "");
        fputs(is_anew ? "its rows begin anew" : "it goes on where it was", c->err);
        if (is_anew && event->resume_why[0] != '\0') {
            fputs(": ", c->err);
            cli_text_put_plain(c->err, event->resume_why, strlen(event->resume_why));
        }
        fputc('\n', c->err);
        if (f->is_ahead && !is_anew) {
            fputs("tdb: rows that were printed before their progress come again\n", c->err);
        }
    } else if (c->err == stderr && isatty(STDERR_FILENO)) {
        fputs("It is followed from now on; Ctrl-C ends that.\n", c->err);
    }
    f->is_ahead = false;
    f->lost_ns = 0;
    if (event->is_snapshot) {
        f->token = NULL; /* it is of the rows of before */
        client_changes_snapshot(&f->changes);
    }
    return CLIENT_FOLLOW_GOES_ON;
}

/* The view is another incarnation from here on, or what had changed could not be told: all its rows
 * come. What was before counts for nothing. */
static void client_follow_anew(struct client_follow *f, const struct client_event *event)
{
    struct client *c = f->c;
    if (!event->is_snapshot) {
        return;
    }
    f->held_bytes = 0;
    f->token = NULL;
    f->is_in_snapshot = true;
    fputs("tdb: its rows begin anew", c->err);
    if (event->resume_why[0] != '\0') {
        fputs(": ", c->err);
        cli_text_put_plain(c->err, event->resume_why, strlen(event->resume_why));
    }
    fputc('\n', c->err);
    client_changes_snapshot(&f->changes);
}

static enum err client_follow_shape(struct client_follow *f, const struct client_event *event)
{
    enum err err = client_follow_release(f); /* of the former shape */
    arena_reset(&f->shape_arena);
    f->has_shape = false;
    if (err == ERR_OK) {
        err = client_changes_flush(&f->changes) ? ERR_OK : ERR_CANCELED;
    }
    if (err == ERR_OK) {
        err = client_shape_read(&f->shape, event, &f->shape_arena);
    }
    if (err == ERR_OK) {
        err = client_changes_shape(&f->changes, &f->shape);
        f->has_shape = err == ERR_OK;
    }
    return err;
}

static enum client_follow_end client_follow_rows(struct client_follow *f,
                                                 const struct client_event *event, const char *text,
                                                 size_t length)
{
    enum err err = !f->has_shape       ? ERR_INVALID
                   : f->is_in_snapshot ? client_follow_print(f, event)
                                       : client_follow_hold(f, text, length);
    bool is_enough = f->limit > 0 && f->changes.rows_count >= f->limit;
    bool is_shown = f->is_in_snapshot && f->format != CLIENT_QUERY_ALIGNED;
    if (err == ERR_OK && (is_enough || is_shown)) {
        err = client_changes_flush(&f->changes) ? ERR_OK : ERR_CANCELED;
    }
    if (err == ERR_OK && f->credit > 0) {
        struct json_items items = json_items(&event->items);
        while (json_items_next(&items, NULL, &(struct json_value){.text = NULL})) {
            f->ungranted++;
        }
        err = client_follow_grant(f);
    }
    return err != ERR_OK ? client_follow_fail(f, err)
           : is_enough   ? CLIENT_FOLLOW_DONE
                         : CLIENT_FOLLOW_GOES_ON;
}

/* Keep a message for its progress; where that is too much, print it and those before it. */
static enum err client_follow_hold(struct client_follow *f, const char *text, size_t length)
{
    uint32_t header = (uint32_t)length;
    size_t needed = f->held_bytes + sizeof(header) + length;
    if (needed > CLIENT_FOLLOW_HELD_BYTES && f->held_bytes > 0) {
        f->is_ahead = true;
        enum err err = client_follow_release(f);
        if (err != ERR_OK) {
            return err;
        }
        needed = sizeof(header) + length;
    }
    if (needed > f->held_capacity) {
        void *room = NULL;
        size_t capacity = 2 * needed + 4096;
        enum err err = budget_alloc(&f->c->budget, capacity, 16, &room);
        if (err != ERR_OK) {
            return err;
        }
        if (f->held_bytes > 0) {
            memcpy(room, f->held, f->held_bytes);
        }
        budget_free(&f->c->budget, f->held);
        f->held = room;
        f->held_capacity = capacity;
    }
    memcpy(f->held + f->held_bytes, &header, sizeof(header));
    memcpy(f->held + f->held_bytes + sizeof(header), text, length);
    f->held_bytes = needed;
    return ERR_OK;
}

/* Print what was held. */
static enum err client_follow_release(struct client_follow *f)
{
    enum err err = ERR_OK;
    for (size_t pos = 0; pos < f->held_bytes && err == ERR_OK;) {
        struct client_event event;
        uint32_t length;
        memcpy(&length, f->held + pos, sizeof(length));
        pos += sizeof(length);
        struct arena_mark mark = arena_mark(&f->arena);
        err = client_event_read(&event, f->held + pos, length, &f->arena);
        if (err == ERR_OK) {
            err = client_follow_print(f, &event);
        }
        arena_rewind(&f->arena, mark);
        pos += length;
    }
    f->held_bytes = 0;
    return err;
}

static enum err client_follow_print(struct client_follow *f, const struct client_event *event)
{
    size_t count;
    return client_event_rows(event, &f->shape, &f->arena, client_changes_add, &f->changes, &count);
}

/* Half of the rows that may be on the way have come: as many more may, up to the limit. */
static enum err client_follow_grant(struct client_follow *f)
{
    char text[128];
    uint64_t left = f->granted_max - f->granted;
    uint64_t rows = f->ungranted < left ? f->ungranted : left;
    if (rows == 0 || f->ungranted < f->credit / 2) {
        return ERR_OK;
    }
    int length = snprintf(text, sizeof(text),
                          "{\"id\":%d,\"op\":\"credit\",\"subscription\":%d,\"rows\":%" PRIu64 "}",
                          CLIENT_FOLLOW_CREDIT_ID, CLIENT_FOLLOW_ID, rows);
    f->ungranted = 0;
    f->granted += rows;
    return client_ws_send(&f->ws, text, (size_t)length);
}

static enum client_follow_end client_follow_progress(struct client_follow *f,
                                                     const struct client_event *event)
{
    enum err err = client_follow_release(f);
    if (err == ERR_OK && !client_changes_flush(&f->changes)) {
        err = ERR_CANCELED;
    }
    size_t length = strlen(event->token);
    if (err == ERR_OK && length > CLIENT_FOLLOW_TOKEN_BYTES_MAX) {
        err = ERR_TOO_LARGE;
    }
    if (err != ERR_OK) {
        return client_follow_fail(f, err);
    }
    arena_reset(&f->resume_arena);
    f->token = arena_copy(&f->resume_arena, event->token, length);
    f->is_ahead = false;
    if (f->token == NULL) {
        return client_follow_fail(f, f->resume_arena.err);
    }
    bool is_enough = f->limit > 0 && f->changes.rows_count >= f->limit;
    return is_enough ? CLIENT_FOLLOW_DONE : CLIENT_FOLLOW_GOES_ON;
}

static void client_follow_gap(const struct client_follow *f, const struct client_event *event)
{
    fprintf(f->c->err,
            "tdb: partition %" PRIu64 ": %" PRIu64 " events from offset %" PRIu64
            " on were deleted before they could be given\n",
            event->partition, event->to - event->from, event->from);
}

/* --- The end --- */

/* The server ends it, or refuses it. */
static enum client_follow_end client_follow_ended(struct client_follow *f,
                                                  const struct client_event *event)
{
    struct client *c = f->c;
    if (!event->has_problem) {
        return client_follow_lost(f, ERR_RESET);
    }
    if (event->is_retriable && f->was_begun) {
        snprintf(f->ws.why, sizeof(f->ws.why), "%s", event->code);
        return client_follow_lost(f, ERR_RESET);
    }
    if (!f->was_begun && f->is_stream && !event->is_retriable) {
        return client_follow_ask_by_name(f);
    }
    (void)client_changes_flush(&f->changes);
    client_rows_put_problem(c->err, &event->problem);
    f->status = CLIENT_EXIT_FAILED;
    return CLIENT_FOLLOW_DONE;
}

/* What was asked for as a stream is none: as SELECT * FROM "name" it may be a view, and if it is
 * nothing the server says what may have been meant. */
static enum client_follow_end client_follow_ask_by_name(struct client_follow *f)
{
    static const char all[] = "SELECT * FROM \"";
    size_t bytes = sizeof(all) + 2 * f->text_length + 1;
    char *sql = client_alloc(f->c, bytes);
    if (sql == NULL) {
        return client_follow_fail(f, ERR_BUDGET);
    }
    struct bytes_writer w = bytes_writer(sql, bytes);
    bytes_put_copy(&w, all, sizeof(all) - 1);
    for (size_t i = 0; i < f->text_length; i++) {
        bytes_put_copy(&w, "\"", f->text[i] == '"' ? 1 : 0);
        bytes_put_copy(&w, f->text + i, 1);
    }
    bytes_put_u8(&w, '"');
    ASSERT(w.err == ERR_OK);
    f->is_stream = false;
    f->text = sql;
    f->text_length = w.pos;
    enum err err = client_follow_ask(f);
    return err == ERR_OK ? CLIENT_FOLLOW_GOES_ON : client_follow_fail(f, err);
}

/* The connection is lost, or did not come about. */
static enum client_follow_end client_follow_lost(struct client_follow *f, enum err err)
{
    struct client *c = f->c;
    const char *why = err == ERR_TIMEOUT ? err_text(err) : f->ws.why;
    if (!f->was_begun) {
        client_fail(c, "cannot reach %s: %s", c->server, why);
        fprintf(c->err,
                "Is 'tdb serve' running there? Another server: --server URL, or TDB_URL.\n");
        f->status = CLIENT_EXIT_FAILED;
        return CLIENT_FOLLOW_DONE;
    }
    bool is_final = f->ws.close_code >= CLIENT_WS_CODE_FINAL;
    bool is_late = f->lost_ns != 0 && client_now_ns() - f->lost_ns > f->patience_ns;
    if (is_final || is_late) {
        client_fail(c, is_final ? "the server ended it: %s" : "the server is still away: %s", why);
        f->status = CLIENT_EXIT_FAILED;
        return CLIENT_FOLLOW_DONE;
    }
    if (f->lost_ns == 0) {
        (void)client_changes_flush(&f->changes);
        fprintf(c->err, "tdb: the server is away (%s); trying again\n", why);
    }
    return CLIENT_FOLLOW_LOST;
}

/* It cannot go on. */
static enum client_follow_end client_follow_fail(struct client_follow *f, enum err err)
{
    struct client *c = f->c;
    (void)client_changes_flush(&f->changes);
    if (err == ERR_CANCELED) {
        client_fail(c, "cannot write the result");
    } else if (err == ERR_INVALID) {
        client_fail(c, "what %s says cannot be read: %s", c->server, err_text(err));
    } else {
        client_fail(c, "%s", err_text(err));
    }
    f->status = CLIENT_EXIT_FAILED;
    return CLIENT_FOLLOW_DONE;
}

/* False: a signal came. */
static bool client_follow_pause(struct client_follow *f, uint64_t ns)
{
    struct client *c = f->c;
    uint64_t end_ns = client_now_ns() + ns;
    bool is_interrupted = client_is_interrupted(c);
    for (uint64_t now_ns = client_now_ns(); now_ns < end_ns && !is_interrupted;
         now_ns = client_now_ns()) {
        struct pollfd signals = {.fd = c->is_watching ? c->signal_fd : -1, .events = POLLIN};
        (void)poll(&signals, 1, (int)((end_ns - now_ns) / CLIENT_NS_PER_MS) + 1);
        is_interrupted = client_is_interrupted(c);
    }
    return !is_interrupted;
}

static void client_follow_tell_token(const struct client_follow *f)
{
    if (f->was_begun && f->token != NULL) {
        fflush(f->c->out);
        fputs("To go on behind that: --from-token ", f->c->err);
        cli_text_put_plain(f->c->err, f->token, strlen(f->token));
        fputc('\n', f->c->err);
    }
}
