/* Steps that all shards take together. See node.h. */
#include "broker/app/node.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/rt/shard.h"

static void node_step(struct node *node, node_shard_fn *step, void (*next)(struct node *node));
static void node_send(struct node *node, uint32_t to, node_shard_fn *step);
static void node_shard_run(struct rt_shard *shard, struct rt_mail *mail);
static void node_shard_end(struct node_shard *here, enum err err);
static void node_shard_came_home(struct rt_shard *shard, struct rt_mail *mail);
static void node_shard_open_core(struct node_shard *here);
static void node_shard_core_open(struct core_shard *cs);
static void node_shard_open_doors(struct node_shard *here);
static void node_shard_close_doors(struct node_shard *here);
static void node_shard_kafka_closed(struct kafka_door *door);
static void node_shard_http_closed(struct http_door *door);
static void node_shard_door_closed(struct node_shard *here);
static void node_shard_close_core(struct node_shard *here);
static void node_shard_core_closed(struct core_shard *cs);
static void node_cores_open(struct node *node);
static void node_first_open(struct node *node);
static void node_note_port(struct node *node);
static void node_doors_open(struct node *node);
static void node_doors_closed(struct node *node);
static void node_cores_closed(struct node *node);
static bool node_has_failed(struct node *node);

void node_init(struct node *node, struct node_shard *shards, uint32_t shards_count,
               const struct core_config *core, const struct kafka_config *kafka,
               const struct http_config *http, const struct crc32c *kernels)
{
    *node = (struct node){.shards = shards, .shards_count = shards_count, .kafka = *kafka};
    if (http != NULL) {
        node->has_http = true;
        node->http = *http;
    }
    core_init(&node->core, core, kernels, shards_count);
}

void node_shard_init(struct node *node, struct rt_shard *shard, struct diag *diag)
{
    struct node_shard *here = &node->shards[shard->id];
    here->node = node;
    here->shard = shard;
    here->diag = diag;
    rt_outbox_init(&here->outbox, shard);
}

void node_open(struct node *node, node_done_fn *done)
{
    node->done = done;
    node->err = ERR_OK;
    node_step(node, node_shard_open_core, node_cores_open);
}

void node_close(struct node *node, node_done_fn *done)
{
    node->done = done;
    node_step(node, node_shard_close_doors, node_doors_closed);
}

/* --- Steps --- */

/* `step` on every shard, then `next` here. */
static void node_step(struct node *node, node_shard_fn *step, void (*next)(struct node *node))
{
    node->next = next;
    for (uint32_t i = 0; i < node->shards_count; i++) {
        node_send(node, i, step);
    }
}

static void node_send(struct node *node, uint32_t to, node_shard_fn *step)
{
    struct node_shard *there = &node->shards[to];
    there->step = step;
    there->err = ERR_OK;
    node->away_count++;
    rt_outbox_send(&node->shards[0].outbox, to, &there->mail, node_shard_run);
}

static struct node_shard *node_shard_of(struct rt_mail *mail)
{
    struct rt_outbox_mail *letter = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    return CONTAINER_OF(letter, struct node_shard, mail);
}

static void node_shard_run(struct rt_shard *shard, struct rt_mail *mail)
{
    struct node_shard *here = node_shard_of(mail);
    ASSERT(here->shard == shard);
    here->step(here);
}

static void node_shard_end(struct node_shard *here, enum err err)
{
    here->err = err;
    rt_outbox_send(&here->outbox, 0, &here->mail, node_shard_came_home);
}

static void node_shard_came_home(struct rt_shard *shard, struct rt_mail *mail)
{
    struct node *node = node_shard_of(mail)->node;
    (void)shard;
    if (--node->away_count == 0) {
        node->next(node);
    }
}

/* --- On each shard --- */

static void node_shard_open_core(struct node_shard *here)
{
    here->is_core_open = true;
    core_shard_open(&here->core, here->shard, &here->node->core, here->diag, node_shard_core_open);
}

