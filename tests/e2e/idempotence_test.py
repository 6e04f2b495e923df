#!/usr/bin/python3
"""kill -9 under load from idempotent producers with acks=all: nothing acknowledged is lost, nothing is there twice, no gap.

  idempotence_test.py TDB

A round: two producers send as fast as they are let, one that lives through all rounds and one that is new; the server is killed
at a random moment (one time in ten it is stopped in order) and starts again, on another number of shards; everything is
delivered; what is new in the log is read and held against what was sent and where it was acknowledged. TDB_SHARE_CASES: so many rounds (10); TDB_SHARE_SECONDS: no new round
after that; TDB_SEED.
"""
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)

try:
    from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic
except ImportError:
    print("SKIP: e2e_idempotence: needs Debian's python3-confluent-kafka: deploy/install test")
    sys.exit(0)

TOPIC = "numbers"
PARTITIONS = 3
SHARDS_MAX = 3
DELIVERY_SECONDS = 60


class Wrong(Exception):
    """What must not be."""


class Sender:
    """An idempotent producer. Its messages to a partition are numbered from 0."""

    def __init__(self, server, name, prng):
        self.name, self.prng = name, prng
        self.sent = [0] * PARTITIONS   # messages, by partition
        self.acked = [{} for _ in range(PARTITIONS)]  # number -> offset, until it was read
        self.acked_count = 0
        self.failed = None
        self.producer = Producer({
            "bootstrap.servers": server.address,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 1,
            "batch.num.messages": prng.choice([10, 50, 500]),
            "message.timeout.ms": DELIVERY_SECONDS * 1000,
            "retry.backoff.ms": 20,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 50,
            "socket.timeout.ms": 10000,
            "queue.buffering.max.messages": 1000,
            "compression.type": prng.choice(["none", "lz4", "zstd"]),
            "error_cb": self.error,
            "log_level": 2,
        })

    def error(self, error):
        if error.fatal():
            self.failed = f"{self.name}: {error}"

    def delivered(self, error, message):
        if error is not None:
            self.failed = self.failed or f"{self.name}: {message.value()[:40]}: {error}"
            return
        _, partition, number = message.value().rstrip(b".").split(b" ")[:3]
        self.acked[int(partition)][int(number)] = message.offset()
        self.acked_count += 1

    def send(self):
        """Some more, if there is room."""
        for _ in range(20):
            partition = self.prng.randrange(PARTITIONS)
            value = f"{self.name} {partition} {self.sent[partition]} ".encode() + b"." * self.prng.randrange(300)
            try:
                self.producer.produce(TOPIC, value, partition=partition, on_delivery=self.delivered)
            except BufferError:
                break
            self.sent[partition] += 1
        self.producer.poll(0)
        self.check()

    def finish(self):
        left = self.producer.flush(DELIVERY_SECONDS + 10)
        self.check()
        if left > 0:
            raise Wrong(f"{self.name}: {left} messages are not delivered")

    def check(self):
        if self.failed:
            raise Wrong(self.failed)


class Reader:
    """Reads what is new in every partition, and holds it against what was sent."""

    def __init__(self):
        self.offsets = [0] * PARTITIONS  # where to go on
        self.next = {}                   # (sender, partition): the next number
        self.read_count = 0

    def read(self, server, senders):
        consumer = Consumer({"bootstrap.servers": server.address, "group.id": "none", "enable.auto.commit": False,
                             "auto.offset.reset": "error", "fetch.wait.max.ms": 10, "log_level": 2})
        try:
            for partition in range(PARTITIONS):
                self.read_partition(consumer, partition, {sender.name: sender for sender in senders})
        finally:
            consumer.close()
        for sender in senders:
            for partition in range(PARTITIONS):
                found = self.next.get((sender.name, partition), 0)
                if found != sender.sent[partition] or sender.acked[partition]:
                    raise Wrong(f"{sender.name}, partition {partition}: {sender.sent[partition]} messages were delivered, "
                                f"{found} are there")

    def read_partition(self, consumer, partition, senders):
        _, high = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=30)
        consumer.assign([TopicPartition(TOPIC, partition, self.offsets[partition])])
        deadline = time.monotonic() + 60
        while self.offsets[partition] < high:
            for message in consumer.consume(500, 0.02):
                if message.error():
                    if message.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                        continue  # this client asks for its group's coordinator though it has no use for it
                    raise Wrong(f"partition {partition}: {message.error()}")
                self.take(partition, message, senders)
            if time.monotonic() > deadline:
                raise Wrong(f"partition {partition}: nothing more comes behind {self.offsets[partition]} of {high}")

    def take(self, partition, message, senders):
        name, _, number = message.value().decode().rstrip(".").split(" ")[:3]
        number, key = int(number), (name, partition)
        want = self.next.get(key, 0)
        if message.offset() != self.offsets[partition]:
            raise Wrong(f"partition {partition}: offset {message.offset()} behind {self.offsets[partition] - 1}")
        if number != want:
            raise Wrong(f"{name}, partition {partition}, offset {message.offset()}: message {number} where {want} is due")
        acked = senders[name].acked[partition].pop(number, None)
        if acked != message.offset():
            raise Wrong(f"{name}, partition {partition}: message {number} was acknowledged at {acked}, "
                        f"and stands at {message.offset()}")
        self.next[key] = want + 1
        self.offsets[partition] = message.offset() + 1
        self.read_count += 1


def kill_and_start(server, delay, is_orderly, shards, said):
    try:
        time.sleep(delay)
        server.stop() if is_orderly else server.kill()
        server.start("--shards", str(shards))
    except Exception as wrong:  # told by the main thread
        said.append(wrong)


def play(server, reader, old, number, prng):
    """A round."""
    new = Sender(server, f"new{number}", prng)
    senders = [old, new]
    said = []
    how = (server, prng.uniform(0.01, 0.4), prng.random() < 0.1, prng.randrange(1, SHARDS_MAX + 1), said)
    killer = threading.Thread(target=kill_and_start, args=how)
    killer.start()
    while killer.is_alive():
        for sender in senders:
            sender.send()
    killer.join()
    if said:
        raise said[0]
    after = time.monotonic() + prng.uniform(0, 0.1)
    while time.monotonic() < after:
        for sender in senders:
            sender.send()
    for sender in senders:
        sender.finish()
    reader.read(server, senders)


def main():
    tdb = sys.argv[1]
    rounds = int(os.environ.get("TDB_SHARE_CASES", "10"))
    seconds = float(os.environ.get("TDB_SHARE_SECONDS", "0")) or float("inf")
    seed = int(os.environ.get("TDB_SEED", "1"))
    prng, reader = random.Random(seed), Reader()
    started, played = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as work:
        server = Server(tdb, work, "--memory", "768MiB")
        try:
            server.start("--shards", "1")
            make_topic(server)
            old = Sender(server, "old", prng)
            while played < rounds and time.monotonic() - started < seconds:
                play(server, reader, old, played, prng)
                played += 1
            server.stop()
        except (Wrong, AssertionError) as wrong:  # an AssertionError is the server's: it ended, or does not start or stop
            print(f"FAIL: round {played}, seed {seed}: {wrong}", file=sys.stderr)
            return 1
        finally:
            server.close()
    print(f"covered: e2e_idempotence/killed under load: {played} cases in {time.monotonic() - started:.1f} s (from seed {seed}), "
          f"{reader.read_count} messages")
    return 0


def make_topic(server):
    admin = AdminClient({"bootstrap.servers": server.address})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, config={"segment.bytes": str(1 << 20)})])[TOPIC].result(30)


if __name__ == "__main__":
    sys.exit(main())
