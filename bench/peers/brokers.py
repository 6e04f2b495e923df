"""The brokers under test, started and ended as processes: ours, and Apache Kafka from Maven's artifacts.

Both are one node with fresh directories on the same file system, listening on a free port of the loopback. A broker
dies with the script that started it (unless it is kept on purpose), whatever happens to the script.

The two modes, never mixed in one table:
  durable  a record is acknowledged when the disk has it: ours by default, Kafka with log.flush.interval.messages=1
  relaxed  Kafka as it comes: acknowledged in the page cache, which a killed process survives, a lost machine does
           not. Ours with durability=quorum-memory: acknowledged in the memory of a majority, flushed soon after."""
import ctypes
import hashlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests" / "support"))
import script  # noqa: E402  (the path above leads to it)
from script import ROOT, Failure  # noqa: E402

import limits  # noqa: E402
import wire  # noqa: E402

BUILD = ROOT / "build" / "peers"
JARS = BUILD / "lib"
POM = ROOT / "bench" / "peers" / "pom.xml"
TDB = ROOT / "build" / "release" / "tdb"
MODES = ("durable", "relaxed")
HEAP = "1g"
FILES = 200000  # descriptors, where the system grants them: Kafka keeps one per partition and more
DELETE_DELAY_MS = 1000  # Kafka's: files of a deleted topic go then, not a minute later in another measurement
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)  # loaded here: nothing is to be loaded between fork and exec


def install():
    """Bring Apache Kafka into build/peers/lib, unless the one that pom.xml names is there."""
    stamp = BUILD / "pom.sha256"
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
    if JARS.is_dir() and stamp.exists() and stamp.read_text() == wanted:
        return
    script.quietly("deploy/install", "peers")
    shutil.rmtree(JARS, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    script.quietly("mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={JARS}")
    stamp.write_text(wanted)


def java(*arguments, heap="512m"):
    """The command that runs a class of Kafka's."""
    return ["java", f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseG1GC", "-cp", f"{JARS}/*", *arguments]


def free_ports(count):
    """Ports of the loopback that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def die_with_parent():
    """Between fork and exec: let nothing outlive the benchmark that started it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def ask_for_files():
    """Between fork and exec: so many descriptors as are granted."""
    for files in (FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
            return
        except (OSError, ValueError):
            pass  # what is granted must do


class Broker:
    """A broker with a data directory, running or not. Use as a context: it is ended and its data removed at the end."""

    name = ""
    own_directories = ()  # parts of their paths

    def __init__(self, directory, mode, is_kept=False):
        if mode not in MODES:
            raise Failure(script.unknown("mode", mode, MODES))
        self.directory = Path(directory) / f"{type(self).__name__.lower()}-{mode}"
        self.mode = mode
        self.group = None  # of limit()
        self.is_kept = is_kept  # it may outlive this script
        self.process = None
        self.began = 0.0  # when it was last started, monotonic seconds
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.port, self.controller_port = free_ports(2)
        self.prepare()

    def change_mode(self, mode):
        """Run in `mode` from its next start on, with the same data."""
        self.mode = mode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.remove()

    def prepare(self):
        """Make what the first start needs."""

    def limit(self, memory_bytes):
        """Let it have so much memory from its next start on; how that is enforced, in words."""
        self.group = limits.Group(memory_bytes)
        return self.group.way

    def command(self):
        """The program and its arguments."""
        raise NotImplementedError

    def topic_config(self):
        """The configuration of a topic that is produced to in this broker's mode."""
        return {}

    def exec(self):
        """Start the process and return at once."""
        with open(self.directory / "log", "ab") as log:
            self.began = time.monotonic()
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.directory, preexec_fn=self._before_exec)

    def _before_exec(self):
        if self.is_kept:
            os.setsid()
        else:
            die_with_parent()
        ask_for_files()
        if self.group:
            self.group.join()

    def start(self, timeout_s=300):
        """Start it and wait until it answers that it is a broker."""
        self.exec()
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                with self.wire() as connection:
                    if connection.metadata()[0]:
                        return self
            except OSError:
                pass
            self.check()
            time.sleep(0.02)
        raise Failure(f"{self.name} does not answer after {timeout_s} s; {self.last_words()}")

    def wire(self):
        return wire.Wire(self.port)

    @property
    def pid(self):
        return self.process.pid

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def check(self):
        """It runs."""
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended: {script.ending(self.process.returncode)}; {self.last_words()}")

    def last_words(self):
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return "it said last:\n" + "\n".join(line[:300] for line in lines[-8:])

    def stop(self):
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self):
        """End it as a power switch ends it, but for the page cache."""
        self._end(signal.SIGKILL)

    def _end(self, how):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure(f"{self.name} does not stop; {self.last_words()}") from None
        self.process = None

    def remove(self):
        """Remove its data."""
        if self.group:
            self.group.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    def directories(self):
        """Those of its data directory, but for what it makes for itself."""
        root = str(self.directory / "data")
        return {path for path, _names, _files in os.walk(root)
                if not any(name in path[len(root):] for name in self.own_directories)}

    def wait_for_deletions(self, before, timeout_s=120):
        """Wait until no directory of its data is left that was not there `before`."""
        deadline = time.monotonic() + timeout_s
        while new := self.directories() - before:
            self.check()
            if time.monotonic() > deadline:
                raise Failure(f"{self.name}: {min(new)} is still there {timeout_s} s after its topic was deleted")
            time.sleep(0.05)

    def cpu_s(self):
        """Processor time used since its start: the clock that the kernel keeps of the process."""
        return time.clock_gettime(~self.pid << 3 | 2)

    def rss_bytes(self):
        return rss_bytes(self.pid)


def rss_bytes(pid):
    """The resident size of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise Failure(f"process {pid}: no resident size")


class Ours(Broker):
    """`tdb serve` as it comes."""

    name = "tdb"
    own_directories = (f"/p/{1:032x}",)  # the controller's log, once it has settled

    def command(self):
        return [TDB, "serve", "--data", self.directory / "data", "--listen", self.address,
                "--http.listen", "off"]

    def topic_config(self):
        return {"durability": "quorum-memory"} if self.mode == "relaxed" else {}


class Kafka(Broker):
    """One KRaft node of Apache Kafka, its settings as they come but for replication of one and soon deletion."""

    name = "Apache Kafka"
    own_directories = ("/__",)

    def prepare(self):
        self.configure()
        identity = subprocess.run(java("kafka.tools.StorageTool", "random-uuid"), check=True, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.split()[-1]
        script.quietly(*java("kafka.tools.StorageTool", "format", "-t", identity, "-c", str(self.settings)))

    def change_mode(self, mode):
        super().change_mode(mode)
        self.configure()

    @property
    def settings(self):
        return self.directory / "k.properties"

    def configure(self):
        """Write its settings."""
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.directory / "data",
            "group.initial.rebalance.delay.ms": 0,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "log.segment.delete.delay.ms": DELETE_DELAY_MS,
        }
        if self.mode == "durable":
            settings["log.flush.interval.messages"] = 1
        self.settings.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))

    def command(self):
        collector = ["-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"]
        whole = java("kafka.Kafka", str(self.settings), heap=HEAP)
        return whole[:3] + collector + whole[3:]
