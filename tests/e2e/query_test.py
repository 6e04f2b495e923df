#!/usr/bin/python3
"""Questions of streams as their users ask them: curl, Python, kcat beside them, against a real server.

  query_test.py TDB

A year's worth of shapes in one week of earthquakes: answers as JSON, NDJSON and CSV are held against what Python computes from the
same file; streams over events that came by HTTP and by kcat, inferred and declared; parameters, errors with their carets, timeouts,
clients that go, answers larger than what a connection may hold, 64 heavy ones at once; and after kill -9 the same answers again.
"""
import concurrent.futures
import csv
import http.client
import io
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
QUERY = "/api/v1/query"
QUAKES = Path(__file__).resolve().parents[2] / "deploy" / "sample" / "earthquakes.jsonl"
EVENTS = [json.loads(line) for line in QUAKES.read_text().splitlines()]
LARGE_ROWS = 40000  # of a large answer
TIMEOUT_SECONDS = 60


def request(server, method, path, body=None, **headers):
    """(status, headers, body) of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def ask(server, sql, *params, **members):
    """The answer's object; it must go well."""
    body = {"sql": sql, **({"params": params} if params else {}), **members}
    status, _, text = request(server, "POST", QUERY, json.dumps(body), Content_Type=JSON)
    answer = json.loads(text)
    assert status == 200 and "error" not in answer, (sql, status, text[:1000])
    assert answer["row_count"] == len(answer["rows"])
    return answer


def rows(server, sql, *params, **members):
    return ask(server, sql, *params, **members)["rows"]


def problem(server, sql, *params, **members):
    status, headers, text = request(server, "POST", QUERY, json.dumps({"sql": sql, "params": params, **members}), Content_Type=JSON)
    assert headers["Content-Type"] == "application/problem+json", (sql, text)
    told = json.loads(text)
    assert told["status"] == status
    return told


def append(server, stream, *values):
    status, _, text = request(server, "POST", f"/api/v1/streams/{stream}/events", "\n".join(map(json.dumps, values)), Content_Type=NDJSON)
    assert status == 200, text


# --- Streams ---

def a_topic_of_http_is_a_stream(server):
    subprocess.run(["curl", "-sSf", "-o", os.devnull, "-H", f"Content-Type: {NDJSON}", "--data-binary", f"@{QUAKES}",
                    f"{server.url}/api/v1/streams/earthquakes/events"], check=True, timeout=TIMEOUT_SECONDS)
    said = subprocess.run(["curl", "-sSf", "-H", f"Content-Type: {JSON}", "-d", '{"sql":"SELECT count(*) FROM earthquakes"}',
                           server.url + QUERY], check=True, timeout=TIMEOUT_SECONDS, capture_output=True)
    assert json.loads(said.stdout)["rows"] == [[len(EVENTS)]]
    assert [row[:2] for row in rows(server, "DESCRIBE earthquakes")][:4] == [
        ["type", "text"], ["properties", "jsonb"], ["geometry", "jsonb"], ["id", "text"]]
    assert rows(server, "SHOW CREATE STREAM earthquakes") == [
        ["CREATE STREAM earthquakes (type TEXT, properties JSONB, geometry JSONB, id TEXT) FROM TOPIC earthquakes FORMAT JSON"]]
    first = rows(server, "SELECT properties, id, _offset FROM earthquakes WHERE _offset = 7")
    assert first == [[EVENTS[7]["properties"], EVENTS[7]["id"], 7]]


def a_topic_of_kafka_is_a_stream(server):
    lines = b"".join(json.dumps({"n": i, "half": i / 2, "name": f"event {i}"}).encode() + b"\n" for i in range(5000))
    subprocess.run(["kcat", "-b", server.address, "-P", "-t", "numbers", "-z", "zstd", "-k", "a key"], input=lines, check=True,
                   timeout=TIMEOUT_SECONDS)
    assert rows(server, "SELECT count(*), sum(n), avg(half), min(name), max(_key) FROM numbers") == [
        [5000, 12497500, 1249.75, "event 0", "a key"]]
    append(server, "numbers", {"n": 5000, "half": 1, "name": "the last", "more": True})
    assert rows(server, "SELECT n, more FROM numbers WHERE more") == [[5000, True]]


