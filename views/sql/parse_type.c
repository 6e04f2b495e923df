/* Types as PostgreSQL 15 writes them. See parse_int.h. */
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/units.h"
#include "views/sql/parse_int.h"

/* Fields of an interval, from one to another (the same: that one alone). */
struct sql_fields_row {
    enum sql_keyword from;  /* YEAR */
    enum sql_keyword to;    /* MONTH */
    enum sql_fields fields; /* YEAR TO MONTH */
};

static const struct sql_fields_row sql_fields_rows[] = {
    {SQL_KW_YEAR, SQL_KW_YEAR, SQL_FIELDS_YEAR},
    {SQL_KW_MONTH, SQL_KW_MONTH, SQL_FIELDS_MONTH},
    {SQL_KW_DAY, SQL_KW_DAY, SQL_FIELDS_DAY},
    {SQL_KW_HOUR, SQL_KW_HOUR, SQL_FIELDS_HOUR},
    {SQL_KW_MINUTE, SQL_KW_MINUTE, SQL_FIELDS_MINUTE},
    {SQL_KW_SECOND, SQL_KW_SECOND, SQL_FIELDS_SECOND},
    {SQL_KW_YEAR, SQL_KW_MONTH, SQL_FIELDS_YEAR_TO_MONTH},
    {SQL_KW_DAY, SQL_KW_HOUR, SQL_FIELDS_DAY_TO_HOUR},
    {SQL_KW_DAY, SQL_KW_MINUTE, SQL_FIELDS_DAY_TO_MINUTE},
    {SQL_KW_DAY, SQL_KW_SECOND, SQL_FIELDS_DAY_TO_SECOND},
    {SQL_KW_HOUR, SQL_KW_MINUTE, SQL_FIELDS_HOUR_TO_MINUTE},
    {SQL_KW_HOUR, SQL_KW_SECOND, SQL_FIELDS_HOUR_TO_SECOND},
    {SQL_KW_MINUTE, SQL_KW_SECOND, SQL_FIELDS_MINUTE_TO_SECOND},
};

static bool sql_parse_type_simple(struct sql_parser *p, struct sql_type *type);
static bool sql_parse_type_number(struct sql_parser *p, struct sql_type *type, bool *is_taken);
static bool sql_parse_type_character(struct sql_parser *p, struct sql_type *type, bool *is_taken);
static bool sql_parse_type_time(struct sql_parser *p, struct sql_type *type, bool *is_taken);
static bool sql_parse_type_generic(struct sql_parser *p, struct sql_type *type);
static bool sql_parse_type_check(struct sql_parser *p, const struct sql_type *type,
                                 struct sql_at at);
static void sql_parse_type_find(struct sql_type *type);
static bool sql_parse_type_float(struct sql_parser *p, struct sql_type *type);
static bool sql_parse_type_mods(struct sql_parser *p, struct sql_type *type, uint32_t mods_max);
static bool sql_parse_type_mod(struct sql_parser *p, struct sql_type *type, bool is_signed);
static const struct sql_fields_row *sql_parse_fields_find(enum sql_keyword from,
                                                          enum sql_keyword to);

/* type = simple; arrays are refused */
struct sql_type *sql_parse_type(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_type *type = sql_parse_alloc(p, sizeof(*type));
    if (type == NULL) {
        return NULL;
    }
    if (sql_parse_is(p, SQL_KW_SETOF)) {
        sql_parse_refuse(p, begin, "SETOF types are not supported", NULL);
        return NULL;
    }
    if (!sql_parse_type_simple(p, type)) {
        return NULL;
    }
    type->at = sql_parse_since(p, begin);
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_BRACKET) || sql_parse_is(p, SQL_KW_ARRAY)) {
        sql_parse_refuse(p, p->token.at, "array types are not supported",
                         "Keep arrays as JSONB and read them with -> and ->>.");
        return NULL;
    }
    return type;
}

