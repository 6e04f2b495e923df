"""Dates and timestamps against PostgreSQL: text in and out, arithmetic, date_trunc, date_bin, extract, age, zones."""
import random

OPERATIONS = {
    "date_in": "{0}::date",
    "timestamp_in": "{0}::timestamp",
    "timestamptz_in": "{0}::timestamptz",
    "date_add": "{0}::date + {1}::int",
    "date_sub_days": "{0}::date - {1}::int",
    "date_sub": "{0}::date - {1}::date",
    "date_add_interval": "{0}::date + {1}::interval",
    "date_to_timestamp": "{0}::date::timestamp",
    "timestamp_to_date": "{0}::timestamp::date",
    "add": "{0}::timestamp + {1}::interval",
    "sub_interval": "{0}::timestamp - {1}::interval",
    "sub": "{0}::timestamp - {1}::timestamp",
    "age": "age({0}::timestamp, {1}::timestamp)",
    "trunc": "date_trunc({0}, {1}::timestamp)",
    "trunc_zoned": "date_trunc({0}, {1}::timestamptz)",
    "bin": "date_bin({0}::interval, {1}::timestamp, {2}::timestamp)",
    "extract": "extract({0} from {1}::timestamp)",
    "extract_zoned": "extract({0} from {1}::timestamptz)",
    "extract_date": "extract({0} from {1}::date)",
    "make_date": "make_date({0}::int, {1}::int, {2}::int)",
    "make_timestamp": "make_timestamp({0}::int, {1}::int, {2}::int, {3}::int, {4}::int, {5}::float8)",
    "to_timestamp": "to_timestamp({0}::float8)",
    "to_zone": "{0}::timestamptz at time zone {1}",
    "from_zone": "{0}::timestamp at time zone {1}",
}

