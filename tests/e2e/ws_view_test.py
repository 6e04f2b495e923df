#!/usr/bin/python3
"""Subscriptions to views over WebSocket, against a real server.

  ws_view_test.py TDB

A client's table is the view's at every progress: from a snapshot, by changes, resumed from a token by what has changed meanwhile,
after a restart by a snapshot that says why, and after REBIND, of the new columns; filtered, projected, found by equality; for one that reads slowly, for crowds.
"""
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)
from ws_client import CLOSE, close_payload, frame  # noqa: E402
from ws_speaker import Speaker, Watcher  # noqa: E402

REST_SECONDS = 20


def rows_of(speaker, sql, **more):
    """The rows of an answer, a bag, and its position."""
    speaker.say(id="q", op="query", sql=sql, **more)
    rows = Counter()
    while (said := speaker.hear())["ev"] == "rows":
        rows.update(json.dumps(row) for row in said["rows"])
    assert said["ev"] == "ok", said
    return rows, said.get("position")


def at_rest(speaker, sql):
    """The rows of an answer when nothing moves any more."""
    rows, position = rows_of(speaker, sql)
    while True:
        time.sleep(0.03)
        again = rows_of(speaker, sql)
        if again == (rows, position):
            return rows
        rows, position = again


def holds(speaker, watchers, sql):
    """At rest each table is what the SELECT answers. Who is told nothing has nothing to be told."""
    rows = at_rest(speaker, sql)
    for watcher in watchers:
        watcher.client.sock.settimeout(REST_SECONDS)
        try:
            watcher.until(lambda watcher: watcher.table == rows)
        except TimeoutError as error:
            raise AssertionError((sql, str(watcher.table - rows)[:500], str(rows - watcher.table)[:500])) from error


def make(server):
    speaker = Speaker(server)
    speaker.append("events", [{"k": f"k{i % 7}", "n": i, "v": i % 5} for i in range(100)])
    for sql in ("CREATE MATERIALIZED VIEW sums AS SELECT k, count(*) AS count, sum(n) AS sum FROM events GROUP BY k",
                "CREATE MATERIALIZED VIEW few AS SELECT n, v FROM events WHERE v > 2",
                "CREATE MATERIALIZED VIEW often AS SELECT k, count(*) AS count FROM events GROUP BY k HAVING count(*) % 3 <> 0",
                "CREATE MATERIALIZED VIEW none AS SELECT k, count(*) AS count FROM events WHERE n < 0 GROUP BY k"):
        rows_of(speaker, sql)
    return speaker


def basics(server, speaker):
    sums, some = Watcher(server, view="sums"), Watcher(server, view="few")
    holds(speaker, [sums], "SELECT * FROM sums")
    holds(speaker, [some], "SELECT * FROM few")
    assert (sums.columns, sums.key, sums.resume, sums.reason) == (["k", "count", "sum"], [0], "snapshot", None)
    assert (some.columns, some.key) == (["n", "v"], None)
    often, none = Watcher(server, view="often"), Watcher(server, view="none")
    for i in range(10):
        speaker.append("events", [{"k": f"k{(i + j) % 9}", "n": 1000 + i, "v": j} for j in range(5)])
        holds(speaker, [sums], "SELECT * FROM sums")
    holds(speaker, [some], "SELECT * FROM few")
    holds(speaker, [often], "SELECT * FROM often")
    holds(speaker, [none], "SELECT * FROM none")
    speaker.append("events", [{"k": "k1", "n": -1, "v": 0}])
    holds(speaker, [none], "SELECT * FROM none")
    assert none.rows() == [["k1", 1]]
    began = time.monotonic()
    speaker.append("events", [{"k": "new", "n": 1, "v": 0}])
    sums.until(lambda watcher: ["new", 1, 1] in watcher.rows())
    print(f"from an append to its change: {(time.monotonic() - began) * 1000:.1f} ms")
    sums.say(id=2, op="unsubscribe", subscription=1)
    heard = [sums.hear(), sums.hear()]
    assert {"id": 2, "ev": "ok"} in heard and {"id": 1, "ev": "closed"} in heard, heard
    for watcher in (sums, some, often, none):
        watcher.end()


