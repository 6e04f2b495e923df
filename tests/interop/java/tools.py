#!/usr/bin/env python3
"""Kafka's command line tools against the real server, as a person types them.

  tests/interop/java/tools.py java_3_9|java_4

Topics are made, described, altered, listed and deleted; records go in by the console, the performance and the verifiable
producer and come out of the console consumer by partition and offset; offsets, configs, the cluster, the served versions
are told; ClientCompatibilityTest and EndToEndLatency run through.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import clients  # noqa: E402  (the path above leads to them)
import server as servers  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent.parent
TOOLS = "org.apache.kafka.tools."
LINES = 200


class Tools:
    """The tools of one version."""

    def __init__(self, name, build, server):
        command, _ = clients.installed(name, build)
        self.classpath, self.server, self.is_old = command[2], server, name == "java_3_9"
        self.count = 0

    def run(self, tool, *arguments, lines=None, status=0, says=None):
        """Run `tool` with the server's address in front of `arguments`; its output has to match `says`."""
        began = time.monotonic()
        done = subprocess.run(["java", "-cp", self.classpath, tool, *arguments], text=True, timeout=120, check=False,
                              input="".join(f"{line}\n" for line in lines or ()), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        shown = f"{tool.split('.')[-1]} {' '.join(arguments)}"
        assert done.returncode == status, f"{shown}: status {done.returncode}:\n{done.stdout[-1500:]}"
        assert says is None or re.search(says, done.stdout), f"{shown}: its output lacks /{says}/:\n{done.stdout[-1500:]}"
        self.count += 1
        print(f"  ok    {shown} ({time.monotonic() - began:.1f} s)", flush=True)
        return done.stdout

    def ask(self, tool, *arguments, **more):
        return self.run(tool, "--bootstrap-server", self.server.address, *arguments, **more)

    def of_core(self, name):
        """A tool that 3.x has among the server's classes."""
        return {"ConsoleProducer": "kafka.tools.", "ConfigCommand": "kafka.admin.",
                "BrokerApiVersionsCommand": "kafka.admin."}[name] + name if self.is_old else TOOLS + name


def topics(tools):
    topic = TOOLS + "TopicCommand"
    tools.ask(topic, "--create", "--topic", "tools", "--partitions", "2", "--config", "retention.ms=86400000",
              says="Created topic tools")
    tools.ask(topic, "--create", "--topic", "tools", status=1, says="exists")
    tools.ask(topic, "--alter", "--topic", "tools", "--partitions", "3")
    tools.ask(topic, "--describe", "--topic", "tools",
              says=r"(?s)PartitionCount: 3.*ReplicationFactor: 1.*retention.ms=86400000.*Partition: 2\s+Leader: \d+")
    tools.ask(topic, "--list", says="(?m)^tools$")


def records(tools):
    values = [f"key{i}:value {i} of the console" for i in range(LINES)]
    tools.ask(tools.of_core("ConsoleProducer"), "--topic", "console", "--compression-codec", "zstd", "--producer-property",
              "acks=all", "--property" if tools.is_old else "--reader-property", "parse.key=true",
              "--property" if tools.is_old else "--reader-property", "key.separator=:", lines=values)
    assert {batch[2] for batch in tools.server.batches("console")} == {"zstd"}, tools.server.batches("console")
    tools.server.restart()
    shown = tools.ask(TOOLS + "consumer.ConsoleConsumer", "--topic", "console", "--partition", "0", "--offset", "150",
                      "--max-messages", "50", "--property" if tools.is_old else "--formatter-property", "print.key=true",
                      "--property" if tools.is_old else "--formatter-property", "key.separator=:")
    got = [line for line in shown.splitlines() if line.startswith("key")]
    assert got == values[150:], f"console consumer: {got[:3]} ..."
    tools.run(TOOLS + "ProducerPerformance", "--topic", "tools", "--num-records", "50000", "--record-size", "200",
              "--throughput", "-1", "--producer-props", f"bootstrap.servers={tools.server.address}", "acks=all",
              "compression.type=lz4", says="50000 records sent")
    said = tools.ask(TOOLS + "VerifiableProducer", "--topic", "verifiable", "--max-messages", "1000", "--acks", "-1",
                     says='"sent":1000,"acked":1000')
    offsets = [json.loads(line)["offset"] for line in said.splitlines() if '"producer_send_success"' in line]
    assert sorted(offsets) == list(range(1000)), offsets[:10]


def offsets(tools):
    shell = TOOLS + "GetOffsetShell"
    ends = tools.ask(shell, "--topic", "tools", says="tools:0:")
    assert sum(int(line.split(":")[2]) for line in ends.splitlines() if line.startswith("tools:")) == 50000, ends
    tools.ask(shell, "--topic", "console", "--time", "max-timestamp", says=r"console:0:\d+")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as wish:
        json.dump({"version": 1, "partitions": [{"topic": "console", "partition": 0, "offset": 77}]}, wish)
        wish.flush()
        tools.ask(TOOLS + "DeleteRecordsCommand", "--offset-json-file", wish.name, says="low_watermark: 77")
    tools.ask(shell, "--topic", "console", "--time", "earliest", says="console:0:77")


def configs(tools):
    config = tools.of_core("ConfigCommand")
    of_topic = ("--entity-type", "topics", "--entity-name", "tools")
    tools.ask(config, "--alter", *of_topic, "--add-config", "segment.bytes=20000000", says="Completed updating")
    tools.ask(config, "--describe", *of_topic, says="(?s)(retention.ms=86400000.*)?segment.bytes=20000000")
    tools.ask(config, "--alter", *of_topic, "--delete-config", "segment.bytes", says="Completed updating")
    tools.ask(config, "--describe", "--all", *of_topic, says="cleanup.policy=delete sensitive=false")
    tools.ask(config, "--describe", "--all", "--entity-type", "brokers", "--entity-name", "1", says="=")
    tools.ask(config, "--alter", *of_topic, "--add-config", "retention.ms=soon", status=1, says="retention.ms")


def cluster(tools):
    tools.run(TOOLS + "ClusterTool", "cluster-id", "--bootstrap-server", tools.server.address, says=r"Cluster ID: \S{22}")
    tools.ask(tools.of_core("BrokerApiVersionsCommand"), says=r"Produce\(0\): 0 to 13 \[usable: \d+\]")


def tests(tools):
    tools.ask(TOOLS + "ClientCompatibilityTest", "--topic", "compatible", "--num-cluster-nodes", "1",
              "--offsets-for-times-supported", "true", "--cluster-id-supported", "true",
              "--expect-record-too-large-exception", "false", "--create-topics-supported", "true",
              "--describe-acls-supported", "false", "--describe-configs-supported", "true",
              "--idempotent-producer-supported", "true", says="SUCCESS")
    # It has its figures, and commits its offsets at the end, which is refused: groups are not served.
    ended = {"status": 1, "says": "(?s)Percentiles.*GroupAuthorizationException"}
    if tools.is_old:
        tools.run(TOOLS + "EndToEndLatency", tools.server.address, "latency", "1000", "all", "100", **ended)
    else:
        tools.ask(TOOLS + "EndToEndLatency", "--topic", "latency", "--num-records", "1000", "--producer-acks", "all",
                  "--record-size", "100", **ended)
    tools.ask(TOOLS + "TopicCommand", "--delete", "--topic", "tools")
    assert "tools" not in tools.ask(TOOLS + "TopicCommand", "--list").split()


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip())
        return 2
    began, name = time.monotonic(), sys.argv[1]
    home = Path(os.environ.get("TDB_BUILD", ROOT / "build" / "asan"))
    with tempfile.TemporaryDirectory() as work:
        server = servers.Server(str(home / "tdb"), work)
        try:
            tools = Tools(name, home / "interop", server)
            server.start()
            for part in (topics, records, offsets, configs, cluster, tests):
                part(tools)
            server.stop()
        except clients.Missing as reason:
            print(f"SKIP: tools_{name}: {reason}")
            return 0
        except AssertionError as failure:
            print(f"  FAIL  {failure}\n--- the server's last lines:")
            print("\n".join(server.text().splitlines()[-30:]))
            return 1
        finally:
            server.close()
    print(f"covered: tools_{name}: {tools.count} runs of Kafka's tools in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
