/* See client_ws.h. The loop is libev's and ours: the library's own could not wait for a signal,
 * too, and each wait here ends at a message, at the end of its time, or when a signal has come.
 *
 * A message that is whole stops the receiving until it has been looked at: a client that prints
 * slowly holds the server back, as far as TCP does, and needs memory for one message. */
#include "broker/cli/client_ws.h"

#include <ev.h>
#include <libwebsockets.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/escape.h"
#include "base/units.h"

#define CLIENT_WS_PROTOCOL "tdb.v1.json"
#define CLIENT_WS_PATH     "/api/v1/ws"

/* What names and addresses of hosts are made of. */
#define CLIENT_WS_HOST_CHARACTERS                                                                  \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%"

/* A message's first room, and what is kept for the next one. */
#define CLIENT_WS_IN_BYTES   (4u << 10)
#define CLIENT_WS_KEPT_BYTES (1u << 20)

/* A server that says nothing is asked whether it is there, and is gone when it does not answer. */
#define CLIENT_WS_PING_S   20
#define CLIENT_WS_HANGUP_S 40

/* How long a goodbye may take. */
#define CLIENT_WS_GOODBYE_MS 500

#define CLIENT_WS_NORMAL 1000

/* A message to be sent. */
struct client_ws_message {
    struct client_ws_message *next;
    size_t length;
    unsigned char data[]; /* LWS_PRE bytes of the library's, then the message */
};

static void *client_ws_context(struct client_ws *ws);
static void client_ws_connect(struct client_ws *ws, const struct client_ws_address *address);
static void client_ws_wait(struct client_ws *ws, int wait_ms);
static void client_ws_timed(struct ev_loop *loop, struct ev_timer *timer, int events);
static void client_ws_woken(struct ev_loop *loop, struct ev_io *watch, int events);
static int client_ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                              void *in, size_t length);
static int client_ws_received(struct client_ws *ws, const void *data, size_t length);
static enum err client_ws_room(struct client_ws *ws, size_t length);
static int client_ws_writable(struct client_ws *ws);
static void client_ws_closed(struct client_ws *ws, const void *in, size_t length);
static void client_ws_explain(struct client_ws *ws, const char *text, size_t length);

static const struct lws_protocols client_ws_protocols[] = {
    {.name = CLIENT_WS_PROTOCOL, .callback = client_ws_callback, .rx_buffer_size = 64u << 10},
    {.name = NULL},
};

static const lws_retry_bo_t client_ws_idle = {.secs_since_valid_ping = CLIENT_WS_PING_S,
                                              .secs_since_valid_hangup = CLIENT_WS_HANGUP_S};

enum err client_ws_address(struct client_ws_address *out, const char *url)
{
    static const char *const schemes[] = {"http://", "ws://"};
    const char *at = url;
    uint64_t port = 80;
    *out = (struct client_ws_address){.port = 0};
    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
        size_t length = strlen(schemes[i]);
        at += at == url && strncmp(url, schemes[i], length) == 0 ? length : 0;
    }
    out->is_bracketed = at[0] == '[';
    at += out->is_bracketed;
    size_t host_bytes = strcspn(at, out->is_bracketed ? "]" : ":/");
    const char *behind = at + host_bytes;
    if (host_bytes == 0 || host_bytes >= sizeof(out->host) ||
        strspn(at, CLIENT_WS_HOST_CHARACTERS) < host_bytes ||
        (out->is_bracketed && *behind != ']')) {
        return ERR_INVALID;
    }
    memcpy(out->host, at, host_bytes);
    behind += out->is_bracketed;
    if (*behind == ':') {
        size_t digits = strspn(behind + 1, "0123456789");
        if (units_parse_u64(behind + 1, digits, &port) != ERR_OK) {
            return ERR_INVALID;
        }
        behind += 1 + digits;
    }
    if (port == 0 || port > UINT16_MAX || strspn(behind, "/") != strlen(behind)) {
        return ERR_INVALID;
    }
    out->port = (uint16_t)port;
    return ERR_OK;
}

