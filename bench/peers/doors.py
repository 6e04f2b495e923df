"""Servers that the benchmarks of the HTTP door run: ours with both doors, a bare epoll responder, nginx; each on the first
processor alone, so that clients on the second one do not take it from them."""
import http.client
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import brokers
import harness
from brokers import Failure, script

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests" / "support"))

SERVER_CPU, CLIENT_CPU = "0", "1"


class Door(brokers.Ours):
    """`tdb serve` with its HTTP door."""

    def __init__(self, directory, mode="durable", cpus=SERVER_CPU):
        self.cpus = cpus
        super().__init__(directory, mode)
        self.http_port, = brokers.free_ports(1)

    def command(self):
        return ["taskset", "-c", self.cpus, brokers.TDB, "serve", "--data", self.directory / "data", "--listen", self.address,
                "--http.listen", f"127.0.0.1:{self.http_port}"]

    def ask(self, sql, accept="application/json", timeout_s=600):
        """The answer to a statement, its body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout_s)
        connection.request("POST", "/api/v1/query", json.dumps({"sql": sql, "timeout": f"{timeout_s}s"}),
                           {"Content-Type": "application/json", "Accept": accept})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise Failure(f"{sql}: {answer.status} {body[:500].decode(errors='replace')}")
        return body

    def get(self, path):
        """What is there, its body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise Failure(f"{path}: {answer.status} {body[:500].decode(errors='replace')}")
        return body

    def append(self, stream, body):
        """Append NDJSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=120)
        connection.request("POST", f"/api/v1/streams/{stream}/events", body, {"Content-Type": "application/x-ndjson"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise Failure(f"append: {answer.status} {text[:500].decode(errors='replace')}")


class Simple:
    """A server that needs nothing but a port. Use as a context."""

    name = ""

    def __init__(self, directory, answer_bytes):
        self.directory, self.answer_bytes = Path(directory) / type(self).__name__.lower(), answer_bytes
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.http_port, = brokers.free_ports(1)
        self.process = None

    def command(self):
        """The program and its arguments."""
        raise NotImplementedError

    def __enter__(self):
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CPU, *self.command()], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=brokers.die_with_parent)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=1)
                connection.request("GET", "/")
                connection.getresponse().read()
                return self
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        raise Failure(f"{self.name} does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def pids(self):
        """Processes that serve."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def cpu_s(self):
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self.pids())


class Bare(Simple):
    """The least a server can do (bench/macro/bare_http.c)."""

    name = "bare epoll"

    def command(self):
        return [harness.CLIENTS / "bare_http", str(self.http_port), str(self.answer_bytes)]


class Nginx(Simple):
    """nginx with one worker that returns a text as large as our answer's body."""

    name = "nginx"

    def command(self):
        settings = self.directory / "nginx.conf"
        settings.write_text(f"""
daemon off; worker_processes 1; pid {self.directory}/pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; default_type application/json;
client_body_temp_path {self.directory}/b; proxy_temp_path {self.directory}/p; fastcgi_temp_path {self.directory}/f;
uwsgi_temp_path {self.directory}/u; scgi_temp_path {self.directory}/s;
server {{ listen 127.0.0.1:{self.http_port} backlog=4096 reuseport; location / {{ return 200 "{'1' * self.answer_bytes}"; }} }} }}
""")
        return [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-p", self.directory, "-c", settings]


def wrk(door, connections, seconds, path="/", body=None, directory=".", keys=None):
    """Requests answered by `door` per second of its processor time, and per second. With `keys`, a list, each request has one of
    them, drawn evenly, in place of KEY."""
    lua = Path(directory) / "wrk.lua"
    post = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[{body}]==]
""" if body else ""
    many = f"""
local requests = {{}}
function init()
  for i, key in ipairs({{ {",".join(map(str, keys))} }}) do
    local body = wrk.body and string.gsub(wrk.body, "KEY", key)
    requests[i] = wrk.format(nil, (string.gsub([==[{path}]==], "KEY", key)), nil, body)
  end
end
function request()
  return requests[math.random(#requests)]
end
""" if keys else ""
    lua.write_text(post + many + """
done = function(summary, latency, requests)
  io.write(string.format('{"answers": %d, "failed": %d, "us": %d}\\n', summary.requests,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout,
    summary.duration))
end
""")
    before = door.cpu_s()
    out = subprocess.run(["taskset", "-c", CLIENT_CPU, "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "-s", lua,
                          f"http://127.0.0.1:{door.http_port}{path}"], check=True, text=True, stdout=subprocess.PIPE).stdout
    used = door.cpu_s() - before
    found = json.loads(out.splitlines()[-1])
    if found["failed"] > 0:
        raise Failure(f"{door.name}: {found['failed']} of {found['answers']} requests failed")
    return found["answers"] / used, found["answers"] / (found["us"] / 1e6)
