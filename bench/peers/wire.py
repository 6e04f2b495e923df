"""The few requests of the Kafka protocol that the benchmarks make themselves, by hand, so that a broker is asked the
same way whichever it is, and the first answer after a start is not hidden behind a client library's pauses.

Each request is in a version without tagged fields. A broker that answers with an error raises Refused; one that does
not answer raises OSError."""
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests" / "support"))
from script import Failure  # noqa: E402  (the path above leads to it)

PRODUCE, LIST_OFFSETS, METADATA, CREATE_TOPICS, DELETE_TOPICS = 0, 2, 3, 19, 20


class Refused(Failure):
    """A broker answered with an error: `code` is Kafka's."""

    def __init__(self, what, code, text=""):
        super().__init__(f"{what}: error {code}{': ' * bool(text)}{text}")
        self.code = code


class Wire:
    """One connection to a broker on this machine."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, api, version, body):
        """Send one request; a Reader of the answer's body."""
        self.correlation += 1
        self.socket.sendall(request(api, version, self.correlation, body))
        size, correlation = struct.unpack(">ii", self._read(8))
        if correlation != self.correlation:
            raise OSError(f"answer {correlation} to request {self.correlation}")
        return Reader(self._read(size - 4))

    def _read(self, size):
        parts = []
        while size > 0:
            part = self.socket.recv(size)
            if not part:
                raise OSError("the connection ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def metadata(self, topic=None):
        """(brokers, {topic: [error of each partition]}); of all topics without one. Makes none."""
        topics = struct.pack(">i", -1) if topic is None else array([text(topic)])
        answer = self.ask(METADATA, 4, topics + b"\0")
        answer.int32()
        brokers = [(answer.int32(), answer.text(), answer.int32(), answer.text()) for _ in range(answer.int32())]
        answer.text()
        answer.int32()
        found = {}
        for _ in range(answer.int32()):
            error, name, _internal = answer.int16(), answer.text(), answer.int8()
            partitions = []
            for _ in range(answer.int32()):
                partition_error, _index, leader = answer.int16(), answer.int32(), answer.int32()
                answer.int32s()
                answer.int32s()
                partitions.append(partition_error or (5 if leader < 0 else 0))
            found[name] = [error] if error else partitions
        return brokers, found

    def create_topic(self, name, partitions, config, timeout_s=300):
        """Create it; it exists in full, with leaders, when this returns."""
        pairs = array([text(key) + text(value) for key, value in config.items()])
        topic = text(name) + struct.pack(">ih", partitions, 1) + array([]) + pairs
        self.socket.settimeout(timeout_s)
        answer = self.ask(CREATE_TOPICS, 2, array([topic]) + struct.pack(">i?", timeout_s * 1000, False))
        answer.int32()
        for _ in range(answer.int32()):
            answer.text()
            error, why = answer.int16(), answer.text()
            if error:
                raise Refused(f"creating {name}", error, why or "")
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if self.metadata(name)[1].get(name) == [0] * partitions:
                    self.end_offset(name, partitions)  # leaders are told before they lead
                    return
            except Refused:
                pass
            time.sleep(0.01)
        raise Failure(f"topic {name} has no leaders after {timeout_s} s")

    def delete_topic(self, name):
        answer = self.ask(DELETE_TOPICS, 1, array([text(name)]) + struct.pack(">i", 60000))
        answer.int32()
        for _ in range(answer.int32()):
            answer.text()
            error = answer.int16()
            if error:
                raise Refused(f"deleting {name}", error)

    def end_offset(self, topic, partitions):
        """The sum of the partitions' high watermarks: records committed, in a topic that was never trimmed."""
        return sum(self.end_offsets(topic, partitions))

    def end_offsets(self, topic, partitions):
        """The partitions' high watermarks."""
        wanted = array([struct.pack(">iq", partition, -1) for partition in range(partitions)])
        answer = self.ask(LIST_OFFSETS, 1, struct.pack(">i", -1) + array([text(topic) + wanted]))
        found = [0] * partitions
        for _ in range(answer.int32()):
            answer.text()
            for _ in range(answer.int32()):
                partition, error, _time, offset = answer.int32(), answer.int16(), answer.int64(), answer.int64()
                if error:
                    raise Refused(f"offsets of {topic}", error)
                found[partition] = offset
        return found

    def produce(self, topic, records):
        """Append the batch `records` to partition 0 with acks=all; its offset."""
        answer = self.ask(PRODUCE, 3, produce_body(topic, records))
        answer.int32()
        answer.text()
        answer.int32()
        _partition, error, offset = answer.int32(), answer.int16(), answer.int64()
        if error:
            raise Refused(f"producing to {topic}", error)
        return offset


def request(api, version, correlation, body):
    """A request as bytes, its length before it."""
    header = struct.pack(">hhi", api, version, correlation) + text("bench")
    return struct.pack(">i", len(header) + len(body)) + header + body


def produce_body(topic, records):
    """The body of Produce (version 3, acks=all) for the batch `records` and partition 0."""
    partition = struct.pack(">ii", 0, len(records)) + records
    return text(None) + struct.pack(">hi", -1, 30000) + array([text(topic) + array([partition])])


class Reader:
    """The fields of an answer, one after another."""

    def __init__(self, data):
        self.data, self.pos = data, 0

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.pos)
        self.pos += struct.calcsize(form)
        return values[0]

    def int8(self):
        return self.take(">b")

    def int16(self):
        return self.take(">h")

    def int32(self):
        return self.take(">i")

    def int64(self):
        return self.take(">q")

    def int32s(self):
        return [self.int32() for _ in range(self.int32())]

    def text(self):
        size = self.int16()
        if size < 0:
            return None
        self.pos += size
        return self.data[self.pos - size:self.pos].decode()


def text(value):
    """A string of the protocol; None: null."""
    if value is None:
        return struct.pack(">h", -1)
    return struct.pack(">h", len(value.encode())) + value.encode()


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def batch(value):
    """A record batch (magic 2) of one record without key: `value`, of less than 50 bytes (a length is one byte then)."""
    if len(value) > 49:
        raise ValueError("too long for one-byte lengths")
    body = bytes([0, 0, 0, 1, 2 * len(value)]) + value + b"\0"  # attributes, deltas, no key, value, no headers
    record = bytes([2 * len(body)]) + body
    now_ms = int(time.time() * 1000)
    # attributes, last offset delta, first and last time, producer, epoch, sequence, records
    checked = struct.pack(">hiqqqhii", 0, 0, now_ms, now_ms, -1, -1, -1, 1) + record
    head = struct.pack(">ibI", -1, 2, crc32c(checked))  # leader epoch, magic
    return struct.pack(">qi", 0, len(head) + len(checked)) + head + checked


def crc32c(data):
    """CRC-32C (RFC 3720), bit by bit: it is for one small batch."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
