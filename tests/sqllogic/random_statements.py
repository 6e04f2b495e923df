"""Random SELECTs inside our surface, and random rows to ask them of. A statement follows from its seed alone.

Types are the letters of records.py. What cannot be compared is not made: the order of rows that nothing says, doubles that cancel
out before they are seen, clocks.
"""
import json
import random
import re

TYPES = "BILRNTDSZVJ"
SQL_NAMES = {"B": "BOOLEAN", "I": "INTEGER", "L": "BIGINT", "R": "DOUBLE PRECISION", "N": "NUMERIC(12,3)", "T": "TEXT", "D": "DATE",
             "S": "TIMESTAMP", "Z": "TIMESTAMPTZ", "V": "INTERVAL", "J": "JSONB"}
CASTS = SQL_NAMES | {"N": "NUMERIC"}

WORDS = ["", "a", "b", "ab", "abc", "Abc", "x y", "10%", "a_b", "größe", "日本", "it's", "12", "-7", "1.5", "true", "2024-02-29", "z" * 12,
         "\\", "a,b,c", " pad "]
DOCUMENTS = ['{"a": 1, "b": "x"}', '{"a": {"b": [1, 2, {"c": null}]}}', "[1, 2.50, true]", "[]", "{}", '"text"', "7", "-1.5", "true", "null",
             '{"b": [10, 20], "t": "2024-01-01"}', '["a", "b"]', '{"n": 3, "s": "größe"}']
SPANS = ["1 day", "2 hours", "-30 minutes", "1 mon", "1 year 2 mons", "00:00:00.5", "3 days 04:05:06", "0"]
FIELDS = ["year", "month", "day", "hour", "minute", "second", "dow", "doy", "week", "quarter", "epoch", "isodow"]
UNITS = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"]


class Table:
    """Rows of one of each type, nulls among them: as values, as JSON records, as VALUES of SQL."""

    def __init__(self, name, rows_count, seed):
        self.name, chance = name, random.Random(seed)
        self.columns = [(letter.lower() + str(i), letter) for letter in TYPES for i in (1, 2)]
        self.rows = [{"id": number} | {column: self._value(letter, chance) for column, letter in self.columns}
                     for number in range(rows_count)]

    def _value(self, letter, chance):
        if chance.randrange(7) == 0:
            return None
        whole = chance.choice((chance.randrange(-9, 10), chance.randrange(-1000, 1000), 0, 1))
        return {
            "B": lambda: chance.random() < 0.5,
            "I": lambda: chance.choice((whole, whole, whole, 2147483647, -2147483648)),
            "L": lambda: chance.choice((whole, whole, whole * 10_000_000_000, 9223372036854775807)),
            "R": lambda: chance.choice((whole / 8, whole / 8, whole * 0.1, 1e15 + whole, 1e-7 * whole)) or 0.0,
            "N": lambda: round(whole + chance.randrange(1000) / 1000, 3),
            "T": lambda: chance.choice(WORDS),
            "D": lambda: f"{chance.choice((2024, 2024, 2023, 1999))}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
            "S": lambda: self._moment(chance),
            "Z": lambda: self._moment(chance) + "Z",
            "V": lambda: chance.choice(SPANS),
            "J": lambda: json.loads(chance.choice([d for d in DOCUMENTS if d != "null"])),
        }[letter]()

    def _moment(self, chance):
        day = f"{chance.choice((2024, 2024, 2023, 1999))}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
        fraction = chance.choice(("", "", ".5", ".123456"))
        return f"{day}T{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}{fraction}"

    def lines(self):
        """The rows as JSON records."""
        return [json.dumps(row, ensure_ascii=False) for row in self.rows]

    def declared(self):
        """(name, type) of each column."""
        return [("id", "INTEGER")] + [(column, SQL_NAMES[letter]) for column, letter in self.columns]

    def scope(self):
        return [("id", "I"), *self.columns]


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


PLAIN, OPAQUE, LAZY, PARAMS = range(4)


