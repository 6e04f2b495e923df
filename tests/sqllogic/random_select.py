#!/usr/bin/env python3
"""Random SELECTs over random data, asked of PostgreSQL 15 and of us: rows, types and SQLSTATE must be the same; aggregates of doubles
within 1e-9 of what they were made from.

  tests/sqllogic/random_select.py TDB

TDB_SHARE_CASES: so many statements (400); TDB_SHARE_SECONDS: none after that; TDB_SEED: of the first. A statement follows from its
seed, and its data from the seed's thousands, so that a case that differs is asked again with TDB_SEED and one case. What may differ,
and why, is the table DIFFERENCES.
"""
import collections
import os
import re
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
sys.dont_write_bytecode = True
import postgres  # noqa: E402  (the path above leads to them)
from door import same  # noqa: E402
from random_statements import LAZY, OPAQUE, PARAMS, PLAIN, Statement, Table  # noqa: E402
from run import Postgres, Tdb  # noqa: E402
from serve import Server  # noqa: E402

CASES_PER_DATA = 1000
PARAMS_EVERY = 7  # statements have one with parameters among them
SHOWN_MAX = 10

# A state that depends on what was computed: wrong values, more than is served or there is memory for.
RUNTIME = re.compile("22|54|53")

# What may differ, and why. Each is put to the test before it is believed.
DIFFERENCES = {
    "both failed, at another row or operand":
        "The order in which rows and operands are looked at is not said; each may meet another fault first.",
    "PostgreSQL computes with constants while it plans":
        "It fails by a constant expression that no row needs, leaves out what a constant NULL makes needless, asks the cheaper of two"
        " conditions first, and none that no column needs. With constants, conditions and subqueries that it may not look into (opaque(), IS"
        " TRUE, MATERIALIZED), it answers as we do.",
    "we compute with constants while we plan":
        "We leave out what a constant condition makes needless. With parameters in place of constants we answer as PostgreSQL does.",
    "we filter before we compute":
        "Conditions go down to where rows come from, so that what fails is never computed; no row is left.",
    "we stop at a condition that cannot be true any more":
        "Where only what is true counts, NULL AND x leaves x out; of IN's list, what is behind an equal one, all of it for NULL. Written with"
        " CASE, and with OR, PostgreSQL does not fail, either.",
    "PostgreSQL did not look at what LIMIT left out":
        "It may stop within a sort or between groups. Without LIMIT it fails as we do.",
    "our NUMERIC has 76 digits, whole powers, no logarithms":
        "More digits are 22003, other powers, logarithms and exponentials 0A000 (views/README.md).",
    "we take a constant without a type for TEXT":
        "Where an argument may be of any type, PostgreSQL refuses to guess (42804).",
    "both refuse it, for another of its faults":
        "A statement that is wrong in two places; or PostgreSQL has more operators of a name than we, so that it sees several that fit"
        " (42725) where we see one or none; or we know by name what we do not serve (0A000).",
}
BOTH, THEIR_PLAN, OUR_PLAN, FILTERED, CONDITION, LIMITED, NUMERIC, UNKNOWN, FAULTS = DIFFERENCES

# (ours, theirs): an aggregate within an aggregate is seen before its operands, or behind them; an argument's type before FILTER's.
TWO_FAULTS = {("42803", "42883"), ("42803", "42804"), ("42803", "42846"), ("42883", "42804"), ("42883", "42725"), ("22P02", "42725"), ("0A000", "42846"),
              ("0A000", "42883"), ("0A000", "42725")}

OPAQUE_FUNCTION = """
CREATE FUNCTION opaque(anyelement) RETURNS anyelement VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'
"""


def plain(value, name):
    """A value without what equal ones may differ in: zeros behind a point, the sign of zero, parts of an interval."""
    if value is None:
        return None
    if name == "numeric":
        return format(Decimal(value).normalize() + 0, "f")
    if name == "interval":
        months, days, seconds = parts(value)
        return str((months * 30 + days) * 86400 * 10**6 + seconds)
    if name == "double precision":
        return "0" if value == "-0" else value
    if name == "jsonb":
        return re.sub(r"(\.\d*?)0+(?=[^\d]|$)", r"\1", value)
    return value