TEXTS = """
2020-01-02|2020-1-2|2020-02-29|2019-02-29|1900-02-29|2000-02-29|2020-02-30|2020-13-01|2020-00-01|2020-01-00|2020-01-32
2020-04-31|0001-01-01|0000-01-01|0001-01-01 BC|0044-03-15 BC|4714-11-24 BC|4714-11-23 BC|4713-01-01 BC|4800-01-01 BC|0 BC|10000-01-01
99999-12-31|294276-12-31|294277-01-01|5874897-12-31|5874898-01-01|5874898-06-01|99999999999-01-01|20200102|200102|990102|700101|691231
20200102030405|2020-123|2020.123|2020-366|2019-366|2020-000|1999-008|1999.008|January 8, 1999|Jan 8 1999|8 January 1999|8 Jan 1999
1999 Jan 8|Jan-08-1999|08-Jan-1999|1999-Jan-08|08-Jan-99|99-Jan-08|Jan-08-99|1/8/1999|1/18/1999|18/1/1999|01/02/03|1-2-3|1.2.1999
Mon Jan 8 1999|Friday, January 8, 1999|January 8, 99 BC|jan 8|1999|1999-01|01-1999|Jan 1999|8.1.1999|1999/01/08|1999/01-08|sept 5 2001|may 7, 2002
december 31 1999|Dec 32 1999|febr 1 2000|1 feb 2000|2 3 2000|13 3 2000|infinity|-infinity|+infinity|Infinity|INFINITY |epoch|EPOCH
2020-01-02 03:04:05|2020-01-02T03:04:05|2020-01-02t03:04:05z|2020-01-02T03:04:05Z|2020-01-02 03:04|2020-01-02 03|2020-01-02T03|2020-01-02 03:04:05.678
2020-01-02 03:04:05.1234564|2020-01-02 03:04:05.1234565|2020-01-02 03:04:05.1234575|2020-01-02 03:04:05.9999995|2020-01-02 03:04:05.999999499999
2020-01-02 23:59:59.9999999|2020-01-02 24:00:00|2020-01-02 24:00:01|2020-01-02 25:00:00|2020-01-02 23:60:00|2020-01-02 23:59:60|2020-01-02 23:59:61
2020-01-02 23:59:60.5|2020-01-02 03:04:05 AM|2020-01-02 03:04:05 PM|2020-01-02 12:00 AM|2020-01-02 12:00 PM|2020-01-02 13:00 PM|2020-01-02 13:00 AM
2020-01-02 3:4:5|2020-01-02 03:04:05pm|2020-01-02 03:04:05+02|2020-01-02 03:04:05-08|2020-01-02 03:04:05+0530|2020-01-02 03:04:05+05:30
2020-01-02 03:04:05+05:30:15|2020-01-02 03:04:05 +2|2020-01-02 03:04:05+16|2020-01-02 03:04:05+15:59|2020-01-02 03:04:05+02:60|2020-01-02 03:04:05-1559
2020-01-02 03:04:05 UTC|2020-01-02 03:04:05 GMT|2020-01-02 03:04:05 EST|2020-01-02 03:04:05 PST|2020-01-02 03:04:05CET|2020-01-02 03:04:05 zulu
2020-01-02 +02|2020-01-02 UTC|2020-01-02+02|2020-01-02Z|2020-01-02 03:04:05+|2020-01-02 03:04:05+02 +03|2020-01-02 03:04:05 UTC UTC
2020-01-02T030405|2020-01-02T0304|2020-01-02 030405|2020-01-02 0304|2020-01-02 030405.678|2020-01-02T030405.678Z|2020-01-02T030405-08|20200102T030405
20200102T0304|20200102T030405Z|20200102T030405.5-0330|20200102 030405|2020-01-02 T03:04:05|2020-01-02 T 03:04:05|2020-01-02T|T03:04:05|03:04:05
03:04:05 2020-01-02|03:04 Jan 2 2020|Jan 2 03:04:05 2020|Thu Jan 02 03:04:05 2020|Thu Jan 02 03:04:05 2020 UTC|Jan 2 03:04:05.678 2020 EST
2020-01-02 03:04:05 BC|2020-01-02 BC 03:04:05|0001-12-31 23:59:59.999999 BC|4714-11-24 00:00:00 BC|4714-11-23 23:59:59 BC|294276-12-31 23:59:59.999999
294276-12-31 23:59:59.9999999|294277-01-01 00:00:00+01|4714-11-24 00:00:00+00 BC|4714-11-24 00:00:00+01 BC|2020-01-02 03:04.5|2020-01-02 10:30.25
2020-01-02,03:04:05|2020-01-02 at 03:04|on 2020-01-02|2020-01-02 allballs|(2020-01-02)|2020-01-02 03:04:05 foo|2020-01-02x|x2020-01-02|2020-01-02-03
2020--01-02|2020-01|-2020-01-02|2020-01-02 -|2020-01-02 03:04:05:06|2020-01-02 3|2020-01-02 03:04:05.|2020-01-02 03:04:05..5|2020-01-02 .5
|   |foo|1|12|123|1234|12345|123456|1234567|12345678|123456789|0|00000000|20201301|20200230|2020-01-02 2020-01-02|2020 2020|Jan Feb 2020
2020-01-02 03:04 03:04|2020-01-02 AM|2020-01-02 ad|0000-01-01 BC|00-01-01|0-1-1|1-1-0|70-1-1|69-1-1|100-1-1|999-01-01|2020-1-2 3:4|2020-01-02 003:04
1e3-01-01|2020-01-02 1e3|2020-01-02 99:99|2020-01-02 999999|2020-01-02 246060|2020-01-02 0304567|2147483647-01-01|2147483648-01-01|2020-2147483648-01
2020-01-02 03:04:05 +02:00|2020-01-02 03:04:05 + 02|2020-01-02 - 02|2020-01-02 03:04:05 -infinity|infinity 2020-01-02|epoch epoch|2020-01-02 epoch
tues jan 2 2020|jan 2 2020 bc ad|2020-01-02 pm am|2020jan02|jan022020|02jan2020|2020-01-02_03:04:05|2020\\01\\02|2020–01–02|２０２０-01-02
2020-01-02 03:04:05 America|2020-12-31 23:59:59.123456+14|1582-10-04|1582-10-15|1752-09-14|0099-01-01|2020-060|2019-060|2020-03-01 00:00:00.000001
"""