def declared_streams_answer_as_python_does(server):
    ask(server, """CREATE STREAM quakes (id TEXT, at TIMESTAMPTZ PATH '$.properties.time', mag DOUBLE PRECISION PATH '$.properties.mag',
                place TEXT PATH '$.properties.place', net TEXT PATH '$.properties.net', doc JSONB PATH '$')
                FROM TOPIC earthquakes FORMAT JSON""")
    magnitudes = [event["properties"]["mag"] for event in EVENTS if event["properties"]["mag"] is not None]
    answer = ask(server, "SELECT count(*), count(mag), max(mag), avg(mag), min(at) FROM quakes")
    (count, counted, largest, average, first), = answer["rows"]
    assert (count, counted, largest, answer["records"]) == (len(EVENTS), len(magnitudes), max(magnitudes), len(EVENTS))
    assert abs(average - sum(magnitudes) / len(magnitudes)) < 1e-9
    first_ms = min(event["properties"]["time"] for event in EVENTS)
    assert first == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(first_ms // 1000)) + f".{first_ms % 1000:03}000Z"
    by_net = {}
    for event in EVENTS:
        if (event["properties"]["mag"] or 0) >= 2:
            by_net[event["properties"]["net"]] = by_net.get(event["properties"]["net"], 0) + 1
    wanted = sorted(([net, n] for net, n in by_net.items()), key=lambda row: (-row[1], row[0]))
    assert rows(server, "SELECT net, count(*) AS n FROM quakes WHERE mag >= $1 GROUP BY net ORDER BY n DESC, net", 2) == wanted
    days = rows(server, "SELECT window_start, count(*) FROM TUMBLE(quakes, at, INTERVAL '1 day') GROUP BY window_start ORDER BY 1")
    assert sum(n for _, n in days) == len(EVENTS) and days == sorted(days) and len(days) > 5
    assert rows(server, "SELECT name, topic, kind FROM system.streams WHERE name = 'quakes'") == [["quakes", "earthquakes", "declared"]]
    assert any(row[0] == "quakes" for row in rows(server, "SHOW STREAMS"))
    listed = json.loads(request(server, "GET", "/api/v1/streams")[2])["streams"]
    assert [stream["topic"] for stream in listed if stream["name"] == "quakes"] == ["earthquakes"]
    assert any("Scan on quakes" in row[0] for row in rows(server, "EXPLAIN SELECT id FROM quakes WHERE mag > 5"))
    (plan,), = rows(server, "EXPLAIN (FORMAT JSON) SELECT id FROM quakes WHERE mag > 5")
    assert plan["version"] == 1 and plan["nodes"]


def what_does_not_fit_is_listed(server):
    append(server, "odd", {"n": 1}, {"n": "two"}, {"n": 3})
    ask(server, "CREATE STREAM odd_numbers (n BIGINT) FROM TOPIC odd FORMAT JSON")
    answer = ask(server, "SELECT sum(n), count(*) FROM odd_numbers")
    assert (answer["rows"], answer["errors"]) == ([[4, 3]], 1)
    errors = rows(server, "SHOW ERRORS")
    assert len(errors) == 1 and "odd_numbers" in errors[0] and any("two" in str(value) for value in errors[0]), errors


# --- Forms ---

def every_form_says_the_same(server):
    sql = "SELECT place, mag, at, doc -> 'geometry' AS geometry FROM quakes WHERE mag > 4 ORDER BY at"
    wanted = ask(server, sql)
    assert len(wanted["rows"]) > 50
    _, _, text = request(server, "POST", QUERY, json.dumps({"sql": sql}), Content_Type=JSON, Accept=NDJSON)
    first, *middle, last = map(json.loads, text.splitlines())
    assert first == {"columns": wanted["columns"]} and middle == wanted["rows"]
    assert last == {name: wanted[name] for name in ("command", "row_count", "errors", "records")}
    _, headers, text = request(server, "POST", QUERY, json.dumps({"sql": sql}), Content_Type=JSON, Accept=CSV)
    names, *lines = csv.reader(io.StringIO(text.decode(), newline=""))
    assert names == ["place", "mag", "at", "geometry"]
    assert headers["TDB-Types"] == "; ".join(column["type"] for column in wanted["columns"])
    assert [[place, float(mag), at, json.loads(geometry)] for place, mag, at, geometry in lines] == wanted["rows"]
    assert rows(server, "SELECT $1::bigint, $2, $3::numeric", 9007199254740993, 1.5, None, numbers="string") == [
        ["9007199254740993", "1.5", None]]


def a_large_answer_comes_as_it_is_found(server):
    append(server, "large", *({"n": i, "pad": "x" * 100} for i in range(LARGE_ROWS)))
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=TIMEOUT_SECONDS)
    connection.request("POST", QUERY, json.dumps({"sql": "SELECT n, pad FROM large"}), {"Content-Type": JSON, "Accept": NDJSON})
    answer = connection.getresponse()
    assert answer.headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in answer.headers
    numbers = [json.loads(line) for line in answer.read().splitlines()]
    assert [row[0] for row in numbers[1:-1]] == list(range(LARGE_ROWS)) and numbers[-1]["row_count"] == LARGE_ROWS
    connection.request("POST", QUERY, '{"sql":"SELECT 1"}', {"Content-Type": JSON})  # the connection goes on
    assert json.loads(connection.getresponse().read())["rows"] == [[1]]
    connection.close()


