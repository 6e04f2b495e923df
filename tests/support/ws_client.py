"""A WebSocket client in which every byte is the test's: handshakes and frames as RFC 6455 has them, or not.

    client = Client(port)                      the handshake of a good client
    client.send(frame(TEXT, b'{"op":"ping"}'))
    client.next()                              (opcode, payload) of the next frame; None: the connection has ended
"""
import base64
import hashlib
import os
import socket
import struct

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
PROTOCOL = "tdb.v1.json"
TIMEOUT_SECONDS = 60


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0, length=None, form=None):
    """A frame. `length`: what it says; `form`: in how many bytes beside the first (0, 2, 8)."""
    size = len(payload) if length is None else length
    form = form if form is not None else 0 if size < 126 else 2 if size < 65536 else 8
    first = bytes([fin << 7 | reserved << 4 | opcode])
    mask_bit = masked << 7
    head = {0: lambda: bytes([mask_bit | size]), 2: lambda: bytes([mask_bit | 126]) + struct.pack(">H", size),
            8: lambda: bytes([mask_bit | 127]) + struct.pack(">Q", size)}[form]()
    if not masked:
        return first + head + payload
    key = os.urandom(4)
    return first + head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + reason


class Client:
    def __init__(self, port, extra=b"", headers=None, method="GET", version="HTTP/1.1"):
        """Connect and ask for an upgrade; `headers`: instead of the usual ones (None: left out); `extra`: sent along behind."""
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.key = base64.b64encode(os.urandom(16)).decode()
        wanted = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                  "Sec-WebSocket-Key": self.key, "Sec-WebSocket-Protocol": PROTOCOL} | (headers or {})
        lines = [f"{name}: {value}" for name, value in wanted.items() if value is not None]
        self.sock.sendall("\r\n".join([f"{method} /api/v1/ws {version}", *lines, "", ""]).encode() + extra)
        self.data, self.first = b"", None  # the first fragment of a message, until the second comes
        while b"\r\n\r\n" not in self.data and self._more():
            pass
        if b"\r\n\r\n" not in self.data:
            raise ConnectionResetError("the connection ended within the handshake")
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}

    def accepted(self):
        """RFC 6455 section 4.2.2: what the server has to answer to our key."""
        digest = hashlib.sha1((self.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        return base64.b64encode(digest).decode()

    def _more(self):
        try:
            part = self.sock.recv(65536)
        except ConnectionResetError:
            part = b""
        self.data += part
        return part != b""

    def _take(self, count):
        while len(self.data) < count:
            if not self._more():
                raise EOFError
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def send(self, data):
        self.sock.sendall(data)

    def next(self):
        try:
            return self._next()
        except EOFError:
            return None

    def _next(self):
        head = self._take(2)
        assert head[0] & 0x70 == 0 and head[1] & 0x80 == 0, "a server's frame is not masked and has no extension"
        size = head[1]
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
            assert size >= 126, "the shortest form"
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
            assert size >= 65536, "the shortest form"
        data = self._take(size)
        if not head[0] & 0x80:
            assert head[0] & 15 == TEXT and self.first is None, "a fragment within a message"
            self.first = data
            return self._next()
        if head[0] & 15 == CONTINUATION:
            assert self.first is not None, "a fragment of no message"
            first, self.first = self.first, None
            return TEXT, first + data
        assert head[0] & 8 or self.first is None, "a message within another"
        return head[0] & 15, data

    def closing(self):
        """The code and the reason of the close that comes next; None: the connection ended without one."""
        while (said := self.next()) is not None:
            if said[0] == CLOSE:
                return (struct.unpack(">H", said[1][:2])[0], said[1][2:].decode()) if said[1] else (1005, "")
        return None

    def end(self):
        self.sock.close()