class Statement:
    """A random statement: `sql`, `types` (letters) of its columns if it is right, `is_ordered` whether the order of all its rows is
    said, `doubles` {column: (how, column with the bound)}: aggregates of doubles and what they are compared within.

    `form` says what its constants are: themselves; calls of opaque(), which may not be made before there are rows (LAZY: and a
    condition is not looked at further when it cannot be true any more); parameters, whose values `text_of` gives for a constant."""

    def __init__(self, seed, tables, form=PLAIN, text_of=None):
        self.chance = random.Random(seed)
        self.tables, self.form, self.text_of = tables, form, text_of
        self.params = [] if form == PARAMS else None
        self.doubles, self.is_loose = {}, False
        self.wrong = self.chance.randrange(25) == 0  # something in it may be wrong
        self.sql, self.types, self.is_ordered = self.select(depth=0)
        self.number_params()

    def number_params(self):
        """Number those that the statement has come to have."""
        used = {}
        self.sql = re.sub(r"\$(\d+)::", lambda m: f"${used.setdefault(int(m[1]), len(used) + 1)}::", self.sql)
        self.params = [self.params[number - 1] for number in used] if used else None

    # --- Statements ---

    def pick(self, *choices):
        return self.chance.choice(choices)()

    def one_in(self, n):
        return self.chance.randrange(n) == 0

    def fenced(self, sql):
        """A SELECT within another. PostgreSQL computes all of one that is MATERIALIZED, and moves nothing into it."""
        return f"WITH m AS MATERIALIZED ({sql}) SELECT * FROM m" if self.form in (OPAQUE, LAZY) else sql

    def source(self, depth):
        """(text of FROM, scope, whether its rows stand in an order that both sides have)."""
        kind = self.chance.randrange(10)
        table = self.chance.choice(self.tables)
        if depth < 2 and kind == 0:
            sql, types, _ = self.select(depth + 1)
            names = [f"q{i}" for i in range(len(types))]
            return f" FROM ({self.fenced(sql)}) AS s({', '.join(names)})", list(zip(names, types)), False
        if kind == 1:
            types = [self.chance.choice(TYPES) for _ in range(self.chance.randrange(1, 4))]
            rows = [", ".join(self.constant(t) for t in types) for _ in range(self.chance.randrange(1, 6))]
            names = [f"v{i}" for i in range(len(types))]
            return f" FROM (VALUES {', '.join(f'({row})' for row in rows)}) AS v({', '.join(names)})", list(zip(names, types)), True
        if kind == 2:
            return "", [], True
        alias = self.chance.choice(("", " AS t", " x"))
        return f" FROM {table.name}{alias}", table.scope(), True

    def select(self, depth):
        """(sql, types, whether the order is said whole)."""
        if depth < 2 and self.one_in(12):
            inner, types, _ = self.select(depth + 1)
            names = [f"c{i}" for i in range(len(types))]
            self.scope = list(zip(names, types))
            items, out = self.items()
            return f"WITH w({', '.join(names)}) AS ({self.fenced(inner)}) SELECT {', '.join(items)} FROM w" + self.order(items, True), out, True
        source, scope, is_stable = self.source(depth)
        self.scope = scope
        where = f" WHERE {self.condition()}" if scope and self.one_in(2) else ""
        shape = self.chance.randrange(10)
        if shape < 5 or not scope:
            return self.plain(source, where, is_stable)
        if shape < 6:
            return self.distinct(source, where)
        return self.grouped(source, where, depth)

    def condition(self):
        """Of WHERE. With IS TRUE around it PostgreSQL does not take it apart."""
        text = self.expr("B", 2)
        return f"({text}) IS TRUE" if self.form in (OPAQUE, LAZY) else text

    def items(self):
        types = [self.chance.choice(TYPES) for _ in range(self.chance.randrange(1, 5))]
        return [self.expr(t, 3) for t in types], types

    def plain(self, source, where, is_stable):
        items, types = self.items()
        has_order = self.one_in(2) and bool(source)
        sql = f"SELECT {', '.join(items)}{source}{where}"
        if has_order:
            return sql + self.order(items, True), types, True
        if is_stable and self.one_in(4):
            return f"{sql} LIMIT {self.chance.randrange(6)}", types, False
        return sql, types, False

    def distinct(self, source, where):
        items, types = self.items()
        self.is_loose = True
        return f"SELECT DISTINCT {', '.join(items)}{source}{where}{self.order(items, False)}", types, True

    def order(self, items, may_have_more):
        """ORDER BY what is said, and behind it all columns, so that only equal rows may change places."""
        keys = []
        if may_have_more and self.one_in(2):
            keys.append(self.expr(self.chance.choice(TYPES), 2))
        keys += [str(i + 1) for i in self.chance.sample(range(len(items)), len(items))]
        keys = [key + self.chance.choice(("", "", " ASC", " DESC")) + self.chance.choice(("", "", " NULLS FIRST", " NULLS LAST"))
                for key in keys]
        text = f" ORDER BY {', '.join(keys)}"
        if self.one_in(3):
            self.is_loose = True
            text += f" LIMIT {self.chance.randrange(12)}" + (f" OFFSET {self.chance.randrange(5)}" if self.one_in(2) else "")
        return text

    def grouped(self, source, where, depth):
        self.is_loose = True
        keys, types = [], []
        if not self.one_in(3):
            types = [self.chance.choice(TYPES) for _ in range(self.chance.randrange(1, 3))]
            keys = [self.column(t) or self.expr(t, 2) for t in types]
        items, out = list(keys), list(types)
        for _ in range(self.chance.randrange(1, 4)):
            self.aggregate(items, out, depth)
        group = ""
        if keys:
            by_number = self.one_in(3)
            group = " GROUP BY " + ", ".join(str(i + 1) if by_number or key[0] in "-'0123456789(" else key
                                             for i, key in enumerate(keys))
        having = f" HAVING {self.having()}" if self.one_in(4) else ""
        sql = f"SELECT {', '.join(items)}{source}{where}{group}{having}"
        if keys and self.one_in(2):
            return sql + self.order(keys, False), out, True
        return sql, out, False

    def having(self):
        return self.pick(lambda: f"count(*) {self.sign()} {self.chance.randrange(6)}",
                         lambda: f"count({self.expr(self.chance.choice(TYPES), 1)}) > 0",
                         lambda: f"max({self.expr('I', 1)}) {self.sign()} {self.constant('I')}",
                         lambda: f"bool_or({self.expr('B', 1)})")

    def filter(self):
        return f" FILTER (WHERE {self.expr('B', 1)})" if self.one_in(4) else ""

    def aggregate(self, items, out, depth):
        """Add an aggregate; one of doubles brings another column, which its error is measured by."""
        kind = self.chance.choice(("count", "sum", "avg", "extreme", "extreme", "variance", "bool", "combined", "double"))
        if kind == "double" and depth == 0:
            return self.double_aggregate(items, out)
        unique = "DISTINCT " if self.one_in(6) else ""
        if kind in ("count", "double"):
            whole = "count(*)" if self.one_in(2) else f"count({unique}{self.expr(self.chance.choice(TYPES), 2)})"
            return self.add(items, out, whole + self.filter(), "L")
        if kind == "sum":
            argument, result = self.chance.choice((("I", "L"), ("L", "N"), ("N", "N"), ("V", "V")))
            return self.add(items, out, f"sum({unique}{self.expr(argument, 2)}){self.filter()}", result)
        if kind == "avg":
            argument, result = self.chance.choice((("I", "N"), ("L", "N"), ("N", "N")))
            return self.add(items, out, f"avg({unique}{self.expr(argument, 2)}){self.filter()}", result)
        if kind == "extreme":
            letter = self.chance.choice("ILRNTDSZV")
            return self.add(items, out, f"{self.chance.choice(('min', 'max'))}({self.expr(letter, 2)}){self.filter()}", letter)
        if kind == "variance":
            name = self.chance.choice(("stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp"))
            return self.add(items, out, f"{name}({self.expr(self.chance.choice('IN'), 1)}){self.filter()}", "N")
        if kind == "bool":
            name = self.chance.choice(("bool_and", "bool_or", "every"))
            return self.add(items, out, f"{name}({self.expr('B', 2)}){self.filter()}", "B")
        return self.add(items, out, self.pick(lambda: f"count(*) + count({self.expr('T', 1)})",
                                              lambda: f"coalesce(max({self.expr('I', 1)}), 0) - {self.chance.randrange(9)}",
                                              lambda: f"sum({self.expr('I', 1)}) / count(*)"),
                        None)

    def add(self, items, out, text, letter):
        items.append(text)
        out.append(letter)

    def double_aggregate(self, items, out):
        value, condition = self.column("R") or "1.5::FLOAT8", self.filter()
        value = self.chance.choice((value, value, f"{value} / 3", f"{value} * 0.1::FLOAT8", f"({value} + 1)"))
        how, name, bound = self.chance.choice((
            ("sum", "sum", "sum(abs({0}))"), ("sum", "avg", "max(abs({0}))"), ("sum", "variance", "max({0} * {0})"),
            ("sum", "var_pop", "max({0} * {0})"), ("root", "stddev", "max({0} * {0})"), ("root", "stddev_pop", "max({0} * {0})")))
        self.doubles[len(items)] = (how, len(items) + 1)
        self.add(items, out, f"{name}({value}){condition}", "R")
        self.add(items, out, bound.format(value) + condition, "R")

    # --- Expressions ---

    def column(self, letter):
        names = [name for name, kind in self.scope if kind == letter]
        return self.chance.choice(names) if names else None

    def sign(self):
        return self.chance.choice(("=", "<>", "<", "<=", ">", ">="))

    def constant(self, letter):
        """A constant that has its type wherever it stands."""
        return self.hidden_constant(self.plain_constant(letter), CASTS[letter])

    def hidden_constant(self, text, cast):
        """A constant in the statement's form."""
        if self.form in (OPAQUE, LAZY):
            return f"opaque({text})"
        if self.form == PARAMS:
            self.params.append(self.text_of(text))
            return f"${len(self.params)}::{cast}"
        return text

    def plain_constant(self, letter):
        chance = self.chance
        if self.one_in(12):
            return f"NULL::{CASTS[letter]}"
        return {
            "B": lambda: chance.choice(("true", "false")),
            "I": lambda: str(chance.choice((0, 1, 2, 3, 7, 10, 100))),
            "L": lambda: chance.choice(("5000000000", "3::BIGINT", "0::BIGINT", "CAST('12' AS BIGINT)")),
            "R": lambda: chance.choice(("0.5::FLOAT8", "2::DOUBLE PRECISION", "1e3::FLOAT8", "'-1.25'::FLOAT8", "0.1::FLOAT8")),
            "N": lambda: chance.choice(("1.5", "0.001", "2.50", "100.0", "'7.25'::NUMERIC", "3::NUMERIC")),
            "T": lambda: quoted(chance.choice(WORDS)) + "::TEXT",
            "D": lambda: f"DATE {quoted(chance.choice(('2024-02-29', '2024-01-01', '1999-12-31', '2023-06-15')))}",
            "S": lambda: f"TIMESTAMP {quoted(chance.choice(('2024-02-29 12:34:56', '2024-01-01', '1999-12-31 23:59:59.5')))}",
            "Z": lambda: f"TIMESTAMPTZ {quoted(chance.choice(('2024-02-29 12:34:56+02', '2024-01-01Z', '1999-12-31 23:59:59.5+00')))}",
            "V": lambda: f"INTERVAL {quoted(chance.choice(SPANS))}",
            "J": lambda: quoted(chance.choice(DOCUMENTS)) + "::JSONB",
        }[letter]()

    def expr(self, letter, depth):
        if self.wrong and self.one_in(20):
            letter = self.chance.choice(TYPES)
            if self.one_in(4):
                return self.chance.choice(("nosuch", "t.nosuch", "nosuch(1)", "'x'", "i1 i2", "upper(5)", "sum(1)"))
        if depth <= 0 or self.one_in(4):
            column = None if self.one_in(4) else self.column(letter)
            return column or self.constant(letter)
        if self.one_in(8):
            return self.general(letter, depth - 1)
        return getattr(self, f"of_{letter}")(depth - 1)

    def general(self, letter, depth):
        e = lambda: self.expr(letter, depth)
        return self.pick(
            lambda: f"CASE WHEN {self.expr('B', depth)} THEN {e()} ELSE {e()} END",
            lambda: f"CASE WHEN {self.expr('B', depth)} THEN {e()} WHEN {self.expr('B', 0)} THEN {e()} END",
            lambda: f"CASE {self.expr('I', depth)} WHEN 1 THEN {e()} ELSE {e()} END",
            lambda: f"coalesce({e()}, {e()})",
            lambda: f"nullif({e()}, {e()})",
            lambda: f"greatest({e()}, {e()})",
            lambda: f"least({e()}, {e()}, {e()})")

    def of_B(self, d):
        letter = self.chance.choice("ILRNTDSZVJ")
        a, b = lambda: self.expr(letter, d), lambda: self.expr(letter, d)
        return self.pick(
            lambda: f"({a()} {self.sign()} {b()})",
            lambda: f"({self.expr(self.chance.choice('ILNR'), d)} {self.sign()} {self.expr(self.chance.choice('ILNR'), d)})",
            lambda: f"({self.expr(self.chance.choice('DSZ'), d)} {self.sign()} {self.expr(self.chance.choice('DSZ'), d)})",
            lambda: self.both(self.expr("B", d), self.expr("B", d)),
            lambda: f"({self.expr('B', d)} OR {self.expr('B', d)})",
            lambda: f"(NOT {self.expr('B', d)})",
            lambda: f"({a()} IS {self.chance.choice(('', 'NOT '))}NULL)",
            lambda: f"({self.expr('B', d)} IS {self.chance.choice(('', 'NOT '))}{self.chance.choice(('TRUE', 'FALSE', 'UNKNOWN'))})",
            lambda: f"({a()} IS {self.chance.choice(('', 'NOT '))}DISTINCT FROM {b()})",
            lambda: self.between(a(), self.chance.choice(("", "NOT ")), b(), a()),
            lambda: self.member(a(), self.chance.choice(("", "NOT ")), b(), b(), b()),
            lambda: f"({self.expr('T', d)} {self.chance.choice(('', 'NOT '))}{self.chance.choice(('LIKE', 'ILIKE'))} {self.pattern()})",
            lambda: f"starts_with({self.expr('T', d)}, {self.expr('T', 0)})",
            lambda: f"({self.expr('J', d)} {self.chance.choice(('@>', '<@'))} {self.expr('J', 0)})",
            lambda: f"({self.expr('J', d)} ? {quoted(self.chance.choice(('a', 'b', 'n', 'x')))})",
            lambda: f"({self.column('I') or '1'} = '1')",
            lambda: f"isfinite({self.expr(self.chance.choice('DSZV'), d)})")

    def both(self, a, b):
        return f"(CASE WHEN {a} THEN {b} ELSE false END)" if self.form == LAZY else f"({a} AND {b})"

    def between(self, value, negation, low, high):
        if self.form == LAZY and not negation:
            return f"(CASE WHEN {value} >= {low} THEN {value} <= {high} ELSE false END)"
        return f"({value} {negation}BETWEEN {low} AND {high})"

    def member(self, value, negation, *items):
        if self.form == LAZY:
            return f"(CASE WHEN {value} IS NOT NULL THEN {negation}({' OR '.join(f'{value} = {item}' for item in items)}) END)"
        return f"({value} {negation}IN ({', '.join(items)}))"

    def pattern(self):
        return quoted(self.chance.choice(("a%", "%b", "_b%", "%a%", "", "%", "10\\%", "A__", "gr__e", "%\\_%", "_", "日%")))

    def of_I(self, d):
        e = lambda: self.expr("I", d)
        return self.pick(
            lambda: f"({e()} {self.chance.choice('+-*')} {e()})",
            lambda: f"({e()} {self.chance.choice('/%')} {self.chance.choice(('2', '3', '7', e()))})",
            lambda: f"(-{e()})",
            lambda: f"abs({e()})",
            lambda: f"({e()} {self.chance.choice(('&', '|', '#'))} {e()})",
            lambda: f"({e()} << {self.chance.randrange(5)})",
            lambda: f"length({self.expr('T', d)})",
            lambda: f"{self.chance.choice(('ascii', 'octet_length', 'char_length'))}({self.expr('T', d)})",
            lambda: f"strpos({self.expr('T', d)}, {self.expr('T', 0)})",
            lambda: f"position({self.expr('T', 0)} IN {self.expr('T', d)})",
            lambda: f"extract({self.chance.choice(FIELDS[:-2])} FROM {self.expr('S', d)})::INTEGER",
            lambda: f"({self.expr('D', d)} - {self.expr('D', d)})",
            lambda: f"mod({e()}, {self.chance.choice(('3', '10', e()))})",
            lambda: f"{self.chance.choice(('gcd', 'lcm'))}({e()}, {e()})",
            lambda: f"{self.expr('B', d)}::INTEGER",
            lambda: f"{self.paren('N', d)}::INTEGER",
            lambda: f"{self.paren('R', d)}::INTEGER",
            lambda: f"{self.paren('L', d)}::INTEGER",
            lambda: f"CAST({e()}::TEXT AS INTEGER)")

    def paren(self, letter, d):
        return f"({self.expr(letter, d)})"

    def of_L(self, d):
        e = lambda: self.expr("L", d)
        return self.pick(
            lambda: f"({e()} {self.chance.choice('+-*/%')} {self.expr(self.chance.choice('IL'), d)})",
            lambda: f"({self.expr('I', d)} {self.chance.choice('+-*')} {e()})",
            lambda: f"(-{e()})",
            lambda: f"abs({e()})",
            lambda: f"{self.paren('I', d)}::BIGINT",
            lambda: f"{self.paren('N', d)}::BIGINT",
            lambda: f"{self.paren('R', d)}::BIGINT",
            lambda: f"div({self.expr('N', d)}, {self.chance.choice(('2', '1.5', '0.3'))})::BIGINT",
            lambda: f"mod({e()}, 97)",
            lambda: f"extract(epoch FROM {self.expr('D', d)})::BIGINT")

    def of_N(self, d):
        e = lambda: self.expr("N", d)
        return self.pick(
            lambda: f"({e()} {self.chance.choice('+-*')} {self.expr(self.chance.choice('INL'), d)})",
            lambda: f"({e()} {self.chance.choice('/%')} {self.chance.choice(('3', '0.7', '2.50', e()))})",
            lambda: f"(-{e()})",
            lambda: f"{self.chance.choice(('abs', 'floor', 'ceil', 'round', 'trunc', 'sign'))}({e()})",
            lambda: f"{self.chance.choice(('round', 'trunc'))}({e()}, {self.chance.choice(('0', '1', '2', '-1', '5'))})",
            lambda: f"sqrt(abs({e()}))",
            lambda: f"power({e()}, {self.chance.choice(('2', '3', '0'))})",
            lambda: f"div({e()}, {self.chance.choice(('2', '0.3', e()))})",
            lambda: f"mod({e()}, {self.chance.choice(('2', '0.7'))})",
            lambda: f"{self.paren('I', d)}::NUMERIC",
            lambda: f"{self.paren('L', d)}::NUMERIC(30,2)",
            lambda: f"{self.paren('R', d)}::NUMERIC",
            lambda: f"{self.paren('N', d)}::NUMERIC({self.chance.choice(('20,2', '10,0', '8,4', '5,1'))})",
            lambda: f"extract({self.chance.choice(FIELDS)} FROM {self.expr(self.chance.choice('SZ'), d)})",
            lambda: f"extract({self.chance.choice(('day', 'hour', 'epoch', 'month'))} FROM {self.expr('V', d)})",
            lambda: f"trim_scale({e()})")

    def of_R(self, d):
        e = lambda: self.expr("R", d)
        return self.pick(
            lambda: f"({e()} {self.chance.choice('+-*')} {self.expr(self.chance.choice('RIN'), d)})",
            lambda: f"({e()} / {self.chance.choice(('3', '0.7::FLOAT8', e()))})",
            lambda: f"(-{e()})",
            lambda: f"{self.chance.choice(('abs', 'floor', 'ceil', 'round', 'trunc', 'sign'))}({e()})",
            lambda: f"sqrt(abs({e()}))",
            lambda: f"{self.chance.choice(('sin', 'cos', 'atan', 'cbrt', 'degrees', 'radians', 'tanh'))}({e()})",
            lambda: f"atan2({e()}, {e()})",
            lambda: f"power(abs({e()}), {self.chance.choice(('2', '0.5', '-1'))})",
            lambda: f"ln(abs({e()}) + 1)",
            lambda: f"exp({self.chance.choice(('0.5::FLOAT8', '-1::FLOAT8', e()))})",
            lambda: f"{self.paren(self.chance.choice('ILN'), d)}::DOUBLE PRECISION",
            lambda: f"date_part({quoted(self.chance.choice(FIELDS))}, {self.expr('S', d)})")

    def of_T(self, d):
        e = lambda: self.expr("T", d)
        number = lambda: str(self.chance.choice((0, 1, 2, 3, 5, -1, -2)))
        return self.pick(
            lambda: f"({e()} || {e()})",
            lambda: f"({e()} || {self.expr(self.chance.choice('ILNBDSZVJ'), d)})",
            lambda: f"{self.chance.choice(('upper', 'lower', 'initcap', 'reverse', 'btrim', 'ltrim', 'rtrim'))}({e()})",
            lambda: f"substring({e()}, {number()})",
            lambda: f"substring({e()} FROM {number()} FOR {self.chance.choice(('0', '1', '3'))})",
            lambda: f"{self.chance.choice(('left', 'right'))}({e()}, {number()})",
            lambda: f"replace({e()}, {self.expr('T', 0)}, {self.expr('T', 0)})",
            lambda: f"translate({e()}, 'abc', 'xy')",
            lambda: f"{self.chance.choice(('lpad', 'rpad'))}({e()}, {number()}, 'xy')",
            lambda: f"trim({self.chance.choice(('BOTH', 'LEADING', 'TRAILING'))} 'a ' FROM {e()})",
            lambda: f"split_part({e()}, ',', {self.chance.choice(('1', '2', '-1'))})",
            lambda: f"repeat({e()}, {self.chance.choice(('0', '2', '-1'))})",
            lambda: f"concat({e()}, {self.expr(self.chance.choice(TYPES.replace('R', '')), d)})",
            lambda: f"concat_ws('-', {e()}, {e()}, {self.expr('I', d)})",
            lambda: f"{self.paren(self.chance.choice(TYPES.replace('R', '')), d)}::TEXT",
            lambda: f"({self.expr('J', d)} ->> {self.step()})",
            lambda: f"({self.expr('J', d)} #>> {self.path()})",
            lambda: f"jsonb_typeof({self.expr('J', d)})",
            lambda: f"to_hex({self.expr('I', d)})")

    def step(self):
        return self.chance.choice(("'a'", "'b'", "0", "1", "-1", "'n'", "'nosuch'"))

    def path(self):
        return self.chance.choice(("'{a}'", "'{a,b}'", "'{a,b,0}'", "'{b,1}'", "'{0}'", "'{}'", "'{a,b,2,c}'"))

    def of_D(self, d):
        e = lambda: self.expr("D", d)
        return self.pick(
            lambda: f"({e()} {self.chance.choice('+-')} {self.chance.choice(('1', '7', '30', '365'))})",
            lambda: f"{self.paren('S', d)}::DATE",
            lambda: f"{self.paren('Z', d)}::DATE",
            lambda: f"make_date({self.hidden_constant('2024', 'INTEGER')}, {self.chance.randrange(1, 13)}, {self.chance.choice(('1', '15', '29', '31'))})",
            lambda: f"date_trunc({quoted(self.chance.choice(UNITS))}, {self.expr('S', d)})::DATE",
            lambda: f"CAST({e()}::TEXT AS DATE)")

    def of_S(self, d):
        e = lambda: self.expr("S", d)
        return self.pick(
            lambda: f"({e()} {self.chance.choice('+-')} {self.expr('V', d)})",
            lambda: f"({self.expr('D', d)} {self.chance.choice('+-')} {self.expr('V', d)})",
            lambda: f"{self.paren('D', d)}::TIMESTAMP",
            lambda: f"date_trunc({quoted(self.chance.choice(UNITS))}, {e()})",
            lambda: f"date_bin(INTERVAL {quoted(self.chance.choice(('15 minutes', '1 day', '1 hour 30 minutes')))}, {e()}, TIMESTAMP '2024-01-01')",
            lambda: f"({self.expr('Z', d)} AT TIME ZONE {quoted(self.chance.choice(('UTC', '+02', '-05:30')))})")

    def of_Z(self, d):
        e = lambda: self.expr("Z", d)
        return self.pick(
            lambda: f"({e()} {self.chance.choice('+-')} {self.expr('V', d)})",
            lambda: f"date_trunc({quoted(self.chance.choice(UNITS))}, {e()})",
            lambda: f"{self.paren('S', d)}::TIMESTAMPTZ",
            lambda: f"({self.expr('S', d)} AT TIME ZONE {quoted(self.chance.choice(('UTC', '+02', '-05:30')))})",
            lambda: f"to_timestamp({self.hidden_constant(self.chance.choice(('0', '1709210096.5', '-1')), 'FLOAT8')})")

    def of_V(self, d):
        e = lambda: self.expr("V", d)
        return self.pick(
            lambda: f"({e()} {self.chance.choice('+-')} {e()})",
            lambda: f"({self.expr('S', d)} - {self.expr('S', d)})",
            lambda: f"({self.expr('Z', d)} - {self.expr('Z', d)})",
            lambda: f"({e()} * {self.chance.choice(('2', '0.5', '-1'))})",
            lambda: f"({e()} / {self.chance.choice(('2', '3', '0.5'))})",
            lambda: f"(-{e()})",
            lambda: f"{self.chance.choice(('justify_days', 'justify_hours', 'justify_interval'))}({e()})",
            lambda: f"age({self.expr('S', d)}, {self.expr('S', d)})",
            lambda: f"date_trunc('day', {e()})")

    def of_J(self, d):
        e = lambda: self.expr("J", d)
        return self.pick(
            lambda: f"({e()} -> {self.step()})",
            lambda: f"({e()} #> {self.path()})",
            lambda: f"to_jsonb({self.paren(self.chance.choice('ILNTB'), d)})",
            lambda: f"jsonb_build_array({self.expr('I', d)}, {self.expr('T', d)})",
            lambda: f"jsonb_build_object('k', {self.expr(self.chance.choice('ILNTBJ'), d)})",
            lambda: f"CAST({self.expr('J', 0)}::TEXT AS JSONB)")
