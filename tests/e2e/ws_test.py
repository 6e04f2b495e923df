#!/usr/bin/python3
"""WebSocket as RFC 6455 has it, by a client whose every byte is ours, against a real server.

  ws_test.py TDB

What is sent, and what must come of it: a message, a close with its code, or the connection still standing. Rows marked "as the
library does" are rules of the RFC that libwebsockets 4.1.6 does not keep (broker/gateway/README.md lists them): pinned, so that a
newer one is noticed. Then clients that misbehave at length while another is served, and the server's own end.
"""
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)
from ws_client import (BINARY, CLOSE, CONTINUATION, PING, PONG, PROTOCOL, TEXT, Client, close_payload,  # noqa: E402
                       frame)

PING_TEXT = b'{"id":1,"op":"ping"}'
PONG_TEXT = {"id": 1, "ev": "ok"}
MESSAGE_BYTES_MAX = 1 << 20

# Requests that are none: name, headers to change, method, version, status, a header that the answer has.
HANDSHAKES = [
    ("without Upgrade", {"Upgrade": None}, "GET", "HTTP/1.1", 426, ("upgrade", "websocket")),
    ("another protocol", {"Upgrade": "h2c"}, "GET", "HTTP/1.1", 426, ("upgrade", "websocket")),
    ("Connection does not name it", {"Connection": "keep-alive"}, "GET", "HTTP/1.1", 426, None),
    ("HTTP/1.0", {}, "GET", "HTTP/1.0", 426, None),
    ("HEAD", {}, "HEAD", "HTTP/1.1", 426, None),
    ("POST", {}, "POST", "HTTP/1.1", 405, ("allow", "OPTIONS, GET, HEAD")),
    ("version 8", {"Sec-WebSocket-Version": "8"}, "GET", "HTTP/1.1", 426, ("sec-websocket-version", "13")),
    ("no version", {"Sec-WebSocket-Version": None}, "GET", "HTTP/1.1", 426, ("sec-websocket-version", "13")),
    ("no key", {"Sec-WebSocket-Key": None}, "GET", "HTTP/1.1", 400, None),
    ("a short key", {"Sec-WebSocket-Key": "c2hvcnQ="}, "GET", "HTTP/1.1", 400, None),
    ("a key that is no base64", {"Sec-WebSocket-Key": "!" * 22 + "=="}, "GET", "HTTP/1.1", 400, None),
    ("no subprotocol", {"Sec-WebSocket-Protocol": None}, "GET", "HTTP/1.1", 400, None),
    ("other subprotocols", {"Sec-WebSocket-Protocol": "tdb.v2.json, TDB.V1.JSON"}, "GET", "HTTP/1.1", 400, None),
    ("a page of another origin", {"Origin": "https://elsewhere.example"}, "GET", "HTTP/1.1", 403, None),
    ("a sandboxed page", {"Origin": "null"}, "GET", "HTTP/1.1", 403, None),
    ("a name that is not ours", {"Host": "rebound.example"}, "GET", "HTTP/1.1", 403, None),
]