bool sql_parse_is_typed(struct sql_parser *p)
{
    if (p->token.kind != SQL_TOKEN_NAME) {
        return false;
    }
    const struct sql_token *ahead = sql_parse_ahead(p);
    enum sql_keyword next = ahead->keyword;
    bool is_direct = ahead->kind == SQL_TOKEN_STRING || ahead->kind == SQL_TOKEN_LEFT_PAREN;
    switch ((int)p->token.keyword) {
    case SQL_KW_DOUBLE: return next == SQL_KW_PRECISION;
    case SQL_KW_NATIONAL: return next == SQL_KW_CHARACTER || next == SQL_KW_CHAR;
    case SQL_KW_CHARACTER:
    case SQL_KW_CHAR:
    case SQL_KW_NCHAR:
    case SQL_KW_BIT: return is_direct || next == SQL_KW_VARYING;
    case SQL_KW_TIME:
    case SQL_KW_TIMESTAMP: return is_direct || next == SQL_KW_WITH || next == SQL_KW_WITHOUT;
    case SQL_KW_INT:
    case SQL_KW_INTEGER:
    case SQL_KW_SMALLINT:
    case SQL_KW_BIGINT:
    case SQL_KW_REAL:
    case SQL_KW_FLOAT:
    case SQL_KW_DECIMAL:
    case SQL_KW_DEC:
    case SQL_KW_NUMERIC:
    case SQL_KW_BOOLEAN:
    case SQL_KW_VARCHAR:
    case SQL_KW_INTERVAL: return is_direct;
    default: return false;
    }
}

/* simple = number | character | time | path ['(' mods ')'] */
static bool sql_parse_type_simple(struct sql_parser *p, struct sql_type *type)
{
    bool is_taken = false;
    if (p->token.kind == SQL_TOKEN_NAME) {
        bool is_right = sql_parse_type_number(p, type, &is_taken);
        if (is_right && !is_taken) {
            is_right = sql_parse_type_character(p, type, &is_taken);
        }
        if (is_right && !is_taken) {
            is_right = sql_parse_type_time(p, type, &is_taken);
        }
        if (!is_right || is_taken) {
            return is_right && p->err == ERR_OK;
        }
    }
    return sql_parse_type_generic(p, type);
}

/* number = 'INT' | 'FLOAT' ['(' n ')'] | 'DOUBLE' 'PRECISION' | 'NUMERIC' ['(' p [',' s] ')'] | ...
 */
static bool sql_parse_type_number(struct sql_parser *p, struct sql_type *type, bool *is_taken)
{
    bool is_double = sql_parse_is(p, SQL_KW_DOUBLE) && sql_parse_is_ahead(p, SQL_KW_PRECISION);
    *is_taken = true;
    switch ((int)p->token.keyword) {
    case SQL_KW_INT:
    case SQL_KW_INTEGER: type->kind = SQL_TYPE_INTEGER; break;
    case SQL_KW_SMALLINT: type->kind = SQL_TYPE_SMALLINT; break;
    case SQL_KW_BIGINT: type->kind = SQL_TYPE_BIGINT; break;
    case SQL_KW_REAL: type->kind = SQL_TYPE_REAL; break;
    case SQL_KW_BOOLEAN: type->kind = SQL_TYPE_BOOLEAN; break;
    case SQL_KW_FLOAT: return sql_parse_advance(p) && sql_parse_type_float(p, type);
    case SQL_KW_DECIMAL:
    case SQL_KW_DEC:
    case SQL_KW_NUMERIC:
        type->kind = SQL_TYPE_NUMERIC;
        return sql_parse_advance(p) && sql_parse_type_mods(p, type, 2);
    default: *is_taken = is_double; break;
    }
    if (is_double) {
        type->kind = SQL_TYPE_DOUBLE;
        sql_parse_advance(p);
    }
    return !*is_taken || sql_parse_advance(p);
}

