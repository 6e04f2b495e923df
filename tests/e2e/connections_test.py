#!/usr/bin/python3
"""Many connections, and bad ones, at the real server: what each takes of its memory is bounded, others do not notice, and what
they took comes back.

  connections_test.py CONNECTIONS [TDB]    how many at a time, and the program (TDB_BUILD's, else build/asan's)

A producer and a reader, in a process of their own, go on all the time: each record they send is answered and read, small ones and
such as come in parts; every few rounds somebody new comes in. Meanwhile, one after another: connections that are idle from the
start or after a request, that send a byte now and then, that stop in the middle of a request, more of these than there is memory
for, that send garbage and lengths no request has, that ask for much and read nothing, that vanish; at last more than there are
descriptors. No time is judged: the slowest answer is printed. What AddressSanitizer makes of memory is judged for idle ones only.
"""
import contextlib
import errno
import itertools
import multiprocessing
import os
import random
import resource
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback
from pathlib import Path

import talk  # first: it knows where the others are
from kafka_batch import Large, batch
from serve import Server
from talk import EARLIEST, LATEST, OK, until

SUITE = "e2e_connections"
SHARDS = 2
SPARE_DESCRIPTORS = 1800  # the server's besides: for files, and as one shard gets more connections than the other
OUR_DESCRIPTORS = 100     # ours besides
TOO_MANY = 200           # connections more than there are descriptors
AT_ONCE = 3000           # connections that come while the server is held up
ROUNDS = 20              # of the others, while a crowd stands
PART_BYTES = 60000       # of a record that comes in parts
DEAF_ANSWER_BYTES = 2 << 20

# What a connection may take, in KiB. Idle: measured 1.3 to 1.9. Before its first request is whole: LIMIT_CONNECTION_BYTES_UNAUTHENTICATED.
# In the middle of a later one: its first buffer. Its answers: what is held before it is read no more, and one of them.
IDLE_KIB = 8
FIRST_KIB = 64
BEGUN_KIB = 160
DEAF_KIB = (8 + 2) * 1024

LENGTH_MAX = (16 << 20) + 4096  # of a request: LIMIT_BUF_BYTES
FIRST_LENGTH_MAX = 64 << 10

IP_BIND_ADDRESS_NO_PORT, TCP_REPAIR = 24, 19
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset

VERSIONS = talk.request("ApiVersions", {}) if talk.DATA.is_dir() else b""


# --- The others ---

class Others:
    """A producer and a reader, and who comes in new: a process that goes round and round."""

    def __init__(self, port):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=go_round, args=(port, theirs), daemon=True)
        self.process.start()

    def _ask(self, command):
        self.pipe.send(command)
        assert self.pipe.poll(120), "the producer and the reader do not go on"
        said = self.pipe.recv()
        assert not isinstance(said, str), f"the producer or the reader failed:\n{said}"
        return said

    def rounds(self, count=ROUNDS):
        """So many more: answers since `since_now`, and the slowest of them in seconds."""
        return self._ask({"rounds": count})

    def since_now(self):
        self.change(answers=0, slowest=0.0)

    def change(self, **how):
        """`newcomers`: whether somebody new comes in. `is_large`: whether all records come in parts."""
        self._ask({"rounds": 0} | how)

    def end(self):
        """Answers in all, the slowest of all."""
        said = self._ask({"end": True})
        self.process.join(10)
        return said

    def close(self):
        if self.process.is_alive():
            self.process.kill()


def go_round(port, pipe):
    try:
        Round(port, pipe).go()
    except BaseException:  # told by the main process
        pipe.send(traceback.format_exc())