# --- What goes wrong ---

def errors_point_at_their_place(server):
    for sql, state, code, caret in (
            ("SELECT id FORM quakes", "42601", "sql_syntax", ""),
            ("SELECT plcae FROM quakes", "42703", "sql_undefined", "plcae"),
            ("SELECT id FROM quaks", "42P01", "sql_undefined", "quaks"),
            ("SELECT id,\n  mag +\n  wrong(id) FROM quakes", "42883", "sql_undefined", "wrong"),
            ("SELECT 1 / (mag - mag)::int FROM quakes WHERE mag > 5", "22012", "sql_data", "/"),
            ("SELECT id, count(*) FROM quakes", "42803", "sql_invalid", "id")):
        told = problem(server, sql)
        assert (told["sqlstate"], told["code"]) == (state, code), told
        line, under = told["excerpt"].splitlines()
        assert line == f"LINE {told['line']}: " + sql.splitlines()[told["line"] - 1]
        assert line[under.index("^"):].startswith(caret), told["excerpt"]
    assert problem(server, "SELECT id FROM quaks")["hint"] == "Did you mean quakes?"
    assert problem(server, "UPDATE quakes SET id = 'a'")["code"] == "sql_unsupported"
    assert problem(server, "SELECT $1 + 1", "one")["sqlstate"] == "22P02"


def an_error_behind_rows_is_told_at_the_end(server):
    sql = f"SELECT pad, 1 / ({LARGE_ROWS - 1} - n) FROM large"
    status, _, text = request(server, "POST", QUERY, json.dumps({"sql": sql}), Content_Type=JSON)
    answer = json.loads(text)
    assert status == 200 and answer["error"]["sqlstate"] == "22012" and 0 < len(answer["rows"]) < LARGE_ROWS
    _, _, text = request(server, "POST", QUERY, json.dumps({"sql": sql}), Content_Type=JSON, Accept=NDJSON)
    assert json.loads(text.splitlines()[-1])["error"]["code"] == "sql_data"
    try:
        request(server, "POST", QUERY, json.dumps({"sql": sql}), Content_Type=JSON, Accept=CSV)
        raise AssertionError("a cut answer looked whole")
    except http.client.IncompleteRead:
        pass


def statements_end_when_their_time_is_over(server):
    began = time.monotonic()
    told = problem(server, "SELECT max(length(upper(repeat(pad, 60)))) FROM large", timeout="100ms")
    assert told["code"] == "query_timeout" and told["detail"] == "canceling statement due to statement timeout", told
    assert time.monotonic() - began < 10


def running(server):
    """Statements under way, by the server's own count."""
    page = request(server, "GET", "/metrics")[2].decode()
    return next(int(line.split()[-1]) for line in page.splitlines() if line.startswith("tdb_queries_running"))