enum err client_ws_begin(struct client_ws *ws, const struct client_ws_address *address)
{
    ASSERT(ws->loop == NULL);
    lws_set_log_level(0, NULL);
    ws->close_code = 0;
    ws->in_err = ERR_OK;
    ws->is_open = ws->is_over = ws->is_closing = ws->is_woken = ws->is_whole = ws->is_given = false;
    ws->in_bytes = 0;
    snprintf(ws->why, sizeof(ws->why), "%s", err_text(ERR_RESET));
    ws->loop = ev_loop_new(EVFLAG_AUTO);
    ws->context = ws->loop != NULL ? client_ws_context(ws) : NULL;
    void *watch = NULL;
    enum err err = budget_alloc(ws->budget, sizeof(struct ev_io), 16, &watch);
    if (ws->context == NULL || err != ERR_OK) {
        budget_free(ws->budget, watch);
        client_ws_end(ws);
        err = err != ERR_OK ? err : ERR_UNSUPPORTED;
        client_ws_explain(ws, err_text(err), strlen(err_text(err)));
        return err;
    }
    ws->watch = watch;
    if (ws->watch_fd >= 0) {
        struct ev_io *io = watch;
        ev_io_init(io, client_ws_woken, ws->watch_fd, EV_READ);
        io->data = ws;
        ev_io_start(ws->loop, io);
    }
    client_ws_connect(ws, address);
    return ERR_OK;
}

/* The library has SIGPIPE ignored: what that is of the process is left as it was, so that a reader
 * of the results who goes away ends it, as it ends other commands. NULL: the library refuses. */
static void *client_ws_context(struct client_ws *ws)
{
    void *loops[] = {ws->loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = client_ws_protocols,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_VALIDATE_UTF8,
        .foreign_loops = loops,
        .http_proxy_address = "", /* else the environment's would be taken */
        .gid = -1,
        .uid = -1,
        .user = ws,
        .retry_and_idle_policy = &client_ws_idle,
    };
    struct sigaction before;
    bool is_known = sigaction(SIGPIPE, NULL, &before) == 0;
    void *context = lws_create_context(&info);
    if (is_known) {
        (void)sigaction(SIGPIPE, &before, NULL);
    }
    return context;
}

/* The library tells of a failure within, or later. */
static void client_ws_connect(struct client_ws *ws, const struct client_ws_address *address)
{
    char host[CLIENT_WS_HOST_BYTES + 16];
    struct lws *wsi = NULL;
    snprintf(host, sizeof(host), address->is_bracketed ? "[%s]:%u" : "%s:%u", address->host,
             address->port);
    struct lws_client_connect_info info = {
        .context = ws->context,
        .address = address->host,
        .port = address->port,
        .path = CLIENT_WS_PATH,
        .host = host,
        .protocol = CLIENT_WS_PROTOCOL,
        .local_protocol_name = CLIENT_WS_PROTOCOL,
        .ietf_version_or_minus_one = -1,
        .retry_and_idle_policy = &client_ws_idle,
        .pwsi = &wsi,
    };
    if (lws_client_connect_via_info(&info) == NULL) {
        ws->is_over = true;
        return;
    }
    ws->wsi = ws->is_over ? NULL : wsi;
}

enum err client_ws_send(struct client_ws *ws, const char *text, size_t length)
{
    void *room = NULL;
    ASSERT(length > 0);
    ASSERT(length <= CLIENT_WS_SENT_BYTES_MAX);
    enum err err =
        budget_alloc(ws->budget, sizeof(struct client_ws_message) + LWS_PRE + length, 16, &room);
    if (err != ERR_OK) {
        return err;
    }
    struct client_ws_message *message = room;
    message->length = length;
    memcpy(message->data + LWS_PRE, text, length);
    *(ws->last != NULL ? &ws->last->next : &ws->first) = message;
    ws->last = message;
    if (ws->is_open && ws->wsi != NULL) {
        lws_callback_on_writable(ws->wsi);
    }
    return ERR_OK;
}

