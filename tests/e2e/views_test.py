#!/usr/bin/python3
"""kill -9 under load while materialized views follow: what was acknowledged is in the views once, and every view is what its SELECT
answers over the stream.

  views_test.py TDB

A round: an idempotent Kafka producer that lives through all rounds and an HTTP producer that never retries append; a reader asks the
views and never sees less than before; ten WebSocket clients follow views, and come back with their tokens: their ticks rise, their
tables are what others have and questions are answered of the same position, in this life of the server or another, and at rest they
are the views'; a view is made in the middle; the server is killed at a random moment (one time in ten it is
stopped in order) and starts again, on another number of shards; then, with everybody at rest, the events are counted and each view
is held against its SELECT. TDB_SHARE_CASES: so many rounds (5); TDB_SHARE_SECONDS: no new round after that; TDB_SEED.
"""
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)
from ws_speaker import Watcher  # noqa: E402

try:
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic
except ImportError:
    print("SKIP: e2e_views: needs Debian's python3-confluent-kafka: deploy/install test")
    sys.exit(0)

TOPIC = "numbers"
PARTITIONS = 3
SHARDS_MAX = 3
DELIVERY_SECONDS = 30
TIMEOUT_SECONDS = 60
ANSWER = "20s"      # how long an answer may take, a view that is rebuilt included
REST_SECONDS = 20   # until a view is as fresh as the stream
MANY = 40           # events of an HTTP body at most
BEGAN_S = 1_760_000_000
STREAM = """CREATE STREAM events (who TEXT, n BIGINT, k TEXT, v BIGINT, w DOUBLE PRECISION, at TIMESTAMPTZ)
            FROM TOPIC numbers FORMAT JSON"""
VIEWS = {  # the SELECT of each; a count is what readers watch
    "by_key": "SELECT k, count(*) AS count, sum(v) AS sum, max(v) AS max, min(n) AS min FROM events GROUP BY k",
    "by_minute": """SELECT window_start, window_end, count(*) AS count, sum(v) AS sum, max(k) AS max
                    FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY window_start, window_end""",
    "large": "SELECT who, n, v * 2 AS twice FROM events WHERE v > 990",
}
LATE = "SELECT who, count(*) AS count, sum(w) AS sum, avg(v) AS avg FROM events WHERE v >= 0 GROUP BY who HAVING count(*) > 10"
WATCHED = (  # what WebSocket clients follow: a SELECT each
    "SELECT * FROM by_key", "SELECT * FROM by_minute", "SELECT * FROM large", "SELECT * FROM by_key", "SELECT sum, k FROM by_key",
    "SELECT count % 7 AS rest FROM by_key", "SELECT * FROM by_key WHERE k = 'k7'", "SELECT * FROM by_key WHERE k = 'k8'",
    "SELECT n, who FROM large WHERE n % 2 = 0", "SELECT max, window_start FROM by_minute WHERE count > 3")
COUNTS = ("SELECT sum(count) FROM by_key", "SELECT sum(count) FROM by_minute", "SELECT count(*) FROM large")


class Wrong(Exception):
    """What must not be."""


class Tables:
    """What each SELECT over a view was said to be, by its position: always the same."""

    def __init__(self):
        self.hashes, self.equals, self.lock = {}, 0, threading.Lock()

    def add(self, sql, position, table):
        """`position`: (epoch, tick); `table`: rows as JSON, counted."""
        found = hash(frozenset(table.items()))
        with self.lock:
            known = self.hashes.setdefault((sql, position), found)
            self.equals += known == found
        if known != found:
            raise Wrong(f"{sql}: two tables of position {position}: one of them {sorted(table.elements())[:100]}")


def position_of(text):
    epoch, tick = text.split(".")
    return int(epoch, 16), int(tick)


def ask(server, sql):
    """The rows of an answer; it must go well. OSError, HTTPException: the server went."""
    return ask_all(server, sql)["rows"]


