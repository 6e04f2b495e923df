/* What is said over WebSocket connections, in a simulated world: sessions over a port that is this
 * test's own and has no sockets. Clients that read nothing, go in the middle, ask for few rows at a
 * time; streams that get columns, partitions and gaps while somebody follows them. Frames and
 * handshakes are held elsewhere (tests/e2e/ws_test.py). */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "broker/core/core.h"
#include "broker/core/trim.h"
#include "broker/gateway/door.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"
#include "tests/unit/gateway/talk_http.h"

#define CLIENTS_MAX   8u
#define CLIENT_BYTES  (16u << 20)
#define ITEMS_MAX     65536u
#define WAIT_MS       20000u
#define MESSAGE_BYTES (64u << 10)
#define NOTHING_MS    2000u
#define SETTLE_MS     3000u

/* A client, and the thread's side of its connection. */
struct client {
    struct town *town;
    struct ws_conn *conn;
    char *came;        /* messages, a line each, NUL-terminated */
    size_t came_bytes; /* of them */
    size_t heard;      /* where the next one begins */
    char said[MESSAGE_BYTES];
    uint32_t said_bytes;
    bool is_open, is_taken, is_closed, is_gone;
    bool is_deaf;                  /* reads nothing: its frames wait */
    bool is_closing;               /* the shard's close waits for them */
    const struct ws_frame *newest; /* the last run of frames that it read */
    uint16_t code;                 /* of a close by the shard; 0: none */
};

static struct {
    struct ws_port port;
    struct client clients[CLIENTS_MAX];
    uint32_t clients_count;
    struct ws_item *held[ITEMS_MAX]; /* in order, those for deaf ones among them */
    uint32_t held_count;
    struct ws_item *done; /* to go home */
    bool is_home_away;
    char heap[CLIENTS_MAX][CLIENT_BYTES];
} world;

/* --- The port --- */

static struct client *client_of(const struct ws_conn *conn)
{
    for (uint32_t i = 0; i < world.clients_count; i++) {
        if (world.clients[i].conn == conn) {
            return &world.clients[i];
        }
    }
    fail_msg("a connection that nobody has");
    return NULL;
}

/* Messages as RFC 6455 frames them: each a whole text, not masked, the shortest form. */
static void client_take(struct client *client, const struct ws_frame *frame)
{
    const uint8_t *data = frame->data;
    const uint8_t *end = frame->data + frame->length;
    client->newest = frame;
    while (data < end) {
        size_t head = data[1] < 126 ? 2 : data[1] == 126 ? 4 : 10;
        uint64_t length = head == 2 ? data[1] : 0;
        assert_int_equal(data[0], 0x81);
        for (size_t i = 2; i < head; i++) {
            length = length << 8 | data[i];
        }
        assert_true(head == 2 || length >= (head == 4 ? 126u : 65536u));
        assert_true(head + length <= (size_t)(end - data));
        data += head;
        assert_true(json_strict_is_valid((const char *)data, length));
        assert_true(client->came_bytes + length + 2 < CLIENT_BYTES);
        memcpy(client->came + client->came_bytes, data, length);
        client->came_bytes += length;
        client->came[client->came_bytes++] = '\n';
        client->came[client->came_bytes] = '\0';
        data += length;
    }
}

static void port_closed(struct client *client)
{
    if (!client->is_closed) {
        client->is_closed = true;
        rt_mail_post(client->conn->shard, &client->conn->mail_closed);
    }
}

/* What has left goes home. */
static void port_home(void)
{
    if (world.done != NULL && !world.is_home_away) {
        struct ws_conn *conn = world.done->conn;
        world.is_home_away = true;
        conn->door->home.first = world.done;
        world.done = NULL;
        rt_mail_post(conn->shard, &conn->door->home.mail);
    }
}

/* Frames for those who read. */
static void port_look(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < world.held_count; i++) {
        struct ws_item *item = world.held[i];
        struct client *client = client_of(item->conn);
        if (client->is_deaf && !client->is_closed) {
            world.held[kept++] = item;
            continue;
        }
        if (!client->is_closed) {
            client_take(client, item->frame);
        }
        item->next = world.done;
        world.done = item;
    }
    world.held_count = kept;
    port_home();
    for (uint32_t i = 0; i < world.clients_count; i++) {
        if (world.clients[i].is_closing && !world.clients[i].is_deaf) {
            port_closed(&world.clients[i]);
        }
    }
}

static void port_take(struct ws_item *item)
{
    for (; item != NULL; item = item->next) {
        assert_true(world.held_count < ITEMS_MAX);
        world.held[world.held_count++] = item;
    }
}

