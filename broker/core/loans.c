/* See loans.h. */
#include "broker/core/loans.h"

#include "base/assert.h"
#include "base/budget.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"

static void core_loans_send(struct rt_op *op);
static void core_loans_arrived(struct rt_shard *shard, struct rt_mail *mail);
static void core_loans_came_home(struct rt_shard *shard, struct rt_mail *mail);

enum err core_loans_init(struct core_loans *loans, struct core_shard *cs, struct budget *budget,
                         uint32_t shards_count)
{
    void *ways;
    *loans = (struct core_loans){.cs = cs};
    enum err err = budget_alloc(budget, shards_count * sizeof(struct core_loans_way), 64, &ways);
    if (err != ERR_OK) {
        return err;
    }
    loans->ways = ways;
    for (uint32_t i = 0; i < shards_count; i++) {
        loans->ways[i].loans = loans;
    }
    rt_op_init(&loans->op, cs->shard, core_loans_send);
    return ERR_OK;
}

bool core_loans_is_idle(const struct core_loans *loans)
{
    return loans->waiting_count == 0 && loans->away_count == 0;
}

void core_loans_deinit(struct core_loans *loans, struct budget *budget)
{
    ASSERT(core_loans_is_idle(loans));
    ASSERT(loans->ways == NULL || rt_op_is_idle(&loans->op));
    budget_free(budget, loans->ways);
    loans->ways = NULL;
}

void core_loans_return(struct core_loans *loans, struct buf_loan *loan)
{
    if (loan->owner_shard == loans->cs->shard->id) {
        buf_loan_take_back(loan);
        return;
    }
    buf_loan_return(&loans->ways[loan->owner_shard].list, loan);
    loans->waiting_count++;
    if (rt_op_is_idle(&loans->op)) {
        rt_op_defer(&loans->op);
    }
}

void core_loans_return_all(struct core_loans *loans, struct buf_loan *chain)
{
    while (chain != NULL) {
        struct buf_loan *loan = chain;
        chain = loan->next;
        loan->next = NULL;
        core_loans_return(loans, loan);
    }
}

static void core_loans_send_way(struct core_loans *loans, uint32_t to)
{
    struct core_loans_way *way = &loans->ways[to];
    if (way->is_away || way->list.count == 0) {
        return;
    }
    way->is_away = true;
    loans->away_count++;
    loans->waiting_count -= way->list.count;
    way->chain = buf_return_list_take(&way->list);
    rt_outbox_send(&loans->cs->outbox, to, &way->mail, core_loans_arrived);
}

static void core_loans_send(struct rt_op *op)
{
    struct core_loans *loans = CONTAINER_OF(op, struct core_loans, op);
    for (uint32_t i = 0; i < loans->cs->core->shards_count; i++) {
        core_loans_send_way(loans, i);
    }
}

static struct core_loans_way *core_loans_way_of(struct rt_mail *mail)
{
    struct rt_outbox_mail *letter = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    return CONTAINER_OF(letter, struct core_loans_way, mail);
}

static void core_loans_arrived(struct rt_shard *shard, struct rt_mail *mail)
{
    struct core_loans_way *way = core_loans_way_of(mail);
    struct core_shard *home = way->loans->cs;
    struct buf_loan *chain = way->chain;
    while (chain != NULL) {
        struct buf_loan *loan = chain;
        chain = loan->next;
        loan->next = NULL;
        buf_loan_take_back(loan);
    }
    way->chain = NULL;
    rt_outbox_send(&home->core->shards[shard->id]->outbox, home->shard->id, &way->mail,
                   core_loans_came_home);
}

static void core_loans_came_home(struct rt_shard *shard, struct rt_mail *mail)
{
    struct core_loans_way *way = core_loans_way_of(mail);
    (void)shard;
    way->is_away = false;
    way->loans->away_count--;
    core_loans_send_way(way->loans, (uint32_t)(way - way->loans->ways));
}