# Frames: name, bytes, what must come. A dict: that message; a bytes: that pong; an int: a close with that code; None: the end
# without a close; "open": nothing, and the connection stands.
FRAMES = [
    ("a message", frame(TEXT, PING_TEXT), PONG_TEXT),
    ("5.2: length in 16 bits", frame(TEXT, PING_TEXT + b" " * 200), PONG_TEXT),
    ("5.2: length in 64 bits", frame(TEXT, PING_TEXT + b" " * 70000), PONG_TEXT),
    ("the longest message", frame(TEXT, PING_TEXT + b" " * (MESSAGE_BYTES_MAX - len(PING_TEXT))), PONG_TEXT),
    ("a longer one", frame(TEXT, PING_TEXT + b" " * (MESSAGE_BYTES_MAX - len(PING_TEXT) + 1)), 1009),
    ("5.4: in two fragments", frame(TEXT, PING_TEXT[:7], fin=False) + frame(CONTINUATION, PING_TEXT[7:]), PONG_TEXT),
    ("5.4: a byte a fragment", b"".join(frame(CONTINUATION if i else TEXT, PING_TEXT[i:i + 1], fin=i + 1 == len(PING_TEXT))
                                        for i in range(len(PING_TEXT))), PONG_TEXT),
    ("5.4: empty fragments", frame(TEXT, b"", fin=False) + frame(CONTINUATION, PING_TEXT, fin=False) + frame(CONTINUATION), PONG_TEXT),
    ("5.4: a continuation of nothing", frame(CONTINUATION, PING_TEXT), 1002),
    ("5.4: a new message within one", frame(TEXT, PING_TEXT[:7], fin=False) + frame(TEXT, PING_TEXT), 1002),
    ("5.5: a fragmented ping", frame(PING, b"a", fin=False), 1002),
    ("5.5: a ping of 125 bytes", frame(PING, b"x" * 125), b"x" * 125),
    ("5.5: a ping of 126 bytes (as the library does: no close)", frame(PING, b"x" * 126), None),
    ("5.5.2: an empty ping", frame(PING), b""),
    ("5.5.3: an unasked pong", frame(PONG, b"x") + frame(TEXT, PING_TEXT), PONG_TEXT),
    ("5.2: reserved bit 1", frame(TEXT, PING_TEXT, reserved=4), 1002),
    ("5.2: reserved bit 2", frame(TEXT, PING_TEXT, reserved=2), 1002),
    ("5.2: reserved bit 3", frame(TEXT, PING_TEXT, reserved=1), 1002),
    ("5.2: opcode 3", frame(3, PING_TEXT), 1002),
    ("5.2: opcode 11", frame(11, b""), 1002),
    ("5.6: binary", frame(BINARY, PING_TEXT), 1003),
    ("8.1: a byte that is no UTF-8", frame(TEXT, b'{"op":"\xff"}'), 1007),
    ("8.1: an overlong form", frame(TEXT, b'{"op":"\xc0\xaf"}'), 1007),
    ("8.1: a surrogate", frame(TEXT, b'{"op":"\xed\xa0\x80"}'), 1007),
    ("8.1: half a character at the end", frame(TEXT, b'"\xe2\x82'), 1007),
    ("8.1: a character in two fragments", frame(TEXT, b'{"id":1,"op":"ping","\xe2\x82', fin=False) +
     frame(CONTINUATION, b'\xac":1}'), "error"),
    ("7.1.5: a close", frame(CLOSE, close_payload(1000, b"bye")), 1000),
    ("7.1.5: a close without a code", frame(CLOSE), 1005),
    ("7.4.2: a code of applications", frame(CLOSE, close_payload(3999)), 3999),
    ("7.4.1: 1005 on the wire", frame(CLOSE, close_payload(1005)), 1002),
    ("7.4.1: 1006 on the wire", frame(CLOSE, close_payload(1006)), 1002),
    ("7.4.2: 999", frame(CLOSE, close_payload(999)), 1002),
    ("7.4.2: 1016", frame(CLOSE, close_payload(1016)), 1002),
    ("5.5.1: a reason that is no UTF-8 (as the library does: no close)", frame(CLOSE, close_payload(1000, b"\xff")), None),
    ("5.5.1: a close of one byte (as the library does: it comes back)", frame(CLOSE, b"\x03"), 3),
    ("7.4.2: 5000 (as the library does: it comes back)", frame(CLOSE, close_payload(5000)), 5000),
    ("5.1: a frame without a mask (as the library does: taken)", frame(TEXT, PING_TEXT, masked=False), PONG_TEXT),
    ("5.2: a long form of a short length (as the library does: taken)", frame(TEXT, PING_TEXT, form=8), PONG_TEXT),
    ("5.2: the top bit of 64 (as the library does: no close)", frame(TEXT, b"", length=1 << 63), None),
]


def outcome(client):
    """What came: as the rows say it."""
    said = client.next()
    if said is None:
        return None
    if said[0] == TEXT:
        told = json.loads(said[1])
        return "error" if told["ev"] == "error" else told
    if said[0] == PONG:
        return said[1]
    assert said[0] == CLOSE, said
    return int.from_bytes(said[1][:2], "big") if said[1] else 1005


