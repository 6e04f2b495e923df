/* Tokens with single spaces. See normal.h. */
#include "views/sql/normal.h"

#include "base/assert.h"
#include "views/sql/lex.h"

enum err sql_normal(const char *text, size_t length, struct bytes_writer *w,
                    struct sql_error *error)
{
    sql_error_clear(error);
    enum err err = sql_lex_check(text, length, error);
    if (err != ERR_OK) {
        return err;
    }
    struct sql_lex lex = sql_lex(text, length);
    struct sql_token token = {.kind = SQL_TOKEN_END};
    bool is_first = true;
    size_t end_pos = w->pos; /* behind the last token that is no semicolon */
    do {
        err = sql_lex_next(&lex, false, &token, error);
        if (err != ERR_OK) {
            return err;
        }
        if (!is_first && token.kind != SQL_TOKEN_END) {
            bytes_put_u8(w, ' ');
        }
        is_first = false;
        bytes_put_copy(w, text + token.at.pos, token.at.length);
        end_pos =
            token.kind == SQL_TOKEN_SEMICOLON || token.kind == SQL_TOKEN_END ? end_pos : w->pos;
    } while (token.kind != SQL_TOKEN_END && w->err == ERR_OK);
    ASSERT(end_pos <= w->pos);
    w->pos = w->err == ERR_OK ? end_pos : w->pos;
    return w->err;
}
