"""A small server of POST /api/v1/query that answers what its test tells it: the HTTP door of a client under test, with the ends and
breaks that a real one seldom has.

    with QueryDoor({"SELECT 1": answer(["n:integer"], [[1]])}) as door:
        ... door.url ...; door.asked: the bodies it got
"""
import http.server
import json
import socket
import threading
import time

NDJSON, PROBLEM = "application/x-ndjson", "application/problem+json"


def answer(columns, rows, **end):
    """The lines of an answer: columns as "name:type"."""
    head = {"columns": [dict(zip(("name", "type"), column.rsplit(":", 1))) for column in columns]}
    end = {"command": "SELECT", "row_count": len(rows), "errors": 0, "records": len(rows)} | end
    lines = [json.dumps(head)] if columns else []
    return 200, NDJSON, [line + "\n" for line in [*lines, *(json.dumps(row, ensure_ascii=False) for row in rows), json.dumps(end)]]


def broken(columns, rows, error):
    """An answer that ends in an error."""
    status, media, lines = answer(columns, rows)
    return status, media, lines[:-1] + [json.dumps({"error": error}) + "\n"]


def problem(status, **members):
    return status, PROBLEM, [json.dumps({"type": "urn:tdb:error:x", "status": status} | members)]


class QueryDoor:
    """A server on a free port for as long as the `with` lasts. `answers`: by the statement; a number among the lines is a pause in
    seconds, None the end of the connection."""

    def __init__(self, answers):
        self.answers, self.asked, self.broken_pipes = answers, [], 0

    def __enter__(self):
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                door.asked.append(asked | {"path": self.path, "accept": self.headers["Accept"]})
                words = asked["sql"].strip().rstrip(";").strip()
                status, media, lines = door.answers.get(words, problem(400, sqlstate="42601", detail=f"not expected: {words}"))
                self.send_response(status)
                self.send_header("Content-Type", media)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for line in lines:
                        if line is None:
                            self.connection.shutdown(socket.SHUT_RDWR)
                            self.close_connection = True
                            return
                        if isinstance(line, (int, float)):
                            time.sleep(line)
                            continue
                        data = line.encode()
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    door.broken_pipes += 1
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