static void port_order(struct ws_port *port, struct ws_order *order)
{
    (void)port;
    struct ws_conn *conn;
    switch ((enum ws_order_kind)order->kind) {
    case WS_ORDER_OPEN:
        conn = CONTAINER_OF(order, struct ws_conn, order_open);
        rt_mail_post(conn->shard, &conn->mail_open);
        break;
    case WS_ORDER_BATCH: port_take(CONTAINER_OF(order, struct ws_item, order)); break;
    case WS_ORDER_HOME: world.is_home_away = false; break;
    case WS_ORDER_TAKEN:
        conn = CONTAINER_OF(order, struct ws_conn, order_taken);
        client_of(conn)->is_taken = true;
        break;
    case WS_ORDER_CLOSE:
        conn = CONTAINER_OF(order, struct ws_conn, order_close);
        client_of(conn)->code = conn->close_code;
        client_of(conn)->is_closing = true;
        break;
    case WS_ORDER_KILL:
        port_closed(client_of(CONTAINER_OF(order, struct ws_conn, order_kill)));
        break;
    case WS_ORDER_FORGET:
        conn = CONTAINER_OF(order, struct ws_conn, order_forget);
        client_of(conn)->is_gone = true;
        rt_mail_post(conn->shard, &conn->mail_gone);
        break;
    case WS_ORDER_STOP: fail_msg("nobody asks for that"); break;
    }
    port_look();
}

static const struct ws_port_ops port_ops = {port_order};

/* --- Clients --- */

static void client_open(struct rt_shard *shard, void *ctx)
{
    struct client *client = ctx;
    struct http_door *door = town_http_door(client->town, 0);
    (void)shard;
    assert_int_equal(ws_conn_new(&door->ws, "dGhlIHNhbXBsZSBub25jZQ==", 24, 0, &client->conn),
                     ERR_OK);
    door->entry.conns_count++; /* as if it had come by a socket */
    door->cs->connections_count++;
    ws_conn_begin(client->conn, -1, 0);
}

static bool client_is_open(void *ctx)
{
    const struct client *client = ctx;
    return client->conn->is_open;
}

static struct client *client_new(struct town *t)
{
    struct client *client = &world.clients[world.clients_count];
    assert_true(world.clients_count < CLIENTS_MAX);
    *client = (struct client){.town = t, .came = world.heap[world.clients_count]};
    client->came[0] = '\0';
    world.clients_count++;
    town_on(t, 0, client_open, client);
    assert_true(town_run_until(t, client_is_open, client, WAIT_MS));
    client->is_taken = true;
    return client;
}

static void client_deliver(struct rt_shard *shard, void *ctx)
{
    struct client *client = ctx;
    client->is_taken = false;
    client->conn->in = (uint8_t *)client->said;
    client->conn->in_bytes = client->said_bytes;
    client->conn->mail_text.deliver(shard, &client->conn->mail_text);
}

static void say(struct client *client, const char *text)
{
    assert_true(client->is_taken);
    client->said_bytes = (uint32_t)snprintf(client->said, sizeof(client->said), "%s", text);
    assert_true(client->said_bytes < sizeof(client->said));
    town_on(client->town, 0, client_deliver, client);
}

static bool has_message(void *ctx)
{
    const struct client *client = ctx;
    return client->heard < client->came_bytes;
}

/* The next message; it stands until the next one. */
static const char *hear(struct client *client)
{
    if (!town_run_until(client->town, has_message, client, WAIT_MS)) {
        fail_msg("nothing came; code %u; before: %s", client->code,
                 client->came + (client->came_bytes > 600 ? client->came_bytes - 600 : 0));
    }
    char *message = client->came + client->heard;
    char *end = strchr(message, '\n');
    *end = '\0';
    client->heard = (size_t)(end + 1 - client->came);
    return message;
}

#define assert_hears(client, text) assert_string_equal(hear(client), text)

/* The next message begins so. */
static void hears_begin(struct client *client, const char *text)
{
    const char *message = hear(client);
    if (strncmp(message, text, strlen(text)) != 0) {
        fail_msg("%s\ncame, not\n%s", message, text);
    }
}

static void hears_nothing(struct client *client)
{
    town_run(client->town, NOTHING_MS);
    if (has_message(client)) {
        fail_msg("%s", hear(client));
    }
}

static void ask(struct client *client, const char *text, const char *answer)
{
    say(client, text);
    hears_begin(client, answer);
}

static void client_read(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    ((struct client *)ctx)->is_deaf = false;
    port_look();
}

static void client_go(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    port_closed(ctx);
    port_look();
}

/* --- The world --- */

static struct town *begin(uint64_t seed, uint32_t shards_count)
{
    struct town *t = talk_http_town_of(seed, NULL);
    memset(&world, 0, offsetof(typeof(world), heap));
    world.port.ops = &port_ops;
    t->http.ws_port = &world.port;
    town_start(t, shards_count);
    return t;
}

static void end(struct town *t)
{
    for (uint32_t i = 0; i < world.clients_count; i++) {
        town_on(t, 0, client_go, &world.clients[i]);
    }
    town_run(t, SETTLE_MS);
    for (uint32_t i = 0; i < world.clients_count; i++) {
        assert_true(world.clients[i].is_gone);
    }
    talk_http_end(t); /* nothing is left anywhere */
}

static void make_topic(struct town *t, const char *name, int32_t partitions_count)
{
    struct core_change_item item = {.kind = CORE_CHANGE_CREATE,
                                    .name = name,
                                    .name_bytes = (uint32_t)strlen(name),
                                    .partitions_count = partitions_count,
                                    .replicas_count = 1};
    town_change(t, &item);
    assert_int_equal(item.code, CORE_OK);
}

