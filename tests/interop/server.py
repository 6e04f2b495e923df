"""tdb serve in a directory of its own: started, killed, started again on the same port; what it offers, what it stored."""
import json
import socket
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import serve  # noqa: E402  (the path above leads to it)

# Kafka's numbers of the requests that only some servers offer.
KEYS = {"create": 19, "delete": 20, "trim": 21, "idempotence": 22, "configs": 32, "set": 33, "set_one": 44,
        "grow": 37, "cluster": 60}
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")  # as the low three bits of a batch's attributes number them
METADATA, API_VERSIONS = 3, 18


class Server(serve.Server):
    """One server process and its directory."""

    def restart(self):
        self.kill()
        self.start()

    def stop(self):
        """An orderly end, after which the directory must be whole."""
        super().stop()
        self._tdb("log", "verify", self.data)

    # --- What it offers

    def offers(self):
        """Which of KEYS it tells in ApiVersions."""
        told = {key for key, _, _ in struct.iter_unpack(">hhh", self._ask(API_VERSIONS, 0, b"")[6:])}
        return {name for name, key in KEYS.items() if key in told}

    def _ask(self, key, version, body):
        """One request, with the header its version wants; the answer behind its correlation id."""
        header = struct.pack(">hhih", key, version, 7, -1) + (b"\0" if key == METADATA else b"")
        with socket.create_connection(("127.0.0.1", self.port), 10) as sock:
            sock.sendall(struct.pack(">i", len(header + body)) + header + body)
            length, correlation = struct.unpack(">ii", _receive(sock, 8))
            assert correlation == 7, correlation
            return _receive(sock, length - 4)

    def topic_id(self, topic):
        """The id of `topic` as 32 hexadecimal digits (Metadata 12: clients that know no ids are no help here)."""
        name = topic.encode()
        answer = self._ask(METADATA, 12, b"\x02" + bytes(16) + bytes([len(name) + 1]) + name + b"\0\0\0\0")
        at = answer.index(bytes([len(name) + 1]) + name) + 1 + len(name)
        return answer[at:at + 16].hex()

    # --- What it stored

    def batches(self, topic, partition=0):
        """The data batches on disk, each as (base offset, records, codec, producer id). The server runs meanwhile."""
        dump = json.loads(self._tdb("log", "dump", self.data, "--entries", "--json"))
        wanted = self.topic_id(topic)
        found = []
        for group in dump["groups"]:
            if group["topic"] != wanted or group["partition"] != partition:
                continue
            for entry in group["log"]:
                if entry.get("kind") == "data":
                    codec = CODECS[self._attributes(entry) & 7]
                    found.append((entry["offset"], entry["records"], codec, entry["producer_id"]))
        return found

    def _attributes(self, entry):
        with (self.data / entry["file"]).open("rb") as file:
            file.seek(entry["pos"])
            base, _, _, magic, _, attributes = struct.unpack(">qiibIh", file.read(23))
        assert (base, magic) == (entry["offset"], 2), f"no batch where the dump says it is: {entry}"
        return attributes

    def _tdb(self, *arguments):
        done = subprocess.run([self.tdb, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=60, check=False)
        assert done.returncode == 0, f"tdb {arguments[0]} {arguments[1]}: status {done.returncode}:\n{done.stdout[-2000:]}"
        return done.stdout


def _receive(sock, count):
    parts = b""
    while len(parts) < count:
        part = sock.recv(count - len(parts))
        assert part, "the server closed the connection"
        parts += part
    return parts