static void node_shard_core_open(struct core_shard *cs)
{
    node_shard_end(CONTAINER_OF(cs, struct node_shard, core), cs->err);
}

static void node_shard_open_doors(struct node_shard *here)
{
    struct node *node = here->node;
    enum err err = kafka_door_open(&here->kafka, &here->core, here->diag, &node->kafka);
    here->is_kafka_open = err == ERR_OK;
    if (err == ERR_OK && node->has_http) {
        err = http_door_open(&here->http, &here->core, here->diag, &node->http);
        here->is_http_open = err == ERR_OK;
    }
    node_shard_end(here, err);
}

static void node_shard_close_doors(struct node_shard *here)
{
    here->closing_count = 1;
    if (here->is_kafka_open) {
        here->is_kafka_open = false;
        here->closing_count++;
        kafka_door_close(&here->kafka, node_shard_kafka_closed);
    }
    if (here->is_http_open) {
        here->is_http_open = false;
        here->closing_count++;
        http_door_close(&here->http, node_shard_http_closed);
    }
    node_shard_door_closed(here);
}

static void node_shard_kafka_closed(struct kafka_door *door)
{
    node_shard_door_closed(CONTAINER_OF(door, struct node_shard, kafka));
}

static void node_shard_http_closed(struct http_door *door)
{
    node_shard_door_closed(CONTAINER_OF(door, struct node_shard, http));
}

static void node_shard_door_closed(struct node_shard *here)
{
    if (--here->closing_count == 0) {
        node_shard_end(here, ERR_OK);
    }
}

static void node_shard_close_core(struct node_shard *here)
{
    if (here->is_core_open) {
        here->is_core_open = false;
        core_shard_close(&here->core, node_shard_core_closed);
    } else {
        node_shard_end(here, ERR_OK);
    }
}

static void node_shard_core_closed(struct core_shard *cs)
{
    node_shard_end(CONTAINER_OF(cs, struct node_shard, core), cs->err);
}

/* --- On shard 0, between steps --- */

/* The doors open on shard 0 first: with port 0 the others listen on the port it got. */
static void node_cores_open(struct node *node)
{
    if (node_has_failed(node)) {
        node->done(node);
        return;
    }
    node->next = node_first_open;
    node_send(node, 0, node_shard_open_doors);
}

static void node_first_open(struct node *node)
{
    const struct node_shard *first = &node->shards[0];
    node_note_port(node);
    if (node_has_failed(node) || node->shards_count == 1) {
        node_doors_open(node);
        return;
    }
    node->kafka.listen = first->kafka.config.listen;
    node->http.listen = first->http.config.listen;
    node->next = node_doors_open;
    for (uint32_t i = 1; i < node->shards_count; i++) {
        node_send(node, i, node_shard_open_doors);
    }
}

/* The address of the door that did not open, if one did not. */
static void node_note_port(struct node *node)
{
    for (uint32_t i = 0; i < node->shards_count && node->port == NULL; i++) {
        const struct node_shard *there = &node->shards[i];
        if (there->err != ERR_OK && there->err != ERR_BUDGET) {
            node->port = there->is_kafka_open ? &node->http.listen : &node->kafka.listen;
        }
    }
}

static void node_doors_open(struct node *node)
{
    node_note_port(node);
    node->is_open = !node_has_failed(node);
    node->done(node);
}

static void node_doors_closed(struct node *node)
{
    node_step(node, node_shard_close_core, node_cores_closed);
}

static void node_cores_closed(struct node *node)
{
    node->is_open = false;
    node->done(node);
}

/* Whether a shard could not take its step; the first one's reason is kept. */
static bool node_has_failed(struct node *node)
{
    for (uint32_t i = 0; i < node->shards_count && node->err == ERR_OK; i++) {
        node->err = node->shards[i].err;
        if (node->err != ERR_OK && node->port == NULL) {
            snprintf(node->why, sizeof(node->why), "%s", node->shards[i].core.why);
        }
    }
    return node->err != ERR_OK;
}
