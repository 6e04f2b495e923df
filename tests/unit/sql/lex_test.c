/* Tokens by PostgreSQL's rules, what strings and names stand for, keywords and their classes. */
#include "views/sql/lex.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"

/* The tokens of a text as letters and their bytes: "n[a] o[+] i[1]". */
static void lex_describe(const char *text, char *out, size_t out_bytes)
{
    static const char letters[] = "enqsidpo()[],;.:C?=>X";
    struct sql_lex lex = sql_lex(text, strlen(text));
    struct sql_token token;
    struct sql_error error;
    size_t length = 0;
    out[0] = '\0';
    for (;;) {
        if (sql_lex_next(&lex, true, &token, &error) != ERR_OK) {
            snprintf(out + length, out_bytes - length, "%s%s: %s", length > 0 ? " " : "",
                     sql_state_code(error.state), error.message);
            return;
        }
        if (token.kind == SQL_TOKEN_END) {
            return;
        }
        length +=
            (size_t)snprintf(out + length, out_bytes - length, "%s%c[%.*s]", length > 0 ? " " : "",
                             letters[token.kind], (int)token.at.length, text + token.at.pos);
        assert_true(length < out_bytes);
    }
}

static void lex_cuts_texts_as_postgresql_does(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"", ""},
        {" \t\r\n\f", ""},
        {"\v", "X[\v]"},
        {"a B_1 _c$d", "n[a] n[B_1] n[_c$d]"},
        {"\xc3\xa9t\xc3\xa9", "n[\xc3\xa9t\xc3\xa9]"},
        {"\"a\" \"b\"\"c\" \"d\ne\"", "q[\"a\"] q[\"b\"\"c\"] q[\"d\ne\"]"},
        {"'a' 'b''c' ''", "s['a'] s['b''c'] s['']"},
        {"'a\\' c'", "s['a\\'] n[c] 42601: unterminated quoted string at or near \"'\""},
        {"E'a\\' b' e'\\\\'", "s[E'a\\' b'] s[e'\\\\']"},
        {"'a'\n'b'", "s['a'\n'b']"},
        {"'a' --x'y\n  -- z\r 'b' 'c'", "s['a' --x'y\n  -- z\r 'b'] s['c']"},
        {"'a' /**/\n'b'", "s['a'] s['b']"},
        {"'a' --", "s['a']"},
        {"'a'\n-b", "s['a'] o[-] n[b]"},
        {"$$a$$ $x$ $$ $y$ $x$ $$$$", "s[$$a$$] s[$x$ $$ $y$ $x$] s[$$$$]"},
        {"$a b", "X[$] n[a] n[b]"},
        {"$1a$b$", "42601: trailing junk after parameter at or near \"$1a$b$\""},
        {"$1 $22", "p[$1] p[$22]"},
        {"$0", "42P02: there is no parameter $0"},
        {"$65535 $65536", "p[$65535] 42P02: there is no parameter $65536"},
        {"$99999999999999999999", "42P02: there is no parameter $99999999999999999999"},
        {"1 12.5 .5 5. 1e5 1.E-5 .5E+5", "i[1] d[12.5] d[.5] d[5.] d[1e5] d[1.E-5] d[.5E+5]"},
        {"1..2 1.2.3", "i[1] ?[..] i[2] d[1.2] d[.3]"},
        {"1e", "42601: trailing junk after numeric literal at or near \"1e\""},
        {"1e+a", "42601: trailing junk after numeric literal at or near \"1e+\""},
        {"1.5_6", "42601: trailing junk after numeric literal at or near \"1.5_6\""},
        {"1\xc3\xa9", "42601: trailing junk after numeric literal at or near \"1\xc3\xa9\""},
        {"()[],;.:::=:=>", "([(] )[)] [[[] ][]] ,[,] ;[;] .[.] C[::] =[:=] =[:=] o[>]"},
        {"a::b::c", "n[a] C[::] n[b] C[::] n[c]"},
        {":", ":[:]"},
        {"+ - * / < > = ~ ! @ # % ^ & | ` ?",
         "o[+] o[-] o[*] o[/] o[<] o[>] o[=] o[~] o[!] o[@] o[#] o[%] o[^] o[&] o[|] o[`] o[?]"},
        {"->> -> #>> #> <> != <= >= || !~~* => ==",
         "o[->>] o[->] o[#>>] o[#>] o[<>] o[!=] o[<=] o[>=] o[||] o[!~~*] >[=>] o[==]"},
        {"a=-1 a<-1 a*-+b a+++b", "n[a] o[=] o[-] i[1] n[a] o[<] o[-] i[1] n[a] o[*] o[-] o[+] "
                                  "n[b] n[a] o[+] o[+] o[+] n[b]"},
        {"a@-1 a||-1 a?-1", "n[a] o[@-] i[1] n[a] o[||-] i[1] n[a] o[?-] i[1]"},
        {"a--b\nc", "n[a] n[c]"},
        {"a+--b\nc a*/*b*/c", "n[a] o[+] n[c] n[a] o[*] n[c]"},
        {"/* a /* b */ c */ d", "n[d]"},
        {"/* a /* b */", "42601: unterminated /* comment at or near \"/* a /* b */\""},
        {"\"\"", "42601: zero-length delimited identifier at or near \"\"\"\""},
        {"\"a", "42601: unterminated quoted identifier at or near \"\"a\""},
        {"$x$a$y$", "42601: unterminated dollar-quoted string at or near \"$x$a$y$\""},
        {"b'1' B'1'", "0A000: bit strings are not supported"},
        {"b '1' n'x'", "n[b] s['1'] 0A000: national character strings (N'...') are not supported"},
        {"u&'x'", "0A000: strings with U& before them are not supported"},
        {"u & 'x' U&x", "n[u] o[&] s['x'] n[U] o[&] n[x]"},
        {"{}\\", "X[{] X[}] X[\\]"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char out[512];
        lex_describe(rows[i].text, out, sizeof(out));
        if (strcmp(out, rows[i].want) != 0) {
            fail_msg("%s\ngives  %s\nwanted %s", rows[i].text, out, rows[i].want);
        }
    }
}

