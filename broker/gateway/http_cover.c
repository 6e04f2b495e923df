/* See http_cover.h. */
#include "broker/gateway/http_cover.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/view.h"

/* Between two questions to a timeline that is not there yet. */
#define HTTP_COVER_RETRY_NS (5 * RT_NS_PER_MS)

/* Of a topic's name, in a sentence. */
#define HTTP_COVER_NAME_BYTES 256

static void http_cover_answered(struct core_ticks_cover *ticks);
static void http_cover_again(struct rt_timer *timer);
static bool http_cover_is_early(const struct http_cover *cover);
static void http_cover_missed(struct http_cover *cover);
static void http_cover_wrong(struct http_cover *cover, enum http_error error, const char *format,
                             ...) PRINTF(3, 4);

/* Bytes of the name that are shown. */
static int http_cover_shown(struct http_text name)
{
    return name.length < HTTP_COVER_NAME_BYTES ? (int)name.length : HTTP_COVER_NAME_BYTES;
}

bool http_cover_start(struct http_cover *cover)
{
    struct core_shard *cs = cover->cs;
    uint64_t timeout_ms = cs->core->config.queries.timeout_ms;
    struct core_ticks_want *wants =
        arena_alloc(cover->arena, cover->wants_count * sizeof(*wants), 8);
    ASSERT(cover->wants_count > 0);
    if (wants == NULL) {
        cover->error = HTTP_OVERLOADED;
        return false;
    }
    for (uint32_t i = 0; i < cover->wants_count; i++) {
        const struct http_question_want *want = &cover->wants[i];
        const struct core_topic *topic =
            core_catalog_find(cs->catalog, want->topic.data, want->topic.length);
        if (topic == NULL) {
            http_cover_wrong(cover, HTTP_POSITION_INVALID, "There is no topic %.*s.",
                             http_cover_shown(want->topic), want->topic.data);
            return false;
        }
        wants[i] = (struct core_ticks_want){topic->uuid, want->partition, want->offset};
    }
    cover->error = HTTP_ERRORS_COUNT;
    rt_timer_init(&cover->retry, cs->shard, http_cover_again);
    cover->ticks = (struct core_ticks_cover){
        .done = http_cover_answered,
        .ctx = cover,
        .wants = wants,
        .wants_count = cover->wants_count,
        .deadline_ns = cover->deadline_ns > 0 ? cover->deadline_ns
                       : timeout_ms > 0       ? rt_now_ns(cs->shard) + timeout_ms * RT_NS_PER_MS
                                              : UINT64_MAX};
    core_ticks_cover(cs, &cover->ticks);
    return true;
}

void http_cover_cancel(struct http_cover *cover)
{
    cover->is_canceled = true;
    if (rt_timer_is_running(&cover->retry)) {
        rt_timer_stop(&cover->retry);
        rt_timer_start(&cover->retry, rt_now_ns(cover->cs->shard));
    } else {
        core_ticks_cover_cancel(cover->cs, &cover->ticks);
    }
}

static void http_cover_answered(struct core_ticks_cover *ticks)
{
    struct http_cover *cover = ticks->ctx;
    if (!cover->is_canceled && http_cover_is_early(cover)) {
        rt_timer_start(&cover->retry, rt_now_ns(cover->cs->shard) + HTTP_COVER_RETRY_NS);
        return;
    }
    cover->position = ticks->position;
    if (!cover->is_canceled && ticks->code != CORE_OK) {
        http_cover_missed(cover);
    }
    cover->done(cover);
}

static void http_cover_again(struct rt_timer *timer)
{
    struct http_cover *cover = CONTAINER_OF(timer, struct http_cover, retry);
    if (cover->is_canceled) {
        cover->done(cover);
    } else {
        core_ticks_cover(cover->cs, &cover->ticks);
    }
}

/* Whether there is no such position since there is no timeline yet, or the topic is not on it yet,
 * but will be: it has a view. */
static bool http_cover_is_early(const struct http_cover *cover)
{
    const struct core_ticks_cover *ticks = &cover->ticks;
    struct core_tree_walk walk;
    const struct core_view *view;
    if ((ticks->code != CORE_NOT_AVAILABLE && ticks->code != CORE_NOT_FOLLOWED) ||
        rt_now_ns(cover->cs->shard) >= ticks->deadline_ns) {
        return false;
    }
    core_catalog_walk_views(&walk, cover->cs->catalog);
    while ((view = core_catalog_next_view(&walk)) != NULL) {
        if (log_uuid_is_equal(&view->source->topic, &ticks->wants[ticks->want].topic)) {
            return true;
        }
    }
    return false;
}

/* There is no such position. */
static void http_cover_missed(struct http_cover *cover)
{
    const struct core_ticks_cover *ticks = &cover->ticks;
    const struct http_question_want *want = &cover->wants[ticks->want];
    enum http_error error = ticks->code == CORE_TIMEOUT ? HTTP_VIEWS_LAGGING
                            : ticks->code == CORE_UNKNOWN_TOPIC || ticks->code == CORE_NOT_FOLLOWED
                                ? HTTP_POSITION_INVALID
                                : http_error_of(ticks->code);
    const char *why = ticks->code == CORE_TIMEOUT         ? "it is not on the timeline yet"
                      : ticks->code == CORE_UNKNOWN_TOPIC ? "there is no such partition"
                                                          : core_code_text(ticks->code);
    http_cover_wrong(cover, error, "Topic %.*s, partition %u, offset %llu: %s.",
                     http_cover_shown(want->topic), want->topic.data, want->partition,
                     (unsigned long long)want->offset, why);
}

static void http_cover_wrong(struct http_cover *cover, enum http_error error, const char *format,
                             ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(cover->detail, sizeof(cover->detail), format, args);
    va_end(args);
    ASSERT(length >= 0);
    cover->error = error;
}
