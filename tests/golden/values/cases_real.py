"""DOUBLE PRECISION against PostgreSQL: text, arithmetic, functions, casts."""
import random
import struct

OPERATIONS = {
    "in": "{0}::float8",
    "compare": "case when {0}::float8 < {1}::float8 then -1 when {0}::float8 > {1}::float8 then 1 else 0 end",
    "to_int4": "{0}::float8::int4",
    "to_int8": "{0}::float8::int8",
    "power": "power({0}::float8, {1}::float8)",
    "atan2": "atan2({0}::float8, {1}::float8)",
}
for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("div", "/")):
    OPERATIONS[name] = f"{{0}}::float8 {sign} {{1}}::float8"
FUNCTIONS = ["round", "trunc", "ceil", "floor", "abs", "sign", "sqrt", "cbrt", "exp", "ln", "log", "sin", "cos", "tan", "cot", "asin", "acos", "atan",
             "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "degrees", "radians"]
for name in FUNCTIONS:
    OPERATIONS[name] = name + "({0}::float8)"

TEXTS = ["0", "-0", "0.0", "1", "-1", "1.5", ".5", "5.", "-.5e3", "+1.5", "1e5", "1E5", "1e+5", "1e-5", " 7 ", "\t7\n", "NaN", "nan", "-nan", " NaN ", "Infinity",
         "-Infinity", "+Infinity", "inf", "-inf", "+inf", "infinit", "INFINITY", "", " ", ".", "-", "+", "e5", "1e", "1e+", "1e5x", "1 2", "--1", "1..2", "abc", "1,5",
         "1_0", "1e308", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1.8e308", "1e309", "-1e309", "4.9e-324", "5e-324",
         "2.4703282292062327e-324", "2.4703282292062328e-324", "2e-324", "1e-400", "-1e-400", "0e-400", "0e400", "1e99999999999999999999",
         "1e-99999999999999999999", "2.2250738585072014e-308", "2.2250738585072011e-308", "9007199254740993", "9007199254740992", "123456789012345678",
         "0.1", "0.2", "0.30000000000000004", "1e15", "1e14", "999999999999999", "9999999999999998", "1234567890123456", "100000", "0.0001", "0.00001", "0.00012345",
         "1e21", "1e22", "1e23", "5e-5", "1e16", "123456.789", "1e-7", "3.141592653589793", "2.718281828459045", "1.0000000000000002", "0.9999999999999999",
         "5.684341886080801e-14", "5.684341886080802e-14", "9.5367431640625e-07", "8.98846567431158e+307", "4.4501477170144023e-308", "1" + "0" * 200, "0." + "0" * 200 + "1",
         "1" * 310, "0." + "1" * 150, "179769313486231570000" + "0" * 288, "1.00000000000000011102230246251565404236316680908203125",
         "1.00000000000000011102230246251565404236316680908203124", "1.00000000000000011102230246251565404236316680908203126", "6.02214076e23", "6.62607015e-34",
         "2305843009213693952", "4611686018427387904", "1.152921504606847e18", "7.0064923216240854e-46", "1e-323", "1.5e-323", "3e-310", "123e-320"]

VALUES = ["0", "-0", "1", "-1", "0.5", "-0.5", "1.5", "2.5", "-2.5", "2", "3", "10", "0.1", "1e308", "-1e308", "1e-308", "5e-324", "1e200", "1e-200", "Infinity",
          "-Infinity", "NaN", "100", "1e15", "0.49999999999999994", "4503599627370497.5", "710", "-746", "1.0000000001", "3.14159265358979", "-3", "8", "27"]


def any_double(rng):
    if rng.random() < 0.5:
        value = struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0]
        return repr(value) if value == value and abs(value) != float("inf") else "1"
    return rng.choice([repr(rng.uniform(-1000, 1000)), f"{rng.randint(-10**6, 10**6) / 100}", f"{rng.randint(1, 10**17)}e{rng.randint(-30, 30)}",
                       repr(2.0 ** rng.randint(-1074, 1023)), f"{rng.randint(1, 999)}e{rng.randint(-330, 308)}"])


def rows():
    rng = random.Random(754)
    for text in TEXTS:
        yield "in", text
        yield "in", "-" + text
    for a in VALUES:
        for name in FUNCTIONS:
            yield name, a
        yield "to_int4", a
        yield "to_int8", a
        for b in VALUES:
            yield rng.choice(["add", "sub"]), a, b
            yield rng.choice(["mul", "div"]), a, b
            yield "power", a, b
            if rng.random() < 0.2:
                yield "compare", a, b
                yield "atan2", a, b
    for a in ["2147483647", "2147483647.4", "2147483647.5", "2147483646.5", "2147483648", "-2147483648", "-2147483648.5", "-2147483649", "-2147483648.6",
              "9223372036854775807", "9223372036854774784", "-9223372036854775808", "-9223372036854777856", "1e300", "0.5", "1.5", "2.5", "3.5", "-0.5", "-1.5"]:
        yield "to_int4", a
        yield "to_int8", a
    for _ in range(800):
        yield "in", any_double(rng)
    for _ in range(100):
        a = any_double(rng)
        yield "to_int8", a
        for name in ("add", "sub", "mul", "div", "power"):
            yield name, a, any_double(rng)
        yield rng.choice(FUNCTIONS), a


def wrong(text):
    return f'!22P02 invalid input syntax for type double precision: "{text}"'


OURS = {("in", text): wrong(text) for text in ("0x10", "0x1p3", "-0x1.8p1", "nan(1)")}
