/* The words of SQL: PostgreSQL 15's keywords with their classes (pg_get_keywords() of that server),
 * and those of this house, which stay plain names wherever they mean nothing.
 *
 * A class says where a word may stand as a name (PostgreSQL 15, appendix C):
 *
 *     class           column, table   function, type   label behind AS   label without AS
 *     W  own word     yes             yes              yes               yes
 *     U  unreserved   yes             yes              yes               yes
 *     C  column name  yes             no               yes               yes
 *     T  type, func.  no              yes              yes               yes
 *     R  reserved     no              no               yes               yes
 *
 * and an A behind it (UA, CA, TA, RA): never a label without AS. */
#ifndef VIEWS_SQL_KEYWORD_H
#define VIEWS_SQL_KEYWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sorted by the word's bytes. */
/* clang-format off */
#define SQL_KEYWORD_TABLE(X) \
    X(ABORT, U) X(ABSOLUTE, U) X(ACCESS, U) X(ACTION, U) X(ADD, U) X(ADMIN, U) X(AFTER, U) \
    X(AGGREGATE, U) X(ALL, R) X(ALSO, U) X(ALTER, U) X(ALWAYS, U) X(ANALYSE, R) X(ANALYZE, R) \
    X(AND, R) X(ANY, R) X(APPEND, W) X(ARRAY, RA) X(AS, RA) X(ASC, R) X(ASENSITIVE, U) \
    X(ASSERTION, U) X(ASSIGNMENT, U) X(ASYMMETRIC, R) X(AT, U) X(ATOMIC, U) X(ATTACH, U) \
    X(ATTRIBUTE, U) X(AUTHORIZATION, T) X(AVRO, W) X(BACKWARD, U) X(BEFORE, U) X(BEGIN, U) \
    X(BETWEEN, C) X(BIGINT, C) X(BINARY, T) X(BIT, C) X(BOOLEAN, C) X(BOTH, R) X(BREADTH, U) \
    X(BY, U) X(CACHE, U) X(CALL, U) X(CALLED, U) X(CASCADE, U) X(CASCADED, U) X(CASE, R) \
    X(CAST, R) X(CATALOG, U) X(CHAIN, U) X(CHAR, CA) X(CHARACTER, CA) X(CHARACTERISTICS, U) \
    X(CHECK, R) X(CHECKPOINT, U) X(CLASS, U) X(CLOSE, U) X(CLUSTER, U) X(COALESCE, C) \
    X(COLLATE, R) X(COLLATION, T) X(COLUMN, R) X(COLUMNS, U) X(COMMENT, U) X(COMMENTS, U) \
    X(COMMIT, U) X(COMMITTED, U) X(COMPRESSION, U) X(CONCURRENTLY, T) X(CONFIGURATION, U) \
    X(CONFLICT, U) X(CONNECTION, U) X(CONSTRAINT, R) X(CONSTRAINTS, U) X(CONTENT, U) \
    X(CONTINUE, U) X(CONVERSION, U) X(COPY, U) X(COST, U) X(CREATE, RA) X(CROSS, T) X(CSV, U) \
    X(CUBE, U) X(CURRENT, U) X(CURRENT_CATALOG, R) X(CURRENT_DATE, R) X(CURRENT_ROLE, R) \
    X(CURRENT_SCHEMA, T) X(CURRENT_TIME, R) X(CURRENT_TIMESTAMP, R) X(CURRENT_USER, R) \
    X(CURSOR, U) X(CYCLE, U) X(DATA, U) X(DATABASE, U) X(DAY, UA) X(DEALLOCATE, U) X(DEC, C) \
    X(DECIMAL, C) X(DECLARE, U) X(DEFAULT, R) X(DEFAULTS, U) X(DEFERRABLE, R) X(DEFERRED, U) \
    X(DEFINER, U) X(DELAY, W) X(DELETE, U) X(DELIMITER, U) X(DELIMITERS, U) X(DEPENDS, U) \
    X(DEPTH, U) X(DESC, R) X(DESCRIBE, W) X(DETACH, U) X(DICTIONARY, U) X(DISABLE, U) \
    X(DISCARD, U) X(DISTINCT, R) X(DO, R) X(DOCUMENT, U) X(DOMAIN, U) X(DOUBLE, U) X(DROP, U) \
    X(EACH, U) X(ELSE, R) X(ENABLE, U) X(ENCODING, U) X(ENCRYPTED, U) X(END, R) X(ENUM, U) \
    X(ENVELOPE, W) X(ERRORS, W) X(ESCAPE, U) X(EVENT, U) X(EXCEPT, RA) X(EXCLUDE, U) \
    X(EXCLUDING, U) X(EXCLUSIVE, U) X(EXECUTE, U) X(EXISTS, C) X(EXPLAIN, U) X(EXPRESSION, U) \
    X(EXTENSION, U) X(EXTERNAL, U) X(EXTRACT, C) X(FALSE, R) X(FAMILY, U) X(FETCH, RA) \
    X(FILTER, UA) X(FINALIZE, U) X(FIRST, U) X(FLOAT, C) X(FOLLOWING, U) X(FOR, RA) X(FORCE, U) \
    X(FOREIGN, R) X(FORMAT, W) X(FORWARD, U) X(FREEZE, T) X(FROM, RA) X(FULL, T) X(FUNCTION, U) \
    X(FUNCTIONS, U) X(GENERATED, U) X(GLOBAL, U) X(GRANT, RA) X(GRANTED, U) X(GREATEST, C) \
    X(GROUP, RA) X(GROUPING, C) X(GROUPS, U) X(HANDLER, U) X(HAVING, RA) X(HEADER, U) X(HOLD, U) \
    X(HOP, W) X(HOUR, UA) X(IDENTITY, U) X(IF, U) X(ILIKE, T) X(IMMEDIATE, U) X(IMMUTABLE, U) \
    X(IMPLICIT, U) X(IMPORT, U) X(IN, R) X(INCLUDE, U) X(INCLUDING, U) X(INCREMENT, U) \
    X(INDEX, U) X(INDEXES, U) X(INHERIT, U) X(INHERITS, U) X(INITIALLY, R) X(INLINE, U) \
    X(INNER, T) X(INOUT, C) X(INPUT, U) X(INSENSITIVE, U) X(INSERT, U) X(INSTEAD, U) X(INT, C) \
    X(INT64, W) X(INTEGER, C) X(INTERSECT, RA) X(INTERVAL, C) X(INTO, RA) X(INVOKER, U) X(IS, T) \
    X(ISNULL, TA) X(ISOLATION, U) X(JOIN, T) X(JSON, W) X(KEY, U) X(LABEL, U) X(LANGUAGE, U) \
    X(LARGE, U) X(LAST, U) X(LATERAL, R) X(LEADING, R) X(LEAKPROOF, U) X(LEAST, C) X(LEFT, T) \
    X(LEVEL, U) X(LIKE, T) X(LIMIT, RA) X(LISTEN, U) X(LOAD, U) X(LOCAL, U) X(LOCALTIME, R) \
    X(LOCALTIMESTAMP, R) X(LOCATION, U) X(LOCK, U) X(LOCKED, U) X(LOGGED, U) X(MAPPING, U) \
    X(MATCH, U) X(MATCHED, U) X(MATERIALIZED, U) X(MAXVALUE, U) X(MERGE, U) X(METHOD, U) \
    X(MINUTE, UA) X(MINVALUE, U) X(MODE, U) X(MONTH, UA) X(MOVE, U) X(NAME, U) X(NAMES, U) \
    X(NATIONAL, C) X(NATURAL, T) X(NCHAR, C) X(NEW, U) X(NEXT, U) X(NFC, U) X(NFD, U) X(NFKC, U) \
    X(NFKD, U) X(NO, U) X(NONE, C) X(NORMALIZE, C) X(NORMALIZED, U) X(NOT, R) X(NOTHING, U) \
    X(NOTIFY, U) X(NOTNULL, TA) X(NOWAIT, U) X(NULL, R) X(NULLIF, C) X(NULLS, U) X(NUMERIC, C) \
    X(OBJECT, U) X(OF, U) X(OFF, U) X(OFFSET, RA) X(OIDS, U) X(OLD, U) X(ON, RA) X(ONLY, R) \
    X(OPERATOR, U) X(OPTION, U) X(OPTIONS, U) X(OR, R) X(ORDER, RA) X(ORDINALITY, U) \
    X(OTHERS, U) X(OUT, C) X(OUTER, T) X(OVER, UA) X(OVERLAPS, TA) X(OVERLAY, C) \
    X(OVERRIDING, U) X(OWNED, U) X(OWNER, U) X(PARALLEL, U) X(PARAMETER, U) X(PARSER, U) \
    X(PARTIAL, U) X(PARTITION, U) X(PASSING, U) X(PASSWORD, U) X(PATH, W) X(PLACING, R) \
    X(PLANS, U) X(POLICY, U) X(POSITION, C) X(PRECEDING, U) X(PRECISION, CA) X(PREPARE, U) \
    X(PREPARED, U) X(PRESERVE, U) X(PRIMARY, R) X(PRIOR, U) X(PRIVILEGES, U) X(PROCEDURAL, U) \
    X(PROCEDURE, U) X(PROCEDURES, U) X(PROGRAM, U) X(PROTOBUF, W) X(PUBLICATION, U) X(QUOTE, U) \
    X(RANGE, U) X(READ, U) X(REAL, C) X(REASSIGN, U) X(REBIND, W) X(RECHECK, U) X(RECURSIVE, U) \
    X(REF, U) \
    X(REFERENCES, R) X(REFERENCING, U) X(REFRESH, U) X(REINDEX, U) X(RELATIVE, U) X(RELEASE, U) \
    X(RENAME, U) X(REPEATABLE, U) X(REPLACE, U) X(REPLICA, U) X(RESET, U) X(RESTART, U) \
    X(RESTRICT, U) X(RETURN, U) X(RETURNING, RA) X(RETURNS, U) X(REVOKE, U) X(RIGHT, T) \
    X(ROLE, U) X(ROLLBACK, U) X(ROLLUP, U) X(ROUTINE, U) X(ROUTINES, U) X(ROW, C) X(ROWS, U) \
    X(RULE, U) X(SAVEPOINT, U) X(SCHEMA, U) X(SCHEMAS, U) X(SCROLL, U) X(SEARCH, U) \
    X(SECOND, UA) X(SECURITY, U) X(SELECT, R) X(SEQUENCE, U) X(SEQUENCES, U) X(SERIALIZABLE, U) \
    X(SERVER, U) X(SESSION, U) X(SESSION_USER, R) X(SET, U) X(SETOF, C) X(SETS, U) X(SHARE, U) \
    X(SHOW, U) X(SIMILAR, T) X(SIMPLE, U) X(SKIP, U) X(SMALLINT, C) X(SNAPSHOT, U) X(SOME, R) \
    X(SQL, U) X(STABLE, U) X(STANDALONE, U) X(START, U) X(STATEMENT, U) X(STATISTICS, U) \
    X(STDIN, U) X(STDOUT, U) X(STORAGE, U) X(STORED, U) X(STREAM, W) X(STREAMS, W) X(STRICT, U) \
    X(STRIP, U) X(SUBSCRIBE, W) X(SUBSCRIPTION, U) X(SUBSTRING, C) X(SUPPORT, U) X(SYMMETRIC, R) \
    X(SYSID, U) X(SYSTEM, U) X(TABLE, R) X(TABLES, U) X(TABLESAMPLE, T) X(TABLESPACE, U) \
    X(TEMP, U) X(TEMPLATE, U) X(TEMPORARY, U) X(TEXT, U) X(THEN, R) X(TIES, U) X(TIME, C) \
    X(TIMESTAMP, C) X(TO, RA) X(TOPIC, W) X(TOPICS, W) X(TRAILING, R) X(TRANSACTION, U) \
    X(TRANSFORM, U) X(TREAT, C) X(TRIGGER, U) X(TRIM, C) X(TRUE, R) X(TRUNCATE, U) X(TRUSTED, U) \
    X(TUMBLE, W) X(TYPE, U) X(TYPES, U) X(UESCAPE, U) X(UNBOUNDED, U) X(UNCOMMITTED, U) \
    X(UNENCRYPTED, U) X(UNION, RA) X(UNIQUE, R) X(UNIT, W) X(UNKNOWN, U) X(UNLISTEN, U) \
    X(UNLOGGED, U) X(UNTIL, U) X(UPDATE, U) X(UPSERT, W) X(USER, R) X(USING, R) X(VACUUM, U) \
    X(VALID, U) X(VALIDATE, U) X(VALIDATOR, U) X(VALUE, U) X(VALUES, C) X(VARCHAR, C) \
    X(VARIADIC, R) X(VARYING, UA) X(VERBOSE, T) X(VERSION, U) X(VIEW, U) X(VIEWS, U) \
    X(VOLATILE, U) X(WATERMARK, W) X(WHEN, R) X(WHERE, RA) X(WHITESPACE, U) X(WINDOW, RA) \
    X(WITH, RA) X(WITHIN, UA) X(WITHOUT, UA) X(WORK, U) X(WRAPPER, U) X(WRITE, U) X(XML, U) \
    X(XMLATTRIBUTES, C) X(XMLCONCAT, C) X(XMLELEMENT, C) X(XMLEXISTS, C) X(XMLFOREST, C) \
    X(XMLNAMESPACES, C) X(XMLPARSE, C) X(XMLPI, C) X(XMLROOT, C) X(XMLSERIALIZE, C) \
    X(XMLTABLE, C) X(YEAR, UA) X(YES, U) X(ZONE, U)
