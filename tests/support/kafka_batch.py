"""Record batches (magic 2) as bytes, and read back, by Kafka's description: for scripts, uncompressed, without keys and headers.

    batch([b"one", b"two"])                a batch to produce
    Large(1_000_000).batch(7)              one of a large record that ends with the number 7
    records(answer's records, from 5)      [(offset, value), ...]
    number_of(value)                       7"""
import struct
import time

TABLE = []
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = _crc >> 1 ^ (0x82F63B78 if _crc & 1 else 0)
    TABLE.append(_crc)

HEAD = struct.Struct(">qiibI")       # base offset, bytes behind it, leader epoch, magic, checksum
CHECKED = struct.Struct(">hiqqqhii")  # attributes, last offset delta, times, producer, epoch, sequence, records
NUMBER = struct.Struct(">q")
LARGE_TAIL_BYTES = NUMBER.size + 1    # a large record's number, and its headers: none


def crc32c(data, crc=0):
    """CRC-32C (RFC 3720) of `data` behind what `crc` is of."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def batch(values):
    """A batch of the records `values`, all of this moment."""
    return _batch(b"".join(_record(delta, value) for delta, value in enumerate(values)), len(values))


class Large:
    """Batches of one record each that differ in its last 8 bytes: only these are summed anew."""

    def __init__(self, value_bytes):
        whole = _batch(_record(0, bytes(i & 255 for i in range(251)) * (value_bytes // 251) + bytes(value_bytes % 251)), 1)
        self.head, self.checked = whole[:HEAD.size], whole[HEAD.size:-LARGE_TAIL_BYTES]
        self.crc = crc32c(self.checked)
        self.same = whole[-LARGE_TAIL_BYTES - value_bytes + NUMBER.size:-LARGE_TAIL_BYTES]

    def batch(self, number):
        tail = NUMBER.pack(number) + b"\0"
        return self.head[:-4] + struct.pack(">I", crc32c(tail, self.crc)) + self.checked + tail

    def is_whole(self, value):
        """Whether it is one of these, as it was sent."""
        return value[:-NUMBER.size] == self.same


def number_of(value):
    """The number that a large record ends with."""
    return NUMBER.unpack(value[-NUMBER.size:])[0]


def records(data, offset=0):
    """The records in `data` that stand at `offset` or behind it; a batch that is cut at its end is left out."""
    found, pos = [], 0
    while data is not None and pos + HEAD.size + CHECKED.size <= len(data):
        base, length, _, magic, _ = HEAD.unpack_from(data, pos)
        end = pos + 12 + length
        if end > len(data):
            break
        assert magic == 2, f"a batch of magic {magic}"
        attributes, *_, count = CHECKED.unpack_from(data, pos + HEAD.size)
        assert attributes & 7 == 0, "a compressed batch"
        at = pos + HEAD.size + CHECKED.size
        for _ in range(count):
            at, delta, value = _read(data, at)
            if base + delta >= offset:
                found.append((base + delta, value))
        assert at == end, f"{end - at} bytes behind the last record"
        pos = end
    return found


def _batch(body, count):
    now_ms = int(time.time() * 1000)
    checked = CHECKED.pack(0, count - 1, now_ms, now_ms, -1, -1, -1, count) + body
    return HEAD.pack(0, HEAD.size - 12 + len(checked), -1, 2, crc32c(checked)) + checked


def _record(delta, value):
    body = b"\0\0" + _varint(delta) + _varint(-1) + _varint(len(value)) + value + b"\0"
    return _varint(len(body)) + body


def _varint(number):
    number = number << 1 ^ number >> 63
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _read(data, at):
    """A record: where the next begins, its offset delta, its value."""
    at, length = _read_varint(data, at)
    end = at + length
    at, _ = _read_varint(data, at + 1)
    at, delta = _read_varint(data, at)
    at, key_bytes = _read_varint(data, at)
    assert key_bytes == -1, "a record with a key"
    at, value_bytes = _read_varint(data, at)
    return end, delta, data[at:at + value_bytes]


def _read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return at, number >> 1 ^ -(number & 1)
