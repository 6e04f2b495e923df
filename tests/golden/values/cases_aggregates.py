"""Aggregates over lists of values, which stand in a row with | between; <null> is NULL. first and last are this house's: what they mean
is said in SQL."""
import random

SQL = {"boolean": "bool", "integer": "int4", "bigint": "int8", "double": "float8", "numeric": "numeric", "text": "text", "date": "date",
       "timestamp": "timestamp", "timestamptz": "timestamptz", "interval": "interval", "jsonb": "jsonb"}
NULL = "<null>"
VARIANCES = ["var_pop", "var_samp", "variance", "stddev_pop", "stddev_samp", "stddev"]
TIMES = ["timestamptz", "timestamp", "date", "bigint", "integer"]

# Single values, of which lists are drawn; and lists.
VALUES = {
    "boolean": ["true", "false"],
    "integer": ["0", "1", "-1", "7", "-12", "100", "2147483647", "-2147483648", "33"],
    "bigint": ["0", "1", "-1", "18", "9007199254740993", "9223372036854775807", "-9223372036854775808", "4", "-77"],
    "double": ["0", "-0", "1", "-1", "0.5", "2.5", "-7.25", "1000000", "3", "1e150", "0.125"],
    "numeric": ["0", "1", "-1.5", "2.50", "123.456", "-0.001", "99999999999999999999", "18446744073709551616", "0.00", "1e15", "7.0000", "18446744073709551615"],
    "text": ["a", "b", "ab", "é", "日本", "Zz", "a long text that needs more room than others have", " ", "B"],
    "date": ["2020-02-29", "1999-12-31", "infinity", "-infinity", "2000-01-01", "0044-03-15 BC"],
    "timestamp": ["2020-02-29 13:14:15.678", "infinity", "2000-01-01 00:00:00", "-infinity", "1970-01-01 00:00:00"],
    "timestamptz": ["2020-02-29 13:14:15.678+00", "infinity", "2000-01-01 00:00:00+00", "-infinity"],
    "interval": ["1 day", "24:00:00", "-1 mon", "30 days", "1 year 2 mons -3 days 04:05:06.7", "00:00:00.000001", "-10:00:00", "1 mon"],
    "jsonb": ['{"a": 1}', "[1, 2]", "null", '"text"', "12.5", "true"],
}
LISTS = {
    "integer": ["2147483647|" * 5 + "2147483647", "|".join(str(i) for i in range(1, 101))],
    "bigint": ["9223372036854775807|" * 9 + "9223372036854775807", "-9223372036854775808|-9223372036854775808", "1|2|4"],
    "double": ["Infinity", "NaN", "Infinity|-Infinity", "Infinity|1", "-Infinity|5|NaN", "1|Infinity", "1e308|1e308", "-1e308|-1e308|1e308", "1e308|-1e308|1e308",
               "5e-324|5e-324", "1e200|-1e200", "-0|-0", "0.1|0.2|0.3", "|".join(str(i / 4) for i in range(64)), "1e155|1e155|1e155", "1e8|1.5|1e8", "NaN|NaN|1"],
    "numeric": ["1.5|1.50|1.500", "1|3", "2|3|5", "|".join(f"{i}.{i:02}" for i in range(50)), "1e18|1e-14|1", "0.1|0.02|0.003", "12345678901234567890.12345|-1"],
    "interval": ["178956970 years|178956970 years", "2147483647 days|1 day", "1 day|25:00:00|-1 mon", "1 mon|2 mon|4 mon", "10 days|1 day|1 day",
                 "2562047788 hours|2562047788 hours"],
}
COUNTED = {"sum": ["integer", "bigint", "double", "numeric", "interval"], "avg": ["integer", "bigint", "double", "numeric", "interval"],
           "min": [k for k in VALUES if k not in ("boolean", "jsonb")], "max": [k for k in VALUES if k not in ("boolean", "jsonb")],
           "count": list(VALUES), "bool_and": ["boolean"], "bool_or": ["boolean"], "every": ["boolean"]}
COUNTED.update({name: ["integer", "bigint", "double", "numeric"] for name in VARIANCES})


def of(i, kind):
    return f"nullif({i}, '{NULL}')::{SQL[kind]}"


OPERATIONS = {f"{name}({kind})": f"(select {name}({of('x', kind)}) from unnest(string_to_array({{0}}, '|')) x)" for name, kinds in COUNTED.items() for kind in kinds}
OPERATIONS["count()"] = "(select count(*) from unnest(string_to_array({0}, '|')) x)"
for name, order in (("first", ""), ("last", "desc")):
    for kind in VALUES:
        for time in TIMES:
            OPERATIONS[f"{name}({kind},{time})"] = \
                f"(select {of('v', kind)} from unnest(string_to_array({{0}}, '|'), string_to_array({{1}}, '|')) with ordinality q (v, t, n)" \
                f" where {of('t', time)} is not null order by {of('t', time)} {order}, n {order} limit 1)"


def draw(rng, kind, count):
    return "|".join(NULL if rng.random() < 0.2 else rng.choice(VALUES[kind]) for _ in range(count))


def rows():
    rng = random.Random(22)
    for name, kinds in COUNTED.items():
        for kind in kinds:
            lists = ["", NULL, f"{NULL}|{NULL}"] + VALUES[kind][:4] + LISTS.get(kind, []) + [f"{NULL}|{VALUES[kind][1]}|{NULL}"]
            lists += [draw(rng, kind, rng.randint(2, 9)) for _ in range(12)]
            for values in lists:
                yield f"{name}({kind})", values
    for values in ("", NULL, f"1|{NULL}|x", "a|b|c|d"):
        yield "count()", values
    for name in ("first", "last"):
        for kind in VALUES:
            for time in TIMES:
                yield f"{name}({kind},{time})", "", ""
                yield f"{name}({kind},{time})", VALUES[kind][0], NULL
                for _ in range(3):
                    count = rng.randint(1, 7)
                    yield f"{name}({kind},{time})", draw(rng, kind, count), draw(rng, time, count)


# PostgreSQL's avg of doubles keeps squares as well, and fails where they overflow. Variances of NUMERIC have 76 digits for all they need.
OURS = {
    ("var_pop(numeric)", "1e30|1e-30|1"): "!22003 value overflows numeric format",
    ("avg(double)", "1e200|-1e200"): "=0",
    ("avg(double)", "1e308|-1e308|1e308"): "=3.333333333333333e+307",
    ("sum(double)", "1e308|1e308|Infinity"): "=Infinity",
}
