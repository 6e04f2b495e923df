#!/usr/bin/python3
"""Subscriptions over WebSocket, against a real server.

  ws_subscribe_test.py TDB

What is given: from the first record, from an offset, from now on, behind a token; to one that asks for few rows at a time, to a
hundred, to one that stops reading, to ones that come back with their token after kill -9: nothing twice, nothing missing.
"""
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)
from ws_client import CLOSE, PONG, close_payload, frame  # noqa: E402
from ws_speaker import Reader, Speaker, Watcher  # noqa: E402

SYSTEM = ["_key", "_partition", "_offset", "_timestamp"]
LIVES = 3


def basics(server):
    writer = Speaker(server)
    writer.append("first", [{"n": i, "name": f"n{i}"} for i in range(2000)])
    everything = Reader(server, "first", **{"from": "earliest"})
    everything.until(2000)
    assert everything.columns == ["n", "name"] + SYSTEM and everything.events[:2] == ["ok", "schema"], everything.events[:3]
    assert everything.column("n") == list(range(2000)) == everything.column("_offset")
    assert set(everything.column("_partition")) == {0} and everything.column("_key") == [None] * 2000
    fresh = Reader(server, "first")
    fresh.until(0)
    behind = Reader(server, "first", **{"from": {"0": 1990}})
    assert [row[0] for row in behind.until(10)] == list(range(1990, 2000))
    few = Reader(server, "first", credit=3, **{"from": "earliest"})
    assert [row[0] for row in few.until(3)] == [0, 1, 2]
    began = time.monotonic()
    writer.append("first", [{"n": 5000, "name": "new"}], key="k")
    assert fresh.until(1)[0][:5] == [5000, "new", "k", 0, 2000], fresh.rows
    print(f"from an append to its row: {(time.monotonic() - began) * 1000:.1f} ms")
    everything.until(2001)
    few.say(id=9, op="credit", subscription=1, rows=1998)
    assert few.hear() == {"id": 9, "ev": "ok"}
    assert few.until(2001)[-1][0] == 5000
    again = Reader(server, "first", **{"from": fresh.token})
    again.until(0)
    again.say(id=2, op="unsubscribe", subscription=1)
    assert again.hear() == {"id": 2, "ev": "ok"} and again.hear() == {"id": 1, "ev": "closed"}
    writer.append("first", [{"n": 1}])
    assert again.ask(id=3, op="ping") == {"id": 3, "ev": "ok"}
    again.say(id=1, op="subscribe", stream="first", **{"from": again.token})
    again.until(1)
    for reader in (everything, fresh, behind, few, again, writer):
        reader.end()


def refusals(server):
    speaker = Speaker(server)
    token = "s1." + "0" * 31 + "1.5"
    for members, code, words in (
            ({"stream": "nothing"}, "stream_not_found", ""),
            ({"stream": "system.streams"}, "stream_not_found", ""),
            ({"stream": 1}, "message_invalid", "name"),
            ({"stream": ""}, "message_invalid", "name"),
            ({"stream": "first", "from": "never"}, "message_invalid", "token"),
            ({"stream": "first", "from": 5}, "message_invalid", "PARTITION"),
            ({"stream": "first", "from": {"a": 5}}, "message_invalid", "partitions"),
            ({"stream": "first", "from": {"9": 5}}, "offset_out_of_range", "partition"),
            ({"stream": "first", "from": {"0": 1 << 40}}, "offset_out_of_range", "behind the end"),
            ({"stream": "first", "from": {"timestamp": "noon"}}, "message_invalid", "RFC 3339"),
            ({"stream": "first", "from": {"timestamp": -1}}, "message_invalid", "RFC 3339"),
            ({"stream": "first", "from": {"timestamp": 1, "0": 1}}, "message_invalid", "not both"),
            ({"stream": "first", "from": "v1." + "0" * 31 + "1.1.00000001.5." + "0" * 16}, "message_invalid", "of a view"),
            ({"stream": "first", "view": "first"}, "message_invalid", "one of"),
            ({"stream": "first", "params": [1]}, "message_invalid", "params"),
            ({"view": "first"}, "message_invalid", "is a stream"),
            ({"view": "nothing"}, "view_not_found", "does not exist"),
            ({"sql": "SELECT count(*) FROM first"}, "sql_unsupported", "an aggregate in a subscription"),
            ({"sql": "SELECT n FROM first ORDER BY n"}, "sql_unsupported", "ORDER BY"),
            ({"sql": "SELECT nobody FROM first"}, "", "does not exist"),
            ({"sql": "SELECT n FROM first WHERE n > $1", "params": ["x"]}, "", "$1"),
            ({"stream": "first", "from": token}, "stream_not_found", "another"),
            ({"stream": "first", "credit": -1}, "message_invalid", "credit"),
            ({"stream": "first", "slow": "latest"}, "message_invalid", "slow"),
            ({"stream": "first", "filter": "n > 1"}, "message_invalid", "filter"),
            ({}, "message_invalid", "stream")):
        said = speaker.ask(id=1, op="subscribe", **members)
        assert said["ev"] == "error" and code in said["code"] and words in said["detail" if words else "code"], (members, said)
    speaker.say(op="subscribe", stream="first")
    assert '"id"' in speaker.hear()["detail"]
    for op in ("unsubscribe", "credit"):
        said = speaker.ask(id=1, op=op, subscription=1, **({"rows": 1} if op == "credit" else {}))
        assert said["code"] == "message_invalid" and "no such subscription" in said["detail"], said
    speaker.end()