/* --- What is asked --- */

static void each_message_is_answered_with_its_id(void **state)
{
    static const struct {
        const char *text;
        const char *answer;
    } rows[] = {
        {"{\"id\":1,\"op\":\"ping\"}", "{\"id\":1,\"ev\":\"ok\"}"},
        {"{\"id\":\"a\\u0062\",\"op\":\"hello\"}",
         "{\"id\":\"a\\u0062\",\"ev\":\"ok\",\"protocol\":\"tdb.v1.json\"}"},
        {"{\"op\":\"ping\"}", "{\"ev\":\"ok\"}"},
        {"{\"id\":2,\"op\":\"query\",\"sql\":\"SELECT 1 AS a\"}",
         "{\"id\":2,\"ev\":\"rows\",\"columns\":[{\"name\":\"a\",\"type\":\"integer\"}],"
         "\"rows\":[[1]]}"},
        {"{\"op\":\"ping\"}",
         "{\"id\":2,\"ev\":\"ok\",\"command\":\"SELECT\",\"row_count\":1,\"errors\":0,"
         "\"records\":0}"},
        {"{\"op\":\"ping\"}", "{\"ev\":\"ok\"}"},
        {"{\"op\":\"ping\"}", "{\"ev\":\"ok\"}"},
    };
    struct town *t = begin(1, 1);
    struct client *client = client_new(t);
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        say(client, rows[i].text);
        assert_hears(client, rows[i].answer);
    }
    assert_hears(client, "{\"ev\":\"ok\"}");
    ask(client, "[1]", "{\"ev\":\"error\",\"type\":\"urn:tdb:error:message_invalid\"");
    ask(client, "{", "{\"ev\":\"error\",\"type\":\"urn:tdb:error:json_invalid\"");
    ask(client, "{\"id\":3,\"op\":\"query\",\"sql\":\"SELEC\"}",
        "{\"id\":3,\"ev\":\"error\",\"type\":\"urn:tdb:error:sql_syntax\"");
    ask(client, "{\"id\":4,\"op\":\"query\",\"sql\":\"SELECT 1\",\"params\":1}",
        "{\"id\":4,\"ev\":\"error\",\"type\":\"urn:tdb:error:query_invalid\"");
    end(t);
}

static void a_client_that_does_not_read_holds_its_statement_up(void **state)
{
    struct town *t = begin(2, 1);
    struct client *client = client_new(t);
    (void)state;
    ask(client,
        "{\"id\":0,\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1}},"
        "{\"value\":{\"a\":2}},{\"value\":{\"a\":3}},{\"value\":{\"a\":4}}]}",
        "{\"id\":0,\"ev\":\"ok\",\"appended\":4,\"failed\":0,\"results\":[{\"partition\":0,");
    client->is_deaf = true;
    say(client, "{\"id\":1,\"op\":\"query\",\"timeout\":\"1h\",\"sql\":\"SELECT repeat('x', "
                "200000), a FROM s WHERE a > 0\"}");
    town_run(t, NOTHING_MS);
    size_t queued_bytes = ws_conn_queued_bytes(client->conn);
    assert_true(queued_bytes > 256u << 10);
    assert_true(queued_bytes < 700u << 10); /* a row beyond the bound, not all */
    town_on(t, 0, client_read, client);
    for (uint32_t i = 0; i < 4; i++) {
        hears_begin(client, i == 0 ? "{\"id\":1,\"ev\":\"rows\",\"columns\":"
                                   : "{\"id\":1,\"ev\":\"rows\",\"rows\":[[\"xxx");
    }
    hears_begin(client, "{\"id\":1,\"ev\":\"ok\",\"command\":\"SELECT\",\"row_count\":4,");
    end(t);
}

/* Also where the view is so new that it has no timeline. What never comes is late, or the client
 * goes. */
static void what_was_appended_is_read_over_the_same_connection(void **state)
{
    static const char append[] =
        "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1}}]}";
    static const char query[] = "{\"id\":1,\"op\":\"query\",\"sql\":\"SELECT n FROM v\","
                                "\"min_position\":{\"%s\":{\"0\":%u}},\"timeout\":\"%s\"}";
    struct town *t = begin(5, 2);
    struct client *client = client_new(t);
    char text[300];
    (void)state;
    ask(client, append, "{\"ev\":\"ok\",\"appended\":1");
    ask(client,
        "{\"op\":\"query\",\"sql\":\"CREATE MATERIALIZED VIEW v AS SELECT count(*) n FROM s\"}",
        "{\"ev\":\"ok\"");
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), query, "s", i, "10s");
        say(client, text);
        snprintf(text, sizeof(text),
                 "{\"id\":1,\"ev\":\"rows\",\"columns\":[{\"name\":\"n\",\"type\":\"bigint\"}],"
                 "\"rows\":[[%u]]}",
                 i + 1);
        assert_hears(client, text);
        hears_begin(client, "{\"id\":1,\"ev\":\"ok\"");
        ask(client, append, "{\"ev\":\"ok\",\"appended\":1");
    }
    snprintf(text, sizeof(text), query, "s", 99, "100ms");
    ask(client, text, "{\"id\":1,\"ev\":\"error\",\"type\":\"urn:tdb:error:views_lagging\"");
    snprintf(text, sizeof(text), query, "none", 1, "100ms");
    ask(client, text, "{\"id\":1,\"ev\":\"error\",\"type\":\"urn:tdb:error:position_invalid\"");
    snprintf(text, sizeof(text), query, "s", 99, "1h");
    say(client, text);
    town_run(t, 50);
    end(t);
}

