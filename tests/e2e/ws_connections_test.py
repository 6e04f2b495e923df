#!/usr/bin/python3
"""Many WebSocket connections, and bad ones, at the real server: what each takes of its memory is bounded, others do not notice, and
what they took comes back.

  ws_connections_test.py CONNECTIONS [TDB]    how many at a time, and the program (TDB_BUILD's, else build/asan's)

Somebody appends, and watches a stream and a view change: each of his rounds is answered. Meanwhile, one after another: connections
that follow a stream and are idle, that follow and stop reading, that send garbage, frames and messages without end, that subscribe
and unsubscribe as fast as they can, that vanish, and, in a campaign, that do not answer pings. No time is judged: the slowest round is printed. What AddressSanitizer makes of
memory is judged for none.
"""
import contextlib
import itertools
import json
import os
import resource
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from meanwhile import Other  # noqa: E402  (the path above leads to it)
from serve import Server  # noqa: E402
from ws_client import BINARY, CONTINUATION, PING, PONG, TEXT, Client, frame  # noqa: E402
from ws_speaker import Reader, Speaker, Watcher  # noqa: E402

TIMEOUT_SECONDS = 60
TEND_SECONDS = 8
SILENCE_SECONDS = 60         # longer than anybody may be silent
SLOW, SLOW_MIB = 4, 40       # connections that read slowly, and what they are to read
SLOW_BYTES = 48 << 10        # of it at a time
FEW = 2000                  # connections of a short run
SPARE_DESCRIPTORS = 2500   # the server's besides: for files, and as one shard gets more connections than the other
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset

# What a connection may take, in KiB: idle, with a subscription; of one that does not read (256 KiB of what it
# asked for, a run of frames more; what the log has of it in memory counts in here, too).
IDLE_KIB = 8
DEAF_KIB = 2 << 10


def rounds(server):
    """Somebody appends, and watches a stream and a view change."""
    speaker = Speaker(server)
    speaker.append("numbers", [{"n": -1}])
    speaker.ask(id=1, op="query", sql="CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS count, sum(n) AS sum FROM numbers")
    reader, watcher = Reader(server, "numbers"), Watcher(server, view="sums")
    reader.until(0)
    for count in itertools.count():
        yield
        speaker.append("numbers", [{"n": count}])
        assert reader.until(count + 1)[-1][0] == count
        watcher.until(lambda watcher: watcher.rows()[0][0] == count + 2)


def message(**members):
    return frame(TEXT, json.dumps(members).encode())


class Run:
    def __init__(self, server, count, is_asan):
        self.server, self.count, self.is_asan = server, count, is_asan
        self.other, self.clients, self.tended = Other(rounds(server)), [], time.monotonic()

    def come(self, count, text=b""):
        for _ in range(count):
            self.clients.append(Client(self.server.http))
            if text:
                self.clients[-1].send(text)
            self.tend()

    def tend(self):
        """Tell from time to time that they live: nobody reads their pings meanwhile."""
        if time.monotonic() - self.tended > TEND_SECONDS:
            for client in self.clients:
                with contextlib.suppress(ConnectionError):
                    client.send(frame(PONG))
            self.tended = time.monotonic()

    def go(self, reset=False):
        for client in self.clients:
            if reset:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.end()
        self.clients = []

    def takes(self, before, count, each_kib, what):
        taken = (self.server.resident_kib() - before) / count
        print(f"{what}: {count} connections, {taken:.1f} KiB each")
        assert self.is_asan or taken <= each_kib, f"{what}: {taken:.1f} KiB each, {each_kib} are allowed"


def hear(client):
    """The next message."""
    while (said := client.next())[0] == PING:
        client.send(frame(PONG, said[1]))
    return json.loads(said[1])


def until_progress(client):
    while hear(client)["ev"] != "progress":
        pass


