"""A small server of /api/v1/ws that says what its test tells it: the WebSocket door of a client under test, with the ends and breaks
that a real one seldom has.

    with WsDoor([[{"ev": "ok", "stream": "s"}, ...], [...]]) as door:      a list for each connection, in order
        ... door.url ...; door.asked: the messages it got, each with "connection": its number

What a connection is told: an object is a message, its "id" 1 if it has none; bytes go out as they are; a number is a pause in
seconds; a set of words waits for a message with those in its "op"; ("close", CODE, REASON) is a close; DROP ends the connection.
Behind the last one it waits for the client to go. More connections than lists are refused.
"""
import base64
import hashlib
import json
import socket
import struct
import threading
import time

from ws_client import CLOSE, PROTOCOL, TEXT, close_payload, frame

DROP = object()
TIMEOUT_SECONDS = 30


class WsDoor:
    def __init__(self, stories):
        self.stories, self.asked, self.connections, self.ends = stories, [], 0, []

    def __enter__(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(TIMEOUT_SECONDS)
            number, self.connections = self.connections, self.connections + 1
            story = self.stories[number] if number < len(self.stories) else None
            threading.Thread(target=self._talk, args=(sock, number, story), daemon=True).start()

    def _talk(self, sock, number, story):
        try:
            Talk(self, sock, number).run(story)
        except OSError:
            pass
        finally:
            sock.close()


class Talk:
    """One connection."""

    def __init__(self, door, sock, number):
        self.door, self.sock, self.number, self.data = door, sock, number, b""

    def run(self, story):
        head = self._until(b"\r\n\r\n").decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        key = next(line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        assert headers["sec-websocket-protocol"] == PROTOCOL, headers
        self.door.headers = headers
        if story is None:
            self.sock.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        digest = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        self.sock.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Sec-WebSocket-Accept: {digest}\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n").encode())
        self._hear({"subscribe"})
        for step in story:
            if step is DROP:
                return
            if isinstance(step, dict):
                self.sock.sendall(frame(TEXT, json.dumps({"id": 1} | step).encode(), masked=False))
            elif isinstance(step, bytes):
                self.sock.sendall(step)
            elif isinstance(step, set):
                self._hear(step)
            elif isinstance(step, tuple):
                self.sock.sendall(frame(CLOSE, close_payload(step[1], step[2]), masked=False))
            else:
                time.sleep(step)
        while self._hear(None) != CLOSE:
            pass
        self.door.ends.append(self.number)
        self.sock.sendall(frame(CLOSE, close_payload(1000), masked=False))

    def _until(self, end):
        while end not in self.data:
            self._more()
        head, _, self.data = self.data.partition(end)
        return head

    def _more(self):
        more = self.sock.recv(65536)
        if not more:
            raise OSError("the client has gone")
        self.data += more

    def _take(self, count):
        while len(self.data) < count:
            self._more()
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def _hear(self, ops):
        """Frames up to a message of such an op; None: any one. Its opcode."""
        while True:
            first, second = self._take(2)
            assert first & 0x80 and second & 0x80, "whole frames, masked"
            size = second & 0x7F
            size = struct.unpack(">H", self._take(2))[0] if size == 126 else struct.unpack(">Q", self._take(8))[0] if size == 127 else size
            key = self._take(4)
            payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(self._take(size)))
            if first & 0x0F == TEXT:
                message = json.loads(payload)
                self.door.asked.append(message | {"connection": self.number})
                if ops and message["op"] not in ops:
                    continue
            elif ops:
                if first & 0x0F == CLOSE:
                    raise OSError("the client has closed")
                continue
            return first & 0x0F
