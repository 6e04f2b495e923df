"""NUMERIC against PostgreSQL: text, arithmetic and its scales, rounding, casts, roots, variances."""
import random

OPERATIONS = {
    "in": "{0}::numeric",
    "add": "{0}::numeric + {1}::numeric",
    "sub": "{0}::numeric - {1}::numeric",
    "mul": "{0}::numeric * {1}::numeric",
    "div": "{0}::numeric / {1}::numeric",
    "mod": "{0}::numeric % {1}::numeric",
    "div_whole": "div({0}::numeric, {1}::numeric)",
    "compare": "case when {0}::numeric < {1}::numeric then -1 when {0}::numeric > {1}::numeric then 1 else 0 end",
    "power": "power({0}::numeric, {1}::numeric)",
    "neg": "-({0}::numeric)",
    "abs": "abs({0}::numeric)",
    "sign": "sign({0}::numeric)",
    "round": "round({0}::numeric, {1}::int)",
    "trunc": "trunc({0}::numeric, {1}::int)",
    "ceil": "ceil({0}::numeric)",
    "floor": "floor({0}::numeric)",
    "sqrt": "sqrt({0}::numeric)",
    "trim": "trim_scale({0}::numeric)",
    "declare_10_2": "{0}::numeric(10,2)",
    "declare_4_4": "{0}::numeric(4,4)",
    "declare_38_0": "{0}::numeric(38,0)",
    "to_int4": "{0}::numeric::int4",
    "to_int8": "{0}::numeric::int8",
    "to_double": "{0}::numeric::float8",
    "from_int8": "{0}::int8::numeric",
    "from_double": "{0}::float8::numeric",
    "avg_int8": "(select avg(x) from unnest({0}::int8[]) x)",
    "sum_int8": "(select sum(x) from unnest({0}::int8[]) x)",
    "var_pop": "(select var_pop(x) from unnest({0}::numeric[]) x)",
    "var_samp": "(select var_samp(x) from unnest({0}::numeric[]) x)",
    "stddev_pop": "(select stddev_pop(x) from unnest({0}::numeric[]) x)",
    "stddev_samp": "(select stddev_samp(x) from unnest({0}::numeric[]) x)",
}

TEXTS = [
    "0", "-0", "+0", "1", "-1", "007", "1.50", "-1.50", ".5", "-.5", "5.", "+5.", "0.000", "-0.000",
    "1e3", "1E3", "1.5e3", "1.5e1", "1.5e-3", "1e-3", "-12.34e-5", "0e10", "0e-5", "0.00e1", "00.10e1", "1e+5", "1e 5", "1e",
    "1e+", "1e-", "e5", ".", "-", "+", "", " ", "--1", "+-1", "1-", "1.2.3", "1..2", "1 2", " 12 ",
    "\t12\n", "12\v", "1,000", "1_000", "0x10", "abc", "1a", "12e5x", "- 1", "1.e2", ".e2", "1e5.5",
    "99999999999999999999999999999999999999", "-99999999999999999999999999999999999999",
    "0.00000000000000000000000000000000000001", "123456789012345678901234567890.12345678",
    "9" * 76, "0." + "9" * 76, "1e75", "1.0e75", "10e74", "1" + "0" * 60 + ".5", "100e-2", "1000e-5",
    "1e-76", "12345678901234567890123456789012345678901234567890123456789012345678901234.56",
    "  -3.14e0  ", "1e00000000000000000000005", "1e-2147483648", "1e99999999999999", "1e1073741823",
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
    "1e2x", "1 e2", "\u00a01", "\u0661",
]

PLAIN = [
    "0", "0.00", "1", "-1", "2", "3", "7", "10", "-10", "0.1", "0.01", "0.5", "-0.5", "1.5", "2.5", "-2.5",
    "0.333", "99.99", "100", "9999", "10000", "10001", "99999999", "100000000", "12345.6789",
    "-12345.6789", "0.0001", "0.00001", "0.00009999", "3.14159265358979", "1000000000000",
    "9223372036854775807", "-9223372036854775808", "2147483647", "2147483648", "4.00", "16", "1e20",
    "123456789012345678901234567890", "0.000000000000000001", "99999999999999999999999999999999999999",
]


def number(rng):
    digits = rng.choice([1, 2, 3, 4, 5, 8, 9, 12, 16, 19, 20, 25, 30, 38])
    text = "".join(rng.choice("0123456789") for _ in range(digits))
    if rng.random() < 0.2:
        text = rng.choice(["9", "1", "5"]) + rng.choice(["0", "9"]) * (digits - 1)
    point = rng.randint(0, digits)
    if rng.random() < 0.6 and point < digits:
        text = text[:point] + "." + text[point:]
    return rng.choice(["", "", "-"]) + text


