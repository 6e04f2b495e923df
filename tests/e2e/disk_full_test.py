#!/usr/bin/python3
"""A server whose disk becomes full: producers get an error after which they may try again, all else goes on, and the service
resumes by itself when there is room. Nothing that was acknowledged is lost, nothing is there twice.

  disk_full_test.py FILESYSTEM [TDB]    tmpfs, or ext4 on a loop device; the program (TDB_BUILD's, else build/asan's)

The file system is small, and mounted where only this process and its children see it. Room is made by deleting records, by
deleting a topic, and by removing a file of somebody else; in between the server is killed and started on the full disk, and
started where not a block is free.
"""
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import talk  # first: it knows where the others are
from kafka_batch import Large, number_of
from serve import Server
from talk import EARLIEST, LATEST, NOT_LEADER, OK, STORAGE_ERROR, until
from ws_speaker import Reader, Speaker, Watcher

SUITE = "e2e_disk_full"
MIB = 1 << 20
# The server keeps 256 MiB free for itself, what is not settled yet apart, and a reserve of 64 MiB (storage/log/store.h); the rest,
# about 100 MiB, is for records.
RESERVE_BYTES = 64 * MIB
FILLER_BYTES = 128 * MIB
DISK_BYTES = 592 * MIB
RECORD_BYTES = 1_000_000
GONE_COUNT = 40       # records of the topic that is deleted: more than what is let in before it is seen that the disk is full
PACE_SECONDS = 0.008  # from one record to the next; it is looked every 200 ms
LEFT_COUNT = 8        # records that are left of what is trimmed
SEGMENT_BYTES = 4 * MIB
FLAGS = ("--shards", "2", "--memory", "128MiB")
PLACE = "TDB_DISK_FULL_PLACE"  # set where the disk is mounted


