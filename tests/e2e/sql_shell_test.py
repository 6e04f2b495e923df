#!/usr/bin/python3
"""tdb sql, tdb view and tdb errors as a person and a program run them, against a small server that answers what it is told (tests/support/
query_door.py), at last against the real one: what that answers is tests/sqllogic's to ask.

  sql_shell_test.py TDB
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from query_door import QueryDoor, answer, broken, problem  # noqa: E402  (the path above leads to them)
from serve import Server  # noqa: E402
from ws_door import WsDoor  # noqa: E402

TIMEOUT_SECONDS = 30
ITEMS = (["id:bigint", "name:text", "at:timestamp with time zone"],
         [[1, "anchor", "2024-03-01T10:00:00.500000Z"], [22, None, None], [3, 'a,"b"', "2024-03-01T00:00:00.000000Z"]])
ALIGNED = """\
 id |  name  |            at
----+--------+--------------------------
  1 | anchor | 2024-03-01 10:00:00.5+00
 22 |        |
  3 | a,"b"  | 2024-03-01 00:00:00+00
(3 rows)
"""
LONG = "SELECT count(*) FROM (VALUES\n" + ",\n".join(f"({i})" for i in range(40_000)) + ")"
ANSWERS = {
    LONG: answer(["count:bigint"], [[40_000]]),
    "SELECT 1": answer(["n:integer"], [[1]]),
    "SELECT * FROM items": answer(*ITEMS),
    "SELECT 'a;b'": answer(["t:text"], [["a;b"]]),
    "SELECT\n1": answer(["lines:integer"], [[2]]),
    "SELECT many": answer(["n:bigint", "t:text"], [[i, "x" * (i % 7)] for i in range(5_000)]),
    "SELECT dirty": answer(["n:integer"], [[None]], errors=3),
    "SELECT late": broken(["n:integer"], [[1], [2]], {"sqlstate": "22012", "detail": "division by zero"}),
    "SELECT lost": (200, "application/x-ndjson", [answer(*ITEMS)[2][0], None]),
    "SELECT slow": (200, "application/x-ndjson", [20, answer(["n:integer"], [[1]])[2][0]]),
    "SELECT nmae": problem(400, sqlstate="42703", detail='column "nmae" does not exist',
                           excerpt="LINE 1: SELECT nmae\n               ^\n", hint="Did you mean name?\x1b[31m"),
    "SELECT none": (404, "text/html", ["<h1>Not here</h1>"]),
    "SELECT garbage": (200, "application/x-ndjson", ["not JSON\n"]),
    "CREATE STREAM s (a TEXT) FROM TOPIC t FORMAT JSON": answer([], [], command="CREATE STREAM"),
    "SHOW STREAMS": answer(["name:text"], [["items"]]),
    "SHOW VIEWS": answer(["name:text", "key:jsonb"], [["totals", ["k"]]]),
    'SHOW CREATE MATERIALIZED VIEW "it""s"': answer(["statement:text"], [["CREATE MATERIALIZED VIEW ..."]]),
    'DESCRIBE "it""s"': answer(["name:text", "source:text"], [["k", "key"], ["n", ""]]),
    'EXPLAIN MATERIALIZED VIEW "it""s"': answer(["QUERY PLAN:text"], [["Materialized View it"]]),
    'SHOW CREATE MATERIALIZED VIEW "items"': problem(400, sqlstate="42809", detail='"items" is not a materialized view'),
    'DROP MATERIALIZED VIEW "a"': answer([], [], command="DROP MATERIALIZED VIEW"),
    'DROP MATERIALIZED VIEW "b"': problem(400, sqlstate="42P01", detail='materialized view "b" does not exist'),
    'DROP MATERIALIZED VIEW IF EXISTS "b"': answer([], [], command="DROP MATERIALIZED VIEW"),
    "DESCRIBE items": answer(["column:text"], [["id"]]),
    'SELECT stream, "partition", "offset", "column", code, path, excerpt FROM system.errors'
    ' ORDER BY stream, "partition", "offset", "column" LIMIT 100': answer(["stream:text", "offset:bigint"], [["s", 5]]),
    'SELECT stream, "partition", "offset", "column", code, path, excerpt FROM system.errors WHERE stream = \'it\'\'s\''
    ' ORDER BY stream, "partition", "offset", "column" LIMIT 3': answer(["stream:text", "offset:bigint"], [["it's", 7]]),
}


class Program:
    """How a command is run: a state directory and a home of its own."""

    def __init__(self, tdb, url, home):
        self.tdb, self.url = tdb, url
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm", "TDB_URL": url} | {
            name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}

    def run(self, *arguments, stdin="", status=0):
        """(stdout, stderr) of a run that ends with `status`."""
        done = subprocess.run([self.tdb, *arguments], input=stdin.encode(), capture_output=True, env=self.environment,
                              timeout=TIMEOUT_SECONDS, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == status, f"{arguments}: status {done.returncode}\n{out[-2000:]}\n{err[-2000:]}"
        return out, err


class Terminal:
    """tdb sql at a terminal."""

    def __init__(self, program, *arguments):
        self.seen, self.rest = "", ""
        child, self.fd = pty.fork()
        if child == 0:
            os.execve(program.tdb, [program.tdb, "sql", *arguments], program.environment)
        self.pid = child

    def expect(self, text):
        """Wait until `text` has come, and forget what stands before its end."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], f"{text!r} does not come:\n{self.seen!r}"
            self.read()
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def press(self, key, text):
        """Press a key until `text` comes: between two lines it is nobody's."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} does not come:\n{self.seen!r}"
            self.type(key)
            again = time.monotonic() + 1
            while text not in self.seen and select.select([self.fd], [], [], max(0, again - time.monotonic()))[0]:
                self.read()
        self.expect(text)

    def read(self):
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        assert data, f"it ended:\n{self.seen!r}"
        text = self.rest + data.decode(errors="replace")
        self.rest = re.search(r"(\r|\x1b(\[[0-9;?]*)?)?\Z", text)[0]  # what is read next belongs to it
        text = text[:len(text) - len(self.rest)]
        self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.replace("\r\n", "\n"))

    def end(self, typed):
        """Type the end, again while it is not read: Ctrl-D between two lines is nobody's."""
        said, deadline = self.seen.encode(), time.monotonic() + TIMEOUT_SECONDS
        is_open, is_again = True, False
        while termios.tcgetattr(self.fd)[3] & termios.ICANON and time.monotonic() < deadline - TIMEOUT_SECONDS + 1:
            time.sleep(0.001)  # the line is not edited yet
        while is_open:
            assert time.monotonic() < deadline, f"it does not end:\n{said.decode(errors='replace')}"
            try:
                self.type(typed if not is_again else "\n" + typed)
                is_again = True
                while is_open and select.select([self.fd], [], [], 1)[0]:
                    data = os.read(self.fd, 65536)
                    said, is_open = said + data, bool(data)
            except OSError:
                is_open = False
        os.close(self.fd)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        assert status == 0, f"status {status}\n{said.decode(errors='replace')}"