def rows():
    rng = random.Random(15)
    for text in TEXTS:
        yield "in", text
    for a in PLAIN:
        for op in ("neg", "abs", "sign", "ceil", "floor", "sqrt", "trim", "to_int4", "to_int8", "to_double",
                   "declare_10_2", "declare_4_4", "declare_38_0"):
            yield op, a
        for n in ("-40", "-5", "-4", "-1", "0", "1", "2", "5", "20"):
            yield "round", a, n
            yield "trunc", a, n
        for b in rng.sample(PLAIN, 12) + ["0"]:
            for op in ("add", "sub", "mul", "div", "mod", "div_whole", "compare"):
                yield op, a, b
    for _ in range(120):
        a, b = number(rng), number(rng)
        for op in ("add", "sub", "mul", "div", "mod", "div_whole", "compare"):
            yield op, a, b
        yield "round", a, str(rng.randint(-10, 20))
        yield "trunc", a, str(rng.randint(-10, 20))
        for op in ("in", "ceil", "floor", "sqrt", "trim", "to_int8", "to_double", "declare_10_2"):
            yield op, a
    for a in ["0", "0.00", "1", "-1", "2", "-2", "10", "0.1", "0.5", "-0.5", "1.5", "2.5", "-2.5", "1.05", "0.99", "12345.6789", "1.000000001", "3",
              "0.333", "2.123456789012345678901", "99999.99999", "0.0001", "7", "-1.1"]:
        for b in ["0", "1", "-1", "2", "-2", "3", "-3", "5", "7", "10", "-10", "12", "0.0", "2.00", "-4.000"]:
            if len(a) < 9 or abs(float(b)) < 8:
                yield "power", a, b
    for a, b in [("1.05", "360"), ("1.000000001", "1000000000"), ("1.000000001", "-1000000000"), ("0.5", "100"), ("2", "180"), ("2", "-180"), ("0.1", "1100"),
                 ("1", "2147483647"), ("-1", "2147483647"), ("1", "-2147483647"), ("0.999999", "1000000"), ("0.5", "2147483647"), ("2", "-2147483647"),
                 ("1.0001", "1000000"), ("0", "-1"), ("0.0", "-0.5"), ("-2", "0.5"), ("9.99", "55"), ("1.5", "200"), ("0.00001", "10"), ("123", "-20")]:
        yield "power", a, b
    for _ in range(150):
        yield "power", f"{rng.randint(-10**6, 10**6)}e-{rng.randint(2, 6)}", str(rng.randint(-12, 12))
    for a in ["0.5", "1.5", "2.5", "-0.5", "-1.5", "2147483647.4", "2147483647.5", "-2147483648.4", "-2147483648.5",
              "9223372036854775807.49", "9223372036854775807.5", "-9223372036854775808.4",
              "-9223372036854775808.5", "1e30", "0.4999999999999999999", "99999999.994", "99999999.995",
              "-99999999.995", "0.99994", "0.99995", "0.99999", "9" * 38 + ".4", "9" * 38 + ".5"]:
        for op in ("to_int4", "to_int8", "declare_10_2", "declare_4_4", "declare_38_0", "ceil", "floor"):
            yield op, a
        for n in ("-1", "0", "1", "3"):
            yield "round", a, n
    for a in ["0", "-0", "1", "0.1", "1e15", "123456789012345678", "1.23456789012345678", "1e-5", "1.5e-10", "-2.5",
              "3.141592653589793", "1e22", "4.35", "0.3", "100", "1e70", "1e-60", "123456.789"]:
        yield "from_double", a
    for a in ["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "42"]:
        yield "from_int8", a
    for _ in range(40):
        values = [rng.choice([rng.randint(-5, 5), rng.randint(-10**6, 10**6), rng.randint(-2**63, 2**63 - 1)])
                  for _ in range(rng.choice([1, 2, 3, 7]))]
        text = "{" + ",".join(map(str, values)) + "}"
        yield "avg_int8", text
        yield "sum_int8", text
        small = "{" + ",".join(number(rng)[:9].rstrip(".") for _ in range(rng.choice([2, 3, 5]))) + "}"
        small = small.replace("{,", "{0,").replace("-,", "1,").replace("-}", "1}").replace(",,", ",0,")
        for op in ("var_pop", "var_samp", "stddev_pop", "stddev_samp"):
            yield op, small
            yield op, "{" + ",".join(str(rng.randint(-1000, 1000)) for _ in range(4)) + "}"
    for op in ("var_pop", "var_samp", "stddev_pop", "stddev_samp"):
        yield op, "{1,1}"
        yield op, "{1,2}"
        yield op, "{10.50,10.50,10.50}"
        yield op, "{9223372036854775807,-9223372036854775808,0}"


WIDE = "!22003 value overflows numeric format"
FRACTION = "!0A000 only whole powers of numeric are served: use double precision for others"
SPECIAL = "!0A000 NaN and infinity are not served as numeric: use double precision"
OURS = {
    ("in", "NaN"): SPECIAL,
    ("in", " nan "): SPECIAL,
    ("in", "Infinity"): SPECIAL,
    ("in", "-infinity"): SPECIAL,
    ("in", "+inf"): SPECIAL,
    ("from_double", "NaN"): SPECIAL,
    ("from_double", "Infinity"): SPECIAL,
    ("from_double", "-Infinity"): SPECIAL,
    ("in", "1" + "0" * 76): WIDE,
    ("in", "1e76"): WIDE,
    ("in", "1e-77"): WIDE,
    ("in", "0." + "0" * 77): WIDE,
    ("from_double", "1e76"): WIDE,
    ("mul", "1e38", "1e38"): WIDE,
    ("mul", "1e-40", "1e-40"): WIDE,
    ("div", "1e-40", "1e40"): WIDE,
    ("div", "1", "1e70"): WIDE,
    ("power", "10.0", "75"): WIDE,
    ("power", "0.1", "-75"): WIDE,
    ("power", "2", "300"): WIDE,
    ("power", "10", "2147483647"): WIDE,
    ("power", "0.1", "-2147483647"): WIDE,
    ("power", "2", "0.5"): FRACTION,
    ("power", "1.5", "1.5"): FRACTION,
    ("power", "1.0000000001", "2147483648"): FRACTION,
    ("round", "1", "77"): WIDE,
    ("add", "9e75", "1e75"): WIDE,
    ("round", "9" * 76, "-1"): WIDE,
}
