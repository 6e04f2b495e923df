#!/usr/bin/env python3
"""A real client against the real server: one scenario, which every client goes through as far as it can.

  tests/interop/interop.py CLIENT [TDB]    a folder beside this file, and the program (build/asan/tdb)
  tests/interop/interop.py list            the clients, how each is installed, whether tests/run has it

The steps are the functions step_* below, in their order. What a client cannot do, and what the server does not offer
yet (it is asked with ApiVersions), is told in a line and passed over; a step that fails ends the run with status 1.
A client that cannot be installed here is skipped with the reason.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import clients
import server as servers
from server import CODECS

FOLDER = Path(__file__).resolve().parent
COUNT = 60  # records of a batch
STARTED_MS = int(time.time() * 1000) - 3_600_000  # records are an hour old, one each second: retention leaves them


# How clients speak of GROUP_AUTHORIZATION_FAILED and its like: by its name, by the server's message, by what came of it.
REFUSED = "authoriz|notserved|failedtofindgroupcoordinator"


class Cannot(Exception):
    """The client cannot do what a step asks."""


class Refused(Exception):
    """A request failed, in the client's words."""


class Client:
    """The adapter's process: requests to its standard input, answers from its standard output."""

    def __init__(self, command, environment, bootstrap):
        self.process = subprocess.Popen([*command, bootstrap], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=os.environ | environment)

    def ask(self, what, **members):
        self.process.stdin.write(json.dumps({"do": what} | members) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the client ended while asked to {what}"
        answer = json.loads(line)
        if "cannot" in answer:
            raise Cannot(f"{what}: {answer['cannot']}")
        if "error" in answer:
            raise Refused(f"{what}: {answer['error']}")
        return answer

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Run:
    """What the steps share: the server, the client, what it offers, what was sent."""

    def __init__(self, server, client, reader):
        self.server, self.client, self.reader, self.offers = server, client, reader, server.offers()
        told_of = client.ask("hello")
        self.name, self.lacks = told_of["client"], told_of["lacks"]
        self.topic = "events"
        self.sent = {}  # (topic, partition): the records that were sent, by offset

    def records(self, label, count=COUNT):
        """Records that compress well; some without a key, without a value, with bytes beyond ASCII."""
        made = []
        for i in range(count):
            key = None if i % 10 == 3 else f"{label}-{i % 7}"
            value = None if i % 10 == 5 else f"{label} {i}: " + "señal über 事件 " * 6
            number = 0 if "headers per record" in self.lacks else i
            headers = [["kind", label], ["kind", "twice: é"], ["number", str(number)]]
            made.append([key, value, headers, None if "timestamps" in self.lacks else STARTED_MS + i * 1000])
        return made

    def produce(self, topic, partition, label, codec="none", count=COUNT, **more):
        """Send records and remember them; the offset of the first."""
        records, known = self.records(label, count), self.sent.setdefault((topic, partition), [])
        answer = self.client.ask("produce", topic=topic, partition=partition, codec=codec, records=records, **more)
        first = len(known)
        if answer["offsets"] is not None:
            assert answer["offsets"] == list(range(first, first + count)), f"offsets from {first}: {answer['offsets']}"
        known += records
        return first

    def expect(self, topic, partition, offset, count):
        """Consume `count` records from `offset`: they are those that were sent."""
        records = self.consume(topic, partition, offset, count)
        wanted = self.sent[topic, partition][offset:offset + count]
        assert len(records) == count == len(wanted), f"{len(records)} records of {topic} from {offset}, want {count}"
        for i, (record, want) in enumerate(zip(records, wanted)):
            if want[3] is None:
                assert abs(record[4] - time.time() * 1000) < 600_000, f"timestamp of {record}"
                record[4] = None
            assert record == [offset + i, *want], f"offset {offset + i}: {record}, sent {want}"

    def consume(self, topic, partition, offset, count):
        """By the client; for one that has no call for it, by kcat."""
        who = self.reader if "consume" in self.lacks else self.client
        return who.ask("consume", topic=topic, partition=partition, offset=offset, count=count)["records"]

    def stored(self, topic, partition, first, codec):
        """The batches from offset `first` on are compressed with `codec`."""
        found = [batch for batch in self.server.batches(topic, partition) if batch[0] >= first]
        assert found, f"no batch of {topic} from offset {first} on is stored"
        assert {batch[2] for batch in found} == {codec}, f"sent with {codec}, stored as {sorted({b[2] for b in found})}"
        return found

    def need(self, *offers):
        missing = [offer for offer in offers if offer not in self.offers]
        if missing:
            raise Cannot(f"the server does not offer {', '.join(missing)}")


# --- The steps ------------------------------------------------------------------------------------

def step_create(run):
    """a topic is created by name, with partitions and configs; a second time it exists"""
    run.need("create")
    run.client.ask("create", topic=run.topic, partitions=3, configs={"retention.ms": "86400000"})
    topics = run.client.ask("topics")["topics"]
    assert topics.get(run.topic) == 3, topics
    refused(lambda: run.client.ask("create", topic=run.topic, partitions=3, configs={}), "exist")


def step_codecs(run):
    """every codec, keys, headers, timestamps: stored as sent, and compressed as asked"""
    cannot = []
    for codec in CODECS:
        try:
            first = run.produce(run.topic, 0, f"in-{codec}", codec)
        except Cannot as reason:
            cannot.append(str(reason))
            continue
        run.stored(run.topic, 0, first, codec)
    if cannot:
        told(f"cannot {'; '.join(cannot)}")
    run.expect(run.topic, 0, 0, len(run.sent[run.topic, 0]))


def step_topics(run):
    """the topics are listed"""
    topics = run.client.ask("topics")["topics"]
    assert run.topic in topics, topics


def step_offsets(run):
    """consumed from any offset, also from the middle of a batch; where the log begins and ends"""
    total = len(run.sent[run.topic, 0])
    for offset in (1, COUNT - 1, COUNT + 7, total - 1):
        run.expect(run.topic, 0, offset, min(25, total - offset))
    ends = run.client.ask("ends", topic=run.topic, partition=0)
    assert (ends["first"], ends["end"]) == (0, total), (ends, total)


def step_times(run):
    """an offset for a time: the first record that is as late, in a compressed batch too; none after the last"""
    if "timestamps" in run.lacks:
        before = int(time.time() * 1000)
        time.sleep(0.005)
        at = run.produce(run.topic, 0, "late")
        wanted = {1000: 0, before: at, before + 3_600_000: None}
    else:
        # Each batch has the same minute: the first with the time is the batch that was sent first.
        wanted = {STARTED_MS - 1: 0, STARTED_MS + 7000: 7, STARTED_MS + 7001: 8, STARTED_MS + 3_000_000: None}
    for at_ms, offset in wanted.items():
        found = run.client.ask("time", topic=run.topic, partition=0, time=at_ms)["offset"]
        # Of a time after the last record some clients make the end, some none.
        end = len(run.sent[run.topic, 0])
        assert found == offset or (offset is None and found == end), f"time {at_ms}: offset {found}, want {offset}"
    offset = next(offset for offset in list(wanted.values())[1:] if offset)
    run.expect(run.topic, 0, offset, 20)


def step_tail(run):
    """a consumer at the end of the log waits, and has a record as soon as it is there"""
    if "consume" in run.lacks:
        raise Cannot("consume: read with kcat, which starts anew")
    total, outcome = len(run.sent[run.topic, 0]), {}

    def wait():
        try:
            outcome["record"] = run.consume(run.topic, 0, total, 1)[0]
        except (Cannot, Refused, AssertionError, IndexError) as reason:
            outcome["reason"] = reason

    waiter = threading.Thread(target=wait)
    waiter.start()
    waiter.join(1.0)
    assert waiter.is_alive(), f"it does not wait: {outcome}"
    sent_record = ["tail", "a record for who waits", [["kind", "tail"]], None]
    run.reader.ask("produce", topic=run.topic, partition=0, codec="none", records=[sent_record])
    sent = time.monotonic()
    waiter.join()
    assert "record" in outcome, outcome["reason"]
    assert time.monotonic() - sent < 10, f"it had the record after {time.monotonic() - sent:.1f} s"
    assert outcome["record"][:4] == [total, *sent_record[:3]], outcome["record"]
    run.sent[run.topic, 0].append(sent_record)


def step_large(run):
    """a record of 900,000 bytes goes in and comes out; one of 2,000,000 is refused"""
    header = [["kind", "large"]]
    large = ["large", "".join(str(i) for i in range(160_000))[:900_000], header, None]
    run.client.ask("produce", topic="large", partition=0, codec="none", records=[large])
    (record,) = run.consume("large", 0, 0, 1)
    assert record[:4] == [0, *large[:3]], f"{len(record[2])} bytes at offset {record[0]}"
    refused(lambda: run.client.ask("produce", topic="large", partition=0, codec="none",
                                   records=[["larger", large[1] * 2 + large[1][:200_000], header, None]]), "large|size")


def step_append_time(run):
    """where the topic says so, a record has the time at which it was appended"""
    run.need("create")
    run.client.ask("create", topic="append-time", partitions=1, configs={"message.timestamp.type": "LogAppendTime"})
    began = int(time.time() * 1000)
    run.client.ask("produce", topic="append-time", partition=0, codec="lz4", records=run.records("append-time"))
    records = run.consume("append-time", 0, 0, COUNT)
    for record in records:
        assert began - 1000 <= record[4] <= time.time() * 1000 + 1000, f"sent after {began}: {record}"
    found = run.client.ask("time", topic="append-time", partition=0, time=began - 1000)["offset"]
    assert found == 0, found


def step_resume(run):
    """kill -9 between requests: all is there, producer and consumer go on where they were"""
    total = len(run.sent[run.topic, 0])
    run.expect(run.topic, 0, 0, total // 2)
    run.server.restart()
    run.expect(run.topic, 0, total // 2, total - total // 2)
    run.produce(run.topic, 0, "after-kill", "none")
    run.expect(run.topic, 0, total - 5, COUNT + 5)


def step_killed(run):
    """kill -9 while records are sent: each that was acknowledged is there, at its offset"""
    killed(run, "killed", False)


def step_idempotent(run):
    """an idempotent producer, kill -9 while it sends: no record is lost, none is there twice, in order"""
    run.need("idempotence")
    killed(run, "once", True)
    batches = run.server.batches("once")
    assert all(batch[3] >= 0 for batch in batches), f"batches without a producer id: {batches}"


def step_trim(run):
    """records are deleted up to an offset: the log begins there, also after kill -9; what lies below is out of range"""
    run.need("trim")
    run.client.ask("trim", topic=run.topic, partition=0, offset=COUNT + 11)
    for _ in range(2):
        ends = run.client.ask("ends", topic=run.topic, partition=0)
        assert ends["first"] == COUNT + 11, ends
        run.server.restart()
    run.expect(run.topic, 0, COUNT + 11, 30)
    refused(lambda: run.consume(run.topic, 0, COUNT + 10, 1), "range")


def step_grow(run):
    """partitions are added"""
    run.need("grow")
    count = run.client.ask("topics")["topics"][run.topic]
    run.client.ask("grow", topic=run.topic, partitions=count + 2)
    assert run.client.ask("topics")["topics"][run.topic] == count + 2
    run.produce(run.topic, count + 1, "grown")
    run.expect(run.topic, count + 1, 0, COUNT)


def step_configs(run):
    """a topic's configs are told"""
    run.need("configs")
    configs = run.client.ask("configs", topic=run.topic)["configs"]
    assert len(configs) >= 25 and configs["cleanup.policy"] == "delete", configs
    if "create" in run.offers:
        assert configs["retention.ms"] == "86400000", configs["retention.ms"]


def step_set(run):
    """configs are set, all of them at once: those that are not named go back to their defaults"""
    run.need("configs", "set")
    run.client.ask("set", topic=run.topic, configs={"retention.ms": "90000000", "max.message.bytes": "100000"})
    configs = run.client.ask("configs", topic=run.topic)["configs"]
    assert (configs["retention.ms"], configs["max.message.bytes"]) == ("90000000", "100000"), configs
    run.client.ask("set", topic=run.topic, configs={"max.message.bytes": "200000"})
    configs = run.client.ask("configs", topic=run.topic)["configs"]
    assert (configs["retention.ms"], configs["max.message.bytes"]) == ("604800000", "200000"), configs
    refused(lambda: run.client.ask("set", topic=run.topic, configs={"retention.ms": "a while"}), "invalid")


def step_set_one(run):
    """one config is set, the others stay"""
    run.need("configs", "set_one")
    before = run.client.ask("configs", topic=run.topic)["configs"]
    run.client.ask("set_one", topic=run.topic, key="segment.bytes", value="20000000")
    after = run.client.ask("configs", topic=run.topic)["configs"]
    assert after == before | {"segment.bytes": "20000000"}, after


def step_cluster(run):
    """the cluster is described"""
    told_of = run.client.ask("cluster")
    if told_of.get("asks") != "Metadata":
        run.need("cluster")
    assert told_of["nodes"] == 1, told_of
    assert told_of["id"] is None or len(told_of["id"]) > 0, told_of


def step_refused(run):
    """a consumer group and a transaction are refused by name, at once"""
    cannot = []
    for what in ("group", "transaction"):
        if what == "transaction" and "idempotence" not in run.offers:
            cannot.append("transaction: the server does not offer idempotence")
            continue
        try:
            refused(lambda: run.client.ask(what, topic=run.topic), REFUSED)
        except Cannot as reason:
            cannot.append(str(reason))
    if cannot:
        told(f"cannot {'; '.join(cannot)}")


def step_delete(run):
    """a topic is deleted, and made again it is empty"""
    run.need("create", "delete")
    # Records of another client: producers of this one would ask for the topic again, and so make it.
    topic = "gone"
    run.client.ask("create", topic=topic, partitions=1, configs={})
    run.reader.ask("produce", topic=topic, partition=0, codec="none", records=run.records("old"))
    run.client.ask("delete", topic=topic)
    assert topic not in run.client.ask("topics")["topics"]
    run.client.ask("create", topic=topic, partitions=1, configs={})
    run.produce(topic, 0, "new")
    run.expect(topic, 0, 0, COUNT)


def step_stop(run):
    """the server ends in order, and its directory is whole"""
    run.server.stop()


# --- What steps share -----------------------------------------------------------------------------

def refused(ask, why):
    """The client is told an error whose text matches `why`, letters and words as the client writes them."""
    try:
        ask()
    except Refused as reason:
        text = str(reason).lower().replace("_", "").replace(" ", "")
        assert re.search(why, text), f"refused, but not as '{why}': {reason}"
    else:
        raise AssertionError(f"not refused ({why})")


def killed(run, topic, idempotent):
    """Send 300 records over more than a second and kill the server in the middle."""
    records, outcome = run.records(topic, 300), {}

    def send():
        try:
            outcome["offsets"] = run.client.ask("produce", topic=topic, partition=0, codec="lz4", records=records,
                                                pace_ms=5, idempotent=idempotent)["offsets"]
        except (Cannot, Refused, AssertionError) as reason:
            outcome["reason"] = reason

    sender = threading.Thread(target=send)
    sender.start()
    sender.join(0.8)
    if sender.is_alive():
        run.server.restart()
    sender.join()
    if "reason" in outcome:
        raise outcome["reason"]
    end = run.client.ask("ends", topic=topic, partition=0)["end"]
    there = run.consume(topic, 0, 0, end)
    assert [record[0] for record in there] == list(range(end)), "offsets with a gap"
    values = [record[1:3] for record in there]
    if idempotent:
        assert values == [record[:2] for record in records], f"{end} records of 300, or not in order"
    for offset, record in zip(outcome["offsets"] or (), records):
        assert offset is not None, "a record was not acknowledged"
        assert values[offset] == record[:2], f"offset {offset} was acknowledged for {record}, there is {there[offset]}"
    for record in records:
        assert record[:2] in values, f"lost: {record}"
    return end


def told(text):
    print(f"        {text}", flush=True)


def steps():
    found = [value for name, value in globals().items() if name.startswith("step_")]
    return sorted(found, key=lambda step: step.__code__.co_firstlineno)


def go_through(run, figures):
    """Every step; true if none failed."""
    for step in steps():
        began = time.monotonic()
        try:
            step(run)
            figures["passed"] += 1
            print(f"  ok    {step.__doc__} ({time.monotonic() - began:.1f} s)", flush=True)
        except Cannot as reason:
            figures["cannot"] += 1
            print(f"  --    {step.__doc__}: {reason}", flush=True)
        except (AssertionError, Refused) as failure:
            print(f"  FAIL  {step.__doc__}: {str(failure)[:1500]}", flush=True)
            return False
    return True


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if len(sys.argv) > 1 else 2
    if sys.argv[1] == "list":
        clients.print_list()
        return 0
    name, root = sys.argv[1], FOLDER.parent.parent
    home = Path(os.environ.get("TDB_BUILD", root / "build" / "asan"))
    tdb, build = sys.argv[2] if len(sys.argv) > 2 else str(home / "tdb"), home / "interop"
    try:
        command, environment = clients.installed(name, build)
    except clients.Missing as reason:
        print(f"SKIP: interop_{name}: {reason}")
        return 0
    began, figures, client, reader = time.monotonic(), {"passed": 0, "cannot": 0}, None, None
    with tempfile.TemporaryDirectory() as work:
        server = servers.Server(tdb, work)
        try:
            server.start()
            client = Client(command, environment, server.address)
            reader = Client(*clients.installed("kcat", build), server.address)
            run = Run(server, client, reader)
            print(f"{run.name}; offered: {' '.join(sorted(run.offers)) or 'none of the admin requests'}", flush=True)
            passed = go_through(run, figures)
        finally:
            server.close()
            for process in (client, reader):
                if process:
                    process.close()
        if not passed:
            print("--- the server's last lines:\n" + "\n".join(server.text().splitlines()[-30:]))
            return 1
    print(f"covered: interop_{name}: {run.name}: {figures['passed']} steps, {figures['cannot']} passed over, "
          f"in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
