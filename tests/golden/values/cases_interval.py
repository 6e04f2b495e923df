"""INTERVAL against PostgreSQL: text in three styles, arithmetic, comparison, justify, date_trunc, extract."""
import random

OPERATIONS = {
    "in": "{0}::interval",
    "iso": "answer_iso({0}::interval)",
    "add": "{0}::interval + {1}::interval",
    "sub": "{0}::interval - {1}::interval",
    "neg": "-({0}::interval)",
    "mul": "{0}::interval * {1}::float8",
    "div": "{0}::interval / {1}::float8",
    "compare": "case when {0}::interval < {1}::interval then -1 when {0}::interval > {1}::interval then 1 else 0 end",
    "justify_hours": "justify_hours({0}::interval)",
    "justify_days": "justify_days({0}::interval)",
    "justify": "justify_interval({0}::interval)",
    "trunc": "date_trunc({0}, {1}::interval)",
    "extract": "extract({0} from {1}::interval)",
    "make": "make_interval({0}::int, {1}::int, {2}::int, {3}::int, {4}::int, {5}::int)",
}

SETUP = """
create function answer_iso(i interval) returns text language sql set intervalstyle = 'iso_8601' as 'select i::text';
"""

TEXTS = """
1 day|1 days|-1 day|1 year 2 months 3 days 4 hours 5 minutes 6.789 seconds|@ 1 day ago|1 day ago|1 day -2 hours ago|1 ago|ago|1 month|13 months
1 mon|1 mons|1 y|1 yr|1 yrs|1 c|1 cent|1 century|2 centuries|1 decade|1 dec|1 mil|1 millennium|2 millennia|1 week|2 weeks|1 w|1 quarter|1 qtr
1 h|1 hr|1 hrs|1 m|1 min|1 mins|1 s|1 sec|1 secs|1 ms|1 msec|1 us|1 usec|1 microsecond|1 milliseconds|1.5 ms|1.5 us|0.5 us|1
5|-5|+5|1.5|-1.5|.5|-.5|1.|1.5.2|0|00:00|04:05|04:05:06|04:05:06.789|-04:05:06|+04:05:06|100:00:00|04:60:00|04:05:60|04:05:61|04:05:06.9999999
2562047788:00:54.775807|2562047788:00:54.775808|-2562047788:00:54.775807|2562047789:00:00|9999999999999:00:00|05.5|05:06.5|1-2|-1-2|+1-2|1-11|1-12|1-2 3
1-2 3 4:05:06|1 2:03:04|-1 2:03:04|1 -2:03:04|1 +2:03:04|1-2 -3 4:05:06|-1-2 +3 -4:05:06|3 4:05:06.7|1 day 2:03:04|1 day 2:03|1 day 2|1 day 2.5
1 year 2|1.5 years|1.5 months|1.5 weeks|1.5 days|1.5 hours|1.5 minutes|1.5 seconds|1.04 years|1.05 years|0.1 months|0.33 months|1.999999 mons|-1.5 years
-1.5 months|-1.5 days|1.25 decades|1.5 centuries|0.1 weeks|1.123456789 seconds|0.0000005 seconds|0.0000015 seconds|0.00000051 seconds|1e3 seconds|P1Y|P1M|P1W
P1D|PT1H|PT1M|PT1S|P1Y2M3DT4H5M6S|P1Y2M3DT4H5M6.789S|P-1Y2M-3DT-4H5M-6.789S|P1.5Y|P1.5M|P1.5D|PT1.5H|PT0.0000015S|P|PT|P1|P1YT|P1Y1Y|P1H|PT1D|PT1Y
P0001-02-03T04:05:06|P0001-02-03|P00010203T040506|P00010203|PT040506|PT04:05:06|PT04:05|P0001-02|P1-2-3|P1-2-3T4:5:6|p1y|P1y|P1Y 2M|P1D2H|-P1D|P+1D|P1e3D|P2020
P99999999999D|P1Y2M3W|PT36H|PT-0.5S|PT.5S|P.5D|P1Y2M10DT2H30M|foo||  |1 foo|day|1 day 1 day|1 day 1 hour 1 day|1 hour 04:05|1 second 1 ms|1.5 seconds 1 ms
1 day 1 month|1 hour 1 day|1year|1year2months|1y2m3d|2147483647 days|2147483648 days|-2147483648 days|-2147483649 days|2147483647 months|2147483648 months
178956970 years|178956971 years|178956970 years 7 months|178956970 years 8 months|-178956970 years -8 months|-178956970 years -9 months|9223372036854775807 us
9223372036854775808 us|-9223372036854775808 us|9223372036854775807 microseconds ago|-9223372036854775808 microseconds ago|2147483647 years|-2147483648 days ago
300000000 weeks|306783378 weeks|306783379 weeks|99999999999999999999 days|1 day, 2 hours|1 day; 2 hours|(1 day)|1day2hours|one day|1 timezone|1 epoch|1 dow|infinity
04:05 ago|1 day 04:05:06 ago|@ 1 minute|@ -1 minute ago|1 0:00:01|1 mon 1.5 days|1 years 1.3 months|0.999 years|0.04 years|0.96 years|1 day 1.5|1-2-3|1--2|1 -2
12:34:56.1234567|00:00:00.0000001|1 d 1 h 1 m 1 s|24:00:00|36 hours|-36:00:00|0 days|-0 days|1 mons -1 days|-1 mons 1 days|1:2:3:4|1:|:1|1:2:|1.5:30|1/2|1/2/3
1 2 3|2 days 3|2 days 3 4|3 2 days|1.5-2|1 day\tago|1  day|-1 -2:03:04|+1 +02:03|00:00:60|0:0:0|1 century 1 decade 1 year 1 mon|10000000 years|1 millenium|1 MONTH|1 Hour
"""

