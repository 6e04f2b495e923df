#!/usr/bin/python3
"""tdb subscribe, and SUBSCRIBE in tdb sql, against a small server that says what it is told (tests/support/ws_door.py), then against
the real one, which is killed meanwhile: each row is printed once, in order.

  subscribe_test.py TDB
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)
from ws_client import BINARY, TEXT, frame  # noqa: E402
from ws_door import DROP, WsDoor  # noqa: E402

TIMEOUT_SECONDS = 60
LIVES = 3
BATCH = 40
OK = {"ev": "ok", "stream": "s", "partitions": 1}
NO_STREAM = {"ev": "error", "code": "message_invalid", "title": "t", "detail": "It is none.", "hint": "h", "retriable": False}
VIEW = {"ev": "ok", "view": "v", "resume": "snapshot"}
SCHEMA = {"ev": "schema", "columns": [{"name": "k", "type": "text"}, {"name": "n", "type": "bigint"}]}
KEYED = SCHEMA | {"key": [0]}


def rows(*values):
    return {"ev": "rows", "rows": [[f"k{n}", n] for n in values]}


def changes(*values):
    return {"ev": "changes", "changes": list(values)}


def progress(token):
    return {"ev": "progress", "token": token}


def problem(event, code, retriable):
    return {"ev": event, "code": code, "title": code, "detail": f"It is {code}.", "hint": "h", "retriable": retriable}


class Follower:
    """tdb subscribe (or another command) at work: what it has printed goes to files."""

    def __init__(self, tdb, url, *arguments, command="subscribe"):
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen([tdb, command, *arguments], stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
                                        env=os.environ | {"TDB_URL": url})

    @staticmethod
    def _read(file):
        return os.pread(file.fileno(), 1 << 26, 0).decode()

    def lines(self):
        """Whole ones."""
        text = self._read(self.out)
        return text[:text.rfind("\n") + 1].splitlines()

    def told(self):
        return self._read(self.err)

    def until(self, condition, what):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            assert self.process.poll() is None, f"{what}: it has ended, status {self.process.returncode}: {self.told()}"
            assert time.monotonic() < deadline, f"{what}: not after {TIMEOUT_SECONDS} s: {self.lines()[-5:]}, {self.told()}"
            time.sleep(0.01)
        return self

    def until_lines(self, count):
        return self.until(lambda: len(self.lines()) >= count, f"{count} lines")

    def interrupt(self, with_signal=signal.SIGINT):
        """Ctrl-C; what it printed, and what it said."""
        self.process.send_signal(with_signal)
        assert self.process.wait(TIMEOUT_SECONDS) == 0, (self.process.returncode, self.told())
        return self._read(self.out), self.told()

    def ended(self, status):
        got = self.process.wait(TIMEOUT_SECONDS)
        assert got == status, (got, self._read(self.out), self.told())
        return self._read(self.out), self.told()


def token_of(told):
    return re.search(r"--from-token (\S+)\n\Z", told).group(1)


# --- A server that says what it is told ---

def a_view_is_printed_as_it_changes(tdb):
    story = [VIEW, KEYED, rows(1, 22), {"ev": "snapshot_end"}, progress("t1"), {"ev": "news"},
             changes(["u", ["k1", 3]], ["d", ["k22"]]), progress("t2")]
    with WsDoor([[NO_STREAM, {"subscribe"}, *story]]) as door:
        out, told = Follower(tdb, door.url, 'a"v').until_lines(6).interrupt()
        assert out == " op |  k  | n\n----+-----+----\n +  | k1  |  1\n +  | k22 | 22\n u  | k1  |  3\n d  | k22 |\n", out
        assert told == "To go on behind that: --from-token t2\n", told
        assert [message.get("stream", message.get("sql")) for message in door.asked] == ['a"v', 'SELECT * FROM "a""v"'], door.asked
        assert all(message["op"] == "subscribe" and "from" not in message for message in door.asked), door.asked
        assert "origin" not in door.headers and door.headers["host"] == door.url[7:], door.headers
        while not door.ends:  # it said goodbye
            time.sleep(0.01)
    with WsDoor([story]) as door:
        out, _ = Follower(tdb, door.url, "v", "--json").until_lines(5).interrupt(signal.SIGTERM)
        assert [json.loads(line) for line in out.splitlines()] == [
            {"op": "snapshot"}, {"op": "+", "row": {"k": "k1", "n": 1}}, {"op": "+", "row": {"k": "k22", "n": 22}},
            {"op": "u", "row": {"k": "k1", "n": 3}}, {"op": "d", "row": {"k": "k22"}}], out
    with WsDoor([story]) as door:
        out, _ = Follower(tdb, door.url, "v", "--csv").until_lines(5).interrupt()
        assert out == "op,k,n\n+,k1,1\n+,k22,22\nu,k1,3\nd,k22,\n".replace("\n", "\r\n"), out


def rows_of_a_snapshot_are_printed_as_they_come(tdb):
    with WsDoor([[VIEW, KEYED, rows(1, 2)]]) as door:  # and no more
        out, told = Follower(tdb, door.url, "v", "--csv").until_lines(3).interrupt()
        assert out.split() == ["op,k,n", "+,k1,1", "+,k2,2"] and told == "", (out, told)  # no token yet


def rows_without_their_progress_are_not_printed_twice(tdb):
    with WsDoor([[OK, SCHEMA, rows(1, 2), progress("t2"), rows(3), 0.2, DROP],
                 [OK, SCHEMA, rows(3), rows(4), progress("t4")]]) as door:
        follower = Follower(tdb, door.url, "s", "--csv", "--from", "earliest").until_lines(5)
        out, told = follower.interrupt()
        assert out.split() == ["op,k,n", "+,k1,1", "+,k2,2", "+,k3,3", "+,k4,4"], out
        assert [message.get("from") for message in door.asked] == ["earliest", "t2"], door.asked
        assert re.fullmatch(r"tdb: the server is away \(.+\); trying again\n"
                            r"tdb: the server is there again; it goes on where it was\n"
                            r"To go on behind that: --from-token t4\n", told), told


def a_snapshot_that_begins_anew_says_why(tdb):
    anew = VIEW | {"reason": "the server has restarted"}
    with WsDoor([[VIEW, KEYED, rows(1), {"ev": "snapshot_end"}, progress("t1"), DROP], [anew, KEYED, rows(2), {"ev": "snapshot_end"},
                                                                                     progress("t2")]]) as door:
        out, told = Follower(tdb, door.url, "v", "--json").until_lines(4).interrupt()
        assert [json.loads(line)["op"] for line in out.splitlines()] == ["snapshot", "+", "snapshot", "+"], out
        assert "tdb: the server is there again; its rows begin anew: the server has restarted\n" in told, told
    with WsDoor([[anew, KEYED, rows(1), {"ev": "snapshot_end"}, progress("t1")]]) as door:
        _, told = Follower(tdb, door.url, "v", "--json", "--from-token", "t0").until_lines(2).interrupt()
        assert told.startswith("tdb: its rows begin anew: the server has restarted\n") and door.asked[0]["from"] == "t0", told


def a_reader_of_its_output_that_goes_away_ends_it(tdb):
    """As other programs in a pipe are ended: by SIGPIPE, without a word."""
    more = [part for n in range(2, 50) for part in (0.1, rows(n), progress(f"t{n}"))]
    with WsDoor([[OK, SCHEMA, rows(1), progress("t1"), *more]]) as door:
        with subprocess.Popen([tdb, "subscribe", "s", "--csv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=os.environ | {"TDB_URL": door.url}) as process:
            assert process.stdout.readline() == b"op,k,n\r\n"
            process.stdout.close()
            told = process.stderr.read()
            assert process.wait(TIMEOUT_SECONDS) == -signal.SIGPIPE and told == b"", (process.returncode, told)


def what_may_be_tried_again_is(tdb):
    gone = [[OK, SCHEMA, rows(1), progress("t1"), end, DROP] for end in (
        problem("closed", "overloaded", True), {"ev": "closed"}, ("close", 1001, b"the server ends"), ("close", 3008, b"slow"))]
    again = [OK, SCHEMA, rows(2), progress("t2")]
    for story in gone:
        with WsDoor([story, [problem("error", "unavailable", True)], again]) as door:
            out, _ = Follower(tdb, door.url, "s", "--csv").until_lines(3).interrupt()
            assert out.split() == ["op,k,n", "+,k1,1", "+,k2,2"] and len(door.asked) == 3, (out, door.asked)


def what_would_fail_again_ends_it(tdb):
    begun = [OK, SCHEMA, rows(1), progress("t1")]
    for story, said in (([*begun, problem("closed", "gone", False)], "ERROR: It is gone.\nHINT: h\n"),
                        ([*begun, ("close", 3500, b"not\x1b this")], "tdb: the server ended it: not\\u001b this\n"),
                        ([*begun, frame(TEXT, b"garbage", masked=False)], "cannot be read"),
                        ([*begun, {"ev": "rows", "rows": [[1]]}, progress("t2")], "cannot be read"),
                        ([*begun, frame(BINARY, b"{}", masked=False)], "cannot be read"),
                        ([NO_STREAM, {"subscribe"}, problem("error", "forbidden", False)], "ERROR: It is forbidden.\n"),
                        ([problem("error", "overloaded", True)], "ERROR: It is overloaded.\n"),
                        ([OK, rows(1), progress("t1")], "cannot be read")):  # rows before a schema
        with WsDoor([story]) as door:
            out, told = Follower(tdb, door.url, "s", "--csv", "--timeout", "300ms").ended(1)
            assert said in told, told
            assert out in ("", "op,k,n\r\n+,k1,1\r\n"), out


def a_message_that_is_too_long_ends_it(tdb):
    piece, count = b"x" * (1 << 20), 65
    with WsDoor([[OK, SCHEMA, frame(TEXT, piece, fin=False, masked=False),
                  *[frame(0, piece, fin=False, masked=False) for _ in range(count)]]]) as door:
        _, told = Follower(tdb, door.url, "s").ended(1)
        assert "tdb: " in told and "trying again" not in told, told


def a_server_that_stays_away_is_given_up_in_time(tdb):
    with WsDoor([[OK, SCHEMA, rows(1), progress("t1"), DROP]]) as door:  # and refuses the next ones
        began = time.monotonic()
        out, told = Follower(tdb, door.url, "s", "--csv", "--timeout", "2s").ended(1)
        assert "tdb: the server is still away: " in told and token_of(told) == "t1", told
        assert time.monotonic() - began < 20 and door.connections > 2 and "+,k1,1" in out, door.connections


def events_that_are_gone_are_told(tdb):
    with WsDoor([[OK, {"ev": "gap", "partition": 2, "from": 3, "to": 7}, progress("t"), SCHEMA, rows(1), progress("t1")]]) as door:
        _, told = Follower(tdb, door.url, "s", "--limit", "1").ended(0)
        assert told.startswith("tdb: partition 2: 4 events from offset 3 on were deleted before they could be given\n"), told


def credit_is_given_as_rows_come(tdb):
    with WsDoor([[OK, SCHEMA, rows(1), progress("t1"), rows(2), progress("t2"), {"credit"}, rows(3, 4, 5, 6), progress("t6"), {"credit"},
                  {"id": 2, "ev": "ok"}, rows(7), progress("t7")]]) as door:
        Follower(tdb, door.url, "s", "--credit", "4", "--slow", "disconnect").until_lines(9).interrupt()
        assert door.asked[0]["credit"] == 4 and door.asked[0]["slow"] == "disconnect", door.asked
        assert [(message["subscription"], message["rows"]) for message in door.asked[1:]] == [(1, 2), (1, 4)], door.asked
    with WsDoor([[OK, SCHEMA, rows(1, 2), progress("t2"), {"credit"}, rows(3, 4, 5), progress("t5")]]) as door:
        Follower(tdb, door.url, "s", "--credit", "4", "--limit", "5").ended(0)
        assert [message.get("credit", message.get("rows")) for message in door.asked] == [4, 1], door.asked  # never more than five
    with WsDoor([[VIEW, KEYED, rows(1, 2)]]) as door:  # a snapshot of more, of which two are wanted
        out, told = Follower(tdb, door.url, "SELECT k, n FROM v", "--limit", "2", "--csv").ended(0)
        assert out.split() == ["op,k,n", "+,k1,1", "+,k2,2"] and told == "" and door.asked[0]["credit"] == 2, (out, told)


def the_shell_subscribes(tdb):
    story = [VIEW, KEYED, rows(1), {"ev": "snapshot_end"}, progress("t1"), changes(["u", ["k1", 2]]), progress("t2")]
    for typed, asked in (("SUBSCRIBE v;", "SELECT * FROM v"), ("subscribe to \"V\"", 'SELECT * FROM "V"'),
                         ("SUBSCRIBE SELECT k, n FROM v WHERE k = 'a;b';", "SELECT k, n FROM v WHERE k = 'a;b'")):
        with WsDoor([story]) as door:
            out, _ = Follower(tdb, door.url, "-c", typed, command="sql").until_lines(4).interrupt()
            assert out == " op | k  | n\n----+----+---\n +  | k1 | 1\n u  | k1 | 2\n", out
            assert door.asked[0]["sql"] == asked, door.asked
    with WsDoor([story]) as door:
        out, _ = Follower(tdb, door.url, "--json", "-c", "SUBSCRIBE v", command="sql").until_lines(3).interrupt()
        assert out.endswith('{"op":"u","row":{"k":"k1","n":2}}\n'), out
    _, told = Follower(tdb, "127.0.0.1:1", "-c", "SUBSCRIBE TO ;", command="sql").ended(1)
    assert told == "tdb: SUBSCRIBE needs a stream, a view or a SELECT\n", told


def wrong_usage_is_refused(tdb):
    for arguments, said in (([], "NAME"), (["a", "b"], "one argument too many"), (["a", "--csv", "--json"], "choose one"),
                            (["a", "--from", "latest", "--from-token", "t"], "choose one"), (["a", "--from", "soon"], "takes earliest, latest"),
                            (["a", "--from", "-10"], "takes earliest, latest"), (["a", "--limit", "0"], "--limit: takes a number of rows"),
                            (["a", "--credit", "0"], "--credit: takes a number of rows"), (["a", "--limit", "x"], "whole number"),
                            (["a", "--slow", "down"], "takes block or disconnect"), (["a", "--from-token", ""], "takes what a subscription"),
                            ([""], "is the name of a stream"), ([b"\xff"], "is the name of a stream"), (["a", "--form", "x"], "did you mean --from"),
                            (["a", "--server", "https://x"], "is no URL"), (["a", "--server", ""], "needs HOST:PORT"),
                            (["a", "-X", "a=b"], "Kafka"), (["a", "--timeout", "soon"], "takes a duration")):
        out, told = Follower(tdb, "127.0.0.1:1", *arguments).ended(2)
        assert out == "" and said in told and "usage: tdb subscribe NAME" in told, (arguments, told)
    out, _ = Follower(tdb, "127.0.0.1:1", "--help").ended(0)
    assert out.startswith("tdb subscribe: ") and "\nexamples:\n" in out and max(map(len, out.splitlines())) <= 80, out


def a_server_that_is_not_there_is_named(tdb):
    _, told = Follower(tdb, "127.0.0.1:1", "s").ended(1)
    assert told.startswith("tdb: cannot reach 127.0.0.1:1: ") and "--server URL, or TDB_URL" in told, told
    with WsDoor([]) as door:  # it speaks no WebSocket
        _, told = Follower(tdb, door.url, "s").ended(1)
        assert told.startswith(f"tdb: cannot reach {door.url}: "), told


# --- The real server ---

def produce(tdb, server, stream, values):
    lines = "".join(f'{{"n":{n},"name":"n{n}"}}\n' for n in values)
    subprocess.run([tdb, "produce", stream, "--server", server.address], input=lines.encode(), check=True, timeout=TIMEOUT_SECONDS,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def numbers(follower):
    return [json.loads(line)["row"]["n"] for line in follower.lines()]


def each_row_comes_once_though_the_server_is_killed(tdb, server):
    produce(tdb, server, "kept", range(BATCH))
    whole = Follower(tdb, server.url, "kept", "--from", "earliest", "--json").until_lines(BATCH)
    fresh, first = Follower(tdb, server.url, "kept", "--json"), BATCH
    while not fresh.lines():  # until it is there, and sees one
        produce(tdb, server, "kept", [first])
        first += 1
    whole.until_lines(first)
    for life in range(1, LIVES + 1):
        server.kill()
        whole.until(lambda: whole.told().count("the server is away") == life, "it is seen")
        server.start()
        produce(tdb, server, "kept", range(first, first + BATCH))
        first += BATCH
        whole.until_lines(first)
    assert numbers(whole) == list(range(first)), numbers(whole)
    fresh.until(lambda: numbers(fresh)[-1] == first - 1, "the last row")
    assert numbers(fresh) == list(range(numbers(fresh)[0], first)) and len(numbers(fresh)) > LIVES * BATCH, numbers(fresh)
    _, told = whole.interrupt()
    fresh.interrupt()
    produce(tdb, server, "kept", range(1000, 1003))
    behind = Follower(tdb, server.url, "kept", "--from-token", token_of(told), "--json", "--limit", "3")
    behind.ended(0)
    assert numbers(behind) == [1000, 1001, 1002], numbers(behind)


def a_stream_is_followed_as_it_is_asked_for(tdb, server):
    produce(tdb, server, "some", range(100))
    out, told = Follower(tdb, server.url, "some", "--from", "earliest", "--limit", "7", "--credit", "7", "--csv").ended(0)
    assert [line.split(",")[:2] for line in out.split()][:2] == [["op", "n"], ["+", "0"]], out
    few = Follower(tdb, server.url, "some", "--from", "earliest", "--credit", "3", "--json").until_lines(100)
    assert numbers(few) == list(range(100)), numbers(few)
    few.interrupt()
    _, told = Follower(tdb, server.url, "nothing").ended(1)
    assert told.startswith("ERROR") and "HINT: " in told, told
    _, told = Follower(tdb, server.url, "some", "--from-token", "wrong").ended(1)
    assert told.startswith("ERROR") and "token" in told, told
    request = urllib.request.Request(f"{server.url}/api/v1/query", b'{"sql": "SUBSCRIBE some"}', {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
        raise AssertionError("an answer to SUBSCRIBE")
    except urllib.error.HTTPError as error:
        said = json.load(error)
        assert said["sqlstate"] == "0A000" and "SUBSCRIBE" in said["detail"] and "WebSocket" in said["hint"], said


def sql(tdb, server, *statements):
    done = subprocess.run([tdb, "sql", "--csv", "--server", server.url, *[word for text in statements for word in ("-c", text)]],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def table_of(follower):
    """What the printed changes make, by the first column."""
    table = {}
    for line in follower.lines():
        change = json.loads(line)
        if change["op"] == "snapshot":
            table = {}
        elif change["op"] in "+u":
            table[list(change["row"].values())[0]] = list(change["row"].values())
        else:
            assert table.pop(list(change["row"].values())[0], None) is not None, line
    return table


def a_view_is_followed_though_the_server_is_killed(tdb, server):
    produce(tdb, server, "counted", range(BATCH))
    sql(tdb, server, "CREATE STREAM numbers (n BIGINT, name TEXT) FROM TOPIC counted FORMAT JSON",
        "CREATE MATERIALIZED VIEW tens AS SELECT n % 10 AS digit, count(*) AS many, max(n) AS most FROM numbers GROUP BY 1")
    whole = Follower(tdb, server.url, "tens", "--json")
    typed = Follower(tdb, server.url, "--json", "-c", "SUBSCRIBE Tens", command="sql")
    few = Follower(tdb, server.url, "SELECT digit, most FROM tens WHERE digit < 3", "--credit", "2", "--json")
    followers = (whole, typed, few)

    def add_up(count):
        return all(len(table) == (3 if follower is few else 10) and max(row[-1] for row in table.values()) >= count - 8
                   for follower in followers for table in [table_of(follower)])

    for life in range(1, LIVES + 1):
        for follower in followers:
            follower.until(lambda: add_up(life * BATCH), "the table")
        server.kill()
        for follower in followers:
            follower.until(lambda: follower.told().count("the server is away") == life, "it is seen")
        server.start()
        produce(tdb, server, "counted", range(life * BATCH, (life + 1) * BATCH))
    for follower in followers:
        follower.until(lambda: add_up((LIVES + 1) * BATCH), "the table")
    wanted = {row[0]: row for row in ([int(value) for value in line.split(",")] for line in
                                      sql(tdb, server, "SELECT * FROM tens").split()[1:])}
    for follower in (whole, typed):
        follower.until(lambda: table_of(follower) == wanted, "the same")
    few.until(lambda: table_of(few) == {digit: [digit, wanted[digit][2]] for digit in range(3)}, "the same")
    _, told = whole.interrupt()
    assert told.count("the server is there again; ") == LIVES, told
    for follower in (typed, few):
        follower.interrupt()
    produce(tdb, server, "counted", [1000])
    behind = Follower(tdb, server.url, "tens", "--from-token", token_of(told), "--json").until_lines(1)
    out, told = behind.interrupt()
    assert json.loads(out.splitlines()[0]) == {"op": "u", "row": {"digit": 0, "many": (LIVES + 1) * BATCH // 10 + 1, "most": 1000}}, out
    _, told = Follower(tdb, server.url, "tens", "--from", "earliest").ended(1)
    assert told.startswith("ERROR: A view is given as it is now"), told
    _, told = Follower(tdb, server.url, "Tens").ended(1)  # a name is taken as it stands
    assert 'relation "Tens" does not exist' in told and "Did you mean tens?" in told, told
    out, _ = Follower(tdb, server.url, "tens", "--limit", "4", "--csv").ended(0)
    assert out.count("\r\n") == 5, out
    dropped = Follower(tdb, server.url, "tens", "--json").until_lines(11)
    sql(tdb, server, "DROP MATERIALIZED VIEW tens")
    _, told = dropped.ended(1)
    assert "ERROR" in told, told


def a_view_that_is_bound_anew_is_followed(tdb, server):
    """Its rows begin anew, in the types of now; from a token of before, too."""
    produce(tdb, server, "widened", range(BATCH))
    sql(tdb, server, "CREATE MATERIALIZED VIEW lasts AS SELECT right(name, 1) AS last, max(n) AS most FROM widened GROUP BY 1")
    followers = [Follower(tdb, server.url, "lasts", "--json").until_lines(11),
                 Follower(tdb, server.url, "SELECT last, most FROM lasts WHERE last < '3'", "--json").until_lines(4)]
    printed = Follower(tdb, server.url, "lasts").until_lines(12)
    one = Follower(tdb, server.url, "lasts", "--json").until_lines(11)
    time.sleep(0.2)  # the progress behind them has come, too
    _, told = one.interrupt()
    old = token_of(told)
    produce(tdb, server, "widened", [BATCH + 0.5])  # a BIGINT's error row, before
    sql(tdb, server, "SELECT count(*) FROM widened", "ALTER MATERIALIZED VIEW lasts REBIND")
    followers.append(Follower(tdb, server.url, "lasts", "--json", "--from-token", old))
    wanted = {str(n % 10): [str(n % 10), n] for n in range(BATCH)} | {"5": ["5", BATCH + 0.5]}
    for follower in followers:
        rows = {last: row for last, row in wanted.items() if follower is not followers[1] or last < "3"}
        follower.until(lambda: "its rows begin anew: rebuilt" in follower.told() and table_of(follower) == rows, "the table")
        follower.interrupt()
    out, _ = printed.until_lines(24).interrupt()
    assert out.count(" op | last | most\n") == 2 and " +  | 5    | 40.5\n" in out, out


TALES = [a_view_is_printed_as_it_changes, rows_of_a_snapshot_are_printed_as_they_come, rows_without_their_progress_are_not_printed_twice, a_snapshot_that_begins_anew_says_why,
         a_reader_of_its_output_that_goes_away_ends_it,
         what_may_be_tried_again_is, what_would_fail_again_ends_it, a_message_that_is_too_long_ends_it,
         a_server_that_stays_away_is_given_up_in_time, events_that_are_gone_are_told, credit_is_given_as_rows_come, the_shell_subscribes,
         wrong_usage_is_refused, a_server_that_is_not_there_is_named]
TRUTHS = [each_row_comes_once_though_the_server_is_killed, a_view_is_followed_though_the_server_is_killed, a_view_that_is_bound_anew_is_followed,
          a_stream_is_followed_as_it_is_asked_for]


def main():
    tdb = sys.argv[1]
    for test in TALES:
        began = time.monotonic()
        test(tdb)
        print(f"ok: {test.__name__}, {time.monotonic() - began:.1f} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="tdb_subscribe_") as work:
        server = Server(tdb, work, http=True)
        try:
            server.start()
            for test in TRUTHS:
                began = time.monotonic()
                test(tdb, server)
                print(f"ok: {test.__name__}, {time.monotonic() - began:.1f} s", flush=True)
            server.stop()
        finally:
            server.close()


if __name__ == "__main__":
    main()
