"""Clients of the subprotocol tdb.v1.json: what is said, and what subscriptions are told.

    speaker = Speaker(server)
    speaker.ask(id=1, op="ping")
    reader = Reader(server, "stream", credit=10)      rows of a stream
    watcher = Watcher(server, view="v", token=None)   a table that is the view's at every progress
"""
import json
from collections import Counter

from ws_client import CLOSE, PING, PONG, TEXT, Client, frame


class Speaker:
    """A client that says objects."""

    def __init__(self, server):
        self.client = Client(server.http)
        if self.client.status != 101:
            raise ConnectionRefusedError(f"HTTP status {self.client.status}")

    def say(self, **message):
        self.client.send(frame(TEXT, json.dumps(message).encode()))

    def hear(self):
        """The next message; None: the connection has ended, or is closed."""
        while (said := self.client.next()) is not None and said[0] == PING:
            self.client.send(frame(PONG, said[1]))
        if said is None or said[0] == CLOSE:
            return None
        assert said[0] == TEXT, said
        return json.loads(said[1])

    def ask(self, **message):
        """Say it, and the last message of the answer."""
        self.say(**message)
        while (said := self.hear())["ev"] == "rows":
            pass
        return said

    def append(self, stream, values, partition=None, key=None):
        more = ({} if partition is None else {"partition": partition}) | ({} if key is None else {"key": key})
        said = self.ask(id=0, op="append", stream=stream, events=[{"value": value} | more for value in values])
        assert said["ev"] == "ok" and said["failed"] == 0, said

    def end(self):
        self.client.end()


class Reader(Speaker):
    """A subscription of its own connection: what it was told."""

    def __init__(self, server, stream, ident=1, **more):
        super().__init__(server)
        self.ident, self.columns, self.rows, self.token, self.gaps, self.events = ident, None, [], None, [], []
        self.say(id=ident, op="subscribe", **({"stream": stream} if stream else {}), **more)

    def step(self):
        """Take a message; what it was."""
        said = self.hear()
        if said is None:
            return None
        assert said["id"] == self.ident, said
        self.events.append(said["ev"])
        if said["ev"] == "schema":
            self.columns = [column["name"] for column in said["columns"]]
        elif said["ev"] == "rows":
            assert self.columns is not None and said["rows"] and all(len(row) == len(self.columns) for row in said["rows"]), said
            self.rows += said["rows"]
        elif said["ev"] == "progress":
            self.token = said["token"]
        elif said["ev"] == "gap":
            self.gaps.append((said["partition"], said["from"], said["to"]))
        else:
            assert said["ev"] in ("ok", "error", "closed"), said
        return said

    def until(self, count):
        """Take messages up to the progress behind `count` rows."""
        while len(self.rows) < count or self.events[-1:] != ["progress"]:
            said = self.step()
            assert said is not None and said["ev"] not in ("error", "closed"), said
        assert len(self.rows) == count, (len(self.rows), count)
        return self.rows

    def column(self, name):
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


class Watcher(Speaker):
    """A subscription to a view of its own connection. Its table is a bag of rows; `state` (table, token, tick) is handed on from one
    life to the next."""

    def __init__(self, server, state=None, ident=1, **what):
        super().__init__(server)
        self.ident, self.is_anew = ident, False
        self.table, self.token, self.tick = state if state else (Counter(), None, (0, 0))
        self.ended = self.columns = self.key = self.resume = self.reason = None
        self.fresh = None      # the rows of a snapshot that is not at its end
        self.changes = []      # that wait for progress
        self.progress_count = self.changes_count = self.schemas = 0
        self.say(id=ident, op="subscribe", **what, **({"from": self.token} if self.token else {}))

    @property
    def state(self):
        """As of the last progress."""
        return self.table, self.token, self.tick

    def step(self):
        """Take a message; what it was, None: the connection has ended."""
        said = self.hear()
        if said is None:
            return None
        assert said["id"] == self.ident, said
        getattr(self, "_" + said["ev"])(said)
        return said

    def _ok(self, said):
        assert self.resume is None, said
        self.resume, self.reason = said["resume"], said.get("reason")

    def _schema(self, said):
        if "resume" in said:  # another incarnation: what had no progress counts for nothing
            assert self.columns is not None and said["resume"] == "snapshot", said
            self.resume, self.reason, self.changes = said["resume"], said["reason"], []
            self.schemas += 1
            self.is_anew = True  # it may be told its tick again
        self.columns, self.key = [column["name"] for column in said["columns"]], said.get("key")
        if self.resume == "snapshot":
            self.fresh = Counter()

    def _rows(self, said):
        assert said["rows"] and all(len(row) == len(self.columns) for row in said["rows"]), said
        self.fresh.update(json.dumps(row) for row in said["rows"])

    def _snapshot_end(self, _said):
        self.table, self.fresh, self.changes = self.fresh, None, []

    def _changes(self, said):
        assert said["changes"] and self.fresh is None, said
        self.changes += said["changes"]
        self.changes_count += len(said["changes"])

    def _progress(self, said):
        epoch, tick = said["position"].split(".")
        tick = (int(epoch, 16), int(tick))
        is_first = self.is_anew or (self.resume == "diff" and self.progress_count == 0)
        assert tick > self.tick or (is_first and tick == self.tick), (tick, self.tick)
        self.is_anew = False
        self._apply()
        self.tick, self.token = tick, said["token"]
        self.progress_count += 1

    def _apply(self):
        table = self.table
        if self.key is None:
            for sign, row in self.changes:
                assert sign in "+-"
                table[json.dumps(row)] += 1 if sign == "+" else -1
                assert table[json.dumps(row)] >= 0 or self.changes.count(["+", row]), ("less than none", row)
            self.table = +table
        elif self.changes:
            rows = {json.dumps([json.loads(row)[i] for i in self.key]): row for row in table}
            assert len(rows) == sum(table.values()), "two rows of a key"
            for what, row in self.changes:
                assert what in "ud" and len(row) == len(self.columns if what == "u" else self.key), (what, row)
                key = json.dumps([row[i] for i in self.key] if what == "u" else row)
                assert what == "u" or key in rows, ("no such key", row)
                rows.pop(key, None) if what == "d" else rows.update({key: json.dumps(row)})
            self.table = Counter(rows.values())
        self.changes = []

    def _error(self, said):
        self.ended = said

    _closed = _error

    def until(self, condition):
        """Take messages until `condition` of this holds at a progress."""
        while not (self.progress_count > 0 and condition(self)):
            said = self.step()
            assert said is not None and self.ended is None, said
            while said["ev"] != "progress":
                said = self.step()
                assert said is not None and self.ended is None, said
        return self

    def rows(self):
        """The table, sorted by its text."""
        return [json.loads(row) for row in sorted(self.table.elements())]