static void a_connection_that_goes_leaves_nothing(void **state)
{
    struct town *t = begin(3, 2);
    struct client *deaf = client_new(t);
    struct client *other = client_new(t);
    (void)state;
    ask(other, "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1}}]}",
        "{\"ev\":\"ok\",\"appended\":1");
    deaf->is_deaf = true;
    for (uint32_t i = 0; i < 8; i++) {
        char text[200];
        snprintf(text, sizeof(text),
                 "{\"id\":%u,\"op\":\"subscribe\",\"stream\":\"s\",\"from\":"
                 "\"earliest\"}",
                 i);
        say(deaf, text);
        snprintf(text, sizeof(text),
                 "{\"id\":\"q%u\",\"op\":\"query\",\"sql\":\"SELECT "
                 "repeat('x', 90000) FROM s\"}",
                 i);
        say(deaf, text);
    }
    say(deaf, "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":2}}]}");
    town_on(t, 0, client_go, deaf);
    town_run(t, SETTLE_MS);
    assert_true(deaf->is_gone);
    ask(other, "{\"op\":\"query\",\"sql\":\"SELECT count(*) FROM s\"}", "{\"ev\":\"rows\"");
    end(t);
}

static void a_connection_has_so_many_under_way(void **state)
{
    struct town *t = begin(4, 1);
    struct client *client = client_new(t);
    (void)state;
    ask(client, "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1}}]}",
        "{\"ev\":\"ok\"");
    for (uint32_t i = 0; i < 64; i++) {
        char text[200];
        snprintf(text, sizeof(text), "{\"id\":%u,\"op\":\"subscribe\",\"stream\":\"s\"}", i);
        ask(client, text, "{\"id\":");
        hears_begin(client, "{\"id\":");
        hears_begin(client, "{\"id\":");
    }
    ask(client, "{\"id\":64,\"op\":\"subscribe\",\"stream\":\"s\"}",
        "{\"id\":64,\"ev\":\"error\",\"type\":\"urn:tdb:error:queries_too_many\"");
    ask(client, "{\"id\":65,\"op\":\"unsubscribe\",\"subscription\":7}",
        "{\"id\":65,\"ev\":\"ok\"}");
    assert_hears(client, "{\"id\":7,\"ev\":\"closed\"}");
    ask(client, "{\"id\":7,\"op\":\"subscribe\",\"stream\":\"s\"}", "{\"id\":7,\"ev\":\"ok\"");
    end(t);
}

/* --- What is followed --- */

static void a_blank_stream_has_its_schema_with_the_first_event(void **state)
{
    struct town *t = begin(5, 2);
    struct client *client = client_new(t);
    (void)state;
    make_topic(t, "s", 2);
    say(client, "{\"id\":1,\"op\":\"subscribe\",\"stream\":\"s\"}");
    assert_hears(client, "{\"id\":1,\"ev\":\"ok\",\"stream\":\"s\",\"partitions\":2}");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\",\"token\":\"s1.");
    hears_nothing(client);
    say(client, "{\"id\":2,\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":7},"
                "\"partition\":1,\"timestamp\":1000,\"key\":\"k\"}]}");
    hears_begin(client, "{\"id\":2,\"ev\":\"ok\"");
    assert_hears(client,
                 "{\"id\":1,\"ev\":\"schema\",\"columns\":[{\"name\":\"a\",\"type\":\"bigint\"},"
                 "{\"name\":\"_key\",\"type\":\"text\"},{\"name\":\"_partition\",\"type\":"
                 "\"integer\"},{\"name\":\"_offset\",\"type\":\"bigint\"},{\"name\":"
                 "\"_timestamp\",\"type\":\"timestamp with time zone\"}]}");
    assert_hears(client, "{\"id\":1,\"ev\":\"rows\",\"rows\":[[7,\"k\",1,0,"
                         "\"1970-01-01T00:00:01.000000Z\"]]}");
    const char *progress = hear(client);
    assert_string_equal(progress + strlen(progress) - strlen(".0.1\"}"), ".0.1\"}");
    hears_nothing(client);
    end(t);
}