def idle_ones(run):
    """Each follows a stream on which nothing comes."""
    speaker = Speaker(run.server)
    speaker.append("quiet", [{"n": 1}])
    speaker.end()
    before = run.server.resident_kib()
    run.come(run.count, message(id=1, op="subscribe", stream="quiet"))
    for client in run.clients:
        until_progress(client)
        run.tend()
    run.other.goes_on()
    run.takes(before, run.count, IDLE_KIB if run.count > FEW else 2 * IDLE_KIB, "idle")  # of few the server's own counts, too
    speaker = Speaker(run.server)
    speaker.append("quiet", [{"n": 2}])
    for client in run.clients:  # they are served still, all of them
        assert hear(client)["rows"][0][0] == 2
        run.tend()
    run.go()
    speaker.end()


def deaf_ones(run):
    """They follow what changes by megabytes and read nothing; one in three comes back to it."""
    count = max(6, run.count // 50)
    speaker = Speaker(run.server)
    speaker.append("large", [{"t": ""}])
    before = run.server.resident_kib()
    run.come(count, message(id=1, op="subscribe", stream="large"))
    for client in run.clients:
        until_progress(client)
    total = 0
    for i in range(20):
        speaker.append("large", [{"t": f"{i:03}" + "y" * 30_000} for _ in range(10)])
        total += 10
    run.other.goes_on()
    run.takes(before, count, DEAF_KIB, "deaf")
    for client in run.clients[::3]:
        got = 0
        while got < total:
            said = hear(client)
            got += len(said.get("rows", ()))
        assert got == total, got
    run.go(reset=True)
    speaker.end()


def garbled_ones(run):
    """Frames and messages that are none, or have no end: their connection ends, or they are told."""
    rows = (  # bytes, and then again and again
        (b"\xff" * 100, b""), (b"GET / HTTP/1.1\r\n\r\n", b""), (frame(BINARY, b"x"), b""), (frame(TEXT, b"\xff\xfe"), b""),
        (frame(TEXT, b"{}", reserved=4), b""), (frame(PING, b"x" * 126), b""), (frame(TEXT, b"", length=1 << 62, form=8), b"x" * 65536),
        (frame(TEXT, b"[", fin=False), frame(CONTINUATION, b"[" * 60000, fin=False)),
        (frame(TEXT, b"[" * 100_000), b""), (frame(TEXT, b'{"op":"subscribe","id":1,"sql":"' + b"(" * 60000 + b'"}'), b""),
        (frame(TEXT, b'{"op":"subscribe","id":1,"stream":"numbers","from":{' + b'"0":1,' * 5000 + b'"0":1}}'), b""),
        (frame(TEXT, b"nothing"), b""), (frame(TEXT, b""), b""),
    )
    for first, more in rows:
        for _ in range(3):
            run.come(1, first)
            client = run.clients[-1]
            with contextlib.suppress(ConnectionError):
                for _ in range(400 if more else 0):
                    client.send(more)
    run.other.goes_on()
    run.go()


def stormy_ones(run):
    """They subscribe and unsubscribe, forty at a time, and read little of what they are told."""
    count = max(4, run.count // 100)
    run.come(count)
    for turn in range(3):
        for client in run.clients:
            text = b"".join(message(id=i, op="subscribe", sql=f"SELECT n FROM numbers WHERE n > {i * turn}", **{"from": "earliest"})
                            for i in range(40))
            text += b"".join(message(op="unsubscribe", subscription=i) for i in range(turn % 2, 40))
            with contextlib.suppress(ConnectionError, TimeoutError):
                client.send(text)
        run.other.goes_on(5)
    for client in run.clients:
        client.send(message(id="end", op="ping"))
        while hear(client).get("id") != "end":
            pass
    run.go()


def vanishing_ones(run):
    """What they took comes back."""
    sizes = []
    for _ in range(5):
        run.come(run.count // 10, message(id=1, op="subscribe", stream="numbers", **{"from": "earliest"}) +
                 message(id=2, op="subscribe", view="sums") + message(id=3, op="query", sql="SELECT * FROM numbers"))
        run.other.goes_on(5)
        run.go(reset=True)
        run.other.goes_on()
        sizes.append(run.server.resident_kib())
    print(f"after {run.count // 10} that vanish, five times: {', '.join(f'{size >> 10} MiB' for size in sizes)}")
    assert run.is_asan or sizes[-1] - sizes[2] <= 16 << 10, sizes


def silent_ones(run):
    """They say nothing for a minute: one in two answers pings and stays, the others are hung up. Who says nothing but reads what he
    asked for, slowly and with more to come all the time, stays, too."""
    speaker = Speaker(run.server)
    for _ in range(4 * SLOW_MIB):
        speaker.append("flood", [{"t": "z" * (64 << 10)} for _ in range(4)])
    speaker.end()
    run.come(SLOW)
    slow, run.clients = run.clients, []
    for client in slow:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        client.send(message(id=1, op="subscribe", stream="flood", **{"from": "earliest"}))
    run.come(run.count // 100)
    answers, silent = run.clients[::2], run.clients[1::2]
    read, deadline = [0] * SLOW, time.monotonic() + SILENCE_SECONDS
    for client in answers:
        client.sock.settimeout(0.01)
    while time.monotonic() < deadline:
        for client in answers:
            with contextlib.suppress(TimeoutError):
                kind, what = client.next()
                assert kind == PING, (kind, what)
                client.send(frame(PONG, what))
        for i, client in enumerate(slow):
            part = client.sock.recv(SLOW_BYTES)
            assert part != b"", f"hung up after {read[i]} bytes"
            read[i] += len(part)
    assert max(read) < SLOW_MIB << 20, read  # there was more all the time, and so nothing that they could have answered
    for client in slow:  # all that is left: more than is on its way
        left = (SLOW_MIB << 20) - read[slow.index(client)]
        while left > 0:
            part = client.sock.recv(1 << 20)
            assert part != b"", f"hung up with {left} bytes to come"
            left -= len(part)
        client.end()
    print(f"slow: {SLOW} connections that read {', '.join(f'{count >> 10} KiB' for count in read)} of {SLOW_MIB} MiB in {SILENCE_SECONDS} s")
    for client in answers:
        client.sock.settimeout(TIMEOUT_SECONDS)
        client.send(message(id="there", op="ping"))
        assert hear(client)["id"] == "there"
    for client in silent:
        assert client.next()[0] == PING
        with contextlib.suppress(ConnectionError):
            assert client.next() is None
    run.go()


STORY = (idle_ones, deaf_ones, garbled_ones, stormy_ones, vanishing_ones)
LONG_STORY = (*STORY, silent_ones)  # of a campaign


def main():
    count = int(sys.argv[1])
    build = Path(os.environ.get("TDB_BUILD", ROOT / "build" / "asan"))
    tdb = Path(sys.argv[2]) if len(sys.argv) > 2 else build / "tdb"
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(count, hard - SPARE_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    is_asan = b"__asan_init" in tdb.read_bytes()
    with tempfile.TemporaryDirectory(prefix="tdb_ws_crowd_") as work:
        server = Server(tdb, work, "--shards", "2", "--memory", "1GiB", http=True)
        try:
            server.start()
            run = Run(server, count, is_asan)
            run.other.start()
            run.other.goes_on()
            for act in LONG_STORY if count > FEW else STORY:
                began = time.monotonic()
                act(run)
                print(f"{act.__name__}: {time.monotonic() - began:.1f} s")
            run.other.goes_on()
            run.other.is_over = True
            run.other.join()
            server.stop()
        except BaseException:
            print(server.text()[-3000:])
            raise
        finally:
            server.close()
    print(f"covered: {count} WebSocket connections at a time; others' slowest round took {run.other.slowest * 1000:.0f} ms "
          f"of {run.other.count}")


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    main()