# --- Once ---

def statements_are_run_one_after_the_other(program, door):
    out, err = program.run("sql", "-c", "SELECT * FROM items; SELECT 'a;b';", "-c", "SELECT 1")
    assert out == ALIGNED + "  t\n-----\n a;b\n(1 row)\n n\n---\n 1\n(1 row)\n" and err == "", out
    assert [asked["path"] for asked in door.asked] == ["/api/v1/query"] * 3
    assert "application/x-ndjson" in door.asked[0]["accept"]


def rows_are_csv_or_json_for_programs(program, _):
    out, _ = program.run("sql", "--csv", "-c", "SELECT * FROM items")
    assert out == ('id,name,at\r\n1,anchor,2024-03-01 10:00:00.5+00\r\n22,,\r\n3,"a,""b""",2024-03-01 00:00:00+00\r\n'), out
    out, _ = program.run("sql", "--json", "-c", "SELECT * FROM items")
    assert out.splitlines()[0] == '{"id":1,"name":"anchor","at":"2024-03-01T10:00:00.500000Z"}', out
    assert out.splitlines()[1] == '{"id":22,"name":null,"at":null}', out
    out, _ = program.run("sql", "--expanded", "-c", "SELECT 1")
    assert out == "-[ RECORD 1 ]-\nn | 1\n", out


def statements_without_rows_say_what_was_done(program, _):
    statement = "CREATE STREAM s (a TEXT) FROM TOPIC t FORMAT JSON"
    assert program.run("sql", "-c", statement)[0] == "CREATE STREAM\n"
    assert program.run("sql", "--json", "-c", statement)[0] == ""