def selected(server, speaker):
    """By SELECT: conditions, projections, parameters; with and without the view's key; crowds of one shape."""
    watchers = {sql: Watcher(server, sql=sql) for sql in (
        "SELECT * FROM sums",
        "SELECT sum, k FROM sums WHERE count > 17",
        "SELECT count % 3 AS rest FROM sums",
        "SELECT k FROM sums WHERE k LIKE 'k%'",
        "SELECT 1 AS one FROM sums WHERE sum > 1000",
        "SELECT * FROM sums WHERE false",
        "SELECT v, n + v AS m FROM few WHERE n % 2 = 0")}
    by_key = [Watcher(server, sql="SELECT * FROM sums WHERE k = $1", params=[f"k{i % 10}"]) for i in range(30)]
    assert all(watcher.step()["ev"] == "ok" for watcher in watchers.values())
    for i in range(20):
        speaker.append("events", [{"k": f"k{(i * j) % 11}", "n": 100 * i + j, "v": (i + j) % 6} for j in range(7)])
    for sql, watcher in watchers.items():
        holds(speaker, [watcher], sql)
    for i, watcher in enumerate(by_key):
        holds(speaker, [watcher], f"SELECT * FROM sums WHERE k = 'k{i % 10}'")
    assert watchers["SELECT sum, k FROM sums WHERE count > 17"].key == [1]
    assert watchers["SELECT count % 3 AS rest FROM sums"].key is None
    for watcher in list(watchers.values()) + by_key:
        watcher.end()


def refusals(server, speaker):
    for members, code, words in (
            ({"view": "nothing"}, "view_not_found", "does not exist"),
            ({"stream": "sums"}, "message_invalid", "materialized view"),
            ({"sql": "SELECT k FROM sums GROUP BY k"}, "sql_unsupported", "GROUP BY"),
            ({"sql": "SELECT max(count) FROM sums"}, "sql_unsupported", "aggregate"),
            ({"sql": "SELECT * FROM sums ORDER BY k"}, "sql_unsupported", "ORDER BY"),
            ({"sql": "SELECT * FROM system.views"}, "sql_unsupported", "system table"),
            ({"sql": "SELECT now(), k FROM sums"}, "sql_unsupported", "time of day"),
            ({"view": "sums", "from": "latest"}, "message_invalid", "token"),
            ({"view": "sums", "from": {"0": 1}}, "message_invalid", "token"),
            ({"view": "sums", "from": "s1." + "0" * 31 + "1.5"}, "message_invalid", "of a stream")):
        said = speaker.ask(id=1, op="subscribe", **members)
        assert said["ev"] == "error" and said["code"] == code and words in said["detail"], (members, said)


def resumed(server, speaker):
    """A token gives the net difference; after a restart, and where it is another's, a snapshot and the reason."""
    queries = {"sums": "SELECT * FROM sums", "some": "SELECT v, n FROM few WHERE n < 5000", "key": "SELECT * FROM sums WHERE k = 'k3'"}
    states = {}
    for name, sql in queries.items():
        watcher = Watcher(server, sql=sql)
        holds(speaker, [watcher], sql)
        states[name] = watcher.state
        watcher.end()
    for i in range(10):
        speaker.append("events", [{"k": f"k{i % 4}", "n": i, "v": 3 + i % 2}])
    kept = Watcher(server, sql=queries["sums"])  # the change log lives
    for name, sql in queries.items():
        watcher = Watcher(server, states[name], sql=sql)
        holds(speaker, [watcher], sql)
        assert (watcher.resume, watcher.reason) == ("diff", None), (watcher.resume, watcher.reason)
        assert watcher.changes_count <= 20, watcher.changes_count
        again = Watcher(server, watcher.state, sql=sql)  # of now: nothing has changed
        holds(speaker, [again], sql)
        assert again.resume == "diff" and again.changes_count == 0
        states[name] = watcher.state
        watcher.end()
        again.end()
    kept.end()
    other = Watcher(server, states["sums"], sql=queries["some"])
    other.step()
    assert other.resume == "snapshot" and "another" in other.reason, other.reason
    other.end()
    other = Watcher(server, states["sums"], sql="SELECT k FROM sums")
    other.step()
    assert other.resume == "snapshot" and "another" in other.reason, other.reason
    other.end()
    speaker.append("events", [{"k": "k3", "n": 4000, "v": 4}])
    at_rest(speaker, queries["sums"])
    speaker.end()
    server.kill()
    server.start()
    speaker = Speaker(server)
    for name, sql in queries.items():
        table, token, _tick = states[name]
        watcher = Watcher(server, (table, token, (0, 0)), sql=sql)
        holds(speaker, [watcher], sql)
        assert watcher.resume == "snapshot" and "restart" in watcher.reason, (watcher.resume, watcher.reason)
        watcher.end()
    return speaker


