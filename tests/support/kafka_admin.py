#!/usr/bin/env python3
"""A Kafka server that knows topics and their settings and holds no records: what librdkafka's mock cluster lacks.

usage: kafka_admin.py

Prints its address, then a line for each request that it was sent, and ends with its standard input. It is written from the
protocol's description: Metadata 0-4, ListOffsets 1, ApiVersions 0, CreateTopics 4, DeleteTopics 1, DescribeConfigs 1,
AlterConfigs 0.
"""
import socketserver
import struct
import sys
import threading

SERVED = {2: (1, 1), 3: (0, 4), 18: (0, 0), 19: (4, 4), 20: (1, 1), 32: (1, 1), 33: (0, 0)}
DEFAULTS = {"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1", "max.message.bytes": "1048588"}
UNKNOWN_TOPIC, INVALID_CONFIG, EXISTS, INVALID_PARTITIONS = 3, 40, 36, 37
DYNAMIC_TOPIC_CONFIG, DEFAULT_CONFIG = 1, 5

lock = threading.Lock()
topics = {"orders": (2, {}), "kept": (1, {"retention.bytes": "5000", "cleanup.policy": "delete"})}


class Reader:
    def __init__(self, data):
        self.data, self.pos = data, 0

    def get(self, form):
        values = struct.unpack_from(">" + form, self.data, self.pos)
        self.pos += struct.calcsize(">" + form)
        return values[0]

    def string(self):
        length = self.get("h")
        if length < 0:
            return None
        self.pos += length
        return self.data[self.pos - length:self.pos].decode()

    def array(self, item):
        count = self.get("i")
        return None if count < 0 else [item() for _ in range(count)]


def string(text):
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text.encode())) + text.encode()


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def say(*words):
    print(*words, flush=True)


def metadata(r, version, port):
    names = r.array(r.string)
    may_create = version >= 4 and bool(r.get("b"))
    say("metadata", "-" if names is None else ",".join(names), "may-create" if may_create else "looks")
    if names is None or (version == 0 and not names):
        names = sorted(topics)
    rows = []
    for name in names:
        count = topics[name][0] if name in topics else 0
        partitions = [struct.pack(">hii", 0, p, 7) + array([struct.pack(">i", 7)]) * 2 for p in range(count)]
        rows.append(struct.pack(">h", 0 if name in topics else UNKNOWN_TOPIC) + string(name) + b"\0" + array(partitions))
    brokers = array([struct.pack(">i", 7) + string("127.0.0.1") + struct.pack(">i", port) + string(None)])
    return struct.pack(">i", 0) + brokers + string("fake") + struct.pack(">i", 7) + array(rows)


def list_offsets(r, version, port):
    r.get("i")
    rows = r.array(lambda: (r.string(), r.array(lambda: (r.get("i"), r.get("q")))))
    answer = []
    for name, partitions in rows:
        say("offsets", name, *(time for _, time in partitions))
        offsets = [struct.pack(">ihqq", p, 0, -1, {-1: 50, -2: 10}.get(time, -1)) for p, time in partitions]
        answer.append(string(name) + array(offsets))
    return array(answer)


def create(r, version, port):
    def topic():
        name, count, replication = r.string(), r.get("i"), r.get("h")
        r.array(lambda: (r.get("i"), r.array(lambda: r.get("i"))))
        return name, count, replication, dict(r.array(lambda: (r.string(), r.string())))
    answer = []
    for name, count, replication, configs in r.array(topic):
        say("create", name, count, replication, *(f"{k}={v}" for k, v in sorted(configs.items())))
        code, text = (EXISTS, "there is one") if name in topics else (0, None)
        if count > 100:
            code, text = INVALID_PARTITIONS, "more than 100 \x1b[31mpartitions"
        if code == 0:
            topics[name] = (1 if count < 0 else count, configs)
        answer.append(string(name) + struct.pack(">h", code) + string(text))
    return struct.pack(">i", 0) + array(answer)


def delete(r, version, port):
    answer = []
    for name in r.array(r.string):
        say("delete", name)
        answer.append(string(name) + struct.pack(">h", 0 if topics.pop(name, None) else UNKNOWN_TOPIC))
    return struct.pack(">i", 0) + array(answer)


def describe_configs(r, version, port):
    answer = []
    for kind, name, _ in r.array(lambda: (r.get("b"), r.string(), r.array(r.string))):
        rows = []
        own = topics[name][1] if name in topics else {}
        for key in sorted(DEFAULTS) if name in topics else ():
            source = DYNAMIC_TOPIC_CONFIG if key in own else DEFAULT_CONFIG
            rows.append(string(key) + string(own.get(key, DEFAULTS[key])) + struct.pack(">bbb", 0, source, 0) + array([]))
        code = 0 if name in topics else UNKNOWN_TOPIC
        answer.append(struct.pack(">h", code) + string(None) + struct.pack(">b", kind) + string(name) + array(rows))
    return struct.pack(">i", 0) + array(answer)


def alter_configs(r, version, port):
    answer = []
    for kind, name, configs in r.array(lambda: (r.get("b"), r.string(), dict(r.array(lambda: (r.string(), r.string()))))):
        say("alter", name, *(f"{k}={v}" for k, v in sorted(configs.items())))
        code, text = (0, None) if name in topics else (UNKNOWN_TOPIC, None)
        if not configs.get("retention.ms", "0").lstrip("-").isdigit():
            code, text = INVALID_CONFIG, "retention.ms is no number"
        if code == 0:
            topics[name] = (topics[name][0], configs)
        answer.append(struct.pack(">h", code) + string(text) + struct.pack(">b", kind) + string(name))
    return struct.pack(">i", 0) + array(answer)


HANDLERS = {2: list_offsets, 3: metadata, 19: create, 20: delete, 32: describe_configs, 33: alter_configs}


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            head = self.rfile.read(4)
            if len(head) < 4:
                return
            r = Reader(self.rfile.read(struct.unpack(">i", head)[0]))
            api, version, correlation = r.get("h"), r.get("h"), r.get("i")
            r.string()
            if api == 18:
                rows = [struct.pack(">hhh", key, *versions) for key, versions in sorted(SERVED.items())]
                body = struct.pack(">h", 35 if version > 0 else 0) + array(rows)
            elif api in HANDLERS and SERVED[api][0] <= version <= SERVED[api][1]:
                with lock:
                    body = HANDLERS[api](r, version, self.server.server_address[1])
            else:
                say("refused", api, version)
                return
            answer = struct.pack(">i", correlation) + body
            self.wfile.write(struct.pack(">i", len(answer)) + answer)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


server = Server(("127.0.0.1", 0), Connection)
say(f"127.0.0.1:{server.server_address[1]}")
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
