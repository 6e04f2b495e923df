#!/usr/bin/python3
"""The HTTP door as its users meet it: curl, Python, Node.js, Kafka clients beside them, and what openapi.json says.

  http_test.py TDB

Events appended by HTTP are read by kcat as they were sent, and those that kcat appends by HTTP. openapi.json is a valid OpenAPI
document; each of its operations is called with each of its examples, and what is answered is one of the answers it lists, of its
schema. Every problem that a client can bring about is brought about and is of its code and status.
"""
import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)

try:
    import jsonschema
except ImportError:
    print("SKIP: e2e_http: needs Debian's python3-jsonschema: deploy/install test")
    sys.exit(0)

JSON, NDJSON, EVENTS = "application/json", "application/x-ndjson", "application/vnd.tdb.events+json"
QUERY = "/api/v1/query"
QUAKES = Path(__file__).resolve().parents[2] / "deploy" / "sample" / "earthquakes.jsonl"
TIMEOUT_SECONDS = 60


def call(server, method, path, body=None, **headers):
    """(status, headers, body) of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def run(*command, stdin=None):
    """What a command writes; it must succeed."""
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode} {done.stderr.decode(errors='replace')}"
    return done.stdout


# --- Clients ---

def events_go_in_by_http_and_out_by_kafka(server):
    lines = QUAKES.read_bytes().splitlines()
    answer = json.loads(run("curl", "-sSf", "-H", f"Content-Type: {NDJSON}", "--data-binary", f"@{QUAKES}",
                            f"{server.url}/api/v1/streams/quakes/events"))
    assert answer["appended"] == len(lines) and answer["failed"] == 0
    assert [result["offset"] for result in answer["results"]] == list(range(len(lines)))
    assert run("kcat", "-b", server.address, "-C", "-t", "quakes", "-e", "-q").splitlines() == lines


def events_go_in_by_kafka_and_out_by_http(server):
    lines = QUAKES.read_bytes().splitlines()
    run("kcat", "-b", server.address, "-P", "-t", "shakes", "-z", "lz4", "-k", "key", stdin=b"\n".join(lines) + b"\n")
    read, offset = [], 0
    while offset < len(lines):
        status, headers, body = call(server, "GET", f"/api/v1/streams/shakes/events?offset={offset}&limit=777", Accept=NDJSON)
        assert status == 200, body
        for line in body.splitlines():
            event = json.loads(line)
            assert event["offset"] == len(read) and event["key"] == "key"
            read.append(event["value"])
        assert int(headers["TDB-Next-Offset"]) == len(read) > offset
        offset = len(read)
    assert read == [json.loads(line) for line in lines]


def node_speaks_to_it(server):
    script = """
      const url = process.argv[1] + '/api/v1/streams/node/events';
      const sent = await fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '[1, {"a": "\\u00e9"}]'});
      const stream = new ReadableStream({start(c) { c.enqueue(Buffer.from('2\\n')); c.enqueue(Buffer.from('3\\n')); c.close(); }});
      const streamed = await fetch(url, {method: 'POST', headers: {'Content-Type': 'application/x-ndjson'}, body: stream, duplex: 'half'});
      const read = await (await fetch(url + '?limit=10')).json();
      console.log(JSON.stringify([sent.status, streamed.status, read.events.map(e => e.value)]));
    """
    said = json.loads(run("node", "--input-type=module", "-e", script, server.url))
    assert said == [200, 200, [1, {"a": "é"}, 2, 3]], said


def curl_may_ask_before_it_sends(server):
    """curl sends Expect: 100-continue before bodies above 1 MiB."""
    value = json.dumps("x" * 900_000)
    body = ("\n".join([value] * 12) + "\n").encode()
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        answer = json.loads(run("curl", "-sS", "-H", f"Content-Type: {NDJSON}", "-H", "Expect: 100-continue", "--data-binary",
                                f"@{file.name}", f"{server.url}/api/v1/streams/large/events"))
    assert (answer["appended"], answer["failed"]) == (12, 0)
    read = json.loads(run("curl", "-sS", f"{server.url}/api/v1/streams/large/events?offset=11"))
    assert [event["value"] for event in read["events"]] == [json.loads(value)]


def a_wait_ends_with_an_event(server):
    call(server, "POST", "/api/v1/streams/news/events", "1", Content_Type=JSON)
    reader = http.client.HTTPConnection("127.0.0.1", server.http, timeout=TIMEOUT_SECONDS)
    reader.request("GET", "/api/v1/streams/news/events?offset=1&wait=50s")
    call(server, "POST", "/api/v1/streams/news/events", "2", Content_Type=JSON)
    events = json.loads(reader.getresponse().read())["events"]
    reader.close()
    assert [event["value"] for event in events] == [2]


# --- What openapi.json says ---

def resolve(document, schema):
    """`schema` with what its references name in their places."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            at = document
            for name in schema["$ref"].removeprefix("#/").split("/"):
                at = at[name]
            return resolve(document, at)
        return {name: resolve(document, value) for name, value in schema.items()}
    return [resolve(document, item) for item in schema] if isinstance(schema, list) else schema


