/* From an HTTP request to a WebSocket connection: what a client asks is checked here (RFC 6455
 * section 4.2.1), and the thread that gets the socket is given a request of our own writing: two
 * parsers never read the same bytes. */
#include <string.h>

#include "base/limits.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/handlers.h"
#include "broker/gateway/ws_int.h"

/* 16 bytes as base64. */
#define WS_KEY_BYTES 24u

static bool ws_upgrade_check(struct http_call *call, struct http_text *key);
static bool ws_upgrade_is_key(struct http_text key);
static bool ws_upgrade_has_protocol(const struct http_call *call);

void http_handle_ws(struct http_call *call)
{
    struct http_text key;
    if (!ws_upgrade_check(call, &key)) {
        return;
    }
    struct ws_conn *conn;
    struct ws_door *ws = &call->conn->door->ws;
    size_t unread_bytes_max = http_conn_ahead_bytes(call->conn) + LIMIT_RECV_BUFFER_BYTES +
                              LIMIT_CONNECTION_BYTES_UNAUTHENTICATED;
    if (ws->is_closing) {
        http_problem(call, HTTP_CLOSING, NULL);
    } else if (ws_conn_new(ws, key.data, key.length, unread_bytes_max, &conn) != ERR_OK) {
        http_problem(call, HTTP_OVERLOADED, NULL);
    } else {
        conn->peer = call->conn->sock.peer;
        http_conn_detach(call->conn, conn);
    }
}

/* False: it is none that is served, and that is answered. */
static bool ws_upgrade_check(struct http_call *call, struct http_text *key)
{
    struct http_text text;
    if (call->head.method != HTTP1_GET || !call->head.wants_upgrade ||
        http1_find(&call->head, "Upgrade", &text) != 1 || !http_text_is_nocase(text, "websocket")) {
        http_header(call, "Upgrade", "websocket");
        http_problem(call, HTTP_UPGRADE_REQUIRED, NULL);
        return false;
    }
    if (http1_find(&call->head, "Sec-WebSocket-Version", &text) != 1 ||
        !http_text_is_nocase(text, "13")) {
        http_header(call, "Upgrade", "websocket");
        http_header(call, "Sec-WebSocket-Version", "13");
        http_problem(call, HTTP_UPGRADE_REQUIRED, "Version 13 of WebSocket is served (RFC 6455).");
        return false;
    }
    if (http1_find(&call->head, "Sec-WebSocket-Key", key) != 1 || !ws_upgrade_is_key(*key)) {
        http_problem(call, HTTP_UPGRADE_INVALID,
                     "Sec-WebSocket-Key is to be 16 bytes, base64-encoded.");
        return false;
    }
    if (!ws_upgrade_has_protocol(call)) {
        http_problem(call, HTTP_UPGRADE_INVALID,
                     "Ask for the subprotocol: Sec-WebSocket-Protocol: " WS_PROTOCOL ".");
        return false;
    }
    if (call->head.body != HTTP1_BODY_NONE) { /* `100 Continue` may still be on its way out */
        http_problem(call, HTTP_UPGRADE_INVALID, "An upgrade has no body.");
        return false;
    }
    if (call->conn->door->ws.port == NULL) {
        http_problem(call, HTTP_UPGRADE_REQUIRED, "WebSocket is not served here.");
        return false;
    }
    return true;
}

static bool ws_upgrade_is_key(struct http_text key)
{
    if (key.length != WS_KEY_BYTES || key.data[WS_KEY_BYTES - 1] != '=' ||
        key.data[WS_KEY_BYTES - 2] != '=') {
        return false;
    }
    for (size_t i = 0; i < WS_KEY_BYTES - 2; i++) {
        char c = key.data[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/')) {
            return false;
        }
    }
    return true;
}

/* Names with commas between, perhaps in several headers; case counts (section 11.3.4). */
static bool ws_upgrade_has_protocol(const struct http_call *call)
{
    for (uint32_t i = 0; i < call->head.headers_count; i++) {
        const struct http1_header *header = &call->head.headers[i];
        struct http_text name = {(const char *)call->head.data + header->name.pos,
                                 header->name.length};
        struct http_text list = {(const char *)call->head.data + header->value.pos,
                                 header->value.length};
        if (!http_text_is_nocase(name, "Sec-WebSocket-Protocol")) {
            continue;
        }
        while (list.length > 0) {
            const char *comma = memchr(list.data, ',', list.length);
            size_t length = comma != NULL ? (size_t)(comma - list.data) : list.length;
            struct http_text member = http_text_trim((struct http_text){list.data, length});
            if (member.length == sizeof(WS_PROTOCOL) - 1 &&
                memcmp(member.data, WS_PROTOCOL, member.length) == 0) {
                return true;
            }
            length += comma != NULL;
            list = (struct http_text){list.data + length, list.length - length};
        }
    }
    return false;
}
