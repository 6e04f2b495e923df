/* The catalog over any life of a node: topics created, deleted, recreated, grown and configured,
 * streams declared, dropped and inferred, views made, rebound, renamed and dropped, killed at any
 * point, started again on other numbers of shards. It equals what was answered, and at most what
 * was under way; logs are those of its partitions and no others. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/catalog_view.h"
#include "broker/core/partition.h"
#include "tests/sim/sim_swarm.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/kafka/town.h"

#define REIGN_NAMES   8u
#define REIGN_BURST   4u
#define REIGN_TOPICS  1000u
#define REIGN_DEFAULT (-2) /* retention.ms is not set */

/* A topic, as far as its clients were told. */
struct reign_topic {
    bool is_there;
    uint32_t partitions_count;
    int64_t retention_ms; /* REIGN_DEFAULT: not set */
    struct log_uuid uuid;
    bool has_stream;           /* one is declared over it */
    uint32_t inferred_version; /* of its implicit one; 0: there is none */
    uint32_t incarnation;      /* of the view that reads it; 0: there is none */
    bool is_renamed;           /* that one is */
};

/* A change on its way. */
struct reign_change {
    struct town *t;
    uint32_t name; /* which topic */
    struct core_change_item item;
    struct core_change change;
    struct core_topic_config_pair pair;
    char name_text[16];
    char value_text[24];
    char stream_text[16];
    char view_text[2][16]; /* the view's first name, and the other */
    struct core_stream stream;
    struct core_view view;
    struct reign_topic after; /* if it is done */
    enum core_code wanted;    /* its answer */
    bool is_done;
};

/* A node's life. */
struct reign {
    struct town *t;
    struct prng prng;
    struct reign_topic topics[REIGN_NAMES];
    struct reign_change changes[REIGN_BURST]; /* of different topics */
    uint32_t changes_count;
};

static void reign_done(struct core_change *change)
{
    struct reign_change *rc = change->ctx;
    assert_false(rc->is_done);
    rc->is_done = true;
}

static void reign_run(struct rt_shard *shard, void *ctx)
{
    struct reign_change *rc = ctx;
    core_change_start(town_core(rc->t, shard->id), &rc->change);
}

/* A stream of the topic's is declared, dropped or inferred. */
static void reign_draw_stream(struct reign *r, struct reign_change *rc,
                              const struct reign_topic *now)
{
    static const struct core_stream_column column = {
        "value", {VEC_JSONB, 0, 0}, CORE_STREAM_PATH, 0, false, "$"};
    const struct core_catalog *catalog = town_core(r->t, 0)->catalog;
    const struct core_stream *known =
        core_catalog_find_stream(catalog, rc->name_text, strlen(rc->name_text));
    rc->stream = (struct core_stream){.topic = now->uuid,
                                      .name = rc->stream_text,
                                      .key = CORE_STREAM_KEY_TEXT,
                                      .columns = &column,
                                      .columns_count = 1};
    rc->item.stream = &rc->stream;
    switch (prng_below(&r->prng, 3)) {
    case 0:
        rc->item.kind = CORE_CHANGE_STREAM_CREATE;
        rc->wanted = now->has_stream ? CORE_STREAM_EXISTS : CORE_OK;
        rc->after.has_stream = true;
        break;
    case 1:
        rc->item.kind = CORE_CHANGE_STREAM_DROP;
        rc->item.name = rc->stream_text;
        rc->item.name_bytes = (uint32_t)strlen(rc->stream_text);
        rc->wanted = now->has_stream ? CORE_OK : CORE_UNKNOWN_STREAM;
        rc->after.has_stream = false;
        break;
    default:
        rc->item.kind = CORE_CHANGE_STREAM_INFER;
        rc->stream.name = rc->name_text;
        rc->stream.uuid = known != NULL ? known->uuid : rc->stream.uuid;
        rc->stream.version = now->inferred_version;
        rc->after.inferred_version++;
        if (prng_chance(&r->prng, 1, 4)) {
            rc->stream.version++; /* nobody has seen that */
            rc->wanted = CORE_STREAM_CHANGED;
        }
    }
}

