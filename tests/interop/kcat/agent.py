#!/usr/bin/env python3
"""kcat (Debian), as the driver wants its clients: one kcat process for each request."""
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import agent  # noqa: E402  (the path above leads to it)

KEY, LINE = "\x1f", "\x1e"  # no value has these
NULL = ""  # with -Z an empty key or value is none


class Kcat:
    refusals = ()

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def _kcat(self, *arguments, lines=None, pace_ms=0):
        """Run kcat; give it `lines`, one each `pace_ms`; what it printed."""
        whole = "" if pace_ms else "".join(line + LINE for line in lines or ())
        with subprocess.Popen(["kcat", "-b", self.bootstrap, *arguments], text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            for line in lines if pace_ms else ():
                program.stdin.write(line + LINE)
                program.stdin.flush()
                time.sleep(pace_ms / 1000)
            out, err = program.communicate(whole, timeout=60)  # a kcat that ends before it has read all may do so
        if program.returncode != 0:
            raise agent.Refused(f"status {program.returncode}: {err.strip()[-500:]}")
        return out

    def do_hello(self):
        text = subprocess.run(["kcat", "-V"], stdout=subprocess.PIPE, text=True, check=True).stdout
        return {"client": "kcat " + text.split("Version ")[1].split()[0] + ", librdkafka "
                + text.split("librdkafka ")[1].split()[0], "lacks": ["timestamps", "headers per record"]}

    def do_produce(self, topic, partition, codec, records, idempotent=False, pace_ms=0):
        headers = [argument for name, value in records[0][2] for argument in ("-H", f"{name}={value}")]
        lines = [KEY.join((key or NULL, value or NULL)) for key, value, _, _ in records]
        self._kcat("-P", "-E", "-t", topic, "-p", str(partition), "-z", codec, "-K", KEY, "-D", LINE, "-Z", *headers,
                   "-X", "acks=all", "-X", f"enable.idempotence={str(idempotent).lower()}", "-X", "linger.ms=20",
                   lines=lines, pace_ms=pace_ms)
        return {"offsets": None}

    def do_consume(self, topic, partition, offset, count):
        out = self._kcat("-C", "-q", "-J", "-t", topic, "-p", str(partition), "-o", str(offset), "-c", str(count),
                         "-X", "auto.offset.reset=error")
        records = []
        for line in out.splitlines():
            record = json.loads(line)
            headers = record.get("headers", [])
            records.append([record["offset"], record["key"], record["payload"],
                            [list(pair) for pair in zip(headers[::2], headers[1::2])], record["ts"]])
        return {"records": records}

    def do_time(self, topic, partition, time):  # pylint: disable=redefined-outer-name
        out = self._kcat("-Q", "-t", f"{topic}:{partition}:{time}")
        offset = int(out.split("offset ")[1])
        return {"offset": offset if offset >= 0 else None}

    def do_ends(self, topic, partition):
        return {"first": self._query(topic, partition, -2), "end": self._query(topic, partition, -1)}

    def _query(self, topic, partition, time):  # pylint: disable=redefined-outer-name
        return int(self._kcat("-Q", "-t", f"{topic}:{partition}:{time}").split("offset ")[1])

    def do_topics(self):
        listed = json.loads(self._kcat("-L", "-J"))
        return {"topics": {topic["topic"]: len(topic["partitions"]) for topic in listed["topics"]}}

    def do_group(self, topic):
        self._kcat("-G", "a-group", "-e", "-q", topic)


if __name__ == "__main__":
    agent.serve(Kcat(sys.argv[1]))
