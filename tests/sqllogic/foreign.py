"""SQLite's sqllogictest files: what of them lies inside our surface, by rules that look at the text alone, and their answers.

A record is outside where one of OUTSIDE matches its statement, or it is for other engines. The tables of a file become streams: rows of
INSERT ... VALUES are JSON records of a topic. SQLite sorts nulls first, which is said aloud (NULLS FIRST) before we are asked.
"""
import hashlib
import json
import re
from pathlib import Path

FILES = ("in1.test", "in2.test", "select1.test", "select2.test", "select3.test", "slt_lang_aggfunc.test")

# What we refuse, and what PostgreSQL has not, either.
OUTSIDE = {
    "a subquery in an expression": r"\(\s*select\b",
    "two tables": r"\bfrom\s+\w+(\s+as\s+\w+)?\s*,|\bjoin\b",
    "SQLite's functions": r"\b(total|group_concat)\s*\(",
    "SQLite's syntax": r"\bnot indexed\b|(?<!is )\bnot null\b|\bx'|\bin\s+\w|\bin\s*\(\s*\)",
    "arithmetic of TEXT": r"\b(sum|avg)\s*\(\s*(distinct\s+)?y\s*\)",
    "TEXT beside numbers": r"(^|[\s(])\d[\d.]*\s+(not\s+)?in\s*\([^)]*'|'\w+'\s+(not\s+)?in\s*\(\s*[\d.]",
}


class Record:
    def __init__(self, kind, words, sql, expected, line):
        self.kind, self.words, self.sql, self.expected, self.line = kind, words, sql, expected, line


def read(path):
    """The records of a file that are for all engines or for PostgreSQL."""
    found = []
    for block in blocks(path):
        line, lines = block
        skipped = False
        while lines and lines[0].split()[0] in ("skipif", "onlyif"):
            condition, engine = lines[0].split()[:2]
            skipped |= (condition == "skipif") == (engine == "postgresql")
            lines = lines[1:]
        if skipped or not lines:
            continue
        words = lines[0].split()
        if words[0] == "halt":
            break
        if words[0] not in ("statement", "query"):
            continue
        at = lines.index("----") if "----" in lines else len(lines)
        found.append(Record(words[0], words[1:], "\n".join(lines[1:at]), lines[at + 1:], line))
    return found


def blocks(path):
    """(number of the first line, lines without comments) of each stretch between empty lines."""
    lines, first = [], 0
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n") + [""], 1):
        line = line.rstrip()
        if line.startswith("#"):
            continue
        if line:
            first = first if lines else number
            lines.append(line)
        elif lines:
            yield first, lines
            lines = []


def outside(record):
    """Why a query is outside, or None."""
    sql = " ".join(record.sql.lower().split())
    return next((why for why, pattern in OUTSIDE.items() if re.search(pattern, sql)), None)


class Tables:
    """The tables of a file, and what lies in them that was not handed on yet."""

    def __init__(self):
        self.columns, self.pending, self.lost = {}, {}, set()

    def take(self, sql):
        """A statement that makes or fills a table. False: it is neither, or too much for this."""
        sql = " ".join(sql.split())
        made = re.fullmatch(r"create table (\w+)\s*\((.*)\)", sql, re.I)
        if made:
            columns = [column.split() for column in re.sub(r"\(\d+\)", "", made[2]).split(",")]
            self.columns[made[1]] = [(c[0], "TEXT" if c[1].upper() in ("VARCHAR", "TEXT") else "INTEGER") for c in columns]
            self.pending[made[1]] = []
            return True
        filled = re.fullmatch(r"insert into (\w+)\s*(?:\(([\w, ]+)\))? values\s*\((.*)\)", sql, re.I)
        if filled and filled[1] in self.columns:
            names = filled[2].replace(" ", "").split(",") if filled[2] else [name for name, _ in self.columns[filled[1]]]
            values = [None if v.upper() == "NULL" else v[1:-1] if v[0] == "'" else int(v) for v in filled[3].split(",")]
            self.pending[filled[1]].append(json.dumps(dict(zip(names, values, strict=True))))
            return True
        target = re.match(r"(?:insert into|update|delete from|drop table) (\w+)", sql, re.I)
        if target:
            self.lost.add(target[1])
        return False

    def named(self, sql):
        """The tables that a statement names."""
        return [name for name in self.columns if re.search(rf"\b{name}\b", sql)]


def with_nulls_first(sql):
    """The statement with SQLite's order of nulls."""
    match = re.search(r"\border by ([\w ,]+)$", sql, re.I)
    if not match:
        return sql
    items = [item.strip() for item in match[1].split(",")]
    items = [f"{item} NULLS {'LAST' if item.upper().endswith(' DESC') else 'FIRST'}" for item in items]
    return sql[:match.start(1)] + ", ".join(items)


def value_text(value, letter):
    """A value as these files have it."""
    if value is None:
        return "NULL"
    if value in ("true", "false") and letter != "T":
        return str(int(value == "true"))
    if letter == "I":
        number = re.match(r"-?\d+", value)
        return str(int(number[0])) if number else "0"
    if letter == "R":
        return f"{float(value):.3f}"
    return value or "(empty)"


def answer_is(record, answer):
    """"" if the answer's rows are what the record expects, else what they were."""
    letters, order = record.words[0], record.words[1] if len(record.words) > 1 else "nosort"
    rows = [[value_text(value, letter) for value, letter in zip(row, letters, strict=True)] for row in answer.rows]
    if order == "rowsort":
        rows.sort()
    values = [value for row in rows for value in row]
    if order == "valuesort":
        values.sort()
    hashed = re.fullmatch(r"(\d+) values hashing to (\w+)", record.expected[0]) if len(record.expected) == 1 else None
    if hashed:
        digest = hashlib.md5("".join(value + "\n" for value in values).encode()).hexdigest()
        return "" if (str(len(values)), digest) == hashed.groups() else f"{len(values)} values, {digest}"
    return "" if values == record.expected else repr(values[:20])
