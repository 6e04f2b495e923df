#!/usr/bin/env python3
"""Asks the records of *.test beside this file over HTTP, and compares what is answered with what PostgreSQL 15 answered.

  tests/sqllogic/run.py TDB [FILE ...]       the files named (without folder), or all
  tests/sqllogic/run.py TDB --foreign        SQLite's files in ${TDB_TEST_DATA}/sqllogictest, as far as they are inside our surface
  tests/sqllogic/run.py --postgres [...]     asks PostgreSQL instead: whether the files and the rules are right

Types, rows, SQLSTATE and the places of errors must be the same; doubles to 1e-9. Records of `skipif tdb` differ for the reason
that stands there. TDB_SQLLOGIC_ALL=1 shows every difference, not the first twenty.
"""
import http.client
import os
import re
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
sys.dont_write_bytecode = True
import foreign  # noqa: E402  (the path above leads to them)
import postgres  # noqa: E402
import record as recorder  # noqa: E402
import records as form  # noqa: E402
from door import Door, same  # noqa: E402
from serve import Server  # noqa: E402

SHOWN_MAX = 20
SAID_BYTES = 3000  # of the server's log


class Tdb:
    """A server of ours. Streams of a file are there until its end, topics for ever."""

    name = "tdb"

    def __init__(self, server):
        self.server, self.door = server, Door(server.http)
        self.loaded, self.streams, self.files_count = {}, [], 0

    def load(self, topic, path):
        """Append a file to a topic, once."""
        if self.loaded.setdefault(topic, path) == path and (topic, path) not in self.loaded:
            self.loaded[topic, path] = True
            self.append(topic, Path(path).read_text(encoding="utf-8").splitlines(), path.endswith(".events.jsonl"))
        assert self.loaded[topic] == path, f"topic {topic} holds {self.loaded[topic]}, not {path}"

    def append(self, topic, lines, is_events=False):
        for at in range(0, len(lines), 1000):
            self.door.append(topic, lines[at:at + 1000], is_events)

    def fill(self, name, columns, lines, is_new):
        """A stream of JSON rows."""
        topic = f"{name}_rows_{self.files_count}"
        self.append(topic, lines)
        if is_new:
            said = self.ask(f"CREATE STREAM {name} ({', '.join(' '.join(c) for c in columns)}) FROM TOPIC {topic} FORMAT JSON")
            assert not said.state, f"{said.state} {said.message}"

    def ask(self, sql, params=None):
        try:
            answer = self.door.ask(sql, params)
        except (http.client.HTTPException, OSError) as error:
            return self.revive(error)
        made = re.match(r"create stream (?:if not exists )?(\w+)", sql, re.I)
        if made and not answer.state:
            self.streams.append(made[1])
        return answer

    def revive(self, error):
        """The connection broke: an answer that says so, and a server for the records to come."""
        self.server.process.poll()
        said = f"{error!r}; {'the server runs' if self.server.process.returncode is None else self.server.text()[-SAID_BYTES:]}"
        self.server.close()
        self.server.start()
        self.door = Door(self.server.http)
        return postgres.Answer("no answer", said, (0, 0))

    def end(self):
        """The end of a file."""
        self.files_count += 1
        views = [name for name, in self.door.ask("SELECT name FROM system.views").rows]
        for end in [f"DROP MATERIALIZED VIEW {name}" for name in views] + [f"DROP STREAM IF EXISTS {name}" for name in self.streams]:
            answer = self.door.ask(end)
            assert not answer.state, f"{answer.state} {answer.message}"
        self.streams = []


class Postgres:
    """A database of PostgreSQL for each file."""

    name = "postgres"

    def __init__(self, cluster):
        self.cluster, self.number, self.connection = cluster, 0, None
        self.end()

    def load(self, topic, path):
        recorder.load(self.connection, topic, path)

    def fill(self, name, columns, lines, is_new):
        # CREATE TABLE AS, so that rows lie in their order: INSERT may fill pages before the last one.
        kind = f"{name}_type"
        if is_new:
            self.connection.run(f"CREATE TYPE {kind} AS ({', '.join(' '.join(c) for c in columns)})")
        rows = (f"SELECT r.* FROM json_array_elements({recorder.quoted('[' + ','.join(lines) + ']')}) WITH ORDINALITY AS a(j, n),"
                f" json_populate_record(NULL::{kind}, j) AS r ORDER BY n")
        self.connection.run(f"CREATE TABLE {name} AS {rows}" if is_new else f"INSERT INTO {name} {rows}")

    def ask(self, sql, params=None):
        return self.connection.ask(sql, params)

    def end(self):
        if self.connection:
            self.connection.close()
        self.number += 1
        admin = self.cluster.connect()
        admin.run(f"CREATE DATABASE d{self.number}")
        admin.close()
        self.connection = self.cluster.connect(f"d{self.number}")


# --- Our files ----------------------------------------------------------------------------------