/* character = ['NATIONAL'] ('CHARACTER' | 'CHAR') ['VARYING'] ['(' n ')'] | 'VARCHAR' ['(' n ')'] |
 * 'BIT' ['VARYING'] ['(' n ')'] */
static bool sql_parse_type_character(struct sql_parser *p, struct sql_type *type, bool *is_taken)
{
    static const struct sql_text bit = {"bit", 3};
    struct sql_at begin = p->token.at;
    bool is_national = sql_parse_is(p, SQL_KW_NATIONAL);
    bool is_bit = sql_parse_is(p, SQL_KW_BIT);
    *is_taken = true;
    if (is_national && !sql_parse_advance(p)) {
        return false;
    }
    if (!is_national && sql_parse_take(p, SQL_KW_VARCHAR)) {
        type->kind = SQL_TYPE_VARCHAR;
        return sql_parse_type_mods(p, type, 1);
    }
    bool is_character = sql_parse_take(p, SQL_KW_CHARACTER) || sql_parse_take(p, SQL_KW_CHAR) ||
                        (!is_national && sql_parse_take(p, SQL_KW_NCHAR));
    if (!is_character && !is_bit) {
        *is_taken = is_national;
        return is_national ? sql_parse_fail(p, NULL) : p->err == ERR_OK;
    }
    if (is_bit) {
        struct sql_name *name = sql_parse_alloc(p, sizeof(*name));
        if (name == NULL || !sql_parse_advance(p)) {
            return false;
        }
        *name = (struct sql_name){bit.text, bit.length, false, begin};
        type->name = (struct sql_names){name, 1, begin};
    }
    bool is_varying = sql_parse_take(p, SQL_KW_VARYING);
    type->kind = is_bit ? SQL_TYPE_NAMED : is_varying ? SQL_TYPE_VARCHAR : SQL_TYPE_CHAR;
    return sql_parse_type_mods(p, type, 1);
}

/* time = ('TIMESTAMP' | 'TIME') ['(' n ')'] [('WITH' | 'WITHOUT') 'TIME' 'ZONE'] |
 * 'INTERVAL' [fields | '(' n ')'] */
static bool sql_parse_type_time(struct sql_parser *p, struct sql_type *type, bool *is_taken)
{
    bool is_timestamp = sql_parse_is(p, SQL_KW_TIMESTAMP);
    *is_taken = true;
    if (sql_parse_take(p, SQL_KW_INTERVAL)) {
        type->kind = SQL_TYPE_INTERVAL;
        return sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN) ? sql_parse_type_mods(p, type, 1)
                                                          : sql_parse_interval_fields(p, type);
    }
    if (!is_timestamp && !sql_parse_is(p, SQL_KW_TIME)) {
        *is_taken = false;
        return true;
    }
    if (!sql_parse_advance(p) || !sql_parse_type_mods(p, type, 1)) {
        return false;
    }
    bool is_zoned = sql_parse_is(p, SQL_KW_WITH) && sql_parse_is_ahead(p, SQL_KW_TIME);
    if (is_zoned || (sql_parse_is(p, SQL_KW_WITHOUT) && sql_parse_is_ahead(p, SQL_KW_TIME))) {
        sql_parse_advance(p);
        if (!sql_parse_expect(p, SQL_KW_TIME) || !sql_parse_expect(p, SQL_KW_ZONE)) {
            return false;
        }
    }
    if (is_timestamp) {
        type->kind = is_zoned ? SQL_TYPE_TIMESTAMPTZ : SQL_TYPE_TIMESTAMP;
    } else {
        type->kind = is_zoned ? SQL_TYPE_TIMETZ : SQL_TYPE_TIME;
    }
    return p->err == ERR_OK;
}

