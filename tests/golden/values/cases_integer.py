"""INTEGER, BIGINT and BOOLEAN against PostgreSQL: text, arithmetic, casts."""
import random

OPERATIONS = {
    "bool_in": "{0}::boolean",
    "int4_in": "{0}::int4",
    "int8_in": "{0}::int8",
    "int8_to_int4": "{0}::int8::int4",
}
for kind in ("int4", "int8"):
    for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("div", "/"), ("mod", "%")):
        OPERATIONS[f"{kind}_{name}"] = f"{{0}}::{kind} {sign} {{1}}::{kind}"
    OPERATIONS[kind + "_neg"] = f"-({{0}}::{kind})"
    OPERATIONS[kind + "_abs"] = f"abs({{0}}::{kind})"

TEXTS = ["0", "-0", "+0", "1", "-1", "+7", "007", " 12 ", "\t12\n", "2147483647", "2147483648", "-2147483648", "-2147483649", "+2147483648",
         "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "99999999999999999999", "99999999999999999999x",
         "2147483648x", "", " ", "-", "+", "--1", "+-1", "- 1", "1.0", "1e3", "0x10", "1_000", "1,000", "abc", "1a", "12 34", "\u0661", "0b1", "-x",
         "00000000000000000000000000000000000001", "-00000000000000000000000000000002147483648", "1\v", "\f1"]
BOOLS = ["t", "T", "true", "TRUE", "tr", "tru", "truee", "f", "fa", "false", "False", "y", "yes", "ye", "yess", "n", "no", "non", "on", "o", "of", "off",
         "offf", "ON", "1", "0", "10", "01", "2", "", " ", " t ", "\ttrue\n", "-1", "null", "true false", "ja"]
EDGES = {"int4": [0, 1, -1, 2, -2, 7, -7, 46341, -46341, 65536, 2**31 - 1, -2**31, 2**31 - 2, -2**31 + 1],
         "int8": [0, 1, -1, 2, -2, 10, 3037000500, -3037000500, 2**32, 2**63 - 1, -2**63, 2**63 - 2, -2**63 + 1]}


def rows():
    rng = random.Random(48)
    for text in TEXTS:
        yield "int4_in", text
        yield "int8_in", text
    for text in BOOLS:
        yield "bool_in", text
    for kind, edges in EDGES.items():
        for a in edges:
            yield kind + "_neg", str(a)
            yield kind + "_abs", str(a)
            for b in edges:
                for name in ("add", "sub", "mul", "div", "mod"):
                    yield f"{kind}_{name}", str(a), str(b)
        bits = 31 if kind == "int4" else 63
        for _ in range(60):
            a, b = (rng.randint(-2**bits, 2**bits - 1) >> rng.randint(0, bits) for _ in "ab")
            for name in ("add", "sub", "mul", "div", "mod"):
                yield f"{kind}_{name}", str(a), str(b)
    for a in EDGES["int4"] + EDGES["int8"]:
        yield "int8_to_int4", str(a)


OURS = {}
