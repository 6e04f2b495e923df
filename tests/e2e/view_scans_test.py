#!/usr/bin/python3
"""Views that are read whole while everything is appended that goes: each answer counts exactly the events that its position covers.

  view_scans_test.py KEYS [TDB]    how many, and the program (TDB_BUILD's, else build/asan's)

Views of so many keys follow a stream into which several clients append as fast as they can. Meanwhile the
largest view is read whole, again and again: the sum of its counts is the number of events that the answer's position covers, as
system.ticks tells it; one row is never of another tick than the others. A prober appends single events and waits until they are in
the view: how long that takes, with and without a reader beside it, is printed, and so is how long the readings took. From a million
keys on a reading has to take two seconds at least: it computes as much of each row as that needs.
"""
import bisect
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)

ROOT = Path(__file__).resolve().parent.parent.parent
KEYS = int(sys.argv[1])
IS_LARGE = KEYS >= 1_000_000
SECONDS = 120 if IS_LARGE else 6  # of both: appending alone, and with a reader beside it
SEED = int(os.environ.get("TDB_SEED") or 1)
SHARDS = 2
PARTITIONS = 4
WRITERS = 2
BODY = 5000 if IS_LARGE else 1000  # events of a body
PAUSE = 0 if IS_LARGE else 0.02    # between bodies: a small run shares its machine
BODIES = 40           # bodies of each writer, sent again and again
MEMORY_PER_KEY = 1000  # of the server: views may take a quarter
SCANS_MIN = 3
CHECKED_SECONDS = 60   # until so many could be held against their positions
SCAN_SECONDS = 2      # of a reading of a million keys or more, at least
TIMEOUT_SECONDS = 300
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


