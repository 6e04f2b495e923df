"""PostgreSQL 15 as tests ask it: a private cluster, and connections to it over libpq.

    with Cluster() as cluster:
        answer = cluster.connect().ask("SELECT $1 + 1", ["41"])

A cluster (UTF8, LC_COLLATE C, LC_CTYPE C.UTF-8, TimeZone UTC) lives in a temporary directory, listens on a socket there and is gone
at the end. Needs Debian's postgresql-15, which brings libpq5."""
import ctypes
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")

# Types by number, in the words of the answers of our doors. A REAL or SMALLINT we have not.
TYPES = {16: "boolean", 20: "bigint", 23: "integer", 25: "text", 701: "double precision", 1043: "text", 1082: "date",
         1114: "timestamp without time zone", 1184: "timestamp with time zone", 1186: "interval", 1700: "numeric", 3802: "jsonb",
         705: "text"}


def is_there():
    """Whether it can be started here."""
    return (BIN / "postgres").exists()


class Cluster:
    """A server of one's own for as long as the `with` lasts."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="postgres-")
        self.user = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.dir, owner.pw_uid, owner.pw_gid)
            self.user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        self._run("initdb", "-D", self.dir + "/data", "-E", "UTF8", "--lc-collate=C", "--lc-ctype=C.UTF-8", "-A", "trust", "-U",
                  "postgres", "--no-sync")
        options = f"-c listen_addresses='' -k {self.dir} -c fsync=off -c TimeZone=UTC -c shared_buffers=16MB"
        self._run("pg_ctl", "-D", self.dir + "/data", "-w", "-l", self.dir + "/log", "-o", options, "start")
        return self

    def __exit__(self, *_):
        self._run("pg_ctl", "-D", self.dir + "/data", "-m", "immediate", "stop")
        shutil.rmtree(self.dir)

    def _run(self, *command):
        subprocess.run([BIN / command[0], *command[1:]], check=True, cwd=self.dir, stdout=subprocess.DEVNULL, **self.user)

    def connect(self, database="postgres"):
        """A Connection to one of its databases."""
        return Connection(f"host={self.dir} user=postgres dbname={database}")

    def psql(self, sql):
        """What psql writes for a script, unaligned."""
        return subprocess.run([BIN / "psql", "-h", self.dir, "-U", "postgres", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"],
                              input=sql.encode(), check=True, stdout=subprocess.PIPE).stdout.decode()


class Answer:
    """What a statement was answered: `state` "" and columns, types, rows of texts or None; or SQLSTATE, message and place (a
    character, from 1; 0: none)."""

    def __init__(self, state="", message="", place=0, columns=(), types=(), rows=()):
        self.state, self.message, self.place = state, message, place
        self.columns, self.types, self.rows = list(columns), list(types), list(rows)


class Connection:
    """One connection of libpq."""

    def __init__(self, conninfo):
        self.pq = ctypes.CDLL("libpq.so.5")
        for name in ("PQconnectdb", "PQexec", "PQexecParams"):
            getattr(self.pq, name).restype = ctypes.c_void_p
        for name in ("PQresultErrorField", "PQgetvalue", "PQerrorMessage", "PQfname"):
            getattr(self.pq, name).restype = ctypes.c_char_p
        self.pq.PQgetvalue.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
        self.conn = ctypes.c_void_p(self.pq.PQconnectdb(conninfo.encode()))
        if self.pq.PQstatus(self.conn) != 0:
            raise OSError(self.pq.PQerrorMessage(self.conn).decode())

    def close(self):
        self.pq.PQfinish(self.conn)

    def ask(self, sql, params=None):
        """The Answer to one statement; parameters, if any, are texts (or None) whose types follow from where they stand."""
        if params is None:
            return self._answer(self.pq.PQexec(self.conn, sql.encode()))
        values = (ctypes.c_char_p * len(params))(*(None if p is None else p.encode() for p in params))
        return self._answer(self.pq.PQexecParams(self.conn, sql.encode(), len(params), None, values, None, None, 0))

    def run(self, sql):
        """Statements that must go well; the rows of the last."""
        answer = self.ask(sql)
        if answer.state:
            raise ValueError(f"{sql}: {answer.state} {answer.message}")
        return answer.rows

    def _answer(self, result):
        result, pq = ctypes.c_void_p(result), self.pq
        state = (pq.PQresultErrorField(result, ord("C")) or b"").decode()
        if state:
            message = pq.PQresultErrorField(result, ord("M")).decode()
            answer = Answer(state, message, int(pq.PQresultErrorField(result, ord("P")) or 0))
        else:
            columns = range(pq.PQnfields(result))
            types = [pq.PQftype(result, c) for c in columns]
            rows = [[None if pq.PQgetisnull(result, r, c) else pq.PQgetvalue(result, r, c).decode() for c in columns]
                    for r in range(pq.PQntuples(result))]
            for c in columns:
                if types[c] == 16:
                    for row in rows:
                        row[c] = row[c] and {"t": "true", "f": "false"}[row[c]]
            answer = Answer("", "", 0, [pq.PQfname(result, c).decode() for c in columns],
                            [TYPES.get(t, f"type {t}") for t in types], rows)
        pq.PQclear(result)
        return answer
