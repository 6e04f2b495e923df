#!/usr/bin/env python3
"""What PostgreSQL 15 says of the statements in statements.txt and of random expressions: written to answers.txt and
precedence.txt beside this file, which sql_parse_test.c holds our parser against. Run again when statements are added:

    pg_virtualenv tests/unit/sql/pg_record.py          (Debian: postgresql-15, postgresql-common, libpq5)

answers.txt: outcome, place (a character, from 1; 0: none), message, statement, between tabs. The outcome is `right` or the
SQLSTATE 42601; a statement that fails for another reason than its syntax (no such table) is right.

precedence.txt: an expression, and that expression with all its parentheses, or the place of a syntax error as `!N`. All
operators are made to take and give boolean, so that types do not matter.
"""
import ctypes
import itertools
import random
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEED = 15
MUTANTS = 700
EXPRESSIONS = 1500


class Postgres:
    """One connection, by libpq's environment variables."""

    def __init__(self):
        self.pq = ctypes.CDLL("libpq.so.5")
        for name in ("PQconnectdb", "PQexec", "PQprepare"):
            getattr(self.pq, name).restype = ctypes.c_void_p
        for name in ("PQresultErrorField", "PQgetvalue", "PQerrorMessage"):
            getattr(self.pq, name).restype = ctypes.c_char_p
        self.conn = ctypes.c_void_p(self.pq.PQconnectdb(b""))
        if self.pq.PQstatus(self.conn) != 0:
            sys.exit(self.pq.PQerrorMessage(self.conn).decode())
        if self.value("show server_version_num")[:2] != "15":
            sys.exit("this wants PostgreSQL 15")

    def answer(self, result):
        """(sqlstate or '', message, position) and the first value of a result, which is freed."""
        result = ctypes.c_void_p(result)
        field = lambda code: (self.pq.PQresultErrorField(result, ord(code)) or b"").decode()
        state, message, position = field("C"), field("M"), int(field("P") or 0)
        rows = self.pq.PQntuples(result) if not state else 0
        value = self.pq.PQgetvalue(result, 0, 0).decode() if rows else ""
        self.pq.PQclear(result)
        return state, message, position, value

    def run(self, sql):
        return self.answer(self.pq.PQexec(self.conn, sql.encode()))

    def value(self, sql):
        state, message, _, value = self.run(sql)
        if state:
            raise ValueError(f"{sql}: {message}")
        return value

    def prepare(self, sql):
        return self.answer(self.pq.PQprepare(self.conn, b"", sql.encode(), 0, None))


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def unescaped(text):
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r"}.get(m[1], m[1]), text)