def crowd(server, speaker):
    """A hundred who ask the same: some by small credit, some who come and go."""
    watchers = [Watcher(server, view="sums") for _ in range(100)]
    few = [Watcher(server, view="sums", credit=3) for _ in range(3)]
    for i in range(10):
        speaker.append("events", [{"k": f"k{i % 12}", "n": 1, "v": 1}] * 3)
        watchers[i].until(lambda watcher: True)
        state = watchers[i].state
        watchers[i].end()
        watchers[i] = Watcher(server, state, view="sums")
    for watcher in few:
        watcher.say(id=9, op="credit", subscription=1, rows=10**6)
        watcher.hear_credit = True
    holds(speaker, watchers, "SELECT * FROM sums")
    for watcher in few:
        said = watcher.hear()
        while said != {"id": 9, "ev": "ok"}:
            getattr(watcher, "_" + said["ev"])(said)
            said = watcher.hear()
    holds(speaker, few, "SELECT * FROM sums")
    for watcher in watchers + few:
        watcher.end()


def slow(server, speaker):
    """One that stops reading has the net difference when it reads again; one that asked for it is cut off; others are not held up."""
    text = "x" * 2000
    rows_of(speaker, "CREATE STREAM large (k TEXT, t TEXT, n BIGINT) FROM TOPIC events FORMAT JSON")
    rows_of(speaker, "CREATE MATERIALIZED VIEW texts AS SELECT k, max(t) AS t, count(*) AS count FROM large GROUP BY k")
    stopped, cut, reader = Watcher(server, view="texts"), Watcher(server, view="texts", slow="disconnect"), Watcher(server, view="texts")
    for watcher in (stopped, cut):
        watcher.until(lambda watcher: True)
    for i in range(60):
        speaker.append("events", [{"k": f"t{j}", "t": text + str(i), "n": i} for j in range(100)])
        reader.until(lambda watcher: any(row[0] == "t99" and row[2] == i + 1 for row in watcher.rows()))
    time.sleep(7)
    holds(speaker, [reader, stopped], "SELECT * FROM texts")
    assert stopped.changes_count < reader.changes_count, (stopped.changes_count, reader.changes_count)
    try:
        while cut.step() is not None:
            pass
    except (ConnectionError, AssertionError, TypeError):
        pass
    back = Watcher(server, cut.state, view="texts")
    holds(speaker, [back], "SELECT * FROM texts")
    for watcher in (stopped, cut, reader, back):
        watcher.end()


def changed(server, speaker):
    """A view that is renamed goes on; one that is dropped ends it."""
    watcher = Watcher(server, view="few")
    watcher.until(lambda watcher: True)
    rows_of(speaker, "ALTER MATERIALIZED VIEW few RENAME TO several")
    speaker.append("events", [{"k": "k1", "n": 7777, "v": 4}])
    watcher.until(lambda watcher: [7777, 4] in watcher.rows())
    rows_of(speaker, "DROP MATERIALIZED VIEW several")
    while watcher.ended is None:
        assert watcher.step() is not None
    assert watcher.ended["ev"] == "closed" and watcher.ended["code"] == "view_not_found", watcher.ended
    watcher.end()