static void partitions_that_come_later_are_followed(void **state)
{
    struct town *t = begin(6, 2);
    struct client *client = client_new(t);
    struct core_change_item more = {
        .kind = CORE_CHANGE_PARTITIONS, .name = "s", .name_bytes = 1, .partitions_count = 3};
    (void)state;
    ask(client, "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1}}]}",
        "{\"ev\":\"ok\"");
    say(client, "{\"id\":1,\"op\":\"subscribe\",\"stream\":\"s\"}");
    assert_hears(client, "{\"id\":1,\"ev\":\"ok\",\"stream\":\"s\",\"partitions\":1}");
    hears_begin(client, "{\"id\":1,\"ev\":\"schema\"");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\"");
    town_change(t, &more);
    assert_int_equal(more.code, CORE_OK);
    say(client, "{\"id\":2,\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":2},"
                "\"partition\":2,\"timestamp\":1000}]}");
    hears_begin(client, "{\"id\":2,\"ev\":\"ok\"");
    hears_begin(client, "{\"id\":1,\"ev\":\"rows\",\"rows\":[[2,null,2,0,");
    const char *progress = hear(client);
    assert_string_equal(progress + strlen(progress) - strlen(".1.0.1\"}"), ".1.0.1\"}");
    struct core_change_item gone = {.kind = CORE_CHANGE_DELETE, .name = "s", .name_bytes = 1};
    town_change(t, &gone);
    assert_int_equal(gone.code, CORE_OK);
    hears_begin(client, "{\"id\":1,\"ev\":\"closed\",\"type\":\"urn:tdb:error:stream_not_found\"");
    end(t);
}

static void credit_gives_so_many_rows_and_a_token_the_rest(void **state)
{
    struct town *t = begin(7, 1);
    struct client *client = client_new(t);
    char text[300];
    char token[100];
    (void)state;
    ask(client,
        "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1},\"timestamp\":0},"
        "{\"value\":{\"a\":2},\"timestamp\":0},{\"value\":{\"a\":3},\"timestamp\":0}]}",
        "{\"ev\":\"ok\"");
    say(client, "{\"id\":1,\"op\":\"subscribe\",\"stream\":\"s\",\"from\":{\"0\":1},\"credit\":1}");
    hears_begin(client, "{\"id\":1,\"ev\":\"ok\"");
    hears_begin(client, "{\"id\":1,\"ev\":\"schema\"");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\"");
    hears_begin(client, "{\"id\":1,\"ev\":\"rows\",\"rows\":[[2,null,0,1,");
    const char *progress = hear(client);
    const char *begin_at = strstr(progress, "\"s1.");
    assert_non_null(begin_at);
    snprintf(token, sizeof(token), "%.*s", (int)(strlen(begin_at) - 1), begin_at);
    hears_nothing(client);
    snprintf(text, sizeof(text),
             "{\"id\":2,\"op\":\"subscribe\",\"stream\":\"s\",\"credit\":0,\"from\":%s}", token);
    say(client, text);
    hears_begin(client, "{\"id\":2,\"ev\":\"ok\"");
    hears_begin(client, "{\"id\":2,\"ev\":\"schema\"");
    hears_begin(client, "{\"id\":2,\"ev\":\"progress\"");
    hears_nothing(client);
    ask(client, "{\"id\":3,\"op\":\"credit\",\"subscription\":2,\"rows\":5}",
        "{\"id\":3,\"ev\":\"ok\"}");
    hears_begin(client, "{\"id\":2,\"ev\":\"rows\",\"rows\":[[3,null,0,2,");
    hears_begin(client, "{\"id\":2,\"ev\":\"progress\"");
    hears_nothing(client);
    end(t);
}

/* A partition's records are deleted up to an offset. */
struct trimming {
    struct town *town;
    struct core_trim trim;
    bool is_done;
};

static void trimming_done(struct core_trim *trim)
{
    struct trimming *trimming = trim->ctx;
    trimming->is_done = true;
}

static void trimming_start(struct rt_shard *shard, void *ctx)
{
    struct trimming *trimming = ctx;
    struct core_shard *cs = town_core(trimming->town, 0);
    const struct core_topic *topic = core_catalog_find(cs->catalog, "s", 1);
    (void)shard;
    assert_non_null(topic);
    trimming->trim = (struct core_trim){.done = trimming_done,
                                        .ctx = trimming,
                                        .topic = topic->uuid,
                                        .group = topic->groups[0],
                                        .offset = 2,
                                        .timeout_ms = 10000};
    core_trim_start(cs, &trimming->trim);
}

static bool trimming_is_done(void *ctx)
{
    return ((struct trimming *)ctx)->is_done;
}

static void what_was_deleted_is_a_gap(void **state)
{
    struct town *t = begin(9, 2);
    struct client *client = client_new(t);
    struct trimming trimming = {.town = t};
    (void)state;
    ask(client,
        "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1}},{\"value\":{\"a\":"
        "2}},{\"value\":{\"a\":3}}]}",
        "{\"ev\":\"ok\"");
    town_on(t, 0, trimming_start, &trimming);
    assert_true(town_run_until(t, trimming_is_done, &trimming, WAIT_MS));
    assert_int_equal(trimming.trim.code, CORE_OK);
    say(client, "{\"id\":1,\"op\":\"subscribe\",\"stream\":\"s\",\"from\":{\"0\":0}}");
    hears_begin(client, "{\"id\":1,\"ev\":\"ok\"");
    hears_begin(client, "{\"id\":1,\"ev\":\"schema\"");
    assert_hears(client, "{\"id\":1,\"ev\":\"gap\",\"partition\":0,\"from\":0,\"to\":2}");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\"");
    hears_begin(client, "{\"id\":1,\"ev\":\"rows\",\"rows\":[[3,null,0,2,");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\"");
    say(client, "{\"id\":2,\"op\":\"subscribe\",\"stream\":\"s\",\"from\":\"earliest\"}");
    hears_begin(client, "{\"id\":2,\"ev\":\"ok\"");
    hears_begin(client, "{\"id\":2,\"ev\":\"schema\"");
    hears_begin(client, "{\"id\":2,\"ev\":\"progress\"");
    hears_begin(client, "{\"id\":2,\"ev\":\"rows\",\"rows\":[[3,null,0,2,"); /* there was none */
    end(t);
}