static void lex_tells_what_strings_and_names_stand_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"abc", "abc"},
        {"\"a\"\"b\"", "a\"b"},
        {"'a''b'", "a'b"},
        {"''", ""},
        {"'a\\n'", "a\\n"},
        {"'a'\n'b' --'\n 'c'", "abc"},
        {"E'\\b\\f\\n\\r\\t\\\\\\'\\q'''", "\b\f\n\r\t\\'q'"},
        {"E'\\101\\x41\\x4\\7\\xg'", "AA\x04\x07xg"},
        {"E'a'\n'\\n'", "a\n"},
        {"E'\\u00e9\\U0001F600\\uD83D\\uDE00\\ud83d\\U0000de00'",
         "\xc3\xa9\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"},
        {"E'\\303\\251\\xc3\\xa9'", "\xc3\xa9\xc3\xa9"},
        {"$$a'$b$$", "a'$b"},
        {"$x$$$$x$", "$$"},
        {"E'\\u12'", "22025: invalid Unicode escape"},
        {"E'\\ud800'", "42601: invalid Unicode surrogate pair at or near \"\\ud800\""},
        {"E'\\ud800\\u0041'",
         "42601: invalid Unicode surrogate pair at or near \"\\ud800\\u0041\""},
        {"E'\\udc00'", "42601: invalid Unicode surrogate pair at or near \"\\udc00\""},
        {"E'\\u0000'", "42601: invalid Unicode escape value at or near \"\\u0000\""},
        {"E'\\U00110000'", "42601: invalid Unicode escape value at or near \"\\U00110000\""},
        {"E'\\0'", "22021: invalid byte sequence for encoding \"UTF8\" in a string's escapes"},
        {"E'\\xc3'", "22021: invalid byte sequence for encoding \"UTF8\" in a string's escapes"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char out[512];
        struct budget budget;
        struct arena arena;
        struct sql_token token;
        struct sql_text text = {"", 0};
        struct sql_error error;
        struct sql_lex lex = sql_lex(rows[i].text, strlen(rows[i].text));
        budget_init(&budget, "test", 1u << 16, NULL);
        arena_init(&arena, &budget, 4096, 1u << 16);
        assert_int_equal(sql_lex_next(&lex, false, &token, &error), ERR_OK);
        assert_int_equal(token.at.length, strlen(rows[i].text));
        if (sql_lex_text(&lex, &token, &arena, &text, &error) == ERR_OK) {
            snprintf(out, sizeof(out), "%s", text.text);
            assert_int_equal(text.length, strlen(text.text));
        } else {
            snprintf(out, sizeof(out), "%s: %s", sql_state_code(error.state), error.message);
        }
        assert_string_equal(out, rows[i].want);
        arena_deinit(&arena);
        budget_deinit(&budget);
    }
}

static void lex_takes_utf8_without_nul_up_to_its_limit(void **state)
{
    (void)state;
    static char text[SQL_TEXT_BYTES_MAX + 1];
    static const struct {
        const char *text;
        size_t length;
        uint32_t pos;
    } rows[] = {
        {"a\0b", 3, 1},         {"\xff", 1, 0},
        {"ab\xc3", 3, 2},       {"\xc3\xa9\xc3\x28", 4, 2},
        {"\xed\xa0\x80", 3, 0}, {"x\xf5\x80\x80\x80", 5, 1},
        {"\xc0\x80", 2, 0},     {"\0", 1, 0},
    };
    struct sql_error error;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(sql_lex_check(rows[i].text, rows[i].length, &error), ERR_INVALID);
        assert_int_equal(error.state, SQL_STATE_CHARACTER_NOT_IN_REPERTOIRE);
        assert_int_equal(error.at.pos, rows[i].pos);
    }
    assert_int_equal(sql_lex_check("", 0, &error), ERR_OK);
    assert_int_equal(sql_lex_check("\xf0\x9f\x98\x80", 4, &error), ERR_OK);
    memset(text, ' ', sizeof(text));
    assert_int_equal(sql_lex_check(text, SQL_TEXT_BYTES_MAX, &error), ERR_OK);
    assert_int_equal(sql_lex_check(text, sizeof(text), &error), ERR_TOO_LARGE);
    assert_int_equal(error.state, SQL_STATE_PROGRAM_LIMIT_EXCEEDED);
}