enum err client_ws_next(struct client_ws *ws, int wait_ms, const char **text, size_t *length)
{
    ASSERT(ws->loop != NULL);
    if (ws->is_given) {
        ws->is_given = ws->is_whole = false;
        ws->in_bytes = 0;
        if (ws->in_capacity > CLIENT_WS_KEPT_BYTES) {
            budget_free(ws->budget, ws->in);
            ws->in = NULL;
            ws->in_capacity = 0;
        }
        if (ws->wsi != NULL) {
            lws_rx_flow_control(ws->wsi, 1);
        }
    }
    ws->is_woken = false;
    if (!ws->is_whole && !ws->is_over) {
        client_ws_wait(ws, wait_ms);
    }
    if (ws->is_whole) {
        ws->is_given = true;
        *text = ws->in;
        *length = ws->in_bytes;
        return ERR_OK;
    }
    if (!ws->is_over) {
        return ERR_AGAIN;
    }
    return ws->in_err != ERR_OK ? ws->in_err : ws->is_open ? ERR_RESET : ERR_UNREACHABLE;
}

void client_ws_end(struct client_ws *ws)
{
    if (ws->wsi != NULL && ws->is_open && !ws->is_over) {
        ws->is_closing = true;
        lws_rx_flow_control(ws->wsi, 1); /* its close is to be read */
        lws_callback_on_writable(ws->wsi);
        client_ws_wait(ws, CLIENT_WS_GOODBYE_MS);
    }
    if (ws->context != NULL) {
        lws_context_destroy(ws->context);
    }
    if (ws->loop != NULL) {
        if (ws->watch != NULL && ws->watch_fd >= 0) {
            ev_io_stop(ws->loop, ws->watch);
        }
        ev_loop_destroy(ws->loop);
    }
    for (struct client_ws_message *message = ws->first, *next; message != NULL; message = next) {
        next = message->next;
        budget_free(ws->budget, message);
    }
    budget_free(ws->budget, ws->watch);
    budget_free(ws->budget, ws->in);
    ws->loop = ws->context = ws->wsi = ws->watch = NULL;
    ws->first = ws->last = NULL;
    ws->in = NULL;
    ws->in_capacity = 0;
}

/* --- The loop --- */

/* Up to a message, the end, a signal, or the end of the time. */
static void client_ws_wait(struct client_ws *ws, int wait_ms)
{
    bool is_late = false;
    struct ev_timer timer;
    ev_now_update(ws->loop);
    ev_timer_init(&timer, client_ws_timed, (double)wait_ms / 1000, 0);
    timer.data = &is_late;
    ev_timer_start(ws->loop, &timer);
    while (!is_late && !ws->is_over && (ws->is_closing || (!ws->is_whole && !ws->is_woken))) {
        ev_run(ws->loop, EVRUN_ONCE);
    }
    ev_timer_stop(ws->loop, &timer);
}

static void client_ws_timed(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    *(bool *)timer->data = true;
}

/* Whoever has watch_fd reads it; until then there is nothing to wait for. */
static void client_ws_woken(struct ev_loop *loop, struct ev_io *watch, int events)
{
    (void)loop;
    (void)events;
    ((struct client_ws *)watch->data)->is_woken = true;
}

/* --- The library --- */

static int client_ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                              void *in, size_t length)
{
    struct client_ws *ws = lws_context_user(lws_get_context(wsi));
    (void)user;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        ws->wsi = NULL;
        ws->is_over = true;
        if (in != NULL && length > 0) {
            client_ws_explain(ws, in, length);
        }
        return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        ws->wsi = wsi;
        ws->is_open = true;
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE: return client_ws_received(ws, in, length);
    case LWS_CALLBACK_CLIENT_WRITEABLE: return client_ws_writable(ws);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: client_ws_closed(ws, in, length); return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        ws->wsi = NULL;
        ws->is_over = true;
        return 0;
    default: return 0;
    }
}