static void a_slow_client_that_asked_for_it_is_cut_off(void **state)
{
    struct town *t = begin(8, 1);
    struct client *slow = client_new(t);
    struct client *patient = client_new(t);
    struct client *writer = client_new(t);
    static char text[MESSAGE_BYTES];
    (void)state;
    int length = snprintf(text, sizeof(text),
                          "{\"op\":\"append\",\"stream\":\"s\",\"events\":["
                          "{\"value\":{\"a\":\"");
    memset(text + length, 'x', 50000);
    snprintf(text + length + 50000, sizeof(text) - (size_t)length - 50000, "\"}}]}");
    ask(writer, text, "{\"ev\":\"ok\"");
    slow->is_deaf = true;
    say(slow, "{\"id\":1,\"op\":\"subscribe\",\"stream\":\"s\",\"slow\":\"disconnect\"}");
    say(patient, "{\"id\":1,\"op\":\"subscribe\",\"stream\":\"s\",\"slow\":\"block\"}");
    patient->is_deaf = true;
    for (uint32_t i = 0; i < 20; i++) {
        say(writer, text);
        town_run(t, 100);
    }
    town_run(t, 8000);
    assert_true(slow->is_gone);
    assert_false(patient->is_closed);
    assert_true(ws_conn_queued_bytes(patient->conn) < 500u << 10);
    town_on(t, 0, client_read, patient);
    for (uint32_t i = 0; strstr(hear(patient), ",null,0,20,") == NULL; i++) {
        assert_true(i < 200);
    }
    end(t);
}

static void who_subscribes_is_a_table(void **state)
{
    struct town *t = begin(9, 2);
    struct client *client = client_new(t);
    struct client *asker = client_new(t);
    (void)state;
    make_topic(t, "s", 2);
    ask(client,
        "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1},\"partition\":1}]}",
        "{\"ev\":\"ok\"");
    ask(client,
        "{\"id\":5,\"op\":\"query\",\"sql\":\"CREATE MATERIALIZED VIEW v AS SELECT a, count(*) AS "
        "c FROM s GROUP BY a\"}",
        "{\"id\":5,\"ev\":\"ok\"");
    say(client, "{\"id\":\"x\",\"op\":\"subscribe\",\"stream\":\"s\",\"from\":\"earliest\"}");
    town_run(t, 500);
    say(client,
        "{\"id\":7,\"op\":\"subscribe\",\"sql\":\"SELECT c FROM v WHERE a = $1\",\"params\":[1]}");
    town_run(t, 500);
    ask(asker,
        "{\"id\":1,\"op\":\"query\",\"sql\":\"SELECT shard, number, id, kind, name, sql, state, "
        "CASE kind WHEN 'stream' THEN position ELSE substring(position, 9, 1) END AS p, behind, "
        "rows, "
        "queued_bytes AS q FROM system.subscriptions ORDER BY number\"}",
        "{\"id\":1,\"ev\":\"rows\"");
    const char *rows = strstr(asker->came, "\"rows\":[[");
    assert_non_null(rows);
    assert_string_equal(rows, "\"rows\":[[0,1,\"\\\"x\\\"\",\"stream\",\"s\",null,\"following\","
                              "\"{\\\"0\\\":0,\\\"1\\\":1}\",null,1,0],[0,2,\"7\",\"view\",\"v\","
                              "\"SELECT c FROM v WHERE a = $1\",\"following\",\".\",0,1,0]]}");
    hears_begin(asker, "{\"id\":1,\"ev\":\"ok\"");
    ask(asker, "{\"id\":2,\"op\":\"subscribe\",\"sql\":\"SELECT count(*) FROM s\"}",
        "{\"id\":2,\"ev\":\"error\"");
    town_on(t, 0, client_go, client);
    town_run(t, SETTLE_MS);
    ask(asker, "{\"id\":3,\"op\":\"query\",\"sql\":\"SELECT count(*) FROM system.subscriptions\"}",
        "{\"id\":3,\"ev\":\"rows\",\"columns\":[{\"name\":\"count\",\"type\":\"bigint\"}],\"rows\":"
        "[[0]]}");
    end(t);
}

