"""Functions as rows of a table: each is named with the kinds of its arguments, as plans name it. An argument <null> is NULL."""
import itertools
import random

SQL = {"boolean": "bool", "integer": "int4", "bigint": "int8", "double": "float8", "numeric": "numeric", "text": "text", "date": "date",
       "timestamp": "timestamp", "timestamptz": "timestamptz", "interval": "interval", "jsonb": "jsonb"}
NULL = "<null>"

# What grammar stands before in PostgreSQL is called by its quoted name; operators stand between.
QUOTED = {"extract", "position", "overlay", "substring", "timezone"}
OPERATORS = {"->", "->>", "@>", "<@", "?", "^@", "||"}

TEXTS = ["", "a", "abc", "Hello, World!", "ÄÖÜß äöü", "日本語", "a😀b", "  padded  ", "x,y,,z", "ABCDEFGHIJKLMNOPQRSTUVWXYZ[", "`abcdefghijklmnopqrstuvwxyz{",
         "@AZ[`az{0189", "ÀÉÎõü ŉ ǰ ı ſ K", "aaaaaaaaaaaaaaaaaaaaaaaé", "MiXeD CaSe 1234567"]
PARTS = ["", "a", "o", ",", " ", "ab", "本", "xyz"]
COUNTS = ["-2147483648", "-2", "-1", "0", "1", "2", "3", "7", "2147483647"]
INT4 = ["0", "1", "-1", "7", "-12", "100", "2147483647", "-2147483648"]
INT8 = ["0", "1", "-1", "18", "-12", "9007199254740993", "9223372036854775807", "-9223372036854775808"]
DOUBLES = ["0", "-0", "1", "-1", "0.5", "2.5", "-2.5", "3.7", "-3.7", "1e308", "-1e-308", "8", "100", "0.1", "Infinity", "-Infinity", "NaN", "1000", "0.999"]
NUMERICS = ["0", "0.00", "1", "-1", "2.5", "-2.5", "1.50", "123.456", "-123.456", "99999999999999999999.99", "0.0001", "100", "9", "-8", "1e10", "12.3400"]
DIGITS = ["-3", "-1", "0", "1", "2", "5"]
DATES = ["2020-02-29", "1999-12-31", "0044-03-15 BC", "infinity", "-infinity", "2000-01-01", "1970-01-01", "4714-11-24 BC", "5874897-12-31"]
STAMPS = ["2020-02-29 13:14:15.678901", "1999-12-31 23:59:59.999999", "2000-01-01 00:00:00", "1970-01-01 00:00:00", "0044-03-15 12:00:00.5 BC",
          "infinity", "-infinity", "2021-03-14 01:02:03.4", "1969-12-31 23:59:59.3", "294276-12-31 23:59:59.999999", "4714-11-24 00:00:00 BC",
          "2024-01-01 00:00:00", "2019-12-30 07:08:09", "2000-01-02 23:59:59.9", "1998-12-27 11:12:13.141593", "2001-02-03 04:05:06.789", "2011-11-11 11:11:11.1"]
INTERVALS = ["0", "1 day", "-1 day", "1 year 2 mons 3 days 04:05:06.789", "-1 year -2 mons +3 days -04:05:06.7", "35 days 27:00:00", "100 years", "00:00:59.999999",
             "1 mon -1 day", "10 days -25:00:00", "-3 mons 200 days -1000:00:00.5", "2 hours 30 minutes", "1011 years 7 mons"]
UNITS = ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium", "dow", "isodow",
         "doy", "epoch", "isoyear", "julian", "timezone", "timezone_hour", "timezone_minute", "HOUR", "Days", "fortnight", ""]
TRUNCS = ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium", "Hour", "dow", "eon"]
ZONES = ["UTC", "+02:00", "-05", "UTC+3", "EST", "nowhere", "+05:30", "Z"]
JSONS = ['{"a": 1, "b": {"c": [1, 2.50, "three", null, {"d": true}]}, "": "empty", "n": null, "s": "text \\"q\\" \\u00e9", "t": true, "f": false}', "[1, 2, 3]",
         '[[1], {"a": "b"}, "x", null]', "null", '"str"', "12.50", "true", "{}", "[]", '{"a": {"a": {"a": "deep"}}}', '{"aa": 1, "b": 2, "a": 3, "ab": 4, "ba": 5}']
