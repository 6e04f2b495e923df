/* See ws_crowd.h. */
#include "broker/gateway/ws_crowd.h"

#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/gateway/door.h"

/* Chunks of a crowd's memory. */
#define WS_CROWD_CHUNK_BYTES 512u

/* Ids whose frames are at hand while messages are sent. */
#define WS_CROWD_IDS 8u

/* Messages so long together are not written for each id. */
#define WS_CROWD_COPY_BYTES 1024u

/* What stands in front of each message; room for it. */
#define WS_CROWD_HEAD       "{\"id\":"
#define WS_CROWD_HEAD_BYTES (sizeof(WS_CROWD_HEAD) + WS_ID_BYTES_MAX)

/* What who has an id is sent. */
struct ws_crowd_id {
    struct http_text id;    /* of one who is sent to */
    struct ws_frame *frame; /* the run; or what goes in front of each of the bodies */
    bool is_first;          /* that */
};

/* Messages on their way. */
struct ws_crowd_sending {
    struct ws_crowd *crowd;
    struct ws_crowd_id ids[WS_CROWD_IDS];
    uint32_t ids_count;                         /* ever; the oldest gives its place */
    uint32_t bodies_count;                      /* that are made */
    struct ws_frame *bodies[WS_CROWD_MESSAGES]; /* messages without their heads */
};

static bool ws_crowd_sending_begin(struct ws_crowd_sending *s, struct ws_crowd *crowd);
static void ws_crowd_sending_end(struct ws_crowd_sending *s);
static void ws_crowd_sending_to(struct ws_crowd_sending *s, const struct ws_work *work);
static struct ws_crowd_id *ws_crowd_sending_id(struct ws_crowd_sending *s, struct http_text id);
static enum err ws_crowd_id_run(struct ws_crowd *crowd, struct ws_crowd_id *its);
static enum err ws_crowd_id_head(struct ws_crowd *crowd, struct ws_crowd_id *its);
static enum err ws_crowd_bodies(struct ws_crowd_sending *s);

struct ws_crowd *ws_crowd_new(struct ws_conn *conn, const struct plan_output *outputs,
                              uint32_t count)
{
    struct budget *budget = ws_conn_budget(conn);
    void *memory;
    if (budget_alloc(budget, sizeof(struct ws_crowd), 16, &memory) != ERR_OK) {
        return NULL;
    }
    struct ws_crowd *crowd = memory;
    crowd->budget = budget;
    arena_init(&crowd->arena, budget, WS_CROWD_CHUNK_BYTES, SIZE_MAX);
    ws_out_init(&crowd->out, &crowd->arena, conn);
    if (!http_rows_init(&crowd->rows, &crowd->arena, outputs, count)) {
        ws_crowd_free(crowd);
        return NULL;
    }
    return crowd;
}

void ws_crowd_free(struct ws_crowd *crowd)
{
    if (crowd != NULL) {
        http_out_drop(&crowd->out);
        arena_deinit(&crowd->arena);
        budget_free(crowd->budget, crowd);
    }
}

void ws_crowd_begin(struct ws_crowd *crowd, const char *event)
{
    ASSERT(!crowd->is_open);
    ASSERT(crowd->count < WS_CROWD_MESSAGES);
    crowd->is_open = true;
    ws_out_event(&crowd->out, event);
}

void ws_crowd_end(struct ws_crowd *crowd)
{
    ASSERT(crowd->is_open);
    http_out_put(&crowd->out, "}", 1);
    crowd->is_open = false;
    crowd->lengths[crowd->count++] = (uint32_t)(crowd->out.bytes - crowd->whole_bytes);
    crowd->whole_bytes = crowd->out.bytes;
}

bool ws_crowd_is_full(const struct ws_crowd *crowd)
{
    return crowd->count == WS_CROWD_MESSAGES || crowd->whole_bytes >= WS_CROWD_BYTES_MAX ||
           http_out_is_short(&crowd->out);
}

/* --- Sending --- */

void ws_crowd_send(struct ws_crowd *crowd, const struct list *list, ws_crowd_work_of work_of)
{
    struct ws_crowd_sending s;
    if (!ws_crowd_sending_begin(&s, crowd)) {
        return;
    }
    list_for_each (node, list) {
        ws_crowd_sending_to(&s, work_of(node));
    }
    ws_crowd_sending_end(&s);
}

void ws_crowd_send_to(struct ws_crowd *crowd, const struct ws_work *work)
{
    struct ws_crowd_sending s;
    if (ws_crowd_sending_begin(&s, crowd)) {
        ws_crowd_sending_to(&s, work);
        ws_crowd_sending_end(&s);
    }
}

void ws_crowd_refuse(const struct list *list, ws_crowd_work_of work_of)
{
    list_for_each (node, list) {
        ws_crowd_close(work_of(node));
    }
}

void ws_crowd_close(const struct ws_work *work)
{
    ws_conn_close(work->conn, WS_OVERLOADED, "no memory for what is to be sent");
}

