#!/usr/bin/env python3
"""Chromium without a window, as tests/interop/ws.py wants its clients: page.html asks this program what to do.

The page's origin is not the server's: the port is the environment's (ORIGIN_PORT), for the server to be told of."""
import http.server
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[0] = str(FOLDER.parent)
import agent  # noqa: E402  (the path above leads to it)

WAIT_SECONDS = 90
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
         "--disable-background-networking", "--no-proxy-server"]


class Chromium:
    refusals = ()

    def __init__(self, address):
        self.address, self.asked, self.answers = address, queue.Queue(), queue.Queue()
        handler = type("Handler", (Handler,), {"chromium": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["ORIGIN_PORT"])), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.profile = tempfile.TemporaryDirectory(prefix="tdb_chromium_")
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        self.process = subprocess.Popen([program, *FLAGS, f"--user-data-dir={self.profile.name}",
                                         f"http://127.0.0.1:{self.server.server_address[1]}/"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __getattr__(self, name):
        """do_NAME has the page do NAME."""
        if not name.startswith("do_"):
            raise AttributeError(name)

        def ask(**members):
            self.asked.put({"request": {"do": name[3:]} | members, "address": self.address})
            answer = self.answers.get(timeout=WAIT_SECONDS)
            if "error" in answer:
                raise agent.Refused(answer["error"])
            return answer
        return ask

    def do_end(self):
        """The browser ends, with its processes."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.profile.cleanup()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/next":
            self.reply(json.dumps(self.chromium.asked.get()).encode(), "application/json")
        elif self.path == "/":
            self.reply((FOLDER / "page.html").read_bytes(), "text/html; charset=utf-8")
        else:
            self.send_error(404)

    def do_POST(self):
        self.chromium.answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.reply(b"", "text/plain")

    def reply(self, body, media):
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    agent.serve(Chromium(sys.argv[1]))
