/* The words of SQL, found by halving. See keyword.h. */
#include "views/sql/keyword.h"

#include <string.h>

#include "base/assert.h"

/* No word is longer: CURRENT_TIMESTAMP, MATERIALIZED. */
#define SQL_KEYWORD_BYTES_MAX 24

/* The classes of keyword.h. */
enum sql_keyword_class {
    SQL_KEYWORD_W,
    SQL_KEYWORD_U,
    SQL_KEYWORD_C,
    SQL_KEYWORD_T,
    SQL_KEYWORD_R,
    SQL_KEYWORD_AS = 8, /* never a label without AS */
    SQL_KEYWORD_UA = SQL_KEYWORD_U | SQL_KEYWORD_AS,
    SQL_KEYWORD_CA = SQL_KEYWORD_C | SQL_KEYWORD_AS,
    SQL_KEYWORD_TA = SQL_KEYWORD_T | SQL_KEYWORD_AS,
    SQL_KEYWORD_RA = SQL_KEYWORD_R | SQL_KEYWORD_AS,
};

/* One word. */
struct sql_keyword_row {
    const char *text; /* in capitals */
    uint8_t length;   /* bytes of it */
    uint8_t class;    /* enum sql_keyword_class */
};

static const struct sql_keyword_row sql_keyword_rows[SQL_KW_COUNT] = {
    [SQL_NO_KEYWORD] = {"", 0, SQL_KEYWORD_W},
#define SQL_KEYWORD_ROW(word, class)                                                               \
    [SQL_KW_##word] = {#word, sizeof(#word) - 1, SQL_KEYWORD_##class},
    SQL_KEYWORD_TABLE(SQL_KEYWORD_ROW)
#undef SQL_KEYWORD_ROW
};

static int sql_keyword_class_of(enum sql_keyword keyword);

enum sql_keyword sql_keyword_find(const char *text, size_t length)
{
    char word[SQL_KEYWORD_BYTES_MAX];
    if (length == 0 || length > sizeof(word)) {
        return SQL_NO_KEYWORD;
    }
    for (size_t i = 0; i < length; i++) {
        word[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
    }
    unsigned low = SQL_NO_KEYWORD + 1, high = SQL_KW_COUNT;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct sql_keyword_row *row = &sql_keyword_rows[middle];
        int order = memcmp(word, row->text, length < row->length ? length : row->length);
        if (order == 0 && length == row->length) {
            return (enum sql_keyword)middle;
        }
        if (order < 0 || (order == 0 && length < row->length)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return SQL_NO_KEYWORD;
}

const char *sql_keyword_text(enum sql_keyword keyword)
{
    ASSERT(keyword > SQL_NO_KEYWORD);
    ASSERT(keyword < SQL_KW_COUNT);
    return sql_keyword_rows[keyword].text;
}

bool sql_keyword_is_column_name(enum sql_keyword keyword)
{
    int class = sql_keyword_class_of(keyword);
    return class == SQL_KEYWORD_W || class == SQL_KEYWORD_U || class == SQL_KEYWORD_C;
}

bool sql_keyword_is_function_name(enum sql_keyword keyword)
{
    int class = sql_keyword_class_of(keyword);
    return class == SQL_KEYWORD_W || class == SQL_KEYWORD_U || class == SQL_KEYWORD_T;
}

bool sql_keyword_is_bare_label(enum sql_keyword keyword)
{
    ASSERT(keyword < SQL_KW_COUNT);
    return (sql_keyword_rows[keyword].class & SQL_KEYWORD_AS) == 0;
}

bool sql_keyword_is_field(enum sql_keyword keyword)
{
    return keyword == SQL_KW_YEAR || keyword == SQL_KW_MONTH || keyword == SQL_KW_DAY ||
           keyword == SQL_KW_HOUR || keyword == SQL_KW_MINUTE || keyword == SQL_KW_SECOND ||
           sql_keyword_class_of(keyword) == SQL_KEYWORD_W;
}

static int sql_keyword_class_of(enum sql_keyword keyword)
{
    ASSERT(keyword < SQL_KW_COUNT);
    return sql_keyword_rows[keyword].class & ~SQL_KEYWORD_AS;
}
