#!/usr/bin/env python3
"""Ask PostgreSQL 15 what it answers to the records of *.test beside this file, and write the answers into them.

  tests/sqllogic/record.py [--check] [FILE ...]

Types, rows, SQLSTATE and place of every record are written anew; what was written by hand is the statements, what PostgreSQL is
asked instead (`# pg:`), the comments, and whether an error is expected. --check changes nothing and fails where an answer would
change. Each file has a database of its own.
"""
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
sys.dont_write_bytecode = True
import postgres  # noqa: E402  (the path above leads to them)
import records as form  # noqa: E402


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def load(pg, topic, path):
    """The table `<topic>_log`: what a topic holds that the lines of a file were appended to."""
    pg.run(f'CREATE TABLE "{topic}_log" (_key text, value jsonb, _timestamp timestamptz, _offset bigint, _partition integer,'
           " _topic text)")
    rows = []
    for offset, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines()):
        item = json.loads(line)
        is_event = path.endswith(".events.jsonl")
        key = quoted(item["key"]) if is_event and item.get("key") is not None else "NULL"
        value = quoted(json.dumps(item["value"], ensure_ascii=False) if is_event else line)
        time = quoted(item["timestamp"]) if is_event else "NULL"
        rows.append(f"({key}, {value}, {time}, {offset}, 0, {quoted(topic)})")
    pg.run(f'INSERT INTO "{topic}_log" VALUES ' + ",\n".join(rows))


def params_of(record):
    return None if record.params is None else [
        p if p is None or isinstance(p, str) else json.dumps(p, ensure_ascii=False) for p in record.params]


def ask(pg, record, where):
    """Fill the record in. Complains where the answer is not of the kind that is expected."""
    if record.kind == "comment" or (record.only == "tdb" and record.pg is None):
        return
    if record.kind == "load":
        load(pg, record.words[0], str(HERE / record.words[1]))
        return
    answer = pg.ask(record.pg or record.sql, params_of(record))
    if answer.state and not record.is_error:
        raise ValueError(f"{where}: {answer.state} {answer.message}\n{record.sql}")
    if not answer.state and record.is_error:
        raise ValueError(f"{where}: no error: {answer.rows}\n{record.sql}")
    if record.is_error:
        record.words = ["error", answer.state] + ([str(answer.place)] if answer.place and record.pg is None else [])
    if record.kind == "query":
        for name in answer.types:
            if name not in form.LETTER_OF:
                raise ValueError(f"{where}: a {name}, which we have not\n{record.sql}")
        record.words[0] = "".join(form.LETTER_OF[name] for name in answer.types)
        record.expected = [form.row(values) for values in answer.rows]
        if record.is_sorted:
            record.expected.sort()
        elif len(answer.rows) > 1 and "ORDER BY" not in (record.pg or record.sql).upper() and record.only != "tdb":
            if "GROUP BY" in record.sql.upper() or "DISTINCT" in record.sql.upper():
                raise ValueError(f"{where}: rows in no order: rowsort is missing\n{record.sql}")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    is_check = len(arguments) < len(sys.argv) - 1
    files = [Path(a) for a in arguments] or sorted(HERE.glob("*.test"))
    wrong = total = 0
    with postgres.Cluster() as cluster:
        admin = cluster.connect()
        for path in files:
            admin.run(f'CREATE DATABASE "{path.stem}"')
            pg = cluster.connect(path.stem)
            found = form.read(path)
            for record in found:
                before = record.text()
                try:
                    ask(pg, record, f"{path.name}:{record.line}")
                except ValueError as error:
                    print(error, file=sys.stderr)
                    wrong += 1
                if is_check and record.text() != before:
                    print(f"{path.name}:{record.line}: recorded\n{before}\nanswered\n{record.text()}", file=sys.stderr)
                    wrong += 1
            if not is_check:
                form.write(path, found)
            count = sum(record.kind in ("statement", "query") for record in found)
            total += count
            print(f"{path.name}: {count} records")
            pg.close()
        admin.close()
    print(f"{total} records, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