/* A view over the topic is made, rebound, dropped or renamed. */
static void reign_draw_view(struct reign *r, struct reign_change *rc, const struct reign_topic *now)
{
    static const struct plan_column column = {"n", {VEC_BIGINT, 0, 0}, PLAN_ROLE_VALUE, false};
    const char *name = rc->view_text[now->is_renamed];
    const struct core_view *known =
        core_catalog_find_view(town_core(r->t, 0)->catalog, name, strlen(name));
    bool is_there = now->incarnation > 0;
    rc->stream = (struct core_stream){.uuid = now->uuid,
                                      .topic = now->uuid,
                                      .name = rc->name_text,
                                      .version = 1,
                                      .key = CORE_STREAM_KEY_TEXT};
    rc->view = (struct core_view){.uuid = known != NULL ? known->uuid : now->uuid,
                                  .name = rc->view_text[0],
                                  .incarnation = now->incarnation,
                                  .origin = CORE_VIEW_EARLIEST,
                                  .sql = "SELECT",
                                  .sql_bytes = 6,
                                  .plan = "{}",
                                  .plan_bytes = 2,
                                  .source = &rc->stream,
                                  .columns = &column,
                                  .columns_count = 1};
    rc->item.view = &rc->view;
    rc->item.name = name;
    rc->item.name_bytes = (uint32_t)strlen(name);
    switch (prng_below(&r->prng, 4)) {
    case 0:
        rc->item.kind = CORE_CHANGE_VIEW_CREATE;
        rc->view.name = name;
        rc->wanted = is_there ? CORE_VIEW_EXISTS : CORE_OK;
        rc->after.incarnation = 1;
        break;
    case 1:
        rc->item.kind = CORE_CHANGE_VIEW_REBIND;
        rc->wanted = is_there ? CORE_OK : CORE_VIEW_CHANGED; /* an heir, which has no plan */
        break;
    case 2:
        rc->item.kind = CORE_CHANGE_VIEW_DROP;
        rc->wanted = is_there ? CORE_OK : CORE_UNKNOWN_VIEW;
        rc->after.incarnation = 0;
        break;
    default:
        rc->item.kind = CORE_CHANGE_VIEW_RENAME;
        rc->item.rename = rc->view_text[!now->is_renamed];
        rc->item.rename_bytes = (uint32_t)strlen(rc->item.rename);
        rc->wanted = is_there ? CORE_OK : CORE_UNKNOWN_VIEW;
        rc->after.is_renamed = !now->is_renamed;
    }
}