class Round:
    """What that process does."""

    def __init__(self, port, pipe):
        self.port, self.pipe = port, pipe
        self.producer, self.reader = talk.connect(port), talk.connect(port)
        self.offset, self.newcomers, self.is_large = 0, True, False
        self.answers = self.answers_all = 0
        self.slowest = self.slowest_all = 0.0

    def go(self):
        talk.create(self.producer, "others", segment_bytes=1 << 20)
        left = None  # rounds that are asked for
        while True:
            if left is None and self.pipe.poll():
                command = self.pipe.recv()
                if "end" in command:
                    break
                left = command.pop("rounds")
                self.__dict__.update(command)
            self.round()
            left = None if left is None else left - 1
            if left is not None and left <= 0:
                self.pipe.send((self.answers, self.slowest))
                left = None
            time.sleep(0.002)
        self.pipe.send((self.answers_all, self.slowest_all))

    def round(self):
        is_large = self.is_large or self.offset % 10 == 9
        value = f"record {self.offset} ".encode() + b"." * (PART_BYTES if is_large else 20)
        error, offset = self.time(talk.produce, self.producer, "others", batch([value]))
        assert (error, offset) == (OK, self.offset), f"record {self.offset}: error {error}, offset {offset}"
        error, found = self.time(talk.fetch, self.reader, "others", self.offset)
        assert (error, found) == (OK, [(self.offset, value)]), f"record {self.offset}: error {error}, {len(found)} records"
        self.offset += 1
        if self.newcomers and self.offset % 8 == 0:
            self.time(self.come_in)

    def come_in(self):
        wire = talk.connect(self.port)
        shown = talk.ask(wire, "Metadata", {"topics": [{"name": "others"}]})["topics"][0]
        assert shown["errorCode"] == OK, shown
        wire.close()

    def time(self, do, *arguments):
        began = time.monotonic()
        result = do(*arguments)
        took = time.monotonic() - began
        self.slowest, self.slowest_all = max(self.slowest, took), max(self.slowest_all, took)
        self.answers, self.answers_all = self.answers + 1, self.answers_all + 1
        return result


# --- Crowds ---

class Crowd:
    """Connections of ours, all from one address of this machine."""

    sources = itertools.count(1)

    def __init__(self, run, what, kib_max, since):
        self.run, self.what, self.kib_max, self.since = run, what, kib_max, since
        self.source = f"127.0.1.{next(Crowd.sources)}"
        self.socks = []

    def open(self, count, receive_bytes=None):
        """So many more, which the kernel keeps for the server: a few thousands at most."""
        self.socks += [connection(self.source, self.run.server.port, receive_bytes) for _ in range(count)]

    def opened(self, count, receive_bytes=None):
        """So many more, and the server has taken them."""
        there, sockets = self.run.descriptors(), self.run.sockets()
        for at in range(0, count, 500):
            self.open(min(500, count - at), receive_bytes)
            until(lambda: self.run.descriptors() + 1000 > there + at, "the server takes no connections")
        until(lambda: self.run.sockets() >= sockets + count, "the server takes no connections")

    def send(self, data):
        for sock in self.socks:
            sock.sendall(data)

    def valid(self):
        """Each sends a request and has its answer; not all at the same time, for a request takes more than its connection."""
        for at in range(0, len(self.socks), 100):
            for sock in self.socks[at:at + 100]:
                sock.sendall(VERSIONS)
            for sock in self.socks[at:at + 100]:
                answer(sock)

    def stand(self):
        """It is complete: the others go on, and what it takes is told and judged."""
        answers, slowest = self.run.others.rounds()
        count = len(self.socks)
        each = max(0, self.run.memory() - self.since) / count
        print(f"covered: {SUITE}/{self.what}: {count} connections, {each:.1f} KiB each; {answers} answers to others, the slowest "
              f"after {slowest * 1000:.0f} ms", flush=True)
        does_judge = self.run.does_judge or self.kib_max == IDLE_KIB
        assert each <= self.kib_max or not does_judge, f"{self.what}: {each:.1f} KiB each, at most {self.kib_max}"

    def ended(self):
        """The server has ended each of them."""
        for sock in self.socks:
            assert is_ended(sock), f"{self.what}: a connection that sent what it must not goes on"

    def close(self):
        for i, sock in enumerate(self.socks):
            if i % 2 == 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()
        self.socks = []


def connection(source, port, receive_bytes=None):
    sock = socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source, 0))
    sock.settimeout(30)
    sock.connect(("127.0.0.1", port))
    return sock


def answer(sock):
    """The next answer's bytes, its length apart."""
    length, = struct.unpack(">i", take(sock, 4))
    return take(sock, length)


def take(sock, count):
    parts = []
    while count > 0:
        part = sock.recv(count)
        assert part, "the server closed the connection"
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def is_ended(sock):
    """Whether the server ends it, and has sent nothing."""
    try:
        sent = sock.recv(1)
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    assert sent == b"", "an answer to what is no request"
    return True


