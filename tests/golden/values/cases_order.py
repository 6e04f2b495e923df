"""Order of each type: the dense rank PostgreSQL's ORDER BY gives to the values of a list, equal ones having one rank."""
import random

SQL = {"boolean": "boolean", "integer": "int4", "bigint": "int8", "double": "float8", "numeric": "numeric", "text": "text",
       "date": "date", "timestamp": "timestamp", "timestamptz": "timestamptz", "interval": "interval", "jsonb": "jsonb"}


def numbers(rng, count):
    for _ in range(count):
        digits = "".join(rng.choice("0123456789") for _ in range(rng.choice((1, 2, 5, 17, 18, 19, 20, 21, 37, 38, 39, 57, 58, 76)))).lstrip("0") or "0"
        zeros = "0" * rng.randrange(4) if len(digits) < 60 else ""
        point = rng.randrange(len(digits) + 1)
        text = (digits[:point] or "0") + ("." + digits[point:] + zeros if point < len(digits) else "")
        yield rng.choice(("", "-")) + text


def texts(rng, count):
    for _ in range(count):
        yield "".join(rng.choice(["a", "b", "ab", "\u0001", "\u00e9", "\u20ac", "\U0001f600", " ", "z", "\u007f"]) for _ in range(rng.randrange(6)))


def json(rng, depth):
    kind = rng.randrange(9 if depth > 0 else 6)
    if kind < 6:
        return rng.choice(["null", "true", "false", "0", "-1", "1", "1.0", "1.50", "10", "9", "0.5", "0.05", "-0.5", "-10", "123456789012345678901234567890",
                           "\"\"", "\"a\"", "\"ab\"", "\"b\"", "\"\\u0001\"", "\"\u00e9\"", "[]", "{}"])
    if kind < 8:
        return "[" + ", ".join(json(rng, depth - 1) for _ in range(rng.randrange(4))) + "]"
    return "{" + ", ".join(f"\"{rng.choice(['a', 'b', 'ab', 'B', 'aa', ''])}\": {json(rng, depth - 1)}" for _ in range(rng.randrange(4))) + "}"


def lists():
    rng = random.Random(7)
    yield "boolean", ["true", "false"]
    for kind, bits in (("integer", 31), ("bigint", 63)):
        yield kind, [str(v) for v in (0, 1, -1, 255, 256, -256, 2**bits - 1, -2**bits)] + \
            [str(rng.randint(-2**bits, 2**bits - 1) >> rng.randrange(bits)) for _ in range(40)]
    yield "double", ["0", "-0", "1", "-1", "NaN", "Infinity", "-Infinity", "5e-324", "-5e-324", "1.7976931348623157e308", "-1.7976931348623157e308"] + \
        [repr(rng.uniform(-1, 1) * 10.0 ** rng.randrange(-300, 300)) for _ in range(60)]
    yield "numeric", ["0", "0.000", "1", "1.0", "1.00000000000000000000000", "1.5", "1.50", "-1.5", "-1.50", "10", "10.0", "100", "0.1", "0.10", "0.01", "9", "9.9", "99", "-9", "-99",
                      "9999999999999999999", "10000000000000000000", "10000000000000000000.000", "1" + "0" * 75, "9" * 76, "0." + "0" * 75 + "1",
                      "-" + "9" * 76] + list(numbers(rng, 200))
    yield "text", ["", "a", "aa", "ab", "b", "A", "\u00e9", "e", "\u0001", "\u0001\u0001", "a\u0001", "a\u0002"] + list(texts(rng, 120))
    yield "date", ["2000-01-01", "1999-12-31", "2000-01-02", "4714-11-24 BC", "0001-01-01", "0001-01-01 BC", "5874897-12-31", "infinity", "-infinity"]
    for kind, zone in (("timestamp", ""), ("timestamptz", "+00")):
        yield kind, [f"2000-01-01 00:00:00{zone}", f"1999-12-31 23:59:59.999999{zone}", f"2000-01-01 00:00:00.000001{zone}",
                     f"4714-11-24 00:00:00{zone} BC", f"294276-12-31 23:59:59.999999{zone}", "infinity", "-infinity"]
    yield "interval", ["0", "1 mon", "30 days", "29 days 24:00:00", "720:00:00", "1 year", "360 days", "1 mon -30 days", "-1 mon", "-30 days", "-00:00:00.000001",
                       "00:00:00.000001", "1 day", "24:00:00", "178000000 years", "-178000000 years", "2147483647 days"]
    yield "jsonb", ["[]", "[[]]", "{}", "null", "[null]", "true", "false", "0", "\"\"", "[1]", "[2]", "[1, 2]", "{\"a\": 1}", "{\"b\": 1}", "{\"a\": 2}",
                    "1.0", "1.00", "-1", "-1.0", "-2", "1e3", "1000", "10", "10.0", "-100", "-100.00"] + [json(rng, 3) for _ in range(250)]


LISTS = {kind: list(dict.fromkeys(values)) for kind, values in lists()}
OPERATIONS = {f"rank({kind})": f"(select r from rank_{kind} where t = {{0}})" for kind in LISTS}


def quote(text):
    return "'" + text.replace("'", "''") + "'"


SETUP = "".join(f"create table rank_{kind} as select t, dense_rank() over (order by t::{SQL[kind]}) r from (values " +
                ", ".join(f"({quote(v)})" for v in values) + ") v(t);\n" for kind, values in LISTS.items())


def rows():
    for kind, values in LISTS.items():
        for v in values:
            yield f"rank({kind})", v


OURS = {}
