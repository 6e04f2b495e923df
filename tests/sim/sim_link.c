/* Links: what the network between two nodes does to segments. See sim.h.
 *
 * Each direction is for itself, so that cuts can be one-way. A node reaches itself over a perfect
 * link, by its own address or a loopback one. */
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim_int.h"

#define SIM_MILLION 1000000u

static const struct sim_link_options sim_link_loopback = {
    .delay = {.min_ns = 5000, .mean_ns = 15000},
};

static const struct sim_link_options *sim_link_options_of(struct sim_node *from,
                                                          struct sim_node *to);
static void sim_link_trace(struct sim_node *from, struct sim_node *to, enum sim_row_kind kind);

void sim_net_cut(struct sim_node *from, struct sim_node *to)
{
    ASSERT(from != to);
    sim_link_trace(from, to, SIM_ROW_CUT);
    sim_link(from, to)->is_cut = true;
}

void sim_net_heal(struct sim_node *from, struct sim_node *to)
{
    sim_link_trace(from, to, SIM_ROW_HEAL);
    sim_link(from, to)->is_cut = false;
}

void sim_net_heal_all(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        struct sim_node *from = sim->nodes[i];
        for (uint32_t j = 0; j < from->links_count; j++) {
            if (from->links[j] != NULL && from->links[j]->is_cut) {
                sim_net_heal(from, sim->nodes[j]);
            }
        }
    }
}

void sim_net_part(struct sim *sim, enum sim_partition how, bool is_symmetric)
{
    uint32_t count = sim->nodes_count;
    ASSERT(count >= 2);
    sim_net_heal_all(sim);
    uint32_t *order =
        sim_alloc(sim, count * sizeof(order[0])); /* the first `part` against the rest */
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    prng_shuffle(&sim->prng_net, order, count, sizeof(order[0]));
    uint64_t part = 0;
    switch (how) {
    case SIM_PARTITION_SIZES: part = prng_range(&sim->prng_net, 1, count - 1); break;
    case SIM_PARTITION_COINS:
        for (uint32_t i = 0; i < count; i++) {
            part += prng_chance(&sim->prng_net, 1, 2);
        }
        break;
    case SIM_PARTITION_ONE: part = 1; break;
    case SIM_PARTITION_COUNT: UNREACHABLE();
    }
    for (uint64_t i = 0; i < part; i++) {
        for (uint64_t j = part; j < count; j++) {
            sim_net_cut(sim->nodes[order[i]], sim->nodes[order[j]]);
            if (is_symmetric) {
                sim_net_cut(sim->nodes[order[j]], sim->nodes[order[i]]);
            }
        }
    }
    sim_free_block(sim, order);
}

bool sim_net_is_cut(struct sim_node *from, struct sim_node *to)
{
    return sim_link(from, to)->is_cut;
}

void sim_net_set_link(struct sim_node *from, struct sim_node *to,
                      const struct sim_link_options *options)
{
    struct sim_link *link = sim_link(from, to);
    link->has_options = true;
    link->options = *options;
}

struct sim_link *sim_link(struct sim_node *from, struct sim_node *to)
{
    struct sim *sim = from->sim;
    if (to->id > from->links_count) {
        struct sim_link **links = sim_alloc(sim, sim->nodes_count * sizeof(links[0]));
        if (from->links != NULL) {
            memcpy(links, from->links, from->links_count * sizeof(links[0]));
            sim_free_block(sim, from->links);
        }
        from->links = links;
        from->links_count = sim->nodes_count;
    }
    struct sim_link **link = &from->links[to->id - 1];
    if (*link == NULL) {
        *link = sim_alloc(sim, sizeof(**link));
    }
    return *link;
}

bool sim_link_loses(struct sim_node *from, struct sim_node *to)
{
    const struct sim_link_options *options = sim_link_options_of(from, to);
    bool is_lost = prng_chance(&from->sim->prng_net, options->loss_ppm, SIM_MILLION);
    return is_lost || sim_link(from, to)->is_cut;
}

bool sim_link_doubles(struct sim_node *from, struct sim_node *to)
{
    const struct sim_link_options *options = sim_link_options_of(from, to);
    return prng_chance(&from->sim->prng_net, options->duplicate_ppm, SIM_MILLION);
}

uint64_t sim_link_delay_ns(struct sim_node *from, struct sim_node *to)
{
    struct sim *sim = from->sim;
    struct prng *prng = &sim->prng_net;
    const struct sim_link_options *options = sim_link_options_of(from, to);
    struct sim_link *link = sim_link(from, to);
    uint64_t delay_ns = sim_delay_draw(&options->delay, prng);
    if (prng_chance(prng, options->reorder_ppm, SIM_MILLION)) {
        delay_ns += sim_delay_draw(&options->reorder, prng);
    }
    if (prng_chance(prng, options->clog_ppm, SIM_MILLION)) {
        link->clogged_until_ns = sim->now_ns + sim_delay_draw(&options->clog, prng);
    }
    if (link->clogged_until_ns > sim->now_ns) {
        delay_ns += link->clogged_until_ns - sim->now_ns;
    }
    return delay_ns;
}

struct sim_node *sim_node_find(struct sim_node *from, const struct rt_addr *addr)
{
    if (rt_addr_is_loopback(addr)) {
        return from;
    }
    if (addr->is_v6 || addr->ip[0] != 10) {
        return NULL;
    }
    uint32_t id = (uint32_t)addr->ip[1] << 16 | (uint32_t)addr->ip[2] << 8 | addr->ip[3];
    return id >= 1 && id <= from->sim->nodes_count ? from->sim->nodes[id - 1] : NULL;
}

static const struct sim_link_options *sim_link_options_of(struct sim_node *from,
                                                          struct sim_node *to)
{
    if (from == to) {
        return &sim_link_loopback;
    }
    struct sim_link *link = sim_link(from, to);
    return link->has_options ? &link->options : &from->sim->options.link;
}

static void sim_link_trace(struct sim_node *from, struct sim_node *to, enum sim_row_kind kind)
{
    sim_trace_node(from, kind, NULL, to->id);
}
