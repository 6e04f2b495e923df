#!/usr/bin/env python3
"""What PostgreSQL 15 makes of the statements in bind_statements.txt and of combinations of types: written to
bind_answers.txt beside this file, which bind_oracle_test.c holds our binder against. Run again when statements are added:

    pg_virtualenv tests/unit/sql/pg_bind.py          (Debian: postgresql-15, postgresql-common, libpq5)

A line is, between tabs: `=`, the answer's columns (name type, with commas), the parameters' types, the statement; or the
SQLSTATE, the place (a character, from 1; 0: none), the message, the statement. Statements are prepared, not run: what only
shows when rows are computed is no matter here.

Table t is that of catalog.c, without the columns that only streams have.
"""
import ctypes

from pg_record import HERE, Postgres, escaped, unescaped

TABLE = """create temp table t (b boolean, i integer, l bigint, d double precision, n numeric(10,2), m numeric, s text,
    dt date, ts timestamp, tz timestamptz, iv interval, j jsonb)"""
COLUMNS = ["b", "i", "l", "d", "n", "m", "s", "dt", "ts", "tz", "iv", "j"]
OPERANDS = COLUMNS + ["'1'", "NULL", "$1"]
OPERATORS = ["+", "-", "*", "/", "=", "||", "->"]
TYPES = ["boolean", "integer", "bigint", "double precision", "numeric", "numeric(5,1)", "text", "date", "timestamp",
         "timestamptz", "interval", "jsonb"]
UNARY = ["abs", "sign", "round", "trunc", "ceil", "sqrt", "exp", "ln", "length", "lower", "upper", "btrim", "reverse",
         "to_jsonb", "jsonb_typeof", "isfinite", "justify_days", "chr", "ascii", "to_hex", "concat"]
AGGREGATES = ["count", "sum", "avg", "min", "max", "stddev", "var_pop", "bool_and", "bool_or", "every"]
BINARY = ["mod", "power", "round", "trunc", "left", "repeat", "strpos", "date_trunc", "date_part", "age", "atan2", "div",
          "starts_with", "jsonb_extract_path", "concat_ws", "timezone"]


def combinations():
    for sign in OPERATORS:
        for left in OPERANDS:
            for right in OPERANDS:
                yield f"SELECT {left} {sign} {right} FROM t"
    for sign in ("-", "+", "@", "NOT"):
        for operand in OPERANDS:
            yield f"SELECT {sign} {operand} FROM t"
    for type_ in TYPES:
        for operand in COLUMNS + ["NULL", "$1"]:
            yield f"SELECT {operand}::{type_} FROM t"
    for name in UNARY + AGGREGATES:
        for operand in OPERANDS:
            yield f"SELECT {name}({operand}) FROM t"
    for name in BINARY:
        for left in ("i", "d", "s", "ts", "j", "'1'"):
            for right in ("i", "m", "s", "dt", "'1'"):
                yield f"SELECT {name}({left}, {right}) FROM t"
    for left in OPERANDS:
        for right in OPERANDS:
            yield f"SELECT coalesce({left}, {right}) FROM t"
    for left in ("i", "s", "ts", "'1'", "$1"):
        for one in ("l", "n", "'1'", "2.5", "$2"):
            for two in ("d", "'2'", "7", "now()"):
                yield f"SELECT {left} IN ({one}, {two}) FROM t"
                yield f"SELECT {left} BETWEEN {one} AND {two} FROM t"
                yield f"SELECT CASE WHEN b THEN {left} WHEN NOT b THEN {one} ELSE {two} END FROM t"


def statements():
    for line in (HERE / "bind_statements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            yield unescaped(line)


class Binder(Postgres):
    def __init__(self):
        super().__init__()
        for name in ("PQdescribePrepared",):
            getattr(self.pq, name).restype = ctypes.c_void_p
        self.pq.PQfname.restype = ctypes.c_char_p
        self.pq.PQftype.restype = ctypes.c_uint
        self.pq.PQparamtype.restype = ctypes.c_uint
        self.types = {}
        self.value("set timezone = 'UTC'")
        self.value(TABLE)

    def type(self, oid, modifier):
        if (oid, modifier) not in self.types:
            self.types[oid, modifier] = self.value(f"select format_type({oid}, {modifier})")
        return self.types[oid, modifier]

    def describe(self, sql):
        state, message, position, _ = self.prepare(sql)
        if state:
            return f"{state}\t{position}\t{escaped(message)}"
        result = ctypes.c_void_p(self.pq.PQdescribePrepared(self.conn, b""))
        count = self.pq.PQnfields(result)
        columns = [(self.pq.PQfname(result, i).decode(), self.pq.PQftype(result, i), self.pq.PQfmod(result, i))
                   for i in range(count)]
        params = [self.pq.PQparamtype(result, i) for i in range(self.pq.PQnparams(result))]
        self.pq.PQclear(result)
        return "\t".join(["=", escaped(", ".join(f"{name} {self.type(oid, mod)}" for name, oid, mod in columns)),
                          ", ".join(self.type(oid, -1) for oid in params)])


def main():
    pg = Binder()
    seen = dict.fromkeys([*statements(), *combinations()])
    with open(HERE / "bind_answers.txt", "w", encoding="utf-8") as out:
        for sql in seen:
            print(pg.describe(sql), escaped(sql), sep="\t", file=out)
    print(f"{len(seen)} statements")


if __name__ == "__main__":
    main()