/* What a change is to be, of a topic as it is now; rc->after and wanted say what comes of it. */
static void reign_draw(struct reign *r, struct reign_change *rc, const struct reign_topic *now)
{
    struct core_change_item *item = &rc->item;
    struct reign_topic *after = &rc->after;
    *after = *now;
    *item = (struct core_change_item){.name = rc->name_text,
                                      .name_bytes = (uint32_t)strlen(rc->name_text),
                                      .partitions_count = -1,
                                      .replicas_count = -1};
    rc->wanted = now->is_there ? CORE_OK : CORE_UNKNOWN_TOPIC;
    int64_t retention_ms = (int64_t)prng_range(&r->prng, 1, 1000000);
    snprintf(rc->value_text, sizeof(rc->value_text), "%" PRId64, retention_ms);
    rc->pair = (struct core_topic_config_pair){"retention.ms", rc->value_text, 12,
                                               (uint16_t)strlen(rc->value_text)};
    switch (prng_below(&r->prng, now->is_there ? 10 : 2)) {
    case 0:
    case 1:
        if (!now->is_there || prng_chance(&r->prng, 1, 5)) {
            item->kind = CORE_CHANGE_CREATE;
            item->partitions_count = 1 + (int32_t)prng_below(&r->prng, 5);
            item->pairs = &rc->pair;
            item->pairs_count = (uint32_t)prng_below(&r->prng, 2);
            rc->wanted = now->is_there ? CORE_TOPIC_EXISTS : CORE_OK;
            after->is_there = true;
            after->partitions_count = (uint32_t)item->partitions_count;
            after->retention_ms = item->pairs_count > 0 ? retention_ms : REIGN_DEFAULT;
            break;
        }
        item->kind = CORE_CHANGE_DELETE;
        after->is_there = false;
        after->inferred_version = 0;
        rc->wanted = now->has_stream || now->incarnation > 0 ? CORE_POLICY_VIOLATION : rc->wanted;
        break;
    case 2:
        item->kind = CORE_CHANGE_PARTITIONS;
        after->partitions_count = now->partitions_count + (uint32_t)prng_below(&r->prng, 4);
        item->partitions_count = (int32_t)after->partitions_count;
        if (after->partitions_count == now->partitions_count) {
            rc->wanted = CORE_INVALID_PARTITIONS;
        }
        break;
    case 5:
    case 6:
    case 7: reign_draw_stream(r, rc, now); break;
    case 8:
    case 9: reign_draw_view(r, rc, now); break;
    default:
        item->kind = CORE_CHANGE_CONFIG;
        item->pairs = &rc->pair;
        item->pairs_count = 1;
        after->retention_ms = retention_ms;
        if (prng_chance(&r->prng, 1, 3)) {
            rc->pair.value = NULL;
            rc->pair.value_bytes = 0;
            after->retention_ms = REIGN_DEFAULT;
        }
    }
}

/* Ask for changes of different topics at once, through any shards. */
static void reign_burst(struct reign *r)
{
    uint32_t first = (uint32_t)prng_below(&r->prng, REIGN_NAMES);
    r->changes_count = 1 + (uint32_t)prng_below(&r->prng, REIGN_BURST);
    for (uint32_t i = 0; i < r->changes_count; i++) {
        struct reign_change *rc = &r->changes[i];
        *rc = (struct reign_change){.t = r->t, .name = (first + i) % REIGN_NAMES};
        snprintf(rc->name_text, sizeof(rc->name_text), "topic-%u", rc->name);
        snprintf(rc->stream_text, sizeof(rc->stream_text), "stream-%u", rc->name);
        snprintf(rc->view_text[0], sizeof(rc->view_text[0]), "view-%u", rc->name);
        snprintf(rc->view_text[1], sizeof(rc->view_text[1]), "seen-%u", rc->name);
        reign_draw(r, rc, &r->topics[rc->name]);
        rc->change = (struct core_change){
            .done = reign_done, .ctx = rc, .items = &rc->item, .items_count = 1};
        uint32_t shard = (uint32_t)prng_below(&r->prng, r->t->shards_count);
        sim_post(sim_node_shard(r->t->machine, shard), reign_run, rc);
    }
}

static bool reign_is_done(void *ctx)
{
    const struct reign *r = ctx;
    bool is_done = true;
    for (uint32_t i = 0; i < r->changes_count; i++) {
        is_done = is_done && r->changes[i].is_done;
    }
    return is_done;
}

/* Answered changes hold from now on. */
static void reign_take(struct reign *r)
{
    for (uint32_t i = 0; i < r->changes_count; i++) {
        struct reign_change *rc = &r->changes[i];
        struct reign_topic *topic = &r->topics[rc->name];
        if (!rc->is_done) {
            continue;
        }
        bool is_rebind = rc->item.kind == CORE_CHANGE_VIEW_REBIND && rc->wanted == CORE_OK;
        assert_true(rc->item.code == rc->wanted || (is_rebind && rc->item.code == CORE_VIEW_BUSY));
        if (rc->item.code == CORE_OK) {
            bool is_new = rc->item.kind == CORE_CHANGE_CREATE;
            assert_true(!is_new || !log_uuid_is_equal(&rc->item.uuid_made, &topic->uuid));
            *topic = rc->after;
            topic->uuid =
                rc->item.kind < CORE_CHANGE_STREAM_CREATE ? rc->item.uuid_made : topic->uuid;
        }
    }
}