VALUES = ["0", "1 day", "-1 day", "1 mon", "-1 mon", "30 days", "24 hours", "1 year 2 mons 3 days 04:05:06.789", "-1 year -2 mons +3 days -04:05:06.7",
          "1 mon -1 day", "-1 mon 1 day 1 hour", "35 days", "-35 days", "65 days 50 hours", "-65 days -50 hours", "65 days -50 hours",
          "1 mon -35 days 30 hours", "00:00:00.000001", "-00:00:00.000001", "1000000 hours", "2147483647 days", "-2147483648 days",
          "2147483647 mons", "178956970 years 7 mons 2147483647 days 2562047788:00:54.775807", "123 years 11 mons", "-123 years -11 mons",
          "1 year -1 day", "2 mons 1 sec", "1999 years 11 mons 29 days 23:59:59.999999", "-1999 years -5 mons"]

UNITS = ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium"]
FACTORS = ["0", "1", "-1", "2", "0.5", "-0.5", "1.5", "0.1", "3", "7", "1e-6", "0.333333333", "12.7", "1e6", "1e12", "1e300", "NaN"]


def interval(rng):
    parts = []
    if rng.random() < 0.6:
        parts.append(f"{rng.randint(-50, 50)} mons")
    if rng.random() < 0.6:
        parts.append(f"{rng.randint(-1000, 1000)} days")
    if rng.random() < 0.8 or not parts:
        parts.append(f"{rng.randint(-10**12, 10**12)} us")
    return " ".join(parts)


def rows():
    rng = random.Random(8601)
    for text in TEXTS.strip("\n").replace("\n", "|").split("|"):
        yield "in", text
    for a in VALUES:
        for op in ("iso", "neg", "justify_hours", "justify_days", "justify"):
            yield op, a
        for unit in UNITS:
            yield "trunc", unit, a
        for unit in UNITS + ["epoch", "dow", "julian", "timezone", "foo"]:
            yield "extract", unit, a
        for factor in FACTORS:
            yield "mul", a, factor
            yield "div", a, factor
        for b in rng.sample(VALUES, 8):
            for op in ("add", "sub", "compare"):
                yield op, a, b
    for unit in ("foo", "", "qtr", "dow", "epoch", "timezone"):
        yield "trunc", unit, "1 day"
    for _ in range(150):
        a, b = interval(rng), interval(rng)
        for op in ("in", "iso", "neg", "justify_hours", "justify_days", "justify"):
            yield op, a
        for op in ("add", "sub", "compare"):
            yield op, a, b
        factor = rng.choice([str(rng.randint(-100, 100)), f"{rng.uniform(-10, 10):.6f}"])
        yield "mul", a, factor
        yield "div", a, factor
        yield "extract", rng.choice(UNITS + ["epoch"]), a
    for fields in [(1, 2, 3, 4, 5, 6), (0, 0, 0, 0, 0, 0), (-1, -2, -3, -4, -5, -6), (178956970, 7, 0, 0, 0, 0), (0, 0, 1, 2, 100, 200)]:
        yield ("make", *map(str, fields))


OURS = {
    ("in", "P1e3D"): '!22007 invalid input syntax for type interval: "P1e3D"',
}