def selected(server):
    """By SELECT: conditions, projections, parameters; what nobody passes comes as progress all the same; a time as the place."""
    writer = Speaker(server)
    writer.append("chosen", [{"n": i, "name": f"n{i % 3}", "in": {"deep": i}} for i in range(100)])
    some = Reader(server, None, sql="SELECT name, n * 10 AS ten FROM chosen WHERE n >= 90 AND name = $1", params=["n0"],
                  **{"from": "earliest"})
    some.until(4)
    assert some.columns == ["name", "ten"] and some.rows == [["n0", n * 10] for n in (90, 93, 96, 99)], some.rows
    deep = Reader(server, None, sql="SELECT _offset, \"in\"->>'deep' AS d FROM chosen WHERE \"in\"->>'deep' = '7'", **{"from": "earliest"})
    assert deep.until(1) == [[7, "7"]]
    fault = Reader(server, None, sql="SELECT 1 / (n - 200) AS q FROM chosen")
    fault.until(0)
    same = [Reader(server, None, sql="SELECT n FROM chosen WHERE n > 150") for _ in range(20)]
    for reader in same:
        reader.until(0)
    writer.append("chosen", [{"n": 150}])
    writer.append("chosen", [{"n": 151}])
    for reader in same:
        assert reader.until(1) == [[151]]
    assert fault.until(2) == [[0], [0]]
    time.sleep(0.05)
    moment = time.time()  # 151 is of an earlier millisecond, 200 of a later one
    time.sleep(0.05)
    writer.append("chosen", [{"n": 200}])
    while (said := fault.step())["ev"] != "closed":
        pass
    assert said["detail"] == "division by zero", said
    for at in (int(moment * 1000) + 1, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03}Z"):
        late = Reader(server, "chosen", **{"from": {"timestamp": at}})
        assert [row[0] for row in late.until(1)] == [200], late.rows
        late.end()
    ahead = Reader(server, "chosen", **{"from": {"timestamp": int(moment * 1000) + 10**7}})
    ahead.until(0)
    again = Reader(server, None, sql="SELECT n FROM chosen WHERE n > 150", **{"from": same[0].token})
    assert again.until(1) == [[200]]
    writer.append("chosen", [{"n": -5}])  # it passes no condition: the token moves on within a second
    token = again.token
    again.events.clear()
    again.until(1)
    assert again.token != token
    for reader in same + [some, deep, fault, ahead, again, writer]:
        reader.end()