/* Whether the view over topic number `name` is so. */
static bool reign_has_view(const struct core_catalog *catalog, uint32_t name,
                           const struct reign_topic *topic)
{
    char text[16];
    bool is_so = true;
    for (uint32_t i = 0; i < 2; i++) {
        snprintf(text, sizeof(text), "%s-%u", i == 0 ? "view" : "seen", name);
        const struct core_view *view = core_catalog_find_view(catalog, text, strlen(text));
        uint32_t wanted = topic->is_renamed == (i == 1) ? topic->incarnation : 0;
        is_so = is_so && (view != NULL ? view->incarnation : 0) == wanted;
    }
    return is_so;
}

/* Whether the streams and the view of topic number `name` are so. */
static bool reign_has_streams(struct town *t, uint32_t shard, uint32_t name,
                              const struct reign_topic *topic)
{
    const struct core_catalog *catalog = town_core(t, shard)->catalog;
    char text[16];
    snprintf(text, sizeof(text), "stream-%u", name);
    const struct core_stream *declared = core_catalog_find_stream(catalog, text, strlen(text));
    snprintf(text, sizeof(text), "topic-%u", name);
    const struct core_stream *implicit = core_catalog_find_stream(catalog, text, strlen(text));
    return (declared != NULL) == topic->has_stream && reign_has_view(catalog, name, topic) &&
           (implicit != NULL ? implicit->version : 0) == topic->inferred_version;
}

/* Whether the catalog has the topic so. A created one's uuid is not known before its answer. */
static bool reign_is(const struct core_topic *found, const struct reign_topic *topic,
                     bool is_uuid_known)
{
    if (found == NULL || !topic->is_there) {
        return found == NULL && !topic->is_there;
    }
    struct core_topic_config config = core_topic_config_default();
    int64_t retention_ms =
        topic->retention_ms == REIGN_DEFAULT ? config.retention_ms : topic->retention_ms;
    return found->partitions_count == topic->partitions_count &&
           found->config.retention_ms == retention_ms &&
           (!is_uuid_known || log_uuid_is_equal(&found->uuid, &topic->uuid));
}

static const struct core_topic *reign_find(struct town *t, uint32_t shard, uint32_t name)
{
    char text[16];
    snprintf(text, sizeof(text), "topic-%u", name);
    return core_catalog_find(town_core(t, shard)->catalog, text, strlen(text));
}

/* After a start: what was under way is done, or not at all. */
static void reign_settle(struct reign *r)
{
    for (uint32_t i = 0; i < r->changes_count; i++) {
        struct reign_change *rc = &r->changes[i];
        const struct core_topic *found = reign_find(r->t, 0, rc->name);
        struct reign_topic *topic = &r->topics[rc->name];
        bool is_so = reign_is(found, topic, true) && reign_has_streams(r->t, 0, rc->name, topic);
        if (!rc->is_done && rc->wanted == CORE_OK && !is_so) {
            bool is_new = rc->item.kind == CORE_CHANGE_CREATE;
            assert_true(reign_is(found, &rc->after, !is_new));
            assert_true(reign_has_streams(r->t, 0, rc->name, &rc->after));
            *topic = rc->after;
            topic->uuid = found != NULL ? found->uuid : topic->uuid;
        }
    }
    r->changes_count = 0;
}

/* Every shard has the catalog, the partitions that are its, and no other logs. */
static void reign_check_shard(struct town *t, uint32_t shard)
{
    struct core_shard *cs = town_core(t, shard);
    struct core_tree_walk walk;
    const struct core_topic *topic;
    uint32_t logs_count = 0;
    uint32_t wanted_count = 0;
    core_catalog_walk(&walk, cs->catalog, NULL, 0);
    while ((topic = core_catalog_next(&walk)) != NULL) {
        for (uint32_t i = 0; i < topic->partitions_count; i++) {
            if (core_shard_of(cs->core, topic->groups[i]) == shard) {
                wanted_count++;
                assert_non_null(core_partition_find(cs, topic->groups[i], &topic->uuid, i));
                assert_non_null(log_find(&cs->log, topic->groups[i]));
            }
        }
    }
    for (struct log *log = log_first(&cs->log); log != NULL; log = log_next(&cs->log, log)) {
        logs_count++;
    }
    assert_int_equal(logs_count, wanted_count);
    assert_true(list_is_empty(&cs->closing));
}