class Client:
    """A connection that is kept."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=TIMEOUT_SECONDS)

    def post(self, path, body, headers):
        self.connection.request("POST", path, body, headers)
        answer = self.connection.getresponse()
        said = json.loads(answer.read())
        assert answer.status == 200, f"{path}: {answer.status} {str(said)[:1000]}"
        return said

    def ask(self, sql, **more):
        body = json.dumps({"sql": sql, "timeout": f"{TIMEOUT_SECONDS}s", **more})
        try:
            said = self.post("/api/v1/query", body, JSON)
        except (http.client.RemoteDisconnected, ConnectionResetError):  # it was idle for long
            self.connection.close()
            said = self.post("/api/v1/query", body, JSON)
        assert "error" not in said, f"{sql}: {str(said)[:1000]}"
        return said

    def rows(self, sql, **more):
        return self.ask(sql, **more)["rows"]

    def append(self, body):
        said = self.post("/api/v1/streams/events/events", body, NDJSON)
        assert said["failed"] == 0, said
        return said


def body_of(keys):
    return "".join(f'{{"k":"k{key}","v":{key % 1000}}}\n' for key in keys)


class Worker(threading.Thread):
    """Works until it is told to end; what it failed by is raised by finish."""

    def __init__(self, server):
        super().__init__()
        self.client, self.is_ending, self.failed = Client(server), False, None

    def run(self):
        try:
            while not self.is_ending:
                self.work()
        except BaseException as failed:  # told by the main thread
            self.failed = failed

    def finish(self):
        self.is_ending = True
        self.join()
        if self.failed:
            raise self.failed


class Writer(Worker):
    def __init__(self, server, prng):
        super().__init__(server)
        self.bodies = [body_of(prng.randrange(KEYS) for _ in range(BODY)) for _ in range(BODIES)]
        self.count = 0

    def work(self):
        self.client.append(self.bodies[self.count % BODIES])
        self.count += 1
        time.sleep(PAUSE)


class Prober(Worker):
    """How long an event takes from before its append until a reader has seen it."""

    def __init__(self, server):
        super().__init__(server)
        self.took = []

    def work(self):
        began = time.monotonic()
        result, = self.client.append('{"k":"probe","v":1}\n')["results"]
        said = self.client.rows("SELECT c FROM counts WHERE k = 'probe'",
                                min_position={"events": {str(result["partition"]): result["offset"]}})
        assert len(said) == 1, said
        self.took.append(time.monotonic() - began)
        time.sleep(0.002)

    def take(self):
        took, self.took = sorted(self.took), []
        return took


class Recorder(Worker):
    """What ticks cover, as they come: the server keeps some hundred of them, and a reading takes longer."""

    def __init__(self, server):
        super().__init__(server)
        self.last, self.ends = 0, {}
        self.ticks, self.events = [], []  # those that moved the topic, and the events up to each; -1: some before were missed

    def work(self):
        rows = self.client.rows(f'SELECT tick, "partition", "offset" FROM system.ticks WHERE topic = \'events\' AND tick > {self.last} '
                                "ORDER BY tick")
        for tick, partition, end in rows:
            if tick > self.last + 1 and (tick, partition) == tuple(rows[0][:2]):
                self.ends = {}
            self.ends[partition] = end
            events = sum(self.ends.values()) if len(self.ends) == PARTITIONS else -1
            if self.ticks and self.ticks[-1] == tick:
                self.events[-1] = events
            else:
                self.ticks.append(tick)
                self.events.append(events)
        self.last = rows[-1][0] if rows else self.last
        time.sleep(0.02)

    def covered(self, position):
        """The events that a position covers, or None: not all ticks of then were seen."""
        tick = int(position.split(".")[1])
        while self.last < tick and not self.failed:
            time.sleep(0.02)
        at_tick = bisect.bisect_right(self.ticks, tick) - 1
        return self.events[at_tick] if at_tick >= 0 and self.events[at_tick] >= 0 else None


def at(sorted_values, share):
    return 1000 * sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))] if sorted_values else float("nan")


def covered(client, position):
    """The events that a position covers, by the last end of each partition in ticks up to it; None: ticks of then are not in
    memory any more."""
    tick = int(position.split(".")[1])
    ends = client.rows(f'SELECT "partition", max("offset") FROM system.ticks WHERE topic = \'events\' AND tick <= {tick} GROUP BY 1')
    return sum(end for _, end in ends) if len(ends) == PARTITIONS else None


def scan(client, recorder, work):
    """One reading: seconds that it took, and whether its position could be checked."""
    began = time.monotonic()
    said = client.ask(f"SELECT sum(c), count(*), max(c), max({work}) FROM counts")
    took = time.monotonic() - began
    (total, keys, most, _), = said["rows"]
    events = recorder.covered(said["position"])
    assert keys >= KEYS and most >= 1, said
    if events is not None:
        assert int(total) == events, f"position {said['position']} covers {events} events, the view counts {total}"
    return took, events is not None


def scans(client, recorder, seconds):
    """Readings for so long: how long each took. Each of a large view takes two seconds."""
    works, took, checked = ["length(k)", "length(md5(k))", "length(md5(md5(md5(k))))", "length(md5(repeat(k, 100)))"], [], 0
    work = works.pop(0)
    until = time.monotonic() + seconds
    late = until + CHECKED_SECONDS
    while time.monotonic() < until or checked < SCANS_MIN:
        one, is_checked = scan(client, recorder, work)
        if IS_LARGE and one < SCAN_SECONDS:
            assert works, f"a reading of {KEYS} keys takes {one:.1f} s"
            work = works.pop(0)
            continue
        took.append(one)
        checked += is_checked
        assert time.monotonic() < late, f"{checked} of {len(took)} positions could be checked"
    return sorted(took), checked


def fill(client):
    """Each key once."""
    for first in range(0, KEYS, BODY):
        client.append(body_of(range(first, min(first + BODY, KEYS))))


def run(server, prng):
    client = Client(server)
    client.append('{"k":"probe","v":1}\n')  # makes the topic
    client.ask("CREATE STREAM events (k TEXT, v BIGINT) FROM TOPIC events FORMAT JSON")
    client.ask("CREATE MATERIALIZED VIEW counts AS SELECT k, count(*) AS c, sum(v) AS s FROM events GROUP BY k")
    client.ask("CREATE MATERIALIZED VIEW total AS SELECT count(*) AS c FROM events")
    fill(client)
    workers = [Writer(server, prng) for _ in range(WRITERS)]
    prober, recorder = Prober(server), Recorder(server)
    for worker in [*workers, prober, recorder]:
        worker.start()
    time.sleep(SECONDS / 3)
    alone = prober.take()
    began, events = time.monotonic(), sum(worker.count for worker in workers)
    took, checked = scans(client, recorder, SECONDS / 2)
    rate = BODY * (sum(worker.count for worker in workers) - events) / (time.monotonic() - began)
    beside = prober.take()
    for worker in [*workers, prober, recorder]:
        worker.finish()
    (state, degraded, errors), = client.rows("SELECT state, degraded, errors FROM system.views WHERE name = 'counts'")
    assert state in ("live", "lagging") and not degraded and errors == 0, state
    said = client.ask("SELECT sum(c) FROM counts")
    assert int(said["rows"][0][0]) == covered(client, said["position"]), said
    print(f"covered: {len(took)} readings of {KEYS} keys, {checked} held against their positions, while {rate:,.0f} events/s came: "
          f"{took[0]:.2f} .. {took[-1]:.2f} s")
    print(f"covered: freshness without a reader p50 {at(alone, .5):.1f} ms, p99 {at(alone, .99):.1f} ms; with one "
          f"p50 {at(beside, .5):.1f} ms, p99 {at(beside, .99):.1f} ms: {at(beside, .99) / at(alone, .99):.2f} x")


def main(tdb):
    with tempfile.TemporaryDirectory() as work:
        memory = max(256 << 20, KEYS * MEMORY_PER_KEY)
        server = Server(tdb, work, "--shards", str(SHARDS), "--partitions", str(PARTITIONS), "--memory", str(memory), http=True)
        try:
            server.start()
            run(server, random.Random(SEED))
            server.stop()
        except BaseException:
            print(server.text()[-4000:], file=sys.stderr)
            raise
        finally:
            server.close()


if __name__ == "__main__":
    main(sys.argv[2] if len(sys.argv) > 2 else Path(os.environ.get("TDB_BUILD", ROOT / "build" / "asan")) / "tdb")