def a_client_that_goes_ends_its_statement(server):
    body = json.dumps({"sql": "SELECT * FROM large", "timeout": "1h"})
    raws = []
    for _ in range(8):
        raw = socket.create_connection(("127.0.0.1", server.http), timeout=TIMEOUT_SECONDS)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(f"POST {QUERY} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        assert raw.recv(10)
        raws.append(raw)
    deadline = time.monotonic() + 10
    while running(server) < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert rows(server, "SELECT 1") == [[1]]  # others are served meanwhile
    for raw in raws:
        raw.close()
    deadline = time.monotonic() + 60
    while running(server) > 0:
        assert time.monotonic() < deadline, "statements of clients that are gone go on"
        time.sleep(0.01)


def clients_may_read_on_when_their_time_is_over(server):
    """Answers that were held up, whose clients read on just when the statements' time is over: each ends, cut or with its error."""
    body = json.dumps({"sql": "SELECT pad, repeat(pad, 20) FROM large", "timeout": 300})
    for _ in range(5):
        began, raws = time.monotonic(), []
        for _ in range(24):
            raw = socket.create_connection(("127.0.0.1", server.http), timeout=TIMEOUT_SECONDS)
            raw.sendall(f"POST {QUERY} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {JSON}\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            raws.append(raw)
        time.sleep(max(0, began + 0.27 - time.monotonic()))
        while raws:
            ready = select.select(raws, [], [], TIMEOUT_SECONDS)[0]
            assert ready, "answers do not end"
            for raw in ready:
                if not raw.recv(200_000):
                    raws.remove(raw)
                    raw.close()
    server.check()


def heavy_statements_leave_room_for_others(server):
    """64 at once: each answers what it answers alone, and who appends or asks something small meanwhile is served."""
    few = "FROM large WHERE _offset < 12000"
    asked = (f"SELECT n % 100, count(*), sum(n), max(pad) {few} GROUP BY 1 ORDER BY 1", f"SELECT n {few} ORDER BY pad, n DESC LIMIT 5",
             f"SELECT max(length(upper(repeat(pad, 5)))) {few}", f"SELECT count(DISTINCT n) {few}")
    wanted = [rows(server, sql) for sql in asked]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        heavy = [pool.submit(rows, server, asked[i % len(asked)], timeout="5m") for i in range(64)]
        small, slowest = 0, 0
        while not all(one.done() for one in heavy):
            began = time.monotonic()
            append(server, "meanwhile", *({"n": small * 10 + i} for i in range(10)))
            assert rows(server, "SELECT $1 + 1", small) == [[small + 1]]
            slowest = max(slowest, time.monotonic() - began)
            small += 1
        assert [one.result() for one in heavy] == wanted * 16
    assert small > 0 and rows(server, "SELECT count(*) FROM meanwhile") == [[small * 10]]
    print(f"  {small} small ones meanwhile, the slowest {slowest * 1e3:.0f} ms")


# --- kill -9 ---

def after_a_kill_the_answers_are_the_same(server):
    asked = ("SELECT count(*), sum(n) FROM numbers", "SELECT net, count(*), max(mag) FROM quakes GROUP BY net ORDER BY net",
             "SHOW CREATE STREAM quakes", "DESCRIBE earthquakes", "SHOW STREAMS", "SELECT count(*) FROM large")
    before = [ask(server, sql) for sql in asked]
    server.kill()
    server.start("--shards", "1")
    assert [ask(server, sql) for sql in asked] == before
    ask(server, "DROP STREAM quakes")
    server.kill()
    server.start("--shards", "3")
    assert problem(server, "SELECT 1 FROM quakes")["sqlstate"] == "42P01"
    assert ask(server, asked[0]) == before[0]


def main():
    with tempfile.TemporaryDirectory() as work:
        server = Server(sys.argv[1], work, http=True)
        try:
            server.start("--shards", "2")
            for test in (a_topic_of_http_is_a_stream, a_topic_of_kafka_is_a_stream, declared_streams_answer_as_python_does,
                         what_does_not_fit_is_listed, every_form_says_the_same, a_large_answer_comes_as_it_is_found,
                         errors_point_at_their_place, an_error_behind_rows_is_told_at_the_end, statements_end_when_their_time_is_over,
                         a_client_that_goes_ends_its_statement, clients_may_read_on_when_their_time_is_over,
                         heavy_statements_leave_room_for_others, after_a_kill_the_answers_are_the_same):
                began = time.monotonic()
                test(server)
                print(f"{test.__name__}: {time.monotonic() - began:.1f} s")
            server.stop()
        except BaseException:
            print(server.text()[-3000:] if server.process else "", file=sys.stderr)
            raise
        finally:
            server.close()


main()