def rebound(server, speaker):
    """A view whose stream has wider types by now is bound anew: who follows it is told the schema before the first new row, and has
    the rows that the SELECT answers; tokens of before are answered by a snapshot and the reason."""
    sql = "SELECT k, count(*) AS count, sum(n) AS sum, max(n) AS most FROM wide GROUP BY k"
    speaker.append("wide", [{"k": f"k{i % 5}", "n": i} for i in range(200)])
    rows_of(speaker, f"CREATE MATERIALIZED VIEW w AS {sql}")
    asked = {"all": {"view": "w"}, "some": {"sql": "SELECT most, k FROM w WHERE count > 40"},
             "one": {"sql": "SELECT * FROM w WHERE k = $1", "params": ["k3"]}}
    watchers = [Watcher(server, **what) for what in asked.values()] + [Watcher(server, view="w") for _ in range(5)]
    for watcher in watchers:
        watcher.until(lambda watcher: True)
    left = Watcher(server, view="w")
    holds(speaker, [left], "SELECT * FROM w")
    state = left.state
    left.end()
    speaker.append("wide", [{"k": f"k{i % 5}", "n": i + 0.5} for i in range(50)])
    holds(speaker, watchers[:1], "SELECT * FROM w")
    assert rows_of(speaker, "SELECT degraded, incarnation FROM system.views WHERE name = 'w'")[0] == Counter(["[true, 1]"])
    speaker.say(id="q", op="query", sql="SELECT count FROM w WHERE k = 'k1'")
    assert speaker.hear()["rows"] == [[50]]
    assert speaker.hear()["errors"] == 50  # what did not fit, of whatever key
    assert at_rest(speaker, "SELECT * FROM w") != at_rest(speaker, sql)
    rows_of(speaker, "ALTER MATERIALIZED VIEW w REBIND")
    deadline = time.monotonic() + 60
    for i in itertools.count():
        assert time.monotonic() < deadline, "it is not built"
        speaker.append("wide", [{"k": f"k{i % 6}", "n": i * 0.25}])
        rows_of(speaker, "SELECT * FROM w WHERE k = 'k1'")  # always answered
        if rows_of(speaker, "SELECT incarnation FROM system.views WHERE name = 'w'")[0] == Counter(["[2]"]):
            break
    speaker.append("wide", [{"k": "k3", "n": 1000.5}])
    for watcher, select in zip(watchers, ("SELECT * FROM w", asked["some"]["sql"], "SELECT * FROM w WHERE k = 'k3'")):
        holds(speaker, [watcher], select)
        assert (watcher.schemas, watcher.resume, watcher.reason) == (1, "snapshot", "rebuilt"), watcher.reason
    holds(speaker, watchers[3:], "SELECT * FROM w")
    assert at_rest(speaker, "SELECT * FROM w") == at_rest(speaker, sql)
    assert rows_of(speaker, "SELECT degraded, rebind, rebind_why FROM system.views WHERE name = 'w'")[0] == Counter(["[false, null, null]"])
    back = Watcher(server, state, view="w")
    holds(speaker, [back], "SELECT * FROM w")
    assert (back.resume, back.reason, back.schemas) == ("snapshot", "rebuilt", 0), back.reason
    watchers.append(back)
    late = Watcher(server, sql="SELECT sum FROM w WHERE sum > 0")
    late.until(lambda watcher: True)
    rows_of(speaker, "ALTER MATERIALIZED VIEW w RENAME TO v")
    rows_of(speaker, "CREATE STREAM wide (k TEXT, n NUMERIC(12, 3)) FROM TOPIC wide FORMAT JSON")
    rows_of(speaker, "ALTER MATERIALIZED VIEW v REBIND")
    while rows_of(speaker, "SELECT incarnation FROM system.views WHERE name = 'v'")[0] != Counter(["[3]"]):
        time.sleep(0.01)
    holds(speaker, [watchers[0]] + watchers[3:8], "SELECT * FROM v")  # by name: it is the name of now
    assert watchers[0].schemas == 2
    while late.ended is None:  # by a SELECT: it names what is no more
        assert late.step() is not None
    assert late.ended["ev"] == "closed" and "does not exist" in late.ended["detail"], late.ended
    rows_of(speaker, "DROP MATERIALIZED VIEW v")
    for watcher in watchers + [late]:
        watcher.end()