/* Rows that pass, by SELECT; from there on, what is appended. */
static void who_asks_by_a_select_has_what_passes(void **state)
{
    struct town *t = begin(10, 2);
    struct client *client = client_new(t);
    (void)state;
    ask(client,
        "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1,\"b\":\"x\"}},"
        "{\"value\":{\"a\":2,\"b\":\"y\"}},{\"value\":{\"a\":3,\"b\":\"x\"}}]}",
        "{\"ev\":\"ok\"");
    say(client, "{\"id\":1,\"op\":\"subscribe\",\"sql\":\"SELECT a * 10 AS ten FROM s WHERE b = $1 "
                "AND a < 100\",\"params\":[\"x\"],\"from\":\"earliest\"}");
    assert_hears(client, "{\"id\":1,\"ev\":\"ok\",\"stream\":\"s\",\"partitions\":1}");
    assert_hears(client, "{\"id\":1,\"ev\":\"schema\",\"columns\":[{\"name\":\"ten\",\"type\":"
                         "\"bigint\"}]}");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\"");
    assert_hears(client, "{\"id\":1,\"ev\":\"rows\",\"rows\":[[10],[30]]}");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\"");
    ask(client,
        "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":500,\"b\":\"x\"}}]}",
        "{\"ev\":\"ok\"");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\""); /* nothing passes, but it has come */
    ask(client,
        "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":4,\"b\":\"x\"}}]}",
        "{\"ev\":\"ok\"");
    assert_hears(client, "{\"id\":1,\"ev\":\"rows\",\"rows\":[[40]]}");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\"");
    end(t);
}

static void what_is_no_subscription_is_told(void **state)
{
    static const struct {
        const char *members;
        const char *answer;
    } rows[] = {
        {"\"stream\":\"s\",\"view\":\"s\"", "message_invalid"},
        {"\"credit\":1", "message_invalid"},
        {"\"stream\":5", "message_invalid"},
        {"\"view\":\"\"", "message_invalid"},
        {"\"sql\":null", "message_invalid"},
        {"\"stream\":\"s\",\"params\":[]", "message_invalid"},
        {"\"sql\":\"SELECT a FROM s\",\"params\":{}", "message_invalid"},
        {"\"view\":\"s\"", "message_invalid"},
        {"\"view\":\"v\"", "view_not_found"},
        {"\"stream\":\"t\"", "stream_not_found"},
        {"\"sql\":\"SELECT a FROM t\"", "sql_undefined"},
        {"\"sql\":\"SELECT c FROM s\"", "sql_undefined"},
        {"\"sql\":\"SELECT a FROM s WHERE\"", "sql_syntax"},
        {"\"sql\":\"SELECT count(*) FROM s\"", "sql_unsupported"},
        {"\"sql\":\"SELECT a FROM s LIMIT 1\"", "sql_unsupported"},
        {"\"sql\":\"SELECT a FROM s WHERE a = $1\",\"params\":[\"x\"]", "sql_data"},
        {"\"sql\":\"SELECT a FROM s\",\"params\":[1]", "sql_parameters"},
        {"\"stream\":\"s\",\"from\":{\"timestamp\":true}", "message_invalid"},
        {"\"stream\":\"s\",\"from\":{\"0\":9}", "offset_out_of_range"},
        {"\"stream\":\"s\",\"from\":{\"1\":0}", "offset_out_of_range"},
        {"\"stream\":\"s\",\"from\":\"v1.00000000000000000000000000000001.1.00000001.1."
         "0000000000000000\"",
         "message_invalid"},
    };
    struct town *t = begin(11, 1);
    struct client *client = client_new(t);
    (void)state;
    ask(client, "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1}}]}",
        "{\"ev\":\"ok\"");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[600];
        char answer[200];
        snprintf(text, sizeof(text), "{\"id\":1,\"op\":\"subscribe\",%s}", rows[i].members);
        snprintf(answer, sizeof(answer), "{\"id\":1,\"ev\":\"error\",\"type\":\"urn:tdb:error:%s\"",
                 rows[i].answer);
        ask(client, text, answer);
    }
    end(t);
}

/* One run of frames for all; who does not read has the rest when he reads, each once. */
static void who_asks_alike_is_told_alike_and_a_deaf_one_holds_nobody_up(void **state)
{
    struct town *t = begin(12, 1);
    struct client *writer = client_new(t);
    struct client *readers[3];
    static char text[MESSAGE_BYTES];
    (void)state;
    ask(writer, "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":\"\"}}]}",
        "{\"ev\":\"ok\"");
    for (uint32_t i = 0; i < 3; i++) {
        readers[i] = client_new(t);
        say(readers[i], "{\"id\":1,\"op\":\"subscribe\",\"sql\":\"SELECT _offset, a FROM s\"}");
        hears_begin(readers[i], "{\"id\":1,\"ev\":\"ok\"");
        hears_begin(readers[i], "{\"id\":1,\"ev\":\"schema\"");
        hears_begin(readers[i], "{\"id\":1,\"ev\":\"progress\"");
    }
    town_run(t, 100); /* they are where the log ends */
    int length = snprintf(text, sizeof(text),
                          "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":\"");
    memset(text + length, 'x', 50000);
    snprintf(text + length + 50000, sizeof(text) - (size_t)length - 50000, "\"}}]}");
    readers[2]->is_deaf = true;
    for (uint32_t i = 1; i <= 20; i++) {
        char answer[100];
        ask(writer, text, "{\"ev\":\"ok\"");
        snprintf(answer, sizeof(answer), "{\"id\":1,\"ev\":\"rows\",\"rows\":[[%u,", i);
        for (uint32_t k = 0; k < 2; k++) {
            hears_begin(readers[k], answer);
            hears_begin(readers[k], "{\"id\":1,\"ev\":\"progress\"");
        }
        assert_ptr_equal(readers[0]->newest, readers[1]->newest);
    }
    assert_true(ws_conn_queued_bytes(readers[2]->conn) < 512u << 10);
    town_on(t, 0, client_read, readers[2]);
    for (uint32_t i = 1; i <= 20; i++) {
        const char *message;
        while (strncmp(message = hear(readers[2]), "{\"id\":1,\"ev\":\"rows\"", 18) != 0) {
        }
        uint32_t count = 0;
        for (const char *at = strchr(message, '['); (at = strchr(at, '[')) != NULL; at++) {
            count += at[1] >= '0' && at[1] <= '9';
        }
        assert_true(count > 0);
        i += count - 1;
    }
    end(t);
}