def statements():
    for line in (HERE / "statements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            yield unescaped(line)


def mutants(chance, sources):
    """Statements with a token lost, doubled, changed for a neighbour or for another statement's."""
    token = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\w+|[^\w\s]")
    pool = [token.findall(s) for s in sources]
    pool = [words for words in pool if 4 <= len(words) <= 40]
    seen = set(sources)
    while len(seen) < len(sources) + MUTANTS:
        words = list(chance.choice(pool))
        at = chance.randrange(len(words))
        kind = chance.randrange(5)
        if kind == 0:
            del words[at]
        elif kind == 1:
            words.insert(at, words[at])
        elif kind == 2:
            to = min(at + 1, len(words) - 1)
            words[at], words[to] = words[to], words[at]
        elif kind == 3:
            words[at] = chance.choice(chance.choice(pool))
        else:
            words = words[:at] + list(chance.choice(pool))[at:]
        text = " ".join(words)
        if text not in seen and "\n" not in text:
            seen.add(text)
            yield text


def record_statements(pg, out):
    sources = list(dict.fromkeys(statements()))
    chance = random.Random(SEED)
    for sql in itertools.chain(sources, mutants(chance, sources)):
        state, message, position, _ = pg.prepare(sql)
        if state == "42601":
            print("42601", position, escaped(message), escaped(sql), sep="\t", file=out)
        else:
            print("right", 0, "", escaped(sql), sep="\t", file=out)


OTHERS = ["||", "->", "->>", "#>", "#>>", "@>", "&", "~", "!~", "<<", "?"]
INFIX = ["AND", "OR", "=", "<>", "+", "-", "*", "/", "%", "^", "LIKE", "NOT LIKE", "ILIKE", "IS DISTINCT FROM",
         "AT TIME ZONE"] + OTHERS[:5]
PREFIX = ["NOT", "-", "+", "@", "~"]
POSTFIX = ["IS NULL", "IS NOT NULL", "IS TRUE", "IS NOT FALSE", "IS UNKNOWN", "ISNULL", "NOTNULL", "IN (true, false)",
           "NOT IN (true, false)", "::d", "::d"]


def prepare_operators(pg):
    pg.value("create temp table t (a bool, b bool, c bool, d bool, e bool, f bool)")
    pg.value("create domain d as bool")
    pg.value("create function two(bool, bool) returns bool immutable language sql as 'select $1'")
    pg.value("create function one(bool) returns bool immutable language sql as 'select $1'")
    for name in ("timezone", "like_escape"):
        pg.value(f"create function pg_catalog.{name}(bool, bool) returns bool immutable language sql as 'select $1'")
    for sign in ["+", "-", "*", "/", "%", "^", "~~", "~~*", "!~~", "!~~*"] + OTHERS:
        pg.value(f"create operator {sign} (leftarg = bool, rightarg = bool, function = two)")
    for sign in ("+", "-", "@", "~"):
        pg.value(f"create operator {sign} (rightarg = bool, function = one)")


def expression(chance, depth=0):
    def operand():
        words = [chance.choice(PREFIX) for _ in range(chance.choice((0, 0, 0, 1, 2)))]
        if depth < 2 and chance.randrange(6) == 0:
            words.append(f"({expression(chance, depth + 1)})")
        else:
            words.append(chance.choice("abcdef"))
        if chance.randrange(3) == 0:
            words.append(chance.choice(POSTFIX))
        return words

    words = operand()
    for _ in range(chance.randrange(1, 4)):
        kind = chance.randrange(12)
        if kind == 0:
            words += [chance.choice(("BETWEEN", "NOT BETWEEN")), *operand(), "AND", *operand()]
        elif kind == 1:
            words += ["LIKE", *operand(), "ESCAPE", *operand()]
        else:
            words += [chance.choice(INFIX), *operand()]
    return " ".join(words).replace(" ::", "::")


def grouped(text):
    """Parentheses as lists: '((a + b) AND c)' -> [[['a', '+', 'b'], 'AND', 'c']]."""
    stack = [[]]
    for word in re.findall(r"\w+\(|\w+|::|[()\[\],]|[^\w\s()\[\],]+", text):
        if word.endswith("("):
            stack.append([word[:-1] + "()"] if len(word) > 1 else [])
        elif word == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(word)
    assert len(stack) == 1
    return stack[0]


def ours(node):
    """The text of a group in words of SQL: ~~ is LIKE, what BETWEEN has become is BETWEEN again."""
    if isinstance(node, str):
        return node
    items = [ours(item) for item in node]
    while "::" in items:
        at = items.index("::")
        items[at - 1:at + 2] = [f"{items[at - 1]}::{items[at + 1]}"]
    text = " ".join(items)
    text = re.sub(r"= ANY \(?ARRAY \[ true , false \]\)?", "IN (true, false)", text)
    text = re.sub(r"<> ALL \(?ARRAY \[ true , false \]\)?", "NOT IN (true, false)", text)
    if items and items[0] == "timezone()":
        at = items.index(",")
        return f"({' '.join(items[at + 1:])} AT TIME ZONE {' '.join(items[1:at])})"
    if items and items[0] == "like_escape()":
        at = items.index(",")
        return f"{' '.join(items[1:at])} ESCAPE {' '.join(items[at + 1:])}"
    for sign, word in (("!~~*", "NOT ILIKE"), ("!~~", "NOT LIKE"), ("~~*", "ILIKE"), ("~~", "LIKE")):
        text = text.replace(f" {sign} ", f" {word} ")
    if len(node) == 3 and isinstance(node[0], list) and isinstance(node[2], list):
        (left, right) = node[0], node[2]
        for signs, word, between in (((">=", "<="), "AND", "BETWEEN"), (("<", ">"), "OR", "NOT BETWEEN")):
            if node[1] == word and signs[0] in left and signs[1] in right:
                low, high = left.index(signs[0]), right.index(signs[1])
                assert left[:low] == right[:high]
                side = lambda part: ours([part]) if len(part) > 1 else ours(part[0])
                return f"({side(left[:low])} {between} {side(left[low + 1:])} AND {side(right[high + 1:])})"
    return f"({text})"


def record_precedence(pg, out):
    prepare_operators(pg)
    chance = random.Random(SEED)
    seen = set()
    while len(seen) < EXPRESSIONS:
        text = expression(chance)
        if text in seen:
            continue
        seen.add(text)
        head = "create or replace temp view v as select "
        state, message, position, _ = pg.run(f"{head}({text}) as x from t")
        if state and state != "42601":
            raise ValueError(f"{text}: {message}")
        if state:
            print(text, f"!{position - len(head) - 1}", sep="\t", file=out)
            continue
        view = pg.value("select pg_get_viewdef('v'::regclass)")
        inside = re.fullmatch(r"\s*SELECT (.*) AS x\s+FROM t;", view, re.S)[1]
        full = " ".join(ours(item) for item in grouped(re.sub(r"\bt\.|::boolean", "", inside)))
        print(text, full.replace(" ::", "::").replace(":: ", "::"), sep="\t", file=out)


def main():
    pg = Postgres()
    with open(HERE / "answers.txt", "w", encoding="utf-8") as out:
        record_statements(pg, out)
    with open(HERE / "precedence.txt", "w", encoding="utf-8") as out:
        record_precedence(pg, out)


if __name__ == "__main__":
    main()