/* Part of a message, or all of it. */
static int client_ws_received(struct client_ws *ws, const void *data, size_t length)
{
    if (ws->is_closing || ws->in_err != ERR_OK) {
        return ws->is_closing ? 0 : -1;
    }
    ASSERT(!ws->is_whole); /* receiving has stopped */
    ws->in_err = lws_frame_is_binary(ws->wsi) ? ERR_INVALID : client_ws_room(ws, length);
    if (ws->in_err != ERR_OK) {
        client_ws_explain(ws, err_text(ws->in_err), strlen(err_text(ws->in_err)));
        return -1;
    }
    if (length > 0) {
        memcpy(ws->in + ws->in_bytes, data, length);
    }
    ws->in_bytes += length;
    if (lws_is_final_fragment(ws->wsi) && lws_remaining_packet_payload(ws->wsi) == 0) {
        ws->is_whole = true;
        lws_rx_flow_control(ws->wsi, 0);
    }
    return 0;
}

/* Room for `length` bytes more. */
static enum err client_ws_room(struct client_ws *ws, size_t length)
{
    if (length > CLIENT_WS_TEXT_BYTES_MAX - ws->in_bytes) {
        return ERR_TOO_LARGE;
    }
    size_t needed = ws->in_bytes + length;
    size_t capacity = ws->in_capacity > 0 ? ws->in_capacity : CLIENT_WS_IN_BYTES;
    while (capacity < needed) {
        capacity *= 2;
    }
    if (capacity == ws->in_capacity) {
        return ERR_OK;
    }
    void *room = NULL;
    enum err err = budget_alloc(ws->budget, capacity, 16, &room);
    if (err != ERR_OK) {
        return err;
    }
    if (ws->in_bytes > 0) {
        memcpy(room, ws->in, ws->in_bytes);
    }
    budget_free(ws->budget, ws->in);
    ws->in = room;
    ws->in_capacity = capacity;
    return ERR_OK;
}

/* One message a turn, as the library wants it; what the socket does not take it keeps. */
static int client_ws_writable(struct client_ws *ws)
{
    struct client_ws_message *message = ws->first;
    if (message == NULL) {
        if (ws->is_closing) {
            lws_close_reason(ws->wsi, (enum lws_close_status)CLIENT_WS_NORMAL, NULL, 0);
            return -1;
        }
        return 0;
    }
    int written = lws_write(ws->wsi, message->data + LWS_PRE, message->length, LWS_WRITE_TEXT);
    ws->first = message->next;
    ws->last = ws->first != NULL ? ws->last : NULL;
    budget_free(ws->budget, message);
    if (written < 0) {
        return -1;
    }
    if (ws->first != NULL || ws->is_closing) {
        lws_callback_on_writable(ws->wsi);
    }
    return 0;
}

/* The server's close: two bytes of a code, and a reason. */
static void client_ws_closed(struct client_ws *ws, const void *in, size_t length)
{
    struct bytes_reader r = bytes_reader(in, length);
    uint16_t code = bytes_get_u16be(&r);
    if (r.err != ERR_OK) {
        return;
    }
    ws->close_code = code;
    if (length > 2) {
        client_ws_explain(ws, (const char *)in + 2, length - 2);
    }
}

/* Keep what `text` says, escaped, as far as there is room. */
static void client_ws_explain(struct client_ws *ws, const char *text, size_t length)
{
    struct bytes_writer w = bytes_writer(ws->why, sizeof(ws->why) - 1);
    (void)escape_json(&w, text, length);
    ws->why[w.pos] = '\0';
}
