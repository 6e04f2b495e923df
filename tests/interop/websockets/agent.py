#!/usr/bin/env python3
"""websockets of PyPI, as tests/interop/ws.py wants its clients."""
import importlib.metadata
import json
import sys
from pathlib import Path

# The folder of this file is named as the library is: it must not be where modules are sought.
sys.path[0] = str(Path(__file__).resolve().parent.parent)
sys.path.append(sys.path.pop(0))
from websockets.exceptions import ConnectionClosed, WebSocketException  # noqa: E402  (after the paths)
from websockets.sync.client import connect  # noqa: E402

import agent  # noqa: E402

PROTOCOL = "tdb.v1.json"
WAIT_SECONDS = 60


class Websockets:
    refusals = (WebSocketException, OSError)

    def __init__(self, address):
        self.url, self.socket = f"ws://{address}/api/v1/ws", None

    def do_hello(self):
        return {"client": f"websockets {importlib.metadata.version('websockets')}"}

    def do_open(self, protocol=PROTOCOL, path=""):
        self.socket = connect(self.url + path, subprotocols=[protocol], open_timeout=WAIT_SECONDS, max_size=None).__enter__()
        return {"protocol": self.socket.subprotocol}

    def do_say(self, message):
        self.socket.send(json.dumps(message))

    def do_hear(self):
        """A message, or how the connection ended."""
        try:
            return {"message": json.loads(self.socket.recv(WAIT_SECONDS))}
        except ConnectionClosed as end:
            return {"closed": end.rcvd.code if end.rcvd else 1006}

    def do_close(self):
        self.socket.close()
        return {"closed": self.socket.close_code}


if __name__ == "__main__":
    agent.serve(Websockets(sys.argv[1]))