def a_script_comes_by_standard_input_and_ends_at_the_first_error(program, door):
    script = "-- a comment\n\nSELECT\n1\n;\nSELECT 'a;b'; SELECT nmae;\nSELECT 1;\n"
    out, err = program.run("sql", stdin=script, status=1)
    assert "lines" in out and "a;b" in out and " n\n" not in out, out
    assert err.startswith('ERROR 42703: column "nmae" does not exist\n'), err
    out, _ = program.run("sql", stdin="SELECT 1")  # without its semicolon
    assert out == " n\n---\n 1\n(1 row)\n"
    assert program.run("sql", stdin="\\d\n\\d items;\n;;\n")[0].count("(1 row)") == 3
    assert program.run("sql", stdin="")[0] == ""
    assert door.asked[-1]["sql"] == "DESCRIBE items"


def a_statement_may_have_many_lines(program, _):
    assert program.run("sql", stdin=LONG + "\n;")[0] == " count\n-------\n 40000\n(1 row)\n"


def what_is_not_utf8_is_not_asked(program, door):
    asked = len(door.asked)
    assert program.run("sql", "-c", b"SELECT '\xff'", status=1)[1] == "tdb: the statement is not UTF-8\n"
    assert len(door.asked) == asked


def an_error_is_told_with_its_place_and_what_to_do(program, _):
    out, err = program.run("sql", "-c", "SELECT nmae", status=1)
    assert out == ""
    assert err == ('ERROR 42703: column "nmae" does not exist\nLINE 1: SELECT nmae\n               ^\n'
                   "HINT: Did you mean name?\\u001b[31m\n"), err


def an_answer_that_breaks_is_never_taken_for_a_whole_one(program, _):
    out, err = program.run("sql", "-c", "SELECT late", status=1)
    assert out.endswith(" 1\n 2\n") and err == "ERROR 22012: division by zero\n", (out, err)
    assert "broke off" in program.run("sql", "-c", "SELECT lost", status=1)[1]
    assert "cannot be read" in program.run("sql", "-c", "SELECT garbage", status=1)[1]
    assert "HTTP status 404" in program.run("sql", "-c", "SELECT none", status=1)[1]


def values_that_did_not_fit_are_counted(program, _):
    assert program.run("sql", "-c", "SELECT dirty")[1] == "3 values or rows failed; 'tdb errors' lists them.\n"


def any_number_of_rows_goes_through(program, _):
    out, _ = program.run("sql", "-c", "SELECT many")
    assert out.count("\n") == 5_003 and out.endswith("(5000 rows)\n")
    assert program.run("sql", "--csv", "-c", "SELECT many")[0].count("\r\n") == 5_001


def a_server_that_is_not_there_is_named(program, _):
    _, err = program.run("sql", "--server", "127.0.0.1:1", "-c", "SELECT 1", status=1)
    assert err.startswith("tdb: cannot reach http://127.0.0.1:1:") and "--server URL, or TDB_URL" in err, err


def wrong_usage_is_refused(program, _):
    for arguments, said in ((["--csv", "--json"], "choose one"), (["-c"], "needs a statement"), (["x"], "one argument too many"),
                            (["--server", ""], "needs HOST:PORT"), (["--server", "ftp://x"], "no URL"), (["-X", "a=b"], "Kafka"),
                            (["--cvs"], "did you mean --csv"), (["--timeout", "soon"], "takes a duration")):
        out, err = program.run("sql", *arguments, status=2)
        assert out == "" and said in err, err
    for command in ("sql", "errors", "view list", "view describe", "view drop"):
        out, _ = program.run(*command.split(), "--help")
        assert out.startswith(f"tdb {command}: ") and "\nexamples:\n" in out and max(map(len, out.splitlines())) <= 80, out


def a_time_limit_is_the_servers_to_keep(program, door):
    program.run("sql", "--timeout", "1.5s", "-c", "SELECT 1")
    assert door.asked[-1]["timeout"] == "1500ms"
    program.run("sql", "-c", "SELECT 1")
    assert "timeout" not in door.asked[-1]


def errors_are_listed(program, _):
    assert program.run("errors")[0] == " stream | offset\n--------+--------\n s      |      5\n(1 row)\n"
    assert program.run("errors", "--stream", "it's", "--limit", "3", "--json")[0] == '{"stream":"it\'s","offset":7}\n'
    program.run("errors", "--limit", "x", status=2)
    assert "Queries and views\nfind them:" in program.run("errors", "--help")[0]