def parts(text):
    """(months, days, microseconds) of an interval's text."""
    months = days = micros = 0
    for number, word in re.findall(r"([+-]?\d+) (year|mon|day)", text):
        if word == "day":
            days += int(number)
        else:
            months += int(number) * (12 if word == "year" else 1)
    clock = re.search(r"([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?", text)
    if clock:
        micros = (int(clock[2]) * 3600 + int(clock[3]) * 60 + int(clock[4])) * 10**6 + int((clock[5] or "").ljust(6, "0"))
        micros = -micros if clock[1] == "-" else micros
    return months, days, micros


def rows_differ(statement, ours, theirs):
    """What is different in the rows, or ""."""
    if ours.types != theirs.types:
        return f"types {ours.types} instead of {theirs.types}"
    if len(ours.rows) != len(theirs.rows):
        return f"{len(ours.rows)} rows instead of {len(theirs.rows)}"
    names = ours.types
    left, right = (rows if statement.is_ordered else sorted(rows, key=lambda row: key_of(statement, row, names)) for rows in (ours.rows, theirs.rows))
    wrong = first_difference(statement, left, right, names)
    if not wrong:
        return ""
    # Equal rows may have changed places. Where one stands for others, or others were left out, it need not be the same one.
    if not statement.is_loose and sorted(exact(statement, row, names) for row in left) != sorted(exact(statement, row, names) for row in right):
        return wrong
    left, right = ([[plain(v, n) for v, n in zip(row, names)] for row in rows] for rows in (left, right))
    if not statement.is_ordered:
        left, right = sorted(left, key=lambda row: key_of(statement, row, names)), sorted(right, key=lambda row: key_of(statement, row, names))
    return first_difference(statement, left, right, names) and wrong


def key_of(statement, row, names):
    """A row for sorting: sums of doubles by fewer digits, for the last ones may differ; in JSON one null is as good as the other."""
    rough = {at for i, (_, bound) in statement.doubles.items() for at in (i, bound)}
    return ["NULL" if v is None or (v, n) == ("null", "jsonb") else f"{float(v):.{6 if i in rough else 12}e}" if n == "double precision"
            else v for i, (v, n) in enumerate(zip(row, names))]


def exact(statement, row, names):
    """A row as one text: doubles by what they are, for both sides may write one differently; sums of them by fewer digits."""
    rough = {at for i, (_, bound) in statement.doubles.items() for at in (i, bound)}
    return str([v if v is None or n != "double precision" else f"{float(v):.6e}" if i in rough else repr(float(v))
                for i, (v, n) in enumerate(zip(row, names))])


def first_difference(statement, left, right, names):
    for a, b in zip(left, right):
        for i, name in enumerate(names):
            if same(a[i], b[i], name):
                continue
            if i in statement.doubles and a[i] is not None and b[i] is not None and is_within(statement.doubles[i], a, b, i):
                continue
            return f"{a[i]!r} instead of {b[i]!r} in {a} instead of {b}"
    return ""


def is_within(double, a, b, i):
    how, at = double
    x, y, bound = float(a[i]), float(b[i]), float(b[at] or 0)
    return abs(x - y) <= 1e-9 * bound if how == "sum" else abs(x * x - y * y) <= 1e-9 * bound


