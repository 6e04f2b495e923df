/* The house rules: kept by the whole tree, and each violation is caught when planted. */
#include "tests/tidy/tidy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "tests/support/cmocka.h"
#include "tests/support/skip.h"
#include "tests/tidy/floors.h"
#include "tests/tidy/plants.h"
#include "tests/tidy/tree.h"

/* What a test expects of the findings. */
struct tidy_tally {
    enum tidy_rule rule;    /* the rule under test */
    unsigned line;          /* of its last finding */
    size_t count;           /* its findings */
    char last[256];         /* path of the last one */
    unsigned message_bytes; /* length of its message */
};

static void tidy_print(void *context, const struct tidy_finding *finding)
{
    size_t *count = context;
    ++*count;
    printf("%s:%u: %s: %s\n", finding->path, finding->line, tidy_rule_name(finding->rule),
           finding->message);
}

static void tidy_count(void *context, const struct tidy_finding *finding)
{
    struct tidy_tally *tally = context;
    if (finding->rule == tally->rule) {
        tally->count++;
        tally->line = finding->line;
        tally->message_bytes = (unsigned)strlen(finding->message);
        snprintf(tally->last, sizeof(tally->last), "%s", finding->path);
    }
}

/* The table the tree is checked against; the test fails when it cannot be read. */
static void tidy_read_floors(struct floors *floors)
{
    struct tidy_file table = {.path = "tests/tidy/floors.txt"};
    char *text = tree_read(skip_repo_root(), table.path, &table.length);
    assert_non_null(text);
    table.text = text;
    size_t count = 0;
    floors_read(floors, &table, &(struct tidy_sink){tidy_print, &count});
    free(text);
    assert_int_equal(count, 0);
}

static void the_tree_keeps_every_rule(void **state)
{
    (void)state;
    struct tree tree;
    struct floors floors;
    tree_open(&tree, skip_repo_root());
    tidy_read_floors(&floors);
    size_t findings_count = 0;
    const struct tidy_sink sink = {tidy_print, &findings_count};
    const char **headers = calloc(tree.count + 1, sizeof(headers[0]));
    ASSERT(headers != NULL);
    size_t headers_count = 0;
    for (size_t i = 0; i < tree.count; i++) {
        tidy_check_file(&floors, &tree.files[i], &sink);
        if (tidy_ends_with(tree.files[i].path, ".h") &&
            !tidy_is_under(tree.files[i].path, "connectors/clients")) {
            headers[headers_count++] = tree.files[i].path;
        }
    }
    tidy_check_tree(&floors, tree.files, tree.count, &sink);
    tidy_headers(skip_repo_root(), headers, headers_count, &sink);
    printf("covered: tidy: %zu files, %zu headers compiled alone\n", tree.count, headers_count);
    free(headers);
    tree_close(&tree);
    if (findings_count > 0) {
        fail_msg("%zu findings, listed above; tests/tidy/README.md explains them", findings_count);
    }
}

/* The text of a plant; the caller frees it. */
static char *tidy_plant_text(const struct plant *plant)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    ASSERT(out != NULL);
    fputs(plant->head, out);
    for (unsigned i = 0; i < plant->repeat; i++) {
        fputs(plant->filler, out);
    }
    fputs(plant->tail != NULL ? plant->tail : "", out);
    fclose(out);
    return text;
}

static void tidy_planted(void **state)
{
    const struct plant *plant = *state;
    struct floors floors;
    tidy_read_floors(&floors);
    struct tidy_tally tally = {.rule = plant->rule};
    const struct tidy_sink sink = {tidy_count, &tally};
    char *text = tidy_plant_text(plant);
    const struct tidy_file file = {plant->path, text, strlen(text)};
    if (plant->rule == TIDY_BUDGET) {
        tidy_check_tree(&floors, &file, 1, &sink);
    } else {
        tidy_check_file(&floors, &file, &sink);
    }
    free(text);
    assert_int_equal(tally.count, plant->line > 0 ? 1 : 0);
    assert_int_equal(tally.line, plant->line);
    if (plant->line > 0) {
        assert_string_equal(tally.last, plant->path);
        assert_in_range(tally.message_bytes, 10, 400);
    }
}

/* A finding of `rule` in a small tree: how many, and the last one's path. */
static struct tidy_tally tidy_tree_findings(const struct tidy_file *files, size_t count,
                                            enum tidy_rule rule)
{
    static const char table[] = "F0 base :\nF1 base/rt : base\nF9 connectors/clients/* : any\n";
    struct floors floors;
    struct tidy_tally tally = {.rule = rule};
    const struct tidy_sink sink = {tidy_count, &tally};
    floors_read(&floors, &(struct tidy_file){"floors.txt", table, strlen(table)}, &sink);
    assert_int_equal(tally.count, 0);
    struct tidy_file copies[8];
    assert_true(count <= ARRAY_COUNT(copies));
    for (size_t i = 0; i < count; i++) {
        copies[i] = files[i];
        copies[i].length = strlen(files[i].text);
    }
    tidy_check_tree(&floors, copies, count, &sink);
    return tally;
}

