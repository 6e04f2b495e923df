#!/usr/bin/env python3
"""Ask PostgreSQL 15 what it answers to the tables of expressions in cases_*.py, and write the
answers down beside them: one text file per table, which the unit tests of views/vec read.

    tests/golden/values/record.py [table...]

PostgreSQL runs as tests/support/postgres.py starts it. Needs Debian's postgresql-15.

A line of a table: operation, answer, arguments; tabs between, escaped as COPY does. An answer begins
with = (a value as text), ~ (NULL) or ! (SQLSTATE and message). Where this house answers something
else on purpose, an * follows the operation, and its answer PostgreSQL's.
"""
import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "support"))
import postgres  # noqa: E402  (the path above leads to it)

TABLES = ["numeric", "integer", "real", "calendar", "interval", "text", "like", "jsonb", "operator", "order", "expression",
          "functions", "aggregates"]

ANSWER = """
create function answer(q text) returns text language plpgsql as $f$
declare r text;
begin
    execute 'select (' || q || ')::text' into r;
    return case when r is null then '~' else '=' || r end;
exception when others then
    return '!' || sqlstate || ' ' || sqlerrm;
end $f$;
"""


class Cluster(postgres.Cluster):
    """A server that answers expressions."""

    def __enter__(self):
        super().__enter__()
        self.psql(ANSWER)
        return self

    def ask(self, expressions):
        """The answers to SQL expressions, escaped as COPY does."""
        rows = "".join(f"{i}\t{escape(e)}\n" for i, e in enumerate(expressions))
        out = self.psql("create temp table q (n int, e text);\ncopy q from stdin;\n" + rows +
                        "\\.\ncopy (select answer(e) from q order by n) to stdout;\n")
        answers = out.split("\n")[:-1]
        assert len(answers) == len(expressions)
        return answers


def escape(text):
    for plain, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"),
                           ("\b", "\\b"), ("\f", "\\f"), ("\v", "\\v")):
        text = text.replace(plain, escaped)
    return text


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def record(cluster, table):
    """cases_<table>.py holds OPERATIONS (name: expression with {0}, {1}, ... for the quoted
    arguments), rows(), which gives (operation, argument...), OURS ({row: our answer}) and perhaps
    SETUP, SQL that the expressions need."""
    cases = importlib.import_module("cases_" + table)
    rows = list(dict.fromkeys(tuple(r) for r in cases.rows()))
    ours = getattr(cases, "OURS", {})
    rows += [r for r in ours if r not in rows]
    cluster.psql(getattr(cases, "SETUP", ""))
    answers = cluster.ask([cases.OPERATIONS[r[0]].format(*map(quote, r[1:])) for r in rows])
    with open(HERE / (table + ".txt"), "w", encoding="utf-8", newline="\n") as out:
        for row, answer in zip(rows, answers):
            name, answers_here = row[0], [answer]
            if row in ours:
                name, answers_here = row[0] + "*", [answer, escape(ours[row])]
            out.write("\t".join([name, *answers_here, *map(escape, row[1:])]) + "\n")
    print(f"{table}: {len(rows)} rows, {sum(a[0] == '!' for a in answers)} of them errors")


def main():
    sys.path.insert(0, str(HERE))
    sys.dont_write_bytecode = True
    with Cluster() as cluster:
        for table in sys.argv[1:] or TABLES:
            record(cluster, table)


if __name__ == "__main__":
    main()
