"""LIKE and ILIKE against PostgreSQL."""
import random

OPERATIONS = {
    "like": "{0} like {1}",
    "ilike": "{0} ilike {1}",
    "like_escape": "{0} like {1} escape {2}",
    "ilike_escape": "{0} ilike {1} escape {2}",
}

PAIRS = [("", ""), ("", "%"), ("", "_"), ("", "%%"), ("", "\\"), ("", "%\\"), ("a", ""), ("a", "a"), ("a", "b"), ("a", "_"), ("a", "__"),
         ("a", "%"), ("a", "%a"), ("a", "a%"), ("a", "%a%"), ("abc", "a%c"), ("abc", "a_c"), ("abc", "%b%"), ("abc", "_%_"), ("abc", "____"),
         ("abc", "%_c"), ("abc", "a%b"), ("aXbXc", "%X%X%"), ("aab", "%ab"), ("aaab", "a%ab"), ("mississippi", "m%iss%ip%i"),
         ("mississippi", "m%iss%ipp"), ("100%", "100\\%"), ("100x", "100\\%"), ("a_b", "a\\_b"), ("axb", "a\\_b"), ("a\\b", "a\\\\b"),
         ("a", "\\a"), ("ab", "a\\"), ("ab", "b\\"), ("ab", "%\\"), ("ab", "ab\\"), ("ab", "a%_\\"), ("ab", "a%\\"), ("abc", "a_\\"), ("é", "_"),
         ("é", "__"), ("日本語", "_本_"), ("日本語", "%語"), ("日本語", "日%"), ("😀x", "_x"), ("e\u0301", "_"), ("É", "é"), ("ÉCOLE", "é%"),
         ("ß", "ẞ"), ("ı", "I"), ("İ", "i"), ("ς", "Σ"), ("ǅ", "ǆ"), ("K", "\u212a"), ("abc", "ABC"), ("ABC", "a%C"), ("a\nb", "a_b"), ("a\nb", "a%b"),
         ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "%a%a%a%a%a%a%a%a%b"), ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "%a%a%a%a%a%a%a%a%b")]


def rows():
    rng = random.Random(77)
    for a, pattern in PAIRS:
        yield "like", a, pattern
        yield "ilike", a, pattern
        for escape in ("", "\\", "x", "%", "_", "é", "b"):
            yield "like_escape", a, pattern, escape
    for pattern, escape in [("a", "ab"), ("a", "éé"), ("ax%", "x"), ("xx", "x"), ("x", "x"), ("axx", "x"), ("x\\", "x"), ("\\", "x"), ("%%", "%"),
                            ("__", "_"), ("é%", "é"), ("AX%", "X"), ("ABX", "x"), ("abx", "X"), ("X_", "x")]:
        for a in ("a", "a%", "x", "ax", "\\", "%", "_", "é", "A%"):
            yield "like_escape", a, pattern, escape
            yield "ilike_escape", a, pattern, escape
    for _ in range(1200):
        letters = rng.choice(["ab", "abé", "aA", "日a"])
        a = "".join(rng.choice(letters) for _ in range(rng.randint(0, 8)))
        pattern = "".join(rng.choice(letters + "%%_\\") for _ in range(rng.randint(0, 6)))
        yield rng.choice(["like", "ilike"]), a, pattern
        if rng.random() < 0.3:
            yield rng.choice(["like_escape", "ilike_escape"]), a, pattern, rng.choice(["a", "", "%", "é"])


OURS = {}