static void dead_sources_are_caught(void **state)
{
    (void)state;
    static const struct tidy_file files[] = {
        {"base/CMakeLists.txt", "# dead.c\nlib(base SOURCES a.c ${CMAKE_CURRENT_SOURCE_DIR}/b.c)",
         0},
        {"tests/CMakeLists.txt", "foreach(n d e)\n test(${n}_test.c ${CMAKE_SOURCE_DIR}/base/f.c)",
         0},
        {"base/a.c", "", 0},
        {"base/b.c", "", 0},
        {"base/f.c", "", 0},
        {"tests/d_test.c", "", 0},
        {"connectors/clients/c/g.c", "", 0},
        {"", "", 0},
    };
    static const char *const dead[] = {"base/dead.c", "base/rt/a.c", "tests/x_test.c", "tests/a.c",
                                       "a.c"};
    assert_int_equal(tidy_tree_findings(files, 7, TIDY_DEAD).count, 0);
    for (size_t i = 0; i < ARRAY_COUNT(dead); i++) {
        struct tidy_file all[ARRAY_COUNT(files)];
        for (size_t f = 0; f < ARRAY_COUNT(files); f++) {
            all[f] = files[f];
        }
        all[7] = (struct tidy_file){dead[i], "", 0};
        struct tidy_tally tally = tidy_tree_findings(all, 8, TIDY_DEAD);
        assert_int_equal(tally.count, 1);
        assert_string_equal(tally.last, dead[i]);
    }
}

static void dead_headers_are_caught(void **state)
{
    (void)state;
    static const struct tidy_file files[] = {
        {"base/CMakeLists.txt", "a.c", 0},
        {"base/a.c", "#include \"base/a.h\"\n", 0},
        {"base/a.h", "", 0},
        {"base/b.h", "#include \"base/b.h\"\n/*\n#include \"base/b.h\"\n*/\n", 0},
    };
    struct tidy_tally tally = tidy_tree_findings(files, ARRAY_COUNT(files), TIDY_DEAD);
    assert_int_equal(tally.count, 1);
    assert_string_equal(tally.last, "base/b.h");
}

static void a_second_thread_local_is_caught(void **state)
{
    (void)state;
    static const struct tidy_file files[] = {
        {"base/rt/a.h", "extern _Thread_local int a;\n", 0},
        {"base/rt/a.c", "_Thread_local int a;\n", 0},
        {"base/rt/b.c", "\nstatic _Thread_local int b;\n", 0},
    };
    assert_int_equal(tidy_tree_findings(files, 2, TIDY_GLOBAL).count, 0);
    struct tidy_tally tally = tidy_tree_findings(files, 3, TIDY_GLOBAL);
    assert_int_equal(tally.count, 1);
    assert_string_equal(tally.last, "base/rt/b.c");
    assert_int_equal(tally.line, 2);
}

static void a_wrong_row_of_the_floors_is_caught(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "base :",              /* no floor */
        "F1 base",             /* no colon */
        "F1 base/rt : bass",   /* a target nobody has */
        "F1 base/rt : F1",     /* its own floor, where nobody stands yet */
        "F0 below : F0",       /* fine by itself, but see the next */
        "F1 a : F0\nF0 b : a", /* a lower floor after a higher one */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char table[128];
        struct floors floors;
        struct tidy_tally tally = {.rule = TIDY_FLOORS};
        snprintf(table, sizeof(table), "# table\nF0 base : # ground\n\n%s\n", rows[i]);
        floors_read(&floors, &(struct tidy_file){"floors.txt", table, strlen(table)},
                    &(struct tidy_sink){tidy_count, &tally});
        assert_int_equal(tally.count, strncmp(rows[i], "F0", 2) == 0 ? 0 : 1);
        assert_int_equal(tally.line, tally.count == 0 ? 0 : strchr(rows[i], '\n') ? 5 : 4);
    }
}

static void tidy_write(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void a_header_that_needs_another_is_caught(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        unsigned line; /* 0: compiles */
    } rows[] = {
        {"whole.h", "#include <stdint.h>\nuint8_t f(const uint8_t *a);\n", 0},
        {"needy.h", "/* Essay. */\nuint8_t f(void);\n", 2},
        {"lost.h", "\n\n#include \"nowhere.h\"\n", 3},
        {"sloppy.h", "static inline int f(int a)\n{\n    return a == 1u - 2;\n}\n", 3},
    };
    char folder[] = "/tmp/tidy-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        tidy_write(folder, rows[i].name, rows[i].text);
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *const paths[] = {"whole.h", rows[i].name, "whole.h"};
        struct tidy_tally tally = {.rule = TIDY_ALONE};
        tidy_headers(folder, paths, ARRAY_COUNT(paths), &(struct tidy_sink){tidy_count, &tally});
        assert_int_equal(tally.count, rows[i].line > 0 ? 1 : 0);
        assert_int_equal(tally.line, rows[i].line);
        assert_string_equal(tally.last, rows[i].line > 0 ? rows[i].name : "");
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", folder, rows[i].name);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest whole[] = {
        cmocka_unit_test(the_tree_keeps_every_rule),
        cmocka_unit_test(dead_sources_are_caught),
        cmocka_unit_test(dead_headers_are_caught),
        cmocka_unit_test(a_second_thread_local_is_caught),
        cmocka_unit_test(a_wrong_row_of_the_floors_is_caught),
        cmocka_unit_test(a_header_that_needs_another_is_caught),
    };
    struct CMUnitTest *planted = calloc(plants_count, sizeof(planted[0]));
    ASSERT(planted != NULL);
    for (size_t i = 0; i < plants_count; i++) {
        planted[i] = (struct CMUnitTest){
            .name = plants[i].name, .test_func = tidy_planted, .initial_state = (void *)&plants[i]};
    }
    int failed = _cmocka_run_group_tests("planted", planted, plants_count, NULL, NULL);
    free(planted);
    return failed + cmocka_run_group_tests_name("whole tree", whole, NULL, NULL);
}