/* clang-format on */

/* SQL_KW_SELECT and the like. SQL_NO_KEYWORD: no word of SQL. */
enum sql_keyword {
    SQL_NO_KEYWORD,
#define SQL_KEYWORD_ENUM(word, class) SQL_KW_##word,
    SQL_KEYWORD_TABLE(SQL_KEYWORD_ENUM)
#undef SQL_KEYWORD_ENUM
        SQL_KW_COUNT
};

/* The word that the `length` bytes of `text` are, in any case of ASCII letters; SQL_NO_KEYWORD for
 * all others. */
enum sql_keyword sql_keyword_find(const char *text, size_t length);

/* The word in capitals. Static storage. `keyword` is one (asserted). */
const char *sql_keyword_text(enum sql_keyword keyword);

/* Whether the word, written without quotes, may name a column, a table or a cursor. True for
 * SQL_NO_KEYWORD, as in the functions below. */
bool sql_keyword_is_column_name(enum sql_keyword keyword);

/* Whether it may name a function or a type. */
bool sql_keyword_is_function_name(enum sql_keyword keyword);

/* Whether it may be the label of a column without AS before it; with AS every word may. */
bool sql_keyword_is_bare_label(enum sql_keyword keyword);

/* Whether it may be a field of EXTRACT without quotes: YEAR to SECOND, and whatever is no keyword
 * of PostgreSQL. */
bool sql_keyword_is_field(enum sql_keyword keyword);

#endif
