#!/usr/bin/env python3
"""Ask PostgreSQL 15 what it answers to the statements in statements.txt and to random ones, and write it to answers.txt
beside it, which sql_test.c holds parser, binder and executor against.

    tests/unit/exec/sql/record.py
    tests/unit/exec/sql/record.py SEED COUNT FILE     (others, for a longer run: exec_sql FILE)

The server is a private one (tests/golden/values/record.py). A block of answers.txt:

    SELECT id, t FROM u           the statement
    ordered                       or `any`: whether the rows' order counts (ORDER BY outside of parentheses)
    id integer, t text            names and types, tabs between instead of commas
    1   red                       rows, tabs between, escaped as COPY does; \\N: NULL
    ----                          its end

or, where it fails, the statement, "!SQLSTATE message" and the end.
"""
import ctypes
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parents[2] / "golden" / "values"))
from record import Cluster, escape  # noqa: E402

SEED = 15
RANDOM = 700

MANY = """create table n as select id::bigint as id, (id % 7)::integer as grp, (id * 37 % 1000) / 8.0::double precision as val,
    'n' || id % 50 as name, timestamptz '2020-01-01 00:00:00+00' + id * interval '1 minute' as at
    from generate_series(1, 5000) id"""


class Connection:
    def __init__(self, directory):
        self.pq = ctypes.CDLL("libpq.so.5")
        for name in ("PQconnectdb", "PQexec"):
            getattr(self.pq, name).restype = ctypes.c_void_p
        for name in ("PQresultErrorField", "PQgetvalue", "PQfname", "PQerrorMessage"):
            getattr(self.pq, name).restype = ctypes.c_char_p
        self.conn = ctypes.c_void_p(self.pq.PQconnectdb(f"host={directory} user=postgres".encode()))
        if self.pq.PQstatus(self.conn) != 0:
            sys.exit(self.pq.PQerrorMessage(self.conn).decode())

    def run(self, sql):
        """('SQLSTATE message', None, None), or ('', [(name, oid, modifier)], rows)."""
        result = ctypes.c_void_p(self.pq.PQexec(self.conn, sql.encode()))
        field = lambda code: (self.pq.PQresultErrorField(result, ord(code)) or b"").decode()
        if field("C"):
            return f"{field('C')} {field('M')}", None, None
        columns = range(self.pq.PQnfields(result))
        names = [(self.pq.PQfname(result, c).decode(), self.pq.PQftype(result, c), self.pq.PQfmod(result, c))
                 for c in columns]
        rows = [[None if self.pq.PQgetisnull(result, r, c) else self.pq.PQgetvalue(result, r, c).decode()
                 for c in columns] for r in range(self.pq.PQntuples(result))]
        self.pq.PQclear(result)
        return "", names, rows

    def type(self, oid, modifier):
        return self.run(f"select format_type({oid}, {modifier})")[2][0][0]


def tables():
    """Name, columns and rows of each table of tables.txt."""
    name, columns, rows, where = None, [], [], None
    for line in (HERE / "tables.txt").read_text().split("\n") + ["table end"]:
        if line.startswith("table "):
            if name:
                yield name, columns, rows
            name, columns, rows, where = line[6:], [], [], "columns"
        elif line == "rows":
            where = "rows"
        elif line and where == "columns":
            columns.append(line)
        elif line and where == "rows":
            rows.append(line)


def is_ordered(sql):
    while re.search(r"\([^()]*\)", sql):
        sql = re.sub(r"\([^()]*\)", "", sql)
    return "ORDER BY" in sql


def value(text, kind):
    if text is None:
        return "\\N"
    return {"t": "true", "f": "false"}[text] if kind == "boolean" else escape(text)