KEYS = ["a", "b", "", "n", "s", "t", "f", "aa", "ba", "0", "zz"]


def spell(name, kinds):
    args = [f"nullif({{{i}}}, '{NULL}')::{SQL[k]}" for i, k in enumerate(kinds)]
    if name in OPERATORS:
        return f"{args[0]} {name} {args[1]}"
    if name == "jsonb_text":  # ours: what a scan's path gives, as text
        return f"{args[0]} #>> array[]::text[]"
    name = f'pg_catalog."{name}"' if name in QUOTED else name
    return f"{name}({', '.join(args)})"


def table():
    """(name, kinds, lists of operands): every combination is asked when there are few, else some."""
    for name in ("ascii", "bit_length", "btrim", "char_length", "character_length", "initcap", "length", "lower", "ltrim", "octet_length", "reverse", "rtrim", "upper"):
        yield name, ("text",), TEXTS
    for name in ("btrim", "ltrim", "rtrim", "position", "starts_with", "strpos", "^@"):
        yield name, ("text", "text"), TEXTS, PARTS
    for name in ("left", "right", "lpad", "rpad", "substr", "substring"):
        counts = [c for c in COUNTS if len(c) < 3] + ([] if name.endswith("pad") else ["2147483647"])
        yield name, ("text", "integer"), TEXTS, counts
    yield "lpad", ("text", "integer", "text"), TEXTS, ["-1", "0", "2", "9", "2147483647"], PARTS
    yield "rpad", ("text", "integer", "text"), TEXTS, ["-1", "0", "2", "9", "2147483647"], PARTS
    yield "repeat", ("text", "integer"), TEXTS, ["-1", "0", "1", "3", "2147483647"]
    yield "replace", ("text", "text", "text"), TEXTS, PARTS, PARTS
    yield "translate", ("text", "text", "text"), TEXTS, ["", "abc", "aäo", "日x"], ["", "X", "12", "é日本"]
    yield "split_part", ("text", "text", "integer"), TEXTS, PARTS, ["-2", "-1", "0", "1", "2", "3"]
    yield "substr", ("text", "integer", "integer"), TEXTS, COUNTS, ["-1", "0", "1", "3", "2147483647"]
    yield "substring", ("text", "integer", "integer"), TEXTS, COUNTS, ["-1", "0", "1", "3", "2147483647"]
    yield "overlay", ("text", "text", "integer"), TEXTS, PARTS, ["-1", "0", "1", "3", "9", "2147483647"]
    yield "overlay", ("text", "text", "integer", "integer"), TEXTS, PARTS, ["0", "1", "2", "2147483647"], ["-1", "0", "1", "9", "2147483647"]
    yield "chr", ("integer",), ["1", "65", "228", "55296", "128512", "1114111", "1114112", "0", "-1", "2147483647"]
    yield "to_hex", ("integer",), INT4
    yield "to_hex", ("bigint",), INT8
    yield "concat", ("text",), TEXTS[:4] + [NULL]
    yield "concat", ("text", "text", "text"), ["", "ab", NULL], ["x", NULL], ["", "é", NULL]
    yield "concat_ws", ("text", "text"), [", ", "", NULL], ["a", "", NULL]
    yield "concat_ws", ("text", "text", "text", "text"), [", ", "", NULL], ["a", NULL], ["", "b", NULL], ["c", NULL]

    yield "abs", ("integer",), INT4
    yield "abs", ("bigint",), INT8
    for name in ("abs", "ceil", "ceiling", "cbrt", "degrees", "radians", "exp", "floor", "ln", "log", "log10", "round", "sign", "sqrt", "trunc", "sin", "cos", "tan", "cot",
                 "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"):
        yield name, ("double",), DOUBLES
    for name in ("atan2", "pow", "power"):
        yield name, ("double", "double"), DOUBLES, DOUBLES
    for name in ("abs", "ceil", "ceiling", "floor", "round", "sign", "sqrt", "trunc", "scale", "min_scale", "trim_scale"):
        yield name, ("numeric",), NUMERICS
    for name in ("round", "trunc"):
        yield name, ("numeric", "integer"), NUMERICS, DIGITS
    for name in ("div", "mod", "gcd", "lcm"):
        yield name, ("numeric", "numeric"), NUMERICS, NUMERICS
    for name in ("pow", "power"):
        yield name, ("numeric", "numeric"), NUMERICS, ["0", "1", "2", "-1", "3", "-2", "0.00"]
    for name in ("mod", "gcd", "lcm"):
        yield name, ("integer", "integer"), INT4 + ["36", "-48"], INT4 + ["36", "-48"]
        yield name, ("bigint", "bigint"), INT8 + ["36", "-48"], INT8 + ["36", "-48"]
    yield "pi", ()

    finite = [at for at in STAMPS if "infinity" not in at]
    yield "age", ("timestamp", "timestamp"), finite, finite
    yield "age", ("timestamptz", "timestamptz"), finite, finite
    for kind in ("timestamp", "timestamptz"):
        yield "date_bin", ("interval", kind, kind), ["15 minutes", "1 day", "00:00:00.7", "-1 day", "1 mon", "0"], STAMPS, ["2000-01-01", "2020-02-29 00:07:00", "infinity"]
        yield "date_trunc", ("text", kind), TRUNCS, STAMPS
        yield "date_part", ("text", kind), UNITS, STAMPS
        yield "extract", ("text", kind), UNITS, STAMPS
        yield "isfinite", (kind,), STAMPS
        yield "timezone", ("text", kind), ZONES, STAMPS
    yield "date_trunc", ("text", "timestamptz", "text"), TRUNCS, STAMPS, ZONES
    yield "date_trunc", ("text", "interval"), TRUNCS, INTERVALS
    for name in ("date_part", "extract"):
        yield name, ("text", "interval"), UNITS, INTERVALS
        yield name, ("text", "date"), UNITS, DATES
    yield "isfinite", ("date",), DATES
    yield "isfinite", ("interval",), INTERVALS
    for name in ("justify_days", "justify_hours", "justify_interval"):
        yield name, ("interval",), INTERVALS
    yield "make_date", ("integer",) * 3, ["2020", "2021", "-44", "0", "5874898", "-4714"], ["0", "1", "2", "11", "13"], ["0", "1", "24", "29", "31"]
    for kind in ("make_timestamp", "make_timestamptz"):
        yield kind, ("integer",) * 5 + ("double",), ["2020", "-44", "0", "294277"], ["2", "13"], ["29", "30"], ["0", "23", "24", "25"], ["0", "59", "60"], \
            ["0", "59.9999996", "60", "61", "-1", "1.5"]
    for count in range(7):
        yield "make_interval", ("integer",) * count, *[["0", "-1", "5", "1234567"]] * count
    yield "make_interval", ("integer",) * 6 + ("double",), *[["0", "-1", "5"]] * 6, ["0", "1.5", "-0.0000006", "1e10"]
    yield "to_timestamp", ("double",), DOUBLES + ["1577934245.678", "-1e10", "9224318016000", "1e15"]

    yield "->", ("jsonb", "text"), JSONS, KEYS
    yield "->>", ("jsonb", "text"), JSONS, KEYS
    yield "->", ("jsonb", "integer"), JSONS, COUNTS
    yield "->>", ("jsonb", "integer"), JSONS, COUNTS
    yield "?", ("jsonb", "text"), JSONS, KEYS + ["str", "x"]
    yield "@>", ("jsonb", "jsonb"), JSONS, JSONS + ["1", '{"a": 1}', "[2]"]
    yield "<@", ("jsonb", "jsonb"), JSONS, JSONS
    yield "jsonb_array_length", ("jsonb",), JSONS
    yield "jsonb_typeof", ("jsonb",), JSONS
    yield "||", ("jsonb", "jsonb"), JSONS + ['{"a": null, "zz": [1]}', '[null]'], JSONS + ['{"a": null, "zz": [1]}', '[null]']
    yield "jsonb_text", ("jsonb",), JSONS + ["-0", "1e2", "[1,{}]"]
    yield "jsonb_pretty", ("jsonb",), JSONS + ['{"a": {}, "b": [], "c": [[], {"d": {}}]}', '[{}]']
    yield "jsonb_strip_nulls", ("jsonb",), JSONS + ['{"a": null, "b": {"c": null, "d": [null, {"e": null}]}}', '[null, {"a": null}]']
    yield "md5", ("text",), TEXTS + ["x" * n for n in (54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000)]
    for name in ("jsonb_extract_path", "jsonb_extract_path_text"):
        yield name, ("jsonb", "text"), JSONS, KEYS
        yield name, ("jsonb", "text", "text"), JSONS, KEYS, ["a", "c", "0", "-1", "1"]
        yield name, ("jsonb", "text", "text", "text"), JSONS, ["a", "b"], ["a", "c"], ["a", "0", "1", "2", "3", "4", "-1", "x"]
    yield "jsonb_build_array", ()
    yield "jsonb_build_array", ("jsonb", "jsonb", "jsonb"), JSONS[:4], ["1", NULL], JSONS[4:]
    yield "jsonb_build_object", ()
    for kind, values in (("boolean", ["true", "false"]), ("integer", INT4), ("bigint", INT8), ("double", DOUBLES), ("numeric", NUMERICS), ("text", TEXTS + ['"\\\n\x01']),
                         ("date", DATES), ("timestamp", STAMPS), ("timestamptz", STAMPS), ("interval", INTERVALS), ("jsonb", JSONS)):
        yield "to_jsonb", (kind,), values