static void reign_check(struct reign *r)
{
    town_run(r->t, 30000); /* deleted logs are gone, on slow disks, too */
    for (uint32_t shard = 0; shard < r->t->shards_count; shard++) {
        for (uint32_t name = 0; name < REIGN_NAMES; name++) {
            assert_true(reign_is(reign_find(r->t, shard, name), &r->topics[name], true));
            assert_true(reign_has_streams(r->t, shard, name, &r->topics[name]));
        }
        reign_check_shard(r->t, shard);
    }
}

static void reign_changes(struct reign *r, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        reign_burst(r);
        assert_true(town_run_until(r->t, reign_is_done, r, 1000000));
        reign_take(r);
        r->changes_count = 0;
    }
}

/* Some changes; then some more, and a crash in the middle of them or of the start after it. */
static void reign_life(uint64_t seed)
{
    struct reign *r = calloc(1, sizeof(*r));
    struct sim_options options = sim_swarm(seed, SIM_SWARM_HARMLESS);
    assert_non_null(r);
    prng_init(&r->prng, seed);
    options.host.memory_bytes = 64 << 20;
    r->t = town_new(seed, &options);
    for (uint32_t life = 0; life < 4; life++) {
        town_start(r->t, 1 + (uint32_t)prng_below(&r->prng, 4));
        reign_settle(r);
        reign_check(r);
        reign_changes(r, (uint32_t)prng_below(&r->prng, 6));
        if (prng_chance(&r->prng, 1, 5)) {
            town_close(r->t);
            continue;
        }
        reign_burst(r);
        sim_run_steps(r->t->sim, prng_below(&r->prng, 400));
        reign_take(r);
        town_crash(r->t, (enum sim_crash)prng_below(&r->prng, 3));
        while (prng_chance(&r->prng, 1, 2)) {
            town_launch(r->t, 1 + (uint32_t)prng_below(&r->prng, 4));
            sim_run_steps(r->t->sim, prng_below(&r->prng, 1000));
            town_crash(r->t, (enum sim_crash)prng_below(&r->prng, 3));
        }
    }
    town_start(r->t, 2);
    reign_settle(r);
    reign_check(r);
    town_close(r->t);
    town_free(r->t);
    free(r);
}

static void the_catalog_is_what_was_answered_over_any_life(void **state)
{
    (void)state;
    struct share share = share_open("lives of catalogs, killed in the middle of changes", 70);
    while (share_more(&share)) {
        reign_life(share_case_seed(&share));
    }
    share_close(&share);
}

/* --- One thing each --- */

static struct core_change_item reign_item(enum core_change_kind kind, const char *name)
{
    return (struct core_change_item){.kind = kind,
                                     .name = name,
                                     .name_bytes = (uint32_t)strlen(name),
                                     .partitions_count = -1,
                                     .replicas_count = -1};
}

static void a_recreated_topic_begins_empty_with_another_id(void **state)
{
    (void)state;
    struct town *t = town_new(1, NULL);
    town_start(t, 3);
    struct log_uuid before = {.bytes = {0}};
    for (uint32_t i = 0; i < 10; i++) {
        struct core_change_item item = reign_item(CORE_CHANGE_CREATE, "again");
        town_change(t, &item);
        assert_int_equal(item.code, CORE_OK);
        assert_false(log_uuid_is_equal(&item.uuid_made, &before));
        before = item.uuid_made;
        item = reign_item(CORE_CHANGE_DELETE, "again");
        town_change(t, &item);
        assert_int_equal(item.code, CORE_OK);
        assert_true(log_uuid_is_equal(&item.uuid_made, &before));
    }
    town_run(t, 10000);
    for (uint32_t i = 0; i < 3; i++) {
        reign_check_shard(t, i);
    }
    town_close(t);
    town_free(t);
}