static void a_view_is_followed_from_its_rows_on(void **state)
{
    struct town *t = begin(13, 2);
    struct client *client = client_new(t);
    char text[300];
    char token[150];
    (void)state;
    ask(client,
        "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1,\"b\":\"x\"}}]}",
        "{\"ev\":\"ok\"");
    ask(client,
        "{\"op\":\"query\",\"sql\":\"CREATE MATERIALIZED VIEW v AS SELECT b, count(*) AS n FROM s "
        "GROUP BY b\"}",
        "{\"ev\":\"ok\"");
    say(client, "{\"id\":1,\"op\":\"subscribe\",\"view\":\"v\"}");
    assert_hears(client, "{\"id\":1,\"ev\":\"ok\",\"view\":\"v\",\"resume\":\"snapshot\"}");
    assert_hears(client, "{\"id\":1,\"ev\":\"schema\",\"columns\":[{\"name\":\"b\",\"type\":"
                         "\"text\"},{\"name\":\"n\",\"type\":\"bigint\"}],\"key\":[0]}");
    assert_hears(client, "{\"id\":1,\"ev\":\"rows\",\"rows\":[[\"x\",1]]}");
    assert_hears(client, "{\"id\":1,\"ev\":\"snapshot_end\"}");
    const char *progress = hear(client);
    assert_non_null(strstr(progress, "\"ev\":\"progress\",\"token\":\"v1."));
    assert_non_null(strstr(progress, "\",\"position\":\""));
    snprintf(token, sizeof(token), "%.*s", (int)strcspn(strstr(progress, "v1."), "\""),
             strstr(progress, "v1."));
    ask(client,
        "{\"op\":\"append\",\"stream\":\"s\",\"events\":[{\"value\":{\"a\":1,\"b\":\"x\"}}]}",
        "{\"ev\":\"ok\"");
    assert_hears(client, "{\"id\":1,\"ev\":\"changes\",\"changes\":[[\"u\",[\"x\",2]]]}");
    hears_begin(client, "{\"id\":1,\"ev\":\"progress\"");
    snprintf(text, sizeof(text), "{\"id\":2,\"op\":\"subscribe\",\"view\":\"v\",\"from\":\"%s\"}",
             token);
    say(client, text);
    assert_hears(client, "{\"id\":2,\"ev\":\"ok\",\"view\":\"v\",\"resume\":\"diff\"}");
    hears_begin(client, "{\"id\":2,\"ev\":\"schema\"");
    assert_hears(client, "{\"id\":2,\"ev\":\"changes\",\"changes\":[[\"u\",[\"x\",2]]]}");
    hears_begin(client, "{\"id\":2,\"ev\":\"progress\"");
    ask(client, "{\"id\":3,\"op\":\"unsubscribe\",\"subscription\":1}", "{\"id\":3,\"ev\":\"ok\"}");
    assert_hears(client, "{\"id\":1,\"ev\":\"closed\"}");
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_is_answered_with_its_id),
        cmocka_unit_test(a_client_that_does_not_read_holds_its_statement_up),
        cmocka_unit_test(what_was_appended_is_read_over_the_same_connection),
        cmocka_unit_test(a_connection_that_goes_leaves_nothing),
        cmocka_unit_test(a_connection_has_so_many_under_way),
        cmocka_unit_test(a_blank_stream_has_its_schema_with_the_first_event),
        cmocka_unit_test(partitions_that_come_later_are_followed),
        cmocka_unit_test(credit_gives_so_many_rows_and_a_token_the_rest),
        cmocka_unit_test(what_was_deleted_is_a_gap),
        cmocka_unit_test(who_subscribes_is_a_table),
        cmocka_unit_test(a_slow_client_that_asked_for_it_is_cut_off),
        cmocka_unit_test(who_asks_by_a_select_has_what_passes),
        cmocka_unit_test(what_is_no_subscription_is_told),
        cmocka_unit_test(who_asks_alike_is_told_alike_and_a_deaf_one_holds_nobody_up),
        cmocka_unit_test(a_view_is_followed_from_its_rows_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