def views_are_listed_described_and_dropped(program, door):
    assert program.run("view", "list")[0] == "  name  |  key\n--------+-------\n totals | [\"k\"]\n(1 row)\n"
    assert program.run("view", "list", "--json")[0] == '{"name":"totals","key":["k"]}\n'
    assert program.run("view", "list", "--csv")[0] == 'name,key\r\ntotals,"[""k""]"\r\n'
    out, _ = program.run("view", "describe", 'it"s')
    assert out == ("-[ RECORD 1 ]---------\nstatement | CREATE MATERIALIZED VIEW ...\n\n name | source\n------+--------\n"
                   " k    | key\n n    |\n(2 rows)\n\n      QUERY PLAN\n----------------------\n Materialized View it\n(1 row)\n"), out
    out, _ = program.run("view", "describe", 'it"s', "--json")
    assert out.splitlines() == ['{"statement":"CREATE MATERIALIZED VIEW ..."}', '{"name":"k","source":"key"}', '{"name":"n","source":""}'], out
    out, err = program.run("view", "describe", "items", status=1)
    assert (out, err) == ("", 'ERROR 42809: "items" is not a materialized view\n'), (out, err)
    asked = len(door.asked)
    out, err = program.run("view", "drop", "a", "b", "a", status=1)
    assert out == "DROP MATERIALIZED VIEW\n" and 'view "b" does not exist' in err and len(door.asked) == asked + 2
    assert program.run("view", "drop", "b", "a", "--if-exists", status=1)[0] == "DROP MATERIALIZED VIEW\n"
    for arguments, said in ((["describe"], "NAME: is needed"), (["describe", "a", "b"], "one argument too many"), (["drop"], "NAME: is needed"),
                            (["list", "a"], "one argument too many"), (["list", "--csv", "--json"], "choose one"),
                            (["lst"], "did you mean 'list'?"), ([], "usage: tdb view COMMAND")):
        out, err = program.run("view", *arguments, status=2)
        assert out == "" and said in err, err