/* A type by its name, as int8 and date are to PostgreSQL. */
static bool sql_parse_type_generic(struct sql_parser *p, struct sql_type *type)
{
    struct sql_at begin = p->token.at;
    if (!sql_parse_path(p, SQL_NAME_FUNCTION, &type->name)) {
        return false;
    }
    sql_parse_type_find(type);
    if (!sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        return true;
    }
    if (!sql_parse_type_mods(p, type, 2)) {
        return false;
    }
    return sql_parse_type_check(p, type, sql_parse_since(p, begin));
}

struct sql_type *sql_parse_type_of(struct sql_parser *p, const struct sql_names *name,
                                   const struct sql_exprs *args)
{
    struct sql_type *type = sql_parse_alloc(p, sizeof(*type));
    if (type == NULL) {
        return NULL;
    }
    type->name = *name;
    type->at = sql_parse_since(p, name->at);
    sql_parse_type_find(type);
    for (uint32_t i = 0; args != NULL && i < args->count; i++) {
        const struct sql_expr *arg = args->items[i];
        uint64_t value = 0;
        ASSERT(type->mods_count < SQL_TYPE_MODS_MAX);
        if (units_parse_u64(arg->u.text.text, arg->u.text.length, &value) != ERR_OK ||
            value > INT32_MAX) {
            sql_parse_fail_at(p, SQL_STATE_INVALID_PARAMETER_VALUE, arg->at,
                              "invalid type modifier");
            return NULL;
        }
        type->mods[type->mods_count++] = (int32_t)value;
    }
    bool is_right = type->mods_count == 0 || sql_parse_type_check(p, type, type->at);
    return is_right ? type : NULL;
}

/* Whether a type known by its name may have the modifiers it has. */
static bool sql_parse_type_check(struct sql_parser *p, const struct sql_type *type,
                                 struct sql_at at)
{
    if (type->kind != SQL_TYPE_NAMED && type->kind != SQL_TYPE_CHAR &&
        type->kind != SQL_TYPE_TIMETZ && type->kind != SQL_TYPE_TIMESTAMPTZ) {
        return sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, at,
                                 "type modifier is not allowed for type \"%s\"",
                                 type->name.items[type->name.count - 1].text);
    }
    return true;
}

/* The kind of the type that has a name: PostgreSQL's own names, with or without pg_catalog. */
static void sql_parse_type_find(struct sql_type *type)
{
    static const struct {
        const char *name;
        enum sql_type_kind kind;
    } rows[] = {
        {"bool", SQL_TYPE_BOOLEAN},  {"int2", SQL_TYPE_SMALLINT},
        {"int4", SQL_TYPE_INTEGER},  {"int8", SQL_TYPE_BIGINT},
        {"float4", SQL_TYPE_REAL},   {"float8", SQL_TYPE_DOUBLE},
        {"text", SQL_TYPE_TEXT},     {"bpchar", SQL_TYPE_CHAR},
        {"bytea", SQL_TYPE_BYTEA},   {"date", SQL_TYPE_DATE},
        {"timetz", SQL_TYPE_TIMETZ}, {"timestamptz", SQL_TYPE_TIMESTAMPTZ},
        {"json", SQL_TYPE_JSON},     {"jsonb", SQL_TYPE_JSONB},
    };
    const struct sql_name *name = &type->name.items[type->name.count - 1];
    bool is_ours =
        type->name.count == 1 ||
        (type->name.count == 2 && strcasecmp(type->name.items[0].text, "pg_catalog") == 0);
    type->kind = SQL_TYPE_NAMED;
    for (size_t i = 0; is_ours && i < ARRAY_COUNT(rows); i++) {
        int order = name->is_quoted ? strcmp(name->text, rows[i].name)
                                    : strcasecmp(name->text, rows[i].name);
        if (order == 0) {
            type->kind = rows[i].kind;
        }
    }
}

