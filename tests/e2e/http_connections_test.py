#!/usr/bin/python3
"""Many HTTP connections, and bad ones, at the real server: what each takes of its memory is bounded, others do not notice, and what
they took comes back.

  http_connections_test.py CONNECTIONS [TDB]    how many at a time, and the program (TDB_BUILD's, else build/asan's)

Somebody appends and reads all the time: each of his requests is answered. Meanwhile, one after another: connections that are idle
after a request, that send a head byte by byte and never end it, that send garbage, heads and bodies without end, that ask for large
answers and read nothing, that vanish. No time is judged: the slowest answer is printed. What AddressSanitizer makes of memory is
judged for idle ones only.
"""
import contextlib
import http.client
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

TIMEOUT_SECONDS = 60
SPARE_DESCRIPTORS = 2500  # the server's besides: for files, and as one shard gets more connections than the other
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset

# What a connection may take, in KiB. Idle: no buffer. In the middle of a head: its first buffer, and a call. Its answer: what is
# written of it (broker/gateway/http_events_read.c), and its pieces' room.
IDLE_KIB = 8
HEAD_KIB = 32
ANSWER_KIB = 8 << 10
LARGE_EVENTS = 40
LARGE_BYTES = 90_000


def call(server, method, path, body=None, media="application/json"):
    """The status and the body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Content-Type": media} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()


def rounds(server):
    """Somebody appends an event, and reads it."""
    for count in itertools.count():
        yield
        status, answer = call(server, "POST", "/api/v1/streams/numbers/events", str(count))
        assert status == 200, answer
        offset = json.loads(answer)["results"][0]["offset"]
        status, answer = call(server, "GET", f"/api/v1/streams/numbers/events?offset={offset}")
        assert status == 200 and json.loads(answer)["events"][0]["value"] == count, answer


class Crowd:
    """Connections at a time."""

    def __init__(self, server):
        self.server, self.socks = server, []

    def come(self, count, text=b""):
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", self.server.http), timeout=TIMEOUT_SECONDS)
            sock.sendall(text)
            self.socks.append(sock)

    def go(self, reset=False):
        for sock in self.socks:
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()
        self.socks = []


def received(sock):
    """Everything until the server ends it."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while part := sock.recv(65536):
            said += part
    return said


def status_of(said):
    return int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/1.1 ") else None


class Run:
    def __init__(self, server, count, is_asan):
        self.server, self.count, self.is_asan = server, count, is_asan
        self.other, self.crowd = Other(rounds(server)), Crowd(server)

    def takes(self, before, count, each_kib, what):
        taken = (self.server.resident_kib() - before) / count
        print(f"{what}: {count} connections, {taken:.1f} KiB each")
        assert self.is_asan or taken <= each_kib, f"{what}: {taken:.1f} KiB each, {each_kib} are allowed"


def idle_ones(run):
    before = run.server.resident_kib()
    run.crowd.come(run.count, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    for sock in run.crowd.socks:
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    run.other.goes_on()
    run.takes(before, run.count, IDLE_KIB, "idle")
    for sock in run.crowd.socks[::50]:  # they are served still
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    run.crowd.go()


def slow_ones(run):
    """Ten seconds for a head, however its bytes come."""
    count = run.count // 3
    before = run.server.resident_kib()
    run.crowd.come(count, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    for _ in range(4):
        time.sleep(0.5)
        for sock in run.crowd.socks:
            sock.sendall(b"x")
    run.other.goes_on()
    run.takes(before, count, HEAD_KIB, "in the middle of a head")
    for sock in run.crowd.socks:
        assert status_of(received(sock)) == 408
    run.crowd.go()


def garbled_ones(run):
    endless = b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"1" * 0x10000 + b"\r\n"
    post = b"POST /api/v1/streams/numbers/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    rows = (  # bytes, and then again and again, the status
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"", 400), (b"\0" * 100, b"", 400), (b"GET / HTTP/1.1\r\n", b"X: y\r\n", 431),
        (b"GET /" + b"x" * 8000, b"x" * 1000, 414), (b"GET /livez HTTP/1.1\r\nX-Long: ", b"x" * 4000, 431),
        (post + b"Content-Length: 99999999999\r\n\r\n", b"", 413), (post + endless, endless.split(b"\r\n\r\n")[1], 413),
    )
    for first, more, status in rows:
        for _ in range(3):
            run.crowd.come(1, first)
            sock = run.crowd.socks[-1]
            sock.settimeout(0.001 if more else TIMEOUT_SECONDS)
            said = b""
            with contextlib.suppress(ConnectionError):
                for _ in range(4000 if more else 0):
                    with contextlib.suppress(TimeoutError):
                        said += sock.recv(65536)
                    if said:
                        break
                    sock.settimeout(TIMEOUT_SECONDS)
                    sock.sendall(more)
                    sock.settimeout(0.001)
            sock.settimeout(TIMEOUT_SECONDS)
            said += received(sock)
            assert status_of(said) in (status, None), (first[:60], said[:200])  # None: a reset overtook it
    run.other.goes_on()
    run.crowd.go()


def deaf_ones(run):
    """They ask for answers of megabytes and read nothing."""
    count = max(4, run.count // 100)
    body = "\n".join(json.dumps("y" * LARGE_BYTES) for _ in range(LARGE_EVENTS))
    status, answer = call(run.server, "POST", "/api/v1/streams/large/events", body, "application/x-ndjson")
    assert status == 200, answer
    before = run.server.resident_kib()
    run.crowd.come(count, b"GET /api/v1/streams/large/events?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    run.other.goes_on()
    run.takes(before, count, ANSWER_KIB, "deaf")
    run.crowd.go(reset=True)


def memory_comes_back(run):
    """Buffers that were in use are kept for those that come, and no more are made."""
    sizes = []
    for _ in range(6):
        run.crowd.come(run.count // 3, b"POST /api/v1/streams/numbers/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                       b"application/json\r\nContent-Length: 60000\r\n\r\n[")
        run.other.goes_on(5)
        run.crowd.go(reset=True)
        run.other.goes_on()
        sizes.append(run.server.resident_kib())
    print(f"after {run.count // 3} that vanish in the middle of a body, six times: {', '.join(f'{size >> 10} MiB' for size in sizes)}")
    assert run.is_asan or sizes[-1] - sizes[2] <= 16 << 10, sizes  # by then each shard had its most


STORY = (idle_ones, slow_ones, garbled_ones, deaf_ones, memory_comes_back)


def main():
    count = int(sys.argv[1])
    build = Path(os.environ.get("TDB_BUILD", ROOT / "build" / "asan"))
    tdb = Path(sys.argv[2]) if len(sys.argv) > 2 else build / "tdb"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(count, hard - SPARE_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    is_asan = b"__asan_init" in tdb.read_bytes()
    with tempfile.TemporaryDirectory(prefix="tdb_http_crowd_") as work:
        server = Server(tdb, work, "--shards", "2", "--memory", "512MiB", http=True)
        try:
            server.start()
            run = Run(server, count, is_asan)
            run.other.start()
            for act in STORY:
                act(run)
            run.other.goes_on()
            run.other.is_over = True
            run.other.join()
            server.stop()
        except BaseException:
            print(server.text()[-3000:])
            raise
        finally:
            server.close()
    print(f"covered: {count} HTTP connections at a time; others' slowest round took {run.other.slowest * 1000:.0f} ms of {run.other.count}")


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    main()