MOMENTS = ["2020-01-02 03:04:05.678901", "2000-02-29 12:00:00", "1999-12-31 23:59:59.999999", "1970-01-01 00:00:00", "2000-01-01 00:00:00",
           "1969-12-31 23:59:59.5", "0001-01-01 00:00:00", "0001-12-31 23:59:59.5 BC", "0002-02-28 01:02:03 BC", "4714-11-24 00:00:00 BC",
           "4713-06-15 12:34:56.789 BC", "294276-12-31 23:59:59.999999", "1900-03-01 00:00:00", "2020-12-31 00:00:00", "2021-01-03 10:00:00",
           "2016-01-01 00:00:00", "2015-12-31 00:00:00", "0101-01-01 00:00:00 BC", "0100-12-31 00:00:00 BC", "1001-06-01 00:00:00",
           "1000-06-01 00:00:00", "2001-01-01 00:00:00", "infinity", "-infinity", "2024-02-29 00:00:00.000001", "0010-05-05 00:00:00 BC",
           "0011-05-05 00:00:00 BC", "0009-05-05 00:00:00"]

UNITS = ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium"]
PARTS = UNITS + ["epoch", "dow", "isodow", "doy", "isoyear", "julian", "timezone", "timezone_hour", "timezone_minute"]
NAMES = ["us", "usec", "usecs", "usecond", "useconds", "ms", "msec", "msecs", "msecond", "mseconds", "s", "sec", "secs", "seconds", "m", "min",
         "mins", "minutes", "h", "hr", "hrs", "hours", "d", "days", "w", "weeks", "mon", "mons", "months", "qtr", "y", "yr", "yrs", "years",
         "dec", "decs", "decades", "c", "cent", "centuries", "mil", "mils", "millennia", "millisecond", "microsecond", "millisecondsfoo", "YEAR",
         "Day", "foo", "", "yearly", "quarters", "fortnight", "j", "jd", "MilliSeconds"]

INTERVALS = ["1 month", "-1 month", "1 year", "1 day", "-1 day", "1 hour", "24 hours", "1 mon 1 day 1 hour", "12 mons", "100 years", "-100 years",
             "1 mon -1 day", "-1 mon +30 days", "13 mons", "0.000001 seconds", "-00:00:00.000001", "1000000 days", "300000 years", "-7000 years",
             "11 mons 29 days", "2147483647 days", "2147483647 mons", "-2147483648 mons", "0"]