def handshakes(server):
    client = Client(server.http)
    assert client.status == 101 and client.headers["sec-websocket-accept"] == client.accepted()
    assert client.headers["upgrade"].lower() == "websocket" and client.headers["sec-websocket-protocol"] == PROTOCOL
    client.end()
    client = Client(server.http, headers={"Sec-WebSocket-Protocol": f"other, {PROTOCOL} ,last", "Upgrade": "WebSocket",
                                          "Connection": "keep-alive, Upgrade", "Origin": f"http://localhost"})
    assert client.status == 101 and client.headers["sec-websocket-protocol"] == PROTOCOL, client.headers
    client.end()
    client = Client(server.http, extra=frame(TEXT, PING_TEXT))  # not waiting for the answer
    assert outcome(client) == PONG_TEXT
    client.end()
    client = Client(server.http, extra=frame(TEXT, PING_TEXT + b" " * 20000))  # more than is received at once
    assert outcome(client) == PONG_TEXT
    client.end()
    client = Client(server.http, headers={"Transfer-Encoding": "chunked"}, extra=b"0\r\n\r\n")
    assert client.status == 400, client.status
    client.end()
    for name, headers, method, version, status, header in HANDSHAKES:
        client = Client(server.http, headers=headers, method=method, version=version)
        assert client.status == status, (name, client.status)
        assert header is None or client.headers.get(header[0]) == header[1], (name, client.headers)
        client.end()


def frames(server):
    failed = []
    for name, data, wanted in FRAMES:
        client = Client(server.http)
        client.send(data)
        got = outcome(client)
        if got != wanted:
            failed.append((name, got, wanted))
        client.end()
    assert not failed, "\n".join(f"{name}: {got!r} came, not {wanted!r}" for name, got, wanted in failed)