class Run:
    """Both sides, with the same data."""

    def __init__(self, tdb, oracle):
        self.tdb, self.oracle = tdb, oracle
        self.data, self.tables, self.texts = None, [], {}
        self.counts = collections.Counter()
        self.wrong = []

    def fill(self, number):
        """The data of a thousand seeds."""
        if number == self.data:
            return
        self.tdb.end()
        self.oracle.end()
        self.data = number
        self.tables = [Table("many", 120, number * 3), Table("few", 11, number * 3 + 1), Table("one", 1, number * 3 + 2)]
        self.oracle.connection.run(OPAQUE_FUNCTION)
        for table in self.tables:
            self.tdb.fill(table.name, table.declared(), table.lines(), True)
            self.oracle.fill(table.name, table.declared(), table.lines(), True)

    def case(self, seed):
        self.fill(seed // CASES_PER_DATA)
        statement = self.statement(seed, PARAMS if seed % PARAMS_EVERY == 0 else PLAIN)
        theirs, ours = (side.ask(statement.sql, statement.params) for side in (self.oracle, self.tdb))
        if ours.state == theirs.state == "":
            self.counts["rows"] += 1
            said = rows_differ(statement, ours, theirs)
        elif ours.state == theirs.state:
            self.counts["the same SQLSTATE"] += 1
            said = ""
        else:
            allowed = self.allowed(seed, statement, ours, theirs)
            self.counts[allowed or "wrong"] += 1
            said = "" if allowed else f"{ours.state or 'an answer'} {ours.message} instead of {theirs.state or 'an answer'} {theirs.message}"
        if said:
            self.wrong.append(f"seed {seed}: {said}\n    {statement.sql}{f'  {statement.params}' if statement.params else ''}")


    def allowed(self, seed, statement, ours, theirs):
        """The name of the difference between two answers of which one or both are errors, if it may be, or None."""
        if RUNTIME.match(ours.state) and RUNTIME.match(theirs.state):
            return BOTH
        if ours.message.startswith(("only whole powers of numeric are served", "exponentials and logarithms of numeric",
                                    "value overflows numeric format")):
            return NUMERIC
        if theirs.message.startswith("could not determine polymorphic type") and statement.wrong:
            return UNKNOWN
        if (ours.state, theirs.state) in TWO_FAULTS and statement.wrong:
            return FAULTS
        if not (RUNTIME.match(ours.state) or RUNTIME.match(theirs.state)):
            return None
        opaque = Statement(seed, self.tables, OPAQUE).sql
        columns_needed = opaque.replace("WITH m AS MATERIALIZED (", "(").replace(") SELECT * FROM m)", "))")
        for again in map(self.oracle.ask, (opaque, columns_needed)):
            if again.state and ours.state and RUNTIME.match(again.state) or again.state == ours.state and (again.state or not rows_differ(statement, ours, again)):
                return THEIR_PLAN
        if not ours.state and not ours.rows:
            return FILTERED
        hidden = self.statement(seed, PARAMS)
        again = self.tdb.ask(hidden.sql, hidden.params)
        if again.state == theirs.state and (again.state or not rows_differ(statement, again, theirs)):
            return OUR_PLAN
        if not ours.state and not self.oracle.ask(self.statement(seed, LAZY).sql).state:
            return CONDITION
        again = self.oracle.ask(re.sub(r" LIMIT \d+( OFFSET \d+)?", "", Statement(seed, self.tables, OPAQUE).sql))
        return LIMITED if again.state == ours.state else None

    def statement(self, seed, form):
        return Statement(seed, self.tables, form, self.text_of)

    def text_of(self, constant):
        """The text of a constant's value."""
        if constant not in self.texts:
            self.texts[constant] = self.oracle.connection.run(f"SELECT ({constant})::TEXT")[0][0]
        return self.texts[constant]


def main():
    suite = os.environ.get("TDB_SUITE", "sqllogic_random")
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 2
    if not postgres.is_there():
        print(f"SKIP: {suite}: needs Debian's postgresql-15: deploy/install test")
        return 0
    cases = int(os.environ.get("TDB_SHARE_CASES", "400"))
    seconds = float(os.environ.get("TDB_SHARE_SECONDS", "0")) or float("inf")
    seed = int(os.environ.get("TDB_SEED", "1"))
    with postgres.Cluster() as cluster, tempfile.TemporaryDirectory(prefix="sqllogic-") as work:
        server = Server(sys.argv[1], work, http=True)
        try:
            server.start()
            run, began, asked = Run(Tdb(server), Postgres(cluster)), time.monotonic(), 0
            while asked < cases and time.monotonic() - began < seconds and len(run.wrong) < int(os.environ.get("TDB_WRONG_MAX", 50)):
                run.case(seed + asked)
                asked += 1
            took = time.monotonic() - began
            server.stop()
        finally:
            server.close()
    for text in run.wrong[:SHOWN_MAX] if "TDB_WRONG_MAX" not in os.environ else run.wrong:
        print(text)
    for what, count in run.counts.most_common():
        print(f"{what}: {count}")
    print(f"covered: {suite}/random SELECTs: {asked} cases in {took:.1f} s (from seed {seed}), {len(run.wrong)} wrong")
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