def the_description_is_true(server):
    document = json.loads(call(server, "GET", "/api/v1/openapi.json")[2])
    assert document["openapi"].startswith("3.1.")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation = resolve(document, operation)
            where = path
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    where = where.replace("{" + parameter["name"] + "}", parameter["example"])
            query = [f"{p['name']}={p['example']}" for p in operation["parameters"] if p["in"] == "query" and "example" in p]
            where += "?" + "&".join(query) if query else ""
            bodies = operation.get("requestBody", {}).get("content", {None: {"example": None}})
            for media, example, schema in ((media, example, body.get("schema")) for media, body in bodies.items()
                                           for example in examples(body)):
                text = example if media == NDJSON else json.dumps(example)
                headers = {"Content_Type": media} if media else {}
                for one in example if media == EVENTS else [example] if path == QUERY else []:
                    jsonschema.Draft202012Validator(schema["oneOf"][0] if media == EVENTS else schema).validate(one)
                answered(operation, *call(server, method.upper(), where, text if media else None, **headers))
                for accepted in operation["responses"]["200"]["content"] if path == QUERY else []:
                    status, got, _ = call(server, "POST", where, text, Accept=accepted, **headers)
                    assert status == 200 and got["Content-Type"].split(";")[0] == accepted
            answered(operation, *call(server, method.upper(), where, None, Host="another.example"))


def examples(body):
    """What a body may be, as its description shows it."""
    return [example["value"] for example in body["examples"].values()] if "examples" in body else [body["example"]]


def answered(operation, status, headers, body):
    """Whether it is one of the operation's answers."""
    assert str(status) in operation["responses"], (status, body)
    content = operation["responses"][str(status)]["content"]
    media = headers["Content-Type"].split(";")[0]
    assert media in content, (status, media)
    if media.endswith("json"):
        jsonschema.Draft202012Validator(content[media]["schema"]).validate(json.loads(body))


# --- Views ---

def ask(server, sql, **members):
    """(status, headers, answer) of a statement."""
    status, headers, body = call(server, "POST", QUERY, json.dumps({"sql": sql, **members}), Content_Type=JSON)
    return status, headers, json.loads(body)