def blank(server):
    """A stream of which nothing is known: its columns come with its first record; so it is for who had no credit until then."""
    subprocess.run([server.tdb, "topic", "create", "blank", "--server", server.address], check=True, stdout=subprocess.DEVNULL)
    named = Reader(server, "blank")
    starred = Reader(server, None, sql="SELECT *, _offset + 1 AS next FROM blank WHERE _partition = $1", params=[0])
    system = Reader(server, None, sql="SELECT _offset FROM blank")
    waiting = [Reader(server, "blank", credit=0), Reader(server, None, sql="SELECT * FROM blank", credit=0)]
    for reader in (named, starred, system, *waiting):
        reader.until(0)
        assert reader.columns == (["_offset"] if reader is system else None), reader.columns
    for reader in waiting:
        assert reader.ask(id=9, op="credit", subscription=1, rows=2) == {"id": 9, "ev": "ok"}
    writer = Speaker(server)
    writer.append("blank", [{"n": 5}])
    assert named.until(1)[0][:4] == [5, None, 0, 0] and named.columns == ["n"] + SYSTEM, named.columns
    assert starred.until(1) == [[5, 1]] and starred.columns == ["n", "next"], (starred.rows, starred.columns)
    assert system.until(1) == [[0]]
    assert waiting[0].until(1)[0][:4] == [5, None, 0, 0]
    assert waiting[1].until(1) == [[5]] and waiting[1].columns == ["n"]
    ended = Reader(server, None, sql="SELECT * FROM blank")
    for reader in (named, starred, system, *waiting, ended, writer):
        reader.end()


def hundred(server):
    writer = Speaker(server)
    writer.append("wide", [{"n": -1}])
    readers = [Reader(server, "wide") for _ in range(100)]
    for reader in readers:
        reader.until(0)
    for i in range(20):
        writer.append("wide", [{"n": i}] * 5)
    for reader in readers:
        reader.until(100)
        assert reader.column("n") == [i for i in range(20) for _ in range(5)]
    many = Speaker(server)
    for i in range(60):
        many.say(id=f"s{i}", op="subscribe", stream="wide", **{"from": "earliest"})
    counts = {}
    while len(counts) < 60 or any(count < 101 for count in counts.values()):
        said = many.hear()
        if said["ev"] == "rows":
            counts[said["id"]] = counts.get(said["id"], 0) + len(said["rows"])
    for reader in readers + [writer, many]:
        reader.end()


def ids(tdb, work):
    """Each has an id of its own: what they are told is written once all the same, so that little memory is enough for long messages
    to many; short ones and those to one id among many come as well."""
    server = Server(tdb, work, "--shards", "2", "--memory", "96MiB", http=True)
    try:
        server.start()
        writer = Speaker(server)
        writer.append("bursts", [{"n": -1, "text": "first"}])
        names = [f"{i:08}-own-id" for i in range(150)] + ["all"] * 30
        readers = [Reader(server, "bursts", ident=name) for name in names]
        watchers = []
        for what in ({"sql": "SELECT n, text FROM bursts WHERE n >= 0"}, {"view": "longest"}):
            if "view" in what:
                assert writer.ask(id=0, op="query", sql="CREATE MATERIALIZED VIEW longest AS SELECT n, max(text) AS text FROM bursts "
                                  "GROUP BY n")["ev"] == "ok"
                watchers = [Watcher(server, ident=name, **what) for name in names]
            else:
                readers += [Reader(server, None, ident=name, **what) for name in names[::10]]
        for reader in readers:
            reader.until(0)
        for watcher in watchers:
            watcher.until(lambda watcher: True)
        values = [{"n": i, "text": f"text {i}"} for i in range(3000)]
        for some in (values[:3], values[3:]):
            writer.append("bursts", some)
            for reader in readers:
                reader.until(some[-1]["n"] + 1)
        for reader in readers:
            assert [row[:2] for row in reader.rows] == [[value["n"], value["text"]] for value in values], reader.ident
        for watcher in watchers:
            watcher.until(lambda watcher: sum(watcher.table.values()) == 3001)
            assert sorted(watcher.rows())[1:] == [[value["n"], value["text"]] for value in values], watcher.ident
        for client in readers + watchers + [writer]:
            client.end()
    finally:
        server.close()


