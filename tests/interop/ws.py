#!/usr/bin/env python3
"""A real WebSocket client against the real server: connected, told off, subscribed, killed, resumed.

  tests/interop/ws.py CLIENT [TDB]    a folder beside this file, and the program (build/asan/tdb)

The steps are the functions step_* below, in their order; one that fails ends the run with status 1. An adapter answers `hello`,
`open` (protocol, path: members of a URL) with the protocol that was agreed on, `say` (message), `hear` with `message` or `closed`,
the code of how it ended, and `close`. A client that cannot be installed here is skipped with the reason.
"""
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import clients
import interop
import server as servers

FOLDER = Path(__file__).resolve().parent
PROTOCOL, COUNT = "tdb.v1.json", 500
ABNORMAL = 1006  # what clients make of a connection that ends without a close


class Run:
    """What the steps share: the server, the client, what it was told."""

    def __init__(self, server, client):
        self.server, self.client, self.token = server, client, None

    def say(self, **message):
        self.client.ask("say", message=message)

    def hear(self):
        heard = self.client.ask("hear")
        assert "message" in heard, heard
        return heard["message"]

    def answer(self, number):
        """The message that ends what has this id; others meanwhile are passed over."""
        while (said := self.hear())["id"] != number or said["ev"] == "rows":
            pass
        return said

    def append(self, first, count):
        self.say(id=0, op="append", stream="events", events=[{"value": {"n": n, "text": f"señal 事件 {n}"}} for n in range(first, first + count)])

    def follow(self, count):
        """The rows up to the progress behind `count` of them; the token is kept."""
        rows = []
        while True:
            said = self.hear()
            if said["id"] == 1 and said["ev"] == "rows":
                rows += said["rows"]
            elif said["ev"] == "progress":
                self.token = said["token"]
                if len(rows) >= count:
                    return [row[0] for row in rows]
            assert said["ev"] not in ("error", "closed"), said


def step_open(run):
    """it connects with the subprotocol"""
    assert run.client.ask("open")["protocol"] == PROTOCOL


def step_ping(run):
    """it is greeted, and answered by the id of its message"""
    run.say(id="a", op="hello")
    said = run.hear()
    assert said["id"] == "a" and said["ev"] == "ok", said


def step_subscribe(run):
    """it subscribes and appends over one connection: every row, in order, and a token"""
    run.append(0, COUNT)
    assert run.answer(0)["appended"] == COUNT
    run.say(id=1, op="subscribe", stream="events", **{"from": "earliest"})
    assert run.follow(COUNT) == list(range(COUNT))


def step_live(run):
    """what is appended comes as it comes"""
    run.append(COUNT, 3)
    assert run.follow(3) == [COUNT, COUNT + 1, COUNT + 2]


def step_query(run):
    """a statement is answered over the same connection"""
    run.say(id=2, op="query", sql="SELECT count(*) AS n, max(text) AS text FROM events")
    while (said := run.hear())["id"] != 2:  # of the append
        pass
    assert said["rows"] == [[COUNT + 3, "señal 事件 99"]], said
    assert run.answer(2)["ev"] == "ok"


def step_error(run):
    """what is wrong is told, and the connection goes on"""
    run.say(id=3, op="query", sql="SELEC 1")
    said = run.answer(3)
    assert said["ev"] == "error" and said["code"], said
    run.say(id=4, op="ping")
    assert run.answer(4) == {"id": 4, "ev": "ok"}


def step_killed(run):
    """the server is killed: the end is seen; with the token it goes on where it was"""
    run.server.kill()
    while "message" in (heard := run.client.ask("hear")):
        pass
    assert heard["closed"] == ABNORMAL, heard
    run.server.start(*run.server.more)
    run.client.ask("open")
    run.append(COUNT + 3, 2)
    assert run.answer(0)["appended"] == 2
    run.say(id=1, op="subscribe", stream="events", **{"from": run.token})
    assert run.follow(2) == [COUNT + 3, COUNT + 4]


def step_twice(run):
    """what is asked twice over one connection comes twice, by its ids"""
    run.say(id="zwei", op="subscribe", stream="events")
    while run.answer("zwei")["ev"] != "progress":
        pass
    wanted, rows = list(range(COUNT + 5, COUNT + 205)), {1: [], "zwei": []}
    run.append(wanted[0], len(wanted))
    while any(len(some) < len(wanted) for some in rows.values()):
        said = run.hear()
        if said["ev"] == "rows":
            rows[said["id"]] += [row[0] for row in said["rows"]]
        assert said["ev"] not in ("error", "closed"), said
    assert rows == {1: wanted, "zwei": wanted}, rows


def step_close(run):
    """it closes, and the server does so, too"""
    assert run.client.ask("close")["closed"] == 1000


def step_refused(run):
    """a subprotocol that is not spoken is refused"""
    interop.refused(lambda: run.client.ask("open", protocol="tdb.v9.xml"), ".")


def step_stopped(run):
    """the server ends in order: the close says that it goes away"""
    run.client.ask("open")
    run.say(id=5, op="ping")
    run.answer(5)
    run.server.stop()
    heard = run.client.ask("hear")
    assert heard.get("closed") == 1001, heard


def go_through(run):
    found = [value for name, value in globals().items() if name.startswith("step_")]
    for step in sorted(found, key=lambda step: step.__code__.co_firstlineno):
        began = time.monotonic()
        try:
            step(run)
            print(f"  ok    {step.__doc__} ({time.monotonic() - began:.1f} s)", flush=True)
        except (AssertionError, interop.Refused) as failure:
            print(f"  FAIL  {step.__doc__}: {str(failure)[:1500]}", flush=True)
            return 0
    return len(found)


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if len(sys.argv) > 1 else 2
    name, root = sys.argv[1], FOLDER.parent.parent
    home = Path(os.environ.get("TDB_BUILD", root / "build" / "asan"))
    tdb, build = sys.argv[2] if len(sys.argv) > 2 else str(home / "tdb"), home / "interop"
    try:
        command, environment = clients.installed(name, build, clients.WS_CLIENTS)
    except clients.Missing as reason:
        print(f"SKIP: interop_{name}: {reason}")
        return 0
    began, client, passed = time.monotonic(), None, 0
    origin = random.randrange(12000, 30000)
    with tempfile.TemporaryDirectory() as work:
        server = servers.Server(tdb, work, "--http.origins", f"http://127.0.0.1:{origin}", http=True)
        server.more = ()
        try:
            server.start()
            client = interop.Client(command, environment | {"ORIGIN_PORT": str(origin)}, f"127.0.0.1:{server.http}")
            run = Run(server, client)
            who = client.ask("hello")["client"]
            print(who, flush=True)
            passed = go_through(run)
        finally:
            server.close()
            if client:
                try:
                    client.ask("end")
                except (interop.Cannot, interop.Refused, AssertionError, OSError):
                    pass
                client.close()
        if not passed:
            print("--- the server's last lines:\n" + "\n".join(server.text().splitlines()[-30:]))
            return 1
    print(f"covered: interop_{name}: {who}: {passed} steps in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