def main():
    (tdb,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        server = Server(tdb, work, http=True)
        try:
            server.start()
            handshakes(server)
            frames(server)
            questions(server)
            many_rows(server)
            ends(server)
        finally:
            server.close()
    print("covered: handshakes and frames of RFC 6455:", len(HANDSHAKES) + 5 + len(FRAMES))


def ask(client, **message):
    """Send a message."""
    client.send(frame(TEXT, json.dumps(message).encode()))


def told(client):
    """The next message."""
    said = client.next()
    assert said is not None and said[0] == TEXT, said
    return json.loads(said[1])


def answer(client, **message):
    """Send a message, take all that comes up to its end: the rows and the last message."""
    ask(client, **message)
    columns, rows = None, []
    while (said := told(client))["ev"] == "rows":
        assert said["id"] == message["id"] and ("columns" in said) == (columns is None), said
        columns = said.get("columns", columns)
        rows += said["rows"]
    return columns, rows, said


def questions(server):
    """Statements and appends over one connection, several at a time, and what is wrong with them."""
    client = Client(server.http)
    events = [{"value": {"n": i, "name": f"n{i}"}, "partition": 0} for i in range(1000)]
    _, _, said = answer(client, id="a", op="append", stream="numbers", events=events)
    assert said["ev"] == "ok" and said["appended"] == 1000 and said["failed"] == 0, said
    assert said["results"][999] == {"partition": 0, "offset": 999}, said["results"][999]
    _, _, said = answer(client, id=2, op="append", stream="numbers", events=[{"value": 1, "partition": 7}, {"value": 2}])
    assert said["ev"] == "ok" and said["appended"] == 1 and said["results"][0]["error"]["code"] == "partition_not_found", said
    _, _, said = answer(client, id=3, op="append", stream="numbers", events=[{"wert": 1}])
    assert said["ev"] == "error" and said["code"] == "event_invalid" and said["appended"] == 0, said
    _, _, said = answer(client, id=4, op="append", stream="no/name", events=[{"value": 1}])
    assert said["ev"] == "error" and said["code"] == "stream_name_invalid", said
    columns, rows, said = answer(client, id=5, op="query", sql="SELECT n, name FROM numbers WHERE n < $1 ORDER BY n", params=[3])
    assert columns == [{"name": "n", "type": "bigint"}, {"name": "name", "type": "text"}], columns
    assert rows == [[0, "n0"], [1, "n1"], [2, "n2"]], rows
    assert said["ev"] == "ok" and said["command"] == "SELECT" and said["row_count"] == 3, said
    columns, rows, said = answer(client, id=6, op="query", sql="SELECT 12345678901 AS n WHERE false", numbers="string")
    assert len(columns) == 1 and rows == [] and said["row_count"] == 0, said
    _, rows, said = answer(client, id=7, op="query", sql="CREATE STREAM named (name TEXT) FROM TOPIC numbers FORMAT JSON")
    assert rows == [] and said["ev"] == "ok" and said["command"] == "CREATE STREAM", said
    for sql, code in (("SELEC 1", "sql_syntax"), ("SELECT nothing FROM numbers", "sql_undefined"), ("SELECT 1/0", "sql_data")):
        columns, _, said = answer(client, id=8, op="query", sql=sql)
        assert said["ev"] == "error" and said["code"] == code and "sqlstate" in said, said
    _, _, said = answer(client, id=9, op="query", sql="SELECT 1", wait=1)
    assert said["code"] == "message_invalid" and '"wait"' in said["detail"], said
    _, _, said = answer(client, id=10, op="query")
    assert said["code"] == "message_invalid" and '"sql"' in said["detail"], said
    for i in range(12):
        ask(client, id=i, op="query", sql=f"SELECT count(*), {i} FROM numbers")
    counts = {}
    while len(counts) < 12 or any(counts[i][-1]["ev"] != "ok" for i in counts):
        said = told(client)
        counts.setdefault(said["id"], []).append(said)
    assert all(counts[i][0]["rows"] == [[1001, i]] for i in range(12)), counts
    client.end()


def many_rows(server):
    """An answer of many messages; a client that does not read holds its statement up, and nobody else."""
    slow, other = Client(server.http), Client(server.http)
    wide = "SELECT n, name" + ", rpad(name, 4000, name)" * 5 + " FROM numbers WHERE n IS NOT NULL"
    ask(slow, id=1, op="query", sql=wide, timeout="60s")
    time.sleep(0.5)
    answer(other, id=2, op="query", sql="SELECT 1")
    ask(slow, id=2, op="ping")
    rows, messages, pings = 0, 0, 0
    while True:
        said = told(slow)
        if said["ev"] != "rows":
            pings += said["id"] == 2
            if said["id"] == 1:
                break
            continue
        rows += len(said["rows"])
        messages += 1
    assert said["ev"] == "ok" and said["row_count"] == rows and messages > 100, (said, rows, messages)
    ask(slow, id=3, op="query", sql=wide, timeout="60s")  # and goes, with rows on their way
    time.sleep(0.2)
    slow.end()
    ask(other, id=4, op="query", sql=wide, timeout="300ms")
    time.sleep(1)
    while (said := told(other))["ev"] == "rows":
        pass
    assert said["code"] == "query_timeout", said
    other.end()


def fill(server):
    """The socket of a client that asks until nothing more is taken, and reads nothing."""
    sock = Client(server.http).sock
    sock.settimeout(1)
    asked = frame(TEXT, json.dumps({"id": "x" * 60, "op": "ping"}).encode()) * 1000
    try:
        while True:
            sock.send(asked)
    except TimeoutError:
        return sock


def ends(server):
    """The server's end: everybody is told, and who does not answer does not hold it up."""
    polite, deaf = Client(server.http), Client(server.http)
    for client in (polite, deaf):
        client.send(frame(TEXT, PING_TEXT))
        assert outcome(client) == PONG_TEXT
    full = fill(server)
    began = time.monotonic()
    server.process.terminate()
    code, reason = polite.closing()
    assert code == 1001 and "shutting down" in reason, (code, reason)
    polite.send(frame(CLOSE, close_payload(code)))
    assert polite.next() is None
    assert server.process.wait(15) == 0  # not when the library next asks whether the client is there
    full.close()
    print(f"the server ended in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