# --- The phases ---

class Run:
    """What phases share: the server, how many connections it is to have, how many we can make."""

    def __init__(self, server, count, count_max, memory_mib, does_judge):
        self.server, self.count, self.count_max, self.does_judge = server, count, count_max, does_judge
        self.much = memory_mib // 11  # records of 1 MB: more than a shard keeps in memory
        self.others = self.wire = None
        self.empty = 0  # memory before the first crowd

    def memory(self):
        """The server's own, in KiB."""
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{self.server.pid}/smaps_rollup").read_text().splitlines()[1:])
        return sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def sockets(self):
        folder, count = f"/proc/{self.server.pid}/fd", 0
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(f"{folder}/{name}").startswith("socket:")
        return count

    @contextlib.contextmanager
    def crowd(self, what, kib_max, since=None):
        """An empty crowd; after it the server has as many connections as before."""
        before = self.sockets()
        self.others.since_now()
        crowd = Crowd(self, what, kib_max, self.memory() if since is None else since)
        try:
            yield crowd
        finally:
            crowd.close()
        until(lambda: self.sockets() <= before, lambda: f"{self.sockets() - before} connections are still there: {what}")
        self.others.rounds(5)
        self.server.check()

    def warm_up(self):
        """What the server takes once, it has taken: receive buffers, and what the others need."""
        self.wire = talk.connect(self.server.port)
        talk.create(self.wire, "much")
        self.others = Others(self.server.port)
        self.others.rounds(50)
        socks = [connection("127.0.0.1", self.server.port) for _ in range(12 * SHARDS)]
        for _ in range(100):
            for sock in socks:
                sock.sendall(VERSIONS)
            for sock in socks:
                answer(sock)
        for sock in socks:
            sock.close()
        self.others.rounds(5)
        self.empty = self.memory()


def idle_from_the_start(run):
    with run.crowd("idle from the start", IDLE_KIB, run.empty) as crowd:
        crowd.opened(run.count)
        crowd.stand()


def idle_after_a_request(run):
    """As many as before: what those took is used again."""
    with run.crowd("idle after a request", IDLE_KIB, run.empty) as crowd:
        crowd.opened(run.count)
        crowd.valid()
        crowd.stand()


def all_at_once(run):
    """Who connects while the server is held up is taken when it goes on; nobody is turned away."""
    with run.crowd("all at once", IDLE_KIB) as crowd:
        os.kill(run.server.pid, signal.SIGSTOP)
        try:
            crowd.open(AT_ONCE)
        finally:
            os.kill(run.server.pid, signal.SIGCONT)
        crowd.valid()
        crowd.stand()