/* A crash between a deletion's answer and the end of its logs. */
static void logs_of_topics_that_were_deleted_before_a_crash_are_gone_after_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct town *t = town_new(seed, NULL);
        town_start(t, 2);
        struct core_change_item item = reign_item(CORE_CHANGE_CREATE, "gone");
        item.partitions_count = 7;
        town_change(t, &item);
        item = reign_item(CORE_CHANGE_DELETE, "gone");
        town_change(t, &item);
        assert_int_equal(item.code, CORE_OK);
        sim_run_steps(t->sim, seed * 3);
        town_crash(t, (enum sim_crash)(seed % 3));
        town_start(t, 3);
        town_run(t, 10000);
        for (uint32_t i = 0; i < 3; i++) {
            reign_check_shard(t, i);
        }
        town_close(t);
        town_free(t);
    }
}

/* A shard has no memory left for its first partitions, or the store takes no more logs. Who asks is
 * told, and the next start with more room mends it. */
static void a_topic_of_which_a_partition_cannot_be_opened_is_not_made_in_silence(void **state)
{
    (void)state;
    for (uint32_t is_full = 0; is_full < 2; is_full++) {
        struct town *t = town_new(1, NULL);
        t->core.log.groups_max = is_full ? 4 : 0; /* group 0's, and three */
        town_start(t, 2);
        struct budget *budget = rt_shard_budget(sim_node_shard(t->machine, 1));
        if (!is_full) {
            budget_set_limit(budget, budget->used_bytes);
        }
        struct core_change_item item = reign_item(CORE_CHANGE_CREATE, "topic-0");
        item.partitions_count = 4;
        town_change(t, &item);
        assert_int_equal(item.code, CORE_OVERLOADED);
        assert_non_null(strstr(item.text.text, "made, but a partition cannot be opened"));
        town_close(t);
        t->core.log.groups_max = 0;
        town_start(t, 2);
        const struct core_topic *topic = reign_find(t, 0, 0);
        assert_non_null(topic);
        assert_int_equal(topic->partitions_count, 4);
        for (uint32_t shard = 0; shard < 2; shard++) {
            reign_check_shard(t, shard);
        }
        town_close(t);
        town_free(t);
    }
}

/* Many at once, from all shards, over a kill. */
static void a_thousand_topics_are_there_after_a_kill(void **state)
{
    (void)state;
    struct town *t = town_new(1, NULL);
    char name[16];
    town_start(t, 2);
    for (uint32_t i = 0; i < REIGN_TOPICS; i++) {
        snprintf(name, sizeof(name), "topic-%u", i);
        struct core_change_item item = reign_item(CORE_CHANGE_CREATE, name);
        town_change(t, &item);
        assert_int_equal(item.code, CORE_OK);
    }
    size_t used_bytes = town_core(t, 0)->budget.used_bytes;
    town_crash(t, SIM_CRASH_LOSE);
    town_start(t, 3);
    town_run(t, 10000);
    for (uint32_t shard = 0; shard < 3; shard++) {
        for (uint32_t i = 0; i < REIGN_TOPICS; i++) {
            assert_non_null(reign_find(t, shard, i));
        }
        reign_check_shard(t, shard);
    }
    print_message("a shard's core with %u topics: %zu KiB\n", REIGN_TOPICS, used_bytes >> 10);
    town_close(t);
    town_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recreated_topic_begins_empty_with_another_id),
        cmocka_unit_test(logs_of_topics_that_were_deleted_before_a_crash_are_gone_after_it),
        cmocka_unit_test(a_topic_of_which_a_partition_cannot_be_opened_is_not_made_in_silence),
        cmocka_unit_test(a_thousand_topics_are_there_after_a_kill),
        cmocka_unit_test(the_catalog_is_what_was_answered_over_any_life),
    };
    return cmocka_run_group_tests_name("core_controller", tests, NULL, NULL);
}
