"""What the benchmarks of bench/peers share: flags, rows as bench/micro/bench.h prints them, windows over which
processor time is taken, and clients as processes.

A benchmark prints one JSON object per row to stdout and notes for people to stderr. Ours and Kafka run in turns in the
same run, the first place alternating; medians are quoted."""
import argparse
import contextlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import brokers
from brokers import ROOT, Failure, script

CLIENTS = ROOT / "build" / "release" / "bench"
SATURATED = 0.95  # of a core by one thread, or of the machine
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
OPERATORS = {">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, "<": lambda a, b: a < b}


class Bench:
    """One benchmark: its flags, and where its rows go."""

    def __init__(self, about):
        script.help_wanted(about)
        parser = argparse.ArgumentParser(add_help=False)
        for flag in ("--json", "--quick", "--full"):
            parser.add_argument(flag, action="store_true")
        parser.add_argument("--dir", default=".")
        parser.add_argument("-n", dest="runs", type=int, default=0)
        flags = parser.parse_args()
        self.is_quick, self.is_full, self.is_machine = flags.quick, flags.full, flags.json
        self.dir = Path(flags.dir).resolve()
        self.runs_wanted = flags.runs
        self.began = time.monotonic()

    def runs(self, usual, full, quick=1):
        """How often to measure each case."""
        return self.runs_wanted or (quick if self.is_quick else full if self.is_full else usual)

    def elapsed_s(self):
        return time.monotonic() - self.began

    def row(self, case, value, unit, peer=None, ratio=None, bar=None):
        """Print one figure; `ratio`: how many times as good as the peer."""
        ok = judged(bar, value, unit, ratio)
        print(json.dumps({"case": case, "value": value, "unit": unit, "peer": peer, "ratio": ratio, "bar": bar,
                          "ok": ok}), flush=True)
        if not self.is_machine:
            against = f", {ratio:.3g} x {peer}" if peer else ""
            verdict = f", bar {bar}: {'ok' if ok else 'MISSED'}" if bar else ""
            self.note(f"{case:44} {value:12.6g} {unit}{against}{verdict}")

    def note(self, text):
        print(text, file=sys.stderr, flush=True)

    def latency_rows(self, case, found, bar=None):
        """Two rows of latencies, p50 and p99: `found` has a list of client results for each broker's name; the bar is
        about the p99's ratio."""
        for quantile, of in (("p50", None), ("p99", bar)):
            sides = [[result[f"{quantile}_us"] for result in found[each.name]] for each in (brokers.Ours, brokers.Kafka)]
            ratio = median([peer / ours for ours, peer in zip(*sides)])
            self.row(f"{case}: {quantile}", median(sides[0]), "us", "Apache Kafka", ratio, of)
        for name, results in found.items():
            worst = max(result["max_us"] for result in results) / 1e3
            p999 = median([result["p999_us"] for result in results]) / 1e3
            self.note(f"{case}: {name}: p99.9 {p999:.2f} ms, slowest {worst:.1f} ms")

    def pair(self, mode):
        """Both brokers of a mode, not started."""
        brokers.install()
        return brokers.Ours(self.dir, mode), brokers.Kafka(self.dir, mode)


def judged(bar, value, unit, ratio):
    """Whether a row meets its bar: the value, if the bar names the row's unit, else the ratio; None without a bar."""
    if bar is None:
        return None
    operator, number, of = re.fullmatch(r"([<>]=?) ([\d.]+)(?: (.*))?", bar).groups()
    if of is not None and of != unit:
        raise ValueError(f"bar '{bar}' is not of '{unit}'")
    return OPERATORS[operator](value if of is not None else ratio, float(number))


def in_turns(sides, run):
    """Both `sides` in this run's order: the first place alternates."""
    return list(sides) if run % 2 == 0 else list(reversed(sides))


def median(values):
    """The middle one that was measured; of two, the lower."""
    return statistics.median_low(values)


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def drop_caches():
    """Let the page cache forget what it can; whether the system grants that."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1")
    except OSError:
        return False
    return True


def settle():
    """What a run left dirty in the page cache goes to the disk now, not during the next."""
    os.sync()
    time.sleep(0.5)


@contextlib.contextmanager
def topic(broker, name, partitions=1):
    """A topic of its own for a measurement, gone with its last file before the next one begins: a file system that
    discards what is freed holds up everybody's flushes meanwhile."""
    before = broker.directories()
    with broker.wire() as connection:
        connection.create_topic(name, partitions, broker.topic_config())
        yield connection
        connection.delete_topic(name)
    broker.check()
    broker.wait_for_deletions(before)
    settle()


# --- Windows --------------------------------------------------------------------------------------

class Window:
    """Processor time of a broker, of a client's busiest thread and of the machine, from construction to close()."""

    def __init__(self, broker, client_pid=None):
        self.broker, self.client_pid = broker, client_pid
        self._before = self._sample()
        self.seconds = self.broker_cpu_s = self.client_share = self.machine_share = 0.0

    def close(self):
        before, after = self._before, self._sample()
        self.seconds = after["at"] - before["at"]
        self.broker_cpu_s = after["broker"] - before["broker"]
        spent = [used - before["threads"].get(thread, 0) for thread, used in after["threads"].items()]
        self.client_share = max(spent, default=0) / self.seconds
        total = after["total"] - before["total"]
        self.machine_share = 1 - (after["idle"] - before["idle"]) / total if total > 0 else 1.0
        return self

    @property
    def is_client_saturated(self):
        return self.client_share >= SATURATED

    @property
    def is_machine_saturated(self):
        return self.machine_share >= SATURATED

    def saturated(self):
        """In a word: what could not have gone faster than it did."""
        if self.is_machine_saturated:
            return "machine"
        return "client" if self.is_client_saturated else "neither"

    def _sample(self):
        idle, total = machine_times(Path("/proc/stat").read_text())
        return {"at": time.monotonic(), "broker": self.broker.cpu_s(), "idle": idle, "total": total,
                "threads": thread_times(self.client_pid) if self.client_pid else {}}


def machine_times(text):
    """(idle, all) seconds of all cores together, from /proc/stat."""
    fields = [int(field) * TICK_S for field in text.splitlines()[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)


def thread_times(pid):
    """{thread: seconds used} of a process."""
    times = {}
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            fields = task.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended
        times[task.parent.name] = (int(fields[11]) + int(fields[12])) * TICK_S
    return times


# --- Clients --------------------------------------------------------------------------------------

class Client:
    """A client as a process: one of ours (bench/macro/peer_client.h), which says when it begins and ends."""

    def __init__(self, name, broker, topic, *flags, stderr=None, **options):
        self.name = name
        self.command = [CLIENTS / name, "--broker", broker.address, "--topic", topic, *flags]
        for key, value in options.items():
            self.command += ["--" + key.replace("_", "-"), str(value)]
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True,
                                        stderr=stderr)

    @property
    def pid(self):
        return self.process.pid

    def wait(self, word):
        """Wait until it says `word`."""
        for line in self.process.stdout:
            if line.strip() == word:
                return
        raise Failure(f"{self.name} failed: {script.ending(self.process.wait())}")

    def result(self):
        """Wait for its end; what it found."""
        rest = self.process.stdout.read()
        if self.process.wait() != 0:
            raise Failure(f"{self.name} failed: {script.ending(self.process.returncode)}")
        return json.loads(rest.splitlines()[-1])

    def stop(self):
        """Let it end now; what it found."""
        self.process.terminate()
        return self.result()

    def kill(self):
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def start(main):
    script.start(f"bench/peers/{Path(sys.argv[0]).name}", main)
