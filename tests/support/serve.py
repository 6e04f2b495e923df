"""tdb serve as tests run it: a process with a directory of its own, on one port for all its lives.

    server = Server(tdb, work, "--shards", "2")
    server.start()
    server.kill(); server.start("--shards", "3")
    server.stop()
    ... finally: server.close()

It ends as it is told or not at all: kill() and stop() fail where it has ended by itself."""
import random
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

READY_SECONDS = 30
SAID_BYTES = 3000  # of its log, in a failure


class Server:
    """One server process and its directory, `work`/data."""

    def __init__(self, tdb, work, *flags, descriptors=None, http=False):
        """`flags`: of every life. `descriptors`: how many it may open; None: as many as we. `http`: it has an HTTP door, too."""
        self.tdb, self.flags, self.descriptors = tdb, flags, descriptors
        self.data, self.log = Path(work) / "data", Path(work) / "server.log"
        self.process = self.port = self.http = None
        self.has_http = http
        self.began = 0  # where the log of this life begins
        self.lives = 0

    def start(self, *more):
        """Start it with `more` flags, on the port it had, at first on a free one. Not on port 0: a client that tries again and
        again to reach a port of the range for outgoing connections may at last connect to itself, or hold the port."""
        for _ in range(5):
            port = self.port or random.randrange(12000, 30000)
            http = self.http or port + 1
            if self.port or (_is_free(port) and _is_free(http)):
                self._spawn(port, http, more)
                if self._is_ready():
                    self.port, self.http = port, http
                    return
        raise AssertionError(f"the server does not get ready in its life {self.lives}:\n{self.text()[-SAID_BYTES:]}")

    def _spawn(self, port, http, more):
        self.lives += 1
        limit = self.descriptors and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors,) * 2))
        with self.log.open("ab") as log:
            self.began = log.tell()
            self.process = subprocess.Popen(
                [self.tdb, "serve", "--data", self.data, "--listen", f"127.0.0.1:{port}",
                 "--http.listen", f"127.0.0.1:{http}" if self.has_http else "off", *self.flags, *more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=limit)

    def _is_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if " ready kafka=" in self.text():
                return True
            time.sleep(0.005)
        return False

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http}"

    @property
    def pid(self):
        return self.process.pid

    def resident_kib(self):
        """What it has of memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def text(self):
        """What the running process has logged."""
        with self.log.open("rb") as log:
            log.seek(self.began)
            return log.read().decode(errors="replace")

    def check(self):
        """It runs."""
        status = self.process.poll()
        assert status is None, f"the server ended by itself, status {status}:\n{self.text()[-SAID_BYTES:]}"

    def kill(self):
        """kill -9."""
        self.check()
        self.close()

    def stop(self):
        """An orderly end."""
        self.check()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        assert status == 0, f"the server does not stop in order, status {status}:\n{self.text()[-SAID_BYTES:]}"

    def close(self):
        """End it, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()


def _is_free(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0
