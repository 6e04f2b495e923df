#!/usr/bin/python3
"""kill -9 while HTTP producers append that never retry: what was acknowledged is there, once, where the answer says; an event whose
request was not answered is there once or not at all; nothing else is.

  http_killed_test.py TDB

A round: some producers, each with a connection of its own, append events alone and in bodies of many, of each media type; the
server is killed at a random moment and starts again, on another number of shards; all is read back by HTTP and held against what
was sent. TDB_SHARE_CASES: so many rounds (5); TDB_SHARE_SECONDS: no new round after that; TDB_SEED.
"""
import base64
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

STREAM = "/api/v1/streams/numbers/events"
PARTITIONS = 3
PRODUCERS = 4
SHARDS_MAX = 3
MANY = 40  # events of a body at most
TIMEOUT_SECONDS = 60


class Producer(threading.Thread):
    """Appends until its connection breaks. Its events are [name, number]."""

    def __init__(self, server, name, seed):
        super().__init__()
        self.server, self.name_, self.prng = server, name, random.Random(seed)
        self.acked = {}        # event -> (partition, offset)
        self.unanswered = set()
        self.failed = None
        self.count = 0

    def run(self):
        try:
            self.append()
        except (OSError, http.client.HTTPException):
            pass  # the server was killed
        except BaseException as failed:  # told by the main thread
            self.failed = failed

    def append(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=TIMEOUT_SECONDS)
        while True:
            events = [(self.name_, self.count + i) for i in range(self.prng.choice((1, 1, self.prng.randint(2, MANY))))]
            self.count += len(events)
            media, body = self.body(events)
            self.unanswered = set(events)
            connection.request("POST", STREAM, body, {"Content-Type": media})
            answer = connection.getresponse()
            said = json.loads(answer.read())
            assert answer.status == 200 and said["appended"] == len(events), said
            for event, result in zip(events, said["results"]):
                self.acked[event] = (result["partition"], result["offset"])
            self.unanswered = set()

    def body(self, events):
        values = [json.dumps(event) for event in events]
        kind = self.prng.randrange(3)
        if kind == 0:
            return "application/json", "[" + ",".join(values) + "]" if len(values) > 1 else f"[{values[0]}]"
        if kind == 1:
            return "application/x-ndjson", "\n".join(values)
        return "application/vnd.tdb.events+json", json.dumps([
            {"key": event[0], "value_base64": base64.b64encode(value.encode()).decode(), "headers": {"n": str(event[1])}}
            for event, value in zip(events, values)])


def read(server):
    """event -> where it is, each (partition, offset)."""
    found = {}
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=TIMEOUT_SECONDS)
    for partition in range(PARTITIONS):
        offset = 0
        while True:
            connection.request("GET", f"{STREAM}?partition={partition}&offset={offset}&limit=10000")
            answer = connection.getresponse()
            said = json.loads(answer.read())
            assert answer.status == 200, said
            for event in said["events"]:
                found.setdefault(tuple(event["value"]), []).append((partition, event["offset"]))
            if said["next_offset"] == offset:
                break
            assert said["next_offset"] > offset
            offset = said["next_offset"]
    connection.close()
    return found


def first(server, acked):
    """An event before all kills: the stream is there in any case."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=TIMEOUT_SECONDS)
    connection.request("POST", STREAM, '[["first", 0]]', {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    assert answer.status == 200 and said["appended"] == 1, said
    acked[("first", 0)] = (said["results"][0]["partition"], said["results"][0]["offset"])
    connection.close()


def main():
    cases = int(os.environ.get("TDB_SHARE_CASES", 5))
    seconds = float(os.environ.get("TDB_SHARE_SECONDS", 1e9))
    seed = int(os.environ.get("TDB_SEED", random.randrange(1 << 30)))
    prng = random.Random(seed)
    began = time.monotonic()
    acked, maybe, rounds = {}, set(), 0
    with tempfile.TemporaryDirectory(prefix="tdb_http_killed_") as work:
        server = Server(sys.argv[1], work, "--partitions", str(PARTITIONS), "--memory", "256MiB", http=True)
        try:
            server.start("--shards", "2")
            first(server, acked)
            while rounds < cases and (rounds == 0 or time.monotonic() - began < seconds):
                producers = [Producer(server, f"{rounds}.{i}", prng.random()) for i in range(PRODUCERS)]
                for producer in producers:
                    producer.start()
                time.sleep(prng.uniform(0.2, 0.8))
                server.kill()
                for producer in producers:
                    producer.join()
                    if producer.failed:
                        raise producer.failed
                    acked |= producer.acked
                    maybe |= producer.unanswered
                server.start("--shards", str(prng.randint(1, SHARDS_MAX)))
                check(read(server), acked, maybe)
                rounds += 1
            server.stop()
        except BaseException:
            print(f"seed {seed}, round {rounds}\n{server.text()[-3000:]}")
            raise
        finally:
            server.close()
    print(f"covered: {rounds} kills, {len(acked)} events acknowledged, {len(maybe)} unanswered (from seed {seed})")


def check(found, acked, maybe):
    for event, where in acked.items():
        assert found.get(event) == [where], f"{event} was acknowledged at {where} and is at {found.get(event)}"
    for event, places in found.items():
        assert event in acked or event in maybe, f"{event} was never sent, and is at {places}"
        assert len(places) == 1, f"{event} was sent once and is at {places}"


if __name__ == "__main__":
    main()