class Chance:
    """Random statements over t and n. Their rows are in an order that is said, or in any; no answer depends on more."""

    COLUMNS = {"int": ["a", "2", "-1", "0", "length(e)"], "big": ["b", "10", "b"], "real": ["c", "0.5::double precision"],
               "num": ["d", "1.5", "d"], "text": ["e", "'ab'", "e", "'%a%'"], "bool": ["f", "TRUE", "f"],
               "date": ["g", "DATE '2020-01-31'"], "ts": ["h", "TIMESTAMP '2020-02-01 12:00'"], "tz": ["i"],
               "span": ["j", "INTERVAL '1 day'"], "json": ["k", "k -> 'a'", "'1'::jsonb"]}
    FORMS = {
        "int": ["({int} + {int})", "({int} * {int})", "({int} - {int})", "abs({int})", "({int} % 3)", "({int} / 2)",
                "extract(day FROM {date})::integer", "strpos({text}, 'a')", "({date} - DATE '2020-01-01')"],
        "big": ["({big} + {int})", "({int} * {big})", "{int}::bigint", "(- {big})", "abs({big})"],
        "real": ["({real} + {real})", "({real} * 2)", "{int}::double precision", "(- {real})", "abs({real})"],
        "num": ["({num} + {num})", "({num} * {int})", "round({num}, 1)", "{int}::numeric", "({num} / 4)", "trunc({num})"],
        "text": ["({text} || {text})", "upper({text})", "lower({text})", "left({text}, 2)", "{int}::text", "{num}::text",
                 "{bool}::text", "replace({text}, 'a', 'bb')", "({json} ->> 'a')", "{date}::text", "substr({text}, 2, 3)"],
        "bool": ["({int} < {int})", "({big} = {big})", "({num} >= {num})", "({text} < {text})", "({text} LIKE '%a%')",
                 "({real} > {real})", "({date} <= {date})", "({int} IS NULL)", "({bool} AND {bool})", "({bool} OR {bool})",
                 "(NOT {bool})", "({int} IN (1, 2, {int}))", "({text} IS NOT DISTINCT FROM {text})", "({bool} IS TRUE)",
                 "({int} BETWEEN {int} AND {int})", "({ts} > {ts})", "({json} = {json})", "({span} < {span})"],
        "date": ["({date} + {int})", "{ts}::date", "GREATEST({date}, {date})"],
        "ts": ["({ts} + {span})", "date_trunc('month', {ts})", "{date}::timestamp", "({date} + {span})"],
        "tz": ["({tz} + INTERVAL '1 hour')", "date_trunc('day', {tz})"],
        "span": ["({span} + {span})", "({span} * 2)", "({ts} - {ts})"],
        "json": ["({json} -> 'b')", "({json} -> 0)"],
    }
    ANY = ["CASE WHEN {bool} THEN {%s} ELSE {%s} END", "COALESCE({%s}, {%s})", "NULLIF({%s}, {%s})"]
    SUMS = {"int": ["sum", "avg", "min", "max", "count"], "big": ["sum", "avg", "min", "max", "count"],
            "real": ["min", "max", "count"], "num": ["sum", "count", "avg"], "text": ["min", "max", "count"],
            "bool": ["bool_and", "bool_or", "count"], "date": ["min", "max", "count"], "ts": ["min", "max"],
            "tz": ["min", "max"], "span": ["count"], "json": ["count"]}
    # Of equal values the text may differ (1.5 and 1.50, 1 mon and 30 days): no keys, no DISTINCT.
    KEYS = ["int", "big", "text", "bool", "date", "ts", "tz"]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def expr(self, kind, depth):
        if depth == 0 or self.random.randrange(4) == 0:
            return self.random.choice(self.COLUMNS[kind])
        forms = self.FORMS[kind]
        if kind != "json" and self.random.randrange(5) == 0:
            forms = [form.replace("%s", kind) for form in self.ANY]
        form = self.random.choice(forms)
        return re.sub(r"\{(\w+)\}", lambda m: self.expr(m[1], depth - 1), form)

    def any(self, depth, kinds=None):
        kind = self.random.choice(kinds or list(self.COLUMNS))
        return self.expr(kind, depth)

    def where(self):
        return f" WHERE {self.expr('bool', 2)}" if self.random.randrange(2) else ""

    def aggregate(self):
        kind = self.random.choice(list(self.SUMS))
        name = self.random.choice(self.SUMS[kind])
        argument = self.expr(kind, 2)
        if name in ("count", "sum") and kind in self.KEYS and self.random.randrange(4) == 0:
            argument = "DISTINCT " + argument
        text = "count(*)" if self.random.randrange(6) == 0 else f"{name}({argument})"
        return text + (f" FILTER (WHERE {self.expr('bool', 1)})" if self.random.randrange(4) == 0 else "")

    def order(self, count):
        """By all columns, so that equal rows are equal in all."""
        words = [f"{i + 1}{self.random.choice(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}" for i in range(count)]
        self.random.shuffle(words)
        limit = self.random.choice(["", "", " LIMIT 5", " LIMIT 3 OFFSET 2", " OFFSET 4"])
        return f" ORDER BY {', '.join(words)}{limit}"

    def rows(self):
        count = self.random.randrange(1, 4)
        is_ordered = self.random.randrange(2)
        items = [self.any(3, self.KEYS if is_ordered else None) for _ in range(count)]
        distinct = "DISTINCT " if is_ordered and self.random.randrange(3) == 0 else ""
        text = f"SELECT {distinct}{', '.join(f'{item} AS c{i}' for i, item in enumerate(items))} FROM t{self.where()}"
        return text + (self.order(count) if is_ordered else "")

    def groups(self):
        keys = [self.any(1, self.KEYS) for _ in range(self.random.randrange(3))]
        items = [f"{key} AS k{i}" for i, key in enumerate(keys)]
        items += [f"{self.aggregate()} AS s{i}" for i in range(self.random.randrange(1, 4))]
        text = f"SELECT {', '.join(items)} FROM t{self.where()}"
        if keys:
            text += " GROUP BY " + ", ".join(f"{i + 1}" for i in range(len(keys)))
        if self.random.randrange(4) == 0:
            text += f" HAVING {self.aggregate_condition()}"
        if keys and self.random.randrange(2):
            text += f" ORDER BY {', '.join(str(i + 1) for i in range(len(keys)))}"
        return text

    def aggregate_condition(self):
        return self.random.choice(["count(*) > 1", "max(a) IS NOT NULL", "sum(b) > 10", "count(DISTINCT e) < 5"])

    def nested(self):
        inner = self.rows() if self.random.randrange(2) else self.groups()
        if self.random.randrange(2):
            return f"SELECT count(*) FROM ({inner}) s"
        return f"WITH w AS ({inner}) SELECT * FROM w"

    def statement(self):
        return self.random.choice([self.rows, self.rows, self.groups, self.groups, self.nested])()


