#!/usr/bin/python3
"""The answers that the README shows are what its commands answer, one after the other, of a server that has the earthquakes.

  readme_answers_test.py TDB REPOSITORY

In blocks that begin with "$ " a command goes on while a quote is open or its line ends with | or \\; what follows up to an empty line
is its answer. A command that shows none is run; kcat and curl are led to the server that is asked. Tokens differ from server to server.
"""
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from serve import Server  # noqa: E402  (the path above leads to it)

TIMEOUT_SECONDS = 60
FOLLOWS_SECONDS = 10  # until a view has what was appended


def commands(text):
    """(command, answer) of each, in order."""
    for block in re.findall(r"^```\n(\$ .*?)^```$", text, re.DOTALL | re.MULTILINE):
        lines = block.splitlines()
        while lines:
            command = lines.pop(0)
            assert command.startswith("$ "), command
            command = command[2:]
            while command.count('"') % 2 or command.endswith(("|", "\\")):
                command += "\n" + lines.pop(0)
            answer = []
            while lines and lines[0]:
                answer.append(lines.pop(0))
            while lines and not lines[0]:
                lines.pop(0)
            yield command, "\n".join(answer)


def without_tokens(text):
    return re.sub(r"--from-token [sv]1\.[0-9a-f.]+", "--from-token TOKEN", text)


def run(command, environment):
    return subprocess.run(["bash", "-c", command], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS, check=False).stdout.decode().rstrip("\n")


def check(server, text, environment):
    count = 0
    for command, wanted in commands(text):
        here = command.replace("127.0.0.1:9092", server.address).replace("localhost:8080", f"127.0.0.1:{server.http}")
        until = time.monotonic() + FOLLOWS_SECONDS
        answer = run(here, environment)
        while (without_tokens(answer) != without_tokens(wanted) and time.monotonic() < until
               and command.startswith(("tdb sql -c \"SELECT", "tdb view list", "timeout "))):
            time.sleep(0.05)
            answer = run(here, environment)
        assert without_tokens(answer) == without_tokens(wanted), f"README.md shows: {command}\n{wanted}\n\nit answers:\n{answer}"
        count += 1
    return count


def main():
    tdb, repository = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="tdb_readme_") as work:
        Path(work, ".curlrc").write_text("silent\nshow-error\n")
        server = Server(tdb, work, http=True)
        environment = os.environ | {"PATH": f"{tdb.parent}:{os.environ['PATH']}", "CURL_HOME": work}
        try:
            server.start()
            environment["TDB_URL"] = server.url
            quakes = (repository / "deploy/sample/earthquakes.jsonl").read_text().splitlines()
            subprocess.run(["kcat", "-b", server.address, "-P", "-t", "earthquakes"], input="\n".join(reversed(quakes)).encode(),
                           check=True, timeout=TIMEOUT_SECONDS)
            count = check(server, (repository / "README.md").read_text(), environment)
            server.stop()
        finally:
            server.close()
    assert count > 0
    print(f"covered: e2e_readme_answers: {count} answers")


if __name__ == "__main__":
    main()