def moment(rng):
    year = rng.choice([rng.randint(1, 9999), rng.randint(1900, 2100), rng.randint(1960, 2030)])
    day = rng.choice([1, 28, 29, 30, 31, rng.randint(1, 31)])
    month = rng.randint(1, 12)
    limit = [31, 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    fraction = rng.choice(["", ".5", ".000001", ".999999", ".123"])
    clock = rng.choice(["00:00:00", "23:59:59", f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"])
    return f"{year:04}-{month:02}-{min(day, limit):02} {clock}{fraction}" + rng.choice([""] * 9 + [" BC"] if not (month == 2 and day > 28) else [""])


def rows():
    rng = random.Random(2020)
    for text in TEXTS.strip("\n").replace("\n", "|").split("|"):
        text = text.replace("\\\\", "\\")
        for op in ("date_in", "timestamp_in", "timestamptz_in"):
            if (op, text) not in SKIPPED:
                yield op, text
    for at in MOMENTS:
        day = at.replace(" BC", "@").split(" ")[0].split("@")[0] + (" BC" if "BC" in at else "")
        for unit in UNITS:
            yield "trunc", unit, at
        yield "trunc_zoned", "day", at
        for part in PARTS:
            if "infinity" not in at:
                yield "extract", part, at
                yield "extract_zoned", part, at
                yield "extract_date", part, day
        for interval in INTERVALS:
            yield "add", at, interval
            yield "sub_interval", at, interval
        for other in rng.sample(MOMENTS, 8):
            yield "sub", at, other
            if "infinity" not in at + other:
                yield "age", at, other
        for days in ("0", "1", "-1", "365", "2147483647", "-2147483648", "-3000000"):
            yield "date_add", day, days
            yield "date_sub_days", day, days
        yield "date_sub", day, "2000-01-01"
        yield "date_sub", "5874897-12-31", day
        yield "date_add_interval", day, "1 mon 1 day 01:02:03"
        yield "date_to_timestamp", day
        yield "timestamp_to_date", at
        for stride in ("15 minutes", "1 day", "7 days", "1 hour 30 minutes", "0.000001 s"):
            yield "bin", stride, at, "2000-01-01 00:07:30"
    for name in NAMES:
        yield "trunc", name, "2020-05-17 18:19:20.212223"
        yield "extract", name, "2020-05-17 18:19:20.212223"
        yield "extract_date", name, "2020-05-17"
    for stride, at, origin in [("1 month", "2020-01-01", "2000-01-01"), ("0", "2020-01-01", "2000-01-01"), ("-1 day", "2020-01-01", "2000-01-01"),
                               ("1 day", "2020-01-01", "infinity"), ("1 day", "infinity", "2000-01-01"), ("1 day", "2019-12-31", "2020-01-01"),
                               ("1 day", "2019-12-31 00:00:01", "2020-01-01"), ("1 day", "2019-12-30 23:59:59", "2020-01-01"),
                               ("1000000 days", "4714-11-24 BC", "2000-01-01"), ("106751992 days", "2020-01-01", "2000-01-01"),
                               ("200000000 days", "2020-01-01", "2000-01-01"), ("1 day", "294276-12-31", "4714-11-24 BC")]:
        yield "bin", stride, at, origin
    for ymd in [(2020, 2, 29), (2019, 2, 29), (0, 1, 1), (-1, 1, 1), (-44, 3, 15), (-4714, 11, 24), (-4714, 11, 23), (5874897, 12, 31),
                (5874898, 1, 1), (2020, 13, 1), (2020, 0, 1), (2020, 1, 0), (2020, 1, 32), (99999999, 1, 1), (-99999999, 1, 1), (20, 4, 31)]:
        yield ("make_date", *map(str, ymd))
    for fields in [(2020, 1, 2, 3, 4, 5.678), (2020, 1, 2, 24, 0, 0), (2020, 1, 2, 24, 0, 1), (2020, 1, 2, 23, 59, 60), (2020, 1, 2, 23, 59, 59.9999999),
                   (-1, 1, 1, 0, 0, 0), (294276, 12, 31, 23, 59, 59.5), (2020, 2, 29, 0, 0, 0.0000005), (2020, 1, 2, 3, 4, 59.9999995)]:
        yield ("make_timestamp", *map(str, fields))
    for seconds in ["0", "1", "-1", "1.5", "1580000000.123456", "1580000000.1234567", "1e10", "1e12", "-1e11", "-210866803200", "9224318015999",
                    "9224318016000", "9224318016001", "-210866803201", "0.0000005", "0.0000015", "NaN", "Infinity", "-Infinity", "253402300800"]:
        yield "to_timestamp", seconds
    for zone in ["UTC", "utc", "GMT", "Z", "+02:00", "-05:30", "+2", "5", "UTC+3", "UTC-3", "GMT+2", "EST", "est", "PST", "+15:59:59", "+168", "+25",
                 "-0530", "", "nope", "Etc/UTC", "+02:60", "ABC", "AB+2", "ABC+2", "+02:00:00:00", "++2", "JST", "CEST", "zulu"]:
        yield "to_zone", "2020-01-02 03:04:05+00", zone
        yield "from_zone", "2020-01-02 03:04:05", zone
    yield "to_zone", "294276-12-31 23:59:59", "-1"
    yield "from_zone", "4714-11-24 00:00:00 BC", "-1"
    yield "to_zone", "infinity", "+2"
    for _ in range(150):
        at, other = moment(rng), moment(rng)
        yield "timestamp_in", at
        yield "timestamptz_in", at + rng.choice(["", "+01", "-11:30", "Z"]) if "BC" not in at else at
        yield "sub", at, other
        yield "age", at, other
        yield "trunc", rng.choice(UNITS), at
        for part in rng.sample(PARTS[:-3], 5):
            yield "extract", part, at
        interval = f"{rng.randint(-30, 30)} mons {rng.randint(-60, 60)} days {rng.randint(-10**8, 10**8) / 1000} seconds"
        yield "add", at, interval
        yield "sub_interval", at, interval
        yield "bin", f"{rng.randint(1, 10**6)} seconds", at, other


def zone(text):
    return f'!0A000 time zone "{text}" is not served: UTC and fixed offsets are'


def clock(text):
    return f'!0A000 the time of day of a query is not read from a text: "{text}"; use now()'


def infinite(kind):
    return f"!0A000 the fields of infinity are not served for type {kind}"


SKIPPED = set()
OURS = {
    ("date_in", "today"): clock("today"),
    ("timestamptz_in", "now"): clock("now"),
    ("timestamp_in", "tomorrow"): clock("tomorrow"),
    ("date_in", "yesterday"): clock("yesterday"),
    ("timestamptz_in", "2020-01-02 03:04:05 Europe/Paris"): zone("2020-01-02 03:04:05 Europe/Paris"),
    ("to_zone", "2020-01-02 03:04:05+00", "Europe/Paris"): zone("Europe/Paris"),
    ("from_zone", "2020-01-02 03:04:05", "America/New_York"): zone("America/New_York"),
    ("from_zone", "2020-01-02 03:04:05", "Japan"): '!22023 time zone "Japan" not recognized',
    ("date_in", "J2451187"): '!22007 invalid input syntax for type date: "J2451187"',
    ("timestamp_in", "y2020m01d02"): '!22007 invalid input syntax for type timestamp: "y2020m01d02"',
    ("timestamptz_in", "2020-01-02 03:04:05 NPT"): '!22007 invalid input syntax for type timestamp with time zone: "2020-01-02 03:04:05 NPT"',
    ("extract", "year", "infinity"): infinite("timestamp without time zone"),
    ("extract", "hour", "-infinity"): infinite("timestamp without time zone"),
    ("extract_zoned", "epoch", "infinity"): infinite("timestamp with time zone"),
    ("extract_date", "month", "infinity"): infinite("date"),
}
LAST = "294276-12-31 23:59:59.999999"
for text in ("2020-01-02 03:04:05 -infinity", "2020-01-02 epoch"):
    for op, kind in (("date_in", "date"), ("timestamp_in", "timestamp"), ("timestamptz_in", "timestamp with time zone")):
        OURS[op, text] = f'!22007 invalid input syntax for type {kind}: "{text}"'
for other in MOMENTS:
    # PostgreSQL 15 lets these wrap around.
    if "infinity" not in other and (" BC" in other or other < "1999") and other[:4] != "2942":
        OURS["sub", LAST, other] = "!22008 interval out of range"
        OURS["sub", other, LAST] = "!22008 interval out of range"
for op in ("extract", "extract_zoned"):
    OURS[op, "epoch", LAST] = "=9224318015999.999999"
for zone_text in ("AB+2", "+02:00:00:00"):
    for op, at in (("to_zone", "2020-01-02 03:04:05+00"), ("from_zone", "2020-01-02 03:04:05")):
        OURS[op, at, zone_text] = f'!22023 time zone "{zone_text}" not recognized'