def check(engine, record):
    """"" if a record is answered as it should be, else what was answered."""
    is_other = engine.name == "postgres" and record.pg is not None
    answer = engine.ask(record.pg if is_other else record.sql, recorder.params_of(record))
    if record.is_error or answer.state:
        return check_error(engine, record, answer)
    if record.kind == "statement":
        return ""
    if answer.types != record.types:
        return f"types {', '.join(answer.types)} instead of {', '.join(record.types)}"
    rows = [[None if value is None else form.shown(value) for value in row] for row in answer.rows]
    if record.is_sorted:
        rows.sort(key=lambda row: "\t".join("NULL" if value is None else value for value in row))
    expected = [[None if value == "NULL" else value for value in line.split("\t")] for line in record.expected or []]
    if len(rows) != len(expected):
        return f"{len(rows)} rows instead of {len(expected)}: {rows[:5]}"
    for ours, theirs in zip(rows, expected):
        if len(ours) != len(theirs):
            return f"{ours} instead of {theirs}"
        for a, b, name in zip(ours, theirs, record.types):
            if not same(a, b, name):
                return f"{a} instead of {b}, a {name}, in {ours}"
    return ""


def check_error(engine, record, answer):
    if answer.state != record.state:
        return f"{answer.state or 'no error'} {answer.message or answer.rows[:3]} instead of {record.state or 'an answer'}"
    if engine.name == "tdb" and record.place:
        before = record.sql[:record.place - 1]
        wanted = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        if answer.place != wanted:
            return f"at line {answer.place[0]}, column {answer.place[1]} instead of {wanted[0]}, {wanted[1]}: {answer.message}"
    return ""


def is_asked(engine, record):
    """Whether a record is for the engine."""
    if record.kind == "comment" or record.skip == engine.name:
        return False
    return record.only in (None, engine.name) or (record.pg is not None and engine.name == "postgres")


def run_file(engine, path, wrong):
    """The number of records asked."""
    asked = 0
    for record in form.read(path):
        if record.kind == "load":
            engine.load(record.words[0], str((HERE / record.words[1]).resolve()))
        elif is_asked(engine, record):
            asked += 1
            try:
                said = check(engine, record)
            except (ValueError, KeyError, TypeError) as error:
                said = f"an answer that cannot be read: {error!r}"
            if said:
                wrong.append(f"{path.name}:{record.line}: {said}\n    {record.sql}")
    engine.end()
    return asked


# --- SQLite's files -----------------------------------------------------------------------------

def run_foreign(engine, path, wrong, reasons):
    asked, tables, made = 0, foreign.Tables(), set()
    for record in foreign.read(path):
        if record.kind == "statement":
            if record.words[0] == "ok":
                tables.take(record.sql)
            continue
        why = foreign.outside(record)
        named = tables.named(record.sql)
        if not why and tables.lost & set(named):
            why = "a table that was changed otherwise"
        if why:
            reasons[why] = reasons.get(why, 0) + 1
            continue
        for name in named:
            if tables.pending[name] or name not in made:
                engine.fill(name, tables.columns[name], tables.pending[name], name not in made)
                made.add(name)
                tables.pending[name] = []
        asked += 1
        answer = engine.ask(foreign.with_nulls_first(record.sql))
        said = f"{answer.state} {answer.message}" if answer.state else foreign.answer_is(record, answer)
        if said:
            wrong.append(f"{path.name}:{record.line}: {said}\n    {record.sql}\n    {record.expected[:3]}")
    engine.end()
    return asked


# --- Both ---------------------------------------------------------------------------------------

def run(engine, arguments, suite):
    began, wrong, reasons, asked = time.monotonic(), [], {}, 0
    if "--foreign" in arguments:
        folder = Path(os.environ.get("TDB_TEST_DATA", HERE.parents[1] / ".." / "shared" / "data")) / "sqllogictest"
        if not folder.is_dir():
            print(f"SKIP: {suite}: no {folder}: set TDB_TEST_DATA")
            return 0
        for name in foreign.FILES:
            asked += run_foreign(engine, folder / name, wrong, reasons)
    else:
        for path in [HERE / name for name in arguments] or sorted(HERE.glob("*.test")):
            asked += run_file(engine, path, wrong)
    for text in wrong if os.environ.get("TDB_SQLLOGIC_ALL") else wrong[:SHOWN_MAX]:
        print(text)
    for why, count in sorted(reasons.items()):
        print(f"outside: {count} records: {why}")
    print(f"covered: {suite}/records: {asked} cases in {time.monotonic() - began:.1f} s, {len(wrong)} wrong")
    return 1 if wrong or not asked else 0


def main():
    suite = os.environ.get("TDB_SUITE", "sqllogic")
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 2 if len(sys.argv) < 2 else 0
    if sys.argv[1] == "--postgres":
        with postgres.Cluster() as cluster:
            return run(Postgres(cluster), sys.argv[2:], suite)
    with tempfile.TemporaryDirectory(prefix="sqllogic-") as work:
        server = Server(sys.argv[1], work, http=True)
        try:
            server.start()
            status = run(Tdb(server), sys.argv[2:], suite)
            server.stop()
            return status
        finally:
            server.close()


if __name__ == "__main__":
    sys.exit(main())
