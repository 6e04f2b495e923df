"""The HTTP door as what is asked: POST /api/v1/query, its answers in the texts that PostgreSQL has for the same values.

    answer = Door(port).ask("SELECT $1 + 1", ["41"])     # as postgres.Connection.ask
"""
import http.client
import json
import re
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from postgres import Answer  # noqa: E402  (the path above leads to it)

TIMEOUT_SECONDS = 60


class Number(str):
    """A number of JSON as it stood there."""


class Door:
    """A connection that is kept."""

    def __init__(self, port):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self.http.connect()
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self.http.close()

    def call(self, method, path, body=None, content="application/json"):
        """(status, body) of a request."""
        self.http.request(method, path, body, {"Content-Type": content} if body is not None else {})
        answer = self.http.getresponse()
        return answer.status, answer.read()

    def append(self, topic, lines, is_events):
        """Append the lines of a file, each a JSON value or an event with its value."""
        content = "application/x-ndjson"
        body = "\n".join(lines)
        if is_events:
            content, body = "application/vnd.tdb.events+json", "[" + ",".join(lines) + "]"
        status, said = self.call("POST", f"/api/v1/streams/{topic}/events", body.encode(), content)
        answer = json.loads(said)
        if status != 200 or answer["failed"] != 0 or answer["appended"] != len(lines):
            raise ValueError(f"{topic}: {status} {said[:500]!r}")

    def ask(self, sql, params=None):
        """The Answer to a statement; its place is (line, column), (0, 0) where there is none."""
        asked = {"sql": sql, "numbers": "string"}
        if params is not None:
            asked["params"] = params
        status, said = self.call("POST", "/api/v1/query", json.dumps(asked).encode())
        answer = json.loads(said, parse_int=Number, parse_float=Number, parse_constant=Number)
        if status != 200:
            return Answer(answer.get("sqlstate") or f"HTTP {status}", answer.get("detail", ""),
                          (int(answer.get("line") or 0), int(answer.get("column") or 0)))
        types = [column["type"].partition("(")[0] for column in answer.get("columns", [])]
        rows = [[text_of(value, name) for value, name in zip(row, types, strict=True)] for row in answer.get("rows", [])]
        return Answer("", "", (0, 0), [column["name"] for column in answer.get("columns", [])], types, rows)


# --- Values -------------------------------------------------------------------------------------

def text_of(value, name):
    """PostgreSQL's text of a JSON value of the type that is called so; None: null."""
    if name == "jsonb":
        return None if value is None else json_text(value)
    if value is None:
        return None
    convert = {"boolean": boolean_text, "double precision": double_text, "date": date_text,
               "timestamp without time zone": timestamp_text, "timestamp with time zone": timestamptz_text,
               "interval": interval_text}.get(name)
    return convert(value) if convert else str(value)


def boolean_text(value):
    if not isinstance(value, bool):
        raise ValueError(f"no boolean: {value!r}")
    return "true" if value else "false"


def double_text(value):
    """The shortest digits, with an exponent below 1e-4 and from 1e15 on."""
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):
        if isinstance(value, Number):
            raise ValueError(f"no JSON number: {value}")
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(number)]
    if not isinstance(value, Number):
        raise ValueError(f"no number: {value!r}")
    sign, digits, exponent = re.fullmatch(r"(-?)([\d.]+)(?:e([+-]\d+))?", repr(number)).groups()
    whole, _, fraction = digits.partition(".")
    fraction = "" if fraction == "0" else fraction
    power = int(exponent or 0) + len(whole) - 1
    figures = (whole + fraction).lstrip("0")
    if whole == "0":
        power = -(len(fraction) - len(fraction.lstrip("0"))) - 1 if figures else 0
    figures = figures.rstrip("0") or "0"
    if -5 < power < 15:
        if power < 0:
            return f"{sign}0.{'0' * (-power - 1)}{figures}"
        figures = figures.ljust(power + 1, "0")
        return sign + figures[:power + 1] + ("." + figures[power + 1:] if len(figures) > power + 1 else "")
    return f"{sign}{figures[0]}{'.' + figures[1:] if len(figures) > 1 else ''}e{'-' if power < 0 else '+'}{abs(power):02}"


def date_text(value):
    match = re.fullmatch(r"([+-]\d{6,7}|\d{4})-(\d\d)-(\d\d)", value)
    return value if match is None else year_text(match[1], f"-{match[2]}-{match[3]}")


def year_text(year, rest):
    number = int(year)
    return f"{number:04}{rest}" if number > 0 else f"{1 - number:04}{rest} BC"


def timestamp_text(value, zone=""):
    match = re.fullmatch(r"([+-]\d{6,7}|\d{4})(-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.(\d{6})", value)
    if match is None:
        if value not in ("infinity", "-infinity"):
            raise ValueError(f"no time: {value!r}")
        return value
    fraction = match[4].rstrip("0")
    return year_text(match[1], f"{match[2]} {match[3]}{'.' + fraction if fraction else ''}{zone}")


def timestamptz_text(value):
    if value in ("infinity", "-infinity"):
        return value
    if not value.endswith("Z"):
        raise ValueError(f"not in UTC: {value!r}")
    return timestamp_text(value[:-1], "+00")


def interval_text(value):
    """P1Y2M3DT4H5M6.7S as 1 year 2 mons 3 days 04:05:06.7."""
    match = re.fullmatch(r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d+))?S)?)?",
                         value)
    if match is None or value in ("P", ""):
        raise ValueError(f"no interval: {value!r}")
    words, before = [], False
    for number, word in zip(match.groups()[:3], ("year", "mon", "day")):
        count = int(number or 0)
        if count:
            words.append(f"{'+' if before and count > 0 else ''}{count} {word}{'' if count == 1 else 's'}")
            before = count < 0
    hours, minutes = int(match[4] or 0), int(match[5] or 0)
    seconds, fraction = int(match[7] or 0), (match[8] or "").rstrip("0")
    if hours or minutes or seconds or fraction or not words:
        is_minus = hours < 0 or minutes < 0 or match[6] == "-"
        sign = "-" if is_minus else "+" if before else ""
        words.append(f"{sign}{abs(hours):02}:{abs(minutes):02}:{seconds:02}{'.' + fraction if fraction else ''}")
    return " ".join(words)


JSON_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def json_text(value):
    """A JSON value as jsonb prints it, its members in the order in which they came."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json_text(k)}: {json_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(json_text, value)) + "]"
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(JSON_ESCAPES.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in value) + '"'
    return {True: "true", False: "false", None: "null"}[value]


# --- Comparing ----------------------------------------------------------------------------------

def same(ours, theirs, name, tolerance=1e-9):
    """Whether two texts of a type are the same value: doubles within a relative tolerance, and a null of JSON may be NULL."""
    if ours == theirs:
        return True
    if name == "jsonb":
        return ours is None and theirs == "null"
    if ours is None or theirs is None or name != "double precision":
        return False
    a, b = float(ours), float(theirs)
    if a == b:
        return a != 0  # the sign of zero counts; digits are those of the one text or the other
    if a != a or b != b or abs(a) == float("inf") or abs(b) == float("inf"):
        return False
    return abs(a - b) <= tolerance * max(abs(a), abs(b))