/* False: there is nothing to send. */
static bool ws_crowd_sending_begin(struct ws_crowd_sending *s, struct ws_crowd *crowd)
{
    ASSERT(!crowd->is_open);
    s->crowd = crowd;
    s->ids_count = 0;
    s->bodies_count = 0;
    return crowd->count > 0 || http_out_is_short(&crowd->out);
}

static void ws_crowd_sending_end(struct ws_crowd_sending *s)
{
    struct ws_crowd *crowd = s->crowd;
    for (uint32_t i = 0; i < s->ids_count && i < WS_CROWD_IDS; i++) {
        ws_frame_unref(s->ids[i].frame);
    }
    for (uint32_t i = 0; i < s->bodies_count; i++) {
        ws_frame_unref(s->bodies[i]);
    }
    http_out_drop(&crowd->out);
    crowd->out.err = ERR_OK;
    crowd->count = 0;
    crowd->whole_bytes = 0;
}

static void ws_crowd_sending_to(struct ws_crowd_sending *s, const struct ws_work *work)
{
    struct ws_crowd_id *its =
        http_out_is_short(&s->crowd->out) ? NULL : ws_crowd_sending_id(s, work->id);
    if (its == NULL) {
        ws_crowd_close(work);
        return;
    }
    for (uint32_t i = 0; its->is_first && i < s->bodies_count; i++) {
        ws_conn_send(work->conn, its->frame);
        ws_conn_send(work->conn, s->bodies[i]);
    }
    if (!its->is_first) {
        ws_conn_send(work->conn, its->frame);
    }
}

/* What is sent for that id; NULL: there is no memory. */
static struct ws_crowd_id *ws_crowd_sending_id(struct ws_crowd_sending *s, struct http_text id)
{
    struct ws_crowd *crowd = s->crowd;
    for (uint32_t i = 0; i < s->ids_count && i < WS_CROWD_IDS; i++) {
        const struct http_text *other = &s->ids[i].id;
        if (other->length == id.length && memcmp(other->data, id.data, id.length) == 0) {
            return &s->ids[i];
        }
    }
    struct ws_crowd_id its = {.id = id};
    its.is_first = s->ids_count > 0 && crowd->whole_bytes > WS_CROWD_COPY_BYTES;
    enum err err = its.is_first ? ws_crowd_bodies(s) : ws_crowd_id_run(crowd, &its);
    if (err == ERR_OK && its.is_first) {
        err = ws_crowd_id_head(crowd, &its);
    }
    if (err != ERR_OK) {
        return NULL;
    }
    struct ws_crowd_id *place = &s->ids[s->ids_count % WS_CROWD_IDS];
    if (s->ids_count >= WS_CROWD_IDS) {
        ws_frame_unref(place->frame);
    }
    s->ids_count++;
    *place = its;
    return place;
}

/* {"id":1, */
static size_t ws_crowd_head(struct http_text id, char to[WS_CROWD_HEAD_BYTES])
{
    size_t bytes = sizeof(WS_CROWD_HEAD) - 1;
    ASSERT(id.length <= WS_ID_BYTES_MAX);
    memcpy(to, WS_CROWD_HEAD, bytes);
    memcpy(to + bytes, id.data, id.length);
    to[bytes + id.length] = ',';
    return bytes + id.length + 1;
}

/* All messages, as one run of frames. */
static enum err ws_crowd_id_run(struct ws_crowd *crowd, struct ws_crowd_id *its)
{
    char head[WS_CROWD_HEAD_BYTES];
    size_t head_bytes = ws_crowd_head(its->id, head);
    enum err err = ws_frame_new(
        crowd->budget, ws_frame_bytes(crowd->out.bytes, head_bytes, crowd->count), &its->frame);
    if (err == ERR_OK) {
        http_out_copy(&crowd->out, its->frame->data);
        ws_frame_seal_all(its->frame, head, head_bytes, crowd->lengths, crowd->count);
    }
    return err;
}

/* The first fragment of each. */
static enum err ws_crowd_id_head(struct ws_crowd *crowd, struct ws_crowd_id *its)
{
    char head[WS_CROWD_HEAD_BYTES];
    size_t head_bytes = ws_crowd_head(its->id, head);
    enum err err = ws_frame_new(crowd->budget, head_bytes, &its->frame);
    if (err == ERR_OK) {
        memcpy(its->frame->data, head, head_bytes);
        ws_frame_seal(its->frame, head_bytes, WS_FIRST);
    }
    return err;
}

/* The second ones. */
static enum err ws_crowd_bodies(struct ws_crowd_sending *s)
{
    struct ws_crowd *crowd = s->crowd;
    uint64_t at = 0;
    for (uint32_t i = 0; i < crowd->count; i++) {
        if (i == s->bodies_count) {
            if (ws_frame_new(crowd->budget, crowd->lengths[i], &s->bodies[i]) != ERR_OK) {
                return ERR_BUDGET;
            }
            http_out_copy_some(&crowd->out, at, crowd->lengths[i], s->bodies[i]->data);
            ws_frame_seal(s->bodies[i], crowd->lengths[i], WS_SECOND);
            s->bodies_count++;
        }
        at += crowd->lengths[i];
    }
    return ERR_OK;
}