/* FLOAT and FLOAT(n): n binary digits. */
static bool sql_parse_type_float(struct sql_parser *p, struct sql_type *type)
{
    type->kind = SQL_TYPE_DOUBLE;
    struct sql_at at = p->token.at;
    if (!sql_parse_type_mods(p, type, 1)) {
        return false;
    }
    if (type->mods_count == 0) {
        return true;
    }
    int32_t digits = type->mods[0];
    type->mods_count = 0;
    if (digits < 1 || digits > 53) {
        return sql_parse_fail_at(p, SQL_STATE_INVALID_PARAMETER_VALUE, at,
                                 "precision for type float must be %s",
                                 digits < 1 ? "at least 1 bit" : "less than 54 bits");
    }
    type->kind = digits <= 24 ? SQL_TYPE_REAL : SQL_TYPE_DOUBLE;
    return true;
}

/* mods = ['(' integer (',' integer)* ')'] */
static bool sql_parse_type_mods(struct sql_parser *p, struct sql_type *type, uint32_t mods_max)
{
    if (p->err != ERR_OK || !sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        return p->err == ERR_OK;
    }
    sql_parse_advance(p);
    do {
        if (p->err == ERR_OK && type->mods_count == mods_max && mods_max > 1) {
            return sql_parse_fail_at(p, SQL_STATE_INVALID_PARAMETER_VALUE, p->token.at,
                                     "invalid type modifier");
        }
        if (!sql_parse_type_mod(p, type, mods_max > 1)) {
            return false;
        }
    } while (mods_max > 1 && sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    return sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN);
}

/* integer = ['-'] digits, of 32 bits */
static bool sql_parse_type_mod(struct sql_parser *p, struct sql_type *type, bool is_signed)
{
    uint64_t value = 0;
    bool is_minus = is_signed && p->token.kind == SQL_TOKEN_OPERATOR && p->token.op == SQL_OP_SUB;
    ASSERT(type->mods_count < SQL_TYPE_MODS_MAX);
    if (is_minus && !sql_parse_advance(p)) {
        return false;
    }
    bool is_right =
        sql_parse_is_kind(p, SQL_TOKEN_INTEGER) &&
        units_parse_u64(p->lex.text + p->token.at.pos, p->token.at.length, &value) == ERR_OK &&
        value <= INT32_MAX;
    if (!is_right) {
        return sql_parse_fail(p, NULL);
    }
    type->mods[type->mods_count++] = is_minus ? -(int32_t)value : (int32_t)value;
    return sql_parse_advance(p);
}

/* fields = [field ['TO' field]], 'SECOND' with ['(' n ')'] */
bool sql_parse_interval_fields(struct sql_parser *p, struct sql_type *type)
{
    if (p->err != ERR_OK || !sql_parse_is_kind(p, SQL_TOKEN_NAME)) {
        return p->err == ERR_OK;
    }
    enum sql_keyword from = p->token.keyword, to = from;
    if (sql_parse_fields_find(from, from) == NULL) {
        return true;
    }
    sql_parse_advance(p);
    if (from != SQL_KW_MONTH && from != SQL_KW_SECOND && sql_parse_take(p, SQL_KW_TO)) {
        to = sql_parse_is_kind(p, SQL_TOKEN_NAME) ? p->token.keyword : SQL_NO_KEYWORD;
        if (to == from || sql_parse_fields_find(from, to) == NULL) {
            return sql_parse_fail(p, NULL);
        }
        sql_parse_advance(p);
    }
    type->fields = sql_parse_fields_find(from, to)->fields;
    return to == SQL_KW_SECOND ? sql_parse_type_mods(p, type, 1) : p->err == ERR_OK;
}

static const struct sql_fields_row *sql_parse_fields_find(enum sql_keyword from,
                                                          enum sql_keyword to)
{
    for (size_t i = 0; i < ARRAY_COUNT(sql_fields_rows); i++) {
        if (sql_fields_rows[i].from == from && sql_fields_rows[i].to == to) {
            return &sql_fields_rows[i];
        }
    }
    return NULL;
}
