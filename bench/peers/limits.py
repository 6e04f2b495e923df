"""A memory limit for a broker: a cgroup of its own below this process's, v2 or v1, the page cache counted; where none
can be made, RLIMIT_DATA, which does not count it. The Python twin of bench/micro/bench_limit.c."""
import os
import resource
import time
from pathlib import Path

WAYS = (  # name, what follows the number in /proc/self/cgroup, the mount, the limit's file
    ("a cgroup (v2)", "::", "/sys/fs/cgroup", "memory.max"),
    ("a cgroup (v1)", ":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
)


class Group:
    """A limit of `limit_bytes`; processes join it between fork and exec."""

    count = 0  # of groups made: each has a name of its own

    def __init__(self, limit_bytes):
        self.limit_bytes = limit_bytes
        self.folder = None
        self.way = "RLIMIT_DATA: page cache is not counted"
        Group.count += 1
        for name, line, mount, file in WAYS:
            own = _own(line, mount)
            if own and self._make(own / f"tdb-peer-{os.getpid()}-{Group.count}", file):
                self.way = name
                return

    def _make(self, folder, file):
        try:
            _write(folder.parent / "cgroup.subtree_control", "+memory")
        except OSError:
            pass  # v1 has none; in v2 it may be on already
        try:
            folder.mkdir()
        except OSError:
            return False
        try:
            _write(folder / file, str(self.limit_bytes))
            self._try(folder)
        except OSError:
            folder.rmdir()
            return False
        self.folder = folder
        return True

    @staticmethod
    def _try(folder):
        """A process can join: v2 refuses it where a group with processes has children with controllers."""
        child = os.fork()
        if child == 0:
            try:
                _write(folder / "cgroup.procs", "0")
                os._exit(0)
            except OSError:
                os._exit(1)
        if os.waitpid(child, 0)[1] != 0:
            raise OSError("nobody can join")

    def join(self):
        """Put the calling process under the limit."""
        if self.folder:
            _write(self.folder / "cgroup.procs", "0")
        else:
            resource.setrlimit(resource.RLIMIT_DATA, (self.limit_bytes, self.limit_bytes))

    def remove(self):
        """Remove it; its processes have ended."""
        for attempt in range(50):
            try:
                if self.folder:
                    self.folder.rmdir()
                self.folder = None
                return
            except OSError:
                if attempt == 49:
                    raise
                time.sleep(0.1)  # the kernel still takes the last process out of it


def _write(path, text):
    """Write to a file that is there: below a mount that is no cgroup after all, none must be made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _own(line, mount):
    """The folder of this process's group, if this process may write to it."""
    for entry in Path("/proc/self/cgroup").read_text().splitlines():
        at = entry.find(":")
        if entry[at:].startswith(line):
            folder = Path(mount + entry[at + len(line):].rstrip("/"))
            return folder if os.access(folder, os.W_OK) else None
    return None