def a_byte_now_and_then(run):
    with run.crowd("a byte now and then", FIRST_KIB) as crowd:
        crowd.opened(run.count // 10)
        for byte in VERSIONS[:-1]:
            crowd.send(bytes([byte]))
            run.others.rounds(1)
        crowd.stand()
        crowd.send(VERSIONS[-1:])
        for sock in crowd.socks:
            answer(sock)


def half_a_first_request(run):
    with run.crowd("half a first request", FIRST_KIB) as crowd:
        crowd.opened(run.count // 5)
        crowd.send(struct.pack(">i", FIRST_LENGTH_MAX) + bytes(100))
        crowd.stand()


def half_a_later_request(run):
    with run.crowd("half a later request", BEGUN_KIB) as crowd:
        crowd.opened(run.count // 20)
        crowd.valid()
        crowd.send(struct.pack(">i", LENGTH_MAX) + bytes(10000))
        crowd.stand()


def more_begun_requests_than_there_is_memory_for(run):
    with run.crowd("more begun requests than memory", BEGUN_KIB) as crowd:
        crowd.opened(run.count)
        crowd.valid()
        crowd.send(struct.pack(">i", LENGTH_MAX) + bytes(100))
        run.others.change(is_large=True)
        crowd.stand()
        run.others.change(is_large=False)


def garbage(run):
    """What other programs say first, and what nobody says."""
    prng = random.Random(run.count)
    said = [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
            bytes.fromhex("16030100c8010000c40303") + bytes(200), b"\0\0\0\x08" + struct.pack(">hhi", 18, 0, 1)[:6] + b"\xff\xff",
            bytes(5000), b"\xff" * 5000, b"\0\0\0\x10" + b"\x7f" * 16, b"\0\0\0\x12\0\x03\0\x01" + b"\xee" * 14, b"\n" * 9]
    said += [bytes([prng.randrange(1, 256)]) + prng.randbytes(prng.randrange(3, 9000)) for _ in range(10)]
    for does_ask in (False, True):
        with run.crowd(f"garbage {'after a request' if does_ask else 'from the start'}", FIRST_KIB) as crowd:
            crowd.opened(max(len(said), run.count // 20))
            if does_ask:
                crowd.valid()
            for data, sock in zip(itertools.cycle(said), crowd.socks):
                with contextlib.suppress(ConnectionError):  # it may be ended already
                    sock.sendall(data)
            crowd.stand()
            crowd.ended()
    assert "connection closed peer=127.0.1." in run.server.text(), "nothing is said of what came"


def lengths_no_request_has(run):
    rows = [(length, does_ask) for does_ask in (False, True) for length in (0, -1, -2**31, 2**31 - 1)]
    rows += [(FIRST_LENGTH_MAX + 1, False), (LENGTH_MAX + 1, True)]
    for length, does_ask in rows:
        with run.crowd(f"length {length}{' after a request' if does_ask else ''}", FIRST_KIB) as crowd:
            crowd.opened(max(5, run.count // 200))
            if does_ask:
                crowd.valid()
            for sock in crowd.socks:
                with contextlib.suppress(ConnectionError):
                    sock.sendall(struct.pack(">i", length) + bytes(8))
            crowd.ended()
    for length, does_ask in ((FIRST_LENGTH_MAX, False), (LENGTH_MAX, True)):
        with run.crowd(f"the largest length{' after a request' if does_ask else ''}", BEGUN_KIB if does_ask else FIRST_KIB) as crowd:
            crowd.opened(max(5, run.count // 200))
            if does_ask:
                crowd.valid()
            crowd.send(struct.pack(">i", length) + bytes(8))
            crowd.stand()
            assert not any(is_readable(sock) for sock in crowd.socks), f"length {length} is refused"


def is_readable(sock):
    sock.setblocking(False)
    try:
        sock.recv(1)
        return True
    except BlockingIOError:
        return False
    finally:
        sock.settimeout(30)


def much_asked_for_and_nothing_read(run):
    """From memory and from the disk: more is stored than the server keeps in memory."""
    large = Large(1_000_000)
    for number in range(run.much):
        assert talk.produce(run.wire, "much", large.batch(number)) == (OK, number)
    with run.crowd("much asked for and nothing read", DEAF_KIB) as crowd:
        crowd.opened(max(8, run.count // 200), receive_bytes=4096)
        for i, sock in enumerate(crowd.socks):
            sock.setblocking(False)
            for k in range(40):
                with contextlib.suppress(BlockingIOError):
                    sock.send(talk.request("Fetch", talk.fetch_body("much", (i + k) % run.much, DEAF_ANSWER_BYTES, 0)))
        crowd.stand()
    assert talk.offset_of(run.wire, "much", LATEST) == (OK, run.much)
    assert talk.offset_of(run.wire, "much", EARLIEST) == (OK, 0)


def peers_that_vanish(run):
    """In the middle of a request, with answers unread, without a word while an answer is due: the server finds out."""
    waiting = talk.request("Fetch", talk.fetch_body("much", run.much, 1000, 300))
    with run.crowd("peers that vanish", BEGUN_KIB) as crowd:
        crowd.opened(run.count // 10)
        for i, sock in enumerate(crowd.socks):
            sock.sendall((VERSIONS[:9], VERSIONS * 20, VERSIONS + VERSIONS[:6], VERSIONS)[i % 4])
        crowd.stand()
        for i, sock in enumerate(crowd.socks):
            if i % 4 == 1:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            elif i % 4 == 2:
                sock.shutdown(socket.SHUT_WR)
            elif i % 4 == 3:
                sock.sendall(waiting)
                vanish(sock)
            sock.close()
        crowd.socks = []


def vanish(sock):
    """From now on its system knows nothing of the connection, and says nothing when it is closed."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    except OSError as reason:
        assert reason.errno in (errno.EPERM, errno.ENOPROTOOPT), reason
        Skips.say("peers that vanish without a word: needs CAP_NET_ADMIN and TCP_REPAIR; they reset")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def more_connections_than_descriptors(run):
    """The others go on, and the files they need; who waits comes in when there is room."""
    run.others.change(newcomers=False)
    with run.crowd("more connections than descriptors", FIRST_KIB) as crowd:
        crowd.opened(run.count)
        crowd.open(min(run.server.descriptors + TOO_MANY, run.count_max) - run.count)
        told = "new connections wait"
        until(lambda: told in run.server.text(), f"the log never says '{told}'")
        began, segments = time.monotonic(), segments_of(run)
        late = connection("127.0.0.1", run.server.port)
        late.sendall(VERSIONS)
        run.others.change(is_large=True)
        run.others.rounds(2 * (1 << 20) // PART_BYTES)
        crowd.stand()
        until(lambda: segments_of(run) >= segments + 2, "no segment is begun")
        lines = run.server.text().count(told)
        seconds = time.monotonic() - began
        assert lines <= SHARDS * (2 + seconds / 5), f"said {lines} times in {seconds:.1f} s"
        crowd.close()
        answer(late)
        late.close()
        run.others.change(newcomers=True, is_large=False)


def segments_of(run):
    return len(list(run.server.data.glob("p/*/*/*.log")))


def the_server_ends_with_a_crowd_at_its_door(run):
    crowd = Crowd(run, "", IDLE_KIB, 0)
    crowd.opened(run.count // 5)
    answers, slowest = run.others.end()
    run.server.stop()
    crowd.ended()
    crowd.close()
    return answers, slowest


PHASES = (idle_from_the_start, idle_after_a_request, all_at_once, a_byte_now_and_then, half_a_first_request,
          half_a_later_request, more_begun_requests_than_there_is_memory_for, garbage, lengths_no_request_has,
          much_asked_for_and_nothing_read, peers_that_vanish, more_connections_than_descriptors)


# --- ---

class Skips:
    """What does not run here, each told once."""

    told = set()

    @classmethod
    def say(cls, why):
        if why not in cls.told:
            print(f"SKIP: {SUITE}: {why}", flush=True)
        cls.told.add(why)


def descriptors_for(count):
    """How many connections there can be, and how many descriptors the server and this process may have for them."""
    wanted = max(count, AT_ONCE) + SPARE_DESCRIPTORS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ours = wanted + TOO_MANY + OUR_DESCRIPTORS
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (ours, max(ours, hard)))
        return count, wanted, ours
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    servers = min(wanted, hard)
    allowed = min(count, servers - SPARE_DESCRIPTORS)
    if allowed < count:
        Skips.say(f"{count} connections at a time: a process may have {hard} descriptors (ulimit -Hn), so {allowed}")
    return allowed, servers, hard


def main():
    if not talk.DATA.is_dir():
        Skips.say(f"no {talk.DATA}")
        return 0
    home = Path(os.environ.get("TDB_BUILD", talk.ROOT / "build" / "asan"))
    tdb = sys.argv[2] if len(sys.argv) > 2 else str(home / "tdb")
    does_judge = not talk.is_sanitized(tdb)
    if not does_judge:
        Skips.say("memory of connections that are not idle: the program is built with AddressSanitizer")
    count, servers, ours = descriptors_for(int(sys.argv[1]))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        memory_mib = 2048 if count > 5000 else 256
        server = Server(tdb, work, "--shards", str(SHARDS), "--memory", f"{memory_mib}MiB", descriptors=servers)
        run = Run(server, count, ours - OUR_DESCRIPTORS, memory_mib, does_judge)
        try:
            server.start()
            run.warm_up()
            for phase in PHASES:
                phase(run)
            answers, slowest = the_server_ends_with_a_crowd_at_its_door(run)
        except BaseException:
            print(f"--- the server's last lines:\n{server.text()[-3000:]}", file=sys.stderr)
            raise
        finally:
            server.close()
            if run.others:
                run.others.close()
    print(f"covered: {SUITE}: {count} connections at a time in {time.monotonic() - began:.1f} s; {answers} answers to others, the "
          f"slowest after {slowest * 1000:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