def statements(seed, count):
    for sql in (HERE / "statements.txt").read_text().splitlines():
        if sql and not sql.startswith("#"):
            yield sql
    chance = Chance(seed)
    for _ in range(count):
        yield chance.statement()


def main():
    seed, count, path = sys.argv[1:] or [SEED, RANDOM, HERE / "answers.txt"]
    with Cluster() as cluster, open(path, "w", encoding="utf-8", newline="\n") as out:
        for name, columns, rows in tables():
            cluster.psql(f"create table {name} ({', '.join(columns)});\ncopy {name} from stdin;\n" +
                         "".join(row + "\n" for row in rows) + "\\.\n")
        cluster.psql(MANY)
        pg = Connection(cluster.dir)
        asked = failed = 0
        for sql in statements(int(seed), int(count)):
            error, names, rows = pg.run(sql)
            asked += 1
            out.write(sql + "\n")
            if error:
                failed += 1
                out.write("!" + escape(error) + "\n----\n")
                continue
            kinds = [pg.type(oid, modifier) for _, oid, modifier in names]
            lines = ["\t".join(value(text, kind) for text, kind in zip(row, kinds)) for row in rows]
            out.write("ordered\n" if is_ordered(sql) else "any\n")
            out.write("\t".join(f"{n[0]} {kind}" for n, kind in zip(names, kinds)) + "\n")
            out.write("".join(line + "\n" for line in lines) + "----\n")
        print(f"{asked} statements, {failed} of them fail")


if __name__ == "__main__":
    main()
