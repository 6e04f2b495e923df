"""Kafka's messages as bytes, by Kafka's own JSON definitions: an oracle that shares nothing with broker/kafka.

    wire = Wire(folder of the definitions, "127.0.0.1", port)
    answer = wire.ask("CreateTopics", 7, {"topics": [{"name": "a", "numPartitions": 1, "replicationFactor": 1}]})

A message is a dict by the definitions' names in lowerCamelCase; what a request does not name has its default."""
import functools
import json
import re
import socket
import struct
from pathlib import Path

NUMBERS = {"bool": ">?", "int8": ">b", "int16": ">h", "int32": ">i", "int64": ">q", "uint16": ">H", "uint32": ">I", "float64": ">d"}


def _name(field):
    return field["name"][0].lower() + field["name"][1:]


def _within(versions, version):
    if versions in (None, "none"):
        return False
    first, plus, last = re.fullmatch(r"(\d+)(\+)?(?:-(\d+))?", versions).groups()
    return int(first) <= version and (plus is not None or version <= int(last or first))


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert count >= 0 and self.at + count <= len(self.data), "the answer ends too early"
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def varint(self):
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number


class _Codec:
    """One definition in one version."""

    def __init__(self, definition, version):
        self.version = version
        self.structs = {s["name"]: s["fields"] for s in definition.get("commonStructs", [])}
        self.flexible = _within(definition["flexibleVersions"], version)
        self.fields = definition["fields"]

    def _fields_of(self, field):
        return field.get("fields") or self.structs.get(field["type"].removeprefix("[]"))

    def _may_be_null(self, field):
        return _within(field.get("nullableVersions"), self.version)

    def _default(self, field):
        kind, text = field["type"], field.get("default")
        if text == "null":
            return None
        if kind.startswith("[]"):
            return []
        if kind in NUMBERS:
            return text in (True, "true") if kind == "bool" else int(text or 0, 0) if isinstance(text, str) else text or 0
        if kind in ("string", "uuid"):
            return text or ("" if kind == "string" else bytes(16))
        return b"" if kind in ("bytes", "records") else {}

    def put(self, fields, value):
        out, tagged = b"", []
        known = {_name(f) for f in fields}
        assert set(value) <= known, f"no such fields: {set(value) - known}"
        for field in fields:
            if not _within(field["versions"], self.version):
                continue
            one = value.get(_name(field), self._default(field))
            if _within(field.get("taggedVersions"), self.version):
                if one != self._default(field):
                    tagged.append((field["tag"], self._put_one(field, one)))
            else:
                out += self._put_one(field, one)
        if self.flexible:
            out += _varint(len(tagged)) + b"".join(_varint(t) + _varint(len(b)) + b for t, b in tagged)
        return out

    def _length(self, count, form):
        return _varint(count + 1) if self.flexible else struct.pack(form, count)

    def _put_one(self, field, one):
        kind = field["type"]
        if kind.startswith("[]"):
            items = [] if one is None else one
            inner = dict(field, type=kind[2:], nullableVersions=None)
            return self._length(-1 if one is None else len(items), ">i") + b"".join(self._put_one(inner, i) for i in items)
        if kind in NUMBERS:
            return struct.pack(NUMBERS[kind], one)
        if kind == "uuid":
            return one
        if kind in ("string", "bytes", "records"):
            data = one.encode() if isinstance(one, str) else one or b""
            return self._length(-1 if one is None else len(data), ">h" if kind == "string" else ">i") + data
        body = b"" if one is None else self.put(self._fields_of(field), one)
        return (struct.pack(">b", -1 if one is None else 1) if self._may_be_null(field) else b"") + body

    def get(self, fields, r):
        value = {_name(f): self._default(f) for f in fields}
        for field in fields:
            if _within(field["versions"], self.version) and not _within(field.get("taggedVersions"), self.version):
                value[_name(field)] = self._get_one(field, r)
        for _ in range(r.varint() if self.flexible else 0):
            tag, data = r.varint(), _Reader(r.take(r.varint()))
            for field in fields:
                if _within(field.get("taggedVersions"), self.version) and field["tag"] == tag:
                    value[_name(field)] = self._get_one(field, data)
        return value

    def _count(self, r, form):
        return r.varint() - 1 if self.flexible else r.number(form)

    def _get_one(self, field, r):
        kind = field["type"]
        if kind.startswith("[]"):
            count = self._count(r, ">i")
            inner = dict(field, type=kind[2:], nullableVersions=None)
            return None if count < 0 else [self._get_one(inner, r) for _ in range(count)]
        if kind in NUMBERS:
            return r.number(NUMBERS[kind])
        if kind == "uuid":
            return r.take(16)
        if kind in ("string", "bytes", "records"):
            count = self._count(r, ">h" if kind == "string" else ">i")
            data = None if count < 0 else r.take(count)
            return data.decode() if data is not None and kind == "string" else data
        if self._may_be_null(field) and r.number(">b") < 0:
            return None
        return self.get(self._fields_of(field), r)


@functools.lru_cache(maxsize=None)
def _definition(folder, name):
    text = (folder / f"{name}.json").read_text()
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def request(folder, name, version, body, correlation=1):
    """A request as it is sent, its length in front."""
    definition = _definition(Path(folder), f"{name}Request")
    codec = _Codec(definition, version)
    head = struct.pack(">hhih", definition["apiKey"], version, correlation, 4) + b"wire" + (b"\0" if codec.flexible else b"")
    frame = head + codec.put(codec.fields, body)
    return struct.pack(">i", len(frame)) + frame


class Wire:
    """A connection."""

    def __init__(self, folder, host, port):
        self.folder, self.correlation = Path(folder), 0
        self.sock = socket.create_connection((host, port), 10)
        self.sock.settimeout(20)

    def close(self):
        self.sock.close()

    def ask(self, name, version, body):
        self.send(name, version, body)
        return self.receive(name, version)

    def send(self, name, version, body):
        self.correlation += 1
        self.sock.sendall(request(self.folder, name, version, body, self.correlation))

    def receive(self, name, version):
        codec = _Codec(_definition(self.folder, f"{name}Response"), version)
        r = _Reader(self._take(struct.unpack(">i", self._take(4))[0]))
        assert r.number(">i") == self.correlation, "the answer to another request"
        if codec.flexible and name != "ApiVersions":
            assert r.varint() == 0
        answer = codec.get(codec.fields, r)
        assert r.at == len(r.data), f"{len(r.data) - r.at} bytes behind the answer"
        return answer

    def _take(self, count):
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            assert piece, "the server closed the connection"
            data += piece
        return data
