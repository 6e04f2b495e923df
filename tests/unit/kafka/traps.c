/* See traps.h. */
#include "tests/unit/kafka/traps.h"

#include "tests/support/cmocka.h"

struct town *traps_town(uint32_t shards_count, const char *topic)
{
    struct town *t = town_new(1, NULL);
    town_start(t, shards_count);
    if (topic != NULL) {
        struct town_client *c = town_connect(t);
        assert_int_equal(talk_topic(c, topic), 0);
        town_hang_up(c);
    }
    return t;
}

void traps_end(struct town *t)
{
    town_close(t);
    town_free(t);
}

size_t traps_compressed(struct town *t, enum codec_kind codec, uint8_t *out, size_t capacity)
{
    uint8_t raw[4096];
    struct codec_context context;
    struct batch_build b;
    codec_context_init(&context);
    batch_build_init(&b, raw, sizeof(raw));
    b.codec = codec;
    for (int64_t i = 0; i < 10; i++) {
        batch_build_add(&b, &(struct batch_build_record){
                                .timestamp = 1000 + i * 10,
                                .value = "a value that is like all the others, again and again"});
    }
    size_t length = batch_build_end(&b, &context, t->kernels, out, capacity);
    codec_context_deinit(&context);
    return length;
}