def a_statement_is_watched_until_a_signal(program, door):
    deadline, asked = time.monotonic() + TIMEOUT_SECONDS, len(door.asked)
    process = subprocess.Popen([program.tdb, "sql", "-c", "SELECT 1", "-c", "\\watch 0.05"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=program.environment)
    while len(door.asked) < asked + 4:
        assert time.monotonic() < deadline, "it is not asked again"
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    out = out.decode()
    assert err in (b"", b"tdb: canceled\n") and out.count("(1 row)") >= 3, (out, err)
    assert re.search(r"\n\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \(every 0\.05s\)\n\n n\n", out), out
    out, err = program.run("sql", "-c", "SELECT nmae", "-c", "\\watch", status=1)
    for argument in ("0", "-1", "soon", "1e9", "1h", "99999999"):
        _, err = program.run("sql", "-c", "SELECT 1", "-c", f"\\watch {argument}", status=1)
        assert err == "tdb: \\watch takes a number of seconds, as in \\watch 0.5\n", err
    assert "there was none" in program.run("sql", "-c", "\\watch 1", status=1)[1]


def a_signal_gives_a_query_up(program, door):
    asked = len(door.asked)
    process = subprocess.Popen([program.tdb, "sql", "-c", "SELECT slow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=program.environment)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while len(door.asked) == asked:
        assert time.monotonic() < deadline, "it is not asked"
        time.sleep(0.01)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 1 and err == b"tdb: canceled\n", (process.returncode, err)
    assert time.monotonic() - began < 10


# --- At a terminal ---

def a_person_types_statements(program, _):
    terminal = Terminal(program)
    terminal.expect("\\? for help")
    terminal.expect("tdb=> ")
    terminal.type("SELECT\n")
    terminal.expect("tdb-> ")
    terminal.type("1\n")
    terminal.expect("tdb-> ")
    terminal.type(";\n")
    terminal.expect("(1 row)")
    terminal.expect("tdb=> ")
    terminal.type("SELECT 'a\n")
    terminal.expect("tdb'> ")
    terminal.press("\x03", "tdb=> ")
    terminal.type("SELECT nmae;\n")
    terminal.expect("HINT: ")
    terminal.expect("tdb=> ")
    terminal.end("\x04")


def commands_of_the_shell_begin_with_a_backslash(program, door):
    terminal = Terminal(program)
    for typed, said in (("\\?", "how long each statement took"), ("\\timing", "Timing is on."), ("SELECT 1;", "Time: "),
                        ("\\timing", "Timing is off."), ("\\x", "Expanded display is on."), ("SELECT 1;", "-[ RECORD 1 ]"),
                        ("\\format json", "tdb=> "), ("SELECT 1;", '{"n":1}'), ("\\format", "takes aligned, csv or json"),
                        ("\\formt csv", "did you mean \\format?"), ("\\format csv", "tdb=> "), ("\\d items", "column"),
                        ("\\d", "items"), ("\\d", "totals")):
        terminal.expect("tdb=> ")
        terminal.type(typed + "\n")
        terminal.expect(typed.split("\n")[0])
        terminal.expect(said)
        if said == "tdb=> ":
            terminal.seen = said + terminal.seen
    assert [asked["sql"] for asked in door.asked[-2:]] == ["SHOW STREAMS", "SHOW VIEWS"]
    terminal.expect("tdb=> ")
    terminal.end("\\q\n")


def a_person_watches_and_goes_on(program, _):
    terminal = Terminal(program)
    terminal.expect("tdb=> ")
    terminal.type("SELECT 1;\n")
    terminal.expect("(1 row)")
    terminal.expect("tdb=> ")
    terminal.type("\\watch 0.05\n")
    for _ in range(3):
        terminal.expect("(every 0.05s)")
        terminal.expect("(1 row)")
    terminal.type("\x03")  # whether it is asking or resting
    terminal.expect("tdb=> ")
    terminal.type("SELECT 'a;b';\n")
    terminal.expect("(1 row)")
    terminal.expect("tdb=> ")
    terminal.end("\x04")


def a_person_subscribes_and_goes_on(program, door):
    told = [{"ev": "ok", "view": "v", "resume": "snapshot"}, {"ev": "schema", "columns": [{"name": "n", "type": "bigint"}], "key": [0]},
            {"ev": "rows", "rows": [[1]]}, {"ev": "snapshot_end"}, {"ev": "progress", "token": "t"}]
    with WsDoor([told, told]) as other:
        terminal = Terminal(Program(program.tdb, other.url, program.environment["HOME"]))
        for _ in range(2):
            terminal.expect("tdb=> ")
            terminal.type("SUBSCRIBE v;\n")
            terminal.expect("It is followed from now on; Ctrl-C ends that.")
            terminal.expect(" +  | 1\n")
            terminal.press("\x03", "--from-token t\n")
        terminal.expect("tdb=> ")
        terminal.end("\x04")
    assert "SUBSCRIBE NAME;" in program.run("sql", "-c", "\\?")[0] and not door.asked


def lines_are_remembered_for_the_next_time(program, door):
    history = Path(program.environment["HOME"]) / ".local/state/tdb/sql_history"
    history.unlink(missing_ok=True)
    terminal = Terminal(program)
    terminal.expect("tdb=> ")
    terminal.type("SELECT 'a;b';\n")
    terminal.expect("(1 row)")
    terminal.expect("tdb=> ")
    terminal.end("\x04")
    assert history.stat().st_mode & 0o777 == 0o600, oct(history.stat().st_mode)
    asked = len(door.asked)
    terminal = Terminal(program)
    terminal.expect("tdb=> ")
    terminal.type("\x1b[A\n")  # the line before
    terminal.expect("(1 row)")
    assert [a["sql"].strip() for a in door.asked[asked:]] == ["SELECT 'a;b';"]
    terminal.expect("tdb=> ")
    terminal.end("\x04")


def a_person_gives_a_query_up_and_goes_on(program, _):
    terminal = Terminal(program)
    terminal.expect("tdb=> ")
    terminal.type("SELECT slow;\n")
    terminal.expect("1 s, Ctrl-C to cancel")
    terminal.press("\x03", "tdb: canceled")
    terminal.expect("tdb=> ")
    terminal.type("SELECT 1;\n")
    terminal.expect("(1 row)")
    terminal.expect("tdb=> ")
    terminal.end("\x04")


# --- The real server ---

def a_real_server_is_asked(tdb):
    with tempfile.TemporaryDirectory(prefix="sql-shell-") as work:
        server = Server(tdb, work, http=True)
        try:
            server.start()
            program = Program(tdb, server.url, work)
            lines = "".join(f'{{"id":{i},"name":"n{i % 3}","n":{"5" if i % 10 else chr(34) + "five" + chr(34)}}}\n' for i in range(50))
            request = urllib.request.Request(f"{server.url}/api/v1/streams/events/events", lines.encode(),
                                             {"Content-Type": "application/x-ndjson"})
            assert urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).status == 200
            declare = "CREATE STREAM e (id BIGINT, name TEXT, n INTEGER) FROM TOPIC events FORMAT JSON"
            out, _ = program.run("sql", "-c", declare)
            assert out == "CREATE STREAM\n", out
            out, err = program.run("sql", "-c", "SELECT name, count(*), sum(n) FROM e GROUP BY name ORDER BY name")
            assert out == (" name | count | sum\n------+-------+-----\n n0   |    17 |  75\n n1   |    17 |  75\n n2   |    16 |  75\n"
                           "(3 rows)\n"), out
            assert err == "5 values or rows failed; 'tdb errors' lists them.\n", err
            out, _ = program.run("errors", "--stream", "e", "--csv")
            assert out.count("five") == 5 and out.startswith("stream,partition,offset,column,code,path,excerpt\r\n"), out
            out, err = program.run("sql", "-c", "SELECT nmae\nFROM e", status=1)
            assert err == ('ERROR 42703: column "nmae" does not exist\nLINE 1: SELECT nmae\n               ^\n'
                           'HINT: Did you mean name?\n'), err
            assert program.run("sql", "--csv", "-c", "SELECT id FROM e ORDER BY id DESC LIMIT 2")[0] == "id\r\n49\r\n48\r\n"
            assert "events" in program.run("sql", "-c", "\\d")[0]
            assert "bigint" in program.run("sql", "-c", "\\d e")[0]
            made = "CREATE MATERIALIZED VIEW totals AS SELECT name, count(*) FROM e GROUP BY name"
            held = "NOTICE: topic \"events\" keeps on disk all records from the view's origin on, also those that its retention lets go\n"
            assert program.run("sql", "-c", made) == ("CREATE MATERIALIZED VIEW\n", held)
            out, err = program.run("sql", "-c", "CREATE MATERIALIZED VIEW loose AS SELECT name, max(id) FROM events GROUP BY name")
            assert (out, err) == ("CREATE MATERIALIZED VIEW\n", held + "NOTICE: the view keeps to these types: CREATE STREAM events "
                                  "(id BIGINT, name TEXT) FROM TOPIC events FORMAT JSON\n"), err
            assert program.run("sql", "-c", "DROP MATERIALIZED VIEW loose")[0] == "DROP MATERIALIZED VIEW\n"
            out, _ = program.run("sql", "-c", "SELECT * FROM totals ORDER BY name", "--csv")
            assert out == "name,count\r\nn0,17\r\nn1,17\r\nn2,16\r\n", out
            assert "totals" in program.run("view", "list")[0] and "totals" in program.run("sql", "-c", "\\d")[0]
            out, _ = program.run("view", "describe", "totals")
            assert "FROM e GROUP BY name" in out and " count | bigint |" in out and " Materialized View totals" in out, out
            _, err = program.run("view", "describe", "total", status=1)
            assert "ERROR 42P01: " in err and "HINT: Did you mean totals?" in err, err
            assert program.run("view", "drop", "totals")[0] == "DROP MATERIALIZED VIEW\n"
            program.run("view", "drop", "totals", status=1)
            program.run("view", "drop", "totals", "--if-exists")
            server.stop()
        finally:
            server.close()
    print("ok: a_real_server_is_asked")


TESTS = [statements_are_run_one_after_the_other, rows_are_csv_or_json_for_programs, statements_without_rows_say_what_was_done,
         a_script_comes_by_standard_input_and_ends_at_the_first_error, a_statement_may_have_many_lines,
         what_is_not_utf8_is_not_asked, an_error_is_told_with_its_place_and_what_to_do,
         an_answer_that_breaks_is_never_taken_for_a_whole_one, values_that_did_not_fit_are_counted, any_number_of_rows_goes_through,
         a_server_that_is_not_there_is_named, wrong_usage_is_refused, a_time_limit_is_the_servers_to_keep, errors_are_listed,
         views_are_listed_described_and_dropped, a_statement_is_watched_until_a_signal, a_signal_gives_a_query_up, a_person_types_statements, commands_of_the_shell_begin_with_a_backslash,
         a_person_watches_and_goes_on, a_person_subscribes_and_goes_on, lines_are_remembered_for_the_next_time, a_person_gives_a_query_up_and_goes_on]


def main():
    for test in TESTS:
        with tempfile.TemporaryDirectory(prefix="sql-shell-") as home, QueryDoor(ANSWERS) as door:
            test(Program(sys.argv[1], door.url, home), door)
            print(f"ok: {test.__name__}", flush=True)
    a_real_server_is_asked(sys.argv[1])


if __name__ == "__main__":
    main()
