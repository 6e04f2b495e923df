"""Expressions over the columns of a small table: nulls, laziness, choices. A row's operation is the expression as tests/unit/vec
reads it, its argument the number of the table's row; the operations #0, #1, ... are the table itself.

What PostgreSQL computes before it looks at a row (constants as conditions, a null as an argument of a strict function) is not made
here where an error could hide in it, and lists of IN name constants first, since it compares with those first.
"""
import random

COLUMNS = ["boolean", "boolean", "integer", "integer", "bigint", "text", "double", "numeric"]
SQL = {"boolean": "boolean", "integer": "int4", "bigint": "int8", "text": "text", "double": "float8", "numeric": "numeric"}
VALUES = {"boolean": ["true", "false"], "integer": ["0", "1", "2", "-3", "2147483647"], "bigint": ["0", "1", "-3", "9223372036854775807"],
          "text": ["", "a", "ab", "12", "x"], "double": ["0", "1.5", "-2", "NaN", "1e300"], "numeric": ["0", "1.50", "1.5", "-2.25"]}
ROWS = 14
EXPRESSIONS = 300


class Maker:
    def __init__(self, rng):
        self.rng = rng

    def column(self, kind):
        i = self.rng.choice([i for i, k in enumerate(COLUMNS) if k == kind])
        return f"#{i}", f"c{i}"

    def constant(self, kind, nulls=True):
        if nulls and self.rng.random() < 0.2:
            return f"{kind}:null", f"null::{SQL[kind]}"
        v = self.rng.choice(VALUES[kind])
        return f"{kind}:{v}", f"'{v}'::{SQL[kind]}"

    def kind(self):
        return self.rng.choice(list(SQL))

    def leaf(self, kind):
        if kind != "boolean" and self.rng.random() < 0.3:
            return self.constant(kind, False)
        return self.column(kind)

    def make(self, kind, depth):
        if depth == 0 or self.rng.random() < 0.1:
            return self.leaf(kind)
        makers = [self.case, self.coalesce, self.nullif, self.extreme, self.call]
        if kind == "boolean":
            makers = [self.case, self.coalesce, self.call, self.call, self.logic, self.logic, self.logic, self.negation, self.nullness, self.truth, self.truth,
                      self.distinct, self.distinct, self.within, self.within]
        return self.rng.choice(makers)(kind, depth - 1)

    def many(self, name, args):
        return name + "(" + ",".join(a[0] for a in args) + ")"

    def logic(self, kind, depth):
        args = [self.make(kind, depth) for _ in range(self.rng.choice((2, 2, 3)))]
        word = self.rng.choice(("and", "or"))
        return self.many(word, args), "(" + f" {word} ".join(a[1] for a in args) + ")"

    def negation(self, kind, depth):
        a = self.make(kind, depth)
        return f"not({a[0]})", f"(not {a[1]})"

    def nullness(self, kind, depth):
        a = self.make(self.kind(), depth)
        is_not = self.rng.random() < 0.5
        return self.many("is_not_null" if is_not else "is_null", [a]), f"({a[1]} is {'not ' if is_not else ''}null)"

    def truth(self, kind, depth):
        a = self.make(kind, depth)
        word = self.rng.choice(("true", "false", "not true", "not false"))
        return self.many("is_" + word.replace(" ", "_"), [a]), f"({a[1]} is {word})"

    def distinct(self, kind, depth):
        of = self.kind()
        a, b = self.make(of, depth), self.rng.choice((self.make(of, depth), self.constant(of)))
        is_not = self.rng.random() < 0.5
        return self.many("not_distinct" if is_not else "distinct", [a, b]), f"({a[1]} is {'not ' if is_not else ''}distinct from {b[1]})"

    def within(self, kind, depth):
        of = self.rng.choice([k for k in SQL if k != "boolean"])
        a = self.make(of, depth)
        items = [self.constant(of) for _ in range(self.rng.choice((0, 1, 3)))]
        if self.rng.random() < 0.4:
            items = self.rng.sample([self.constant(of, False) for _ in range(2)] * 9 + items, 18 + len(items))
        items += [self.column(of) if self.rng.random() < 0.5 else self.make(of, depth) for _ in range(self.rng.randrange(3))]
        items = [i for i in items if "#" not in i[0]] + [i for i in items if "#" in i[0]] or [self.constant(of)]
        is_not = self.rng.random() < 0.5
        return self.many("not_in" if is_not else "in", [a] + items), f"({a[1]} {'not ' if is_not else ''}in (" + ", ".join(i[1] for i in items) + "))"

    def case(self, kind, depth):
        pairs = [(self.condition(depth), self.make(kind, depth)) for _ in range(self.rng.choice((1, 1, 2, 3)))]
        other = self.rng.choice((self.make(kind, depth), (f"{kind}:null", f"null::{SQL[kind]}")))
        return self.many("case", [x for p in pairs for x in p] + [other]), \
            "(case " + " ".join(f"when {c[1]} then {v[1]}" for c, v in pairs) + f" else {other[1]} end)"

    def condition(self, depth):
        """A condition that needs a row."""
        while True:
            c = self.make("boolean", depth)
            if "#" in c[0]:
                return c

    def coalesce(self, kind, depth):
        args = [self.make(kind, depth) for _ in range(self.rng.choice((2, 3)))]
        if self.rng.random() < 0.3:
            args.append(self.constant(kind))
        return self.many("coalesce", args), "coalesce(" + ", ".join(a[1] for a in args) + ")"

    def nullif(self, kind, depth):
        a, b = self.column(kind), self.rng.choice((self.make(kind, depth), self.constant(kind, False)))
        if self.rng.random() < 0.5:
            a = self.make(kind, depth)
        a = a if "#" in a[0] else self.column(kind)  # a null known before is one of those
        return self.many("nullif", [a, b]), f"nullif({a[1]}, {b[1]})"

    def extreme(self, kind, depth):
        args = [self.make(kind, depth) for _ in range(self.rng.choice((2, 3)))] + ([self.constant(kind)] if self.rng.random() < 0.3 else [])
        word = self.rng.choice(("greatest", "least"))
        return self.many(word, args), f"{word}(" + ", ".join(a[1] for a in args) + ")"

    def call(self, kind, depth):
        if kind == "boolean":
            of = self.kind()
            sign = self.rng.choice(("=", "<>", "<", "<=", ">", ">="))
            a, b = self.make(of, depth), self.make(of, depth)
        elif kind == "text":
            sign, a, b = "||", self.make("text", depth), self.make(self.rng.choice(("text", "integer", "numeric")), depth)
        else:
            sign = self.rng.choice(("+", "-", "*", "/", "/"))
            a, b = self.make(kind, depth), self.make(kind, depth)
            if kind in ("integer", "bigint") and self.rng.random() < 0.2:
                a = self.make("numeric", depth)
                return f"cast:{kind}({a[0]})", f"({a[1]}::{SQL[kind]})"
            a = a if "#" in a[0] + b[0] else self.column(kind)
        return self.many(sign, [a, b]), f"({a[1]} {sign} {b[1]})"


def expressions():
    maker = Maker(random.Random(2048))
    done = {}
    while len(done) < EXPRESSIONS:
        ours, sql = maker.make(maker.rng.choice(["boolean", "boolean", *SQL]), maker.rng.choice((1, 2, 2, 3)))
        if "#" in ours and len(ours) < 400:
            done[ours] = sql
    return done


def table(rng):
    rows = [["null"] * len(COLUMNS)]
    while len(rows) < ROWS:
        rows.append(["null" if rng.random() < 0.25 else f"'{rng.choice(VALUES[k])}'" for k in COLUMNS])
    return rows


SETUP = "create table data (n int, " + ", ".join(f"c{i} {SQL[k]}" for i, k in enumerate(COLUMNS)) + ");\n" + \
    "".join(f"insert into data values ({n}, {', '.join(row)});\n" for n, row in enumerate(table(random.Random(5))))
OPERATIONS = {f"#{i}": f"select c{i} from data where n = {{0}}::int" for i in range(len(COLUMNS))}
OPERATIONS.update({ours: f"select {sql} from data where n = {{0}}::int" for ours, sql in expressions().items()})


def rows():
    for name in OPERATIONS:
        for n in range(ROWS):
            yield name, str(n)


OURS = {}
