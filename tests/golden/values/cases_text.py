"""Functions of TEXT against PostgreSQL with LC_COLLATE C, LC_CTYPE C.UTF-8."""
import random

OPERATIONS = {
    "compare": "case when {0} < {1} then -1 when {0} > {1} then 1 else 0 end",
    "length": "length({0})",
    "tail": "substring({0} from {1}::int)",
    "substring": "substring({0} from {1}::int for {2}::int)",
    "position": "strpos({0}, {1})",
    "left": "left({0}, {1}::int)",
    "right": "right({0}, {1}::int)",
    "lpad": "lpad({0}, {1}::int, {2})",
    "rpad": "rpad({0}, {1}::int, {2})",
    "btrim": "btrim({0}, {1})",
    "ltrim": "ltrim({0}, {1})",
    "rtrim": "rtrim({0}, {1})",
    "upper": "upper({0})",
    "lower": "lower({0})",
    "initcap": "initcap({0})",
    "replace": "replace({0}, {1}, {2})",
    "translate": "translate({0}, {1}, {2})",
    "reverse": "reverse({0})",
    "repeat": "repeat({0}, {1}::int)",
    "split": "split_part({0}, {1}, {2}::int)",
    "starts_with": "starts_with({0}, {1})",
    "chr": "chr({0}::int)",
    "ascii": "ascii({0})",
    "case_of_block": "(select string_agg(upper(chr(c)) || lower(chr(c)) || initcap('a' || chr(c) || 'b'), '')"
                     " from generate_series({0}::int, {0}::int + 255) c where c not between 55296 and 57343)",
}

TEXTS = ["", "a", "abc", "hello world", "Hello, World!", "äöü", "ÄÖÜß", "ǅ ǆ Ǆ", "日本語テキスト", "a日b本c", "😀😃x😄", "e\u0301te\u0301",
         "  padded  ", "\ttab\nline ", "ΑΒΓ αβγς", "Привет мир", "iİıI", "ﬁ ﬂ", "xxxyyyxxx", "aaa", "ab,cd,,ef", ",", ",,", "a b_c-d.e1f 2g",
         "o'neil's", "\\back\\slash", "\u00a0nbsp\u00a0", "Ⅷ ⓐ 𐐨𐐀", "mixed ÉcoLE ñandú", "0123456789", "\u1e9e\u00df", "ŉ ǰ ΐ", "\U0010ffff\u0001"]
PARTS = ["", "a", "b", "ab", "x", ",", " ", "ö", "本", "😀", "xx", "o", "l", "lo", "zzz", "äöü", "\u0301"]
COUNTS = ["-2147483648", "-5", "-2", "-1", "0", "1", "2", "3", "5", "10", "2147483647"]


def word(rng):
    return "".join(rng.choice(["a", "b", "c", "A", "é", "É", "日", "😀", " ", ",", "x"]) for _ in range(rng.randint(0, 12)))


def rows():
    rng = random.Random(8)
    for a in TEXTS:
        for op in ("length", "upper", "lower", "initcap", "reverse", "ascii"):
            yield op, a
        for n in COUNTS:
            for op in ("tail", "left", "right"):
                yield op, a, n
        for start in ("-2147483648", "-3", "0", "1", "2", "4", "2147483647"):
            for length in ("-1", "0", "1", "3", "5", "2147483647"):
                if rng.random() < 0.5:
                    yield "substring", a, start, length
        for part in PARTS:
            yield "position", a, part
            yield "starts_with", a, part
            yield "replace", a, part, rng.choice(PARTS)
            for op in ("btrim", "ltrim", "rtrim"):
                if rng.random() < 0.5:
                    yield op, a, part
        for op in ("btrim", "ltrim", "rtrim"):
            yield op, a, " "
            yield op, a, " \t\nxaé"
        for n in ("-1", "0", "1", "4", "12"):
            for fill in ("", " ", "ab", "日本", "😀x"):
                yield "lpad", a, n, fill
                yield "rpad", a, n, fill
        for n in ("-1", "0", "1", "3"):
            yield "repeat", a, n
        for mark in (",", "", " ", "a", "本", "xx"):
            for n in ("-9", "-2", "-1", "0", "1", "2", "4", "2147483647"):
                if rng.random() < 0.6:
                    yield "split", a, mark, n
        for _ in range(4):
            yield "translate", a, rng.choice(["abc", "äöü", "", "xyx", "日本語", "lo"]), rng.choice(["", "x", "123", "ÄÖÜ", "😀"])
            yield "compare", a, rng.choice(TEXTS)
    for code in ("-1", "0", "1", "65", "127", "128", "255", "2047", "2048", "55295", "55296", "57343", "57344", "65535", "65536", "1114111", "1114112",
                 "2147483647"):
        yield "chr", code
    yield "repeat", "abcdefghij", "200000000"
    yield "lpad", "x", "2147483647", "y"
    yield "rpad", "x", "1000000000", "y"
    for block in [1, *range(256, 0x2000, 256), 0x2100, 0x2400, 0x2c00, 0x2d00, 0xa600, 0xa700, 0xab00, 0xd700, 0xff00, 0x10400, 0x10500,
                  0x10c00, 0x11800, 0x16e00, 0x1e900, 0x1d400, 0x20000]:
        yield "case_of_block", str(block)
    for _ in range(150):
        a, b, c = word(rng), word(rng)[:3], word(rng)[:3]
        yield "compare", a, word(rng)
        yield "replace", a, b, c
        yield "translate", a, b, c
        yield "position", a, b[:2]
        yield "substring", a, str(rng.randint(-5, 12)), str(rng.randint(0, 12))
        yield "btrim", a, b
        yield "rtrim", a, b
        yield "split", a, b[:1] or ",", str(rng.choice([-3, -2, -1, 1, 2, 3]))
        yield "initcap", a
        yield "reverse", a


# PostgreSQL negates the least integer to itself.
OURS = {("right", a, "-2147483648"): "=" for a in TEXTS if a}
