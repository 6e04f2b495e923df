#!/usr/bin/env python3
"""DuckDB's C library for tests and benchmarks: brought by npm, of the version that bench/peers/duckdb.json names, unless
it is there. Prints where it is.

  tests/support/duckdb.py"""
import hashlib
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import script  # noqa: E402  (the path above leads to it)
from script import ROOT  # noqa: E402

WANTED, FOLDER = ROOT / "bench" / "peers" / "duckdb.json", ROOT / "build" / "peers" / "duckdb"


def fetched():
    """The path of libduckdb.so, fetched where it is not there."""
    stamp, found = FOLDER / "stamp", FOLDER / "node_modules" / "@duckdb" / "node-bindings-linux-x64" / "libduckdb.so"
    digest = hashlib.sha256(WANTED.read_bytes()).hexdigest()
    if not found.exists() or not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        shutil.copy(WANTED, FOLDER / "package.json")
        script.quietly("npm", "install", "--prefix", str(FOLDER), "--no-audit", "--no-fund", "--no-package-lock")
        stamp.write_text(digest)
    return found


def main():
    script.help_wanted(__doc__)
    print(fetched())


if __name__ == "__main__":
    script.start("tests/support/duckdb.py", main)