ENTRIES = list(table())
OPERATIONS = {f"{name}({','.join(kinds)})": spell(name, kinds) for name, kinds, *_ in ENTRIES}

# A value put together of others, each of its own type: ours take JSONB, and the binder makes it of them.
OPERATIONS["jsonb_build_object(jsonb,jsonb,jsonb,jsonb)"] = \
    f"jsonb_build_object(({{0}}::jsonb) #>> '{{{{}}}}', nullif({{1}}, '{NULL}')::jsonb, ({{2}}::jsonb) #>> '{{{{}}}}', nullif({{3}}, '{NULL}')::jsonb)"


def rows():
    rng = random.Random(15)
    for name, kinds, *operands in ENTRIES:
        signature = f"{name}({','.join(kinds)})"
        every = list(itertools.product(*operands))
        for args in every if len(every) <= 300 else rng.sample(every, 200):
            if signature == "repeat(text,integer)" and args[1] == "2147483647" and len(args[0].encode()) < 2:
                continue  # a text of 2 GiB, or of nothing
            yield signature, *args
        if operands and NULL not in operands[0]:
            args = [o[0] for o in operands]
            yield signature, *args[:-1], NULL
    for key in ('"a"', '"key \\" two"', "1.50", "true", "null", '""'):
        yield "jsonb_build_object(jsonb,jsonb,jsonb,jsonb)", '"z"', "[1, {}]", key, rng.choice(JSONS)
        yield "jsonb_build_object(jsonb,jsonb,jsonb,jsonb)", key, NULL, '"a"', rng.choice(JSONS)


# The age of an infinity is refused. So are fields of one by extract; date_part answers in doubles, which have it.
OURS = {("age(timestamp,timestamp)", "infinity", "2020-01-01"): "!22008 timestamp out of range",
        ("make_interval(integer)", "178956971"): "!22008 interval out of range"}
for kind in ("timestamp", "timestamptz"):  # where the microseconds since 1970 pass 64 bits PostgreSQL rounds
    OURS[(f"extract(text,{kind})", "epoch", "294276-12-31 23:59:59.999999")] = "=9224318015999.999999"
for kind, name in (("timestamp", "timestamp without time zone"), ("timestamptz", "timestamp with time zone"), ("date", "date")):
    for unit, at in itertools.product(UNITS[:UNITS.index("fortnight")], ("infinity", "-infinity")):
        if kind == "timestamp" and unit.startswith("timezone"):
            OURS[(f"extract(text,{kind})", unit, at)] = f'!0A000 unit "{unit}" not supported for type {name}'
        elif kind != "date" or unit not in ("microseconds", "milliseconds", "second", "minute", "hour", "HOUR", "timezone", "timezone_hour", "timezone_minute"):
            OURS[(f"extract(text,{kind})", unit, at)] = f"!0A000 the fields of infinity are not served for type {name}"