static void lex_bounds_operators(void **state)
{
    (void)state;
    char text[SQL_OPERATOR_BYTES_MAX + 2];
    struct sql_error error;
    struct sql_token token;
    memset(text, '~', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct sql_lex lex = sql_lex(text, SQL_OPERATOR_BYTES_MAX);
    assert_int_equal(sql_lex_next(&lex, false, &token, &error), ERR_OK);
    assert_int_equal(token.op, SQL_OP_OTHER);
    lex = sql_lex(text, SQL_OPERATOR_BYTES_MAX + 1);
    assert_int_equal(sql_lex_next(&lex, false, &token, &error), ERR_INVALID);
    assert_non_null(strstr(error.message, "operator too long"));
}

static void lex_knows_every_operator_by_its_signs(void **state)
{
    (void)state;
    for (int op = SQL_OP_OTHER + 1; op < SQL_OP_COUNT; op++) {
        const char *text = sql_op_text((enum sql_op)op);
        struct sql_error error;
        struct sql_token token;
        struct sql_lex lex = sql_lex(text, strlen(text));
        assert_int_equal(sql_lex_next(&lex, false, &token, &error), ERR_OK);
        assert_int_equal(token.kind, SQL_TOKEN_OPERATOR);
        assert_int_equal(token.op, op);
    }
}

static void keywords_are_found_in_any_case_and_sorted(void **state)
{
    (void)state;
    for (int i = SQL_NO_KEYWORD + 1; i < SQL_KW_COUNT; i++) {
        enum sql_keyword keyword = (enum sql_keyword)i;
        char lower[32];
        const char *text = sql_keyword_text(keyword);
        size_t length = strlen(text);
        for (size_t j = 0; j <= length; j++) {
            lower[j] = text[j] >= 'A' && text[j] <= 'Z' ? (char)(text[j] | 0x20) : text[j];
        }
        assert_int_equal(sql_keyword_find(text, length), keyword);
        assert_int_equal(sql_keyword_find(lower, length), keyword);
        assert_int_not_equal(sql_keyword_find(text, length - 1), keyword);
        if (i > SQL_NO_KEYWORD + 1) {
            assert_true(strcmp(sql_keyword_text((enum sql_keyword)(i - 1)), text) < 0);
        }
    }
    assert_int_equal(sql_keyword_find("", 0), SQL_NO_KEYWORD);
    assert_int_equal(sql_keyword_find("SELEC", 5), SQL_NO_KEYWORD);
    assert_int_equal(sql_keyword_find("A_WORD_LONGER_THAN_ANY_KEYWORD", 30), SQL_NO_KEYWORD);
}

static void keywords_are_names_by_their_class(void **state)
{
    (void)state;
    static const struct {
        enum sql_keyword keyword;
        bool is_column, is_function, is_label;
    } rows[] = {
        {SQL_NO_KEYWORD, true, true, true},    {SQL_KW_STREAM, true, true, true},
        {SQL_KW_KEY, true, true, true},        {SQL_KW_YEAR, true, true, false},
        {SQL_KW_COALESCE, true, false, true},  {SQL_KW_CHAR, true, false, false},
        {SQL_KW_LEFT, false, true, true},      {SQL_KW_OVERLAPS, false, true, false},
        {SQL_KW_SELECT, false, false, true},   {SQL_KW_FROM, false, false, false},
        {SQL_KW_TIMESTAMP, true, false, true}, {SQL_KW_ORDER, false, false, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(sql_keyword_is_column_name(rows[i].keyword), rows[i].is_column);
        assert_int_equal(sql_keyword_is_function_name(rows[i].keyword), rows[i].is_function);
        assert_int_equal(sql_keyword_is_bare_label(rows[i].keyword), rows[i].is_label);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lex_cuts_texts_as_postgresql_does),
        cmocka_unit_test(lex_tells_what_strings_and_names_stand_for),
        cmocka_unit_test(lex_takes_utf8_without_nul_up_to_its_limit),
        cmocka_unit_test(lex_bounds_operators),
        cmocka_unit_test(lex_knows_every_operator_by_its_signs),
        cmocka_unit_test(keywords_are_found_in_any_case_and_sorted),
        cmocka_unit_test(keywords_are_names_by_their_class),
    };
    return cmocka_run_group_tests_name("sql_lex", tests, NULL, NULL);
}