def views_hold_what_was_appended(server):
    status, _, answer = ask(server, "CREATE MATERIALIZED VIEW per_kind AS SELECT kind, count(*) AS n, max(size) AS size FROM things "
                                    "GROUP BY kind")
    assert status == 422 and answer["code"] == "sql_undefined", answer
    for i in range(50):
        appended = json.loads(call(server, "POST", "/api/v1/streams/things/events", json.dumps({"kind": "ab"[i % 2], "size": i}),
                                   Content_Type=JSON)[2])["results"][0]
        if i == 0:
            status, _, answer = ask(server, "CREATE MATERIALIZED VIEW per_kind AS SELECT kind, count(*) AS n, max(size) AS size "
                                            "FROM things GROUP BY kind")
            assert status == 200, answer
        wanted = {"things": {str(appended["partition"]): appended["offset"]}}
        status, headers, answer = ask(server, f"SELECT n, size FROM per_kind WHERE kind = '{'ab'[i % 2]}'", min_position=wanted)
        assert status == 200 and answer["rows"] == [[i // 2 + 1, i]], (i, answer)
        assert headers["TDB-Position"] == answer["position"]
    for members in ({"min_position": answer["position"]}, {"consistency": "any"}):
        status, _, again = ask(server, "SELECT sum(n) FROM per_kind", **members)
        assert status == 200 and again["rows"] == [[50]] and again["position"] >= answer["position"], again
    status, _, answer = ask(server, "SELECT * FROM per_kind", min_position="00000001.5")
    assert status == 422 and answer["code"] == "position_invalid", answer
    epoch, tick = again["position"].split(".")
    status, _, answer = ask(server, "SELECT * FROM per_kind", min_position=f"{epoch}.{int(tick) + 100000}", timeout="200ms")
    assert status == 503 and answer["code"] == "views_lagging" and "per_kind" in answer["detail"], answer
    for kind, wanted in (("a", [["a", 25, 48]]), ("b", [["b", 25, 49]]), ("c", [])):
        status, headers, body = call(server, "GET", f"/api/v1/views/per_kind/rows?k=%5B%22{kind}%22%5D&min_position={again['position']}")
        assert status == 200 and json.loads(body)["rows"] == wanted and headers["TDB-Position"] >= again["position"], body
    assert len(json.loads(call(server, "GET", "/api/v1/views/per_kind/rows?limit=1")[2])["rows"]) == 1
    view, = json.loads(call(server, "GET", "/api/v1/views")[2])["views"]
    assert (view["name"], view["state"], view["rows"], view["records"]) == ("per_kind", "live", 2, 50), view
    assert ask(server, "CREATE MATERIALIZED VIEW kinds AS SELECT count(*) FROM things")[0] == 200


# --- Problems ---

def every_problem_is_told_by_its_code(server):
    stream = "/api/v1/streams/quakes/events"
    rows = [  # code, status, method, path, body, headers
        ("parameter_invalid", 400, "GET", stream + "?limit=0", None, {}),
        ("parameter_invalid", 400, "GET", stream + "?offset=1&timestamp=2", None, {}),
        ("parameter_invalid", 400, "GET", stream + "?wait=61s", None, {}),
        ("parameter_invalid", 400, "GET", stream + "?offset=-1", None, {}),
        ("json_invalid", 400, "POST", stream, "{", {"Content_Type": JSON}),
        ("json_invalid", 400, "POST", stream, b'"\xff"', {"Content_Type": JSON}),
        ("json_invalid", 400, "POST", stream, "nope\n", {"Content_Type": NDJSON}),
        ("origin_not_allowed", 403, "GET", "/livez", None, {"Origin": "null"}),
        ("origin_not_allowed", 403, "GET", "/livez", None, {"Origin": "http://evil.example"}),
        ("host_not_allowed", 403, "GET", "/livez", None, {"Host": "evil.example"}),
        ("stream_reserved", 403, "POST", "/api/v1/streams/__tdb_controller/events", "1", {"Content_Type": JSON}),
        ("path_not_found", 404, "GET", "/api/v2/streams", None, {}),
        ("path_not_found", 404, "GET", "/api/v1/streams/", None, {}),
        ("stream_not_found", 404, "GET", "/api/v1/streams/nowhere/events", None, {}),
        ("partition_not_found", 404, "GET", stream + "?partition=7", None, {}),
        ("view_not_found", 404, "GET", "/api/v1/views/nowhere/rows", None, {}),
        ("view_has_no_key", 422, "GET", "/api/v1/views/kinds/rows?k=%5B1%5D", None, {}),
        ("method_not_allowed", 405, "DELETE", stream, None, {}),
        ("not_acceptable", 406, "GET", stream, None, {"Accept": "text/html"}),
        ("offset_out_of_range", 410, "GET", stream + "?offset=999999999", None, {}),
        ("event_too_large", 413, "POST", stream, json.dumps("x" * 1_100_000), {"Content_Type": JSON}),
        ("body_too_large", 413, "POST", stream, b"", {"Content_Length": str(1 << 30), "Content_Type": JSON}),
        ("target_too_long", 414, "GET", "/" + "x" * 9000, None, {}),
        ("media_type_unsupported", 415, "POST", stream, "a,b", {"Content_Type": "text/csv"}),
        ("media_type_unsupported", 415, "POST", stream, "1", {}),
        ("media_type_unsupported", 415, "POST", stream, "1", {"Content_Type": JSON, "Content_Encoding": "gzip"}),
        ("expectation_failed", 417, "GET", "/livez", None, {"Expect": "the-unexpected"}),
        ("event_invalid", 422, "POST", stream, '{"valeu":1}', {"Content_Type": EVENTS}),
        ("stream_name_invalid", 422, "POST", "/api/v1/streams/a%20b/events", "1", {"Content_Type": JSON}),
        ("timestamp_out_of_range", 422, "POST", stream, '{"value":1,"timestamp":99999999999999}', {"Content_Type": EVENTS}),
        ("json_invalid", 400, "POST", QUERY, "SELECT 1", {"Content_Type": JSON}),
        ("sql_syntax", 400, "POST", QUERY, '{"sql":"SELEKT 1"}', {"Content_Type": JSON}),
        ("sql_not_allowed", 403, "POST", QUERY, '{"sql":"CREATE STREAM __tdb_a (b TEXT) FROM TOPIC quakes FORMAT JSON"}',
         {"Content_Type": JSON}),
        ("not_acceptable", 406, "POST", QUERY, '{"sql":"SELECT 1"}', {"Content_Type": JSON, "Accept": "text/html"}),
        ("media_type_unsupported", 415, "POST", QUERY, '{"sql":"SELECT 1"}', {"Content_Type": "application/x-www-form-urlencoded"}),
        ("query_invalid", 422, "POST", QUERY, '{"sql":"SELECT 1","pramas":[]}', {"Content_Type": JSON}),
        ("sql_undefined", 422, "POST", QUERY, '{"sql":"SELECT * FROM nowhere"}', {"Content_Type": JSON}),
        ("sql_invalid", 422, "POST", QUERY, '{"sql":"SELECT id, count(*) FROM quakes"}', {"Content_Type": JSON}),
        ("sql_parameters", 422, "POST", QUERY, '{"sql":"SELECT $1"}', {"Content_Type": JSON}),
        ("sql_data", 422, "POST", QUERY, '{"sql":"SELECT 1/0"}', {"Content_Type": JSON}),
        ("sql_too_complex", 422, "POST", QUERY, json.dumps({"sql": "SELECT " + "(" * 5000 + "1" + ")" * 5000}), {"Content_Type": JSON}),
        ("sql_unsupported", 501, "POST", QUERY, '{"sql":"DELETE FROM quakes"}', {"Content_Type": JSON}),
        ("query_memory", 503, "POST", QUERY, '{"sql":"SELECT repeat(\'x\', 100000000), repeat(\'y\', 100000000)"}',
         {"Content_Type": JSON}),
        ("query_timeout", 504, "POST", QUERY, '{"sql":"SELECT min(id || repeat(\'x\', 100000)) FROM quakes","timeout":"1ms"}',
         {"Content_Type": JSON}),
        ("head_too_large", 431, "GET", "/livez", None, {"X-Large": "x" * 9000}),
        ("method_unknown", 501, "BREW", "/livez", None, {}),
        ("idempotency_not_served", 501, "POST", stream, "1", {"Content_Type": JSON, "Idempotency_Key": "a"}),
    ]
    for code, status, method, path, body, headers in rows:
        got, answer_headers, text = call(server, method, path, body, **headers)
        what = (code, method, path[:60], got, text[:300])
        assert answer_headers["Content-Type"] == "application/problem+json", what
        problem = json.loads(text)
        assert (got, problem["status"], problem["code"]) == (status, status, code), what
        assert problem["type"] == "urn:tdb:error:" + code and problem["hint"] and problem["request_id"], what
    for text, code in ((b"GET / HTTP/2.0\r\n\r\n", "version_unsupported"), (b"GET /\r\n\r\n", "request_invalid"),
                       (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "encoding_unsupported")):
        with socket.create_connection(("127.0.0.1", server.http), timeout=TIMEOUT_SECONDS) as raw:
            raw.sendall(text)
            said = b""
            while part := raw.recv(65536):
                said += part
        assert json.loads(said.split(b"\r\n\r\n", 1)[1])["code"] == code, said


# --- Health ---

def promtool_of_debian(directory):
    """promtool out of Debian's package, which is not installed: it would start a server. None: the package cannot be had."""
    program = directory / "usr/bin/promtool"
    if not program.exists():
        directory.mkdir(exist_ok=True)
        with contextlib.suppress(subprocess.SubprocessError):
            subprocess.run(["apt-get", "-qq", "download", "prometheus"], cwd=directory, check=True, capture_output=True, timeout=25)
            package, = directory.glob("prometheus_*.deb")
            subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
            package.unlink()
    return program if program.exists() else None


def metrics_are_clean(server):
    status, headers, page = call(server, "GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"\ntdb_http_requests_total " in page
    assert b'\ntdb_views{state="live"} 2\n' in page and b"\ntdb_view_rows 3\n" in page and b"\ntdb_view_lag_seconds 0\n" in page
    promtool = shutil.which("promtool") or promtool_of_debian(Path(sys.argv[1]).parent / "promtool")
    if promtool:
        run(promtool, "check", "metrics", stdin=page)
    else:
        print("SKIP: e2e_http: no promtool (Debian's package prometheus) to check the page of metrics with")


def it_tells_that_it_is_ready(server):
    assert json.loads(call(server, "GET", "/livez")[2]) == {"status": "alive"}
    assert json.loads(call(server, "GET", "/readyz")[2]) == {"status": "ready", "reasons": [], "views": []}
    assert call(server, "HEAD", "/readyz")[2] == b""
    names = [stream["name"] for stream in json.loads(call(server, "GET", "/api/v1/streams")[2])["streams"]]
    assert names == sorted(names) and "quakes" in names


CHECKS = (events_go_in_by_http_and_out_by_kafka, events_go_in_by_kafka_and_out_by_http, node_speaks_to_it,
          curl_may_ask_before_it_sends, a_wait_ends_with_an_event, views_hold_what_was_appended, the_description_is_true, every_problem_is_told_by_its_code,
          metrics_are_clean, it_tells_that_it_is_ready)


def main():
    with tempfile.TemporaryDirectory(prefix="tdb_http_") as work:
        server = Server(sys.argv[1], work, "--shards", "2", "--memory", "256MiB", http=True)
        try:
            server.start()
            for check in CHECKS:
                check(server)
                print(f"ok: {check.__name__.replace('_', ' ')}")
            server.stop()
        except BaseException:
            print(server.text()[-3000:])
            raise
        finally:
            server.close()


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    main()