class Run:
    """The server on the small disk, and what it has acknowledged."""

    def __init__(self, tdb, disk, work):
        self.tdb, self.disk = tdb, disk
        self.server = Server(tdb, disk, *FLAGS, http=True)
        self.server.log = work / "server.log"  # not on that disk
        self.large, self.wire = Large(RECORD_BYTES), None
        self.ends = {}    # topic: records that are acknowledged
        self.starts = {}  # topic: records that are deleted
        self.read = {}    # topic: where its consumer is
        self.refused = 0
        self.screens = None

    def start(self):
        self.server.start()
        self.wire = talk.connect(self.server.port)
        talk.ask(self.wire, "ApiVersions", {})  # a first request is small

    def make(self, topic):
        talk.create(self.wire, topic, segment_bytes=SEGMENT_BYTES)
        self.ends[topic] = self.starts[topic] = self.read[topic] = 0

    def append(self, topic):
        """One more record; its error."""
        number = self.ends[topic]
        part = talk.append(self.wire, topic, self.large.batch(number))
        if part["errorCode"] != OK:
            self.refused += 1
            assert part["errorCode"] == STORAGE_ERROR, f"record {number} of {topic}: error {part['errorCode']}, which is final"
            assert "disk is full" in part["errorMessage"], part
            return part["errorCode"]
        assert part["baseOffset"] == number, f"record {number} of {topic} is acknowledged at {part['baseOffset']}"
        self.ends[topic] += 1
        return OK

    def fill(self, topic):
        """Until it is refused; so slowly that not much more is let in than there is room for."""
        for _ in range(DISK_BYTES // RECORD_BYTES):
            began = time.monotonic()
            if self.append(topic) != OK:
                return
            time.sleep(max(0, began + PACE_SECONDS - time.monotonic()))
        raise AssertionError("the disk never becomes full")

    def goes_on(self, topic):
        """The producer that tries again is let in."""
        until(lambda: self.append(topic) == OK, lambda: f"producers are refused with {self.free_bytes() // MIB} MiB free", 0.05)

    def post(self):
        """One more event by HTTP; the status, and the problem's code."""
        request = urllib.request.Request(f"{self.server.url}/api/v1/streams/web/events", b"1", {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, None
        except urllib.error.HTTPError as refused:
            problem = json.load(refused)
            assert problem["retriable"] and problem["failed"] == 1 and problem["hint"], problem
            return refused.code, problem["code"]

    def gets(self, topic):
        """The first record of a topic is read by HTTP."""
        url = f"{self.server.url}/api/v1/streams/{topic}/events?limit=1"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return len(json.load(answer)["events"]) == 1

    def free_bytes(self):
        space = os.statvfs(self.disk)
        return space.f_bavail * space.f_frsize

    def trim(self, topic, start):
        assert talk.trim(self.wire, topic, start) == (OK, start)
        self.starts[topic] = start

    def reads(self, again=False):
        """Consumers have every record that was acknowledged and that they have not had (`again`: that there is), each once; who
        comes in new learns of topics and offsets."""
        wire = talk.connect(self.server.port)
        for topic, end in self.ends.items():
            assert talk.offset_of(wire, topic, LATEST) == (OK, end), topic
            assert talk.offset_of(wire, topic, EARLIEST) == (OK, self.starts[topic]), topic
            offset = self.starts[topic] if again else max(self.starts[topic], self.read[topic])
            while offset < end:
                error, found = talk.fetch(wire, topic, offset, 8 * MIB)
                assert error == OK and found, f"{topic} from {offset}: error {error}"
                for at, value in found:
                    number = number_of(value)
                    assert (at, number) == (offset, offset), f"{topic}: record {number} at {at}, {offset} is due"
                    assert self.large.is_whole(value), f"{topic}: record {offset} is not what was sent"
                    offset += 1
            self.read[topic] = end
        shown = talk.ask(wire, "Metadata", {"topics": [{"name": topic} for topic in self.ends]})["topics"]
        assert all(topic["errorCode"] == OK for topic in shown), shown
        wire.close()

    def takes_all(self):
        """Somebody else takes the disk's last block."""
        with (self.disk / "filler").open("ab", buffering=0) as filler:
            for piece in (bytes(MIB), bytes(4096)):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(piece)

    def gives_back(self):
        """And gives back what he took. The producer goes on, and there is a reserve again."""
        (self.disk / "filler").unlink()
        self.goes_on("kept")
        reserve = self.server.data / "reserve"
        until(lambda: reserve.exists() and reserve.stat().st_blocks * 512 >= RESERVE_BYTES, "there is no reserve")


class Waiter:
    """A consumer at the end of a topic."""

    def __init__(self, run, topic):
        self.topic, self.offset = topic, run.ends[topic]
        self.wire = talk.connect(run.server.port)
        self.wire.sock.settimeout(60)
        self.wire.send("Fetch", talk.VERSIONS["Fetch"], talk.fetch_body(topic, self.offset, MIB, 60000))

    def has_it(self):
        """The next record comes to it."""
        part = self.wire.receive("Fetch", talk.VERSIONS["Fetch"])["responses"][0]["partitions"][0]
        (at, value), = talk.kafka_batch.records(part["records"])
        assert (at, number_of(value)) == (self.offset, self.offset), f"{self.topic}: {number_of(value)} at {at}"
        self.wire.close()


class Clients:
    """Producers that people have, each with a record to send while the disk is full."""

    def __init__(self, run):
        self.run, self.outcomes = run, {}
        self.librdkafka = self.start_librdkafka()
        self.has_failed = self.run_kafka_python()

    def start_librdkafka(self):
        try:
            from confluent_kafka import Producer
        except ImportError:
            skip("python3-confluent-kafka is not installed: deploy/install test")
            return None
        producer = Producer({"bootstrap.servers": self.run.server.address, "enable.idempotence": True, "linger.ms": 0,
                             "retry.backoff.ms": 20, "message.timeout.ms": 60000, "log_level": 2})
        producer.produce("clients", b"librdkafka", on_delivery=lambda error, _: self.outcomes.update(librdkafka=error))
        producer.poll(0.5)
        assert not self.outcomes, f"librdkafka does not try again: {self.outcomes}"
        return producer

    def run_kafka_python(self):
        """2.0.2 does not know KAFKA_STORAGE_ERROR, and takes what it does not know for final. True: it says that it failed."""
        try:
            from kafka import KafkaProducer
            from kafka.errors import KafkaError
        except ImportError:
            skip("python3-kafka is not installed: deploy/install test")
            return True
        producer = KafkaProducer(bootstrap_servers=self.run.server.address, acks="all", retries=3, api_version_auto_timeout_ms=30000)
        try:
            producer.send("clients", b"kafka-python").get(20)
            return False
        except KafkaError:
            return True
        finally:
            producer.close()

    def have_theirs(self):
        """Who tries again was let in; what is said to have failed is not there."""
        wanted = set() if self.has_failed else {b"kafka-python"}
        if self.librdkafka:
            assert self.librdkafka.flush(30) == 0 and self.outcomes == {"librdkafka": None}, self.outcomes
            wanted.add(b"librdkafka")
        error, found = talk.fetch(self.run.wire, "clients", 0, wait_ms=0)
        assert error == OK and sorted(value for _, value in found) == sorted(wanted), found


class Screens:
    """WebSocket clients: one that follows a stream, one that follows a view of it, one that appends and asks."""

    def __init__(self, run):
        self.speaker = Speaker(run.server)
        said = self.speaker.ask(id=0, op="query", sql="CREATE MATERIALIZED VIEW web_count AS SELECT count(*) AS count FROM web")
        assert said["ev"] == "ok", said
        self.reader, self.watcher = Reader(run.server, None, sql="SELECT _offset FROM web"), Watcher(run.server, view="web_count")
        self.reader.until(0)
        self.have(1)

    def are_refused(self):
        """No event more; all else goes on."""
        said = self.speaker.ask(id=0, op="append", stream="web", events=[{"value": 2}])
        assert said["ev"] == "error" and said["code"] == "disk_full" and said["retriable"] and said["hint"], said
        assert self.speaker.ask(id=0, op="ping")["ev"] == "ok"
        assert self.speaker.ask(id=0, op="query", sql="SELECT * FROM web_count")["ev"] == "ok"

    def have(self, count):
        """The events there are, but for the first one that the reader did not ask for."""
        self.watcher.until(lambda watcher: watcher.rows() == [[count]])
        assert self.reader.until(count - 1) == [[i] for i in range(1, count)]

    def end(self):
        for client in (self.speaker, self.reader, self.watcher):
            client.end()


# --- What happens ---

def the_disk_becomes_full(run):
    run.start()
    for topic in ("kept", "gone", "filled"):
        run.make(topic)
    talk.create(run.wire, "clients")
    assert run.post() == (200, None)
    run.screens = Screens(run)
    for topic, count in (("kept", 3), ("gone", GONE_COUNT)):
        for _ in range(count):
            assert run.append(topic) == OK
    run.fill("filled")
    assert run.ends["filled"] > 2 * LEFT_COUNT, f"full after {run.ends['filled']} records"
    assert "disk full: producers are refused" in run.server.text()
    assert run.post() == (507, "disk_full")
    run.screens.are_refused()
    assert run.gets("kept")
    run.reads()


def deleted_records_make_room(run):
    waiter, clients = Waiter(run, "kept"), Clients(run)
    assert run.append("kept") == STORAGE_ERROR
    old = talk.append(run.wire, "kept", run.large.batch(run.ends["kept"]), version=3)
    assert old["errorCode"] == NOT_LEADER, f"who does not know KAFKA_STORAGE_ERROR is told {old}"
    run.trim("filled", run.ends["filled"] - LEFT_COUNT)
    run.goes_on("kept")
    assert "disk has room again" in run.server.text()
    waiter.has_it()
    clients.have_theirs()
    run.reads()


def a_deleted_topic_makes_room(run):
    run.fill("filled")
    run.reads()
    assert run.post() == (507, "disk_full")
    run.screens.are_refused()
    assert talk.delete(run.wire, "gone") == OK
    del run.ends["gone"]
    run.goes_on("filled")
    assert run.post() == (200, None)
    run.screens.have(2)
    run.screens.end()


def it_starts_on_the_full_disk(run):
    """What the reserve has left is used up, too."""
    run.fill("filled")
    run.server.kill()
    run.start()
    run.reads()
    run.fill("filled")
    run.server.kill()
    run.start()
    run.reads()
    run.fill("filled")


def a_file_of_somebody_else_goes(run):
    waiter = Waiter(run, "kept")
    run.gives_back()
    waiter.has_it()
    run.reads()


def somebody_else_takes_the_last_block(run):
    """At once: what producers have on its way then is refused or written, not left hanging."""
    run.takes_all()
    run.fill("filled")
    run.reads()
    run.gives_back()


def it_starts_where_no_block_is_free(run):
    run.server.stop()
    run.takes_all()
    assert run.free_bytes() < 64 << 10, f"{run.free_bytes()} bytes are free"
    run.start()
    run.fill("filled")
    run.reads()
    run.trim("filled", run.starts["filled"] + 2)
    run.gives_back()
    run.reads(again=True)


def its_directory_is_whole(run):
    run.server.stop()
    done = subprocess.run([run.tdb, "log", "verify", run.server.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


STORY = (the_disk_becomes_full, deleted_records_make_room, a_deleted_topic_makes_room, it_starts_on_the_full_disk,
         a_file_of_somebody_else_goes, somebody_else_takes_the_last_block, it_starts_where_no_block_is_free,
         its_directory_is_whole)


# --- The disk ---

def skip(why):
    print(f"SKIP: {SUITE}: {why}", flush=True)


def again_in_private(arguments):
    """This program once more, where what it mounts is its own and goes with it; its status, or None: that cannot be had."""
    how = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    try:
        tried = subprocess.run([*how, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return skip("a disk of its own: no unshare(1)")
    if tried.returncode != 0:
        return skip(f"a disk of its own: {tried.stderr.strip()}")
    with tempfile.TemporaryDirectory() as place:
        return subprocess.run([*how, sys.executable, __file__, *arguments], env=os.environ | {PLACE: place}).returncode


def mount(kind, place):
    """A small disk, a part of it taken by somebody else. None: it cannot be had."""
    disk = place / "disk"
    disk.mkdir()
    if kind == "ext4":
        image = place / "image"
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        commands = (["mkfs.ext4", "-q", "-m", "0", image], ["mount", "-o", "loop", image, disk])
    else:
        commands = (["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", SUITE, disk],)
    for command in commands:
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        except FileNotFoundError:
            return skip(f"{kind}: no {command[0]}")
        if done.returncode != 0:
            return skip(f"{kind}: {done.stdout.strip()}")
    with (disk / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, FILLER_BYTES)
    return disk


def play(kind, tdb, place):
    began = time.monotonic()
    disk = mount(kind, place)
    if disk is None:
        return 0
    run = Run(tdb, disk, place)
    try:
        for happens in STORY:
            happens(run)
    except BaseException:
        print(f"--- the server's last lines:\n{run.server.text()[-3000:]}", file=sys.stderr)
        raise
    finally:
        run.server.close()
    print(f"covered: {SUITE}/{kind}: {run.ends['filled']} records of 1 MB in, {run.refused} refused, {run.server.lives} lives, "
          f"in {time.monotonic() - began:.1f} s")
    return 0


def main():
    kind, home = sys.argv[1], Path(os.environ.get("TDB_BUILD", talk.ROOT / "build" / "asan"))
    tdb = sys.argv[2] if len(sys.argv) > 2 else str(home / "tdb")
    if not talk.DATA.is_dir():
        skip(f"no {talk.DATA}")
        return 0
    if PLACE not in os.environ:
        return again_in_private([kind, tdb]) or 0
    return play(kind, tdb, Path(os.environ.pop(PLACE)))


if __name__ == "__main__":
    sys.exit(main())