def ask_all(server, sql):
    """Likewise, all of it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", "/api/v1/query", json.dumps({"sql": sql, "timeout": ANSWER}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    said = json.loads(text)
    if answer.status != 200 or "error" in said:
        raise Wrong(f"{sql}: {text[:1000].decode()}")
    return said


def event(prng, who, number):
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGAN_S + prng.randrange(1800)))
    return json.dumps({"who": who, "n": number, "k": f"k{prng.randrange(60)}", "v": prng.randrange(1000),
                       "w": prng.randrange(-1 << 20, 1 << 20) / 8, "at": at})  # sums of w are exact in any order


class KafkaSender:
    """Idempotent; its events are numbered from 0."""

    def __init__(self, server, prng):
        self.server, self.prng, self.sent, self.failed = server, prng, 0, None
        self.producer = Producer({
            "bootstrap.servers": server.address, "enable.idempotence": True, "acks": "all", "linger.ms": 1,
            "message.timeout.ms": DELIVERY_SECONDS * 1000, "retry.backoff.ms": 20, "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 50, "socket.timeout.ms": 10000, "queue.buffering.max.messages": 1000,
            "error_cb": self.error, "log_level": 2})

    def error(self, error):
        if error.fatal():
            self.failed = str(error)

    def delivered(self, error, _message):
        if error is not None:
            self.failed = self.failed or f"a message: {error}"

    def send(self):
        for _ in range(20):
            try:
                self.producer.produce(TOPIC, event(self.prng, "kafka", self.sent), partition=self.prng.randrange(PARTITIONS),
                                      on_delivery=self.delivered)
            except BufferError:
                break
            self.sent += 1
        self.producer.poll(0.002)
        self.check()

    def finish(self):
        until, left = time.monotonic() + DELIVERY_SECONDS, 1
        while left > 0 and time.monotonic() < until:
            left = self.producer.flush(0.5)
            self.check()
            self.server.check()  # it may have ended by itself
        if left > 0:
            raise Wrong(f"kafka: {left} messages are not delivered")

    def check(self):
        if self.failed:
            raise Wrong(f"kafka: {self.failed}")


class UntilKilled(threading.Thread):
    """Works until the server goes."""

    def __init__(self, server):
        super().__init__()
        self.server, self.failed = server, None

    def run(self):
        try:
            self.work()
        except (OSError, http.client.HTTPException):
            pass  # the server was killed
        except BaseException as failed:  # told by the main thread
            self.failed = failed

    def work(self):
        raise NotImplementedError

    def finish(self):
        self.join()
        if self.failed:
            raise self.failed


class HttpSender(UntilKilled):
    """Appends and never again what was not answered. Its events are numbered from 0."""

    def __init__(self, server, who, prng):
        super().__init__(server)
        self.who, self.prng = who, prng
        self.acked = self.sent = 0  # numbers below: acknowledged, sent

    def work(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=TIMEOUT_SECONDS)
        while True:
            count = self.prng.choice((1, self.prng.randint(2, MANY)))
            body = "\n".join(event(self.prng, self.who, self.sent + i) for i in range(count))
            self.sent += count
            connection.request("POST", f"/api/v1/streams/{TOPIC}/events", body, {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            said = json.loads(answer.read())
            if answer.status == 503:  # it ends in order, and this was not taken
                return
            if answer.status != 200 or said["appended"] != count:
                raise Wrong(f"HTTP append: {said}")
            self.acked = self.sent


class Reader(UntilKilled):
    """Asks the views: counts never go down, from one life of the server to the next neither."""

    def __init__(self, server, seen, tables):
        super().__init__(server)
        self.seen, self.tables, self.asked = seen, tables, 0

    def work(self):
        while True:
            for sql, watched in zip(COUNTS, random.sample(WATCHED, len(COUNTS))):
                try:
                    (count,), = ask(self.server, sql)
                    said = ask_all(self.server, watched)
                except Wrong:
                    self.server.ending.wait(1)
                    if self.server.ending.is_set():
                        return
                    raise
                self.tables.add(watched, position_of(said["position"]), Counter(json.dumps(row) for row in said["rows"]))
                count = count or 0
                if count < self.seen.get(sql, 0):
                    raise Wrong(f"{sql}: {count}, and it was {self.seen[sql]} before")
                self.seen[sql] = count
                self.asked += 1


class Follower(UntilKilled):
    """Follows a SELECT over a view; its state is handed on from life to life. The Watcher holds that ticks rise."""

    def __init__(self, server, sql, state, tables):
        super().__init__(server)
        self.sql, self.state, self.tables, self.told, self.resumed = sql, state, tables, 0, None

    def work(self):
        watcher = Watcher(self.server, self.state, sql=self.sql)
        while watcher.step() is not None:
            if watcher.ended is not None:
                self.server.ending.wait(1)
                if self.server.ending.is_set() or watcher.ended.get("retriable"):
                    return
                raise Wrong(f"{self.sql}: {watcher.ended}")
            if watcher.progress_count > self.told:
                self.tables.add(self.sql, watcher.tick, watcher.table)
            self.state, self.told, self.resumed = watcher.state, watcher.progress_count, watcher.resume


class Maker(UntilKilled):
    """Makes the view `late`. `made`: True; None: it was not answered."""

    def __init__(self, server, delay):
        super().__init__(server)
        self.delay, self.made = delay, None

    def work(self):
        time.sleep(self.delay)
        try:
            ask(self.server, f"CREATE MATERIALIZED VIEW late AS {LATE}")
            self.made = True
        except Wrong:
            self.server.ending.wait(1)
            if not self.server.ending.is_set():
                raise


def same(row):
    return tuple(repr(value) for value in row)


class Game:
    """All rounds."""

    def __init__(self, server, seed):
        self.server, self.prng = server, random.Random(seed)
        self.seen, self.whole = {}, {}  # of readers; (count, sum of n) by HTTP producer, of former rounds
        self.states = [None] * len(WATCHED)  # of those who follow
        self.tables = Tables()
        self.asked = self.events = self.told = self.diffs = 0
        self.has_late = False

    def begin(self):
        self.server.ending = threading.Event()
        self.server.start("--shards", "2")
        admin = AdminClient({"bootstrap.servers": self.server.address})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(30)
        ask(self.server, STREAM)
        for name, select in VIEWS.items():
            ask(self.server, f"CREATE MATERIALIZED VIEW {name} AS {select}")
        self.kafka = KafkaSender(self.server, self.prng)

    def play(self, number):
        prng = self.prng
        web = HttpSender(self.server, f"http{number}", random.Random(prng.random()))
        reader = Reader(self.server, self.seen, self.tables)
        maker = Maker(self.server, prng.uniform(0, 0.3)) if not self.has_late else None
        followers = [Follower(self.server, sql, state, self.tables) for sql, state in zip(WATCHED, self.states)]
        threads = [thread for thread in (web, reader, maker, *followers) if thread]
        self.server.ending.clear()
        for thread in threads:
            thread.start()
        self.send_for(prng.uniform(0.05, 0.5))
        self.server.ending.set()
        self.server.stop() if prng.random() < 0.1 else self.server.kill()
        for thread in threads:
            thread.finish()
        self.server.start("--shards", str(prng.randrange(1, SHARDS_MAX + 1)))
        self.send_for(prng.uniform(0, 0.1))
        self.kafka.finish()
        self.check_events(web)
        self.check_views(maker is not None and maker.made)
        self.states = [follower.state for follower in followers]
        self.told += sum(follower.told for follower in followers)
        self.diffs += sum(follower.resumed == "diff" for follower in followers)
        if prng.random() < 0.5:  # else they come back in the middle of the next round
            self.check_followers()
        self.asked += reader.asked

    def send_for(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.kafka.send()

    def check_events(self, web):
        """Everything acknowledged is there once; of what was not answered, each event once or not at all."""
        found = ask(self.server, "SELECT who, count(*), count(DISTINCT n), min(n), max(n), sum(n) FROM events GROUP BY who")
        found = {row[0]: row[1:] for row in found}
        sent = self.kafka.sent
        if found.get("kafka", [0, 0]) != [sent, sent, 0, sent - 1, sent * (sent - 1) // 2]:
            raise Wrong(f"kafka: {sent} events were acknowledged; there: {found.get('kafka')}")
        numbers = [n for n, in ask(self.server, f"SELECT n FROM events WHERE who = '{web.who}'")]
        if len(numbers) != len(set(numbers)):
            raise Wrong(f"{web.who}: an event is there twice")
        if not set(range(web.acked)) <= set(numbers) <= set(range(web.sent)):
            raise Wrong(f"{web.who}: {web.acked} of {web.sent} events were acknowledged; there: {sorted(numbers)[-50:]}")
        if numbers:
            self.whole[web.who] = [len(numbers), sum(numbers)]
        for who, (count, _, _, _, total) in found.items():
            if who != "kafka" and self.whole.get(who) != [count, total]:
                raise Wrong(f"{who}: {self.whole.get(who)} was there, and is {count}, {total}")
        if len(found) != 1 + len(self.whole):
            raise Wrong(f"there are events of {sorted(found)}")
        self.events = sum(row[0] for row in found.values())

    def check_views(self, is_late_made):
        """Each view is what its SELECT answers; at first it may still be behind."""
        (there,), = ask(self.server, "SELECT count(*) FROM system.views WHERE name = 'late'")
        if (is_late_made or self.has_late) and not there:
            raise Wrong("the view late was made, and is gone")
        self.has_late = there == 1
        for name, select in (VIEWS | ({"late": LATE} if self.has_late else {})).items():
            self.check_view(name, select)
        if self.has_late and self.prng.random() < 0.7:
            ask(self.server, "DROP MATERIALIZED VIEW late")
            self.has_late = False

    def check_followers(self):
        """Each comes back with its token, and has what its SELECT answers."""
        for i, sql in enumerate(WATCHED):
            wanted = Counter(json.dumps(row) for row in ask(self.server, sql))
            watcher = Watcher(self.server, self.states[i], sql=sql)
            watcher.client.sock.settimeout(REST_SECONDS)
            try:
                watcher.until(lambda watcher: watcher.table == wanted)
            except TimeoutError as late:
                raise Wrong(f"{sql}: resumed by {watcher.resume}: more {list(watcher.table - wanted)[:3]}, "
                            f"less {list(wanted - watcher.table)[:3]}") from late
            self.diffs += watcher.resume == "diff"
            self.states[i] = watcher.state
            watcher.end()

    def check_view(self, name, select):
        wanted = sorted(map(same, ask(self.server, select)))
        until = time.monotonic() + REST_SECONDS
        while True:
            found = sorted(map(same, ask(self.server, f"SELECT * FROM {name}")))
            if found == wanted:
                return
            if time.monotonic() > until:
                raise Wrong(f"{name} has {len(found)} rows; its SELECT has {len(wanted)}; "
                            f"more: {sorted(set(found) - set(wanted))[:5]}; less: {sorted(set(wanted) - set(found))[:5]}")
            time.sleep(0.005)


def main():
    rounds = int(os.environ.get("TDB_SHARE_CASES", "5"))
    seconds = float(os.environ.get("TDB_SHARE_SECONDS", "0")) or float("inf")
    seed = int(os.environ.get("TDB_SEED", random.randrange(1 << 30)))
    began, played = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="tdb_views_") as work:
        server = Server(sys.argv[1], work, "--memory", "768MiB", http=True)
        game = Game(server, seed)
        try:
            game.begin()
            while played < rounds and (played == 0 or time.monotonic() - began < seconds):
                game.play(played)
                played += 1
            server.stop()
        except BaseException as wrong:
            print(f"FAIL: round {played}, seed {seed}: {wrong!r}\n{server.text()[-3000:]}", file=sys.stderr)
            return 1
        finally:
            server.close()
    print(f"covered: e2e_views/killed under load: {played} cases in {time.monotonic() - began:.1f} s (from seed {seed}), "
          f"{game.events} events, {game.asked} looks at views, {game.told} progresses told meanwhile, {game.diffs} resumed by differences, "
          f"{game.tables.equals - len(game.tables.hashes)} tables held against others of their position")
    return 0


if __name__ == "__main__":
    sys.exit(main())
