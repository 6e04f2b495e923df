"""What suites of this folder say to a server by Kafka's own definitions: topics made, batches produced and fetched, offsets asked
for. Each asks for one topic's partition 0 and gives back Kafka's error code with what came."""
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import kafka_batch  # noqa: E402  (the path above leads to it)
import kafka_wire  # noqa: E402

DATA = Path(os.environ.get("TDB_TEST_DATA", ROOT.parent / "shared" / "data")) / "kafka-messages"
OK, OUT_OF_RANGE, NOT_LEADER, STORAGE_ERROR = 0, 1, 6, 56
LATEST, EARLIEST = -1, -2
VERSIONS = {"Produce": 9, "Fetch": 12, "ListOffsets": 7, "CreateTopics": 5, "DeleteTopics": 5, "DeleteRecords": 2, "Metadata": 9,
            "ApiVersions": 0}
WAIT_MS = 10000


def connect(port):
    return kafka_wire.Wire(DATA, "127.0.0.1", port)


def ask(wire, name, body):
    return wire.ask(name, VERSIONS[name], body)


def request(name, body, correlation=1):
    """A request's bytes, its length in front."""
    return kafka_wire.request(DATA, name, VERSIONS[name], body, correlation)


def create(wire, topic, **configs):
    configs = [{"name": name.replace("_", "."), "value": str(value)} for name, value in configs.items()]
    made, = ask(wire, "CreateTopics", {"timeoutMs": WAIT_MS, "topics": [
        {"name": topic, "numPartitions": 1, "replicationFactor": 1, "configs": configs}]})["topics"]
    assert made["errorCode"] == OK, f"topic {topic}: {made}"


def delete(wire, topic):
    gone, = ask(wire, "DeleteTopics", {"timeoutMs": WAIT_MS, "topicNames": [topic]})["responses"]
    return gone["errorCode"]


def append(wire, topic, batch, version=VERSIONS["Produce"]):
    """Produce with acks=all: the partition's answer."""
    answer = wire.ask("Produce", version, {"acks": -1, "timeoutMs": WAIT_MS, "topicData": [
        {"name": topic, "partitionData": [{"index": 0, "records": batch}]}]})
    return answer["responses"][0]["partitionResponses"][0]


def produce(wire, topic, batch):
    """Likewise: error and base offset."""
    part = append(wire, topic, batch)
    return part["errorCode"], part["baseOffset"]


def fetch_body(topic, offset, bytes_max, wait_ms):
    return {"maxWaitMs": wait_ms, "minBytes": 1, "maxBytes": bytes_max, "topics": [{"topic": topic, "partitions": [
        {"partition": 0, "fetchOffset": offset, "partitionMaxBytes": bytes_max}]}]}


def fetch(wire, topic, offset, bytes_max=4 << 20, wait_ms=WAIT_MS):
    """Error and records from `offset` on; none if none came in time."""
    part = ask(wire, "Fetch", fetch_body(topic, offset, bytes_max, wait_ms))["responses"][0]["partitions"][0]
    return part["errorCode"], kafka_batch.records(part["records"], offset)


def offset_of(wire, topic, timestamp):
    """Error and the offset that ListOffsets tells for `timestamp`, LATEST or EARLIEST."""
    part = ask(wire, "ListOffsets", {"replicaId": -1, "topics": [{"name": topic, "partitions": [
        {"partitionIndex": 0, "timestamp": timestamp}]}]})["topics"][0]["partitions"][0]
    return part["errorCode"], part["offset"]


def trim(wire, topic, offset):
    """Delete the records below `offset`: error and the offset the log begins at."""
    part = ask(wire, "DeleteRecords", {"timeoutMs": WAIT_MS, "topics": [{"name": topic, "partitions": [
        {"partitionIndex": 0, "offset": offset}]}]})["topics"][0]["partitions"][0]
    return part["errorCode"], part["lowWatermark"]


def until(condition, what, pause_seconds=0.01):
    """Wait for `condition`; what is told if it does not come about: `what`, or what that gives."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"after 30 s: {what() if callable(what) else what}"
        time.sleep(pause_seconds)


def is_sanitized(tdb):
    """Whether that program was built with AddressSanitizer: its memory is not the product's then."""
    return b"__asan_init" in Path(tdb).read_bytes()