def rebound_over_kills(server, speaker):
    """kill -9 while a view is bound anew: the one that there was is read at once, and the other is built in the end."""
    sql = "SELECT k, count(*) AS count, sum(n) AS sum FROM killed GROUP BY k"
    for i in range(20):
        speaker.append("killed", [{"k": f"k{j}", "n": i} for j in range(1000)])
    rows_of(speaker, f"CREATE MATERIALIZED VIEW x AS {sql}")
    speaker.append("killed", [{"k": f"k{i % 5}", "n": 0.25} for i in range(50)])
    watcher = Watcher(server, view="x")
    holds(speaker, [watcher], "SELECT * FROM x")
    table, token, _tick = watcher.state
    watcher.end()
    rows_of(speaker, "ALTER MATERIALIZED VIEW x REBIND")
    for kills_left in range(200, 0, -1):
        if kills_left > 197:
            speaker.end()
            server.kill()
            server.start()
            speaker = Speaker(server)
        rows, _position = rows_of(speaker, "SELECT k FROM x")
        assert sum(rows.values()) == 1000, sum(rows.values())
        if rows_of(speaker, "SELECT incarnation FROM system.views WHERE name = 'x'")[0] == Counter(["[2]"]):
            break
        time.sleep(0.05)
    assert at_rest(speaker, "SELECT * FROM x") == at_rest(speaker, sql)
    assert rows_of(speaker, "SELECT incarnation FROM system.views WHERE name = 'x'")[0] == Counter(["[2]"])
    watcher = Watcher(server, (table, token, (0, 0)), view="x")
    holds(speaker, [watcher], "SELECT * FROM x")
    assert (watcher.resume, watcher.reason) == ("snapshot", "rebuilt"), watcher.reason
    watcher.end()
    return speaker


def too_large(tdb, work):
    """A net difference that does not fit in little memory: all rows come in its place, and then changes again; behind a token, and
    within a subscription whose client did not read."""
    server = Server(tdb, work, "--shards", "2", "--memory", "96MiB", http=True)
    try:
        server.start()
        speaker = Speaker(server)
        count = 0

        def append():
            nonlocal count
            for i in range(0, 40000, 5000):
                speaker.append("much", [{"k": f"key {j}", "n": count} for j in range(i, i + 5000)])
            count += 1

        append()
        rows_of(speaker, "CREATE MATERIALIZED VIEW much_of AS SELECT k, max(n) AS most FROM much GROUP BY k")
        keeper = Watcher(server, view="much_of", credit=1)
        left = Watcher(server, view="much_of")
        stopped = Watcher(server, sql="SELECT most, k FROM much_of", credit=40000)
        for watcher in (left, stopped):
            watcher.until(lambda watcher: sum(watcher.table.values()) == 40000)
        state = left.state
        left.end()
        append()
        back = Watcher(server, state, view="much_of")
        stopped.say(id=9, op="credit", subscription=1, rows=10**6)
        while (said := stopped.hear()) != {"id": 9, "ev": "ok"}:
            getattr(stopped, "_" + said["ev"])(said)
        for watcher in (back, stopped):
            watcher.until(lambda watcher: sum(row[watcher.columns.index("most")] for row in watcher.rows()) == 40000)
            assert (watcher.resume, watcher.reason) == ("snapshot", "the net difference is too large"), watcher.reason
        speaker.append("much", [{"k": "key 7", "n": 1000}])
        for watcher in (back, stopped):
            watcher.until(lambda watcher: 1000 in (row[watcher.columns.index("most")] for row in watcher.rows()))
            watcher.end()
        keeper.end()
        speaker.end()
    finally:
        server.close()


def main():
    (tdb,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        too_large(tdb, work)
    with tempfile.TemporaryDirectory() as work:
        server = Server(tdb, work, "--shards", "2", http=True)
        try:
            server.start()
            speaker = make(server)
            for test in (basics, selected, refusals):
                test(server, speaker)
            speaker = resumed(server, speaker)
            for test in (crowd, slow, changed, rebound):
                test(server, speaker)
            speaker = rebound_over_kills(server, speaker)
            last = Watcher(server, view="sums")
            last.until(lambda watcher: True)
            server.process.terminate()
            assert last.client.closing()[0] == 1001
            last.client.send(frame(CLOSE, close_payload(1001)))
            assert server.process.wait(30) == 0
        finally:
            server.close()
    print("covered: subscriptions to views: snapshots, changes, tokens, conditions, a crowd of 100, slow readers, REBIND, differences that do not fit")


if __name__ == "__main__":
    main()