def slow(server):
    """One that stops reading waits, and has all in the end; one that asked for that is cut off; others are not held up."""
    writer = Speaker(server)
    text = "x" * 1000
    writer.append("large", [{"n": 0, "text": text}])
    stopped = Reader(server, "large", **{"from": "earliest"})
    cut = Reader(server, "large", slow="disconnect", **{"from": "earliest"})
    for i in range(40):
        writer.append("large", [{"n": i, "text": text} for _ in range(500)])
        stopped.client.send(frame(PONG, b""))  # it is there, though it does not read: else it is gone after a minute
    reader = Reader(server, "large", **{"from": "earliest"})
    reader.until(20001)
    reader.end()
    time.sleep(7)
    stopped.until(20001)
    assert stopped.column("_offset") == list(range(20001))
    try:
        while cut.step() is not None:
            pass
    except (ConnectionError, AssertionError, TypeError):
        pass
    assert len(cut.rows) < 20001 and cut.column("_offset") == list(range(len(cut.rows))), len(cut.rows)
    back = Reader(server, "large", **{"from": cut.token})
    seen = json.loads("[" + ",".join(cut.token.split(".")[2:]) + "]")[0]
    back.until(20001 - seen)
    for client in (stopped, back, writer, cut):
        client.end()


def killed(server):
    """Clients that come back with their token have every event once, up to what was acknowledged and further."""
    writer = Speaker(server)
    writer.append("lives", [{"n": -1}])
    writer.end()
    tables, tokens = [{} for _ in range(10)], [None] * 10
    acknowledged, stop = [], threading.Event()

    def write():
        n = 0
        while not stop.is_set():
            try:
                speaker = Speaker(server)
                while not stop.is_set():
                    values = [{"n": n + i} for i in range(10)]
                    n += 10
                    speaker.append("lives", values)
                    acknowledged.extend(value["n"] for value in values)
            except (OSError, TypeError, ValueError, IndexError):
                time.sleep(0.02)

    def read(i, end):
        """Up to `end` rows, or to the server's end."""
        try:
            reader = Reader(server, "lives", **{"from": tokens[i] or "earliest"})
            at, new = None, {}
            while end is None or len(tables[i]) < end:
                said = reader.step()
                if said is None:
                    return
                if said["ev"] == "rows":
                    at = reader.columns.index("_offset")
                    for row in said["rows"]:
                        assert row[at] not in new and row[at] not in tables[i], "twice"
                        new[row[at]] = row[0]
                elif said["ev"] == "progress":
                    tables[i].update(new)
                    new, tokens[i] = {}, said["token"]
        except (OSError, ValueError, IndexError, TypeError):
            return

    writing = threading.Thread(target=write)
    writing.start()
    for _ in range(LIVES):
        reading = [threading.Thread(target=read, args=(i, None)) for i in range(10)]
        for thread in reading:
            thread.start()
        time.sleep(0.7)
        server.kill()
        for thread in reading:
            thread.join()
        server.start()
    stop.set()
    writing.join()
    speaker = Speaker(server)
    speaker.say(id=1, op="query", sql="SELECT _offset, n FROM lives")
    log = {}
    while (said := speaker.hear())["ev"] == "rows":
        log.update((row[0], row[1]) for row in said["rows"])
    assert said["ev"] == "ok", said
    assert set(acknowledged) <= set(log.values()), "an acknowledged event is lost"
    for i in range(10):
        read(i, len(log))
        assert tables[i] == log, (i, len(tables[i]), len(log))
    speaker.end()
    print(f"{len(log)} events, {len(acknowledged)} acknowledged, {LIVES} lives")


def main():
    (tdb,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        ids(tdb, work)
    with tempfile.TemporaryDirectory() as work:
        server = Server(tdb, work, "--shards", "2", http=True)
        try:
            server.start()
            basics(server)
            refusals(server)
            selected(server)
            blank(server)
            hundred(server)
            slow(server)
            killed(server)
            reader = Reader(server, "first")
            reader.until(0)
            server.process.terminate()
            assert reader.client.closing()[0] == 1001
            reader.client.send(frame(CLOSE, close_payload(1001)))
            assert server.process.wait(30) == 0, server.text()[-3000:]
        finally:
            server.close()
    print("covered: subscriptions: 100 readers of a stream, 180 of which 150 have ids of their own, 10 over", LIVES, "lives")


if __name__ == "__main__":
    main()
