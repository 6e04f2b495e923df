/* The framing table, row by row: received whole, byte by byte, and in two pieces cut at every
 * place, what is read must be the same. */
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "tests/support/cmocka.h"
#include "tests/unit/gateway/exchange.h"
#include "tests/unit/gateway/framing.h"

/* The longest row, and the longest text of one. */
#define FRAMING_BYTES_MAX 4096

static void framing_check(const struct framing_row *row, const size_t *cuts, size_t count)
{
    char text[FRAMING_BYTES_MAX];
    struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
    exchange_read((const uint8_t *)row->bytes, row->length, cuts, count, &w);
    assert_int_equal(w.err, ERR_OK);
    text[w.pos] = '\0';
    if (strcmp(text, row->want) != 0) {
        fail_msg("%s (%s): %zu cuts, the first at %zu: read \"%s\", want \"%s\"", row->name,
                 row->source, count, count > 0 ? cuts[0] : 0, text, row->want);
    }
}

static void framing_row_reads_as_it_must(void **state)
{
    const struct framing_row *row = *state;
    static size_t all[FRAMING_BYTES_MAX];
    assert_true(row->length < FRAMING_BYTES_MAX);
    assert_true(row->source[0] != '\0');
    framing_check(row, NULL, 0);
    for (size_t i = 0; i <= row->length; i++) {
        all[i] = i;
        framing_check(row, &i, 1);
    }
    framing_check(row, all, row->length + 1);
}

int main(void)
{
    const struct framing_table tables[] = {framing_lines(), framing_heads(), framing_bodies(),
                                           framing_chunks()};
    static struct CMUnitTest tests[1024];
    size_t count = 0;
    for (size_t t = 0; t < ARRAY_COUNT(tables); t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct framing_row *row = &tables[t].rows[i];
            tests[count++] = (struct CMUnitTest){.name = row->name,
                                                 .test_func = framing_row_reads_as_it_must,
                                                 .initial_state = (void *)row};
        }
    }
    return _cmocka_run_group_tests("gateway_framing", tests, count, NULL, NULL);
}
