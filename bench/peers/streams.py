"""The view that `ingest`, `restart` and `freshness` keep up, on both sides: ours, and a Kafka Streams application (Fold.java) beside
the broker that feeds it. Both fold the same events (bench/macro/peer_event.h): count, sum(amount) and max(at) by user."""
import hashlib
import http.client
import json
import shutil
import subprocess
import time

import brokers
import doors
import harness
from brokers import ROOT, Failure, script

TOPIC = "events"
PARTITIONS = 4
EVENT_BYTES = 127
USER = 10_000_000  # one of them, asked for
STREAM = ('CREATE STREAM purchases (id BIGINT, at BIGINT, "user" BIGINT, kind TEXT, country TEXT, amount BIGINT, "count" BIGINT, paid BOOLEAN) '
          f"FROM TOPIC {TOPIC} FORMAT JSON")
VIEW = ('CREATE MATERIALIZED VIEW totals AS SELECT "user", count(*) AS n, sum(amount) AS total, max(at) AS latest '
        'FROM purchases GROUP BY "user"')
SOURCE = ROOT / "bench" / "peers" / "Fold.java"
CLASSES = brokers.BUILD / "streams"
FOLD_HEAP = "1g"


def install():
    """Apache Kafka with Kafka Streams, and the application compiled."""
    script.quietly("deploy/install", "streams")
    brokers.install()
    stamp, wanted = CLASSES / "stamp", hashlib.sha256(SOURCE.read_bytes() + brokers.POM.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(CLASSES, ignore_errors=True)
    CLASSES.mkdir(parents=True)
    script.quietly("javac", "-d", str(CLASSES), "-cp", f"{brokers.JARS}/*", str(SOURCE))
    stamp.write_text(wanted)


class Viewed(doors.Door):
    """Our server, all processors its own, with the topic, and the view where it is wanted."""

    def __init__(self, directory, view=VIEW):
        self.view = view
        super().__init__(directory, "durable", cpus="0-1023")

    def command(self):
        return super().command()[3:]  # where it likes

    def prepare_topic(self):
        with self.wire() as connection:
            connection.create_topic(TOPIC, PARTITIONS, self.topic_config())
        self.ask(STREAM)
        if self.view:
            self.ask(self.view)

    def cover(self, offsets, timeout_s=900):
        """Wait until the rows of `totals` hold all below `offsets`, and read one."""
        self.question(f'SELECT n FROM totals WHERE "user" = {USER}', offsets, timeout_s)

    def question(self, sql, offsets=None, timeout_s=900):
        """The rows of an answer that covers `offsets`."""
        body = {"sql": sql, "timeout": f"{timeout_s}s"}
        if offsets:
            body["min_position"] = {TOPIC: {str(partition): offset - 1 for partition, offset in enumerate(offsets) if offset > 0}}
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout_s + 5)
        connection.request("POST", "/api/v1/query", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        if answer.status != 200 or "error" in said:
            raise Failure(f"{sql}: {str(said)[:500]}")
        return said["rows"]

    def verify(self, events, amounts):
        """The view holds so many events, each once."""
        (count, total), = self.question("SELECT sum(n), sum(total) FROM totals")
        if (int(count), int(total)) != (events, amounts):
            raise Failure(f"the view holds {count} events, {total} in sum; sent were {events}, {amounts}")


class Fold:
    """The Kafka Streams application of a broker. Use as a context: its topics go with it."""

    count = 0  # of applications made: each has a name of its own

    def __init__(self, broker, settings="default", commit_ms=None):
        Fold.count += 1
        self.broker, self.name = broker, f"fold{Fold.count}"
        self.arguments = [settings] + ([str(commit_ms)] if commit_ms else [])
        self.state = broker.directory / self.name
        self.process = None

    @property
    def changelog(self):
        return f"{self.name}-rows-changelog"

    def exec(self):
        java = brokers.java(heap=FOLD_HEAP)
        java[-1] = f"{CLASSES}:{java[-1]}"
        self.process = subprocess.Popen(
            [*java, "-Dlog4j2.level=ERROR", "Fold", self.broker.address, TOPIC, str(PARTITIONS), self.name, str(self.state), *self.arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.broker.directory / "fold.log", "ab"), text=True,
            preexec_fn=brokers.die_with_parent)

    def start(self):
        self.exec()
        self.hear("running")
        return self

    def hear(self, word):
        for line in self.process.stdout:
            if line.strip() == word:
                return
        raise Failure(f"Fold ended: {script.ending(self.process.wait())}; see {self.broker.directory}/fold.log")

    def say(self, word, offsets):
        self.process.stdin.write(" ".join([word, *map(str, offsets)]) + "\n")
        self.process.stdin.flush()

    def cover(self, offsets):
        self.say("cover", offsets)
        self.hear("covered")

    def commit(self, offsets):
        self.say("commit", offsets)
        self.hear("committed")

    def cpu_s(self):
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def forget(self):
        """Lose its state."""
        shutil.rmtree(self.state, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.forget()
        with self.broker.wire() as connection:
            connection.delete_topic(self.changelog)


def produce(broker, users, events, seed, **options):
    """Send so many events, as fast as it goes; what the client says."""
    client = harness.Client("peer_produce", broker, TOPIC, partitions=PARTITIONS, users=users, bytes=events * EVENT_BYTES, seed=seed,
                            **options)
    return client.result()


def ends(broker):
    """The end of each partition."""
    with broker.wire() as connection:
        return connection.end_offsets(TOPIC, PARTITIONS)
